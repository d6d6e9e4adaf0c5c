"""bias_variance: the error of networks at many λ, split into bias and variance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import jobs, metrics, random, sparse, threads
from pyl2._common.dataset import Matrix
from pyl2._common.drawn import Drawn
from pyl2._common.scaling import one_warning
from pyl2._common.validation import MANY, Array, as_array, check_array, check_integer, check_pair
from pyl2.network import Network
from pyl2.path.train import l2_path


@dataclass(frozen=True, eq=False)
class BiasVariance(Drawn):
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
    _display = "BiasVarianceDisplay"

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each λ: ``l2``, ``bias``, ``variance``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        from pyl2._common import text_table

        names = ("l2", "bias", "variance")
        columns = [getattr(self, name).tolist() for name in names]
        rows = zip(*columns, strict=True)
        return text_table.frame([dict(zip(names, row, strict=True)) for row in rows])

    @classmethod
    def of(cls, l2: ArrayLike, predictions: Array, truth: ArrayLike) -> BiasVariance:
        """Take predictions (L, draws, rows, outputs) apart, by the truth (rows, outputs)."""
        l2 = check_array("l2", l2, _FLOAT64, 1)
        predictions = as_array("predictions", predictions, 4)
        if len(predictions) != len(l2):
            raise ValueError(f"predictions must be of {len(l2)} l2, got {len(predictions)}")
        expected = _truth(truth, predictions.shape[2:])
        with np.errstate(all="ignore"):  # of what no float can hold
            found, exponents = metrics.scaled(predictions, (1, 2, 3))
            mean = np.ldexp(found.mean(axis=1, keepdims=True), exponents)
            bias = _mean_squared(mean - expected)
            variance = _mean_squared(predictions - mean)
        return cls(np.asarray(l2, float), bias, variance, predictions)


def _mean_squared(off: Array) -> Array:
    """Return the mean squared length of the vectors (L, draws, rows, outputs) for each λ."""
    found, exponents = metrics.scaled(off, (1, 2, 3))
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
    n_jobs: int | None = None,
    **training: Any,
) -> BiasVariance:
    """Train a path on each of many data sets and split its errors into bias and variance.

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
        Where they come from, and the random numbers of a Network's trainings.
    n_threads : int, optional
        Maximum number of threads, at least 1.
    n_jobs : int, optional
        Data sets at a time, by joblib: None is 1 unless ``joblib.parallel_config`` says more, -1
        all processors, which the jobs then share.  The results are the same bits for any number.
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
    rng = random.modern(seed)
    draw = data if callable(data) else _bootstrap(*check_pair("data", data, _DATA))
    expected = check_array("truth", truth, _FLOAT64)
    count = check_integer("draws", draws, 2, MANY)
    workers = jobs.count(n_jobs, count - 1)
    if workers > 1 and n_threads is None:
        _, n_threads = threads.share(0, workers)
    train = _Training(model, sparse.matrix("X", X), n_threads, training)
    # Before the data are drawn, and without a change to what they are drawn from.
    seeds = random.children(rng, count) if isinstance(model, Network) else [None] * count
    pairs = (check_pair("what data returns", draw(rng), "(X, y)") for _ in seeds)
    drawn = zip(pairs, seeds, strict=True)
    with one_warning():
        values, first = train(l2, *next(drawn))
        _truth(expected, first[0].shape)
        tasks = (partial(_task, train, values, *one) for one in drawn)
        if workers == 1:
            rest = [task(None) for task in tasks]
        else:
            rest = [found for _, found in sorted(jobs.run(tasks, workers), key=itemgetter(0))]
    return BiasVariance.of(values, np.array([first, *rest]).swapaxes(0, 1), expected)


class _Training(NamedTuple):
    """A path on a data set, and its predictions."""

    model: Any
    X: Any
    n_threads: int | None
    training: dict[str, Any]

    def __call__(self, l2: Any, rows: tuple[Any, Any], seed: Any) -> tuple[Array, list[Array]]:
        """Return the λs, and the outputs (points, outputs) at each."""
        given = self.training if seed is None else {**self.training, "seed": seed}
        X, y = rows
        path = l2_path(self.model, X, y, l2, n_threads=self.n_threads, **given)
        return path.l2, [path.network(i).predict(self.X) for i in range(len(path))]


def _task(train: _Training, l2: Array, rows: tuple[Any, Any], seed: Any, _: Any) -> list[Array]:
    return train(l2, rows, seed)[1]


_DATA = "(X, y) or data(rng) -> (X, y)"
_FLOAT64 = np.dtype(np.float64)


def _truth(truth: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return the truth (points, outputs); that of one output may be (points,)."""
    expected = check_array("truth", truth, _FLOAT64)
    if expected.ndim == 1:
        expected = expected[:, None]
    if expected.shape != shape:
        raise ValueError(f"truth must have shape {shape}, got {expected.shape}")
    return expected


def _bootstrap(X: Any, y: Any) -> Callable[[np.random.Generator], tuple[Any, Array]]:
    """Return what draws rows with repetition, as many as there are."""
    y = as_array("data y", y)
    X = sparse.matrix("data X", X) if sparse.is_sparse(X) else as_array("data X", X)
    if not y.ndim or not len(y) or X.ndim != 2:
        raise ValueError(
            f"data must hold rows X and y, at least one, got shapes {X.shape} and {y.shape}"
        )
    if X.shape[0] != len(y):
        raise ValueError(f"data y has {len(y)} rows, but data X has {X.shape[0]}")

    def draw(rng: np.random.Generator) -> tuple[Any, Array]:
        drawn = rng.integers(len(y), size=len(y))
        return sparse.take("data X", X, drawn), y[drawn]

    return draw
