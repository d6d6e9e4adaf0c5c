"""pyl2 beside its rivals: time per epoch, share of the machine's peak, and the same weights.

Each rival is a process of its own, all on the same core, or on as many as there are threads; only
one computes at a time. A round lets each train a case once, in turn, and samples the peak of fused
multiply-adds on the same cores, so that ratios compare what ran side by side. Every round starts
from the same weights and takes the rows in the same order; the weights reached are compared, and
once more in float64 off the clock, where all rivals must agree to rounding. The first round, in
which some compile, does not count.
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
import rivals
from cases import CASES, Case, data_error, make
from processes import Worker, attempt, decode, progress, sample_peak, start_all, take_rounds

REFERENCE = "numpy"
# Distance from the reference's weights, as a part of the way that training took them. Float32 may
# put a unit of relu near its kink on either side, and Adam turns tiny gradients into whole steps.
TOLERANCE = {"float32": 0.05, "float64": 1e-9}
SLOW_TO_START = "torch_compile"  # compiles each case for some ten seconds; not for --quick


# --- one case ---------------------------------------------------------------------------------


def measure(case, workers: list[Worker], meters: list[Worker], rounds: int) -> dict:
    """Everything about one case, ready for JSON: times, peak, differences, failures."""
    failures: list[str] = []
    exact = train(case.exact(), workers, [], 0, failures)
    timed = train(case, workers, meters, rounds, failures)
    for name, rival in timed["rivals"].items():
        rival["difference_float64"] = exact["rivals"].get(name, {}).get("difference")
        failures += mismatches(name, "float64", rival["difference_float64"])
        failures += mismatches(name, case.dtype, rival["difference"])
    about = {"case": asdict(case), "title": case.title, "task": case.task, "flops": case.flops}
    return about | timed | {"failures": failures}


def train(case, workers, meters, rounds, failures) -> dict:
    """A round that is not counted, then `rounds` more, and the weights after the last."""
    replies = attempt(workers, failures, "prepare", case=asdict(case))
    active = [worker for worker, reply in replies.items() if reply["supported"]]
    does = {w.name: Case.read(replies[w]["case"]) for w in active}
    peak: list[float] = []
    taken = take_rounds(
        active, failures, rounds, between=lambda: peak.extend(sample_peak(meters, case.dtype))
    )
    reached = attempt(active, failures, "params")
    vectors = {w.name: decode(reply["params"], case.dtype) for w, reply in reached.items()}
    apart = differences(case, {name: v for name, v in vectors.items() if does[name] == case})
    return {
        "peak": peak,
        "rivals": {
            name: taken[name]
            | {
                "difference": apart.get(name),
                "data_error": data_error(does[name], v) if case.optimizer else None,
                "instead": changes(case, does[name]),
            }
            for name, v in vectors.items()
        },
    }


def changes(case: Case, done: Case) -> dict:
    """What a rival does otherwise than the case says: {field: (case's, rival's)}."""
    theirs = asdict(done)
    return {name: (v, theirs[name]) for name, v in asdict(case).items() if v != theirs[name]}


def differences(case, vectors: dict[str, np.ndarray]) -> dict[str, float]:
    """Of each rival from the reference, relative to the way that the parameters went."""
    if not vectors:
        return {}
    reference = vectors.get(REFERENCE, next(iter(vectors.values())))
    way = np.linalg.norm(reference - make(case).params if case.optimizer else reference)
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
    parser.add_argument("--markdown", action="store_true", help="print the README's table too")
    args = processes.arguments(parser, list(CASES), rounds=15, quick=5, argv=argv)
    named = args.rivals is not None
    args.rivals = processes.chosen(parser, args.rivals, rivals.names())
    if args.quick and not named:
        progress.print(f"{SLOW_TO_START} compiles for minutes: skipped by --quick, unless named")
        args.rivals.remove(SLOW_TO_START)
    if args.isa and not named:
        progress.print(f"{processes.NOT_HELD} cannot be held to {args.isa}: skipped, unless named")
        args.rivals.remove(processes.NOT_HELD)
    return args


def run(args) -> dict:
    """All chosen cases, one after the other."""
    results = report.about(args.cores, args.isa) | {
        "quick": args.quick,
        "rounds": args.rounds,
        "cases": [],
    }
    with ExitStack() as stack:
        meters, workers = start_all(stack, "rival", args, results["versions"])
        for name in args.cases:
            case = CASES[name].quick() if args.quick else CASES[name]
            progress.print(f"{name}: {case.title}, {case.task}", highlight=False)
            results["cases"].append(measure(case, list(workers), meters, args.rounds))
            if args.json:  # after each case: the whole takes long
                args.json.write_text(json.dumps(results, indent=1) + "\n")
    return results


def main(argv=None) -> int:
    """Run, report, and return 1 if anyone failed or reached other weights."""
    args = arguments(argv)
    results = run(args)
    notes = [report.CONVENTION, *report.footnotes(results)]
    report.show(results, report.table(results), "\n".join(notes))
    if args.markdown:
        print(report.markdown(results))
    if args.output:
        report.figure(results, args.output)
    return int(any(record["failures"] for record in results["cases"]))


if __name__ == "__main__":
    sys.exit(main())
