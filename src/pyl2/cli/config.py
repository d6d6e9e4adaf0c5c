"""`--config FILE.toml`: options in a file, and `--save-config`: all of them written to one."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from pyl2.cli import options

_NOT_WRITTEN = ("run", "command", "config", "save_config")


def add(parser: options.Parser) -> None:
    """Add the two options."""
    add = parser.add_argument_group("options in a file").add_argument
    text = "read options from here, by their names; what the command line says counts more"
    add("--config", metavar="FILE.toml", help=text)
    add("--save-config", metavar="FILE.toml", help="write all options there")


def arguments(args: argparse.Namespace) -> list[str]:
    """Return what the file says as arguments of the command; FILE is there unless it was given."""
    import tomllib

    from pyl2._common import files

    try:
        found = tomllib.loads(files.contents(args.config).decode())
    except (tomllib.TOMLDecodeError, UnicodeError) as error:
        raise ValueError(f"{args.config}: not a TOML file: {error}") from None
    path = found.pop("file", None)
    listed = [argument for name, value in found.items() for argument in _written(name, value)]
    return [*listed, *([str(path)] if path is not None and args.file is None else [])]


def save(args: argparse.Namespace) -> None:
    """Write all options to a file, with those that are not given as comments."""
    from pyl2._common import files

    lines = []
    for name, value in vars(args).items():
        option = name.replace("_", "-")
        if name not in _NOT_WRITTEN:
            lines.append(f"# {option} =" if value is None else f"{option} = {_toml(value)}")
    files.replace(args.save_config, ("\n".join(lines) + "\n").encode())


def _written(name: str, value: Any) -> list[str]:
    """Return an option as one writes it on the command line."""
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    if value == {}:
        return []
    return [f"--{name}={_text(value)}"]


def _text(value: Any) -> str:
    if isinstance(value, list):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(map(_text, value))
        return line.getvalue()
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_text(entry)}" for name, entry in value.items())
    return str(value)


def _toml(value: Any) -> str:
    """Return what an option was read as in TOML's words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_toml(entry)}' for name, entry in value.items())} }}"
    if isinstance(value, tuple) and value and isinstance(value[0], str):  # cosine:0.1
        return _toml(":".join(map(str, value)))
    if isinstance(value, tuple) and not value:
        return _toml("none")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
