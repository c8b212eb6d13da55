"""Checks of the exercises of notebook 1 on principal components, and their wrong formulas."""

from collections.abc import Callable

import torch
from torch import Tensor

from .comparing import normal
from .engine import examine


def _late_turn() -> Tensor:
    """Many rows, of which the last vary in other columns than the first."""
    rows = normal(1700, 9, seed=4).double()
    rows[:800, 4:], rows[800:, :4] = 0, 0.1 * rows[800:, :4]
    return rows


def _tables() -> list[tuple[Tensor, int]]:
    return [
        (normal(20, 6) * torch.arange(1, 7) + 2, 2),
        (normal(9, 5, seed=1) + 1, 4),
        (1e3 * normal(6, 11, seed=2).double() - 1, 3),
        (normal(300, 40, seed=3).double(), 12),  # close together, so no short cut
        (normal(60, 20, seed=5).double(), 15),
        (_late_turn(), 5),
    ]


def pca_by_svd(function: Callable[[Tensor, int], Tensor]) -> None:
    """`f(x, k)`: rows x (N, D) rebuilt from their first k principal components, (N, D)."""

    def truth(x: Tensor, k: int) -> Tensor:
        mean = x.mean(dim=0)
        v = torch.linalg.svd(x - mean, full_matrices=False).Vh[:k]
        return mean + (x - mean) @ v.T @ v

    def uncentred(x: Tensor, k: int) -> Tensor:
        v = torch.linalg.svd(x, full_matrices=False).Vh[:k]
        return x @ v.T @ v

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
        _tables(),
        [
            (uncentred, "subtract the mean image first, and add it back at the end"),
            (lambda x, k: truth(x, k) - x.mean(0), "almost: add the mean image back at the end"),
            (one_mean, "the mean is one per pixel (dim=0), not a single number"),
            (
                columns,
                "the directions are the rows of Vh: Vh[:k], not Vh[:, :k] (torch.svd returns V, "
                "whose columns they are)",
            ),
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
    # Both directions hold one half; in double precision, so that rounding doesn't decide.
    square = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=torch.float64)
    cases = [(data, share) for share in (0.9, 0.8, 0.3, 0.99)]
    cases += [(data[:50, :7].double(), 0.6), (square, 0.5), (square, 0.6)]
    cases += [(data[:6], 0.95), (normal(150, 60, seed=2), 0.99)]  # few images; nearly all of them
    cases += [(normal(600, 300, seed=3) * (1 + torch.arange(600)[:, None] / 300), 0.7349)]
    cases += [(_late_turn(), 0.5), (_late_turn(), 0.9)]
    fine = normal(90, 30, seed=7).double()  # so near that shares rounded to percents won't do
    cases += [
        (fine, values(fine)[k].item() + off) for k in (4, 7, 9, 12, 14) for off in (2e-6, -2e-6)
    ]
    examine(
        function, truth, cases,
        [
            (
                lambda x, share: int((values(x, 1) < share).sum()) + 1,
                "variance goes with the square of a singular value",
            ),
            (uncentred, "subtract the mean first: variance is measured around it"),
            (lambda x, share: truth(x, share) - 1, "one too few: that many hold less"),
            (lambda x, share: truth(x, share) + 1, "one too many"),
            (
                lambda x, share: int((values(x) <= share).sum()) + 1,
                "if k components hold exactly the share, k is the answer, not k + 1",
            ),
            (
                lambda x, share: int((values(x).diff(prepend=0 * values(x)[:1]) < share).sum()) + 1,
                "add the shares up before you compare: cumsum",
            ),
            (lambda x, share: 1, "always 1? Divide by the sum of all before you count"),
            (lambda x, share: share, "the number of components, not a share"),
        ],
        "so many flat directions hold that share of the variance, and no fewer do.",
    )  # fmt: skip
