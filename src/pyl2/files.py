"""Files of networks and trainings: safetensors, which run no code when loaded, written atomically.

Every file has a kind ("network", "backprop" ...), the version of its format, some arrays and a
dictionary of JSON values.  What a number in it means, and whether it is sound, is checked by who
reads it; here it is only certain that the arrays lie inside the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np

from pyl2.checks import Array

FORMAT_VERSION = 1

PathLike = str | os.PathLike[str]


def write(path: PathLike, kind: str, arrays: dict[str, Array], meta: dict[str, Any]) -> None:
    """Write a file whole or not at all: under another name first, then renamed.

    Raises
    ------
    OSError
        If it cannot be written; an older file of that name is then as it was.
    """
    from safetensors.numpy import save

    header = {"pyl2": str(FORMAT_VERSION), "kind": kind, "meta": json.dumps(meta)}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    replace(path, save(contiguous, header))


def replace(path: PathLike, content: bytes) -> None:
    """Put `content` into the file, atomically and durably."""
    path = Path(path)
    passing = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(passing, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(passing, path)
    except BaseException:
        with contextlib.suppress(OSError):
            passing.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself durable, where folders can be opened (not on Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(path: PathLike, kind: str) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read the arrays and the dictionary of a file of the given kind.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not a pyl2 file of that kind, is damaged, or its format is newer than this version.
    """
    content = Path(path).read_bytes()
    try:
        arrays, header = _parse(content)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes a parser say
        raise ValueError(f"{path} is not a pyl2 file, or is damaged: {error}") from None
    if "pyl2" not in header:
        raise ValueError(f"{path} is not a pyl2 file")
    if header["pyl2"] != str(FORMAT_VERSION):
        raise ValueError(
            f"{path} has format {header['pyl2']!r}, this version reads {FORMAT_VERSION}"
        )
    if header.get("kind") != kind:
        raise ValueError(f"{path} holds a {header.get('kind')!r}, not a {kind!r}")
    try:
        meta = json.loads(header["meta"])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(meta, dict):
        raise ValueError(f"{path} is damaged: no dictionary of values")
    return arrays, meta


def _parse(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays, which safetensors finds inside the file, and the header's own strings."""
    from safetensors.numpy import load

    arrays = load(content)
    length = int.from_bytes(content[:8], "little")
    return arrays, json.loads(content[8 : 8 + length]).get("__metadata__", {})


def plain(value: Any) -> Any:
    """Return a number, an array or a sequence of such as JSON values."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [plain(entry) for entry in value] if isinstance(value, tuple | list) else value
