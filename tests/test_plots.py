"""Figures: what they show, and where they are drawn."""

import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.linear_model import BayesianRidge  # noqa: E402

from pyl2 import (  # noqa: E402
    Backprop,
    BayesianMLPRegressor,
    Laplace,
    MLPClassifier,
    MLPRegressor,
    MLPRegressorCV,
    Network,
    l2_path,
    plots,
)
from pyl2.experiments import decay_grid  # noqa: E402
from pyl2.path import BiasVariance  # noqa: E402
from pyl2.plots import (  # noqa: E402
    BiasVarianceDisplay,
    BoundaryDisplay,
    CurvesDisplay,
    DecayDisplay,
    ErrorDisplay,
    EvidenceDisplay,
    FitDisplay,
    PathDisplay,
    RatesDisplay,
    SaturationDisplay,
    ScoreDisplay,
    UncertaintyDisplay,
    WeightsDisplay,
    style,
)

CURVES = {
    "adam": [([0, 1, 2], [0.9, 0.5, 0.1]), ([0, 1], [0.8, 0.4])],
    "pso": [([0, 2.5], [0.9, 0.7])],
}
L2 = np.array([0.01, 0.1, 1, 10])
FROM_ZERO = np.array([0, 0.1, 1, 10])
RNG = np.random.default_rng(0)
X = np.linspace(-1, 1, 30)
FITS = np.outer(1 / (1 + L2), X)
VALUES = RNG.normal(size=(4, 3))
GRID = np.linspace(0, 1, 5), np.linspace(0, 2, 6)
CHANCES = RNG.uniform(size=(4, 6, 5))
SCORES = RNG.uniform(size=(2, 3, 5))
ETA, RATE = [0.001, 0.01, 0.1], [0, 0.01, 0.1, 1, 10]

# One of each that has a single axes, and one of each that has several.
SINGLE = [
    ErrorDisplay(CURVES),
    FitDisplay(X, FITS, L2, data=(X, X), truth=X),
    PathDisplay(FROM_ZERO, VALUES),
    WeightsDisplay(VALUES, L2),
    SaturationDisplay(L2, VALUES**2),
    ScoreDisplay(L2, VALUES, VALUES + 1, choices={"min": 1.0}),
    BiasVarianceDisplay(L2, L2, 1 / L2),
    CurvesDisplay({"a": {"error": [3, 2, 1]}, "b": {"error": [3, 1]}}),
    UncertaintyDisplay(X, X, X**2, noise_variance=0.1, data=(X[:9], X[:9]), truth=X),
]
SEVERAL = [
    BoundaryDisplay(*GRID, CHANCES, L2),
    DecayDisplay(ETA, RATE, SCORES),
    RatesDisplay({"a": {"eta": ETA, "l2": VALUES[:3] ** 2}, "b": {"eta": [1, 0]}}),
    EvidenceDisplay(FROM_ZERO, [-np.inf, 3, 5, 1], [9, 5, 4, 1], test=L2, folds=VALUES),
]


def named(displays):
    return pytest.mark.parametrize("display", displays, ids=lambda one: type(one).__name__)


@pytest.fixture(autouse=True)
def no_figure_is_left():
    plt.close("all")
    yield
    plt.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def fitted(model, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*data)


def grey(color):
    return np.dot(to_rgb(color), [0.299, 0.587, 0.114])


# What all have in common.


def test_each_display_is_tried_here():
    assert {type(one).__name__ for one in SINGLE + SEVERAL} == set(plots.__all__)


@named(SINGLE)
def test_a_new_figure_or_axes_that_are_given(display):
    assert display.plot() is display
    assert display.figure_ is display.ax_.figure
    assert plt.get_fignums() == [display.figure_.number]
    figure = matplotlib.figure.Figure()
    ax = figure.subplots()
    assert display.plot(ax=ax).ax_ is ax
    assert display.figure_ is figure
    assert len(plt.get_fignums()) == 1


@named(SEVERAL)
def test_panels_that_are_new_or_given(display):
    count = len(display.plot().axes_)
    assert display.figure_ is display.axes_[0].figure
    assert plt.get_fignums() == [display.figure_.number]
    figure = matplotlib.figure.Figure(layout="constrained")
    given = figure.subplots(1, count)
    assert list(display.plot(ax=given).axes_) == list(given)
    assert display.figure_ is figure
    assert len(plt.get_fignums()) == 1
    with pytest.raises(ValueError, match=f"ax must hold {count} axes"):
        display.plot(ax=given[0])


@named(SINGLE + SEVERAL)
def test_pictures_are_drawn_whole_and_leave_the_settings_alone(display, tmp_path):
    before = dict(matplotlib.rcParams)
    figure = display.plot().figure_
    figure.savefig(tmp_path / "one.png")
    assert dict(matplotlib.rcParams) == before
    pixels = plt.imread(tmp_path / "one.png")[..., :3]
    edges = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    assert all((edge == 1).all() for edge in edges)  # nothing is cut off


@named(SINGLE)
def test_a_legend_covers_no_data(display):
    ax = display.plot().ax_
    if ax.get_legend() is None:
        return
    display.figure_.draw_without_rendering()
    box = ax.get_legend().get_window_extent()
    assert box.x0 >= ax.get_window_extent().x1
    assert box.x1 <= display.figure_.bbox.x1


@named(SINGLE + SEVERAL)
def test_nothing_is_written_over_something_else(display):
    """Titles, names of axes, ticks and legends: no two of a figure share a place."""
    figure = display.plot().figure_
    figure.draw_without_rendering()
    texts = []
    for ax in figure.axes:
        texts += [ax.title, ax.xaxis.label, ax.yaxis.label]
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [label for tick in ticks for label in (tick.label1, tick.label2)]
        if ax.get_legend() is not None:
            texts += ax.get_legend().get_texts()
    boxes = [t.get_window_extent().padded(-1) for t in texts if t.get_visible() and t.get_text()]
    for place, box in enumerate(boxes):
        assert not box.count_overlaps(boxes[place + 1 :])


def contrast(color):
    """Of a colour with white, as WCAG 2.2 counts it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 1.05 / (np.dot([0.2126, 0.7152, 0.0722], linear) + 0.05)


@named(SINGLE + SEVERAL)
def test_what_a_legend_names_stands_out_from_white(display):
    """But for the broad band of the truth, which lies behind all."""
    for ax in display.plot().figure_.axes:
        for line in ax.lines:
            if not line.get_label().startswith("_") and line.get_linewidth() < 4:
                assert contrast(line.get_color()) >= 3, line.get_label()
        if ax.get_legend() is not None:
            lines = ax.get_legend().get_lines()
            assert all(line.get_linewidth() >= 1.5 for line in lines)


@named(SINGLE + SEVERAL)
def test_without_matplotlib(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'pyl2\[plot\]'"):
        display.plot()


def test_matplotlib_is_imported_when_a_figure_is_drawn():
    code = "import sys, pyl2.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("count", range(1, 7))
def test_shades_differ_in_grey(count):
    found = style.shades(count)
    lightness = [grey(look["color"]) for look in found]
    assert np.all(np.diff(lightness) > 0.06)
    assert lightness[-1] < 0.75
    assert all(a["linestyle"] != b["linestyle"] for a, b in pairwise(found))


@pytest.mark.parametrize("looks", ["STYLES", "PARTS"])
def test_lines_stand_out_from_white(looks):
    for color in (look["color"] for look in (*getattr(style, looks), *style.shades(6))):
        assert contrast(color) >= 3, color


@pytest.mark.parametrize(
    ("limits", "names"),
    [
        ((0.008, 200), ["0.01", "0.1", "1", "10", "100"]),
        ((1e-7, 0.1), [f"$10^{{{power}}}$" for power in range(-7, 0)]),
        ((0.9, 2.5), ["0.9", "1", "2"]),
    ],
)
def test_ticks_of_logarithmic_axes(limits, names):
    ax = CurvesDisplay({"a": {"error": limits}}).plot().ax_
    ax.set_ylim(limits)
    ax.figure.draw_without_rendering()
    ticks = [*ax.yaxis.get_major_ticks(), *ax.yaxis.get_minor_ticks()]
    shown = {
        tick.label1.get_text() for tick in ticks if limits[0] <= tick.get_loc() <= limits[1]
    } - {""}
    assert shown == set(names)


@pytest.mark.parametrize("l2", [[], [1, 0.1], [-1, 1], [1, 1], [[1, 2]], [0, np.nan]])
def test_lambdas_must_ascend(l2):
    with pytest.raises(ValueError, match="l2 must be λs ≥ 0 in ascending order"):
        SaturationDisplay(l2, np.zeros(len(l2)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FitDisplay(X, FITS[:3], L2), "fits must have a row for each of 4 λs"),
        (lambda: FitDisplay(X[1:], FITS, L2), r"x has shape \(29,\), but fits \(4, 30\)"),
        (lambda: PathDisplay(L2, VALUES, groups=[0, 1]), "groups must be 3"),
        (lambda: PathDisplay(L2, VALUES, names=["W"]), "names must be 3"),
        (lambda: PathDisplay(L2, VALUES[..., None]), "values must have a row"),
        (lambda: WeightsDisplay(VALUES, L2, bins=0), "bins must be at least 1"),
        (lambda: ScoreDisplay(L2), "train or test must be given"),
        (
            lambda: BoundaryDisplay(*GRID, CHANCES[:, 1:], L2),
            r"chances must have shape \(4, 6, 5\)",
        ),
        (lambda: BoundaryDisplay(*GRID, CHANCES, L2, names=["a"]), "names must be 4"),
        (lambda: DecayDisplay(ETA, RATE[1:], SCORES), r"scores must have shape \(2, 3, 4\)"),
        (lambda: EvidenceDisplay(L2, L2[1:]), "log_evidence must have a row"),
        (lambda: EvidenceDisplay(L2, L2 * np.nan), "log_evidence must hold a finite number"),
        (lambda: EvidenceDisplay(L2, L2, test=L2[1:]), "test must have a row"),
        (lambda: UncertaintyDisplay(X[::-1], X, X), "x must ascend"),
        (lambda: UncertaintyDisplay(X, X[1:], X), "mean must have the shape of x"),
        (lambda: UncertaintyDisplay(X, X, X), "std must not be negative"),
        (lambda: UncertaintyDisplay(X, X, X**2, data=(X, X[1:])), "data must be"),
        (lambda: UncertaintyDisplay(X, X, X**2, noise_variance=-1), "noise_variance must be"),
        (lambda: CurvesDisplay({"a": {"loss": [1]}}), r"curves\['a'\] must be some of error"),
    ],
)
def test_arrays_that_do_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# The axis of λ.


def test_lambda_is_on_a_logarithmic_axis():
    line = SaturationDisplay(L2, [0.4, 0.3, 0.2, 0.1]).plot().lines_[0]
    assert line.axes.get_xscale() == "log"
    assert line.axes.get_xlabel() == "λ"
    np.testing.assert_array_equal(line.get_xdata(), L2)


def test_lambda_0_stands_apart():
    display = SaturationDisplay(FROM_ZERO, [0.4, 0.3, 0.2, 0.1]).plot()
    x, y = display.lines_[0].get_data()
    assert 0 < x[0] < 0.1 / 2
    assert np.isnan(x[1])
    assert np.isnan(y[1])
    np.testing.assert_array_equal(x[2:], FROM_ZERO[1:])
    np.testing.assert_array_equal(y[[0, 2, 3, 4]], [40, 30, 20, 10])
    display.figure_.draw_without_rendering()
    assert display.lines_[0].get_marker() not in ("", "None")
    names = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert names == ["0", "0.1", "1", "10"]
    np.testing.assert_allclose(display.ax_.get_xticks(), [x[0], *FROM_ZERO[1:]])


@pytest.mark.parametrize(
    ("l2", "names"),
    [
        ([0, 2, 4], ["0", "2", "4"]),
        ([0, 3], ["0", "3"]),
        ([0, *10.0 ** np.arange(-9, 6)], ["0", *(f"$10^{{{p}}}$" for p in range(-9, 6, 3))]),
    ],
)
def test_ticks_beside_lambda_0(l2, names):
    ax = SaturationDisplay(l2, np.zeros(len(l2))).plot().ax_
    assert [tick.get_text() for tick in ax.get_xticklabels()] == names


def test_lambda_0_alone():
    display = SaturationDisplay([0], [0.5]).plot()
    np.testing.assert_array_equal(display.lines_[0].get_xydata(), [[0, 50]])


# A path over λ.

REGRESSOR = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=30, random_state=0)
REGRESSOR = REGRESSOR.set_params(activation="tanh", tol=1e-12)
CLASSIFIER = MLPClassifier((5,), max_iter=3, tol=0, random_state=0)


@pytest.fixture(scope="module")
def path():
    network = Network((1, 6, 4, 1), seed=0)
    options = {"optimizer": "lbfgs", "epochs": 20, "seed": 0}
    return l2_path(network, X[:, None], X**2, FROM_ZERO, test=0.3, **options)


def test_fits_of_a_path(path):
    display = FitDisplay.from_results(path, X[:, None], X**2, truth=np.square).plot()
    np.testing.assert_array_equal(display.l2, FROM_ZERO)
    assert display.x[0] < X[0] < X[-1] < display.x[-1]
    for i, line in enumerate(display.lines_):
        given = path.network(i).predict(display.x[:, None])[:, 0]
        np.testing.assert_array_equal(line.get_ydata(), given)
    np.testing.assert_array_equal(display.truth, display.x**2)
    np.testing.assert_array_equal(display.data, [X, X**2])
    display = FitDisplay.from_results(path, X, X**2, at=[-1, 1]).plot()
    assert legend(display.ax_) == ["λ = 0.1", "λ = 10"]
    with pytest.raises(ValueError, match="at must be from -4 to 3, got 4"):
        FitDisplay.from_results(path, X, X**2, at=[4])


def test_weights_of_a_path(path):
    display = PathDisplay.from_results(path).plot()
    assert legend(display.ax_) == ["W₁", "W₂", "W₃"]
    flat = path.params[:, : 6 + 24 + 4]
    np.testing.assert_array_equal(display.values, flat)
    np.testing.assert_array_equal(display.groups, np.repeat([0, 1, 2], [6, 24, 4]))
    few = PathDisplay.from_results(path, most=5)
    np.testing.assert_array_equal(few.groups, np.repeat([0, 1, 2], [5, 5, 4]))
    assert set(few.values[2]) <= set(flat[2])
    norms = PathDisplay.from_results(path, "norms").plot()
    np.testing.assert_array_equal(norms.values, path.norms)
    assert legend(norms.ax_) == ["‖W₁‖", "‖W₂‖", "‖W₃‖"]
    with pytest.raises(ValueError, match="what must be one of weights, norms"):
        PathDisplay.from_results(path, "biases")


def test_histograms_of_a_path(path):
    display = WeightsDisplay.from_results(path, at=[1, 2], bins=7)
    np.testing.assert_array_equal(display.weights, path.params[1:3, :34])
    assert display.plot().counts_.shape == (2, 7)
    np.testing.assert_array_equal(display.counts_.sum(axis=1), 34)
    np.testing.assert_array_equal(
        WeightsDisplay.from_results(path, layer=1).weights, path.params[:, 6:30]
    )


def test_saturation_of_a_path(path):
    display = SaturationDisplay.from_results(path).plot()
    np.testing.assert_array_equal(display.saturation, path.saturation)
    assert len(display.lines_) == 2


def test_scores_of_a_path(path):
    display = ScoreDisplay.from_results(path).plot()
    drawn = [line.get_ydata()[[0, 2, 3, 4]] for line in display.lines_]
    np.testing.assert_array_equal(drawn, [path.train_score, path.test_score])
    assert display.choices == {"best": FROM_ZERO[path.best]}
    assert display.ax_.get_ylabel() == "R²"
    alone = l2_path(Network((1, 2, 1), seed=0), X[:, None], X, [1, 2], epochs=1)
    display = ScoreDisplay.from_results(alone).plot()
    assert legend(display.ax_) == ["training set"]


def test_paths_that_a_display_is_not_of():
    plain = l2_path(Network((3, 2), hidden=[], seed=0), VALUES, VALUES[:, :2], [1, 2], epochs=1)
    with pytest.raises(ValueError, match="one input and one output, got 3 and 2"):
        FitDisplay.from_results(plain, VALUES, VALUES)
    with pytest.raises(ValueError, match="two features, got 3"):
        BoundaryDisplay.from_results(plain, VALUES, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="no hidden layers"):
        SaturationDisplay.from_results(plain)
    assert len(PathDisplay.from_results(plain).plot().lines_) == 6


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
def test_scores_of_an_estimator_that_chooses(scoring):
    options = {"solver": "lbfgs", "max_iter": 50, "random_state": 0, "activation": "tanh"}
    model = MLPRegressorCV(
        hidden_layer_sizes=5, alphas=L2, cv=4, rule="1se", scoring=scoring, **options
    )
    noisy = X + 0.3 * np.random.default_rng(0).normal(size=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "alpha_", UserWarning)  # at an edge of the grid
        model.fit(X[:, None], noisy)
    display = ScoreDisplay.from_results(model).plot()
    folds = model.scores_path_
    np.testing.assert_allclose(display.lines_[-1].get_ydata(), folds.mean(axis=1))
    best = L2[folds.mean(axis=1).argmax()]
    assert display.choices == {"min": best, "1se, chosen": model.alpha_}
    assert display.ax_.get_ylabel() == ("R²" if scoring is None else "score")
    if scoring is None:
        trained_on = display.lines_[0].get_ydata()
        np.testing.assert_array_equal(trained_on, model.l2_path_.train_score)
    else:
        assert len(display.lines_) == 1


def test_boundaries_of_a_path():
    points = RNG.normal(size=(30, 2))
    y = (points[:, 0] > 0).astype(int)
    path = l2_path(CLASSIFIER, points, y, L2)
    display = BoundaryDisplay.from_results(path, points, y, at=[0, 3]).plot()
    for i, chances in zip((0, 3), display.chances, strict=True):
        model = clone(CLASSIFIER).set_params(alpha=L2[i])
        model = fitted(model, points, y)
        corner = model.predict_proba([[display.x[-1], display.y[0]]])[0, 1]
        np.testing.assert_allclose(chances[0, -1], corner, rtol=1e-6)
        said = display.axes_[0 if i == 0 else 1].get_title()
        assert said == f"λ = {L2[i]:g}\naccuracy {model.score(points, y):.3g}"
    two = l2_path(Network((2, 3, 2), output="softmax", seed=0), points, y, [1], epochs=1)
    display = BoundaryDisplay.from_results(two, points, y)
    second = two.network(0).predict([[display.x[0], display.y[0]]])[0, 1]
    assert display.chances[0, 0, 0] == pytest.approx(second)
    many = l2_path(CLASSIFIER, points, np.arange(30) % 3, [1])
    display = BoundaryDisplay.from_results(many, points, np.arange(30) % 3).plot()
    assert display.chances.shape[-1] == 3
    assert legend(display.axes_[-1]) == ["class 0", "class 1", "class 2"]


def test_each_class_has_its_tint():
    chances = np.zeros((1, 6, 5, 3))
    for place in range(5):
        chances[..., place, place // 2] = 1
    display = BoundaryDisplay(*GRID, chances, [1], features=("length", "width")).plot()
    [panel] = display.axes_
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("length", "width")
    assert legend(panel) == ["class 0", "class 1", "class 2"]
    tints = [area.get_cmap()(1.0)[:3] for area in panel.collections if len(area.get_array()) > 1]
    np.testing.assert_allclose(tints, [style.mixed(tint, 0.55) for tint in style.TINTS[:3]])
    two = BoundaryDisplay(*GRID, CHANCES, L2).plot()
    assert two.axes_[-1].get_legend() is None
    names = BoundaryDisplay(*GRID, CHANCES, L2, data=([[0, 0], [1, 1]], ["yes", "no"])).plot()
    assert legend(names.axes_[-1]) == ["no", "yes"]


def test_saturation_is_scaled_to_the_data():
    _, top = SaturationDisplay(L2, [0.04, 0.03, 0.02, 0]).plot().ax_.get_ylim()
    assert 4 < top < 8


@pytest.mark.parametrize(
    "display",
    [PathDisplay, WeightsDisplay, SaturationDisplay, ScoreDisplay, FitDisplay, EvidenceDisplay],
)
def test_from_estimator_trains_a_path(display):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = display.from_estimator(REGRESSOR, X[:, None], X**2, L2, test=0.2, n_threads=1)
        evidence = display is EvidenceDisplay
        path = l2_path(REGRESSOR, X[:, None], X**2, L2, test=0.2, evidence=evidence)
    data = (X[:, None], X**2) if display is FitDisplay else ()
    expected = display.from_results(path, *data)
    assert vars(found).keys() == vars(expected).keys()
    for name, value in vars(found).items():
        np.testing.assert_equal(value, vars(expected)[name])


def test_from_estimator_passes_on_what_is_drawn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = WeightsDisplay.from_estimator(REGRESSOR, X[:, None], X, L2, layer=1, at=[0, 1])
    assert found.weights.shape == (2, 5)
    y = (X > 0).astype(int)
    points = np.c_[X, X**2]
    found = BoundaryDisplay.from_estimator(CLASSIFIER, points, y, [1, 2])
    np.testing.assert_array_equal(found.data[1], y)


# Each of them.


def test_errors_along_trainings():
    display = ErrorDisplay(CURVES, xlabel="evaluations").plot()
    assert display.ax_.get_xlabel() == "evaluations"
    np.testing.assert_array_equal(display.lines_[0].get_xydata(), [[1, 0.5], [2, 0.1]])
    np.testing.assert_array_equal(display.lines_[2].get_xydata(), [[2.5, 0.7]])
    assert legend(display.ax_) == ["adam", "pso"]
    styles = [(line.get_color(), line.get_linestyle()) for line in display.lines_]
    assert styles[0] == styles[1] != styles[2]
    assert ErrorDisplay(CURVES).plot().ax_.get_xlabel() == "seconds"


def test_fits():
    display = FitDisplay(X, FITS, L2, data=(X[:, None], X + 1), truth=X**2).plot(linewidth=3)
    for line, fit in zip(display.lines_, FITS, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.transpose([X, fit]))
        assert line.get_linewidth() == 3
    assert legend(display.ax_) == ["λ = 0.01", "λ = 0.1", "λ = 1", "λ = 10", "without noise"]
    [items] = display.ax_.collections
    np.testing.assert_array_equal(items.get_offsets(), np.transpose([X, X + 1]))
    [truth] = set(display.ax_.lines) - set(display.lines_)
    np.testing.assert_array_equal(truth.get_ydata(), X**2)
    assert len(FitDisplay(X, FITS, L2).plot().ax_.collections) == 0


def test_a_fit_that_swings_is_cut_off():
    fits = np.stack([1e6 * X**3, X])
    ax = FitDisplay(X, fits, [0, 1], data=(X, X)).plot().ax_
    assert ax.get_ylim() == pytest.approx((-2.2, 2.2))
    low, high = FitDisplay(X, fits, [0, 1]).plot().ax_.get_ylim()
    assert low < -1e6
    assert high > 1e6


def test_boundaries_of_two_classes():
    x, y = np.linspace(0, 1, 11), np.linspace(0, 2, 5)
    chances = np.stack([np.tile(x, (5, 1)), np.tile(0.2 * x, (5, 1))])
    items = RNG.uniform(size=(6, 2))
    display = BoundaryDisplay(x, y, chances, [0.1, 10], data=(items, [0, 1, 0, 1, 1, 1])).plot()
    assert [panel.get_title() for panel in display.axes_] == ["λ = 0.1", "λ = 10"]
    counts = [len(panel.collections) for panel in display.axes_]
    assert counts == [4, 3]  # shades, boundary where there is one, and the items of two classes
    boundary = display.axes_[0].collections[1]
    [path] = boundary.get_paths()
    np.testing.assert_allclose(path.vertices[:, 0], 0.5)
    drawn = [np.asarray(one.get_offsets()) for one in display.axes_[0].collections[2:]]
    np.testing.assert_array_equal(drawn[0], items[[0, 2]])
    np.testing.assert_array_equal(drawn[1], items[[1, 3, 4, 5]])


def test_boundaries_of_many_classes():
    x = np.linspace(-1, 1, 21)
    votes = np.stack([np.tile(vote, (21, 1)) for vote in (-x, np.full(21, 0.5), x)], axis=-1)
    chances = np.exp(votes) / np.exp(votes).sum(axis=-1, keepdims=True)
    names = ["small"]
    display = BoundaryDisplay(x, x, chances[None], [1], names=names).plot(cmap="Blues")
    assert display.axes_[0].get_title() == "small"
    drawn = display.axes_[0].collections
    assert {one.get_cmap().name for one in drawn if len(one.get_array()) > 1} == {"Blues"}
    found = [one for one in drawn if len(one.get_array()) == 1]
    where = [np.unique(np.round(one.get_paths()[0].vertices[:, 0], 3)) for one in found]
    assert [list(one) for one in where] == [[-0.5], [-0.5, 0.5], [0.5]]


def test_path_of_norms():
    display = PathDisplay(L2, VALUES, names=["a", "b", "c"], ylabel="norm").plot()
    drawn = [line.get_ydata() for line in display.lines_]
    np.testing.assert_array_equal(np.transpose(drawn), VALUES)
    assert legend(display.ax_) == ["a", "b", "c"]
    assert display.ax_.get_ylabel() == "norm"
    assert len({line.get_linestyle() for line in display.lines_}) == 3


def test_path_of_weights_by_layer():
    display = PathDisplay(L2, np.c_[VALUES, VALUES], groups=[0, 0, 0, 0, 1, 1]).plot(alpha=0.5)
    assert len(display.lines_) == 6
    assert legend(display.ax_) == ["W₁", "W₂"]
    colors = [line.get_color() for line in display.lines_]
    assert len(set(colors[:4])) == len(set(colors[4:])) == 1
    assert abs(grey(colors[0]) - grey(colors[-1])) > 0.2
    heights = [line.get_zorder() for line in display.lines_]
    assert heights[0] == heights[4] < heights[1] < heights[2] < heights[3] == heights[5]
    assert display.lines_[0].get_alpha() == 0.5
    assert PathDisplay(L2, L2).plot().ax_.get_legend() is None


def test_histograms():
    weights = RNG.normal(size=(4, 300)) / np.array([[1], [2], [4], [8]])
    display = WeightsDisplay(weights, L2, bins=20).plot()
    for stairs, mine in zip(display.stairs_, weights, strict=True):
        counts, edges = np.histogram(mine, 20, (weights.min(), weights.max()))
        heights = stairs.get_data().values - stairs.get_data().baseline
        highest = np.log1p(display.counts_.max())
        np.testing.assert_allclose(
            heights / heights.max(), np.log1p(counts) / np.log1p(counts.max())
        )
        assert heights.max() == pytest.approx(1.3 * np.log1p(counts.max()) / highest)
        np.testing.assert_allclose(stairs.get_data().edges, edges)
    names = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert names == ["λ = 0.01", "λ = 0.1", "λ = 1", "λ = 10"]


def test_saturation():
    shares = np.abs(VALUES[:, :2]) / 3
    display = SaturationDisplay(L2, shares).plot()
    drawn = np.transpose([line.get_ydata() for line in display.lines_])
    np.testing.assert_allclose(drawn, 100 * shares)
    assert legend(display.ax_) == ["layer 1", "layer 2"]
    low, high = display.ax_.get_ylim()
    assert low < 0 < 100 * shares.max() < high


def test_scores_of_folds_and_choices():
    folds = RNG.uniform(size=(4, 5))
    folds[1, 2] = np.nan
    choices = {"min": 0.1, "1se": 1.0}
    display = ScoreDisplay(L2, [1, 0.9, 0.8, 0.5], folds, choices=choices, measure="R²").plot()
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), [1, 0.9, 0.8, 0.5])
    np.testing.assert_allclose(display.lines_[1].get_ydata(), np.nanmean(folds, axis=1))
    [band] = display.ax_.collections
    count = np.isfinite(folds).sum(axis=1)
    error = np.nanstd(folds, axis=1, ddof=1) / np.sqrt(count)
    corners = band.get_paths()[0].vertices
    top = [corners[corners[:, 0] == place, 1].max() for place in L2]
    low = [corners[corners[:, 0] == place, 1].min() for place in L2]
    np.testing.assert_allclose(top, np.nanmean(folds, axis=1) + error)
    np.testing.assert_allclose(low, np.nanmean(folds, axis=1) - error)
    assert [mark.get_xdata()[0] for mark in display.marks_] == [0.1, 1]
    assert legend(display.ax_) == ["training set", "held out", "min: λ = 0.1", "1se: λ = 1"]
    assert display.ax_.get_ylabel() == "R²"


def test_scores_where_all_folds_failed():
    folds = np.full((4, 3), np.nan)
    folds[2:] = [[0.5, 0.6, 0.7], [0.5, np.nan, np.nan]]
    display = ScoreDisplay(L2, test=folds).plot()
    np.testing.assert_allclose(display.lines_[0].get_ydata(), [np.nan, np.nan, 0.6, 0.5])


def test_scores_at_lambda_0():
    folds = RNG.uniform(size=(4, 5))
    display = ScoreDisplay(FROM_ZERO, None, folds, choices={"min": 0}).plot()
    assert display.marks_[0].get_xdata()[0] == display.lines_[0].get_xdata()[0] > 0
    assert len(display.ax_.collections) == 2  # the band, and its part at 0


def test_bias_and_variance():
    bias, variance = np.array([0.1, 0.2, 0.3, 0.5]), np.array([0.9, 0.4, 0.2, 0.1])
    display = BiasVarianceDisplay(L2, bias, variance, test_error=bias + variance + 1).plot()
    drawn = [line.get_ydata() for line in display.lines_]
    total = bias + variance
    np.testing.assert_allclose(drawn, [total, bias, variance, total + 1])
    assert legend(display.ax_) == ["sum", "bias²", "variance", "test error"]
    found = BiasVariance(L2, bias, variance, np.empty((4, 1, 1, 1)))
    drawn = [line.get_ydata() for line in BiasVarianceDisplay.from_results(found).plot().lines_]
    np.testing.assert_allclose(drawn, [total, bias, variance])


def trained(optimizer, l2=0.1, validation=None):
    network = Network((1, 3, 1), seed=0)
    trainer = Backprop(network, optimizer, l2=l2, seed=0)
    return trainer.train(X[:, None], X**2, epochs=5, validation=validation)


def test_curves_of_one_training():
    history = trained("adam", validation=(X[:, None], X))
    display = CurvesDisplay.from_results(history).plot()
    expected = [history.error, history.data_error, history.penalty, history.validation_error]
    for line, values in zip(display.lines_, expected, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.transpose([np.arange(1, 6), values]))
    assert legend(display.ax_) == ["E", "E₀", "R", "E₀, validation"]
    assert display.ax_.get_yscale() == "log"


def test_curves_of_several_trainings():
    histories = {name: trained(name) for name in ("sgd", "adam")}
    display = CurvesDisplay.from_results(histories).plot()
    assert len(display.lines_) == 6
    assert legend(display.ax_) == ["sgd", "adam", "E", "E₀", "R"]
    colors = [line.get_color() for line in display.lines_]
    assert len({to_rgb(color) for color in colors[:3]}) == 1
    assert to_rgb(colors[0]) != to_rgb(colors[3])


def test_curves_of_a_path():
    path = l2_path(Network((1, 3, 1), seed=0), X[:, None], X**2, L2, epochs=5, seed=0)
    display = CurvesDisplay.from_results(path, at=[0, -1]).plot()
    for row, lines in ((0, display.lines_[:3]), (-1, display.lines_[3:])):
        drawn = [line.get_ydata() for line in lines]
        np.testing.assert_array_equal(drawn, [path.curves[row].sum(axis=1), *path.curves[row].T])
    assert [ax.get_title() for ax in display.axes_] == ["λ = 0.01", "λ = 10"]
    assert legend(display.axes_[-1]) == ["E", "E₀", "R"]
    assert display.lines_[0].axes is display.ax_
    assert display.lines_[3].axes is display.axes_[1]
    assert len({ax.get_ylim() for ax in display.axes_}) == 1
    together = display.plot(plt.figure().subplots())
    assert legend(together.ax_) == ["λ = 0.01", "λ = 10", "E", "E₀", "R"]


def test_curves_leave_out_what_has_no_place_on_the_axis():
    display = CurvesDisplay.from_results(trained("sgd", l2=0)).plot()
    assert legend(display.ax_) == ["E", "E₀"]
    curves = {"a": {"error": [1, np.nan]}, "b": {"error": []}}
    assert legend(CurvesDisplay(curves).plot().ax_) == ["a", "E"]


def test_decays():
    scores = SCORES.copy()
    scores[0, 1, 2], scores[1, 0, 3] = 2, 3
    scores[0, 2, 4] = np.nan
    display = DecayDisplay(ETA, RATE, scores, measure="R²").plot()
    for mesh, mine in zip(display.meshes_, scores, strict=True):
        np.testing.assert_array_equal(mesh.get_array().filled(np.nan), mine)
    assert len({mesh.get_clim() for mesh in display.meshes_}) == 1
    titles = [panel.get_title() for panel in display.axes_]
    assert titles == ["l2, best 2.000", "decoupled, best 3.000"]
    stars = [panel.lines[0].get_xydata().tolist() for panel in display.axes_]
    assert stars == [[[2.5, 1.5]], [[3.5, 0.5]]]
    ticks = [tick.get_text() for tick in display.axes_[1].get_xticklabels()]
    assert ticks == ["0", "$10^{-2}$", "$10^{-1}$", "$10^{0}$", "$10^{1}$"]
    assert display.figure_.axes[-1].get_ylabel() == "R²"


def test_decays_that_all_diverged():
    display = DecayDisplay(ETA, RATE, np.full((2, 3, 5), np.nan)).plot()
    display.figure_.draw_without_rendering()
    assert display.axes_[0].get_title() == "l2, all diverged"


def test_decays_of_a_grid():
    network = Network((1, 3, 1))
    grid = decay_grid(X[:, None], X, network, eta=[0.001, 0.01], rate=[0, 1], epochs=2)
    display = DecayDisplay.from_results(grid).plot()
    np.testing.assert_array_equal(display.scores, grid.test_score)
    assert display.figure_.axes[-1].get_ylabel() == "R²"


def test_evidence_above_scores():
    display = EvidenceDisplay(
        FROM_ZERO, [-np.inf, 3, 5, 1], [9, 5, 4, 1], test=L2, folds=VALUES, measure="R²"
    ).plot()
    above, below = display.axes_
    drawn = [line.get_ydata() for line in display.lines_]
    np.testing.assert_array_equal(drawn[0][2:], [3, 5, 1])  # without λ = 0
    np.testing.assert_array_equal(drawn[1][2:], [5, 4, 1])
    np.testing.assert_allclose(drawn[3][2:], VALUES.mean(axis=1)[1:])
    assert legend(above) == ["log evidence", "γ", "greatest evidence: λ = 1"]
    assert legend(below) == ["test", "cross-validation"]
    assert (above.get_ylabel(), below.get_ylabel()) == ("log evidence", "R²")
    assert display.right_.get_ylim()[0] == 0
    alone = EvidenceDisplay(L2, L2).plot()
    assert (len(alone.axes_), alone.right_) == (1, None)


def test_evidence_of_a_path(path):
    with pytest.raises(ValueError, match="evidence=True"):
        EvidenceDisplay.from_results(path)


def test_bands_data_and_gaps():
    at = np.r_[np.linspace(-1, -0.5, 9), np.linspace(0.5, 1, 9)]
    display = UncertaintyDisplay(
        X, 2 * X, np.full(30, 0.5), noise_variance=0.09, data=(at, 2 * at)
    ).plot()
    assert display.gaps_ == [(-0.5, 0.5)]
    new, function = (band.get_paths()[0].get_extents() for band in display.bands_)
    assert new.y1 == pytest.approx(2 + 1.96 * 0.5)
    assert function.y1 == pytest.approx(2 + 1.96 * 0.4)
    assert legend(display.ax_) == [
        *("mean", "95 % of new targets", "95 % of the function", "data", "no data"),
    ]
    assert UncertaintyDisplay(X, X, X**2).gaps_ == []


@pytest.mark.parametrize("kind", ["estimator", "Laplace", "scikit-learn's"])
def test_error_bars_of_what_predicts_them(kind):
    made = {
        "estimator": lambda: BayesianMLPRegressor(3, alphas=[0.1], random_state=0).fit(
            X[:, None], X**2
        ),
        "Laplace": lambda: Laplace(Network((1, 3, 1), seed=0), X[:, None], X**2, 0.1),
        "scikit-learn's": lambda: BayesianRidge().fit(X[:, None], X**2),
    }[kind]()
    display = UncertaintyDisplay.from_estimator(made, X[:, None], X**2, truth=np.square)
    mean, std = made.predict(display.x[:, None], return_std=True)
    np.testing.assert_array_equal(display.mean, np.ravel(mean))
    np.testing.assert_array_equal(display.std, np.ravel(std))
    np.testing.assert_array_equal(display.truth, display.x**2)
    assert (display.noise_variance is None) == (kind == "scikit-learn's")
    assert [gap[0] < -1 or gap[1] > 1 for gap in display.gaps_] == [True, True]
    display.plot()
    with pytest.raises(ValueError, match="needs one feature, got 2"):
        UncertaintyDisplay.from_estimator(made, np.c_[X, X], X)


# The rates of a training.


def test_rates_are_those_of_the_history():
    network = Network((2, 3, 1), seed=0)
    options = {"l2": [0.1, 0.2], "schedule": "one_cycle", "l2_schedule": "step"}
    history = Backprop(network, **options, batch_size=4).train(RNG.normal(size=(9, 2)), X[:9], 12)
    plain = Backprop(Network((2, 3, 1), seed=0)).train(RNG.normal(size=(9, 2)), X[:9], 5)
    display = RatesDisplay.from_results({"rising": history, "plain": plain}).plot()
    assert [ax.get_ylabel() for ax in display.axes_] == ["η", "λ"]
    assert [ax.get_yscale() for ax in display.axes_] == ["log"] * 2
    eta, constant, *l2 = [line.get_ydata() for line in display.lines_]
    np.testing.assert_array_equal(eta, history.eta)
    np.testing.assert_array_equal(constant, plain.eta)
    np.testing.assert_array_equal(np.transpose(l2), history.l2)  # plain has no λ above 0
    assert legend(display.axes_[0]) == ["rising", "plain"]
    alone = RatesDisplay.from_results(plain).plot()
    assert len(alone.axes_) == 1
    assert alone.axes_[0].get_legend() is None
    assert alone.axes_[0].get_xlabel() == "epoch"
    none = Backprop(network, "lbfgs").train([[1.0, 2.0]], [1.0])
    assert not RatesDisplay.from_results(none).plot().lines_
    with pytest.raises(ValueError, match="must be some of eta, l2, got 'rate'"):
        RatesDisplay({"a": {"rate": [1]}})
