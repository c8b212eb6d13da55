import lzma
import os
import runpy
from pathlib import Path

import hypothesis
import matplotlib
import pytest
import torch

from vae_helpers import binarize, data, load_mnist

matplotlib.use("agg")
# A first call may take seconds on a busy machine; no test asserts how long something takes.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# No test and no notebook may use the network: neither this process nor those that it starts.
NO_NETWORK = Path(__file__).parent / "no_network"
runpy.run_path(str(NO_NETWORK / "sitecustomize.py"))
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(NO_NETWORK), os.environ.get("PYTHONPATH")])
)


def write_raw_mnist(root: Path) -> None:
    """Write the shipped MNIST files to where torchvision wants to find them."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for path in data.DATASETS.glob("mnist-*.xz"):
        name = path.stem.removeprefix("mnist-")
        (folder / name).write_bytes(lzma.decompress(path.read_bytes()))


@pytest.fixture(scope="session")
def mnist():
    """The real training set, binarized, with labels."""
    images, labels = load_mnist()
    return binarize(images), labels


@pytest.fixture(autouse=True)
def _same_numbers_in_every_order():
    torch.manual_seed(0)
