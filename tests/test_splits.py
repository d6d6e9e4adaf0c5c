"""Splits by groups, in time, and as a file has them; rows for early stopping."""

import json

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, TimeSeriesSplit

from pyl2.__main__ import main
from pyl2.cli.splits import Split
from pyl2.data import tables, treatment

pd = pytest.importorskip("pandas")

QUICK = ("--epochs", "3", "--hidden", "3", "--quiet", "--json")
ROWS = np.arange(60)
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def frame(**columns):
    rng = np.random.default_rng(0)
    found = {"a": rng.normal(size=60), "y": rng.normal(size=60), **columns}
    pd.DataFrame(found).to_csv("data.csv", index=False)
    return "data.csv"


def refused(capsys, *argv):
    code = main(argv)
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


@pytest.fixture
def seen(monkeypatch):
    """What the encoder was fitted to: the training rows of each fit, by column a."""
    found, whole = [], treatment.fit

    def fit(table, *args):
        found.append(table["a"].values.tolist())
        return whole(table, *args)

    monkeypatch.setattr(treatment, "fit", fit)
    return found


# Groups


@pytest.mark.parametrize("classes", [False, True])
def test_no_group_is_on_both_sides(capsys, seen, classes):
    patient = RNG.integers(0, 12, 60)
    y = np.where(RNG.random(60) > 0.5, "p", "q") if classes else RNG.normal(size=60)
    path = frame(a=np.arange(60) + 0.5, patient=[f"no. {i}" for i in patient], y=y)
    for command in (["train"], ["path", "--cv", "3", "--l2", "1"]):
        seen.clear()
        assert main([*command, path, "--group", "patient", "--cv", "3", *QUICK]) == 0
        told = json.loads(capsys.readouterr().out)
        assert "patient" not in told["columns"]
        assert told["split"].startswith("by groups")
        sets = [set(np.array(rows).astype(int)) for rows in seen]
        whole = max(sets, key=len)
        groups = set(patient[list(whole)])
        assert groups.isdisjoint(patient[[i for i in ROWS if i not in whole]])
        for fold in (rows for rows in sets if rows != whole):
            assert set(patient[list(fold)]).isdisjoint(patient[list(whole - fold)])
    assert (
        main(
            [
                "compare",
                path,
                "--group",
                "patient",
                "--evaluations",
                "30",
                "--seeds",
                "1",
                "--methods",
                "adam",
                "--quiet",
                "--json",
            ]
        )
        == 0
    )


def test_folds_of_groups_are_scikit_learns():
    groups, y = RNG.integers(0, 9, 60), RNG.integers(0, 2, 60)
    for classes, theirs in ((None, GroupKFold(4)), (y, StratifiedGroupKFold(4))):
        ours = Split(classes, groups, None, 0).folds(ROWS, 4)
        for found, expected in zip(ours, theirs.split(ROWS, y, groups), strict=True):
            np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))


def test_a_group_can_be_a_feature(capsys):
    path = frame(city=np.repeat(["p", "q", "r", "s"], 15))
    assert main(["train", path, "--group", "city", "--keep", "city", "--l2", "1", *QUICK]) == 0
    assert "categories" in json.loads(capsys.readouterr().out)["columns"]["city"]


def test_few_groups_make_few_folds(capsys):
    path = frame(city=np.repeat(["p", "q", "r", "s"], 15))
    assert main(["train", path, "--group", "city", *QUICK]) == 0
    assert json.loads(capsys.readouterr().out)["cv"] == 3
    line = refused(capsys, "train", path, "--group", "city", "--cv", "4", "--quiet")
    assert "--cv 4: there are 3 groups in the training set, for 4 folds" in line


# Time


def test_folds_in_time_are_scikit_learns():
    time = RNG.permutation(60)
    split = Split(None, None, time, 0)
    train, test = split.part(ROWS, 0.25)
    assert len(test) == 15
    assert time[train].max() < time[test].min()
    order = np.argsort(time[train])
    for found, expected in zip(split.folds(train, 4), TimeSeriesSplit(4).split(order), strict=True):
        np.testing.assert_array_equal(found[0], order[expected[0]])
        np.testing.assert_array_equal(found[1], order[expected[1]])


@pytest.mark.parametrize("per_day", [2, 7])
def test_one_day_is_on_one_side(per_day):
    time = np.arange(60) // per_day
    split = Split(None, None, time, 0)
    train, test = split.part(ROWS, 0.25)
    assert time[train].max() < time[test].min()
    for some, others in split.folds(train, 3):
        assert time[train][some].max() < time[train][others].min()


def test_the_last_days_are_the_test_set(capsys, seen):
    """Whatever order the file has; the date is a feature unless it is dropped."""
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.permutation(60), "D")
    path = frame(a=days.day_of_year + 0.5, day=days.strftime("%d.%m.%Y"))
    for drop in ([], ["--drop", "day"]):
        seen.clear()
        assert main(["train", path, "--time", "day", "--cv", "3", *drop, *QUICK]) == 0
        told = json.loads(capsys.readouterr().out)
        assert ("day" in told["columns"]) == (not drop)
        assert told["rows"] == {"train": 45, "test": 15}
        sets = sorted((sorted(rows) for rows in seen), key=len)
        assert sets[-1] == [i + 0.5 for i in range(1, 46)]
        for fold in sets[:-1]:
            assert fold == sets[-1][: len(fold)]


def test_rows_as_they_stand(capsys, seen):
    path = frame(a=np.arange(60) + 0.5)
    assert main(["train", path, "--time", "rows", "--l2", "1", *QUICK]) == 0
    assert seen[-1] == [i + 0.5 for i in range(45)]
    assert json.loads(capsys.readouterr().out)["split"].startswith("in the order of time")
    path = frame(a=np.arange(60) + 0.5, rows=np.arange(60)[::-1] * 1.5)
    assert main(["train", path, "--time", "rows", "--l2", "1", *QUICK]) == 0
    assert sorted(seen[-1]) == [i + 0.5 for i in range(15, 60)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("--group", "citty"),
            "no column 'citty'; it has 'a', 'y', 'city', 'day', 'one'; did you mean 'city'?",
        ),
        (("--time", "day", "--group", "city"), "either --group or --time"),
        (("--time", "city"), "--time city: it is text, neither dates nor numbers"),
        (("--time", "day"), "--time day: missing in 1 of 60 rows, first in row 4"),
        (("--group", "day"), "--group day: missing in 1 of 60 rows, first in row 4"),
        (("--group", "y"), "'y' is the target, and cannot tell how to split"),
        (("--group", "one"), "--group one: all rows are of one group"),
        (("--time", "one"), "--test-size 0.25: too many rows have one time"),
        (("--time", "rows", "--cv", "44"), "--cv 44 makes folds of one row"),
        (("--time", "rows", "--cv", "50"), "--cv 50: there are 45 training rows, for 50 folds"),
        (("--group", "city", "--ensemble", "2"), "--group does not go with --ensemble"),
        (("--time", "rows", "--ensemble", "2"), "--time does not go with --ensemble"),
    ],
)
def test_splits_refused(capsys, options, words):
    day = [float(i) if i != 3 else None for i in range(60)]
    path = frame(city=np.repeat(["p", "q", "r", "s"], 15), day=day, one=[7] * 60)
    assert words in refused(capsys, "train", path, *options, "--quiet")


def test_groups_go_with_a_file(capsys):
    assert "--group goes with a FILE" in refused(capsys, "train", "--group", "x")


def test_the_advice_on_folds_of_one_row_can_be_followed(capsys):
    path = frame()
    line = refused(capsys, "train", path, "--time", "rows", "--cv", "44", "--quiet")
    most = line.split("at most --cv ")[1].split()[0]
    assert main(["train", path, "--time", "rows", "--cv", most, *QUICK]) == 0


# Early stopping


@pytest.mark.parametrize("split", [[], ["--time", "rows"]])
def test_rows_for_early_stopping_are_training_rows(capsys, seen, split):
    path = frame(a=np.arange(60) + 0.5)
    argv = ["train", path, "--early-stopping", "--validation-size", "0.2", *split]
    assert main([*argv, *QUICK, "--epochs", "2000", "--cv", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {"train": 36, "test": 15, "validation": 9}
    assert told["chosen"]["stopped"] == "early_stopping"
    assert len(seen[0]) == 36
    if split:
        assert seen[0] == [i + 0.5 for i in range(36)]
    for command in (["path", path, "--l2", "1", "--cv", "2"], ["train", path, "--l2", "1"]):
        assert main([*command, *argv[2:], *QUICK, "--epochs", "2000"]) == 0
        assert json.loads(capsys.readouterr().out)["results"][-1]["stopped"] == "early_stopping"


# A test set in the file


def arrays(**others):
    rng = np.random.default_rng(0)
    found = {f"X_{part}": rng.normal(size=(n, 3)) for part, n in (("train", 40), ("test", 25))}
    found |= {
        f"y_{part}": X[:, 0] > 0
        for part, X in zip(("train", "test"), list(found.values()), strict=True)
    }
    np.savez("data.npz", **(found | others))
    return found


@pytest.mark.parametrize("target", [[], ["--target", "y_train"]])
def test_a_test_set_in_the_file(capsys, target):
    found = arrays()
    argv = ["train", "data.npz", *target, *QUICK, "--epochs", "50", "--save", "m.pyl2"]
    assert main(argv) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {"train": 40, "test": 25}
    assert told["split"].startswith("the test set is the file's own")
    assert told["notes"] == []
    np.savez("test.npz", X=found["X_test"])
    assert main(["predict", "m.pyl2", "test.npz"]) == 0
    predicted = np.array(capsys.readouterr().out.split()[1:]) == "True"
    assert told["chosen"]["test_score"] == pytest.approx((predicted == found["y_test"]).mean())
    assert main(["predict", "m.pyl2", "data.npz"]) == 0
    assert len(capsys.readouterr().out.split()) == 41  # those of X_train, as before


def test_a_test_set_that_does_not_fit(capsys):
    arrays(X_test=np.ones((25, 2)))
    assert "X_test must have rows of 3 numbers, its shape is (25, 2)" in refused(
        capsys, "train", "data.npz"
    )
    arrays(y_test=np.ones((25, 2)))
    assert "y_train and its test set do not go together: bool (40,) and float64 (25, 2)" in refused(
        capsys, "train", "data.npz"
    )
    arrays(y_test=np.ones(25))
    assert "bool (40,) and float64 (25,)" in refused(capsys, "train", "data.npz")
    arrays(y_test=np.ones(24, bool))
    assert "the target has 64 rows, the features 65" in refused(capsys, "train", "data.npz")
    arrays()
    assert "do not go with a file that has a test set" in refused(
        capsys, "train", "data.npz", "--time", "rows"
    )


def test_a_test_set_without_targets_is_not_read(capsys):
    found = arrays(X_val=np.ones((3, 3)))
    del found["y_test"]
    np.savez("data.npz", **found)
    assert main(["train", "data.npz", "--l2", "1", *QUICK]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["notes"] == ["not read: 'X_test'"]
    assert sum(told["rows"].values()) == 40
    table = tables.read("data.npz", tables.Request())
    assert table.test is None
