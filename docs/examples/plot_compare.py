"""Six ways to train one network on one error: who is where when, and whose network knows more.

All minimise E = E₀ + (λ/2N) Σ w² for a 10-16-1 network that predicts the progress of diabetes, from
the same five starts.  Left: E against evaluations; one is a forward pass over all rows, a gradient
counts as three, so that with and without gradients are measured alike.  L-BFGS gets to the floor
first; plain gradient descent, momentum and Adam, which take a step for every batch of 32 rows, are
ahead of it at the beginning; a swarm of 50 particles needs a hundred times as many evaluations for
the same E.  What half the budget has let the swarm find, L-BFGS then takes to the floor, no lower
than it gets alone: this error has many valleys, but all equally good.

Right: the share of the variance explained for the rows that were trained on and for others, with
the penalty and without.  Without it everyone who minimises E well has learned the noise.  The swarm
alone has not, because it is far from the minimum: a method is not better for doing its work badly,
and with λ the others are as good on new rows and say why.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from _figure import main
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from pyl2 import Network, compare
from pyl2.plots import ErrorDisplay

L2 = 5
BUDGET = 10_000  # evaluations
STARTS = 5


def data():
    """Return rows to train and rows to test, standardised by the former."""
    X, y = load_diabetes(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    inputs, target = StandardScaler().fit(X), StandardScaler().fit(y[:, None])
    return (
        (inputs.transform(X), target.transform(y[:, None])),
        (inputs.transform(X_test), target.transform(y_test[:, None])),
    )


def draw_scores(axes, free, penalized):
    """Draw the scores of each method: trained on hollow, new rows full; without λ grey."""
    rows = list(zip(free.summary(), penalized.summary(), strict=True))
    for place, pair in enumerate(rows):
        for shift, color, row in zip((0.15, -0.15), ("0.6", "black"), pair, strict=True):
            shown = {"color": color, "capsize": 2, "zorder": 2}
            for part, fill in (("train", "white"), ("test", color)):
                score, spread = row[f"{part}_score"], row[f"{part}_score_std"]
                y = place + shift
                axes.errorbar(score, y, xerr=spread, fmt="o", markerfacecolor=fill, **shown)
    for color, label in (("0.6", "λ = 0"), ("black", f"λ = {L2}")):
        axes.plot([], [], "o", color=color, label=label + ", new rows")
        axes.plot([], [], "o", color=color, markerfacecolor="white", label=label + ", trained on")
    axes.set_yticks(np.arange(len(rows)), [row["method"] for row, _ in rows])
    axes.axvline(0, color="0.8", linewidth=1, zorder=1)
    axes.set(xlabel="R²", xlim=(-1.3, 1.05), title="what the networks know")
    axes.legend(frameon=False, loc="upper left", fontsize="small")
    axes.set_ylim(-0.6, len(rows) + 1.2)


def figure():
    """Return E along the way, and the scores at its end."""
    training, testing = data()
    free, penalized = (
        compare(
            *training, Network((10, 16, 1)), l2, evaluations=BUDGET, seeds=STARTS, test=testing
        )
        for l2 in (0, L2)
    )
    print(penalized)
    fig, (along, end) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    ErrorDisplay(penalized.curves("evaluations"), xlabel="evaluations").plot(along)
    along.set_title(f"E of each start, λ = {L2}")
    draw_scores(end, free, penalized)
    for axes in (along, end):
        axes.spines[["top", "right"]].set_visible(False)
    return fig


if __name__ == "__main__":
    main(__doc__, figure)
