"""The swarm: places of particles, the rules they move by, and when the search is over.

It knows neither networks nor SciPy: what it minimises is a function of positions (P, d).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyl2 import _core
from pyl2._common import files, random
from pyl2._common.validation import (
    MANY,
    Array,
    check_array,
    check_integer,
    check_option,
    check_real,
    kept,
    shown,
)

BOUNDARIES = _core.BOUNDARIES
TOPOLOGIES = _core.TOPOLOGIES

# Standard PSO 2007 (M. Clerc).
INERTIA = 1 / (2 * math.log(2))
ATTRACTION = 0.5 + math.log(2)

# M. Clerc, J. Kennedy, The particle swarm, IEEE Trans. Evol. Comput. 6 (2002), as
# D. Bratton, J. Kennedy, Defining a standard for particle swarm optimization, SIS 2007, use it.
CONSTRICTION = {"inertia": 0.7298, "c1": 1.49618, "c2": 1.49618}


@dataclass(frozen=True)
class SwarmParams:
    """How particles move.

    Attributes
    ----------
    topology : {"random", "global", "ring"}
    neighbours : int
        Whom each particle informs where the topology is random.
    inertia : float or (first, last, iterations)
        w, or a w that falls in a line over so many iterations and then stays.
    c1, c2 : float
        Attraction by the own best place, and by that of the best informant.
    v_max : ndarray of shape (d,) or None
        The largest velocity along each coordinate.
    boundary : {"none", "absorb", "reflect", "periodic"}
    lower, upper : ndarray of shape (d,) or None
    """

    topology: str = "random"
    neighbours: int = 3
    inertia: Any = INERTIA
    c1: float = ATTRACTION
    c2: float = ATTRACTION
    v_max: Array | None = None
    boundary: str = "none"
    lower: Array | None = None
    upper: Array | None = None

    def __post_init__(self) -> None:
        check_option("topology", self.topology, TOPOLOGIES)
        check_option("boundary", self.boundary, BOUNDARIES)
        _keep(
            self,
            neighbours=check_integer("neighbours", self.neighbours, 1, MANY),
            c1=check_real("c1", self.c1, 0),
            c2=check_real("c2", self.c2, 0),
            inertia=self._inertia(),
        )

    def _inertia(self) -> float | tuple[float, float, int]:
        if isinstance(self.inertia, tuple | list):
            if len(self.inertia) != 3:
                raise ValueError(
                    "inertia must be a number or (first, last, iterations),"
                    f" got {shown(self.inertia)}"
                )
            return (
                check_real("inertia[0]", self.inertia[0], 0),
                check_real("inertia[1]", self.inertia[1], 0),
                check_integer("inertia[2]", self.inertia[2], 1),
            )
        return check_real("inertia", self.inertia, 0)

    def inertia_of(self, move: int) -> float:
        """Return w of a move; the first is 1."""
        if not isinstance(self.inertia, tuple):
            return float(self.inertia)
        first, last, iterations = self.inertia
        return float(first + (last - first) * min(1.0, (move - 1) / max(1, iterations - 1)))


def _keep(checked: Any, **values: Any) -> None:
    """Give fields of a frozen dataclass their checked values, which are plain numbers."""
    for name, value in values.items():
        object.__setattr__(checked, name, value)


@dataclass(frozen=True)
class StoppingCriteria:
    """When the search is over, whoever searches.

    Attributes
    ----------
    target : float or None
        A value to reach.
    max_evaluations : int or None
        No iteration begins that would need more.
    tol, n_iter_no_change : float, int or None
        It has stagnated when so many iterations have not lowered the best value by more than tol.
    """

    target: float | None = None
    max_evaluations: int | None = None
    tol: float = 0.0
    n_iter_no_change: int | None = None

    def __post_init__(self) -> None:
        if self.target is not None:
            _keep(self, target=check_real("target", self.target))
        _keep(self, tol=check_real("tol", self.tol, 0))
        for name in ("max_evaluations", "n_iter_no_change"):
            if getattr(self, name) is not None:
                _keep(self, **{name: check_integer(name, getattr(self, name), 1)})

    def count_iteration(self, swarm: Swarm, evaluations: int) -> str:
        """Count an iteration, and return which limit it has reached, in this order, or "".

        ``evaluations`` is the number of them so far.
        """
        budget, patience = self.max_evaluations, self.n_iter_no_change
        if self.target is not None and swarm.value <= self.target:
            return "target"
        if budget is not None and evaluations + len(swarm.values) > budget:
            return "evaluations"
        if patience is not None and swarm.count_stall(self.tol, patience):
            return "stagnation"
        return ""


def draw_links(rng: np.random.Generator, particles: int, neighbours: int) -> Array:
    """Return whom each particle informs, (particles, neighbours), beside itself.

    Drawn with repetition, as in M. Clerc, Standard PSO 2007: some particles have fewer informants
    than ``neighbours``, some more.
    """
    # For so few numbers rng.integers takes three times as long.
    return (rng.random((particles, neighbours)) * particles).astype(np.int64)


class Swarm:
    """Particles that look for the least value of a function.

    All move, then all are evaluated by one call.

    Parameters
    ----------
    positions, velocities : ndarray of shape (P, d)
        Of one dtype; taken over, not copied.
    rng : numpy.random.Generator or numpy.random.RandomState
        Seeds the swarm's own random numbers.

    Attributes
    ----------
    positions, velocities, bests : ndarray of shape (P, d)
        Where the particles are, how they fly, and the best place of each.
    values : ndarray of shape (P,)
        Of the best places; infinite before the first evaluation.
    best : int
        The particle whose best place is the best of all.
    improved : bool
        Whether the last iteration found a better one.

    References
    ----------
    M. Clerc, Standard Particle Swarm Optimisation, HAL hal-00764996, 2012 (SPSO 2007).
    """

    def __init__(self, positions: Array, velocities: Array, rng: random.Rng) -> None:
        particles = len(positions)
        self.positions, self.velocities, self.bests = positions, velocities, positions.copy()
        self.values = np.full(particles, math.inf)
        self.best = 0
        self.improved = False
        self._seed = int.from_bytes(rng.bytes(8), "little")
        self._rng = np.random.default_rng(int.from_bytes(rng.bytes(8), "little"))
        self._moves = 0
        self._evaluated = False
        self._links = np.empty((particles, 0), np.int64)
        self._mark, self._since = math.inf, 0
        self._prepare()

    def _prepare(self) -> None:
        """Make what is neither saved nor kept from one move to the next."""
        self._mover = _core.Mover(self.positions.dtype.char)
        self._distances = np.empty(len(self.positions))
        self._spread = math.nan
        self._leaders = np.empty(len(self.positions), np.int64)

    @property
    def value(self) -> float:
        """The best value so far."""
        return float(self.values[self.best])

    @property
    def place(self) -> Array:
        """The best place so far, (d,), as a view."""
        best: Array = self.bests[self.best]
        return best

    @property
    def diversity(self) -> float:
        """Root of the mean squared distance of the particles from the best place they knew of."""
        return math.sqrt(self._spread)

    def step(self, evaluate: Callable[[Array], Array], rules: SwarmParams) -> None:
        """Move, unless the particles stand where they have not been evaluated, and evaluate.

        Parameters
        ----------
        evaluate : callable
            Returns the values (P,) of positions (P, d), which it must not keep; NaN is as bad as
            infinity.
        rules : Rules
        """
        if self._evaluated:
            self._evaluated = False
            self._move(rules)
        values = evaluate(self.positions)
        first = not self._moves
        self._take(values)
        self._evaluated = True
        if first:
            away = np.subtract(self.positions, self.place, dtype=np.float64)
            self._spread = float(np.einsum("pd,pd->", away, away) / len(away))

    def _move(self, rules: SwarmParams) -> None:
        if rules.topology == "random" and not (self.improved and self._links.size):
            self._links = draw_links(self._rng, len(self.values), rules.neighbours)
        _core.follow(rules.topology, self.values, self._links, self._leaders)
        self._moves += 1  # before the move, which Ctrl-C may leave half done
        self._spread = self._mover.move(
            self.positions,
            self.velocities,
            self.bests,
            self._leaders,
            self.place,
            self._distances,
            rules.inertia_of(self._moves),
            rules.c1,
            rules.c2,
            self._seed,
            self._moves,
            v_max=rules.v_max,
            boundary=rules.boundary,
            lower=rules.lower,
            upper=rules.upper,
        )

    def _take(self, values: Array) -> None:
        """Keep what is better."""
        before = self.value
        self.best = self._mover.keep(values, self.positions, self.values, self.bests, self.best)
        self.improved = self.value < before

    def _lead(self) -> None:
        """Find the best particle; another of the same value does not take its place."""
        found = int(self.values.argmin())
        if self.values[found] < self.value:
            self.best = found

    def revalue(self, evaluate: Callable[[Array], Array]) -> None:
        """Evaluate the best places anew: what is minimised may have changed."""
        values = evaluate(self.bests)
        self.values = np.where(np.isnan(values), math.inf, values)
        self._lead()

    def replace_worst(self, place: Array) -> None:
        """Put the worst particle, and its best place, somewhere else."""
        worst = int(self.values.argmax())
        self.positions[worst] = self.bests[worst] = place

    def count_stall(self, tol: float, patience: int) -> bool:
        """Count an iteration, and return whether the swarm has stalled; then it counts anew.

        It has where so many iterations have not lowered the best value by more than tol.
        """
        lower = self.value < self._mark - tol
        self._since = 0 if lower else self._since + 1
        if lower:
            self._mark = self.value
        over = self._since >= patience
        if over:
            self._since = 0
        return over

    def to_file(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and JSON values to go on from, without the values of the places."""
        arrays = {name: getattr(self, name) for name in ("positions", "velocities", "bests")}
        meta = {
            "best": self.best,
            "improved": self.improved,
            "evaluated": self._evaluated,
            "seed": self._seed,
            "moves": self._moves,
            "rng": random.to_json(self._rng),
            "mark": self._mark if math.isfinite(self._mark) else None,
            "since": self._since,
        }
        return {**arrays, "links": self._links}, meta

    @classmethod
    def from_file(cls, arrays: dict[str, Array], meta: dict[str, Any]) -> Swarm:
        """Return the swarm ``to_file`` has written, each value checked; it is to be revalued."""
        positions = np.array(kept(arrays, "positions", np.ndarray))
        swarm = cls.__new__(cls)
        if positions.ndim != 2 or positions.dtype.char not in ("f", "d"):
            raise ValueError(f"positions are {positions.dtype} {positions.shape}")
        swarm.positions = positions
        for name in ("velocities", "bests"):
            setattr(swarm, name, files.saved_array(arrays, name, positions.dtype, positions.shape))
        particles = len(positions)
        shape = (particles, *kept(arrays, "links", np.ndarray).shape[1:2])
        swarm._links = files.saved_array(arrays, "links", np.dtype(np.int64), shape)
        if not np.all((swarm._links >= 0) & (swarm._links < particles)):
            raise ValueError(f"links must lie between 0 and {particles - 1}")
        swarm.values = np.full(particles, math.inf)
        swarm.best = check_integer("best", kept(meta, "best", int), 0, particles - 1)
        swarm.improved = kept(meta, "improved", bool)
        swarm._evaluated = kept(meta, "evaluated", bool)
        swarm._seed = check_integer("seed", kept(meta, "seed", int), 0, 2**64 - 1)
        swarm._moves = check_integer("moves", kept(meta, "moves", int), 0, 2**63)
        rng = random.from_json(kept(meta, "rng", dict))
        if not isinstance(rng, np.random.Generator):
            raise ValueError("the swarm's generator is not a Generator")
        swarm._rng = rng
        mark = kept(meta, "mark", object)
        swarm._mark = math.inf if mark is None else check_real("mark", mark)
        swarm._since = check_integer("since", kept(meta, "since", int), 0)
        swarm._prepare()
        return swarm


def check_v_max(name: str, value: Any, size: int, dtype: np.dtype[Any]) -> Array | None:
    """Return the largest velocity along each of `size` coordinates, of one number or of many."""
    if value is None:
        return None
    found = np.array(check_array(name, value, dtype))
    if found.shape not in ((), (size,)):
        raise ValueError(f"{name} must be a number or have shape ({size},), got {found.shape}")
    if not np.all(found > 0):
        raise ValueError(f"{name} must be > 0, got {shown(value)}")
    return np.ascontiguousarray(np.broadcast_to(found, (size,)))
