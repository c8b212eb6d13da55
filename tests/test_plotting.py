"""Figures carry the data they were given, the right way up; how they look is judged by eye."""

import IPython.display
import matplotlib.image
import numpy as np
import pytest
import torch

from vae_helpers import (
    History,
    plot_bars,
    plot_codes,
    plot_curves,
    plot_history,
    plot_image_grid,
    plot_images,
    show,
)


def picture(figure, i=0):
    return np.asarray(figure.axes[i].images[0].get_array())


def test_image_grid_keeps_the_order_top_row_first():
    images = torch.arange(6).view(6, 1, 1, 1) / 10 * torch.ones(6, 1, 3, 3)
    figure = plot_image_grid(images, x=[-1.0, 0.0, 1.0], y=[2.0, -2.0])
    tiles = picture(figure)
    assert tiles.shape == (2 * 4 + 1, 3 * 4 + 1)
    assert tiles[2, 2::4].tolist() == pytest.approx([0.0, 0.1, 0.2])
    assert tiles[6, 2::4].tolist() == pytest.approx([0.3, 0.4, 0.5])
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.get_xticklabels()] == ["-1.0", "0.0", "1.0"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["2.0", "-2.0"]
    assert ax.yaxis_inverted()  # as pictures are drawn: 2.0 stands above -2.0


def test_images_come_in_labelled_rows():
    rows = {"a": torch.zeros(4, 1, 5, 5), "b": torch.ones(4, 1, 5, 5)}
    figure = plot_images(rows)
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert picture(figure).shape == (2 * 6 + 1, 4 * 6 + 1)
    for label, y in zip([0, 1], ax.get_yticks(), strict=True):
        assert (picture(figure)[int(y), 1:6] == label).all()


def test_codes_name_every_digit_present():
    labels = torch.tensor([3, 3, 7, 7, 7])
    figure = plot_codes({"codes": torch.randn(5, 2)}, labels, cells=torch.zeros(2, 2))
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.texts] == ["3", "7"]
    assert sum(len(c.get_offsets()) for c in ax.collections) == 5
    assert ax.get_legend().get_texts()[0].get_text() == "cells"


def test_curves_take_values_or_pairs():
    figure = plot_curves(
        {"a": [5, 6], "b": ([10, 100], torch.tensor([1, 2]))}, "x", "y", xscale="log"
    )
    (ax,) = figure.axes
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1, 2], [10, 100]]
    assert [line.get_ydata().tolist() for line in ax.lines] == [[5, 6], [1, 2]]
    assert len({line.get_linestyle() for line in ax.lines}) == 2
    assert ax.get_xscale() == "log"


def test_history_has_a_panel_a_part():
    history = History()
    for i in range(3):
        history.add("train", 3.0 + i, 2.0, 1.0)
        history.add("test", 4.0 + i, 3.0, 1.0)
    figure = plot_history({"a": history, "b": history})
    assert [len(ax.lines) for ax in figure.axes] == [4, 4, 4]
    assert figure.axes[0].lines[1].get_ydata().tolist() == [4, 5, 6]
    assert len(plot_history({"": history}, ["loss"]).axes) == 1
    (ax,) = plot_history({"": history}, ["loss"], start=2).axes
    assert ax.lines[1].get_xdata().tolist() == [2, 3]
    assert ax.lines[1].get_ydata().tolist() == [5, 6]


def test_bars_hold_what_they_were_given():
    (ax,) = plot_bars({"a": [1, 2], "b": torch.tensor([3, 4])}, ["p", "q"], "x", "y").axes
    assert [patch.get_height() for patch in ax.patches] == [1, 2, 3, 4]
    assert len({patch.get_hatch() for patch in ax.patches}) == 2


def test_show_gives_an_800_pixel_png_with_alternative_text(monkeypatch):
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    show(plot_curves({"a": [1, 2]}, "x", "y"), "A line that rises from one to two.")
    data, metadata = shown[0]._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == "A line that rises from one to two."
    import base64
    import io

    png = data["image/png"]
    raw = png if isinstance(png, bytes) else base64.b64decode(png)
    assert matplotlib.image.imread(io.BytesIO(raw)).shape[1] == 800


def test_show_refuses_blank_text():
    with pytest.raises(ValueError, match="alt"):
        show(plot_curves({"a": [1, 2]}, "x", "y"), "  ")
