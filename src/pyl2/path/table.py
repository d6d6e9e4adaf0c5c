"""The λs of a path side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from pyl2._common import text_table


def path_table(
    rows: Sequence[Mapping[str, Any]], measure: str, marks: Mapping[str, int] | None = None
) -> Table:
    """Return the λs of a path side by side; the rows are those of ``L2Path.summary``.

    What is known of none is left out, and how training ended if it was by its last epoch.
    ``marks`` are words for some of the rows, by their index.
    """
    columns = {
        "λ": ("l2", "{:.4g}"),
        "E₀": ("data_error", "{:.4g}"),
        "R": ("penalty", "{:.2g}"),
        f"train\n{measure}": ("train_score", "{:z.3f}"),
        f"test\n{measure}": ("test_score", "{:z.3f}"),
        "‖W‖": ("norm", "{:.3g}"),
        "slope": ("slope", "{:.2g}"),
        "curvature": ("curvature", "{:.2g}"),
        "satu-\nrated": ("saturation", "{:.0%}"),
        "even": ("evenness", "{:.2f}"),
        "log\nevidence": ("log_evidence", "{:.1f}"),
        "γ": ("n_effective", "{:.1f}"),
    }
    if any(row["stopped"] != "epochs" for row in rows):
        columns |= {"epochs": ("epochs", "{:,}"), "ended by": ("stopped", "{}")}
    known = {
        heading: (name, form)
        for heading, (name, form) in columns.items()
        if not all(isinstance(row[name], float) and math.isnan(row[name]) for row in rows)
    }
    grid = text_table.table_with(*known, *([""] if marks else []))
    for place, row in enumerate(rows):
        cells = [form.format(row[name]) for name, form in known.values()]
        words = ", ".join(word for word, marked in (marks or {}).items() if marked == place)
        grid.add_row(*cells, *([words] if marks else []), style="bold" if words else None)
    return grid


def choice_table(
    rows: Sequence[Mapping[str, Any]], measure: str, marks: Mapping[str, int]
) -> Table:
    """Return the cross-validated scores of λs, one below the other, the chosen ones marked."""
    grid = text_table.table_with("λ", f"CV {measure}", "±", "")
    for place, row in enumerate(rows):
        words = ", ".join(word for word, marked in marks.items() if marked == place)
        cells = (f"{row['l2']:.4g}", f"{row['cv_score']:z.3f}", f"{row['cv_error']:.3f}", words)
        grid.add_row(*cells, style="bold" if words else None)
    return grid
