"""The check of conformal p-values; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .comparing import normal
from .engine import examine
from .words import advice_on_close_scores, advice_on_large_numbers

SORTED = "these belong to sorted scores: return them in the order in which the scores came"
TIES = "calibration scores that are just as high count in full, each of them: >="


def _scores() -> list[tuple[Tensor, Tensor]]:
    """Few and many, any scale, ties, infinite ones, whole numbers, close ones."""
    kinds = ((9, 5, 1.0), (30, 4, 50.0), (1, 3, 1.0), (6, 6, 1e-3), (200, 1, 1.0), (5400, 70, 1.0))
    cases = [(k * normal(n, seed=n), 1.5 * k * normal(m, seed=m + 1)) for n, m, k in kinds]
    tied, inf = (3 * normal(40, seed=5)).round(), math.inf
    ends = torch.tensor([inf, -inf, 1e30, -1e30])
    return [
        *cases,
        (tied, torch.tensor([3.0, -2.0, 0.0, 9.0, -12.0])),
        (torch.cat([tied[:9], ends, ends[:1]]), torch.tensor([inf, 1.0, -inf, 1e30, -1e30])),
        (torch.cat([tied, ends[2:]]), torch.tensor([inf, 2.0, -inf, inf])),
        (tied.long() + 3000, torch.tensor([3003, 2998, 3000, 3009, 2988])),  # too many for halves
        *(  # in small types, where differences overflow
            (tied.add(12).to(kind), torch.tensor([0, 25, 3, 12], dtype=kind))
            for kind in (torch.uint8, torch.int16, torch.float16)
        ),
        (torch.tensor([-2e9, 5, 2e9]).int(), torch.tensor([2e9, -2e9, 7]).int()),
        # Numbers that single precision, or an int32, can't hold.
        (2**31 + torch.arange(-20, 20), 2**31 + torch.tensor([-17, 19, 20, -21])),
        (normal(70_000, seed=8), torch.tensor([-1.0, 4.0, 3.9, 0.0])),
        (cases[0][0].double() - 60, cases[0][1].double() - 60),
        (5 + 1e-12 * cases[1][0].double(), 5 + 1e-12 * cases[1][1].double()),
    ]


def _advice(calibration: Tensor, scores: Tensor) -> str:
    if large := advice_on_large_numbers(scores):
        return large
    if not scores.is_floating_point():
        return (
            "Right for floating-point scores. A score may be a whole number, too, such as a count "
            "of pixels: a difference may then be too large or, of bytes, below zero; and a tensor "
            "of integers can't hold shares"
        )
    if not torch.cat([calibration, scores]).isfinite().all():
        return (
            "Right for finite scores. An infinite one is the highest of all (or the lowest, "
            "with a minus), and counts like any other"
        )
    if torch.isin(scores, calibration).any():
        return (
            "Right as long as no score is equal to one of the calibration. Those that are just "
            "as high count in full, each of them"
        )
    return advice_on_close_scores(calibration, scores)


def conformal_p_values(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """`f(calibration, scores)`: for each score, the share as high or higher, itself counted."""
    cdf = torch.special.ndtr

    def count(found: Tensor, scores: Tensor) -> Tensor:
        return found.sum(dim=1, dtype=torch.promote_types(scores.dtype, torch.float32))

    def above(calibration: Tensor, scores: Tensor) -> Tensor:
        return count(calibration >= scores[:, None], scores)

    def ties(calibration: Tensor, scores: Tensor) -> Tensor:
        return count(calibration == scores[:, None], scores)

    def truth(calibration: Tensor, scores: Tensor) -> Tensor:
        return (above(calibration, scores) + 1) / (len(calibration) + 1)

    examine(
        function, truth, _scores(),
        [
            (
                lambda c, s: above(c, s) / len(c),
                "the image itself counts, too, above and below the line: 1 + ..., n + 1",
            ),
            (lambda c, s: above(c, s) / (len(c) + 1), "add 1 above the line, too: never 0"),
            (lambda c, s: (above(c, s) + 1) / len(c), "n + 1 below the line: the image counts"),
            (
                lambda c, s: (1 + (c > s[:, None]).sum(1)) / (len(c) + 1),
                "a calibration score just as high counts as well: >=",
            ),
            (
                lambda c, s: (1 + (c <= s[:, None]).sum(1)) / (len(c) + 1),
                "the other side: a high score must give a small p",
            ),
            (lambda c, s: 1 - truth(c, s), "a high score must give a small p"),
            (
                lambda c, s: (len(c) - torch.searchsorted(c, s) + 1) / (len(c) + 1),
                "searchsorted takes the calibration scores as sorted: sort them first",
            ),
            (lambda c, s: truth(c, s.sort().values), SORTED),
            (lambda c, s: truth(c, s.sort(descending=True).values), SORTED),
            (lambda c, s: truth(c, s[s.argsort().argsort()]), SORTED),
            (lambda c, s: truth(c, s) - ties(c, s) / 2 / (len(c) + 1), TIES),
            (lambda c, s: truth(c, s) - (ties(c, s) - 1).clamp(min=0) / (len(c) + 1), TIES),
            (lambda c, s: above(c, s) + 1, "a share: divide by n + 1"),
            (lambda c, s: truth(c, s).round(), "a share, not a whole number: / instead of //"),
            (
                lambda c, s: (
                    None if len(c) == 1 else cdf((c.double().mean() - s) / c.double().std())
                ),
                "count; no normal distribution was promised",
            ),
        ],
        "of exchangeable images at most 1% get 0.01 or less, whatever their distribution.",
        otherwise=_advice,
    )  # fmt: skip
