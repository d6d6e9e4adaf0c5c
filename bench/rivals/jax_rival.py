"""JAX, all epochs of a round compiled into one program.

`lax.scan` runs over the epochs and, inside, over the batches of each, whose rows it gathers by the
order; what depends on the step alone (the bias corrections of Adam) is computed before the clock
starts. So the interpreter is called once a round. The program is compiled in the round that is not
counted.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np

from . import THREADS

# Both are read when JAX starts.
os.environ["XLA_FLAGS"] = (
    f"{os.environ.get('XLA_FLAGS', '')} "  # what processes.py may hold it to
    f"--xla_cpu_multi_thread_eigen={str(THREADS > 1).lower()} "
    f"intra_op_parallelism_threads={THREADS}"
)
os.environ["NPROC"] = str(THREADS)
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
from jax import lax

jax.config.update("jax_enable_x64", True)  # float64 where it is asked for

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
ACTIVATIONS = {"tanh": jnp.tanh, "logistic": jax.nn.sigmoid, "relu": jax.nn.relu}
UNROLL = {1: 5}  # by rows of a batch: measured, and larger batches only lose


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return {"jax": jax.__version__}


def supports(case) -> bool:
    """Whatever has a row in the tables below."""
    known = case.hidden in ACTIVATIONS and case.output in LOSSES
    return known and case.optimizer in (None, *OPTIMIZERS)


def prepare(case, problem):
    """Arrays on JAX's side and the compiled program of the case."""
    layers = [(jnp.array(W), jnp.array(b)) for W, b in case.layers(problem.params)]
    X = jnp.array(problem.X)
    if case.optimizer is None:
        return _predict(case, layers, X)
    Y = jnp.array(problem.targets(case))
    orders = jnp.array(problem.orders, jnp.int32)
    steps = steps_of(case)
    program, result = _training(case), []

    def train():
        result[:] = jax.block_until_ready(program(layers, X, Y, orders, steps))

    def params():
        weights, biases = zip(*result, strict=True)
        return np.concatenate([np.ravel(p) for p in (*weights, *biases)])

    return train, params


def _predict(case, layers, X):
    program, result = _prediction(case), []

    def predict():
        for _ in range(case.epochs):
            result[:] = [jax.block_until_ready(program(layers, X))]

    return predict, lambda: np.ravel(result[0])


@cache
def _prediction(case):
    return jax.jit(lambda layers, x: LINKS[case.output](logits(case, layers, x)))


def steps_of(case):
    """What Adam needs at each step, as (epochs, batches) arrays."""
    count = -(-case.items // case.rows)
    t = np.arange(1, case.epochs * count + 1).reshape(case.epochs, count)
    c_1, c_2 = 1 - BETA_1**t, 1 - BETA_2**t
    rate = case.eta * np.sqrt(c_2) / c_1
    floor = EPSILON * (np.sqrt(c_2) if case.optimizer == "adamw" else np.ones_like(c_2))
    return tuple(jnp.array(a, case.dtype) for a in (rate, floor))


@cache
def _training(case):
    """The program (layers, X, Y, orders, steps) -> layers."""
    start, update = OPTIMIZERS[case.optimizer]
    full, rest = divmod(case.items, case.rows)

    def batch(X, Y, state, rows, step):
        layers, moments = state
        x, y = (A.at[rows].get(mode="promise_in_bounds", unique_indices=True) for A in (X, Y))
        grads = jax.grad(partial_loss)(layers, x, y)
        return update(case, case.decay(len(rows)), layers, grads, moments, step)

    def partial_loss(layers, x, y):
        return LOSSES[case.output](logits(case, layers, x), y) / len(x)

    def program(layers, X, Y, orders, steps):
        def epoch(state, inputs):
            order, steps = inputs
            rows = order[: full * case.rows].reshape(full, case.rows)
            firsts = tuple(s[:full] for s in steps)
            state, _ = lax.scan(
                lambda state, xs: (batch(X, Y, state, *xs), None),
                state,
                (rows, firsts),
                unroll=UNROLL.get(case.rows, 1),
            )
            if rest:
                state = batch(X, Y, state, order[-rest:], tuple(s[full] for s in steps))
            return state, None

        (layers, _), _ = lax.scan(epoch, (layers, start(layers)), (orders, steps))
        return layers

    return jax.jit(program)


def logits(case, layers, x):
    """The z of the last layer."""
    for W, b in layers[:-1]:
        x = ACTIVATIONS[case.hidden](x @ W + b)
    W, b = layers[-1]
    return x @ W + b


# --- outputs ----------------------------------------------------------------------------------

LINKS = {"softmax": lambda z: jax.nn.softmax(z, axis=-1), "identity": lambda z: z}
LOSSES = {  # summed over rows
    "softmax": lambda z, y: jnp.sum(jax.nn.logsumexp(z, axis=-1) - jnp.sum(y * z, axis=-1)),
    "identity": lambda z, y: 0.5 * jnp.sum((z - y) ** 2),
}


# --- optimizers: the state at the start, and one update ------------------------------------------


def _sgd(case, decay, layers, grads, moments, step):
    new = [
        (W - case.eta * (gW + decay * W), b - case.eta * gb)
        for (W, b), (gW, gb) in zip(layers, grads, strict=True)
    ]
    return new, moments


def _adam(case, decay, layers, grads, moments, step):
    """Adam as scikit-learn has it, AdamW as PyTorch has it: the floor says which."""
    rate, floor = step
    coupled = case.optimizer == "adam"

    def one(w, g, moments, decay):
        g = g + decay * w if coupled else g
        m = BETA_1 * moments[0] + (1 - BETA_1) * g
        v = BETA_2 * moments[1] + (1 - BETA_2) * g * g
        old = w if coupled else w - case.eta * decay * w
        return old - rate * m / (jnp.sqrt(v) + floor), (m, v)

    new, states = [], []
    for (W, b), (gW, gb), (sW, sb) in zip(layers, grads, moments, strict=True):
        (W, sW), (b, sb) = one(W, gW, sW, decay), one(b, gb, sb, 0.0)
        new.append((W, b))
        states.append((sW, sb))
    return new, states


def _zeros(layers):
    def moments(p):
        return jnp.zeros_like(p), jnp.zeros_like(p)

    return [(moments(W), moments(b)) for W, b in layers]


OPTIMIZERS = {"sgd": (lambda layers: (), _sgd), "adam": (_zeros, _adam), "adamw": (_zeros, _adam)}
