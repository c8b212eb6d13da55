"""A browser for the widgets: a page on the disk that shows them, and the means to ask it."""

import base64
import json
import shutil
import warnings
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
OPTIONS = [
    "--no-sandbox",  # refused for root without it; the pages are our own
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]


def skip_loudly_without_a_browser():
    if BROWSER is None:
        message = f"NO BROWSER: nothing was tried in one; install one of {', '.join(NAMES)}"
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


# What stands in for a kernel: the state, and a list of what the widget reported.
SHIM = """
function shim(state, buffers) {
  const listeners = {};
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  for (const [name, text] of Object.entries(buffers)) state[name] = bytes(text);
  return {
    saved: 0,
    get: (name) => state[name],
    set(name, value) { state[name] = value; },
    save_changes() { this.saved++; },
    on(name, callback) { (listeners[name] ??= new Set()).add(callback); },
    off(name, callback) { listeners[name]?.delete(callback); },
    send() {},
    listeners,
    fromPython(name, value) {
      state[name] = value;
      listeners[`change:${name}`]?.forEach((callback) => callback());
    },
  };
}
async function load(source) {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  return import(url);
}
"""


def _state(widget):
    """What a front end is given: values for JSON, and bytes apart, as text."""
    names = [name for name in widget.keys if not name.startswith("_")]
    state = widget.get_state([n for n in names if n not in ("layout", "tabbable", "tooltip")])
    buffers = {k: bytes(v) for k, v in state.items() if isinstance(v, bytes | memoryview)}
    values = {k: v for k, v in state.items() if k not in buffers}
    return values, {k: base64.b64encode(v).decode() for k, v in buffers.items()}


def page_of(*widgets):
    """An HTML page with these widgets, which needs nothing but itself.

    Its script leaves `models`, `roots` and `ends` (what render returned), and sets `ready`.
    """
    parts = []
    for widget in widgets:
        values, buffers = _state(widget)
        source = json.dumps(widget._esm).replace("</", "<\\/")
        parts.append(f"""
          {{
            const el = document.body.appendChild(document.createElement("div"));
            const model = shim({json.dumps(values)}, {json.dumps(buffers)});
            const started = performance.now();
            const module = await load({source});
            models.push(model);
            ends.push(await module.default.render({{ model, el }}));
            roots.push(el);
            started_at.push(started);
          }}""")
    style = "\n".join(dict.fromkeys(widget._css for widget in widgets))
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <link rel="icon" href="data:,"><title>widgets</title>
      <style>{style}
      body {{ margin: 8px; background: Canvas; color-scheme: light dark; }}</style></head><body>
      <script>{SHIM}</script><script type="module">
      Object.assign(window, {{ models: [], roots: [], ends: [], started_at: [], ready: false }});
      {"".join(parts)}
      window.ready = true;
      </script></body></html>"""


def exporting(widget, names):
    """The widget's own script, from which a test can import more than `render`."""
    return f"{widget._esm}\nexport {{ {names} }};"
