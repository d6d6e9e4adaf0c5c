"""
1. Why small weights, and why the bias is left out
==================================================

A network that bends sharply needs large weights to do so. This is why a penalty on the weights
makes its function smoother, and why a penalty on the biases, which only shift it, does no good.
"""

import matplotlib.pyplot as plt
import numpy as np

from pyl2 import Backprop, Network

# %%
# Fifteen points, fifty hidden units
# ----------------------------------
#
# A sine, raised by 2, with noise, and a network with ten times as many parameters as there are
# points: it can pass through every one of them. We let L-BFGS find a minimum of E = E₀ + (λ/2n)
# Σ‖W‖², with n the number of points, for no penalty, a sensible one, and one that is too large.


def truth(x):
    """Return what the data are without noise."""
    return 2 + np.sin(x)


rng = np.random.default_rng(3)
x = np.sort(rng.uniform(-3, 3, 15))[:, None]
y = truth(x) + 0.3 * rng.normal(size=x.shape)
grid = np.linspace(-3, 3, 400)[:, None]
LAMBDAS = (0, 0.03, 30)


def fit(x, y, l2):
    """Return the network at a minimum of E; all start from the same weights."""
    network = Network((1, 50, 1), seed=0)
    Backprop(network, "lbfgs", l2=l2, n="train").train(x, y, epochs=3000)
    return network


networks = {l2: fit(x, y, l2) for l2 in LAMBDAS}

fig, panels = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
for ax, (l2, network) in zip(panels, networks.items(), strict=True):
    ax.plot(grid, truth(grid), color="0.75", label="without noise")
    ax.plot(grid, network.predict(grid), color="black", label="network")
    ax.plot(x, y, "o", color="#d55e00", markeredgecolor="black", label="data")
    ax.set(title=f"λ = {l2:g}", xlabel="x", ylim=(0, 4))
panels[2].legend(frameon=False, fontsize="small", loc="upper left")
# Alt: Three panels with fifteen noisy points of a sine and a network fitted to them. At λ = 0 the
# fit passes through every point and leaves the picture several times between them. At λ = 0.03 it
# follows the sine smoothly. At λ = 30 it is the constant 2, the mean of the points.
# Caption: The same network at a minimum of E for three λ. Grey: the sine without noise.
plt.show()

# %%
# What the penalty took away is steepness. The slope of the output of a network of one hidden tanh
# layer is Σⱼ vⱼ (1 − tanh² zⱼ) wⱼ, w the weights into the hidden units and v those out of them,
# so it is never more than Σⱼ \|vⱼ\| \|wⱼ\|. Small weights allow no sudden change; no bias occurs
# in the bound.

print("   λ   E₀ on the data   ‖W‖   steepest slope   Σ|v||w|")
for l2, network in networks.items():
    inner, outer = (W.ravel() for W in network.weights)
    size = np.sqrt(sum((W**2).sum() for W in network.weights))
    steepest = abs(network.input_gradient(grid)).max()
    bound = (abs(inner) * abs(outer)).sum()
    error = network.error(x, y)
    print(f"{l2:4g} {error:16.4f} {size:6.2f} {steepest:15.2f} {bound:10.2f}")
    assert steepest <= bound

# %%
# With λ = 0 the network passes through all points, and swings by far more than the data between
# them. The penalty cannot know the sine; it prefers, among the functions that fit the points
# about as well, one that does not need a reason for every bend. Too large a λ leaves no function
# at all: the output is constant, and this constant is the mean of the targets. It has not been
# drawn towards 0, because it is a bias.

constant = networks[30].predict(grid)
assert np.ptp(constant) < 1e-6
assert np.allclose(constant, y.mean(), atol=1e-6)
distance = {
    l2: np.sqrt(((n.predict(grid) - truth(grid)) ** 2).mean()) for l2, n in networks.items()
}
print("distance to the sine:", ", ".join(f"{d:.2f} (λ = {l2:g})" for l2, d in distance.items()))
assert distance[0.03] < distance[30] < distance[0]

# %%
# Celsius or Kelvin
# -----------------
#
# Why is there no penalty on biases? Because the result should not depend on where the scale of
# the targets has its zero. Take temperatures that rise with x, in degrees Celsius and in Kelvin,
# and a network without a hidden layer, so that there is but one minimum.

x = rng.uniform(-1, 1, (30, 1))
celsius = 15 + 8 * x + 2 * rng.normal(size=x.shape)
kelvin = celsius + 273.15


def line(x, y, l2):
    """Return slope and height at x = 0 of the best line, its bias free."""
    network = Network((1, 1), seed=0)
    Backprop(network, "lbfgs", l2=l2, n="train").train(x, y, epochs=100)
    return network.weights[0].item(), network.biases[0].item()


free = {"Celsius": line(x, celsius, 3.0), "Kelvin": line(x, kelvin, 3.0)}
for scale, (slope, height) in free.items():
    print(f"{scale:8} slope {slope:.6f}, at x = 0 {height:.2f}")
assert np.isclose(free["Celsius"][0], free["Kelvin"][0], rtol=1e-6)
assert np.isclose(free["Celsius"][1] + 273.15, free["Kelvin"][1])

# %%
# The same line. pyl2 has no option to decay a bias, so the other case is computed by its normal
# equations, with the column of ones for the bias under the same penalty as the slope.

ones = np.hstack([x, np.ones_like(x)])
decayed = {
    scale: np.linalg.solve(ones.T @ ones + 3.0 * np.eye(2), ones.T @ y).ravel()
    for scale, y in (("Celsius", celsius), ("Kelvin", kelvin))
}
for scale, (slope, height) in decayed.items():
    print(f"{scale:8} slope {slope:.6f}, at x = 0 {height:.2f}")

ends = np.array([-1, 1])
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.plot(x, celsius, "o", color="#d55e00", markeredgecolor="black", label="data")
styles = {"Celsius": ("0.6", 4.0), "Kelvin": ("black", 1.2)}
for scale, (color, width) in styles.items():
    zero = 273.15 * (scale == "Kelvin")
    slope, height = free[scale]
    ax.plot(ends, slope * ends + height - zero, color=color, lw=width, label=f"bias free, {scale}")
    slope, height = decayed[scale]
    ax.plot(
        ends, slope * ends + height - zero, "--", color=color, lw=width, label=f"decayed, {scale}"
    )
ax.set(xlabel="x", ylabel="degrees Celsius")
ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
# Alt: Temperatures rise with x from about 7 to 20 degrees Celsius. With a free bias the lines of
# Celsius and Kelvin lie on each other, through the data. With a decayed bias the line of Celsius
# is some two degrees too low, and that of Kelvin lies far below, from -21 to -2 degrees.
# Caption: Lines fitted to the same temperatures in two units, with the bias free and with the
# bias penalized.
plt.show()

# %%
# With the bias decayed, the line in Kelvin lies far below the data, because it has been pulled
# towards absolute zero, and its slope is wrong, too. In a network with hidden layers
# the same holds at the output, whatever the layers: add a number to all targets and to the last
# bias, and neither E₀ nor R changes.

network = networks[0.03]
targets = truth(grid)
before = network.error(grid, targets, 0.03)
network.biases[-1][:] += 273.15
after = network.error(grid, targets + 273.15, 0.03)
print(f"E {before:.6f} in Celsius, {after:.6f} in Kelvin")
assert np.isclose(after, before)
