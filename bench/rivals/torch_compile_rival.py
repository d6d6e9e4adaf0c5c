"""PyTorch with torch.compile: gather, forward, backward and update of a batch in one compiled call.

It is compiled in the round that is not counted, with a C++ compiler, for each size of batch anew.
"""

from __future__ import annotations

import os
from functools import cache, partial

import torch
from torch.nn import functional as F

from . import torch_rival
from .torch_rival import BETAS, EPSILON

os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # compile in this process, on its core

ACTIVATIONS = {"tanh": torch.tanh, "logistic": torch.sigmoid, "relu": torch.relu}
LOSSES = {
    "softmax": partial(F.cross_entropy, reduction="sum"),
    "identity": lambda z, y: 0.5 * F.mse_loss(z, y, reduction="sum"),
}
LINKS = {"softmax": partial(torch.softmax, dim=1), "identity": lambda z: z}


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return torch_rival.versions()


supports = torch_rival.supports


def prepare(case, problem):
    """Tensors of the weights and of the moments, and the compiled step."""
    layers = [
        (torch.from_numpy(W.copy()), torch.from_numpy(b.copy()))
        for W, b in case.layers(problem.params)
    ]
    X = torch.from_numpy(problem.X)
    if case.optimizer is None:
        return _predict(case, layers, X)
    Y, orders = torch.from_numpy(problem.Y), torch.from_numpy(problem.orders)
    moments = [[(p.clone().zero_(), p.clone().zero_()) for p in layer] for layer in layers]
    steps, step = _steps(case), compiled(case)

    def train():
        with torch.no_grad():
            numbers = iter(steps)
            for order in orders:
                for rows in order.split(case.rows):
                    step(layers, moments, X, Y, rows, *next(numbers))

    def params():
        weights, biases = zip(*layers, strict=True)
        return torch.cat([p.ravel() for p in (*weights, *biases)]).numpy()

    return train, params


def _predict(case, layers, X):
    program, result = compiled(case), []

    def predict():
        with torch.inference_mode():
            for _ in range(case.epochs):
                result[:] = [program(layers, X)]

    return predict, lambda: result[0].numpy().ravel()


def _steps(case):
    """The rate and the floor of Adam at each step; other optimizers do not look at them."""
    count = -(-case.items // case.rows) * case.epochs
    t = torch.arange(1, count + 1, dtype=torch.float64)
    c_1, c_2 = 1 - BETAS[0] ** t, 1 - BETAS[1] ** t
    floor = EPSILON * (c_2.sqrt() if case.optimizer == "adamw" else torch.ones_like(t))
    numbers = (case.eta * c_2.sqrt() / c_1, floor)
    return list(zip(*(n.to(getattr(torch, case.dtype)).unbind() for n in numbers), strict=True))


@cache
def compiled(case):
    """One step of training, or the forward pass, compiled for the sizes it meets."""
    torch.compiler.reset()
    program = partial(_forward, case) if case.optimizer is None else partial(_step, case)
    return torch.compile(lambda *inputs: program(*inputs), dynamic=False, fullgraph=True)


def _forward(case, layers, x):
    return LINKS[case.output](_logits(case, layers, x))


def _step(case, layers, moments, X, Y, rows, rate, floor):
    x, y = X[rows], Y[rows]

    def loss(layers):
        return LOSSES[case.output](_logits(case, layers, x), y) / len(rows)

    decays = (case.decay(len(rows)), 0.0)
    for layer, grads, pair in zip(layers, torch.func.grad(loss)(layers), moments, strict=True):
        for p, g, (m, v), decay in zip(layer, grads, pair, decays, strict=True):
            if case.optimizer == "sgd":
                p.sub_(case.eta * (g + decay * p))
            else:
                _adam(case, p, g, m, v, decay, rate, floor)


def _adam(case, p, g, m, v, decay, rate, floor):
    if case.optimizer == "adam":
        g = g + decay * p
    else:
        p.mul_(1 - case.eta * decay)
    m.mul_(BETAS[0]).add_((1 - BETAS[0]) * g)
    v.mul_(BETAS[1]).add_((1 - BETAS[1]) * g * g)
    p.sub_(rate * m / (v.sqrt() + floor))


def _logits(case, layers, x):
    for W, b in layers[:-1]:
        x = ACTIVATIONS[case.hidden](torch.addmm(b, x, W))
    W, b = layers[-1]
    return torch.addmm(b, x, W)
