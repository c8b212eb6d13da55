import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Independent, Normal
from torch.distributions import kl_divergence as torch_kl

from vae_helpers import (
    bernoulli_nll,
    gaussian_nll,
    kl_divergence,
    negative_elbo,
    squared_error,
)

numbers = st.floats(-6, 6, width=32)


@st.composite
def gaussians(draw):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 8)))
    values = st.lists(numbers, min_size=math.prod(shape), max_size=math.prod(shape))
    return torch.tensor(draw(values)).view(shape), torch.tensor(draw(values)).view(shape)


def prior(mu):
    return Normal(torch.zeros_like(mu), torch.ones_like(mu))


@given(gaussians())
def test_kl_agrees_with_torch_distributions(gaussian):
    mu, logvar = (t.double() for t in gaussian)
    theirs = torch_kl(Normal(mu, torch.exp(0.5 * logvar)), prior(mu)).sum(dim=1)
    torch.testing.assert_close(kl_divergence(mu, logvar), theirs, rtol=1e-6, atol=1e-6)


@given(gaussians())
def test_kl_in_float32_is_one_value_an_image_and_not_negative(gaussian):
    kl = kl_divergence(*gaussian)
    assert kl.shape == gaussian[0].shape[:1]
    assert (kl >= 0).all()


@given(gaussians())
def test_kl_is_zero_only_at_the_prior(gaussian):
    mu, logvar = gaussian
    off = (mu.abs() > 0.01).any(dim=1) | (logvar.abs() > 0.01).any(dim=1)
    assert (kl_divergence(mu, logvar)[off] > 0).all()
    assert (kl_divergence(mu * 0, logvar * 0) == 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_kl_agrees_with_monte_carlo(seed):
    generator = torch.Generator().manual_seed(seed)
    mu, logvar = torch.randn(2, 1, 6, generator=generator)
    q = Normal(mu, torch.exp(0.5 * logvar))
    z = mu + q.stddev * torch.randn(200_000, 6, generator=generator)
    draws = (q.log_prob(z) - prior(mu).log_prob(z)).sum(dim=1)
    error = draws.std() / math.sqrt(len(draws))
    assert abs(draws.mean() - kl_divergence(mu, logvar)) < 5 * error


def test_kl_keeps_small_values():
    """exp(logvar) - 1 would lose them in float32."""
    logvar = torch.full((1, 1), 1e-3)
    exact = 0.5 * (math.expm1(1e-3) - 1e-3)
    mu = torch.zeros(1, 1)
    assert kl_divergence(mu, logvar).item() == pytest.approx(exact, rel=1e-3)


@given(gaussians(), st.integers(0, 2**20))
def test_bernoulli_nll_agrees_with_torch_distributions(gaussian, seed):
    x_logits = gaussian[0].double()
    x = torch.rand(x_logits.shape, generator=torch.Generator().manual_seed(seed)).round().double()
    theirs = -Independent(Bernoulli(logits=x_logits), 1).log_prob(x)
    torch.testing.assert_close(bernoulli_nll(x_logits, x), theirs)


def test_bernoulli_nll_sums_over_every_axis_but_the_first():
    x_logits, x = torch.randn(3, 2, 4, 5), torch.rand(3, 2, 4, 5)
    per_image = [bernoulli_nll(a[None], b[None]) for a, b in zip(x_logits, x, strict=True)]
    torch.testing.assert_close(bernoulli_nll(x_logits, x), torch.cat(per_image))
    flat = bernoulli_nll(x_logits.flatten(1), x.flatten(1))
    torch.testing.assert_close(bernoulli_nll(x_logits, x), flat)


def test_bernoulli_nll_survives_extreme_logits():
    x_logits = torch.tensor([[200.0], [-200.0]], requires_grad=True)
    nll = bernoulli_nll(x_logits, torch.tensor([[0.0], [1.0]]))
    nll.sum().backward()
    assert nll.tolist() == [200, 200]
    assert x_logits.grad.flatten().tolist() == [1, -1]


@pytest.mark.parametrize("x", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("a", [0.0, 1e-30, 1e-6, 0.01, 1, 16, 20, 1000])
@pytest.mark.parametrize("sign", [-1, 1])
def test_bernoulli_nll_in_float32_is_that_of_float64(sign, a, x):
    """Value and gradient, within what rounding costs; at a = 0 as well, where |a| has a corner."""
    results = []
    for dtype in (torch.float32, torch.float64):
        x_logits = torch.tensor([[sign * a]], dtype=dtype, requires_grad=True)
        target = torch.tensor([[x]], dtype=dtype)
        if dtype == torch.float32:
            nll = bernoulli_nll(x_logits, target)
        else:
            nll = F.binary_cross_entropy_with_logits(x_logits, target, reduction="none").sum(dim=1)
        nll.sum().backward()
        results.append((nll.double().item(), x_logits.grad.double().item()))
    (value, slope), (exact_value, exact_slope) = results
    assert value == pytest.approx(exact_value, rel=3e-7, abs=1.2e-7)
    assert slope == pytest.approx(exact_slope, rel=3e-7, abs=6e-8)
    assert value >= 0


@given(gaussians(), st.floats(0.01, 100), st.booleans())
def test_gaussian_nll_agrees_with_torch_distributions(gaussian, std, as_tensor):
    recon_x, x = (t.double() for t in gaussian)
    std = torch.tensor(std, dtype=torch.float64) if as_tensor else std
    theirs = -Independent(Normal(recon_x, torch.full_like(recon_x, float(std))), 1).log_prob(x)
    found = gaussian_nll(recon_x, x, std)
    torch.testing.assert_close(found, theirs, rtol=1e-5, atol=1e-5)


def test_gaussian_nll_may_be_negative_and_sums_over_every_axis_but_the_first():
    x = torch.rand(3, 2, 4, 5)
    exact = 40 * (math.log(0.01) + 0.5 * math.log(2 * math.pi))
    assert gaussian_nll(x, x, 0.01).tolist() == pytest.approx([exact] * 3)
    twice = gaussian_nll(x.double(), x.double(), 0.01)  # as exact as the images are
    assert twice.tolist() == pytest.approx([exact] * 3, rel=1e-12)
    with pytest.raises(TypeError, match=r"^pixel_std must hold floating-point numbers"):
        gaussian_nll(x, x, torch.tensor(1))


def test_gaussian_nll_is_least_at_the_root_of_the_mean_squared_error():
    """And its gradient reaches the scale, which is how that is learned."""
    recon_x, x = torch.rand(2, 6, 1, 4, 4, dtype=torch.float64)
    best = (recon_x - x).square().mean().sqrt().requires_grad_()
    gaussian_nll(recon_x, x, best).sum().backward()
    assert best.grad.item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("std", [0, -1.0, math.nan, math.inf, None, "0.1", True])
def test_standard_deviations_that_are_none(std):
    with pytest.raises(ValueError, match=r"^pixel_std must be a number above 0, got"):
        gaussian_nll(torch.rand(2, 3), torch.rand(2, 3), std)


def test_one_standard_deviation_for_all_pixels():
    with pytest.raises(ValueError, match=r"^pixel_std must be one number, got shape \(3,\)"):
        gaussian_nll(torch.rand(2, 3), torch.rand(2, 3), torch.rand(3))


def test_squared_error():
    a, b = torch.rand(4, 1, 3, 3), torch.rand(4, 1, 3, 3)
    expected = [sum((a[i] - b[i]).flatten() ** 2) for i in range(4)]
    torch.testing.assert_close(squared_error(a, b), torch.stack(expected))


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_negative_elbo_is_nll_plus_beta_kl(beta):
    x_logits, x = torch.randn(5, 1, 4, 4), torch.rand(5, 1, 4, 4)
    mu, logvar = torch.randn(2, 5, 3)
    expected = bernoulli_nll(x_logits, x) + beta * kl_divergence(mu, logvar)
    assert torch.equal(negative_elbo(x_logits, x, mu, logvar, beta), expected)
    assert torch.equal(
        negative_elbo(x_logits, x, mu, logvar), negative_elbo(x_logits, x, mu, logvar, beta=1)
    )


@pytest.mark.parametrize(
    "function",
    [kl_divergence, bernoulli_nll, squared_error, lambda a, b: gaussian_nll(a, b, 1.0)],
)
def test_shapes_that_would_broadcast_are_refused(function):
    with pytest.raises(ValueError, match=r"same shape.*\(4, 3\).*\(1, 3\).*reshape"):
        function(torch.zeros(4, 3), torch.zeros(1, 3))
