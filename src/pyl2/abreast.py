"""Training many networks: gradient descent of all abreast, an epoch being one call of the engine.

One alone is the usual case, and no other.  The networks are of one shape and see the same rows in
the same order.  Each has a trainer of its own, with its own rates, and ends when that one says so;
the rest go on without it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from pyl2 import _core, checks
from pyl2.checks import Array, Items
from pyl2.course import Course, Diverged
from pyl2.network import Network


class Trainer(Protocol):
    """A Backprop or ParticleSwarm."""

    network: Network
    optimizer: str

    def _run(self, items: Items, course: Course) -> None: ...


class Descent(Trainer, Protocol):
    """What ``descend`` asks of a Backprop."""

    l2: Any
    batch_size: int | None
    _state: Array
    _steps: Array

    def _go_on(self, items: Items) -> None: ...
    def _next_order(self, whole: bool) -> Array | None: ...
    def _eta(self) -> float: ...
    def _update(
        self, eta: float, items: Items, order: Array | None, batch: int
    ) -> _core.Update: ...
    def _may_change(self, course: Course) -> bool: ...
    def _steady(self, course: Course) -> bool: ...
    def _conclude(
        self, data_error: float, penalty: float, items: Items, course: Course
    ) -> None: ...
    def _skip(
        self, sums: list[list[float]], times: list[float], items: Items, course: Course
    ) -> None: ...
    def _restore_best(self) -> None: ...


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

    def end(self, error: Diverged) -> None:
        """End it, having diverged."""
        self.diverged = error
        self.course.history.stopped = "diverged"


def train(trainings: Sequence[Training], items: Items, n_threads: int | None = None) -> None:
    """Train each until it ends: gradient descent abreast, all else one after the other.

    An exception but divergence ends all, and leaves the networks with the parameters of the last
    batch.
    """
    with ExitStack() as stack:
        for training in trainings:
            stack.enter_context(training.trainer.network._turn)
            stack.enter_context(training.trainer.network._limited(n_threads))
        if trainings[0].trainer.optimizer in _core.OPTIMIZERS:
            descend(trainings, items)
            return
        for training in trainings:
            try:
                training.trainer._run(items, training.course)
            except Diverged as error:
                training.end(error)


def descend(trainings: Sequence[Training], items: Items) -> None:
    """Train each until it ends; the orders of the rows, and their batches, are the first one's."""
    descents = [cast(Descent, training.trainer) for training in trainings]
    for trainer in descents:
        trainer._go_on(items)
    going = list(trainings)
    while going:
        block = _Block(going, items, descents[0])
        try:
            block.train()
        finally:
            block.put_back()
        going = [training for training in going if not training.over]
    for training, trainer in zip(trainings, descents, strict=True):
        if training.diverged is None:
            trainer._restore_best()


_ALL = slice(None)

_Sums = list[list[float]]  # E₀ and R of each training


class _Block:
    """The trainings that go on, with their arrays side by side, as the engine takes them.

    One alone is trained in its own arrays.
    """

    def __init__(self, going: list[Training], items: Items, lead: Descent) -> None:
        self._going, self._items, self._lead = going, items, lead
        self._trainers = trainers = [cast(Descent, training.trainer) for training in going]
        self._own = len(going) == 1
        first = trainers[0]
        self._params = first.network.params[None]
        self._state, self._steps = first._state, first._steps
        if not self._own:
            self._params = np.stack([trainer.network.params for trainer in trainers])
            self._state = np.concatenate([trainer._state for trainer in trainers])
            self._steps = np.concatenate([trainer._steps for trainer in trainers])
        self._before = np.empty_like(self._params)
        # Copied through views of bytes, for which no memory is needed: there may be none.
        self._bytes = self._params.reshape(-1).view(np.uint8).data
        self._bytes_before = self._before.reshape(-1).view(np.uint8).data
        self._sums = np.empty((len(going), 2))
        rows, batch = items.rows, lead.batch_size
        self._batch = rows if batch is None else min(batch, rows)
        self._may_change = any(
            trainer._may_change(training.course) for trainer, training in self._each()
        )
        self._etas: list[float] = []
        self._plan: list[_core.Update] = []

    def train(self) -> None:
        """Train until one of them ends."""
        steady = all(trainer._steady(training.course) for trainer, training in self._each())
        train = self._epochs if steady else self._epoch
        train()
        while not any(training.over for training in self._going):
            train()

    def _each(self) -> Iterator[tuple[Descent, Training]]:
        return zip(self._trainers, self._going, strict=True)

    def put_back(self) -> None:
        """Give each trainer and network what is its own."""
        if self._own:
            return
        for i, trainer in enumerate(self._trainers):
            self._show(i)
            trainer._state[...] = self._state[i]
            trainer._steps[...] = self._steps[i]

    def _show(self, i: int) -> None:
        """Let a network have its parameters."""
        if not self._own:
            self._trainers[i].network.params[...] = self._params[i]

    def _epoch(self) -> None:
        """Train an epoch that somebody looks at, or after which a rate may change."""
        order = self._next_order()
        updates = self._updates(order)
        sums = self._call(order, updates)
        if not self._finite(sums):
            self._end_diverged(sums, 1)
        for i, (trainer, training) in enumerate(self._each()):
            if training.diverged is None:
                self._show(i)
                data_error, penalty = sums[i]
                trainer._conclude(data_error, penalty, self._items, training.course)

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
        for i, (trainer, training) in enumerate(self._each()):
            epochs = len(times) - (training.diverged is not None)
            sums = [epoch[i] for epoch in log[:epochs]]
            trainer._skip(sums, times[:epochs], self._items, training.course)

    def _next_order(self) -> Array | None:
        return self._lead._next_order(whole=self._batch == self._items.rows)

    def _updates(self, order: Array | None) -> list[_core.Update]:
        """Return how each is trained in the coming epoch; a callback may have set it anew."""
        etas = [trainer._eta() for trainer in self._trainers]
        if etas != self._etas or self._may_change:
            self._etas = etas
            self._plan = [
                trainer._update(eta, self._items, order, self._batch)
                for trainer, eta in zip(self._trainers, etas, strict=True)
            ]
        return self._plan

    def _call(self, order: Array | None, updates: list[_core.Update]) -> _Sums:
        """Train all for an epoch."""
        self._bytes_before[_ALL] = self._bytes
        network = self._lead.network
        arrays = self._params, self._state, self._steps, *self._items, order
        finite = None
        try:
            finite = network._net.epoch(*arrays, self._batch, updates, self._sums, network._threads)
        finally:
            if finite is None:  # broken off
                self._mend()
            elif not finite and self._own:  # before any call: Ctrl-C could come with it
                self._bytes[_ALL] = self._bytes_before
                self._state[...], self._steps[...] = 0, 0
        self._all_finite = finite
        sums: _Sums = (self._sums / self._items.rows).tolist()
        return sums

    def _mend(self) -> None:
        """Let none that is amid an epoch keep parameters that are not finite."""
        for i in range(len(self._going)):
            if not checks.finite(self._params[i]):
                self._reset(i)

    def _reset(self, i: int) -> None:
        """Give one its parameters of the epoch before; its moments begin anew.

        To keep a copy of them would cost each epoch.
        """
        self._params[i] = self._before[i]
        self._state[i], self._steps[i] = 0, 0

    def _finite(self, sums: _Sums) -> bool:
        """Whether the errors of the last epoch are finite, and the parameters after it."""
        return self._all_finite and math.isfinite(sum([sum(parts) for parts in sums]))

    def _end_diverged(self, sums: _Sums, ago: int) -> None:
        """Give those that have diverged their parameters of the epoch before, and end them.

        It is so many epochs after the last that their histories hold.
        """
        for i, ((trainer, training), eta) in enumerate(zip(self._each(), self._etas, strict=True)):
            error = sum(sums[i])
            if not self._own and math.isfinite(error) and checks.finite(self._params[i]):
                continue
            self._reset(i)
            training.end(
                Diverged(
                    f"training diverged in epoch {len(training.course.history) + ago}: error"
                    f" {error:g} with eta={eta:g} and l2={trainer.l2}; the parameters are those of"
                    " the epoch before."
                    " A smaller eta, a smaller l2 or scaled inputs (StandardScaler) help."
                )
            )
