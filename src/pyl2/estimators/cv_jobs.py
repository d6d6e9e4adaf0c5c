"""The trainings of a cross-validation in several jobs: all rows and folds, at some λ each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np

from pyl2._common import jobs, threads
from pyl2._common.finished import Finished, Stored
from pyl2._common.jobs import Look, Stop
from pyl2._common.validation import Array
from pyl2.estimators.path_source import EstimatorSource, Recipe
from pyl2.path.diagnostics import describe
from pyl2.path.result import L2Path
from pyl2.path.selection import FoldScores, fold_scores, keep_scores, kept_scores
from pyl2.path.train import keep_fit, kept_fit, path_of, stored_fit

# Trainings one after the other are cut into so many tasks for each job at least: some take longer
# than others, and the last ones must not leave jobs idle.
_TASKS = 6

_ALL_ROWS = -1


class _Part(NamedTuple):
    """Trainings of a task: of which fold, or of all rows, and at which of the λs."""

    fold: int
    places: range


class _Trained(NamedTuple):
    """Fits to all rows, and the path of them, where they are all of it."""

    fits: list[Stored]
    path: L2Path | None


def train_in_jobs(
    source: EstimatorSource,
    alphas: Array,
    folds: Sequence[tuple[Any, Any]],
    workers: int,
    kept: Finished,
) -> tuple[Array, list[str], L2Path]:
    """Train all rows and each fold at each λ, but for what is kept.

    Parameters
    ----------
    source : EstimatorSource
        Of all rows.
    alphas : ndarray of shape (L,)
    folds : sequence of (train, test)
        Indices of rows.
    workers : int
        Of ``jobs.count``.
    kept : Finished
        The fits and folds that are finished.

    Returns
    -------
    scores : ndarray of shape (L, folds)
    reasons : list of str
        As of ``cv_path``.
    path : L2Path
    """
    values: list[float] = alphas.tolist()
    fits = [kept_fit(kept, place) for place in range(len(values))]
    columns = [kept_scores(kept, fold, len(values)) for fold in range(len(folds))]
    parts = _parts(source.together, fits, columns, workers)
    _, n_threads = threads.share(source.n_threads, workers)
    recipe = source.recipe.limited(n_threads)
    tasks, alone = (_tasks(one, values, folds, parts) for one in (recipe, source.recipe))
    path = None
    scored: dict[int, dict[int, FoldScores]] = {}
    for number, found in jobs.run(tasks, workers, alone):
        fold, places = parts[number]
        if fold == _ALL_ROWS:
            for place, fit in zip(places, found.fits, strict=True):
                fits[place] = fit
                keep_fit(kept, place, fit)
            path = found.path
            if path is None and all(fits):  # looked at while jobs train the folds
                path = path_of(recipe.all_rows(), values, cast(list[Stored], fits))
            continue
        pieces = scored.setdefault(fold, {})
        pieces[places.start] = found
        if sum(len(piece.scores) for piece in pieces.values()) == len(values):
            columns[fold] = joined = _joined([pieces[start] for start in sorted(pieces)])
            keep_scores(kept, fold, joined)
    whole = cast(list[FoldScores], columns)
    path = path or path_of(source, values, cast(list[Stored], fits))
    return np.column_stack([fold.scores for fold in whole]), [fold.reason for fold in whole], path


def _parts(
    together: bool,
    fits: Sequence[Stored | None],
    columns: Sequence[FoldScores | None],
    workers: int,
) -> list[_Part]:
    """Return what is not finished, in parts; all rows take longest, and come first.

    Which λs train together decides the last bits of what becomes of them.
    """
    count = len(fits)
    missing = [place for place, fit in enumerate(fits) if fit is None]
    pieces = 1 if together else min(count, -(-_TASKS * workers // (1 + len(columns))))
    ends = [count * piece // pieces for piece in range(pieces + 1)]
    every = [range(*pair) for pair in itertools.pairwise(ends)]
    of_all = every if missing else []
    if not together and len(missing) < count:
        of_all = [range(place, place + 1) for place in missing]
    left = [fold for fold, column in enumerate(columns) if column is None]
    return [
        *(_Part(_ALL_ROWS, places) for places in of_all),
        *(_Part(fold, places) for fold in left for places in every),
    ]


def _tasks(
    recipe: Recipe,
    values: list[float],
    folds: Sequence[tuple[Any, Any]],
    parts: Sequence[_Part],
) -> list[Callable[[Stop], Any]]:
    """Return what does each part, in another process, too."""
    tasks: list[Callable[[Stop], Any]] = []
    for fold, places in parts:
        given = [values[place] for place in places]
        if fold == _ALL_ROWS:
            tasks.append(partial(_train_fits, recipe, given, len(given) == len(values)))
        else:
            tasks.append(partial(_score_fold, recipe, folds[fold], given))
    return tasks


def _joined(pieces: Sequence[FoldScores]) -> FoldScores:
    """Return the scores of a fold, of its parts in order."""
    scores = [score for piece in pieces for score in piece.scores]
    reason = next((piece.reason for piece in pieces if piece.reason), "")
    return FoldScores(scores, reason, all(piece.whole for piece in pieces))


def _train_fits(recipe: Recipe, values: list[float], whole: bool, stop: Stop) -> _Trained:
    source = recipe.all_rows()
    source.train(values, None, Look(stop))
    fits = [stored_fit(session) for session in source.sessions]
    return _Trained(fits, describe(source, values) if whole else None)


def _score_fold(
    recipe: Recipe, fold: tuple[Any, Any], values: list[float], stop: Stop
) -> FoldScores:
    return fold_scores(partial(recipe.fold, *fold), values, Look(stop))
