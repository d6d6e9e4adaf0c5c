"""ParticleSwarm: a network trained by a swarm, which needs no gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from pyl2 import _core
from pyl2._common import files, keywords, penalty, random, threads
from pyl2._common.dataset import Dataset, Matrix, check_dataset
from pyl2._common.files import PathLike
from pyl2._common.one_line import one_line
from pyl2._common.progress import progress
from pyl2._common.scaling import warn_if_unscaled
from pyl2._common.validation import (
    MANY,
    Array,
    all_finite,
    check_array,
    check_instance,
    check_integer,
    check_option,
    kept,
)
from pyl2.network import Network, engine_of, from_file, initial_bounds, to_file
from pyl2.swarm.particles import (
    ATTRACTION,
    INERTIA,
    StoppingCriteria,
    Swarm,
    SwarmParams,
    check_v_max,
)
from pyl2.training.history import History
from pyl2.training.session import Diverged, TrainingSession, check_validation

STARTS = ("warm", "fresh", "around")

Callback = Callable[["ParticleSwarm", History], Any]


class ParticleSwarm:
    """Train a network by a particle swarm on E = E₀ + (λ/2n) Σ w², with n = N.

    A particle is one vector of all weights and biases; its error is
    ``network.error(X, Y, l2, n="train")``, the penalty included and biases left out of it.  The
    network holds the best place found, from the first epoch on.  There are no bounds.

    Parameters
    ----------
    network : Network
        Trained in place.
    particles : int, default=50
        At least 1.
    l2 : float or sequence of float, default=0.0
        λ ≥ 0, one for all layers or one for each.
    topology : {"random", "global", "ring"}, default="random"
        Whose best place a particle follows: "random": each particle informs ``neighbours`` others
        drawn at random, drawn again when the last epoch did not better the best (Standard PSO
        2007); "global": the best of all; "ring": the best of itself and its two neighbours.
    neighbours : int, default=3
        For "random".
    inertia : float or (first, last, epochs), default=1 / (2 ln 2)
        w of v ← w v + U(0, c₁)(p − x) + U(0, c₂)(l − x); or a w that falls in a line from ``first``
        to ``last`` over that number of moves and then stays.
    c1, c2 : float, default=½ + ln 2
        c₁ and c₂.  Clerc's constriction is ``**pyl2.swarm.CONSTRICTION``: inertia 0.7298,
        c₁ = c₂ = 1.49618.
    v_max : float or array-like of shape (n_params,), optional
        The largest ``|v|`` > 0 along a coordinate.
    init : {"warm", "fresh", "around"} or array-like of shape (particles, n_params), default="warm"
        Where the particles begin.  "fresh": each where a new network would; "warm": so too, but the
        first where the network is; "around": the network plus such draws, the first without them;
        or the given places.  Each flies half of the way to where another new network would begin.
    target : float, optional
        Training ends when E ≤ target.
    max_evaluations : int, optional
        Of one call of ``train``; an evaluation is one particle on all rows.  No epoch but the first
        begins that would need more.
    tol : float, default=0.0
    n_iter_no_change : int, optional
        Training ends when this number of epochs has not lowered E by more than ``tol``; by default
        it does not.
    seed : None, int, numpy.random.Generator or numpy.random.RandomState, default=None
        Where the first places come from and what the swarm's own random numbers are seeded by.
    n_threads : int, optional
        Maximum number of threads, at least 1; small work takes one.  By default as many
        as there are processors for this process, or fewer where OMP_NUM_THREADS, threadpoolctl or
        joblib say so.  The results are the same bits for any number; it is not saved.

    Attributes
    ----------
    network : Network
    history : History
        Of the last call of ``train``, also of one that an exception ended.
    evaluations : int
        Particles evaluated on all rows, in all calls of ``train``.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of range.

    Notes
    -----
    All particles move, then all are evaluated: Standard PSO 2007 moves and evaluates one after the
    other.  A particle whose error is not finite is in an infinitely bad place.

    References
    ----------
    M. Clerc, Standard Particle Swarm Optimisation, HAL hal-00764996, 2012 (SPSO 2007).
    M. Clerc, J. Kennedy, The particle swarm: explosion, stability, and convergence in a
    multidimensional complex space, IEEE Trans. Evol. Comput. 6 (2002) (constriction).
    D. Bratton, J. Kennedy, Defining a standard for particle swarm optimization, SIS 2007 (ring,
    50 particles).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from pyl2 import Network, ParticleSwarm
    >>> X, y = load_iris(return_X_y=True)
    >>> network = Network((4, 7, 3), output="softmax", seed=0)
    >>> trainer = ParticleSwarm(network, l2=0.1, seed=0)
    >>> history = trainer.train(X - X.mean(axis=0), y, epochs=200)
    >>> bool((network.predict(X - X.mean(axis=0)).argmax(axis=1) == y).mean() > 0.95)
    True
    >>> error = network.error(X - X.mean(axis=0), y, l2=0.1, n="train")
    >>> abs(history.error[-1] / error - 1) < 1e-12
    np.True_
    """

    optimizer = "pso"

    @keywords.checked
    def __init__(
        self,
        network: Network,
        particles: int = 50,
        l2: float | Sequence[float] = 0.0,
        *,
        topology: str = "random",
        neighbours: int = 3,
        inertia: float | Sequence[float] = INERTIA,
        c1: float = ATTRACTION,
        c2: float = ATTRACTION,
        v_max: float | ArrayLike | None = None,
        init: str | ArrayLike = "warm",
        target: float | None = None,
        max_evaluations: int | None = None,
        tol: float = 0.0,
        n_iter_no_change: int | None = None,
        seed: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.network = check_instance("network", network, Network)
        self.particles = particles
        self.l2 = l2
        self.topology = topology
        self.neighbours = neighbours
        self.inertia = inertia
        self.c1 = c1
        self.c2 = c2
        self.v_max = v_max
        self.init: Any = init
        self.target = target
        self.max_evaluations = max_evaluations
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.n_threads = n_threads
        self.history = History()
        self.evaluations = 0
        self._rng = random.make_rng(seed)
        self._swarm: Swarm | None = None
        self._check()

    def _check(self) -> tuple[SwarmParams, StoppingCriteria]:
        """Check the parameters, public attributes, which may change between trainings.

        What is a number of any type becomes a plain one, that a file can hold.
        """
        self.particles = check_integer("particles", self.particles, 1, MANY)
        if self._swarm is not None and len(self._swarm.values) != self.particles:
            raise ValueError(
                f"particles cannot change once training has begun: {len(self._swarm.values)}, got"
                f" {self.particles}"
            )
        if not isinstance(self.init, str):
            self.init = self._places(self.init)
        else:
            check_option("init", self.init, STARTS)
        self.l2 = penalty.plain(self.l2, len(self.network.weights))
        threads.count(self.n_threads)
        params = self.network.params
        speeds = check_v_max("v_max", self.v_max, params.size, params.dtype)
        if self.v_max is not None:
            single = np.ndim(self.v_max) == 0
            self.v_max = float(cast(Any, self.v_max)) if single else speeds
        rules = SwarmParams(self.topology, self.neighbours, self.inertia, self.c1, self.c2, speeds)
        limits = StoppingCriteria(
            self.target, self.max_evaluations, self.tol, self.n_iter_no_change
        )
        if limits.max_evaluations is not None and limits.max_evaluations < self.particles:
            raise ValueError(
                f"max_evaluations must be at least particles ({self.particles}), got"
                f" {self.max_evaluations}"
            )
        for checked, names in ((rules, _OF_RULES), (limits, _OF_LIMITS)):
            vars(self).update({name: getattr(checked, name) for name in names})
        return rules, limits

    def _places(self, init: ArrayLike) -> Array:
        """Check the places where the particles are to begin."""
        places = check_array("init", init, self.network.dtype, 2)
        wanted = (self.particles, self.network.params.size)
        if places.shape != wanted:
            raise ValueError(f"init must have shape {wanted}, got {places.shape}")
        if not all_finite(places):
            raise ValueError("init contains NaN or infinity")
        return places

    def __repr__(self) -> str:
        return one_line(self)

    @keywords.checked
    def train(
        self,
        X: Matrix,
        Y: ArrayLike,
        epochs: int = 100,
        *,
        sample_weight: ArrayLike | None = None,
        validation: tuple[Any, ...] | Callable[[Network], float] | None = None,
        max_time: float | None = None,
        verbose: bool = False,
        callbacks: Callback | Iterable[Callback] = (),
    ) -> History:
        """Train for a number of epochs; a further call continues where the last one stopped.

        An epoch is one move and one evaluation of all particles; the first of all evaluates them
        where they begin.  What ends training is asked in this order: callbacks, target,
        max_evaluations, stagnation, max_time, epochs.

        A further call first evaluates the best place of each particle on the rows it is given; if
        the network's parameters have been changed since, they take the place of the worst particle.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (rows, inputs)
            As for ``Backprop.train``.
        Y : array-like of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
            Targets; class indices are whole numbers and go with softmax.
        epochs : int, default=100
            Maximum number of epochs, at least 1.
        sample_weight : array-like of shape (rows,), optional
            Not negative; 1 each where not given.
        validation : tuple (X, Y) or (X, Y, sample_weight), or callable, optional
            Held-out data; E₀ on it is kept in the history.  Or ``f(network)``, called after each
            epoch: the number it returns is kept in place of E₀.
        max_time : float, optional
            Seconds > 0 after which no further epoch begins.
        verbose : bool, default=False
            Show a progress bar on standard error.
        callbacks : callable or iterable of callables, optional
            Each is called as ``f(trainer, history)`` at the end of an epoch; one that returns True
            ends the training.

        Returns
        -------
        History
            With ``mean`` and ``diversity``.

        Raises
        ------
        ValueError, TypeError
            If shapes or types do not fit, numbers are not finite, or a parameter is out of range.
            ValueError, too, if no particle has a finite error; the network is then as it was.
        RuntimeError
            If the network is in training already.
        KeyboardInterrupt
            On Ctrl-C, with the parameters of the last epoch.
        """
        self._check()
        dataset = check_dataset(X, Y, sample_weight, self.network)
        session = TrainingSession(
            self,
            self.network,
            epochs,
            check_validation(validation, self.network),
            max_time,
            callbacks,
            threads.count(self.n_threads),
        )
        if self._swarm is None:
            warn_if_unscaled(dataset.x)
        with (
            engine_of(self.network).training_lock,
            progress(verbose, session.epochs) as session.advance,
        ):
            self.history = session.history
            self._run(dataset, session, "train")
        return session.history

    def _run(self, dataset: Dataset, session: TrainingSession, n: str | float) -> None:
        """Step until the session is over, the network following the best place."""
        params, criteria = self._check()
        errors = _Errors(session, dataset, self._rates(dataset, n), self.particles)
        counted = self.evaluations
        if self._swarm is None:
            self._swarm = self._begin()
            parts = (math.inf, math.inf)
        else:
            parts = self._resume(self._swarm, errors)
        swarm = self._swarm
        while not session.over:
            swarm.step(errors, params)
            self.evaluations = counted + errors.count
            session.history.evaluations = errors.count
            if not math.isfinite(swarm.value):
                session.stop("diverged")
                raise self._nowhere_finite()
            if swarm.improved:
                parts = errors.parts(swarm.best)
            self.network.params[...] = swarm.place
            session.record(*parts, (errors.mean(), swarm.diversity))
            session.finish_epoch(criteria.count_iteration(swarm, errors.count))

    def _rates(self, dataset: Dataset, n: str | float) -> list[float]:
        """Return λ/n of each layer."""
        per_layer = penalty.per_layer(self.l2, len(self.network.weights))
        return penalty.rates(per_layer, penalty.divisor(n, dataset.weight_sum))

    def _begin(self) -> Swarm:
        """Make the swarm."""
        params = self.network.params
        rng = np.random.default_rng(int.from_bytes(self._rng.bytes(8), "little"))
        velocities = self._drawn(rng)
        if isinstance(self.init, str):
            places = self._drawn(rng)
            if self.init == "around":
                places += params
            if self.init != "fresh":
                places[0] = params
        else:
            places = np.array(self.init)
        velocities -= places
        velocities /= 2
        return Swarm(places, velocities, self._rng)

    def _drawn(self, rng: np.random.Generator) -> Array:
        """Return where `particles` new networks would begin."""
        network = self.network
        layers = initial_bounds(network, (*network.hidden, network.output))
        sizes = [array.size for array in (*network.weights, *network.biases)]
        bounds = np.repeat([*layers, *layers], sizes).astype(network.dtype)
        drawn: Array = rng.random((self.particles, bounds.size), network.dtype.type)
        drawn *= 2 * bounds
        drawn -= bounds
        return drawn

    def _resume(self, swarm: Swarm, errors: _Errors) -> tuple[float, float]:
        """Take up where the last training stopped; return E₀ and R of the best place."""
        params = self.network.params
        changed = not np.array_equal(params, swarm.place)
        swarm.revalue(errors)
        if changed:
            swarm.replace_worst(params)
            swarm.revalue(errors)
        return errors.parts(swarm.best)

    def _nowhere_finite(self) -> Diverged:
        return Diverged(
            f"no particle has a finite error, with l2={self.l2}: the network is as it was."
            " Scaled inputs (StandardScaler) help."
        )

    def save(self, path: PathLike) -> None:
        """Write the training, its network included, to a file, whole or not at all.

        Training goes on from it with the same bits as one that never stopped.

        Parameters
        ----------
        path : str or path-like
            A safetensors file; what it held is replaced, its permissions are kept.

        Raises
        ------
        OSError
            If it cannot be written.
        ValueError, TypeError
            If the random number generator is of a kind that cannot be saved, or a parameter has
            been set to what ``train`` would refuse.

        Examples
        --------
        >>> import os, tempfile
        >>> from pyl2 import Network, ParticleSwarm
        >>> X = [[0.0], [1.0], [2.0]]
        >>> trainer = ParticleSwarm(Network((1, 1), seed=0), particles=10, seed=0)
        >>> history = trainer.train(X, X, epochs=5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     trainer.save(os.path.join(folder, "training.pyl2"))
        ...     again = ParticleSwarm.load(os.path.join(folder, "training.pyl2"))
        >>> histories = trainer.train(X, X, epochs=5), again.train(X, X, epochs=5)
        >>> bool((trainer.network.params == again.network.params).all())
        True
        """
        self._check()
        arrays, meta = to_file(self.network)
        values = {name: files.plain(getattr(self, name)) for name in _SAVED}
        if isinstance(self.init, str):
            values["init"] = self.init
        else:
            arrays["init"] = self.init
        if self._swarm is not None:
            swarm_arrays, meta["swarm"] = self._swarm.to_file()
            arrays |= swarm_arrays
        meta |= {
            "parameters": values,
            "evaluations": self.evaluations,
            "rng": random.to_json(self._rng),
        }
        files.write(path, "particle_swarm", arrays, meta)

    @classmethod
    def load(cls, path: PathLike) -> ParticleSwarm:
        """Read a training, with its network, from a file that ``save`` wrote.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        ParticleSwarm

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is no file of a training, or is damaged.
        """
        arrays, meta = files.read(path, "particle_swarm")
        network = from_file(arrays, meta)
        try:
            parameters = kept(meta, "parameters", dict)
            values: dict[str, Any] = {name: kept(parameters, name, object) for name in _SAVED}
            init = arrays["init"] if "init" in arrays else kept(parameters, "init", str)
            rng = random.from_json(kept(meta, "rng", dict))
            trainer = cls(network, **values, init=init, seed=rng)
            trainer.evaluations = check_integer("evaluations", kept(meta, "evaluations", int), 0)
            if "swarm" in meta:
                trainer._take_up(Swarm.from_file(arrays, kept(meta, "swarm", dict)))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: the training is damaged: {error}") from None
        return trainer

    def _take_up(self, swarm: Swarm) -> None:
        """Take a swarm from a file, which must fit."""
        params, places = self.network.params, swarm.positions
        wanted = (self.particles, params.size)
        if places.shape != wanted or places.dtype != params.dtype:
            raise ValueError(f"the swarm is {places.dtype} {places.shape}, not {wanted}")
        self._swarm = swarm


@dataclass
class SwarmRun:
    """One training by a swarm.

    Attributes
    ----------
    trainer : ParticleSwarm
    session : TrainingSession
    n : {"batch", "train"} or float
        What λ is divided by; both words mean the sum of the sample weights.
    """

    trainer: ParticleSwarm
    session: TrainingSession
    n: str | float = "train"

    def run(self, dataset: Dataset) -> None:
        """Train until the session is over; raise Diverged if no error is finite."""
        self.trainer._run(dataset, self.session, self.n)


class _Errors:
    """E of each particle on a data set, and the parts of it that the last call found."""

    def __init__(
        self, session: TrainingSession, dataset: Dataset, rates: Sequence[float], particles: int
    ) -> None:
        self._engine, self._n_threads = engine_of(session.network), session.n_threads
        self._dataset = dataset
        self._rates = np.tile(np.array(rates), (particles, 1))
        self._parts = np.empty((particles, 2))
        self._sums, self._mean = np.empty(particles), math.nan
        self.count = 0

    def __call__(self, places: Array) -> Array:
        """Return E of each place; NaN where it is none."""
        self._engine.errors(places, self._dataset, self._rates, self._n_threads, self._parts)
        self.count += len(places)
        self._mean = _core.add_parts(self._parts, self._sums)
        return self._sums

    def parts(self, particle: int) -> tuple[float, float]:
        """Return E₀ and R of one."""
        data_error, penalty = self._parts[particle].tolist()
        return data_error, penalty

    def mean(self) -> float:
        """Return the mean E of those that are finite; NaN if none is."""
        if math.isfinite(self._mean):
            return self._mean
        finite = self._sums[np.isfinite(self._sums)]
        return float((finite / finite.size).sum()) if finite.size else math.nan


# The parameters that are checked by the rules and the limits of a swarm.
_OF_RULES = ("neighbours", "inertia", "c1", "c2")
_OF_LIMITS = ("target", "max_evaluations", "tol", "n_iter_no_change")

# The parameters of ParticleSwarm that its file holds: all but network, init, seed and n_threads.
_SAVED = (
    "particles",
    "l2",
    "topology",
    "neighbours",
    "inertia",
    "c1",
    "c2",
    "v_max",
    "target",
    "max_evaluations",
    "tol",
    "n_iter_no_change",
)
