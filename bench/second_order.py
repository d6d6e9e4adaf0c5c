"""Levenberg–Marquardt beside L-BFGS and SciPy's least_squares, and how fast its matrix is made.

All start from the same weights and minimise the same E, with one thread each.  SciPy's
``least_squares(method="lm")`` is MINPACK's, with the penalty as further residuals √λ w and the
Jacobian of ``Network.jacobian``.  A method stops at its own end, after so many iterations, or when
its seconds are over, whichever comes first; SciPy's then counts with the least E that it has seen.
The rows on which Levenberg–Marquardt loses, units of relu and wide layers, are here to stay.
The second table is of ``Network.gauss_newton``: the operations that its symmetric product needs, as
a share of the core's peak of fused multiply-adds in float64.
Reads the folder ``uci`` in the one that the environment variable PYL2_DATA names for two tasks, and
skips, saying so, what is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from peak import Peak
from rich.console import Console
from rich.table import Table
from scipy.optimize import least_squares
from sklearn.datasets import make_friedman1
from threadpoolctl import threadpool_limits
from uci import DATA, data

from pyl2 import Backprop, Network

STARTS = 3
SECONDS = 20.0  # of a minimisation, at most


class Task(NamedTuple):
    """A regression: rows and targets, hidden units, λ with n = N."""

    rows: Callable[[], tuple[np.ndarray, np.ndarray]]
    hidden: tuple[int, ...]
    activation: str
    l2: float


def sine() -> tuple[np.ndarray, np.ndarray]:
    """Return 41 points of a noisy sine."""
    x = np.linspace(-1, 1, 41)[:, None]
    return x, np.sin(4 * x) + 0.1 * np.random.default_rng(0).normal(size=x.shape)


def friedman() -> tuple[np.ndarray, np.ndarray]:
    """Return 200 rows of Friedman's first problem: ten inputs, five of which matter."""
    return _standardised(*make_friedman1(200, noise=1.0, random_state=0))


def uci(name: str) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """Return what reads the training rows of a set's first split."""

    def read() -> tuple[np.ndarray, np.ndarray]:
        X, y, train, _ = data(name, 0)
        return _standardised(X[train], y[train])

    return read


def _standardised(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return X, ((y - y.mean()) / y.std())[:, None]


# fmt: off
TASKS = {
    "sine": Task(sine, (20,), "tanh", 3e-4),
    "friedman1": Task(friedman, (20,), "tanh", 1.0),
    "friedman1, relu": Task(friedman, (20,), "relu", 1.0),
    "friedman1, wide": Task(friedman, (80,), "tanh", 1.0),
    "yacht": Task(uci("yacht"), (50,), "tanh", 1e-3),
    "energy": Task(uci("energy"), (50,), "tanh", 1e-2),
    "boston": Task(uci("bostonHousing"), (50,), "tanh", 0.3),
    "boston, relu": Task(uci("bostonHousing"), (50,), "relu", 0.3),
    "concrete": Task(uci("concrete"), (50,), "tanh", 1e-2),
    "concrete, relu": Task(uci("concrete"), (50,), "relu", 1e-2),
}
# fmt: on
QUICK = ("sine", "friedman1", "friedman1, relu")


class Run(NamedTuple):
    """A minimisation: its iterations, seconds of the processor, and E at its end."""

    iterations: int
    seconds: float
    error: float


def by_backprop(optimizer: str, epochs: int) -> Callable[..., Run]:
    """Return what minimises by a trainer of ours."""

    def minimise(network: Network, X: Any, y: Any, l2: float, most: float) -> Run:
        trainer = Backprop(network, optimizer, l2=l2, n="train", n_threads=1)
        start = time.process_time()
        history = trainer.train(X, y, epochs=epochs, max_time=most)
        seconds = time.process_time() - start
        return Run(len(history), seconds, network.error(X, y, l2, "train"))

    return minimise


class TimeIsUpError(Exception):
    """Leaves MINPACK, which knows no limit of time."""


def by_scipy(network: Network, X: Any, y: Any, l2: float, most: float) -> Run:
    """Minimise by MINPACK, the penalty being further residuals."""
    weights = sum(W.size for W in network.weights)
    root = np.sqrt(l2)
    penalty = np.zeros((weights, network.params.size))
    penalty[:, :weights] = root * np.eye(weights)
    asked, least, best = 0, np.inf, network.params.copy()

    def residuals(params: Any) -> Any:
        nonlocal least, best
        if time.process_time() - start > most:
            raise TimeIsUpError
        network.params = params
        found = np.concatenate([(network.predict(X) - y).ravel(), root * params[:weights]])
        if (error := found @ found) < least:
            least, best = error, params.copy()
        return found

    def jacobian(params: Any) -> Any:
        nonlocal asked
        asked += 1
        network.params = params
        return np.vstack([network.jacobian(X)[:, 0], penalty])

    start = time.process_time()
    with suppress(TimeIsUpError):
        least_squares(residuals, network.params.copy(), jacobian, method="lm", xtol=1e-10)
    seconds = time.process_time() - start
    network.params = best
    return Run(asked, seconds, network.error(X, y, l2, "train"))


METHODS = {
    "lm": by_backprop("lm", 1000),
    "lbfgs": by_backprop("lbfgs", 5000),
    "SciPy lm": by_scipy,
}


def minimisations(name: str, starts: int, seconds: float) -> dict[str, list[Run]]:
    """Return the runs of each method on a task; more residuals than parameters for SciPy's."""
    task = TASKS[name]
    X, y = task.rows()
    sizes = (X.shape[1], *task.hidden, 1)
    found: dict[str, list[Run]] = {method: [] for method in METHODS}
    for seed in range(starts):
        for method, minimise in METHODS.items():
            network = Network(sizes, task.activation, seed=seed)
            found[method].append(minimise(network, X, y, task.l2, seconds))
    return found


def table_of(results: dict[str, dict[str, list[Run]]]) -> Table:
    """Return the medians side by side; E as a share of the lowest of the same start."""
    grid = Table("task", "d", "method", "iterations", "seconds", "of lbfgs", "E", "of the lowest")
    for name, runs in results.items():
        lowest = np.min([[run.error for run in found] for found in runs.values()], axis=0)
        seconds = {m: np.array([run.seconds for run in found]) for m, found in runs.items()}
        for method, found in runs.items():
            errors = np.array([run.error for run in found])
            grid.add_row(
                name if method == "lm" else "",
                str(parameters(name)) if method == "lm" else "",
                method,
                f"{np.median([run.iterations for run in found]):.0f}",
                f"{np.median(seconds[method]):.3g}",
                f"{np.median(seconds[method] / seconds['lbfgs']):.2f}",
                f"{np.median(errors):.4g}",
                f"{np.median(errors / lowest):.4f}",
            )
    return grid


def parameters(name: str) -> int:
    """Return how many parameters the network of a task has."""
    task = TASKS[name]
    return Network((task.rows()[0].shape[1], *task.hidden, 1), seed=0).params.size


class Share(NamedTuple):
    """How fast G is made: d, rows, milliseconds, share of the peak (None: no compiler)."""

    d: int
    rows: int
    milliseconds: float
    share: float | None


SHAPES = [(10, 10, 1), (10, 25, 1), (10, 50, 1), (10, 85, 1), (20, 60, 1), (20, 45, 45, 1)]


def shares(rounds: int, rows: int) -> list[Share]:
    """Time `gauss_newton`, the peak being sampled beside each time."""
    try:
        peak: Peak | None = Peak()
    except OSError:
        peak = None
    return [_share(sizes, rows, rounds, peak) for sizes in SHAPES]


def _share(sizes: tuple[int, ...], rows: int, rounds: int, peak: Peak | None) -> Share:
    network = Network(sizes, seed=0)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(rows, sizes[0])), rng.normal(size=(rows, 1))
    d = network.params.size
    flops = rows * d * (d + 1)  # half of the symmetric product, a multiply-add being two
    network.gauss_newton(X, y)
    times, ratios = [], []
    for _ in range(rounds):
        start = time.process_time()
        network.gauss_newton(X, y)
        times.append(time.process_time() - start)
        if peak is not None:
            ratios.append(flops / times[-1] / 1e9 / peak.sample("float64"))
    share = float(np.median(ratios)) if ratios else None
    return Share(d, rows, 1e3 * float(np.median(times)), share)


def share_table(found: list[Share]) -> Table:
    """Return the times of G."""
    grid = Table("d", "rows", "ms", "of the peak")
    for one in found:
        told = "" if one.share is None else f"{one.share:.0%}"
        grid.add_row(str(one.d), str(one.rows), f"{one.milliseconds:.3g}", told)
    return grid


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three tasks, one start, fewer rows")
    parser.add_argument("--tasks", help=f"some, joined by semicolons: {'; '.join(TASKS)}")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a run, at most")
    parser.add_argument("--json", type=Path, help="write all runs to this file")
    args = parser.parse_args()
    names = QUICK if args.quick else tuple(TASKS)
    if args.tasks:
        names = tuple(name.strip() for name in args.tasks.split(";"))
    if unknown := set(names) - set(TASKS):
        parser.error(f"unknown: {'; '.join(sorted(unknown))}")
    lacking = [name for name in names if _file(name) and not os.path.exists(_file(name))]
    if lacking:
        print(f"not in {DATA}, left out: {'; '.join(lacking)}", file=sys.stderr)
    starts = 1 if args.quick else STARTS
    with threadpool_limits(1):
        results = {
            name: minimisations(name, starts, args.seconds) for name in names if name not in lacking
        }
        found = shares(3, 200) if args.quick else shares(15, 2000)
    console = Console(width=max(Console().width, 110))
    console.print(table_of(results))
    console.print(share_table(found))
    if args.json:
        told = {name: {m: [run._asdict() for run in r] for m, r in runs.items()}
                for name, runs in results.items()}  # fmt: skip
        args.json.write_text(json.dumps({"runs": told, "shares": [s._asdict() for s in found]}))
    return 0


def _file(name: str) -> str:
    """Return where the rows of a task are, or nothing for those that are made."""
    sets = {"yacht": "yacht", "energy": "energy", "boston": "bostonHousing", "concrete": "concrete"}
    known = sets.get(name.split(",")[0])
    return str(DATA / f"{known}.npz") if known else ""


if __name__ == "__main__":
    sys.exit(main())
