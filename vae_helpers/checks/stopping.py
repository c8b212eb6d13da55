"""Checks of notebook 3, continued: a validation curve, and when to stop."""

import math
import random
from collections.abc import Callable, Iterator, Sequence

import torch

from .comparing import normal
from .engine import examine
from .known_mistakes import Mistake

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
    """Curves with ties, rises and a low that comes too late; losses below zero, one epoch.

    The last ones are drawn: whole numbers, zero among them, for ties at every place, and the same
    as the smallest steps around a number that is large beside them.
    """
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
        ([float(v) for v in range(40)], 5, 20),
        *_drawn_curves(),
    ]


def _drawn_curves() -> Iterator[tuple[list[float], int, int]]:
    draw = random.Random(0)
    for step in (1.0, 1e-9):
        for epochs in (4, 5, 7, 9) * 8:
            whole = [draw.randrange(4) for _ in range(epochs)]
            base = 140.0 if step < 1 else draw.choice([0.0, -1.0])
            start, patience = 1 + draw.randrange(3), 1 + draw.randrange(4)
            yield [base + step * v for v in whole], patience, start


def early_stopping(function: Callable[[Losses, int, int], tuple[int, int]]) -> None:
    """`f(losses, patience, start)`: the epoch after which training ends, and the best epoch."""

    def anywhere(v: Losses, p: int, s: int) -> tuple[int, int]:
        """The best of all epochs, those after the end included."""
        return _stop(v, p, s)[0], min(range(s, len(v) + 1), key=lambda e: (v[e - 1], -e))

    mistakes: list[Mistake] = [
        (lambda v, p, s: _stop(v, p, s)[::-1], "the last epoch first, then the best one"),
        (lambda v, p, s: _stop(v, p, s, first=0), "the first epoch is number 1, not 0"),
        (lambda v, p, s: _stop(v, p, s, short=1), "one epoch too soon: all of patience must pass"),
        (lambda v, p, s: _stop(v, p, s, short=-1),
         "one epoch too late: it ends once the best lies patience epochs back"),
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
