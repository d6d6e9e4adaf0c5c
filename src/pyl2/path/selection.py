"""Which λ to choose by cross-validation: the best mean, or one standard error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pyl2._common import metrics
from pyl2._common.files import PathLike, saved_array
from pyl2._common.finished import NOTHING, Finished, fingerprint
from pyl2._common.progress import Progress, progress
from pyl2._common.validation import Array
from pyl2._common.validation import kept as saved
from pyl2.path.source import PathSource

RULES = ("min", "1se")


def choose(alphas: Array, found: Array, rule: str) -> int:
    """Return the index of the λ that a rule chooses, by scores of which the highest is the best.

    Parameters
    ----------
    alphas : ndarray of shape (L,)
        Ascending.
    found : ndarray of shape (L, folds)
        Scores; NaN where training failed, which is left out.
    rule : {"min", "1se"}
        "min": the best mean (the least error).  "1se": the largest λ whose mean is not below the
        best by more than the standard error of that one's mean.  Of equals the largest λ.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If no λ has a mean: all scores are NaN, or -inf.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, 2009, section 7.10
    (one standard error); glmnet's ``cv.glmnet`` (lambda.min, lambda.1se).

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2.model_selection import choose
    >>> found = np.array([[0.7, 0.9], [0.8, 0.9], [0.8, 0.85], [0.5, 0.5]])
    >>> alphas = np.array([0.1, 1, 10, 100])
    >>> choose(alphas, found, "min"), choose(alphas, found, "1se")
    (1, 2)
    """
    if np.isnan(found).all():
        raise ValueError("every fold failed at every alpha")
    means = metrics.mean_known(found)
    if not np.any(means > -math.inf):
        raise ValueError("the mean score is -inf at every alpha: there is nothing to choose by")
    best = int(np.flatnonzero(means == np.nanmax(means))[-1])
    if rule == "min":
        return best
    error = np.nan_to_num(metrics.standard_error(found[[best]])[0])  # of one fold: none
    return int(np.flatnonzero(means >= means[best] - error)[-1])


def cv_path(
    source: PathSource,
    l2: Sequence[float] | Array,
    folds: Sequence[tuple[Array, Array]],
    verbose: bool = False,
    resume_dir: PathLike | None = None,
) -> tuple[Array, list[str]]:
    """Train a source's folds at each λ, and score them on the rows held out.

    Parameters
    ----------
    source : PathSource
    l2 : sequence of L floats
    folds : sequence of (train, test)
        Indices of rows.
    verbose : bool, default=False
        Show a progress bar on standard error.
    resume_dir : str or path-like, optional
        As for ``l2_path``; what is kept are the scores of each fold.

    Returns
    -------
    scores : ndarray of shape (L, folds)
        NaN where training failed.
    reasons : list of str
        Why a training of each fold failed, "" where none did.
    """
    made = [partial(source.fold, train, test) for train, test in folds]
    settings = {} if resume_dir is None else folds_settings(source, l2, folds)
    return score_folds(made, l2, source.epochs, verbose, Finished(resume_dir, settings))


def folds_settings(
    source: PathSource, l2: Sequence[float] | Array, folds: Sequence[tuple[Array, Array]]
) -> dict[str, Any]:
    """Return what the scores of folds at each λ depend on, as ``Finished`` takes it."""
    pieces = [[fingerprint(np.asarray(part)) for part in fold] for fold in folds]
    return {**source.settings(), "l2": list(map(float, l2)), "folds": pieces}


def score_folds(
    folds: Sequence[Callable[[], PathSource]],
    l2: Sequence[float] | Array,
    epochs: int,
    verbose: bool = False,
    kept: Finished = NOTHING,
) -> tuple[Array, list[str]]:
    """Train folds at each λ, and score them on the rows that each holds out.

    Parameters
    ----------
    folds : sequence of callables
        Each makes the source of a fold, or raises a ValueError.
    l2 : sequence of L floats
    epochs : int
        Of each training, for the progress bar.
    verbose : bool, default=False
        Show a progress bar on standard error.
    kept : Finished
        The folds that are finished, whose settings tell them from others.

    Returns
    -------
    scores, reasons
        As of ``cv_path``.
    """
    values = [float(value) for value in l2]
    columns, reasons = [], []
    with progress(verbose, len(folds) * len(values) * epochs) as advance:
        for place, make in enumerate(folds):
            fold = advance.within(f"fold {place + 1}/{len(folds)}")
            found = kept_scores(kept, place, len(values))
            if found is None:
                found = fold_scores(make, values, fold)
                keep_scores(kept, place, found)
            else:
                fold.leg(len(values) * epochs)
            columns.append(found.scores)
            reasons.append(found.reason)
    return np.column_stack(columns), reasons


class FoldScores(NamedTuple):
    """The scores of a fold at some λ.

    Attributes
    ----------
    scores : list of float
        NaN where training failed.
    reason : str
        Why a training failed, "" if none did.
    whole : bool
        Whether none was cut short by ``max_time``.
    """

    scores: list[float]
    reason: str
    whole: bool


def kept_scores(kept: Finished, place: int, count: int) -> FoldScores | None:
    """Return the scores of a fold at so many λ, None if it is not finished."""
    found = kept.load(f"fold-{place}")
    if found is None:
        return None
    scores = saved_array(found[0], "scores", np.dtype(float), (count,))
    return FoldScores(scores.tolist(), saved(found[1], "reason", str), True)


def keep_scores(kept: Finished, place: int, found: FoldScores) -> None:
    """Keep the scores of a fold, unless a training was cut short."""
    if found.whole:
        kept.save(f"fold-{place}", {"scores": np.array(found.scores)}, {"reason": found.reason})


def fold_scores(
    make: Callable[[], PathSource], values: Sequence[float], advance: Progress
) -> FoldScores:
    """Train one fold at each λ."""
    try:
        fold = make()
    except ValueError as error:
        return FoldScores([math.nan] * len(values), str(error), True)
    fold.train(values, None, advance)
    diverged = [str(session.diverged) for session in fold.sessions if session.diverged is not None]
    whole = all(session.history.stopped != "max_time" for session in fold.sessions)
    scores = [fold.score(i) for i in range(len(values))]
    return FoldScores(scores, next(iter(diverged), ""), whole)
