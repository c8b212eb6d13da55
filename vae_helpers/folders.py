"""A folder of image files of any kind as tensors: float32 (N, C, H, W) in [0, 1]."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .arguments import check_count
from .progress import progress_bar

if TYPE_CHECKING:  # Pillow is loaded by the first folder, not by `import vae_helpers`.
    from PIL.Image import Image


def load_images(
    folder: str | Path,
    size: int | tuple[int, int],
    *,
    colour: bool = False,
    skip_damaged: bool = False,
    progress: bool = True,
) -> tuple[Tensor, Tensor, list[str]]:
    """Load a folder of image files, each cropped and resized to one size.

    Subfolders are classes, in alphabetical order, with all that lies below them; a folder without
    subfolders has one class. Every format that Pillow reads will do. Pictures are turned upright as
    their EXIF data say; what is transparent is laid on black; 16-bit pixels are scaled; of an
    animation, the first frame counts. From each picture the largest part in the middle that has
    the right shape is taken, and resized with antialiasing. Files come in alphabetical order.

    Args:
        folder: of the images.
        size: (H, W), or one number for squares, in pixels.
        colour: three channels (red, green, blue), or one (grey).
        skip_damaged: leave out files that can't be read, and say so, instead of raising.
        progress: show a bar if it takes more than a second.

    Returns:
        images (N, C, H, W) float32, labels (N,) int64, and the names of the classes. Hidden files
        and files that are no images are left out; a warning counts the latter.

    Raises:
        FileNotFoundError, NotADirectoryError: if there is no such folder.
        ValueError: if there is no image in it, one is damaged, or `size` is unusable.
    """
    from PIL.Image import DecompressionBombError

    folder, (height, width) = Path(folder), _check_size(size)
    if not folder.exists():
        raise FileNotFoundError(f"folder {folder} does not exist")
    if not folder.is_dir():
        raise NotADirectoryError(f"folder {folder} is a file: name the folder that holds it")
    files, names, left_out = _find(folder)
    if not files:
        raise ValueError(
            f"folder {folder} holds no images ({len(left_out)} other files): name a folder with "
            f"image files, or with subfolders of them, one a class"
        )
    images = torch.empty(len(files), 3 if colour else 1, height, width)
    labels, damaged, n = torch.empty(len(files), dtype=torch.int64), [], 0
    with progress_bar(len(files), "loading", "image", disable=not progress, delay=1) as bar:
        for path, label in files:
            try:
                images[n], labels[n] = _load(path, height, width, colour), label
                n += 1
            except (OSError, ValueError, SyntaxError, EOFError, DecompressionBombError) as error:
                if not skip_damaged:
                    raise ValueError(
                        f"image file {path} can't be read ({error}): replace or remove it, or "
                        f"leave out such files with skip_damaged=True"
                    ) from error
                damaged.append(path)
            bar.update()
    if n == 0:
        raise ValueError(f"folder {folder} holds {len(damaged)} images, and none can be read")
    _tell("are no images", left_out)
    _tell("are damaged", damaged)
    return images[:n], labels[:n], names


def _check_size(size: int | tuple[int, int]) -> tuple[int, int]:
    sides = (size, size) if isinstance(size, int) else size
    if not isinstance(sides, tuple | list) or len(sides) != 2:
        raise ValueError(f"size must be a number of pixels or a pair (height, width), got {size!r}")
    for side in sides:
        check_count("size", side)
    return sides[0], sides[1]


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _walk(folder: Path) -> Iterator[Path]:
    """Every visible file below a folder, in alphabetical order."""
    for path in _visible(folder):
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _find(folder: Path) -> tuple[list[tuple[Path, int]], list[str], list[Path]]:
    """Image files with their class, the names of the classes, and the files left out."""
    from PIL import Image

    extensions = {end for end, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    classes = [path for path in _visible(folder) if path.is_dir()]
    found = [(path, label) for label, part in enumerate(classes) for path in _walk(part)]
    if not classes:
        found, classes = [(path, 0) for path in _visible(folder)], [folder.resolve()]
        left_out = []
    else:
        left_out = [path for path in _visible(folder) if path.is_file()]
    files = [(path, label) for path, label in found if path.suffix.lower() in extensions]
    left_out += [path for path, _ in found if path.suffix.lower() not in extensions]
    return files, [path.name for path in classes], left_out


def _load(path: Path, height: int, width: int, colour: bool) -> Tensor:
    """One file as (C, H, W) in [0, 1]."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        ImageOps.exif_transpose(image, in_place=True)
        picture = _flat(image, colour)
    picture = ImageOps.fit(picture, (width, height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(picture, dtype=np.float32))
    if picture.mode == "F":
        return pixels.expand(3 if colour else 1, height, width)
    pixels = pixels / 255
    return pixels.movedim(2, 0) if colour else pixels[None]


def _flat(image: "Image", colour: bool) -> "Image":
    """The image in mode "RGB" or "L"; in mode "F", from 0 to 1, where it has more than 8 bits."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        top = 1 if image.mode == "F" else 2**16 - 1
        if not (values.min() >= 0 and values.max() <= top):
            raise ValueError(f"its pixels, {values.min():.4g} to {values.max():.4g}, have no scale")
        return Image.fromarray((values / top).astype(np.float32))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    if image.mode in ("P", "CMYK", "PA"):  # by way of RGB: grey is made of what is seen
        image = image.convert("RGB")
    return image.convert("RGB" if colour else "L")


def _tell(what: str, files: list[Path]) -> None:
    if files:
        few = ", ".join(path.name for path in files[:3]) + ", ..." * (len(files) > 3)
        warnings.warn(f"left out {len(files)} files that {what}: {few}", stacklevel=3)
