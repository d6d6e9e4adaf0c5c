"""Network.gradient and .input_gradient against differences and against PyTorch's frozen values."""

import numpy as np
import pytest
from make_frozen import GRADIENTS, GradientCase
from reference import OBJECTIVES, away_from_kink, make_net

from pyl2 import _core

STEP = 1e-5
WEIGHTS = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


DEPTH = pytest.mark.parametrize("depth", range(4))
ACTIVATION = pytest.mark.parametrize("activation", _core.ACTIVATIONS)


def slopes(f, at):
    """Central differences of f by each coordinate of a vector, in the last axis."""
    steps = STEP * np.eye(len(at))
    return np.stack([(f(at + h) - f(at - h)) / (2 * STEP) for h in steps], axis=-1)


def assert_gradient(case, make_network, expected):
    """E and its gradient are those of PyTorch: E0, R, gradient."""
    (params, x, y, s), (e0, r, *expected) = case.problem, expected
    network = make_network(case.net, params)
    terms = {"l2": case.l2[: len(case.net.shapes)], "sample_weight": s}
    assert network.error(x, y, **terms) == pytest.approx(e0 + r, rel=1e-12)
    deviation = np.linalg.norm(network.gradient(x, y, **terms) - expected)
    assert deviation < 1e-10 * np.linalg.norm(expected)


def assert_differences(net, make_network, weighted, **kwargs):
    """The gradient is that of `error`, penalty included."""
    params, x, y, s = away_from_kink(net, 7, **kwargs)
    network = make_network(net, params)
    terms = {"l2": 0.8, "n": 3.0, "sample_weight": s if weighted else None}

    def error(at):
        network.params = at
        return network.error(x, y, **terms)

    gradient = network.gradient(x, y, **terms)
    expected = slopes(error, params)
    assert np.linalg.norm(gradient - expected) < 1e-6 * np.linalg.norm(expected)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("target", [*_core.OUTPUTS, "indices"])
@ACTIVATION
@DEPTH
@WEIGHTS
def test_gradient_against_differences(activation, target, depth, weighted, make_network):
    indices = target == "indices"
    net = make_net(activation, "softmax" if indices else target, depth)
    assert_differences(net, make_network, weighted, indices=indices)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("activation", ["tanh", "mish", ("leaky_relu", 0.3), ("elu", 2.0)], ids=str)
@WEIGHTS
def test_gradient_of_losses_against_differences(activation, objective, weighted, make_network):
    assert_differences(make_net(activation, objective, 2), make_network, weighted)


@pytest.mark.parametrize("case", GRADIENTS, ids=str)
def test_gradient_against_frozen_torch(case, make_network, frozen):
    assert_gradient(case, make_network, frozen[str(case)])


def test_every_row_has_a_frozen_value():
    seen = {(case.activation, case.output, case.depth) for case in GRADIENTS}
    assert {row[0] for row in seen} == set(_core.ACTIVATIONS)
    assert {row[1] for row in seen} == {*_core.OUTPUTS, *OBJECTIVES}


@pytest.mark.parametrize("output", _core.OUTPUTS)
@ACTIVATION
@DEPTH
def test_input_gradient_against_differences(activation, output, depth, make_network):
    net = make_net(activation, output, depth)
    params, x, _, _ = away_from_kink(net, 7)
    network = make_network(net, params)
    by_row = [slopes(lambda at: network.predict(at[None])[0], row) for row in x]
    np.testing.assert_allclose(network.input_gradient(x), by_row, atol=1e-6)


@pytest.mark.parametrize("l2", [0.8, (0.5, 0.1, 2.0)], ids=["one", "per layer"])
@pytest.mark.parametrize("n", ["batch", "train", 2.5])
@WEIGHTS
def test_penalty_is_lambda_over_n_times_the_weights(l2, n, weighted, make_network):
    """And nothing of it in the biases: bit for bit what they are without it."""
    case = GradientCase("tanh", "identity", 2)
    params, x, y, s = case.problem
    s = s if weighted else None
    network = make_network(case.net, params)
    rates = np.broadcast_to(l2, 3) / (n if n == 2.5 else np.sum(s) if weighted else len(x))
    plain = network.gradient(x, y, sample_weight=s)
    penalized = network.gradient(x, y, l2, n, sample_weight=s)
    added = case.net.spread(rates) * params
    np.testing.assert_allclose(penalized - plain, added, atol=1e-13)
    weights = case.net.n_weights
    assert np.array_equal(penalized[weights:], plain[weights:])
    r = network.error(x, y, l2, n, sample_weight=s) - network.error(x, y, sample_weight=s)
    assert r == pytest.approx(case.net.spread(rates) @ params**2 / 2, rel=1e-12)


def test_relu_has_slope_0_at_its_kink(make_network):
    """As scikit-learn and PyTorch have it: a unit that is exactly 0 learns nothing."""
    net = make_net("relu", "identity", 1)
    network = make_network(net, np.concatenate([np.ones(net.n_weights), np.zeros(6 + 3)]))
    gradient = network.gradient(np.zeros((2, 5)), np.ones((2, 3)))
    assert np.array_equal(np.flatnonzero(gradient), np.arange(net.n_params)[-3:])
