"""What pyl2 costs besides time per epoch: seconds to import, memory of a fit, the binary's size.

Every number comes from processes of their own. Imports are timed within a fresh interpreter, in
turn. Memory is counted by tracemalloc, which sees NumPy's arrays and the engine's work, and by the
growth of the process where the system tells it; X and Y are there before, all else is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tracemalloc
import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import processes
import report
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

IMPORTS = {
    "import numpy": "",
    "import pyl2": "",
    "from pyl2 import Network": "import numpy",
    "from pyl2 import Backprop": "import numpy",
    "from sklearn.neural_network import MLPClassifier": "import numpy",
    "from pyl2 import MLPClassifier": "from sklearn.neural_network import MLPClassifier",
}
CONVENTION = (
    "Memory in units of the parameters' own size (float32). Peak: all that the fit allocates, "
    "X and Y aside, the parameters themselves included. State: the optimizer's vectors. "
    "Activations: of a batch, all layers, of 256 rows at most. Order: of the rows, and class "
    "indices made of Y. "
    "Rest: what is left of the peak beyond state, activations and order; at most 4 are meant, and "
    "a scratch of fixed size. Process: growth of the resident size by the fit, where it is told."
)


@dataclass(frozen=True)
class Fit:
    """A fit whose memory is measured; `batch` None means all rows at once."""

    name: str
    layer_sizes: tuple[int, ...]
    rows: int
    batch: int | None
    optimizer: str
    early_stopping: bool = False


# fmt: off
FITS = {fit.name: fit for fit in (
    Fit("W1", (4, 7, 3), 150, 1, "sgd"),
    Fit("W5", (784, 100, 10), 4000, 10, "sgd"),
    Fit("W5-online", (784, 100, 10), 1000, 1, "sgd"),
    Fit("W5-full", (784, 100, 10), 4000, None, "adam"),
    Fit("W6-SGD", (784, 512, 512, 10), 2000, 128, "sgd"),
    Fit("W6-momentum", (784, 512, 512, 10), 2000, 128, "momentum"),
    Fit("W6-Adam", (784, 512, 512, 10), 2000, 128, "adam"),
    Fit("W6-stopping", (784, 512, 512, 10), 2000, 128, "adam", early_stopping=True),
    Fit("W6-full", (784, 512, 512, 10), 2000, None, "adam"),
    Fit("W7", (1024, 1024, 1024, 10), 1024, 512, "sgd"),
    Fit("W12", (4, 32, 16, 4), 10_000, None, "adam"),
)}
# fmt: on
BLOCK_ROWS = 256  # PL2_BLOCK_ROWS: the engine takes a larger batch in pieces
STATES = {"sgd": 0, "momentum": 1, "adam": 2}
WAYS = ("Backprop", "MLPClassifier")


# --- in a process of its own ------------------------------------------------------------------


def train(way: str, fit: Fit, X: np.ndarray, y: np.ndarray, held_out: tuple) -> None:
    """Make a network and train it for two epochs."""
    if way == "Backprop":
        from pyl2 import Backprop, Network

        network = Network(fit.layer_sizes, "relu", "softmax", np.float32, seed=0)
        trainer = Backprop(
            network,
            fit.optimizer,
            1e-4,
            0.1,
            batch_size=fit.batch,
            early_stopping=fit.early_stopping,
            seed=0,
        )
        trainer.train(X, y, 2, validation=held_out if fit.early_stopping else None)
        return
    from pyl2 import MLPClassifier

    warnings.simplefilter("ignore")
    model = MLPClassifier(
        fit.layer_sizes[1:-1],
        solver="adam" if fit.optimizer == "adam" else "sgd",
        momentum=0.9 if fit.optimizer == "momentum" else 0,
        batch_size=fit.batch or fit.rows,
        learning_rate_init=1e-4,
        max_iter=2,
        early_stopping=fit.early_stopping,
        random_state=0,
    )
    X_val, y_val = held_out if fit.early_stopping else (None, None)
    model.fit(X, y, X_val=X_val, y_val=y_val)


def make(fit: Fit) -> tuple[np.ndarray, np.ndarray, tuple]:
    """X, y and held-out data, without anything larger on the way."""
    rng = np.random.default_rng(0)
    X = rng.random((fit.rows, fit.layer_sizes[0]), np.float32)
    y = np.arange(fit.rows) % fit.layer_sizes[-1]
    return X, y, (X[:100], y[:100])


def traced(way: str, fit: Fit) -> int:
    """Peak bytes that the fit allocates, as tracemalloc counts them."""
    data = prepared(way, fit)
    tracemalloc.start()
    train(way, fit, *data)
    return tracemalloc.get_traced_memory()[1]


def resident(way: str, fit: Fit) -> int | None:
    """Bytes by which the fit raises the most that the process has had in memory."""
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return None
    data = prepared(way, fit)
    before = getrusage(RUSAGE_SELF).ru_maxrss
    train(way, fit, *data)
    return (getrusage(RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)


def prepared(way: str, fit: Fit) -> tuple[np.ndarray, np.ndarray, tuple]:
    """The data; and whatever a fit imports late is there."""
    small = Fit("small", (3, 2, 3), 9, 3, fit.optimizer, fit.early_stopping)
    train(way, small, *make(small))
    return make(fit)


# --- from outside -----------------------------------------------------------------------------


def python(*arguments: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=processes.environment(1),
    )
    return done.stdout


def imports(rounds: int) -> dict[str, float]:
    """Median seconds of each import, in a fresh interpreter where what is told came before."""
    timed = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    codes = {what: f"{first}\n{timed.format(what)}" for what, first in IMPORTS.items()}
    seconds: dict[str, list[float]] = {what: [] for what in codes}
    for _ in range(rounds):
        for what, code in codes.items():
            seconds[what].append(float(python("-c", code)))
    return {what: statistics.median(samples) for what, samples in seconds.items()}


def measure(way: str, fit: Fit) -> dict:
    """The memory of a fit and its parts, in bytes."""
    found = {
        what: json.loads(python(__file__, "--child", what, way, fit.name))
        for what in ("traced", "resident")
    }
    params = 4 * sum((inputs + 1) * outputs for inputs, outputs in pairwise(fit.layer_sizes))
    found |= {
        "params": params,
        "state": params * STATES[fit.optimizer],
        "activations": 4 * min(fit.batch or fit.rows, BLOCK_ROWS) * sum(fit.layer_sizes),
        "order": 2 * 8 * fit.rows,
    }
    rest = found["traced"] - found["state"] - found["activations"] - found["order"]
    return found | {"fit": fit.name, "way": way, "rest": rest}


# --- tables -----------------------------------------------------------------------------------


def table(title: str, columns: tuple[str, ...]) -> Table:
    """An empty table, the first column to the left."""
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        shown.add_column(column, justify="right" if shown.columns else "left", no_wrap=True)
    return shown


def import_table(seconds: dict[str, float]) -> Table:
    """A row for each import."""
    shown = table("Imports", ("", "after", "ms"))
    for what, median in seconds.items():
        shown.add_row(what, IMPORTS[what] or "–", f"{1e3 * median:.1f}")
    return shown


def memory_table(records: list[dict]) -> Table:
    """A row for each fit and way."""
    parts = ("traced", "state", "activations", "order", "rest", "resident")
    names = ("peak", "state", "activations", "order", "rest", "process")
    shown = table("Memory of a fit", ("fit", "by", "parameters, KB", *names))
    for record in records:
        in_params = (record[part] and record[part] / record["params"] for part in parts)
        cells = ("–" if units is None else f"{units:.2f}" for units in in_params)
        shown.add_row(record["fit"], record["way"], f"{record['params'] / 1024:.1f}", *cells)
    return shown


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21, help="fresh interpreters (21)")
    parser.add_argument("--fits", help=f"comma-separated, of {', '.join(FITS)}")
    parser.add_argument("--core", type=int, default=processes.allowed()[-1], help="core to run on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        what, way, name = args.child
        print(json.dumps({"traced": traced, "resident": resident}[what](way, FITS[name])))
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {args.core})
    seconds = imports(args.rounds)
    chosen = processes.chosen(parser, args.fits, list(FITS))
    records = [measure(way, FITS[name]) for name in chosen for way in WAYS]
    results = report.about([args.core]) | {
        "rounds": args.rounds,
        "imports": seconds,
        "cases": records,
    }
    results["versions"] = {"python": platform.python_version(), "numpy": np.__version__}
    console = Console()
    console.width = max(console.width, report.WIDTH)
    from pyl2 import _core

    results["extension"] = Path(_core.__file__).stat().st_size
    size = f"The compiled extension: {results['extension'] / 1024:.0f} KB"
    shown = import_table(seconds), memory_table(records), CONVENTION, size, report.heading(results)
    console.print(*shown, sep="\n", highlight=False)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
