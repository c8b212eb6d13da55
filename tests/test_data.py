import hashlib
import lzma
import shutil

import numpy as np
import pytest
import torch
import torchvision
from raw_mnist import write_raw_mnist

from vae_helpers import (
    batches,
    binarize,
    data,
    load_fashion_sample,
    load_mnist,
    load_torchvision,
    load_uci_digits,
)


@pytest.fixture
def raw_mnist(tmp_path):
    write_raw_mnist(tmp_path)
    return tmp_path


@pytest.mark.parametrize("train", [True, False])
def test_mnist_equals_torchvisions_reading_of_the_raw_files(raw_mnist, train):
    theirs = torchvision.datasets.MNIST(raw_mnist, train=train, download=False)
    images, labels = load_mnist(train)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert images.shape == (60_000 if train else 10_000, 1, 28, 28)
    assert torch.equal((images[:, 0] * 255).round().byte(), theirs.data)
    assert torch.equal(images[:, 0], theirs.data.float() / 255)
    assert torch.equal(labels, theirs.targets)


def test_load_torchvision_opens_what_is_there_without_a_download(raw_mnist):
    images, labels = load_torchvision("MNIST", raw_mnist, train=False)
    ours = load_mnist(train=False)
    assert torch.equal(images, ours[0])
    assert torch.equal(labels, ours[1])


def test_load_torchvision_moves_colour_channels_first(monkeypatch, tmp_path):
    class Colour:
        def __init__(self, root, train, download):
            self.data = np.full((5, 4, 6, 3), 255, np.uint8)
            self.targets = [1, 2, 3, 4, 5]

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", Colour)
    images, labels = load_torchvision("CIFAR10", tmp_path)
    assert images.shape == (5, 3, 4, 6)
    assert images.eq(1).all()
    assert labels.tolist() == [1, 2, 3, 4, 5]
    assert labels.dtype == torch.int64


@pytest.mark.parametrize("train", [True, False])
def test_load_torchvision_passes_everything_on(monkeypatch, tmp_path, train):
    seen = {}

    class Letters:
        def __init__(self, root, **options):
            seen.update(options, root=root)
            self.data = torch.zeros(2, 4, 4, dtype=torch.uint8)
            self.targets = torch.tensor([1, 2], dtype=torch.int32)

    monkeypatch.setattr(torchvision.datasets, "EMNIST", Letters)
    part = {} if train else {"train": False}  # the training part unless told otherwise
    images, labels = load_torchvision("EMNIST", str(tmp_path), split="letters", **part)
    assert seen == {"root": tmp_path, "train": train, "download": True, "split": "letters"}
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize("name", ["mnist", "", "transforms", "FakeData"])
def test_load_torchvision_rejects_what_is_no_such_data_set(name, tmp_path):
    with pytest.raises(ValueError, match="name"):
        load_torchvision(name, tmp_path)


def test_shipped_files_are_the_published_ones():
    for name, md5 in data._MD5.items():
        raw = lzma.decompress((data.DATASETS / f"{name}.xz").read_bytes())
        assert hashlib.md5(raw).hexdigest() == md5


def test_fashion_sample():
    images, labels = load_fashion_sample()
    assert images.shape == (1000, 1, 28, 28)
    assert 0 <= images.min() < images.max() <= 1
    assert labels.unique().tolist() == list(range(10))


def test_uci_digits_are_split_once_and_for_all():
    train, train_labels = load_uci_digits(train=True)
    test, test_labels = load_uci_digits(train=False)
    assert train.shape == (1257, 1, 8, 8)
    assert test.shape == (540, 1, 8, 8)
    assert train.dtype == test.dtype == torch.float32
    assert train_labels.dtype == test_labels.dtype == torch.int64
    assert train_labels[:8].tolist() == [6, 4, 4, 3, 2, 7, 2, 2]
    assert test_labels[:8].tolist() == [1, 4, 5, 6, 9, 1, 2, 2]
    assert (train * 16).eq((train * 16).round()).all()
    assert train.max() == 1
    assert torch.equal(load_uci_digits()[0], train)
    share = torch.bincount(train_labels) / 1257 - torch.bincount(test_labels) / 540
    assert share.abs().max() < 0.01
    from sklearn.datasets import load_digits

    rows = {tuple(r) for r in load_digits().data}
    ours = {tuple(r) for r in (torch.cat([train, test]).flatten(1) * 16).int().tolist()}
    assert ours == rows


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


def _flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _swap(path):
    path.write_bytes(lzma.compress(b"\0\0\x08\x01\0\0\0\x01\x07"))


@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (lambda path: path.unlink(), FileNotFoundError, "missing"),
        (_truncate, ValueError, "damaged"),
        (_flip_a_bit, ValueError, "damaged"),
        (_swap, ValueError, "damaged.*MD5"),
    ],
)
@pytest.mark.parametrize("part", ["images-idx3", "labels-idx1"])
def test_damage_is_named_with_file_and_remedy(tmp_path, monkeypatch, harm, error, words, part):
    shutil.copytree(data.DATASETS, tmp_path / "datasets")
    monkeypatch.setattr(data, "DATASETS", tmp_path / "datasets")
    name = f"mnist-t10k-{part}-ubyte.xz"
    harm(tmp_path / "datasets" / name)
    with pytest.raises(error, match=f"{name}.*{words}.*git checkout"):
        load_mnist(train=False)


def test_binarize_rounds():
    x = torch.tensor([0.0, 127 / 255, 0.5, 128 / 255, 1.0])
    assert binarize(x).tolist() == [0, 0, 1, 1, 1]
    assert binarize(x).dtype == torch.float32
    assert x[1] == 127 / 255


@pytest.mark.parametrize("value", [-0.01, 1.01, 255.0, torch.nan])
def test_binarize_refuses(value):
    x = torch.tensor([0.2, value])
    with pytest.raises(ValueError, match=r"^images must .* in \[0, 1\]: divide .*, replace NaN$"):
        binarize(x)


def test_the_training_part_comes_unasked():
    assert len(load_mnist()[1]) == 60_000
    assert len(load_uci_digits()[1]) == 1257


def test_batches_in_order_and_shuffled():
    x, y = torch.arange(10), torch.arange(10) * 2
    got = list(batches(x, y, batch_size=4))
    assert [len(a) for a, _ in got] == [4, 4, 2]
    assert torch.equal(torch.cat([a for a, _ in got]), x)

    def order(seed):
        generator = torch.Generator().manual_seed(seed)
        parts = list(batches(x, y, batch_size=4, shuffle=True, generator=generator))
        assert all(torch.equal(2 * a, b) for a, b in parts)
        return torch.cat([a for a, _ in parts]).tolist()

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == x.tolist()
