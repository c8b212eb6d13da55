"""Runs of several settings over seeds, side by side, and the table that they end in.

Results of single runs lie in build/evidence/, so that an interrupted call goes on where it stopped.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from workers import environment, n_workers  # noqa: E402

RUNS = ROOT / "build" / "evidence"


def kept(name: str, compute: Callable[[], Any]) -> Any:
    """The result of an earlier run of this name, or a new one, which is stored."""
    file = RUNS / f"{name.replace(' ', '-').replace(',', '')}.json"
    if not file.exists():
        result = compute()
        RUNS.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def write_table(
    description: str | None,
    run: Callable[[str, int], Any],
    settings: list[str],
    seeds: int,
    table: Callable[[dict[tuple[str, int], Any]], list[str]],
    report: str,
) -> None:
    """Run each setting with each seed, and put the table below the introduction of docs/report."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--jobs", type=int, default=n_workers())
    options = parser.parse_args()
    jobs = [(setting, seed) for seed in range(options.seeds) for setting in settings]
    os.environ.update(environment(options.jobs))
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        found = list(tqdm(pool.map(run, *zip(*jobs)), total=len(jobs), unit="run"))
    file = ROOT / "docs" / report
    intro = file.read_text(encoding="utf-8").split("\nSeeds: ")[0].rstrip("\n")
    text = "\n".join([intro, "", f"Seeds: {options.seeds}", "", *table(dict(zip(jobs, found)))])
    file.write_text(text + "\n", encoding="utf-8")
    print(text)
