"""Leave one folder to hand out, build/student/.

In it: the notebooks without solutions and outputs, the package, the pins, and instructions.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
PACKAGE = ("vae_helpers", "pyproject.toml", "README.md", "LICENSE")


def student_edition(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without the cells tagged `solution`, without outputs and cell numbers."""
    student = nbformat.from_dict(notebook)
    student.cells = [c for c in student.cells if "solution" not in c.metadata.get("tags", [])]
    for cell in student.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return student


def build_wheel(folder: Path) -> None:
    """The package as one file.

    Built from a copy, so that leftovers of earlier builds stay out, and with the setuptools that
    is installed, so that it needs no network.
    """
    with tempfile.TemporaryDirectory() as copy:
        for name in PACKAGE:
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, Path(copy, name), ignore=ignore)
            else:
                shutil.copy(ROOT / name, copy)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
        options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), copy]
        subprocess.run([*pip, *options], check=True)


def main(folder: Path = ROOT / "build" / "student") -> int:
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    if not paths:
        print(f"no notebooks in {ROOT / 'notebooks'}: nothing to hand out", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        notebook = student_edition(nbformat.read(path, as_version=4))
        nbformat.write(notebook, folder / path.name)
    for old in folder.glob("vae_helpers-*.whl"):
        old.unlink()
    build_wheel(folder)
    shutil.copy(ROOT / "constraints.txt", folder)
    shutil.copy(ROOT / "docs" / "STUDENTS.md", folder / "README.md")
    print(f"to hand out: {folder}")
    for file in sorted(folder.iterdir()):
        print(f"  {file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
