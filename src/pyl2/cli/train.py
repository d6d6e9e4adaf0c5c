"""`pyl2 train`: a model of a table, λ chosen by cross-validation or given."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from pyl2.cli import choose, data, ensemble, folds, options, output, training

if TYPE_CHECKING:
    pass

_TABLE = (
    "Both networks began with the same weights and saw the same rows in the same order; only the"
    " penalty λ differs. Compare the two scores of a row: where the one on the rows trained on is"
    " far above the one on the others, the network has learned noise. A good λ makes the weights"
    " (‖W‖) smaller, the first score worse and the second better."
)


def add(commands: options.Commands) -> None:
    """Add the command and its options."""
    told = "train a model of a table: λ by cross-validation, scores beside baselines"
    parser = options.command(commands, "train", told)
    parser.set_defaults(run=run)
    data.add_data(parser)
    training.add_network(parser, hidden=(32, 16))
    group = parser.add_argument_group("training")
    told = "cv (default): λ chosen by cross-validation; a number: beside a network without penalty"
    group.add_argument("--l2", type=options.l2_or_cv, metavar="L", help=told)
    told = "folds to choose λ by (default: 5)"
    group.add_argument("--cv", type=options.folds, metavar="K", help=told)
    folds.add_rule(group)
    told = "divides λ: train (default), batch or a number"
    group.add_argument("--n", type=options.divisor, help=told)
    training.add_optimizer(group, epochs=200, time="for each of the two, or all of an ensemble")
    ensemble.add(group)
    group = output.add_output(parser)
    group.add_argument("--save", metavar="MODEL", help="write the model to this file")


def run(args: argparse.Namespace) -> None:
    """Train an ensemble, or a network at a λ that is chosen or given; save the model."""
    output.check_writable("--save", args.save)
    output.check_drawable("--report", args.report)
    rows = data.read(args)
    if args.ensemble is not None:
        ensemble.run(rows, args)
    elif args.l2 in (None, "cv"):
        choose.run(rows, args)
    else:
        _run(rows, args)


def _run(rows: data.Data, args: argparse.Namespace) -> None:
    """Train with and without the penalty, show both, save the penalized network."""
    from pyl2.cli import page, report
    from pyl2.data import model_file

    penalty = training.l2(args)
    trainers = {l2: training.trainer(rows, l2, args) for l2 in (0.0, penalty)}
    trainer = trainers[penalty]
    setup = training.described(rows, trainer.network) | training.described_trainer(trainer, args)
    setup["model"] = args.save
    lines = report.training_lines(setup)
    if not (args.json or args.quiet):
        report.print_lines(lines)
    histories = {l2: training.trained(rows, trainer, args) for l2, trainer in trainers.items()}
    results = [
        training.result(rows, l2, trainers[l2], history) for l2, history in histories.items()
    ]
    if args.save:
        model_file.save(args.save, trainer.network, rows.schema)
    table = report.trainings(results, setup["measure"])
    remarks = report.training_remarks(results)
    if args.report:
        sections = [
            page.table("With and without the penalty", table, lines.pop("table"), [_TABLE]),
            *training.pictures(histories, trainers),
            page.run(args.command, setup["isa"], lines),
        ]
        page.write(
            args.report,
            "What the L2 penalty did",
            [report.penalty_answer(results, setup["measure"]), *remarks],
            sections,
        )
    if args.json:
        output.print_json({**setup, "results": [asdict(result) for result in results]})
    else:
        report.print_table(table, remarks)
        output.print_saved(args, args.report)
        if args.save and not args.quiet:
            print(f"saved {args.save} (l2 = {penalty:g}), for pyl2 predict {args.save} FILE")
