"""The index of the book and the ways between its pages, as text; test_pages.py opens them."""

import html
import re

import book
import nbformat
import pytest
import reading_time
import run_notebooks
from browser.book_pages import write_pages

PATHS = run_notebooks.notebooks_named([])
TABLE = run_notebooks.published_table(PATHS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All pages; the last was ready first."""
    folder = tmp_path_factory.mktemp("whole")
    for name in ("04", "01", "03", "02"):
        write_pages(folder, [name], PATHS, TABLE)
    return folder


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Only the second and the fourth page."""
    folder = tmp_path_factory.mktemp("parts")
    write_pages(folder, ["02", "04"], PATHS, TABLE)
    return folder


def words(text):
    text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def links(file):
    return re.findall(r'<a [^>]*?href="([^"]+)"', file.read_text(encoding="utf-8"))


def fault_of_link(folder, file, link):
    """Why a link leads nowhere, or an empty string."""
    if link.startswith("https://"):
        return ""
    name, _, anchor = link.partition("#")
    target = folder / name if name else file
    if not target.exists():
        return f"{file.name} links to {name}, which is not there"
    text = target.read_text(encoding="utf-8")
    return f"{link} is no place" if anchor and f'id="{anchor}"' not in text else ""


@pytest.mark.parametrize("which", ["whole", "parts"])
def test_every_link_leads_somewhere(which, request):
    folder = request.getfixturevalue(which)
    files = sorted(folder.glob("*.html"))
    assert len(files) == {"whole": 5, "parts": 3}[which]
    for file in files:
        assert len(links(file)) > 3
        assert list(filter(None, (fault_of_link(folder, file, link) for link in links(file)))) == []


def test_links_that_lead_nowhere_are_found(tmp_path):
    file = tmp_path / "index.html"
    file.write_text('<p id="here"></p>')
    assert fault_of_link(tmp_path, file, "gone.html")
    assert fault_of_link(tmp_path, file, "#there")
    assert not fault_of_link(tmp_path, file, "index.html#here")


def test_the_index_holds_what_the_readme_tells(whole):
    text = words((whole / "index.html").read_text(encoding="utf-8"))
    readme = book.readme()
    rows = re.findall(r"^\| \[(.+?)\]\(notebooks/.*?\) \|(.*)\|$", readme, re.MULTILINE)
    assert len(rows) == len(PATHS)
    minutes = 0
    for title, rest in rows:
        learn, to_read, to_run = (part.strip() for part in rest.split("|"))
        assert f"{title} {to_read} to read, {to_run} to run You learn: {learn}." in text
        minutes += int(to_read.removesuffix(" min"))
    published = run_notebooks.published_rows(PATHS)
    assert len(published) > 5
    for row in published:
        assert row in readme
        assert " ".join(row.replace("|", " ").split()) in text
    assert f"{minutes // 60} h {minutes % 60} min to read" in text
    assert "A hands-on course on variational autoencoders" in text
    assert "CC BY-SA 3.0" in text
    assert "not built yet" not in text


def test_the_index_tells_what_is_not_built(parts):
    index = (parts / "index.html").read_text(encoding="utf-8")
    entries = re.findall(r'<div class="chapter" id="(.+?)">(.*?)</div>', index, re.DOTALL)
    assert [stem for stem, _ in entries] == [path.stem for path in PATHS]
    for stem, entry in entries:
        built = stem[:2] in ("02", "04")
        assert (f'href="{stem}.html"' in entry) == built
        assert ("not built yet" in entry) != built


def ways(file):
    """Where the previous and the next page are, as the page says, at its top and at its foot."""
    text = file.read_text(encoding="utf-8")
    top, foot = (
        {rel: re.findall(rf'rel="{rel}"[^>]* href="(.+?)"', part) for rel in ("prev", "next")}
        for part in re.findall(r'<nav class="ways".*?</nav>', text, re.DOTALL)
    )
    assert top == foot
    return top["prev"], top["next"]


def test_previous_and_next_follow_the_order_of_the_notebooks(whole):
    names = [f"{path.stem}.html" for path in PATHS]
    for i, name in enumerate(names):
        assert ways(whole / name) == (names[:i][-1:], names[i + 1 : i + 2])


def test_previous_and_next_lead_to_the_index_while_a_page_is_not_built(parts):
    first, second, third, fourth = (path.stem for path in PATHS)
    assert ways(parts / f"{second}.html") == ([f"index.html#{first}"], [f"index.html#{third}"])
    assert ways(parts / f"{fourth}.html") == ([f"index.html#{third}"], [])


def test_a_page_that_comes_later_is_linked_then(tmp_path):
    write_pages(tmp_path, ["01"], PATHS, TABLE)
    assert ways(tmp_path / f"{PATHS[0].stem}.html")[1] == [f"index.html#{PATHS[1].stem}"]
    write_pages(tmp_path, ["02"], PATHS, TABLE)
    assert ways(tmp_path / f"{PATHS[0].stem}.html")[1] == [f"{PATHS[1].stem}.html"]


def test_a_notebook_that_the_readme_does_not_know_is_measured(tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell("# 5. More <here>\n\n" + "word " * 650),
        nbformat.v4.new_markdown_cell("[the grid](03_latent_grid.ipynb#x), [report](../docs/a.md)"),
    ]
    path = tmp_path / "05_more.ipynb"
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, path)
    known = book.chapter(path, tmp_path)
    assert (known.title, known.to_read, known.built) == ("5. More <here>", "5", False)
    assert reading_time.minutes(notebook) == pytest.approx(5, abs=0.1)
    page = book.page(notebook, path, [*PATHS, path])
    assert 'data-chapter="03_latent_grid" href="03_latent_grid.html">the grid</a>, report' in page
    (tmp_path / "05_more.html").write_text(page, encoding="utf-8")
    book.bind(tmp_path, [*PATHS, path], TABLE)
    bound = (tmp_path / "05_more.html").read_text(encoding="utf-8")
    assert 'data-chapter="03_latent_grid" href="index.html#03_latent_grid">the grid</a>' in bound
    assert "5. More" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_pages_are_light(whole):
    for file in whole.glob("*.html"):
        assert book.too_heavy(file.read_text(encoding="utf-8")) == ""


def test_a_heavy_page_tells_where_the_weight_lies():
    picture = f'<img src="data:image/png;base64,{"a" * 4_000_000}">'
    widget = f'<script type="application/json">{"b" * 2_100_000}</script>'
    assert book.too_heavy(picture) == book.too_heavy(widget) == ""
    told = book.too_heavy(picture + widget)
    assert told == "6.1 MB, more than 6: pictures 4.0, widgets 2.1"


def test_headings_of_a_page_have_places_of_their_own(whole):
    for file in whole.glob("0*.html"):
        text = file.read_text(encoding="utf-8")
        ids = re.findall(
            r'\bid="([^"]+)"', re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
        )
        assert len(ids) == len(set(ids))
        contents = re.search(r'<nav class="contents".*?</nav>', text, re.DOTALL)[0]
        told = re.findall(r'href="#(.+?)">', contents)
        headings = re.findall(r'<h[1-3] id="(.+?)">', text)
        assert told == headings
        assert len(headings) > 10
