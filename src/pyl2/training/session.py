"""A training under way, whoever trains: its history, its clock, and who watches it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from pyl2._common.dataset import Dataset, check_dataset
from pyl2._common.progress import silent
from pyl2._common.validation import check_entries, check_integer, check_real, check_returned, shown
from pyl2.network import Network, engine_of
from pyl2.training.history import History

Rates: TypeAlias = tuple[float, float | list[float]]  # η and λ, one or of each layer


class Diverged(ValueError):
    """Training met an error or parameters that are not finite."""


class TrainingSession:
    """One training, whoever trains: its history, its clock, and who watches it.

    Parameters
    ----------
    trainer : object
        Handed to the callbacks.
    network : Network
        In training.
    epochs : int
        At most so many.
    validation : Dataset, callable or None
        Held-out data, checked, or ``f(network)``, the number to keep in place of E₀ on them.
    max_time : float or None
        Seconds after which no further epoch begins.
    callbacks : callable or iterable of callables
        Each is called as ``f(trainer, history)``; True ends the training.
    n_threads : int
        As the engine takes it.

    Attributes
    ----------
    history : History
    diverged : Diverged or None
        The error that ended the training, where others go on without it.
    advance : callable
        Called with E after each epoch that is watched: it moves the progress bar.
    """

    def __init__(
        self,
        trainer: Any,
        network: Network,
        epochs: Any,
        validation: Dataset | Callable[[Network], float] | None = None,
        max_time: float | None = None,
        callbacks: Any = (),
        n_threads: int = 0,
    ) -> None:
        self.network = network
        self.epochs = check_integer("epochs", epochs, 1)
        self.n_threads = n_threads
        self.history = History()
        self.diverged: Diverged | None = None
        self.advance: Callable[[float], None] = silent
        self.callbacks = check_callbacks(callbacks)
        self.validation = validation
        self._trainer = trainer
        self._max_time = (
            math.inf if max_time is None else check_real("max_time", max_time, 0, open_low=True)
        )
        self._started = time.perf_counter()

    @property
    def over(self) -> bool:
        """Whether the training has ended."""
        return bool(self.history.stopped)

    @property
    def watched(self) -> bool:
        """Whether somebody is to see each epoch: validation, a callback, a progress bar."""
        shown = self.advance is not silent
        return bool(self.callbacks) or self.validation is not None or shown

    @property
    def epochs_left(self) -> int:
        """Epochs left."""
        return self.epochs - len(self.history)

    @property
    def deadline(self) -> float:
        """When the time is over, by the clock ``time.perf_counter``."""
        return self._started + self._max_time

    def record(
        self,
        data_error: float,
        penalty: float,
        swarm: tuple[float, float] | None = None,
        rates: Rates | None = None,
    ) -> float | None:
        """Enter an epoch into the history; return E₀ on the validation data, if there are any."""
        validation = None if self.validation is None else self._validate(self.validation)
        self.history.append(data_error, penalty, self._seconds(), validation, swarm, rates)
        self.advance(data_error + penalty)
        return validation

    def record_many(self, sums: list[list[float]], times: list[float], rates: Rates) -> None:
        """Enter epochs that nobody watched, of the same η and λ; finish the last of them.

        ``sums`` holds E₀ and R of each, ``times`` the clock at its end.
        """
        self.history.extend(sums, [moment - self._started for moment in times], rates)
        if times and not self.over:
            self.finish_epoch()

    def finish_epoch(self, reached: str = "") -> None:
        """Call the callbacks, and end the training if a limit has been reached.

        A callback ends it, then a limit of the trainer's own that was ``reached``, then the clock,
        then the number of epochs.
        """
        asked = [callback(self._trainer, self.history) is True for callback in self.callbacks]
        if any(asked):
            self.stop("callback")
        elif reached:
            self.stop(reached)
        elif self._seconds() >= self._max_time:
            self.stop("max_time")
        elif len(self.history) >= self.epochs:
            self.stop("epochs")

    def stop(self, reason: str) -> None:
        """End the training."""
        self.history.stopped = reason

    def end_diverged(self, error: Diverged) -> None:
        """End a training that has diverged, while others go on."""
        self.diverged = error
        self.stop("diverged")

    def _validate(self, validation: Dataset | Callable[[Network], float]) -> float:
        if callable(validation):
            return check_returned("validation", validation(self.network))
        engine, params = engine_of(self.network), self.network.params
        return engine.error(params, validation, n_threads=self.n_threads)[0]

    def _seconds(self) -> float:
        return time.perf_counter() - self._started


def check_validation(
    validation: Any, network: Network
) -> Dataset | Callable[[Network], float] | None:
    """Return what users pass as ``validation``, checked."""
    if validation is None or callable(validation):
        return cast("Callable[[Network], float] | None", validation)
    if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
        raise ValueError(
            "validation must be (X, Y), (X, Y, sample_weight) or f(network),"
            f" got {shown(validation)}"
        )
    X, Y, *weight = validation
    names = ("validation X", "validation Y")
    return check_dataset(X, Y, weight[0] if weight else None, network, names)


def check_callbacks(callbacks: Any) -> list[Callable[[Any, History], Any]]:
    """Return callbacks, one or many, as a list."""
    if callable(callbacks):
        return [callbacks]
    found = check_entries("callbacks", callbacks, "callables f(trainer, history)")
    if not all(callable(callback) for callback in found):
        raise TypeError(f"callbacks must be callables f(trainer, history), got {shown(callbacks)}")
    return found
