"""Tables of the command line: files and scikit-learn's data sets in, predictions out.

Files are CSV, Parquet or npz, told apart by their first bytes. All are read whole before they are
parsed, so pipes work and a second look at a file that cannot be read, to say where, is cheap.
Faults are ValueErrors of one line.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shlex
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np

from pyl2._common import files
from pyl2._common.validation import Array

MISSING = (
    *("NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NULL", "null", "None"),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
    *("?", "-"),
)
"""Texts that mean that a value is missing: those of pandas, and two more. Blank cells, the nulls of
Parquet, and NaN among numbers are missing whatever the list says."""

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
    values : list
        The different values of the target: texts, or what the file says they are.
    codes : ndarray of int, shape (rows,)
        Which of the values each row has.
    numbers : list or None
        The values as numbers, exact where they are whole; None where they are text or bool.
    kind : str
        What the target is, in words.
    notes : list of str
        What a reader of the results should know of the file.
    """

    names: list[str]
    X: Array
    target: str
    values: list[Any]
    codes: Array
    numbers: list[Any] | None
    kind: str
    notes: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """The names of the values as classes: the text, or the integer, that stands in the file."""
        return [_label(value) for value in self.values]

    @property
    def y(self) -> Array:
        """The target of each row as float64, where it is numbers."""
        return np.array([_float(number) for number in self.numbers or ()])[self.codes]


@dataclass(frozen=True)
class _Fault:
    """What is wrong with the cells of a column, and whether they are missing."""

    told: str
    missing: bool = False


def read(
    path: str,
    target: str = "y",
    drop: Sequence[str] = (),
    missing: Sequence[str] = MISSING,
    drop_missing_target: bool = False,
) -> Table:
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
        Columns to leave out; all others are features, but for the index of a pandas frame.
    missing : sequence of str
        Texts that stand for a missing value; blank ones do so anyway.
    drop_missing_target : bool
        Leave out the rows without a target, which are an error otherwise.

    Returns
    -------
    Table
    """
    source = _open(path)
    target = _known(source.targets, [target], path, "; name the target with --target")[0]
    columns = [*source.features, *source.columns, *source.targets]
    unwanted = {target, *_known(columns, drop, path)}
    features = [name for name in source.features if name not in unwanted]
    if not features:
        raise ValueError(f"{path}: no column is left to predict {target!r} from")
    _distinct(source.columns, [target], path)
    _distinct(
        source.columns, features, path, lambda twice: f" or leave them out with {_drop(twice)}"
    )
    unnamed = source.unnamed.intersection(features)
    if unnamed:
        name = min(unnamed)
        raise ValueError(
            f"{path}: {name} has no name in the header (are they row numbers?): "
            f"name it, or leave it out with {_drop([name])}"
        )
    values, codes = source.distinct(target)
    marks = frozenset(missing)
    gaps = np.array([_is_missing(value, marks) for value in values], bool)
    absent = gaps[codes]
    if absent.all():
        raise ValueError(f"{path}: target {target!r} is missing in all rows")
    if absent.any() and not drop_missing_target:
        raise _target_missing(path, target, [values[i] for i in np.flatnonzero(gaps)], absent)
    X = _finite(source, features, ~absent, marks, lambda bad: _advice_to_train(bad, features))
    values = [value for value, gap in zip(values, gaps, strict=True) if not gap]
    codes = (np.cumsum(~gaps) - 1)[codes[~absent]]
    numbers, kind = _numbers(target, values, codes, ~absent, source.typed)
    notes = [*source.notes, *_counting(features, X, len(absent))]
    if absent.any():
        notes.append(f"{_rows_of(absent)} left out: they have no {target!r}")
    return Table(features, X, target, values, codes, numbers, kind, notes)


def read_features(path: str, names: Sequence[str]) -> Array:
    """Read the named columns of a table to predict from, in the order given."""
    source = _open(path)
    names = _known(source.columns, names, path)
    _distinct(source.columns, names, path)
    marks = frozenset(MISSING)
    return _finite(
        source, names, None, marks, lambda _: "the model needs a number in each of these cells"
    )


def bundled(name: str) -> Table:
    """Load a data set that comes with scikit-learn, such as "iris"."""
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")()
    names = [str(feature) for feature in data.feature_names]
    X = np.asarray(data.data, np.float64)
    labels = np.asarray(data.get("target_names", ()))
    if labels.dtype.kind == "U":
        return Table(names, X, "target", labels.tolist(), data.target, None, "text")
    values, codes = _distinct_numbers(data.target)
    return Table(names, X, "target", values, codes, values, "numbers")


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
    data = files.contents(path)
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


def _known(names: Sequence[str], wanted: Iterable[str], path: str, advice: str = "") -> list[str]:
    """Return the wanted names as the file spells them, blanks around them aside."""
    spelled = {name.strip(): name for name in names} | {name: name for name in names}
    found = {name: spelled.get(name, spelled.get(name.strip())) for name in wanted}
    missing = [name for name, known in found.items() if known is None]
    if missing:
        has = _listed(list(dict.fromkeys(names))) or "none"
        raise ValueError(f"{path}: no column {_listed(missing)}; it has {has}{advice}")
    return [known for known in found.values() if known is not None]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_NAMED_AT_MOST]))
    more = len(names) - _NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown


def _distinct(
    names: Sequence[str],
    wanted: Iterable[str],
    path: str,
    advice: Callable[[list[str]], str] = lambda _: "",
) -> None:
    """Refuse names that more than one of the columns has, if they are wanted."""
    count = Counter(names)
    twice = sorted({name for name in wanted if count[name] > 1})
    if twice:
        raise ValueError(
            f"{path}: columns of the same name: {_listed(twice)}; rename them{advice(twice)}"
        )


def _drop(names: Iterable[str]) -> str:
    """Return the option that leaves columns out, as a shell takes it."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return f"--drop {shlex.quote(line.getvalue())}"


def _finite(
    source: _Csv | _Parquet | _Npz,
    features: Sequence[str],
    kept: Array | None,
    marks: Collection[Any],
    advice: Callable[[Mapping[str, _Fault]], str],
) -> Array:
    """Return the features of the rows that are kept (None: all): each cell a finite number."""
    X, faults = source.matrix(features, kept, marks)
    what = "not numeric"
    if not faults:
        what, faults = "not finite", _not_finite(features, X, kept)
    if faults:
        raise ValueError(f"{source.path}: {what}: {_places(faults)}; {advice(faults)}")
    return X


def _not_finite(features: Sequence[str], X: Array, kept: Array | None) -> dict[str, _Fault]:
    bad = ~np.isfinite(X)
    if not bad.any():
        return {}
    rows = np.arange(len(X)) if kept is None else np.flatnonzero(kept)
    return {
        name: _fault(rows[bad[:, i]], str(X[bad[:, i].argmax(), i]), bool(np.isnan(X[:, i]).any()))
        for i, name in enumerate(features)
        if bad[:, i].any()
    }


def _fault(rows: Sequence[int] | Array, what: str, missing: bool = False) -> _Fault:
    """Describe the faulty cells of a column by the first; rows are counted without the header."""
    first = f"row {rows[0] + 1}: {what}"
    return _Fault(first if len(rows) == 1 else f"{len(rows)} cells, first {first}", missing)


def _places(faults: Mapping[str, _Fault]) -> str:
    shown = [f"{name!r} ({fault.told})" for name, fault in list(faults.items())[:_NAMED_AT_MOST]]
    more = len(faults) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _advice_to_train(faults: Mapping[str, _Fault], features: Sequence[str]) -> str:
    """Say what can be done about columns that are no numbers, where some others are."""
    if len(faults) < len(features):
        more = ", or fill in what is missing" if any(f.missing for f in faults.values()) else ""
        return f"leave columns out with {_drop(faults)}{more}"
    return "no feature is left without them: fill in what is missing, and make text numbers, first"


def _target_missing(path: str, target: str, found: Sequence[Any], absent: Array) -> ValueError:
    texts = [value for value in found if isinstance(value, str) and value.strip()]
    kinds = list(dict.fromkeys(_short(str("" if value is None else value)) for value in found))
    keep = "; if {} is a class, list what does mean missing with --missing, '' for none"
    return ValueError(
        f"{path}: target {target!r} is missing in {_rows_of(absent)} "
        f"({', '.join(kinds[:_NAMED_AT_MOST])}; first in row {absent.argmax() + 1}): "
        "leave these rows out with --drop-missing-target"
        + (keep.format(_short(texts[0])) if texts else "")
    )


def _rows_of(chosen: Array) -> str:
    return f"{np.count_nonzero(chosen)} of {len(chosen)} rows"


def _is_missing(value: Any, marks: Collection[Any]) -> bool:
    if isinstance(value, str):
        return not value.strip() or value.strip() in marks
    return value is None or bool(value != value)


def _counting(features: Sequence[str], X: Array, rows: int) -> list[str]:
    """Return a note on each feature that numbers the rows of the file, in whatever order."""
    low, high = X.min(axis=0), X.max(axis=0)
    likely = (low >= 0) & (high <= rows) & (high >= low + len(X) - 1)
    found = [
        features[int(i)]
        for i in np.flatnonzero(likely)
        if (X[:, i] == np.floor(X[:, i])).all() and len(np.unique(X[:, i])) == len(X)
    ]
    if len(found) == len(features):
        return []  # nothing would be left to learn from
    return [f"{name!r} numbers the rows; if it is no feature: {_drop([name])}" for name in found]


def _short(value: str) -> str:
    if not value.strip():
        return "empty"
    return repr(value if len(value) <= 20 else value[:19] + "…")


def _parsed(text: str) -> float:
    if "_" in text:
        raise ValueError  # 1_000 is a number in Python alone
    return float(text)


def _number(text: str) -> int | float | None:
    """Return the number that a text is, exact where it is whole; None where it is none."""
    try:
        number = _parsed(text)
    except ValueError:
        return None
    try:
        return int(text)
    except ValueError:
        return number


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _label(value: Any) -> str:
    """Return the name of a class: the text, or the integer without a point."""
    whole = not isinstance(value, str | bool) and value == int(value)
    return str(int(value) if whole else value)


def _numbers(
    target: str, values: Sequence[Any], codes: Array, kept: Array, typed: bool
) -> tuple[list[Any] | None, str]:
    """Return the values of a target as numbers, None if they are none, and what they are."""

    def row(i: int) -> int:
        return int(np.flatnonzero(kept)[(codes == i).argmax()]) + 1

    if typed and isinstance(values[0], str | bool):
        return None, "bool" if isinstance(values[0], bool) else "text"
    numbers = list(values) if typed else [_number(value) for value in values]
    if None in numbers:
        first = numbers.index(None)
        return None, f"text (row {row(first)}: {_short(values[first])})"
    for i, number in enumerate(numbers):
        if not math.isfinite(_float(number)):
            raise ValueError(f"target {target!r} is not finite: row {row(i)}: {_float(number)}")
    return numbers, "numbers"


class _Csv:
    """A CSV file: its columns, and their numbers once it is known which are wanted."""

    typed = False
    """Whether the file says what is text and what is numbers."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data = path, data
        first_line = next(self._lines(), "")
        self.beneath = len(first_line.encode())
        self.delimiter = self._sniffed(first_line)
        rows = self._rows()
        header = next(rows, None)
        if header is None:
            raise ValueError(f"{path}: no header line")
        if not header[-1].strip() and len(next(rows, header)) == len(header) - 1:
            header.pop()  # the header ends with a delimiter, and no other line does
        # A table written with its row numbers has a column without a name. It gets one to be
        # dropped by, and is refused as a feature: row numbers often know the answer.
        self.unnamed = {f"column {i}" for i, name in enumerate(header, 1) if not name.strip()}
        names = [name.strip() or f"column {i}" for i, name in enumerate(header, 1)]
        self.features = self.columns = self.targets = names
        self.places = {name: i for i, name in enumerate(names)}
        self.notes: list[str] = []
        self._check_names()

    def distinct(self, target: str) -> tuple[list[Any], Array]:
        """Return the different texts of a column, and which of them each row has."""
        place = self.places[target]
        values, codes = _distinct_values(cells[place].strip() for cells in self._body())
        if target in values:
            self.notes.append(
                f"the first line is taken for a header, but {target!r} is also a value of column"
                f" {target!r}: is it a row?"
            )
        return values, codes

    def matrix(
        self, features: Sequence[str], kept: Array | None, marks: Collection[Any]
    ) -> tuple[Array, dict[str, _Fault]]:
        """Parse the columns wanted, and no others; tell what in them is no number."""
        places = [self.places[name] for name in features]
        parsed = float if self.data.find(b"_", self.beneath) < 0 else _parsed
        numbers = array("d")
        try:
            for i, cells in enumerate(self._body()):
                if kept is None or kept[i]:
                    numbers.extend([parsed(cells[place]) for place in places])
        except ValueError:
            return np.empty(0), self._faults(features, kept, marks)
        return np.array(numbers).reshape(-1, len(places)), {}

    def _sniffed(self, line: str) -> str:
        """Return the delimiter that makes most of the first line."""
        try:
            return max(",;\t", key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))
        except csv.Error as error:
            raise ValueError(f"{self.path}: not a CSV file: {error}") from None

    def _lines(self) -> Iterator[str]:
        text = io.TextIOWrapper(io.BytesIO(self.data), encoding="utf-8-sig", newline="")
        try:
            yield from text
        except UnicodeDecodeError:
            raise ValueError(f"{self.path}: neither text in UTF-8, nor Parquet, nor npz") from None

    def _rows(self) -> Iterator[list[str]]:
        """Yield the rows of cells, header first; empty lines are none."""
        reader = csv.reader(self._lines(), delimiter=self.delimiter)
        try:
            yield from filter(None, reader)
        except csv.Error as error:
            raise ValueError(f"{self.path}: line {reader.line_num} is not CSV: {error}") from None

    def _body(self) -> Iterator[list[str]]:
        """Yield the rows beneath the header, each of as many cells as there are columns."""
        rows, number = self._rows(), 0
        next(rows)
        for number, cells in enumerate(rows, 1):
            if len(cells) != len(self.columns):
                raise ValueError(
                    f"{self.path}: row {number} has {len(cells)} values, "
                    f"the header {len(self.columns)} names"
                )
            yield cells
        if not number:
            raise ValueError(f"{self.path}: no rows beneath the header")

    def _check_names(self) -> None:
        numbered = self.columns == [str(i) for i in range(len(self.columns))]  # pandas' own names
        if not numbered and all(_number(name) is not None for name in self.columns):
            raise ValueError(f"{self.path}: the first line must name the columns; it has numbers")

    def _faults(
        self, features: Sequence[str], kept: Array | None, marks: Collection[Any]
    ) -> dict[str, _Fault]:
        found: dict[str, list[int]] = {}
        texts: dict[str, str] = {}
        wanted = [(self.places[name], name) for name in features]
        for row, cells in enumerate(self._body()):
            for place, name in wanted if kept is None or kept[row] else ():
                number = _number(cells[place])
                if number is None or number != number:
                    found.setdefault(name, []).append(row)
                    texts.setdefault(name, cells[place])
        return {
            name: _fault(rows, _short(texts[name]), _is_missing(texts[name], marks))
            for name, rows in found.items()
        }


def _distinct_values(values: Iterable[Any]) -> tuple[list[Any], Array]:
    """Return the different values by order of appearance, and which of them each is."""
    places: dict[Any, int] = {}
    codes = array("q", (places.setdefault(value, len(places)) for value in values))
    return list(places), np.array(codes, np.intp)


def _distinct_numbers(values: Array) -> tuple[list[Any], Array]:
    """Return the different numbers, ascending, and which of them each is."""
    found, codes = np.unique(values, return_inverse=True)
    return found.tolist(), codes


class _Parquet:
    """A Parquet file: columns of numbers, bool or text, or categories of such."""

    typed = True

    def __init__(self, path: str, data: bytes) -> None:
        try:
            import pyarrow.parquet as pq
        except ImportError:
            raise ValueError(
                f"{path}: Parquet files need pyarrow: pip install 'pyl2[frames]'"
            ) from None
        self.path = path
        self.unnamed: set[str] = set()
        self.file = _attempt(path, "a Parquet", lambda: pq.ParquetFile(io.BytesIO(data)))
        self.columns = self.targets = list(self.file.schema_arrow.names)
        # The index of a pandas frame is a column in the file, but none of the frame: it often
        # knows the answer, and is no feature unless a model to predict with names it.
        index = _index_of_pandas(self.file.schema_arrow.metadata)
        unnamed = {name for name in self.columns if _INDEX.fullmatch(name)}
        self.features = [name for name in self.columns if name not in index | unnamed]
        named = [name for name in self.columns if name in index - unnamed]
        self.notes = [f"left out: {_listed(named)}, the index of the pandas frame"] if named else []

    def distinct(self, target: str) -> tuple[list[Any], Array]:
        """Return the different values of a column, and which of them each row has."""
        column = self._read([target])[target]
        kind = _kind_of_arrow(column)
        if not kind:
            raise ValueError(f"{self.path}: target {target!r}: {column.type}")
        if kind == "numbers" and not column.null_count:
            return _distinct_numbers(column.to_numpy())
        return _distinct_values(column.to_pylist())

    def matrix(
        self, features: Sequence[str], kept: Array | None, marks: Collection[Any]
    ) -> tuple[Array, dict[str, _Fault]]:
        """Read the columns wanted, and no others; tell what in them is no number."""
        columns = self._read(features)
        rows = np.arange(self.file.metadata.num_rows) if kept is None else np.flatnonzero(kept)
        faults: dict[str, _Fault] = {}
        for name, column in columns.items():
            kind = _kind_of_arrow(column)
            gaps = column.is_null().to_numpy()[rows]
            if not kind:
                faults[name] = _Fault(str(column.type))
            elif kind == "text" and not gaps.all():
                faults[name] = _fault(
                    [row := int(rows[gaps.argmin()])], _short(column[row].as_py())
                )
            elif gaps.any():
                faults[name] = _fault(rows[gaps], "empty", missing=True)
        if faults:
            return np.empty(0), faults
        X = [np.asarray(columns[name].to_numpy()[rows], np.float64) for name in features]
        return np.stack(X, axis=1), {}

    def _read(self, names: Sequence[str]) -> dict[str, Any]:
        if not self.file.metadata.num_rows:
            raise ValueError(f"{self.path}: it has no rows")

        def columns() -> dict[str, Any]:
            body = self.file.read(columns=list(names))
            body.validate(full=True)  # what is damaged may hold indices and lengths beyond the end
            if len(body) != self.file.metadata.num_rows:
                raise ValueError("its columns differ in length")
            return {name: _decoded(body[name]) for name in names}

        return dict(_attempt(self.path, "a Parquet", columns))


def _index_of_pandas(metadata: Mapping[bytes, bytes] | None) -> set[str]:
    """Return the columns that pandas has made of a frame's index, by what it wrote of itself."""
    try:
        found = json.loads((metadata or {})[b"pandas"])["index_columns"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return set()  # another tool wrote the file
    return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()


def _decoded(column: Any) -> Any:
    """Return a column of Arrow with its categories, if it has such, as what they stand for."""
    from pyarrow import types

    return column.cast(column.type.value_type) if types.is_dictionary(column.type) else column


def _kind_of_arrow(column: Any) -> str:
    """Return whether a column holds "numbers", "decimals", "text" or nothing; "" if none of it."""
    from pyarrow import types

    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "text"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return "numbers"
    return "decimals" if types.is_decimal(kind) or types.is_null(kind) else ""


class _Npz:
    """An npz file: a column for each 1-D array, or for each column of a 2-D array `X`."""

    typed = True

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.unnamed: set[str] = set()
        self.notes: list[str] = []
        self.archive = _attempt(
            path, "an npz", lambda: np.load(io.BytesIO(data), allow_pickle=False)
        )
        self._check_members(self.archive.zip.namelist())
        self.features = self.columns = self.targets = list(self.archive.files)
        _distinct(self.targets, self.targets, path)
        self.X = self._array("X") if "X" in self.targets else np.empty(0)
        if self.X.ndim == 2:
            self.features = self.columns = [f"x{i}" for i in range(self.X.shape[1])]
            self.targets = [name for name in self.targets if name != "X"]

    def distinct(self, target: str) -> tuple[list[Any], Array]:
        """Return the different values of an array, and which of them each row has."""
        y = self._array(target)
        if y.ndim != 1:
            raise ValueError(f"{self.path}: target {target!r} must be 1-D, its shape is {y.shape}")
        if y.dtype.kind in "US":
            try:
                return _distinct_values(y.astype(str).tolist())
            except SystemError:
                raise ValueError(f"target {target!r} has characters beyond Unicode's") from None
        if y.dtype.kind not in "biuf":
            raise ValueError(f"target {target!r} is neither numbers nor text: {y.dtype}")
        with np.errstate(all="ignore"):  # what float64 cannot hold is looked for later
            return _distinct_numbers(y.astype(np.float64) if y.dtype.kind == "f" else y)

    def matrix(
        self, features: Sequence[str], kept: Array | None, marks: Collection[Any]
    ) -> tuple[Array, dict[str, _Fault]]:
        """Gather the columns wanted; tell which are no numbers."""
        matrix = self.X.ndim == 2
        arrays, faults = self._of_matrix(features) if matrix else self._gathered(features)
        if faults:
            return np.empty(0), faults
        if kept is not None and len(kept) != len(arrays):
            raise ValueError(
                f"{self.path}: the target has {len(kept)} rows, the features {len(arrays)}"
            )
        return arrays if kept is None or kept.all() else arrays[kept], {}

    def _check_members(self, members: Sequence[str]) -> None:
        if any(name.endswith(".npy") for name in members):
            return
        if "[Content_Types].xml" in members:
            raise ValueError(f"{self.path}: a workbook or another office file: save it as CSV")
        raise ValueError(
            f"{self.path}: a zip archive of {_listed(members) or 'nothing'}, not an npz file: "
            "unpack it"
        )

    def _of_matrix(self, features: Sequence[str]) -> tuple[Array, dict[str, _Fault]]:
        if self.X.dtype.kind not in "biuf" or not len(self.X):
            raise ValueError(
                f"{self.path}: X must have numbers, not {self.X.dtype}, and rows, not {len(self.X)}"
            )
        chosen = [int(name[1:]) for name in features]
        whole = chosen == list(range(self.X.shape[1]))
        with np.errstate(all="ignore"):  # what float64 cannot hold is looked for later
            return np.asarray(self.X if whole else self.X[:, chosen], np.float64), {}

    def _gathered(self, features: Sequence[str]) -> tuple[Array, dict[str, _Fault]]:
        arrays = {name: self._array(name) for name in features}
        faults = {
            name: _Fault(f"{found.ndim}-D, {found.dtype}")
            for name, found in arrays.items()
            if found.ndim != 1 or found.dtype.kind not in "biuf"
        }
        if faults:
            return np.empty(0), faults
        lengths = {name: len(found) for name, found in arrays.items()}
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            told = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
            raise ValueError(f"{self.path}: the columns must have one length, and rows: {told}")
        with np.errstate(all="ignore"):
            return np.stack([found.astype(np.float64) for found in arrays.values()], axis=1), {}

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
