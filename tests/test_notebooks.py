"""The form of the notebooks as committed; nbval checks their outputs."""

import ast
import html
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import tomllib
from itertools import pairwise
from pathlib import Path

import book
import controls
import evidence
import nbformat
import pages
import psutil
import pytest
import reading_time
import run_notebooks
import workers as tool_workers
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURES = pages.PICTURES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def test_the_notebooks_are_there():
    assert [path.stem[:2] for path in PATHS] == [f"{i:02d}" for i in range(1, len(PATHS) + 1)]
    assert len(PATHS) == 4


def test_was_run_top_to_bottom_without_a_word_of_complaint(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    for output in outputs(notebook):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text


def test_metadata_hold_nothing_of_the_machine(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert not re.search(r"/(work|root|home|tmp|Users)/", json.dumps(notebook))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_is_small_enough_to_open_fast(path):
    assert path.stat().st_size <= 2_500_000


def test_cells_are_short_and_prose_stands_between_them(notebook):
    sizes = [len(lines(cell)) for cell in code_cells(notebook)]
    assert max(sizes) <= 25
    assert statistics.median(sizes) <= 6
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells)
    assert "ccc" not in kinds, f"three code cells in a row at cell {kinds.index('ccc')}"
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type[0] == "m")
    assert 50 <= words / len(sizes) <= 100


def test_headings_nest(notebook):
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    levels = [len(mark) for mark in re.findall(r"^(#+) ", prose, flags=re.MULTILINE)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def fault_of_title(title):
    """Why this is no short neutral title, or an empty string."""
    if len(title.split()) < 3:
        return "says too little"
    if len(title) > 66:
        return "is too long: what there is to see stands in the prose"
    if re.match(r"(?i)(this|an?|the)? ?(figure|plot|image|picture|graph|chart|gif)\b", title):
        return "names the kind of thing, not what is drawn"
    if title.endswith("."):
        return "is a sentence"
    return "" if title[0].isupper() else "begins small"


def test_pictures_have_neutral_titles(notebook):
    seen = set()
    for output in outputs(notebook):
        for kind in PICTURES:
            if kind in output.get("data", {}):
                title = output.metadata.get(kind, {}).get("alt", "")
                assert not fault_of_title(title), f"title {title!r} {fault_of_title(title)}"
                assert title not in seen, f"title {title!r} stands over two pictures"
                seen.add(title)
    assert seen


@pytest.mark.parametrize(
    "title",
    ["", "A figure", "Loss", "Figure with loss and epochs of both models", "loss of all models",
     "A plot of the loss of all of the models", "The loss rises fast and then falls slowly.",
     "All crosses fall into a small patch around the origin, at the upper edge"],
)  # fmt: skip
def test_titles_that_tell_nothing_or_too_much_are_refused(title):
    assert fault_of_title(title)


def test_cells_are_laid_out_by_hand(notebook):
    """For a narrow page, and for a reader: no formatter has had a word in it."""
    for cell in code_cells(notebook):
        assert "fmt:" not in cell.source
        long = [line for line in cell.source.splitlines() if len(line) > 88]
        assert not long, f"wider than 88 columns: {long}"
    ruff = tomllib.loads((ROOT / "notebooks" / "ruff.toml").read_text(encoding="utf-8"))
    assert ruff["format"]["exclude"] == ["*.ipynb"]


def test_output_of_a_cell_is_one_block(notebook):
    for cell in code_cells(notebook):
        names = [o.get("name") for o in cell.outputs]
        for a, b in pairwise(names):
            assert a is None or a != b, f"printed in two blocks: {cell.source}"


def test_opens_and_closes_as_every_notebook_does(notebook):
    opening, closing = notebook.cells[0].source, notebook.cells[-1].source
    for words in ("What you'll do", "What you'll learn", "What you need", "How long it takes"):
        assert words in opening
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## (.+)$", prose, flags=re.MULTILINE)
    assert headings[-3:] == ["Summary", "Exercises", "Further reading"]
    assert "## Further reading" in closing


def test_pages_need_no_network(notebook):
    page = pages.to_html(notebook, "page")
    assert not re.search(r"<script[^>]+src=|<link[^>]+href=.http|\bimport\(.http", page)
    text = re.sub(r"<(script|style|pre|code|svg)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"\$[^$]*\\[a-z]+", text), "a formula was left as LaTeX"
    formulas = sum(cell.source.count("$$") // 2 for cell in notebook.cells)
    assert page.count('<span class="formula"><svg ') == formulas


def test_pages_carry_the_titles(notebook):
    page = pages.to_html(notebook, "page")
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', page, flags=re.DOTALL)
    stored = [
        o.metadata[k].alt for o in outputs(notebook) for k in PICTURES if k in o.get("data", {})
    ]
    assert [html.unescape(alt) for alt in alts] == stored
    assert len(alts) == page.count("<img ") > 5


def write_notebook(folder, *sources, name="05_new"):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    folder.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(run_notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(run_notebooks, "BUILD", tmp_path / "build")
    monkeypatch.setattr(sys, "argv", ["run_notebooks.py"])
    return tmp_path


def test_make_run_names_notebook_and_cell_that_fail(elsewhere, capsys):
    write_notebook(elsewhere / "notebooks", "x = 1", "y = x + 1", "assert y == 3, 'y is off'")
    assert run_notebooks.main() == 1
    out = capsys.readouterr().out
    assert re.search(r"05_new.ipynb FAILED after \d+ s, cell 3 \(.*y is off", out)


def test_others_finish_when_one_fails(elsewhere, capsys):
    for name, source in {"06_bad": "1 / 0", "07_good": "print('fine')"}.items():
        write_notebook(elsewhere / "notebooks", source, name=name)
    assert run_notebooks.main() == 1
    out = capsys.readouterr().out
    assert "2 notebooks, " in out
    assert re.search(r"06_bad.ipynb FAILED .*ZeroDivisionError", out)
    assert re.search(r"07_good.ipynb: \d+ s, build/07_good.html", out)
    assert not (elsewhere / "build" / "06_bad.html").exists()
    assert "fine" in (elsewhere / "build" / "07_good.html").read_text(encoding="utf-8")


def test_what_a_cell_prints_is_one_block_however_slowly(elsewhere):
    slow = "import time\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(0.3)"
    write_notebook(elsewhere / "notebooks", slow)
    notebook, _, wrong = run_notebooks.execute(elsewhere / "notebooks" / "05_new.ipynb")
    assert wrong == ""
    assert [output.text for output in notebook.cells[0].outputs] == ["0\n1\n2\n"]


def test_a_kernel_that_dies_at_birth_gets_another_chance(elsewhere, monkeypatch):
    """As it does if two that start at once pick the same port; one that dies later does not."""
    write_notebook(elsewhere / "notebooks", "print('fine')")
    path, births, start = elsewhere / "notebooks" / "05_new.ipynb", [], NotebookClient.execute

    def stillborn(client, times):
        births.append(client)
        if len(births) <= times:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return start(client)

    for times, told in [(2, ""), (3, "Kernel died before")]:
        births.clear()
        monkeypatch.setattr(NotebookClient, "execute", lambda c, times=times: stillborn(c, times))
        _, _, wrong = run_notebooks.execute(path)
        assert told in wrong
        assert bool(wrong) == bool(told)
        assert len(births) == 3
    monkeypatch.undo()
    write_notebook(elsewhere / "notebooks", "import os\nos._exit(1)")
    _, _, wrong = run_notebooks.execute(path)
    assert "Kernel died" in wrong


RUN_HERE = """
import sys, pathlib, run_notebooks
run_notebooks.ROOT = pathlib.Path(sys.argv.pop())
run_notebooks.BUILD = run_notebooks.ROOT / "build"
sys.exit(run_notebooks.main())
"""


@pytest.mark.skipif(os.name != "posix", reason="a key press is a signal to a group of processes")
def test_ctrl_c_ends_everything_and_keeps_what_is_done(tmp_path):
    folder = tmp_path / "notebooks"
    endless = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\n"
    write_notebook(folder, endless + "time.sleep(600)", name="01_endless")
    write_notebook(folder, "print('fine')", name="02_good")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    command = [sys.executable, "-c", RUN_HERE, str(tmp_path)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    told = []
    while not any("02_good.ipynb: " in line for line in told):
        told.append(process.stdout.readline())
        assert told[-1], told
    while not (folder / "pid").exists():
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert "stopped: what had finished is stored" in rest
    assert process.returncode == 130
    assert (tmp_path / "build" / "02_good.html").exists()
    for _ in range(100):
        if not psutil.pid_exists(int((folder / "pid").read_text())):
            return
        time.sleep(0.1)
    pytest.fail("the endless kernel is still alive")


@pytest.mark.parametrize(
    ("cores", "gib_free", "workers", "threads"),
    [(2, 20, 2, 1), (8, 7, 2, 4), (4, 1, 1, 4), (1, 20, 1, 1)],
)
def test_the_cores_are_shared_out(monkeypatch, cores, gib_free, workers, threads):
    memory = type("Memory", (), {"available": gib_free * 2**30})
    monkeypatch.setattr(tool_workers, "n_cores", lambda: cores)
    monkeypatch.setattr(tool_workers.psutil, "virtual_memory", lambda: memory)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert tool_workers.n_workers() == workers
    assert tool_workers.environment(workers)["OMP_NUM_THREADS"] == str(threads)
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    assert tool_workers.environment(workers)["OMP_NUM_THREADS"] == str(threads)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # the user's own wish goes first
    assert tool_workers.environment(workers)["OMP_NUM_THREADS"] == "3"


def test_make_run_writes_pages_and_gifs(elsewhere, capsys):
    gif = "from IPython.display import Image\nImage(b'GIF89a', format='gif')"
    write_notebook(elsewhere / "notebooks", "print(6 * 7)", gif)
    assert run_notebooks.main() == 0
    assert "05_new.ipynb: " in capsys.readouterr().out
    assert "42" in (elsewhere / "build" / "05_new.html").read_text(encoding="utf-8")
    assert (elsewhere / "build" / "05_new_1.gif").read_bytes() == b"GIF89a"
    assert 'src="data:image/gif;base64,' in (elsewhere / "build" / "05_new.html").read_text()


def test_make_run_binds_a_book_and_tells_which_page_is_too_heavy(elsewhere, monkeypatch, capsys):
    write_notebook(elsewhere / "notebooks", "print(6 * 7)")
    write_notebook(elsewhere / "notebooks", "1", name="06_later")
    monkeypatch.setattr(sys, "argv", ["run_notebooks.py", "05"])
    monkeypatch.setattr(book, "LIMIT", 1000)
    assert run_notebooks.main() == 0
    assert "build/05_new.html IS TOO HEAVY, 0.0 MB, more than 0" in capsys.readouterr().out
    index = (elsewhere / "build" / "index.html").read_text(encoding="utf-8")
    assert 'href="05_new.html"' in index
    assert 'href="06_later.html"' not in index
    page = (elsewhere / "build" / "05_new.html").read_text(encoding="utf-8")
    assert 'href="index.html#06_later"' in page


def test_a_live_widget_leaves_its_picture_behind():
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "image/png": "aGk="}
    alt = {"image/png": {"alt": "A small map"}}
    output = nbformat.v4.new_output("display_data", {**data, "text/plain": "Box()"}, metadata=alt)
    cell = nbformat.v4.new_code_cell("explorer", outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    run_notebooks.strip(notebook)
    assert set(notebook.cells[0].outputs[0].data) == {"image/png", "text/plain"}
    page = pages.to_html(notebook, "page")
    assert '<img alt="A small map" src="data:image/png;base64,aGk="' in page


def test_make_run_without_notebooks_is_no_success(elsewhere):
    assert run_notebooks.main() == 1


def test_readme_quotes_the_notebooks():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = run_notebooks.published_rows(PATHS)
    assert rows
    for row in rows:
        assert row in readme, "run `make notebooks`, which brings the README up to date"


def test_every_claim_has_its_evidence():
    """With these very limits: over ten seeds none fails, and a break makes each one fail."""
    rows = json.loads((ROOT / "docs" / "evidence.json").read_text(encoding="utf-8"))
    shown = {(row["notebook"], ast.unparse(ast.parse(row["claim"]))) for row in rows}
    claimed = {(p.stem, claim.text) for p in PATHS for claim in evidence.sources(p)[1].values()}
    assert shown == claimed, "a claim was changed: run `make evidence`"
    for row in rows:
        assert len(row["values"]) == 10, row
        assert row["worst"][0] > 0, row
        assert row["noticed"], row
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"all {len(rows)} comparisons of the checks" in readme


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_ten_seed_ranges_are_those_of_the_evidence(path):
    rows = json.loads((ROOT / "docs" / "evidence.json").read_text(encoding="utf-8"))
    rows = [row for row in rows if row["notebook"] == path.stem]
    ranges = [(min(v), max(v)) for row in rows for v in (row["values"], row["limits"])]
    for cell in nbformat.read(path, as_version=4).cells:
        if "ten-seeds" not in cell.metadata.get("tags", []):
            continue
        assert not re.search("TEN", cell.source)
        for low, high, percent in re.findall(r"([-\d.]+) to ([-\d.]*\d)(%?)", cell.source):
            digits, factor = len(low.partition(".")[2]), 100 if percent else 1
            told = [tuple(f"{factor * v:.{digits}f}" for v in pair) for pair in ranges]
            assert (low, high) in told, f"no claim has the range {low} to {high}{percent}"


def test_opening_and_readme_tell_how_long_it_takes_to_read():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in PATHS:
        notebook = nbformat.read(path, as_version=4)
        told = re.search(r"about (\d+) minutes to read", notebook.cells[0].source)[1]
        measured = reading_time.minutes(notebook)
        assert measured <= 120
        assert abs(int(told) - measured) <= 6, f"{path.stem}: {measured:.0f} minutes"
        assert re.search(rf"\({path.relative_to(ROOT)}\).*\| {told} min \|", readme)


def test_reading_time_counts_words_and_lines_up_to_the_exercises():
    cells = [
        nbformat.v4.new_markdown_cell("word " * 260),
        nbformat.v4.new_code_cell("a = 1\n\n" * 10),
        nbformat.v4.new_markdown_cell("word " * 130 + "\n\n## Exercises\n\n" + "more " * 500),
        nbformat.v4.new_code_cell("b = 2\n" * 50),
    ]
    assert reading_time.minutes(nbformat.v4.new_notebook(cells=cells)) == pytest.approx(4)


@pytest.mark.parametrize("name", controls.CONTROLS)
def test_each_controlled_claim_is_held_by_a_check(name):
    (path,) = [path for path in PATHS if path.stem == name]
    claims = [claim.text for claim in evidence.sources(path)[1].values()]
    for row in controls.CONTROLS[name]:
        assert any(row.check in claim for claim in claims), row.check
    assert all(line in (ROOT / "docs" / "evidence.md").read_text() for line in controls.table())


def called_at_once(tree):
    """What is called when this runs, functions and classes that it defines left out."""
    waiting, names = list(ast.iter_child_nodes(tree)), set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Call):
            names.add(ast.unparse(node.func))
        waiting += ast.iter_child_nodes(node)
    return names


def test_a_cell_that_shows_a_bar_is_not_compared(notebook):
    """A bar is seen or not, as fast as the machine is: to nbval, that is another output."""
    with_bar = {"vh.fit"}
    for cell in code_cells(notebook):
        tree = ast.parse(cell.source)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and called_at_once(node) & with_bar:
                with_bar.add(node.name)
        if called_at_once(tree) & with_bar:
            assert "nbval-ignore-output" in cell.metadata.get("tags", []), cell.source
