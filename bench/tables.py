"""`pyl2 train` beside scikit-learn's models of tables: scores on one test set, and seconds.

    python bench/tables.py [--quick] [--datasets iris,wine,…]

Each model has its defaults, and the training set and test set that `pyl2 train` draws; seconds are
those of the fit, for pyl2 the choice of λ by five folds and the start of its process included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np
from sklearn import datasets
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAMES = ("iris", "wine", "breast_cancer", "digits", "diabetes")


def ours(name: str, seed: int, options: list[str]) -> tuple[float, float]:
    """Return score and seconds of the command."""
    command = [sys.executable, "-m", "pyl2", "train", "--dataset", name, "--seed", f"{seed}"]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--json", "--quiet", *options], capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - began
    return json.loads(done.stdout)["chosen"]["test_score"], seconds


def theirs(name: str, seed: int) -> dict[str, tuple[float, float]]:
    """Return score and seconds of scikit-learn's models."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    numbers = name == "diabetes"
    rows = train_test_split(
        np.arange(len(y)), random_state=seed, test_size=0.25, stratify=None if numbers else y
    )
    models = {
        "boosting": (HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier)(
            random_state=seed
        ),
        "forest": (RandomForestRegressor if numbers else RandomForestClassifier)(random_state=seed),
        "linear": make_pipeline(
            StandardScaler(), Ridge() if numbers else LogisticRegression(max_iter=1000)
        ),
    }
    found = {}
    for label, model in models.items():
        began = time.perf_counter()
        model.fit(X[rows[0]], y[rows[0]])
        seconds = time.perf_counter() - began
        found[label] = (model.score(X[rows[1]], y[rows[1]]), seconds)
    return found


def main() -> None:
    """Print a row for each data set: mean scores over the splits, and median seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", default=",".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="one split, few epochs")
    args = parser.parse_args()
    seeds = range(1 if args.quick else 3)
    options = ["--epochs", "3"] if args.quick else []
    models = ("pyl2 train", "boosting", "forest", "linear")
    print("| data set |", " | ".join(models), "|")
    print("| --- |", " | ".join("---" for _ in models), "|")
    for name in args.datasets.split(","):
        runs = [theirs(name, s) | {"pyl2 train": ours(name, s, options)} for s in seeds]
        cells = [
            f"{np.mean([r[m][0] for r in runs]):.3f} ({np.median([r[m][1] for r in runs]):.1f} s)"
            for m in models
        ]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
