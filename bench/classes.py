"""The ensemble of classifiers beside one network with λ by cross-validation, on six data sets.

One hidden layer of 50 relu, a stratified quarter of the rows as test set, everything chosen from
the rest; log loss and accuracy are means over splits, seconds the processor's with one thread.
Four sets are scikit-learn's.  Two have columns of text: breast cancer with every other measurement
in words, and made-up loans whose purpose, town and age decide together.  `TableEncoder` makes
numbers of both, for the trees too; without pandas they are left out, which is said.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from pyl2 import MLPClassifierCV, MLPClassifierEnsemble, TableEncoder

Rows = tuple[Any, np.ndarray]


def of(load: Callable) -> Callable[[], Rows]:
    """Return what reads a set of scikit-learn's."""
    return lambda: load(return_X_y=True)


def in_words() -> Rows:
    """Return breast cancer, of every other measurement only the fifth that it falls into."""
    frame, y = load_breast_cancer(return_X_y=True, as_frame=True)
    names = np.array(["least", "little", "middling", "much", "most"])
    for column in frame.columns[::2]:
        fifths = np.quantile(frame[column], [0.2, 0.4, 0.6, 0.8])
        frame[column] = names[np.searchsorted(fifths, frame[column])]
    return frame, y.to_numpy()


def loans() -> Rows:
    """Return 1,500 made-up loans, and whether they were paid back."""
    import pandas as pd

    rng = np.random.default_rng(0)
    rows = 1500
    purpose = rng.choice(["car", "house", "school", "shop"], rows, p=[0.4, 0.3, 0.2, 0.1])
    town = rng.choice([f"town {i}" for i in range(12)], rows)
    age, income = rng.uniform(20, 70, rows), rng.lognormal(0, 0.5, rows)
    of_town = dict(zip(np.unique(town), rng.normal(0, 1, 12), strict=True))
    logit = np.array([of_town[name] for name in town]) + np.log(income) * 2
    logit += np.where(purpose == "school", (45 - age) / 8, 0) + (purpose == "shop") * 1.5
    y = (rng.uniform(size=rows) < 1 / (1 + np.exp(-logit))).astype(int)
    return pd.DataFrame({"purpose": purpose, "town": town, "age": age, "income": income}), y


SETS: dict[str, Callable[[], Rows]] = {
    "breast cancer": of(load_breast_cancer),
    "wine": of(load_wine),
    "digits": of(load_digits),
    "iris": of(load_iris),
    "breast cancer, in words": in_words,
    "loans": loans,
}
WITH_TEXT = ("breast cancer, in words", "loans")


def methods(iterations: int) -> dict[str, Callable]:
    """Return what makes the classifier of each method."""
    alike = {"max_iter": iterations, "solver": "lbfgs", "random_state": 0, "n_threads": 1}
    alphas = np.geomspace(1e-3, 600, 10)
    return {
        "CV": lambda: MLPClassifierCV(50, alphas=alphas, scoring="neg_log_loss", **alike),
        "ensemble": lambda: MLPClassifierEnsemble(50, **alike),
        "members=0": lambda: MLPClassifierEnsemble(50, members=0, **alike),
        "HistGB": lambda: HistGradientBoostingClassifier(random_state=0),
        "forest": lambda: RandomForestClassifier(random_state=0),
    }


def measure(make: Callable, X: Any, y: np.ndarray, which: int) -> tuple[float, ...]:
    """Return log loss, accuracy and seconds on one split."""
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=which)
    encoder = StandardScaler() if isinstance(X, np.ndarray) else TableEncoder(sparse_output=False)
    encoder.fit(X)
    began = time.process_time()
    model = make().fit(encoder.transform(X), y)
    seconds = time.process_time() - began
    p = model.predict_proba(encoder.transform(X_test)).astype(float)
    p /= p.sum(axis=1, keepdims=True)
    accuracy = np.mean(model.classes_[p.argmax(axis=1)] == y_test)
    return log_loss(y_test, p, labels=model.classes_), float(accuracy), seconds


def main() -> int:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--sets", help=f"some, joined by semicolons: {'; '.join(SETS)}")
    parser.add_argument("--quick", action="store_true", help="iris, one split, 20 iterations")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "the alpha chosen", UserWarning)
    splits = 1 if asked.quick else asked.splits
    title = f"Test set, means over {splits} splits"
    table = Table("set", "method", "log loss", "accuracy", "s/split", title=title)
    names = [name.strip() for name in asked.sets.split(";")] if asked.sets else [*SETS]
    if unknown := set(names) - set(SETS):
        parser.error(f"unknown: {'; '.join(sorted(unknown))}")
    for name in ["iris"] if asked.quick else names:
        if name in WITH_TEXT and find_spec("pandas") is None:
            print(f"skipped: {name}, which needs pandas", file=sys.stderr)
            continue
        X, y = SETS[name]()
        for method, make in methods(20 if asked.quick else 300).items():
            with threadpool_limits(1):
                found = np.array([measure(make, X, y, which) for which in range(splits)])
            loss, accuracy, seconds = found.mean(axis=0)
            error = found[:, 0].std(ddof=1) / np.sqrt(splits) if splits > 1 else np.nan
            told = (f"{loss:.3f} ± {error:.3f}", f"{accuracy:.3f}", f"{seconds:.2f}")
            table.add_row(name, method, *told)
        table.add_section()
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
