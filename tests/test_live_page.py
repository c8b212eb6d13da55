"""Widgets in a page without a kernel: executed, built into a page, opened from the disk, used."""

import base64
import json

import live_page
import nbformat
import pages
import pytest
import run_notebooks
from browser.book_pages import opened
from browser.live_pages import chromium

COUNTER = '''
import base64, io
import anywidget, traitlets
from PIL import Image

class Counter(anywidget.AnyWidget):
    _esm = """
    export default {
      render({ model, el }) {
        const button = document.createElement("button");
        const show = () => { button.textContent = `${model.get("name")}: ${model.get("count")}`; };
        button.addEventListener("click", () => {
          model.set("count", model.get("count") + model.get("steps").getUint8(1));
          model.save_changes();
        });
        model.on("change:count", show);
        show();
        el.append(button);
      },
    };
    """
    _css = "button { border-width: 7px; }"
    name = traitlets.Unicode().tag(sync=True)
    count = traitlets.Int(0).tag(sync=True)
    steps = traitlets.Bytes(bytes([1, 5])).tag(sync=True)

    def _repr_mimebundle_(self, **options):
        data, metadata = super()._repr_mimebundle_(**options)
        buffer = io.BytesIO()
        Image.new("L", (200, 50)).save(buffer, "png")
        picture = base64.b64encode(buffer.getvalue()).decode()
        return {**data, "image/png": picture}, {"image/png": {"alt": "A counter at rest"}}

first = Counter(name="first")
first
'''
BROKEN = """
class Broken(Counter):
    _esm = "export default { render({ el }) { el.append('half'); throw Error('no luck'); } };"

Broken(name="broken")
"""
SLIDER = "import ipywidgets\nipywidgets.IntSlider(7)"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A notebook with two counters, the first shown twice, a broken one and a slider."""
    changed = (
        "second = Counter(name='second')\nsecond.count = 30\nsecond.steps = bytes([0, 2])\nsecond"
    )
    cells = [nbformat.v4.new_markdown_cell("# Live\n\n## Text\n\n## Text")]
    sources = [COUNTER, changed, "first", BROKEN, SLIDER]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    path = tmp_path_factory.mktemp("widgets") / "05_widgets.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    notebook, _, wrong = run_notebooks.execute(path)
    assert wrong == ""
    return notebook


@pytest.fixture(scope="module")
def page(executed, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "widgets.html"
    file.write_text(pages.to_html(executed, "widgets"), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser(page):  # which is asked for first: executing and Playwright each want the event loop
    with chromium() as browser:
        yield browser


def test_widgets_live_on_in_a_page(browser, page):
    with opened(browser, page) as (tab, said):
        first, second, again = (tab.locator(".live button").nth(i) for i in range(3))
        assert first.text_content() == "first: 0"
        assert second.text_content() == "second: 30"
        first.click()
        first.press("Enter")
        second.click()
        assert first.text_content() == "first: 10"
        assert second.text_content() == "second: 32"
        assert again.text_content() == "first: 10", "two views of one widget show the same"
        assert first.evaluate("e => getComputedStyle(e).borderTopWidth") == "7px"
        assert not tab.locator(".awake img").first.is_visible()
        tab.emulate_media(media="print")
        assert tab.locator(".awake img").first.is_visible()
        assert not first.is_visible()
    assert said.requests == []
    assert [text for text in said.console if "no luck" not in text] == []


def test_a_widget_that_fails_stays_a_picture_and_says_why(browser, page):
    with opened(browser, page) as (tab, said):
        holder = tab.locator(".live").nth(3)
        tab.wait_for_function("document.querySelectorAll('.awake').length == 3")
        assert holder.locator("img").is_visible()
        assert "half" not in holder.text_content()
    (told,) = said.console
    assert "picture stays" in told
    assert "no luck" in told


def test_without_a_script_the_pictures_are_there(browser, page):
    with opened(browser, page, java_script_enabled=False) as (tab, _):
        assert [p.is_visible() for p in tab.locator(".live img").all()] == [True] * 4


def test_a_widget_sleeps_until_the_reader_comes_near(browser, page, tmp_path):
    text = page.read_text(encoding="utf-8")
    space = '<div style="height: 5000px"></div><main '
    (tmp_path / "far.html").write_text(text.replace("<main ", space), encoding="utf-8")
    with opened(browser, tmp_path / "far.html") as (tab, _):
        tab.wait_for_timeout(300)
        assert tab.locator(".awake").count() == 0
        tab.locator(".live").first.scroll_into_view_if_needed()
        tab.locator(".awake").first.wait_for()
        assert tab.locator(".awake").count() >= 1


def test_what_is_long_stands_in_the_page_once(executed):
    data = json.loads(live_page.states(executed))
    assert len(data["models"]) == 3, "the slider needs a kernel, and the first counter came twice"
    modules = [text for text in data["texts"].values() if "export default" in text]
    assert len(modules) == 2
    steps = [base64.b64decode(data["texts"][m["buffers"][0][1]]) for m in data["models"].values()]
    assert steps == [bytes([1, 5]), bytes([0, 2]), bytes([1, 5])]
    assert "</script" not in live_page.states(executed)


def test_the_committed_notebook_keeps_the_picture_only(executed):
    notebook = nbformat.from_dict(executed)
    run_notebooks.strip(notebook)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert set(outputs[0].data) == {"image/png", "text/plain"}
    assert "widgets" not in notebook.metadata
    assert live_page.states(notebook) == ""
    page = pages.to_html(notebook, "widgets")
    assert 'class="live"' not in page
    assert page.count('alt="A counter at rest"') == 4


def test_make_run_hands_the_states_to_the_page(executed, tmp_path, monkeypatch):
    """Before `strip` drops them from the notebook that is committed."""
    monkeypatch.setattr(run_notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(run_notebooks, "BUILD", tmp_path / "build")
    path = tmp_path / "notebooks" / "05_widgets.ipynb"
    path.parent.mkdir()
    (tmp_path / "build").mkdir()
    nbformat.write(executed, path)
    notebook = nbformat.from_dict(executed)
    bar = nbformat.v4.new_output("display_data")  # as a progress bar leaves it: no word about it
    notebook.cells[-1].outputs.append(bar)
    assert run_notebooks.finish(path, notebook, in_place=True) == ""
    page = (tmp_path / "build" / "05_widgets.html").read_text(encoding="utf-8")
    assert page.count('class="live"') == 4
    stored = path.read_text(encoding="utf-8")
    assert "widget-view" not in stored
    assert "widgets" not in json.loads(stored)["metadata"]
