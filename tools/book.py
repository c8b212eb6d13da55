"""The pages of the notebooks as a small book: an index, and the way from one to the next."""

import base64
import html
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import reading_time
from jinja2 import Environment, FileSystemLoader
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from pages import HERE, PageRenderer, chapter_link, frame, to_html

ROOT = Path(__file__).parents[1]
LIMIT = 6_000_000  # bytes a page


@dataclass
class Chapter:
    """What the index tells of a notebook. README's table knows most; else it is measured."""

    stem: str
    title: str
    need: str  # as its opening cell tells
    learn: str
    to_read: str  # minutes
    to_run: str
    built: bool


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    """A section of the README, without its heading."""
    return re.search(rf"^## {name}\n+(.*?)(?=^## |\Z)", readme(), re.DOTALL | re.MULTILINE)[1]


def chapter(path: Path, folder: Path) -> Chapter:
    notebook = nbformat.read(path, as_version=4)
    opening = notebook.cells[0].source
    title = re.search(r"^# (.+)$", opening, re.MULTILINE)
    need = re.search(r"\*\*What you need\*\*: (.+)", opening)
    row = re.search(rf"^\| \[.*{path.stem}\.ipynb\) \|(.*)\|$", readme(), re.MULTILINE)
    told = [text.strip().removesuffix(" min") for text in row[1].split("|")] if row else []
    learn, to_read, to_run = told or ["", f"{reading_time.minutes(notebook):.0f}", ""]
    return Chapter(
        stem=path.stem,
        title=title[1] if title else path.stem,
        need=need[1] if need else "",
        learn=learn,
        to_read=to_read,
        to_run=to_run,
        built=(folder / f"{path.stem}.html").exists(),
    )


def ways(paths: list[Path], path: Path) -> str:
    """Links to the chapter before this one, to the index and to the next one."""
    titles = {p.stem: html.escape(chapter(p, p.parent).title) for p in paths}
    stems, i = list(titles), paths.index(path)
    before, after = stems[:i][-1:], stems[i + 1 :][:1]

    def link(stems: list[str], word: str, attributes: str) -> str:
        return "".join(chapter_link(s, f"{word}: {titles[s]}", attributes) for s in stems)

    links = [link(before, "Previous", 'rel="prev" '), '<a href="index.html">All notebooks</a>']
    return "".join(f"<span>{a}</span>" for a in [*links, link(after, "Next", 'rel="next" ')])


def page(notebook: nbformat.NotebookNode, path: Path, paths: list[Path]) -> str:
    """A notebook's page, with its ways to the others; `bind` makes the links right."""
    return to_html(notebook, path.stem, ways(paths, path))


def index(chapters: list[Chapter], table: str) -> str:
    """The first page; `table` is the table "published / here", as Markdown."""
    top = re.search(r"\A# (.+?)\n+(.*?)\n+!\[(.+?)\]\((.+?)\)", readme(), re.DOTALL)
    title, what, cover_title, cover = top.groups()
    lines = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
    published = lines.sub(lambda _: table + "\n", section("Published and here"))
    to_read = sum(int(c.to_read) for c in chapters)
    text = (
        Environment(loader=FileSystemLoader(HERE, encoding="utf-8"))
        .get_template("index.md.j2")
        .render(
            title=title,
            what=what,
            cover_title=html.escape(cover_title),
            cover=base64.b64encode((ROOT / cover).read_bytes()).decode(),
            chapters=chapters,
            time_to_read=f"{to_read // 60} h {to_read % 60} min"
            if to_read >= 60
            else f"{to_read} min",
            time_to_run=sum(int(c.to_run or 0) for c in chapters),
            note=re.search(r"^Times to run .+$", section("The notebooks"), re.MULTILINE)[0],
            published=published,
            licences=section("Licences"),
        )
    )
    body = MarkdownWithMath(PageRenderer()).render(text)
    return frame(f'<div class="prose">{body}</div>', title)


def bind(folder: Path, paths: list[Path], table: str) -> None:
    """Write the index, and let the links to chapters lead to pages that are there.

    Chapters are built in any order, or only some: to others, the index tells what they will hold.
    """
    chapters = [chapter(path, folder) for path in paths]
    (folder / "index.html").write_text(index(chapters, table), encoding="utf-8")
    there = {c.stem for c in chapters if c.built}

    def lead(link: re.Match) -> str:
        target = f"{link[2]}.html" if link[2] in there else f"index.html#{link[2]}"
        return f"{link[1]}{target}{link[3]}"

    for stem in there:
        file = folder / f"{stem}.html"
        text = file.read_text(encoding="utf-8")
        bound = re.sub(r'(data-chapter="([^"]+)" href=")[^"]*(")', lead, text)
        file.write_text(bound, encoding="utf-8")


def too_heavy(page: str) -> str:
    """Where the weight of a page lies, if it has more than it may have; else an empty string."""
    if len(page.encode()) <= LIMIT:
        return ""
    pictures = sum(map(len, re.findall(r'"data:image[^"]*"', page)))
    widgets = sum(map(len, re.findall(r'<script type="application/json".*?</script>', page)))
    return (
        f"{len(page) / 1e6:.1f} MB, more than {LIMIT / 1e6:.0f}: "
        f"pictures {pictures / 1e6:.1f}, widgets {widgets / 1e6:.1f}"
    )
