"""The path over λ: against separate trainings, scikit-learn, closed forms and NumPy."""

import copy
import pickle
import signal
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import neural_network
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split

from pyl2 import (
    Backprop,
    Laplace,
    MLPClassifier,
    MLPRegressor,
    Network,
    ParticleSwarm,
    bias_variance,
    convert_l2,
    l2_path,
)
from pyl2.path import Interrupted

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 1] * X[:, 2]]) + RNG.normal(0, 0.1, (60, 2))
LABELS = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int) + (X[:, 2] > 0.5)
X_TEST, Y_TEST, LABELS_TEST = X[:20] + 0.1, Y[:20], LABELS[:20]
LAMBDAS = [0.0, 0.01, 1.0, 30.0]

REGRESSION = Network((4, 6, 2), seed=1)
CLASSES = Network((4, 6, 5, 3), ["tanh", "logistic"], "softmax", seed=1)


# The same as separate trainings.


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw", "lbfgs"])
def test_each_is_what_backprop_makes_of_the_network(optimizer):
    options = {"optimizer": optimizer, "seed": 5, "batch_size": 16}
    path = l2_path(REGRESSION, X, Y, LAMBDAS, epochs=15, **options)
    for i, value in enumerate(LAMBDAS):
        network = copy.deepcopy(REGRESSION)
        history = Backprop(network, l2=value, n="train", **options).train(X, Y, 15)
        np.testing.assert_allclose(path.params[i], network.params, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(path.curves[i, : len(history), 0], history.data_error)
        assert path.stopped[i] == history.stopped
        assert path.error[i] == pytest.approx(network.error(X, Y, value, n="train"), rel=1e-9)


@pytest.mark.parametrize("start", ["same", "warm"])
@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_a_generator_serves_all_and_goes_on(start, make):
    given, used = make(3), make(3)
    path = l2_path(REGRESSION, X, Y, LAMBDAS, epochs=4, seed=given, start=start)
    network = copy.deepcopy(REGRESSION)
    for i, value in enumerate(LAMBDAS):
        network = copy.deepcopy(network if start == "warm" else REGRESSION)
        used = make(3)
        Backprop(network, l2=value, n="train", seed=used).train(X, Y, 4)
        np.testing.assert_allclose(path.params[i], network.params, rtol=1e-9)
    assert given.bytes(8) == used.bytes(8)


def test_pso_too():
    options = {"particles": 10, "seed": 2}
    path = l2_path(REGRESSION, X, Y, LAMBDAS, optimizer="pso", epochs=6, **options)
    for i, value in enumerate(LAMBDAS):
        network = copy.deepcopy(REGRESSION)
        ParticleSwarm(network, l2=value, **options).train(X, Y, 6)
        np.testing.assert_array_equal(path.params[i], network.params)


ESTIMATORS = [
    MLPClassifier(7, max_iter=15, random_state=0),
    MLPClassifier((6, 5), "tanh", solver="sgd", early_stopping=True, max_iter=60, random_state=1),
    MLPClassifier(6, solver="adamw", class_weight="balanced", max_iter=8, random_state=2),
    MLPClassifier(6, solver="lbfgs", max_iter=20, random_state=3),
    MLPClassifier(6, solver="pso", max_iter=5, random_state=4),
    MLPClassifier(
        6, solver="sgd", n="train", decay="decoupled", tol=1e-2, learning_rate="adaptive",
        learning_rate_init=0.1, max_iter=60, random_state=np.random.RandomState(5),
    ),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", ESTIMATORS, ids=lambda model: model.solver)
@pytest.mark.parametrize("weighted", [False, True])
def test_each_is_what_fit_makes_of_the_estimator(model, weighted):
    weight = RNG.uniform(size=len(X)) if weighted else None
    before = model.get_params()
    path = l2_path(model, X, LABELS, LAMBDAS, sample_weight=weight)
    assert model.get_params() == before
    assert not hasattr(model, "coefs_")
    for i, value in enumerate(LAMBDAS):
        fitted = clone(model).set_params(alpha=value).fit(X, LABELS, weight)
        network = path.network(i)
        for ours, theirs in zip(network.weights, fitted.coefs_, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-12)
        assert np.isfinite(path.curves[i, :, 0]).sum() == fitted.n_iter_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_the_estimators_path_is_scikit_learns(solver):
    parameters = {"solver": solver, "max_iter": 20, "random_state": 0, "hidden_layer_sizes": 8}
    path = l2_path(MLPRegressor(**parameters), X, Y[:, 0], LAMBDAS)
    for i, value in enumerate(LAMBDAS):
        theirs = neural_network.MLPRegressor(alpha=value, **parameters).fit(X, Y[:, 0])
        for ours, coefs in zip(path.weights(i), theirs.coefs_, strict=True):
            np.testing.assert_allclose(ours, coefs, rtol=1e-7, atol=1e-10)
        assert path.train_score[i] == pytest.approx(theirs.score(X, Y[:, 0]), rel=1e-8)


def test_one_data_set_serves_estimators_that_draw_their_start():
    path = l2_path(MLPClassifier(5, max_iter=1), X, LABELS, [1e-9, 2e-9])
    np.testing.assert_allclose(path.params[0], path.params[1], rtol=1e-6)


# Without hidden layers it is the path of linear models.


def test_ridge():
    path = l2_path(Network((4, 2), seed=0), X, Y, LAMBDAS, optimizer="lbfgs", epochs=500)
    for i, value in enumerate(LAMBDAS):
        alpha = convert_l2(value, ("l2", "train"), "ridge", n_items=len(X))
        ridge = Ridge(alpha=alpha).fit(X, Y)
        np.testing.assert_allclose(path.weights(i)[0], ridge.coef_.T, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(path.network(i).biases[0], ridge.intercept_, atol=1e-7)
        assert path.train_score[i] == pytest.approx(r2_score(Y, ridge.predict(X)), abs=1e-7)


def test_logistic_regression():
    lambdas = LAMBDAS[1:]
    network = Network((4, 3), output="softmax", seed=0)
    path = l2_path(network, X, LABELS, lambdas, optimizer="lbfgs", epochs=500)
    for i, value in enumerate(lambdas):
        C = convert_l2(value, ("l2", "train"), "logistic_regression", n_items=len(X))
        theirs = LogisticRegression(C=C, tol=1e-12, max_iter=1000).fit(X, LABELS)
        np.testing.assert_allclose(path.weights(i)[0], theirs.coef_.T, rtol=1e-5, atol=1e-7)
        assert path.train_score[i] == theirs.score(X, LABELS)


# The two ends.


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_at_a_large_lambda_the_bias_alone_is_left(optimizer):
    options = {"optimizer": optimizer, "epochs": 3000, "batch_size": None}
    if optimizer == "sgd":
        options |= {"eta": 0.1}
    path = l2_path(REGRESSION, X, Y, [400.0], **options)
    network = path.network(-1)
    assert path.norms.max() < 1e-6
    np.testing.assert_allclose(network.predict(X), np.tile(Y.mean(axis=0), (60, 1)), atol=1e-6)
    assert path.slope[-1] < 1e-9
    path = l2_path(CLASSES, X, LABELS, [400.0], **options)
    frequencies = np.bincount(LABELS) / len(LABELS)
    np.testing.assert_allclose(path.network(-1).predict(X[:1])[0], frequencies, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
def test_at_a_small_lambda_it_is_the_unpenalized_fit(optimizer):
    path = l2_path(REGRESSION, X, Y, [0.0, 1e-13], optimizer=optimizer, epochs=30, seed=0)
    np.testing.assert_allclose(path.params[1], path.params[0], rtol=1e-6)
    assert path.penalty[0] == 0 < path.penalty[1] < 1e-12


# What is told of each.


@pytest.fixture(scope="module")
def traced():
    return l2_path(CLASSES, X, LABELS, LAMBDAS, test=(X_TEST, LABELS_TEST), eta=0.1, seed=0)


def test_errors_and_scores(traced):
    assert traced.measure == "accuracy"
    for i, value in enumerate(LAMBDAS):
        network = traced.network(i)
        assert traced.data_error[i] == pytest.approx(network.error(X, LABELS), rel=1e-12)
        full = network.error(X, LABELS, value, n="train")
        assert traced.error[i] == pytest.approx(full, rel=1e-12)
        assert traced.test_error[i] == pytest.approx(network.error(X_TEST, LABELS_TEST), rel=1e-12)
        for rows, labels, told in (
            (X, LABELS, traced.train_score),
            (X_TEST, LABELS_TEST, traced.test_score),
        ):
            assert told[i] == accuracy_score(labels, network.predict(rows).argmax(axis=1))


def test_norms_and_evenness(traced):
    for i in range(len(traced)):
        for layer, W in enumerate(traced.weights(i)):
            assert traced.norms[i, layer] == pytest.approx(np.linalg.norm(W), rel=1e-12)
            even = np.abs(W).sum(axis=0) ** 2 / (len(W) * (W**2).sum(axis=0))
            np.testing.assert_allclose(traced.evenness[layer][i], even, rtol=1e-12)
            assert ((even > 1 / len(W) - 1e-12) & (even < 1 + 1e-12)).all()


def test_slope_by_differences(traced):
    step = 1e-6
    for i in range(len(traced)):
        network, total = traced.network(i), 0.0
        for axis in np.eye(4) * step:
            change = (network.predict(X + axis) - network.predict(X - axis)) / (2 * step)
            total += (change**2).sum(axis=1).mean()
        assert traced.slope[i] == pytest.approx(total, rel=1e-6)


def test_saturation(traced):
    for i in range(len(traced)):
        tanh, logistic, _ = traced.network(i).activations(X)
        outside = (logistic < 0.05) | (logistic > 0.95)
        expected = [(np.abs(tanh) > 0.9).mean(), outside.mean()]
        np.testing.assert_allclose(traced.saturation[i], expected)


def test_saturation_of_relu_is_of_units():
    network = Network((1, 3, 1), "relu", seed=0)
    network.params = [1, 1, -1, 1, 1, 1, 5, 0, -5, 0]  # always on, sometimes, never
    path = l2_path(network, np.linspace(-1, 1, 9)[:, None], np.zeros(9), [0.0], eta=1e-12)
    assert path.saturation[0, 0] == pytest.approx(2 / 3)
    linear = Network((1, 3, 1), "identity", seed=0)
    assert np.isnan(l2_path(linear, [[0.0], [1.0]], [0, 1], [0.0]).saturation).all()


def test_curvature_of_a_parabola():
    """Of exp(w x + b), whose second derivative is w² exp(w x + b)."""
    network = Network((1, 1), output="exp", seed=0)
    network.params = [0.7, 0.2]
    x = np.linspace(-1, 2, 31)[:, None]
    path = l2_path(network, x, np.ones(31), [0.0], eta=1e-12, epochs=1)
    grid = np.linspace(-1, 2, 200_001)
    exact = np.trapezoid((0.49 * np.exp(0.7 * grid + 0.2)) ** 2, grid) / 3
    assert path.curvature[0] == pytest.approx(exact, rel=1e-5)
    assert np.isnan(l2_path(REGRESSION, X, Y, [0.0]).curvature).all()


def test_the_unevenness_of_one_weight_and_of_none():
    network = Network((4, 3), seed=0)
    network.params = [3, 1, 0, 0, -1, 0, 0, 1, 0, 0, -1, 0, 0, 0, 0]
    path = l2_path(network, X, Y[:, [0, 1, 1]] * [1, 1, 0], [0.0], eta=1e-300, epochs=1)
    np.testing.assert_allclose(path.evenness[0][0], [0.25, 1, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_evenness_of_tiny_weights(dtype):
    network = Network((4, 1), dtype=dtype, seed=0)
    network.weights[0][...] = 1e-30
    path = l2_path(network, X, Y[:, 0], [0.0], eta=1e-300, epochs=1)
    assert path.evenness[0][0] == pytest.approx(1)
    assert path.norms[0, 0] == pytest.approx(2e-30)


def test_the_sum_of_both_for_batches_and_fractions():
    """R is what the training has at its end: of λ/m for n="batch", of λ/η for fraction."""
    for model, divisor in (
        (MLPRegressor(hidden_layer_sizes=3, solver="sgd", batch_size=20, momentum=0), 20),
        (
            MLPRegressor(hidden_layer_sizes=3, solver="sgd", n="train", batch_size=20, momentum=0),
            60,
        ),
        (MLPRegressor(hidden_layer_sizes=3, solver="sgd", n=7, batch_size=20, momentum=0), 7),
        (
            MLPRegressor(
                hidden_layer_sizes=3, solver="sgd", decay="fraction", momentum=0, batch_size=20
            ),
            1e-3,
        ),
        (MLPRegressor(hidden_layer_sizes=3, solver="lbfgs", batch_size=20), 60),
    ):
        path = l2_path(model.set_params(random_state=0), X, Y, [0.001, 0.002])
        squares = (path.norms**2).sum(axis=1)
        np.testing.assert_allclose(path.penalty, path.l2 * squares / (2 * divisor), rtol=1e-12)
        if model.solver == "sgd":  # and what the last epoch saw was close to it
            np.testing.assert_allclose(path.penalty, path.curves[:, -1, 1], rtol=2e-2)


def test_summary_table_and_frame(traced):
    rows = traced.summary()
    assert [row["l2"] for row in rows] == LAMBDAS
    assert [row["epochs"] for row in rows] == [100] * 4
    norms = [
        np.linalg.norm(np.concatenate([W.ravel() for W in traced.weights(i)])) for i in range(4)
    ]
    np.testing.assert_allclose([row["norm"] for row in rows], norms)
    lines = str(traced).splitlines()
    assert len([line for line in lines if line.lstrip()[:1].isdigit()]) == 4
    assert "ended by" not in str(traced)  # all by their last epoch
    assert "accuracy" in str(traced)
    assert "curvature" not in str(traced)
    pytest.importorskip("pandas")
    frame = traced.to_frame()
    np.testing.assert_array_equal(frame["test_score"], traced.test_score)


def test_best_is_the_largest_of_equals(traced):
    assert traced.test_score[traced.best] == traced.test_score.max()
    assert traced.test_score[traced.best] > traced.test_score[traced.best + 1 :].max(initial=-1)
    with pytest.raises(ValueError, match="test="):
        _ = l2_path(REGRESSION, X, Y, [0.1], epochs=1).best


@pytest.mark.parametrize("model", [Network((4, 1), seed=0), MLPRegressor(max_iter=2)])
def test_nothing_is_best_by_the_r2_of_one_row(model):
    """It was 0 for each, and the largest λ the best."""
    options = {"epochs": 2} if isinstance(model, Network) else {}
    path = l2_path(model, X, Y[:, 0], LAMBDAS, test=(X_TEST[:1], Y_TEST[:1, 0]), **options)
    assert np.isnan(path.test_score).all()
    assert np.isfinite(path.test_error).all()
    with pytest.raises(ValueError, match=r"R² takes two rows.*test_error"):
        _ = path.best
    assert "nan" not in str(path)


def test_early_stopping_of_a_path_that_has_nothing_to_judge_by():
    options = {"early_stopping": True, "validation": lambda network: np.nan, "epochs": 3}
    with pytest.warns(UserWarning, match="no epoch had a finite validation value"):
        l2_path(REGRESSION, X, Y, [0.1], **options)


def test_networks_are_copies_and_the_path_pickles(traced):
    traced.network(0).params[:] = 0
    assert traced.params[0].any()
    again = pickle.loads(pickle.dumps(traced))
    np.testing.assert_array_equal(again.network(1).predict(X), traced.network(1).predict(X))


# How it is asked for.


def test_the_default_lambdas():
    path = l2_path(REGRESSION, X, Y, eta=0.1, epochs=1)
    assert len(path) == 16
    np.testing.assert_allclose(path.l2[[0, -1]], [60e-6, 5 * 60])
    path = l2_path(REGRESSION, X, Y, optimizer="lbfgs", epochs=1)
    np.testing.assert_allclose(path.l2[[0, -1]], [60e-6, 600])
    model = MLPRegressor(hidden_layer_sizes=3, batch_size=20, max_iter=1)
    np.testing.assert_allclose(l2_path(model, X, Y).l2[[0, -1]], [20e-6, 200])
    assert (np.diff(np.diff(np.log(path.l2))) < 1e-9).all()


def test_it_ascends_whatever_the_order():
    path = l2_path(REGRESSION, X, Y, LAMBDAS[::-1], epochs=3, seed=0)
    same = l2_path(REGRESSION, X, Y, np.array(LAMBDAS), epochs=3, seed=0)
    np.testing.assert_array_equal(path.l2, LAMBDAS)
    np.testing.assert_allclose(path.params, same.params, rtol=1e-12)


def test_warm_goes_from_one_to_the_next():
    path = l2_path(REGRESSION, X, Y, LAMBDAS, start="warm", epochs=4, seed=0)
    network = copy.deepcopy(REGRESSION)
    for i, value in enumerate(LAMBDAS):
        Backprop(network, l2=value, n="train", seed=0).train(X, Y, 4)
        np.testing.assert_allclose(path.params[i], network.params, rtol=1e-10)


def test_warm_from_large_to_small_only_without_hidden_layers():
    with pytest.raises(ValueError, match="saddle"):
        l2_path(REGRESSION, X, Y, LAMBDAS[::-1], start="warm")
    with pytest.raises(ValueError, match="ascend or descend"):
        l2_path(REGRESSION, X, Y, [1, 3, 2], start="warm")
    linear = Network((4, 2), seed=0)
    path = l2_path(linear, X, Y, LAMBDAS[::-1], start="warm", optimizer="lbfgs", epochs=300)
    np.testing.assert_array_equal(path.l2, LAMBDAS)
    np.testing.assert_allclose(path.weights(1)[0], Ridge(alpha=0.01).fit(X, Y).coef_.T, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_start_of_an_estimator():
    model = MLPRegressor(hidden_layer_sizes=5, solver="lbfgs", max_iter=10, random_state=0)
    path = l2_path(model, X, Y, LAMBDAS, start="warm")
    by_hand = clone(model).set_params(warm_start=True)
    for i, value in enumerate(LAMBDAS):
        by_hand.set_params(alpha=value).fit(X, Y)
        np.testing.assert_allclose(path.weights(i)[0], by_hand.coefs_[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("model", "y"), [(CLASSES, LABELS), (MLPClassifier(5, max_iter=3, random_state=0), LABELS)]
)
def test_a_fraction_is_held_out_with_classes_in_proportion(model, y):
    path = l2_path(model, X, y, [0.1, 1.0], test=0.25)
    assert not np.isnan(path.test_score).any()
    assert np.isin(np.round(path.test_score * 15, 9) % 1, [0]).all()  # 15 rows
    again = l2_path(model, X, y, [0.1, 1.0], test=(X_TEST, LABELS_TEST))
    assert not np.array_equal(path.params, again.params)


def test_a_held_out_fraction_is_drawn_by_the_seed():
    first, second, third = (
        l2_path(REGRESSION, X, Y, [0.1], test=0.3, seed=seed, epochs=2) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.params, second.params)
    assert first.test_score != third.test_score


def test_scores_of_early_stopping_are_of_the_rows_trained_on():
    model = MLPClassifier(5, early_stopping=True, max_iter=3, random_state=0)
    path = l2_path(model, X, LABELS, [0.1])
    rng = np.random.RandomState(0)
    network = Network((4, 5, 3), "relu", "softmax", seed=0)
    for W in network.weights:  # the random numbers of the initial weights
        rng.uniform(size=W.shape), rng.uniform(size=W.shape[1])
    train, _ = train_test_split(np.arange(60), random_state=rng, test_size=0.1)
    predicted = path.network(0).predict(X[train]).argmax(axis=1)
    assert path.train_score[0] == accuracy_score(LABELS[train], predicted)


@pytest.mark.parametrize("form", [sp.csr_matrix, sp.csc_array, sp.coo_array])
def test_sparse_rows(form):
    few = np.where(np.abs(X) > 0.8, X, 0)
    sparse = l2_path(REGRESSION, form(few), Y, LAMBDAS, test=0.25, seed=0, epochs=5)
    dense = l2_path(REGRESSION, few, Y, LAMBDAS, test=0.25, seed=0, epochs=5)
    for name in ("params", "test_error", "train_score", "slope", "saturation"):
        np.testing.assert_allclose(getattr(sparse, name), getattr(dense, name), rtol=1e-9)


def test_float32_stays():
    network = Network((4, 6, 2), dtype=np.float32, seed=1)
    path = l2_path(network, X, Y, LAMBDAS, epochs=5)
    assert path.params.dtype == np.float32 == path.network(0).dtype
    model = l2_path(
        MLPRegressor(hidden_layer_sizes=3, max_iter=2), X.astype(np.float32), Y, LAMBDAS
    )
    assert model.params.dtype == np.float32


def test_sample_weights_are_repeated_rows():
    counts = np.random.default_rng(0).integers(0, 3, len(X))
    options = {"optimizer": "lbfgs", "epochs": 30, "seed": 0}
    weighted = l2_path(REGRESSION, X, Y, LAMBDAS, sample_weight=counts, **options)
    repeated = l2_path(REGRESSION, X.repeat(counts, 0), Y.repeat(counts, 0), LAMBDAS, **options)
    for name in ("data_error", "penalty", "train_score"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), 1e-5, 1e-12)


def test_the_network_is_left_alone():
    network = copy.deepcopy(REGRESSION)
    l2_path(network, X, Y, LAMBDAS, epochs=2)
    np.testing.assert_array_equal(network.params, REGRESSION.params)


def test_n_threads_do_not_change_a_bit():
    one, three = (l2_path(REGRESSION, X, Y, LAMBDAS, seed=0, epochs=4, n_threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one.params, three.params)


def test_diverged_is_told_not_raised():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = l2_path(REGRESSION, X, Y, [0.1, 1e5], eta=0.1, epochs=200)
        model = MLPRegressor(
            hidden_layer_sizes=5, solver="sgd", learning_rate_init=0.01, max_iter=50, random_state=0
        )
        of_estimator = l2_path(model, X, Y, [0.1, 1e7])
    for found in (path, of_estimator):
        assert found.stopped[1] == "diverged" != found.stopped[0]
        assert np.isfinite(found.params).all()
        assert np.isfinite(found.curves[0]).all()
        assert np.isnan(found.curves[1, -1]).all()


def test_weights_too_large_to_be_squared():
    """Squared slopes overflow, and NumPy warned of it."""
    network = Network((1, 3, 2), hidden="relu", seed=0)
    network.params = 1e160 * np.abs(network.params)  # of one sign: nowhere inf - inf
    path = l2_path(network, X[:, :1], Y, [0.0, 1.0], epochs=1, seed=0)
    assert path.stopped == ["diverged"] * 2
    assert np.isinf(path.slope).all()
    assert np.isinf(path.norms).all()


def test_max_time_is_that_of_all():
    for start in ("same", "warm"):
        path = l2_path(REGRESSION, X, Y, LAMBDAS, start=start, epochs=10**7, max_time=0.1)
        assert path.stopped == ["max_time"] * 4
    assert (np.isfinite(path.curves[1:, :, 0]).sum(axis=1) == 1).all()  # warm: the first took it


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(
    "model",
    [REGRESSION, MLPRegressor(hidden_layer_sizes=5, max_iter=10**7, n_iter_no_change=np.inf)],
)
def test_ctrl_c(model):
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    long = {"epochs": 10**7} if isinstance(model, Network) else {}
    with pytest.raises(KeyboardInterrupt):
        l2_path(model, X, Y, LAMBDAS, **long)
    timer.join()


@pytest.mark.usefixtures("terminal")
def test_verbose_shows_a_bar(capfd):
    l2_path(REGRESSION, X, Y, LAMBDAS, epochs=2, verbose=True)
    assert "4 λ · epoch 2/2 · E " in capfd.readouterr().err


def test_estimators_do_not_warn_of_every_lambda():
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        path = l2_path(MLPRegressor(hidden_layer_sizes=5, max_iter=1), X, Y, LAMBDAS)
    assert path.stopped == ["epochs"] * 4


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"l2": []}, ValueError, "at least one"),
        ({"l2": [1, 1]}, ValueError, "distinct"),
        ({"l2": [-1.0]}, ValueError, "l2 must be a finite number in"),
        ({"l2": ["a"]}, TypeError, "l2 must be a number"),
        ({"start": "hot"}, ValueError, "start must be one of same, warm"),
        ({"test": 1.5}, ValueError, "test must be a finite number"),
        ({"test": (X, Y, Y)}, ValueError, "test must be a fraction or"),
        ({"n_threads": 0}, ValueError, "n_threads"),
        ({"epochs": 0}, ValueError, "epochs"),
        ({"max_time": 0}, ValueError, "max_time"),
        ({"eta": -1}, ValueError, "eta"),
        ({"optimizer": "gd"}, ValueError, "optimizer"),
        ({"n": "batch"}, TypeError, "n"),
        ({"alpha": 1}, TypeError, "alpha"),
        ({"early_stopping": True}, ValueError, "early_stopping needs validation"),
        ({"sample_weight": np.zeros(60)}, ValueError, "sample_weight"),
        ({"model": 3}, TypeError, "model must be a Network"),
        ({"model": MLPRegressor(), "eta": 0.1}, TypeError, "eta: an estimator"),
        ({"model": MLPRegressor(5)}, ValueError, "'loss' parameter"),
        ({"model": MLPRegressor(), "test": (X, Y, Y)}, ValueError, "test must be a fraction or"),
        ({"y": Y[:5]}, ValueError, "rows"),
    ],
)
def test_what_is_refused(arguments, error, match):
    with pytest.raises(error, match=match):
        l2_path(**{"model": REGRESSION, "X": X, "y": Y} | arguments)


# Bias and variance.


def test_bias_and_variance_add_up():
    truth = np.sin(2 * X_TEST[:, :1]) * [1, 2]
    found = bias_variance(
        REGRESSION, (X, Y), X_TEST, truth, LAMBDAS, draws=5, seed=0, eta=0.05, epochs=5
    )
    assert found.predictions.shape == (4, 5, 20, 2)
    distance = ((found.predictions - truth) ** 2).sum(axis=-1).mean(axis=(1, 2))
    np.testing.assert_allclose(found.bias + found.variance, distance, rtol=1e-12)
    assert (found.variance > 0).all()
    again = bias_variance(
        REGRESSION, (X, Y), X_TEST, truth, LAMBDAS, draws=5, seed=0, eta=0.05, epochs=5
    )
    assert again.predictions.shape == found.predictions.shape


def test_bias_and_variance_of_ridge():
    """Without noise, and the same rows each time, nothing varies; the bias is Ridge's."""
    found = bias_variance(
        Network((4, 2), seed=0),
        lambda rng: (X, Y),
        X_TEST,
        Y_TEST,
        LAMBDAS,
        draws=2,
        optimizer="lbfgs",
        epochs=300,
    )
    np.testing.assert_allclose(found.variance, 0, atol=1e-20)
    for bias, value in zip(found.bias, LAMBDAS, strict=True):
        predicted = Ridge(alpha=value).fit(X, Y).predict(X_TEST)
        assert bias == pytest.approx(((predicted - Y_TEST) ** 2).sum(axis=1).mean(), rel=1e-5)


def test_bias_variance_refuses():
    with pytest.raises(ValueError, match="truth must have shape"):
        bias_variance(REGRESSION, (X, Y), X_TEST, np.zeros(20), [0.1], draws=2, epochs=1)
    with pytest.raises(ValueError, match="draws"):
        bias_variance(REGRESSION, (X, Y), X_TEST, Y_TEST, draws=1)


# The evidence for each λ.


def noisy():
    x = np.linspace(-1, 1, 40)[:, None]
    return x, np.sin(3 * x) + 0.1 * np.random.RandomState(0).randn(40, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_evidence_is_that_of_laplace(dtype):
    x, y = noisy()
    weight = np.linspace(0.5, 2, 40)
    network = Network((1, 4, 1), seed=0, dtype=dtype)
    values = [0, 1e-3, 0.1, 10]
    plain = l2_path(network, x, y, values, optimizer="lbfgs", sample_weight=weight)
    path = l2_path(network, x, y, values, optimizer="lbfgs", sample_weight=weight, evidence=True)
    np.testing.assert_array_equal(path.params, plain.params)
    for i, l2 in enumerate(values):
        posterior = Laplace(path.network(i), x, y, l2, sample_weight=weight)
        for name in ("log_evidence", "n_effective", "noise_variance"):
            assert getattr(path, name)[i] == pytest.approx(getattr(posterior, name), rel=1e-6)
            assert path.summary()[i][name] == getattr(path, name)[i]
    assert path.log_evidence[0] == -np.inf
    assert path.best_evidence == path.log_evidence.argmax()
    assert "evidence" in str(path)
    assert "evidence" not in str(plain)
    assert np.isnan(plain.log_evidence).all()
    with pytest.raises(ValueError, match="evidence=True"):
        plain.best_evidence  # noqa: B018


def test_evidence_of_estimators_and_classes():
    x, y = noisy()
    model = MLPRegressor(hidden_layer_sizes=4, solver="lbfgs", max_iter=200, random_state=0)
    path = l2_path(model, x, y[:, 0], [0.1, 1.0], evidence=True)
    expected = Laplace(path.network(1), x, y, 1.0)
    assert path.log_evidence[1] == pytest.approx(expected.log_evidence, rel=1e-9)
    network = Network((1, 3, 2), output="softmax", seed=0)
    labels = (y[:, 0] > 0).astype(int)
    path = l2_path(network, x, labels, [0.1, 1.0], optimizer="lbfgs", evidence=True)
    expected = Laplace(path.network(0), x, labels, 0.1)
    assert path.log_evidence[0] == pytest.approx(expected.log_evidence, rel=1e-9)
    assert np.isnan(path.noise_variance).all()


def test_evidence_that_there_is_not(monkeypatch):
    x, y = noisy()
    network = Network((1, 4, 1), seed=0)
    with pytest.raises(TypeError, match="dense X"):
        l2_path(network, sp.csr_array(x), y, [1], evidence=True)
    with pytest.raises(ValueError, match="more than 5000"):
        l2_path(Network((1, 2000, 1), seed=0), x, y, [1], evidence=True)
    with pytest.raises(ValueError, match="at least 2 rows"):
        l2_path(network, x[:1], y[:1], [1], evidence=True)
    with pytest.raises(TypeError, match="evidence must be True or False"):
        l2_path(network, x, y, [1], evidence="yes")
    network.params = np.full(13, 1e200)
    lost = l2_path(network, x, y, [1], optimizer="sgd", epochs=1, evidence=True)
    assert lost.stopped == ["diverged"]
    assert np.isnan(lost.log_evidence).all()
    network = Network((1, 4, 1), seed=0)
    monkeypatch.setattr("pyl2.path.evidence.curvature", interrupt)
    with pytest.raises(Interrupted) as caught:
        l2_path(network, x, y, [1], optimizer="lbfgs", evidence=True)
    assert len(caught.value.path) == 1


def interrupt(*_):
    raise KeyboardInterrupt
