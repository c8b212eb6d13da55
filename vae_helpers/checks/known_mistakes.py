"""Which mistake a wrong result comes from: one that is known, or random numbers of their own."""

from collections.abc import Callable, Sequence
from typing import Any

from .cases import copies
from .comparing import alike, difference
from .words import their_error

Mistake = tuple[Callable[..., Any], str]

BY_CHANCE = (
    "the same arguments give another result when tried again: your function draws random numbers "
    "of its own; use those that you were given, if any"
)


def by_chance(function: Any, found: Any, case: tuple[Any, ...]) -> str:
    """Notice random numbers of the learner's own: a second call gives another result."""
    try:
        again = function(*copies(case))
    except Exception as error:
        return f"the same arguments, tried again: {their_error(error, function)}"
    return "" if alike(found, again) else BY_CHANCE


def known(
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
                results[id(other)] = function(*copies(other))
            except Exception:
                return False
        return not difference(results[id(other)], expected, rtol)

    hints = {hint for wrong, hint in mistakes if all(agrees(wrong, c) for c in (case, *cases))}
    return hints.pop() if len(hints) == 1 else ""
