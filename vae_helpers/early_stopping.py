"""Early stopping: images held out of training say which epoch was best, and when to stop."""

import copy
from typing import Any

import torch
from torch import Tensor

from .history import History


def hold_out(images: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Split images at random into a part to train on and a held-out part, at least one in each.

    Args:
        images: (N, C, H, W), two or more.
        fraction: share of the held-out part, within (0, 1).
    """
    n_held_out = min(len(images) - 1, max(1, round(fraction * len(images))))
    order = torch.randperm(len(images))
    return images[order[n_held_out:]], images[order[:n_held_out]]


class EarlyStopping:
    """Remembers the weights of the best epoch, and says when to stop waiting for a better one.

    Args:
        patience: epochs without improvement after which to stop.
        start_epoch: first epoch that may count as best.

    Source: Prechelt (1998), "Early stopping - but when?".
    """

    def __init__(self, patience: int, start_epoch: int) -> None:
        self.patience, self.start_epoch = patience, start_epoch
        self.best_state: dict[str, Any] | None = None

    def should_stop(self, history: History, model: Any) -> bool:
        """Look at the newest validation loss; of equals, the last one is the best."""
        losses, epoch = history.validation_loss, len(history.validation_loss)
        if epoch >= self.start_epoch and losses[-1] <= min(losses[self.start_epoch - 1 :]):
            history.best_epoch = epoch
            self.best_state = copy.deepcopy(model.state_dict())
        if history.best_epoch is None or epoch - history.best_epoch < self.patience:
            return False
        history.note = f"stopped early: no better epoch in the last {self.patience}"
        return True

    def restore_best(self, model: Any) -> None:
        """Give the model the weights of the best epoch, if there was one."""
        if self.best_state is not None:
            model.load_state_dict(self.best_state)
