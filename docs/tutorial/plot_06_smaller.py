"""
6. Smaller and more evenly spread, but none is zero
===================================================

The square in ‖W‖² makes one large weight cost more than two of half its size. So L2 spreads a task
over all inputs that can do it; it chooses none of them, and sets no weight to zero.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import Lasso, lasso_path
from sklearn.preprocessing import StandardScaler

from pyl2 import Backprop, Network, l2_path
from pyl2.plots import PathDisplay, WeightsDisplay

# %%
# Twins
# -----
#
# Two inputs that say the same can share a weight w in any way: as w and 0, or w/2 and w/2, or 5 w
# and −4 w. E₀ does not care. The sum of squares is smallest for equal shares; the sum of absolute
# values, the L1 penalty of the lasso, is the same for all shares of one sign, and the lasso loads
# nearly all on the twin that it meets first. We give the body mass index of the diabetes data
# twice, and train a network without a hidden layer.

data = load_diabetes()
X = StandardScaler().fit_transform(data.data)
y = (data.target - data.target.mean()) / data.target.std()
bmi = data.feature_names.index("bmi")
twins = np.hstack([X, X[:, [bmi]]])


def linear(X, y, l2):
    """Return the weights of a network without a hidden layer, at the minimum of E."""
    network = Network((X.shape[1], 1), seed=0)
    Backprop(network, "lbfgs", l2=l2, n="train").train(X, y, epochs=5000)
    return network.weights[0][:, 0]


uneven = Lasso(alpha=0.05).fit(twins, y).coef_
for name, w in (
    ("λ = 0 (depends on the start)", linear(twins, y, 0.0)),
    ("λ = 0.001", linear(twins, y, 0.001)),
    ("λ = 10", linear(twins, y, 10.0)),
    ("lasso", uneven),
):
    print(f"{name:30} the twins' weights {w[bmi]:7.4f} and {w[-1]:7.4f}")
shares = linear(twins, y, 10.0)
assert np.isclose(shares[bmi], shares[-1], atol=1e-6)
assert uneven[bmi] > 10 * uneven[-1]

# %%
# Paths
# -----
#
# Without twins, the ten weights for growing λ. Under L2 (left) they all become small together:
# each is multiplied by less and less, which never makes it zero. A line may cross zero, at a
# single λ, when inputs that are alike take over from one another. Under L1 (right, by
# scikit-learn) one weight after the other arrives at zero and stays.

LAMBDAS = np.logspace(-1, 6, 29)
ridge = np.array([linear(X, y, l2) for l2 in LAMBDAS])
alphas, lasso, _ = lasso_path(X, y, alphas=np.logspace(-4, 0, 29))
order = np.argsort(alphas)

fig, panels = plt.subplots(1, 2, figsize=(9.5, 3.6), sharey=True, layout="constrained")
for ax, title, l2, weights in (
    (panels[0], "L2", LAMBDAS, ridge),
    (panels[1], "L1", len(X) * alphas[order], lasso.T[order]),
):
    PathDisplay(l2, weights).plot(ax)
    ax.get_legend().remove()  # which line is which input does not matter here
    ax.set_title(title)
panels[1].set_ylabel("")
# Alt: Two panels with the ten weights of a linear model against λ, under L2 and under L1. Under
# L2 they shrink together and reach zero only in the limit; two large ones of opposite sign meet
# first. Under L1 one after the other becomes exactly zero.
# Caption: The weights of a linear model as λ grows, under either penalty.
plt.show()

print("zeros under L2:", (ridge == 0).sum(), "of", ridge.size)
print("zeros under L1:", (lasso == 0).sum(), "of", lasso.size)
assert (ridge != 0).all()
assert (lasso == 0).any()

# %%
# Hidden units
# ------------
#
# In a hidden layer every unit has its own incoming weights. How evenly they are spread tells
# (Σ\|w\|)² / (d Σw²), d the number of inputs: 1 if all are equally large, 1/d if all but one are
# zero.

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
LAMBDAS = (0.1, 1, 10)
layers = []
print("   λ    ‖W₁‖   largest   evenness   zeros")
for l2 in LAMBDAS:
    network = Network((30, 20, 1), output="logistic", seed=0)
    trainer = Backprop(network, "adam", eta=0.01, l2=l2, n="train", batch_size=64, seed=0)
    trainer.train(X, y.astype(float), epochs=300)
    W = network.weights[0]
    evenness = (abs(W).sum(axis=0) ** 2 / (len(W) * (W**2).sum(axis=0))).mean()
    layers.append((np.linalg.norm(W), abs(W).max(), evenness, (W == 0).sum(), W.ravel()))
    print(f"{l2:4g} {layers[-1][0]:7.2f} {layers[-1][1]:9.3f} {evenness:10.3f} {layers[-1][3]:7d}")

norms, largest, evenness, zeros, weights = zip(*layers, strict=True)
assert list(norms) == sorted(norms, reverse=True)
assert list(evenness) == sorted(evenness)
assert not any(zeros)

WeightsDisplay(weights, LAMBDAS).plot()
# Alt: Three histograms of weights, one above the other. At λ = 0.1 they reach from -1.05 to 0.8,
# at λ = 1 from -0.6 to 0.5, and at λ = 10 all lie within ±0.13. The heights are logarithmic.
# Caption: All weights of one network at three λ; a larger λ moves them towards zero.
plt.show()

# %%
# The histogram grows narrow, but has no peak of its own at zero. Who wants weights that are zero,
# so as to leave out inputs or to save space, needs another penalty, or has to cut off the small
# ones afterwards.
#
# Units that go out
# -----------------
#
# There is one thing like it in networks with a hidden layer. A unit is worth nothing without both
# what comes in and what goes out, and the squares of both together cost at least twice their
# product: for the unit as a whole this is like L1, and with a larger λ it can be cheapest to do
# without it. All its weights then go towards zero at once, as near as one cares to train. Here
# are sixteen hidden units, trained by L-BFGS to a minimum of E.

X, y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)
y = (y - y.mean()) / y.std()
path = l2_path(
    Network((10, 16, 1), seed=0), X, y, [0.1, 1, 10, 100], optimizer="lbfgs", epochs=2000
)
sizes = [np.linalg.norm(path.weights(i)[0], axis=0) for i in range(len(path))]
gone = [(size < 1e-5).sum() for size in sizes]
for l2, size, number in zip(path.l2, sizes, gone, strict=True):
    least = size[size > 1e-5].min()
    print(f"λ = {l2:5g}: {number} units have gone out; ‖w‖ of the others is at least {least:.2g}")
    assert least > 0.1
assert gone[0] == 0
assert gone[-1] > 0
