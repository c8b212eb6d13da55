"""What each part of the one-cycle schedule is worth: five recipes of ten epochs, over seeds.

Writes the table of docs/recipes.md; a run takes half a minute on one thread.
"""

from functools import partial

import torch
from over_seeds import kept, write_table

import vae_helpers as vh

RECIPES: dict[str, tuple[float, str]] = {
    "constant 0.001": (1e-3, "constant"),
    "constant 0.003": (3e-3, "constant"),
    "falling from 0.001": (1e-3, "linear-decay"),
    "falling from 0.003": (3e-3, "linear-decay"),
    "one-cycle": (3e-3, "one-cycle"),
}


def train(recipe: str, seed: int) -> float:
    """The test loss of a recipe."""
    images, test = (vh.binarize(vh.load_mnist(train=part)[0]) for part in (True, False))
    rate, schedule = RECIPES[recipe]
    torch.manual_seed(seed)
    model = vh.VAE()
    vh.fit(model, images, epochs=10, lr=rate, schedule=schedule, seed=seed, progress=False)
    return vh.evaluate(model, test).loss


def run(recipe: str, seed: int) -> float:
    return kept(f"recipe-{recipe}-{seed}", partial(train, recipe, seed))


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


if __name__ == "__main__":
    write_table(__doc__, run, list(RECIPES), 5, table, "recipes.md")
