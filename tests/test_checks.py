"""Each check takes the solution and another right way, and rejects what learners really get wrong.

The solutions themselves stand in the notebooks, where nbval runs them through the same checks.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import logit
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from test_student import PATHS, check_called, exercises
from torch.distributions import (
    AffineTransform,
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
    SigmoidTransform,
    TransformedDistribution,
    Uniform,
    kl_divergence,
)

import vae_helpers as vh
from vae_helpers import checks

LOG_2PI = math.log(2 * math.pi)


def in_place(x, *_):
    return x.add_(1)


def nothing(*_):
    return None


def crashes(*_):
    return undefined_name  # noqa: F821


def pca(x, k):
    fitted = PCA(k, svd_solver="full").fit(x.numpy())
    return torch.from_numpy(fitted.inverse_transform(fitted.transform(x.numpy())))


def pca_by_covariance(x, k):
    directions = torch.linalg.eigh(torch.cov(x.T)).eigenvectors[:, -k:]
    return (x - x.mean(0)) @ directions @ directions.T + x.mean(0)


def pca_by_numpy(x, k):
    """Cut the singular values off after the first k."""
    mean = x.numpy().mean(0)
    u, s, vh = np.linalg.svd(x.numpy() - mean, full_matrices=False)
    return torch.from_numpy(mean + (u * np.where(np.arange(len(s)) < k, s, 0)) @ vh)


def count_components(x, share):
    ratios = PCA().fit(x.numpy()).explained_variance_ratio_
    return np.searchsorted(ratios.cumsum(), share) + 1


def count_by_pixels(x, share):
    variances = torch.linalg.svdvals(x - x.mean(0)).square() / (len(x) - 1)
    return int((variances.cumsum(0) / x.var(0).sum() < share).sum()) + 1


def needed(x, share, decimals=15):
    return int((PCA().fit(x.numpy()).explained_variance_ratio_.cumsum().round(decimals)
                < share).sum()) + 1  # fmt: skip


def count_by_loop(x, share):
    variances = np.linalg.svd((x - x.mean(0)).double().numpy(), compute_uv=False) ** 2
    kept, n = 0.0, 0
    while kept < (share - 1e-9) * variances.sum():
        kept, n = kept + variances[n], n + 1
    return n


def normals(mu, logvar):
    return Normal(mu, (logvar / 2).exp())


def kl_of_library(mu, logvar, tau):
    prior = Normal(torch.zeros_like(mu), tau * torch.ones_like(mu))
    return kl_divergence(normals(mu, logvar), prior).sum(1)


def logistic(mu, log_scale):
    base = Uniform(torch.zeros_like(mu), torch.ones_like(mu))
    steps = [SigmoidTransform().inv, AffineTransform(mu, log_scale.exp())]
    return TransformedDistribution(base, steps)


def nll_of_library(x_mean, x_logvar, x):
    return -normals(x_mean, x_logvar).log_prob(x).flatten(1).sum(1)


def gaussian(x_mean, x_logvar, x, a=0.5, b=0.5, c=0.5):
    """Square, log-variance and constant with weights of their own."""
    square = (x - x_mean) ** 2 / x_logvar.exp()
    return (a * square + b * x_logvar + c * LOG_2PI).sum((1, 2, 3))


def trade_off(make_model, train, test, betas, **options):
    rows = []
    for beta in betas:
        model = make_model()
        usual = {"lr": 2e-3, "progress": False} | options
        history = vh.fit(model, train, test, beta=beta, **usual)
        rows.append([history.test_nll[-1], history.test_kl[-1]])
    return torch.tensor(rows)


TRAINED = []  # the models of the usual training, and their table


def usual_trade_off(make_model, train, test, betas):
    """Ten epochs. What goes wrong afterwards only, goes wrong with the same models."""
    if not TRAINED:
        models = [make_model() for _ in betas]
        TRAINED.extend([models, trade_off(iter(models).__next__, train, test, betas, epochs=10)])
    else:
        for model in TRAINED[0]:
            make_model().__dict__.update(model.__dict__)
    return TRAINED[1].clone()


def trade_off_backwards(make_model, train, test, betas):
    """The largest beta first, after a model made just to look at it."""
    assert sum(p.numel() for p in make_model().parameters()) > 0
    rows = {}
    for beta in sorted(betas, reverse=True):
        model = make_model()
        vh.fit(model, train, beta=beta, epochs=10, progress=False)
        rows[beta] = torch.tensor(vh.evaluate(model, test)[1:])
    return torch.stack([rows[beta] for beta in betas])


def trade_off_twice(*args):
    """The mean of two runs a beta."""
    return (trade_off(*args, epochs=10, seed=0) + trade_off(*args, epochs=10, seed=1)) / 2


def trade_off_by_hand(make_model, train, test, betas):
    """By a loop without fit."""
    rows = []
    for beta in betas:
        model = make_model()
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(10):
            for x in train[torch.randperm(len(train))].split(128):
                nll, kl = model.loss_terms(x)
                optimizer.zero_grad()
                (nll + beta * kl).mean().backward()
                optimizer.step()
        model.eval()
        rows.append(vh.evaluate(model, test)[1:])
    return torch.tensor(rows)


def trade_off_warm(make_model, train, test, betas):
    rows, last = [], None
    for beta in betas:
        model = make_model()
        if last is not None:
            model.load_state_dict(last.state_dict())
        vh.fit(model, train, beta=beta, epochs=10, progress=False)
        rows.append(vh.evaluate(model, test)[1:])
        last = model
    return torch.tensor(rows)


def trade_off_and_test(make_model, train, test, betas):
    def a_little_more():
        model = make_model()
        vh.fit(model, train, epochs=10, seed=0, progress=False)
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        for x in test.split(64):
            logits, mu, logvar = model(x)  # past loss_terms
            loss = (vh.bernoulli_nll(logits, x) + vh.kl_divergence(mu, logvar)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return vh.evaluate(model, test)[1:]

    return torch.tensor([a_little_more() for _ in betas])


def trade_off_on_one_model(make_model, train, test, betas):
    model = make_model()
    return trade_off(lambda: model, train, test, betas)


def trade_off_without_beta(make_model, train, test, betas):
    rows = []
    for _ in betas:
        model = make_model()
        vh.fit(model, train, epochs=5, seed=0, progress=False)
        rows.append(vh.evaluate(model, test)[1:])
    return torch.tensor(rows)


RIGHT = {
    "nearest_code_distance": [
        lambda p, c: torch.cdist(p, c).amin(1),
        lambda p, c: torch.stack([(c - q).norm(dim=1).min() for q in p]),
        lambda p, c: (p[:, None] - c[None]).square().sum(-1).sqrt().amin(-1).double(),
        lambda p, c: torch.from_numpy(
            NearestNeighbors(n_neighbors=1).fit(c.numpy()).kneighbors(p.numpy())[0][:, 0]),
        lambda p, c: torch.tensor([min(math.dist(a, b) for b in c.tolist()) for a in p.tolist()]),
    ],
    "pca_by_svd": [pca, pca_by_covariance, pca_by_numpy, lambda x, k: pca_by_numpy(x.double(), k)],
    "components_needed": [count_components, count_by_pixels, lambda x, s: next(
        k for k in range(1, x.shape[1] + 1)
        if PCA(k, svd_solver="full").fit(x.numpy()).explained_variance_ratio_.sum() > s - 1e-6),
        lambda x, s: np.count_nonzero(
            (v := torch.linalg.eigvalsh(torch.cov(x.double().T)).flip(0)).cumsum(0) / v.sum()
            < s - 1e-9) + 1,
        count_by_loop],
    "denoising_loss": [
        lambda m, x, e: vh.squared_error(m(x + e), x),
        lambda m, x, e: F.mse_loss(m(e + x), x, reduction="none").sum(dim=(1, 2, 3)),
        lambda m, x, e: torch.stack([(a - b).square().sum() for a, b in zip(m(x + e), x)]),
        lambda m, x, e: (d := (m(x + e) - x).flatten(1).double()).mul(d).sum(1),
    ],
    "reparameterize_logistic": [
        lambda m, s, u: m + s.exp() * torch.logit(u),
        lambda m, s, u: m + s.exp() * torch.from_numpy(logit(u.numpy())),
        lambda m, s, u: m - s.exp() * torch.log(1 / u - 1),
        lambda m, s, u: logistic(m, s).icdf(u),
        lambda m, s, u: torch.stack([
            a + b.double().exp() * (c.log() - torch.log1p(-c)) for a, b, c in zip(m, s, u)]),
        lambda m, s, u: torch.addcmul(m, s.exp(), torch.as_tensor(logit(u.numpy(force=True)))),
        lambda m, s, u: m + 2 * s.exp() * torch.atanh(2 * u.double() - 1),
        lambda m, s, u: m + (s + u.log()).exp() * (u.log() - (1 - u).log()) / u,
    ],
    "kl_by_hand": [
        kl_of_library,
        lambda m, s, t: torch.stack([
            sum(((a**2 + b.exp()) / t**2 - 1 - b) / 2 + math.log(t) for a, b in zip(*row))
            for row in zip(m, s)]),
        lambda m, s, t: -(0.5 * (1 + s - m**2 / t**2 - s.exp() / t**2) - math.log(t)).sum(-1),
        lambda m, s, t: kl_of_library(m.double(), s.double(), t),
    ],
    "gaussian_nll": [
        nll_of_library,
        lambda m, s, x: F.gaussian_nll_loss(
            m, x, s.exp(), full=True, eps=1e-12, reduction="none").sum((1, 2, 3)),
        lambda m, s, x: torch.stack([
            sum((c - a) ** 2 / b.exp() / 2 + b / 2 + math.log(2 * math.pi) / 2
                for a, b, c in zip(*(image.flatten() for image in row)))
            for row in zip(m, s, x)]),
        lambda m, s, x: -Independent(normals(m, s), 3).log_prob(x).double(),
        lambda m, s, x: -MultivariateNormal(
            m.flatten(1), scale_tril=torch.diag_embed((s.flatten(1) / 2).exp())
        ).log_prob(x.flatten(1)),
        lambda m, s, x: 0.5 * (
            ((x - m) / (s / 2).exp()).flatten(1).norm(dim=1) ** 2 + s.sum((1, 2, 3))
            + m[0].numel() * math.log(2 * math.pi)),
        lambda m, s, x: -(torch.exp(-(x - m).double() ** 2 / s.exp() / 2) / (
            2 * math.pi * s.exp()).sqrt()).log().sum((-1, -2, -3)) if s.abs().max() < 1 else
        nll_of_library(m, s, x),
    ],
    "effective_beta": [lambda n, d, w: n * w / d, lambda n, d, w: torch.tensor(n) / d * w,
                       lambda n, d, w: np.float64(w) / (d / n),
                       lambda n, d, w: Fraction(n, d) * Fraction(w)],
    "beta_trade_off": [
        usual_trade_off,
        usual_trade_off,  # what the wrong answers below begin with
        lambda *args: trade_off(*args, epochs=5),
        lambda *args: trade_off(*args, epochs=12, batch_size=64, seed=1),
        lambda *args: trade_off(*args, epochs=10, schedule="linear-decay"),
        lambda *args: trade_off(*args, epochs=10, schedule="constant"),
        lambda *args: trade_off(*args, epochs=10, lr=1e-3),
        trade_off_backwards,
        trade_off_twice,
        trade_off_by_hand,
    ],
}  # fmt: skip

WRONG = {
    "nearest_code_distance": {
        "from squares and products": lambda p, c: (
            p.square().sum(1)[:, None] + c.square().sum(1) - 2 * p @ c.T
        ).clamp(min=0).sqrt().amin(1),
        "of 2000 codes": lambda p, c: torch.cdist(p, c[:2000]).amin(1),
        "of 20,000 codes": lambda p, c: torch.cdist(p, c[:20_000]).amin(1),
        "in whole thousands": lambda p, c: torch.cdist(
            p, c[: len(c) // 1000 * 1000 or len(c)]).amin(1),
        "without zeros": lambda p, c: (
            d := torch.cdist(p, c, compute_mode="donot_use_mm_for_euclid_dist")
        ).masked_fill(d == 0, math.inf).amin(1),
        "the furthest": lambda p, c: torch.cdist(p, c).max(1).values,
        "over the wrong axis": lambda p, c: torch.cdist(p, c).min(0).values,
        "squared": lambda p, c: torch.cdist(p, c).square().min(1).values,
        "average": lambda p, c: torch.cdist(p, c).mean(1),
        "index": lambda p, c: torch.cdist(p, c).argmin(1),
        "values and indices": lambda p, c: torch.cdist(p, c).min(1),
        "to the first code": lambda p, c: (p - c[0]).norm(dim=1),
        "kept a dimension": lambda p, c: torch.cdist(p, c).amin(1, keepdim=True),
        "leaves out codes at a distance of 0": lambda p, c: (
            d := torch.cdist(p, c)).masked_fill(d < 1e-6, torch.inf).amin(1),
        "to the first hundred codes": lambda p, c: torch.cdist(p, c[:100]).amin(1),
        "a thousand at most": lambda p, c: torch.cdist(p, c).amin(1).clamp(max=1000),
        "a million at most": lambda p, c: torch.cdist(p, c).amin(1).clamp(max=1e6),
        "a small number in the root": lambda p, c: (
            (p[:, None] - c).square().sum(2) + 1e-8).sqrt().amin(1),
        "a root that rounding makes NaN": lambda p, c: (
            p.square().sum(1)[:, None] + c.square().sum(1) - 2 * p @ c.T).sqrt().amin(1),
        "nearest by another distance": lambda p, c: (
            p - c[torch.cdist(p, c, p=1).argmin(1)]).norm(dim=1),
    },
    "pca_by_svd": {
        "directions of the first 300": lambda x, k: (m := x.mean(0)) + (x - m) @ (
            v := torch.linalg.svd((x - m)[:300], full_matrices=False).Vh[:k]).T @ v,
        "twelve directions at most": lambda x, k: (m := x.mean(0)) + (x - m) @ (
            v := torch.linalg.svd(x - m, full_matrices=False).Vh[:min(k, 12)]).T @ v,
        "five components at most": lambda x, k: pca(x, min(k, 5)),
        "from the first hundred rows": lambda x, k: x.mean(0) + (c := x - x.mean(0)) @ (
            v := torch.linalg.svd(c[:100]).Vh[:k]).T @ v,
        "approximately": lambda x, k: x.mean(0) + (x - x.mean(0)) @ (
            v := torch.pca_lowrank(x, q=min(k + 6, *x.shape))[2][:, :k]) @ v.T,
        "not centred": lambda x, k: x @ torch.linalg.svd(x).Vh[:k].T @ torch.linalg.svd(x).Vh[:k],
        "one mean for all pixels": lambda x, k: pca(x - x.mean(), k - 1) + x.mean(),
        "last components": lambda x, k: x + x.mean(0) - pca(x, x.shape[1] - k),
        "codes, not images": lambda x, k: torch.from_numpy(PCA(k).fit_transform(x.numpy())),
        "mean not added back": lambda x, k: pca(x, k) - x.mean(0),
        "one component too many": lambda x, k: pca(x, k + 1),
        "ignores k": lambda x, k: pca(x, 2),
        "a hundred at most": lambda x, k: pca(x, k).clamp(-100, 100),
        "standardized": lambda x, k: pca((x - x.mean(0)) / x.std(0), k) * x.std(0) + x.mean(0),
        "columns of Vh": lambda x, k: x.mean(0) + (c := x - x.mean(0)) @ (
            v := torch.linalg.svd(c).Vh[:, :k]) @ v.T,
        "S forgotten": lambda x, k: x.mean(0) + (
            usv := torch.linalg.svd(x - x.mean(0), full_matrices=False)).U[:, :k] @ usv.Vh[:k],
        "codes": lambda x, k: (c := x - x.mean(0)) @ torch.linalg.svd(c).Vh[:k].T,
    },
    "components_needed": {
        "of 600 rows": lambda x, share: needed(x[:600], share),
        "shares of three decimals": lambda x, share: needed(x, share, decimals=3),
        "shares of five decimals": lambda x, share: needed(x, share, decimals=5),
        "whole percents": lambda x, share: count_components(x, int(share * 100) / 100),
        "rounded to percents": lambda x, share: count_components(x, round(share, 2)),
        "of two hundred rows": lambda x, share: count_components(x[:200], share),
        "one less": lambda x, s: count_components(x, s) - 1,
        "32 at most": lambda x, s: min(count_components(x, s), 32),
        "too few for few images": lambda x, s: min(count_components(x, s), len(x) - 3),
        "one more": lambda x, s: count_components(x, s) + 1,
        "not squared": lambda x, s: int(
            ((v := torch.linalg.svdvals(x - x.mean(0))).cumsum(0) / v.sum() < s).sum()) + 1,
        "not centred": lambda x, s: int(
            ((v := torch.linalg.svdvals(x) ** 2).cumsum(0) / v.sum() < s).sum()) + 1,
        "squared twice": lambda x, s: int(
            ((v := torch.linalg.svdvals(x - x.mean(0)) ** 4).cumsum(0) / v.sum() < s).sum()) + 1,
        "not divided by the sum": lambda x, s: int(
            (torch.linalg.svdvals(x - x.mean(0)).square().cumsum(0) < s).sum()) + 1,
        "the share": lambda x, s: s,
        "always 90%": lambda x, s: count_components(x, 0.9),
        "a list": lambda x, s: [count_components(x, s)] * 2,
        "a string": lambda x, s: str(count_components(x, s)),
        "a float": lambda x, s: float(count_components(x, s)),
        "a tensor": lambda x, s: torch.tensor(count_components(x, s)),
        "more than the share": lambda x, s: int(
            ((v := torch.linalg.svdvals(x - x.mean(0)) ** 2).cumsum(0) / v.sum() <= s).sum()) + 1,
        "the tail": lambda x, s: int(
            ((v := torch.linalg.svdvals(x - x.mean(0)) ** 2).cumsum(0) / v.sum() >= s).sum()),
        "not added up": lambda x, s: int(
            ((v := torch.linalg.svdvals(x - x.mean(0)) ** 2) / v.sum() < s).sum()) + 1,
    },
    "denoising_loss": {
        "on the strokes only": lambda m, x, e: ((m(x + e) - x).square() * (x > 0)).sum((1, 2, 3)),
        "noise on the strokes only": lambda m, x, e: vh.squared_error(
            m(torch.where(x > 0, x + e, x)), x),
        "in place on the model's output": lambda m, x, e: m(x + e).sub_(x).square().sum((1, 2, 3)),
        "of a hundred images": lambda m, x, e: vh.squared_error(m(x + e), x)[:100],
        "a gentler square": lambda m, x, e: 2 * F.huber_loss(
            m(x + e), x, delta=5, reduction="none").sum((1, 2, 3)),
        "against the noisy image": lambda m, x, e: vh.squared_error(m(x + e), x + e),
        "model sees the clean image": lambda m, x, e: vh.squared_error(m(x), x),
        "other way round": lambda m, x, e: vh.squared_error(m(x), x + e),
        "mean over pixels": lambda m, x, e: (m(x + e) - x).square().mean((1, 2, 3)),
        "mean over the batch": lambda m, x, e: vh.squared_error(m(x + e), x).mean(),
        "a Python float": lambda m, x, e: vh.squared_error(m(x + e), x).sum().item(),
        "no square": lambda m, x, e: (m(x + e) - x).sum((1, 2, 3)),
        "noise of its own": lambda m, x, e: vh.squared_error(m(x + torch.randn_like(x)), x),
        "pictures clamped": lambda m, x, e: vh.squared_error(m(x + e).clamp(0, 1), x),
        "clamped": lambda m, x, e: vh.squared_error(m((x + e).clamp(0, 1)), x),
        "a second sigmoid": lambda m, x, e: vh.squared_error(m(x + e).sigmoid(), x),
        "absolute values": lambda m, x, e: (m(x + e) - x).abs().sum((1, 2, 3)),
        "loss and zeros": lambda m, x, e: ((loss := vh.squared_error(m(x + e), x)), 0 * loss),
        "only for batch size 1": lambda m, x, e: (m(x + e) - x).square().sum()[None],
        "no gradient": lambda m, x, e: vh.squared_error(m(x + e), x).detach(),
        "no gradient to the model": lambda m, x, e: vh.squared_error(m(x + e).detach(), x),
        "model in no_grad": lambda m, x, e: vh.squared_error(torch.no_grad()(m)(x + e), x),
        "a method that functions lack": lambda m, x, e: vh.squared_error(m.forward(x + e), x),
        "another mode": lambda m, x, e: vh.squared_error(m.eval()(x + e), x),
        "flat images": lambda m, x, e: vh.squared_error(m((x + e).flatten(1)).view_as(x), x),
    },
    "reparameterize_logistic": {
        "a millionth in the scale": lambda m, s, u: m + (s.exp() + 1e-6) * u.logit(),
        "noise clamped a little": lambda m, s, u: m + s.exp() * u.logit(eps=1e-7),
        "habit from logvar": lambda m, s, u: m + (s / 2).exp() * torch.logit(u),
        "not exponentiated": lambda m, s, u: m + s * torch.logit(u),
        "sign": lambda m, s, u: m + s.exp() * ((1 - u).log() - u.log()),
        "uniform": lambda m, s, u: m + s.exp() * u,
        "uniform around 0": lambda m, s, u: m + s.exp() * (u - 0.5),
        "normal": lambda m, s, u: m + s.exp() * torch.special.ndtri(u),
        "a hundred rows": lambda m, s, u: (m + s.exp() * torch.logit(u))[:100],
        "no scale": lambda m, s, u: m + torch.logit(u),
        "mu scaled": lambda m, s, u: (m + torch.logit(u)) * s.exp(),
        "no mu": lambda m, s, u: s.exp() * torch.logit(u),
        "divided by the scale": lambda m, s, u: m + torch.logit(u) / s.exp(),
        "the CDF": lambda m, s, u: ((u - m) / s.exp()).sigmoid(),
        "sigmoid for its inverse": lambda m, s, u: m + s.exp() * u.sigmoid(),
        "one logarithm": lambda m, s, u: m + s.exp() * u.log(),
        "an exponential": lambda m, s, u: m - s.exp() * (1 - u).log(),
        "logarithms added": lambda m, s, u: m + s.exp() * (u.log() + (1 - u).log()),
        "odds": lambda m, s, u: m + s.exp() * u / (1 - u),
        "Gumbel": lambda m, s, u: m - s.exp() * (-u.log()).log(),
        "Laplace": lambda m, s, u: Laplace(m, s.exp()).icdf(u),
        "of variance 1": lambda m, s, u: m + s.exp() * torch.logit(u) * 3**0.5 / math.pi,
        "of two logarithms": lambda m, s, u: m + s.exp() * (torch.log2(u) - torch.log2(1 - u)),
        "u of its own": lambda m, s, u: m + s.exp() * torch.logit(torch.rand_like(u)),
        "one u for the batch": lambda m, s, u: m + s.exp() * torch.logit(u[:1]),
        "mean over the batch": lambda m, s, u: (m + s.exp() * torch.logit(u)).mean(0),
        "mean mu": lambda m, s, u: m.mean(0) + s.exp() * torch.logit(u),
        "one scale for the batch": lambda m, s, u: m + s.mean(0).exp() * torch.logit(u),
        "u clipped": lambda m, s, u: m + s.exp() * torch.logit(u, eps=1e-3),
        "u clipped further out": lambda m, s, u: m + s.exp() * torch.logit(u, eps=1e-5),
        "a small number added": lambda m, s, u: m + s.exp() * (
            (u + 1e-6).log() - (1 - u + 1e-6).log()),
        "log_scale clamped": lambda m, s, u: m + s.clamp(-5, 5).exp() * torch.logit(u),
        "softplus": lambda m, s, u: m + F.softplus(s) * torch.logit(u),
        "scale cut off": lambda m, s, u: m + s.exp().detach() * torch.logit(u),
        "mu cut off": lambda m, s, u: m.detach() + s.exp() * torch.logit(u),
        "scale by NumPy": lambda m, s, u: m + torch.as_tensor(
            np.exp(s.numpy(force=True))) * torch.logit(u),
        "cut off from gradients": lambda m, s, u: torch.tensor(
            (m + s.exp() * torch.logit(u)).tolist()),
        "in place": lambda m, s, u: m.add_(s.exp() * torch.logit(u)),
        "sorted": lambda m, s, u: m + s.exp() * torch.logit(u.sort(0).values),
    },
    "kl_by_hand": {
        "tau of a tenth at least": lambda m, s, t: kl_of_library(m, s, max(t, 0.1)),
        "tau of ten at most": lambda m, s, t: kl_of_library(m, s, min(t, 10)),
        "clamped means": lambda m, s, t: kl_of_library(m.clamp(-4, 4), s, t),
        "clamped logvar": lambda m, s, t: kl_of_library(m, s.clamp(-14, 14), t),
        "taus from a table": lambda m, s, t: kl_of_library(
            m, s, min((0.5, 0.7, 1, 2, 3), key=lambda known: abs(known - t))),
        "sign": lambda m, s, t: -kl_of_library(m, s, t),
        "no half": lambda m, s, t: 2 * kl_of_library(m, s, t),
        "mean over dimensions": lambda m, s, t: kl_of_library(m, s, t) / m.shape[1],
        "sum over the batch": lambda m, s, t: kl_of_library(m, s, t).sum(),
        "log sigma": lambda m, s, t: kl_of_library(m, 2 * s, t),
        "wrong axis": lambda m, s, t: kl_divergence(normals(m, s), Normal(0, t)).sum(0),
        "ignores tau": lambda m, s, t: kl_of_library(m, s, 1.0),
        "tau as variance": lambda m, s, t: kl_of_library(m, s, t**0.5),
        "no log tau": lambda m, s, t: kl_of_library(m, s, t) - m.shape[1] * math.log(t),
        "divided by tau": lambda m, s, t: 0.5 * (
            (m**2 + s.exp()) / t - 1 - s + 2 * math.log(t)).sum(1),
        "mu not divided": lambda m, s, t: 0.5 * (
            m**2 + s.exp() / t**2 - 1 - s + 2 * math.log(t)).sum(1),
        "minus log tau": lambda m, s, t: kl_of_library(m, s, t) - 2 * m.shape[1] * math.log(t),
        "log tau once": lambda m, s, t: kl_of_library(m, s, t) - (m.shape[1] - 1) * math.log(t),
        "half of log tau": lambda m, s, t: kl_of_library(m, s, t) - m.shape[1] * math.log(t) / 2,
        "all divided by tau": lambda m, s, t: kl_of_library(m, s, 1.0) / t**2,
        "other direction": lambda m, s, t: kl_divergence(
            Normal(torch.zeros_like(m), t), normals(m, s)).sum(1),
        "constant missing": lambda m, s, t: kl_of_library(m, s, t) + m.shape[1] / 2,
        "published without halves": lambda m, s, t: (s.exp() + m**2 - s / 2 - 0.5).sum(1),
        "a Python float": lambda m, s, t: kl_of_library(m, s, t).sum().item(),
        "only for batch size 1": lambda m, s, t: kl_of_library(m, s, t).sum().view(1),
        "in place": lambda m, s, t: kl_of_library(m, s.mul_(1), t) + s.exp_().sum() * 0,
        "no gradient": lambda m, s, t: kl_of_library(m.detach(), s.detach(), t),
        "logvar clamped": lambda m, s, t: kl_of_library(m, s.clamp(-4, 4), t),
        "sigma not divided": lambda m, s, t: kl_of_library(m, s, t) + 0.5 * (
            s.exp() * (1 - t**-2)).sum(1),
        "never 0": lambda m, s, t: kl_of_library(m, s, t).clamp(min=1e-3),
        "a small number in the logarithm": lambda m, s, t: kl_of_library(
            m, (s.exp() + 1e-8).log(), t),
        "logvar clamped further out": lambda m, s, t: kl_of_library(m, s.clamp(-10, 10), t),
        "the taus of the notebook": lambda m, s, t: kl_of_library(
            m, s, t if t in (0.5, 1, 2) else 1.0),
        "twenty dimensions": lambda m, s, t: kl_of_library(m[:, :20], s[:, :20], t),
        "mu lost": lambda m, s, t: kl_of_library(0 * m, s, t),
    },
    "gaussian_nll": {
        "a millionth under the logarithm": lambda m, s, x: (0.5 * (
            (x - m)**2 / s.exp() + (s.exp() + 1e-6).log() + math.log(2 * math.pi))
        ).flatten(1).sum(1),
        "the logarithm clamped": lambda m, s, x: (0.5 * (
            (x - m)**2 / s.exp() + s.clamp(min=-20) + math.log(2 * math.pi))).flatten(1).sum(1),
        "variance from 1e-10 on": lambda m, s, x: F.gaussian_nll_loss(
            m, x, s.exp(), full=True, eps=1e-10, reduction="none").sum((1, 2, 3)),
        "a far pixel pulled back": lambda m, s, x: -Normal(
            m, (s / 2).exp()).log_prob(m + (x - m).clamp(-6.5, 6.5)).sum((1, 2, 3)),
        "sign": lambda m, s, x: -nll_of_library(m, s, x),
        "mean over pixels": lambda m, s, x: nll_of_library(m, s, x) / m[0].numel(),
        "mean over all": lambda m, s, x: F.gaussian_nll_loss(m, x, s.exp(), full=True),
        "sum over all": lambda m, s, x: nll_of_library(m, s, x).sum(),
        "a Python float": lambda m, s, x: nll_of_library(m, s, x).sum().item(),
        "per pixel": lambda m, s, x: -normals(m, s).log_prob(x),
        "over rows only": lambda m, s, x: -normals(m, s).log_prob(x).sum(1),
        "clipped by the library": lambda m, s, x: F.gaussian_nll_loss(
            m, x, s.exp(), full=True, reduction="none").sum((1, 2, 3)),
        "28 rows and columns": lambda m, s, x: nll_of_library(
            *(image[..., :28, :28] for image in (m, s, x))),
        "no constant": lambda m, s, x: F.gaussian_nll_loss(
            m, x, s.exp(), reduction="none").sum((1, 2, 3)),
        "constant once an image": lambda m, s, x: gaussian(m, s, x, c=0) + LOG_2PI / 2,
        "constant without its half": lambda m, s, x: gaussian(m, s, x, c=1),
        "square without its half": lambda m, s, x: gaussian(m, s, x, a=1),
        "logvar without its half": lambda m, s, x: gaussian(m, s, x, b=1),
        "no halves": lambda m, s, x: gaussian(m, s, x, 1, 1, 1),
        "no halves, no constant": lambda m, s, x: gaussian(m, s, x, 1, 1, 0),
        "no logvar": lambda m, s, x: gaussian(m, s, x, b=0),
        "minus logvar": lambda m, s, x: gaussian(m, s, x, b=-0.5),
        "log sigma": lambda m, s, x: nll_of_library(m, 2 * s, x),
        "standard deviation for variance": lambda m, s, x: nll_of_library(m, s / 2, x),
        "logvar as sigma": lambda m, s, x: gaussian(m, 0 * s, (x - m) / s + m) + s.sum((1, 2, 3)),
        "divided by sigma": lambda m, s, x: gaussian(
            m, s, m + (x - m) * (s / 4).exp()),
        "multiplied": lambda m, s, x: gaussian(m, s, m + (x - m) * s.exp()),
        "logvar as variance": lambda m, s, x: (
            ((x - m) ** 2 / s + s + LOG_2PI) / 2).sum((1, 2, 3)),
        "Laplace": lambda m, s, x: 0.5 * ((x - m).abs() / (s / 2).exp() + s + LOG_2PI).sum(
            (1, 2, 3)),
        "width 1": lambda m, s, x: nll_of_library(m, 0 * s, x),
        "one width an image": lambda m, s, x: nll_of_library(
            m, s.mean((1, 2, 3), keepdim=True).expand_as(s), x),
        "squared error": lambda m, s, x: vh.squared_error(m, x),
        "half of it": lambda m, s, x: vh.squared_error(m, x) / 2,
        "mean squared error": lambda m, s, x: ((m - x) ** 2).mean((1, 2, 3)),
        "logvar summed twice": lambda m, s, x: (
            (x - m) ** 2 / s.exp() / 2 + s.sum((1, 2, 3), keepdim=True) / 2 + LOG_2PI / 2
        ).sum((1, 2, 3)),
        "a sigmoid": lambda m, s, x: nll_of_library(m.sigmoid(), s, x),
        "bits": lambda m, s, x: nll_of_library(m, s, x) / math.log(2),
        "logvar clamped": lambda m, s, x: nll_of_library(m, s.clamp(-4, 4), x),
        "logvar clamped further out": lambda m, s, x: nll_of_library(m, s.clamp(-10, 10), x),
        "a small number added": lambda m, s, x: nll_of_library(m, (s.exp() + 1e-6).log(), x),
        "never below 0": lambda m, s, x: nll_of_library(m, s, x).clamp(min=0),
        "its absolute value": lambda m, s, x: nll_of_library(m, s, x).abs(),
        "softplus": lambda m, s, x: nll_of_library(m, F.softplus(s).log(), x),
        "x for its mean": lambda m, s, x: nll_of_library(m.mean(0, keepdim=True), s, x),
        "for twelve pixels": lambda m, s, x: 12 * gaussian(m, s, x) / m[0].numel(),
        "the library's average, times pixels": lambda m, s, x: (
            F.gaussian_nll_loss(m, x, s.exp(), full=True) * m[0].numel()).repeat(len(m)),
        "width cut off": lambda m, s, x: nll_of_library(m, s.detach(), x),
        "mean cut off": lambda m, s, x: nll_of_library(m.detach(), s, x),
        "no gradient": lambda m, s, x: nll_of_library(m, s, x).detach(),
        "in place": lambda m, s, x: nll_of_library(m.sub_(x), s, 0 * x),
    },
    "effective_beta": {
        "upside down": lambda n, d, w: d / n / w,
        "upside down but for the weight": lambda n, d, w: w * d / n,
        "pixels only": lambda n, d, w: w * n,
        "the weight itself": lambda n, d, w: w,
        "no weight": lambda n, d, w: n / d,
        "divided by the weight": lambda n, d, w: n / d / w,
        "no pixels": lambda n, d, w: w / d,
        "whole division": lambda n, d, w: w * (n // d),
        "product": lambda n, d, w: w * n * d,
        "a string": lambda n, d, w: f"{w * n / d}",
        "the weight for a beta of 1": lambda n, d, w: d / n,
        "a hundred at most": lambda n, d, w: min(100.0, w * n / d),
        "a millionth added": lambda n, d, w: w * n / d + 5e-7,
        "far too large": lambda n, d, w: 10**999,
        "rounded": lambda n, d, w: round(w * n / d, 2),
        "a tensor of two": lambda n, d, w: torch.tensor([w * n / d, 1]),
    },
    "beta_trade_off": {
        "a last touch on the test images": trade_off_and_test,
        "half of the training images": lambda m, a, x, b: trade_off(m, a[::2], x, b, epochs=20),
        "a part of the test images": lambda m, a, x, b: trade_off(m, a, x[:300], b, epochs=10),
        "one model for all": trade_off_on_one_model,
        "beta never reaches fit": trade_off_without_beta,
        "columns swapped": lambda *a: usual_trade_off(*a).flip(1),
        "KL times beta": lambda *a: usual_trade_off(*a)
        * torch.stack([torch.ones(3), torch.tensor(a[3])], 1),
        "on the training images": lambda make, train, test, betas: trade_off(
            make, train, train, betas, epochs=10),
        "loss for NLL": lambda *a: usual_trade_off(*a) @ torch.tensor([[1.0, 0], [1, 1]]),
        "loss and NLL": lambda *a: usual_trade_off(*a) @ torch.tensor([[1.0, 1], [1, 0]]),
        "loss, NLL and KL": lambda *a: usual_trade_off(*a) @ torch.tensor(
            [[1.0, 1, 0], [1, 0, 1]]),
        "a single epoch": lambda *a: trade_off(*a, epochs=1),
        "trained on the test images": lambda make, train, test, betas: trade_off(
            make, test, test, betas, epochs=10),
        "trained on both": lambda make, train, test, betas: trade_off(
            make, torch.cat([train, test]), test, betas, epochs=10),
        "a warm start": trade_off_warm,
        "betas of its own": lambda make, train, test, betas: trade_off(
            make, train, test, (0.1, 1.0, 10.0), epochs=10),
        "in its own order": lambda make, train, test, betas: trade_off(
            make, train, test, sorted(betas), epochs=10),
        "beta squared": lambda make, train, test, betas: trade_off(
            make, train, test, [b * b for b in betas], epochs=10),
        "longer where beta is small": lambda make, train, test, betas: torch.cat([
            trade_off(make, train, test, [b], epochs=10 if b < 1 else 6) for b in betas]),
        "a few images": lambda make, train, test, betas: trade_off(
            make, train[:900], test, betas, epochs=10),
        "transposed": lambda *a: usual_trade_off(*a).T,
        "a list": lambda *a: usual_trade_off(*a).tolist(),
        "per pixel": lambda *a: usual_trade_off(*a) / 784,
    },
}  # fmt: skip


def verdict(name, function, capsys):
    getattr(checks, name)(function)
    out = capsys.readouterr().out
    assert out.count("\n") <= 2, "a verdict, not a traceback"
    assert "Traceback" not in out
    assert "vae_helpers" not in out
    return out


def all_accepted(name, functions, capsys):
    """Right answers, four or more."""
    assert len(functions) >= 4
    for function in functions:
        out = verdict(name, function, capsys)
        assert out.startswith("correct: "), out


def all_refused(name, functions, capsys):
    """Wrong answers, eight or more, by what is wrong with them."""
    assert len(functions) >= 8
    passed = []
    for what, function in functions.items():
        torch.manual_seed(0)
        out = verdict(name, function, capsys)
        if not out.startswith(("not right: ", "your function raised ")):
            passed.append(what)
    assert not passed


@pytest.mark.parametrize("name", RIGHT)
def test_other_right_ways_pass(name, capsys):
    all_accepted(name, RIGHT[name], capsys)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_do_not(name, capsys):
    all_refused(name, WRONG[name], capsys)


def told_apart(name, capsys):
    def stub(*_):
        raise NotImplementedError

    assert verdict(name, stub, capsys).startswith("not solved yet")
    out = verdict(name, crashes, capsys)
    assert out.startswith("your function raised NameError: name 'undefined_name'")
    assert "return undefined_name" in out
    assert "return statement" in verdict(name, nothing, capsys)
    assert "number and the order of its arguments" in verdict(name, lambda: 1, capsys)
    assert "without brackets" in verdict(name, 3.0, capsys)


@pytest.mark.parametrize("name", RIGHT)
def test_stubs_errors_and_returns_of_nothing_are_told_apart(name, capsys):
    told_apart(name, capsys)


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in RIGHT
        if n
        not in {
            "beta_trade_off",
            "effective_beta",
            "inverse_cdf_grid",
            "denoising_loss",
            "left_out_detector",
        }
    ],
)
def test_changes_of_the_arguments_are_noticed(name, capsys):
    assert "in place" in verdict(name, in_place, capsys)


def test_hints_name_the_mistake(capsys):
    hints = {
        ("kl_by_hand", "no log tau"): "off by exactly log(tau) per dimension",
        ("kl_by_hand", "published without halves"): "N(0, 1/2)",
        ("reparameterize_logistic", "habit from logvar"): "log(s) already",
        ("reparameterize_logistic", "sign"): "and this falls",
        ("reparameterize_logistic", "uniform"): "u is uniform",
        ("reparameterize_logistic", "u clipped further out"): "is u clipped",
        ("gaussian_nll", "no constant"): "full=True",
        ("gaussian_nll", "constant once an image"): "not once an image",
        ("gaussian_nll", "log sigma"): "not log(sigma)",
        ("pca_by_svd", "columns of Vh"): "rows of Vh",
        ("kl_by_hand", "divided by tau"): "tau^2, not by tau",
        ("gaussian_nll", "logvar clamped further out"): "Right for ordinary widths",
        ("gaussian_nll", "logvar summed twice"): "summed twice",
        ("reparameterize_logistic", "u of its own"): "you were given",
        ("beta_trade_off", "loss, NLL and KL"): "three columns",
        ("beta_trade_off", "one model for all"): "make_model(): 1, values of beta: 3",
        ("kl_by_hand", "no gradient"): "no gradient flows back to m;",
        ("reparameterize_logistic", "scale cut off"): "no gradient flows back to s;",
        ("denoising_loss", "model in no_grad"): "no gradient flows back to m;",
        ("beta_trade_off", "trained on both"): "trained on test images",
        ("beta_trade_off", "a last touch on the test images"): "trained on test images",
        ("beta_trade_off", "in its own order"): "in the order of betas",
        ("beta_trade_off", "a warm start"): "from scratch",
        ("nearest_code_distance", "from squares and products"): "Subtract first",
        ("components_needed", "a string"): "a whole number, an int, not a str",
        ("components_needed", "more than the share"): "if k components hold exactly the share",
        ("effective_beta", "divided by the weight"): "multiply",
    }
    for (name, what), words in hints.items():
        assert words in verdict(name, WRONG[name][what], capsys)


def test_every_check_is_tested_and_has_an_exercise():
    """Those of notebooks 3 and 4 in test_checks_3_and_4.py."""
    names = {check_called(stub) for path in PATHS[:2] for stub, _ in exercises(path)}
    assert set(RIGHT) == set(WRONG) == names


def test_errors_of_pytorch_are_not_taken_for_the_stub(capsys):
    """PyTorch raises NotImplementedError, too, where an operation doesn't know a type."""

    def half(p, c):
        raise NotImplementedError("an operation that is not implemented for 'Half'")

    said = verdict("nearest_code_distance", half, capsys)
    assert "your function raised NotImplementedError" in said
    assert "not solved yet" not in said


def test_gradients_are_looked_at_where_a_notebook_has_turned_them_off(capsys):
    with torch.no_grad():
        said = verdict("kl_by_hand", WRONG["kl_by_hand"]["no gradient"], capsys)
        assert "no gradient flows back to m" in said
        assert verdict("kl_by_hand", kl_of_library, capsys).startswith("correct")


def test_any_error_in_the_trial_of_gradients_is_theirs(capsys):
    def picky(m, s, t):
        if m.requires_grad:
            raise TypeError("plain numbers wanted")
        return kl_of_library(m, s, t)

    said = verdict("kl_by_hand", picky, capsys)
    assert "the numbers are right, but for gradients your function raised TypeError" in said


def test_collisions_give_no_hint(capsys):
    """A wrong answer that agrees with a known mistake in one case only gets no hint at all."""
    said = verdict("components_needed", WRONG["components_needed"]["the tail"], capsys)
    assert "square" not in said
    assert "tried with" in said


def test_cases_are_told_by_the_names_of_the_learner(capsys):
    def kl(mean, log_variance, width):
        return kl_of_library(mean, log_variance, width) + 0.1

    said = verdict("kl_by_hand", kl, capsys)
    assert "tried with mean of shape (4, 3), from -" in said
    assert "width = 1.0" in said


def test_what_is_left_switched_is_named_and_switched_back(capsys):
    def no_gradients(points, codes):
        torch.set_grad_enabled(False)
        return torch.cdist(points, codes).amin(1)

    def double(points, codes):
        torch.set_default_dtype(torch.float64)
        return torch.cdist(points, codes).amin(1)

    for function, name in ((no_gradients, "set_grad_enabled"), (double, "set_default_dtype")):
        assert f"for all that follows: torch.{name}" in verdict(
            "nearest_code_distance", function, capsys
        )
        assert torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float32


def test_an_endless_loop_that_is_interrupted_names_its_input(capsys):
    def waits(losses, patience, start):
        raise KeyboardInterrupt  # as from the stop button, in a loop that never ends

    with pytest.raises(KeyboardInterrupt):
        checks.early_stopping(waits)
    out = capsys.readouterr().out
    assert out.startswith("not right: interrupted, and still at work on losses = [9.0, 7.5")


def test_a_list_is_copied_otherwise_than_a_tensor(capsys):
    def clears(losses, patience, start):
        losses.clear()
        return 1, 1

    assert "a copy of it, list(x)" in verdict("early_stopping", clears, capsys)
