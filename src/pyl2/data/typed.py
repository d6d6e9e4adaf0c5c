"""Files that say what their columns are: Parquet, arrays of NumPy, workbooks."""

from __future__ import annotations

import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pyl2._common.validation import Array
from pyl2.data.cells import Cells, cells_of, distinct_values, label, of_values, texts_of
from pyl2.data.faults import Fault, listed, places
from pyl2.data.treatment import Treatment

_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls the column of an index without a name."""


class Typed:
    """A file of columns whose kinds are known; what subclasses have in common.

    Attributes
    ----------
    columns, features, targets : list of str
        All columns; those that are features if nothing else is said; those that can be targets.
    unnamed : set of str
        Columns without a name of their own.
    notes : list of str
    test_rows : int
        So many rows at the end are a test set.
    decimal, thousands : str
        As in a delimited file; there is nothing to be said of them here.
    """

    typed = True
    decimal, thousands = ".", ""
    test_rows = 0

    def __init__(self, path: str) -> None:
        self.path = path
        self.unnamed: set[str] = set()
        self.notes: list[str] = []
        self.columns: list[str] = []
        self.features: list[str] = []
        self.targets: list[str] = []

    def distinct(self, target: str) -> tuple[list[Any], Array]:
        """Return the different values of a column, and which of them each row has."""
        raise NotImplementedError

    def cells(self, names: Sequence[str]) -> dict[str, Cells | Fault]:
        """Return columns, or what is wrong with them."""
        raise NotImplementedError

    def cells_for(self, treatments: Sequence[Treatment]) -> dict[str, Cells | Fault]:
        """Return columns as those of that name were where a model was trained."""
        return self.cells([found.name for found in treatments])

    def plain(self, values: list[Any]) -> list[Any]:
        """Return the values of a target as they are."""
        return values

    def texts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return columns as text."""
        found = self.cells(names)
        faults = {name: cells for name, cells in found.items() if isinstance(cells, Fault)}
        if faults:
            raise ValueError(f"{self.path}: no text: {places(faults)}")
        return {name: cells.texts() for name, cells in found.items() if isinstance(cells, Cells)}


class Parquet(Typed):
    """A Parquet file: columns of numbers, bool, text or dates, or categories of such."""

    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(path)
        try:
            import pyarrow.parquet as pq
        except ImportError:
            raise ValueError(
                f"{path}: Parquet files need pyarrow: pip install 'pyl2[frames]'"
            ) from None
        self.file = attempt(path, "a Parquet", lambda: pq.ParquetFile(io.BytesIO(data)))
        self.columns = self.targets = list(self.file.schema_arrow.names)
        # The index of a pandas frame is a column in the file, but none of the frame: it often
        # knows the answer, and is no feature unless a model to predict with names it.
        index = _index_of_pandas(self.file.schema_arrow.metadata)
        unnamed = {name for name in self.columns if _INDEX.fullmatch(name)}
        self.features = [name for name in self.columns if name not in index | unnamed]
        named = [name for name in self.columns if name in index - unnamed]
        self.notes = [f"left out: {listed(named)}, the index of the pandas frame"] if named else []

    def distinct(self, target: str) -> tuple[list[Any], Array]:
        """Return the different values of a column, and which of them each row has."""
        from pyarrow import types

        column = self._read([target])[target]
        kind = column.type
        if types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
        text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
        if not (number or text or types.is_decimal(kind) or types.is_null(kind)):
            raise ValueError(f"{self.path}: target {target!r}: {kind}")
        if number and not column.null_count:
            return _distinct_numbers(column.to_numpy())
        return distinct_values(column.to_pylist())

    def cells(self, names: Sequence[str]) -> dict[str, Cells | Fault]:
        """Read the columns wanted, and no others."""
        import narwhals as nw

        found: dict[str, Cells | Fault] = {}
        for name, column in self._read(names).items():
            try:
                found[name] = cells_of(nw.from_native(column, series_only=True), name)
            except MemoryError:
                raise
            except Exception:  # Arrow and narwhals raise many kinds at types that they do not know
                found[name] = Fault(str(column.type))
        return found

    def _read(self, names: Sequence[str]) -> dict[str, Any]:
        if not self.file.metadata.num_rows:
            raise ValueError(f"{self.path}: it has no rows")

        def columns() -> dict[str, Any]:
            body = self.file.read(columns=list(names))
            body.validate(full=True)  # what is damaged may hold indices and lengths beyond the end
            if len(body) != self.file.metadata.num_rows:
                raise ValueError("its columns differ in length")
            return {name: body[name] for name in names}

        return dict(attempt(self.path, "a Parquet", columns))


def _index_of_pandas(metadata: Mapping[bytes, bytes] | None) -> set[str]:
    """Return the columns that pandas has made of a frame's index, by what it wrote of itself."""
    try:
        found = json.loads((metadata or {})[b"pandas"])["index_columns"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return set()  # another tool wrote the file
    return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()


class Arrays(Typed):
    """An npz file: a column for each 1-D array, or for each column of an array `X` or `X_train`.

    A target may have a second axis of length 1, or be one-hot.  `X_test` and `y_test` follow upon
    `X_train` and `y_train`.
    """

    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(path)
        self.archive = attempt(
            path, "an npz", lambda: np.load(io.BytesIO(data), allow_pickle=False)
        )
        members = self.archive.zip.namelist()
        if not any(name.endswith(".npy") for name in members):
            raise ValueError(
                f"{path}: a zip archive of {listed(members) or 'nothing'}: it must hold one table,"
                " or arrays"
            )
        names = list(self.archive.files)
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(f"{path}: columns of the same name: {listed(twice)}; rename them")
        whole = next((name for name in ("X", "X_train", "x_train") if name in names), None)
        matrix = self._array(whole) if whole else np.empty(0)
        if matrix.ndim < 2:
            self.features = self.columns = self.targets = names
            return
        if not len(matrix):
            raise ValueError(f"{path}: {whole} must have rows")
        self.X = _flat(matrix)
        self.features = self.columns = [f"x{i}" for i in range(self.X.shape[1])]
        self.targets = [name for name in names if name != whole]
        if whole != "X":
            # The target of X_train is y_train, whether asked for by that name or by "y".
            self.renamed = {"y": whole.replace("X", "y").replace("x", "y")} if whole else {}
            self.targets += [name for name, real in self.renamed.items() if real in names]
            pair = [name.replace("train", "test") for name in (whole or "", self.renamed["y"])]
            if set(pair) <= set(names):
                self._add_test_set(*pair)
            others = [name for name in names if name.endswith(("_test", "_val", "_valid"))]
            others = [name for name in others if not (self.test_rows and name in pair)]
            self.notes += [f"not read: {listed(others)}"] if others else []

    def _add_test_set(self, name: str, target: str) -> None:
        assert self.X is not None
        found = self._array(name)
        if found.ndim < 2 or not len(found) or _flat(found).shape[1] != self.X.shape[1]:
            raise ValueError(
                f"{self.path}: {name} must have rows of {self.X.shape[1]} numbers, its shape is"
                f" {found.shape}"
            )
        self.X = self._joined("X_train", self.X, _flat(found))
        self.test_rows = len(found)
        self.targets.remove(target)

    def _joined(self, name: str, train: Array, test: Array) -> Array:
        """Return an array of the training set, and that of the test set behind it."""
        arrays = [f"{part.dtype} {part.shape}" for part in (train, test)]
        kinds = {train.dtype.kind, test.dtype.kind}
        alike = len(kinds) == 1 or kinds <= {*"iuf"}
        if not alike or train.shape[1:] != test.shape[1:] or 0 in (train.ndim, test.ndim):
            raise ValueError(
                f"{self.path}: {name} and its test set do not go together: {' and '.join(arrays)}"
            )
        found: Array = attempt(self.path, "an npz", lambda: np.concatenate([train, test]))
        return found

    X: Array | None = None
    renamed: Mapping[str, str] = {}

    def distinct(self, target: str) -> tuple[list[Any], Array]:
        """Return the different values of an array, and which of them each row has."""
        y = self._target(target)
        if y.dtype.kind in "US":
            return distinct_values(texts_of(y))
        if y.dtype.kind not in "biuf":
            raise ValueError(f"target {target!r} is neither numbers nor text: {y.dtype}")
        with np.errstate(all="ignore"):  # what float64 cannot hold is looked for later
            return _distinct_numbers(y.astype(np.float64) if y.dtype.kind == "f" else y)

    def cells(self, names: Sequence[str]) -> dict[str, Cells | Fault]:
        """Gather the columns wanted."""
        if self.X is not None:
            numbers = [int(name[1:]) for name in names]
            return dict(zip(names, (_cells(self.X[:, i]) for i in numbers), strict=True))
        arrays = {name: self._array(name) for name in names}
        found = {name: _cells(array) for name, array in arrays.items()}
        if any(isinstance(cells, Fault) for cells in found.values()):
            return found
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            sizes = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
            raise ValueError(f"{self.path}: the columns must have one length, and rows: {sizes}")
        return found

    def _target(self, name: str) -> Array:
        real = self.renamed.get(name, name)
        y = self._array(real)
        if self.test_rows and real == self.renamed.get("y"):
            other = self._array(real.replace("train", "test"))
            y = self._joined(real, y, other)
        if y.ndim == 2 and y.shape[1] == 1:
            return y[:, 0]
        if y.ndim == 2 and y.size and y.dtype.kind in "biuf":
            classes: Array = y.argmax(axis=1)
            if (y[np.arange(len(y)), classes] == 1).all() and ((y != 0).sum(axis=1) == 1).all():
                self.notes.append(f"{name!r} is one-hot: classes 0 … {y.shape[1] - 1}")
                return classes
        if y.ndim != 1:
            raise ValueError(
                f"{self.path}: target {name!r} must be 1-D or one-hot, its shape is {y.shape}"
            )
        return y

    def _array(self, name: str) -> Array:
        return np.asarray(attempt(self.path, "an npz", lambda: self.archive[name]))


def _flat(array: Array) -> Array:
    """Return an array with one axis beside that of the rows."""
    return array.reshape(len(array), math.prod(array.shape[1:]))


def _cells(array: Array) -> Cells | Fault:
    """Return the cells of an array of one axis; a second of length 1 does no harm."""
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1:
        return Fault(f"{array.ndim}-D, {array.dtype}")
    try:
        return cells_of(flat, "")
    except ValueError:
        return Fault(f"{array.ndim}-D, {array.dtype}")


class Frame(Typed):
    """Columns of Python's objects, as of a workbook or an .npy file."""

    def __init__(self, path: str, columns: Mapping[str, Sequence[Any]]) -> None:
        super().__init__(path)
        self.found = columns
        self.unnamed = {name for name in columns if re.fullmatch(r"column \d+", name)}
        self.columns = self.features = self.targets = list(columns)

    def distinct(self, target: str) -> tuple[list[Any], Array]:
        """Return the different values of a column, and which of them each row has."""
        values = self.found[target]
        cells = of_values(values)
        if cells is None or cells.kind == "date":
            raise ValueError(f"{self.path}: target {target!r} is neither numbers nor text")
        if cells.kind == "text":
            values = [None if value is None else label(value).strip() for value in values]
        return distinct_values(values)

    def cells(self, names: Sequence[str]) -> dict[str, Cells | Fault]:
        """Return columns."""
        fault = Fault("neither numbers, text, flags nor dates")
        return {name: of_values(self.found[name]) or fault for name in names}


def workbook(path: str, data: bytes) -> Frame:
    """Read the first sheet of a workbook, its first row being the header."""
    try:
        import openpyxl
    except ImportError:
        raise ValueError(
            f"{path}: an Excel workbook needs openpyxl: pip install openpyxl, or save it as CSV"
        ) from None
    book = attempt(
        path, "an Excel", lambda: openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    )
    sheets = book.worksheets
    rows = [list(row) for row in sheets[0].iter_rows(values_only=True)] if sheets else []
    rows = [row for row in rows if any(value is not None for value in row)]
    if len(rows) < 2:
        raise ValueError(f"{path}: no rows below the header of the first sheet")
    names = [
        str(name).strip() if name is not None else f"column {i}"
        for i, name in enumerate(rows[0], 1)
    ]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: columns of the same name: {listed(twice)}; rename them")
    found = Frame(path, dict(zip(names, map(list, zip(*rows[1:], strict=True)), strict=True)))
    if len(sheets) > 1:
        found.notes.append(f"sheet {sheets[0].title!r}, the first of {len(sheets)}")
    return found


def array(path: str, data: bytes) -> Frame:
    """Read an .npy file: a matrix, with columns c1, c2, …, or an array of records."""
    found = attempt(path, "an npy", lambda: np.load(io.BytesIO(data), allow_pickle=False))
    names = found.dtype.names
    if names and found.ndim == 1 and len(found):
        return Frame(path, {name: _listed(found[name]) for name in names})
    if found.ndim != 2 or not found.size or found.dtype.kind not in "biufUS":
        raise ValueError(
            f"{path}: an array must be 2-D, of numbers or text, not {found.shape} of {found.dtype}"
        )
    return Frame(path, {f"c{i + 1}": _listed(found[:, i]) for i in range(found.shape[1])})


def _listed(column: Array) -> list[Any]:
    return texts_of(column) if column.dtype.kind in "US" else list(column.tolist())


def _distinct_numbers(values: Array) -> tuple[list[Any], Array]:
    """Return the different numbers, ascending, and which of them each is."""
    found, codes = np.unique(values, return_inverse=True)
    return found.tolist(), codes


def attempt(path: str, kind: str, load: Callable[[], Any]) -> Any:
    """Return what is loaded; whatever is wrong with it is a ValueError."""
    try:
        return load()
    except MemoryError:
        raise
    except Exception as error:
        # zipfile, zlib, NumPy's parser of headers and Arrow raise many kinds at malformed bytes.
        raise ValueError(f"{path}: not {kind} file that can be read: {error}") from None
