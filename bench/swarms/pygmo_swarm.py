"""pygmo's pso_gen, in C++, with the objective of all particles at once; its places are float64.

It must have bounds, here far out, and clamps velocities to a part of their distance.
"""

from __future__ import annotations

import numpy as np
import pygmo as pg

from . import ATTRACTION, INERTIA, draw
from .objective import Objective

BOUND = 100.0


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return {"pygmo": pg.__version__}


class _Training:
    """The objective with pygmo's methods."""

    def __init__(self, objective, size: int) -> None:
        self._objective, self._size = objective, size

    def get_bounds(self):
        """Lower and upper."""
        return [-BOUND] * self._size, [BOUND] * self._size

    def fitness(self, place):
        """Of one place."""
        return [float(self._objective(place[None])[0])]

    def batch_fitness(self, places):
        """Of all places, one after the other in one vector."""
        return self._objective(places.reshape(-1, self._size)).astype(float)


def prepare(task, problem):
    """A population, not yet evaluated, and the algorithm."""
    objective = Objective(task, problem)
    places = draw(task, task.particles, 0).astype(float)
    swarm = pg.pso_gen(
        gen=task.epochs - 1,
        omega=INERTIA,
        eta1=ATTRACTION,
        eta2=ATTRACTION,
        max_vel=0.5 / BOUND,  # of the distance of the bounds: 1
        variant=1,
        neighb_type=1,
        seed=0,
    )
    swarm.set_bfe(pg.bfe())
    population = pg.population(pg.problem(_Training(objective, places.shape[1])), 0, seed=0)
    algorithm = pg.algorithm(swarm)

    def train():
        for place, value in zip(places, objective(places).astype(float), strict=True):
            population.push_back(place, [value])
        return float(algorithm.evolve(population).champion_f[0])

    return train, lambda places: np.asarray(objective(places))
