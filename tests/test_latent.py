import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributions import Normal

from vae_helpers import inverse_cdf_grid, lerp, slerp, uniform_grid

WAYS = pytest.mark.parametrize("way", [lerp, slerp])
seeds = st.integers(0, 2**31)


@pytest.mark.parametrize("make", [uniform_grid, inverse_cdf_grid])
def test_grid_runs_row_by_row_from_the_top_left(make):
    grid = make(5)
    assert grid.shape == (25, 2)
    assert grid.dtype == torch.float32
    rows = grid.view(5, 5, 2)
    assert (rows[:, 1:, 0] > rows[:, :-1, 0]).all()  # to the right, z1 grows
    assert (rows[1:, :, 1] < rows[:-1, :, 1]).all()  # downwards, z2 falls
    assert (rows[:, :, 0] == rows[0, :, 0]).all()
    assert (rows[:, :, 1] == rows[:, :1, 1]).all()


@given(n=st.integers(2, 30), p=st.floats(1e-6, 0.49))
def test_inverse_cdf_grid_has_evenly_spaced_probabilities(n, p):
    grid = inverse_cdf_grid(n, p, 1 - p)
    below = Normal(0.0, 1.0).cdf(grid[:n, 0].double())
    assert torch.allclose(below, torch.linspace(p, 1 - p, n, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(grid, -grid.flip(0), atol=1e-5)  # symmetric about the origin


def test_inverse_cdf_grid_as_published():
    grid = inverse_cdf_grid()
    assert grid.shape == (400, 2)
    assert grid[0].tolist() == pytest.approx([-1.6448536, 1.6448536])


def test_uniform_grid_is_even():
    assert torch.equal(uniform_grid(), uniform_grid(20, -3, 3))
    grid = uniform_grid(3, -2, 4)
    assert grid[:3, 0].tolist() == [-2, 1, 4]
    assert grid[::3, 1].tolist() == [4, 1, -2]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"low": 0.0}, "low must be inside .0, 1., .*infinite.*got 0.0"),
        ({"high": 1}, "high must be .*infinite.*got 1"),
        ({"low": -0.1}, "low"),
        ({"high": math.nan}, "high"),
        ({"low": 0.6, "high": 0.4}, "low must be less than high"),
        ({"n": 1}, "n must be a whole number, 2 or more"),
        ({"n": 2.5}, "n must be a whole number"),
        ({"n": 2, "low": 0.5, "high": 0.5}, "low must be less than high"),
    ],
)
def test_inverse_cdf_grid_refuses(bad, words):
    with pytest.raises(ValueError, match=words):
        inverse_cdf_grid(**bad)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"low": 3.0}, "low must be less than high"),
        ({"high": math.inf}, "high must be a finite number, got inf"),
        ({"n": 0}, "n must be a whole number, 2 or more"),
        ({"low": None}, "low must be a finite number, got None"),
    ],
)
def test_uniform_grid_refuses(bad, words):
    with pytest.raises(ValueError, match=words):
        uniform_grid(**bad)


@WAYS
@given(
    seed=seeds,
    n=st.integers(2, 40),
    batch=st.integers(0, 4),
    dims=st.integers(1, 30),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_ways_meet_their_ends_exactly_and_go_back_the_same(way, seed, n, batch, dims, dtype):
    rng = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, *[batch] * (batch > 0), dims, generator=rng, dtype=dtype)
    path = way(a, b, n)
    assert path.shape == (n, *a.shape)
    assert path.dtype == dtype
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)
    assert torch.allclose(path, way(b, a, n).flip(0), atol=1e-4)


@WAYS
def test_a_batch_is_each_pair_by_itself(way):
    a, b = torch.randn(2, 3, 7)
    together = way(a, b, 5)
    for i in range(3):
        assert torch.allclose(together[:, i], way(a[i], b[i], 5))


@WAYS
def test_a_single_point_is_the_start(way):
    a, b = torch.randn(2, 4)
    assert torch.equal(way(a, b, 1), a[None])


def test_lerp_is_even():
    way = lerp(torch.tensor([0.0]), torch.tensor([3.0]), 4)
    assert way[:, 0].tolist() == pytest.approx([0, 1, 2, 3])


@given(seed=seeds, dims=st.integers(2, 20))
def test_slerp_keeps_the_norm_and_turns_evenly(seed, dims):
    rng = torch.Generator().manual_seed(seed)
    a, b = torch.nn.functional.normalize(
        torch.randn(2, dims, generator=rng, dtype=torch.float64), dim=1
    )
    path = slerp(a, b, 11)  # elevenths are no binary fractions
    assert torch.allclose(path.norm(dim=1), torch.ones(11, dtype=torch.float64), atol=1e-6)
    steps = (path[1:] * path[:-1]).sum(dim=1)
    if (a - b).norm() > 0.01 and (a + b).norm() > 0.01:
        assert steps.max() - steps.min() < 1e-9


def test_slerp_on_a_quarter_circle():
    path = slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 3)
    assert path[1].tolist() == pytest.approx([math.sqrt(2), math.sqrt(2)])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ([1.0, 2.0], [3.0, 6.0]),
        ([1.0, 2.0], [-1.0, -2.0]),
        ([0.0, 0.0], [1.0, 2.0]),
        ([0.0, 0.0], [0.0, 0.0]),
    ],
)
def test_slerp_without_an_arc_is_a_straight_line(a, b):
    a, b = torch.tensor(a), torch.tensor(b)
    assert torch.equal(slerp(a, b, 7), lerp(a, b, 7))


def test_slerp_decides_pair_by_pair():
    a, b = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    path, back = slerp(a, b, 5), slerp(b, a, 5)
    assert torch.equal(path[:, 0], lerp(a[0], b[0], 5))
    assert torch.equal(back[:, 0], lerp(b[0], a[0], 5))
    assert torch.allclose(path[:, 1].norm(dim=1), torch.ones(5))


@WAYS
def test_ways_stay_on_their_device(way):
    with FakeTensorMode():  # a pretended GPU
        a = torch.zeros(3, 2, device="cuda")
        assert way(a, a, 5).device == a.device


def test_slerp_of_nearly_parallel_codes_is_nearly_straight():
    a = torch.tensor([1.0, 0.0])
    b = torch.tensor([1.0, 1e-5])
    assert torch.allclose(slerp(a, b, 7), lerp(a, b, 7), atol=1e-6)


@WAYS
def test_ways_refuse(way):
    a = torch.zeros(3)
    with pytest.raises(ValueError, match=r"same shape, got \(3,\) and \(4,\)"):
        way(a, torch.zeros(4), 5)
    with pytest.raises(ValueError, match="n must be a whole number"):
        way(a, a, 0)
    with pytest.raises(TypeError, match=r"start must be a torch\.Tensor"):
        way([0.0], a, 5)
    with pytest.raises(TypeError, match="end must hold floating-point numbers"):
        way(a, torch.zeros(3, dtype=torch.int64), 5)
    with pytest.raises(ValueError, match=r"start must have shape \(\.\.\., latent_dim\)"):
        way(torch.tensor(1.0), torch.tensor(1.0), 5)
