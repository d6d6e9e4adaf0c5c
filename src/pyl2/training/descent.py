"""Training many networks: gradient descent of all together, an epoch being one call of the engine.

One alone is the usual case, and no other.  The networks are of one shape and see the same rows in
the same order.  Each has settings, a policy and a session of its own, and ends when these say so;
the rest go on without it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from pyl2 import _core
from pyl2._common.dataset import Dataset
from pyl2._common.validation import Array, all_finite
from pyl2._common.warn import warn
from pyl2.network import engine_of
from pyl2.training.history import GRADIENT
from pyl2.training.policy import Policy
from pyl2.training.session import Diverged, Rates, TrainingSession
from pyl2.training.settings import Settings
from pyl2.training.state import OptimizerState


class Run(Protocol):
    """A training that is ready to go: by descent, by L-BFGS, by a swarm."""

    session: TrainingSession

    def run(self, dataset: Dataset) -> None:
        """Train until the session is over; raise Diverged if an error is not finite."""
        ...


@dataclass
class Descent:
    """Gradient descent of one network.

    Attributes
    ----------
    settings : Settings
    state : OptimizerState
    policy : Policy
    session : TrainingSession
    refresh : callable, optional
        Returns the settings anew; asked after each epoch, where callbacks may change them.
    dataset : Dataset, optional
        The rows with sample weights of its own.
    total : int
        Batches of all epochs, from those of the first training on: T of a schedule by the step.
    rates : tuple
        η and λ of the last update of the epoch that is planned.
    """

    settings: Settings
    state: OptimizerState
    policy: Policy
    session: TrainingSession
    refresh: Callable[[], Settings] | None = None
    dataset: Dataset | None = None
    total: int = 0
    rates: Rates = (0.0, 0.0)

    def run(self, dataset: Dataset) -> None:
        """Train until the session is over; raise Diverged if an error is not finite."""
        descend([self], dataset)
        if self.session.diverged is not None:
            raise self.session.diverged

    @property
    def params(self) -> Array:
        """The network's parameters, (d,)."""
        return self.session.network.params

    @property
    def steady(self) -> bool:
        """Whether nobody looks at an epoch, and none changes the rate of the next."""
        return self.settings.steady and not self.session.watched

    def resume(self, rows: int) -> None:
        """Take up where the last training stopped."""
        settings = self.settings
        self.state.serve(settings.optimizer, settings.average is not None, self.params)
        if settings.drops:
            self.state.masks()  # now, before an order is drawn
        self.policy.resume(self.settings, self.state, self.params, rows)
        self.total = self.policy.progress.batches + self.session.epochs * self._batches(rows)

    def _batches(self, rows: int) -> int:
        return -(-rows // self.settings.batch_rows(rows))

    def learning_rate(self) -> float:
        """Return η of the coming epoch."""
        return self.policy.learning_rate(self.settings)

    def update(self, eta: float, dataset: Dataset, order: Array | None) -> _core.Update:
        """Return how the coming epoch's batches change the network."""
        layers = len(self.session.network.weights)
        if not self.policy.progress.items_seen:
            self.settings.warn_if_too_large(eta, layers, dataset, order)
        l2 = self.settings.l2
        self.rates = eta, l2 if isinstance(l2, float) else list(l2)
        divisor = self.settings.divisor(dataset)
        seed = self.state.masks() if self.settings.drops else 0
        if not self.settings.stepwise:
            return self.settings.update(eta, layers, divisor, mask_seed=seed)
        place = self.policy.progress.batches, self._batches(dataset.rows), self.total
        factors = self.settings.rate_factors(*place)
        now = float(factors[1][-1])
        self.rates = (
            eta * float(factors[0][-1]),
            l2 * now if isinstance(l2, float) else [value * now for value in l2],
        )
        return self.settings.update(eta, layers, divisor, factors, seed)

    def skip_epochs(self, sums: list[list[float]], times: list[float], rows: int) -> None:
        """Enter epochs that nobody watched: E₀ and R of each, and when it ended."""
        self.policy.count(rows, self._batches(rows), len(times))
        self.session.history.evaluations += GRADIENT * len(times)
        self.session.record_many(sums, times, self.rates)

    def finish_epoch(self, data_error: float, penalty: float, rows: int) -> None:
        """Enter an epoch, judge it, and see whether it was the last."""
        self.policy.count(rows, self._batches(rows))
        self.session.history.evaluations += GRADIENT
        loss = self.policy.loss(data_error, penalty)
        validation = self.session.record(data_error, penalty, rates=self.rates)
        if self.settings.judges:
            self._judge(loss, validation)
        self.session.finish_epoch()
        if self.refresh is not None:
            self.settings = self.refresh()
        if self.policy.stalled(self.settings) and self.policy.give_up(self.settings):
            self.session.stop("early_stopping" if self.settings.early_stopping else "tol")

    def _judge(self, loss: float, validation: float | None) -> None:
        early = self.settings.early_stopping
        error = loss if validation is None or not early else validation
        if self.policy.judge(self.settings, error) and early:
            self.state.keep_best(self.params)

    def finish(self) -> None:
        """Leave the network with the best parameters, where early stopping has kept them."""
        progress = self.policy.progress
        if self.settings.early_stopping and progress.items_seen and progress.best == math.inf:
            warn(
                "no epoch had a finite validation value: early stopping had nothing to judge by,"
                " and the network has the parameters of the last"
            )
        averaged = self.settings.average is not None
        if averaged and not self.settings.early_stopping:
            self.state.keep_best(self.shown_params(self.params))
        if averaged or self.settings.early_stopping:
            self.state.restore_best(self.params)

    def shown_params(self, params: Array) -> Array:
        """Return what the network is judged by and ends with: the average, if there is one."""
        beta = self.settings.average
        return params if beta is None else self.state.averaged(beta, params)


def train_many(runs: Sequence[Run], dataset: Dataset) -> None:
    """Train each until it ends: descents together, all else one after the other.

    An exception but divergence ends all, and leaves the networks with the parameters of the last
    batch.
    """
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(engine_of(run.session.network).training_lock)
        if all(isinstance(run, Descent) for run in runs):
            descend(cast(Sequence[Descent], runs), dataset)
            return
        for run in runs:
            try:
                run.run(dataset)
            except Diverged as error:
                run.session.end_diverged(error)


def descend(descents: Sequence[Descent], dataset: Dataset, own_orders: bool = False) -> None:
    """Train each until it ends; the batches are the first one's, and so are the orders of the rows.

    With ``own_orders`` each has those that it would have alone.
    """
    for descent in descents:
        descent.resume(dataset.rows)
    going = list(descents)
    while going:
        group = _Group(going, dataset, going[0] if own_orders else descents[0], own_orders)
        try:
            group.train()
        finally:
            group.put_back()
        going = [descent for descent in going if not descent.session.over]
    for descent in descents:
        if descent.session.diverged is None:
            descent.finish()


def _weights(datasets: list[Dataset]) -> Array | None:
    """Return the sample weights of all, (rows,), or (P, rows) where they differ."""
    first = datasets[0].sample_weight
    if all(dataset.sample_weight is first for dataset in datasets):
        return first
    given = [dataset.sample_weight for dataset in datasets]
    dtype = next(weight.dtype for weight in given if weight is not None)
    ones = np.ones(datasets[0].rows, dtype)
    return np.stack([ones if weight is None else weight for weight in given])


_ALL = slice(None)

_Sums = list[list[float]]  # E₀ and R of each network


class _Group:
    """The networks that go on, with their arrays side by side, as the engine takes them.

    One alone is trained in its own arrays.
    """

    def __init__(
        self, descents: list[Descent], dataset: Dataset, lead: Descent, own_orders: bool = False
    ) -> None:
        self._descents, self._lead, self._own_orders = descents, lead, own_orders
        self._datasets = [descent.dataset or dataset for descent in descents]
        self._dataset = dataset._replace(sample_weight=_weights(self._datasets))
        averaged = any(descent.settings.average is not None for descent in descents)
        self._alone = len(descents) == 1 and not averaged
        first = descents[0]
        self._params = first.params[None]
        self._moments, self._steps = first.state.moments, first.state.steps
        if not self._alone:
            self._params = np.stack([descent.params for descent in descents])
            self._moments = np.concatenate([descent.state.moments for descent in descents])
            self._steps = np.concatenate([descent.state.steps for descent in descents])
        self._before = np.empty_like(self._params)
        # Copied through views of bytes, for which no memory is needed: there may be none.
        self._bytes = self._params.reshape(-1).view(np.uint8).data
        self._bytes_before = self._before.reshape(-1).view(np.uint8).data
        self._sums = np.empty((len(descents), 2))
        self._rows = dataset.rows
        self._fixed = all(descent.refresh is None for descent in descents)
        self._stepwise = any(descent.settings.stepwise for descent in descents)
        self._batch = lead.settings.batch_rows(dataset.rows)
        self._engine = engine_of(lead.session.network)
        self._etas: list[float] = []
        self._updates: tuple[_core.Update, ...] = ()

    def train(self) -> None:
        """Train until one of them ends."""
        steady = all(descent.steady for descent in self._descents)
        train = self._unwatched_epochs if steady else self._epoch
        train()
        while not any(descent.session.over for descent in self._descents):
            train()

    def put_back(self) -> None:
        """Give each network and its state what is its own."""
        if self._alone:
            return
        for i, descent in enumerate(self._descents):
            self._hand_back(i)
            descent.params[...] = self._params[i]

    def _hand_back(self, i: int) -> None:
        self._descents[i].state.moments[...] = self._moments[i]
        self._descents[i].state.steps[...] = self._steps[i]

    def _show(self, i: int) -> None:
        """Let a network have its parameters, or their average."""
        if self._alone:
            return
        descent = self._descents[i]
        if descent.settings.average is not None:
            self._hand_back(i)
        descent.params[...] = descent.shown_params(self._params[i])

    def _epoch(self) -> None:
        """Train an epoch that somebody looks at, or after which a rate may change."""
        order = self._next_order()
        self._plan(order)
        sums = self._call(order)
        if not self._finite(sums):
            self._end_diverged(sums, 1)
        for i, descent in enumerate(self._descents):
            if descent.session.diverged is None:
                self._show(i)
                data_error, penalty = sums[i]
                descent.finish_epoch(data_error, penalty, self._dataset.rows)

    def _unwatched_epochs(self) -> None:
        """Train the epochs left, or until the clock or divergence ends one, then enter them."""
        left = min(descent.session.epochs_left for descent in self._descents)
        deadline = min(descent.session.deadline for descent in self._descents)
        order = self._next_order()
        self._plan(order)
        log: list[_Sums] = []
        times: list[float] = []
        try:
            while True:
                log.append(self._call(order))
                times.append(time.perf_counter())
                if not self._finite(log[-1]):
                    self._end_diverged(log[-1], len(log))
                    break
                if len(log) == left or times[-1] >= deadline:
                    break
                order = self._next_order()
        finally:
            self._enter(log, times)

    def _enter(self, log: list[_Sums], times: list[float]) -> None:
        """Enter the epochs that nobody looked at; one that diverged lacks the last.

        An epoch that an exception broke off is in no log.
        """
        for i, descent in enumerate(self._descents):
            epochs = len(times) - (descent.session.diverged is not None)
            sums = [epoch[i] for epoch in log[:epochs]]
            descent.skip_epochs(sums, times[:epochs], self._dataset.rows)

    def _next_order(self) -> Array | None:
        whole = self._batch == self._dataset.rows
        if not self._own_orders:
            return self._lead.state.next_order(self._lead.settings.shuffle, whole)
        orders = [one.state.next_order(one.settings.shuffle, whole) for one in self._descents]
        if all(order is None for order in orders):
            return None
        as_they_come = np.arange(self._rows)
        return np.stack([as_they_come if order is None else order for order in orders])

    def _plan(self, order: Array | None) -> None:
        """Plan how each is trained in the coming epoch; a callback may have changed that."""
        etas = [descent.learning_rate() for descent in self._descents]
        if self._fixed and not self._stepwise and etas == self._etas:
            return
        self._etas = etas
        self._updates = tuple(
            descent.update(eta, own, order[i] if order is not None and order.ndim > 1 else order)
            for i, (descent, own, eta) in enumerate(
                zip(self._descents, self._datasets, etas, strict=True)
            )
        )

    def _call(self, order: Array | None) -> _Sums:
        """Train all for an epoch."""
        self._bytes_before[_ALL] = self._bytes
        finite = None
        try:
            finite = self._engine.epoch(
                self._params,
                self._moments,
                self._steps,
                self._dataset,
                order,
                self._batch,
                self._updates,
                self._sums,
                self._lead.session.n_threads,
            )
        finally:
            if finite is None:  # broken off
                self._mend()
            elif not finite and self._alone:  # before any call: Ctrl-C could come with it
                self._bytes[_ALL] = self._bytes_before
                self._moments[...], self._steps[...] = 0, 0
        self._all_finite = finite
        # Of a few numbers NumPy's division and sum would take longer than all else here.
        rows = self._rows
        return [[data / rows, penalty / rows] for data, penalty in self._sums.tolist()]

    def _mend(self) -> None:
        """Let no network keep parameters that are not finite from an epoch that was broken off."""
        for i in range(len(self._descents)):
            if not all_finite(self._params[i]):
                self._reset(i)

    def _reset(self, i: int) -> None:
        """Give one its parameters of the epoch before; its moments begin anew.

        To keep a copy of them would cost each epoch.
        """
        self._params[i] = self._before[i]
        self._moments[i], self._steps[i] = 0, 0

    def _finite(self, sums: _Sums) -> bool:
        """Whether the errors of the last epoch are finite, and the parameters after it."""
        total = 0.0
        for data_error, penalty in sums:
            total += data_error + penalty
        return self._all_finite and math.isfinite(total)

    def _end_diverged(self, sums: _Sums, ago: int) -> None:
        """Give those that have diverged their parameters of the epoch before, and end them.

        It is so many epochs after the last that their histories hold.
        """
        for i, (descent, eta) in enumerate(zip(self._descents, self._etas, strict=True)):
            error = sum(sums[i])
            if not self._alone and math.isfinite(error) and all_finite(self._params[i]):
                continue
            self._reset(i)
            epoch = len(descent.session.history) + ago
            descent.session.end_diverged(
                Diverged(
                    f"training diverged in epoch {epoch}: error {error:g} with eta={eta:g} and"
                    f" l2={descent.settings.l2}; the parameters are those of the epoch before."
                    " A smaller eta, a smaller l2 or scaled inputs (StandardScaler) help."
                )
            )
