"""Checks of notebook 3, continued: a validation curve, and a curve of precision and recall."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .comparing import normal
from .engine import Mistake, examine
from .words import advice_on_close_scores

Losses = Sequence[float]


def _stop(
    losses: Losses,
    patience: int,
    start: int,
    ties: bool = True,
    short: int = 0,
    first: int = 1,
    warm: bool = False,
) -> tuple[int, int]:
    """The last epoch and the best one.

    Wrong on purpose: equals are no improvement without `ties`, stops so many epochs too soon or
    late, counts from `first`; `warm` stops for epochs before the start, too.
    """
    best, lowest, waited = 0, math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        better = loss < lowest or (ties and loss == lowest)
        waited += 1
        if better and epoch >= start:
            best, lowest, waited = epoch, loss, 0
        if (best or warm) and waited >= patience - short:
            return epoch - 1 + first, best - 1 + first
    return len(losses) - 1 + first, best - 1 + first


def _curves() -> list[tuple[list[float], int, int]]:
    """Curves with ties, rises and a low that comes too late; losses below zero, one epoch."""
    falling = [9.0, 7.5, 8.0, 6.0, 6.5, 6.4, 6.3, 5.0]
    noisy = [round(v, 2) for v in (3 * normal(14, seed=4) - torch.arange(14) / 4).tolist()]
    return [
        (falling, 3, 1),
        (falling, 4, 1),
        (falling, 2, 3),
        ([4.0, 2.0, 3.0, 2.0, 2.5, 2.0, 2.1, 2.2, 1.0], 2, 1),
        ([1.0, 0.5, 3.0, 2.0, 2.2, 2.1, 0.1], 2, 4),
        ([5.0, 4.0, 3.0], 5, 1),
        ([7.0], 1, 1),
        ([3.0, 4.0, 2.0], 1, 1),
        ([1.0, 2.0, 3.0, 4.0, 5.0], 1, 5),
        (noisy, 3, 2),
        ([-x for x in falling], 5, 2),
        (falling[::-1], 3, 1),
        ([float(f"{x}e300") for x in falling], 3, 1),
        ([float(f"{x}e-9") for x in falling], 3, 1),
        (noisy * 20, 100, 7),
    ]


def early_stopping(function: Callable[[Losses, int, int], tuple[int, int]]) -> None:
    """`f(losses, patience, start)`: the epoch after which training ends, and the best epoch."""

    def anywhere(v: Losses, p: int, s: int) -> tuple[int, int]:
        """The best of all epochs, those after the end included."""
        return _stop(v, p, s)[0], min(range(s, len(v) + 1), key=lambda e: (v[e - 1], -e))

    mistakes: list[Mistake] = [
        (lambda v, p, s: _stop(v, p, s)[::-1], "the last epoch first, then the best one"),
        (lambda v, p, s: _stop(v, p, s, first=0), "the first epoch is number 1, not 0"),
        (lambda v, p, s: _stop(v, p, s, short=1), "one epoch too soon: all of patience must pass"),
        (lambda v, p, s: _stop(v, p, s, short=-1), "one epoch too late: it ends with patience"),
        (lambda v, p, s: _stop(v, p, s, ties=False), "an equal loss counts as improvement here"),
        (lambda v, p, s: _stop(v, p, 1), "epochs before start don't count: neither as best, nor"
         " as a low to be beaten"),
        (lambda v, p, s: _stop(v, p, s + 1), "the epoch `start` itself may be the best"),
        (lambda v, p, s: _stop(v, p, s, warm=True), "waiting begins with the first best epoch"),
        (lambda v, p, s: (len(v), anywhere(v, p, s)[1]), "that looks at all losses; but training"
         " ends, and what would have come is never seen"),
        (anywhere, "the best epoch lies after the end: that one was never trained"),
        (lambda v, p, s: (_stop(v, p, s)[1] + p, _stop(v, p, s)[1]), "there may be no more epochs"
         " to wait for: the end is the length of losses at most"),
    ]  # fmt: skip
    examine(
        function, _stop, _curves(), mistakes,
        "that is all that early stopping is; the weights of the best epoch come back.",
    )  # fmt: skip


def _labels_and_scores() -> list[tuple[Tensor, Tensor]]:
    """Scores in no order: drawn, with ties, all equal, of any size, one rare image only."""
    cases = []
    for n, k, scale, shift in ((12, 4, 1.0, 0.0), (7, 1, 1.0, -3.0), (60, 9, 50.0, 8.0),
                               (25, 24, 1e-3, 0.0), (1500, 150, 1.0, 0.0)):  # fmt: skip
        is_rare = torch.zeros(n, dtype=torch.bool)
        is_rare[normal(n, seed=n).argsort()[:k]] = True
        cases.append((is_rare, scale * (normal(n, seed=k) + is_rare) + shift))
    is_rare, scores = cases[2]
    tied = (is_rare, (scores / 25).round())
    return [
        *cases, tied, (is_rare, 5 + 1e-9 * scores.double()), (is_rare, torch.full((60,), 0.5)),
        (cases[4][0], -cases[4][1]),
        (tied[0].flip(0), tied[1].flip(0)), (torch.ones(5, dtype=torch.bool), normal(5)),
    ]  # fmt: skip


def average_precision(function: Callable[[Tensor, Tensor], float]) -> None:
    """`f(is_rare, scores)`: mean precision, weighted by the gain in recall at each threshold."""

    def curve(rare: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Precision and recall at each score as the threshold, the highest first."""
        thresholds = scores.unique().flip(0)
        called = scores >= thresholds[:, None]
        hits = (called & rare).sum(1).double()
        return hits / called.sum(1), hits / rare.sum()

    def truth(rare: Tensor, scores: Tensor) -> float:
        precision, recall = curve(rare, scores)
        return (precision * recall.diff(prepend=recall.new_zeros(1))).sum().item()

    def trapezoids(rare: Tensor, scores: Tensor) -> float:
        precision, recall = curve(rare, scores)
        return torch.trapezoid(torch.cat([precision.new_ones(1), precision]),
                               torch.cat([recall.new_zeros(1), recall])).item()  # fmt: skip

    def envelope(rare: Tensor, scores: Tensor) -> float:
        precision, recall = curve(rare, scores)
        best = precision.flip(0).cummax(0).values.flip(0)
        return (best * recall.diff(prepend=recall.new_zeros(1))).sum().item()

    def auroc(rare: Tensor, scores: Tensor) -> float | None:
        if rare.all():
            return None
        a, n = scores[rare], scores[~rare]
        return ((a[:, None] > n).double() + 0.5 * (a[:, None] == n)).mean().item()

    def of_ties(rare: Tensor, scores: Tensor) -> str:
        return advice_on_close_scores(scores) if len(scores.unique()) == len(scores) else (
            "Right as long as all scores differ; equal scores share a threshold, and their images "
            "come in together"
        )  # fmt: skip

    examine(
        function, truth, _labels_and_scores(),
        [
            (lambda r, s: truth(r, -s), "the highest score first: it is the most likely rare one"),
            (trapezoids, "no straight lines between: precision at the threshold, as it is there"),
            (envelope, "the precision at the threshold itself, not the best one further down"),
            (auroc, "that is the AUROC, where the common class counts as much as the rare one"),
            (lambda r, s: curve(r, s)[0].mean().item(), "weight each precision by its gain in"
             " recall"),
            (lambda r, s: None if r.all() else truth(~r, s), "precision and recall of the rare"
             " images are wanted"),
            (lambda r, s: truth(r, s) * r.sum().item(), "recall is a share: divide by the number"
             " of rare images"),
        ],
        "one number for all thresholds, in which a rare class counts for what it is.",
        otherwise=of_ties,
    )  # fmt: skip
