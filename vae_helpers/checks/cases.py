"""What a function is tried on: copies of the arguments, and their names."""

import copy
from typing import Any

import torch
from torch import Tensor


def copies(case: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arguments that may be changed without harm to the case."""
    return tuple(_copy(argument) for argument in case)


def _copy(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.clone()
    return copy.deepcopy(argument) if isinstance(argument, list | torch.nn.Module) else argument


def unchanged(given: Any, original: Any) -> bool:
    """Tell whether a function left its argument as it was: its numbers, and a module's mode."""
    if isinstance(original, Tensor):
        return given.shape == original.shape and torch.equal(given, original)
    if isinstance(original, torch.nn.Module):
        pairs = zip(given.state_dict().values(), original.state_dict().values(), strict=True)
        return given.training == original.training and all(torch.equal(a, b) for a, b in pairs)
    return bool(given == original) if isinstance(original, list) else True
