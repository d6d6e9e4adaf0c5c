"""How good predictions are: accuracy of classes, R² or D² of numbers; means of what is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyl2._common import deviance
from pyl2._common.outputs import Objective
from pyl2._common.validation import Array

# A mean square below this may have lost bits by underflow.
_LEAST = 1e-280


def score(predicted: Array, Y: Array, objective: Objective, weight: Array | None = None) -> float:
    """Return the accuracy, or the mean R² or D² of the outputs, as the loss has it.

    Accuracy and R² are scikit-learn's numbers to rounding.

    Parameters
    ----------
    predicted : ndarray of shape (rows, outputs)
        What the network gives.
    Y : ndarray of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
        Targets.  Of several labels all must be right.
    objective : Objective
        The network's.
    weight : ndarray of shape (rows,), optional

    Returns
    -------
    float
        NaN if a prediction of numbers is not finite, or there are fewer than two of them.  An
        output that does not vary has R² 1 where it was met exactly, else 0.  Rows of weight 0 count
        as none.
    """
    labels = objective.labels
    if Y.ndim == 1 and not objective.class_indices:
        Y = Y[:, None]
    if objective.measure == "D²":
        return _d2(predicted, Y, objective, weight)
    if labels is None:
        return _r2(predicted, Y, weight)
    right = labels(predicted) == labels(Y)
    return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weight))


def has_r2(rows: int, weight: Array | None = None) -> bool:
    """Whether so many rows have an R² or D²: it takes two, of weight > 0."""
    return (rows if weight is None else int(np.count_nonzero(weight))) > 1


def _r2(predicted: Array, Y: Array, weight: Array | None) -> float:
    if not has_r2(len(Y), weight):
        return math.nan
    if weight is not None:
        counted = weight[:, None] > 0
        predicted, Y = np.where(counted, predicted, 0), np.where(counted, Y, 0)
    if not np.isfinite(predicted).all():
        return math.nan
    Y = Y.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):  # R² may be -inf
        spread, missed = _variance(Y, weight), _mean_square(Y - predicted, weight)
        exponent: Any = 0
        if not (spread.min() > _LEAST and missed.max() < math.inf):
            y, unit = scaled(Y, 0)
            # Halved the difference cannot overflow.
            residual, unit_missed = scaled(Y * 0.5 - predicted * 0.5, 0)
            spread, missed = _variance(y, weight), _mean_square(residual, weight)
            exponent = 2 * (1 + unit_missed - unit)[0]
        ratio = np.ldexp(missed / spread, exponent)
        return float(np.where(spread == 0, missed == 0, 1 - ratio).mean())


def _d2(predicted: Array, Y: Array, objective: Objective, weight: Array | None) -> float:
    if not has_r2(len(Y), weight):
        return math.nan
    if weight is None:
        weight = np.ones(len(Y))
    counted = weight > 0
    predicted, Y, weight = predicted[counted], Y[counted], weight[counted].astype(np.float64)
    if not np.isfinite(predicted).all():
        return math.nan
    return float(deviance.explained(predicted, Y, objective, weight).mean())


def _variance(Y: Array, weight: Array | None) -> Array:
    return _mean_square(Y - np.average(Y, axis=0, weights=weight), weight)


def _mean_square(off: Array, weight: Array | None) -> Array:
    """Return the mean of the squares, which take the place of the numbers."""
    off *= off
    found: Array = np.average(off, axis=0, weights=weight)
    return found


def scaled(values: Array, axis: int | tuple[int, ...]) -> tuple[Array, Array]:
    """Return numbers divided by a power of two such that the largest along the axis is near 1.

    Then squares have a sum.  A power of two changes no bit of a mantissa: what is computed so, and
    brought back by `numpy.ldexp`, is what it would be without.

    Parameters
    ----------
    values : ndarray
    axis : int or tuple of int

    Returns
    -------
    scaled : ndarray of float64
    exponents : ndarray of int
        With the axis kept.
    """
    values = values.astype(np.float64, copy=False)
    sizes = np.abs(values).max(axis=axis, keepdims=True, initial=0.0)
    # Beyond 1000 the power of two, or its inverse, would be no number.
    exponents: Array = np.frexp(np.where(np.isfinite(sizes), sizes, 0.0))[1].clip(-1000, 1000)
    with np.errstate(all="ignore"):  # what is far below the largest may underflow
        return values * np.ldexp(1.0, -exponents), exponents


def mean_known(columns: Array) -> Array:
    """Return the mean over the columns of each row, NaN left out; NaN where there is nothing."""
    return _moments(columns)[0]


def standard_error(columns: Array) -> Array:
    """Return that of ``mean_known``: s / √count; NaN where fewer than two columns are known."""
    return _moments(columns)[1]


def _moments(columns: Array) -> tuple[Array, Array]:
    """Return the means of each row, and their standard errors."""
    known = ~np.isnan(columns)
    counts = known.sum(axis=1)
    values, exponents = scaled(np.where(known, columns, 0.0), 1)
    with np.errstate(all="ignore"):  # of infinite ones, and of none
        means = values.sum(axis=1) / counts
        off = np.where(known, values - means[:, None], 0.0)
        errors = np.sqrt((off * off).sum(axis=1) / (counts * (counts - 1)))
        return np.ldexp(means, exponents[:, 0]), np.ldexp(errors, exponents[:, 0])
