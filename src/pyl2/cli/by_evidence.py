"""`pyl2 train --l2 evidence`: λ of the greatest log evidence, without folds."""

from __future__ import annotations

import argparse

from pyl2.cli import baselines, data, folds, resume, training

SOLVERS = ("lbfgs", "lm")
"""Those that reach a minimum of E, of which the evidence is."""

EPOCHS = 2000
"""Iterations, at most, that it takes to come to a minimum."""

_TABLE = (
    "The evidence is the density of the training targets under the prior that λ stands for; γ is"
    " the number of parameters that these targets determine. No rows are set aside for it. Where"
    " the model is not nearly right, as often with relu, folds choose better."
)


def check(args: argparse.Namespace) -> None:
    """Refuse what the evidence does not go with; by default train by lbfgs."""
    args.optimizer, args.epochs = args.optimizer or SOLVERS[0], args.epochs or EPOCHS
    if args.optimizer not in SOLVERS:
        raise ValueError(
            f"--l2 evidence is of minima of E: --optimizer {' or '.join(SOLVERS)},"
            f" not {args.optimizer}"
        )
    for option in ("n", "cv", "decay"):
        if getattr(args, option) is not None:
            raise ValueError(f"--{option} does not go with --l2 evidence")
    if args.early_stopping:
        raise ValueError("--early-stopping does not go with --l2 evidence, which is of minima of E")
    if args.loss not in training.OF_NUMBERS:
        raise ValueError("--l2 evidence is of a squared error, not of another --loss")


def run(rows: data.Data, args: argparse.Namespace) -> None:
    """Train at many λ, take the one of the greatest evidence, show its scores, save it."""
    from pyl2 import l2_path
    from pyl2.cli import report
    from pyl2.cli.outcome import Outcome, tell
    from pyl2.data import model_file
    from pyl2.path.table import path_table

    if rows.schema.classes is not None:
        raise ValueError(
            "--l2 evidence: of classes the evidence favours too small a λ; --l2 cv chooses better"
        )
    network = training.network(rows, args)
    setup = training.described(rows, network)
    setup |= training.described_trainer(training.settings(network, args), args)
    setup |= {"model": args.save, "evidence": True}
    kept = resume.kept(rows, args)
    path = l2_path(
        network,
        *rows.train,
        [value for value in folds.lambdas(len(rows.train[0])) if value],
        test=rows.test,
        epochs=args.epochs,
        max_time=args.max_time,
        verbose=not args.quiet,
        evidence=True,
        resume_dir=kept.inside("path"),
        **training.optimizer(args),
    )
    try:
        place = path.best_evidence
    except ValueError:
        raise ValueError("--l2 evidence: training failed at every λ") from None
    if args.save:
        model_file.save(args.save, path.network(place), rows.schema)
    setup["baselines"] = baselines.scores(rows)
    summary = path.summary()
    chosen = summary[place]
    headline = [
        *report.answer(chosen["test_score"], setup),
        report.chosen_by_evidence(chosen, setup),
    ]
    columns = ("l2", "train_score", "test_score", "norm", "log_evidence", "n_effective")
    listed = [{name: row[name] for name in (*columns, "epochs", "stopped")} for row in summary]
    table = path_table(listed, path.measure, {"greatest evidence": place})
    outcome = Outcome(
        "A model of a table",
        headline,
        heading="The choice of λ",
        table=table,
        caption=_TABLE,
        remarks=report.evidence_remarks(summary, place),
        explained=(),
        lines=report.path_lines(setup),
        results={**setup, "results": summary, "chosen": chosen},
    )
    tell(outcome, args)
