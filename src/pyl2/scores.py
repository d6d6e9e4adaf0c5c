"""How good predictions are: accuracy of classes, R² of numbers; and means of what is known."""

from __future__ import annotations

import math

import numpy as np

from pyl2.checks import Array

MEASURES = {"softmax": "accuracy", "logistic": "accuracy", "identity": "R²", "exp": "R²"}
"""What ``score`` returns, for each output."""


def score(predicted: Array, Y: Array, output: str, weight: Array | None = None) -> float:
    """Return the accuracy, or the mean R² of the outputs; scikit-learn's numbers to rounding.

    Parameters
    ----------
    predicted : ndarray of shape (rows, outputs)
        What the network gives.
    Y : ndarray of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
        Targets.  Of several labels all must be right.
    output : str
        The network's.
    weight : ndarray of shape (rows,), optional

    Returns
    -------
    float
        NaN if a prediction of numbers is not finite.  An output that does not vary has R² 1 where
        it was met exactly, else 0.
    """
    if Y.ndim == 1 and output != "softmax":
        Y = Y[:, None]
    if MEASURES[output] == "R²":
        return _r2(predicted, Y, weight)
    right = labels(predicted, output) == labels(Y, output)
    return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weight))


def labels(values: Array, output: str) -> Array:
    """Return classes (rows,), from them, from targets, or from predictions; (rows, k) if many."""
    if output == "softmax":
        return values if values.ndim == 1 else values.argmax(axis=1)
    found: Array = values > 0.5
    return found[:, 0] if found.shape[1] == 1 else found


def _r2(predicted: Array, Y: Array, weight: Array | None) -> float:
    if not np.isfinite(predicted).all():
        return math.nan
    Y = Y.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        residual = np.average((Y - predicted) ** 2, axis=0, weights=weight)
        spread = np.average(
            (Y - np.average(Y, axis=0, weights=weight)) ** 2, axis=0, weights=weight
        )
    varies = spread != 0
    found = np.where(residual == 0, 1.0, 0.0)
    found[varies] = 1 - residual[varies] / spread[varies]
    return float(found.mean())


def mean_known(columns: Array) -> Array:
    """Return the mean over the columns of each row, NaN left out; NaN where there is nothing."""
    known = ~np.isnan(columns)
    counts = known.sum(axis=1)
    sums = np.where(known, columns, 0.0).sum(axis=1)
    means: Array = np.divide(sums, counts, out=np.full(len(columns), math.nan), where=counts > 0)
    return means


def standard_error(columns: Array) -> Array:
    """Return that of ``mean_known``: s / √count; NaN where fewer than two columns are known."""
    known = ~np.isnan(columns)
    counts = known.sum(axis=1)
    with np.errstate(invalid="ignore"):  # of infinite ones
        off = np.where(known, columns - mean_known(columns)[:, None], 0.0)
    variance: Array = np.divide(
        (off * off).sum(axis=1),
        counts * (counts - 1),
        out=np.full(len(columns), math.nan),
        where=counts > 1,
    )
    return np.sqrt(variance)
