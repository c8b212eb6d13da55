"""Judge the notebooks that students handed in: a table on the screen, and build/grades.csv.

Each exercise is solved, not tried, wrong (with its hint) or missing. What is judged are the
functions, run again in processes of their own; stored outputs and texts count for nothing.
docs/TEACHING.md says how, and how far it is safe to run students' code.
"""

import argparse
import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import psutil
from grading.notebooks import project_notebooks
from grading.report import Row, save, spreadsheet, table
from tqdm import tqdm
from workers import environment, n_workers

ROOT = Path(__file__).parents[1]
LARGEST = 100 * 2**20  # bytes of a notebook
MARGIN = 600  # seconds that a judge may take for an exercise beyond the function's own


class Judge:
    """A process that judges one notebook after the other."""

    def __init__(self, seconds: float, memory: float, workers: int) -> None:
        paths = [str(ROOT / "tools"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        how = [f"--seconds={seconds}", f"--memory={memory}"]
        self.seconds = seconds
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "grading.judge", *how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            env={**environment(workers), "PYTHONPATH": os.pathsep.join(paths), "VAE_SMOKE": "0"},
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for this process, which stops the others
        )

    def judge(self, text: str) -> Iterator[dict]:
        """What the judge reports about a notebook, piece by piece; EOFError if it breaks down."""
        with contextlib.suppress(OSError, ValueError):  # its answer, or rather none, will tell
            self.process.stdin.write(json.dumps({"text": text}) + "\n")
            self.process.stdin.flush()
        while True:
            clock = threading.Timer(self.seconds + MARGIN, self.stop)
            clock.start()
            line = ""
            with contextlib.suppress(ValueError):  # stopped, and its streams closed
                line = self.process.stdout.readline()
            clock.cancel()
            if not line:
                raise EOFError(f"the judge broke down ({self.last_words()})")
            message = json.loads(line)
            if "done" in message:
                return
            if "ready" not in message:
                yield message

    def last_words(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            self.complaints.seek(0)
            said = self.complaints.read().decode(errors="replace").strip().splitlines()
            return said[-1] if said else "without a word"
        return "stopped"

    def stop(self) -> None:
        """End it, and the candidate that it has started."""
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(self.process.pid)
            for process in (*family.children(recursive=True), family):
                with contextlib.suppress(psutil.Error):
                    process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.complaints):
            with contextlib.suppress(OSError, ValueError):
                stream.close()


def student_of(file: Path, stem: str) -> str:
    """The folder that a file lies in, else its name, less that of the project's notebook."""
    if len(file.parts) > 1:
        return file.parts[0]
    name = unicodedata.normalize("NFC", file.stem)
    return (name.replace(stem, "").strip(" _-") if stem else "") or name


def handed_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """Notebooks below a folder, and other files, without those that programs leave there."""
    files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    files = [p for p in files if not any(part[0] in "._" for part in p.parts)]
    notebooks = [p for p in files if p.suffix.lower() == ".ipynb"]
    return notebooks, [p for p in files if p not in notebooks]


def text_of(path: Path) -> str:
    """What is in a file, read before any student's code runs; ValueError says why not."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"not read: more than {LARGEST // 2**20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("damaged, no notebook (not UTF-8)") from None
    except OSError as error:
        raise ValueError(f"not read: {error.strerror}") from None


class Judges:
    """As many judges as may work side by side; each is started when it is needed."""

    def __init__(self, seconds: float, memory: float, workers: int) -> None:
        self.how = seconds, memory, workers
        self.free: queue.Queue[Judge | None] = queue.Queue()
        self.started: list[Judge] = []
        self.closed, self.lock = False, threading.Lock()
        for _ in range(workers):
            self.free.put(None)

    def fill(self, row: Row, text: str, hear: Callable[[str], None]) -> None:
        """Judge a notebook. A judge that breaks down is replaced for the next one."""
        judge = self.free.get()
        try:
            with self.lock:
                if self.closed:
                    raise EOFError("stopped")
                if judge is None:
                    judge = Judge(*self.how)
                    self.started.append(judge)
            for message in judge.judge(text):
                if "problem" in message:
                    row.problem = message["problem"]
                elif "notebook" in message:
                    row.notebook = message["notebook"]
                    row.student = student_of(Path(row.file), row.notebook)
                else:
                    row.verdicts[message["exercise"]] = message["state"], message["hint"]
                    hear(f"{row.student}: {message['exercise']}")
        except EOFError as error:
            row.problem = f"not judged to the end: {error}"
            judge = None
        finally:
            self.free.put(judge)

    def close(self) -> None:
        with self.lock:
            self.closed = True
            for judge in self.started:
                judge.stop()


def grade(texts: dict[Row, str], judges: Judges, finish: Callable[[Row], None]) -> None:
    """Judge notebooks side by side, with a bar; `finish` hears of each that is done."""
    workers = judges.how[2]
    bar = tqdm(total=len(texts), desc="grading", unit="notebook", disable=None, leave=False)
    with bar, ThreadPoolExecutor(workers) as pool:
        running: dict[Future, Row] = {
            pool.submit(judges.fill, row, text, bar.set_postfix_str): row
            for row, text in texts.items()
        }
        try:
            while running:
                done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                bar.refresh()  # the clock goes on, too
                for future in done:
                    row = running.pop(future)
                    future.result()
                    finish(row)
                    bar.update()
                    if bar.disable:
                        print(f"{row.file}: {row.problem or f'{row.solved()} solved'}", flush=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            judges.close()


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the notebooks are, in subfolders or not")
    parser.add_argument("--csv", type=Path, default=ROOT / "build" / "grades.csv")
    parser.add_argument("--seconds", type=float, default=120, help="for an exercise; default: 120")
    parser.add_argument("--memory", type=float, default=2, help="for an exercise, GiB; default: 2")
    options = parser.parse_args(arguments)
    if options.seconds <= 0 or options.memory <= 0:
        parser.error("--seconds and --memory must be positive")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = options_of(arguments)
    if not options.folder.is_dir():
        print(f"{options.folder} is no folder: name the one that has the notebooks handed in")
        return 1
    files, others = handed_in(options.folder)
    if not files:
        print(f"{options.folder} has no notebooks (.ipynb), nor has a folder in it")
        return 1
    rows, texts = [], {}
    for file in files:
        rows.append(Row(str(file), student_of(file, "")))
        try:
            texts[rows[-1]] = text_of(options.folder / file)
        except ValueError as error:
            rows[-1].problem = str(error)
    projects, done = project_notebooks(), [row for row in rows if row.problem]

    def finish(row: Row) -> None:
        done.append(row)
        save(spreadsheet(done, projects), options.csv)

    workers = max(1, min(len(texts), n_workers()))
    print(f"{len(files)} notebooks, {workers} at a time", flush=True)
    stopped = False
    try:
        save(spreadsheet(done, projects), options.csv)
        grade(texts, Judges(options.seconds, options.memory, workers), finish)
    except KeyboardInterrupt:
        stopped = True
        print(f"stopped: {len(done)} of {len(rows)} notebooks are in the report", flush=True)
    except OSError as error:
        print(f"{options.csv} can't be written ({error.strerror}): close it in other programs, or")
        print("name another file with --csv")
        return 1
    print(f"\n{table(done, projects)}\n\n{options.csv}")
    if others:
        names = ", ".join(str(file) for file in others[:5])
        print(f"{len(others)} other files were not looked at: {names}")
    return 130 if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
