"""From a file, or a data set that scikit-learn brings, to rows that are ready to train on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyl2.cli import options

if TYPE_CHECKING:
    from pyl2._common.validation import Array
    from pyl2.data import model_file, tables

DATASETS = ("diabetes", "breast_cancer", "digits", "iris", "wine")
"""Of scikit-learn's; the first, where λ shows best, when nothing is asked for."""

MOST_CLASSES = 20
"""A target of integers with more distinct values than this is taken for a quantity."""


def add_data(parser: options.Parser) -> None:
    """Add the options that say what is read, and how it is parted."""
    add = parser.add_argument_group("data").add_argument
    add("file", nargs="?", metavar="FILE", help="CSV with a header line, Parquet or npz")
    add("--target", metavar="NAME", help="the column to predict (default: y)")
    add("--drop", type=options.names, default=[], metavar="A,B", help="columns to leave out")
    add(
        "--missing",
        type=options.names,
        metavar="A,B",
        help="texts in the target that mean it is missing, as blanks always do; '' for none"
        " (default: those of pandas, such as NA, NaN, null and None, and ? and -)",
    )
    add(
        "--drop-missing-target",
        action="store_true",
        help="leave out the rows whose target is missing (default: an error)",
    )
    add("--dataset", choices=DATASETS, help=f"without a FILE (default: {DATASETS[0]})")
    add("--task", choices=("classification", "regression"), help="default: as the target is")
    add(
        "--test-size",
        type=options.fraction,
        default=0.25,
        metavar="F",
        help="rows to test (default: 0.25)",
    )
    add("--seed", type=options.seed, default=0, help="of split, start and shuffles (default: 0)")


@dataclass(frozen=True)
class Data:
    """A table made ready: rows to train and to test, standardised, and what they mean."""

    schema: model_file.Schema
    name: str
    why: str
    notes: list[str]
    train: tuple[Array, Array]
    test: tuple[Array, Array]


def read(args: argparse.Namespace) -> Data:
    """Read what the options say, part the rows, and standardise them."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    from pyl2.data import model_file

    table = _table(args)
    task, why = _task(table, args.task)
    y, classes = _classes(table) if task == "classification" else (table.y, None)
    notes = [*table.notes, *([] if classes is None else _spellings(table))]
    _check_rows(table, y, classes)
    try:
        train, test = train_test_split(
            np.arange(len(y)),
            test_size=args.test_size,
            random_state=args.seed,
            stratify=None if classes is None else y,
        )
    except ValueError as error:
        raise ValueError(f"--test-size {args.test_size:g}: {error}") from None
    if classes is None and min(len(train), len(test)) < 2:
        raise ValueError(f"{len(y)} rows are too few for --test-size {args.test_size:g}")
    unit = (0.0, 1.0)
    if classes is None:
        mean, scale = _moments(y[train, None], [table.target])
        unit = float(mean[0]), float(scale[0])
        y = ((y - unit[0]) / unit[1])[:, None]
    moments = _moments(table.X[train], table.names)
    schema = model_file.Schema(table.names, table.target, classes, *unit, *moments)
    X = schema.inputs(table.X).astype(args.dtype)
    name = args.file or f"{args.dataset or DATASETS[0]} (comes with scikit-learn)"
    return Data(schema, name, why, notes, (X[train], y[train]), (X[test], y[test]))


def _table(args: argparse.Namespace) -> tables.Table:
    from pyl2.data import tables

    named = {"--target": args.target, "--drop": args.drop}
    named |= {"--missing": args.missing, "--drop-missing-target": args.drop_missing_target}
    if args.file is None:
        for option, value in named.items():
            if value:
                raise ValueError(f"{option} goes with a FILE, and none is given")
        return tables.bundled(args.dataset or DATASETS[0])
    if args.dataset:
        raise ValueError(f"either a FILE or --dataset, not both: {args.file}, {args.dataset}")
    missing = tables.MISSING if args.missing is None else args.missing
    return tables.read(args.file, args.target or "y", args.drop, missing, args.drop_missing_target)


def _task(table: tables.Table, wanted: str | None) -> tuple[str, str]:
    """Return the task and the reason for it."""
    if table.numbers is None:
        if wanted == "regression":
            raise ValueError(f"no regression: target {table.target!r} is {table.kind}")
        return "classification", f"target {table.target!r} is {table.kind}"
    if wanted:
        return wanted, "--task says so"
    distinct = set(table.numbers)
    whole = all(number == int(number) for number in distinct)
    if whole and len(distinct) <= MOST_CLASSES:
        told, task = f"{len(distinct)} distinct integers", "classification"
    elif whole:
        told, task = f"more than {MOST_CLASSES} distinct integers", "regression"
    else:
        told, task = "numbers with fractions", "regression"
    return task, f"target {table.target!r} has {told}"


def _classes(table: tables.Table) -> tuple[Array, list[str]]:
    """Return the target as indices of the classes, and their names in order."""
    import numpy as np

    labels = table.labels
    keys = labels if table.numbers is None else list(zip(table.numbers, labels, strict=True))
    order = sorted(range(len(labels)), key=keys.__getitem__)
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    return rank[table.codes], [labels[i] for i in order]


def _spellings(table: tables.Table) -> list[str]:
    """Return a note on classes that are one number, such as 1 and 1.0, but two texts."""
    spelled: dict[Any, str] = {}
    for number, label in zip(table.numbers or (), table.labels, strict=False):
        other = spelled.setdefault(number, label)
        if other != label:
            return [f"classes {other!r} and {label!r} are one number, but two texts: two classes"]
    return []


def _check_rows(table: tables.Table, y: Array, classes: list[str] | None) -> None:
    """Refuse targets from which there is nothing to learn, or nothing to test by."""
    import numpy as np

    if len(y) < 4:
        raise ValueError(f"{len(y)} rows are too few to train and test with")
    if (y == y[0]).all():
        raise ValueError(f"target {table.target!r} is the same in all rows: nothing to learn")
    if classes is not None:
        counts = np.bincount(y)
        if counts.min() < 2:
            raise ValueError(
                f"class {classes[counts.argmin()]!r} has a single row, none is left to test by; "
                f"target {table.target!r} is {table.kind}"
                + ("" if table.numbers is None else ": for a quantity say --task regression")
            )


def _moments(X: Array, names: Sequence[str]) -> tuple[Array, Array]:
    """Return mean and standard deviation of the columns; 1 where a column is constant."""
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    with np.errstate(all="ignore"):
        scaler = StandardScaler().fit(X)
    for name, scale in zip(names, scaler.scale_, strict=True):
        if not np.isfinite(scale):
            raise ValueError(f"the numbers of {name!r} are too large to be standardised")
    return scaler.mean_, scaler.scale_
