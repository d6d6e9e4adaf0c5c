"""Quantile bands: how far targets spread, not only where they lie
===================================================================

Three networks trained by the quantile loss show where the noise is large.

The noise grows along x and is skewed.  A network trained by squared error predicts the mean and
says nothing of the spread.  By the loss ``("quantile", q)`` too small a prediction costs q and too
large a one 1 − q, and what minimises the expected loss is the q quantile.  So the networks for
q = 0.05 and 0.95 bound nine in ten of the targets, and that for 0.5 runs through the middle.

The share of 2,000 fresh points in the band stands above the picture.
"""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from pyl2 import MLPRegressor

SHARES = (0.05, 0.5, 0.95)


def data(rows, seed):
    """Return points whose noise grows and is skewed."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-2, 2, rows))
    return x, np.sin(2 * x) + (0.2 + 0.3 * (x + 2)) * (rng.gamma(2, 0.5, rows) - 0.8)


def fit(x, y, loss):
    """Return a network trained by a loss."""
    settings = {"alpha": 1e-3, "learning_rate_init": 0.01, "batch_size": 50, "max_iter": 400}
    model = MLPRegressor(loss, 30, "silu", **settings, n_iter_no_change=np.inf, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x[:, None], y)


def figure():
    """Return the points, the band and the mean."""
    x, y = data(1000, seed=0)
    models = [fit(x, y, ("quantile", q)) for q in SHARES]
    mean = fit(x, y, "squared_error")
    shown = np.linspace(-2, 2, 300)[:, None]
    low, middle, high = (model.predict(shown) for model in models)
    fig, panel = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    panel.plot(x, y, ".", color="0.6", markersize=3)
    panel.fill_between(shown[:, 0], low, high, alpha=0.25, label="5 % to 95 %")
    panel.plot(shown, middle, label="median")
    panel.plot(shown, mean.predict(shown), "--", color="black", label="squared error: mean")
    fresh, target = data(2000, seed=1)
    bounds = [models[place].predict(fresh[:, None]) for place in (0, 2)]
    inside = np.mean((target > bounds[0]) & (target < bounds[1]))
    assert 0.87 < inside < 0.93
    panel.set_title(f"{inside:.1%} of fresh points lie in the band of 90 %", fontsize=10)
    panel.legend(frameon=False)
    panel.set(xlabel="x", ylabel="y")
    return fig


figure()
# Alt: Points whose noise grows along x and is skewed upwards. The band between the 5 % and the 95
# % quantile widens from 0.3 at x = -2 to 3 at x = 1.5 and holds 88.4 % of fresh points. The mean
# lies above the median where the noise is large.
# Caption: Three networks trained by the quantile loss, and one by squared error.
plt.show()
