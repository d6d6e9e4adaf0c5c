"""A swarm, a gradient, and both
=============================

Swarm, gradient, and both, on the smallest network for exclusive or, which has false valleys.

A 2-2-1 network learns four clouds of points, opposite ones alike; all trainers minimise the same
penalized error E = E₀ + R with n = N.  Left: how many of 40 starts have solved the task (E < 0.05)
after so many evaluations; one is a forward pass over all rows, a gradient counts as three.  Second:
E at the end of each run.  L-BFGS arrives at once, but from every other start in a valley that does
not solve the task.  The swarm is slow, and in nine of ten finds one that does; L-BFGS takes what a
short swarm has found to the floor at once.  Right: the probabilities that a network gives, trained
without and with the swarm, from a start that leads L-BFGS astray.

A few more starts of L-BFGS would be cheaper here, because each needs at most 200 evaluations; and
where gradients seldom lead astray, as in larger networks, the swarm has nothing to add.  The hybrid
needs no class of its own: both trainers work on the same ``Network``.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from pyl2 import Backprop, Network, ParticleSwarm

SIZES = (2, 2, 1)
L2 = 0.02
PARTICLES = 40
BUDGET = 20_000  # evaluations
SHORT = 125  # iterations of the swarm before the gradient
GRADIENT = 3  # evaluations that a gradient counts
STARTS = 40
SOLVED = 0.05  # E below which the task is solved
ALONE, SWARM, HYBRID = "L-BFGS", "swarm", "swarm, then L-BFGS"
STYLES = {
    ALONE: {"color": "#d55e00"},
    SWARM: {"color": "0.5"},
    HYBRID: {"color": "black"},
}


def data():
    """Return four clouds, of which opposite ones are alike."""
    rng = np.random.default_rng(0)
    corners = np.repeat([[-1, -1], [-1, 1], [1, -1], [1, 1]], 30, axis=0)
    return corners + 0.25 * rng.normal(size=corners.shape), (corners.prod(axis=1) < 0).astype(float)


def swarm(network, X, y, seed, iterations):
    """Train by the swarm; return evaluations and E, iteration by iteration."""
    trainer = ParticleSwarm(network, PARTICLES, l2=L2, seed=seed)
    history = trainer.train(X, y, epochs=iterations)
    return PARTICLES * np.arange(1, len(history) + 1), history.error


def gradient(network, X, y, evaluations):
    """Train by L-BFGS; return evaluations and E, iteration by iteration."""
    trainer = Backprop(network, "lbfgs", l2=L2, n="train")
    history = trainer.train(X, y, epochs=evaluations // GRADIENT)
    return GRADIENT * np.arange(1, len(history) + 1), history.error


def train(name, X, y, seed):
    """Return the network that one way of training leaves, the evaluations and E on the way."""
    network = Network(SIZES, output="logistic", seed=seed)
    if name == ALONE:
        return network, *gradient(network, X, y, BUDGET)
    if name == SWARM:
        return network, *swarm(network, X, y, seed, BUDGET // PARTICLES)
    first, errors = swarm(network, X, y, seed, SHORT)
    then, better = gradient(network, X, y, BUDGET - first[-1])
    return network, np.append(first, first[-1] + then), np.append(errors, better)


def draw_map(axes, network, title, X, y):
    """Draw what a network gives over the plane, and the points."""
    span = np.linspace(-2, 2, 150)
    plane = np.stack(np.meshgrid(span, span), axis=-1)
    given = network.predict(plane.reshape(-1, 2)).reshape(plane.shape[:2])
    axes.contourf(span, span, given, np.linspace(0, 1, 11), cmap="gray", alpha=0.6)
    axes.contour(span, span, given, [0.5], colors="black")
    for value, marker, color in ((0, "o", "black"), (1, "^", "white")):
        points = X[y == value]
        axes.plot(*points.T, marker, color=color, markeredgecolor="black", markersize=4)
    axes.set(title=title, aspect="equal", xticks=[], yticks=[])


def figure():
    """Return how many runs get there, where they end, and what two of them have learned."""
    X, y = data()
    fig, (way, end, *maps) = plt.subplots(1, 4, figsize=(14, 3.8), layout="constrained")
    runs = {name: [train(name, X, y, seed) for seed in range(STARTS)] for name in STYLES}
    for column, (name, style) in enumerate(STYLES.items()):
        solved = [passed[error < SOLVED][:1] for _, passed, error in runs[name]]
        solved = np.sort(np.concatenate(solved))
        steps = np.concatenate([[GRADIENT], solved, [BUDGET]])
        share = np.concatenate([[0], np.arange(1, len(solved) + 1), [len(solved)]]) / STARTS
        way.step(steps, 100 * share, where="post", label=name, **style)
        spread = column + 0.12 * np.random.default_rng(0).normal(size=STARTS)
        ends = [errors[-1] for _, _, errors in runs[name]]
        end.plot(spread, ends, "o", alpha=0.6, markersize=4, **style)
    way.set(xscale="log", xlabel="evaluations", ylim=(0, 100), title="solved, % of the starts")
    way.legend(frameon=False, loc="upper left")
    end.set(yscale="log", title="E at the end")
    end.set_xticks(range(len(STYLES)), [name.replace(", ", ",\n") for name in STYLES])
    for axes in (way, end):
        axes.spines[["top", "right"]].set_visible(False)
    astray = next(seed for seed in range(STARTS) if runs[ALONE][seed][2][-1] > SOLVED)
    for axes, name in zip(maps, (ALONE, HYBRID), strict=True):
        draw_map(axes, runs[name][astray][0], name, X, y)
    return fig


figure()
# Alt: Share of 40 starts that have solved the task against evaluations: L-BFGS 48 % within 1,000,
# the swarm and the swarm followed by L-BFGS about 92 % after some 10,000. Next, E at the end of
# each run. Right, two maps: alone, L-BFGS ends in a boundary that takes one cloud for another;
# after the swarm it finds the diagonal band.
# Caption: How many starts get there, where they end, and what two of them have learned.
plt.show()
