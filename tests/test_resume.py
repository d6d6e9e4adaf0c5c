"""Sweeps that were interrupted go on: the same bits, and no finished fit trained again."""

import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from pyl2 import (
    MLPClassifier,
    MLPClassifierCV,
    MLPRegressor,
    MLPRegressorCV,
    Network,
    __version__,
    compare,
    l2_path,
)
from pyl2._common import files
from pyl2.estimators.path_source import EstimatorSource, checked_clone
from pyl2.experiments import comparison
from pyl2.path import selection, source
from pyl2.path.source import path_source
from pyl2.training import descent
from pyl2.training.history import History, history_from_file, history_to_file

# Its name before joblib 1.3.
parallel_config = getattr(joblib, "parallel_config", joblib.parallel_backend)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.sin(2 * X[:, 0]) + RNG.normal(0, 0.1, 60)
LABELS = np.where(X[:, 0] > 0, "p", "q")
LAMBDAS = [0.0, 0.1, 1.0, 10.0]
NETWORK = Network((4, 5, 1), seed=0)


def path(resume_dir=None, model=NETWORK, y=Y, l2=LAMBDAS, rows=X, **training):
    if model is NETWORK:
        training = {"optimizer": "lbfgs", "seed": 0, "epochs": 20} | training
    return l2_path(model, rows, y, l2, resume_dir=resume_dir, **training)


def same(found, expected):
    assert found.stopped == expected.stopped
    for name in ("l2", "params", "data_error", "curves", "train_score", "test_score"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.fixture
def trained(monkeypatch):
    """Counts the trainings, and breaks off the one whose number is set."""
    whole = source.train_many

    class Count:
        begun, breaks = 0, None

        def __call__(self, runs, dataset):
            self.begun += len(runs)
            if self.breaks is not None and self.begun > self.breaks:
                raise KeyboardInterrupt
            whole(runs, dataset)

    count = Count()
    monkeypatch.setattr(source, "train_many", count)
    return count


SLOW = {"solver": "lbfgs", "random_state": 0, "hidden_layer_sizes": (5,), "max_iter": 20}
MODELS = {
    "network by lbfgs": {},
    "network by a swarm": {"optimizer": "pso", "particles": 5},
    "network from one to the next": {"model": NETWORK, "start": "warm"},
    "estimator": {"model": MLPRegressor(**SLOW), "test": 0.25},
    "sparse rows": {"model": MLPClassifier(**SLOW), "rows": sp.csr_array(X), "y": LABELS},
}


@pytest.mark.filterwarnings("ignore:.*max_iter|lbfgs failed")
@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)
def test_a_path_goes_on(tmp_path, trained, options):
    expected = path(**options)
    trained.begun, trained.breaks = 0, 2
    with pytest.raises(KeyboardInterrupt):
        path(tmp_path, **options)
    trained.begun, trained.breaks = 0, None
    same(path(tmp_path, **options), expected)
    assert trained.begun == 2
    same(path(tmp_path, **options), expected)
    assert trained.begun == 2


def test_what_trains_together_finishes_together(tmp_path, monkeypatch, trained):
    options = {"optimizer": "adam", "batch_size": 16, "test": 0.25}
    expected = path(**options)
    whole, left = descent._Group._call, 10

    def call(*args):
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        return whole(*args)

    with monkeypatch.context() as patched:
        patched.setattr(descent._Group, "_call", call)
        with pytest.raises(KeyboardInterrupt):
            path(tmp_path, **options)
    assert os.listdir(tmp_path) == ["settings.json"]
    same(path(tmp_path, **options), expected)
    begun = trained.begun
    same(path(tmp_path, **options), expected)
    assert trained.begun == begun


def test_one_that_diverged_is_finished_too(tmp_path, trained):
    options = {"optimizer": "sgd", "eta": 1.0, "l2": [0.1, 1e9], "n_threads": 1}
    with pytest.warns(UserWarning, match="the weights will change sign"):
        expected = path(tmp_path, **options)
    assert "diverged" in expected.stopped
    begun = trained.begun
    same(path(tmp_path, **options), expected)
    assert trained.begun == begun


def test_one_that_ran_out_of_time_is_not(tmp_path, trained):
    options = {"optimizer": "adam", "epochs": 10**6, "max_time": 0.05, "l2": [1.0]}
    assert path(tmp_path, **options).stopped == ["max_time"]
    path(tmp_path, **options)
    assert trained.begun == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"l2": [0.0, 1.0]}, "l2 was"),
        ({"epochs": 21}, "epochs was 20, is 21"),
        ({"seed": 1}, "seed was 0, is 1"),
        ({"optimizer": "lm"}, "optimizer was 'lbfgs', is 'lm'"),
        ({"tol": 0.1}, "tol was None, is 0.1"),
        ({"rows": X + 1}, "X was '60 x 4 float64"),
        ({"y": Y + 1}, "y was '60 x 1 float64"),
        ({"sample_weight": np.ones(60)}, "sample_weight was None, is '60 float64"),
        ({"start": "warm", "l2": LAMBDAS}, "start was 'same', is 'warm'"),
    ],
)
def test_other_settings_or_rows_are_refused(tmp_path, change, words):
    path(tmp_path)
    with pytest.raises(ValueError, match="holds fits of other settings") as error:
        path(tmp_path, **change)
    assert words in str(error.value)
    assert "take another folder, or delete this one" in str(error.value)
    path(tmp_path, verbose=True, n_threads=1)


def test_other_parameters_of_an_estimator_are_refused(tmp_path):
    model = MLPRegressor(**SLOW | {"max_iter": 5000})
    path(tmp_path, model)
    path(tmp_path, MLPRegressor(**SLOW | {"max_iter": 5000, "alpha": 3.0}))
    with pytest.raises(ValueError, match="activation was 'relu', is 'tanh'"):
        path(tmp_path, MLPRegressor(**SLOW | {"max_iter": 5000, "activation": "tanh"}))
    with pytest.raises(ValueError, match="estimator was"):
        path(tmp_path, MLPClassifier(**SLOW | {"max_iter": 5000}), LABELS)


def test_what_cannot_begin_alike_is_refused(tmp_path):
    with pytest.raises(ValueError, match="resume_dir needs a seed"):
        path(tmp_path, seed=None)
    with pytest.raises(ValueError, match="resume_dir needs a random_state"):
        path(tmp_path, MLPRegressor())
    assert not os.listdir(tmp_path)


def test_folders_that_will_not_do(tmp_path):
    (tmp_path / "taxes.csv").write_text("a")
    with pytest.raises(ValueError, match="is not empty, and no sweep was begun there"):
        path(tmp_path)
    with pytest.raises(OSError, match="taxes"):
        path(tmp_path / "taxes.csv")
    with pytest.raises(TypeError, match="resume_dir must be a str or path-like, got 3"):
        path(3)
    path(tmp_path / "new" / "folder")
    (tmp_path / "new" / "folder" / "l2-1.pyl2").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"l2-1\.pyl2 is not a pyl2 file, or is damaged"):
        path(tmp_path / "new" / "folder")
    (tmp_path / "new" / "folder" / "settings.json").write_text("{")
    with pytest.raises(ValueError, match=r"settings\.json is damaged"):
        path(tmp_path / "new" / "folder")


@pytest.mark.parametrize("of_estimator", [False, True])
def test_folds_go_on(tmp_path, trained, of_estimator):
    if of_estimator:
        model = MLPRegressor(**SLOW | {"max_iter": 5000})
        made = EstimatorSource(checked_clone(model), (X, Y, None))
    else:
        training = {"optimizer": "lbfgs", "seed": 0, "epochs": 20}
        made = path_source.dispatch(Network)(NETWORK, X, Y, training=training)
    folds = [(np.delete(np.arange(60), out), out) for out in np.arange(60).reshape(3, 20)]
    expected, _ = selection.cv_path(made, LAMBDAS, folds)
    trained.begun, trained.breaks = 0, 2 * len(LAMBDAS)
    with pytest.raises(KeyboardInterrupt):
        selection.cv_path(made, LAMBDAS, folds, resume_dir=tmp_path)
    trained.begun, trained.breaks = 0, None
    found, reasons = selection.cv_path(made, LAMBDAS, folds, resume_dir=tmp_path)
    np.testing.assert_array_equal(found, expected)
    assert reasons == [""] * 3
    assert trained.begun == len(LAMBDAS)
    with pytest.raises(ValueError, match="folds was"):
        selection.cv_path(made, LAMBDAS, folds[::-1], resume_dir=tmp_path)


# The estimators that choose λ.


SEARCH = {**SLOW, "alphas": LAMBDAS, "max_iter": 5000, "cv": 3}
ADAM = {"solver": "adam", "max_iter": 5}


def searched(resume_dir=None, n_jobs=None, kind=MLPRegressorCV, y=Y, **given):
    model = kind(**{**SEARCH, "resume_dir": resume_dir, "n_jobs": n_jobs, **given})
    with parallel_config("threading"):
        return model.fit(X, y)


def same_search(found, expected):
    same(found.l2_path_, expected.l2_path_)
    np.testing.assert_array_equal(found.scores_path_, expected.scores_path_)
    assert found.alpha_ == expected.alpha_
    for ours, theirs in zip(found.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def fits_in(folder):
    """The files of finished fits in the one folder within."""
    (inner,) = folder.iterdir()
    return sorted(file.name for file in inner.glob("*.pyl2"))


IN_FULL = [*(f"fold-{i}.pyl2" for i in range(3)), *(f"l2-{i}.pyl2" for i in range(4))]
searches = pytest.mark.filterwarnings("ignore:the alpha chosen", "ignore:Stochastic Optimizer")


@searches
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("options", [{}, ADAM], ids=["lbfgs", "adam"])
def test_a_search_goes_on(tmp_path, trained, options, n_jobs):
    expected = searched(**options)
    with_folder = {"resume_dir": tmp_path, "n_jobs": n_jobs, **options}
    same_search(searched(**with_folder), expected)
    assert fits_in(tmp_path) == IN_FULL
    trained.begun = 0
    same_search(searched(tmp_path, **options), expected)
    assert trained.begun == 0  # in any number of jobs; the last fit is none of the path's
    (inner,) = tmp_path.iterdir()
    for lost in ("fold-1", "l2-2"):
        (inner / f"{lost}.pyl2").unlink()
    same_search(searched(**with_folder), expected)
    assert trained.begun == 4 + (4 if options else 1)  # those that train together all once more
    assert fits_in(tmp_path) == IN_FULL


@searches
def test_an_interrupted_search_keeps_what_is_finished(tmp_path, trained):
    expected = searched()
    trained.begun, trained.breaks = 0, 2 * 4
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path)
    assert fits_in(tmp_path) == IN_FULL[:2]
    trained.begun, trained.breaks = 0, None
    same_search(searched(tmp_path), expected)
    assert trained.begun == 4 + 4


KILLED = """
    import sys, time
    import numpy as np
    from pyl2 import MLPRegressorCV
    from pyl2._common import files
    folder, n_jobs, left = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    model = MLPRegressorCV(
        hidden_layer_sizes=8, solver="lbfgs", alphas=[0.1, 1, 10], cv=3, random_state=0,
        max_iter=2000, n_jobs=n_jobs, resume_dir=folder or None,
    )
    write = files.write

    def slowly(path, *rest):
        global left
        write(path, *rest)
        left -= 1
        if not left:
            print("now", flush=True)
            time.sleep(60)

    files.write = slowly
    model.fit(X, np.sin(X[:, 0]) + X[:, 1])
    parts = [model.scores_path_, model.l2_path_.params, *model.coefs_]
    print(b"".join(part.tobytes() for part in parts).hex())
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_that_was_killed_goes_on(tmp_path, n_jobs):
    script, folder = tmp_path / "search.py", tmp_path / "kept"
    script.write_text(textwrap.dedent(KILLED))

    def command(*rest):
        return [sys.executable, "-W", "ignore", script, *rest]

    with subprocess.Popen(
        command(folder, str(n_jobs), "4"), stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "now\n"
        child.send_signal(signal.SIGKILL)
        assert child.wait(20) == -signal.SIGKILL
    finished = {file: file.stat().st_mtime_ns for file in folder.glob("*/*.pyl2")}
    assert len(finished) == 4
    found, expected = (
        subprocess.run(command(*rest), check=True, capture_output=True, timeout=120).stdout
        for rest in ((folder, str(n_jobs), "-1"), ("", "1", "-1"))
    )
    assert found == expected
    assert {file: file.stat().st_mtime_ns for file in finished} == finished


@searches
def test_other_data_and_parameters_have_folders_of_their_own(tmp_path, trained):
    searched(tmp_path)
    begun = trained.begun
    searched(tmp_path, rule="1se", n_threads=1)
    assert trained.begun == begun
    others = [{"y": Y + 1}, {"alphas": [0.1, 2]}, {"cv": 2}, {"activation": "tanh"}]
    others += [{"kind": MLPClassifierCV, "y": LABELS}]
    for count, other in enumerate(others, 2):
        same_search(searched(tmp_path, **other), searched(**other))
        assert len(list(tmp_path.iterdir())) == count


@searches
def test_objects_among_the_parameters_are_known_again(tmp_path, trained):
    class Watch:
        def __call__(self, model, history):
            return None

    def given():
        return {"random_state": np.random.RandomState(3), "callbacks": [Watch()]}

    expected = searched(tmp_path, **given())
    trained.begun = 0
    same_search(searched(tmp_path, **given()), expected)
    assert trained.begun == 0


@searches
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_searches_share_a_folder(tmp_path, n_jobs):
    model = MLPRegressorCV(**{**SEARCH, "resume_dir": tmp_path})
    grid = {"hidden_layer_sizes": [2, 3]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, Y)
    plain = GridSearchCV(clone(model).set_params(resume_dir=None), grid, cv=2).fit(X, Y)
    assert search.best_score_ == plain.best_score_
    same_search(search.best_estimator_, plain.best_estimator_)
    assert len(list(tmp_path.iterdir())) == 2 * 2 + 1


@searches
def test_a_search_with_a_folder_is_cloned_and_pickled(tmp_path):
    model = searched(tmp_path)
    assert clone(model).get_params()["resume_dir"] == tmp_path
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.resume_dir == tmp_path


def test_folders_that_will_not_do_for_a_search(tmp_path):
    with pytest.raises(ValueError, match="resume_dir needs a random_state"):
        searched(tmp_path, random_state=None)
    with pytest.raises(ValueError, match="'resume_dir' parameter of MLPRegressorCV must be"):
        searched(3)
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "taxes.csv").write_text("a")
    with pytest.raises(ValueError, match=r"resume_dir .* holds 'taxes\.csv', which is no fit"):
        searched(tmp_path)
    with pytest.raises(OSError, match="taxes"):
        searched(tmp_path / "taxes.csv")


@searches
def test_what_another_version_has_trained_is_trained_again(tmp_path, trained):
    expected = searched(tmp_path)
    versions = iter([None, "0.0.1", *[__version__] * 5])
    for file in sorted(tmp_path.glob("*/*.pyl2")):
        arrays, meta = files.read(file, "finished")
        assert meta.pop("pyl2") == __version__
        version = next(versions)
        files.write(file, "finished", arrays, meta | ({} if version is None else {"pyl2": version}))
    trained.begun = 0
    with pytest.warns(UserWarning, match="an older pyl2: pyl2 .* trains them again") as caught:
        same_search(searched(tmp_path), expected)
    assert sum("trains them again" in str(one.message) for one in caught) == 1
    assert trained.begun == 2 * 4
    same_search(searched(tmp_path), expected)
    assert trained.begun == 2 * 4


def test_a_folder_whose_first_file_was_not_finished_will_do(tmp_path):
    (tmp_path / ".pyl2-0123456789abcdef").write_bytes(b"half a")
    same(path(tmp_path), path())
    assert "optimizer" in json.loads((tmp_path / "settings.json").read_text())


COMPARED = {"l2": 0.5, "evaluations": 300, "seeds": 2, "methods": ["adam", "pso+lbfgs"]}


def test_a_comparison_goes_on(tmp_path, monkeypatch):
    expected = compare(X, Y, NETWORK, **COMPARED)
    whole, begun, breaks = comparison._run, [], 3

    def run(plan, seed, method, *rest):
        begun.append((method, seed))
        if len(begun) == breaks:
            raise KeyboardInterrupt
        return whole(plan, seed, method, *rest)

    monkeypatch.setattr(comparison, "_run", run)
    with pytest.raises(KeyboardInterrupt):
        compare(X, Y, NETWORK, resume_dir=tmp_path, **COMPARED)
    begun.clear()
    breaks = None
    found = compare(X, Y, NETWORK, resume_dir=tmp_path, **COMPARED)
    assert begun == [("adam", 1), ("pso+lbfgs", 1)]
    for ours, theirs in zip(found.runs, expected.runs, strict=True):
        assert ours.record() | {"seconds": 0} == theirs.record() | {"seconds": 0}
        np.testing.assert_array_equal(ours.network.params, theirs.network.params)
        np.testing.assert_array_equal(ours.curve.error, theirs.curve.error)
        np.testing.assert_array_equal(ours.curve.evaluations, theirs.curve.evaluations)
    with pytest.raises(ValueError, match=r"l2 was 0.5, is 0.6"):
        compare(X, Y, NETWORK, resume_dir=tmp_path, **COMPARED | {"l2": 0.6})


def test_a_history_comes_back():
    history = History()
    history.append(1.0, 0.5, 0.1, validation=2.0, swarm=(3.0, 4.0), rates=(0.1, [1.0, 2.0]))
    history.append(0.9, 0.4, 0.2, validation=1.9, swarm=(2.0, 3.0), rates=(0.1, [1.0, 2.0]))
    history.evaluations, history.stopped = 6, "tol"
    found = history_from_file(*history_to_file(history))
    assert vars(found) == vars(history)
    arrays, meta = history_to_file(history)
    with pytest.raises(ValueError, match="differ in length"):
        history_from_file(arrays | {"penalty": np.ones(3)}, meta)
