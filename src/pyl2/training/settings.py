"""How a network is trained by gradients: what a file of a training holds beside its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyl2 import _core
from pyl2._common import penalty
from pyl2._common.dataset import Dataset
from pyl2._common.outputs import Objective
from pyl2._common.validation import (
    Array,
    check_flag,
    check_integer,
    check_normal,
    check_option,
    check_real,
)
from pyl2.network import Network
from pyl2.training.course import COURSES, Course, check_course, check_warmup, factors
from pyl2.training.dropout import check_dropout
from pyl2.training.levenberg import check_problem
from pyl2.training.schedule import SCHEDULES
from pyl2.training.solvers import OPTIMIZERS, SOLVERS, check_decay

ALL_SCHEDULES = (*SCHEDULES, *COURSES[1:])

# What concerns the single update, and has no meaning where there are none.
BY_STEP = (
    "warmup",
    "l2_schedule",
    "clip_norm",
    "clip_value",
    "average",
    "dropout",
    "input_dropout",
)

# What it means nothing to, of the parameters of stochastic descent.
_NOT_FOR_LM = (
    "early_stopping",
    "schedule",
    "power_t",
    "shuffle",
    "momentum",
    "beta_1",
    "beta_2",
    "epsilon",
    *BY_STEP,
)


@dataclass(frozen=True)
class Settings:
    """The parameters of ``Backprop`` under their own names, where they are described."""

    optimizer: str = "sgd"
    eta: float = 0.01
    l2: float | Sequence[float] = 0.0
    n: str | float = "batch"
    decay: str | None = None
    batch_size: int | None = 32
    shuffle: bool = True
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    schedule: Course = "constant"
    power_t: float = 0.5
    tol: float | None = None
    n_iter_no_change: float = 10
    early_stopping: bool = False
    warmup: float = 0
    l2_schedule: Course = "constant"
    clip_norm: float | None = None
    clip_value: float | None = None
    average: float | None = None
    dropout: float | Sequence[float] = 0.0
    input_dropout: float = 0.0

    @classmethod
    def of(cls, trainer: Any) -> Settings:
        """Return the settings that a trainer has as attributes."""
        return cls(**{name: getattr(trainer, name) for name in cls.__match_args__})

    def checked(self, network: Network) -> Settings:
        """Return these settings as plain numbers, flags and lists of their own, for a file.

        Raises
        ------
        ValueError, TypeError
            If one is out of range, or does not go with the others or the network.
        """
        check_option("optimizer", self.optimizer, OPTIMIZERS)
        check_decay(self.decay, self.optimizer)
        plain: dict[str, Any] = {
            "eta": check_real("eta", self.eta, 0, open_low=True),
            "l2": penalty.plain(self.l2, len(network.weights)),
            "n": penalty.check_n(self.n),
            "epsilon": check_real("epsilon", self.epsilon, 0, open_low=True),
            "power_t": check_real("power_t", self.power_t),
            "schedule": check_course("schedule", self.schedule, ALL_SCHEDULES),
            "l2_schedule": check_course("l2_schedule", self.l2_schedule),
            "warmup": check_warmup(self.warmup),
            "n_iter_no_change": check_integer("n_iter_no_change", self.n_iter_no_change, 1),
            **check_dropout(self.dropout, self.input_dropout, len(network.hidden)),
        }
        for name in ("momentum", "beta_1", "beta_2"):
            plain[name] = check_real(name, getattr(self, name), 0, 1, open_high=True)
        for name in ("shuffle", "early_stopping"):
            plain[name] = check_flag(name, getattr(self, name))
        if self.batch_size is not None:
            plain["batch_size"] = check_integer("batch_size", self.batch_size, 1)
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                plain[name] = check_real(name, getattr(self, name), 0, open_low=True)
        if self.average is not None:
            plain["average"] = check_real(
                "average", self.average, 0, 1, open_low=True, open_high=True
            )
        if self.tol is not None:
            plain["tol"] = check_real("tol", self.tol, 0)
        solver = SOLVERS[self.optimizer]
        if solver.has_epsilon:  # 0 in the engine would make 0/0 the step of a zero gradient
            check_normal("epsilon", self.epsilon, network.dtype)
        if self.optimizer == "lm":
            found = replace(self, **plain)
            given = {name: (getattr(found, name), _DEFAULTS[name]) for name in _NOT_FOR_LM}
            check_problem(Objective.of(network), network.params.size, given)
        elif solver.full_batch and (plain["early_stopping"] or self.schedule != "constant"):
            raise ValueError("lbfgs has no learning rate: no schedule and no early_stopping")
        found = replace(self, **plain)
        found.check_steps()
        return found

    def check_steps(self) -> None:
        """See that what concerns the single update goes together, and with the optimizer.

        Raises
        ------
        ValueError
        """
        given = [name for name in BY_STEP if getattr(self, name) != _DEFAULTS[name]]
        if given and SOLVERS[self.optimizer].full_batch:
            raise ValueError(
                f"{given[0]} applies to updates of gradient descent: {self.optimizer} has none"
            )
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("clip_norm and clip_value exclude each other: give only one of them")
        rates = [name for name in ("warmup", "l2_schedule") if name in given]
        if rates and self.schedule in SCHEDULES[1:]:
            raise ValueError(
                f"the schedule {self.schedule!r} changes η by the epoch and does not go with"
                f" {rates[0]}, which goes by the update; {', '.join(COURSES[1:])} do"
            )
        if self.optimizer == "rprop" and (self.schedule != "constant" or self.warmup):
            raise ValueError("rprop finds the size of its steps itself: no schedule and no warmup")
        if SOLVERS[self.optimizer].one_batch and self.drops:
            raise ValueError(
                f"{self.optimizer} compares the signs of whole gradients, and dropout changes them"
                " at random: no dropout and no input_dropout"
            )

    @property
    def judges(self) -> bool:
        """Whether it matters how good an epoch was."""
        return self.early_stopping or self.schedule == "adaptive" or self.tol is not None

    @property
    def stepwise(self) -> bool:
        """Whether η or λ change by the update."""
        by_epoch = isinstance(self.schedule, str) and self.schedule in SCHEDULES
        return not by_epoch or self.warmup > 0 or self.l2_schedule != "constant"

    @property
    def drops(self) -> bool:
        """Whether units or inputs are left out."""
        return bool(np.any(self.dropout)) or self.input_dropout > 0

    @property
    def steady(self) -> bool:
        """Whether all epochs are alike: none is judged, and the rates stay."""
        return not self.judges and self.schedule == "constant" and not self.stepwise

    def batch_rows(self, rows: int) -> int:
        """Return the rows of a batch.

        Raises
        ------
        ValueError
            If the optimizer needs all rows in one batch, and this one has fewer.
        """
        batch = rows if self.batch_size is None else min(self.batch_size, rows)
        if batch < rows and SOLVERS[self.optimizer].one_batch:
            raise ValueError(
                f"{self.optimizer} compares the signs of whole gradients: batch_size must take all"
                f" {rows} rows (None; 'auto' in the estimators), got {self.batch_size}"
            )
        return batch

    def divisor(self, dataset: Dataset) -> float:
        """Return what λ is divided by; 0 stands for the weight of each batch."""
        return 0.0 if self.n == "batch" else penalty.divisor(self.n, dataset.weight_sum)

    def rate_factors(self, done: int, batches: int, total: int) -> tuple[Array, Array]:
        """Return factors of η and of λ in the batches of an epoch.

        ``done`` were made before, of ``total`` in the whole training.
        """
        place = np.arange(done, done + batches)
        eta = factors("schedule", self.schedule, place, total, self.warmup)
        if self.decay == "fraction" and not eta.all():
            raise ValueError("schedule must be above 0 with decay='fraction', whose R is λ/2η Σ w²")
        return eta, factors("l2_schedule", self.l2_schedule, place, total)

    def update(
        self,
        eta: float,
        layers: int,
        n: float,
        factors: tuple[Array, Array] | None = None,
        mask_seed: int = 0,
    ) -> _core.Update:
        """Return the update at a learning rate; n as ``divisor`` gives it."""
        eta_factors, l2_factors = factors or (None, None)
        units = self.dropout
        hidden = (units,) * (layers - 1) if isinstance(units, float) else tuple(units)
        decay = check_decay(self.decay, self.optimizer)
        return _core.Update(
            self.optimizer,
            penalty.engine_decay(decay, self.optimizer),
            eta,
            penalty.per_layer(self.l2, layers),
            n,
            momentum=self.momentum,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            clip_norm=self.clip_norm or 0.0,
            clip_value=self.clip_value or 0.0,
            average=self.average or 0.0,
            eta_factors=eta_factors,
            l2_factors=l2_factors,
            dropout=(self.input_dropout, *hidden),
            seed=mask_seed,
        )

    def warn_if_too_large(
        self, eta: float, layers: int, dataset: Dataset, order: Array | None
    ) -> None:
        """Warn when one update takes a whole weight or more, in the smallest batch too."""
        smallest = self.divisor(dataset) or _smallest_batch(
            dataset, order, self.batch_rows(dataset.rows)
        )
        decay = check_decay(self.decay, self.optimizer)
        per_layer = penalty.per_layer(self.l2, layers)
        penalty.warn_if_too_large(decay, self.optimizer, eta, per_layer, smallest)


_DEFAULTS = vars(Settings())


def _smallest_batch(dataset: Dataset, order: Array | None, batch_size: int) -> float:
    """Return the smallest m of the batches of an epoch; a batch of weight 0 updates nothing."""
    if dataset.sample_weight is None:
        return dataset.rows % batch_size or batch_size
    weight = dataset.sample_weight if order is None else dataset.sample_weight[order]
    sums = np.add.reduceat(weight, np.arange(0, dataset.rows, batch_size), dtype=np.float64)
    return float(sums[sums > 0].min())
