"""Ways of training side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from pyl2._common import text_table


def comparison_table(
    rows: Sequence[Mapping[str, Any]], measure: str, free: Mapping[str, float] | None = None
) -> Table:
    """Return ways of training side by side, with the test scores that they have at λ = 0 if given.

    The rows are those of ``Comparison.summary``.
    """
    last = (f"test\n{measure}\nλ = 0",) if free else ()
    scores = (f"train\n{measure}", f"test\n{measure}", *last)
    grid = text_table.table_with("method", "E", "E₀", "R", *scores, "seconds", "evaluations")
    grid.columns[0].justify = "left"
    for row in rows:
        grid.add_row(
            row["method"],
            f"{text_table.digits(row['error'], 4)} ±{row['error_std']:.1g}",
            text_table.digits(row["data_error"], 3),
            text_table.digits(row["penalty"], 2),
            f"{row['train_score']:.3f} ±{row['train_score_std']:.3f}",
            f"{row['test_score']:.3f} ±{row['test_score_std']:.3f}",
            *([f"{free[row['method']]:.3f}"] if free else []),
            f"{row['seconds']:.2f}",
            f"{row['evaluations']:,.0f}",
        )
    return grid
