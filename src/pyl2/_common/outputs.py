"""What each output of a network means to its predictions."""

from __future__ import annotations

from pyl2._common.validation import Array

MEASURES = {"softmax": "accuracy", "logistic": "accuracy", "identity": "R²", "exp": "R²"}
"""What ``score`` returns, for each output."""


def labels(values: Array, output: str) -> Array:
    """Return classes (rows,), from them, from targets, or from predictions; (rows, k) if many."""
    if output == "softmax":
        return values if values.ndim == 1 else values.argmax(axis=1)
    found: Array = values > 0.5
    return found[:, 0] if found.shape[1] == 1 else found
