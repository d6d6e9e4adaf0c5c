"""
5. A swarm, and the penalty
===========================

The penalty is not a trick of gradient descent: it is part of the function that is minimised. So
it works just as well for a method that never sees a gradient.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from pyl2 import Backprop, Network, ParticleSwarm
from pyl2.plots import CurvesDisplay

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)

# %%
# Particles
# ---------
#
# A particle is a vector of all weights and biases: a whole network. Each flies about, drawn to
# the best place that it has seen itself and to the best that its informants have seen, and what
# makes a place good is its penalized error E = E₀ + (λ/2n) Σ‖W‖², with n the number of rows.
# `ParticleSwarm` leaves the network with the best parameters that any particle has found.


def fly(l2, epochs=600):
    """Return the network that a swarm has found, and the course of its search."""
    network = Network((13, 6, 3), output="softmax", seed=0)
    history = ParticleSwarm(network, particles=40, l2=l2, seed=0).train(X, y, epochs=epochs)
    return network, history


network, history = fly(2.0)
E = network.error(X, y, 2.0, n="train")
print(f"E of the network {E:.12f}")
print(f"E of the swarm   {history.error[-1]:.12f}")
assert np.isclose(E, history.error[-1], rtol=1e-12)

CurvesDisplay.from_results(history).plot()
# Alt: E, E₀ and R of the best particle over 600 iterations, on a logarithmic axis. E falls from
# 1.1 to 0.2 without ever rising. E₀ falls to 0.06; R rises to 0.24 and then falls to 0.13.
# Caption: The error of the best particle and its parts.
plt.show()

# %%
# The swarm keeps the best E that it has seen, so E never rises; E₀ and R alone may.

print(f"largest step of E upwards: {max(np.diff(history.error).max(), 0):g}")
assert (np.diff(history.error) <= 0).all()

# %%
# What λ does to it
# -----------------
#
# Without a penalty a swarm has no reason to keep any weight small: on the contrary, a network
# that has all rows right lowers E₀ further by making its weights larger, for ever.

print("    λ      E₀      R    ‖W‖   test accuracy")
sizes = {}
for l2 in (0.0, 0.2, 2.0, 20.0):
    network, history = fly(l2)
    sizes[l2] = np.sqrt(sum((W**2).sum() for W in network.weights))
    accuracy = (network.predict(X_test).argmax(axis=1) == y_test).mean()
    E0, R = history.data_error[-1], history.penalty[-1]
    print(f"{l2:5g} {E0:7.4f} {R:6.3f} {sizes[l2]:6.2f} {accuracy:15.3f}")
assert list(sizes.values()) == sorted(sizes.values(), reverse=True)

# %%
# The task is easy, and new rows are classified about as well in any case. What λ changes is how
# large the weights are, and thereby how sure the network is of itself.
#
# The same E by gradients
# -----------------------
#
# As both minimise the same E, one can go on where the other has stopped, and their errors can be
# compared. L-BFGS takes what the swarm has found down to the floor of its valley.

network, history = fly(2.0, epochs=150)
polished = Backprop(network, "lbfgs", l2=2.0, n="train").train(X, y, epochs=500)
print(f"swarm alone {history.error[-1]:.4f}, and then L-BFGS {polished.error[-1]:.4f}")
assert polished.error[-1] < history.error[-1]

# %%
# Where there are gradients they are the quicker way by far; :doc:`the gallery
# </generated/examples/plot_hybrid>` shows a case in which the swarm helps them, and :doc:`another
# </generated/examples/plot_compare>` how long each takes.
