"""`pyl2 predict`: the rows of a file, by a saved model."""

from __future__ import annotations

import argparse
import math

from pyl2.cli import options


def add(commands: options.Commands) -> None:
    """Add the command and its options."""
    told = "predict the rows of a file with a saved model"
    parser = options.command(commands, "predict", told)
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="written by pyl2 train --save")
    parser.add_argument("file", metavar="FILE", help="a table with the features by name")
    parser.add_argument("--output", metavar="OUT.csv", help="default: standard output")
    parser.add_argument("--proba", action="store_true", help="add a column for each class")


def run(args: argparse.Namespace) -> None:
    """Predict the rows of a file with a saved model."""
    from pyl2.data import model_file, tables

    network, schema = model_file.load(args.model)
    if args.proba and schema.classes is None:
        raise ValueError(f"--proba: {args.model} is a regression, it has no classes")
    X = schema.inputs(tables.read_features(args.file, schema.features))
    outputs = network.predict(X)
    if not math.isfinite(outputs.sum()):
        raise ValueError(f"{args.file}: numbers too large for the model, or the model is damaged")
    names, columns = [schema.target], [schema.predictions(outputs)]
    if args.proba and schema.classes is not None:
        names += schema.classes
        columns += outputs.T.tolist()
    tables.write(args.output, names, columns)
