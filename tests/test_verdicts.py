"""A check prints its verdict for a learner, and hands it over to a program that asks."""

import pytest

from vae_helpers import checks
from vae_helpers.checks.verdicts import Verdict, verdict


def untouched(n_pixels, latent_dim, kl_weight):
    raise NotImplementedError


def crashes(n_pixels, latent_dim, kl_weight):
    return n_pixels / 0


ANSWERS = [
    (lambda n, d, w: w * n / d, "solved", "correct: "),
    (lambda n, d, w: w * n, "wrong", "not right: the KL is averaged"),
    (lambda n, d, w: None, "wrong", "not right: your function returns None"),
    (crashes, "wrong", "your function raised ZeroDivisionError"),
    (untouched, "not tried", "not solved yet"),
    (3, "wrong", "not right: pass the function itself"),
]


@pytest.mark.parametrize(("function", "state", "words"), ANSWERS)
def test_a_verdict_is_what_the_check_prints(function, state, words, capsys):
    found = verdict(checks.effective_beta, function)
    assert capsys.readouterr().out == "", "a verdict that is asked for was printed, too"
    assert found.state == state
    assert found.text.startswith(words)
    assert checks.effective_beta(function) is None, "a notebook would show what a check returns"
    assert capsys.readouterr().out == f"{found.text}\n"


def test_a_verdict_inside_a_verdict_goes_to_the_inner_one():
    def function(n, d, w):
        assert verdict(checks.effective_beta, untouched).state == "not tried"
        return w * n / d

    found = verdict(checks.effective_beta, function)
    assert isinstance(found, Verdict)
    assert found.state == "solved"


def test_a_check_that_says_nothing_is_an_error(capsys):
    def silent(function):
        pass

    with pytest.raises(RuntimeError, match="silent ended without a verdict"):
        verdict(silent, untouched)
    checks.effective_beta(untouched)
    assert capsys.readouterr().out, "after the error, checks must print again"
