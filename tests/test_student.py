"""The exercises hang together, and the student edition is the notebook less the solutions."""

import functools
import inspect
import math
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from student_edition import main, student_edition

from vae_helpers import History, checks
from vae_helpers.early_stopping import EarlyStopping

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [name for name, check in vars(checks).items() if inspect.isfunction(check)]


def tags(cell):
    return cell.metadata.get("tags", [])


def text(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def exercises(path):
    """Pairs (stub, solution): neighbours that call the same check."""
    cells = nbformat.read(path, as_version=4).cells
    for i, cell in enumerate(cells):
        if cell.cell_type == "code" and "raise NotImplementedError" in cell.source:
            yield cell, cells[i + 1]


def check_called(cell):
    (name,) = re.findall(r"^checks\.(\w+)\(\w+\)$", cell.source, flags=re.MULTILINE)
    return name


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_each_exercise_has_stub_check_and_folded_solution(path):
    pairs = list(exercises(path))
    assert 3 <= len(pairs) <= 5
    for stub, solution in pairs:
        assert "solution" not in tags(stub)
        assert "solution" in tags(solution)
        assert solution.metadata.jupyter.source_hidden
        assert check_called(stub) == check_called(solution)
        assert text(stub).startswith("not solved yet")
        assert text(solution).startswith("correct: ")
        signature = stub.source.splitlines()[0]
        assert signature.startswith("def ")
        assert signature == solution.source.splitlines()[0]


def test_every_check_belongs_to_one_exercise():
    used = [check_called(stub) for path in PATHS for stub, _ in exercises(path)]
    assert sorted(used) == sorted(NAMES)


@functools.cache
def function_of(name):
    """The notebooks' own solution of an exercise."""
    for path in PATHS:
        for _, solution in exercises(path):
            if check_called(solution) == name:
                source = solution.source[: solution.source.index("checks.")]
                namespace = {"torch": torch, "math": math}
                exec(source, namespace)
                return next(f for k, f in namespace.items() if inspect.isfunction(f))
    raise KeyError(name)


@st.composite
def scores_of_two(draw):
    """Two scores of the same images, with ties: normal and anomalous by A, then by B."""
    sizes = draw(st.integers(2, 9)), draw(st.integers(2, 9))
    rows = [st.lists(st.integers(-5, 5), min_size=n, max_size=n) for n in (*sizes, *sizes)]
    return [torch.tensor(draw(row)).double() for row in rows]


@given(scores_of_two())
def test_auroc_difference_of_the_notebook_obeys_its_laws(scores):
    gain, (n, a, x, b) = function_of("auroc_difference"), scores
    value, half_width = gain(n, a, x, b)
    labels = [0] * len(n) + [1] * len(a)
    by_library = [roc_auc_score(labels, torch.cat(pair)) for pair in ((n, a), (x, b))]
    assert value == pytest.approx(by_library[0] - by_library[1], abs=1e-9)
    assert gain(x, b, n, a) == pytest.approx((-value, half_width))
    assert gain(n.exp(), a.exp(), x, b) == pytest.approx((value, half_width))  # ranks alone count
    assert gain(n, a, n.exp(), a.exp()) == pytest.approx((0, 0))


curve = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)


@given(curve, st.integers(1, 5), st.data())
def test_early_stopping_of_the_notebook_is_that_of_fit(losses, patience, data):
    start = data.draw(st.integers(1, len(losses)))
    stopping, history = EarlyStopping(patience, start), History()
    for loss in losses:
        history.validation_loss.append(loss)
        if stopping.should_stop(history, torch.nn.Linear(1, 1)):
            break
    expected = len(history.validation_loss), history.best_epoch
    assert function_of("early_stopping")(losses, patience, start) == expected


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_student_edition_lacks_solutions_and_outputs_and_nothing_else(path):
    notebook = nbformat.read(path, as_version=4)
    student = student_edition(notebook)
    kept = [cell for cell in notebook.cells if "solution" not in tags(cell)]
    assert len(kept) < len(notebook.cells)
    assert [(c.cell_type, c.source) for c in student.cells] == [
        (c.cell_type, c.source) for c in kept
    ]
    for cell in student.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert any(cell.get("outputs") for cell in notebook.cells), "the original was changed"
    assert not re.search(r"\bsolution", "".join(cell.source for cell in student.cells), re.I)


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    """The folder of `make student`, written over that of an older version."""
    folder = tmp_path_factory.mktemp("student")
    (folder / "vae_helpers-0.0.1-py3-none-any.whl").touch()
    assert main(folder) == 0
    return folder


def test_make_student_writes_every_notebook(handed_out):
    """That they run top to bottom, unsolved, is tested in test_robustness.py."""
    for path in PATHS:
        expected = student_edition(nbformat.read(path, as_version=4))
        assert nbformat.read(handed_out / path.name, as_version=4) == expected


def test_the_instructions_name_what_lies_beside_them(handed_out):
    names = {path.name for path in handed_out.iterdir()}
    assert len(names) == len(PATHS) + 3
    page = (handed_out / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w.-]+\.(?:whl|txt|ipynb)\b", page))
    assert named <= names
    assert names - named <= {path.name for path in PATHS} | {"README.md"}
    for system in ("Linux", "macOS", "Windows"):
        assert f"**{system}**" in page


def test_the_wheel_holds_all_that_the_package_needs(handed_out, tmp_path):
    """Data and JavaScript, too: it is unpacked elsewhere and used."""
    (wheel,) = handed_out.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = {path.relative_to(ROOT) for path in (ROOT / "vae_helpers").rglob("*.*")}
    assert {path.as_posix() for path in files if "__pycache__" not in path.parts} <= packed
    assert not any("test" in name.split("/")[0] for name in packed)
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = """
        import vae_helpers as vh
        images, labels = vh.load_mnist(train=False)
        explorer = vh.latent_explorer(vh.VAE(latent_dim=2), images[:5], labels[:5])
        print(vh.__file__, len(images), len(explorer._esm) > 1000)
    """
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"]
    command[-1] += inspect.cleandoc(code)
    where, n_images, has_code = subprocess.check_output(command, text=True).split()
    assert Path(where).is_relative_to(tmp_path)
    assert (n_images, has_code) == ("10000", "True")
