"""What each part of the one-cycle schedule is worth: five recipes of ten epochs, over seeds.

Results of single runs lie in build/evidence/, so that an interrupted call goes on where it
stopped. Writes the table of docs/recipes.md; a run takes half a minute on one thread.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from tqdm import tqdm

import vae_helpers as vh

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from workers import environment, n_workers  # noqa: E402

RUNS = ROOT / "build" / "evidence"
RECIPES: dict[str, tuple[float, str]] = {
    "constant 0.001": (1e-3, "constant"),
    "constant 0.003": (3e-3, "constant"),
    "falling from 0.001": (1e-3, "linear-decay"),
    "falling from 0.003": (3e-3, "linear-decay"),
    "one-cycle": (3e-3, "one-cycle"),
}


def run(recipe: str, seed: int) -> float:
    """The test loss of a recipe."""
    file = RUNS / f"recipe-{recipe.replace(' ', '-')}-{seed}.json"
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    train, test = (vh.binarize(vh.load_mnist(train=part)[0]) for part in (True, False))
    rate, schedule = RECIPES[recipe]
    torch.manual_seed(seed)
    model = vh.VAE()
    vh.fit(model, train, epochs=10, lr=rate, schedule=schedule, seed=seed, progress=False)
    loss = vh.evaluate(model, test).loss
    RUNS.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(loss), encoding="utf-8")
    return loss


def table(losses: dict[tuple[str, int], float]) -> list[str]:
    """A row a recipe: the range of the loss, and of what it gains on the published recipe."""
    seeds = sorted({seed for _, seed in losses})
    lines = ["| recipe | test loss | below constant 0.001, seed by seed |", "|---|---|---|"]
    for recipe in RECIPES:
        own = [losses[recipe, seed] for seed in seeds]
        gains = [losses["constant 0.001", seed] - losses[recipe, seed] for seed in seeds]
        cells = [f"{min(v):.2f} to {max(v):.2f}" for v in (own, gains)]
        lines.append(f"| {recipe} | {cells[0]} | {cells[1]} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=n_workers())
    options = parser.parse_args()
    jobs = [(recipe, seed) for seed in range(options.seeds) for recipe in RECIPES]
    os.environ.update(environment(options.jobs))
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        found = list(tqdm(pool.map(run, *zip(*jobs)), total=len(jobs), unit="run"))
    file = ROOT / "docs" / "recipes.md"
    intro = file.read_text(encoding="utf-8").split("\nSeeds: ")[0].rstrip("\n")
    text = "\n".join([intro, "", f"Seeds: {options.seeds}", "", *table(dict(zip(jobs, found)))])
    file.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
