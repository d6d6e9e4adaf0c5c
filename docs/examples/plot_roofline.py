"""How near to the machine's limit
===============================

Each workload of the benchmarks as a point: how many operations it makes for each byte that it must
move at least, and how many per cent of the core's peak pyl2 reaches (filled) beside the fastest of
the other libraries (open).

A batch reads and writes every parameter, with the optimizer's state, and reads its rows: a large
batch makes much of each byte, a single row next to nothing. The slopes are what this core moves
from its second cache and from memory: left of a slope's end data is what limits, right of it
arithmetic. What keeps the small networks below both is neither: an item of 4-7-3 learned online is
a chain of operations each of which waits for the one before (W1), and a single row costs a call.

The first layer needs no product back to the data, but by custom is counted: more than 100 % is
possible. The numbers are those of one core of a Zen 4 server, float32, AVX-512 in halves;
``bench/roofline.py`` prints them from the results of the benchmarks, which :doc:`/speed` explains.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

# Name, operations a byte, pyl2's per cent of the peak, the best rival's.
POINTS = (
    ("W1", 0.588, 2, 1.16),
    ("W2", 16.7, 53, 18.2),
    ("W3", 7.69, 61.6, 44),
    ("W4", 14.1, 90.2, 59.3),
    ("W5", 7.13, 87.4, 63.5),
    ("W6-SGD", 88.2, 113, 97.6),
    ("W6-AdamW", 30.8, 103, 88.3),
    ("W7", 341, 108, 95.3),
    ("W8", 9.8, 9.98, 4.34),
    ("W9", 39.6, 66, 51.1),
    ("W11", 21.2, 53.4, 36.6),
    ("W12", 125, 50.5, 23.7),
    ("predict-1", 0.489, 9.09, 2.69),
    ("predict-10k", 63.2, 80.7, 65.5),
)
PEAK = 116  # GFLOP/s
PLACES = {"W5": (-22, 4), "W3": (6, -12), "W2": (-18, -10), "predict-10k": (-18, -24)}  # of names
ROOFS = {"second cache": 180, "memory": 56}  # GB/s


def figure():
    """Return the drawing."""
    fig, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    x = np.geomspace(0.3, 1000, 200)
    for (name, bandwidth), style in zip(ROOFS.items(), ("-", "--"), strict=True):
        axes.plot(x, np.minimum(100, 100 * bandwidth * x / PEAK), style, color="0.6", label=name)
    for name, intensity, ours, theirs in POINTS:
        axes.plot([intensity] * 2, [ours, theirs], color="0.8", zorder=1)
        axes.plot(intensity, ours, "o", color="black", zorder=2)
        axes.plot(intensity, theirs, "s", color="0.4", markerfacecolor="white", zorder=2)
        place = PLACES.get(name, (4, 5))
        axes.annotate(name, (intensity, ours), place, textcoords="offset points", fontsize=9)
    axes.plot([], [], "o", color="black", label="pyl2")
    axes.plot([], [], "s", color="0.4", markerfacecolor="white", label="fastest other library")
    axes.set(xscale="log", yscale="log", ylim=(0.7, 200))
    axes.set(xlabel="operations a byte, at most", ylabel="% of the core's peak")
    axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    axes.set_yticks([1, 10, 100], ["1", "10", "100"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return fig


figure()
# Alt: Per cent of the core's peak against operations for each byte, both logarithmic, with the
# limits of second cache and memory. pyl2 reaches between 2 % (W1) and 113 % (W6-SGD), everywhere
# more than the fastest other library.
# Caption: Each point is a workload: full pyl2, open the fastest other library.
plt.show()
