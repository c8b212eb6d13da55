"""How many notebooks or test files run side by side, and the cores that each may use."""

import os

import psutil

BYTES_EACH = 3.2 * 2**30  # what a notebook needs at its peak


def n_cores() -> int:
    """Cores this process may use: fewer than the machine has in some containers."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def n_workers() -> int:
    """One worker a core, unless memory is short: PyTorch gains little from a second thread."""
    return max(1, min(n_cores(), int(psutil.virtual_memory().available // BYTES_EACH)))


def environment(workers: int) -> dict[str, str]:
    """Environment of a worker: its share of the cores, unless the user has set one."""
    share = str(max(1, n_cores() // workers))
    # An empty value is no wish: PyTorch would take all cores for each worker.
    return {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or share}
