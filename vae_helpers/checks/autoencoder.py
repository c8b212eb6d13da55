"""Checks of the exercises of notebook 1; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .comparing import normal
from .engine import examine


def nearest_code_distance(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """`f(points, codes)`: from each of the points (M, 2) to its nearest code (N, 2); (M,)."""

    def all_pairs(points: Tensor, codes: Tensor) -> Tensor:
        return (points[:, None] - codes).norm(dim=2)

    on_codes = normal(28, 2, seed=5)  # so many that rounding under a root is seen
    points = normal(130, 2, seed=6).double()
    many = torch.cat([normal(25_000, 2, seed=1).double(), points + 1e-3])  # the last are nearest

    def at_a_code(points: Tensor, codes: Tensor) -> str:
        return "" if all_pairs(points, codes).amin() > 0 else (
            "Right elsewhere. Where a point lies on a code, the distance is 0: |p|^2 - 2 p c + "
            "|c|^2 leaves a rounding error there, and the root enlarges it. Subtract first"
        )  # fmt: skip

    examine(
        function, lambda p, c: all_pairs(p, c).amin(dim=1),
        [
            *[(normal(m, 2), normal(n, 2, seed=1)) for m, n in ((6, 9), (1, 4), (50, 60))],
            (on_codes[:24], on_codes[4:]),  # some points lie on a code
            *[
                (size * normal(m, 2).double(), size * normal(n, 2, seed=1).double())
                for m, n, size in ((7, 3, 100), (70, 5000, 1), (3, 2, 1e12))
            ],
            (points, many),
        ],
        [
            (lambda p, c: all_pairs(p, c).amin(dim=0), "one distance a point, not one a code"),
            (lambda p, c: all_pairs(p, c).square().amin(dim=1), "its square: take the root"),
            (lambda p, c: all_pairs(p, c).mean(dim=1), "the nearest code, not the average one"),
            (lambda p, c: all_pairs(p, c).amax(dim=1), "the nearest code, not the furthest"),
            (lambda p, c: all_pairs(p, c).argmin(dim=1), "its distance, not its index"),
            (
                lambda p, c: all_pairs(p, c).masked_fill(all_pairs(p, c) == 0, math.inf).amin(1),
                "a distance of 0 counts, too: that point lies on a code",
            ),
            (
                lambda p, c: (p[:, None] - c).abs().sum(dim=2).amin(dim=1),
                "the straight-line distance: square root of the sum of squares",
            ),
        ],
        "a decoder was trained at codes only; this says how far from home you are.",
        otherwise=at_a_code,
    )  # fmt: skip


def denoising_loss(function: Callable[[Any, Tensor, Tensor], Tensor]) -> None:
    """`f(model, x, noise)`: squared error per image, (N,); `model(image)` gives a picture."""

    class Model(torch.nn.Module):  # with a weight, so that its gradient can be looked at
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(1, 1, 3, padding=1)
            self.layer.load_state_dict(
                {"weight": normal(1, 1, 3, 3, seed=4), "bias": torch.full((1,), 0.2)}
            )

        def forward(self, x: Tensor) -> Tensor:
            if x.dim() != 4:
                raise ValueError(f"the model wants images (batch, 1, H, W), got {tuple(x.shape)}")
            return self.layer(x).sigmoid()  # after which nothing may be changed in place

    model = Model()

    def error(a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().flatten(1).sum(dim=1)

    def truth(model: Any, x: Tensor, noise: Tensor) -> Tensor:
        return error(model(x + noise), x)

    examine(
        function, truth,
        [
            # some pixels are exactly 0 or 1, as those of digits are
            (model, normal(n, 1, h, w, seed=n).clamp(0, 1), normal(n, 1, h, w, seed=9))
            for n, h, w in ((3, 4, 5), (1, 6, 4), (150, 3, 4))
        ]
        # `model` may be any function, such as a method
        + [(lambda x: x / 2 + 0.1, normal(2, 1, 5, 3).sigmoid(), 20 * normal(2, 1, 5, 3, seed=9))],
        [
            (lambda m, x, e: error(m(x + e), x + e), "compare with the clean image, not the noisy"),
            (lambda m, x, e: error(m(x), x), "the model must see the noisy image, x + noise"),
            (lambda m, x, e: error(m(x), x + e), "the other way round: noisy in, clean wanted"),
            (lambda m, x, e: error(m(x + e), x) / x[0].numel(), "sum over pixels, no mean"),
            (lambda m, x, e: error(m(x + e), x).mean(), "one value per image, not their mean"),
            (lambda m, x, e: (m(x + e) - x).flatten(1).sum(1), "square the differences"),
            (lambda m, x, e: (m(x + e) - x).abs().flatten(1).sum(1), "squares, not abs()"),
            (lambda m, x, e: error(m((x + e).clamp(0, 1)), x), "don't clamp x + noise"),
            (lambda m, x, e: error(m(x + e).sigmoid(), x), "model gives pixels: no sigmoid"),
        ],
        "the target is the clean image, so that copying the input is no way out.",
        gradients=(0,),
    )  # fmt: skip
