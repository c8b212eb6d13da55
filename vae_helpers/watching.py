"""What goes on around each training step: bar, callback, Ctrl-C, a look at the loss."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from .runtime import device_of, evaluating, forked_rng


def watched_steps(
    loader: Any,
    epoch: int,
    bar: Any,
    call_back: Callable[[int], None],
    interrupt: threading.Event,
) -> Iterator[tuple[int, Tensor]]:
    """Yield (i, batch), i from 1; after each step move the bar, call back, and obey Ctrl-C."""
    for i, (x,) in enumerate(loader, start=1):
        yield i, x
        bar.update()
        call_back((epoch - 1) * len(loader) + i)
        if interrupt.is_set():
            return


def call_back_if_due(
    callback: Callable[[int, Any], None] | None, every: int, last: int, model: Any, step: int
) -> None:
    """Call `callback` if it is due, in evaluation mode, and hide what it draws at random."""
    if callback is not None and (step % every == 0 or step == last):
        with evaluating(model), forked_rng(None, device_of(model)):
            callback(step, model)


def check_loss(loss: Tensor, epoch: int, i: int, n: int, optimizer: torch.optim.Optimizer) -> None:
    """Raise if there is no gradient to follow, or if the loss is no finite number.

    Reading a value makes the host wait for a GPU, so there only every 50th loss is looked at.
    """
    if not loss.requires_grad:
        raise ValueError(
            "the loss does not depend on any weight that is to be trained: loss_terms must compute "
            "it without .detach(), .item(), numpy or torch.no_grad(), from weights not frozen"
        )
    if (loss.is_cpu or i % 50 == 0 or i == n) and not torch.isfinite(loss):
        lr = optimizer.param_groups[0]["lr"]
        raise FloatingPointError(
            f"the loss is {loss.item()} in epoch {epoch}, step {i}. Likely causes: a learning "
            f"rate that is too high (now {lr:.2g}; try a tenth), the exp() of a large logvar, "
            f"or a log(0) in a loss of your own (work on logits)."
        )
