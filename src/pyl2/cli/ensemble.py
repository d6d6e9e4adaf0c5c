"""`pyl2 train --ensemble`: many networks with drawn λ, selected by rows held out."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from pyl2.cli import baselines, data, options, training

if TYPE_CHECKING:
    from pyl2 import MLPClassifierEnsemble, MLPRegressorEnsemble, Network
    from pyl2.ensemble import Ensemble

_TABLE = (
    "Each candidate has its own λ and its own initial weights. It is trained five times, each time"
    " without one fifth of the training set; error is that of its predictions for the held-out"
    " rows. The selection adds candidates, some more than once, as long as they lower the error of"
    " the mean; weight is the share of each. The selected ones are then trained on all rows."
)


# Options of a single training that the ensembles lack, and what these are by default.
_NOT_OF_IT = {
    "loss": None,
    "label_smoothing": 0.0,
    "schedule": "constant",
    "warmup": 0,
    "l2_schedule": "constant",
    "clip_norm": None,
    "clip_value": None,
    "average": None,
    "early_stopping": False,
    "tol": None,
    "resume": None,
}


def add(group: options.Group) -> None:
    """Add the option."""
    text = "train K candidates with drawn λ, keep the ones whose mean predicts best"
    group.add_argument("--ensemble", type=options.count, metavar="K", help=text)


def run(rows: data.Data, args: argparse.Namespace) -> None:
    """Train an ensemble, show its candidates and scores, save it."""
    from dataclasses import asdict

    from pyl2.cli import report
    from pyl2.cli.outcome import Outcome, tell
    from pyl2.data import model_file

    model = _estimator(rows, args)
    setup = training.described(rows, training.network(rows, args)) | _described(model, args)
    began = time.perf_counter()
    X, y = rows.train
    model.fit(X, y if y.ndim == 1 else y[:, 0])
    seconds = time.perf_counter() - began
    found = _ensemble(model)
    if args.save:
        model_file.save(args.save, found, rows.schema)
    result = _result(rows, model, found, seconds)
    candidates = [candidate._asdict() for candidate in model.candidates_]
    setup["baselines"] = baselines.scores(rows)
    headline = report.ensemble_headline(result, setup)
    outcome = Outcome(
        "An ensemble of networks",
        headline,
        heading="Candidates",
        table=report.candidates(candidates),
        caption=_TABLE,
        remarks=(),
        explained=(),
        lines=report.ensemble_lines(setup),
        results={**setup, "candidates": candidates, "result": asdict(result)},
    )
    tell(outcome, args)


def _estimator(
    rows: data.Data, args: argparse.Namespace
) -> MLPRegressorEnsemble | MLPClassifierEnsemble:
    from pyl2 import MLPClassifierEnsemble, MLPRegressorEnsemble
    from pyl2._common.validation import check_option
    from pyl2.estimators.ensemble_base import SOLVERS

    for option in ("l2", "n", "decay"):
        if getattr(args, option) is not None:
            raise ValueError(f"--{option} does not go with --ensemble, which draws λ")
    for option in ("group", "time"):
        if getattr(args, option) is not None:
            raise ValueError(f"--{option} does not go with --ensemble, whose folds are drawn")
    for option, usual in _NOT_OF_IT.items():
        if getattr(args, option) != usual:
            raise ValueError(f"--{option.replace('_', '-')} does not go with --ensemble")
    solver = args.optimizer or "lbfgs"
    check_option("--optimizer", solver, SOLVERS)
    settings: dict[str, Any] = {
        "hidden_layer_sizes": args.hidden,
        "activation": args.activation[0] if len(args.activation) == 1 else args.activation,
        "candidates": args.ensemble,
        "solver": solver,
        "batch_size": min(training.rows_of_batch(args) or len(rows.train[0]), len(rows.train[0])),
        "init": args.init,
        "max_iter": args.epochs,
        "dropout": args.dropout,
        "input_dropout": args.input_dropout,
        "max_time": args.max_time,
        "random_state": args.seed,
        "n_threads": args.n_threads,
        "verbose": not args.quiet,
    }
    if args.eta is not None:
        settings["learning_rate_init"] = args.eta
    classes = rows.schema.classes
    if classes is None:
        return MLPRegressorEnsemble(normalize_y=False, **settings)  # rows are standardised
    missing = set(range(len(classes))).difference(rows.train[1].tolist())
    if missing:
        raise ValueError(
            f"--test-size {args.test_size:g} leaves no row of class {classes[min(missing)]!r}"
            " in the training set"
        )
    return MLPClassifierEnsemble(**settings)


def _described(model: Any, args: argparse.Namespace) -> dict[str, Any]:
    full_batch = model.solver == "lbfgs"
    return {
        "optimizer": model.solver,
        "eta": None if full_batch else model.learning_rate_init,
        "batch_size": None if full_batch else model.batch_size,
        "epochs": args.epochs,
        "decay": None,
        "dropout": model.dropout,
        "input_dropout": model.input_dropout,
        "n": "train",
        "seed": args.seed,
        "early_stopping": None,
        "ensemble": {
            "candidates": model.candidates,
            "folds": model.folds,
            "l2": list(model.alphas),
            "members": model.members,
        },
        "model": args.save,
    }


def _ensemble(model: Any) -> Ensemble:
    """Return the ensemble in the form of model files: a column of outputs for each class."""
    import numpy as np

    from pyl2.ensemble import Ensemble

    if hasattr(model, "noise_variance_"):
        noise = np.atleast_1d(np.float64(model.noise_variance_))
        return Ensemble(model.networks_, model.weights_, noise)
    return Ensemble([_softmax(network) for network in model.networks_], model.weights_)


def _softmax(network: Network) -> Network:
    """Return a network of one logistic output as one of two classes: softmax of (0, z)."""
    from pyl2._common.outputs import check_objective
    from pyl2.network import empty_network

    if network.output == "softmax":
        return network
    sizes = (*network.layer_sizes[:-1], 2)
    made = empty_network(sizes, network.hidden, check_objective("softmax"), network.dtype)
    layers = zip(made.weights + made.biases, network.weights + network.biases, strict=True)
    for wide, narrow in layers:
        wide[...] = 0.0
        wide[..., -narrow.shape[-1] :] = narrow
    return made


def _result(rows: data.Data, model: Any, found: Ensemble, seconds: float) -> Any:
    """Return what the ensemble has come to, by predictions for both sets."""
    import numpy as np

    from pyl2._common.metrics import score
    from pyl2._common.outputs import Objective
    from pyl2.cli import report

    (X, y), (X_test, y_test) = rows.train, rows.test
    held_out = model.oof_prediction_.reshape(len(X), -1)
    coverage, objective = None, Objective.of(found.networks[0])
    if found.noise is None:
        outputs = found.predict(X_test)
    else:
        outputs, deviations = found.predict_std(X_test)
        coverage = float(np.mean(np.abs(outputs - y_test) <= report.TWO_SIDED_95 * deviations))
    return report.EnsembleResult(
        networks=len(found.networks),
        selected=sum(candidate.weight > 0 for candidate in model.candidates_),
        candidates=len(model.candidates_),
        train_score=score(found.predict(X), y, objective),
        held_out_score=score(held_out, y, objective),
        test_score=score(outputs, y_test, objective),
        coverage=coverage,
        seconds=seconds,
    )
