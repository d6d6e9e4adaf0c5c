"""decay_grid: L2 and decoupled decay over learning rates and λ."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import keywords, threads
from pyl2._common.dataset import Matrix, check_dataset
from pyl2._common.drawn import Drawn
from pyl2._common.outputs import Objective
from pyl2._common.progress import progress
from pyl2._common.scaling import warn_if_unscaled
from pyl2._common.split import split_rows
from pyl2._common.validation import (
    Array,
    check_entries,
    check_instance,
    check_integer,
    check_option,
    check_real,
    shown,
)
from pyl2.experiments.comparison import ETA, LAST_SEED, score
from pyl2.network import Network, fresh_network
from pyl2.training.backprop import Backprop, run_of
from pyl2.training.descent import train_many
from pyl2.training.session import TrainingSession

ETAS = tuple(np.logspace(-4, -1.5, 6).tolist())
RATES = tuple(np.logspace(-3, 1, 9).tolist())
"""Learning rates and λ/n of ``decay_grid`` where none are given."""

_DECAYS = ("l2", "decoupled")


@dataclass(frozen=True)
class DecayGrid(Drawn):
    """What ``decay_grid`` has found; ``pyl2.plots.DecayDisplay.from_results`` draws it.

    Attributes
    ----------
    eta : ndarray of shape (ηs,)
        Learning rates.
    rate : ndarray of shape (rates,)
        λ/n.
    decays : tuple of str
        ("l2", "decoupled").
    test_score, test_error : ndarray of shape (decays, ηs, rates)
        Accuracy or R², and E₀, on the held-out rows; NaN where training diverged.
    measure : {"accuracy", "R²", "D²"}
        What the scores are.
    """

    eta: Array
    rate: Array
    decays: tuple[str, ...]
    test_score: Array
    test_error: Array
    measure: str
    _display = "DecayDisplay"

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each decay, η and λ/n.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        from pyl2._common import text_table

        names = ("decay", "eta", "rate", "test_score", "test_error")
        grid = itertools.product(self.decays, self.eta.tolist(), self.rate.tolist())
        found = zip(self.test_score.ravel().tolist(), self.test_error.ravel().tolist(), strict=True)
        rows = [(*place, *scores) for place, scores in zip(grid, found, strict=True)]
        return text_table.frame([dict(zip(names, row, strict=True)) for row in rows])


@keywords.checked
def decay_grid(
    X: Matrix,
    y: ArrayLike,
    network: Network,
    *,
    eta: Iterable[float] = ETAS,
    rate: Iterable[float] = RATES,
    optimizer: str = "adam",
    epochs: int = 50,
    batch_size: int | None = 32,
    test: float | tuple[Any, Any] = 0.25,
    seed: int = 0,
    n_threads: int | None = None,
    verbose: bool = False,
) -> DecayGrid:
    """Train a network with L2 and with decoupled decay, over learning rates and λ/n.

    All are trained together, from the same weights, on the rows in the same orders.  Under adam
    and momentum the two decays differ; under sgd they are the same.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (rows, inputs)
        Of about unit size.
    y : array-like of shape (rows, outputs), (rows,) with one output, or class indices (rows,)
        Targets, as ``network.error`` takes them.
    network : Network
        The shape, activations, output and type to train; its own parameters are neither used nor
        changed.
    eta : iterable of float, default=6 values from 1e-4 to 0.03
        Learning rates, > 0, ascending.
    rate : iterable of float, default=9 values from 0.001 to 10
        λ/n ≥ 0, ascending.
    optimizer : str, default="adam"
        "adam", "momentum", "nesterov", "sgd", "rmsprop", "nadam", or with ``batch_size=None``
        "rprop".
    epochs : int, default=50
        Of each training, at least 1.
    batch_size : int or None, default=32
        Rows of a batch, at least 1; None is all.
    test : float or tuple (X, y), default=0.25
        Fraction of the rows to score with (classes in proportion), or other data.
    seed : int, default=0
        Draws the start, the orders of the rows, and the rows to score with.
    n_threads : int, optional
        Maximum number of threads for each training, at least 1.
    verbose : bool, default=False
        Show a progress bar on standard error.

    Returns
    -------
    DecayGrid

    Raises
    ------
    ValueError, TypeError
        If shapes or types do not fit, numbers are not finite, or a parameter is out of range.
    KeyboardInterrupt
        On Ctrl-C.

    Warns
    -----
    UserWarning
        Where η(λ/n) ≥ 1: decoupled, such a decay turns weights round or makes them explode.

    References
    ----------
    I. Loshchilov, F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019, figure 2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import StandardScaler
    >>> from pyl2 import Network
    >>> from pyl2.experiments import decay_grid
    >>> X, y = load_iris(return_X_y=True)
    >>> network = Network((4, 7, 3), output="softmax")
    >>> X = StandardScaler().fit_transform(X)
    >>> found = decay_grid(X, y, network, eta=[0.001, 0.01], rate=[0, 0.1, 1], epochs=5)
    >>> found.test_score.shape, found.measure
    ((2, 2, 3), 'accuracy')
    """
    check_instance("network", network, Network)
    check_option("optimizer", optimizer, tuple(ETA))
    etas, rates = _ascending("eta", eta, open_low=True), _ascending("rate", rate)
    check_integer("epochs", epochs, 1)
    seed = check_integer("seed", seed, 0, LAST_SEED)
    training, testing = split_rows(X, y, test, seed, network)
    options: dict[str, Any] = {"n": 1, "batch_size": batch_size, "seed": seed}
    dataset = check_dataset(*training, None, network)
    warn_if_unscaled(dataset.x)
    grid = []
    with progress(verbose, len(_DECAYS) * len(etas) * len(rates) * epochs) as advance:
        for decay, step, lam in product(_DECAYS, etas, rates):
            start = fresh_network(network, seed)
            trainer = Backprop(start, optimizer, step, lam, decay=decay, **options)
            session = TrainingSession(trainer, start, epochs, n_threads=threads.count(n_threads))
            session.advance = advance
            grid.append(run_of(trainer, session))
        train_many(grid, dataset)
    found = np.full((2, len(_DECAYS), len(etas), len(rates)), np.nan)
    for place, one in zip(np.ndindex(found.shape[1:]), grid, strict=True):
        if one.session.diverged is None:
            trained = one.session.network
            found[:, *place] = score(trained, *testing), trained.error(*testing)
    measure = Objective.of(network).measure
    return DecayGrid(np.array(etas), np.array(rates), _DECAYS, found[0], found[1], measure)


def _ascending(name: str, values: Iterable[float], open_low: bool = False) -> list[float]:
    """Return learning rates or λs, checked, in ascending order."""
    listed = check_entries(name, values, "numbers in ascending order")
    found = [check_real(name, one, 0, open_low=open_low) for one in listed]
    if not found or any(a >= b for a, b in pairwise(found)):
        raise ValueError(
            f"{name} must be numbers in ascending order, at least one, got {shown(found)}"
        )
    return found
