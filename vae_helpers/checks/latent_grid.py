"""Checks of the exercises of notebook 3; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .comparing import normal
from .engine import examine


def _boxes() -> list[tuple[Tensor, Tensor]]:
    """Boxes in one to nine dimensions, few and many; wide, empty, far out and unbounded ones."""
    drawn = []
    for n, d, width in ((4, 2, 1.0), (1, 3, 1.0), (3, 3, 2.0), (5, 1, 0.3), (7, 6, 5.0),
                        (4, 5, 40.0), (150, 2, 2.0), (6, 9, 6.0)):  # fmt: skip
        low = normal(n, d, seed=n) - width / 3
        drawn.append((low, low + width * normal(n, d, seed=d + 9).abs()))
    low, high = (corner.double() for corner in drawn[2])
    inf = math.inf
    odd = torch.tensor([[-inf, -1.0], [0.5, -inf], [-inf, -inf], [3.5, -0.2], [1.0, -60.0]])
    end = torch.tensor([[0.3, inf], [inf, 1.0], [inf, inf], [8.0, 0.9], [1.0, 60.0]])
    far = torch.tensor([[4.2, -0.5], [-9.0, -7.0]], dtype=torch.float64)
    rare = torch.tensor([[-7.0, -0.5], [5.0, -6.0]], dtype=torch.float64)  # nothing larger beside
    return [*drawn, (low, high), (odd, end), (far, far + 1.5), (rare, rare + 1)]


def prior_mass(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """`f(low, high)`: share of N(0, I) in boxes with corners low and high, (N, d) -> (N,)."""
    cdf = torch.special.ndtr

    def truth(low: Tensor, high: Tensor) -> Tensor:
        return (cdf(high) - cdf(low)).prod(dim=1)

    def density(z: Tensor) -> Tensor:
        return torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)

    def bounded(low: Tensor, high: Tensor) -> bool:
        return bool(torch.cat([low, high]).isfinite().all())

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
                lambda a, b: (
                    ((b - a) * density((a + b) / 2)).prod(1) if bounded(a, b) else None
                ),
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
            (
                lambda a, b: (b - a).prod(1) if bounded(a, b) else None,
                "that is the volume; the prior is denser in some places than in others",
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

    # torch.arange(0, a, a / n) has one number too many for some n: of a turn, 1, 2 pi or 360.
    kinds = [(0, 7, 1, 1), (3, 4, 1, 1), (5, 1, 9, 3), (8, 12, 50, 4)]
    kinds += [(2, n, 1, 1) for n in (49, 61, 161)]
    cases = [(a * normal(2, seed=k), b * normal(2, seed=k + 1), n) for k, n, a, b in kinds]
    cases.append((cases[0][0].double(), cases[0][1].double(), 9))
    cases.append((cases[1][0].double(), 9 * cases[1][1].double(), 150))
    cases.append((0 * cases[0][0], cases[0][1] - 20, 5))
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
