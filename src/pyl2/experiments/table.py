"""Ways of training side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyl2._common import text_table
from pyl2._common.text_table import Column, Grid


def comparison_table(
    rows: Sequence[Mapping[str, Any]], measure: str, free: Mapping[str, float] | None = None
) -> Grid:
    """Return ways of training side by side, with the test scores that they have at λ = 0 if given.

    The rows are those of ``Comparison.summary``.
    """
    grid = Grid(
        [
            Column("method", left=True),
            Column("E"),
            Column("E₀", rank=3),
            Column("R", rank=4),
            Column(f"train\n{measure}", rank=1),
            Column(f"test\n{measure}"),
            *([Column(f"test\n{measure}\nλ = 0")] if free else []),
            Column("seconds"),
            Column("evaluations", rank=2),
        ]
    )
    for row in rows:

        def spread(name: str, form: str, row: Mapping[str, Any] = row) -> str:
            return f" ±{row[f'{name}_std']:{form}}" if row["runs"] > 1 else ""

        grid.add_row(
            row["method"],
            text_table.digits(row["error"], 4) + spread("error", ".1g"),
            text_table.digits(row["data_error"], 3),
            text_table.digits(row["penalty"], 2),
            f"{row['train_score']:.3f}" + spread("train_score", ".3f"),
            f"{row['test_score']:.3f}" + spread("test_score", ".3f"),
            *([f"{free[row['method']]:.3f}"] if free else []),
            f"{row['seconds']:.2f}",
            f"{row['evaluations']:,.0f}",
        )
    return grid
