"""What both widgets share: the script, the style, pixels as bytes, and a picture for pages."""

import base64
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor

from .export import Block

HERE = Path(__file__).parent
_SHARED = ("layers.js", "space.js", "vae.js", "parts.js", "drawing.js")
STYLE = (HERE / "style.css").read_text(encoding="utf-8")


def script(*names: str) -> str:
    """The shared modules and those named, as a single one that imports nothing."""
    parts = []
    for name in (*_SHARED, *names):
        text = (HERE / name).read_text(encoding="utf-8")
        text = re.sub(r"^import [^;]*;\n", "", text, flags=re.MULTILINE)
        parts.append(re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE))
    return "\n".join(parts)


def to_pixels(image: Tensor | None, widget: Any = None) -> bytes | None:
    """An image as bytes, 0 to 255 a pixel: what travels."""
    if image is None:
        return None
    return (image.detach().cpu().float() * 255).round().to(torch.uint8).numpy().tobytes()


def as_image(value: Any, shape: tuple[int, ...]) -> Tensor:
    """An image (1, C, H, W) from bytes, or from a tensor that has so many pixels in [0, 1].

    Raises:
        ValueError: if it is none.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        image = torch.from_numpy(np.frombuffer(value, dtype=np.uint8).astype(np.float32)) / 255
    else:
        image = torch.as_tensor(value).detach().cpu().float()
    if image.numel() != np.prod(shape):
        raise ValueError(
            f"image must have shape (1, {', '.join(map(str, shape))}), got {tuple(image.shape)}"
        )
    if not bool(((image >= 0) & (image <= 1)).all()):  # False for NaN, too
        raise ValueError("image must hold pixels in [0, 1]: divide bytes by 255")
    return image.reshape(1, *shape)


def as_png(picture: Tensor, size: int = 280) -> bytes:
    """A picture (H, W) or (H, W, 3) in [0, 1], enlarged to about `size`, its pixels still sharp."""
    import imageio.v3 as iio

    pixels = (picture.cpu().numpy() * 255).round().astype(np.uint8)
    scale = max(1, size // max(pixels.shape[:2]))
    buffer = BytesIO()
    iio.imwrite(buffer, pixels.repeat(scale, axis=0).repeat(scale, axis=1), extension=".png")
    return buffer.getvalue()


class LiveWidget(anywidget.AnyWidget):
    """A widget with networks: `plan` says how to run the `weights`, one block of bytes."""

    plan = traitlets.Dict().tag(sync=True)
    weights = traitlets.Bytes().tag(sync=True)

    def _store(self, plan: dict[str, Any], block: Block) -> None:
        self.plan, self.weights = {**plan, "table": block.table}, block.to_bytes()

    def _still(self) -> tuple[Tensor, str]:
        """A picture (H, W) or (H, W, 3) for where no script runs, and what it shows."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**options)
        picture, title = self._still()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        data = {**data, "image/png": base64.b64encode(as_png(picture)).decode()}
        return data, {**metadata, "image/png": {"alt": title}}
