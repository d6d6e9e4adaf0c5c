"""Delimited text: what encoding, delimiter, header and marks a file has; pandas parses it.

The header and the number of cells in each row are looked at with Python's own csv, so that an error
can say which row is wrong, and how.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from pyl2._common.validation import Array
from pyl2.data.cells import (
    Cells,
    cells_of,
    distinct_values,
    is_number,
    of_numbers,
    of_texts,
    of_values,
    parsed,
    shortened,
)
from pyl2.data.faults import Fault, fault
from pyl2.data.treatment import Treatment

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_DELIMITERS = "\t;|,"
"""The first that makes rows of one length: a semicolon comes before the commas of decimals."""

_SAMPLE = 50
"""Lines by which the delimiter is found."""

_BEGINNING = 2**20
"""Characters that such lines are looked for in first."""

_CELLS = 5_000_000
"""So many cells of whole numbers are looked at for zeros in front."""

_MARKS = ((",", "."), (",", " "), (",", "'"), (".", ","), (".", " "), (".", "'"))
"""Decimal and thousands marks that are tried; blanks stand for those that do not break, too."""

_DATES = (
    *("ISO8601", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%d-%b-%Y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S")
_LIKE_A_DATE = re.compile(r"\d{1,4}[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/. ]\d|[A-Z][a-z]{2,8} \d{1,2}, ")


@dataclass(frozen=True)
class Dialect:
    """What is known of how a delimited file is written; None where it is to be found out.

    Attributes
    ----------
    encoding : str or None
    decimal, thousands : str or None
        The marks in numbers.
    header : bool or None
    date_order : {"dmy", "mdy"} or None
        Of dates that could be either.
    """

    encoding: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    header: bool | None = None
    date_order: str | None = None


FIND_OUT = Dialect()
"""Nothing is known of the file."""


class Delimited:
    """A file of delimited text: its columns, and their cells once it is known which are wanted."""

    typed = False
    test_rows = 0
    """Whether the file says what is text and what is numbers."""

    def __init__(
        self, path: str, data: bytes, dialect: Dialect, marks: Collection[str] = ()
    ) -> None:
        self.path, self.dialect, self.marks = path, dialect, marks
        self.notes: list[str] = []
        self.target: list[str] = []
        text = _without_comments(self._decoded(data))
        self.delimiter, text = self._delimited(text)
        header, begin = self._header(text)
        self.headed = begin > 0
        # As bytes, of which nothing makes a copy; text in a StringIO takes four times as many.
        self.body = text[begin:].encode()
        del text
        blank = {i for i, name in enumerate(header, 1) if re.fullmatch(r"|Unnamed: \d+", name)}
        self.unnamed = {f"column {i}" for i in blank}
        self.columns = [f"column {i}" if i in blank else n for i, n in enumerate(header, 1)]
        self.features = self.targets = self.columns
        self.places = {name: i for i, name in enumerate(self.columns)}
        self.rows = self._checked_rows()

    def distinct(self, target: str) -> tuple[list[Any], Array]:
        """Return the different texts of a column, and which of them each row has."""
        texts = self._read([target], texts=[target])[target].tolist()
        values, codes = distinct_values(text.strip() for text in texts)
        self.target = [value for value in values if value not in self.marks]
        if target in values and self.headed:
            self.notes.append(
                f"the first line is taken for a header, but {target!r} is also a value of column"
                f" {target!r}: if it is a row, --no-header"
            )
        return values, codes

    def cells(self, names: Sequence[str]) -> dict[str, Cells | Fault]:
        """Return columns: as numbers, flags or dates where all that is there is such, else text."""
        series = self._read(names)
        texts = {name: self._texts(column) for name, column in series.items() if _is_text(column)}
        self._find_marks([*texts.values(), self.target])
        again = [name for name in self._misread(series) if name not in texts]
        texts |= {name: self._texts(c) for name, c in self._read(again, texts=again).items()}
        found = {
            name: self._of_texts(texts[name])
            if name in texts
            else cells_of(series[name].to_numpy(), name)
            for name in names
        }
        for name, cells in found.items():
            self._tell_order(name, cells, texts.get(name, ()))
        return found

    def _tell_order(self, name: str, cells: Cells | Fault, texts: Sequence[Any]) -> None:
        """Note whether the day or the month comes first in dates, and whether one can be sure."""
        if isinstance(cells, Fault) or cells.form[:2] not in _ORDERS or "%m" not in cells.form:
            return
        other = _swapped(cells.form)
        known = [text for text in texts if text is not None]
        if self.dialect.date_order is None and other.split(" ")[0] in _DATES and _all(known, other):
            self.notes.append(
                f"{name!r}: dates read as {_shown(cells.form)}; {_shown(other)} fits them, too:"
                f" --date-order {_ORDERS[other[:2]]}"
            )
        else:
            self.notes.append(f"{name!r}: dates read as {_shown(cells.form)}")

    def cells_for(self, treatments: Sequence[Treatment]) -> dict[str, Cells | Fault]:
        """Return columns as those of that name were where a model was trained."""
        kinds = {found.name: found for found in treatments}
        found = self.cells([name for name, t in kinds.items() if t.kind == "number"])
        for name, cells in found.items():
            if isinstance(cells, Cells) and cells.kind != "number" and not cells.missing.all():
                found[name] = _not_numbers(cells)
        others = [name for name, t in kinds.items() if t.kind != "number"]
        for name, column in self._read(others, texts=others).items():
            texts = self._texts(column)
            dated = kinds[name].kind == "date"
            found[name] = _as_dates(texts, kinds[name].form) if dated else of_texts(texts)
        return found

    def plain(self, values: list[Any]) -> list[Any]:
        """Return numbers of a target without thousands, and with a decimal point."""
        fits = _fit((self.decimal, self.thousands), values)
        return [self._plain(value) for value in values] if fits else values

    def texts(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return columns as the text that they are."""
        return {name: column.tolist() for name, column in self._read(names, texts=names).items()}

    def _decoded(self, data: bytes) -> str:
        encoding = self.dialect.encoding
        if encoding is None:
            encoding = next((name for mark, name in _BOMS if data.startswith(mark)), None)
        if encoding is None and b"\0" in data:
            raise ValueError(f"{self.path}: neither text, nor Parquet, nor npz")
        try:
            return data.decode(encoding or "utf-8")
        except LookupError:
            raise ValueError(f"--encoding: Python knows no {encoding!r}") from None
        except UnicodeError as error:
            if encoding is not None:
                raise ValueError(f"{self.path}: not text in {encoding}: {error}") from None
        self.notes.append("not UTF-8: read as Windows-1252 (another with --encoding)")
        return data.decode("cp1252", errors="replace")

    def _delimited(self, text: str) -> tuple[str, str]:
        """Return the delimiter, and the text, with tabs where it has blanks for delimiters."""
        said = re.match(r'"?sep=(.)"?[\r\n]+', text)
        if said:
            return said[1], text[said.end() :]
        lines = list(islice(io.StringIO(_beginning(text), newline=""), _SAMPLE))
        for delimiter in _DELIMITERS:
            widths = _widths(lines, delimiter)
            if len(widths) > 1 and widths[1] > 1 and _even(widths):
                return delimiter, text
        blank = _widths([line.strip() + "\n" for line in lines], " ")
        if len(blank) > 1 and blank[0] > 1 and _even(blank):
            return "\t", _tabbed(text)
        first = next((line for line in lines if line.strip()), "")
        try:
            width = {mark: len(next(csv.reader([first], delimiter=mark), [])) for mark in ",;\t|"}
        except csv.Error as error:
            raise ValueError(f"{self.path}: not a CSV file: {error}") from None
        return max(width, key=width.__getitem__), text

    def _header(self, text: str) -> tuple[list[str], int]:
        """Return the names of the columns, and where the rows begin."""
        lines = io.StringIO(_beginning(text), newline="")
        rows = filter(None, csv.reader(lines, delimiter=self.delimiter))
        header = self._next(rows)
        if header is None:
            raise ValueError(f"{self.path}: no header line")
        names, begin = [name.strip() for name in header], lines.tell()
        ours = names == [str(i) for i in range(len(names))]  # as pandas numbers columns
        numbers = not ours and all(is_number(name) for name in names)
        if self.dialect.header is False or numbers:
            if self.dialect.header is None:
                self.notes.append(f"no header: the columns are c1 … c{len(names)}")
            return [f"c{i}" for i in range(1, len(names) + 1)], 0
        second = self._next(rows)
        if not names[-1] and second is not None and len(second) == len(names) - 1:
            names.pop()  # the header ends with a delimiter, and no other line does
        return names, begin

    def _next(self, rows: Iterable[list[str]]) -> list[str] | None:
        try:
            return next(iter(rows), None)
        except csv.Error as error:
            raise ValueError(f"{self.path}: not a CSV file: {error}") from None

    def _checked_rows(self) -> int:
        """Count the rows; each must have as many cells as there are columns."""
        body = io.TextIOWrapper(io.BytesIO(self.body), "utf-8", newline="")
        widths: Iterable[int]
        if b'"' in self.body:
            widths = map(len, filter(None, csv.reader(body, delimiter=self.delimiter)))
        else:
            widths = (line.count(self.delimiter) + 1 for line in body if line.strip("\r\n"))
        row = 0
        try:
            for row, width in enumerate(widths, 1):
                if width != len(self.columns):
                    raise ValueError(
                        f"{self.path}: row {row} has {width} values, "
                        f"the header {len(self.columns)} names"
                    )
        except csv.Error as error:
            raise ValueError(f"{self.path}: row {row + 1} is not CSV: {error}") from None
        if not row:
            raise ValueError(f"{self.path}: no rows below the header")
        return row

    def _read(
        self, names: Sequence[str], texts: Collection[str] = (), rows: int | None = None
    ) -> dict[str, Any]:
        """Return columns as pandas reads them: its series, by name; those of `texts` as text."""
        pd = _pandas(self.path)
        places = {name: self.places[name] for name in names}
        plain = [place for name, place in places.items() if name not in texts]
        exact = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
        if not names:
            return {}
        try:
            frame = pd.read_csv(
                io.BytesIO(self.body),
                sep=self.delimiter,
                header=None,
                names=range(len(self.columns)),
                index_col=False,
                usecols=sorted(set(places.values())),
                dtype={places[name]: str for name in texts},
                na_values={place: ["", *self.marks] for place in plain},
                keep_default_na=False,
                low_memory=False,
                nrows=rows,
                **exact,
            )
        except (ValueError, OverflowError, pd.errors.ParserError) as error:
            raise ValueError(f"{self.path}: not a CSV file that can be read: {error}") from None
        if len(frame) != min(self.rows, rows or self.rows):
            raise ValueError(
                f"{self.path}: {self.rows} rows, of which pandas reads {len(frame)}: quotes or"
                " ends of lines are damaged"
            )
        return {name: frame[place] for name, place in places.items()}

    def _texts(self, column: Any) -> list[Any]:
        """Return the cells of a column without blanks around them, None where missing."""
        absent = {"", *self.marks}
        found = (cell.strip() if isinstance(cell, str) else cell for cell in column.tolist())
        return [None if cell in absent or cell != cell else cell for cell in found]

    def _find_marks(self, columns: Sequence[Sequence[Any]]) -> None:
        """Find out which marks the numbers have, by the columns that are no plain numbers."""
        said = (self.dialect.decimal, self.dialect.thousands)
        self.decimal, self.thousands = said[0] or ".", said[1] or ""
        texts = [[cell for cell in column if isinstance(cell, str)] for column in columns]
        marked = [column for column in texts if not all(map(is_number, column))]
        tried = [
            pair for pair in _MARKS if all(a in (None, b) for a, b in zip(said, pair, strict=True))
        ]
        counts = {pair: sum(_fit(pair, column) for column in marked) for pair in tried}
        best = max(counts, key=counts.__getitem__, default=None)
        if None not in said or best is None or not counts[best]:
            return
        if self.delimiter == "," and best == (",", ".") and counts.get((".", ",")) == counts[best]:
            best = (".", ",")  # 1,234 between commas is rather a thousand
        self.decimal, self.thousands = best
        if said[0] is None:
            words = {",": "comma", ".": "point", " ": "blank", "'": "apostrophe"}
            self.notes.append(
                f"numbers: decimal {words[best[0]]}, thousands {words[best[1]]}"
                " (others with --decimal, --thousands)"
            )

    def _misread(self, series: Mapping[str, Any]) -> list[str]:
        """Return the columns of numbers that pandas may have taken for others."""
        kinds = {name: column.dtype.kind for name, column in series.items()}
        whole = [name for name, kind in kinds.items() if kind in "iu"]
        rows = max(1000, _CELLS // max(1, len(whole)))
        read = self._read(whole, texts=whole, rows=rows)
        found = [n for n, c in read.items() if any(map(_CODE.fullmatch, c.tolist()))]
        if self.decimal == ",":
            found += [name for name, kind in kinds.items() if kind == "f"]
        return found

    def _of_texts(self, cells: list[Any]) -> Cells | Fault:
        """Return the cells of a column as numbers or dates if all are such, else as text."""
        known = [cell for cell in cells if cell is not None]
        if not all(isinstance(cell, str) for cell in known):  # flags with gaps, huge integers
            return of_values(cells) or of_texts([c if c is None else str(c) for c in cells])
        if not known or any(map(_CODE.fullmatch, known)):
            return of_texts(cells)
        if _fit((self.decimal, self.thousands), known):
            known_as = {text: float(self._plain(text)) for text in set(known)}
        elif all(map(is_number, known)):
            known_as = {text: parsed(text) for text in set(known)}
        else:
            form = _form_of_dates(known, self.dialect.date_order)
            return _as_dates(cells, form) if form else of_texts(cells)
        return of_numbers(np.array([known_as.get(cell, np.nan) for cell in cells]))

    def _plain(self, text: str) -> str:
        found = text.translate(_BLANKS)
        return found.replace(self.thousands, "").replace(self.decimal, ".")


_CODE = re.compile(r"\s*[+-]?0\d+\s*")
"""A number with zeros in front is a code: it stays the text that it is."""

_BLANKS = dict.fromkeys(map(ord, "\u00a0\u202f\u2009"), " ")


def _fit(marks: tuple[str, str], column: Iterable[Any]) -> bool:
    """Whether all that is known of a column are numbers with these marks."""
    decimal, thousands = map(re.escape, marks)
    groups = rf"\d{{1,3}}(?:{thousands}\d{{3}})+|" if thousands else ""
    number = re.compile(rf"[+-]?(?:(?:{groups}\d+)(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?")
    return all(
        number.fullmatch(text.translate(_BLANKS)) for text in column if isinstance(text, str)
    )


def _form_of_dates(known: Sequence[str], order: str | None) -> str:
    """Return the first form in which all are dates; "" if there is none."""
    if not _LIKE_A_DATE.match(known[0]):
        return ""
    other = {"dmy": "%m", "mdy": "%d"}.get(order or "")
    days = sorted(_DATES, key=lambda form: form[:2] == other)
    forms = (f"{day}{time if day != 'ISO8601' else ''}" for day in days for time in _TIMES)
    return next((form for form in forms if _all(known, form)), "")


def _all(known: Sequence[str], form: str) -> bool:
    """Whether all texts are dates of a form."""
    sample = list(dict.fromkeys(known))
    return not any(np.isnat(_parsed_dates(texts, form)).any() for texts in (sample[:20], sample))


_ORDERS = {"%d": "dmy", "%m": "mdy"}


def _swapped(form: str) -> str:
    """Return a form with day and month changed."""
    return form.replace("%d", "@").replace("%m", "%d").replace("@", "%m")


def _shown(form: str) -> str:
    """Return a form of dates in words: day/month/year."""
    words = {"%d": "day", "%m": "month", "%Y": "year", "%B": "month", "%b": "month"}
    return re.sub(r"%\w", lambda found: words[found[0]], form.split(" ")[0])


def _parsed_dates(texts: Sequence[Any], form: str) -> Array:
    """Return dates of a form, NaT where a text is none; without their time zones, as UTC."""
    pd = _pandas("")
    with np.errstate(all="ignore"):
        found = pd.to_datetime(
            pd.Series(texts, dtype=object), format=form, errors="coerce", utc=True
        )
    values: Array = found.dt.tz_localize(None).to_numpy().astype("M8[us]")
    return values


def _as_dates(cells: Sequence[Any], form: str) -> Cells | Fault:
    """Return cells as dates of a form."""
    values = _parsed_dates(cells, form or "ISO8601")
    missing = np.array([cell is None for cell in cells], bool)
    wrong = np.isnat(values) & ~missing
    if wrong.any():
        return fault(np.flatnonzero(wrong), shortened(str(cells[int(wrong.argmax())])))
    return Cells("date", values, missing, form)


def _not_numbers(cells: Cells) -> Fault:
    """Describe the cells of text that are no numbers."""
    texts = cells.texts()
    wrong = [row for row, text in enumerate(texts) if text and not is_number(text)] or [0]
    return fault(wrong, shortened(texts[wrong[0]]))


def _is_text(column: Any) -> bool:
    return column.dtype.kind not in "iufb"


def _pandas(path: str) -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise ValueError(f"{path}: tables are read by pandas: pip install 'pyl2[cli]'") from None
    return pd


def _beginning(text: str) -> str:
    """Return the beginning of a text, with lines enough to find out how it is written."""
    begun = text[:_BEGINNING]
    return begun if begun.count("\n") > 2 * _SAMPLE else text


def _without_comments(text: str) -> str:
    """Leave out lines that begin with #, if the first does; numpy.savetxt's header is none."""
    if not text.startswith("#"):
        return text
    lines = io.StringIO(text, newline="").readlines()
    rest = [line for line in lines if not line.startswith("#")]
    top = [line for line in lines[: len(lines) - len(rest)] if line.startswith("#")]
    header = top[-1].lstrip("#").lstrip() if top else ""
    for delimiter in f"{_DELIMITERS} " if rest else "":
        widths = _widths([header.strip(), rest[0].strip()], delimiter)
        if len(widths) == 2 and widths[0] == widths[1] > 1:
            return "".join([header, *rest])
    return "".join(rest)


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    """Return how many cells each row has, without the last, which may go on; [] if it is no CSV."""
    try:
        rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter == " ")
        found = [len(row) for row in rows if row]
    except csv.Error:
        return []
    return found[:-1] if len(lines) == _SAMPLE else found


def _even(widths: Sequence[int]) -> bool:
    """Whether all rows are as long; a header may end with a delimiter."""
    return len(set(widths[1:])) == 1 and widths[0] in (widths[1], widths[1] + 1)


def _tabbed(text: str) -> str:
    """Return lines with tabs between the cells, where they have blanks."""
    lines = (line.strip() for line in io.StringIO(text))
    rows = csv.reader(
        (line.replace("\t", " ") for line in lines), delimiter=" ", skipinitialspace=True
    )
    out = io.StringIO(newline="")
    try:
        csv.writer(out, delimiter="\t", lineterminator="\n").writerows(filter(None, rows))
    except csv.Error:
        return text
    return out.getvalue()
