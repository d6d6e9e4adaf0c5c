"""Dropout: kernels against the reference, masks, training, files, errors."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import reference
from reference import make_net, make_problem
from scipy.sparse import csr_array
from test_by_step import Sparse, begin, goes_on_alike
from test_kernels import KIND, Kernel, all_close, update_of

from pyl2 import (
    Backprop,
    MLPClassifier,
    MLPClassifierCV,
    MLPClassifierEnsemble,
    MLPRegressor,
    Network,
    _core,
    l2_path,
    train_many,
)

ROWS = 41
NETS = {
    "tiny": reference.Net((3, 4, 1), ("tanh",), "identity"),
    "narrow": make_net("relu", "softmax", 2),
    "columns": reference.Net((4, 32, 16, 4), ("tanh", "logistic"), "softmax"),
    "stored": reference.Net((9, 70, 33, 5), ("gelu", ("elu", 0.5)), "logistic"),
    "mixed": reference.Net((7, 35, 6, 20, 5), ("tanh", "silu", "identity"), "logistic"),
    "linear": reference.Net((37, 3), (), "logistic"),
}
SEED = 0xFEDC_BA98_7654_3210


def rates_of(net, p=(0.2, 0.5, 0.0, 0.7)):
    return p[: len(net.shapes)]


def sparse_of(x):
    """Rows of other lengths, one of them empty, with a column twice in one."""
    x = x * (np.random.RandomState(0).rand(*x.shape) < 0.5)
    x[3] = 0
    found = csr_array(x)
    found.sort_indices()
    return found


@KIND
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_kernels(dtype, isa, optimizer, name):
    """Online, in batches with a smaller last one, in one batch; in any order; dense and sparse."""
    net = NETS[name]
    params, x, y, s = make_problem(net, ROWS)
    thin = sparse_of(x)
    order = np.random.RandomState(1).permutation(ROWS)
    for batch_size, decay in ((1, "decoupled"), (9, "fraction"), (ROWS, "decoupled")):
        update = update_of(net, optimizer, decay, eta=0.003)
        update = replace(update, dropout=rates_of(net), seed=SEED)
        for rows in (None, order):
            last = 4, x, y, update, s, rows, batch_size
            args = params, begin(net, update), *last
            all_close(Kernel(net, dtype, isa).epoch(*args), net.epoch(*args), dtype, f"{last[3:]}")
            kernel, args = Sparse(net, dtype, isa), [*args[:3], thin.toarray(), *args[4:]]
            expected = net.epoch(*args)
            args[3] = csr_array(thin, dtype=dtype)
            all_close(kernel.epoch(*args), expected, dtype, f"sparse {last[3:]}")


@KIND
def test_many_rows_and_updates(dtype, isa):
    """Blocks that begin in the middle of a batch; steps that no 32 bits hold."""
    net = reference.Net((3, 20, 2), ("tanh",), "softmax")
    params, x, y, s = make_problem(net, 700)
    for batch_size, t in ((700, 0), (301, 2**32 + 7), (3, 2**33)):
        update = replace(update_of(net, "momentum"), dropout=(0.1, 0.4), seed=7)
        args = params, begin(net, update), t, x, y, update, s, None, batch_size
        all_close(Kernel(net, dtype, isa).epoch(*args), net.epoch(*args), dtype, f"{batch_size}")


@KIND
def test_many_networks(dtype, isa):
    """Each with its own rates and seed, one without: as alone."""
    net, count = NETS["narrow"], 17
    kernel = Kernel(net, dtype, isa)
    _, x, y, s = make_problem(net, ROWS)
    base = update_of(net, "adam")
    updates = [
        replace(base, dropout=(0.1, 0.05 * p % 1, 0.3) if p else None, seed=SEED + p)
        for p in range(count)
    ]
    params = np.stack([make_problem(net, 1, seed)[0] for seed in range(count)])
    state = np.stack([begin(net, u, seed).ravel() for seed, u in enumerate(updates)])
    found = kernel.epochs(params, state, 3 * np.arange(count), x, y, updates, s, None, 9)
    for p in range(0, count, 4):
        own = state[p].reshape(-1, net.n_params)
        expected = net.epoch(params[p], own, 3 * p, x, y, updates[p], s, None, 9)
        got = [v[p].reshape(np.shape(e)) for v, e in zip(found, expected, strict=True)]
        all_close(got, expected, dtype, f"{p}")


@KIND
def test_rates_of_0_are_no_dropout(dtype, isa):
    net = NETS["columns"]
    params, x, y, s = make_problem(net, 200)
    ends = []
    for dropout in (None, (0.0, 0.0, 0.0)):
        update = replace(update_of(net, "adam"), dropout=dropout, seed=5)
        args = params, begin(net, update), 0, x, y, update, s, None, 100
        ends.append(Kernel(net, dtype, isa).epoch(*args))
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("isa", _core.ISAS)
@pytest.mark.parametrize("name", ["narrow", "stored", "mixed"])
def test_finite_differences(isa, name):
    """With the masks of one update the step of plain descent is the slope of the E0 it reports."""
    net = NETS[name]
    params, x, y, s = make_problem(net, ROWS, seed=3)
    update = reference.Update("sgd", "decoupled", 1.0, (0.0,) * len(net.shapes))
    update = replace(update, dropout=rates_of(net), seed=11)
    kernel = Kernel(net, "d", isa)

    def epoch(at):
        found = kernel.epoch(at, np.zeros((0, net.n_params)), 5, x, y, update, s, None, ROWS)
        return at - found[0], found[3][0] / ROWS

    gradient, _ = epoch(params)
    for i in np.random.RandomState(0).choice(net.n_params, 30, replace=False):
        step = 1e-6 * (np.arange(net.n_params) == i)
        slope = (epoch(params + step)[1] - epoch(params - step)[1]) / 2e-6
        assert slope == pytest.approx(gradient[i], rel=1e-6, abs=1e-8)


@KIND
@pytest.mark.parametrize("p", [1e-12, 0.1, 0.5, 0.999, 1 - 2**-53])
def test_as_many_are_left_out_as_asked_for(dtype, isa, p):
    """A linear layer of ones shows its mask: the gradient by a weight is the input that is left."""
    net, rows = reference.Net((64, 1), (), "identity"), 512
    update = reference.Update("sgd", "decoupled", 1.0, (0.0,), dropout=(p,), seed=2)
    kernel, kept = Kernel(net, dtype, isa), []
    for t in range(8):
        x, y = np.ones((rows, 64)), np.zeros((rows, 1))
        sums = kernel.epoch(
            np.r_[np.zeros(64), -1.0], np.zeros((0, 65)), t, x, y, update, None, None, rows
        )
        kept.append(sums[0][:64])
    share = np.array(kept).sum() / len(kept) / 64 * (1 - p)
    spread = np.sqrt(p * (1 - p) / (rows * 64 * len(kept)))
    assert abs(share - (1 - p)) < 5 * spread + 1e-6


@KIND
@pytest.mark.parametrize("activation", ["tanh", "relu", "softplus"])
def test_nan_stays(dtype, isa, activation):
    net = make_net(activation, "identity", 1)
    params, x, y, _ = make_problem(net, 8)
    params[:] = np.nan
    update = replace(update_of(net, "sgd"), dropout=(0.5, 0.5), seed=1)
    found = Kernel(net, dtype, isa).epoch(
        params, np.zeros((0, net.n_params)), 0, x, y, update, None, None, 8
    )
    assert np.isnan(found[0]).all()
    assert np.isnan(found[3][0])


# ---- training ----


def data(rows=90, inputs=6):
    X = np.random.default_rng(0).normal(size=(rows, inputs))
    return X, np.sin(X.sum(axis=1))


def trainer(optimizer="adam", sizes=(6, 20, 15, 1), **options):
    options = {"eta": 0.01, "batch_size": 8, "seed": 5, "dropout": 0.2} | options
    return Backprop(Network(sizes, seed=2), optimizer, **options)


FEATURES = [
    {},
    {"input_dropout": 0.3, "dropout": 0.0, "optimizer": "sgd"},
    {"dropout": [0.5, 0.0], "average": 0.9, "schedule": "cosine"},
    {"input_dropout": 0.1, "early_stopping": True, "batch_size": None},
    {"seed": np.random.RandomState(3), "batch_size": 1},
]


@pytest.mark.parametrize("options", FEATURES, ids=lambda options: ",".join(options))
def test_one_broken_off_goes_on_with_the_same_bits(options, tmp_path):
    runs = [trainer(**copy.deepcopy(options)) for _ in range(3)]
    goes_on_alike(runs, *data(), options, tmp_path / "training.pyl2", 9, ["data_error"])


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_bits_for_any_threads(dtype, sparse):
    X = np.random.default_rng(0).normal(size=(900, 40))
    Y = X[:, :2].copy()
    X = csr_array(X * (X > 0.5)) if sparse else X
    for batch_size in (300, None):
        ends = []
        for n_threads in (1, 2, 3):
            network = Network((40, 120, 60, 2), "relu", dtype=dtype, seed=0)
            options = {"dropout": 0.4, "input_dropout": 0.1, "n_threads": n_threads}
            run = Backprop(network, "adam", batch_size=batch_size, seed=0, **options)
            run.train(X, Y, epochs=3)
            ends.append(network.params)
        assert all(np.array_equal(end, ends[0]) for end in ends)


def test_predictions_and_validation_take_all_units():
    X, y = data()
    run = trainer(dropout=0.5, eta=1e-300)
    error = run.network.error(X, y)
    history = run.train(X, y, epochs=3, validation=(X, y))
    np.testing.assert_allclose(history.validation_error, error, rtol=1e-12)
    assert len(set(history.data_error)) == 3
    assert (history.data_error != error).all()


def test_without_it_nothing_changes():
    """The orders are those of a training without, and so are all bits where nothing is left out."""
    X, y = data()
    runs = [trainer(dropout=p, input_dropout=p) for p in (0.0, 1e-300, 0.3)]
    for run in runs:
        run.train(X, y, epochs=3)
    np.testing.assert_array_equal(runs[0]._state.order, runs[2]._state.order)
    np.testing.assert_allclose(runs[0].network.params, runs[1].network.params, rtol=1e-9)
    assert not np.allclose(runs[0].network.params, runs[2].network.params)


def test_the_expectation_is_the_network():
    """Of a linear network without noise in its units: E0 with dropout, on average, is known.

    It is E0 plus half the variance of the outputs, p/(1 - p) sum of (x w)^2 / 2, by Wager, Wang and
    Liang, Dropout training as adaptive regularization, NIPS 2013: the penalty of ridge, scaled.
    """
    X, y = data(400)
    network = Network((6, 1), seed=0)
    run = Backprop(network, eta=1e-300, batch_size=None, input_dropout=0.3, seed=1)
    found = run.train(X, y, epochs=2000).data_error
    spread = 0.3 / 0.7 * (X**2 @ network.weights[0] ** 2).mean() / 2
    assert found.mean() == pytest.approx(network.error(X, y) + spread, abs=4 * found.std() / 44)


def test_train_many_is_each_alone():
    X, y = data()
    together, alone = (
        [trainer(dropout=p, seed=i) for i, p in enumerate((0.0, 0.2, 0.5))] for _ in range(2)
    )
    for run, one, history in zip(together, alone, train_many(together, X, y, 4), strict=True):
        expected = one.train(X, y, 4)
        np.testing.assert_allclose(run.network.params, one.network.params, rtol=0, atol=1e-11)
        np.testing.assert_allclose(history.data_error, expected.data_error, rtol=1e-10)


def test_l2_path_trains_as_backprop():
    X, y = data()
    options = {"eta": 0.01, "batch_size": 8, "seed": 5, "dropout": [0.2, 0.1]}
    network = Network((6, 20, 15, 1), seed=2)
    path = l2_path(network, X, y, [0.1, 1.0], optimizer="adam", epochs=3, **options)
    for i, value in enumerate(path.l2):
        alone = Backprop(Network((6, 20, 15, 1), seed=2), "adam", l2=value, n="train", **options)
        alone.train(X, y, epochs=3)
        np.testing.assert_allclose(path.network(i).params, alone.network.params, atol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:the alpha chosen")
def test_estimators():
    X, y = data()
    options = {"max_iter": 5, "random_state": 0, "dropout": (0.3, 0.1), "input_dropout": 0.1}
    model = MLPRegressor(hidden_layer_sizes=(9, 5), **options).fit(X, y)
    again = MLPRegressor(hidden_layer_sizes=(9, 5), **options).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    labels = (y > 0).astype(int)
    for kind in (MLPClassifier, MLPClassifierCV, MLPClassifierEnsemble):
        more = {"solver": "adam", "max_iter": 3, "dropout": 0.2, "random_state": 0}
        more |= {"alphas": [0.1, 1.0], "cv": 2} if kind is MLPClassifierCV else {}
        more |= {"candidates": 2, "folds": 2} if kind is MLPClassifierEnsemble else {}
        found = kind(hidden_layer_sizes=(9, 5), **more).fit(X, labels)
        plain = kind(hidden_layer_sizes=(9, 5), **more | {"dropout": 0.0}).fit(X, labels)
        assert not np.allclose(found.predict_proba(X), plain.predict_proba(X))
    partly = MLPRegressor(hidden_layer_sizes=(9, 5), **options)
    for _ in range(3):
        partly.partial_fit(X, y)
    assert partly._optimizer.state.steps[0] == 3
    with pytest.raises(ValueError, match=r"no dropout=.*; no input_dropout=0.1"):
        model.to_sklearn()
    theirs = model.to_sklearn(predict_only=True)
    np.testing.assert_allclose(theirs.predict(X), model.predict(X), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dropout": 1}, r"dropout must be a finite number in \[0, 1\), got 1"),
        ({"dropout": -0.1}, "dropout must be a finite number"),
        ({"dropout": np.nan}, "dropout must be a finite number"),
        ({"dropout": "0.5"}, "dropout must be a number"),
        ({"dropout": True}, "dropout must be a number"),
        ({"dropout": None}, "dropout must be a number"),
        ({"dropout": [0.5]}, r"dropout must be a number or have one per hidden layer \(2\), got 1"),
        ({"dropout": [0.5, 1.5]}, r"dropout\[1\] must be a finite number in \[0, 1\)"),
        ({"dropout": [0.5, "x"]}, r"dropout\[1\] must be a number"),
        ({"sizes": (6, 1)}, "dropout leaves out hidden units, and there are none"),
        ({"input_dropout": 1.0}, "input_dropout must be a finite number"),
        ({"input_dropout": [0.1]}, "input_dropout must be a number"),
        ({"optimizer": "rprop", "batch_size": None}, "rprop compares the signs of whole gradients"),
        (
            {"optimizer": "lbfgs"},
            "dropout applies to updates of gradient descent: lbfgs has none",
        ),
        ({"optimizer": "lm"}, "dropout"),
        ({"optimizer": "lm", "dropout": 0, "input_dropout": 0.1}, "input_dropout"),
    ],
    ids=str,
)
def test_refused(options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        trainer(**options)


@pytest.mark.parametrize("solver", ["lbfgs", "lm", "pso", "rprop"])
def test_estimators_refuse_it_with_a_solver_that_has_none(solver):
    X, y = data()
    with pytest.raises(ValueError, match=f"dropout.*{solver}|{solver}.*dropout"):
        MLPRegressor(solver=solver, dropout=0.1).fit(X, y)


def test_a_seed_that_is_none_is_a_damaged_file(tmp_path):
    run = trainer()
    run.train(*data(), epochs=1)
    run._state.mask_seed = -5
    run.save(tmp_path / "training.pyl2")
    with pytest.raises(ValueError, match="the training is damaged: mask_seed must be at least 0"):
        Backprop.load(tmp_path / "training.pyl2")
