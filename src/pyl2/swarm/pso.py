"""pso: the least value of any function, by a particle swarm, with the conventions of SciPy."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import keywords, random
from pyl2._common.progress import progress
from pyl2._common.validation import (
    MANY,
    Array,
    check_array,
    check_callable,
    check_entries,
    check_flag,
    check_integer,
    check_real,
)
from pyl2.swarm.particles import (
    ATTRACTION,
    INERTIA,
    StoppingCriteria,
    Swarm,
    SwarmParams,
    check_v_max,
)

_MESSAGES = {
    "callback": "The callback asked to stop.",
    "target": "The target has been reached.",
    "evaluations": "No further iteration fits into maxfun evaluations.",
    "stagnation": "The best value has stagnated.",
    "max_time": "The time is over.",
    "iterations": "The maximum number of iterations has been reached.",
}
_SUCCESS = ("target", "stagnation")
_NOT_FINITE = {
    math.inf: " No finite value has been found: fun has returned NaN or infinity alone.",
    -math.inf: " The best value is -infinity.",
}
_FLOAT64 = np.dtype(np.float64)

# More processes than any machine has a use for: to start so many would only end it.
_MOST_WORKERS = 4096


@keywords.checked
def pso(
    fun: Callable[..., Any],
    lower: ArrayLike,
    upper: ArrayLike,
    args: tuple[Any, ...] = (),
    *,
    particles: int = 50,
    maxiter: int = 1000,
    maxfun: int | None = None,
    max_time: float | None = None,
    target: float | None = None,
    tol: float = 0.0,
    n_iter_no_change: int | None = None,
    x0: ArrayLike | None = None,
    topology: str = "random",
    neighbours: int = 3,
    inertia: float | tuple[float, float, int] = INERTIA,
    c1: float = ATTRACTION,
    c2: float = ATTRACTION,
    v_max: float | ArrayLike | None = None,
    boundary: str = "absorb",
    callback: Callable[..., Any] | None = None,
    rng: Any = None,
    seed: Any = None,
    vectorized: bool = False,
    workers: int | Callable[..., Iterable[Any]] = 1,
    disp: bool = False,
) -> Any:
    """Minimise a function by a particle swarm (Standard PSO 2007).

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` returns a number for x of shape (d,).  NaN is as bad as infinity.
    lower, upper : array-like of shape (d,)
        Bounds, lower ≤ upper.  They may be infinite where ``x0`` gives the places of all particles
        and ``boundary`` is not "periodic".
    args : tuple, default=()
        Further arguments of ``fun``.
    particles : int, default=50
        At least 1.
    maxiter : int, default=1000
        Maximum number of iterations; one evaluates all particles, the first where they begin.
    maxfun : int, optional
        No iteration begins that would need more evaluations; at least ``particles``.
    max_time : float, optional
        Seconds > 0 after which no further iteration begins.
    target : float, optional
        The search ends when a value ≤ target is found.
    tol : float, default=0.0
    n_iter_no_change : int, optional
        The search ends when this number of iterations has not lowered the best value by more than
        ``tol``; by default it does not.
    x0 : array-like of shape (d,) or (particles, d), optional
        Where the first particle begins, or all do; within the bounds.  The others begin anywhere
        between the bounds.
    topology : {"random", "global", "ring"}, default="random"
        Whose best place a particle follows: "random": each particle informs ``neighbours`` others
        drawn at random, drawn again when the last iteration did not better the best; "global": the
        best of all; "ring": the best of itself and its two neighbours.
    neighbours : int, default=3
        For "random".
    inertia : float or (first, last, iterations), default=1 / (2 ln 2)
        w of v ← w v + U(0, c₁)(p − x) + U(0, c₂)(l − x); or a w that falls in a line from ``first``
        to ``last`` over that number of moves and then stays.
    c1, c2 : float, default=½ + ln 2
        c₁ and c₂.  Clerc's constriction is ``**pyl2.swarm.CONSTRICTION``: inertia 0.7298,
        c₁ = c₂ = 1.49618.
    v_max : float or array-like of shape (d,), optional
        The largest ``|v|`` > 0 along each coordinate.
    boundary : {"absorb", "reflect", "periodic", "none"}, default="absorb"
        What becomes of a particle that crosses a bound: it stays there at rest; flies back; comes
        in at the other one; or flies on, the bounds then being where particles begin alone.
    callback : callable, optional
        Called after each iteration, as ``callback(intermediate_result=…)`` with an OptimizeResult
        if that is the name of its one parameter, else as ``callback(x)`` with the best place.  True
        or StopIteration ends the search.
    rng, seed : None, int, numpy.random.Generator or numpy.random.RandomState, default=None
        Where the random numbers come from: one thing by its two names in SciPy.
    vectorized : bool, default=False
        Whether ``fun`` takes x of shape (d, particles) and returns the values (particles,).
    workers : int or map-like callable, default=1
        Processes that evaluate the particles, at most 4096 and no more than there are particles, -1
        for all processors; or a ``map(fun, places)``.  Not with ``vectorized``.  Results do not
        depend on it.
    disp : bool, default=False
        Show a progress bar on standard error.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x``, ``fun``, ``nit``, ``nfev``, ``success`` (whether the target was reached or the search
        has stagnated, and the value is finite), ``message``.  What ends the search is asked in this
        order: callback, target, maxfun, stagnation, max_time, maxiter.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of range, or ``fun`` returns another shape or no real numbers.
    Exception
        What ``fun`` or the callback raises, and KeyboardInterrupt.

    References
    ----------
    M. Clerc, Standard Particle Swarm Optimisation, HAL hal-00764996, 2012 (SPSO 2007).
    M. Clerc, J. Kennedy, The particle swarm, IEEE Trans. Evol. Comput. 6 (2002) (constriction).
    D. Bratton, J. Kennedy, Defining a standard for particle swarm optimization, SIS 2007 (ring).

    Examples
    --------
    >>> from scipy.optimize import rosen
    >>> from pyl2 import pso
    >>> result = pso(rosen, [-5, -5], [5, 5], target=1e-8, vectorized=True, rng=0)
    >>> result.success, bool(abs(result.x - 1).max() < 1e-3)
    (True, True)
    """
    from scipy.optimize import OptimizeResult

    check_callable("fun", fun)
    further = tuple(check_entries("args", args, "a tuple of further arguments of fun"))
    if rng is not None and seed is not None:
        raise ValueError("rng and seed mean the same: give only one of them")
    generator = random.make_rng(seed) if rng is None else random.make_rng(rng, "rng")
    particles = check_integer("particles", particles, 1, MANY)
    maxiter = check_integer("maxiter", maxiter, 1)
    if maxfun is not None:
        maxfun = check_integer("maxfun", maxfun, particles)
    seconds = math.inf if max_time is None else check_real("max_time", max_time, 0, open_low=True)
    low, high = _bounds(lower, upper)
    speeds = check_v_max("v_max", v_max, low.size, _FLOAT64)
    rules = SwarmParams(topology, neighbours, inertia, c1, c2, speeds, boundary, low, high)
    limits = StoppingCriteria(target, maxfun, tol, n_iter_no_change)
    swarm = _begin(rules, low, high, x0, particles, generator)
    asks_to_stop = _caller(callback)
    started = time.perf_counter()

    with (
        progress(disp, maxiter, "disp", "iteration") as advance,
        _evaluator(fun, further, vectorized, workers, particles) as values,
    ):
        for nit in range(1, maxiter + 1):
            swarm.step(values, rules)
            advance(swarm.value)
            reached = limits.count_iteration(swarm, nit * particles)
            result = OptimizeResult(
                x=swarm.place.copy(), fun=swarm.value, nit=nit, nfev=nit * particles
            )
            if asks_to_stop(result):
                reached = "callback"
            elif not reached and time.perf_counter() - started >= seconds:
                reached = "max_time"
            if reached:
                break
    reached = reached or "iterations"
    result.success = reached in _SUCCESS and math.isfinite(result.fun)
    result.message = _MESSAGES[reached] + _NOT_FINITE.get(result.fun, "")
    return result


def _bounds(lower: ArrayLike, upper: ArrayLike) -> tuple[Array, Array]:
    """Return the bounds, (d,) each: no NaN, not crossed."""
    low = np.array(check_array("lower", lower, _FLOAT64, 1))
    high = np.array(check_array("upper", upper, _FLOAT64, 1))
    if low.shape != high.shape or not low.size:
        raise ValueError(
            "lower and upper must have one length, at least 1, got shapes"
            f" {low.shape} and {high.shape}"
        )
    crossed = np.flatnonzero(~(low <= high))
    if crossed.size:
        at = crossed[0]
        raise ValueError(f"lower must be ≤ upper, got {low[at]:g} and {high[at]:g} at {at}")
    return low, high


def _begin(
    rules: SwarmParams,
    low: Array,
    high: Array,
    x0: ArrayLike | None,
    particles: int,
    rng: random.Rng,
) -> Swarm:
    """Place the particles between the bounds, each flying half of the way to another such place."""
    shape = particles, low.size
    given = None if x0 is None else _given(x0, low, high, shape)
    with np.errstate(all="ignore"):
        width = high - low
    finite = bool(np.isfinite(width).all())
    if not finite and (given is None or given.ndim == 1 or rules.boundary == "periodic"):
        raise ValueError(
            "lower and upper must be finite, and so their distance, unless x0 has shape"
            f" {shape} and boundary is not 'periodic'"
        )
    if given is not None and given.ndim == 2:
        places = given
    else:
        places = low + width * rng.uniform(size=shape)
        if given is not None:
            places[0] = given
    if not finite:
        return Swarm(places, np.zeros(shape), rng)
    return Swarm(places, (low + width * rng.uniform(size=shape) - places) / 2, rng)


def _given(x0: ArrayLike, low: Array, high: Array, shape: tuple[int, int]) -> Array:
    """Return x0 if it is one place or the places of all particles, within the bounds."""
    given = np.array(check_array("x0", x0, _FLOAT64))
    if given.shape not in (shape[1:], shape):
        raise ValueError(f"x0 must have shape {shape[1:]} or {shape}, got {given.shape}")
    if not (np.isfinite(given).all() and np.all((low <= given) & (given <= high))):
        raise ValueError("x0 must be finite and lie between lower and upper")
    return given


@contextmanager
def _evaluator(
    fun: Callable[..., Any], args: tuple[Any, ...], vectorized: bool, workers: Any, particles: int
) -> Iterator[Callable[[Array], Array]]:
    """Give a function from positions (P, d) to their values (P,)."""
    if check_flag("vectorized", vectorized):
        if workers != 1:
            raise ValueError(
                "workers cannot be combined with vectorized, which evaluates all at once"
            )
        yield lambda places: _all_at_once(fun(places.T.copy(), *args), places.shape)
        return
    one = _One(fun, args)
    if callable(workers):
        yield lambda places: _one_by_one(workers(one, list(places.copy())), places.shape)
        return
    if workers != -1:
        workers = min(check_integer("workers", workers, 1, _MOST_WORKERS), particles)
    if workers == 1:
        yield lambda places: _one_by_one(map(one, places.copy()), places.shape)
        return
    from multiprocessing import Pool

    with Pool(None if workers == -1 else workers) as pool:
        yield lambda places: _one_by_one(pool.map(one, list(places)), places.shape)


class _One:
    """fun with its further arguments; processes must be able to take it over."""

    def __init__(self, fun: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.fun, self.args = fun, args

    def __call__(self, x: Array) -> Any:
        return self.fun(x, *self.args)


def _all_at_once(found: Any, shape: tuple[int, ...]) -> Array:
    values = _numbers(found)
    if values.shape != shape[:1]:
        raise ValueError(
            f"fun must return shape {shape[:1]} for x of shape {shape[::-1]}, got {values.shape}"
        )
    return values


def _one_by_one(found: Iterable[Any], shape: tuple[int, ...]) -> Array:
    values = [_numbers(value) for value in found]
    for value in values:
        if value.shape not in ((), (1,)):
            raise ValueError(
                f"fun must return a number, shape (), for x of shape {shape[1:]},"
                f" got {value.shape} (for many x at once: vectorized=True)"
            )
    if len(values) != shape[0]:
        raise ValueError(f"workers must return {shape[0]} values, got {len(values)}")
    return np.array([value.item() for value in values])


def _numbers(found: Any) -> Array:
    """Return what fun returned as float64."""
    try:
        return check_array("what fun returns", found, _FLOAT64)
    except TypeError:
        kind = type(found).__name__
        raise TypeError(f"fun must return real numbers, got {found!r:.40} of {kind}") from None


def _caller(callback: Callable[..., Any] | None) -> Callable[[Any], bool]:
    """Return a function that calls back with a result, and says whether to stop."""
    if callback is None:
        return lambda result: False
    check_callable("callback", callback)
    try:
        by_name = set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except (TypeError, ValueError):  # a callable that does not tell
        by_name = False

    def call(result: Any) -> bool:
        try:
            if by_name:
                return bool(callback(intermediate_result=result))
            return bool(callback(result.x.copy()))
        except StopIteration:
            return True

    return call
