"""What lambda means: its forms, what it is divided by, and when it is too large.

The arithmetic of the update itself is in the engine (``src/core/kernel/decay.h``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyl2._common.validation import check_option, check_real, shown
from pyl2._common.warn import warn

DECAYS = ("l2", "decoupled", "fraction")


def per_layer(l2: Any, layers: int, name: str = "l2") -> tuple[float, ...]:
    """Return lambda of each layer: ``l2`` is one number for all of them, or one per layer."""
    if _is_one(l2):
        return (check_real(name, l2, 0),) * layers
    if len(l2) != layers:
        raise ValueError(f"{name} must be a number or have one per layer ({layers}), got {len(l2)}")
    return tuple(check_real(f"{name}[{layer}]", value, 0) for layer, value in enumerate(l2))


def plain(l2: Any, layers: int, name: str = "l2") -> float | list[float]:
    """Return what ``per_layer`` takes as a plain number, or as a list of them."""
    found = per_layer(l2, layers, name)
    return found[0] if _is_one(l2) else list(found)


def _is_one(l2: Any) -> bool:
    return type(l2) is float or not (isinstance(l2, Sequence) or getattr(l2, "ndim", None))


def check_l2_grid(values: Any, name: str = "l2") -> list[float]:
    """Return several lambdas, in their order: at least one, and no two the same."""
    try:
        listed = np.ravel(values).tolist()
    except ValueError as error:
        raise ValueError(f"{name} must hold numbers: {error}") from None
    found = [check_real(name, value, 0) for value in listed]
    if not found or len(set(found)) < len(found):
        raise ValueError(f"{name} must hold distinct numbers, at least one, got {shown(values)}")
    return found


def check_n(n: Any, name: str = "n") -> Any:
    """Return n if it is "batch", "train" or a positive number."""
    if isinstance(n, str):
        return check_option(name, n, ("batch", "train"))
    return check_real(name, n, 0, open_low=True)


def divisor(n: Any, mass: float) -> float:
    """Return what lambda is divided by where there are no batches but rows of the given mass."""
    return mass if isinstance(n, str) else float(n)


def rates(l2: tuple[float, ...], n: float) -> list[float]:
    """Return lambda/n of each layer: R is the sum of rate/2 times the squared weights."""
    return [value / n for value in l2]


def engine_decay(decay: str, optimizer: str) -> str:
    """Return the decay as the engine carries it out.

    Under plain gradient descent "l2" and "decoupled" are the same numbers, and the decoupled form
    needs no gradient in memory.
    """
    return "decoupled" if (decay, optimizer) == ("l2", "sgd") else decay


def warn_if_too_large(
    decay: str, optimizer: str, eta: float, l2: tuple[float, ...], smallest_n: float
) -> None:
    """Warn when one update takes a whole weight or more: the weights change sign or explode."""
    largest = max(l2)
    if decay == "fraction" and largest >= 1:
        warn(
            f"l2={largest:g} with decay='fraction' takes a weight off whole in one update;"
            " the weights will change sign or explode"
        )
    if engine_decay(decay, optimizer) == "decoupled" and eta * largest / smallest_n >= 1:
        warn(
            f"eta * l2 / n = {eta:g} * {largest:g} / {smallest_n:g} >= 1: one update takes a weight"
            " off whole; the weights will change sign or explode"
        )
