"""Fully connected networks: the autoencoder, and the VAE of the same build."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..losses import squared_error
from .base import GaussianVAE, check_shape, check_sizes


def _hidden_layers(dims: Sequence[int]) -> list[nn.Module]:
    return [layer for a, b in pairwise(dims) for layer in (nn.Linear(a, b), nn.ReLU())]


def _decoder(
    image_shape: tuple[int, int, int], hidden_dims: Sequence[int], latent_dim: int
) -> nn.Sequential:
    dims = (latent_dim, *reversed(hidden_dims))
    return nn.Sequential(
        *_hidden_layers(dims),
        nn.Linear(dims[-1], math.prod(image_shape)),
        nn.Unflatten(1, image_shape),
    )


class Autoencoder(nn.Module):
    """Fully connected autoencoder: image -> code z -> image.

    Args:
        image_shape: (C, H, W).
        hidden_dims: widths of the encoder's hidden layers; the decoder mirrors them.
        latent_dim: length of the code.

    Raises:
        TypeError, ValueError: if an argument is unusable.

    Source: the set-up of Van de Kleut (2020) by default.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        hidden_dims: Sequence[int] = (512,),
        latent_dim: int = 2,
    ) -> None:
        super().__init__()
        check_sizes("hidden_dims", hidden_dims, latent_dim)
        self.image_shape, self.latent_dim = check_shape(image_shape), latent_dim
        down = (math.prod(self.image_shape), *hidden_dims)
        self.encoder = nn.Sequential(
            nn.Flatten(), *_hidden_layers(down), nn.Linear(down[-1], latent_dim)
        )
        self.decoder = _decoder(self.image_shape, hidden_dims, latent_dim)

    def encode(self, x: Tensor) -> Tensor:
        """Map images (batch, C, H, W) to codes z (batch, latent_dim)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Map codes (batch, latent_dim) to x_logits (batch, C, H, W)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (x_logits, z) for images (batch, C, H, W)."""
        z = self.encode(x)
        return self.decode(z), z

    def loss_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return each image's squared error, and zeros where a VAE has its KL; both (batch,)."""
        error = squared_error(self(x)[0].sigmoid(), x)
        return error, torch.zeros_like(error)


class VAE(GaussianVAE):
    """Fully connected variational autoencoder, ReLU, mirrored decoder.

    Args:
        image_shape: (C, H, W).
        hidden_dims: widths of the encoder's hidden layers; the decoder mirrors them.
        latent_dim: length of z.
        likelihood: of the pixels given z. "bernoulli" is made for binary pixels; grey or colour
            ones train, too, but their loss is then a cross-entropy and the -log p of no
            distribution. "gaussian" is a density for any pixels, its -log in nats and perhaps
            negative, with one standard deviation for all of them.
        pixel_std: that standard deviation, or None to learn it.

    Raises:
        TypeError, ValueError: if an argument is unusable.

    Source: Kingma & Welling (2014); sizes of Lineberry (2020) by default.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        hidden_dims: Sequence[int] = (400,),
        latent_dim: int = 20,
        *,
        likelihood: str = "bernoulli",
        pixel_std: float | None = None,
    ) -> None:
        check_sizes("hidden_dims", hidden_dims, latent_dim)
        super().__init__(image_shape, latent_dim, likelihood, pixel_std)
        down = (math.prod(self.image_shape), *hidden_dims)
        self.encoder = nn.Sequential(nn.Flatten(), *_hidden_layers(down))
        self.mu_head = nn.Linear(down[-1], latent_dim)
        self.logvar_head = nn.Linear(down[-1], latent_dim)
        self.decoder = _decoder(self.image_shape, hidden_dims, latent_dim)
