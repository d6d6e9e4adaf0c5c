"""pyl2 as its users call it: `l2_path`, with all that it finds out about each λ."""

from __future__ import annotations

import numpy as np
from rivals import THREADS
from rivals.pyl2_rival import versions
from rivals.replay import Replay

from pyl2 import Network, l2_path

__all__ = ["prepare", "versions"]


def prepare(task, problem):
    """The network at the given parameters."""
    network = Network(task.layer_sizes, task.hidden, task.output, dtype=np.dtype(task.dtype))
    network.params = problem.params
    options = {"optimizer": task.optimizer, "eta": task.eta, "batch_size": task.batch}
    found = []

    def train():
        seed = Replay(problem.shuffles)
        data = problem.X, problem.Y, task.lambdas
        path = l2_path(network, *data, epochs=task.epochs, seed=seed, n_threads=THREADS, **options)
        found[:] = [path.params]

    return train, lambda: found[0], task.networks
