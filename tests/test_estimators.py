"""MLPClassifier and MLPRegressor: what they have beyond scikit-learn's, and how they behave."""

import copy
import gc
import pickle
import signal
import threading
import time
import tracemalloc
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError, UndefinedMetricWarning
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError

from pyl2 import Backprop, MLPClassifier, MLPRegressor, Network, ParticleSwarm
from pyl2.estimators import base
from pyl2.network import initialise

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # scikit-learn 1.7 calls a newer SciPy in an old way.
    pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning"),
]

BOTH = [MLPClassifier, MLPRegressor]
SOLVERS = ["sgd", "adam", "adamw", "lbfgs", "pso"]


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


def parameters_of(estimator):
    return np.concatenate([a.ravel() for a in (*estimator.coefs_, *estimator.intercepts_)])


def backprop_of(estimator, X, optimizer, **parameters):
    """A Backprop that goes the way of an estimator with 10 hidden units that does not shuffle."""
    start = clone(estimator).set_params(max_iter=1, learning_rate_init=1e-300, alpha=0)
    start.fit(X, np.arange(len(X)) % 3)
    network = Network((X.shape[1], 10, 3), "relu", "softmax")
    network.params = parameters_of(start)
    return Backprop(network, optimizer, shuffle=False, **{"batch_size": 20} | parameters)


@pytest.mark.parametrize(
    ("solver", "optimizer", "parameters"),
    [
        ("adamw", "adamw", {}),
        ("adamw", "adamw", {"decay": "fraction", "n": 3.0}),
        ("adam", "adam", {"decay": "decoupled"}),
        ("rmsprop", "rmsprop", {}),
        ("nadam", "nadam", {"decay": "decoupled"}),
        ("sgd", "nesterov", {"n": "train"}),
        ("sgd", "nesterov", {"decay": "fraction"}),
    ],
)
def test_decay_and_n_are_those_of_backprop(solver, optimizer, parameters, iris):
    X, y = iris
    model = MLPClassifier(
        10, solver=solver, alpha=0.02, shuffle=False, random_state=0, max_iter=7
    ).set_params(**{"batch_size": 20} | parameters)
    run = backprop_of(model, X, optimizer, eta=0.001, l2=0.02, **parameters)
    history = run.train(X, y, epochs=7)
    model.fit(X, y)
    np.testing.assert_allclose(parameters_of(model), run.network.params, rtol=1e-9)
    np.testing.assert_allclose(model.loss_curve_, history.error, rtol=1e-12)


def test_rprop_takes_all_rows_in_a_batch(iris):
    X, y = iris
    model = MLPClassifier(solver="rprop", max_iter=5, random_state=0).fit(X, y)
    whole = MLPClassifier(solver="rprop", max_iter=5, random_state=0, batch_size=150).fit(X, y)
    np.testing.assert_array_equal(parameters_of(model), parameters_of(whole))
    with pytest.raises(ValueError, match="batch_size must take all 150 rows"):
        model.set_params(batch_size=20).fit(X, y)


def test_adamw_takes_a_schedule(iris):
    def course(**parameters):
        model = MLPClassifier(solver="adamw", max_iter=5, random_state=0, **parameters)
        return model.fit(*iris).loss_curve_

    assert course() != course(learning_rate="invscaling")


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("Estimator", BOTH)
def test_validation_loss_curve(Estimator, solver, cancer):
    X, y = cancer
    weight = np.linspace(0, 1, 100)
    model = (
        Estimator(10, max_iter=8, solver=solver, random_state=0, alpha=5.0)
        if (Estimator is MLPClassifier)
        else Estimator("squared_error", 10, max_iter=8, solver=solver, random_state=0, alpha=5.0)
    )
    model.fit(X[100:], y[100:], X_val=X[:100], y_val=y[:100], sample_weight_val=weight)
    assert len(model.validation_loss_curve_) == model.n_iter_
    targets = y[:100].astype(float)
    last = model._network.error(X[:100], targets, sample_weight=weight)
    assert model.validation_loss_curve_[-1] == pytest.approx(last, rel=1e-12)
    if Estimator is MLPClassifier:
        loss = log_loss(y[:100], model.predict_proba(X[:100]), sample_weight=weight)
        assert last == pytest.approx(loss, rel=1e-9)


def test_validation_loss_is_averaged_over_outputs_as_the_loss_is():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    model = MLPRegressor(alpha=0, max_iter=3).fit(X, Y, X_val=X, y_val=Y)
    halved = 0.5 * np.mean((model.predict(X) - Y) ** 2)
    assert model.validation_loss_curve_[-1] == pytest.approx(halved, rel=1e-12)


def best_epoch(model, X, y, X_val, y_val):
    """The parameters after the epoch of the best score, by training again until there."""
    again = clone(model).set_params(early_stopping=False, tol=0, n_iter_no_change=np.inf)
    again.set_params(max_iter=int(np.argmax(model.validation_scores_)) + 1)
    return again.fit(X, y, X_val=X_val, y_val=y_val)


@pytest.mark.parametrize(
    "scoring",
    [
        None,
        "loss",
        "roc_auc",
        "neg_log_loss",
        lambda model, X, y: roc_auc_score(y, model.predict_proba(X)[:, 1]),
    ],
    ids=["default", "loss", "roc_auc", "neg_log_loss", "callable"],
)
def test_early_stopping_on_a_score(scoring, cancer):
    X, y = cancer
    held_out = {"X_val": X[:150], "y_val": y[:150]}
    model = MLPClassifier(
        20, learning_rate_init=0.02, early_stopping=True, scoring=scoring, random_state=0, tol=0.001
    ).fit(X[150:], y[150:], **held_out)
    scores = model.validation_scores_
    assert model.n_iter_ == len(scores) < 200
    assert model.best_validation_score_ == max(scores)
    assert model.best_loss_ is None
    expected = best_epoch(model, X[150:], y[150:], X[:150], y[:150])
    np.testing.assert_array_equal(parameters_of(model), parameters_of(expected))
    if scoring == "loss":
        np.testing.assert_array_equal(scores, np.negative(model.validation_loss_curve_))
    elif scoring == "roc_auc":
        assert max(scores) == roc_auc_score(y[:150], model.predict_proba(X[:150])[:, 1])
    elif scoring is None:
        assert max(scores) == model.score(X[:150], y[:150])


def test_scorer_sees_the_weights_of_what_was_set_aside(cancer):
    seen = []

    def scorer(model, X, y, sample_weight=None):
        seen.append((len(y), sample_weight))
        return model.score(X, y, sample_weight=sample_weight)

    X, y = cancer
    model = MLPClassifier(5, early_stopping=True, scoring=scorer, max_iter=2, random_state=0)
    model.fit(X, y, sample_weight=np.full(len(y), 2.0))
    assert [rows for rows, _ in seen] == [57, 57]
    np.testing.assert_array_equal(seen[0][1], np.full(57, 2.0))


@pytest.mark.parametrize(
    "classes", [[1.0, np.nan], [1.0, np.inf], np.array([1.0, np.nan], object), ["a", None], 3]
)
def test_classes_of_partial_fit_are_labels(classes):
    with pytest.raises(ValueError, match="classes must be labels of one kind"):
        MLPClassifier().partial_fit([[0.0], [1.0]], [1.0, 1.0], classes=classes)


def test_rows_that_need_no_check_are_not_validated(iris, monkeypatch):
    """What scikit-learn would hand back goes by it; all else meets its errors."""
    X, y = iris
    model = MLPClassifier(max_iter=2).fit(X, y)
    expected = model.predict_proba(X.tolist())
    asked = []
    validate = base.validate_data
    monkeypatch.setattr(base, "validate_data", lambda *a, **k: asked.append(a) or validate(*a, **k))
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_array_equal(model.predict_proba(X[:1]).argmax(), expected[0].argmax())
    assert not asked
    odd = X.copy()
    odd[3, 1] = np.nan
    for bad, message in ((odd, "NaN"), (X[:, :3], "features"), (X[:0], "minimum"), (X[0], "2D")):
        with pytest.raises(ValueError, match=message):
            model.predict(bad)
    model.predict(X.astype(np.float32))
    model.predict(X.view(np.recarray))
    assert len(asked) == 6
    named = MLPClassifier(max_iter=2).fit(pd.DataFrame(X, columns=list("abcd")), y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        named.predict(X)


@pytest.mark.parametrize("columns", [1, 2])
def test_the_logarithm_of_no_probability(columns):
    """-inf, and no warning of NumPy's: the logarithm of what predict_proba gives, as it says."""
    y = np.arange(3) % (columns + 1)
    model = MLPClassifier((), solver="lbfgs", random_state=0).fit([[-1.0], [0.0], [1.0]], y)
    model.coefs_[0][...] = 1e6 * np.arange(1, model.coefs_[0].size + 1)
    with np.errstate(all="raise"):
        logs = model.predict_log_proba([[-1.0], [1.0]])
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(logs, np.log(model.predict_proba([[-1.0], [1.0]])))
    assert np.isneginf(logs).any()


# A Fraction is refused by scikit-learn's own check.
NUMBERS = [np.longdouble(0.125), np.float32(0.125), np.float16(0.125), 0.125]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: type(number).__name__)
@pytest.mark.parametrize("solver", SOLVERS)
def test_numbers_of_any_type(number, solver, iris, capsys):
    """They train as the float does, tell of themselves, and come through a pickle."""
    names = ("alpha", "learning_rate_init", "power_t", "tol", "momentum", "validation_fraction")
    names += ("beta_1", "beta_2", "epsilon", "n", "max_time")
    wholes = dict.fromkeys(("max_iter", "n_iter_no_change", "max_fun", "batch_size"), np.int16(9))
    flags = dict.fromkeys(("shuffle", "nesterovs_momentum", "verbose"), np.True_)
    flags["early_stopping"] = np.bool_(solver not in ("lbfgs", "pso"))
    given = {**wholes, **flags, "hidden_layer_sizes": np.int8(3), "solver": solver}
    given |= {"learning_rate": "invscaling", "random_state": 0}
    model = MLPClassifier(**given, **dict.fromkeys(names, number)).fit(*iris)
    plain = MLPClassifier(**given, **dict.fromkeys(names, 0.125)).fit(*iris)
    again = pickle.loads(pickle.dumps(model))
    for one in (model, again):
        np.testing.assert_array_equal(parameters_of(one), parameters_of(plain))
    assert "Iteration" in capsys.readouterr().out or solver == "lbfgs"


@pytest.mark.parametrize("flag", ["shuffle", "early_stopping", "nesterovs_momentum", "warm_start"])
def test_flags_are_no_text(flag, iris):
    """As scikit-learn has it, a ValueError and a TypeError."""
    for value in ("no", "", 0.0, [True]):
        with pytest.raises(InvalidParameterError, match=f"'{flag}' parameter"):
            MLPClassifier(**{flag: value}).fit(*iris)


@pytest.mark.parametrize("scoring", [None, "r2"])
def test_early_stopping_refuses_the_r2_of_one_row(scoring, cancer):
    """It was 0 after each epoch, and those of the first epoch the best parameters."""
    X, y = cancer
    model = MLPRegressor(early_stopping=True, scoring=scoring, max_iter=3, random_state=0)
    with pytest.raises(ValueError, match=r"R², .*two rows.* got 1: scoring='neg_mean_squared_e"):
        model.fit(X, y, X_val=X[:1], y_val=y[:1])
    weight = np.arange(5) == 3
    with pytest.raises(ValueError, match=r"R², .*with a weight > 0, got 1: scoring="):
        model.fit(X, y, X_val=X[:5], y_val=y[:5], sample_weight_val=weight)
    model.set_params(scoring="neg_mean_squared_error").fit(X, y, X_val=X[:1], y_val=y[:1])
    best = model.best_validation_score_
    assert best == max(model.validation_scores_)
    assert best == pytest.approx(-((model.predict(X[:1]) - y[0]) ** 2)[0], rel=1e-12)


def test_early_stopping_says_that_no_score_was_a_number(cancer):
    """NaN betters nothing: it ends when patience does, as if no epoch had been better."""
    model = MLPClassifier(
        3, early_stopping=True, scoring=lambda *_: np.nan, n_iter_no_change=4, random_state=0
    )
    with pytest.warns(UserWarning, match="no epoch had a finite validation value"):
        model.fit(*cancer)
    assert model.n_iter_ == 5
    assert np.isnan(model.validation_scores_).all()


def test_score_of_one_row_is_scikit_learns(cancer):
    model = MLPRegressor(hidden_layer_sizes=3, max_iter=2).fit(*cancer)
    with pytest.warns(UndefinedMetricWarning, match="R.2 score is not well-defined"):
        assert np.isnan(model.score(cancer[0][:1], cancer[1][:1]))


@pytest.mark.parametrize("Estimator", BOTH)
def test_default_score_is_score(Estimator, cancer):
    X, y = cancer
    Y = np.column_stack([y, X[:, 0] > 0]) if Estimator is MLPClassifier else X[:, :2] * 3
    for targets in (y, Y):
        model = Estimator(early_stopping=True, max_iter=4, random_state=0)
        model.fit(X[50:], targets[50:], X_val=X[:50], y_val=targets[:50])
        score = model.score(X[:50], targets[:50])
        assert model.best_validation_score_ == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X_val": [[0.0]]}, "y_val was not provided"),
        ({"y_val": [0]}, "X_val was not provided"),
        ({"sample_weight_val": [1.0]}, "X_val and y_val were not"),
        ({"X_val": [[0.0, 1.0]], "y_val": [0]}, "has 2 features, but MLPClassifier is expecting 1"),
        ({"X_val": [[0.0]], "y_val": [7]}, "`y_val` has classes not in `self.classes_`"),
        ({"X_val": [[0.0]], "y_val": [0, 1]}, "inconsistent numbers of samples"),
    ],
)
def test_bad_validation_data(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier().fit([[0.0], [1.0]], [0, 1], **arguments)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
def test_class_weight_is_a_sample_weight(class_weight, cancer):
    X, y = cancer
    weight = sklearn.utils.class_weight.compute_sample_weight(class_weight, y)
    own = np.linspace(0.5, 1.5, len(y))
    model = MLPClassifier(class_weight=class_weight, max_iter=3, random_state=0)
    plain = clone(model).set_params(class_weight=None)
    model.fit(X, y, sample_weight=own)
    plain.fit(X, y, sample_weight=own * weight)
    np.testing.assert_allclose(parameters_of(model), parameters_of(plain), rtol=1e-12)


def test_class_weight_in_partial_fit(cancer):
    with pytest.raises(ValueError, match="not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(*cancer, classes=[0, 1])
    MLPClassifier(class_weight={0: 2.0}).partial_fit(*cancer, classes=[0, 1])


@pytest.mark.parametrize("solver", SOLVERS)
def test_max_time(solver, cancer):
    model = MLPClassifier(solver=solver, max_time=1e-9, tol=0, alpha=1.0).fit(*cancer)
    assert model.n_iter_ == 1


@pytest.mark.parametrize("solver", SOLVERS)
def test_callbacks(solver, cancer):
    seen = []

    def watch(model, history):
        seen.append((model.n_iter_, model.loss_curve_[-1], len(history)))

    model = MLPClassifier(
        solver=solver, alpha=1.0, callbacks=[watch, lambda model, history: model.n_iter_ == 3]
    ).fit(*cancer)
    assert [n for n, _, _ in seen] == [n for _, _, n in seen] == [1, 2, 3]
    assert [loss for _, loss, _ in seen] == model.loss_curve_
    with pytest.raises(TypeError, match="callables"):
        MLPClassifier(callbacks=["print"]).fit(*cancer)


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam"},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.01, "n_iter_no_change": 2},
        {"solver": "adamw", "early_stopping": True},
    ],
)
def test_warm_start_full_is_one_fit(parameters, cancer):
    whole = MLPClassifier(10, max_iter=9, random_state=0, **parameters).fit(*cancer)
    parts = clone(whole).set_params(warm_start="full", max_iter=4).fit(*cancer)
    parts = pickle.loads(pickle.dumps(parts)).set_params(max_iter=5).fit(*cancer)
    np.testing.assert_array_equal(parts.loss_curve_, whole.loss_curve_)
    np.testing.assert_array_equal(parameters_of(parts), parameters_of(whole))
    assert parts.validation_scores_ == whole.validation_scores_
    assert parts.t_ == whole.t_


@pytest.mark.parametrize("go_on", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("Estimator", "parameters"),
    [
        (MLPRegressor, {"activation": "tanh"}),
        (MLPRegressor, {"activation": ["tanh", ("elu", 0.5)]}),
        (MLPRegressor, {"loss": ("quantile", 0.9)}),
        (MLPRegressor, {"loss": "poisson"}),
        (MLPClassifier, {"label_smoothing": 0.2}),
    ],
)
def test_what_goes_on_has_new_activations_and_losses(Estimator, parameters, go_on):
    """From the weights and moments that there were; with so small a rate they stay."""
    X = np.random.RandomState(0).randn(60, 3)
    y = (X[:, 0] > 0).astype(int)
    shared = {"hidden_layer_sizes": (5, 4), "max_iter": 2, "random_state": 0}
    model = Estimator(warm_start=True, learning_rate_init=1e-300, **shared).fit(X, y)
    before, steps = model._network.params.copy(), model._optimizer.state.steps[0]
    getattr(model.set_params(**parameters), go_on)(X, y)
    anew = Estimator(**shared, **parameters).fit(X, y)
    for name in ("hidden", "loss", "output", "label_smoothing"):
        assert getattr(model._network, name) == getattr(anew._network, name)
    assert model.out_activation_ == anew.out_activation_
    np.testing.assert_array_equal(model._network.params, before)
    assert np.shares_memory(model.coefs_[0], model._network.params)
    if Estimator is MLPRegressor:
        assert model.loss_ == pytest.approx(model._network.error(X, y, model.alpha), rel=1e-12)
    assert model._optimizer.state.steps[0] == (steps + 1 if go_on == "partial_fit" else 2)


def test_a_score_is_by_the_loss_that_was_fitted():
    X, y = np.random.RandomState(0).randn(30, 2), np.arange(30.0)
    model = MLPRegressor(hidden_layer_sizes=4, max_iter=2, random_state=0)
    with pytest.raises(NotFittedError):
        model.score(X, y)
    expected = model.fit(X, y).score(X, y)
    assert model.set_params(loss="poisson").score(X, y) == expected


def test_what_goes_on_has_the_same_layers():
    X, y = np.random.RandomState(0).randn(30, 2), np.arange(30.0)
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, warm_start=True, random_state=0).fit(
        X, y
    )
    model.set_params(hidden_layer_sizes=(5, 5))
    for go_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=r"go on with hidden_layer_sizes=\[5\], got \(5, 5\)"):
            go_on(X, y)
    assert model.set_params(warm_start=False).fit(X, y).n_layers_ == 4


def test_warm_start_full_takes_new_rates(cancer):
    model = MLPClassifier(10, max_iter=2, random_state=0, warm_start="full").fit(*cancer)
    model.set_params(learning_rate_init=0.5).fit(*cancer)
    assert model._optimizer.learning_rate == 0.5


def test_lbfgs_has_a_loss_curve(cancer):
    model = MLPClassifier(solver="lbfgs", alpha=1.0, max_iter=30).fit(*cancer)
    assert len(model.loss_curve_) == model.n_iter_
    assert (np.diff(model.loss_curve_) <= 0).all()
    assert model.loss_curve_[-1] == model.loss_


def test_a_choice_for_each_layer(iris):
    X, y = iris
    model = MLPClassifier(
        (6, 5), ["tanh", "relu"], alpha=[3.0, 0.0, 1.0], random_state=0, max_iter=1, batch_size=150
    ).fit(X, y)
    network = Network((4, 6, 5, 3), ["tanh", "relu"], "softmax")
    network.params = parameters_of(model)
    np.testing.assert_array_equal(model.predict_proba(X), network.predict(X))
    again = clone(model).set_params(learning_rate_init=1e-300).fit(X, y)
    network.params = parameters_of(again)
    assert again.loss_ == pytest.approx(network.error(X, y, [3.0, 0.0, 1.0]), rel=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": ["tanh", "relu"]}, "one per hidden layer"),
        ({"activation": ["sine"]}, "activation must be one of"),
        ({"alpha": [1.0, 2.0, 3.0]}, "alpha must be a number or have one per layer"),
        ({"alpha": [1.0, -2.0]}, r"alpha\[1\] must be"),
        ({"solver": "adamw", "decay": "l2"}, "adamw with 'l2' is adam"),
        ({"solver": "lbfgs", "decay": "fraction"}, "decay='fraction' does not go with"),
        ({"n": "all"}, "The 'n' parameter of MLPClassifier must be"),
        ({"scoring": "beauty"}, "The 'scoring' parameter of MLPClassifier must be"),
        ({"max_time": 0}, "The 'max_time' parameter of MLPClassifier must be"),
        ({"warm_start": "half"}, "The 'warm_start' parameter of MLPClassifier must be"),
        ({"class_weight": "heavy"}, "The 'class_weight' parameter of MLPClassifier must be"),
    ],
)
def test_bad_parameters_of_our_own(parameters, message, iris):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**parameters).fit(*iris)


X4 = [[0.0], [1.0], [2.0], [3.0]]


@pytest.mark.parametrize(
    ("parameters", "X", "y", "weight"),
    [
        ({"hidden_layer_sizes": -1}, X4, [0, 1, 0, 1], None),
        ({"hidden_layer_sizes": (5, 0)}, X4, [0, 1, 0, 1], None),
        ({"alpha": -1.0}, X4, [0, 1, 0, 1], None),
        ({"momentum": 2.0}, X4, [0, 1, 0, 1], None),
        ({"max_iter": 0}, X4, [0, 1, 0, 1], None),
        ({"tol": -1.0}, X4, [0, 1, 0, 1], None),
        ({}, [[np.nan], [1.0], [2.0], [3.0]], [0, 1, 0, 1], None),
        ({}, [0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], None),
        ({}, X4, [0, 1, 0], None),
        ({}, X4, [0.5, 0.1, 0.2, 0.3], None),
        ({}, X4, [0, 1, 0, 1], [1.0, 2.0]),
        ({}, X4, [0, 1, 0, 1], [[1.0], [2.0], [1.0], [1.0]]),
        ({"early_stopping": True}, X4, [0, 1, 1, 1], None),
        ({"early_stopping": True}, X4[:2] * 2, [0, 1, 0, 1], None),
    ],
)
def test_bad_input_has_the_same_error(parameters, X, y, weight):
    told = []
    for Estimator in (neural_network.MLPClassifier, MLPClassifier):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text is compared)
            Estimator(**parameters).fit(X, y, sample_weight=weight)
        told.append(str(caught.value))
    # A parameter that may be more here says so at the end.
    assert told[1].startswith(told[0].split(". Got")[0])


CALLS = [
    lambda model: model.predict(X4),
    lambda model: model.partial_fit(X4, [0, 1, 0, 1]),
    lambda model: model.partial_fit(X4, [0, 1, 0, 1], classes=[0, 1]),
    lambda model: model.partial_fit(X4, [0, 1, 0, 1], classes=[0, 1, 2]),
    lambda model: model.partial_fit(X4, [0, 1, 0, 9]),
    lambda model: model.predict([[0.0, 1.0]]),
    lambda model: model.set_params(warm_start=True).fit(X4, [0, 2, 0, 2]),
    lambda model: model.set_params(solver="lbfgs").partial_fit,
]


def errors_of(model, calls):
    """What each of the calls raises, if it does."""
    for call in calls:
        try:
            call(model)
        except (ValueError, NotFittedError, AttributeError) as error:
            yield type(error), str(error)


def test_a_course_of_calls_has_the_same_errors():
    """partial_fit and warm_start refuse what scikit-learn refuses, in its words."""
    estimators = (neural_network.MLPClassifier(random_state=0), MLPClassifier(random_state=0))
    theirs, ours = (list(errors_of(model, CALLS)) for model in estimators)
    assert len(theirs) == 7
    assert ours == theirs


# --- the swarm ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", ["batch", "train", 50.0])
def test_pso_is_particle_swarm(n, iris):
    """From the estimator's initial weights and its random numbers; λ/n as for lbfgs."""
    X, y = iris
    model = MLPClassifier(
        7, solver="pso", alpha=0.4, n=n, max_iter=20, n_iter_no_change=np.inf, random_state=0
    ).fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 20
    assert model.loss_ == model.best_loss_ == model.loss_curve_[-1]
    assert model.loss_ == pytest.approx(model._network.error(X, y, l2=0.4, n=n), rel=1e-12)
    rng = np.random.RandomState(0)
    network = Network((4, 7, 3), hidden="relu", output="softmax")
    initialise(network, rng, ("relu", "relu"))
    same = ParticleSwarm(network, l2=0.4 if n != 50.0 else 0.4 * 150 / 50, seed=rng)
    same.train(X, y, epochs=20)
    np.testing.assert_allclose(model._network.params, network.params, rtol=1e-9)


def test_pso_ends_by_tol(iris):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MLPClassifier(5, solver="pso", tol=1.0, n_iter_no_change=4).fit(*iris)
    assert model.n_iter_ < 30
    with pytest.warns(ConvergenceWarning, match=r"Particle Swarm: Maximum iterations \(3\)"):
        MLPClassifier(5, solver="pso", max_iter=3).fit(*iris)


def test_pso_goes_on_in_full(iris):
    """Two fits of 10 iterations are one of 20, copies included."""
    parameters = {"solver": "pso", "n_iter_no_change": np.inf, "random_state": 0}
    whole = MLPClassifier(5, max_iter=20, **parameters).fit(*iris)
    half = MLPClassifier(5, max_iter=10, warm_start="full", **parameters).fit(*iris)
    half = pickle.loads(pickle.dumps(half)).fit(*iris)
    np.testing.assert_array_equal(half._network.params, whole._network.params)
    assert half.loss_curve_ == whole.loss_curve_


def test_pso_warm_start_is_never_worse(iris):
    model = MLPClassifier(5, solver="lbfgs", alpha=1.0, max_iter=20).fit(*iris)
    before = model.loss_
    model.set_params(solver="pso", warm_start=True, max_iter=5).fit(*iris)
    assert model.loss_ <= before
    model.set_params(solver="adam").fit(*iris)
    model.set_params(solver="pso", warm_start="full").fit(*iris)
    model.set_params(solver="adam", warm_start=True).to_sklearn().predict(iris[0])
    model.fit(*iris).set_params(solver="pso")
    with pytest.raises(ValueError, match="no solver='pso'"):
        model.to_sklearn()


def test_pso_refuses_what_it_has_not(iris):
    with pytest.raises(ValueError, match="early_stopping=True does not go with solver='pso'"):
        MLPClassifier(solver="pso", early_stopping=True).fit(*iris)
    with pytest.raises(ValueError, match="decay='decoupled' does not go with optimizer='pso'"):
        MLPClassifier(solver="pso", decay="decoupled").fit(*iris)
    with pytest.raises(AttributeError, match="partial_fit") as caught:
        _ = MLPClassifier(solver="pso").partial_fit
    assert "pso needs all rows at once" in str(caught.value.__cause__)


def test_pso_verbose(iris, capsys):
    model = MLPClassifier(solver="pso", max_iter=2, verbose=True).fit(*iris)
    assert f"Iteration 2, loss = {model.loss_:.8f}" in capsys.readouterr().out


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_pso(iris):
    model = MLPClassifier(5, solver="pso", callbacks=press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*iris)
    model.predict(iris[0])


def test_poisson_refuses_negative_targets():
    with pytest.raises(ValueError, match="must not be negative"):
        MLPRegressor("poisson").fit(X4, [0.0, -1.0, 1.0, 1.0])


# --- the lists of parameters ----------------------------------------------------------------------


def test_parameters_are_views(iris):
    model = MLPClassifier(5, max_iter=2).fit(*iris)
    assert type(model.coefs_) is type(model.intercepts_) is list
    model.coefs_[1][...] = 0
    model.intercepts_[1][...] = [0, 5, 0]
    assert (model.predict(iris[0]) == 1).all()


@pytest.mark.parametrize("change", ["entry", "list", "tuple", "integers"])
def test_parameters_may_be_replaced(change, iris):
    X, y = iris
    model = MLPClassifier(5, max_iter=2, random_state=0).fit(X, y)
    zeros = np.zeros((5, 3), int if change == "integers" else float)
    if change == "entry":
        model.coefs_[1] = zeros
    else:
        replaced = [model.coefs_[0] + 0, zeros]
        model.coefs_ = tuple(replaced) if change == "tuple" else replaced
    model.intercepts_ = [model.intercepts_[0], np.array([0.0, 0.0, 9.0])]
    for found in (model, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (found.predict(X) == 2).all()
    model.coefs_[1] = np.ones((5, 3))
    assert model.partial_fit(X, y).coefs_[1].mean() == pytest.approx(1, abs=0.01)
    assert not zeros.any()


def test_parameters_that_do_not_fit(iris):
    X, y = iris
    model = MLPClassifier(5, max_iter=2, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    good, model.coefs_[0] = model.coefs_[0], np.zeros((5, 4))
    with pytest.raises(ValueError, match=r"coefs_\[0\] must have shape \(4, 5\), got \(5, 4\)"):
        model.predict(X)
    model.coefs_ = [good]
    with pytest.raises(ValueError, match="coefs_ must hold 2 arrays, got 1"):
        model.predict(X)
    model.coefs_ = [good, np.array([["a"] * 3] * 5)]
    with pytest.raises(TypeError, match=r"coefs_\[1\] must hold real numbers"):
        model.predict(X)
    model.coefs_[1] = model._network.weights[1]
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_activations_and_input_gradient(iris):
    X, y = iris
    model = MLPClassifier((7, 5), "tanh", max_iter=5, random_state=0).fit(X, y)
    layers = model.activations(X)
    assert [a.shape for a in layers] == [(150, 7), (150, 5), (150, 3)]
    np.testing.assert_allclose(layers[0], np.tanh(X @ model.coefs_[0] + model.intercepts_[0]))
    np.testing.assert_array_equal(layers[-1], model.predict_proba(X))
    gradient = model.input_gradient(X)
    for feature in range(4):
        step = np.zeros(4)
        step[feature] = 1e-6
        found = (model.predict_proba(X + step) - model.predict_proba(X - step)) / 2e-6
        np.testing.assert_allclose(gradient[:, :, feature], found, atol=1e-8)
    with pytest.raises(NotFittedError):
        MLPRegressor().activations(X)


# --- interrupts and divergence --------------------------------------------------------------------


def press_ctrl_c(model, history):
    if model.n_iter_ == 3:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_ctrl_c_leaves_a_fitted_model(solver, early_stopping, cancer):
    model = MLPClassifier(
        solver=solver, early_stopping=early_stopping, callbacks=press_ctrl_c, random_state=0
    )
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(*cancer)
    assert len(model.loss_curve_) == model.n_iter_ == 3
    if early_stopping:
        assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.predict(cancer[0]).shape == (569,)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_lbfgs(cancer):
    model = MLPClassifier(solver="lbfgs", alpha=1.0, callbacks=press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*cancer)
    assert model.predict(cancer[0]).shape == (569,)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_the_middle_of_an_epoch():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100_000, 50)), rng.normal(size=100_000)
    model = MLPRegressor(hidden_layer_sizes=(300, 300), batch_size=100_000, max_iter=1)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    began = time.perf_counter()
    timer.start()
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, y)
    assert time.perf_counter() - began < 5
    assert np.isfinite(model.predict(X[:2])).all()


@pytest.mark.filterwarnings("ignore:X is not scaled:UserWarning")
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_divergence_names_the_rates(solver):
    X, y = np.full((4, 1), 1e200), [0.0, 1.0, 2.0, 3.0]
    model = MLPRegressor(solver=solver, learning_rate_init=0.75, alpha=0.125)
    message = (
        r"Solver produced non-finite parameter weights\. The input data may contain large values"
        r" and need to be preprocessed\..*learning_rate_init=0\.75 and alpha=0\.125"
    )
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert np.isfinite(parameters_of(model)).all()


def test_divergence_under_early_stopping_keeps_the_best(iris):
    X, y = iris
    model = MLPRegressor(
        activation="identity", solver="sgd", learning_rate_init=1.0, early_stopping=True
    )
    with pytest.warns(ConvergenceWarning, match=r"diverged.*learning_rate_init=1\.0"):
        model.fit(X, y)
    assert np.isnan(model.loss_)
    assert len(model.loss_curve_) == len(model.validation_scores_) == model.n_iter_
    assert np.isfinite(model.predict(X)).all()


# --- living with scikit-learn ---------------------------------------------------------------------


@pytest.mark.parametrize("Estimator", BOTH)
def test_parameters_and_tags_are_scikit_learns(Estimator):
    theirs = getattr(neural_network, Estimator.__name__)()
    ours = Estimator()
    known = theirs.get_params()
    assert {name: ours.get_params()[name] for name in known} == known
    more = {
        "decay",
        "n",
        "init",
        "label_smoothing",
        "warmup",
        "l2_schedule",
        "clip_norm",
        "clip_value",
        "average",
        "dropout",
        "input_dropout",
        "scoring",
        "max_time",
        "callbacks",
        "class_weight",
        "n_threads",
    }
    assert set(ours.get_params()) - set(known) <= more
    assert get_tags(ours) == get_tags(theirs)
    assert repr(Estimator(max_iter=7)) == f"{Estimator.__name__}(max_iter=7)"
    assert "<style>" in ours._repr_html_()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("Estimator", BOTH)
def test_attributes_are_scikit_learns(Estimator, solver, cancer):
    theirs = getattr(neural_network, Estimator.__name__)
    solver_there = {"adamw": "adam", "pso": "lbfgs"}.get(solver, solver)
    found = [
        {name for name in vars(model.fit(*cancer)) if name.endswith("_") and name[0] != "_"}
        for model in (Estimator(solver=solver, max_iter=2), theirs(solver=solver_there, max_iter=2))
    ]
    assert found[0] - found[1] <= {"loss_curve_", "validation_loss_curve_", "best_loss_"}
    assert not found[1] - found[0]


@pytest.mark.parametrize("Estimator", BOTH)
def test_new_models_hold_what_scikit_learns_do(Estimator):
    theirs = getattr(neural_network, Estimator.__name__)()
    ours = vars(Estimator())
    assert {name: ours.get(name, "absent") for name in vars(theirs)} == vars(theirs)


def copies(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    yield joblib.load(tmp_path / "model.joblib")
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.loads(pickle.dumps(model, protocol))
    yield copy.deepcopy(model)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("Estimator", BOTH)
def test_copies_go_on_alike(Estimator, solver, cancer, tmp_path):
    X, y = cancer
    model = Estimator(solver=solver, max_iter=3, random_state=0).fit(X, y)
    found = list(copies(model, tmp_path))
    expected = parameters_of(model.partial_fit(X, y))
    for other in found:
        assert np.shares_memory(other.coefs_[0], other._network.params)
        np.testing.assert_array_equal(parameters_of(other.partial_fit(X, y)), expected)


def stored(value):
    """All objects of pyl2's that a state holds, as serializers that follow states find them."""
    if type(value).__module__.startswith("pyl2."):
        yield value
        yield from stored(value.__getstate__())
    elif isinstance(value, dict):
        yield from stored(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from stored(part)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("Estimator", BOTH)
def test_states_hold_nothing_of_c(Estimator, solver, cancer):
    model = Estimator(hidden_layer_sizes=4, solver=solver, max_iter=2).fit(*cancer)
    found = [type(part) for part in stored(model)]
    assert Network in found
    assert not [kind for kind in found if kind.__module__ == "pyl2._core"]


def test_pickle_holds_the_parameters_once(iris):
    model = MLPClassifier((300, 300), solver="lbfgs", max_iter=1).fit(*iris)
    assert len(pickle.dumps(model)) < 1.1 * parameters_of(model).nbytes


def test_memory_mapped_model(iris, tmp_path):
    model = MLPClassifier(max_iter=2).fit(*iris)
    joblib.dump(model, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict_proba(iris[0]), model.predict_proba(iris[0]))


def test_clone_is_not_fitted(iris):
    model = clone(MLPClassifier(alpha=[1.0, 2.0], max_iter=2).fit(*iris))
    assert model.alpha == [1.0, 2.0]
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search(backend, iris):
    grid = {"mlpclassifier__alpha": [0.1, 10.0], "mlpclassifier__solver": ["adam", "lbfgs"]}
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(10, max_iter=20, random_state=0))
    alone = GridSearchCV(pipeline, grid, cv=2).fit(*iris)
    with joblib.parallel_backend(backend, n_jobs=2):
        found = GridSearchCV(pipeline, grid, cv=2).fit(*iris)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(found.cv_results_[name], alone.cv_results_[name])
    assert found.best_estimator_.predict(iris[0]).shape == (150,)


def test_metadata_routing(iris):
    X, y = iris
    seen = []

    def watch(model, history):
        seen.append(model.validation_loss_curve_)

    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier(max_iter=2, callbacks=watch)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        cross_validate(model, X, y, params={"sample_weight": np.ones(len(y))}, cv=2)
        model.set_fit_request(X_val=True, y_val=True, sample_weight=False)
        pipeline = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        pipeline.fit(X, y, X_val=X[:20], y_val=y[:20])
    assert len(seen[-1]) == 2


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library, iris):
    frames = pytest.importorskip(library)
    names = ["a", "b", "c", "d"]
    X = frames.DataFrame(dict(zip(names, iris[0].T, strict=True)))
    y = frames.Series("kind", iris[1]) if library == "polars" else frames.Series(iris[1])
    if not hasattr(StandardScaler().fit(X), "feature_names_in_"):
        pytest.skip(f"this scikit-learn does not know the names of {library}'s frames")
    model = MLPClassifier(max_iter=3, early_stopping=True, scoring="accuracy", random_state=0)
    model.fit(X, y, X_val=X[:30], y_val=y[:30])
    assert list(model.feature_names_in_) == names
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        plain = model.predict(iris[0])
    np.testing.assert_array_equal(plain, model.predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[names[::-1]])


def test_labels_of_all_kinds(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])
    for labels in (names[y], names[y].astype(object), y - 7, y * 2.0):
        model = MLPClassifier(20, learning_rate_init=0.05, max_iter=40, random_state=0)
        model.fit(X, labels)
        assert model.predict(X).dtype == model.classes_.dtype
        assert (model.predict(X) == labels).mean() > 0.9
        model.partial_fit(X[:60], labels[:60])
        two = clone(model).fit(X[:100], labels[:100])
        assert set(two.predict(X)) == set(labels[:100])
    one = MLPClassifier(max_iter=2).fit(X, np.full(150, "only"))
    assert set(one.predict(X)) == {"only"}


def test_multilabel_sparse_targets():
    import scipy.sparse

    X, Y = make_multilabel_classification(60, random_state=0)
    dense = MLPClassifier(max_iter=5, random_state=0).fit(X, Y)
    sparse = MLPClassifier(max_iter=5, random_state=0).fit(X, scipy.sparse.csr_matrix(Y))
    np.testing.assert_array_equal(dense.predict_proba(X), sparse.predict_proba(X))
    np.testing.assert_array_equal(dense.predict(X), sparse.predict(X).toarray())


def test_probabilities(iris):
    X, y = iris
    model = MLPClassifier(max_iter=5, random_state=0).fit(X, y > 0)
    assert model.predict_proba(X).shape == (150, 2)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X)[:, 1] > 0.5)
    logs = MLPClassifier(max_iter=5, random_state=0).fit(X, y).predict_log_proba(X)
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_copy_of_X(dtype):
    """The peak of memory stays far below the data."""
    X = np.zeros((200_000, 20), dtype)
    y = np.zeros(len(X), dtype)
    model = MLPRegressor(hidden_layer_sizes=2, max_iter=1, shuffle=False)
    model.fit(X[:1000], y[:1000])
    tracemalloc.start()
    try:
        model.fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.5 * X.nbytes


def test_threads_train_side_by_side(iris):
    def course(seed, found):
        model = MLPClassifier(random_state=seed, max_iter=30, early_stopping=True).fit(*iris)
        found[seed] = model.loss_curve_

    alone, together = {}, {}
    for seed in range(4):
        course(seed, alone)
    threads = [threading.Thread(target=course, args=(seed, together)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert alone == together


def test_memory_stays_flat(iris):
    """Many fits in one process: nothing is left behind."""
    X, y = iris[0][:20], iris[1][:20] + np.arange(20) % 2

    def fits(count):
        for seed in range(count):
            model = MLPClassifier(3, max_iter=2, random_state=seed, early_stopping=seed % 2 == 0)
            model.fit(X, y).partial_fit(X, y) if seed % 2 else model.fit(X, y).predict(X)

    fits(50)
    tracemalloc.start()
    try:
        fits(50)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        fits(300)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000  # 300 bytes a fit: caches of NumPy and scikit-learn


def test_nothing_but_reference_counts_is_needed(iris):
    """No cycle keeps a fitted model, and its data, alive."""
    import weakref

    gc.disable()
    try:
        model = MLPClassifier(max_iter=2, early_stopping=True).fit(*iris)
        gone = weakref.ref(model)
        del model
        assert gone() is None
    finally:
        gc.enable()
