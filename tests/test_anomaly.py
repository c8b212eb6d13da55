import copy
import math
from io import BytesIO

import pytest
import torch
from sklearn.exceptions import NotFittedError

from vae_helpers import (
    VAE,
    AnomalyDetector,
    ConvVAE,
    anomaly,
    anomaly_scores,
    bernoulli_nll,
    binarize,
    fit,
    gaussian_nll,
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


def test_detector_is_the_distance_it_says(model, detector, mnist, test_digits):
    """Checked against the definition, written out for a few images, in double precision."""
    x = test_digits[:50]
    order = torch.randperm(6000, generator=torch.Generator().manual_seed(0))
    own = mnist[0][:6000][order[600:]]

    def raw(images):
        scores = anomaly_scores(model, images)
        with torch.no_grad():
            mu = model.encode(images)[0].double()
        return torch.cat([mu, scores.nll[:, None], scores.kl[:, None]], dim=1)

    reference, features = raw(own), raw(x)
    mean, std = reference.mean(dim=0), reference.std(dim=0)
    gaps = ((features - mean) / std)[:, None] - ((reference - mean) / std)[None]
    nearest = gaps.norm(dim=2).sort(dim=1).values[:, :5]
    torch.testing.assert_close(detector.score(x).double(), nearest.mean(dim=1), atol=1e-3, rtol=0)


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


def test_thresholds_come_from_images_that_are_no_neighbours(model, mnist):
    x = mnist[0][:300]
    detector = AnomalyDetector(model, held_out=0.2).fit(x)
    assert detector.calibration.shape == (60,)
    assert detector.reference.shape == (240, 7)
    assert (detector.calibration.diff() >= 0).all()
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    own_scores = detector.score(x[order[:60]]).sort().values
    torch.testing.assert_close(detector.calibration, own_scores, atol=1e-4, rtol=1e-4)
    # An image that is among the neighbours is its own nearest one, so those score lower.
    assert detector.score(x[order[60:]]).mean() < detector.calibration.mean() - 0.1


def test_same_seed_same_detector(model, mnist, detector, test_digits):
    x = test_digits[:20]
    same, other = (AnomalyDetector(model, seed=s).fit(mnist[0][:6000]).score(x) for s in (0, 1))
    assert torch.equal(same, detector.score(x))
    assert not torch.equal(other, same)


def rebuilt(detector, model):
    torch.manual_seed(99)
    fresh = type(model)(model.image_shape, (64,), 5)
    with BytesIO() as file:
        torch.save(detector.state_dict(), file)
        file.seek(0)
        other = AnomalyDetector(fresh)
        other.load_state_dict(torch.load(file, weights_only=True))
    return other


def test_saved_and_loaded_it_gives_the_same_scores_to_the_last_bit(model, detector, test_digits):
    other, x = rebuilt(detector, model), test_digits[:300]
    assert torch.equal(other.score(x), detector.score(x))
    assert other.threshold(0.03) == detector.threshold(0.03)
    assert torch.equal(other.predict(x), detector.predict(x))


def test_a_saved_detector_may_be_loaded_over_another(model, detector, mnist, test_digits):
    other = AnomalyDetector(model).fit(mnist[0][:100])
    other.load_state_dict(detector.state_dict())
    assert torch.equal(other.score(test_digits[:9]), detector.score(test_digits[:9]))


def test_all_that_it_knows_moves_with_it(detector):
    there = copy.deepcopy(detector).to("meta")
    assert {tensor.device.type for tensor in there.state_dict().values()} == {"meta"}
    names = {name for name in detector.state_dict() if not name.startswith("model.")}
    assert names == {"feature_mean", "feature_std", "reference", "calibration"}


def test_memory_is_bounded_by_chunks(detector, test_digits, monkeypatch):
    shapes, cdist = [], torch.cdist

    def spy(a, b):
        shapes.append(len(a) * len(b))
        return cdist(a, b)

    whole = detector.score(test_digits)
    monkeypatch.setattr(anomaly, "MOST_DISTANCES", 10 * len(detector.reference))
    monkeypatch.setattr(torch, "cdist", spy)
    in_pieces = detector.score(test_digits[:95])
    assert max(shapes) == 10 * len(detector.reference)
    assert len(shapes) == 10
    torch.testing.assert_close(in_pieces, whole[:95], atol=1e-4, rtol=1e-4)


def test_distances_are_exact_whatever_precision_the_caller_has(detector, test_digits):
    expected = detector.score(test_digits[:200])
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        again = detector._distance(detector.reference[:200])
        torch.set_float32_matmul_precision("highest")
        assert torch.equal(again, detector._distance(detector.reference[:200]))
        assert torch.equal(detector.score(test_digits[:200]), expected)
    finally:
        torch.set_float32_matmul_precision(before)


def test_fewer_images_to_compare_with(model, mnist, test_digits):
    few = AnomalyDetector(model, max_reference=200).fit(mnist[0][:1000])
    assert few.reference.shape == (200, 7)
    assert few.calibration.shape == (100,)
    assert (few.score(test_digits[:500]) > few.threshold(0.05)).float().mean() < 0.2
    with pytest.raises(ValueError, match=r"^max_reference must be 5 or more, as many as n_neigh"):
        AnomalyDetector(model, max_reference=4)
    with pytest.raises(ValueError, match=r"^max_reference must be a whole number"):
        AnomalyDetector(model, max_reference=0)
    assert AnomalyDetector(model, max_reference=5).max_reference == 5


def test_densities_may_be_negative(mnist):
    """Under a Gaussian likelihood, the NLL of good reconstructions is below zero."""
    torch.manual_seed(0)
    model = VAE(hidden_dims=(64,), latent_dim=5, likelihood="gaussian")
    x = load_mnist()[0][:3000]
    fit(model, x, epochs=20, seed=0, progress=False)
    scores = anomaly_scores(model, x)
    assert scores.nll.median() < 0
    with torch.no_grad():
        recon_x = model.decode(model.encode(x)[0]).sigmoid()
    torch.testing.assert_close(scores.nll, gaussian_nll(recon_x, x, model.pixel_std))
    detector = AnomalyDetector(model).fit(x)
    odd = torch.rand(200, 1, 28, 28)
    assert torch.isfinite(detector.score(x)).all()
    assert detector.predict(odd).all()
    assert detector.predict(torch.zeros(1, 1, 28, 28)).all()


def test_a_feature_that_never_varies_does_no_harm(mnist):
    model = VAE(hidden_dims=(8,), latent_dim=2)
    torch.nn.init.zeros_(model.mu_head.weight)
    detector = AnomalyDetector(model).fit(mnist[0][:200])
    assert torch.isfinite(detector.score(mnist[0][:300])).all()


@pytest.mark.parametrize(
    ("n", "n_neighbours", "held_out", "enough"),
    [(6, 5, 0.1, True), (5, 5, 0.1, False), (10, 5, 0.5, True), (9, 5, 0.5, True),
     (8, 5, 0.5, False), (4, 1, 0.1, False), (6, 1, 0.1, True)],
)  # fmt: skip
def test_how_many_images_are_enough(model, mnist, n, n_neighbours, held_out, enough):
    """As many as neighbours to compare with, and one to set thresholds."""
    detector = AnomalyDetector(model, n_neighbours, held_out=held_out)
    if enough:
        assert len(detector.fit(mnist[0][:n]).calibration) >= 1
        assert torch.isfinite(detector.score(mnist[0][:2])).all()
    else:
        with pytest.raises(ValueError, match=f"^x has {n} images, too few for n_neighbours"):
            detector.fit(mnist[0][:n])


NOT_FITTED = r"^this AnomalyDetector is not fitted yet: call .* with what a fitted one had$"


def test_unfitted_use_says_so(model):
    detector, x = AnomalyDetector(model), torch.zeros(2, 1, 28, 28)
    for use in (detector.score, detector.predict, lambda x: detector.threshold()):
        with pytest.raises(NotFittedError, match=NOT_FITTED):
            use(x)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 2, math.nan, None])
def test_bad_rates_are_named(detector, rate):
    with pytest.raises(ValueError, match="false_positive_rate must be within"):
        detector.threshold(rate)


def test_bad_arguments_are_named(model, detector):
    with pytest.raises(ValueError, match=r"^n_neighbours must be a whole number"):
        AnomalyDetector(model, n_neighbours=0)
    with pytest.raises(TypeError, match=r"^model must be a torch.nn.Module"):
        AnomalyDetector(None)
    with pytest.raises(ValueError, match=r"^held_out must be within \(0, 1\), such as 0.1, got 1"):
        AnomalyDetector(model, held_out=1.0)
    with pytest.raises(ValueError, match="held_out must be within"):
        AnomalyDetector(model, held_out=0)
    with pytest.raises(ValueError, match=r"^seed must be a whole number, got 0\.5$"):
        AnomalyDetector(model, seed=0.5)
    for use in (detector.score, detector.fit, lambda x: anomaly_scores(model, x)):
        with pytest.raises(ValueError, match=r"x must have shape \(N, 1, 28, 28\)"):
            use(torch.zeros(2, 784))
        with pytest.raises(ValueError, match="NaN"):
            use(torch.full((2, 1, 28, 28), torch.nan))
