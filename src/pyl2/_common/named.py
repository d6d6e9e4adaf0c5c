"""Names with a number: ("leaky_relu", 0.1), ("quantile", 0.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from pyl2._common.validation import check_option, check_real, shown

# A name alone stands for its usual number.
Named: TypeAlias = str | tuple[str, float]


class Number(NamedTuple):
    """The number that goes with a name: what it is called, the usual one, and its range."""

    symbol: str
    usual: float
    low: float
    high: float
    open_low: bool = False
    open_high: bool = False


def is_pair(value: Any) -> bool:
    """Whether a value is a name with a number, and not several names."""
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and isinstance(value[0], str)
        and not isinstance(value[1], str | tuple | list)
    )


def check_named(parameter: str, value: Any, numbers: Mapping[str, Number | None]) -> Named:
    """Return a name of the table, or with a number that is not the usual one a tuple of both.

    Raises
    ------
    ValueError, TypeError
        If there is no such name, or its number is out of range, or it has none.
    """
    name, given = value if is_pair(value) else (value, None)
    check_option(parameter, name, tuple(numbers))
    if given is None and not is_pair(value):
        return str(name)
    number = numbers[name]
    if number is None:
        raise ValueError(f"{parameter}: {name} takes no number, got {shown(value)}")
    symbol, _, low, high, open_low, open_high = number
    label = f"{parameter}: the {symbol} of {name}"
    found = check_real(label, given, low, high, open_low=open_low, open_high=open_high)
    return str(name) if found == number.usual else (str(name), found)


def name_of(value: Named) -> str:
    """Return the name without its number."""
    return value if isinstance(value, str) else value[0]


def number_of(value: Named, numbers: Mapping[str, Number | None]) -> float:
    """Return the number, the usual one where none is given; 0 where the name has none."""
    if not isinstance(value, str):
        return value[1]
    number = numbers[value]
    return 0.0 if number is None else number.usual


def described(value: Named) -> str:
    """Return a name as text: huber, huber:0.5."""
    return value if isinstance(value, str) else f"{value[0]}:{value[1]:g}"
