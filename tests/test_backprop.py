"""Backprop: resuming, schedules, stopping, callbacks, interrupts, threads."""

import _thread
import copy
import math
import threading
import time
import tracemalloc
from collections import Counter

import numpy as np
import pytest
import scipy.stats

from pyl2 import Backprop, Network
from pyl2._common import random
from pyl2.training.backprop import OPTIMIZERS

STOCHASTIC = [name for name in OPTIMIZERS if name not in ("lbfgs", "lm")]


def data(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    return X, np.sin(X.sum(axis=1))


def trainer(optimizer="sgd", dtype=np.float64, **kwargs):
    network = Network((3, 6, 1), dtype=dtype, seed=2)
    batch_size = None if optimizer == "rprop" else 8
    kwargs = {"l2": 0.01, "batch_size": batch_size, "seed": 5} | kwargs
    return Backprop(network, optimizer, **kwargs)


def settings():
    """Trainings with all kinds of state to go on from."""
    X, y = data(30, seed=1)
    for optimizer in STOCHASTIC:
        yield optimizer, {}, {}
    yield "adam", {"dtype": np.float32}, {}
    yield "momentum", {"schedule": "invscaling"}, {}
    yield "sgd", {"schedule": "adaptive", "tol": 0.01, "n_iter_no_change": 1, "eta": 0.1}, {}
    yield "adam", {"early_stopping": True, "eta": 0.05}, {"validation": (X, y)}
    yield "sgd", {"seed": np.random.RandomState(3)}, {}
    yield "sgd", {"seed": np.random.Generator(np.random.MT19937(3))}, {}
    yield "nesterov", {"shuffle": False, "l2": [0.1, 0.0], "n": "train", "decay": "decoupled"}, {}
    yield "adam", {"batch_size": None, "n": 7.5}, {"sample_weight": np.linspace(0, 1, 60)}


@pytest.mark.parametrize(("optimizer", "parameters", "arguments"), list(settings()))
def test_resumed_is_never_stopped(optimizer, parameters, arguments, tmp_path):
    """In one go, in two calls, and through a file: the same bits."""
    X, y = data()
    runs = [trainer(optimizer, **_fresh(parameters)) for _ in range(3)]
    whole = runs[0].train(X, y, epochs=12, **arguments)
    parts = [run.train(X, y, epochs=5, **arguments) for run in runs[1:]]
    runs[2].save(tmp_path / "training.pyl2")
    runs[2] = Backprop.load(tmp_path / "training.pyl2")
    for run, part in zip(runs[1:], parts, strict=True):
        rest = run.train(X, y, epochs=7, **arguments)
        np.testing.assert_array_equal(run.network.params, runs[0].network.params)
        np.testing.assert_array_equal([*part.error, *rest.error], whole.error)


def _fresh(parameters):
    """Generators are spent by a run: give each run its own."""
    return copy.deepcopy(parameters)


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_each_order_is_as_likely(rows):
    rng, found = np.random.default_rng(0), Counter()
    order = np.arange(rows)
    for _ in range(6000):
        random.shuffle(rng, order)
        found[tuple(order)] += 1
    assert len(found) == math.factorial(rows)
    assert scipy.stats.chisquare(list(found.values())).pvalue > 1e-3


def test_a_long_order_is_a_permutation():
    order = np.arange(100_000)
    random.shuffle(np.random.default_rng(0), order)
    np.testing.assert_array_equal(np.sort(order), np.arange(100_000))
    fixed = (order == np.arange(100_000)).sum()  # Poisson, mean 1
    assert fixed < 10
    assert abs(np.corrcoef(order, np.arange(100_000))[0, 1]) < 0.02


def test_a_random_state_shuffles_as_it_does():
    """Each epoch permutes the last one's order: scikit-learn's orders."""
    order, theirs = np.arange(50), np.arange(50)
    ours, rng = np.random.RandomState(1), np.random.RandomState(1)
    for _ in range(3):
        random.shuffle(ours, order)
        permutation = np.arange(50)
        rng.shuffle(permutation)
        theirs = theirs[permutation]
        np.testing.assert_array_equal(order, theirs)


def test_same_seed_same_bits():
    X, y = data()
    a, b, other = (trainer("adam", seed=seed) for seed in (1, 1, 2))
    for run in (a, b, other):
        run.train(X, y, epochs=3)
    np.testing.assert_array_equal(a.network.params, b.network.params)
    assert not np.array_equal(a.network.params, other.network.params)


def test_history_parts():
    X, y = data()
    history = trainer(l2=0.5).train(X, y, epochs=6, validation=(X, y))
    assert len(history) == 6
    np.testing.assert_array_equal(history.error, history.data_error + history.penalty)
    assert (history.penalty > 0).all()
    assert (np.diff(history.seconds) >= 0).all()
    assert history.validation_error.shape == (6,)
    assert trainer().train(X, y, epochs=1).validation_error.shape == (0,)


def test_history_of_one_full_batch_is_the_error():
    """At the weights the batch saw: those before its update."""
    X, y = data()
    run = trainer(l2=0.5, batch_size=None)
    before = run.network.error(X, y, l2=0.5), run.network.error(X, y)
    history = run.train(X, y, epochs=1)
    assert history.error[0] == pytest.approx(before[0], rel=1e-14)
    assert history.data_error[0] == pytest.approx(before[1], rel=1e-14)


def test_validation_error_is_without_penalty():
    X, y = data()
    run = trainer(l2=3.0)
    history = run.train(X, y, epochs=2, validation=(X[:20], y[:20]))
    assert history.validation_error[-1] == run.network.error(X[:20], y[:20])


def test_early_stopping_restores_the_best():
    X, y = data(40)
    held_out = data(40, seed=9)
    run = trainer("adam", eta=0.05, early_stopping=True, n_iter_no_change=5)
    history = run.train(X, y, epochs=500, validation=held_out)
    assert history.stopped == "early_stopping"
    assert len(history) < 500
    assert run.network.error(*held_out) == history.validation_error.min()


def test_validation_by_a_function_of_the_network():
    """Its number is kept and judged; the lower, the better, and NaN never."""
    X, y = data()
    answers = [5.0, np.nan, 3.0, 4.0, 4.0]
    seen = []

    def judge(network):
        seen.append(network.params.copy())
        return answers[len(seen) - 1]

    run = trainer(early_stopping=True, n_iter_no_change=1)
    history = run.train(X, y, epochs=50, validation=judge)
    np.testing.assert_array_equal(history.validation_error, answers)
    assert history.stopped == "early_stopping"
    np.testing.assert_array_equal(run.network.params, seen[2])
    with pytest.raises(ValueError, match="f\\(network\\)"):
        run.train(X, y, validation=X)


def test_validation_that_is_never_a_number():
    """Nothing is bettered by NaN: patience runs out, and that is told."""
    X, y = data()
    run = trainer(early_stopping=True, n_iter_no_change=3)
    with pytest.warns(UserWarning, match="no epoch had a finite validation value"):
        history = run.train(X, y, epochs=50, validation=lambda network: np.nan)
    assert (len(history), history.stopped) == (4, "early_stopping")
    with pytest.warns(UserWarning, match="no epoch had a finite validation value"):
        run.train(X, y, epochs=2, validation=lambda network: np.inf)
    run.train(X, y, epochs=2, validation=(X, y))  # and now there is one


def test_tol_ends_training():
    X, y = data()
    history = trainer(tol=1e3, n_iter_no_change=3).train(X, y, epochs=50)
    assert (history.stopped, len(history)) == ("tol", 5)


def test_adaptive_divides_eta_until_it_is_small():
    X, y = data()
    run = trainer(schedule="adaptive", tol=1e3, n_iter_no_change=1, eta=1e-3)
    history = run.train(X, y, epochs=500)
    assert history.stopped == "tol"
    assert run._policy.progress.eta("adaptive", 1e-3, 0) <= 1e-6


def test_max_time():
    X, y = data()
    history = trainer().train(X, y, epochs=10**9, max_time=0.05)
    assert history.stopped == "max_time"


def test_callbacks():
    X, y = data()
    seen = []
    run = trainer()
    history = run.train(
        X,
        y,
        epochs=50,
        callbacks=[
            lambda trainer, history: seen.append((trainer, len(history))),
            lambda trainer, history: len(history) == 4,
        ],
    )
    assert seen == [(run, 1), (run, 2), (run, 3), (run, 4)]
    assert history.stopped == "callback"


def test_callback_that_raises():
    X, y = data()

    def fail(trainer, history):
        raise KeyError("from the callback")

    run = trainer()
    with pytest.raises(KeyError, match="from the callback"):
        run.train(X, y, callbacks=fail)
    assert len(run.history) == 1
    assert np.isfinite(run.network.params).all()
    run.train(X, y, epochs=1)


@pytest.mark.usefixtures("terminal")
def test_progress_bar(capsys):
    X, y = data()
    trainer().train(X, y, epochs=3, verbose=True)
    captured = capsys.readouterr()
    assert "3/3" in captured.err
    assert captured.out == ""
    trainer().train(X, y, epochs=3)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_divergence_names_eta_and_l2_and_keeps_finite_parameters(optimizer):
    X, y = data()
    run = trainer(optimizer, eta=1e-3, batch_size=None)
    run.train(X, y, epochs=2)
    before = run.network.params.copy()
    with pytest.raises(ValueError, match=r"epoch 1: error inf with eta=0.001 and l2=0.01"):
        run.train(X, y * 1e200, epochs=20)
    np.testing.assert_array_equal(run.network.params, before)
    assert not run._state.moments.any()
    assert not run._state.steps.any()
    run.eta = 1e300
    with pytest.raises(ValueError, match=r"diverged in epoch .* eta=1e\+300"):
        run.train(X, y, epochs=20)
    assert np.isfinite(run.network.params).all()


@pytest.mark.parametrize("optimizer", STOCHASTIC)
def test_after_divergence_the_optimizer_begins_anew(optimizer):
    """Going on is what a new trainer would do: no velocity leads out again."""
    X, y = data()
    run = trainer(optimizer, eta=1e-3, shuffle=False)
    run.train(X, y, epochs=2)
    other = trainer(optimizer, eta=1e-3)
    other.network.params = run.network.params
    with pytest.raises(ValueError, match="diverged"):
        run.train(X, y * 1e200, epochs=1)
    other.shuffle = False
    for going_on in (run, other):
        going_on.train(X, y, epochs=3)
    np.testing.assert_array_equal(run.network.params, other.network.params)


@pytest.mark.parametrize(("optimizer", "early", "most"), [("adam", True, 4), ("sgd", False, 2)])
def test_memory_of_a_fit(optimizer, early, most):
    """Beyond the state no more than four times the parameters, and little of fixed size.

    Plain gradient descent keeps no gradient.
    """
    X, y = np.zeros((20, 300)), np.zeros(20)
    tracemalloc.start()
    try:
        network = Network((300, 300, 1), seed=0)
        run = Backprop(network, optimizer, early_stopping=early, batch_size=5)
        run.train(X, y, epochs=3, validation=(X, y) if early else None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most * network.params.nbytes + run._state.moments.nbytes + 300_000


@pytest.mark.filterwarnings("ignore:X is not scaled:UserWarning")
def test_lbfgs_divergence():
    network = Network((1, 1), output="exp", seed=0)
    before = network.params.copy()
    with pytest.raises(ValueError, match=r"lbfgs diverged.*l2="):
        Backprop(network, "lbfgs").train([[1e6], [-1e6]], [1.0, 1.0], epochs=5)
    np.testing.assert_array_equal(network.params, before)


def test_lbfgs_history_never_rises():
    X, y = data()
    run = trainer("lbfgs", batch_size=None)
    history = run.train(X, y, epochs=30)
    assert (np.diff(history.error) <= 0).all()
    assert history.error[-1] == pytest.approx(run.network.error(X, y, l2=0.01), rel=1e-12)
    assert run.train(X, y, epochs=10_000).stopped == "converged"


def interrupted_after(delay, work):
    """Run work() with a Ctrl-C after `delay` seconds; return the time from it to its end."""
    pressed = []

    def press():
        time.sleep(delay)
        pressed.append(time.perf_counter())
        _thread.interrupt_main()

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        work()
    ended = time.perf_counter()
    thread.join()
    return ended - pressed[0]


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_ctrl_c_in_one_long_full_batch_drops_it_whole(optimizer):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 100)).astype(np.float32)
    network = Network((100, 300, 100, 1), dtype=np.float32, seed=0)
    before = network.params.copy()
    run = Backprop(network, optimizer, batch_size=None, shuffle=False)
    interrupted_after(0.3, lambda: run.train(X, X[:, 0], epochs=1000))
    if not len(run.history):
        np.testing.assert_array_equal(network.params, before)
    assert np.isfinite(network.params).all()
    run.train(X[:100], X[:100, 0], epochs=1)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_a_long_epoch_of_small_batches():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300_000, 20))
    run = Backprop(Network((20, 50, 1), seed=0), batch_size=1, eta=1e-4)
    before = run.network.params.copy()
    interrupted_after(0.2, lambda: run.train(X, X[:, 0], epochs=1000))
    assert np.isfinite(run.network.params).all()
    assert not np.array_equal(run.network.params, before)
    assert run._state.steps[0] > 0
    run.train(X[:100], X[:100, 0], epochs=1)


def test_a_second_trainer_is_refused():
    X, y = data()
    run = trainer()
    other = Backprop(run.network)

    def meddle(trainer, history):
        with pytest.raises(RuntimeError, match="being trained already"):
            other.train(X, y)

    run.train(X, y, epochs=1, callbacks=meddle)
    other.train(X, y, epochs=1)


def test_separate_models_in_separate_threads():
    X, y = data()
    expected = trainer("adam")
    expected.train(X, y, epochs=20)
    runs = [trainer("adam") for _ in range(4)]
    threads = [threading.Thread(target=run.train, args=(X, y, 20)) for run in runs]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for run in runs:
        np.testing.assert_array_equal(run.network.params, expected.network.params)


def test_training_in_place_where_the_data_lie():
    """Strides and read-only memory change nothing."""
    X, y = data()
    wide = np.zeros((120, 7))
    wide[::2, 2:5] = X
    wide.flags.writeable = False
    runs = trainer(), trainer()
    runs[0].train(X, y, epochs=3)
    runs[1].train(wide[::2, 2:5], y, epochs=3)
    np.testing.assert_array_equal(runs[0].network.params, runs[1].network.params)


def test_class_indices_and_rows_are_the_same():
    X, _ = data()
    labels = np.arange(60) % 3
    runs = [Backprop(Network((3, 4, 3), output="softmax", seed=0), seed=0) for _ in range(4)]
    forms = labels, labels.astype(np.uint8), labels.tolist(), np.eye(3)[labels]
    for run, Y in zip(runs, forms, strict=True):
        run.train(X, Y, epochs=3)
        np.testing.assert_allclose(run.network.params, runs[0].network.params, rtol=1e-12)


def test_sample_weights_are_repetitions():
    X, y = data()
    weight = np.arange(60) % 3
    repeated = np.repeat(np.arange(60), weight)
    a, b = (trainer("adam", batch_size=None, n="train", l2=2.0) for _ in range(2))
    a.train(X, y, epochs=20, sample_weight=weight)
    b.train(X[repeated], y[repeated], epochs=20)
    np.testing.assert_allclose(a.network.params, b.network.params, rtol=1e-9)


def test_warning_when_a_weight_is_taken_whole():
    X, y = data(9)
    with pytest.warns(UserWarning, match=r"eta \* l2 / n"):
        trainer(eta=1e-3, l2=1000.0, batch_size=8).train(X, y, epochs=1)  # the last batch has 1 row
    with pytest.warns(UserWarning, match="fraction"):
        trainer(eta=1e-3, l2=1.0, decay="fraction").train(X, y, epochs=1)
    trainer(eta=1e-3, l2=1000.0, batch_size=8).train(X[:8], y[:8], epochs=1)


def test_numbers_of_float32_do_not_narrow_what_they_meet():
    """Errors beyond float32 were compared with a float32 tol, which warned of overflow."""
    X = np.array([[1.0], [2.0]])
    found = []
    for number in (np.float32(0.1), float(np.float32(0.1))):
        network = Network((1, 1), seed=0)
        trainer = Backprop(network, eta=number, schedule="invscaling", tol=number, seed=0)
        trainer.train(X, 1e30 * X, epochs=3)
        found.append(network.params.copy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("other", ["sgd", "rmsprop", "nadam", "rprop", "network", "dtype"])
@pytest.mark.parametrize("first", ["adam", "lbfgs"])
def test_moments_of_another_optimizer_or_network_begin_anew(first, other, tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3))

    def network(units=5, dtype="float64"):
        return Network((3, units, 1), seed=1, dtype=dtype)

    options = {"batch_size": None, "shuffle": False}
    trainer = Backprop(network(), first, **options)
    trainer.train(X, X[:, 0], epochs=2)
    if other in ("network", "dtype"):
        trainer.network = network(6) if other == "network" else network(dtype="float32")
    else:
        trainer.optimizer = other
    anew = Backprop(copy.deepcopy(trainer.network), trainer.optimizer, trainer.eta, **options)
    trainer.save(tmp_path / "training.pyl2")
    again = Backprop.load(tmp_path / "training.pyl2")
    for one in (trainer, again, anew):
        one.train(X, X[:, 0], epochs=3)
        if one.optimizer != "lbfgs":
            np.testing.assert_array_equal(one.network.params, trainer.network.params)
