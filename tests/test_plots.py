"""Figures: what they show, and where they are drawn."""

import sys

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from pyl2.plots import ErrorDisplay  # noqa: E402

CURVES = {
    "adam": [([0, 1, 2], [0.9, 0.5, 0.1]), ([0, 1], [0.8, 0.4])],
    "pso": [([0, 2.5], [0.9, 0.7])],
}


def test_errors_along_trainings():
    display = ErrorDisplay(CURVES, xlabel="evaluations").plot()
    assert display.ax_.get_xlabel() == "evaluations"
    assert display.figure_ is display.ax_.figure
    np.testing.assert_array_equal(display.lines_[0].get_xydata(), [[1, 0.5], [2, 0.1]])
    np.testing.assert_array_equal(display.lines_[2].get_xydata(), [[2.5, 0.7]])
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["adam", "pso"]
    styles = [(line.get_color(), line.get_linestyle()) for line in display.lines_]
    assert styles[0] == styles[1] != styles[2]
    matplotlib.pyplot.close(display.figure_)


def test_axes_that_are_given():
    figure = matplotlib.figure.Figure()
    ax = figure.subplots()
    display = ErrorDisplay(CURVES).plot(ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert ax.get_xlabel() == "seconds"


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'pyl2\[plot\]'"):
        ErrorDisplay(CURVES).plot()
