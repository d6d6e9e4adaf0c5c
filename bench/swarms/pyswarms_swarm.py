"""pyswarms' GlobalBestPSO with the objective of all particles at once; its places are float64."""

from __future__ import annotations

import tempfile
from contextlib import chdir
from importlib.metadata import version

from . import ATTRACTION, INERTIA, draw
from .objective import Objective

with tempfile.TemporaryDirectory() as folder, chdir(folder):  # it writes a log where it is
    from pyswarms.single import GlobalBestPSO


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return {"pyswarms": version("pyswarms")}


def prepare(task, problem, objective=Objective):
    """A swarm without bounds."""
    found = objective(task, problem)
    places = draw(task, task.particles, 0).astype(float)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        options = {"w": INERTIA, "c1": ATTRACTION, "c2": ATTRACTION}
        swarm = GlobalBestPSO(*places.shape, options, init_pos=places)
    swarm.swarm.velocity = (draw(task, task.particles, 1) - places) / 2

    def train():
        return float(swarm.optimize(found, task.epochs, verbose=False)[0])

    return train, found
