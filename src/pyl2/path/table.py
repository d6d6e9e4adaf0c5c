"""The λs of a path side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pyl2._common.text_table import Column, Grid

RULES = {"min": "best mean", "1se": "one standard error"}
"""What the rules of a choice are called in tables."""

# Heading, name in the summary, form; and what is left out first where there is little room.
_COLUMNS = (
    ("λ", "l2", "{:.4g}", 0),
    ("E₀", "data_error", "{:.4g}", 4),
    ("R", "penalty", "{:.2g}", 5),
    ("train\n{}", "train_score", "{:z.3f}", 0),
    ("test\n{}", "test_score", "{:z.3f}", 0),
    ("CV\n{}", "cv_score", "{:z.3f}", 0),
    ("±", "cv_error", "{:.3f}", 0),
    ("‖W‖", "norm", "{:.3g}", 0),
    ("slope", "slope", "{:.2g}", 1),
    ("curvature", "curvature", "{:.2g}", 2),
    ("satu-\nrated", "saturation", "{:.0%}", 3),
    ("even", "evenness", "{:.2f}", 6),
    ("log\nevidence", "log_evidence", "{:.1f}", 0),
    ("γ", "n_effective", "{:.1f}", 0),
)
_ENDINGS = (("epochs", "epochs", "{:,}", 1), ("ended by", "stopped", "{}", 0))


def path_table(
    rows: Sequence[Mapping[str, Any]], measure: str, marks: Mapping[str, int] | None = None
) -> Grid:
    """Return λs side by side; the rows are those of ``L2Path.summary``, or some of their values.

    What is known of none is left out, and how training ended if it was by its last epoch.
    ``marks`` are words for some of the rows, by their index.
    """
    ended = any(row.get("stopped", "epochs") != "epochs" for row in rows)
    columns = [
        (Column(heading.format(measure), rank=rank), name, form)
        for heading, name, form, rank in (*_COLUMNS, *(_ENDINGS if ended else ()))
        if any(_is_known(row.get(name)) for row in rows)
    ]
    words = [Column("", left=True)] if marks else []
    grid = Grid([*(column for column, _, _ in columns), *words])
    for place, row in enumerate(rows):
        titles = [
            RULES.get(word, word) for word, marked in (marks or {}).items() if marked == place
        ]
        cells = [form.format(row[name]) for _, name, form in columns]
        grid.add_row(*cells, *[", ".join(titles) for _ in words], marked=bool(titles))
    return grid


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
