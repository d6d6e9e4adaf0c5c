"""What goes on while networks train: the error and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common.validation import Array, check_entries, check_instance, check_mapping, shown
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


class CurvesDisplay(PathShown):
    """Learning curves: E, its parts E₀ and R, and E₀ on validation data, epoch by epoch.

    Parameters
    ----------
    curves : mapping of str to mapping of str to array-like of shape (epochs,)
        For each training some of "error", "data_error", "penalty" and "validation_error".  What is
        empty or nowhere positive is left out, and so are NaNs.

    Attributes
    ----------
    ax_ : matplotlib Axes
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

    def __init__(self, curves: Mapping[str, Mapping[str, ArrayLike]]) -> None:
        named = check_mapping("curves", curves, "parts of the error by name")
        self.curves = {
            style.text("the names of curves", name): _parts(f"curves[{name!r}]", parts)
            for name, parts in named.items()
        }

    @classmethod
    def from_results(
        cls,
        results: History | Mapping[str, History] | L2Path,
        *,
        at: Sequence[int] | None = None,
    ) -> CurvesDisplay:
        """Make one of what ``train`` or ``l2_path`` returns.

        Parameters
        ----------
        results : History, mapping of str to History, or L2Path
            Of one training; of several, by name; or of those of a path.
        at : sequence of int, optional
            Which of a path's λs to draw, by their places; by default four, evenly spread.

        Returns
        -------
        CurvesDisplay
            To be drawn by ``plot``.
        """
        from pyl2.path.result import L2Path

        if isinstance(results, Mapping):
            return cls({name: _of_history(history) for name, history in results.items()})
        if isinstance(results, History):
            return cls({"": _of_history(results)})
        check_instance("results", results, L2Path, History, Mapping)
        shown = style.chosen(at, len(results.l2))
        return cls({style.title(results.l2[i]): _of_curve(results.curves[i]) for i in shown})

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> CurvesDisplay:
        """Draw the curves: parts differ by dashes and width, trainings by colour.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default of a new figure.
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
        self.ax_ = style.axes(ax)
        self.figure_ = self.ax_.figure
        self.lines_: list[Line2D] = []
        drawn: dict[str, dict[str, Line2D]] = {}
        for (name, parts), shade in zip(
            self.curves.items(), style.shades(len(self.curves)), strict=True
        ):
            drawn[name] = {}
            for part, look in zip(PARTS, style.PARTS, strict=True):
                values = parts.get(part, np.empty(0))
                if np.any(values > 0):
                    look = look | ({"color": shade["color"]} if len(self.curves) > 1 else {})
                    drawn[name][part] = self._line(values, look | {"label": PARTS[part]} | kwargs)
        self.ax_.set(yscale="log", xlabel="epoch", ylabel="error")
        style.decimals(self.ax_.yaxis)
        self._name(drawn)
        return self

    def _line(self, values: Array, look: dict[str, Any]) -> Line2D:
        epochs = np.arange(1, len(values) + 1)
        if len(values) <= style.SPARSE:
            look = {"marker": "."} | look
        (line,) = self.ax_.plot(epochs, values, **look)
        self.lines_.append(line)
        return line

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
    found = {}
    for part, values in check_mapping(name, parts, wanted).items():
        if part not in PARTS:
            raise ValueError(f"{name} must be {wanted}, got {shown(part)}")
        found[part] = style.numbers(f"{name}[{part!r}]", values, 1)
    return found


def _of_history(history: Any) -> dict[str, Array]:
    check_instance("each of results", history, History)
    return {part: getattr(history, part) for part in PARTS}


def _of_curve(curve: Array) -> dict[str, Array]:
    """Return E and its parts, of E₀ and R (epochs, 2)."""
    data_error, penalty = curve.T
    return {"error": data_error + penalty, "data_error": data_error, "penalty": penalty}
