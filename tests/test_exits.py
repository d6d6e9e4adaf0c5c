"""Out to ONNX, PyTorch, C and scikit-learn: each predicts as the network does."""

import csv
import ctypes
import io
import itertools
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pyl2
from pyl2 import Network
from pyl2.__main__ import main
from pyl2._common.outputs import OUTPUTS
from pyl2._core import ACTIVATIONS
from pyl2.cli.export import _scaling
from pyl2.estimators import register_skl2onnx
from pyl2.export import c as c_export
from pyl2.export.functions import FUNCTIONS
from pyl2.export.onnx import labels

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:the alpha chosen:UserWarning"),
]
ONNX = pytest.mark.skipif(not find_spec("onnxruntime"), reason="no onnxruntime")
TORCH = pytest.mark.skipif(not find_spec("torch"), reason="no PyTorch")
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
STRICT = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic"]

RNG = np.random.default_rng(0)
# Ordinary rows, and such as overflow what is written carelessly.
X = np.vstack([RNG.normal(size=(20, 3)), [[0, 0, 0], [300, -300, 5], [-300, 300, -5]]])
SIZES = {"none": (3, 2), "one": (3, 4, 1), "two": (3, 5, 4, 2)}
CLOSE = {"float32": 3e-6, "float64": 1e-13}
CASES = [
    (kind, hidden, output, dtype)
    for kind, hidden, output, dtype in itertools.product(SIZES, ACTIVATIONS, OUTPUTS, CLOSE)
    if not (output == "softmax" and kind == "one")
]


def network(kind, hidden, output, dtype):
    found = Network(SIZES[kind], hidden, output, dtype, seed=1)
    if output == "exp":  # else numbers of 1e100, and no digits of them
        found.weights[-1][...] *= 0.02
    return found


def rows(dtype, hidden):
    """Rows that both sides can take; unbounded activations keep the digits of moderate ones."""
    return (X if hidden in ("logistic", "tanh") else X[:20]).astype(dtype)


def same(found, expected, dtype):
    """Equal to the rounding of the type, for the size of the numbers."""
    size = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE[np.dtype(dtype).name] * size)


def test_every_function_has_a_row():
    assert set(FUNCTIONS) == {*ACTIVATIONS, *OUTPUTS}


def run_onnx(model, X):
    """The outputs by their names."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    assert [entry.name for entry in session.get_inputs()] == ["X"]
    names = [entry.name for entry in session.get_outputs()]
    return dict(zip(names, session.run(None, {"X": X}), strict=True))


@ONNX
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_onnx(hidden, dtype):
    if (hidden, dtype) == ("gelu", "float64"):
        pytest.skip("onnxruntime has Erf in float32 alone")
    for case in (case for case in CASES if (case[1], case[3]) == (hidden, dtype)):
        net, own = network(*case), rows(dtype, hidden)
        found = run_onnx(net.to_onnx(), own)["Y"]
        assert found.dtype == net.dtype
        same(found, net.predict(own), dtype)


@ONNX
def test_onnx_file(tmp_path):
    import onnx

    net = Network((3, 2), output="softmax", seed=0)
    assert net.to_onnx(tmp_path / "net.onnx") is None
    read = onnx.load(tmp_path / "net.onnx")
    assert read == net.to_onnx()
    assert [(one.domain, one.version) for one in read.opset_import] == [("", 13)]


@TORCH
@pytest.mark.torch
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_torch(hidden, dtype):
    import torch

    for case in (case for case in CASES if (case[1], case[3]) == (hidden, dtype)):
        net, own = network(*case), rows(dtype, hidden)
        module = net.to_torch()
        found = module(torch.from_numpy(own)).detach().numpy()
        assert found.dtype == net.dtype
        same(found, net.predict(own), dtype)
        again = Network.from_torch(module)
        assert (again.layer_sizes, again.hidden, again.output) == (
            net.layer_sizes,
            net.hidden,
            net.output,
        )
        np.testing.assert_array_equal(again.params, net.params)
        module[0].weight.data.zero_()  # nothing is shared
        assert np.abs(net.weights[0]).min() > 0
        assert np.abs(again.weights[0]).min() > 0


@TORCH
@pytest.mark.torch
def test_torch_modules_as_people_write_them():
    import torch
    from torch import nn

    inner = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5))
    module = nn.Sequential(inner, nn.Linear(4, 4, bias=False), nn.Linear(4, 2), nn.Softmax(1))
    found = Network.from_torch(module.eval())
    assert (found.hidden, found.output) == (("relu", "identity"), "softmax")
    assert (found.biases[1] == 0).all()
    own = X[:20].astype(np.float32)
    same(found.predict(own), module(torch.from_numpy(own)).detach().numpy(), "float32")
    assert Network.from_torch(nn.Linear(3, 1)).layer_sizes == (3, 1)
    for bad, words in {
        nn.Sequential(nn.Conv1d(1, 1, 1)): "Conv1d",
        nn.Sequential(nn.Linear(3, 2), nn.Softsign(), nn.Linear(2, 1)): "Softsign",
        nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Tanh()): "Tanh must follow",
        nn.Sequential(nn.Linear(3, 2), nn.Tanh()): "last layer",
        nn.Sequential(nn.Linear(3, 2), nn.Softmax(0)): "Softmax",
        nn.Sequential(nn.Linear(3, 2), nn.Softmax(1), nn.Linear(2, 1)): "only in the last layer",
        nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(3, 1)): "cannot follow",
        nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1).double()): "one type",
        nn.Sequential(nn.Linear(3, 2).half()): "float32 or float64",
        nn.Sequential(): "no Linear",
    }.items():
        with pytest.raises(ValueError, match=words):
            Network.from_torch(bad)
    with pytest.raises(TypeError, match="Module"):
        Network.from_torch({"0.weight": 1})


@pytest.fixture(scope="module", params=COMPILERS)
def library(request, tmp_path_factory):
    """Compile headers by their names, and what calls them; return the functions."""

    def compiled(headers, extra=""):
        folder = tmp_path_factory.mktemp("c")
        lines = []
        for name, text in headers.items():
            (folder / f"{name}.h").write_text(text)
            real = "float" if "const float" in text else "double"
            lines.append(f'#include "{name}.h"')
            lines.append(f"void {name}_run(const {real} *x, {real} *y);")
            lines.append(f"void {name}_run(const {real} *x, {real} *y) {{ {name}_predict(x, y); }}")
        (folder / "all.c").write_text("\n".join([*lines, extra, ""]))
        made = folder / "all.so"
        subprocess.run(
            [request.param, *STRICT, "-shared", "-fPIC", folder / "all.c", "-o", made, "-lm"],
            check=True,
        )
        return ctypes.CDLL(str(made))

    return compiled


def run_c(function, X, *outputs):
    """Call for each row; return what was set."""
    found = [np.empty((len(X), size), X.dtype) for size in outputs]
    for i in range(len(X)):
        row = np.ascontiguousarray(X[i])
        function(*(ctypes.c_void_p(part.ctypes.data) for part in (row, *(one[i] for one in found))))
    return found


def test_c(library):
    headers, nets = {}, {}
    for number, case in enumerate(CASES):
        nets[f"n{number}"] = network(*case)
        headers[f"n{number}"] = nets[f"n{number}"].to_c(name=f"n{number}")
    made = library(headers)
    for (name, net), case in zip(nets.items(), CASES, strict=True):
        own = rows(net.dtype, case[1])
        (found,) = run_c(made[f"{name}_run"], own, net.layer_sizes[-1])
        same(found, net.predict(own), net.dtype)


def test_c_of_layers_with_their_own_activations(library):
    net = Network((3, 4, 5, 4, 2), ["relu", "tanh", "relu"], seed=0)
    made = library({"mixed": net.to_c(name="mixed")})
    same(run_c(made.mixed_run, X, 2)[0], net.predict(X), "float64")


def test_c_file_and_name(tmp_path):
    net = Network((3, 1), seed=0)
    assert net.to_c(tmp_path / "2 flowers.v1.h") is None
    assert "model_2_flowers_predict" in (tmp_path / "2 flowers.v1.h").read_text()
    assert "other_predict" in net.to_c(name="other")
    for name in ("", "2a", "a b", "ä", 3):
        with pytest.raises(ValueError, match="name"):
            net.to_c(name=name)
    net.params[0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        net.to_c()


# Estimators

Z = RNG.normal(size=(60, 3))
SCORES = Z @ RNG.normal(size=(3, 3))
FAST = {"hidden_layer_sizes": 4, "max_iter": 15, "random_state": 0, "solver": "lbfgs"}
ENSEMBLE = {"hidden_layer_sizes": 4, "max_iter": 15, "random_state": 0, "candidates": 3}
CV = {**FAST, "alphas": [0.1, 1.0], "cv": 2}
ESTIMATORS = {
    "two classes": (pyl2.MLPClassifier(**FAST), SCORES[:, 0] > 0),
    "text": (
        pyl2.MLPClassifier(**FAST),
        np.array(['b "?"??/\\', "ç", "a\n"])[SCORES.argmax(axis=1)],
    ),
    "objects": (
        pyl2.MLPClassifier(**FAST),
        np.array(["b", "c", "a"], object)[SCORES.argmax(axis=1)],
    ),
    "numbers of classes": (pyl2.MLPClassifier(**FAST), SCORES.argmax(axis=1) * 5 - 5),
    "labels": (pyl2.MLPClassifier(**FAST), (SCORES > 0).astype(int)),
    "a number": (pyl2.MLPRegressor(**FAST), SCORES[:, 0]),
    "numbers": (pyl2.MLPRegressor(**FAST), SCORES),
    "counts": (pyl2.MLPRegressor(loss="poisson", **FAST), np.abs(SCORES[:, 0]).round()),
    "classes by CV": (pyl2.MLPClassifierCV(**CV), SCORES.argmax(axis=1)),
    "number by CV": (pyl2.MLPRegressorCV(**CV), SCORES[:, 0]),
    "number by evidence": (pyl2.BayesianMLPRegressor(4, max_iter=30, random_state=0), SCORES),
    "ensemble of classes": (pyl2.MLPClassifierEnsemble(**ENSEMBLE), SCORES.argmax(axis=1)),
    "ensemble of two": (pyl2.MLPClassifierEnsemble(**ENSEMBLE), SCORES[:, 0] > 0),
    "ensemble of labels": (pyl2.MLPClassifierEnsemble(**ENSEMBLE), (SCORES > 0).astype(int)),
    "ensemble of a number": (pyl2.MLPRegressorEnsemble(**ENSEMBLE), 50 + 9 * SCORES[:, 0]),
    "ensemble of numbers": (pyl2.MLPRegressorEnsemble(**ENSEMBLE), 50 + 9 * SCORES),
}


def fitted(name, dtype=np.float64):
    model, y = ESTIMATORS[name]
    return clone(model).fit(Z.astype(dtype), y)


def labelled(model, found, own):
    """Whether labels and probabilities of ONNX are the estimator's."""
    wanted = model.predict(own)
    np.testing.assert_array_equal(found["label"], wanted * 1 if wanted.dtype == bool else wanted)
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(own), atol=3e-6)


@ONNX
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_onnx_of_estimators(name, dtype):
    model, own = fitted(name, dtype), Z.astype(dtype)
    found = run_onnx(model.to_onnx(), own)
    if "label" in found:
        labelled(model, found, own)
        return
    with_std = "ensemble" in name
    assert set(found) == {"variable", "std"} if with_std else {"variable"}
    expected = model.predict(own, return_std=True) if with_std else (model.predict(own),)
    for one, wanted in zip(found.values(), expected, strict=True):
        same(one.reshape(wanted.shape), wanted, dtype)


@ONNX
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_pipelines_through_skl2onnx(name):
    skl2onnx = pytest.importorskip("skl2onnx")
    from skl2onnx.common.data_types import DoubleTensorType

    register_skl2onnx()
    model, y = ESTIMATORS[name]
    pipeline = make_pipeline(StandardScaler(), clone(model)).fit(Z, y)
    options = {id(pipeline): {"zipmap": False}} if hasattr(pipeline, "predict_proba") else None
    made = skl2onnx.convert_sklearn(
        pipeline, initial_types=[("X", DoubleTensorType([None, 3]))], options=options
    )
    found = run_onnx(made, Z)
    if "label" in found:
        labelled(pipeline, found, Z)
    else:
        wanted = pipeline.predict(Z)
        same(found["variable"].reshape(wanted.shape), wanted, "float64")


def test_c_of_estimators(library):
    names = [name for name in ESTIMATORS if "objects" not in name]
    headers, lines, models = {}, [], {}
    for number, name in enumerate(names):
        own = f"e{number}"
        models[own] = name, fitted(name)
        headers[own] = models[own][1].to_c(name=own)
        if f"{own}_class(" in headers[own]:
            lines.append(f"long {own}_of(const double *x);")
            lines.append(f"long {own}_of(const double *x) {{ return {own}_class(x); }}")
            lines.append(f"const char *{own}_text(long i);")
            lines.append(f"const char *{own}_text(long i) {{ return {own}_classes[i]; }}")
        if f"{own}_predict_std" in headers[own]:
            arguments = "const double *x, double *y, double *std"
            lines.append(f"void {own}_both({arguments});")
            lines.append(f"void {own}_both({arguments}) {{ {own}_predict_std(x, y, std); }}")
    made = library(headers, "\n".join(lines))
    for own, (name, model) in models.items():
        if "std" in headers[own]:
            mean, std = model.predict(Z, return_std=True)
            outputs = 1 if mean.ndim == 1 else mean.shape[1]
            found = run_c(made[f"{own}_both"], Z, outputs, outputs)
            same(found[0].reshape(mean.shape), mean, "float64")
            same(found[1].reshape(mean.shape), std, "float64")
            continue
        wanted = getattr(model, "predict_proba", model.predict)(Z)
        wanted = wanted.reshape(len(Z), -1)
        if "class(" in headers[own] and len(model.classes_) == 2:
            wanted = wanted[:, 1:]
        same(run_c(made[f"{own}_run"], Z, wanted.shape[1])[0], wanted, "float64")
        if "class(" in headers[own]:
            of, text = made[f"{own}_of"], made[f"{own}_text"]
            of.restype, text.restype, text.argtypes = (
                ctypes.c_long,
                ctypes.c_char_p,
                [ctypes.c_long],
            )
            indices = [of(ctypes.c_void_p(row.ctypes.data)) for row in Z]
            np.testing.assert_array_equal(model.classes_[indices], model.predict(Z), err_msg=name)
            texts = [text(i).decode() for i in range(len(model.classes_))]
            assert texts == [str(one) for one in model.classes_.tolist()]


@TORCH
@pytest.mark.torch
@pytest.mark.parametrize(
    "name", ["text", "two classes", "counts", "number by CV", "number by evidence"]
)
def test_torch_of_estimators(name):
    import torch

    model = fitted(name)
    found = model.to_torch()(torch.from_numpy(Z)).detach().numpy()
    wanted = getattr(model, "predict_proba", model.predict)(Z).reshape(len(Z), -1)
    same(found, wanted[:, -found.shape[1] :], "float64")


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adamw"},
        {"solver": "pso"},
        {"alpha": [0.1, 0.2]},
        {"decay": "fraction", "solver": "sgd", "alpha": 1e-3},
        {"n": "train", "max_time": 5.0},
        {"warm_start": "full"},
        {"activation": ["tanh"]},
        {"callbacks": [lambda *_: None], "solver": "adam"},
        {"init": "he"},
    ],
    ids=",".join,
)
def test_sklearn_for_prediction_alone(parameters):
    model = pyl2.MLPClassifier(**{**FAST, **parameters}).fit(Z, SCORES.argmax(axis=1))
    with pytest.raises(ValueError, match="scikit-learn's MLPClassifier has no"):
        model.to_sklearn()
    theirs = model.to_sklearn(predict_only=True)
    assert type(theirs).__module__.startswith("sklearn.")
    np.testing.assert_allclose(theirs.predict_proba(Z), model.predict_proba(Z), atol=1e-14)
    np.testing.assert_array_equal(theirs.predict(Z), model.predict(Z))
    assert clone(theirs).fit(Z, SCORES.argmax(axis=1)).n_features_in_ == 3


def test_sklearn_has_one_activation():
    settings = {**FAST, "hidden_layer_sizes": (4, 3), "activation": ["tanh", "relu"]}
    model = pyl2.MLPRegressor(**settings).fit(Z, SCORES[:, 0])
    with pytest.raises(ValueError, match="no hidden layers of tanh, relu"):
        model.to_sklearn(predict_only=True)
    with pytest.raises(TypeError, match="predict_only"):
        model.to_sklearn(predict_only="yes")


def test_weights_as_they_are_now_are_exported():
    model = fitted("a number")
    model.coefs_[0][...] = 0.0
    assert model.to_c().count("0.0e+00") >= model.coefs_[0].size


@pytest.mark.parametrize("kind", [pyl2.MLPClassifier, pyl2.MLPRegressorEnsemble])
def test_what_is_not_fitted_is_not_exported(kind):
    for way in ("to_c", "to_onnx", "to_torch"):
        if hasattr(kind, way):
            with pytest.raises(NotFittedError):
                getattr(kind(), way)()


def test_missing_packages_are_named(monkeypatch):
    for name in ("onnx", "torch", "skl2onnx"):
        monkeypatch.setitem(sys.modules, name, None)
    net = Network((3, 1), seed=0)
    for call, words in {
        net.to_onnx: r"pyl2\[onnx\]",
        net.to_torch: r"pyl2\[torch\]",
        lambda: Network.from_torch(net): r"pyl2\[torch\]",
        register_skl2onnx: r"pyl2\[onnx\]",
    }.items():
        with pytest.raises(ImportError, match=words):
            call()


@pytest.mark.parametrize("classes", [[0.5, 1.0], [1e300, 0.0], [None, 1]])
def test_classes_that_onnx_cannot_hold(classes):
    with pytest.raises(ValueError, match="whole numbers or text"):
        labels(np.array(classes, object).tolist())


def test_numbers_read_back_as_they_were():
    values = RNG.normal(size=500) * 10.0 ** RNG.integers(-300, 300, 500)
    for dtype in (np.float32, np.float64):
        with np.errstate(over="ignore", under="ignore"):
            given = np.nan_to_num(values.astype(dtype))
        texts = c_export._numbers(given).replace("f", "").replace("\n", "").split(",")
        np.testing.assert_array_equal(np.array(texts, float).astype(dtype), given)


# The command line


@pytest.fixture(params=["classes", "two", "number", "ensemble"])
def saved(request, tmp_path, monkeypatch, capsys):
    """A model file, rows as a table, and what `pyl2 predict` says of these."""
    monkeypatch.chdir(tmp_path)
    data = load_iris()
    values = np.column_stack([data.data * [1, 100, 0.01, 1] + [0, 5000, 0, 0], data.target])
    values = values[data.target < 2] if request.param == "two" else values
    names = ["a", "b", "c", "d", "y"]
    with open("table.csv", "w", newline="") as file:
        csv.writer(file).writerows([names, *values.tolist()])
    argv = ["--epochs", "30", "--hidden", "4", "--quiet", "--save", "m.pyl2"]
    argv += ["--task", "regression"] if request.param in ("number", "ensemble") else []
    argv += ["--ensemble", "2"] if request.param == "ensemble" else []
    assert main(["train", "table.csv", *argv]) == 0
    capsys.readouterr()
    flag = {"ensemble": ["--std"], "number": []}.get(request.param, ["--proba"])
    assert main(["predict", "m.pyl2", "table.csv", *flag]) == 0
    _, *lines = csv.reader(io.StringIO(capsys.readouterr().out))
    labels = [line[0] for line in lines]
    numbers = np.array([line[1:] if flag == ["--proba"] else line for line in lines], float)
    return request.param, values[:, :4], labels, numbers


def exported(capsys, *argv):
    assert main(["export", "m.pyl2", *argv]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert "inputs, in this order: a, b, c, d\n" in out
    return out


def test_command_line_c(saved, capsys, library):
    kind, rows, _, numbers = saved
    exported(capsys, "--to", "c")
    with open("m.h") as file:
        text = file.read()
    extra = "void both(const double *x, double *y, double *s);\n"
    extra += "void both(const double *x, double *y, double *s) { m_predict_std(x, y, s); }"
    made = library({"m": text}, extra if kind == "ensemble" else "")
    if kind == "ensemble":
        found = np.hstack(run_c(made.both, rows, 1, 1))
    else:
        (found,) = run_c(made.m_run, rows, numbers.shape[1])
    np.testing.assert_allclose(found, numbers, rtol=1e-9, atol=1e-11)


@ONNX
def test_command_line_onnx(saved, capsys):
    import onnx

    kind, rows, labels, numbers = saved
    exported(capsys, "--to", "onnx", "--output", "other.onnx")
    found = run_onnx(onnx.load("other.onnx"), rows)
    if kind in ("classes", "two"):
        assert found["label"].tolist() == labels
        np.testing.assert_allclose(found["probabilities"], numbers, atol=1e-11)
    else:
        np.testing.assert_allclose(np.hstack(list(found.values())), numbers, rtol=1e-9)


def test_command_line_sklearn(saved, capsys):
    import joblib

    kind, rows, labels, numbers = saved
    if kind == "ensemble":
        assert main(["export", "m.pyl2", "--to", "sklearn"]) == 2
        assert "an ensemble has no such form" in capsys.readouterr().err
        return
    exported(capsys, "--to", "sklearn")
    model = joblib.load("m.joblib")
    assert type(model).__module__.startswith("sklearn.")
    if kind == "number":
        np.testing.assert_allclose(model.predict(rows)[:, None], numbers, rtol=1e-9)
    else:
        assert model.predict(rows).tolist() == labels
        np.testing.assert_allclose(model.predict_proba(rows), numbers, atol=1e-11)


@TORCH
@pytest.mark.torch
def test_command_line_torch(saved, capsys):
    import torch

    kind, rows, _, numbers = saved
    if kind == "ensemble":
        return
    out = exported(capsys, "--to", "torch")
    made = out.partition("for torch.nn.")[2].partition("\n")[0]
    module = eval(f"torch.nn.{made}", vars(torch.nn) | {"torch": torch})
    module.load_state_dict(torch.load("m.pt", weights_only=True))
    found = module(torch.from_numpy(rows)).detach().numpy()
    np.testing.assert_allclose(found, numbers, rtol=1e-9, atol=1e-11)


def test_command_line_of_columns_of_every_kind(tmp_path, monkeypatch, capsys):
    """What comes of text, flags, dates and gaps is left to the caller, and said."""
    from pyl2.data import model_file, tables

    monkeypatch.chdir(tmp_path)
    sex = np.array(["f", "m", "x"])[RNG.integers(3, size=60)]
    day = [f"2020-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(60)]
    yes = np.array(["yes", "no"])[RNG.integers(2, size=60)]
    age = [("" if i % 7 == 0 else f"{v:.3f}") for i, v in enumerate(40 + 9 * RNG.normal(size=60))]
    y = np.array([len(one) for one in yes]) + (sex == "f") + RNG.normal(size=60)
    rows = [["sex", "day", "yes", "age", "y"], *zip(sex, day, yes, age, y.tolist(), strict=True)]
    with open("mixed.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert main(["train", "mixed.csv", "--epochs", "30", "--quiet", "--save", "m.pyl2"]) == 0
    capsys.readouterr()
    assert main(["export", "m.pyl2", "--to", "sklearn"]) == 0
    out = capsys.readouterr().out
    for words in ("sex=f", "'sex' as 1", "'day' as the parts", "missing cells of 'age' as"):
        assert words in out
    network, schema = model_file.load("m.pyl2")
    inputs = schema.encode(tables.read_features("mixed.csv", schema.treatments)[0])
    centers, scales = (
        np.concatenate(p) for p in zip(*map(_scaling, schema.treatments), strict=True)
    )
    import joblib

    found = joblib.load("m.joblib").predict(inputs * scales + centers)
    wanted = schema.predictions(network.predict(inputs))
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_command_line_refuses(saved, capsys, monkeypatch):
    for argv, words in {
        ("m.pyl2",): "--to",
        ("m.pyl2", "--to", "fortran"): "fortran",
        ("nope.pyl2", "--to", "c"): "nope.pyl2",
        ("table.csv", "--to", "c"): "not a pyl2 file",
        ("m.pyl2", "--to", "c", "--output", "nowhere/m.h"): "nowhere",
    }.items():
        assert main(["export", *argv]) == 2
        assert words in capsys.readouterr().err
    for name, to in {"onnx": "onnx", "torch": "torch"}.items():
        monkeypatch.setitem(sys.modules, name, None)
        assert main(["export", "m.pyl2", "--to", to]) == 2
        err = capsys.readouterr().err
        assert "pip install" in err or "an ensemble" in err
