"""Tables of the command line: files and scikit-learn's data sets in, predictions out.

Files are delimited text, Parquet, arrays or workbooks, packed or not, told apart by their first
bytes. All are read whole before they are parsed, so pipes work. Faults are ValueErrors of one line.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import math
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TextIO

import numpy as np

from pyl2._common import files
from pyl2._common.validation import Array
from pyl2.data import treatment
from pyl2.data.cells import Cells, distinct_values, label, of_numbers, parsed, shortened
from pyl2.data.delimited import FIND_OUT, Delimited, Dialect
from pyl2.data.faults import NAMED_AT_MOST, Fault, fault, listed, option, places
from pyl2.data.typed import Arrays, Parquet, Typed, array, attempt, workbook

MISSING = (
    *("NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "<NA>", "NULL", "null", "None"),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
    *("?", "-"),
)
"""Texts that mean that a value is missing: those of pandas, and two more. Blank cells, the nulls of
Parquet, and NaN among numbers are missing whatever the list says."""


AS_THEY_STAND = "rows"
"""In place of a column of time: the order of the rows in the file."""


@dataclass(frozen=True)
class Table:
    """Features, and what is to be learned from them.

    Attributes
    ----------
    features : dict of str to Cells
        Columns of as many rows.
    ids : dict of str to str
        Those of the features that are ids, and why they are held for such.
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
    dialect : Dialect
        The marks that numbers had, for the files to predict.
    group : ndarray of int, shape (rows,), or None
        Rows of one number belong together.
    time : ndarray, shape (rows,), or None
        What orders the rows.
    test : ndarray of bool, shape (rows,), or None
        Which rows the file has for a test set, if it has one.
    """

    features: dict[str, Cells]
    target: str
    values: list[Any]
    codes: Array
    numbers: list[Any] | None
    kind: str
    ids: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    dialect: Dialect = FIND_OUT
    group: Array | None = None
    time: Array | None = None
    test: Array | None = None

    @property
    def labels(self) -> list[str]:
        """The names of the values as classes: the text, or the integer, that stands in the file."""
        return [label(value) for value in self.values]

    def taken(self, rows: Array) -> dict[str, Cells]:
        """Return the features of some rows, by their indices."""
        return {name: cells.take(rows) for name, cells in self.features.items()}

    @property
    def y(self) -> Array:
        """The target of each row as float64, where it is numbers."""
        return np.array([_float(number) for number in self.numbers or ()])[self.codes]


@dataclass(frozen=True)
class Request:
    """What is wanted of a table to train on.

    Attributes
    ----------
    target : str
        Column to predict: numbers or text.
    drop : sequence of str
        Columns to leave out; all others are features, but for ids, columns without a name and the
        index of a pandas frame.
    keep : sequence of str
        Columns that are features, whatever they look like.
    missing : sequence of str or None
        Texts that stand for a missing target, and among the features for a missing value beside
        those of `MISSING`; blank ones do so anyway. None is `MISSING`.
    drop_missing_target : bool
        Leave out the rows without a target, which are an error otherwise.
    dialect : Dialect
    group : str or None
        Column that says which rows belong together; no feature, unless kept.
    time : str or None
        Column that orders the rows, or `AS_THEY_STAND`.
    """

    target: str = "y"
    drop: Sequence[str] = ()
    keep: Sequence[str] = ()
    missing: Sequence[str] | None = None
    drop_missing_target: bool = False
    dialect: Dialect = FIND_OUT
    group: str | None = None
    time: str | None = None


def read(path: str, request: Request) -> Table:
    """Read a table to train on.

    Parameters
    ----------
    path : str
        Delimited text; a Parquet file, which needs pyarrow; an npz file: 1-D arrays, the columns by
        name, or an array `X` (columns x0, x1, …) beside the target; an npy file; an Excel workbook,
        which needs openpyxl. Each may be packed by gzip, bzip2, xz or zip. "-" is standard input.
    request : Request

    Returns
    -------
    Table
    """
    marks = frozenset(MISSING if request.missing is None else request.missing)
    source = _open(path, request.dialect, marks | set(MISSING))
    target = _known(source.targets, [request.target], path, "; name the target with --target")[0]
    every = [*source.features, *source.columns, *source.targets]
    drop, keep = (set(_known(every, names, path)) for names in (request.drop, request.keep))
    group, time = _orders(source, request, target)
    unwanted = {target} | drop | (source.unnamed - keep) | (set(group) - keep)
    features = [name for name in source.features if name not in unwanted]
    features += [n for n in source.columns if n in keep and n not in (*features, target)]
    _distinct(source.columns, [target], path)
    _distinct(
        source.columns,
        features,
        path,
        lambda twice: f" or leave them out with {option('--drop', twice)}",
    )
    if not features:
        raise ValueError(f"{path}: no column remains to predict {target!r} from")
    values, codes = source.distinct(target)
    gaps = np.array([_is_missing(value, marks) for value in values], bool)
    absent = gaps[codes]
    if absent.all():
        raise ValueError(f"{path}: target {target!r} is missing in all rows")
    if absent.any() and not request.drop_missing_target:
        raise _target_missing(path, target, [values[i] for i in np.flatnonzero(gaps)], absent)
    besides = [name for name in dict.fromkeys([*group, *time]) if name not in features]
    every_cell = _sound(source, source.cells([*features, *besides]), absent)
    cells = {name: every_cell[name] for name in features}
    values = [value for value, gap in zip(values, gaps, strict=True) if not gap]
    codes = (np.cumsum(~gaps) - 1)[codes[~absent]]
    numbers, kind = _numbers(target, values, source.plain(values), codes, ~absent, source.typed)
    ids = treatment.identifiers(cells, keep)
    notes = list(source.notes)
    nameless = sorted(source.unnamed.intersection(source.features) - keep - drop - {target})
    if nameless:
        notes.append(
            f"left out: {listed(nameless)} without a name; else {option('--keep', nameless)}"
        )
    if ids:
        notes.append(f"left out as ids: {listed(list(ids))}; if features: {option('--keep', ids)}")
    if absent.any():
        notes.append(f"{_rows_of(absent)} left out: they have no {target!r}")
        cells = {name: found.take(~absent) for name, found in cells.items()}
    dialect = Dialect(decimal=source.decimal, thousands=source.thousands)
    kept = {name: every_cell[name].take(~absent) for name in [*group, *time]}
    return Table(
        cells,
        target,
        values,
        codes,
        numbers,
        kind,
        ids,
        notes,
        dialect,
        _groups(path, group[0], kept[group[0]]) if group else None,
        _times(path, request, kept, len(codes)),
        _test_set(source, len(absent))[~absent] if source.test_rows else None,
    )


def _test_set(source: Delimited | Typed, rows: int) -> Array:
    found: Array = np.arange(rows) >= rows - source.test_rows
    return found


def _orders(
    source: Delimited | Typed, request: Request, target: str
) -> tuple[list[str], list[str]]:
    """Return the columns of groups and of time, none or one each, as the file spells them."""
    if request.group is not None and request.time is not None:
        raise ValueError("either --group or --time: a split by both is not known")
    every = [*source.columns, *source.features]
    wanted = [name for name in (request.group, request.time) if name is not None]
    if request.time == AS_THEY_STAND and AS_THEY_STAND not in every:
        return [], []
    found = _known(every, wanted, source.path)
    _distinct(source.columns, found, source.path)
    if target in found:
        raise ValueError(f"{target!r} is the target, and cannot tell how to split")
    return (found, []) if request.group is not None else ([], found)


def _groups(path: str, name: str, cells: Cells) -> Array:
    _no_gaps(path, "--group", name, cells)
    _, codes = distinct_values(cells.texts())
    if codes.max() < 1:
        raise ValueError(f"{path}: --group {name}: all rows are of one group")
    return codes


def _times(path: str, request: Request, kept: Mapping[str, Cells], rows: int) -> Array | None:
    if request.time is None:
        return None
    for name, cells in kept.items():
        _no_gaps(path, "--time", name, cells)
        if cells.kind not in ("date", "number"):
            raise ValueError(
                f"{path}: --time {name}: it is {cells.kind}, neither dates nor numbers"
            )
        return cells.values
    return np.arange(rows)


def _no_gaps(path: str, option: str, name: str, cells: Cells) -> None:
    if cells.missing.any():
        row = int(cells.missing.argmax()) + 1
        raise ValueError(
            f"{path}: {option} {name}: missing in {_rows_of(cells.missing)}, first in row {row}"
        )


def read_features(
    path: str,
    treatments: Sequence[treatment.Treatment],
    dialect: Dialect = FIND_OUT,
    ids: Sequence[str] = (),
) -> tuple[dict[str, Cells], dict[str, list[str]]]:
    """Read the columns of a table to predict from, in any order, as those trained on were.

    Returns
    -------
    cells : dict of str to Cells
    texts : dict of str to list of str
        The columns that `ids` names, as they are.
    """
    source = _open(path, dialect, frozenset(MISSING))
    used = [found for found in treatments if found.kind != "left out"]
    spelled = _known(source.columns, [found.name for found in used], path)
    _distinct(source.columns, spelled, path)
    named = [treatment.renamed(found, name) for found, name in zip(used, spelled, strict=True)]
    cells = _sound(source, source.cells_for(named), None, "the model needs numbers or dates there")
    kept = _known(source.columns, ids, path)
    _distinct(source.columns, kept, path)
    rows = len(next(iter(cells.values())).missing) - source.test_rows
    trained_on = np.arange(rows)  # of X_train, where there is X_test too
    found = {t.name: cells[n].take(trained_on) for t, n in zip(used, spelled, strict=True)}
    return found, source.texts(kept)


def _sound(
    source: Delimited | Typed,
    found: Mapping[str, Cells | Fault],
    absent: Array | None,
    advice: str = "",
) -> dict[str, Cells]:
    """Return the columns, if each is of a kind that can be used and finite."""
    faults = {name: cells for name, cells in found.items() if isinstance(cells, Fault)}
    what = "not numbers, text, flags or dates" if not advice else "not as in training"
    sound = {name: cells for name, cells in found.items() if isinstance(cells, Cells)}
    if not faults:
        what = "not finite"
        for name, cells in sound.items():
            if cells.kind == "number" and np.isinf(cells.values).any():
                rows = np.flatnonzero(np.isinf(cells.values))
                faults[name] = fault(rows, str(cells.values[rows[0]]))
    if faults:
        raise ValueError(
            f"{source.path}: {what}: {places(faults)}; "
            + (advice or f"leave columns out with {option('--drop', faults)}")
        )
    lengths = {len(cells.missing) for cells in sound.values()}
    if absent is not None and lengths != {len(absent)}:
        raise ValueError(
            f"{source.path}: the target has {len(absent)} rows, the features {min(lengths)}"
        )
    return sound


def bundled(name: str) -> Table:
    """Load a data set that comes with scikit-learn, such as "iris"."""
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")()
    columns = np.asarray(data.data, np.float64).T
    names = map(str, data.feature_names)
    features = {name: of_numbers(column) for name, column in zip(names, columns, strict=True)}
    labels = np.asarray(data.get("target_names", ()))
    if labels.dtype.kind == "U":
        return Table(features, "target", labels.tolist(), data.target, None, "text")
    values, codes = np.unique(data.target, return_inverse=True)
    return Table(features, "target", values.tolist(), codes, values.tolist(), "numbers")


def _open(path: str, dialect: Dialect, marks: Collection[str]) -> Delimited | Typed:
    data = sys.stdin.buffer.read() if path == "-" else files.contents(path)
    name, data = _unpacked("standard input" if path == "-" else path, data)
    if not data:
        raise ValueError(f"{name}: the file is empty")
    if data.startswith(b"PK\x03\x04"):
        members = attempt(name, "a zip", lambda: zipfile.ZipFile(io.BytesIO(data)).namelist())
        office = "[Content_Types].xml" in members
        return workbook(name, data) if office else Arrays(name, data)
    if data.startswith(b"PAR1"):
        return Parquet(name, data)
    if data.startswith(b"\x93NUMPY"):
        return array(name, data)
    for kind in ("npz", "parquet", "npy", "xlsx"):
        if path.endswith(f".{kind}"):
            raise ValueError(f"{name}: named like a {kind} file, but is not one")
    return Delimited(name, data, dialect, marks)


def _unpacked(path: str, data: bytes) -> tuple[str, bytes]:
    """Return the content of a file, unpacked if gzip, bzip2, xz or zip packed it."""
    unpack: dict[bytes, Callable[[bytes], bytes]] = {
        b"\x1f\x8b": gzip.decompress,
        b"BZh": bz2.decompress,
        b"\xfd7zXZ": lzma.decompress,
    }
    for mark, unpacked in unpack.items():
        if data.startswith(mark):
            return path, attempt(path, "a packed", lambda: unpacked(data))  # noqa: B023
    if data.startswith(b"PK\x03\x04"):
        with attempt(path, "a zip", lambda: zipfile.ZipFile(io.BytesIO(data))) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            inner = [name for name in names if not name.startswith("__MACOSX")]
            if len(inner) == 1 and not inner[0].endswith(".npy"):
                return path, attempt(path, "a zip", lambda: archive.read(inner[0]))
    return path, data


def write(path: str | None, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    """Write columns as CSV, or Parquet if the path ends so: to a file, whole or not at all.

    To standard output, as CSV, if the path is None.
    """
    if path is None:
        return _write(sys.stdout, names, columns)
    if path.endswith(".parquet"):
        return _write_parquet(path, names, columns)
    text = io.StringIO(newline="")
    _write(text, names, columns)
    files.replace(path, text.getvalue().encode())


def _write_parquet(path: str, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet as pq
    except ImportError:
        raise ValueError(
            f"{path}: Parquet files need pyarrow: pip install 'pyl2[frames]'"
        ) from None
    out = io.BytesIO()
    arrays = [pa.array(list(column)) for column in columns]
    pq.write_table(pa.Table.from_arrays(arrays, list(names)), out)
    files.replace(path, out.getbuffer())


def _write(file: TextIO, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))


def _known(names: Sequence[str], wanted: Iterable[str], path: str, advice: str = "") -> list[str]:
    """Return the wanted names as the file spells them, blanks around them aside."""
    spelled = {name.strip(): name for name in names} | {name: name for name in names}
    found = {name: spelled.get(name, spelled.get(name.strip())) for name in wanted}
    missing = [name for name, known in found.items() if known is None]
    if missing:
        has = listed(list(dict.fromkeys(names))) or "none"
        near = get_close_matches(missing[0], names, 1)
        has += f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{path}: no column {listed(missing)}; it has {has}{advice}")
    return [known for known in found.values() if known is not None]


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
            f"{path}: columns of the same name: {listed(twice)}; rename them{advice(twice)}"
        )


def _target_missing(path: str, target: str, found: Sequence[Any], absent: Array) -> ValueError:
    texts = [value for value in found if isinstance(value, str) and value.strip()]
    kinds = list(dict.fromkeys(shortened(str("" if value is None else value)) for value in found))
    keep = "; if {} is a class, list what does mean missing with --missing, '' for none"
    return ValueError(
        f"{path}: target {target!r} is missing in {_rows_of(absent)} "
        f"({', '.join(kinds[:NAMED_AT_MOST])}; first in row {absent.argmax() + 1}): "
        "leave these rows out with --drop-missing-target"
        + (keep.format(shortened(texts[0])) if texts else "")
    )


def _rows_of(chosen: Array) -> str:
    return f"{np.count_nonzero(chosen)} of {len(chosen)} rows"


def _is_missing(value: Any, marks: Collection[Any]) -> bool:
    if isinstance(value, str):
        return not value.strip() or value.strip() in marks
    return value is None or bool(value != value)


def _number(text: str) -> int | float | None:
    """Return the number that a text is, exact where it is whole; None where it is none."""
    try:
        number = parsed(text)
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


def _numbers(
    target: str,
    values: Sequence[Any],
    plain: Sequence[Any],
    codes: Array,
    kept: Array,
    typed: bool,
) -> tuple[list[Any] | None, str]:
    """Return the values of a target as numbers, None if they are none, and what they are.

    `plain` are the values with a decimal point and without thousands.
    """

    def row(i: int) -> int:
        return int(np.flatnonzero(kept)[(codes == i).argmax()]) + 1

    if typed and isinstance(values[0], str | bool):
        return None, "bool" if isinstance(values[0], bool) else "text"
    numbers = list(values) if typed else [_number(value) for value in plain]
    if None in numbers:
        first = numbers.index(None)
        return None, f"text (row {row(first)}: {shortened(values[first])})"
    for i, number in enumerate(numbers):
        if not math.isfinite(_float(number)):
            raise ValueError(f"target {target!r} is not finite: row {row(i)}: {_float(number)}")
    return numbers, "numbers"
