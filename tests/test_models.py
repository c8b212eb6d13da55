import pytest
import torch
from torch import nn

from vae_helpers import VAE, Autoencoder, ConvVAE, bernoulli_nll, kl_divergence


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
    model = VAE(784, (400, 150), 2)
    assert sizes(model.encoder) == [(784, 400), (400, 150)]
    assert sizes(model.decoder) == [(2, 150), (150, 400), (400, 784)]
    assert sizes(VAE(64, [], 3)) == [(64, 3), (64, 3), (3, 64)]


@pytest.mark.parametrize("model", [VAE(), ConvVAE(), VAE(64, (32,), 4)], ids=["mlp", "conv", "8x8"])
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
    model = VAE(4, (3,), 2)
    mu, logvar = torch.tensor([1.0, -2.0]), torch.tensor([0.0, -3.0])
    z = model.reparameterize(mu.expand(200_000, 2), logvar.expand(200_000, 2))
    torch.testing.assert_close(z.mean(dim=0), mu, atol=0.02, rtol=0)
    torch.testing.assert_close(z.var(dim=0).log(), logvar, atol=0.02, rtol=0)


def test_gradients_flow_through_the_draw():
    model = VAE(4, (3,), 2)
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
        ({"data_dim": 783}, "data_dim.*783"),
        ({"data_dim": 0}, "data_dim.*0"),
        ({"data_dim": 28.0}, "data_dim"),
        ({"hidden_dims": 400}, r"hidden_dims.*\(400,\)"),
        ({"hidden_dims": (400, 0)}, "hidden_dims"),
        ({"latent_dim": -1}, "latent_dim.*-1"),
        ({"latent_dim": 2.5}, "latent_dim"),
    ],
)
def test_impossible_sizes_are_named(cls, arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        cls(**arguments)


def test_conv_vae_refuses_an_impossible_latent_dim():
    with pytest.raises(ValueError, match="latent_dim"):
        ConvVAE(latent_dim=0)
