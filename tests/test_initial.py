"""Initial weights: the rules against their formulas, functions of the user's, and where they go."""

import copy

import numpy as np
import pytest

from pyl2 import Backprop, MLPClassifier, MLPRegressor, Network, compare
from pyl2.network import fresh_network

SIZES = (400, 300, 200)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("init", "gain"), [("he", 2.0), ("lecun", 1.0)])
def test_variance_is_gain_over_fan_in(init, gain, dtype):
    network = Network(SIZES, "relu", dtype=dtype, seed=0, init=init)
    for W, b in zip(network.weights, network.biases, strict=True):
        z = W.astype(float) / np.sqrt(gain / W.shape[0])
        assert abs(z.mean()) < 4 / np.sqrt(W.size)
        assert abs(z.std() - 1) < 4 / np.sqrt(2 * W.size)
        assert abs((z**4).mean() - 3) < 4 * np.sqrt(96 / W.size)  # normal, not uniform
        assert not b.any()


def test_he_keeps_the_size_of_what_passes_through_relus():
    """The reason for the rule: the mean square stays over ten layers; lecun halves it in each."""
    x = np.random.default_rng(0).normal(size=(200, 400))
    shares = {}
    for init in ("he", "lecun"):
        *hidden, _ = Network((400,) * 11 + (1,), "relu", seed=0, init=init).activations(x)
        shares[init] = (hidden[-1] ** 2).mean() / (hidden[0] ** 2).mean()
    assert 0.5 < shares["he"] < 2
    assert shares["lecun"] == pytest.approx(shares["he"] / 2**9, rel=1e-9)


def test_glorot_is_scikit_learns_rule_by_hand():
    rng = np.random.default_rng(3)
    for W, b, kind in zip(
        *(lambda n: (n.weights, n.biases))(Network((5, 4, 3, 2), ("logistic", "tanh"), seed=3)),
        (2, 6, 6),
        strict=True,
    ):
        bound = np.sqrt(kind / sum(W.shape))
        np.testing.assert_array_equal(W, rng.uniform(-bound, bound, W.shape))
        np.testing.assert_array_equal(b, rng.uniform(-bound, bound, b.shape))


def ones(layer, fan_in, fan_out, rng):
    return np.full((fan_in, fan_out), layer + 1), rng.uniform(size=fan_out)


def test_a_function_gets_each_layer_and_the_generator():
    network = Network((3, 2, 1), seed=7, init=ones)
    rng = np.random.default_rng(7)
    for layer, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        assert np.all(layer + 1 == W)
        np.testing.assert_array_equal(b, rng.uniform(size=b.shape))


@pytest.mark.parametrize(
    ("result", "kind", "told"),
    [
        (None, TypeError, "pair"),
        ((1,), ValueError, "pair"),
        ((np.ones((3, 2)), np.ones(3)), ValueError, r"shapes \(3, 2\) and \(2,\)"),
        ((np.ones((2, 3)), np.ones(2)), ValueError, "shapes"),
        ((np.full((3, 2), np.nan), np.ones(2)), ValueError, "NaN"),
        ((np.ones((3, 2), complex), np.ones(2)), TypeError, "real numbers"),
        (("ab", "cd"), TypeError, "real numbers"),
    ],
)
def test_what_a_function_must_return(result, kind, told):
    with pytest.raises(kind, match=f"init's result for layer 0.*{told}"):
        Network((3, 2), seed=0, init=lambda *given: result)


def test_the_rule_goes_with_the_network(tmp_path):
    """To copies, files and new beginnings; a function not into a file."""
    network = Network((3, 4, 1), "relu", seed=0, init="he")
    network.save(tmp_path / "net.pyl2")
    trainer = Backprop(network, seed=0)
    trainer.save(tmp_path / "training.pyl2")
    for again in (
        copy.deepcopy(network),
        Network.load(tmp_path / "net.pyl2"),
        Backprop.load(tmp_path / "training.pyl2").network,
    ):
        assert again.init == "he"
        np.testing.assert_array_equal(
            fresh_network(again, 5).params, Network((3, 4, 1), "relu", seed=5, init="he").params
        )
    Network((3, 1), seed=0, init=ones).save(tmp_path / "net.pyl2")
    assert Network.load(tmp_path / "net.pyl2").init == "glorot"
    x = np.linspace(-1, 1, 12).reshape(4, 3)
    seen = []

    def watched(*given):
        seen.append(given[0])
        return ones(*given)

    compare(x, x[:, :1], Network((3, 1), seed=0, init=watched), methods="sgd", evaluations=8,
            seeds=2, test=(x, x[:, :1]))  # fmt: skip
    assert len(seen) == 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("made", [MLPClassifier, MLPRegressor])
def test_estimators_begin_as_networks_do(made):
    x, y = np.linspace(-1, 1, 12).reshape(4, 3), [0, 1, 0, 1]
    seen = []

    def watched(layer, fan_in, fan_out, rng):
        seen.append((layer, fan_in, fan_out))
        return rng.normal(size=(fan_in, fan_out)), np.zeros(fan_out)

    made(hidden_layer_sizes=5, solver="lbfgs", max_iter=1, random_state=0, init=watched).fit(x, y)
    assert seen == [(0, 3, 5), (1, 5, 1)]
    he = made(
        hidden_layer_sizes=5,
        solver="sgd",
        learning_rate_init=1e-30,
        max_iter=1,
        init="he",
        random_state=0,
    )
    he.fit(x, y)
    rng = np.random.RandomState(0)
    np.testing.assert_allclose(he.coefs_[0], rng.normal(0, np.sqrt(2 / 3), (3, 5)), atol=1e-20)
    assert np.abs(he.intercepts_[0]).max() < 1e-20
    with pytest.raises(ValueError, match="init='he'"):
        he.to_sklearn()
