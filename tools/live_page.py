"""The anywidgets of a notebook that has just been executed, for a page in which they live on.

Whatever they need lies in their state, which nbclient stores in the notebook's metadata.
"""

import hashlib
import json
from collections.abc import Iterator

import nbformat

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def models(notebook: nbformat.NotebookNode) -> dict[str, dict]:
    """The stored anywidgets by their ids. Others, as sliders, need a kernel: they aren't here."""
    stored = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    return {id: model for id, model in stored.items() if model["model_module"] == "anywidget"}


def live_model(output: nbformat.NotebookNode, models: dict[str, dict]) -> str:
    """The id of the anywidget that an output shows, or an empty string."""
    id = output.get("data", {}).get(VIEW, {}).get("model_id", "")
    return id if id in models else ""


def shown(notebook: nbformat.NotebookNode, models: dict[str, dict]) -> Iterator[str]:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return filter(None, dict.fromkeys(live_model(output, models) for output in outputs))


def states(notebook: nbformat.NotebookNode) -> str:
    """What live_page.js reads, as JSON for a script element; empty if no widget is shown.

    Modules, style sheets and buffers are long, and widgets share them, so each stands there once.
    """
    texts: dict[str, str] = {}

    def share(text: str) -> str:
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        texts[key] = text
        return key

    found, data = models(notebook), {}
    for id in shown(notebook, found):
        state = dict(found[id]["state"])
        esm, css = share(state.pop("_esm")), share(state.pop("_css", ""))
        buffers = [[b["path"], share(b["data"])] for b in found[id].get("buffers", [])]
        data[id] = {"esm": esm, "css": css, "state": state, "buffers": buffers}
    if not data:
        return ""
    # In a script element, only a "<" could be taken for markup.
    return json.dumps({"texts": texts, "models": data}).replace("<", "\\u003c")
