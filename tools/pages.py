"""A notebook as an HTML page that opens from the disk, in any browser, with no network."""

import base64
import html
import re
from io import BytesIO
from pathlib import Path

import live_page
import nbformat
import ziamath
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image, UnidentifiedImageError

HERE = Path(__file__).parent
PICTURES = ["image/gif", "image/png"]
SIZE = 18  # of the letters in the formulas, before they are scaled to the text


class PageRenderer(IPythonRenderer):
    """Markdown as HTML: formulas drawn as SVG, with no script, and links that stay in the book."""

    def __init__(self) -> None:
        super().__init__(escape=False)
        self.headings: list[tuple[int, str, Markup]] = []  # level, anchor, text

    def inline_math(self, body: str) -> str:
        return svg_formula(html.unescape(body), inline=True)

    def block_math(self, body: str) -> str:
        return f"<span class='formula'>{svg_formula(html.unescape(body), inline=False)}</span>"

    def heading(self, text: str, level: int, **attributes: object) -> str:
        words = html.unescape(re.sub("<.*?>", "", text)).lower()
        anchor = re.sub(r"\W+", "-", words).strip("-") or "section"
        taken = {"text", *(anchor for _, anchor, _ in self.headings)}  # page.html.j2 has the first
        while anchor in taken:
            anchor += "-again"
        self.headings.append((level, anchor, Markup(text)))
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def table(self, text: str) -> str:
        return f'<div class="wide"><table>\n{text}</table></div>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Another notebook is a chapter; of other files in the project, only the name stays."""
        if re.match(r"https?:|mailto:|#", url):
            return super().link(text, url, title)
        path = Path(url.partition("#")[0])
        return chapter_link(path.stem, text) if path.suffix == ".ipynb" else text


def chapter_link(stem: str, text: str, attributes: str = "") -> str:
    """A link to a chapter; `book.bind` lets it lead to the index while that isn't built."""
    return f'<a {attributes}data-chapter="{stem}" href="{stem}.html">{text}</a>'


def svg_formula(latex: str, inline: bool) -> str:
    """A formula as SVG, in the colour and (by units of em) in the size of the text around it."""
    formula = ziamath.Latex(latex.strip(), size=SIZE, inline=inline, color="currentColor")
    attributes = (
        f'role="img" aria-label="{html.escape(latex.strip())}" '
        f'style="vertical-align:{formula.getyofst() / SIZE:.4f}em" '
    )
    start, rest = formula.svg().split(">", 1)
    start = re.sub(
        r'(width|height)="([\d.]+)"', lambda m: f'{m[1]}="{float(m[2]) / SIZE:.4f}em"', start
    )
    return f"{start}>{rest}".replace("<svg ", f"<svg {attributes}", 1)


def draw_letters_once(page: str) -> str:
    """The formulas bring their letters' outlines along; an outline does for all of them."""
    seen: set[str] = set()

    def first(match: re.Match) -> str:
        known = match[1] in seen
        seen.add(match[1])
        return "" if known else match[0]

    return re.sub(r'<symbol id="([^"]+)".*?</symbol>', first, page, flags=re.DOTALL)


def last_frame(gif: str) -> str:
    """The last picture of a GIF as PNG, both base64; empty if it cannot be read."""
    try:
        with Image.open(BytesIO(base64.b64decode(gif))) as film:
            film.seek(film.n_frames - 1)
            buffer = BytesIO()
            film.convert("P").save(buffer, "png", optimize=True)
    except (UnidentifiedImageError, OSError):
        return ""
    return base64.b64encode(buffer.getvalue()).decode()


def cells(notebook: nbformat.NotebookNode, renderer: PageRenderer) -> str:
    exporter = HTMLExporter(
        template_file="cells.html.j2", extra_loaders=[FileSystemLoader(HERE, encoding="utf-8")]
    )
    models = live_page.models(notebook)
    exporter.register_filter("markdown2html", MarkdownWithMath(renderer).render)
    exporter.register_filter("live_model", lambda output: live_page.live_model(output, models))
    exporter.register_filter("last_frame", last_frame)
    texts = ["text/html", "text/markdown", "text/plain"]
    exporter.config.NbConvertBase.display_data_priority = [*PICTURES, *texts]
    body, _ = exporter.from_notebook_node(notebook)
    return body


def frame(body: str, title: str, **parts: object) -> str:
    """A page around a body. Parts: ways (links to other chapters), headings, live (states)."""
    files = {"style": "page.css", "script": "page.js", "live_script": "live_page.js"}
    own = {name: (HERE / file).read_text(encoding="utf-8") for name, file in files.items()}
    environment = Environment(loader=FileSystemLoader(HERE, encoding="utf-8"), autoescape=True)
    marked = {k: Markup(v) if isinstance(v, str) else v for k, v in {**own, **parts}.items()}
    template = environment.get_template("page.html.j2")
    return template.render(body=Markup(draw_letters_once(body)), title=title, **marked)


def to_html(notebook: nbformat.NotebookNode, title: str, ways: str = "") -> str:
    """The page of a notebook; its widgets live if it has just been executed."""
    renderer = PageRenderer()
    body = cells(notebook, renderer)
    sections = [heading for heading in renderer.headings if heading[0] <= 3]
    title = next((Markup(text).striptags() for level, _, text in renderer.headings), title)
    parts = {"ways": ways, "headings": sections, "live": live_page.states(notebook)}
    return frame(body, title, **parts)
