"""TableEncoder, against pandas and scikit-learn's ColumnTransformer."""

import datetime
import json
from decimal import Decimal

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from pyl2 import MLPClassifier, MLPRegressor, TableEncoder
from pyl2.data import cells, treatment

pd = pytest.importorskip("pandas")


def table(rows=200, seed=0):
    """A frame with a column of each kind, and gaps in all of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": rng.normal(5, 3, rows),
            "whole": rng.integers(0, 9, rows),
            "gaps": rng.normal(size=rows),
            "flag": rng.random(rows) > 0.4,
            "answer": rng.choice(["Yes", "no", "NO "], rows),
            "city": rng.choice(
                ["Rome", "Oslo", "Åre", "Bonn", "Kyiv"], rows, p=[0.5, 0.4, 0.06, 0.02, 0.02]
            ),
            "day": pd.Timestamp("2019-12-30") + pd.to_timedelta(rng.integers(0, 10**8, rows), "s"),
            "id": [f"no. {row}" for row in range(rows)],
            "key": rng.permutation(rows) + 1,
        }
    )
    for name, every in (("gaps", 7), ("city", 9), ("day", 11)):
        frame.loc[::every, name] = None
    return frame


def by_hand(scaler):
    """The same by scikit-learn, the columns in the order of ours."""

    def parts(frame):
        day = frame["day"].dt
        seconds = (frame["day"] - first).dt.total_seconds()
        return np.stack([day.year, day.month, day.day, day.day_of_week, seconds], axis=1)

    first = table()["day"].min()
    number = make_pipeline(SimpleImputer(strategy="median"), scaler)
    text = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (number, ["number", "whole", "gaps"]),
        (FunctionTransformer(pd.isna), ["gaps"]),
        ("passthrough", ["flag"]),
        (
            FunctionTransformer(lambda x: x.apply(lambda s: s.str.strip().str.lower() == "yes")),
            ["answer"],
        ),
        (text, ["city"]),
        (make_pipeline(FunctionTransformer(parts), clone(number)), ["day"]),
        (FunctionTransformer(pd.isna), ["day"]),
        sparse_threshold=0,
    )


@pytest.mark.parametrize(
    ("scale", "scaler"),
    [
        ("standard", StandardScaler()),
        ("robust", RobustScaler()),
        ("none", FunctionTransformer()),
        ("quantile", QuantileTransformer(n_quantiles=100, output_distribution="normal")),
    ],
)
def test_against_column_transformer(scale, scaler):
    frame, new = table(), table(seed=1)
    new.loc[0, "city"] = "Lund"  # unknown
    encoder = TableEncoder(scale=scale, min_frequency=1).fit(frame)
    theirs = by_hand(scaler).fit(frame)
    # Both sort the categories, and put the missing one last.
    assert encoder.get_feature_names_out()[6:11].tolist() == [
        *("city=Bonn", "city=Kyiv", "city=Oslo", "city=Rome", "city=Åre")
    ]
    for rows in (frame, new):
        found, expected = encoder.transform(rows), theirs.transform(rows).astype(float)
        # Of equal numbers at an end scikit-learn's "quantile" makes ±5.2, ours the middle.
        inner = np.abs(expected) < 5 if scale == "quantile" else np.full(expected.shape, True)
        np.testing.assert_allclose(found[inner], expected[inner], rtol=1e-9, atol=1e-9)


def test_rare_categories_share_a_column():
    """As scikit-learn has it, but for a category that is unknown."""
    frame = table()[["city", "number"]]
    for least in (10, 0.05, 81):
        encoder = TableEncoder(min_frequency=least).fit(frame)
        theirs = OneHotEncoder(min_frequency=least, sparse_output=False).fit(
            frame[["city"]].fillna("~")
        )
        found, expected = (
            encoder.transform(frame)[:, :-1],
            theirs.transform(frame[["city"]].fillna("~")),
        )
        kept, rare = theirs.categories_[0], set(theirs.infrequent_categories_[0])
        order = [name for name in kept if name not in rare and name != "~"]
        assert list(encoder.treatments_[0].categories) == order
        width = len(order)
        np.testing.assert_array_equal(found[:, :width], expected[:, :width])
        gaps = frame["city"].isna()
        np.testing.assert_array_equal(found[:, width + 1], gaps)
        np.testing.assert_array_equal(found[:, width], frame["city"].isin(rare))
    unknown = encoder.transform(pd.DataFrame({"city": ["Lund"], "number": [1.0]}))
    assert not unknown[:, :-1].any()


def test_treatments_describe_themselves():
    encoder = TableEncoder(min_frequency=10).fit(table())
    described = {found.name: found.describe() for found in encoder.treatments_}
    gaps = int(table()["city"].isna().sum())
    assert described["number"] == "number"
    assert described["gaps"].startswith("number, 29 missing: the median ")
    assert described["flag"] == described["answer"] == "flag"
    assert described["city"] == f"2 categories, 3 rare ones together, {gaps} missing as a category"
    parts = "date: year, month, day, weekday, seconds"
    assert described["day"] == f"{parts}, 19 missing: an indicator"
    assert described["id"] == "left out: a different text in each row"
    assert described["key"] == "left out: it numbers the rows"


def test_ids_can_be_kept():
    encoder = TableEncoder(keep=["key", "id"], min_frequency=1).fit(table())
    names = encoder.get_feature_names_out()
    assert "key" in names
    assert sum(name.startswith("id=") for name in names) == 200
    with pytest.raises(ValueError, match="keep names 'kee'"):
        TableEncoder(keep=["kee"]).fit(table())


@pytest.mark.parametrize("frame", [pd.DataFrame({"a": range(20)}), np.arange(20.0)[:, None]])
def test_numbers_that_count_are_kept_where_nothing_else_is_left(frame):
    assert TableEncoder().fit_transform(frame).shape == (20, 1)


def test_frames_of_others_give_the_same():
    frame = table()
    expected = TableEncoder().fit(frame)
    texts = {name: [None if v != v else v for v in frame[name]] for name in ("city",)}
    day = [None if v is pd.NaT else v.to_pydatetime() for v in frame["day"]]
    gaps = [None if v != v else v for v in frame["gaps"]]
    plain = {name: frame[name].tolist() for name in frame} | texts | {"day": day, "gaps": gaps}
    others = []
    for name, made in (("polars", "DataFrame"), ("pyarrow", "table")):
        try:
            others.append(getattr(__import__(name), made)(plain))
        except ImportError:
            continue
    others.append(frame.convert_dtypes())
    others.append(frame.astype(object))
    for other in others:
        found = TableEncoder().fit(other)
        assert found.treatments_ == expected.treatments_
        np.testing.assert_array_equal(found.transform(other), expected.transform(frame))


def test_output_as_asked_for():
    frame = table()
    encoder = TableEncoder().set_output(transform="pandas").fit(frame)
    found = encoder.transform(frame)
    assert list(found.columns) == encoder.get_feature_names_out().tolist()
    assert TableEncoder(dtype=np.float32).fit_transform(frame).dtype == np.float32
    wide = pd.DataFrame({"a": [f"{i % 150}" for i in range(450)], "b": np.arange(450) % 4})
    sparse = TableEncoder(min_frequency=1).fit(wide)
    assert sparse.transform(wide).format == "csr"
    dense = TableEncoder(min_frequency=1, sparse_output=False).fit_transform(wide)
    np.testing.assert_array_equal(sparse.transform(wide).toarray(), dense)
    assert sparse.set_output(transform="pandas").transform(wide).shape == dense.shape
    everything = TableEncoder(sparse_output=True, min_frequency=10).fit(frame)
    new = table(seed=1)
    new.loc[0, "city"] = "Lund"
    np.testing.assert_allclose(
        everything.transform(new).toarray(),
        TableEncoder(min_frequency=10).fit(frame).transform(new),
    )


def test_in_a_pipeline():
    """A table as it is, text and gaps included; each fold fits the encoder anew."""
    frame = table(300)
    y = np.where(frame["city"].eq("Rome") ^ frame["flag"], "in", "out")
    model = make_pipeline(
        TableEncoder(), MLPClassifier(20, solver="lbfgs", alpha=1.0, random_state=0, max_iter=5000)
    )
    assert cross_val_score(model, frame, y, cv=3).mean() > 0.9
    wide = pd.DataFrame({"a": [f"{i % 150}" for i in range(600)]})
    model = make_pipeline(
        TableEncoder(min_frequency=1),
        MLPRegressor(hidden_layer_sizes=5, solver="lbfgs", random_state=0),
    )
    assert model.fit(wide, np.arange(600) % 150 / 50).score(wide, np.arange(600) % 150 / 50) > 0.9


@pytest.mark.parametrize(
    ("values", "kind", "numbers"),
    [
        ([True, None, False], "flag", [1, 0, 0]),
        ([Decimal("1.5"), None, 10**400 // 10**399], "number", None),
        ([1, "a", None], "text", None),
        ([1, 1.5, True], "text", None),
        ([None, None, float("nan")], "text", None),
        ([datetime.date(2020, 1, 1), None, datetime.datetime(2020, 1, 2)], "date", None),
        ([pd.NA, pd.NaT, "x"], "text", None),
        (["", " ", "x"], "text", None),
    ],
)
def test_objects(values, kind, numbers):
    found = cells.of_values(values)
    assert found.kind == kind
    assert found.missing.tolist()[1] == (
        kind != "text" or values[1] in (None, " ") or values[1] is pd.NaT
    )
    if numbers:
        assert found.values.tolist() == numbers


def test_categories_are_texts():
    """Whole numbers without a point, so that a file gives the same."""
    frame = pd.DataFrame({"a": pd.Categorical([1.0, 2.5, None, 1.0] * 5), "b": 1.0})
    encoder = TableEncoder().fit(frame)
    assert encoder.treatments_[0].categories == ("1", "2.5")
    text = frame.assign(a=["2.5", "1", "", "7"] * 5)
    np.testing.assert_array_equal(
        encoder.transform(text)[:4, :3], [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]]
    )


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"a": [1.0, np.inf]}), "column 'a' has infinity .row 2: inf."),
        (pd.DataFrame({"a": [1e308, -1e308] * 9}), "the numbers of 'a' are too large"),
        (pd.DataFrame({"a": [[1], [2]]}), "column 'a' is neither numbers, text, flags nor dates"),
        (pd.DataFrame({"a": pd.to_timedelta([1, 2], "s")}), "column 'a' is neither"),
        (
            pd.DataFrame({"a": [None, None]}),
            "no column remains .*'a' left out: no cell has a value",
        ),
        (pd.DataFrame({"a": []}), "no rows"),
        (pd.DataFrame(index=range(3)), "0 columns"),
        (np.ones(3), "Expected 2D array"),
        (np.ones((3, 1)) * 1j, "Complex data not supported"),
    ],
)
def test_frames_refused(frame, words):
    with pytest.raises(ValueError, match=words):
        TableEncoder().fit(frame)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ({"a": ["x", "y"]}, "column 'a' has text .row 1: 'x'., where it had numbers in fit"),
        ({"d": [3.5, 4]}, "column 'd' has number .row 1: '3.5'., where it had dates"),
        ({"a": [np.inf, 1]}, "column 'a' has infinity"),
    ],
)
def test_other_kinds_than_in_fit(cell, words):
    good = {"a": [1.0, 2.0], "d": pd.to_datetime(["2020-01-01", "2021-01-01"])}
    encoder = TableEncoder().fit(pd.DataFrame(good))
    with pytest.raises(ValueError, match=words):
        encoder.transform(pd.DataFrame(good | cell))
    gaps = pd.DataFrame({"a": [None, None], "d": [None, None]})
    assert np.isfinite(encoder.transform(gaps)).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"scale": "max"},
        {"min_frequency": 0},
        {"min_frequency": 1.5},
        {"sparse_output": "no"},
        {"keep": 3},
        {"dtype": int},
    ],
)
def test_parameters_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        TableEncoder(**parameters).fit(table())


@pytest.mark.parametrize("scale", treatment.SCALES)
def test_a_treatment_is_plain_values(scale):
    """Through JSON it comes back the same, to the last bit."""
    for found in TableEncoder(scale=scale, min_frequency=10).fit(table()).treatments_:
        record = json.loads(json.dumps(found.record(), allow_nan=False))
        assert treatment.from_record(record) == found


RECORD = {"name": "a", "kind": "number", "fill": [1.0], "center": [1.0], "scale": [2.0]}


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "words"},
        {"kind": 3},
        {"name": 3},
        {"fill": []},
        {"fill": [float("nan")]},
        {"fill": [1]},
        {"fill": 1.0},
        {"scale": [0.0]},
        {"missing": -1},
        {"missing": "1"},
        {"categories": [1]},
        {"categories": ["a", "a"]},
        {"categories": ["a"], "rare": ["a"]},
        {"rare": [""]},
        {"quantiles": [[]]},
        {"quantiles": [[2.0, 1.0]]},
        {"quantiles": [1.0]},
        {"quantiles": [[1.0], [2.0]]},
        {"first": 2**80},
        {"surprise": 1},
    ],
)
def test_damaged_records(change):
    assert treatment.from_record(RECORD).fill == (1.0,)
    with pytest.raises(ValueError, match="malformed"):
        treatment.from_record(RECORD | change)
    for other in (None, [], {}, {"name": "a"}):
        with pytest.raises(ValueError, match="malformed"):
            treatment.from_record(other)


def test_beside_a_vectorizer_of_others():
    """That of skrub finds the kinds by itself; the networks take what it makes."""
    skrub = pytest.importorskip("skrub")
    frame = table(300)
    y = np.where(frame["city"].eq("Rome") ^ frame["flag"], "in", "out")
    network = MLPClassifier(20, solver="lbfgs", alpha=1.0, random_state=0, max_iter=5000)
    theirs = make_pipeline(skrub.TableVectorizer(), SimpleImputer(), StandardScaler(), network)
    ours = make_pipeline(TableEncoder(), network)
    for model in (theirs, ours):
        assert cross_val_score(model, frame.drop(columns="id"), y, cv=3).mean() > 0.9
    by_hand = make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["gaps", "number"]),
        (OneHotEncoder(), ["city"]),
        ("passthrough", ["flag"]),
    )
    assert cross_val_score(make_pipeline(by_hand, network), frame, y, cv=3).mean() > 0.9
