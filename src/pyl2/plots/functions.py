"""What networks of several λ have learned: functions of one number, boundaries in the plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import sparse
from pyl2._common.dataset import Matrix
from pyl2._common.validation import Array, as_array, check_callable, check_pair
from pyl2.plots import of_path, style
from pyl2.plots.of_path import PathShown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from pyl2.path.result import L2Path


class FitDisplay(PathShown):
    """Fits of a function of one variable at several λ: from overfitting through smooth to constant.

    Parameters
    ----------
    x : array-like of shape (points,)
        Where the fits are drawn, ascending.
    fits : array-like of shape (λs, points)
        What the network of each λ gives there.
    l2 : array-like of shape (λs,)
        Ascending, ≥ 0.
    data : tuple (x, y) of array-like of shape (rows,), optional
        Training data, drawn as points.
    truth : array-like of shape (points,), optional
        The function without noise, where it is known.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each λ.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import FitDisplay
    >>> display = FitDisplay([0, 1], [[0, 1], [0.5, 0.5]], [0, 10], data=([0, 1], [0, 1])).plot()
    >>> [line.get_label() for line in display.lines_]
    ['λ = 0', 'λ = 10']
    """

    def __init__(
        self,
        x: ArrayLike,
        fits: ArrayLike,
        l2: ArrayLike,
        *,
        data: tuple[ArrayLike, ArrayLike] | None = None,
        truth: ArrayLike | None = None,
    ) -> None:
        self.l2 = style.lambdas(l2)
        self.x = style.numbers("x", x)
        self.fits = style.columns("fits", fits, self.l2)
        if self.fits.shape[1:] != self.x.shape:
            raise ValueError(f"x has shape {self.x.shape}, but fits {self.fits.shape}")
        self.data = None if data is None else style.points("data", data, "(x, y)")
        self.truth = None if truth is None else style.numbers("truth", truth)
        if self.truth is not None and self.truth.shape not in (self.x.shape, (*self.x.shape, 1)):
            raise ValueError(f"truth must have shape {self.x.shape}, got {self.truth.shape}")

    @classmethod
    def from_results(
        cls,
        path: L2Path,
        X: Matrix,
        y: ArrayLike,
        *,
        at: Sequence[int] | None = None,
        truth: Callable[[Array], ArrayLike] | None = None,
    ) -> FitDisplay:
        """Create a display of the result of ``l2_path``, for networks of one input and one output.

        Parameters
        ----------
        path : L2Path
        X : array-like or sparse matrix of shape (rows, 1)
            Training data; the fits are drawn over its range and a little beyond.
        y : array-like of shape (rows,) or (rows, 1)
        at : sequence of int, optional
            Which of the path's λs to draw, by their places; by default four, evenly spread.
        truth : callable, optional
            The function without noise: of x (points,), returns y (points,).

        Returns
        -------
        FitDisplay
            Draw it with ``plot``.

        Raises
        ------
        ValueError
            If its networks have another number of inputs or outputs.
        """
        sizes = of_path.checked(path).template.layer_sizes
        if (sizes[0], sizes[-1]) != (1, 1):
            raise ValueError(
                f"FitDisplay needs one input and one output, got {sizes[0]} and {sizes[-1]}"
            )
        rows = style.numbers("X", sparse.dense("X", X)).ravel()
        data = rows, style.numbers("y", y).ravel()
        if len(rows) != len(data[1]) or not len(rows):
            raise ValueError(
                "X and y must have the same number of rows, at least one,"
                f" got {len(rows)} and {len(data[1])}"
            )
        x = style.span("X", rows, 300, 0.05)
        shown = style.chosen(at, len(path.l2))
        fits = [path.network(place).predict(x[:, None])[:, 0] for place in shown]
        known = None if truth is None else check_callable("truth", truth)(x)
        return cls(x, fits, path.l2[shown], data=data, truth=known)

    @classmethod
    def _of(cls, path: L2Path, data: tuple[Any, Any], **kwargs: Any) -> FitDisplay:
        return cls.from_results(path, *data, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> FitDisplay:
        """Draw data, truth and fits, dark to light as λ grows.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default of a new figure.
        **kwargs
            For ``Axes.plot`` of the fits.

        Returns
        -------
        FitDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        self.ax_ = style.axes(ax)
        self.figure_ = self.ax_.figure
        look: dict[str, Any]
        truth = []
        if self.truth is not None:
            look = {"color": "0.8", "linewidth": 5, "zorder": 1, "label": "without noise"}
            truth = self.ax_.plot(self.x, self.truth, **look)
        if self.data is not None:
            self.ax_.scatter(*self.data, 28, facecolor="white", edgecolor="black", zorder=3)
        self.lines_: list[Line2D] = []
        for fit, value, shade in zip(self.fits, self.l2, style.shades(len(self.l2)), strict=True):
            look = shade | {"linewidth": 2, "zorder": 2, "label": style.title(value)} | kwargs
            self.lines_ += self.ax_.plot(self.x, fit, **look)
        self._keep_to_data()
        self.ax_.set(xlabel="x", ylabel="y")
        if len(self.l2) > 1:
            style.legend(self.ax_, [*self.lines_, *truth])
        return self

    def _keep_to_data(self) -> None:
        """Cut off what a fit does far from the items: one that swings hides all the others."""
        self.ax_.margins(x=0.02)
        if self.data is None:
            return
        y = self.data[1]
        low, high = self.ax_.get_ylim()
        room = 0.6 * np.ptp(y)
        if room:
            self.ax_.set_ylim(max(low, y.min() - room), min(high, y.max() + room))


class BoundaryDisplay(PathShown):
    """Decision boundaries in the plane at several λ, a panel for each.

    Parameters
    ----------
    x, y : array-like of shape (columns,) and (rows,)
        The grid on which the chances are known, ascending.
    chances : array-like of shape (λs, rows, columns) or (λs, rows, columns, classes)
        Of the second of two classes, or of each class.
    l2 : array-like of shape (λs,)
        Ascending, ≥ 0.
    data : tuple (X, classes), optional
        Data to draw: X (rows, 2) and classes (rows,), whole numbers from 0.
    names : sequence of str, optional
        Of the panels; by default their λ.
    features : (str, str), default=("x₁", "x₂")
        Names of the axes.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, one for each λ
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import BoundaryDisplay
    >>> chances = [[[0.1, 0.9], [0.1, 0.9]], [[0.4, 0.6], [0.4, 0.6]]]
    >>> display = BoundaryDisplay([0, 1], [0, 1], chances, [0.01, 1]).plot()
    >>> [ax.get_title() for ax in display.axes_]
    ['λ = 0.01', 'λ = 1']
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        chances: ArrayLike,
        l2: ArrayLike,
        *,
        data: tuple[ArrayLike, ArrayLike] | None = None,
        names: Sequence[str] | None = None,
        features: tuple[str, str] = ("x₁", "x₂"),
    ) -> None:
        self.l2 = style.lambdas(l2)
        self.x, self.y = style.numbers("x", x, 1), style.numbers("y", y, 1)
        self.chances = style.numbers("chances", chances)
        grid = len(self.l2), len(self.y), len(self.x)
        if self.chances.ndim not in (3, 4) or self.chances.shape[:3] != grid:
            raise ValueError(
                f"chances must have shape {grid}, of l2, y and x, with or without a last axis of"
                f" classes, got {self.chances.shape}"
            )
        if min(grid[1:]) < 2 or self.chances.shape[3:] in ((0,), (1,)):
            raise ValueError(
                "chances must be of two classes or more, on a grid of two columns and rows of x and"
                f" y or more, got shape {self.chances.shape}"
            )
        self.data = None if data is None else _classified(*check_pair("data", data, _DATA))
        titles = list(map(style.title, self.l2))
        self.names = titles if names is None else style.texts("names", names, len(titles), "λ")
        self.features = style.texts("features", features, 2, "axis")

    @classmethod
    def from_results(
        cls,
        path: L2Path,
        X: Matrix,
        y: ArrayLike,
        *,
        at: Sequence[int] | None = None,
    ) -> BoundaryDisplay:
        """Create a display of the result of ``l2_path``, for classifiers of two features.

        Parameters
        ----------
        path : L2Path
        X : array-like or sparse matrix of shape (rows, 2)
            Training data; the grid spans its range and a little beyond.
        y : array-like of shape (rows,)
            Classes.
        at : sequence of int, optional
            Which of the path's λs to draw, by their places; by default four, evenly spread.

        Returns
        -------
        BoundaryDisplay
            Draw it with ``plot``.

        Raises
        ------
        ValueError
            If its networks have another number of inputs.
        """
        inputs = of_path.checked(path).template.layer_sizes[0]
        if inputs != 2:
            raise ValueError(f"BoundaryDisplay needs two features, got {inputs}")
        points, classes = _classified(sparse.dense("X", X), y)
        x, height = (style.span("X", column, 150, 0.1) for column in points.T)
        plane = np.stack(np.meshgrid(x, height), axis=-1).reshape(-1, 2)
        shown = style.chosen(at, len(path.l2))
        shape = len(shown), len(height), len(x), -1
        predicted = np.reshape([path.network(place).predict(plane) for place in shown], shape)
        chances = predicted[..., -1] if predicted.shape[-1] <= 2 else predicted
        names = [
            f"{style.title(path.l2[place])}\n{path.measure} {path.train_score[place]:.3g}"
            for place in shown
        ]
        return cls(x, height, chances, path.l2[shown], data=(points, classes), names=names)

    @classmethod
    def _of(cls, path: L2Path, data: tuple[Any, Any], **kwargs: Any) -> BoundaryDisplay:
        return cls.from_results(path, *data, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> BoundaryDisplay:
        """Draw for each λ the probabilities, the boundary where they are equal, and the data.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, optional
            One for each λ; by default a row of them in a new figure.
        **kwargs
            For ``Axes.contourf`` of the chances.

        Returns
        -------
        BoundaryDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        ValueError
            If `ax` has not one for each λ.
        """
        self.axes_ = style.panels(ax, len(self.l2), (2.4, 2.9))
        self.figure_ = self.axes_[0].figure
        for panel, chances, name in zip(self.axes_, self.chances, self.names, strict=True):
            if chances.ndim == 2:
                self._shade_two(panel, chances, kwargs)
            else:
                self._shade_many(panel, chances, kwargs)
            self._draw_items(panel)
            panel.set_xlabel(self.features[0])
            panel.locator_params(nbins=4)
            panel.set_title(name, fontsize="medium")
        self.axes_[0].set_ylabel(self.features[1])
        self._name_classes(self.axes_[-1])
        return self

    def _shade_two(self, panel: Axes, chances: Array, kwargs: dict[str, Any]) -> None:
        look: dict[str, Any] = {"levels": np.linspace(0, 1, 11), "cmap": "Greys"}
        look |= {"vmin": -0.3, "vmax": 1.6}
        panel.contourf(self.x, self.y, chances, **look | kwargs)
        if chances.min() < 0.5 < chances.max():
            panel.contour(self.x, self.y, chances, [0.5], colors="black", linewidths=1.5)

    def _shade_many(self, panel: Axes, chances: Array, kwargs: dict[str, Any]) -> None:
        """Tint the region of each class, the darker the surer, and draw its boundary."""
        from matplotlib.colors import LinearSegmentedColormap

        for one in range(chances.shape[-1]):
            lead = chances[..., one] - np.delete(chances, one, axis=-1).max(axis=-1)
            if lead.max() <= 0:
                continue
            tints = [style.mixed(_tint(one), share) for share in (0.15, 0.55)]
            look: dict[str, Any] = {"cmap": LinearSegmentedColormap.from_list("class", tints)}
            look |= {"levels": np.linspace(0, 1, 8), "vmin": 0, "vmax": 1}
            panel.contourf(self.x, self.y, lead, **look | kwargs)
            if lead.min() < 0:
                panel.contour(self.x, self.y, lead, [0], colors="black", linewidths=1.5)

    def _draw_items(self, panel: Axes) -> None:
        if self.data is None:
            return
        X, classes = self.data
        for label, look in self._looks().items():
            mine = X[classes == label]
            panel.scatter(mine[:, 0], mine[:, 1], 22, linewidth=0.6, zorder=3, **look)

    def _looks(self) -> dict[Any, dict[str, Any]]:
        """Return how the items of each class are drawn: black and white of two, else its colour."""
        count = self.chances.shape[3] if self.chances.ndim == 4 else 2
        labels = list(range(count)) if self.data is None else np.unique(self.data[1]).tolist()
        looks = {}
        for place, label in enumerate(labels):
            # Class indices are places themselves; some may be missing among the items.
            one = label if isinstance(label, int) and 0 <= label < count else place
            face = _tint(one) if self.chances.ndim == 4 else "black" if place else "white"
            edge = "white" if face == "black" else "black"
            marker = style.CLASSES[one % len(style.CLASSES)]
            looks[label] = {"marker": marker, "facecolor": face, "edgecolor": edge}
        return looks

    def _name_classes(self, panel: Axes) -> None:
        """Put a legend of the classes beside the last panel, where it is known what they are."""
        from matplotlib.lines import Line2D

        if self.data is None and self.chances.ndim == 3:
            return
        samples = []
        for label, look in self._looks().items():
            face = look["facecolor"]
            shape: dict[str, Any] = {"marker": look["marker"], "linestyle": "", "markersize": 6}
            shape |= {"markerfacecolor": face, "markeredgecolor": "black"}
            name = f"class {label}" if isinstance(label, int) else str(label)
            samples.append(Line2D([], [], label=name, **shape))
        style.legend(panel, samples)


def _tint(one: int) -> str:
    return style.TINTS[one % len(style.TINTS)]


_DATA = "(X, classes), X being (items, 2) and classes (items,)"


def _classified(X: Any, y: Any) -> tuple[Array, Array]:
    """Return points in the plane (items, 2), and their classes (items,)."""
    points, classes = style.numbers("X of data", X), as_array("y of data", y)
    if classes.ndim == 2 and classes.shape[1] == 1:
        classes = classes[:, 0]
    if points.shape != (*classes.shape, 2) or classes.ndim != 1 or not len(classes):
        raise ValueError(f"data must be {_DATA}, got X {points.shape} and y {classes.shape}")
    if classes.dtype.kind == "O":
        classes = np.array([str(label) for label in classes])
    return points, classes
