"""The command line: what it reads, what it says, and that bad input is one line and exit code 2."""

import base64
import csv
import importlib
import io
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import zipfile
from contextlib import nullcontext, suppress
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import AffineBase
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

from pyl2 import Backprop, MLPRegressorEnsemble, Network, __version__, convert
from pyl2.__main__ import main
from pyl2._common import files
from pyl2.cli import report
from pyl2.cli.convert import TOOLS
from pyl2.cli.data import MOST_CLASSES
from pyl2.cli.ensemble import _softmax
from pyl2.cli.options import ACTIVATIONS, LOSSES
from pyl2.cli.output import print_json
from pyl2.data import model_file, tables
from pyl2.training.descent import _Group

QUICK = ("--epochs", "3", "--hidden", "4", "--quiet")
COMMAND = (sys.executable, "-m", "pyl2")
RELEASED = os.path.join(os.path.dirname(__file__), "released", "0.1.0")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def iris(folder):
    """A CSV with quoted names, text classes, and a column that is no feature."""
    data = load_iris()
    with open("iris.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *data.feature_names, "species, or kind"])
        for row, (x, y) in enumerate(zip(data.data.tolist(), data.target, strict=True)):
            writer.writerow([f"no. {row}", *x, data.target_names[y]])
    return data


IRIS = ("iris.csv", "--target", "species, or kind", "--drop", "id")


@pytest.fixture
def model(iris, capsys):
    assert main(["train", *IRIS, "--save", "model.pl2", *QUICK]) == 0
    capsys.readouterr()
    return "model.pl2"


def write(text, name="data.csv"):
    with open(name, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return name


def numbers(rows=40, **columns):
    """Return the text of a CSV with columns a, b and y, other columns added or in their place."""
    rng = np.random.default_rng(0)
    found = {name: rng.normal(size=rows).tolist() for name in ("a", "b", "y")} | columns
    lines = [
        ",".join(found),
        *(",".join(map(str, row)) for row in zip(*found.values(), strict=True)),
    ]
    return "\n".join(lines) + "\n"


def told(capsys, *argv):
    """Run a training that works, and return its JSON."""
    assert main(["train", "--l2", "5", *argv, "--json", *QUICK]) == 0
    out, err = capsys.readouterr()
    assert not err
    return json.loads(out)


def refused(capsys, *argv):
    """Run what must fail, and return its one line."""
    code = main(argv)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("pyl2: error: ")
    return err


# Training


def test_default_shows_what_the_penalty_does(capsys):
    assert main(["train", "--l2", "5", "--json", "--quiet"]) == 0
    free, penalized = json.loads(capsys.readouterr().out)["results"]
    assert (free["l2"], free["penalty"]) == (0, 0)
    assert penalized["l2"] > 0
    assert penalized["penalty"] > 0
    assert penalized["weight_norm"] < free["weight_norm"] / 2
    assert penalized["data_error"] > free["data_error"]
    assert penalized["test_score"] > free["test_score"] + 0.1


def test_scores_are_those_of_predictions(folder, capsys):
    from sklearn.metrics import r2_score

    path = write(numbers(y=(np.arange(40.0) ** 2).tolist(), a=range(40)))
    result = told(capsys, path, "--save", "m.pl2", "--epochs", "50")["results"][1]
    assert main(["predict", "m.pl2", path]) == 0
    found = np.array(capsys.readouterr().out.split()[1:], float)
    test = train_test_split(np.arange(40), random_state=0)[1]
    assert result["test_score"] == pytest.approx(r2_score(test.astype(float) ** 2, found[test]))


def test_report_is_readable_in_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["train", "--dataset", "breast_cancer", "--epochs", "3", "--l2", "5"]) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80
    for word in ("λ", "E₀", "R", "‖W‖", "items/s", "classification", "standardised", "n = train"):
        assert word in out
    assert "…" not in out
    assert "Traceback" not in err


def test_json_and_quiet_leave_the_rest_silent(capsys):
    setup = told(capsys, "--dataset", "wine")
    assert setup["rows"] == {"train": 133, "test": 45}
    assert setup["layer_sizes"] == [13, 4, 3]
    assert [result["epochs"] for result in setup["results"]] == [3, 3]


@pytest.mark.parametrize("name", ["iris", "digits", "wine", "breast_cancer", "diabetes"])
def test_bundled_data(capsys, name):
    setup = told(capsys, "--dataset", name)
    assert setup["task"] == ("regression" if name == "diabetes" else "classification")


def test_same_seed_same_numbers(capsys):
    def scores(*options):
        timed = ("seconds", "items_per_second")
        results = told(capsys, *options)["results"]
        return [{k: v for k, v in result.items() if k not in timed} for result in results]

    assert scores("--seed", "3") == scores("--seed", "3") != scores("--seed", "4")


def test_csv_with_text_classes(iris, capsys):
    setup = told(capsys, *IRIS)
    assert setup["classes"] == ["setosa", "versicolor", "virginica"]
    assert "text" in setup["why"]


@pytest.mark.parametrize(
    ("column", "task", "why"),
    [
        (["yes", "no"] * 20, "classification", "text"),
        ([True, False] * 20, "classification", "text"),
        (["3.0", "-1"] * 20, "classification", "2 distinct integers"),
        ([0.5, 1.0] * 20, "regression", "fractions"),
        (range(40), "regression", f"more than {MOST_CLASSES}"),
    ],
)
def test_task_follows_the_target(folder, capsys, column, task, why):
    setup = told(capsys, write(numbers(y=column)))
    assert setup["task"] == task
    assert why in setup["why"]


def test_task_can_be_said(folder, capsys):
    path = write(numbers(y=[1, 2] * 20))
    assert told(capsys, path, "--task", "regression")["classes"] is None
    assert told(capsys, path, "--task", "classification")["classes"] == ["1", "2"]


@pytest.mark.parametrize(
    "options",
    [
        ("--hidden", "none"),
        ("--hidden", "5,3", "--activation", "relu,logistic"),
        ("--hidden", "5,3", "--activation", "silu,leaky_relu:0.1", "--init", "he"),
        ("--optimizer", "lbfgs"),
        ("--optimizer", "sgd", "--eta", "0.1", "--decay", "decoupled", "--n", "batch"),
        ("--optimizer", "adamw", "--decay", "fraction", "--l2", "1e-4", "--n", "2.5"),
        ("--batch-size", "all", "--dtype", "float32", "--max-time", "1e-9"),
        ("--test-size", "0.5", "--l2", "0"),
        ("--hidden", "5,3", "--dropout", "0.2,0", "--input-dropout", "0.1"),
        ("--dataset", "iris", "--label-smoothing", "0.1", "--average", "0.9", "--clip-norm", "1"),
    ],
)
def test_options(capsys, options):
    assert main(["train", "--l2", "5", "--epochs", "2", "--quiet", *options]) == 0
    assert "items/s" in capsys.readouterr().out


def test_a_loss_of_numbers(folder, capsys):
    """Its score is D²; the target of gamma would not be positive once it is standardised."""
    path = write(numbers(y=np.arange(40) ** 1.5))
    setup = told(capsys, path, "--loss", "huber:0.5")
    assert (setup["loss"], setup["measure"]) == ("huber:0.5", "D²")
    assert "standardise" in refused(capsys, "train", path, "--target", "y", "--loss", "gamma")
    assert "--ensemble" in refused(
        capsys, "train", path, "--target", "y", "--loss", "huber", "--ensemble", "2"
    )


def test_dropout_is_told_and_matters(folder, capsys):
    path = write(numbers())
    results = []
    for options in ((), ("--dropout", "0.3")):
        results.append(told(capsys, path, *options))
    assert [setup["dropout"] for setup in results] == [0.0, 0.3]
    plain, drops = (setup["results"][0]["data_error"] for setup in results)
    assert plain != drops
    argv = ["train", path, "--target", "y", "--epochs", "3", "--l2", "1", "--dropout", "0.3"]
    assert main(argv) == 0
    assert "0.3 of the units left out" in capsys.readouterr().out.replace("\n", " ")
    argv = ["train", path, *FOUR, "--optimizer", "adam", "--batch-size", "8", "--json"]
    argv += ["--dropout", "0.3"]
    assert main(argv) == 0
    assert json.loads(capsys.readouterr().out)["dropout"] == 0.3


def test_constant_columns_are_harmless(folder, capsys):
    setup = told(capsys, write(numbers(a=[7.3] * 40)))
    assert all(np.isfinite(result["test_score"]) for result in setup["results"])


def test_npz_of_columns_and_of_a_matrix(folder, capsys):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    np.savez("matrix.npz", X=X, label=X[:, 0] > 0, other=np.ones((2, 2)))
    np.savez("columns.npz", a=X[:, 0], b=X[:, 1] > 0, y=np.array(["p", "q", "r"] * 20))
    matrix = told(capsys, "matrix.npz", "--target", "label")
    assert matrix["classes"] == ["False", "True"]
    assert matrix["layer_sizes"][0] == 3
    assert "bool" in matrix["why"]
    assert told(capsys, "columns.npz")["classes"] == ["p", "q", "r"]


# Parquet


@pytest.fixture
def arrow():
    return pytest.importorskip("pyarrow")


def parquet(arrow, name="data.parquet", **columns):
    """Write columns as a Parquet file; a, b and y are there if not given."""
    from pyarrow import parquet as pq

    rng = np.random.default_rng(0)
    found = {name: rng.normal(size=40) for name in ("a", "b", "y")} | columns
    pq.write_table(arrow.table(found), name)
    return name


def test_parquet_gives_what_csv_gives(iris, arrow, model, capsys):
    """The same table in both: the same model, bit by bit, and the same predictions."""
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet as pq

    table = arrow_csv.read_csv("iris.csv")
    species = table["species, or kind"].dictionary_encode()
    pq.write_table(table.set_column(5, "species, or kind", species), "iris.parquet")
    assert main(["train", "iris.parquet", *IRIS[1:], "--save", "other.pl2", *QUICK]) == 0
    ours, theirs = (model_file.load(name)[0].params for name in (model, "other.pl2"))
    np.testing.assert_array_equal(ours, theirs)
    capsys.readouterr()
    for path in ("iris.csv", "iris.parquet"):
        assert main(["predict", model, path, "--proba"]) == 0
    out = capsys.readouterr().out
    assert out[: len(out) // 2] == out[len(out) // 2 :]


def test_types_of_parquet(folder, arrow, capsys):
    whole = arrow.array(range(40))
    columns = {
        "int8": whole.cast("int8"),
        "uint64": whole.cast("uint64"),
        "half": arrow.array(np.arange(40, dtype=np.float16)),
        "float": whole.cast("float32"),
        "decimal": whole.cast(arrow.decimal128(30, 2)),
        "bool": arrow.array([True, False] * 20),
        "categories of numbers": whole.dictionary_encode(),
        "petal.length": whole,
    }
    path = parquet(arrow, **columns)
    features = tables.read(path, tables.Request()).features
    assert list(features) == ["a", "b", *columns]
    for name in columns:
        expected = np.arange(40) if name != "bool" else 1 - np.arange(40) % 2
        kind = "flag" if name == "bool" else "number"
        assert features[name].kind == kind
        np.testing.assert_array_equal(features[name].values.astype(float), expected)
    assert told(capsys, path)["task"] == "regression"


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["p", "q"] * 20, ["p", "q"]),
        (["10", "9"] * 20, ["10", "9"]),
        ([True, False] * 20, ["False", "True"]),
        ([3, -1] * 20, ["-1", "3"]),
    ],
)
def test_targets_of_parquet(folder, arrow, capsys, y, classes):
    assert told(capsys, parquet(arrow, y=y))["classes"] == classes
    coded = arrow.array(y).dictionary_encode()
    if y[0] is not True:
        assert told(capsys, parquet(arrow, y=coded))["classes"] == classes


def test_parquet_of_pandas(folder, arrow, capsys):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": range(40), "y": pd.Categorical(["p", "q"] * 20, ["r", "q", "p"])})
    frame[frame.a > 3].to_parquet("frame.parquet")  # its index is no range
    setup = told(capsys, "frame.parquet")
    assert setup["layer_sizes"][0] == 1
    assert setup["classes"] == ["p", "q"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [b"x"] * 40}, "'a' (binary); leave columns out with --drop a"),
        ({"a": [float("inf"), 1.0] * 20}, "not finite: 'a' (20 cells, first row 1: inf)"),
        ({"a": [None] * 40, "b": [None] * 40}, "no column remains to learn from: 'a' left out"),
        ({"a": [[1, 2]] * 40}, "'a' (list<"),
        ({"a": [{"b": 1}] * 40}, "'a' (struct<"),
        ({"y": [np.datetime64(3, "s")] * 40}, "target 'y': timestamp"),
        ({"a": [], "b": [], "y": []}, "no rows"),
    ],
)
def test_parquet_refused(folder, arrow, capsys, columns, words):
    assert words in refused(capsys, "train", parquet(arrow, **columns))


def test_parquet_with_names_that_will_not_do(folder, arrow, capsys):
    from pyarrow import parquet as pq

    assert "no column 'z'" in refused(capsys, "train", parquet(arrow), "--target", "z")
    twice = arrow.Table.from_arrays([arrow.array([1.0] * 40)] * 3, ["a", "a", "y"])
    pq.write_table(twice, "twice.parquet")
    assert "same name: 'a'" in refused(capsys, "train", "twice.parquet")
    assert "but is not one" in refused(capsys, "train", write(numbers(), "text.parquet"))


def test_parquet_with_damaged_text(folder, arrow, capsys):
    from pyarrow import parquet as pq

    table = arrow.table({"a": range(40), "y": ["yes", "no!"] * 20})
    pq.write_table(table, "whole.parquet", compression="none")
    with open("whole.parquet", "rb") as file:
        write(file.read().replace(b"yes", b"\xff\xfe\xfd"), "damaged.parquet")
    assert "not a Parquet file that can be read" in refused(capsys, "train", "damaged.parquet")


def test_parquet_without_pyarrow(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    line = refused(capsys, "train", write(b"PAR1", "data.parquet"))
    assert "pip install 'pyl2[frames]'" in line


# Choosing λ


def test_a_chosen_penalty(capsys):
    """The best mean of the folds; the baselines are scikit-learn's, on the same rows."""
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    argv = ["train", "--hidden", "8", "--epochs", "40", "--json", "--quiet"]
    assert main(argv) == 0
    told = json.loads(capsys.readouterr().out)
    means = np.array(told["fold_scores"]).mean(axis=1)
    np.testing.assert_allclose([row["cv_score"] for row in told["results"]], means)
    error = np.std(told["fold_scores"], axis=1, ddof=1) / np.sqrt(5)
    np.testing.assert_allclose([row["cv_error"] for row in told["results"]], error)
    assert told["choices"]["min"] == means.argmax()
    assert told["chosen"]["l2"] == told["results"][means.argmax()]["l2"]
    X, X_test, y, y_test = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
    scaler, y_test = StandardScaler().fit(X), (y_test - y.mean()) / y.std()
    ridge = Ridge().fit(scaler.transform(X), (y - y.mean()) / y.std())
    expected = ridge.score(scaler.transform(X_test), y_test)
    assert told["baselines"]["ridge regression"] == pytest.approx(expected)
    assert told["baselines"]["the mean"] == pytest.approx(0, abs=0.1)
    assert main([*argv, "--rule", "1se"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["chosen"]["l2"] >= told["chosen"]["l2"]
    assert main([*argv, "--l2", f"{told['chosen']['l2']}"]) == 0
    given = json.loads(capsys.readouterr().out)["results"][-1]
    assert given["test_score"] == pytest.approx(told["chosen"]["test_score"])


@pytest.mark.parametrize("columns", [80, 120])
def test_a_chosen_penalty_is_readable(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", f"{columns}")
    assert main(["train", "--dataset", "iris", "--epochs", "3", "--report", os.devnull]) == 2
    capsys.readouterr()
    assert main(["train", "--dataset", "iris", "--epochs", "3"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert max(map(len, map(str.rstrip, lines))) <= columns
    assert lines[0].startswith("Test accuracy 0.")
    assert "logistic regression 0." in lines[0]
    told = " ".join(out.split())
    for word in ("5-fold cross-validation", "CV λ accuracy", "min", "112 training", "38 test"):
        assert word in told
    assert told.index("best mean") < told.index("data iris")  # the answer first, provenance last
    assert "Traceback" not in err


def test_folds_are_coded_by_their_own_rows(folder, monkeypatch, capsys):
    """No row that is held out, and none of the test set, has a part in what codes the others."""
    from pyl2.data import treatment

    whole, seen = treatment.fit, []

    def fit(table, *args):
        seen.append(set(table["key"].values.tolist()))
        return whole(table, *args)

    monkeypatch.setattr(treatment, "fit", fit)
    key = np.random.default_rng(0).normal(size=40)
    path = write(numbers(key=key.tolist(), kind=["p", "q", "r", "s"] * 10))
    for command in (["train"], ["path", "--cv", "5", "--l2", "1"]):
        seen.clear()
        assert main([*command, path, "--json", *QUICK]) == 0
        train, _ = train_test_split(np.arange(40), random_state=0, test_size=0.25)
        sets = sorted(seen, key=len)
        assert sets[-1] == set(key[train].tolist())
        assert [len(keys) for keys in sets] == [24] * 5 + [30]
        assert set.intersection(*sets[:5]) == set()  # each row is held out once
        assert all(keys < sets[-1] for keys in sets[:5])
        capsys.readouterr()


def test_report_of_a_choice(iris, capsys):
    assert main(["train", *IRIS, *QUICK, "--report", "page.html"]) == 0
    page = Page("page.html")
    for word in ("The choice of λ", "Test accuracy", "CV\naccuracy", "logistic regression"):
        assert word in page.text
    assert len(page.pictures) == 2


def test_a_table_too_small_to_choose(folder, capsys):
    path = write("a,y\n" + "".join(f"{i},{i}.5\n" for i in range(4)))
    assert "say --l2 NUMBER" in refused(capsys, "train", path, *QUICK, "--test-size", "0.5")
    assert told(capsys, path, "--test-size", "0.5")["rows"] == {"train": 2, "test": 2}
    assert "--n goes with a number" in refused(capsys, "train", "--n", "batch", "--quiet")


# Predicting


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["species, or kind", "petal length (cm)"])
def test_prediction_is_the_networks_own(iris, capsys, name, dtype):
    drop = "id" if name == "species, or kind" else 'id,"species, or kind"'
    argv = ("iris.csv", "--target", name, "--drop", drop, "--dtype", dtype, "--save", "m.pl2")
    assert (
        main(["train", *argv, "--task", "classification" if "kind" in name else "regression"]) == 0
    )
    capsys.readouterr()
    network, schema = model_file.load("m.pl2")
    assert network.dtype == dtype
    columns, _ = tables.read_features("iris.csv", schema.treatments)
    X = np.stack([cells.values for cells in columns.values()], axis=1)
    mean, scale = ([getattr(t, part)[0] for t in schema.treatments] for part in ("center", "scale"))
    np.testing.assert_array_equal(X.mean(axis=0).round(0), np.round(mean, 0))
    outputs = network.predict((X - mean) / scale)

    assert main(["predict", "m.pl2", "iris.csv"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == [name]
    found = [cell for (cell,) in rows]
    if schema.classes is None:
        expected = outputs[:, 0].astype(float) * schema.target_scale + schema.target_mean
        np.testing.assert_array_equal(np.array(found, float), expected)
        assert np.corrcoef(expected, iris.data[:, 2])[0, 1] > 0.95
    else:
        assert found == [schema.classes[i] for i in outputs.argmax(axis=1)]
        assert np.mean(np.array(found) == iris.target_names[iris.target]) > 0.9


def test_columns_are_found_by_name(model, iris, capsys):
    assert main(["predict", model, "iris.csv"]) == 0
    expected = capsys.readouterr().out
    names = model_file.load(model)[1].inputs
    order = [2, 0, 3, 1]
    lines = [";".join(map(str, row)) for row in iris.data[:, order].tolist()]
    write("\ufeff" + ";".join(names[i] for i in order) + "\r\n" + "\r\n".join(lines), "other.csv")
    np.savez("other.npz", text=["a"], **dict(zip(names, iris.data.T, strict=True)))
    for path in ("other.csv", "other.npz"):
        assert main(["predict", model, path]) == 0
        assert capsys.readouterr().out == expected


def test_probabilities_go_to_a_file(model, capsys):
    assert main(["predict", model, "iris.csv", "--proba", "--output", "out.csv"]) == 0
    assert capsys.readouterr() == ("", "")
    with open("out.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["species, or kind", "setosa", "versicolor", "virginica"]
    probabilities = np.array([row[1:] for row in rows], float)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert [header[1 + i] for i in probabilities.argmax(axis=1)] == [row[0] for row in rows]


def test_ids_beside_predictions(model, iris, capsys):
    assert main(["predict", model, "iris.csv", "--id", "id,petal width (cm)"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["id", "petal width (cm)", "species, or kind"]
    assert [row[0] for row in rows] == [f"no. {i}" for i in range(150)]
    assert [row[1] for row in rows] == [str(x) for x in iris.data[:, 3].tolist()]
    assert "did you mean 'id'" in refused(capsys, "predict", model, "iris.csv", "--id", "idd")


def test_predictions_as_parquet(model, arrow, capsys):
    from pyarrow import parquet as pq

    assert main(["predict", model, "iris.csv", "--proba", "--output", "out.parquet"]) == 0
    found = pq.read_table("out.parquet").to_pydict()
    assert main(["predict", model, "iris.csv", "--proba"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert list(found) == header
    assert [row[0] for row in rows] == found["species, or kind"]
    assert [float(row[1]) for row in rows] == found["setosa"]


def test_what_the_training_set_had_not_is_noted(folder, capsys):
    """On standard error; the predictions are the same without the notes."""
    kind = ["p", "q"] * 20
    path = write(numbers(kind=kind, y=["u", "v", "v", "u"] * 10))
    assert main(["train", path, "--save", "m.pl2", *QUICK]) == 0
    capsys.readouterr()
    new = write("a,b,kind\n,1,p\n1,1,z\n2,2,q\n", "new.csv")
    assert main(["predict", "m.pl2", new]) == 0
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert first.startswith("pyl2: note: 'a': missing in 1 row, where -0.")
    assert second == "pyl2: note: 'kind': unknown category in 1 row ('z')"
    assert main(["predict", "m.pl2", new, "--quiet"]) == 0
    assert capsys.readouterr() == (out, "")


def test_the_chosen_network_of_a_path_is_saved(iris, capsys):
    argv = ["path", *IRIS, "--l2", "0.1,1,10", "--cv", "3", "--save", "m.pl2", "--json", *QUICK]
    assert main(argv) == 0
    told = json.loads(capsys.readouterr().out)
    place = told["choices"]["min"]
    assert main(["predict", "m.pl2", "iris.csv"]) == 0
    found = np.array(capsys.readouterr().out.split("\n")[1:-1])
    _, test = train_test_split(np.arange(150), stratify=iris.target, random_state=0, test_size=0.25)
    right = (found == iris.target_names[iris.target])[test].mean()
    assert right == pytest.approx(told["results"][place]["test_score"])


def test_prediction_refuses(model, capsys):
    assert "'petal" in refused(capsys, "predict", model, write("sepal length (cm)\n1\n"))
    assert "empty" in refused(capsys, "predict", model, write(""))
    header = ",".join(model_file.load(model)[1].inputs)
    line = refused(capsys, "predict", model, write(f"{header}\n1,2,3,4\n1,2,x,4\n"))
    assert "row 2: 'x'" in line
    assert "row 1: inf" in refused(capsys, "predict", model, write(f"{header}\n1,2,inf,4\n"))
    assert "nope.pl2" in refused(capsys, "predict", "nope.pl2", "iris.csv")
    assert "not a pyl2 file" in refused(capsys, "predict", "iris.csv", "iris.csv")
    assert "nowhere" in refused(capsys, "predict", model, "iris.csv", "--output", "nowhere/o.csv")


def test_proba_needs_classes(folder, capsys):
    path = write(numbers())
    assert main(["train", path, "--save", "m.pl2", *QUICK]) == 0
    capsys.readouterr()
    assert "--proba" in refused(capsys, "predict", "m.pl2", path, "--proba")


# Ensembles

FOUR = ("--ensemble", "4", "--hidden", "4", "--init", "he", "--epochs", "30", "--quiet")


@pytest.fixture
def ensemble(folder, capsys):
    """A regression's model file, its table, and what was said in training."""
    path = write(numbers(80, y=(np.arange(80.0) ** 2).tolist(), a=range(80)))
    assert main(["train", path, *FOUR, "--save", "ensemble.pl2", "--json"]) == 0
    return "ensemble.pl2", path, json.loads(capsys.readouterr().out)


def test_ensemble_is_the_estimators(ensemble, capsys):
    name, path, said = ensemble
    _, schema = model_file.load(name)
    X = schema.encode(tables.read_features(path, schema.treatments)[0])
    y = ((np.arange(80.0) ** 2) - schema.target_mean) / schema.target_scale
    train, test = train_test_split(np.arange(80), random_state=0)
    alike = {"init": "he", "max_iter": 30, "random_state": 0, "batch_size": 32}
    model = MLPRegressorEnsemble(4, "tanh", candidates=4, normalize_y=False, **alike).fit(
        X[train], y[train]
    )
    mean, std = model.predict(X, return_std=True)
    assert said["candidates"] == [one._asdict() for one in model.candidates_]
    assert said["result"]["test_score"] == pytest.approx(model.score(X[test], y[test]))
    inside = np.mean(np.abs(y[test] - mean[test]) <= 1.96 * std[test])
    assert said["result"]["coverage"] == pytest.approx(inside)
    assert main(["predict", name, path, "--std"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["y", "y_std"]
    scale = schema.target_scale
    expected = np.column_stack([mean * scale + schema.target_mean, std * scale])
    np.testing.assert_allclose(np.array(rows, float), expected, rtol=1e-9)


@pytest.mark.parametrize("dataset", ["breast_cancer", "iris"])
def test_ensemble_of_classes(folder, capsys, dataset):
    """Two classes are one output of the estimator, two of the model file."""
    argv = ["train", "--dataset", dataset, *FOUR, "--dtype", "float32", "--save", "m.pl2"]
    assert main([*argv, "--report", "page.html", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["result"]["test_score"] > 0.9
    assert said["result"]["coverage"] is None
    found, schema = model_file.load("m.pl2")
    assert (found.output, found.layer_sizes[-1]) == ("softmax", len(schema.classes))
    data = tables.bundled(dataset)
    X, y = schema.encode(data.features).astype(np.float32), np.array(data.labels)[data.codes]
    _, test = train_test_split(np.arange(len(y)), random_state=0, stratify=y, test_size=0.25)
    predicted = np.array(schema.predictions(found.predict(X)))
    assert said["result"]["test_score"] == pytest.approx(np.mean(predicted[test] == y[test]))
    train = np.setdiff1d(np.arange(len(y)), test)
    assert said["result"]["train_score"] == pytest.approx(np.mean(predicted[train] == y[train]))
    assert "Candidates" in Path("page.html").read_text("utf-8")


def test_softmax_of_two_is_logistic():
    network = Network((3, 4, 1), output="logistic", seed=0)
    X = np.random.default_rng(0).normal(size=(20, 3))
    p = network.predict(X)
    np.testing.assert_allclose(_softmax(network).predict(X), np.hstack([1 - p, p]), rtol=1e-14)


def test_ensemble_is_readable_in_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["train", *FOUR[:-1]]) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80
    for word in ("candidates", "weight", "held out", "standard deviations", "networks from"):
        assert word in out
    assert "Traceback" not in err


def test_std_needs_an_ensemble_of_numbers(model, ensemble, capsys):
    assert "--proba" in refused(capsys, "predict", model, "iris.csv", "--std")
    _, path, _ = ensemble
    assert main(["train", path, "--save", "one.pl2", *QUICK]) == 0
    capsys.readouterr()
    assert "--ensemble" in refused(capsys, "predict", "one.pl2", path, "--std")


@pytest.mark.parametrize(
    "option",
    [
        ("--l2", "1"),
        ("--n", "batch"),
        ("--decay", "l2"),
        ("--label-smoothing", "0.1"),
        ("--schedule", "cosine"),
        ("--warmup", "3"),
        ("--l2-schedule", "step"),
        ("--clip-norm", "1"),
        ("--clip-value", "1"),
        ("--average", "0.9"),
    ],
)
def test_ensemble_lacks_options_of_one_training(capsys, option):
    line = refused(capsys, "train", *FOUR, *option)
    assert option[0] in line
    assert "--ensemble" in line


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("weights", np.zeros(3)),
        ("params", np.zeros(10)),
        ("noise", np.array([-1.0])),
        ("noise", np.array([np.nan])),
        ("noise", np.zeros(2)),
        ("noise", np.zeros(1, np.float32)),
    ],
)
def test_damaged_ensemble(ensemble, capsys, key, value):
    name, path, _ = ensemble
    arrays, meta = files.read(name, "model")
    assert key in arrays
    files.write(name, "model", arrays | {key: value}, meta)
    assert refused(capsys, "predict", name, path, "--std")


NUMBER = {"name": "a", "kind": "number", "fill": [0.0], "center": [0.0], "scale": [1.0]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("columns", None),
        ("columns", []),
        ("columns", [3]),
        ("columns", [NUMBER]),
        ("columns", [NUMBER] * 4),
        ("columns", [NUMBER | {"name": name} for name in "abc"]),
        ("columns", [NUMBER | {"name": name, "kind": "left out"} for name in "abcd"]),
        ("columns", [NUMBER | {"name": name, "scale": [0.0]} for name in "abcd"]),
        ("decimal", 3),
        ("thousands", "..."),
        ("target", 3),
        ("classes", None),
        ("classes", []),
        ("classes", ["a", "b"]),
        ("target_mean", "0"),
        ("target_mean", float("nan")),
        ("target_scale", 0.0),
        ("target_scale", True),
        ("params", np.zeros(3)),
        ("params", np.full(35, np.nan)),
        ("network", None),
        ("network", []),
        ("network", {"layer_sizes": [4, 10**30, 3], "hidden": ["tanh"], "output": "softmax"}),
        ("network", {"layer_sizes": [4, 4, 3], "hidden": ["tanh"], "output": "identity"}),
    ],
)
def test_damaged_model(model, capsys, key, value):
    arrays, meta = files.read(model, "model")
    place = arrays if key in arrays else meta
    if value is None and place is arrays:
        del arrays[key]
    else:
        place[key] = value
    files.write(model, "model", arrays, meta)
    assert "damaged" in refused(capsys, "predict", model, "iris.csv")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("features", None),
        ("features", "abc"),
        ("features", ["a", "b"]),
        ("features", ["a", "b", "b"]),
        ("features", ["a", "b", 4]),
        ("mean", np.zeros(2)),
        ("mean", np.full(3, np.nan)),
        ("scale", np.zeros(3)),
        ("scale", None),
    ],
)
def test_damaged_model_of_the_first_format(folder, capsys, key, value):
    """It held names, means and scales of numbers."""
    arrays, meta = files.read(os.path.join(RELEASED, "model.pyl2"), "model")
    place = arrays if key in arrays else meta
    assert key in place
    if value is None and place is arrays:
        del arrays[key]
    else:
        place[key] = value
    files.write("m.pyl2", "model", arrays, meta)
    assert "damaged" in refused(capsys, "predict", "m.pyl2", write("a,b,c\n1,2,3\n"))


def test_gaps_of_a_model_of_the_first_format(folder, capsys):
    """They were an error; the mean stands in their place."""
    model = os.path.join(RELEASED, "model.pyl2")
    schema = model_file.load(model)[1]
    mean = ",".join(str(t.center[0]) for t in schema.treatments)
    assert main(["predict", model, write(f"a,b,c\n,,\n{mean}\n"), "--proba"]) == 0
    _, gaps, means = capsys.readouterr().out.splitlines()
    assert gaps == means


# Comparing

FEW = ("--evaluations", "100", "--seeds", "2", "--quiet")


def test_comparison_shows_what_the_penalty_does(capsys):
    assert main(["compare", "--evaluations", "3000", "--seeds", "2", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {"train": 331, "test": 111}
    assert told["budget"] == {"seconds": None, "evaluations": 3000}
    names = [row["method"] for row in told["results"]]
    assert names == told["methods"] == ["sgd", "momentum", "adam", "lbfgs", "pso", "pso+lbfgs"]
    for free, row in zip(told["without_penalty"], told["results"], strict=True):
        assert free["method"] == row["method"]
        assert free["penalty"] == 0 < row["penalty"]
        assert row["error"] == pytest.approx(row["data_error"] + row["penalty"])
        assert free["train_score"] > row["train_score"] or row["method"] == "pso"
        assert row["test_score"] > free["test_score"] or row["method"] == "pso"
    assert len(told["runs"]) == 12
    for row in told["results"]:
        errors = [run["error"] for run in told["runs"] if run["method"] == row["method"]]
        assert row["error"] == pytest.approx(np.mean(errors))


def test_comparison_is_readable(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    # By evaluations, so that the numbers, and with them the widths, are the same each time.
    assert main(["compare", "--dataset", "iris", "--evaluations", "600", "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Best test accuracy: ")
    assert "Not shown for want of room: E₀, R" in out
    rows = [line for line in lines if line.startswith(("sgd", "adam", "pso+lbfgs")) and "±" in line]
    assert len(rows) == 3  # one row stays one row
    words = ("600 evaluations a run, 2 starts", "λ = 5", "pso+lbfgs", "evaluations", "λ = 0")
    for word in (
        *words,
        "Lowest E: ",
        "Best test accuracy: ",
        "What λ = 5 did to test accuracy: 0.",
    ):
        assert word in out


def test_comparison_with_and_without_a_figure(iris, capsys):
    argv = ["compare", *IRIS, *FEW, "--methods", "adam,pso+adam", "--l2", "0", "--hidden", "none"]
    assert main([*argv, "--dtype", "float32", "--output", "curves.png"]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert "λ" not in out  # there is nothing to compare λ = 0 with
    assert "adam" in out
    assert "sgd" not in out
    assert os.path.getsize("curves.png") > 10_000
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["without_penalty"] is None
    assert told["classes"] == ["setosa", "versicolor", "virginica"]
    assert told["layer_sizes"] == [4, 3]


def test_comparison_has_the_same_numbers_from_the_same_seed(capsys):
    def errors(*options):
        assert main(["compare", "--dataset", "wine", *FEW, *options, "--json"]) == 0
        return [run["error"] for run in json.loads(capsys.readouterr().out)["runs"]]

    assert errors() == errors("--seed", "0") != errors("--seed", "1")
    assert errors() != errors("--eta", "adam=0.5,sgd=0.5")
    assert errors() != errors("--batch-size", "all") != errors("--particles", "10")


def test_comparison_tells_of_divergence(capsys):
    argv = ["compare", *FEW, "--eta", "sgd=1e9", "--l2", "0"]
    assert main(argv) == 0
    assert "sgd diverged in 2 of 2 runs" in capsys.readouterr().out
    assert main([*argv, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["diverged"] == 2


def test_json_of_numbers_it_does_not_know(capsys):
    print_json({"a": [1.5, float("-inf")], "b": ({"c": float("nan")}, None)})
    assert json.loads(capsys.readouterr().out) == {"a": [1.5, None], "b": [{"c": None}, None]}


def test_comparison_without_anything_to_set(capsys):
    argv = ("compare", "--dataset", "iris", "--methods", "lbfgs", "--seconds", "0.001")
    assert main(argv) == 0
    out, _ = capsys.readouterr()
    assert "settings  none" in out
    assert "particles" not in out


def test_figure_without_matplotlib(monkeypatch, capsys):
    monkeypatch.setattr("pyl2.cli.output.find_spec", lambda name: None)
    assert "pyl2[plot]" in refused(capsys, "compare", "--output", "curves.png")


# Bad input to training and comparing


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("\n\n", "no header"),
        ("a,b,y\n", "no rows"),
        ("1,2,3\n4,5,6\n", "no column 'y'; it has 'c1', 'c2', 'c3'; name the target"),
        ("a,a,y\n1,2,3\n", "same name: 'a'"),
        (",y\n1,2\n", "no column remains"),
        ("a,b,z\n1,2,3\n", "no column 'y'; it has 'a', 'b', 'z'; name the target with --target"),
        ("y\n1\n2\n", "no column remains"),
        ("a,b,y\n1,2\n3,4,5\n", "row 1 has 2 values, the header 3 names"),
        ("a,b,y\n1,2,3\n\n3,4,5,6\n", "row 2 has 4 values"),
        ("a,b,y\n1,2\n3,4\n", "row 1 has 2 values"),
        ('a,"b, c",y\n1,inf,3\n', """--drop '"b, c"'\n"""),
        ("a,b,y\n1,2,3\n3,inf,5\n-inf,4,5\n", "'a' (row 3: -inf), 'b' (row 2: inf)"),
        ("a,b,y\n1,2,3\n3,4,inf\n", "target 'y' is not finite: row 2: inf"),
        ("a,b,y\n1,2,\n3,4,NA\n", "target 'y' is missing in all rows"),
        ("a,y\n1,2\n3,4\n5,6\n", "3 rows are too few"),
        ("a,y\n" + "1,q\n" * 9, "same in all rows"),
        ("a,y\n" + "1,q\n" * 9 + "1,p\n", "class 'p' has a single row"),
        ("a,y\n1,1\n2,2\n3,3\n4,4\n5,5\n", "--task regression"),
        ("a,y\n1,1\n2,1\n3,2\n4,2\n", "--test-size 0.25"),
        ("a,y\n" + "1e308,1\n-1e308,2\n" * 9, "'a' are too large"),
        (b"a,y\n\xff\0,2\n", "neither text, nor Parquet"),
        ("a" * 200_000 + ",y\n1,2\n", "not a CSV"),
        ('a,y\n"1,2\n', "row 1 has 1 values"),
    ],
)
def test_csv_refused(folder, capsys, text, words):
    assert words in refused(capsys, "train", write(text))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.ones(4)}, "no column 'y'"),
        ({"a": np.ones(4), "y": np.ones(3)}, "the target has 3 rows, the features 4"),
        ({"a": np.ones(4), "b": np.ones(3), "y": np.ones(4)}, "'a' 4, 'b' 3"),
        ({"a": np.ones((4, 2)), "b": np.ones(4), "y": np.ones(4)}, "'a' (2-D, float64)"),
        ({"a": np.ones(4) * 1j, "y": np.ones(4)}, "complex"),
        ({"a": np.ones(4), "y": np.ones(4) * 1j}, "complex"),
        ({"X": np.ones((0, 2)), "y": np.ones(0)}, "rows"),
        ({"X": np.ones((4, 0)), "y": np.ones(4)}, "no column remains"),
        ({"X": np.ones((4, 2)), "y": np.array([1, None, 2, 3])}, "allow_pickle"),
        ({"X": np.full((4, 2), np.inf), "y": np.ones(4)}, "'x0' (4 cells, first row 1: inf)"),
    ],
)
def test_npz_refused(folder, capsys, arrays, words):
    np.savez("data.npz", **arrays)
    assert words in refused(capsys, "train", "data.npz")


@pytest.mark.parametrize(
    "argv",
    [
        ("sing",),
        ("train", "nope.csv"),
        ("train", "."),
        ("train", "--dataset", "titanic"),
        ("train", "--target", "y"),
        ("train", "--drop", "y"),
        ("train", "x.csv", "--dataset", "iris"),
        ("train", "--dataset", "iris", "--task", "regression"),
        ("train", "--task", "guess"),
        ("train", "--l2", "-1"),
        ("train", "--ensemble", "0"),
        ("train", "--ensemble", "3", "--optimizer", "lm"),
        ("train", "--ensemble", "3", "--test-size", "0.998", "--quiet"),
        ("train", "--l2", "nan"),
        ("train", "--l2", "x"),
        ("train", "--n", "0"),
        ("train", "--n", "all"),
        ("train", "--eta", "0"),
        ("train", "--epochs", "0"),
        ("train", "--epochs", "1.5"),
        ("train", "--batch-size", "0"),
        ("train", "--max-time", "0"),
        ("train", "--hidden", "3,0"),
        ("train", "--hidden", "3,x"),
        ("train", "--hidden", "9" * 30),
        ("train", "--activation", "step"),
        ("train", "--activation", "leaky_relu:2"),
        ("train", "--activation", "leaky_relu:x"),
        ("train", "--loss", "huber:0"),
        ("train", "--loss", "quantile:"),
        ("train", "--loss", "gamma"),
        ("train", "--init", "uniform"),
        ("train", "--dropout", "1"),
        ("train", "--dropout", "0.1,x"),
        ("train", "--dropout", "0.1,0.1,0.1"),
        ("train", "--hidden", "none", "--dropout", "0.1"),
        ("train", "--optimizer", "lbfgs", "--dropout", "0.1"),
        ("train", "--input-dropout", "-0.1"),
        ("train", "--label-smoothing", "1"),
        ("train", "--label-smoothing", "0.1", "--dataset", "diabetes"),
        ("train", "--activation", "tanh,relu,tanh"),
        ("train", "--optimizer", "magic"),
        ("train", "--decay", "slow"),
        ("train", "--optimizer", "adamw", "--decay", "l2"),
        ("train", "--dtype", "float16"),
        ("train", "--test-size", "1"),
        ("train", "--test-size", "0.999"),
        ("compare", "nope.csv"),
        ("compare", "--methods", "adam,magic"),
        ("compare", "--methods", "adamw"),
        ("compare", "--methods", ""),
        ("compare", "--seconds", "0"),
        ("compare", "--evaluations", "1.5"),
        ("compare", "--quiet", "--evaluations", "7"),
        ("compare", "--seeds", "0"),
        ("compare", "--quiet", "--seed", "4294967295"),
        ("compare", "--eta", "0.1"),
        ("compare", "--eta", "lbfgs=1"),
        ("compare", "--eta", "adam=fast"),
        ("compare", "--eta", "adam=-1"),
        ("compare", "--particles", "0"),
        ("compare", "--output", "curves.bmp"),
        ("compare", "--output", "nowhere/curves.png"),
        ("path", "nope.csv"),
        ("path", "--l2", "-1"),
        ("path", "--l2", "1,1"),
        ("path", "--l2", ""),
        ("path", "--l2", "1:2"),
        ("path", "--l2", "0:1:5"),
        ("path", "--l2", "2:1:5"),
        ("path", "--l2", "1:2:1"),
        ("path", "--l2", "1:inf:5"),
        ("path", "--l2", "1:2:1000000000000"),
        ("path", "--cv", "1"),
        ("path", *QUICK, "--cv", "1000"),
        ("path", "--rule", "max"),
        ("path", "--optimizer", "pso"),
        ("path", "--epochs", "0"),
        ("path", "--output", "path.gif"),
        ("path", "--report", "nowhere/page.html"),
        ("compare", "--report", "page.txt"),
        ("train", "--report", "nowhere/page.html"),
        ("train", "--test-size", "0.002"),
        ("train", "--seed", "-1"),
        ("train", "--save", "nowhere/model.pl2"),
        ("train", "--save", "."),
        ("train", "--quiet", "--l2", "0", "--optimizer", "sgd", "--eta", "1e4"),
        ("predict",),
        ("predict", "model.pl2"),
        ("convert",),
        ("convert", "0.1", "sklearn"),
        ("convert", "-1", "ridge", "nielsen"),
        ("convert", "nan", "ridge", "nielsen"),
        ("convert", "x", "ridge", "nielsen"),
        ("convert", "0", "prior", "ridge", "--noise-variance", "1"),
        ("convert", "0.1", "pytorch", "ridge"),
        ("convert", "0.1", "ridge", "l2"),
        ("convert", "0.1", "ridge", "l2,all"),
        ("convert", "0.1", "ridge", "l1,train"),
        ("convert", "0.1", "sklearn", "torch_sgd"),
        ("convert", "0.1", "sklearn", "torch_adamw", "--batch-size", "8"),
        ("convert", "0.1", "sklearn", "torch_sgd", "--batch-size", "0"),
        ("convert", "0.1", "sklearn", "torch_sgd", "--batch-size", "8", "--loss", "mae"),
        ("convert", "0.1", "ridge", "nielsen", "--outputs", "1.5"),
        ("convert", "0.1", "ridge", "nielsen", "--optimizer", "adam"),
    ],
)
def test_options_refused(folder, capsys, argv):
    refused(capsys, *argv)


def test_divergence_names_eta_and_l2(capsys):
    line = refused(capsys, "train", "--l2", "0", "--quiet", "--optimizer", "sgd", "--eta", "1e4")
    assert "eta=10000" in line
    assert "l2=0" in line


# The target as it stands in the file


def saved(kind, arrow=None, name="data", **columns):
    """Write columns as a CSV, an npz or a Parquet file."""
    if kind == "csv":
        cells = {n: ["" if v is None else v for v in values] for n, values in columns.items()}
        return write(numbers(**cells), f"{name}.csv")
    rng = np.random.default_rng(0)
    found = {n: rng.normal(size=40) for n in ("a", "b", "y")} | columns
    if kind == "npz":
        np.savez(f"{name}.npz", **{n: np.asarray(values) for n, values in found.items()})
        return f"{name}.npz"
    return parquet(pytest.importorskip("pyarrow"), f"{name}.parquet", **found)


def predicted(capsys, path, *argv):
    """Train on a file, predict its rows; return header and the cells of each column."""
    assert main(["train", path, *argv, "--save", "m.pl2", *QUICK]) == 0
    capsys.readouterr()
    assert main(["predict", "m.pl2", path, "--proba"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    return header, list(zip(*rows, strict=True))


BIG = 2**53  # of this on, float64 does not hold every integer


@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
@pytest.mark.parametrize("first", [BIG, -BIG - 1, 2**63 - 2])
def test_large_integers_are_classes_of_their_own(folder, capsys, kind, first):
    """float64 took 2⁵³ and 2⁵³ + 1 for one class."""
    path = saved(kind, y=[first, first + 1] * 20)
    assert told(capsys, path)["classes"] == [str(first), str(first + 1)]
    header, columns = predicted(capsys, path)
    assert header == ["y", str(first), str(first + 1)]
    assert set(columns[0]) <= {str(first), str(first + 1)}


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_large_integers_without_a_sign(folder, capsys, kind):
    path = saved(kind, y=np.array([2**64 - 1, 2**64 - 2] * 20, np.uint64))
    assert told(capsys, path)["classes"] == [str(2**64 - 2), str(2**64 - 1)]


def test_large_integers_of_parquet_with_gaps_and_as_decimals(folder, arrow, capsys):
    from decimal import Decimal

    gaps = parquet(arrow, y=[BIG, BIG + 1, None, BIG] * 10)
    setup = told(capsys, gaps, "--drop-missing-target")
    assert setup["classes"] == [str(BIG), str(BIG + 1)]
    assert sum(setup["rows"].values()) == 30
    decimals = parquet(arrow, y=[Decimal(BIG), Decimal(BIG + 1)] * 20)
    assert told(capsys, decimals)["classes"] == [str(BIG), str(BIG + 1)]


@pytest.mark.parametrize("command", ["train", "path", "compare"])
def test_codes_keep_their_zeros(folder, capsys, command):
    """02139 was predicted as 2139."""
    path = saved("csv", y=["02139", "10115"] * 20)
    options = FEW if command == "compare" else QUICK
    assert main([command, path, "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == ["02139", "10115"]
    header, columns = predicted(capsys, path)
    assert header == ["y", "02139", "10115"]
    assert set(columns[0]) <= {"02139", "10115"}


def test_classes_are_ordered_as_numbers(folder, capsys):
    assert told(capsys, saved("csv", y=["10", "9.0", "-1", "9.0"] * 10))["classes"] == [
        *("-1", "9.0", "10")
    ]


def test_one_number_in_two_spellings(folder, capsys):
    """Two texts are two classes, which is said."""
    setup = told(capsys, saved("csv", y=["1", "01"] * 20), "--task", "classification")
    assert setup["classes"] == ["01", "1"]
    assert any("'1' and '01' are one number" in note for note in setup["notes"])


def test_regression_takes_the_numbers(folder, capsys):
    path = saved("csv", y=[f"{row:03}.5" for row in range(40)])
    assert main(["train", path, "--save", "m.pl2", *QUICK]) == 0
    schema = model_file.load("m.pl2")[1]
    train = train_test_split(np.arange(40), random_state=0)[0]
    assert schema.classes is None
    assert schema.target_mean == pytest.approx(train.mean() + 0.5)


# Missing targets

MARKERS = [*tables.MISSING, "", "  "]


@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
@pytest.mark.parametrize("marker", MARKERS)
def test_missing_target_is_no_class(folder, capsys, kind, marker):
    """In the rows 1, 11, 21 and 31; each made a class of its name."""
    path = saved(kind, y=[marker if row % 10 == 0 else "mf"[row % 2] for row in range(40)])
    line = refused(capsys, "train", path)
    assert "target 'y' is missing in 4 of 40 rows" in line
    assert "first in row 1)" in line
    assert "--drop-missing-target" in line
    setup = told(capsys, path, "--drop-missing-target")
    assert setup["classes"] == ["f", "m"]
    assert sum(setup["rows"].values()) == 36
    assert any("4 of 40 rows left out" in note for note in setup["notes"])


@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
def test_missing_numbers_are_no_class(folder, capsys, kind):
    """Ratings from 1 to 3 became four classes, where they were text."""
    gap = float("nan") if kind == "npz" else None if kind == "parquet" else "?"
    path = saved(kind, y=[gap, 1, 2, 3] * 10)
    assert "missing in 10 of 40 rows" in refused(capsys, "train", path)
    assert told(capsys, path, "--drop-missing-target")["classes"] == ["1", "2", "3"]
    path = saved(kind, y=[gap, *np.arange(39) + 0.5])
    assert "missing in 1 of 40 rows" in refused(capsys, "train", path)
    assert told(capsys, path, "--drop-missing-target")["task"] == "regression"


@pytest.mark.parametrize(
    ("command", "options"), [("train", QUICK), ("path", QUICK), ("compare", FEW)]
)
def test_missing_targets_in_every_command(folder, capsys, command, options):
    path = saved("csv", y=["NA", "m", "f", "m"] * 10)
    assert "--drop-missing-target" in refused(capsys, command, path, *options)
    options = [opt for opt in options if opt != "--quiet"]
    assert main([command, path, *options, "--drop-missing-target"]) == 0
    assert "10 of 40 rows left out: they have no 'y'" in capsys.readouterr().out


def test_the_same_as_if_the_rows_were_not_there(folder, capsys):
    """What else is missing in such a row does not matter."""
    rows = "".join(f"{row % 7},{row * 0.3},{'mf'[row % 2]}\n" for row in range(30))
    whole = write(f"a,b,y\n{rows}", "whole.csv")
    gaps = write(f"a,b,y\nNA,,NA\n{rows},,\n", "gaps.csv")
    for path, name, *options in ((whole, "1"), (gaps, "2", "--drop-missing-target")):
        assert main(["train", path, "--save", f"{name}.pl2", *QUICK, *options]) == 0
    np.testing.assert_array_equal(
        model_file.load("1.pl2")[0].params, model_file.load("2.pl2")[0].params
    )


def test_markers_can_be_classes(folder, capsys):
    path = saved("csv", y=["None", "mild", "-", "severe"] * 10)
    assert "if 'None' is a class, list what does mean missing with --missing" in refused(
        capsys, "train", path
    )
    assert told(capsys, path, "--missing", "")["classes"] == ["-", "None", "mild", "severe"]
    setup = told(capsys, path, "--missing=-", "--drop-missing-target")
    assert setup["classes"] == ["None", "mild", "severe"]
    path = saved("csv", y=["unknown", "mild", "severe", "mild"] * 10)
    assert "10 of 40 rows" in refused(capsys, "train", path, "--missing", "NA,unknown")
    blank = saved("csv", y=["", "mild", "severe", "mild"] * 10)
    assert "(empty; first in row 1)" in refused(capsys, "train", blank, "--missing", "")


PAGE = os.path.join(os.path.dirname(__file__), "..", "docs", "command_line.md")


def test_the_markers_are_documented():
    with open(PAGE, encoding="utf-8") as file:
        text = " ".join(file.read().split())
    assert all(f"`{marker}`" in text for marker in tables.MISSING)


# Indices of pandas


def framed(arrow, frame, name="frame.parquet"):
    frame.to_parquet(name)
    return name


@pytest.mark.parametrize("names", [["key"], ["key", "other"], [None, "key"], [None]])
def test_index_of_a_frame_is_no_feature(folder, arrow, capsys, names):
    """It was one if it had a name, and often knows the answer."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": np.arange(40) % 7, "y": ["p", "q"] * 20})
    frame.index = pd.MultiIndex.from_arrays([np.arange(40) ** 2] * len(names), names=names)
    if len(names) == 1:
        frame.index = frame.index.get_level_values(0)
    setup = told(capsys, framed(arrow, frame))
    assert setup["layer_sizes"][0] == 1
    known = [name for name in names if name]
    notes = [note for note in setup["notes"] if "index" in note]
    assert [name in note for note in notes for name in known] == [True] * len(known)


def test_index_of_a_frame_can_be_named(folder, arrow, capsys):
    """As the target, to be dropped, and as a feature of a model to predict with."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": np.arange(40) % 7, "key": ["p", "q"] * 20})
    path = framed(arrow, frame.set_index("key"))
    assert "no column remains" in refused(capsys, "train", path, "--target", "a")
    assert told(capsys, path, "--target", "key")["classes"] == ["p", "q"]
    assert (
        main(
            [
                "train",
                framed(arrow, frame, "whole.parquet"),
                "--target",
                "key",
                "--save",
                "m.pl2",
                *QUICK,
            ]
        )
        == 0
    )
    capsys.readouterr()
    for name, table in (("1", frame), ("2", frame.set_index("a"))):
        assert main(["predict", "m.pl2", framed(arrow, table, name)]) == 0
    out = capsys.readouterr().out
    assert out[: len(out) // 2] == out[len(out) // 2 :]
    frame = frame.assign(b=1.5)
    path = framed(arrow, frame.set_index("b"))
    assert told(capsys, path, "--target", "key", "--drop", "b")["layer_sizes"][0] == 1


def test_frames_of_others_have_no_index(folder, arrow, capsys):
    """Arrow and polars write no metadata of pandas; a range is not in the file."""
    pd = pytest.importorskip("pandas")
    assert told(capsys, parquet(arrow))["layer_sizes"][0] == 2
    frame = pd.DataFrame({"a": np.arange(40) % 7, "b": 1.5, "y": ["p", "q"] * 20})
    frame.index = pd.RangeIndex(5, 45, name="key")
    assert told(capsys, framed(arrow, frame))["layer_sizes"][0] == 2


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"3",
        b"null",
        b"{}",
        b'{"index_columns": null}',
        b'{"index_columns": "a"}',
        b'{"index_columns": {"a": 1}}',
        b'{"index_columns": [3, null, ["a"], {"kind": "range"}, "nowhere"]}',
        b"[" * 10_000,
    ],
)
def test_malformed_metadata_of_pandas(folder, arrow, capsys, metadata):
    from pyarrow import parquet as pq

    table = pq.read_table(parquet(arrow)).replace_schema_metadata({b"pandas": metadata})
    pq.write_table(table, "m.parquet")
    assert told(capsys, "m.parquet")["layer_sizes"][0] == 2


# Advice that works


def test_cells_that_are_not_as_in_training(folder, capsys):
    """Missing ones are filled in; text is an error without advice that predict cannot take."""
    write("a,b,y\n" + "".join(f"{r % 7},{r % 5},{r % 2}\n" for r in range(40)))
    assert main(["train", "data.csv", "--save", "m.pl2", *QUICK]) == 0
    capsys.readouterr()
    line = refused(capsys, "predict", "m.pl2", write("a,b\n1,0\nx,0\nz,1\n"))
    assert "not as in training: 'a' (2 cells, first row 2: 'x')" in line
    assert "--drop" not in line
    for gaps in ("a,b\n,0\n", "a,b\nNA,0\n", "a,b\nnan,0\n", "b,a\n0,?\n"):
        assert main(["predict", "m.pl2", write(gaps)]) == 0


def test_advice_can_be_followed(folder, arrow, capsys):
    """Names that a shell or a CSV reader would take for something else."""
    y = ["p", "q"] * 20
    bad = [[1]] * 40
    path = parquet(arrow, **{" b'\"": bad, "c,d": bad, " e ": bad, "y": y})
    line = refused(capsys, "train", path)
    advice = line.split("columns out with ")[1]
    assert told(capsys, path, *shlex.split(advice))["layer_sizes"][0] == 2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_header_that_ends_with_a_comma(folder, capsys, end):
    """Its last name is none where no row has a cell for it; else it is a column."""
    assert told(capsys, write(end.join(["a,y,", *["3,0", "2,1"] * 20])))["layer_sizes"] == [1, 4, 2]
    path = write(end.join(["a,y,", *["3,0,7", "2,1,6"] * 20]))
    assert "--keep 'column 3'" in told(capsys, path)["notes"][0]
    assert told(capsys, path)["layer_sizes"] == [1, 4, 2]
    assert told(capsys, path, "--keep", "column 3")["layer_sizes"] == [2, 4, 2]
    path = write(end.join(["a,y,", *["3,0", "2,1,7"] * 20]))
    assert "row 2 has 3 values, the header 2 names" in refused(capsys, "train", path)


def test_other_archives_are_named(folder, capsys):
    with zipfile.ZipFile("data.csv.zip", "w") as archive:
        archive.writestr("data.csv", numbers())
        archive.writestr("more.csv", numbers())
    line = refused(capsys, "train", "data.csv.zip")
    assert "a zip archive of 'data.csv', 'more.csv': it must hold one table" in line
    assert "--target" not in line
    with zipfile.ZipFile("data.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("xl/workbook.xml", "")
    assert "Excel" in refused(capsys, "train", "data.xlsx")


def test_names_with_blanks_around_them(folder, arrow, capsys):
    path = write("a, y ,b\n" + "1,2,3\n3,4,5\n" * 9)
    for name in ("y", "y ", " y"):
        assert told(capsys, path, "--target", name, "--drop", " b ")["target"] == "y"
    columns = {"z ": ["p", "q"] * 20, "a ": range(40), "a": range(40)}
    path = parquet(arrow, **columns)
    for name in ("z", "z ", " z "):
        setup = told(capsys, path, "--target", name, "--drop", "y,b,a")
        assert (setup["target"], setup["layer_sizes"][0]) == ("z ", 1)


def test_columns_of_one_name_can_be_dropped(folder, arrow, capsys):
    from pyarrow import parquet as pq

    path = write("a,a,b,y\n" + "1,x,2,0\n3,4,5,1\n" * 9)
    line = refused(capsys, "train", path)
    assert "same name: 'a'; rename them or leave them out with --drop a" in line
    assert told(capsys, path, "--drop", "a")["layer_sizes"][0] == 1
    table = pq.read_table(parquet(arrow))
    pq.write_table(table.append_column("a", table["a"]), "twice.parquet")
    assert told(capsys, "twice.parquet", "--drop", "a")["layer_sizes"][0] == 1
    assert "rename them\n" in refused(capsys, "train", path, "--target", "a", "--drop", "y")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("train", "--hiden", "4"), ("did you mean --hidden?", "(see pyl2 train --help)")),
        (("train", "--hiden=4"), ("did you mean --hidden?",)),
        (("compare", "--evaluation"), ("--evaluations",)),
        (("predict", "m", "f", "--drop", "a"), ("--drop", "(see pyl2 predict --help)")),
        (("train", "a.csv", "b.csv"), ("b.csv (see pyl2 train --help)",)),
        (
            ("train", "--activation", "rleu"),
            ("argument --activation: 'rleu' is not one of", "relu"),
        ),
        (("train", "--activation", "relu,,tanh"), ("--activation",)),
        (("train", "--activation", "tanh,relu,tanh"), ("--activation names 3, for 2 layers",)),
        (("train", "--hidden", "9" * 30), ("argument --hidden",)),
        (("convert", "1", "sklaern", "ridge"), ("argument FROM: 'sklaern'", "sklearn")),
        (("convert", "1", "ridge", "l1,train"), ("argument TO: 'l1,train'",)),
        (("train", "--missing", "NA"), ("--missing goes with a FILE",)),
        (("train", "--drop-missing-target"), ("--drop-missing-target goes with a FILE",)),
    ],
)
def test_errors_speak_of_what_was_typed(folder, capsys, argv, words):
    line = refused(capsys, *argv)
    for word in words:
        assert word in line
    assert "hidden must" not in line


def test_the_help_names_the_activations_and_losses():
    from pyl2 import _core
    from pyl2._common import outputs

    assert set(ACTIVATIONS) == set(_core.ACTIVATIONS)
    assert {*LOSSES, "log_loss"} == set(outputs.LOSSES)


def test_help_keeps_capital_letters(capsys):
    for command in ("train", "path", "compare", "predict", "convert"):
        assert main([command, "--help"]) == 0
        assert " l2 " not in capsys.readouterr().out.split("positional")[0].split("\n\n", 1)[1]


# Files that may not be what they seem


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
def test_row_numbers_are_no_feature(folder, capsys, kind, first):
    rng = np.random.default_rng(0)
    ids = (rng.permutation(40) + first).tolist()
    path = saved(kind, Id=ids)
    setup = told(capsys, path)
    assert setup["notes"] == ["left out as ids: 'Id'; if features: --keep Id"]
    assert setup["columns"]["Id"] == "left out: it numbers the rows"
    assert setup["layer_sizes"][0] == 2
    assert main(["train", path, "--epochs", "3"]) == 0
    assert "--keep Id" in capsys.readouterr().out
    assert main(["train", path, *QUICK]) == 0
    assert "--keep Id" not in capsys.readouterr().out
    assert told(capsys, path, "--keep", "Id")["layer_sizes"][0] == 3
    assert told(capsys, path, "--drop", "Id")["notes"] == []
    assert told(capsys, path, "--target", "Id")["notes"] == []
    assert told(capsys, saved(kind, Id=[7, *ids[1:]]))["notes"] == []


def test_first_line_that_may_be_a_row(folder, capsys):
    """Its row was lost without a word."""
    path = write("1.5,2.5,y\n" + "3.5,4.5,n\n5.5,6.5,y\n" * 20)
    (note,) = told(capsys, path)["notes"]
    assert "the first line is taken for a header, but 'y' is also a value" in note


# Reports


class Page(HTMLParser):
    """What a page holds: its text, the elements, and whatever it would load."""

    def __init__(self, path):
        super().__init__()
        self.text, self.tags, self.links, self.pictures = "", [], [], []
        with open(path, encoding="utf-8") as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                kind, _, content = value.partition(";base64,")
                assert kind == "data:image/svg+xml"
                self.pictures.append(base64.b64decode(content).decode())

    def handle_data(self, data):
        self.text += data


def test_report_of_a_training(iris, capsys):
    os.rename("iris.csv", "<b>iris&.csv")
    argv = ["train", "<b>iris&.csv", *IRIS[1:], *QUICK, "--l2", "5"]
    assert main([*argv, "--report", "page.html"]) == 0
    assert capsys.readouterr().out.count("‖W‖") == 1
    page = Page("page.html")
    assert not {"script", "link", "b"}.intersection(page.tags)
    for word in ("<b>iris&.csv", __version__, "seed 0", "standardised", "‖W‖", "λ", "pyl2 train"):
        assert word in page.text
    assert all("<svg" in picture for picture in page.pictures)
    assert len(page.pictures) == 2
    assert [name for name in os.listdir() if "page" in name] == ["page.html"]


@pytest.mark.parametrize("options", [("--l2", "0"), ("--optimizer", "lbfgs"), ("--hidden", "none")])
def test_reports_of_other_trainings(folder, options):
    argv = ["train", "--l2", "5", *options, "--epochs", "3", "--quiet"]
    assert main([*argv, "--report", "page.html"]) == 0
    assert len(Page("page.html").pictures) == 2


def test_a_report_draws_rates_that_change(folder):
    argv = ["train", "--l2", "5", "--schedule", "one_cycle", "--epochs", "4", "--quiet"]
    assert main([*argv, "--l2-schedule", "cosine", "--report", "page.html"]) == 0
    page = Page("page.html")
    assert len(page.pictures) == 3
    assert "rates along the way" in page.text


def test_report_of_a_comparison(folder, capsys):
    argv = ["compare", "--dataset", "wine", *FEW, "--methods", "adam,lbfgs", "--json"]
    assert main([*argv, "--report", "page.html"]) == 0
    told = json.loads(capsys.readouterr().out)
    page = Page("page.html")
    (picture,) = page.pictures
    assert "<svg" in picture
    for row in told["results"]:
        assert f"{row['test_score']:.3f} ±{row['test_score_std']:.3f}" in page.text
    for word in ("Lowest E", "Best test accuracy", told["isa"]):
        assert word in page.text


# Scales


@pytest.mark.parametrize("command", ["train", "path", "compare"])
def test_unscaled_columns(folder, capsys, command):
    """They are standardised: there is nothing to warn of."""
    path = write(numbers(b=[1e6 + row % 7 for row in range(40)]))
    assert main([command, path, *(FEW if command == "compare" else QUICK)]) == 0
    assert not capsys.readouterr().err


# The path over λ

PATH = ("path", *QUICK, "--l2", "0,0.1:1000:3")


def test_path_shows_what_the_penalty_does(capsys):
    assert main(["path", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = told["results"]
    assert [row["l2"] for row in rows[:4]] == [0, 0.01, 0.0316227766017, 0.1]
    assert rows[-1]["l2"] == 1000
    for name in ("train_score", "norm", "slope"):
        values = [row[name] for row in rows]
        assert values[:10] == sorted(values[:10], reverse=True)
    assert rows[-1]["train_score"] == pytest.approx(0, abs=1e-3)
    best = told["choices"]["best"]
    assert rows[best]["test_score"] == max(row["test_score"] for row in rows)
    assert rows[best]["test_score"] > rows[0]["test_score"] + 0.1
    assert told["fold_scores"] is None


def test_path_is_readable(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["path", "--epochs", "3", "--l2", "1,0.5,1e3"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, map(str.rstrip, out.splitlines()))) <= 80
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines if line[:1] in (["0.5"], ["1"], ["1000"])]
    assert sum(line[-1:] == ["best"] for line in lines) == 1
    for word in ("λ", "E₀", "R²", "‖W‖", "slope", "rated", "even", "--cv", "n = train"):
        assert word in out


def test_path_meets_the_trainings_of_train(capsys):
    options = ("--optimizer", "momentum", "--decay", "decoupled", "--eta", "0.01", *QUICK)
    assert main(["path", "--l2", "0,5", "--json", *options]) == 0
    rows = json.loads(capsys.readouterr().out)["results"]
    for row, result in zip(rows, told(capsys, *options)["results"], strict=True):
        assert row["l2"] == result["l2"]
        assert row["test_score"] == pytest.approx(result["test_score"], rel=1e-9)
        assert row["norm"] == pytest.approx(result["weight_norm"], rel=1e-9)


def test_folds_of_one_row_are_refused_before_anything_is_trained(folder, capsys, monkeypatch):
    """R² of one row was 0, and the largest λ the choice; the advice is followed."""
    rows = np.random.default_rng(0).normal(size=(24, 3))
    text = "\n".join(",".join(map(str, row)) for row in [["a", "b", "y"], *rows.tolist()])
    (folder / "rows.csv").write_text(text, "utf-8")
    argv = ["path", "rows.csv", "--l2", "0.01:100:3", *QUICK]
    with monkeypatch.context() as patched:
        patched.setattr("pyl2.l2_path", lambda *_, **__: pytest.fail("trained"), raising=False)
        assert main([*argv, "--cv", "18"]) == main([*argv, "--cv", "10"]) == 2
        for line in capsys.readouterr().err.splitlines():
            assert "folds of one row, which has no R²: at most --cv 9 for 18 training rows" in line
    assert main([*argv, "--cv", "9", "--json"]) == 0
    assert np.isfinite(json.loads(capsys.readouterr().out)["fold_scores"]).all()


def test_choice_by_folds(iris, capsys):
    """Against scikit-learn's folds and the definition of the rules, fold by fold."""
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    from pyl2 import Network

    argv = ["path", *IRIS, "--l2", "0.1:100:7", "--cv", "4", "--rule", "1se", "--epochs", "30"]
    assert main([*argv, "--hidden", "4", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    X, _, y, _ = train_test_split(
        iris.data, iris.target, stratify=iris.target, random_state=0, test_size=0.25
    )
    expected = []
    for row in told["results"]:
        scores = []
        for train, test in StratifiedKFold(4).split(X, y):
            scaler = StandardScaler().fit(X[train])  # of the fold, not of the training set
            network = Network((4, 4, 3), output="softmax", seed=0)
            Backprop(network, "adam", l2=row["l2"], n="train", seed=0).train(
                scaler.transform(X[train]), y[train], epochs=30
            )
            scores.append(
                (network.predict(scaler.transform(X[test])).argmax(axis=1) == y[test]).mean()
            )
        expected.append(scores)
    np.testing.assert_allclose(told["fold_scores"], expected)
    mean = np.mean(expected, axis=1)
    best = max(range(7), key=lambda place: (mean[place], place))
    error = np.std(expected[best], ddof=1) / 2
    largest = max(place for place in range(7) if mean[place] >= mean[best] - error)
    assert told["choices"] == {"1se": largest, "min": best}
    assert next(iter(told["choices"])) == "1se"
    assert main([*argv, "--hidden", "4", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "by 4-fold cross-validation, the largest λ within one standard" in out
    marked = [line for line in out.splitlines() if line.endswith(("best mean", "standard error"))]
    assert len(marked) == len({largest, best})


def test_figure_of_a_path(folder, capsys):
    assert main([*PATH, "--output", "path.png"]) == 0
    assert os.path.getsize("path.png") > 10_000
    assert "saved path.png" not in capsys.readouterr().out  # --quiet


@pytest.mark.parametrize(
    ("columns", "pictures"),
    [
        ({}, ["Scores", "Weights", "Saturated units"]),
        ({"drop": "b"}, ["Scores", "Weights", "Saturated units", "Fits"]),
        ({"y": ["p", "q"] * 20}, ["Scores", "Weights", "Saturated units", "Boundaries"]),
        ({"y": ["p", "q"] * 20, "drop": "b"}, ["Scores", "Weights", "Saturated units"]),
    ],
)
def test_report_of_a_path(folder, columns, pictures):
    drop = columns.pop("drop", "")
    argv = [*PATH, write(numbers(**columns)), *(["--drop", drop] if drop else [])]
    assert main([*argv, "--report", "page.html", "--cv", "2"]) == 0
    page = Page("page.html")
    assert len(page.pictures) == len(pictures)
    for heading in ("The path over λ", *pictures, "2-fold cross-validation"):
        assert heading in page.text


def test_evidence_of_a_path(folder, capsys):
    argv = ["path", "--evidence", "--optimizer", "lbfgs", "--hidden", "4", "--l2", "0,1,10,100"]
    assert main([*argv, "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = [row["log_evidence"] for row in told["results"]]
    assert told["evidence"] is True
    assert told["choices"]["evidence"] == 1 + int(np.argmax(found[1:]))
    assert main([*argv, "--epochs", "3", "--report", "page.html", "--output", "path.png"]) == 0
    out = capsys.readouterr().out
    for words in ("evidence", "γ", "Greatest log evidence: λ = ", "which was not reached"):
        assert words in out
    assert "Evidence" in Page("page.html").text
    assert main(["path", write(numbers(y=["p", "q"] * 20)), *argv[1:], "--epochs", "9"]) == 0
    assert "For classes the evidence favours too small" in capsys.readouterr().out


def test_path_without_hidden_layers(folder, capsys):
    assert main([*PATH, "--hidden", "none", "--report", "page.html"]) == 0
    assert "rated" not in capsys.readouterr().out
    assert len(Page("page.html").pictures) == 2


def test_path_tells_of_divergence(capsys):
    argv = ["path", *QUICK, "--optimizer", "momentum", "--decay", "l2"]
    assert main([*argv, "--l2", "0,1e9", "--epochs", "200"]) == 0
    assert "Diverged, for which a smaller --eta may help: λ = 1e+09." in capsys.readouterr().out
    line = refused(capsys, *argv, "--eta", "1e100", "--l2", "0,1")
    assert "diverged at every λ" in line


def test_path_out_of_time(capsys):
    assert main([*PATH, "--max-time", "1e-9"]) == 0
    assert "Out of time: λ = 0, 0.1, 10, 1000." in capsys.readouterr().out


# Conversion


def test_conversion(capsys):
    assert main(["convert", "0.01", "sklearn", "torch_sgd", "--batch-size", "32"]) == 0
    value, meaning = capsys.readouterr().out.splitlines()
    assert value == "0.0003125"
    assert "weight_decay of PyTorch's SGD" in meaning
    assert "biases decay unless" in meaning


def test_conversion_takes_our_own_pairs_and_every_setting(capsys):
    settings = "--eta 0.5 --batch-size 10 --n-items 50000 --noise-variance 2 --outputs 3"
    rest = ["--loss", "mse", "--optimizer", "sgd", "--json"]
    assert main(["convert", "5", "l2,train", "fraction,1", *settings.split(), *rest]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.pop("meaning").startswith("l2 of Backprop with decay='fraction'")
    assert told == {
        "from": ["l2", "train"],
        "value": 5,
        "to": ["fraction", 1],
        "result": 5e-5,
        "eta": 0.5,
        "batch_size": 10,
        "n_items": 50000,
        "noise_variance": 2,
        "outputs": 3,
        "loss": "mse",
        "optimizer": "sgd",
    }


def test_no_penalty_is_an_infinite_number(capsys):
    assert main(["convert", "0", "nielsen", "logistic_regression"]) == 0
    assert capsys.readouterr().out.startswith("inf\n")
    assert main(["convert", "inf", "logistic_regression", "nielsen", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["value"], told["result"]) == (None, 0)


def test_conversion_says_what_is_missing(capsys):
    line = refused(capsys, "convert", "0.01", "sklearn", "torch_sgd")
    assert "needs batch_size" in line


def test_help_names_the_tools_that_can_be_converted():
    assert TOOLS.split(", ") == list(convert.TOOLS)


# Malformed bytes


def survives(capsys, *argv):
    """Whatever the bytes: it works, or says why not in a line."""
    code = main(argv)
    err = capsys.readouterr().err
    assert code in (0, 2)
    assert code == 0 or (err.count("\n") == 1 and err.startswith("pyl2: error: "))


def damaged(rng, content):
    """Return content with some bytes changed, or cut, or with a piece of it twice."""
    found = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        found[rng.integers(len(found))] = rng.integers(256)
    start, stop = np.sort(rng.integers(len(found), size=2))
    match rng.integers(4):
        case 0:
            return bytes(found[:start])
        case 1:
            return bytes(found[:stop] + found[start:])
        case _:
            return bytes(found)


def test_random_bytes(folder, capsys):
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b'0123456789.,;\t\n\r" -+einfaxy\x00\xc3\xa9', np.uint8)
    for trial in range(300):
        size = rng.integers(1, 200)
        noise = rng.bytes(size) if trial % 3 else b"a,y\n" + rng.choice(letters, size).tobytes()
        write(noise, "noise")
        survives(capsys, "train", "noise", *QUICK)
        survives(capsys, "predict", "noise", "noise")
        for magic in (b"PK\x03\x04", b"PAR1"):
            write(magic + noise, "noise")
            survives(capsys, "train", "noise", *QUICK)


def test_damaged_tables(folder, capsys):
    rng = np.random.default_rng(1)
    np.savez("data.npz", a=np.arange(40.0), y=np.arange(40) % 2)
    np.savez_compressed("small.npz", X=np.ones((40, 2)), y=np.arange(40) % 2)
    write(numbers(y=["yes", "no"] * 20))
    names = ["data.npz", "small.npz", "data.csv"]
    if find_spec("pyarrow"):
        names.append(parquet(importlib.import_module("pyarrow"), y=["yes", "no"] * 20))
    for name in names:
        with open(name, "rb") as file:
            content = file.read()
        for _ in range(100):
            write(damaged(rng, content), "noise")
            survives(capsys, "train", "noise", *QUICK)


def test_damaged_model_bytes(model, capsys):
    rng = np.random.default_rng(2)
    with open(model, "rb") as file:
        content = file.read()
    for _ in range(300):
        write(damaged(rng, content), "noise")
        survives(capsys, "predict", "noise", "iris.csv")


# As a process of its own


def test_help_and_version():
    for argv, words in ((("--help",), "predict"), (("--version",), __version__)):
        done = subprocess.run([*COMMAND, *argv], capture_output=True, text=True, check=True)
        assert words in done.stdout
        assert not done.stderr


def test_help_loads_nothing_heavy():
    code = "import sys, pyl2.__main__ as m; m._parser(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_terminal_without_greek():
    done = subprocess.run(
        [*COMMAND, "train", "--l2", "5", "--epochs", "2"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert b"items/s" in done.stdout
    assert done.stderr == b""  # no bar where there is no terminal


def test_error_of_a_process():
    done = subprocess.run([*COMMAND, "train", "nope.csv"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pyl2: error: nope.csv: No such file or directory\n"


def test_interrupt_of_a_training(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Backprop, "train", interrupted)
    assert main(["train", "--l2", "5", "--quiet"]) == 130
    assert capsys.readouterr() == ("", "pyl2: interrupted\n")


@pytest.mark.parametrize(("calls", "words"), [(2, "Interrupted: λ = 0, 1."), (5, "best")])
def test_interrupt_of_a_path(monkeypatch, capsys, calls, words):
    """In its third epoch, and among the folds after it."""
    whole = _Group._call
    left = itertools.count(calls, -1)

    def call(*args):
        if next(left) == 0:
            raise KeyboardInterrupt
        return whole(*args)

    monkeypatch.setattr(_Group, "_call", call)
    assert main(["path", *QUICK, "--l2", "0,1", "--cv", "2"]) == 130
    out, err = capsys.readouterr()
    assert words in out
    assert "cross-validation" not in out
    assert err == "pyl2: interrupted\n"


def test_interrupt_before_the_first_epoch(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_Group, "_call", interrupted)
    assert main(["path", *QUICK]) == 130
    assert capsys.readouterr() == ("", "pyl2: interrupted\n")


@pytest.mark.parametrize("command", ["path", "compare"])
def test_interrupt_of_a_drawing(folder, monkeypatch, command):
    """Matplotlib leaves what it has drawn so far; we leave no file."""

    def interrupted(_, path, **__):
        with nullcontext(path) if isinstance(path, io.BytesIO) else open(path, "wb") as file:
            file.write(b"<svg>")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", interrupted)
    options = QUICK if command == "path" else FEW
    assert main([command, *options, "--output", "figure.svg"]) == 130
    assert not os.listdir()


@pytest.mark.usefixtures("ctrl_c")
def test_interrupt_in_a_converter(folder, monkeypatch, capsys):
    """Matplotlib drops it, and calls the matrix invalid."""
    convert, calls = AffineBase.__array__, itertools.count(1)

    def interrupted(self, *args, **keywords):
        if next(calls) == 9:
            signal.raise_signal(signal.SIGINT)
        return convert(self, *args, **keywords)

    monkeypatch.setattr(AffineBase, "__array__", interrupted)
    assert main(["path", *QUICK, "--output", "figure.svg"]) == 130
    assert next(calls) > 9
    assert capsys.readouterr().err == "pyl2: interrupted\n"
    assert not os.listdir()


@pytest.mark.usefixtures("ctrl_c")
def test_interrupt_that_is_lost(folder, monkeypatch):
    """As in a callback of the garbage collector: what was under way is done, then it ends."""

    def lost(*_):
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(report, "print_table", lost)
    assert main(["train", "--dataset", "iris", *QUICK]) == 130


@pytest.mark.usefixtures("ctrl_c")
def test_interrupt_of_reading(folder, monkeypatch, capsys):
    """Among the rows, where it must not be taken for an error in the table."""
    read = csv.reader

    def interrupted(*args, **keywords):
        for number, cells in enumerate(read(*args, **keywords)):
            if number == 9:
                signal.raise_signal(signal.SIGINT)
            yield cells

    monkeypatch.setattr(tables.csv, "reader", interrupted)
    assert main(["train", write(numbers())]) == 130
    assert capsys.readouterr() == ("", "pyl2: interrupted\n")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c():
    """In the middle of a training, as its bar tells, of which nothing is left."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "train", "--l2", "5", "--epochs", "1000000000"],
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        err = os.read(ours, 1000).decode()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        with suppress(OSError):  # Linux's way to say that the other end is closed
            while piece := os.read(ours, 1000).decode():
                err += piece
        os.close(ours)
    assert (process.returncode, out) == (130, b"")
    assert re.match(r"\repoch \d+/1000000000 · E 0\.\d+ · \d+ h left", err)
    assert err.rpartition("\r ")[2].strip() == "pyl2: interrupted"
    assert "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_reader_that_has_seen_enough(model):
    with subprocess.Popen(
        [*COMMAND, "predict", model, "iris.csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


# Streams that are closed, full, or no longer read


STREAMS = [
    ("train", "--dataset", "iris", "--epochs", "2", "--hidden", "4"),
    ("path", "--dataset", "iris", "--epochs", "2", "--hidden", "4", "--l2", "1"),
    ("compare", "--dataset", "iris", "--evaluations", "50", "--seeds", "1", "--methods", "sgd"),
    ("predict", "model.pl2", "iris.csv"),
    ("convert", "1", "ridge", "nielsen"),
    ("train", "--help"),
    ("--version",),
]


def shell(argv, redirection, unbuffered=""):
    """Run a command with its streams redirected; return the code, and what it said."""
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join([*COMMAND, *argv])} {redirection}"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="streams of Linux")
@pytest.mark.parametrize("argv", STREAMS, ids=lambda argv: argv[0])
def test_output_that_cannot_be_written(model, argv):
    """It ended with a traceback, with 120, or with 0."""
    full = (">/dev/full", "No space left")
    for (redirection, why), unbuffered in (
        ((">&-", "Bad file descriptor"), ""),
        (full, ""),
        (full, "1"),
    ):
        code, out, err = shell(argv, redirection, unbuffered)
        assert (code, out) == (2, "")
        assert err.splitlines()[-1].startswith(f"pyl2: error: standard output: {why}")
        assert "Traceback" not in err
        assert "Exception" not in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="streams of Linux")
@pytest.mark.parametrize("argv", STREAMS, ids=lambda argv: argv[0])
def test_errors_that_cannot_be_told(model, argv):
    """All else goes on; nothing of it goes into the output."""
    argv = [*argv, *(["--quiet"] if argv[0] in ("train", "path", "compare") else [])]
    good = shell(argv, "2>&1")
    assert good[0] == 0
    for redirection in ("2>&- <&-", "2>/dev/full"):
        code, out, err = shell(argv, redirection)
        assert (code, err) == (0, "")
        assert len(out.splitlines()) == len(good[1].splitlines())
    assert shell(argv, ">&- 2>&- <&-") == (2, "", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="streams of Linux")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_an_error_that_cannot_be_told(redirection):
    assert shell(["train", "nope.csv"], redirection) == (2, "", "")


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("argv", STREAMS, ids=lambda argv: argv[0])
def test_every_command_may_lose_its_reader(model, argv):
    """The exit code was 1."""
    with subprocess.Popen(
        [*COMMAND, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 141
    assert "Traceback" not in err
    assert "Exception" not in err


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_files_are_written_without_an_output(model):
    """A closed standard output is no matter where nothing goes there."""
    argv = ("predict", model, "iris.csv", "--output", "out.csv")
    assert shell(argv, ">&- 2>&- <&-") == (0, "", "")
    assert os.path.getsize("out.csv") > 100


@pytest.mark.parametrize("module", ["argparse", "pyl2.cli", "pyl2.cli.data", "numpy", "sklearn"])
def test_interrupt_while_importing(module):
    code = f"""if True:
        import sys
        class Interrupted:
            @staticmethod
            def find_spec(name, *_):
                if name == {module!r}:
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Interrupted)
        from pyl2.__main__ import main
        sys.exit(main(["train", "--quiet"]))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "pyl2: interrupted\n")
