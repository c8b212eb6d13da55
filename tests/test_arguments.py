"""Every public function, given what it cannot use: an error that names the argument, or the truth.

Never a result that is silently wrong: where numbers are not finite, neither is what comes out.
"""

import inspect
import re

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

import vae_helpers as vh

torch.manual_seed(0)
IMAGES, CODES, LABELS = torch.rand(8, 1, 28, 28).round(), torch.randn(8, 2), torch.arange(8) % 3
MODEL = vh.VAE(hidden_dims=(16,), latent_dim=2)
HISTORY = vh.History()
HISTORY.add("train", 1.0, 2.0, 1.0)
GRID = vh.uniform_grid(3)
# function -> arguments that it takes; each is spoilt in turn
GOOD = {
    "kl_divergence": {"mu": CODES, "logvar": CODES},
    "bernoulli_nll": {"x_logits": IMAGES, "x": IMAGES},
    "gaussian_nll": {"recon_x": IMAGES, "x": IMAGES, "pixel_std": 0.5},
    "squared_error": {"recon_x": IMAGES, "x": IMAGES},
    "negative_elbo": {"x_logits": IMAGES, "x": IMAGES, "mu": CODES, "logvar": CODES},
    "binarize": {"images": IMAGES},
    "lerp": {"start": CODES, "end": CODES, "n": 3},
    "slerp": {"start": CODES, "end": CODES, "n": 3},
    "uniform_grid": {"n": 3, "low": -1.0, "high": 1.0},
    "inverse_cdf_grid": {"n": 3, "low": 0.1, "high": 0.9},
    "evaluate": {"model": MODEL, "x": IMAGES, "seed": 0},
    "importance_weighted_nll": {"model": MODEL, "x": IMAGES, "n_samples": 2},
    "active_units": {"model": MODEL, "x": IMAGES},
    "frechet_distance": {"a": CODES, "b": CODES},
    "anomaly_scores": {"model": MODEL, "x": IMAGES},
    "make_anomalies": {"images": IMAGES, "seed": 0},
    "fit": {"model": MODEL, "train": IMAGES, "epochs": 1, "lr": 1e-3, "beta": 1.0},
    "train_classifier": {"images": IMAGES, "labels": LABELS},
    "class_probabilities": {
        "classifier": vh.train_classifier(IMAGES, LABELS), "images": IMAGES},
    "tile_images": {"images": IMAGES, "columns": 3},
    "plot_images": {"rows": {"a": IMAGES}},
    "plot_codes": {"codes": {"a": CODES}, "labels": LABELS},
    "plot_density": {"panels": {"a": (GRID[:, 0] ** 2, GRID)}},
    "plot_image_grid": {"panels": {"a": (IMAGES[:1].repeat(9, 1, 1, 1), GRID)}},
    "plot_curves": {"curves": {"a": [1, 2]}, "xlabel": "x", "ylabel": "y"},
    "plot_history": {"histories": {"a": HISTORY}},
    "plot_bars": {"bars": {"a": [1, 2]}, "names": "pq", "xlabel": "x", "ylabel": "y"},
    "plot_histograms": {"panels": {"a": {"b": CODES[:, 0]}}, "xlabel": "x"},
    "plot_table": {"values": CODES, "rows": "abcdefgh", "columns": "pq"},
    "latent_explorer": {"model": MODEL},
    "drawing_pad": {"model": MODEL},
    "write_gif": {"frames": IMAGES[:, 0], "path": "a.gif", "fps": 5},
    "seed_everything": {"seed": 0},
}  # fmt: skip
# Arguments without a wrong value among those tried: no label, and evaluate's own random seed.
FREE = {"xlabel", "ylabel", "evaluate-seed"}
# Tested with their own modules, since what they take is no tensor or model.
ELSEWHERE = {
    "AnomalyDetector", "Autoencoder", "ConvVAE", "Evaluation", "History", "VAE", "batches",
    "load_fashion_sample", "load_images", "load_mnist", "load_torchvision", "load_uci_digits",
    "pick_device", "show", "show_gif",
}  # fmt: skip


def spoilt(value):
    """What somebody may give by mistake in place of `value`."""
    yield "None", None
    yield "string", "seven"
    if isinstance(value, Tensor):
        yield "list", value.tolist()
        yield "array", value.numpy()
        yield (
            "integers" if value.is_floating_point() else "floats",
            (value.long() if value.is_floating_point() else value.float()),
        )
        yield "no rows", value[:0]
        yield "a single row", value[0]
        yield "one axis more", value[None]
        yield "fewer rows", value[:3]
        yield "float64", value.double()
        yield "no data", value.to("meta")
        for number in (torch.nan, torch.inf):
            if value.is_floating_point():
                bad = value.clone()
                bad.view(-1)[0] = number
                yield str(number), bad
    elif isinstance(value, int | float):
        for number in (-1, 0, 10.5, torch.nan, torch.inf):
            yield str(number), number
    elif isinstance(value, dict):
        yield "nothing in it", {}


CASES = [
    pytest.param(function, argument, bad, what, id=f"{function}-{argument}-{what}")
    for function, arguments in GOOD.items()
    for argument, value in arguments.items()
    for what, bad in spoilt(value)
    if not {argument, f"{function}-{argument}"} & FREE
]  # fmt: skip


def finite(result):
    tensors = (
        [result] if isinstance(result, Tensor) else result if isinstance(result, tuple) else []
    )
    return all(torch.isfinite(torch.as_tensor(t)).all() for t in tensors)


def attempt(function, arguments):
    """The result, or the error if it is one of those that a user may be shown."""
    try:
        return getattr(vh, function)(**arguments), None
    except (TypeError, ValueError, FloatingPointError) as error:
        return None, error


@pytest.mark.parametrize(("function", "argument", "bad", "what"), CASES)
def test_misuse_is_named_or_harmless(function, argument, bad, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quiet = {"progress": False} if function == "fit" else {}
    result, error = attempt(function, {**GOOD[function], **quiet, argument: bad})
    if error:
        # Of two lengths that differ, either may be the wrong one; `fit` watches its loss, too.
        names = GOOD[function] if "fewer rows" in what or argument == "names" else [argument]
        words = [*names, "frame", "meta device", "the loss is"]
        assert re.search(rf"\b({'|'.join(words)})", str(error)), f"{error!r} names no {argument}"
        return
    # What is left must be a right result for what was given.
    assert what not in {"None", "string", "no data", "nothing in it"} or argument == "path"
    is_silent = what in {"nan", "inf"} and finite(result)
    if function in {"bernoulli_nll", "negative_elbo"} and (argument, what) == ("x_logits", "inf"):
        assert IMAGES.view(-1)[0] == 1 or not is_silent  # certain and right costs nothing
    elif function.startswith("plot_"):
        result.canvas.draw()  # leaves a gap, or writes nan
    else:
        assert not is_silent, f"{what} in {argument} gave {result}"


def test_every_public_function_is_tried():
    public = {name for name in dir(vh) if not name.startswith("_") and callable(getattr(vh, name))}
    assert public == set(GOOD) | ELSEWHERE
    for function, arguments in GOOD.items():
        assert set(arguments) <= set(inspect.signature(getattr(vh, function)).parameters)


class OnGPU(Tensor):
    """A tensor that says so."""

    device = torch.device("cuda:0")


@pytest.mark.parametrize(
    "function", ["kl_divergence", "bernoulli_nll", "squared_error", "negative_elbo", "lerp"]
)
def test_two_devices_are_named(function):
    """A pretended GPU will do: the check comes before any arithmetic."""
    first, second, *_ = tensors = {k: v for k, v in GOOD[function].items() if k != "n"}
    there = tensors | {second: tensors[second].as_subclass(OnGPU)}
    number = {"n": 3} if function == "lerp" else {}
    with pytest.raises(ValueError, match=f"{second} is on cuda:0, {first} on cpu: move"):
        getattr(vh, function)(**there, **number)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (IMAGES.numpy(), "torch.from_numpy(x).float()"),
        ((255 * IMAGES.numpy()).astype("uint8"), "torch.from_numpy(x).float() / 255"),
        (vh.batches(IMAGES, LABELS, batch_size=3), "torch.cat([batch[0] for batch in x])"),
        (TensorDataset(IMAGES, LABELS), "torch.stack([item[0] for item in x])"),
        (list(IMAGES), "torch.stack(x)"),
    ],
)
@pytest.mark.parametrize("function", [vh.evaluate, vh.fit, vh.anomaly_scores, vh.active_units])
def test_the_error_gives_the_line_that_converts(function, value, line):
    """And the line is right: what it makes of the value is taken."""
    with pytest.raises(TypeError, match="convert it with") as error:
        function(MODEL, value)
    name = str(error.value).split()[0]  # x or train
    assert str(error.value).endswith(
        line.replace("(x)", f"({name})").replace("in x]", f"in {name}]")
    )
    converted = eval(line, {"torch": torch, "x": value})
    torch.testing.assert_close(converted, IMAGES)


@pytest.mark.parametrize("value", [[[0.0, 1.0]], [], "digits"])
def test_of_anything_else_the_error_names_what_makes_tensors(value):
    kind = type(value).__name__
    words = f"^x must be a torch.Tensor of images, got {kind}: convert it with torch.as_tensor$"
    with pytest.raises(TypeError, match=words):
        vh.evaluate(MODEL, value)


def test_no_model_and_no_images_are_named():
    with pytest.raises(TypeError, match=r"^model must be a torch.nn.Module, .* got list$"):
        vh.evaluate([MODEL], IMAGES)
    with pytest.raises(ValueError, match=r"^images must have shape \(N, C, H, W\), got \(28, 28\)"):
        vh.make_anomalies(IMAGES[0, 0])


def test_images_of_another_shape_are_told_what_to_do():
    with pytest.raises(ValueError, match=r"^x holds images of shape") as error:
        vh.evaluate(MODEL, torch.rand(2, 3, 8, 9))
    assert str(error.value) == (
        "x holds images of shape (3, 8, 9), the model is made for (1, 28, 28): "
        "make it with image_shape=(3, 8, 9), or resize them"
    )


@pytest.mark.parametrize("pixel", [torch.nan, torch.inf, -torch.inf])
def test_one_pixel_that_is_no_number_is_enough(pixel):
    x = IMAGES.clone()
    x[3, 0, 5, 5] = pixel
    with pytest.raises(ValueError, match=r"^x holds NaN or infinite pixels: remove or replace"):
        vh.evaluate(MODEL, x)


def test_values_of_tensors_that_ask_for_gradients_are_taken_and_meta_ones_are_not(tmp_path):
    frames = torch.rand(2, 4, 4, requires_grad=True)
    assert vh.write_gif(list(frames), tmp_path / "a.gif").exists()
    with pytest.raises(ValueError, match=r"^values are on the meta device, where tensors have no "):
        vh.write_gif([torch.rand(4, 4, device="meta")], tmp_path / "b.gif")


def test_mappings_and_names_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"^bars must be a dict, label -> heights, got list$"):
        vh.plot_bars([1.0], ["a"], "digit", "share")
    with pytest.raises(TypeError, match=r"^names must be a sequence, got int$"):
        vh.plot_bars({"some": [1.0]}, 32, "digit", "share")
