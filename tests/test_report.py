"""The HTML report: what stands where, what pictures say in words, colours on dark paper."""

import re
from html import unescape

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pyl2.__main__ import main
from pyl2.cli import shows, svg
from pyl2.plots import (
    BoundaryDisplay,
    CurvesDisplay,
    ErrorDisplay,
    EvidenceDisplay,
    FitDisplay,
    PathDisplay,
    RatesDisplay,
    SaturationDisplay,
    ScoreDisplay,
    WeightsDisplay,
)

L2 = [0, 1, 100]


def test_the_answer_first_and_how_it_came_about_last(tmp_path):
    path = tmp_path / "page.html"
    argv = ["path", "--hidden", "4", "--epochs", "3", "--l2", "0,1,10", "--quiet"]
    assert main([*argv, "--report", str(path)]) == 0
    page = path.read_text("utf-8")
    order = [
        "<h1>",
        'class="answer"',
        "<table>",
        "<caption>",
        "<img",
        "<figcaption>",
        "What was run",
    ]
    places = [page.index(word) for word in order]
    assert places == sorted(places)
    assert 'scope="col"' in page
    assert "<code>--cv</code> 5" in page
    assert page.count('scope="row"') > 3
    texts = [unescape(text) for text in re.findall(r'alt="([^"]*)"', page)]
    assert len(texts) == page.count("<img")
    assert all(re.search(r"\d%? at λ = 0 to .*\d%? at λ = 10", text) for text in texts)


CURVES = {"adam": [([1, 2], [0.5, 0.25]), ([1, 3], [0.5, 0.125])], "pso": [([1, 2], [0.9, 0.7])]}
CHANCES = [[[0.1, 0.9], [0.1, 0.9]], [[0.1, 0.2], [0.1, 0.2]], [[0.9, 0.9], [0.9, 0.9]]]


@pytest.mark.parametrize(
    ("told", "display", "text"),
    [
        (
            shows.scores,
            ScoreDisplay(L2, None, [0.5, 0.75, 0.1], choices={"best": 1.0}, measure="R²"),
            "R² against λ. held out: from 0.5 at λ = 0 to 0.1 at λ = 100, highest 0.75 at λ = 1."
            " Marked: best at λ = 1.",
        ),
        (
            shows.path,
            PathDisplay(L2, [[-4, 2, 1], [2, 1, 1], [0, 0.5, 0]]),
            "Absolute values of 3 weights against λ. The largest: from 4 at λ = 0 to 0.5 at λ ="
            " 100. The median: from 2 at λ = 0 to 0 at λ = 100.",
        ),
        (
            shows.evidence,
            EvidenceDisplay(L2, [-np.inf, 3, 2], [9, 5, 4]),
            "Log evidence against λ. It: from 3 at λ = 1 to 2 at λ = 100. γ: from 9 at λ = 0 to 4"
            " at λ = 100.",
        ),
        (
            shows.saturation,
            SaturationDisplay(L2, [0.5, 0.25, 0]),
            "Share of saturated hidden units against λ. Layer 1: from 50% at λ = 0 to 0% at λ ="
            " 100.",
        ),
        (
            shows.fits,
            FitDisplay([0, 1], [[-1, 2], [0, 1], [0.5, 0.5]], L2),
            "The fit at each λ. λ = 0: from -1 to 2. λ = 1: from 0 to 1. λ = 100: from 0.5 to 0.5.",
        ),
        (
            shows.boundaries,
            BoundaryDisplay([0, 1], [0, 1], CHANCES, L2),
            "The plane at each λ. λ = 0: 50% class 0, 50% class 1. λ = 1: 100% class 0, 0% class"
            " 1. λ = 100: 0% class 0, 100% class 1.",
        ),
        (
            shows.errors,
            ErrorDisplay(CURVES),
            "E against seconds. adam: E 0.125 to 0.25 after 2 to 3. pso: E 0.7 after 2.",
        ),
        (
            shows.courses,
            CurvesDisplay({"λ = 5": {"data_error": [3, 1, 2], "validation_error": []}}),
            "Errors by epoch. λ = 5: E₀ from 3 to 2, lowest 1 in epoch 2.",
        ),
        (
            shows.rates,
            RatesDisplay({"λ = 5": {"eta": [0.1, 0.3, 0.01], "l2": [[1, 2], [0, 0]]}}),
            "Rates by epoch. λ = 5: η from 0.1 to 0.01, highest 0.3. λ = 5: λ from 2 to 0, highest"
            " 2.",
        ),
        (
            shows.weights,
            WeightsDisplay([[-2, 1, 3], [-0.2, 0.1, 0.3]], [0.1, 10]),
            "Weights at each λ. λ = 0.1: 3 from -2 to 3, half of them within ±2. λ = 10: 3 from"
            " -0.2 to 0.3, half of them within ±0.2.",
        ),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_pictures_show_in_words(told, display, text):
    assert told(display) == text


def test_a_curve_that_is_nowhere_known():
    display = ScoreDisplay(L2, [np.nan] * 3, measure="R²")
    assert shows.scores(display) == "R² against λ. training set: unknown."


@pytest.mark.parametrize("color", ["#000000", "#1f77b4", "#d55e00", "#8c8c8c", "#ffffff"])
def test_a_colour_stands_out_from_dark_paper_as_from_white(color):
    def luminance(one):
        parts = [int(one[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    def contrast(one, paper):
        low, high = sorted(luminance(c) + 0.05 for c in (one, paper))
        return high / low

    wanted = min(contrast(color, "#ffffff"), contrast(svg.INK, svg.PAPER))
    assert contrast(svg.dark(color), svg.PAPER) == pytest.approx(wanted, rel=0.02)


def test_a_heat_map_keeps_the_colours_of_its_bar():
    figure = Figure()
    axes = figure.subplots()
    mesh = axes.pcolormesh([[0.0, 0.5], [0.8, 1.0]], cmap="viridis")
    figure.colorbar(mesh, extend="both")  # whose ends are no part of a map
    style, _, drawn = svg.drawn(figure).partition("</style>")
    for share in (0.0, 0.5, 0.8, 1.0):
        color = to_hex(colormaps["viridis"](share))
        assert color in drawn
        assert color not in style


def test_every_colour_of_a_figure_has_a_dark_one():
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2], [3, 4], color="#123456")
    axes.fill_between([1, 2], [3, 4], color="#abcdef")
    drawn = svg.drawn(figure)
    for color in ("#123456", "#abcdef"):
        assert re.search(
            rf'\[style\*="(fill|stroke): {color}"\]{{\1:#[0-9a-f]{{6}}!important}}', drawn
        )
    assert "#ffffff" not in drawn.partition("</style>")[2]  # the page's paper is seen through it
