"""evosax's PSO, in JAX: all iterations one compiled program, by `lax.scan`.

Its particles share one pair of random numbers for all coordinates. The program is compiled in the
round that is not counted. Particles are evaluated block by block, the first layer of a block as
one product: of vmap over particles, one large product, one particle at a time and blocks of 1 to
25, with items in rows or columns, this was the fastest for both tasks.
"""

from __future__ import annotations

from functools import cache, partial
from importlib.metadata import version

from rivals import jax_rival  # isort: skip  sets the threads of JAX before it starts

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms import PSO
from jax import lax

from . import ATTRACTION, INERTIA, draw

jax_rival.jax.config.update("jax_enable_x64", False)  # evosax would go on in float64

BLOCK = 8  # particles at most
HIDDEN = {"tanh": jnp.tanh, "relu": jax.nn.relu}
LOSSES = {  # of each particle, summed over items; outputs are axis 1
    "softmax": lambda z, Y: (jax.nn.logsumexp(z, axis=1) - (z * Y).sum(axis=1)).sum(axis=1),
    "identity": lambda z, Y: 0.5 * ((z - Y) ** 2).sum(axis=(1, 2)),
}


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return {"evosax": version("evosax"), "jax": jax.__version__}


def prepare(task, problem, evaluate=None):
    """Arrays on JAX's side and the compiled program of the task.

    `evaluate(task, places, X, Y)` gives E of places; X has a row of ones, and items are columns.
    """
    X = jnp.vstack([problem.X.T, np.ones(task.items, task.dtype)])
    Y = jnp.array(problem.targets(task).T)
    places, key = jnp.array(draw(task, task.particles, 0)), jax.random.key(0)
    program, errors = _programs(task, evaluate or _in_blocks)

    def train():
        return float(program(key, places, X, Y))

    return train, lambda places: np.asarray(errors(jnp.array(places), X, Y))


@cache
def _programs(task, evaluate):
    """The programs (key, places, X, Y) -> best error, and (places, X, Y) -> errors."""
    errors = partial(evaluate, task)

    def train(key, places, X, Y):
        swarm = PSO(task.particles, places[0])
        options = swarm.default_params.replace(
            inertia_coeff=INERTIA, cognitive_coeff=ATTRACTION, social_coeff=ATTRACTION
        )
        state = swarm.init(key, places, errors(places, X, Y), options)

        def iteration(state, key):
            to_ask, to_tell = jax.random.split(key)
            places, state = swarm.ask(to_ask, state, options)
            state, _ = swarm.tell(to_tell, places, errors(places, X, Y), state, options)
            return state, None

        state, _ = lax.scan(iteration, state, jax.random.split(key, task.epochs - 1))
        return state.best_fitness

    return jax.jit(train), jax.jit(errors)


def _in_blocks(task, places, X, Y):
    size = max(n for n in range(1, BLOCK + 1) if len(places) % n == 0)
    blocks = places.reshape(-1, size, places.shape[1])
    return lax.map(lambda block: _of_block(task, block, X, Y), blocks).ravel()


def _of_block(task, places, X, Y):
    """E of a block of places."""
    layers = split(task, places)
    W, b = layers[0]
    first = jnp.concatenate([W, b[:, None]], axis=1).transpose(0, 2, 1)
    a = (first.reshape(-1, len(X)) @ X).reshape(len(places), -1, task.items)
    for W, b in layers[1:]:
        a = jnp.einsum("pho,phn->pon", W, HIDDEN[task.hidden](a)) + b[:, :, None]
    squares = sum((W * W).sum(axis=(1, 2)) for W, _ in layers)
    return (LOSSES[task.output](a, Y) + task.l2 / 2 * squares) / task.items


def split(task, places):
    """(W, b) of each layer of many networks: (P, fan_in, fan_out) and (P, fan_out)."""
    ends = np.cumsum([i * o for i, o in task.fans] + [o for _, o in task.fans])[:-1]
    parts = jnp.split(places, ends, axis=1)
    weights = [W.reshape(-1, *fan) for W, fan in zip(parts, task.fans, strict=False)]
    return list(zip(weights, parts[len(weights) :], strict=True))
