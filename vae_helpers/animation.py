"""GIFs: written whole or not at all, and shown under a title."""

import os
import tempfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from .arguments import as_array, check_count, check_number


def _as_bytes(frames: Any) -> np.ndarray:
    """Stack frames as uint8 (n, H, W) or (n, H, W, 3), or raise an error that names the frame."""
    arrays = [as_array(frame) for frame in frames]
    if not arrays:
        raise ValueError("frames is empty: a GIF needs at least one frame")
    for i, frame in enumerate(arrays):
        if frame.shape != arrays[0].shape or frame.ndim not in (2, 3):
            raise ValueError(
                f"frames must all have one shape, (H, W) or (H, W, 3); frame 0 has "
                f"{arrays[0].shape}, frame {i} has {frame.shape}"
            )
        if frame.ndim == 3 and frame.shape[2] != 3:
            raise ValueError(
                f"frame {i} must have shape (H, W) or (H, W, 3), got {frame.shape}: "
                f"drop or move its channel axis"
            )
        is_float = np.issubdtype(frame.dtype, np.floating)
        if not is_float and frame.dtype != np.uint8:
            raise TypeError(f"frame {i} must be float in [0, 1] or uint8, got {frame.dtype}")
        if is_float and not (frame.min() >= 0 and frame.max() <= 1):  # also catches NaN
            raise ValueError(
                f"frame {i} must hold numbers in [0, 1], got {frame.min():.4g} to "
                f"{frame.max():.4g}: rescale or clip it"
            )
    stack = np.stack(arrays)
    return stack if stack.dtype == np.uint8 else np.round(stack * 255).astype(np.uint8)


def _encode(stack: np.ndarray, milliseconds: list[int], loop: bool) -> bytes:
    import imageio.v3 as iio

    options: dict[str, Any] = {"loop": 0} if loop else {}  # 0: for ever; left out: once
    options["duration"] = milliseconds if len(stack) > 1 else milliseconds[0]

    # The encoder merges a frame with its equal predecessor. One pixel in the corner, one shade
    # off, keeps them apart (more where a picture of many colours swallows a single shade).
    for shade in (1, 16, 128):
        frames = stack.copy()
        for i in range(1, len(frames)):
            if np.array_equal(frames[i], frames[i - 1]):
                corner = frames[i, -1, -1].astype(int)
                frames[i, -1, -1] = np.where(corner > 127, corner - shade, corner + shade)
        buffer = BytesIO()
        iio.imwrite(buffer, frames, extension=".gif", is_batch=True, **options)
        if iio.improps(buffer.getvalue()).n_images == len(stack):
            return buffer.getvalue()
    raise RuntimeError("the GIF encoder merged frames: make neighbouring frames differ")


def write_gif(
    frames: Iterable[Any], path: str | Path, fps: float = 10, *, loop: bool = True, scale: int = 1
) -> Path:
    """Write an animated GIF, whole or not at all.

    Args:
        frames: tensors or arrays (H, W) or (H, W, 3), float in [0, 1] or uint8, all of a shape; a
            list, a generator, or one tensor with the frames along its first dimension.
        path: of the file; its folder is made if need be.
        fps: frames a second, at most 50, since viewers slow down anything faster. GIFs count
            time in hundredths of a second; the rounding does not add up over the frames.
        loop: play for ever, or once.
        scale: enlarge each pixel to a square of so many pixels a side.

    Returns:
        The path of the file.

    Raises:
        TypeError, ValueError: if an argument is unusable; nothing is written then.
        IsADirectoryError: if `path` is a folder.
    """
    check_number("fps", fps, lambda v: 0 < v <= 50, "a number above 0, at most 50")
    check_count("scale", scale)
    if not isinstance(frames, Iterable):
        raise TypeError(f"frames must be a sequence of pictures, got {type(frames).__name__}")
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a string or a Path, got {type(path).__name__}")
    if Path(path).is_dir():
        raise IsADirectoryError(f"path {path} is a folder: name a file in it, such as film.gif")
    stack = _as_bytes(frames).repeat(scale, axis=1).repeat(scale, axis=2)
    ends = np.round(np.arange(len(stack) + 1) * 100 / fps).astype(int)
    data = _encode(stack, (np.diff(ends) * 10).tolist(), loop)

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(unfinished).replace(path)
    except BaseException:  # Ctrl-C, too, leaves nothing half-written behind
        Path(unfinished).unlink(missing_ok=True)
        raise
    return path


def show_gif(path: str | Path, title: str) -> None:
    """Play a GIF in a notebook.

    Args:
        path: of the file.
        title: what moves, in a few neutral words; a reader who cannot see it hears them.

    Raises:
        ValueError: if `title` is blank.
        FileNotFoundError: if there is no such file.
    """
    from IPython.display import Image, display

    if not title.strip():
        raise ValueError("title must say what is drawn, got blank text")
    display(Image(Path(path).read_bytes(), alt=title))
