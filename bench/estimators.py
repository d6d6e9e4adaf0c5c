"""pyl2's estimators beside scikit-learn's: the same fit, how long it takes, and the same result.

Each package is a process of its own, all on the same cores; only one computes at a time. A
round lets each do the task once, in turn, from the same `random_state`, so that ratios compare
what ran side by side. What came out, losses and weights, is compared.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import processes
import report
from fits import PACKAGES, TASKS, Task
from processes import Worker, attempt, progress, start, take_rounds
from rich.box import SIMPLE_HEAD
from rich.table import Table

THEIRS = "scikit-learn"
DTYPES = ("float64", "float32")
# Norm of the difference of what was reached, relative to that of scikit-learn's.
TOLERANCE = {"float64": 1e-6, "float32": 1e-4}
WIDTH = 134  # of the table
CONVENTION = (
    "Time of a fit with all its epochs, or of one call; median, quartiles over the rounds. ×: how "
    "many times as long as pyl2 scikit-learn takes, median over rounds run side by side, and its "
    "quartiles. Apart: norm of the difference relative to scikit-learn's, of losses (of "
    "probabilities for calls) / of all weights."
)


# --- one task ------------------------------------------------------------------------------------


def measure(task: Task, workers: list[Worker], rounds: int) -> list[dict]:
    """Everything about one task in both types, ready for JSON."""
    records, exact = [], {}
    for dtype in DTYPES:
        record, reached = train(replace(task, dtype=dtype), list(workers), rounds)
        rounding = dict.fromkeys(reached.get(THEIRS, {}), 0.0)
        if dtype == "float64":
            exact = reached.get(THEIRS, {})
        elif rounding.keys() == exact.keys():
            rounding = differences(reached[THEIRS], exact)
        if set(reached) == set(PACKAGES):
            record["apart"] = differences(reached[report.OURS], reached[THEIRS])
            record["rounding"] = rounding
            record["failures"] += mismatches(record["apart"], rounding, dtype)
        records.append(record)
    return records


def train(task: Task, workers: list[Worker], rounds: int) -> tuple[dict, dict]:
    """A round that is not counted, then `rounds` more, and what was reached in the last."""
    failures: list[str] = []
    active = list(attempt(workers, failures, "prepare", task=asdict(task)))
    taken = take_rounds(active, failures, rounds)
    replies = attempt(active, failures, "reached")
    reached = {worker.name: decode(reply["reached"]) for worker, reply in replies.items()}
    record = {
        "case": asdict(task),
        "title": task.title,
        "rivals": {name: taken[name] for name in reached},
        "apart": None,
        "failures": failures,
    }
    return record, reached


def decode(reached: dict[str, str]) -> dict[str, np.ndarray]:
    """The vectors that a worker sent."""
    return {name: np.frombuffer(base64.b64decode(text)) for name, text in reached.items()}


def differences(some: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> dict[str, float]:
    """How far apart they are, one by one."""
    return {name: distance(some[name], others[name]) for name in others}


def distance(some: np.ndarray, other: np.ndarray) -> float:
    """Norm of the difference relative to that of `other`."""
    if some.shape != other.shape:  # another number of epochs
        return float("inf")
    return float(np.linalg.norm(some - other) / np.linalg.norm(other))


def mismatches(apart: dict[str, float], rounding: dict[str, float], dtype: str) -> list[str]:
    """A message for each that differs; NaN does too.

    `rounding` is how far scikit-learn's float32 is from its own float64 on the same numbers. Long
    training makes it large, and two float32 runs, each that far off, may be twice that far apart.
    """
    return [
        f"other {name} than scikit-learn's, {dtype}: apart by {value:.1e}"
        for name, value in apart.items()
        if not value <= max(TOLERANCE[dtype], 2 * rounding[name])
    ]


# --- table and figure -----------------------------------------------------------------------------


def table(results: dict) -> Table:
    """One row for each task and type, the packages side by side."""
    title = "bench estimators" + (" --quick" if results["quick"] else "")
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("task", no_wrap=True)
    shown.add_column("type", no_wrap=True)
    for column in (*(f"{package}, ms" for package in PACKAGES), f"× {report.OURS}", "apart"):
        shown.add_column(column, justify="right", no_wrap=True)
    for i, record in enumerate(results["cases"]):
        shown.add_row(*_label(record, first=i % len(DTYPES) == 0), *_row(record))
        if i % len(DTYPES) == len(DTYPES) - 1:
            shown.add_section()
    return shown


def _label(record: dict, first: bool) -> tuple[str, str]:
    """Name and size in the row of one type, how it is trained in that of the other."""
    case = record["case"]
    bits = f"f{case['dtype'].removeprefix('float')}"
    if not first:
        return record["title"], bits
    rows = f", {case['rows']} rows" if case["verb"] == "fit" else ""
    return f"[bold]{case['name']}[/], {units(case)}{rows}", bits


def units(case: dict) -> str:
    """Such as 4-7-3."""
    return "-".join(map(str, Task(**case).units))


def _row(record: dict) -> list[str]:
    """Median and quartiles of the times, of the ratio, and how far apart the results are."""
    cells = []
    for package in PACKAGES:
        if package in record["rivals"]:
            s = report.spread(record, package)
            times = [report.milliseconds(s[name]) for name in ("median", "low", "high")]
            cells.append("{} ({}–{})".format(*times))
        else:
            cells.append("–")
    if record["apart"] is None:
        return [*cells, "–", "–"]
    low, ratio, high = ratios(record)
    style = "bold red" if ratio < 1 else "bold"
    return [
        *cells,
        f"[{style}]{report.times(ratio)}[/] ({report.times(low)}–{report.times(high)})",
        "/".join(f"{value:.0e}" for value in record["apart"].values()),
    ]


def ratios(record: dict) -> np.ndarray:
    """Quartiles of how many times as long scikit-learn takes, round by round."""
    theirs, ours = (np.array(record["rivals"][p]["seconds"]) for p in (THEIRS, report.OURS))
    return np.quantile(theirs / ours, [0.25, 0.5, 0.75])


def figure(results: dict, path: Path) -> None:
    """Bars of the times: fits in each type, then calls."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    records = [record for record in results["cases"] if record["rivals"]]
    panels = [
        (f"{verb}, {dtype}", chosen, "milliseconds per " + verb)
        for verb, kind in (("fit", True), ("call", False))
        for dtype in DTYPES
        if (chosen := [r for r in records if _is(r, dtype, kind)])
    ]
    columns = max(len(chosen) for _, chosen, _ in panels)
    size = (0.95 * columns + 1.2, 2.9 * len(panels) + 0.6)
    fig, rows = plt.subplots(len(panels), figsize=size, layout="constrained", squeeze=False)
    for axes, (title, chosen, unit) in zip(rows[:, 0], panels, strict=True):
        report.bars(axes, chosen, [_tick(record) for record in chosen], unit)
        axes.set_title(title, fontsize=10, loc="left")
    rows[0, 0].legend(frameon=False)
    where = report.where(results)
    fig.suptitle(f"{where}; above the bars: × {report.OURS}", fontsize=9, x=0.01, ha="left")
    fig.savefig(path, dpi=150)
    plt.close(fig)


def _is(record: dict, dtype: str, fit: bool) -> bool:
    case = record["case"]
    return case["dtype"] == dtype and (case["verb"] == "fit") == fit


def _tick(record: dict) -> str:
    case = record["case"]
    return "\n".join((*case["name"].split("-"), units(case)))


# --- all of it ------------------------------------------------------------------------------------


def run(args) -> dict:
    """All chosen tasks in both types, one after the other."""
    results = report.about(args.cores, args.isa) | {
        "quick": args.quick,
        "rounds": args.rounds,
        "cases": [],
    }
    with ExitStack() as stack:
        workers = [
            start(stack, "estimators", package, args.cores, args.isa, results["versions"])
            for package in PACKAGES
        ]
        workers = [worker for worker in workers if worker]
        for name in args.cases:
            task = TASKS[name].quick() if args.quick else TASKS[name]
            progress.print(f"{name}: {task.title}", highlight=False)
            results["cases"] += measure(task, workers, args.rounds)
    return results


def main(argv=None) -> int:
    """Run, report, and return 1 if anyone failed or reached something else."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args = processes.arguments(parser, list(TASKS), rounds=9, quick=3, argv=argv)
    results = run(args)
    report.show(results, table(results), CONVENTION, WIDTH)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.output:
        figure(results, args.output)
    return int(any(record["failures"] for record in results["cases"]))


if __name__ == "__main__":
    sys.exit(main())
