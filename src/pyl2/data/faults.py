"""What is wrong with columns of a file, in a line that can be read."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyl2._common.validation import Array

NAMED_AT_MOST = 8
"""Columns an error names, so that its line can be read."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with the cells of a column."""

    reason: str


def fault(rows: Sequence[int] | Array, what: str) -> Fault:
    """Describe the faulty cells of a column by the first; rows are counted without the header."""
    first = f"row {rows[0] + 1}: {what}"
    return Fault(first if len(rows) == 1 else f"{len(rows)} cells, first {first}")


def places(faults: Mapping[str, Fault]) -> str:
    """Return in a line which columns are at fault, and where."""
    shown = [f"{name!r} ({fault.reason})" for name, fault in list(faults.items())[:NAMED_AT_MOST]]
    more = len(faults) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def listed(names: Sequence[str]) -> str:
    """Return names in quotes, not too many for a line."""
    shown = ", ".join(map(repr, names[:NAMED_AT_MOST]))
    more = len(names) - NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown


def option(name: str, values: Iterable[str]) -> str:
    """Return an option with names for its value, as a shell takes it."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return f"{name} {shlex.quote(line.getvalue())}"
