"""Shuffles made before the clock starts, for rivals that draw their own."""

from __future__ import annotations

import copy

import numpy as np


class Replay(np.random.RandomState):
    """A random state whose `shuffle` hands out given permutations.

    So all rivals see the same rows in the same order, and none is charged for drawing it.
    """

    def __init__(self, shuffles: np.ndarray) -> None:
        super().__init__(0)
        self._shuffles = iter(shuffles)

    def __deepcopy__(self, memo: dict) -> Replay:
        """Share the permutations: a generator that draws them has none to copy."""
        other = Replay(())
        other._shuffles = copy.copy(self._shuffles)
        return other

    def shuffle(self, x: np.ndarray) -> None:
        """Permute `x` by the next one."""
        x[:] = x[next(self._shuffles)]
