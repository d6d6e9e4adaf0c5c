"""Ensembles, one network with λ by cross-validation or evidence, and trees on the UCI sets.

The standard splits of Hernández-Lobato and Adams (20 of each set), one hidden layer of 50 relu,
everything chosen from the training set alone.  X and y are standardised with its statistics; errors
and log-likelihoods are in the units of y.  Each method gives a mean and a standard deviation for
every row of the test set; seconds are the processor's for both, with one thread.

Reads the folder ``uci`` in the one that the environment variable PYL2_DATA names, and skips, saying
so, what is not there.  The set ``diabetes`` comes with scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_val_predict
from threadpoolctl import threadpool_limits

from pyl2 import (
    BayesianMLPRegressor,
    Laplace,
    MLPRegressor,
    MLPRegressorCV,
    MLPRegressorEnsemble,
    Network,
)

DATA = Path(os.environ.get("PYL2_DATA", Path(__file__).parents[2] / "shared" / "data")) / "uci"
SPLITS = 20
TWO_SIDED_95 = 1.96
UNKNOWN = "–"
ALPHAS = np.geomspace(1e-3, 600, 10)
HIDDEN = 50

Predict = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Published(NamedTuple):
    """Mean test RMSE with its standard error, and mean test log-likelihood, of three methods.

    All three as in table 1 of B. Lakshminarayanan, A. Pritzel, C. Blundell, NIPS 2017, which has
    deep ensembles of its own and quotes the two others: PBP of J. M. Hernández-Lobato, R. Adams,
    ICML 2015, and MC dropout of Y. Gal, Z. Ghahramani, ICML 2016, table 1.  Of deep ensembles the ±
    is a standard deviation over the splits, and left out; of MC dropout it was one in print, and
    the standard errors here are those of its authors' repository (yaringal/DropoutUncertaintyExps,
    revision a6259f1).  Later runs there, with more epochs, are better.
    """

    pbp: str
    dropout: str
    deep: str
    log_likelihoods: tuple[float, float, float]


# fmt: off
PUBLISHED = {
    "bostonHousing": Published("3.01 ± 0.18", "2.97 ± 0.19", "3.28", (-2.57, -2.46, -2.41)),
    "concrete": Published("5.67 ± 0.09", "5.23 ± 0.12", "6.03", (-3.16, -3.04, -3.06)),
    "energy": Published("1.80 ± 0.05", "1.66 ± 0.04", "2.09", (-2.04, -1.99, -1.38)),
    "kin8nm": Published("0.10 ± 0.00", "0.10 ± 0.00", "0.09", (0.90, 0.95, 1.20)),
    "power-plant": Published("4.12 ± 0.03", "4.02 ± 0.04", "4.11", (-2.84, -2.80, -2.79)),
    "wine-quality-red": Published("0.64 ± 0.01", "0.62 ± 0.01", "0.64", (-0.97, -0.93, -0.94)),
    "yacht": Published("1.02 ± 0.05", "1.11 ± 0.09", "1.58", (-1.63, -1.55, -1.18)),
}
# fmt: on


# --- methods --------------------------------------------------------------------------------------


def constant(model, variance: float) -> Predict:
    """Give every prediction of a model the same standard deviation."""

    def predict(X):
        mean = model.predict(X)
        return mean, np.full(len(mean), np.sqrt(variance))

    return predict


def chosen(X, y, iterations: int) -> tuple[MLPRegressorCV, float]:
    """Return one network, λ by 5 folds, and the mean squared error of the rows held out."""
    model = MLPRegressorCV(
        hidden_layer_sizes=HIDDEN,
        alphas=ALPHAS,
        solver="lbfgs",
        max_iter=iterations,
        scoring="neg_mean_squared_error",
        random_state=0,
        n_threads=1,
    ).fit(X, y)
    return model, -model.scores_path_.mean(axis=1).max()


def by_cv(X, y, iterations: int) -> Predict:
    """Return one network; its standard deviation is that of the errors on rows held out."""
    return constant(*chosen(X, y, iterations))


def by_cv_and_laplace(X, y, iterations: int) -> Predict:
    """Return the same network with the standard deviations of Laplace's approximation."""
    model, _ = chosen(X, y, iterations)
    network = Network((X.shape[1], HIDDEN, 1), hidden="relu")
    for layer, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        network.weights[layer][...], network.biases[layer][...] = W, b
    posterior = Laplace(network, X, y, model.alpha_)

    def predict(X):
        mean, std = posterior.predict(X, return_std=True)
        return mean[:, 0], std[:, 0]

    return predict


def without_penalty(X, y, iterations: int) -> Predict:
    """Return one network at λ = 0; nobody has held out rows, so it does not know its error."""
    settings = {"solver": "lbfgs", "max_iter": iterations, "random_state": 0, "n_threads": 1}
    return constant(
        MLPRegressor(hidden_layer_sizes=HIDDEN, alpha=0.0, **settings).fit(X, y), np.nan
    )


def ensemble(**settings) -> Callable[..., Predict]:
    """Return a function that makes an ensemble of such settings."""

    def made(X, y, iterations: int) -> Predict:
        model = MLPRegressorEnsemble(
            HIDDEN, max_iter=iterations, random_state=0, n_threads=1, **settings
        ).fit(X, y)
        return lambda X: model.predict(X, return_std=True)

    return made


def by_evidence(X, y, iterations: int) -> Predict:
    """Return one network of tanh, λ by the evidence."""
    model = BayesianMLPRegressor(HIDDEN, max_iter=iterations, random_state=0, n_threads=1).fit(X, y)
    return lambda X: model.predict(X, return_std=True)


def boosting(X, y, iterations: int) -> Predict:
    """Return boosted trees; 5 folds tell their error."""
    model = HistGradientBoostingRegressor(random_state=0)
    folds = KFold(5, shuffle=True, random_state=0)
    error = np.mean((cross_val_predict(model, X, y, cv=folds) - y) ** 2)
    return constant(model.fit(X, y), error)


def forest(X, y, iterations: int) -> Predict:
    """Return a random forest; its rows out of bag tell its error."""
    model = RandomForestRegressor(oob_score=True, random_state=0).fit(X, y)
    return constant(model, np.mean((model.oob_prediction_ - y) ** 2))


BASE = "CV"
METHODS: dict[str, Callable[..., Predict]] = {
    BASE: by_cv,
    "λ = 0": without_penalty,
    "CV + Laplace": by_cv_and_laplace,
    "ensemble": ensemble(),
    "members=0": ensemble(members=0),
    "bagging": ensemble(select="bagging"),
    "evidence": by_evidence,
    "HistGB": boosting,
    "forest": forest,
}


# --- measuring ------------------------------------------------------------------------------------


def data(name: str, which: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return X and y of all rows, and the indices of the training and the test set."""
    if name == "diabetes":
        X, y = load_diabetes(return_X_y=True)
        order, rows = np.random.default_rng(which).permutation(len(y)), int(0.9 * len(y))
    else:
        with np.load(DATA / f"{name}.npz", allow_pickle=False) as file:
            X, y, order = file["X"], file["y"], file["splits"][which]
            rows = int(file["n_train"])
    return X, y, order[:rows], order[rows:]


def measure(name: str, which: int, methods: list[str], iterations: int) -> dict[str, dict]:
    """Fit and test each method on one split."""
    X, y, train, test = data(name, which)
    middle, spread = X[train].mean(axis=0), X[train].std(axis=0)
    X = (X - middle) / np.where(spread > 0, spread, 1)
    offset, unit = y[train].mean(), y[train].std()
    found = {}
    for method in methods:
        began = time.process_time()
        predict = METHODS[method](X[train], (y[train] - offset) / unit, iterations)
        seconds = time.process_time() - began
        mean, std = predict(X[test])
        found[method] = scores(y[test], mean * unit + offset, std * unit) | {"seconds": seconds}
    return found


def scores(y: np.ndarray, mean: np.ndarray, std: np.ndarray) -> dict[str, float]:
    """Return RMSE, mean log-likelihood of a normal distribution, and coverage of its intervals."""
    off = (y - mean) / std
    return {
        "rmse": float(np.sqrt(np.mean((y - mean) ** 2))),
        "log_likelihood": float(np.mean(-0.5 * off**2 - np.log(std) - 0.5 * np.log(2 * np.pi))),
        "coverage": float(np.mean(np.abs(off) <= TWO_SIDED_95))
        if np.isfinite(std).all()
        else np.nan,
    }


# --- showing --------------------------------------------------------------------------------------

Runs = dict[str, list[dict[str, dict]]]


def values(runs: list[dict[str, dict]], method: str, key: str) -> np.ndarray:
    """Return one number of each split."""
    return np.array([run[method][key] for run in runs])


def with_error(found: np.ndarray) -> str:
    """Return mean and standard error."""
    mean = known(np.mean(found), ".3f")
    if len(found) < 2 or mean == UNKNOWN:
        return mean
    return f"{mean} ± {np.std(found, ddof=1) / np.sqrt(len(found)):.3f}"


def known(value: float, form: str) -> str:
    """Return a number as text; what a method does not know is a dash."""
    return f"{value:{form}}" if np.isfinite(value) else UNKNOWN


def show_sets(found: Runs, methods: list[str]) -> None:
    """Print each set: what was reached here, and what is published."""
    columns = ("set", "method", "RMSE", "log-likelihood", "95 % cover", "s/split")
    table = Table(*columns, title="Test set, mean ± standard error over the splits")
    for name, runs in found.items():
        for method in methods:
            rmse, likelihood = (values(runs, method, k) for k in ("rmse", "log_likelihood"))
            cover = known(values(runs, method, "coverage").mean(), ".1%")
            seconds = f"{values(runs, method, 'seconds').mean():.2f}"
            table.add_row(name, method, with_error(rmse), with_error(likelihood), cover, seconds)
        if name in PUBLISHED:
            *others, likelihoods = PUBLISHED[name]
            labels = ("PBP", "MC dropout", "deep ensembles")
            for label, rmse, mean in zip(labels, others, likelihoods, strict=True):
                table.add_row(name, f"{label}, published", rmse, f"{mean:.2f}")
        table.add_section()
    Console(width=110).print(table)


def show_shares(found: Runs, methods: list[str]) -> None:
    """Print each method as a share of the one network that cross-validation chose."""
    table = Table("method", *found, "mean", "log-lik.", "95 % cover", "seconds")
    table.title = f"RMSE as a share of {BASE}'s; log-likelihood less {BASE}'s, seconds as a share"
    for method in methods:

        def ratios(key: str, method=method) -> list[float]:
            pairs = [
                (values(runs, method, key), values(runs, BASE, key)) for runs in found.values()
            ]
            return [float(np.mean(own) / np.mean(base)) for own, base in pairs]

        gains = [
            np.mean(values(runs, method, "log_likelihood") - values(runs, BASE, "log_likelihood"))
            for runs in found.values()
        ]
        cover = np.mean([values(runs, method, "coverage").mean() for runs in found.values()])
        shares = ratios("rmse")
        table.add_row(
            method,
            *(f"{share:.2f}" for share in shares),
            f"{np.mean(shares):.3f}",
            known(np.mean(gains), "+.3f"),
            known(cover, ".1%"),
            f"{np.mean(ratios('seconds')):.2f}",
        )
    Console(width=150).print(table)


def arguments() -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", default=",".join(PUBLISHED), help="some, joined by commas")
    parser.add_argument("--methods", default=",".join(METHODS), help="some, joined by commas")
    parser.add_argument("--splits", type=int, default=SPLITS, help="so many of each")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    parser.add_argument("--quick", action="store_true", help="diabetes, one split, 20 iterations")
    found = parser.parse_args()
    if found.quick:
        found.sets, found.splits = "diabetes", 1
    found.sets, found.methods = found.sets.split(","), found.methods.split(",")
    if unknown := set(found.sets) - {*PUBLISHED, "diabetes"} | set(found.methods) - {*METHODS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    found.methods = list(dict.fromkeys([BASE, *found.methods]))
    return found


def main() -> int:
    """Measure what is asked for."""
    asked = arguments()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", UserWarning)  # of a λ at the edge of the grid, and the like
    found: Runs = {}
    for name in asked.sets:
        if name in PUBLISHED and not (DATA / f"{name}.npz").exists():
            print(f"skipped: uci/{name}.npz is not in the folder of PYL2_DATA", file=sys.stderr)
            continue
        found[name] = []
        for which in range(asked.splits):
            with threadpool_limits(1):
                found[name].append(
                    measure(name, which, asked.methods, iterations=20 if asked.quick else 300)
                )
            print(f"{name}, split {which + 1} of {asked.splits}", file=sys.stderr)
            if asked.json:
                asked.json.write_text(json.dumps(found, indent=1), "utf-8")
    if found:
        show_sets(found, asked.methods)
        show_shares(found, asked.methods)
    return 0


if __name__ == "__main__":
    sys.exit(main())
