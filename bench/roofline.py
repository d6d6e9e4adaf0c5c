"""Where each workload stands between what the core can compute and what memory can bring.

Reads what `run.py`, `swarm.py` and `path.py` have written by `--json`, and prints the rows that
`docs/examples/plot_roofline.py` draws: flops a byte, pyl2's per cent of the peak sampled in the
same rounds, and those of the best rival. The bytes are the least that can be moved: parameters and
the optimizer's state read and written once a batch, and every row read once. The roofs are what
this core moves from its caches and from memory, measured here.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import processes
import report
from worker import pin

STATES = {None: 0, "sgd": 0, "adam": 2, "adamw": 2}
# Of a particle: its place and velocity read and written, its best and that of whom it follows read.
MOVED_BY_A_SWARM = 6
SIZES = {"L2": 2**18, "L3": 2**23, "memory": 2**27}  # bytes, of arrays that fit no nearer


def intensity(record: dict) -> float:
    """Flops a byte of a case, by the least that it must move."""
    case = record["case"]
    sizes, items, optimizer = case["layer_sizes"], case["items"], case["optimizer"]
    params = sum((i + 1) * o for i, o in pairwise(sizes))
    rows = items * (sizes[0] + sizes[-1])
    epochs = case["epochs"] if "particles" in case or "networks" in case else 1
    if "particles" in case:
        moved = MOVED_BY_A_SWARM * case["particles"] * params
    elif optimizer is None:
        moved = params
    else:
        updates = -(-items // (case["batch"] or items))
        moved = 2 * (1 + STATES[optimizer]) * params * updates * case.get("networks", 1)
    return record["flops"] / (epochs * (moved + rows) * np.dtype(case["dtype"]).itemsize)


def row(record: dict) -> str:
    """A workload as a line of Python."""
    ours = 100 * report.summary(record, report.OURS)["peak"]
    first = report.best(record)
    theirs = 100 * report.summary(record, first[0])["peak"] if first else float("nan")
    name = record["case"]["name"]
    return f"({name!r}, {intensity(record):.3g}, {ours:.3g}, {theirs:.3g}),"


def bandwidth(size: int, seconds: float = 2) -> float:
    """GB/s of an update in its place, numbers read and written, in an array of so many bytes."""
    numbers = np.ones(size // 4, np.float32)
    factor = np.float32(1)
    best, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        np.multiply(numbers, factor, out=numbers)
        best = min(best, time.perf_counter() - start)
    return 2 * size / best / 1e9


def main(argv=None) -> int:
    """Print the rows, and the roofs in per cent of the peak at one flop a byte."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", type=Path, help="files written by --json")
    parser.add_argument("--core", type=int, default=processes.allowed()[-1], help="core to run on")
    args = parser.parse_args(argv)
    pin({args.core})
    found = [json.loads(path.read_text()) for path in args.results]
    records = [record for results in found for record in results["cases"] if record["rivals"]]
    peak = float(np.median([sample for record in records for sample in record["peak"]]))
    print(f"# {report.where(found[0])}, {peak:.0f} GFLOP/s: name, flops a byte, %, best rival's %")
    print("\n".join(row(record) for record in records))
    print("# GB/s: " + ", ".join(f"{name} {bandwidth(size):.0f}" for name, size in SIZES.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
