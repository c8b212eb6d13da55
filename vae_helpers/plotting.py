"""Pictures and maps: tensors in, `Figure` out; nothing here trains or saves.

`show` puts a figure on the page.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:  # Matplotlib is loaded by the first figure, not by `import vae_helpers`.
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(height: float, columns: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return an 8-inch wide figure with one row of axes, outside pyplot's global list."""
    import matplotlib
    from cycler import cycler
    from matplotlib.figure import Figure

    colours = matplotlib.color_sequences["petroff10"]  # made for colour-blind readers, too
    with matplotlib.rc_context({"axes.prop_cycle": cycler(color=colours)}):
        figure = Figure(figsize=(8, height), layout="constrained")
        axes = figure.subplots(1, columns, squeeze=False, **options)[0]
        for ax in axes:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, list(axes)


def as_array(values: Tensor | Sequence[float] | np.ndarray) -> np.ndarray:
    """Return tensors (from any device) and sequences as NumPy arrays."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def show(figure: Figure, alt: str) -> None:
    """Display a figure in a notebook, with alternative text for readers who cannot see it.

    Args:
        figure: what a `plot_` function returned.
        alt: what a sighted reader would take from the figure, in a sentence or two.

    Raises:
        ValueError: if `alt` is blank.
    """
    from IPython.display import Image, display

    if not alt.strip():
        raise ValueError("alt must say what the figure shows, got blank text")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    display(Image(buffer.getvalue(), alt=alt))


def _tile(images: Tensor, columns: int, padding: int) -> np.ndarray:
    from torchvision.utils import make_grid

    tiles = make_grid(images.detach().cpu(), nrow=columns, padding=padding, pad_value=0.5)
    return tiles[0].numpy()


def plot_images(rows: Mapping[str, Tensor]) -> Figure:
    """Labelled rows of images, one row an entry, columns aligned.

    Args:
        rows: label -> images (n, 1, H, W) in [0, 1], the same n in each row.
    """
    n, side = len(next(iter(rows.values()))), next(iter(rows.values())).shape[-1] + 1
    figure, (ax,) = new_figure(len(rows) * min(7.2 / n, 1.1) + 0.2)
    ax.imshow(_tile(torch.cat(list(rows.values())), n, padding=1), cmap="gray", vmin=0, vmax=1)
    ax.set_yticks([i * side + side / 2 for i in range(len(rows))], list(rows))
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure


def plot_image_grid(
    images: Tensor, x: Sequence[float] | Tensor, y: Sequence[float] | Tensor, title: str = ""
) -> Figure:
    """Images decoded over a 2-D latent grid, with the latent values as tick labels.

    Args:
        images: (len(y) * len(x), 1, H, W) in [0, 1], row by row, the top row first.
        x: first latent coordinate of each column, left to right.
        y: second latent coordinate of each row, top to bottom.
        title: above the picture.
    """
    figure, (ax,) = new_figure(8)
    side = images.shape[-1] + 1
    ax.imshow(_tile(images, len(x), padding=1), cmap="gray", vmin=0, vmax=1)
    for axis, values in ((ax.xaxis, as_array(x)), (ax.yaxis, as_array(y))):
        step = max(1, len(values) // 10)
        ticks = range(0, len(values), step)
        axis.set_ticks([i * side + side / 2 for i in ticks], [f"{values[i]:.1f}" for i in ticks])
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
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


def plot_codes(codes: Mapping[str, Tensor], labels: Tensor, **marks: Tensor) -> Figure:
    """Scatter of 2-D codes coloured by digit, each digit also written where it prevails.

    The outermost half percent of the codes at either end of an axis may lie outside the frame,
    unless there are marks.

    Args:
        codes: title -> codes (N, 2), one panel an entry.
        labels: digits (N,).
        **marks: further points (M, 2), drawn as black crosses and named in the legend.
    """
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
        for name, extra in marks.items():
            ax.plot(*as_array(extra).T, "k+", markersize=4, label=name)
        if marks:
            ax.legend(loc="upper right")
        else:
            xlim, ylim = _core_range(points)
            ax.set(xlim=xlim, ylim=ylim)
        ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return figure
