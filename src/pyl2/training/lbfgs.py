"""L-BFGS on the penalized error of a network: SciPy's, on the engine's error and gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyl2._common import penalty, threads
from pyl2._common.dataset import Dataset
from pyl2._common.validation import Array
from pyl2.network import engine_of
from pyl2.training.history import GRADIENT
from pyl2.training.session import Diverged, TrainingSession


class _NotFinite(Exception):
    """Leaves SciPy's loop."""


@dataclass
class Minimisation:
    """A training by L-BFGS, an iteration being an epoch of its session.

    Attributes
    ----------
    session : TrainingSession
        Its network ends with the parameters of the last iteration, which are the best.
    l2 : float or sequence of float
        λ, one for all layers or one for each.
    n : {"batch", "train"} or float
        What λ is divided by; both words mean the sum of the sample weights.
    tol : float or None
        Largest component of the gradient to reach; None: to the limit of precision.
    options : dict, optional
        SciPy's options in place of our own, but for "maxiter".
    result : scipy.optimize.OptimizeResult or None
        What SciPy has returned.

    References
    ----------
    R. Byrd, P. Lu, J. Nocedal, C. Zhu, A limited memory algorithm for bound constrained
    optimization, SIAM J. Sci. Comput. 16 (1995).
    """

    session: TrainingSession
    l2: float | Sequence[float]
    n: str | float
    tol: float | None = None
    options: dict[str, Any] | None = None
    result: Any = None

    def run(self, dataset: Dataset) -> None:
        """Minimise E on all rows; raise Diverged if it is not finite somewhere on the way."""
        from scipy.optimize import minimize

        session, params = self.session, self.session.network.params
        objective = _Objective(self, dataset)

        def iteration(intermediate_result: Any) -> None:
            params[...] = intermediate_result.x
            session.record(*objective.parts)
            session.finish_epoch()
            if session.over:
                raise StopIteration

        try:
            with threads.one_blas_thread():
                self.result = minimize(
                    objective,
                    params.astype(np.float64),
                    jac=True,
                    method="L-BFGS-B",
                    callback=iteration,
                    options=self._options() | {"maxiter": session.epochs},
                )
        except _NotFinite:
            session.stop("diverged")
            per_layer = penalty.per_layer(self.l2, len(session.network.weights))
            raise Diverged(
                f"lbfgs diverged: the error became non-finite, with l2={per_layer} (it has"
                " no eta); the parameters of the last iteration are kept."
                " Scaled inputs (StandardScaler) help."
            ) from None
        if not session.over:
            session.stop("converged")

    def _options(self) -> dict[str, Any]:
        if self.options is not None:
            return self.options
        precision = {"gtol": 1e-12, "ftol": 0.0} if self.tol is None else {"gtol": self.tol}
        return {"maxfun": 20 * self.session.epochs + 1000, "maxls": 50} | precision


class _Objective:
    """E and its gradient, in float64, at parameters that are not the network's own.

    Those are at the end of an iteration, always.
    """

    def __init__(self, training: Minimisation, dataset: Dataset) -> None:
        network = training.session.network
        per_layer = penalty.per_layer(training.l2, len(network.weights))
        divisor = penalty.divisor(training.n, dataset.weight_sum)
        self._rates = np.array(penalty.rates(per_layer, divisor))
        self._session, self._dataset = training.session, dataset
        self._engine = engine_of(network)
        self._tried, self._grad = network.params.copy(), np.empty_like(network.params)
        self.parts = (math.nan, math.nan)  # E₀ and R of the last call

    def __call__(self, vector: Array) -> tuple[float, Array]:
        self._tried[...] = vector
        self.parts = self._engine.gradient(
            self._tried, self._dataset, self._rates, self._grad, self._session.n_threads
        )
        self._session.history.evaluations += GRADIENT
        if not math.isfinite(sum(self.parts)):
            raise _NotFinite
        return sum(self.parts), self._grad.astype(np.float64)
