"""Gradient descent of one network, or of many abreast: an epoch of all is one call of the engine.

The networks are of one shape and see the same rows in the same order.  Each has a trainer of its
own, with its own rates, and ends when that one says so; the rest go on without it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pyl2 import _core
from pyl2.checks import Array, Items
from pyl2.course import Course, Diverged
from pyl2.network import Network


class Trainer(Protocol):
    """What ``descend`` asks of a Backprop."""

    network: Network
    l2: Any
    batch_size: int | None
    _state: Array
    _steps: Array

    def _next_order(self, whole: bool) -> Array | None: ...
    def _eta(self) -> float: ...
    def _update(
        self, eta: float, items: Items, order: Array | None, batch: int
    ) -> _core.Update: ...
    def _steady(self, course: Course) -> bool: ...
    def _conclude(
        self, data_error: float, penalty: float, items: Items, course: Course
    ) -> None: ...
    def _skip(
        self, sums: list[list[float]], times: list[float], items: Items, course: Course
    ) -> None: ...


@dataclass
class Training:
    """One of the trainings; ``diverged`` is the error that ended it."""

    trainer: Trainer
    course: Course
    diverged: Diverged | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return bool(self.course.history.stopped)


def descend(trainings: Sequence[Training], items: Items) -> None:
    """Train each until it ends; the orders of the rows, and their batches, are the first one's.

    When an exception comes between, the networks have the parameters of the last batch.
    """
    going = list(trainings)
    while going:
        block = _Block(going, items, trainings[0].trainer)
        try:
            block.train()
        finally:
            block.put_back()
        going = [training for training in going if not training.over]


_Sums = list[list[float]]  # E₀ and R of each training


class _Block:
    """The trainings that go on, with their arrays side by side, as the engine takes them.

    One alone is trained in its own arrays.
    """

    def __init__(self, going: list[Training], items: Items, lead: Trainer) -> None:
        self._going, self._items, self._lead = going, items, lead
        trainers = [training.trainer for training in going]
        self._own = len(going) == 1
        first = trainers[0]
        self._params = first.network.params[None]
        self._state, self._steps = first._state, first._steps
        if not self._own:
            self._params = np.stack([trainer.network.params for trainer in trainers])
            self._state = np.concatenate([trainer._state for trainer in trainers])
            self._steps = np.concatenate([trainer._steps for trainer in trainers])
        self._before = np.empty_like(self._params)
        self._sums = np.empty((len(going), 2))
        rows, batch = items.rows, lead.batch_size
        self._batch = rows if batch is None else min(batch, rows)
        self._called = any(training.course.callbacks for training in going)
        self._etas: list[float] = []
        self._plan: list[_core.Update] = []

    def train(self) -> None:
        """Train until one of them ends."""
        steady = all(t.trainer._steady(t.course) for t in self._going)
        train = self._epochs if steady else self._epoch
        train()
        while not any(training.over for training in self._going):
            train()

    def put_back(self) -> None:
        """Give each trainer and network what is its own."""
        if self._own:
            return
        for i, training in enumerate(self._going):
            self._show(i)
            training.trainer._state[...] = self._state[i]
            training.trainer._steps[...] = self._steps[i]

    def _show(self, i: int) -> None:
        """Let a network have its parameters."""
        if not self._own:
            self._going[i].trainer.network.params[...] = self._params[i]

    def _epoch(self) -> None:
        """Train an epoch that somebody looks at, or after which a rate may change."""
        order = self._next_order()
        updates = self._updates(order)
        sums = self._call(order, updates)
        if not self._finite(sums):
            self._end_diverged(sums, 1)
        for i, training in enumerate(self._going):
            if training.diverged is None:
                self._show(i)
                data_error, penalty = sums[i]
                training.trainer._conclude(data_error, penalty, self._items, training.course)

    def _epochs(self) -> None:
        """Train the epochs left, or until the clock or divergence ends one, then tell of them."""
        courses = [training.course for training in self._going]
        left = min(course.left for course in courses)
        deadline = min(course.deadline for course in courses)
        order = self._next_order()
        updates = self._updates(order)
        log: list[_Sums] = []
        times: list[float] = []
        try:
            while True:
                log.append(self._call(order, updates))
                times.append(time.perf_counter())
                if not self._finite(log[-1]):
                    self._end_diverged(log[-1], len(log))
                    break
                if len(log) == left or times[-1] >= deadline:
                    break
                order = self._next_order()
        finally:
            self._tell(log, times)

    def _tell(self, log: list[_Sums], times: list[float]) -> None:
        """Tell each trainer of the epochs that nobody looked at; one that diverged lacks the last.

        An epoch that an exception broke off is in no log.
        """
        for i, training in enumerate(self._going):
            epochs = len(times) - (training.diverged is not None)
            sums = [epoch[i] for epoch in log[:epochs]]
            training.trainer._skip(sums, times[:epochs], self._items, training.course)

    def _next_order(self) -> Array | None:
        return self._lead._next_order(whole=self._batch == self._items.rows)

    def _updates(self, order: Array | None) -> list[_core.Update]:
        """Return how each is trained in the coming epoch; a callback may have set it anew."""
        etas = [training.trainer._eta() for training in self._going]
        if etas != self._etas or self._called:
            self._etas = etas
            self._plan = [
                training.trainer._update(eta, self._items, order, self._batch)
                for training, eta in zip(self._going, etas, strict=True)
            ]
        return self._plan

    def _call(self, order: Array | None, updates: list[_core.Update]) -> _Sums:
        """Train all for an epoch."""
        self._before[...] = self._params
        network = self._lead.network
        arrays = self._params, self._state, self._steps, *self._items, order
        self._all_finite = network._net.epoch(
            *arrays, self._batch, updates, self._sums, network._threads
        )
        sums: _Sums = (self._sums / self._items.rows).tolist()
        return sums

    def _finite(self, sums: _Sums) -> bool:
        """Whether the errors of the last epoch are finite, and the parameters after it."""
        return self._all_finite and math.isfinite(sum([sum(parts) for parts in sums]))

    def _end_diverged(self, sums: _Sums, ago: int) -> None:
        """Give those that have diverged their parameters of the epoch before, and end them.

        It is so many epochs after the last that their histories hold.
        """
        for i, (training, eta) in enumerate(zip(self._going, self._etas, strict=True)):
            error = sum(sums[i])
            if math.isfinite(error) and np.isfinite(self._params[i]).all():
                continue
            self._params[i] = self._before[i]
            # What they were would be copied each epoch for nothing.
            self._state[i], self._steps[i] = 0, 0
            history = training.course.history
            history.stopped = "diverged"
            training.diverged = Diverged(
                f"training diverged in epoch {len(history) + ago}: error {error:g} with eta={eta:g}"
                f" and l2={training.trainer.l2}; the parameters are those of the epoch before."
                " A smaller eta, a smaller l2 or scaled inputs (StandardScaler) help."
            )
