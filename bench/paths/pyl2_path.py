"""pyl2, all λ in one call of the engine for each epoch."""

from __future__ import annotations

import numpy as np
from rivals import THREADS
from rivals.pyl2_rival import versions

from pyl2 import _core

__all__ = ["prepare", "versions"]


def prepare(task, problem):
    """The engine's network and updates."""
    params = np.tile(problem.params, (task.networks, 1))
    return lambda: _train(task, problem, params), lambda: params, task.networks


def _train(task, problem, params):
    layers, dtype = len(task.fans), np.dtype(task.dtype)
    net = _core.Net(task.layer_sizes, (task.hidden,) * (layers - 1), task.output, dtype.char)
    updates = [
        _core.Update(task.optimizer, "decoupled" if task.optimizer == "sgd" else "l2", task.eta,
                     (l2,) * layers, task.items)
        for l2 in task.lambdas
    ]  # fmt: skip
    state = np.zeros((task.networks, _core.STATES[task.optimizer] * net.n_params), dtype)
    steps, sums = np.zeros(task.networks, np.int64), np.zeros((task.networks, 2))
    data = problem.X, problem.Y, None
    for order in problem.orders:
        net.epoch(params, state, steps, *data, order, task.rows, updates, sums, THREADS)
