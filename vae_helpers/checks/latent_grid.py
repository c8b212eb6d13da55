"""Checks of the exercises of notebook 3; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .comparing import difference, normal
from .engine import examine


def _boxes() -> list[tuple[Tensor, Tensor]]:
    """Boxes of several sizes, in one to six dimensions; wide, empty, far out and unbounded ones."""
    drawn = []
    for n, d, width in ((4, 2, 1.0), (1, 3, 1.0), (3, 3, 2.0), (5, 1, 0.3), (7, 6, 5.0),
                        (4, 5, 40.0)):  # fmt: skip
        low = normal(n, d, seed=n) - width / 3
        drawn.append((low, low + width * normal(n, d, seed=d + 9).abs()))
    low, high = (corner.double() for corner in drawn[2])
    inf = math.inf
    odd = torch.tensor([[-inf, -1.0], [0.5, -inf], [-inf, -inf], [3.5, -0.2], [1.0, -60.0]])
    end = torch.tensor([[0.3, inf], [inf, 1.0], [inf, inf], [8.0, 0.9], [1.0, 60.0]])
    return [*drawn, (low, high), (odd, end)]


def prior_mass(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """`f(low, high)`: share of N(0, I) in boxes with corners low and high, (N, d) -> (N,)."""
    cdf = torch.special.ndtr

    def truth(low: Tensor, high: Tensor) -> Tensor:
        return (cdf(high) - cdf(low)).prod(dim=1)

    def density(z: Tensor) -> Tensor:
        return torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)

    examine(
        function, truth, _boxes(),
        [
            (lambda a, b: truth(b, a), "an odd number of factors has the wrong sign: high - low"),
            (
                lambda a, b: (cdf(b) - cdf(a)).sum(1),
                "the coordinates are independent: multiply their probabilities, don't add them",
            ),
            (lambda a, b: (cdf(b) - cdf(a)).mean(1), "multiply the probabilities, don't average"),
            (
                lambda a, b: ((b - a) * density((a + b) / 2)).prod(1),
                "density times width is only an approximation; the CDF gives it exactly",
            ),
            (
                lambda a, b: cdf(b).prod(1) - cdf(a).prod(1),
                "take the difference on each axis first, then multiply",
            ),
            (
                lambda a, b: (cdf(b) - cdf(a))[:, :2].prod(1),
                "right in two dimensions; any number is possible: .prod(dim=1)",
            ),
            (lambda a, b: cdf(b).prod(1), "that is everything below high: where is low?"),
            (lambda a, b: cdf(b - a).prod(1), "the CDF of each corner, not of their difference"),
            (lambda a, b: (density(b) - density(a)).prod(1), "use the CDF, not the density"),
        ],
        "it says how much of what a model generates a piece of the map stands for.",
    )  # fmt: skip


def _circle(n: int, like: Tensor) -> Tensor:
    angle = 2 * math.pi * torch.arange(n, dtype=like.dtype) / n
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def posterior_ellipse(function: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    """`f(mu, logvar, n)`: n points (n, 2) on the ellipse of two sigma, from angle 0 on, evenly."""

    def ellipse(mu: Tensor, half_axes: Tensor, n: int) -> Tensor:
        return mu + half_axes * _circle(n, mu)

    def truth(mu: Tensor, logvar: Tensor, n: int) -> Tensor:
        return ellipse(mu, 2 * (logvar / 2).exp(), n)

    def seen_from_the_centre(mu: Tensor, logvar: Tensor, n: int) -> Tensor:
        """The angles taken literally: directions in which one looks from the centre."""
        ray = _circle(n, mu)
        return mu + ray / (ray / (2 * (logvar / 2).exp())).norm(dim=1, keepdim=True)

    def closed(mu: Tensor, logvar: Tensor, n: int) -> Tensor:
        angle = torch.linspace(0, 2 * math.pi, n)
        return mu + 2 * (logvar / 2).exp() * torch.stack([angle.cos(), angle.sin()], dim=1)

    kinds = ((0, 7, 1, 1), (3, 4, 1, 1), (5, 1, 9, 3), (8, 12, 50, 4))
    cases = [(a * normal(2, seed=k), b * normal(2, seed=k + 1), n) for k, n, a, b in kinds]
    cases.append((cases[0][0].double(), cases[0][1].double(), 9))
    downwards = torch.tensor([1.0, -1.0])
    examine(
        function, truth, cases,
        [
            (lambda m, s, n: ellipse(m, (s / 2).exp(), n), "that is one sigma, not two"),
            (lambda m, s, n: ellipse(m, 2 * s.exp(), n), "exp(logvar) is the variance, not sigma"),
            (lambda m, s, n: ellipse(m, 4 * s.exp(), n), "exp(logvar) is the variance, not sigma"),
            (lambda m, s, n: ellipse(m, 2 * s, n), "logvar is a logarithm: use exp(logvar / 2)"),
            (lambda m, s, n: ellipse(m, s.exp(), n), "two sigma is 2 exp(logvar / 2)"),
            (lambda m, s, n: truth(0 * m, s, n), "its centre is mu"),
            (
                lambda m, s, n: truth(m, s.flip(0), n),
                "width and height are swapped: the first coordinate is the horizontal one",
            ),
            (
                lambda m, s, n: truth(m, s, n).roll(-1, 0),
                "the first point is at angle 0, to the right of the centre",
            ),
            (
                lambda m, s, n: ellipse(m, 2 * (s / 2).exp() * downwards, n),
                "that is clockwise; the second point is above the centre",
            ),
            (
                lambda m, s, n: m + 2 * (s / 2).exp() * _circle(n, m).flip(1),
                "cos belongs to the first coordinate, sin to the second",
            ),
            (closed, "the last point repeats the first: step by 2 pi / n"),
        ],
        "what the encoder is unsure of: the area that one image takes on the map.",
        readings=[seen_from_the_centre],
    )  # fmt: skip


def _mixtures() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Probabilities in no order; few, one and many Gaussians, narrow, wide, far out."""
    some = torch.tensor([0.5, 0.05, 0.95, 0.3, 0.7])
    ends = torch.tensor([0.9995, 0.002, 0.5, 0.0005])
    mu, sigma = normal(40, seed=1), (normal(40, seed=2) - 1).exp()
    apart = torch.tensor([-2.0, 0.4, 1.1])
    return [
        (some, apart, torch.tensor([0.3, 1.0, 0.5])),
        (some[:3], torch.tensor([1.7]), torch.tensor([0.2])),
        (ends, mu, sigma),
        (torch.linspace(0.01, 0.99, 41).flip(0), 100 * mu - 300, 30 * sigma),
        (some.double(), mu.double() / 50 + 2, sigma.double() / 20),
        (some[:1], torch.cat([mu, 60 + mu[:9]]), torch.cat([0.01 + 0 * sigma, 5 * sigma[:9]])),
    ]


def aggregate_quantiles(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """`f(p, mu, sigma)`: z (K,) with a share p of the mean of N Gaussians to its left."""
    cdf, inverse = torch.special.ndtr, torch.special.ndtri

    def below(z: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
        return cdf((z.double()[:, None] - mu.double()) / sigma.double()).mean(dim=1)

    def truth(p: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
        low = torch.full(p.shape, (mu - 9 * sigma).min().item(), dtype=torch.float64)
        high = torch.full(p.shape, (mu + 9 * sigma).max().item(), dtype=torch.float64)
        for _ in range(80):
            middle = (low + high) / 2
            too_low = below(middle, mu, sigma) < p
            low, high = torch.where(too_low, middle, low), torch.where(too_low, high, middle)
        return (low + high) / 2

    def compare(found: Any, expected: Tensor, case: tuple[Any, ...]) -> str:
        p, mu, sigma = case
        if not isinstance(found, Tensor) or found.shape != p.shape or found.is_complex():
            return difference(found, expected)
        off = (below(found, mu, sigma) - p).abs()
        if (off <= 1e-4).all():  # NaN isn't
            return ""
        k = int(off.nan_to_num(2.0).argmax())
        share = below(found, mu, sigma)[k]
        return (
            f"at index [{k}] you have z = {found[k]:.6g}, with a share of {share:.4f} to its left, "
            f"expected z = {expected[k]:.6g}, with {p[k]:.4f}"
        )

    def moments(p: Tensor, m: Tensor, s: Tensor) -> Tensor:
        variance = m.var(correction=0) + s.square().mean()
        return m.mean() + variance.sqrt() * inverse(p)

    examine(
        function, truth, _mixtures(),
        [
            (
                lambda p, m, s: (m + s * inverse(p)[:, None]).mean(1),
                "that is one Gaussian of the mean centre and width, or the mean of the quantiles, "
                "which is the same; the mixture has another shape: average the CDFs",
            ),
            (moments, "one Gaussian of the same mean and variance has other quantiles"),
            (lambda p, m, s: inverse(p), "those are the prior's quantiles, not those of the codes"),
            (lambda p, m, s: m.quantile(p), "the centres alone: each Gaussian has a width, too"),
            (lambda p, m, s: truth(1 - p, m, s), "p is the share to the left, not to the right"),
            (lambda p, m, s: truth(p, m, s.square()), "divide by sigma, not by its square"),
            (lambda p, m, s: truth(p.sort().values, m, s), "in the order of p"),
            (lambda p, m, s: below(p, m, s), "that is the CDF; its inverse is wanted"),
            (lambda p, m, s: truth(p, m, s).clamp(-5, 5), "codes may lie further out than 5"),
        ],
        "with these as coordinates, each row and column of a map holds as many codes as the next.",
    )  # fmt: skip
