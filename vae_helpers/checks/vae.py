"""Checks of the decoder's width and of beta; the wrong formulas are answers that learners give."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .comparing import normal
from .engine import examine
from .known_mistakes import Mistake

LOG_2PI = math.log(2 * math.pi)
ONLY_SQUARES = "that is the squared error: where are x_logvar and the constant log(2 pi) / 2?"
WEIGHTS = {
    (0.5, 0.5, 0): "log(2 pi) / 2 is missing, for each pixel (in F.gaussian_nll_loss: full=True)",
    (0.5, 0, 0.5): "log(sigma), half of x_logvar, is missing: a wide Gaussian has a low density",
    (0, 0.5, 0.5): "where is the distance of x from its mean?",
    (-0.5, 0.5, 0.5): "plus the square: far from the mean the density is low",
    (0.5, -0.5, 0.5): "plus log(sigma), not minus: a wide Gaussian has a low density",
    (0.5, 0.5, -0.5): "plus log(2 pi) / 2, not minus: it stands below the density",
    (1, 0.5, 0.5): "the square is divided by 2 sigma^2: a half is missing there",
    (0.5, 1, 0.5): "log(sigma) is half of x_logvar",
    (0.5, 0.5, 1): "half of log(2 pi): the density has its root",
    (0.5, 1, 1): "halves are missing: the density has the root of 2 pi sigma^2",
    (1, 1, 0.5): "halves are missing, of the square and of x_logvar",
    (1, 0.5, 1): "halves are missing, of the square and of log(2 pi)",
    (0.5, 1, 0): "log(sigma) is half of x_logvar; and log(2 pi) / 2 is missing",
    (1, 0.5, 0): "the square has a half as well; and log(2 pi) / 2 is missing",
    (1, 1, 0): "halves are missing, and so is log(2 pi) / 2 for each pixel",
    (0.5, 0, 0): "where are log(sigma) and log(2 pi) / 2, for each pixel?",
    (0.5, 0.25, 0.5): "log(sigma) is half of x_logvar; a second half is too much",
    (0.5, 0.5, 0.25): "half of log(2 pi); a second half is too much",
}
"""What is wrong with -log p whose square, log-variance and log(2 pi) have these weights."""


def _total(pixels: Tensor) -> Tensor:
    return pixels.flatten(1).sum(dim=1)


def _nll(m: Tensor, s: Tensor, x: Tensor, weights: tuple[float, ...] = (0.5, 0.5, 0.5)) -> Tensor:
    a, b, c = weights
    return _total(a * (x - m).square() / s.exp() + b * s + c * LOG_2PI)


def _extreme(logvar: Tensor) -> bool:
    """Tell whether a variance is so small or large that somebody may clip it."""
    return bool(logvar.abs().max() > 11)


def _weighted(weights: tuple[float, ...]) -> Callable[..., Tensor | None]:
    """The wrong formula; of extreme widths, which a library may clip, it has no opinion."""
    return lambda m, s, x: None if _extreme(s) else _nll(m, s, x, weights)


def _gaussian_pixels() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Images that are no square, several and one; in double precision; very sharp, very wide."""
    cases = [
        (normal(n, 1, h, w, seed=n), k * normal(n, 1, h, w, seed=n + 1), normal(n, 1, h, w, seed=7))
        for n, h, w, k in ((3, 4, 5, 1), (1, 6, 2, 1), (2, 2, 3, 2), (2, 30, 33, 1), (130, 2, 1, 1))
    ]
    mean, logvar, x = cases[0]
    widths = torch.tensor([27.0, -27.0, 8.0]).view(3, 1, 1, 1) + logvar / 4
    double = (cases[1][0].double(), cases[1][1].double(), cases[1][2].double())
    sure = torch.tensor([0.0, -6.0, -3.0]).view(3, 1, 1, 1) + 0 * x  # a density above 1
    near = mean.double()
    sharp = (near, logvar.double() / 4 - 25, near + 3e-6 * x.double())  # hardly off, and sure of it
    square = (normal(2, 1, 6, 6), normal(2, 1, 6, 6, seed=1), normal(2, 1, 6, 6, seed=2))
    return [*cases, double, (30 * mean, logvar, x), (x, sure, x), (mean, widths, x), sharp, square]


def gaussian_nll(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """`f(x_mean, x_logvar, x)`: -log p(x | z) per image, (N,), in nats, constants included."""

    def of_extremes(m: Tensor, s: Tensor, x: Tensor) -> str:
        return "" if not _extreme(s) else (
            "Right for ordinary widths. Is the variance clipped (F.gaussian_nll_loss does that), "
            "something added to it, or the density computed before its logarithm?"
        )  # fmt: skip

    mistakes: list[Mistake] = [
        *[(_weighted(weights), hint) for weights, hint in WEIGHTS.items()],
        (lambda m, s, x: -_nll(m, s, x), "that is log p; the loss is its negative"),
        (lambda m, s, x: 2 * _nll(m, s, x), "twice too much: each of the terms has a half"),
        (lambda m, s, x: _nll(m, s, x) / x[0].numel(), "sum over the pixels, don't average"),
        (lambda m, s, x: _nll(m, s, x).sum(), "one value per image, not their sum"),
        (lambda m, s, x: _nll(m, s, x).mean(), "one value per image, not their mean"),
        (lambda m, s, x: _nll(m, s, x).mean() / x[0].numel(), "one value per image, not one mean"),
        (
            lambda m, s, x: _nll(m, s, x) - (x[0].numel() - 1) * LOG_2PI / 2,
            "log(2 pi) / 2 for each pixel, not once an image: inside the sum",
        ),
        (
            lambda m, s, x: _nll(m, s, x) + (x[0].numel() - 1) * _total(s) / 2,
            "x_logvar is summed twice: once to one number, which is then added at each pixel",
        ),
        (lambda m, s, x: _nll(m, 2 * s, x), "x_logvar is log(sigma^2), not log(sigma)"),
        (lambda m, s, x: _nll(m, s / 2, x), "x_logvar is log(sigma^2) already: exp(x_logvar)"),
        (
            lambda m, s, x: _nll(m, s / 2, x) + _total(s) / 4,
            "divide the square by the variance, not by sigma",
        ),
        (
            lambda m, s, x: _nll(m, 2 * s, x) - _total(s) / 2,
            "divide the square by the variance, not by the variance squared",
        ),
        (
            lambda m, s, x: _nll(m, -s, x) + _total(s),
            "divide the square by the variance, don't multiply",
        ),
        (lambda m, s, x: _nll(m, -s, x), "a large x_logvar is a wide Gaussian: exp(x_logvar)"),
        (
            lambda m, s, x: _total((x - m).square() / s + s + LOG_2PI) / 2,
            "x_logvar is a logarithm: the variance is exp(x_logvar)",
        ),
        (
            lambda m, s, x: _total((x - m).abs() / (s / 2).exp() + s + LOG_2PI) / 2,
            "the distance from the mean is squared",
        ),
        (lambda m, s, x: _nll(m, 0 * s, x), "where is x_logvar? Each pixel has a width of its own"),
        (lambda m, s, x: _nll(m.sigmoid(), s, x), "x_mean is the mean itself: no sigmoid"),
        (lambda m, s, x: _total((x - m).square()), ONLY_SQUARES),
        (lambda m, s, x: _total((x - m).square()) / 2, ONLY_SQUARES),
        (lambda m, s, x: (x - m).square().flatten(1).mean(1), ONLY_SQUARES),
        (lambda m, s, x: _nll(m, s, x) / math.log(2), "these are bits; one bit is log(2) nats"),
    ]  # fmt: skip
    examine(
        function, _nll, _gaussian_pixels(), mistakes,
        "a decoder may say how sure it is, pixel by pixel, and pays if it is wrong.",
        otherwise=of_extremes,
        gradients=(0, 1),
    )  # fmt: skip


def effective_beta(function: Callable[[int, int, float], float]) -> None:
    """`f(n_pixels, latent_dim, kl_weight)`: beta of mean-over-pixels + weight * mean-over-z."""
    cases = [(784, 20, 1.0), (65, 3, 0.4), (4096, 7, 0.001), (12288, 2, 1.5), (16, 400, 1e-4)]
    examine(
        function, lambda n, d, w: w * n / d, cases,
        [
            (
                lambda n, d, w: d / n,
                "that is the kl_weight for a beta of 1; wanted is the beta of this kl_weight",
            ),
            (lambda n, d, w: w * d / n, "upside down: scale the loss until the NLL is a sum again"),
            (lambda n, d, w: d / n / w, "upside down: scale the loss until the NLL is a sum again"),
            (lambda n, d, w: w * n, "the KL is averaged, too: over latent_dim"),
            (lambda n, d, w: n / d, "right for kl_weight = 1; where does the weight go?"),
            (lambda n, d, w: n / d / w, "a larger weight gives a larger beta: multiply"),
            (lambda n, d, w: w, "the two terms are divided by different numbers"),
            (lambda n, d, w: w / d, "multiply the whole loss by n_pixels and look at the KL"),
            (lambda n, d, w: w * n * d, "the KL is divided by latent_dim, not multiplied"),
        ],
        "a beta that nobody chose; at 39.2 the codes collapse, though each term looks right.",
    )  # fmt: skip
