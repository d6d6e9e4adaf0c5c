"""How every training command ends: its outcome as a page, and as JSON or on the screen."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyl2.cli import output, page, report

if TYPE_CHECKING:
    from pyl2._common.text_table import Grid


@dataclass(frozen=True)
class Outcome:
    """What a command has found, before it is known who reads it."""

    title: str
    """Of the page."""

    headline: Sequence[str]
    """The answer in sentences."""

    heading: str
    """Of the table's section on the page."""

    table: Grid
    caption: str
    remarks: Sequence[str]
    explained: Sequence[str]
    """How to read the table: for the page, where there is room."""

    lines: Mapping[str, str]
    """What was read and how it was learned, by name."""

    results: Mapping[str, Any]
    """What is written as JSON."""

    pictures: Callable[[], Sequence[str]] = tuple
    """Draws the sections with pictures, which takes a while: called for a page alone."""


def tell(found: Outcome, args: argparse.Namespace) -> None:
    """Write the page, if one was asked for; then JSON, or the screen and which files there are."""
    if args.report:
        sections = [
            page.table(
                found.heading, found.table, found.caption, [*found.remarks, *found.explained]
            ),
            *found.pictures(),
            page.run(args.command, found.results["isa"], found.lines),
        ]
        page.write(args.report, found.title, found.headline, sections)
    if args.json:
        return output.print_json(found.results)
    lines = {} if args.quiet else found.lines
    report.print_all(found.headline, found.table, found.remarks, lines)
    output.print_saved(args, args.output, args.report)
    output.print_model(args)
