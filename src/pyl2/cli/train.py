"""`pyl2 train`: with and without the penalty."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from pyl2.cli import data, ensemble, options, output, training

if TYPE_CHECKING:
    from pyl2 import Backprop, History
    from pyl2.cli import report

_TABLE = (
    "Both networks began with the same weights and saw the same rows in the same order; only the"
    " penalty λ differs. Compare the two scores of a row: where the one on the rows trained on is"
    " far above the one on the others, the network has learned noise. A good λ makes the weights"
    " (‖W‖) smaller, the first score worse and the second better."
)
_CURVES = (
    "E₀ is the error without the penalty: on the rows trained on it falls and falls. On the rows"
    " held out (validation: the rows to test, from which nothing is learned) it falls only as long"
    " as what is learned is not noise; where it rises again, training has gone too far, and a good"
    " λ keeps it from that."
)
_WEIGHTS = (
    "How many weights have which value, biases aside. The penalty draws all of them towards zero,"
    " the large ones most, but sets none to zero."
)


def add(commands: options.Commands) -> None:
    """Add the command and its options."""
    told = "train with and without the L2 penalty and compare"
    parser = options.command(commands, "train", told)
    parser.set_defaults(run=run)
    data.add_data(parser)
    training.add_network(parser, hidden=(32, 16))
    group = parser.add_argument_group("training")
    training.add_l2(group)
    told = "divides λ: train (default), batch or a number"
    group.add_argument("--n", type=options.divisor, help=told)
    training.add_optimizer(group, epochs=200, time="for each of the two, or all of an ensemble")
    ensemble.add(group)
    group = output.add_output(parser)
    group.add_argument("--save", metavar="MODEL", help="write the model to this file")


def run(args: argparse.Namespace) -> None:
    """Train an ensemble, or a network with and without the penalty; save the model."""
    output.check_writable("--save", args.save)
    output.check_drawable("--report", args.report)
    rows = data.read(args)
    train = _run if args.ensemble is None else ensemble.run
    train(rows, args)


def _run(rows: data.Data, args: argparse.Namespace) -> None:
    """Train with and without the penalty, show both, save the penalized network."""
    from pyl2.cli import page, report
    from pyl2.data import model_file

    penalty = training.l2(args)
    trainers = {l2: _trainer(rows, l2, args) for l2 in (0.0, penalty)}
    trainer = trainers[penalty]
    setup = training.described(rows, trainer.network) | training.described_trainer(trainer, args)
    setup["model"] = args.save
    lines = report.training_lines(setup)
    if not (args.json or args.quiet):
        report.print_lines(lines)
    histories = {l2: _trained(rows, trainer, args) for l2, trainer in trainers.items()}
    results = [_result(rows, l2, trainers[l2], history) for l2, history in histories.items()]
    if args.save:
        model_file.save(args.save, trainer.network, rows.schema)
    table = report.trainings(results, setup["measure"])
    remarks = report.training_remarks(results)
    if args.report:
        sections = [
            page.run(args.command, setup["isa"], lines),
            page.table("With and without the penalty", table, [*remarks, _TABLE]),
            *_pictures(histories, trainers),
        ]
        page.write(args.report, "What the L2 penalty did", sections)
    if args.json:
        output.print_json({**setup, "results": [asdict(result) for result in results]})
    else:
        report.print_table(table, remarks)
        output.print_saved(args, args.report)
        if args.save and not args.quiet:
            print(f"saved {args.save} (l2 = {penalty:g}), for pyl2 predict {args.save} FILE")


def _pictures(histories: Mapping[float, History], trainers: Mapping[float, Backprop]) -> list[str]:
    """Draw how the errors went, and what became of the weights."""
    import numpy as np
    from matplotlib.figure import Figure

    from pyl2.cli import page
    from pyl2.plots import CurvesDisplay, WeightsDisplay

    parts = ("data_error", "validation_error")
    curves = {
        f"λ = {l2:g}": {part: getattr(history, part) for part in parts}
        for l2, history in histories.items()
    }
    weights = [
        np.concatenate([W.ravel() for W in trainer.network.weights])
        for trainer in trainers.values()
    ]
    courses, histogram = (Figure(figsize=(8, 4.5), layout="constrained") for _ in range(2))
    CurvesDisplay(curves).plot(courses.subplots())
    WeightsDisplay(weights, list(trainers)).plot(histogram.subplots())
    return [
        page.picture("The error along the way", courses, [_CURVES]),
        page.picture("The weights in the end", histogram, [_WEIGHTS]),
    ]


def _trainer(rows: data.Data, l2: float, args: argparse.Namespace) -> Backprop:
    """Set up one training; the seed makes start and shuffles the same for every λ."""
    from pyl2 import Backprop

    settings = training.optimizer(args)
    return Backprop(training.network(rows, args), l2=l2, n=args.n or "train", **settings)


def _trained(rows: data.Data, trainer: Backprop, args: argparse.Namespace) -> History:
    return trainer.train(
        *rows.train,
        args.epochs,
        validation=rows.test if args.report else None,  # for the picture; it takes a little time
        max_time=args.max_time,
        verbose=not args.quiet,
    )


def _result(rows: data.Data, l2: float, trainer: Backprop, history: History) -> report.Result:
    from pyl2.cli import report
    from pyl2.experiments.comparison import score

    seconds = float(history.seconds[-1])
    squares = sum(float((W.astype("float64") ** 2).sum()) for W in trainer.network.weights)
    return report.Result(
        l2=l2,
        data_error=float(history.data_error[-1]),
        penalty=float(history.penalty[-1]),
        train_score=score(trainer.network, *rows.train),
        test_score=score(trainer.network, *rows.test),
        weight_norm=math.sqrt(squares),
        epochs=len(history),
        stopped=history.stopped,
        seconds=seconds,
        items_per_second=len(rows.train[0]) * len(history) / seconds,
    )
