"""`pyl2 train`: a model of a table, λ chosen by cross-validation or given."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from pyl2.cli import (
    baselines,
    by_evidence,
    choose,
    config,
    data,
    ensemble,
    folds,
    options,
    output,
    resume,
    training,
)

_TABLE = (
    "Both networks began with the same weights and saw the same rows in the same order; only the"
    " penalty λ differs. Compare the two scores of a row: where the one on the training set is far"
    " above the one on the test set, the network has learned noise."
)


def add(commands: options.Commands) -> None:
    """Add the command and its options."""
    text = "train a model of a table: λ by cross-validation, scores beside baselines"
    parser = options.command(
        commands,
        "train",
        text,
        examples=(
            "pyl2 train flowers.csv --target species --save flowers.pyl2",
            "pyl2 train sales.csv --target price --time date --early-stopping",
        ),
        page="from_a_table",
    )
    parser.set_defaults(run=run)
    data.add_data(parser)
    training.add_network(parser, hidden=(32, 16))
    group = parser.add_argument_group("training")
    text = (
        "cv (default): λ by cross-validation; evidence: by the evidence, for numbers, with lbfgs or"
        " lm; a number: beside a network without penalty"
    )
    group.add_argument("--l2", type=options.l2_or_rule, metavar="L", help=text)
    text = "folds to choose λ by (default: 5)"
    group.add_argument("--cv", type=options.folds, metavar="K", help=text)
    folds.add_rule(group)
    text = "divides λ: train (default), batch or a number"
    group.add_argument("--n", type=options.divisor, help=text)
    training.add_optimizer(
        group,
        "for each training, or all of an ensemble",
        f"; {by_evidence.EPOCHS} for --l2 evidence",
    )
    ensemble.add(group)
    training.add_early_stopping(parser)
    group = output.add_output(parser)
    group.add_argument("--save", metavar="MODEL", help="write the model to this file")
    resume.add(group)
    config.add(parser)


def run(args: argparse.Namespace) -> None:
    """Train an ensemble, or a network at a λ that is chosen or given; save the model."""
    output.check_writable("--save", args.save)
    output.check_drawable("--report", args.report)
    if args.ensemble is None and args.l2 == "evidence":
        by_evidence.check(args)
    args.epochs = args.epochs or training.EPOCHS
    rows = data.read(args)
    if args.ensemble is not None:
        ensemble.run(rows, args)
    elif args.l2 == "evidence":
        by_evidence.run(rows, args)
    elif args.l2 in (None, "cv"):
        choose.run(rows, args)
    else:
        _run(rows, args)


def _run(rows: data.Data, args: argparse.Namespace) -> None:
    """Train with and without the penalty, show both, save the penalized network."""
    from pyl2.cli import report
    from pyl2.cli.outcome import Outcome, tell
    from pyl2.data import model_file

    penalty = training.l2(args)
    trainers = {l2: training.trainer(rows, l2, args) for l2 in (0.0, penalty)}
    trainer = trainers[penalty]
    setup = training.described(rows, trainer.network) | training.described_trainer(trainer, args)
    setup["model"] = args.save
    kept = resume.kept(rows, args)
    histories = {
        l2: training.trained(rows, trainer, args, kept, f"l2-{l2:g}")
        for l2, trainer in trainers.items()
    }
    results = [
        training.result(rows, l2, trainers[l2], history) for l2, history in histories.items()
    ]
    if args.save:
        model_file.save(args.save, trainer.network, rows.schema)
    scores = {
        "results": [asdict(result) for result in results],
        "baselines": baselines.scores(rows),
    }
    setup |= {"resumed": kept.taken} | scores
    headline = report.training_headline(results, setup)
    lines = report.training_lines(setup)
    table = report.trainings(results, setup["measure"])
    outcome = Outcome(
        "What the L2 penalty did",
        headline,
        heading="With and without the penalty",
        table=table,
        caption=lines["table"],
        remarks=report.training_remarks(results),
        explained=[_TABLE],
        lines=lines,
        results=setup,
        pictures=lambda: training.pictures(histories, trainers),
    )
    tell(outcome, args)
