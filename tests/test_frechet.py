from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from vae_helpers import frechet_distance

near = partial(pytest.approx, rel=1e-5, abs=1e-6)  # roots of rounding errors


def draws(seed, n=60, d=5):
    generator = torch.Generator().manual_seed(seed)
    spread = torch.randn(d, d, generator=generator, dtype=torch.float64)
    shift = torch.randn(d, generator=generator, dtype=torch.float64)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) @ spread + shift


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 6), st.integers(10, 80))
def test_it_is_the_formula_with_scipys_matrix_root(seed, other, d, n):
    a, b = draws(seed, n, d), draws(other, 70, d)
    cov_a, cov_b = (np.cov(v.T.numpy()).reshape(d, d) for v in (a, b))
    root = sqrtm(sqrtm(cov_a) @ cov_b @ sqrtm(cov_a)).real
    expected = (a.mean(0) - b.mean(0)).square().sum() + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-4, abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_symmetric_zero_for_the_same_and_blind_to_rotation(seed, other):
    a, b = draws(seed), draws(other)
    assert frechet_distance(a, a) == near(0)
    assert frechet_distance(a, b) == near(frechet_distance(b, a))
    turn = torch.linalg.qr(draws(1, 5, 5)).Q
    assert frechet_distance(a @ turn, b @ turn) == near(frechet_distance(a, b))
    assert frechet_distance(3 * a, 3 * b) == near(9 * frechet_distance(a, b))


def test_a_shift_counts_squared_and_a_width_by_its_difference():
    a = draws(0)
    shift = torch.tensor([3.0, 0, 0, 0, 4.0], dtype=torch.float64)
    assert frechet_distance(a, a + shift) == pytest.approx(25)
    one = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    expected = (one.std() * (3 - 1)).square().item() + (one.mean() * 2).square().item()
    assert frechet_distance(one, 3 * one) == pytest.approx(expected, rel=1e-4)


def test_features_that_never_vary_are_no_trouble():
    flat = torch.zeros(10, 3)
    assert frechet_distance(flat, flat + 1) == pytest.approx(3)


@pytest.mark.parametrize(
    ("a", "b", "error", "words"),
    [
        ([[1.0]], torch.ones(2, 1), TypeError, "a must be a torch.Tensor, got list"),
        (torch.ones(2, 1), torch.ones(2, 1).int(), TypeError, r"b must hold .* got torch.int32"),
        (torch.ones(2), torch.ones(2, 1), ValueError, r"a must have shape \(N, D\).* got \(2,\)"),
        (torch.ones(2, 1), torch.ones(1, 1), ValueError, r"b must have shape .* got \(1, 1\)"),
        (torch.ones(2, 1), torch.ones(2, 2), ValueError, "equally many features, got 1, 2"),
        (torch.full((2, 1), torch.nan), torch.ones(2, 1), ValueError, "a holds values that are"),
    ],
)  # fmt: skip
def test_what_is_no_matrix_of_features_is_named(a, b, error, words):
    with pytest.raises(error, match=words):
        frechet_distance(a, b)
