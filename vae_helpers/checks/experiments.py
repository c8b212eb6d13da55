"""The check of a challenge that trains: what did the function do with real digits?"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..evaluation import evaluate
from ..models import VAE
from .comparing import difference
from .digits import digits, small_vae
from .engine import examine

COLUMNS = "three columns: evaluate gives (loss, nll, kl), and only the last two are wanted"


def _fingerprints(images: Tensor) -> set[int]:
    """One number an image, the same for the same pixels; exact, whatever the batch."""
    rng = torch.Generator().manual_seed(0)
    keys = torch.randint(2**40, (images[0].numel(),), generator=rng)
    return set(((images.flatten(1).cpu() > 0.5).long() @ keys).tolist())


class _Watched(VAE):
    """A VAE that remembers on which images it was trained, and from which weights on."""

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes)
        self.seen: set[int] = set()
        self.fresh = [p.detach().clone() for p in self.parameters()]
        self.started_fresh = True
        self.n_images = 0  # as often as they came

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = super().encode(x)
        if mu.requires_grad:  # trained on is what a gradient comes back to, however it was computed
            prints = _fingerprints(x)
            mu.register_hook(lambda _: self._remember(prints, len(x)))
        return mu, logvar

    def _remember(self, prints: set[int], n_images: int) -> None:
        if not self.seen:
            pairs = zip(self.parameters(), self.fresh, strict=True)
            self.started_fresh = all(torch.equal(p, q) for p, q in pairs)
        self.seen |= prints
        self.n_images += n_images


def _shape_fault(found: Any) -> str:
    if isinstance(found, Tensor) and found.shape == (3, 3):
        return COLUMNS
    right_shape = isinstance(found, Tensor) and found.shape == (3, 2)
    return "" if right_shape else difference(found, torch.zeros(3, 2))


def _training_fault(made: list[_Watched], train: Tensor, n_betas: int) -> str:
    """Say what is wrong with how the models were trained, or return an empty string."""
    known, trained = _fingerprints(train), [model for model in made if model.seen]
    if len(trained) < n_betas:
        return (
            f"trained models from make_model(): {len(trained)}, values of beta: {n_betas}; "
            "each value needs a fresh model, trained from scratch (copies of one don't count)"
        )
    if any(model.seen - known for model in trained):
        return "some model was trained on test images; they are for evaluate alone"
    if not all(model.started_fresh for model in trained):
        return "some model did not start from scratch: make_model() gives fresh weights"
    least = min(len(model.seen) for model in trained)
    if least < 0.7 * len(known):
        return f"some model was trained on {least} images only; train has {len(train)}"
    shortest, longest = (pick(model.n_images for model in trained) for pick in (min, max))
    if longest > 1.25 * shortest:
        return (
            f"the models were not trained equally long: {shortest / len(train):.3g} to "
            f"{longest / len(train):.3g} epochs; the price of beta shows when all else is equal"
        )
    return ""


def beta_trade_off(function: Callable[[Any, Tensor, Tensor, Sequence[float]], Tensor]) -> None:
    """`f(make_model, train, test, betas)`: a row [NLL, KL] of the test images for each beta."""
    made: list[_Watched] = []

    def make_model() -> VAE:
        made.append(small_vae(4, cls=_Watched))
        return made[-1]

    betas = (1.0, 0.2, 5.0)  # in no order, so that each row must follow its own
    usual = ((7, 14), (11, 38), (1.5, 5.5))  # nats of KL; by the default recipe and others
    train, test = digits(True, 2000, without=0)[0], digits(False, 500, without=1)[0]
    test = test[test.flatten(1).sum(dim=1).argsort()]  # so that a part isn't like the whole

    def table(images: Tensor) -> Tensor:
        """Rows of the trained models, in the order of betas: the larger beta, the smaller KL."""
        trained = [model for model in made if model.seen]
        rows = torch.tensor([evaluate(model, images)[1:] for model in trained])
        rows = rows[rows[:, 1].argsort(descending=True)]
        if len(rows) % len(betas) == 0:  # several runs a beta may be averaged
            rows = rows.view(len(betas), -1, 2).mean(dim=1)
        order = torch.tensor(betas).argsort().argsort()
        return rows[order] if len(rows) == len(betas) else rows

    def truth(_: Any, train: Tensor, test: Tensor, betas: Sequence[float]) -> Any:
        if fault := _training_fault(made, train, len(betas)):
            return lambda found: fault
        right = table(test)
        for beta, kl, (low, high) in zip(betas, right[:, 1].tolist(), usual, strict=True):
            if not low < kl < high:
                text = (
                    f"for beta {beta} the KL should come out between {low} and {high} nats, and "
                    f"the trained models have {', '.join(f'{v:.2f}' for v in right[:, 1])} for "
                    f"beta {betas}: does each beta reach fit, and does each model get ten epochs "
                    "of the usual recipe?"
                )
                return lambda found: _shape_fault(found) or text
        return right

    weights = torch.stack([torch.ones(3), torch.tensor(betas)], dim=1)
    in_order = torch.tensor(betas).argsort()
    examine(
        function, truth, [(make_model, train, test, betas)],
        [
            (lambda m, a, x, b: table(x).flip(1), "the columns are swapped: NLL first, then KL"),
            (lambda m, a, x, b: table(x) * weights, "report the KL itself, not beta times the KL"),
            (lambda m, a, x, b: table(a), "evaluate on the test images, not the training images"),
            (lambda m, a, x, b: torch.cat([table(x).sum(1, keepdim=True), table(x)], 1), COLUMNS),
            (lambda m, a, x, b: table(x).T, "a row is one beta, a column one quantity: transpose"),
            (lambda m, a, x, b: table(x)[in_order], "the rows must be in the order of betas"),
            (
                lambda m, a, x, b: torch.stack([table(x).sum(1), table(x)[:, 0]], dim=1),
                "these are loss and NLL; wanted are NLL and KL",
            ),
            (
                lambda m, a, x, b: torch.stack([table(x).sum(1), table(x)[:, 1]], dim=1),
                "the first column is the reconstruction term alone, without the KL",
            ),
        ],
        "beta buys a smaller KL with a worse reconstruction; now you have the price list.",
        rtol=0.02,  # the NLL depends on the noise in z
    )  # fmt: skip
