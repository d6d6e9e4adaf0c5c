"""The Bayesian view: the evidence for λ, and predictions with error bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import metrics, sparse
from pyl2._common.dataset import Matrix
from pyl2._common.validation import Array, check_callable, check_real
from pyl2.plots import of_path, style
from pyl2.plots.of_path import PathShown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from pyl2.path.result import L2Path

_WITHIN_95 = 1.96
# An interval between neighbours of more than this share of the data's range has no data.
_GAP = 0.1
_POINTS = 400
_BEYOND = 0.3


class EvidenceDisplay(PathShown):
    """Log evidence and effective number of parameters against λ, above the scores of other rows.

    Parameters
    ----------
    l2 : array-like of shape (λs,)
        Ascending, ≥ 0; λ = 0 is drawn apart at the left.
    log_evidence : array-like of shape (λs,)
        What is not finite, as for λ = 0, is left out.
    n_effective : array-like of shape (λs,), optional
        γ, on an axis of its own at the right.
    test : array-like of shape (λs,), optional
        Scores on held-out rows.
    folds : array-like of shape (λs, folds), optional
        Scores of cross-validation: their mean is drawn, in a band of one standard error to each
        side.
    measure : str, default="score"
        What the scores are: "accuracy", "R²", ….

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One, or two where there are scores.
    right_ : matplotlib Axes or None
        That of γ.
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        Of log evidence, γ, test and folds, of those that are given.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> from pyl2 import Network, l2_path
    >>> from pyl2.plots import EvidenceDisplay
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.sin(3 * x) + 0.1 * np.random.default_rng(0).normal(size=x.shape)
    >>> network = Network((1, 5, 1), seed=0)
    >>> path = l2_path(network, x, y, test=0.25, optimizer="lbfgs", evidence=True)
    >>> display = EvidenceDisplay.from_results(path).plot()
    >>> len(display.axes_), len(display.lines_)
    (2, 3)
    """

    _of_evidence = True
    right_: Axes | None

    def __init__(
        self,
        l2: ArrayLike,
        log_evidence: ArrayLike,
        n_effective: ArrayLike | None = None,
        *,
        test: ArrayLike | None = None,
        folds: ArrayLike | None = None,
        measure: str = "score",
    ) -> None:
        self.l2 = style.lambdas(l2)
        evidence = style.columns("log_evidence", log_evidence, self.l2)[:, 0]
        self.log_evidence = np.where(np.isfinite(evidence), evidence, np.nan)
        if np.isnan(self.log_evidence).all():
            raise ValueError("log_evidence must hold a finite number: l2_path takes evidence=True")
        self.n_effective = (
            None
            if n_effective is None
            else style.columns("n_effective", n_effective, self.l2)[:, 0]
        )
        given = {"test": ("test", test), "cross-validation": ("folds", folds)}
        self.scores = {
            label: style.columns(name, scores, self.l2)
            for label, (name, scores) in given.items()
            if scores is not None
        }
        self.measure = style.text("measure", measure)

    @classmethod
    def from_results(cls, path: L2Path, *, folds: ArrayLike | None = None) -> EvidenceDisplay:
        """Create a display of the result of ``l2_path`` with ``evidence=True``.

        Parameters
        ----------
        path : L2Path
            Its test scores are drawn if it has some.
        folds : array-like of shape (λs, folds), optional
            Scores of cross-validation at the same λs, as ``scores_path_`` of MLPRegressorCV.

        Returns
        -------
        EvidenceDisplay
            Draw it with ``plot``.

        Raises
        ------
        ValueError
            If it has no evidence.
        """
        path = of_path.checked(path)
        test = path.test_score if np.any(path.test_score > -np.inf) else None
        return cls(
            path.l2,
            path.log_evidence,
            path.n_effective,
            test=test,
            folds=folds,
            measure=path.measure,
        )

    def plot(self, ax: Any = None, **kwargs: Any) -> EvidenceDisplay:
        """Draw log evidence and γ, and beneath them the scores.

        Parameters
        ----------
        ax : matplotlib Axes, or two of them where there are scores, optional
            By default of a new figure.
        **kwargs
            For ``Axes.plot`` of the log evidence.

        Returns
        -------
        EvidenceDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        ValueError
            If there are not as many axes as panels.
        """
        self.axes_ = style.stack(ax, 2 if self.scores else 1)
        self.figure_ = self.axes_[0].figure
        self.right_ = None
        self.lines_: list[Line2D] = []
        self._draw_evidence(self.axes_[0], kwargs)
        if self.scores:
            self._draw_scores(self.axes_[1])
            self.axes_[0].set_xlabel("")
        return self

    def _draw_evidence(self, ax: Axes, kwargs: dict[str, Any]) -> None:
        horizontal = style.LambdaAxis(ax, self.l2)
        look = _LINE | {"color": "black", "label": "log evidence"} | kwargs
        self.lines_.append(horizontal.line(self.log_evidence, **look))
        top = float(self.l2[np.nanargmax(self.log_evidence)])
        label = f"greatest evidence: {style.title(top)}"
        handles = [*self.lines_, horizontal.mark(top, **_MARK, label=label)]
        ax.set_ylabel("log evidence")
        if self.n_effective is not None:
            self.right_ = right = ax.twinx()
            beside = style.LambdaAxis(right, self.l2)
            look = _LINE | {"color": "tab:blue", "linestyle": "--", "label": "γ"}
            self.lines_.append(beside.line(self.n_effective, **look))
            right.set_ylabel("γ, effective parameters")
            right.set_ylim(bottom=0)
            handles.insert(1, self.lines_[-1])
        style.legend(ax, handles, above=True)

    def _draw_scores(self, ax: Axes) -> None:
        horizontal = style.LambdaAxis(ax, self.l2)
        handles = []
        for (name, scores), look in zip(self.scores.items(), style.PARTS, strict=False):
            mean, error = metrics.mean_known(scores), metrics.standard_error(scores)
            line = horizontal.line(mean, **_LINE | look, label=name)
            if np.any(error > 0):
                horizontal.band(mean - error, mean + error, color=line.get_color(), alpha=0.15)
            self.lines_.append(line)
            handles.append(line)
        top = float(self.l2[np.nanargmax(self.log_evidence)])
        horizontal.mark(top, **_MARK)
        ax.set_ylabel(self.measure)
        style.legend(ax, handles, above=True)


_LINE: dict[str, Any] = {"marker": "o", "markersize": 4, "linewidth": 1.8}
_MARK: dict[str, Any] = {"color": "tab:red", "linestyle": ":", "linewidth": 1.5, "zorder": 1}


class UncertaintyDisplay:
    """Mean and 95 % band of a function of one variable, the data, and gaps without data.

    Parameters
    ----------
    x : array-like of shape (points,)
        Where it is drawn, ascending.
    mean, std : array-like of shape (points,)
        Predictions, and their standard deviations with the noise.
    noise_variance : float, optional
        That of the noise in ``std``: the band without it is drawn darker.
    data : tuple (x, y), optional
        Points; where neighbours are further apart than a tenth of their range, and beyond the
        outermost, is marked as without data.
    truth : array-like of shape (points,), optional
        The function that the data are of.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        Of the mean.
    bands_ : list of matplotlib PolyCollection
        Of new targets, and of the function where the noise is known.
    gaps_ : list of tuple (from, to)
        Where there are no data.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> from pyl2 import BayesianMLPRegressor
    >>> from pyl2.plots import UncertaintyDisplay
    >>> x = np.linspace(-1, 1, 30)[:, None]
    >>> y = np.sin(3 * x[:, 0]) + 0.1 * np.random.default_rng(0).normal(size=30)
    >>> model = BayesianMLPRegressor(5, alphas=[0.01], random_state=0).fit(x, y)
    >>> display = UncertaintyDisplay.from_estimator(model, x, y).plot()
    >>> len(display.gaps_), len(display.bands_)
    (2, 2)
    """

    def __init__(
        self,
        x: ArrayLike,
        mean: ArrayLike,
        std: ArrayLike,
        *,
        noise_variance: float | None = None,
        data: tuple[ArrayLike, ArrayLike] | None = None,
        truth: ArrayLike | None = None,
    ) -> None:
        self.x = style.numbers("x", x, 1)
        if not len(self.x) or not np.all(self.x[1:] >= self.x[:-1]):
            raise ValueError("x must ascend and hold at least one number")
        self.mean = self._shaped("mean", mean)
        self.std = self._shaped("std", std)
        if not np.all(self.std >= 0):
            raise ValueError("std must not be negative")
        self.noise_variance = (
            None if noise_variance is None else check_real("noise_variance", noise_variance, 0)
        )
        self.data = None if data is None else style.points("data", data, "(x, y)")
        self.truth = None if truth is None else self._shaped("truth", truth)

    def _shaped(self, name: str, values: ArrayLike) -> Array:
        shaped = style.numbers(name, values, 1)
        if shaped.shape != self.x.shape:
            raise ValueError(f"{name} must have the shape of x, {self.x.shape}, got {shaped.shape}")
        return shaped

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        *,
        truth: Callable[[Array], ArrayLike] | None = None,
    ) -> UncertaintyDisplay:
        """Create a display of a fitted estimator of one input, over its data's range and beyond.

        Parameters
        ----------
        estimator : BayesianMLPRegressor, MLPRegressorEnsemble or Laplace
            Or another whose ``predict(X, return_std=True)`` gives mean and standard deviation.
            ``noise_variance_`` or ``noise_variance``, if it has such, is that of the noise.
        X : array-like of shape (rows, 1)
        y : array-like of shape (rows,)
            The data, to be drawn.
        truth : callable, optional
            f(x (points,)) → (points,).

        Returns
        -------
        UncertaintyDisplay
            Draw it with ``plot``.

        Raises
        ------
        ValueError
            If X has not one column, or there are several outputs.
        """
        points = style.numbers("X", sparse.dense("X", X), 2)
        if points.shape[1] != 1:
            raise ValueError(f"UncertaintyDisplay needs one feature, got {points.shape[1]}")
        x = style.span("X", points[:, 0], _POINTS, _BEYOND)
        mean, std = (np.asarray(part) for part in estimator.predict(x[:, None], return_std=True))
        if mean.size != len(x):
            raise ValueError(f"UncertaintyDisplay needs one output, got {mean.size // len(x)}")
        noise = getattr(estimator, "noise_variance_", getattr(estimator, "noise_variance", None))
        true = None if truth is None else check_callable("truth", truth)(x)
        return cls(
            x,
            mean.ravel(),
            std.ravel(),
            noise_variance=None if noise is None else float(noise),
            data=(points[:, 0], y),
            truth=true,
        )

    @property
    def gaps_(self) -> list[tuple[float, float]]:
        """Where there are no data, from and to."""
        if self.data is None or not self.data[0].size:
            return []
        places = np.unique(self.data[0])
        wide = np.flatnonzero(np.diff(places) > _GAP * np.ptp(places))
        inner = [(float(places[i]), float(places[i + 1])) for i in wide]
        outer = [(float(self.x[0]), float(places[0])), (float(places[-1]), float(self.x[-1]))]
        return [(low, high) for low, high in sorted(inner + outer) if low < high]

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> UncertaintyDisplay:
        """Draw mean, bands, data, and gaps without data.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default of a new figure.
        **kwargs
            For ``Axes.plot`` of the mean.

        Returns
        -------
        UncertaintyDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        self.ax_ = style.axes(ax)
        self.figure_ = self.ax_.figure
        look: dict[str, Any] = {"color": "black", "linewidth": 1.8, "label": "mean"}
        (self.line_,) = self.ax_.plot(self.x, self.mean, **look | kwargs)
        self.bands_ = [self._band(self.std, 0.18, "95 % of new targets")]
        if self.noise_variance is not None:
            own = np.sqrt(np.maximum(self.std**2 - self.noise_variance, 0))
            self.bands_.append(self._band(own, 0.35, "95 % of the function"))
        handles = [self.line_, *self.bands_]
        if self.truth is not None:
            look = {"color": style.ORANGE, "linestyle": "--", "linewidth": 2, "label": "truth"}
            handles += self.ax_.plot(self.x, self.truth, **look)
        if self.data is not None:
            handles.append(self._draw_data(self.ax_))
        for place, gap in enumerate(self.gaps_):
            shade = self.ax_.axvspan(*gap, color="0.5", alpha=0.12, linewidth=0, zorder=0)
            if not place:
                shade.set_label("no data")
                handles.append(shade)
        self.ax_.set_xlabel("x")
        if self.x[0] < self.x[-1]:
            self.ax_.set_xlim(self.x[0], self.x[-1])
        style.legend(self.ax_, handles)
        return self

    def _band(self, std: Array, alpha: float, label: str) -> Any:
        low, high = self.mean - _WITHIN_95 * std, self.mean + _WITHIN_95 * std
        look: dict[str, Any] = {"color": "tab:blue", "alpha": alpha, "linewidth": 0}
        return self.ax_.fill_between(self.x, low, high, label=label, **look)

    def _draw_data(self, ax: Axes) -> Any:
        assert self.data is not None
        look: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.2", "linewidth": 0.8}
        return ax.scatter(*self.data, 22, zorder=3, label="data", **look)
