"""What a path is of: a model and how it is trained, with its rows."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Sequence
from functools import singledispatch
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import keywords, metrics, penalty, random, sparse, threads
from pyl2._common.dataset import Dataset, Matrix, check_dataset, check_sample_weight
from pyl2._common.files import saved_array
from pyl2._common.finished import Stored, fingerprint, fingerprints
from pyl2._common.outputs import Objective
from pyl2._common.progress import Progress
from pyl2._common.scaling import warn_if_unscaled
from pyl2._common.split import check_rows, draw_split, strata, test_rows
from pyl2._common.validation import Array, check_integer, check_real, kept, shown
from pyl2.network import Network, copy_network, engine_of
from pyl2.swarm.trainer import ParticleSwarm, SwarmRun
from pyl2.training.backprop import Backprop, run_of
from pyl2.training.descent import Run, train_many
from pyl2.training.history import history_from_file
from pyl2.training.session import Diverged, TrainingSession, check_validation
from pyl2.training.settings import Settings
from pyl2.training.solvers import SOLVERS

# λ/n of the λs by default, what a weight feels: so many, log-spaced, from the least to the most.
_DEFAULT, _LEAST, _MOST = 16, 1e-6, 10.0
# One update takes at most so much of a weight off by default.
_MOST_TAKEN = 0.5


class Rows(NamedTuple):
    """Rows as they are indexed, an array or SciPy's CSR, and as the engine takes them."""

    X: Any
    dataset: Dataset


class PathSource(Protocol):
    """A model with its rows, to be trained at many λ.

    Attributes
    ----------
    template : Network
        The shape of all.
    rows : Rows
        What it trains on.
    test : Rows or None
        Held out.
    divisor : float
        λ divided by it is r, of R = r/2 Σ w².
    defaults : ndarray
        λs where none are given, ascending.
    epochs : int
        Of each training, at most.
    n_threads : int
        As the engine takes it.
    sessions : list of TrainingSession
        The trainings that have been set up.
    together : bool
        Whether the trainings of several λs go on abreast.
    """

    template: Network
    rows: Rows
    test: Rows | None
    divisor: float
    defaults: Array
    epochs: int
    n_threads: int
    sessions: list[TrainingSession]
    together: bool

    def train(
        self,
        values: Sequence[float],
        begin: Array | None,
        advance: Progress,
        finished: Sequence[Stored] | None = None,
    ) -> None:
        """Train at each λ, from other parameters than its own where ``begin`` holds some.

        Or take what each has come to, where ``finished`` holds it.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """Return what the trainings depend on besides λ, as ``Finished`` takes it."""
        ...

    def fold(self, train: Array, test: Array) -> PathSource:
        """Return the same model on some of its rows, judged on others; ValueError if it cannot."""
        ...

    def score(self, i: int) -> float:
        """Return how good the i-th trained network is on the rows held out; NaN if it failed."""
        ...


@singledispatch
def path_source(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    *,
    sample_weight: Any = None,
    test: Any = None,
    n_threads: int | None = None,
    training: dict[str, Any] | None = None,
) -> PathSource:
    """Return the source of a model's path; each kind of model registers its own.

    Parameters are those of ``l2_path``, ``training`` its further keywords.

    Raises
    ------
    TypeError
        If it is no model that has one.
    """
    raise TypeError(f"model must be a Network, MLPClassifier or MLPRegressor, got {shown(model)}")


@path_source.register(Network)
def _(
    model: Network,
    X: Matrix,
    y: ArrayLike,
    *,
    sample_weight: Any = None,
    test: Any = None,
    n_threads: int | None = None,
    training: dict[str, Any] | None = None,
) -> PathSource:
    plan = _Plan(model, n_threads, dict(training or {}))
    rows, Y = check_rows(X, y, model, ("X", "y"))
    weight = None
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, len(Y), model.dtype)
    if test is None:
        return NetworkSource(plan, (rows, Y, weight), None)
    if isinstance(test, tuple | list):
        return NetworkSource(plan, (rows, Y, weight), check_rows(*test_rows(test), model, _TEST))
    kept, out = draw_split(Y, test, plan.split_seed(), strata(Y, Objective.of(model)))
    weight = None if weight is None else weight[kept]
    return NetworkSource(plan, (rows[kept], Y[kept], weight), (rows[out], Y[out]))


_TEST = ("test X", "test y")


# Parameters of ``l2_path`` itself, and of ``train`` that it passes on.
_OWN = (
    *("X", "y", "l2", "start", "test", "sample_weight", "n_threads", "verbose", "evidence"),
    "resume_dir",
)
_OF_TRAIN = ("epochs", "validation", "max_time")


def _known(swarm: bool) -> list[str]:
    """Return the keywords of ``l2_path`` of a Network."""
    trainers = keywords.of(ParticleSwarm if swarm else Backprop)
    rest = [name for name in trainers if name not in (*_OWN, "network", "n", "optimizer")]
    return [*_OWN, "optimizer", *rest, *_OF_TRAIN]


class _Plan:
    """How a network is trained at each λ: the keywords of ``l2_path``, checked."""

    def __init__(self, model: Network, n_threads: int | None, training: dict[str, Any]) -> None:
        self._swarm = training.get("optimizer") == "pso"
        keywords.refuse_unknown("l2_path", training, _known(self._swarm))
        self.template = copy_network(model, model.params)
        self.n_threads = threads.count(n_threads)
        epochs = training.pop("epochs", None)
        self.validation = training.pop("validation", None)
        max_time = training.pop("max_time", None)
        self._max_time = math.inf
        if max_time is not None:
            self._max_time = check_real("max_time", max_time, 0, open_low=True)
        self._deadline = math.inf
        if self._swarm:
            del training["optimizer"]
        # Every λ sees the rows in the same orders: those of the generator given, or of its copies.
        seed = training.pop("seed", None)
        rng = random.make_rng(seed)
        self._seed = copy.deepcopy(seed)
        self._fresh = copy.deepcopy(rng)
        self._seeds = itertools.chain([rng], map(copy.deepcopy, itertools.repeat(self._fresh)))
        self._options = training
        self._probe = self._trainer(self.template, 0.0, self._fresh)
        usual = SOLVERS["pso" if self._swarm else self._probe.optimizer].epochs
        self.epochs = usual if epochs is None else check_integer("epochs", epochs, 1)

    def started(self) -> _Plan:
        """Return the plan with its clock at the beginning: the time is that of all λs."""
        plan = copy.copy(self)
        plan._deadline = time.monotonic() + self._max_time
        return plan

    def _time_left(self) -> float | None:
        if self._deadline == math.inf:
            return None
        return max(self._deadline - time.monotonic(), 1e-9)

    def split_seed(self) -> int:
        """Return what draws the rows to hold out."""
        return int.from_bytes(copy.deepcopy(self._fresh).bytes(4), "little")

    @property
    def together(self) -> bool:
        """Whether the trainings of several λs go on abreast."""
        return not (self._swarm or SOLVERS[self._probe.optimizer].full_batch)

    def settings(self) -> dict[str, Any]:
        """Return what the trainings depend on besides λ and the rows."""
        network = self.template
        named = ("layer_sizes", "hidden", "output", "loss", "label_smoothing")
        return {
            **{name: getattr(network, name) for name in named},
            "weights": fingerprint(network.params),
            "optimizer": "pso" if self._swarm else self._probe.optimizer,
            **self._options,
            "epochs": self.epochs,
            "seed": self._seed,
            "validation": self.validation,
        }

    def divisor(self, dataset: Dataset) -> float:
        """Return what λ is divided by to give r, of R = r/2 Σ w²."""
        if isinstance(self._probe, ParticleSwarm):
            return dataset.weight_sum
        return path_divisor(Settings.of(self._probe), dataset)

    def defaults(self, divisor: float) -> Array:
        """Return the λs where none are given."""
        eta = None if isinstance(self._probe, ParticleSwarm) else self._probe.eta
        full_batch = SOLVERS[self._probe.optimizer].full_batch
        return default_l2(divisor, None if full_batch else eta)

    def run(self, value: float, begin: Array | None, advance: Progress) -> Run:
        """Set up the training at a λ."""
        params = self.template.params if begin is None else begin
        network = copy_network(self.template, params)
        trainer = self._trainer(network, value, next(self._seeds))
        validation = check_validation(self.validation, network)
        session = TrainingSession(
            trainer,
            network,
            self.epochs,
            validation,
            self._time_left(),
            n_threads=self.n_threads,
        )
        session.advance = advance
        if isinstance(trainer, ParticleSwarm):
            return SwarmRun(trainer, session)
        return run_of(trainer, session)

    def _trainer(self, network: Network, value: float, seed: Any) -> Backprop | ParticleSwarm:
        if self._swarm:
            return ParticleSwarm(network, l2=value, seed=seed, **self._options)
        return Backprop(network, l2=value, n="train", seed=seed, **self._options)


class NetworkSource:
    """A network with its rows, to be trained at many λ; see PathSource."""

    def __init__(
        self,
        plan: _Plan,
        rows: tuple[Any, Array, Array | None],
        test: tuple[Any, Array] | None,
    ) -> None:
        self._plan, self._given = plan.started(), rows
        self.template, self.epochs, self.n_threads = plan.template, plan.epochs, plan.n_threads
        self.rows = Rows(rows[0], check_dataset(*rows, plan.template))
        self.test = None
        if test is not None:
            self.test = Rows(test[0], check_dataset(*test, None, plan.template))
        warn_if_unscaled(self.rows.dataset.x)
        self.divisor = plan.divisor(self.rows.dataset)
        self.defaults = plan.defaults(self.divisor)
        self.sessions: list[TrainingSession] = []
        self.together = plan.together

    def train(
        self,
        values: Sequence[float],
        begin: Array | None,
        advance: Progress,
        finished: Sequence[Stored] | None = None,
    ) -> None:
        """Train at each λ, from other parameters than its own where ``begin`` holds some."""
        legs = legs_of(self, values, advance)
        runs = [self._plan.run(value, begin, leg) for value, leg in zip(values, legs, strict=True)]
        self.sessions += [run.session for run in runs]
        train_or_take(runs, self.rows.dataset, finished)

    def settings(self) -> dict[str, Any]:
        """Return what the trainings depend on besides λ."""
        return self._plan.settings() | fingerprints(*self.rows.dataset)

    def fold(self, train: Array, test: Array) -> NetworkSource:
        """Return the same network on some of its rows, judged on others."""
        X, y, weight = self._given
        kept = None if weight is None else weight[train]
        rows = sparse.take("X", X, train), y[train], kept
        return NetworkSource(self._plan, rows, (sparse.take("X", X, test), y[test]))

    def score(self, i: int) -> float:
        """Return how good the i-th trained network is on the rows held out."""
        assert self.test is not None
        return score(self.sessions[i].network, self.test, self.n_threads)


def legs_of(source: PathSource, values: Sequence[float], advance: Progress) -> list[Progress]:
    """Return what the training at each λ tells its epochs to."""
    if source.together and len(values) > 1:
        shared = advance.leg(len(values) * source.epochs, f"{len(values)} λ", len(values))
        return [shared] * len(values)
    return [advance.leg(source.epochs, f"λ {value:.3g}") for value in values]


def train_or_take(runs: Sequence[Run], dataset: Dataset, finished: Sequence[Stored] | None) -> None:
    """Train each until it ends, or take what each has come to, where ``finished`` holds it."""
    if finished is None:
        train_many(runs, dataset)
        return
    for run, (arrays, meta) in zip(runs, finished, strict=True):
        session = run.session
        session.network.params = saved_array(
            arrays, "params", session.network.dtype, session.network.params.shape
        )
        session.history = history_from_file(arrays, meta)
        if diverged := kept(meta, "diverged", str):
            session.diverged = Diverged(diverged)


def score(network: Network, rows: Rows, n_threads: int) -> float:
    """Return how good a network is on rows, by the measure of its loss."""
    predicted = engine_of(network).predict(network.params, rows.X, n_threads)
    return metrics.score(
        predicted, rows.dataset.y, Objective.of(network), rows.dataset.sample_weight
    )


def path_divisor(settings: Settings, dataset: Dataset) -> float:
    """Return what λ is divided by to give r, of R = r/2 Σ w², as these settings have it."""
    if SOLVERS[settings.optimizer].full_batch:
        return penalty.divisor(settings.n, dataset.weight_sum)
    if settings.decay == "fraction":
        return float(settings.eta)
    if settings.n == "batch" and settings.batch_size is not None:
        return dataset.weight_sum * min(1.0, float(settings.batch_size) / dataset.rows)
    return penalty.divisor(settings.n, dataset.weight_sum)


def default_l2(divisor: float, eta: float | None) -> Array:
    """Return λs from too small to matter to so large that nothing but the bias is left.

    ``eta`` is the learning rate, where there is one.
    """
    most = _MOST if eta is None else min(_MOST, _MOST_TAKEN / eta)
    with np.errstate(over="ignore"):
        values: Array = divisor * np.geomspace(_LEAST, most, _DEFAULT)
    return values
