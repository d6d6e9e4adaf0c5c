"""The outputs of a network: what each means to its targets and predictions, a row each.

The link and the loss themselves are a row of ``src/core/kernel/outputs.h``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pyl2._common.validation import Array


class Output(NamedTuple):
    """What one kind of output means.

    measure : what ``score`` returns, "accuracy" or "R²"
    labels : classes (rows,), or (rows, k) if many, from targets or predictions; None of numbers
    class_indices : whether targets may be class indices (rows,)
    domain : whether targets (rows, outputs) lie where the loss has a value, and how to say so
    """

    measure: str
    labels: Callable[[Array], Array] | None
    class_indices: bool
    domain: tuple[tuple[Callable[[Array], bool], str], ...]


def _largest(values: Array) -> Array:
    return values if values.ndim == 1 else values.argmax(axis=1)


def _above_half(values: Array) -> Array:
    above: Array = values > 0.5
    return above[:, 0] if above.shape[1] == 1 else above


_PROBABILITIES = (
    lambda Y: bool(np.all((Y >= 0) & (Y <= 1))),
    "{name} must lie between 0 and 1 for {output} outputs",
)
_SUM_TO_1 = (
    lambda Y: np.allclose(Y.sum(axis=1), 1, atol=1e-3),
    "rows of {name} must sum to 1 for {output} outputs",
)
_NOT_NEGATIVE = (
    lambda Y: bool(np.all(Y >= 0)),
    "{name} must not be negative for {output} outputs (Poisson)",
)

OUTPUTS = {
    "identity": Output("R²", None, False, ()),
    "logistic": Output("accuracy", _above_half, False, (_PROBABILITIES,)),
    "softmax": Output("accuracy", _largest, True, (_PROBABILITIES, _SUM_TO_1)),
    "exp": Output("R²", None, False, (_NOT_NEGATIVE,)),
}
