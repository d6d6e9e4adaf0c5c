"""
3. The shortcut: take a fraction off in each step
=================================================

"Multiply the weights by 0.999 after every step" looks like L2, and is one line of code. It is a
penalty, too; but how strong it is depends on the learning rate and on nothing else that should
matter.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from pyl2 import Backprop, Network, convert_l2

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
y = y.astype(float)
N = len(X)

# %%
# Where a training ends
# ---------------------
#
# To see where each rule leads we take a network without a hidden layer, whose E has one minimum,
# all rows in one batch, and enough steps to get there. ``decay="l2"`` is the gradient of E.
# ``"fraction"`` takes λ W off in each step, with no η and no n.


def start(decay, l2, eta):
    """Return a trainer that does a step an epoch."""
    network = Network((30, 1), output="logistic", seed=0)
    return Backprop(network, eta=eta, l2=l2, decay=decay, n="train", batch_size=None)


def size(trainer):
    """Return ‖W‖."""
    return np.linalg.norm(trainer.network.weights[0])


def end(X, y, decay, l2, eta):
    """Return ‖W‖ where plain gradient descent ends; half the rate takes twice the steps."""
    trainer = start(decay, l2, eta)
    trainer.train(X, y, epochs=round(500 / eta))
    return size(trainer)


L2 = 20.0
FRACTION = 0.2 * L2 / N  # at η = 0.2 both rules are the same
RATES = (0.4, 0.2, 0.1, 0.05)
l2_sizes = [end(X, y, "l2", L2, eta) for eta in RATES]
fraction_sizes = [end(X, y, "fraction", FRACTION, eta) for eta in RATES]

print("    η    ‖W‖ by l2   by fraction")
for eta, *pair in zip(RATES, l2_sizes, fraction_sizes, strict=True):
    print(f"{eta:5g} {pair[0]:12.4f} {pair[1]:13.4f}")
assert np.ptp(l2_sizes) < 1e-6
assert (np.diff(fraction_sizes) < 0).all()

# %%
# With ``"l2"`` the learning rate decides how fast we arrive, not where. With ``"fraction"`` each
# η has an end of its own: halve η, and the data pull half as hard in each step, while the decay
# stays. In the end W = (1 − λ) W − η ∂E₀/∂W, so ∂E₀/∂W = −(λ/η) W: this is the minimum of E₀ +
# (λ/2η) ‖W‖², and so pyl2 reports R for it. The line below is that of ``"l2"`` with λ/η in the
# place of λ/n.

meant = [end(X, y, "l2", FRACTION / eta * N, 0.2) for eta in RATES]
assert np.allclose(meant, fraction_sizes, rtol=1e-5)

fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.semilogx(RATES, l2_sizes, "s-", color="black", label="l2: λ/n times W in the gradient")
ax.semilogx(RATES, fraction_sizes, "o", color="#d55e00", label="fraction: λ W off in each step")
ax.semilogx(RATES, meant, "--", color="0.5", label="minimum of E₀ + (λ/2η)‖W‖²")
ax.set_xticks(RATES, [f"{eta:g}" for eta in RATES])
ax.minorticks_off()
ax.set(xlabel="learning rate η", ylabel="‖W‖ where training ends", ylim=(0, None))
ax.legend(frameon=False)
# Alt: ‖W‖ at the end of training against the learning rate. By l2 it is 1.57 at all four rates.
# By a fraction it grows from 0.98 at η = 0.05 to 1.95 at η = 0.4, and lies on the line of the
# minima of E₀ + (λ/2η)‖W‖².
# Caption: Where plain gradient descent ends under either rule, for four learning rates.
plt.show()

# %%
# A learning rate that falls
# --------------------------
#
# So with a schedule the penalty of a fraction grows while the learning rate falls: each time η is
# halved, below, the weights set out for a smaller end. Those under ``"l2"`` have arrived.

fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for decay, l2, color in (("l2", L2, "black"), ("fraction", FRACTION, "#d55e00")):
    trainer, course = start(decay, l2, 0.2), []
    for trainer.eta in (0.2, 0.1, 0.05):
        for _ in range(30):
            trainer.train(X, y, epochs=100)
            course.append(size(trainer))
    ax.plot(100 * np.arange(1, len(course) + 1), course, color=color, label=decay)
    print(f"{decay:8} ‖W‖ = {course[29]:.3f} at η = 0.2, {course[-1]:.3f} in the end")
    assert (course[-1] < 0.7 * course[29]) == (decay == "fraction")
ax.set(xlabel="steps; η is halved after 3,000 and 6,000", ylabel="‖W‖", ylim=(0, None))
ax.legend(frameon=False, loc="lower left")
# Alt: ‖W‖ over 9,000 steps, η halved after 3,000 and 6,000. Under l2 it stays at 1.57. Under a
# fraction it falls to 1.25 and then to 0.98, shortly after each halving.
# Caption: A falling learning rate changes what the fraction leads to, and leaves l2 alone.
plt.show()

# %%
# More data
# ---------
#
# The penalty should weigh less the more the data say. Give every row twice: E₀ is a mean and
# stays what it is, and R = (λ/2n) ‖W‖² halves, for n is now twice as large. The fraction does not
# notice.

twice = np.vstack([X, X]), np.hstack([y, y])
for decay, l2 in (("l2", L2), ("fraction", FRACTION)):
    once_size, twice_size = (end(*rows, decay, l2, 0.2) for rows in ((X, y), twice))
    print(f"{decay:8} ‖W‖ = {once_size:.3f} for {N} rows, {twice_size:.3f} for {2 * N}")
    assert (twice_size > 1.05 * once_size) == (decay == "l2")

# %%
# If that is what you want, say ``decay="fraction"``, and keep to one η. `convert_l2` knows what
# it is as an L2 constant: here it gives back what we began with.

back = convert_l2(
    FRACTION, ("fraction", "train"), ("l2", "train"), eta=0.2, n_items=N, optimizer="sgd"
)
print(f"λ = {back:.6g}")
assert np.isclose(back, L2)
