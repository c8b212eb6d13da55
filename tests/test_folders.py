import re
import struct
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from vae_helpers import load_images


def grey(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width), dtype=np.uint8)


def rgb(height, width, seed=0):
    return np.stack([grey(height, width, seed + i) for i in range(3)], axis=2)


def as_grey(colours):
    return np.asarray(Image.fromarray(colours).convert("L"))


def save(array, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def load_one(path, size, **options):
    images, labels, names = load_images(path.parent, size, progress=False, **options)
    assert (len(images), labels.tolist(), names) == (1, [0], [path.parent.name])
    return images[0]


def same(found, expected):
    """A tensor (C, H, W) in [0, 1] against bytes (H, W) or (H, W, 3)."""
    expected = expected[..., None] if expected.ndim == 2 else expected
    wanted = torch.from_numpy(expected.astype(np.float32) / 255).movedim(2, 0)
    return found.shape == wanted.shape and torch.allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp", "gif", "pgm", "tga", "ico", "JP2"])
def test_grey_pixels_come_back_whatever_the_format(tmp_path, kind):
    pixels = grey(16, 16)
    lossless = {"webp": {"lossless": True}}.get(kind, {})
    found = load_one(save(pixels, tmp_path / f"a.{kind}", **lossless), 16)
    assert same(found, pixels)
    assert found.dtype == torch.float32


def test_colour_is_kept_or_made_grey(tmp_path):
    pixels = rgb(8, 9)
    path = save(pixels, tmp_path / "a.png")
    assert same(load_one(path, (8, 9), colour=True), pixels)
    assert same(load_one(path, (8, 9)), as_grey(pixels))


def test_grey_files_in_colour_have_three_equal_channels(tmp_path):
    pixels = grey(8, 9)
    path = save(pixels, tmp_path / "a.png")
    assert same(load_one(path, (8, 9), colour=True), np.repeat(pixels[..., None], 3, axis=2))


def test_jpeg_is_close(tmp_path):
    smooth = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1))
    found = load_one(save(smooth, tmp_path / "a.JPG", quality=95), 32)
    assert (found[0] - torch.from_numpy(smooth / 255)).abs().max() < 0.03


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path, orientation):
    upright = grey(6, 4)
    turn = {  # what the camera stored, so that the EXIF orientation leads back
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1], 5: lambda a: a.T, 6: lambda a: np.rot90(a),
        7: lambda a: a[::-1, ::-1].T, 8: lambda a: np.rot90(a, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(np.ascontiguousarray(turn(upright)), tmp_path / "a.png", exif=exif)
    assert same(load_one(path, (6, 4)), upright)


def test_what_is_transparent_lies_on_black(tmp_path):
    pixels = rgb(5, 6)
    alpha = np.where(grey(5, 6, 9) > 127, 255, 0).astype(np.uint8)
    expected = np.where(alpha[..., None] > 0, pixels, 0).astype(np.uint8)
    path = save(np.dstack([pixels, alpha]), tmp_path / "a.png")
    assert same(load_one(path, (5, 6), colour=True), expected)
    assert same(load_one(path, (5, 6)), as_grey(expected))


def test_half_transparent_white_is_grey(tmp_path):
    white = np.full((2, 2, 4), 255, dtype=np.uint8)
    white[..., 3] = 51
    assert same(load_one(save(white, tmp_path / "a.png"), 2), np.full((2, 2), 51))


def test_grey_with_alpha(tmp_path):
    pixels, alpha = grey(4, 4), np.where(grey(4, 4, 5) > 127, 255, 0).astype(np.uint8)
    Image.merge("LA", [Image.fromarray(pixels), Image.fromarray(alpha)]).save(tmp_path / "a.png")
    expected = np.where(alpha > 0, pixels, 0)
    assert same(load_one(tmp_path / "a.png", 4), expected)


@pytest.mark.parametrize("transparent", [None, 2])
def test_palettes_give_their_colours(tmp_path, transparent):
    index = grey(6, 6) % 4
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 99, 199]], dtype=np.uint8)
    image = Image.fromarray(index).convert("P")
    image.putdata(index.flatten().tolist())
    image.putpalette(colours.flatten().tolist())
    options = {} if transparent is None else {"transparency": transparent}
    image.save(tmp_path / "a.png", **options)
    expected = colours[index]
    if transparent is not None:
        expected[index == transparent] = 0
    assert same(load_one(tmp_path / "a.png", 6, colour=True), expected)
    assert same(load_one(tmp_path / "a.png", 6), as_grey(expected))


@pytest.mark.parametrize("kind", ["png", "tiff", "pgm"])
def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path, kind):
    values = np.random.default_rng(0).integers(0, 2**16, (7, 5)).astype(np.uint16)
    if kind == "pgm":
        header = b"P5 5 7 65535\n"
        (tmp_path / "a.pgm").write_bytes(header + values.astype(">u2").tobytes())
    else:
        save(values, tmp_path / f"a.{kind}")
    found = load_one(tmp_path / f"a.{kind}", (7, 5))
    torch.testing.assert_close(found[0], torch.from_numpy(values / 65535).float())
    in_colour = load_one(tmp_path / f"a.{kind}", (7, 5), colour=True)
    assert torch.equal(in_colour, found.expand(3, 7, 5))


def test_sixteen_bit_pixels_are_resized_as_eight_bit_ones_are(tmp_path):
    pixels = grey(40, 40)
    save(pixels.astype(np.uint16) * 257, tmp_path / "deep" / "a.png")
    save(pixels, tmp_path / "flat" / "a.png")
    deep, flat = (load_one(tmp_path / name / "a.png", 10) for name in ("deep", "flat"))
    torch.testing.assert_close(deep, flat, atol=1 / 255, rtol=0)


def test_floating_point_pixels_from_0_to_1_are_taken_others_refused(tmp_path):
    values = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    save(values, tmp_path / "good" / "a.tiff")
    torch.testing.assert_close(load_one(tmp_path / "good" / "a.tiff", 4)[0], torch.tensor(values))
    save(values * 300, tmp_path / "bad" / "a.tiff")
    with pytest.raises(ValueError, match=r"a\.tiff can't be read \(its pixels, .* have no scale"):
        load_images(tmp_path / "bad", 4)


def test_cmyk(tmp_path):
    pixels = rgb(8, 8)
    image = Image.fromarray(pixels).convert("CMYK")
    image.save(tmp_path / "a.tiff")
    assert same(load_one(tmp_path / "a.tiff", 8, colour=True), np.asarray(image.convert("RGB")))


def test_one_bit_pixels(tmp_path):
    bits = (grey(9, 9) > 127).astype(np.uint8) * 255
    Image.fromarray(bits).convert("1").save(tmp_path / "a.png")
    assert same(load_one(tmp_path / "a.png", 9), bits)


@pytest.mark.parametrize("kind", ["gif", "png", "tiff", "webp"])
def test_the_first_frame_of_an_animation(tmp_path, kind):
    frames = [Image.fromarray(grey(6, 6, seed)) for seed in range(3)]
    options = {"lossless": True} if kind == "webp" else {}
    frames[0].save(tmp_path / f"a.{kind}", save_all=True, append_images=frames[1:], **options)
    assert same(load_one(tmp_path / f"a.{kind}", 6), grey(6, 6, 0))


@pytest.mark.parametrize(("height", "width"), [(8, 20), (20, 8), (8, 8)])
def test_the_middle_is_cut_out(tmp_path, height, width):
    pixels = grey(height, width)
    top, left = (height - 8) // 2, (width - 8) // 2
    found = load_one(save(pixels, tmp_path / "a.png"), 8)
    assert same(found, pixels[top : top + 8, left : left + 8])


def test_resizing_has_no_aliases(tmp_path):
    """Stripes finer than the new pixels become their mean, not stripes of another width."""
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (60, 30))
    found = load_one(save(stripes, tmp_path / "a.png"), 10)
    assert (found - 0.5).abs().max() < 0.05
    larger = load_one(save(grey(4, 4), tmp_path / "b" / "a.png"), (16, 16))
    assert larger.shape == (1, 16, 16)


def test_subfolders_are_classes_in_alphabetical_order(tmp_path):
    shades = {"cats/b.png": 10, "cats/a.png": 20, "Ants/x/y/c.png": 30, "dogs/z.png": 40}
    for name, shade in shades.items():
        save(np.full((2, 2), shade, dtype=np.uint8), tmp_path / name)
    images, labels, names = load_images(tmp_path, 2)
    assert names == ["Ants", "cats", "dogs"]
    assert labels.tolist() == [0, 1, 1, 2]
    assert labels.dtype == torch.int64
    assert (images[:, 0, 0, 0] * 255).round().tolist() == [30, 20, 10, 40]


def test_hidden_files_are_passed_over_and_others_counted(tmp_path):
    save(grey(2, 2), tmp_path / "a.png")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    save(grey(2, 2), tmp_path / ".hidden" / "b.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_images(tmp_path, 2)[0]) == 1
    for name in ("notes.txt", "labels.csv"):
        (tmp_path / name).write_text("x")
    with pytest.warns(UserWarning, match=r"left out 2 files that are no images: labels.csv, notes"):
        assert len(load_images(tmp_path, 2)[0]) == 1


def truncated(path):
    save(grey(64, 64), path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def damaged_inside(path):
    save(grey(64, 64), path)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        damaged_inside,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("<html>not found</html>"),
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR"),
    ],
)
def test_damaged_files_are_named_or_left_out_on_request(tmp_path, damage):
    save(grey(4, 4), tmp_path / "a.png")
    damage(tmp_path / "b.png")
    save(grey(4, 4, 1), tmp_path / "c.png")
    with pytest.raises(ValueError, match=r"image file .*b\.png can't be read .*skip_damaged=True"):
        load_images(tmp_path, 4)
    with pytest.warns(UserWarning, match=r"left out 1 files that are damaged: b\.png"):
        images, labels, _ = load_images(tmp_path, 4, skip_damaged=True)
    assert len(images) == len(labels) == 2
    assert same(images[1], grey(4, 4, 1))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_too_large_to_be_true_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7)
    Image.new("L", (4, 4)).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"bomb\.png can't be read .*decompression bomb"):
        load_images(tmp_path, 4)


def test_nothing_but_damaged_files(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ValueError, match="holds 1 images, and none can be read"):
        load_images(tmp_path, 4, skip_damaged=True)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"folder {re.escape(str(tmp_path))}.*not exist"):
        load_images(tmp_path / "nowhere", 4)
    path = save(grey(2, 2), tmp_path / "a.png")
    with pytest.raises(NotADirectoryError, match="is a file: name the folder"):
        load_images(path, 4)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no images \(0 other files\)"):
        load_images(tmp_path / "empty", 4)


@pytest.mark.parametrize("size", [0, -1, 2.5, (4,), (4, 0), (4, 4, 4), "4", None, True])
def test_sizes_that_are_none(tmp_path, size):
    save(grey(2, 2), tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"^size must be"):
        load_images(tmp_path, size)


def test_a_bar_for_what_takes_long(tmp_path, capsys, monkeypatch):
    for i in range(3):
        save(grey(2, 2), tmp_path / f"{i}.png")
    load_images(tmp_path, 2)
    assert capsys.readouterr().err == ""
    clock = iter(range(1000))
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))  # a second between any two looks
    load_images(tmp_path, 2)
    assert "loading" in capsys.readouterr().err
    load_images(tmp_path, 2, progress=False)
    assert capsys.readouterr().err == ""
