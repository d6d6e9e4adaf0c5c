"""Ways to descend, and what λ does to new rows
============================================

Ways to train: the loss of six stochastic strategies, epoch by epoch, and what λ does to it.

Above: the loss (with its penalty) on four data sets as SGD with a constant and a falling learning
rate, with momentum and with Nesterov's, and Adam train the same network from the same weights.
Momentum gets there several times sooner than plain SGD; a learning rate that falls too soon stops
on the way; Adam is quick without tuning. Which is best depends on the data and on the learning
rate, which is the same throughout for SGD and was not tuned.

Below: Adam for several λ (``alpha``), trained on half of the items. The cross-entropy, free of its
penalty, on these (dotted) and on the other half (solid): with λ = 0 what was trained on is learned
by heart, which makes the network overconfident and its errors on new rows costly; a large λ keeps
it from learning much. The best λ for new rows lies between.
"""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_iris, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from pyl2 import MLPClassifier

SGD = {"solver": "sgd", "learning_rate_init": 0.2}
PLAIN = SGD | {"momentum": 0.0}
MOMENTUM = SGD | {"momentum": 0.9, "nesterovs_momentum": False}
NESTEROV = SGD | {"momentum": 0.9, "nesterovs_momentum": True}
FALLING = {"learning_rate": "invscaling"}
# Name, parameters, and a style that is legible in grey.
STRATEGIES = (
    ("SGD", PLAIN, {"color": "0.55", "linestyle": "-"}),
    ("SGD, falling rate", PLAIN | FALLING, {"color": "0.55", "linestyle": "--"}),
    ("momentum", MOMENTUM, {"color": "lightskyblue", "linewidth": 5}),
    ("momentum, falling rate", MOMENTUM | FALLING, {"color": "tab:blue", "linestyle": "--"}),
    ("Nesterov", NESTEROV, {"color": "darkred", "linestyle": "-."}),
    ("Adam", {"solver": "adam", "learning_rate_init": 0.01}, {"color": "black", "linewidth": 2}),
)
LAMBDAS = (0, 0.001, 0.01, 0.1, 1)
EPOCHS = {"iris": 400, "digits": 15, "ring": 400, "moons": 400}


def data():
    """Return the data sets by name, each feature between 0 and 1."""
    sets = {
        "iris": load_iris(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "ring": make_circles(n_samples=200, noise=0.2, factor=0.5, random_state=1),
        "moons": make_moons(n_samples=200, noise=0.3, random_state=0),
    }
    return {name: (MinMaxScaler().fit_transform(X), y) for name, (X, y) in sets.items()}


def train(X, y, epochs, **parameters):
    """Return a classifier, trained for these epochs unless its loss stands still before."""
    model = MLPClassifier(random_state=0, max_iter=epochs, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def draw_losses(axes, name, X, y):
    """Draw the loss of each strategy."""
    for label, parameters, style in STRATEGIES:
        curve = train(X, y, EPOCHS[name], **parameters).loss_curve_
        axes.plot(np.arange(1, len(curve) + 1), curve, label=label, **style)
    axes.set(title=name, xlabel="epoch")


def draw_lambdas(axes, name, X, y):
    """Draw the cross-entropy of the training and of held-out items against λ."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
    losses = []
    for alpha in LAMBDAS:
        model = train(
            X_train, y_train, 4 * EPOCHS[name], alpha=alpha, learning_rate_init=0.02, tol=0
        )
        losses.append(
            [
                log_loss(y_train, model.predict_proba(X_train)),
                log_loss(y_test, model.predict_proba(X_test)),
            ]
        )
    trained, unseen = np.transpose(losses)
    places = np.arange(len(LAMBDAS))
    axes.plot(places, trained, "s:", color="0.5", markerfacecolor="white", label="training set")
    axes.plot(places, unseen, "o-", color="black", label="held out")
    axes.set_xticks(places, [f"{alpha:g}" for alpha in LAMBDAS])
    axes.set(xlabel="λ", ylim=(0, 1.1 * unseen.max()))


def figure():
    """Return a column of two panels for each data set."""
    sets = data()
    fig, (above, below) = plt.subplots(2, len(sets), figsize=(12, 6.4), layout="constrained")
    for upper, lower, (name, (X, y)) in zip(above, below, sets.items(), strict=True):
        draw_losses(upper, name, X, y)
        draw_lambdas(lower, name, X, y)
    for axes in (*above, *below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="0.92")
    above[0].set_ylabel("loss")
    below[0].set_ylabel("cross-entropy")
    below[0].legend(frameon=False)
    fig.legend(*above[0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return fig


figure()
# Alt: Above, loss against epoch on four data sets: momentum, Nesterov and Adam fall fastest,
# plain SGD slower, and SGD with a falling rate stops early. Below, cross-entropy against λ: on
# the training set it rises with λ; on held-out rows it is least at λ = 0.01 on iris and at 0.1
# on digits, and hardly changes below 0.1 on ring and moons.
# Caption: Six ways to descend, and what λ does to new rows.
plt.show()
