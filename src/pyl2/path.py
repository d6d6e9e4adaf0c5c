"""The path over λ: one network at many λ, trained abreast, and what L2 has done to each."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from pyl2 import abreast, checks, generators, holdout, keywords, scores, sparse, threads
from pyl2 import l2 as lambdas
from pyl2.abreast import Training
from pyl2.backprop import Backprop
from pyl2.checks import Array, Items, Matrix
from pyl2.course import Course, held_out
from pyl2.network import Network
from pyl2.particle_swarm import ParticleSwarm
from pyl2.progress import progress
from pyl2.scaling import one_warning, warn_if_unscaled

# λ/n of the λs by default, what a weight feels: so many, log-spaced, from the least to the most.
_DEFAULT, _LEAST, _MOST = 16, 1e-6, 10.0
# One update takes at most so much of a weight off by default.
_MOST_TAKEN = 0.5

STARTS = ("same", "warm")

# Slope and saturation are looked at on at most so many rows, and the curvature at so many points.
_LOOKED_AT = 1000
_POINTS = 1001
# The derivatives of so many outputs by so many inputs are held at a time.
_DERIVATIVES = 2**20

# Beyond these a hidden unit is saturated: |tanh| > 0.9, and the logistic function alike.
_SATURATED: dict[str, Callable[[Array], Array]] = {
    "tanh": lambda a: np.abs(a) > 0.9,
    "logistic": lambda a: np.abs(2 * a - 1) > 0.9,
}


@dataclass(frozen=True, eq=False)
class L2Path:
    """One network at many λ: what ``l2_path`` has found.

    The first axis of each array is λ.  Rows are those that the weights were trained on, or held
    out.

    Attributes
    ----------
    l2 : ndarray of shape (L,)
        The λs, ascending.
    params : ndarray of shape (L, n_params)
        The parameters found.
    data_error, penalty : ndarray of shape (L,)
        E₀ on the rows, at the end, and R, λ divided by what training divided it by: N, a number,
        or the weight of a whole batch; for ``decay="fraction"`` λ/η in its place.
    test_error : ndarray of shape (L,)
        E₀ on the rows held out; NaN where there are none.
    train_score, test_score : ndarray of shape (L,)
        What ``measure`` says, "accuracy" or "R²"; NaN where there are no rows.
    norms : ndarray of shape (L, layers)
        ‖W_l‖ of each layer.
    slope : ndarray of shape (L,)
        Mean over the rows of the squared norm of ∂output/∂x, on at most 1000 of them, evenly
        spaced: the smaller, the smoother.
    curvature : ndarray of shape (L,)
        Mean of (∂²output/∂x²)² over the range of the rows, by differences of the slope between
        1001 points; NaN unless there is one input.
    saturation : ndarray of shape (L, hidden layers)
        Share of the hidden units' outputs with ``|tanh|`` > 0.9, or logistic below 0.05 or above
        0.95, on the rows of ``slope``; for relu the share of units that are on for all of them or
        for none; NaN for identity.
    evenness : list of ndarray of shape (L, units)
        For each layer (Σ|w|)² / (d Σw²) of the d weights that enter a unit: 1 if all are equally
        large, 1/d if one alone is not 0; NaN if all are 0.
    curves : ndarray of shape (L, epochs, 2)
        E₀ and R of each epoch as training saw them (``History``), NaN after its end.
    stopped : list of str
        Why each training ended (``History.stopped``), or "interrupted" (by Ctrl-C); after
        "diverged" the parameters are those of the last good epoch, or the best with early stopping.
    measure : {"accuracy", "R²"}
        What the scores are.
    template : Network
        The shape of all, with the parameters of the smallest λ.

    See Also
    --------
    l2_path : Makes it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from pyl2 import Network, l2_path
    >>> X, y = load_iris(return_X_y=True)
    >>> network = Network((4, 7, 3), output="softmax", seed=0)
    >>> path = l2_path(network, X - X.mean(axis=0), y, test=0.5, eta=0.1, seed=0)
    >>> len(path), path.measure, path.weights(path.best)[0].shape
    (16, 'accuracy', (4, 7))
    >>> path.network(-1).predict(X[:2]).shape
    (2, 3)
    """

    l2: Array
    params: Array
    data_error: Array
    penalty: Array
    test_error: Array
    train_score: Array
    test_score: Array
    norms: Array
    slope: Array
    curvature: Array
    saturation: Array
    evenness: list[Array]
    curves: Array
    stopped: list[str]
    measure: str
    template: Network

    @property
    def error(self) -> Array:
        """E = E₀ + R of each λ."""
        found: Array = self.data_error + self.penalty
        return found

    @property
    def best(self) -> int:
        """Index of the λ with the best test score, the largest of equals.

        Raises
        ------
        ValueError
            If no rows were held out, or none of their scores is finite: R² takes two rows.
        """
        if np.isnan(self.test_error).all() and np.isnan(self.test_score).all():
            raise ValueError("there are no test scores: give l2_path rows to test with, test=")
        if not np.any(self.test_score > -math.inf):
            raise ValueError(
                "no test score is finite (R² takes two rows to test with): test_error.argmin() is"
                " the λ with the least error on them"
            )
        return int(np.flatnonzero(self.test_score == np.nanmax(self.test_score))[-1])

    def network(self, i: int) -> Network:
        """Return the network of the i-th λ, as a copy.

        Parameters
        ----------
        i : int
            May count from the end, -1 being the largest λ.

        Returns
        -------
        Network
        """
        place = checks.whole("i", i, -len(self), len(self) - 1)
        return _copy(self.template, self.params[place])

    def weights(self, i: int) -> tuple[Array, ...]:
        """Return the weights of each layer at the i-th λ, (fan_in, fan_out) each.

        Parameters
        ----------
        i : int
            May count from the end.

        Returns
        -------
        tuple of ndarray
        """
        return self.network(i).weights

    def summary(self) -> list[dict[str, Any]]:
        """Return a row for each λ.

        Returns
        -------
        list of dict
            ``l2``, ``error``, ``data_error``, ``penalty``, ``test_error``, ``train_score``,
            ``test_score``, ``norm`` (of all weights), ``slope``, ``curvature``, ``saturation``
            (mean over the hidden layers, NaN without), ``evenness`` (mean over all units),
            ``epochs`` and ``stopped``.
        """
        columns = {
            "l2": self.l2,
            "error": self.error,
            "data_error": self.data_error,
            "penalty": self.penalty,
            "test_error": self.test_error,
            "train_score": self.train_score,
            "test_score": self.test_score,
            "norm": np.sqrt((self.norms**2).sum(axis=1)),
            "slope": self.slope,
            "curvature": self.curvature,
            "saturation": scores.mean_known(self.saturation),
            "evenness": scores.mean_known(np.hstack(self.evenness)),
            "epochs": np.isfinite(self.curves[:, :, 0]).sum(axis=1),
            "stopped": np.array(self.stopped, dtype=object),
        }
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def to_frame(self) -> Any:
        """Return the rows of ``summary`` as a pandas DataFrame.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        from pyl2 import report

        return report.frame(self.summary())

    def __str__(self) -> str:
        from pyl2 import report

        return report.text(report.path(self.summary(), self.measure))

    def __len__(self) -> int:
        return len(self.l2)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in ``l2_path``.

    Attributes
    ----------
    path : L2Path
        As far as it had come: the λs that had been trained for an epoch or more.
    """

    def __init__(self, path: L2Path) -> None:
        super().__init__()
        self.path = path


def l2_path(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    l2: Sequence[float] | ArrayLike | None = None,
    *,
    start: str = "same",
    test: float | tuple[Any, Any] | None = None,
    sample_weight: ArrayLike | None = None,
    n_threads: int | None = None,
    verbose: bool = False,
    **training: Any,
) -> L2Path:
    """Train one network at many λ, all else being equal: the same start, the same rows in order.

    By gradient descent all are trained abreast, an epoch of all being one call of the engine on
    one copy of the data; one that has ended, or diverged, leaves the rest to go on.

    Parameters
    ----------
    model : Network, MLPClassifier or MLPRegressor
        A network's present parameters are where each λ starts; λ is divided by N (``n="train"``).
        Of an estimator, fitted or not, the parameters count: each λ is what its clone with that
        alpha is after ``fit``, to rounding.  It is not changed.
    X : array-like or sparse matrix of shape (rows, inputs)
    y : array-like
        Targets as the model takes them.
    l2 : sequence of float, optional
        λs ≥ 0, all different; of an estimator its alphas.  By default 16, log-spaced, such that λ/n
        goes from 1e-6 to 10, or to 1/2η if that is less, n being what training divides by (a whole
        batch where it is "batch"; for ``decay="fraction"`` λ/η goes so far).  The path is
        ascending, whatever their order.
    start : {"same", "warm"}, default="same"
        "same": each λ from the same parameters.  "warm": in the order of ``l2``, each from those of
        the one before; from large to small only without hidden layers, because W = 0 is a saddle
        that a hidden layer does not come away from.
    test : float or tuple (X, y), optional
        Fraction of the rows to hold out, drawn by the seed (classes in proportion), or other data.
    sample_weight : array-like of shape (rows,), optional
        Not negative; 1 each where not given.
    n_threads : int, optional
        At most so many threads, at least 1, as for the model.
    verbose : bool, default=False
        Show a progress bar on standard error, an epoch of each λ counting as one step.
    **training
        Of a Network alone, how it is trained: parameters of ``Backprop`` (``optimizer``, also
        "lbfgs"; ``eta``, ``decay``, ``batch_size``, ``tol``, ``seed`` …; a generator is used by the
        first λ, copies of it by the others), or with
        ``optimizer="pso"`` of ``ParticleSwarm``; and ``epochs``, ``validation`` and ``max_time`` of
        ``train``, the time being that of all λs.

    Returns
    -------
    L2Path

    Raises
    ------
    ValueError, TypeError
        If shapes or types do not fit, numbers are not finite, or a parameter is out of range.
        A training that diverges raises nothing: ``stopped`` tells.
    KeyboardInterrupt
        On Ctrl-C; as ``pyl2.path.Interrupted``, with the ``path`` as far as it has come, if an
        epoch had been trained.

    References
    ----------
    J. Friedman, T. Hastie, R. Tibshirani, Regularization paths for generalized linear models via
    coordinate descent, J. Stat. Softw. 33 (2010) (the path).

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2 import Network, l2_path
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> network = Network((1, 10, 1), seed=0)
    >>> path = l2_path(network, x, np.sin(3 * x), [0, 0.01, 1, 1000], optimizer="lbfgs")
    >>> bool((np.diff(path.data_error) > 0).all() and (np.diff(path.slope) < 0).all())
    True
    >>> bool(path.norms[-1].max() < 1e-3)
    True
    """
    checks.choice("start", start, STARTS)
    threads.count(n_threads)
    source: _Source
    if isinstance(model, Network):
        source = _OfNetwork(model, X, y, sample_weight, test, n_threads, training)
    else:
        from pyl2.estimators import MLPClassifier, MLPRegressor

        checks.instance("model", model, Network, MLPClassifier, MLPRegressor)
        if training:
            raise TypeError(
                f"{', '.join(training)}: an estimator is trained as its own parameters say"
            )
        source = _OfEstimator(model, X, y, sample_weight, test, n_threads)
    values = _check_l2(source.defaults if l2 is None else l2, start, source.template)
    try:
        with progress(verbose, len(values) * source.epochs) as advance:
            _train(source, values, start, advance)
    except KeyboardInterrupt:
        if not any(one.over or len(one.course.history) for one in source.trainings):
            raise
        raise Interrupted(_describe(source, values, n_threads)) from None
    return _describe(source, values, n_threads)


@dataclass(frozen=True, eq=False)
class BiasVariance:
    """How far networks trained on different data are from the truth, and from each other.

    Attributes
    ----------
    l2 : ndarray of shape (L,)
        The λs, ascending.
    bias : ndarray of shape (L,)
        Squared: ‖mean prediction − truth‖², the mean over the rows.
    variance : ndarray of shape (L,)
        Mean squared distance of the predictions from their mean.  With ``bias`` it adds up to the
        mean squared distance of the predictions from the truth.
    predictions : ndarray of shape (L, draws, rows, outputs)

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2.path import BiasVariance
    >>> predictions = np.array([[1.0, 3.0], [1.5, 1.5]])[:, :, None, None]
    >>> found = BiasVariance.of([0.1, 1], predictions, [[1.0]])
    >>> found.bias, found.variance
    (array([1.  , 0.25]), array([1., 0.]))
    """

    l2: Array
    bias: Array
    variance: Array
    predictions: Array

    @classmethod
    def of(cls, l2: ArrayLike, predictions: Array, truth: ArrayLike) -> BiasVariance:
        """Take predictions (L, draws, rows, outputs) apart, by the truth (rows, outputs)."""
        l2 = checks.real("l2", l2, _FLOAT64, 1)
        predictions = checks.as_array("predictions", predictions, 4)
        if len(predictions) != len(l2):
            raise ValueError(f"predictions must be of {len(l2)} l2, got {len(predictions)}")
        expected = _truth(truth, predictions.shape[2:])
        with np.errstate(all="ignore"):  # of what no float can hold
            found, exponents = scores.scaled(predictions, (1, 2, 3))
            mean = np.ldexp(found.mean(axis=1, keepdims=True), exponents)
            bias = _mean_squared(mean - expected)
            variance = _mean_squared(predictions - mean)
        return cls(np.asarray(l2, float), bias, variance, predictions)


def _mean_squared(off: Array) -> Array:
    """Return the mean squared length of the vectors (L, draws, rows, outputs) for each λ."""
    found, exponents = scores.scaled(off, (1, 2, 3))
    squares = (found**2).sum(axis=-1).mean(axis=(1, 2))
    brought_back: Array = np.ldexp(squares, 2 * exponents.ravel())
    return brought_back


def bias_variance(
    model: Any,
    data: tuple[Any, Any] | Callable[[np.random.Generator], tuple[Any, Any]],
    X: Matrix,
    truth: ArrayLike,
    l2: Sequence[float] | ArrayLike | None = None,
    *,
    draws: int = 20,
    seed: Any = None,
    n_threads: int | None = None,
    **training: Any,
) -> BiasVariance:
    """Train a path on each of many data sets, and part its errors into bias and variance.

    Parameters
    ----------
    model : Network, MLPClassifier or MLPRegressor
        As for ``l2_path``; each data set begins with the same parameters.
    data : tuple (X, y) or callable
        Rows to draw from with repetition, as many as there are (the bootstrap); or
        ``data(rng) -> (X, y)``, which draws a data set.
    X : array-like or sparse matrix of shape (points, inputs)
        Where the predictions are looked at.
    truth : array-like of shape (points,) or (points, outputs)
        What they should be there: the mean of y, or the probabilities of the classes.
    l2 : sequence of float, optional
        λs, as for ``l2_path``.
    draws : int, default=20
        Data sets, at least 2.
    seed : None, int or numpy.random.Generator, default=None
        Where they come from.
    n_threads : int, optional
        At most so many threads, at least 1.
    **training
        Of a Network alone, how it is trained, as for ``l2_path``.

    Returns
    -------
    BiasVariance

    Raises
    ------
    ValueError, TypeError
        As ``l2_path``; or if truth has another shape.

    References
    ----------
    S. Geman, E. Bienenstock, R. Doursat, Neural networks and the bias/variance dilemma, Neural
    Computation 4 (1992).

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2 import Network
    >>> from pyl2.path import bias_variance
    >>> def data(rng):
    ...     x = rng.uniform(-1, 1, (30, 1))
    ...     return x, np.sin(3 * x) + rng.normal(0, 0.3, (30, 1))
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> network = Network((1, 10, 1), seed=0)
    >>> found = bias_variance(
    ...     network, data, x, np.sin(3 * x), [0.001, 0.1, 1], seed=0, optimizer="lbfgs"
    ... )
    >>> bool((np.diff(found.bias) > 0).all() and (np.diff(found.variance) < 0).all())
    True
    """
    rng = generators.modern(seed)
    draw = data if callable(data) else _bootstrap(*checks.pair("data", data, _DATA))
    expected = checks.real("truth", truth, _FLOAT64)
    X = sparse.matrix("X", X)
    kept = []
    with one_warning():
        for _ in range(checks.whole("draws", draws, 2, checks.MANY)):
            drawn = checks.pair("what data returns", draw(rng), "(X, y)")
            path = l2_path(model, *drawn, l2, n_threads=n_threads, **training)
            l2 = path.l2
            kept.append([path.network(i).predict(X) for i in range(len(path))])
            _truth(expected, kept[0][0].shape)
    return BiasVariance.of(path.l2, np.array(kept).swapaxes(0, 1), expected)


_DATA = "(X, y) or data(rng) -> (X, y)"
_FLOAT64 = np.dtype(np.float64)


def _truth(truth: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return the truth (points, outputs); that of one output may be (points,)."""
    expected = checks.real("truth", truth, _FLOAT64)
    if expected.ndim == 1:
        expected = expected[:, None]
    if expected.shape != shape:
        raise ValueError(f"truth must have shape {shape}, got {expected.shape}")
    return expected


def _bootstrap(X: Any, y: Any) -> Callable[[np.random.Generator], tuple[Any, Array]]:
    """Return what draws rows with repetition, as many as there are."""
    y = checks.as_array("y of data", y)
    X = sparse.matrix("X of data", X) if sparse.is_sparse(X) else checks.as_array("X of data", X)
    if not y.ndim or X.shape[:1] != y.shape[:1] or not len(y):
        raise ValueError(
            "data must hold X and y of as many rows, at least one,"
            f" got shapes {X.shape} and {y.shape}"
        )

    def draw(rng: np.random.Generator) -> tuple[Any, Array]:
        drawn = rng.integers(len(y), size=len(y))
        return sparse.take("X of data", X, drawn), y[drawn]

    return draw


def default_alphas(model: Any, X: Matrix, y: ArrayLike, sample_weight: Any = None) -> Array:
    """Return the λs of an estimator's path if none are given, ascending."""
    return _OfEstimator(model, X, y, sample_weight, None, None).defaults


def _check_l2(l2: Any, start: str, network: Network) -> list[float]:
    """Return the λs in the order of training."""
    values = lambdas.many(l2)
    if start == "warm" and values != sorted(values):
        if values != sorted(values, reverse=True):
            raise ValueError("l2 must ascend or descend with start='warm'")
        if network.hidden:
            raise ValueError(
                "start='warm' goes from small to large l2 where there are hidden layers: at a large"
                " one all weights come to 0, a saddle that training does not come away from"
            )
    return values


class _Source(Protocol):
    """What the path is of: a network or an estimator, with its rows."""

    template: Network  # the shape
    rows: tuple[Any, Array, Array | None]  # X, y, sample weights
    test: tuple[Any, Array] | None
    divisor: float  # λ divided by it is r, of R = r/2 Σ w²
    defaults: Array  # λs
    epochs: int
    trainings: list[Training]  # all that have been set up

    def train(
        self, values: Sequence[float], begin: Array | None, advance: Callable[[float], None]
    ) -> None:
        """Train at each λ, from other parameters than its own where ``begin`` holds some."""
        ...


def _train(
    source: _Source, values: list[float], start: str, advance: Callable[[float], None]
) -> None:
    if start == "same":
        source.train(values, None, advance)
        return
    begin: Array | None = None
    for value in values:
        source.train([value], begin, advance)
        begin = source.trainings[-1].trainer.network.params


def _known(pso: bool) -> list[str]:
    """Return the keywords of ``l2_path`` of a Network."""
    own = [name for name in keywords.of(l2_path) if name != "model"]
    trainers = keywords.of(ParticleSwarm if pso else Backprop)
    rest = [name for name in trainers if name not in (*own, "network", "n", "optimizer")]
    return [*own, "optimizer", *rest, *_OF_TRAIN]


_OF_TRAIN = ("epochs", "validation", "max_time")


class _OfNetwork:
    """A network, and how it is to be trained."""

    def __init__(
        self,
        model: Network,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        test: Any,
        n_threads: int | None,
        training: dict[str, Any],
    ) -> None:
        self.template = _copy(model, model.params)
        self.trainings: list[Training] = []
        self._trains = {"epochs": 100, "validation": None, "max_time": None} | {
            name: training.pop(name) for name in _OF_TRAIN if name in training
        }
        self._pso = training.get("optimizer") == "pso"
        keywords.refuse_unknown("l2_path", training, _known(self._pso))
        self.epochs = checks.whole("epochs", self._trains["epochs"], 1)
        self._options = training | {"n_threads": n_threads}
        if self._pso:
            del self._options["optimizer"]
        # Every λ sees the rows in the same orders: those of the generator given, or of its copies.
        rng = generators.make(self._options.pop("seed", None))
        self._fresh = copy.deepcopy(rng)
        self._seeds = itertools.chain([rng], map(copy.deepcopy, itertools.repeat(self._fresh)))
        rows, Y = holdout.checked(X, y, model, ("X", "y"))
        weight = None
        if sample_weight is not None:
            weight = checks.sample_weights(sample_weight, len(Y), model.dtype)
        self.test = None
        if isinstance(test, tuple | list):
            self.test = holdout.checked(*holdout.given(test), model, ("test X", "test y"))
        elif test is not None:
            seed = int.from_bytes(copy.deepcopy(self._fresh).bytes(4), "little")
            kept, out = holdout.draw(Y, test, seed, holdout.classes_of(Y, model.output))
            self.test = rows[out], Y[out]
            rows, Y, weight = rows[kept], Y[kept], None if weight is None else weight[kept]
        self.rows = rows, Y, weight
        self._items = checks.items(*self.rows, model)
        warn_if_unscaled(self._items.x)
        trainer = self._trainer(self.template, 0.0, self._fresh)
        self.divisor = _divisor(trainer, self._items)
        self.defaults = _defaults(trainer, self.divisor)
        self._deadline = _deadline(self._trains["max_time"])

    def _trainer(self, network: Network, value: float, seed: Any) -> Backprop | ParticleSwarm:
        if self._pso:
            return ParticleSwarm(network, l2=value, seed=seed, **self._options)
        return Backprop(network, l2=value, n="train", seed=seed, **self._options)

    def train(
        self, values: Sequence[float], begin: Array | None, advance: Callable[[float], None]
    ) -> None:
        trainings = []
        for value in values:
            network = _copy(self.template, self.template.params if begin is None else begin)
            trainer: Any = self._trainer(network, value, next(self._seeds))
            validation = held_out(self._trains["validation"], network)
            if getattr(trainer, "early_stopping", False) and validation is None:
                raise ValueError("early_stopping needs validation=(X, Y)")
            left = None if self._deadline is None else max(self._deadline - time.monotonic(), 1e-9)
            course = Course(trainer, network, self.epochs, validation, left, ())
            course.advance = advance
            trainings.append(Training(trainer, course))
        self.trainings += trainings
        abreast.train(trainings, self._items, self._options["n_threads"])


class _OfEstimator:
    """An estimator, its rows being those that it trains on."""

    def __init__(
        self,
        model: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: Any,
        test: Any,
        n_threads: int | None,
    ) -> None:
        from pyl2 import estimators

        self.trainings: list[Training] = []
        self._model = estimators.alike(model)
        if n_threads is not None:
            self._model.n_threads = n_threads
        X = sparse.matrix("X", X)
        if isinstance(test, tuple | list):
            X_test, y_test = holdout.given(test)
        elif test is not None:
            X, y, sample_weight, X_test, y_test = estimators.hold_out(
                self._model, X, y, sample_weight, test
            )
        self._data = X, y, sample_weight
        probe = estimators.at(self._model, 0.0)
        ready = probe._prepare(*self._data)
        self.test = None
        if test is not None:
            held = probe._given_validation(
                (X_test, y_test, None), ready.X.dtype, ("test X", "test y")
            )
            self.test = held.X, held.y
        self.rows = ready.X, ready.y, ready.sample_weight
        self.template = probe._network
        self.epochs = self._model.max_iter
        items = checks.items(*self.rows, self.template)
        warn_if_unscaled(items.x)
        self.divisor = _divisor(ready.trainer, items)
        self.defaults = _defaults(ready.trainer, self.divisor)

    def train(
        self, values: Sequence[float], begin: Array | None, advance: Callable[[float], None]
    ) -> None:
        from pyl2 import estimators

        models = [estimators.at(self._model, value) for value in values]
        trainings, ready = estimators.prepare_abreast(models, *self._data)
        self.trainings += trainings
        for training in trainings:
            training.course.advance = advance
            if begin is not None:
                training.trainer.network.params = begin
        items = checks.items(ready.X, ready.y, ready.sample_weight, self.template)
        abreast.train(trainings, items, self._model.n_threads)
        estimators.conclude_abreast(models, trainings)


def _copy(template: Network, params: Array) -> Network:
    """Return a network of the same shape with a copy of the parameters."""
    network = Network._made(template.layer_sizes, template.hidden, template.output, template.dtype)
    network.params = params
    return network


def _deadline(max_time: Any) -> float | None:
    if max_time is None:
        return None
    return time.monotonic() + checks.number("max_time", max_time, 0, open_low=True)


def _divisor(trainer: Any, items: Items) -> float:
    """Return what λ is divided by to give r, of R = r/2 Σ w², as this trainer has it."""
    if trainer.optimizer in ("lbfgs", "pso"):
        return float(lambdas.divisor(getattr(trainer, "n", "train"), items.mass))
    if trainer.decay == "fraction":
        return float(trainer.eta)
    if trainer.n == "batch" and trainer.batch_size is not None:
        return items.mass * min(1.0, float(trainer.batch_size) / items.rows)
    return float(lambdas.divisor(trainer.n, items.mass))


def _defaults(trainer: Any, divisor: float) -> Array:
    """Return λs from too small to matter to so large that nothing but the bias is left."""
    most = _MOST
    if trainer.optimizer not in ("lbfgs", "pso"):
        most = min(most, _MOST_TAKEN / trainer.eta)
    with np.errstate(over="ignore"):
        found: Array = divisor * np.geomspace(_LEAST, most, _DEFAULT)
    return found


def _describe(source: _Source, trained: Sequence[float], n_threads: int | None) -> L2Path:
    """Look at what the trainings have left; interrupted, some have not begun."""
    pairs = zip(trained, source.trainings, strict=False)
    begun = [pair for pair in pairs if pair[1].over or len(pair[1].course.history)]
    begun.sort(key=lambda pair: pair[0])
    values, trainings = np.array([value for value, _ in begun]), [one for _, one in begun]
    template, output = source.template, source.template.output
    template._threads = threads.count(n_threads)
    networks = [training.trainer.network for training in trainings]
    for network in networks:
        network._threads = template._threads
    params = np.stack([network.params for network in networks])
    with np.errstate(over="ignore"):
        rates = np.repeat(values[:, None] / source.divisor, len(template.weights), axis=1)
    X, y, weight = source.rows
    data_error, penalty = _errors(template, params, checks.items(X, y, weight, template), rates)
    test_error = test_score = np.full(len(values), math.nan)
    if source.test is not None:
        test_error, _ = _errors(template, params, checks.items(*source.test, None, template), rates)
        test_score = _scores(networks, *source.test, output, None)
    layers = _layers(template, params)
    few = sparse.take("X", X, slice(None, None, -(-X.shape[0] // _LOOKED_AT)))
    with np.errstate(all="ignore"):  # weights that diverged may be too large to be squared
        return L2Path(
            l2=values,
            params=params,
            data_error=data_error,
            penalty=penalty,
            test_error=test_error,
            train_score=_scores(networks, X, y, output, weight),
            test_score=test_score,
            norms=np.column_stack([_norm(W) for W in layers]),
            slope=np.array([_slope(network, few) for network in networks]),
            curvature=np.array([_curvature(network, X) for network in networks]),
            saturation=np.array([_saturation(network, few) for network in networks]),
            evenness=[_evenness(W) for W in layers],
            curves=_curves([training.course.history for training in trainings]),
            stopped=[one.course.history.stopped or "interrupted" for one in trainings],
            measure=scores.MEASURES[output],
            template=_copy(template, params[0]),
        )


def _errors(template: Network, params: Array, items: Items, rates: Array) -> tuple[Array, Array]:
    """Return E₀ and R of all the networks."""
    out = np.empty((len(params), 2))
    template._net.errors(params, *items, rates, out, template._threads)
    return out[:, 0].copy(), out[:, 1].copy()


def _scores(networks: list[Network], X: Any, y: Array, output: str, weight: Array | None) -> Array:
    return np.array([scores.score(network.predict(X), y, output, weight) for network in networks])


def _layers(template: Network, params: Array) -> list[Array]:
    """Return the weights of each layer, (L, fan_in, fan_out), in float64."""
    sizes = [W.size for W in template.weights]
    ends = list(itertools.accumulate(sizes))
    return [
        params[:, end - size : end].reshape(-1, *W.shape).astype(np.float64)
        for W, size, end in zip(template.weights, sizes, ends, strict=True)
    ]


def _norm(W: Array) -> Array:
    found: Array = np.sqrt(np.einsum("lij,lij->l", W, W))
    return found


def _evenness(W: Array) -> Array:
    """Return (Σ|w|)² / (d Σw²) of the weights that enter each unit, (L, units)."""
    size = np.abs(W)
    largest = size.max(axis=1, keepdims=True)
    # Relative to the largest no square is too small for its type.
    size = np.divide(size, largest, out=np.full_like(size, math.nan), where=largest > 0)
    found: Array = size.sum(axis=1) ** 2 / (W.shape[1] * (size**2).sum(axis=1))
    return found


def _slope(network: Network, X: Any) -> float:
    """Return the mean squared norm of ∂output/∂x."""
    step = max(1, _DERIVATIVES // (network.layer_sizes[0] * network.layer_sizes[-1]))
    total = 0.0
    for first in range(0, X.shape[0], step):
        gradient = network.input_gradient(X[first : first + step]).ravel().astype(np.float64)
        total += float(gradient @ gradient)
    return total / int(X.shape[0])


def _curvature(network: Network, X: Any) -> float:
    """Return the mean of (∂²output/∂x²)², summed over outputs, over the range of one input."""
    if network.layer_sizes[0] != 1:
        return math.nan
    values = sparse.dense("X", X)
    x = np.linspace(values.min(), values.max(), _POINTS, dtype=network.dtype)
    if x[0] == x[-1]:
        return math.nan
    slope = network.input_gradient(x[:, None])[:, :, 0].astype(np.float64)
    second = np.diff(slope, axis=0) / np.diff(x.astype(np.float64))[:, None]
    return float((second**2).sum(axis=1).mean())


def _saturation(network: Network, X: Any) -> list[float]:
    """Return the share of saturated units in each hidden layer."""
    *hidden, _ = network.activations(X)
    return [_share(name, a) for name, a in zip(network.hidden, hidden, strict=True)]


def _share(activation: str, a: Array) -> float:
    if activation == "relu":
        on = (a > 0).mean(axis=0)
        return float(((on == 0) | (on == 1)).mean())
    if activation not in _SATURATED:
        return math.nan
    return np.count_nonzero(_SATURATED[activation](a)) / a.size


def _curves(histories: list[Any]) -> Array:
    """Return E₀ and R of the epochs, (L, epochs, 2)."""
    curves = np.full((len(histories), max(map(len, histories)), 2), math.nan)
    for curve, history in zip(curves, histories, strict=True):
        curve[: len(history)] = np.column_stack([history.data_error, history.penalty])
    return curves
