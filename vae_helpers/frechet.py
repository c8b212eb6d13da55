"""How far one set of images is from another, judged by means and covariances of features."""

import torch
from torch import Tensor

from .arguments import check_tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance between normal distributions fitted to two sets of features.

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), with means m and covariances C: 0 if these
    agree. It sees nothing else of the sets, and sets of finitely many draws from one distribution
    are some way apart: give the distance between two real ones beside it.

    Args:
        a: features of one set, shape (N, D), such as principal components of images.
        b: features of the other set, shape (M, D).

    Returns:
        In squared units of the features.

    Raises:
        TypeError, ValueError: if `a` and `b` are no such matrices with at least two rows each.

    Source: Dowson & Landau (1982); as a measure of generators: Heusel et al. (2017).
    """
    for name, values in (("a", a), ("b", b)):
        check_tensor(name, values)
        if values.ndim != 2 or len(values) < 2:
            raise ValueError(
                f"{name} must have shape (N, D), features of N >= 2 images, got "
                f"{tuple(values.shape)}"
            )
        if not values.isfinite().all():
            raise ValueError(f"{name} holds values that are infinite or not a number")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a and b must have equally many features, got {a.shape[1]}, {b.shape[1]}")
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    shift = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    cov_a, cov_b = torch.cov(a.T).view(a.shape[1], -1), torch.cov(b.T).view(b.shape[1], -1)
    # C_a C_b has the eigenvalues of the symmetric R C_b R, where R R = C_a.
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    overlap = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    return (shift + cov_a.trace() + cov_b.trace() - 2 * overlap).clamp(min=0).item()
