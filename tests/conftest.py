import matplotlib
import pytest
import torch

from vae_helpers import binarize, load_mnist

matplotlib.use("agg")


@pytest.fixture(scope="session")
def mnist():
    """The real training set, binarized, with labels."""
    images, labels = load_mnist()
    return binarize(images), labels


@pytest.fixture(autouse=True)
def _same_numbers_in_every_order():
    torch.manual_seed(0)
