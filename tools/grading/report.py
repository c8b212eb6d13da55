"""What a teacher gets to see: a table on the screen, and a file for a spreadsheet."""

import csv
import io
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grading.notebooks import Project

WIDTH = 100
STATE = 10  # letters of the longest state


@dataclass(eq=False)
class Row:
    """A notebook that was handed in, and what became of its exercises (state and hint)."""

    file: str
    student: str
    notebook: str = ""
    problem: str = ""
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)

    def solved(self) -> int:
        return sum(state == "solved" for state, _ in self.verdicts.values())


def columns(text: str) -> int:
    """Columns that a text takes on a terminal: two for a Chinese character, none for an accent."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(bool(unicodedata.combining(c)) for c in text)


def fitted(text: str, width: int) -> str:
    """A text cut or filled up to a width."""
    cut = columns(text) > width
    while columns(text) > width - cut:
        text = text[:-1]
    text += "…" * cut
    return text + " " * (width - columns(text))


def in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.student.casefold(), row.file.casefold()))


def table(rows: Iterable[Row], projects: Iterable[Project]) -> str:
    """A table a notebook, then the hints, and how often each was given."""
    rows, blocks = in_order(rows), []
    for project in projects:
        theirs = [row for row in rows if row.notebook == project.stem]
        if theirs:
            blocks += [_states(project, theirs), *_hints(project, theirs)]
    if troubled := [row for row in rows if row.problem]:
        lines = [wrapped(f"{row.file}: {row.problem}") for row in troubled]
        blocks.append("\n".join(["Not judged", *lines]))
    return "\n\n".join(blocks)


def _states(project: Project, rows: list[Row]) -> str:
    names = [exercise.function for exercise in project.exercises]
    legend = ", ".join(f"{i} {name}" for i, name in enumerate(names, start=1))
    room = WIDTH - (STATE + 1) * len(names) - len("  9 of 9")
    width = max(12, min(room, max(columns(row.student) for row in rows) + 1))

    def line(label: str, cells: Iterable[str], last: str) -> str:
        return f"{fitted(label, width)} {' '.join(f'{c:<{STATE}}' for c in cells)} {last}".rstrip()

    body = [
        line(
            row.student,
            [row.verdicts.get(name, ("-", ""))[0] for name in names],
            f"{row.solved()} of {len(names)}",
        )
        for row in rows
    ]
    numbers = [str(i) for i in range(1, len(names) + 1)]
    head = wrapped(f"{project.title or project.stem}: {legend}", "", "  ")
    return "\n".join([head, "", line("", numbers, "solved"), *body])


def _hints(project: Project, rows: list[Row]) -> list[str]:
    """For each exercise the hints, the most frequent first, and to whom."""
    blocks = []
    for exercise in project.exercises:
        given: dict[str, list[str]] = {}
        for row in rows:
            if hint := row.verdicts.get(exercise.function, ("", ""))[1]:
                given.setdefault(hint, []).append(row.student)
        if given:
            ordered = sorted(given.items(), key=lambda pair: -len(pair[1]))
            lines = [wrapped(f"{', '.join(whom)}: {hint}") for hint, whom in ordered]
            blocks.append("\n".join([exercise.function, *lines]))
    return blocks


def wrapped(text: str, first: str = "  ", then: str = "    ") -> str:
    """A text in lines; textwrap would count letters, not columns."""
    lines, indent = [first], first
    for word in text.split():
        if lines[-1] != indent and columns(f"{lines[-1]} {word}") > WIDTH:
            lines, indent = [*lines, then], then
        lines[-1] += word if lines[-1] == indent else f" {word}"
        while columns(lines[-1]) > WIDTH:
            n = next(i for i in range(len(lines[-1])) if columns(lines[-1][: i + 1]) > WIDTH)
            lines, indent = [*lines[:-1], lines[-1][:n], then + lines[-1][n:]], then
    return "\n".join(lines)


def spreadsheet(rows: Iterable[Row], projects: Iterable[Project]) -> str:
    """CSV: a row a student, a column an exercise.

    A student's notebooks share a row, unless it has that notebook already.
    """
    rows, projects = in_order(rows), list(projects)
    seen = {row.notebook for row in rows}
    names = [e.function for p in projects if p.stem in seen for e in p.exercises]
    merged: list[tuple[str, list[Row]]] = []
    for row in rows:
        for student, others in merged:
            stems = [other.notebook for other in others]
            if student == row.student and row.notebook and row.notebook not in stems:
                others.append(row)
                break
        else:
            merged.append((row.student, [row]))
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["student", "files", "solved", *names, "remarks"])
    for student, parts in merged:
        cells = {n: _cell(*v) for part in parts for n, v in part.verdicts.items()}
        remarks = [f"{part.file}: {part.problem}" for part in parts if part.problem]
        values = [student, "; ".join(part.file for part in parts)]
        values.append(str(sum(part.solved() for part in parts)))
        values += [*(cells.get(name, "") for name in names), "; ".join(remarks)]
        writer.writerow([_harmless(value) for value in values])
    return file.getvalue()


def _cell(state: str, hint: str) -> str:
    return f"{state}: {hint}" if hint else state


def _harmless(text: str) -> str:
    """A spreadsheet would calculate what begins like a formula; a name of a file can."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def save(text: str, path: Path) -> None:
    """Write all or nothing, with the mark by which a spreadsheet knows UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8-sig", newline="")
    part.replace(path)
