import math
from itertools import pairwise
from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vae_helpers as vh
from vae_helpers import (
    VAE,
    Autoencoder,
    ConvVAE,
    active_units,
    anomaly_scores,
    evaluate,
    fit,
    importance_weighted_nll,
)


@pytest.fixture(scope="module")
def tiny():
    """Four binary pixels, one latent dimension: small enough to integrate over z on a grid."""
    torch.manual_seed(1)
    model = VAE((1, 2, 2), hidden_dims=(8,), latent_dim=1).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.8)
    # A posterior wider than the prior, and near it, bounds the importance weights closely.
    model.mu_head.weight.data.mul_(0.2)
    torch.nn.init.zeros_(model.logvar_head.weight)
    torch.nn.init.constant_(model.logvar_head.bias, 0.7)
    return model


@pytest.fixture(scope="module")
def every_image():
    bits = [[(i >> k) & 1 for k in range(4)] for i in range(16)]
    return torch.tensor(bits, dtype=torch.float64).view(16, 1, 2, 2)


@pytest.fixture(scope="module")
def truth(tiny, every_image):
    """-log p(x) by the trapezoidal rule."""
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    with torch.no_grad():
        x_logits = tiny.decode(z[:, None]).flatten(1)
        log_px = torch.distributions.Bernoulli(logits=x_logits[:, None]).log_prob(
            every_image.flatten(1)[None]
        )
        joint = (log_px.sum(dim=2) - 0.5 * (z**2)[:, None] - 0.5 * math.log(2 * math.pi)).exp()
    return -torch.trapezoid(joint, z, dim=0).log()


def test_truth_is_a_distribution_over_the_sixteen_images(truth):
    assert (-truth).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_importance_weighted_nll_finds_the_true_likelihood(tiny, every_image, truth):
    estimate = importance_weighted_nll(tiny, every_image, 100_000, max_rows=200_000)
    torch.testing.assert_close(estimate.double(), truth, atol=0.03, rtol=0)


def test_importance_weighted_nll_falls_with_the_number_of_samples(tiny, every_image, truth):
    many = every_image.repeat(500, 1, 1, 1)
    means = [importance_weighted_nll(tiny, many, k).mean().item() for k in (1, 3, 10, 100)]
    assert means == sorted(means, reverse=True)
    assert means[-1] > truth.mean().item() - 0.01


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), image=st.integers(0, 15))
def test_the_bound_falls_for_any_model_and_image(every_image, seed, image):
    """On average: 4,000 estimates each, so up to five standard errors of the difference."""
    torch.manual_seed(seed)
    model = VAE((1, 2, 2), hidden_dims=(6,), latent_dim=2).double()
    many = every_image[image : image + 1].expand(4000, 1, 2, 2)
    bounds = [importance_weighted_nll(model, many, k, seed=k) for k in (1, 4, 16)]
    for looser, tighter in pairwise(bounds):
        error = math.sqrt((looser.var() + tighter.var()) / len(many))
        assert tighter.mean() < looser.mean() + 5 * error


def test_one_sample_is_the_negative_elbo(tiny, every_image):
    many = every_image.repeat(4000, 1, 1, 1)
    elbo = evaluate(tiny, many).loss
    assert importance_weighted_nll(tiny, many, 1).mean().item() == pytest.approx(elbo, abs=0.05)


@pytest.mark.parametrize(
    ("n_images", "n_samples", "max_rows"),
    [(3, 4, 1), (5, 3, 7), (2, 50, 20), (6, 1, 4), (1, 30_000, None)],
)
def test_memory_bound_holds_and_every_draw_counts(monkeypatch, n_images, n_samples, max_rows):
    model, sizes = VAE((1, 2, 2), hidden_dims=(), latent_dim=1), []
    decode = model.decode
    monkeypatch.setattr(model, "decode", lambda z: sizes.append(len(z)) or decode(z))
    options = {"max_rows": max_rows} if max_rows else {}
    importance_weighted_nll(model, torch.zeros(n_images, 1, 2, 2), n_samples, **options)
    assert max(sizes) <= (max_rows or 1000)
    assert sum(sizes) == n_images * n_samples


def test_draws_are_those_of_the_seed(tiny, every_image):
    bounds = [importance_weighted_nll(tiny, every_image, 3, seed=seed) for seed in (0, 1)]
    assert torch.equal(importance_weighted_nll(tiny, every_image, 3), bounds[0])
    assert not torch.equal(*bounds)
    loss = evaluate(tiny, every_image).loss
    assert (
        loss == evaluate(tiny, every_image, seed=0).loss != evaluate(tiny, every_image, seed=1).loss
    )


@pytest.mark.parametrize("max_rows", [1, 7, 64, 10_000])
def test_memory_bound_changes_neither_shape_nor_size(tiny, every_image, truth, max_rows):
    estimate = importance_weighted_nll(tiny, every_image, 300, max_rows=max_rows)
    assert estimate.shape == (16,)
    torch.testing.assert_close(estimate.double(), truth, atol=0.4, rtol=0)


def test_evaluate_is_the_mean_of_the_loss_terms_whatever_the_batches(tiny, every_image):
    torch.manual_seed(0)
    with torch.no_grad():
        nll, kl = tiny.loss_terms(every_image)
    got = evaluate(tiny, every_image, beta=3.0, seed=0)
    assert got.nll == pytest.approx(nll.mean().item(), rel=1e-12)
    assert got.kl == pytest.approx(kl.mean().item(), rel=1e-12)
    assert got.loss == pytest.approx(got.nll + 3 * got.kl)
    assert evaluate(tiny, every_image, batch_size=3).kl == pytest.approx(got.kl, rel=1e-12)
    with pytest.raises(ValueError, match=r"^batch_size must be a whole number"):
        evaluate(tiny, every_image, batch_size=0)


@pytest.mark.parametrize("function", [evaluate, lambda m, x: importance_weighted_nll(m, x, 2)])
def test_evaluation_leaves_random_state_and_mode_alone(function):
    model, x = ConvVAE().train(), torch.rand(4, 1, 28, 28).round()
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    before = torch.get_rng_state()
    function(model, x)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())


def test_evaluation_mode_is_restored_after_an_error():
    model = VAE().train()
    model.loss_terms = None
    with pytest.raises(TypeError):
        evaluate(model, torch.rand(2, 1, 28, 28))
    assert model.training


def test_active_units_counts_the_dimensions_that_vary():
    model = VAE((1, 2, 2), hidden_dims=(), latent_dim=3)
    with torch.no_grad():
        model.mu_head.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0.01, 0, 0, 0], [0, 0, 0, 0]]))
        model.mu_head.bias.fill_(5)
    x = torch.rand(2500, 1, 2, 2)
    assert active_units(model, x).tolist() == [True, False, False]
    assert active_units(model, x, threshold=1e-7).tolist() == [True, True, False]


def test_active_units_needs_two_images_and_more_than_the_threshold():
    with pytest.raises(ValueError, match=r"^x must hold at least two images: a variance needs"):
        active_units(VAE(), torch.rand(1, 1, 28, 28))
    model = VAE((1, 1, 1), hidden_dims=(), latent_dim=1)
    torch.nn.init.constant_(model.mu_head.weight, 2.0)
    two = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)  # their mu, 0 and 2, have a variance of 2
    assert not active_units(model, two, threshold=2.0).any()
    assert active_units(model, two, threshold=1.999).all()


class Watched(torch.Tensor):
    """Notes where it is moved to."""

    moves: ClassVar[list] = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.to:
            cls.moves.append(args[1])
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.mark.parametrize(
    "function",
    [
        evaluate,
        active_units,
        anomaly_scores,
        lambda m, x: importance_weighted_nll(m, x, 2),
        lambda m, x: fit(m, x, epochs=1, progress=False),
    ],
)
def test_images_go_where_the_model_is(function):
    Watched.moves.clear()
    function(VAE(hidden_dims=(4,)), torch.rand(3, 1, 28, 28).round().as_subclass(Watched))
    assert Watched.moves == [torch.device("cpu")]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (None, "x must be a torch.Tensor.*NoneType"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), "floating.*uint8.*255"),
        (torch.zeros(2, 784), r"shape \(N, 1, 28, 28\), got \(2, 784\)"),
        (torch.zeros(0, 1, 28, 28), "empty"),
        (torch.full((2, 1, 28, 28), math.nan), "NaN"),
        (torch.full((2, 1, 28, 28), 255.0), r"\[0, 1\], got 255"),
        (torch.full((2, 1, 28, 28), -0.1), r"\[0, 1\], got -0.1"),
    ],
)
@pytest.mark.parametrize(
    "function", [evaluate, active_units, lambda m, x: importance_weighted_nll(m, x, 5)]
)
def test_bad_images_are_named(function, x, words):
    with pytest.raises((TypeError, ValueError), match=words):
        function(VAE(), x)


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, True, None])
def test_bad_numbers_of_samples_are_named(n_samples):
    with pytest.raises(ValueError, match="n_samples must be a whole number"):
        importance_weighted_nll(VAE(), torch.rand(2, 1, 28, 28).round(), n_samples)


def test_grey_values_have_no_bernoulli_likelihood():
    x = torch.rand(2, 1, 28, 28).round()
    x[1, 0, 3, 3] = 0.5
    with pytest.raises(ValueError, match=r"^x holds grey values") as error:
        importance_weighted_nll(VAE(), x, 2)
    assert str(error.value) == (
        "x holds grey values, which have no likelihood under Bernoulli pixels: round them with "
        "binarize(x) and train on such images, or make the model with likelihood='gaussian'"
    )


def test_the_bound_of_a_gaussian_likelihood_finds_the_true_density():
    """One pixel, one latent dimension: integrated on a grid. And it takes grey values."""
    torch.manual_seed(2)
    model = VAE((1, 1, 1), (4,), 1, likelihood="gaussian", pixel_std=0.3).double()
    for weight in model.decoder.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    torch.nn.init.zeros_(model.logvar_head.weight)  # a wide posterior bounds the weights
    torch.nn.init.constant_(model.logvar_head.bias, 0.7)
    x = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64).view(3, 1, 1, 1)
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    with torch.no_grad():
        mean = model.decode(z[:, None]).sigmoid().flatten()
    log_px = torch.distributions.Normal(mean, 0.3).log_prob(x.view(3, 1))
    joint = (log_px - 0.5 * z**2 - 0.5 * math.log(2 * math.pi)).exp()
    truth = -torch.trapezoid(joint, z, dim=1).log()
    estimate = importance_weighted_nll(model, x, 100_000, max_rows=200_000)
    torch.testing.assert_close(estimate.double(), truth, atol=0.03, rtol=0)


def test_evaluate_works_for_the_autoencoder():
    model, x = Autoencoder(), torch.rand(3, 1, 28, 28)
    got = evaluate(model, x)
    assert got.kl == 0
    assert got.loss == got.nll > 0


class NoWeights(torch.nn.Module):
    """Calls every pixel a fair coin."""

    image_shape = (1, 4, 4)

    def encode(self, x):
        return torch.zeros(len(x), 2), torch.zeros(len(x), 2)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return torch.zeros(len(z), *self.image_shape)

    def loss_terms(self, x):
        mu, logvar = self.encode(x)
        x_logits = self.decode(self.reparameterize(mu, logvar))
        return vh.bernoulli_nll(x_logits, x), vh.kl_divergence(mu, logvar)


def test_a_model_without_weights_is_evaluated():
    model, x = NoWeights(), torch.rand(3, 1, 4, 4).round()
    assert evaluate(model, x) == pytest.approx((16 * math.log(2), 16 * math.log(2), 0))
    assert importance_weighted_nll(model, x, 3).tolist() == pytest.approx([16 * math.log(2)] * 3)
    assert active_units(model, x).tolist() == [False, False]
    assert anomaly_scores(model, x).neg_elbo.tolist() == pytest.approx([16 * math.log(2)] * 3)
    with pytest.raises(ValueError, match=r"^x holds grey values"):  # Bernoulli, unless it says so
        importance_weighted_nll(model, x / 2, 3)


@pytest.mark.parametrize(
    "use",
    [
        lambda model, x: evaluate(model, x),
        lambda model, x: importance_weighted_nll(model, x, 2),
        lambda model, x: active_units(model, x),
        lambda model, x: anomaly_scores(model, x),
        lambda model, x: fit(model, x, epochs=1, seed=0, progress=False).train_loss,
        lambda model, x: vh.AnomalyDetector(model, 2).fit(x).score(x),
        lambda model, x: vh.latent_explorer(model, x).weights,
        lambda model, x: vh.drawing_pad(model).weights,
    ],
)
def test_compiled_models_work_everywhere(use):
    """Of a compiled model one cannot ask whether it is true: it has no length."""
    x = torch.rand(40, 1, 28, 28).round()

    def made():
        torch.manual_seed(0)
        return VAE(hidden_dims=(4,), latent_dim=2)

    plain, compiled = use(made(), x), use(torch.compile(made(), backend="eager"), x)
    if isinstance(plain, bytes):  # a widget's
        assert compiled == plain
    else:
        torch.testing.assert_close(compiled, plain)
