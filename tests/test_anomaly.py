import math
from contextlib import contextmanager

import pytest
import threadpoolctl
import torch
from sklearn.exceptions import NotFittedError

from vae_helpers import (
    VAE,
    AnomalyDetector,
    ConvVAE,
    anomaly_scores,
    bernoulli_nll,
    binarize,
    fit,
    kl_divergence,
    load_mnist,
)


@pytest.fixture(scope="module")
def model(mnist):
    torch.manual_seed(0)
    model = VAE(hidden_dims=(64,), latent_dim=5)
    fit(model, mnist[0][:6000], epochs=2, seed=0, progress=False)
    return model


@pytest.fixture
def detector(model, mnist):  # anew for each test, so that mutants of `fit` meet them all
    return AnomalyDetector(model).fit(mnist[0][:6000])


@pytest.fixture(scope="module")
def test_digits():
    return binarize(load_mnist(train=False)[0])


def test_scores_are_what_their_names_say(model, test_digits):
    x = test_digits[:1500]  # more than one batch
    scores = anomaly_scores(model, x)
    with torch.no_grad():
        mu, logvar = model.encode(x)
        assert torch.allclose(scores.kl, kl_divergence(mu, logvar), atol=1e-4)
        assert torch.allclose(scores.nll, bernoulli_nll(model.decode(mu), x), atol=1e-3)
    assert torch.equal(scores.neg_elbo, scores.nll + scores.kl)
    assert all(score.shape == (1500,) and not score.requires_grad for score in scores)


def test_scores_use_no_chance_and_leave_the_mode_alone(test_digits):
    model = ConvVAE().train()
    state = torch.get_rng_state()
    a, b = (anomaly_scores(model, test_digits[:8]) for _ in range(2))
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_detector_is_the_density_it_says(model, detector, test_digits):
    """Checked against the mixture's formula, written out."""
    x = test_digits[:50]
    scores = anomaly_scores(model, x)
    with torch.no_grad():
        mu = model.encode(x)[0]
    features = torch.cat([mu, (1 + scores.nll).log()[:, None], scores.kl[:, None]], dim=1)
    scaler, mixture = (step for _, step in detector.mixture_.steps)
    assert (mixture.n_components, mixture.reg_covar) == (10, 1e-4)
    z = (features.double() - torch.tensor(scaler.mean_)) / torch.tensor(scaler.scale_)
    gaussians = torch.distributions.MultivariateNormal(
        torch.tensor(mixture.means_), torch.tensor(mixture.covariances_)
    )
    log_p = gaussians.log_prob(z[:, None]) + torch.tensor(mixture.weights_).log()
    assert torch.allclose(detector.score(x), -log_p.logsumexp(dim=1), atol=1e-4)


def test_detector_tells_noise_and_blank_from_digits(detector, test_digits):
    x = test_digits[:1000]
    odd = torch.cat([torch.zeros(1, 1, 28, 28), (torch.rand(200, 1, 28, 28) < 0.5).float()])
    assert detector.predict(odd).all()
    assert detector.predict(x).float().mean() < 0.1
    assert detector.predict(x).dtype == torch.bool


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_threshold_gives_the_rate_asked_for(detector, test_digits, rate):
    found = (detector.score(test_digits) > detector.threshold(rate)).float().mean().item()
    # 600 held-out images set it: four standard errors, and some slack for another half of MNIST.
    assert abs(found - rate) < 4 * math.sqrt(rate * (1 - rate) / 600) + 0.02
    assert torch.equal(
        detector.predict(test_digits[:100], rate),
        detector.score(test_digits[:100]) > detector.threshold(rate),
    )


def test_an_alarm_needs_more_than_the_threshold(detector, monkeypatch):
    assert detector.threshold() == detector.threshold(0.01)
    edge = torch.tensor([detector.threshold()], dtype=torch.float64)
    monkeypatch.setattr(detector, "score", lambda x: x)
    assert detector.predict(torch.cat([edge, edge + 1e-6])).tolist() == [False, True]


def test_thresholds_come_from_images_that_the_mixture_never_saw(model, mnist):
    x = mnist[0][:300]
    detector = AnomalyDetector(model, held_out=0.2).fit(x)
    found = torch.from_numpy(detector.calibration_)
    assert len(found) == 60
    assert (found.diff() >= 0).all()
    distance = torch.cdist(found[:, None], detector.score(x)[:, None]).min(dim=1).values
    assert distance.max() < 1e-9


def test_same_seed_same_detector(model, mnist, detector, test_digits):
    x = test_digits[:20]
    same, other = (AnomalyDetector(model, seed=s).fit(mnist[0][:6000]).score(x) for s in (0, 1))
    assert torch.equal(same, detector.score(x))
    assert not torch.equal(other, same)


def test_one_thread_for_small_matrices(model, mnist, monkeypatch):
    seen = []

    @contextmanager
    def limits(*args, **kwargs):
        seen.append((args, kwargs))
        yield

    monkeypatch.setattr(threadpoolctl, "threadpool_limits", limits)
    AnomalyDetector(model).fit(mnist[0][:100])
    assert seen == [((1,), {"user_api": "blas"})]


@pytest.mark.parametrize(
    ("n", "n_components", "held_out", "enough"),
    [
        (22, 10, 0.1, False), (23, 10, 0.1, True), (40, 10, 0.5, True), (39, 10, 0.5, False),
        (9, 1, 0.1, False), (10, 1, 0.1, True),
    ],
)  # fmt: skip
def test_how_many_images_are_enough(model, mnist, n, n_components, held_out, enough):
    """Two a component, and one to set thresholds."""
    detector = AnomalyDetector(model, n_components, held_out=held_out)
    if enough:
        assert len(detector.fit(mnist[0][:n]).calibration_) >= 1
    else:
        with pytest.raises(ValueError, match=f"^x has {n} images, too few for n_components"):
            detector.fit(mnist[0][:n])


def test_unfitted_use_says_so(model):
    detector, x = AnomalyDetector(model), torch.zeros(2, 1, 28, 28)
    for use in (detector.score, detector.predict, lambda x: detector.threshold()):
        with pytest.raises(NotFittedError, match=r"^this AnomalyDetector is not fitted yet: call"):
            use(x)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 2, math.nan, None])
def test_bad_rates_are_named(detector, rate):
    with pytest.raises(ValueError, match="false_positive_rate must be within"):
        detector.threshold(rate)


def test_bad_arguments_are_named(model, detector):
    with pytest.raises(ValueError, match=r"^n_components must be a whole number"):
        AnomalyDetector(model, n_components=0)
    with pytest.raises(ValueError, match=r"^held_out must be within \(0, 1\), such as 0.1, got 1"):
        AnomalyDetector(model, held_out=1.0)
    with pytest.raises(ValueError, match="held_out must be within"):
        AnomalyDetector(model, held_out=0)
    for use in (detector.score, detector.fit, lambda x: anomaly_scores(model, x)):
        with pytest.raises(ValueError, match=r"x must have shape \(N, 1, 28, 28\)"):
            use(torch.zeros(2, 784))
        with pytest.raises(ValueError, match="NaN"):
            use(torch.full((2, 1, 28, 28), torch.nan))
