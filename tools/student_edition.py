"""Write copies of the notebooks without solutions and outputs to build/student/."""

import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]


def student_edition(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without the cells tagged `solution`, without outputs and cell numbers."""
    student = nbformat.from_dict(notebook)
    student.cells = [c for c in student.cells if "solution" not in c.metadata.get("tags", [])]
    for cell in student.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return student


def main(folder: Path = ROOT / "build" / "student") -> int:
    folder.mkdir(parents=True, exist_ok=True)
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in paths:
        notebook = student_edition(nbformat.read(path, as_version=4))
        nbformat.write(notebook, folder / path.name)
        print(f"build/student/{path.name}")
    return 0 if paths else 1


if __name__ == "__main__":
    sys.exit(main())
