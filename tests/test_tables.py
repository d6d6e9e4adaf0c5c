"""Files of every kind are read as pandas would have them, and what was found is said."""

import bz2
import gzip
import io
import json
import lzma
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from pyl2.__main__ import main
from pyl2.data import tables
from pyl2.data.delimited import Dialect
from pyl2.data.treatment import Recipe, encode, fit

pd = pytest.importorskip("pandas")

ROWS = 40
QUICK = ("--epochs", "2", "--hidden", "4", "--quiet", "--json")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame():
    """A small table with every kind of column; its numbers have few digits."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "price": rng.integers(1, 10**7, ROWS) / 100,
            "rooms": rng.integers(0, 9, ROWS),
            "town": rng.choice(["Århus", "Oslo", "Rome"], ROWS),
            "sold": rng.choice(["ja", "nein"], ROWS),
            "y": rng.choice(["p", "q"], ROWS),
        }
    )


def read(data, name="data.csv", **request):
    with open(name, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return tables.read(name, tables.Request(**request))


def same(found, columns=("price", "rooms", "town", "sold")):
    """Whether a table holds the frame."""
    expected = frame()
    assert list(found.features) == list(columns)
    for name in columns:
        values = found.features[name].values.tolist()
        assert values == expected[name].tolist()
    assert [found.labels[code] for code in found.codes] == expected["y"].tolist()
    return found


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters(folder, delimiter, end):
    text = frame().to_csv(index=False, sep=delimiter, lineterminator=end)
    assert same(read(text)).notes == []


def test_blanks_for_delimiters(folder):
    table = frame().assign(town=lambda f: '"' + f["town"] + '"')
    same(read("\n".join("  ".join(map(str, row)) for row in [table.columns, *table.values])))


@pytest.mark.parametrize("said", ["sep=;", '"sep=;"'])
def test_delimiter_that_the_file_names(folder, said):
    same(read(f"{said}\r\n" + frame().to_csv(index=False, sep=";")))


def test_comments(folder):
    text = frame().to_csv(index=False)
    same(read(f"# measured by hand\n#, twice\n{text}# the end\n"))
    same(read(f"# {text}"))  # as numpy.savetxt writes a header
    found = read(text.replace("Oslo", "#1"))  # without one at the beginning it is no comment
    assert "#1" in found.features["town"].values


@pytest.mark.parametrize(
    ("encoding", "said", "noted"),
    [
        ("utf-8", None, False),
        ("utf-8-sig", None, False),
        ("utf-16", None, False),
        ("utf-32", None, False),
        ("latin-1", None, True),
        ("cp865", "cp865", False),
    ],
)
def test_encodings(folder, encoding, said, noted):
    data = frame().to_csv(index=False).encode(encoding)
    found = same(read(data, dialect=Dialect(encoding=said)))
    assert [note.startswith("not UTF-8: read as Windows-1252") for note in found.notes] == [
        True
    ] * noted


def test_encodings_refused(folder):
    data = frame().to_csv(index=False).encode("latin-1")
    with pytest.raises(ValueError, match="not text in ascii"):
        read(data, dialect=Dialect(encoding="ascii"))
    with pytest.raises(ValueError, match="--encoding: Python knows no 'klingon'"):
        read(data, dialect=Dialect(encoding="klingon"))


def marked(decimal, thousands):
    """The frame with numbers of other marks."""

    def text(number):
        whole = f"{number:,.2f}".replace(".", "D").replace(",", thousands)
        return whole.replace("D", decimal)

    return frame().assign(price=lambda f: f["price"].map(text))


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize(
    ("decimal", "thousands"),
    [(",", "."), (",", " "), (",", "\u202f"), (".", ","), (".", "'"), (",", "")],
)
def test_marks_of_numbers(folder, delimiter, decimal, thousands):
    text = marked(decimal, thousands).to_csv(index=False, sep=delimiter)
    (note,) = same(read(text)).notes
    assert note.startswith("numbers: decimal comma" if decimal == "," else "numbers: decimal point")


def test_marks_that_may_be_either(folder):
    """A comma before three digits is a thousand between commas, else a decimal; one can say so."""
    rows = "\n".join(f'"{i},500"D{i % 2}' for i in range(1, 21))
    for delimiter, expected in ((",", 1500), (";", 1.5)):
        found = read("aDy\n".replace("D", delimiter) + rows.replace("D", delimiter))
        assert found.features["a"].values[0] == expected
        other = Dialect(decimal="." if expected == 1.5 else ",")
        found = read("aDy\n".replace("D", delimiter) + rows.replace("D", delimiter), dialect=other)
        assert found.features["a"].values[0] == (1500 if expected == 1.5 else 1.5)


def test_marks_are_remembered(folder, capsys):
    """One row of a file to predict does not show what a point in 1.500 is."""
    rng = np.random.default_rng(0)
    rows = [f"{a // 1000}.{a % 1000:03},5;{a}" for a in rng.integers(1000, 9999, ROWS)]
    (folder / "data.csv").write_text("a;y\n" + "\n".join(rows))
    assert main(["train", "data.csv", "--save", "m.pl2", *QUICK]) == 0
    capsys.readouterr()
    found = []
    for text in ("a\n1.500\n", "a\n1500\n", 'a\n"1500,0"\n'):
        (folder / "new.csv").write_text(text)
        assert main(["predict", "m.pl2", "new.csv"]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] == found[2]


def zipped(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("folder/data.csv", data)
    return out.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zipped])
def test_packed(folder, pack):
    same(read(pack(frame().to_csv(index=False).encode()), "data.bin"))
    with pytest.raises(ValueError, match=r"data\.bin: not"):
        read(pack(b"a,y\n" * 99)[:-9], "data.bin")


def test_standard_input(folder, monkeypatch, capsys):
    text = io.TextIOWrapper(io.BytesIO(frame().to_csv(index=False).encode()))
    monkeypatch.setattr(sys, "stdin", text)
    assert main(["train", "-", *QUICK]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == {"train": 30, "test": 10}


def test_without_a_header(folder):
    text = "\n".join(f"{i % 5},{i * 0.5},{i % 2}" for i in range(ROWS))
    found = read(text, target="c3")
    assert list(found.features) == ["c1", "c2"]
    assert len(found.codes) == ROWS
    assert found.notes[0] == "no header: the columns are c1 … c3"
    words = "\n".join(f"{i % 5},{i * 0.5},{'pq'[i % 2]}" for i in range(ROWS))
    (note,) = read(words, target="p").notes
    assert note.endswith("is it a row?") or note.endswith("--no-header")
    found = read(words, target="c3", dialect=Dialect(header=False))
    assert (len(found.codes), found.notes) == (ROWS, [])
    assert list(read("0,1,2\n" + text, target="2").features) == ["0", "1"]  # pandas' own names


def test_index_column_of_pandas(folder):
    """It has no name, is no feature, and can be had."""
    text = frame().to_csv()
    found = same(read(text))
    assert found.notes == ["left out: 'column 1' without a name; else --keep 'column 1'"]
    assert "column 1" in read(text, keep=["column 1"]).features
    again = pd.read_csv(io.StringIO(text)).to_csv()  # twice through pandas
    assert "'column 1', 'column 2'" in same(read(again)).notes[0]


def test_codes_stay_text(folder):
    """02139 is no number, nor is it 2139 where a model is asked."""
    codes = [f"{i % 3:05}" for i in range(ROWS)]
    text = frame().assign(code=codes).to_csv(index=False)
    found = read(text)
    assert found.features["code"].values.tolist() == codes
    late = frame().assign(code=[*range(ROWS - 1), "007"]).to_csv(index=False)
    assert read(late).features["code"].kind == "text"


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y", "%d.%m.%Y %H:%M"),
        *("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d %B %Y", "%b %d, %Y", "%d-%b-%Y"),
    ],
)
def test_dates(folder, form):
    days = pd.Timestamp("1999-12-20") + pd.to_timedelta(np.arange(ROWS) * 37, "D")
    texts = [day.strftime(form) for day in days]
    texts[3] = ""
    found = read(frame().assign(day=texts).to_csv(index=False)).features["day"]
    assert found.kind == "date"
    assert found.missing.tolist() == [i == 3 for i in range(ROWS)]
    np.testing.assert_array_equal(found.values[4:], days[4:].to_numpy().astype("M8[us]"))
    treatments = fit({"day": found}, Recipe())
    with open("new.csv", "w") as file:  # one row, which may be of several forms
        file.write(f'day\n"{days[9].strftime(form)}"\n')
    new, _ = tables.read_features("new.csv", treatments)
    np.testing.assert_array_equal(
        encode(treatments, new, False), encode(treatments, {"day": found.take([9])}, False)
    )
    with open("new.csv", "w") as file:
        file.write("day\nsoon\n")
    with pytest.raises(ValueError, match=r"not as in training: 'day' \(row 1: 'soon'\)"):
        tables.read_features("new.csv", treatments)


def test_numbers_that_pandas_takes_for_others(folder):
    huge = ["18446744073709551616", "5"] * 20
    found = read(
        frame()
        .assign(huge=huge, flag=["TRUE", ""] * 20, gap=[" ? ", " 1.5"] * 20)
        .to_csv(index=False)
    )
    assert found.features["huge"].values.tolist() == [2.0**64, 5.0] * 20
    assert found.features["flag"].kind == "flag"
    np.testing.assert_array_equal(found.features["gap"].values, [np.nan, 1.5] * 20)


def test_missing_words_of_features(folder):
    text = frame().assign(a=["-999", "NA", "3", "4"] * 10).to_csv(index=False)
    assert read(text).features["a"].missing.sum() == 10
    assert read(text, missing=["-999"]).features["a"].missing.sum() == 20


def test_workbook(folder):
    pytest.importorskip("openpyxl")
    frame().to_excel("data.xlsx", index=False)
    same(tables.read("data.xlsx", tables.Request()))
    with pd.ExcelWriter("two.xlsx") as writer:
        frame().to_excel(writer, sheet_name="a")
        frame().to_excel(writer, sheet_name="b")
    notes = same(tables.read("two.xlsx", tables.Request())).notes
    assert notes[0] == "sheet 'a', the first of 2"
    assert "'column 1' without a name" in notes[1]


def test_arrays(folder):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(ROWS, 2, 2)), np.arange(ROWS) % 3
    expected = None
    for arrays in (
        {"X": X.reshape(ROWS, 4), "y": y},
        {"X": X, "y": y[:, None]},
        {"X": X, "y": np.eye(3)[y]},
        {"X_train": X, "y_train": y, "X_test": X, "y_test": y},
        {"x_train": X, "y_train": np.eye(3, dtype=bool)[y]},
    ):
        np.savez("data.npz", **arrays)
        found = tables.read("data.npz", tables.Request())
        assert list(found.features) == ["x0", "x1", "x2", "x3"]
        for part in np.split(found.features["x2"].values, 2 if "X_test" in arrays else 1):
            np.testing.assert_array_equal(part, X[:, 1, 0])
        expected = expected or found
        labels = [found.labels[c] for c in found.codes]
        assert labels[-ROWS:] == labels[:ROWS] == [expected.labels[c] for c in expected.codes]
        assert (found.test is not None) == ("X_test" in arrays)
        assert found.test is None or found.test.tolist() == [False] * ROWS + [True] * ROWS
    np.savez("data.npz", X=X, y=np.eye(3)[y] / 2)
    with pytest.raises(ValueError, match="must be 1-D or one-hot"):
        tables.read("data.npz", tables.Request())


def test_an_array(folder):
    np.save("data.npy", np.column_stack([np.arange(8.0) ** 2, np.arange(8) % 2]))
    found = tables.read("data.npy", tables.Request(target="c2"))
    assert found.features["c1"].values.tolist() == [i**2 for i in range(8)]
    records = np.array([(1.5, "p"), (2.5, "q")] * 5, [("a", "f4"), ("y", "U1")])
    np.save("data.npy", records)
    assert tables.read("data.npy", tables.Request()).labels == ["p", "q"]
    np.save("data.npy", np.arange(3))
    with pytest.raises(ValueError, match="must be 2-D"):
        tables.read("data.npy", tables.Request())


def test_quotes_that_are_damaged(folder):
    with pytest.raises(ValueError, match="row 1 has 1 values, the header 2 names"):
        read('a,y\n"1,2\n3,4\n')


def test_without_pandas(folder, monkeypatch, capsys):
    (folder / "data.csv").write_text(frame().to_csv(index=False))
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert main(["train", "data.csv"]) == 2
    assert "tables are read by pandas: pip install 'pyl2[cli]'" in capsys.readouterr().err


# Dates


@pytest.mark.parametrize(
    ("dates", "order", "first", "note"),
    [
        (
            ["3/4/2024", "11/12/2023"],
            None,
            "2024-03-04",
            "month/day/year; day/month/year fits",
        ),
        (["3/4/2024", "11/12/2023"], "dmy", "2024-04-03", "day/month/year"),
        (["3-4-2024", "11-12-2023"], None, "2024-04-03", "day-month-year; month-day-year fits"),
        (["3-4-2024", "11-12-2023"], "mdy", "2024-03-04", "month-day-year"),
        (["3/4/2024", "13/12/2023"], None, "2024-04-03", "day/month/year"),
        (["3/4/2024", "13/12/2023"], "mdy", "2024-04-03", "day/month/year"),
        (["3/4/2024 10:30", "11/12/2023 1:00"], "dmy", "2024-04-03T10:30", "day/month/year"),
        (["03.04.2024", "11.12.2023"], None, "2024-04-03", "day.month.year"),
        (["2024-04-03", "2023-12-11"], None, "2024-04-03", ""),
        (["3 April 2024", "11 May 2023"], None, "2024-04-03", ""),
    ],
)
def test_the_order_of_dates_is_told(tmp_path, dates, order, first, note):
    """What is ambiguous is said, with the option that overrules it; a model keeps the order."""
    path = tmp_path / "d.csv"
    path.write_text("day,y\n" + "".join(f"{day},{i}\n" for i, day in enumerate(dates * 9)))
    table = tables.read(str(path), tables.Request(dialect=Dialect(date_order=order)))
    assert table.features["day"].values[0] == np.datetime64(first)
    if not note:
        assert table.notes == []
        return
    assert table.notes[0].startswith(f"'day': dates read as {note}")
    if "fits" in note:  # the advice is followed
        other = table.notes[0].split("--date-order ")[1]
        again = tables.read(str(path), tables.Request(dialect=Dialect(date_order=other)))
        assert again.features["day"].values[0] != np.datetime64(first)
        assert "fits" not in again.notes[0]
    treatments = fit(table.features, Recipe(), {})
    path.write_text(f"day\n{dates[1]}\n")
    found, _ = tables.read_features(str(path), treatments)
    assert found["day"].values[0] == table.features["day"].values[1]


def test_a_large_file_takes_a_few_times_its_size(tmp_path):
    """Seven times as much, as a text of four bytes a character was kept of it."""
    path = tmp_path / "large.csv"
    numbers = np.random.default_rng(0).normal(size=(20_000, 10))
    pd.DataFrame(numbers, columns=[*"abcdefghi", "y"]).to_csv(path, index=False)
    tables.read(str(path), tables.Request())  # what is imported counts not
    tracemalloc.start()
    tables.read(str(path), tables.Request())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * path.stat().st_size
