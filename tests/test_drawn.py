"""Results draw themselves, and become data frames."""

import numpy as np
import pytest

from pyl2 import Backprop, Network, bias_variance, compare, l2_path, plots
from pyl2.experiments import decay_grid

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = X[:, :1] * X[:, 1:]
NETWORK = Network((2, 3, 1), seed=0)


@pytest.fixture(scope="module")
def results():
    return {
        plots.CurvesDisplay: Backprop(Network((2, 3, 1)), seed=0).train(X, Y, epochs=3),
        plots.ScoreDisplay: l2_path(NETWORK, X, Y, [0.1, 1], test=0.5, epochs=3, seed=0),
        plots.BiasVarianceDisplay: bias_variance(
            NETWORK, (X, Y), X, Y, [0.1, 1], draws=2, epochs=3, seed=0
        ),
        plots.ErrorDisplay: compare(X, Y, NETWORK, methods="adam", evaluations=30, seeds=2),
        plots.DecayDisplay: decay_grid(X, Y, NETWORK, eta=[0.01, 0.1], rate=[0.1, 1], epochs=2),
    }


def test_plot_draws_on_the_display_of_a_result(results):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    for kind, result in results.items():
        display = result.plot()
        assert isinstance(display, kind)
        assert display.figure_ is not None
        pyplot.close("all")


def test_all_become_data_frames(results):
    pytest.importorskip("pandas")
    for result in results.values():
        assert len(result.to_frame()) > 1
    found = results[plots.BiasVarianceDisplay]
    np.testing.assert_array_equal(found.to_frame()["variance"], found.variance)
    grid = results[plots.DecayDisplay]
    frame = grid.to_frame()
    assert len(frame) == 2 * 2 * 2
    row = frame[(frame.decay == "decoupled") & (frame.eta == 0.1) & (frame.rate == 1)]
    assert row["test_error"].item() == grid.test_error[1, 1, 1]
