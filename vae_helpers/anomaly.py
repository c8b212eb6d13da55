"""A detector of unusual images that combines what a VAE knows of them."""

from typing import Any

import torch
from torch import Tensor, nn

from .arguments import check_count, check_images, check_model, check_number
from .runtime import device_of, matmul_precision
from .scores import encode_and_score

MOST_DISTANCES = 2**22
"""Computed at a time, on a GPU 16 times as many: 16 MiB stay in a processor's cache."""

_BUFFERS = ("feature_mean", "feature_std", "reference", "calibration")


class AnomalyDetector(nn.Module):
    """Mean distance to the nearest normal images, by code, reconstruction and cost of encoding.

    An image is described by [mu, NLL, KL], each number divided by its standard deviation over
    normal images; its score is the mean distance to its `n_neighbours` nearest among them. So the
    detector knows where normal images lie in latent space, how well they are reconstructed *for
    their place*, and how much they cost to encode: what is too easy stands out as what is too hard
    does. Try simple rivals on your images as well: on MNIST (notebook 4), the angle between blurred
    pixels caught far more turned digits, and on no kind was this detector clearly ahead of all.

    All that `fit` learns is in buffers, the model's weights beside it: `.to(device)`,
    `state_dict()` and `load_state_dict()` carry the whole, to a detector not yet fitted, too.

    Args:
        model: a trained `VAE`, `ConvVAE` or alike.
        n_neighbours: how many of the nearest normal images count.
        held_out: share of the images that is kept apart and sets thresholds.
        max_reference: keep at most so many normal images to compare with, drawn at random; all of
            them if None. Memory and time of `score` grow with it.
        seed: of the split and of that draw.

    Attributes:
        reference: features of the normal images, (M, latent_dim + 2), standardized.
        calibration: sorted scores of the held-out images.

    Raises:
        TypeError, ValueError: if an argument is unusable.

    Source: nearest neighbours among a network's features: Sun, Ming, Zhu & Li (2022).
    """

    feature_mean: Tensor
    feature_std: Tensor
    reference: Tensor
    calibration: Tensor

    def __init__(
        self,
        model: Any,
        n_neighbours: int = 5,
        *,
        held_out: float = 0.1,
        max_reference: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_model(model)
        check_count("n_neighbours", n_neighbours)
        check_number("held_out", held_out, lambda v: 0 < v < 1, "within (0, 1), such as 0.1")
        check_number("seed", seed, lambda v: isinstance(v, int), "a whole number")
        if max_reference is not None:
            check_count("max_reference", max_reference)
            if max_reference < n_neighbours:
                raise ValueError(
                    f"max_reference must be {n_neighbours} or more, as many as n_neighbours, got "
                    f"{max_reference}"
                )
        self.model, self.n_neighbours = model, n_neighbours
        self.held_out, self.max_reference, self.seed = held_out, max_reference, seed
        for name in _BUFFERS:
            self.register_buffer(name, torch.empty(0))

    def fit(self, x: Tensor) -> "AnomalyDetector":
        """Learn what normal images look like.

        Args:
            x: normal images (N, C, H, W), best those that trained the model.

        Returns:
            The detector itself.

        Raises:
            TypeError, ValueError: if `x` is unusable, or has too few images.
        """
        check_images("x", x, self.model)
        n_held_out = round(len(x) * self.held_out)
        if n_held_out < 1 or len(x) - n_held_out < self.n_neighbours:
            raise ValueError(
                f"x has {len(x)} images, too few for n_neighbours={self.n_neighbours} and "
                f"held_out={self.held_out}: give more images or ask for fewer neighbours"
            )
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(self.seed))
        own, raw = order[n_held_out:], self._raw_features(x).to(device_of(self.model))
        self.feature_mean = raw[own].mean(dim=0)
        std = raw[own].std(dim=0)
        self.feature_std = torch.where(std > 0, std, torch.ones_like(std))
        features = (raw - self.feature_mean) / self.feature_std
        self.reference = features[own[: self.max_reference]]
        self.calibration = self._distance(features[order[:n_held_out]]).sort().values
        return self

    def _raw_features(self, x: Tensor) -> Tensor:
        """[mu, NLL, KL], shape (N, latent_dim + 2), on the CPU.

        The NLL is skewed, and yet no logarithm is taken: it would shrink what noise gives away.
        """
        mu, scores = encode_and_score(self.model, x)
        return torch.cat([mu, scores.nll[:, None], scores.kl[:, None]], dim=1)

    def _distance(self, features: Tensor) -> Tensor:
        """Mean distance to the nearest neighbours, in chunks that bound the memory."""
        most = MOST_DISTANCES if features.is_cpu else 16 * MOST_DISTANCES
        n_rows = max(1, most // len(self.reference))
        with matmul_precision("highest"):  # distances are made of matrix products
            return torch.cat(
                [
                    torch.cdist(rows, self.reference)
                    .topk(self.n_neighbours, largest=False)
                    .values.mean(dim=1)
                    for rows in features.split(n_rows)
                ]
            )

    def _check_fitted(self) -> None:
        if self.reference.numel() == 0:
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                "this AnomalyDetector is not fitted yet: call fit(x) with normal images first, or "
                "load_state_dict with what a fitted one had"
            )

    def score(self, x: Tensor) -> Tensor:
        """Mean distance to the nearest normal images; larger means more unusual.

        Args:
            x: images (N, C, H, W) in [0, 1].

        Returns:
            Shape (N,), on the CPU, in standard deviations of the features.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            TypeError, ValueError: if `x` is unusable.
        """
        self._check_fitted()
        raw = self._raw_features(x).to(self.reference.device)
        return self._distance((raw - self.feature_mean) / self.feature_std).cpu()

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
        return self.calibration.quantile(1 - false_positive_rate).item()

    def predict(self, x: Tensor, false_positive_rate: float = 0.01) -> Tensor:
        """Return True for each image whose score is above the threshold, shape (N,)."""
        return self.score(x) > self.threshold(false_positive_rate)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        """Make room first: a detector that is not fitted has empty buffers."""
        for name in _BUFFERS:
            if (stored := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(stored, device=getattr(self, name).device))
        super()._load_from_state_dict(state_dict, prefix, *args)
