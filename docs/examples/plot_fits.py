"""Fits at several λ: too free, smooth, constant
=============================================

Fits of a few noisy points at several λ: overfitting, smooth, and in the end constant.

A network of 30 hidden units, with far more weights than there are points, fits a sine with noise
(white points; the grey band is the sine).  With hardly any penalty it goes through nearly every
point and does what it likes between them.  A larger λ keeps the weights small, and a network of
small weights cannot bend quickly: it is smooth, also where there are no points.  With a still
larger λ it cannot follow the sine any more, and in the end nothing is left but the bias of the
output, which is in no penalty: the mean of the points.

Above each panel: ‖W‖, the norm of all weights, and the distance from the sine, root mean square.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from pyl2 import Network, l2_path
from pyl2.plots import FitDisplay

LAMBDAS = (1e-5, 0.02, 1, 30)
POINTS = 16
NOISE = 0.3
SHOWN = np.linspace(-1.1, 1.1, 400)


def sine(x):
    """Return what is to be learned."""
    return np.sin(np.pi * x)


def data():
    """Return points of the sine with noise."""
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(-1, 1, POINTS))
    return x, sine(x) + NOISE * rng.normal(size=POINTS)


def figure():
    """Return a panel for each λ."""
    x, y = data()
    network = Network((1, 30, 1), seed=0)
    path = l2_path(network, 3 * x[:, None], y, LAMBDAS, optimizer="lbfgs", epochs=3000)
    fig, panels = plt.subplots(1, len(LAMBDAS), figsize=(11, 3), sharey=True, layout="constrained")
    for place, (panel, l2) in enumerate(zip(panels, LAMBDAS, strict=True)):
        fit = path.network(place).predict(3 * SHOWN[:, None])[:, 0]
        FitDisplay(SHOWN, [fit], [l2], data=(x, y), truth=sine(SHOWN)).plot(panel, color="black")
        norm = np.sqrt(sum((W**2).sum() for W in path.weights(place)))
        inside = np.abs(SHOWN) <= 1
        off = np.sqrt(np.mean((fit - sine(SHOWN))[inside] ** 2))
        panel.set_title(f"λ = {l2:g}\n‖W‖ = {norm:.3g}; off by {off:.2g}", fontsize=10)
        panel.label_outer()
    return fig


figure()
# Alt: Four panels with the same sixteen noisy points of a sine and a network fitted to them. At λ
# = 1e-05 the fit passes through nearly every point and swings far beyond them. At λ = 0.02 it is
# smooth and 0.16 off the sine; at λ = 1 it is flatter and 0.34 off; at λ = 30 it is constant.
# Caption: The same network at four λ. The grey band is the sine without noise.
plt.show()
