"""Notebooks handed in are judged by what their functions do, whatever else is in them."""

import base64
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import grade
import nbformat
import numpy as np
import psutil
import pytest
import torch
from grading import wire
from grading.judge import one_line
from grading.notebooks import (
    Exercise,
    Found,
    Notebook,
    Project,
    project_notebooks,
    recognise,
)
from grading.process import Limits, Stopped
from grading.remote import Candidate
from grading.report import Row, columns, spreadsheet, table
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from student_edition import student_edition
from test_student import PATHS, check_called, exercises

from vae_helpers import checks

ROOT = Path(__file__).parents[1]
PROJECTS = project_notebooks()
SECONDS = 10  # plenty for a formula on a busy machine; the challenges get what a teacher gives
IMPORTS = "import math\n\nimport torch\n\nimport vae_helpers as vh\nfrom vae_helpers import checks"
NAME = "reparameterize_logistic"
SIGNATURE = f"def {NAME}(mu, log_scale, u):\n"
RIGHT = f"{SIGNATURE}    return mu + torch.exp(log_scale) * torch.logit(u)"
WRONG = "    return mu + log_scale * torch.logit(u)"
HINT = re.escape("log_scale is a logarithm: the scale is exp(log_scale)")
BETA = """def beta_of_means(n_pixels, latent_dim, kl_weight):
    return n_pixels * kl_weight / latent_dim"""


def notebook(*cells):
    """A small notebook that imports what all of them do."""
    return new_notebook(cells=[new_code_cell(cell) for cell in (IMPORTS, *cells)])


def cell(function, name=NAME, given=None):
    return f"{function}\n\n\nchecks.{name}({given or name})"


def cheat(body):
    return notebook(cell(SIGNATURE + textwrap.indent(textwrap.dedent(body).strip(), "    ")))


def solved(path):
    """A project's notebook as a good student hands it in: each stub replaced by a solution."""
    own = nbformat.read(path, as_version=4)
    solutions = {check_called(s): s.source for _, s in exercises(path)}
    handed = student_edition(own)
    for each in handed.cells:
        if each.cell_type == "code" and "raise NotImplementedError" in each.source:
            each.source = solutions[check_called(each)]
    return handed


def stored(function):
    """A notebook whose stored outputs and texts claim that all is right."""
    made = notebook(cell(function))
    made.cells[-1].outputs = [new_output("stream", text="correct: well done")]
    made.cells.append(new_markdown_cell("correct: solved, 5 of 5"))
    return made


# Each ends in a wrong answer, or in none. What the teacher reads must say so.
CHEATERS = {
    "overwrites the check": (
        notebook(
            f"checks.{NAME} = lambda f: print('correct')\nchecks.kl_by_hand = print",
            cell(f"{SIGNATURE}    checks.{NAME} = lambda f: None\n{WRONG}"),
            cell(BETA, "effective_beta", "beta_of_means"),
        ),
        HINT,
    ),
    "patches the package": (
        cheat(f"""
            from vae_helpers.checks import comparing, engine, noise, verdicts
            engine.difference = comparing.difference = comparing.first_difference = lambda *a: ""
            engine.say = verdicts.say = lambda *a: verdicts.Verdict("solved", "correct")
            noise.examine = engine.examine = lambda *a, **k: print("correct: yes")
            {WRONG.strip()}
        """),
        HINT,
    ),
    "patches torch and Python": (
        cheat(f"""
            import builtins
            torch.isclose = lambda a, *rest, **k: torch.ones_like(a, dtype=bool)
            torch.allclose = torch.equal = torch.Tensor.allclose = lambda *a, **k: True
            builtins.print = builtins.zip = lambda *a, **k: []
            {WRONG.strip()}
        """),
        "its process|raised|log_scale is a logarithm",
    ),
    "says the verdict on every channel": (
        cheat(f"""
            import json, os, struct
            for word in (b"correct: yes", json.dumps({{"state": "solved"}}).encode()):
                for fd in range(20):
                    try:
                        os.write(fd, struct.pack(">Q", len(word)) + word)
                    except OSError:
                        pass
            print("correct: yes")
            {WRONG.strip()}
        """),
        "its process sent",
    ),
    "sends rubbish without an end": (
        cheat("""
            import os
            while True:
                for fd in range(3, 20):
                    try:
                        os.write(fd, bytes(8) + b"\\xff" * 100)
                    except OSError:
                        pass
        """),
        "returned a result of more than|its process sent",
    ),
    "exits": (cheat("import sys\nsys.exit(0)"), "your function raised SystemExit"),
    "exits at once": (
        notebook(
            cell("import os\n\n" + SIGNATURE + "    os._exit(0)"),
            cell(BETA, "effective_beta", "beta_of_means"),
        ),
        r"its process ended before it returned \(exit status 0\)",
    ),
    "forks": (
        cheat(f"import os\nif os.fork() == 0:\n    os._exit(0)\n{WRONG.strip()}"),
        "PermissionError: a graded function may not start other programs",
    ),
    "starts a program": (
        cheat("import subprocess\nsubprocess.run(['true'])"),
        "PermissionError: a graded function may not start other programs",
    ),
    "stops its judge": (
        cheat(f"import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n{WRONG.strip()}"),
        "PermissionError: a graded function may not stop other programs",
    ),
    "uses the network": (
        cheat("import socket\nsocket.create_connection(('192.0.2.1', 80), 1)"),
        "PermissionError: a graded function may not use the network",
    ),
    "loops": (
        notebook(
            cell(f"{SIGNATURE}    while True:\n        pass"),
            cell(BETA, "effective_beta", "beta_of_means"),
        ),
        f"stopped after {SECONDS} s: an endless loop",
    ),
    "hangs up and loops": (
        cheat("import os\nos.closerange(0, 30)\nwhile True:\n    pass"),
        "its process ended before it returned|stopped after",
    ),
    "eats memory": (
        cheat("hoard = []\nwhile True:\n    hoard.append(bytearray(10**8))"),
        "MemoryError|more than 1 GiB",
    ),
    "asks its callers": (
        cheat(f"""
            import gc, sys, types
            frames, found = [sys._getframe()], []
            while frames[-1].f_back:
                frames.append(frames[-1].f_back)
            for frame in frames:
                found += [*frame.f_locals.values(), *frame.f_globals.values()]
            for thing in [*found, *gc.get_objects()]:
                if isinstance(thing, types.FunctionType) and "truth" in thing.__qualname__:
                    return thing(mu, log_scale, u)
            {WRONG.strip()}
        """),
        HINT,
    ),
    "agrees with everything": (
        cheat("""
            class Yes(torch.Tensor):
                def __torch_function__(self, *a, **k):
                    return True
                __eq__ = __ne__ = lambda self, other: True
            return torch.zeros_like(mu).as_subclass(Yes)
        """),
        "raised AttributeError: 'bool' object has no attribute",
    ),
    "is equal to everything": (
        cheat("""
            class Yes:
                shape = property(lambda self: mu.shape)
                __class__ = torch.Tensor
                __eq__ = __bool__ = lambda *a: True
                __float__ = lambda self: 0.0
            return Yes()
        """),
        "raised AttributeError: 'Yes' object has no attribute",
    ),
    "raises what can't be shown": (
        cheat("""
            class Odd(BaseException):
                def __str__(self):
                    raise SystemExit
            raise Odd("\\x1b[2J" * 1000)
        """),
        "your function raised Odd|its process ended",
    ),
    "stored outputs": (stored(SIGNATURE + WRONG), HINT),
    "crashes": (cheat("import ctypes\nctypes.string_at(0)"), "its process ended before"),
}  # fmt: skip
INTACT = ("overwrites the check", "exits at once", "loops")  # they have solved another exercise

OTHERS = {
    "wrong": notebook(cell(f"{SIGNATURE}    return mu - torch.exp(log_scale) * torch.logit(u)")),
    "error": notebook(cell(f"{SIGNATURE}    scale = log_scale.exponential\n    return mu * scale")),
    "in place": notebook(cell(f"{SIGNATURE}    return mu.add_(log_scale.exp() * torch.logit(u))")),
    "no gradient": notebook(cell(RIGHT.replace("mu +", "mu.detach() +"))),
    "renamed": notebook(cell(RIGHT.replace(NAME, "sample"), given="sample")),
    "renamed, not checked": notebook(RIGHT.replace(NAME, "sample"), BETA),
    "stub deleted": notebook(f"checks.{NAME}({NAME})"),
    "syntax error": notebook(cell(SIGNATURE + "    return mu + (log_scale.exp() * torch.logit(u)")),
    "missing module": notebook("import no_such_module as nsm", cell(f"{SIGNATURE}    nsm.f(mu)")),
    "not a function": notebook(f"{NAME} = 3\nchecks.{NAME}({NAME})"),
    "helpers": notebook(
        "%matplotlib inline\nHALF = {}\nHALF['of it'] = 0.5",
        cell(f"{SIGNATURE}    return add(mu, scale_of(log_scale) * torch.logit(u))"),
        "from operator import *",
        "def scale_of(log_scale):\n    return torch.exp(HALF['of it'] * 2 * log_scale)",
        f"checks.{NAME}({NAME})",
    ),
}  # fmt: skip
LIBRARIES = notebook(
    "from sklearn.mixture import GaussianMixture\nfrom scipy.stats import norm",
    cell(f"""{SIGNATURE}    images = torch.rand(64, 1, 8, 8)
    model = vh.VAE((1, 8, 8), (8,), 2)
    vh.fit(model, images, images, epochs=1)
    assert norm.cdf(0) == 0.5 and vh.plot_images({{"a": images[:2]}})
    GaussianMixture(2).fit(images.flatten(1).numpy())
    return mu + torch.exp(log_scale) * torch.logit(u)"""),
)
DAMAGED = '{"cells": [{"cell_type": "code", "sour'


def judged(folder, result, *limits):
    """Rows by name, all rows, and the screen; without the guard that all tests have."""
    command = [sys.executable, ROOT / "tools" / "grade.py", folder, "--csv", result, *limits]
    own = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", env={**os.environ, **own}
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    with result.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["student"]: row for row in rows}, rows, done.stdout


def lay(folder, made):
    for name, own in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(own, folder / name)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """The whole series, solved and untouched, and what may take its time."""
    desk = tmp_path_factory.mktemp("series")
    made = {f"Zoë Groß/{path.name}": solved(path) for path in PATHS}
    edition = [student_edition(nbformat.read(path, as_version=4)) for path in PATHS]
    made |= {f"untouched/{path.name}": own for path, own in zip(PATHS, edition)}
    lay(desk / "in", made | {"libraries.ipynb": LIBRARIES})
    return judged(desk / "in", desk / "grades.csv")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Everything else handed in at once, and what comes of it."""
    desk = tmp_path_factory.mktemp("desk")
    folder, result = desk / "abgegeben, Gruppe 1", desk / "noch nicht da" / "grades.csv"
    made = {f"{name}.ipynb": own for name, own in OTHERS.items()}
    made |= {f"cheater {name}.ipynb": own for name, (own, _) in CHEATERS.items()}
    made["Jörg_02_variational_autoencoder.ipynb"] = notebook(cell(RIGHT))
    made["Jörg - 02_variational_autoencoder.ipynb"] = OTHERS["wrong"]
    made["=1+1.ipynb"] = new_notebook(cells=[new_markdown_cell("# My diary")])
    thief = SIGNATURE + (
        f"    for path in ({str(result)!r}, {str(folder / 'wrong.ipynb')!r}):\n"
        "        try:\n            open(path, 'w').write('all solved')\n"
        "        except PermissionError:\n            pass\n"
        f"    import os\n    os.remove({str(folder / 'error.ipynb')!r})"
    )
    made["thief.ipynb"] = notebook(cell(thief))
    lay(folder, made)
    (folder / "damaged.ipynb").write_text(DAMAGED)
    (folder / "latin.ipynb").write_bytes("ä".encode("latin-1"))
    (folder / "essay.docx").write_bytes(b"words")
    (folder / ".ipynb_checkpoints").mkdir()
    shutil.copy(folder / "wrong.ipynb", folder / ".ipynb_checkpoints")
    return *judged(folder, result, "--seconds", str(SECONDS), "--memory", "1"), folder


def test_solutions_are_solved_and_stubs_are_not_tried(series):
    by_name, _, screen = series
    names = [e.function for project in PROJECTS for e in project.exercises]
    assert {by_name["Zoë Groß"][name] for name in names} == {"solved"}
    assert by_name["Zoë Groß"]["solved"] == str(len(names))
    assert {by_name["untouched"][name] for name in names} == {"not tried"}
    assert list(by_name["untouched"])[3:-1] == names
    assert screen[screen.index("\n\n") :].count("Zoë Groß") == len(PROJECTS)


@pytest.mark.parametrize("name", CHEATERS)
def test_cheating_does_not_pay(report, name):
    row = report[0][f"cheater {name}"]
    assert re.match(rf"wrong: .*({CHEATERS[name][1]})", row[NAME]), row
    assert row["beta_of_means"] == ("solved" if name in INTACT else
                                    "missing: no function beta_of_means: deleted, or renamed and "
                                    "not checked")  # fmt: skip
    assert row["solved"] == str(int(name in INTACT))


def test_no_cheater_has_touched_the_report_or_another_notebook(report):
    by_name, _, _, folder = report
    assert "PermissionError: a graded function may write in its own" in by_name["thief"][
        NAME
    ]  # fmt: skip
    assert nbformat.read(folder / "wrong.ipynb", as_version=4) == OTHERS["wrong"]
    assert (folder / "error.ipynb").exists()


@pytest.mark.parametrize("name", ["wrong", "error", "in place", "no gradient"])
def test_the_hint_is_the_one_that_the_student_sees(report, name, capsys):
    """Word for word, the line of an error and the names of the arguments, too."""
    source = OTHERS[name].cells[-1].source
    names = {"torch": torch, "checks": checks}
    exec(compile(source, "<cell>", "exec"), names)
    seen = capsys.readouterr().out
    hint = report[0][name][NAME].removeprefix("wrong: ")
    if name == "error":  # exec has no source to show a line of; a notebook has
        assert hint.endswith(" in its line: scale = log_scale.exponential")
        hint = hint.removesuffix(" in its line: scale = log_scale.exponential")
    assert hint == " ".join(seen.removeprefix("not right: ").split())


def test_a_function_may_use_what_a_notebook_may(series):
    assert series[0]["libraries"][NAME] == "solved"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("renamed", "solved: renamed: sample"),
        ("renamed, not checked", f"missing: no function {NAME}: deleted, or renamed"),
        ("stub deleted", f"missing: no function {NAME}: deleted, or renamed"),
        ("syntax error", "wrong: its cell is no Python: "),
        ("missing module", "wrong: its cells raised ModuleNotFoundError: No module named"),
        ("not a function", f"wrong: {NAME} is no function, but of type int"),
        ("helpers", "solved"),
    ],
)
def test_what_else_students_hand_in(report, name, cell):
    assert report[0][name][NAME].startswith(cell)


def test_files_that_are_no_notebooks_of_ours(report):
    by_name, _, screen, _ = report
    assert "damaged, no notebook" in by_name["damaged"]["remarks"]
    assert "damaged, no notebook (not UTF-8)" in by_name["latin"]["remarks"]
    assert "none of the project's notebooks" in by_name["'=1+1"]["remarks"], "a formula"
    for name in ("damaged", "latin", "=1+1"):
        assert re.search(rf"^  {re.escape(name)}\.ipynb: ", screen, re.MULTILINE)
    assert "1 other files were not looked at: essay.docx" in screen


def test_two_notebooks_of_one_student_are_two_rows(report):
    rows = [row for row in report[1] if row["student"] == "Jörg"]
    assert [row["files"] for row in rows] == [
        "Jörg - 02_variational_autoencoder.ipynb", "Jörg_02_variational_autoencoder.ipynb"
    ]  # fmt: skip
    assert [row["solved"] for row in rows] == ["0", "1"]


def test_the_screen_has_a_hundred_columns(report):
    lines = report[2][report[2].index("\n\n") :].splitlines()
    assert max(len(line) for line in lines if "grades.csv" not in line) <= 100
    assert len(lines) > 50
    assert "\x1b" not in report[2]


def test_one_line_has_no_control_characters():
    assert one_line("a\x1b[2J\n\tb\u202e\x00c") == "a [2J b c"
    assert len(one_line("x" * 10_000)) < 500


def test_a_long_table_stays_within_a_hundred_columns():
    project = Project(
        "05", "5. " + "Title " * 30, tuple(Exercise(f"c{i}", f"f{i}") for i in range(6))
    )
    verdicts = {f"f{i}": ("not judged", "a long hint " * 30) for i in range(6)}
    names = ["A" * 200, "数字" * 60, "e\u0301" * 90]
    rows = [Row(f"{name}.ipynb", name, "05", verdicts=verdicts) for name in names]
    rows.append(Row("b.ipynb", "b", problem="bad " * 90))
    text = table(rows, [project])
    assert max(columns(line) for line in text.splitlines()) <= 100
    assert text.count("not judged") == 18


def test_a_spreadsheet_merges_a_students_notebooks_and_computes_nothing():
    rows = [
        Row("x/1.ipynb", "x", "01_autoencoder", verdicts={"pca_by_svd": ("solved", "")}),
        Row("x/2.ipynb", "x", PROJECTS[1].stem, verdicts={"kl_by_hand": ("wrong", "h")}),
        Row("x/bad.ipynb", "x", problem="damaged"),
        Row("@SUM(A1).ipynb", "@SUM(A1)", problem="damaged"),
    ]  # fmt: skip
    read = list(csv.DictReader(io.StringIO(spreadsheet(rows, PROJECTS))))
    assert [row["student"] for row in read] == ["'@SUM(A1)", "x", "x"]
    assert read[1]["files"] == "x/1.ipynb; x/2.ipynb"
    assert (read[1]["pca_by_svd"], read[1]["kl_by_hand"]) == ("solved", "wrong: h")
    assert (read[1]["solved"], read[2]["remarks"]) == ("1", "x/bad.ipynb: damaged")


# ---- what is read from a notebook


def find(*cells, name="f"):
    return Notebook(nbformat.writes(notebook(*cells))).find(Exercise("f", name))


def needed(*cells):
    found = find(*cells)
    assert isinstance(found, Found), found
    return found.source.splitlines()


def test_the_last_definition_and_nothing_that_it_does_not_need():
    lines = needed(
        "import os\nimport sys as s, json\nmodel = expensive()",
        "def f(model):\n    return 1",
        "def f(model):\n    x = os.sep\n    return [model for y in x]",
        "checks.f(f)\nos = 4",
    )
    assert lines == [
        "import os",
        "def f(model):",
        "    x = os.sep",
        "    return [model for y in x]",
    ]


def test_constants_have_the_values_that_the_function_saw():
    lines = needed(
        "A = 1", "A = 2; B = A", "A += 3", "def f():\n    return A + B", "checks.f(f)", "A = 9"
    )
    assert lines == ["A = 1", "A = 2", "B = A", "A += 3", "def f():", "    return A + B"][1:]


def test_what_fills_a_table_comes_along_and_patches_of_modules_do_not():
    lines = needed(
        "T = {}\nfor i in range(3):\n    T[i] = i",
        "T.update({7: 8})\nmath.pi = 3\nchecks.f = print\ntorch.manual_seed(0)",
        "def f():\n    return T, math, checks, torch",
    )
    assert lines[3:7] == ["T = {}", "for i in range(3):", "    T[i] = i", "T.update({7: 8})"]
    assert not any("pi = 3" in line or "print" in line or "seed" in line for line in lines)


def test_helpers_classes_decorators_and_defaults():
    lines = needed(
        "def wrap(g):\n    return g",
        "class Net(Base):\n    def go(self):\n        return late()",
        "Base = object\nSIZE = 3",
        "@wrap\ndef f(n=SIZE):\n    return Net().go()",
        "def late():\n    return 1\n\n\nchecks.f(f)",
    )
    for line in ("def wrap(g):", "Base = object", "SIZE = 3", "@wrap", "def late():"):
        assert line in lines


def test_a_helper_that_has_the_name_of_a_builtin():
    assert "def sum(x):" in needed("def sum(x):\n    return 1", "def f(x):\n    return sum(x)")


@pytest.mark.parametrize("stub", ["raise {}", "raise {}()", "'Words.'\n    raise {}"])
def test_a_stub_is_not_tried(stub):
    stub = stub.format("NotImplementedError")
    assert find(f"def f():\n    {stub}").state == "not tried"
    assert (
        find(f"def f():\n    {stub}", "def g():\n    return 1\n\n\nchecks.f(g)").remark
        == "renamed: g"
    )
    assert find("def f():\n    return 1", f"def f():\n    {stub}").state == "not tried"


def test_a_cell_that_broke_after_the_function_was_right():
    assert find("def f():\n    return 1", "def f(:\n    return 2").state == "wrong"
    assert isinstance(find("def f(:\n    return 2", "def f():\n    return 1"), Found)
    assert isinstance(find("def f():\n    return 1", "def other(:\n    return 2"), Found)


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{}", DAMAGED, "[" * 100_000, '{"cells": 3}', "null"]
)
def test_what_is_no_notebook(text):
    with pytest.raises(ValueError, match="damaged, no notebook"):
        Notebook(text)


def test_cells_that_can_hardly_be_read_harm_nobody():
    deep = "f = " + "(" * 5000 + ")" * 5000
    assert find(deep, "x = \x00", "def f():\n    return 1").name == "f"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_is_recognised_by_its_content(path):
    own = student_edition(nbformat.read(path, as_version=4))
    assert recognise(Notebook(nbformat.writes(own)), PROJECTS).stem == path.stem
    own.cells = [c for c in own.cells if "checks." not in c.source]
    assert recognise(Notebook(nbformat.writes(own)), PROJECTS).stem == path.stem, "by its title"
    assert recognise(Notebook(nbformat.writes(notebook("x = 1"))), PROJECTS) is None


def test_new_exercises_are_found_without_a_change_here(tmp_path):
    stub = "def new_one(x):\n    raise NotImplementedError\n\n\nchecks.brand_new(new_one)"
    nbformat.write(notebook(stub, stub), tmp_path / "09_more.ipynb")
    (found,) = project_notebooks(tmp_path)
    assert found == Project("09_more", "", (Exercise("brand_new", "new_one"),))
    known = [e.check for project in PROJECTS for e in project.exercises]
    assert known == [check_called(stub) for path in PATHS for stub, _ in exercises(path)]


@pytest.mark.parametrize(
    ("file", "stem", "student"),
    [
        ("anna.ipynb", "01_autoencoder", "anna"),
        ("Anna Müller - 01_autoencoder.ipynb", "01_autoencoder", "Anna Müller"),
        ("01_autoencoder_anna.ipynb", "01_autoencoder", "anna"),
        ("01_autoencoder.ipynb", "01_autoencoder", "01_autoencoder"),
        ("Mu\u0308ller.ipynb", "", "Müller"),
        ("Anna/tief/01_autoencoder.ipynb", "01_autoencoder", "Anna"),
    ],
)
def test_whose_notebook_it_is(file, stem, student):
    assert grade.student_of(Path(file), stem) == student


# ---- what a candidate may send


VALUES = [
    None, True, 3, -2.5, "text", (1, [2, {"a": (3,)}]), {4, 5}, float("inf"),
    torch.randn(2, 3), torch.tensor(7), torch.empty(0, 2), torch.tensor([True, False]),
    torch.randn(3).bfloat16(), torch.randn(2, dtype=torch.complex64), torch.randn(2, 3).T,
    torch.eye(3).to_sparse(), np.arange(4.0), np.float32(1.5), torch.nn.Parameter(torch.ones(2)),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_as_they_were(value):
    found = wire.decode(json.loads(wire.dumps({"v": wire.encode(value)}))["v"])
    if isinstance(value, torch.Tensor):
        assert type(found) is torch.Tensor
        assert found.dtype == value.dtype
        assert torch.equal(found, value.detach().to_dense())
    else:
        assert type(found) is type(value)
        assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value


def test_of_other_objects_only_the_name_of_the_type_comes_back():
    class Trap(dict):
        def __reduce__(self):
            return exec, ("raise SystemExit",)

    found = wire.decode(wire.encode(iter([])))
    assert type(found).__name__ == "list_iterator"
    assert wire.decode(wire.encode(Trap(a=1))) == {"a": 1}


@pytest.mark.parametrize(
    "value",
    [
        {"tensor": "AAAA", "dtype": "float32", "shape": [10**9]},
        {"tensor": "AAAAAA==", "dtype": "float32", "shape": [-1]},
        {"tensor": "no base64!", "dtype": "float32", "shape": [1]},
        {"tensor": base64.b64encode(bytes(8)).decode(), "dtype": "object", "shape": [1]},
        {"pickle": "x"}, {"list": 3}, {}, [1, 2], {"set": [{"list": []}]},
    ],
)  # fmt: skip
def test_what_was_never_encoded_is_refused(value):
    with pytest.raises(wire.Unreadable):
        wire.decode(value)


def test_a_message_that_is_too_long_or_cut_is_refused():
    with pytest.raises(wire.Unreadable, match="more than 256 MiB"):
        wire.receive(io.BytesIO(wire.HEAD.pack(2**60)))
    with pytest.raises(EOFError):
        wire.receive(io.BytesIO(wire.HEAD.pack(9) + b"cut"))
    for message in (b"\xff", b"[1]", b"[" * 10**5):
        with pytest.raises(wire.Unreadable):
            wire.loads(message)


SERVANT = """
def f(what, *given, scale=1):
    if what == "numbers":
        given[0].append(4)
        given[1].mul_(2)
        return {"sum": sum(given[0]) * scale}
    if what == "train":
        model = given[0](3)
        model.count += 1
        model.made_up = model.label = 3
        with torch.no_grad():
            model.weight.fill_(7)
        return model.weight
    if what == "differentiate":
        return given[0](given[1]) * scale
    return given[0]("no number")
"""


def test_what_a_function_does_to_its_arguments_is_seen_here():
    made = []

    class Counting(torch.nn.Linear):
        def __init__(self, n):
            super().__init__(n, 1)
            self.count, self.label = 0, "mine"

    def make(n):
        made.append(Counting(n))
        return made[-1]

    with Candidate(Limits(60, 1)) as f:
        f.define(f"import torch{SERVANT}", "<f>", "f")
        numbers, tensor = [1, 2], torch.ones(3)
        assert f("numbers", numbers, tensor, scale=10) == {"sum": 70}
        assert (numbers, tensor.tolist()) == ([1, 2, 4], [2, 2, 2])
        assert f("train", make).tolist() == [[7, 7, 7]]
        (model,) = made
        assert (model.count, model.label) == (1, "mine"), "a record, and no other type"
        assert model.weight.tolist() == [[7, 7, 7]]
        assert not hasattr(model, "made_up")
        x = torch.arange(3.0, requires_grad=True)
        f("differentiate", model, x, scale=2).sum().backward()
        assert (x.grad.tolist(), model.weight.grad.tolist()) == ([14, 14, 14], [[0, 2, 4]])
        with pytest.raises(RuntimeError, match="TypeError"):
            f("call back with nonsense", make)
        f.called_back = 500
        with pytest.raises(Stopped, match="more than 500 times"):
            f("train", make)


# ---- the command


def test_a_folder_that_is_not_there_or_empty(tmp_path, capsys):
    target = tmp_path / "grades.csv"
    assert grade.main([str(tmp_path / "nowhere"), "--csv", str(target)]) == 1
    assert "nowhere is no folder" in capsys.readouterr().out
    (tmp_path / "notes.txt").write_text("x")
    assert grade.main([str(tmp_path), "--csv", str(target)]) == 1
    assert "has no notebooks (.ipynb)" in capsys.readouterr().out
    assert not target.exists()


def test_a_report_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "damaged.ipynb").write_bytes(b"\xff")
    (tmp_path / "grades.csv").mkdir()
    assert grade.main([str(tmp_path), "--csv", str(tmp_path / "grades.csv")]) == 1
    assert "grades.csv can't be written" in capsys.readouterr().out


def test_a_judge_that_breaks_down_costs_one_notebook():
    judges = grade.Judges(SECONDS, 1, 1)
    text = nbformat.writes(notebook("x = 1"))
    first, second = Row("a.ipynb", "a"), Row("b.ipynb", "b")
    killed = grade.Judge(*judges.how)
    killed.stop()
    judges.free.get()
    judges.free.put(killed)
    try:
        judges.fill(first, text, lambda _: None)
        judges.fill(second, text, lambda _: None)
    finally:
        judges.close()
    assert first.problem.startswith("not judged to the end: the judge broke down")
    assert second.problem.startswith("none of the project's notebooks"), "by the new judge"


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent the POSIX way here")
def command_of(process):
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it ended meanwhile, and may be a zombie
        return ""


def heeding_ctrl_c():
    """A shell lets what it starts in the background ignore Ctrl-C, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_what_is_done(tmp_path):
    nbformat.write(notebook(BETA), tmp_path / "a quick.ipynb")
    nbformat.write(CHEATERS["loops"][0], tmp_path / "b loops.ipynb")
    target = tmp_path / "grades.csv"
    command = [
        sys.executable,
        str(ROOT / "tools" / "grade.py"),
        str(tmp_path),
        "--csv",
        str(target),
    ]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    own = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=own, preexec_fn=heeding_ctrl_c
    ) as process:
        for _ in range(1200):
            family = psutil.Process(process.pid).children(recursive=True)
            words = [command_of(p) for p in family]
            if (
                target.exists()
                and "a quick" in target.read_text("utf-8-sig")
                and any("grading.candidate" in each for each in words)
            ):
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped: 1 of 2 notebooks are in the report" in out
    with target.open(encoding="utf-8-sig", newline="") as file:
        assert [row["beta_of_means"] for row in csv.DictReader(file)] == ["solved"]
    assert not psutil.wait_procs(family, timeout=10)[1], "somebody is still at work"
    assert not list(scratch.iterdir())


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_make_grade_wants_a_folder():
    make = ["make", "-n", "-o", ".venv/.ready", "grade"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "name the folder with the notebooks" in done.stderr
    done = subprocess.run([*make, "SUBMISSIONS=a b"], cwd=ROOT, capture_output=True, text=True)
    # under another make, lines on entering and leaving the folder stand around it
    assert 'tools/grade.py "a b"\n' in done.stdout
