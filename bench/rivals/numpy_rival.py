"""Pure NumPy, written for speed: what a careful author gets without a compiler.

A batch is a tape of NumPy calls whose arguments are all bound beforehand, so that training
allocates nothing and spends little in the interpreter. All parameters are one vector, and so are
all gradients: the decay and the step take a few passes over it, however many layers there are.
Products go straight to their place by `a.dot(b, out)`, which skips the dispatch of `np.dot`.
Online, the deltas lie in the gradient vector itself, for they are the gradients of the biases.
The error is not computed, though pyl2 computes it.
"""

from __future__ import annotations

from functools import partial

import numpy as np


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"numpy": np.__version__, "blas of numpy": f"{blas['name']} {blas['version']}"}


def supports(case) -> bool:
    """Whatever has a row in the tables below."""
    known = case.hidden in ACTIVATIONS and case.output in OUTPUTS
    return known and case.optimizer in (None, *OPTIMIZERS)


def prepare(case, problem):
    """One tape for each size of batch: the last one may be smaller."""
    params = problem.params.copy()
    layers = _layers(case, params)
    if case.optimizer is None:
        return _predict(case, layers, problem.X)
    optimizer = OPTIMIZERS[case.optimizer](case, params)
    grads = _layers(case, optimizer.grad)
    Y = problem.targets(case)
    ends = [(i, min(i + case.rows, case.items)) for i in range(0, case.items, case.rows)]
    batches = {}
    for m in {j - i for i, j in ends}:
        x, y, gradient = gradient_tape(case, layers, grads, optimizer.rate / m, m)
        batches[m] = x, y, gradient + optimizer.tape(case.decay(m))
    plan = [(slice(i, j), *batches[j - i]) for i, j in ends]

    def train():
        for order in problem.orders:
            for batch, x, y, tape in plan:
                rows = order[batch]
                problem.X.take(rows, 0, x, "clip")  # "raise" would buffer the output
                Y.take(rows, 0, y, "clip")
                for call in tape:
                    call()

    return train, params.copy


def _predict(case, layers, X):
    """The tape of the forward pass alone."""
    outputs = [np.empty((len(X), size), X.dtype) for size in case.layer_sizes[1:]]
    hidden = [ACTIVATIONS[case.hidden](z)[0] for z in outputs[:-1]]
    tape = forward_tape(X, layers, outputs, [*hidden, OUTPUTS[case.output](outputs[-1])])

    def predict():
        for _ in range(case.epochs):
            for call in tape:
                call()

    return predict, outputs[-1].ravel


def _layers(case, vector):
    """Views (W, b) of each layer; b has a row axis, since equal shapes add faster than others."""
    return [(W, b[None]) for W, b in case.layers(vector)]


def gradient_tape(case, layers, grads, rate, m):
    """Buffers for m rows of X and Y, and the calls that write to `grads`.

    What they write is rate times the gradient of the summed data error of the rows. The rate
    enters at the output's delta, a small array, and reaches everything before it.
    """
    dtype = layers[0][0].dtype
    x, *a = [np.empty((m, size), dtype) for size in case.layer_sizes]
    y = np.empty_like(a[-1])
    deltas = [gb if m == 1 else np.empty_like(z) for z, (_, gb) in zip(a, grads, strict=True)]
    prediction = deltas[-1]  # becomes the delta in place
    inputs = [x, *a[:-1]]
    hidden = [ACTIVATIONS[case.hidden](z) for z in a[:-1]]

    links = [*(forward for forward, _ in hidden), OUTPUTS[case.output](prediction)]
    tape = forward_tape(x, layers, [*a[:-1], prediction], links)
    tape += [partial(np.subtract, prediction, y, prediction)]
    tape += [partial(np.multiply, prediction, np.array(rate, dtype), prediction)]
    ones = np.ones(m, dtype)
    for layer in reversed(range(len(layers))):
        delta, (gW, gb) = deltas[layer], grads[layer]
        tape += [partial(inputs[layer].T.dot, delta, gW)]
        tape += [partial(ones.dot, delta, gb[0])] if m > 1 else []
        if layer > 0:
            tape += [partial(delta.dot, layers[layer][0].T, deltas[layer - 1])]
            tape += hidden[layer - 1][1](deltas[layer - 1])
    return x, y, tape


def forward_tape(x, layers, outputs, links):
    """The calls that take x through all layers; `links` are those of each layer's activation."""
    tape = []
    for (W, b), z, link in zip(layers, outputs, links, strict=True):
        tape += [partial(x.dot, W, z), partial(np.add, z, b, z), *link]
        x = z
    return tape


# --- activations: the calls forward, in place, and backward, delta <- delta f'(z) ---------------
# Backward may overwrite the activations: the layer above has taken its gradient by then.


def _tanh(a):
    def backward(delta):
        return [
            partial(np.multiply, a, a, a),
            partial(np.multiply, a, delta, a),
            partial(np.subtract, delta, a, delta),
        ]

    return [partial(np.tanh, a, a)], backward


def _logistic(a):
    one, square = np.ones((), a.dtype), np.empty_like(a)
    forward = [
        partial(np.negative, a, a),
        partial(np.exp, a, a),
        partial(np.add, a, one, a),
        partial(np.reciprocal, a, a),
    ]

    def backward(delta):
        return [
            partial(np.multiply, a, a, square),
            partial(np.subtract, a, square, a),
            partial(np.multiply, delta, a, delta),
        ]

    return forward, backward


def _relu(a):
    # NumPy compares with a scalar and takes the maximum with an array fastest.
    zeros, zero, mask = np.zeros_like(a), np.zeros((), a.dtype), np.empty(a.shape, bool)

    def backward(delta):
        return [partial(np.greater, a, zero, mask), partial(np.multiply, delta, mask, delta)]

    return [partial(np.maximum, a, zeros, out=a)], backward


ACTIVATIONS = {"tanh": _tanh, "logistic": _logistic, "relu": _relu}


# --- outputs: the calls that turn z into the prediction, in place -------------------------------


def _softmax(z):
    column = np.empty((len(z), 1), z.dtype)
    return [
        partial(np.maximum.reduce, z, 1, None, column, True),
        partial(np.subtract, z, column, z),
        partial(np.exp, z, z),
        partial(np.add.reduce, z, 1, None, column, True),
        partial(np.divide, z, column, z),
    ]


OUTPUTS = {"softmax": _softmax, "identity": lambda z: []}


# --- optimizers: what is folded into the gradient, and the calls after it -----------------------


class SGD:
    """w <- (1 - eta decay) w - eta g, two passes.

    In float32 the factor 1 - eta decay is rounded, which pyl2 avoids; a third pass would too.
    """

    def __init__(self, case, params):
        self.params, self.grad = params, np.empty_like(params)
        self.weights, self.rate = params[: case.n_weights], case.eta

    def tape(self, decay):
        """The calls of one update."""
        keep = np.array(1 - self.rate * decay, self.params.dtype)
        return [
            partial(np.multiply, self.weights, keep, self.weights),
            partial(np.subtract, self.params, self.grad, self.params),
        ]


class Adam:
    """Adam as scikit-learn has it, or AdamW as PyTorch has it, in ten passes and the decay's.

    The moments are kept as m / (1 - beta_1) and v / (1 - beta_2), which saves two passes. Passes
    over pieces that fit the L2 cache were tried and are no faster.
    """

    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-8
    rate = 1.0

    def __init__(self, case, params, decoupled):
        self.params, self.grad = params, np.empty_like(params)
        self.m, self.v = np.zeros_like(params), np.zeros_like(params)
        self.eta, self.decoupled, self.n_weights = case.eta, decoupled, case.n_weights
        self.scratch = np.empty_like(params)
        self.step, self.floor = np.zeros((), params.dtype), np.zeros((), params.dtype)
        self.t = 0

    def tape(self, decay):
        """The calls of one update."""
        return [self._advance, *self._decay(decay), *self._move()]

    def _advance(self):
        """The bias corrections of this step, folded into two numbers."""
        self.t += 1
        c_1, c_2 = 1 - self.beta_1**self.t, 1 - self.beta_2**self.t
        root = np.sqrt(1 - self.beta_2)
        self.step[...] = self.eta * np.sqrt(c_2) / c_1 * (1 - self.beta_1) / root
        self.floor[...] = self.epsilon / root * (np.sqrt(c_2) if self.decoupled else 1)

    def _decay(self, decay):
        """Takes the decay off the weights, or makes it a part of their gradient."""
        w, g, t = (v[: self.n_weights] for v in (self.params, self.grad, self.scratch))
        if self.decoupled:
            return [partial(np.multiply, w, np.array(1 - self.eta * decay, w.dtype), w)]
        return [partial(np.multiply, w, np.array(decay, w.dtype), t), partial(np.add, g, t, g)]

    def _move(self):
        p, g, m, v, t = self.params, self.grad, self.m, self.v, self.scratch
        beta_1, beta_2 = np.array(self.beta_1, p.dtype), np.array(self.beta_2, p.dtype)
        return [
            partial(np.multiply, m, beta_1, m),
            partial(np.add, m, g, m),
            partial(np.multiply, v, beta_2, v),
            partial(np.multiply, g, g, g),
            partial(np.add, v, g, v),
            partial(np.sqrt, v, t),
            partial(np.add, t, self.floor, t),
            partial(np.divide, m, t, t),
            partial(np.multiply, t, self.step, t),
            partial(np.subtract, p, t, p),
        ]


OPTIMIZERS = {
    "sgd": SGD,
    "adam": partial(Adam, decoupled=False),
    "adamw": partial(Adam, decoupled=True),
}
