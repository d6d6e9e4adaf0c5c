"""What is exported: layers of numbers, and what their outputs mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pyl2._common.activations import explicit
from pyl2._common.validation import Array
from pyl2.export.functions import Spec


class Layers(NamedTuple):
    """A network as plain arrays.

    Attributes
    ----------
    weights : tuple of ndarray, each of shape (fan_in, fan_out)
    biases : tuple of ndarray, each of shape (fan_out,)
    hidden : tuple of str
        The function of each hidden layer.
    output : str
        That of the last.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    hidden: tuple[Spec, ...]
    output: str

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, units of each layer."""
        return (self.weights[0].shape[0], *(W.shape[1] for W in self.weights))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self.weights[0].dtype

    @property
    def functions(self) -> tuple[Spec, ...]:
        """The function of each layer."""
        return (*self.hidden, self.output)

    @property
    def params(self) -> Array:
        """All weights, then all biases."""
        return np.concatenate([part.ravel() for part in self.weights + self.biases])

    def astype(self, dtype: np.dtype[Any]) -> Layers:
        """Return the same with numbers of a type."""
        weights, biases = (
            tuple(part.astype(dtype) for part in parts) for parts in (self.weights, self.biases)
        )
        return self._replace(weights=weights, biases=biases)

    def of_raw_inputs(self, mean: Array, scale: Array) -> Layers:
        """Return layers that standardise their inputs: (x - mean) / scale is in the first."""
        W = self.weights[0].astype(np.float64) / scale[:, None]
        b = self.biases[0] - mean @ W
        weights = (W.astype(self.dtype), *self.weights[1:])
        return self._replace(weights=weights, biases=(b.astype(self.dtype), *self.biases[1:]))

    def of_raw_outputs(self, mean: Array | float, scale: Array | float) -> Layers:
        """Return layers of an identity output whose outputs are times scale, plus mean."""
        W = self.weights[-1].astype(np.float64) * scale
        b = self.biases[-1].astype(np.float64) * scale + mean
        weights = (*self.weights[:-1], W.astype(self.dtype))
        return self._replace(weights=weights, biases=(*self.biases[:-1], b.astype(self.dtype)))

    def of_one_output(self) -> Layers:
        """Return layers of one logistic output for softmax of two: of the logits' difference."""
        W, b = (parts[-1] for parts in (self.weights, self.biases))
        return self._replace(
            weights=(*self.weights[:-1], W[:, 1:] - W[:, :1]),
            biases=(*self.biases[:-1], b[1:] - b[:1]),
            output="logistic",
        )


def layers(network: Any) -> Layers:
    """Return the layers of a network, as they are now."""
    return Layers(
        tuple(W.copy() for W in network.weights),
        tuple(b.copy() for b in network.biases),
        tuple(map(explicit, network.hidden)),
        network.output,
    )


class Model(NamedTuple):
    """A network, or several whose mean predicts.

    Attributes
    ----------
    members : sequence of Layers
        All of one shape.
    shares : sequence of float
        The weight of each in the mean, of sum 1.
    noise : ndarray of shape (outputs,), optional
        What the variance of the outputs has besides that of the members.
    classes : list, optional
        The classes of the outputs (of a single logistic one: two); None of numbers.
    kind : {"network", "regressor", "classifier"}
        A classifier without classes has a label, 0 or 1, for each output.
    """

    members: Sequence[Layers]
    shares: Sequence[float] = (1.0,)
    noise: Array | None = None
    classes: Sequence[Any] | None = None
    kind: str = "network"

    @property
    def first(self) -> Layers:
        """One that has the shape of all."""
        return self.members[0]
