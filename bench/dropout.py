"""What dropout of the hidden units adds to an epoch, in pyl2 and in PyTorch.

    python bench/dropout.py [--quick] [--rounds N]

All in one process, on one core, round by round in turn, float32; medians.  +: how much longer an
epoch takes with dropout; ×: how many times as long as pyl2's, with dropout, PyTorch's takes.
"""

from __future__ import annotations

import argparse
import os
import time
from importlib.util import find_spec
from itertools import pairwise

os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})

import numpy as np  # noqa: E402 - after the core is chosen

from pyl2 import Backprop, Network  # noqa: E402

# Layers, rows, rows of a batch, optimizer.
CASES = (
    ((8, 50, 1), 4096, 32, "sgd"),
    ((13, 64, 64, 1), 2048, 32, "adam"),
    ((64, 128, 10), 2048, 64, "adam"),
    ((784, 100, 10), 2000, 10, "sgd"),
    ((128, 512, 512, 10), 1024, 128, "sgd"),
)
P, ETA = 0.2, 1e-3


def by_pyl2(sizes, X, Y, batch, optimizer, p):
    """Return what trains an epoch."""
    network = Network(sizes, "relu", dtype=np.float32, seed=0)
    trainer = Backprop(
        network, optimizer, ETA, batch_size=batch, shuffle=False, dropout=p, seed=0, n_threads=1
    )
    return lambda: trainer.train(X, Y, 1)


def by_torch(sizes, X, Y, batch, optimizer, p):
    """Return what trains an epoch with torch.nn.Dropout."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
        layers += [torch.nn.Dropout(p)] if p else []
    model = torch.nn.Sequential(*layers[: -2 if p else -1])
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    rule = kind(model.parameters(), lr=ETA)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)

    def epoch():
        for first in range(0, len(x), batch):
            rule.zero_grad()
            residual = model(x[first : first + batch]) - y[first : first + batch]
            (0.5 * (residual**2).sum(1).mean()).backward()
            rule.step()

    return epoch


MAKERS = {"pyl2": by_pyl2} | ({"PyTorch": by_torch} if find_spec("torch") else {})


def measure(sizes, rows, batch, optimizer, rounds):
    """Return the median seconds of an epoch, by maker and rate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, sizes[0])).astype(np.float32)
    Y = rng.normal(size=(rows, sizes[-1])).astype(np.float32)
    contenders = {
        (name, p): maker(sizes, X, Y, batch, optimizer, p)
        for name, maker in MAKERS.items()
        for p in (0.0, P)
    }
    times = {name: [] for name in contenders}
    for number in range(rounds + 1):  # the first does not count
        for name, epoch in contenders.items():
            epoch()  # the caches are then its own
            begun = time.perf_counter()
            epoch()
            if number:
                times[name].append(time.perf_counter() - begun)
    return {name: np.median(seconds) for name, seconds in times.items()}


def told(found, maker):
    """Return what dropout takes there."""
    plain, dropped = found[maker, 0.0], found[maker, P]
    return (
        f"{maker} {1e3 * dropped:.2f} ms ({dropped / plain - 1:+.0%},"
        f" × {dropped / found['pyl2', P]:.1f})"
    )


def main():
    """Measure all cases, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two cases, three rounds")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    for sizes, rows, batch, optimizer in CASES[: 2 if args.quick else None]:
        found = measure(sizes, rows, batch, optimizer, 3 if args.quick else args.rounds)
        cells = [told(found, maker) for maker in ("pyl2", "PyTorch") if (maker, P) in found]
        print(f"{'-'.join(map(str, sizes))} {optimizer}, batches of {batch}: {', '.join(cells)}")


if __name__ == "__main__":
    main()
