"""A model that was never shown one digit, and how far its rivals get, which use no model."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, normalize

from ..models import VAE
from ..runtime import matmul_precision
from ..scores import anomaly_scores
from ..training import fit
from .digits import digits, small_vae

LEFT_OUT, OTHER = 2, 0  # the digit, and one that other training images lack instead


class Setting(NamedTuple):
    """Images, a model, and AUROCs to beat."""

    train: Tensor  # without the digit
    test: Tensor
    unusual: Tensor  # True where the digit is
    model: VAE
    other_train: Tensor  # with the digit, without another one
    other: Tensor  # True where that other digit is
    elbo: float  # AUROCs: of the model's -ELBO, and of rivals without a model
    pixels: float
    blurred: float  # by the angle between images


def auroc(unusual: Tensor, scores: Tensor) -> float:
    """Return the share of pairs in the right order."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(unusual, scores))


def _nearest(train: Tensor, test: Tensor) -> list[Tensor]:
    """Return the distance of each test image to the nearest training image, and to the fifth."""
    with matmul_precision("highest"):
        five = torch.cdist(test.flatten(1), train.flatten(1)).topk(5, largest=False).values
    return [five[:, 0], five[:, 4]]


def _directions(x: Tensor) -> Tensor:
    """Blur images, and give each the length 1."""
    return normalize(avg_pool2d(x, 3, 1, 1).flatten(1), dim=1)


@lru_cache(maxsize=1)
def setting() -> Setting:
    """Train once, without the digit, and measure the rivals.

    The digits are mirrored: whoever looks images up in MNIST finds none, and for the rest it is
    all the same.
    """
    train, other_train = (digits(True, 6000, without=d)[0].flip(-1) for d in (LEFT_OUT, OTHER))
    test, labels = digits(False, 2000, without=-1)
    test = test.flip(-1)
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(1))
    test, labels = test[order], labels[order]
    unusual, other = labels == LEFT_OUT, labels == OTHER
    model = small_vae(20, hidden=128)
    fit(model, train, epochs=10, seed=0, progress=False)
    elbo = auroc(unusual, anomaly_scores(model, test).neg_elbo)
    pixels, blurred = (
        max(auroc(unusual, distance) for distance in _nearest(shape(train), shape(test)))
        for shape in (lambda x: x, _directions)
    )
    return Setting(train, test, unusual, model, other_train, other, elbo, pixels, blurred)
