"""`pyl2 train` without a λ: chosen by cross-validation, and tested beside two baselines."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from pyl2.cli import baselines, data, folds, resume, training

if TYPE_CHECKING:
    from pyl2._common.finished import Finished

_TABLE = (
    "Each λ is scored on each fold of the training set by a network that was trained on the other"
    " folds, scaling and coding of the columns included. ± is the standard error of the mean over"
    " the folds. The test set has no part in this."
)


def run(rows: data.Data, args: argparse.Namespace) -> None:
    """Choose λ, train at it, show the scores on the test set, save the network."""
    from pyl2.cli import report
    from pyl2.cli.outcome import Outcome, tell
    from pyl2.data import model_file
    from pyl2.path.table import path_table

    if args.n is not None:
        raise ValueError("--n goes with a number for --l2: a λ that is chosen has n = train")
    l2 = folds.lambdas(len(rows.train[0]))
    drawn = folds.drawn(rows, _number_of_folds(rows, args))
    network = training.network(rows, args)
    setup = training.described(rows, network)
    setup |= training.described_trainer(training.settings(network, args), args)
    setup |= {"cv": len(drawn), "rule": args.rule, "model": args.save}
    kept: Finished = resume.kept(rows, args)
    found = folds.scores(rows, drawn, l2, args, kept)
    choices = folds.choices(l2, found, args.rule)
    place = next(iter(choices.values()))
    trainer = training.trainer(rows, l2[place], args)
    history = training.trained(rows, trainer, args, kept, f"l2-{l2[place]:g}")
    result = training.result(rows, l2[place], trainer, history)
    if args.save:
        model_file.save(args.save, trainer.network, rows.schema)
    means = [{"l2": value, **mean} for value, mean in zip(l2, folds.means(found), strict=True)]
    setup |= {"baselines": baselines.scores(rows), "resumed": kept.taken}
    headline = [
        *report.answer(result.test_score, setup),
        report.chosen_by_folds(result.l2, means[place], setup),
    ]
    table = path_table(means, setup["measure"], choices)
    results = {"results": means, "fold_scores": found, "choices": choices, "chosen": asdict(result)}
    outcome = Outcome(
        "A model of a table",
        headline,
        heading="The choice of λ",
        table=table,
        caption=_TABLE,
        remarks=report.choice_remarks(means, place, found),
        explained=(),
        lines=report.choice_lines(setup, result),
        results=setup | results,
        pictures=lambda: training.pictures({l2[place]: history}, {l2[place]: trainer}),
    )
    tell(outcome, args)


def _number_of_folds(rows: data.Data, args: argparse.Namespace) -> int:
    """Return what was asked for, or five; fewer where the training set is small."""
    if args.cv is not None:
        return int(args.cv)
    if rows.most_folds < 2:
        raise ValueError(
            f"{len(rows.train[1])} training rows are too few to choose λ: say --l2 NUMBER"
        )
    return min(5, rows.most_folds)
