"""What commands leave behind: JSON, and files that have a place before the training begins."""

from __future__ import annotations

import argparse
import io
import json
import math
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pyl2.cli import options

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def add_output(parser: options.Parser) -> options.Group:
    """Add what every training can do with what it has found; return the group, for more."""
    parser.set_defaults(output=None, save=None)  # not every command has these
    group = parser.add_argument_group("output")
    add = group.add_argument
    add("--report", type=options.page, metavar="PAGE.html", help="tables and pictures in one file")
    add("--json", action="store_true", help="write JSON to standard output, nothing else")
    add("--quiet", action="store_true", help="no progress, no notes")
    return group


def add_figure(group: options.Group, text: str) -> None:
    """Add the option of a figure in a file of its own."""
    group.add_argument("--output", type=options.figure, metavar="FIGURE.png", help=text)


def check_writable(option: str, path: str | None) -> None:
    """Find out before the training, not after it, that what it leaves has no place."""
    folder = os.path.dirname(path or "") or "."
    if path and os.path.isdir(path):
        raise ValueError(f"{option} {path}: it is a folder")
    if path and not os.path.isdir(folder):
        raise ValueError(f"{option} {path}: folder {folder} does not exist")


def check_drawable(option: str, path: str | None) -> None:
    """Find out before the training that its pictures have no place, or cannot be drawn."""
    check_writable(option, path)
    if path and not find_spec("matplotlib"):
        raise ValueError(f"{option}: figures need Matplotlib: pip install 'pyl2[plot]'")


def write_figure(path: str, figure: Figure) -> None:
    """Draw, then write the file, whole or not at all."""
    from pyl2._common import files

    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.rpartition(".")[2], dpi=120)
    files.replace(path, drawn.getbuffer())


def print_json(results: Mapping[str, Any]) -> None:
    """Print JSON, which knows no number that is not finite: such are null."""

    def known(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: known(entry) for name, entry in value.items()}
        if isinstance(value, list | tuple):
            return [known(entry) for entry in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    print(json.dumps(known(results), indent=2, allow_nan=False))


def print_model(args: argparse.Namespace) -> None:
    """Tell that there is a model now, and what it is for."""
    if args.save and not args.quiet:
        print(f"saved {args.save}, for pyl2 predict {args.save} FILE")


def print_saved(args: argparse.Namespace, *paths: str | None) -> None:
    """Tell which files there are now."""
    for path in filter(None, paths):
        if not args.quiet:
            print(f"saved {path}")
