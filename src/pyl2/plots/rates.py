"""The rates along trainings: η and λ, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common.validation import Array, check_instance, check_mapping, shown
from pyl2.plots import style
from pyl2.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

RATES = {"eta": "η", "l2": "λ"}
"""What is drawn, and how it is called."""


class RatesDisplay:
    """The learning rate η and the penalty λ of each epoch's last update, on logarithmic axes.

    Parameters
    ----------
    rates : mapping of str to mapping of str to array-like
        For each training "eta", of shape (epochs,), and "l2", of shape (epochs,) or, with a λ for
        each layer, (epochs, layers); one of them may be missing.  What is nowhere positive is left
        out; where nothing is left, the axes of η are empty.

    Attributes
    ----------
    shown : list of str
        "eta" and "l2", as far as they are drawn.
    axes_ : list of matplotlib Axes
        A panel for each rate that is drawn.
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        Panel by panel.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2 import Backprop, Network
    >>> from pyl2.plots import RatesDisplay
    >>> X = [[0.0], [0.5], [1.0]]
    >>> trainer = Backprop(Network((1, 3, 1), seed=0), l2=0.1, schedule="cosine", warmup=4)
    >>> display = RatesDisplay.from_results(trainer.train(X, X, epochs=20)).plot()
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['η', 'λ']
    """

    def __init__(self, rates: Mapping[str, Mapping[str, ArrayLike]]) -> None:
        named = check_mapping("rates", rates, "η and λ by name")
        self.rates = {
            style.text("the names of rates", name): _rates(f"rates[{name!r}]", found)
            for name, found in named.items()
        }
        self.shown = [
            rate for rate in RATES if any(np.any(found[rate] > 0) for found in self.rates.values())
        ] or ["eta"]

    @classmethod
    def from_results(cls, results: History | Mapping[str, History]) -> RatesDisplay:
        """Make one of what ``train`` returns.

        Parameters
        ----------
        results : History, or mapping of str to History
            Of one training, or of several, by name.

        Returns
        -------
        RatesDisplay
            To be drawn by ``plot``.
        """
        named = results if isinstance(results, Mapping) else {"": results}
        for history in named.values():
            check_instance("results", history, History, Mapping)
        return cls({name: {"eta": one.eta, "l2": one.l2} for name, one in named.items()})

    def plot(self, ax: Any = None, **kwargs: Any) -> RatesDisplay:
        """Draw a panel for each rate, trainings by colour and dashes.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, optional
            One for each rate that is drawn; by default of a new figure.
        **kwargs
            For ``Axes.plot``.

        Returns
        -------
        RatesDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        self.axes_ = style.stack(ax, len(self.shown))
        self.figure_ = self.axes_[0].figure
        self.lines_: list[Line2D] = []
        for panel, rate in zip(self.axes_, self.shown, strict=True):
            lines = self._panel(panel, rate, kwargs)
            self.lines_ += lines
            if panel is self.axes_[0] and (len(self.rates) > 1 or len(lines) > 1):
                style.legend(panel, lines)
        self.axes_[-1].set_xlabel("epoch")
        return self

    def _panel(self, ax: Axes, rate: str, more: dict[str, Any]) -> list[Line2D]:
        """Draw one rate of all trainings; of those of layers all lines look alike."""
        named: list[Line2D] = []
        for (name, found), shade in zip(
            self.rates.items(), style.shades(len(self.rates)), strict=True
        ):
            values = np.where(found[rate] > 0, found[rate], np.nan)
            if np.isnan(values).all():
                continue
            look: dict[str, Any] = shade | {"label": name, "linewidth": 1.8}
            if len(values) <= style.SPARSE:
                look["marker"] = "."
            named += ax.plot(np.arange(1, len(values) + 1), values, **look | more)
        ax.set(yscale="log", ylabel=RATES[rate])
        style.decimals(ax.yaxis)
        return named


def _rates(name: str, given: Any) -> dict[str, Array]:
    """Return both rates of a training, empty where they are missing."""
    wanted = f"some of {', '.join(RATES)}"
    arrays: dict[str, Array] = dict.fromkeys(RATES, np.empty(0))
    for rate, values in check_mapping(name, given, wanted).items():
        if rate not in RATES:
            raise ValueError(f"{name} must be {wanted}, got {shown(rate)}")
        arrays[rate] = style.numbers(f"{name}[{rate!r}]", values)
        if arrays[rate].ndim > (1 if rate == "eta" else 2):
            raise ValueError(f"{name}[{rate!r}] has too many dimensions, got {arrays[rate].shape}")
    return arrays
