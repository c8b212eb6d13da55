"""The form of the notebooks as committed; nbval checks their outputs."""

import ast
import html
import json
import re
import statistics
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import evidence  # noqa: E402
import run_notebooks  # noqa: E402

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURES = run_notebooks.PICTURES

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


def fault_of_alt(alt):
    """Why this alternative text tells a reader nothing, or an empty string."""
    if len(alt.split()) < 6:
        return "says too little"
    if re.match(r"(?i)(this|an?|the)? ?(figure|plot|image|picture|graph|chart|gif)\b", alt):
        return "names the kind of thing, not what it shows"
    return "" if alt[0].isupper() and alt.endswith(".") else "is no sentence"


def test_pictures_have_alternative_text(notebook):
    seen = set()
    for output in outputs(notebook):
        for kind in PICTURES:
            if kind in output.get("data", {}):
                alt = output.metadata.get(kind, {}).get("alt", "")
                assert not fault_of_alt(alt), f"alt text {alt!r} {fault_of_alt(alt)}"
                assert alt not in seen, f"alt text {alt!r} stands for two pictures"
                seen.add(alt)
    assert seen


@pytest.mark.parametrize(
    "alt",
    ["", "A figure.", "Loss.", "Figure with loss and epochs of both models.",
     "A plot of the loss of all of the models.", "rises fast and then falls very slowly"],
)  # fmt: skip
def test_alternative_text_that_tells_nothing_is_refused(alt):
    assert fault_of_alt(alt)


def test_opens_and_closes_as_every_notebook_does(notebook):
    opening, closing = notebook.cells[0].source, notebook.cells[-1].source
    for words in ("What you'll do", "What you'll learn", "What you need", "How long it takes"):
        assert words in opening
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## (.+)$", prose, flags=re.MULTILINE)
    assert headings[-3:] == ["Summary", "Exercises", "Further reading"]
    assert "## Further reading" in closing


def test_pages_need_no_network(notebook):
    page = run_notebooks.to_html(notebook, "page")
    assert not re.search(r"<script[^>]+src=|<link[^>]+href=.http|\bimport\(.http", page)
    text = re.sub(r"<(script|style|pre|code|svg)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"\$[^$]*\\[a-z]+", text), "a formula was left as LaTeX"
    formulas = sum(cell.source.count("$$") // 2 for cell in notebook.cells)
    assert page.count('<span class="formula"><svg ') == formulas


def test_pages_carry_the_alternative_text(notebook):
    page = run_notebooks.to_html(notebook, "page")
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', page, flags=re.DOTALL)
    stored = [
        o.metadata[k].alt for o in outputs(notebook) for k in PICTURES if k in o.get("data", {})
    ]
    assert [html.unescape(alt) for alt in alts] == stored
    assert len(alts) == page.count("<img ") > 5


def write_notebook(folder, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    folder.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "05_new.ipynb")


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
    assert "05_new.ipynb, cell 3" in out
    assert "y is off" in out


def test_make_run_writes_pages_and_gifs(elsewhere, capsys):
    gif = "from IPython.display import Image\nImage(b'GIF89a', format='gif')"
    write_notebook(elsewhere / "notebooks", "print(6 * 7)", gif)
    assert run_notebooks.main() == 0
    assert "05_new.ipynb ..." in capsys.readouterr().out
    assert "42" in (elsewhere / "build" / "05_new.html").read_text(encoding="utf-8")
    assert (elsewhere / "build" / "05_new_1.gif").read_bytes() == b"GIF89a"
    assert 'src="data:image/gif;base64,' in (elsewhere / "build" / "05_new.html").read_text()


def test_a_live_widget_leaves_its_picture_behind():
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "image/png": "aGk="}
    alt = {"image/png": {"alt": "A map."}}
    output = nbformat.v4.new_output("display_data", {**data, "text/plain": "Box()"}, metadata=alt)
    cell = nbformat.v4.new_code_cell("explorer", outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    run_notebooks.strip(notebook)
    assert set(notebook.cells[0].outputs[0].data) == {"image/png", "text/plain"}
    page = run_notebooks.to_html(notebook, "page")
    assert '<img alt="A map." src="data:image/png;base64,aGk="' in page


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
    rows = json.loads((ROOT / "tests" / "evidence.json").read_text(encoding="utf-8"))
    shown = {(row["notebook"], ast.unparse(ast.parse(row["claim"]))) for row in rows}
    claimed = {(p.stem, claim.text) for p in PATHS for claim in evidence.sources(p)[1].values()}
    assert shown == claimed, "a claim was changed: run `make evidence`"
    for row in rows:
        assert len(row["values"]) == 10, row
        assert row["worst"][0] > 0, row
        assert row["noticed"], row
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"all {len(rows)} comparisons of the checkpoints" in readme
