"""Many networks on bootstraps: `train_many`, beside JAX's vmap, and beside one after the other.

    python bench/many.py [--quick] [--rounds N]

All in one process, on one core, round by round in turn; medians.  ×: how many times as long as
`train_many` it takes.  JAX compiles before the first round.  Each network has its own sample
weights, of rows drawn with replacement, and its own λ; all take the rows in the same order, as
JAX's program does.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})

import numpy as np  # noqa: E402 - after the threads of XLA and the core are chosen

from pyl2 import Backprop, Network, train_many  # noqa: E402

ROWS, NETWORKS, BATCH, ETA = 506, 16, 32, 0.01
SHAPES = ((13, 64, 1), (13, 16, 1), (13, 5, 1), (4, 7, 1))
TOLERANCE = 1e-3  # of the largest weight, in float32


def trainers(shape, optimizer):
    """Networks that begin differently and have different λs."""
    return [
        Backprop(
            Network(shape, dtype=np.float32, seed=i),
            optimizer,
            ETA,
            0.1 * i,
            "train",
            batch_size=BATCH,
            shuffle=False,
            n_threads=1,
        )
        for i in range(NETWORKS)
    ]


def jax_training(shape, optimizer, X, y, weights, epochs):
    """Return what trains all networks of the trainers' beginnings by JAX, and their weights."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    begun = trainers(shape, optimizer)
    params = [
        jnp.stack([getattr(one.network, part)[layer] for one in begun])
        for layer in range(len(shape) - 1)
        for part in ("weights", "biases")
    ]
    rates = jnp.array([one.l2 for one in begun]) / jnp.array(weights.sum(axis=1))
    whole = len(X) // BATCH * BATCH
    batches = [A[..., :whole].reshape(*A.shape[:-1], -1, BATCH) for A in (weights, y)]
    rest = [weights[:, whole:], y[whole:]]

    def loss(params, x, y, s):
        a = x
        for layer in range(0, len(params), 2):
            z = a @ params[layer] + params[layer + 1]
            a = jnp.tanh(z)
        return (s * 0.5 * (z[:, 0] - y) ** 2).sum() / s.sum()

    def one(params, state, t, rate, x, y, s):
        grads = jax.grad(loss)(params, x, y, s)
        decayed = [rate, 0.0] * (len(params) // 2)
        grads = [g + r * p for g, r, p in zip(grads, decayed, params, strict=True)]
        if optimizer == "sgd":
            return [p - ETA * g for p, g in zip(params, grads, strict=True)], state
        m = [0.9 * m + 0.1 * g for m, g in zip(state[0], grads, strict=True)]
        v = [0.999 * v + 0.001 * g * g for v, g in zip(state[1], grads, strict=True)]
        eta = ETA * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        steps = [eta * a / (jnp.sqrt(b) + 1e-8) for a, b in zip(m, v, strict=True)]
        return [p - step for p, step in zip(params, steps, strict=True)], [m, v]

    every = jax.vmap(one, in_axes=(0, 0, None, 0, None, None, 0))

    @jax.jit
    def program(params, X, batches, rest):
        zeros = [jnp.zeros_like(p) for p in params]
        x = X[:whole].reshape(-1, BATCH, X.shape[1])

        def batch(carry, inputs):
            params, state, t = carry
            x, s, y = inputs
            params, state = every(params, state, t, rates, x, y, s)
            return (params, state, t + 1), None

        def epoch(carry, _):
            inputs = x, jnp.swapaxes(batches[0], 0, 1), batches[1]
            carry, _ = lax.scan(batch, carry, inputs)
            if len(rest[1]):
                carry, _ = batch(carry, (X[whole:], *rest))
            return carry, None

        return lax.scan(epoch, (params, [zeros, zeros], 1.0), None, epochs)[0][0]

    def train():
        found = jax.block_until_ready(program(params, X, batches, rest))
        flat = [np.asarray(p).reshape(NETWORKS, -1) for p in (*found[::2], *found[1::2])]
        return np.concatenate(flat, axis=1)

    train()
    return train


def measure(shape, optimizer, epochs, rounds):
    """Return the median times, by name; the weights reached are compared."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, shape[0])).astype(np.float32)
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
    drawn = [np.bincount(rng.integers(ROWS, size=ROWS), minlength=ROWS) for _ in range(NETWORKS)]
    weights = np.stack(drawn).astype(np.float32)

    def together():
        all_of_them = trainers(shape, optimizer)
        begun = time.perf_counter()
        train_many(all_of_them, X, y, epochs, sample_weight=weights, n_threads=1)
        return time.perf_counter() - begun, [one.network.params for one in all_of_them]

    def one_by_one():
        all_of_them = trainers(shape, optimizer)
        begun = time.perf_counter()
        for one, weight in zip(all_of_them, weights, strict=True):
            one.train(X, y, epochs, sample_weight=weight)
        return time.perf_counter() - begun, [one.network.params for one in all_of_them]

    contenders = {"train_many": together, "one by one": one_by_one}
    try:
        train = jax_training(shape, optimizer, X, y, weights, epochs)

        def by_jax():
            begun = time.perf_counter()
            params = train()
            return time.perf_counter() - begun, params

        contenders["JAX vmap"] = by_jax
    except ImportError:
        print("no JAX here", file=sys.stderr)
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        reached = {}
        for name, contender in contenders.items():
            seconds, params = contender()
            times[name].append(seconds)
            reached[name] = np.array(params)
        for name, params in reached.items():
            apart = np.abs(params - reached["train_many"]).max() / np.abs(params).max()
            if not apart < TOLERANCE:
                raise SystemExit(f"{name}: other weights, apart by {apart:.1e}")
    ours = np.array(times["train_many"])
    return {
        name: (np.median(seconds), np.median(np.array(seconds) / ours))
        for name, seconds in times.items()
    }


def main():
    """Measure all shapes, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few epochs, two shapes")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    shapes = SHAPES[:2] if args.quick else SHAPES
    epochs, rounds = (3, 2) if args.quick else (20, args.rounds)
    print(f"{NETWORKS} networks, {ROWS} rows, batches of {BATCH}, {epochs} epochs, float32")
    for shape in shapes:
        for optimizer in ("adam", "sgd"):
            found = measure(shape, optimizer, epochs, rounds)
            cells = [f"{name} {1e3 * s:.1f} ms (× {r:.2f})" for name, (s, r) in found.items()]
            print("-".join(map(str, shape)), optimizer, ", ".join(cells))


if __name__ == "__main__":
    main()
