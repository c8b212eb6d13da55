"""One training loop for every model of the series."""

import copy
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from .arguments import check_count, check_images, check_model, check_number
from .data import batches
from .evaluation import evaluate, evaluating
from .history import History
from .progress import progress_bar
from .runtime import deferred_interrupt, forked_rng


def fit(
    model: Any,
    train: Tensor,
    test: Tensor | None = None,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    lr: float = 3e-3,
    schedule: str = "one-cycle",
    beta: float = 1.0,
    seed: int | None = None,
    device: torch.device | str | None = None,
    progress: bool = True,
    callback: Callable[[int, Any], None] | None = None,
    callback_every: int = 100,
    patience: int | None = None,
    start_epoch: int = 1,
    validation_fraction: float = 0.1,
) -> History:
    """Train `model` in place with Adam on mean(reconstruction + beta * KL), in nats per image.

    Ctrl-C ends training after the running step; the weights stay, and the history so far is
    returned. The model is left in evaluation mode.

    Args:
        model: has `image_shape` and `loss_terms(x)`: `Autoencoder`, `VAE`, `ConvVAE` or your own.
        train: images (N, 1, H, W), floating point, in [0, 1].
        test: images to evaluate on after each epoch; never used to choose anything.
        epochs: passes over `train`; with early stopping, at most so many.
        batch_size: images a step.
        lr: Adam's learning rate, the peak of it for "one-cycle".
        schedule: "one-cycle" (rises, then falls to almost zero) or "constant".
        beta: weight of the KL term.
        seed: fixes batch order and noise, and leaves the caller's random state alone. The
            weights were drawn when the model was made: seed that, too.
        device: where to train; the model moves there. Its present device if None.
        progress: show a bar while training.
        callback: called as callback(step, model) before the first step, after every
            `callback_every` steps and after the last, in evaluation mode without gradients; what
            it draws at random does not change the training.
        callback_every: steps between calls.
        patience: stop when the validation loss has not improved for so many epochs, and restore
            the best weights. None trains for all epochs. Goes well with a constant schedule.
        start_epoch: first epoch that may count as best.
        validation_fraction: share of `train` held out at random for early stopping.

    Returns:
        A `History`, one row per finished epoch.

    Raises:
        TypeError, ValueError: if an argument or an image tensor is unusable, before any step.
        FloatingPointError: if the loss becomes infinite or NaN.

    Source: Kingma & Welling (2014), Algorithm 1; one-cycle: Smith & Topin (2018).
    """
    for name, count in {
        "epochs": epochs, "batch_size": batch_size, "callback_every": callback_every,
        "start_epoch": start_epoch, "patience": 1 if patience is None else patience,
    }.items():  # fmt: skip
        check_count(name, count)
    check_number("lr", lr, lambda v: v > 0, "a positive number, such as 1e-3")
    check_number("beta", beta, lambda v: v >= 0, "a number, 0 or more")
    check_number("validation_fraction", validation_fraction, lambda v: 0 < v < 1, "within (0, 1)")
    if schedule not in ("one-cycle", "constant"):
        raise ValueError(f"schedule must be 'one-cycle' or 'constant', got {schedule!r}")
    check_model(model)
    check_images("train", train, model)
    if test is not None:
        check_images("test", test, model)
    if patience is not None and len(train) < 2:
        raise ValueError("train has one image: early stopping needs another, to hold it out")

    device = torch.device(device) if device else next(model.parameters()).device
    model.to(device)
    rng = nullcontext() if seed is None else forked_rng(seed, device)
    with rng, deferred_interrupt() as interrupt:
        validation = None
        if patience is not None:
            held_out = min(len(train) - 1, max(1, round(validation_fraction * len(train))))
            order = torch.randperm(len(train))
            validation, train = train[order[:held_out]], train[order[held_out:]]
        loader = batches(train.to(device), batch_size=batch_size, shuffle=True)
        n_steps = epochs * len(loader)
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
        scheduler = OneCycleLR(optimizer, lr, n_steps) if schedule == "one-cycle" else None
        history, best_state = History(), None
        with progress_bar(n_steps, "training", "step", disable=not progress) as bar:

            def after_step(step: int) -> bool:
                if callback and (step % callback_every == 0 or step == n_steps):
                    with evaluating(model), forked_rng(None, device):
                        callback(step, model)
                return interrupt.is_set()

            after_step(0)
            for epoch in range(1, epochs + 1):
                start = time.perf_counter()
                terms = _train_epoch(
                    model, loader, optimizer, scheduler, beta, epoch, bar, after_step
                )
                if terms is None:
                    history.interrupted = True
                    history.note = f"interrupted in epoch {epoch} of {epochs}"
                    break
                history.seconds.append(time.perf_counter() - start)
                nll, kl = terms
                history.add("train", nll + beta * kl, nll, kl)
                if test is not None:
                    history.add("test", *evaluate(model, test, beta=beta))
                    bar.set_postfix_str(f"test loss {history.test_loss[-1]:.2f}", refresh=False)
                if validation is None or patience is None:
                    continue
                losses = history.validation_loss
                losses.append(evaluate(model, validation, beta=beta).loss)
                if epoch >= start_epoch and losses[-1] <= min(losses[start_epoch - 1 :]):
                    history.best_epoch = epoch
                    best_state = copy.deepcopy(model.state_dict())
                elif history.best_epoch and epoch - history.best_epoch >= patience:
                    history.note = f"stopped early: no better epoch in the last {patience}"
                    break
        if best_state is not None and not history.interrupted:
            model.load_state_dict(best_state)
    model.eval()
    return history


def _train_epoch(
    model: Any,
    loader: Any,
    optimizer: torch.optim.Optimizer,
    scheduler: LRScheduler | None,
    beta: float,
    epoch: int,
    bar: Any,
    after_step: Callable[[int], bool],
) -> tuple[float, float] | None:
    """One pass over the loader; mean NLL and KL per image, or None if `after_step` said stop."""
    model.train()
    # Reading a value back makes the host wait for a GPU, so there the loss is looked at rarely.
    look_every = 1 if next(model.parameters()).device.type == "cpu" else 50
    sums, n_images = [], 0
    for i, (x,) in enumerate(loader, start=1):
        nll, kl = model.loss_terms(x)
        loss = (nll + beta * kl).mean()
        if (i % look_every == 0 or i == len(loader)) and not torch.isfinite(loss):
            lr = optimizer.param_groups[0]["lr"]
            raise FloatingPointError(
                f"the loss is {loss.item()} in epoch {epoch}, step {i}. Likely causes: a learning "
                f"rate that is too high (now {lr:.2g}; try a tenth), the exp() of a large logvar, "
                f"or a log(0) in a loss of your own (work on logits)."
            )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        sums.append(torch.stack([nll.detach().sum(), kl.detach().sum()]))
        n_images += len(x)
        bar.update()
        if after_step((epoch - 1) * len(loader) + i):
            return None
    mean_nll, mean_kl = (torch.stack(sums).cpu().double().sum(dim=0) / n_images).tolist()
    return mean_nll, mean_kl
