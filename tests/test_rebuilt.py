"""Tables of the kinds that people have go through every command as they are."""

import csv
import io
import json

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pyl2.__main__ import main
from pyl2.data import tables
from pyl2.data.treatment import Recipe, encode, fit

pd = pytest.importorskip("pandas")
import rebuilt  # noqa: E402 - it needs pandas

TABLES = rebuilt.tables()


@pytest.fixture(params=TABLES, autouse=True)
def table(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").write_bytes(TABLES[request.param].data)
    return TABLES[request.param]


def test_every_command_takes_it(table, capsys):
    argv = ["data", "--target", table.target, *table.extra]
    quick = ["--hidden", "3", "--epochs", "2", "--json", "--quiet"]
    assert main(["train", *argv, *quick, "--save", "m.pyl2"]) == 0
    told = json.loads(capsys.readouterr().out)
    columns = told["columns"]
    for name, kind in table.kinds.items():
        if kind:
            word = {"text": "categor"}.get(kind, kind)
            assert word in columns[name], (name, columns[name])
        else:
            assert name not in columns
    for note in table.notes:
        assert any(found.startswith(note) for found in told["notes"]), told["notes"]
    assert main(["predict", "m.pyl2", "data", *table.extra]) == 0
    out, err = capsys.readouterr()
    header, *rows = csv.reader(io.StringIO(out))
    assert (header, len(rows)) == ([table.target], rebuilt.ROWS)
    assert all("unknown category" in line or "missing in" in line for line in err.splitlines())
    assert main(["path", *argv, *quick, "--l2", "0,1"]) == 0
    few = ["--evaluations", "30", "--seeds", "1", "--methods", "adam", "--json", "--quiet"]
    assert main(["compare", *argv, "--hidden", "3", *few]) == 0


def test_columns_are_coded_as_by_hand(table):
    """By pandas and scikit-learn, from what the file means and not from the file."""
    dialect = tables.Request().dialect
    if table.extra:
        dialect = type(dialect)(header=False)
    read = tables.read("data", tables.Request(table.target, dialect=dialect))
    treatments = fit(read.features, Recipe(min_frequency=1), read.ids)
    found = encode(treatments, read.features, sparse=False)
    frame, names = (
        table.frame,
        [n for n, kind in table.kinds.items() if kind not in ("", "left out")],
    )
    expected = np.hstack([by_hand(frame[name], table.kinds[name]) for name in names])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def by_hand(column, kind):
    """Return the columns that come of one, an indicator of gaps last."""
    gap = column.isna().to_numpy(float)[:, None]
    if kind == "text":
        one = column.to_frame().astype(object)
        codes = make_column_transformer((OneHotEncoder(sparse_output=False), [column.name]))
        return codes.fit_transform(one.where(one.notna(), None))
    if kind == "flag":
        words = column.astype(object).map(lambda x: str(x).lower() in ("yes", "true"))
        found = words.to_numpy(float)[:, None]
    else:
        numbers = column.astype(float).to_frame() if kind == "number" else parts(column)
        scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        found = scaled.fit_transform(numbers)
    return np.hstack([found, gap]) if gap.any() else found


def parts(column):
    day = column.dt
    seconds = (column - column.min()).dt.total_seconds()
    return pd.concat([day.year, day.month, day.day, day.day_of_week, seconds], axis=1).to_numpy(
        float
    )


def test_there_are_twelve():
    assert len(TABLES) == 12
    assert all(len(table.frame) == rebuilt.ROWS for table in TABLES.values())
