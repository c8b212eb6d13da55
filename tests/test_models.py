import math

import pytest
import torch
from sklearn.datasets import load_sample_images
from torch import nn

from vae_helpers import (
    VAE,
    Autoencoder,
    ConvVAE,
    active_units,
    anomaly_scores,
    bernoulli_nll,
    evaluate,
    fit,
    gaussian_nll,
    kl_divergence,
)


def parameters(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_conv_vae_has_the_published_number_of_parameters():
    model = ConvVAE()
    assert parameters(model) == 96_849
    assert parameters(model.decoder) == 65_281


def test_layer_sizes_are_the_ones_asked_for():
    def sizes(module):
        return [
            (m.in_features, m.out_features) for m in module.modules() if isinstance(m, nn.Linear)
        ]

    assert sizes(Autoencoder()) == [(784, 512), (512, 2), (2, 512), (512, 784)]
    model = VAE((1, 28, 28), (400, 150), 2)
    assert sizes(model.encoder) == [(784, 400), (400, 150)]
    assert sizes(model.decoder) == [(2, 150), (150, 400), (400, 784)]
    assert sizes(VAE((1, 8, 8), [], 3)) == [(64, 3), (64, 3), (3, 64)]


@pytest.mark.parametrize(
    "model", [VAE(), ConvVAE(), VAE((1, 8, 8), (32,), 4)], ids=["mlp", "conv", "8x8"]
)
def test_vae_shapes(model):
    x = torch.rand(3, *model.image_shape)
    mu, logvar = model.encode(x)
    assert mu.shape == logvar.shape == (3, model.latent_dim)
    assert model.decode(mu).shape == x.shape
    x_logits, mu, logvar = model(x)
    assert x_logits.shape == x.shape
    assert x_logits.min() < 0  # logits, not probabilities
    assert [t.shape for t in model.loss_terms(x)] == [(3,), (3,)]
    images = model.eval().sample(7)
    assert images.shape == (7, *model.image_shape)
    assert 0 <= images.min() <= images.max() <= 1
    assert not images.requires_grad


def test_autoencoder_shapes_and_loss():
    model, x = Autoencoder(latent_dim=3), torch.rand(4, 1, 28, 28)
    x_logits, z = model(x)
    assert z.shape == (4, 3)
    assert x_logits.shape == x.shape
    error, nothing = model.loss_terms(x)
    expected = (x_logits.sigmoid() - x).square().sum(dim=(1, 2, 3))
    torch.testing.assert_close(error, expected)
    assert nothing.tolist() == [0, 0, 0, 0]


def test_reparameterize_draws_from_the_posterior():
    model = VAE((1, 2, 2), (3,), 2)
    mu, logvar = torch.tensor([1.0, -2.0]), torch.tensor([0.0, -3.0])
    z = model.reparameterize(mu.expand(200_000, 2), logvar.expand(200_000, 2))
    torch.testing.assert_close(z.mean(dim=0), mu, atol=0.02, rtol=0)
    torch.testing.assert_close(z.var(dim=0).log(), logvar, atol=0.02, rtol=0)


def test_gradients_flow_through_the_draw():
    model = VAE((1, 2, 2), (3,), 2)
    mu = torch.zeros(1, 2, requires_grad=True)
    logvar = torch.zeros(1, 2, requires_grad=True)
    z = model.reparameterize(mu, logvar)
    z.sum().backward()
    assert mu.grad.tolist() == [[1, 1]]
    torch.testing.assert_close(logvar.grad, 0.5 * z.detach())  # dz/dlogvar = sigma eps / 2


def test_loss_terms_are_the_losses_of_one_forward_pass():
    model, x = VAE(), torch.rand(5, 1, 28, 28).round()
    torch.manual_seed(3)
    x_logits, mu, logvar = model(x)
    torch.manual_seed(3)
    nll, kl = model.loss_terms(x)
    assert torch.equal(nll, bernoulli_nll(x_logits, x))
    assert torch.equal(kl, kl_divergence(mu, logvar))


def test_sample_decodes_the_prior():
    model = VAE()
    torch.manual_seed(5)
    images = model.sample(6)
    torch.manual_seed(5)
    assert torch.equal(images, model.decode(torch.randn(6, 20)).sigmoid())


@pytest.mark.parametrize("cls", [VAE, Autoencoder])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image_shape": 784}, r"image_shape must be \(channels, height, width\).*got 784"),
        ({"image_shape": (28, 28)}, r"image_shape.*got \(28, 28\)"),
        ({"image_shape": (1, 28, 0)}, "image_shape.*0"),
        ({"image_shape": (1, 28.0, 28)}, "image_shape.*28.0"),
        ({"image_shape": None}, "image_shape.*None"),
        ({"hidden_dims": 400}, r"hidden_dims.*\(400,\)"),
        ({"hidden_dims": (400, 0)}, "hidden_dims"),
        ({"latent_dim": -1}, "latent_dim.*-1"),
        ({"latent_dim": 2.5}, "latent_dim"),
    ],
)
def test_impossible_sizes_are_named(cls, arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        cls(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"channels": 32}, r"channels must be a sequence, got 32: write \(32,\)"),
        ({"channels": (32,)}, "channels must have two widths or more"),
        ({"channels": (1, 0)}, "channels.*positive"),
        ({"image_shape": (28, 28)}, "image_shape"),
        ({"likelihood": "normal"}, "likelihood must be 'bernoulli' or 'gaussian', got 'normal'"),
        ({"pixel_std": 0.1}, "pixel_std=0.1 goes with likelihood='gaussian' only"),
        ({"likelihood": "gaussian", "pixel_std": 0}, "pixel_std must be a number above 0"),
    ],
)
def test_impossible_convolutional_models_are_named(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ConvVAE(**arguments)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (3, 17, 30), (2, 5, 1), (4, 1, 9)])
@pytest.mark.parametrize(
    "make",
    [
        lambda shape: Autoencoder(shape, (8,), 3),
        lambda shape: VAE(shape, (8,), 3),
        lambda shape: ConvVAE(shape, (2, 4, 8), 3),
        lambda shape: ConvVAE(shape, (2, 4, 8, 8, 16), 3, likelihood="gaussian"),
    ],
)
def test_images_of_any_shape_come_back_in_that_shape(make, shape):
    model, x = make(shape), torch.rand(4, *shape)
    assert model.image_shape == shape
    assert model(x)[0].shape == x.shape
    assert fit(model, x, x, epochs=1, seed=0, progress=False).test_loss[0] is not None
    if not isinstance(model, Autoencoder):
        assert model.sample(2).shape == (2, *shape)


@pytest.mark.parametrize("use", [evaluate, active_units, anomaly_scores, fit])
def test_images_of_another_shape_are_refused_with_both_shapes(use):
    words = (
        r"^(x|train) holds images of shape \(3, 8, 8\), the model is made for \(1, 28, 28\): "
        r"make it with image_shape=\(3, 8, 8\), or resize them"
    )
    with pytest.raises(ValueError, match=words):
        use(VAE(), torch.rand(2, 3, 8, 8))


def test_a_learned_scale_finds_the_root_of_the_mean_squared_error():
    torch.manual_seed(0)
    pictures = 0.5 + 0.2 * torch.randn(400, 1, 6, 6).clamp(-2, 2)  # nothing in them to learn
    model = VAE((1, 6, 6), (16,), 2, likelihood="gaussian")
    fit(model, pictures, epochs=60, seed=0, progress=False)
    with torch.no_grad():
        recon_x = model(pictures)[0].sigmoid()
    rms = (recon_x - pictures).square().mean().sqrt().item()
    assert model.pixel_std.item() == pytest.approx(rms, rel=0.05)
    assert rms < 0.25


def test_a_fixed_scale_stays_and_travels_with_the_weights():
    model = VAE((1, 4, 4), (4,), 2, likelihood="gaussian", pixel_std=0.25)
    fit(model, torch.rand(20, 1, 4, 4), epochs=1, seed=0, progress=False)
    assert model.pixel_std.item() == 0.25
    other = VAE((1, 4, 4), (4,), 2, likelihood="gaussian", pixel_std=9.0)
    other.load_state_dict(model.state_dict())
    assert other.pixel_std.item() == 0.25
    assert VAE().pixel_std is None


@pytest.mark.parametrize("pixel_std", [None, 0.5])
def test_the_loss_is_that_of_the_models_own_likelihood(pixel_std):
    model = ConvVAE((3, 8, 8), (2, 4), 2, likelihood="gaussian", pixel_std=pixel_std)
    x = torch.rand(5, 3, 8, 8)
    torch.manual_seed(3)
    x_logits, mu, logvar = model(x)
    torch.manual_seed(3)
    nll, kl = model.loss_terms(x)
    assert torch.equal(nll, gaussian_nll(x_logits.sigmoid(), x, model.pixel_std))
    assert torch.equal(kl, kl_divergence(mu, logvar))


@pytest.mark.parametrize("seed", range(5))
def test_colour_patches_of_photographs_train_to_a_falling_loss(seed):
    """64 x 64 pixels in colour, with the learned scale."""
    photograph = torch.from_numpy(load_sample_images().images[seed % 2].copy()).float() / 255
    squares = photograph.unfold(0, 64, 64).unfold(1, 64, 64).flatten(0, 1)
    torch.manual_seed(seed)
    model = ConvVAE((3, 64, 64), (8, 16, 16, 16), 8, likelihood="gaussian")
    losses = fit(model, squares, epochs=5, batch_size=8, seed=seed, progress=False).train_loss
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < losses[0] - 5000
