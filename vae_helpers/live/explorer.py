"""The explorer's Python side: what travels to the browser, and what comes back."""

from typing import Any

import numpy as np
import torch
import traitlets
from torch import Tensor, nn

from ..arguments import check_images
from ..latent import inverse_cdf_grid
from ..plotting import tile_images
from ..runtime import device_of, evaluating
from .base import STYLE, LiveWidget, as_image, script, to_pixels
from .export import Block, export_network, export_vae, exportable

MOST_POINTS, MOST_PICKS = 500, 20


def export_judge(judge: Any, n_pixels: int, block: Block) -> dict[str, Any]:
    """Append the weights of a scikit-learn MLPClassifier; returns its layers and classes.

    Raises:
        ValueError: if it is no such classifier, or made for images of another size.
    """
    coefficients = getattr(judge, "coefs_", None)
    if coefficients is None or getattr(judge, "activation", None) != "relu":
        raise ValueError(
            f"judge must be what train_classifier returned, got {type(judge).__name__}"
        )
    if judge.n_features_in_ != n_pixels:
        raise ValueError(
            f"judge knows images of {judge.n_features_in_} pixels, the model makes {n_pixels}: "
            f"train one on images like the model's"
        )
    layers: list[Any] = []
    for weight, bias in zip(coefficients, judge.intercepts_, strict=True):
        layer = nn.Linear(*weight.shape)
        layer.weight.data, layer.bias.data = torch.from_numpy(weight.T), torch.from_numpy(bias)
        layers += [layer, nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        x = torch.zeros(1, n_pixels, dtype=layers[0].weight.dtype)
        plan, _ = export_network(network, x, block)
    return {"layers": plan, "classes": [str(name) for name in judge.classes_]}


def _check_labels(labels: Any, images: Any) -> None:
    if labels is None:
        return
    if images is None:
        raise ValueError("labels were given without images: give the images they belong to")
    if not isinstance(labels, Tensor) or labels.is_meta or labels.is_floating_point():
        raise TypeError("labels must be a torch.Tensor (N,) of integers with data")
    if tuple(labels.shape) != (len(images),):
        raise ValueError(
            f"labels must have shape ({len(images)},), one per image, got {tuple(labels.shape)}"
        )


def picks(labels: Tensor | None, n_images: int) -> Tensor:
    """Which images to offer: of each class as many as fit, its first ones; by class."""
    if labels is None:
        return torch.arange(min(n_images, MOST_PICKS))
    classes = labels.unique()
    each = max(1, MOST_PICKS // len(classes))
    found = [(labels == name).nonzero().flatten()[:each] for name in classes]
    return torch.cat(found)[:MOST_PICKS]


class LatentExplorer(LiveWidget):
    """See `vae_helpers.latent_explorer`, which makes one."""

    _esm = script("map.js", "posterior.js", "explorer.js")
    _css = STYLE

    z = traitlets.Any(help="the point (1, 2)").tag(
        sync=True, to_json=lambda z, widget: z.flatten().tolist()
    )
    digit = traitlets.Any(None, help="the image (1, C, H, W) picked or drawn, or None").tag(
        sync=True, to_json=to_pixels
    )
    spacing = traitlets.Enum(["equal", "even"], "equal", help="of the map").tag(sync=True)

    def __init__(self, model: Any, images: Any = None, labels: Any = None, judge: Any = None):
        self.model = exportable(model)
        if self.model.latent_dim != 2:
            raise ValueError(
                f"model must have latent_dim=2 for a map, got {self.model.latent_dim}: "
                f"train one with VAE(latent_dim=2)"
            )
        self._shape = self.model.image_shape
        if self._shape[0] not in (1, 3):
            raise ValueError(f"model makes images with {self._shape[0]} channels: 1 or 3 are shown")
        if images is not None:
            check_images("images", images, self.model)
        _check_labels(labels, images)
        super().__init__()
        block = Block()
        plan = export_vae(self.model, block)
        if images is not None:
            plan["given"] = self._given(images, labels, block)
        if judge is not None:
            plan["judge"] = export_judge(judge, int(np.prod(self._shape)), block)
        self._store(plan, block)

    def _given(self, images: Tensor, labels: Tensor | None, block: Block) -> dict[str, Any]:
        labels = None if labels is None else labels.cpu()
        chosen, points = picks(labels, len(images)), images[:MOST_POINTS]
        with evaluating(self.model):
            codes = self.model.encode(points.to(device_of(self.model)))[0]
        shown = images[chosen.to(images.device)].detach().cpu().float()
        return {
            "codes": block.add(codes.float(), "float32"),
            "labels": None if labels is None else labels[:MOST_POINTS].tolist(),
            "images": block.add((shown * 255).round(), "uint8"),
            "names": None if labels is None else labels[chosen].tolist(),
        }

    @traitlets.default("z")
    def _middle(self) -> Tensor:
        return torch.zeros(1, 2)

    @traitlets.validate("z")
    def _check_z(self, proposal: Any) -> Tensor:
        z = torch.as_tensor(proposal.value).detach().cpu().float()
        if z.numel() != 2 or not bool(z.isfinite().all()):
            raise ValueError(f"z must be two finite numbers, got {proposal.value!r}")
        return z.reshape(1, 2)

    @traitlets.validate("digit")
    def _check_digit(self, proposal: Any) -> Tensor | None:
        return None if proposal.value is None else as_image(proposal.value, self._shape)

    @property
    def image(self) -> Tensor:
        """What the model decodes at `z`, (1, C, H, W) in [0, 1], on the CPU."""
        return self._decode(self.z)

    def _decode(self, z: Tensor) -> Tensor:
        parameter = next(self.model.parameters())
        with evaluating(self.model):
            return self.model.decode(z.to(parameter)).sigmoid().cpu().float()

    def _still(self) -> tuple[Tensor, str]:
        picture = tile_images(self._decode(inverse_cdf_grid(10)), columns=10)
        return picture, "Images decoded over the latent space, 10 by 10"
