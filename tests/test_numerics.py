"""Numbers at the edges: handled or named in an error, and the processor left as it was found."""

import ctypes
import ctypes.util
import itertools
import platform
import re
import threading
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.preprocessing import StandardScaler

from pyl2 import (
    Backprop,
    MLPClassifier,
    MLPClassifierCV,
    MLPRegressor,
    MLPRegressorCV,
    Network,
    ParticleSwarm,
    compare,
    l2_path,
    pso,
)
from pyl2.experiments import decay_grid
from pyl2.path import bias_variance

RNG = np.random.default_rng(0)
ROWS = 12
SIGNS = np.sign(RNG.normal(size=(ROWS, 3)))
# StandardScaler is what most of them want.
UNSCALED = "ignore:X is not scaled:UserWarning"
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw", "lbfgs")

EXTREMES = {
    "1e300": SIGNS * 1e300,
    "1e-300": SIGNS * 1e-300,
    "the largest": SIGNS * np.finfo(float).max,
    "denormal": SIGNS * 5e-324,
    "denormal in float32": SIGNS * 1e-45,
    "all constant": np.full((ROWS, 3), 7.0),
    "zero": np.zeros((ROWS, 3)),
    "one item": SIGNS[:1],
    "more features than items": SIGNS[:2],
    "mixed": np.where(SIGNS > 0, 1e300, 1e-300),
}


@pytest.mark.filterwarnings(UNSCALED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("output", ["identity", "logistic", "softmax", "exp"])
@pytest.mark.parametrize("name", EXTREMES)
def test_extremes(name, output, dtype):
    """Each trainer ends with finite parameters, or says why not and leaves them finite."""
    X = EXTREMES[name]
    y = np.arange(len(X)) % 2 if output == "softmax" else np.ones((len(X), 2))
    for optimizer, hidden in itertools.product((*OPTIMIZERS, "pso"), ("tanh", "logistic", "relu")):
        network = Network((3, 4, 2), hidden=hidden, output=output, dtype=dtype, seed=0)
        if optimizer == "pso":
            trainer = ParticleSwarm(network, particles=5, l2=0.1, seed=0)
        else:
            trainer = Backprop(network, optimizer, l2=0.1, seed=0)
        try:
            history = trainer.train(X, y, epochs=3)
        except ValueError as error:
            told = str(error)
            assert "StandardScaler" in told or "NaN or infinity (in float32)" in told
        else:
            assert np.isfinite(history.error).all()
            assert np.isfinite(network.error(X, y))
        assert np.isfinite(network.params).all()


@pytest.mark.filterwarnings(UNSCALED)
@pytest.mark.parametrize("optimizer", OPTIMIZERS[:-1])
@pytest.mark.parametrize("eta", [1e3, 1e30, 1e300])
def test_exploding_rates(optimizer, eta):
    X, y = RNG.normal(size=(20, 3)), RNG.normal(size=20)
    network = Network((3, 8, 1), hidden="relu", seed=0)
    try:
        Backprop(network, optimizer, eta=eta, seed=0).train(X, y, epochs=50)
    except ValueError as error:
        assert "A smaller eta" in str(error)  # noqa: PT017
    assert np.isfinite(network.params).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_epsilon_that_the_engine_takes_for_0(optimizer, dtype):
    """0/0 was the first step of a weight without a gradient; the least that is allowed is fine."""
    X, y = np.zeros((4, 3), dtype), np.arange(4.0, dtype=dtype)
    least = float(np.finfo(dtype).tiny)
    network = Network((3, 2, 1), hidden="relu", dtype=dtype, seed=0)
    for bad in (0.99 * least, float(np.finfo(dtype).smallest_subnormal)):
        told = rf"epsilon must be at least {least!r}, .* {np.dtype(dtype)}, got {bad!r}"
        with pytest.raises(ValueError, match=told):
            Backprop(network, optimizer, epsilon=bad)
        with pytest.raises(ValueError, match=told):
            MLPRegressor(hidden_layer_sizes=4, solver=optimizer, epsilon=bad).fit(X, y)
        with pytest.raises(ValueError, match=told):
            MLPRegressorCV(**FEW, alphas=[0, 1], cv=2, solver=optimizer, epsilon=bad).fit(X, y)
        MLPRegressor(hidden_layer_sizes=4, solver="sgd", epsilon=bad).partial_fit(X, y)
    trainer = Backprop(network, optimizer, epsilon=least, seed=0)
    trainer.epsilon = 0.5 * least
    with pytest.raises(ValueError, match="epsilon"):
        trainer.train(X, y, epochs=1)
    trainer.epsilon = least
    assert np.isfinite(trainer.train(X, y, epochs=3).error).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overflow_of_exp(dtype):
    """Means beyond any number are infinity, of a class the probabilities 0 and 1: no NaN."""
    X = np.array([[1e4], [-1e4]])
    for output, wanted in (("exp", [np.inf, 0]), ("logistic", [1, 0]), ("identity", [1e4, -1e4])):
        network = Network((1, 1), output=output, dtype=dtype, seed=0)
        network.params = [1.0, 0.0]
        np.testing.assert_array_equal(network.predict(X)[:, 0], wanted)
    network = Network((1, 2), output="softmax", dtype=dtype, seed=0)
    network.params = [1.0, -1.0, 0.0, 0.0]
    np.testing.assert_array_equal(network.predict(X), [[1, 0], [0, 1]])
    assert np.isfinite(network.error(X, [1, 0]))


@pytest.mark.filterwarnings(UNSCALED)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam", "adamw", "pso"])
@pytest.mark.parametrize("name", EXTREMES)
def test_estimators_at_extremes(name, solver):
    X = EXTREMES[name]
    for made, y in (
        (MLPClassifier, np.arange(len(X)) % 2),
        (MLPClassifier, np.zeros(len(X))),  # one class
        (MLPRegressor, np.linspace(-1, 1, len(X))),
        (MLPRegressor, np.full(len(X), 1e200)),
    ):
        model = made(hidden_layer_sizes=4, solver=solver, max_iter=3, random_state=0)
        try:
            model.fit(X, y)
        except ValueError:
            continue
        assert all(np.isfinite(W).all() for W in model.coefs_)
        assert len(model.predict(X)) == len(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("made", [MLPClassifier, MLPRegressor])
def test_predictions_that_overflow_are_an_error(made):
    """A difference of infinities is no class and no number; infinity alone is one."""
    X, y = RNG.normal(size=(20, 2)), np.arange(20) % 2
    model = made(hidden_layer_sizes=(), max_iter=3, random_state=0).fit(X, y)
    model.coefs_[0][...] = [[2.0], [-2.0]]
    huge = np.array([[1.0, -1.0], [1.7e308, 1.7e308], [1.7e308, -1.7e308]])
    methods = ("predict", "predict_proba") if made is MLPClassifier else ("predict",)
    for method in methods:
        with pytest.raises(ValueError, match="the predictions for 1 rows of X are NaN"):
            getattr(model, method)(huge)
        assert not np.isnan(getattr(model, method)(huge[[0, 2]])).any()
    network = Network((2, 1), seed=0)
    network.params = [2.0, -2.0, 0.0]
    assert np.isnan(network.predict(huge)[:, 0]).tolist() == [False, True, False]


@pytest.mark.filterwarnings(UNSCALED)
def test_swarm_whose_errors_have_no_sum():
    """Each is a number, and so is their mean; that their sum is none was a RuntimeWarning."""
    network = Network((1, 1), seed=0)
    network.params = [0.0, 0.0]
    trainer = ParticleSwarm(network, particles=9, init=np.zeros((9, 2)), seed=0)
    history = trainer.train([[1.0]], [1e154], epochs=2)
    np.testing.assert_allclose(history.mean, 5e307, rtol=1e-12)
    far = np.where(np.arange(8).reshape(4, 2) % 3 == 0, 1e154, -1e154)
    history = ParticleSwarm(network, 4, init=far, seed=0).train([[0.0]], [0.0], epochs=3)
    assert np.isfinite(history.error).all()


def everything():
    """Use all of the engine, with numbers that overflow, underflow and are not exact."""
    X = np.vstack([RNG.normal(size=(70, 3)), SIGNS * 1e-300, SIGNS * 90])
    y = np.arange(len(X)) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype, threads in itertools.product((np.float32, np.float64), (1, 3)):
            network = Network((3, 64, 2), output="softmax", dtype=dtype, seed=0)
            network.predict(X * 1e30)
            network.input_gradient(X)
            network.gradient(X, y)
            for optimizer in OPTIMIZERS:
                Backprop(network, optimizer, l2=1e-3, n_threads=threads).train(X, y, 2)
            ParticleSwarm(network, particles=7, n_threads=threads).train(X, y, 2)
            l2_path(network, X, y, [0.0, 0.1, 1.0], epochs=2, n_threads=threads)
        pso(lambda x: x @ x, [-1, -1], [1, 1], maxiter=3)


def environment():
    """Rounding mode, exceptions raised, and whether denormals still count, in this thread."""
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    tiny = np.float64(2.0**-1040)
    kept = float(tiny * np.float64(2.0**-10)) != 0, float(tiny / np.float64(2.0)) != 0
    return libm.fegetround(), libm.fetestexcept(0x3F), kept


@pytest.mark.skipif(not ctypes.util.find_library("m"), reason="no C library of mathematics")
def test_floating_point_environment():
    """It is as it was found in the thread that calls, in one beside it, and in one made later."""
    before = environment()
    found = []
    go, done = threading.Event(), threading.Event()

    def beside():
        go.wait()
        found.append(environment())
        done.set()

    witness = threading.Thread(target=beside)
    witness.start()
    everything()
    go.set()
    done.wait()
    witness.join()
    caller = threading.Thread(target=lambda: (everything(), found.append(environment())))
    caller.start()
    caller.join()
    assert before[2] == (True, True)
    assert environment()[0] == before[0]
    assert environment()[2] == before[2]
    for rounding, _, kept in found:
        assert (rounding, kept) == (before[0], before[2])


def test_rounding_of_the_caller():
    """Even where it is not to nearest: the mode is the caller's, and stays."""
    name = ctypes.util.find_library("m")
    if not name:
        pytest.skip("no C library of mathematics")
    libm = ctypes.CDLL(name)
    upward = {"x86_64": 0x800, "aarch64": 0x400000}.get(platform.machine())
    if upward is None:
        pytest.skip("the value of FE_UPWARD is not known here")
    found = libm.fegetround()
    network = Network((3, 4, 2), seed=0)
    try:
        libm.fesetround(upward)
        network.predict(SIGNS)
        Backprop(network).train(SIGNS, SIGNS[:, :2], 2)
        assert libm.fegetround() == upward
    finally:
        libm.fesetround(found)


@pytest.mark.filterwarnings("error")
def test_no_flag_of_the_engine_becomes_a_warning():
    """Not even where the user wants one for everything that NumPy computes."""
    X, y = RNG.normal(size=(40, 3)), np.arange(40) % 2
    with np.errstate(all="raise"):
        network = Network((3, 5, 2), output="softmax", seed=0)
        assert np.isfinite(network.predict(X)).all()
        network.predict(X * 1e300)
        network.error(X, y, l2=1e-320)
        network.gradient(X * 1e-300, y)
        for optimizer in OPTIMIZERS:
            Backprop(network, optimizer, l2=0.1, seed=0).train(X, y, 3)
        ParticleSwarm(network, particles=5, seed=0).train(X, y, 3)
        with pytest.raises(ValueError, match="StandardScaler"):
            Backprop(Network((3, 5, 1)), eta=1e200).train(X, X[:, :1], 9)
        np.ones(3) * 2.0  # what NumPy would find, had a flag been left


SMALL = Network((3, 1), seed=0)
PLAIN = {"hidden_layer_sizes": 2, "max_iter": 2, "tol": 1e9, "random_state": 0}
OF_TARGETS = {
    "l2_path": lambda X, y: str(l2_path(SMALL, X, y, [0.0, 1.0], epochs=1, test=0.4)),
    "l2_path, to test with": lambda X, y: l2_path(
        SMALL, X, X[:, 0], [0.0, 1.0], epochs=1, test=(X, y)
    ),
    "bias_variance": lambda X, y: bias_variance(SMALL, (X, y), X, y, [0, 1], draws=2, epochs=1),
    "bias_variance, truth": lambda X, y: bias_variance(
        SMALL, (X, X[:, 0]), X, y, [0, 1], draws=2, epochs=1
    ),
    "compare": lambda X, y: str(compare(X, y, SMALL, evaluations=100, seeds=2)),
    "decay_grid": lambda X, y: decay_grid(X, y, SMALL, eta=[1e-3], rate=[0.1], epochs=1),
    "early stopping": lambda X, y: MLPRegressor(early_stopping=True, **PLAIN).fit(
        X, X[:, 0], X_val=X, y_val=y
    ),
    "CV": lambda X, y: MLPRegressorCV(alphas=[0, 1], cv=3, **PLAIN).fit(X, y),
    "CV by loss": lambda X, y: MLPRegressorCV(alphas=[0, 1], cv=3, scoring="loss", **PLAIN).fit(
        X, y
    ),
    "ParticleSwarm": lambda X, y: ParticleSwarm(SMALL, 5, seed=0).train(X, y, 2),
}


@pytest.mark.filterwarnings("ignore:Training diverged:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:the alpha chosen:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:no epoch had a finite validation value:UserWarning")
@pytest.mark.parametrize("size", [1e155, 1e308, -1e308, 1e-310])
@pytest.mark.parametrize("use", OF_TARGETS.values(), ids=OF_TARGETS)
def test_targets_at_extremes(use, size):
    """A result or an error of ours; none of NumPy's warnings, which are exceptions here."""
    X = np.linspace(-1, 1, 36).reshape(12, 3)
    y = np.cos(5 * X[:, 0])
    y *= size / np.abs(y).max()
    with np.errstate(all="raise"):
        try:
            use(X, y)
        except ValueError as error:
            told = r"diverged|StandardScaler|-inf|no particle"
            assert re.search(told, str(error))  # noqa: PT017


# Unscaled inputs.


def unscaled(rows=30):
    X = RNG.normal(size=(rows, 3))
    X[:, 1] *= 1e5
    return X


FEW = {"hidden_layer_sizes": 3, "tol": 1e9, "n_iter_no_change": 1}
TRAINERS = {
    "Backprop": lambda X, y: Backprop(Network((3, 1), seed=0), "adam").train(X, y, 1),
    "lbfgs": lambda X, y: Backprop(Network((3, 1), seed=0), "lbfgs").train(X, y, 1),
    "ParticleSwarm": lambda X, y: ParticleSwarm(Network((3, 1), seed=0), 5).train(X, y, 1),
    "MLPRegressor": lambda X, y: MLPRegressor(
        hidden_layer_sizes=3, tol=1e9, n_iter_no_change=1
    ).fit(X, y),
    "MLPClassifier": lambda X, y: MLPClassifier(**FEW).fit(X, y > 0),
}
MAKERS = {
    "dense": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "sparse": scipy.sparse.csr_matrix,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "squares overflow": lambda X: X * 1e190,
}


@pytest.mark.parametrize("train", TRAINERS.values(), ids=TRAINERS)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_unscaled_inputs(train, make):
    """One warning, at the line of the user, that names the cure; none once it is taken."""
    X = unscaled()
    y = X[:, 0].copy()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            train(make(X), y)
        except ValueError as error:
            assert "StandardScaler" in str(error)  # noqa: PT017
    told = [warning for warning in told if "not scaled" in str(warning.message)]
    assert len(told) == 1
    assert "StandardScaler" in str(told[0].message)
    assert "of column 1 is" in str(told[0].message)
    assert told[0].filename == __file__
    if make is not MAKERS["squares overflow"]:
        train(make(StandardScaler().fit_transform(X)), y)


LINE = Network((3, 1), seed=0)
MANY_TRAININGS = {
    "compare": lambda X, y: compare(X, y, LINE, methods=("adam", "pso+lbfgs"), evaluations=200),
    "decay_grid": lambda X, y: decay_grid(X, y, LINE, eta=[1e-9], rate=[0, 0.1], epochs=1),
    "l2_path": lambda X, y: l2_path(LINE, X, y, [0, 1], epochs=1),
    "l2_path of an estimator": lambda X, y: l2_path(MLPRegressor(**FEW), X, y, [0, 1], test=0.3),
    "bias_variance": lambda X, y: bias_variance(
        MLPRegressor(**FEW), (X, y), X, y, [0, 1], draws=3, seed=0
    ),
    "MLPRegressorCV": lambda X, y: MLPRegressorCV(**FEW, cv=3).fit(X, y),
    "MLPClassifierCV": lambda X, y: MLPClassifierCV(**FEW, alphas=[0, 1], cv=3).fit(X, y > 0),
}


@pytest.mark.filterwarnings("ignore:the alpha chosen:UserWarning")
@pytest.mark.parametrize("train", MANY_TRAININGS.values(), ids=MANY_TRAININGS)
@pytest.mark.parametrize("make", [MAKERS["dense"], MAKERS["sparse"]], ids=["dense", "sparse"])
def test_unscaled_inputs_of_many_trainings(train, make):
    """One warning for all of them; again at the next call; none once its cure is taken."""
    X = unscaled()
    y = X[:, 0].copy()
    for _ in range(2):
        with pytest.warns(UserWarning, match="not scaled.*of column 1 is") as told:
            train(make(X), y)
        told = [warning for warning in told if "not scaled" in str(warning.message)]
        assert [warning.filename for warning in told] == [__file__]
    train(make(StandardScaler().fit_transform(X)), y)


def test_what_is_scaled():
    """A column's size is its root mean square: a mean counts, a single outlier does not."""
    for X, wanted in (
        (np.full((50, 3), 99.0), 0),
        (np.full((50, 3), 101.0), 3),
        (2020 + RNG.normal(size=(50, 3)), 3),
        (np.where(np.arange(50_000)[:, None] == 7, 1e4, 0.5) * np.ones(3), 0),
    ):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            Backprop(Network((3, 1), seed=0), eta=1e-12).train(X, X[:, 0], 1)
        assert len(told) == bool(wanted)
        assert all(f"of {wanted} of 3 columns" in str(warning.message) for warning in told)


def test_zeros_of_a_sparse_matrix_count():
    X = scipy.sparse.csr_matrix(np.where(np.arange(1000)[:, None] == 7, 1000.0, 0.0))
    Backprop(Network((1, 1), seed=0), eta=1e-12).train(X, np.zeros(1000), 1)


def test_warned_once_in_a_training():
    """Not again when it goes on, be it by another call, partial_fit or from a file."""
    X = unscaled()
    y = X[:, 0].copy()
    trainer = Backprop(Network((3, 1), seed=0), "adam")
    swarm = ParticleSwarm(Network((3, 1), seed=0), 5)
    model = MLPRegressor(hidden_layer_sizes=3)
    for call in (trainer.train, swarm.train):
        with pytest.warns(UserWarning, match="not scaled"):
            call(X, y, 1)
        call(X, y, 1)
    with pytest.warns(UserWarning, match="not scaled"):
        model.partial_fit(X, y)
    model.partial_fit(X, y)
