"""Training at many λ: pyl2's networks side by side, beside JAX's, and beside one after the other.

Each rival is a process of its own, all on the same core, or on as many as there are threads; only
one computes at a time. A round lets each train all networks once, in turn, and samples the peak of
fused multiply-adds on the same cores. The weights reached are compared with pyl2's.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from contextlib import ExitStack
from dataclasses import asdict

import numpy as np
import paths
import processes
import report
from cases import make
from paths import TASKS, Task
from processes import Worker, attempt, progress, start_all, take_rounds
from rich.box import SIMPLE_HEAD
from rich.table import Table

TOLERANCE = 1e-2  # of the way that training took the weights, in float32
CONVENTION = (
    "Time of all epochs of all networks; quartiles over the rounds; compiling is not counted. One "
    "by one: pyl2 all of them, PyTorch and scikit-learn two, scaled. ×: how many times as long as "
    "pyl2 it takes, median over rounds run side by side; in pyl2's own row that of the best rival. "
    "GFLOP/s: 6 × weights × items for each network and epoch. Peak: fused multiply-adds on the "
    "same cores in the same rounds. Apart: the largest norm of the difference from pyl2's weights, "
    "as a part of the way they went."
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
    reached = {
        worker.name: np.frombuffer(base64.b64decode(reply["params"]), task.dtype)
        for worker, reply in attempt(active, failures, "reached").items()
    }
    apart = differences(task, reached)
    failures += [
        f"{name}: other weights, apart by {d:.1e}"
        for name, d in apart.items()
        if not d <= TOLERANCE
    ]
    rivals = {name: taken[name] | {"apart": apart[name]} for name in reached}
    about = {"case": asdict(task), "title": task.title, "task": task.task, "flops": task.flops}
    return about | {"peak": peak, "rivals": rivals, "failures": failures}


def differences(task: Task, reached: dict) -> dict[str, float]:
    """How far the weights of each are from pyl2's; NaN is no small number."""
    if report.OURS not in reached:
        return dict.fromkeys(reached, 0.0)
    first = make(task).params.astype(float)
    ours = reached[report.OURS].reshape(-1, first.size).astype(float)
    way = np.linalg.norm(ours - first, axis=1)
    apart = {}
    for name, params in reached.items():
        theirs = params.reshape(-1, first.size).astype(float)
        difference = np.linalg.norm(theirs - ours[: len(theirs)], axis=1)
        apart[name] = float(np.max(difference / way[: len(theirs)]))
    return apart


# --- report ---------------------------------------------------------------------------------------


def table(results: dict) -> Table:
    """One row for each task and rival."""
    columns = ("rival", "ms", "min", "quartiles", "× pyl2", "GFLOP/s", "% of peak", "apart")
    title = "paths --quick" if results["quick"] else "paths"
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("task", no_wrap=True)
    for column in columns:
        shown.add_column(column, justify="left" if column == "rival" else "right", no_wrap=True)
    for record in results["cases"]:
        labels = [f"[bold]{record['case']['name']}[/], {record['title']}", record["task"]]
        for i, name in enumerate(report.by_time(record)):
            apart = f"{record['rivals'][name]['apart']:.0e}"
            shown.add_row(labels[i] if i < 2 else "", *report.task_row(record, name), apart)
        shown.add_section()
    return shown


# --- all of it ------------------------------------------------------------------------------------


def arguments(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rivals", help=f"comma-separated, of {', '.join(paths.names())}")
    parser.add_argument("--markdown", action="store_true", help="print the README's table too")
    args = processes.arguments(parser, list(TASKS), rounds=15, quick=3, argv=argv)
    args.rivals = processes.chosen(parser, args.rivals, paths.names())
    return args


def run(args) -> dict:
    """All chosen tasks, one after the other."""
    results = report.about(args.cores) | {"quick": args.quick, "rounds": args.rounds, "cases": []}
    with ExitStack() as stack:
        meters, workers = start_all(stack, "path", args, results["versions"])
        for name in args.cases:
            task = TASKS[name].quick() if args.quick else TASKS[name]
            progress.print(f"{name}: {task.title}, {task.task}", highlight=False)
            results["cases"].append(measure(task, list(workers), meters, args.rounds))
    return results


def main(argv=None) -> int:
    """Run, report, and return 1 if anyone failed or reached something else."""
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
