"""Tables of the command line: files and scikit-learn's data sets in, predictions out.

Files are CSV, Parquet or npz, told apart by their first bytes. All are read whole before they are
parsed, so pipes work and a second look at a file that cannot be read, to say where, is cheap.
Faults are ValueErrors of one line.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from pyl2 import files
from pyl2.checks import Array

_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls the column of an index without a name."""

_NAMED_AT_MOST = 8
"""Faulty columns an error names, so that its line can be read."""


@dataclass(frozen=True)
class Table:
    """Rows of numbers, and what is to be learned from them.

    Attributes
    ----------
    names : list of str
        The features, one for each column of `X`.
    X : ndarray of float64, shape (rows, features)
    target : str
        Name of the target.
    y : ndarray of float64, shape (rows,)
        The target: numbers, or with `labels` indices of them.
    labels : list of str or None
        Of the classes, where the target is text or bool.
    kind : str
        What the target is, in words.
    """

    names: list[str]
    X: Array
    target: str
    y: Array
    labels: list[str] | None
    kind: str


@dataclass(frozen=True)
class _Target:
    values: Array
    labels: list[str] | None = None
    kind: str = "numbers"


def read(path: str, target: str = "y", drop: Sequence[str] = ()) -> Table:
    """Read a table to train on.

    Parameters
    ----------
    path : str
        A CSV file with a header line (separated by commas, semicolons or tabs); a Parquet file,
        which needs pyarrow; or an npz file: 1-D arrays, the columns by name, or a 2-D array `X`
        (columns x0, x1, …) beside the target.
    target : str
        Column to predict: numbers or text.
    drop : sequence of str
        Columns to leave out; all others are features.

    Returns
    -------
    Table
    """
    source = _open(path)
    _known(source.targets, [target], path, "; name the target with --target")
    _known(source.features, drop, path)
    features = [name for name in source.features if name not in {target, *drop}]
    if not features:
        raise ValueError(f"{path}: no column is left to predict {target!r} from")
    X, y = source.load(features, target)
    assert y is not None
    _finite(features, X)
    _finite([target], y.values[:, None])
    return Table(features, X, target, y.values, y.labels, y.kind)


def read_features(path: str, names: Sequence[str]) -> Array:
    """Read the named columns of a table to predict from, in the order given."""
    source = _open(path)
    _known(source.features, names, path)
    X, _ = source.load(names, None)
    _finite(names, X)
    return X


def bundled(name: str) -> Table:
    """Load a data set that comes with scikit-learn, such as "iris"."""
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")()
    names = [str(feature) for feature in data.feature_names]
    X, y = np.asarray(data.data, np.float64), np.asarray(data.target, np.float64)
    labels = np.asarray(data.get("target_names", ()))
    if labels.dtype.kind != "U":
        return Table(names, X, "target", y, None, "numbers")
    return Table(names, X, "target", y, labels.tolist(), "text")


def write(path: str | None, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    """Write columns as CSV: to a file, whole or not at all, or to standard output if it is None."""
    if path is None:
        return _write(sys.stdout, names, columns)
    text = io.StringIO(newline="")
    _write(text, names, columns)
    files.replace(path, text.getvalue().encode())


def _write(file: TextIO, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))


def _open(path: str) -> _Csv | _Parquet | _Npz:
    data = Path(path).read_bytes()
    if not data:
        raise ValueError(f"{path}: the file is empty")
    if data.startswith(b"PK\x03\x04"):
        return _Npz(path, data)
    if data.startswith(b"PAR1"):
        return _Parquet(path, data)
    for kind in ("npz", "parquet"):
        if path.endswith(f".{kind}"):
            raise ValueError(f"{path}: the name of a {kind} file, but it is none")
    return _Csv(path, data)


def _known(names: Sequence[str], wanted: Iterable[str], path: str, advice: str = "") -> None:
    known = set(names)
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ValueError(
            f"{path}: no column {_listed(missing)}; it has {_listed(names) or 'none'}{advice}"
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_NAMED_AT_MOST]))
    more = len(names) - _NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown


def _finite(names: Sequence[str], X: Array) -> None:
    good = np.isfinite(X)
    if good.all():
        return
    first = {
        name: f"row {row + 1}: {X[row, column]}"
        for column, (name, row) in enumerate(zip(names, good.argmin(axis=0), strict=True))
        if not good[row, column]
    }
    raise ValueError(f"not finite: {_places(first)}")


def _distinct(names: Sequence[str], path: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path}: columns of the same name: {_listed(twice)}")


def _places(faults: Mapping[str, str]) -> str:
    """Columns and what is wrong with each; rows are counted from 1, without the header."""
    shown = [f"{name!r} ({what})" for name, what in list(faults.items())[:_NAMED_AT_MOST]]
    more = len(faults) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _short(value: str) -> str:
    if not value.strip():
        return "empty"
    return repr(value if len(value) <= 20 else value[:19] + "…")


def _not_numeric(faults: Mapping[str, str], path: str) -> ValueError:
    drop = shlex.quote(",".join(f'"{name}"' if "," in name else name for name in faults))
    return ValueError(
        f"{path}: not numeric: {_places(faults)}; leave columns out with --drop {drop}"
    )


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)  # np.loadtxt does not read 1_000
    except ValueError:
        return None


class _Csv:
    """A CSV file: its columns, and their numbers once it is known which are wanted."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data = path, data
        self.delimiter = self._sniffed()
        header = next(self._rows(), None)
        if header is None:
            raise ValueError(f"{path}: no header line")
        # A table written with its row numbers has a column without a name. It gets one to be
        # dropped by, and is refused as a feature: row numbers often know the answer.
        self.unnamed = {f"column {i}" for i, name in enumerate(header, 1) if not name.strip()}
        self.columns = [name.strip() or f"column {i}" for i, name in enumerate(header, 1)]
        self.features = self.targets = self.columns
        self._check_names()

    def load(self, features: Sequence[str], target: str | None) -> tuple[Array, _Target | None]:
        """Parse the whole body; columns that are not wanted are counted, not read."""
        unnamed = self.unnamed.intersection(features)
        if unnamed:
            name = min(unnamed)
            raise ValueError(
                f"{self.path}: {name} has no name in the header (are they row numbers?): "
                f'name it, or leave it out with --drop "{name}"'
            )
        wanted = set(features)
        texts: dict[str, int] = {}
        converters: dict[int | str, Callable[[str], float]] = {
            i: lambda _: 0.0 for i, name in enumerate(self.columns) if name not in wanted
        }
        if target is not None:
            converters[self.columns.index(target)] = lambda text: texts.setdefault(
                text.strip(), len(texts)
            )
        body = self._parsed(converters, features)
        X = body[:, [self.columns.index(name) for name in features]]
        if target is None:
            return X, None
        return X, _decoded(target, body[:, self.columns.index(target)].astype(np.intp), texts)

    def _sniffed(self) -> str:
        """Return the delimiter that makes most of the first line."""
        try:
            line = next(self._lines(), "")
            return max(",;\t", key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))
        except csv.Error as error:
            raise ValueError(f"{self.path}: not a CSV file: {error}") from None

    def _lines(self) -> Iterator[str]:
        text = io.TextIOWrapper(io.BytesIO(self.data), encoding="utf-8-sig", newline="")
        try:
            yield from text
        except UnicodeDecodeError:
            raise ValueError(f"{self.path}: neither text in UTF-8, nor Parquet, nor npz") from None

    def _rows(self, lines: Iterator[str] | None = None) -> Iterator[list[str]]:
        """Yield the rows of cells, header first; empty lines are none."""
        reader = csv.reader(lines or self._lines(), delimiter=self.delimiter)
        try:
            yield from filter(None, reader)
        except csv.Error as error:
            raise ValueError(f"{self.path}: line {reader.line_num} is not CSV: {error}") from None

    def _check_names(self) -> None:
        numbered = self.columns == [str(i) for i in range(len(self.columns))]  # pandas' own names
        if not numbered and all(_number(name) is not None for name in self.columns):
            raise ValueError(f"{self.path}: the first line must name the columns; it has numbers")
        _distinct(self.columns, self.path)

    def _parsed(
        self, converters: dict[int | str, Callable[[str], float]], features: Sequence[str]
    ) -> Array:
        lines = self._lines()
        next(self._rows(lines))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an empty body is told below, as an error
                body = np.loadtxt(
                    lines,
                    delimiter=self.delimiter,
                    quotechar='"',
                    comments=None,
                    converters=converters,
                    encoding="utf-8",
                    ndmin=2,
                )
        except ValueError as error:
            if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None  # NumPy takes Ctrl-C in a converter for a fault
            fault = str(error)
        else:
            if not body.size:
                raise ValueError(f"{self.path}: no rows beneath the header")
            if body.shape[1] == len(self.columns):
                return body
            fault = f"{body.shape[1]} values in a row"
        self._explain(features)
        raise ValueError(f"{self.path}: {fault}")

    def _explain(self, features: Sequence[str]) -> None:
        """Raise what is wrong with the body, in the words of the header."""
        wanted = [(self.columns.index(name), name) for name in features]
        faults: dict[str, str] = {}
        rows = self._rows()
        next(rows)
        for number, cells in enumerate(rows, 1):
            if len(cells) != len(self.columns):
                raise ValueError(
                    f"{self.path}: row {number} has {len(cells)} values, "
                    f"the header {len(self.columns)} names"
                )
            for i, name in wanted:
                if name not in faults and _number(cells[i]) is None:
                    faults[name] = f"row {number}: {_short(cells[i])}"
        if faults:
            raise _not_numeric(faults, self.path)


def _decoded(name: str, codes: Array, texts: Mapping[str, int]) -> _Target:
    """Turn the different texts of a target, by order of appearance, into numbers or labels."""

    def row(text: str) -> int:
        return int((codes == texts[text]).argmax()) + 1

    if "" in texts:
        raise ValueError(f"target {name!r} is empty in row {row('')}")
    numbers = [_number(text) for text in texts]
    if None not in numbers:
        return _Target(np.array(numbers, np.float64)[codes])
    labels = sorted(texts)
    rank = {label: i for i, label in enumerate(labels)}
    first = list(texts)[numbers.index(None)]
    return _Target(
        np.array([rank[text] for text in texts], np.float64)[codes],
        labels,
        f"text (row {row(first)}: {_short(first)})",
    )


class _Parquet:
    """A Parquet file: columns of numbers, bool or text, or categories of such."""

    def __init__(self, path: str, data: bytes) -> None:
        try:
            import pyarrow.parquet as pq
        except ImportError:
            raise ValueError(
                f"{path}: Parquet files need pyarrow: pip install 'pyl2[frames]'"
            ) from None
        self.path = path
        self.file = _attempt(path, "a Parquet", lambda: pq.ParquetFile(io.BytesIO(data)))
        # An index of pandas without a name is a column in the file, but none of the frame.
        self.features = self.targets = [
            name for name in self.file.schema_arrow.names if not _INDEX.fullmatch(name)
        ]
        _distinct(self.targets, path)

    def load(self, features: Sequence[str], target: str | None) -> tuple[Array, _Target | None]:
        """Read the columns wanted, and no others."""
        wanted = [*features, *([] if target is None else [target])]
        columns = _attempt(self.path, "a Parquet", lambda: self._columns(wanted))
        if not self.file.metadata.num_rows:
            raise ValueError(f"{self.path}: it has no rows")
        faults = {
            name: found if isinstance(found, str) else f"row 1: {_short(str(found[0]))}"
            for name, found in ((name, columns[name]) for name in features)
            if isinstance(found, str) or found.dtype.kind == "U"
        }
        if faults:
            raise _not_numeric(faults, self.path)
        X = np.stack([np.asarray(columns[name], np.float64) for name in features], axis=1)
        if target is None:
            return X, None
        y = columns[target]
        if isinstance(y, str):
            raise ValueError(f"{self.path}: target {target!r}: {y}")
        return X, _typed(target, y)

    def _columns(self, names: Sequence[str]) -> dict[str, Array | str]:
        body = self.file.read(columns=list(names))
        body.validate(full=True)  # what is damaged may hold indices and lengths beyond the end
        return {name: _of_arrow(body[name]) for name in names}


def _of_arrow(column: Any) -> Array | str:
    """Return a column of Arrow as numbers, bool or text; as a str what it is if not such."""
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    if not (text or number or types.is_decimal(kind) or types.is_null(kind)):
        return str(kind)
    if column.null_count:
        return f"row {column.is_null().to_numpy().argmax() + 1}: empty"
    values: Array = column.to_numpy()
    return values if number else values.astype(str if text else np.float64)


def _typed(name: str, y: Array) -> _Target:
    """Take the values of a target for what their type says."""
    if y.dtype.kind in "US":
        texts = y.astype(str)
        if (texts == "").any():
            raise ValueError(f"target {name!r} is empty in row {(texts == '').argmax() + 1}")
        labels, index = np.unique(texts, return_inverse=True)
        try:
            classes = labels.tolist()
        except SystemError:
            raise ValueError(f"target {name!r} has characters beyond Unicode's") from None
        return _Target(index.astype(np.float64), classes, "text")
    if y.dtype.kind == "b":
        return _Target(y.astype(np.float64), ["False", "True"], "bool")
    if y.dtype.kind in "iuf":
        return _Target(y.astype(np.float64))
    raise ValueError(f"target {name!r} is neither numbers nor text: {y.dtype}")


class _Npz:
    """An npz file: a column for each 1-D array, or for each column of a 2-D array `X`."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.archive = _attempt(
            path, "an npz", lambda: np.load(io.BytesIO(data), allow_pickle=False)
        )
        self.features = self.targets = list(self.archive.files)
        twice = sorted({name for name in self.targets if self.targets.count(name) > 1})
        if twice:
            raise ValueError(f"{path}: columns of the same name: {_listed(twice)}")
        self.X = self._array("X") if "X" in self.targets else np.empty(0)
        if self.X.ndim == 2:
            self.features = [f"x{i}" for i in range(self.X.shape[1])]
            self.targets = [name for name in self.targets if name != "X"]

    def load(self, features: Sequence[str], target: str | None) -> tuple[Array, _Target | None]:
        """Gather the columns wanted."""
        with np.errstate(all="ignore"):  # what float64 cannot hold is looked for later
            X = self._of_matrix(features) if self.X.ndim == 2 else self._gathered(features)
            return X, None if target is None else self._target(target, len(X))

    def _of_matrix(self, features: Sequence[str]) -> Array:
        if self.X.dtype.kind not in "biuf" or not len(self.X):
            raise ValueError(
                f"{self.path}: X must have numbers, not {self.X.dtype}, and rows, not {len(self.X)}"
            )
        chosen = [int(name[1:]) for name in features]
        whole = chosen == list(range(self.X.shape[1]))
        return np.asarray(self.X if whole else self.X[:, chosen], np.float64)

    def _gathered(self, features: Sequence[str]) -> Array:
        arrays = {name: self._array(name) for name in features}
        faults = {
            name: f"{array.ndim}-D, {array.dtype}"
            for name, array in arrays.items()
            if array.ndim != 1 or array.dtype.kind not in "biuf"
        }
        if faults:
            raise _not_numeric(faults, self.path)
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            told = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
            raise ValueError(f"{self.path}: the columns must have one length, and rows: {told}")
        return np.stack([array.astype(np.float64) for array in arrays.values()], axis=1)

    def _target(self, name: str, rows: int) -> _Target:
        y = self._array(name)
        if y.shape != (rows,):
            raise ValueError(
                f"{self.path}: target {name!r} has the shape {y.shape}, for {rows} rows of features"
            )
        return _typed(name, y)

    def _array(self, name: str) -> Array:
        return np.asarray(_attempt(self.path, "an npz", lambda: self.archive[name]))


def _attempt(path: str, kind: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except MemoryError:
        raise
    except Exception as error:
        # zipfile, zlib, NumPy's parser of headers and Arrow raise many kinds at malformed bytes.
        raise ValueError(f"{path}: not {kind} file that can be read: {error}") from None
