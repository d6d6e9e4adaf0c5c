"""What users pass, checked and converted: errors name the parameter, what came, what is allowed."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

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


def check_real(
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


def check_normal(name: str, value: Any, dtype: Any) -> float:
    """Return a number that is at least the smallest normal one of a type.

    The engine takes any smaller one for 0: that of the denormals is slow.
    """
    found = check_real(name, value, 0, open_low=True)
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


def check_returned(name: str, value: Any) -> float:
    """Return as a float the number that a function of the user's returned; it may be NaN."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    try:
        if not isinstance(value, str | bytes):
            return _float(value)
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{name} must return a number, got {shown(value)}")


def check_integer(name: str, value: Any, low: int, high: int = LARGEST) -> int:
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


def check_option(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return one of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        message = f"{name} must be one of {', '.join(allowed)}, got {shown(value)}"
        raise ValueError(message + meant(value, allowed))
    return value


def meant(value: Any, allowed: Sequence[str]) -> str:
    """Return which word was meant, if one is near."""
    from difflib import get_close_matches

    near = get_close_matches(value, allowed, 1) if isinstance(value, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def check_callable(name: str, value: Any) -> Callable[..., Any]:
    """Return something that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, got {shown(value)}")
    return cast(Callable[..., Any], value)


def check_instance(name: str, value: Any, *kinds: type[_Kind]) -> _Kind:
    """Return an object of one of the kinds."""
    if not isinstance(value, kinds):
        names = ", ".join(kind.__name__ for kind in kinds[:-1])
        last = kinds[-1].__name__
        wanted = f"{names} or {last}" if names else last
        raise TypeError(f"{name} must be a {wanted}, got {type(value).__name__}")
    return value


def check_dtype(name: str, value: Any) -> np.dtype[Any]:
    """Return one of the two types that numbers may have."""
    try:
        found = np.dtype(value)
    except Exception:  # of many kinds: whatever a dtype may be made of can be wrong
        found = None
    if found not in (np.float32, np.float64):
        given = shown(value) if found is None else str(found)
        raise ValueError(f"{name} must be float32 or float64, got {given}")
    return cast("np.dtype[Any]", found)


def check_entries(name: str, value: Any, what: str) -> list[Any]:
    """Return the entries of a sequence or another iterable; `what` tells of what they should be."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        iterator = iter(value)
    except TypeError:
        raise TypeError(f"{name} must be {what}, got {shown(value)}") from None
    return list(iterator)


def check_pair(name: str, value: Any, what: str) -> tuple[Any, Any]:
    """Return the two entries of a tuple or list."""
    if not isinstance(value, tuple | list):
        raise TypeError(f"{name} must be {what}, got {shown(value)}")
    if len(value) != 2:
        raise ValueError(f"{name} must be {what}, got {len(value)} entries")
    return value[0], value[1]


def check_mapping(name: str, value: Any, what: str) -> Mapping[Any, Any]:
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


def all_finite(array: Array) -> bool:
    """Whether all numbers are finite; without a large temporary array where they are."""
    if array.size <= _FEW:
        return bool(np.count_nonzero(np.isfinite(array)) == array.size)
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())


def check_array(name: str, value: Any, dtype: np.dtype[Any], ndim: int | None = None) -> Array:
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


def check_flag(name: str, value: Any) -> bool:
    """Return True or False; no other value, for text such as "no" would count as true."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)
