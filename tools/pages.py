"""A notebook as an HTML page that opens from the disk, in any browser, with no network."""

import html
from pathlib import Path

import nbformat
import ziamath
from jinja2 import FileSystemLoader
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

HERE = Path(__file__).parent
PICTURES = ["image/gif", "image/png"]


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
        template_file="page.html.j2", extra_loaders=[FileSystemLoader(HERE, encoding="utf-8")]
    )
    exporter.register_filter(
        "markdown2html", lambda text: MarkdownWithMath(MathRenderer(escape=False)).render(text)
    )
    texts = ["text/html", "text/markdown", "text/plain"]
    exporter.config.NbConvertBase.display_data_priority = [*PICTURES, *texts]
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    style = (HERE / "page.css").read_text(encoding="utf-8")
    page, _ = exporter.from_notebook_node(
        notebook, {"metadata": {"name": title}, "own_style": style}
    )
    return page
