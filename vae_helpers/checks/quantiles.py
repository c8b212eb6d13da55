"""The check of the challenge of notebook 3: the inverse CDF of a mixture."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .comparing import difference, normal
from .engine import examine


def _mixtures() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Probabilities in no order; few, one and many Gaussians, narrow, wide, far out.

    Whoever searches between ends that are too narrow, or in too few rounds, misses some of them.
    """
    some = torch.tensor([0.5, 0.05, 0.95, 0.3, 0.7])
    ends = torch.tensor([0.9995, 0.002, 0.5, 0.0005])
    mu, sigma = normal(40, seed=1), (normal(40, seed=2) - 1).exp()
    apart, one = torch.tensor([-2.0, 0.4, 1.1]), torch.ones(1)
    thin, far = torch.full((200,), 0.1), torch.tensor([0.0] * 199 + [100.0])
    return [
        (some, apart, torch.tensor([0.3, 1.0, 0.5])),
        (some[:3], torch.tensor([1.7]), torch.tensor([0.2])),
        (ends, mu, sigma),
        (torch.linspace(0.01, 0.99, 41).flip(0), 100 * mu - 300, 30 * sigma),
        (some, 1e9 * apart, 1e9 + 0 * apart),
        (some, 1e-9 * apart, 1e-9 + 0 * apart),
        (some, mu[:5], sigma[:5]),  # as many as Gaussians
        (some.double(), mu.double() / 50 + 2, sigma.double() / 20),
        (some[:1], torch.cat([mu, 60 + mu[:9]]), torch.cat([0.01 + 0 * sigma, 5 * sigma[:9]])),
        (torch.tensor([0.0005, 0.9998, 0.001]), 3 * one, one),
        (torch.tensor([0.005, 0.994]), torch.zeros(50), torch.tensor([0.01] * 49 + [100.0])),
        (torch.tensor([0.998, 0.3]), far, thin),
        (some.double(), 100 * torch.tensor([-1.0, 1.0]).double(), 0.01 * torch.ones(2).double()),
        (some, torch.zeros(50), torch.tensor([0.01] * 49 + [100.0])),
        (some, normal(1500, seed=3).sort().values, 0.1 + normal(1500, seed=4).abs()),
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
            (
                lambda p, m, s: truth(p, m, s).clamp(-5, 5),
                "codes may lie further out than 5: take the ends from mu and sigma",
            ),
        ],
        "with these as coordinates, each row and column of a map holds as many codes as the next.",
        compare=compare,
    )  # fmt: skip
