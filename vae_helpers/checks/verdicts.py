"""What a check found: printed for a learner, or handed over as a value to a program that asks."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple

State = Literal["solved", "not tried", "wrong"]


class Verdict(NamedTuple):
    """What a check found, and the text that it prints."""

    state: State
    text: str


_listening: ContextVar[list[Verdict] | None] = ContextVar("_listening", default=None)


def verdict(check: Callable[[Any], None], function: Any) -> Verdict:
    """Run a check and return what it found instead of printing it.

    Args:
        check: one of `vae_helpers.checks`.
        function: the learner's.

    Raises:
        RuntimeError: if the check ends without a verdict.
    """
    heard: list[Verdict] = []
    token = _listening.set(heard)
    try:
        check(function)
    finally:
        _listening.reset(token)
    if not heard:
        raise RuntimeError(f"the check {check.__name__} ended without a verdict: it must say() one")
    return heard[-1]


def say(state: State, text: str) -> None:
    """Print a verdict, or hand it to the `verdict` that runs the check."""
    heard = _listening.get()
    if heard is None:
        print(text)
    else:
        heard.append(Verdict(state, text))
