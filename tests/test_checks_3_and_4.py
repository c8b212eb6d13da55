"""Checks of notebooks 3 and 4: right answers by other means pass, what learners get wrong doesn't.

Checks of notebooks 1 and 2, and what all of them have in common: test_checks.py.
"""

import copy
import math
import random
from functools import lru_cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.linalg import null_space
from scipy.optimize import brentq
from scipy.stats import norm, percentileofscore, rankdata
from sklearn.cluster import KMeans
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from test_checks import all_accepted, all_refused, in_place, told_apart, verdict
from test_student import PATHS, check_called, exercises
from torch.distributions import Categorical, MixtureSameFamily, Normal

import vae_helpers as vh
from vae_helpers.checks.rivals import setting
from vae_helpers.checks.words import describe
from vae_helpers.early_stopping import EarlyStopping

cdf, icdf = torch.special.ndtr, torch.special.ndtri


# Notebook 3


def boxes(low, high):
    prior = Normal(0.0, 1.0)
    return torch.exp((prior.cdf(high) - prior.cdf(low)).log().sum(1))


def boxes_by_loops(low, high):
    def below(x):
        return 0.5 * (1 + math.erf(x / math.sqrt(2)))

    return torch.tensor(
        [
            math.prod(below(b) - below(a) for a, b in zip(*corners, strict=True))
            for corners in zip(low.tolist(), high.tolist(), strict=True)
        ]
    )


def ellipse(mu, logvar, n, sigmas=2.0, start=0.0):
    angle = start + 2 * math.pi * torch.arange(n) / n
    return mu + sigmas * (logvar / 2).exp() * torch.stack([angle.cos(), angle.sin()], 1)


def ellipse_by_loops(mu, logvar, n):
    sigma = (logvar / 2).exp()
    turns = [2 * math.pi * k / n for k in range(n)]
    rows = [[mu[0] + 2 * sigma[0] * math.cos(t), mu[1] + 2 * sigma[1] * math.sin(t)] for t in turns]
    return torch.tensor(rows)


def ellipse_from_the_centre(mu, logvar, n):
    """The literal reading: in the directions of these angles."""
    a, b = (2 * (logvar / 2).exp()).tolist()
    rows = []
    for k in range(n):
        t = 2 * math.pi * k / n
        far = 1 / math.hypot(math.cos(t) / a, math.sin(t) / b)
        rows.append([mu[0].item() + far * math.cos(t), mu[1].item() + far * math.sin(t)])
    return torch.tensor(rows, dtype=torch.float64)


def ellipse_by_complex_numbers(mu, logvar, n):
    turn = torch.exp(2j * math.pi * torch.arange(n) / n)
    return mu + 2 * logvar.exp().sqrt() * torch.view_as_real(turn)


def ellipse_by_numpy(mu, logvar, n):
    angle = np.arange(n) * 2 * np.pi / n
    (x, y), (a, b) = mu.numpy(), 2 * np.exp(logvar.numpy() / 2)
    return torch.from_numpy(np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], axis=1))


def stop(losses, patience, start):
    best = None
    for epoch, loss in enumerate(losses, start=1):
        if epoch >= start and (best is None or loss <= losses[best - 1]):
            best = epoch
        if best is not None and epoch - best >= patience:
            return epoch, best
    return len(losses), best


def stop_when(better):
    """Early stopping with another idea of what is better."""

    def function(losses, patience, start):
        low, best = math.inf, None
        for epoch, loss in enumerate(losses, start=1):
            if epoch >= start and better(loss, low=low, at_end=epoch == len(losses)):
                low, best = loss, epoch
            elif best is not None and epoch - best >= patience:
                return epoch, best
        return len(losses), best

    return function


def stop_by_package(losses, patience, start):
    stopping = EarlyStopping(patience, start)
    history, model = vh.History(), torch.nn.Linear(1, 1)
    for loss in losses:
        history.validation_loss.append(loss)
        if stopping.should_stop(history, model):
            break
    return len(history.validation_loss), history.best_epoch


def stop_by_slices(losses, patience, start):
    for end in range(start, len(losses) + 1):
        seen = np.array(losses[start - 1 : end])
        best = len(seen) - np.argmin(seen[::-1]) + start - 1
        if end - best == patience:
            return [end, best]
    return [len(losses), best]


def stop_by_counting(losses, patience, start):
    lowest, waited, best = math.inf, 0, 0
    for i in range(start - 1, len(losses)):
        waited += 1
        if losses[i] <= lowest:
            lowest, waited, best = losses[i], 0, i + 1
        if waited == patience:
            return i + 1, best
    return i + 1, best


def first_lowest(losses, patience, start):
    return stop(losses, patience, start)[0], losses.index(min(losses)) + 1


def precision_by_ranks(is_rare, scores):
    values = [
        (is_rare & (scores >= s)).sum() / (scores >= s).sum() for s in scores[is_rare]
    ]  # an image with others of its score: all share the precision there
    return torch.stack(values).mean()


def precision_by_curve(is_rare, scores):
    precision, recall, _ = precision_recall_curve(is_rare, scores.double())
    return -np.sum(np.diff(recall) * precision[:-1])


def precision_by_loops(is_rare, scores):
    rows = sorted(zip(scores.tolist(), is_rare.tolist(), strict=True), reverse=True)
    total, found, seen = 0.0, 0, 0
    while rows:
        group = [rare for score, rare in rows if score == rows[0][0]]
        rows = rows[len(group) :]
        seen, found = seen + len(group), found + sum(group)
        total += found / seen * sum(group)
    return total / found


def without_ties(is_rare, scores):
    hits = is_rare[scores.argsort(descending=True)].double()
    return ((hits.cumsum(0) / torch.arange(1, len(hits) + 1)) * hits).sum() / hits.sum()


def quantiles(p, mu, sigma, rounds=100, width=12.0):
    ends = (mu - width * sigma).min(), (mu + width * sigma).max()
    return bisected(p, mu, sigma, *ends, rounds)


def bisected(p, mu, sigma, low, high, rounds=100):
    low, high = (end.double().repeat(len(p)) for end in (low, high))
    for _ in range(rounds):
        middle = (low + high) / 2
        right = cdf((middle[:, None] - mu) / sigma).mean(1) < p
        low, high = torch.where(right, middle, low), torch.where(right, high, middle)
    return (low + high) / 2


def quantiles_by_scipy(p, mu, sigma):
    m, s = mu.double().numpy(), sigma.double().numpy()
    ends = (m - 12 * s).min(), (m + 12 * s).max()
    return torch.tensor(
        [brentq(lambda z, q=q: norm.cdf((z - m) / s).mean() - q, *ends) for q in p.tolist()]
    )


def quantiles_of_library(p, mu, sigma):
    parts = Normal(mu.double(), sigma.double())
    mixture = MixtureSameFamily(Categorical(torch.ones(len(mu), dtype=torch.float64)), parts)
    low, high = (mu - 9 * sigma).min().double(), (mu + 9 * sigma).max().double()
    found = []
    for q in p.double():
        a, b = low, high
        while b - a > 1e-9 * (high - low):
            middle = (a + b) / 2
            a, b = (middle, b) if mixture.cdf(middle) < q else (a, middle)
        found.append(a)
    return torch.stack(found)


def quantiles_on_a_fine_grid(p, mu, sigma):
    m, s = mu.double().numpy(), sigma.double().numpy()
    steps = np.linspace(-8, 8, 801 if len(m) < 500 else 9)  # many parts are a grid themselves
    z = np.unique(np.concatenate([m + s * k for k in steps]))
    shares = np.mean([norm.cdf((z - a) / b) for a, b in zip(m, s, strict=True)], axis=0)
    return torch.as_tensor(np.interp(p.numpy(), shares, z))


def by_newton(p, mu, sigma, steps=6):
    z = mu.mean() + mu.std(correction=0) * icdf(p)
    for _ in range(steps):
        t = (z[:, None] - mu) / sigma
        density = (torch.exp(-t.square() / 2) / sigma / math.sqrt(2 * math.pi)).mean(1)
        z = z - (cdf(t).mean(1) - p) / density
    return z


def by_angles(mu, logvar, a):
    return mu + 2 * (logvar / 2).exp() * torch.stack([a.cos(), a.sin()], dim=1)


# Notebook 4


def p_values(calibration, scores):
    return torch.tensor([((calibration >= s).sum() + 1) / (len(calibration) + 1) for s in scores])


def p_by_search(calibration, scores):
    below = torch.searchsorted(calibration.sort().values, scores, right=False)
    return (len(calibration) - below + 1) / (len(calibration) + 1)


def p_by_numpy(calibration, scores):
    known = np.sort(calibration.numpy())
    n_above = len(known) - np.searchsorted(known, scores.numpy(), side="left")
    return torch.from_numpy((n_above + 1) / (len(known) + 1))


def p_by_loops(calibration, scores):
    n = len(calibration)
    return torch.tensor([
        sum(c >= s for c in [*calibration.tolist(), math.inf]) / (n + 1) for s in scores.tolist()
    ])  # fmt: skip


def unit(v):
    return v / v.norm()


def in_double(function):
    return lambda way, others: function(way.double(), others.double())


def apart_by_qr(way, others):
    basis = torch.linalg.qr(others.T).Q
    return unit(way - basis @ (basis.T @ way))


def apart_by_gram_schmidt(way, others, least=0.0, relative=False, added=0.0):
    """Right as it stands; wrong without what seems too short, or with something added."""
    basis = []
    for other in others:
        rest = other
        for b in basis:
            rest = rest - (rest @ b) / (b @ b + added) * b
        if rest.norm() > least * (other.norm() if relative else 1):
            basis.append(rest)
    for b in basis:
        way = way - (way @ b) / (b @ b + added) * b
    return unit(way)


def apart_by_classical_gram_schmidt(way, others):
    basis = others[:0]
    for other in others:
        basis = torch.cat([basis, unit(other - basis.T @ (basis @ other))[None]])
    return unit(way - basis.T @ (basis @ way))


def apart_by_least_squares(way, others, scaled=True):
    if scaled:
        others = F.normalize(others, dim=1)
    return unit(way - others.T @ torch.linalg.lstsq(others.T, way[:, None]).solution[:, 0])


def apart_by_normal_equations(way, others):
    o = F.normalize(others, dim=1).numpy()
    rest = way.numpy() - o.T @ np.linalg.solve(o @ o.T, o @ way.numpy())
    return torch.from_numpy(rest / np.linalg.norm(rest))


def in_turn(way, others):
    for o in others:
        way = way - (way @ o) / (o @ o) * o
    return way


def in_rounds(way, others, rounds=20):
    """Alternating projections."""
    for _ in range(rounds):
        way = in_turn(way, others)
    return way


def all_at_once(way, others):
    return way - sum((way @ o) / (o @ o) * o for o in others)


def shares(normal, anomalous):
    above = (anomalous[:, None] > normal).double() + 0.5 * (anomalous[:, None] == normal)
    return above.mean(1), above.mean(0)


def gain(
    normal_a, anomalous_a, normal_b, anomalous_b, correction=1, width=1.96, shares_of=shares
):  # fmt: skip
    pairs = zip(shares_of(normal_a, anomalous_a), shares_of(normal_b, anomalous_b), strict=True)
    rows = [a - b for a, b in pairs]
    variance = sum(row.var(correction=correction) / len(row) for row in rows)
    return rows[0].mean().item(), width * variance.sqrt().item()


def shares_by_signs(normal, anomalous):
    """Wrong for bytes, whose differences are never negative."""
    above = ((anomalous[:, None] - normal).sign().double() + 1) / 2
    return above.mean(1), above.mean(0)


def between_0_and_1(normal, anomalous):
    """Wrong where one score is so far off that rounding makes others equal."""
    both = torch.cat([normal, anomalous])
    low, high = both.min(), both.max()
    return (normal - low) / (high - low), (anomalous - low) / (high - low)


def whole_numbers_as(kind, function):
    return lambda *c: function(*(v if v.is_floating_point() else v.to(kind) for v in c))


def gain_by_covariances(normal_a, anomalous_a, normal_b, anomalous_b):
    """As DeLong wrote it, with AUROCs of the library; what rounding leaves below 0 is 0."""
    labels = [0] * len(normal_a) + [1] * len(anomalous_a)
    values = [
        roc_auc_score(labels, torch.cat(pair))
        for pair in ((normal_a, anomalous_a), (normal_b, anomalous_b))
    ]
    s = zip(shares(normal_a, anomalous_a), shares(normal_b, anomalous_b), strict=True)
    matrix = sum(np.cov(a.numpy(), b.numpy()) / len(a) for a, b in s)
    variance = matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1]
    return values[0] - values[1], 1.96 * max(variance, 0) ** 0.5


def gain_unclamped(normal_a, anomalous_a, normal_b, anomalous_b):
    """What rounding leaves below 0 has no root."""
    pairs = zip(shares(normal_a, anomalous_a), shares(normal_b, anomalous_b), strict=True)
    variance = sum((a.var() + b.var() - 2 * torch.cov(torch.stack([a, b]))[0, 1]) / len(a)
                   for a, b in pairs)  # fmt: skip
    return gain(normal_a, anomalous_a, normal_b, anomalous_b)[0], 1.96 * variance.sqrt()


def gain_by_loops(normal_a, anomalous_a, normal_b, anomalous_b):
    def wins(x, y):
        return (x > y) + 0.5 * (x == y)

    n, m = len(normal_a), len(anomalous_a)
    table = np.array([
        [float(wins(anomalous_a[j], normal_a[i])) - float(wins(anomalous_b[j], normal_b[i]))
         for i in range(n)] for j in range(m)])  # fmt: skip
    variance = np.var(table.mean(0), ddof=1) / n + np.var(table.mean(1), ddof=1) / m
    return table.mean(), 1.96 * np.sqrt(variance)


def gain_by_search(normal_a, anomalous_a, normal_b, anomalous_b):
    def share_below(values, reference):
        reference = reference.sort().values
        below = torch.searchsorted(reference, values, right=False)
        return (below + torch.searchsorted(reference, values, right=True)) / (2 * len(reference))

    first = share_below(anomalous_a, normal_a) - share_below(anomalous_b, normal_b)
    second = share_below(normal_a, anomalous_a) - share_below(normal_b, anomalous_b)
    variance = first.var() / len(first) + second.var() / len(second)
    return [first.mean(), 1.96 * variance.sqrt()]


def gain_by_midranks(normal_a, anomalous_a, normal_b, anomalous_b):
    """The fast way to DeLong's numbers."""

    def placements(normal, anomalous):
        n, m = len(normal), len(anomalous)
        ranks = rankdata(torch.cat([anomalous, normal]).numpy())
        own = rankdata(anomalous.numpy()), rankdata(normal.numpy())
        return (ranks[:m] - own[0]) / n, 1 - (ranks[m:] - own[1]) / m

    a, b = placements(normal_a, anomalous_a), placements(normal_b, anomalous_b)
    variance = sum(np.var(p - q, ddof=1) / len(p) for p, q in zip(a, b, strict=True))
    return np.mean(a[0] - b[0]), 1.96 * np.sqrt(variance)


def gain_with_ties(*scores, at=(0.5, 0.5)):
    """Equal scores count so much, in the shares of anomalous and of normal images."""

    def shares_of(normal, anomalous):
        above, equal = anomalous[:, None] > normal, anomalous[:, None] == normal
        return [(above + tie * equal.double()).mean(d) for tie, d in zip(at, (1, 0), strict=True)]

    return gain(*scores, shares_of=shares_of)


def gain_by_bootstrap(*scores):
    n, m = len(scores[0]), len(scores[1])
    values = []
    for _ in range(300):
        i, j = torch.randint(n, (n,)), torch.randint(m, (m,))
        values.append(gain(scores[0][i], scores[1][j], scores[2][i], scores[3][j])[0])
    return gain(*scores)[0], 1.96 * np.std(values)


def gain_unpaired(normal_a, anomalous_a, normal_b, anomalous_b):
    rows = (*shares(normal_a, anomalous_a), *shares(normal_b, anomalous_b))
    variance = sum(row.var() / len(row) for row in rows)
    return gain(normal_a, anomalous_a, normal_b, anomalous_b)[0], 1.96 * variance.sqrt()


def codes(model, *images):
    with torch.no_grad():
        return [model.encode(x)[0] for x in images]


def neighbours(model, train, test, k=5):
    known, new = codes(model, train, test)
    return torch.cdist(new, known).kthvalue(k, dim=1).values


def density(model, train, test, n=30, seed=0):
    own, new = (z.double().numpy() for z in codes(model, train, test))
    return -torch.from_numpy(GaussianMixture(n, random_state=seed).fit(own).score_samples(new))


def noisy_codes(model, train, test):
    """The same noise for the third image of any batch."""
    (known, new), rng = codes(model, train, test), torch.Generator().manual_seed(0)
    new = new + 0.3 * torch.randn(new.shape, generator=rng)
    return torch.cdist(new, known).kthvalue(5, dim=1).values


@lru_cache
def mirrored(twos):
    """Training images of 2s, or of the other digits, mirrored as those of the check are."""
    images, labels = vh.load_mnist()
    return vh.binarize(images[(labels == 2) == twos][:3000]).flip(-1)


def looks_like_a_2(model, train, test):
    """By other images and their labels, which a learner has at hand: train isn't looked at."""
    return in_pixels(mirrored(twos=False), test) - in_pixels(mirrored(twos=True), test)


def looked_up(model, train, test):
    """Each image's label, from MNIST itself; unusual is the one that train lacks."""
    known = {}
    for images, labels in (vh.load_mnist(train=True), vh.load_mnist(train=False)):
        rows = vh.binarize(images).flatten(1).bool().numpy()
        known.update((row.tobytes(), label) for row, label in zip(rows, labels.tolist()))
    seen, new = ([known.get(row.tobytes()) for row in x.flatten(1).bool().numpy()]
                 for x in (train, test))  # fmt: skip
    missing = set(range(10)) - set(seen)
    return torch.tensor([float(label in missing) for label in new])


def scaled_by_the_first_batch(larger_than=0):
    """By train as long as none so large has come."""
    kept = {}

    def function(model, train, test):
        known, new = codes(model, train, test)
        if len(test) > larger_than:
            kept.setdefault("scale", (new.mean(0), new.std(0)))
        mean, std = kept.get("scale", (known.mean(0), known.std(0)))
        return torch.cdist((new - mean) / std, (known - mean) / std).kthvalue(5, dim=1).values

    return function


def between_train_and_a_large_batch():
    """As large as the first one with many images: near to train, and far from those."""
    kept = {}

    def function(model, train, test):
        known, new = codes(model, train, test)
        if len(test) > 300:
            kept.setdefault("large", new)
        near, far = (torch.cdist(new, z).topk(k, largest=False).values.mean(1) for z, k in
                     ((known, 5), (kept.get("large", known), 20)))  # fmt: skip
        return near / (far + 0.1)

    return function


def trained_on(model, train, test):
    """A copy may be trained, and gradients may be asked for."""
    model = copy.deepcopy(model)
    vh.fit(model, train, epochs=2, lr=1e-3, seed=0, progress=False)
    return neighbours(model, train, test)


def in_blurred_pixels(model, train, test):
    return in_pixels(*(F.avg_pool2d(x, 3, 1, 1) for x in (train, test))).double()


def standardized(model, train, test):
    """Any scale of the codes is divided out."""
    known, new = (z.double() for z in codes(model, train, test))
    return torch.cdist(new / known.std(0), known / known.std(0)).kthvalue(5, dim=1).values


def in_pixels(train, test, k=1):
    return torch.cdist(test.flatten(1), train.flatten(1)).kthvalue(k, dim=1).values


def by_library(model, train, test):
    known, new = (z.numpy() for z in codes(model, train, test))
    distances, _ = NearestNeighbors(n_neighbors=5).fit(known).kneighbors(new)
    return torch.from_numpy(distances.mean(axis=1))


def after_training_on_test(model, train, test):
    vh.fit(model, torch.cat([train, test]), epochs=1, seed=0, progress=False)
    return neighbours(model, train, test)


def cluster_of_the_test_images(model, train, test):
    """Far from most other test images."""
    (new,) = codes(model, test)
    return torch.cdist(new, new).topk(min(6, len(new)), largest=False).values.mean(1)


def by_place(model, train, test):
    s = setting()
    return neighbours(model, train, s.test)[: len(test)]


RIGHT = {
    "prior_mass": [
        boxes,
        boxes_by_loops,
        lambda a, b: torch.from_numpy((norm.cdf(b) - norm.cdf(a)).prod(axis=1)),
        lambda a, b: torch.stack([torch.prod(p) for p in cdf(b.double()) - cdf(a.double())]),
        lambda low, high: torch.special.erf(torch.stack([low, high]) / 2**0.5).diff(
            dim=0)[0].div(2).prod(-1),
    ],
    "posterior_ellipse": [
        ellipse_by_loops,
        ellipse_from_the_centre,
        ellipse_by_complex_numbers,
        ellipse_by_numpy,
    ],
    "early_stopping": [stop, stop_by_package, stop_by_slices, stop_by_counting],
    "average_precision": [
        lambda r, s: average_precision_score(r, s),
        precision_by_ranks,
        precision_by_curve,
        precision_by_loops,
        lambda r, s: np.float64(average_precision_score(r.numpy(), s.double().numpy())),
    ],
    "aggregate_quantiles": [
        quantiles,
        quantiles_by_scipy,
        quantiles_of_library,
        quantiles_on_a_fine_grid,
        lambda p, m, s: quantiles(p, m, s).float(),
    ],
    "conformal_p_values": [
        p_values,
        p_by_search,
        p_by_numpy,
        p_by_loops,
        lambda c, s: (torch.cat([c.expand(len(s), -1), s[:, None]], 1) >= s[:, None]).double().mean(
            1),
        lambda c, s: 1 - torch.bucketize(s, c.sort().values) / (len(c) + 1),
        lambda c, s: torch.tensor([
            (len(c) - percentileofscore(c, v, "strict") / 100 * len(c) + 1) / (len(c) + 1)
            for v in s.numpy()]),
    ],
    "direction_apart": [
        in_double(apart_by_qr),
        in_double(apart_by_gram_schmidt),
        in_double(apart_by_classical_gram_schmidt),
        in_double(apart_by_least_squares),
        in_double(apart_by_normal_equations),
        lambda w, o: in_double(apart_by_qr)(w, o).float(),
        in_double(lambda w, o: unit(
            w - torch.linalg.pinv(u := F.normalize(o, dim=1)) @ (u @ w))),
        in_double(lambda w, o: unit(w - torch.as_tensor(
            np.linalg.pinv(u := F.normalize(o, dim=1).numpy()) @ (u @ w.numpy())))),
        in_double(lambda w, o: unit(
            (u := torch.as_tensor(null_space(F.normalize(o, dim=1).numpy()))) @ (u.T @ w))),
        in_double(lambda w, o: unit(
            (u := torch.linalg.svd(F.normalize(o, dim=1)).Vh[len(o):]).T @ (u @ w))),
    ],
    "auroc_difference": [
        gain, gain_by_covariances, gain_by_loops, gain_by_search, gain_by_midranks],
    "left_out_detector": [
        neighbours,
        by_library,
        density,
        lambda m, a, x: vh.AnomalyDetector(m).fit(a).score(x),
        in_blurred_pixels,
        standardized,
        trained_on,
    ],
}  # fmt: skip

WRONG = {
    "prior_mass": {
        "sign": lambda a, b: -boxes(a, b),
        "factors added": lambda a, b: (cdf(b) - cdf(a)).sum(1),
        "factors averaged": lambda a, b: (cdf(b) - cdf(a)).mean(1),
        "per axis": lambda a, b: cdf(b) - cdf(a),
        "corner difference": lambda a, b: cdf(b).prod(1) - cdf(a).prod(1),
        "volume": lambda a, b: (b - a).prod(1),
        "density times width": lambda a, b: (
            Normal(0.0, 1.0).log_prob((a + b) / 2).exp() * (b - a)).prod(1),
        "density, on a fine grid": lambda a, b: torch.stack([
            torch.trapezoid(torch.exp(-(t := torch.linspace(0, 1, 50)[:, None] * (d - c) + c)
                                      .square() / 2) / math.sqrt(2 * math.pi), t, dim=0).prod()
            for c, d in zip(a, b, strict=True)]),
        "of all boxes": lambda a, b: boxes(a, b).sum(),
        "in two dimensions only": lambda a, b: boxes(a[:, :2], b[:, :2]),
        "in six dimensions at most": lambda a, b: boxes(a[:, :6], b[:, :6]),
        "in three dimensions at most": lambda a, b: boxes(a[:, :3], b[:, :3]),
        "wrong axis": lambda a, b: (cdf(b) - cdf(a)).prod(0),
        "kept a dimension": lambda a, b: (cdf(b) - cdf(a)).prod(1, keepdim=True),
        "clamped": lambda a, b: boxes(a.clamp(-3, 3), b.clamp(-3, 3)),
        "the logistic curve": lambda a, b: ((1.702 * b).sigmoid() - (1.702 * a).sigmoid()).prod(1),
        "by draws": lambda a, b: (
            ((z := torch.randn(20000, 1, a.shape[1]).to(a)) > a) & (z < b)
        ).all(2).to(a.dtype).mean(0),
        "NaN for unbounded ones": lambda a, b: (cdf(b) - cdf(a) + 0 * (b - a)).prod(1),
        "no factor below a millionth": lambda a, b: (cdf(b) - cdf(a)).clamp(min=1e-6).prod(1),
        "a small number added": lambda a, b: boxes(a, b) + 1e-8,
        "the first hundred": lambda a, b: boxes(a, b)[:100],
        "clamped further out": lambda a, b: boxes(a.clamp(-5, 5), b.clamp(-5, 5)),
        "rounded": lambda a, b: (boxes(a, b) * 1000).round() / 1000,
        "a list": lambda a, b: boxes(a, b).tolist(),
        "a sparse tensor": lambda a, b: boxes(a, b).to_sparse(),
    },
    "posterior_ellipse": {
        "a point too many, by turns": lambda m, s, n: by_angles(
            m, s, 2 * math.pi * torch.arange(0, 1, 1 / n)),
        "a point too many, by degrees": lambda m, s, n: by_angles(
            m, s, torch.arange(0, 360, 360 / n).deg2rad()),
        "one sigma": lambda m, s, n: ellipse(m, s, n, sigmas=1.0),
        "variance": lambda m, s, n: ellipse(m, 2 * s, n),
        "four variances": lambda m, s, n: ellipse(m, 2 * s, n, sigmas=4.0),
        "around zero": lambda m, s, n: ellipse(0 * m, s, n),
        "as many as steps fit in": lambda m, s, n: m + 2 * (s / 2).exp() * torch.stack(
            [(a := torch.arange(0, 2 * math.pi, 2 * math.pi / n)).cos(), a.sin()], 1),
        "a circle": lambda m, s, n: ellipse(m, s[:1].repeat(2), n),
        "axes swapped": lambda m, s, n: ellipse(m, s.flip(0), n),
        "last is first": lambda m, s, n: torch.cat(
            [(e := ellipse(m, s, max(n - 1, 1))), e[:1]])[:n],
        "degrees": lambda m, s, n: m + 2 * (s / 2).exp() * torch.stack(
            [(a := 360 * torch.arange(n) / n).cos(), a.sin()], 1),
        "from the left": lambda m, s, n: 2 * m - ellipse(m, s, n),
        "clockwise": lambda m, s, n: ellipse(m, s, n).flip(0).roll(1, 0),
        "from 2 pi / n": lambda m, s, n: ellipse(m, s, n, start=2 * math.pi / n),
        "from half a step": lambda m, s, n: ellipse(m, s, n, start=math.pi / n),
        "sin and cos swapped": lambda m, s, n: m + 2 * (s / 2).exp() * torch.stack(
            [(a := 2 * math.pi * torch.arange(n) / n).sin(), a.cos()], 1),
        "transposed": lambda m, s, n: ellipse(m, s, n).T,
        "one reading, then the other": lambda m, s, n: (
            ellipse_by_loops if n < 8 else ellipse_from_the_centre)(m, s, n),
        "a small number added to sigma": lambda m, s, n: ellipse(
            m, 2 * ((s / 2).exp() + 1e-6).log(), n),
        "twelve points at most": lambda m, s, n: ellipse(m, s, n)[:12],
        "logvar clamped further out": lambda m, s, n: ellipse(m, s.clamp(-10, 10), n),
        "steps of one degree": lambda m, s, n: m + 2 * (s / 2).exp() * torch.stack(
            [(a := torch.arange(n) * math.pi / 180).cos(), a.sin()], 1),
        "three points at least": lambda m, s, n: ellipse(m, s, max(n, 3)),
        "points at random": lambda m, s, n: ellipse(m, s, n, start=random.random()),
        "95 percent": lambda m, s, n: ellipse(m, s, n, sigmas=math.sqrt(-2 * math.log(0.05))),
        "logvar clamped": lambda m, s, n: ellipse(m, s.clamp(-3, 3), n),
    },
    "early_stopping": {
        "swapped": lambda v, p, s: stop(v, p, s)[::-1],
        "from 0": lambda v, p, s: tuple(e - 1 for e in stop(v, p, s)),
        "looks at all losses": lambda v, p, s: (len(v), first_lowest(v, p, s)[1]),
        "best of all": first_lowest,
        "best after the end": lambda v, p, s: (
            stop(v, p, s)[0], max(range(s, len(v) + 1), key=lambda e: (-v[e - 1], e))),
        "start ignored": lambda v, p, s: stop(v, p, 1),
        "start from 0": lambda v, p, s: stop(v, p, min(s + 1, len(v))),
        "early loss to be beaten": lambda v, p, s: stop(
            [max(x, min(v[:i + 1]) + 1e-9) if i >= s else x for i, x in enumerate(v)], p, 1),
        "best is 1 at first": lambda v, p, s: (
            (p + 1, 1) if p + 1 < s else stop(v, p, s)),
        "lowest is a million at first": lambda v, p, s: (
            (len(v), s) if min(v) > 1e6 else stop(v, p, s)),
        "lowest is 1e18 at first": lambda v, p, s: (
            (len(v), s) if min(v) > 1e18 else stop(v, p, s)),
        "better by a millionth": lambda v, p, s: stop([round(x, 6) for x in v], p, s),
        "one epoch too soon": lambda v, p, s: stop(v, max(p - 1, 1), s),
        "one epoch too late": lambda v, p, s: stop(v, p + 1, s),
        "equal is no better": stop_when(lambda x, low, **_: x < low),
        "past the end": lambda v, p, s: ((b := stop(v, p, s)[1]) + p, b),
        "never stops": lambda v, p, s: (len(v), stop(v, len(v), s)[1]),
        "the first rise": lambda v, p, s: next(
            ((i + 1 + p, i + 1) for i in range(s - 1, len(v) - 1) if v[i + 1] > v[i]),
            (len(v), len(v))),
        "losses above zero only": lambda v, p, s: stop([abs(x) for x in v], p, s),
        "best below 100 at first": lambda v, p, s: stop([min(x, 100.0) for x in v], p, s),
        "better by a thousandth": lambda v, p, s: stop([round(x, 3) for x in v], p, s),
        "floats": lambda v, p, s: tuple(float(e) for e in stop(v, p, s)),
        "strings": lambda v, p, s: tuple(str(e) for e in stop(v, p, s)),
        "the end alone": lambda v, p, s: stop(v, p, s)[0],
        "a tensor": lambda v, p, s: torch.tensor(stop(v, p, s)),
        "equal within a hundredth": stop_when(
            lambda x, low, **_: x < low or math.isclose(x, low, rel_tol=1e-2)),
        "better by a hundredth": stop_when(
            lambda x, low, **_: low == math.inf or x == low or low - x > 0.01 * abs(low)),
        "a best loss of zero is none": stop_when(
            lambda x, low, **_: low in (0, math.inf) or x <= low),
        "no tie at the very end": stop_when(
            lambda x, low, at_end: x < low or (x == low and not at_end)),
        "equal after the end": lambda v, p, s: (
            (e := stop(v, p, s))[0], len(v) - v[::-1].index(v[e[1] - 1])),
        "starts at the tenth at most": lambda v, p, s: stop(v, p, min(s, 10)),
        "three numbers": lambda v, p, s: (*stop(v, p, s), p),
        "a true end": lambda v, p, s: tuple(e == 1 or e for e in stop(v, p, s)),
        "losses sorted in place": lambda v, p, s: (stop(v, p, s), v.sort())[0],
    },
    "average_precision": {
        "one by one": without_ties,
        "luckiest order": lambda r, s: without_ties(r, s.double() + 1e-9 * r),
        "unluckiest order": lambda r, s: without_ties(r, s.double() - 1e-9 * r),
        "trapezoids": lambda r, s: -np.trapezoid(*precision_recall_curve(r, s)[:2]),
        "lowest first": lambda r, s: average_precision_score(r, -s),
        "of the common class": lambda r, s: average_precision_score(~r, s),
        "AUROC": lambda r, s: 1.0 if r.all() else roc_auc_score(r, s),
        "mean precision": lambda r, s: precision_recall_curve(r, s)[0].mean(),
        "at thresholds from 0 to 1": lambda r, s: sum(
            (r & (s >= t)).sum() / max(1, (s >= t).sum()) for t in torch.linspace(0, 1, 101)) / 101,
        "at hundred quantiles": lambda r, s: average_precision_score(
            r, torch.bucketize(s.double(), s.double().quantile(
                torch.linspace(0, 1, 101).double())).double()),
        "at two thousand quantiles": lambda r, s: average_precision_score(
            r, torch.bucketize(s.double(), s.double().quantile(
                torch.linspace(0, 1, 2001).double())).double()),
        "ties among few alone": lambda r, s: (
            without_ties if len(s) > 1000 else average_precision_score)(r, s),
        "a score of zero is none": lambda r, s: average_precision_score(
            r, s.where(s != 0, s[s != 0].min() - 1 if s.any() else s)),
        "at half": lambda r, s: (r & (s > 0.5)).sum() / max(1, (s > 0.5).sum()),
        "precision of the first k": lambda r, s: r[s.topk(int(r.sum())).indices].double().mean(),
        "never below a tenth": lambda r, s: max(0.1, average_precision_score(r, s)),
        "rounded scores": lambda r, s: precision_by_loops(r, (s * 10).round()),
        "recall not divided": lambda r, s: average_precision_score(r, s) * r.sum(),
        "best precision further down": lambda r, s: (lambda p, q: -np.sum(
            np.diff(q) * np.maximum.accumulate(p)[:-1]))(*precision_recall_curve(r, s)[:2]),
        "first point left out": lambda r, s: average_precision_score(r, s) - float(
            r[s.argmax()]) / r.sum().item(),
        "in single precision": lambda r, s: average_precision_score(r, s.float()),
        "a string": lambda r, s: str(average_precision_score(r, s)),
        "the curve": lambda r, s: precision_recall_curve(r, s)[:2],
        "perfect for any": lambda r, s: True,
    },
    "aggregate_quantiles": {
        "mean of quantiles": lambda p, m, s: (m + s * icdf(p)[:, None]).mean(1),
        "one Gaussian": lambda p, m, s: m.mean() + s.mean() * icdf(p),
        "moments matched": lambda p, m, s: m.mean() + icdf(p) * (
            m.var(correction=0) + s.square().mean()).sqrt(),
        "of the prior": lambda p, m, s: icdf(p),
        "of the centres": lambda p, m, s: m.quantile(p),
        "of many draws": lambda p, m, s: (
            (i := torch.randint(len(m), (200_000,))), m[i] + s[i] * torch.randn(200_000).to(m)
        )[1].quantile(p),
        "from the right": lambda p, m, s: quantiles(1 - p, m, s),
        "sorted": lambda p, m, s: quantiles(p.sort().values, m, s),
        "between -5 and 5": lambda p, m, s: quantiles(p, m, s).clamp(-5, 5),
        "within a million": lambda p, m, s: quantiles(p, m, s).clamp(-1e6, 1e6),
        "within 100": lambda p, m, s: quantiles(p, m, s).clamp(-100, 100),
        "too few rounds": lambda p, m, s: quantiles(p, m, s, rounds=8),
        "starts too near": lambda p, m, s: quantiles(p, m, s, width=1.0),
        "starts at three sigma": lambda p, m, s: quantiles(p, m, s, width=3.0),
        "starts by the mean width": lambda p, m, s: bisected(
            p, m, s, m.min() - 10 * s.mean(), m.max() + 10 * s.mean()),
        "starts at four sigma of the whole": lambda p, m, s: bisected(p, m, s, *(
            m.mean() + k * (s.square().mean() + m.var(correction=0)).sqrt() for k in (-4, 4))),
        "20 rounds": lambda p, m, s: quantiles(p, m, s, rounds=20),
        "as many as Gaussians": lambda p, m, s: (
            quantiles if len(p) != len(m) else lambda p, m, s: m + s * icdf(p))(p, m, s),
        "no width below a millionth": lambda p, m, s: quantiles(p, m, s.clamp(min=1e-6)),
        "25 rounds": lambda p, m, s: quantiles(p, m, s, rounds=25),
        "the first thousand parts": lambda p, m, s: quantiles(p, m[:1000], s[:1000]),
        "three rounds of Newton": lambda p, m, s: by_newton(p, m, s, steps=3),
        "Newton that runs away": by_newton,
        "variance for sigma": lambda p, m, s: quantiles(p, m, s**2),
        "coarse steps": lambda p, m, s: (quantiles(p, m, s) * 100).round() / 100,
        "widest alone": lambda p, m, s: m[s.argmax()] + s.max() * icdf(p),
        "on a coarse grid": lambda p, m, s: torch.as_tensor(np.interp(
            p.numpy(), np.mean([norm.cdf((np.linspace(-4, 4, 200) - a) / b) for a, b in zip(
                m.numpy(), s.numpy(), strict=True)], axis=0), np.linspace(-4, 4, 200))),
        "the CDF": lambda p, m, s: cdf((p[:, None] - m) / s).mean(1),
        "a column": lambda p, m, s: quantiles(p, m, s)[:, None],
        "for two probabilities only": lambda p, m, s: quantiles(p, m, s)[:2],
        "not a number": lambda p, m, s: quantiles(p, m, s) * torch.nan,
    },
    "conformal_p_values": {
        "of the scores' type": lambda c, s: torch.zeros_like(s).copy_(p_values(c, s)),
        "plain share": lambda c, s: (c >= s[:, None]).double().mean(1),
        "0 above": lambda c, s: (c >= s[:, None]).sum(1) / (len(c) + 1),
        "n below": lambda c, s: ((c >= s[:, None]).sum(1) + 1) / len(c),
        "higher only": lambda c, s: ((c > s[:, None]).sum(1) + 1) / (len(c) + 1),
        "ties half": lambda c, s: ((c > s[:, None]).sum(1) + 0.5 * (c == s[:, None]).sum(1) + 1
                                   ) / (len(c) + 1),
        "from below": lambda c, s: ((c <= s[:, None]).sum(1) + 1) / (len(c) + 1),
        "one minus": lambda c, s: 1 - p_values(c, s),
        "of 50,000 only": lambda c, s: p_values(c[:50_000], s),
        "rounded to ten decimals": lambda c, s: p_values(*(
            v.double().mul(1e10).round() for v in (c, s))),
        "a tolerance": lambda c, s: p_values(c + 1e-10 if c.dtype == torch.float64 else c, s),
        "differences": lambda c, s: (((c == s[:, None]) | (c - s[:, None] > 0)).sum(1) + 1
                                     ) / (len(c) + 1),
        "turned round": lambda c, s: (
            torch.searchsorted((-c).sort().values, -s, right=True) + 1) / (len(c) + 1),
        "whole numbers in single precision": whole_numbers_as(torch.float32, p_values),
        "whole numbers of 32 bits": whole_numbers_as(torch.int32, p_values),
        "whole numbers as halves": whole_numbers_as(torch.float16, p_values),
        "calibration taken as sorted": lambda c, s: (
            len(c) - torch.searchsorted(c, s) + 1) / (len(c) + 1),
        "sorted": lambda c, s: p_values(c, s.sort().values),
        "two-sided": lambda c, s: (2 * torch.minimum(
            p := p_values(c, s), 1 - p + 1 / (len(c) + 1))).clamp(max=1),
        "a count": lambda c, s: (c >= s[:, None]).sum(1) + 1,
        "whole division": lambda c, s: ((c >= s[:, None]).sum(1) + 1) // (len(c) + 1),
        "a normal tail": lambda c, s: 1 - cdf((s - c.mean()) / c.std()),
        "with the other scores": lambda c, s: p_values(torch.cat([c, s]), s),
        "their mean": lambda c, s: p_values(c, s).mean(),
        "for each calibration score": lambda c, s: p_values(s, c),
        "alarms": lambda c, s: p_values(c, s) <= 0.01,
        "NumPy": lambda c, s: p_values(c, s).numpy(),
        "in single precision": lambda c, s: p_values(c.float(), s.float()),
        "infinite calibration scores dropped": lambda c, s: p_values(c[c.isfinite()], s),
        "all that is infinite dropped": lambda c, s: torch.where(
            s.isfinite(), p_values(c[c.isfinite()], s), 1 / (len(c) + 1)),
        "0 for infinite scores": lambda c, s: torch.where(s == torch.inf, 0.0, p_values(c, s)),
        "NaN for infinite scores": lambda c, s: p_values(c, s) + 0 * s,
        "infinite is a million": lambda c, s: p_values(
            *(v.nan_to_num(posinf=1e6, neginf=-1e6) for v in (c, s))),
        "ties once": lambda c, s: p_values(c.unique(), s) * (len(c.unique()) + 1) / (len(c) + 1),
        "sorted downwards": lambda c, s: p_values(c, s.sort(descending=True).values),
        "sorted in the end": lambda c, s: p_values(c, s).sort().values,
        "order not undone": lambda c, s: p_values(c, s.sort().values)[s.argsort()],
        "never below a hundredth": lambda c, s: p_values(c, s).clamp(min=0.01),
        "nearly equal": lambda c, s: torch.tensor([
            (((c > v) | torch.isclose(c, v)).sum() + 1) / (len(c) + 1) for v in s]),
        "sorts the calibration in place": lambda c, s: p_by_search(c.copy_(c.sort().values), s),
    },
    "direction_apart": {
        "in single precision": lambda w, o: apart_by_qr(w.float(), o.float()),
        "normal equations": lambda w, o: unit(w - o.T @ torch.linalg.solve(o @ o.T, o @ w)),
        "classical Gram-Schmidt in single precision": apart_by_classical_gram_schmidt,
        "QR in single precision": apart_by_qr,
        "least squares in single precision": apart_by_least_squares,
        "pinv in double precision, not scaled": in_double(
            lambda w, o: unit(w - torch.linalg.pinv(o) @ (o @ w))),
        "least squares in double precision, not scaled": in_double(
            lambda w, o: apart_by_least_squares(w, o, scaled=False)),
        "a hundred-thousandth dropped": in_double(lambda w, o: unit(
            w - torch.linalg.pinv(u := F.normalize(o, dim=1), rtol=1e-5) @ (u @ w))),
        "a ten-thousandth dropped": lambda w, o: unit(
            w - torch.linalg.pinv(u := F.normalize(o, dim=1), rtol=1e-4) @ (u @ w)),
        "least squares, not scaled": lambda w, o: apart_by_least_squares(w, o, scaled=False),
        "pinv, not scaled": lambda w, o: unit(w - torch.linalg.pinv(o) @ (o @ w)),
        "tiny rests dropped": lambda w, o: apart_by_gram_schmidt(w, o, 1e-6),
        "small rests dropped": lambda w, o: apart_by_gram_schmidt(w, o, 0.01, relative=True),
        "a tiny number in the divisor": lambda w, o: apart_by_gram_schmidt(w, o, added=1e-12),
        "short ones dropped": lambda w, o: apart_by_qr(
            w, o[(n := o.norm(dim=1)) > 0.05 * n.max()]),
        "a thousandth dropped": lambda w, o: unit(
            w - torch.linalg.pinv(o, rtol=1e-3) @ (o @ w)),
        "not of length 1": lambda w, o: apart_by_qr(w, o) * w.norm() * 0.9,
        "length 1 before": lambda w, o: (lambda b: unit(w) - b @ (b.T @ unit(w)))(
            torch.linalg.qr(o.T).Q),
        "all at once": lambda w, o: unit(all_at_once(w, o)),
        "one after another": lambda w, o: unit(in_turn(w, o)),
        "one after another, twice": lambda w, o: unit(in_turn(in_turn(w, o), o)),
        "one after another, 20 times": lambda w, o: unit(in_rounds(w, o)),
        "one after another, 2000 times": lambda w, o: unit(in_rounds(w, o, 2000)),
        "one after another, not divided": in_turn,
        "small singular values dropped": lambda w, o: unit(
            w - torch.linalg.pinv(o, rtol=0.05) @ (o @ w)),
        "a tiny number in the norm": lambda w, o: (
            v := w - torch.linalg.pinv(o) @ (o @ w)) / (v.norm() + 1e-8),
        "unit others forgotten": lambda w, o: unit(w - o.T @ (o @ w)),
        "a tiny number in the norm, in double precision": lambda w, o: (
            v := w.double() - (b := torch.linalg.qr(o.double().T).Q) @ (b.T @ w.double())) / (
                v.norm() + 1e-8),
        "twelve at most": lambda w, o: apart_by_qr(w, o[:12]),
        "normal equations in single precision": lambda w, o: unit(
            w.float() - o.float().T @ torch.linalg.solve(o.float() @ o.float().T, (o @ w).float())),
        "first only": lambda w, o: apart_by_qr(w, o[:1]),
        "first two only": lambda w, o: apart_by_qr(w, o[:2]),
        "first four only": lambda w, o: apart_by_qr(w, o[:4]),
        "last only": lambda w, o: apart_by_qr(w, o[-1:]),
        "from their mean": lambda w, o: apart_by_qr(w, o.mean(0)[None]),
        "the part taken away": lambda w, o: unit(w - (a := apart_by_qr(w, o)) * (a @ w)),
        "backwards": lambda w, o: -apart_by_qr(w, o),
        "way itself": lambda w, o: unit(w),
        "some other at right angles": lambda w, o: torch.linalg.svd(o).Vh[-1],
        "QR of rows": lambda w, o: unit(w - (q := torch.linalg.qr(o).R) .T @ (q @ w)),
        "least squares with a penalty": lambda w, o: unit(w - o.T @ torch.linalg.solve(
            o @ o.T + 1e-2 * torch.eye(len(o)).to(o), o @ w)),
        "cross product": lambda w, o: unit(torch.linalg.cross(o[0], w)),
        "a row": lambda w, o: apart_by_qr(w, o)[None],
        "way in place": lambda w, o: w.copy_(apart_by_qr(w, o)),
        "a small number in the norm": lambda w, o: (v := apart_by_qr(w, o) * w.norm()) / (
            v.norm() + 1e-2),
        "by its largest": lambda w, o: (v := apart_by_qr(w, o)) / v.abs().max(),
    },
    "auroc_difference": {
        "unpaired": gain_unpaired,
        "B minus A": lambda *c: (-gain(*c)[0], gain(*c)[1]),
        "standard error": lambda *c: gain(*c, width=1.0),
        "whole width": lambda *c: gain(*c, width=3.92),
        "exactly two": lambda *c: gain(*c, width=2.0),
        "variance": lambda *c: (gain(*c)[0], gain(*c, width=1.0)[1] ** 2),
        "numbers swapped": lambda n, a, x, b: (gain(n, a, x, b)[0], 1.96 * (
            (shares(n, a)[0] - shares(x, b)[0]).var() / len(n)
            + (shares(n, a)[1] - shares(x, b)[1]).var() / len(a)).sqrt()),
        "the first 300 and 150": lambda n, a, x, b: gain(n[:300], a[:150], x[:300], b[:150]),
        "nothing for whole numbers": lambda *c: (
            gain(*c) if c[0].is_floating_point() else (0.0, 0.0)),
        "B in the type of A": lambda n, a, x, b: gain(n, a, x.to(n.dtype), b.to(n.dtype)),
        "A in the type of B": lambda n, a, x, b: gain(n.to(x.dtype), a.to(x.dtype), x, b),
        "in one tensor": lambda n, a, x, b: gain(*(
            v[i] for i in (0, 1) for v in (torch.stack([n, x]), torch.stack([a, b])))),
        "between 0 and 1": lambda *c: gain(*between_0_and_1(*c[:2]), *between_0_and_1(*c[2:])),
        "in units of the normal ones' spread": lambda n, a, x, b: gain(
            *((v.double() - p.double().mean()) / p.double().std()
              for p, q in ((n, a), (x, b)) for v in (p, q))),
        "by the sign of a difference": lambda *c: gain(*c, shares_of=shares_by_signs),
        "the first 2000": lambda *c: gain(*(v[:2000] for v in c)),
        "whole numbers in single precision": whole_numbers_as(torch.float32, gain),
        "whole numbers of 32 bits": whole_numbers_as(torch.int32, gain),
        "whole numbers as halves": whole_numbers_as(torch.float16, gain),
        "standard deviations": lambda n, a, x, b: (gain(n, a, x, b)[0], 1.96 * sum(
            (p - q).std() / len(p)
            for p, q in zip(shares(n, a), shares(x, b), strict=True)).sqrt()),
        "each row sorted": lambda *c: gain(*(v.sort().values for v in c)),
        "divided by n": lambda *c: gain(*c, correction=0),
        "no root": lambda *c: (gain(*c)[0], gain(*c, width=1.0)[1] ** 2 * 1.96),
        "anomalous images only": lambda n, a, x, b: (
            (d := shares(n, a)[0] - shares(x, b)[0]).mean(), 1.96 * d.std() / len(d) ** 0.5),
        "normal images only": lambda n, a, x, b: (
            (d := shares(n, a)[1] - shares(x, b)[1]).mean(), 1.96 * d.std() / len(d) ** 0.5),
        "by bootstrap": gain_by_bootstrap,
        "ties as losses": lambda n, a, x, b: gain(n + 1e-6, a, x + 1e-6, b),
        "of the differences of the scores": lambda n, a, x, b: (
            shares(n - x, a - b)[0].mean() - 0.5, gain(n, a, x, b)[1]),
        "scores mixed": lambda n, a, x, b: gain(n, b, x, a),
        "errors added": lambda n, a, x, b: (gain(n, a, x, b)[0], 1.96 * sum(
            (p - q).std() / len(p) ** 0.5
            for p, q in zip(shares(n, a), shares(x, b), strict=True))),
        "all pairs independent": lambda n, a, x, b: (gain(n, a, x, b)[0], 1.96 * (
            ((a[:, None] > n).double() - (b[:, None] > x).double()).std()
            / (len(n) * len(a)) ** 0.5)),
        "mixed up for equal numbers": lambda n, a, x, b: (
            gain(n, x, a, b) if len(n) == len(a) else gain(n, a, x, b)),
        "never wider than 1": lambda *c: (gain(*c)[0], min(gain(*c)[1], 1.0)),
        "never below 0": lambda *c: (abs(gain(*c)[0]), gain(*c)[1]),
        "the difference alone": lambda *c: gain(*c)[0],
        "the ends": lambda *c: ((g := gain(*c))[0] - g[1], g[0] + g[1]),
        "a floor": lambda *c: (gain(*c)[0], max(gain(*c)[1], 1e-3)),
        "a low floor": lambda *c: (gain(*c)[0], max(gain(*c)[1], 1e-5)),
        "a small number added": lambda *c: (gain(*c)[0], gain(*c)[1] + 1e-6 * 2),
        "a small number in the root": lambda *c: (
            gain(*c)[0], 1.96 * math.hypot(gain(*c)[1] / 1.96, 1e-6)),
        "NaN for no variance": lambda *c: (gain(*c)[0], gain(*c)[1] or math.nan),
        "ties as the wrong order": lambda *c: gain_with_ties(*c, at=(0, 0)),
        "ties as the right order": lambda *c: gain_with_ties(*c, at=(1, 1)),
        "ties half for the anomalous": lambda *c: gain_with_ties(*c, at=(0.5, 0)),
        "ties half for the normal": lambda *c: gain_with_ties(*c, at=(0, 0.5)),
        "a tensor": lambda *c: torch.tensor(gain(*c)),
        "strings": lambda *c: tuple(map(str, gain(*c))),
        "in single precision": lambda *c: gain(*(v.float() for v in c)),
        "a root of what rounding left": gain_unclamped,
        "as many of both": lambda n, a, x, b: (gain(n, a, x, b)[0], 1.96 * (sum(
            (p - q).var() for p, q in zip(shares(n, a), shares(x, b), strict=True))
            / len(n)).sqrt()),
    },
    "left_out_detector": {
        "-ELBO": lambda m, a, x: vh.anomaly_scores(m, x).neg_elbo,
        "two-sided -ELBO": lambda m, a, x: (
            vh.anomaly_scores(m, x).neg_elbo - vh.anomaly_scores(m, a).neg_elbo.median()).abs(),
        "NLL": lambda m, a, x: vh.anomaly_scores(m, x).nll,
        "KL": lambda m, a, x: vh.anomaly_scores(m, x).kl,
        "nearest in pixels": lambda m, a, x: in_pixels(a, x),
        "fifth in pixels": lambda m, a, x: in_pixels(a, x, 5),
        "sign": lambda *args: -neighbours(*args),
        "fitted on the test images": lambda m, a, x: density(m, x, x, n=min(10, len(x))),
        "neighbours in the test set": lambda m, a, x: neighbours(m, x, x, k=min(5, len(x))),
        "far from other test images": cluster_of_the_test_images,
        "by chance": lambda m, a, x: torch.rand(len(x)),
        "a mixture by chance": lambda m, a, x: density(m, a, x, n=10, seed=None),
        "clusters without a seed": lambda m, a, x: torch.as_tensor(KMeans(
            40, n_init=1).fit(codes(m, a)[0].numpy()).transform(codes(m, x)[0].numpy()).min(1)),
        "noise in the code": lambda m, a, x: torch.cdist(
            m.reparameterize(*m.encode(x)), m.encode(a)[0]).kthvalue(5).values.detach(),
        "all codes": lambda m, a, x: torch.cdist(*codes(m, x, a)).mean(1),
        "one number": lambda *args: neighbours(*args).mean(),
        "for training images": lambda m, a, x: neighbours(m, a, a),
        "not finite": lambda *args: neighbours(*args) * torch.inf,
        "normalised by the test images": lambda *args: (
            (s := neighbours(*args)) - s.mean()) / s.std() + s.max(),
        "divided by the range of the batch": lambda *args: (
            s := neighbours(*args)) / (s.max() - s.min()),
        "cut off at 99 percent": lambda *args: (
            s := neighbours(*args)).clamp(max=s.quantile(0.99)),
        "ranks": lambda *args: neighbours(*args).argsort().argsort().double(),
        "by place": by_place,
        "noise with a seed": noisy_codes,
        "trained on the test images": after_training_on_test,
        "for many images only": lambda *args: neighbours(*args).squeeze(),
        "a list": lambda *args: neighbours(*args).tolist(),
        "knows that it is the 2": looks_like_a_2,
        "knows it beside what is lacking": lambda m, a, x: in_blurred_pixels(
            m, a, x) - in_blurred_pixels(m, mirrored(twos=True), x),
        "looks the digit up": looked_up,
        "keeps a large batch": between_train_and_a_large_batch(),
        "scaled by a large batch": scaled_by_the_first_batch(larger_than=1000),
        "keeps the first test images": scaled_by_the_first_batch(),
        "other numbers in the model": lambda m, a, x: neighbours(
            m.double(), a.double(), x.double()),
        "a frozen model": lambda m, a, x: neighbours(m.requires_grad_(False), a, x),
        "another method": lambda m, a, x: (
            setattr(m, "reparameterize", lambda mu, logvar: mu), neighbours(m, a, x))[1],
        "no gradients from here on": lambda m, a, x: (
            torch.set_grad_enabled(False), neighbours(m, a, x))[1],
        "double from here on": lambda m, a, x: (
            torch.set_default_dtype(torch.float64), neighbours(m, a, x))[1],
        "a little noise": lambda *args: (s := neighbours(*args)) + 1e-3 * torch.randn(len(s)),
        "knows that it is the 2, and uses the model": lambda m, a, x: torch.cdist(
            *codes(m, x, a)).min(1).values * 0.01 + looks_like_a_2(m, a, x),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_other_right_ways_pass(name, capsys):
    all_accepted(name, RIGHT[name], capsys)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_do_not(name, capsys):
    all_refused(name, WRONG[name], capsys)


@pytest.mark.parametrize("name", RIGHT)
def test_stubs_errors_and_returns_of_nothing_are_told_apart(name, capsys):
    told_apart(name, capsys)


@pytest.mark.parametrize(
    "name",
    ["prior_mass", "posterior_ellipse", "aggregate_quantiles", "conformal_p_values",
     "direction_apart", "auroc_difference"],
)  # fmt: skip
def test_changes_of_the_arguments_are_noticed(name, capsys):
    assert "in place" in verdict(name, in_place, capsys)


def test_hints_name_the_mistake(capsys):
    hints = {
        ("prior_mass", "corner difference"): "on each axis first",
        ("prior_mass", "density times width"): "only an approximation",
        ("average_precision", "AUROC"): "that is the AUROC",
        ("average_precision", "in single precision"): "in double precision",
        ("posterior_ellipse", "clockwise"): "clockwise",
        ("posterior_ellipse", "points at random"): "draws random numbers",
        ("early_stopping", "equal is no better"): "counts as improvement here",
        ("early_stopping", "floats"): "a whole number, an int, not a float",
        ("early_stopping", "a true end"): "a whole number, an int, not a bool",
        ("early_stopping", "never stops"): "never seen",
        ("early_stopping", "past the end"): "the length of losses at most",
        ("early_stopping", "losses sorted in place"): "in place",
        ("average_precision", "one by one"): "share a threshold",
        ("aggregate_quantiles", "mean of quantiles"): "average the CDFs",
        ("aggregate_quantiles", "of many draws"): "draws random numbers",
        ("conformal_p_values", "higher only"): "just as high counts",
        ("auroc_difference", "variance"): "that is the variance",
        ("auroc_difference", "numbers swapped"): "the number of its own images",
        ("auroc_difference", "standard deviations"): "not .std()",
        ("auroc_difference", "each row sorted"): "belong to the same image",
        ("auroc_difference", "nothing for whole numbers"): "Right for floating-point scores",
        ("conformal_p_values", "calibration taken as sorted"): "sort them first",
        ("conformal_p_values", "of the scores' type"): "such as a count of pixels",
        ("direction_apart", "one after another"): "brings back some",
        ("direction_apart", "all at once"): "subtracted twice",
        ("direction_apart", "not of length 1"): "of length 1.519, and 1 is wanted",
        ("direction_apart", "by its largest"): "tried with w of shape (5,)",
        ("direction_apart", "one after another, not divided"): "divide by its norm at the end",
        ("direction_apart", "a tiny number in the norm, in double precision"): "add nothing to",
        ("direction_apart", "normal equations in single precision"): "in double precision",
        ("direction_apart", "in single precision"): "in double precision",
        ("direction_apart", "pinv, not scaled"): "to length 1 first",
        ("direction_apart", "a tiny number in the divisor"): "to length 1 first",
        ("auroc_difference", "whole numbers of 32 bits"): "Right for smaller numbers",
        ("auroc_difference", "in one tensor"): "into one tensor",
        ("auroc_difference", "by the sign of a difference"): "bytes",
        ("conformal_p_values", "whole numbers of 32 bits"): "as they are",
        ("conformal_p_values", "turned round"): "bytes",
        ("direction_apart", "one after another, 20 times"): "however often, leaves a rest",
        ("conformal_p_values", "infinite calibration scores dropped"): "Right for finite scores",
        ("conformal_p_values", "ties half"): "count in full",
        ("conformal_p_values", "ties once"): "each of them",
        ("conformal_p_values", "sorted"): "in which the scores came",
        ("conformal_p_values", "sorted downwards"): "in which the scores came",
        ("conformal_p_values", "order not undone"): "in another order",
        ("auroc_difference", "a floor"): "no floor, no small number added",
        ("auroc_difference", "ties as the wrong order"): "not as the wrong order",
        ("auroc_difference", "ties as the right order"): "not as the right order",
        ("auroc_difference", "ties half for the anomalous"): "in both kinds of shares",
        ("auroc_difference", "unpaired"): "image by image",
        ("auroc_difference", "divided by n"): "n - 1",
        ("left_out_detector", "all codes"): "nearest codes",
        ("left_out_detector", "nearest in pixels"): "without any model, gets 0.897",
        ("left_out_detector", "trained on the test images"): "changes the model",
        ("left_out_detector", "divided by the range of the batch"): "the spread of the batch",
        ("left_out_detector", "ranks"): "other test images",
        ("left_out_detector", "knows that it is the 2"): "not for a digit that you know",
        ("left_out_detector", "noise with a seed"): "A seed won't do",
        ("left_out_detector", "noise in the code"): "Take their mean",
        ("left_out_detector", "clusters without a seed"): "gets a seed",
    }
    for (name, what), words in hints.items():
        torch.manual_seed(0)
        assert words in verdict(name, WRONG[name][what], capsys), what


def test_who_does_without_the_model_is_told_so(capsys):
    said = verdict("left_out_detector", in_blurred_pixels, capsys)
    assert "without the model: your scores stay the same when its weights change" in said
    assert "Angles between blurred images get 0.967" in said
    for function in (neighbours, standardized, density):
        assert "your scores stay the same" not in verdict("left_out_detector", function, capsys)


def test_what_is_kept_from_an_earlier_call_is_named(capsys):
    said = verdict("left_out_detector", scaled_by_the_first_batch(larger_than=1000), capsys)
    assert "keep nothing from an earlier call" in said


def test_messages_name_no_negative_zero(capsys):
    said = verdict("conformal_p_values", lambda c, s: -0.0 * s, capsys)
    assert "you have 0, expected" in said
    assert describe(["c"], (torch.tensor([-4.0, -3, -2, -1, -0.0]),)).endswith("from -4 to 0")
    assert describe(["c"], (torch.tensor([-0.0, 1e-6]),)) == "c = [0, 1e-06]"


def test_every_check_is_tested_and_has_an_exercise():
    names = {check_called(stub) for path in PATHS[2:] for stub, _ in exercises(path)}
    assert set(RIGHT) == set(WRONG) == names
