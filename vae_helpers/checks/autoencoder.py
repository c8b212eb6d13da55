"""Checks of the exercises of notebook 1; the wrong formulas are answers that learners give."""

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

    on_codes = normal(12, 2, seed=5)
    examine(
        function, lambda p, c: all_pairs(p, c).amin(dim=1),
        [
            *[(normal(m, 2), normal(n, 2, seed=1)) for m, n in ((6, 9), (1, 4), (50, 60))],
            (on_codes[:9], on_codes[3:]),  # some points lie on a code
            *[
                (size * normal(m, 2).double(), size * normal(n, 2, seed=1).double())
                for m, n, size in ((7, 3, 100), (70, 1500, 1), (3, 2, 1e12))
            ],
        ],
        [
            (lambda p, c: all_pairs(p, c).amin(dim=0), "one distance a point, not one a code"),
            (lambda p, c: all_pairs(p, c).square().amin(dim=1), "its square: take the root"),
            (lambda p, c: all_pairs(p, c).mean(dim=1), "the nearest code, not the average one"),
            (lambda p, c: all_pairs(p, c).amax(dim=1), "the nearest code, not the furthest"),
            (lambda p, c: all_pairs(p, c).argmin(dim=1), "its distance, not its index"),
            (
                lambda p, c: (p[:, None] - c).abs().sum(dim=2).amin(dim=1),
                "the straight-line distance: square root of the sum of squares",
            ),
        ],
        "a decoder was trained at codes only; this says how far from home you are.",
    )  # fmt: skip


def pca_by_svd(function: Callable[[Tensor, int], Tensor]) -> None:
    """`f(x, k)`: rows x (N, D) rebuilt from their first k principal components, (N, D)."""

    def truth(x: Tensor, k: int) -> Tensor:
        mean = x.mean(dim=0)
        v = torch.linalg.svd(x - mean, full_matrices=False).Vh[:k]
        return mean + (x - mean) @ v.T @ v

    def uncentred(x: Tensor, k: int) -> Tensor:
        v = torch.linalg.svd(x, full_matrices=False).Vh[:k]
        return x @ v.T @ v

    def no_mean_back(x: Tensor, k: int) -> Tensor:
        return truth(x, k) - x.mean(dim=0)

    def one_mean(x: Tensor, k: int) -> Tensor:
        v = torch.linalg.svd(x - x.mean(), full_matrices=False).Vh[:k]
        return x.mean() + (x - x.mean()) @ v.T @ v

    def columns(x: Tensor, k: int) -> Tensor:
        mean = x.mean(dim=0)
        v = torch.linalg.svd(x - mean, full_matrices=False).Vh[:, :k]
        return mean + (x - mean) @ v @ v.T

    def without_sizes(x: Tensor, k: int) -> Tensor:
        u, _, vh = torch.linalg.svd(x - x.mean(dim=0), full_matrices=False)
        return x.mean(dim=0) + u[:, :k] @ vh[:k]

    def codes(x: Tensor, k: int) -> Tensor:
        mean = x.mean(dim=0)
        return (x - mean) @ torch.linalg.svd(x - mean, full_matrices=False).Vh[:k].T

    def last_components(x: Tensor, k: int) -> Tensor:
        mean = x.mean(dim=0)
        v = torch.linalg.svd(x - mean, full_matrices=False).Vh[-k:]
        return mean + (x - mean) @ v.T @ v

    def without_taking_off(x: Tensor, k: int) -> Tensor:
        v = torch.linalg.svd(x - x.mean(dim=0), full_matrices=False).Vh[:k]
        return x.mean(dim=0) + x @ v.T @ v

    def raw_directions(x: Tensor, k: int) -> Tensor:
        mean, v = x.mean(dim=0), torch.linalg.svd(x, full_matrices=False).Vh[:k]
        return mean + (x - mean) @ v.T @ v

    examine(
        function, truth,
        [
            (normal(20, 6) * torch.arange(1, 7) + 2, 2),
            (normal(9, 5, seed=1) + 1, 4),
            (1e3 * normal(6, 11, seed=2).double() - 1, 3),
        ],
        [
            (uncentred, "subtract the mean image first, and add it back at the end"),
            (no_mean_back, "almost: add the mean image back at the end"),
            (one_mean, "the mean is one per pixel (dim=0), not a single number"),
            (columns, "the directions are the rows of Vh: Vh[:k], not Vh[:, :k]"),
            (without_sizes, "the singular values S are missing; or project x - mean instead"),
            (codes, "these are the codes; multiply by the directions again to get back to pixels"),
            (last_components, "those are the last components; svd sorts the largest first"),
            (without_taking_off, "subtract the mean before you project, too, not only for the SVD"),
            (
                lambda x, k: without_taking_off(x, k) - x.mean(dim=0),
                "subtract the mean before you project, too, not only for the SVD",
            ),
            (raw_directions, "the SVD wants x - mean, too: else it finds the mean first"),
        ],
        "PCA is the best flat surface, the baseline that a nonlinear autoencoder must beat.",
    )  # fmt: skip


def components_needed(function: Callable[[Tensor, float], int]) -> None:
    """`f(x, share)`: fewest principal components that keep this share of x's variance."""

    def values(x: Tensor, power: int = 2) -> Tensor:
        s = torch.linalg.svdvals(x - x.mean(dim=0)) ** power
        return s.cumsum(0) / s.sum()

    def truth(x: Tensor, share: float) -> int:
        return int((values(x) < share).sum()) + 1

    def uncentred(x: Tensor, share: float) -> int:
        s = torch.linalg.svdvals(x).square()
        return int((s.cumsum(0) / s.sum() < share).sum()) + 1

    data = 3 * normal(200, 40) * 0.93 ** torch.arange(40) + torch.arange(40) / 10
    square = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])  # both directions hold one half
    cases = [(data, share) for share in (0.9, 0.8, 0.3, 0.99)]
    cases += [(data[:50, :7].double(), 0.6), (square, 0.5), (square, 0.6)]
    cases += [(data[:6], 0.95), (normal(150, 60, seed=2), 0.99)]  # few images; nearly all of them
    examine(
        function, truth, cases,
        [
            (
                lambda x, share: int((values(x, 1) < share).sum()) + 1,
                "variance goes with the square of a singular value",
            ),
            (uncentred, "subtract the mean first: variance is measured around it"),
            (lambda x, share: truth(x, share) - 1, "one too few: that many hold less than it"),
            (lambda x, share: truth(x, share) + 1, "one too many"),
            (
                lambda x, share: int((values(x) <= share).sum()) + 1,
                "at least this share: just the share is enough, and then it is one too many",
            ),
            (
                lambda x, share: int((values(x).diff(prepend=0 * values(x)[:1]) < share).sum()) + 1,
                "add the shares up before you compare: cumsum",
            ),
            (lambda x, share: 1, "always 1? Divide by the sum of all before you count"),
            (lambda x, share: share, "the number of components, not a share"),
        ],
        "how flat data are: the fewer components, the less is left for a curved surface to gain.",
    )  # fmt: skip


def denoising_loss(function: Callable[[Any, Tensor, Tensor], Tensor]) -> None:
    """`f(model, x, noise)`: squared error per image, (N,); `model(image)` gives a picture."""

    class Model(torch.nn.Module):  # with a weight, so that its gradient can be looked at
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(1, 1, 3, padding=1)
            with torch.no_grad():
                self.layer.weight.copy_(normal(1, 1, 3, 3, seed=4))

        def forward(self, x: Tensor) -> Tensor:
            if x.dim() != 4:
                raise ValueError(f"the model wants images (batch, 1, H, W), got {tuple(x.shape)}")
            return self.layer(x) / 4 + 0.3

    model = Model()

    def error(a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().flatten(1).sum(dim=1)

    def truth(model: Any, x: Tensor, noise: Tensor) -> Tensor:
        return error(model(x + noise), x)

    examine(
        function, truth,
        [
            (model, normal(n, 1, h, w, seed=n).sigmoid(), normal(n, 1, h, w, seed=9))
            for n, h, w in ((3, 4, 5), (1, 6, 4))
        ],
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
        "to remove noise, a network must know what images look like.",
        gradients=(0,),
    )  # fmt: skip
