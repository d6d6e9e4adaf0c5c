"""The estimators that choose λ: against scikit-learn's GridSearchCV, and by hand."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyl2 import MLPClassifier, MLPClassifierCV, MLPRegressor, MLPRegressorCV, l2_path
from pyl2._common import metrics
from pyl2.estimators import base
from pyl2.model_selection import choose

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:the alpha chosen:UserWarning"),
]

RNG = np.random.default_rng(0)
IRIS, SPECIES = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)
X = RNG.normal(size=(70, 3))
Y = np.sin(2 * X[:, 0]) + X[:, 1] + RNG.normal(0, 0.3, 70)
ALPHAS = [0.01, 0.3, 3.0, 100.0]

FAST = {"hidden_layer_sizes": 6, "max_iter": 15, "random_state": 0, "learning_rate_init": 0.01}
SOLVERS = [
    {"solver": "adam"},
    {"solver": "sgd", "early_stopping": True, "max_iter": 60, "activation": "tanh"},
    {"solver": "adamw", "n": "train"},
    {"solver": "lbfgs"},
    {"solver": "pso", "max_iter": 4},
]


def in_grid_search(model, rows, **arguments):
    """What GridSearchCV finds: scores (L, folds), and the model itself."""
    search = GridSearchCV(model, {"alpha": ALPHAS}, **arguments).fit(*rows)
    folds = range(search.n_splits_)
    return np.column_stack([search.cv_results_[f"split{k}_test_score"] for k in folds]), search


# The rules.


def test_min_takes_the_largest_of_the_best():
    found = np.array([[0.5, 0.5], [0.7, 0.9], [0.9, 0.7], [0.6, 0.6]])
    assert choose(np.arange(4), found, "min") == 2


def test_one_standard_error():
    """As glmnet has it: sqrt of the mean squared deviation over (folds - 1)."""
    rng = np.random.default_rng(2)  # whose draws have other λs within the error than the best
    found = rng.normal(size=(30, 7)) * 0.1 - np.linspace(0, 1, 30)[:, None] ** 2
    means = found.mean(axis=1)
    best = means.argmax()
    error = np.sqrt(((found[best] - means[best]) ** 2).mean() / (7 - 1))
    expected = max(i for i in range(30) if means[i] >= means[best] - error)
    assert choose(np.arange(30), found, "1se") == expected > best
    assert choose(np.arange(30), found, "min") == best


def test_folds_that_failed_are_left_out():
    nan = np.nan
    found = np.array([[0.7, nan, 0.9], [nan, nan, nan], [0.6, 0.9, nan], [0.1, nan, nan]])
    np.testing.assert_allclose(metrics.mean_known(found), [0.8, nan, 0.75, 0.1])
    known = stats.sem([0.7, 0.9]), stats.sem([0.6, 0.9])
    np.testing.assert_allclose(metrics.standard_error(found), [known[0], nan, known[1], nan])
    assert choose(np.arange(4), found, "min") == 0
    assert choose(np.arange(4), found, "1se") == 2
    assert choose(np.arange(4), found[3:], "1se") == 0
    with pytest.raises(ValueError, match="every fold failed"):
        choose(np.arange(1), found[1:2], "min")


# The same as a grid search.


@pytest.mark.parametrize("own", SOLVERS, ids=lambda own: own["solver"])
def test_scores_of_classes_are_those_of_a_grid_search(own):
    parameters = FAST | own
    expected, search = in_grid_search(MLPClassifier(**parameters), (IRIS, SPECIES))
    model = MLPClassifierCV(alphas=ALPHAS, **parameters).fit(IRIS, SPECIES)
    np.testing.assert_allclose(model.scores_path_, expected, rtol=1e-12)
    means = expected.mean(axis=1)
    assert model.alpha_ == max(np.array(ALPHAS)[means == means.max()])
    refit = clone(search.estimator).set_params(alpha=model.alpha_).fit(IRIS, SPECIES)
    np.testing.assert_array_equal(model.coefs_[0], refit.coefs_[0])
    np.testing.assert_array_equal(model.predict(IRIS), refit.predict(IRIS))
    assert model.loss_ == refit.loss_
    assert model.score(IRIS, SPECIES) == refit.score(IRIS, SPECIES)


@pytest.mark.parametrize("own", SOLVERS, ids=lambda own: own["solver"])
def test_scores_of_numbers_are_those_of_a_grid_search(own):
    parameters = FAST | own
    cv = KFold(3, shuffle=True, random_state=1)
    expected, _ = in_grid_search(MLPRegressor(**parameters), (X, Y), cv=cv)
    model = MLPRegressorCV(alphas=ALPHAS, cv=cv, **parameters).fit(X, Y)
    np.testing.assert_allclose(model.scores_path_, expected, rtol=1e-9)
    assert model.scores_path_.shape == (4, 3)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "balanced_accuracy"])
def test_other_scores(scoring):
    expected, _ = in_grid_search(MLPClassifier(**FAST), (IRIS, SPECIES), scoring=scoring)
    model = MLPClassifierCV(alphas=ALPHAS, scoring=scoring, **FAST).fit(IRIS, SPECIES)
    np.testing.assert_allclose(model.scores_path_, expected, rtol=1e-9)


def test_loss_is_the_error_on_the_rows_held_out():
    model = MLPClassifierCV(alphas=ALPHAS, scoring="loss", cv=4, **FAST).fit(IRIS, SPECIES)
    for fold, (train, test) in enumerate(StratifiedKFold(4).split(IRIS, SPECIES)):
        plain = MLPClassifier(alpha=ALPHAS[1], **FAST).fit(IRIS[train], SPECIES[train])
        expected = -log_loss(SPECIES[test], plain.predict_proba(IRIS[test]))
        assert model.scores_path_[1, fold] == pytest.approx(expected, rel=1e-9)


def test_a_linear_network_almost_without_penalty_scores_as_least_squares_does():
    parameters = {"activation": "identity", "solver": "lbfgs", "max_iter": 500, "random_state": 0}
    model = MLPRegressorCV(alphas=[1e-9, 1e-8], cv=4, hidden_layer_sizes=3, **parameters)
    expected = cross_val_score(LinearRegression(), X, Y, cv=4)
    np.testing.assert_allclose(model.fit(X, Y).scores_path_[0], expected, rtol=1e-4)


def test_groups_stay_together():
    groups = np.repeat(np.arange(7), 10)
    expected, _ = in_grid_search(MLPRegressor(**FAST), (X, Y), cv=KFold(7))
    model = MLPRegressorCV(alphas=ALPHAS, cv=GroupKFold(7), **FAST).fit(X, Y, groups=groups)
    np.testing.assert_allclose(np.sort(model.scores_path_[0]), np.sort(expected[0]), rtol=1e-9)


def test_sample_weights_are_in_training_and_in_scores():
    weight = RNG.uniform(0.1, 2, 70)
    model = MLPRegressorCV(alphas=ALPHAS, cv=3, **FAST).fit(X, Y, weight)
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        plain = MLPRegressor(alpha=ALPHAS[2], **FAST).fit(X[train], Y[train], weight[train])
        expected = plain.score(X[test], Y[test], weight[test])
        assert model.scores_path_[2, fold] == pytest.approx(expected, rel=1e-9)
    refit = MLPRegressor(alpha=model.alpha_, **FAST).fit(X, Y, weight)
    np.testing.assert_array_equal(model.coefs_[0], refit.coefs_[0])


def test_several_targets_and_labels():
    two = np.column_stack([Y, X[:, 2] ** 2])
    assert MLPRegressorCV(alphas=ALPHAS, **FAST).fit(X, two).predict(X).shape == (70, 2)
    labels = (two > 0.5).astype(int)
    expected, _ = in_grid_search(MLPClassifier(**FAST), (X, labels))
    model = MLPClassifierCV(alphas=ALPHAS, **FAST).fit(X, labels)
    np.testing.assert_allclose(model.scores_path_, expected)


def test_names_of_classes_and_sparse_rows():
    names = np.array(["c", "a", "b"])[SPECIES]
    dense = MLPClassifierCV(alphas=ALPHAS, **FAST).fit(IRIS, names)
    sparse = MLPClassifierCV(alphas=ALPHAS, **FAST).fit(sp.csc_matrix(IRIS), names)
    np.testing.assert_allclose(sparse.scores_path_, dense.scores_path_, rtol=1e-9)
    assert set(dense.predict(IRIS)) == {"a", "b", "c"}


def test_a_class_that_a_fold_does_not_know_is_wrong_there():
    labels = SPECIES.copy()
    labels[SPECIES == 2] = 1
    labels[-5:] = 2  # the last fold alone has them
    expected, _ = in_grid_search(MLPClassifier(**FAST), (IRIS, labels), cv=KFold(5))
    model = MLPClassifierCV(alphas=ALPHAS, cv=KFold(5), **FAST).fit(IRIS, labels)
    np.testing.assert_allclose(model.scores_path_, expected)


# What fails, and what is at the edge.


def test_trainings_that_fail_are_named_and_left_out():
    model = MLPRegressorCV(alphas=[0.1, 1.0, 1e8], cv=3, solver="sgd", **FAST)
    with pytest.warns(UserWarning, match=r"no score for fold 0 at alpha 1e\+08 \(.*diverged"):
        model.fit(X, Y)
    assert np.isnan(model.scores_path_[2]).all()
    assert np.isfinite(model.scores_path_[:2]).all()
    assert model.alpha_ < 1e8
    assert model.l2_path_.stopped[2] == "diverged"


def test_a_fold_that_cannot_be_trained_is_named():
    first, last, everything = np.arange(35), np.arange(35, 70), np.arange(70)
    folds = [(first, last), (last, first), (everything, last)]  # no weight to train with, to test
    weight = np.r_[np.zeros(35), np.ones(35)]
    message = "(?i)fold 0 at every alpha .*sample.weight.*fold 1 at every alpha"
    with pytest.warns(UserWarning, match=message):
        model = MLPRegressorCV(alphas=ALPHAS, cv=folds, **FAST).fit(X, Y, weight)
    np.testing.assert_array_equal(np.isnan(model.scores_path_), [[True, True, False]] * 4)


def test_if_all_fail_it_is_an_error():
    model = MLPRegressorCV(alphas=[1e8, 1e9], solver="sgd", **FAST)
    with pytest.raises(ValueError, match=r"every fold failed at every alpha: .*diverged"):
        model.fit(X, Y)


# R² of one row.


@pytest.mark.parametrize("scoring", [None, "r2"])
def test_folds_of_one_row_have_no_r2(scoring):
    """It was 0 for each, and the largest λ the choice."""
    model = MLPRegressorCV(alphas=[0.01, 1, 100], cv=LeaveOneOut(), scoring=scoring, **FAST)
    with pytest.raises(ValueError, match=r"LeaveOneOut.*scoring='neg_mean_squared_error'"):
        model.fit(X[:12], X[:12, 0])
    weight = np.tile([1.0, 0.0], 6)  # of two rows of a fold one counts
    with pytest.raises(ValueError, match="two rows with a weight > 0, and no fold of cv=6"):
        model.set_params(cv=6).fit(X[:12], X[:12, 0], weight)


@pytest.mark.parametrize("scoring", ["neg_mean_squared_error", "loss"])
def test_folds_of_one_row_by_squared_error(scoring):
    """The advice of the error works, and gives what a grid search gives."""
    made = {"hidden_layer_sizes": 4, "solver": "lbfgs", "max_iter": 300, "random_state": 0}
    rows = X[:12], X[:12, 0]
    model = MLPRegressorCV(alphas=[0.01, 1, 100], cv=LeaveOneOut(), scoring=scoring, **made)
    assert model.fit(*rows).alpha_ == 0.01
    search = GridSearchCV(
        MLPRegressor(**made),
        {"alpha": [0.01, 1, 100]},
        cv=LeaveOneOut(),
        scoring="neg_mean_squared_error",
    ).fit(*rows)
    assert search.best_params_ == {"alpha": 0.01}
    means = search.cv_results_["mean_test_score"] * (0.5 if scoring == "loss" else 1)
    np.testing.assert_allclose(model.scores_path_.mean(axis=1), means, rtol=1e-6)


@pytest.mark.parametrize("scoring", [None, "r2"])
def test_a_fold_of_one_row_among_others_is_left_out(scoring):
    """One warning, and of the others the scores that a grid search gives."""
    cv = PredefinedSplit([0] + [1] * 34 + [2] * 35)
    model = MLPRegressorCV(alphas=ALPHAS, cv=cv, scoring=scoring, **FAST)
    with pytest.warns(UserWarning, match="fold 0 at every alpha .R² takes two rows") as told:
        model.fit(X, Y)
    assert len([one for one in told if "R²" in str(one.message)]) == 1
    assert np.isnan(model.scores_path_[:, 0]).all()
    others = PredefinedSplit([-1] + [1] * 34 + [2] * 35)
    expected, search = in_grid_search(MLPRegressor(**FAST), (X, Y), cv=others)
    np.testing.assert_allclose(model.scores_path_[:, 1:], expected, rtol=1e-9)
    assert model.alpha_ == search.best_params_["alpha"]


def test_classes_of_one_row_are_right_or_wrong():
    rows = IRIS[::10], SPECIES[::10]
    expected, _ = in_grid_search(MLPClassifier(**FAST), rows, cv=LeaveOneOut())
    model = MLPClassifierCV(alphas=ALPHAS, cv=LeaveOneOut(), **FAST).fit(*rows)
    np.testing.assert_array_equal(model.scores_path_, expected)
    assert set(np.unique(expected)) == {0, 1}


def test_a_target_that_is_constant_in_a_fold_scores_as_in_a_grid_search():
    constant = np.where(np.arange(70) < 35, 0.5, Y)
    expected, _ = in_grid_search(MLPRegressor(**FAST), (X, constant), cv=KFold(2))
    model = MLPRegressorCV(alphas=ALPHAS, cv=KFold(2), **FAST).fit(X, constant)
    np.testing.assert_allclose(model.scores_path_, expected, rtol=1e-9)
    np.testing.assert_array_equal(expected[:, 0], 0)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_nothing_is_chosen_by_scores_that_are_none(value):
    model = MLPRegressorCV(alphas=ALPHAS, scoring=lambda *_: value, **FAST)
    with pytest.raises(ValueError, match=r"NaN\).*'neg_mean_squared_error'|-inf at every alpha"):
        model.fit(X, Y)


@pytest.mark.filterwarnings("default:the alpha chosen:UserWarning")
def test_a_choice_at_an_edge_is_told_once():
    for alphas, edge in (([0.01, 0.5], "largest.*larger"), ([10.0, 1e3], "smallest.*smaller")):
        model = MLPRegressorCV(alphas=alphas, solver="lbfgs", hidden_layer_sizes=20, max_iter=200)
        with pytest.warns(UserWarning, match=edge) as told:
            model.set_params(random_state=0).fit(X, Y)
        assert len([one for one in told if "the alpha chosen" in str(one.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPRegressorCV(alphas=[0.5], **FAST).fit(X, Y)  # there is nothing to choose
        MLPRegressorCV(alphas=[0.0, 1e3], **FAST).fit(X, Y)  # nothing is smaller than 0


# As an estimator.


def test_it_has_what_the_plain_one_has_and_the_path():
    model = MLPClassifierCV(cv=ShuffleSplit(2, random_state=0), **FAST).fit(IRIS, SPECIES)
    assert model.alphas_.shape == (16,)
    assert (np.diff(model.alphas_) > 0).all()
    assert model.scores_path_.shape == (16, 2)
    path = l2_path(MLPClassifier(**FAST), IRIS, SPECIES)
    np.testing.assert_array_equal(path.l2, model.alphas_)
    np.testing.assert_array_equal(path.params, model.l2_path_.params)
    np.testing.assert_allclose(model.l2_path_.test_score, model.scores_path_.mean(axis=1))
    chosen = list(model.alphas_).index(model.alpha_)
    assert model.l2_path_.best == chosen
    np.testing.assert_allclose(model.l2_path_.weights(chosen)[0], model.coefs_[0], rtol=1e-9)
    for name in ("classes_", "n_iter_", "loss_curve_", "n_features_in_", "intercepts_"):
        assert hasattr(model, name)


def test_its_parameters():
    own = set(MLPClassifierCV().get_params())
    plain = set(MLPClassifier().get_params())
    assert own == plain - {"alpha", "warm_start"} | {"alphas", "cv", "rule", "n_jobs", "resume_dir"}
    assert MLPRegressorCV().get_params()["loss"] == "squared_error"
    model = clone(MLPClassifierCV(rule="1se", alphas=[1, 2], solver="sgd"))
    assert model.get_params()["rule"] == "1se"
    assert not hasattr(model, "partial_fit")
    with pytest.raises(NotFittedError):
        model.predict(IRIS)


def test_the_rule_is_followed():
    found = {
        rule: MLPRegressorCV(rule=rule, solver="lbfgs", **FAST).fit(X, Y) for rule in ("min", "1se")
    }
    np.testing.assert_array_equal(found["min"].scores_path_, found["1se"].scores_path_)
    assert found["1se"].alpha_ > found["min"].alpha_


def test_it_pickles_and_goes_into_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), MLPClassifierCV(alphas=ALPHAS, **FAST))
    pipeline.fit(IRIS, SPECIES)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(IRIS), pipeline.predict_proba(IRIS))
    assert again[-1].alpha_ == pipeline[-1].alpha_


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (MLPClassifierCV(alphas=ALPHAS, **FAST), (IRIS, SPECIES)),
        (MLPRegressorCV(alphas=ALPHAS, **FAST), (X, Y)),
    ],
)
def test_to_sklearn(model, rows):
    theirs = clone(model).fit(*rows)
    made = theirs.to_sklearn()
    assert made.alpha == theirs.alpha_
    assert type(made).__module__.startswith("sklearn")
    np.testing.assert_allclose(made.predict(rows[0]), theirs.predict(rows[0]), rtol=1e-9)
    with pytest.raises(NotFittedError):
        clone(model).to_sklearn()


def test_without_a_seed_all_lambdas_still_begin_alike():
    parameters = FAST | {"random_state": None, "max_iter": 1}
    model = MLPRegressorCV(alphas=[1e-9, 2e-9], **parameters).fit(X, Y)
    np.testing.assert_allclose(model.scores_path_[0], model.scores_path_[1], rtol=1e-6)


def test_a_random_state_is_used_once_for_all():
    first, second = (
        MLPRegressorCV(alphas=ALPHAS, **FAST | {"random_state": state}).fit(X, Y)
        for state in (np.random.RandomState(0), 0)
    )
    np.testing.assert_array_equal(first.scores_path_, second.scores_path_)
    np.testing.assert_array_equal(first.coefs_[0], second.coefs_[0])


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"alphas": []}, "alphas must hold distinct numbers, at least one"),
        ({"alphas": [1, 1]}, "alphas must hold distinct"),
        ({"alphas": [-1.0]}, "alphas must be a finite number"),
        ({"alphas": 3}, "alphas"),
        ({"rule": "2se"}, "rule"),
        ({"cv": 1}, "n_splits|k-fold"),
        ({"cv": []}, "cv must give at least one fold"),
        ({"solver": "gd"}, "solver"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
    ],
)
def test_what_is_refused(parameters, match):
    with pytest.raises(ValueError, match=match):
        MLPClassifierCV(**FAST | parameters).fit(IRIS, SPECIES)


def test_rows_are_validated_twice_however_many_lambdas_and_folds(monkeypatch):
    """Once for the choice, once for the refit; of a path once."""
    calls = []

    def counted(*args, **keywords):
        calls.append(1)
        return whole(*args, **keywords)

    whole = base.validate_data
    monkeypatch.setattr(base, "validate_data", counted)
    model = MLPRegressorCV(hidden_layer_sizes=5, max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, Y)
        assert len(calls) == 2
        l2_path(MLPRegressor(hidden_layer_sizes=5, max_iter=2, random_state=0), X, Y)
    assert len(calls) == 3
