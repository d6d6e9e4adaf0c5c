"""The learning rate of each epoch, and when training has stalled: scikit-learn's rules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pyl2._common.validation import check_integer, check_real, kept

SCHEDULES = ("constant", "invscaling", "adaptive")

# "adaptive" ends when the learning rate has come down to this.
_LEAST_ETA = 1e-6

# A counter of a file may stand as high, and training can still go on from it.
_MOST_BATCHES = 2**52


@dataclass
class Progress:
    """How far a training has come, as far as its learning rate and its end depend on it.

    Attributes
    ----------
    items_seen : int
        Rows trained on so far.
    best : float
        The lowest error judged.
    stalled : int
        Epochs one after another whose error was not below the best by more than tol.
    divisions : int
        How often "adaptive" has divided the learning rate by 5.
    batches : int
        Of all epochs so far: where a schedule by the step stands.
    """

    items_seen: int = 0
    best: float = math.inf
    stalled: int = 0
    divisions: int = 0
    batches: int = 0

    def eta(self, kind: Any, eta: float, power_t: float) -> float:
        """Return the learning rate of the coming epoch."""
        eta, power_t = float(eta), float(power_t)  # a float32 would make all that follows one
        if kind == "invscaling":
            return _quotient(eta, self.items_seen + 1, power_t)
        for _ in range(self.divisions):
            eta /= 5
        return eta

    def judge(self, error: float, tol: float) -> bool:
        """Count an epoch, and return whether it is the best so far; NaN is no improvement."""
        self.stalled = 0 if error <= self.best - float(tol) else self.stalled + 1
        better = error < self.best
        self.best = min(self.best, error)
        return better

    def may_divide(self, kind: Any, eta: float) -> bool:
        """Whether the schedule has a smaller learning rate left to try."""
        return kind == "adaptive" and self.eta(kind, eta, 0) > _LEAST_ETA

    def divide(self) -> None:
        """Divide the learning rate, with patience anew."""
        self.divisions += 1
        self.stalled = 0

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {**vars(self), "best": self.best if math.isfinite(self.best) else None}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Progress:
        """Return what ``to_json`` has written, each value checked."""
        best = kept(saved, "best", object)
        return cls(
            check_integer("items_seen", kept(saved, "items_seen", int), 0),
            math.inf if best is None else check_real("best", best),
            check_integer("stalled", kept(saved, "stalled", int), 0),
            check_integer("divisions", kept(saved, "divisions", int), 0, 10_000),
            check_integer("batches", saved.get("batches", 0), 0, _MOST_BATCHES),
        )


def _quotient(eta: float, items: int, power_t: float) -> float:
    """Return eta / items**power_t; the power may be too large for a float, or too small."""
    try:
        return float(eta / items**power_t)
    except OverflowError:
        return 0.0
    except ZeroDivisionError:
        return math.inf
