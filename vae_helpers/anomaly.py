"""Scores that call an image unusual, and a detector that combines what they know."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .arguments import check_count, check_images, check_model, check_number
from .losses import bernoulli_nll, kl_divergence
from .runtime import device_of, evaluating


class AnomalyScores(NamedTuple):
    """What a VAE says of images, each (N,), in nats; `neg_elbo` = `nll` + `kl`."""

    kl: Tensor
    nll: Tensor
    neg_elbo: Tensor


def _encode_and_score(model: Any, x: Tensor) -> tuple[Tensor, AnomalyScores]:
    """Posterior means (N, latent_dim) and scores, on the CPU; no random numbers are used."""
    check_model(model)
    check_images("x", x, model)
    device = device_of(model)
    parts = []
    with evaluating(model):
        for part in x.split(1000):
            part = part.to(device)
            mu, logvar = model.encode(part)
            parts.append((mu, kl_divergence(mu, logvar), bernoulli_nll(model.decode(mu), part)))
    mu, kl, nll = (torch.cat(values).cpu() for values in zip(*parts, strict=True))
    return mu, AnomalyScores(kl, nll, nll + kl)


def anomaly_scores(model: Any, x: Tensor) -> AnomalyScores:
    """KL, reconstruction term at z = mu, and their sum, for each image.

    Args:
        model: a trained `VAE`, `ConvVAE` or alike.
        x: images (N, 1, H, W) in [0, 1], of the kind that the model was trained on.

    Returns:
        `AnomalyScores` of three tensors (N,), in nats, on the CPU; larger means more unusual.

    Raises:
        TypeError, ValueError: if `x` is unusable.

    Source: An & Cho (2015); KL as a score: Lineberry (2020).
    """
    return _encode_and_score(model, x)[1]


class AnomalyDetector:
    """Density of normal images over [mu, log(1 + NLL), KL]; low density means an anomaly.

    It knows where normal images lie in latent space, how well they are reconstructed *for their
    place*, and how much they cost to encode, so that a picture that is too easy stands out as one
    that is too hard does. Fit it on training images only.

    Args:
        model: a trained `VAE`, `ConvVAE` or alike.
        n_components: Gaussians in the mixture.
        held_out: share of the images that is kept from the mixture and sets thresholds.
        seed: of the split and of the mixture's start.

    Attributes:
        mixture_: the fitted scikit-learn `GaussianMixture`.
        calibration_: sorted scores of the held-out images.

    Source: the same idea with one Gaussian per class: Lee et al. (2018).
    """

    def __init__(
        self, model: Any, n_components: int = 10, *, held_out: float = 0.1, seed: int = 0
    ) -> None:
        check_count("n_components", n_components)
        check_number("held_out", held_out, lambda v: 0 < v < 1, "within (0, 1), such as 0.1")
        self.model, self.n_components = model, n_components
        self.held_out, self.seed = held_out, seed

    def _features(self, x: Tensor) -> np.ndarray:
        mu, scores = _encode_and_score(self.model, x)
        features = torch.cat([mu, scores.nll.log1p()[:, None], scores.kl[:, None]], dim=1)
        return features.double().numpy()

    def fit(self, x: Tensor) -> "AnomalyDetector":
        """Learn what normal images look like.

        Args:
            x: normal images (N, 1, H, W), best those that trained the model; N well above
                `n_components`.

        Returns:
            The detector itself.

        Raises:
            TypeError, ValueError: if `x` is unusable.
        """
        from sklearn.mixture import GaussianMixture
        from sklearn.model_selection import train_test_split
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from threadpoolctl import threadpool_limits

        check_images("x", x, self.model)
        if len(x) * (1 - self.held_out) < 2 * self.n_components or len(x) * self.held_out < 1:
            raise ValueError(
                f"x has {len(x)} images, too few for n_components={self.n_components} and "
                f"held_out={self.held_out}: give more images or ask for fewer components"
            )
        own, calibration = train_test_split(
            self._features(x), test_size=self.held_out, random_state=self.seed
        )
        mixture = GaussianMixture(self.n_components, random_state=self.seed, reg_covar=1e-4)
        with threadpool_limits(1, user_api="blas"):  # its matrices are too small to be shared out
            self.mixture_ = make_pipeline(StandardScaler(), mixture).fit(own)
        self.calibration_ = np.sort(-self.mixture_.score_samples(calibration))
        return self

    def _check_fitted(self) -> None:
        if not hasattr(self, "mixture_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                "this AnomalyDetector is not fitted yet: call fit(x) with normal images first"
            )

    def score(self, x: Tensor) -> Tensor:
        """Negative log density of images; larger means more unusual.

        Args:
            x: images (N, 1, H, W) in [0, 1].

        Returns:
            Shape (N,), in nats up to a constant.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            TypeError, ValueError: if `x` is unusable.
        """
        self._check_fitted()
        return torch.from_numpy(-self.mixture_.score_samples(self._features(x)))

    def threshold(self, false_positive_rate: float = 0.01) -> float:
        """Score above which so large a share of the held-out normal images lies.

        Args:
            false_positive_rate: share of normal images that may raise an alarm, within (0, 1).

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            ValueError: if the rate is not within (0, 1).
        """
        self._check_fitted()
        check_number(
            "false_positive_rate", false_positive_rate, lambda v: 0 < v < 1, "within (0, 1)"
        )
        return float(np.quantile(self.calibration_, 1 - false_positive_rate))

    def predict(self, x: Tensor, false_positive_rate: float = 0.01) -> Tensor:
        """Return True for each image whose score is above the threshold, shape (N,)."""
        return self.score(x) > self.threshold(false_positive_rate)
