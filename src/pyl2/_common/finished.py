"""Fits that are finished, kept in a folder: a sweep that was interrupted goes on behind them.

Each is a file of its own, written whole or not at all.  `settings.json` says what they are fits of:
with other settings, or other rows, the folder is refused.  What another version of pyl2 has trained
might have other bits, and is trained again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from pyl2._common import files, random
from pyl2._common.validation import Array, shown
from pyl2._common.version import VERSION
from pyl2._common.warn import warn

Stored = tuple[dict[str, Array], dict[str, Any]]
"""Arrays and JSON values of a fit."""

_SETTINGS = "settings.json"


class Finished:
    """The finished fits of one sweep.

    Parameters
    ----------
    folder : path-like or None
        Made where there is none; None keeps nothing.
    settings : mapping of str to object
        What the fits are of, by the names that users know.
    name : str, default="resume_dir"
        What the user calls the folder.

    Raises
    ------
    ValueError
        If it holds fits of other settings, or other things.
    OSError
        If it cannot be made or read.
    """

    def __init__(self, folder: Any, settings: Mapping[str, Any], name: str = "resume_dir") -> None:
        self.folder = None if folder is None else _checked(folder, name)
        self.taken = 0
        """Fits that were found finished."""
        self._warned = False
        if self.folder is not None:
            self._begin(settings, f"{name} {self.folder!r}")

    def _begin(self, settings: Mapping[str, Any], what: str) -> None:
        assert self.folder is not None
        os.makedirs(self.folder, exist_ok=True)
        text = json.dumps(_plain(settings), indent=1, sort_keys=True)
        path = os.path.join(self.folder, _SETTINGS)
        try:
            found = json.loads(files.contents(path))
        except FileNotFoundError:
            if any(not files.is_passing(name) for name in os.listdir(self.folder)):
                raise ValueError(f"{what} is not empty, and no sweep was begun there") from None
            files.replace(path, text.encode())
            return
        except ValueError:
            raise ValueError(f"{what}: {_SETTINGS} is damaged") from None
        now = json.loads(text)
        if found != now:
            before = found if isinstance(found, dict) else {}
            changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
            listed = "; ".join(
                f"{key} was {shown(before.get(key))}, is {shown(now.get(key))}"
                for key in changed[:4]
            )
            raise ValueError(
                f"{what} holds fits of other settings ({listed}): take another folder, or delete"
                " this one"
            )

    def load(self, name: str) -> Stored | None:
        """Return a fit, None if it is not finished, or of another version of pyl2."""
        if self.folder is None:
            return None
        try:
            found = files.read(os.path.join(self.folder, f"{name}.pyl2"), "finished")
        except FileNotFoundError:
            return None
        if (version := found[1].get("pyl2")) != VERSION:
            self._warn_of(version)
            return None
        self.taken += 1
        return found

    def _warn_of(self, version: Any) -> None:
        if not self._warned:
            by = f"pyl2 {version}" if isinstance(version, str) else "an older pyl2"
            warn(f"{self.folder} holds fits by {by}: pyl2 {VERSION} trains them again")
        self._warned = True

    def save(self, name: str, arrays: dict[str, Array], meta: dict[str, Any]) -> None:
        """Keep a fit."""
        if self.folder is not None:
            path = os.path.join(self.folder, f"{name}.pyl2")
            files.write(path, "finished", arrays, {**meta, "pyl2": VERSION})

    def inside(self, name: str) -> str | None:
        """Return a folder in this one, for a part of the sweep with settings of its own."""
        return None if self.folder is None else os.path.join(self.folder, name)


def own_folder(folder: Any, kind: str, settings: Mapping[str, Any]) -> str:
    """Return the folder for fits of these settings, in one that fits of several may share.

    Parameters
    ----------
    folder : path-like
        It holds nothing but such folders.
    kind : str
        What their names begin with.
    settings : mapping of str to object
        As ``Finished`` takes them.

    Raises
    ------
    ValueError
        If it holds other things.
    OSError
        If it cannot be read.
    """
    shared = _checked(folder, "resume_dir")
    with suppress(FileNotFoundError):
        others = [
            name
            for name in os.listdir(shared)
            if not (name.startswith(".") or _OWN.fullmatch(name))
        ]
        if others:
            raise ValueError(
                f"resume_dir {shared!r} holds {others[0]!r}, which is no fit of an estimator: take"
                " another folder"
            )
    digest = hashlib.sha256(json.dumps(_plain(settings), sort_keys=True).encode())
    return os.path.join(shared, f"{kind}-{digest.hexdigest()[:16]}")


# What ``own_folder`` calls a folder.
_OWN = re.compile(r"\w+-[0-9a-f]{16}")


def _checked(folder: Any, name: str) -> str:
    """Return a folder as text."""
    try:
        found = files.file_name(folder)
    except TypeError:
        raise TypeError(f"{name} must be a str or path-like, got {shown(folder)}") from None
    if not found or "\0" in found:
        raise ValueError(f"{name} must be a path, got {found!r}")
    return found


NOTHING = Finished(None, {})
"""Where nothing is kept."""


def fingerprint(array: Any) -> str:
    """Return the shape of an array, or of a matrix in CSR, and a digest of all that it holds."""
    sparse = hasattr(array, "indptr")
    parts = [array.data, array.indices, array.indptr] if sparse else [array]
    found = hashlib.sha256()
    for part in parts:
        found.update(np.ascontiguousarray(part).tobytes())
    return f"{' x '.join(map(str, array.shape))} {parts[0].dtype} {found.hexdigest()[:16]}"


def fingerprints(X: Any, y: Any, sample_weight: Any = None) -> dict[str, Any]:
    """Return the fingerprint of each array of a data set."""
    weight = None if sample_weight is None else fingerprint(sample_weight)
    return {"X": fingerprint(X), "y": fingerprint(y), "sample_weight": weight}


def _plain(value: Any) -> Any:
    """Return a setting as JSON values that tell it from another."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | range | set | frozenset):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufUSM":
        return fingerprint(value)
    if isinstance(value, random.Rng):
        return _of_json(random.to_json(value))
    if isinstance(value, np.random.RandomState):
        return _of_json(_plain(value.get_state(legacy=False)))
    named = getattr(value, "__qualname__", None)
    # Without the address in memory, which tells no object from that of another process.
    return f"{value.__module__}.{named}" if named else re.sub(" at 0x[0-9a-f]+", "", shown(value))


def _of_json(value: Any) -> str:
    return fingerprint(np.frombuffer(json.dumps(value).encode(), np.uint8))
