"""`pyl2 compare`: ways to train, with gradients and without, on the same error."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pyl2.cli import baselines, config, data, options, output, resume, training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyl2._common.finished import Finished
    from pyl2.experiments.comparison import Comparison
    from pyl2.plots import ErrorDisplay

_SECONDS = 0.4
"""Budget of a run, so that all are soon done."""

_TABLE = (
    "All methods minimise the same E = E₀ + R, from the same starts, with the same budget. The"
    " method with the lowest E need not be the one with the best test score."
)
_FREE = (
    "The last score is that of the same training without the penalty: where it is far worse, the"
    " network has learned noise, which the penalty prevents."
)
_PICTURE = (
    "Each line is one training, those of a method alike; the further left a line falls, the sooner"
    " the method gets there, and where it ends is the E of the table. Both axes are logarithmic."
)


def add(commands: options.Commands) -> None:
    """Add the command and its options."""
    text = "compare ways to train, with gradients and without, on the same error"
    parser = options.command(
        commands,
        "compare",
        text,
        examples=(
            "pyl2 compare --dataset wine --l2 1",
            "pyl2 compare sales.csv --target price --methods adam,lbfgs --seconds 2",
        ),
    )
    parser.set_defaults(run=run)
    data.add_data(parser)
    training.add_network(parser, hidden=(16,))
    group = parser.add_argument_group("training")
    training.add_l2(group)
    add = group.add_argument
    add(
        "--methods",
        type=options.names,
        metavar="A,B",
        help="of sgd, momentum, nesterov, adam, rmsprop, nadam, rprop, lbfgs, lm, pso; A+B is one"
        " after the other (default: sgd,momentum,adam,lbfgs,pso,pso+lbfgs)",
    )
    text = f"budget of a run (default: {_SECONDS:g})"
    add("--seconds", type=options.positive, metavar="S", help=text)
    text = "budget of a run in passes over the rows"
    add("--evaluations", type=options.count, metavar="K", help=text)
    text = "starts for each method (default: 3)"
    add("--seeds", type=options.count, default=3, metavar="K", help=text)
    add(
        "--eta",
        type=options.rates,
        default={},
        metavar="adam=0.01,…",
        help="learning rates (default: 0.1 sgd, 0.003 adam and nadam, 0.001 rmsprop, else 0.01)",
    )
    training.add_batch_size(group)
    add("--particles", type=options.count, default=50, help="of the swarm (default: 50)")
    training.add_threads(group)
    group = output.add_output(parser)
    output.add_figure(group, "draw E against time (or evaluations)")
    resume.add(group)
    config.add(parser)


def run(args: argparse.Namespace) -> None:
    """Compare ways to train, with and without the penalty, and draw E against what was spent."""
    from pyl2.cli import report
    from pyl2.cli.outcome import Outcome, tell
    from pyl2.experiments.table import comparison_table

    output.check_drawable("--output", args.output)
    output.check_drawable("--report", args.report)
    rows = data.read(args)
    setup = _setup(rows, args)
    kept = resume.kept(rows, args)
    found = _compared(rows, setup["l2"], setup, args, kept)
    without = _compared(rows, 0.0, setup, args, kept).summary() if setup["l2"] else None
    free = None if without is None else {row["method"]: row["test_score"] for row in without}
    summary = found.summary()
    table = comparison_table(summary, found.measure, free)
    setup |= {"baselines": baselines.scores(rows), "resumed": kept.taken}
    headline = report.comparison_headline(summary, setup, free)
    lines = report.comparison_lines(setup)
    if args.output:
        output.write_figure(args.output, _figure(_errors(found, args)))
    runs = [run.record() for run in found.runs]
    outcome = Outcome(
        "Ways to train, compared",
        headline,
        heading="Ways to train",
        table=table,
        caption=lines["table"],
        remarks=report.comparison_remarks(summary),
        explained=[_TABLE, *([_FREE] if free else [])],
        lines=lines,
        results={**setup, "results": summary, "without_penalty": without, "runs": runs},
        pictures=lambda: [_picture(_errors(found, args))],
    )
    tell(outcome, args)


def _setup(rows: data.Data, args: argparse.Namespace) -> dict[str, Any]:
    """Collect what is compared and how."""
    from pyl2.experiments.comparison import METHODS, check_eta, check_methods

    methods = check_methods(METHODS if args.methods is None else args.methods)
    stages = "+".join(methods).split("+")
    seconds = args.seconds or (None if args.evaluations else _SECONDS)
    return training.described(rows, training.network(rows, args)) | {
        "methods": methods,
        "l2": training.l2(args),
        "budget": {"seconds": seconds, "evaluations": args.evaluations},
        "seeds": list(range(args.seed, args.seed + args.seeds)),
        "eta": {name: eta for name, eta in check_eta(args.eta).items() if name in stages},
        "batch_size": training.rows_of_batch(args),
        "particles": args.particles if "pso" in stages else None,
        "figure": args.output,
    }


def _compared(
    rows: data.Data,
    l2: float,
    setup: dict[str, Any],
    args: argparse.Namespace,
    kept: Finished,
) -> Comparison:
    from pyl2 import compare

    return compare(
        *rows.train,
        training.network(rows, args),
        l2,
        **setup["budget"],
        methods=setup["methods"],
        seeds=setup["seeds"],
        test=rows.test,
        eta=setup["eta"],
        batch_size=setup["batch_size"],
        particles=args.particles,
        n_threads=args.n_threads,
        resume_dir=kept.inside(f"l2-{l2:g}"),
        verbose=not args.quiet,
    )


def _errors(found: Comparison, args: argparse.Namespace) -> ErrorDisplay:
    from pyl2.plots import ErrorDisplay

    against = "evaluations" if args.evaluations else "seconds"
    return ErrorDisplay(found.curves(against), xlabel=against)


def _picture(errors: ErrorDisplay) -> str:
    """Return the section of a page that shows E along the way."""
    from pyl2.cli import page, shows

    return page.picture(
        "The error along the way", _figure(errors), shows.errors(errors), [_PICTURE]
    )


def _figure(errors: ErrorDisplay) -> Figure:
    """Draw E against what was spent."""
    from matplotlib.figure import Figure

    from pyl2.cli import page

    figure = Figure(page.SIZE, layout="constrained")
    errors.plot(figure.subplots())
    return figure
