"""The pages that `make run` writes, opened in a real browser with no network."""

import json
import os
import subprocess
from itertools import pairwise

import nbformat
import pages
import pytest
import run_notebooks
from browser.book_pages import opened, write_pages
from browser.live_pages import BROWSER, OPTIONS, chromium, skip_loudly_without_a_browser

PATHS = run_notebooks.notebooks_named([])
FILES = ["index.html", *(f"{path.stem}.html" for path in PATHS)]
ALONE = [  # for a browser that no one steers
    *OPTIONS,
    "--headless=new",
    "--no-first-run",
    "--enable-logging=stderr",
    "--proxy-server=127.0.0.1:9",  # nobody listens there: the network is cut
    "--virtual-time-budget=20000",
    "--dump-dom",
]
REPORT = """<script>
window.addEventListener("load", () => {
  document.querySelectorAll("details").forEach(d => { d.open = true; });
  const size = e => e.getBoundingClientRect();
  const images = [...document.images];
  const formulas = [...document.querySelectorAll("svg[role=img]")];
  const report = {
    images: images.length,
    broken: images.filter(i => !i.complete || !i.naturalWidth || !size(i).width).length,
    silent: images.filter(i => i.alt.split(" ").length < 3).length,
    formulas: formulas.length,
    empty: formulas.filter(f => size(f).width < 2 || size(f).height < 2 || !f.ariaLabel).length,
    requests: performance.getEntriesByType("resource").map(e => e.name)
      .filter(name => !name.startsWith("data:")),
  };
  const pre = document.createElement("pre");
  pre.id = "report";
  pre.textContent = JSON.stringify(report);
  document.body.replaceChildren(pre);
});
</script>"""


def open_page(page, folder):
    """What the browser found on the page, and what it said on its console."""
    file = folder / "page.html"
    file.write_text(page.replace("</body>", REPORT + "</body>"), encoding="utf-8")
    options = [*ALONE, f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run(
        [BROWSER, *options, file.as_uri()],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        env={**os.environ, "HOME": str(folder)},
    )
    start = done.stdout.index('<pre id="report">') + len('<pre id="report">')
    report = json.loads(done.stdout[start : done.stdout.index("</pre>", start)])
    return report, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module", autouse=True)
def _browser_or_skip():
    skip_loudly_without_a_browser()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_page_is_complete_in_a_browser_without_network(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    report, console = open_page(pages.to_html(notebook, path.stem), tmp_path)
    assert console == []
    assert report["images"] > 5
    assert report["formulas"] == pages.to_html(notebook, path.stem).count('role="img"')
    faults = {name: report[name] for name in ("broken", "silent", "empty", "requests")}
    assert faults == {"broken": 0, "silent": 0, "empty": 0, "requests": []}


def test_the_browser_test_can_fail(tmp_path):
    page = """<!doctype html><html><body>
    <img src="data:image/png;base64,AAAA" alt="a picture that is not one at all">
    <img src="https://example.org/a.png" alt="fetched">
    <svg role="img"></svg><script>console.error("oh no")</script></body></html>"""
    report, console = open_page(page, tmp_path)
    assert any("oh no" in line for line in console)
    assert (report["images"], report["broken"], report["silent"]) == (2, 2, 1)
    assert (report["formulas"], report["empty"]) == (1, 1)
    assert report["requests"] == ["https://example.org/a.png"]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The book, of the notebooks as committed."""
    folder = tmp_path_factory.mktemp("book")
    write_pages(folder, [], PATHS, run_notebooks.published_table(PATHS))
    return folder


@pytest.fixture(params=FILES, ids=lambda name: name.removesuffix(".html"))
def file(request, folder):
    return folder / request.param


# A word, or a part up to a hyphen, begins a line unless it stands right of the one before it.
LINES = r"""() => {
  const lines = [];
  for (const block of document.querySelectorAll(".prose :is(p, li, blockquote, h1, h2, h3)")) {
    const texts = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    let left = Infinity;
    while (texts.nextNode()) {
      const text = texts.currentNode;
      if (text.parentElement.closest("p, li, blockquote, h1, h2, h3") !== block) continue;
      for (const word of text.data.matchAll(/[^\s-]+-*\s*|-+\s*/g)) {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].trimEnd().length);
        const [place] = range.getClientRects();
        if (!place) continue;
        if (place.left <= left) lines.push("");
        left = place.left;
        lines[lines.length - 1] += word[0].replace(/\s+$/, " ");
      }
    }
  }
  return lines.map((line) => line.trim());
}"""

# The contrast of each text, and of each formula, with what lies behind it (WCAG 2.2).
CONTRASTS = r"""() => {
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => parts(colour).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      const alpha = parts(colour)[3] ?? 1;
      if (alpha === 1) return colour;
      if (alpha > 0) return "rgb(128, 128, 128)"; // translucent: this test would not know
    }
    return "rgb(255, 255, 255)";
  };
  document.querySelectorAll("details").forEach((d) => { d.open = true; });
  const found = new Map();
  const note = (element, colour, what) => {
    const ground = behind(element);
    const [a, b] = [light(colour), light(ground)].sort((x, y) => y - x);
    found.set(`${what} ${colour} on ${ground}`, (a + 0.05) / (b + 0.05));
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("script, style")) continue;
    if (!element.getClientRects().length) continue;
    const code = element.closest(".code") ? "code" : element.closest("a") ? "link" : "text";
    note(element, getComputedStyle(element).color, code);
  }
  for (const part of document.querySelectorAll("svg[role=img] :is(use, rect)")) {
    note(part.closest("svg").parentElement, getComputedStyle(part).fill, "formula");
  }
  return [...found];
}"""


def test_lines_have_at_most_75_characters(browser, file):
    with opened(browser, file) as (tab, _):
        lines = tab.evaluate(LINES)
    assert len(lines) > 40
    assert sum(len(line) > 45 for line in lines) > 15, "narrow lines would pass unseen"
    assert max(len(line) for line in lines) <= 75, max(lines, key=len)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_written_stands_out(browser, file, scheme):
    with opened(browser, file, color_scheme=scheme) as (tab, _):
        contrasts = dict(tab.evaluate(CONTRASTS))
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(","))) > 384) == (scheme == "light")
    kinds = {name.split()[0] for name in contrasts}
    assert kinds >= {"text", "link"}
    if file.name != "index.html":
        assert kinds == {"text", "link", "code", "formula"}
    assert {name: round(c, 2) for name, c in contrasts.items() if c < 4.5} == {}


def test_the_contrast_test_can_fail(browser, tmp_path):
    page = """<!doctype html><html><body style="background: rgb(20, 20, 20); color: #666">faint
    <a style="color: white">bright</a><svg role="img"><rect width="5" height="5"/></svg>"""
    (tmp_path / "page.html").write_text(page)
    with opened(browser, tmp_path / "page.html") as (tab, _):
        contrasts = dict(tab.evaluate(CONTRASTS))
    rounded = {name.split()[0]: round(c, 1) for name, c in contrasts.items()}
    assert rounded == {"text": 3.2, "link": 18.4, "formula": 1.1}


def test_a_phone_is_wide_enough(browser, file):
    with opened(browser, file, viewport={"width": 375, "height": 700}) as (tab, _):
        tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 375
        boxes = "pre, .wide, .formula"  # what scrolls sideways does so in a box of its own
        styles = "e => [...document.querySelectorAll(e)].map(e => getComputedStyle(e).overflowX)"
        assert set(tab.evaluate(styles, boxes)) == {"auto"}


def test_opens_without_a_word_or_a_request(browser, file):
    with opened(browser, file) as (tab, said):
        tab.evaluate("scrollTo(0, document.body.scrollHeight)")
        tab.wait_for_timeout(200)
    assert (said.console, said.requests) == ([], [])


def test_headings_come_in_order(browser, file):
    with opened(browser, file) as (tab, _):
        levels = tab.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4')].map(h => +h.tagName[1])"
        )
        marks = [tab.locator(name).count() for name in ("h1", "main", "html[lang=en]")]
    assert marks == [1, 1, 1]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


@pytest.fixture
def chapter(folder):
    return folder / FILES[2]


def test_the_contents_follow_the_reader(browser, chapter):
    marked = "document.querySelector('.contents [aria-current]').textContent"
    with opened(browser, chapter) as (tab, _):
        assert tab.evaluate(marked) == "2. The variational autoencoder"
        for name in ("The KL term", "Results", "Set-up", "Further reading"):
            tab.get_by_role("link", name=name, exact=True).click()
            tab.wait_for_function(f"{marked} === '{name}'")
            heading = tab.get_by_role("heading", name=name, exact=True)
            assert -1 <= heading.bounding_box()["y"] < 900
            link = tab.get_by_role("link", name=name, exact=True).bounding_box()
            assert 0 <= link["y"] < 900, "the contents scroll along"


def test_the_contents_are_a_line_on_a_phone(browser, chapter):
    with opened(browser, chapter, viewport={"width": 375, "height": 700}) as (tab, _):
        line = tab.locator(".contents summary")
        assert not tab.get_by_role("link", name="The KL term").is_visible()
        line.click()
        tab.get_by_role("link", name="The KL term").click()
        tab.wait_for_function("document.querySelector('.here').textContent === ': The KL term'")
        assert not tab.get_by_role("link", name="The KL term").is_visible()
        bar = tab.locator(".contents").bounding_box()
        assert bar["y"] == 0
        heading = tab.get_by_role("heading", name="The KL term").bounding_box()
        assert bar["height"] <= heading["y"] < 200, "the line hides no heading"


def test_all_can_be_read_without_a_script(browser, chapter):
    for width in (1300, 375):
        settings = {"viewport": {"width": width, "height": 700}, "java_script_enabled": False}
        with opened(browser, chapter, **settings) as (tab, _):
            assert tab.get_by_role("link", name="The KL term").is_visible()
            assert tab.get_by_role("heading", name="The KL term").is_visible()


def test_the_keyboard_skips_to_the_text(browser, chapter):
    with opened(browser, chapter) as (tab, _):
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.textContent") == "Skip to the text"
        box = tab.locator(".skip").bounding_box()
        assert box["x"] >= 0
        assert box["y"] >= 0
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.activeElement.id") == "text"


def test_figures_do_not_glare_in_the_dark(browser, chapter):
    shade = "getComputedStyle(document.querySelector('.picture img')).filter"
    with opened(browser, chapter, color_scheme="dark") as (tab, _):
        assert tab.evaluate(shade) == "brightness(0.86)"
    with opened(browser, chapter) as (tab, _):
        assert tab.evaluate(shade) == "none"


def test_who_wants_little_motion_sees_the_last_picture_of_a_film(browser, folder):
    source = "document.querySelector('picture img').currentSrc.slice(5, 14)"
    file = folder / FILES[4]
    with opened(browser, file, reduced_motion="reduce") as (tab, _):
        tab.locator("picture img").first.scroll_into_view_if_needed()
        assert tab.evaluate(source) == "image/png"
        assert tab.evaluate("document.querySelector('picture img').naturalWidth") > 100
    with opened(browser, file) as (tab, _):
        assert tab.evaluate(source) == "image/gif"


def test_on_paper_nothing_is_cut_off(browser, chapter):
    """A4 less its margins is about 640 pixels wide. Dark is for screens."""
    settings = {"viewport": {"width": 640, "height": 900}, "color_scheme": "dark"}
    with opened(browser, chapter, **settings) as (tab, _):
        tab.emulate_media(media="print")
        wide = "[...document.querySelectorAll('pre')].filter(e => e.scrollWidth > e.clientWidth)"
        assert tab.evaluate(f"{wide}.length") == 0
        assert tab.evaluate("document.documentElement.scrollWidth") <= 640
        assert (
            tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        for gone in (".contents", ".ways", ".solution"):
            assert not tab.locator(gone).first.is_visible()
        tab.emulate_media(media="screen")
        assert tab.evaluate(f"{wide}.length") > 0
