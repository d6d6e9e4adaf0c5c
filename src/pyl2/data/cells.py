"""The columns of a table, whatever holds it: numbers, flags, text or dates, and which are missing.

Data frames of pandas, polars and Arrow are read through narwhals, without a copy of the whole.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyl2._common.validation import Array

TRUE = frozenset({"true", "yes", "t", "y"})
FALSE = frozenset({"false", "no", "f", "n"})
"""Words of a flag, in lower case; a column is one if it has words of one pair alone."""

_PAIRS = tuple(frozenset(pair) for pair in (("true", "false"), ("yes", "no"), "tf", "yn"))


@dataclass(frozen=True)
class Cells:
    """A column of a table.

    Attributes
    ----------
    kind : {"number", "flag", "text", "date"}
    values : ndarray, shape (rows,)
        float64, NaN where missing; bool; str as objects; datetime64[us].
    missing : ndarray of bool, shape (rows,)
    form : str
        How a file writes the dates, for `pandas.to_datetime`; "" if they came as dates.
    """

    kind: str
    values: Array
    missing: Array
    form: str = ""

    def take(self, rows: Array) -> Cells:
        """Return the cells of some rows, by indices or a mask."""
        return replace(self, values=self.values[rows], missing=self.missing[rows])

    def numbers(self, name: str) -> Array:
        """Return the cells as float64, NaN where missing."""
        if self.kind == "number":
            return self.values
        if self.kind == "flag":
            return np.where(self.missing, np.nan, self.values)
        if self.missing.all():
            return np.full(len(self.missing), np.nan)
        raise ValueError(f"column {name!r} has {self._first()}, where it had numbers in fit")

    def flags(self, name: str) -> Array:
        """Return the cells as 1 and 0, NaN where missing; a word that is no flag is missing."""
        if self.kind != "text":
            return self.numbers(name)
        known = dict.fromkeys(TRUE, 1.0) | dict.fromkeys(FALSE, 0.0)
        found = (known.get(text.strip().lower(), np.nan) for text in self.values)
        return np.fromiter(found, float, len(self.values))

    def dates(self, name: str) -> Array:
        """Return the cells as datetime64[us], NaT where missing."""
        if self.kind == "date":
            return self.values
        if self.missing.all():
            return np.full(len(self.missing), np.datetime64("NaT", "us"))
        raise ValueError(f"column {name!r} has {self._first()}, where it had dates in fit")

    def texts(self) -> list[str]:
        """Return the cells as text, "" where missing: whole numbers without a point."""
        if self.kind == "text":
            return list(self.values)
        cells = zip(self.values.tolist(), self.missing.tolist(), strict=True)
        return ["" if gap else label(value) for value, gap in cells]

    def _first(self) -> str:
        row = int(self.missing.argmin())
        return f"{self.kind} (row {row + 1}: {shortened(str(self.values[row]))})"


def label(value: Any) -> str:
    """Return a value as text: whole numbers without a point."""
    if isinstance(value, str | bool):
        return str(value)
    try:
        return str(int(value)) if value == int(value) else str(value)
    except (TypeError, ValueError, OverflowError):
        return str(value)


def texts_of(text: Array) -> list[str]:
    """Return an array of text, or of bytes in ASCII, as texts."""
    points = np.ascontiguousarray(text.astype(str)).view(np.uint32)
    if points.size and points.max() > sys.maxunicode:
        raise ValueError("an array of text has characters beyond Unicode's")
    return [str(item) for item in text.astype(str).tolist()]


def parsed(text: str) -> float:
    """Return the number that a text is."""
    if "_" in text:
        raise ValueError(f"{text!r} is a number only in Python")
    return float(text)


def is_number(text: str) -> bool:
    """Whether a text is a number as Python writes it."""
    try:
        parsed(text)
    except ValueError:
        return False
    return True


def distinct_values(values: Iterable[Any]) -> tuple[list[Any], Array]:
    """Return the different values by order of appearance, and which of them each is."""
    places: dict[Any, int] = {}
    codes = array.array("q", (places.setdefault(value, len(places)) for value in values))
    return list(places), np.array(codes, np.intp)


def shortened(text: str) -> str:
    """Return a text in quotes, not too long for a line; "empty" if there is nothing to see."""
    if not text.strip():
        return "empty"
    return repr(text if len(text) <= 20 else text[:19] + "…")


def is_flag(texts: Iterable[str]) -> bool:
    """Whether texts, of which none is missing, are yes and no, true and false, y and n or t and f.

    One of the two alone is no flag.
    """
    words: set[str] = set()
    for text in texts:
        words.add(text.strip().lower())
        if len(words) > 2:
            return False
    return words in _PAIRS


def columns(X: Any) -> dict[str, Any]:
    """Return the columns of a data frame or an array, by name.

    Parameters
    ----------
    X : DataFrame of pandas or polars, Table of Arrow, or ndarray of shape (rows, columns)
        The columns of an array are x0, x1, …

    Returns
    -------
    dict of str to Series of narwhals, or to ndarray of shape (rows,)
    """
    if isinstance(X, np.ndarray):
        if X.ndim != 2:
            raise ValueError(
                f"Expected 2D array, got {X.ndim}D array instead. Reshape your data, with"
                " array.reshape(-1, 1) if it has a single feature"
            )
        return {f"x{i}": X[:, i] for i in range(X.shape[1])}
    import narwhals as nw

    frame = nw.from_native(X, eager_only=True)
    return {name: frame[name] for name in frame.columns}


def cells_of(column: Any, name: str) -> Cells:
    """Return what the cells of a column are.

    Parameters
    ----------
    column : Series of narwhals, or ndarray of shape (rows,)
    name : str
        For errors.

    Returns
    -------
    Cells

    Raises
    ------
    ValueError
        If they are none of numbers, flags, text and dates.
    """
    found = (_of_array if isinstance(column, np.ndarray) else _of_series)(column)
    if found is None:
        raise ValueError(
            f"column {name!r} is neither numbers, text, flags nor dates: {column.dtype}"
        )
    return found


def _of_array(column: Array) -> Cells | None:
    match column.dtype.kind:
        case "b":
            return Cells("flag", column, np.zeros(len(column), bool))
        case "i" | "u" | "f":
            return of_numbers(column)
        case "U" | "S":
            return of_texts(texts_of(column))
        case "M":
            return _dates(column)
        case "O":
            return of_values(column.tolist())
        case "c":
            raise ValueError("Complex data not supported")
    return None


def _of_series(series: Any) -> Cells | None:
    import narwhals as nw

    kind = series.dtype
    if isinstance(kind, nw.Decimal) or (kind.is_numeric() and series.null_count()):
        return of_numbers(series.cast(nw.Float64).to_numpy())
    if kind.is_numeric():
        return of_numbers(series.to_numpy())
    if isinstance(kind, nw.Boolean) and not series.null_count():
        return Cells("flag", series.to_numpy(), np.zeros(len(series), bool))
    if isinstance(kind, nw.Datetime):
        return _dates(series.dt.replace_time_zone(None).to_numpy())
    if isinstance(kind, nw.Date):
        return _dates(series.to_numpy())
    if isinstance(kind, nw.Categorical | nw.Enum):
        return of_texts([value if _absent(value) else label(value) for value in series.to_list()])
    if isinstance(kind, nw.Boolean | nw.String | nw.Object | nw.Unknown):
        return of_values(series.to_list())
    return None


def of_numbers(values: Array) -> Cells:
    """Return the cells of a column of numbers, NaN where missing."""
    with np.errstate(all="ignore"):  # what float64 cannot hold is looked for later
        found = np.asarray(values, np.float64)
    return Cells("number", found, np.isnan(found))


def _dates(values: Array) -> Cells:
    found = values.astype("M8[us]")
    return Cells("date", found, np.isnat(found))


def _absent(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA, of which each comparison is NA."""
    return value is None or (not isinstance(value, str) and (value != value) is not False)


def of_values(values: Sequence[Any]) -> Cells | None:
    """Return the cells of a column of Python's objects; those of several kinds are text."""
    from datetime import date
    from decimal import Decimal
    from numbers import Real

    known = [value for value in values if not _absent(value)]
    if all(isinstance(value, str) for value in known):  # a column without a value, too
        return of_texts(values)
    gaps = np.fromiter(map(_absent, values), bool, len(values))
    if all(isinstance(value, bool | np.bool_) for value in known):
        flags = [
            value is not None and not gap and bool(value)
            for value, gap in zip(values, gaps, strict=True)
        ]
        return Cells("flag", np.array(flags, bool), gaps)
    if all(isinstance(value, Real | Decimal) and not isinstance(value, bool) for value in known):
        return Cells(
            "number", np.array([_float(v, gap) for v, gap in zip(values, gaps, strict=True)]), gaps
        )
    if all(isinstance(value, date | np.datetime64) for value in known):
        found = [None if gap else _wall(value) for value, gap in zip(values, gaps, strict=True)]
        return _dates(np.array(found, "M8[us]"))
    if any(isinstance(value, bytes | complex | list | tuple | dict | set) for value in known):
        return None
    return of_texts([None if gap else label(v) for v, gap in zip(values, gaps, strict=True)])


def of_texts(values: Sequence[Any]) -> Cells:
    """Return cells of text; blank ones are missing."""
    found = ["" if _absent(value) or not value.strip() else value for value in values]
    array = np.empty(len(found), object)
    array[:] = found
    return Cells("text", array, np.fromiter((not text for text in found), bool, len(found)))


def _float(value: Any, gap: bool) -> float:
    try:
        return float("nan") if gap else float(value)
    except OverflowError:  # a whole number beyond float64
        return float("inf") if value > 0 else float("-inf")


def _wall(value: Any) -> Any:
    """Return a date as it reads on the wall: without its time zone."""
    return value.replace(tzinfo=None) if getattr(value, "tzinfo", None) else value
