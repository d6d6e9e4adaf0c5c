"""Figures, in the manner of scikit-learn's displays; Matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Distinct in grey as well: by lightness, dashes and width.
_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "0.75", "linestyle": "-"},
    {"color": "tab:blue", "linestyle": "--"},
    {"color": "black", "linestyle": ":", "linewidth": 2},
    {"color": "tab:orange", "linestyle": "-", "linewidth": 2.5},
    {"color": "tab:red", "linestyle": "-."},
    {"color": "black", "linestyle": "-"},
)


class ErrorDisplay:
    """E along trainings, against what they spent, both on logarithmic axes.

    Parameters
    ----------
    curves : mapping of str to sequence of (array-like, array-like)
        For each name one training or more: what was spent, and E.  Points where nothing has been
        spent have no place on the axis and are left out.  ``Comparison.curves()`` returns them.
    xlabel : str, default="seconds"
        What was spent.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import ErrorDisplay
    >>> display = ErrorDisplay({"adam": [([1, 2], [0.5, 0.1])]}, xlabel="evaluations").plot()
    >>> len(display.lines_), display.ax_.get_xlabel()
    (1, 'evaluations')
    """

    def __init__(
        self,
        curves: Mapping[str, Sequence[tuple[ArrayLike, ArrayLike]]],
        *,
        xlabel: str = "seconds",
    ) -> None:
        self.curves = curves
        self.xlabel = xlabel

    def plot(self, ax: Axes | None = None) -> ErrorDisplay:
        """Draw the curves, those of one name alike.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default of a new figure.

        Returns
        -------
        ErrorDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        self.ax_ = _axes() if ax is None else ax
        self.figure_ = self.ax_.figure
        self.lines_ = []
        for place, (name, pairs) in enumerate(self.curves.items()):
            style = _STYLES[place % len(_STYLES)]
            for number, (spent, error) in enumerate(pairs):
                drawn = np.asarray(spent) > 0
                points = np.asarray(spent)[drawn], np.asarray(error)[drawn]
                label = "_" * (number > 0) + name  # the legend leaves out what begins with _
                self.lines_ += self.ax_.loglog(*points, label=label, **style)
        self.ax_.set(xlabel=self.xlabel, ylabel="E")
        self.ax_.legend(frameon=False)
        return self


def _axes() -> Axes:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("figures need Matplotlib: pip install 'pyl2[plot]'") from None
    return plt.subplots(layout="constrained")[1]
