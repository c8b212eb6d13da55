"""Checks of the exercises of notebook 4; the wrong formulas are answers that learners give."""

from collections.abc import Callable

import torch
from torch import Tensor

from .. import latent
from .comparing import normal
from .engine import examine

SAME_WAY = (
    "Here both codes point the same way: rounding may make the cosine a little more than 1 "
    "(clamp it), and sin of the angle is 0 or nearly so (go straight there)"
)


def slerp(function: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    """`f(start, end, n)`: n points (n, d) on the arc from start to end, both included."""

    def arc(a: Tensor, b: Tensor, angle: Tensor, t: Tensor) -> Tensor:
        return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)

    def steps(n: int) -> Tensor:
        return torch.linspace(0, 1, n)[:, None]

    def angle(a: Tensor, b: Tensor) -> Tensor:
        return torch.acos(torch.dot(a, b) / a.norm() / b.norm())

    def unit(a: Tensor) -> Tensor:
        return a / a.norm()

    def direction(seed: int) -> Tensor:
        return normal(20, seed=seed)

    def parallel(a: Tensor, b: Tensor, n: int) -> bool:
        return bool(torch.dot(a, b) > 0.9999 * a.norm() * b.norm())

    def stays(a: Tensor, b: Tensor, n: int) -> Tensor | None:
        return a.expand(n, -1) if parallel(a, b, n) and not torch.equal(a, b) else None

    def nan(a: Tensor, b: Tensor, n: int) -> Tensor | None:
        return None if len(a) == 20 else torch.full((n, len(a)), torch.nan)

    def without_norms(a: Tensor, b: Tensor, n: int) -> Tensor:
        return arc(a, b, torch.acos(torch.dot(a, b).clamp(-1, 1)), steps(n))

    examine(
        function, latent.slerp,
        [(normal(5), normal(5, seed=1), 7)]
        + [(a, a * scale, 5) for a in map(direction, range(8)) for scale in (1, 2)],
        [
            (nan, "not a number: dot / (norm * norm) lies in -1 to 1, and acos wants just that"),
            (stays, "same direction, another length: go straight from one to the other"),
            (latent.lerp, "that is the straight line"),
            (lambda a, b, n: latent.slerp(b, a, n), "it runs backwards: t = 0 is the start"),
            (without_norms, "divide the dot product by both norms before acos"),
            (lambda a, b, n: arc(a, b, angle(a, b), steps(n + 1)[:-1]), "the end is missing"),
            (lambda a, b, n: arc(a, b, angle(a, b) / 2, steps(n)), "the angle is twice as large"),
            (lambda a, b, n: latent.slerp(unit(a), unit(b), n), "the ends keep their own lengths"),
        ],
        "codes of equal norm keep it on the way, as the prior's do; one direction needs no arc.",
        otherwise=lambda a, b, n: SAME_WAY if parallel(a, b, n) else "",
    )  # fmt: skip


def two_sided_kl(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """`f(train_kl, kl)`: distance of each kl (N,) from the median of the training images' KL."""
    examine(
        function, lambda train, kl: (kl - train.median()).abs(),
        [(normal(101).exp() * 20, normal(n, seed=n).exp() * 20) for n in (6, 1)],
        [
            (lambda train, kl: kl - train.median(), "too small is unusual, too: take abs() of it"),
            (lambda train, kl: (kl - train.mean()).abs(), "the median, which outliers don't move"),
            (lambda train, kl: (kl - kl.median()).abs(), "the median of the training images"),
            (lambda train, kl: (kl - train.median()).square(), "the distance, not its square"),
            (lambda train, kl: train.median() - kl, "the distance is never negative: take abs()"),
            (lambda train, kl: kl, "that is the one-sided score"),
        ],
        "too small gives an anomaly away, too; and a few huge values move a mean, not a median.",
    )  # fmt: skip


def auroc(function: Callable[[Tensor, Tensor], float]) -> None:
    """`f(normal, anomalous)`: chance that an anomalous score is above a normal one; ties half."""

    def truth(normal: Tensor, anomalous: Tensor) -> float:
        above = (anomalous[:, None] > normal).double() + 0.5 * (anomalous[:, None] == normal)
        return above.mean().item()

    examine(
        function, truth,
        [
            (normal(9).round(), normal(6, seed=1).round() + 1),
            (torch.tensor([1.0, 2.0, 2.0]), torch.tensor([2.0])),
            (normal(30), normal(50, seed=3) - 2),
        ],
        [
            (lambda n, a: max(truth(n, a), 1 - truth(n, a)), "it may be below 0.5: no max"),
            (lambda n, a: 1 - truth(n, a), "the wrong way round: anomalies should score higher"),
            (lambda n, a: (a[:, None] > n).double().mean().item(), "ties count one half"),
            (lambda n, a: (a[:, None] >= n).double().mean().item(), "a tie counts one half"),
            (lambda n, a: 2 * truth(n, a) - 1, "that is the Gini coefficient, 2 * AUROC - 1"),
            (
                lambda n, a: truth(n, a) * len(n) * len(a),
                "a probability is at most 1: divide by the number of pairs, N * M",
            ),
            (
                lambda n, a: truth(n, a) + (len(a) + 1) / (2 * len(n)),
                "from the sum of the ranks subtract M * (M + 1) / 2, what it is if all are lowest",
            ),
            (lambda n, a: (a > n.median()).double().mean().item(), "compare with each normal one"),
        ],
        "one number for all thresholds, and you know what it is a probability of.",
    )  # fmt: skip
