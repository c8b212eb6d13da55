"""What a function is tried on, copies of the arguments, and what it leaves changed."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
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
        theirs, ours = ((*m.parameters(), *m.buffers()) for m in (given, original))
        return (
            given.training == original.training
            and set(vars(given)) == set(vars(original))  # a method may have been replaced
            and all(
                a.dtype == b.dtype and a.requires_grad == b.requires_grad and torch.equal(a, b)
                for a, b in zip(theirs, ours, strict=True)
            )
        )
    return bool(given == original) if isinstance(original, list) else True


@contextmanager
def surroundings() -> Iterator[list[str]]:
    """Collect what a function leaves switched for everybody else, and switch it back."""
    gradients, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    switched: list[str] = []
    try:
        yield switched
    finally:
        if torch.is_grad_enabled() != gradients:
            switched.append("torch.set_grad_enabled (use `with torch.no_grad():`)")
            torch.set_grad_enabled(gradients)
        if torch.get_default_dtype() != dtype:
            switched.append("torch.set_default_dtype (use .double() or dtype=)")
            torch.set_default_dtype(dtype)
