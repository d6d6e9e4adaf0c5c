"""
14. Dropout
===========

Dropout leaves out units at random while the network learns, others in each update. It is often
named in one breath with L2. They have something in common, which can be written down, and do
different things to a network, which can be measured.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pyl2 import Backprop, Network

# %%
# What they have in common
# ------------------------
#
# With ``input_dropout=p`` an update sees each input with probability 1 − p, times 1/(1 − p), and
# else 0. The mean of what a linear unit then says is what it says without dropout, but it has a
# variance: p/(1 − p) Σ w² x². The squared error has half of that on top, on average, so that
# dropout of the inputs minimises
#
#     E₀ + p/(1 − p) · ½ Σⱼ wⱼ² ⟨xⱼ²⟩
#
# That is L2 with a λ for each weight, in proportion to how large its input usually is. So dropout
# does not care in which unit an input is measured, and L2 does. Here are two inputs that matter
# equally; the second is written down in a unit ten times as large, so that its numbers are a tenth
# and its weight ought to be ten times the other.

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 2)) * [1.0, 0.1]
y = X @ [1.0, 10.0] + rng.normal(0, 0.1, 400)


def weights(**options):
    """Return the two weights of a linear unit, averaged over the updates to still the noise."""
    network = Network((2, 1), seed=0)
    options = {"batch_size": None, "eta": 0.02, "seed": 0, "average": 0.999} | options
    Backprop(network, "adam", **options).train(X, y, epochs=6000)
    return network.weights[0][:, 0]


P, L2 = 0.5, 400.0  # as much of the first weight is lost by either
with_dropout, with_l2 = weights(input_dropout=P), weights(l2=L2, n="train")
factor = P / (1 - P) * np.diag((X**2).mean(axis=0))
by_formula = np.linalg.solve(X.T @ X / 400 + factor, X.T @ (y - y.mean()) / 400)
print("                      first weight   second weight")
print(f"the truth           {1:14.2f} {10:15.2f}")
for name, (first, second) in {
    "dropout, trained": with_dropout,
    "dropout, by formula": by_formula,
    "L2": with_l2,
}.items():
    print(f"{name:19} {first:14.2f} {second:15.2f}")

np.testing.assert_allclose(with_dropout, by_formula, rtol=0.05)
assert abs(with_dropout[1] / with_dropout[0] - 10) < 1
assert with_l2[1] < with_l2[0]

# %%
# Both halve the first weight. Dropout halves the second as well, for its input is as informative;
# L2, which sees that it is large, takes nearly all of it. This is why inputs should be standardised
# for L2.
#
# What dropout does alone
# -----------------------
#
# In a hidden layer no unit can rely on the others, for each is missing half of the time. Here a
# network of 100 hidden units learns to read digits three times: without anything, with L2, with
# dropout. Afterwards we take away hidden units, at random, and see what is left.

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, train_size=300, random_state=0, stratify=y)
KINDS = {
    "neither": {},
    "L2": {"l2": 1.0, "n": "train"},
    "dropout": {"dropout": 0.5},
}
SHARES = np.linspace(0, 0.8, 9)


def accuracy(network, share=0.0, draws=20):
    """Return the mean accuracy on new digits where that share of the hidden units is missing."""
    kept = np.random.default_rng(1).random((draws, 100)) >= share
    hidden = network.activations(X_test)[0]
    W, b = network.weights[1], network.biases[1]
    right = [((hidden * k) @ W + b).argmax(axis=1) == y_test for k in kept / (1 - share)]
    return np.mean(right)


networks = {}
for name, options in KINDS.items():
    networks[name] = Network((64, 100, 10), "relu", output="softmax", seed=0)
    Backprop(networks[name], "adam", eta=0.003, seed=0, **options).train(X, y, epochs=200)

left = {name: [accuracy(one, share) for share in SHARES] for name, one in networks.items()}
size = {name: np.sqrt(sum((W**2).sum() for W in one.weights)) for name, one in networks.items()}
print("           all units   half of them   size of the weights")
for name, curve in left.items():
    print(f"{name:10} {curve[0]:9.3f} {np.interp(0.5, SHARES, curve):14.3f} {size[name]:21.1f}")

fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for (name, curve), line in zip(left.items(), ("-", "--", ":"), strict=True):
    ax.plot(100 * SHARES, curve, line, color="black", marker=".", label=name)
ax.set(xlabel="hidden units taken away, %", ylabel="accuracy on new digits")
ax.legend(frameon=False)
# Alt: Accuracy on new digits against the share of hidden units taken away, for networks trained
# with neither, with L2 and with dropout. All begin at 0.94. With half of the units gone it is
# 0.91 after dropout, 0.81 after neither and 0.78 after L2; with 80 % gone 0.79, 0.57 and 0.59.
# Caption: What is left of three networks when hidden units are taken away at random.
plt.show()

half = {name: np.interp(0.5, SHARES, curve) for name, curve in left.items()}
assert half["dropout"] > max(half["neither"], half["L2"]) + 0.01
assert size["L2"] < size["neither"] < size["dropout"]

# %%
# The network that had to do without some of its units still can. It knows the same in several
# places: an average over many thinned networks rather than one. L2 made the weights small; dropout
# made them larger than they would have been. So the two can be used together, and each wants its
# own number tuned. The gallery has a picture of both at once.
#
# Dropout makes training noisy, and takes longer to get as far: E₀ in the history is that of the
# thinned networks, and larger than ``network.error``, which takes all units as predictions and
# validation do. It has no E that would be minimised, so that lbfgs, lm and the swarm have none of
# it, and nor has rprop, which goes by signs.
