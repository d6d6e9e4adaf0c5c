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
import sys
from contextlib import ExitStack
from dataclasses import asdict, replace

import numpy as np
import processes
import report
import rivals
from cases import CASES, make
from processes import Worker, attempt, progress, start

REFERENCE = "numpy"
# Distance from the reference's weights, as a part of the way that training took them. Float32 may
# put a unit of relu near its kink on either side, and Adam turns tiny gradients into whole steps.
TOLERANCE = {"float32": 0.05, "float64": 1e-9}


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
    parser.add_argument("--rivals", help=f"comma-separated, of {', '.join(rivals.names())}")
    args = processes.arguments(parser, list(CASES), rounds=15, quick=5, argv=argv)
    args.rivals = processes.chosen(parser, args.rivals, rivals.names())
    return args


def run(args) -> dict:
    """All chosen cases, one after the other."""
    results = report.about(args.core) | {"quick": args.quick, "rounds": args.rounds, "cases": []}
    with ExitStack() as stack:
        meter = start(stack, "peak", "peak", args.core, results["versions"])
        workers = [
            start(stack, "rival", name, args.core, results["versions"]) for name in args.rivals
        ]
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
    report.show(results, report.table(results), report.CONVENTION)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.output:
        report.figure(results, args.output)
    return int(any(record["failures"] for record in results["cases"]))


if __name__ == "__main__":
    sys.exit(main())
