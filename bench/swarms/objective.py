"""The penalized error of many networks at once in NumPy, for all who want an objective."""

from __future__ import annotations

import numpy as np

IN_CACHE = 2**18  # numbers in the largest array of a block


class Objective:
    """E of each place (P, d), without an array of particles × items × width.

    The first layer of a block of particles is one matrix product, with the bias as one more
    input; items are columns. Blocks are as large as stay in the cache. Measured beside items in
    rows, one product for each particle, and no blocks: the fastest, two to three times for 4-7-3.
    """

    def __init__(self, task, problem) -> None:
        self._task = task
        X, dtype = problem.X, problem.X.dtype
        self._X = np.vstack([X.T, np.ones(len(X), dtype)])
        self._Y = problem.targets(task).T.copy()
        *widths, outputs = task.layer_sizes[1:]
        self._block = min(task.particles, max(1, IN_CACHE // (max(widths) * len(X))))
        self._hidden = [np.empty((self._block, width, len(X)), dtype) for width in widths]
        self._z = np.empty((task.particles, outputs, len(X)), dtype)

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Return E of each."""
        places = places.astype(self._X.dtype, copy=False)
        z = self._outputs(places)
        weights = places[:, : self._task.n_weights]
        penalties = np.einsum("pw,pw->p", weights, weights) * (self._task.l2 / 2)
        return (LOSSES[self._task.output](z, self._Y) + penalties) / self._task.items

    def _outputs(self, places: np.ndarray) -> np.ndarray:
        """Of each network before the activation, (P, outputs, items)."""
        (W, b), *others = _layers(self._task, places)
        first = np.concatenate([W, b[:, None]], axis=1).transpose(0, 2, 1)
        first = np.ascontiguousarray(first)
        others = [(W.transpose(0, 2, 1), b[:, :, None]) for W, b in others]
        activate, z = HIDDEN[self._task.hidden], self._z[: len(places)]
        for start in range(0, len(places), self._block):
            block = slice(start, start + self._block)
            a = self._hidden[0][: len(first[block])]
            np.dot(first[block].reshape(-1, len(self._X)), self._X, a.reshape(-1, a.shape[2]))
            activate(a, a)
            for (W, b), out in zip(others[:-1], self._hidden[1:], strict=True):
                a = np.matmul(W[block], a, out=out[: len(a)])
                a += b[block]
                activate(a, a)
            np.matmul(others[-1][0][block], a, out=z[block])
        z += others[-1][1]
        return z


def _layers(task, places):
    """Views (W, b) of each layer of many networks: (P, fan_in, fan_out) and (P, fan_out)."""
    sizes = [i * o for i, o in task.fans] + [o for _, o in task.fans]
    parts = np.split(places, np.cumsum(sizes)[:-1], axis=1)
    weights = [W.reshape(-1, *fan) for W, fan in zip(parts, task.fans, strict=False)]
    return list(zip(weights, parts[len(weights) :], strict=True))


def _relu(a, out=None):
    return np.maximum(a, 0, out=out)


HIDDEN = {"tanh": np.tanh, "relu": _relu}


def _cross_entropy(z, Y):
    z -= z.max(axis=1, keepdims=True)
    found = np.einsum("pon,on->p", z, Y)
    return np.log(np.exp(z, out=z).sum(axis=1)).sum(axis=1) - found


def _squared_error(z, Y):
    z -= Y
    return np.einsum("pon,pon->p", z, z) / 2


LOSSES = {"softmax": _cross_entropy, "identity": _squared_error}


class OneByOne:
    """E of one place at a time, as people write it."""

    def __init__(self, task, problem) -> None:
        self._task, self._X, self._Y = task, problem.X, problem.targets(task)

    def one(self, place: np.ndarray) -> float:
        """Return E of one."""
        layers = self._task.layers(place.astype(self._X.dtype, copy=False))
        a = self._X
        for W, b in layers[:-1]:
            a = HIDDEN[self._task.hidden](a @ W + b)
        W, b = layers[-1]
        data_error = ONE_LOSS[self._task.output](a @ W + b, self._Y) / len(a)
        squares = sum(np.sum(W**2) for W, _ in layers)
        return float(data_error + self._task.l2 / (2 * len(a)) * squares)

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Return E of each."""
        return np.array([self.one(place) for place in places])


def _one_cross_entropy(z, Y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return -np.sum(Y * np.log(e / e.sum(axis=1, keepdims=True)))


def _one_squared_error(z, Y):
    return np.sum((z - Y) ** 2) / 2


ONE_LOSS = {"softmax": _one_cross_entropy, "identity": _one_squared_error}
