"""Trainings together: each is what it would be alone, and ends as it would alone."""

import copy
import signal
import threading
import warnings

import numpy as np
import pytest

from pyl2 import Backprop, Network
from pyl2._common.dataset import check_dataset
from pyl2.training.backprop import run_of
from pyl2.training.descent import train_many
from pyl2.training.session import Diverged, TrainingSession, check_validation

RNG = np.random.default_rng(0)
X = RNG.normal(size=(47, 3))
Y = np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]])
X_HELD, Y_HELD = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))
START = Network((3, 5, 2), seed=1)


def trainers(parameters, optimizer="sgd", **shared):
    """One Backprop for each of the given parameters, all from the same start."""
    made = []
    for own in parameters:
        network = copy.deepcopy(START)
        made.append(
            Backprop(
                network, optimizer, **{"batch_size": 10, "seed": 3, "n": "train"} | shared | own
            )
        )
    return made


def train(made, epochs=12, weight=None, validation=None, max_time=None, callbacks=()):
    """Train together, and return the trainings."""
    trainings = [
        run_of(
            trainer,
            TrainingSession(
                trainer,
                trainer.network,
                epochs,
                check_validation(validation, trainer.network),
                max_time,
                callbacks,
            ),
        )
        for trainer in made
    ]
    train_many(trainings, check_dataset(X, Y, weight, START))
    return trainings


def alone(trainer, epochs=12, **arguments):
    """Train one, and return its history."""
    try:
        return trainer.train(X, Y, epochs, **arguments)
    except Diverged:
        return trainer.history


def assert_same(made, trainings, expected, **arguments):
    for trainer, training, single in zip(made, trainings, expected, strict=True):
        history, wanted = training.session.history, alone(single, **arguments)
        assert history.stopped == wanted.stopped
        assert len(history) == len(wanted)
        assert history.evaluations == wanted.evaluations
        np.testing.assert_allclose(history.data_error, wanted.data_error, rtol=1e-10)
        np.testing.assert_allclose(history.penalty, wanted.penalty, rtol=1e-10, atol=1e-300)
        np.testing.assert_allclose(history.validation_error, wanted.validation_error, rtol=1e-10)
        np.testing.assert_allclose(trainer.network.params, single.network.params, rtol=1e-9)


LAMBDAS = [{"l2": value} for value in (0.0, 0.01, 1.0, 100.0)]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam", "adamw"])
@pytest.mark.parametrize("weighted", [False, True])
def test_many_are_as_each_alone(optimizer, weighted):
    weight = RNG.uniform(size=len(X)) if weighted else None
    made, singles = (trainers(LAMBDAS, optimizer, eta=0.01) for _ in range(2))
    trainings = train(made, weight=weight)
    assert_same(made, trainings, singles, sample_weight=weight)
    assert not np.allclose(made[0].network.params, made[2].network.params)


def test_each_has_its_own_rates():
    own = [
        {"eta": 0.1, "l2": 1.0, "decay": "l2"},
        {"eta": 0.02, "l2": 0.1, "decay": "decoupled", "n": 5.0},
        {"eta": 0.05, "l2": 0.01, "decay": "fraction", "momentum": 0.5},
        {"eta": 0.05, "l2": [0.1, 0.2], "schedule": "invscaling"},
    ]
    made, singles = (trainers(own, "momentum") for _ in range(2))
    assert_same(made, train(made), singles)


def test_one_that_has_ended_leaves_the_rest_to_go_on():
    own = [{"l2": value, "tol": tol} for value, tol in ((0, None), (50.0, 1e-3), (5.0, 1e-2))]
    made, singles = (trainers(own, eta=0.1, n_iter_no_change=2) for _ in range(2))
    trainings = train(made, 60)
    assert_same(made, trainings, singles, epochs=60)
    lengths = [len(training.session.history) for training in trainings]
    assert lengths[0] == 60
    assert max(lengths[1:]) < 60
    assert trainings[1].session.history.stopped == "tol"


@pytest.mark.parametrize("schedule", ["constant", "adaptive"])
def test_early_stopping_restores_the_best_of_each(schedule):
    shared = {"eta": 0.1, "early_stopping": True, "n_iter_no_change": 3, "schedule": schedule}
    made, singles = (trainers(LAMBDAS, **shared) for _ in range(2))
    trainings = train(made, 80, validation=(X_HELD, Y_HELD))
    assert_same(made, trainings, singles, epochs=80, validation=(X_HELD, Y_HELD))
    for trainer, training in zip(made, trainings, strict=True):
        best = training.session.history.validation_error.min()
        assert trainer.network.error(X_HELD, Y_HELD) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("watched", [False, True])
def test_one_that_diverges_ends_alone(watched):
    own = [{"l2": 0.1}, {"l2": 1e6}, {"l2": 0.1, "eta": 50.0}, {"l2": 1.0}]
    callbacks = (lambda trainer, history: None) if watched else ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a weight that is taken off whole
        made, singles = (trainers(own, eta=0.05) for _ in range(2))
        trainings = train(made, 100, callbacks=callbacks)
        assert_same(made, trainings, singles, epochs=100)
    ended = [training.session.history.stopped for training in trainings]
    assert ended == ["epochs", "diverged", "diverged", "epochs"]
    for trainer, training in zip(made, trainings, strict=True):
        assert np.isfinite(trainer.network.params).all()
        if training.session.diverged is not None:
            assert f"in epoch {len(training.session.history) + 1}:" in str(
                training.session.diverged
            )
            assert f"l2={trainer.l2}" in str(training.session.diverged)


def test_watched_or_not_is_the_same():
    seen = []
    unwatched, watched = (trainers(LAMBDAS, eta=0.05) for _ in range(2))
    plain = train(unwatched)
    called = train(watched, callbacks=lambda trainer, history: seen.append(len(history)))
    assert seen == [epoch for epoch in range(1, 13) for _ in LAMBDAS]
    for a, b in zip(plain, called, strict=True):
        np.testing.assert_array_equal(a.session.history.error, b.session.history.error)
        np.testing.assert_array_equal(a.params, b.params)
        assert (np.diff(a.session.history.seconds) > 0).all()


def test_a_callback_may_set_a_rate():
    def fall(trainer, history):
        trainer.eta = 0.1 / (1 + len(history))

    made, singles = (trainers(LAMBDAS, eta=0.1) for _ in range(2))
    trainings = train(made, callbacks=fall)
    assert_same(made, trainings, singles, callbacks=fall)


def test_training_goes_on_from_what_was_put_back():
    made, singles = (trainers(LAMBDAS, "adam") for _ in range(2))
    train(made, 5)
    for trainer, single in zip(made, singles, strict=True):
        alone(single, 5)
        # The orders of all were drawn by the first.
        trainer._state.rng = copy.deepcopy(single._state.rng)
        trainer._state.order = single._state.order.copy()
        alone(trainer, 3), alone(single, 3)
        np.testing.assert_allclose(trainer.network.params, single.network.params, rtol=1e-9)


def test_max_time_ends_all():
    trainings = train(trainers(LAMBDAS), 10**9, max_time=0.05)
    assert {training.session.history.stopped for training in trainings} == {"max_time"}
    assert len({len(training.session.history) for training in trainings}) == 1


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("watched", [False, True])
def test_ctrl_c_leaves_every_network_with_its_last_batch(watched):
    made = trainers(LAMBDAS)
    timer = threading.Timer(0.1, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        train(made, 10**9, callbacks=(lambda trainer, history: None) if watched else ())
    timer.join()
    for trainer in made:
        assert np.isfinite(trainer.network.params).all()
        assert not np.array_equal(trainer.network.params, START.params)
        with trainer.network._engine.training_lock:
            pass  # the lock is free again
    assert made[0].network.error(X, Y) < START.error(X, Y)


def test_lbfgs_goes_one_after_the_other():
    made, singles = (trainers(LAMBDAS, "lbfgs") for _ in range(2))
    assert_same(made, train(made), singles)


def test_lbfgs_that_diverges_leaves_the_rest():
    made = trainers(LAMBDAS, "lbfgs")
    made[1].network.params *= 1e200
    trainings = train(made)
    ended = [training.session.history.stopped for training in trainings]
    assert ended[1] == "diverged"
    assert "diverged" not in ended[:1] + ended[2:]


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_one_alone_that_diverges_says_so_in_its_history(optimizer):
    [trainer] = trainers([{"l2": 0.1}], optimizer)
    trainer.network.params *= 1e200
    with pytest.raises(Diverged):
        trainer.train(X, Y)
    assert trainer.history.stopped == "diverged"


def test_a_network_in_training_is_refused():
    made = trainers(LAMBDAS)
    with (
        made[2].network._engine.training_lock,
        pytest.raises(RuntimeError, match="being trained already"),
    ):
        train(made)
    train(made)  # the locks of the others are free


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_the_same_bits_for_any_number_of_threads(n_threads):
    found = []
    for threads in (1, n_threads):
        made = trainers(LAMBDAS, "adam")
        trainings = [
            run_of(trainer, TrainingSession(trainer, trainer.network, 5, n_threads=threads))
            for trainer in made
        ]
        train_many(trainings, check_dataset(X, Y, None, START))
        found.append(np.stack([trainer.network.params for trainer in made]))
    np.testing.assert_array_equal(*found)
