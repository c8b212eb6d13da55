"""Checks of the exercises of notebook 4; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .comparing import normal
from .engine import Mistake, examine


def conformal_p_values(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """`f(calibration, scores)`: for each score, the share as high or higher, itself counted."""
    cdf = torch.special.ndtr

    def above(calibration: Tensor, scores: Tensor) -> Tensor:
        return (calibration >= scores[:, None]).sum(dim=1).to(scores.dtype)

    def truth(calibration: Tensor, scores: Tensor) -> Tensor:
        return (above(calibration, scores) + 1) / (len(calibration) + 1)

    kinds = ((9, 5, 1.0), (30, 4, 50.0), (1, 3, 1.0), (6, 6, 1e-3), (200, 1, 1.0))
    cases = [(k * normal(n, seed=n), 1.5 * k * normal(m, seed=m + 1)) for n, m, k in kinds]
    tied = (3 * normal(40, seed=5)).round()
    cases += [
        (tied, torch.tensor([3.0, -2.0, 0.0, 9.0, -12.0])),
        (cases[0][0].double() - 60, cases[0][1].double() - 60),
        (5 + 1e-9 * cases[1][0].double(), 5 + 1e-9 * cases[1][1].double()),
    ]
    examine(
        function, truth, cases,
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
            (lambda c, s: truth(c, s.sort().values), "in the order of the scores"),
            (lambda c, s: above(c, s) + 1, "a share: divide by n + 1"),
            (lambda c, s: truth(c, s).round(), "a share, not a whole number: / instead of //"),
            (
                lambda c, s: None if len(c) == 1 else cdf((c.mean() - s) / c.std()),
                "count; no normal distribution was promised",
            ),
        ],
        "of exchangeable images at most 1% get 0.01 or less, whatever their distribution.",
    )  # fmt: skip


def _directions() -> list[tuple[Tensor, Tensor]]:
    """One and several others, neither unit vectors nor at right angles; large and small ones."""
    cases = []
    for k, d, size in ((2, 5, 1.0), (1, 3, 30.0), (3, 20, 1e-3), (4, 6, 1.0), (1, 2, 1.0),
                       (3, 3 + 1, 200.0)):  # fmt: skip
        way, others = normal(d, seed=k), normal(k, d, seed=d + k) + 0.5 * normal(d, seed=9)
        cases.append((size * way, others * (1 + torch.arange(k))[:, None] / size))
    way, others = cases[0]
    double = (cases[3][0].double(), cases[3][1].double())
    apart = torch.eye(6)[[1, 4]]  # already at right angles to one another
    return [*cases, (way, -others), double, (normal(6, seed=3), apart), (torch.eye(6)[0], apart)]


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

    mistakes: list[Mistake] = [
        (rest, "of length 1: divide by its norm at the end"),
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
        "a step along it leaves the others as they are, as far as directions can tell.",
    )  # fmt: skip


def _share_below(values: Tensor, reference: Tensor) -> Tensor:
    """For each value, the share of reference values below it, ties counting half."""
    less, equal = reference < values[:, None], reference == values[:, None]
    return (less.double() + 0.5 * equal).mean(dim=1)


Scores = tuple[Tensor, Tensor, Tensor, Tensor]


def _two_scores() -> list[Scores]:
    """Two scores of the same images: alike, on other scales, with ties, opposite ones."""
    cases: list[Scores] = []
    for n, m, noise, scale in ((20, 12, 1.0, 1.0), (7, 9, 0.3, 500.0), (2, 2, 2.0, 1.0),
                               (40, 8, 1.0, 1e-3), (8, 30, 3.0, 1.0)):  # fmt: skip
        a, b = normal(n, seed=n), normal(m, seed=m + 1) + 1
        x, y = normal(n, seed=n + 2), normal(m, seed=m + 3) + 0.5
        cases.append((a, b, scale * (a + noise * x) - 4, scale * (b + noise * y) - 4))
    a, b, x, y = cases[0]
    cases.append((a.round(), b.round(), x.round(), y.round()))
    a, b, x, y = (5 + 1e-9 * v.double() for v in cases[0])
    cases.append((a, b, x, y))
    return [*cases, (a, b, -a, -b)]


def auroc_difference(
    function: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[float, float]],
) -> None:
    """`f(normal_a, anomalous_a, normal_b, anomalous_b)`: AUROC of a less b; half its interval."""

    def shares(n: Tensor, a: Tensor, x: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Differences of the shares, of each anomalous image and of each normal one."""
        return (
            _share_below(a, n) - _share_below(b, x),
            _share_below(x, b) - _share_below(n, a),
        )

    def parts(n: Tensor, a: Tensor, x: Tensor, b: Tensor) -> tuple[float, list[float]]:
        rows = shares(n, a, x, b)
        return rows[0].mean().item(), [(row.var() / len(row)).item() for row in rows]

    def truth(*case: Tensor) -> tuple[float, float]:
        value, variances = parts(*case)
        return value, 1.96 * math.sqrt(sum(variances))

    def unpaired(n: Tensor, a: Tensor, x: Tensor, b: Tensor) -> tuple[float, float]:
        pieces = [(_share_below(*p).var() / len(p[0])).item() for p in
                  ((a, n), (n, a), (b, x), (x, b))]  # fmt: skip
        return truth(n, a, x, b)[0], 1.96 * math.sqrt(sum(pieces))

    def instead(half_width: Callable[[float, list[float]], float]) -> Callable[..., object]:
        return lambda *case: (truth(*case)[0], half_width(truth(*case)[1], parts(*case)[1]))

    def without(correction: int) -> Callable[..., object]:
        def wrong(*case: Tensor) -> tuple[float, float]:
            rows = shares(*case)
            pieces = [(row.var(correction=0) / len(row)).item() for row in rows]
            return truth(*case)[0], 1.96 * math.sqrt(sum(pieces))

        return wrong

    def spread(*case: Tensor) -> tuple[float, float]:
        return truth(*case)[0], 1.96 * math.sqrt(sum(r.var().item() for r in shares(*case)))

    examine(
        function, truth, _two_scores(),
        [
            (unpaired, "both scores come from the same images: subtract image by image, and take"
             " the variance of the differences"),
            (lambda *c: (-truth(*c)[0], truth(*c)[1]), "score a minus score b, not the other way"),
            (instead(lambda w, v: w / 1.96), "that is the standard error: 1.96 times as much"),
            (instead(lambda w, v: 2 * w), "half the width: from the middle to one end"),
            (instead(lambda w, v: w**2 / 1.96), "the root of the sum of the variances"),
            (instead(lambda w, v: 1.96 * (v[0] ** 0.5 + v[1] ** 0.5)), "add the variances, then"
             " take the root"),
            (instead(lambda w, v: 1.96 * v[0] ** 0.5), "the normal images are a sample, too"),
            (instead(lambda w, v: 1.96 * v[1] ** 0.5), "the anomalous images are a sample, too"),
            (without(1), ".var() divides by n - 1"),
            (spread, "divide each variance by its number of images"),
        ],
        "two rows of a table differ by so much, and chance alone by so little: now you can tell.",
    )  # fmt: skip
