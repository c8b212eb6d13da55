"""Checks of notebook 3, continued: a curve of precision and recall."""

from collections.abc import Callable

import torch
from torch import Tensor

from .comparing import normal
from .engine import examine
from .words import advice_on_close_scores


def _labels_and_scores() -> list[tuple[Tensor, Tensor]]:
    """Scores in no order: drawn, with ties, all equal, of any size, one rare image only."""
    cases = []
    for n, k, scale, shift in ((12, 4, 1.0, 0.0), (7, 1, 1.0, -3.0), (60, 9, 50.0, 8.0),
                               (25, 24, 1e-3, 0.0), (1500, 150, 1.0, 0.0),
                               (3500, 90, 1.0, 0.0)):  # fmt: skip
        is_rare = torch.zeros(n, dtype=torch.bool)
        is_rare[normal(n, seed=n).argsort()[:k]] = True
        cases.append((is_rare, scale * (normal(n, seed=k) + is_rare) + shift))
    is_rare, scores = cases[2]
    tied = (is_rare, (scores / 25).round())
    around_zero = (cases[2][0], cases[2][1].argsort().argsort() - 30.0)
    return [
        *cases, around_zero, tied,
        (is_rare, 5 + 1e-12 * scores.double()), (is_rare, torch.full((60,), 0.5)),
        (cases[4][0], -cases[4][1]), (cases[5][0], (2 * cases[5][1]).round()),
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
