"""Hostile values for every parameter of every public callable: they work, or an error names it."""

import copy
import inspect
import math
import re
import signal
import warnings
from decimal import Decimal
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

import pyl2
from pyl2 import (
    Backprop,
    BayesianMLPRegressor,
    Laplace,
    MLPClassifier,
    MLPClassifierCV,
    MLPClassifierEnsemble,
    MLPRegressor,
    MLPRegressorCV,
    MLPRegressorEnsemble,
    Network,
    ParticleSwarm,
    TableEncoder,
    batches,
    bias_variance,
    compare,
    convert_l2,
    l2_path,
    pso,
)
from pyl2.experiments import decay_grid
from pyl2.path import BiasVariance
from pyl2.swarm.particles import StoppingCriteria, SwarmParams


class Listed(list):
    """A list of another type."""


class Nameless:
    """Has no text, no length and no number, and says so in its own way."""

    def __repr__(self):
        raise RuntimeError("no text")


def recursive():
    """A list that holds itself."""
    found = []
    found.append(found)
    return found


HOSTILE = {
    "None": lambda: None,
    "True": lambda: True,
    "text": lambda: "text",
    "no text": lambda: "",
    "bytes": lambda: b"",
    "0": lambda: 0,
    "3": lambda: 3,
    "-1": lambda: -1,
    "1.5": lambda: 1.5,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "1e308": lambda: 1e308,
    "5e-324": lambda: 5e-324,
    "2**45": lambda: 2**45,
    "2**63": lambda: 2**63,
    "10**400": lambda: 10**400,
    "-10**400": lambda: -(10**400),
    "10**5000": lambda: 10**5000,  # which has no text: CPython allows 4300 digits
    "fraction": lambda: Fraction(1, 3),
    "large fraction": lambda: Fraction(10**400),
    "decimal": lambda: Decimal("1.5"),
    "complex": lambda: 1j,
    "[]": lambda: [],
    "[None]": lambda: [None],
    "ragged": lambda: [[1], [1, 2]],
    "[10**400]": lambda: [10**400],
    "texts": lambda: ["a", "b"],
    "pair": lambda: (None, None),
    "recursive": recursive,
    "{}": lambda: {},
    "odd keys": lambda: {1: 2, (None,): "x"},
    "object": object,
    "nameless": Nameless,
    "array of text": lambda: np.array(["a"]),
    "0-d": lambda: np.array(1.5),
    "0-d object": lambda: np.array(None),
    "class": lambda: int,
    "generator": lambda: (i for i in (1, 2)),
    "list subclass": lambda: Listed([1, 2]),
    "function": lambda: len,
}

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 2))
Y = X[:, :1] ** 2
LABELS = np.array([0, 1, 0, 1, 0, 1])


def network(seed=0):
    return Network((2, 2, 1), seed=seed)


def classifier(**parameters):
    return MLPClassifier(2, max_iter=1, random_state=0, **parameters)


def fitted(made=MLPRegressor, y=LABELS):
    return made(hidden_layer_sizes=2, max_iter=1, random_state=0).fit(X, y)


def ensemble(made):
    """A copy: what a case does to one ensemble is not another's affair."""
    return copy.deepcopy(FITTED[made])


with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    FITTED = {
        made: made(2, max_iter=1, candidates=1, folds=2, random_state=0).fit(X, LABELS)
        for made in (MLPClassifierEnsemble, MLPRegressorEnsemble)
    }
    FITTED |= {made: fitted(made) for made in (MLPClassifier, MLPRegressor, BayesianMLPRegressor)}
    THEIRS = neural_network.MLPRegressor(hidden_layer_sizes=2, max_iter=1).fit(X, LABELS)
    PATH = l2_path(network(), X, Y, [0.1, 1], epochs=1)
TRAIN = {
    "X": X,
    "Y": Y,
    "epochs": 2,
    "sample_weight": None,
    "validation": None,
    "max_time": 1e-4,
    "verbose": False,
    "callbacks": (),
}
DATA = {"X": X, "Y": Y, "l2": 0.0, "n": "batch", "sample_weight": None}


class Case:
    """A public callable: how to get at it anew, sound arguments, and what errors may call them.

    Errors on those of `skip` need not name them; those of `endless` may be as large as they like;
    and `only` some are tried.
    """

    def __init__(self, get, sound, *, also=None, skip=(), endless=(), only=()):
        self.get, self.sound, self.only = get, sound, only or tuple(sound)
        self.also, self.skip, self.endless = also or {}, skip, endless


def of(made, method, sound, **kwargs):
    """A method of an object that is made anew for each call."""

    def get():
        return getattr(made(), method)

    return Case(get, sound, **kwargs)


def constructor(made, sound, **kwargs):
    return Case(lambda: made, sound, **kwargs)


def estimator(made, *only, **rest):
    """Each parameter of an estimator, or some, at a fit of an epoch."""
    names = inspect.signature(made).parameters
    start = {"hidden_layer_sizes": 2, "max_iter": 1, "random_state": 0}
    if "max_time" in names:
        start |= {"max_time": 1e-4}
    if "cv" in names:
        start |= {"alphas": [0.1, 1], "cv": 2}
    if "folds" in names:
        start |= {"candidates": 1, "folds": 2, "members": 1}

    def fit(**given):
        return made(**given).fit(X, LABELS)

    sound = {name: one.default for name, one in names.items()} | start | rest
    also = {"cv": "n_splits", "folds": "n_splits", "early_stopping": "validation_fraction"}
    return Case(lambda: fit, sound, also=also, only=only)


# Errors on rows and targets of the estimators are scikit-learn's own, which names them differently.
ROWS = ("X", "y", "sample_weight", "X_val", "y_val", "sample_weight_val", "groups", "classes")
FIT = {"X": X, "y": LABELS, "sample_weight": None}
VALIDATED = {"X_val": None, "y_val": None, "sample_weight_val": None}

CASES = {
    "Network": constructor(
        Network,
        {
            "layer_sizes": (2, 3, 1),
            "hidden": "tanh",
            "output": "identity",
            "dtype": float,
            "seed": 0,
            "loss": None,
            "label_smoothing": 0.0,
            "init": "glorot",
        },
    ),
    "Network.predict": of(network, "predict", {"X": X}),
    "Network.activations": of(network, "activations", {"X": X}),
    "Network.input_gradient": of(network, "input_gradient", {"X": X}),
    "Network.jacobian": of(network, "jacobian", {"X": X}),
    "Network.gauss_newton": of(
        network, "gauss_newton", {name: DATA[name] for name in ("X", "Y", "sample_weight")}
    ),
    "Laplace": constructor(
        Laplace,
        {
            "network": network(),
            **DATA,
            "l2": 0.1,
            "n": "train",
            "noise_variance": None,
            "bias_precision": 0.1,
        },
    ),
    "Laplace.predict": of(
        lambda: Laplace(network(), X, Y, 0.1), "predict", {"X": X, "return_std": False}
    ),
    "Laplace.predict_proba": of(
        lambda: Laplace(Network((2, 1), output="logistic", seed=0), X, [[0.0], [1.0]] * 3, 0.1),
        "predict_proba",
        {"X": X},
    ),
    "Network.error": of(network, "error", DATA),
    "Network.gradient": of(network, "gradient", DATA),
    "Network.save": of(network, "save", {"path": "saved"}),
    "Network.load": constructor(Network.load, {"path": "saved"}),
    "Network.to_onnx": of(network, "to_onnx", {"path": None}),
    "Network.to_c": of(network, "to_c", {"path": None, "name": None}),
    "Network.from_torch": constructor(Network.from_torch, {"module": None}),
    **{
        f"{made.__name__}.{method}": of(
            lambda made=made: copy.deepcopy(FITTED[made]), method, sound
        )
        for made in FITTED
        for method, sound in {
            "to_onnx": {"path": None},
            "to_c": {"path": None, "name": None},
            "to_sklearn": {"predict_only": False},
        }.items()
        if "predict_only" not in sound or made in (MLPClassifier, MLPRegressor)
    },
    "Backprop": constructor(
        Backprop,
        {
            name: network() if name == "network" else one.default
            for name, one in inspect.signature(Backprop).parameters.items()
        },
    ),
    "Backprop.train": of(lambda: Backprop(network()), "train", TRAIN),
    "train_many": constructor(
        lambda **given: pyl2.train_many([Backprop(network()), Backprop(network())], **given), TRAIN
    ),
    "train_many of trainers": constructor(
        pyl2.train_many,
        {
            "trainers": [Backprop(network()), Backprop(network())],
            "X": X,
            "Y": Y,
            "epochs": 1,
            "n_threads": None,
        },
        endless=("epochs",),
    ),
    "Backprop.save": of(lambda: Backprop(network()), "save", {"path": "saved"}),
    "Backprop.load": constructor(Backprop.load, {"path": "saved"}),
    "ParticleSwarm": constructor(
        ParticleSwarm,
        {
            name: network() if name == "network" else one.default
            for name, one in inspect.signature(ParticleSwarm).parameters.items()
        },
    ),
    "ParticleSwarm.train": of(lambda: ParticleSwarm(network(), 3), "train", TRAIN),
    "ParticleSwarm.save": of(lambda: ParticleSwarm(network(), 3), "save", {"path": "saved"}),
    "ParticleSwarm.load": constructor(ParticleSwarm.load, {"path": "saved"}),
    "L2Path.network": of(lambda: PATH, "network", {"i": 0}),
    "L2Path.weights": of(lambda: PATH, "weights", {"i": 0}),
    "l2_path": constructor(
        lambda **given: l2_path(**given, epochs=1),
        {
            "model": network(),
            "X": X,
            "y": Y,
            "l2": [0.1, 1],
            "start": "same",
            "test": None,
            "sample_weight": None,
            "n_threads": None,
            "evidence": False,
            "resume_dir": None,
        },
    ),
    "l2_path of a Network": constructor(
        lambda **training: l2_path(network(), X, Y, [0.1], **training),
        {
            "optimizer": "sgd",
            "eta": 0.1,
            "decay": None,
            "batch_size": 3,
            "epochs": 1,
            "seed": 0,
            "validation": None,
            "max_time": 1e-4,
            "tol": None,
        },
    ),
    "l2_path of an estimator": constructor(
        lambda **given: l2_path(**given),
        {
            "model": classifier(),
            "X": X,
            "y": LABELS,
            "l2": [0.1, 1],
            "test": None,
            "sample_weight": None,
            "n_threads": None,
        },
        skip=ROWS,
    ),
    "bias_variance": constructor(
        lambda **given: bias_variance(**given, epochs=1),
        {
            "model": network(),
            "data": (X, Y),
            "X": X,
            "truth": Y,
            "l2": [0.1, 1],
            "draws": 2,
            "seed": 0,
            "n_threads": None,
            "n_jobs": None,
        },
    ),
    "batches": constructor(
        lambda **given: list(batches(**given)),
        {"path": (X, Y), "size": 4, "target": None},
        also={"path": "X|y"},
    ),
    "BiasVariance.of": constructor(
        BiasVariance.of, {"l2": [1], "predictions": np.ones((1, 2, 6, 1)), "truth": Y}
    ),
    "compare": constructor(
        compare,
        {
            "X": X,
            "y": Y,
            "network": network(),
            "l2": 0.0,
            "methods": ("sgd", "pso"),
            "seconds": 1e-3,
            "evaluations": 12,
            "seeds": 1,
            "test": (X, Y),
            "eta": None,
            "batch_size": 32,
            "particles": 2,
            "n_threads": None,
            "resume_dir": None,
            "n_jobs": None,
        },
    ),
    "Comparison.curves": of(
        lambda: compare(X, Y, network(), methods="sgd", evaluations=6, seeds=1, test=(X, Y)),
        "curves",
        {"against": "seconds"},
    ),
    "decay_grid": constructor(
        decay_grid,
        {
            "X": X,
            "y": Y,
            "network": network(),
            "eta": [0.1],
            "rate": [0.1],
            "optimizer": "adam",
            "epochs": 1,
            "batch_size": 32,
            "test": (X, Y),
            "seed": 0,
            "n_threads": None,
        },
        endless=("epochs",),
    ),
    "convert_l2": constructor(
        convert_l2,
        {
            "value": 0.1,
            "from_": "sklearn",
            "to": ("l2", "train"),
            "eta": None,
            "batch_size": 2,
            "n_items": 6,
            "noise_variance": None,
            "outputs": 1,
            "loss": "half",
            "optimizer": None,
        },
        also={"batch_size": "value"},
    ),
    "convert_l2 of decays": constructor(
        lambda decay, n: convert_l2(0.1, (decay, n), "torch_sgd", batch_size=2, n_items=6, eta=1),
        {"decay": "l2", "n": "batch"},
        also={"decay": "from_", "n": "from_|value"},
    ),
    "pso": constructor(
        pso,
        {
            "fun": lambda x, *args: float(np.sum(x)),
            "lower": [-1, -1],
            "upper": [1, 1],
            "args": (),
            "particles": 3,
            "maxiter": 2,
            "maxfun": None,
            "max_time": 1e-4,
            "target": None,
            "tol": 0.0,
            "n_iter_no_change": None,
            "x0": None,
            "topology": "random",
            "neighbours": 3,
            "inertia": 0.7,
            "c1": 1.0,
            "c2": 1.0,
            "v_max": None,
            "boundary": "absorb",
            "callback": None,
            "rng": None,
            "seed": None,
            "vectorized": False,
            "disp": False,
        },  # "workers" begins processes, and has its own tests
        also={"vectorized": "fun"},
    ),
    "swarm.Rules": constructor(
        SwarmParams,
        {
            "topology": "random",
            "neighbours": 3,
            "inertia": 0.7,
            "c1": 1.0,
            "c2": 1.0,
            "boundary": "none",
        },
    ),
    "swarm.Limits": constructor(
        StoppingCriteria,
        {"target": None, "max_evaluations": None, "tol": 0.0, "n_iter_no_change": None},
    ),
    "MLPClassifier": estimator(MLPClassifier),
    "MLPClassifier by adamw": estimator(
        MLPClassifier,
        *("learning_rate_init", "power_t", "beta_1", "epsilon", "decay"),
        solver="adamw",
        learning_rate="invscaling",
    ),
    "MLPClassifier by lbfgs": estimator(
        MLPClassifier, "alpha", "n", "tol", "max_fun", "max_iter", solver="lbfgs"
    ),
    "MLPClassifier by sgd, stopped early": estimator(
        MLPClassifier,
        *("momentum", "validation_fraction", "scoring", "n_iter_no_change", "tol"),
        solver="sgd",
        early_stopping=True,
        validation_fraction=0.5,
    ),
    "MLPRegressor": estimator(MLPRegressor, "loss", "alpha", "hidden_layer_sizes", "activation"),
    "MLPClassifierCV": estimator(
        MLPClassifierCV,
        *("alphas", "cv", "rule", "scoring", "hidden_layer_sizes", "activation", "callbacks"),
        *("class_weight", "n", "learning_rate_init", "n_jobs", "resume_dir"),
    ),
    "MLPRegressorCV": estimator(MLPRegressorCV, "alphas", "cv"),
    "BayesianMLPRegressor": estimator(BayesianMLPRegressor),
    **{
        f"BayesianMLPRegressor.{method}": of(
            lambda: copy.deepcopy(FITTED[BayesianMLPRegressor]), method, sound, skip=ROWS
        )
        for method, sound in {
            "fit": FIT,
            "predict": {"X": X, "return_std": False},
            "save": {"path": "saved"},
        }.items()
    },
    "BayesianMLPRegressor.load": constructor(BayesianMLPRegressor.load, {"path": "saved"}),
    "MLPClassifierEnsemble": estimator(MLPClassifierEnsemble),
    "MLPRegressorEnsemble": estimator(MLPRegressorEnsemble),
    **{
        f"{made.__name__}.{method}": of(lambda made=made: ensemble(made), method, sound, skip=ROWS)
        for made in (MLPClassifierEnsemble, MLPRegressorEnsemble)
        for method, sound in {
            "fit": FIT | {"groups": None},
            "predict": {"X": X} | ({"return_std": False} if made is MLPRegressorEnsemble else {}),
            "save": {"path": "saved"},
        }.items()
    },
    **{
        f"MLPClassifierEnsemble.{method}": of(
            lambda: ensemble(MLPClassifierEnsemble), method, {"X": X}, skip=ROWS
        )
        for method in ("predict_proba", "predict_log_proba")
    },
    "MLPClassifierEnsemble.load": constructor(MLPClassifierEnsemble.load, {"path": "saved"}),
    "MLPRegressorEnsemble.load": constructor(MLPRegressorEnsemble.load, {"path": "saved"}),
    "MLPClassifier.fit": of(classifier, "fit", FIT | VALIDATED, skip=ROWS),
    "MLPClassifier.partial_fit": of(
        classifier, "partial_fit", FIT | {"classes": [0, 1]}, skip=ROWS
    ),
    "MLPRegressor.fit": of(
        lambda: MLPRegressor(hidden_layer_sizes=2, max_iter=1), "fit", FIT | VALIDATED, skip=ROWS
    ),
    "MLPRegressor.partial_fit": of(
        lambda: MLPRegressor(hidden_layer_sizes=2), "partial_fit", FIT, skip=ROWS
    ),
    "MLPClassifierCV.fit": of(
        lambda: MLPClassifierCV(2, max_iter=1, alphas=[1], cv=2),
        "fit",
        FIT | {"groups": None},
        skip=ROWS,
    ),
    "MLPRegressorCV.fit": of(
        lambda: MLPRegressorCV("squared_error", 2, max_iter=1, alphas=[1], cv=2),
        "fit",
        FIT | {"groups": None},
        skip=ROWS,
    ),
    **{
        f"{made.__name__}.{method}": of(
            lambda made=made: copy.deepcopy(FITTED[made]), method, {"X": X}, skip=ROWS
        )
        for made in (MLPClassifier, MLPRegressor)
        for method in ("predict", "activations", "input_gradient")
    },
    "MLPClassifier.predict_proba": of(
        lambda: FITTED[MLPClassifier], "predict_proba", {"X": X}, skip=ROWS
    ),
    "MLPClassifier.predict_log_proba": of(
        lambda: FITTED[MLPClassifier], "predict_log_proba", {"X": X}, skip=ROWS
    ),
    "MLPRegressor.from_sklearn": constructor(MLPRegressor.from_sklearn, {"estimator": THEIRS}),
    "MLPClassifier.from_sklearn": constructor(
        MLPClassifier.from_sklearn,
        {"estimator": neural_network.MLPClassifier(2, max_iter=1)},
    ),
    "TableEncoder": constructor(
        lambda **settings: TableEncoder(**settings).fit(X),
        {
            "scale": "standard",
            "min_frequency": None,
            "keep": (),
            "sparse_output": "auto",
            "dtype": np.float64,
        },
    ),
    **{
        f"TableEncoder.{method}": of(lambda: TableEncoder().fit(X), method, sound, skip=ROWS)
        for method, sound in {
            "fit": {"X": X, "y": None},
            "transform": {"X": X},
            "get_feature_names_out": {"input_features": None},
        }.items()
    },
}


# Left to tests of their own: "workers" begins processes, the others show a bar.
ELSEWHERE = {"workers", "verbose", "disp"}


def walked():
    """Every callable with each of its parameters."""
    for label, case in CASES.items():
        for name in [name for name in case.only if name not in ELSEWHERE]:
            yield pytest.param(case, name, id=f"{label}-{name}")


@pytest.fixture(autouse=True)
def soon():
    """Nothing takes long: an error comes before the work."""

    def over(*_):
        raise TimeoutError("this takes long")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    """Files that a hostile path names are none of ours."""
    monkeypatch.chdir(tmp_path)


# What a function of the user's raises goes on to the user.
CALLED = (
    "validation",
    "callbacks",
    "callback",
    "fun",
    "data",
    "scoring",
    "truth",
    "init",
    "schedule",
    "l2_schedule",
    "learning_rate",
)
RAISING = {name: {"class", "function"} for name in CALLED}
# An update that no float can hold; of the estimators scikit-learn's sentence.
DIVERGED = r"|diverged|non-finite"


def try_all(call, sound, name, called, without=(), lax=False):
    """Pass each hostile value as the parameter; return what was wrong with what came of it."""
    wrong = []
    for label in HOSTILE.keys() - without:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", UserWarning)
            try:
                call(**sound | {name: HOSTILE[label]()})
            except (ValueError, TypeError) as error:
                told = str(error)
                if not lax and not re.search(rf"\b({called})\b{DIVERGED}", told):
                    wrong.append(f"{label}: {type(error).__name__}: {told[:150]}")
                elif len(told) > 2000:
                    wrong.append(f"{label}: an error of {len(told)} characters")
            except ImportError as error:  # an extra that is not installed
                if name not in ("path", "module"):
                    wrong.append(f"{label}: {error!r:.150}")
            except OSError as error:
                if name != "path":
                    wrong.append(f"{label}: {error!r:.150}")
            except Exception as error:
                wrong.append(f"{label}: {error!r:.150}")
    return wrong


@pytest.mark.parametrize(("case", "name"), list(walked()))
def test_hostile_values(case, name, request):
    def call(**given):
        return case.get()(**given)

    called = "|".join({name, case.also.get(name, name)})
    without = RAISING.get(name, set())
    if name in case.endless:
        without = without | {"2**45"}
    # scikit-learn's own errors want a text
    if re.search("MLP|TableEncoder|estimator", request.node.name):
        without = without | {"nameless"}
    wrong = try_all(call, case.sound, name, called, without, lax=name in case.skip)
    assert not wrong, "\n".join(wrong)


def test_every_parameter_is_tried():
    """Of every public name, of its methods, and of what is public beside."""
    tried = {}
    for label, case in CASES.items():
        tried.setdefault(label.split(" ")[0], set()).update(case.sound)
    missing = {
        f"{label}: {name}"
        for label, function in public()
        for name, one in inspect.signature(function).parameters.items()
        if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
        and name not in tried.get(label, set()) | ELSEWHERE | {"self"}
    }
    assert not missing


def public():
    """Names and functions: those of scikit-learn's and of what training only fills are left out."""
    results = {"History", "L2Path"}  # made by training, not by users
    inherited = {"score"}  # scikit-learn's, with a look at a sparse y
    for name in pyl2.__all__:
        found = getattr(pyl2, name)
        if name not in results:
            yield name, found
        if inspect.isclass(found) and name != "History":
            for method in vars(found):
                own = not method.startswith("_") and not method.endswith("_request")
                own = own and method not in inherited
                if own and callable(getattr(found, method, None)):
                    yield f"{name}.{method}", getattr(found, method)


@pytest.mark.parametrize("made", [Backprop, lambda network: ParticleSwarm(network, 3)])
@pytest.mark.parametrize("name", sorted(TRAIN.keys() - {"verbose"}))
def test_an_error_leaves_a_trainer_as_it_was(made, name):
    trainer = made(network())
    trainer.train(X, Y, 1)
    for label in HOSTILE.keys() - RAISING.get(name, set()):
        before = trainer.network.params.copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                trainer.train(**TRAIN | {name: HOSTILE[label]()})
            except (ValueError, TypeError):
                np.testing.assert_array_equal(trainer.network.params, before)


# Each as it came up, with what is to be said.
DEEP = [0.1]
for _ in range(2000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: Network(4, 3, 1),
            TypeError,
            "layer_sizes must be a sequence of inputs, units of each hidden layer and outputs,"
            " such as (4, 3, 1), got 4",
        ),
        (lambda: Network((4, 1), 3), TypeError, "hidden must be the name of an activation, or"),
        (
            lambda: network().error(X, ["a", "b"] * 3),
            TypeError,
            "Y must hold real numbers, got the text 'a': pyl2.MLPClassifier takes class names",
        ),
        (
            lambda: network().error(X, np.array(["a", None] * 3, object)),
            TypeError,
            "pyl2.MLPClassifier takes class names",
        ),
        (lambda: network().error(X, [[1], [1, 2]]), ValueError, "Y is not an array"),
        (lambda: l2_path(network(), X, Y, DEEP), (TypeError, ValueError), "l2 must"),
        (
            lambda: Backprop(network()).train(X, Y, 1, validation=lambda net: None),
            TypeError,
            "validation must return a number, got None",
        ),
        (lambda: compare(X, Y, network(), methods=3), TypeError, "methods must be names of sgd"),
        (lambda: compare(X, Y, network(), eta={"x": 1}), ValueError, "eta must be one of sgd"),
        (lambda: decay_grid(X, Y, network(), eta=3), TypeError, "eta must be numbers in ascending"),
        (lambda: decay_grid(X, Y, network(), rate=3), TypeError, "rate must be numbers in asc"),
        (lambda: decay_grid(X, Y, network(), seed=-1), ValueError, "seed must be from 0 to"),
        (
            lambda: bias_variance(network(), 3, X, Y),
            TypeError,
            "data must be (X, y) or data(rng) -> (X, y), got 3",
        ),
        (
            lambda: bias_variance(network(), (X, Y[:3]), X, Y),
            ValueError,
            "data y has 3 rows, but data X has 6",
        ),
        (lambda: bias_variance(network(), (X, Y), X, Y, seed=1.5), TypeError, "seed must be None"),
        (lambda: bias_variance(network(), (X, Y), X, 10**400), TypeError, "truth must hold real"),
        (lambda: PATH.network(2), ValueError, "i must be from -2 to 1, got 2"),
        (lambda: classifier(class_weight=[1, 2]).fit(X, LABELS), TypeError, "class_weight must be"),
        (
            lambda: MLPClassifier([None]).fit(X, LABELS),
            TypeError,
            "hidden_layer_sizes must be a wh",
        ),
        (
            lambda: MLPClassifier(2, max_iter=True).fit(X, LABELS),
            TypeError,
            "max_iter must be a wh",
        ),
        (
            lambda: MLPClassifier([2**30, 2**30]).fit(X, LABELS),
            ValueError,
            "hidden_layer_sizes is too large",
        ),
        (
            lambda: MLPClassifierCV(2, alphas=[1], cv=[([0, 9], [1])]).fit(X, LABELS),
            ValueError,
            "cv must give pairs (train, test) of indices of rows",
        ),
        (lambda: pso(np.sum, [0], [1], args=3), TypeError, "args must be a tuple of further"),
        (lambda: convert_l2(1, ("l2", 10**400), "ridge"), ValueError, "n of from_ must be"),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_what_a_function_returns_may_be_any_number():
    """Also an array of one number; what is too large for a float is infinite."""
    for returned, wanted in ((np.array([0.5]), 0.5), (Fraction(1, 2), 0.5), (10**400, math.inf)):
        history = Backprop(network()).train(X, Y, 1, validation=lambda _, found=returned: found)
        assert history.validation_error.tolist() == [wanted]


def test_whole_numbers_are_class_indices_whatever_their_type():
    classes = np.array([0, 1, 2, 2, 1, 0])
    net = Network((2, 3), output="softmax", seed=0)
    wanted = net.error(X, classes)
    for dtype in (np.float64, np.float32, np.float16, np.uint8):
        assert net.error(X, classes.astype(dtype)) == wanted
    for bad, message in (
        ([0, 1, 2.5, 0, 0, 0], "Y must hold whole class indices (rows,), or rows of 3 probab"),
        ([0, 1, 3.0, 0, 0, 0], "Y must hold class indices from 0 to 2, got 0.0 to 3.0"),
        ([0, 1, math.nan, 0, 0, 0], "Y must hold class indices from 0 to 2, got nan to nan"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            net.error(X, bad)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Backprop(network(), lr=0.1),
            "Backprop() has no parameter 'lr'; did you mean 'eta'?",
        ),
        (lambda: Backprop(network(), weight_decay=0.1), "did you mean 'l2'?"),
        (lambda: Backprop(network(), alpha=0.1), "did you mean 'l2'?"),
        (lambda: Backprop(network(), momentun=0.1), "did you mean 'momentum'?"),
        (
            lambda: Backprop(network(), max_iter=5),
            "'max_iter', which is 'epochs' elsewhere in pyl2; there are network, optimizer, eta",
        ),
        (lambda: Backprop(network()).train(X, Y, n_epochs=5), "Backprop.train() has no parameter"),
        (lambda: Backprop(network()).train(X, Y, n_epochs=5), "did you mean 'epochs'?"),
        (
            lambda: Network((2, 1), activation="relu"),
            "Network() has no parameter 'activation'; did",
        ),
        (lambda: Network((2, 1), random_state=0), "did you mean 'seed'?"),
        (lambda: ParticleSwarm(network(), n_particles=3), "did you mean 'particles'?"),
        (
            lambda: l2_path(network(), X, Y, lr=0.1),
            "l2_path() has no parameter 'lr'; did you mean 'eta'?",
        ),
        (lambda: l2_path(network(), X, Y, n_epochs=1), "did you mean 'epochs'?"),
        (lambda: l2_path(network(), X, Y, alphas=[1]), "did you mean 'l2'?"),
        (lambda: l2_path(network(), X, Y, n=1), "l2_path() has no parameter 'n'"),
        (lambda: compare(X, Y, network(), learning_rate=1), "did you mean 'eta'?"),
        (lambda: decay_grid(X, Y, network(), n_epochs=1), "did you mean 'epochs'?"),
        (
            lambda: pso(np.sum, [0], [1], max_iter=5),
            "pso() has no parameter 'max_iter'; did you mean",
        ),
        (lambda: convert_l2(1, "sklearn", "ridge", lr=1), "did you mean 'eta'?"),
    ],
)
def test_unknown_keywords(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


def test_signatures_are_those_of_the_functions():
    assert list(inspect.signature(Backprop).parameters)[:3] == ["network", "optimizer", "eta"]
    assert inspect.signature(pso).parameters["particles"].default == 50


def test_a_swarm_says_that_no_value_was_finite():
    result = pso(lambda x: math.nan, [0], [1], maxiter=2, particles=3)
    assert not result.success
    assert result.message.endswith(
        "No finite value has been found: fun has returned NaN or infinity alone."
    )
    assert "finite" not in pso(lambda x: x[0], [0], [1], maxiter=2, particles=3).message
    assert "-infinity" in pso(lambda x: -math.inf, [0], [1], maxiter=2, particles=3).message


# Displays: sound arguments of the class, and of from_results.
L2 = [0.1, 1]
GRID = {"x": [0, 1], "y": [0, 1], "chances": [[[0.1, 0.9], [0.1, 0.9]]] * 2, "l2": L2}
PLANE = l2_path(Network((2, 2, 3), output="softmax", seed=0), X, LABELS, L2, epochs=1)
LINE = l2_path(Network((1, 2, 1), seed=0), X[:, :1], Y, L2, epochs=1)
CLASSES = {"X": X, "y": LABELS}
HISTORY = Backprop(Network((2, 1), seed=0)).train(X, Y, epochs=2)
DISPLAYS = {
    "BiasVarianceDisplay": (
        {"l2": L2, "bias": [1, 2], "variance": [2, 1], "test_error": None},
        {"results": BiasVariance.of(L2, np.ones((2, 2, 6, 1)), Y)},
    ),
    "BoundaryDisplay": (
        GRID | {"data": None, "names": None},
        {"path": PLANE, "at": None} | CLASSES,
    ),
    "CurvesDisplay": (
        {"curves": {"a": {"error": [2, 1]}}, "apart": False},
        {"results": PATH, "at": None},
    ),
    "RatesDisplay": (
        {"rates": {"a": {"eta": [2, 1]}}},
        {"results": HISTORY},
    ),
    "DecayDisplay": (
        {
            "eta": [0.1],
            "rate": [0.1],
            "scores": [[[1.0]], [[2.0]]],
            "decays": ("l2", "decoupled"),
            "measure": "score",
        },
        {"grid": decay_grid(X, Y, network(), eta=[0.1], rate=[0.1], epochs=1, test=(X, Y))},
    ),
    "ErrorDisplay": ({"curves": {"a": [([1, 2], [2, 1])]}, "xlabel": "seconds"}, None),
    "FitDisplay": (
        {"x": [0, 1], "fits": [[0, 1], [1, 1]], "l2": L2, "data": None, "truth": None},
        {"path": LINE, "X": X[:, :1], "y": Y, "at": None, "truth": None},
    ),
    "PathDisplay": (
        {"l2": L2, "values": [[2, 3], [1, 1]], "groups": None, "names": None, "ylabel": "weight"},
        {"path": PATH, "what": "weights", "most": 100},
    ),
    "SaturationDisplay": ({"l2": L2, "saturation": [0.5, 0.1]}, {"path": PATH}),
    "ScoreDisplay": (
        {"l2": L2, "train": [1, 2], "test": [1, 2], "choices": None, "measure": "score"},
        {"results": l2_path(network(), X, Y, L2, test=(X, Y), epochs=1)},
    ),
    "WeightsDisplay": (
        {"weights": [[1, 2, 3], [1, 1, 1]], "l2": L2, "bins": 5},
        {"path": PATH, "at": None, "layer": None, "bins": 5},
    ),
}


def walked_displays():
    """Every display with each parameter of the ways to make it, and the axes it is drawn into."""
    for name, (plain, results) in DISPLAYS.items():
        for parameter in plain:
            yield name, "__call__", parameter
        for parameter in results or ():
            yield name, "from_results", parameter
        yield name, "plot", "ax"


@cache
def axes():
    """Two axes of a figure that pyplot does not know."""
    from matplotlib.figure import Figure

    return Figure().subplots(1, 2)


@pytest.mark.thread_unsafe(reason="Matplotlib is made for one thread")
@pytest.mark.parametrize(("display", "way", "name"), list(walked_displays()))
def test_hostile_values_of_displays(display, way, name):
    """What a display takes it can draw."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from pyl2 import plots

    made = getattr(plots, display)
    plain, results = DISPLAYS[display]
    drawn_into = axes()

    def call(**given):
        if way == "plot":
            return made(**plain).plot(**given)
        shown = (made if way == "__call__" else made.from_results)(**given)
        for ax in drawn_into:
            ax.clear()
        panels = {"BoundaryDisplay": "l2", "DecayDisplay": "decays"}
        if display in panels:
            return shown.plot(drawn_into[: len(getattr(shown, panels[display]))])
        return shown.plot(drawn_into[0])

    sound = {"__call__": plain, "from_results": results, "plot": {}}[way]
    without = RAISING.get(name, set())
    wrong = try_all(call, sound, name, name, without | ({"None"} if way == "plot" else set()))
    assert not wrong, "\n".join(wrong)
