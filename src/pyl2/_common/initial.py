"""Where a network begins: the rules for its initial weights and biases."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from pyl2._common.random import Rng
from pyl2._common.validation import Array, all_finite, check_array, check_option, check_pair

# f(layer, fan_in, fan_out, rng) -> (W, b)
Initial: TypeAlias = str | Callable[[int, int, int, Rng], tuple[Any, Any]]

# The variance of a weight is one of these over fan_in; biases are 0.
_NORMAL = {"he": 2.0, "lecun": 1.0}
INITIAL = ("glorot", *_NORMAL)


def check_init(init: Any, name: str = "init") -> Initial:
    """Return one of the rules, or a function that is one."""
    return init if callable(init) else check_option(name, init, INITIAL)


def bound(W: Array, activation: str) -> float:
    """Return how large the initial parameters of a layer may be by scikit-learn's rule."""
    return math.sqrt((2 if activation == "logistic" else 6) / sum(W.shape))


def draw(init: Initial, rng: Rng, layer: int, W: Array, b: Array, activation: str) -> None:
    """Fill the weights (fan_in, fan_out) and biases (fan_out,) of a layer.

    Raises
    ------
    ValueError, TypeError
        If a function has returned something else than these.
    """
    if callable(init):
        W[...], b[...] = _returned(init(layer, W.shape[0], W.shape[1], rng), layer, W, b)
    elif init == "glorot":
        largest = bound(W, activation)
        W[...] = rng.uniform(-largest, largest, W.shape)
        b[...] = rng.uniform(-largest, largest, b.shape)
    else:
        W[...] = rng.normal(0.0, math.sqrt(_NORMAL[init] / W.shape[0]), W.shape)
        b[...] = 0.0


def _returned(found: Any, layer: int, W: Array, b: Array) -> list[Array]:
    """Check what a function of the user's returned for a layer."""
    name = f"init's result for layer {layer}"
    arrays = []
    for array, like in zip(check_pair(name, found, "a pair (W, b)"), (W, b), strict=True):
        checked = check_array(name, array, like.dtype)
        if checked.shape != like.shape:
            raise ValueError(
                f"{name} must have shapes {W.shape} and {b.shape}, got {checked.shape}"
            )
        if not all_finite(checked):
            raise ValueError(f"{name} contains NaN or infinity (in {like.dtype})")
        arrays.append(checked)
    return arrays
