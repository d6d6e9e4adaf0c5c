"""Laplace: the posterior of a network's parameters, and what it says of λ and predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import keywords, penalty, threads
from pyl2._common.dataset import Matrix, check_dataset
from pyl2._common.validation import Array, check_flag, check_instance, check_real
from pyl2.bayes.error_bars import variances
from pyl2.bayes.evidence import BIAS_PRECISION, check_size, curvature, evidence
from pyl2.network import Network, copy_network, in_float64, logits_network


class Laplace:
    """The Gaussian posterior of a trained network: evidence for its λ, and error bars.

    L2 is a Gaussian prior of the weights, with precision α = λ/σ² for ``n="train"``.  Laplace's
    method puts a Gaussian about the minimum of E, with the Gauss–Newton matrix for its curvature.
    Then the log evidence says how well λ and the data go together, γ how many parameters the data
    determine, and predictions have a standard deviation.

    The numbers are as good as the model is nearly right.  The evidence is for smooth units (tanh),
    few rows and a squared error; for relu, and where rows abound, it prefers too large a λ; and for
    classifiers it is of no use, being greatest at λ = 0 where classes separate.  There the way to λ
    is cross-validation (``MLPClassifierCV``, ``MLPRegressorCV``), and this class is for error bars
    at what it chose.

    Parameters
    ----------
    network : Network
        Trained by anything; a snapshot is taken.  At most 5,000 parameters.
    X : array-like of shape (rows, inputs)
        Training data, dense, at least 2 rows.
    Y : array-like of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
    l2 : float or sequence of float
        The λ ≥ 0 that it was trained with, one for all layers or one for each.  With 0 in it there
        is no prior, and the log evidence is -inf.
    n : {"batch", "train"} or float, default="train"
        What λ was divided by; "batch" and "train" both mean the sum of the sample weights here.
    noise_variance : float, optional
        σ² > 0 of a squared error; by default that of the greatest log evidence.
    bias_precision : float, default=0.1
        Precision > 0 of a prior of hidden biases, in the evidence alone: training knows none.  In
        the units of standardised inputs.
    sample_weight : array-like of shape (rows,), optional
        Not negative; 1 each where not given.

    Attributes
    ----------
    log_evidence : float
        Natural logarithm.  That of softmax and logistic outputs has no noise; that of exp leaves
        out what does not depend on the network.
    n_effective : float
        γ, the effective number of parameters, biases included.
    n_effective_weights : ndarray of shape (layers,)
        γ_l, of the weights of each layer.
    noise_variance : float or None
        σ²; None unless the output is identity.
    l2 : float or list of float
        As it was given.
    gradient_norm : float
        Largest component of ∂E/∂params: how far from a minimum the network is.
    jitter : float
        What had to be added to the diagonal of the posterior's precision; 0 as a rule.

    Raises
    ------
    ValueError, TypeError
        If shapes or types do not fit, numbers are not finite or out of range, X is sparse or has
        fewer than 2 rows, or the network has more than 5,000 parameters.

    See Also
    --------
    BayesianMLPRegressor : Chooses λ by the evidence.

    References
    ----------
    D. MacKay, A practical Bayesian framework for backpropagation networks, Neural Computation 4
    (1992), 448–472.
    D. MacKay, The evidence framework applied to classification networks, Neural Computation 4
    (1992), 720–736 (the probabilities).

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2 import Backprop, Laplace, Network
    >>> rng = np.random.default_rng(0)
    >>> X = np.linspace(-1, 1, 60)[:, None]
    >>> y = np.sin(3 * X) + 0.1 * rng.normal(size=X.shape)
    >>> network = Network((1, 10, 1), seed=0)
    >>> history = Backprop(network, "lbfgs", l2=0.01, n="train").train(X, y, epochs=500)
    >>> posterior = Laplace(network, X, y, l2=0.01)
    >>> 0.08 < posterior.noise_variance**0.5 < 0.12, 4 < posterior.n_effective < 12
    (True, True)
    >>> mean, std = posterior.predict([[0.0], [3.0]], return_std=True)
    >>> bool(std[1, 0] > 2 * std[0, 0])
    True
    """

    @keywords.checked
    def __init__(
        self,
        network: Network,
        X: Matrix,
        Y: ArrayLike,
        l2: float | Sequence[float],
        n: str | float = "train",
        noise_variance: float | None = None,
        bias_precision: float = BIAS_PRECISION,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        check_instance("network", network, Network)
        self._network = copy_network(network, network.params)
        self._wide = in_float64(self._network)
        layers = len(network.weights)
        self.l2 = penalty.plain(l2, layers)
        precision = check_real("bias_precision", bias_precision, 0, open_low=True)
        if noise_variance is not None:
            if network.output != "identity":
                raise ValueError(
                    f"noise_variance needs a squared error: output={network.output!r} has none"
                )
            noise_variance = check_real("noise_variance", noise_variance, 0, open_low=True)
        divided_by = penalty.check_n(n)
        dataset = check_dataset(X, Y, sample_weight, self._wide)
        check_size(network, dataset)
        divisor = penalty.divisor(divided_by, dataset.weight_sum)
        rates = np.array(penalty.rates(penalty.per_layer(l2, layers), divisor))
        with threads.blas_threads_for(network.params.size):
            found = curvature(self._wide, dataset)
            result = evidence(found, rates, noise_variance, precision)
        self.log_evidence = result.log_evidence
        self.n_effective = result.n_effective
        self.n_effective_weights = result.n_effective_weights
        self.noise_variance = result.noise_variance if network.output == "identity" else None
        self.gradient_norm = found.gradient_norm(rates)
        self.jitter = result.jitter
        self._factor = result.factor

    def predict(self, X: Matrix, return_std: bool = False) -> Any:
        """Return the network's outputs, and the standard deviations of the targets about them.

        Parameters
        ----------
        X : array-like of shape (rows, inputs)
            Dense where ``return_std`` is asked for.
        return_std : bool, default=False
            Whether to return standard deviations too; of a squared error alone.  They hold the
            noise, √(j A⁻¹ jᵀ + σ²), as GaussianProcessRegressor's and BayesianRidge's do.

        Returns
        -------
        ndarray of shape (rows, outputs)
        std : ndarray of float64, of shape (rows, outputs)
            If it was asked for.

        Raises
        ------
        ValueError, TypeError
            As ``Network.predict``; TypeError, too, if standard deviations are asked for of another
            output than identity, or of sparse rows.
        """
        if check_flag("return_std", return_std) and self.noise_variance is None:
            raise TypeError(
                "return_std=True needs a squared error:"
                f" output={self._network.output!r} has no noise_variance"
                + ("; predict_proba has the probabilities" if self._classifies else "")
            )
        mean = self._network.predict(X)
        if not return_std:
            return mean
        assert self.noise_variance is not None
        return mean, np.sqrt(variances(self._wide, self._factor, X) + self.noise_variance)

    def predict_proba(self, X: Matrix) -> Array:
        """Return probabilities that account for the uncertainty of the parameters.

        Each logit, or for softmax its distance from the mean of the other classes, is divided by
        √(1 + πv/8), v being its variance: what the data say little of comes nearer to even chances.

        Parameters
        ----------
        X : array-like of shape (rows, inputs)
            Dense.

        Returns
        -------
        ndarray of float64, of shape (rows, outputs)

        Raises
        ------
        ValueError, TypeError
            As ``Network.jacobian``; TypeError, too, if the output is neither logistic nor softmax.
        """
        if not self._classifies:
            raise TypeError(
                f"predict_proba needs a logistic or softmax output, got {self._network.output!r}"
            )
        softmax = self._network.output == "softmax"
        logits = self._logits(X)
        if softmax:
            logits = logits - logits.mean(axis=1, keepdims=True)
        flat: Array = logits / np.sqrt(
            1 + math.pi / 8 * variances(self._wide, self._factor, X, softmax)
        )
        if not softmax:
            return _logistic(flat)
        shares = np.exp(flat - flat.max(axis=1, keepdims=True))
        found: Array = shares / shares.sum(axis=1, keepdims=True)
        return found

    @property
    def _classifies(self) -> bool:
        return self._network.output in ("logistic", "softmax")

    def _logits(self, X: Matrix) -> Array:
        """Return the outputs before their link: those of the same parameters with none."""
        return logits_network(self._wide).predict(X)


def _logistic(z: Array) -> Array:
    small = np.exp(-np.abs(z))
    found: Array = np.where(z >= 0, 1.0, small) / (1 + small)
    return found
