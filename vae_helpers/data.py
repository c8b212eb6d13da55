"""Image data sets as tensors in memory: float32 images (N, 1, H, W) in [0, 1], int64 labels (N,).

The MNIST and Fashion-MNIST files ship with the package (see datasets/README.md), so nothing is
downloaded unless `load_torchvision` is asked to.
"""

import hashlib
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
)

from .arguments import check_tensor

DATASETS = Path(__file__).parent / "datasets"

# MD5 of each file's uncompressed content: the published idx files of MNIST; for Fashion-MNIST,
# the first 1,000 test images.
_MD5 = {
    "mnist-train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "mnist-train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "mnist-t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "mnist-t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    "fashion-mnist-t10k-first-1000-images-idx3-ubyte": "8a1b719f9f0735f54c6f9ef07f01fe5c",
    "fashion-mnist-t10k-first-1000-labels-idx1-ubyte": "e27076c4666f2f7b7b7ba19675567282",
}
_REMEDY = "restore it with `git checkout -- vae_helpers/datasets` or install the package again"


def _read_idx(name: str) -> np.ndarray:
    """Decompress, verify and parse one shipped idx file (header: type, rank, big-endian sizes)."""
    path = DATASETS / f"{name}.xz"
    try:
        raw = lzma.decompress(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"data file {path} is missing: {_REMEDY}") from None
    except lzma.LZMAError as error:
        raise ValueError(f"data file {path} is damaged ({error}): {_REMEDY}") from None
    found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    if found != _MD5[name]:
        raise ValueError(
            f"data file {path} is damaged (MD5 of its content {found}, "
            f"expected {_MD5[name]}): {_REMEDY}"
        )
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", count=rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _load_idx(stem: str) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(_read_idx(f"{stem}-images-idx3-ubyte").astype(np.float32))
    labels = torch.from_numpy(_read_idx(f"{stem}-labels-idx1-ubyte").astype(np.int64))
    return images.unsqueeze(1).div_(255), labels


def load_mnist(train: bool = True) -> tuple[Tensor, Tensor]:
    """MNIST: 60,000 training or 10,000 test digits, 28x28, grey values in [0, 1].

    Returns:
        images (N, 1, 28, 28) float32 and labels (N,) int64.

    Raises:
        FileNotFoundError: if a data file is missing.
        ValueError: if a data file is damaged.

    Source: LeCun, Cortes & Burges; CC BY-SA 3.0.
    """
    return _load_idx("mnist-train" if train else "mnist-t10k")


def load_fashion_sample() -> tuple[Tensor, Tensor]:
    """Load the first 1,000 Fashion-MNIST test images, 28x28; errors as in `load_mnist`.

    Returns:
        images (1000, 1, 28, 28) float32 and labels (1000,) int64.

    Source: Xiao, Rasul & Vollgraf (2017); MIT licence.
    """
    return _load_idx("fashion-mnist-t10k-first-1000")


def load_uci_digits(train: bool = True) -> tuple[Tensor, Tensor]:
    """UCI optical digits as scikit-learn ships them: 8x8 pixels 0 to 16, divided by 16.

    The 1,797 digits are split once and for all, stratified by digit: 1,257 to train, 540 to test.

    Returns:
        images (N, 1, 8, 8) float32 and labels (N,) int64.

    Source: Alpaydin & Kaynak (1998), UCI Machine Learning Repository.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    rows_train, rows_test = train_test_split(
        np.arange(len(digits.target)), test_size=540, stratify=digits.target, random_state=0
    )
    rows = rows_train if train else rows_test
    images = torch.from_numpy(digits.images[rows].astype(np.float32) / 16)
    return images.unsqueeze(1), torch.from_numpy(digits.target[rows].astype(np.int64))


def load_torchvision(
    name: str, root: str | Path, train: bool = True, **options: Any
) -> tuple[Tensor, Tensor]:
    """Any MNIST-like torchvision data set, downloaded to `root` if it is not there yet.

    Args:
        name: class name in `torchvision.datasets`, such as "KMNIST" or "FashionMNIST".
        root: folder for the downloaded files.
        train: the training or the test part.
        **options: passed on, such as split="letters" for "EMNIST".

    Returns:
        images (N, C, H, W) float32 in [0, 1] and labels (N,) int64.

    Raises:
        ValueError: if `name` is no data set of that kind.
    """
    import torchvision.datasets as library

    if name not in library.__all__:
        raise ValueError(f"name must be a class in torchvision.datasets, got {name!r}")
    try:
        dataset = getattr(library, name)(Path(root), train=train, download=True, **options)
        pixels, targets = dataset.data, dataset.targets
    except (TypeError, AttributeError) as error:
        raise ValueError(f"name={name!r} is not like MNIST ({error}); try 'KMNIST'") from error
    images = torch.as_tensor(pixels)
    images = images.unsqueeze(1) if images.ndim == 3 else images.movedim(-1, 1)
    return images.float().div(255), torch.as_tensor(targets, dtype=torch.int64)


def binarize(images: Tensor) -> Tensor:
    """Round grey values to 0.0 or 1.0; one half becomes 1.

    Args:
        images: any shape, in [0, 1].

    Returns:
        Same shape and dtype.

    Raises:
        TypeError: if `images` is no floating-point tensor.
        ValueError: if values are NaN or outside [0, 1], such as bytes.
    """
    check_tensor("images", images)
    if not ((images >= 0) & (images <= 1)).all():  # False for NaN, too
        raise ValueError("images must hold numbers in [0, 1]: divide bytes by 255, replace NaN")
    return (images >= 0.5).to(images.dtype)


def batches(
    *tensors: Tensor,
    batch_size: int,
    shuffle: bool = False,
    generator: torch.Generator | None = None,
) -> DataLoader[Any]:
    """Loader over tensors of equal length: yields lists of slices of up to `batch_size` rows.

    Whole batches are indexed at once, which is what makes it fast: fetching 60,000 MNIST images
    one at a time takes seconds an epoch, this under a tenth of one.

    Args:
        *tensors: one or more tensors with the same first dimension.
        batch_size: rows a batch; the last one may be shorter.
        shuffle: draw a new random order each time the loader is iterated.
        generator: source of that order; PyTorch's global one if None.
    """
    data = TensorDataset(*tensors)
    order = RandomSampler(data, generator=generator) if shuffle else SequentialSampler(data)
    return DataLoader(
        data, sampler=BatchSampler(order, batch_size, drop_last=False), batch_size=None
    )
