"""Files of networks and trainings, in the safetensors format: no code in them, written atomically.

The format is a length of 8 bytes, a header in JSON with the type, shape and place of each array,
and the arrays.  It is written and read here, and not by the safetensors package, because that one
aborts the process where memory is short: a training would be lost by the attempt to save it.

Every file has a kind ("network", "backprop" ...), the version of its format, some arrays and a
dictionary of JSON values.  What a number in it means, and whether it is sound, is checked by who
reads it; here it is only certain that the arrays lie inside the file.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import stat
from collections.abc import Iterator
from typing import Any, TypeGuard

import numpy as np

from pyl2._common.validation import Array, kept, shown

# 2: networks have a loss and a rule for initial weights; files without are as version 1 had them.
FORMAT_VERSION = 2

PathLike = str | os.PathLike[str]

_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
}
# By their text: where memory is short, dtypes that are equal compare as if they were not.
_NAMES = {dtype.str: name for name, dtype in _TYPES.items()}


def write(path: PathLike, kind: str, arrays: dict[str, Array], meta: dict[str, Any]) -> None:
    """Write a file whole or not at all, as ``replace`` does.

    Raises
    ------
    OSError
        If it cannot be written; an older file of that name is then as it was.
    """
    metadata = {"pyl2": str(FORMAT_VERSION), "kind": kind, "meta": json.dumps(meta)}
    replace(path, *_pieces(arrays, metadata))


def _pieces(arrays: dict[str, Array], metadata: dict[str, str]) -> list[bytes | memoryview]:
    """Return what a file consists of: the header, and each array's bytes."""
    header: dict[str, Any] = {"__metadata__": metadata}
    pieces: list[bytes | memoryview] = []
    end = 0
    # Wide types first, so that each array lies in the file as it would in memory.
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        dtype = array.dtype.newbyteorder("<")
        begin, end = end, end + array.nbytes
        shape = list(array.shape)
        header[name] = {"dtype": _NAMES[dtype.str], "shape": shape, "data_offsets": [begin, end]}
        pieces.append(np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8).data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little") + text, *pieces]


def replace(path: PathLike, *pieces: bytes | memoryview) -> None:
    """Make the pieces, one after another, the file's content, atomically and durably.

    They are written under another name in the same folder, which is then renamed.  Links are
    followed, and the permissions of a file that was there are kept.  What is no file but a device
    or a pipe is written to as it is.  A process that is killed meanwhile leaves the old file, and
    perhaps a hidden file ``.pyl2-…`` beside it.

    Raises
    ------
    OSError
        If it cannot be written; an older file of that name is then as it was.
    """
    name = file_name(path)
    found = _status(name)
    if found is None or stat.S_ISREG(found.st_mode):
        _write_beside(name, found, pieces)
    else:
        _write_into(os.open(name, os.O_WRONLY), name, pieces)


_PASSING = ".pyl2-"


def is_passing(name: str) -> bool:
    """Whether ``replace`` calls a file so, which a process that is killed may leave."""
    return name.startswith(_PASSING)


def file_name(path: Any) -> str:
    """Return a path as a string.  A whole number is none, though ``open`` takes it for a file."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(f"path must be a str or path-like, got {shown(path)}") from None


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _write_beside(path: str, found: os.stat_result | None, pieces: tuple[Any, ...]) -> None:
    """Write a file of another name and rename it; `found` is what was there."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    # As bytes: to remove the file where memory is short, nothing must be converted then.
    passing = os.fsencode(os.path.join(folder, f"{_PASSING}{secrets.token_hex(8)}"))
    descriptor = _create(passing, folder, 0o666 if found is None else 0o600)
    try:
        _write_into(descriptor, path, pieces)
        if found is not None:
            _keep_rights(passing, found)
        os.replace(passing, os.fsencode(target))
    except BaseException as error:
        _remove(passing)
        if isinstance(error, OSError):
            error.filename = path
            del error.filename2  # None would be shown
        raise
    _sync_folder(folder)


def _create(passing: bytes, folder: str, mode: int) -> int:
    """Return the descriptor of a new file; an error names the folder, which refuses it."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        return os.open(passing, flags, mode)
    except OSError as error:
        error.filename = folder
        raise


def _write_into(descriptor: int, path: str, pieces: tuple[Any, ...]) -> None:
    """Write all the pieces, flush them, and close the file; an error names the path."""
    try:
        for piece in pieces:
            left = memoryview(piece)
            while left:
                left = left[os.write(descriptor, left) :]
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fsync(descriptor)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def _keep_rights(path: bytes, found: os.stat_result) -> None:
    """Give a file the owner and permissions of another, as far as the system lets us."""
    try:
        if hasattr(os, "chown"):
            os.chown(path, found.st_uid, found.st_gid)
    except OSError:
        pass
    os.chmod(path, stat.S_IMODE(found.st_mode) & 0o777)


def _remove(path: bytes) -> None:
    try:  # noqa: SIM105 - contextlib.suppress asks for memory, of which there may be none
        os.unlink(path)
    except OSError:
        pass


def _sync_folder(folder: str) -> None:
    """Make the renaming itself durable, where folders can be opened (not on Windows)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def contents(path: PathLike) -> bytes:
    """Return the bytes of a file, whole; an error names the path."""
    with open(path, "rb", buffering=0) as file:
        try:
            return file.readall()
        except OSError as error:
            error.filename = path
            raise


def read(path: PathLike, kind: str) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read the arrays and the dictionary of a file of the given kind.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not a pyl2 file of that kind, is damaged, or its format is newer than this version.
    """
    content = contents(file_name(path))
    try:
        arrays, header = _parse(content)
    except (ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path} is not a pyl2 file, or is damaged: {error}") from None
    if "pyl2" not in header:
        raise ValueError(f"{path} is not a pyl2 file")
    _check_version(path, header["pyl2"])
    if header.get("kind") != kind:
        raise ValueError(f"{path} holds a {header.get('kind')!r}, not a {kind!r}")
    try:
        meta = json.loads(header["meta"])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(meta, dict):
        raise ValueError(f"{path} is damaged: its values are not a dictionary")
    return arrays, meta


def _check_version(path: PathLike, version: str) -> None:
    if version in map(str, range(1, FORMAT_VERSION + 1)):
        return
    known = version.isascii() and version.isdecimal() and len(version) < 10
    newer = known and int(version) > FORMAT_VERSION
    advice = ": a newer pyl2 wrote it, and can read it" if newer else ""
    raise ValueError(
        f"{path} has format {version!r:.40}, this version reads 1 to {FORMAT_VERSION}{advice}"
    )


def _parse(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays, each a copy, and the header's own strings."""
    start = 8 + int.from_bytes(content[:8], "little")
    if not 8 < start <= len(content):
        raise ValueError("the header extends beyond the end of the file")
    header = json.loads(content[8:start].decode())
    if not isinstance(header, dict):
        raise ValueError("the header is not a dictionary")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("the header's metadata must map names to text")
    return dict(_arrays(header, content, start)), metadata


def _arrays(header: dict[str, Any], content: bytes, start: int) -> Iterator[tuple[str, Array]]:
    """Yield each array that the header tells of; one after another they fill what is behind it.

    So they take no more memory than the file, whatever the header says.
    """
    places = [(_place(name, entry), name) for name, entry in header.items()]
    reached = start
    for (begin, end, dtype, shape), name in sorted(places, key=lambda place: place[0][:2]):
        count = math.prod(shape)
        if start + begin != reached or end - begin != count * dtype.itemsize:
            raise ValueError(f"{name!r:.40} is not where the header says, or not of that size")
        reached = start + end
        if reached > len(content):
            raise ValueError(f"{name!r:.40} extends beyond the end of the file")
        # Copied, because a file may place it where no number of its type can lie.
        found = np.frombuffer(content, dtype, count, start + begin)
        yield name, found.reshape(shape).astype(dtype.newbyteorder("="))
    if reached != len(content):
        raise ValueError("there is data after the last array")


def _place(name: str, entry: Any) -> tuple[int, int, np.dtype[Any], list[int]]:
    """Return begin, end, type and shape of an array, as its entry in the header tells."""
    if isinstance(entry, dict):
        dtype = _TYPES.get(str(entry.get("dtype")))
        shape, offsets = entry.get("shape"), entry.get("data_offsets")
        if dtype is not None and _wholes(shape) and _wholes(offsets) and len(offsets) == 2:
            return offsets[0], offsets[1], dtype, shape
    raise ValueError(f"the header's entry {name!r:.40} does not describe an array")


def _wholes(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(v) is int and v >= 0 for v in value)


def plain(value: Any) -> Any:
    """Return a number, an array or a sequence of such as JSON values."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [plain(entry) for entry in value] if isinstance(value, tuple | list) else value


def saved_array(
    arrays: dict[str, Array], name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Array:
    """Return a copy of an array of a file, which must be of that type and shape."""
    array = kept(arrays, name, np.ndarray)
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not {dtype} {shape}")
    return np.array(array)
