"""JAX: all epochs at all λ one compiled program, `vmap` over the networks and their λ.

`lax.scan` runs over the epochs, whose rows it gathers at once, and inside over their batches; the
networks are donated. The program is compiled in the round that is not counted.
"""

from __future__ import annotations

from functools import cache

from rivals import jax_rival  # isort: skip  sets the threads of JAX before it starts

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import Task

versions = jax_rival.versions


def prepare(task, problem):
    """Arrays on JAX's side and the compiled program of the task."""
    layers = [
        tuple(jnp.array(np.tile(p, (task.networks,) + (1,) * p.ndim)) for p in layer)
        for layer in task.layers(problem.params)
    ]
    data = jnp.array(problem.X), jnp.array(problem.targets(task))
    orders = jnp.array(problem.orders, jnp.int32)
    decays = jnp.array([task.at(l2).decay(task.rows) for l2 in task.lambdas], task.dtype)
    steps, program, result = jax_rival.steps_of(task), _training(task), []

    def train():
        result[:] = jax.block_until_ready(program(layers, decays, *data, orders, steps))

    def params():
        weights, biases = zip(*result, strict=True)
        return np.concatenate([np.reshape(p, (len(p), -1)) for p in (*weights, *biases)], axis=1)

    return train, params, task.networks


@cache
def _training(task: Task):
    """The program (layers, decays, X, Y, orders, steps) -> layers, all with an axis of networks."""
    start, update = jax_rival.OPTIMIZERS[task.optimizer]

    def loss(layers, x, y):
        return jax_rival.LOSSES[task.output](jax_rival.logits(task, layers, x), y) / len(x)

    def one(layers, moments, decay, x, y, step):
        return update(task, decay, layers, jax.grad(loss)(layers, x, y), moments, step)

    every = jax.vmap(one, in_axes=(0, 0, 0, None, None, None))

    def program(layers, decays, X, Y, orders, steps):
        def batch(state, batch):
            return every(*state, decays, *batch), None

        def epoch(state, inputs):
            order, steps = inputs
            x, y = (A[order].reshape(-1, task.rows, A.shape[1]) for A in (X, Y))
            return lax.scan(batch, state, (x, y, steps))[0], None

        (layers, _), _ = lax.scan(epoch, (layers, start(layers)), (orders, steps))
        return layers

    return jax.jit(program, donate_argnums=0)
