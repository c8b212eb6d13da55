"""The raw files of MNIST, as torchvision wants to find them."""

import lzma
from pathlib import Path

from vae_helpers.data import DATASETS


def write_raw_mnist(root: Path) -> None:
    """Write the shipped MNIST files to where torchvision looks for them below `root`."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for path in DATASETS.glob("mnist-*.xz"):
        name = path.stem.removeprefix("mnist-")
        (folder / name).write_bytes(lzma.decompress(path.read_bytes()))
