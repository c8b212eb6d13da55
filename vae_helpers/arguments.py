"""Checks of arguments at the edge of the package, with errors that name the remedy."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def check_number(name: str, value: Any, ok: Callable[[Any], bool], what: str) -> None:
    """Raise ValueError unless `value` is a finite number, not a bool, and `ok(value)` holds."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not ok(value):
        raise ValueError(f"{name} must be {what}, got {value!r}")


def check_count(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is an int, 1 or more."""
    check_number(name, value, lambda v: isinstance(v, int) and v >= 1, "a whole number, 1 or more")


def check_images(name: str, images: Any, model: nn.Module | None = None) -> None:
    """Raise unless `images` is a non-empty float tensor (N, C, H, W), in [0, 1], fit for `model`.

    Raises:
        TypeError: if it is no tensor or holds no floating-point numbers.
        ValueError: if its shape, its size or its values are wrong.
    """
    if not isinstance(images, Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor of images, got {type(images).__name__}: "
            f"convert it with torch.as_tensor"
        )
    if not images.is_floating_point():
        raise TypeError(
            f"{name} must hold floating-point pixels in [0, 1], got {images.dtype}: "
            f"for bytes, use {name}.float() / 255"
        )
    expected = getattr(model, "image_shape", None)
    wanted = f"(N, {', '.join(map(str, expected))})" if expected else "(N, C, H, W)"
    if images.ndim != 4 or (expected and tuple(images.shape[1:]) != tuple(expected)):
        raise ValueError(
            f"{name} must have shape {wanted}, got {tuple(images.shape)}: reshape it with .view"
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
