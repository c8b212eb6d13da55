"""Real digits and small models for the checks of the challenges."""

from typing import Any

import torch
from torch import Tensor

from ..data import binarize, load_mnist
from ..models import VAE
from ..runtime import forked_rng


def digits(train: bool, n: int, without: int) -> tuple[Tensor, Tensor]:
    """Return the first n binarized images and labels of MNIST, less one digit."""
    images, labels = load_mnist(train=train)
    keep = (labels != without).nonzero().flatten()[:n]
    return binarize(images[keep]), labels[keep]


def small_vae(latent_dim: int, hidden: int = 64, cls: type[VAE] = VAE) -> Any:
    """Return a VAE with the same fresh weights each time."""
    with forked_rng(0, torch.device("cpu")):
        return cls((1, 28, 28), (hidden,), latent_dim)
