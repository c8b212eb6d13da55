"""The check of noise that is not Gaussian; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .comparing import normal
from .engine import examine
from .known_mistakes import Mistake


def _logistics() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Locations, log-scales and uniform noise; the last two, in double precision, far out."""
    cases = [
        (normal(n, d, seed=n), k * normal(n, d, seed=n + 1), torch.special.ndtr(normal(n, d)))
        for n, d, k in ((4, 3, 1.0), (1, 5, 1.0), (3, 3, 1.0), (40, 2, 0.3), (130, 24, 1.0))
    ]
    cases.append((cases[0][0], cases[0][1], 1 - cases[0][2] / 2))  # the same shapes, other noise
    mu, log_scale, u = (v.double() for v in cases[2])
    ends = torch.tensor([[1e-6, 0.2], [1 - 1e-6, 0.9], [1e-7, 1 - 1e-7]], dtype=torch.float64)
    rare = torch.tensor([[1e-12, 0.2], [1 - 1e-12, 0.9], [1e-9, 1 - 1e-9]], dtype=torch.float64)
    return [
        *cases, (100 * mu, 7 * log_scale, u), (mu[:, :2], log_scale[:, 1:], ends),
        (mu[:, :2], log_scale[:, 1:], rare), (0 * mu, log_scale - 12, u),  # narrow around zero
    ]  # fmt: skip


def _z(mu: Tensor, log_scale: Tensor, u: Tensor) -> Tensor:
    return mu + log_scale.exp() * torch.logit(u)


def _mistakes() -> list[Mistake]:
    def laplace(u: Tensor) -> Tensor:
        return -(u - 0.5).sign() * (1 - 2 * (u - 0.5).abs()).log()

    def instead(noise: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
        return lambda m, s, u: m + s.exp() * noise(u)

    return [
        (
            lambda m, s, u: _z(m, s / 2, u),
            "the half belongs to a log-variance; log_scale is log(s) already: exp(log_scale)",
        ),
        (
            lambda m, s, u: m + s * torch.logit(u),
            "log_scale is a logarithm: the scale is exp(log_scale)",
        ),
        (lambda m, s, u: _z(m, 0 * s, u), "where is the scale?"),
        (lambda m, s, u: _z(m, -s, u), "a large log_scale must give much noise: multiply by s"),
        (lambda m, s, u: _z(m, 2 * s, u), "once by the scale, not by its square"),
        (
            lambda m, s, u: _z(m, s, 1 - u),
            "the same distribution, as the logistic is symmetric; but its inverse CDF rises with "
            "u: log(u) - log(1 - u), and this falls",
        ),
        (
            instead(lambda u: u),
            "u is uniform: added as it is, it gives no logistic distribution; solve F(z) = u for z",
        ),
        (instead(lambda u: u - 0.5), "centred, but still uniform: solve F(z) = u for z"),
        (
            instead(torch.special.ndtri),
            "that is the inverse CDF of the Gaussian; here F is a sigmoid",
        ),
        (instead(torch.sigmoid), "sigmoid is in F itself; solve F(z) = u for z, with its inverse"),
        (lambda m, s, u: ((u - m) / s.exp()).sigmoid(), "that is F(u); its inverse is wanted"),
        (lambda m, s, u: (m + torch.logit(u)) * s.exp(), "scale the noise only, not mu"),
        (lambda m, s, u: _z(0 * m, s, u), "where is mu?"),
        (lambda m, s, u: _z(-m, s, u), "mu is added, not subtracted"),
        (lambda m, s, u: torch.logit(u) / s.exp() + m / s.exp(), "multiply by s, don't divide"),
        (lambda m, s, u: (torch.logit(u) - m) / s.exp(), "solve for z: times s, then plus mu"),
        (lambda m, s, u: m + s.exp(), "where is u?"),
        (instead(torch.log), "log(u) alone has one tail: log(u) - log(1 - u)"),
        (instead(lambda u: -torch.log(u)), "-log(u) alone has one tail: log(u) - log(1 - u)"),
        (instead(lambda u: -torch.log1p(-u)), "that is an exponential: log(u) is missing"),
        (instead(lambda u: u.log() + torch.log1p(-u)), "log(u) minus log(1 - u), not plus"),
        (instead(lambda u: u / (1 - u)), "these are the odds: take their logarithm"),
        (instead(lambda u: -torch.log(-u.log())), "that is a Gumbel distribution"),
        (instead(laplace), "that is a Laplace distribution"),
        (
            instead(lambda u: torch.logit(u) * math.sqrt(3) / math.pi),
            "s is the scale, not the standard deviation: nothing to divide by",
        ),
        (instead(lambda u: torch.logit(u) / math.log(2)), "natural logarithms: log, not log2"),
        (instead(lambda u: torch.logit(u) / math.log(10)), "natural logarithms: log, not log10"),
        (lambda m, s, u: _z(m, s, u).mean(0), "one z for each image, not their mean"),
        (lambda m, s, u: _z(m.mean(0), s, u), "each image has a mu of its own, in its row"),
        (lambda m, s, u: _z(m, s.mean(0), u), "each image has a scale of its own, in its row"),
        (lambda m, s, u: _z(m, s, u[:1]), "each image has noise of its own, in its row of u"),
        (lambda m, s, u: _z(m, s.exp(), u), "exp once: exp(log_scale) is the scale"),
    ]  # fmt: skip


def reparameterize_logistic(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """`f(mu, log_scale, u)`: z, logistic around mu with scale exp(log_scale), from uniform u."""

    def at_the_ends(mu: Tensor, log_scale: Tensor, u: Tensor) -> str:
        return "" if u.min() > 1e-5 else (
            "Right for ordinary u. Close to 0 and 1 it is not: is u clipped, shifted, or rounded "
            "to single precision? Inside (0, 1) both logarithms are finite"
        )  # fmt: skip

    examine(
        function, _z, _logistics(), _mistakes(),
        "any noise will do whose CDF can be inverted; the Gaussian is only the usual choice.",
        otherwise=at_the_ends,
        gradients=(0, 1),
    )  # fmt: skip
