"""Run a learner's function against the truth, and say the first thing that helps."""

import linecache
import math
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Mistake = tuple[Callable[..., Any], str]


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Draw numbers from N(0, 1) to try a function on, the same each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def examine(
    function: Any,
    truth: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    mistakes: Sequence[Mistake],
    why: str | Callable[[], str],
    otherwise: str = "",
    rtol: float = 1e-4,
    differentiable: bool = False,
) -> None:
    """Print one verdict: not solved yet, not right (with a hint), an error of theirs, or correct.

    Args:
        function: the learner's.
        truth: the right function; it is called after theirs and returns a tensor or a float, or a
            function that judges their result, message or empty string.
        cases: argument tuples to try, one after another.
        mistakes: pairs (wrong function, hint), for answers that learners really give.
        why: one line on why the exercise matters, for a right answer.
        otherwise: hint for wrong answers that are not among the mistakes.
        rtol: relative tolerance.
        differentiable: gradients must flow back to every tensor of the first case.
    """
    if not callable(function):
        return print(f"not right: pass the function itself, without brackets; got {function!r}")
    if differentiable:
        cases = [*cases, tuple(_leaf(argument) for argument in cases[0])]
    for case in cases:
        given = tuple(_copy(argument) for argument in case)
        try:
            found = function(*given)
        except NotImplementedError:
            return print("not solved yet: replace the raise with your own lines, and run again")
        except Exception as error:
            return print(_their_error(error, function))
        if any(not _same(a, b) for a, b in zip(given, case, strict=True)):
            return print(
                "not right: your function changes its argument in place, which the caller will "
                "not expect; work on new tensors (x + 1, not x += 1)"
            )
        expected = truth(*case)
        if found is None:
            message = "your function returns None: is there a return statement?"
        elif callable(expected):
            message = expected(found)
        elif message := difference(found, expected, rtol):
            advice = f". {otherwise}" if otherwise and message.startswith("at index") else ""
            general = f"{message}; tried with {_describe(case)}{advice}"
            message = _known(found, case, mistakes, rtol) or general
        if message:
            return print(f"not right: {message}")
        if any(isinstance(a, Tensor) and a.requires_grad for a in case) and not found.requires_grad:
            return print(
                "not right: the numbers are, but no gradient flows back to the arguments; stay "
                "with torch functions, without .detach(), .item(), numpy or a new torch.tensor(...)"
            )
    return print(f"correct: {why() if callable(why) else why}")


def _describe(case: tuple[Any, ...]) -> str:
    """Return the arguments in words: numbers as they are, tensors by shape."""
    words = (f"shape {tuple(a.shape)}" if isinstance(a, Tensor) else str(a) for a in case
             if isinstance(a, Tensor | float | int))  # fmt: skip
    return ", ".join(words)


def _leaf(argument: Any) -> Any:
    return argument.clone().requires_grad_() if isinstance(argument, Tensor) else argument


def _copy(argument: Any) -> Any:
    return argument.clone() if isinstance(argument, Tensor) else argument


def _same(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, Tensor) else True


def _known(found: Any, case: tuple[Any, ...], mistakes: Sequence[Mistake], rtol: float) -> str:
    """Return the hint that belongs to this wrong answer, or an empty string."""
    for wrong, hint in mistakes:
        if not difference(found, wrong(*case), rtol):
            return hint
    return ""


def _their_error(error: Exception, function: Any) -> str:
    """Say what went wrong in the learner's own lines, without a traceback of ours."""
    text = f"your function raised {type(error).__name__}: {error}"
    code = getattr(function, "__code__", None)
    theirs = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if code and frame.filename == code.co_filename
    ]
    if not theirs:
        return f"{text}\n(check the number and the order of its arguments)"
    line = linecache.getline(theirs[-1].filename, theirs[-1].lineno or 0).strip()
    return f"{text}\nin its line: {line}" if line else text


def difference(found: Any, expected: Any, rtol: float = 1e-4) -> str:
    """Say how a result differs from the expected one, or return an empty string.

    Args:
        found: anything.
        expected: a tensor or a float.
        rtol: relative tolerance.
    """
    if isinstance(expected, Tensor):
        if not isinstance(found, Tensor):
            kind = "tuple" if isinstance(found, tuple) else type(found).__name__
            hints = {
                "tuple": " (max and min give two: take .values)",
                "ndarray": " (torch.as_tensor makes it one)",
            }
            wanted = f"return one tensor of shape {tuple(expected.shape)}"
            return f"{wanted}, not a {kind}{hints.get(kind, '')}"
        if found.shape != expected.shape:
            return f"the result has shape {tuple(found.shape)}, expected {tuple(expected.shape)}"
        return _first_difference(found, expected, rtol)
    try:
        number = float(found)
    except (TypeError, ValueError, RuntimeError):  # the last for tensors of several elements
        return f"return a single number, not a {type(found).__name__}"
    if math.isclose(number, expected, rel_tol=rtol, abs_tol=1e-6):
        return ""
    return f"got {number:.6g}, expected {expected:.6g}"


def _first_difference(found: Tensor, expected: Tensor, rtol: float) -> str:
    if found.is_complex():
        return "the result has complex numbers"
    a, b = found.detach().cpu().double(), expected.detach().cpu().double()
    off = ~torch.isclose(a, b, rtol=rtol, atol=1e-5, equal_nan=True)  # some mistakes give NaN
    if not off.any():
        return ""
    place = tuple(off.nonzero()[0].tolist())
    text = f"at index {list(place)} you have {a[place]:.6g}, expected {b[place]:.6g}"
    if torch.allclose(a, -b):
        return f"{text}: the sign is the wrong way round"
    return f"{text} ({int(off.sum())} of {off.numel()} numbers differ)"
