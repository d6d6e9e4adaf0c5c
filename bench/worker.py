"""One process of a bench: `worker.py ROLE NAME CORES`, a JSON request a line in, a reply out.

ROLE is a key of `ROLES`, NAME who plays it. A request {"do": method, ...} calls that method with
the other entries; what fails is replied as {"error": message}. The clock runs here, around the
training alone.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import warnings
from dataclasses import asdict

import fits
import numpy as np
import paths
import rivals
import swarms
from cases import Case, make
from peak import Peak
from rivals import THREADS

ALONE = 0.97  # share of the core from which on nobody else was there


class Rival:
    """Trains the cases it is told to."""

    def __init__(self, name: str) -> None:
        self._module = rivals.load(name)
        self._case = self._problem = self._params = None

    def hello(self) -> dict:
        """What runs here."""
        return {"versions": self._module.versions()}

    def prepare(self, case: dict) -> dict:
        """Take a case, if the rival can do it, or what it does in its place."""
        case = Case.read(case)
        supported = self._module.supports(case)
        if supported:
            self._case = getattr(self._module, "instead", lambda case: case)(case)
            self._problem = make(self._case)
        return {"supported": supported, "case": asdict(self._case) if supported else None}

    def round(self) -> dict:
        """Train all epochs of the case from its start."""
        train, self._params = self._module.prepare(self._case, self._problem)
        return clocked(train, self._case.epochs)

    def params(self) -> dict:
        """The parameters after the last round (or what was predicted), in the case's dtype."""
        vector = self._params().astype(self._case.dtype, copy=False)
        return {"params": encode(vector)}


class PeakMeter:
    """Samples the peak of the core."""

    def __init__(self, name: str) -> None:
        self._peak = Peak()

    def hello(self) -> dict:
        """Nothing to tell."""
        return {"versions": {}}

    def sample(self, dtype: str) -> dict:
        """GFLOP/s of fused multiply-adds now."""
        return {"gflops": self._peak.sample(dtype)}


class Estimators:
    """Fits, and calls, the estimators of one package."""

    def __init__(self, name: str) -> None:
        self._package = fits.Package(name)

    def hello(self) -> dict:
        """What runs here."""
        return {"versions": self._package.versions()}

    def prepare(self, task: dict) -> dict:
        """Take a task."""
        self._run = self._package.prepare(fits.Task(**task | {"hidden": tuple(task["hidden"])}))
        return {}

    def round(self) -> dict:
        """Do it once, from its start."""
        return clocked(self._run.begin(), self._run.task.calls)

    def reached(self) -> dict:
        """What the last round led to: vectors by name."""
        return {"reached": {name: encode(v) for name, v in self._run.reached().items()}}


class Swarm:
    """Lets swarms train the tasks it is told to."""

    def __init__(self, name: str) -> None:
        self._module = swarms.load(name)

    def hello(self) -> dict:
        """What runs here."""
        return {"versions": self._module.versions()}

    def prepare(self, task: dict) -> dict:
        """Take a task."""
        self._task = swarms.Task.read(task)
        self._problem = make(self._task)
        return {}

    def round(self) -> dict:
        """Make all iterations of a new swarm."""
        train, self._errors = self._module.prepare(self._task, self._problem)

        def call():
            self._best = train()

        return clocked(call, 1)

    def reached(self, count: int) -> dict:
        """The best error of the last round, and the errors of so many given places."""
        errors = self._errors(swarms.draw(self._task, count, seed=2))
        return {"best": float(self._best), "errors": errors.tolist()}


class Path:
    """Trains the networks of a path."""

    def __init__(self, name: str) -> None:
        self._module = paths.load(name)

    def hello(self) -> dict:
        """What runs here."""
        return {"versions": self._module.versions()}

    def prepare(self, task: dict) -> dict:
        """Take a task."""
        self._task = paths.Task.read(task)
        self._problem = make(self._task)
        return {}

    def round(self) -> dict:
        """Train all networks from the start; the time of some is scaled to that of all."""
        train, self._params, part = self._module.prepare(self._task, self._problem)
        return clocked(train, part / self._task.networks)

    def reached(self) -> dict:
        """The parameters after the last round, of all networks that were trained."""
        return {"params": encode(self._params().astype(self._task.dtype, copy=False))}


ROLES = {
    "rival": Rival,
    "estimators": Estimators,
    "peak": PeakMeter,
    "swarm": Swarm,
    "path": Path,
}


def clocked(call, times: float) -> dict:
    """Seconds of one of so many times that `call()` does a thing, and our share of the core.

    Where another process had much of the only core, the processor's time is taken, which leaves
    the other's out.
    """
    start, busy = time.perf_counter(), time.process_time()
    call()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    disturbed = THREADS == 1 and busy < ALONE * seconds
    taken, clock = (busy, "processor") if disturbed else (seconds, "wall")
    return {"seconds": taken / times, "share": busy / seconds / THREADS, "clock": clock}


def encode(vector: np.ndarray) -> str:
    """A vector as text."""
    return base64.b64encode(vector.tobytes()).decode()


def pin(cores: set[int]) -> None:
    """Stay on these cores, where the system lets us choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def main() -> None:
    """Answer requests until the input ends."""
    role, name, cores = sys.argv[1], sys.argv[2], {int(core) for core in sys.argv[3].split(",")}
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a rival prints, in C too, must not mix with replies
    warnings.simplefilter("ignore")
    pin(cores)
    worker = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            worker = worker or ROLES[role](name)
            reply = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
