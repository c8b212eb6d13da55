"""A page of the book in a browser, opened from the disk with the network cut."""

import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from .live_pages import BROWSER, NAMES, OPTIONS


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
