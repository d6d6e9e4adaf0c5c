"""The workloads, as data: a new one is one more line of `CASES`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Case:
    """One training task, the same for all rivals.

    `batch` None means all rows at once. `l2` and `n` are those of pyl2: the penalty is
    l2 / 2n times the sum of the squared weights. `epochs` are trained in each round, from the
    same start. With `optimizer` None nothing is trained: an epoch is a prediction of all items.
    """

    name: str
    layer_sizes: tuple[int, ...]
    hidden: str
    output: str
    items: int
    batch: int | None
    optimizer: str | None
    eta: float
    l2: float
    epochs: int
    n: str = "batch"
    dtype: str = "float32"

    @classmethod
    def read(cls, fields: dict) -> Case:
        """From what `asdict` gave, and JSON turned into lists."""
        return cls(**fields | {"layer_sizes": tuple(fields["layer_sizes"])})

    @property
    def rows(self) -> int:
        """Rows of one batch."""
        return self.batch or self.items

    @property
    def fans(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each layer."""
        return list(pairwise(self.layer_sizes))

    @property
    def n_weights(self) -> int:
        """Number of weights, biases not counted."""
        return sum(fan_in * fan_out for fan_in, fan_out in self.fans)

    @property
    def flops(self) -> int:
        """Operations of one epoch by convention: three products of two flops per weight.

        The first layer needs no product back to the data; it is counted all the same, so that
        numbers can be compared with those of other tools.
        """
        products = 6 if self.optimizer else 2
        return products * self.n_weights * self.items

    @property
    def updates(self) -> int:
        """Batches of one epoch."""
        return -(-self.items // self.rows)

    @property
    def title(self) -> str:
        """A short description."""
        batch = {None: "full batch", 1: "online"}.get(self.batch, f"batch {self.batch}")
        network = f"{'-'.join(map(str, self.layer_sizes))} {self.hidden}"
        return f"{network}, {batch}" if self.optimizer else network

    @property
    def task(self) -> str:
        """What is done, and to how many items."""
        items = f"{self.items:,} items" if self.items > 1 else "1 item"
        return f"{self.optimizer or 'predict'}, {items}"

    def decay(self, rows: int) -> float:
        """l2 / n of a batch of so many rows."""
        return self.l2 / (rows if self.n == "batch" else self.items)

    def layers(self, params: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Views (W, b) of each layer of a parameter vector."""
        sizes = [i * o for i, o in self.fans] + [o for _, o in self.fans]
        parts = np.split(params, np.cumsum(sizes)[:-1])
        weights = [W.reshape(fan) for W, fan in zip(parts, self.fans, strict=False)]
        return list(zip(weights, parts[len(weights) :], strict=True))

    def exact(self) -> Case:
        """The same task in float64, for fewer epochs: only its result matters."""
        return replace(self, dtype="float64", epochs=min(self.epochs, 10))

    def quick(self) -> Case:
        """The same task on fewer items, or for fewer epochs where the items are few."""
        items = min(self.items, 2000)
        batch = None if self.batch is None else min(self.batch, items)
        return replace(self, items=items, batch=batch, epochs=max(1, self.epochs // 4))


# fmt: off
CASES = {case.name: case for case in (
    Case("W1", (4, 7, 3), "tanh", "softmax", 150, 1, "sgd", 2**-6, 2**-10, 100),
    Case("W2", (8, 50, 1), "relu", "identity", 8192, 32, "sgd", 2**-6, 2**-6, 20),
    Case("W3", (13, 64, 64, 1), "relu", "identity", 8192, 32, "adam", 0.001, 0.01, 4),
    Case("W4", (64, 128, 10), "relu", "softmax", 1797, 64, "adam", 0.001, 0.01, 10),
    Case("W5", (784, 100, 10), "logistic", "softmax", 10_000, 10, "sgd", 0.1, 1.0, 2, n="train"),
    Case("W6-SGD", (784, 512, 512, 10), "relu", "softmax", 10_000, 128, "sgd", 0.01, 0.1, 1),
    Case("W6-AdamW", (784, 512, 512, 10), "relu", "softmax", 10_000, 128, "adamw", 0.0002, 1.0, 1),
    Case("W7", (1024, 1024, 1024, 10), "relu", "softmax", 8192, 512, "sgd", 0.01, 0.1, 1),
    Case("W12", (4, 32, 16, 4), "tanh", "softmax", 10_000, None, "adam", 0.001, 1.0, 20),
    Case("predict-1", (64, 128, 10), "relu", "softmax", 1, None, None, 0.0, 0.0, 2000),
    Case("predict-10k", (64, 128, 10), "relu", "softmax", 10_000, None, None, 0.0, 0.0, 10),
)}
# fmt: on


@dataclass(frozen=True)
class Problem:
    """What a rival is given.

    `Y` is (items,) class indices under softmax, else (items, outputs). `orders` (epochs, items)
    is the order of the rows in each epoch; `shuffles` are the permutations that make each order
    out of the one before: order = order[shuffle].
    """

    params: np.ndarray
    X: np.ndarray
    Y: np.ndarray
    orders: np.ndarray
    shuffles: np.ndarray

    def targets(self, case: Case) -> np.ndarray:
        """`Y` as rows of what the outputs should be."""
        classes = np.eye(case.layer_sizes[-1], dtype=case.dtype)
        return classes[self.Y] if case.output == "softmax" else self.Y


def make(case: Case) -> Problem:
    """Data, initial parameters and orders of a case; the same bits in every process."""
    rng = np.random.default_rng([case.items, *case.layer_sizes])
    X = rng.standard_normal((case.items, case.layer_sizes[0])).astype(case.dtype)
    shuffles = np.array([rng.permutation(case.items) for _ in range(case.epochs)])
    return Problem(_params(case, rng), X, _targets(case, X, rng), _compose(shuffles), shuffles)


def data_error(case: Case, params: np.ndarray) -> float:
    """The error of all items without the penalty, in float64."""
    problem, layers = make(case), case.layers(params.astype(float))
    a = problem.X.astype(float)
    for W, b in layers[:-1]:
        a = HIDDEN[case.hidden](a @ W + b)
    W, b = layers[-1]
    z, y = a @ W + b, problem.targets(case)
    if case.output == "identity":
        return float(((z - y) ** 2).sum() / 2 / case.items)
    z -= z.max(axis=1, keepdims=True)
    return float((np.log(np.exp(z).sum(axis=1)) - (z * y).sum(axis=1)).mean())


HIDDEN = {
    "tanh": np.tanh,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0),
}


def _params(case, rng):
    params = np.empty(case.n_weights + sum(case.layer_sizes[1:]))
    for W, b in case.layers(params):
        bound = np.sqrt(6 / sum(W.shape))
        W[...], b[...] = rng.uniform(-bound, bound, W.shape), rng.uniform(-bound, bound, b.shape)
    return params.astype(case.dtype)


def _targets(case, X, rng):
    """A noisy linear teacher: there is something to learn, and never a perfect fit."""
    inputs, outputs = case.layer_sizes[0], case.layer_sizes[-1]
    score = X @ rng.standard_normal((inputs, outputs)) / np.sqrt(inputs)
    score += 0.3 * rng.standard_normal(score.shape)
    return score.argmax(axis=1) if case.output == "softmax" else score.astype(case.dtype)


def _compose(shuffles):
    orders, order = [], np.arange(shuffles.shape[1])
    for shuffle in shuffles:
        order = order[shuffle]
        orders.append(order)
    return np.array(orders)
