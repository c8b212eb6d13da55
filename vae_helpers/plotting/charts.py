"""Charts of numbers: curves, learning curves, bars; `show` them as any other figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import as_array, check_mapping, check_names
from ..history import History
from .images import new_figure

if TYPE_CHECKING:  # Matplotlib is loaded by the first figure.
    from matplotlib.figure import Figure

_STYLES = ["-", "--", ":", "-."]  # so that colour is never the only difference
_HATCHES = ["", "//", "..", "xx"]


def plot_curves(
    curves: Mapping[str, Any], xlabel: str, ylabel: str, *, marker: str = "", **scales: str
) -> Figure:
    """Lines in one panel.

    Args:
        curves: label -> y values, or a pair (x values, y values); x counts from 1 otherwise.
        xlabel: with its unit.
        ylabel: with its unit.
        marker: Matplotlib marker at each point.
        **scales: such as xscale="log".

    Raises:
        TypeError, ValueError: if `curves` is not what it must be.
    """
    check_mapping("curves", curves, "y values")
    figure, (ax,) = new_figure(4)
    for i, (label, curve) in enumerate(curves.items()):
        x, y = curve if isinstance(curve, tuple) else (range(1, len(curve) + 1), curve)
        ax.plot(as_array(x), as_array(y), _STYLES[i % 4], marker=marker, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, **scales)
    if len(curves) > 1:
        ax.legend(frameon=False)
    return figure


def plot_history(
    histories: Mapping[str, History],
    parts: Sequence[str] = ("loss", "nll", "kl"),
    ylabel: str = "nats per image",
    start: int = 1,
) -> Figure:
    """Learning curves, one panel for each of loss, NLL and KL.

    Dashed for training, solid for test, dotted for validation, which has a loss only.

    Args:
        histories: label -> what `fit` returned.
        parts: which panels.
        ylabel: with its unit.
        start: the first epoch to draw; a later one leaves more room for the end.

    Raises:
        TypeError, ValueError: if `histories` is not what it must be.
    """
    check_mapping("histories", histories, "History")
    titles = {"loss": "loss", "nll": "reconstruction (NLL)", "kl": "KL"}
    figure, axes = new_figure(3.2 if len(parts) > 1 else 4, len(parts))
    for ax, part in zip(axes, parts, strict=True):
        for (label, history), marker in zip(histories.items(), "os^v", strict=False):
            colour = None
            for name, style in (("train", "--"), ("validation", ":"), ("test", "-")):
                values = getattr(history, f"{name}_{part}", [])[start - 1 :]
                if not values:
                    continue
                epochs = range(start, start + len(values))
                text = f"{label} {name}".strip()
                (line,) = ax.plot(
                    epochs, values, style, color=colour, marker=marker, markersize=3.5, label=text
                )
                colour = line.get_color()
        ax.locator_params(axis="x", integer=True)
        ax.set(xlabel="epoch", title=titles[part])
    axes[0].set_ylabel(ylabel)
    axes[0].legend(frameon=False)
    return figure


def plot_bars(bars: Mapping[str, Any], names: Sequence[Any], xlabel: str, ylabel: str) -> Figure:
    """Groups of bars side by side.

    Args:
        bars: label -> heights, one per name.
        names: of the groups, along the horizontal axis.
        xlabel: of the groups.
        ylabel: with its unit.

    Raises:
        TypeError, ValueError: if `bars` is not what it must be.
    """
    check_mapping("bars", bars, "heights")
    check_names("names", names)
    for label, heights in bars.items():
        if len(heights) != len(names):
            raise ValueError(
                f"bars must have one height a name, {len(names)}, got {len(heights)} for {label!r}"
            )
    figure, (ax,) = new_figure(3.5)
    width = 0.8 / len(bars)
    for i, (label, heights) in enumerate(bars.items()):
        places = np.arange(len(names)) + (i - (len(bars) - 1) / 2) * width
        ax.bar(
            places, as_array(heights), width, label=label, hatch=_HATCHES[i % 4], edgecolor="white"
        )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_xticks(range(len(names)), [str(name) for name in names])
    if len(bars) > 1:
        figure.legend(loc="outside upper center", ncols=len(bars), frameon=False)
    return figure


def plot_histograms(
    panels: Mapping[str, Mapping[str, Any]], xlabel: str, bins: int = 60, **scales: str
) -> Figure:
    """Densities of several samples, as outlines, one panel an entry.

    Args:
        panels: title -> {label -> values (N,)}.
        xlabel: with its unit.
        bins: of equal width, shared by the samples of a panel.
        **scales: such as yscale="log".

    Raises:
        TypeError, ValueError: if `panels` is not what it must be.
    """
    check_mapping("panels", panels, "{label -> values}")
    figure, axes = new_figure(3.2, len(panels))
    for ax, (title, samples) in zip(axes, panels.items(), strict=True):
        arrays = {label: as_array(values) for label, values in samples.items()}
        edges = np.histogram_bin_edges(np.concatenate(list(arrays.values())), bins)
        for i, (label, values) in enumerate(arrays.items()):
            heights = np.histogram(values, edges, density=True)[0]
            ax.stairs(heights, edges, linewidth=1.6, linestyle=_STYLES[i % 4], label=label)
        ax.set(xlabel=xlabel, title=title, **scales)
    axes[0].set_ylabel("density")
    axes[0].legend(frameon=False)
    return figure


def plot_table(
    values: Any, rows: Sequence[Any], columns: Sequence[Any], title: str = "", decimals: int = 2
) -> Figure:
    """Numbers in a table whose cells are shaded by value.

    Args:
        values: (len(rows), len(columns)).
        rows: names, top to bottom.
        columns: names, left to right.
        title: above the table.
        decimals: shown of each number.

    Raises:
        TypeError, ValueError: if `values` is not what it must be.
    """
    check_names("rows", rows)
    check_names("columns", columns)
    numbers = as_array(values)
    if numbers.shape != (len(rows), len(columns)):
        raise ValueError(
            f"values must have shape ({len(rows)}, {len(columns)}), one row a name in rows and one "
            f"column a name in columns, got {numbers.shape}"
        )
    figure, (ax,) = new_figure(0.36 * len(rows) + 1)
    low, high = numbers.min(), numbers.max()
    ax.imshow(numbers, cmap="cividis", vmin=low, vmax=high, aspect="auto")
    for (i, j), number in np.ndenumerate(numbers):
        dark = number < (low + high) / 2  # the lower half of this colour map is dark
        text = f"{number:.{decimals}f}"
        ax.text(j, i, text, ha="center", va="center", color="white" if dark else "black")
    ax.set_xticks(range(len(columns)), [str(name) for name in columns])
    ax.set_yticks(range(len(rows)), [str(name) for name in rows])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    return figure
