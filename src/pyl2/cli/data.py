"""From a file, or a data set that scikit-learn brings, to a training set and a test set."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pyl2.cli import options

if TYPE_CHECKING:
    from pyl2._common.validation import Array
    from pyl2.cli.splits import Split
    from pyl2.data import model_file, tables
    from pyl2.data.delimited import Dialect
    from pyl2.data.treatment import Treatment

DATASETS = ("diabetes", "breast_cancer", "digits", "iris", "wine")
"""Of scikit-learn's; the first, where λ shows best, when nothing is asked for."""

SCALES = ("standard", "robust", "quantile", "none")
"""Those of `TableEncoder`; here too, for the help loads nothing."""

MOST_CLASSES = 20
"""A target of integers with more distinct values than this is taken for a quantity."""


def add_data(parser: options.Parser) -> None:
    """Add the options that say what is read, and how it is split."""
    add = parser.add_argument_group("data").add_argument
    text = (
        "CSV or other delimited text, Parquet, npz, npy or xlsx, packed or not; - is standard input"
    )
    add("file", nargs="?", metavar="FILE", help=text)
    add("--target", metavar="NAME", help="the column to predict (default: y)")
    add("--drop", type=options.names, default=[], metavar="A,B", help="columns to leave out")
    text = "columns to use though they look like ids or have no name"
    add("--keep", type=options.names, default=[], metavar="A,B", help=text)
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
    text = "standard (default), robust, quantile or none: how numbers are scaled"
    add("--scale", choices=SCALES, default="standard", metavar="S", help=text)
    text = "categories of fewer rows share a column (default: 5, or 1 %% of the rows if fewer)"
    add("--min-frequency", type=options.count, metavar="ROWS", help=text)
    add_dialect(add)
    add("--dataset", choices=DATASETS, help=f"without a FILE (default: {DATASETS[0]})")
    add("--task", choices=("classification", "regression"), help="default: as the target is")
    add(
        "--test-size",
        type=options.fraction,
        default=0.25,
        metavar="F",
        help="size of the test set (default: 0.25)",
    )
    text = "rows of one value in this column stay together in splits and folds; it is no feature"
    add("--group", metavar="COLUMN", help=text)
    text = "split in the order of this column, or rows: as they stand; the last are the test set"
    add("--time", metavar="COLUMN", help=text)
    add("--seed", type=options.seed, default=0, help="of split, start and shuffles (default: 0)")


def add_dialect(add: Callable[..., Any]) -> None:
    """Add the options that say how a delimited file is written."""
    add("--encoding", metavar="NAME", help="of text (default: UTF-8, or as the file begins)")
    text = "the decimal mark in numbers (default: found out)"
    add("--decimal", choices=(".", ","), metavar="MARK", help=text)
    text = "what separates thousands (default: found out)"
    add("--thousands", choices=(",", ".", " ", "'"), metavar="MARK", help=text)
    text = "dmy or mdy: what 3/4/2024 is (default: what fits all dates of a column, mdy first)"
    add("--date-order", choices=("dmy", "mdy"), metavar="ORDER", help=text)
    text = "the first line is a row; the columns are c1, c2, …"
    add("--no-header", action="store_true", help=text)


def dialect(args: argparse.Namespace) -> Dialect:
    """Return what is said of a delimited file."""
    from pyl2.data.delimited import Dialect

    header = False if args.no_header else None
    return Dialect(args.encoding, args.decimal, args.thousands, header, args.date_order)


@dataclass(frozen=True)
class Rows:
    """Inputs and targets ready to train on, and to test with."""

    treatments: list[Treatment]
    unit: tuple[float, float]
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    validation: tuple[Array, Array] | None


@dataclass(frozen=True)
class Data:
    """A table made ready: a training set and a test set, standardised, and what they mean."""

    schema: model_file.Schema
    name: str
    why: str
    notes: list[str]
    train: tuple[Array, Array]
    test: tuple[Array, Array]
    validation: tuple[Array, Array] | None
    scale: str
    parted: str
    """How the rows are split, in words."""
    split: Callable[[int], list[tuple[Array, Array]]]
    """Splits the training set into so many folds: rows to train from, rows to score by."""
    most_folds: int
    fold: Callable[[Array, Array], Rows]
    """Makes rows of some of the training set, and others of it, by their indices."""


def read(args: argparse.Namespace) -> Data:
    """Read what the options say, split the rows, and make numbers of them."""
    from pyl2.cli.splits import Split
    from pyl2.data import model_file

    table = _table(args)
    task, why = _task(table, args.task)
    y, classes = _classes(table) if task == "classification" else (table.y, None)
    notes = [*table.notes, *([] if classes is None else _spellings(table))]
    _check_rows(table, y, classes)
    classed = None if classes is None else y
    split = Split(classed, table.group, table.time, args.seed, table.test)
    try:
        train, test = split.whole(len(y), args.test_size)
    except ValueError as error:
        raise ValueError(f"--test-size {args.test_size:g}: {error}") from None
    if classes is None and min(len(train), len(test)) < 2:
        raise ValueError(f"{len(y)} rows are too few for --test-size {args.test_size:g}")

    def ready(some: Array, others: Array) -> Rows:
        return _ready(table, split, y, some, others, args)

    def fold(some: Array, others: Array) -> Rows:
        return ready(train[some], train[others])

    rows = ready(train, test)
    marks = (table.dialect.decimal or ".", table.dialect.thousands or "")
    schema = model_file.Schema(rows.treatments, table.target, classes, *rows.unit, *marks)
    name = args.file or f"{args.dataset or DATASETS[0]} (comes with scikit-learn)"
    return Data(
        schema,
        name,
        why,
        notes,
        rows.train,
        rows.test,
        rows.validation,
        args.scale,
        split.describe(),
        partial(split.folds, train),
        split.most_folds(train),
        fold,
    )


def _ready(
    table: tables.Table,
    split: Split,
    y: Array,
    train: Array,
    test: Array,
    args: argparse.Namespace,
) -> Rows:
    """Make numbers of rows to train on, and of rows to test with, by the first alone.

    For early stopping rows are held out from those to train on.
    """
    from pyl2.data import treatment

    parts = {"test": test}
    if getattr(args, "early_stopping", False):
        size = args.validation_size
        try:
            train, parts["validation"] = split.part(train, size)
        except ValueError as error:
            raise ValueError(f"--validation-size {size:g}: {error}") from None
    recipe = treatment.Recipe(args.scale, args.min_frequency, frozenset(args.keep))
    treatments = treatment.fit(table.taken(train), recipe, table.ids)
    unit = (0.0, 1.0)
    if split.classes is None:
        unit = _moments(y[train], table.target)
        y = ((y - unit[0]) / unit[1])[:, None]

    def ready(rows: Array) -> tuple[Array, Array]:
        found = treatment.encode(treatments, table.taken(rows), sparse=False)
        return found.astype(args.dtype), y[rows]

    others = {name: ready(rows) for name, rows in parts.items()}
    return Rows(treatments, unit, ready(train), others["test"], others.get("validation"))


_OF_FILES = (
    *("target", "drop", "keep", "missing", "drop_missing_target", "no_header", "group", "time"),
)


def _table(args: argparse.Namespace) -> tables.Table:
    from pyl2.data import tables

    if args.file is None:
        for name in _OF_FILES:
            if getattr(args, name):
                option = name.replace("_", "-")
                raise ValueError(f"--{option} goes with a FILE, and none is given")
        return tables.bundled(args.dataset or DATASETS[0])
    if args.dataset:
        raise ValueError(f"either a FILE or --dataset, not both: {args.file}, {args.dataset}")
    request = tables.Request(
        args.target or "y",
        args.drop,
        args.keep,
        args.missing,
        args.drop_missing_target,
        dialect(args),
        args.group,
        args.time,
    )
    return tables.read(args.file, request)


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
        reason, task = f"{len(distinct)} distinct integers", "classification"
    elif whole:
        reason, task = f"more than {MOST_CLASSES} distinct integers", "regression"
    else:
        reason, task = "numbers with fractions", "regression"
    return task, f"target {table.target!r} has {reason}"


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


def _moments(y: Array, name: str) -> tuple[float, float]:
    """Return mean and standard deviation of a target; 1 for that where it is constant."""
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    with np.errstate(all="ignore"):
        scaler = StandardScaler().fit(y[:, None])
    if not np.isfinite(scaler.scale_[0]):
        raise ValueError(f"the numbers of {name!r} are too large to be standardised")
    return float(scaler.mean_[0]), float(scaler.scale_[0])
