"""A swarm in plain NumPy, written with care: float32 throughout, nothing large allocated."""

from __future__ import annotations

import numpy as np

from . import ATTRACTION, INERTIA, draw
from .objective import Objective


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"numpy": np.__version__, "blas of numpy": f"{blas['name']} {blas['version']}"}


def prepare(task, problem):
    """Places and the objective."""
    objective = Objective(task, problem)
    x = draw(task, task.particles, 0)
    v = (draw(task, task.particles, 1) - x) / 2
    rng = np.random.default_rng(0)

    def train():
        return _search(objective, x, v, rng, task.epochs)

    return train, objective


def _search(objective, x, v, rng, iterations):
    best, values = x.copy(), objective(x)
    u, away = np.empty_like(x), np.empty_like(x)
    c, w = x.dtype.type(ATTRACTION), x.dtype.type(INERTIA)
    for _ in range(iterations - 1):
        v *= w
        for target in (best, best[values.argmin()]):
            rng.random(out=u, dtype=u.dtype)
            u *= c
            np.subtract(target, x, out=away)
            away *= u
            v += away
        x += v
        found = objective(x)
        better = np.flatnonzero(found < values)
        values[better] = found[better]
        best[better] = x[better]
    return float(values.min())
