"""Whether inputs are of a size that training can go with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from pyl2._common import sparse
from pyl2._common.dataset import Features
from pyl2._common.validation import Array
from pyl2._common.warn import warn

# The root mean square of a column beyond which a network cannot be expected to train.
LIMIT = 100.0

# So many products OpenBLAS adds on one thread.
_FEW = 10_000

# Whether it has warned, within `one_warning`; None outside of it.
_warned: ContextVar[bool | None] = ContextVar("_warned", default=None)


@contextmanager
def one_warning(warned: bool = False) -> Iterator[None]:
    """Let the trainings within this, which are of the same data, warn once together.

    ``warned`` says whether that has been done, as by what has begun them in another process.
    """
    token = _warned.set(warned)
    try:
        yield
    finally:
        _warned.reset(token)


def warn_if_unscaled(x: Features) -> None:
    """Warn if the root mean square of a column is beyond 100.

    It is the root mean square and not the standard deviation, because a large mean is as bad: both
    drive the units into saturation, and make the error steep along one weight and flat along
    others.  It is not the largest number, because what StandardScaler has scaled must pass,
    outliers and all: its root mean square is at most 1.

    Parameters
    ----------
    x : ndarray of shape (rows, inputs), or Csr
        Finite.  Zeros that a sparse matrix leaves out count.
    """
    if _warned.get():
        return
    values = x.data if isinstance(x, sparse.Csr) else x
    # All squares together are the least work, and most often enough.
    if _squares(values) <= LIMIT**2 * x.shape[0]:
        return
    sizes = _of_columns(x)
    beyond = np.flatnonzero(sizes > LIMIT)
    if beyond.size:
        column = int(sizes.argmax())
        if _warned.get() is not None:
            _warned.set(True)
        warn(
            f"X is not scaled: the root mean square of {beyond.size} of {sizes.size} columns is"
            f" beyond {LIMIT:g}, that of column {column} is {sizes[column]:.3g}. Training is"
            " likely to fail; scale X with sklearn.preprocessing.StandardScaler."
        )


def _squares(values: Array) -> float:
    """Return the sum of the squares; infinity where it overflows.

    BLAS is asked for few alone: for many it wakes threads, which keep a processor busy for a while
    after that, and which it awaits for milliseconds where all processors are busy.
    """
    if values.flags.c_contiguous:
        if values.size <= _FEW:
            return float(np.vdot(values, values))  # which, unlike dot, does not warn
        values = values.reshape(1, -1)
    with np.errstate(all="ignore"):
        return float(np.einsum("ij,ij->", values, values))


def _of_columns(x: Features) -> Array:
    """Return the root mean square of each column, in units that keep squares from overflowing."""
    values = x.data if isinstance(x, sparse.Csr) else x
    unit = max(float(values.max()), -float(values.min()))
    squares = (values / unit).astype(np.float64) ** 2
    if isinstance(x, sparse.Csr):
        sums = np.bincount(x.indices, squares, x.shape[1])
    else:
        sums = squares.sum(axis=0)
    sizes: Array = np.sqrt(sums / x.shape[0]) * unit
    return sizes
