"""Maps of a two-dimensional latent space: scattered codes, and images decoded over a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ..arguments import as_array, check_mapping
from .images import new_figure, tile_images

if TYPE_CHECKING:  # Matplotlib is loaded by the first figure.
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _draw_borders(ax: Axes, regions: np.ndarray, height: int, width: int) -> None:
    """Lines between tiles of different classes; each class named once, in its largest region."""
    from scipy import ndimage

    n = len(regions)
    line: dict[str, Any] = {"color": "#ff9d1f", "linewidth": 2}
    for i, j in np.argwhere(regions[:, 1:] != regions[:, :-1]):
        ax.plot([(j + 1) * width] * 2, [i * height, (i + 1) * height], **line)
    for i, j in np.argwhere(regions[1:] != regions[:-1]):
        ax.plot([j * width, (j + 1) * width], [(i + 1) * height] * 2, **line)
    for label in np.unique(regions):
        pieces, _ = ndimage.label(regions == label)
        largest = pieces == np.bincount(pieces.flat)[1:].argmax() + 1  # 0 is outside
        depth = ndimage.distance_transform_cdt(np.pad(largest, 1))[1 : n + 1, 1 : n + 1]
        i, j = np.unravel_index(np.argmax(depth), depth.shape)  # the tile deepest inside
        box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": "#ff9d1f"}
        place = ((j + 0.5) * width, (i + 0.5) * height)
        ax.text(*place, str(label), ha="center", va="center", fontweight="bold", bbox=box)


def plot_image_grid(
    panels: Mapping[str, tuple[Tensor, Tensor]], regions: Tensor | None = None
) -> Figure:
    """Images decoded over a 2-D latent grid, with the latent values as tick labels.

    Args:
        panels: title -> (images, grid), one panel an entry: images (n * n, C, H, W) in [0, 1], grey
            (C = 1) or in colour (C = 3), and what `uniform_grid` or `inverse_cdf_grid` returned,
            (n * n, 2).
        regions: class of each image, (n * n,); if given, borders between the classes are drawn,
            and each class is named once, in its largest region.

    Raises:
        ValueError: if images and grid do not belong together, or the grid is not square.
    """
    check_mapping("panels", panels, "(images, grid)")
    first = next(iter(panels.values()))[0]
    shape = first.shape[2] / first.shape[3]  # of one image, and so of the whole square of them
    size = 8 * shape if len(panels) == 1 else 8 * shape / len(panels) + 0.2
    figure, axes = new_figure(size, len(panels))
    for ax, (title, (images, grid)) in zip(axes, panels.items(), strict=True):
        n, height, width = math.isqrt(len(grid)), images.shape[2] + 1, images.shape[3] + 1
        if len(images) != len(grid) or n * n != len(grid):
            raise ValueError(
                f"images and grid must have the same length, a square number, "
                f"got {len(images)} and {len(grid)}"
            )
        ax.imshow(as_array(tile_images(images, n)), cmap="gray", vmin=0, vmax=1)
        # Columns share the first coordinate, rows the second, top row first.
        ticks = range(0, n, max(1, n * len(panels) // 10))
        columns, rows = as_array(grid[:n, 0]), as_array(grid[::n, 1])
        ax.set_xticks([i * width + width / 2 for i in ticks], [f"{columns[i]:.1f}" for i in ticks])
        ax.set_yticks([i * height + height / 2 for i in ticks], [f"{rows[i]:.1f}" for i in ticks])
        if regions is not None:
            _draw_borders(ax, as_array(regions).reshape(n, n), height, width)
        ax.set(xlabel="$z_1$", title=title)
    axes[0].set_ylabel("$z_2$")
    return figure


def plot_density(panels: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """Densities over a plane as maps, side by side, all with one scale of colours.

    The scale ends at the 99.5% quantile of all values, so that a few peaks don't darken the rest.

    Args:
        panels: title -> (density, grid), one panel an entry: the density at each point, (n * n,),
            and the points, (n * n, 2), as `uniform_grid` returns them.

    Raises:
        TypeError, ValueError: if density and grid do not belong together, or the grid has no n * n
            points.
    """
    check_mapping("panels", panels, "(density, grid)")
    values = np.concatenate([as_array(density) for density, _ in panels.values()])
    top = np.quantile(values, 0.995)
    figure, axes = new_figure(8.4 / len(panels), len(panels))
    for ax, (title, (density, grid)) in zip(axes, panels.items(), strict=True):
        n = math.isqrt(len(grid))
        if density.shape != (len(grid),) or n * n != len(grid):
            raise ValueError(
                f"density and grid must have shapes (n * n,) and (n * n, 2), got "
                f"{tuple(density.shape)} and {tuple(grid.shape)} for {title!r}"
            )
        x, y = as_array(grid[:n, 0]), as_array(grid[::n, 1])
        drawn = ax.pcolormesh(
            x, y, as_array(density).reshape(n, n), cmap="cividis", vmin=0, vmax=top, rasterized=True
        )
        ax.set(xlabel="$z_1$", title=title, aspect="equal")
    axes[0].set_ylabel("$z_2$")
    figure.colorbar(drawn, ax=axes, label="density", shrink=0.8, extend="max")
    return figure


def _core_range(points: np.ndarray) -> list[tuple[float, float]]:
    """Ranges of both coordinates without the outermost 0.5% at either end, slightly widened."""
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    margin = 0.05 * (high - low) + 1e-6
    return list(zip((low - margin).tolist(), (high + margin).tolist(), strict=True))


def _label_places(points: np.ndarray, labels: np.ndarray) -> dict[Any, tuple[float, float]]:
    """For each label the place where it is common and the others are rare, on a coarse grid."""
    span = _core_range(points)

    def count(some: np.ndarray) -> Any:
        return np.histogram2d(some[:, 0], some[:, 1], bins=25, range=span)

    total, x_edges, y_edges = count(points)
    free, places = np.ones_like(total), {}
    for label in np.unique(labels):
        own = count(points[labels == label])[0]
        i, j = np.unravel_index(np.argmax(free * own**2 / np.maximum(total, 1)), own.shape)
        places[label] = (x_edges[i : i + 2].mean(), y_edges[j : j + 2].mean())
        free[max(0, i - 1) : i + 2, max(0, j - 1) : j + 2] = 0  # no label on top of another
    return places


def plot_codes(
    codes: Mapping[str, Tensor],
    labels: Tensor,
    ellipses: tuple[Tensor, Tensor] | None = None,
    **marks: Tensor,
) -> Figure:
    """Scatter of 2-D codes coloured by digit, each digit also written where it prevails.

    The outermost half percent of the codes at either end of an axis may lie outside the frame,
    unless there are marks.

    Args:
        codes: title -> codes (N, 2), one panel an entry.
        labels: digits (N,).
        ellipses: centres and half-axes (M, 2) each, such as mu and 2 * sigma; drawn in each panel.
        **marks: further points (M, 2), drawn as black crosses and named in the legend.

    Raises:
        TypeError, ValueError: if `codes` is no such mapping, or `labels` does not match it.
    """
    from matplotlib.patches import Ellipse

    check_mapping("codes", codes, "codes (N, 2)")
    for title, z in codes.items():
        if z.ndim != 2 or z.shape[1] != 2 or as_array(labels).shape != (len(z),):
            raise ValueError(
                f"codes and labels must have shapes (N, 2) and (N,), got {tuple(z.shape)} for "
                f"{title!r} and {as_array(labels).shape}"
            )

    figure, axes = new_figure(4.2 if len(codes) > 1 else 6.5, len(codes))
    digits = as_array(labels)
    for ax, (title, z) in zip(axes, codes.items(), strict=True):
        points = as_array(z)
        for digit in np.unique(digits):
            own = points[digits == digit]
            ax.scatter(own[:, 0], own[:, 1], s=3, alpha=0.5, linewidths=0, rasterized=True)
        for digit, (x, y) in _label_places(points, digits).items():
            box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "alpha": 0.8}
            ax.text(x, y, str(digit), ha="center", va="center", fontweight="bold", bbox=box)
        for centre, half_axes in zip(*map(as_array, ellipses or ((), ())), strict=True):
            ax.add_patch(Ellipse(centre, *(2 * half_axes), fill=False, edgecolor="black"))
        for name, extra in marks.items():
            ax.plot(*as_array(extra).T, "k+", markersize=4, label=name)
        if marks:
            ax.legend(loc="upper right")
        else:
            xlim, ylim = _core_range(points)
            ax.set(xlim=xlim, ylim=ylim)
        ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return figure
