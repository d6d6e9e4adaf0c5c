"""L-BFGS on the penalized error of a network: SciPy's, on the engine's error and gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyl2 import l2
from pyl2.checks import Array, Items
from pyl2.course import Course, Diverged
from pyl2.history import GRADIENT
from pyl2.network import Network


class _NotFinite(Exception):
    """Leaves SciPy's loop."""


def minimise(
    network: Network,
    items: Items,
    per_layer: tuple[float, ...],
    n: str | float,
    tol: float | None,
    course: Course,
    options: dict[str, Any] | None = None,
) -> Any:
    """Minimise E on all rows, an iteration being an epoch of the course.

    Parameters
    ----------
    network : Network
        Trained in place; it ends with the parameters of the last iteration, which are the best.
    items : Items
    per_layer : tuple of float
        λ of each layer.
    n : {"batch", "train"} or float
        What λ is divided by; both words mean the sum of the sample weights.
    tol : float or None
        Largest component of the gradient to reach; None: to the limit of precision.
    course : Course
    options : dict, optional
        SciPy's options in place of our own, but for "maxiter".

    Returns
    -------
    scipy.optimize.OptimizeResult

    Raises
    ------
    ValueError
        If E is not finite somewhere on the way.

    References
    ----------
    R. Byrd, P. Lu, J. Nocedal, C. Zhu, A limited memory algorithm for bound constrained
    optimization, SIAM J. Sci. Comput. 16 (1995).
    """
    from scipy.optimize import minimize

    params = network.params
    rates = np.array(l2.rates(per_layer, l2.divisor(n, items.mass)))
    grad = np.empty_like(params)
    tried = params.copy()  # the network's own parameters are at the end of an iteration, always
    parts = (math.nan, math.nan)

    def error(vector: Array) -> tuple[float, Array]:
        nonlocal parts
        tried[...] = vector
        parts = network._net.gradient(tried, *items, rates, grad, network._threads)
        course.history.evaluations += GRADIENT
        if not math.isfinite(sum(parts)):
            raise _NotFinite
        return sum(parts), grad.astype(np.float64)

    def iteration(intermediate_result: Any) -> None:
        params[...] = intermediate_result.x
        course.record(*parts)
        if course.over():
            raise StopIteration

    if options is None:
        precision = {"gtol": 1e-12, "ftol": 0.0} if tol is None else {"gtol": tol}
        options = {"maxfun": 20 * course.epochs + 1000, "maxls": 50} | precision
    try:
        result = minimize(
            error,
            params.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=iteration,
            options=options | {"maxiter": course.epochs},
        )
    except _NotFinite:
        course.history.stopped = "diverged"
        raise Diverged(
            f"lbfgs diverged: it met an error that is not finite, with l2={per_layer} (it has no"
            " eta); the parameters are those of the last iteration."
            " Scaled inputs (StandardScaler) help."
        ) from None
    course.history.stopped = course.history.stopped or "converged"
    return result
