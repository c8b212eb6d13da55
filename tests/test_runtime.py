import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from vae_helpers import pick_device, seed_everything
from vae_helpers.runtime import device_of, forked_rng, matmul_precision


def draws():
    return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002


def test_seed_everything_repeats_every_source():
    seed_everything(3)
    first = draws()
    seed_everything(3)
    assert draws() == first
    seed_everything(4)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_ends_of_the_range_are_seeds(seed):
    seed_everything(seed)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, None, True, "0"])
def test_impossible_seeds_are_named(seed):
    with pytest.raises(ValueError, match=r"seed must be an integer from 0"):
        seed_everything(seed)


def test_pick_device_prefers_cuda_then_mps(monkeypatch):
    for cuda, mps, expected in [(1, 1, "cuda"), (0, 1, "mps"), (0, 0, "cpu")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: bool(cuda))
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: bool(mps))
        assert pick_device().type == expected


def test_forked_rng_gives_back_the_callers_state_even_after_an_error():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first = torch.rand(1)

    def broken():
        with forked_rng(7, torch.device("cpu")):
            torch.rand(100)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False), ("", False)])
def test_smoke_follows_the_environment(value, expected):
    code = "from vae_helpers import SMOKE; print(SMOKE)"
    env = {**os.environ, "VAE_SMOKE": value}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.strip() == str(expected)


def test_device_of_looks_at_weights_then_buffers_then_says_cpu():
    module = torch.nn.Module()
    assert device_of(module) == torch.device("cpu")
    module.register_buffer("mean", torch.zeros(2, device="meta"))
    assert device_of(module) == torch.device("meta")
    module.weight = torch.nn.Parameter(torch.zeros(2))
    assert device_of(module) == torch.device("cpu")


@pytest.mark.parametrize("name", ["medium", "high", "highest", None])
def test_matmul_precision_holds_for_a_block_alone(name):
    before = torch.get_float32_matmul_precision()
    with matmul_precision(name):
        assert torch.get_float32_matmul_precision() == (name or before)
    assert torch.get_float32_matmul_precision() == before
