"""What a VAE says of single images: scores that call one unusual."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from .arguments import check_images, check_model
from .losses import kl_divergence, reconstruction_nll
from .runtime import device_of, evaluating


class AnomalyScores(NamedTuple):
    """What a VAE says of images, each (N,), in nats; `neg_elbo` = `nll` + `kl`."""

    kl: Tensor
    nll: Tensor
    neg_elbo: Tensor


def encode_and_score(model: Any, x: Tensor) -> tuple[Tensor, AnomalyScores]:
    """Posterior means (N, latent_dim) and scores, on the CPU; no random numbers are used."""
    check_model(model)
    check_images("x", x, model)
    device = device_of(model)
    mus, kls, nlls = [], [], []
    with evaluating(model):
        for part in x.split(1000):
            part = part.to(device)
            mu, logvar = model.encode(part)
            mus.append(mu)
            kls.append(kl_divergence(mu, logvar))
            nlls.append(reconstruction_nll(model, model.decode(mu), part))
    mu, kl, nll = (torch.cat(values).cpu() for values in (mus, kls, nlls))
    return mu, AnomalyScores(kl, nll, nll + kl)


def anomaly_scores(model: Any, x: Tensor) -> AnomalyScores:
    """KL, reconstruction term at z = mu, and their sum, for each image.

    The reconstruction term is -log p(x|z) under the model's own likelihood.

    Args:
        model: a trained `VAE`, `ConvVAE` or alike.
        x: images (N, C, H, W) in [0, 1], of the kind that the model was trained on.

    Returns:
        `AnomalyScores` of three tensors (N,), in nats, on the CPU; larger means more unusual.

    Raises:
        TypeError, ValueError: if `x` is unusable.

    Source: An & Cho (2015); KL as a score: Lineberry (2020).
    """
    return encode_and_score(model, x)[1]
