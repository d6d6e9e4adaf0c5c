"""Choosing λ in jobs: `MLP*CV` with one and two, beside scikit-learn's grid over our estimator.

    python bench/jobs.py [--quick] [--rounds N] [--cases NAMES] [--first]

All choose by the same folds and λs, in one process and its pool, round by round in turn; medians.
The pool is warm, and so is the processor's share: "ideal" is how many times as fast two processes
get through plain arithmetic as one, in the same rounds. A busy machine has less than 2.

With `--first` each fit is the first of a fresh process, which has no pool yet.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import GridSearchCV, KFold

from pyl2 import MLPClassifier, MLPClassifierCV, MLPRegressor, MLPRegressorCV

ALPHAS = np.geomspace(1e-3, 30, 16)
JOBS = 2


def made_up(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers to learn from numbers."""
    X = np.random.default_rng(0).normal(size=(rows, columns))
    return X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2]


def cases(quick: bool) -> dict:
    """Estimator, the one that chooses, parameters and rows of each case."""
    X, y = load_diabetes(return_X_y=True)
    small = X / X.std(axis=0), (y - y.mean()) / y.std()
    X, y = load_digits(return_X_y=True)
    digits = X / 16, y
    numbers, classes = (MLPRegressor, MLPRegressorCV), (MLPClassifier, MLPClassifierCV)
    found = {
        "diabetes 10-20-1, adam": (*numbers, {"hidden_layer_sizes": 20}, small),
        "diabetes 10-20-1, lbfgs": (
            *numbers,
            {"hidden_layer_sizes": 20, "solver": "lbfgs", "max_iter": 200},
            small,
        ),
        "digits 64-50-10, adam": (
            *classes,
            {"hidden_layer_sizes": 50, "max_iter": 20, "batch_size": 50},
            digits,
        ),
        "made up 30-100-1, adam": (
            *numbers,
            {"hidden_layer_sizes": 100, "max_iter": 12},
            made_up(4000, 30),
        ),
    }
    return dict(list(found.items())[:1]) if quick else found


def spin(times: int) -> int:
    """Plain arithmetic."""
    total = 0
    for i in range(times):
        total += i * i
    return total


def timed(call) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ways_of(case: tuple) -> dict:
    """What chooses, by one job with and without threads, by two, and as a grid."""
    plain, chooses, parameters, (X, _) = case
    folds = list(KFold(5, shuffle=True, random_state=0).split(X))
    own = {**parameters, "random_state": 0}
    return {
        "one": chooses(**own, alphas=ALPHAS, cv=folds),
        "threads": chooses(**own, alphas=ALPHAS, cv=folds, n_threads=1),
        "two": chooses(**own, alphas=ALPHAS, cv=folds, n_jobs=JOBS),
        "grid": GridSearchCV(plain(**own), {"alpha": ALPHAS}, cv=folds, n_jobs=JOBS),
    }


def first_fit(name: str, way: str) -> None:
    """Print the seconds of a fit in this process."""
    case = cases(False)[name]
    print(timed(lambda: ways_of(case)[way].fit(*case[-1])))


def measure_first(name: str, pool: ProcessPoolExecutor, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round, in processes of their own."""
    found: dict[str, list[float]] = {way: [] for way in ("one", "threads", "two", "grid")}
    found["ideal"] = []
    for _ in range(rounds):
        for way in ("one", "threads", "two", "grid"):
            command = [sys.executable, __file__, "--cases", name, "--way", way]
            found[way].append(float(subprocess.check_output(command, text=True)))
        found["ideal"].append(ideal(pool))
    return found


def ideal(pool: ProcessPoolExecutor) -> float:
    """How many times as fast as one two processes get through plain arithmetic."""
    alone = timed(lambda: list(pool.map(spin, [1_000_000])))
    return JOBS * alone / timed(lambda: list(pool.map(spin, [1_000_000] * JOBS)))


def measure(case: tuple, pool: ProcessPoolExecutor, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round, and the ratio of two processes to one."""
    ways, (X, y) = ways_of(case), case[-1]
    found: dict[str, list[float]] = {name: [] for name in (*ways, "ideal")}
    for turn in range(rounds + 1):
        taken = {name: timed(lambda model=model: model.fit(X, y)) for name, model in ways.items()}
        taken["ideal"] = ideal(pool)
        if turn:  # the first starts the pool
            for name, value in taken.items():
                found[name].append(value)
        scores = [ways[name].scores_path_ for name in ("one", "threads", "two")]
        assert all(np.array_equal(scores[0], other) for other in scores[1:])
    return found


def row(name: str, found: dict[str, list[float]]) -> list[str]:
    """Medians of the seconds, and of the ratios within the rounds."""
    seconds = {way: np.array(values) for way, values in found.items()}
    cells = [f"{1000 * np.median(seconds[way]):.0f}" for way in ("one", "threads", "two", "grid")]
    ratios = [seconds["one"] / seconds["two"], seconds["grid"] / seconds["two"], seconds["ideal"]]
    return [name, *cells, *(f"{np.median(ratio):.2f}" for ratio in ratios)]


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the first case alone")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    parser.add_argument("--cases", help="words that the names of the cases begin with")
    parser.add_argument("--first", action="store_true", help="each fit in a fresh process")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.way:
        first_fit(args.cases, args.way)
        return
    table = Table("case", "1 job, ms", "1 thread", "2 jobs", "grid, 2 jobs", "1 / 2 jobs")
    table.add_column("grid / 2 jobs")
    table.add_column("ideal")
    with ProcessPoolExecutor(JOBS) as pool:
        for name, case in cases(args.quick).items():
            if not args.cases or name.startswith(tuple(args.cases.split(","))):
                once = partial(measure_first, name) if args.first else partial(measure, case)
                table.add_row(*row(name, once(pool, args.rounds)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
