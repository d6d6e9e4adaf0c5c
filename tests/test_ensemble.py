"""Ensembles: against scikit-learn's cross_val_predict, greedy selection by brute force, by hand."""

import itertools
import pickle
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.preprocessing import StandardScaler

from pyl2 import MLPClassifier, MLPClassifierEnsemble, MLPRegressor, MLPRegressorEnsemble
from pyl2._common import threads
from pyl2.ensemble import Ensemble
from pyl2.estimators import candidates as training
from pyl2.estimators.ensemble_selection import greedy, row_errors

RNG = np.random.default_rng(0)
IRIS, SPECIES = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)
X = RNG.normal(size=(80, 3))
Y = 20 + 5 * np.sin(2 * X[:, 0]) + X[:, 1] + RNG.normal(0, 0.3, 80)

SMALL = {"hidden_layer_sizes": 6, "candidates": 4, "folds": 3, "max_iter": 20, "random_state": 0}
PLAIN = {"hidden_layer_sizes": 6, "max_iter": 20, "n": "train"}


def regressor(**own):
    return MLPRegressorEnsemble(**SMALL | own)


def classifier(**own):
    return MLPClassifierEnsemble(**SMALL | own)


# The selection.


def brute_force(predictions, y, rounds):
    """Caruana's greedy selection with replacement, each mean anew; the best prefix."""
    bag, prefixes = [], []
    for _ in range(rounds):
        tried = [
            np.mean((np.mean([predictions[j] for j in [*bag, i]], axis=0) - y) ** 2) / 2
            for i in range(len(predictions))
        ]
        bag.append(int(np.argmin(tried)))
        prefixes.append(min(tried))
    kept = bag[: int(np.argmin(prefixes)) + 1]
    return [kept.count(i) for i in range(len(predictions))], prefixes


@pytest.mark.parametrize("seed", range(20))
def test_greedy_is_that_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(30, 1))
    predictions = list(y + rng.normal(size=(7, 30, 1)) * rng.uniform(0.3, 2, (7, 1, 1)))
    found = greedy(predictions, lambda p: float(row_errors(p, y, "identity").mean()), 15)
    counts, errors = brute_force(predictions, y, 15)
    assert found.counts.tolist() == counts
    np.testing.assert_allclose(found.errors, errors, rtol=1e-12)


def test_greedy_is_the_best_of_all_bags_where_one_candidate_is_perfect():
    y = np.zeros((5, 1))
    found = greedy([y + 1, y, y - 3], lambda p: float(np.square(p - y).mean()), 4)
    assert found.counts.tolist() == [0, 1, 0]
    bags = itertools.combinations_with_replacement([1.0, 0.0, -3.0], 3)
    assert min(np.mean(bag) ** 2 for bag in bags) == found.errors.min() == 0


def test_ties_go_to_the_lower_index_and_the_shorter_prefix():
    same = np.ones((4, 1))
    found = greedy([same, same.copy()], lambda p: float(np.square(p).mean()), 5)
    assert found.counts.tolist() == [1, 0]


def test_what_is_not_finite_is_never_chosen():
    y = np.zeros((3, 1))
    error = lambda p: float(np.square(p - y).mean())  # noqa: E731
    found = greedy([y * np.nan, y + 5, y + np.inf], error, 3)
    assert found.counts.tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match="no candidate"):
        greedy([y * np.nan], error, 3)


def test_errors_of_rows_are_scikit_learns():
    p = RNG.dirichlet(np.ones(3), 20)
    y = RNG.integers(0, 3, 20)
    y[:3] = range(3)
    assert row_errors(p, y, "softmax").mean() == pytest.approx(log_loss(y, p), rel=1e-12)
    two = (y > 0).astype(float)[:, None]
    assert row_errors(p[:, :1], two, "logistic").mean() == pytest.approx(
        log_loss(two, p[:, 0]), rel=1e-12
    )
    assert np.isfinite(row_errors(np.array([[0.0, 1.0]]), np.array([0]), "softmax")).all()
    assert row_errors(p, p + 1, "identity") == pytest.approx(np.full(20, 1.5))


# The mean and the spread.


def test_moments_are_the_weighted_ones():
    model = regressor(members=3).fit(X, Y)
    outputs = np.stack([network.predict(X) for network in model.networks_])
    mean, variance = Ensemble(model.networks_, model.weights_).moments(X)
    expected = np.average(outputs, axis=0, weights=model.weights_)
    np.testing.assert_allclose(mean, expected, rtol=1e-12)
    around = np.average((outputs - expected) ** 2, axis=0, weights=model.weights_)
    np.testing.assert_allclose(variance, around, rtol=1e-9, atol=1e-15)
    predicted, std = model.predict(X, return_std=True)
    unit = model.target_scale_[0]
    np.testing.assert_allclose(predicted, expected[:, 0] * unit + model.target_mean_[0], rtol=1e-12)
    np.testing.assert_allclose(
        std, np.sqrt(model.noise_variance_ + around[:, 0] * unit**2), rtol=1e-9
    )
    np.testing.assert_array_equal(model.predict(X), predicted)


def test_probabilities_are_the_mean():
    model = classifier().fit(IRIS, SPECIES)
    each = [network.predict(IRIS) for network in model.networks_]
    found = model.predict_proba(IRIS)
    np.testing.assert_allclose(found, np.average(each, axis=0, weights=model.weights_), rtol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(IRIS), found.argmax(axis=1))
    np.testing.assert_array_equal(model.predict_log_proba(IRIS), np.log(found))
    assert model.score(IRIS, SPECIES) > 0.9


# Folds, beside scikit-learn's.


@pytest.mark.parametrize("solver", ["lbfgs", "adam", "sgd", "adamw"])
def test_fold_scores_are_those_of_cross_val_predict(solver):
    folds = KFold(4, shuffle=True, random_state=3)
    own = {"solver": solver, "learning_rate_init": 0.01, "batch_size": 16}
    # In one kernel all see the orders of the first.
    count = 4 if solver == "lbfgs" else 1
    model = regressor(folds=folds, candidates=count, normalize_y=False, rounds=1, **own).fit(X, Y)
    for candidate in model.candidates_:
        plain = MLPRegressor(alpha=candidate.alpha, random_state=candidate.seed, **PLAIN | own)
        with pytest.warns(UserWarning, match="onverge"):
            expected = cross_val_predict(plain, X, Y, cv=folds)
        assert -2 * candidate.score == pytest.approx(mean_squared_error(Y, expected), rel=1e-9)
        if candidate.weight:
            np.testing.assert_allclose(model.oof_prediction_, expected, rtol=1e-9)
    assert sum(candidate.weight for candidate in model.candidates_) == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fold_probabilities_and_the_selection_of_them():
    folds = StratifiedKFold(3, shuffle=True, random_state=1)
    model = classifier(folds=folds, candidates=5, rounds=12).fit(IRIS, SPECIES)
    expected = [
        cross_val_predict(
            MLPClassifier(alpha=one.alpha, random_state=one.seed, solver="lbfgs", **PLAIN),
            IRIS,
            SPECIES,
            cv=folds,
            method="predict_proba",
        )
        for one in model.candidates_
    ]
    scores = [-log_loss(SPECIES, one) for one in expected]
    np.testing.assert_allclose([one.score for one in model.candidates_], scores, rtol=1e-9)
    bag, errors = [], []
    for _ in range(12):
        tried = [log_loss(SPECIES, np.mean([*bag, one], axis=0)) for one in expected]
        bag.append(expected[int(np.argmin(tried))])
        errors.append(min(tried))
    np.testing.assert_allclose(-model.score_path_, errors, rtol=1e-9)
    best = np.mean(bag[: int(np.argmin(errors)) + 1], axis=0)
    np.testing.assert_allclose(model.oof_prediction_, best, rtol=1e-9)


def test_groups_stay_together():
    groups = np.repeat(np.arange(8), 10)
    model = regressor(folds=GroupKFold(4), candidates=1, members=0)
    model.fit(X, Y, groups=groups)
    assert len(model.networks_) == 4
    with pytest.raises(ValueError, match="groups"):
        model.fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_members_are_refits_to_all_rows():
    model = regressor(warm_start=True).fit(X, Y)
    seeds = np.random.RandomState(model._library.seeds[3]).randint(2**31 - 1, size=(4, 2))
    y = (Y - Y.mean()) / Y.std()
    at = 0
    for i, candidate in enumerate(model.candidates_):
        for seed in seeds[i] if candidate.weight else ():
            plain = MLPRegressor(alpha=candidate.alpha, random_state=seed, solver="lbfgs", **PLAIN)
            np.testing.assert_array_equal(model.networks_[at].weights[0], plain.fit(X, y).coefs_[0])
            assert model.weights_[at] == pytest.approx(candidate.weight / 2)
            at += 1
    assert at == len(model.networks_)


def test_without_members_the_networks_of_the_folds_stay():
    model = regressor(members=0).fit(X, Y)
    selected = sum(candidate.weight > 0 for candidate in model.candidates_)
    assert len(model.networks_) == 3 * selected
    squares = np.mean((model.oof_prediction_ - Y) ** 2)
    _, spread = Ensemble(model.networks_, model.weights_).moments(X)
    less = 0.5 * spread.mean() * model.target_scale_[0] ** 2
    assert model.noise_variance_ == pytest.approx(max(squares - less, squares / 5))
    assert model.noise_variance_ < squares == pytest.approx(regressor().fit(X, Y).noise_variance_)


def test_equal_weights():
    model = regressor(select="equal", members=1).fit(X, Y)
    np.testing.assert_allclose(model.weights_, 0.25)
    alone = regressor(select="equal", members=0).fit(X, Y)
    assert len(alone.networks_) == 12
    np.testing.assert_array_equal(alone.oof_prediction_, model.oof_prediction_)
    np.testing.assert_allclose(
        model.score_path_, [-0.5 * np.mean((model.oof_prediction_ - Y) ** 2) / Y.var()]
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bagging_is_that_by_hand():
    model = regressor(select="bagging", candidates=16, warm_start=True).fit(X, Y)
    rng = np.random.RandomState(model._library.seeds[0])
    y = (Y - Y.mean()) / Y.std()
    out_of_bag = []
    for candidate, network in zip(model.candidates_, model.networks_, strict=True):
        counts = np.bincount(rng.randint(80, size=80), minlength=80)
        plain = MLPRegressor(
            alpha=candidate.alpha, random_state=candidate.seed, solver="lbfgs", **PLAIN
        )
        plain.fit(X[counts > 0], y[counts > 0], sample_weight=counts[counts > 0])
        np.testing.assert_allclose(network.predict(X)[:, 0], plain.predict(X), rtol=1e-9)
        out = np.where(counts == 0, plain.predict(X), np.nan)
        known = counts == 0
        assert -2 * candidate.score == pytest.approx(np.mean((out - y)[known] ** 2), rel=1e-9)
        out_of_bag.append(out)
    expected = np.nanmean(out_of_bag, axis=0) * Y.std() + Y.mean()
    np.testing.assert_allclose(model.oof_prediction_, expected, rtol=1e-9)
    assert model.noise_variance_ == pytest.approx(np.nanmean((expected - Y) ** 2))
    np.testing.assert_allclose(model.weights_, 1 / 16)


def test_rows_in_every_bag_have_no_out_of_bag_prediction():
    model = regressor(select="bagging", candidates=1).fit(X, Y)
    assert 0 < np.isnan(model.oof_prediction_).sum() < 80
    assert np.isfinite(model.noise_variance_)
    probabilities = classifier(select="bagging", candidates=1).fit(IRIS, SPECIES).oof_prediction_
    assert (np.isnan(probabilities).all(axis=1) == np.isnan(probabilities).any(axis=1)).all()


# The same bits.


@pytest.mark.parametrize("own", [{}, {"select": "bagging"}, {"solver": "adam", "candidates": 20}])
def test_bits_do_not_depend_on_threads(own):
    one, three = (regressor(n_threads=count, **own).fit(X, Y) for count in (1, 3))
    np.testing.assert_array_equal(one.predict(X), three.predict(X))
    np.testing.assert_array_equal(one.oof_prediction_, three.oof_prediction_)
    assert one.candidates_ == three.candidates_
    assert one.candidates_ != regressor(random_state=1, **own).fit(X, Y).candidates_


@pytest.mark.parametrize("own", [{}, {"select": "bagging"}, {"select": "equal"}])
def test_warm_start_adds_candidates(own):
    warm = regressor(warm_start=True, candidates=2, **own).fit(X, Y)
    kept = {i: row[0].network for i, row in warm._library.trained.items()}
    warm.set_params(candidates=5).fit(X, Y)
    assert all(warm._library.trained[i][0].network is network for i, network in kept.items())
    whole = regressor(candidates=5, **own).fit(X, Y)
    assert warm.candidates_ == whole.candidates_
    np.testing.assert_array_equal(warm.predict(X), whole.predict(X))
    again = pickle.loads(pickle.dumps(warm)).set_params(candidates=6).fit(X, Y)
    assert [one.score for one in again.candidates_[:5]] == [one.score for one in whole.candidates_]


@pytest.mark.parametrize(
    ("own", "rows", "match"),
    [
        ({"candidates": 3}, Y, "at least the 4"),
        ({"activation": "tanh"}, Y, "activation='relu', got 'tanh'"),
        ({"select": "bagging"}, Y, "bagging=False"),
        ({}, Y[::-1], "y has changed"),
    ],
)
def test_warm_start_refuses_what_does_not_go_together(own, rows, match):
    model = regressor(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=match):
        model.set_params(**own).fit(X, rows)
    model.set_params(warm_start=False).fit(X, rows)


# Time, Ctrl-C, divergence.


def test_max_time_ends_the_drawing_of_candidates():
    model = regressor(max_time=1e-9, candidates=9).fit(X, Y)
    assert len(model.candidates_) == 1
    assert len(model.networks_) == 2
    assert model.n_iter_ == 20
    packs = regressor(max_time=1e-9, candidates=40, solver="adam", max_iter=2).fit(X, Y)
    assert len(packs.candidates_) == training.PACK


def interrupted_after(monkeypatch, tasks):
    """Let Ctrl-C come with the training of a task."""
    done = itertools.count()
    whole = training.train_task

    def train(*args):
        if next(done) == tasks:
            raise KeyboardInterrupt
        return whole(*args)

    monkeypatch.setattr(training, "train_task", train)


def test_ctrl_c_before_a_candidate_is_complete(monkeypatch):
    interrupted_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        regressor(n_threads=1).fit(X, Y)


def test_ctrl_c_keeps_what_is_an_ensemble(monkeypatch):
    interrupted_after(monkeypatch, 7)
    with pytest.warns(UserWarning, match="of the 2 candidates"):
        model = regressor(n_threads=1).fit(X, Y)
    assert len(model.candidates_) == 2
    monkeypatch.undo()
    whole = regressor(candidates=2, members=0).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), whole.predict(X))


def test_ctrl_c_while_members_train(monkeypatch):
    interrupted_after(monkeypatch, 13)
    with pytest.warns(UserWarning, match="networks of the folds"):
        model = regressor(n_threads=1).fit(X, Y)
    monkeypatch.undo()
    np.testing.assert_array_equal(model.predict(X), regressor(members=0).fit(X, Y).predict(X))


def test_trainings_that_diverge_are_left_out(monkeypatch):
    model = regressor(solver="sgd", learning_rate_init=1e6, candidates=2)
    with pytest.raises(ValueError, match="every candidate has diverged"):
        model.fit(X, Y)
    whole = training.train_task

    def train(rows, task, pattern):
        trained = whole(rows, task, pattern)
        return [(None, np.nan)] * len(trained) if task.seeds[0] == lost else trained

    lost = regressor().fit(X, Y).candidates_[1].seed
    monkeypatch.setattr(training, "train_task", train)
    for select in ("greedy", "equal"):
        model = regressor(select=select).fit(X, Y)
        assert model.candidates_[1].score == -np.inf
        assert model.candidates_[1].weight == 0
        assert np.isfinite(model.predict(X)).all()


def test_members_that_diverge_are_left_out(monkeypatch):
    whole, first = training.train_task, []

    def train(rows, task, pattern):
        trained = whole(rows, task, pattern)
        if task.split is None and not first:
            first.append(task)
            return [(None, np.nan)]
        return trained

    monkeypatch.setattr(training, "train_task", train)
    with pytest.warns(UserWarning, match="1 of .* networks diverged"):
        model = regressor(n_threads=1).fit(X, Y)
    assert model.weights_.sum() == pytest.approx(1)


# Threads side by side.


def test_jobs_side_by_side_are_all_done_once():
    done = []
    jobs = [lambda i=i: done.append(i) for i in range(50)]
    threads.side_by_side(jobs, 4, threading.Event())
    assert sorted(done) == list(range(50))


def test_the_first_failure_is_raised_and_ends_the_others():
    stop, begun = threading.Event(), []

    def job(i):
        begun.append(i)
        if i in (2, 3):
            raise ValueError(f"job {i}")
        time.sleep(0.01)

    with pytest.raises(ValueError, match="job 2"):
        threads.side_by_side([lambda i=i: job(i) for i in range(100)], 3, stop)
    assert stop.is_set()
    assert len(begun) < 20


def test_threads_are_shared():
    assert threads.share(8, 3) == (3, 2)
    assert threads.share(2, 50) == (2, 1)
    assert threads.share(0, 1)[0] == 1


def blas_threads():
    return [library["num_threads"] for library in threads._blas_controller().info()]


def test_blas_gets_its_threads_back():
    before = blas_threads()
    with threads.one_blas_thread(), threads.one_blas_thread():
        assert set(blas_threads()) <= {1}
    assert blas_threads() == before
    regressor(n_threads=3).fit(X, Y)
    assert blas_threads() == before


def test_blas_gets_its_threads_back_whoever_leaves_last():
    """By threadpoolctl 3.8 none but the thread that has set a limit can take it back."""
    before = blas_threads()
    entered, leave, left, done = (threading.Event() for _ in range(4))

    def first():
        with threads.one_blas_thread():
            entered.set()
            leave.wait()
        left.set()
        done.wait()

    def second():
        entered.wait()
        with threads.one_blas_thread():
            leave.set()
            left.wait()

    begun = [threading.Thread(target=job) for job in (first, second)]
    for thread in begun:
        thread.start()
    begun[1].join()
    found = blas_threads()
    done.set()
    begun[0].join()
    assert found == before


# As scikit-learn's estimators.


def test_integer_weights_are_repeated_rows():
    weight = RNG.integers(1, 4, 80)
    fold = np.arange(80) % 3
    rows = np.repeat(np.arange(80), weight)

    def splits(of):
        return [(np.flatnonzero(of != k), np.flatnonzero(of == k)) for k in range(3)]

    own = {"activation": "tanh", "max_iter": 30}
    weighted = regressor(folds=splits(fold), **own).fit(X, Y, weight)
    repeated = regressor(folds=splits(fold[rows]), **own).fit(X[rows], Y[rows])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-6)
    assert weighted.noise_variance_ == pytest.approx(repeated.noise_variance_, rel=1e-6)


def test_sparse_rows_float32_and_names():
    dense = regressor().fit(X, Y)
    sparse = regressor().fit(sp.csc_matrix(X), Y)
    np.testing.assert_allclose(sparse.predict(sp.csr_array(X)), dense.predict(X), rtol=1e-6)
    single = regressor().fit(X.astype(np.float32), Y)
    assert single.predict(X).dtype == single.networks_[0].dtype == np.float32
    np.testing.assert_allclose(single.predict(X), dense.predict(X), atol=0.5)
    table = pytest.importorskip("pandas").DataFrame(X, columns=list("abc"))
    named = regressor().fit(table, Y)
    assert named.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        named.predict(table[["b", "a", "c"]])


def test_several_targets():
    two = np.column_stack([Y, 1000 * X[:, 2] ** 2])
    model = regressor().fit(X, two)
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == model.oof_prediction_.shape == (80, 2)
    np.testing.assert_allclose(
        model.noise_variance_, np.mean((model.oof_prediction_ - two) ** 2, axis=0), rtol=1e-9
    )
    labels = (two > np.median(two, axis=0)).astype(int)
    found = classifier(max_iter=100).fit(X, labels)
    assert found.predict(X).shape == found.predict_proba(X).shape == (80, 2)
    assert found.score(X, labels) > 0.6


def test_two_classes_by_name():
    names = np.array(["no", "yes"])[(Y > 20).astype(int)]
    model = classifier().fit(X, names)
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.predict_proba(X).shape == model.oof_prediction_.shape == (80, 2)
    assert set(model.predict(X)) <= {"no", "yes"}
    assert model.score(X, names) > 0.8


def test_units_of_y_change_nothing():
    model = regressor().fit(X, Y)
    scaled = regressor().fit(X, 1e150 * (Y - 7))
    np.testing.assert_allclose(scaled.predict(X) / 1e150 + 7, model.predict(X), rtol=1e-6)
    constant = regressor().fit(X, np.full(80, 3.0))
    np.testing.assert_allclose(constant.predict(X), 3, atol=1e-2)


def test_clone_pickle_grid_search():
    model = regressor(candidates=2)
    assert clone(model).get_params() == model.get_params()
    model.fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    search = GridSearchCV(regressor(candidates=2), {"rounds": [1, 5]}, cv=2).fit(X, Y)
    assert search.best_score_ > 0.3
    with pytest.raises(NotFittedError):
        regressor().predict(X)


@pytest.mark.usefixtures("terminal")
def test_a_progress_bar(capfd):
    regressor(verbose=True, candidates=2).fit(X, Y)
    assert "training" in capfd.readouterr().err


# Files.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_loaded_predicts_the_same_bits(tmp_path, dtype):
    table = pytest.importorskip("pandas").DataFrame(X.astype(dtype), columns=list("abc"))
    model = regressor(hidden_layer_sizes=(5, 4), activation=("tanh", "relu")).fit(table, Y)
    model.save(tmp_path / "model.pyl2")
    again = MLPRegressorEnsemble.load(tmp_path / "model.pyl2")
    for found, expected in zip(
        again.predict(table, return_std=True), model.predict(table, return_std=True), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(again.oof_prediction_, model.oof_prediction_)
    assert again.candidates_ == model.candidates_
    assert again.noise_variance_ == model.noise_variance_
    assert again.feature_names_in_.tolist() == ["a", "b", "c"]
    assert again.get_params()["candidates"] == 4
    assert again.fit(table, Y).score(table, Y) == model.score(table, Y)


@pytest.mark.parametrize(
    "labels",
    [
        SPECIES,
        np.array(["c", "a", "b"])[SPECIES],
        np.array(["c", "a", "b"], object)[SPECIES],
        SPECIES > 0,
        SPECIES * 2.0,
        np.column_stack([SPECIES > 0, SPECIES > 1]).astype(int),
    ],
    ids=["int", "text", "object", "bool", "float", "multilabel"],
)
def test_classes_in_files(tmp_path, labels):
    model = classifier(candidates=2).fit(IRIS, labels)
    model.save(tmp_path / "model.pyl2")
    again = MLPClassifierEnsemble.load(tmp_path / "model.pyl2")
    np.testing.assert_array_equal(again.predict_proba(IRIS), model.predict_proba(IRIS))
    np.testing.assert_array_equal(again.predict(IRIS), model.predict(IRIS))
    assert again.predict(IRIS).dtype == model.predict(IRIS).dtype


def test_what_is_no_plain_value_is_left_out(tmp_path):
    model = regressor(random_state=np.random.RandomState(0), folds=KFold(3)).fit(X, Y)
    model.save(tmp_path / "model.pyl2")
    again = MLPRegressorEnsemble.load(tmp_path / "model.pyl2")
    assert again.random_state is None
    assert again.folds == 5


def test_files_of_another_kind(tmp_path):
    regressor().fit(X, Y).save(tmp_path / "model.pyl2")
    with pytest.raises(ValueError, match="holds a 'MLPRegressorEnsemble', not a MLPClass"):
        MLPClassifierEnsemble.load(tmp_path / "model.pyl2")
    regressor().fit(X, Y).networks_[0].save(tmp_path / "network.pyl2")
    with pytest.raises(ValueError, match="holds a 'network'"):
        MLPRegressorEnsemble.load(tmp_path / "network.pyl2")
    with pytest.raises(NotFittedError):
        regressor().save(tmp_path / "none.pyl2")


def test_a_seed_that_is_no_number(tmp_path):
    """It was an OverflowError."""
    model = regressor().fit(X, Y)
    model.candidates_[0] = model.candidates_[0]._replace(seed=np.inf)
    model.save(tmp_path / "model.pyl2")
    with pytest.raises(ValueError, match="damaged: candidates are malformed"):
        MLPRegressorEnsemble.load(tmp_path / "model.pyl2")


# Parameters that go on to the networks.


def rising(layer, n_in, n_out, rng):
    """Initial weights and biases of one's own."""
    return 0.1 * np.arange(n_in * n_out).reshape(n_in, n_out), np.full(n_out, 0.1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init", ["he", "lecun", rising])
@pytest.mark.parametrize("solver", ["lbfgs", "rmsprop", "nadam"])
def test_each_network_is_the_plain_estimators(init, solver):
    halves = np.arange(0, len(X), 2), np.arange(1, len(X), 2)
    own = {"solver": solver, "init": init, "max_iter": 5, "tol": 0.0}
    model = MLPRegressorEnsemble(
        5, candidates=1, members=0, folds=[halves, halves[::-1]], normalize_y=False, **own
    ).fit(X, Y)
    (candidate,) = model.candidates_
    alone = {"alpha": candidate.alpha, "random_state": candidate.seed, "n": "train"}
    plain = MLPRegressor(hidden_layer_sizes=5, **alone, **own).fit(X[halves[0]], Y[halves[0]])
    for ours, theirs in zip(model.networks_[0].weights, plain.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# What is refused.


@pytest.mark.parametrize(
    ("own", "match"),
    [
        ({"candidates": 0}, "candidates"),
        ({"members": -1}, "members"),
        ({"rounds": 0}, "rounds"),
        ({"select": "best"}, "select"),
        ({"alphas": (0, 1)}, r"alphas\[0\]"),
        ({"alphas": (2, 1)}, r"alphas\[1\]"),
        ({"alphas": (1, 2, 3)}, "alphas must be a pair"),
        ({"alphas": (1, np.inf)}, r"alphas\[1\]"),
        ({"folds": 1}, "folds"),
        ({"folds": 81}, "folds=81"),
        ({"folds": ShuffleSplit(2)}, "hold out each row once"),
        ({"solver": "pso"}, "solver"),
        ({"solver": "lm"}, "solver"),
        ({"init": "glorto"}, "init"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes"),
        ({"activation": ("relu", "tanh")}, "activation"),
        ({"max_time": 0}, "max_time"),
        ({"n_threads": 0}, "n_threads"),
        ({"n_jobs": 0}, "n_jobs must be None, 1 or more, or -1 or less, got 0"),
        ({"n_jobs": 1.0}, "n_jobs"),
        ({"candidates": True}, "candidates"),
    ],
)
def test_bad_parameters(own, match):
    with pytest.raises((ValueError, TypeError), match=match):
        regressor(**own).fit(X, Y)


def test_bad_rows():
    with pytest.raises(ValueError, match="NaN"):
        regressor().fit(np.where(X > 1, np.nan, X), Y)
    with pytest.raises(ValueError, match="inconsistent"):
        regressor().fit(X, Y[:-1])
    with pytest.raises(ValueError, match="sample_weight"):
        regressor().fit(X, Y, -np.ones(80))
    with pytest.raises(TypeError, match="return_std"):
        regressor().fit(X, Y).predict(X, return_std="yes")
    with pytest.raises(ValueError, match="3 features"):
        regressor().fit(X, Y).predict(X[:, :2])
    with pytest.warns(UserWarning, match="X is not scaled"):
        regressor().fit(1000 * X, Y)
