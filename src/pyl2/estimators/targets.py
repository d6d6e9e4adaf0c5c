"""Targets of regression in units of their own, and back."""

from __future__ import annotations

import numpy as np

from pyl2._common import metrics
from pyl2._common.validation import Array


def units(y: Array, weight: Array | None, normalize: bool) -> tuple[Array, Array]:
    """Return mean and standard deviation of each column of targets.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, outputs)
    weight : ndarray of shape (rows,), optional
    normalize : bool
        Whether they are wanted: else 0 and 1.

    Returns
    -------
    mean, scale : ndarray of float64, shape (outputs,)
        1 for the standard deviation of a constant.
    """
    if not normalize:
        return np.zeros(y.shape[1]), np.ones(y.shape[1])
    values, exponents = metrics.scaled(y, 0)
    mean = np.average(values, axis=0, weights=weight)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    mean, spread = np.ldexp(mean, exponents[0]), np.ldexp(spread, exponents[0])
    return mean, np.where(spread > 0, spread, 1.0)


def by_output(values: Array) -> float | Array:
    """Return what there is of each output as an array, or as the number that the only one has."""
    return float(values[0]) if len(values) == 1 else values


def as_targets(outputs: Array, dtype: np.dtype[np.floating]) -> Array:
    """Return outputs in the shape of the targets that scikit-learn gives: (rows,) if one."""
    found = outputs.astype(dtype)
    return found[:, 0] if found.shape[1] == 1 else found
