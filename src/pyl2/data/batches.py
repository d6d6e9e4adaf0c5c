"""batches: rows of files that are larger than memory, read ahead by a thread."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from pyl2._common.validation import MANY, Array, as_array, check_integer, check_pair, shown

_Batch = tuple[Array, Array]
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_LOCAL_HEADER = 30  # bytes before the name of a member of a zip file
_AHEAD = 2
_LOOK = 0.05  # seconds between two looks at whether a batch is still wanted


def batches(path: Any, size: int = 10_000, *, target: int | str | None = None) -> Iterator[_Batch]:
    """Read rows some at a time, for ``partial_fit``; a thread reads the next ones meanwhile.

    Memory is that of a few batches, however large the files are.

    Parameters
    ----------
    path : str, path-like or tuple (X, y)
        A file: ``.npy`` with rows of numbers, one column being the target; ``.npz`` with arrays X
        and y, not compressed; Parquet with columns of numbers.  Or X and y, each an array (a memory
        map, too) or the path of an ``.npy`` file.
    size : int, default=10_000
        Rows of a batch, at least 1; the last may have fewer.
    target : int or str, optional
        Column of y: of ``.npy`` its index, of Parquet its name; by default the last.

    Returns
    -------
    iterator of (X, y)
        X (rows, columns) and y (rows,) or (rows, outputs), with the file's types; of Parquet X is
        float64.

    Raises
    ------
    ValueError, TypeError
        If size or target are out of range, the file is of another kind, or columns are no numbers.
    OSError
        If a file cannot be read.
    ImportError
        For Parquet without pyarrow.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from pyl2 import MLPRegressor, batches
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> model = MLPRegressor(hidden_layer_sizes=8, learning_rate_init=0.01, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "rows.npy")
    ...     np.save(path, np.column_stack([X, X[:, 0]]))
    ...     for epoch in range(50):
    ...         for X_some, y_some in batches(path, 250):
    ...             model = model.partial_fit(X_some, y_some)
    >>> bool(model.score(X, X[:, 0]) > 0.9)
    True
    """
    check_integer("size", size, 1, MANY)
    if isinstance(path, tuple | list):
        X, y = check_pair("path", path, "(X, y), or the path of a file")
        if target is not None:
            raise ValueError("target names a column of a file: with a pair (X, y) there is none")
        made = _of_pair(_rows("X", X), _rows("y", y), size)
    else:
        made = _of_file(_path("path", path), size, target)
    return _read_ahead(made)


@dataclass(frozen=True)
class _Stored:
    """An array in a file, read by rows: nothing of it stays in memory."""

    path: Path
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __getitem__(self, rows: slice) -> Array:
        width = int(np.prod(self.shape[1:]))
        start, stop, _ = rows.indices(self.shape[0])
        at = self.offset + start * width * self.dtype.itemsize
        found = np.fromfile(self.path, self.dtype, (stop - start) * width, offset=at)
        if found.size < (stop - start) * width:
            raise ValueError(f"{self.path}: the file is cut short")
        return found.reshape(-1, *self.shape[1:])


def _path(name: str, given: Any) -> Path:
    try:
        return Path(given)
    except TypeError:
        raise TypeError(f"{name} must be a path or a pair (X, y), got {shown(given)}") from None


def _rows(name: str, part: Any) -> Any:
    """Return an array, or one in a file, with rows to be taken."""
    if isinstance(part, str | Path):
        with _path(name, part).open("rb") as file:
            return _numbers(name, _stored(Path(part), file))
    return _numbers(name, as_array(name, part))


def _numbers(name: str, rows: Any) -> Any:
    if rows.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {rows.dtype}")
    if len(rows.shape) not in ((2,) if name == "X" else (1, 2)):
        raise ValueError(f"{name} must have rows and columns, got shape {rows.shape}")
    return rows


def _stored(path: Path, file: BinaryIO) -> _Stored:
    """Return where the array is that begins where the file is read."""
    try:
        version = npy.read_magic(file)
        shape, fortran, dtype = _HEADERS[version](file)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: no array of NumPy's .npy format: {error}") from None
    if fortran and len(shape) > 1:
        raise ValueError(f"{path}: the array is stored by columns; np.ascontiguousarray helps")
    return _Stored(path, file.tell(), dtype, shape)


def _members(path: Path) -> dict[str, _Stored]:
    """Return the arrays X and y of an .npz file."""
    found = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for name in ("X", "y"):
            if f"{name}.npy" not in archive.namelist():
                raise ValueError(f"{path} must hold arrays X and y, has no {name}")
            info = archive.getinfo(f"{name}.npy")
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{path} is compressed: np.savez, not savez_compressed, helps")
            file.seek(info.header_offset)
            header = file.read(_LOCAL_HEADER)
            lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
            file.seek(info.header_offset + _LOCAL_HEADER + sum(lengths))
            found[name] = _numbers(name, _stored(path, file))
    return found


def _of_file(path: Path, size: int, target: int | str | None) -> Iterator[_Batch]:
    with path.open("rb") as file:
        magic = file.read(6)
        file.seek(0)
        if magic == b"\x93NUMPY":
            return _of_table(_numbers("X", _stored(path, file)), size, target)
    if magic[:4] == b"PAR1":
        return _of_parquet(path, size, target)
    if magic[:2] != b"PK":
        raise ValueError(f"{path} is no .npy, .npz or Parquet file")
    if target is not None:
        raise ValueError(f"target names a column: {path} has its target in the array y")
    try:
        members = _members(path)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    return _of_pair(members["X"], members["y"], size)


def _of_pair(X: Any, y: Any, size: int) -> Iterator[_Batch]:
    count = X.shape[0]
    if y.shape[0] != count:
        raise ValueError(f"y has {y.shape[0]} rows, but X has {count}")
    places = (slice(at, min(at + size, count)) for at in range(0, count, size))
    return ((np.array(X[rows]), np.array(y[rows])) for rows in places)


def _of_table(table: _Stored, size: int, target: int | str | None) -> Iterator[_Batch]:
    count, columns = table.shape
    at = columns - 1 if target is None else check_integer("target", target, -columns, columns - 1)
    at %= columns
    parts = (table[start : start + size] for start in range(0, count, size))
    return ((np.hstack([part[:, :at], part[:, at + 1 :]]), part[:, at].copy()) for part in parts)


def _of_parquet(path: Path, size: int, target: int | str | None) -> Iterator[_Batch]:
    try:
        from pyarrow import ArrowException, parquet, types
    except ImportError:
        raise ImportError("Parquet needs pyarrow: pip install 'pyl2[frames]'") from None

    try:
        schema = parquet.read_schema(path)
    except ArrowException as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    name = schema.names[-1] if target is None else target
    if name not in schema.names:
        raise ValueError(f"target must be a column of {path}, got {shown(target)}")
    tests = (types.is_integer, types.is_floating, types.is_boolean)
    others = [column for column in schema.names if column != name]
    for column in others:
        if not any(test(schema.field(column).type) for test in tests):
            kind = schema.field(column).type
            raise TypeError(f"{path}: column {column!r} holds no numbers but {kind}")

    def read() -> Iterator[_Batch]:
        with parquet.ParquetFile(path) as file:
            for part in file.iter_batches(size):
                columns = [
                    part[column].to_numpy(zero_copy_only=False).astype(float) for column in others
                ]
                yield np.column_stack(columns), part[name].to_numpy(zero_copy_only=False)

    return read()


class _End(NamedTuple):
    """No further batch comes, because of an error if there is one."""

    error: BaseException | None


def _read_ahead(source: Iterator[_Batch]) -> Iterator[_Batch]:
    """Yield what a thread reads, which is at most two batches ahead."""
    queue: Queue[_Batch | _End] = Queue(_AHEAD)
    left = Event()

    def put(entry: _Batch | _End) -> None:
        while not left.is_set():
            with suppress(Full):
                queue.put(entry, timeout=_LOOK)
                return

    def read() -> None:
        ended = _End(None)
        try:
            for batch in source:
                put(batch)
                if left.is_set():
                    break
        except BaseException as error:  # raised where the batch is asked for
            ended = _End(error)
        put(ended)

    thread = Thread(target=read, daemon=True)
    thread.start()
    try:
        while not isinstance(entry := queue.get(), _End):
            yield entry
        if entry.error is not None:
            raise entry.error
    finally:
        left.set()
        thread.join()
