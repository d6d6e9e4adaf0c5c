"""pyl2 as its users call it: `Backprop.train`, one call for all epochs, or `Network.predict`."""

from __future__ import annotations

import platform

import numpy as np

import pyl2
from pyl2 import Backprop, Network

from . import THREADS
from .replay import Replay


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return {"pyl2": pyl2.__version__, "python": platform.python_version()}


def supports(case) -> bool:
    """All cases."""
    return True


def prepare(case, problem):
    """A network at the given parameters and its trainer."""
    network = Network(case.layer_sizes, case.hidden, case.output, dtype=np.dtype(case.dtype))
    network.params = problem.params
    if case.optimizer is None:
        return _predict(case, network, problem.X)
    threads = {} if THREADS == 1 else {"n_threads": THREADS}
    trainer = Backprop(
        network,
        case.optimizer,
        case.eta,
        case.l2,
        case.n,
        batch_size=case.batch,
        seed=Replay(problem.shuffles),
        **threads,
    )

    def train():
        trainer.train(problem.X, problem.Y, epochs=case.epochs)

    return train, lambda: network.params.copy()


def _predict(case, network, X):
    result = []

    def predict():
        for _ in range(case.epochs):
            result[:] = [network.predict(X)]

    return predict, lambda: result[0].ravel()
