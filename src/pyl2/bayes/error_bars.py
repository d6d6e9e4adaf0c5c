"""The spread of a network's outputs that its parameters' posterior leads to."""

from __future__ import annotations

import numpy as np

from pyl2._common import threads
from pyl2._common.dataset import Matrix, check_features
from pyl2._common.validation import Array
from pyl2._engine import UNLIMITED
from pyl2.network import Network, engine_of

# Rows of a Jacobian that are held at a time, one for each row of X and output.
_AT_ONCE = 256


def variances(
    network: Network,
    factor: Array,
    X: Matrix,
    centred: bool = False,
    n_threads: int = UNLIMITED,
) -> Array:
    """Return j A⁻¹ jᵀ, j being the row of the Jacobian, for each row of X and output.

    Parameters
    ----------
    network : Network
        Of float64.
    factor : ndarray of shape (d, d)
        L in A = L Lᵀ, A being the precision of the posterior.
    X : array-like of shape (rows, inputs)
        Dense.
    centred : bool
        Whether to take of each output its distance from the mean of the others.
    n_threads : int
        As the engine takes it.

    Returns
    -------
    ndarray of float64, of shape (rows, outputs)

    Raises
    ------
    TypeError
        If X is sparse.
    """
    engine, params = engine_of(network), network.params
    rows = check_features(X, engine.layer_sizes[0], engine.dtype)
    if not isinstance(rows, np.ndarray):
        raise TypeError("X must be dense, got a sparse matrix: use X.toarray()")
    outputs = engine.layer_sizes[-1]
    step = max(1, _AT_ONCE // outputs)
    found = np.empty((rows.shape[0], outputs))
    with threads.blas_threads_for(params.size):
        for first in range(0, rows.shape[0], step):
            some = slice(first, first + step)
            jacobian = engine.jacobian(params, rows[some], n_threads)
            if centred and outputs > 1:
                jacobian -= jacobian.mean(axis=1, keepdims=True)
                jacobian *= outputs / (outputs - 1)
            found[some] = _spread(factor, jacobian)
    return found


def _spread(factor: Array, jacobian: Array) -> Array:
    """Return j A⁻¹ jᵀ for each row j of a Jacobian (…, d)."""
    from scipy.linalg import solve_triangular

    rows = jacobian.reshape(-1, jacobian.shape[-1])
    solved = solve_triangular(factor, rows.T, lower=True, check_finite=False)
    found: Array = np.einsum("ij,ij->j", solved, solved).reshape(jacobian.shape[:-1])
    return found
