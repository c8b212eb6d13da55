"""Run a learner's function against the truth, and say the first thing that helps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.nn import Module

from .cases import copies, surroundings, unchanged
from .comparing import difference, wrong_gradient
from .known_mistakes import Mistake, by_chance, known
from .verdicts import State, say
from .words import argument_names, describe, their_error

Compare = Callable[[Any, Any, tuple[Any, ...]], str]

MODEL_CHANGED = (
    "your function changes the model that it is given: its weights or its mode; leave it as it is, "
    "or work on copy.deepcopy(model)"
)
NOT_TRIED = "not solved yet: replace the raise with your own lines, and run again"
IN_PLACE = "your function changes its argument in place, which the caller will not expect; work on "
NEW_TENSORS, A_COPY = "new tensors (x + 1, not x += 1)", "a copy of it, list(x)"


def examine(
    function: Any,
    truth: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    mistakes: Sequence[Mistake],
    why: str | Callable[[], str],
    otherwise: Callable[..., str] = lambda *_: "",
    rtol: float = 1e-4,
    gradients: Sequence[int] = (),
    readings: Sequence[Callable[..., Any]] = (),
    compare: Compare | None = None,
) -> None:
    """Say one verdict: not solved yet, not right (with a hint), an error of theirs, or correct.

    Args:
        function: the learner's.
        truth: the right function; it is called after theirs and returns a tensor, a number, a
            tuple of numbers, or a function that judges their result, message or empty string.
        cases: argument tuples to try, one after another.
        mistakes: pairs (wrong function, hint), for answers that learners really give. A hint is
            given if the wrong function, and no other, agrees with theirs in all cases; it may
            return None where it has no opinion.
        why: one line on why the exercise matters, for a right answer.
        otherwise: from the arguments of the case, a hint for other wrong numbers.
        rtol: relative tolerance.
        gradients: which arguments, tensors or modules, must get the right gradient.
        readings: other right functions, for a task that may be read in another way: the one that
            agrees in the first case must agree in all of them.
        compare: from their result, the right one and the case, how they differ, or an empty
            string; by default number by number.
    """
    tried = _Tried(function, truth, mistakes, otherwise, rtol, gradients, compare)
    kind, text = tried.verdict(cases, readings)
    say(kind, text or f"correct: {why() if callable(why) else why}")


@dataclass
class _Tried:
    """A learner's function beside what `examine` was told of it."""

    function: Any
    truth: Callable[..., Any]
    mistakes: Sequence[Mistake]
    otherwise: Callable[..., str]
    rtol: float
    gradients: Sequence[int]
    compare: Compare | None

    def verdict(
        self, cases: Sequence[tuple[Any, ...]], readings: Sequence[Callable[..., Any]]
    ) -> tuple[State, str]:
        """What it is, "solved", "not tried" or "wrong", and what to say unless it is solved."""
        if not callable(self.function):
            text = f"pass the function itself, without brackets; got {self.function!r}"
            return "wrong", f"not right: {text}"
        for i, case in enumerate(cases):
            given = copies(case)
            try:
                with surroundings() as switched:
                    found = self.function(*given)
            except KeyboardInterrupt:
                say("wrong", f"not right: interrupted, and still at work on {self.described(case)}")
                raise  # whatever was to run next waits
            except Exception as error:
                if isinstance(error, NotImplementedError) and not error.args:
                    return "not tried", NOT_TRIED  # PyTorch raises it, too, but says what for
                return "wrong", their_error(error, self.function)
            if switched:
                text = "your function changes a setting of PyTorch for all that follows"
                return "wrong", f"not right: {text}: {switched[0]}"
            if changed := [b for a, b in zip(given, case, strict=True) if not unchanged(a, b)]:
                if isinstance(changed[0], Module):
                    return "wrong", f"not right: {MODEL_CHANGED}"
                instead = A_COPY if isinstance(changed[0], list) else NEW_TENSORS
                return "wrong", f"not right: {IN_PLACE}{instead}"
            if i == 0:
                agree = [f for f in readings if not self.differs(found, f(*case), case)]
                self.truth = agree[0] if agree else self.truth
            if message := self.fault(found, case, cases):
                return "wrong", f"not right: {message}"
        return "solved", ""

    def described(self, case: tuple[Any, ...]) -> str:
        """The arguments in words, by the learner's names for them."""
        return describe(argument_names(self.function, len(case)), case)

    def differs(self, found: Any, expected: Any, case: tuple[Any, ...]) -> str:
        if callable(expected):
            return str(expected(found))
        if self.compare is not None:
            return self.compare(found, expected, case)
        return difference(found, expected, self.rtol)

    def fault(self, found: Any, case: tuple[Any, ...], cases: Sequence[tuple[Any, ...]]) -> str:
        """What is wrong with the result of one case, or with its gradients."""
        expected = self.truth(*case)
        if found is None:
            ask = "is there a return statement on every way out?"
            return f"your function returns None: {ask} Tried with {self.described(case)}"
        if message := self.differs(found, expected, case):
            return message if callable(expected) else self.hint(message, found, case, cases)
        if not self.gradients:
            return ""
        names = argument_names(self.function, len(case))
        wanted = [(i, names[i]) for i in self.gradients]
        try:
            return wrong_gradient(self.function, self.truth, case, wanted)
        except Exception as error:  # .numpy() of what needs a gradient, for example
            said = their_error(error, self.function)
            return f"the numbers are right, but for gradients {said}"

    def hint(
        self, message: str, found: Any, case: tuple[Any, ...], cases: Sequence[tuple[Any, ...]]
    ) -> str:
        """The most helpful thing to say of a wrong result."""
        of_numbers = message.startswith(("at index", "got", "number"))
        advice = self.otherwise(*case) if of_numbers else ""
        general = f"{message}; tried with {self.described(case)}"
        return (
            (by_chance(self.function, found, case) if self.rtol < 1e-2 else "")
            or known(self.function, found, case, cases, self.mistakes, self.rtol)
            or (f"{general}. {advice}" if advice else general)
        )
