"""What part of the units, and of the inputs, dropout leaves out of an update."""

from __future__ import annotations

from typing import Any

from pyl2._common.validation import check_real


def check_dropout(dropout: Any, input_dropout: Any, layers: int) -> dict[str, Any]:
    """Return both as plain numbers, by name; the first may have one for each hidden layer.

    Raises
    ------
    ValueError, TypeError
        If one is not in [0, 1), or there are not as many as hidden layers.
    """
    several = isinstance(dropout, list | tuple) or getattr(dropout, "ndim", 0) > 0
    if several and len(dropout) != layers:
        raise ValueError(
            f"dropout must be a number or have one per hidden layer ({layers}), got {len(dropout)}"
        )
    if several:
        units: Any = [
            check_real(f"dropout[{i}]", p, 0, 1, open_high=True) for i, p in enumerate(dropout)
        ]
    else:
        units = check_real("dropout", dropout, 0, 1, open_high=True)
        if units and not layers:
            raise ValueError(
                f"dropout leaves out hidden units, and there are none: it must be 0, got {units:g};"
                " input_dropout leaves out inputs"
            )
    inputs = check_real("input_dropout", input_dropout, 0, 1, open_high=True)
    return {"dropout": units, "input_dropout": inputs}
