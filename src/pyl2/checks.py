"""What users pass, checked and converted: errors name the parameter, what came, what is allowed."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyl2 import sparse
from pyl2.sparse import Csr, SparseMatrix

Array = NDArray[Any]
_Kind = TypeVar("_Kind")


# What the engine counts with is an int64; and of what each takes memory there are fewer.
LARGEST = 2**63 - 1
MANY = 2**31 - 1


def shown(value: Any) -> str:
    """Return how a value looks, shortened: it may be long, or have no text at all."""
    try:
        return f"{value!r:.80}"
    except Exception:  # a whole number of more than 4300 digits, a list that is too deep
        return f"a value of type {type(value).__name__}"


def number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return a finite real number between low and high as a float."""
    # The type of most is asked for first: Real is an abstract class, which takes longer to ask.
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    found = _float(value)
    above = found > low if open_low else found >= low
    below = found < high if open_high else found <= high
    if not (above and below and math.isfinite(found)):
        inside, outside = "(" if open_low else "[", ")" if open_high else "]"
        raise ValueError(
            f"{name} must be a finite number in {inside}{low:g}, {high:g}{outside},"
            f" got {shown(value)}"
        )
    return found


def normal(name: str, value: Any, dtype: Any) -> float:
    """Return a number that is at least the smallest normal one of a type.

    The engine takes any smaller one for 0: that of the denormals is slow.
    """
    found = number(name, value, 0, open_low=True)
    least = float(np.finfo(dtype).tiny)
    if found < least:
        raise ValueError(
            f"{name} must be at least {least!r}, the smallest normal number of {np.dtype(dtype)},"
            f" got {value!r}"
        )
    return found


def _float(value: Any) -> float:
    """Return a number as a float; infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf


def returned(name: str, value: Any) -> float:
    """Return as a float the number that a function of the user's returned; it may be NaN."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    try:
        if not isinstance(value, str | bytes):
            return _float(value)
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{name} must return a number, got {shown(value)}")


def whole(name: str, value: Any, low: int, high: int = LARGEST) -> int:
    """Return a whole number between low and high as an int."""
    try:
        if isinstance(value, bool):
            raise TypeError
        found = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {shown(value)}") from None
    if not low <= found <= high:
        unbounded = high in (LARGEST, MANY) and found < low
        limits = f"at least {low}" if unbounded else f"from {low} to {high}"
        raise ValueError(f"{name} must be {limits}, got {shown(found)}")
    return found


def choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return one of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {shown(value)}")
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """Return something that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, got {shown(value)}")
    return cast(Callable[..., Any], value)


def instance(name: str, value: Any, *kinds: type[_Kind]) -> _Kind:
    """Return an object of one of the kinds."""
    if not isinstance(value, kinds):
        names = ", ".join(kind.__name__ for kind in kinds[:-1])
        last = kinds[-1].__name__
        wanted = f"{names} or {last}" if names else last
        raise TypeError(f"{name} must be a {wanted}, got {type(value).__name__}")
    return value


def entries(name: str, value: Any, what: str) -> list[Any]:
    """Return the entries of a sequence or another iterable; `what` tells of what they should be."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        iterator = iter(value)
    except TypeError:
        raise TypeError(f"{name} must be {what}, got {shown(value)}") from None
    return list(iterator)


def pair(name: str, value: Any, what: str) -> tuple[Any, Any]:
    """Return the two entries of a tuple or list."""
    if not isinstance(value, tuple | list):
        raise TypeError(f"{name} must be {what}, got {shown(value)}")
    if len(value) != 2:
        raise ValueError(f"{name} must be {what}, got {len(value)} entries")
    return value[0], value[1]


def mapping(name: str, value: Any, what: str) -> Mapping[Any, Any]:
    """Return a dictionary or the like."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be {what}, got {shown(value)}")
    return value


def kept(saved: Any, name: str, kind: type[_Kind]) -> _Kind:
    """Return what a file holds under a name, which must be there and of that kind."""
    if not isinstance(saved, dict) or name not in saved:
        raise ValueError(f"{name} is missing")
    if not isinstance(saved[name], kind):
        raise ValueError(f"{name} must be a {kind.__name__}, got {shown(saved[name])}")
    return cast(_Kind, saved[name])


# So many numbers are looked at one by one; of more the sum is, which needs no temporary array.
_FEW = 2**16


def finite(array: Array) -> bool:
    """Whether all numbers are finite; without a large temporary array where they are."""
    if array.size <= _FEW:
        return bool(np.count_nonzero(np.isfinite(array)) == array.size)
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())


def real(name: str, value: Any, dtype: np.dtype[Any], ndim: int | None = None) -> Array:
    """Return an array of the dtype whose last axis is contiguous: value itself, or one copy."""
    # What is as it should be is let through at once: of one row the checks cost as much as predict.
    if type(value) is np.ndarray and value.dtype == dtype and value.ndim == (ndim or value.ndim):
        flags = value.flags
        if flags.c_contiguous and flags.aligned:
            return value
    found = as_array(name, value)
    if found.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {found.dtype}")
    if ndim is not None and found.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {found.shape}")
    dense = found.size == 0 or found.ndim == 0 or found.strides[-1] == found.itemsize
    aligned = found.flags.aligned and all(step % found.itemsize == 0 for step in found.strides)
    if found.dtype == dtype and dense and aligned:
        return found
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and is looked for
        return np.array(found, dtype=dtype, order="C")


def as_array(name: str, value: Any, ndim: int | None = None) -> Array:
    """Return an array of whatever type: value itself where it is one."""
    try:
        found = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None
    if ndim is not None and found.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {found.shape}")
    return found


def speeds(name: str, value: Any, size: int, dtype: np.dtype[Any]) -> Array | None:
    """Return the largest velocity along each of `size` coordinates, of one number or of many."""
    if value is None:
        return None
    found = np.array(real(name, value, dtype))
    if found.shape not in ((), (size,)):
        raise ValueError(f"{name} must be a number or have shape ({size},), got {found.shape}")
    if not np.all(found > 0):
        raise ValueError(f"{name} must be > 0, got {shown(value)}")
    return np.ascontiguousarray(np.broadcast_to(found, (size,)))


def expect(
    arrays: dict[str, Array], name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Array:
    """Return a copy of an array of a file, which must be of that type and shape."""
    array = kept(arrays, name, np.ndarray)
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not {dtype} {shape}")
    return np.array(array)


# What users pass as X, and what is made of it.
Matrix: TypeAlias = ArrayLike | SparseMatrix
Features: TypeAlias = Array | Csr


def features(X: Any, n_features: int, dtype: np.dtype[Any], name: str = "X") -> Features:
    """Return X as (rows, n_features), a sparse matrix of SciPy's as CSR."""
    array: Features
    if sparse.is_sparse(X):
        rows = sparse.csr(name, X)
        array = rows._replace(data=real(f"{name}.data", rows.data, dtype, 1))
    else:
        array = real(name, X, dtype, 2)
    if array.shape[1] != n_features:
        raise ValueError(
            f"{name} has {array.shape[1]} features, but the network takes {n_features}"
        )
    return array


def targets(
    Y: Any, rows: int, n_outputs: int, output: str, dtype: np.dtype[Any], name: str = "Y"
) -> Array:
    """Return Y as (rows, outputs), or for softmax as class indices (rows,)."""
    found = as_array(name, Y)
    if found.dtype.kind not in "fiub":
        _refuse_text(found, name)
    if found.ndim > 0 and found.shape[0] != rows:
        raise ValueError(f"{name} has {found.shape[0]} rows, but X has {rows}")
    # A single output's floats are probabilities.
    indices = "iub" if n_outputs == 1 else "iubf"
    if output == "softmax" and found.ndim == 1 and found.dtype.kind in indices:
        return _class_indices(found, n_outputs, name)
    if found.ndim == 1 and n_outputs == 1:
        found = found[:, None]
    array = real(name, found, dtype)
    if array.shape != (rows, n_outputs):
        also = " or whole class indices (rows,)" if output == "softmax" else ""
        raise ValueError(
            f"{name} must have shape ({rows}, {n_outputs}){also},"
            f" got {array.shape} of {found.dtype}"
        )
    _check_domain(array, output, name)
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


def _check_domain(Y: Array, output: str, name: str) -> None:
    """Targets that a loss cannot have are an error here, not a NaN later."""
    if not finite(Y):
        raise ValueError(f"{name} contains NaN or infinity")
    if output in ("logistic", "softmax") and not np.all((Y >= 0) & (Y <= 1)):
        raise ValueError(f"{name} must lie between 0 and 1 for {output} outputs")
    if output == "softmax" and not np.allclose(Y.sum(axis=1), 1, atol=1e-3):
        raise ValueError(f"rows of {name} must sum to 1 for softmax outputs")
    if output == "exp" and not np.all(Y >= 0):
        raise ValueError(f"{name} must not be negative for exp outputs (Poisson)")


def sample_weights(sample_weight: Any, rows: int, dtype: np.dtype[Any]) -> Array:
    """Return the sample weights, (rows,): finite, not negative, not all 0."""
    array = np.ascontiguousarray(real("sample_weight", sample_weight, dtype, 1))
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
            f" {dtype}), got at most {array.max():.1g}; a factor common to all changes no error"
        )
    return array


class Items(NamedTuple):
    """A data set as the binding takes it."""

    x: Features
    y: Array
    sample_weight: Array | None

    @property
    def rows(self) -> int:
        """Number of items."""
        return int(self.x.shape[0])

    @property
    def mass(self) -> float:
        """Sum of the sample weights, 1 each where none are given."""
        if self.sample_weight is None:
            return float(self.rows)
        return float(self.sample_weight.sum(dtype=np.float64))


class _Shaped(Protocol):
    """What of a network tells what data it takes."""

    @property
    def layer_sizes(self) -> tuple[int, ...]: ...
    @property
    def output(self) -> str: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


def items(
    X: Any, Y: Any, sample_weight: Any, network: _Shaped, names: tuple[str, str] = ("X", "Y")
) -> Items:
    """Check and convert a data set for a network: shapes, types, finite numbers, targets."""
    inputs, outputs = network.layer_sizes[0], network.layer_sizes[-1]
    x = features(X, inputs, network.dtype, names[0])
    rows = x.shape[0]
    if not rows:
        raise ValueError(f"{names[0]} has no rows")
    if not finite(x.data if isinstance(x, Csr) else x):
        raise ValueError(f"{names[0]} contains NaN or infinity (in {network.dtype})")
    y = targets(Y, rows, outputs, network.output, network.dtype, names[1])
    if sample_weight is not None:
        sample_weight = sample_weights(sample_weight, rows, network.dtype)
    return Items(x, y, sample_weight)


def flag(name: str, value: Any) -> bool:
    """Return True or False; no other value, for text such as "no" would count as true."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)
