"""Trainings of one estimator at many λ, and the evidence for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from pyl2._common import penalty, threads
from pyl2._common.dataset import Dataset
from pyl2._common.validation import Array
from pyl2.bayes.evidence import Evidence, curvature, evidence
from pyl2.bayes.search import Point, Search, search
from pyl2.estimators.base import BaseMLP, FitRows
from pyl2.estimators.callbacks import Trainings
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


@dataclass(frozen=True)
class _Trial:
    """A training on rows, and its evidence; it can be pickled."""

    rows: FitRows
    dataset: Dataset
    bias_precision: float

    def __call__(self, seed: int, point: Point, pattern: BaseMLP) -> Tried:
        """Return a network with the evidence for its λ, or why there is none."""
        task = Task([list(point)], [seed], None)
        ((trained, _),) = train_task(self.rows, task, pattern)
        if trained is None:
            return Tried(problem="training diverged; scaled inputs (StandardScaler) help")
        try:
            found = self.evidence(trained.network, point, int(pattern.n_threads or 1))
        except ValueError as error:
            return Tried(problem=str(error))
        score, effective = found.log_evidence, found.n_effective
        return Tried(score, effective, trained.network, trained.iterations, trained.converged)

    def evidence(self, network: Network, point: Point, n_threads: int) -> Evidence:
        """Return the evidence for a λ, at the minimum that a network is in."""
        found = curvature(in_float64(network), self.dataset, n_threads)
        rates = penalty.rates(point, self.dataset.weight_sum)
        return evidence(found, rates, bias_precision=self.bias_precision)


class Trials:
    """Trainings at many λ on the same rows, and the evidence for each."""

    def __init__(
        self,
        model: MLPRegressor,
        rows: FitRows,
        dataset: Dataset,
        bias_precision: float,
        n_jobs: int | None,
        report: Trainings,
    ) -> None:
        self._model, self._n_jobs, self._report = model, n_jobs, report
        self._trial = _Trial(rows, dataset, bias_precision)
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
            for place, result in results.items():
                start, point = pairs[place]
                tried[start][point] = result
                if verbose:
                    print(_line(point, result))
            asked = {} if self._report.stopped else _further(searches, asked, tried)
        begun = [start for start in range(len(seeds)) if tried[start]]
        start = max(begun, key=lambda i: max(one.score for one in tried[i].values()))
        best = max(tried[start], key=lambda point: tried[start][point].score)
        if tried[start][best].network is None:
            problem = tried[start][best].problem
            raise ValueError(f"there is no evidence at any of alphas: {problem}")
        return Found(tried[start], best)

    def _try(self, wanted: list[tuple[int, Point]]) -> dict[int, Tried]:
        """Return the results by their places, in order; a callback may have them end early."""
        found: dict[int, Tried] = {}
        tasks = [partial(self._trial, seed, point) for seed, point in wanted]

        def keep(place: int, tried: Tried) -> None:
            found[place] = tried
            self._report.ended()

        def begins(_: int) -> bool:
            return not self._report.stopped

        with self._report.stage("search", len(wanted)):
            do_all(self._model, tasks, keep, self._n_jobs, most=self._most, begins=begins)
        return dict(sorted(found.items()))

    def posterior(self, found: Found) -> Posterior:
        """Return the posterior at the best λ; a factor for each would have been too much."""
        network = found.tried[found.best].network
        assert network is not None
        result = self._trial.evidence(network, found.best, threads.count(self._model.n_threads))
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
