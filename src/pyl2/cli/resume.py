"""`--resume FOLDER`: finished fits are kept there, and taken from there."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pyl2.cli import options

if TYPE_CHECKING:
    from pyl2._common.finished import Finished
    from pyl2.cli.data import Data

# Options that change no fit; and the file, of which the rows are looked at.
_OF_NO_MATTER = (
    *("run", "command", "file", "report", "json", "quiet", "save", "output", "resume", "config"),
    *("save_config", "n_threads", "max_time"),
)


def add(group: options.Group) -> None:
    """Add the option."""
    text = "keep finished fits in this folder, and do not train again those that are there"
    group.add_argument("--resume", metavar="FOLDER", help=text)


def kept(rows: Data, args: argparse.Namespace) -> Finished:
    """Return the fits that are finished; other options or rows than theirs are an error."""
    from pyl2._common.finished import Finished, fingerprints

    settings = {
        f"--{name.replace('_', '-')}": value
        for name, value in vars(args).items()
        if name not in _OF_NO_MATTER
    }
    for name, part in (("training set", rows.train), ("test set", rows.test)):
        settings[name] = fingerprints(*part)
    return Finished(args.resume, settings if args.resume else {}, "--resume")
