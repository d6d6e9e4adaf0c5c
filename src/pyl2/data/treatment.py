"""What becomes of each column of a table: fitted to the training set, kept as numbers and text.

A number is standardised, and where it is missing the median stands in its place; a flag is 1 or 0;
a date is its year, month, day, weekday and the seconds since the first; each of these has an
indicator for missing cells if the training set has such. Text is one-hot: a column for each
category, one for rare categories together, one for missing cells. Ids are left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from pyl2._common.validation import Array
from pyl2.data.cells import Cells, is_flag

SCALES = ("standard", "robust", "quantile", "none")
DATE_PARTS = ("year", "month", "day", "weekday", "seconds")

_FURTHEST = 5.199337582605575
"""Where "quantile" ends: the quantile function of the normal distribution at 1 - 1e-7."""

_QUANTILES = 100
"""At most so many points of the distribution function are kept, for the model file."""

_FEWEST = 10
"""Rows of which all can differ by chance: in so few nothing is taken for an id."""


@dataclass(frozen=True)
class Treatment:
    """What becomes of a column.

    Attributes
    ----------
    name : str
    kind : {"number", "flag", "date", "text", "left out"}
    why : str
        Why it is left out; "" if it is not.
    missing : int
        Missing cells of the training set; if there are some, missing cells have a column.
    fill, center, scale : tuple of float
        Of a number; of a date's parts. Missing ones are `fill`; then `center` is taken away, and
        the rest divided by `scale`.
    quantiles : tuple of tuple of float
        The same values for "quantile": at equal steps of the distribution function.
    first : int
        Microseconds from 1970 to the first date.
    form : str
        How a file writes the dates, for `pandas.to_datetime`; "" if they came as dates.
    categories : tuple of str
        Of text, in order; without those that are rare.
    rare : tuple of str
        Categories that share a column.
    """

    name: str
    kind: str
    why: str = ""
    missing: int = 0
    fill: tuple[float, ...] = ()
    center: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    quantiles: tuple[tuple[float, ...], ...] = ()
    first: int = 0
    form: str = ""
    categories: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Return the names of the columns that come of it."""
        if self.kind == "left out":
            return []
        found = [self.name]
        if self.kind == "date":
            found = [f"{self.name}: {part}" for part in DATE_PARTS]
        if self.kind == "text":
            found = [f"{self.name}={category}" for category in self.categories]
            found += [f"{self.name}: rare"] if self.rare else []
        return found + ([f"{self.name}: missing"] if self.missing else [])

    def describe(self) -> str:
        """Return in words what becomes of the column."""
        return f"{self._kind()}{self._gaps()}"

    def _kind(self) -> str:
        if self.kind == "left out":
            return f"left out: {self.why}"
        if self.kind == "text":
            rare = f", {_count(self.rare, 'rare one')} together" if self.rare else ""
            return f"{_count(self.categories, 'category')}{rare}"
        return "date: " + ", ".join(DATE_PARTS) if self.kind == "date" else self.kind

    def _gaps(self) -> str:
        if not self.missing:
            return ""
        if self.kind == "text":
            return f", {self.missing} missing as a category"
        fill = f"the median {self.fill[0]:.4g} and " if self.kind == "number" else ""
        return f", {self.missing} missing: {fill}an indicator"

    def encode(self, cells: Cells) -> Array:
        """Return the columns that come of the cells, as float64 of shape (rows, columns)."""
        if self.kind == "text":
            codes = self.codes(cells)
            found = np.zeros((len(codes), len(self.names())))
            known = codes >= 0
            found[known, codes[known]] = 1.0
            return found
        values = raw_numbers(self, cells)
        gaps = np.isnan(values[:, 0])
        values = np.where(gaps[:, None], self.fill, values)
        if self.quantiles:
            pairs = zip(values.T, self.quantiles, strict=True)
            values = np.stack(
                [_normal(column, np.array(points)) for column, points in pairs], axis=1
            )
        values = (values - self.center) / self.scale
        return np.column_stack([values, gaps]) if self.missing else values

    def codes(self, cells: Cells) -> Array:
        """Return which of the columns of a text each cell is 1 in; -1 if in none."""
        places = {category: i for i, category in enumerate(self.categories)}
        places |= dict.fromkeys(self.rare, len(self.categories))
        if self.missing:
            places[""] = len(self.categories) + bool(self.rare)
        texts = cells.texts()
        return np.fromiter((places.get(text, -1) for text in texts), np.intp, len(texts))

    def record(self) -> dict[str, Any]:
        """Return it as JSON values, what is empty left out."""
        return {name: value for name, value in asdict(self).items() if value or name == "name"}


@dataclass(frozen=True)
class Recipe:
    """How treatments are fitted: the parameters of ``TableEncoder`` of these names."""

    scale: str = "standard"
    min_frequency: int | float | None = None
    keep: Collection[str] = ()

    def threshold(self, rows: int) -> float:
        """Return of how many rows a category must be not to be rare."""
        if self.min_frequency is None:
            return min(5, rows / 100)
        whole = not isinstance(self.min_frequency, float)
        return self.min_frequency if whole else self.min_frequency * rows


def fit(
    table: Mapping[str, Cells], recipe: Recipe, ids: Mapping[str, str] | None = None
) -> list[Treatment]:
    """Return what becomes of each column of a training set, in its order.

    Parameters
    ----------
    table : mapping of str to Cells
    recipe : Recipe
    ids : mapping of str to str, optional
        What `identifiers` has found, where it was given more than the training set.

    Raises
    ------
    ValueError
        If a number is infinite or too large, or no column is left.
    """
    if ids is None:
        ids = identifiers(table, recipe.keep)
    begun = [_begun(name, cells, recipe, ids) for name, cells in table.items()]
    numeric = [found for found in begun if found.kind in ("number", "flag", "date")]
    scaled = dict(
        zip((found.name for found in numeric), _scaled(numeric, table, recipe), strict=True)
    )
    treatments = [scaled.get(found.name, found) for found in begun]
    if all(found.kind == "left out" for found in treatments):
        columns = "; ".join(f"{found.name!r} {found.describe()}" for found in treatments[:8])
        raise ValueError(f"no column remains to learn from: {columns or 'there is none'}")
    return treatments


def identifiers(table: Mapping[str, Cells], keep: Collection[str] = ()) -> dict[str, str]:
    """Return the columns that tell rows apart and nothing else, and why they are held for such.

    They are texts all different, and whole numbers that count the rows in whatever order. None is
    one where nothing else would be left, or in fewer than ten rows.
    """
    found = {}
    for name, cells in table.items():
        rows = len(cells.missing)
        if name in keep or rows < _FEWEST or cells.missing.any():
            continue
        if cells.kind == "text" and len(set(cells.values)) == rows:
            found[name] = "a different text in each row"
        elif cells.kind == "number" and _counts(cells.values):
            found[name] = "it numbers the rows"
    return found if len(found) < len(table) else {}


def _counts(values: Array) -> bool:
    low, high, rows = values.min(), values.max(), len(values)
    likely = low >= 0 and high <= rows and high >= low + rows - 1
    return bool(likely and (values == np.floor(values)).all() and len(np.unique(values)) == rows)


def _begun(name: str, cells: Cells, recipe: Recipe, ids: Mapping[str, str]) -> Treatment:
    """Return what can be said of a column by itself: its kind, categories and gaps."""
    missing = int(np.count_nonzero(cells.missing))
    known = ~cells.missing
    if name in ids:
        return Treatment(name, "left out", ids[name])
    if not known.any():
        return Treatment(name, "left out", "no cell has a value")
    if cells.kind == "date":
        first = int(cells.values[known].min().astype(np.int64))
        return Treatment(name, "date", missing=missing, first=first, form=cells.form)
    if cells.kind != "text":
        return Treatment(name, cells.kind, missing=missing)
    texts = cells.values[known].tolist()
    if is_flag(texts):
        return Treatment(name, "flag", missing=missing)
    least = recipe.threshold(len(cells.missing))
    counts = Counter(texts)
    rare = tuple(sorted(text for text, count in counts.items() if count < least))
    if len(rare) == len(counts) and not missing and name not in recipe.keep:
        return Treatment(name, "left out", f"no text is in {math.ceil(least)} rows")
    return Treatment(
        name,
        "text",
        missing=missing,
        categories=tuple(sorted(counts.keys() - set(rare))),
        rare=rare,
    )


def raw_numbers(treatment: Treatment, cells: Cells) -> Array:
    """Return the numbers of a column, (rows, 1), or the parts of its dates, (rows, 5)."""
    name = treatment.name
    if treatment.kind == "flag":
        return cells.flags(name)[:, None]
    if treatment.kind == "date":
        return _parts(cells.dates(name), treatment.first)
    values = cells.numbers(name)
    if np.isinf(values).any():
        row = int(np.isinf(values).argmax())
        raise ValueError(f"column {name!r} has infinity (row {row + 1}: {values[row]:g})")
    return values[:, None]


def _parts(dates: Array, first: int) -> Array:
    """Return year, month, day, weekday (0 is Monday), and seconds since the first."""
    gaps = np.isnat(dates)
    years, months, days = (dates.astype(f"M8[{unit}]").astype(np.int64) for unit in "YMD")
    found = np.stack(
        [
            1970 + years,
            1 + months % 12,
            1 + days - dates.astype("M8[M]").astype("M8[D]").astype(np.int64),
            (days + 3) % 7,  # the first of January 1970 was a Thursday
            (dates.astype(np.int64) - first) / 1e6,
        ],
        axis=1,
    )
    found[gaps] = np.nan
    return found


def _scaled(
    begun: Sequence[Treatment], table: Mapping[str, Cells], recipe: Recipe
) -> list[Treatment]:
    """Return the treatments of numbers, flags and dates with what fills and scales them."""
    if not begun:
        return []
    blocks = [raw_numbers(found, table[found.name]) for found in begun]
    with np.errstate(all="ignore"):  # what is too large is described below
        fills = [
            [0.0] if found.kind == "flag" else np.nanmedian(block, axis=0)
            for found, block in zip(begun, blocks, strict=True)
        ]
    filled = [np.where(np.isnan(b), f, b) for b, f in zip(blocks, fills, strict=True)]
    whole = np.concatenate(filled, axis=1)
    owners = [i for i, block in enumerate(blocks) for _ in range(block.shape[1])]
    center, scale, quantiles = _moments(whole, recipe.scale)
    for i, owner in enumerate(owners):
        if not (np.isfinite(center[i]) and np.isfinite(scale[i])):
            raise ValueError(
                f"the numbers of {begun[owner].name!r} are too large to be standardised"
            )
    found, start = [], 0
    for treatment, fill, block in zip(begun, fills, blocks, strict=True):
        end = start + block.shape[1]
        flag = treatment.kind == "flag"
        found.append(
            replace(
                treatment,
                fill=tuple(map(float, fill)),
                center=(0.0,) if flag else tuple(center[start:end].tolist()),
                scale=(1.0,) if flag else tuple(scale[start:end].tolist()),
                quantiles=() if flag else tuple(map(tuple, quantiles[start:end])),
            )
        )
        start = end
    return found


def _moments(X: Array, scale: str) -> tuple[Array, Array, list[list[float]]]:
    """Return what is taken away from each column, what it is divided by, and its quantiles."""
    from sklearn.preprocessing import RobustScaler, StandardScaler

    zeros, ones = np.zeros(X.shape[1]), np.ones(X.shape[1])
    if scale == "quantile":
        steps = np.linspace(0, 1, min(_QUANTILES, len(X)))
        return zeros, ones, np.quantile(X, steps, axis=0).T.tolist()
    if scale == "none":
        return zeros, ones, []
    with np.errstate(all="ignore"):
        if scale == "robust":
            scaler = RobustScaler().fit(X)
            return scaler.center_, scaler.scale_, []
        scaler = StandardScaler().fit(X)
        return scaler.mean_, scaler.scale_, []


def _normal(values: Array, points: Array) -> Array:
    """Map values to a normal distribution by the quantiles of the training set.

    Where quantiles are equal, the middle of what they cover.
    """
    from scipy.special import ndtri

    steps = np.linspace(0, 1, len(points))
    low = -np.interp(-values, -points[::-1], -steps[::-1])
    share = (np.interp(values, points, steps) + low) / 2
    found: Array = np.clip(ndtri(share), -_FURTHEST, _FURTHEST)
    return found


def encode(treatments: Sequence[Treatment], table: Mapping[str, Cells], sparse: bool) -> Any:
    """Return what becomes of a table.

    Parameters
    ----------
    treatments : sequence of Treatment
    table : mapping of str to Cells
        With all columns that are not left out.
    sparse : bool
        Whether to return a sparse matrix.

    Returns
    -------
    ndarray or csr_array of float64, shape (rows, columns)
    """
    used = [treatment for treatment in treatments if treatment.kind != "left out"]
    if sparse:
        from scipy.sparse import csr_array, hstack

        blocks = [_sparse(treatment, table[treatment.name]) for treatment in used]
        return hstack([csr_array(block) for block in blocks], format="csr")
    found = np.empty((len(table[used[0].name].missing), sum(len(t.names()) for t in used)))
    start = 0
    for treatment in used:
        end = start + len(treatment.names())
        found[:, start:end] = treatment.encode(table[treatment.name])
        start = end
    return found


def _sparse(treatment: Treatment, cells: Cells) -> Any:
    from scipy.sparse import csr_array

    if treatment.kind != "text":
        return csr_array(treatment.encode(cells))
    codes = treatment.codes(cells)
    known = codes >= 0
    starts = np.concatenate([[0], np.cumsum(known)])
    shape = (len(codes), len(treatment.names()))
    return csr_array((np.ones(known.sum()), codes[known], starts), shape=shape)


def surprise(found: Treatment, cells: Cells) -> str:
    """Return in words what a column has that the training set had not; "" if nothing."""
    if found.kind == "text":
        unknown = (found.codes(cells) < 0) & ~cells.missing
        first = cells.texts()[int(unknown.argmax())]
        count = int(np.count_nonzero(unknown))
        return f"{found.name!r}: unknown category in {_rows(count)} ({first!r})" if count else ""
    count = int(np.count_nonzero(cells.missing))
    if found.missing or not count:
        return ""
    fill = f"{found.fill[0]:.4g}" if found.kind == "number" else "what is usual"
    return f"{found.name!r}: missing in {_rows(count)}, where {fill} stands in"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def renamed(found: Treatment, name: str) -> Treatment:
    """Return the treatment of a column that has another name."""
    return found if found.name == name else replace(found, name=name)


def density(treatments: Sequence[Treatment]) -> float:
    """Return the share of numbers other than 0, at most, in what becomes of a table."""
    widths = [len(treatment.names()) for treatment in treatments]
    filled = sum(
        min(1, w) if t.kind == "text" else w for t, w in zip(treatments, widths, strict=True)
    )
    return filled / max(1, sum(widths))


def from_record(record: Any) -> Treatment:
    """Return a treatment from JSON values; ValueError if they are none."""
    kinds = {name: type(getattr(_EMPTY, name)) for name in (f.name for f in fields(Treatment))}
    if not isinstance(record, dict) or not {"name", "kind"} <= record.keys() <= kinds.keys():
        raise ValueError("a column is malformed")
    values = {name: _tuples(value) for name, value in record.items()}
    found = Treatment(**values)
    sound = all(isinstance(value, kinds[name]) for name, value in values.items())
    if not (sound and _is_sound(found)):
        raise ValueError(f"column {record['name']!r:.40} is malformed")
    return found


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _is_sound(found: Treatment) -> bool:
    width = {"number": 1, "flag": 1, "date": len(DATE_PARTS)}.get(found.kind, 0)
    numbers = (*found.fill, *found.center, *found.scale)
    texts = (*found.categories, *found.rare)
    return (
        found.kind in ("number", "flag", "date", "text", "left out")
        and found.missing >= 0
        and len(found.fill) == len(found.center) == len(found.scale) == width
        and all(isinstance(number, float) and math.isfinite(number) for number in numbers)
        and all(scale > 0 for scale in found.scale)
        and all(isinstance(text, str) and text for text in texts)
        and len(set(texts)) == len(texts)
        and (not found.quantiles or len(found.quantiles) == width)
        and all(_is_ascending(points) for points in found.quantiles)
        and -(2**63) < found.first < 2**63
    )


def _is_ascending(points: Any) -> bool:
    return (
        isinstance(points, tuple)
        and len(points) > 0
        and all(isinstance(point, float) and math.isfinite(point) for point in points)
        and all(a <= b for a, b in pairwise(points))
    )


_EMPTY = Treatment("", "left out")


def _count(things: Sequence[Any], what: str) -> str:
    many = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{len(things)} {what if len(things) == 1 else many}"
