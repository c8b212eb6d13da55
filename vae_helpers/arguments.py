"""Checks of arguments at the edge of the package, with errors that name the remedy."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


def check_number(name: str, value: Any, ok: Callable[[Any], bool], what: str) -> None:
    """Raise ValueError unless `value` is a finite number, not a bool, and `ok(value)` holds."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not ok(value):
        raise ValueError(f"{name} must be {what}, got {value!r}")


def check_count(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is an int, 1 or more."""
    check_number(name, value, lambda v: isinstance(v, int) and v >= 1, "a whole number, 1 or more")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, got {value!r}")


def check_tensor(name: str, value: Any, like: tuple[str, Tensor] | None = None) -> None:
    """Raise unless `value` is a floating-point tensor, on the device of `like` (name, tensor).

    Raises:
        TypeError: if it is no tensor or holds no floating-point numbers.
        ValueError: if it has no data or lies on another device.
    """
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}: "
            f"convert it with torch.as_tensor"
        )
    if not value.is_floating_point():
        raise TypeError(
            f"{name} must hold floating-point numbers, got {value.dtype}: use {name}.float()"
        )
    if value.is_meta:
        raise ValueError(f"{name} is on the meta device, where tensors have no data")
    if like is not None and isinstance(like[1], Tensor) and like[1].device != value.device:
        raise ValueError(
            f"{name} is on {value.device}, {like[0]} on {like[1].device}: move one with .to(device)"
        )


def check_model(model: Any) -> None:
    """Raise TypeError unless `model` is a torch module."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model must be a torch.nn.Module, such as VAE(), got {type(model).__name__}"
        )


def as_array(values: Tensor | Sequence[float] | np.ndarray) -> np.ndarray:
    """Return tensors (from any device) and sequences as NumPy arrays."""
    if isinstance(values, Tensor) and values.is_meta:
        raise ValueError("values are on the meta device, where tensors have no data")
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def check_mapping(name: str, value: Any, what: str) -> None:
    """Raise unless `value` is a mapping from labels with at least one entry."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, label -> {what}, got {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} is empty: it needs at least one entry, label -> {what}")


def check_names(name: str, value: Any) -> None:
    """Raise TypeError unless `value` has a length."""
    if not hasattr(value, "__len__"):
        raise TypeError(f"{name} must be a sequence, got {type(value).__name__}")


def _remedy_for(name: str, value: Any) -> str:
    """The line that turns what people pass instead of a tensor of images into one."""
    if isinstance(value, np.ndarray):
        scaled = " / 255" if value.dtype == np.uint8 else ""
        return f"convert it with torch.from_numpy({name}).float(){scaled}"
    if isinstance(value, DataLoader):
        return f"convert it with torch.cat([batch[0] for batch in {name}])"
    if isinstance(value, Dataset):
        return f"convert it with torch.stack([item[0] for item in {name}])"
    if isinstance(value, list | tuple) and value and isinstance(value[0], Tensor):
        return f"convert it with torch.stack({name})"
    return "convert it with torch.as_tensor"


def check_images(name: str, images: Any, model: nn.Module | None = None) -> None:
    """Raise unless `images` is a non-empty float tensor (N, C, H, W), in [0, 1], fit for `model`.

    Raises:
        TypeError: if it is no tensor or holds no floating-point numbers.
        ValueError: if its shape, its size or its values are wrong.
    """
    if not isinstance(images, Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor of images, got {type(images).__name__}: "
            f"{_remedy_for(name, images)}"
        )
    if not images.is_floating_point():
        raise TypeError(
            f"{name} must hold floating-point pixels in [0, 1], got {images.dtype}: "
            f"for bytes, use {name}.float() / 255"
        )
    if images.is_meta:
        raise ValueError(f"{name} is on the meta device, where tensors have no data")
    # `model is not None`, since the truth of a compiled model asks for a length that it has not.
    parameters = [] if model is None else model.parameters()
    dtype = next((p.dtype for p in parameters if p.is_floating_point()), images.dtype)
    if images.dtype != dtype:
        raise TypeError(f"{name} holds {images.dtype}, the model {dtype}: use {name}.to({dtype})")
    expected = getattr(model, "image_shape", None)
    if images.ndim != 4:
        wanted = f"(N, {', '.join(map(str, expected))})" if expected else "(N, C, H, W)"
        raise ValueError(
            f"{name} must have shape {wanted}, got {tuple(images.shape)}: reshape it with .view"
        )
    if expected and tuple(images.shape[1:]) != tuple(expected):
        raise ValueError(
            f"{name} holds images of shape {tuple(images.shape[1:])}, the model is made for "
            f"{tuple(expected)}: make it with image_shape={tuple(images.shape[1:])}, or resize them"
        )
    if len(images) == 0:
        raise ValueError(f"{name} is empty: it needs at least one image")
    low, high = torch.aminmax(images)
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise ValueError(f"{name} holds NaN or infinite pixels: remove or replace them")
    if low < 0 or high > 1:
        raise ValueError(
            f"{name} must hold pixels in [0, 1], got {low:.4g} to {high:.4g}: rescale them, "
            f"for instance by dividing by the largest possible value"
        )
