import math
import os
import re
import signal
import threading
import time
from contextlib import nullcontext

import pytest
import torch

from vae_helpers import VAE, Autoencoder, ConvVAE, History, binarize, evaluate, fit, training
from vae_helpers.watching import check_loss


def make(cls=VAE, seed=0, **kwargs):
    torch.manual_seed(seed)
    return cls(**kwargs)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.fixture
def images(mnist):
    return mnist[0][:640]


def quick(model, x, *args, **kwargs):
    return fit(model, x, *args, **{"epochs": 2, "progress": False, "seed": 0, **kwargs})


def test_learning_lowers_the_loss_on_real_digits(mnist):
    x = mnist[0][:4000]
    model = make()
    before = evaluate(model, x).loss
    history = quick(model, x, mnist[0][5000:6000], epochs=4)
    assert before > 540
    assert history.test_loss[-1] < 200
    assert history.train_loss[0] > history.train_loss[-1]
    assert history.train_kl[-1] > 1


@pytest.mark.parametrize("cls", [Autoencoder, VAE, ConvVAE])
def test_same_seed_same_weights_to_the_last_bit(cls, images):
    x = images[:256]
    one, two = make(cls), make(cls)
    first, second = quick(one, x, x), quick(two, x, x)
    assert torch.equal(weights(one), weights(two))
    assert first.test_loss == second.test_loss
    other = make(cls)
    quick(other, x, x, seed=1)
    assert not torch.equal(weights(one), weights(other))


def test_seed_leaves_the_callers_random_state_alone(images):
    before = torch.get_rng_state()
    model = VAE(hidden_dims=(8,), latent_dim=2)
    after_init = torch.get_rng_state()
    quick(model, images, images)
    assert torch.equal(torch.get_rng_state(), after_init)
    assert not torch.equal(before, after_init)
    quick(model, images, seed=None)
    assert not torch.equal(torch.get_rng_state(), after_init)


def test_watching_changes_nothing(images):
    def draw(step, model):
        assert not model.training
        assert not torch.is_grad_enabled()
        steps.append(step)
        torch.randn(10)

    steps = []
    watched, plain = make(ConvVAE), make(ConvVAE)
    quick(watched, images, images, callback=draw, callback_every=4)
    quick(plain, images)
    assert steps == [0, 4, 8, 10]
    assert torch.equal(weights(watched), weights(plain))


@pytest.mark.parametrize(("options", "beta"), [({"beta": 2.0}, 2), ({}, 1)])
def test_history_adds_up(images, options, beta):
    history = quick(make(), images, images, **options, epochs=3)
    assert len(history) == 3
    for part in ("train", "test"):
        loss, nll, kl = (getattr(history, f"{part}_{n}") for n in ("loss", "nll", "kl"))
        assert loss == pytest.approx([a + beta * b for a, b in zip(nll, kl, strict=True)])
    assert all(s > 0 for s in history.seconds)
    assert history.validation_loss == []
    assert (history.best_epoch, history.note, history.interrupted) == (None, "", False)


def test_the_device_asked_for_is_the_one(images, monkeypatch):
    """No GPU is needed to see where the model is sent."""

    def to(device):
        raise RuntimeError(f"sent to {device}")

    model = make()
    monkeypatch.setattr(model, "to", to)
    with pytest.raises(RuntimeError, match="sent to cuda:3"):
        fit(model, images, device="cuda:3", progress=False)
    with pytest.raises(RuntimeError, match="sent to cpu"):
        fit(model, images, progress=False)


def test_training_figures_are_means_over_images_not_batches(images):
    """The last batch is shorter; an untrained step size shows the plain mean."""
    model = make(Autoencoder)
    x = images[:130]
    history = quick(model, x, epochs=1, lr=1e-12, schedule="constant")
    assert history.train_loss[0] == pytest.approx(evaluate(model, x).loss, rel=1e-5)


def test_model_is_left_in_evaluation_mode(images):
    model = make(ConvVAE)
    quick(model, images[:64], epochs=1)
    assert not model.training


def test_beta_weighs_the_kl(images):
    loose, tight = make(), make()
    assert quick(loose, images, beta=0, epochs=3).train_kl[-1] > 20
    assert quick(tight, images, beta=50, epochs=3).train_kl[-1] < 5


@pytest.mark.parametrize("schedule", ["one-cycle", "linear-decay", "constant"])
def test_schedules_drive_the_learning_rate(images, monkeypatch, schedule):
    seen = []
    step = torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        seen.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    quick(make(), images, epochs=4, lr=1e-3, schedule=schedule)
    assert len(seen) == 20
    if schedule == "constant":
        assert set(seen) == {1e-3}
    elif schedule == "linear-decay":
        assert seen == pytest.approx([1e-3 * (1 - i / 20) for i in range(20)])
    else:
        assert max(seen) == pytest.approx(1e-3, rel=0.01)
        assert seen[0] == pytest.approx(1e-3 / 25)
        assert seen[-1] < 1e-6


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_single_batch_is_enough(images, epochs):
    assert len(quick(make(), images[:1], epochs=epochs)) == epochs


def test_what_happens_unless_told_otherwise(mnist, monkeypatch):
    """Ten epochs in batches of 128, one-cycle up to 3e-3, a call every 100 steps, fused Adam."""
    rates, steps = [], []
    step = torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        assert self.defaults["fused"]
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    x = mnist[0][: 10 * 128 + 1]
    fit(make(hidden_dims=(2,), latent_dim=1), x, callback=lambda step, model: steps.append(step))
    assert steps == [0, 100, 110]
    assert max(rates) == pytest.approx(3e-3, rel=0.01)
    assert rates[-1] < rates[0] < max(rates)


def test_progress_is_counted_in_steps(images, monkeypatch):
    bars = []

    class Bar:
        def __init__(self, *args, **kwargs):
            self.args, self.kwargs, self.n, self.texts = args, kwargs, 0, []
            bars.append(self)

        def update(self):
            self.n += 1

        def set_postfix_str(self, text, refresh):
            assert not refresh
            self.texts.append(text)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(training, "progress_bar", Bar)
    history = quick(make(), images, images, progress=True)
    (bar,) = bars
    assert (bar.args, bar.kwargs) == ((10, "training", "step"), {"disable": False})
    assert bar.n == 10
    assert bar.texts == [f"test loss {loss:.2f}" for loss in history.test_loss]


def test_seconds_are_those_of_the_epochs(images):
    start = time.perf_counter()
    history = quick(make(), images)
    assert 0 < sum(history.seconds) < time.perf_counter() - start


class Scripted(VAE):
    """Fits nothing; its validation loss follows a script."""

    def __init__(self, losses, kl=0.0):
        super().__init__(hidden_dims=(4,), latent_dim=1)
        self.losses, self.epoch, self.sizes, self.kl = losses, 0, [], kl
        self.mark = torch.nn.Parameter(torch.zeros(()))

    def loss_terms(self, x):
        if self.training:
            value = 5 + self.mark
            self.sizes.append(len(x))
        else:
            self.sizes.append(-len(x))
            value = torch.tensor(float(self.losses[self.epoch]))
            self.epoch += 1
        return value.expand(len(x)), torch.full((len(x),), self.kl)


def stop_early(losses, images, kl=0.0, interrupt_at=None, **kwargs):
    model = Scripted(losses, kl)
    marks = []

    def callback(step, model):
        marks.append(model.mark.item())
        press_ctrl_c(interrupt_at)(step, model)

    history = fit(
        model, images, epochs=len(losses), batch_size=1000, lr=0.01, schedule="constant",
        progress=False, seed=0, callback=callback, callback_every=1, **kwargs,
    )  # fmt: skip
    return model, history, marks


def test_early_stopping_restores_the_best_weights(images):
    model, history, marks = stop_early([9, 5, 3, 4, 6, 7, 1], images, patience=3)
    assert history.validation_loss == [9, 5, 3, 4, 6, 7]
    assert history.best_epoch == 3
    assert model.mark.item() == marks[3] != marks[-1]
    assert history.note == "stopped early: no better epoch in the last 3"
    assert history.note in repr(history)
    assert set(model.sizes) == {576, -64}  # a tenth is held out, the rest trains


def test_early_stopping_counts_from_the_start_epoch(images):
    _, history, _ = stop_early([1, 9, 8, 8, 9, 9], images, patience=2, start_epoch=2)
    assert history.best_epoch == 4
    assert len(history) == 6
    model, history, marks = stop_early([1, 2], images, patience=1, start_epoch=3)
    assert (history.best_epoch, len(history)) == (None, 2), "no epoch counts: the last weights stay"
    assert model.mark.item() == marks[-1]


def test_the_first_epoch_may_be_the_best_and_the_last_of_equals_is(images):
    _, history, _ = stop_early([1, 2, 3, 4], images, patience=2)
    assert (history.best_epoch, len(history)) == (1, 3)
    model, history, marks = stop_early([5, 5, 5], images, patience=1)
    assert (history.best_epoch, len(history)) == (3, 3)
    assert model.mark.item() == marks[-1]


def test_the_validation_loss_weighs_the_kl(images):
    _, history, _ = stop_early([5, 4], images, kl=2.0, beta=3.0, patience=1)
    assert history.validation_loss == [11, 10]
    assert history.train_kl == [2, 2]


def test_ctrl_c_beats_early_stopping(images):
    model, history, marks = stop_early([1, 2, 3, 4], images, patience=5, interrupt_at=3)
    assert history.best_epoch == 1
    assert history.note == "interrupted in epoch 3 of 4"
    assert model.mark.item() == marks[3] != marks[1]  # where the learner stopped it


@pytest.mark.parametrize(
    ("n", "fraction", "held_out"), [(2, 0.9, 1), (10, 0.01, 1), (10, 0.28, 3), (640, 0.1, 64)]
)
def test_how_many_are_held_out(images, n, fraction, held_out):
    model, _, _ = stop_early([2, 1], images[:n], patience=1, validation_fraction=fraction)
    assert set(model.sizes) == {n - held_out, -held_out}


def test_early_stopping_may_run_to_the_end(images):
    model, history, marks = stop_early([5, 4, 3, 2], images, patience=1)
    assert (len(history), history.best_epoch, history.note) == (4, 4, "")
    assert model.mark.item() == marks[-1]


def test_early_stopping_holds_out_training_images_only(images):
    """The held-out part and the part trained on make up the training set."""
    seen = {True: [], False: []}

    class Recording(VAE):
        def loss_terms(self, x):
            seen[self.training].append(x.clone())
            return super().loss_terms(x)

    quick(make(Recording), images, patience=1, epochs=1, validation_fraction=0.25)
    held_out, trained = (torch.cat(seen[mode]).flatten(1) for mode in (False, True))
    assert (len(held_out), len(trained)) == (160, 480)
    together = torch.cat([held_out, trained]).sum(dim=1).sort().values
    torch.testing.assert_close(together, images.flatten(1).sum(dim=1).sort().values)


def press_ctrl_c(at):
    def callback(step, model):
        if step == at:
            os.kill(os.getpid(), signal.SIGINT)

    return callback


@pytest.mark.parametrize(("at", "finished"), [(0, 0), (3, 0), (5, 0), (7, 1)])
def test_ctrl_c_keeps_weights_and_history(images, at, finished):
    steps = []

    def callback(step, model):
        steps.append((step, weights(model)))
        press_ctrl_c(at)(step, model)

    model = make()
    handler = signal.getsignal(signal.SIGINT)
    history = quick(model, images, images, callback=callback, callback_every=1)
    assert history.interrupted
    assert "interrupted" in repr(history)
    assert "interrupted" in history._repr_html_()
    assert len(history) == len(history.test_loss) == finished
    assert steps[-1][0] == max(at, 1)
    assert torch.equal(weights(model), steps[-1][1])
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_second_ctrl_c_raises(images):
    def callback(step, model):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        quick(make(), images, callback=callback, callback_every=1)


def test_training_works_outside_the_main_thread(images):
    done = []
    thread = threading.Thread(target=lambda: done.append(quick(make(), images)))
    thread.start()
    thread.join()
    assert len(done[0]) == 2


class Breaking(VAE):
    def loss_terms(self, x):
        nll, kl = super().loss_terms(x)
        self.calls = getattr(self, "calls", 0) + 1
        return nll * (math.inf if self.calls == 8 else 1), kl


WORDS = (
    r"^the loss is inf in epoch 2, step 3\. Likely causes: a learning rate that is too high "
    r"\(now 0\.0\d*; try a tenth\), the exp\(\) of a large logvar, or a log\(0\) in a loss of "
    r"your own \(work on logits\)\.$"
)


def test_a_loss_that_is_not_finite_stops_at_once(images):
    model = make(Breaking)
    with pytest.raises(FloatingPointError, match=WORDS):
        quick(model, images)
    assert model.calls == 8
    assert torch.isfinite(weights(model)).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"epochs": 0}, "a whole number, 1 or more, got 0"),
        ({"epochs": 2.5}, "a whole number, 1 or more, got 2.5"),
        ({"epochs": True}, "a whole number, 1 or more, got True"),
        ({"batch_size": -1}, "a whole number, 1 or more, got -1"),
        ({"lr": 0}, "a positive number, such as 1e-3, got 0"),
        ({"lr": math.nan}, "a positive number, such as 1e-3, got nan"),
        ({"lr": "fast"}, "a positive number, such as 1e-3, got 'fast'"),
        ({"beta": -1}, "a number, 0 or more, got -1"),
        ({"beta": math.inf}, "a number, 0 or more, got inf"),
        ({"schedule": "cosine"}, "'one-cycle' or 'linear-decay' or 'constant', got 'cosine'"),
        ({"patience": 0}, "a whole number, 1 or more, got 0"),
        ({"start_epoch": 0}, "a whole number, 1 or more, got 0"),
        ({"callback_every": 0}, "a whole number, 1 or more, got 0"),
        ({"validation_fraction": 1.0}, "within (0, 1), got 1.0"),
        ({"validation_fraction": 0}, "within (0, 1), got 0"),
        ({"precision": "low"}, "'medium' or 'high' or 'highest', got 'low'"),
    ],
)
def test_bad_arguments_raise_before_the_first_step(images, arguments, words):
    model = make()
    before = weights(model)
    with pytest.raises(ValueError, match=re.escape(f"{next(iter(arguments))} must be {words}")):
        quick(model, images, **arguments)
    assert torch.equal(weights(model), before)


@pytest.mark.parametrize("name", ["train", "test"])
@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (torch.ones(4, 1, 28, 28) * 1.1, "0, 1"),
        (torch.ones(4, 1, 28, 28) * -0.5, "0, 1"),
        (torch.ones(4, 1, 14, 14), "shape"),
        (torch.ones(4, 784), "shape"),
        (torch.ones(0, 1, 28, 28), "empty"),
        (torch.ones(4, 1, 28, 28) * math.nan, "NaN"),
        (torch.ones(4, 1, 28, 28, dtype=torch.int64), "floating-point"),
        ([[0.0]], "torch.Tensor"),
    ],
)
def test_bad_images_raise_before_the_first_step(images, name, bad, words):
    model = make()
    before = weights(model)
    data = {"train": images, "test": images, name: bad}
    with pytest.raises((TypeError, ValueError), match=f"^{name}.*{words}"):
        quick(model, data["train"], data["test"])
    assert torch.equal(weights(model), before)


def test_early_stopping_needs_two_images(images):
    with pytest.raises(ValueError, match=r"^train has one image: early stopping needs another,"):
        quick(make(), images[:1], patience=1)
    assert len(quick(make(), images[:2], patience=1)) >= 1


def test_history_shows_itself_as_a_table():
    history = History()
    history.add("train", 1.0, 8.0, 2.0)
    history.add("test", 1.0, 8.5, 2.5)
    history.seconds.append(1.25)
    assert repr(history) == (
        "epoch  train loss  train NLL  train KL  test loss  test NLL  test KL  seconds\n"
        "    1       10.00       8.00      2.00      11.00      8.50     2.50      1.2"
    )
    names = ("epoch", "train loss", "train NLL", "train KL", "test loss", "test NLL", "test KL")
    head = "".join(f"<th scope='col'>{name}</th>" for name in (*names, "seconds"))
    values = ("1", "10.00", "8.00", "2.00", "11.00", "8.50", "2.50", "1.2")
    row = "".join(f"<td>{value}</td>" for value in values)
    assert history._repr_html_() == f"<table><tr>{head}</tr><tr>{row}</tr></table>"
    history.interrupt("interrupted in epoch 2 of 3")
    assert repr(history).splitlines()[2] == "interrupted in epoch 2 of 3"
    assert history._repr_html_().endswith("</table><p>interrupted in epoch 2 of 3</p>")


def test_history_of_an_autoencoder_has_no_empty_columns(images):
    history = quick(make(Autoencoder), images, epochs=1)
    assert repr(history).splitlines()[0] == "epoch  train loss  seconds"
    assert "KL" not in repr(history)
    assert "test" not in repr(history)


def test_progress_bar_vanishes(images, capsys):
    fit(make(), images, epochs=1, seed=0)
    out, err = capsys.readouterr()
    assert out == ""
    assert "training" in err
    assert err.split("\r")[-2].strip() == err.split("\r")[-1].strip() == ""


def test_silence_on_request(images, capsys):
    quick(make(), images)
    assert capsys.readouterr() == ("", "")


def test_device_moves_the_model(images):
    model, seen = make(), []
    model.to = seen.append
    quick(model, images, device="cpu", epochs=1)
    quick(model, images, epochs=1)  # stays where it is
    assert seen == [torch.device("cpu")] * 2


def test_grey_values_train_as_well(mnist):
    grey = mnist[0][:256] * 0.7
    assert math.isfinite(quick(make(), grey).train_loss[-1])
    assert not torch.equal(binarize(grey), grey)


class Watching(VAE):
    """Notes the precision of matrix products in its passes, by mode."""

    def __init__(self, third_step=lambda: None):
        super().__init__(hidden_dims=(4,), latent_dim=1)
        self.seen, self.third_step = {True: [], False: []}, third_step

    def loss_terms(self, x):
        self.seen[self.training].append(torch.get_float32_matmul_precision())
        if len(self.seen[True]) == 3:
            self.third_step()
        return super().loss_terms(x)


@pytest.fixture(params=["highest", "high"])
def callers_precision(request):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    ("options", "within"),
    [({}, "medium"), ({"precision": "highest"}, "highest"), ({"precision": "high"}, "high")],
)
def test_only_the_training_steps_have_another_precision(images, callers_precision, options, within):
    """Early stopping, evaluation and the callback have the caller's."""
    called, model = [], Watching()

    def callback(step, model):
        called.append(torch.get_float32_matmul_precision())

    quick(model, images, images, patience=2, callback=callback, callback_every=1, **options)
    assert set(model.seen[True]) == {within}
    assert len(model.seen[True]) == 10
    assert set(model.seen[False]) == set(called) == {callers_precision}
    assert torch.get_float32_matmul_precision() == callers_precision


def ctrl_c(times):
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("third_step", "error"),
    [
        (lambda: ctrl_c(1), None),
        (lambda: ctrl_c(2), KeyboardInterrupt),
        (lambda: 1 / 0, ZeroDivisionError),
    ],
)
def test_the_callers_precision_survives_whatever_happens(
    images, callers_precision, third_step, error
):
    model = Watching(third_step)
    with nullcontext() if error is None else pytest.raises(error):
        assert quick(model, images).interrupted
    assert len(model.seen[True]) == 3
    assert torch.get_float32_matmul_precision() == callers_precision


def test_precision_set_for_single_backends_is_left_alone(images):
    """PyTorch refuses to mix its older switch with its newer ones, so `fit` keeps off then."""
    matmul = getattr(torch.backends.mkldnn, "matmul", None)
    if not hasattr(matmul, "fp32_precision"):
        pytest.skip("this PyTorch has no newer switches")
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    try:
        quick(make(hidden_dims=(4,)), images)
        assert matmul.fp32_precision == "bf16"
    finally:
        matmul.fp32_precision = before


@pytest.mark.parametrize("model", [torch.nn.Identity(), VAE().requires_grad_(False)])
def test_a_model_without_weights_to_train_is_refused(images, model):
    words = r"^model has no weights to train.* model\.requires_grad_\(True\) unfreezes them$"
    with pytest.raises(ValueError, match=words):
        quick(model, images)


def test_some_weights_may_be_frozen(images):
    model = make()
    model.encoder.requires_grad_(False)
    before = weights(model.encoder), weights(model.decoder)
    quick(model, images, epochs=1)
    assert torch.equal(weights(model.encoder), before[0])
    assert not torch.equal(weights(model.decoder), before[1])


def test_a_loss_that_no_weight_can_change_is_refused(images):
    class Detached(VAE):
        def loss_terms(self, x):
            return tuple(term.detach() for term in super().loss_terms(x))

    words = (
        r"^the loss does not depend on any weight that is to be trained: loss_terms must compute "
        r"it without \.detach"
    )
    with pytest.raises(ValueError, match=words):
        quick(make(Detached), images)


def test_training_works_where_gradients_are_switched_off(images):
    one, two = make(), make()
    quick(one, images)
    with torch.no_grad():
        quick(two, images)
        assert not torch.is_grad_enabled()
    assert torch.equal(weights(one), weights(two))


class Elsewhere(torch.Tensor):
    """A loss that says that it lies on another device."""

    is_cpu = False


@pytest.mark.parametrize(("step", "looks"), [(1, False), (49, False), (50, True), (51, False),
                                             (100, True), (119, False), (120, True)])  # fmt: skip
def test_on_a_gpu_every_fiftieth_loss_is_looked_at_and_the_last(step, looks):
    loss = torch.tensor(torch.nan, requires_grad=True)
    optimizer = torch.optim.Adam([loss])
    with pytest.raises(FloatingPointError, match=f"^the loss is nan in epoch 3, step {step}. Lik"):
        check_loss(loss, 3, step, 120, optimizer)
    with pytest.raises(FloatingPointError) if looks else nullcontext():
        check_loss(loss.as_subclass(Elsewhere), 3, step, 120, optimizer)


def test_float16_is_refused_and_bfloat16_is_not(images):
    words = (
        r"^model is float16.*Adam: train model\.float\(\) on images\.float\(\), and use \.half\(\) "
        "afterwards$"
    )
    with pytest.raises(TypeError, match=words):
        quick(make().half(), images.half())
    history = quick(make().bfloat16(), images.bfloat16(), epochs=4)
    assert history.train_loss[-1] < history.train_loss[0]
