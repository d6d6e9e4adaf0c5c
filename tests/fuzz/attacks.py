"""Malformed files: what is tried against whoever reads files, each made anew from a number.

A target is a name, the sound files to begin with, and a function that reads one.  An attack turns
one into another: raw ones know nothing of the format, structured ones keep to it but for one thing.
All are drawn from a random.Random, so that a number tells a file.
"""

import bz2
import gzip
import io
import json
import lzma
import random
import struct
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

RELEASED = Path(__file__).parent.parent / "released" / "0.1.0"

STRANGE_NUMBERS = (
    *(-1, 0, 1, 2, 3, 7, 0.5, 2**15, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63),
    *(2**64 - 1, 2**64, 10**18, 10**400, 1e308, -1e308, 5e-324, float("nan"), float("inf")),
)
STRANGE_VALUES = (*STRANGE_NUMBERS, None, True, False, "", "1", "tanh", "é\ud800", [], {}, [[]])
STRANGE_WORDS = (
    *(b"", b" ", b"nan", b"inf", b"-inf", b"1e999", b"1_0", b"0x10", b'"', b'""', b"'", b"\0"),
    *(b"\r", b"\n", b"\r\n", b",", b";", b"\t", b"\xff\xfe", b"\xef\xbb\xbf", b"#", b"1,5"),
    *("é\u2028\u2066".encode(), b"=cmd|' /C calc'!A0", b"a" * 5000, b"1" * 5000, b"-", b"True"),
    *(b"__import__('os')", b"9" * 400, "١٢".encode(), "１".encode(), b"1+2j", b"NaN", b"y"),
)


# Raw attacks: bytes.


def flip(data, chance):
    """Flip some bits."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 8) if data else 0):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def cut(data, chance):
    """Leave out the end."""
    return data[: chance.randrange(len(data) + 1)]


def remove(data, chance):
    """Leave out a piece."""
    first, last = piece(data, chance)
    return data[:first] + data[last:]


def repeat(data, chance):
    """Have a piece twice, or many times."""
    first, last = piece(data, chance)
    return data[:last] + data[first:last] * chance.choice((1, 1, 2, 50)) + data[last:]


def swap(data, chance):
    """Put a piece over another place."""
    first, last = piece(data, chance)
    place = chance.randrange(len(data) + 1)
    return data[:place] + data[first:last] + data[place + last - first :]


def insert(data, chance):
    """Put a strange word, or noise, anywhere."""
    word = chance.choice((*STRANGE_WORDS, chance.randbytes(chance.randint(1, 64))))
    place = chance.randrange(len(data) + 1)
    return data[:place] + word + data[place + chance.choice((0, len(word))) :]


def number(data, chance):
    """Put a strange number, as a machine holds it, anywhere."""
    value = chance.choice((0, 1, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1))
    size = chance.choice((1, 2, 4, 8))
    place = chance.randrange(len(data) + 1)
    word = (value % 2 ** (8 * size)).to_bytes(size, chance.choice(("little", "big")))
    return data[:place] + word + data[place + size :]


def noise(data, chance):
    """Keep nothing but perhaps the first bytes."""
    return data[: chance.choice((0, 4, 8, 64))] + chance.randbytes(chance.randint(0, 300))


def piece(data, chance):
    first = chance.randrange(len(data) + 1)
    return first, min(len(data), first + chance.choice((1, 2, 4, 8, 30, 300)))


RAW = (flip, flip, cut, remove, repeat, swap, insert, number, noise)


# Structured attacks: JSON with one value changed, arrays with another shape or type.


def of_header(data, chance):
    """A model file whose header has been changed in a value or two."""
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        for _ in range(chance.choice((1, 1, 2, 3))):
            header = changed(header, chance)
        text = json.dumps(header).encode()
    except (ValueError, UnicodeError, RecursionError):
        return flip(data, chance)
    return len(text).to_bytes(8, "little") + text + data[start:]


def of_meta(data, chance):
    """A model file in whose values, JSON within the header, one or two have been changed."""
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        meta = json.loads(header["__metadata__"]["meta"])
        for _ in range(chance.choice((1, 1, 2, 3))):
            meta = changed(meta, chance)
        header["__metadata__"]["meta"] = json.dumps(meta)
        text = json.dumps(header).encode()
    except (ValueError, KeyError, TypeError, UnicodeError, RecursionError):
        return flip(data, chance)
    return len(text).to_bytes(8, "little") + text + data[start:]


def of_arrays(data, chance):
    """A model file whose arrays hold strange numbers, the header being sound."""
    start = min(8 + int.from_bytes(data[:8], "little"), len(data))
    body = bytearray(data[start:])
    for _ in range(chance.randint(1, 4)):
        if len(body) >= 8:
            place = chance.randrange(len(body) // 8) * 8
            value = chance.choice((float("nan"), float("inf"), 1e308, -1e308, 5e-324, -0.0))
            whole = chance.choice((-1, 2**62, 2**63 - 1, -(2**63)))
            told = struct.pack("<d", value) if chance.random() < 0.5 else struct.pack("<q", whole)
            body[place : place + 8] = told
    return data[:start] + bytes(body)


def changed(value, chance):
    """A JSON value with one value within it changed, removed, or put in another's place."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        kept = {name: inner for name, inner in value.items() if name != key}
        way = chance.random()
        if way < 0.08:
            return kept
        if way < 0.14:
            return kept | {chance.choice(("", "params", "layer_sizes", "x" * 99)): value[key]}
        return kept | {key: changed(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        way = chance.random()
        if way < 0.1:
            return value[:place] + value[place + 1 :]
        if way < 0.2:
            return value[:place] + [value[place]] * chance.choice((2, 3, 1000)) + value[place + 1 :]
        return [*value[:place], changed(value[place], chance), *value[place + 1 :]]
    if type(value) is int and chance.random() < 0.4:
        return value + chance.choice((-8, -1, 1, 8))
    return chance.choice(STRANGE_VALUES)


def of_cells(data, chance):
    """A CSV file with some cells changed, rows of other lengths, columns of one name."""
    mark = max(b",;\t", key=data.count)
    rows = [row.split(bytes([mark])) for row in data.split(b"\n")]
    for _ in range(chance.randint(1, 4)):
        row = chance.choice(rows)
        way = chance.random()
        if way < 0.1:
            row.append(chance.choice(STRANGE_WORDS))
        elif way < 0.2 and row:
            row.pop(chance.randrange(len(row)))
        elif way < 0.3 and row:
            row[0] = row[-1]
        elif row:
            row[chance.randrange(len(row))] = chance.choice(STRANGE_WORDS)
    return b"\n".join(bytes([mark]).join(row) for row in rows)


def of_npy(data, chance):
    """An npz file whose members' headers or bodies have been changed, the zip being sound."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # one that an attack before has broken
        return flip(data, chance)
    if members:
        name = chance.choice(list(members))
        way = chance.random()
        if way < 0.4:
            members[name] = npy(chance)
        elif way < 0.5:
            members[chance.choice(("X.npy", "y.npy", ".npy", "../a.npy", "a/b", "x0"))] = members[
                name
            ]
        else:
            members[name] = chance.choice((*RAW, of_npy_header))(members[name], chance)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as to:
        for name, inner in members.items():
            to.writestr(name, inner)
    return out.getvalue()


def of_npy_header(data, chance):
    """An array file with another type, order or shape in its header."""
    shape = chance.choice(("(-1,)", "(2**62,)", "(99999999999999,)", "()", "(1,2,3)", "(0,4)"))
    dtype = chance.choice(("<f8", ">f8", "|O", "<U9", "<M8[s]", "<c16", "|V8", "|S0", "<f2", "zz"))
    text = (
        f"{{'descr': '{dtype}', 'fortran_order': {chance.choice(('True', '1'))}, 'shape': {shape}}}"
    )
    text = text.encode() + b" " * 9 + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data[128:]


def npy(chance):
    """An array of any type, of few dimensions, as a file."""
    shape = chance.choice(((), (0,), (6,), (6, 1), (6, 3), (0, 3), (6, 0), (1, 6), (2, 3, 1)))
    dtype = chance.choice(("f8", ">f4", "i1", "u8", "?", "U3", "S3", "c8", "M8[s]", "f2", "g"))
    out = io.BytesIO()
    np.save(out, np.zeros(shape, dtype))
    return out.getvalue()


def of_footer(data, chance):
    """A Parquet file whose description of itself has been changed, its length told rightly."""
    length = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - length
    if start < 4:
        return flip(data, chance)
    footer = chance.choice((flip, flip, cut, remove, repeat, swap, number))(data[start:-8], chance)
    return data[:start] + footer + len(footer).to_bytes(4, "little") + data[-4:]


def of_columns(data, chance):
    """A sound Parquet file with columns of any type and name, or without rows, written anyhow."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    try:
        table = pq.read_table(io.BytesIO(data))
        names, columns = table.column_names, table.columns
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(columns))
            if chance.random() < 0.2:
                names[place] = chance.choice(STRANGE_NAMES)
            else:
                columns[place] = arrow_column(len(table), chance)
        kept = chance.choice((0, 1, *(len(table),) * 6))
        table = pa.Table.from_arrays(columns, names).slice(0, kept)
        return parquet(table, chance)
    except Exception:  # broken by an attack before, or a column that Arrow or Parquet has not
        return flip(data, chance)


STRANGE_NAMES = ("", " ", "a", "y", "a.b", "__index_level_0__", "é\u2028\u2066", "\0", "x" * 5000)
STRANGE_ITEMS = (
    *((True, False), (0, 1), (-(2**63), 2**63 - 1), (2**64 - 1, 0), (0.5, -0.0), (1e308, -1e308)),
    *((float("nan"), 1.0), (float("inf"), 1.0), ("", "p"), ("p", "q"), ("1", "2"), ("\0", "é")),
    *((b"\xff", b""), (Decimal("1.50"), Decimal(-7)), (Decimal("9" * 76), Decimal(0))),
    *((Decimal("1e-30"), Decimal("9" * 8)), ([1, 2], []), ([None], [[1]]), ([[]], [])),
    *(({"a": 1}, {"a": None}), ({"a": [1]}, {"b": {}}), (date(1, 1, 1), date(9999, 12, 31))),
    *((datetime(1, 1, 1), datetime(2262, 5, 1)), (datetime(2000, 1, 1, tzinfo=UTC),) * 2),
    *(
        (time(1), time(23, 59)),
        (timedelta(1), timedelta(-(10**6))),
        (None, None),
        ("p" * 5000, "q"),
    ),
)
STRANGE_TYPES = (
    *("int8", "uint8", "uint64", "halffloat", "float", "double", "bool", "string", "large_string"),
    *("string_view", "binary", "binary_view", "date32", "date64", "time32", "time64", "duration"),
    *("timestamp", "decimal", "decimal256", "fixed", "list", "fixed list", "map", "struct"),
)


def arrow_column(rows, chance):
    """A column of Arrow: two items, gaps among them or not, as they are, of a type, or coded."""
    import pyarrow as pa

    pair = chance.choice(STRANGE_ITEMS)
    gaps = chance.choice((0, 0, 0, 0.3))
    column = pa.array(
        [None if chance.random() < gaps else chance.choice(pair) for _ in range(rows)]
    )
    if chance.random() < 0.6:
        types = {
            "time32": pa.time32("ms"),
            "time64": pa.time64("ns"),
            "duration": pa.duration("ns"),
            "timestamp": pa.timestamp(chance.choice(("s", "ms", "us", "ns"))),
            "decimal": pa.decimal128(chance.choice((1, 18, 38)), chance.choice((-3, 0, 9, 37))),
            "decimal256": pa.decimal256(76, chance.choice((0, 75))),
            "fixed": pa.binary(chance.choice((0, 1, 5000))),
            "list": pa.list_(pa.int8()),
            "fixed list": pa.list_(pa.float32(), 2),
            "map": pa.map_(pa.string(), pa.int8()),
            "struct": pa.struct([("a", pa.null()), ("a", pa.string())]),
        }
        name = chance.choice(STRANGE_TYPES)
        with suppress(pa.ArrowException):  # there is no way from any type to any other
            column = column.cast(types.get(name) or pa.type_for_alias(name), safe=False)
    if chance.random() < 0.3:
        column = column.dictionary_encode(chance.choice(("mask", "encode")))
    return column


def parquet(table, chance):
    """A table as a Parquet file, written in one of many ways."""
    from pyarrow import parquet as pq

    out = io.BytesIO()
    pq.write_table(
        table,
        out,
        row_group_size=chance.choice((1, 2, 5000)),
        version=chance.choice(("1.0", "2.4", "2.6")),
        data_page_version=chance.choice(("1.0", "2.0")),
        use_dictionary=chance.random() < 0.5,
        compression=chance.choice(("none", "none", "snappy", "gzip", "zstd", "brotli")),
        store_schema=chance.random() < 0.7,
        write_page_checksum=chance.random() < 0.2,
    )
    return out.getvalue()


MODEL_FILE = (of_header, of_header, of_meta, of_meta, of_meta, of_arrays)


def csv_files():
    """Sound tables."""
    rows = [f"{i},{i * 0.5},{i % 2}" for i in range(6)]
    named = ["a;b;y", *(f'{i};"{i}";{"cat" if i % 2 else "dog"}' for i in range(6))]
    mixed = [
        "name|day|price|y",
        *(f"no. {i}|{i + 1}.2.2024|1.23{i},5|{'ja' if i % 2 else 'nein'}" for i in range(6)),
    ]
    blank = [f'{i}  0{i % 3}  "a b"   {i % 2}' for i in range(6)]
    texts = ("\n".join(["x,z,y", *rows]), "\r\n".join(named), "\n".join(mixed))
    return [
        *(text.encode() for text in texts),
        "\n".join(["# made by hand", "# a b c y", *blank]).encode("utf-16"),
    ]


def packed_files():
    """Sound tables, packed in all ways."""
    found = [pack(data) for data in csv_files() for pack in (gzip.compress, bz2.compress)]
    for data in csv_files():
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data.csv", data)
        found += [lzma.compress(data), out.getvalue()]
    return found


def npy_files():
    """Sound arrays of records."""
    records = np.zeros(6, [("a", "f8"), ("b", "U3"), ("y", "?")])
    records["a"], records["y"] = np.arange(6), np.arange(6) % 2
    out = io.BytesIO()
    np.save(out, records)
    return [out.getvalue()]


def workbooks():
    """Sound workbooks."""
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["a", "b", "y"], *([i, "pq"[i % 2], i % 3] for i in range(6))):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return [out.getvalue()]


def npz_files():
    """Sound archives: columns, and a matrix."""
    found = []
    values = np.arange(6.0)
    for arrays in (
        {"a": values, "b": values.astype(np.int8), "y": values > 2},
        {"X": np.ones((6, 3)), "y": np.array(["a", "b"] * 3)},
        {
            **{"X_train": np.ones((6, 2)), "y_train": values > 2},
            **{"X_test": np.ones((4, 2)), "y_test": values[:4] > 2},
        },
    ):
        for save in (np.savez, np.savez_compressed):
            out = io.BytesIO()
            save(out, **arrays)
            found.append(out.getvalue())
    return found


def parquet_files():
    """Sound tables, packed and not."""
    import pyarrow as pa

    chance = random.Random(0)
    rows = range(6)
    plain = {"x": rows, "z": [i * 0.5 for i in rows], "y": [i % 2 for i in rows]}
    kinds = {
        "a": pa.array([Decimal(i) for i in rows]),
        "b": pa.array([i > 2 for i in rows]),
        "c": pa.array(["1", "2"] * 3).cast("int8").dictionary_encode(),
        "y": pa.array(["cat", "dog"] * 3).dictionary_encode(),
    }
    return [parquet(pa.table(columns), chance) for columns in (plain, kinds) for _ in range(3)]


def drawn(files, attacks, seed):
    """The malformed file of a number: one to three attacks, one after the other, on a sound one."""
    chance = random.Random(seed)
    data = chance.choice(files)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        data = chance.choice(attacks)(data, chance)
    return data
