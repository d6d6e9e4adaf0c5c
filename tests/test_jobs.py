"""n_jobs: the same bits in any number of jobs, of any kind; limits, Ctrl-C, workers that die."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, KFold

from pyl2 import (
    BayesianMLPRegressor,
    MLPClassifierCV,
    MLPClassifierEnsemble,
    MLPRegressor,
    MLPRegressorCV,
    MLPRegressorEnsemble,
    Network,
    bias_variance,
    compare,
)
from pyl2._common import jobs

X, y = load_diabetes(return_X_y=True)
X, y = (X / X.std(axis=0))[:120], ((y - y.mean()) / y.std())[:120]
LABELS = (y > 0).astype(int)
SMALL = {"hidden_layer_sizes": 5, "max_iter": 8, "random_state": 0}
# Its name before joblib 1.3.
parallel_config = getattr(joblib, "parallel_config", joblib.parallel_backend)
IN_ORDER = joblib.__version__.startswith(("1.2.", "1.3."))
KINDS = ("loky", "threading", "multiprocessing")


def of_cv(n_jobs, **given):
    kind = MLPClassifierCV if given.pop("classes", False) else MLPRegressorCV
    model = kind(**SMALL, alphas=[0.01, 1, 30], n_jobs=n_jobs, **given)
    model.fit(X, LABELS if kind is MLPClassifierCV else y)
    found = model.l2_path_
    return [model.scores_path_, model.alpha_, found.params, found.curves, *model.coefs_]


def of_ensemble(n_jobs, kind=MLPRegressorEnsemble, **given):
    model = kind(**SMALL, candidates=3, n_jobs=n_jobs, **given)
    model.fit(X, LABELS if kind is MLPClassifierEnsemble else y)
    return [model.weights_, model.score_path_, *(one.params for one in model.networks_)]


def of_evidence(n_jobs):
    model = BayesianMLPRegressor(3, alphas=[1, 10], n_restarts=2, n_jobs=n_jobs, random_state=0)
    model.fit(X, y)
    return [model.alpha_, model.log_marginal_likelihood_path_, *model.predict(X, return_std=True)]


def of_draws(n_jobs, **training):
    network = Network((10, 4, 1), seed=0)
    found = bias_variance(
        network, (X, y), X, y, [0.1, 10], draws=3, seed=0, n_jobs=n_jobs, epochs=5, **training
    )
    return [found.l2, found.predictions]


def of_comparison(n_jobs):
    network = Network((10, 4, 1))
    budget = {"evaluations": 120, "particles": 10}
    runs = compare(X, y, network, 0.1, seeds=2, n_jobs=n_jobs, **budget).runs
    return [value for run in runs for value in (run.error, run.evaluations, run.network.params)]


WORK = {
    "adam": of_cv,
    "lbfgs": lambda n_jobs: of_cv(n_jobs, solver="lbfgs"),
    "early stopping": lambda n_jobs: of_cv(n_jobs, early_stopping=True, classes=True),
    "a scorer": lambda n_jobs: of_cv(n_jobs, scoring="balanced_accuracy", classes=True),
    "ensemble": of_ensemble,
    "bagging": lambda n_jobs: of_ensemble(n_jobs, select="bagging", solver="adam"),
    "classes": lambda n_jobs: of_ensemble(n_jobs, MLPClassifierEnsemble),
    "evidence": of_evidence,
    "draws": lambda n_jobs: of_draws(n_jobs, optimizer="adam"),
    "draws by lbfgs": lambda n_jobs: of_draws(n_jobs, optimizer="lbfgs"),
    "comparison": of_comparison,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WORK)
def test_any_number_of_jobs_gives_the_same_bits(name, kind, monkeypatch):
    alone = WORK[name](None)
    monkeypatch.setattr(jobs, "_must_start", lambda workers: False)
    with parallel_config(kind):
        together = WORK[name](2)
    assert len(alone) == len(together)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def cold(monkeypatch):
    """As if jobs were processes that do not run yet; returns who did each task, by thread."""
    monkeypatch.setattr(jobs, "_must_start", lambda workers: True)
    did = {}

    def ask(place, stop, times=3):
        did[place] = threading.get_ident()
        for _ in range(times):
            stop.check()
            time.sleep(0.01)
        return 10 * place

    def done(count, times=3):
        did.clear()
        tasks = [partial(ask, place, times=times) for place in range(count)]
        with parallel_config("threading"):
            found = sorted(jobs.run(tasks, 2, tasks))
        assert found == [(place, 10 * place) for place in range(count)]
        return [did[place] == threading.get_ident() for place in range(count)]

    return done


@pytest.mark.skipif(IN_ORDER, reason="this process does nothing where results come at the end")
def test_little_work_starts_no_jobs(cold):
    assert cold(5) == [True] * 5


@pytest.mark.skipif(IN_ORDER, reason="this process does nothing where results come at the end")
def test_jobs_are_started_where_they_are_worth_it(cold, monkeypatch):
    monkeypatch.setattr(jobs, "_START", 0.04)
    assert cold(12) == [True] + [False] * 11  # the first goes on to its end
    monkeypatch.setattr(jobs, "_START", 0.09)
    here = cold(20, times=1)  # more are done until the jobs should be there
    assert here[:2] == [True, True]
    assert not all(here)


@pytest.mark.skipif(IN_ORDER, reason="this process does nothing where results come at the end")
def test_an_error_ends_the_jobs_that_were_started(monkeypatch):
    monkeypatch.setattr(jobs, "_must_start", lambda workers: True)
    monkeypatch.setattr(jobs, "_START", 0.0)
    began, going = threading.Event(), []

    def fail(stop):
        time.sleep(0.01)
        stop.check()
        began.wait(10)
        raise RuntimeError("broken")

    def endless(stop):
        going.append(stop)
        began.set()
        while not stop.is_set():
            time.sleep(0.01)
        going.remove(stop)

    tasks = [fail, *[endless] * 3]
    with parallel_config("threading"), pytest.raises(RuntimeError, match="broken"):
        list(jobs.run(tasks, 2, tasks))
    for _ in range(100):  # threads that outlive the test would put its warnings' filters back
        time.sleep(0.1)
        if not going:
            break
    assert not going


def test_processes_that_run_are_seen():
    with parallel_config("threading"):
        assert not jobs._must_start(2)
    code = """
        import sys, numpy as np
        from pyl2 import MLPRegressorCV
        from pyl2._common import jobs
        def task(stop): return 1
        if __name__ == "__main__":
            found = [jobs._must_start(2)]
            list(jobs.run([task, task], 2))
            print(found + [jobs._must_start(2), jobs._must_start(3)])
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[True, False, True]\n"


@pytest.mark.filterwarnings("ignore")
def test_a_search_begins_in_this_process(monkeypatch):
    expected = of_cv(None)
    monkeypatch.setattr(jobs, "_must_start", lambda workers: True)
    for seconds in (0.0, 0.002, 60):
        monkeypatch.setattr(jobs, "_START", seconds)
        with parallel_config("multiprocessing"):
            found = of_cv(2)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(IN_ORDER, reason="this process does nothing where results come at the end")
def test_this_process_takes_all_threads_while_it_is_alone(monkeypatch):
    monkeypatch.setattr("pyl2._core.get_num_threads", lambda: 6)
    monkeypatch.setattr(jobs, "_must_start", lambda workers: True)
    seen = set()

    def watch(model, history):
        seen.add(model.n_threads)

    of_cv(2, callbacks=watch)
    assert seen == {None}


def test_the_users_configuration_is_asked():
    assert jobs.count(None, 9) == 1
    with parallel_config("threading", n_jobs=3):
        assert jobs.count(None, 9) == 3
        assert jobs.count(None, 2) == 2  # tasks
        assert jobs.count(1, 9) == 1
    assert jobs.count(-1, 10**6) == joblib.cpu_count()


@pytest.mark.filterwarnings("ignore")
def test_jobs_share_the_threads(monkeypatch):
    monkeypatch.setattr("pyl2._core.get_num_threads", lambda: 6)
    seen = set()

    def watch(model, history):
        seen.add((threading.get_ident(), model.n_threads))

    model = MLPRegressorCV(**SMALL, alphas=[1], callbacks=watch, n_jobs=2)
    with parallel_config("threading"):
        model.fit(X, y)
        refit = {pair for pair in seen if pair[0] == threading.get_ident()}
        assert {n_threads for _, n_threads in seen - refit} == {3}
        assert {n_threads for _, n_threads in refit} == {None}
        seen.clear()
        model.set_params(n_threads=1).fit(X, y)
        assert {n_threads for _, n_threads in seen} == {1}


@pytest.mark.filterwarnings("ignore:the alpha chosen", "ignore:Stochastic Optimizer")
def test_a_fold_that_cannot_be_scored_is_told():
    folds = [(np.arange(60), [60]), (np.arange(60, 120), np.arange(60))]
    model = MLPRegressorCV(**SMALL, alphas=[1, 2], cv=folds, n_jobs=2)
    told = "fold 0 at every alpha .R² takes two rows"
    with pytest.warns(UserWarning, match=told), parallel_config("threading"):
        model.fit(X, y)
    assert np.isnan(model.scores_path_[:, 0]).all()


@pytest.mark.parametrize(("version", "can"), [(joblib.__version__, not IN_ORDER), ("1.3.2", False)])
def test_results_come_one_by_one_where_joblib_can(version, can, monkeypatch):
    """Since 1.4: until then the first is there when all are."""
    monkeypatch.setattr("joblib.__version__", version)
    first = threading.Event()
    tasks = [lambda stop: first.wait(1), lambda stop: None]
    found = {}
    with parallel_config("threading"):
        for place, result in jobs.run(tasks, 2):
            first.set()
            found[place] = result
    assert found == {0: can, 1: None}


def test_an_error_of_a_task_is_raised():
    def fail(estimator, X, y):
        raise RuntimeError("the scorer is broken")

    model = MLPRegressorCV(**SMALL, alphas=[1, 2], scoring=fail, n_jobs=2)
    with parallel_config("threading"), pytest.raises(RuntimeError, match="is broken"):
        model.fit(X, y)


def test_what_ends_tasks_is_unset_in_another_process():
    stop = jobs.Stop()
    stop.check()
    stop.set()
    with pytest.raises(jobs.Stopped):
        stop.check()
    assert stop()
    assert not pickle.loads(pickle.dumps(stop)).is_set()


@pytest.mark.skipif(IN_ORDER, reason="joblib sees a failure once the tasks before it have ended")
def test_tasks_in_threads_end_with_the_first_failure():
    began = threading.Event()

    def endless(stop):
        began.set()
        while not stop.is_set():
            time.sleep(0.01)
        ended.set()

    def fail(stop):
        began.wait(10)
        raise KeyboardInterrupt

    ended = threading.Event()
    with parallel_config("threading"), pytest.raises(KeyboardInterrupt):
        list(jobs.run([endless, fail], 2))
    assert ended.wait(10)


ENDLESS = """
    import sys, warnings
    import joblib, numpy as np
    from pyl2 import {kind}
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 20))
    parallel_config = getattr(joblib, "parallel_config", joblib.parallel_backend)
    model = {kind}(**{given}, n_jobs=2, tol=0, max_iter=10**6)
    if __name__ == "__main__":
        with parallel_config("{backend}"):
            print("begins", flush=True)
            try:
                model.fit(X, X[:, 0])
            except KeyboardInterrupt:
                print("interrupted", flush=True)
"""


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("MLPRegressorCV", {"alphas": [1, 2], "n_iter_no_change": 10**6}),
        ("MLPRegressorEnsemble", {"solver": "adam", "hidden_layer_sizes": 30}),
    ],
)
def test_interrupting_ends_all_jobs(kind, given, backend, tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(textwrap.dedent(ENDLESS.format(kind=kind, given=given, backend=backend)))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout.readline() == "begins\n"
            time.sleep(2)
            started = time.monotonic()
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "interrupted\n"
            assert time.monotonic() - started < 5
            assert child.wait(20) == 0
        finally:
            child.kill()


@pytest.mark.filterwarnings("ignore")
def test_a_grid_in_jobs_keeps_its_bits():
    grid = {"alpha": [0.01, 1]}
    folds = KFold(3, shuffle=True, random_state=0)
    found = [
        GridSearchCV(MLPRegressor(**SMALL), grid, cv=folds, n_jobs=n_jobs).fit(X, y)
        for n_jobs in (1, 2)
    ]
    one, two = (search.cv_results_["mean_test_score"] for search in found)
    np.testing.assert_array_equal(one, two)


@pytest.mark.filterwarnings("ignore")
def test_a_worker_of_dask_may_die():
    distributed = pytest.importorskip("distributed")
    alone = of_cv(None)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = [info["pid"] for info in client.run(lambda: {"pid": os.getpid()}).values()]
        timer = threading.Timer(0.3, os.kill, (pids[0], signal.SIGKILL))
        timer.start()
        with parallel_config("dask"):
            together = of_cv(2)
        timer.join()
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
