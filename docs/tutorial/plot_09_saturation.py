"""
9. Saturated sigmoids
=====================

A logistic unit whose weights are large gives 0 or 1 for nearly every input. There it is flat, no
gradient passes through it, and it does not learn any more. The penalty keeps units out of there,
and brings back those that have gone.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pyl2 import Backprop, Network, l2_path
from pyl2.plots import SaturationDisplay

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.5, random_state=0, stratify=y)
start = Network((64, 30, 10), hidden="logistic", output="softmax", seed=0)

# %%
# Where units end
# ---------------
#
# The slope of a = 1 / (1 + exp(−z)) is a (1 − a): a quarter at most, and a fifth of that at a =
# 0.05 and 0.95. We call an output beyond these saturated. `l2_path` trains one network at many λ,
# all of them together, and counts them.

path = l2_path(
    start,
    *(X, y, np.logspace(-4, 1, 11)),
    test=(X_test, y_test),
    optimizer="momentum",
    eta=0.2,
    epochs=300,
    seed=0,
)
print(path)

SaturationDisplay.from_results(path).plot()
# Alt: Share of hidden units on the flat part of their activation against λ. It falls from 31 % at
# λ = 0.0001 to 0 at λ = 10.
# Caption: Saturated outputs of the hidden units after training, at many λ.
plt.show()

saturation = path.saturation[:, 0]
assert (np.diff(saturation) <= 0).all()
assert saturation[0] > 0.25
assert saturation[-1] < 0.02

# %%
# The larger λ, the fewer units are saturated. It is no goal in itself: the networks that know new
# digits best have some of them, and with the largest λ all units are so weak that the network is
# at a loss. (Still larger ones would leave each unit with its bias alone, which may again be
# anywhere: a constant is not what is meant by saturation.)
#
# A bad start
# -----------
#
# What if the weights begin too large? Here are the weights into the hidden units twenty times as
# large as they should be, so that two thirds of the outputs are saturated before anything is
# learned.


def outputs(network):
    """Return what the hidden units give for the training rows."""
    return network.activations(X)[0]


def share(network):
    """Return the share of saturated outputs, in per cent."""
    a = outputs(network)
    return 100 * ((a < 0.05) | (a > 0.95)).mean()


EPOCHS = 60
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ends = {}
print("  λ   saturated at the end   mean slope a(1 − a)   test accuracy")
for l2, line in ((0.0, "-"), (0.5, "--"), (2.0, ":")):
    network = Network((64, 30, 10), hidden="logistic", output="softmax", seed=0)
    network.weights[0][:] *= 20
    course = [share(network)]
    trainer = Backprop(network, eta=0.5, l2=l2, n="train", batch_size=10, seed=0)
    trainer.train(
        X, y, EPOCHS, callbacks=lambda t, _, course=course: course.append(share(t.network))
    )
    ax.plot(course, line, color="black", label=f"λ = {l2:g}")
    a = outputs(network)
    accuracy = (network.predict(X_test).argmax(axis=1) == y_test).mean()
    ends[l2] = course[-1]
    print(f"{l2:3g} {course[-1]:20.0f} % {(a * (1 - a)).mean():21.3f} {accuracy:15.3f}")
ax.set(xlabel="epoch", ylabel="saturated outputs, %", ylim=(0, None))
ax.legend(frameon=False)
# Alt: Share of saturated outputs over 60 epochs, from 67 % at the start. At λ = 0 it stays there,
# at λ = 0.5 it falls to 19 %, and at λ = 2 it falls to 3 % within 20 epochs.
# Caption: Units that start saturated come back only with a penalty.
plt.show()

assert ends[0.0] > 60 > 30 > ends[0.5] > ends[2.0]

# %%
# Without a penalty the units stay where they are: the gradient that could bring them back does
# not pass. (The network learns all the same, mostly by its last layer.) The decay needs no
# gradient; it takes its share off whether a unit learns or not, until the unit is back where it
# can.
