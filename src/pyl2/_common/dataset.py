"""Data sets as the core takes them: rows, targets and sample weights, checked and converted."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import sparse
from pyl2._common.named import Named
from pyl2._common.outputs import Objective
from pyl2._common.validation import Array, all_finite, as_array, check_array, shown

# What users pass as X, and what is made of it.
Matrix: TypeAlias = ArrayLike | sparse.SparseMatrix
Features: TypeAlias = Array | sparse.Csr


def check_features(X: Any, n_features: int, dtype: np.dtype[Any], name: str = "X") -> Features:
    """Return X as (rows, n_features), a sparse matrix of SciPy's as CSR."""
    array: Features
    if sparse.is_sparse(X):
        rows = sparse.csr(name, X)
        array = rows._replace(data=check_array(f"{name}.data", rows.data, dtype, 1))
    else:
        array = check_array(name, X, dtype, 2)
    if array.shape[1] != n_features:
        raise ValueError(
            f"{name} has {array.shape[1]} features, but the network takes {n_features}"
        )
    return array


def check_targets(
    Y: Any,
    rows: int,
    n_outputs: int,
    objective: Objective,
    dtype: np.dtype[Any],
    name: str = "Y",
) -> Array:
    """Return Y as (rows, outputs), or for softmax as class indices (rows,)."""
    found = as_array(name, Y)
    if found.dtype.kind not in "fiub":
        _refuse_text(found, name)
    if found.ndim > 0 and found.shape[0] != rows:
        raise ValueError(f"{name} has {found.shape[0]} rows, but X has {rows}")
    # A single output's floats are probabilities.
    indices = "iub" if n_outputs == 1 else "iubf"
    if objective.class_indices and found.ndim == 1 and found.dtype.kind in indices:
        return _class_indices(found, n_outputs, name)
    if found.ndim == 1 and n_outputs == 1:
        found = found[:, None]
    array = check_array(name, found, dtype)
    if array.shape != (rows, n_outputs):
        also = " or whole class indices (rows,)" if objective.class_indices else ""
        raise ValueError(
            f"{name} must have shape ({rows}, {n_outputs}){also},"
            f" got {array.shape} of {found.dtype}"
        )
    _check_domain(array, objective, name)
    return array


def _refuse_text(found: Array, name: str) -> None:
    """Point those who pass class names to what takes such."""
    values = found.ravel().tolist()
    text = next((value for value in values if isinstance(value, str | bytes)), None)
    if text is not None:
        raise TypeError(
            f"{name} must hold real numbers, got the text {shown(text)}: pyl2.MLPClassifier takes"
            " class names; for a softmax output number them,"
            " as numpy.unique(y, return_inverse=True) does"
        )


def _class_indices(found: Array, n_outputs: int, name: str) -> Array:
    if found.size and not 0 <= found.min() <= found.max() < n_outputs:
        raise ValueError(
            f"{name} must hold class indices from 0 to {n_outputs - 1},"
            f" got {found.min()} to {found.max()}"
        )
    indices = np.ascontiguousarray(found, dtype=np.int64)
    if found.dtype.kind == "f" and not np.array_equal(indices, found):
        raise ValueError(
            f"{name} must hold whole class indices (rows,), or rows of {n_outputs} probabilities,"
            f" got {found[indices != found][0]}"
        )
    return indices


def _check_domain(Y: Array, objective: Objective, name: str) -> None:
    """Targets that a loss cannot have are an error here, not a NaN later."""
    if not all_finite(Y):
        raise ValueError(f"{name} contains NaN or infinity")
    for holds, words in objective.domain:
        if not holds(Y):
            raise ValueError(words.format(name=name, output=objective.output))


def check_sample_weight(sample_weight: Any, rows: int, dtype: np.dtype[Any]) -> Array:
    """Return the sample weights, (rows,): finite, not negative, not all 0."""
    array = np.ascontiguousarray(check_array("sample_weight", sample_weight, dtype, 1))
    if array.shape != (rows,):
        raise ValueError(f"sample_weight must have shape ({rows},), got {array.shape}")
    with np.errstate(over="ignore"):
        mass = array.sum(dtype=np.float64)
    if not np.isfinite(mass) or array.min() < 0 or mass == 0:
        raise ValueError(
            "sample_weight must be finite, not negative, and not 0 everywhere, and so must its sum"
        )
    limits = np.finfo(dtype)
    if array.max() < limits.tiny / limits.eps:
        raise ValueError(
            f"sample_weight must not be below {limits.tiny / limits.eps:.1g} everywhere (in"
            f" {dtype}), got at most {array.max():.1g}; a common factor changes no error"
        )
    return array


class Dataset(NamedTuple):
    """A data set as the binding takes it."""

    x: Features
    y: Array
    sample_weight: Array | None

    @property
    def rows(self) -> int:
        """Number of items."""
        return int(self.x.shape[0])

    @property
    def weight_sum(self) -> float:
        """Sum of the sample weights, 1 each where none are given."""
        if self.sample_weight is None:
            return float(self.rows)
        return float(self.sample_weight.sum(dtype=np.float64))

    def in_float64(self) -> Dataset:
        """Return dense rows as a float64 network takes them; class indices stay."""
        x, y, weight = self
        assert isinstance(x, np.ndarray)
        if y.dtype.kind == "f":
            y = y.astype(np.float64, copy=False)
        kept = None if weight is None else weight.astype(np.float64, copy=False)
        return Dataset(x.astype(np.float64, copy=False), y, kept)


class NetworkShape(Protocol):
    """What of a network tells what data it takes."""

    @property
    def layer_sizes(self) -> tuple[int, ...]: ...
    @property
    def output(self) -> str: ...
    @property
    def loss(self) -> Named: ...
    @property
    def label_smoothing(self) -> float: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


def check_dataset(
    X: Any, Y: Any, sample_weight: Any, network: NetworkShape, names: tuple[str, str] = ("X", "Y")
) -> Dataset:
    """Check and convert a data set for a network: shapes, types, finite numbers, targets."""
    inputs, outputs = network.layer_sizes[0], network.layer_sizes[-1]
    x = check_features(X, inputs, network.dtype, names[0])
    rows = x.shape[0]
    if not rows:
        raise ValueError(f"{names[0]} has no rows")
    if not all_finite(x.data if isinstance(x, sparse.Csr) else x):
        raise ValueError(f"{names[0]} contains NaN or infinity (in {network.dtype})")
    y = check_targets(Y, rows, outputs, Objective.of(network), network.dtype, names[1])
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, rows, network.dtype)
    return Dataset(x, y, sample_weight)
