"""The log evidence of λ at a minimum of E, by Laplace's method on the Gauss–Newton matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyl2._common.dataset import Dataset
from pyl2._common.validation import Array
from pyl2._engine import UNLIMITED
from pyl2.network import Network, engine_of

BIAS_PRECISION = 0.1
"""Precision of the prior of hidden biases, in the evidence alone: a standard deviation of 3.2."""

MOST_PARAMS = 5000
"""Parameters at most: the matrix is held twice."""

# Two values of the noise variance in a row that differ by less than this share, and the least of
# it, as a share of the first.
_SETTLED = 1e-4
_LEAST_SHARE = 1e-3
_MOST_STEPS = 100
# Columns of the inverse of a factor that are held at a time.
_COLUMNS = 128
# A noise variance of 0, where every residual and every weight is 0, would make A infinite.
_LEAST = 1e-30
_BEYOND = (
    "the posterior is not finite: l2 / n, noise_variance or bias_precision is too large or too"
    " small for these data"
)


@dataclass(frozen=True)
class Curvature:
    """What the data say of a float64 network at its parameters.

    Attributes
    ----------
    network : Network
    mass : float
        N, the sum of the sample weights.
    error : float
        E₀.
    gradient : ndarray of shape (d,)
        ∂E₀/∂params.
    matrix : ndarray of shape (d, d)
        G, the Gauss–Newton matrix of E₀.
    """

    network: Network
    mass: float
    error: float
    gradient: Array
    matrix: Array

    @property
    def n_weights(self) -> list[int]:
        """D_l, the weights of each layer."""
        return [W.size for W in self.network.weights]

    @property
    def hidden_biases(self) -> slice:
        """Where the biases of the hidden layers are among the parameters."""
        first = sum(self.n_weights)
        return slice(first, self.matrix.shape[0] - self.network.layer_sizes[-1])

    @property
    def squares(self) -> Array:
        """‖W_l‖² of each layer."""
        return np.array([float((W * W).sum()) for W in self.network.weights])

    def gradient_norm(self, rates: Array) -> float:
        """Return the largest component of ∂E/∂params, for λ/n of each layer."""
        slope = self.gradient.copy()
        slope[: sum(self.n_weights)] += np.repeat(rates, self.n_weights) * self._weights
        return float(np.abs(slope).max())

    @property
    def _weights(self) -> Array:
        return self.network.params[: sum(self.n_weights)]


@dataclass(frozen=True)
class Evidence:
    """The evidence for λ, and the posterior of the parameters.

    Attributes
    ----------
    log_evidence : float
    n_effective : float
        γ, of all parameters.
    n_effective_weights : ndarray of shape (layers,)
        γ_l, of the weights of each layer.
    noise_variance : float
        σ²; 1 for any loss but the squared error.
    jitter : float
        What was added to the diagonal of A.
    factor : ndarray of shape (d, d)
        L in A = L Lᵀ, A being the precision of the posterior.
    """

    log_evidence: float
    n_effective: float
    n_effective_weights: Array
    noise_variance: float
    jitter: float
    factor: Array


def curvature(network: Network, dataset: Dataset, n_threads: int = UNLIMITED) -> Curvature:
    """Return what a data set says of a float64 network.

    Raises
    ------
    ValueError
        If it is not finite, or there are too many parameters or fewer than two rows.
    TypeError
        If the rows are sparse.
    """
    check_size(network, dataset)
    params = network.params
    gradient, matrix = np.empty(params.size), np.empty((params.size, params.size))
    rates = np.zeros(len(network.weights))
    error, _ = engine_of(network).gauss_newton(params, dataset, rates, gradient, matrix, n_threads)
    if not (math.isfinite(error) and np.isfinite(matrix.sum())):
        raise ValueError(
            "the error or its curvature is not finite at the network's parameters: scaled inputs"
            " (StandardScaler) help"
        )
    return Curvature(network, dataset.weight_sum, error, gradient, matrix)


def check_size(network: Network, dataset: Dataset) -> None:
    """Refuse more parameters than a matrix of them is for, and fewer rows than evidence is of."""
    d = network.params.size
    if d > MOST_PARAMS:
        raise ValueError(
            f"the network has {d} parameters, more than {MOST_PARAMS}: two matrices of them would"
            f" take {16 * d * d / 1e6:,.0f} MB; fewer hidden units make it smaller"
        )
    weight = dataset.sample_weight
    rows = dataset.rows if weight is None else int(np.count_nonzero(weight))
    if rows < 2:
        which = "" if weight is None else " with a weight > 0"
        raise ValueError(f"X must have at least 2 rows{which}, got {rows}")


def evidence(
    found: Curvature,
    rates: Sequence[float] | Array,
    noise_variance: float | None = None,
    bias_precision: float = BIAS_PRECISION,
) -> Evidence:
    """Return the evidence for λ, and the posterior.

    Parameters
    ----------
    found : Curvature
        At a minimum of E.
    rates : sequence of float
        λ/n of each layer; with one of 0 there is no prior, and the log evidence is -inf.
    noise_variance : float, optional
        σ² of a squared error; by default that of the greatest log evidence.
    bias_precision : float
        Of the prior of hidden biases, > 0.

    Raises
    ------
    ValueError
        If numbers are so large or so small that the posterior is not finite.

    References
    ----------
    D. MacKay, A practical Bayesian framework for backpropagation networks, Neural Computation 4
    (1992), 448–472.
    """
    posterior = _Posterior(found, np.asarray(rates, float), bias_precision)
    noise = noise_variance if found.network.output == "identity" else 1.0
    with np.errstate(all="ignore"):  # what is not finite is looked for
        result = posterior.evidence(posterior.best_noise_variance() if noise is None else noise)
    if math.isnan(result.log_evidence) or not math.isfinite(result.n_effective):
        raise ValueError(_BEYOND)
    return result


class _Posterior:
    """The posterior of the parameters at a minimum of E, whatever the noise."""

    def __init__(self, found: Curvature, rates: Array, bias_precision: float) -> None:
        self._found, self._rates, self._bias_precision = found, rates, bias_precision
        self._outputs = found.network.layer_sizes[-1]
        self._softmax = found.network.output == "softmax"
        self._squared = found.network.output == "identity"
        hidden = found.hidden_biases
        self._n_hidden: int = hidden.stop - hidden.start
        # Directions that the prior says nothing of; softmax has none for a shift of all logits.
        self._flat = self._outputs - self._softmax

    def evidence(self, noise: float) -> Evidence:
        """Return the evidence, with σ² given."""
        found, counts = self._found, self._found.n_weights
        factor, jitter = self._factor(noise)
        variances = _variances(factor)
        alphas = found.mass * self._rates / noise
        ends = np.cumsum([0, *counts])
        traces = np.add.reduceat(variances[: ends[-1]], ends[:-1])
        effective: Array = counts - alphas * traces
        hidden = self._n_hidden
        biases = hidden - self._bias_precision * float(variances[found.hidden_biases].sum())
        return Evidence(
            log_evidence=self._log_evidence(noise, alphas, factor),
            n_effective=float(effective.sum()) + biases + self._flat,
            n_effective_weights=effective,
            noise_variance=noise,
            jitter=jitter,
            factor=factor,
        )

    def _log_evidence(self, noise: float, alphas: Array, factor: Array) -> float:
        found, hidden = self._found, self._found.network.params[self._found.hidden_biases]
        precision = self._bias_precision
        total = 0.5 * float(np.array(found.n_weights) @ np.log(alphas))  # -inf without a prior
        total -= found.mass * found.error / noise + 0.5 * float(alphas @ found.squares)
        total -= 0.5 * precision * float(hidden @ hidden)
        total += 0.5 * self._n_hidden * math.log(precision)
        total -= float(np.log(np.diag(factor)).sum())  # half of log |A|
        total += 0.5 * self._flat * math.log(2 * math.pi)
        if self._squared:
            total -= 0.5 * found.mass * self._outputs * math.log(2 * math.pi * noise)
        return total

    def best_noise_variance(self) -> float:
        """Return the σ² of the greatest log evidence, λ being given: a fixed point."""
        found, outputs = self._found, self._outputs
        squares = found.mass * (2 * found.error + float(self._rates @ found.squares))
        noise = first = max(squares / (found.mass * outputs), _LEAST)
        for _ in range(_MOST_STEPS):
            # N k + D - γ', γ' being γ with the weights counted whole.
            free = found.mass * outputs - outputs - self._effective_biases(noise)
            before = noise
            noise = max(squares / free if free > 0 else 0.0, _LEAST_SHARE * first, _LEAST)
            if abs(noise - before) <= _SETTLED * noise or not self._n_hidden:
                break
        return noise

    def _effective_biases(self, noise: float) -> float:
        """Return the effective number of hidden biases."""
        from scipy.linalg import solve_triangular

        if not self._n_hidden:
            return 0.0
        factor, _ = self._factor(noise)
        here = self._found.hidden_biases
        # Columns of the inverse of L; they are 0 above the diagonal.
        below = np.zeros((factor.shape[0] - here.start, self._n_hidden))
        below[np.arange(self._n_hidden), np.arange(self._n_hidden)] = 1
        corner = factor[here.start :, here.start :]
        columns = solve_triangular(corner, below, lower=True, check_finite=False)
        return self._n_hidden - self._bias_precision * float((columns * columns).sum())

    def _factor(self, noise: float) -> tuple[Array, float]:
        """Return the Cholesky factor of A, and what was added to its diagonal."""
        from scipy.linalg import LinAlgError, cholesky

        found = self._found
        d, weights = found.matrix.shape[0], sum(found.n_weights)
        prior = np.zeros(d)
        prior[:weights] = np.repeat(found.mass * self._rates / noise, found.n_weights)
        prior[found.hidden_biases] = self._bias_precision
        jitter = 0.0
        while True:
            matrix = found.matrix * (found.mass / noise)
            if self._softmax:  # the shift of all logits, no direction of the model, gets a 1
                matrix[-self._outputs :, -self._outputs :] += 1 / self._outputs
            diagonal = np.einsum("ii->i", matrix)
            diagonal += prior
            mean = float(diagonal.mean())
            if not math.isfinite(mean):
                raise ValueError(_BEYOND)
            diagonal += jitter
            try:
                # Transposed, LAPACK overwrites it; it is symmetric.
                lower: Array = cholesky(matrix.T, lower=False, overwrite_a=True, check_finite=False)
                return lower.T, jitter
            except LinAlgError:
                jitter = 10 * jitter if jitter else 1e-12 * mean


def _variances(factor: Array) -> Array:
    """Return the diagonal of A⁻¹, of its lower factor L.

    By the squares of L⁻¹, some columns of it at a time, which are 0 above the diagonal: all of it
    would be a third matrix.
    """
    from scipy.linalg import solve_triangular

    d = factor.shape[0]
    found = np.empty(d)
    for first in range(0, d, _COLUMNS):
        columns = np.zeros((d - first, min(_COLUMNS, d - first)))
        np.fill_diagonal(columns, 1)
        for start in range(first, d, _COLUMNS):
            rows, here = (slice(at, at + _COLUMNS) for at in (start, start - first))
            columns[here] -= factor[rows, first:start] @ columns[: start - first]
            columns[here] = solve_triangular(
                factor[rows, rows], columns[here], lower=True, check_finite=False
            )
        found[first : first + _COLUMNS] = np.einsum("ij,ij->j", columns, columns)
    return found
