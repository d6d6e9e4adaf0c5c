"""Networks of an ensemble in training: of each its λ, seed and rows; many at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pyl2._common import jobs, sparse, threads
from pyl2._common.jobs import Stop
from pyl2._common.validation import MANY, Array
from pyl2.estimators.base import BaseMLP, FitRows, unfinished
from pyl2.network import Network, engine_of
from pyl2.training.descent import train_many
from pyl2.training.solvers import SOLVERS

# So many networks train together in one kernel: as many as its vectors and caches have room for.
PACK = 16

_T = TypeVar("_T")


class Candidate(NamedTuple):
    """A candidate of an ensemble.

    Attributes
    ----------
    alpha : float
        Its λ.
    seed : int
        Of its initial weights, and the orders of its rows.
    score : float
        The error on the rows held out, negative: half the squared error (of normalised targets
        where ``normalize_y``), or the log loss; -inf where a training failed.
    weight : float
        Its share of the ensemble.
    """

    alpha: float
    seed: int
    score: float
    weight: float


class Split(NamedTuple):
    """Rows to train on, with how often each counts, and rows held out, by their indices."""

    train: Array
    counts: Array | None
    test: Array


class Task(NamedTuple):
    """Networks that train on the same rows: all where ``split`` is None."""

    alphas: Sequence[Any]  # each one number, or one for each layer
    seeds: Sequence[int]
    split: Split | None


class Trained(NamedTuple):
    """A network after its training, its outputs for the rows held out, and how it has ended."""

    network: Network
    outputs: Array | None
    iterations: int
    converged: bool


def pack_size(model: BaseMLP) -> int:
    """Return how many networks train together by the model's solver."""
    return 1 if SOLVERS[model.solver].full_batch else PACK


def train_all(
    model: BaseMLP,
    rows: FitRows,
    tasks: Sequence[Task],
    found: dict[int, list[Trained | None]],
    begins: Callable[[int], bool],
    advance: Callable[[float], None],
    n_jobs: int | None,
) -> None:
    """Train the networks of all tasks, side by side over threads or in jobs.

    What each becomes depends on nothing but its task.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        Parameters of each training, λ and seed aside; it knows its classes.
    rows : FitRows
        All rows, checked and encoded.
    tasks : sequence of Task
    found : dict
        Where the networks of each task are put, by its index; None for one that has diverged.  An
        exception leaves here what is trained.
    begins : callable
        Asked with a task's index before it begins; False leaves it out.
    advance : callable
        Called with E of each network that is trained.
    n_jobs : int or None
        As ``jobs.count`` takes it.
    """

    def keep(place: int, trained: list[tuple[Trained | None, float]]) -> None:
        found[place] = [fitted for fitted, _ in trained]
        for _, error in trained:
            advance(error)

    do_all(model, [partial(train_task, rows, task) for task in tasks], keep, n_jobs, begins=begins)


def do_all(
    model: BaseMLP,
    tasks: Sequence[Callable[[BaseMLP], _T]],
    keep: Callable[[int, _T], None],
    n_jobs: int | None,
    *,
    most: int = MANY,
    begins: Callable[[int], bool] = lambda _: True,
) -> None:
    """Do tasks side by side over the threads of an estimator, or in jobs.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
    tasks : sequence of callables
        Each can be pickled, and is called with the estimator that its trainings go by, which takes
        the threads that are the task's.
    keep : callable
        Called with the index and the result of each.
    n_jobs : int or None
        As ``jobs.count`` takes it.
    most : int
        So many at most at a time.
    begins : callable
        Asked with a task's index before it begins; False leaves it out.
    """
    limit, most = threads.count(model.n_threads), min(len(tasks), most)
    workers = jobs.count(n_jobs, most)
    pattern = copy.copy(model)
    if workers > 1:
        pattern.n_threads = model.n_threads or threads.share(limit, workers)[1]
        chosen = (place for place in range(len(tasks)) if begins(place))
        in_jobs = (partial(_stoppable, tasks[place], pattern, place) for place in chosen)
        for _, (place, result) in jobs.run(in_jobs, workers):
            keep(place, result)
        return
    stop = Stop()
    workers, pattern.n_threads = threads.share(limit, most)

    def do(place: int) -> None:
        if begins(place):
            _, result = _stoppable(tasks[place], pattern, place, stop)
            if not stop.is_set():
                keep(place, result)

    with threads.one_blas_thread():  # here, for of the workers any may be the last
        threads.side_by_side([partial(do, place) for place in range(len(tasks))], workers, stop)


def _stoppable(
    task: Callable[[BaseMLP], _T], pattern: BaseMLP, place: int, stop: Stop
) -> tuple[int, _T]:
    pattern = copy.copy(pattern)
    pattern.callbacks = stop
    return place, task(pattern)


def train_task(rows: FitRows, task: Task, pattern: BaseMLP) -> list[tuple[Trained | None, float]]:
    """Train the networks of a task; return each with its E."""
    chosen = rows if task.split is None else _chosen(rows, task.split)
    models = [_member(pattern, *own) for own in zip(task.alphas, task.seeds, strict=True)]
    first = models[0]._set_up(chosen)
    fits = [first, *(model._set_up(chosen, first) for model in models[1:])]
    train_many([fit.run for fit in fits], first.dataset)
    n_threads = threads.count(pattern.n_threads)
    X = None if task.split is None else sparse.take("X", rows.X, task.split.test)
    found: list[tuple[Trained | None, float]] = []
    for model, fit in zip(models, fits, strict=True):
        error = float(fit.run.session.history.error[-1]) if model.n_iter_ else float("nan")
        network, trained = model._network, None
        if fit.run.session.diverged is None:
            outputs = None
            if X is not None:
                outputs = engine_of(network).predict(network.params, X, n_threads)
            trained = Trained(network, outputs, model.n_iter_, not unfinished(fit.run))
        found.append((trained, error))
    return found


def _member(pattern: BaseMLP, alpha: Any, seed: int) -> Any:
    """Return an estimator to be trained."""
    made: Any = copy.copy(pattern)
    made.alpha, made.random_state = alpha, seed
    return made


def _chosen(rows: FitRows, split: Split) -> FitRows:
    """Return the rows that a split trains on."""
    train = split.train
    weight = None if rows.sample_weight is None else rows.sample_weight[train]
    if split.counts is not None:
        counts = split.counts.astype(rows.X.dtype)
        weight = counts if weight is None else counts * weight
    X = sparse.take("X", rows.X, train)
    return rows._replace(X=X, y=rows.y[train], labels=rows.labels[train], sample_weight=weight)
