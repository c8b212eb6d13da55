"""One training loop for every model of the series."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ConstantLR, LinearLR, LRScheduler, OneCycleLR

from .arguments import check_choice, check_images, check_model, check_number
from .data import batches
from .early_stopping import EarlyStopping, hold_out
from .evaluation import evaluate
from .history import EpochMeans, History
from .progress import progress_bar
from .runtime import deferred_interrupt, device_of, forked_rng, matmul_precision
from .watching import call_back_if_due, check_loss, watched_steps

# What each number that `fit` is given must be: a test, and words for it.
_COUNT = (lambda v: isinstance(v, int) and v >= 1, "a whole number, 1 or more")
_NUMBERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "lr": (lambda v: v > 0, "a positive number, such as 1e-3"),
    "beta": (lambda v: v >= 0, "a number, 0 or more"),
    "callback_every": _COUNT,
    "patience": _COUNT,
    "start_epoch": _COUNT,
    "validation_fraction": (lambda v: 0 < v < 1, "within (0, 1)"),
}


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
    precision: str = "medium",
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
        lr: Adam's learning rate, the peak of it where it changes.
        schedule: "one-cycle" (rises, then falls to almost zero, and Adam's first momentum does the
            opposite, from 0.95 to 0.85 and back), "linear-decay" (falls to zero), or "constant".
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
        precision: of the matrix products in the training steps, "medium", "high" or "highest", as
            in `torch.set_float32_matmul_precision`. "medium" multiplies in bfloat16 where PyTorch
            has a kernel for that (faster, the same losses within their spread over seeds; of
            processors, AVX512_BF16 alone is not enough for PyTorch 2.14, and nothing changes);
            "highest" is full float32. The caller's setting is back afterwards; evaluation always
            uses that.

    Returns:
        A `History`, one row per finished epoch.

    Raises:
        TypeError, ValueError: if an argument or an image tensor is unusable, before any step.
        FloatingPointError: if the loss becomes infinite or NaN.

    Source: Kingma & Welling (2014), Algorithm 1; one-cycle: Smith & Topin (2018).
    """
    _check_options(
        epochs=epochs, batch_size=batch_size, lr=lr, beta=beta, callback_every=callback_every,
        patience=1 if patience is None else patience, start_epoch=start_epoch,
        validation_fraction=validation_fraction, schedule=schedule, precision=precision,
    )  # fmt: skip
    _check_trainable(model)
    check_images("train", train, model)
    if test is not None:
        check_images("test", test, model)
    if patience is not None and len(train) < 2:
        raise ValueError("train has one image: early stopping needs another, to hold it out")

    device = device_of(model) if device is None else torch.device(device)
    model.to(device)
    rng = nullcontext() if seed is None else forked_rng(seed, device)
    with rng, deferred_interrupt() as interrupt, torch.enable_grad():
        history, stopping = History(), None
        if patience is not None:
            train, validation = hold_out(train, validation_fraction)
            stopping = EarlyStopping(patience, start_epoch)
        loader = batches(train.to(device), batch_size=batch_size, shuffle=True)
        n_steps = epochs * len(loader)
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
        scheduler = _make_scheduler(schedule, optimizer, n_steps)
        call_back = partial(call_back_if_due, callback, callback_every, n_steps, model)
        call_back(0)
        with progress_bar(n_steps, "training", "step", disable=not progress) as bar:
            for epoch in range(1, epochs + 1):
                start, means = time.perf_counter(), EpochMeans()
                model.train()
                for i, x in watched_steps(loader, epoch, bar, call_back, interrupt):
                    with matmul_precision(precision):
                        nll, kl = model.loss_terms(x)
                        loss = (nll + beta * kl).mean()
                        check_loss(loss, epoch, i, len(loader), optimizer)
                        optimizer.zero_grad()
                        loss.backward()
                    optimizer.step()
                    scheduler.step()
                    means.add(nll, kl)
                if interrupt.is_set():
                    history.interrupt(f"interrupted in epoch {epoch} of {epochs}")
                    break
                history.seconds.append(time.perf_counter() - start)
                history.add("train", beta, *means.read())
                if test is not None:
                    history.add("test", beta, *evaluate(model, test)[1:])
                    bar.set_postfix_str(f"test loss {history.test_loss[-1]:.2f}", refresh=False)
                if stopping is not None:
                    history.validation_loss.append(evaluate(model, validation, beta=beta).loss)
                    if stopping.should_stop(history, model):
                        break
        if stopping is not None and not history.interrupted:
            stopping.restore_best(model)
    model.eval()
    return history


def _check_options(schedule: str, precision: str, **numbers: float) -> None:
    check_choice("schedule", schedule, ("one-cycle", "linear-decay", "constant"))
    check_choice("precision", precision, ("medium", "high", "highest"))
    for name, value in numbers.items():
        check_number(name, value, *_NUMBERS[name])


def _check_trainable(model: Any) -> None:
    check_model(model)
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ValueError(
            "model has no weights to train: it has none at all, or all are frozen; "
            "model.requires_grad_(True) unfreezes them"
        )
    if any(weight.dtype == torch.float16 for weight in model.parameters()):
        raise TypeError(
            "model is float16, whose range is too narrow for Adam: train model.float() on "
            "images.float(), and use .half() afterwards"
        )


def _make_scheduler(schedule: str, optimizer: torch.optim.Optimizer, n_steps: int) -> LRScheduler:
    if schedule == "constant":
        return ConstantLR(optimizer, factor=1.0)
    if schedule == "linear-decay":
        return LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=n_steps)
    return OneCycleLR(optimizer, optimizer.defaults["lr"], n_steps)
