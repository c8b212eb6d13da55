"""The terms of the objective: pure functions, in nats, one value per image."""

import math
from typing import Any

import torch
from torch import Tensor

from .arguments import check_number, check_tensor


def _require_a_pair(**tensors: Tensor) -> None:
    """No test looks at the numbers: that would make the host wait for a GPU in every step."""
    (first, a), (second, b) = tensors.items()
    check_tensor(first, a)
    check_tensor(second, b, like=(first, a))
    if a.dtype != b.dtype:
        raise TypeError(f"{first} is {a.dtype}, {second} {b.dtype}: use {second}.to({a.dtype})")
    if a.shape != b.shape:
        raise ValueError(
            f"{first} and {second} must have the same shape, "
            f"got {tuple(a.shape)} and {tuple(b.shape)}: reshape one of them first"
        )


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(z|x) || N(0, I)) of a diagonal Gaussian, in nats, one value per image.

    Args:
        mu: posterior mean, shape (batch, latent_dim).
        logvar: log of the posterior variance, same shape as `mu`.

    Returns:
        Shape (batch,).

    Raises:
        TypeError: if an argument is no floating-point tensor, or dtypes differ.
        ValueError: if shapes or devices differ.

    Source: Kingma & Welling (2014), Appendix B.
    """
    _require_a_pair(mu=mu, logvar=logvar)
    # expm1 keeps the digits that exp(logvar) - 1 would lose where the variance is close to 1.
    return 0.5 * (mu.square() + logvar.expm1() - logvar).sum(dim=1)


def bernoulli_nll(x_logits: Tensor, x: Tensor) -> Tensor:
    """-log p(x|z) of independent Bernoulli pixels, in nats, summed over each image's pixels.

    For grey values strictly between 0 and 1 it is the cross-entropy, which is not a likelihood.

    Args:
        x_logits: log-odds of each pixel being 1, shape (batch, ...).
        x: pixels in [0, 1], same shape.

    Returns:
        Shape (batch,).

    Raises:
        TypeError: if an argument is no floating-point tensor, or dtypes differ.
        ValueError: if shapes or devices differ.

    Source: Kingma & Welling (2014), Appendix C.1.
    """
    _require_a_pair(x_logits=x_logits, x=x)
    # max(a, 0) - x a + log(1 + e^-|a|). Written (a + |a|) / 2, the maximum has the slope 1/2 at
    # a = 0, so that the whole has sigmoid(a) - x there, too. And log(1 + ...), not log1p(...),
    # which is up to 13 times as slow on some processors; it costs a pixel 1e-7 nats at most.
    magnitude = x_logits.abs()
    nll = (0.5 - x) * x_logits + 0.5 * magnitude + (1 + (-magnitude).exp()).log()
    return nll.flatten(1).sum(dim=1)


def gaussian_nll(recon_x: Tensor, x: Tensor, pixel_std: Tensor | float) -> Tensor:
    """-log p(x|z) of independent normal pixels, in nats, summed over each image's pixels.

    It is a -log density, with every constant: below zero where the density is above one.

    Args:
        recon_x: mean of each pixel, shape (batch, ...).
        x: pixels, same shape.
        pixel_std: standard deviation of all pixels, above 0: a float, or a tensor with one number.

    Returns:
        Shape (batch,).

    Raises:
        TypeError: if an argument is no floating-point tensor, or dtypes differ.
        ValueError: if shapes or devices differ, or `pixel_std` is a number but not above 0.
    """
    _require_a_pair(recon_x=recon_x, x=x)
    if isinstance(pixel_std, Tensor):
        check_tensor("pixel_std", pixel_std)
        if pixel_std.numel() != 1:
            raise ValueError(f"pixel_std must be one number, got shape {tuple(pixel_std.shape)}")
    else:
        check_number("pixel_std", pixel_std, lambda v: v > 0, "a number above 0")
    std = torch.as_tensor(pixel_std, dtype=recon_x.dtype, device=recon_x.device).reshape(())
    n_pixels = math.prod(x.shape[1:])
    constant = n_pixels * (std.log() + 0.5 * math.log(2 * math.pi))
    return squared_error(recon_x, x) / (2 * std.square()) + constant


def squared_error(recon_x: Tensor, x: Tensor) -> Tensor:
    """Sum of squared pixel differences, one value per image.

    Args:
        recon_x: reconstructed pixels, shape (batch, ...).
        x: pixels, same shape.

    Returns:
        Shape (batch,).

    Raises:
        TypeError: if an argument is no floating-point tensor, or dtypes differ.
        ValueError: if shapes or devices differ.
    """
    _require_a_pair(recon_x=recon_x, x=x)
    return (recon_x - x).square().flatten(1).sum(dim=1)


def reconstruction_nll(model: Any, x_logits: Tensor, x: Tensor) -> Tensor:
    """-log p(x|z) under the model's own likelihood; Bernoulli pixels where it names none."""
    own = getattr(model, "reconstruction_nll", bernoulli_nll)
    return own(x_logits, x)


def negative_elbo(
    x_logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0
) -> Tensor:
    """One-sample estimate of -ELBO = E_q[-log p(x|z)] + beta * KL(q(z|x) || p(z)), per image.

    Args:
        x_logits: decoder output for one z drawn from q(z|x), shape (batch, ...).
        x: the images, same shape as `x_logits`.
        mu: posterior mean, shape (batch, latent_dim).
        logvar: log of the posterior variance, same shape as `mu`.
        beta: weight of the KL term; 1 gives the bound on -log p(x).

    Returns:
        Shape (batch,), in nats.

    Raises:
        TypeError: if an argument is no floating-point tensor, or dtypes differ.
        ValueError: if shapes or devices of a pair differ.

    Source: Kingma & Welling (2014), eq. 10; beta: Higgins et al. (2017).
    """
    return bernoulli_nll(x_logits, x) + beta * kl_divergence(mu, logvar)
