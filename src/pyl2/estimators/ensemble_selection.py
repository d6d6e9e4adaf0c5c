"""Ensemble selection: which candidates, and how often, by their predictions of held-out rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pyl2._common.validation import Array

# A probability is taken for no less, as in scikit-learn's log_loss: its logarithm has an end.
_LEAST = float(np.finfo(np.float64).eps)


class Selection(NamedTuple):
    """What was chosen.

    Attributes
    ----------
    counts : ndarray of int, shape (candidates,)
        How often each is in the selection.
    errors : ndarray of shape (rounds,)
        That of the mean after each round.
    """

    counts: Array
    errors: Array


def row_errors(predicted: Array, y: Array, output: str) -> Array:
    """Return the error of each row: half the squared error, or the log loss.

    Parameters
    ----------
    predicted : ndarray of shape (rows, outputs)
    y : ndarray of shape (rows, outputs), or class indices (rows,) for softmax
    output : {"identity", "logistic", "softmax"}

    Returns
    -------
    ndarray of shape (rows,)
        Summed over outputs, as E₀ is.
    """
    found: Array
    if output == "identity":
        found = 0.5 * np.square(predicted - y).sum(axis=1)
    elif output == "softmax":
        chosen = predicted[np.arange(len(y)), y]
        found = -np.log(np.clip(chosen, _LEAST, 1.0))
    else:
        p = np.clip(predicted, _LEAST, 1 - _LEAST)
        found = -(y * np.log(p) + (1 - y) * np.log1p(-p)).sum(axis=1)
    return found


def mean_error(predicted: Array, y: Array, output: str, weight: Array | None = None) -> float:
    """Return the mean of ``row_errors``, by sample weights if there are any."""
    return float(np.average(row_errors(predicted, y, output), weights=weight))


def greedy(predictions: Sequence[Array], error: Callable[[Array], float], rounds: int) -> Selection:
    """Choose candidates, with replacement, whose mean has a small error.

    From nothing, in each round the candidate whose addition most lowers the error of the mean (or
    raises it least) is added; the best prefix stays.  Of equals the candidate that comes first,
    and the shortest prefix.

    Parameters
    ----------
    predictions : sequence of C ndarrays of one shape
        Of the rows held out, by each candidate.  One that is not finite is never chosen.
    error : callable
        Returns the error of such predictions.
    rounds : int
        At least 1.

    Returns
    -------
    Selection

    Raises
    ------
    ValueError
        If no candidate has a finite error.

    References
    ----------
    R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, Ensemble selection from libraries of models,
    ICML 2004, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2.estimators.ensemble_selection import greedy
    >>> y = np.array([0.0, 1.0])
    >>> candidates = [np.array([0.4, 1.4]), np.array([-0.4, 0.6]), np.array([3.0, 0.0])]
    >>> found = greedy(candidates, lambda predicted: float(((predicted - y) ** 2).sum()), 4)
    >>> found.counts.tolist(), found.errors.round(2).tolist()
    ([1, 1, 0], [0.32, 0.0, 0.04, 0.0])
    """
    usable = [i for i, one in enumerate(predictions) if np.isfinite(one).all()]
    if not usable:
        raise ValueError("no candidate has finite predictions")
    total = np.zeros_like(predictions[usable[0]], dtype=np.float64)
    chosen, errors = [], []
    for size in range(1, rounds + 1):
        tried = [error((total + predictions[i]) / size) for i in usable]
        best = min(range(len(usable)), key=lambda place: _or_infinite(tried[place]))
        total += predictions[usable[best]]
        chosen.append(usable[best])
        errors.append(tried[best])
    kept = min(range(rounds), key=lambda place: _or_infinite(errors[place])) + 1
    return Selection(np.bincount(chosen[:kept], minlength=len(predictions)), np.array(errors))


def _or_infinite(error: float) -> float:
    return math.inf if math.isnan(error) else error
