"""The outputs of a network and its losses: what each means to targets and predictions, a row each.

Links and losses themselves are rows of ``src/core/kernel/outputs.h``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pyl2._common.named import Named, Number, check_named, name_of, number_of
from pyl2._common.validation import Array, check_option, check_real, shown

Domain = tuple[tuple[Callable[[Array], bool], str], ...]


class Output(NamedTuple):
    """What one kind of output means.

    loss : the loss that goes with it where none is asked for
    labels : classes (rows,), or (rows, k) if many, from targets or predictions; None of numbers
    class_indices : whether targets may be class indices (rows,)
    """

    loss: str
    labels: Callable[[Array], Array] | None
    class_indices: bool


class Loss(NamedTuple):
    """What one kind of loss means.

    outputs : those that it goes with
    measure : what ``score`` returns, "accuracy", "R²" or "D²"
    number : what it depends on, if on any
    domain : whether targets (rows, outputs) lie where it has a value, and how to say so
    """

    outputs: tuple[str, ...]
    measure: str
    number: Number | None = None
    domain: Domain = ()


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
_POSITIVE = (
    lambda Y: bool(np.all(np.finfo(Y.dtype).tiny <= Y)),
    "{name} must be positive for the loss gamma",
)

OUTPUTS = {
    "identity": Output("squared_error", None, False),
    "logistic": Output("log_loss", _above_half, False),
    "softmax": Output("log_loss", _largest, True),
    "exp": Output("poisson", None, False),
}

LOSSES = {
    "squared_error": Loss(("identity",), "R²"),
    "log_loss": Loss(("logistic", "softmax"), "accuracy", domain=(_PROBABILITIES,)),
    "poisson": Loss(("exp",), "R²", domain=(_NOT_NEGATIVE,)),
    "huber": Loss(("identity",), "D²", Number("δ", 1.0, 1e-30, 1e30)),
    "absolute_error": Loss(("identity",), "D²"),
    "quantile": Loss(("identity",), "D²", Number("q", 0.5, 0, 1, open_low=True, open_high=True)),
    "gamma": Loss(("exp",), "D²", domain=(_POSITIVE,)),
}
NUMBERS = {name: loss.number for name, loss in LOSSES.items()}


class Objective(NamedTuple):
    """The output of a network and what E₀ is made of.

    output : row of OUTPUTS
    loss : row of LOSSES, with its number where it is not the usual one
    label_smoothing : in [0, 1)
    """

    output: str
    loss: Named
    label_smoothing: float = 0.0

    @classmethod
    def of(cls, network: Any) -> Objective:
        """Return that of a network, or of anything with the same attributes."""
        return cls(network.output, network.loss, network.label_smoothing)

    @property
    def loss_name(self) -> str:
        """The loss without its number."""
        return name_of(self.loss)

    @property
    def number(self) -> float:
        """The number of the loss; 0 where it has none."""
        return number_of(self.loss, NUMBERS)

    @property
    def measure(self) -> str:
        """What ``score`` returns: "accuracy", "R²" or "D²"."""
        return LOSSES[self.loss_name].measure

    @property
    def labels(self) -> Callable[[Array], Array] | None:
        """Classes (rows,), or (rows, k) if many, from targets or predictions; None of numbers."""
        return OUTPUTS[self.output].labels

    @property
    def class_indices(self) -> bool:
        """Whether targets may be class indices (rows,)."""
        return OUTPUTS[self.output].class_indices

    @property
    def domain(self) -> Domain:
        """Whether targets (rows, outputs) lie where the loss has a value, and how to say so."""
        found = LOSSES[self.loss_name].domain
        return (*found, _SUM_TO_1) if self.output == "softmax" else found

    @property
    def canonical(self) -> bool:
        """Whether the loss is the output's own, whose curvature is the link's slope."""
        return self.loss_name == OUTPUTS[self.output].loss


def check_objective(output: Any, loss: Any = None, label_smoothing: Any = 0.0) -> Objective:
    """Check an output, its loss (None: its own) and how far labels are smoothed.

    Raises
    ------
    ValueError, TypeError
        If they are out of range, or do not match.
    """
    check_option("output", output, tuple(OUTPUTS))
    found = OUTPUTS[output].loss if loss is None else check_named("loss", loss, NUMBERS)
    outputs = LOSSES[name_of(found)].outputs
    if output not in outputs:
        raise ValueError(
            f"loss={shown(loss)} goes with output={' or '.join(map(repr, outputs))}, not {output!r}"
        )
    smoothing = check_real("label_smoothing", label_smoothing, 0, 1, open_high=True)
    if smoothing and name_of(found) != "log_loss":
        raise ValueError(
            f"label_smoothing needs a logistic or softmax output, got {smoothing!r} for {output!r}"
        )
    return Objective(str(output), found, smoothing)
