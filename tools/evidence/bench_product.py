"""How long the rest takes: loading, importing, a GIF, and the notebooks cell by cell."""

import io
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import imageio.v3 as iio
import matplotlib.pyplot as plt
import nbformat
import torch
import torchvision
from bench_training import rounds, seconds, spread, table
from raw_mnist import write_raw_mnist
from tqdm import tqdm

import vae_helpers as vh

sys.path.insert(0, str(Path(__file__).parents[1]))
from run_notebooks import execute, notebooks_named
from workers import environment, n_workers

N_FRAMES = 20


def pairs(folder: Path) -> None:
    """Ours against the usual way, in turn."""
    model, grid = vh.VAE(hidden_dims=(400, 150), latent_dim=2).eval(), vh.inverse_cdf_grid(20)

    @torch.no_grad()
    def frame() -> torch.Tensor:
        return vh.tile_images(model.decode(grid).sigmoid(), columns=20, padding=0)

    def our_gif() -> None:
        vh.write_gif([frame() for _ in range(N_FRAMES)], folder / "ours.gif")

    def usual_gif() -> None:
        frames = []
        for _ in range(N_FRAMES):
            plt.figure(figsize=(5.6, 5.6))
            plt.imshow(frame(), cmap="gray")
            plt.axis("off")
            buffer = io.BytesIO()
            plt.savefig(buffer)
            plt.close()
            frames.append(iio.imread(buffer.getvalue()))
        iio.imwrite(folder / "usual.gif", frames)

    def usual_data() -> None:
        for part in (True, False):
            data = torchvision.datasets.MNIST(folder, train=part)
            data.data.float().div(255)

    def run(code: str) -> float:
        return seconds(subprocess.run, [sys.executable, "-c", code], check=True)

    works = {
        f"GIF of a 20 x 20 grid, a frame (usual: Matplotlib), of {N_FRAMES}": (
            lambda: seconds(our_gif) / N_FRAMES,
            lambda: seconds(usual_gif) / N_FRAMES,
        ),
        "70,000 digits (usual: torchvision, raw files on disk)": (
            lambda: seconds(lambda: [vh.load_mnist(part) for part in (True, False)]),
            lambda: seconds(usual_data),
        ),
        "import vae_helpers (usual: import torch)": (
            lambda: run("import vae_helpers"),
            lambda: run("import torch"),
        ),
    }
    rows = []
    for name, (ours, usual) in works.items():
        times = [(ours(), usual()) for _ in rounds(name)]
        columns = [spread(column, 3) for column in zip(*times)]
        rows.append([name, *columns, spread(a / b for a, b in times)])
    table(["what", "here, s", "usual, s", "here / usual"], *rows)


def cell_seconds(cell: nbformat.NotebookNode) -> float:
    times = cell.metadata.get("execution", {})
    if "shell.execute_reply" not in times:
        return 0.0
    ends = (times["iopub.status.busy"], times["shell.execute_reply"])
    start, end = (datetime.fromisoformat(t.replace("Z", "+00:00")) for t in ends)
    return (end - start).total_seconds()


def notebooks(names: list[str]) -> None:
    """As `make run` does it: side by side, each with its share of the cores."""
    paths = notebooks_named(names)
    workers = min(len(paths), n_workers())
    os.environ.update(environment(workers))
    start, rows = time.perf_counter(), []
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        results = list(tqdm(pool.map(execute, paths), total=len(paths), leave=False))
    whole = time.perf_counter() - start
    for path, (notebook, total, _) in zip(paths, results):
        cells = notebook.cells
        times = sorted(((cell_seconds(c), i) for i, c in enumerate(cells, start=1)), reverse=True)
        rows.append([path.stem, f"{total:.0f}"])
        for t, i in times[:3]:
            lines = [s for s in cells[i - 1].source.splitlines() if not s.startswith("#")]
            rows[-1].append(f"{t / total:.0%} in cell {i}, `{lines[0][:40]}`")
    rows.append([f"all four, {workers} side by side", f"{whole:.0f}", "", "", ""])
    table(["notebook", "seconds", "slowest", "second", "third"], *rows)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_raw_mnist(Path(folder))
        pairs(Path(folder))
    notebooks(sys.argv[1:])


if __name__ == "__main__":
    main()
