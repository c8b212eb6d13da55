"""A latent space to explore by hand."""

import base64
from io import BytesIO
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .latent import inverse_cdf_grid
from .plotting import tile_images
from .runtime import device_of, evaluating

_SIZE = 280  # pixels on the screen, a whole multiple of 28 and of 8


def _as_png(picture: Tensor) -> bytes:
    """Encode a picture (H, W) or (H, W, 3) in [0, 1], enlarged so that its pixels stay sharp."""
    import imageio.v3 as iio

    pixels = (picture.cpu().numpy() * 255).round().astype(np.uint8)
    scale = max(1, _SIZE // max(pixels.shape[:2]))
    buffer = BytesIO()
    iio.imwrite(buffer, pixels.repeat(scale, axis=0).repeat(scale, axis=1), extension=".png")
    return buffer.getvalue()


def _decode(model: Any, z: Tensor) -> Tensor:
    with evaluating(model):
        return model.decode(z.to(device_of(model))).sigmoid()


def latent_explorer(model: Any) -> Any:
    """Two sliders over a 2-D latent space, and the decoded image that follows at once.

    The sliders run over probabilities p from 0.01 to 0.99; z is the quantile of the prior N(0, 1)
    at p, so that equal steps carry equal shares of what the model generates.

    Args:
        model: a trained VAE with latent_dim=2.

    Returns:
        An ipywidgets box to leave in the last line of a cell. Where widgets are not alive (a
        static page), a map of decoded images takes its place.

    Raises:
        ValueError: if the model's latent space is not two-dimensional.
    """
    if getattr(model, "latent_dim", None) != 2:
        raise ValueError(
            f"model must have latent_dim=2 for two sliders, "
            f"got {getattr(model, 'latent_dim', None)!r}: train one with VAE(latent_dim=2)"
        )
    import ipywidgets
    from scipy.stats import norm

    class Explorer(ipywidgets.HBox):
        def _repr_mimebundle_(self, **options: Any) -> Any:
            live = super()._repr_mimebundle_(**options)
            still = tile_images(_decode(model, inverse_cdf_grid(10)), columns=10)
            alt = "Images decoded over the latent space, 10 by 10"
            picture = {"image/png": base64.b64encode(_as_png(still)).decode()}
            return {**live, **picture}, {"image/png": {"alt": alt}}

    sliders = [
        ipywidgets.FloatSlider(
            value=0.5, min=0.01, max=0.99, step=0.01, description=f"p{i}", continuous_update=True
        )
        for i in (1, 2)
    ]
    image = ipywidgets.Image(format="png", width=_SIZE, height=_SIZE)
    text = ipywidgets.Label()

    def update(change: Any = None) -> None:
        z = torch.tensor([[norm.ppf(slider.value) for slider in sliders]], dtype=torch.float32)
        image.value = _as_png(tile_images(_decode(model, z), columns=1, padding=0))
        text.value = f"z = ({z[0, 0]:.2f}, {z[0, 1]:.2f})"

    for slider in sliders:
        slider.observe(update, names="value")
    update()
    return Explorer([image, ipywidgets.VBox([*sliders, text])])
