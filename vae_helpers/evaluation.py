"""How good a trained model is: losses, a tighter likelihood bound, latent units in use."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .arguments import check_count, check_images, check_model
from .losses import reconstruction_nll
from .runtime import device_of, evaluating, forked_rng


class Evaluation(NamedTuple):
    """Means over images, in nats: loss = nll + beta * kl."""

    loss: float
    nll: float
    kl: float


def evaluate(
    model: Any, x: Tensor, *, beta: float = 1.0, batch_size: int = 1000, seed: int | None = 0
) -> Evaluation:
    """Mean loss, reconstruction term and KL over images, one z per image.

    Args:
        model: has `loss_terms(x)`.
        x: images (N, C, H, W) in [0, 1].
        beta: weight of the KL in `loss`.
        batch_size: images at a time.
        seed: of the noise in z; the caller's random state is left alone.

    Raises:
        TypeError, ValueError: if `x` or `batch_size` is unusable.
    """
    check_model(model)
    check_images("x", x, model)
    check_count("batch_size", batch_size)
    device = device_of(model)
    totals = torch.zeros(2, dtype=torch.float64)
    with evaluating(model), forked_rng(seed, device):
        for part in x.split(batch_size):
            terms = [term.sum().item() for term in model.loss_terms(part.to(device))]
            totals += torch.tensor(terms, dtype=torch.float64)
    nll, kl = (totals / len(x)).tolist()
    return Evaluation(nll + beta * kl, nll, kl)


def importance_weighted_nll(
    model: Any, x: Tensor, n_samples: int, *, seed: int | None = 0, max_rows: int | None = None
) -> Tensor:
    """Upper bound on -log p(x), in nats, one value per image; on average it falls with n_samples.

    -log of the mean over z_k ~ q(z|x) of the weights p(x|z_k) p(z_k) / q(z_k|x). One sample gives
    the negative ELBO (with its KL estimated, too); infinitely many give -log p(x).

    Args:
        model: `VAE`, `ConvVAE` or alike.
        x: images (N, C, H, W), binary ones if the model's likelihood is Bernoulli.
        n_samples: draws of z per image.
        seed: of the draws; the caller's random state is left alone.
        max_rows: images decoded at a time, which bounds the memory; by default as many as a
            processor's cache holds, or 20 times as many on a GPU.

    Returns:
        Shape (N,), on the CPU.

    Raises:
        TypeError, ValueError: if `x` or `n_samples` is unusable, or `x` is not binary but the
            model's likelihood is Bernoulli.

    Source: Burda, Grosse & Salakhutdinov (2016), eq. 8.
    """
    check_model(model)
    check_images("x", x, model)
    is_bernoulli = getattr(model, "likelihood", "bernoulli") == "bernoulli"
    if is_bernoulli and not ((x == 0) | (x == 1)).all():
        raise ValueError(
            "x holds grey values, which have no likelihood under Bernoulli pixels: round them with "
            "binarize(x) and train on such images, or make the model with likelihood='gaussian'"
        )
    check_count("n_samples", n_samples)
    device = device_of(model)
    if max_rows is None:
        max_rows = 1000 if device.type == "cpu" else 20_000
    rows = max(1, max_rows // min(n_samples, max_rows))
    bounds = []
    with evaluating(model), forked_rng(seed, device):
        for part in x.split(rows):
            part = part.to(device)
            mu, logvar = model.encode(part)
            log_sum = torch.full((len(part),), -math.inf)
            done = 0
            while done < n_samples:
                k = min(n_samples - done, max(1, max_rows // len(part)))
                # in double precision on the CPU, since Apple's GPUs have none
                log_w = _log_weights(model, part, mu, logvar, k).cpu().double()
                log_sum = torch.logaddexp(log_sum, log_w.logsumexp(dim=1))
                done += k
            bounds.append((math.log(n_samples) - log_sum).float())
    return torch.cat(bounds)


def _log_weights(model: Any, x: Tensor, mu: Tensor, logvar: Tensor, k: int) -> Tensor:
    """log p(x|z) + log p(z) - log q(z|x) for k draws of z per image, shape (batch, k)."""
    mu, logvar = mu.repeat_interleave(k, dim=0), logvar.repeat_interleave(k, dim=0)
    z = model.reparameterize(mu, logvar)
    eps_squared = (z - mu).square() / logvar.exp()
    log_ratio = 0.5 * (eps_squared + logvar - z.square()).sum(dim=1)  # the log(2 pi) cancel
    log_likelihood = -reconstruction_nll(model, model.decode(z), x.repeat_interleave(k, dim=0))
    return (log_likelihood + log_ratio).view(-1, k)


def active_units(model: Any, x: Tensor, threshold: float = 0.01) -> Tensor:
    """Which latent dimensions carry information: the variance of mu over images is above 0.01.

    Args:
        model: `VAE`, `ConvVAE` or alike.
        x: at least two images (N, C, H, W).
        threshold: in squared units of z.

    Returns:
        Boolean, shape (latent_dim,), on the CPU.

    Raises:
        TypeError, ValueError: if `x` is unusable.

    Source: Burda, Grosse & Salakhutdinov (2016), section 5.2.
    """
    check_model(model)
    check_images("x", x, model)
    if len(x) < 2:
        raise ValueError("x must hold at least two images: a variance needs them")
    device = device_of(model)
    with evaluating(model):
        means = [model.encode(part.to(device))[0] for part in x.split(1000)]
    return (torch.cat(means).var(dim=0) > threshold).cpu()
