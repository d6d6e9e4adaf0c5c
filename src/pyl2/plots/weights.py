"""What λ does to weights and hidden units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common.validation import (
    MANY,
    Array,
    all_finite,
    check_entries,
    check_integer,
    check_option,
)
from pyl2.plots import of_path, style
from pyl2.plots.of_path import PathShown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pyl2.path.result import L2Path

_BELOW = "₀₁₂₃₄₅₆₇₈₉"

# Of one of many weights, by its layer.
_THIN: tuple[dict[str, Any], ...] = tuple(
    {"color": color, "linestyle": "-", "linewidth": 0.8, "marker": ".", "markersize": 2}
    for color in ("0.55", "#1f4e9c", "black", style.ORANGE)
)


_RIDGE = 1.3  # the height of a histogram, by the distance of two
_FILL = "#9ecae1"


def _numbered(letter: str, number: int) -> str:
    return letter + "".join(_BELOW[int(digit)] for digit in str(number))


class PathDisplay(PathShown):
    """The path: weights, or their norms, against log λ.

    Parameters
    ----------
    l2 : array-like of shape (λs,)
        Ascending, ≥ 0; λ = 0 is drawn apart at the left.
    values : array-like of shape (λs, k) or (λs,)
        The weights or norms of each λ.
    groups : sequence of int of length k, optional
        Which layer each belongs to, from 0; lines of one are drawn alike.  By default each is its
        own.
    names : sequence of str, optional
        Of the groups, for the legend; by default W₁, W₂, ….
    ylabel : str, default="weight"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each weight or norm.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import PathDisplay
    >>> display = PathDisplay([0.1, 1], [[2, 3], [1, 0.5]], names=["‖W₁‖", "‖W₂‖"]).plot()
    >>> display.ax_.get_xscale(), [line.get_label() for line in display.lines_]
    ('log', ['‖W₁‖', '‖W₂‖'])
    """

    def __init__(
        self,
        l2: ArrayLike,
        values: ArrayLike,
        *,
        groups: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        ylabel: str = "weight",
    ) -> None:
        self.l2 = style.lambdas(l2)
        self.values = style.columns("values", values, self.l2)
        count = self.values.shape[1]
        self.groups = np.arange(count) if groups is None else _grouped(groups, count)
        kinds = int(self.groups.max()) + 1
        self.names = (
            [_numbered("W", layer + 1) for layer in range(kinds)]
            if names is None
            else style.texts("names", names, kinds, "group")
        )
        self.ylabel = style.text("ylabel", ylabel)

    @classmethod
    def from_results(cls, path: L2Path, what: str = "weights", *, most: int = 100) -> PathDisplay:
        """Create a display of the result of ``l2_path``.

        Parameters
        ----------
        path : L2Path
        what : {"weights", "norms"}, default="weights"
            Each weight, or ‖W_l‖ of each layer.
        most : int, default=100
            Maximum number of weights drawn per layer, evenly spread; more would hide each other.

        Returns
        -------
        PathDisplay
            Draw it with ``plot``.
        """
        of_path.checked(path)
        check_option("what", what, ("weights", "norms"))
        check_integer("most", most, 1)
        if what == "norms":
            names = [f"‖{_numbered('W', layer + 1)}‖" for layer in range(path.norms.shape[1])]
            return cls(path.l2, path.norms, names=names, ylabel="norm of the weights")
        values, groups = [], []
        for layer, size in enumerate(W.size for W in path.weights(0)):
            of_layer = _weights(path, range(len(path.l2)), layer)
            values.append(of_layer[:, style.few(size, most)])
            groups += [layer] * values[-1].shape[1]
        return cls(path.l2, np.concatenate(values, axis=1), groups=groups)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> PathDisplay:
        """Draw a line for each weight or norm.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default of a new figure.
        **kwargs
            For ``Axes.plot``.

        Returns
        -------
        PathDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        self.ax_ = style.axes(ax)
        self.figure_ = self.ax_.figure
        horizontal = style.LambdaAxis(self.ax_, self.l2)
        alone = len(self.names) == len(self.groups)
        self.ax_.axhline(0, color="0.85", linewidth=1, zorder=0)
        self.lines_ = []
        lines = zip(self.values.T, self.groups, _turns(self.groups), strict=True)
        for values, group, turn in lines:
            look = style.PARTS[group % len(style.PARTS)] | {"label": self.names[group]}
            look |= {"marker": "."} if alone else _THIN[group % len(_THIN)] | {"zorder": 2 + turn}
            self.lines_.append(horizontal.line(values, **look | kwargs))
        self.ax_.set_ylabel(self.ylabel)
        if len(self.names) > 1:
            first = [list(self.groups).index(group) for group in range(len(self.names))]
            style.legend(self.ax_, [self.lines_[place] for place in first])
        return self


class WeightsDisplay(PathShown):
    """Histograms of the weights at several λ, one above the other: a larger λ moves them to 0.

    Heights are logarithmic, log(1 + count) by its maximum: the few large weights matter, too.

    Parameters
    ----------
    weights : array-like of shape (λs, k)
        The weights of each λ.
    l2 : array-like of shape (λs,)
        Ascending, ≥ 0.
    bins : int, default=50
        The same for all λ.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    counts_ : ndarray of shape (λs, bins)
        Of weights.
    stairs_ : list of matplotlib StepPatch
        One for each λ, the smallest λ lowest.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import WeightsDisplay
    >>> display = WeightsDisplay([[-2, 1, 3], [-0.2, 0.1, 0.3]], [0.1, 10], bins=5).plot()
    >>> display.counts_[0]
    array([1, 0, 0, 1, 1])
    """

    def __init__(self, weights: ArrayLike, l2: ArrayLike, *, bins: int = 50) -> None:
        self.l2 = style.lambdas(l2)
        self.weights = style.columns("weights", weights, self.l2)
        if not all_finite(self.weights):
            raise ValueError("weights contains NaN or infinity")
        self.bins = check_integer("bins", bins, 1, MANY)

    @classmethod
    def from_results(
        cls,
        path: L2Path,
        *,
        at: Sequence[int] | None = None,
        layer: int | None = None,
        bins: int = 50,
    ) -> WeightsDisplay:
        """Create a display of the result of ``l2_path``.

        Parameters
        ----------
        path : L2Path
        at : sequence of int, optional
            Which of the path's λs to draw, by their places; by default four, evenly spread.
        layer : int, optional
            Whose weights, from 0; by default those of all layers.
        bins : int, default=50
            The same for all λ.

        Returns
        -------
        WeightsDisplay
            Draw it with ``plot``.
        """
        shown = style.chosen(at, len(of_path.checked(path).l2))
        if layer is not None:
            check_integer("layer", layer, 0, len(path.template.weights) - 1)
        return cls(_weights(path, shown, layer), path.l2[shown], bins=bins)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> WeightsDisplay:
        """Draw a histogram for each λ, the smallest λ lowest.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default of a new figure.
        **kwargs
            For ``Axes.stairs``.

        Returns
        -------
        WeightsDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        self.ax_ = style.axes(ax)
        self.figure_ = self.ax_.figure
        edges = np.histogram_bin_edges(self.weights, self.bins)
        self.counts_ = np.stack([np.histogram(weights, edges)[0] for weights in self.weights])
        heights = _RIDGE * np.log1p(self.counts_) / np.log1p(self.counts_.max())
        names = [style.title(value) for value in self.l2]
        self.stairs_ = []
        for place, (height, name) in enumerate(zip(heights, names, strict=True)):
            look: dict[str, Any] = {"fill": True, "facecolor": _FILL, "edgecolor": "black"}
            look |= {"linewidth": 1.2, "baseline": place, "zorder": 3 - place / len(names)}
            look |= {"label": name} | kwargs
            self.stairs_.append(self.ax_.stairs(place + height, edges, **look))
        self.ax_.axvline(0, color="0.8", linewidth=1, zorder=1)
        self.ax_.set(xlabel="weight", ylim=(-0.1, len(names) - 1 + 1.1 * _RIDGE))
        self.ax_.set_yticks(range(len(names)), names)
        return self


class SaturationDisplay(PathShown):
    """Share of hidden units on the flat part of their activation against λ, layer by layer.

    Parameters
    ----------
    l2 : array-like of shape (λs,)
        Ascending, ≥ 0; λ = 0 is drawn apart at the left.
    saturation : array-like of shape (λs, hidden layers) or (λs,)
        Shares from 0 to 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each hidden layer, in per cent.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import SaturationDisplay
    >>> display = SaturationDisplay([0.1, 1], [0.5, 0.25]).plot()
    >>> display.lines_[0].get_ydata()
    array([50., 25.])
    """

    def __init__(self, l2: ArrayLike, saturation: ArrayLike) -> None:
        self.l2 = style.lambdas(l2)
        self.saturation = style.columns("saturation", saturation, self.l2)

    @classmethod
    def from_results(cls, path: L2Path) -> SaturationDisplay:
        """Create a display of the result of ``l2_path``, for networks with hidden layers.

        Parameters
        ----------
        path : L2Path

        Returns
        -------
        SaturationDisplay
            Draw it with ``plot``.

        Raises
        ------
        ValueError
            If they have none.
        """
        if not of_path.checked(path).saturation.size:
            raise ValueError("there are no hidden layers, so no unit can be saturated")
        return cls(path.l2, path.saturation)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> SaturationDisplay:
        """Draw a line for each hidden layer.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default of a new figure.
        **kwargs
            For ``Axes.plot``.

        Returns
        -------
        SaturationDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        self.ax_ = style.axes(ax)
        self.figure_ = self.ax_.figure
        horizontal = style.LambdaAxis(self.ax_, self.l2)
        self.lines_ = []
        for layer, shares in enumerate(self.saturation.T):
            look = style.PARTS[layer % len(style.PARTS)]
            look = look | {"marker": "o", "markersize": 4, "label": f"layer {layer + 1}"} | kwargs
            self.lines_.append(horizontal.line(100 * shares, **look))
        top = max(100 * np.nanmax(self.saturation, initial=0), 5)
        self.ax_.set(ylabel="hidden units on the flat part, %", ylim=(-0.03 * top, 1.05 * top))
        if len(self.lines_) > 1:
            style.legend(self.ax_, self.lines_)
        return self


def _grouped(groups: Any, count: int) -> Array:
    """Return which group each line belongs to; groups are numbered from 0, and none is empty."""
    listed = check_entries("groups", groups, f"{count} whole numbers, one for each line")
    if len(listed) != count:
        raise ValueError(f"groups must be {count}, one for each line, got {len(listed)}")
    indices = np.array([check_integer("groups", group, 0, count - 1) for group in listed])
    if len(set(listed)) != indices.max() + 1:
        raise ValueError(f"groups must be numbered from 0 without gaps, got {listed!r:.80}")
    return indices


def _weights(path: L2Path, places: Iterable[int], layer: int | None) -> Array:
    """Return the weights of a layer, or of all, a row for each λ."""
    chosen = slice(None) if layer is None else slice(layer, layer + 1)
    return np.stack(
        [np.concatenate([W.ravel() for W in path.weights(place)[chosen]]) for place in places]
    )


def _turns(groups: Array) -> Array:
    """Return where in its group each is, from 0 to 1: drawn by turns no layer hides another."""
    turns = np.empty(len(groups))
    for group in np.unique(groups):
        mine = groups == group
        turns[mine] = np.linspace(0, 1, np.count_nonzero(mine))
    return turns
