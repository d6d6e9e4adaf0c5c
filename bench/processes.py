"""The processes of a bench: one for each that is measured, on as many cores as it has threads."""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console

progress = Console(stderr=True)

# What holds everyone to an instruction set, variable by variable: pyl2; OpenBLAS and NumPy's own
# loops, by their names of all versions; XLA; PyTorch, and in it oneDNN and MKL.
HOLDS = {
    "avx2": {
        "PYL2_ISA": "avx2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX"
        " AVX512_CLX AVX512_CNL",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "DNNL_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    }
}
NOT_HELD = "onnxruntime"  # chooses by the processor alone


class Failure(Exception):
    """A process of the bench could not do what it was asked."""


class Worker:
    """A process that answers one request at a time; `role` is one of `worker.py`'s."""

    def __init__(self, role: str, name: str, cores: list[int], isa: str | None) -> None:
        self.name = name
        script, places = Path(__file__).with_name("worker.py"), ",".join(map(str, cores))
        self._process = subprocess.Popen(
            [sys.executable, str(script), role, name, places],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(len(cores), isa),
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


def environment(threads: int, isa: str | None = None) -> dict[str, str]:
    """So many threads, and everyone held to an instruction set, or nobody's BLAS to any."""
    left_out = ("OPENBLAS_CORETYPE", "XLA_FLAGS")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    counts = {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")}
    return kept | counts | HOLDS.get(isa, {})


def allowed() -> list[int]:
    """The cores that we may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def start(
    stack: ExitStack, role: str, name: str, cores: list[int], isa: str | None, versions: dict
) -> Worker | None:
    """A worker, or None and a line that names what is missing."""
    worker = stack.enter_context(Worker(role, name, cores, isa))
    try:
        versions |= worker.ask("hello")["versions"]
    except Failure as failure:
        progress.print(f"{name} is missing and skipped: {failure}", style="yellow", markup=False)
        return None
    return worker


def start_all(
    stack: ExitStack, role: str, args, versions: dict
) -> tuple[list[Worker], list[Worker]]:
    """Those that sample the peak, one on each core or none at all, and the rivals that are here."""
    meters = [
        start(stack, "peak", f"the peak of core {c}", [c], args.isa, versions) for c in args.cores
    ]
    workers = [start(stack, role, name, args.cores, args.isa, versions) for name in args.rivals]
    return meters if all(meters) else [], [worker for worker in workers if worker]


def attempt(workers: list[Worker], failures: list[str], do: str, **request) -> dict[Worker, dict]:
    """The replies of those who gave one; a failure is noted, and ends that worker's case."""
    replies = {}
    for worker in list(workers):
        try:
            replies[worker] = worker.ask(do, **request)
        except Failure as failure:
            failures.append(f"{worker.name}: {failure}")
            workers.remove(worker)
    return replies


def sample_peak(meters: list[Worker], dtype: str) -> list[float]:
    """Fused multiply-adds of all cores together, in GFLOP/s, once; nothing if nobody samples."""
    return [sum(meter.ask("sample", dtype=dtype)["gflops"] for meter in meters)] if meters else []


def decode(text: str, dtype: str) -> np.ndarray:
    """The vector that a worker sent."""
    return np.frombuffer(base64.b64decode(text), dtype)


def take_rounds(active: list[Worker], failures: list[str], rounds: int, between=None) -> dict:
    """A round that is not counted, then so many more: {name: {"seconds": [...], ...}}, as replied.

    `between` is called after each that counts.
    """
    taken = {worker.name: {"seconds": [], "share": [], "clock": []} for worker in active}
    attempt(active, failures, "round")
    for _ in range(rounds):
        for worker, reply in attempt(active, failures, "round").items():
            for name, samples in taken[worker.name].items():
                samples.append(reply[name])
        if between:
            between()
    return taken


def arguments(
    parser: argparse.ArgumentParser, known: list[str], rounds: int, quick: int, argv=None
) -> argparse.Namespace:
    """Add the options that all benches have, and read the command line."""
    groups = list(dict.fromkeys(name.split("-")[0] for name in known if "-" in name))
    parser.add_argument("--cases", help=f"comma-separated, of {', '.join(known + groups)}")
    parser.add_argument(
        "--rounds", type=int, help=f"rounds that count ({rounds}; with --quick {quick})"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer items")
    parser.add_argument("--core", type=int, default=None, help="first core to run on (the last)")
    parser.add_argument("--threads", type=int, default=1, help="threads, a core for each (1)")
    parser.add_argument(
        "--isa", choices=HOLDS, help="hold everyone to an instruction set (each takes its best)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples")
    parser.add_argument("--output", type=Path, metavar="FIGURE.png", help="draw the times")
    args = parser.parse_args(argv)
    args.rounds = args.rounds or (quick if args.quick else rounds)
    args.cases = chosen(parser, args.cases, known)
    args.cores = _cores(parser, args.core, args.threads)
    return args


def _cores(parser, first: int | None, threads: int) -> list[int]:
    """A core for each thread, one after the other."""
    ours = allowed()
    first = ours[-threads] if first is None and 0 < threads <= len(ours) else first
    cores = [] if first is None else list(range(first, first + threads))
    if not cores or not set(cores) <= set(ours):
        parser.error(
            f"no {threads} cores from {first or ours[0]} on among those we may use: {ours}"
        )
    return cores


def chosen(parser, text: str | None, known: list[str]) -> list[str]:
    """The known names that were given, all if none; "W6" stands for all that begin with "W6-"."""
    wanted = text.split(",") if text else known
    matches = {name: [k for k in known if name in (k, k.split("-")[0])] for name in wanted}
    for name, found in matches.items():
        if not found:
            parser.error(f"{name!r} is none of {', '.join(known)}")
    return [k for k in known if any(k in found for found in matches.values())]
