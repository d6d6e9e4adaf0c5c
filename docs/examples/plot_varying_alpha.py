"""Decision boundaries at several λ
================================

Varying λ on three made-up data sets: from a crooked boundary to a nearly straight one.

One network of two hidden layers is trained on two moons, on a ring around a disc and on two
classes that a line parts, each with noise, for five values of λ (``alpha``). Grey shows the
probability of the second class, the black line is the boundary, where it is one half. With a
small λ the boundary bends around single items, and the probabilities jump from 0 to 1; a larger λ
keeps the weights small (‖W‖ above each panel), and with them the boundary smooth and the
probabilities careful. Too large a λ leaves no weights to follow the data with. The accuracy above
each panel is that on items that were held out, the small symbols.
"""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_circles, make_classification, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyl2 import MLPClassifier

LAMBDAS = (0.01, 0.1, 0.5, 2, 10)
MARKERS = (("o", "white"), ("^", "black"))  # of the two classes: distinct without colour


def line():
    """Two overlapping classes that a straight line parts best."""
    X, y = make_classification(
        200, n_features=2, n_redundant=0, n_informative=2, n_clusters_per_class=1, random_state=0
    )
    return X + np.random.default_rng(2).uniform(0, 2, X.shape), y


DATA = {
    "moons": make_moons(200, noise=0.3, random_state=0),
    "ring": make_circles(200, noise=0.2, factor=0.5, random_state=1),
    "line": line(),
}


def train(X, y, alpha):
    """Return a classifier of scaled data; 2000 iterations may end before it has converged."""
    network = MLPClassifier((10, 10), solver="lbfgs", alpha=alpha, max_iter=2000, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(StandardScaler(), network).fit(X, y)


def draw(axes, model, train_set, test_set):
    """Draw probabilities, their boundary and the items."""
    X = np.vstack([train_set[0], test_set[0]])
    edges = zip(X.min(axis=0) - 0.5, X.max(axis=0) + 0.5, strict=True)
    x, y = np.meshgrid(*(np.linspace(low, high, 60) for low, high in edges))
    chance = model.predict_proba(np.column_stack([x.ravel(), y.ravel()]))[:, 1].reshape(x.shape)
    axes.contourf(x, y, chance, np.linspace(0, 1, 11), cmap="Greys", vmin=-0.3, vmax=1.6)
    axes.contour(x, y, chance, [0.5], colors="black", linewidths=1.5)
    for size, (X, labels) in ((18, train_set), (6, test_set)):
        for label, (marker, face) in enumerate(MARKERS):
            mine = X[labels == label]
            axes.scatter(*mine.T, size, face, marker=marker, edgecolor="black", linewidth=0.6)
    axes.set(xticks=(), yticks=())


def figure():
    """Return a row of panels for each data set, a column for each λ."""
    fig, rows = plt.subplots(
        len(DATA), len(LAMBDAS), figsize=(11, 6.6), layout="constrained", squeeze=False
    )
    for row, (name, (X, y)) in zip(rows, DATA.items(), strict=True):
        parts = train_test_split(X, y, test_size=0.4, random_state=42)
        X_train, X_test, y_train, y_test = parts
        for axes, alpha in zip(row, LAMBDAS, strict=True):
            model = train(X_train, y_train, alpha)
            draw(axes, model, (X_train, y_train), (X_test, y_test))
            norm = np.sqrt(sum((W**2).sum() for W in model[-1].coefs_))
            score = 100 * model.score(X_test, y_test)
            axes.set_title(f"‖W‖ = {norm:.1f}; {score:.0f} % right", fontsize=9)
        row[0].set_ylabel(name)
    for axes, alpha in zip(rows[-1], LAMBDAS, strict=True):
        axes.set_xlabel(f"λ = {alpha:g}")
    return fig


figure()
# Alt: A grid of decision boundaries: three data sets in rows, λ from 0.01 to 10 in columns. The
# boundaries are crooked at the left, smooth in the middle and nearly straight at the right, where
# the ring is not found at all. The best accuracy is 89 % on moons, 94 % on ring and 84 % on line,
# all at λ = 0.5 to 2.
# Caption: Grey is the probability of the second class; the line is where it is one half.
plt.show()
