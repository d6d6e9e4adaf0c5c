"""What `path.py` and `swarm.py` share: whole trainings, a rival below the other for each task.

Each rival is a process of its own, all on the same core, or on as many as there are threads; only
one computes at a time. A round lets each do the whole task once, in turn, and samples the peak of
fused multiply-adds on the same cores.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import processes
import report
from processes import Worker, attempt, progress, sample_peak, start_all, take_rounds
from rich.box import SIMPLE_HEAD
from rich.table import Table


@dataclass(frozen=True)
class Bench:
    """What one of the two measures."""

    role: str  # of worker.py
    about: str
    tasks: dict[str, Any]
    rivals: list[str]
    compare: Callable[[Any, list[Worker], list[str]], dict[str, dict]]
    """(task, workers, failures) to {name: {column: value}}: what the rivals reached."""
    columns: dict[str, Callable[[float], str]]  # of `compare`, and how each is written
    convention: str


def main(bench: Bench, argv=None) -> int:
    """Run, report, and return 1 if anyone failed or reached something else."""
    args = _arguments(bench, argv)
    results = _run(bench, args)
    report.show(results, _table(bench, results), bench.convention)
    if args.markdown:
        print(_markdown(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.output:
        _figure(results, args.output)
    return int(any(record["failures"] for record in results["cases"]))


def _arguments(bench: Bench, argv) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=bench.about)
    parser.add_argument("--rivals", help=f"comma-separated, of {', '.join(bench.rivals)}")
    parser.add_argument("--markdown", action="store_true", help="print the README's table too")
    args = processes.arguments(parser, list(bench.tasks), rounds=15, quick=3, argv=argv)
    args.rivals = processes.chosen(parser, args.rivals, bench.rivals)
    return args


# --- measuring ------------------------------------------------------------------------------------


def _run(bench: Bench, args) -> dict:
    """All chosen tasks, one after the other."""
    results = report.about(args.cores, args.isa) | {
        "quick": args.quick,
        "rounds": args.rounds,
        "cases": [],
    }
    with ExitStack() as stack:
        meters, workers = start_all(stack, bench.role, args, results["versions"])
        for name in args.cases:
            task = bench.tasks[name].quick() if args.quick else bench.tasks[name]
            progress.print(f"{name}: {task.title}, {task.task}", highlight=False)
            results["cases"].append(_measure(bench, task, list(workers), meters, args.rounds))
    return results


def _measure(bench: Bench, task, workers: list[Worker], meters: list[Worker], rounds: int) -> dict:
    """Everything about one task, ready for JSON: times, peak, what was reached, failures."""
    failures: list[str] = []
    active = list(attempt(workers, failures, "prepare", task=asdict(task)))
    peak: list[float] = []
    taken = take_rounds(
        active, failures, rounds, between=lambda: peak.extend(sample_peak(meters, task.dtype))
    )
    reached = bench.compare(task, active, failures)
    rivals = {name: taken[name] | told for name, told in reached.items()}
    about = {"case": asdict(task), "title": task.title, "task": task.task, "flops": task.flops}
    return about | {"peak": peak, "rivals": rivals, "failures": failures}


# --- showing --------------------------------------------------------------------------------------


def _table(bench: Bench, results: dict) -> Table:
    """One row for each task and rival."""
    columns = ("rival", "ms", "min", "quartiles", "× pyl2", "GFLOP/s", "% of peak", *bench.columns)
    title = f"{bench.role} --quick" if results["quick"] else bench.role
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("task", no_wrap=True)
    for column in columns:
        shown.add_column(column, justify="left" if column == "rival" else "right", no_wrap=True)
    for record in results["cases"]:
        labels = [f"[bold]{record['case']['name']}[/], {record['title']}", record["task"]]
        for i, name in enumerate(_by_time(record)):
            ends = (write(record["rivals"][name][key]) for key, write in bench.columns.items())
            shown.add_row(labels[i] if i < 2 else "", *_row(record, name), *ends)
        shown.add_section()
    return shown


def _by_time(record: dict) -> list[str]:
    """Ours first, then the fastest."""
    medians = {name: report.spread(record, name)["median"] for name in record["rivals"]}
    return sorted(medians, key=lambda name: (name != report.OURS, medians[name]))


def _row(record: dict, name: str) -> list[str]:
    """Name, times and speed of a rival."""
    s = report.summary(record, name)
    return [
        f"[bold]{name}[/]" if name == report.OURS else name,
        *report.time_cells(record, name),
        report.significant(s["gflops"]),
        "–" if s["peak"] is None else f"{100 * s['peak']:.1f}",
    ]


def _markdown(results: dict) -> str:
    """One row for each rival, one column for each task: ms (× pyl2)."""
    records = results["cases"]
    names = list(dict.fromkeys(name for record in records for name in _by_time(record)))
    rows = [["", *(f"{record['title']}, {record['task']}" for record in records)]]
    rows += [["---"] * len(rows[0])]
    rows += [[name, *(_cell(record, name) for record in records)] for name in names]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", report.heading(results)])


def _cell(record: dict, name: str) -> str:
    if name not in record["rivals"]:
        return "–"
    s = report.summary(record, name)
    text = report.milliseconds(s["median"])
    if name != report.OURS:
        return f"{text} ({report.times(s['ratio'])})" if s["ratio"] else text
    share = "" if s["peak"] is None else f", {100 * s['peak']:.0f} % of peak"
    return f"**{text}**{share}"


def _figure(results: dict, path) -> None:
    """Bars of the time of each task."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    records = [record for record in results["cases"] if record["rivals"]]
    fig, axes = plt.subplots(figsize=(4 * len(records) + 1, 4), layout="constrained")
    ticks = [f"{record['title']}\n{record['task']}" for record in records]
    report.bars(axes, records, ticks, "ms")
    axes.legend(frameon=False, fontsize=8)
    title = f"{report.where(results)}, float32; above the bars: × {report.OURS}"
    axes.set_title(title, fontsize=9, loc="left")
    fig.savefig(path, dpi=150)
    plt.close(fig)
