"""Minima that others find in their own ways, and scikit-learn's training step for step."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import reference
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor

from pyl2 import Backprop, Network


def solve(network, x, y, l2, **kwargs):
    """The minimum of E over all rows."""
    Backprop(network, "lbfgs", l2=l2).train(x, y, epochs=5000, **kwargs)
    return network


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("l2", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize("outputs", [1, 3])
def test_no_hidden_layer_is_ridge(outputs, l2, weighted):
    rng = np.random.RandomState(0)
    x, s = rng.randn(60, 5), rng.uniform(0.5, 2, 60) if weighted else None
    y = x @ rng.randn(5, outputs) + rng.randn(60, outputs) + 3
    ridge = Ridge(alpha=l2, tol=1e-12).fit(x, y, sample_weight=s)
    network = solve(Network((5, outputs), seed=0), x, y, l2, sample_weight=s)
    np.testing.assert_allclose(network.weights[0], ridge.coef_.T.reshape(5, outputs), atol=1e-6)
    np.testing.assert_allclose(network.biases[0], ridge.intercept_, atol=1e-6)


@pytest.mark.parametrize("l2", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("classes", [3, 5])
def test_softmax_without_hidden_layer_is_logistic_regression(classes, l2):
    rng = np.random.RandomState(0)
    x = rng.randn(120, 4)
    y = np.argmax(x @ rng.randn(4, classes) + rng.gumbel(size=(120, classes)), axis=1)
    other = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(x, y)
    network = solve(Network((4, classes), output="softmax", seed=0), x, y, l2)
    np.testing.assert_allclose(network.predict(x), other.predict_proba(x), atol=1e-5)
    np.testing.assert_allclose(network.weights[0], other.coef_.T, atol=1e-5)
    # No penalty fixes the sum of the intercepts.
    centred = [b - b.mean() for b in (network.biases[0], other.intercept_)]
    np.testing.assert_allclose(*centred, atol=1e-5)


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("output", reference.OUTPUTS)
def test_huge_lambda_leaves_the_mean(output, depth):
    """Weights vanish, and a bias alone fits best by the mean of the targets."""
    net = reference.make_net("tanh", output, depth)
    _, x, y, _ = reference.make_problem(net, 50)
    network = Network(net.layer_sizes, hidden=["tanh"] * depth, output=output, seed=0)
    solve(network, x, y, 1e6)
    assert all(np.abs(w).max() < 1e-3 for w in network.weights)
    np.testing.assert_allclose(network.predict(x), np.tile(y.mean(axis=0), (50, 1)), atol=1e-3)


# ---- scikit-learn's training, step for step ----


def initial_weights(sizes, factor, rng):
    """scikit-learn's rule, drawn in its order: each layer's weights, then its biases."""
    weights, biases = [], []
    for fan_in, fan_out in pairwise(sizes):
        bound = np.sqrt(factor / (fan_in + fan_out))
        weights.append(rng.uniform(-bound, bound, (fan_in, fan_out)))
        biases.append(rng.uniform(-bound, bound, fan_out))
    return np.concatenate([v.ravel() for v in (*weights, *biases)])


def trained_by_both(model, x, y, targets, output, **options):
    """scikit-learn's model and ours, from the same weights and through the same shuffles."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, y)
    sizes = (x.shape[1], *model.hidden_layer_sizes, model.n_outputs_)
    network = Network(sizes, hidden=model.activation, output=output)
    rng = np.random.RandomState(model.random_state)
    network.params = initial_weights(sizes, 2 if model.activation == "logistic" else 6, rng)
    trainer = Backprop(
        network,
        eta=model.learning_rate_init,
        l2=model.alpha,
        batch_size=model.batch_size,
        shuffle=model.shuffle,
        schedule=model.learning_rate,
        seed=rng,
        **options,
    )
    history = trainer.train(x, targets, epochs=model.max_iter)
    np.testing.assert_allclose(history.error, model.loss_curve_, rtol=1e-9)
    for ours, theirs in zip(network.weights, model.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
    for ours, theirs in zip(network.biases, model.intercepts_, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


def common(**kwargs):
    """Epochs of six batches, the last of 7 rows, and a lambda that shows."""
    return {
        "hidden_layer_sizes": (9, 5),
        "alpha": 0.5,
        "batch_size": 20,
        "max_iter": 25,
        "n_iter_no_change": 1000,
        "random_state": 0,
    } | kwargs


SOLVERS = {
    "sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.02},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.02},
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
}
SOLVER = pytest.mark.parametrize("optimizer", SOLVERS)
ACTIVATION = pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])


def made(rows=107):
    rng = np.random.RandomState(1)
    x = rng.randn(rows, 6)
    return x, x @ rng.randn(6, 3) + rng.randn(rows, 3)


@SOLVER
@ACTIVATION
def test_regressor(optimizer, activation):
    x, z = made()
    model = MLPRegressor(**common(activation=activation, **SOLVERS[optimizer]))
    trained_by_both(model, x, z[:, 0], z[:, :1], "identity", optimizer=optimizer)


@SOLVER
@ACTIVATION
def test_classifier_of_three_classes(optimizer, activation):
    x, z = made()
    y = z.argmax(axis=1)
    model = MLPClassifier(**common(activation=activation, **SOLVERS[optimizer]))
    trained_by_both(model, x, y, y, "softmax", optimizer=optimizer)


@SOLVER
@pytest.mark.parametrize("labels", [1, 3])
def test_classifier_of_labels(optimizer, labels):
    """Two classes, and several labels at once: logistic outputs."""
    x, z = made()
    y = (z[:, :labels] > 0).astype(int)
    model = MLPClassifier(**common(activation="tanh", **SOLVERS[optimizer]))
    trained_by_both(model, x, y.squeeze(), y, "logistic", optimizer=optimizer)


@pytest.mark.parametrize("schedule", ["invscaling", "adaptive"])
def test_schedule(schedule):
    """`adaptive` divides eta by 5 whenever E stands still, and ends the training at last."""
    x, z = made()
    stop = {"tol": 1e-3, "n_iter_no_change": 3}
    model = MLPRegressor(
        **common(learning_rate=schedule, max_iter=200, **SOLVERS["nesterov"] | stop)
    )
    trained_by_both(model, x, z[:, 0], z[:, :1], "identity", optimizer="nesterov", **stop)


def test_without_shuffle():
    x, z = made()
    model = MLPRegressor(**common(shuffle=False))
    trained_by_both(model, x, z[:, 0], z[:, :1], "identity", optimizer="adam")
