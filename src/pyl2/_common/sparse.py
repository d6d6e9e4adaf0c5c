"""Sparse matrices of SciPy's, checked before anything follows an index of theirs.

SciPy's compiled routines trust the arrays of a matrix, which anybody may set, and read and write
wherever these lead.  Its own ``check_format`` is no guard: it looks at nothing where nnz is 0, its
differences wrap, and LIL, DIA and DOK have none.  So no matrix of a user's goes to SciPy or to
scikit-learn: its arrays are taken, each once, and checked by comparisons alone; what SciPy is given
is a matrix made here of just these arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, int]

_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)


class SparseMatrix(Protocol):
    """A sparse matrix or array of SciPy's, of any format."""

    def tocsr(self) -> Any: ...


class Csr(NamedTuple):
    """Rows of a sparse X; the binding looks at the indices again, each time it is given them."""

    data: Array
    indices: Array
    indptr: Array
    shape: Shape


def is_sparse(X: Any) -> TypeGuard[SparseMatrix]:
    """Whether X is a sparse matrix, or something that becomes one."""
    return hasattr(X, "tocsr")


def csr(name: str, X: SparseMatrix) -> Csr:
    """Return a sparse matrix of any format as CSR that leads nowhere but into its own arrays.

    Of CSR no array is copied that need not be.  What the user's matrix holds is never changed.

    Raises
    ------
    ValueError, TypeError
        If it is damaged, has not two dimensions, or holds no real numbers.
    """
    from scipy.sparse import issparse

    found: Any = X if issparse(X) else X.tocsr()
    if not issparse(found):
        raise TypeError(f"{name}.tocsr() must give a matrix of SciPy's, got {type(found).__name__}")
    read = _READERS.get(found.format)
    if read is None:
        raise TypeError(f"{name} must be a sparse matrix of SciPy's, got format {found.format!r}")
    return read(name, found, _shape(name, found))


def matrix(name: str, X: Any) -> Any:
    """Return a sparse X as a CSR matrix of SciPy's own, checked; all else as it is.

    Its rows may be taken, its type changed, and scikit-learn given it.
    """
    return of_csr(csr(name, X), X) if is_sparse(X) else X


def of_csr(rows: Csr, like: Any) -> Any:
    """Return rows as SciPy's CSR array, or as its CSR matrix where the user's X is a matrix."""
    from scipy import sparse

    # Its constructor would copy 64-bit indices to 32 bits.
    made = (sparse.csr_matrix if isinstance(like, sparse.spmatrix) else sparse.csr_array)(
        rows.shape
    )
    made.data, made.indices, made.indptr = rows.data, rows.indices, rows.indptr
    return made


def take(name: str, X: Any, rows: Any) -> Any:
    """Return some rows of an array or a sparse matrix, by an index or a slice.

    A sparse one is checked again: a callback has held it since it was last.
    """
    return matrix(name, X)[rows]


def dense(name: str, X: Any) -> Any:
    """Return a sparse X as an array, checked; all else as it is."""
    return matrix(name, X).toarray() if is_sparse(X) else X


# Each format, by its own arrays.


def _csr(name: str, X: Any, shape: Shape) -> Csr:
    return _merged(Csr(*_compressed(name, X, shape[0], shape[1], "row"), shape))


def _csc(name: str, X: Any, shape: Shape) -> Csr:
    from scipy.sparse import csc_array

    return _converted(csc_array, _compressed(name, X, shape[1], shape[0], "column"), shape)


def _bsr(name: str, X: Any, shape: Shape) -> Csr:
    from scipy.sparse import bsr_array

    blocks = _values(name, X, ndim=3)
    high, wide = blocks.shape[1:]
    if not (high and wide) or shape[0] % high or shape[1] % wide:
        raise _damaged(name, f"blocks of {high} by {wide} do not fill {shape[0]} by {shape[1]}")
    parts = _compressed(name, X, shape[0] // high, shape[1] // wide, "row of blocks", blocks)
    return _converted(bsr_array, parts, shape)


def _coo(name: str, X: Any, shape: Shape) -> Csr:
    if hasattr(X, "coords"):  # of SciPy 1.13 and later
        names, coordinates = [f"{name}.coords[{i}]" for i in range(2)], X.coords
        if not isinstance(coordinates, Sequence) or len(coordinates) != 2:
            raise _damaged(name, f"{name}.coords must hold two arrays")
    else:
        names, coordinates = [f"{name}.row", f"{name}.col"], (X.row, X.col)
    row, column = (_whole(one, array) for one, array in zip(names, coordinates, strict=True))
    return _from_places(name, _values(name, X), row, column, shape, names)


def _dok(name: str, X: Any, shape: Shape) -> Csr:
    entries = list(X.items())
    if not all(type(key) is tuple and len(key) == 2 for key, _ in entries):
        raise _damaged(name, "its keys must be pairs (row, column)")
    values = _numbers(name, [value for _, value in entries], X.dtype)
    names = f"the rows in the keys of {name}", f"the columns in the keys of {name}"
    row, column = (_whole(names[i], _packed([key[i] for key, _ in entries])) for i in range(2))
    return _from_places(name, values, row, column, shape, names)


def _lil(name: str, X: Any, shape: Shape) -> Csr:
    lists, values = (_lists(name, X, part, shape[0]) for part in ("rows", "data"))
    lengths, others = ([len(one) for one in part] for part in (lists, values))
    if lengths != others:
        at = next(i for i in range(shape[0]) if lengths[i] != others[i])
        raise _damaged(
            name, f"{name}.rows[{at}] has {lengths[at]} columns, {name}.data[{at}] {others[at]}"
        )
    indices = _whole(f"{name}.rows", _packed(list(chain.from_iterable(lists))))
    _check_inside(name, f"{name}.rows", indices, shape[1])
    data = _numbers(name, list(chain.from_iterable(values)), X.dtype)
    narrow = np.int32 if max(shape[1], len(data)) < 2**31 else np.int64
    indptr = np.zeros(shape[0] + 1, narrow)
    indptr[1:] = np.cumsum(lengths)
    return _merged(Csr(data, indices.astype(narrow), indptr, shape))


def _dia(name: str, X: Any, shape: Shape) -> Csr:
    from scipy.sparse import dia_array

    data, offsets = _values(name, X, ndim=2), _whole(f"{name}.offsets", _part(X, "offsets"))
    if offsets.shape != data.shape[:1]:
        raise _damaged(
            name, f"{name}.offsets must have shape {data.shape[:1]}, got {offsets.shape}"
        )
    if len(np.unique(offsets)) < len(offsets):
        raise _damaged(name, f"{name}.offsets must be different")
    # In Python's integers, which do not wrap; diagonals that lie outside are nothing.
    inside = [-shape[0] < offset < shape[1] for offset in offsets.tolist()]
    return _converted(dia_array, (data[inside], offsets[inside].astype(np.int64)), shape)


_READERS: dict[str, Callable[[str, Any, Shape], Csr]] = {
    "csr": _csr,
    "csc": _csc,
    "bsr": _bsr,
    "coo": _coo,
    "dia": _dia,
    "lil": _lil,
    "dok": _dok,
}


# What they share.


def _shape(name: str, X: Any) -> Shape:
    shape = tuple(X.shape)
    if len(shape) != 2:
        raise ValueError(f"{name} must have 2 dimensions, got shape {shape}")
    try:
        rows, columns = map(operator.index, shape)
    except TypeError:
        raise _damaged(name, f"its shape is {shape}") from None
    if min(rows, columns) < 0:
        raise _damaged(name, f"its shape is {shape}")
    return rows, columns


def _compressed(
    name: str, X: Any, major: int, minor: int, what: str, values: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return data, indices and indptr of CSR or CSC, or of rows of blocks, without what is unused.

    ``what`` is one of the ``major`` things that indptr delimits.
    """
    data = _values(name, X) if values is None else values
    indptr, indices = (_whole(f"{name}.{part}", _part(X, part)) for part in ("indptr", "indices"))
    if indptr.shape != (major + 1,):
        raise _damaged(name, f"{name}.indptr must have shape ({major + 1},), got {indptr.shape}")
    first, last = int(indptr[0]), int(indptr[-1])
    if first:
        raise _damaged(name, f"{name}.indptr must begin with 0, got {first}")
    falls = indptr[1:] < indptr[:-1]
    if np.count_nonzero(falls):
        at = int(falls.argmax())
        raise _damaged(
            name,
            f"{name}.indptr must not fall, but does at {what} {at},"
            f" from {indptr[at]} to {indptr[at + 1]}",
        )
    for array, many in ((data, "values"), (indices, "indices")):
        if last > len(array):
            raise _damaged(name, f"{name}.indptr ends at {last}, but there are {len(array)} {many}")
    indices = indices[:last]
    _check_inside(name, f"{name}.indices", indices, minor)
    kind = _INT32 if indices.dtype == indptr.dtype == _INT32 else _INT64
    return data[:last], _plain(indices, kind), _plain(indptr, kind)


def _from_places(
    name: str, data: Array, row: Array, column: Array, shape: Shape, names: Sequence[str]
) -> Csr:
    """Return values at rows and columns as CSR, those of one place added up."""
    from scipy.sparse import coo_array

    for one, array, limit in zip(names, (row, column), shape, strict=True):
        if array.shape != data.shape:
            raise _damaged(name, f"{one} must have shape {data.shape}, got {array.shape}")
        _check_inside(name, one, array, limit)
    row, column = (_plain(array, _INT64) for array in (row, column))
    return _converted(coo_array, (data, (row, column)), shape)


def _converted(kind: Any, parts: tuple[Any, ...], shape: Shape) -> Csr:
    """Return checked parts of another format as CSR, by SciPy."""
    found = kind(parts, shape=shape).tocsr()
    return _merged(Csr(found.data, found.indices, found.indptr, shape))


def _merged(rows: Csr) -> Csr:
    """Add up integers or flags of one place in their own type, as their dense copy does."""
    if rows.data.dtype.kind == "f":
        return rows
    made = of_csr(rows, None)
    if made.has_canonical_format:
        return rows
    made = made.copy()
    made.sum_duplicates()
    few = len(made.data) < len(rows.data)
    return Csr(made.data, made.indices, made.indptr, rows.shape) if few else rows


def _part(X: Any, part: str) -> Any:
    return getattr(X, part, None)


def _values(name: str, X: Any, ndim: int = 1) -> Array:
    """Return X.data as SciPy's routines take it: real, contiguous, of the machine's bytes."""
    data = _packed(_part(X, "data"))
    _check_real(name, data.dtype)
    if data.ndim != ndim:
        raise _damaged(name, f"{name}.data must have {ndim} dimensions, got shape {data.shape}")
    half = data.dtype == np.float16  # a type that SciPy has not
    return _plain(data, np.dtype(float) if half else data.dtype)


def _plain(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return an array as compiled code takes it: contiguous, aligned, of the machine's bytes."""
    if array.dtype == dtype and array.flags.carray and dtype.isnative:
        return array
    return np.require(array, dtype.newbyteorder("="), ["C", "A"])


def _numbers(name: str, values: list[Any], dtype: Any) -> Array:
    """Return the values of a matrix of lists or of a dictionary, in its dtype."""
    found = _packed(values)
    for kind in (np.dtype(dtype), found.dtype):
        _check_real(name, kind)
    if found.ndim != 1:
        raise _damaged(name, "its values must be numbers")
    return found.astype(np.float64 if dtype == np.float16 else dtype)


def _check_real(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {dtype}")


def _packed(values: Any) -> Array:
    """Return an array, of objects where they are no numbers; where there is none, of int64."""
    if isinstance(values, list) and not values:
        return np.zeros(0, np.int64)
    try:
        return np.asarray(values)
    except ValueError:  # ragged
        return np.array(None)


def _whole(what: str, values: Any) -> Array:
    """Return an array of whole numbers, of any type that holds them."""
    found = _packed(values)
    if found.dtype.kind not in "iu":
        raise TypeError(f"{what} must hold whole numbers, got dtype {found.dtype}")
    if found.ndim != 1:
        raise ValueError(f"{what} must have 1 dimension, got shape {found.shape}")
    return found


def _lists(name: str, X: Any, part: str, rows: int) -> list[list[Any]]:
    array = _part(X, part)
    if not isinstance(array, np.ndarray) or array.shape != (rows,):
        shape = getattr(array, "shape", type(array).__name__)
        raise _damaged(name, f"{name}.{part} must have shape ({rows},), got {shape}")
    lists: list[list[Any]] = array.tolist()
    if not all(type(one) is list for one in lists):
        raise _damaged(name, f"{name}.{part} must hold lists")
    return lists


def _check_inside(name: str, what: str, indices: Array, limit: int) -> None:
    if not len(indices):
        return
    # In Python's integers, which do not wrap.
    least, most = int(np.minimum.reduce(indices)), int(np.maximum.reduce(indices))
    if least < 0 or most >= limit:
        raise _damaged(name, f"{what} must lie between 0 and {limit - 1}")


def _damaged(name: str, why: str) -> ValueError:
    return ValueError(f"{name} is a damaged sparse matrix: {why}")
