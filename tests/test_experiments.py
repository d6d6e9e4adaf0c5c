"""`compare`: one error, start, budget for all; kept, told truly, reproducible.  `decay_grid`."""

import itertools
import sys
import time

import numpy as np
import pytest
import reference
import scipy.sparse
from sklearn.metrics import accuracy_score, r2_score

from pyl2 import Backprop, Network, ParticleSwarm, compare
from pyl2._engine import Engine
from pyl2.experiments import METHODS, STAGES, comparison, decay_grid
from pyl2.experiments.comparison import ETA, score

L2 = 0.5
BUDGET = 600


def data(rows=80, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    return X, np.sin(X.sum(axis=1))


SHAPE = {"layer_sizes": (3, 4, 1)}
TRAINING, TESTING = data(), data(40, seed=1)


def compared(**options):
    """Compare on the data above, under a budget of evaluations unless another is given."""
    budget = {} if "seconds" in options else {"evaluations": BUDGET}
    options = {"l2": L2, "seeds": 2, "test": TESTING} | budget | options
    return compare(*TRAINING, Network(**SHAPE), **options)


# The error


@pytest.mark.parametrize(
    ("output", "hidden"),
    [("identity", ["tanh"]), ("logistic", ["relu"]), ("softmax", ["logistic"]), ("exp", ["tanh"])],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_method_reports_the_networks_error(output, hidden, dtype):
    """Beside network.error: the plain NumPy of reference.py, at the parameters that are left."""
    outputs = 3 if output == "softmax" else 1
    net = reference.Net((3, 4, outputs), tuple(hidden), output)
    X = TRAINING[0].astype(dtype)
    rng = np.random.default_rng(0)
    y = {
        "identity": TRAINING[1][:, None],
        "logistic": (TRAINING[1] > 0).astype(float)[:, None],
        "softmax": rng.integers(3, size=80),
        "exp": rng.poisson(2.0, size=(80, 1)).astype(float),
    }[output]
    network = Network(net.layer_sizes, hidden=hidden, output=output, dtype=dtype)
    found = compare(X, y, network, L2, evaluations=BUDGET, seeds=1, test=(X, y))
    assert [run.method for run in found.runs] == list(METHODS)
    for run in found.runs:
        assert run.error == run.network.error(X, y, L2, n="train")
        assert run.data_error == run.network.error(X, y)
        assert run.error == run.data_error + run.penalty == run.curve.error[-1]
        parts = net.errors(run.network.params, X, y, rates=L2 / len(X))
        close = 1e-12 if dtype == "float64" else 1e-6
        np.testing.assert_allclose([run.data_error, run.penalty], parts, rtol=close)


def test_same_start():
    found = compared(seeds=[3, 5], methods=[*STAGES, "pso+lbfgs"])
    for seed in (3, 5):
        start = Network(**SHAPE, seed=seed).error(*TRAINING, L2, n="train")
        starts = {run.curve.error[0] for run in found.runs if run.seed == seed}
        assert starts == {start}


def test_a_run_is_the_training_it_is_called():
    """The same networks, bit for bit, by the trainers alone."""
    runs = {run.method: run for run in compared(seeds=[4]).runs}
    for method in ("sgd", "momentum", "adam"):
        network = Network(**SHAPE, seed=4)
        trainer = Backprop(network, method, eta=ETA[method], l2=L2, n="train", seed=4)
        trainer.train(*TRAINING, epochs=BUDGET // 3)
        np.testing.assert_array_equal(runs[method].network.params, network.params)

    network = Network(**SHAPE, seed=4)
    swarm = ParticleSwarm(network, 50, L2, seed=4).train(*TRAINING, epochs=BUDGET // 50)
    np.testing.assert_array_equal(runs["pso"].network.params, network.params)
    assert runs["pso"].error == pytest.approx(swarm.error[-1], rel=1e-12)
    np.testing.assert_allclose(runs["pso"].curve.error[1:], swarm.error, rtol=1e-12)

    network = Network(**SHAPE, seed=4)
    ParticleSwarm(network, 50, L2, seed=4).train(*TRAINING, epochs=BUDGET // 100)
    polished = Backprop(network, "lbfgs", l2=L2, n="train")
    epochs = len(runs["pso+lbfgs"].curve.error) - 1 - BUDGET // 100
    history = polished.train(*TRAINING, epochs=epochs)
    np.testing.assert_array_equal(runs["pso+lbfgs"].network.params, network.params)
    assert runs["pso+lbfgs"].error == pytest.approx(history.error[-1], rel=1e-12)


def test_scores_are_scikit_learns():
    for run in compared().runs:
        for told, (X, y) in ((run.train_score, TRAINING), (run.test_score, TESTING)):
            assert told == pytest.approx(r2_score(y, run.network.predict(X)[:, 0]), rel=1e-12)
    (X, y), (X_test, y_test) = TRAINING, TESTING
    network = Network((3, 2, 2), output="logistic")
    labels, labels_test = (np.stack([v > 0, v > 0.5], axis=1).astype(float) for v in (y, y_test))
    found = compare(X, labels, network, evaluations=300, seeds=1, test=(X_test, labels_test))
    assert found.measure == "accuracy"
    for run in found.runs:
        assert run.test_score == accuracy_score(labels_test, run.network.predict(X_test) > 0.5)


@pytest.mark.parametrize("output", ["identity", "logistic"])
def test_targets_of_one_output_may_be_a_row_of_numbers(output):
    network = Network((3, 4, 1), output=output, seed=0)
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    assert score(network, X, y) == score(network, X, y[:, None])


def test_r2_is_minus_infinity_where_predictions_overflow_and_nan_of_one_row():
    network = Network((3, 1), seed=0)
    X = np.ones((4, 3))
    assert np.isnan(score(network, X[:1], np.ones(1)))
    network.params[:] = 1e308
    assert score(network, X, np.arange(4.0)) == -np.inf


# The budget


@pytest.mark.parametrize("budget", [100, 101, 160, 599, 600])
def test_evaluations_are_kept(budget):
    """A hybrid's stages have half each; an iteration of L-BFGS may take one more gradient."""
    stages = [stage for stage in STAGES if stage != "lm"]  # whose steps may be refused
    for run in compared(evaluations=budget, methods=[*stages, "pso+lbfgs", "adam+lbfgs"]).runs:
        steps = np.diff(run.curve.evaluations)
        assert run.evaluations == steps.sum() <= budget + (3 if "lbfgs" in run.method else 0)
        if "lbfgs" not in run.method:
            step = 50 if run.method == "pso" else 3
            assert run.evaluations == budget // step * step
            assert set(steps) == {step}
            assert run.stopped == "budget"
        if run.method == "pso+lbfgs":
            assert set(steps[: budget // 100]) == {50}
            assert steps[budget // 100] < 50


def test_seconds_are_kept(monkeypatch):
    """By a clock that goes on by a tenth of a millisecond each time that it is looked at."""
    looks = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(looks) * 1e-4)
    for run in compared(seconds=0.02, methods=[*STAGES, "pso+lbfgs"]).runs:
        assert (np.diff(run.curve.seconds) >= 0).all()
        assert run.curve.seconds[-2] < 0.02
        if run.stopped == "budget":
            assert run.curve.seconds[-1] >= 0.02
        assert run.seconds >= run.curve.seconds[-1]


def test_what_is_spent_first_counts():
    for run in compared(seconds=1e6, evaluations=100).runs:
        assert run.evaluations <= 103
    for run in compared(seconds=1e-9, evaluations=10**9).runs:
        assert len(run.curve.error) == 2 + ("+" in run.method)  # the start, and an epoch a stage


def test_the_clock_stands_while_the_error_is_computed(monkeypatch):
    class Time:
        now = 0.0

        @classmethod
        def perf_counter(cls):
            return cls.now

    error = Engine.error

    def slow_errors(*args):
        Time.now += 100
        return error(*args)

    monkeypatch.setattr(comparison, "time", Time)
    monkeypatch.setattr(Engine, "error", slow_errors)
    for run in compared(seeds=1).runs:
        assert Time.now > 100
        assert run.seconds == 0


def test_histories_count_evaluations():
    from scipy.optimize import minimize

    network = Network(**SHAPE, seed=0)
    start = network.params.copy()
    assert Backprop(network, "adam", batch_size=7).train(*TRAINING, epochs=5).evaluations == 15
    swarm = ParticleSwarm(network, 11)
    assert swarm.train(*TRAINING, epochs=2).evaluations == 22
    assert swarm.train(*TRAINING, epochs=2).evaluations == 33  # 11 for the bests once more

    probe = Network(**SHAPE)
    calls = []

    def error(params):
        calls.append(probe)
        probe.params = params
        return probe.error(*TRAINING, L2), probe.gradient(*TRAINING, L2)

    minimize(error, start, jac=True, method="L-BFGS-B", options={"maxiter": 8, "maxls": 50})
    network.params = start
    history = Backprop(network, "lbfgs", l2=L2).train(*TRAINING, epochs=8)
    assert history.evaluations == 3 * len(calls)


# Seeds, data, what comes back


def test_same_seeds_same_bits():
    def told(found):
        return [
            {k: v for k, v in run.record().items() if k != "seconds"} | {"E": [*run.curve.error]}
            for run in found.runs
        ]

    first, again, other = (told(compared(seeds=seeds)) for seeds in (2, [0, 1], [2, 3]))
    assert first == again
    assert first != other
    assert len({row["error"] for row in first}) == len(first)


def test_the_network_is_not_touched():
    network = Network(**SHAPE, seed=9)
    before = network.params.copy()
    found = compare(*TRAINING, network, evaluations=100, seeds=1)
    np.testing.assert_array_equal(network.params, before)
    assert all(run.network is not network for run in found.runs)


def test_rows_to_test_are_drawn_once_and_in_proportion():
    X, _ = data(100)
    y = np.repeat([0, 1], [80, 20])
    network = Network((3, 2), hidden=[], output="softmax")
    found = compare(X, y, network, evaluations=60, seeds=2, test=0.2, methods=["sgd", "lbfgs"])
    for run in found.runs:
        assert (run.train_score * 80).is_integer()
        assert (run.test_score * 20).is_integer()
    starts = [run.curve.error[0] for run in found.runs]
    assert starts[0] == starts[1] != starts[2] == starts[3]


@pytest.mark.parametrize("form", ["csr", "coo"])
def test_sparse(form):
    X = np.where(TRAINING[0] > 0.3, TRAINING[0], 0)
    options = {"l2": L2, "evaluations": 300, "seeds": 1, "methods": ["adam", "pso"]}
    dense, sparse = (
        compare(x, TRAINING[1], Network(**SHAPE), **options)
        for x in (X, scipy.sparse.csr_array(X).asformat(form))
    )
    for one, other in zip(dense.runs, sparse.runs, strict=True):
        assert one.error == pytest.approx(other.error, rel=1e-9)
        assert one.test_score == pytest.approx(other.test_score, rel=1e-6)


def test_divergence_ends_its_run_alone():
    methods = ["sgd", "momentum", "lbfgs", "sgd+lbfgs"]
    found = compared(eta={"sgd": 1e9}, l2=0, seeds=1, methods=methods)
    runs = {run.method: run for run in found.runs}
    assert [row["diverged"] for row in found.summary()] == [1, 0, 0, 1]
    assert runs["sgd"].stopped == "diverged"
    assert np.isfinite(runs["sgd"].error)
    assert runs["momentum"].stopped == "budget"
    assert runs["lbfgs"].stopped in ("budget", "converged")


def test_predictions_that_overflow():
    X = np.array([[1.0], [2.0], [3.0], [4.0]])
    network = Network((1, 1), hidden=[], output="exp", seed=0)
    found = compare(X, X, network, methods=["lbfgs"], seeds=1, evaluations=60, test=(1e4 * X, X))
    assert found.runs[0].test_score == -np.inf


def test_rates():
    base, slow, one = (
        {run.method: run.error for run in compared(eta=eta, seeds=1).runs}
        for eta in (None, {"adam": 1e-9}, 1e-9)
    )
    assert base["sgd"] == slow["sgd"] < one["sgd"]
    assert base["adam"] < slow["adam"] == one["adam"]
    assert base["lbfgs"] == slow["lbfgs"] == one["lbfgs"]


def test_summary():
    found = compared(seeds=3)
    rows = found.summary()
    assert [row["method"] for row in rows] == list(METHODS)
    for row in rows:
        runs = [run for run in found.runs if run.method == row["method"]]
        assert row["runs"] == len(runs) == 3
        for name in ("error", "data_error", "penalty", "train_score", "test_score"):
            values = [getattr(run, name) for run in runs]
            assert row[name] == pytest.approx(np.mean(values), rel=1e-12)
            assert row[f"{name}_std"] == pytest.approx(np.std(values, ddof=1), rel=1e-12)
        assert row["evaluations"] == np.mean([run.evaluations for run in runs])
    assert all(row["error_std"] == 0 for row in compared(seeds=1).summary())
    shown = str(found)
    assert all(word in shown for word in (*METHODS, "E₀", "R²", "evaluations"))
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.usefixtures("terminal")
def test_progress(capsys):
    compared(verbose=True, methods=["sgd"], evaluations=6)
    assert "2/2" in capsys.readouterr().err


def test_frame():
    pytest.importorskip("pandas")
    found = compared()
    frame = found.to_frame()
    assert len(frame) == 2 * len(METHODS)
    assert frame.groupby("method").error.mean()["adam"] == pytest.approx(
        next(row["error"] for row in found.summary() if row["method"] == "adam")
    )


def test_frame_without_pandas(monkeypatch):
    found = compared(methods=["sgd"])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'pyl2\[frames\]'"):
        found.to_frame()


def test_curves():
    found = compared()
    curves = found.curves("evaluations")
    assert list(curves) == list(METHODS)
    for run, (spent, error) in zip(found.runs, (c[0] for c in curves.values()), strict=False):
        np.testing.assert_array_equal(spent, run.curve.evaluations)
        np.testing.assert_array_equal(error, run.curve.error)
    with pytest.raises(ValueError, match="against must be one of seconds, evaluations"):
        found.curves("epochs")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"methods": []}, "methods must be distinct, at least one"),
        ({"methods": ["sgd", "sgd"]}, "methods must be distinct"),
        ({"methods": ["adamw"]}, "adamw minimises no fixed E"),
        ({"methods": ["pso+"]}, "methods must be sgd, .*, got 'pso\\+'"),
        ({"methods": "newton"}, "got 'newton'"),
        ({"methods": [3]}, "got 3"),
        ({"l2": -1}, "l2 must be"),
        ({"l2": [1, 2, 3]}, "one per layer"),
        ({"seconds": 0}, "seconds must be"),
        ({"seconds": float("inf")}, "seconds must be"),
        ({"evaluations": 99}, "evaluations must be at least 100, got 99"),
        ({"evaluations": 0, "methods": ["sgd"]}, "evaluations must be at least 6, got 0"),
        ({"evaluations": 1e3}, "evaluations must be a whole number"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"seeds": []}, "seeds must be distinct"),
        ({"seeds": [1, 1]}, "seeds must be distinct"),
        ({"seeds": [-1]}, "seeds must be from 0"),
        ({"seeds": 1.5}, "seeds must be a whole number"),
        ({"test": 0}, "test must be"),
        ({"test": 1.0}, "test must be"),
        ({"test": 0.98}, "two training and two test rows"),
        ({"test": 0.001}, "two training and two test rows"),
        ({"test": "half"}, "test must be a number"),
        ({"test": (TESTING[0],)}, "test must be a fraction or \\(X, y\\), got 1"),
        ({"test": (TESTING[0][:, :2], TESTING[1])}, "test X has 2 features"),
        ({"test": (TESTING[0], TESTING[1][:9])}, "test y has 9 rows"),
        ({"eta": 0}, "eta must be"),
        ({"eta": {"adam": -1}}, "eta\\['adam'\\] must be"),
        ({"eta": {"lbfgs": 1}}, "eta must be one of sgd, momentum, .*, got 'lbfgs'"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"particles": 0}, "particles must be"),
    ],
)
def test_refused(options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        compared(**options)


def test_data_refused():
    network = Network(**SHAPE)
    with pytest.raises(TypeError, match="network must be a Network, got str"):
        compare(*TRAINING, "network")
    with pytest.raises(ValueError, match="X contains NaN"):
        compare(np.full((9, 3), np.nan), np.ones(9), network)
    with pytest.raises(ValueError, match="y has 9 rows, but X has 80"):
        compare(TRAINING[0], np.ones(9), network)
    network = Network((3, 2), hidden=[], output="softmax")
    with pytest.raises(ValueError, match=r"test=0\.25: The least populated class"):
        compare(TRAINING[0], np.repeat([0, 1], [79, 1]), network)


# Two decays


def gridded(**options):
    options = {"eta": [0.003, 0.03], "rate": [0, 0.1, 1], "epochs": 3, "test": TESTING} | options
    return decay_grid(*TRAINING, Network(**SHAPE), **options)


@pytest.mark.parametrize("optimizer", ["adam", "nesterov"])
def test_a_grid_is_its_trainings(optimizer):
    found = gridded(optimizer=optimizer, seed=3, batch_size=7)
    assert (found.decays, found.measure) == (("l2", "decoupled"), "R²")
    for i, decay in enumerate(found.decays):
        for j, eta in enumerate(found.eta):
            for k, rate in enumerate(found.rate):
                network = Network(**SHAPE, seed=3)
                # λ/n as λ over a number of items, rather than λ itself.
                options = {"l2": 5 * rate, "n": 5, "decay": decay, "batch_size": 7, "seed": 3}
                Backprop(network, optimizer, eta, **options).train(*TRAINING, epochs=3)
                scored = r2_score(TESTING[1], network.predict(TESTING[0]))
                assert found.test_score[i, j, k] == pytest.approx(scored, rel=1e-9)
                mean = np.mean((network.predict(TESTING[0])[:, 0] - TESTING[1]) ** 2)
                assert found.test_error[i, j, k] == pytest.approx(mean / 2, rel=1e-9)


def test_where_two_decays_are_the_same():
    both = gridded(optimizer="sgd").test_error
    np.testing.assert_allclose(both[0], both[1], rtol=1e-9)
    both = gridded(optimizer="adam").test_error
    np.testing.assert_array_equal(both[0, :, 0], both[1, :, 0])  # without λ
    assert np.all(np.abs(both[0, :, 1:] - both[1, :, 1:]) > 1e-9)


def test_a_grid_leaves_a_gap_where_training_diverged():
    found = gridded(optimizer="sgd", eta=[0.01, 1e150], rate=[0, 1e-160])
    assert np.isfinite(found.test_score[:, 0]).all()
    assert np.isnan(found.test_score[:, 1]).all()
    assert np.isnan(found.test_error[:, 1]).all()


def test_a_grid_of_classes_and_its_rows_to_test():
    y = (TRAINING[1] > 0).astype(float)
    network = Network((3, 4, 1), output="logistic", seed=7)
    before = network.params.copy()
    one, other = (decay_grid(TRAINING[0], y, network, rate=[0.1], epochs=1) for _ in range(2))
    assert one.measure == "accuracy"
    np.testing.assert_array_equal(one.test_score, other.test_score)
    np.testing.assert_array_equal(one.test_score * 20, np.round(one.test_score * 20))
    np.testing.assert_array_equal(network.params, before)


def test_a_decay_that_explodes_is_told():
    with pytest.warns(UserWarning, match=r"eta \* l2 / n = 0\.1 \* 100 / 1 >= 1"):
        gridded(eta=[0.1], rate=[100])


@pytest.mark.usefixtures("terminal")
def test_progress_of_a_grid(capsys):
    gridded(verbose=True)
    assert "36/36" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": "adamw"}, "optimizer must be one of sgd, momentum, nesterov, adam"),
        ({"eta": [0.1, 0]}, "eta must be"),
        ({"eta": [0.1, 0.1]}, "eta must be numbers in ascending order"),
        ({"rate": [1, 0.1]}, "rate must be numbers in ascending order"),
        ({"rate": []}, "rate must be numbers"),
        ({"rate": [-1]}, "rate must be"),
        ({"rate": ["1"]}, "rate must be a number"),
        ({"epochs": 0}, "epochs must be"),
        ({"seed": -1}, "must be from 0"),
        ({"test": 1}, "test must be"),
    ],
)
def test_grid_refused(options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        gridded(**options)


def test_grid_of_what_is_no_network():
    with pytest.raises(TypeError, match="network must be a Network, got str"):
        decay_grid(*TRAINING, "network")
