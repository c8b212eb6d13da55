"""A page of the book in a browser, opened from the disk with the network cut."""

from contextlib import contextmanager
from types import SimpleNamespace

import book
import nbformat
import run_notebooks


def write_pages(folder, names, paths, table):
    """Pages of the notebooks as committed; bound after each one, as `make run` does."""
    folder.mkdir(exist_ok=True)
    for path in run_notebooks.notebooks_named(names):
        notebook = nbformat.read(path, as_version=4)
        text = book.page(notebook, path, paths)
        (folder / f"{path.stem}.html").write_text(text, encoding="utf-8")
        book.bind(folder, paths, table)


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
