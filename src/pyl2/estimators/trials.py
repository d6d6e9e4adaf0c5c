"""Trainings of one estimator at many λ, and the evidence for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from pyl2._common import penalty, threads
from pyl2._common.dataset import Dataset
from pyl2._common.validation import Array
from pyl2.bayes.evidence import Evidence, curvature, evidence
from pyl2.bayes.search import Point, Search, search
from pyl2.estimators.base import BaseMLP, FitRows
from pyl2.estimators.candidates import Task, do_all, train_task
from pyl2.estimators.regressor import MLPRegressor
from pyl2.network import Network, in_float64

# Bytes that the matrices of trainings side by side may take together; one training always goes on.
_ROOM = 5e8


class Tried(NamedTuple):
    """The log evidence of a λ with the network that was trained, or why there is none."""

    score: float = -math.inf
    n_effective: float = math.nan
    network: Network | None = None
    iterations: int = 0
    converged: bool = False
    problem: str = ""


class Found(NamedTuple):
    """All that was tried from the best start, and the λ of the greatest evidence."""

    tried: dict[Point, Tried]
    best: Point


class Posterior(NamedTuple):
    """A network of normalised targets, the factor of its posterior's precision, and σ²."""

    network: Network
    factor: Array
    noise: float


class Trials:
    """Trainings at many λ on the same rows, and the evidence for each."""

    def __init__(
        self,
        model: MLPRegressor,
        rows: FitRows,
        dataset: Dataset,
        bias_precision: float,
        n_jobs: int | None,
    ) -> None:
        self._model, self._rows, self._dataset = model, rows, dataset
        self._bias_precision, self._n_jobs = bias_precision, n_jobs
        self._layers = len(model._network.weights)
        # Of G, A's factor and its inverse.
        self._most = max(1, int(_ROOM / (24 * model._network.params.size**2)))

    def search(
        self, grid: Sequence[float], per_layer: bool, seeds: list[int], verbose: Any
    ) -> Found:
        """Search from every start, all side by side; return what was tried from the best."""
        searches = [search(grid, self._layers, per_layer) for _ in seeds]
        tried: list[dict[Point, Tried]] = [{} for _ in seeds]
        asked = {start: next(one) for start, one in enumerate(searches)}
        while asked:
            pairs = [(start, point) for start, points in asked.items() for point in points]
            results = self._try([(seeds[start], point) for start, point in pairs])
            for (start, point), result in zip(pairs, results, strict=True):
                tried[start][point] = result
                if verbose:
                    print(_line(point, result))
            asked = _further(searches, asked, tried)
        start = max(range(len(seeds)), key=lambda i: max(one.score for one in tried[i].values()))
        best = max(tried[start], key=lambda point: tried[start][point].score)
        if tried[start][best].network is None:
            problem = tried[start][best].problem
            raise ValueError(f"there is no evidence at any of alphas: {problem}")
        return Found(tried[start], best)

    def _try(self, wanted: list[tuple[int, Point]]) -> list[Tried]:
        found: dict[int, Tried] = {}
        tasks = [partial(self._train, seed, point) for seed, point in wanted]
        do_all(self._model, tasks, found.__setitem__, self._n_jobs, most=self._most)
        return [found[place] for place in range(len(wanted))]

    def _train(self, seed: int, point: Point, pattern: BaseMLP) -> Tried:
        """Return a network with the evidence for its λ, or why there is none."""
        task = Task([list(point)], [seed], None)
        ((trained, _),) = train_task(self._rows, task, pattern)
        if trained is None:
            return Tried(problem="training diverged; scaled inputs (StandardScaler) help")
        try:
            found = self._evidence(trained.network, point, int(pattern.n_threads or 1))
        except ValueError as error:
            return Tried(problem=str(error))
        score, effective = found.log_evidence, found.n_effective
        return Tried(score, effective, trained.network, trained.iterations, trained.converged)

    def _evidence(self, network: Network, point: Point, n_threads: int) -> Evidence:
        found = curvature(in_float64(network), self._dataset, n_threads)
        rates = penalty.rates(point, self._dataset.weight_sum)
        return evidence(found, rates, bias_precision=self._bias_precision)

    def posterior(self, found: Found) -> Posterior:
        """Return the posterior at the best λ; a factor for each would have been too much."""
        network = found.tried[found.best].network
        assert network is not None
        result = self._evidence(network, found.best, threads.count(self._model.n_threads))
        return Posterior(network, result.factor, result.noise_variance)


def _further(
    searches: list[Search], asked: dict[int, list[Point]], tried: list[dict[Point, Tried]]
) -> dict[int, list[Point]]:
    """Tell the searches what they have asked for; return what they ask next."""
    found: dict[int, list[Point]] = {}
    for start, points in asked.items():
        with suppress(StopIteration):
            found[start] = searches[start].send([tried[start][point].score for point in points])
    return found


def _line(point: Point, tried: Tried) -> str:
    alpha = ", ".join(f"{value:.4g}" for value in dict.fromkeys(point))
    if tried.network is None:
        return f"alpha = {alpha}: {tried.problem}"
    return (
        f"alpha = {alpha}: log evidence = {tried.score:.3f} (of normalised targets), effective"
        f" parameters = {tried.n_effective:.1f}"
    )
