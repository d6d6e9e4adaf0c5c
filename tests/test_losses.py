"""Losses apart from their outputs: huber, absolute_error, quantile, gamma, and smoothed labels.

Their gradients beside PyTorch's are in test_gradient, 50 updates in test_decay.
"""

from functools import lru_cache

import mpmath
import numpy as np
import pytest
import reference
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array
from sklearn import metrics as theirs
from test_kernels import KIND, Kernel, close
from ways import SHAPES, assert_every_way, assert_interleaved, ways

from pyl2 import Backprop, Laplace, MLPClassifier, MLPRegressor, MLPRegressorCV, Network, l2_path
from pyl2._common import metrics
from pyl2._common.outputs import Objective, check_objective

OBJECTIVE = pytest.mark.parametrize("objective", reference.OBJECTIVES)


@lru_cache(maxsize=1)
def case(objective, shape):
    net = reference.Net(shape, ("tanh",) * (len(shape) - 2), *reference.OBJECTIVES[objective])
    return ways(net, indices=objective == "smooth softmax" and shape[-1] > 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@OBJECTIVE
@KIND
def test_every_way_through_the_kernels(dtype, isa, objective, shape):
    assert_every_way(case(objective, shape), dtype, isa)


@OBJECTIVE
@KIND
def test_interleaved(dtype, isa, objective):
    assert_interleaved(reference.make_net("tanh", objective, 1), dtype, isa)


@OBJECTIVE
@KIND
def test_sparse_rows(dtype, isa, objective):
    net = reference.make_net("tanh", objective, 1)
    params, x, y, s = reference.make_problem(net, 20)
    x[np.random.RandomState(0).rand(*x.shape) < 0.6] = 0
    kernel = Kernel(net, dtype, isa)
    out = np.empty((1, 2))
    args = [kernel.cast(v) for v in (params[None], y, s)]
    kernel.core.errors(args[0], csr_array(kernel.cast(x)), *args[1:], np.zeros((1, 2)), out)
    close(out[0], net.errors(params, x, y, s), dtype)


@KIND
def test_a_swarm_meets_labels_that_are_smoothed_once(dtype, isa):
    """The targets of a block stay in work while one network after another comes to them."""
    net = reference.Net((3, 4, 2), ("tanh",), *reference.OBJECTIVES["smooth softmax"])
    _, x, y, s = reference.make_problem(net, 90, indices=True)
    many = np.stack([reference.make_problem(net, 1, seed)[0] for seed in range(9)])
    kernel = Kernel(net, dtype, isa)
    out = np.empty((9, 2))
    kernel.core.errors(*[kernel.cast(v) for v in (many, x, y, s)], np.zeros((9, 2)), out)
    close(out[:, 0], [net.errors(params, x, y, s)[0] for params in many], dtype)


# ---- hostile numbers ----


@KIND
@pytest.mark.parametrize("loss", ["huber", "absolute_error", "quantile"])
def test_errors_beyond_all_bounds(dtype, isa, loss):
    """A NaN passes on, and what is too large for the type becomes infinite: divergence is seen."""
    net = reference.Net((1, 1), (), "identity", loss)
    kernel, big = Kernel(net, dtype, isa), float(np.finfo(dtype).max)
    one = np.ones((1, 1))
    for params in ([np.nan, 0], [big, big], [np.inf, 0]):
        assert not np.isfinite(kernel.errors(np.array(params), one, -one)[0])
    expected = {"huber": big, "absolute_error": big, "quantile": big / 2}[loss]
    found = kernel.errors(np.array([big, 0]), one, 0 * one)[0]
    assert found == pytest.approx(expected, rel=1e-6)


@KIND
def test_gamma_near_its_minimum_and_far_from_it(dtype, isa):
    """e^-d - 1 + d of d = z - log y for y = 1, to 24 ULP, and its slope; y of any size."""
    net = reference.Net((1, 1), (), "exp", "gamma")
    kernel, eps = Kernel(net, dtype, isa), float(np.finfo(dtype).eps)
    one = np.ones((1, 1))
    distances = np.concatenate([np.geomspace(1e-10, 60, 60), [0.34, 0.35, 0.999, 1.0]])
    for d in np.concatenate([distances, -distances]).astype(dtype).astype(float):
        with mpmath.workprec(200):
            exact = float(mpmath.expm1(-mpmath.mpf(d)) + d)
        found = kernel.errors(np.array([0.0, d]), one, one)[0]
        assert found == pytest.approx(exact, rel=40 * eps, abs=0), d
        slope = kernel.gradient(np.array([0.0, d]), one, one)[1]
        assert slope == pytest.approx(-np.expm1(-d), rel=8 * eps, abs=0), d
    for y in (1e-30, 1e30):
        found = kernel.errors(np.array([0.0, np.log(y)]), one, y * one)[0]
        assert 0 <= found < (np.log(y) * eps) ** 2


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        ({"loss": "hubert"}, ValueError, "loss must be one of squared_error, .*'hubert'"),
        ({"loss": ("huber", 0)}, ValueError, r"δ of huber must be .* \[1e-30, 1e\+30\], got 0"),
        ({"loss": ("huber", np.inf)}, ValueError, "δ of huber .* got inf"),
        ({"loss": ("huber", "1")}, ValueError, "loss must be one of"),
        ({"loss": ("huber", None)}, TypeError, "δ of huber must be a number, got None"),
        ({"loss": ("huber", True)}, TypeError, "δ of huber must be a number"),
        ({"loss": ("quantile", 1)}, ValueError, r"q of quantile must be .* \(0, 1\), got 1"),
        ({"loss": ("quantile", np.nan)}, ValueError, "q of quantile"),
        ({"loss": ("absolute_error", 1)}, ValueError, "absolute_error takes no number"),
        ({"loss": ("huber", 1, 2)}, ValueError, "loss must be one of"),
        ({"loss": "gamma"}, ValueError, "loss='gamma' goes with output='exp', not 'identity'"),
        ({"loss": "log_loss"}, ValueError, "output='logistic' or 'softmax', not 'identity'"),
        ({"label_smoothing": 0.1}, ValueError, "label_smoothing needs a logistic or softmax"),
        ({"label_smoothing": 1, "output": "softmax"}, ValueError, r"label_smoothing .* \[0, 1\)"),
        ({"label_smoothing": "a", "output": "softmax"}, TypeError, "label_smoothing"),
    ],
)
def test_bad_losses(given, kind, told):
    with pytest.raises(kind, match=told):
        Network((2, 3), **given)


def test_targets_must_suit_the_loss():
    network = Network((1, 1), output="exp", loss="gamma", seed=0)
    for y in ([0.0], [-1.0], [5e-324]):
        with pytest.raises(ValueError, match="Y must be positive for the loss gamma"):
            network.error([[1.0]], y)
    assert Network((1, 1), output="exp", seed=0).error([[1.0]], [0.0]) > 0


# ---- closed forms ----


def best_bias(y, weight=None, **kind):
    """What a network without anything to go by learns to predict."""
    network = Network((1, 1), seed=0, **kind)
    network.params = [0, np.log(2) if network.output == "exp" else 0.5]
    x = np.zeros((len(y), 1))
    trainer = Backprop(network, "adam", 0.01, batch_size=None, seed=0)
    trainer.train(x, y, epochs=1500, sample_weight=weight)
    trainer.eta = 1e-4
    trainer.train(x, y, epochs=1500, sample_weight=weight)
    return float(network.predict([[0.0]])[0, 0])


SAMPLE = np.random.RandomState(5).gamma(2.0, 1.0, 101)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("q", [0.1, 0.5, 0.83])
def test_quantiles_of_constants(q, weighted):
    weight = np.arange(101) % 3 + 0.5 if weighted else None
    order = np.argsort(SAMPLE)
    shares = np.cumsum(np.ones(101) if weight is None else weight[order])
    expected = SAMPLE[order][np.searchsorted(shares, q * shares[-1])]
    assert best_bias(SAMPLE, weight, loss=("quantile", q)) == pytest.approx(expected, abs=2e-3)
    if q == 0.5:
        found = best_bias(SAMPLE, weight, loss="absolute_error")
        assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("loss", [None, "gamma"])
def test_means_of_counts_and_of_positive_numbers(loss):
    assert best_bias(SAMPLE, output="exp", loss=loss) == pytest.approx(SAMPLE.mean(), rel=1e-6)


@pytest.mark.parametrize("delta", [0.05, 1.0, 100.0])
def test_huber_lies_between_median_and_mean(delta):
    y = SAMPLE.copy()
    y[:5] = 40  # outliers
    loss = reference.LOSSES["huber"][2]
    exact = minimize_scalar(lambda b: loss(b, y, delta).sum(), (0, 5), tol=1e-12).x
    assert best_bias(y, loss=("huber", delta)) == pytest.approx(exact, abs=2e-3)
    middle = {0.05: np.median(y), 100.0: y.mean()}.get(delta)
    assert middle is None or exact == pytest.approx(middle, abs=0.1)


def test_smoothed_labels_are_those_probabilities():
    """The loss of smoothed classes is that of the smoothed rows of probabilities."""
    x, classes = np.random.RandomState(0).randn(20, 3), np.arange(20) % 4
    rows = 0.8 * np.eye(4)[classes] + 0.2 / 4
    smooth = Network((3, 4), output="softmax", label_smoothing=0.2, seed=0)
    plain = Network((3, 4), output="softmax", seed=0)
    assert smooth.error(x, classes) == pytest.approx(plain.error(x, rows), rel=1e-14)
    assert smooth.error(x, np.eye(4)[classes]) == pytest.approx(plain.error(x, rows), rel=1e-14)
    np.testing.assert_allclose(smooth.gradient(x, classes), plain.gradient(x, rows), atol=1e-15)
    one = Network((3, 1), output="logistic", label_smoothing=0.2, seed=0)
    usual = Network((3, 1), output="logistic", seed=0)
    y = (classes > 1).astype(float)
    assert one.error(x, y) == pytest.approx(usual.error(x, 0.8 * y + 0.1), rel=1e-14)


# ---- scores ----


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "score"),
    [
        ("absolute_error", theirs.d2_absolute_error_score),
        (("quantile", 0.2), lambda *a, **k: theirs.d2_pinball_score(*a, **k, alpha=0.2)),
        ("gamma", lambda *a, **k: theirs.d2_tweedie_score(*a, **k, power=2)),
    ],
)
def test_d2_is_scikit_learns(loss, score, weighted):
    rng = np.random.RandomState(1)
    y, predicted = rng.gamma(2.0, size=(2, 251))
    weight = rng.uniform(0, 1, 251) * (np.arange(251) % 4 > 0) if weighted else None
    objective = check_objective("exp" if loss == "gamma" else "identity", loss)
    found = metrics.score(predicted[:, None], y[:, None], objective, weight)
    assert found == pytest.approx(score(y, predicted, sample_weight=weight), rel=1e-3)
    constant = np.full((251, 1), best_constant(y, objective, weight))
    assert metrics.score(constant, y[:, None], objective, weight) == pytest.approx(0, abs=1e-9)
    assert metrics.score(y[:, None], y[:, None], objective, weight) == 1


def best_constant(y, objective, weight):
    """By trying: the mean, or one of the targets."""
    if objective.loss_name == "gamma":
        return np.average(y, weights=weight)
    q = objective.number or 0.5
    losses = [np.average(np.where(y > c, q, q - 1) * (y - c), weights=weight) for c in y]
    return y[np.argmin(losses)]


@pytest.mark.parametrize("delta", [0.3, 2.0])
def test_d2_of_huber(delta):
    rng = np.random.RandomState(2)
    y, predicted = rng.standard_cauchy((2, 99))
    loss = reference.LOSSES["huber"][2]
    least = minimize_scalar(lambda c: loss(c, y, delta).sum(), (-1, 1), tol=1e-12).fun
    found = metrics.score(
        predicted[:, None], y[:, None], check_objective("identity", ("huber", delta))
    )
    assert found == pytest.approx(1 - loss(predicted, y, delta).sum() / least, rel=1e-9)


def test_d2_at_the_edges():
    objective = check_objective("identity", "absolute_error")
    one = np.ones((4, 1))
    assert metrics.score(one, one, objective) == 1
    assert metrics.score(2 * one, one, objective) == 0
    assert np.isnan(metrics.score(one[:1], one[:1], objective))
    assert np.isnan(metrics.score(np.inf * one, one, objective))


# ---- where they go ----


def test_the_loss_goes_with_the_network(tmp_path):
    for kind in (
        {"loss": ("huber", 0.25)},
        {"loss": "absolute_error"},
        {"output": "exp", "loss": "gamma"},
        {"output": "logistic", "label_smoothing": 0.1},
        {"loss": "squared_error"},
        {},
    ):
        network = Network((2, 3, 1), seed=0, **kind)
        trainer = Backprop(network, seed=0)
        trainer.save(tmp_path / "training.pyl2")
        for again in (
            Backprop.load(tmp_path / "training.pyl2").network,
            l2_path(network, [[0, 1.0], [1, 0]], [0.5, 1], [1.0], epochs=1).network(0),
        ):
            assert Objective.of(again) == Objective.of(network)
        assert network.loss == kind.get("loss", LOSS_OF.get(network.output))


LOSS_OF = {"identity": "squared_error", "logistic": "log_loss", "exp": "poisson"}


def test_quantile_bands_of_an_estimator():
    """Nine in ten of fresh targets lie below the 0.9 quantile; the score is D²."""
    rng = np.random.RandomState(0)
    X = rng.uniform(-2, 2, (2000, 1))
    y = np.sin(2 * X[:, 0]) + rng.gamma(2, 0.3 + 0.2 * X[:, 0] ** 2)
    model = MLPRegressor(
        ("quantile", 0.9), 30, "tanh", learning_rate_init=0.01, max_iter=60, random_state=0
    )
    with pytest.warns(UserWarning, match="converged"):
        model.fit(X[:1000], y[:1000])
    below = y[1000:] < model.predict(X[1000:])
    assert 0.86 < below.mean() < 0.94
    score = model.score(X[1000:], y[1000:])
    other = theirs.d2_pinball_score(y[1000:], model.predict(X[1000:]), alpha=0.9)
    assert score == pytest.approx(other, abs=1e-3)
    assert 0 < score < 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_stop_and_choose_by_the_score_of_the_loss():
    rng = np.random.RandomState(0)
    X = rng.uniform(-2, 2, (200, 1))
    y = 5 + X[:, 0] + rng.standard_t(1.5, 200)
    early = MLPRegressor("absolute_error", 8, early_stopping=True, max_iter=3, random_state=0).fit(
        X, y, X_val=X, y_val=y
    )
    last = early.validation_scores_[-1]
    assert last <= early.best_validation_score_ == pytest.approx(max(early.validation_scores_))
    assert early.best_validation_score_ == pytest.approx(early.score(X, y), abs=1e-12)
    chosen = MLPRegressorCV(
        ("huber", 0.5), 4, alphas=[0.1, 1e3, 1e4], cv=2, solver="lbfgs", random_state=0, max_iter=50
    )
    with pytest.warns(UserWarning, match="edge of the grid"):
        chosen.fit(X, y)
    assert chosen.alpha_ == 0.1
    assert chosen.l2_path_.measure == "D²"
    with pytest.raises(ValueError, match=r"no loss=\('huber', 0\.5\)"):
        chosen.to_sklearn()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_label_smoothing_of_an_estimator():
    """The loss is least at 1 - ε + ε/k, where it stays."""
    X, y = np.repeat(np.eye(3), 5, axis=0), np.repeat(["a", "b", "c"], 5)
    model = MLPClassifier(
        8, solver="lbfgs", alpha=0, label_smoothing=0.3, random_state=0, max_iter=500
    ).fit(X, y)
    np.testing.assert_allclose(np.sort(model.predict_proba(X))[:, -1], 0.8, atol=1e-2)
    with pytest.raises(ValueError, match=r"label_smoothing=0\.3"):
        model.to_sklearn()


@pytest.mark.parametrize("loss", ["huber", ("quantile", 0.3), "absolute_error", "gamma"])
def test_second_order_is_refused_by_name(loss):
    output = "exp" if loss == "gamma" else "identity"
    network = Network((1, 2, 1), output=output, loss=loss, seed=0)
    X, y = [[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0]
    told = "gauss_newton needs a loss whose curvature is the slope of its link.*got loss="
    with pytest.raises(ValueError, match=told):
        network.gauss_newton(X, y)
    with pytest.raises(ValueError, match=told):
        Laplace(network, X, y, 0.1)
    with pytest.raises(ValueError, match="'lm' minimises a squared error, but the network's "):
        Backprop(network, "lm")
    assert network.jacobian(X).shape == (3, 1, 7)
    assert network.input_gradient(X).shape == (3, 1, 1)
