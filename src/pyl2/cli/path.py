"""`pyl2 path`: one network at many λ, and which λ is good."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyl2.cli import baselines, config, data, folds, options, output, resume, training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyl2 import L2Path, Network
    from pyl2._common.finished import Finished
    from pyl2._common.validation import Array
    from pyl2.plots import ScoreDisplay

_TABLE = (
    "Each row is the same network, trained from the same weights on the same rows, at another λ."
    " Read it from the top: as λ grows the weights (‖W‖) shrink, the output becomes smoother, and"
    " the score on the training set falls. The score on the test set rises as long as λ keeps the"
    " network from learning noise, and falls when it can no longer learn the signal."
)
_SCORES = (
    "Usually the two curves are furthest apart at the left, where the network memorises the"
    " training set, and meet at the right, where λ lets it learn nothing. The best λ lies between,"
    " where the solid curve is highest; where that is flat, the choice matters little."
)
_FOLDS = (
    "Each fold of the training set is held out in turn; the band is one standard error of the mean"
    " to each side. Scores within it cannot be distinguished from the best: hence the rule 1se."
)
_EVIDENCE = (
    "The evidence is the density of the training targets under the prior that λ stands for, and γ"
    " the number of parameters that these targets determine. Where the model is nearly right, the"
    " greatest evidence is at a good λ, without folds. Otherwise, as often with relu and always"
    " with classes, trust the scores below."
)
_WEIGHTS = (
    "A line for each weight (for some of them in large layers). They converge to zero as λ grows,"
    " each at its own pace. L2 makes weights small and sets none to exactly zero; all weights of a"
    " hidden unit may fade before those of others."
)
_SATURATION = (
    "A saturated unit is on the flat part of its activation: its slope is nearly zero, and it"
    " learns slowly. Small weights keep units away from there."
)
_FITS = (
    "The network's prediction for every input, in standardised units. For small λ it bends to"
    " meet single points; for larger λ it is smooth; for the largest it is the mean."
)
_BOUNDARIES = (
    "The class that the network predicts, in standardised units. For small λ the boundary bends"
    " around single points; for larger λ it is smooth and the probabilities change slowly; for the"
    " largest they are the same everywhere."
)


def add(commands: options.Commands) -> None:
    """Add the command and its options."""
    text = "train one network at many λ, and show what L2 does"
    parser = options.command(
        commands,
        "path",
        text,
        examples=(
            "pyl2 path --dataset diabetes --cv 5",
            "pyl2 path sales.csv --target price --l2 0,0.1:1000:9 --report page.html",
        ),
    )
    parser.set_defaults(run=run)
    data.add_data(parser)
    training.add_network(parser, hidden=(32, 16))
    group = parser.add_argument_group("training")
    text = "λs: 0,0.1,1 or lo:hi:count, log-spaced, or both (default: for 1000 rows 0,0.1:10000:11)"
    group.add_argument("--l2", type=options.lambdas, metavar="L", help=text)
    training.add_optimizer(group, "for all λs together")
    group = parser.add_argument_group("choice of λ")
    text = "number of folds to choose λ by, at least 2 (default: no choice)"
    group.add_argument("--cv", type=options.folds, metavar="K", help=text)
    folds.add_rule(group)
    text = "log evidence and effective number of parameters (γ) of each λ; train by lbfgs or lm"
    group.add_argument("--evidence", action="store_true", help=text)
    training.add_early_stopping(parser)
    group = output.add_output(parser)
    output.add_figure(group, "draw scores and weights against λ")
    group.add_argument("--save", metavar="MODEL", help="write the network at the chosen λ")
    resume.add(group)
    config.add(parser)


def run(args: argparse.Namespace) -> None:
    """Train at all λ, choose one if asked to, show what λ did."""
    import numpy as np

    from pyl2.cli import report
    from pyl2.cli.outcome import Outcome, tell
    from pyl2.data import model_file
    from pyl2.path.table import path_table

    args.epochs = args.epochs or training.EPOCHS
    output.check_writable("--save", args.save)
    output.check_drawable("--output", args.output)
    output.check_drawable("--report", args.report)
    rows = data.read(args)
    network = training.network(rows, args)
    drawn = folds.drawn(rows, args.cv) if args.cv else []
    setup = _setup(rows, network, args)
    kept = resume.kept(rows, args)
    found, scores, interrupted = _trained(network, rows, drawn, args, kept)
    choices = {"best": found.best}
    if scores is not None:
        choices = folds.choices(found.l2, scores, args.rule)
    if args.evidence and np.isfinite(found.log_evidence).any():
        choices["evidence"] = found.best_evidence
    summary = found.summary()
    if scores is not None:
        pairs = zip(summary, folds.means(scores), strict=True)
        summary = [row | means for row, means in pairs]
    if args.save:
        model_file.save(args.save, found.network(next(iter(choices.values()))), rows.schema)
    setup |= {"baselines": baselines.scores(rows), "resumed": kept.taken}
    headline = report.path_headline(summary, setup, choices)
    table = path_table(summary, found.measure, choices)
    lines = report.path_lines(setup)
    if args.output:
        output.write_figure(args.output, _figure(found, scores, choices))
    outcome = Outcome(
        "What λ does",
        headline,
        heading="The path over λ",
        table=table,
        caption=lines["table"],
        remarks=report.path_remarks(summary, found.measure, choices),
        explained=[_TABLE],
        lines=lines,
        results={**setup, "results": summary, "fold_scores": scores, "choices": choices},
        pictures=lambda: _pictures(found, scores, choices, rows),
    )
    tell(outcome, args)
    if interrupted:
        raise KeyboardInterrupt


def _setup(rows: data.Data, network: Network, args: argparse.Namespace) -> dict[str, Any]:
    """Collect what the notes and the JSON tell, results aside."""
    return (
        training.described(rows, network)
        | training.described_trainer(training.settings(network, args), args)
        | {
            "cv": args.cv,
            "rule": args.rule if args.cv else None,
            "evidence": args.evidence,
            "figure": args.output,
        }
    )


def _trained(
    network: Network,
    rows: data.Data,
    drawn: folds.Folds,
    args: argparse.Namespace,
    kept: Finished,
) -> tuple[L2Path, list[list[float]] | None, bool]:
    """Return the path, the scores of the folds, and whether Ctrl-C has cut them short."""
    from pyl2.path.result import Interrupted

    try:
        l2 = args.l2 or folds.lambdas(len(rows.train[0]))
        found = _path(network, rows, l2, args, kept)
    except Interrupted as interrupt:
        return interrupt.path, None, True
    if set(found.stopped) == {"diverged"}:
        raise ValueError("training diverged at every λ: a smaller --eta may help")
    try:
        held_out = folds.scores(rows, drawn, found.l2, args, kept) if drawn else None
        return found, held_out, False
    except KeyboardInterrupt:
        return found, None, True


def _path(
    network: Network,
    rows: data.Data,
    l2: Sequence[float] | Array,
    args: argparse.Namespace,
    kept: Finished,
) -> L2Path:
    from pyl2 import l2_path

    return l2_path(
        network,
        *rows.train,
        l2,
        test=rows.test,
        validation=rows.validation,
        epochs=args.epochs,
        max_time=args.max_time,
        verbose=not args.quiet,
        evidence=args.evidence,
        resume_dir=kept.inside("path"),
        **training.optimizer(args),
    )


def _scores(
    found: L2Path, held: list[list[float]] | None, choices: Mapping[str, int]
) -> ScoreDisplay:
    from pyl2.plots import ScoreDisplay

    marked = {name: float(found.l2[place]) for name, place in choices.items()}
    test = found.test_score if held is None else held
    return ScoreDisplay(found.l2, found.train_score, test, choices=marked, measure=found.measure)


def _figure(found: L2Path, held: list[list[float]] | None, choices: Mapping[str, int]) -> Figure:
    """Draw scores, weights and the evidence, if it was asked for, one above the other."""
    from matplotlib.figure import Figure

    from pyl2.plots import EvidenceDisplay, PathDisplay

    panels = 3 if "evidence" in choices else 2
    figure = Figure(figsize=(8, 4 * panels), layout="constrained")
    scores, weights, *evidence = figure.subplots(panels)
    _scores(found, held, choices).plot(scores)
    PathDisplay.from_results(found).plot(weights)
    for ax in evidence:
        EvidenceDisplay(found.l2, found.log_evidence, found.n_effective).plot(ax)
    return figure


def _pictures(
    found: L2Path,
    held: list[list[float]] | None,
    choices: Mapping[str, int],
    rows: data.Data,
) -> list[str]:
    """Draw what λ does to scores, weights and hidden units, and to outputs that can be drawn."""
    import numpy as np
    from matplotlib.figure import Figure

    from pyl2 import plots
    from pyl2.cli import page, shows

    def drawn(
        heading: str,
        display: Any,
        words: Callable[[Any], str],
        *caption: str,
        size: Any = page.SIZE,
    ) -> str:
        figure = Figure(size, layout="constrained")
        panels = len(getattr(display, "chances", [0]))
        display.plot(figure.subplots(1, panels, sharex=True, sharey=True))
        return page.picture(heading, figure, words(display), caption)

    scores = [_SCORES] if held is None else [_SCORES, _FOLDS]
    weights = plots.PathDisplay.from_results(found)
    sections = [
        drawn("Scores", _scores(found, held, choices), shows.scores, *scores),
        drawn("Weights", weights, shows.path, _WEIGHTS),
    ]
    if "evidence" in choices:
        evidence = plots.EvidenceDisplay.from_results(found, folds=held)
        figure = Figure((8, 6.5), layout="constrained")
        evidence.plot(figure.subplots(2, sharex=True))
        sections.append(page.picture("Evidence", figure, shows.evidence(evidence), [_EVIDENCE]))
    if np.isfinite(found.saturation).any():
        saturation = plots.SaturationDisplay.from_results(found)
        sections.append(drawn("Saturated units", saturation, shows.saturation, _SATURATION))
    if rows.train[0].shape[1] == 1 and rows.schema.classes is None:
        fits = plots.FitDisplay.from_results(found, *rows.train)
        sections.append(drawn("Fits", fits, shows.fits, _FITS))
    if rows.train[0].shape[1] == 2 and rows.schema.classes is not None:
        lines = plots.BoundaryDisplay.from_results(found, *rows.train)
        described = shows.boundaries, _BOUNDARIES
        sections.append(drawn("Boundaries", lines, *described, size=(2.4 * len(lines.l2), 2.9)))
    return sections
