"""What is said to a learner of arguments and of errors."""

import linecache
import traceback
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def argument_names(function: Any, n: int) -> list[str]:
    """Return what the learner calls the arguments; numbers where that can't be told."""
    code = getattr(function, "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    # with more of them, the others have defaults
    return names[:n] if len(names) >= n else [f"argument {i + 1}" for i in range(n)]


def shown(number: float, digits: int = 6) -> str:
    """Return a number in words, without the sign of a negative zero."""
    return f"{number + 0.0:.{digits}g}"


def describe(names: Sequence[str], case: tuple[Any, ...]) -> str:
    """Return the arguments in words: numbers and small tensors as they are, others by shape."""
    words = []
    for name, value in zip(names, case, strict=True):
        if isinstance(value, Tensor) and value.numel() > 4:
            low, high = value.min().item(), value.max().item()
            ends = f"from {shown(low, 3)} to {shown(high, 3)}"
            words.append(f"{name} of shape {tuple(value.shape)}, {ends}")
        elif isinstance(value, Tensor):
            few = ", ".join(shown(v, 4) for v in value.flatten().tolist())
            words.append(f"{name} = [{few}]")
        elif isinstance(value, list) and len(value) > 12:
            ends = f"from {shown(min(value), 3)} to {shown(max(value), 3)}"
            words.append(f"{name} of {len(value)} numbers, {ends}")
        elif isinstance(value, float | int | Sequence):
            words.append(f"{name} = {value}")
    double = any(isinstance(v, Tensor) and v.dtype == torch.float64 for v in case)
    return ", ".join(words) + ", in double precision" * double


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


def advice_on_large_numbers(*scores: Tensor) -> str:
    """Point out whole numbers that single precision can't tell apart, or return nothing."""
    large = any(s.dtype == torch.int64 and s.max() > 2**24 for s in scores)
    return "" if not large else (
        "Right for smaller numbers. These single precision can't tell apart: compare them as they "
        "are"
    )  # fmt: skip


def advice_on_close_scores(*scores: Tensor) -> str:
    """Point out scores that single precision can't tell apart, or return an empty string."""
    finite = [s[s.isfinite()] for s in scores]
    spread = max(((s.max() - s.min()).item() for s in finite if len(s)), default=0.0)
    return "" if not 0 < spread < 1e-6 else (
        "These scores lie very close together, in double precision: compare them as they are"
    )  # fmt: skip
