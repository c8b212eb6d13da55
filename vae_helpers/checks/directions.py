"""The check of a direction that leaves others alone; the wrong formulas are learners' answers."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .comparing import difference, normal
from .engine import examine
from .known_mistakes import Mistake
from .words import shown

NORM = "divide by its norm at the end, and add nothing to the norm"


def _directions() -> list[tuple[Tensor, Tensor]]:
    """One and several others, neither unit vectors nor at right angles; large and small ones."""
    cases = []
    for k, d, size in ((2, 5, 1.0), (1, 3, 30.0), (3, 20, 1e-3), (4, 6, 1.0), (1, 2, 1.0),
                       (3, 4, 200.0), (12, 50, 1.0)):  # fmt: skip
        way, others = normal(d, seed=k), normal(k, d, seed=d + k) + 0.5 * normal(d, seed=9)
        cases.append((size * way, others * (1 + torch.arange(k))[:, None] / size))
    way, others = cases[0]
    double = (cases[3][0].double(), cases[3][1].double())
    apart = torch.eye(6)[[1, 4]]  # already at right angles to one another
    # Nearly parallel, too much so for single precision: what one subtraction brings back of
    # another dies out in far too many rounds, and least squares may drop what is short.
    alike = normal(6, seed=8).double() + 3e-6 * normal(2, 6, seed=6).double()
    short = torch.cat([alike, normal(2, 6, seed=4)]) * torch.tensor([[1e-6], [1e4], [1], [1]])
    mixed = torch.nn.functional.normalize(normal(3, 8, seed=7), dim=1)
    lengths = torch.tensor([[1.0], [1e-6], [100.0]])  # in one call, in both precisions
    return [
        *cases, (way, -others), double, (normal(6, seed=3), apart), (torch.eye(6)[0], apart),
        (normal(8, seed=5).double(), (lengths * mixed).double()),
        (normal(8, seed=5), lengths * mixed), (normal(20, seed=4), lengths * normal(3, 20, seed=6)),
        (normal(6, seed=3), normal(6, seed=8) + 1e-4 * normal(3, 6, seed=6)),
        (1e-9 * normal(6, seed=3).double(), alike * torch.tensor([[1.0], [3.0]])),
        (normal(6, seed=3).double(), short),
        (normal(60, seed=2), normal(30, 60, seed=4)),
    ]  # fmt: skip


def direction_apart(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """`f(way, others)`: the direction (d,) nearest to `way` at right angles to others (k, d)."""

    def unit(v: Tensor) -> Tensor:
        return torch.nn.functional.normalize(v, dim=-1, eps=1e-30)

    def rest(way: Tensor, others: Tensor) -> Tensor:
        basis = torch.linalg.qr(others.T.double()).Q
        return way - (basis @ (basis.T @ way.double())).to(way.dtype)

    def all_at_once(way: Tensor, others: Tensor) -> Tensor:
        return way - (unit(others) @ way) @ unit(others)

    def in_turn(way: Tensor, others: Tensor) -> Tensor:
        for other in others:
            way = way - (way @ unit(other)) * unit(other)
        return way

    def unscaled(way: Tensor, others: Tensor) -> Tensor:
        return way - (others @ way) @ others

    def compare(found: Any, expected: Tensor, case: tuple[Any, ...]) -> str:
        fault = difference(found, expected)
        if not fault.startswith("at index") or (found.double().norm() - 1).abs() < 1e-3:
            return fault
        return f"of length {shown(found.double().norm().item(), 4)}, and 1 is wanted: {NORM}"

    def advice(_: Tensor, others: Tensor) -> str:
        lengths = others.norm(dim=1)
        if lengths.amax() > 1e4 * lengths.amin():
            return (
                "Right unless one of the others is very short beside the rest; least squares, "
                "pinv and small numbers added lose it: scale each of them to length 1 first"
            )
        return "" if len(others) == 1 or torch.linalg.cond(unit(others)) < 50 else (
            "Right unless the others are nearly parallel. Then one subtraction after the other, "
            "however often, leaves a rest, and so does a small number added, or a small rest "
            "dropped: make them orthogonal, or solve for all by least squares, not by their "
            "products with one another; and do either in double precision"
        )  # fmt: skip

    mistakes: list[Mistake] = [
        (rest, f"of length 1: {NORM}"),
        (lambda w, o: rest(unit(w), o), "divide by the norm after the subtraction, not before"),
        (
            lambda w, o: unit(all_at_once(w, o)),
            "the others are not at right angles to one another: what they share is subtracted "
            "twice; make them so first, or solve for all together",
        ),
        (
            lambda w, o: unit(in_turn(w, o)),
            "the second subtraction brings back some of the first: make the others orthogonal to "
            "one another before",
        ),
        (lambda w, o: unit(unscaled(w, o)), "divide by the squared norm of each other direction"),
        (lambda w, o: unit(rest(w, o[:1])), "that is apart from the first one only"),
        (lambda w, o: unit(rest(w, o[-1:])), "that is apart from the last one only"),
        (lambda w, o: unit(rest(w, o.mean(0)[None])), "apart from each of them, not their mean"),
        (lambda w, o: unit(w - rest(w, o)), "that is the part to be taken away: way minus it"),
        (lambda w, o: -unit(rest(w, o)), "it points backwards"),
        (lambda w, o: unit(w), "where are the others?"),
    ]
    examine(
        function, lambda w, o: unit(rest(w, o)), _directions(), mistakes,
        "at right angles to all of the others; what a step changes in images, look and measure.",
        otherwise=advice,
        compare=compare,
    )  # fmt: skip
