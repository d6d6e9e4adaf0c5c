"""What trainers are in one line."""

from __future__ import annotations

import inspect
from typing import Any

from pyl2._common.validation import shown


def one_line(trainer: Any) -> str:
    """Return the call that makes a trainer: its network, and each parameter that is no default."""
    parts = [repr(trainer.network)]
    for name, parameter in inspect.signature(type(trainer)).parameters.items():
        value = getattr(trainer, name, parameter.default)
        usual = value is parameter.default or (
            isinstance(value, bool | int | float | str) and value == parameter.default
        )
        if name != "network" and not usual:
            parts.append(f"{name}={shown(value)}")
    return f"{type(trainer).__name__}({', '.join(parts)})"
