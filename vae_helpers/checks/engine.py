"""Run a learner's function against the truth, and say the first thing that helps."""

import linecache
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .comparing import describe, difference, wrong_gradient
from .verdicts import say

Mistake = tuple[Callable[..., Any], str]


def examine(
    function: Any,
    truth: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    mistakes: Sequence[Mistake],
    why: str | Callable[[], str],
    otherwise: Callable[..., str] = lambda *_: "",
    rtol: float = 1e-4,
    gradients: Sequence[int] = (),
) -> None:
    """Say one verdict: not solved yet, not right (with a hint), an error of theirs, or correct.

    Args:
        function: the learner's.
        truth: the right function; it is called after theirs and returns a tensor, a number, or a
            function that judges their result, message or empty string.
        cases: argument tuples to try, one after another.
        mistakes: pairs (wrong function, hint), for answers that learners really give. A hint is
            given if the wrong function, and no other, agrees with theirs in all cases; it may
            return None where it has no opinion.
        why: one line on why the exercise matters, for a right answer.
        otherwise: from the arguments of the case, a hint for other wrong numbers.
        rtol: relative tolerance.
        gradients: which arguments, tensors or modules, must get the right gradient.
    """
    if not callable(function):
        text = f"not right: pass the function itself, without brackets; got {function!r}"
        return say("wrong", text)
    for case in cases:
        given = _copies(case)
        try:
            found = function(*given)
        except NotImplementedError as error:
            if not error.args:  # PyTorch raises it, too, but says what for
                text = "not solved yet: replace the raise with your own lines, and run again"
                return say("not tried", text)
            return say("wrong", their_error(error, function))
        except Exception as error:
            return say("wrong", their_error(error, function))
        if any(not _same(a, b) for a, b in zip(given, case, strict=True)):
            return say(
                "wrong",
                "not right: your function changes its argument in place, which the caller will "
                "not expect; work on new tensors (x + 1, not x += 1)",
            )
        expected = truth(*case)
        names = argument_names(function, len(case))
        if found is None:
            message = "your function returns None: is there a return statement?"
        elif callable(expected):
            message = expected(found)
        elif message := difference(found, expected, rtol):
            advice = otherwise(*case) if message.startswith("at index") else ""
            general = f"{message}; tried with {describe(names, case)}"
            message = (
                (_by_chance(function, found, case) if rtol < 1e-2 else "")
                or _known(function, found, case, cases, mistakes, rtol)
                or (f"{general}. {advice}" if advice else general)
            )
        if not message and gradients:
            try:
                message = wrong_gradient(function, truth, case, [(i, names[i]) for i in gradients])
            except RuntimeError as error:  # .numpy() of what needs a gradient, for example
                message = f"the numbers are right, but for gradients {their_error(error, function)}"
        if message:
            return say("wrong", f"not right: {message}")
    return say("solved", f"correct: {why() if callable(why) else why}")


def argument_names(function: Any, n: int) -> list[str]:
    """Return what the learner calls the arguments; numbers where that can't be told."""
    code = getattr(function, "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    return names if len(names) == n else [f"argument {i + 1}" for i in range(n)]


def _copies(case: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a.clone() if isinstance(a, Tensor) else a for a in case)


def _same(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, Tensor) else True


def _by_chance(function: Any, found: Any, case: tuple[Any, ...]) -> str:
    """Notice random numbers of the learner's own: a second call gives another result."""
    again = function(*_copies(case))
    comparable = isinstance(found, Tensor) and isinstance(again, Tensor)
    if not comparable or found.shape != again.shape or found.allclose(again, equal_nan=True):
        return ""
    return (
        "the same arguments give another result when tried again: your function draws random "
        "numbers of its own; use those that you were given"
    )


def _known(
    function: Any,
    found: Any,
    case: tuple[Any, ...],
    cases: Sequence[tuple[Any, ...]],
    mistakes: Sequence[Mistake],
    rtol: float,
) -> str:
    """Return the hint of the one mistake that gives just this, everywhere, or an empty string."""
    results = {id(case): found}

    def agrees(wrong: Callable[..., Any], other: tuple[Any, ...]) -> bool:
        try:
            expected = wrong(*other)
        except RuntimeError:  # of shapes that this mistake can't take
            return True
        if expected is None:
            return True
        if id(other) not in results:
            try:
                results[id(other)] = function(*_copies(other))
            except Exception:
                return False
        return not difference(results[id(other)], expected, rtol)

    hints = {hint for wrong, hint in mistakes if all(agrees(wrong, c) for c in (case, *cases))}
    return hints.pop() if len(hints) == 1 else ""


def their_error(error: Exception, function: Any) -> str:
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
