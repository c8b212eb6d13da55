"""Pictures: tensors in, `Figure` out; nothing here trains or saves.

`show` puts a figure on the page.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..arguments import as_array, check_count, check_images, check_mapping

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


def show(figure: Figure, title: str) -> None:
    """Display a figure in a notebook.

    Args:
        figure: what a `plot_` function returned.
        title: what is drawn, in a few neutral words; a reader who cannot see the figure hears them.

    Raises:
        ValueError: if `title` is blank.
    """
    import PIL.Image
    from IPython.display import Image, display

    if not title.strip():
        raise ValueError("title must say what is drawn, got blank text")
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    # A palette of 128 colours looks the same, and makes a notebook less than half the size.
    palette = PIL.Image.open(drawn).convert("RGB").quantize(128, dither=PIL.Image.Dither.NONE)
    palette.save(small, format="png", optimize=True)
    display(Image(small.getvalue(), alt=title))


def tile_images(images: Tensor, columns: int, padding: int = 1) -> Tensor:
    """Put images side by side, row by row, into one picture, with grey lines between them.

    Args:
        images: (n, C, H, W) in [0, 1], grey (C = 1) or in colour (C = 3).
        columns: images a row.
        padding: width of the lines, pixels.

    Returns:
        Shape (height, width), or (height, width, 3) in colour, on the CPU: a frame for `write_gif`.

    Raises:
        TypeError, ValueError: if an argument is unusable.
    """
    check_images("images", images)
    if images.shape[1] not in (1, 3):
        raise ValueError(
            f"images must have 1 channel (grey) or 3 (red, green, blue), got {images.shape[1]}: "
            f"choose some, as in images[:, :1]"
        )
    check_count("columns", columns)
    from torchvision.utils import make_grid

    pixels = images.detach().cpu()
    grid = make_grid(pixels, nrow=columns, padding=padding, pad_value=0.5)
    return grid[0] if images.shape[1] == 1 else grid.permute(1, 2, 0)


def plot_images(rows: Mapping[str, Tensor]) -> Figure:
    """Labelled rows of images, one row an entry, columns aligned.

    Args:
        rows: label -> images (n, C, H, W) in [0, 1], the same n, H and W in each row; grey rows
            (C = 1) may stand beside rows in colour (C = 3).

    Raises:
        TypeError, ValueError: if `rows` is no such mapping.
    """
    check_mapping("rows", rows, "images")
    for label, images in rows.items():
        check_images(f"rows[{label!r}]", images)
    sizes = {label: (len(images), *images.shape[2:]) for label, images in rows.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"rows must all have the same number of images, and those one height and width, got "
            f"(n, H, W) = {', '.join(f'{size} for {label!r}' for label, size in sizes.items())}"
        )
    n, height, width = next(iter(sizes.values()))
    n_channels = max(images.shape[1] for images in rows.values())
    together = torch.cat([images.expand(-1, n_channels, -1, -1) for images in rows.values()])
    row_height = min(7.2 / n, 1.1 * max(1, width / height)) * height / width
    figure, (ax,) = new_figure(len(rows) * row_height + 0.2)
    ax.imshow(as_array(tile_images(together, n)), cmap="gray", vmin=0, vmax=1)
    middles = [i * (height + 1) + (height + 1) / 2 for i in range(len(rows))]
    ax.set_yticks(middles, list(rows))
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure
