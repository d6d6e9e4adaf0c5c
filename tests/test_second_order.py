"""jacobian and gauss_newton: against NumPy, differences, closed forms; threads; what is refused."""

import numpy as np
import pytest
from reference import ACTIVATIONS, CLASSIC, OUTPUTS, Net, away_from_kink, make_net, make_problem
from scipy.sparse import csr_array

from pyl2 import Network, _core
from pyl2.network import engine_of

DEPTH = pytest.mark.parametrize("depth", range(3))
ACTIVATION = pytest.mark.parametrize("activation", ACTIVATIONS)
OUTPUT = pytest.mark.parametrize("output", OUTPUTS)
ISA = pytest.mark.parametrize("isa", _core.ISAS)
STEP = 1e-5


def differences(f, at):
    """Central differences of f by each coordinate of a vector, in the last axis."""
    steps = STEP * np.eye(len(at))
    return np.stack([(f(at + h) - f(at - h)) / (2 * STEP) for h in steps], axis=-1)


def close(found, expected, share=1e-8):
    assert np.linalg.norm(found - expected) <= share * np.linalg.norm(expected)


# Shapes that fill panels of the Jacobian and blocks of rows, or not; many outputs; hardly any rows.
SHAPES = [
    ((5, 3), 7),
    ((5, 6, 3), 129),
    ((3, 95), 3),
    ((1, 33, 1), 300),
    ((7, 24, 1), 1),
    ((11, 17, 13, 2), 260),
    ((2, 3, 131), 5),
]


@ISA
@OUTPUT
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("sizes", "rows"), SHAPES)
def test_against_numpy(sizes, rows, output, weighted, isa):
    for activation in (*CLASSIC, "silu"):
        net = Net(sizes, (activation,) * (len(sizes) - 2), output)
        params, x, _, s = make_problem(net, rows)
        s = s if weighted else None
        core = _core.Net(sizes, net.hidden, output, "d", isa)
        jacobian = np.full((rows, sizes[-1], net.n_params), np.nan)
        core.jacobian(params, x, jacobian)
        np.testing.assert_allclose(jacobian, net.jacobian(params, x), atol=1e-12)
        found = np.full((net.n_params, net.n_params), np.nan)
        core.gauss_newton(params, x, s, found)
        assert np.array_equal(found, found.T)
        np.testing.assert_allclose(found, net.gauss_newton(params, x, s), rtol=1e-10, atol=1e-12)


@ACTIVATION
@DEPTH
def test_jacobian_against_differences(activation, depth, make_network):
    """Of the predictions of an identity output, which are the logits of any other."""
    net = make_net(activation, "identity", depth)
    params, x, _, _ = away_from_kink(net, 7)
    network = make_network(net, params)

    def outputs(at):
        network.params = at
        return network.predict(x)

    expected = differences(outputs, params)
    for output in OUTPUTS:
        other = make_network(Net(net.layer_sizes, net.hidden, output), params)
        close(other.jacobian(x), expected)


@OUTPUT
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_without_hidden_layers_it_is_the_hessian(output, weighted, make_network):
    """The links are canonical: there is nothing in the residuals."""
    net = make_net("identity", output, 0)
    params, x, y, s = make_problem(net, 40)
    terms = {"sample_weight": s if weighted else None}
    network, other = make_network(net, params), make_network(net, params)

    def gradient(at):
        other.params = at
        return other.gradient(x, y, **terms)

    error, grad, matrix = network.gauss_newton(x, y, **terms)
    assert error == network.error(x, y, **terms)
    assert np.array_equal(grad, network.gradient(x, y, **terms))
    close(matrix, differences(gradient, params))


@ACTIVATION
@OUTPUT
def test_at_residuals_of_0_it_is_the_hessian(output, activation, make_network):
    net = make_net(activation, output, 2)
    params, x, _, _ = away_from_kink(net, 20)
    network, other = make_network(net, params), make_network(net, params)
    y = network.predict(x)
    y = y / y.sum(axis=1, keepdims=True) if output == "softmax" else y

    def gradient(at):
        other.params = at
        return other.gradient(x, y)

    close(network.gauss_newton(x, y)[2], differences(gradient, params), 1e-7)


def test_class_indices_are_targets(make_network):
    net = make_net("tanh", "softmax", 1)
    params, x, y, _ = make_problem(net, 30, indices=True)
    network = make_network(net, params)
    of_indices, of_rows = network.gauss_newton(x, y), network.gauss_newton(x, np.eye(3)[y])
    for found, expected in zip(of_indices, of_rows, strict=True):
        assert np.array_equal(found, expected)


def test_float32_is_computed_as_float64(make_network):
    net = make_net("tanh", "softmax", 2)
    params, x, y, _ = make_problem(net, 30)
    narrow, wide = (make_network(net, params, dtype) for dtype in (np.float32, np.float64))
    assert np.array_equal(narrow.jacobian(x), wide.jacobian(x))
    y = y / y.sum(axis=1, keepdims=True)
    for found, expected in zip(narrow.gauss_newton(x, y), wide.gauss_newton(x, y), strict=True):
        assert np.array_equal(found, expected)
    assert narrow.jacobian(x).dtype == np.float64


def test_a_row_of_weight_0_is_none(make_network):
    net = make_net("tanh", "exp", 1)
    params, x, y, s = make_problem(net, 20)
    network = make_network(net, params)
    s[::3] = 0
    expected = network.gauss_newton(x[s > 0], y[s > 0], sample_weight=s[s > 0])[2]
    x[::3] = 1e300
    np.testing.assert_allclose(network.gauss_newton(x, y, sample_weight=s)[2], expected, rtol=1e-12)


@ISA
def test_same_bits_for_any_number_of_threads(isa):
    net = Net((9, 40, 12, 2), ("tanh", "relu"), "logistic")
    params, x, _, s = make_problem(net, 700)
    core = _core.Net(net.layer_sizes, net.hidden, net.output, "d", isa)
    matrices, jacobians = [], []
    for n_threads in (1, 2, 3, 7):
        matrices.append(np.empty((net.n_params, net.n_params)))
        core.gauss_newton(params, x, s, matrices[-1], n_threads)
        jacobians.append(np.empty((700, 2, net.n_params)))
        core.jacobian(params, x, jacobians[-1], n_threads)
    for found in (matrices, jacobians):
        assert all(np.array_equal(other, found[0]) for other in found[1:])


def test_rows_may_lie_anywhere(make_network):
    net = make_net("tanh", "identity", 1)
    params, x, y, _ = make_problem(net, 20)
    network = make_network(net, params)
    backwards = network.gauss_newton(x[::-1], y[::-1])[2]
    close(backwards, network.gauss_newton(x, y)[2], 1e-14)
    wide = np.repeat(x, 2, axis=0)[::2]
    assert np.array_equal(network.jacobian(wide), network.jacobian(x))


def test_no_rows():
    assert Network((2, 3, 1), seed=0).jacobian(np.empty((0, 2))).shape == (0, 1, 13)
    with pytest.raises(ValueError, match="X has no rows"):
        Network((2, 3, 1), seed=0).gauss_newton(np.empty((0, 2)), np.empty((0, 1)))


def test_sparse_rows_are_refused_by_name():
    network, X = Network((2, 3, 1), seed=0), csr_array(np.eye(2))
    with pytest.raises(TypeError, match="jacobian needs a dense X"):
        network.jacobian(X)
    with pytest.raises(TypeError, match="gauss_newton needs a dense X"):
        network.gauss_newton(X, [0.0, 1.0])


@pytest.mark.parametrize("verb", ["jacobian", "gauss_newton"])
def test_the_core_looks_at_what_it_is_given(verb):
    core = _core.Net((2, 1), (), "identity", "d")
    good = {"jacobian": [], "gauss_newton": [None]}[verb]
    shape = {"jacobian": (4, 1, 3), "gauss_newton": (3, 3)}[verb]
    call = getattr(core, verb)
    call(np.ones(3), np.ones((4, 2)), *good, np.empty(shape))
    with pytest.raises(ValueError, match="out must have shape"):
        call(np.ones(3), np.ones((4, 2)), *good, np.empty((2, *shape[1:])))
    with pytest.raises(TypeError, match="dense X"):
        call(np.ones(3), csr_array(np.ones((4, 2))), *good, np.empty(shape))
    narrow = getattr(_core.Net((2, 1), (), "identity", "f"), verb)
    with pytest.raises(TypeError, match="float64 alone"):
        narrow(np.ones(3, np.float32), np.ones((4, 2), np.float32), *good, np.empty(shape))


def test_what_overflows_is_not_hidden():
    network = Network((1, 1), output="exp", seed=0)
    network.params = [1.0, 0.0]
    assert not np.isfinite(network.gauss_newton([[800.0]], [1.0])[2]).any()


def test_memory_is_that_of_the_matrix():
    """Rows x d are never held."""
    import tracemalloc

    net = Net((20, 30, 1), ("tanh",), "identity")
    params, x, y, _ = make_problem(net, 5000)
    network = Network(net.layer_sizes, seed=0)
    network.params = params
    tracemalloc.start()
    network.gauss_newton(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The work is the core's own: 129 rows of the Jacobian, and a block on its way.
    assert peak < 8 * net.n_params**2 + 2**22
    assert engine_of(network).n_params == net.n_params
