"""pyl2's ParticleSwarm beside other swarms that train a network on the same penalized error.

Each rival is a process of its own, all on the same core, or on as many as there are threads; only
one computes at a time. A round lets each make all iterations once, in turn, and samples the peak of
fused multiply-adds on the same cores. What each minimises is compared, at the same places, with the
penalized error in float64.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import asdict

import numpy as np
import processes
import report
import swarms
from processes import Worker, attempt, progress, start_all, take_rounds
from rich.box import SIMPLE_HEAD
from rich.table import Table
from swarms import TASKS, Task, draw, penalized_error

PLACES = 10  # at which the errors are compared
TOLERANCE = 1e-5  # relative, in float32
CONVENTION = (
    "Time of all iterations; quartiles over the rounds; compiling is not counted. ×: how many "
    "times as long as pyl2 it takes, median over rounds run side by side; in pyl2's own row that "
    "of the best rival. GFLOP/s: 2 × weights × items for each particle. Peak: fused multiply-adds "
    "on the same cores in the same rounds. E: the best error found in the last round, each from "
    "places of its own. Apart: largest relative difference of what is minimised from the penalized "
    "error in float64."
)


# --- one task -------------------------------------------------------------------------------------


def measure(task: Task, workers: list[Worker], meters: list[Worker], rounds: int) -> dict:
    """Everything about one task, ready for JSON: times, peak, differences, failures."""
    failures: list[str] = []
    active = list(attempt(workers, failures, "prepare", task=asdict(task)))
    peak: list[float] = []

    def sample():
        if meters:
            peak.append(sum(meter.ask("sample", dtype=task.dtype)["gflops"] for meter in meters))

    taken = take_rounds(active, failures, rounds, between=sample)
    exact = np.array([penalized_error(task, place) for place in draw(task, PLACES, seed=2)])
    found = {}
    for worker, reply in attempt(active, failures, "reached", count=PLACES).items():
        apart = float(np.max(np.abs(reply["errors"] / exact - 1)))
        if not apart <= TOLERANCE:  # NaN is not either
            failures.append(f"{worker.name}: minimises something else, apart by {apart:.1e}")
        found[worker.name] = taken[worker.name] | {"best": reply["best"], "apart": apart}
    about = {"case": asdict(task), "title": task.title, "task": task.task, "flops": task.flops}
    return about | {"peak": peak, "rivals": found, "failures": failures}


# --- report ---------------------------------------------------------------------------------------


def table(results: dict) -> Table:
    """One row for each task and rival."""
    columns = ("rival", "ms", "min", "quartiles", "× pyl2", "GFLOP/s", "% of peak", "E", "apart")
    title = "swarms --quick" if results["quick"] else "swarms"
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("task", no_wrap=True)
    for column in columns:
        shown.add_column(column, justify="left" if column == "rival" else "right", no_wrap=True)
    for record in results["cases"]:
        labels = [f"[bold]{record['case']['name']}[/], {record['title']}", record["task"]]
        for i, name in enumerate(report.by_time(record)):
            shown.add_row(labels[i] if i < 2 else "", *_row(record, name))
        shown.add_section()
    return shown


def _row(record: dict, name: str) -> list[str]:
    rival = record["rivals"][name]
    ends = report.significant(rival["best"]), f"{rival['apart']:.0e}"
    return [*report.task_row(record, name), *ends]


# --- all of it ------------------------------------------------------------------------------------


def arguments(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rivals", help=f"comma-separated, of {', '.join(swarms.names())}")
    parser.add_argument("--markdown", action="store_true", help="print the README's table too")
    args = processes.arguments(parser, list(TASKS), rounds=15, quick=3, argv=argv)
    args.rivals = processes.chosen(parser, args.rivals, swarms.names())
    return args


def run(args) -> dict:
    """All chosen tasks, one after the other."""
    results = report.about(args.cores) | {"quick": args.quick, "rounds": args.rounds, "cases": []}
    with ExitStack() as stack:
        meters, workers = start_all(stack, "swarm", args, results["versions"])
        for name in args.cases:
            task = TASKS[name].quick() if args.quick else TASKS[name]
            progress.print(f"{name}: {task.title}, {task.task}", highlight=False)
            results["cases"].append(measure(task, list(workers), meters, args.rounds))
    return results


def main(argv=None) -> int:
    """Run, report, and return 1 if anyone failed or minimised something else."""
    args = arguments(argv)
    results = run(args)
    report.show(results, table(results), CONVENTION)
    if args.markdown:
        print(report.tasks_markdown(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.output:
        report.tasks_figure(results, args.output)
    return int(any(record["failures"] for record in results["cases"]))


if __name__ == "__main__":
    sys.exit(main())
