"""Losses of predictions once more, in NumPy: for scores, which compare them with a constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyl2._common.outputs import Objective
from pyl2._common.validation import Array

# Halvings of the interval that a Huber location lies in: float64 has no more figures.
_HALVINGS = 100


def explained(predicted: Array, Y: Array, objective: Objective, weight: Array) -> Array:
    """Return D² of each output: the share of the best constant's loss that is explained.

    Parameters
    ----------
    predicted, Y : ndarray of shape (rows, outputs)
    objective : Objective
        With a loss of numbers.
    weight : ndarray of shape (rows,)
        All > 0.

    Returns
    -------
    ndarray of shape (outputs,)
        1 − Σ s ℓ(y, ŷ) / Σ s ℓ(y, c), c being the constant with the least loss; where that has
        none, 1 if the predictions have none either, else 0.

    References
    ----------
    T. Hastie, R. Tibshirani, M. Wainwright, Statistical Learning with Sparsity, 2015, eq. 3.11.
    """
    Y = Y.astype(np.float64)
    with np.errstate(all="ignore"):  # D² may be -inf
        left = weight @ _losses(predicted, Y, objective)
        whole = weight @ _losses(best_constant(Y, objective, weight), Y, objective)
        found: Array = np.where(whole == 0, left == 0, 1 - left / whole)
    return found


def best_constant(Y: Array, objective: Objective, weight: Array) -> Array:
    """Return the prediction with the least loss that is the same for all rows, (outputs,)."""
    if objective.loss_name == "huber":
        return _huber_location(Y, objective.number, weight)
    if objective.loss_name in ("absolute_error", "quantile"):
        return _quantile(Y, objective.number or 0.5, weight)
    mean: Array = np.average(Y, axis=0, weights=weight)
    return mean


def _losses(predicted: Any, Y: Array, objective: Objective) -> Array:
    """Return the loss of each number."""
    off: Array = predicted - Y
    number = objective.number
    if objective.loss_name == "huber":
        inner = off.clip(-number, number)
        return inner * (off - inner / 2)
    if objective.loss_name == "absolute_error":
        return np.abs(off)
    if objective.loss_name == "quantile":
        return np.where(off > 0, 1 - number, -number) * off
    ratio: Array = Y / predicted
    return ratio - np.log(ratio) - 1


def _quantile(Y: Array, q: float, weight: Array) -> Array:
    """Return the least number that rows of at least the share q are not above."""
    order = Y.argsort(axis=0)
    reached = weight[order].cumsum(axis=0)
    place = (reached < q * reached[-1]).sum(axis=0).clip(max=len(Y) - 1)
    found: Array = np.take_along_axis(np.take_along_axis(Y, order, 0), place[None], 0)[0]
    return found


def _huber_location(Y: Array, delta: float, weight: Array) -> Array:
    """Return where residuals cut at ±δ sum to 0, by halving: the sum falls along the line."""
    low, high = Y.min(axis=0), Y.max(axis=0)
    for _ in range(_HALVINGS):
        middle = low / 2 + high / 2
        above = weight @ (Y - middle).clip(-delta, delta) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    found: Array = low / 2 + high / 2
    return found
