"""Tables for terminals, and as text or data frames."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
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


def digits(value: float, digits: int) -> str:
    """Return a number with so many digits, zeros at its end included."""
    return f"{value:#.{digits}g}".rstrip(".")


def table_with(*headings: str) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in headings:
        grid.add_column(heading, justify="right", no_wrap=True)
    return grid
