"""Every warning points at the line of the user, through whatever it has come."""

import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyl2 import (
    Backprop,
    MLPClassifier,
    MLPClassifierCV,
    MLPRegressor,
    MLPRegressorCV,
    Network,
    bias_variance,
    compare,
    l2_path,
)
from pyl2.experiments import decay_grid

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = X[:, 0] + RNG.normal(0, 0.1, 24)
LINE = Network((3, 1), seed=0)

FEW = {"hidden_layer_sizes": 2, "max_iter": 2, "tol": 0.1, "n_iter_no_change": 1, "random_state": 0}
# eta * l2 / n is 1.2; n is a number, for which no batch size counts.
TURNS = {"solver": "sgd", "momentum": 0, "learning_rate_init": 1e-9, "n": 1, **FEW}
TOO_LARGE = {"eta": 1e-9, "batch_size": None, "epochs": 1}


def interrupt(*_):
    raise KeyboardInterrupt


CASES = {
    "Backprop": (
        "eta .* l2 / n",
        lambda: Backprop(LINE, eta=1e-9, l2=1.2e9, n=1).train(X, Y, 1),
    ),
    "Backprop in turn": (
        "eta .* l2 / n",
        lambda: Backprop(LINE, eta=1e-9, l2=1.2e9, n=1).train(X, Y, 1, callbacks=lambda *_: None),
    ),
    "fraction": (
        "decay='fraction'",
        lambda: Backprop(LINE, eta=1e-9, l2=1.0, decay="fraction").train(X, Y, 1),
    ),
    "fit": ("eta .* l2 / n", lambda: MLPRegressor(alpha=1.2e9, **TURNS).fit(X, Y)),
    "partial_fit": ("eta .* l2 / n", lambda: MLPRegressor(alpha=1.2e9, **TURNS).partial_fit(X, Y)),
    "partial_fit of classes": (
        "eta .* l2 / n",
        lambda: MLPClassifier(alpha=1.2e9, **TURNS).partial_fit(X, Y > 0, classes=[False, True]),
    ),
    "l2_path": ("eta .* l2 / n", lambda: l2_path(LINE, X, Y, [0, 2.4e10], **TOO_LARGE)),
    "l2_path of an estimator": (
        "eta .* l2 / n",
        lambda: l2_path(MLPRegressor(**TURNS), X, Y, [0, 1.2e9]),
    ),
    "bias_variance": (
        "eta .* l2 / n",
        lambda: bias_variance(LINE, (X, Y), X, Y, [0, 2.4e10], draws=2, **TOO_LARGE),
    ),
    "compare": (
        "eta .* l2 / n",
        lambda: compare(X, Y, LINE, 2e10, methods=["sgd"], eta=1e-9, evaluations=20, seeds=1),
    ),
    "decay_grid": ("eta .* l2 / n", lambda: decay_grid(X, Y, LINE, eta=[0.1], rate=[12], epochs=1)),
    "CV": ("eta .* l2 / n", lambda: MLPRegressorCV(alphas=[0, 1.2e9], **TURNS).fit(X, Y)),
    "grid search": (
        "eta .* l2 / n",
        lambda: GridSearchCV(MLPRegressor(**TURNS), {"alpha": [1.2e9]}, cv=2).fit(X, Y),
    ),
    "cross_val_score": (
        "eta .* l2 / n",
        lambda: cross_val_score(MLPRegressor(alpha=1.2e9, **TURNS), X, Y, cv=2),
    ),
    "pipeline": (
        "eta .* l2 / n",
        lambda: make_pipeline(StandardScaler(), MLPRegressor(alpha=1.2e9, **TURNS)).fit(X, Y),
    ),
    "not scaled": ("not scaled", lambda: MLPRegressorCV(alphas=[1e-9], **FEW).fit(X * 1e3, Y)),
    "batch_size": ("clipped", lambda: MLPRegressor(batch_size=99, **FEW).fit(X, Y)),
    "batch_size of partial_fit": (
        "clipped",
        lambda: MLPRegressor(batch_size=99, **FEW).partial_fit(X, Y),
    ),
    "batch_size of CV": (
        "clipped",
        lambda: MLPRegressorCV(batch_size=99, alphas=[1], **FEW).fit(X, Y),
    ),
    "batch_size of l2_path": (
        "clipped",
        lambda: l2_path(MLPRegressor(batch_size=99, **FEW), X, Y, [1]),
    ),
    "converged": (
        "hasn't converged",
        lambda: MLPRegressor(**FEW | {"tol": 0}).fit(X, Y),
    ),
    "lbfgs": (
        "failed to converge",
        lambda: MLPRegressor(solver="lbfgs", **FEW | {"tol": 0}).fit(X, Y),
    ),
    "CV converged": (
        "hasn't converged",
        lambda: MLPClassifierCV(alphas=[1], **FEW | {"tol": 0}).fit(X, Y > 0),
    ),
    "interrupted": ("interrupted", lambda: MLPRegressor(callbacks=interrupt, **FEW).fit(X, Y)),
    "diverged": (
        "diverged",
        lambda: MLPRegressor(
            solver="sgd", early_stopping=True, learning_rate_init=1e200, **FEW
        ).fit(X, Y),
    ),
    "folds that fail": (
        "there is no score for fold",
        lambda: MLPRegressorCV(alphas=[1, 1e300], **TURNS).fit(X, Y),
    ),
    "edge": ("edge of the grid", lambda: MLPRegressorCV(alphas=[1e-9, 1e9], **FEW).fit(X, Y)),
}


@pytest.mark.parametrize("name", CASES)
def test_it_points_at_the_users_line(name):
    message, call = CASES[name]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
    assert any(re.search(message, str(warning.message)) for warning in told)
    assert {warning.filename for warning in told} == {__file__}


def test_in_a_script_and_without_a_file(tmp_path):
    """As Python shows it: the user's file and line, or <string>."""
    code = (
        "from pyl2 import Backprop, Network\n"
        "Backprop(Network((1, 1)), eta=1.0, l2=1.0, n=1).train([[0.0]], [0.0], 1)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code, "utf-8")
    for how, place in (([str(script)], f"{script}:2:"), (["-c", code], "<string>:2:")):
        told = subprocess.run([sys.executable, *how], capture_output=True, text=True, check=True)
        assert told.stderr.startswith(f"{place} UserWarning: eta * l2 / n = 1 * 1 / 1 >= 1")
