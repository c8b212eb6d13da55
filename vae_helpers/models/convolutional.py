"""The convolutional VAE, for images of any shape."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from .base import GaussianVAE, check_sizes


def _block(layer: nn.Module, channels: int) -> list[nn.Module]:
    return [layer, nn.BatchNorm2d(channels), nn.LeakyReLU(0.3)]


class ConvVAE(GaussianVAE):
    """Convolutional VAE; 96,849 trainable parameters with the defaults.

    Args:
        image_shape: (C, H, W), any, odd sizes included.
        channels: widths of the encoder's layers. The first keeps the size of the image, each other
            one halves it (rounded up); the decoder goes back the same way.
        latent_dim: length of z.
        likelihood: as in `VAE`: "bernoulli", or "gaussian" for grey and colour images.
        pixel_std: as in `VAE`: standard deviation of the Gaussian, or None to learn it.

    Raises:
        TypeError, ValueError: if an argument is unusable.

    Source: the architecture of Biagi (2023) by default, with a logits output.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        channels: Sequence[int] = (1, 32, 64),
        latent_dim: int = 2,
        *,
        likelihood: str = "bernoulli",
        pixel_std: float | None = None,
    ) -> None:
        check_sizes("channels", channels, latent_dim)
        if len(channels) < 2:
            raise ValueError(f"channels must have two widths or more, got {tuple(channels)}")
        super().__init__(image_shape, latent_dim, likelihood, pixel_std)
        colours, height, width = self.image_shape
        sizes = [(height, width)]
        down = _block(nn.Conv2d(colours, channels[0], 3, padding=1), channels[0])
        for a, b in pairwise(channels):
            down += _block(nn.Conv2d(a, b, 3, stride=2, padding=1), b)
            height, width = math.ceil(height / 2), math.ceil(width / 2)
            sizes.append((height, width))
        smallest = (channels[-1], *sizes.pop())
        self.encoder = nn.Sequential(*down, nn.Flatten())
        self.mu_head = nn.Linear(math.prod(smallest), latent_dim)
        self.logvar_head = nn.Linear(math.prod(smallest), latent_dim)
        up: list[nn.Module] = [
            nn.Linear(latent_dim, math.prod(smallest)), nn.Unflatten(1, smallest)
        ]  # fmt: skip
        widths = [channels[-1], *reversed(channels[1:])]
        for (a, b), size in zip(pairwise(widths), reversed(sizes), strict=True):
            up += _block(_doubling(a, b, size), b)
        self.decoder = nn.Sequential(*up, nn.ConvTranspose2d(widths[-1], colours, 3, padding=1))
        self.to(memory_format=torch.channels_last)  # faster on CPUs


def _doubling(a: int, b: int, size: tuple[int, int]) -> nn.ConvTranspose2d:
    """From `a` to `b` channels, and from half of `size` (rounded up) to `size`, odd or even."""
    extra = (1 - size[0] % 2, 1 - size[1] % 2)
    return nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=extra)
