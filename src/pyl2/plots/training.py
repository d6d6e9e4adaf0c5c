"""What goes on while networks train: the error and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common.validation import (
    Array,
    check_entries,
    check_flag,
    check_instance,
    check_mapping,
    shown,
)
from pyl2.experiments.comparison import Comparison
from pyl2.plots import style
from pyl2.plots.of_path import PathShown
from pyl2.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from pyl2.path.result import L2Path


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
        named = check_mapping("curves", curves, "lists of (spent, error) by name")
        self.curves = {
            style.text("the names of curves", name): [
                style.points(f"curves[{name!r}]", pair, "pairs (spent, error)")
                for pair in check_entries(f"curves[{name!r}]", pairs, "pairs (spent, error)")
            ]
            for name, pairs in named.items()
        }
        self.xlabel = style.text("xlabel", xlabel)

    @classmethod
    def from_results(cls, results: Comparison, *, against: str = "seconds") -> ErrorDisplay:
        """Take the curves of what ``compare`` has returned.

        Parameters
        ----------
        results : Comparison
        against : {"seconds", "evaluations"}, default="seconds"

        Returns
        -------
        ErrorDisplay
        """
        check_instance("results", results, Comparison)
        return cls(results.curves(against), xlabel=against)

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
        self.ax_ = style.axes(ax)
        self.figure_ = self.ax_.figure
        self.lines_ = []
        for place, (name, pairs) in enumerate(self.curves.items()):
            look = style.STYLES[place % len(style.STYLES)]
            for number, (spent, error) in enumerate(pairs):
                drawn = spent > 0
                label = "_" * (number > 0) + name  # the legend leaves out what begins with _
                self.lines_ += self.ax_.plot(spent[drawn], error[drawn], label=label, **look)
        self.ax_.set(xscale="log", yscale="log", xlabel=self.xlabel, ylabel="E")
        style.decimals(self.ax_.xaxis)
        style.decimals(self.ax_.yaxis)
        if self.lines_:
            named = [line for line in self.lines_ if not str(line.get_label()).startswith("_")]
            style.legend(self.ax_, named)
        return self


PARTS = {
    "error": "E",
    "data_error": "E₀",
    "penalty": "R",
    "validation_error": "E₀, validation",
}
"""What of a training is drawn, and how it is called."""


_PANEL = 2.4, 3.2


class CurvesDisplay(PathShown):
    """Learning curves: E, its parts E₀ and R, and E₀ on validation data, epoch by epoch.

    Parameters
    ----------
    curves : mapping of str to mapping of str to array-like of shape (epochs,)
        For each training some of "error", "data_error", "penalty" and "validation_error".  What is
        empty or nowhere positive is left out, and so are NaNs.
    apart : bool, default=False
        A panel for each training, in place of one in which they differ by colour.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each training, or the one that all share.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        Training by training.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import CurvesDisplay
    >>> display = CurvesDisplay({"adam": {"error": [3, 2], "penalty": [1, 0.5]}}).plot()
    >>> [line.get_label() for line in display.lines_]
    ['E', 'R']
    """

    def __init__(
        self, curves: Mapping[str, Mapping[str, ArrayLike]], *, apart: bool = False
    ) -> None:
        named = check_mapping("curves", curves, "parts of the error by name")
        self.curves = {
            style.text("the names of curves", name): _parts(f"curves[{name!r}]", parts)
            for name, parts in named.items()
        }
        self.apart = check_flag("apart", apart)

    @classmethod
    def from_results(
        cls,
        results: History | Mapping[str, History] | L2Path,
        *,
        at: Sequence[int] | None = None,
    ) -> CurvesDisplay:
        """Create a display of the result of ``train`` or ``l2_path``.

        Parameters
        ----------
        results : History, mapping of str to History, or L2Path
            Of one training; of several, by name; or of those of a path, a panel for each λ.
        at : sequence of int, optional
            Which of a path's λs to draw, by their places; by default four, evenly spread.

        Returns
        -------
        CurvesDisplay
            Draw it with ``plot``.
        """
        from pyl2.path.result import L2Path

        if isinstance(results, Mapping):
            return cls({name: _of_history(history) for name, history in results.items()})
        if isinstance(results, History):
            return cls({"": _of_history(results)})
        check_instance("results", results, L2Path, History, Mapping)
        shown = style.chosen(at, len(results.l2))
        curves = {style.title(results.l2[i]): _of_curve(results.curves[i]) for i in shown}
        return cls(curves, apart=len(curves) > 1)

    def plot(self, ax: Any = None, **kwargs: Any) -> CurvesDisplay:
        """Draw the curves: parts differ by dashes and width, trainings by colour or panel.

        Parameters
        ----------
        ax : matplotlib Axes or a sequence of them, optional
            One, or where trainings are apart one for each; by default of a new figure.
        **kwargs
            For ``Axes.plot``.

        Returns
        -------
        CurvesDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        count = len(self.curves)
        apart = self.apart and count > 1 and (ax is None or np.ndim(ax) > 0)
        self.axes_ = style.panels(ax, count, _PANEL) if apart else np.array([style.axes(ax)])
        self.ax_ = self.axes_[0]
        self.figure_ = self.ax_.figure
        self.lines_: list[Line2D] = []
        if apart:
            self._draw_apart(kwargs)
        else:
            self._draw_together(kwargs)
        self.ax_.set_ylabel("error")
        for panel in self.axes_:
            panel.set(yscale="log", xlabel="epoch")
            style.decimals(panel.yaxis)
        return self

    def _draw_apart(self, kwargs: dict[str, Any]) -> None:
        """Draw a panel for each training, its parts alike in all."""
        named: dict[str, Line2D] = {}
        for (name, parts), panel in zip(self.curves.items(), self.axes_, strict=True):
            named |= self._draw(panel, parts, kwargs)
            panel.set_title(name, fontsize="medium")
        style.legend(self.axes_[-1], [named[part] for part in PARTS if part in named])

    def _draw_together(self, kwargs: dict[str, Any]) -> None:
        shades = style.shades(len(self.curves))
        drawn = {}
        for (name, parts), shade in zip(self.curves.items(), shades, strict=True):
            color = {"color": shade["color"]} if len(self.curves) > 1 else {}
            drawn[name] = self._draw(self.ax_, parts, color | kwargs)
        self._name(drawn)

    def _draw(
        self, ax: Axes, parts: Mapping[str, Array], look: dict[str, Any]
    ) -> dict[str, Line2D]:
        """Draw those parts of a training that have a place on the axis."""
        lines = {}
        for part, own in zip(PARTS, style.PARTS, strict=True):
            values = parts.get(part, np.empty(0))
            if np.any(values > 0):
                marker = {"marker": "."} if len(values) <= style.SPARSE else {}
                epochs = np.arange(1, len(values) + 1)
                lines[part] = ax.plot(
                    epochs, values, **{"label": PARTS[part]} | marker | own | look
                )[0]
        self.lines_ += lines.values()
        return lines

    def _name(self, drawn: Mapping[str, Mapping[str, Line2D]]) -> None:
        """Name parts by their dashes, and trainings, if there are several, by their colours."""
        first = {part: line for lines in drawn.values() for part, line in lines.items()}
        if len(drawn) < 2:
            style.legend(self.ax_, self.lines_)
            return
        from matplotlib.lines import Line2D

        def sample(name: str, look: dict[str, Any]) -> Line2D:
            return Line2D([], [], **look, label=name)

        trainings = [
            sample(name, {"color": next(iter(lines.values())).get_color(), "linewidth": 4})
            for name, lines in drawn.items()
            if lines
        ]
        parts = [
            sample(PARTS[part], look | {"color": "black"})
            for part, look in zip(PARTS, style.PARTS, strict=True)
            if part in first
        ]
        style.legend(self.ax_, [*trainings, *parts])


def _parts(name: str, parts: Any) -> dict[str, Array]:
    """Return what is drawn of one training."""
    wanted = f"some of {', '.join(PARTS)}"
    arrays = {}
    for part, values in check_mapping(name, parts, wanted).items():
        if part not in PARTS:
            raise ValueError(f"{name} must be {wanted}, got {shown(part)}")
        arrays[part] = style.numbers(f"{name}[{part!r}]", values, 1)
    return arrays


def _of_history(history: Any) -> dict[str, Array]:
    check_instance("each of results", history, History)
    return {part: getattr(history, part) for part in PARTS}


def _of_curve(curve: Array) -> dict[str, Array]:
    """Return E and its parts, of E₀ and R (epochs, 2)."""
    data_error, penalty = curve.T
    return {"error": data_error + penalty, "data_error": data_error, "penalty": penalty}
