"""An independent judge: a digit classifier trained on real images, asked about made-up ones."""

import warnings
from typing import Any

import torch
from torch import Tensor

from .arguments import check_images


def train_classifier(images: Tensor, labels: Tensor, *, seed: int = 0) -> Any:
    """Fit a small neural network to labelled images (97.5% right on MNIST's test set, in seconds).

    It knows nothing but digits: shown noise, it may be surer than of real digits.

    Args:
        images: (N, 1, H, W) in [0, 1].
        labels: (N,) integers.
        seed: of the weights and the order of the images.

    Returns:
        A fitted scikit-learn `MLPClassifier`; give it to `class_probabilities`.

    Raises:
        TypeError, ValueError: if `images` is unusable or `labels` does not match it.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    check_images("images", images)
    if not isinstance(labels, Tensor) or labels.is_meta:
        raise TypeError(
            f"labels must be a torch.Tensor (N,) with data, got {type(labels).__name__}"
        )
    if tuple(labels.shape) != (len(images),):
        raise ValueError(
            f"labels must have shape ({len(images)},), one per image, got {tuple(labels.shape)}"
        )
    classifier = MLPClassifier(
        (200,), batch_size=min(500, len(images)), learning_rate_init=3e-3, max_iter=5,
        random_state=seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        # Five passes are a choice, not a failure to converge.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(images.flatten(1).cpu().numpy(), labels.cpu().numpy())


def class_probabilities(classifier: Any, images: Tensor) -> Tensor:
    """What the classifier makes of images.

    Args:
        classifier: from `train_classifier`, or any scikit-learn classifier of flattened images.
        images: (N, 1, H, W) in [0, 1].

    Returns:
        Shape (N, classes), rows sum to 1, on the CPU. `.max(dim=1)` gives certainty and class.

    Raises:
        TypeError, ValueError: if an argument is unusable.
    """
    check_images("images", images)
    if not hasattr(classifier, "predict_proba"):
        raise TypeError(
            f"classifier must have predict_proba, as those of train_classifier do, "
            f"got {type(classifier).__name__}"
        )
    return torch.from_numpy(classifier.predict_proba(images.detach().flatten(1).cpu().numpy()))
