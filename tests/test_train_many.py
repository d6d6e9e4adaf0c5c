"""Networks trained together, each with what is its own: as their own trainings, to rounding."""

import numpy as np
import pytest
from reference import Net, make_problem
from scipy.sparse import csr_array
from test_interleaved import begin, plan
from test_kernels import KIND, Kernel, all_close

from pyl2 import Backprop, Network, train_many


def data(rows=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 3))
    return X, np.sin(X.sum(axis=1))


def drawn(count, rows=60):
    """Bootstraps: how often each row was drawn."""
    rng = np.random.default_rng(1)
    each = [np.bincount(rng.integers(rows, size=rows), minlength=rows) for _ in range(count)]
    return np.stack(each).astype(float)


def trainers(count=9, optimizer="adam", sizes=(3, 5, 1), **options):
    options = {"batch_size": 16} | options
    return [
        Backprop(
            Network(sizes, seed=i), optimizer, eta=0.01 + 0.001 * i, l2=0.05 * i, seed=i, **options
        )
        for i in range(count)
    ]


# ---- kernels, by the reference ----


@pytest.mark.parametrize("own_orders", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@KIND
def test_own_weights_and_orders(dtype, isa, optimizer, own_orders):
    """Zeros among them; whole batches without weight; online; dense and sparse rows."""
    count, rows = 17, 29
    rng = np.random.RandomState(0)
    for sizes, indices in (((5, 6, 4, 3), True), ((3, 4, 1), False), ((13, 70, 2), False)):
        net = Net(sizes, ("tanh",) * (len(sizes) - 2), "softmax" if indices else "identity")
        kernel, start, updates = Kernel(net, dtype, isa), begin(net, optimizer, count), []
        updates = plan(net, optimizer, count)
        _, x, y, _ = make_problem(net, rows, indices=indices)
        order = np.stack([rng.permutation(rows) for _ in range(count)]) if own_orders else None
        for batch_size, empty in ((8, False), (8, True), (1, True), (rows, False)):
            s = rng.poisson(1.0, (count, rows)).astype(float)
            s[:, ::7] += 1  # so that no batch in order is empty
            if empty:
                s[3, :16] = 0
            for form in (kernel.cast, csr_array) if sizes[0] == 5 else (kernel.cast,):
                given = kernel.cast(x) if form is kernel.cast else form(kernel.cast(x))
                found = epochs(kernel, start, given, y, updates, s, order, batch_size)
                for p in range(0, count, 5):
                    state = start[1][p].reshape(-1, net.n_params)
                    own = None if order is None else order[p]
                    args = (
                        start[0][p],
                        state,
                        int(start[2][p]),
                        x,
                        y,
                        updates[p],
                        s[p],
                        own,
                        batch_size,
                    )
                    expected = [np.ravel(v) for v in net.epoch(*args, dtype)]
                    got = [np.ravel(v[p]) for v in found]
                    all_close(got, expected, dtype, f"{sizes} {batch_size} {empty} {p}")


def epochs(kernel, start, x, y, updates, s, order, batch_size):
    from dataclasses import asdict

    from pyl2 import _core

    params, state = (np.array(v, dtype=kernel.dtype) for v in start[:2])
    steps, out = np.array(start[2], np.int64), np.empty((len(params), 2))
    plans = [_core.Update(**asdict(u)) for u in updates]
    args = x, kernel.cast(y), kernel.cast(s), order, batch_size, plans, out
    kernel.core.epoch(params, state, steps, *args)
    return params, state, steps, out


# ---- trainers ----


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": None},
        {"batch_size": 1},
        {"schedule": "cosine", "warmup": 5, "average": 0.9},
        {"clip_norm": 0.1},
        {"sizes": (3, 64, 1)},
    ],
    ids=str,
)
def test_as_each_alone(optimizer, options):
    X, y = data()
    weights = drawn(9)
    together, alone = trainers(9, optimizer, **options), trainers(9, optimizer, **options)
    found = train_many(together, X, y, 4, sample_weight=weights)
    for trainer, one, weight, history in zip(together, alone, weights, found, strict=True):
        expected = one.train(X, y, 4, sample_weight=weight)
        np.testing.assert_allclose(trainer.network.params, one.network.params, rtol=0, atol=1e-11)
        for name in ("error", "penalty", "eta", "l2"):
            np.testing.assert_allclose(getattr(history, name), getattr(expected, name), rtol=1e-10)
        assert trainer.history is history
    # And each goes on for itself.
    together[2].train(X, y, 2, sample_weight=weights[2])
    alone[2].train(X, y, 2, sample_weight=weights[2])
    ends = together[2].network.params, alone[2].network.params
    np.testing.assert_allclose(*ends, rtol=0, atol=1e-11)


def test_each_stops_for_itself():
    X, y = data()
    folds = np.arange(60) % 3
    held_out = [(X[folds == i % 3], y[folds == i % 3]) for i in range(6)]
    weights = np.stack([(folds != i % 3).astype(float) for i in range(6)])
    options = {"early_stopping": True, "n_iter_no_change": 2}
    together, alone = trainers(6, **options), trainers(6, **options)
    for trainer in (together[4], alone[4]):
        trainer.eta = 0.3
    found = train_many(together, X, y, 60, sample_weight=weights, validation=held_out)
    for i, one in enumerate(alone):
        expected = one.train(X, y, 60, sample_weight=weights[i], validation=held_out[i])
        assert (len(found[i]), found[i].stopped) == (len(expected), expected.stopped)
        np.testing.assert_allclose(together[i].network.params, one.network.params, atol=1e-9)
    assert len({len(history) for history in found}) > 1


def test_one_that_diverges_leaves_the_others():
    X, y = data()
    runs = trainers(5, "sgd")
    runs[1].eta, runs[1].l2 = 1e200, 0.0
    found = train_many(runs, X, y, 3)
    assert [history.stopped for history in found] == ["epochs", "diverged", *["epochs"] * 3]
    assert all(np.isfinite(run.network.params).all() for run in runs)


def test_same_bits_for_any_threads():
    X, y = data()
    ends = []
    for n_threads in (1, 2, 3):
        runs = trainers(13)
        train_many(runs, X, y, 3, sample_weight=drawn(13), n_threads=n_threads)
        ends.append([run.network.params for run in runs])
    np.testing.assert_array_equal(ends[1], ends[0])
    np.testing.assert_array_equal(ends[2], ends[0])


def test_callbacks_and_progress():
    X, y = data()
    runs, seen = trainers(3), []

    def watch(trainer, history):
        seen.append((runs.index(trainer), len(history)))
        return trainer is runs[1] and len(history) == 2

    found = train_many(runs, X, y, 3, callbacks=watch, verbose=True)
    assert [history.stopped for history in found] == ["epochs", "callback", "epochs"]
    assert sorted(seen) == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize(
    ("made", "arguments", "words"),
    [
        (list, {}, "trainers must hold at least one Backprop"),
        (lambda: [*trainers(2), None], {}, r"trainers\[2\] must be"),
        (lambda: trainers(1) * 2, {}, "distinct networks"),
        (lambda: trainers(2) + trainers(1, sizes=(3, 4, 1)), {}, "one shape of networks"),
        (lambda: trainers(2) + trainers(1, "sgd"), {}, "one optimizer"),
        (lambda: trainers(2) + trainers(1, batch_size=8), {}, "one batch_size"),
        (lambda: trainers(2) + trainers(1, average=0.9), {}, "average or none"),
        (lambda: trainers(2, "lbfgs"), {}, "one network at a time"),
        (lambda: trainers(2), {"sample_weight": np.ones((3, 60))}, "each of 2 trainers, got 3"),
        (lambda: trainers(2), {"sample_weight": np.ones((2, 59))}, "sample_weight must have shape"),
        (lambda: trainers(2), {"sample_weight": np.zeros((2, 60))}, "not 0 everywhere"),
        (lambda: trainers(2), {"sample_weight": np.full((2, 60), np.nan)}, "sample_weight"),
        (lambda: trainers(2), {"validation": []}, "an entry for each of 2 trainers, got 0"),
        (lambda: trainers(2), {"validation": 3}, "validation must be"),
        (lambda: trainers(2), {"epochs": 0}, "epochs must be"),
        (lambda: trainers(2), {"n_threads": 0}, "n_threads"),
    ],
)
def test_refused(made, arguments, words):
    X, y = data()
    with pytest.raises((ValueError, TypeError), match=words):
        train_many(made(), X, y, **{"epochs": 1} | arguments)
