"""The networks of the series. Decoders return logits; apply a sigmoid to look at a picture."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from .losses import bernoulli_nll, kl_divergence, squared_error


def _image_shape(data_dim: int) -> tuple[int, int, int]:
    side = math.isqrt(data_dim) if isinstance(data_dim, int) and data_dim > 0 else 0
    if not side or side * side != data_dim:
        raise ValueError(
            f"data_dim must be the number of pixels of a square image, such as 28 * 28 = 784, "
            f"got {data_dim!r}"
        )
    return 1, side, side


def _check_sizes(hidden_dims: Sequence[int], latent_dim: int) -> None:
    if isinstance(hidden_dims, int):
        raise TypeError(
            f"hidden_dims must be a sequence, got {hidden_dims}: write ({hidden_dims},)"
        )
    if any(not isinstance(n, int) or n < 1 for n in (*hidden_dims, latent_dim)):
        raise ValueError(
            f"hidden_dims and latent_dim must be positive integers, "
            f"got {hidden_dims} and {latent_dim}"
        )


def _hidden_layers(dims: Sequence[int]) -> list[nn.Module]:
    return [layer for a, b in pairwise(dims) for layer in (nn.Linear(a, b), nn.ReLU())]


class Autoencoder(nn.Module):
    """Fully connected autoencoder: image -> code z -> image.

    Args:
        data_dim: pixels an image, a square number.
        hidden_dims: widths of the encoder's hidden layers; the decoder mirrors them.
        latent_dim: length of the code.

    Source: the set-up of Van de Kleut (2020) by default.
    """

    def __init__(
        self, data_dim: int = 784, hidden_dims: Sequence[int] = (512,), latent_dim: int = 2
    ) -> None:
        super().__init__()
        _check_sizes(hidden_dims, latent_dim)
        self.image_shape, self.latent_dim = _image_shape(data_dim), latent_dim
        down, up = (data_dim, *hidden_dims), (latent_dim, *reversed(hidden_dims))
        self.encoder = nn.Sequential(
            nn.Flatten(), *_hidden_layers(down), nn.Linear(down[-1], latent_dim)
        )
        self.decoder = nn.Sequential(
            *_hidden_layers(up), nn.Linear(up[-1], data_dim), nn.Unflatten(1, self.image_shape)
        )

    def encode(self, x: Tensor) -> Tensor:
        """Map images (batch, 1, H, W) to codes z (batch, latent_dim)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Map codes (batch, latent_dim) to x_logits (batch, 1, H, W)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (x_logits, z) for images (batch, 1, H, W)."""
        z = self.encode(x)
        return self.decode(z), z

    def loss_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return each image's squared error, and zeros where a VAE has its KL; both (batch,)."""
        error = squared_error(self(x)[0].sigmoid(), x)
        return error, torch.zeros_like(error)


class _GaussianVAE(nn.Module):
    """What the VAEs share: a diagonal Gaussian q(z|x), the prior N(0, I), Bernoulli pixels."""

    image_shape: tuple[int, int, int]
    latent_dim: int
    encoder: nn.Sequential
    mu_head: nn.Linear
    logvar_head: nn.Linear
    decoder: nn.Sequential

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and logvar of q(z|x), each (batch, latent_dim), for images (batch, 1, H, W)."""
        h = self.encoder(x)
        return self.mu_head(h), self.logvar_head(h)

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """Draw z = mu + sigma * eps, eps ~ N(0, I), so that gradients reach mu and logvar."""
        eps = torch.randn_like(mu)
        return mu + torch.exp(0.5 * logvar) * eps

    def decode(self, z: Tensor) -> Tensor:
        """Map z (batch, latent_dim) to x_logits (batch, 1, H, W)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (x_logits, mu, logvar) for images (batch, 1, H, W), with one random z each."""
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return each image's -log p(x|z) for one random z, and its KL, in nats; both (batch,)."""
        x_logits, mu, logvar = self(x)
        return bernoulli_nll(x_logits, x), kl_divergence(mu, logvar)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """Decode `n` draws from the prior; returns pixel probabilities (n, 1, H, W)."""
        z = torch.randn(n, self.latent_dim, device=self.mu_head.weight.device)
        return self.decode(z).sigmoid()


class VAE(_GaussianVAE):
    """Fully connected variational autoencoder, ReLU, mirrored decoder.

    Args:
        data_dim: pixels an image, a square number.
        hidden_dims: widths of the encoder's hidden layers; the decoder mirrors them.
        latent_dim: length of z.

    Source: Kingma & Welling (2014); sizes of Lineberry (2020) by default.
    """

    def __init__(
        self, data_dim: int = 784, hidden_dims: Sequence[int] = (400,), latent_dim: int = 20
    ) -> None:
        super().__init__()
        _check_sizes(hidden_dims, latent_dim)
        self.image_shape, self.latent_dim = _image_shape(data_dim), latent_dim
        down, up = (data_dim, *hidden_dims), (latent_dim, *reversed(hidden_dims))
        self.encoder = nn.Sequential(nn.Flatten(), *_hidden_layers(down))
        self.mu_head = nn.Linear(down[-1], latent_dim)
        self.logvar_head = nn.Linear(down[-1], latent_dim)
        self.decoder = nn.Sequential(
            *_hidden_layers(up), nn.Linear(up[-1], data_dim), nn.Unflatten(1, self.image_shape)
        )


class ConvVAE(_GaussianVAE):
    """Convolutional VAE for 28x28 images; 96,849 trainable parameters at latent_dim=2.

    Args:
        latent_dim: length of z.

    Source: the architecture of Biagi (2023), with a logits output.
    """

    def __init__(self, latent_dim: int = 2) -> None:
        super().__init__()
        _check_sizes((), latent_dim)
        self.image_shape, self.latent_dim = (1, 28, 28), latent_dim

        def block(layer: nn.Module, channels: int) -> list[nn.Module]:
            return [layer, nn.BatchNorm2d(channels), nn.LeakyReLU(0.3)]

        self.encoder = nn.Sequential(
            *block(nn.Conv2d(1, 1, 3, padding=1), 1),
            *block(nn.Conv2d(1, 32, 3, stride=2, padding=1), 32),
            *block(nn.Conv2d(32, 64, 3, stride=2, padding=1), 64),
            nn.Flatten(),
        )
        self.mu_head = nn.Linear(64 * 7 * 7, latent_dim)
        self.logvar_head = nn.Linear(64 * 7 * 7, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 64 * 7 * 7),
            nn.Unflatten(1, (64, 7, 7)),
            *block(nn.ConvTranspose2d(64, 64, 3, stride=2, padding=1, output_padding=1), 64),
            *block(nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), 32),
            nn.ConvTranspose2d(32, 1, 3, padding=1),
        )
        self.to(memory_format=torch.channels_last)  # faster on CPUs
