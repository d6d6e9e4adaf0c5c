"""The tasks of `estimators.py`, as data, and how a package's estimators do them.

A new task is one more line of `TASKS`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import version

import numpy as np
from rivals import THREADS

PACKAGES = {"scikit-learn": "sklearn.neural_network", "pyl2": "pyl2"}


@dataclass(frozen=True)
class Task:
    """One thing to do with an estimator, the same for all packages.

    `targets` is "classes" (`outputs` of them), "noise" (classes that X says nothing about),
    "labels" (any number of `outputs` at once) or "numbers". `density` is the share of X that is
    not 0, given as CSR; None is a dense X. `settings` are the estimator's parameters beside those
    named here. `verb` "fit" fits from the start; "predict" and "partial_fit" are called `calls`
    times on `few` rows, after a fit.
    """

    name: str
    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    rows: int
    epochs: int
    targets: str = "classes"
    density: float | None = None
    weighted: bool = False
    settings: dict = field(default_factory=dict)
    verb: str = "fit"
    few: int = 0
    calls: int = 1
    dtype: str = "float64"

    @property
    def units(self) -> tuple[int, ...]:
        """Inputs, hidden units, outputs; two classes are one output."""
        binary = self.targets in ("classes", "noise") and self.outputs == 2
        return (self.inputs, *self.hidden, 1 if binary else self.outputs)

    @property
    def title(self) -> str:
        """A short description."""
        if self.verb != "fit":
            return f"{self.verb} of {self.few} row{'s'[: self.few > 1]}"
        solver = self.settings.get("solver", "adam")
        batch = self.settings.get("batch_size", min(200, self.rows))
        how = solver if solver == "lbfgs" else f"{solver}, batch {batch}"
        epochs = f"{self.epochs} epoch{'s'[: self.epochs > 1]}"
        return f"{self.settings.get('activation', 'relu')}, {how}, {epochs}"

    def quick(self) -> Task:
        """The same on fewer rows, in fewer epochs, or with fewer calls."""
        return replace(
            self,
            rows=min(self.rows, 2000),
            epochs=max(1, self.epochs // 4),
            calls=max(1, self.calls // 4),
        )


def _calls(verb: str) -> list[Task]:
    """One verb on few rows, for a network of the default size."""
    return [
        Task(f"{verb}-{few}", 64, (100,), 10, 1000, 2, verb=verb, few=few, calls=200)
        for few in (1, 8, 32)
    ]


# fmt: off
TASKS = {task.name: task for task in (
    Task("iris", 4, (7,), 3, 150, 200, settings={"activation": "tanh"}),
    Task("online", 4, (7,), 3, 150, 20,
         settings={"activation": "tanh", "solver": "sgd", "batch_size": 1}),
    Task("lbfgs", 30, (100,), 2, 569, 20, settings={"solver": "lbfgs", "alpha": 0.1}),
    Task("numbers", 13, (50, 50), 1, 5000, 10, "numbers",
         settings={"batch_size": 32, "learning_rate": "adaptive", "solver": "sgd"}),
    Task("several", 20, (50,), 5, 5000, 10, "numbers", weighted=True,
         settings={"activation": "logistic"}),
    Task("labels", 50, (64,), 8, 5000, 10, "labels", settings={"activation": "tanh"}),
    Task("digits", 64, (100,), 10, 1797, 20),
    # The complaint of scikit-learn-intelex #1104, as it stands there but for the number of epochs:
    # the labels are noise.
    Task("sklearnex", 8, (128, 32), 2, 200_000, 2, "noise",
         settings={"alpha": 0.01, "batch_size": 70, "early_stopping": True}),
    Task("text", 10_000, (50,), 4, 2000, 3, density=0.005),
    Task("mnist", 784, (100,), 10, 10_000, 2, settings={"activation": "logistic"}),
    Task("wide", 784, (512, 512), 10, 10_000, 1,
         settings={"solver": "sgd", "batch_size": 128, "alpha": 0.1}),
    *_calls("predict"),
    *_calls("partial_fit"),
)}
# fmt: on


def make(task: Task) -> tuple:
    """X, y and sample weights (or None): the same numbers in every process and in either type."""
    rng = np.random.default_rng([task.rows, *task.units])
    X = _features(task, rng).astype("float32").astype("float64")
    weight = rng.uniform(0.5, 2.0, task.rows) if task.weighted else None
    return X.astype(task.dtype), _targets(task, X, rng), weight


def _features(task, rng):
    shape = task.rows, task.inputs
    if task.targets == "noise":
        return rng.random(shape)
    if task.density is None:
        return rng.standard_normal(shape)
    from scipy.sparse import random_array

    return random_array(shape, density=task.density, format="csr", random_state=rng)


def _targets(task, X, rng):
    """A noisy linear teacher: there is something to learn, and never a perfect fit."""
    if task.targets == "noise":
        return rng.integers(0, task.outputs, task.rows)
    scores = X @ rng.standard_normal((task.inputs, task.outputs))
    scores = scores / scores.std() + 0.3 * rng.standard_normal(scores.shape)
    if task.targets == "classes":
        return scores.argmax(axis=1)
    return (scores > 0).astype(int) if task.targets == "labels" else scores.squeeze()


class Package:
    """The two estimators of one package."""

    def __init__(self, name: str) -> None:
        self._name = name
        module = import_module(PACKAGES[name])
        self._classes = {False: module.MLPClassifier, True: module.MLPRegressor}

    def versions(self) -> dict[str, str]:
        """What runs here."""
        return {self._name: version(self._name)}

    def prepare(self, task: Task) -> Run:
        """Make data and an estimator; nothing but the number of epochs ends its training."""
        threads = {"n_threads": THREADS} if self._name == "pyl2" and THREADS > 1 else {}
        model = self._classes[task.targets == "numbers"](
            hidden_layer_sizes=task.hidden,
            max_iter=task.epochs,
            n_iter_no_change=task.epochs + 1,
            random_state=0,
            **threads,
            **task.settings,
        )
        return (Fit if task.verb == "fit" else Calls)(task, model)


class Run:
    """A task in the course of being measured."""

    def __init__(self, task: Task, model) -> None:
        self.task, self._unfitted = task, model
        self._X, self._y, self._weight = make(task)


class Fit(Run):
    """A fit, each round of a new estimator."""

    def begin(self):
        """What the clock runs around."""
        from sklearn.base import clone

        self._model = clone(self._unfitted)
        return lambda: self._model.fit(self._X, self._y, sample_weight=self._weight)

    def reached(self) -> dict[str, np.ndarray]:
        """The course and the end."""
        curve = getattr(self._model, "loss_curve_", ())
        loss = curve if self.task.settings.get("solver") != "lbfgs" else [self._model.loss_]
        return {"loss": np.array(loss, float), "parameters": parameters(self._model)}


class Calls(Run):
    """Many calls on few rows, each round with an estimator in the same state."""

    def __init__(self, task: Task, model) -> None:
        super().__init__(task, model)
        self._fitted = model.fit(self._X, self._y)
        few = slice(0, task.few)
        arguments = {"predict": (self._X[few],), "partial_fit": (self._X[few], self._y[few])}
        self._arguments = arguments[task.verb]

    def begin(self):
        """What the clock runs around."""
        self._model = copy.deepcopy(self._fitted)
        call, arguments = getattr(self._model, self.task.verb), self._arguments

        def repeat():
            for _ in range(self.task.calls):
                call(*arguments)

        return repeat

    def reached(self) -> dict[str, np.ndarray]:
        """The parameters, and what is predicted with them."""
        chances = self._model.predict_proba(self._X)
        return {
            "predictions": chances.astype(float).ravel(),
            "parameters": parameters(self._model),
        }


def parameters(model) -> np.ndarray:
    """All of them, in float64."""
    return np.concatenate([p.ravel() for p in [*model.coefs_, *model.intercepts_]]).astype(float)
