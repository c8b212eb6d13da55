"""What the VAEs share: a diagonal Gaussian q(z|x), the prior N(0, I), a likelihood of pixels."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..arguments import check_choice, check_number
from ..losses import bernoulli_nll, gaussian_nll, kl_divergence


def check_sizes(name: str, widths: Sequence[int], latent_dim: int) -> None:
    """Raise unless the argument called `name` is a sequence of widths, and all are counts."""
    if isinstance(widths, int):
        raise TypeError(f"{name} must be a sequence, got {widths}: write ({widths},)")
    if any(not isinstance(n, int) or n < 1 for n in (*widths, latent_dim)):
        raise ValueError(
            f"{name} and latent_dim must be positive integers, got {widths} and {latent_dim}"
        )


def check_shape(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (channels, height, width) if it is that, or raise."""
    is_shape = isinstance(image_shape, Sequence) and len(image_shape) == 3
    if not is_shape or any(not isinstance(n, int) or n < 1 for n in image_shape):
        raise ValueError(
            f"image_shape must be (channels, height, width), such as (1, 28, 28), "
            f"got {image_shape!r}: for images (N, C, H, W) it is tuple(images.shape[1:])"
        )
    channels, height, width = image_shape
    return channels, height, width


class GaussianVAE(nn.Module):
    """Base of `VAE` and `ConvVAE`, which add the networks.

    Args:
        image_shape: (C, H, W).
        latent_dim: length of z.
        likelihood: of the pixels given z. "bernoulli": each is 1 with probability
            sigmoid(x_logits). "gaussian": each is normal around sigmoid(x_logits).
        pixel_std: standard deviation of the Gaussian, for all pixels the same; learned if None.

    Source: Kingma & Welling (2014); learned scale: Rybkin, Daniilidis & Levine (2021).
    """

    encoder: nn.Sequential
    mu_head: nn.Linear
    logvar_head: nn.Linear
    decoder: nn.Sequential

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        likelihood: str,
        pixel_std: float | None,
    ) -> None:
        super().__init__()
        self.image_shape, self.latent_dim = check_shape(image_shape), latent_dim
        check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.likelihood = likelihood
        if pixel_std is not None:
            check_number("pixel_std", pixel_std, lambda v: v > 0, "a number above 0, or None")
            if likelihood != "gaussian":
                raise ValueError(f"pixel_std={pixel_std} goes with likelihood='gaussian' only")
            self.register_buffer("fixed_pixel_std", torch.tensor(float(pixel_std)))
        elif likelihood == "gaussian":
            # A tenth of log(pixel_std), from 0.3 on: Adam moves a weight by about `lr` a step,
            # and the scale has a longer way to go than a weight has.
            self.tenth_of_log_std = nn.Parameter(torch.tensor(math.log(0.3) / 10))

    @property
    def pixel_std(self) -> Tensor | None:
        """Standard deviation of the Gaussian likelihood, a number; None for the Bernoulli one."""
        if self.likelihood != "gaussian":
            return None
        fixed = getattr(self, "fixed_pixel_std", None)
        return (10 * self.tenth_of_log_std).exp() if fixed is None else fixed

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and logvar of q(z|x), each (batch, latent_dim), for images (batch, C, H, W)."""
        h = self.encoder(x)
        return self.mu_head(h), self.logvar_head(h)

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """Draw z = mu + sigma * eps, eps ~ N(0, I), so that gradients reach mu and logvar."""
        eps = torch.randn_like(mu)
        return mu + torch.exp(0.5 * logvar) * eps

    def decode(self, z: Tensor) -> Tensor:
        """Map z (batch, latent_dim) to x_logits (batch, C, H, W)."""
        return self.decoder(z)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (x_logits, mu, logvar) for images (batch, C, H, W), with one random z each."""
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def reconstruction_nll(self, x_logits: Tensor, x: Tensor) -> Tensor:
        """-log p(x|z) under the model's likelihood, in nats, (batch,), from decoded logits."""
        std = self.pixel_std
        if std is None:
            return bernoulli_nll(x_logits, x)
        return gaussian_nll(x_logits.sigmoid(), x, std)

    def loss_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return each image's -log p(x|z) for one random z, and its KL, in nats; both (batch,)."""
        x_logits, mu, logvar = self(x)
        return self.reconstruction_nll(x_logits, x), kl_divergence(mu, logvar)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """Decode `n` draws from the prior; returns each pixel's mean, (n, C, H, W)."""
        z = torch.randn(n, self.latent_dim, device=self.mu_head.weight.device)
        return self.decode(z).sigmoid()
