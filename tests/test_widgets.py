import base64
from io import BytesIO

import imageio.v3 as iio
import ipywidgets
import numpy as np
import pytest
import torch
from scipy.stats import norm

from vae_helpers import VAE, inverse_cdf_grid, latent_explorer


@pytest.fixture
def model():
    torch.manual_seed(0)
    return VAE((1, 8, 8), hidden_dims=(16,), latent_dim=2)


def parts(explorer):
    image, controls = explorer.children
    *sliders, text = controls.children
    return image, sliders, text


def decoded(model, p1, p2):
    z = torch.tensor([[norm.ppf(p1), norm.ppf(p2)]], dtype=torch.float32)
    with torch.no_grad():
        return (model.decode(z).sigmoid()[0, 0] * 255).round().byte().numpy()


def test_the_image_follows_the_sliders(model):
    image, sliders, text = parts(latent_explorer(model))
    assert isinstance(image, ipywidgets.Image)
    for p1, p2 in [(0.5, 0.5), (0.1, 0.5), (0.1, 0.99), (0.01, 0.01)]:
        sliders[0].value, sliders[1].value = p1, p2
        shown = iio.imread(BytesIO(image.value))
        assert shown.shape == (280, 280)
        assert np.array_equal(shown[17::35, 17::35], decoded(model, p1, p2))
        assert text.value == f"z = ({norm.ppf(p1):.2f}, {norm.ppf(p2):.2f})"


def test_colour_images_of_any_shape_are_shown_in_colour():
    model = VAE((3, 8, 4), hidden_dims=(16,), latent_dim=2)
    image, _, _ = parts(latent_explorer(model))
    with torch.no_grad():
        expected = model.decode(torch.zeros(1, 2)).sigmoid()[0].movedim(0, 2)
    shown = iio.imread(BytesIO(image.value))
    assert shown.shape == (280, 140, 3)
    assert np.array_equal(shown[17::35, 17::35], (expected * 255).round().byte().numpy())


def test_a_static_page_gets_a_map(model):
    data, metadata = latent_explorer(model)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    picture = iio.imread(BytesIO(base64.b64decode(data["image/png"])))
    assert picture.shape == (91 * 3, 91 * 3)
    with torch.no_grad():
        top_left = model.decode(inverse_cdf_grid(10)[:1]).sigmoid()[0, 0]
    assert np.array_equal(picture[4:28:3, 4:28:3], (top_left * 255).round().byte().numpy())
    assert metadata["image/png"]["alt"] == "Images decoded over the latent space, 10 by 10"


def test_refuses_other_latent_spaces():
    with pytest.raises(ValueError, match="latent_dim=2 for two sliders, got 20"):
        latent_explorer(VAE())
    with pytest.raises(ValueError, match="got None"):
        latent_explorer(None)
