"""The two widgets. What they need to be alive is loaded when the first one is made."""

from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from .explorer import LatentExplorer
    from .pad import DrawingPad


def latent_explorer(
    model: Any, images: Tensor | None = None, labels: Tensor | None = None, judge: Any = None
) -> "LatentExplorer":
    """A two-dimensional latent space to walk through; the browser runs the networks.

    A map of 20 by 20 decoded tiles, in equal shares of the prior or evenly spaced, on which
    pointer, touch or arrow keys move z; what the decoder makes of it; and for a digit that the
    reader picks or draws its posterior, reconstruction term, KL and -ELBO.

    Weights travel with 16 bits each. In a notebook the widget talks to Python; a page without a
    kernel shows the same, and where no script runs a picture of the map takes its place.

    Args:
        model: a trained `VAE` or `ConvVAE` with latent_dim=2, on any device.
        images: (N, C, H, W) in [0, 1]. The codes of the first 500 are points on the map, and 20
            images can be picked.
        labels: (N,) integers, one per image: colour and shape of the points.
        judge: from `train_classifier`; tells what the decoded image shows.

    Returns:
        A widget to leave in the last line of a cell. In Python, `explorer.z` (1, 2) is the point,
        for reading and for setting, `explorer.image` (1, C, H, W) what the model decodes there,
        and `explorer.digit` (1, C, H, W) the image that was picked or drawn, or None.

    Raises:
        TypeError, ValueError: if an argument is unusable, such as a model with other than two
            latent dimensions.
    """
    from .explorer import LatentExplorer

    return LatentExplorer(model, images, labels, judge)


def drawing_pad(model: Any, detector: Any = None) -> "DrawingPad":
    """Draw anything, and see what a VAE and a detector make of it; the browser runs the networks.

    KL, reconstruction term, -ELBO (all at z = mu) and the detector's distance stand each on the
    scale of real digits, with the line above which one real digit in a hundred lies. With a
    detector these are the digits that it was fitted on, without one 2,000 of MNIST's test set.

    A drawing is black and white for a Bernoulli model and grey for a Gaussian one. Weights travel
    with 16 bits each, and so do the detector's reference codes, all of them; where the whole would
    come to more than 3 MB, the codes have fewer bits, 8 at least: even steps over the range of
    a feature. Notebook 4's have 11, and 99 of 100 digits' distances change by less than 0.2%.

    Args:
        model: a trained `VAE` or `ConvVAE` of images (1, 28, 28), on any device.
        detector: an `AnomalyDetector` of this model, fitted.

    Returns:
        A widget to leave in the last line of a cell. In Python, `pad.image` (1, 1, 28, 28) is the
        image that the network sees, for reading and for setting.

    Raises:
        ValueError: if an argument is unusable, such as a model of images of another shape.
    """
    from .pad import DrawingPad

    return DrawingPad(model, detector)
