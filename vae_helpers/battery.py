"""A battery of images that are no digits, named, to try anomaly scores on."""

from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .arguments import check_images, check_number
from .data import binarize, load_fashion_sample

_FONTS = ["DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSansMono"]


def make_anomalies(images: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """Ten kinds of images that are no digits of MNIST, most of them made from digits.

    Pixels are 0 or 1 throughout if those of `images` are; grey values occur otherwise.

    Args:
        images: MNIST digits (N, 1, 28, 28) in [0, 1].
        seed: of the noise and the shuffling; the caller's random state is left alone.

    Returns:
        name -> float32 images (M, 1, 28, 28) on the device of `images`: "white noise" (each pixel
        a fair coin), "pixel-mean noise" (a coin with that pixel's mean), "sparse noise" (a coin
        with the overall mean), "blank" (one black image), "inverted", "turned" (90 degrees to the
        left), "mirrored" (left-right), "patches shuffled" (sixteen 7x7 patches), "letters" (26
        capitals in five fonts), "Fashion-MNIST" (1,000 images). M is N where not said.

    Raises:
        TypeError, ValueError: if an argument is unusable.
    """
    check_images("images", images)
    if tuple(images.shape[1:]) != (1, 28, 28):
        raise ValueError(f"images must have shape (N, 1, 28, 28), got {tuple(images.shape)}")
    check_number("seed", seed, lambda v: isinstance(v, int) and v >= 0, "a whole number, 0 or more")
    rng = torch.Generator().manual_seed(seed)
    x = images.detach().cpu().float()
    mean = x.mean(dim=0, keepdim=True)

    def coins(probability: Tensor | float) -> Tensor:
        return (torch.rand(x.shape, generator=rng) < probability).float()

    battery = {
        "white noise": coins(0.5),
        "pixel-mean noise": coins(mean),
        "sparse noise": coins(mean.mean()),
        "blank": torch.zeros(1, 1, 28, 28),
        "inverted": 1 - x,
        "turned": x.rot90(1, dims=(2, 3)),
        "mirrored": x.flip(3),
        "patches shuffled": _shuffle_patches(x, rng),
        "letters": _letters(),
        "Fashion-MNIST": load_fashion_sample()[0],
    }
    if torch.equal(x, binarize(x)):
        battery = {name: binarize(anomalies) for name, anomalies in battery.items()}
    return {name: anomalies.to(images.device) for name, anomalies in battery.items()}


def _shuffle_patches(x: Tensor, rng: torch.Generator) -> Tensor:
    """Put the sixteen 7x7 patches of each image in an order of its own."""
    patches = torch.nn.functional.unfold(x, kernel_size=7, stride=7)
    order = torch.rand(len(x), 1, 16, generator=rng).argsort(dim=2)
    shuffled = patches.gather(2, order.expand_as(patches))
    return torch.nn.functional.fold(shuffled, (28, 28), kernel_size=7, stride=7)


def _letters() -> Tensor:
    """Draw capitals as MNIST's digits are: 20 pixels high or wide, centre of mass in the middle."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    pictures = []
    for name, letter in product(_FONTS, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        font = ImageFont.truetype(folder / f"{name}.ttf", size=100)
        big = Image.new("L", (200, 200))
        ImageDraw.Draw(big).text((50, 30), letter, fill=255, font=font)
        big = big.crop(big.getbbox())
        scale = 20 / max(big.size)
        width, height = (max(1, round(side * scale)) for side in big.size)
        small = (
            np.asarray(big.resize((width, height), Image.Resampling.BOX), dtype=np.float32) / 255
        )
        row, column = (
            round(13.5 - float((small.sum(axis=1 - axis) * np.arange(n)).sum() / small.sum()))
            for axis, n in enumerate(small.shape)
        )
        picture = np.zeros((28, 28), dtype=np.float32)
        picture[row : row + height, column : column + width] = small
        pictures.append(picture)
    return torch.from_numpy(np.stack(pictures)).unsqueeze(1)
