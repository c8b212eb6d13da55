"""How a learner's result differs from the right one: in its numbers, and in its gradients."""

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .cases import copies
from .words import describe, shown

REORDERED = (
    "the numbers are right, but in another order; sorting loses which of them belongs to which, "
    "unless you undo it at the end"
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Draw numbers from N(0, 1) to try a function on, the same each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def difference(found: Any, expected: Any, rtol: float = 1e-4) -> str:
    """Say how a result differs from the expected one, or return an empty string.

    Args:
        found: anything.
        expected: a tensor, an integer, a float, or a tuple of numbers.
        rtol: relative tolerance.
    """
    if isinstance(expected, tuple):
        return _differing_tuple(found, expected, rtol)
    if isinstance(expected, Tensor):
        if not isinstance(found, Tensor):
            wanted = f"return one tensor of shape {tuple(expected.shape)}"
            if isinstance(found, tuple):  # as max and min give it, or the learner
                which = " (take .values)" if hasattr(found, "values") else ""
                return f"{wanted}, not a tuple of {len(found)}{which}"
            kind = type(found).__name__
            hint = " (torch.as_tensor makes it one)" if kind == "ndarray" else ""
            return f"{wanted}, not a {kind}{hint}"
        if found.layout != torch.strided:
            return "the result is a sparse tensor: .to_dense() makes it an ordinary one"
        if found.shape != expected.shape:
            return f"the result has shape {tuple(found.shape)}, expected {tuple(expected.shape)}"
        return first_difference(found, expected, rtol)
    truth_value = isinstance(found, bool) or getattr(found, "dtype", None) in (bool, torch.bool)
    if isinstance(expected, int) and (truth_value or not isinstance(found, numbers.Integral)):
        return f"return a whole number, an int, not a {type(found).__name__}"
    try:
        number = float("a text" if truth_value or isinstance(found, str | bytes) else found)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # tensors of several, 10**999
        return f"return a single number, not a {type(found).__name__}"
    size = abs(expected) if abs(expected) > 1e-9 else 1.0  # around 0 rounding has no measure
    if math.isclose(number, expected, rel_tol=rtol, abs_tol=1e-6 * min(1.0, size)):
        return ""
    return f"got {shown(number)}, expected {shown(expected)}"


def _differing_tuple(found: Any, expected: tuple[float, ...], rtol: float) -> str:
    if not isinstance(found, tuple | list) or len(found) != len(expected):
        kind = f"{len(found)} of them" if isinstance(found, tuple | list) else type(found).__name__
        return f"return {len(expected)} numbers, with a comma between them, not {kind}"
    pairs = zip(found, expected, strict=True)
    faults = [difference(theirs, right, rtol) for theirs, right in pairs]
    place = next((i for i, fault in enumerate(faults) if fault), None)
    return "" if place is None else f"number {place + 1} of the {len(faults)}: {faults[place]}"


def alike(a: Any, b: Any) -> bool:
    """Tell whether two results of one function are the same but for rounding."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.is_complex() or b.is_complex() or a.layout != torch.strided:
            return True  # refused anyhow
        return a.shape == b.shape and a.double().allclose(b.double(), equal_nan=True)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(alike, a, b))
    numeric = isinstance(a, numbers.Real) and isinstance(b, numbers.Real)
    if not numeric or a == b:  # integers too large for a float, too
        return True
    return math.isclose(a, b, rel_tol=1e-6) or (math.isnan(a) and math.isnan(b))


def first_difference(found: Tensor, expected: Tensor, rtol: float) -> str:
    """Say where two tensors of one shape differ first, or return an empty string."""
    if found.is_complex():
        return "the result has complex numbers"
    a, b = found.detach().cpu().double(), expected.detach().cpu().double()
    largest = b[b.isfinite()].abs().amax().item() if b.isfinite().any() else 0.0
    atol = 1e-5 * min(1.0, largest or 1.0)  # of small numbers, a small part is right, too
    off = ~torch.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)  # some mistakes give NaN
    if not off.any():
        return ""
    place = tuple(off.nonzero()[0].tolist())
    text = f"at index {list(place)} you have {shown(a[place].item())}, expected "
    text += shown(b[place].item())
    if a[place] != 0 and torch.allclose(a, -b, rtol, atol):
        return f"{text}: the sign is the wrong way round"
    if a.dim() == 1 and torch.allclose(a.sort().values, b.sort().values, rtol, atol):
        return f"{text}: {REORDERED}"
    return f"{text} ({int(off.sum())} of {off.numel()} numbers differ)"


def wrong_gradient(
    function: Any,
    truth: Callable[..., Any],
    case: tuple[Any, ...],
    wanted: Sequence[tuple[int, str]],
) -> str:
    """Say for which argument the gradient is lost or wrong, or return an empty string.

    Both functions get the same numbers; a weighted sum of the results is differentiated, so that
    errors don't cancel.
    """
    results = []
    for each in (function, truth):
        leaves = copies(case)
        for i, _ in wanted:  # of the others, even .numpy() may be taken
            if isinstance(leaves[i], Tensor):
                leaves[i].requires_grad_()
        gradients: list[Tensor] = []
        with torch.enable_grad():  # a notebook may have turned it off
            result = each(*leaves)
            if result.requires_grad:
                weights = normal(*result.shape, seed=11).to(result.dtype)
                (result * weights).sum().backward()
        for i, _ in wanted:
            is_module, is_tensor = (isinstance(leaves[i], t) for t in (torch.nn.Module, Tensor))
            parts = list(leaves[i].parameters()) if is_module else [leaves[i]] * is_tensor
            flat = [torch.zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in parts]
            gradients.append(torch.cat(flat) if flat else torch.zeros(0))  # of a plain function
        results.append(gradients)
    for (i, name), theirs, right in zip(wanted, *results, strict=True):
        if not theirs.any() and right.any():
            return (
                f"the numbers are right, but no gradient flows back to {name}; stay with torch "
                "functions, without no_grad(), .detach(), .item(), numpy or a new torch.tensor(...)"
            )
        if first_difference(theirs, right, 1e-3):
            where = describe([name], (case[i],))
            return (
                f"the numbers are right, but the gradient with respect to {name} is not: "
                f"{first_difference(theirs, right, 1e-3)}; {where}"
            )
    return ""
