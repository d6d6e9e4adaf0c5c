"""What sets the solvers apart: the one table that everything about a solver's name is asked of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyl2 import _core
from pyl2._common.penalty import DECAYS
from pyl2._common.validation import check_option


@dataclass(frozen=True)
class Solver:
    """The traits of a solver.

    Attributes
    ----------
    full_batch : bool
        Whether it goes by all rows at once, and has neither batches nor a learning rate.
    decays : tuple of str
        The decays that it knows, its own first.
    eta : float
        Its learning rate by default.
    fixed_error : bool
        Whether what it minimises is one fixed E.
    has_epsilon : bool
        Whether its steps depend on ε.
    epochs : int
        At most so many where nothing else is asked for.
    one_batch : bool
        Whether its batches must be all rows.
    """

    full_batch: bool = False
    decays: tuple[str, ...] = DECAYS
    eta: float = 0.01
    fixed_error: bool = True
    has_epsilon: bool = False
    epochs: int = 100
    one_batch: bool = False


SOLVERS = {
    "sgd": Solver(),
    "momentum": Solver(),
    "nesterov": Solver(),
    "adam": Solver(eta=0.001, has_epsilon=True),
    "adamw": Solver(
        eta=0.001, decays=("decoupled", "fraction"), fixed_error=False, has_epsilon=True
    ),
    "rmsprop": Solver(has_epsilon=True),
    "nadam": Solver(eta=0.002, has_epsilon=True),
    "rprop": Solver(one_batch=True),
    "lbfgs": Solver(full_batch=True, decays=("l2",)),
    "lm": Solver(full_batch=True, decays=("l2",), epochs=200),
    "pso": Solver(full_batch=True, decays=("l2",)),
}
OPTIMIZERS = (*_core.OPTIMIZERS, "lbfgs", "lm")


def check_decay(decay: Any, optimizer: str) -> str:
    """Return the decay in use; None is the optimizer's own.

    Raises
    ------
    ValueError
        If the optimizer has no such decay: adamw with "l2" would be adam, and lbfgs, lm and pso
        minimise a fixed error.
    """
    allowed = SOLVERS[optimizer].decays
    if decay is None:
        return allowed[0]
    check_option("decay", decay, DECAYS)
    if decay not in allowed:
        raise ValueError(
            f"decay={decay!r} does not go with optimizer={optimizer!r}, which takes {allowed}"
            + (" (adamw with 'l2' is adam)" if optimizer == "adamw" else "")
        )
    return str(decay)
