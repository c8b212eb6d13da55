"""Checks of the exercises of notebook 3; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .. import latent
from .comparing import normal
from .engine import examine


def prior_mass(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """`f(low, high)`: share of N(0, I) in boxes with corners low and high, (N, d) -> (N,)."""

    def truth(low: Tensor, high: Tensor) -> Tensor:
        return (torch.special.ndtr(high) - torch.special.ndtr(low)).prod(dim=1)

    def density(z: Tensor) -> Tensor:
        return torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)

    boxes = [(a, a + normal(n, d, seed=3).abs()) for n, d in ((4, 2), (1, 3))
             for a in [normal(n, d, seed=2)]]  # fmt: skip
    examine(
        function, truth, boxes,
        [
            (lambda a, b: truth(b, a), "an odd number of factors has the wrong sign: high - low"),
            (
                lambda a, b: (torch.special.ndtr(b) - torch.special.ndtr(a)).sum(1),
                "the coordinates are independent: multiply their probabilities, don't add them",
            ),
            (
                lambda a, b: ((b - a) * density((a + b) / 2)).prod(1),
                "density times width is only an approximation; the CDF gives it exactly",
            ),
            (
                lambda a, b: torch.special.ndtr(b).prod(1) - torch.special.ndtr(a).prod(1),
                "take the difference on each axis first, then multiply",
            ),
            (
                lambda a, b: (torch.special.ndtr(b) - torch.special.ndtr(a))[:, :2].prod(1),
                "right in two dimensions; any number is possible: .prod(dim=1)",
            ),
            (lambda a, b: (density(b) - density(a)).prod(1), "use the CDF, not the density"),
        ],
        "it says how much of what a model generates a piece of the map stands for.",
    )  # fmt: skip


def inverse_cdf_grid(function: Callable[[int], Tensor]) -> None:
    """`f(n)`: (n * n, 2) points at the quantiles (k - 1/2) / n of N(0, 1), top row first."""

    def grid(probabilities: Tensor) -> Tensor:
        axis = torch.special.ndtri(probabilities)
        return torch.cartesian_prod(axis.flip(0), axis).flip(1)

    def middles(n: int) -> Tensor:
        return (torch.arange(n) + 0.5) / n

    def turned(n: int) -> Tensor:
        axis = torch.special.ndtri(middles(n))
        return torch.cartesian_prod(axis, axis)

    def even(n: int) -> Tensor:
        end = torch.special.ndtri(middles(n))[-1].item()
        return latent.uniform_grid(n, -end, end)

    up = torch.tensor([1.0, -1.0])
    examine(
        function, lambda n: grid(middles(n)), [(4,), (7,), (2,)],
        [
            (lambda n: grid(middles(n)) * up, "upside down: the top row has the largest z_2"),
            (turned, "z_1 must run along a row, and the top row come first"),
            (even, "the coordinates are evenly spaced; the probabilities should be"),
            (lambda n: grid(middles(n)).flip(1), "z_1 and z_2 are swapped: z_1 is horizontal"),
            (
                lambda n: torch.special.ndtr(grid(middles(n))),
                "those are the probabilities: put them through the inverse CDF",
            ),
            (lambda n: grid(torch.linspace(0, 1, n)), "the ends are infinite: take the middles"),
            (lambda n: grid(middles(n) - 1 / n), "k starts at 1: for k = 0 it is negative"),
            (lambda n: latent.inverse_cdf_grid(n), "from (1/2)/n to (n - 1/2)/n, not 0.05 to 0.95"),
            (lambda n: grid(torch.arange(1, n + 1) / (n + 1)), "(k - 1/2)/n, not k/(n + 1)"),
        ],
        "each tile now stands for exactly 1/n^2 of what the model generates.",
    )  # fmt: skip


def posterior_ellipse(function: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    """`f(mu, logvar, n)`: n points (n, 2) on the ellipse of two sigma, from angle 0 on, evenly."""

    def ellipse(mu: Tensor, half_axes: Tensor, n: int) -> Tensor:
        angle = 2 * math.pi * torch.arange(n) / n
        return mu + half_axes * torch.stack([angle.cos(), angle.sin()], dim=1)

    def closed(mu: Tensor, logvar: Tensor, n: int) -> Tensor:
        angle = torch.linspace(0, 2 * math.pi, n)
        return mu + 2 * (logvar / 2).exp() * torch.stack([angle.cos(), angle.sin()], dim=1)

    examine(
        function, lambda m, s, n: ellipse(m, 2 * (s / 2).exp(), n),
        [(normal(2, seed=k), normal(2, seed=k + 1), 4 + k) for k in (0, 3)],
        [
            (lambda m, s, n: ellipse(m, (s / 2).exp(), n), "that is one sigma, not two"),
            (lambda m, s, n: ellipse(m, 2 * s.exp(), n), "exp(logvar) is the variance, not sigma"),
            (lambda m, s, n: ellipse(m, 4 * s.exp(), n), "exp(logvar) is the variance, not sigma"),
            (lambda m, s, n: ellipse(m, 2 * s, n), "logvar is a logarithm: use exp(logvar / 2)"),
            (lambda m, s, n: ellipse(0 * m, 2 * (s / 2).exp(), n), "its centre is mu"),
            (
                lambda m, s, n: ellipse(m, 2 * (s / 2).exp().flip(0), n),
                "width and height are swapped: the first coordinate is the horizontal one",
            ),
            (
                lambda m, s, n: ellipse(m, 2 * (s / 2).exp(), n).roll(-1, 0),
                "the first point is at angle 0, to the right of the centre",
            ),
            (
                lambda m, s, n: ellipse(m, 2 * (s / 2).exp() * torch.tensor([1.0, -1.0]), n),
                "that is clockwise; the second point is above the centre",
            ),
            (
                lambda m, s, n: m + 2 * (s / 2).exp() * ellipse(0 * m, 0 * m + 1, n).flip(1),
                "cos belongs to the first coordinate, sin to the second",
            ),
            (closed, "the last point repeats the first: step by 2 pi / n"),
        ],
        "what the encoder is unsure of: the area that one image takes on the map.",
    )  # fmt: skip


def aggregate_log_density(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """`f(z, mu, logvar)`: log q(z) at points z (M, d) for N posteriors (N, d); (M,)."""

    def each(z: Tensor, m: Tensor, s: Tensor) -> Tensor:
        squared = (z[:, None] - m).square() / s.exp()
        return -0.5 * (squared + s + math.log(2 * math.pi)).sum(dim=2)

    def truth(z: Tensor, m: Tensor, s: Tensor) -> Tensor:
        return each(z, m, s).logsumexp(dim=1) - math.log(len(m))

    def per_axis(z: Tensor, m: Tensor, s: Tensor) -> Tensor:
        squared = (z[:, None] - m).square() / s.exp()
        each_axis = -0.5 * (squared + s + math.log(2 * math.pi))
        return (each_axis.logsumexp(dim=1) - math.log(len(m))).sum(dim=1)

    def constant(z: Tensor) -> float:
        return z.shape[1] / 2 * math.log(2 * math.pi)

    examine(
        function, truth,
        [
            *[(normal(5, d, seed=d), normal(7, d), normal(7, d, seed=1)) for d in (2, 3)],
            (normal(4, 2) + 60, normal(9, 2), normal(9, 2, seed=1) - 2),
        ],
        [
            (lambda z, m, s: each(z, m, s).mean(1), "the log of a mean, not a mean of logs"),
            (lambda z, m, s: each(z, m, s).logsumexp(1), "the mean over posteriors: minus log N"),
            (lambda z, m, s: truth(z, m, s).exp(), "that is the density; take its logarithm"),
            (lambda z, m, s: each(z, m, s).exp().mean(1).log(), "far away exp() is 0: logsumexp"),
            (lambda z, m, s: truth(z, m, 2 * s), "exp(logvar) is the variance, not sigma"),
            (lambda z, m, s: truth(z, m, s) + constant(z), "log(2 pi)/2 a dimension is missing"),
            (per_axis, "first add up the d axes, then logsumexp over the posteriors"),
            (
                lambda z, m, s: (each(z, m, s) + s.sum(1) / 2).logsumexp(1) - math.log(len(m)),
                "each Gaussian has its own factor 1 / sigma: minus logvar / 2",
            ),
        ],
        "with it you can measure where the codes are denser than the prior, and where holes are.",
    )  # fmt: skip
