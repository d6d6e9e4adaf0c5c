"""
12. Error bars, and what they cover
===================================

`BayesianMLPRegressor` and `Laplace` give a standard deviation with each prediction. They are right
about noise and about parameters that the data leave open, if the model is nearly right; with relu,
or other noise than they suppose, folds and ensembles tell more. This chapter measures it.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from pyl2 import BayesianMLPRegressor
from pyl2.plots import UncertaintyDisplay

# %%
# Where there are no data
# -----------------------
#
# The posterior of the parameters makes one of each prediction: its variance is j A⁻¹ jᵀ + σ², j
# being the derivatives of the output by the parameters, A the precision of the posterior and σ² the
# noise. The first part is small near the data, and grows where there are none. 40 points, with a
# gap:


def truth(x):
    """Return the function that the data are of."""
    return np.sin(4 * x)


rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-1, -0.2, 20), rng.uniform(0.4, 1, 20)])
y = truth(x) + 0.1 * rng.normal(size=40)
model = BayesianMLPRegressor(10, solver="lm", random_state=0).fit(x[:, None], y)
UncertaintyDisplay.from_estimator(model, x[:, None], y, truth=truth).plot()
# Alt: Mean and 95 % bands of a fit to 40 points of a sine. The bands are narrow where there are
# data, wider in the gap from -0.2 to 0.4, where they hold the truth, and widest beyond the data,
# where the mean becomes flat and the truth leaves the bands.
# Caption: What the error bars say where there are data, in a gap, and beyond.
plt.show()

mean, std = model.predict([[-0.6], [0.1], [1.5]], return_std=True)
off = abs(mean - truth(np.array([-0.6, 0.1, 1.5])))
print("standard deviation near the data, in the gap, beyond:", std.round(2))
print("distance to the truth there:                         ", off.round(2))
assert std[0] < std[1]
assert std[0] < std[2]
assert off[1] < 1.96 * std[1]
assert off[2] > std[2]

# %%
# In the gap the band holds the truth. Beyond the data the network goes on as its units do, flat at
# the end; of the sine's return it knows nothing, and the truth leaves the band. The bars are about
# the parameters of this model, not about other models.
#
# How often they are right
# ------------------------
#
# 95 % of new targets should lie within 1.96 standard deviations. Of one data set that is a matter
# of luck; so here are fifteen, for each of three kinds of noise, and the share of 1,000 new targets
# that the intervals cover, within the range of the data.

NOISES = {
    "Gaussian": lambda x, rng: 0.2 * rng.normal(size=len(x)),
    "heavy tails": lambda x, rng: 0.2 / 3**0.5 * stats.t.rvs(3, size=len(x), random_state=rng),
    "grows with x": lambda x, rng: 0.2 * (1 + x) * rng.normal(size=len(x)),
}


def covered(noise, seed, within=(-1, 1)):
    """Return the share of new targets within their interval."""
    rng = np.random.default_rng(seed)
    x, new = rng.uniform(-1, 1, 60), rng.uniform(*within, 1000)
    model = BayesianMLPRegressor(8, solver="lm", random_state=seed)
    model.fit(x[:, None], truth(x) + noise(x, rng))
    mean, std = model.predict(new[:, None], return_std=True)
    return np.mean(abs(truth(new) + noise(new, rng) - mean) < 1.96 * std)


shares = {name: [covered(noise, seed) for seed in range(15)] for name, noise in NOISES.items()}
low = np.mean([covered(NOISES["grows with x"], seed, (-1, -0.6)) for seed in range(15)])
high = np.mean([covered(NOISES["grows with x"], seed, (0.6, 1)) for seed in range(15)])

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for place, found in enumerate(shares.values()):
    ax.plot(found, np.full(15, place), "o", color="black", markerfacecolor="none")
    ax.plot(np.mean(found), place, "|", color="tab:red", markersize=22, markeredgewidth=2)
ax.axvline(0.95, color="0.6", linestyle="--")
ax.set(yticks=range(3), yticklabels=shares, xlabel="covered by 95 % intervals", ylim=(-0.5, 2.5))
# Alt: Share of new targets covered by 95 % intervals, fifteen data sets for each of three kinds
# of noise. The means are 0.947 for Gaussian noise, 0.942 for heavy tails and 0.929 for noise that
# grows with x; single data sets range from 0.85 to 0.99.
# Caption: Each circle is a data set, the red mark their mean. The dashed line is what is
# promised.
plt.show()

for name, found in shares.items():
    print(f"{name:14} {np.mean(found):.1%}, from {min(found):.1%} to {max(found):.1%}")
print(f"noise that grows: {low:.1%} where it is small, {high:.1%} where it is large")
assert 0.92 < np.mean(shares["Gaussian"]) < 0.98
assert low > 0.97
assert high < 0.93

# %%
# With the noise that is supposed, the intervals cover what they say, on average; of one data set a
# few per cent more or less. Heavy tails hardly change that number, though the targets outside lie
# further out. Noise that grows with x is averaged: the intervals are too wide where it is small and
# too narrow where it is large; the mean, not far from 95 %, hides both. So a coverage that is right
# over all rows says nothing of a part of them.
#
# What they leave out
# -------------------
#
# - Other minima of E: the Gaussian is around one. ``MLPRegressorEnsemble`` has several, and its
#   spread; it predicted better in all that was measured.
# - That the model may be wrong, and that inputs of another kind may come.
# - The uncertainty of λ and σ² themselves. A warning says when γ comes near the number of targets.
# - Classes: where they can be separated, the curvature of the data vanishes and the prior alone is
#   left in the logits. `Laplace` gives those numbers; they are no better than those of a network
#   whose λ was chosen by folds.
