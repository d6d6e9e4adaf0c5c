"""scikit-learn's rules for training, and what goes on from one fit to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pyl2._common.validation import Array
from pyl2.network import Network
from pyl2.training.policy import Policy
from pyl2.training.settings import Settings
from pyl2.training.state import OptimizerState


class EstimatorPolicy(Policy):
    """Policy by scikit-learn's rules.

    Parameters
    ----------
    full : bool
        Whether all goes on from one fit to the next, as ``Backprop`` has it, and not what
        scikit-learn lets go on.

    Attributes
    ----------
    fresh : bool
        Whether no epoch has been trained; "invscaling" then begins at eta, whatever came before.
    averaged : int
        What scikit-learn divides E₀ by: the outputs of a squared error.
    last_loss : float
        Of the last epoch, as scikit-learn reports it.
    verbose : bool
        Whether to say what a stall leads to.
    """

    def __init__(self, full: bool) -> None:
        super().__init__()
        self.full = full
        self.fresh = True
        self.averaged = 1
        self.last_loss = math.nan
        self.verbose = False

    def learning_rate(self, settings: Settings) -> float:
        """Return the learning rate of the coming epoch."""
        return float(settings.eta) if self.fresh else super().learning_rate(settings)

    def count(self, rows: int, batches: int, epochs: int = 1) -> None:
        """Count epochs over so many rows in so many batches."""
        self.fresh = False
        super().count(rows, batches, epochs)

    def loss(self, data_error: float, penalty: float) -> float:
        """Return the loss of an epoch as scikit-learn reports and judges it."""
        self.last_loss = data_error / self.averaged + penalty
        return self.last_loss

    def give_up(self, settings: Settings) -> bool:
        """Answer a stall: lower the learning rate and go on, or return True to end training."""
        over = super().give_up(settings)
        if self.verbose:
            self._tell(settings, over)
        return over

    def _tell(self, settings: Settings, over: bool) -> None:
        what = "Validation score" if settings.early_stopping else "Training loss"
        then = "Stopping." if over else f"Setting learning rate to {self.learning_rate(settings):f}"
        if over and settings.schedule == "adaptive":
            then = "Learning rate too small. Stopping."
        patience = settings.n_iter_no_change
        print(
            f"{what} did not improve more than tol={settings.tol:f} for {patience} consecutive"
            f" epochs. {then}"
        )

    def resume(self, settings: Settings, state: OptimizerState, params: Array, rows: int) -> None:
        """Take up where the last training stopped; scikit-learn's orders begin anew."""
        if self.full:
            super().resume(settings, state, params, rows)
            return
        if settings.average is not None:  # partial_fit: the network has the average
            state.resume(params, rows)
        self.progress.batches = 0
        state.restart_order(rows)


@dataclass
class FitState:
    """What a fit by gradient descent leaves for the next one.

    Attributes
    ----------
    network : Network
    settings : Settings
    state : OptimizerState
    policy : EstimatorPolicy
    """

    network: Network
    settings: Settings
    state: OptimizerState
    policy: EstimatorPolicy

    @property
    def learning_rate(self) -> float:
        """Learning rate of the coming epoch."""
        return self.policy.learning_rate(self.settings)

    def rest(self) -> None:
        """Let go of what the next fit will not look at."""
        if not self.policy.full and self.settings.average is None:
            self.state.order = self.state.best = self.state.last = None
