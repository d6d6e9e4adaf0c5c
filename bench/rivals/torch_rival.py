"""PyTorch, eager: `nn.Sequential`, autograd and the fused optimizers."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from . import THREADS

torch.set_num_threads(THREADS)

BETAS, EPSILON = (0.9, 0.999), 1e-8
ACTIVATIONS = {"tanh": nn.Tanh, "logistic": nn.Sigmoid, "relu": nn.ReLU}
LOSSES = {"softmax": nn.CrossEntropyLoss(reduction="sum"), "identity": nn.MSELoss(reduction="sum")}
FACTORS = {"softmax": 1.0, "identity": 0.5}
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return {"torch": torch.__version__}


def supports(case) -> bool:
    """Whatever has a row in the tables above."""
    known = case.hidden in ACTIVATIONS and case.output in LOSSES
    return known and case.optimizer in (None, *OPTIMIZERS)


def prepare(case, problem):
    """A model at the given weights and an optimizer whose biases are free of decay."""
    model = _model(case, problem)
    X = torch.from_numpy(problem.X)
    if case.optimizer is None:
        return predictor(case, model, X)
    Y, orders = torch.from_numpy(problem.Y), torch.from_numpy(problem.orders)
    loss, factor = LOSSES[case.output], FACTORS[case.output]
    optimizer = _optimizer(case, model)

    def train():
        step = 0
        for order in orders:
            for rows in order.split(case.rows):
                step += 1
                _schedule(case, optimizer, len(rows), step)
                optimizer.zero_grad()
                (loss(model(X[rows]), Y[rows]) * (factor / len(rows))).backward()
                optimizer.step()

    return train, lambda: vector(model)


def predictor(case, model, X):
    """The forward pass, and the softmax that the loss has in itself."""
    whole = nn.Sequential(model, nn.Softmax(1)) if case.output == "softmax" else model
    result = []

    def predict():
        with torch.inference_mode():
            for _ in range(case.epochs):
                result[:] = [whole(X)]

    return predict, lambda: result[0].numpy().ravel()


def vector(model) -> np.ndarray:
    """All parameters, laid out as ours; torch has W transposed."""
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    weights = [layer.weight.detach().numpy().T.ravel() for layer in layers]
    return np.concatenate(weights + [layer.bias.detach().numpy() for layer in layers])


def _model(case, problem):
    modules = []
    for W, b in case.layers(problem.params):
        layer = nn.Linear(*W.shape, dtype=getattr(torch, case.dtype))
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(W.T.copy()))
            layer.bias.copy_(torch.from_numpy(b))
        modules += [layer, ACTIVATIONS[case.hidden]()]
    return nn.Sequential(*modules[:-1])


def _optimizer(case, model):
    weights = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim == 1]
    adam = {"betas": BETAS, "eps": EPSILON} if case.optimizer != "sgd" else {}
    groups = [
        {"params": weights, "weight_decay": case.decay(case.rows)},
        {"params": biases, "weight_decay": 0.0},
    ]
    return OPTIMIZERS[case.optimizer](groups, lr=case.eta, fused=True, **adam)


def _schedule(case, optimizer, rows, step):
    """The decay of a smaller last batch; the place of epsilon in scikit-learn's Adam."""
    optimizer.param_groups[0]["weight_decay"] = case.decay(rows)
    if case.optimizer == "adam":
        for group in optimizer.param_groups:
            group["eps"] = EPSILON / (1 - BETAS[1] ** step) ** 0.5
