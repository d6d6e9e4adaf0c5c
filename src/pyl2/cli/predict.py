"""`pyl2 predict`: the rows of a file, by a saved model."""

from __future__ import annotations

import argparse
import math
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from pyl2.cli import data, options

if TYPE_CHECKING:
    from pyl2 import Network
    from pyl2._common.validation import Array
    from pyl2.data import model_file
    from pyl2.data.cells import Cells
    from pyl2.data.delimited import Dialect
    from pyl2.ensemble import Ensemble


def add(commands: options.Commands) -> None:
    """Add the command and its options."""
    text = "predict the rows of a file with a saved model"
    parser = options.command(
        commands,
        "predict",
        text,
        examples=(
            "pyl2 predict flowers.pyl2 new.csv --id id --proba",
            "pyl2 predict prices.pyl2 new.csv --output predictions.parquet",
        ),
        page="from_a_table",
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="written by pyl2 train --save")
    parser.add_argument("file", metavar="FILE", help="a table with the features by name")
    data.add_dialect(parser.add_argument)
    parser.add_argument(
        "--output", metavar="OUT", help="a .parquet file, or CSV (default: CSV to standard output)"
    )
    text = "columns of the file to write beside the predictions"
    parser.add_argument("--id", type=options.names, default=[], metavar="A,B", help=text)
    parser.add_argument("--quiet", action="store_true", help="no notes")
    parser.add_argument("--proba", action="store_true", help="add a column for each class")
    text = "add a column of standard deviations (of an ensemble that predicts numbers)"
    parser.add_argument("--std", action="store_true", help=text)


def run(args: argparse.Namespace) -> None:
    """Predict the rows of a file with a saved model."""
    from pyl2.data import model_file, tables

    model, schema = model_file.load(args.model)
    _check_asked(args, model, schema)
    dialect = _dialect(args, schema)
    table, ids = tables.read_features(args.file, schema.treatments, dialect, args.id)
    if not args.quiet:
        _tell_surprises(schema, table)
    X = schema.encode(table)
    outputs, deviations = _predicted(model, X, args.std)
    if not math.isfinite(outputs.sum() + deviations.sum()):
        raise ValueError(f"{args.file}: numbers too large for the model, or the model is damaged")
    names, columns = [*ids, schema.target], [*ids.values(), schema.predictions(outputs)]
    if args.std:
        names.append(f"{schema.target}_std")
        columns.append((deviations[:, 0] * schema.target_scale).tolist())
    if args.proba and schema.classes is not None:
        names += schema.classes
        columns += outputs.T.tolist()
    tables.write(args.output, names, columns)


def _tell_surprises(schema: model_file.Schema, table: dict[str, Cells]) -> None:
    """Say on standard error what the training set had not: gaps, categories."""
    from pyl2.data.treatment import surprise

    for found in schema.treatments:
        note = surprise(found, table[found.name]) if found.name in table else ""
        if note:
            with suppress(OSError):  # standard error has no reader, or no space
                print(f"pyl2: note: {note}", file=sys.stderr)


def _dialect(args: argparse.Namespace, schema: model_file.Schema) -> Dialect:
    """Return what is said of the file, or else was so where the model was trained."""
    from dataclasses import replace

    said = data.dialect(args)
    return replace(
        said,
        decimal=said.decimal or (schema.decimal if schema.decimal != "." else None),
        thousands=said.thousands or schema.thousands or None,
    )


def _check_asked(
    args: argparse.Namespace, model: Network | Ensemble, schema: model_file.Schema
) -> None:
    """Refuse columns that the model does not have."""
    if args.proba and schema.classes is None:
        raise ValueError(f"--proba: {args.model} is a regression, it has no classes")
    if args.std and schema.classes is not None:
        raise ValueError(f"--std: {args.model} predicts classes; --proba says how sure it is")
    if args.std and getattr(model, "noise", None) is None:
        raise ValueError(
            f"--std: {args.model} is a single network; pyl2 train --ensemble 10 saves one that"
            " knows standard deviations"
        )


def _predicted(model: Network | Ensemble, X: Array, std: bool) -> tuple[Array, Array]:
    """Return the outputs, and their standard deviations; 0 where they are not asked for."""
    import numpy as np

    from pyl2.ensemble import Ensemble

    if std and isinstance(model, Ensemble):
        return model.predict_std(X)
    outputs = model.predict(X)
    return outputs, np.zeros_like(outputs)
