"""
11. What your λ is called elsewhere
===================================

Every tool has an L2 constant, and almost no two mean the same number: one divides it by the rows of
the batch, another by all rows, a third by nothing; some halve the squared error and some the
penalty; some decay biases; and some multiply by the learning rate. `convert_l2` turns one into
the other.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sklearn.neural_network
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

import pyl2
from pyl2 import Backprop, Network, convert_l2
from pyl2.convert import TOOLS, describe

# %%
# The same decay, tool by tool
# ----------------------------
#
# Here is λ = 1, divided by all rows (``n="train"``), for 10,000 rows in batches of 50, a learning
# rate of 0.01, and noise of variance 0.25 where a prior asks for it. A dash stands where there is
# no such conversion: no λ makes a ridge of a classifier. The last column says whether the
# tool's biases decay with the weights; those of pyl2 never do.

training = {"eta": 0.01, "batch_size": 50, "n_items": 10_000, "noise_variance": 0.25}
DECOUPLED = ("torch_adamw", "adamw_paper", "keras_weight_decay")


def number(tool, loss):
    """Return the tool's number, or a dash."""
    if tool == "logistic_regression" and loss == "half":
        return "–"
    ours = ("decoupled" if tool in DECOUPLED else "l2", "train")
    try:
        return f"{convert_l2(1.0, ours, tool, loss=loss, **training):g}"
    except ValueError:
        return "–"


table = pd.DataFrame(
    {
        "tool": tool,
        "what its number is": describe(tool).split("; ")[0],
        "squared error": number(tool, "half"),
        "cross-entropy": number(tool, "cross_entropy"),
        "biases there": describe(tool).split("; ")[1],
    }
    for tool in TOOLS
)
pd.set_option("display.max_colwidth", None)
table.set_index("tool")

# %%
# The same penalty is a number between a millionth and one. (Squared error; a logarithmic axis.)

shown = table[table["squared error"] != "–"]
fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.semilogx(shown["squared error"].astype(float), shown["tool"], "o", color="black")
ax.invert_yaxis()
ax.grid(axis="y", color="0.9")
ax.set(xlabel="what stands for λ = 1")
# Alt: What stands for λ = 1 in each tool, on a logarithmic axis: 1 for Nielsen, ridge, nnet and
# trainbr; 0.25 for a prior; 0.005 for scikit-learn; 1e-4 for PyTorch, glmnet and Keras's
# weight_decay; 5e-5 for Keras's L2; 1e-6 for the paper of AdamW.
# Caption: The same penalty as each tool writes it.
plt.show()

# %%
# "I use scikit-learn: what is alpha?"
# ------------------------------------
#
# For `MLPClassifier` and `MLPRegressor` of either library λ is alpha, divided by the rows of the
# batch. So the default of 1e-4 with batches of 200 takes off as much as 0.01 would with all
# 20,000 rows below the line: changing ``batch_size`` changes the penalty.

print(
    "batches of 200:", convert_l2(1e-4, "sklearn", ("l2", "train"), batch_size=200, n_items=20_000)
)
print(
    "batches of 20: ", convert_l2(1e-4, "sklearn", ("l2", "train"), batch_size=20, n_items=20_000)
)

# %%
# The same alpha and ``random_state`` make the same network in both, to rounding:

X, y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)
y = (y - y.mean()) / y.std()

settings = {"hidden_layer_sizes": (6,), "alpha": 5.0, "tol": 0.02, "random_state": 0}
theirs = sklearn.neural_network.MLPRegressor(**settings).fit(X, y)
ours = pyl2.MLPRegressor(**settings).fit(X, y)
difference = max(abs(a - b).max() for a, b in zip(ours.coefs_, theirs.coefs_, strict=True))
print(f"after {ours.n_iter_} epochs: largest difference of a weight {difference:.0e}")
assert ours.n_iter_ == theirs.n_iter_
assert difference < 1e-10

# %%
# "I use Ridge, or LogisticRegression with C"
# -------------------------------------------
#
# These are networks without a hidden layer, trained to the minimum. Ridge's alpha is λ itself,
# with n = "train"; C is its inverse.


def minimum(sizes, output, X, y, l2):
    """Return the network at the minimum of E: without a hidden layer there is one alone."""
    network = Network(sizes, output=output, seed=0)
    Backprop(network, "lbfgs", l2=l2, n="train").train(X, y, epochs=2000)
    return network


ridge = Ridge(alpha=20.0).fit(X, y)
l2 = convert_l2(20.0, "ridge", ("l2", "train"), n_items=len(X))
ours = minimum((10, 1), "identity", X, y, l2)
print(f"Ridge: λ = {l2:g}, difference {abs(ours.weights[0][:, 0] - ridge.coef_).max():.1e}")
assert np.allclose(ours.weights[0][:, 0], ridge.coef_, atol=1e-6)

cells, benign = load_breast_cancer(return_X_y=True)
cells = StandardScaler().fit_transform(cells)
logistic = LogisticRegression(C=0.1, tol=1e-10, max_iter=5000).fit(cells, benign)
l2 = convert_l2(0.1, "logistic_regression", ("l2", "train"), n_items=len(cells))
ours = minimum((30, 1), "logistic", cells, benign.astype(float), l2)
difference = abs(ours.weights[0][:, 0] - logistic.coef_[0]).max()
print(f"LogisticRegression: λ = {l2:g}, difference {difference:.1e}")
assert difference < 1e-5

# %%
# "I use PyTorch's weight_decay"
# ------------------------------
#
# PyTorch divides by nothing: its number is λ/n. In ``SGD`` and ``Adam`` it goes into the gradient
# (``decay="l2"``), in ``AdamW`` it stands beside the step (``decay="decoupled"``); and it lets
# biases decay, unless the parameters are put into two groups. With ``MSELoss``, which is not
# halved, the same number is half as strong against the error:

print("SGD, halved error: ", convert_l2(1e-3, "torch_sgd", ("l2", "train"), n_items=1000))
print(
    "SGD, MSELoss:      ", convert_l2(1e-3, "torch_sgd", ("l2", "train"), n_items=1000, loss="mse")
)
print("AdamW:             ", convert_l2(0.01, "torch_adamw", ("decoupled", "train"), n_items=1000))

# %%
# "A paper gives the decay of each step"
# --------------------------------------
#
# The paper of AdamW does not multiply the decay by the learning rate, its implementations do. The
# number of the paper divided by η is theirs:

print(convert_l2(1e-5, "adamw_paper", "torch_adamw", eta=0.001))

# %%
# "I use Adam, and want AdamW's decay as an L2 constant"
# ------------------------------------------------------
#
# There is none, and `convert_l2` says so rather than give a number. Chapter 4 shows why.

try:
    convert_l2(0.01, "torch_adamw", ("l2", "train"), n_items=1000)
except ValueError as error:
    print(error)
