"""The drawing pad's Python side: scales of real digits, examples, and the image that is drawn."""

from typing import Any

import torch
import traitlets
from torch import Tensor

from ..anomaly import AnomalyDetector
from ..data import binarize, load_mnist
from ..plotting import tile_images
from ..runtime import evaluating
from ..scores import anomaly_scores
from .base import STYLE, LiveWidget, as_image, script, to_pixels
from .export import Block, export_vae, exportable

SHAPE = (1, 28, 28)
MOST_BYTES = 3_000_000
_BARS = 48


def scale_of(values: Tensor, alarm: float) -> dict[str, Any]:
    """Where real digits lie: a histogram, and the line above which one in a hundred is.

    The scale ends well behind the line; what lies further out is shown at its end.
    """
    low = values.quantile(0.001).item()
    high = alarm + 0.6 * max(alarm - low, 1e-6)
    bars = torch.histc(values, _BARS, low, high)
    return {"low": low, "high": high, "alarm": alarm, "bars": bars.int().tolist()}


def export_detector(detector: AnomalyDetector, block: Block) -> dict[str, Any]:
    """Append the reference codes, with as many bits a number (8 to 16) as `MOST_BYTES` allows."""
    reference = detector.reference.cpu().float()
    left = 8 * (MOST_BYTES - len(block) - 1000)  # a little for what stands around it
    bits = min(16, max(8, left // reference.numel()))
    return {
        "neighbours": detector.n_neighbours,
        "mean": block.add(detector.feature_mean.float(), "float32"),
        "std": block.add(detector.feature_std.float(), "float32"),
        "codes": block.add_columns(reference, bits),
    }


def _check_detector(detector: Any, model: Any) -> None:
    if not isinstance(detector, AnomalyDetector):
        raise ValueError(
            f"detector must be an AnomalyDetector or None, got {type(detector).__name__}"
        )
    if getattr(detector.model, "_orig_mod", detector.model) is not model:
        raise ValueError("detector belongs to another model: give the one it was made with")
    detector.threshold()  # raises if it is not fitted


class DrawingPad(LiveWidget):
    """See `vae_helpers.drawing_pad`, which makes one."""

    _esm = script("gauges.js", "pad.js")
    _css = STYLE

    image = traitlets.Any(help="the image (1, 1, 28, 28) that the network sees").tag(
        sync=True, to_json=to_pixels
    )

    def __init__(self, model: Any, detector: Any = None):
        self.model = exportable(model)
        if self.model.image_shape != SHAPE:
            raise ValueError(
                f"model must be made for images (1, 28, 28), as MNIST's are, "
                f"got image_shape={self.model.image_shape}"
            )
        if detector is not None:
            _check_detector(detector, self.model)
        self._digits, real, mean = self._real_digits()
        super().__init__(image=self._digits[:1])
        block = Block()
        plan = export_vae(self.model, block)
        plan["examples"] = block.add((self._digits * 255).round(), "uint8")
        plan["pixel_mean"] = block.add((mean * 255).round(), "uint8")
        if detector is not None:
            plan["detector"] = export_detector(detector, block)
        plan["scales"] = self._scales(real, detector)
        self._store(plan, block)

    def _real_digits(self) -> tuple[Tensor, Tensor, Tensor]:
        """The first digit of each kind in MNIST's test set, its first 2,000, and their mean."""
        images, labels = load_mnist(train=False)
        images, labels = images[:2000], labels[:2000]
        if self.model.likelihood == "bernoulli":
            images = binarize(images)
        first = [int((labels == digit).nonzero()[0]) for digit in range(10)]
        return images[first], images, images.mean(dim=0)

    def _scales(self, real: Tensor, detector: AnomalyDetector | None) -> dict[str, Any]:
        if detector is None:
            values = anomaly_scores(self.model, real.to(next(self.model.parameters()).dtype))
            found = {"kl": values.kl, "nll": values.nll, "neg_elbo": values.neg_elbo}
        else:
            codes = detector.reference * detector.feature_std + detector.feature_mean
            nll, kl = codes[:, -2:].cpu().float().T
            found = {"kl": kl, "nll": nll, "neg_elbo": nll + kl}
        scales = {k: scale_of(v.float(), v.quantile(0.99).item()) for k, v in found.items()}
        if detector is not None:
            calibration = detector.calibration.cpu().float()
            scales["distance"] = scale_of(calibration, detector.threshold(0.01))
        return scales

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> Tensor:
        return as_image(proposal.value, SHAPE)

    def _still(self) -> tuple[Tensor, str]:
        parameter = next(self.model.parameters())
        with evaluating(self.model):
            mu, _ = self.model.encode(self._digits.to(parameter))
            decoded = self.model.decode(mu).sigmoid().to(self._digits)
        picture = tile_images(torch.cat([self._digits, decoded]), columns=10)
        return picture, "Ten digits, and below each what the VAE makes of it"
