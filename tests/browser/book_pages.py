"""A page of the book in a browser, opened from the disk with the network cut."""

import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import book
import nbformat
import pytest
import run_notebooks

from .live_pages import BROWSER, NAMES, OPTIONS


def write_pages(folder, names, paths, table):
    """Pages of the notebooks as committed; bound after each one, as `make run` does."""
    folder.mkdir(exist_ok=True)
    for path in run_notebooks.notebooks_named(names):
        notebook = nbformat.read(path, as_version=4)
        text = book.page(notebook, path, paths)
        (folder / f"{path.stem}.html").write_text(text, encoding="utf-8")
        book.bind(folder, paths, table)


def skip_loudly_without_a_browser():
    if BROWSER is None:
        message = f"NO BROWSER: the pages were not opened; install one of {', '.join(NAMES)}"
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(message, stacklevel=1)  # stands in pytest's summary
        pytest.skip(message)


@contextmanager
def chromium():
    skip_loudly_without_a_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        yield browser
        browser.close()


@contextmanager
def opened(browser, file, **context):
    """A tab with this file, and what it said on its console and asked the network for."""
    said = SimpleNamespace(console=[], requests=[])
    settings = {"offline": True, "viewport": {"width": 1300, "height": 900}, **context}
    with browser.new_context(**settings) as there:
        tab = there.new_page()
        tab.on("console", lambda message: said.console.append(message.text))
        tab.on("pageerror", lambda error: said.console.append(str(error)))
        tab.on("request", lambda request: said.requests.append(request.url))
        tab.goto(file.as_uri())
        yield tab, said
        said.requests = [u for u in said.requests if not u.startswith(("file:", "data:", "blob:"))]
