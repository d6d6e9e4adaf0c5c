"""evosax with `vmap` over the error of one network, as people write it; compiled as a whole too."""

from __future__ import annotations

import jax

from . import evosax_swarm
from .evosax_swarm import HIDDEN, LOSSES, split

versions = evosax_swarm.versions


def prepare(task, problem):
    """Arrays on JAX's side and the compiled program of the task."""
    return evosax_swarm.prepare(task, problem, _by_vmap)


def _by_vmap(task, places, X, Y):
    x = X[:-1].T

    def one(layers):
        a = x
        for W, b in layers[:-1]:
            a = HIDDEN[task.hidden](a @ W + b)
        W, b = layers[-1]
        data_error = LOSSES[task.output]((a @ W + b).T[None], Y)[0]
        squares = sum((W * W).sum() for W, _ in layers)
        return (data_error + task.l2 / 2 * squares) / task.items

    return jax.vmap(one)(split(task, places))
