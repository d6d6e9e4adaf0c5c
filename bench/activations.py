"""An epoch with each activation, beside tanh and relu.

The shapes are those of W2, W3 and a whole batch of narrow layers, in float32 on one thread; the
activations take turns, and each ratio is that of medians over rounds of the same run.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from pyl2 import Backprop, Network
from pyl2._core import ACTIVATIONS

# Name: layers, optimizer, rows of a batch (None: all).
SHAPES = {
    "8-50-1, sgd, batch 32": ((8, 50, 1), "sgd", 32),
    "13-64-64-1, adam, batch 32": ((13, 64, 64, 1), "adam", 32),
    "4-32-16-4, sgd, all rows": ((4, 32, 16, 4), "sgd", None),
}
ROWS = 8192


def trainer(activation: str, shape: str) -> Backprop:
    """Return a training of a network with that activation."""
    sizes, optimizer, batch = SHAPES[shape]
    network = Network(sizes, activation, dtype=np.float32, seed=0)
    return Backprop(network, optimizer, 1e-4, batch_size=batch, n_threads=1, seed=0)


def seconds(shape: str, rounds: int) -> dict[str, float]:
    """Return the median time of an epoch with each activation."""
    sizes, _, _ = SHAPES[shape]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, sizes[0])).astype(np.float32)
    y = rng.normal(size=(ROWS, sizes[-1])).astype(np.float32)
    trainers = {name: trainer(name, shape) for name in ACTIVATIONS}
    times: dict[str, list[float]] = {name: [] for name in ACTIVATIONS}
    for _ in range(rounds):
        for name, one in trainers.items():
            start = time.perf_counter()
            one.train(x, y, epochs=3)
            times[name].append((time.perf_counter() - start) / 3)
    return {name: statistics.median(all_of) for name, all_of in times.items()}


def main() -> None:
    """Print a table for each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    for shape in SHAPES:
        found = seconds(shape, rounds)
        print(f"{shape}, {ROWS} rows, float32\n  {'':12}{'ms':>8}{'/ relu':>8}{'/ tanh':>8}")
        for name, time_of in found.items():
            shares = (time_of / found[other] for other in ("relu", "tanh"))
            print(
                f"  {name:12}{1000 * time_of:8.2f}" + "".join(f"{share:8.2f}" for share in shares)
            )


if __name__ == "__main__":
    main()
