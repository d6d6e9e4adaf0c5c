"""What L2 has done to networks at many λ: errors, norms, slopes, saturation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyl2._common import metrics, sparse
from pyl2._common.named import name_of
from pyl2._common.validation import Array
from pyl2._engine import Engine
from pyl2.network import Network, copy_network, engine_of
from pyl2.path.result import L2Path
from pyl2.path.source import PathSource, Rows

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


def describe(source: PathSource, trained: Sequence[float]) -> L2Path:
    """Look at what the trainings have left; interrupted, some have not begun."""
    pairs = zip(trained, source.sessions, strict=False)
    begun = [pair for pair in pairs if pair[1].over or len(pair[1].history)]
    begun.sort(key=lambda pair: pair[0])
    values, sessions = np.array([value for value, _ in begun]), [one for _, one in begun]
    template = source.template
    params = np.stack([session.network.params for session in sessions])
    with np.errstate(over="ignore"):
        rates = np.repeat(values[:, None] / source.divisor, len(template.weights), axis=1)
    look = _Look(engine_of(template), params, source.n_threads)
    data_error, penalty = look.errors(source.rows, rates)
    unknown = np.full(len(values), math.nan)
    test_error = test_score = unknown
    if source.test is not None:
        test_error, _ = look.errors(source.test, rates)
        test_score = look.scores(source.test)
    layers = _layers(template, params)
    X = source.rows.X
    few = sparse.take("X", X, slice(None, None, -(-X.shape[0] // _LOOKED_AT)))
    with np.errstate(all="ignore"):  # weights that diverged may be too large to be squared
        return L2Path(
            l2=values,
            params=params,
            data_error=data_error,
            penalty=penalty,
            test_error=test_error,
            train_score=look.scores(source.rows),
            test_score=test_score,
            norms=np.column_stack([_norm(W) for W in layers]),
            slope=look.slope(few),
            curvature=look.curvature(X),
            saturation=look.saturation(few),
            evenness=[_evenness(W) for W in layers],
            curves=_curves([session.history for session in sessions]),
            stopped=[session.history.stopped or "interrupted" for session in sessions],
            measure=engine_of(template).objective.measure,
            template=copy_network(template, params[0]),
            log_evidence=unknown,
            n_effective=unknown,
            noise_variance=unknown,
        )


class _Look:
    """Networks of one shape, with parameters (L, d), to be looked at on rows."""

    def __init__(self, engine: Engine, params: Array, n_threads: int) -> None:
        self._engine, self._params, self._n_threads = engine, params, n_threads

    def errors(self, rows: Rows, rates: Array) -> tuple[Array, Array]:
        """Return E₀ and R of all, (L,) each."""
        both = self._engine.errors(self._params, rows.dataset, rates, self._n_threads)
        return both[:, 0].copy(), both[:, 1].copy()

    def scores(self, rows: Rows) -> Array:
        """Return the score of each, by the measure of its loss."""
        return np.array([self._score(params, rows) for params in self._params])

    def _score(self, params: Array, rows: Rows) -> float:
        predicted = self._engine.predict(params, rows.X, self._n_threads)
        y, weight = rows.dataset.y, rows.dataset.sample_weight
        return metrics.score(predicted, y, self._engine.objective, weight)

    def slope(self, X: Any) -> Array:
        """Return the mean squared norm of ∂output/∂x of each."""
        return np.array([self._slope(params, X) for params in self._params])

    def _slope(self, params: Array, X: Any) -> float:
        sizes = self._engine.layer_sizes
        step = max(1, _DERIVATIVES // (sizes[0] * sizes[-1]))
        total = 0.0
        for first in range(0, X.shape[0], step):
            gradient = self._input_gradient(params, X[first : first + step]).ravel()
            total += float(np.einsum("i,i->", gradient, gradient))  # BLAS would wake its threads
        return total / int(X.shape[0])

    def curvature(self, X: Any) -> Array:
        """Return the mean of (∂²output/∂x²)², summed over outputs, over the range of one input."""
        missing = np.full(len(self._params), math.nan)
        if self._engine.layer_sizes[0] != 1:
            return missing
        values = sparse.dense("X", X)
        x = np.linspace(values.min(), values.max(), _POINTS, dtype=self._engine.dtype)
        if x[0] == x[-1]:
            return missing
        return np.array([self._curvature(params, x) for params in self._params])

    def _curvature(self, params: Array, x: Array) -> float:
        slope = self._input_gradient(params, x[:, None])[:, :, 0]
        second = np.diff(slope, axis=0) / np.diff(x.astype(np.float64))[:, None]
        return float((second**2).sum(axis=1).mean())

    def _input_gradient(self, params: Array, X: Any) -> Array:
        return self._engine.input_gradient(params, X, self._n_threads).astype(
            np.float64, copy=False
        )

    def saturation(self, X: Any) -> Array:
        """Return the share of saturated units in each hidden layer of each."""
        return np.array([self._saturation(params, X) for params in self._params])

    def _saturation(self, params: Array, X: Any) -> list[float]:
        *hidden, _ = self._engine.activations(params, X, self._n_threads)
        return [_share(name_of(f), a) for f, a in zip(self._engine.hidden, hidden, strict=True)]


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
