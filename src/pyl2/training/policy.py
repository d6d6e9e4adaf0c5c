"""Who decides the learning rate of an epoch, whether it was good, and when training has stalled."""

from __future__ import annotations

from pyl2._common.validation import Array
from pyl2.training.schedule import Progress
from pyl2.training.settings import Settings
from pyl2.training.state import OptimizerState


class Policy:
    """The rules of ``Backprop``, which are scikit-learn's but for what a further training keeps.

    Parameters
    ----------
    progress : Progress, optional
        How far training has come.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self.progress = Progress() if progress is None else progress

    def learning_rate(self, settings: Settings) -> float:
        """Return the learning rate of the coming epoch."""
        return self.progress.eta(settings.schedule, settings.eta, settings.power_t)

    def count(self, rows: int, batches: int, epochs: int = 1) -> None:
        """Count epochs over so many rows in so many batches."""
        self.progress.items_seen += rows * epochs
        self.progress.batches += batches * epochs

    def loss(self, data_error: float, penalty: float) -> float:
        """Return the number of an epoch that is judged where there is no early stopping: E."""
        return data_error + penalty

    def judge(self, settings: Settings, error: float) -> bool:
        """Count an epoch, and return whether it is the best so far."""
        return self.progress.judge(error, settings.tol or 0.0)

    def stalled(self, settings: Settings) -> bool:
        """Whether more epochs than patience allows were no better, one after another."""
        return settings.judges and self.progress.stalled > settings.n_iter_no_change

    def give_up(self, settings: Settings) -> bool:
        """Answer a stall: lower the learning rate and go on, or return True to end training."""
        if not self.progress.may_divide(settings.schedule, settings.eta):
            return True
        self.progress.divide()
        return False

    def resume(self, settings: Settings, state: OptimizerState, params: Array, rows: int) -> None:
        """Take up where the last training stopped; one that had stalled has its patience back."""
        state.resume(params, rows)
        if self.progress.stalled > settings.n_iter_no_change:
            self.progress.stalled = 0
