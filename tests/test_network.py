"""Network: its vector and views, initial weights, predictions, copies, files."""

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.neural_network import MLPRegressor

from pyl2 import Backprop, Network

SIZES = (3, 5, 4, 2)


def fill(network, seed=1):
    network.params = np.random.default_rng(seed).normal(size=network.params.size)
    return network


@pytest.fixture
def network():
    return fill(Network(SIZES, hidden=["relu", "logistic"], output="softmax"))


def assert_views(network):
    """Writing to the vector shows in the views, and the other way round."""
    network.params[...] = np.arange(network.params.size)
    flat = [view.ravel() for view in (*network.weights, *network.biases)]
    np.testing.assert_array_equal(np.concatenate(flat), network.params)
    network.biases[-1][...] = -1
    assert (network.params[-2:] == -1).all()


def test_views(network):
    assert_views(network)
    assert [W.shape for W in network.weights] == [(3, 5), (5, 4), (4, 2)]
    assert network.params.flags.c_contiguous
    kept = network.params
    network.params = np.zeros(kept.size)
    assert network.params is kept


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))]
)
def test_views_survive_copies(network, duplicate):
    X = np.ones((2, 3))
    again = duplicate(network)
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    assert (again.hidden, again.output) == (network.hidden, network.output)
    assert_views(again)
    Backprop(again).train(X, [0, 1], epochs=1)


def test_deepcopy_is_independent(network):
    again = copy.deepcopy(network)
    before = network.params.copy()
    again.params[...] = 0
    np.testing.assert_array_equal(network.params, before)


@pytest.mark.parametrize("hidden", ["tanh", "relu", "identity"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initial_weights_are_scikit_learns(hidden, dtype):
    X, Y = np.zeros((4, 3), dtype), np.zeros((4, 2), dtype)
    theirs = MLPRegressor((5, 4), activation=hidden, max_iter=1, random_state=7, alpha=0)
    theirs._random_state = np.random.RandomState(7)
    theirs._validate_input(X, Y, False, reset=True)
    theirs.n_outputs_ = 2
    theirs._initialize(Y, list(SIZES), np.dtype(dtype))
    ours = Network(SIZES, hidden=hidden, dtype=dtype, seed=np.random.RandomState(7))
    for mine, other in zip(ours.weights, theirs.coefs_, strict=True):
        np.testing.assert_array_equal(mine, other)
    for mine, other in zip(ours.biases, theirs.intercepts_, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_logistic_layers_start_smaller():
    network = Network((50, 40, 30), hidden="logistic", seed=0)
    assert abs(network.weights[0]).max() <= np.sqrt(2 / 90)
    assert abs(network.weights[1]).max() > np.sqrt(2 / 70)


def test_seeds():
    same = [Network(SIZES, seed=seed).params for seed in (3, np.random.default_rng(3))]
    np.testing.assert_array_equal(*same)
    assert not np.array_equal(Network(SIZES, seed=4).params, same[0])
    assert not np.array_equal(Network(SIZES).params, Network(SIZES).params)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_goes_in_decides_nothing(dtype):
    """Lists, integers, other floats and any strides give what a plain array gives."""
    network = fill(Network(SIZES, dtype=dtype))
    X = np.arange(12).reshape(4, 3)
    expected = network.predict(X.astype(dtype))
    assert expected.dtype == dtype
    wide = np.zeros((8, 6), dtype)
    wide[::2, ::2] = X
    reverse = np.ascontiguousarray(X[::-1], dtype)[::-1]
    read_only = X.astype(dtype)
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"x" + X.astype(dtype).tobytes(), dtype, offset=1).reshape(4, 3)
    swapped = X.astype(np.dtype(dtype).newbyteorder())
    forms = [X, X.tolist(), X.astype(np.float16), np.asfortranarray(X, dtype), wide[::2, ::2]]
    for form in [*forms, reverse, read_only, unaligned, swapped, X.astype(np.longdouble)]:
        np.testing.assert_array_equal(network.predict(form), expected)


def test_rows_are_read_where_they_lie():
    network = fill(Network(SIZES))
    X = np.random.default_rng(0).normal(size=(9, 8))
    np.testing.assert_array_equal(
        network.predict(X[::-2, 2:5]), network.predict(X[::-2, 2:5].copy())
    )
    np.testing.assert_array_equal(
        network.predict(np.broadcast_to(X[0, :3], (4, 3))), network.predict(X[[0] * 4, :3])
    )


def test_activations(network):
    X = np.random.default_rng(0).normal(size=(6, 3))
    found = network.activations(X)
    assert [a.shape for a in found] == [(6, 5), (6, 4), (6, 2)]
    np.testing.assert_array_equal(found[-1], network.predict(X))
    z = X @ network.weights[0] + network.biases[0]
    np.testing.assert_allclose(found[0], np.maximum(z, 0), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("output", ["identity", "logistic", "softmax", "exp"])
@pytest.mark.parametrize("sizes", [(3, 1), (3, 5, 1), (3, 70, 1), (3, 5, 4, 2), (80, 9, 1)])
def test_last_activations_are_the_predictions(sizes, output, dtype):
    """Bit for bit, whichever way the rows take through the network."""
    network = Network(sizes, output=output, dtype=dtype, seed=0)
    for rows in (1, 2, 63, 64, 65, 300):
        X = np.random.default_rng(rows).normal(size=(rows, sizes[0])).astype(dtype)
        for form in (X, csr_array(np.maximum(X, 0))):
            found = network.activations(form)
            assert [a.shape for a in found] == [(rows, units) for units in sizes[1:]]
            np.testing.assert_array_equal(found[-1], network.predict(form))


def test_no_rows(network):
    assert network.predict(np.empty((0, 3))).shape == (0, 2)
    assert network.input_gradient(np.empty((0, 3))).shape == (0, 2, 3)
    assert [a.shape for a in network.activations(np.empty((0, 3)))] == [(0, 5), (0, 4), (0, 2)]


def test_nan_passes_through_predictions():
    for hidden in ("identity", "logistic", "tanh", "relu"):
        for output in ("identity", "logistic", "softmax", "exp"):
            network = fill(Network((2, 3, 2), hidden, output))
            found = network.predict([[np.nan, 1.0], [0.0, 1.0]])
            assert np.isnan(found[0]).all()
            assert np.isfinite(found[1]).all()


def test_predict_from_many_threads(network):
    X = np.random.default_rng(0).normal(size=(1000, 3))
    expected = network.predict(X)
    found = [None] * 4

    def work(i):
        found[i] = [network.predict(X) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all(np.array_equal(p, expected) for results in found for p in results)


def test_save_and_load(network, tmp_path):
    path = tmp_path / "network.pyl2"
    network.save(path)
    again = Network.load(path)
    np.testing.assert_array_equal(again.params, network.params)
    assert (again.layer_sizes, again.hidden, again.output, again.dtype) == (
        network.layer_sizes,
        network.hidden,
        network.output,
        network.dtype,
    )
    assert_views(again)
    assert [entry.name for entry in tmp_path.iterdir()] == ["network.pyl2"]


def test_import_is_light():
    """Training brings NumPy at most; heavy libraries come when they are asked for."""
    code = (
        "import sys, pyl2; network = pyl2.Network((2, 1));"
        "pyl2.Backprop(network).train([[0, 1]], [1], 1); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"sklearn", "scipy", "rich", "matplotlib", "pandas"}
    assert not heavy & set(loaded.stdout.split())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_begin_with_a_cache_line(dtype, tmp_path):
    network = Network((3, 5, 2), dtype=dtype, seed=0)
    network.save(tmp_path / "network")
    for made in (network, Network.load(tmp_path / "network")):
        assert made.params.ctypes.data % 64 == 0
        assert made.params.shape == (32,)
        np.testing.assert_array_equal(made.params, network.params)
