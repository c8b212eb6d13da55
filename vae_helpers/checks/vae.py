"""Checks of the exercises of notebook 2; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..losses import bernoulli_nll as packaged_nll
from .comparing import normal
from .engine import Mistake, examine


def _posteriors() -> list[tuple[Tensor, Tensor]]:
    """Means and log-variances: several images, one, double precision, and very wide and narrow."""
    sizes = ((4, 3, 1), (1, 5, 1), (3, 3, 1), (5, 2, 7))
    drawn = [(normal(n, d, seed=n), k * normal(n, d, seed=n + 1)) for n, d, k in sizes]
    return [*drawn, (drawn[2][0].double(), drawn[2][1].double())]


def _logits_and_images() -> list[tuple[Tensor, Tensor]]:
    """Several images that are no square, one in double precision; then logits without measure."""
    cases = [
        (3 * normal(n, 1, h, w, seed=n), (normal(n, 1, h, w, seed=n + 1) > 0).float())
        for n, h, w in ((3, 4, 5), (1, 6, 2))
    ]
    cases.append((cases[1][0].double(), cases[1][1].double()))
    for size in (20.5, 217.5, 1234.5):
        large = size * torch.tensor([1.0, -1.0]).view(2, 1, 1, 1).expand(2, 1, 3, 2)
        cases += [(large, torch.zeros(2, 1, 3, 2)), (large, torch.ones(2, 1, 3, 2))]
    return cases


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

    examine(
        function, right, [(m, s, tau) for tau in (1.0, 2.0, 0.5) for m, s in _posteriors()],
        _kl_mistakes(right),
        "one term of every VAE's loss, and now you know where each constant comes from.",
        gradients=(0, 1),
    )  # fmt: skip


def reparameterize(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """`f(mu, logvar, eps)`: z with mean mu and variance exp(logvar), from standard noise eps."""

    def truth(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
        return mu + torch.exp(0.5 * logvar) * eps

    examine(
        function, truth, [(m, s, normal(*m.shape, seed=7)) for m, s in _posteriors()],
        [
            (lambda m, s, e: m + s.exp() * e, "exp(logvar) is the variance; noise needs its root"),
            (lambda m, s, e: m + s * e, "logvar is a logarithm: take exp(logvar / 2) for sigma"),
            (lambda m, s, e: m + e, "eps has variance 1: scale it by sigma"),
            (lambda m, s, e: m - (s / 2).exp() * e, "mu plus the noise, not minus"),
            (lambda m, s, e: m + 0.5 * s.exp() * e, "the half belongs into the exponent"),
            (lambda m, s, e: m + (s / 2).exp(), "where is eps?"),
            (lambda m, s, e: (m + e) * (s / 2).exp(), "scale the noise only, not mu"),
            (lambda m, s, e: m + (-s / 2).exp() * e, "a large logvar must give much noise"),
        ],
        "gradients reach mu and logvar because the chance is in eps alone.",
        gradients=(0, 1),
    )  # fmt: skip


def bernoulli_nll(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """`f(x_logits, x)`: -log p(x | z) per image, (N,), in nats, for logits of any size."""
    right = packaged_nll

    def at_large_logits(a: Tensor, x: Tensor) -> str:
        return "" if a.abs().max() < 15 else (
            "Right for ordinary logits. For large ones sigmoid is 0 or 1, and exp overflows. "
            "Clipping hides it: a black pixel with a logit of 200 costs 200 nats, and its gradient "
            "is 1. F.softplus has neither trouble."
        )  # fmt: skip

    examine(
        function, right, _logits_and_images(),
        [
            (lambda a, x: -right(a, x), "that is log p; the loss is its negative"),
            (lambda a, x: right(a, x) / x[0].numel(), "sum over the pixels, don't average"),
            (lambda a, x: right(a, x).mean(), "one value per image, not their mean"),
            (lambda a, x: right(a, x).sum(), "one value per image, not their sum"),
            (lambda a, x: right(a.sigmoid(), x), "a sigmoid too many: these are logits already"),
            (lambda a, x: right(-a, x), "0 and 1 are swapped: a large logit means a white pixel"),
            (lambda a, x: right(a, x) + 2 * (x * a).flatten(1).sum(1), "minus x * a, not plus"),
            (lambda a, x: right(a, 0 * x), "where is x? A white pixel costs less by its logit"),
            (lambda a, x: right(a, x) / math.log(2), "these are bits; one bit is log(2) nats"),
        ],
        "exact for any logit, where sigmoid and log in turn would break down.",
        otherwise=at_large_logits,
        gradients=(0,),
    )  # fmt: skip


def effective_beta(function: Callable[[int, int, float], float]) -> None:
    """`f(n_pixels, latent_dim, kl_weight)`: beta of mean-over-pixels + weight * mean-over-z."""
    examine(
        function, lambda n, d, w: w * n / d, [(784, 20, 1.0), (65, 3, 0.4), (4096, 7, 0.001)],
        [
            (
                lambda n, d, w: d / n,
                "that is the kl_weight for a beta of 1; wanted is the beta of this kl_weight",
            ),
            (lambda n, d, w: w * d / n, "upside down: scale the loss until the NLL is a sum again"),
            (lambda n, d, w: d / n / w, "upside down: scale the loss until the NLL is a sum again"),
            (lambda n, d, w: w * n, "the KL is averaged, too: over latent_dim"),
            (lambda n, d, w: n / d, "right for kl_weight = 1; where does the weight go?"),
            (lambda n, d, w: n / d / w, "a larger weight gives a larger beta: multiply"),
            (lambda n, d, w: w, "the two terms are divided by different numbers"),
            (lambda n, d, w: w / d, "multiply the whole loss by n_pixels and look at the KL"),
            (lambda n, d, w: w * n * d, "the KL is divided by latent_dim, not multiplied"),
        ],
        "a beta that nobody chose; at 39.2 the codes collapse, though each term looks right.",
    )  # fmt: skip
