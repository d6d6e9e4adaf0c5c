"""Levenberg–Marquardt: where it ends and when, against L-BFGS and SciPy; what it refuses."""

import math
import signal
import time
import warnings

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning

from pyl2 import Backprop, MLPClassifier, MLPRegressor, Network, compare, l2_path
from pyl2.network import copy_network
from pyl2.training.levenberg import iteration_cost


def sine(rows=41):
    x = np.linspace(-1, 1, rows)[:, None]
    return x, np.sin(4 * x) + 0.1 * np.random.RandomState(0).randn(rows, 1)


def friedman(rows=120, outputs=1):
    rng = np.random.RandomState(0)
    x = rng.randn(rows, 4)
    y = np.sin(x[:, :1] * x[:, 1:2]) + x[:, 2:3] ** 2 * np.arange(1, outputs + 1)
    return x, y + 0.2 * rng.randn(rows, outputs)


def lm(network, x, y, epochs=2000, sample_weight=None, **kwargs):
    return Backprop(network, "lm", **kwargs).train(x, y, epochs, sample_weight=sample_weight)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), (8,), (6, 4)])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_e_never_rises_and_is_that_of_the_network(activation, hidden, outputs, weighted):
    x, y = friedman(outputs=outputs)
    s = np.random.RandomState(1).uniform(0, 2, len(x)) if weighted else None
    network = Network((4, *hidden, outputs), hidden=activation, seed=0)
    l2 = np.linspace(0.3, 0.1, len(hidden) + 1)
    before = network.error(x, y, l2, "train", s)
    history = lm(network, x, y, 60, s, l2=l2, n="train")
    assert history.error[0] < before
    assert (np.diff(history.error) < 0).all()
    assert history.error[-1] == pytest.approx(network.error(x, y, l2, "train", s), rel=1e-12)
    assert history.data_error[-1] == pytest.approx(network.error(x, y, sample_weight=s), rel=1e-12)


@pytest.mark.parametrize("l2", [0.01, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_it_ends_at_a_minimum(l2, seed):
    """From where it ends L-BFGS, run to its end, goes no further down than 1e-6 of E."""
    x, y = sine()
    network = Network((1, 5, 1), seed=seed)
    history = lm(network, x, y, l2=l2, n="train")
    assert history.stopped in ("gradient", "tol", "mu")
    assert np.abs(network.gradient(x, y, l2)).max() < 1e-5
    other = copy_network(network, network.params)
    Backprop(other, "lbfgs", l2=l2).train(x, y, epochs=5000)
    assert network.error(x, y, l2) <= other.error(x, y, l2) * (1 + 1e-6)


def test_the_minimum_of_a_convex_error_is_that_of_lbfgs():
    x, y = friedman()
    networks = [Network((4, 1), seed=0) for _ in range(2)]
    history = lm(networks[0], x, y, l2=0.7)
    Backprop(networks[1], "lbfgs", l2=0.7).train(x, y, epochs=5000)
    np.testing.assert_allclose(networks[0].params, networks[1].params, atol=1e-8)
    assert len(history) < 15


def test_against_scipy():
    """MINPACK, with the penalty as further residuals, ends at the same E from the same start."""
    x, y = sine()
    network = Network((1, 4, 1), seed=3)
    l2, weights = 0.02, network.params.size - 5
    twin = copy_network(network, network.params)

    def residuals(params):
        twin.params = params
        return np.append((twin.predict(x) - y).ravel(), math.sqrt(l2) * params[:weights])

    theirs = least_squares(residuals, network.params, method="lm", xtol=1e-14, ftol=1e-14)
    lm(network, x, y, l2=l2)
    assert network.error(x, y, l2) * len(x) <= theirs.cost * (1 + 1e-6)


def test_the_steps_are_those_of_the_formula():
    """The first in plain NumPy: μ is 1e-3 of the largest diagonal."""
    x, y = friedman(40)
    network = Network((4, 3, 1), seed=0)
    start, rates = network.params.copy(), 0.5 / 40 * (np.arange(network.params.size) < 15)
    _, gradient, matrix = network.gauss_newton(x, y)
    gradient = gradient + rates * start
    mu = 1e-3 * np.diag(matrix).max()
    step = np.linalg.solve(matrix + np.diag(rates + mu), -gradient)
    history = lm(network, x, y, 1, l2=0.5)
    np.testing.assert_allclose(network.params - start, step, rtol=1e-7, atol=1e-10)
    assert history.stopped == "epochs"
    assert history.evaluations == 2 * (iteration_cost(1) - 1) + 1


def test_what_lambda_is_divided_by():
    x, y = friedman(50)
    ends = []
    for l2, n in ((0.5, "train"), (0.5, "batch"), (0.5 * 7 / 50, 7.0)):
        network = Network((4, 3, 1), seed=0)
        lm(network, x, y, 30, l2=l2, n=n)
        ends.append(network.params)
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_allclose(ends[0], ends[2], atol=1e-7)


def test_a_further_training_goes_on_from_the_parameters():
    x, y = friedman()
    trainer = Backprop(Network((4, 6, 1), seed=0), "lm", l2=0.1)
    first = trainer.train(x, y, 5)
    second = trainer.train(x, y)
    assert second.error[0] < first.error[-1]
    assert second.stopped in ("gradient", "tol", "mu")
    assert trainer.train(x, y).error[-1] <= second.error[-1]


def test_200_iterations_are_the_default():
    x, y = sine()
    history = Backprop(Network((1, 30, 1), seed=0), "lm", tol=0.0).train(x, y)
    assert len(history) == 200
    assert history.stopped == "epochs"
    assert len(Backprop(Network((1, 3, 1), seed=0)).train(x, y)) == 100


def test_tol_ends_it():
    x, y = friedman()
    loose, tight = (lm(Network((4, 6, 1), seed=0), x, y, l2=0.1, tol=tol) for tol in (1e-2, 1e-12))
    assert loose.stopped == "tol"
    assert len(loose) < len(tight)
    falls = -np.diff(loose.error) / loose.error[:-1]
    assert (falls[-2:] < 1e-2).all()


def test_at_a_minimum_already():
    x = np.arange(5.0)[:, None]
    network = Network((1, 1), seed=0)
    network.params = [2.0, 1.0]
    history = lm(network, x, 2 * x + 1)
    assert (len(history), history.stopped) == (1, "gradient")
    np.testing.assert_array_equal(network.params, [2.0, 1.0])


@pytest.mark.filterwarnings("ignore:X is not scaled:UserWarning")
def test_where_no_step_lowers_e():
    """float64 shows no lower E, and the gradient is not small: μ grows until it is given up."""
    x, y = sine()
    network = Network((1, 6, 1), seed=0)
    lm(network, 1e4 * x, 1e4 * y, l2=1e-3, tol=0.0)
    history = lm(network, 1e4 * x, 1e4 * y, l2=1e-3, tol=0.0)
    assert history.stopped in ("mu", "gradient")


def test_a_dead_unit():
    """Its diagonal is 0: μ times the diagonal would be no damping."""
    x, y = sine()
    network = Network((1, 3, 1), hidden="relu", seed=0)
    network.weights[0][0, 0], network.biases[0][0] = 0.5, -100.0
    history = lm(network, x, y)
    assert history.error[-1] < history.error[0]
    assert np.isfinite(network.params).all()


def test_more_parameters_than_rows():
    x, y = sine(7)
    network = Network((1, 30, 1), seed=0)
    history = lm(network, x, y)
    assert history.error[-1] < 1e-8


def test_float32_is_trained_in_float64_and_rounded():
    x, y = friedman()
    narrow = Network((4, 6, 1), seed=0, dtype=np.float32)
    wide = Network((4, 6, 1), seed=0)
    wide.params = narrow.params
    history, expected = (lm(network, x, y, l2=0.1) for network in (narrow, wide))
    assert (np.diff(history.error) < 0).all()
    x32, y32 = x.astype(np.float32).astype(float), y.astype(np.float32).astype(float)
    wide.params = narrow.params
    assert history.error[-1] == pytest.approx(wide.error(x32, y32, 0.1), rel=1e-13)
    assert history.error[-1] == pytest.approx(expected.error[-1], rel=1e-3)


def test_the_same_bits_for_any_number_of_threads():
    x, y = friedman(400)
    ends = []
    for n_threads in (1, 2, 5):
        network = Network((4, 40, 1), seed=0)
        lm(network, x, y, 10, l2=0.1, n_threads=n_threads)
        ends.append(network.params)
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


def test_callbacks_time_and_validation():
    x, y = friedman()
    seen = []

    def third(trainer, history):
        seen.append(history.error[-1])
        return len(history) == 3

    trainer = Backprop(Network((4, 6, 1), seed=0), "lm")
    history = trainer.train(x[:90], y[:90], callbacks=third, validation=(x[90:], y[90:]))
    assert history.stopped == "callback"
    assert len(seen) == len(history.validation_error) == 3
    assert (
        Backprop(Network((4, 6, 1), seed=0), "lm").train(x, y, max_time=1e-9).stopped == "max_time"
    )


@pytest.mark.filterwarnings("ignore:X is not scaled:UserWarning")
def test_an_error_that_is_not_finite():
    network = Network((1, 1), seed=0)
    network.params = [1e300, 0.0]
    with pytest.raises(ValueError, match="lm diverged"):
        lm(network, [[1e10], [2.0]], [[1.0], [2.0]])
    np.testing.assert_array_equal(network.params, [1e300, 0.0])


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_leaves_the_last_accepted_parameters():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 20))
    network = Network((20, 40, 1), seed=0)
    trainer = Backprop(network, "lm", l2=1e-6)
    y = np.sin(x[:, :1] * x[:, 1:2])
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    with pytest.raises(KeyboardInterrupt):
        _interrupted(lambda: trainer.train(x, y, 10_000))
    history = trainer.history
    if len(history):
        found = network.error(x, y, 1e-6)
        assert found == pytest.approx(history.error[-1], rel=1e-9)


def _interrupted(work):
    handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        work()
        time.sleep(5)
    finally:
        signal.signal(signal.SIGALRM, handler)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"decay": "decoupled"}, "decay='decoupled' does not go with optimizer='lm'"),
        ({"early_stopping": True}, "early_stopping=True has no effect"),
        ({"schedule": "adaptive"}, "schedule='adaptive' has no effect"),
        ({"momentum": 0.5}, "momentum=0.5 has no effect"),
        ({"shuffle": False, "epsilon": 1e-3}, "shuffle=False, epsilon=0.001 has no effect"),
    ],
)
def test_parameters_of_stochastic_descent_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Backprop(Network((1, 2, 1), seed=0), "lm", **given)


@pytest.mark.parametrize("output", ["logistic", "softmax", "exp"])
def test_other_errors_are_refused_and_lbfgs_named(output):
    network = Network((2, 3, 2), output=output, seed=0)
    with pytest.raises(ValueError, match=rf"output is {output!r}.*lbfgs"):
        Backprop(network, "lm")
    with pytest.raises(ValueError, match=rf"output is {output!r}.*lbfgs"):
        compare(np.ones((8, 2)), np.full((8, 2), 0.5), network, methods=["sgd", "lm"], test=0.5)


def test_sparse_rows_are_refused():
    with pytest.raises(ValueError, match=r"dense X.*lbfgs"):
        lm(Network((2, 3, 1), seed=0), csr_array(np.eye(2)), [1.0, 2.0])


def test_too_many_parameters():
    with pytest.raises(ValueError, match=r"at most 5000 parameters.*6001.*576 MB.*lbfgs"):
        Backprop(Network((10, 500, 1), seed=0), "lm")


# --- estimators, compare, the path ----------------------------------------------------------------


def test_the_estimator_is_backprop():
    x, y = friedman()
    model = MLPRegressor(
        hidden_layer_sizes=6, activation="tanh", solver="lm", alpha=0.1, tol=1e-6, random_state=0
    )
    model.fit(x, y.ravel())
    network = Network((4, 6, 1), seed=np.random.RandomState(0))
    history = lm(network, x, y, l2=0.1)
    end = network.error(x, y, 0.1)
    assert model.loss_ == pytest.approx(end, rel=1e-6)
    assert model.loss_curve_[-1] == model.loss_
    np.testing.assert_array_equal(model.loss_curve_, history.error[: model.n_iter_])
    assert model.n_iter_ == len(model.loss_curve_) <= len(history)
    assert model.score(x, y.ravel()) > 0.8


def test_the_estimator_warns_where_iterations_are_too_few():
    x, y = friedman()
    model = MLPRegressor(hidden_layer_sizes=6, solver="lm", max_iter=2, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"Levenberg-Marquardt: Maximum iterations \(2\)"):
        model.fit(x, y.ravel())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.set_params(max_iter=500, activation="tanh", tol=1e-5).fit(x, y.ravel())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"early_stopping": True}, "solver='lm'.*early_stopping=True"),
        ({"learning_rate": "adaptive"}, "learning_rate='adaptive'"),
        ({"nesterovs_momentum": False}, "nesterovs_momentum=False"),
        ({"decay": "fraction"}, "decay='fraction'"),
        ({"loss": "poisson"}, "solver='lm' minimises a squared error.*lbfgs"),
    ],
)
def test_what_the_estimator_refuses(given, message):
    x, y = friedman()
    with pytest.raises(ValueError, match=message):
        MLPRegressor(solver="lm", **given).fit(x, np.abs(y.ravel()))


def test_a_classifier_names_lbfgs():
    x, y = friedman()
    with pytest.raises(ValueError, match=r"solver='lm' minimises a squared error.*lbfgs"):
        MLPClassifier(solver="lm").fit(x, y.ravel() > 0)


def test_the_estimator_has_no_partial_fit():
    with pytest.raises(AttributeError, match="partial_fit"):
        MLPRegressor(solver="lm").partial_fit([[1.0]], [1.0])
    x, y = friedman()
    model = MLPRegressor(solver="lm", hidden_layer_sizes=3, tol=1e-3, random_state=0).fit(
        x, y.ravel()
    )
    with pytest.raises(ValueError, match="solver='lm'"):
        model.to_sklearn()


def test_compare():
    x, y = friedman()
    network = Network((4, 5, 1))
    found = compare(
        x,
        y,
        network,
        0.1,
        methods=["lbfgs", "lm", "adam+lm"],
        evaluations=2000,
        seeds=2,
        n_threads=1,
    )
    for run in found.runs:
        assert run.evaluations <= 2000
        assert run.error == pytest.approx(run.curve.error[-1])
    ends = {row["method"]: row["error"] for row in found.summary()}
    assert ends["lm"] <= ends["lbfgs"] * 1.5
    with pytest.raises(ValueError, match="evaluations"):
        compare(x, y, network, 0.1, methods=["lm"], evaluations=10)


def test_a_path():
    x, y = sine()
    path = l2_path(Network((1, 6, 1), seed=0), x, y, [0.01, 0.1, 1.0], optimizer="lm")
    assert (np.diff(path.data_error) > 0).all()
    assert set(path.stopped) <= {"gradient", "tol", "mu"}
    model = MLPRegressor(
        hidden_layer_sizes=6, activation="tanh", solver="lm", tol=1e-6, max_iter=500, random_state=0
    )
    path = l2_path(model, x, y.ravel(), [0.01, 0.1])
    np.testing.assert_array_equal(
        path.params[0], model.set_params(alpha=0.01).fit(x, y.ravel())._network.params
    )
