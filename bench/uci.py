"""λ chosen by cross-validation on the UCI regression sets, beside the published test errors.

The standard 20 splits of Hernández-Lobato and Adams, one hidden layer of 50 relu, everything chosen
from the training rows alone.  X and y are standardised by them; the error is in the units of y,
seconds are the processor's.
Reads the folder ``uci`` in the one that the environment variable PYL2_DATA names, and skips, saying
so, what is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning

from pyl2 import MLPRegressor, MLPRegressorCV

DATA = Path(os.environ.get("PYL2_DATA", Path(__file__).parents[2] / "shared" / "data")) / "uci"
SPLITS = 20
ALPHAS = np.geomspace(1e-3, 600, 10)
MODEL = {"hidden_layer_sizes": 50, "solver": "lbfgs", "max_iter": 300, "random_state": 0}


class Published(NamedTuple):
    """Mean and standard error of the test RMSE.

    Back-propagation and probabilistic back-propagation: J. M. Hernández-Lobato, R. Adams, ICML
    2015.  Dropout: Y. Gal, Z. Ghahramani, ICML 2016.
    """

    bp: tuple[float, float]
    pbp: tuple[float, float]
    dropout: tuple[float, float]


PUBLISHED = {
    "bostonHousing": Published((3.228, 0.195), (3.014, 0.180), (2.97, 0.19)),
    "concrete": Published((5.977, 0.221), (5.667, 0.093), (5.23, 0.12)),
    "energy": Published((1.098, 0.074), (1.804, 0.048), (1.66, 0.04)),
    "kin8nm": Published((0.091, 0.002), (0.098, 0.001), (0.10, 0.00)),
    "power-plant": Published((4.182, 0.040), (4.124, 0.035), (4.02, 0.04)),
    "wine-quality-red": Published((0.645, 0.010), (0.635, 0.008), (0.62, 0.01)),
    "yacht": Published((1.182, 0.165), (1.015, 0.054), (1.11, 0.09)),
}


def split(name: str, which: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Return X and y to train and to test with, standardised, and the unit of y."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as data:
        X, y, order, rows = data["X"], data["y"], data["splits"][which], int(data["n_train"])
    train, test = order[:rows], order[rows:]
    middle, spread = X[train].mean(axis=0), X[train].std(axis=0)
    X = (X - middle) / np.where(spread > 0, spread, 1)
    unit = float(y[train].std())
    y = (y - y[train].mean()) / unit
    return X[train], y[train], X[test], y[test], unit


def measure(name: str, which: int, rule: str) -> dict:
    """Choose λ, fit, and test; beside it the same network without a penalty."""
    X, y, X_test, y_test, unit = split(name, which)
    began = time.process_time()
    model = MLPRegressorCV(alphas=ALPHAS, rule=rule, **MODEL).fit(X, y)
    seconds = time.process_time() - began
    free = MLPRegressor(alpha=0.0, **MODEL).fit(X, y)
    return {
        "alpha": model.alpha_,
        "seconds": seconds,
        "rmse": rmse(model, X_test, y_test, unit),
        "without": rmse(free, X_test, y_test, unit),
    }


def rmse(model: MLPRegressor, X: np.ndarray, y: np.ndarray, unit: float) -> float:
    """Return the root of the mean squared error, in the units of y."""
    return unit * float(np.sqrt(np.mean((model.predict(X) - y) ** 2)))


def spread(values: list[float]) -> str:
    """Return mean and standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.3f} ± {error:.3f}"


def show(found: dict[str, list[dict]]) -> None:
    """Print published errors and ours side by side."""
    columns = ("set", "splits", "λ = 0", "pyl2, λ by CV", "λ", "BP", "PBP", "MC dropout", "s/split")
    table = Table(*columns, title="Test RMSE, mean ± standard error over the splits")
    for name, runs in found.items():
        published = [f"{mean:g} ± {error:g}" for mean, error in PUBLISHED[name]]
        ours, without = ([run[key] for run in runs] for key in ("rmse", "without"))
        table.add_row(
            name,
            str(len(runs)),
            spread(without),
            spread(ours),
            f"{np.median([run['alpha'] for run in runs]):.2g}",
            *published,
            f"{np.mean([run['seconds'] for run in runs]):.1f}",
        )
    Console(width=130).print(table)


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(PUBLISHED), help="some, joined by commas")
    parser.add_argument("--splits", type=int, default=SPLITS, help="so many of each")
    parser.add_argument("--rule", choices=("min", "1se"), default="min")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    found: dict[str, list[dict]] = {}
    for name in arguments.sets.split(","):
        if not (DATA / f"{name}.npz").exists():
            print(f"skipped: uci/{name}.npz is not in the folder of PYL2_DATA", file=sys.stderr)
            continue
        found[name] = []
        for which in range(arguments.splits):
            found[name].append(measure(name, which, arguments.rule))
            print(f"{name} {which}: {found[name][-1]}", file=sys.stderr)
            if arguments.json:
                arguments.json.write_text(json.dumps(found, indent=1), "utf-8")
    if found:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
