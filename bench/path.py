"""Training at many λ: pyl2's networks side by side, beside JAX's, and beside one after the other.

The weights reached are compared with pyl2's.
"""

from __future__ import annotations

import sys

import numpy as np
import paths
import report
import tasks
from cases import make
from paths import Task
from processes import Worker, attempt, decode

TOLERANCE = 1e-2  # of the way that training took the weights, in float32
CONVENTION = (
    "Time of all epochs of all networks; quartiles over the rounds; compiling is not counted. One "
    "by one: pyl2 all of them, PyTorch and scikit-learn two, scaled. ×: how many times as long as "
    "pyl2 it takes, median over rounds run side by side; in pyl2's own row that of the best rival. "
    "GFLOP/s: 6 × weights × items for each network and epoch. Peak: fused multiply-adds on the "
    "same cores in the same rounds. Apart: the largest norm of the difference from pyl2's weights, "
    "as a part of the way they went."
)


def compare(task: Task, workers: list[Worker], failures: list[str]) -> dict[str, dict]:
    """How far the weights of each are from pyl2's."""
    apart = differences(
        task,
        {
            worker.name: decode(reply["params"], task.dtype)
            for worker, reply in attempt(workers, failures, "reached").items()
        },
    )
    failures += [
        f"{name}: other weights, apart by {d:.1e}"
        for name, d in apart.items()
        if not d <= TOLERANCE
    ]
    return {name: {"apart": d} for name, d in apart.items()}


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


BENCH = tasks.Bench(
    role="path",
    about=__doc__.splitlines()[0],
    tasks=paths.TASKS,
    rivals=paths.names(),
    compare=compare,
    columns={"apart": "{:.0e}".format},
    convention=CONVENTION,
)

if __name__ == "__main__":
    sys.exit(tasks.main(BENCH))
