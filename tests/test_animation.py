import imageio.v3
import IPython.display
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vae_helpers import animation, show_gif, write_gif


def read(path):
    """Frames as shown, and how long each is, in milliseconds."""
    frames, times = [], []
    with Image.open(path) as image:
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(np.asarray(image.convert("RGB")))
            times.append(image.info["duration"])
        return np.stack(frames), times, image.info.get("loop")


def test_grey_frames_come_back_exactly(tmp_path):
    frames = torch.rand(6, 20, 30)
    found, times, loop = read(write_gif(frames, tmp_path / "a.gif", fps=20))
    assert np.array_equal(found[..., 0], (frames * 255).round().byte().numpy())
    assert times == [50] * 6
    assert loop == 0  # for ever


def test_bytes_and_colours(tmp_path):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (4, 9, 8), dtype=np.uint8)
    assert np.array_equal(read(write_gif(grey, tmp_path / "a.gif"))[0][..., 1], grey)
    colours = rng.integers(0, 256, (4, 9, 8, 3), dtype=np.uint8)
    assert np.array_equal(read(write_gif(colours, tmp_path / "b.gif"))[0], colours)


def test_the_first_frame_may_be_the_last_and_black_and_white_are_allowed(tmp_path):
    black, white = torch.zeros(4, 4), torch.ones(4, 4)
    found, _, _ = read(write_gif([black, white, black], tmp_path / "a.gif"))
    assert np.array_equal(found[:, 0, 0, 0], [0, 255, 0])
    assert (found == found[:, :1, :1]).all()  # not a pixel off


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 8),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    levels=st.integers(1, 256),
    fps=st.integers(1, 50),
)
def test_round_trip(tmp_path_factory, seed, n, size, levels, fps):
    """Frames come back as they were, but for one corner pixel that keeps equal frames apart."""
    rng = np.random.default_rng(seed)
    # From 255 downwards: Pillow misreads a file whose first frame has just the shades 0, 1, 2 ...
    frames = 255 - rng.integers(0, levels, (n, *size), dtype=np.uint8)
    frames = frames.repeat(rng.integers(1, 3, n), axis=0)  # some are held
    found, times, _ = read(write_gif(frames, tmp_path_factory.mktemp("gif") / "a.gif", fps=fps))
    assert len(found) == len(frames)
    equal = (found[..., 0] == frames).all(axis=0)
    equal[-1, -1] = True
    assert equal.all()
    assert sum(times) == pytest.approx(1000 * len(frames) / fps, abs=5)


@pytest.mark.parametrize("shade", [0, 127, 128, 255])
@pytest.mark.parametrize("shape", [(12, 12), (12, 12, 3)])
def test_held_frames_are_all_there(tmp_path, shade, shape):
    frames = np.full((10, *shape), shade, dtype=np.uint8)
    found, times, _ = read(write_gif(frames, tmp_path / "a.gif", fps=10))
    assert (len(found), times) == (10, [100] * 10)
    assert np.abs(found.astype(int) - shade).max() <= 1
    assert np.array_equal(found[:, :-1, :-1], np.full((10, 11, 11, 3), shade))


def test_held_frames_of_many_colours_are_all_there(tmp_path):
    picture = np.random.default_rng(0).random((64, 64, 3))
    found, _, _ = read(write_gif([picture] * 5, tmp_path / "a.gif"))
    assert len(found) == 5


@pytest.mark.parametrize("fps", [3, 7, 24, 30, 50])
def test_the_rounding_of_time_does_not_add_up(tmp_path, fps):
    frames = torch.rand(60, 4, 4)
    _, times, _ = read(write_gif(frames, tmp_path / "a.gif", fps=fps))
    assert len(times) == 60
    assert sum(times) == pytest.approx(60_000 / fps, abs=5)
    assert max(abs(t - 1000 / fps) for t in times) <= 10


def test_two_frames_have_a_time_each(tmp_path):
    assert read(write_gif(torch.rand(2, 4, 4), tmp_path / "a.gif", fps=3))[1] == [330, 340]


def test_merged_frames_are_told_of(tmp_path, monkeypatch):
    class Merged:
        n_images = 1

    monkeypatch.setattr(imageio.v3, "improps", lambda *_, **__: Merged)
    with pytest.raises(RuntimeError, match=r"^the GIF encoder merged frames: make .* differ$"):
        write_gif(torch.rand(2, 4, 4), tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


def test_plays_once_if_told_so(tmp_path):
    assert read(write_gif(torch.rand(3, 4, 4), tmp_path / "a.gif", loop=False))[2] is None


def test_a_single_frame(tmp_path):
    assert len(read(write_gif(torch.rand(1, 4, 4), tmp_path / "a.gif"))[0]) == 1


def test_scale_repeats_pixels(tmp_path):
    frames = torch.rand(2, 5, 4)
    found, _, _ = read(write_gif(frames, tmp_path / "a.gif", scale=3))
    assert found.shape == (2, 15, 12, 3)
    expected = (frames * 255).round().byte().numpy().repeat(3, axis=1).repeat(3, axis=2)
    assert np.array_equal(found[..., 0], expected)


def test_makes_the_folder_and_returns_the_path(tmp_path):
    path = write_gif(torch.rand(2, 4, 4), str(tmp_path / "new" / "folder" / "a.gif"))
    assert path == tmp_path / "new" / "folder" / "a.gif"
    assert read(path)[1] == [100, 100], "ten frames a second, unless told otherwise"
    assert [p.name for p in path.parent.iterdir()] == ["a.gif"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_whole_or_not_at_all(tmp_path, monkeypatch, error):
    path = write_gif(torch.rand(2, 4, 4), tmp_path / "a.gif")
    before = path.read_bytes()

    def fail(self, target):  # the same folder, so that replacing is one step
        assert (self.parent, self.suffix, target) == (tmp_path, ".part", path)
        raise error

    monkeypatch.setattr(animation.Path, "replace", fail)
    with pytest.raises(error):
        write_gif(torch.rand(2, 8, 8), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("frames", "error", "words"),
    [
        ([], ValueError, "^frames is empty: a GIF needs at least one frame$"),
        ([torch.rand(4, 4), torch.rand(4, 5)], ValueError, "frame 1 has"),
        ([torch.rand(1, 4, 4)], ValueError, "channel axis"),
        ([torch.rand(4)], ValueError, "one shape"),
        ([torch.rand(4, 4), torch.rand(4, 4) + 1], ValueError, r"frame 1 must hold .* \[0, 1\]"),
        ([torch.full((4, 4), torch.nan)], ValueError, "frame 0 must hold numbers"),
        ([torch.zeros(4, 4, dtype=torch.int64)], TypeError, "float in .0, 1. or uint8, got int64"),
    ],
)
def test_refuses_frames(tmp_path, frames, error, words):
    with pytest.raises(error, match=words):
        write_gif(frames, tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


FPS = r"^fps must be a number above 0, at most 50, got "


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        ({"fps": 0}, ValueError, FPS),
        ({"fps": 50.5}, ValueError, FPS),
        ({"fps": 60}, ValueError, FPS),
        ({"fps": None}, ValueError, FPS),
        ({"scale": 0}, ValueError, "^scale"),
        ({"frames": 3}, TypeError, r"^frames must be a sequence of pictures, got int$"),
        ({"path": 3}, TypeError, r"^path must be a string or a Path, got int$"),
    ],
)
def test_refuses_arguments(tmp_path, bad, error, words):
    given = {"frames": torch.rand(2, 4, 4), "path": tmp_path / "a.gif"} | bad
    with pytest.raises(error, match=words):
        write_gif(**given)
    assert not list(tmp_path.iterdir())


def test_show_gif_carries_its_title(tmp_path, monkeypatch):
    path = write_gif(torch.rand(2, 4, 4), tmp_path / "a.gif")
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    show_gif(path, "Two frames of noise")
    data, metadata = shown[0]._repr_mimebundle_()
    assert set(data) == {"image/gif"}
    assert metadata["image/gif"]["alt"] == "Two frames of noise"
    with pytest.raises(ValueError, match=r"^title must say"):
        show_gif(path, " ")


def test_frames_may_come_one_by_one(tmp_path):
    frames = torch.rand(4, 5, 6)
    from_list = write_gif(list(frames), tmp_path / "a.gif").read_bytes()
    assert write_gif((frame for frame in frames), tmp_path / "b.gif").read_bytes() == from_list


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"^path .* is a folder: name a file in it"):
        write_gif(torch.rand(2, 4, 4), tmp_path)
    assert not list(tmp_path.iterdir())
