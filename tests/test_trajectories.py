"""Given the same parameters, our estimators go scikit-learn's way, epoch by epoch."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn import datasets, neural_network
from sklearn.preprocessing import scale

import pyl2

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # scikit-learn 1.7 calls a newer SciPy in an old way.
    pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning"),
]

EPOCHS = 20
RTOL = {np.float64: 1e-9, np.float32: 1e-4}


def text():
    """A bag of words: few of many, and a class that hangs on some."""
    rng = np.random.RandomState(0)
    X = scipy.sparse.random(200, 300, 0.03, format="csr", random_state=rng)
    return X, (np.asarray(X[:, :20].sum(axis=1)).ravel() > 0.3).astype(int)


def digits():
    X, y = datasets.load_digits(return_X_y=True)
    return X[:400] / 16, y[:400]


def scaled(load):
    X, y = load(return_X_y=True)
    return scale(X), y if load is datasets.load_breast_cancer else scale(y)


def many_outputs():
    X, Y = datasets.make_regression(200, 8, n_targets=3, random_state=0)
    return X, scale(Y)


def counts():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(200, 5))
    return X, rng.poisson(np.exp(X[:, 0]))


# Name: kind, data, parameters.
PROBLEMS = {
    "iris": ("MLPClassifier", datasets.load_iris(return_X_y=True), {}),
    "digits": ("MLPClassifier", digits(), {"hidden_layer_sizes": (30, 20)}),
    "breast_cancer": ("MLPClassifier", scaled(datasets.load_breast_cancer), {}),
    "diabetes": ("MLPRegressor", scaled(datasets.load_diabetes), {}),
    "text": ("MLPClassifier", text(), {}),
    "multi-label": (
        "MLPClassifier",
        datasets.make_multilabel_classification(150, random_state=0),
        {},
    ),
    "multi-output": ("MLPRegressor", many_outputs(), {}),
    "poisson": ("MLPRegressor", counts(), {"loss": "poisson"}),
}
PARAMETERS = [
    {"solver": "adam"},
    {"solver": "sgd"},
    {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    {"solver": "sgd", "nesterovs_momentum": False, "batch_size": 17},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2, "learning_rate_init": 0.1},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1},
    {"solver": "adam", "learning_rate": "invscaling", "shuffle": False},
    {"solver": "adam", "early_stopping": True, "learning_rate_init": 0.01, "alpha": 1.0},
    {"solver": "sgd", "early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 2},
    {"solver": "adam", "activation": "logistic", "batch_size": 32},
    {"solver": "adam", "activation": "tanh", "tol": 0.5, "n_iter_no_change": 3},
]


def both(problem, dtype=np.float64, weighted=False, **parameters):
    """scikit-learn's estimator and ours, fitted alike."""
    kind, (X, y), own = PROBLEMS[problem]
    X = X.astype(dtype)
    weight = np.random.RandomState(1).uniform(0.1, 2, X.shape[0]) if weighted else None
    parameters = {"max_iter": EPOCHS, "random_state": 3, **own, **parameters}
    for package in (neural_network, pyl2):
        estimator = getattr(package, kind)(**parameters)
        yield estimator.fit(X, y, sample_weight=weight), X


def same_parameters(ours, theirs, rtol):
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol * np.abs(other).max())


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda p: "-".join(map(str, p.values())))
@pytest.mark.parametrize("problem", PROBLEMS)
def test_stochastic(problem, parameters, weighted):
    (theirs, X), (ours, _) = both(problem, weighted=weighted, **parameters)
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    same_parameters(ours, theirs, 1e-9)
    np.testing.assert_allclose(_outputs(ours, X), _outputs(theirs, X), rtol=1e-8, atol=1e-12)
    for name in ("loss_", "best_loss_", "best_validation_score_", "validation_scores_"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert (mine is None) == (other is None), name
        if mine is not None:
            np.testing.assert_allclose(mine, other, rtol=1e-9)


def _outputs(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_stochastic_float32(problem, solver):
    (theirs, _), (ours, _) = both(problem, np.float32, solver=solver)
    assert {array.dtype for array in ours.coefs_ + ours.intercepts_} == {np.dtype(np.float32)}
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-4)


# Of several squared errors scikit-learn gives L-BFGS a loss and a gradient that do not match.
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("problem", [name for name in PROBLEMS if name != "multi-output"])
def test_lbfgs(problem, weighted):
    (theirs, _), (ours, _) = both(problem, weighted=weighted, solver="lbfgs")
    assert ours.n_iter_ == theirs.n_iter_
    # A loss that is nearly 0 is clipped there, and all there is of it is rounding.
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9, atol=1e-14)
    same_parameters(ours, theirs, 1e-9)


@pytest.mark.parametrize("problem", [name for name in PROBLEMS if name != "multi-output"])
def test_lbfgs_float32(problem):
    """To 1e-3, or thrice as far as rounding takes scikit-learn itself: L-BFGS multiplies it."""
    parameters = {"solver": "lbfgs", "activation": "tanh"}
    (theirs, _), (ours, _) = both(problem, np.float32, **parameters)
    exact, _ = next(both(problem, **parameters))
    own = [np.abs(a - b).max() for a, b in zip(theirs.coefs_, exact.coefs_, strict=True)]
    for mine, other, rounding in zip(ours.coefs_, theirs.coefs_, own, strict=True):
        assert mine.dtype == np.float32
        assert np.abs(mine - other).max() < max(1e-3 * np.abs(other).max(), 3 * rounding)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=max(1e-3, 3 * _apart(theirs, exact)))


def _apart(a, b):
    return abs(a.loss_ / b.loss_ - 1)


def steps(kind, X, y, calls, **parameters):
    """Each package's estimator after each of a number of calls."""
    for package in (neural_network, pyl2):
        estimator = getattr(package, kind)(random_state=5, **parameters)
        course = []
        for call in calls:
            call(estimator, X, y)
            course.append((estimator.loss_, estimator.n_iter_, estimator.t_))
        yield estimator, np.array(course)


def partial_fit(estimator, X, y):
    more = {"classes": np.unique(y)} if hasattr(estimator, "predict_proba") else {}
    estimator.partial_fit(X[:90], y[:90], **more)


def fit(estimator, X, y):
    estimator.fit(X, y)


@pytest.mark.parametrize(
    "calls",
    [[partial_fit] * 5, [fit] * 3, [fit, partial_fit, fit, partial_fit, partial_fit]],
    ids=["partial_fit", "warm_start", "both"],
)
@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam"},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
    ],
    ids=["adam", "invscaling", "adaptive"],
)
@pytest.mark.parametrize("problem", ["iris", "diabetes"])
def test_what_goes_on(problem, parameters, calls):
    kind, (X, y), _ = PROBLEMS[problem]
    parameters = {"max_iter": 6, "warm_start": True, **parameters}
    if partial_fit in calls and problem == "iris":
        X, y = X[np.argsort(np.arange(150) % 50, kind="stable")], np.tile([0, 1, 2], 50)
    (theirs, expected), (ours, found) = steps(kind, X, y, calls, **parameters)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    same_parameters(ours, theirs, 1e-9)


def test_warm_start_after_early_stopping():
    """scikit-learn goes on from the best weights, and so do we."""
    kind, (X, y), _ = PROBLEMS["breast_cancer"]
    parameters = {"early_stopping": True, "max_iter": 15, "warm_start": True}
    (theirs, expected), (ours, found) = steps(kind, X, y, [fit] * 3, **parameters)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-9)
    same_parameters(ours, theirs, 1e-9)


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1},
        {"solver": "adam", "tol": 0.5, "n_iter_no_change": 1},
        {"solver": "adam", "early_stopping": True, "tol": 0.5, "n_iter_no_change": 1},
    ],
)
def test_verbose_prints_the_same_lines(parameters, capsys):
    printed = []
    for package in (neural_network, pyl2):
        X, y = datasets.load_iris(return_X_y=True)
        package.MLPClassifier(max_iter=40, random_state=0, verbose=True, **parameters).fit(X, y)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "did not improve" in printed[0]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_warns_of_the_same(solver):
    told = []
    for package in (neural_network, pyl2):
        X, y = datasets.load_iris(return_X_y=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", DeprecationWarning)
            estimator = package.MLPClassifier(solver=solver, max_iter=3, batch_size=1000)
            estimator.fit(X, y)
        told.append([(w.category, str(w.message)[:25]) for w in caught])
    assert told[0] == told[1]
