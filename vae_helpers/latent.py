"""Points and paths in latent space: grids to decode, and ways from one code to another."""

import torch
from torch import Tensor

from .arguments import check_count, check_number, check_tensor


def _square(values: Tensor) -> Tensor:
    """All pairs of `values`, in the order of an image grid: top row first, left to right."""
    return torch.cartesian_prod(values.flip(0), values).flip(1)


def _check_range(n: int, low: float, high: float) -> None:
    check_number("n", n, lambda v: isinstance(v, int) and v >= 2, "a whole number, 2 or more")
    if low >= high:
        raise ValueError(f"low must be less than high, got low={low}, high={high}")


def uniform_grid(n: int = 20, low: float = -3.0, high: float = 3.0) -> Tensor:
    """Evenly spaced points of a square in a 2-D latent space.

    Args:
        n: points an axis, 2 or more.
        low: smallest coordinate.
        high: largest coordinate.

    Returns:
        Shape (n * n, 2), row by row, with the largest second coordinate in the first row: the
        order in which `plot_image_grid` and `tile_images` put images on the page.

    Raises:
        ValueError: if an argument is unusable.
    """
    for name, value in (("low", low), ("high", high)):
        check_number(name, value, lambda v: True, "a finite number")
    _check_range(n, low, high)
    return _square(torch.linspace(low, high, n))


def inverse_cdf_grid(n: int = 20, low: float = 0.05, high: float = 0.95) -> Tensor:
    """Points of a 2-D latent space at evenly spaced quantiles of the prior N(0, I).

    Between two neighbours on an axis lies the same probability everywhere, so that each tile of
    a decoded grid stands for the same share of what the model generates.

    Args:
        n: points an axis, 2 or more.
        low: probability below the smallest coordinate, above 0.
        high: probability below the largest coordinate, below 1.

    Returns:
        Shape (n * n, 2), row by row, with the largest second coordinate in the first row.

    Raises:
        ValueError: if an argument is unusable.

    Source: Kingma & Welling (2014), Appendix A; set-up of Lineberry (2020) by default.
    """
    for name, value in (("low", low), ("high", high)):
        remedy = "inside (0, 1), because the quantiles of 0 and 1 are infinite; try 0.05 and 0.95"
        check_number(name, value, lambda v: 0 < v < 1, remedy)
    _check_range(n, low, high)
    from scipy.stats import norm

    probabilities = torch.linspace(low, high, n, dtype=torch.float64)
    return _square(torch.from_numpy(norm.ppf(probabilities.numpy())).float())


def _check_ends(start: Tensor, end: Tensor, n: int) -> None:
    check_count("n", n)
    for name, value in (("start", start), ("end", end)):
        check_tensor(name, value, like=("start", start))
        if value.ndim == 0:
            raise ValueError(f"{name} must have shape (..., latent_dim), got a single number")
    if start.dtype != end.dtype:
        raise TypeError(f"start is {start.dtype}, end {end.dtype}: use end.to(start.dtype)")
    if start.shape != end.shape:
        raise ValueError(
            f"start and end must have the same shape, "
            f"got {tuple(start.shape)} and {tuple(end.shape)}"
        )


def lerp(start: Tensor, end: Tensor, n: int) -> Tensor:
    """Straight lines from one code to another, both end points included.

    Args:
        start: shape (latent_dim,) or, for several lines at once, (batch, latent_dim).
        end: same shape.
        n: points a line; a single one is `start`.

    Returns:
        Shape (n, latent_dim) or (n, batch, latent_dim).

    Raises:
        TypeError, ValueError: if an argument is unusable.
    """
    _check_ends(start, end, n)
    t = torch.linspace(0, 1, n, dtype=start.dtype, device=start.device)
    return torch.lerp(start, end, t.view(n, *[1] * start.ndim))


def slerp(start: Tensor, end: Tensor, n: int) -> Tensor:
    """Arcs from one code to another: even steps in angle, seen from the origin.

    Where no arc is defined (a code is zero, or both point the same or opposite ways), the way
    is a straight line.

    Args:
        start: shape (latent_dim,) or, for several arcs at once, (batch, latent_dim).
        end: same shape.
        n: points an arc; a single one is `start`.

    Returns:
        Shape (n, latent_dim) or (n, batch, latent_dim).

    Raises:
        TypeError, ValueError: if an argument is unusable.

    Source: Shoemake (1985); for latent spaces: White (2016).
    """
    straight = lerp(start, end, n)
    a, b = start.cpu().double(), end.cpu().double()  # Apple's GPUs have no double precision
    unit_a, unit_b = (torch.nn.functional.normalize(v, dim=-1) for v in (a, b))
    # Half-angle form (Kahan): accurate for small angles, where acos of the cosine is not.
    gap, total = (unit_a - unit_b).norm(dim=-1), (unit_a + unit_b).norm(dim=-1)
    angle = 2 * torch.atan2(gap, total).unsqueeze(-1)
    t = torch.linspace(0, 1, n, dtype=a.dtype).view(n, *[1] * a.ndim)
    arc = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    is_zero = (a.norm(dim=-1, keepdim=True) == 0) | (b.norm(dim=-1, keepdim=True) == 0)
    on_line = is_zero | (torch.sin(angle).abs() < 1e-6)
    is_end = (t == 0) | (t == 1)  # exact there, free of rounding
    return torch.where((on_line | is_end).to(straight.device), straight, arc.to(straight))
