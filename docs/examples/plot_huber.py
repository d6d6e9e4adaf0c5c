"""Huber's loss: outliers that do not pull
==========================================

A few wrong targets bend a fit by squared error, and hardly one by Huber's loss.

One target in twelve has been written down wrongly, far too high.  Squared error lets each pull as
hard as it is far away.  Huber's loss is the same up to an error of δ and grows linearly beyond, so
that no target pulls harder than δ; the absolute error goes as far as to let all pull alike.

Above the picture: the distance of each fit from the curve without noise, root mean square.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from pyl2 import Backprop, Network

LOSSES = {"squared error": "squared_error", "Huber, δ = 0.2": ("huber", 0.2)}
SHOWN = np.linspace(-1, 1, 300)[:, None]


def truth(x):
    """Return what is to be learned."""
    return np.sin(np.pi * x)


def data():
    """Return points with noise, some of them wrong, and which are."""
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(-1, 1, 120))
    wrong = rng.permutation(120) < 10
    return x, truth(x) + 0.1 * rng.normal(size=120) + np.where(wrong, 3.0, 0.0), wrong


def fit(x, y, loss):
    """Return what a network trained by a loss predicts."""
    network = Network((1, 20, 1), seed=0, loss=loss)
    trainer = Backprop(network, "lbfgs", l2=0.02, n="train")
    trainer.train(2 * x[:, None], y, epochs=1000)
    return network.predict(2 * SHOWN)


def figure():
    """Return the points and both fits."""
    x, y, wrong = data()
    fits = {name: fit(x, y, loss) for name, loss in LOSSES.items()}
    off = {name: np.sqrt(np.mean((f - truth(SHOWN)) ** 2)) for name, f in fits.items()}
    assert off["Huber, δ = 0.2"] < 0.5 * off["squared error"]
    fig, panel = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    panel.plot(x[~wrong], y[~wrong], ".", color="0.6", markersize=5)
    panel.plot(x[wrong], y[wrong], "x", color="tab:red", label="wrong targets")
    panel.plot(SHOWN, truth(SHOWN), color="black", linewidth=1, label="truth")
    for name, predicted in fits.items():
        panel.plot(SHOWN, predicted, label=name)
    panel.set_title("; ".join(f"{name}: off by {d:.2g}" for name, d in off.items()), fontsize=10)
    panel.legend(frameon=False)
    panel.set(xlabel="x", ylabel="y")
    return fig


figure()
# Alt: Points of a sine, ten of which lie about 3 too high. The fit by squared error is pulled up
# towards them and is 0.46 off the truth, root mean square; that by Huber's loss lies on the truth
# and is 0.031 off.
# Caption: Crosses are wrong targets; both networks are alike but for their loss.
plt.show()
