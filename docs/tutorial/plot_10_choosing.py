"""
10. How to choose λ
===================

By trying: train at many λ, and look at rows that were not trained on. This chapter does it, says
why there is a best λ at all, and how far to trust it.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from pyl2 import MLPRegressorCV, Network, bias_variance, l2_path
from pyl2.plots import BiasVarianceDisplay, ScoreDisplay

# %%
# A path
# ------
#
# `l2_path` trains a network at many λ, from the same start and on the same rows in the same
# order. With ``test=`` it holds rows out. We predict the progress of diabetes. (For brevity the
# columns are standardised once, by all rows; in earnest let a pipeline do it by the rows trained
# on.)

X, y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)
y = (y - y.mean()) / y.std()
start = Network((10, 40, 1), seed=0)
LAMBDAS = np.logspace(-2, 4, 19)
TRAINING = {"optimizer": "adam", "eta": 0.02, "epochs": 300, "seed": 0}

path = l2_path(start, X, y, LAMBDAS, test=0.2, **TRAINING)
ScoreDisplay.from_results(path).plot()
# Alt: R² against λ. On the training set it falls from 0.92 at λ = 0.01 to 0 at λ = 500. On the
# rows held out it is 0.06 at λ = 0.01, highest, 0.62, at λ = 10, and 0 from λ = 500 on.
# Caption: One path, and its scores on the training set and on one held-out fifth.
plt.show()

print(f"best on these rows: λ = {path.l2[path.best]:.3g}, R² = {path.test_score[path.best]:.3f}")
for end in (0, -1):
    print(f"λ = {path.l2[end]:g}: R² = {path.train_score[end]:.2f} and {path.test_score[end]:.2f}")
assert path.train_score[0] > 0.9
assert path.test_score[0] < 0.2
assert abs(path.test_score[-1]) < 0.1

# %%
# On the left the network has memorised nearly all of the targets' variance, noise included, and
# predicts new rows little better than their mean does. On the right it predicts the mean for all
# rows. Between them lies what we want. But the rows held out are few, and others would have said
# something else.
#
# Folds
# -----
#
# In cross-validation each row is held out once: five folds, a path on each. The mean over the
# folds is more reliable, and their spread shows how reliable: the rows above were easy ones.

folds = [
    l2_path(start, X[train], y[train], LAMBDAS, test=(X[test], y[test]), **TRAINING)
    for train, test in KFold(5, shuffle=True, random_state=0).split(X)
]
scores = np.transpose([fold.test_score for fold in folds])  # (λs, folds)
mean, error = scores.mean(axis=1), scores.std(axis=1, ddof=1) / np.sqrt(5)

# %%
# There are two customs of choosing. ``min`` takes the λ with the least mean error (here: the
# largest mean R²). ``1se``, from glmnet, takes the largest λ whose mean is within one standard
# error of that: the simplest network that is not clearly worse than the best.

best = mean.argmax()
within = np.flatnonzero(mean >= mean[best] - error[best])
chosen = {"min": LAMBDAS[best], "1se": LAMBDAS[within[-1]]}
trained_on = np.transpose([fold.train_score for fold in folds])
ScoreDisplay(LAMBDAS, trained_on, scores, choices=chosen, measure="R²").plot()
# Alt: Mean R² of five folds against λ, with bands of one standard error. Held out, it is -0.15 at
# λ = 0.01, highest, 0.49, at λ = 10, and 0 from λ = 500 on. The rule min marks λ = 10, the rule
# 1se λ = 46.
# Caption: The mean over five folds, and what both rules choose.
plt.show()

for rule, l2 in chosen.items():
    place = list(LAMBDAS).index(l2)
    norm = np.mean([np.linalg.norm(fold.norms[place]) for fold in folds])
    print(f"{rule}: λ = {l2:6.3g}, R² = {mean[place]:.3f} ± {error[place]:.3f}, ‖W‖ = {norm:.2f}")
print("best of each fold:", ", ".join(f"{fold.l2[fold.best]:.3g}" for fold in folds))
assert path.test_score[path.best] > mean[best] + 2 * error[best]
assert 0 < best < len(LAMBDAS) - 1
assert chosen["1se"] > chosen["min"]

# %%
# The folds do not agree on the best λ to better than a factor of several, and need not: the curve
# is flat at its top. Search λ by factors, three to a decade or fewer, and do not polish it.
# Should the best be the first or the last of those tried, try more on that side.
#
# In one call
# -----------
#
# `MLPRegressorCV` and `MLPClassifierCV` do all this, and train the network once more on all rows
# with the λ chosen. Their alphas are divided by the rows of the batch, as `MLPRegressor` has it;
# with ``n="train"`` they are the λ of above. The start and the orders of the rows are not those
# of above, and so the choice may be another by a step or two.

model = MLPRegressorCV(
    alphas=LAMBDAS,
    cv=KFold(5, shuffle=True, random_state=0),
    rule="1se",
    n="train",
    hidden_layer_sizes=(40,),
    activation="tanh",
    batch_size=32,
    learning_rate_init=0.02,
    max_iter=300,
    n_iter_no_change=300,
    random_state=0,
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # 300 epochs are wanted
    model.fit(X, y)
print(f"chosen alpha {model.alpha_:.3g}; R² on the training set {model.score(X, y):.2f}")
assert 3 < model.alpha_ < 300

# %%
# Why there is a best λ
# ---------------------
#
# The error on new rows has two parts that we can change: by how much the networks of different
# samples differ from each other (variance), and by how much their mean differs from the truth
# (bias). λ trades one for the other. To see both one needs many samples of the same truth, so
# here it is made up: a sine, twenty points with noise, forty times.

x = np.linspace(-3, 3, 100)[:, None]


def sample(rng):
    """Return another twenty points."""
    points = rng.uniform(-3, 3, (20, 1))
    return points, np.sin(points) + 0.4 * rng.normal(size=points.shape)


found = bias_variance(
    Network((1, 20, 1), seed=0),
    sample,
    x,
    np.sin(x),
    np.logspace(-3, 1.5, 10),
    draws=40,
    seed=0,
    optimizer="lbfgs",
    epochs=200,
)
BiasVarianceDisplay(found.l2, found.bias, found.variance).plot()
# Alt: Squared bias, variance and their sum against λ, both axes logarithmic. The variance falls
# from 0.56 to 0.026; the squared bias rises from 0.004 to 0.5. The sum is least, 0.09, at λ =
# 0.3.
# Caption: Bias and variance of networks trained on forty samples of the same truth.
plt.show()

total = found.bias + found.variance
print(f"least sum at λ = {found.l2[total.argmin()]:.3g}")
assert 0 < total.argmin() < len(total) - 1
assert found.variance[0] > 10 * found.bias[0]
assert found.bias[-1] > 10 * found.variance[-1]

# %%
# With little penalty the networks agree on average with the sine, and each on its own does not:
# nearly all of their error is variance. With much of it they agree with each other, on something
# else. New points have their own noise beside this, which no λ takes away.
