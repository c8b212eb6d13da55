import numpy as np
import pytest
import torch

from vae_helpers import binarize, load_mnist, make_anomalies


@pytest.fixture(scope="module")
def digits():
    return binarize(load_mnist(train=False)[0][:2000])


@pytest.fixture(scope="module")
def battery(digits):
    return make_anomalies(digits, seed=0)


def test_each_kind_has_its_name_and_size(battery):
    sizes = {name: len(images) for name, images in battery.items()}
    assert sizes == {
        "white noise": 2000, "pixel-mean noise": 2000, "sparse noise": 2000, "blank": 1,
        "inverted": 2000, "turned": 2000, "mirrored": 2000, "patches shuffled": 2000,
        "letters": 130, "Fashion-MNIST": 1000,
    }  # fmt: skip
    for images in battery.values():
        assert images.shape[1:] == (1, 28, 28)
        assert images.dtype == torch.float32
        assert set(images.unique().tolist()) <= {0.0, 1.0}


def test_noise_has_the_means_it_should_have(battery, digits):
    error = 5 * 0.5 / (2000**0.5)  # five standard errors
    assert (battery["white noise"].mean(dim=0) - 0.5).abs().max() < error
    assert (battery["pixel-mean noise"].mean(dim=0) - digits.mean(dim=0)).abs().max() < error
    assert (battery["sparse noise"].mean(dim=0) - digits.mean()).abs().max() < error
    for name in ("white noise", "pixel-mean noise", "sparse noise"):
        # Within an image, too, the coins are independent: no pixel follows its neighbour.
        residual = battery[name] - battery[name].mean(dim=0)
        assert abs((residual[..., 1:] * residual[..., :-1]).mean()) < 1e-3


def test_transformed_digits_are_the_digits(battery, digits):
    assert torch.equal(1 - battery["inverted"], digits)
    assert torch.equal(battery["mirrored"].flip(3), digits)
    assert torch.equal(battery["turned"][:, 0], digits[:, 0].transpose(1, 2).flip(1))
    assert battery["blank"].sum() == 0


def test_shuffled_patches_are_the_same_patches_elsewhere(battery, digits):
    def patches(x):
        return x.view(4, 7, 4, 7).permute(0, 2, 1, 3).reshape(16, 49)

    for before, after in zip(digits[:20], battery["patches shuffled"][:20], strict=True):
        rows = [sorted(map(tuple, patches(x).tolist())) for x in (before, after)]
        assert rows[0] == rows[1]
    moved = (digits != battery["patches shuffled"]).flatten(1).any(dim=1)
    assert moved.float().mean() > 0.99


def test_letters_are_set_as_mnist_digits_are(battery):
    grey = make_anomalies(torch.rand(2, 1, 28, 28))["letters"]
    rows, columns = (grey.sum(dim=axis).flatten(1) for axis in (3, 2))
    for sums in (rows, columns):
        centre = (sums * torch.arange(28)).sum(dim=1) / sums.sum(dim=1)
        assert (centre - 13.5).abs().max() <= 0.51
    sides = torch.stack([(sums > 0).sum(dim=1) for sums in (rows, columns)]).max(dim=0).values
    assert set(sides.tolist()) == {20}
    assert len(battery["letters"].unique(dim=0)) > 115  # few faces share a letter's shape


def test_grey_digits_get_grey_company():
    battery = make_anomalies(load_mnist(train=False)[0][:10])
    for name in ("inverted", "letters", "Fashion-MNIST"):
        assert len(battery[name].unique()) > 10


def test_seed_decides_and_the_callers_state_is_left_alone(digits):
    state = torch.get_rng_state()
    a, b, c = (make_anomalies(digits[:50], seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a[name], b[name]) for name in a)
    for name in ("white noise", "pixel-mean noise", "sparse noise", "patches shuffled"):
        assert not torch.equal(a[name], c[name])


def test_the_input_stays_as_it_was(digits):
    copy = digits.clone()
    make_anomalies(digits)
    assert torch.equal(copy, digits)


def test_refuses():
    with pytest.raises(TypeError, match=r"images must be a torch.Tensor"):
        make_anomalies(np.zeros((2, 1, 28, 28)))
    with pytest.raises(ValueError, match=r"\(N, 1, 28, 28\)"):
        make_anomalies(torch.zeros(2, 1, 8, 8))
