"""The course of one training, whoever trains: its history, its clock, and who watches it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from pyl2 import checks
from pyl2.checks import Items
from pyl2.history import History
from pyl2.network import Network
from pyl2.progress import silent


class Diverged(ValueError):
    """Training met an error or parameters that are not finite."""


class Course:
    """Enters epochs into a history and says when training is over.

    Parameters
    ----------
    trainer : object
        Handed to the callbacks.
    network : Network
        In training.
    epochs : int
        At most so many.
    held_out : Items, callable or None
        Validation data, checked, or ``f(network)``, the number to keep in its place.
    max_time : float or None
        Seconds after which no further epoch begins.
    callbacks : callable or iterable of callables
        Each is called as ``f(trainer, history)``; True ends the training.
    """

    def __init__(
        self,
        trainer: Any,
        network: Network,
        epochs: Any,
        held_out: Items | Callable[[Network], float] | None,
        max_time: float | None,
        callbacks: Any,
    ) -> None:
        self.epochs = checks.whole("epochs", epochs, 1)
        self.history = History()
        self.advance: Callable[[float], None] = silent
        self._trainer = trainer
        self._network = network
        self._held_out = held_out
        self._max_time = (
            math.inf if max_time is None else checks.number("max_time", max_time, 0, open_low=True)
        )
        self.callbacks = callables(callbacks)
        self._started = time.perf_counter()

    def record(
        self, data_error: float, penalty: float, swarm: tuple[float, float] | None = None
    ) -> float | None:
        """Enter an epoch into the history; return E₀ on the validation data, if there are any."""
        validation = None if self._held_out is None else self._validate(self._held_out)
        self.history.append(data_error, penalty, self._seconds(), validation, swarm)
        self.advance(data_error + penalty)
        return validation

    def enter(self, sums: list[list[float]], times: list[float]) -> None:
        """Enter epochs that nobody watched, and see whether the training is over.

        ``sums`` holds E₀ and R of each, ``times`` the clock at its end.
        """
        self.history.extend(sums, [moment - self._started for moment in times])
        if times and not self.history.stopped:
            self.over()

    @property
    def watched(self) -> bool:
        """Whether somebody is to see each epoch: validation, a callback, a progress bar."""
        shown = self.advance is not silent
        return bool(self.callbacks) or self._held_out is not None or shown

    @property
    def left(self) -> int:
        """Epochs left."""
        return self.epochs - len(self.history)

    @property
    def deadline(self) -> float:
        """When the time is over, by the clock ``time.perf_counter``."""
        return self._started + self._max_time

    def _validate(self, held_out: Items | Callable[[Network], float]) -> float:
        if callable(held_out):
            return checks.returned("validation", held_out(self._network))
        free = np.zeros(len(self._network.weights))
        return self._network._errors(held_out, free)[0]

    def over(self, reached: str = "") -> bool:
        """Whether the last epoch ends it.

        A callback does, then a limit of the trainer's own that was ``reached``, then the clock,
        then the number of epochs.
        """
        asked = [callback(self._trainer, self.history) is True for callback in self.callbacks]
        if any(asked):
            self.history.stopped = "callback"
        elif reached:
            self.history.stopped = reached
        elif self._seconds() >= self._max_time:
            self.history.stopped = "max_time"
        elif len(self.history) >= self.epochs:
            self.history.stopped = "epochs"
        return bool(self.history.stopped)

    def _seconds(self) -> float:
        return time.perf_counter() - self._started


def held_out(validation: Any, network: Network) -> Items | Callable[[Network], float] | None:
    """Return what users pass as ``validation``, checked."""
    if validation is None or callable(validation):
        return cast("Callable[[Network], float] | None", validation)
    if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
        raise ValueError(
            "validation must be (X, Y), (X, Y, sample_weight) or f(network),"
            f" got {checks.shown(validation)}"
        )
    X, Y, *weight = validation
    names = ("validation X", "validation Y")
    return checks.items(X, Y, weight[0] if weight else None, network, names)


def callables(callbacks: Any) -> list[Callable[[Any, History], Any]]:
    """Return callbacks, one or many, as a list."""
    if callable(callbacks):
        return [callbacks]
    found = checks.entries("callbacks", callbacks, "callables f(trainer, history)")
    if not all(callable(callback) for callback in found):
        raise TypeError(
            f"callbacks must be callables f(trainer, history), got {checks.shown(callbacks)}"
        )
    return found
