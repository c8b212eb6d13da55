"""How long a notebook takes to read: 130 words a minute, 6 seconds a line of code.

The exercises come on top, and what is folded away is not counted.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

WORDS_A_MINUTE = 130
SECONDS_A_LINE = 6
ROOT = Path(__file__).parents[1]


def before_the_exercises(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, str]]:
    for cell in notebook.cells:
        text, heading, _ = cell.source.partition("## Exercises")
        if "solution" not in cell.metadata.get("tags", []):
            yield cell.cell_type, text
        if heading:
            return


def minutes(notebook: nbformat.NotebookNode) -> float:
    words = lines = 0
    for kind, text in before_the_exercises(notebook):
        if kind == "markdown":
            words += len(text.split())
        else:
            lines += len([line for line in text.splitlines() if line.strip()])
    return words / WORDS_A_MINUTE + lines * SECONDS_A_LINE / 60


if __name__ == "__main__":
    names = sys.argv[1:] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    for name in map(Path, names):
        print(f"{name.name}: {minutes(nbformat.read(name, as_version=4)):.0f} minutes")
