"""scikit-learn's callbacks: alone, in pipelines and searches; weights stay as they are."""

import time
import warnings
from itertools import pairwise

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyl2 import (
    BayesianMLPRegressor,
    MLPClassifier,
    MLPClassifierCV,
    MLPClassifierEnsemble,
    MLPRegressor,
    MLPRegressorEnsemble,
)

callback = pytest.importorskip("sklearn.callback")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)


class Counter:
    """Counts what it hears of, and asks to stop after so many epochs."""

    def __init__(self, most=np.inf):
        self.most, self.heard, self.models = most, [], []

    def setup(self, estimator, context):
        self.heard.append("setup")

    def teardown(self, estimator, context):
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.heard.append(f"{context.task_name} begins")

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.heard.append(f"{context.task_name} ends")
        self.weight = metadata
        if fitted_estimator is not None:
            self.models.append(fitted_estimator.predict_proba(X))
        return self.heard.count("epoch ends") >= self.most


def classifier(**given):
    return MLPClassifier(5, **{"max_iter": 6, "random_state": 0, **given})


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "pso"])
def test_epochs_are_tasks_and_weights_stay_as_they_are(solver):
    plain = classifier(solver=solver).fit(X, y)
    heard = Counter()
    watched = classifier(solver=solver).set_callbacks(heard).fit(X, y)
    for ours, theirs in zip(watched.coefs_, plain.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    epochs = ["epoch begins", "epoch ends"] * 6
    assert heard.heard == ["setup", "fit begins", *epochs, "fit ends", "teardown"]
    np.testing.assert_array_equal(heard.models[-1], plain.predict_proba(X))
    assert not np.array_equal(heard.models[0], heard.models[-1])


def test_a_callback_may_stop_the_training():
    heard = Counter(most=2)
    model = classifier().set_callbacks(heard).fit(X, y, sample_weight=np.ones(len(y)))
    assert model.n_iter_ == 2
    assert heard.heard[-3:] == ["epoch ends", "fit ends", "teardown"]
    np.testing.assert_array_equal(heard.weight["sample_weight"], np.ones(len(y)))


def test_a_training_that_ends_early_closes_its_tasks():
    heard = Counter()
    model = classifier(max_iter=500, tol=1.0).set_callbacks(heard).fit(X, y)
    assert model.n_iter_ < 500
    assert heard.heard.count("epoch begins") == heard.heard.count("epoch ends")
    assert len(heard.models) == model.n_iter_


def test_both_kinds_of_callbacks_are_called():
    epochs, heard = [], Counter()
    model = classifier(callbacks=lambda model, history: epochs.append(len(history)))
    model.set_callbacks(heard).fit(X, y)
    assert epochs == list(range(1, 7))
    assert len(heard.models) == 6
    assert clone(model).set_callbacks().fit(X, y)
    assert len(heard.models) == 6


def test_errors_tear_down():
    heard = Counter()
    with pytest.raises(ValueError, match=r"non-finite|are NaN"):
        classifier(solver="sgd", learning_rate_init=1e300).set_callbacks(heard).fit(X, y)
    assert heard.heard[-1] == "teardown"


def monitored(within=lambda model: model):
    """Scores of the epochs of a classifier, perhaps within something, and what was fitted."""
    monitor = callback.ScoringMonitor(scoring="accuracy")
    fitted = within(classifier().set_callbacks(monitor)).fit(X, y)
    return fitted, [row["accuracy"] for row in monitor.get_logs().data if "accuracy" in row]


def test_scores_are_monitored():
    model, found = monitored()
    assert len(found) == 6
    assert found[-1] == model.score(X, y)
    _, in_pipeline = monitored(lambda model: make_pipeline(StandardScaler(), model))
    assert in_pipeline == found  # X is standardised already


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_searches_pass_callbacks_on(n_jobs):
    plain = GridSearchCV(classifier(), {"alpha": [0.01, 1]}, cv=2).fit(X, y)
    search, found = monitored(
        lambda model: GridSearchCV(model, {"alpha": [0.01, 1]}, cv=2, n_jobs=n_jobs)
    )
    assert len(found) == 6 * (2 * 2 + 1)
    scores = "mean_test_score"
    np.testing.assert_array_equal(search.cv_results_[scores], plain.cv_results_[scores])


def test_progress_is_shown(capsys):
    pytest.importorskip("rich")
    MLPRegressor(max_iter=3).set_callbacks(callback.ProgressBar()).fit(X, X[:, 0])
    assert "MLPRegressor - fit" in capsys.readouterr().out
    search = GridSearchCV(classifier(), {"alpha": [0.01, 1]}, cv=2, n_jobs=2)
    search.set_callbacks(callback.ProgressBar()).fit(X, y)
    assert "MLPClassifier - fit" in capsys.readouterr().out


def test_a_search_of_ours_reports_the_refit():
    heard = Counter()
    model = MLPClassifierCV(5, alphas=[0.1, 1, 9], cv=2, max_iter=4, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_callbacks(heard).fit(X, y)
    assert len(heard.models) == 4


def test_each_partial_fit_is_a_fit_of_an_epoch():
    plain, heard = classifier(), Counter()
    watched = classifier().set_callbacks(heard)
    for model in (plain, watched):
        for _ in range(2):
            model.partial_fit(X, y, classes=[0, 1, 2])
    for ours, theirs in zip(watched.coefs_, plain.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    epoch = ["epoch begins", "epoch ends"]
    assert heard.heard == ["setup", "fit begins", *epoch, "fit ends", "teardown"] * 2
    np.testing.assert_array_equal(heard.models[-1], plain.predict_proba(X))


class Tasks(Counter):
    """Counts tasks, and asks to stop after so many trainings."""

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.heard.append(f"{context.task_name} ends")
        if fitted_estimator is not None:
            self.models.append(fitted_estimator.predict(X))
        return self.heard.count("training ends") >= self.most


SMALL = {"hidden_layer_sizes": 3, "max_iter": 10, "random_state": 0}
DRAWN = {"candidates": 3, "folds": 2, **SMALL}
TWO = [*["training begins", "training ends"] * 6]
CANDIDATES = ["candidates begins", *TWO, "candidates ends"]


def searched(trainings):
    return ["search begins", *["training begins", "training ends"] * trainings, "search ends"]


# Each with what is heard between the begin and the end of its fit.
OF_MANY = {
    "regressors": (
        lambda **given: MLPRegressorEnsemble(members=2, **DRAWN, **given),
        [*CANDIDATES, "members begins", *TWO, "members ends"],
    ),
    "classifiers": (
        lambda **given: MLPClassifierEnsemble(members=0, select="equal", **DRAWN, **given),
        CANDIDATES,
    ),
    "bagging": (
        lambda **given: MLPClassifierEnsemble(select="bagging", **DRAWN, **given),
        ["candidates begins", *TWO[:6], "candidates ends"],
    ),
    "evidence": (
        lambda **given: BayesianMLPRegressor(alphas=[1, 10], **SMALL, **given),
        [*searched(2), *searched(2)],
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("name", OF_MANY)
def test_trainings_of_many_are_tasks_and_all_stays_as_it_is(name, n_jobs):
    make, between = OF_MANY[name]
    plain, heard = make().fit(X, y), Tasks()
    with joblib.parallel_config("threading"):
        watched = make(n_jobs=n_jobs).set_callbacks(heard).fit(X, y)
    np.testing.assert_array_equal(watched.predict(X), plain.predict(X))
    if name == "regressors":  # as many members as were selected
        selected = 2 * sum(one.weight > 0 for one in plain.candidates_)
        between = [*CANDIDATES, "members begins", *TWO[: 2 * selected], "members ends"]
    if name == "evidence":  # the vertex of a parabola may be tried, too
        searches = heard.heard.count("search begins")
        assert searches in (2, 3)
        between = [*searched(2), *searched(2), *(searched(1) if searches == 3 else [])]
    assert heard.heard == ["setup", "fit begins", *between, "fit ends", "teardown"]
    np.testing.assert_array_equal(heard.models, [plain.predict(X)])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("name", OF_MANY)
def test_a_callback_may_stop_the_trainings_of_many(name, n_jobs):
    heard = Tasks(most=1)
    model = OF_MANY[name][0](n_threads=1).set_callbacks(heard)
    with joblib.parallel_config("threading", n_jobs=n_jobs):
        model.fit(X, y)
    assert np.isfinite(np.asarray(model.predict(X), float)).all()
    assert "members begins" not in heard.heard
    assert heard.heard.count("search begins") <= 1
    ends = [first for first, then in pairwise(heard.heard) if then == "fit ends"]
    assert ends[0] in ("candidates ends", "search ends")
    if n_jobs is None:  # in jobs others have begun by then
        assert heard.heard.count("training ends") == {"bagging": 1, "evidence": 1}.get(name, 2)


def test_errors_of_a_callback_end_the_trainings_of_many():
    class Broken(Tasks):
        def on_fit_task_begin(self, estimator, context):
            if context.task_name == "training":
                raise RuntimeError("broken")

    heard = Broken()
    model = OF_MANY["regressors"][0]().set_callbacks(heard)
    with pytest.raises(RuntimeError, match="broken"):
        model.fit(X, y)
    assert heard.heard[-1] == "teardown"
    assert clone(model).set_callbacks().fit(X, y).networks_


def test_an_ensemble_is_monitored_in_a_search():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = OF_MANY["bagging"][0]().set_callbacks(monitor)
    search = GridSearchCV(model, {"hidden_layer_sizes": [2, 3]}, cv=2).fit(X, y)
    found = [row["accuracy"] for row in monitor.get_logs().data if "accuracy" in row]
    assert len(found) == 2 * 2 + 1
    assert found[-1] == search.best_estimator_.score(X, y)


def test_no_callbacks_no_cost():
    """Setting up, ten fits of an epoch each, is not longer after callbacks have come and gone."""
    model = classifier(max_iter=1)

    def seconds():
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)
        return time.perf_counter() - start

    before = min(seconds() for _ in range(20))
    model.set_callbacks(Counter()).set_callbacks()
    assert min(seconds() for _ in range(20)) < 2 * before
