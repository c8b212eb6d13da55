"""The pages that `make run` writes, opened in a real browser with no network."""

import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path

import nbformat
import pages
import pytest

PATHS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
OPTIONS = [
    "--headless=new",
    "--no-sandbox",  # refused for root without it; the page is our own
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
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
    options = [*OPTIONS, f"--user-data-dir={folder / 'profile'}"]
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
def browser():
    if BROWSER is None:
        message = f"NO BROWSER: the pages were not opened; install one of {', '.join(NAMES)}"
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(message, stacklevel=1)  # stands in pytest's summary
        pytest.skip(message)


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
