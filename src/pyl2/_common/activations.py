"""The activations of hidden layers: their names, and the numbers that some depend on.

The functions themselves are rows of ``src/core/kernel/activations.h``.
"""

from __future__ import annotations

from typing import Any

from pyl2 import _core
from pyl2._common.named import Named, Number, check_named, is_pair, name_of, number_of
from pyl2._common.validation import check_entries

NUMBERS: dict[str, Number | None] = dict.fromkeys(_core.ACTIVATIONS) | {
    "leaky_relu": Number("slope", 0.01, 0, 1),
    "elu": Number("α", 1.0, 0, 1000),
}


def check_activation(parameter: str, value: Any) -> Named:
    """Return a name, or with its number a tuple of both."""
    return check_named(parameter, value, NUMBERS)


def is_one(value: Any) -> bool:
    """Whether a value is one activation for all layers, and not one for each."""
    return isinstance(value, str) or is_pair(value)


def check_activations(parameter: str, value: Any) -> list[Named]:
    """Return the activations of a value that is one for all layers, or one for each."""
    wanted = "the name of an activation, or one for each hidden layer"
    given = [value] if is_one(value) else check_entries(parameter, value, wanted)
    return [check_activation(parameter, one) for one in given]


def engine_pair(value: Named) -> tuple[str, float]:
    """Return the name with its number, as the engine takes it."""
    return name_of(value), number_of(value, NUMBERS)


def explicit(value: Named) -> Named:
    """Return the name with its number, the usual one too; alone where it has none."""
    return value if NUMBERS[name_of(value)] is None else engine_pair(value)
