"""L2 against decoupled weight decay, over learning rate and λ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common.validation import Array, check_entries, check_instance, shown
from pyl2.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pyl2.experiments.grid import DecayGrid


class DecayDisplay:
    """Heat maps of the score over η and λ/n, one for each decay: L2 beside decoupled.

    Where the best λ is the same for every η the good scores lie in an upright band; where one must
    be chosen for the other, in a slanted one.  The best of each map has a star; what diverged is
    hatched.  The scale leaves out how bad the bad ones are.

    Parameters
    ----------
    eta : array-like of shape (ηs,)
        Learning rates, ascending, > 0.
    rate : array-like of shape (rates,)
        λ/n, ascending, ≥ 0.
    scores : array-like of shape (decays, ηs, rates)
        On held-out data, the higher the better; NaN or infinite where training diverged.
    decays : sequence of str, default=("l2", "decoupled")
        Names of the maps.
    measure : str, default="score"
        What the scores are.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, one for each decay
    figure_ : matplotlib Figure
    meshes_ : list of matplotlib QuadMesh

    References
    ----------
    I. Loshchilov, F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019, figure 2.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import DecayDisplay
    >>> scores = [[[0.1, 0.2], [0.3, 0.1]], [[0.1, 0.4], [0.3, 0.5]]]
    >>> display = DecayDisplay([0.01, 0.1], [0, 0.1], scores, measure="R²").plot()
    >>> [ax.get_title() for ax in display.axes_]
    ['l2, best 0.300', 'decoupled, best 0.500']
    """

    def __init__(
        self,
        eta: ArrayLike,
        rate: ArrayLike,
        scores: ArrayLike,
        *,
        decays: tuple[str, ...] = ("l2", "decoupled"),
        measure: str = "score",
    ) -> None:
        self.eta, self.rate = _rates("eta", eta), _rates("rate", rate)
        self.scores = style.numbers("scores", scores)
        names = check_entries("decays", decays, "a sequence of names")
        self.decays = tuple(style.text("decays", name) for name in names)
        expected = len(self.decays), len(self.eta), len(self.rate)
        if self.scores.shape != expected or not self.scores.size:
            raise ValueError(
                f"scores must have shape {expected}, of {len(self.decays)} decays,"
                f" {len(self.eta)} eta and {len(self.rate)} rate, at least one of each,"
                f" got {self.scores.shape}"
            )
        self.measure = style.text("measure", measure)

    @classmethod
    def from_results(cls, grid: DecayGrid) -> DecayDisplay:
        """Create a display of the result of ``pyl2.experiments.decay_grid``.

        Parameters
        ----------
        grid : DecayGrid

        Returns
        -------
        DecayDisplay
            Draw it with ``plot``.
        """
        from pyl2.experiments.grid import DecayGrid

        check_instance("grid", grid, DecayGrid)
        return cls(grid.eta, grid.rate, grid.test_score, decays=grid.decays, measure=grid.measure)

    def plot(self, ax: Any = None, **kwargs: Any) -> DecayDisplay:
        """Draw the maps, all on one scale.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, optional
            One for each decay; by default a row of them in a new figure.
        **kwargs
            For ``Axes.pcolormesh``, such as vmin.

        Returns
        -------
        DecayDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        ValueError
            If `ax` has not one for each decay.
        """
        self.axes_ = style.panels(ax, len(self.decays), (3.9, 3.9))
        self.figure_ = self.axes_[0].figure
        good = np.isfinite(self.scores)
        visible = np.where(good, self.scores, np.nan)
        low, high = self._scale(self.scores[good])
        look = {"cmap": "viridis", "vmin": low, "vmax": high, "edgecolors": "face"} | kwargs
        self.meshes_ = []
        for panel, decay, scores in zip(self.axes_, self.decays, visible, strict=True):
            panel.set_facecolor("white")
            panel.patch.set(hatch="////", edgecolor="0.6")
            self.meshes_.append(panel.pcolormesh(scores, **look))
            self._mark_best(panel, decay, scores)
            panel.set_xlabel("λ/n")
            _ticks(panel.xaxis, self.rate)
        self.axes_[0].set_ylabel("η")
        _ticks(self.axes_[0].yaxis, self.eta)
        cut = "min" if np.any(self.scores[good] < self.meshes_[0].norm.vmin) else "neither"
        self.figure_.colorbar(self.meshes_[0], ax=list(self.axes_), label=self.measure, extend=cut)
        return self

    def _scale(self, scores: Array) -> tuple[float, float]:
        """Return the ends of the scale: not down to the worst, else the rest is alike."""
        if not scores.size:
            return 0.0, 1.0
        high = float(scores.max())
        return max(float(scores.min()), high - 3 * (high - float(np.median(scores)))), high

    def _mark_best(self, panel: Axes, decay: str, scores: Array) -> None:
        if np.isnan(scores).all():
            panel.set_title(f"{decay}, all diverged", fontsize="medium")
            return
        row, column = np.unravel_index(np.nanargmax(scores), scores.shape)
        panel.plot(
            column + 0.5, row + 0.5, "*", color="black", markersize=12, markeredgecolor="white"
        )
        panel.set_title(f"{decay}, best {scores[row, column]:.3f}", fontsize="medium")


def _rates(name: str, values: ArrayLike) -> Array:
    rates = style.numbers(name, values, 1)
    if not np.all((rates >= 0) & np.isfinite(rates)):
        raise ValueError(f"{name} must be finite and not negative, got {shown(values)}")
    return rates


def _ticks(axis: Any, values: Array) -> None:
    """Name the middles of cells by their values, not more than have room."""
    places = range(0, len(values), -(-len(values) // 6))
    names = [style.power_of_ten(values[place]) if values[place] else "0" for place in places]
    axis.set_ticks([place + 0.5 for place in places], names)
    axis.set_tick_params(labelsize="small")
