"""Cross-validation over λ on the training set; what is learned of a column is each fold's own."""

from __future__ import annotations

import argparse
import math
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from pyl2.cli import data, options, training

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyl2._common.finished import Finished
    from pyl2._common.validation import Array
    from pyl2.path.source import PathSource

    Folds: TypeAlias = list[tuple[Array, Array]]  # rows to train from, rows to score by


def add_rule(group: options.Group) -> None:
    """Add the option of how λ is chosen from the scores."""
    text = "min (default): best mean score; 1se: the largest λ within one standard error of it"
    group.add_argument("--rule", choices=("min", "1se"), default="min", help=text)


def lambdas(rows: int) -> list[float]:
    """Return 0, and ten steps of half a decade up to where λ/N is between 1 and 10."""
    decade = math.floor(math.log10(rows)) + 1
    return options.lambdas(f"0,1e{decade - 5}:1e{decade}:11")


def drawn(rows: data.Data, folds: int) -> Folds:
    """Return the indices of the rows to train from and to score by, for each fold."""
    import warnings

    most = rows.most_folds
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a class of fewer rows than folds is not in each
            found = rows.split(folds)
    except ValueError as error:
        raise ValueError(f"--cv {folds}: {error}") from None
    if rows.schema.classes is None and min(len(test) for _, test in found) < 2:
        raise ValueError(
            f"--cv {folds} makes folds of one row, which has no R²: at most --cv {most}"
            f" for {len(rows.train[1])} training rows"
        )
    return found


def scores(
    rows: data.Data,
    drawn: Folds,
    l2: Sequence[float] | Array,
    args: argparse.Namespace,
    kept: Finished,
) -> list[list[float]]:
    """Return the scores (λs, folds) on each fold of the training set, trained on the others."""
    from pyl2.path.selection import score_folds

    made = [partial(_source, rows, train, test, args) for train, test in drawn]
    found, _ = score_folds(made, l2, args.epochs, not args.quiet, kept)
    scores: list[list[float]] = found.tolist()
    return scores


def _source(rows: data.Data, train: Array, test: Array, args: argparse.Namespace) -> PathSource:
    """Return the model of a fold; the columns are coded by the fold's own training rows."""
    from pyl2.path.source import path_source

    fold = rows.fold(train, test)
    network = training.network(rows, args, inputs=fold.train[0].shape[1])
    how = {**training.optimizer(args), "epochs": args.epochs, "max_time": args.max_time}
    threads = how.pop("n_threads")
    how["validation"] = fold.validation
    return path_source(network, *fold.train, test=fold.test, n_threads=threads, training=how)


def means(found: Sequence[Sequence[float]]) -> list[dict[str, float]]:
    """Return mean and standard error of each λ's scores."""
    import numpy as np

    from pyl2._common import metrics

    scores = np.array(found)
    pairs = zip(metrics.mean_known(scores), metrics.standard_error(scores), strict=True)
    return [{"cv_score": float(mean), "cv_error": float(error)} for mean, error in pairs]


def choices(l2: Sequence[float] | Array, folds: Any, rule: str) -> dict[str, int]:
    """Return the λs that the rules choose, the one that was asked for first."""
    import numpy as np

    from pyl2.path.selection import RULES, choose

    if not np.isfinite(folds).any():
        raise ValueError("--cv: every fold failed at every λ; a smaller --eta may help")
    grid, found = np.asarray(l2), np.array(folds)
    return {name: choose(grid, found, name) for name in sorted(RULES, key=rule.__ne__)}
