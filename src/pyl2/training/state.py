"""How far gradient descent has come with one network, its parameters aside."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np

from pyl2 import _core
from pyl2._common import files, random
from pyl2._common.validation import Array, check_integer

# A counter of a file may stand as high, and training can still go on from it.
_MOST_STEPS = 2**62


@dataclass
class OptimizerState:
    """What the next epoch depends on beside the parameters and the rates.

    Attributes
    ----------
    moments : ndarray of shape (1, S * d)
        The optimizer's S state vectors, each laid out as the parameters (d,); where the parameters
        are averaged, the last is their average, begun at 0.
    steps : ndarray of shape (1,)
        Updates so far.
    rng : Generator or RandomState
        Draws the orders.
    order : ndarray of shape (rows,) or None
        The order in use, which the next epoch shuffles.
    best : ndarray of shape (d,) or None
        Parameters of the best validation error.
    last : ndarray of shape (d,) or None
        Parameters to go on from where the best were put into the network.
    mask_seed : int or None
        Of what dropout leaves out, once there has been any.
    optimizer : str
        Whose moments they are; "" in a pickle that is older than this.
    """

    moments: Array
    steps: Array
    rng: random.Rng
    order: Array | None = None
    best: Array | None = None
    last: Array | None = None
    mask_seed: int | None = None
    optimizer: str = ""

    @classmethod
    def begin(
        cls, optimizer: str, params: Array, rng: random.Rng, average: float | None = None
    ) -> OptimizerState:
        """Return the state before the first update."""
        moments = _no_moments(optimizer, average is not None, params)
        return cls(moments, np.zeros(1, np.int64), rng, optimizer=optimizer)

    def vectors(self, size: int) -> Array:
        """Return the state vectors, (S, size), as views; plain SGD has none."""
        vectors: Array = self.moments[0].reshape(-1, size)
        return vectors

    def next_order(self, shuffle: bool, whole: bool) -> Array | None:
        """Shuffle the order in use: with a RandomState the orders are scikit-learn's.

        An epoch that is one whole batch needs no order, but a RandomState goes on all the same.
        """
        legacy = isinstance(self.rng, np.random.RandomState)
        if not shuffle or self.order is None or (whole and not legacy):
            return None
        random.shuffle(self.rng, self.order)
        return None if whole else self.order

    def masks(self) -> int:
        """Return the seed of what dropout leaves out.

        It is drawn from a copy of the generator: the orders stay those of a training without.
        """
        if self.mask_seed is None:
            self.mask_seed = int.from_bytes(copy.deepcopy(self.rng).bytes(8), "little") >> 1
        return self.mask_seed

    def serve(self, optimizer: str, averaged: bool, params: Array) -> None:
        """Be the state of an optimizer, with an average of the parameters (d,) or without.

        Moments of another optimizer, or of another network, begin anew.

        Raises
        ------
        ValueError
            If training has begun with an average and is to go on without, or the reverse.
        """
        vectors = _core.STATES.get(optimizer, 0)
        ours = self.optimizer in (optimizer, "") and params.dtype == self.moments.dtype
        if ours and self.moments.size == (vectors + averaged) * params.size:
            return
        if ours and self.moments.size == (vectors + (not averaged)) * params.size and self.steps[0]:
            raise ValueError(
                "average cannot be added or removed in a continued training: make a new trainer"
            )
        self.moments, self.optimizer = _no_moments(optimizer, averaged, params), optimizer
        self.steps[0], self.best, self.last = 0, None, None

    def averaged(self, beta: float, params: Array) -> Array:
        """Return the average of the parameters, corrected for its beginning at 0.

        Before the first update these are ``params``.
        """
        steps = int(self.steps[0])
        if not steps:
            return params
        corrected: Array = self.vectors(params.size)[-1].astype(np.float64)
        corrected /= -math.expm1(steps * math.log(beta))
        found: Array = corrected.astype(params.dtype)
        return found

    def keep_best(self, params: Array) -> None:
        """Remember the parameters as the best."""
        if self.best is None:
            self.best = np.empty_like(params)
        self.best[...] = params

    def restore_best(self, params: Array) -> None:
        """Put the best parameters in place, and keep the last to go on from."""
        if self.best is not None:
            self.last = params.copy()
            params[...] = self.best

    def resume(self, params: Array, rows: int) -> None:
        """Take up where the last training stopped."""
        if self.last is not None and self.best is not None and np.array_equal(params, self.best):
            params[...] = self.last
        self.last = None
        if self.order is None or len(self.order) != rows:
            self.restart_order(rows)

    def restart_order(self, rows: int) -> None:
        """Take the rows as they come."""
        self.order = np.arange(rows)

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays of a file, by name."""
        optional = {"order": self.order, "best": self.best, "last": self.last}
        if self.mask_seed is not None:
            optional["mask_seed"] = np.array([self.mask_seed])
        present = {name: array for name, array in optional.items() if array is not None}
        return {"state": self.moments, "steps": self.steps, **present}

    def take_arrays(self, arrays: dict[str, Array], params: Array) -> None:
        """Take the arrays of a file, each checked by type and shape, and the order as such."""
        self.moments = files.saved_array(arrays, "state", self.moments.dtype, self.moments.shape)
        self.steps = files.saved_array(arrays, "steps", self.steps.dtype, self.steps.shape)
        check_integer("steps", self.steps[0], 0, _MOST_STEPS)
        if "order" in arrays:
            shape = arrays["order"].shape[:1]
            self.order = files.saved_array(arrays, "order", np.dtype(np.int64), shape)
            if not np.array_equal(np.sort(self.order), np.arange(len(self.order))):
                raise ValueError("order is not a permutation")
        if "mask_seed" in arrays:
            seed = files.saved_array(arrays, "mask_seed", np.dtype(np.int64), (1,))
            self.mask_seed = check_integer("mask_seed", seed[0], 0)
        if "best" in arrays:
            self.best = files.saved_array(arrays, "best", params.dtype, params.shape)
        if "last" in arrays:
            self.last = files.saved_array(arrays, "last", params.dtype, params.shape)


def _no_moments(optimizer: str, averaged: bool, params: Array) -> Array:
    vectors = _core.STATES.get(optimizer, 0) + averaged
    return np.zeros((1, vectors * params.size), params.dtype)
