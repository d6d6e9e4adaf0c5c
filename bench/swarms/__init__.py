"""Particle swarms that train a network: one file a rival, `<name>_swarm.py`, with two functions.

versions() -> dict
    Name and version of what is measured.
prepare(case, problem) -> (train, errors)
    Everything that is done before the clock starts. `train()` lets a swarm of `case.particles`
    make `case.epochs` iterations, the first of which evaluates where the particles begin, and
    returns the best error found. `errors(places)` gives what the swarm minimises, the penalized
    error, of places (P, d) laid out as pyl2 does: the weights of all layers, (fan_in, fan_out) in C
    order, then the biases. Called again for each round.

All follow the global best with Clerc's constriction, `OPTIONS`. A module that cannot be imported is
a missing rival. Importing the package imports none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
from cases import Case, data_error

_SUFFIX = "_swarm"

INERTIA, ATTRACTION = 0.7298, 1.49618  # w and c₁ = c₂


@dataclass(frozen=True)
class Task(Case):
    """A case trained by a swarm, over all rows; an epoch is an iteration."""

    particles: int = 50

    @property
    def flops(self) -> int:
        """Operations of all iterations: one product of two flops per weight, for each particle."""
        return 2 * self.n_weights * self.items * self.particles * self.epochs

    @property
    def title(self) -> str:
        """A short description."""
        return f"{'-'.join(map(str, self.layer_sizes))} {self.hidden}, {self.output}"

    @property
    def task(self) -> str:
        """What is done, and to how many items."""
        return f"{self.particles} particles, {self.epochs} iterations, {self.items} items"

    def quick(self) -> Task:
        """A tenth of the iterations."""
        return replace(self, epochs=self.epochs // 10)


def _task(name, layer_sizes, hidden, output, items, particles, epochs) -> Task:
    return Task(
        name, layer_sizes, hidden, output, items, None, "swarm", 0, 0.1, epochs, "train",
        particles=particles,
    )  # fmt: skip


TASKS = {
    task.name: task
    for task in (
        _task("W8", (4, 7, 3), "tanh", "softmax", 150, particles=50, epochs=200),
        _task("W9", (13, 64, 1), "relu", "identity", 512, particles=256, epochs=50),
    )
}


def names() -> list[str]:
    """Rivals there is a file for."""
    files = Path(__file__).parent.glob(f"*{_SUFFIX}.py")
    return sorted(file.stem.removesuffix(_SUFFIX) for file in files)


def load(name: str):
    """The module of a rival."""
    return import_module(f"{__name__}.{name}{_SUFFIX}")


def draw(task: Task, count: int, seed: int) -> np.ndarray:
    """Places of so many networks as they begin, (count, d)."""
    rng = np.random.default_rng(seed)
    params = np.empty(task.n_weights + sum(task.layer_sizes[1:]))
    for W, b in task.layers(params):
        W[...] = b[...] = np.sqrt(6 / sum(W.shape))
    return (rng.uniform(-1, 1, (count, params.size)) * params).astype(task.dtype)


def penalized_error(task: Task, params: np.ndarray) -> float:
    """What all minimise, in float64."""
    weights = params[: task.n_weights].astype(float)
    return data_error(task, params) + task.l2 / (2 * task.items) * float(weights @ weights)
