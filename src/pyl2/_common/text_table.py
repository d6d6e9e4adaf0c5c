"""Tables as text, as HTML or as data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

_GAP = "  "


@dataclass
class Column:
    """A column of a table.

    Attributes
    ----------
    heading : str
        May have several lines.
    left : bool
        Whether its cells begin at the left, as text does; numbers end at the right.
    rank : int
        Where there is no room for all, columns of the highest rank are left out first; 0 never.
    cells : list of str
    """

    heading: str
    left: bool = False
    rank: int = 0
    cells: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The lines of the heading."""
        return self.heading.split("\n")

    @property
    def width(self) -> int:
        """Characters of the longest cell, or line of the heading."""
        return max(map(len, [*self.lines, *self.cells]))

    def aligned(self, text: str) -> str:
        """Return a cell as wide as all."""
        return text.ljust(self.width) if self.left else text.rjust(self.width)


@dataclass
class Grid:
    """A table: columns, and which of the rows stand out."""

    columns: list[Column]
    marked: list[bool] = field(default_factory=list)

    def add_row(self, *cells: str, marked: bool = False) -> None:
        """Add a row, a cell for each column."""
        for column, cell in zip(self.columns, cells, strict=True):
            column.cells.append(cell)
        self.marked.append(marked)

    def within(self, width: float) -> tuple[Grid, list[str]]:
        """Return the table without the columns that find no room, and the headings of these."""
        kept = list(self.columns)
        while sum(column.width + len(_GAP) for column in kept) > width:
            least = max(kept, key=lambda column: column.rank)
            if not least.rank:
                break
            kept = [column for column in kept if column is not least]
        left_out = [column for column in self.columns if not any(column is one for one in kept)]
        headings = [" ".join(column.lines).replace("- ", "") for column in left_out]
        return Grid(kept, self.marked), headings

    def __str__(self) -> str:
        return "\n".join(line for line, _ in self.lines())

    def lines(self) -> list[tuple[str, bool]]:
        """Return the lines of the table as text, and whether each stands out."""
        deepest = max(len(column.lines) for column in self.columns)
        headings = [[""] * (deepest - len(c.lines)) + c.lines for c in self.columns]
        body = zip(*(column.cells for column in self.columns), strict=True)
        rows = [*zip(*headings, strict=True), *body]
        texts = [
            _GAP.join(c.aligned(cell) for c, cell in zip(self.columns, row, strict=True)).rstrip()
            for row in rows
        ]
        rule = "─" * (sum(column.width + len(_GAP) for column in self.columns) - len(_GAP))
        texts.insert(deepest, rule)
        return list(zip(texts, [False] * (deepest + 1) + self.marked, strict=True))


def frame(records: Sequence[Mapping[str, Any]]) -> Any:
    """Return records as a pandas DataFrame.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("to_frame needs pandas: pip install 'pyl2[frames]'") from None
    return pd.DataFrame(list(records))


def html(grid: Grid, caption: str = "") -> str:
    """Return a table as HTML; marked rows are of class "marked", columns of text "left".

    The first cell of a row is its heading.
    """
    classes = [' class="left"' if column.left else "" for column in grid.columns]
    cells = zip(classes, (escape(column.heading) for column in grid.columns), strict=True)
    head = "".join(
        f'<th scope="col"{mark}>{name}</th>' if name else f"<td{mark}></td>" for mark, name in cells
    )
    rows = []
    for stands_out, *texts in zip(grid.marked, *(c.cells for c in grid.columns), strict=True):
        marked = ' class="marked"' if stands_out else ""
        first, *rest = zip(classes, map(escape, texts), strict=True)
        inside = '<th scope="row"{}>{}</th>'.format(*first)
        inside += "".join(f"<td{mark}>{text}</td>" for mark, text in rest)
        rows.append(f"<tr{marked}>{inside}</tr>")
    named = f"<caption>{escape(caption)}</caption>\n" if caption else ""
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{chr(10).join(rows)}\n</tbody>"
    return f"<table>\n{named}{body}\n</table>"


def notebook(line: str, grid: Grid) -> str:
    """Return what notebooks show of an object: its one line, and a table."""
    return f"<div><code>{escape(line)}</code>\n{html(grid)}</div>"


def digits(value: float, digits: int) -> str:
    """Return a number with so many digits, zeros at its end included."""
    return f"{value:#.{digits}g}".rstrip(".")


def table_with(*headings: str) -> Grid:
    """Return a table of numbers, without a row so far."""
    return Grid([Column(heading) for heading in headings])
