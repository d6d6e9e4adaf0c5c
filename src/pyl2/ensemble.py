"""Ensembles: networks of one shape, each with a weight, whose mean predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyl2._common.dataset import Matrix
from pyl2._common.validation import Array, kept
from pyl2._engine import UNLIMITED
from pyl2.network import Network, copy_network, engine_of, from_file, to_file

# How far the sum of weights in a file may be from 1.
_ROUNDING = 1e-6


class Ensemble:
    """Networks of one shape and the weight of each in their mean.

    Parameters
    ----------
    networks : sequence of Network
        At least one.
    weights : ndarray of shape (networks,)
        Positive, of sum 1.
    noise : ndarray of shape (outputs,), optional
        Variance of the targets that the networks do not explain; of a regression alone.

    Attributes
    ----------
    networks : tuple of Network
    weights : ndarray of float64, shape (networks,)
    noise : ndarray of float64, shape (outputs,), or None
    """

    def __init__(
        self, networks: Sequence[Network], weights: Array, noise: Array | None = None
    ) -> None:
        self.networks = tuple(networks)
        self.weights = np.asarray(weights, np.float64)
        self.noise = noise

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Inputs, units of each hidden layer, outputs of every network."""
        return self.networks[0].layer_sizes

    @property
    def output(self) -> str:
        """The output of every network."""
        return self.networks[0].output

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the parameters."""
        return self.networks[0].dtype

    def predict(self, X: Matrix) -> Array:
        """Return the mean of the outputs for each row of X, (rows, outputs), in float64."""
        return self.moments(X)[0]

    def predict_std(self, X: Matrix) -> tuple[Array, Array]:
        """Return the mean of the outputs, and the standard deviation of targets about it.

        It is √(noise + variance of the networks), (rows, outputs) as the mean is; an ensemble
        without noise has none.
        """
        assert self.noise is not None
        mean, variance = self.moments(X)
        return mean, np.sqrt(self.noise + variance)

    def moments(self, X: Matrix, n_threads: int = UNLIMITED) -> tuple[Array, Array]:
        """Return mean Σ w ŷ and variance Σ w (ŷ − mean)² of the outputs for each row of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (rows, inputs)
        n_threads : int
            As the engine takes it.

        Returns
        -------
        mean, variance : ndarray of float64, shape (rows, outputs)

        References
        ----------
        D. West, Updating mean and variance estimates: an improved method, Comm. ACM 22 (1979): one
        network at a time, so that no more than two tables of outputs are in memory.
        """
        mean: Any = 0.0
        squares: Any = 0.0
        mass = 0.0
        for network, weight in zip(self.networks, self.weights.tolist(), strict=True):
            outputs = engine_of(network).predict(network.params, X, n_threads)
            mass += weight
            off = outputs.astype(np.float64) - mean
            squares = squares + off * off * (weight * (1 - weight / mass))
            mean = mean + off * (weight / mass)
        return mean, squares / mass


def ensemble_to_file(ensemble: Ensemble) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and the JSON values of an ensemble's file.

    They are those of a network's, but for the parameters, (networks, d), the weights, and the noise
    if there is any.
    """
    arrays, meta = to_file(ensemble.networks[0])
    arrays["params"] = np.stack([network.params for network in ensemble.networks])
    arrays["weights"] = ensemble.weights
    if ensemble.noise is not None:
        arrays["noise"] = ensemble.noise
    return arrays, meta


def ensemble_from_file(arrays: dict[str, Array], meta: dict[str, Any]) -> Ensemble:
    """Return the ensemble that ``ensemble_to_file`` describes.

    Raises
    ------
    ValueError
        If the description is damaged.
    """
    params, weights = (kept(arrays, name, np.ndarray) for name in ("params", "weights"))
    if params.ndim != 2 or not len(params):
        raise ValueError(f"params of shape {params.shape} do not describe several networks")
    shaped = weights.dtype == np.float64 and weights.shape == params.shape[:1]
    if not (shaped and (weights > 0).all() and abs(weights.sum() - 1) < _ROUNDING):
        raise ValueError("weights are malformed")
    first = from_file({"params": params[0]}, meta)
    rest = [copy_network(first, row) for row in params[1:]]
    noise = arrays.get("noise")
    if noise is not None:
        shaped = noise.dtype == np.float64 and noise.shape == first.layer_sizes[-1:]
        if not (shaped and (noise >= 0).all() and np.isfinite(noise).all()):
            raise ValueError("noise is malformed")
    return Ensemble([first, *rest], weights, noise)
