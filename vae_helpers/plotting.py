"""Pictures: tensors in, `Figure` out; nothing here trains or saves.

`show` puts a figure on the page.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .arguments import check_count, check_images, check_mapping

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
    if isinstance(values, Tensor) and values.is_meta:
        raise ValueError("values are on the meta device, where tensors have no data")
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def show(figure: Figure, alt: str) -> None:
    """Display a figure in a notebook, with alternative text for readers who cannot see it.

    Args:
        figure: what a `plot_` function returned.
        alt: what a sighted reader would take from the figure, in a sentence or two.

    Raises:
        ValueError: if `alt` is blank.
    """
    import PIL.Image
    from IPython.display import Image, display

    if not alt.strip():
        raise ValueError("alt must say what the figure shows, got blank text")
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    # A palette of 128 colours looks the same, and makes a notebook less than half the size.
    palette = PIL.Image.open(drawn).convert("RGB").quantize(128, dither=PIL.Image.Dither.NONE)
    palette.save(small, format="png", optimize=True)
    display(Image(small.getvalue(), alt=alt))


def tile_images(images: Tensor, columns: int, padding: int = 1) -> Tensor:
    """Put images side by side, row by row, into one picture, with grey lines between them.

    Args:
        images: (n, 1, H, W) in [0, 1].
        columns: images a row.
        padding: width of the lines, pixels.

    Returns:
        Shape (height, width), on the CPU: a frame for `write_gif`.

    Raises:
        TypeError, ValueError: if an argument is unusable.
    """
    check_images("images", images)
    check_count("columns", columns)
    from torchvision.utils import make_grid

    return make_grid(images.detach().cpu(), nrow=columns, padding=padding, pad_value=0.5)[0]


def plot_images(rows: Mapping[str, Tensor]) -> Figure:
    """Labelled rows of images, one row an entry, columns aligned.

    Args:
        rows: label -> images (n, 1, H, W) in [0, 1], the same n in each row.

    Raises:
        TypeError, ValueError: if `rows` is no such mapping.
    """
    check_mapping("rows", rows, "images")
    if len({len(images) for images in rows.values()}) > 1:
        sizes = ", ".join(f"{label}: {len(images)}" for label, images in rows.items())
        raise ValueError(f"rows must all have the same number of images, got {sizes}")
    n, side = len(next(iter(rows.values()))), next(iter(rows.values())).shape[-1] + 1
    figure, (ax,) = new_figure(len(rows) * min(7.2 / n, 1.1) + 0.2)
    picture = tile_images(torch.cat(list(rows.values())), n)
    ax.imshow(as_array(picture), cmap="gray", vmin=0, vmax=1)
    ax.set_yticks([i * side + side / 2 for i in range(len(rows))], list(rows))
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure
