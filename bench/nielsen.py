"""The experiments with L2 of M. Nielsen, Neural Networks and Deep Learning, chapter 3, on MNIST.

Logistic hidden units and outputs, cross-entropy, plain SGD in batches of 10, the penalty divided
by the size of the training set, biases free of it. Each run is trained from several seeds and
shown beside the published figure, which is that of one run. The folder of the data comes from the
environment variable PYL2_DATA.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pyl2 import Backprop, Network

DATA = Path(os.environ.get("PYL2_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS = {"train": slice(0, 50_000), "validation": slice(50_000, 60_000), "test": slice(60_000, None)}
WIDTH = 122  # of the table; a narrower terminal may break lines, but loses no column
SCORES = 60  # at most so many looks at the accuracy while a run trains

progress = Console(stderr=True)


@dataclass(frozen=True)
class Run:
    """One published training. Narrow weights are N(0, 1/fan_in), others N(0, 1)."""

    title: str
    hidden: int
    items: int
    eta: float
    l2: float
    epochs: int
    scored_on: str
    narrow: bool = False

    @property
    def work(self) -> int:
        """Proportional to the time it takes."""
        return self.hidden * self.items * self.epochs


@dataclass(frozen=True)
class Claim:
    """A published figure and which of our numbers belongs to it."""

    run: str
    what: str
    published: str
    key: str = "last"


# fmt: off
RUNS = {run.title: run for run in (
    Run("30 hidden, 1,000 images, η 0.5, λ 0", 30, 1000, 0.5, 0.0, 400, "test"),
    Run("30 hidden, 1,000 images, η 0.5, λ 0.1", 30, 1000, 0.5, 0.1, 400, "test"),
    Run("30 hidden, η 0.5, λ 0", 30, 50_000, 0.5, 0.0, 30, "test"),
    Run("30 hidden, η 0.5, λ 5", 30, 50_000, 0.5, 5.0, 30, "test"),
    Run("100 hidden, η 0.5, λ 5", 100, 50_000, 0.5, 5.0, 30, "validation"),
    Run("100 hidden, η 0.1, λ 5, 60 epochs", 100, 50_000, 0.1, 5.0, 60, "validation"),
    Run("30 hidden, η 0.1, λ 5, narrow start", 30, 50_000, 0.1, 5.0, 30, "validation", True),
)}
CLAIMS = (
    Claim("30 hidden, 1,000 images, η 0.5, λ 0", "test, last epoch", "82.27"),
    Claim("30 hidden, 1,000 images, η 0.5, λ 0", "train", "100", "train"),
    Claim("30 hidden, 1,000 images, η 0.5, λ 0.1", "test, last epoch", "87.1"),
    Claim("30 hidden, 1,000 images, η 0.5, λ 0.1", "train", "100", "train"),
    Claim("30 hidden, 1,000 images, η 0.5, λ 0.1", "penalized training error", "0.1154", "error"),
    Claim("30 hidden, η 0.5, λ 0", "test, last epoch", "95.49"),
    Claim("30 hidden, η 0.5, λ 5", "test, best epoch", "96.49", "best"),
    Claim("100 hidden, η 0.5, λ 5", "validation, best epoch", "97.92", "best"),
    Claim("100 hidden, η 0.1, λ 5, 60 epochs", "validation, best epoch", "98.04", "best"),
    Claim("30 hidden, η 0.1, λ 5, narrow start", "validation, last epoch", "near 96.5"),
    Claim("30 hidden, η 0.1, λ 5, narrow start", "validation, second epoch", "above 93", "second"),
)
# fmt: on


# --- one training, in a process of its own --------------------------------------------------------


@cache
def mnist(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Images in Nielsen's scale (divided by 256, not 255) and digits."""
    with np.load(DATA / "mnist.npz", allow_pickle=False) as data:
        return data["X"].astype(dtype) / np.array(256, dtype), data["y"].astype(np.int64)


def train(run: Run, seed: int, dtype: str) -> dict:
    """Train a run from one seed; percentages, the error at the end, and seconds."""
    X, y = mnist(dtype)
    rows, unseen = slice(0, run.items), SETS[run.scored_on]
    Y = np.eye(10, dtype=dtype)[y[rows]]
    network = Network((784, run.hidden, 10), "logistic", "logistic", dtype=np.dtype(dtype))
    draw(network, run, np.random.default_rng(seed))
    trainer = Backprop(network, "sgd", run.eta, run.l2, "train", batch_size=10, seed=seed)
    scores = {}

    def score(trainer, history):
        epoch = len(history)
        if epoch % -(-run.epochs // SCORES) == 0 or epoch == run.epochs:
            scores[epoch] = accuracy(network, X[unseen], y[unseen])

    start = time.perf_counter()
    trainer.train(X[rows], Y, epochs=run.epochs, callbacks=[score])
    return {
        "seconds": time.perf_counter() - start,
        "scores": scores,
        "last": scores[run.epochs],
        "best": max(scores.values()),
        "second": scores.get(2),
        "train": accuracy(network, X[rows], y[rows]),
        "error": network.error(X[rows], Y, run.l2, "train"),
    }


def draw(network, run: Run, rng: np.random.Generator) -> None:
    """Initial weights as published; biases are N(0, 1) always."""
    for W, b in zip(network.weights, network.biases, strict=True):
        W[...] = rng.standard_normal(W.shape) / (np.sqrt(len(W)) if run.narrow else 1)
        b[...] = rng.standard_normal(b.shape)


def accuracy(network, X: np.ndarray, y: np.ndarray) -> float:
    """Per cent right."""
    return 100 * float(np.mean(network.predict(X).argmax(axis=1) == y))


# --- all of them ----------------------------------------------------------------------------------


def run_all(runs: list[Run], seeds: int, dtype: str, processes: int) -> dict[str, list[dict]]:
    """Every run from every seed, the longest first; one line as each is finished."""
    jobs = sorted(((run, seed) for run in runs for seed in range(seeds)), key=lambda j: -j[0].work)
    results = {run.title: [] for run in runs}
    work, done = sum(run.work for run, _ in jobs), 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = {pool.submit(train, run, seed, dtype): (run, seed) for run, seed in jobs}
        for future in as_completed(futures):
            run, seed = futures[future]
            result = future.result()
            results[run.title].append({"seed": seed} | result)
            done += run.work
            progress.print(
                f"{100 * done / work:3.0f} %  {run.title}, seed {seed}: {run.scored_on} "
                f"{result['last']:.2f} %, {result['seconds']:.1f} s",
                highlight=False,
            )
    return results


def table(results: dict[str, list[dict]]) -> Table:
    """Published figures and ours."""
    title = "Nielsen, chapter 3, on MNIST: published (one run) and pyl2 over seeds; accuracies in %"
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("run", no_wrap=True)
    shown.add_column("what", no_wrap=True)
    for column in ("published", "pyl2, mean", "min to max", "s/epoch"):
        shown.add_column(column, justify="right", no_wrap=True)
    shown_runs = set()
    for claim in claims(results):
        ours = [result[claim.key] for result in results[claim.run]]
        digits = 4 if claim.key == "error" else 2
        mean, low, high = (f"{f(ours):.{digits}f}" for f in (np.mean, min, max))
        epoch = np.mean([r["seconds"] for r in results[claim.run]]) / RUNS[claim.run].epochs
        first = claim.run not in shown_runs
        shown.add_row(
            claim.run if first else "", claim.what, claim.published, mean, f"{low} to {high}",
            f"{epoch:.3f}" if first else "",
        )  # fmt: skip
        shown_runs.add(claim.run)
    return shown


def claims(results: dict) -> list[Claim]:
    """Claims of the runs that were trained."""
    return [claim for claim in CLAIMS if claim.run in results]


def figure(results: dict[str, list[dict]], path: Path) -> None:
    """Accuracies: the published one a bar, ours the mean and range over seeds."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    drawn = [c for c in claims(results) if c.key in ("last", "best")]
    ours = [[result[c.key] for result in results[c.run]] for c in drawn]
    y = -np.arange(len(drawn))
    mean = np.mean(ours, axis=1)
    spread = [mean - np.min(ours, axis=1), np.max(ours, axis=1) - mean]
    published = [float(c.published.split()[-1]) for c in drawn]
    fig, axes = plt.subplots(figsize=(7.5, 0.5 * len(drawn) + 1.2), layout="constrained")
    axes.errorbar(mean, y, xerr=spread, fmt="o", color="0.5", capsize=4, label="pyl2")
    axes.plot(published, y, "|", color="black", markersize=18, markeredgewidth=2, label="published")
    axes.set_yticks(y, [f"{c.run}\n{c.what}" for c in drawn], fontsize=8)
    axes.set_xlabel("accuracy, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="0.9")
    axes.legend(frameon=False)
    fig.savefig(path, dpi=150)
    plt.close(fig)


def arguments(argv=None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, the 1,000-image runs only")
    parser.add_argument("--seeds", type=int, help="seeds for each run (3; with --quick 1)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--processes", type=int, default=2, help="trainings side by side (2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results")
    parser.add_argument("--output", type=Path, metavar="FIGURE.png", help="draw the accuracies")
    args = parser.parse_args(argv)
    args.seeds = args.seeds or (1 if args.quick else 3)
    return args


def main(argv=None) -> int:
    """Train, show, save."""
    args = arguments(argv)
    if not (DATA / "mnist.npz").exists():
        print("skipped: mnist.npz is not in the folder that PYL2_DATA names", file=sys.stderr)
        return 0
    runs = [run for run in RUNS.values() if run.items == 1000 or not args.quick]
    results = run_all(runs, args.seeds, args.dtype, args.processes)
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(table(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.output:
        figure(results, args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
