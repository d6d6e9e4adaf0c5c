"""L2Path: networks at many λ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyl2._common import metrics
from pyl2._common.drawn import Drawn
from pyl2._common.validation import Array, check_integer
from pyl2.network import Network, copy_network


@dataclass(frozen=True, eq=False)
class L2Path(Drawn):
    """One network trained at many λ: the result of ``l2_path``.

    The first axis of each array is λ.  Rows are those that the weights were trained on, or held
    out.

    Attributes
    ----------
    l2 : ndarray of shape (L,)
        The λs, ascending.
    params : ndarray of shape (L, n_params)
        The parameters found.
    data_error, penalty : ndarray of shape (L,)
        E₀ on the rows, at the end, and R, λ divided by what training divided it by: N, a number,
        or the weight of a whole batch; for ``decay="fraction"`` λ/η in its place.
    test_error : ndarray of shape (L,)
        E₀ on the rows held out; NaN where there are none.
    train_score, test_score : ndarray of shape (L,)
        What ``measure`` says, "accuracy", "R²" or "D²"; NaN where there are no rows.
    norms : ndarray of shape (L, layers)
        ‖W_l‖ of each layer.
    slope : ndarray of shape (L,)
        Mean over the rows of the squared norm of ∂output/∂x, on at most 1000 of them, evenly
        spaced: the smaller, the smoother.
    curvature : ndarray of shape (L,)
        Mean of (∂²output/∂x²)² over the range of the rows, by differences of the slope between
        1001 points; NaN unless there is one input.
    saturation : ndarray of shape (L, hidden layers)
        Share of the hidden units' outputs with ``|tanh|`` > 0.9, or logistic below 0.05 or above
        0.95, on the rows of ``slope``; for relu the share of units that are on for all of them or
        for none; NaN for identity.
    evenness : list of ndarray of shape (L, units)
        For each layer (Σ|w|)² / (d Σw²) of the d weights that enter a unit: 1 if all are equally
        large, 1/d if one alone is not 0; NaN if all are 0.
    curves : ndarray of shape (L, epochs, 2)
        E₀ and R of each epoch as training saw them (``History``), NaN after its end.
    stopped : list of str
        Why each training ended (``History.stopped``), or "interrupted" (by Ctrl-C); after
        "diverged" the parameters are those of the last good epoch, or the best with early stopping.
    measure : {"accuracy", "R²", "D²"}
        What the scores are.
    template : Network
        The shape of all, with the parameters of the smallest λ.
    log_evidence : ndarray of shape (L,)
        Natural logarithm of the evidence (``Laplace``), -inf for λ = 0; NaN without
        ``evidence=True`` and after a training that diverged.
    n_effective : ndarray of shape (L,)
        γ, the effective number of parameters; NaN likewise.
    noise_variance : ndarray of shape (L,)
        σ² of a squared error; NaN likewise, and for any other output.

    See Also
    --------
    l2_path : Makes it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from pyl2 import Network, l2_path
    >>> X, y = load_iris(return_X_y=True)
    >>> network = Network((4, 7, 3), output="softmax", seed=0)
    >>> path = l2_path(network, X - X.mean(axis=0), y, test=0.5, eta=0.1, seed=0)
    >>> len(path), path.measure, path.weights(path.best)[0].shape
    (16, 'accuracy', (4, 7))
    >>> path.network(-1).predict(X[:2]).shape
    (2, 3)
    """

    l2: Array
    params: Array
    data_error: Array
    penalty: Array
    test_error: Array
    train_score: Array
    test_score: Array
    norms: Array
    slope: Array
    curvature: Array
    saturation: Array
    evenness: list[Array]
    curves: Array
    stopped: list[str]
    measure: str
    template: Network
    log_evidence: Array
    n_effective: Array
    noise_variance: Array
    _display = "ScoreDisplay"

    @property
    def error(self) -> Array:
        """E = E₀ + R of each λ."""
        found: Array = self.data_error + self.penalty
        return found

    @property
    def best(self) -> int:
        """Index of the λ with the best test score, the largest of equals.

        Raises
        ------
        ValueError
            If no rows were held out, or none of their scores is finite: R² takes two rows.
        """
        if np.isnan(self.test_error).all() and np.isnan(self.test_score).all():
            raise ValueError("there are no test scores: l2_path needs a test set, test=")
        if not np.any(self.test_score > -math.inf):
            raise ValueError(
                "no test score is finite (R² takes two rows of a test set): test_error.argmin() is"
                " the λ with the least error on them"
            )
        return int(np.flatnonzero(self.test_score == np.nanmax(self.test_score))[-1])

    @property
    def best_evidence(self) -> int:
        """Index of the λ with the greatest log evidence, the largest of equals.

        Raises
        ------
        ValueError
            If none is finite: it takes ``evidence=True`` of ``l2_path``, and λ > 0.
        """
        known = self.log_evidence[np.isfinite(self.log_evidence)]
        if not known.size:
            raise ValueError("no log evidence is finite: give l2_path evidence=True and an l2 > 0")
        return int(np.flatnonzero(self.log_evidence == known.max())[-1])

    def network(self, i: int) -> Network:
        """Return the network of the i-th λ, as a copy.

        Parameters
        ----------
        i : int
            May count from the end, -1 being the largest λ.

        Returns
        -------
        Network
        """
        place = check_integer("i", i, -len(self), len(self) - 1)
        return copy_network(self.template, self.params[place])

    def weights(self, i: int) -> tuple[Array, ...]:
        """Return the weights of each layer at the i-th λ, (fan_in, fan_out) each.

        Parameters
        ----------
        i : int
            May count from the end.

        Returns
        -------
        tuple of ndarray
        """
        return self.network(i).weights

    def summary(self) -> list[dict[str, Any]]:
        """Return a row for each λ.

        Returns
        -------
        list of dict
            ``l2``, ``error``, ``data_error``, ``penalty``, ``test_error``, ``train_score``,
            ``test_score``, ``norm`` (of all weights), ``slope``, ``curvature``, ``saturation``
            (mean over the hidden layers, NaN without), ``evenness`` (mean over all units),
            ``log_evidence``, ``n_effective``, ``noise_variance``, ``epochs`` and ``stopped``.
        """
        columns = {
            "l2": self.l2,
            "error": self.error,
            "data_error": self.data_error,
            "penalty": self.penalty,
            "test_error": self.test_error,
            "train_score": self.train_score,
            "test_score": self.test_score,
            "norm": np.sqrt((self.norms**2).sum(axis=1)),
            "slope": self.slope,
            "curvature": self.curvature,
            "saturation": metrics.mean_known(self.saturation),
            "evenness": metrics.mean_known(np.hstack(self.evenness)),
            "log_evidence": self.log_evidence,
            "n_effective": self.n_effective,
            "noise_variance": self.noise_variance,
            "epochs": np.isfinite(self.curves[:, :, 0]).sum(axis=1),
            "stopped": np.array(self.stopped, dtype=object),
        }
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def to_frame(self) -> Any:
        """Return the rows of ``summary`` as a pandas DataFrame.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        from pyl2._common import text_table

        return text_table.frame(self.summary())

    def __str__(self) -> str:
        from pyl2.path.table import path_table

        return str(path_table(self.summary(), self.measure))

    def __repr__(self) -> str:
        layers = "-".join(map(str, self.template.layer_sizes))
        first = f"L2Path({len(self)} λ from {self.l2[0]:.4g} to {self.l2[-1]:.4g}, {layers}"
        try:
            best = self.best
        except ValueError:  # nothing was held out
            return f"{first})"
        score = f"{self.test_score[best]:.3f}"
        return f"{first}, best test {self.measure} {score} at λ = {self.l2[best]:.4g})"

    def _repr_html_(self) -> str:
        from pyl2._common import text_table
        from pyl2.path.table import path_table

        return text_table.notebook(repr(self), path_table(self.summary(), self.measure))

    def __len__(self) -> int:
        return len(self.l2)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in ``l2_path``.

    Attributes
    ----------
    path : L2Path
        As far as it had come: the λs that had been trained for an epoch or more.
    """

    def __init__(self, path: L2Path) -> None:
        super().__init__()
        self.path = path
