"""Which λ is good: scores, bias and variance against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import metrics
from pyl2._common.validation import check_instance, check_mapping, check_real
from pyl2.plots import style
from pyl2.plots.of_path import PathShown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pyl2.estimators.cv import MLPClassifierCV, MLPRegressorCV
    from pyl2.path.decomposition import BiasVariance
    from pyl2.path.result import L2Path

_SCORES: dict[str, dict[str, Any]] = {
    "training set": {"color": "0.5", "linestyle": "--", "markerfacecolor": "white"},
    "held out": {"color": "black", "linestyle": "-"},
}
_MARKS: tuple[dict[str, Any], ...] = (
    {"color": "tab:red", "linestyle": ":"},
    {"color": "tab:blue", "linestyle": "-."},
    {"color": "tab:green", "linestyle": "--"},
)


class ScoreDisplay(PathShown):
    """Scores on the training set and on held-out rows against λ, and which λ is chosen.

    Parameters
    ----------
    l2 : array-like of shape (λs,)
        Ascending, ≥ 0; λ = 0 is drawn apart at the left.
    train, test : array-like of shape (λs,) or (λs, folds), optional
        Scores; of several folds the mean is drawn, in a band of one standard error to each side.
        At least one of the two; NaNs are left out.
    choices : mapping of str to float, optional
        λs to mark, by name, such as ``{"min": 0.1, "1se": 1.0}``.
    measure : str, default="score"
        What the scores are: "accuracy", "R²", ….

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        Of train and test, of those that are given.
    marks_ : list of matplotlib Line2D
        One for each choice.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import ScoreDisplay
    >>> folds = [[0.6, 0.8], [0.8, 0.9], [0.5, 0.5]]
    >>> display = ScoreDisplay([0.1, 1, 10], [1, 0.9, 0.5], folds, choices={"min": 1.0}).plot()
    >>> display.lines_[1].get_ydata()
    array([0.7 , 0.85, 0.5 ])
    """

    def __init__(
        self,
        l2: ArrayLike,
        train: ArrayLike | None = None,
        test: ArrayLike | None = None,
        *,
        choices: Mapping[str, float] | None = None,
        measure: str = "score",
    ) -> None:
        self.l2 = style.lambdas(l2)
        given = {"training set": ("train", train), "held out": ("test", test)}
        self.scores = {
            label: style.columns(name, scores, self.l2)
            for label, (name, scores) in given.items()
            if scores is not None
        }
        if not self.scores:
            raise ValueError("train or test must be given")
        marked = check_mapping("choices", choices or {}, "λs by name")
        self.choices = {
            style.text("the names of choices", name): check_real(f"choices[{name!r}]", value, 0)
            for name, value in marked.items()
        }
        self.measure = style.text("measure", measure)

    @classmethod
    def from_results(cls, results: L2Path | MLPClassifierCV | MLPRegressorCV) -> ScoreDisplay:
        """Create a display of an ``l2_path`` result or of a fitted cross-validated estimator.

        Parameters
        ----------
        results : L2Path, or fitted MLPClassifierCV or MLPRegressorCV
            Marked is the best λ on held-out rows, or what each rule of the estimator would choose.
            Its training scores are those of all rows together.

        Returns
        -------
        ScoreDisplay
            Draw it with ``plot``.
        """
        from pyl2.estimators.cv import MLPClassifierCV, MLPRegressorCV
        from pyl2.path.result import L2Path

        check_instance("results", results, L2Path, MLPClassifierCV, MLPRegressorCV)
        if not isinstance(results, L2Path):
            return cls._of_folds(results)
        if not np.any(results.test_score > -np.inf):
            return cls(results.l2, results.train_score, measure=results.measure)
        choices = {"best": float(results.l2[results.best])}
        scores = results.train_score, results.test_score
        return cls(results.l2, *scores, choices=choices, measure=results.measure)

    @classmethod
    def _of_folds(cls, fitted: MLPClassifierCV | MLPRegressorCV) -> ScoreDisplay:
        from pyl2.path.selection import RULES, choose

        if not hasattr(fitted, "scores_path_"):
            raise ValueError("results must be fitted")
        l2, folds = fitted.alphas_, fitted.scores_path_
        choices = {
            rule + ", chosen" * (rule == fitted.rule): float(l2[choose(l2, folds, rule)])
            for rule in RULES
        }
        if fitted.scoring is not None:
            return cls(l2, None, folds, choices=choices)
        path = fitted.l2_path_
        return cls(l2, path.train_score, folds, choices=choices, measure=path.measure)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> ScoreDisplay:
        """Draw scores, standard errors of the folds, and choices.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default of a new figure.
        **kwargs
            For ``Axes.plot`` of the scores.

        Returns
        -------
        ScoreDisplay
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
        for name, scores in self.scores.items():
            mean, error = metrics.mean_known(scores), metrics.standard_error(scores)
            look = {"marker": "o", "markersize": 4, "linewidth": 1.8, "label": name} | _SCORES[name]
            self.lines_.append(horizontal.line(mean, **look | kwargs))
            if np.any(error > 0):
                color = self.lines_[-1].get_color()
                horizontal.band(mean - error, mean + error, color=color, alpha=0.15)
        self.marks_ = []
        for place, (name, value) in enumerate(self.choices.items()):
            look = _MARKS[place % len(_MARKS)] | {"label": f"{name}: {style.title(value)}"}
            self.marks_.append(horizontal.mark(value, linewidth=1.5, zorder=1, **look))
        self.ax_.set_ylabel(self.measure)
        style.legend(self.ax_, [*self.lines_, *self.marks_])
        return self


class BiasVarianceDisplay:
    """Squared bias, variance and their sum against λ.

    Parameters
    ----------
    l2 : array-like of shape (λs,)
        Ascending, ≥ 0; λ = 0 is drawn apart at the left.
    bias : array-like of shape (λs,)
        Squared: (mean of the predictions − truth)², averaged over the inputs.
    variance : array-like of shape (λs,)
        Of the predictions of networks trained on different data, averaged over the inputs.
    test_error : array-like of shape (λs,), optional
        Mean squared error on new data, which is bias², variance and noise together.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        Of the sum, bias², variance, and the test error, where it is given.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> from pyl2.plots import BiasVarianceDisplay
    >>> display = BiasVarianceDisplay([0.1, 1], bias=[0.1, 0.3], variance=[0.4, 0.1]).plot()
    >>> display.lines_[0].get_ydata()
    array([0.5, 0.4])
    """

    def __init__(
        self,
        l2: ArrayLike,
        bias: ArrayLike,
        variance: ArrayLike,
        *,
        test_error: ArrayLike | None = None,
    ) -> None:
        self.l2 = style.lambdas(l2)
        self.bias = style.columns("bias", bias, self.l2)[:, 0]
        self.variance = style.columns("variance", variance, self.l2)[:, 0]
        self.test_error = (
            None if test_error is None else style.columns("test_error", test_error, self.l2)[:, 0]
        )

    @classmethod
    def from_results(cls, results: BiasVariance) -> BiasVarianceDisplay:
        """Create a display of the result of ``pyl2.path.bias_variance``.

        Parameters
        ----------
        results : BiasVariance

        Returns
        -------
        BiasVarianceDisplay
            Draw it with ``plot``.
        """
        from pyl2.path.decomposition import BiasVariance

        check_instance("results", results, BiasVariance)
        return cls(results.l2, results.bias, results.variance)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> BiasVarianceDisplay:
        """Draw the lines, on logarithmic axes.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default of a new figure.
        **kwargs
            For ``Axes.plot``.

        Returns
        -------
        BiasVarianceDisplay
            Itself.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        self.ax_ = style.axes(ax)
        self.figure_ = self.ax_.figure
        horizontal = style.LambdaAxis(self.ax_, self.l2)
        lines = {"sum": self.bias + self.variance, "bias²": self.bias, "variance": self.variance}
        if self.test_error is not None:
            lines["test error"] = self.test_error
        self.lines_ = []
        for (name, values), look in zip(lines.items(), style.PARTS, strict=False):
            look = {"label": name, "marker": "o", "markersize": 4} | look
            self.lines_.append(horizontal.line(values, **look | kwargs))
        self.ax_.set(yscale="log", ylabel="squared error")
        style.decimals(self.ax_.yaxis)
        style.legend(self.ax_, self.lines_)
        return self
