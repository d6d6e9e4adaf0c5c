"""The engine: what the core computes for networks of one shape.

The only file that touches the core's Net, the lock of a training and the limits of threads.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pyl2 import _core
from pyl2._common import sparse, threads
from pyl2._common.activations import engine_pair
from pyl2._common.dataset import Dataset, Features, Matrix, check_features
from pyl2._common.named import Named
from pyl2._common.outputs import Objective
from pyl2._common.validation import Array

UNLIMITED = threads.count(None)  # as far as the environment and threadpoolctl allow
# Of dtypes by their size: where memory is short, NumPy finds no hash for a dtype, or a wrong one.
LETTERS = {4: "f", 8: "d"}
_LINE = 64  # bytes of a cache line


class Engine:
    """One shape of networks, and what can be computed with parameters of it.

    Parameters (d,) are laid out as ``Network.params``.  ``n_threads`` is what ``threads.count``
    returns; the numbers are the same bits for any.

    Parameters
    ----------
    layer_sizes : tuple of int
    hidden : tuple of Named
        An activation for each hidden layer.
    objective : Objective
        The output, and what E₀ is made of.
    dtype : dtype
        float32 or float64.

    Raises
    ------
    ValueError
        If they do not fit together.
    """

    def __init__(
        self,
        layer_sizes: tuple[int, ...],
        hidden: tuple[Named, ...],
        objective: Objective,
        dtype: DTypeLike,
    ) -> None:
        self.dtype = np.dtype(dtype)
        self._net = _core.Net(
            layer_sizes,
            tuple(map(engine_pair, hidden)),
            objective.output,
            LETTERS[self.dtype.itemsize],
            loss=(objective.loss_name, objective.number),
            label_smoothing=objective.label_smoothing,
        )
        self._lock = _core.TrainingLock()
        self.layer_sizes, self.hidden, self.objective = layer_sizes, hidden, objective

    def __getstate__(self) -> dict[str, Any]:
        """Return what it was made from: C's part cannot be stored."""
        names = ("layer_sizes", "hidden", "objective", "dtype")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Engine.__init__(self, **state)

    def renewed(self, *, objective: Objective | None = None, dtype: Any = None) -> Engine:
        """Return another engine of the same shape, for another network."""
        kept = self.objective if objective is None else objective
        return Engine(self.layer_sizes, self.hidden, kept, self.dtype if dtype is None else dtype)

    @property
    def isa(self) -> str:
        """The instruction set in use."""
        return self._net.isa

    @property
    def n_params(self) -> int:
        """Weights and biases."""
        return self._net.n_params

    @property
    def n_weights(self) -> int:
        """Weights alone, the prefix of the parameters that decays."""
        return self._net.n_weights

    def empty_params(self) -> Array:
        """Return a vector (d,) for parameters, yet to be filled, that begins with a cache line.

        A row of weights then lies across no more lines than it must: a prediction of one row takes
        5 to 10 % less time.
        """
        size = self.n_params * self.dtype.itemsize
        room = np.empty(size + _LINE, np.uint8)
        start = -room.__array_interface__["data"][0] % _LINE
        return room[start : start + size].view(self.dtype)

    @property
    def training_lock(self) -> _core.TrainingLock:
        """Held by the one training of a network that goes on; a second is a RuntimeError."""
        return self._lock

    def predict(self, params: Array, X: Matrix, n_threads: int = UNLIMITED) -> Array:
        """Return the outputs for each row of X, (rows, outputs)."""
        out = self._net.predicted(params, X, np.empty, self.dtype, n_threads)
        if out is None:  # looked at first, it would take as long as the outputs of a row
            x = check_features(X, self.layer_sizes[0], self.dtype)
            out = np.empty((x.shape[0], self.layer_sizes[-1]), self.dtype)
            self._net.predict(params, x, out, n_threads)
        return out

    def activations(self, params: Array, X: Matrix, n_threads: int = UNLIMITED) -> list[Array]:
        """Return the output of each layer for each row of X, (rows, units) each."""
        x = check_features(X, self.layer_sizes[0], self.dtype)
        units = self.layer_sizes[1:]
        ends = list(accumulate(x.shape[0] * count for count in units))
        out = np.empty(ends[-1], self.dtype)
        self._net.activations(params, x, out, n_threads)
        layers = zip(np.split(out, ends[:-1]), units, strict=True)
        return [part.reshape(x.shape[0], count) for part, count in layers]

    def input_gradient(self, params: Array, X: Matrix, n_threads: int = UNLIMITED) -> Array:
        """Return ∂output/∂x for each row of X, (rows, outputs, inputs)."""
        x = check_features(X, self.layer_sizes[0], self.dtype)
        out = np.empty((x.shape[0], self.layer_sizes[-1], self.layer_sizes[0]), self.dtype)
        self._net.input_gradient(params, x, out, n_threads)
        return out

    def errors(
        self,
        params: Array,
        dataset: Dataset,
        rates: Array,
        n_threads: int = UNLIMITED,
        out: Array | None = None,
    ) -> Array:
        """Return E₀ and R of P networks, (P, 2).

        Parameters
        ----------
        params : ndarray of shape (P, d)
        dataset : Dataset
        rates : ndarray of shape (P, layers)
            λ/n.
        n_threads : int
        out : ndarray of shape (P, 2), optional
            Where to write them.
        """
        out = np.empty((len(params), 2)) if out is None else out
        self._net.errors(params, *dataset, rates, out, n_threads)
        return out

    def error(
        self,
        params: Array,
        dataset: Dataset,
        rates: Array | None = None,
        n_threads: int = UNLIMITED,
    ) -> tuple[float, float]:
        """Return E₀ and R of one network, (d,), by λ/n of each layer; without them R is 0."""
        rates = np.zeros(len(self.layer_sizes) - 1) if rates is None else rates
        data_error, penalty = self.errors(params[None], dataset, rates[None], n_threads)[0].tolist()
        return data_error, penalty

    def gradient(
        self, params: Array, dataset: Dataset, rates: Array, out: Array, n_threads: int = UNLIMITED
    ) -> tuple[float, float]:
        """Write ∂(E₀ + R)/∂params into out, (d,), and return E₀ and R."""
        return self._net.gradient(params, *dataset, rates, out, n_threads)

    def jacobian(self, params: Array, X: Matrix, n_threads: int = UNLIMITED) -> Array:
        """Return ∂z/∂params, z being the outputs before their link, for each row of dense X.

        It is (rows, outputs, d), for a network of float64 alone.
        """
        x = check_features(X, self.layer_sizes[0], self.dtype)
        _refuse_sparse(x, "jacobian")
        out = np.empty((x.shape[0], self.layer_sizes[-1], self.n_params))
        self._net.jacobian(params, x, out, n_threads)
        return out

    def gauss_newton(
        self,
        params: Array,
        dataset: Dataset,
        rates: Array,
        grad: Array,
        out: Array,
        n_threads: int = UNLIMITED,
    ) -> tuple[float, float]:
        """Do as ``gradient``, and write the Gauss–Newton matrix of E₀ into out, (d, d).

        It is Σ sᵢ JᵢᵀΛᵢJᵢ / Σ sᵢ, for a network of float64 and dense rows alone.

        Raises
        ------
        ValueError
            If the loss has no curvature, or one that depends on the targets.
        """
        if not self.objective.canonical:
            raise ValueError(
                "gauss_newton needs a loss whose curvature is the slope of its link: squared_error,"
                f" log_loss or poisson, got loss={self.objective.loss!r}"
            )
        _refuse_sparse(dataset.x, "gauss_newton")
        self._net.gauss_newton(params, dataset.x, dataset.sample_weight, out, n_threads)
        return self.gradient(params, dataset, rates, grad, n_threads)

    def epoch(
        self,
        params: Array,
        moments: Array,
        steps: Array,
        dataset: Dataset,
        order: Array | None,
        batch_size: int,
        updates: tuple[_core.Update, ...],
        out: Array,
        n_threads: int = UNLIMITED,
    ) -> bool:
        """Train P networks for one epoch; return whether all parameters are finite afterwards.

        Parameters
        ----------
        params : ndarray of shape (P, d)
            Changed in place, as are moments and steps.
        moments : ndarray of shape (P, S * d)
            The optimizer's state vectors.
        steps : ndarray of shape (P,)
            Updates so far.
        dataset : Dataset
        order : ndarray of shape (rows,) or None
            In which the rows are taken.
        batch_size : int
        updates : tuple of P Update
        out : ndarray of shape (P, 2)
            The sums over the rows of E₀ and R are written there.
        n_threads : int
        """
        return self._net.epoch(
            params, moments, steps, *dataset, order, batch_size, updates, out, n_threads
        )


def _refuse_sparse(x: Features, name: str) -> None:
    if isinstance(x, sparse.Csr):
        raise TypeError(f"{name} needs a dense X, got a sparse matrix: use X.toarray()")
