"""Rates that change by the step: factors of η and of λ in each update of a training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from pyl2._common.validation import (
    Array,
    check_integer,
    check_option,
    check_real,
    check_returned,
    shown,
)

# A name, a name with its number, or f(t, T) → factor.
Course: TypeAlias = str | list[Any] | tuple[str, float] | Callable[[int, int], Any]

# The number that goes with each name, where none is given, and whether it may be 0.
_NUMBERS = {
    "cosine": (0.0, True),
    "one_cycle": (0.3, False),
    "step": (0.1, False),
    "exponential": (0.01, False),
}
COURSES = ("constant", *_NUMBERS)

# Of "one_cycle", as PyTorch has them: the factors that it begins and ends with.
_LOW = 1 / 25
_END = _LOW / 1e4

# Drops of "step", evenly spread.
_PARTS = 3


def check_course(name: str, value: Any, words: tuple[str, ...] = COURSES) -> Course:
    """Return a schedule in the form that a file can hold, or a callable as it is.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : str, pair of str and float, or callable
    words : tuple of str
        What a single name may be.
    """
    if callable(value):
        found: Course = value
        return found
    if isinstance(value, str):
        return str(check_option(name, value, words))
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError(
            f"{name} must be one of {', '.join(words)}, a pair such as ('cosine', 0.1), or"
            f" f(t, T), got {shown(value)}"
        )
    word, number = value
    check_option(f"{name}[0]", word, tuple(_NUMBERS))
    low = _NUMBERS[word][1]
    return [word, check_real(f"{name}[1]", number, 0, 1, open_low=not low)]


def check_warmup(warmup: Any) -> float | int:
    """Return the length of a warm-up: updates, or below 1 a part of all."""
    found = check_real("warmup", warmup, 0)
    return found if found < 1 else check_integer("warmup", warmup, 1)


def factors(name: str, course: Course, done: Array, total: int, warmup: float = 0) -> Array:
    """Return the factors in the updates before which so many, ``done``, have been made.

    Parameters
    ----------
    name : str
        Of the parameter, for what a callable returns.
    course : Course
        Checked.
    done : ndarray of int
    total : int
        T, the updates of the whole training.
    warmup : float
        So many updates of them, or a part below 1, rise from 0; the schedule follows them.
    """
    first = warmup if warmup >= 1 else round(warmup * total)
    rising = done < first
    after = np.where(rising, 0, done - first)
    found = _after_warmup(name, course, after, max(1, total - int(first)))
    return np.where(rising, (done + 1) / max(1, first), found)


def _after_warmup(name: str, course: Course, done: Array, total: int) -> Array:
    if callable(course):
        return np.array([_asked(name, course, t, total) for t in (done + 1).tolist()])
    word, number = (course, _NUMBERS.get(course, (1.0,))[0]) if isinstance(course, str) else course
    share: Array = done / total
    if word == "cosine":
        share = number + (1 - number) * (1 + np.cos(np.pi * share)) / 2
    elif word == "one_cycle":
        share = _one_cycle(done, total, number)
    elif word == "step":
        share = np.power(number, _PARTS * done // total)
    elif word == "exponential":
        share = np.power(number, share)
    else:
        share = np.ones(len(done))
    return share


def _one_cycle(done: Array, total: int, rise: float) -> Array:
    """Return the factors of torch.optim.lr_scheduler.OneCycleLR with its defaults."""
    top = rise * total - 1
    up, down = done / max(top, 1e-9), (done - top) / max(total - 1 - top, 1e-9)
    rising = 1 + (_LOW - 1) * (1 + np.cos(np.pi * up)) / 2
    falling = _END + (1 - _END) * (1 + np.cos(np.pi * down)) / 2
    return np.where(done <= top, rising, falling)


def _asked(name: str, course: Callable[[int, int], Any], t: int, total: int) -> float:
    factor = check_returned(name, course(t, total))
    if not 0 <= factor < math.inf:
        raise ValueError(f"{name}({t}, {total}) must be finite and not negative, got {factor:g}")
    return factor
