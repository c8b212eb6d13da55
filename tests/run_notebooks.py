"""Execute the notebooks top to bottom; write HTML pages and GIFs to build/.

With --in-place the notebooks themselves get the new outputs, for a maintainer to commit.
"""

import argparse
import base64
import html
import re
import sys
import time
from pathlib import Path

import nbformat
import ziamath
from jinja2 import DictLoader
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
TABLE_HEAD = "| what | published | here |\n|---|---|---|\n"
# A page must be readable with no network: no MathJax, RequireJS or Mermaid from a server. And the
# library's template drops the alternative text of pictures, and GIFs altogether.
PICTURES = ["image/gif", "image/png"]
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block codecell -%}
{%- if 'solution' in cell.metadata.get('tags', []) -%}
<details class="solution"><summary>Solution</summary>{{ super() }}</details>
{%- else -%}{{ super() }}{%- endif -%}
{%- endblock codecell -%}
{%- macro picture(output, type) -%}
<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}">
<img src="data:{{ type }};base64,{{ output.data[type] | escape_html }}"
 alt="{{ output | get_metadata('alt', type) | escape_html }}">
</div>
{%- endmacro -%}
{%- block data_png scoped -%}{{ picture(output, 'image/png') }}{%- endblock data_png -%}
{%- block data_other scoped -%}{{ picture(output, 'image/gif') }}{%- endblock data_other -%}
{%- block html_head_css -%}{{ super() }}
<style>
  .formula { display: block; text-align: center; margin: 0.8em 0; }
  .solution summary { cursor: pointer; font-family: sans-serif; margin: 0.5em 0; }
  .jp-RenderedHTMLCommon table { font-variant-numeric: tabular-nums; }
  /* On paper, the stills after each animation stand for it. */
  @media print { img[src^="data:image/gif"] { display: none; } }
</style>
{%- endblock -%}
"""


class MathRenderer(IPythonRenderer):
    """Draws formulas as SVG, so that a page shows them alike in every browser, with no script."""

    def inline_math(self, body: str) -> str:
        return svg_formula(html.unescape(body), inline=True)

    def block_math(self, body: str) -> str:
        return f"<span class='formula'>{svg_formula(html.unescape(body), inline=False)}</span>"


def svg_formula(latex: str, inline: bool) -> str:
    formula = ziamath.Latex(latex.strip(), size=16, inline=inline)
    attributes = (
        f'role="img" aria-label="{html.escape(latex.strip())}" '
        f'style="vertical-align:{formula.getyofst():.2f}px" '
    )
    return formula.svg().replace("<svg ", f"<svg {attributes}", 1)


def to_html(notebook: nbformat.NotebookNode, title: str) -> str:
    exporter = HTMLExporter(
        template_file="page.html.j2", extra_loaders=[DictLoader({"page.html.j2": TEMPLATE})]
    )
    exporter.register_filter(
        "markdown2html", lambda text: MarkdownWithMath(MathRenderer(escape=False)).render(text)
    )
    texts = ["text/html", "text/markdown", "text/plain"]
    exporter.config.NbConvertBase.display_data_priority = [*PICTURES, *texts]
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    return page


def failure(notebook: nbformat.NotebookNode, error: Exception) -> str:
    """Where it broke, in one line: the number of the cell, its first line, the error."""
    for number, cell in reversed(list(enumerate(notebook.cells, start=1))):
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()[-1]
            return f"cell {number} ({cell.source.splitlines()[0]!r}): {reason}"
    return repr(error)


def execute(path: Path, notebook: nbformat.NotebookNode | None = None) -> nbformat.NotebookNode:
    """Run a notebook in its folder, in place; each cell's metadata tell when it began and ended."""
    notebook = nbformat.read(path, as_version=4) if notebook is None else notebook
    here = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=None, resources=here)
    client.extra_arguments = ["--log-level=ERROR"]
    client.execute()
    return notebook


def strip(notebook: nbformat.NotebookNode) -> None:
    """Drop what differs from run to run or is empty, and so tells a reader nothing."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":  # a progress bar that is done leaves an output without data
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]
        for output in cell.get("outputs", []):  # a stored widget is dead: its picture stays
            if "image/png" in output.get("data", {}):
                output.data.pop("application/vnd.jupyter.widget-view+json", None)


def write_gifs(notebook: nbformat.NotebookNode, stem: str) -> None:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    gifs = [o.data["image/gif"] for o in outputs if "image/gif" in o.get("data", {})]
    for i, gif in enumerate(gifs, start=1):
        (BUILD / f"{stem}_{i}.gif").write_bytes(base64.b64decode(gif))


def tagged_outputs(paths: list[Path], tag: str) -> list[nbformat.NotebookNode]:
    cells = [cell for path in paths for cell in nbformat.read(path, as_version=4).cells]
    return [o for cell in cells if tag in cell.metadata.get("tags", []) for o in cell.outputs]


def published_rows(paths: list[Path]) -> list[str]:
    """The rows of the table "published / here" that the notebooks print."""
    texts = [output.get("text", "") for output in tagged_outputs(paths, "readme-table")]
    return [line for line in "".join(texts).splitlines() if line.startswith("| ")]


def update_readme(paths: list[Path]) -> None:
    """Bring the table and the picture of the README up to date with the notebooks."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(TABLE_HEAD)
    after = rest[rest.index("\n\n") :]
    table = "\n".join(published_rows(paths))
    readme.write_text(before + TABLE_HEAD + table + after, encoding="utf-8")
    for output in tagged_outputs(paths, "readme-picture"):
        picture = base64.b64decode(output.data["image/png"])
        (ROOT / "notebooks" / "overview.png").write_bytes(picture)


def notebooks_named(names: list[str]) -> list[Path]:
    """The notebooks whose names contain one of these, in order; all of them if there are none."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return [p for p in paths if not names or any(name in p.stem for name in names)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="notebooks (part of the name); default: all")
    parser.add_argument("--in-place", action="store_true", help="store the outputs, too")
    options = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    paths = notebooks_named(options.names)
    failed = False
    for path in paths:
        print(f"{path.name} ...", end=" ", flush=True)
        start = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        try:
            execute(path, notebook)
        except (CellExecutionError, DeadKernelError) as error:
            print(f"FAILED\n{path.name}, {failure(notebook, error)}", flush=True)
            failed = True
            continue
        strip(notebook)
        (BUILD / f"{path.stem}.html").write_text(to_html(notebook, path.stem), encoding="utf-8")
        write_gifs(notebook, path.stem)
        if options.in_place:
            nbformat.write(notebook, path)
        print(f"{time.perf_counter() - start:.0f} s, build/{path.stem}.html", flush=True)
    if options.in_place:
        update_readme(notebooks_named([]))
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
