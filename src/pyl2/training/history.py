"""What a training leaves behind, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyl2._common.drawn import Drawn
from pyl2._common.validation import kept

GRADIENT = 3
"""Evaluations that a gradient counts as: a pass forward, and two products a layer backward."""


class History(Drawn):
    """Record of one call of ``train``: arrays with an entry for each epoch.

    Attributes
    ----------
    error, data_error, penalty : ndarray of shape (epochs,)
        E = E₀ + R and its parts.  Backprop: the mean over the epoch's batches, weighted by their
        rows, at the weights each batch saw, with dropout less the units that it left out: E₀ is
        then larger than ``network.error``.  lbfgs and the swarm: the best so far, on all rows.
    validation_error : ndarray of shape (epochs,) or (0,)
        E₀ on the validation data after each epoch; empty without such data.
    mean : ndarray of shape (epochs,) or (0,)
        Of a swarm: the mean E of its particles where they are, those left out whose E is not
        finite, NaN if that is all of them; empty for other trainers.
    diversity : ndarray of shape (epochs,) or (0,)
        Of a swarm: the root of the mean squared distance of its particles from the best place that
        was known when they moved there; in the first epoch from the best of themselves.
    eta : ndarray of shape (epochs,) or (0,)
        The learning rate of each epoch's last update; empty for lbfgs, lm and a swarm.
    l2 : ndarray of shape (epochs,), (epochs, layers) or (0,)
        λ of each epoch's last update, a row where each layer has its own; empty like ``eta``.
    seconds : ndarray of shape (epochs,)
        Time since ``train`` began, at the end of each epoch.
    evaluations : int
        What it has cost so far: one evaluation is a forward pass over all rows, and a gradient over
        them, or an epoch of its batches, counts as ``GRADIENT`` = 3.  A step of lm that is accepted
        counts as 5 + 2 · outputs, for gradient, Jacobian and error, each that is refused as 1.
    stopped : str
        Why it ended: "epochs", "max_time", "early_stopping", "tol", "callback", "diverged"; for
        lbfgs "converged"; for lm "gradient" (it is small) or "mu" (no step lowers E any more); for
        a swarm "target", "evaluations" or "stagnation".

    Examples
    --------
    >>> from pyl2 import Backprop, Network
    >>> X = [[0.0], [1.0]]
    >>> history = Backprop(Network((1, 1), seed=0), l2=0.1).train(X, X, epochs=3)
    >>> len(history), history.stopped
    (3, 'epochs')
    >>> bool((history.error == history.data_error + history.penalty).all())
    True
    """

    _display = "CurvesDisplay"

    def __init__(self) -> None:
        self._data_error: list[float] = []
        self._penalty: list[float] = []
        self._validation_error: list[float] = []
        self._seconds: list[float] = []
        self._swarm: list[tuple[float, float]] = []
        self._rates: list[tuple[float, float | list[float]]] = []
        self.evaluations = 0
        self.stopped = ""

    def append(
        self,
        data_error: float,
        penalty: float,
        seconds: float,
        validation: float | None = None,
        swarm: tuple[float, float] | None = None,
        rates: tuple[float, float | list[float]] | None = None,
    ) -> None:
        """Add an epoch.

        data_error is E₀, penalty R, seconds the time since the start; and where there are such,
        validation is E₀ on validation data, swarm holds mean and diversity, rates η and λ.
        """
        self._data_error.append(data_error)
        self._penalty.append(penalty)
        self._seconds.append(seconds)
        if validation is not None:
            self._validation_error.append(validation)
        if swarm is not None:
            self._swarm.append(swarm)
        if rates is not None:
            self._rates.append(rates)

    def extend(
        self,
        sums: list[list[float]],
        seconds: list[float],
        rates: tuple[float, float | list[float]],
    ) -> None:
        """Add epochs of the same η and λ.

        sums holds E₀ and R of each, seconds the time since the start; rates are η and λ.
        """
        self._rates += [rates] * len(seconds)
        self._data_error += [data_error for data_error, _ in sums]
        self._penalty += [penalty for _, penalty in sums]
        self._seconds += seconds

    @property
    def error(self) -> NDArray[np.float64]:
        """E = E₀ + R."""
        return self.data_error + self.penalty

    @property
    def data_error(self) -> NDArray[np.float64]:
        """E₀, the error of the data."""
        return np.array(self._data_error)

    @property
    def penalty(self) -> NDArray[np.float64]:
        """R, the L2 penalty."""
        return np.array(self._penalty)

    @property
    def validation_error(self) -> NDArray[np.float64]:
        """E₀ on the validation data."""
        return np.array(self._validation_error)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean E of a swarm's particles."""
        return np.array([mean for mean, _ in self._swarm])

    @property
    def diversity(self) -> NDArray[np.float64]:
        """How far a swarm's particles are from the best place."""
        return np.array([diversity for _, diversity in self._swarm])

    @property
    def eta(self) -> NDArray[np.float64]:
        """Learning rate of each epoch's last update."""
        return np.array([eta for eta, _ in self._rates])

    @property
    def l2(self) -> NDArray[np.float64]:
        """λ of each epoch's last update."""
        return np.array([l2 for _, l2 in self._rates])

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Time since training began."""
        return np.array(self._seconds)

    def __len__(self) -> int:
        return len(self._seconds)

    def to_frame(self) -> Any:
        """Return the epochs as a pandas DataFrame, one in a row.

        Columns are the arrays that are not empty; of a λ for each layer "l2[0]", "l2[1]" and so on.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from pyl2 import Backprop, Network
        >>> history = Backprop(Network((1, 1), seed=0)).train([[0.0], [1.0]], [0.0, 1.0], epochs=3)
        >>> list(history.to_frame().columns)
        ['error', 'data_error', 'penalty', 'eta', 'l2', 'seconds']
        """
        from pyl2._common import text_table

        return text_table.frame(self._epochs(range(len(self))))

    def _epochs(self, places: Iterable[int]) -> list[dict[str, float]]:
        """Return some epochs, each as what is known of it by name."""
        names = ("error", "data_error", "penalty", "validation_error", "mean", "diversity")
        columns = {name: getattr(self, name) for name in (*names, "eta")}
        l2 = self.l2
        columns |= {"l2": l2} if l2.ndim < 2 else {f"l2[{i}]": v for i, v in enumerate(l2.T)}
        columns["seconds"] = self.seconds
        known = {name: column.tolist() for name, column in columns.items() if len(column)}
        return [{name: column[place] for name, column in known.items()} for place in places]

    def _repr_html_(self) -> str:
        from pyl2._common import text_table

        places = sorted({*range(len(self))[:3], *range(len(self))[-3:]})
        rows = self._epochs(places)
        grid = text_table.table_with("epoch", *(rows[0] if rows else ()))
        for place, row in zip(places, rows, strict=True):
            grid.add_row(str(place + 1), *(f"{value:.4g}" for value in row.values()))
        return text_table.notebook(repr(self), grid)

    def __repr__(self) -> str:
        if not len(self):
            return "History(0 epochs)"
        return f"History({len(self)} epochs, error={self.error[-1]:.6g}, stopped={self.stopped!r})"


_ARRAYS = (
    *("data_error", "penalty", "validation_error", "mean", "diversity", "eta", "l2", "seconds"),
)


def history_to_file(history: History) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return a history as arrays and JSON values."""
    arrays = {name: np.asarray(getattr(history, name), float) for name in _ARRAYS}
    meta = {"evaluations": history.evaluations, "stopped": history.stopped}
    return arrays, meta


def history_from_file(arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> History:
    """Return the history that ``history_to_file`` made these of; ValueError if it did not."""
    found = History()
    columns = {name: kept(arrays, name, np.ndarray) for name in _ARRAYS}
    for name, column in columns.items():
        if column.ndim not in ((1, 2) if name == "l2" else (1,)) or column.dtype != np.float64:
            raise ValueError(f"{name} of the history is malformed")
    lengths = {name: len(column) for name, column in columns.items()}
    known = {*lengths.values()} - {0}
    pairs = (("mean", "diversity"), ("eta", "l2"), ("data_error", "penalty"))
    if len(known) > 1 or any(lengths[a] != lengths[b] for a, b in (*pairs, ("penalty", "seconds"))):
        raise ValueError("the arrays of the history differ in length")
    found._data_error = columns["data_error"].tolist()
    found._penalty = columns["penalty"].tolist()
    found._validation_error = columns["validation_error"].tolist()
    found._seconds = columns["seconds"].tolist()
    found._swarm = list(zip(columns["mean"].tolist(), columns["diversity"].tolist(), strict=True))
    found._rates = list(zip(columns["eta"].tolist(), columns["l2"].tolist(), strict=True))
    found.evaluations = kept(meta, "evaluations", int)
    found.stopped = kept(meta, "stopped", str)
    return found
