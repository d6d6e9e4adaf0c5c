"""
8. The prior's view, and why it is centred at zero
==================================================

Another reading of the penalty: it is what one believes about the weights before any data are
seen. Read so, λ has a right value, and zero is the only place for the belief to be centred.
"""

import matplotlib.pyplot as plt
import numpy as np

from pyl2 import Backprop, Network, convert_l2, l2_path
from pyl2.plots import EvidenceDisplay

# %%
# The penalty is a belief
# -----------------------
#
# Let the targets have Gaussian errors of variance σ², and let the weights be thought to come from
# a Gaussian of variance τ² around zero. By Bayes' rule minus the logarithm of the posterior is,
# but for a constant, ::
#
#     Σᵢ (ŷᵢ − yᵢ)² / 2σ²  +  Σ w² / 2τ²   =   N/σ² · ( E₀ + (σ²/τ²) Σ w² / 2N )
#
# So the most probable weights are those that minimise E with n = N and λ = σ²/τ²: the noisier the
# data, the larger λ; the larger the weights that one expects, the smaller. (With cross-entropy σ²
# is 1.) A small τ² says that the function is probably flat. These are functions of networks with
# 50 hidden units whose weights were drawn from three such priors; their biases, of which the
# penalty says nothing, were drawn between −3 and 3.

x = np.linspace(-3, 3, 300)[:, None]
noise = 0.1
fig, panels = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
sizes = []
for ax, tau in zip(panels, (0.2, 0.5, 1.5), strict=True):
    l2 = convert_l2(tau**2, "prior", ("l2", "train"), noise_variance=noise, n_items=1)
    draws = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        network = Network((1, 50, 1))
        for W in network.weights:
            W[:] = tau * rng.normal(size=W.shape)
        network.biases[0][:] = rng.uniform(-3, 3, 50)
        network.biases[1][:] = 0
        draws.append(network.predict(x)[:, 0])
    ax.plot(x, np.transpose(draws), color="black", linewidth=0.8)
    ax.set(title=f"τ = {tau:g}: λ = {l2:.2g} for σ² = {noise:g}", xlabel="x")
    sizes.append(np.ptp(draws, axis=1).mean())
# Alt: Three panels with eight functions drawn from the prior. At τ = 0.2 all are nearly flat and
# near zero. At τ = 0.5 they bend gently between -4 and 4. At τ = 1.5 they bend often, and reach
# from -17 to 13.
# Caption: What one believes before any data, for three widths τ of the prior of the weights.
plt.show()

assert sizes == sorted(sizes)

# %%
# The minimum of E is the posterior's peak
# ----------------------------------------
#
# Without a hidden layer everything can be computed: the posterior is a Gaussian, whose peak is
# its mean. Here are a linear problem with known σ and τ, the mean by linear algebra, and the
# network at the minimum of E.

N, d, sigma, tau = 60, 20, 1.0, 0.3


def problem(seed):
    """Return rows and targets of a linear function whose weights come from the prior."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, d))
    w = tau * rng.normal(size=d)
    return X, X @ w + sigma * rng.normal(size=N), w


def trained(X, y, l2):
    """Return the weights at the minimum of E."""
    network = Network((d, 1), seed=0)
    Backprop(network, "lbfgs", l2=l2, n="train").train(X, y, epochs=500)
    return network.weights[0][:, 0]


l2 = convert_l2(tau**2, "prior", ("l2", "train"), noise_variance=sigma**2, n_items=N)
X, y, _ = problem(0)
A, b = X - X.mean(axis=0), y - y.mean()  # the bias has no prior: it takes up the means
mean = np.linalg.solve(A.T @ A / sigma**2 + np.eye(d) / tau**2, A.T @ b / sigma**2)
difference = abs(trained(X, y, l2) - mean).max()
print(f"λ = σ²/τ² = {l2:.2f}; network and posterior mean differ by {difference:.0e}")
assert difference < 1e-6

# %%
# And if the belief is true, no other λ does better, on average. Below are fifty such problems,
# and how far from the true weights the minima of E are for several λ.

LAMBDAS = l2 * np.array([0.01, 0.1, 0.3, 1, 3, 10, 100])
squares = [
    [((trained(*problem(seed)[:2], lam) - problem(seed)[2]) ** 2).sum() for lam in LAMBDAS]
    for seed in range(50)
]
average = np.mean(squares, axis=0)

fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.semilogx(LAMBDAS, average, "o-", color="black")
ax.axvline(l2, color="0.6", linestyle="--")
ax.annotate("σ²/τ²", (l2, average.max()), xytext=(4, -8), textcoords="offset points")
ax.set(xlabel="λ", ylabel="mean squared distance to the truth", ylim=(0, None))
# Alt: Mean squared distance to the truth against λ. It falls from 0.46 at λ = 0.1 to its least
# value, 0.34, at λ = 11, which is σ²/τ², and rises to 1.6 at λ = 1,100.
# Caption: The λ that belongs to the prior is the best one.
plt.show()

assert LAMBDAS[average.argmin()] == l2

# %%
# The evidence: λ from the data alone
# -----------------------------------
#
# Most of the time nobody knows τ. But the belief can be asked how probable it made the targets that
# came: p(y | λ), the integral of the likelihood over all weights that the prior allows. That is the
# *evidence* for λ. A small λ allows nearly every function, and so gives little to any one; a large
# one allows only flat ones. Laplace's method puts a Gaussian around the minimum of E, and then the
# integral is known. ``evidence=True`` computes it for each λ, with γ, the number of parameters that
# the data determine: a weight of which they say nothing stays with its prior, and does not count.
#
# Here is a network of 61 parameters on 40 points of a noisy sine.

rng = np.random.default_rng(0)
points = rng.uniform(-1, 1, (40, 1))
targets = np.sin(3 * points) + 0.15 * rng.normal(size=points.shape)
new = rng.uniform(-1, 1, (1000, 1))
start = Network((1, 20, 1), seed=0)
path = l2_path(
    start,
    points,
    targets,
    np.logspace(-4, 2, 13),
    test=(new, np.sin(3 * new) + 0.15 * rng.normal(size=new.shape)),
    optimizer="lbfgs",
    epochs=3000,
    evidence=True,
)
EvidenceDisplay.from_results(path).plot()
# Alt: Log evidence, γ and test R² against λ. The evidence rises from -55 at λ = 0.0001 to its
# greatest value, -3, at λ = 0.01, and falls to -44. γ falls from 20 to 1. R² is about 0.95 up to
# λ = 0.1 and then falls to -0.05.
# Caption: The evidence, from the training set alone, is greatest at a λ whose score on other rows
# is as good as any.
plt.show()

chosen = path.best_evidence
noise_found = path.noise_variance[chosen] ** 0.5
print(f"greatest evidence at λ = {path.l2[chosen]:.2g}: γ = {path.n_effective[chosen]:.1f} of 61,")
print(f"noise {noise_found:.3f} (0.15 in truth), test R² {path.test_score[chosen]:.3f}, the best")
print(f"of all {path.test_score.max():.3f}")
assert path.test_score[chosen] > path.test_score.max() - 0.02
assert path.n_effective[chosen] < 15
assert 0.1 < noise_found < 0.2

# %%
# No row was held out for this. But it is an answer to another question than that of new rows: it
# trusts the model. Where no network of this shape is nearly right, it ends at too large a λ, as
# often with relu units; and for classes it is of no use, being greatest where λ is 0 as soon as
# they can be separated. Where there are seconds to spare λ is chosen by trying: see
# :doc:`plot_10_choosing`. For more uses of the posterior see :doc:`plot_12_error_bars`.
#
# Why zero?
# ---------
#
# Could the belief not be centred elsewhere? Turn the sign of all weights into and out of a hidden
# tanh unit, and of its bias: tanh(−z) = −tanh(z), so the network computes the same function.

network = Network((1, 50, 1), seed=1)
turned = Network((1, 50, 1))
turned.params = network.params
for W in (turned.weights[0][:, 7], turned.biases[0][7:8], turned.weights[1][7]):
    W *= -1
difference = abs(turned.predict(x) - network.predict(x)).max()
print(f"largest difference of a prediction: {difference:.0e}")
assert difference < 1e-15

# %%
# What we believe before we have seen data can only be about functions. Two vectors of weights
# that give one function must be equally probable; so w and −w must be, and the mean is 0. (A relu
# knows no such turn; there it is enough to believe as much in a function as in its negative for
# the weights into the output.) The penalty around 0 agrees: it is the same for both networks. One
# around another centre, 0.5 say, would prefer one of two networks that are the same.


def penalty(network, centre):
    """Return half the sum of the squared distances of the weights from a centre."""
    return sum(((W - centre) ** 2).sum() for W in network.weights) / 2


for centre in (0.0, 0.5):
    print(f"centre {centre}: {penalty(network, centre):.4f} and {penalty(turned, centre):.4f}")
assert penalty(network, 0.0) == penalty(turned, 0.0)
assert abs(penalty(network, 0.5) - penalty(turned, 0.5)) > 0.01

# %%
# With a network that was trained before there are data already, and its weights are a sensible
# centre for what comes next. But then they are no longer a belief from before all data.
