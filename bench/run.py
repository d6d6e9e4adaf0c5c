"""pyl2 beside its rivals: time per epoch, share of the machine's peak, and the same weights.

Each rival is a process of its own, on one thread and one core; only one computes at a time. A
round lets each train a case once, in turn, and samples the peak of fused multiply-adds on the
same core, so that ratios compare what ran side by side. Every round starts from the same weights
and takes the rows in the same order; the weights reached are compared, and once more in float64
off the clock, where all rivals must agree to rounding.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import report
import rivals
from cases import CASES, make
from rich.console import Console

HERE = Path(__file__).parent
REFERENCE = "numpy"
# Distance from the reference's weights, as a part of the way that training took them. Float32 may
# put a unit of relu near its kink on either side, and Adam turns tiny gradients into whole steps.
TOLERANCE = {"float32": 0.05, "float64": 1e-9}

progress = Console(stderr=True)


class Failure(Exception):
    """A process of the bench could not do what it was asked."""


class Worker:
    """A process that answers one request at a time."""

    def __init__(self, name: str, core: int) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), name, str(core)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )

    def ask(self, do: str, **request) -> dict:
        """Send a request and wait for its reply."""
        try:
            self._process.stdin.write(json.dumps({"do": do} | request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        reply = json.loads(line) if line else {"error": "the process died"}
        if "error" in reply:
            raise Failure(reply["error"])
        return reply

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def environment() -> dict[str, str]:
    """One thread, and no instruction set forced on anyone's BLAS."""
    kept = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    return kept | {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}


def cores() -> list[int]:
    """The cores that we may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def start(stack: ExitStack, name: str, core: int, versions: dict) -> Worker | None:
    """A worker, or None and a line that names what is missing."""
    worker = stack.enter_context(Worker(name, core))
    try:
        versions |= worker.ask("hello")["versions"]
    except Failure as failure:
        progress.print(f"{name} is missing and skipped: {failure}", style="yellow", markup=False)
        return None
    return worker


# --- one case ---------------------------------------------------------------------------------


def measure(case, workers: list[Worker], meter: Worker | None, rounds: int) -> dict:
    """Everything about one case, ready for JSON: times, peak, differences, failures."""
    failures: list[str] = []
    exact = train(replace(case, dtype="float64"), workers, None, 0, failures)
    timed = train(case, workers, meter, rounds, failures)
    for name, rival in timed["rivals"].items():
        rival["difference_float64"] = exact["rivals"].get(name, {}).get("difference")
        failures += mismatches(name, "float64", rival["difference_float64"])
        failures += mismatches(name, case.dtype, rival["difference"])
    about = {"case": asdict(case), "title": case.title, "flops": case.flops}
    return about | timed | {"failures": failures}


def train(case, workers, meter, rounds, failures) -> dict:
    """A round that is not counted, then `rounds` more, and the weights after the last."""
    replies = attempt(workers, failures, "prepare", case=asdict(case))
    active = [worker for worker, reply in replies.items() if reply["supported"]]
    seconds: dict[str, list[float]] = {worker.name: [] for worker in active}
    peak = []
    for turn in range(rounds + 1):
        for worker, reply in attempt(active, failures, "round").items():
            if turn > 0:
                seconds[worker.name].append(reply["seconds"])
        if meter and turn > 0:
            peak.append(meter.ask("sample", dtype=case.dtype)["gflops"])
    reached = attempt(active, failures, "params")
    vectors = {w.name: decode(reply["params"], case.dtype) for w, reply in reached.items()}
    apart = differences(case, vectors)
    return {
        "peak": peak,
        "rivals": {n: {"seconds": seconds[n], "difference": apart[n]} for n in vectors},
    }


def attempt(workers, failures, do, **request) -> dict[Worker, dict]:
    """The replies of those who gave one; a failure is noted, and ends that rival's case."""
    replies = {}
    for worker in list(workers):
        try:
            replies[worker] = worker.ask(do, **request)
        except Failure as failure:
            failures.append(f"{worker.name}: {failure}")
            workers.remove(worker)
    return replies


def decode(text: str, dtype: str) -> np.ndarray:
    """The vector that a worker sent."""
    return np.frombuffer(base64.b64decode(text), dtype)


def differences(case, vectors: dict[str, np.ndarray]) -> dict[str, float]:
    """Of each rival from the reference, relative to the way that the parameters went."""
    if not vectors:
        return {}
    reference = vectors.get(REFERENCE, next(iter(vectors.values())))
    way = np.linalg.norm(reference - make(case).params)
    return {name: float(np.linalg.norm(v - reference) / way) for name, v in vectors.items()}


def mismatches(name: str, dtype: str, difference: float | None) -> list[str]:
    """A message if the weights are not those of the reference; NaN is not either."""
    if difference is None or difference <= TOLERANCE[dtype]:
        return []
    return [f"{name}: other weights than the reference's, {dtype}: apart by {difference:.1e}"]


# --- all of it --------------------------------------------------------------------------------


def arguments(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", help=f"comma-separated, of {', '.join(CASES)}, or W6")
    parser.add_argument("--rivals", help=f"comma-separated, of {', '.join(rivals.names())}")
    parser.add_argument("--rounds", type=int, help="rounds that count (15; with --quick 5)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer items")
    parser.add_argument("--core", type=int, default=cores()[-1], help="core to run on (the last)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples")
    parser.add_argument("--output", type=Path, metavar="FIGURE.png", help="draw the times")
    args = parser.parse_args(argv)
    args.rounds = args.rounds or (5 if args.quick else 15)
    args.cases = chosen(parser, args.cases, list(CASES))
    args.rivals = chosen(parser, args.rivals, rivals.names())
    return args


def chosen(parser, text: str | None, known: list[str]) -> list[str]:
    """The known names that were given, all if none; "W6" stands for all that begin with "W6-"."""
    wanted = text.split(",") if text else known
    matches = {name: [k for k in known if name in (k, k.split("-")[0])] for name in wanted}
    for name, found in matches.items():
        if not found:
            parser.error(f"{name!r} is none of {', '.join(known)}")
    return [k for k in known if any(k in found for found in matches.values())]


def run(args) -> dict:
    """All chosen cases, one after the other."""
    results = report.about(args.core) | {"quick": args.quick, "rounds": args.rounds, "cases": []}
    with ExitStack() as stack:
        meter = start(stack, "peak", args.core, results["versions"])
        workers = [start(stack, name, args.core, results["versions"]) for name in args.rivals]
        workers = [worker for worker in workers if worker]
        for name in args.cases:
            case = CASES[name].quick() if args.quick else CASES[name]
            progress.print(f"{name}: {case.title}, {case.optimizer}", highlight=False)
            results["cases"].append(measure(case, list(workers), meter, args.rounds))
    return results


def main(argv=None) -> int:
    """Run, report, and return 1 if anyone failed or reached other weights."""
    args = arguments(argv)
    results = run(args)
    report.show(results)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.output:
        report.figure(results, args.output)
    return int(any(record["failures"] for record in results["cases"]))


if __name__ == "__main__":
    sys.exit(main())
