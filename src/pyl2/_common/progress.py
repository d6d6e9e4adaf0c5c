"""A progress bar for long work: one line on standard error, which goes when the work is done."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from threading import Lock
from typing import Any, TextIO

import numpy as np

_EVERY = 0.1
"""Seconds between two looks at the line."""


class Progress:
    """A bar that is not shown; what there is to tell to one that is."""

    def __call__(self, error: float) -> None:
        """Count a step, an epoch as a rule, and tell its E."""

    def leg(self, steps: int, label: str = "", abreast: int = 1) -> Progress:
        """Return what to call with the steps of a leg; legs follow one another as they are made.

        So many trainings `abreast` share a leg. It may take fewer steps than planned, or none.
        """
        return self

    def within(self, label: str) -> Progress:
        """Return the bar with a label in front of those of its legs."""
        return self


silent = Progress()


class Bar(Progress):
    """A bar that is shown."""

    def __init__(self, stream: TextIO, steps: int, unit: str) -> None:
        self._stream, self._steps, self._unit = stream, steps, unit
        self._whole = _Leg(self, 0, steps, "", 1)
        self._planned = self._taken = self._width = 0
        self._began = self._shown = time.perf_counter()
        self._lock = Lock()

    def __call__(self, error: float) -> None:
        """Count a step, and tell its E."""
        self._whole(error)

    def leg(self, steps: int, label: str = "", abreast: int = 1) -> Progress:
        """Return what to call with the steps of a leg."""
        made = _Leg(self, self._planned, steps, label, abreast)
        self._planned += steps
        return made

    def within(self, label: str) -> Progress:
        """Return the bar with a label in front of those of its legs."""
        return _Within(self, label)

    def step(self, leg: _Leg, error: float) -> None:
        """Count a step of a leg; show it ten times a second, and the last."""
        with self._lock:
            leg.taken += 1
            self._taken += 1
            now = time.perf_counter()
            last = leg.first + leg.taken >= self._steps
            if last or (now - self._shown >= _EVERY and not leg.taken % leg.abreast):
                self._shown = now
                self._show(self._line(leg, error, now))

    def _line(self, leg: _Leg, error: float, now: float) -> str:
        left = (now - self._began) / self._taken * (self._steps - leg.first - leg.taken)
        count = f"{self._unit} {leg.taken // leg.abreast}/{leg.steps // leg.abreast}"
        parts = [leg.label, count, f"E {error:.3g}", f"{_time(left)} left"]
        return " · ".join(filter(None, parts))

    def _show(self, text: str) -> None:
        shown = text[: _columns(self._stream) - 1]
        line = shown.ljust(self._width)
        self._width = len(line)  # first, for Ctrl-C may come while it is written
        self._stream.write(f"\r{line}")
        self._stream.flush()
        self._width = len(shown)

    def clear(self) -> None:
        """Leave nothing of it."""
        if self._width:
            self._stream.write(f"\r{' ' * self._width}\r")
            self._stream.flush()


@dataclass
class _Leg(Progress):
    """A part of the work, from the step `first` on."""

    bar: Bar
    first: int
    steps: int
    label: str
    abreast: int
    taken: int = 0

    def __call__(self, error: float) -> None:
        self.bar.step(self, error)


@dataclass(frozen=True)
class _Within(Progress):
    bar: Bar
    label: str

    def __call__(self, error: float) -> None:
        self.bar(error)

    def leg(self, steps: int, label: str = "", abreast: int = 1) -> Progress:
        return self.bar.leg(steps, " · ".join(filter(None, (self.label, label))), abreast)


def _time(seconds: float) -> str:
    """Return a time in a unit that fits."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{math.ceil(max(seconds, 0))} s"


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):  # a notebook
        return 80


def _shows(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal, or a cell of a notebook, where a line can be overwritten."""
    if stream is None:
        return False
    return stream.isatty() or type(stream).__module__.startswith("ipykernel.")


@contextmanager
def progress(
    shown: Any, steps: int, name: str = "verbose", unit: str = "epoch"
) -> Iterator[Progress]:
    """Give a bar to call with E after each step; it is seen where `shown`, and there is a terminal.

    It goes when the work is done.  `name` is what the user calls `shown`, `unit` what a step is.
    """
    if not isinstance(shown, Integral | np.bool_):
        raise TypeError(f"{name} must be True, False or a whole number, got {shown!r}")
    stream = sys.stderr
    if not shown or not _shows(stream):
        yield silent
        return
    bar = Bar(stream, steps, unit)
    try:
        yield bar
    finally:
        bar.clear()
