"""One cycle against a constant rate
=================================

How far the same number of epochs goes with a learning rate that rises and falls.

A network reads digits for thirty epochs by momentum. With a constant learning rate one has to
choose: a small one is slow, a large one stays restless to the end, or diverges. One cycle begins
with a small rate, rises to a large one that would not do for long, and falls to almost nothing, so
that the last epochs settle. Drawn are the learning rate at the end of each epoch, and E₀ on digits
that were held out.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pyl2 import Backprop, Network
from pyl2.plots import RatesDisplay, style

EPOCHS = 30
KINDS = {
    "constant, 0.02": {"eta": 0.02},
    "constant, 0.3": {"eta": 0.3},
    "one cycle to 0.3": {"eta": 0.3, "schedule": "one_cycle"},
}


def train(options):
    """Return the history of a training."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0, stratify=y)
    network = Network((64, 40, 10), output="softmax", seed=0)
    trainer = Backprop(network, "momentum", l2=1.0, n="train", seed=0, **options)
    return trainer.train(X, y, EPOCHS, validation=(X_test, y_test))


def figure():
    """Return the rates above the errors that they led to."""
    histories = {name: train(options) for name, options in KINDS.items()}
    ends = {name: history.validation_error[-1] for name, history in histories.items()}
    assert ends["one cycle to 0.3"] == min(ends.values())
    fig, (above, below) = plt.subplots(
        2, 1, figsize=(7.5, 5.6), sharex=True, layout="constrained", height_ratios=(1, 2)
    )
    etas = {name: {"eta": history.eta} for name, history in histories.items()}
    RatesDisplay(etas).plot(ax=above)
    for look, history in zip(style.shades(len(KINDS)), histories.values(), strict=True):
        below.plot(range(1, EPOCHS + 1), history.validation_error, linewidth=1.8, **look)
    above.set_xlabel("")
    below.set(xlabel="epoch", ylabel="E₀, held out", yscale="log")
    style.decimals(below.yaxis)
    return fig


figure()
# Alt: Above, learning rates by epoch: two constant ones, 0.02 and 0.3, and one cycle that rises
# to 0.3 and falls to almost 0. Below, E₀ on held-out digits on a logarithmic axis: the small
# constant rate falls smoothly to 0.11, the large one stays restless between 0.1 and 0.3, and one
# cycle ends lowest, at 0.07.
# Caption: Learning rates, and the errors they lead to.
plt.show()
