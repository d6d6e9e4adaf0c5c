"""
2. The update, the factor 1 − ηλ/n, and n
=========================================

What the penalty does to one step of gradient descent, and why λ means nothing before it is said
what it is divided by.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from pyl2 import Backprop, Network, convert_l2

X, y = load_digits(return_X_y=True)
X = X / 16
N = len(X)

# %%
# One step
# --------
#
# The gradient of R = (λ/2n) Σ‖W‖² by W is (λ/n) W. A step of gradient descent on E = E₀ + R is
# therefore ::
#
#     W ← W − η (∂E₀/∂W + (λ/n) W)  =  (1 − ηλ/n) W − η ∂E₀/∂W
#     b ← b − η ∂E₀/∂b
#
# Before it follows the data, each step takes the same small share ηλ/n off every weight. That is
# why L2 is also called weight decay. Let us do the step by hand, and compare.

eta, l2, batch = 0.5, 2.0, slice(0, 10)
network = Network((64, 30, 10), hidden="logistic", output="softmax", seed=0)
gradient = network.gradient(X[batch], y[batch])  # of E₀ alone
n_weights = sum(W.size for W in network.weights)
by_hand = network.params - eta * gradient
by_hand[:n_weights] -= eta * l2 / 10 * network.params[:n_weights]

Backprop(network, eta=eta, l2=l2, n="batch", batch_size=10).train(X[batch], y[batch], epochs=1)
print(f"largest difference: {abs(network.params - by_hand).max():.0e}")
assert np.allclose(network.params, by_hand, rtol=0, atol=1e-14)

# %%
# The biases do not see λ: after one step from the same place they are the same bits for any of
# it.

biases = []
for l2 in (0.0, 2.0):
    network = Network((64, 30, 10), hidden="logistic", output="softmax", seed=0)
    Backprop(network, eta=eta, l2=l2, batch_size=10).train(X[batch], y[batch], epochs=1)
    biases.append(network.params[n_weights:].copy())
print("the same bits:", (biases[0] == biases[1]).all())
assert (biases[0] == biases[1]).all()

# %%
# Weights that nobody needs
# -------------------------
#
# Some pixels of the digits are white in every picture. Their input is 0, so E₀ has no slope along
# their weights, and the decay is all that ever happens to them: after t steps they have been
# multiplied by (1 − ηλ/n)ᵗ. Weights that the data ask for settle where both pulls are in balance.

white = X.max(axis=0) == 0
eta, l2, epochs, batch_size = 0.5, 5.0, 60, 10
network = Network((64, 30, 10), hidden="logistic", output="softmax", seed=0)
trainer = Backprop(network, eta=eta, l2=l2, n="train", batch_size=batch_size, seed=0)


def sizes():
    """Return the root mean square of the weights from white pixels and from the others."""
    W = network.weights[0]
    return [np.sqrt((rows**2).mean()) for rows in (W[white], W[~white])]


course = [sizes()]
trainer.train(X, y, epochs=epochs, callbacks=lambda *_: course.append(sizes()))
unneeded, needed = np.transpose(course)

steps = np.arange(epochs + 1) * -(-N // batch_size)
expected = unneeded[0] * (1 - eta * l2 / N) ** steps
assert np.allclose(unneeded, expected, rtol=1e-9)

fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.semilogy(steps, needed, color="black", label="weights of pixels with ink")
ax.semilogy(steps, unneeded, color="0.7", linewidth=4, label="weights of white pixels")
ax.semilogy(steps, expected, "--", color="tab:blue", label="(1 − ηλ/n)ᵗ")
ax.set(xlabel="steps t", ylabel="root mean square")
ax.legend(frameon=False)
# Alt: Root mean square of two groups of weights over 10,800 steps, on a logarithmic axis. Weights
# of pixels with ink rise from 0.1 to 0.25 and stay there. Weights of white pixels fall along a
# straight line from 0.1 to 3e-8, exactly that of (1 − ηλ/n) to the power t.
# Caption: Weights that the data need, and weights that nothing but the decay moves.
plt.show()

# %%
# The half-life of such a weight is ln 2 / (ηλ/n) steps.

half_life = np.log(2) / (eta * l2 / N)
print(
    f"half of a weight is gone after {half_life:.0f} steps, {half_life * batch_size / N:.1f} epochs"
)

# %%
# What n is
# ---------
#
# A weight feels λ/n, not λ. There are three habits, and pyl2 has them all:
#
# - ``n="train"``: n is the number of training rows N, as in Nielsen's book. E does not depend on
#   the batches.
# - ``n="batch"``: n is the number of rows of each batch, as in scikit-learn, and here the default.
#   With the same λ the decay is N/m times as strong as above, m being the batch size.
# - A number: ``n=1`` makes λ/n a plain weight decay, as in PyTorch.
#
# The same decay, said in the three ways, trains the same network:

same = {
    "train": 5.0,
    "batch": convert_l2(5.0, ("l2", "train"), ("l2", "batch"), n_items=N, batch_size=599),
    1: convert_l2(5.0, ("l2", "train"), ("l2", 1), n_items=N),
}
trained = []
for n, l2 in same.items():
    network = Network((64, 30, 10), hidden="logistic", output="softmax", seed=0)
    Backprop(network, eta=0.5, l2=l2, n=n, batch_size=599, seed=0).train(X, y, epochs=5)
    trained.append(network.params)
    print(f"n = {n!r:8} λ = {l2:.5f}   λ/n = {5 / N:.6f}")
assert all(np.allclose(params, trained[0], rtol=0, atol=1e-12) for params in trained)

# %%
# (599 divides the 1,797 rows. Were the last batch of an epoch smaller than the others,
# ``"batch"`` would divide by fewer rows there, and decay more.)
#
# A factor that is never formed
# -----------------------------
#
# With scikit-learn's defaults ηλ/n is 0.001 · 0.0001 / 200 = 5e-10. In single precision 1 − 5e-10
# is 1, and a program that multiplies by this factor has no decay at all:

print(np.float32(1) - np.float32(5e-10))
assert np.float32(1) - np.float32(5e-10) == 1

# %%
# pyl2 takes the decay and the step off together, W − (c W + step), so that what is taken off is
# right to single precision, and only the sum is rounded. Where nothing but the decay happens to a
# weight, as with the white pixels, single precision cannot hold less than some 6e-8 of it. So where
# ηλ/n is below 2⁻¹⁷, one of several updates takes the decay of all of them: here one of 16,384, and
# what it takes is 8e-6 of the weight.
