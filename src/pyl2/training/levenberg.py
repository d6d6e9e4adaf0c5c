"""Levenberg–Marquardt on the penalized squared error: Gauss–Newton steps, damped until E falls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyl2._common import penalty, sparse, threads
from pyl2._common.dataset import Dataset
from pyl2._common.outputs import Objective
from pyl2._common.validation import Array
from pyl2.network import engine_of, in_float64
from pyl2.training.history import GRADIENT
from pyl2.training.session import Diverged, TrainingSession

MOST_PARAMS = 5000
"""Parameters at most: two matrices of them are held, and one is factorised in each iteration."""

# Damping at the start, and where it says that float64 shows no lower E: shares of max diag G.
_FIRST, _LAST = 1e-3, 1e14
# Largest component of the gradient to reach, in units of E where that is above 1.
_GRADIENT = 1e-8
# Share of E that two steps in a row must lower it by.
_TOL = 1e-10


def iteration_cost(outputs: int) -> int:
    """Return what an iteration costs that accepts its first step, in evaluations.

    The gradient, a pass forward and two products a layer for each of the outputs on the way to J,
    and E at the step.  Neither the products of J nor the factorisation are passes, nor counted.
    """
    return GRADIENT + 1 + 2 * outputs + 1


@dataclass
class LevenbergMarquardt:
    """A training by Levenberg–Marquardt, an accepted step being an epoch of its session.

    All is computed in float64; a float32 network takes the rounded parameters of each step, and a
    step that rounding makes worse is refused.

    Attributes
    ----------
    session : TrainingSession
        Its network ends with the parameters of the last accepted step, which are the best.
    l2 : float or sequence of float
        λ, one for all layers or one for each.
    n : {"batch", "train"} or float
        What λ is divided by; both words mean the sum of the sample weights.
    tol : float or None
        Ends when two steps in a row have lowered E by less than this share; None is 1e-10.
    gradient_tol : float or None
        Largest component of the gradient to reach; None is 1e-8 max(1, E).

    References
    ----------
    D. Marquardt, An algorithm for least-squares estimation of nonlinear parameters, J. SIAM 11
    (1963).
    H. Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05, Technical University of
    Denmark (1999) (μ).
    """

    session: TrainingSession
    l2: float | Sequence[float]
    n: str | float
    tol: float | None = None
    gradient_tol: float | None = None

    def run(self, dataset: Dataset) -> None:
        """Minimise E on all rows; raise Diverged if it is not finite at the start."""
        with threads.blas_threads_for(self.session.network.params.size):
            self._run(dataset)

    def _run(self, dataset: Dataset) -> None:
        session = self.session
        problem = _Problem(self, dataset)
        if not math.isfinite(problem.error):
            session.stop("diverged")
            raise Diverged(
                "lm diverged: the error is not finite at the initial parameters."
                " Scaled inputs (StandardScaler) help."
            )
        damping = _Damping(problem.largest)
        small = 0
        reached = self._flat(problem)
        while not session.over:
            before = problem.error
            accepted = not reached and self._step(problem, damping)
            if accepted:
                small = small + 1 if before - problem.error < self._share * before else 0
                reached = self._flat(problem) or ("tol" if small == 2 else "")
            elif not reached:
                reached = "mu"
            if accepted or not len(session.history):  # the start, where it is the end
                session.record(*problem.parts)
                session.finish_epoch(reached)
            elif reached:
                session.stop(reached)

    @property
    def _share(self) -> float:
        return _TOL if self.tol is None else self.tol

    def _flat(self, problem: _Problem) -> str:
        """Return "gradient" where that is 0 as far as wanted."""
        limit = self.gradient_tol
        if limit is None:
            limit = _GRADIENT * max(1.0, problem.error)
        return "gradient" if np.abs(problem.gradient).max() <= limit else ""

    def _step(self, problem: _Problem, damping: _Damping) -> bool:
        """Take a step that lowers E, damped ever more until it does; False if none does."""
        while damping.value <= _LAST * problem.largest:
            step = problem.solve(damping.value)
            if step is not None:
                expected = 0.5 * float(step @ (damping.value * step - problem.gradient))
                gained = problem.try_step(step)
                if gained > 0 and expected > 0:
                    problem.accept()
                    damping.lower(gained / expected)
                    return True
            damping.raise_()
        return False


class _Damping:
    """μ by Nielsen's rule."""

    def __init__(self, largest: float) -> None:
        self.value = _FIRST * largest
        self._factor = 2.0

    def lower(self, gain: float) -> None:
        """After a step whose gain was so much of the expected one."""
        self.value *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
        self._factor = 2.0

    def raise_(self) -> None:
        """After a step that was refused."""
        self.value *= self._factor
        self._factor *= 2.0


class _Problem:
    """E, its gradient and G + diag(λ/n), in float64, at the parameters that are accepted."""

    def __init__(self, training: LevenbergMarquardt, dataset: Dataset) -> None:
        session = training.session
        self._network = session.network
        wide = in_float64(self._network)
        self._engine, self._session = engine_of(wide), session
        self._dataset = _in_float64(dataset)
        per_layer = penalty.per_layer(training.l2, len(wide.weights))
        divisor = penalty.divisor(training.n, dataset.weight_sum)
        self._rates = np.array(penalty.rates(per_layer, divisor))
        d = wide.params.size
        self._decay = np.zeros(d)
        sizes = [W.size for W in wide.weights]
        self._decay[: sum(sizes)] = np.repeat(self._rates, sizes)
        self._params = wide.params.copy()
        self.gradient, self._matrix = np.empty(d), np.empty((d, d))
        self._room = np.empty((d, d))
        self._tried, self._tried_parts = self._params, (math.nan, math.nan)
        self._look()

    @property
    def error(self) -> float:
        """E."""
        return sum(self.parts)

    def _look(self) -> None:
        """Compute all that the next step is made of."""
        self.parts = self._engine.gauss_newton(
            self._params,
            self._dataset,
            self._rates,
            self.gradient,
            self._matrix,
            self._session.n_threads,
        )
        self._session.history.evaluations += iteration_cost(self._engine.layer_sizes[-1]) - 1
        diagonal = np.einsum("ii->i", self._matrix)
        self.largest = float(diagonal.max())
        diagonal += self._decay

    def solve(self, damping: float) -> Array | None:
        """Return δ of (G + diag(λ/n) + μ I) δ = -∇E; None where that has no factor."""
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        self._room[...] = self._matrix
        np.einsum("ii->i", self._room)[...] += damping
        try:
            # Transposed, LAPACK overwrites it; it is symmetric.
            factor = cho_factor(self._room.T, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return None
        step: Array = cho_solve(factor, -self.gradient, check_finite=False)
        return step

    def try_step(self, step: Array) -> float:
        """Return by how much a step lowers E; NaN or less than 0 where it does not."""
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = (self._params + step).astype(self._network.dtype)
        self._tried = rounded.astype(np.float64)
        self._tried_parts = self._engine.error(
            self._tried, self._dataset, self._rates, self._session.n_threads
        )
        self._session.history.evaluations += 1
        return self.error - sum(self._tried_parts)

    def accept(self) -> None:
        """Go where the last step was tried; the network follows last, for looking takes long."""
        parts, self._params = self._tried_parts, self._tried
        self._look()
        self.parts = parts
        self._network.params[...] = self._params


def _in_float64(dataset: Dataset) -> Dataset:
    """Return the data set as a float64 network takes it."""
    if isinstance(dataset.x, sparse.Csr):
        raise ValueError(
            "optimizer='lm' takes a dense X, got a sparse matrix: 'lbfgs' takes that, and"
            " X.toarray() makes it dense"
        )
    return dataset.in_float64()


def check_problem(
    objective: Objective, params: int, given: dict[str, tuple[Any, Any]], name: str = "optimizer"
) -> None:
    """Refuse what Levenberg–Marquardt cannot do, or would take no notice of.

    Parameters
    ----------
    objective : Objective
        Of the network.
    params : int
        So many has it.
    given : dict
        By name a parameter that it has no use for, and its default.
    name : str
        Of the parameter that is "lm".

    Raises
    ------
    ValueError
    """
    if objective.loss_name != "squared_error":
        squared = objective.output == "identity"
        other = f"loss is {objective.loss!r}" if squared else f"output is {objective.output!r}"
        raise ValueError(
            f"{name}='lm' minimises a squared error, but the network's {other}:"
            " 'lbfgs' takes fewer iterations there"
        )
    if params > MOST_PARAMS:
        raise ValueError(
            f"{name}='lm' is for at most {MOST_PARAMS} parameters, and the network has {params}:"
            f" two matrices of them would take {16 * params**2 / 1e6:,.0f} MB; 'lbfgs' needs none"
        )
    useless = [f"{key}={value!r}" for key, (value, default) in given.items() if value != default]
    if useless:
        raise ValueError(
            f"{name}='lm' uses all rows at once and has no learning rate: {', '.join(useless)}"
            " has no effect"
        )
