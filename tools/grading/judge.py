"""A process that judges notebooks: the text of one comes in on a line, its verdicts go out.

It runs the project's checks and none of the learners' code: that runs in candidates. All the
same, it parses what they wrote; should that bring it down, `tools/grade.py` starts another.
"""

import argparse
import json
import os
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

from grading.notebooks import Damaged, Exercise, Missing, Notebook, project_notebooks, recognise
from grading.process import Limits, NotStarted, Stopped
from grading.remote import Candidate
from vae_helpers import checks
from vae_helpers.checks.verdicts import verdict

LONGEST = 400  # letters of a hint; an error may quote a whole tensor


def one_line(text: str) -> str:
    """On one line and printable, whatever a learner's error or name has in it."""
    printable = (c if unicodedata.category(c)[0] != "C" else " " for c in text)
    line = " ".join("".join(printable).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def judge(notebook: Notebook, exercise: Exercise, limits: Limits) -> tuple[str, str]:
    """The state of an exercise in a notebook, and the hint or remark that goes with it."""
    try:
        found = notebook.find(exercise)
    except (RecursionError, ValueError) as error:
        return "wrong", f"its lines can't be read ({type(error).__name__})"
    if isinstance(found, Missing):
        return found.state, one_line(found.text)
    check = getattr(checks, exercise.check)
    try:
        with Candidate(limits) as candidate:
            candidate.define(found.source, f"<{exercise.function}>", found.name)
            state, text = verdict(check, candidate)
    except Stopped as error:
        state, text = "wrong", str(error)
    except NotStarted as error:
        state, text = "not judged", str(error)
    except Exception as error:  # the check trips over what it got back
        state, text = "wrong", f"the check could not go on: {type(error).__name__}: {error}"
    hint = text.removeprefix("not right: ") if state in ("wrong", "not judged") else ""
    return state, one_line("; ".join(filter(None, [found.remark, hint])))


def judge_all(text: str, limits: Limits, report: Callable[..., None]) -> None:
    """Report which notebook this is, then an exercise at a time."""
    try:
        notebook = Notebook(text)
    except Damaged as error:
        return report(problem=one_line(str(error)))
    project = recognise(notebook, project_notebooks())
    if project is None:
        return report(problem="none of the project's notebooks, by its checks and its title")
    report(notebook=project.stem)
    for exercise in project.exercises:
        state, hint = judge(notebook, exercise, limits)
        report(exercise=exercise.function, state=state, hint=hint)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--memory", type=float, required=True)
    options = parser.parse_args()
    limits = Limits(options.seconds, options.memory)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing but answers goes out there
    sys.stdout = sys.stderr

    def report(**message: Any) -> None:
        print(json.dumps(message), file=answers, flush=True)

    report(ready=True)
    for line in sys.stdin:
        judge_all(json.loads(line)["text"], limits, report)
        report(done=True)


if __name__ == "__main__":
    main()
