"""pyl2's ParticleSwarm beside other swarms that train a network on the same penalized error.

What each minimises is compared, at the same places, with the penalized error in float64.
"""

from __future__ import annotations

import sys

import numpy as np
import report
import swarms
import tasks
from processes import Worker, attempt
from swarms import Task, draw, penalized_error

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


def compare(task: Task, workers: list[Worker], failures: list[str]) -> dict[str, dict]:
    """The best error that each has found, and how far off it computes errors."""
    exact = np.array([penalized_error(task, place) for place in draw(task, PLACES, seed=2)])
    found = {}
    for worker, reply in attempt(workers, failures, "reached", count=PLACES).items():
        apart = float(np.max(np.abs(reply["errors"] / exact - 1)))
        if not apart <= TOLERANCE:  # NaN is not either
            failures.append(f"{worker.name}: minimises something else, apart by {apart:.1e}")
        found[worker.name] = {"E": reply["best"], "apart": apart}
    return found


BENCH = tasks.Bench(
    role="swarm",
    about=__doc__.splitlines()[0],
    tasks=swarms.TASKS,
    rivals=swarms.names(),
    compare=compare,
    columns={"E": report.significant, "apart": "{:.0e}".format},
    convention=CONVENTION,
)

if __name__ == "__main__":
    sys.exit(tasks.main(BENCH))
