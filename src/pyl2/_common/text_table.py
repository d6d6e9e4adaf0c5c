"""Tables for terminals, and as text or data frames."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 120


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


def text(grid: Table) -> str:
    """Return a table as lines of plain text."""
    console = Console(file=io.StringIO(), width=WIDTH, markup=False, emoji=False, highlight=False)
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def html(grid: Table, caption: str = "") -> str:
    """Return a table as HTML; marked rows are of class "marked", columns of text "left".

    The first cell of a row is its heading.
    """
    classes = [' class="left"' if column.justify == "left" else "" for column in grid.columns]
    cells = zip(classes, (escape(str(column.header)) for column in grid.columns), strict=True)
    head = "".join(
        f'<th scope="col"{mark}>{name}</th>' if name else f"<td{mark}></td>" for mark, name in cells
    )
    rows = []
    for row, *texts in zip(grid.rows, *(column.cells for column in grid.columns), strict=True):
        marked = ' class="marked"' if row.style else ""
        first, *rest = zip(classes, map(escape, map(str, texts)), strict=True)
        inside = '<th scope="row"{}>{}</th>'.format(*first)
        inside += "".join(f"<td{mark}>{text}</td>" for mark, text in rest)
        rows.append(f"<tr{marked}>{inside}</tr>")
    named = f"<caption>{escape(caption)}</caption>\n" if caption else ""
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{chr(10).join(rows)}\n</tbody>"
    return f"<table>\n{named}{body}\n</table>"


def notebook(line: str, grid: Table) -> str:
    """Return what notebooks show of an object: its one line, and a table."""
    return f"<div><code>{escape(line)}</code>\n{html(grid)}</div>"


def digits(value: float, digits: int) -> str:
    """Return a number with so many digits, zeros at its end included."""
    return f"{value:#.{digits}g}".rstrip(".")


def table_with(*headings: str) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in headings:
        grid.add_column(heading, justify="right", no_wrap=True)
    return grid
