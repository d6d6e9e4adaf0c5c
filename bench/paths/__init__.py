"""Networks of one shape trained at many λ: one file a rival, `<name>_path.py`, with two functions.

versions() -> dict
    Name and version of what is measured.
prepare(task, problem) -> (train, params, part)
    Everything that is done before the clock starts. `train()` then trains the case once for each
    of the first `part` λ of `task.lambdas`, always from `problem.params`, the rows in the order of
    `problem.orders`; `params()` gives the resulting parameters (part, d). Called again for each
    round.

Who trains one network after the other may take a few of them for the whole: the time is scaled. A
module that cannot be imported is a missing rival. Importing the package imports none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
from cases import Case

_SUFFIX = "_path"

WEAKEST, STRONGEST = 1e-6, 10.0  # λ/n, which is what a weight feels


@dataclass(frozen=True)
class Task(Case):
    """A case trained at many λ; its own `l2` is not used."""

    networks: int = 16

    @property
    def lambdas(self) -> list[float]:
        """From next to nothing to next to a constant."""
        return list(self.items * np.geomspace(WEAKEST, STRONGEST, self.networks))

    @property
    def flops(self) -> int:
        """Operations of all epochs of all networks, by the convention of `Case`."""
        return super().flops * self.epochs * self.networks

    @property
    def task(self) -> str:
        """What is done, how often, and to how many items."""
        return f"{self.networks} λ, {self.epochs} epochs, {super().task}"

    def at(self, l2: float) -> Case:
        """One of the trainings."""
        fields = {name: getattr(self, name) for name in Case.__dataclass_fields__}
        return Case(**fields | {"l2": l2})

    def quick(self) -> Task:
        """A tenth of the epochs."""
        return replace(self, epochs=max(1, self.epochs // 10))


def _task(name, layer_sizes, output, items, batch, optimizer, eta, epochs) -> Task:
    return Task(
        name, layer_sizes, "tanh", output, items, batch, optimizer, eta, 0.0, epochs, "train"
    )


TASKS = {
    task.name: task
    for task in (
        _task("curve", (8, 50, 1), "identity", 8192, 32, "sgd", 2**-6, 20),
        _task("iris", (4, 7, 3), "softmax", 150, 10, "sgd", 2**-6, 200),
        _task("digits", (64, 100, 10), "softmax", 1792, 32, "adam", 0.001, 5),
    )
}


def names() -> list[str]:
    """Rivals there is a file for."""
    files = Path(__file__).parent.glob(f"*{_SUFFIX}.py")
    return sorted(file.stem.removesuffix(_SUFFIX) for file in files)


def load(name: str):
    """The module of a rival."""
    return import_module(f"{__name__}.{name}{_SUFFIX}")


def one_by_one(rival, task: Task, problem, part: int):
    """`prepare` of a rival of `rivals`, which knows nothing of paths: so many λ in turn."""
    runs = [rival.prepare(task.at(l2), problem) for l2 in task.lambdas[:part]]

    def train():
        for run, _ in runs:
            run()

    return train, lambda: np.stack([params() for _, params in runs]), part
