"""The ensemble of classifiers beside one network with λ by cross-validation, on four data sets.

One hidden layer of 50 relu, a stratified quarter of the rows as test set, everything chosen from
the rest; log loss and accuracy are means over splits, seconds the processor's with one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable

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

from pyl2 import MLPClassifierCV, MLPClassifierEnsemble

SETS: dict[str, Callable] = {
    "breast cancer": load_breast_cancer,
    "wine": load_wine,
    "digits": load_digits,
    "iris": load_iris,
}


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


def measure(make: Callable, X: np.ndarray, y: np.ndarray, which: int) -> tuple[float, ...]:
    """Return log loss, accuracy and seconds on one split."""
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=which)
    scaler = StandardScaler().fit(X)
    began = time.process_time()
    model = make().fit(scaler.transform(X), y)
    seconds = time.process_time() - began
    p = model.predict_proba(scaler.transform(X_test)).astype(float)
    p /= p.sum(axis=1, keepdims=True)
    accuracy = np.mean(model.classes_[p.argmax(axis=1)] == y_test)
    return log_loss(y_test, p, labels=model.classes_), float(accuracy), seconds


def main() -> int:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="iris, one split, 20 iterations")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "the alpha chosen", UserWarning)
    splits = 1 if asked.quick else asked.splits
    title = f"Test set, means over {splits} splits"
    table = Table("set", "method", "log loss", "accuracy", "s/split", title=title)
    for name in ["iris"] if asked.quick else SETS:
        X, y = SETS[name](return_X_y=True)
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
