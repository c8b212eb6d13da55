"""How many notebooks or test files run side by side, and the cores that each may use."""

import os

import psutil

BYTES_EACH = 3.2 * 2**30  # what a notebook needs at its peak
# Training frees and takes the same large blocks at every step. By default the C library of Linux
# gives them back to the system each time; kept, a step is up to a tenth faster. Others ignore it.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
    "MALLOC_TOP_PAD_": str(2**26),
}


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
    threads = os.environ.get("OMP_NUM_THREADS") or share
    return {**KEEP_MEMORY, **os.environ, "OMP_NUM_THREADS": threads}
