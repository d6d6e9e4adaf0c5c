"""`pyl2 train` beside scikit-learn's models of tables: scores on one test set, and seconds.

    python bench/tables.py [--quick] [--datasets iris,shop,…]

Each model has its defaults, and the training set and test set that `pyl2 train` draws; seconds are
those of the fit, for pyl2 the choice of λ by five folds and the start of its process included. The
forest and the linear model get numbers with the median for gaps, standardised, and text as one-hot;
boosting takes gaps and categories as they are. The tables with text are made up here: `shop` is a
price by city, kind, size and season, `churn` whether a customer leaves, `clinic` which of three
treatments a patient gets. Those of the folder `uci`, in the one that the environment variable
PYL2_DATA names, are skipped where they are not there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

UCI = Path(os.environ.get("PYL2_DATA", Path(__file__).parents[2] / "shared" / "data")) / "uci"
BUNDLED = ("iris", "wine", "breast_cancer", "digits", "diabetes")
OURS = {"pyl2 train": [], "pyl2 train --ensemble 10": ["--ensemble", "10"]}
THEIRS = ("boosting", "forest", "linear")


def shop(rows: int = 1200) -> pd.DataFrame:
    """Prices: each city has a level, each kind a slope by size, and there is a season."""
    rng = np.random.default_rng(1)
    city, kind = rng.integers(0, 12, rows), rng.integers(0, 4, rows)
    size = rng.lognormal(0, 0.5, rows)
    days = rng.integers(0, 730, rows)
    price = 2 * rng.normal(size=12)[city] + (1 + kind) * size + np.sin(days / 58)
    frame = pd.DataFrame(
        {
            "city": np.array([f"city {c}" for c in range(12)])[city],
            "kind": np.array(["plain", "fine", "large", "rare"])[kind],
            "size": np.where(rng.random(rows) < 0.1, np.nan, size),
            "day": pd.Timestamp("2023-01-01") + pd.to_timedelta(days, "D"),
            "y": price + rng.normal(0, 0.5, rows),
        }
    )
    return frame.round({"size": 3, "y": 3})


def churn(rows: int = 1500) -> pd.DataFrame:
    """Whether a customer leaves: by contract, its age and the charge, and their interaction."""
    rng = np.random.default_rng(2)
    contract, paid = rng.integers(0, 3, rows), rng.integers(0, 4, rows)
    months, charge = rng.exponential(24, rows), rng.gamma(3, 20, rows)
    leaning = 1.2 - contract - months / 30 + charge / 60 + 0.8 * (paid == 2) * (contract == 0)
    leaves = rng.random(rows) < 1 / (1 + np.exp(-leaning))
    return pd.DataFrame(
        {
            "contract": np.array(["monthly", "one year", "two years"])[contract],
            "paid": np.array(["card", "transfer", "check", "cash"])[paid],
            "months": months.round(1),
            "charge": np.where(rng.random(rows) < 0.05, np.nan, charge.round(2)),
            "paperless": rng.choice(["yes", "no"], rows),
            "y": np.where(leaves, "leaves", "stays"),
        }
    )


def clinic(rows: int = 900) -> pd.DataFrame:
    """Which treatment: by bounds on two measures, which shift with sex and group."""
    rng = np.random.default_rng(3)
    sex, group = rng.integers(0, 2, rows), rng.integers(0, 5, rows)
    age, pressure = rng.integers(20, 90, rows), rng.normal(130, 18, rows)
    shifted = pressure + 6 * sex - 4 * group + rng.normal(0, 5, rows)
    given = np.where(shifted > 140, 2, np.where(age + 10 * sex > 60, 1, 0))
    return pd.DataFrame(
        {
            "sex": np.array(["f", "m"])[sex],
            "group": np.array(list("ABCDE"))[group],
            "age": age,
            "pressure": np.where(rng.random(rows) < 0.15, np.nan, pressure.round(1)),
            "y": np.array(["none", "diet", "drug"])[given],
        }
    )


MADE = {"shop": shop, "churn": churn, "clinic": clinic}


def table(name: str) -> pd.DataFrame | None:
    """Return a data set as a frame with the target y; None where it is not there."""
    if name in MADE:
        return MADE[name]()
    if name in BUNDLED:
        found = getattr(datasets, f"load_{name}")(as_frame=True)
        frame = found.data.assign(y=found.target)
        if name != "diabetes":
            frame["y"] = [str(found.target_names[i]) for i in found.target]
        return frame
    path = UCI / f"{name}.npz"
    if not path.exists():
        return None
    with np.load(path) as arrays:
        frame = pd.DataFrame(arrays["X"]).add_prefix("x")
        return frame.assign(y=arrays["y"].ravel())


def ours(path: str, seed: int, options: list[str]) -> tuple[float, float]:
    """Return score and seconds of the command."""
    command = [sys.executable, "-m", "pyl2", "train", path, "--target", "y", "--seed", f"{seed}"]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--json", "--quiet", *options], capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - began
    told = json.loads(done.stdout)
    return (told.get("chosen") or told["result"])["test_score"], seconds


def models(numbers: bool, seed: int) -> dict[str, object]:
    """Return scikit-learn's models."""
    text = make_column_selector(dtype_include=["object", "str", "category"])
    plain = make_column_selector(dtype_include="number")

    def coded() -> object:
        scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        one_hot = OneHotEncoder(handle_unknown="ignore")
        return make_column_transformer((one_hot, text), (scaled, plain))

    boosting = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
    forest = RandomForestRegressor if numbers else RandomForestClassifier
    linear = Ridge() if numbers else LogisticRegression(max_iter=1000)
    return {
        "boosting": boosting(random_state=seed, categorical_features="from_dtype"),
        "forest": make_pipeline(coded(), forest(random_state=seed)),
        "linear": make_pipeline(coded(), linear),
    }


def theirs(frame: pd.DataFrame, seed: int) -> dict[str, tuple[float, float]]:
    """Return score and seconds of scikit-learn's models."""
    X, y = frame.drop(columns="y"), frame["y"].to_numpy()
    numbers = y.dtype.kind == "f"
    for name in X.select_dtypes("datetime"):
        days = X[name]
        X = X.drop(columns=name).assign(
            **{f"{name} {part}": getattr(days.dt, part) for part in ("year", "month", "day")},
            seconds=(days - days.min()).dt.total_seconds(),
        )
    X = X.astype({name: "category" for name in X if X[name].dtype.kind not in "iuf"})
    train, test = train_test_split(
        np.arange(len(y)), random_state=seed, test_size=0.25, stratify=None if numbers else y
    )
    found = {}
    for label, model in models(numbers, seed).items():
        began = time.perf_counter()
        model.fit(X.iloc[train], y[train])
        seconds = time.perf_counter() - began
        found[label] = (model.score(X.iloc[test], y[test]), seconds)
    return found


def main() -> None:
    """Print a row for each data set: mean scores over the splits, and median seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = ",".join([*MADE, *BUNDLED, *sorted(path.stem for path in UCI.glob("*.npz"))])
    parser.add_argument("--datasets", default=known)
    parser.add_argument("--quick", action="store_true", help="one split, few epochs")
    args = parser.parse_args()
    seeds = range(1 if args.quick else 3)
    options = ["--epochs", "3"] if args.quick else []
    labels = [*OURS, *THEIRS]
    print("| data set |", " | ".join(labels), "|")
    print("| --- |", " | ".join("---" for _ in labels), "|")
    with tempfile.TemporaryDirectory() as folder:
        for data in args.datasets.split(","):
            frame = table(data)
            if frame is None:
                print(f"{data} is not in {UCI}: skipped", file=sys.stderr)
                continue
            path = os.path.join(folder, f"{data}.csv")
            frame.to_csv(path, index=False)
            task = ["--task", "regression"] if frame["y"].dtype.kind == "f" else []
            runs = [
                theirs(frame, seed)
                | {one: ours(path, seed, [*more, *options, *task]) for one, more in OURS.items()}
                for seed in seeds
            ]
            cells = [
                f"{np.mean([run[one][0] for run in runs]):.3f}"
                f" ({np.median([run[one][1] for run in runs]):.1f} s)"
                for one in labels
            ]
            print(f"| {data} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
