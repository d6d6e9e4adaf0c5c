"""Experiments with one network, trained in many ways: `compare` and `decay_grid`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import jobs, keywords, metrics, penalty, threads
from pyl2._common.dataset import Matrix, check_dataset
from pyl2._common.drawn import Drawn
from pyl2._common.files import PathLike, saved_array
from pyl2._common.finished import Finished, Stored, fingerprints
from pyl2._common.jobs import Stop
from pyl2._common.outputs import Objective
from pyl2._common.progress import progress
from pyl2._common.scaling import one_warning, warn_if_unscaled
from pyl2._common.split import split_rows
from pyl2._common.validation import (
    MANY,
    Array,
    all_finite,
    check_entries,
    check_instance,
    check_integer,
    check_option,
    check_real,
    kept,
    meant,
    shown,
)
from pyl2.network import Network, copy_network, engine_of, fresh_network
from pyl2.swarm.trainer import ParticleSwarm
from pyl2.training.backprop import Backprop
from pyl2.training.history import GRADIENT, History
from pyl2.training.levenberg import iteration_cost
from pyl2.training.session import Diverged
from pyl2.training.solvers import SOLVERS

METHODS = ("sgd", "momentum", "adam", "lbfgs", "pso", "pso+lbfgs")
"""What is compared unless something else is asked for; pso+lbfgs is the hybrid."""

STAGES = tuple(name for name, solver in SOLVERS.items() if solver.fixed_error)
"""What a method may consist of.  adamw is missing: what it minimises is no fixed E."""

ETA = {
    "sgd": 0.1,
    "momentum": 0.01,
    "nesterov": 0.01,
    "adam": 0.003,
    "rmsprop": 0.001,
    "nadam": 0.003,
    "rprop": 0.01,
}
"""Learning rates for inputs of about unit size."""

_Rows = tuple[Any, Array]  # X, y

_SECONDS = 1.0
_WITHOUT_END = 10**9  # epochs; the budget ends the training
_SPREAD = ("error", "data_error", "penalty", "train_score", "test_score")
_SPENT = ("seconds", "evaluations")


class Curve(NamedTuple):
    """E along a run, an entry for the start and one for each epoch.

    Attributes
    ----------
    seconds, evaluations, error : ndarray of shape (1 + epochs,)
        Spent so far, and E on all rows at the parameters of that moment.
    """

    seconds: Array
    evaluations: Array
    error: Array


@dataclass(frozen=True)
class Run:
    """What one method made of one start.

    Attributes
    ----------
    method : str
    seed : int
    error, data_error, penalty : float
        E = E₀ + R and its parts on the training rows at the end: ``network.error(…, n="train")``.
    train_score, test_score : float
        Accuracy or R².
    seconds : float
        Time of training alone.
    evaluations : int
        Forward passes over the training rows; a gradient counts as three.
    stopped : str
        "budget"; "diverged", after which the parameters are those of the last good epoch; or what
        else ended the history of the training.
    network : Network
        As it was left.
    curve : Curve
    """

    method: str
    seed: int
    error: float
    data_error: float
    penalty: float
    train_score: float
    test_score: float
    seconds: float
    evaluations: int
    stopped: str
    network: Network
    curve: Curve

    def record(self) -> dict[str, Any]:
        """Return the numbers and words of the run, without network and curve."""
        return {k: v for k, v in vars(self).items() if k not in ("network", "curve")}


@dataclass(frozen=True)
class Comparison(Drawn):
    """What ``compare`` has found; ``print`` shows it as a table.

    Attributes
    ----------
    runs : list of Run
        One for each seed and method.
    measure : {"accuracy", "R²", "D²"}
        What the scores are.
    """

    runs: list[Run]
    measure: str
    _display = "ErrorDisplay"

    def summary(self) -> list[dict[str, Any]]:
        """Return a row for each method: means over the seeds, and standard deviations.

        Returns
        -------
        list of dict
            ``method``; ``runs`` and ``diverged``, numbers of them; ``error``, ``data_error``,
            ``penalty``, ``train_score`` and ``test_score``, means, each with its standard
            deviation ``…_std``, infinite or NaN where runs that diverged make them so;
            ``seconds`` and ``evaluations``, means.
        """
        groups: dict[str, list[Run]] = {}
        for run in self.runs:
            groups.setdefault(run.method, []).append(run)
        return [_summarised(method, runs) for method, runs in groups.items()]

    def to_frame(self) -> Any:
        """Return the runs as a pandas DataFrame, one in a row.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        from pyl2._common import text_table

        return text_table.frame([run.record() for run in self.runs])

    def curves(self, against: str = "seconds") -> dict[str, list[tuple[Array, Array]]]:
        """Return E along the runs of each method, for ``pyl2.plots.ErrorDisplay``.

        Parameters
        ----------
        against : {"seconds", "evaluations"}, default="seconds"

        Returns
        -------
        dict of str to list of (ndarray, ndarray)
            For each method and run what was spent, and E.
        """
        check_option("against", against, _SPENT)
        found: dict[str, list[tuple[Array, Array]]] = {}
        for run in self.runs:
            pair = getattr(run.curve, against), run.curve.error
            found.setdefault(run.method, []).append(pair)
        return found

    def __repr__(self) -> str:
        rows = self.summary()
        best = min(rows, key=lambda row: row["error"] if row["error"] == row["error"] else math.inf)
        return (
            f"Comparison({len(self.runs)} runs of {', '.join(row['method'] for row in rows)};"
            f" lowest E {best['error']:.4g}, {best['method']})"
        )

    def _repr_html_(self) -> str:
        from pyl2._common import text_table
        from pyl2.experiments.table import comparison_table

        return text_table.notebook(repr(self), comparison_table(self.summary(), self.measure))

    def __str__(self) -> str:
        from pyl2.experiments.table import comparison_table

        return str(comparison_table(self.summary(), self.measure))


@keywords.checked
def compare(
    X: Matrix,
    y: ArrayLike,
    network: Network,
    l2: float | Sequence[float] = 0.0,
    *,
    methods: Iterable[str] = METHODS,
    seconds: float | None = None,
    evaluations: int | None = None,
    seeds: int | Iterable[int] = 5,
    test: float | tuple[Any, Any] = 0.25,
    eta: float | Mapping[str, float] | None = None,
    batch_size: int | None = 32,
    particles: int = 50,
    n_threads: int | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    resume_dir: PathLike | None = None,
) -> Comparison:
    """Train the same network on the same penalized error by backprop, L-BFGS and a swarm.

    All minimise E = E₀ + (λ/2N) Σ w², N being the number of training rows (``n="train"``), from
    the same start, which each seed draws anew, and under the same budget.  Every error is
    ``network.error(X, y, l2, n="train")``, computed while the clock stands.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (rows, inputs)
        Of about unit size: gradients and swarm expect that (``StandardScaler``).
    y : array-like of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
        Targets, as ``network.error`` takes them.
    network : Network
        The shape, activations, output and type to train; its own parameters are neither used nor
        changed.
    l2 : float or sequence of float, default=0.0
        λ ≥ 0, one for all layers or one for each.
    methods : iterable of str, default=("sgd", "momentum", "adam", "lbfgs", "pso", "pso+lbfgs")
        Each "sgd", "momentum", "nesterov", "adam", "rmsprop", "nadam", "rprop" (whose batch is all
        rows), "lbfgs", "lm" (of a squared error, for at most 5,000 parameters and dense rows) or
        "pso", or several joined by "+",
        which train the same network one after the other, each with an equal share of the budget:
        "pso+lbfgs" lets a swarm find a basin and L-BFGS go down in it.  adamw is none of them: it
        minimises no fixed E.
    seconds : float, optional
        Budget of a run, > 0: no epoch begins after it.  1 where no budget is given.
    evaluations : int, optional
        Budget of a run in forward passes over the training rows, a gradient counting as three and
        an iteration of lm as 5 + 2 · outputs (the products of its Jacobian are not counted): no
        epoch begins that would, if it costs what the last one did, spend more.  With it alone the
        same seeds give the same bits.  With both, what is spent first counts.
    seeds : int or iterable of int, default=5
        How many (0, 1, …) or which; each draws a start, the orders of the rows and the swarm.
    test : float or tuple (X, y), default=0.25
        Fraction of the rows for the test set, drawn by the first seed (classes in proportion), or
        other data.
    eta : float or mapping of str to float, optional
        Learning rate of all methods that have one, or of some by name; by default 0.1 for sgd, 0.01
        for momentum, nesterov and rprop, 0.003 for adam and nadam, 0.001 for rmsprop.
    batch_size : int or None, default=32
        Rows of a batch, at least 1; None is all.
    particles : int, default=50
        Of a swarm, at least 1.
    n_threads : int, optional
        Maximum number of threads for each training, at least 1, as for its trainer.
    n_jobs : int, optional
        Runs at a time, by joblib: None is 1 unless ``joblib.parallel_config`` says more, -1 all
        processors, which the jobs then share.  With ``evaluations`` the results are the same bits
        for any number; a budget of ``seconds`` is the clock's, and jobs that wait for each other
        get less done in it.
    verbose : bool, default=False
        Show a progress bar on standard error.
    resume_dir : str or path-like, optional
        Folder where runs are kept as they end, made if there is none: after an interruption the
        same call goes on without repeating them.  Other settings or rows than it was begun with are
        an error.

    Returns
    -------
    Comparison
        ``runs`` holds all; ``summary()`` a row for each method, ``to_frame()`` a pandas frame,
        ``curves()`` what ``pyl2.plots.ErrorDisplay`` draws; ``print`` shows a table.

    Raises
    ------
    ValueError, TypeError
        If shapes or types do not fit, numbers are not finite, or a parameter is out of range.
    KeyboardInterrupt
        On Ctrl-C.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import StandardScaler
    >>> from pyl2 import Network, compare
    >>> X, y = load_iris(return_X_y=True)
    >>> network = Network((4, 7, 3), output="softmax")
    >>> X = StandardScaler().fit_transform(X)
    >>> found = compare(X, y, network, l2=0.1, methods=["adam", "pso"], evaluations=600, seeds=2)
    >>> [(row["method"], row["test_score"] > 0.8) for row in found.summary()]
    [('adam', True), ('pso', True)]
    """
    check_instance("network", network, Network)
    starts = check_seeds(seeds)
    plan = _Plan(
        check_methods(methods),
        l2,
        check_eta(eta),
        batch_size,
        particles,
        n_threads,
        seconds,
        evaluations,
        network.layer_sizes[-1],
    )
    for stage in {stage for method in plan.methods for stage in method.split("+")}:
        plan.trainer(stage, network, starts[0])  # which sees whether they go together
    training, testing = split_rows(X, y, test, starts[0], network)
    settings = {} if resume_dir is None else _settings(plan, starts, network, training, testing)
    finished = Finished(resume_dir, settings)
    pairs = [(seed, method) for seed in starts for method in plan.methods]
    kept_runs = [finished.load(f"{method}-{seed}") for seed, method in pairs]
    runs = [None if found is None else _run_of(*found, network) for found in kept_runs]
    missing = [place for place, run in enumerate(runs) if run is None]
    workers = jobs.count(n_jobs, len(missing))
    if workers > 1 and n_threads is None:
        plan = replace(plan, n_threads=threads.share(0, workers)[1])
    tasks = [partial(_run, plan, *pairs[place], network, training, testing) for place in missing]
    with one_warning(), progress(verbose, len(missing), unit="run") as advance:
        warn_if_unscaled(check_dataset(*training, None, network).x)  # while no clock runs
        here = ((i, task(Stop())) for i, task in enumerate(tasks))
        for i, run in here if workers == 1 else jobs.run(tasks, workers):
            runs[missing[i]] = run
            finished.save(f"{run.method}-{run.seed}", *_fit_of(run))
            advance(run.error)
    return Comparison(cast(list[Run], runs), Objective.of(network).measure)


def score(network: Network, X: Matrix, Y: Array) -> float:
    """Return how good a network's predictions are: accuracy, or R² or D² where it predicts numbers.

    Y is (rows, outputs), (rows,) with one output, or class indices (rows,).  R² and D² are -inf
    where predictions overflow.
    """
    predicted, objective = network.predict(X), Objective.of(network)
    if objective.measure != "accuracy" and not all_finite(predicted):
        return -math.inf
    return metrics.score(predicted, Y, objective)


@dataclass(frozen=True)
class _Plan:
    """How every run is trained."""

    methods: tuple[str, ...]
    l2: float | Sequence[float]
    eta: dict[str, float]
    batch_size: int | None
    particles: int
    n_threads: int | None
    seconds: float | None
    evaluations: int | None
    outputs: int

    def __post_init__(self) -> None:
        check_integer("particles", self.particles, 1, MANY)
        threads.count(self.n_threads)
        if self.seconds is not None:
            check_real("seconds", self.seconds, 0, open_low=True)
        if self.evaluations is not None:
            least = max(self._least(method.split("+")) for method in self.methods)
            check_integer("evaluations", self.evaluations, least)

    def _least(self, stages: Sequence[str]) -> int:
        """Return the budget that lets each stage of a method begin."""
        costs = {"pso": self.particles, "lm": 2 * iteration_cost(self.outputs)}
        return len(stages) * max(costs.get(stage, 2 * GRADIENT) for stage in stages)

    def budget(self) -> _Spent:
        """Return what a run may spend."""
        if self.seconds is None and self.evaluations is None:
            return _Spent(_SECONDS, math.inf)
        return _Spent(self.seconds or math.inf, self.evaluations or math.inf)

    def trainer(self, stage: str, network: Network, seed: int) -> Backprop | ParticleSwarm:
        """Set up the training of a stage."""
        if stage == "pso":
            return ParticleSwarm(
                network, self.particles, l2=self.l2, seed=seed, n_threads=self.n_threads
            )
        return Backprop(
            network,
            stage,
            eta=self.eta.get(stage),
            l2=self.l2,
            n="train",
            batch_size=None if SOLVERS[stage].one_batch else self.batch_size,
            seed=seed,
            n_threads=self.n_threads,
        )


class _Spent(NamedTuple):
    seconds: float
    evaluations: float


class _Meter:
    """Watches the trainings of a run: what they spend, and E, looked at while the clock stands."""

    def __init__(self, network: Network, rows: _Rows, lam: Any, stop: Stop) -> None:
        self._network, self._rows, self._stop = network, rows, stop
        # What Network.error does, its checks done once.
        self._dataset = check_dataset(*rows, None, network)
        per_layer = penalty.per_layer(lam, len(network.weights))
        self._rates = np.array(penalty.rates(per_layer, self._dataset.weight_sum))
        self.seconds = 0.0
        self.evaluations = 0
        self._points = [(0.0, 0, sum(self.parts()))]

    def parts(self) -> tuple[float, float]:
        """Return E₀ and R as the network is now."""
        return engine_of(self._network).error(self._network.params, self._dataset, self._rates)

    def share(self, budget: _Spent, stages: int) -> _Spent:
        """Return up to where the next of so many stages may go, which share what is left."""
        return _Spent(
            self.seconds + (budget.seconds - self.seconds) / stages,
            self.evaluations + (budget.evaluations - self.evaluations) / stages,
        )

    def train(self, trainer: Backprop | ParticleSwarm, limit: _Spent) -> str:
        """Train until the limit has been spent, or why ever it ends; return why."""
        before = self.evaluations

        def watch(_: Any, history: History) -> bool:
            self._stop_clock()
            self._stop.check()
            step = before + history.evaluations - self.evaluations
            self.evaluations += step
            self._points.append((self.seconds, self.evaluations, sum(self.parts())))
            over = self.seconds >= limit.seconds or self.evaluations + step > limit.evaluations
            self._resumed = time.perf_counter()
            return over

        self._resumed = time.perf_counter()
        try:
            history = trainer.train(*self._rows, epochs=_WITHOUT_END, callbacks=watch)
        except Diverged:
            return "diverged"
        finally:
            self._stop_clock()
        return "budget" if history.stopped == "callback" else history.stopped

    def _stop_clock(self) -> None:
        self.seconds += time.perf_counter() - self._resumed

    def curve(self) -> Curve:
        """Return E along the way."""
        return Curve(*(np.array(column) for column in zip(*self._points, strict=True)))


def _run(
    plan: _Plan,
    seed: int,
    method: str,
    shape: Network,
    training: _Rows,
    testing: _Rows,
    stop: Stop,
) -> Run:
    """Train from the start of a seed by one method."""
    import scipy.optimize  # noqa: F401 - here, so that no clock sees it

    network = fresh_network(shape, seed)
    meter = _Meter(network, training, plan.l2, stop)
    stages = method.split("+")
    for left, stage in zip(range(len(stages), 0, -1), stages, strict=True):
        trainer = plan.trainer(stage, network, seed)
        stopped = meter.train(trainer, meter.share(plan.budget(), left))
        if stopped == "diverged":
            break
    data_error, penalty = meter.parts()
    return Run(
        method,
        seed,
        data_error + penalty,
        data_error,
        penalty,
        score(network, *training),
        score(network, *testing),
        meter.seconds,
        meter.evaluations,
        stopped,
        network,
        meter.curve(),
    )


def _settings(
    plan: _Plan, seeds: Sequence[int], network: Network, training: _Rows, testing: _Rows
) -> dict[str, Any]:
    """Return what the runs depend on, as ``Finished`` takes it."""
    of_plan = {name: value for name, value in vars(plan).items() if name != "n_threads"}
    named = ("layer_sizes", "hidden", "output", "loss", "label_smoothing", "init", "dtype")
    of_network = {name: str(getattr(network, name)) for name in named}
    rows = fingerprints(*training) | {
        f"test {name}": value for name, value in fingerprints(*testing).items()
    }
    return {**of_plan, "seeds": list(seeds), **of_network, **rows}


def _fit_of(run: Run) -> Stored:
    curve = {name: np.asarray(column) for name, column in run.curve._asdict().items()}
    return {"params": run.network.params, **curve}, run.record()


def _run_of(arrays: dict[str, Array], meta: dict[str, Any], shape: Network) -> Run:
    """Return the run that ``_fit_of`` made these of."""
    network = copy_network(shape, saved_array(arrays, "params", shape.dtype, shape.params.shape))
    curve = Curve(*(kept(arrays, name, np.ndarray) for name in Curve._fields))
    if {column.shape for column in curve} != {curve.error.shape} or curve.error.ndim != 1:
        raise ValueError("the curve of a finished run is malformed")
    known: dict[str, Any] = {name: kept(meta, name, kind) for name, kind in _RECORD.items()}
    return Run(**known, network=network, curve=curve)


_RECORD: dict[str, type] = {
    "method": str,
    "seed": int,
    **dict.fromkeys(("error", "data_error", "penalty", "train_score", "test_score"), float),
    "seconds": float,
    "evaluations": int,
    "stopped": str,
}


def _summarised(method: str, runs: Sequence[Run]) -> dict[str, Any]:
    diverged = sum(run.stopped == "diverged" for run in runs)
    row: dict[str, Any] = {"method": method, "runs": len(runs), "diverged": diverged}
    for name in (*_SPREAD, *_SPENT):
        values = np.array([getattr(run, name) for run in runs], float)
        with np.errstate(all="ignore"):
            row[name] = float(values.mean())
            if name in _SPREAD:
                row[f"{name}_std"] = float(values.std(ddof=1)) if len(runs) > 1 else 0.0
    return row


# The largest seed of scikit-learn's, which draws the test set.
LAST_SEED = 2**32 - 1


def check_seeds(seeds: int | Iterable[int]) -> Sequence[int]:
    """Return the seeds: the first so many, or those given, all different."""
    if not isinstance(seeds, Iterable):
        return range(check_integer("seeds", seeds, 1, MANY))
    listed = check_entries("seeds", seeds, "a whole number, or several")
    found = [check_integer("seeds", seed, 0, LAST_SEED) for seed in listed]
    if not found or len(set(found)) < len(found):
        raise ValueError(f"seeds must be distinct whole numbers, at least one, got {shown(found)}")
    return found


def check_methods(methods: Iterable[str]) -> tuple[str, ...]:
    """Return the methods of ``compare`` if there are such."""
    named = f"{', '.join(STAGES)}, or several of these joined by +"
    one = isinstance(methods, str)
    found = [methods] if one else check_entries("methods", methods, f"names of {named}")
    for method in found:
        if not isinstance(method, str) or not set(method.split("+")) <= set(STAGES):
            message = f"methods must be {named}, got {shown(method)}"
            if method == "adamw":
                raise ValueError(f"{message} (adamw minimises no fixed E)")
            words = method.split("+") if isinstance(method, str) else []
            unknown = next((word for word in words if word not in STAGES), "")
            raise ValueError(message + meant(unknown, STAGES))
    if not found or len(set(found)) < len(found):
        raise ValueError(f"methods must be distinct, at least one, got {shown(found)}")
    return tuple(found)


def check_eta(eta: float | Mapping[str, float] | None) -> dict[str, float]:
    """Return the learning rate of each optimizer that has one."""
    if eta is None:
        return ETA
    if not isinstance(eta, Mapping):
        return dict.fromkeys(ETA, check_real("eta", eta, 0, open_low=True))
    for name, value in eta.items():
        check_option("the names of eta", name, tuple(ETA))
        check_real(f"eta[{name!r}]", value, 0, open_low=True)
    return ETA | dict(eta)
