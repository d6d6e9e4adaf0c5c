"""pyl2 as its users call it: `ParticleSwarm.train`, one call for all iterations."""

from __future__ import annotations

import platform

import numpy as np
from rivals import THREADS

import pyl2
from pyl2 import Network, ParticleSwarm

from . import ATTRACTION, INERTIA


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return {"pyl2": pyl2.__version__, "python": platform.python_version()}


def prepare(task, problem):
    """A network and its trainer."""
    trainer = _trainer(task, task.particles, "fresh")

    def train():
        return trainer.train(problem.X, problem.Y, epochs=task.epochs).error[-1]

    def errors(places):
        swarms = [_trainer(task, 1, place[None]) for place in places]
        return np.array([s.train(problem.X, problem.Y, epochs=1).error[0] for s in swarms])

    return train, errors


def _trainer(task, particles, init):
    network = Network(task.layer_sizes, task.hidden, task.output, dtype=np.dtype(task.dtype))
    threads = {} if THREADS == 1 else {"n_threads": THREADS}
    return ParticleSwarm(
        network,
        particles,
        task.l2,
        topology="global",
        inertia=INERTIA,
        c1=ATTRACTION,
        c2=ATTRACTION,
        init=init,
        seed=0,
        **threads,
    )
