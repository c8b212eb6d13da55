"""The check of an exercise of notebook 4: two detectors on the same images."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .comparing import normal
from .engine import examine
from .words import advice_on_close_scores, advice_on_large_numbers


def _share_below(values: Tensor, reference: Tensor, tie: float = 0.5) -> Tensor:
    """For each value, the share of reference values below it, ties counting half."""
    less, equal = reference < values[:, None], reference == values[:, None]
    return (less.double() + tie * equal).mean(dim=1)


Scores = tuple[Tensor, Tensor, Tensor, Tensor]


def _two_scores() -> list[Scores]:
    """Two scores of the same images: few and many, with ties, whole numbers, opposite ones."""
    cases: list[Scores] = []
    for n, m, noise, scale in ((20, 12, 1.0, 1.0), (7, 9, 0.3, 500.0),
                               (40, 8, 1.0, 1e-3), (8, 30, 3.0, 1.0), (9, 9, 1.0, 1.0),
                               (300, 150, 1.0, 1.0), (3000, 90, 1.0, 1.0)):  # fmt: skip
        a, b = normal(n, seed=n), normal(m, seed=m + 1) + 1
        x, y = normal(n, seed=n + 2), normal(m, seed=m + 3) + 0.5
        cases.append((a, b, scale * (a + noise * x) - 4, scale * (b + noise * y) - 4))
    few = cases[0]
    cases.append((few[0].round(), few[1].round(), few[2].round(), few[3].round()))
    whole = [(10 * v).round().long() for v in few]
    counts, large = ([v + offset for v in whole] for offset in (3000, 2**31))
    small = [(v // 2 + 120).to(torch.uint8) for v in whole]
    far_off = [few[0] - 1e9 * (few[0] == few[0].min()), few[1]]
    all_alike = [torch.zeros_like(few[0]), few[1].round()]
    close = [5 + 1e-12 * v.double() for v in few]
    # Neither single precision nor an int32 can hold the large ones; they come by one score, too.
    for of_a, of_b in ((counts, counts), (large, whole), (large, few), (few, large), (small, small),
                       (far_off, few), (all_alike, few), (close, close)):  # fmt: skip
        cases.append((of_a[0], of_a[1], of_b[2], of_b[3]))
    low, high = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 3.0])
    cases += [(close[0], close[1], -close[0], -close[1]), (low, high, -low, -high)]
    # The same order by both: 0 and 0. Covariances cancel but for rounding, and that either way.
    for n, m in ((16, 8), (30, 20), (25, 40), (18, 22), (50, 35), (33, 27)):
        a, b = normal(n, seed=n + m), normal(m, seed=n) + 1
        cases += [(a, b, a, b), (a, b, 4 * a - 7, 4 * b - 7)]
    return [*cases, (low, low + 9, low, low + 5)]


def _advice(n: Tensor, a: Tensor, x: Tensor, b: Tensor) -> str:
    if torch.equal(_share_below(a, n), _share_below(b, x)):
        return (
            "A and B put these images in the same order, so that both numbers are 0: no floor, no "
            "small number added, no division by a spread, which is 0, and no root of what rounding "
            "may leave below 0"
        )
    if n.dtype != x.dtype:
        return "Right where A and B are of one type. If not, never put them into one tensor"
    if large := advice_on_large_numbers(n):
        return large
    if not n.is_floating_point():
        return (
            "Right for floating-point scores. They may be whole numbers, too: a difference of "
            "bytes is never below zero"
        )
    if torch.isin(a, n).any() or torch.isin(b, x).any():
        return "Right as long as no scores are equal. Ties count one half, in both kinds of shares"
    return advice_on_close_scores(n, a, x, b)


def auroc_difference(
    function: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[float, float]],
) -> None:
    """`f(normal_a, anomalous_a, normal_b, anomalous_b)`: AUROC of a less b; half its interval."""

    def shares(*case: Tensor, tie: float = 0.5) -> tuple[Tensor, Tensor]:
        """Differences of the shares, of each anomalous image and of each normal one."""
        n, a, x, b = case
        return (
            _share_below(a, n, tie) - _share_below(b, x, tie),
            _share_below(x, b, 1 - tie) - _share_below(n, a, 1 - tie),
        )

    def parts(*case: Tensor, tie: float = 0.5) -> tuple[float, list[float]]:
        rows = shares(*case, tie=tie)
        return rows[0].mean().item(), [(row.var() / len(row)).item() for row in rows]

    def truth(*case: Tensor, tie: float = 0.5) -> tuple[float, float]:
        value, variances = parts(*case, tie=tie)
        return value, 1.96 * math.sqrt(sum(variances))

    def unpaired(n: Tensor, a: Tensor, x: Tensor, b: Tensor) -> tuple[float, float]:
        pieces = [(_share_below(*p).var() / len(p[0])).item() for p in
                  ((a, n), (n, a), (b, x), (x, b))]  # fmt: skip
        return truth(n, a, x, b)[0], 1.96 * math.sqrt(sum(pieces))

    def instead(half_width: Callable[[float, list[float]], float]) -> Callable[..., object]:
        return lambda *case: (truth(*case)[0], half_width(truth(*case)[1], parts(*case)[1]))

    def from_rows(variance: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., object]:
        """A wrong variance of each row of differences, the other row beside it."""

        def wrong(*case: Tensor) -> tuple[float, float]:
            a, b = shares(*case)
            return a.mean().item(), 1.96 * math.sqrt(variance(a, b).item() + variance(b, a).item())

        return wrong

    examine(
        function, truth, _two_scores(),
        [
            (unpaired, "both scores come from the same images: subtract image by image, and take"
             " the variance of the differences"),
            (lambda *c: (-truth(*c)[0], truth(*c)[1]), "score a minus score b, not the other way"),
            (instead(lambda w, v: w / 1.96), "that is the standard error: 1.96 times as much"),
            (instead(lambda w, v: sum(v)), "that is the variance: 1.96 times its root"),
            (from_rows(lambda row, other: row.var() / len(other)), "divide each variance by the"
             " number of its own images, not of the others"),
            (instead(lambda w, v: 2 * w), "half the width: from the middle to one end"),
            (instead(lambda w, v: w**2 / 1.96), "the root of the sum of the variances"),
            (instead(lambda w, v: 1.96 * (v[0] ** 0.5 + v[1] ** 0.5)), "add the variances, then"
             " take the root"),
            (instead(lambda w, v: 1.96 * v[0] ** 0.5), "the normal images are a sample, too"),
            (instead(lambda w, v: 1.96 * v[1] ** 0.5), "the anomalous images are a sample, too"),
            (from_rows(lambda row, _: row.var(correction=0) / len(row)), ".var() divides by"
             " n - 1"),
            (from_rows(lambda row, _: row.std() / len(row)), ".var(), not .std(): its root comes"
             " at the end"),
            (
                lambda n, a, x, b: truth(*(v.sort().values for v in (n, a, x, b))),
                "sorting each row of scores apart loses which of them belong to the same image",
            ),
            (lambda *c: truth(*c, tie=0.0), "equal scores count one half, not as the wrong order"),
            (lambda *c: truth(*c, tie=1.0), "equal scores count one half, not as the right order"),
            (from_rows(lambda row, _: row.var()), "divide each variance by its number of images"),
        ],
        "two rows of a table differ by so much, and chance alone by so little: now you can tell.",
        otherwise=_advice,
    )  # fmt: skip
