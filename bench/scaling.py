"""How the time of an epoch grows: with width, batch, items and λ, pyl2 beside its rivals.

The points of a panel differ in one number. They are taken from the cheap to the dear, and a rival
is left out once a round of its last point's epochs would take more than `--cap` seconds. Otherwise
it is measured as `run.py` does it, the weights compared too.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import processes
import report
import rivals
from cases import Case
from processes import Worker, progress, start
from rich.box import SIMPLE_HEAD
from rich.table import Table
from run import SLOW_TO_START, mismatches, train

BASE = {
    "width": Case("width", (32, 32, 32, 10), "relu", "softmax", 1024, 64, "sgd", 2**-6, 0.01, 1),
    "batch": Case("batch", (64, 128, 10), "relu", "softmax", 4096, 64, "sgd", 2**-8, 0.01, 1),
    "items": Case("items", (13, 64, 64, 1), "relu", "identity", 100, 32, "sgd", 2**-8, 0.01, 1),
    "l2": Case("l2", (13, 64, 64, 1), "relu", "identity", 4096, 32, "sgd", 2**-6, 0.0, 1),
}
VALUES = {
    # Beside the powers of two, whose rows are a multiple of 2 KB apart, their neighbours.
    "width": [*(2**i for i in range(3, 9)), 511, 512, 513, 1023, 1024, 1025, 2047, 2048],
    "batch": [2**i for i in reversed(range(13))],
    "items": [100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000],
    "l2": [0, *(4.0**i for i in range(-6, 6)), 2048],  # at 2048 ηλ/n is 1: a step wipes W out
}
FIXED = {
    "width": "w-w-w-10 relu, batch 64, 1024 items",
    "batch": "64-128-10 relu, 4096 items",
    "items": "13-64-64-1 relu, batch 32",
    "l2": "13-64-64-1 relu, batch 32, 4096 items",
}
CLIFF = 1.5  # times the growth of the work
ROUND = 0.03  # seconds that a round of a fast rival should take
CONVENTION = (
    "Milliseconds per epoch, medians; ×: how many times as long as pyl2, in the same rounds. "
    "Growth: of pyl2's time from the next cheaper point, by that of the flops or of the updates, "
    "whichever is more; much above 1 is a cliff."
)


def point(panel: str, value: float) -> Case:
    """The case of one point, with enough epochs for the clock."""
    case = BASE[panel]
    if panel == "width":
        case = replace(case, layer_sizes=(value, value, value, case.layer_sizes[-1]))
    else:
        case = replace(case, **{panel: value})
    seconds = case.flops / 50e9 + case.updates * 5e-6  # a guess that is right within ten times
    return replace(case, epochs=int(np.clip(ROUND / seconds, 1, 100)))


# --- measuring ------------------------------------------------------------------------------------


def measure(panel: str, values: list, workers: list[Worker], args) -> list[dict]:
    """All points of a panel."""
    records, last = [], {}
    for value in values:
        case = point(panel, value)
        progress.print(f"{panel} {value:g}: {case.title}, {case.task}", highlight=False)
        rounds = {name: case.epochs * seconds for name, seconds in last.items()}
        skipped = {name: seconds for name, seconds in rounds.items() if seconds > args.cap}
        active = [worker for worker in workers if worker.name not in skipped]
        failures: list[str] = []
        record = train(case, active, [], args.rounds, failures)
        record |= {"panel": panel, "value": value, "case": {"name": f"{panel} {value:g}"}}
        record |= {"flops": case.flops, "updates": case.updates}
        record |= {"skipped": skipped, "failures": failures}
        record["growth"] = growth(records[-1] if records else None, record)
        for name, rival in record["rivals"].items():
            last[name] = float(np.median(rival["seconds"]))
            failures += mismatches(name, case.dtype, rival["difference"])
        records.append(record)
    return records


def growth(before: dict | None, record: dict) -> float | None:
    """Of our time from one record to the next, by that of the work."""
    if before is None or not all(report.OURS in r["rivals"] for r in (before, record)):
        return None
    now, then = (report.spread(r, report.OURS)["median"] for r in (record, before))
    return now / then / max(record[k] / before[k] for k in ("flops", "updates"))


# --- showing --------------------------------------------------------------------------------------


def table(results: dict) -> Table:
    """One row for each point."""
    names = report.in_order({n for record in results["cases"] for n in record["rivals"]})
    shown = Table(title="scaling", box=SIMPLE_HEAD, pad_edge=False)
    for column in ("", "", "growth", *names):
        shown.add_column(column, justify="right", no_wrap=True)
    for panel, records in panels(results).items():
        for record in records:
            cells = [_cell(record, name) for name in names]
            value = f"{record['value']:g}"
            shown.add_row(panel, value, _growth(record["growth"]), *cells)
        shown.add_section()
    return shown


def _growth(number: float | None) -> str:
    if number is None:
        return ""
    return f"[bold red]{report.times(number)}[/]" if number > CLIFF else report.times(number)


def _cell(record: dict, name: str) -> str:
    if name not in record["rivals"]:
        return "skipped" if name in record["skipped"] else "–"
    s = report.spread(record, name)
    ratio = "" if name == report.OURS or not s["ratio"] else f" ({report.times(s['ratio'])})"
    return report.milliseconds(s["median"]) + ratio


def panels(results: dict) -> dict[str, list[dict]]:
    """The records of each panel, by its value."""
    found: dict[str, list[dict]] = {}
    for record in sorted(results["cases"], key=lambda record: record["value"]):
        found.setdefault(record["panel"], []).append(record)
    return {panel: found[panel] for panel in BASE if panel in found}


# Told apart in grey: by marker and line.
LINES = {
    "pyl2": {"color": "black", "lw": 2.2, "marker": "o"},
    "jax": {"color": "0.35", "ls": "--", "marker": "s"},
    "numpy": {"color": "0.35", "ls": "-", "marker": "^"},
    "sklearn": {"color": "0.6", "ls": "-", "marker": "x"},
    "torch": {"color": "0.6", "ls": ":", "marker": "D"},
    "torch_compile": {"color": "0.35", "ls": ":", "marker": "+"},
}


def figure(results: dict, path: Path) -> None:
    """Four panels, both axes logarithmic."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    chosen = panels(results)
    for ax in axes.flat[len(chosen) :]:
        ax.set_axis_off()
    for ax, (panel, records) in zip(axes.flat, chosen.items(), strict=False):
        _panel(ax, panel, records)
    drawn = {
        label: handle for ax in axes.flat for handle, label in zip(*_labelled(ax), strict=True)
    }
    names = report.in_order(drawn)
    handles = [drawn[name] for name in names]
    fig.legend(handles, names, loc="outside lower center", ncols=6, frameon=False)
    fig.suptitle(f"{report.where(results)}, float32, ms per epoch", fontsize=10)
    fig.savefig(path, dpi=150)
    plt.close(fig)


def _labelled(ax):
    return ax.get_legend_handles_labels()


def _panel(ax, panel: str, records: list[dict]) -> None:
    places = {record["value"]: record["value"] for record in records}
    if 0 in places:  # has no place on a logarithmic axis: one step left of the smallest
        places[0] = min(value for value in places if value) / 4
    for name in report.in_order({n for record in records for n in record["rivals"]}):
        there = [record for record in records if name in record["rivals"]]
        medians = [1e3 * report.spread(record, name)["median"] for record in there]
        x = [places[record["value"]] for record in there]
        ax.plot(x, medians, label=name, ms=5, mfc="none", **LINES.get(name, {"marker": "."}))
    ax.set_xscale("log", base=10 if panel == "items" else 2)
    report.decades(ax)
    if 0 in places:
        shown = sorted(places)[::3]
        ax.set_xticks([places[v] for v in shown], [f"{v:g}" for v in shown])
    ax.set_title(FIXED[panel], fontsize=10, loc="left")
    ax.set_xlabel("λ" if panel == "l2" else panel)
    ax.spines[["top", "right"]].set_visible(False)


# --- all of it ------------------------------------------------------------------------------------


def arguments(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = rivals.names()
    parser.add_argument("--rivals", help=f"comma-separated, of {', '.join(known)}")
    parser.add_argument("--cap", type=float, help="seconds of a round at most (3; --quick 1)")
    args = processes.arguments(parser, list(BASE), rounds=5, quick=2, argv=argv)
    args.cap = args.cap or (1.0 if args.quick else 3.0)
    if args.rivals is None:
        progress.print(f"{SLOW_TO_START} compiles for each point: skipped, unless named")
        known = [name for name in known if name != SLOW_TO_START]
    args.rivals = processes.chosen(parser, args.rivals, known)
    return args


def run(args) -> dict:
    """All chosen panels, one after the other."""
    results = report.about(args.cores, args.isa) | {
        "quick": args.quick,
        "rounds": args.rounds,
        "cases": [],
    }
    with ExitStack() as stack:
        versions = results["versions"]
        workers = [
            start(stack, "rival", name, args.cores, args.isa, versions) for name in args.rivals
        ]
        workers = [worker for worker in workers if worker]
        for panel in args.cases:
            values = VALUES[panel][:-2:2] if args.quick else VALUES[panel]
            results["cases"] += measure(panel, values, workers, args)
    return results


def main(argv=None) -> int:
    """Run, report, and return 1 if anyone failed or reached other weights."""
    args = arguments(argv)
    results = run(args)
    report.show(results, table(results), CONVENTION)
    print(f"skipped: a round would have taken more than {args.cap:g} s")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.output:
        figure(results, args.output)
    return int(any(record["failures"] for record in results["cases"]))


if __name__ == "__main__":
    sys.exit(main())
