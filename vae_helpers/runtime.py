"""Seeds, devices, modes, precision, Ctrl-C: what a run depends on besides code and data."""

import itertools
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from .arguments import check_number

SMOKE: bool = os.environ.get("VAE_SMOKE", "0") not in ("", "0")
"""True when the environment variable VAE_SMOKE is set: the notebooks then train briefly."""


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global random numbers (PyTorch's on every device).

    Args:
        seed: an integer from 0 to 2**32 - 1, the range that NumPy takes.

    Raises:
        ValueError: if `seed` is not such an integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer from 0 to 2**32 - 1, got {seed!r}")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from the global state, too
    torch.manual_seed(seed)


def pick_device() -> torch.device:
    """Return the fastest device at hand: CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def device_of(model: nn.Module) -> torch.device:
    """Return where a model's first weight or buffer lies; the CPU if it has neither."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return next((tensor.device for tensor in tensors), torch.device("cpu"))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients for a block, then back to the mode the model was in."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


@contextmanager
def matmul_precision(name: str | None) -> Iterator[None]:
    """Set the precision of float32 matrix products for a block, then back; None: leave it as it is.

    Args:
        name: "highest", "high" or "medium", as in `torch.set_float32_matmul_precision`.
    """
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # set for single backends, by PyTorch's newer switches: they stay
        yield
        return
    if name is not None:
        torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def forked_rng(seed: int | None, device: torch.device) -> Iterator[None]:
    """Run a block on PyTorch random numbers of its own; the caller's state is untouched.

    With `seed` None the block starts from a copy of the caller's state.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        if seed is not None:
            check_number("seed", seed, lambda v: isinstance(v, int), "a whole number or None")
            torch.manual_seed(seed)
        yield


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C in a block into a flag, so that no step is cut in two.

    A second Ctrl-C raises KeyboardInterrupt as usual. Outside the main thread, which alone
    receives signals, the flag just stays unset.
    """
    pressed = threading.Event()

    def on_interrupt(signum: int, frame: Any) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, previous)
