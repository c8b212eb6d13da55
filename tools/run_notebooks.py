"""Execute the notebooks top to bottom, side by side; write a book of HTML pages to build/.

With --in-place the notebooks themselves get the new outputs, for a maintainer to commit.
"""

import argparse
import base64
import os
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from queue import Queue

import book
import nbformat
from live_page import VIEW
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm
from workers import environment, n_workers

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
TABLE_HEAD = "| what | published | here |\n|---|---|---|\n"


def failure(notebook: nbformat.NotebookNode, error: Exception) -> str:
    """Where it broke, in one line: the number of the cell, its first line, the error."""
    for number, cell in reversed(list(enumerate(notebook.cells, start=1))):
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()[-1]
            return f"cell {number} ({cell.source.splitlines()[0]!r}): {reason}"
    return repr(error)


def execute_cells(client: NotebookClient, tries: int = 3) -> None:
    """Run a notebook, once more if its kernel died before the first cell.

    Kernels that start at the same moment may pick the same port, and the slower one dies of it.
    """
    for left in reversed(range(tries)):
        try:
            client.execute()
            return
        except RuntimeError:
            has_begun = any("execution" in cell.metadata for cell in client.nb.cells)
            if has_begun or not left:
                raise


def execute(
    path: Path, progress: Callable[[int], None] = lambda n: None
) -> tuple[nbformat.NotebookNode, float, str]:
    """Run a notebook in its folder; return it with its outputs, the seconds, and what went wrong.

    `progress` hears how many code cells are done. The cells' metadata tell when each ran.
    """
    notebook, done, start = nbformat.read(path, as_version=4), count(1), time.perf_counter()
    client = NotebookClient(
        notebook,
        timeout=None,
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,  # what a cell prints is one block, with pauses or without
        store_widget_state=True,  # the pages wake the widgets from it
        on_cell_executed=lambda **_: progress(next(done)),
    )
    client.extra_arguments = ["--log-level=ERROR"]
    progress(0)
    try:
        execute_cells(client)
    except (CellExecutionError, RuntimeError) as error:
        return notebook, time.perf_counter() - start, failure(notebook, error)
    return notebook, time.perf_counter() - start, ""


def execute_and_report(path: Path, messages: Queue) -> tuple[nbformat.NotebookNode, float, str]:
    return execute(path, lambda n: messages.put((path.stem, n)))


def drop_empty(notebook: nbformat.NotebookNode) -> None:
    """Drop outputs without data: a progress bar that is done leaves one."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]


def strip(notebook: nbformat.NotebookNode) -> None:
    """Drop what differs from run to run or is empty, and so tells a reader nothing."""
    drop_empty(notebook)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):  # a stored widget is dead: its picture stays
            output.get("data", {}).pop(VIEW, None)


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


def published_table(paths: list[Path]) -> str:
    return TABLE_HEAD + "\n".join(published_rows(paths))


def update_readme(paths: list[Path]) -> None:
    """Bring the table and the picture of the README up to date with the notebooks."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(TABLE_HEAD)
    after = rest[rest.index("\n\n") :]
    readme.write_text(before + published_table(paths) + after, encoding="utf-8")
    for output in tagged_outputs(paths, "readme-picture"):
        picture = base64.b64decode(output.data["image/png"])
        (ROOT / "docs" / "overview.png").write_bytes(picture)


def notebooks_named(names: list[str]) -> list[Path]:
    """The notebooks whose names contain one of these, in order; all of them if there are none."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return [p for p in paths if not names or any(name in p.stem for name in names)]


def finish(path: Path, notebook: nbformat.NotebookNode, in_place: bool) -> str:
    """Store what a notebook gave: a page, its GIFs, and with `in_place` the outputs.

    Returns what is wrong with the page, or an empty string.
    """
    paths = notebooks_named([])
    drop_empty(notebook)
    page = book.page(notebook, path, paths)  # before the widgets' states are dropped
    strip(notebook)
    (BUILD / f"{path.stem}.html").write_text(page, encoding="utf-8")
    write_gifs(notebook, path.stem)
    if in_place:
        nbformat.write(notebook, path)
    book.bind(BUILD, paths, published_table(paths))
    return book.too_heavy(page)


class Bars:
    """What runs, and how far it is: a bar each on a terminal, elsewhere a line at the start."""

    def __init__(self, paths: list[Path], messages: Queue) -> None:
        self.paths, self.messages = {path.stem: path for path in paths}, messages
        self.bars: dict[str, tqdm] = {}

    def update(self) -> None:
        while not self.messages.empty():
            stem, done = self.messages.get()
            if stem not in self.bars:
                cells = nbformat.read(self.paths[stem], as_version=4).cells
                total = sum(cell.cell_type == "code" for cell in cells)
                self.bars[stem] = tqdm(total=total, desc=stem, unit="cell", disable=None)
                if self.bars[stem].disable:
                    print(f"{stem}.ipynb ...", flush=True)
            self.bars[stem].n = done
        for bar in self.bars.values():
            bar.refresh()  # the clock goes on, too

    def close(self, path: Path, text: str) -> None:
        self.update()
        if path.stem in self.bars:
            bar = self.bars.pop(path.stem)
            bar.leave = False
            bar.close()
        tqdm.write(text, file=sys.stdout)
        sys.stdout.flush()


def run_side_by_side(paths: list[Path], in_place: bool) -> bool:
    """Execute the notebooks, each in a process with its share of the cores; True if all is well."""
    workers = min(len(paths), n_workers())
    print(f"{len(paths)} notebooks, {workers} at a time", flush=True)
    os.environ.update(environment(workers))
    succeeded, spawn = True, get_context("spawn")
    with spawn.Manager() as manager, ProcessPoolExecutor(workers, spawn) as pool:
        messages = manager.Queue()
        bars = Bars(paths, messages)
        running = {pool.submit(execute_and_report, path, messages): path for path in paths}
        try:
            while running:
                done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                bars.update()
                for future in done:
                    path = running.pop(future)
                    notebook, seconds, wrong = future.result()
                    if wrong:
                        succeeded = False
                        bars.close(path, f"{path.name} FAILED after {seconds:.0f} s, {wrong}")
                        continue
                    warning = finish(path, notebook, in_place)
                    told = f"{path.name}: {seconds:.0f} s, build/{path.stem}.html"
                    bars.close(path, f"{told} IS TOO HEAVY, {warning}" if warning else told)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return succeeded


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="notebooks (part of the name); default: all")
    parser.add_argument("--in-place", action="store_true", help="store the outputs, too")
    options = parser.parse_args()
    BUILD.mkdir(exist_ok=True)
    paths = notebooks_named(options.names)
    if not paths:
        print(f"no notebook's name contains {' or '.join(options.names) or 'anything'}")
        return 1
    try:
        succeeded = run_side_by_side(paths, options.in_place)
    except KeyboardInterrupt:
        print("stopped: what had finished is stored", flush=True)
        return 130
    if options.in_place:
        update_readme(notebooks_named([]))
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
