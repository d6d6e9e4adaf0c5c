"""`pyl2 train` without a λ: chosen by cross-validation, and tested beside two baselines."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pyl2.cli import data, folds, output, training

if TYPE_CHECKING:
    pass

_TABLE = (
    "Each λ is scored on each fold of the training set by a network that was trained on the other"
    " folds, scaling and coding of the columns included. ± is the standard error of the mean over"
    " the folds. The test set has no part in this."
)


def run(rows: data.Data, args: argparse.Namespace) -> None:
    """Choose λ, train at it, show the scores on the test set, save the network."""
    from pyl2.cli import page, report
    from pyl2.data import model_file
    from pyl2.path.table import choice_table

    if args.n is not None:
        raise ValueError("--n goes with a number for --l2: a λ that is chosen has n = train")
    l2 = folds.lambdas(len(rows.train[0]))
    drawn = folds.drawn(rows, _number_of_folds(rows, args))
    network = training.network(rows, args)
    setup = training.described(rows, network)
    setup |= training.described_trainer(training.settings(network, args), args)
    setup |= {"cv": len(drawn), "rule": args.rule, "model": args.save}
    found = folds.scores(rows, drawn, l2, args)
    choices = folds.choices(l2, found, args.rule)
    place = next(iter(choices.values()))
    trainer = training.trainer(rows, l2[place], args)
    history = training.trained(rows, trainer, args)
    result = training.result(rows, l2[place], trainer, history)
    if args.save:
        model_file.save(args.save, trainer.network, rows.schema)
    means = _means(l2, found)
    baselines = _baselines(rows)
    headline = report.headline(result, means[place], baselines, setup)
    table = choice_table(means, setup["measure"], choices)
    remarks = report.choice_remarks(means, place, len(drawn), found)
    lines = report.choice_lines(setup, result)
    if args.report:
        sections = [
            page.table("The choice of λ", table, _TABLE, remarks),
            *training.pictures({l2[place]: history}, {l2[place]: trainer}),
            page.run(args.command, setup["isa"], lines),
        ]
        page.write(args.report, "A model of a table", headline, sections)
    if args.json:
        told = {"results": means, "fold_scores": found, "choices": choices}
        told |= {"chosen": asdict(result), "baselines": baselines}
        return output.print_json({**setup, **told})
    report.print_remarks(headline)
    report.print_table(table, remarks)
    if not args.quiet:
        report.print_lines(lines)
        output.print_saved(args, args.report)
        if args.save:
            print(f"saved {args.save}, for pyl2 predict {args.save} FILE")


def _number_of_folds(rows: data.Data, args: argparse.Namespace) -> int:
    """Return what was asked for, or five; fewer where the training set is small."""
    import numpy as np

    if args.cv is not None:
        return int(args.cv)
    y = rows.train[1]
    most = len(y) // 2 if rows.schema.classes is None else int(np.bincount(y).max())
    if most < 2:
        raise ValueError(f"{len(y)} training rows are too few to choose λ: say --l2 NUMBER")
    return min(5, most)


def _means(l2: Sequence[float], found: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """Return mean and standard error of each λ's scores."""
    import numpy as np

    from pyl2._common import metrics

    scores = np.array(found)
    means, errors = metrics.mean_known(scores), metrics.standard_error(scores)
    return [
        {"l2": value, "cv_score": float(mean), "cv_error": float(error)}
        for value, mean, error in zip(l2, means, errors, strict=True)
    ]


def _baselines(rows: data.Data) -> dict[str, float]:
    """Return the scores on the test set of two models that anybody can have."""
    import warnings

    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    numbers = rows.schema.classes is None
    models = (
        {"ridge regression": Ridge(), "the mean": DummyRegressor()}
        if numbers
        else {
            "logistic regression": LogisticRegression(max_iter=1000),
            "the largest class": DummyClassifier(),
        }
    )
    (X, y), (X_test, y_test) = rows.train, rows.test
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged: it is a baseline all the same
        return {name: float(m.fit(X, y).score(X_test, y_test)) for name, m in models.items()}
