"""Figures carry the data they were given, the right way up; how they look is judged by eye."""

import IPython.display
import matplotlib.image
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from matplotlib.patches import Ellipse
from matplotlib.text import Text

from vae_helpers import (
    History,
    inverse_cdf_grid,
    plot_bars,
    plot_codes,
    plot_curves,
    plot_density,
    plot_histograms,
    plot_history,
    plot_image_grid,
    plot_images,
    plot_table,
    show,
    tile_images,
    uniform_grid,
)


def picture(figure, i=0):
    return np.asarray(figure.axes[i].images[0].get_array())


def test_image_grid_keeps_the_order_top_row_first():
    """Published notebooks have it upside down: each tile here shows its own coordinates."""
    for grid in (uniform_grid(3, -1, 1), inverse_cdf_grid(3, 0.1, 0.9)):
        for axis in (0, 1):
            shades = (grid[:, axis] + 2) / 4
            images = shades.view(9, 1, 1, 1) * torch.ones(9, 1, 3, 3)
            figure = plot_image_grid({"a": (images, grid), "b": (images, grid)})
            for i, ax in enumerate(figure.axes):
                tiles = picture(figure, i)
                assert ax.yaxis_inverted()  # as pictures are drawn: row 0 is at the top
                ticks = ax.get_xticks(), ax.get_yticks()
                for x, right in zip(ticks[0], ax.get_xticklabels(), strict=True):
                    for y, up in zip(ticks[1], ax.get_yticklabels(), strict=True):
                        value = float((right, up)[axis].get_text())
                        assert 4 * tiles[int(y), int(x)] - 2 == pytest.approx(value, abs=0.051)
                assert float(ax.get_yticklabels()[0].get_text()) > 0  # the largest at the top


def test_image_grid_refuses_what_does_not_belong_together():
    with pytest.raises(ValueError, match="square number, got 8 and 9"):
        plot_image_grid({"": (torch.zeros(8, 1, 3, 3), uniform_grid(3))})


def test_borders_run_between_the_classes_and_each_class_has_its_name():
    grid, regions = uniform_grid(4), torch.tensor([5, 5, 7, 7] * 4)
    figure = plot_image_grid({"": (torch.zeros(16, 1, 3, 3), grid)}, regions)
    (ax,) = figure.axes
    assert sorted(t.get_text() for t in ax.texts) == ["5", "7"]
    assert len(ax.lines) == 4
    assert all(list(line.get_xdata()) == [8, 8] for line in ax.lines)
    for text in ax.texts:
        column = int(text.get_position()[0] // 4)
        assert regions[column] == int(text.get_text())


def test_a_class_is_named_in_its_largest_region():
    regions = torch.tensor([[1, 0, 0, 0], [0, 0, 2, 2], [1, 1, 1, 1], [2, 2, 0, 1]])
    figure = plot_image_grid({"": (torch.zeros(16, 1, 3, 3), uniform_grid(4))}, regions.flatten())
    places = {t.get_text(): t.get_position() for t in figure.axes[0].texts}
    found = {name: (int(y // 4), int(x // 4)) for name, (x, y) in places.items()}
    assert found["0"] in {(0, 1), (0, 2), (0, 3), (1, 0), (1, 1)}
    assert found["1"] in {(2, 0), (2, 1), (2, 2), (2, 3), (3, 3)}, "not alone in its corner"
    assert len(found) == 3


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
        history.add("train", 1.0, 2.0 + i, 1.0)
        history.add("test", 1.0, 3.0 + i, 1.0)
    figure = plot_history({"a": history, "b": history})
    assert [len(ax.lines) for ax in figure.axes] == [4, 4, 4]
    assert figure.axes[0].lines[1].get_ydata().tolist() == [4, 5, 6]
    assert len(plot_history({"": history}, ["loss"]).axes) == 1
    (ax,) = plot_history({"": history}, ["loss"], start=2).axes
    assert ax.lines[1].get_xdata().tolist() == [2, 3]
    assert ax.lines[1].get_ydata().tolist() == [5, 6]


def test_history_draws_the_validation_loss_where_there_is_one():
    history = History(validation_loss=[7.0, 6.0])
    for value in (2.0, 1.0):
        history.add("train", 1.0, value, 1.0)
    loss, nll, kl = plot_history({"": history}).axes
    assert [line.get_label() for line in loss.lines] == ["train", "validation"]
    assert loss.lines[1].get_ydata().tolist() == [7, 6]
    assert [len(ax.lines) for ax in (nll, kl)] == [1, 1]


def test_density_stands_at_its_points_with_one_scale_for_all_panels():
    grid = uniform_grid(4)
    density = grid[:, 0] + 10 * grid[:, 1]
    figure = plot_density({"a": (density, grid), "b": (2 * density, grid)})
    left, right, bar = figure.axes
    assert bar.get_ylabel() == "density"
    (mesh,) = left.collections
    corners = mesh.get_coordinates()
    middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    expected = middles[..., 0] + 10 * middles[..., 1]
    assert np.allclose(np.asarray(mesh.get_array()).reshape(4, 4), expected, atol=1e-5)
    assert mesh.get_clim() == right.collections[0].get_clim()
    low, high = mesh.get_clim()
    assert low == 0
    assert density.max() < high < 2 * density.max()


def test_density_refuses_what_does_not_belong_together():
    for density, grid in ((torch.ones(9), uniform_grid(4)), (torch.ones(6), torch.ones(6, 2))):
        with pytest.raises(ValueError, match="density and grid must have shapes"):
            plot_density({"a": (density, grid)})


def test_bars_hold_what_they_were_given():
    (ax,) = plot_bars({"a": [1, 2], "b": torch.tensor([3, 4])}, ["p", "q"], "x", "y").axes
    assert [patch.get_height() for patch in ax.patches] == [1, 2, 3, 4]
    assert len({patch.get_hatch() for patch in ax.patches}) == 2


def test_show_gives_an_800_pixel_png_with_its_title(monkeypatch):
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    show(plot_curves({"a": [1, 2]}, "x", "y"), "Two numbers, by number")
    data, metadata = shown[0]._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == "Two numbers, by number"
    import base64
    import io

    png = data["image/png"]
    raw = png if isinstance(png, bytes) else base64.b64decode(png)
    assert matplotlib.image.imread(io.BytesIO(raw)).shape[1] == 800


def test_show_refuses_blank_text():
    with pytest.raises(ValueError, match="title must say what is drawn"):
        show(plot_curves({"a": [1, 2]}, "x", "y"), "  ")


def test_histograms_show_every_value_once():
    values = {"a": torch.tensor([0.0, 1.0, 1.0]), "b": [0.0, 3.0]}
    figure = plot_histograms({"left": values, "right": values}, "nats", bins=3)
    assert [ax.get_title() for ax in figure.axes] == ["left", "right"]
    for ax in figure.axes:
        for patch in ax.patches:
            heights, edges, _ = patch.get_data()
            assert (heights * np.diff(edges)).sum() == pytest.approx(1)  # a density


def test_table_writes_every_number_readably():
    figure = plot_table([[0.0, 0.5], [0.75, 1.0]], ["r1", "r2"], ["c1", "c2"], "AUROC")
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.texts] == ["0.00", "0.50", "0.75", "1.00"]
    for text, number in zip(ax.texts, (0.0, 0.5, 0.75, 1.0), strict=True):
        shade = np.array(ax.images[0].cmap(number)[:3])
        ink = np.array([1.0, 1, 1] if text.get_color() == "white" else [0.0, 0, 0])
        assert contrast(shade, ink) >= 4.5


def contrast(a, b):
    """Contrast of two sRGB colours as the accessibility guidelines (WCAG 2) define it."""

    def luminance(c):
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def some_of_every_kind():
    images, grid, codes = torch.rand(16, 1, 4, 4), uniform_grid(4), torch.randn(16, 2)
    labels, history = torch.arange(16) % 3, History()
    for part in ("train", "test"):
        history.add(part, 1.0, 2.0, 1.0)
        history.add(part, 1.0, 1.0, 1.0)
    return {
        "images": plot_images({"a": images, "b": images}),
        "grid": plot_image_grid({"title": (images, grid)}, labels),
        "codes": plot_codes({"title": codes}, labels, marks=codes[:2]),
        "density": plot_density({"title": (images[:, 0, 0, 0], grid)}),
        "curves": plot_curves({"a": [1, 2], "b": [2, 1]}, "x", "y"),
        "history": plot_history({"a": history, "b": history}),
        "bars": plot_bars({"a": [1, 2], "b": [2, 1]}, ["p", "q"], "x", "y"),
        "histograms": plot_histograms({"title": {"a": codes[:, 0], "b": codes[:, 1]}}, "x"),
        "table": plot_table(codes[:3], ["p", "q", "r"], ["s", "t"], "title"),
    }


@pytest.mark.parametrize(("kind", "figure"), some_of_every_kind().items())
def test_all_text_stands_out_from_what_is_behind(kind, figure):
    """Cells of a table have their own test, above; everything else is on white, or in a box."""
    texts = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    assert len(texts) >= 2
    for text in texts:
        if kind == "table" and text in figure.axes[0].texts:
            continue
        box = text.get_bbox_patch()
        colour = np.array(box.get_facecolor() if box else figure.get_facecolor())
        behind = colour[3] * colour[:3]  # where a box is transparent, black may shine through
        ink = np.array(to_rgba(text.get_color())[:3])
        assert contrast(ink, behind) >= 4.5, text.get_text()
        assert text.get_fontsize() >= 8


def test_colour_is_never_the_only_difference():
    figures = some_of_every_kind()
    for kind in ("curves", "history"):
        for ax in figures[kind].axes:
            looks = [(line.get_linestyle(), line.get_marker()) for line in ax.lines]
            assert len(set(looks)) == len(looks) > 1
    for kind, look in (("bars", "get_hatch"), ("histograms", "get_linestyle")):
        (ax,) = figures[kind].axes
        assert len({str(getattr(patch, look)()) for patch in ax.patches}) == 2


def test_ellipses_have_their_half_axes():
    centres, half_axes = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.25]])
    codes = {"codes": torch.randn(5, 2)}
    figure = plot_codes(codes, torch.arange(5), ellipses=(centres, half_axes))
    (ellipse,) = [p for p in figure.axes[0].patches if isinstance(p, Ellipse)]
    assert (tuple(ellipse.center), ellipse.width, ellipse.height) == ((1.0, 2.0), 1.0, 0.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_are_a_frame(channels):
    images = torch.rand(6, channels, 4, 3)
    frame = tile_images(images, columns=3)
    assert frame.shape == (2 * 5 + 1, 3 * 4 + 1) + (3,) * (channels == 3)
    for i, image in enumerate(images):
        row, column = divmod(i, 3)
        tile = frame[5 * row + 1 : 5 * row + 5, 4 * column + 1 : 4 * column + 4]
        assert torch.equal(tile, image[0] if channels == 1 else image.permute(1, 2, 0))
    assert (frame[0] == 0.5).all()


def test_tiles_of_two_channels_are_refused():
    with pytest.raises(ValueError, match=r"images must have 1 channel .* got 2: choose"):
        tile_images(torch.rand(3, 2, 4, 4), columns=3)


@pytest.mark.parametrize("shape", [(8, 8), (4, 9), (9, 4)])
def test_images_in_colour_and_of_any_shape_are_drawn_as_they_are(shape):
    colour, grey = torch.rand(5, 3, *shape), torch.rand(5, 1, *shape)
    (ax,) = plot_images({"colour": colour, "grey": grey}).axes
    picture = ax.images[0].get_array()
    height, width = shape
    assert picture.shape == (2 * (height + 1) + 1, 5 * (width + 1) + 1, 3)
    assert np.array_equal(picture[1 : height + 1, 1 : width + 1], colour[0].permute(1, 2, 0))
    below = picture[height + 2 : 2 * height + 2, 1 : width + 1]
    assert np.array_equal(below, grey[0].permute(1, 2, 0).expand(-1, -1, 3))
    assert ax.get_yticks().tolist() == [(height + 1) * 0.5, (height + 1) * 1.5]


def test_rows_of_different_shapes_are_refused():
    rows = {"a": torch.rand(3, 1, 4, 4), "b": torch.rand(3, 1, 5, 4)}
    with pytest.raises(ValueError, match=r"got \(n, H, W\) = \(3, 4, 4\) for 'a', \(3, 5, 4\) for"):
        plot_images(rows)


def test_a_grid_in_colour_has_its_ticks_in_the_middle_of_the_tiles():
    images, grid = torch.rand(9, 3, 6, 4), uniform_grid(3)
    (ax,) = plot_image_grid({"": (images, grid)}, torch.arange(9) // 3).axes
    assert ax.images[0].get_array().shape == (3 * 7 + 1, 3 * 5 + 1, 3)
    assert ax.get_xticks().tolist() == [2.5, 7.5, 12.5]
    assert ax.get_yticks().tolist() == [3.5, 10.5, 17.5]
    lines = {tuple(line.get_ydata()) for line in ax.lines}
    assert lines == {(7, 7), (14, 14)}  # the classes change from row to row
    assert {t.get_text() for t in ax.texts} == {"0", "1", "2"}
