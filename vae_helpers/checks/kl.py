"""The check of the KL by hand; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .comparing import normal
from .engine import examine
from .known_mistakes import Mistake


def _posteriors() -> list[tuple[Tensor, Tensor]]:
    """Means and log-variances: several images, one, double precision, very wide, very narrow."""
    sizes = ((4, 3, 1), (1, 5, 1), (3, 3, 1), (5, 2, 7), (130, 24, 1))
    drawn = [(normal(n, d, seed=n), k * normal(n, d, seed=n + 1)) for n, d, k in sizes]
    prior = torch.zeros(2, 3)  # with tau = 1 a KL of 0
    mu, logvar = (v.double() for v in drawn[2])
    return [*drawn, (mu, logvar), (40 * mu, 15 * logvar), (prior, prior)]


def _kl(m: Tensor, s: Tensor, tau: float) -> Tensor:
    """KL of each dimension of N(m, exp(s)) from N(0, tau^2)."""
    return 0.5 * ((m**2 + s.exp()) / tau**2 - 1 - s + 2 * math.log(tau))


def _kl_mistakes(right: Callable[[Tensor, Tensor, float], Tensor]) -> list[Mistake]:
    return [
        (lambda m, s, t: -right(m, s, t), "the sign is the wrong way round: a KL is never < 0"),
        (lambda m, s, t: 2 * right(m, s, t), "twice the KL: each dimension has a half"),
        (lambda m, s, t: _kl(m, s, t).mean(1), "nats add up: sum over dimensions, no mean"),
        (lambda m, s, t: right(m, s, t).sum(), "one value per image: sum over dim=1 only"),
        (lambda m, s, t: right(m, s, t).mean(), "one value per image, not their mean"),
        (lambda m, s, t: _kl(m, s, t).sum(0), "sum over the latent dimensions, dim=1"),
        (lambda m, s, t: right(m, 2 * s, t), "logvar is log(sigma^2), not log(sigma)"),
        (lambda m, s, t: (_kl(m, s, t) + 0.5).sum(1), "it must be 0 at q = prior: the -1"),
        (lambda m, s, t: right(m, s, t) + 0.5 * ((m**2 + s.exp()) / t**2).sum(1),
         "mu^2 and sigma^2 lack their halves, as in mistake 3 of the notebook"),
        (
            lambda m, s, t: (s.exp() + m**2 - s / 2 - 0.5).sum(1),
            "each term lacks its half; but for 0.5 * log 2 a dimension, that is the KL to "
            "another prior, N(0, 1/2)",
        ),
        (lambda m, s, t: right(m, s, 1), "right for tau = 1; where does the prior's width go?"),
        (
            lambda m, s, t: right(m, s, t) + 0.5 * ((m**2 + s.exp()) * (1 / t - t**-2)).sum(1),
            "divide by the prior's variance, tau^2, not by tau",
        ),
        (
            lambda m, s, t: right(m, s, t) + 0.5 * (m**2 * (1 - t**-2)).sum(1),
            "mu^2 is divided by tau^2 as well",
        ),
        (
            lambda m, s, t: right(m, s, t) - 2 * m.shape[1] * math.log(t),
            "plus log(tau), not minus: a wide prior has a low density",
        ),
        (
            lambda m, s, t: right(m, s, t) - (m.shape[1] - 1) * math.log(t),
            "log(tau) once for each dimension: inside the sum",
        ),
        (
            lambda m, s, t: right(m, s, t) - m.shape[1] * math.log(t) / 2,
            "half of log(tau) is missing: log(tau^2) / 2 is log(tau)",
        ),
        (lambda m, s, t: right(m, s, t**0.5), "tau is the prior's sigma, not its variance"),
        (
            lambda m, s, t: right(m, s, t) + 0.5 * (s.exp() * (1 - t**-2)).sum(1),
            "sigma^2 is divided by tau^2 as well",
        ),
        (
            lambda m, s, t: right(m, s, t) - 0.5 * (m**2).sum(1) / t**2,
            "E[z^2] is mu^2 + sigma^2: where is mu^2?",
        ),
        (lambda m, s, t: right(m, s, t) - 0.5 * s.sum(1), "log(sigma) is half of logvar"),
        (
            lambda m, s, t: right(m, s, t) + m.shape[1] * math.log(t),
            "log(tau) once a dimension; 2 log(tau) is log(tau^2), which has a half before it",
        ),
        (
            lambda m, s, t: right(m, s, t) - m.shape[1] * math.log(t),
            "off by exactly log(tau) per dimension: a wide prior has a low density",
        ),
        (
            lambda m, s, t: 0.5 * ((m**2 + t**2) / s.exp() - 1 + s - 2 * math.log(t)).sum(1),
            "that is the other direction; KL(q || p) and KL(p || q) differ",
        ),
    ]  # fmt: skip


def kl_by_hand(function: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """`f(mu, logvar, tau)`: KL(q || N(0, tau^2 I)) per image, (N,), in nats."""

    def right(m: Tensor, s: Tensor, tau: float) -> Tensor:
        return _kl(m, s, tau).sum(1)

    taus = (1.0, 2.0, 0.5, 0.7, 3, 1.37, 0.02, 50.0)
    examine(
        function, right, [(m, s, tau) for tau in taus for m, s in _posteriors()],
        _kl_mistakes(right),
        "one term of every VAE's loss, and now you know where each constant comes from.",
        gradients=(0, 1),
    )  # fmt: skip
