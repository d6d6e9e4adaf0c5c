"""Activations that store their slope: leaky_relu, elu, selu, softplus, silu, gelu, gelu_tanh, mish.

Their gradients beside PyTorch's are in test_gradient, 50 updates in test_decay.
"""

from functools import lru_cache

import mpmath
import numpy as np
import pytest
import reference
from scipy.sparse import csr_array
from test_kernels import KIND, Kernel, all_close, close, gradient_rates, state_of, update_of
from ways import SHAPES, assert_every_way, assert_interleaved, ways

from pyl2 import Backprop, MLPClassifier, MLPRegressor, Network, _core, l2_path
from pyl2._common import activations

FURTHER = [name for name in reference.ACTIVATIONS if name not in reference.CLASSIC]
KINDS = [*FURTHER, ("leaky_relu", 0.3), ("leaky_relu", 0.0), ("elu", 2.5)]
ACTIVATION = pytest.mark.parametrize("activation", KINDS, ids=str)


def test_every_activation_has_a_row_in_python():
    assert tuple(activations.NUMBERS) == _core.ACTIVATIONS
    for name, number in activations.NUMBERS.items():
        given = activations.engine_pair(name)[1]
        assert given == (0 if number is None else number.usual)
        core = _core.Net((1, 1, 1), (name,), "identity", "d")
        found = [np.empty(2) for _ in range(2)]
        core.activations(np.array([1.0, 0, 0, 0]), np.full((1, 1), -0.5), found[0])
        core = _core.Net((1, 1, 1), ((name, given),), "identity", "d")
        core.activations(np.array([1.0, 0, 0, 0]), np.full((1, 1), -0.5), found[1])
        np.testing.assert_array_equal(*found)


# ---- the functions ----

SELU = mpmath.mpf("1.0507009873554804934193349852946")
SELU_LOW = SELU * mpmath.mpf("1.6732632423543772848170429916717")


def gelu_argument(z):
    return mpmath.sqrt(8 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3)


# The function, and its error in ULP where the result is a normal number.
FUNCTIONS = {
    "elu": (lambda z: z if z > 0 else mpmath.expm1(z), 2),
    "selu": (lambda z: SELU * z if z > 0 else SELU_LOW * mpmath.expm1(z), 4),
    "softplus": (lambda z: mpmath.log1p(mpmath.exp(z)), 2),
    "silu": (lambda z: z / (1 + mpmath.exp(-z)), 3),
    "gelu": (lambda z: z * mpmath.erfc(-z / mpmath.sqrt(2)) / 2, 6),
    "gelu_tanh": (lambda z: z / (1 + mpmath.exp(-gelu_argument(z))), 4),
    "mish": (lambda z: z * mpmath.tanh(mpmath.log1p(mpmath.exp(z))), 4),
}


@lru_cache
def arguments(dtype):
    random = np.random.default_rng(0)
    tail, end = (14, 100) if dtype == "f" else (39, 750)
    parts = [random.uniform(-a, a, n) for a, n in ((1, 400), (6, 800), (tail, 400), (end, 200))]
    small = np.geomspace(1e-30, 1, 100)
    return np.concatenate([*parts, small, -small]).astype(dtype)


@lru_cache
def exact(name, dtype):
    """The value in float64 and what that rounding lost; the slope in float64."""
    f, _ = FUNCTIONS[name]
    with mpmath.workprec(160):
        z = [mpmath.mpf(float(v)) for v in arguments(dtype)]
        values = [f(v) for v in z]
        high = np.array([float(v) for v in values])
        lost = np.array([float(v - h) for v, h in zip(values, high, strict=True)])
        slopes = np.array([float(mpmath.diff(f, v)) for v in z[::8]])
    return high, lost, slopes


@KIND
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy(name, dtype, isa):
    """ULP of the value; of gelu_tanh more as its exponent is large, whose rounding it has.

    Where p of z p(z) is no normal number the result is anything from it to 0.  Slopes are of the
    order of 1, and right to a few roundings of that.
    """
    z, (value, lost, slopes) = arguments(dtype), exact(name, dtype)
    limits = np.finfo(dtype)
    net = _core.Net((1, 1, 1), (name,), "identity", dtype, isa)
    out = np.empty(2 * len(z), dtype)
    net.activations(np.array([1, 0, 0, 0], dtype), z[:, None], out)
    actual = out[: len(z)].astype(float)
    normal = np.abs(value) > 800 * limits.tiny
    assert np.abs(actual[~normal] - value[~normal]).max(initial=0) <= 800 * limits.tiny
    ulp = np.ldexp(1.0, np.frexp(value[normal])[1] - limits.nmant - 1)
    errors = np.abs((actual[normal] - value[normal]) - lost[normal]) / ulp
    bound = FUNCTIONS[name][1] + np.zeros(len(errors))
    if name == "gelu_tanh":
        bound += 3 * np.abs(reference.gelu_argument(z[normal].astype(float))) * (z[normal] < 0)
    worst = (errors / bound).argmax()
    assert errors[worst] <= bound[worst], f"{errors[worst]:.2f} ULP at {z[normal][worst]}"
    found = np.empty((len(z[::8]), 1, 1), dtype)
    net.input_gradient(np.array([1, 1, 0, 0], dtype), np.ascontiguousarray(z[::8, None]), found)
    assert np.abs(found.ravel() - slopes).max() <= 4 * limits.eps


@KIND
@pytest.mark.parametrize("name", FURTHER)
def test_special_values(name, dtype, isa):
    """NaN of either sign passes on; far out the function and its slope are their limits."""
    net = _core.Net((1, 1, 1), (name,), "identity", dtype, isa)
    below = {"leaky_relu": -np.inf, "elu": -1, "selu": -1.7580993408473769}.get(name, 0)
    high = 1.0507009873554805 if name == "selu" else 1
    slope = 0.01 if name == "leaky_relu" else 0
    for z, value, slopes in (
        (np.nan, np.nan, None),
        (-np.nan, np.nan, None),
        (np.inf, np.inf, high),
        (-np.inf, below, slope),
        (1e30, high * 1e30, high),
        (0.0, np.log(2) if name == "softplus" else 0, None),
    ):
        out = np.empty(2, dtype)
        net.activations(np.array([1, 0, 0, 0], dtype), np.full((1, 1), z, dtype), out)
        np.testing.assert_allclose(out[0], value, rtol=4 * np.finfo(dtype).eps)
        if slopes is not None:
            found = np.empty((1, 1, 1), dtype)
            net.input_gradient(np.array([1, 1, 0, 0], dtype), np.full((1, 1), z, dtype), found)
            np.testing.assert_allclose(found, slopes, rtol=4 * np.finfo(dtype).eps)


# ---- every way through the kernels ----


@lru_cache(maxsize=1)
def case(activation, shape):
    output = ("identity", "softmax")[shape[-1] == 3]
    return ways(reference.Net(shape, (activation,) * (len(shape) - 2), output))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@ACTIVATION
@KIND
def test_every_way_through_the_kernels(dtype, isa, activation, shape):
    assert_every_way(case(activation, shape), dtype, isa)


@KIND
def test_layers_of_different_kinds_and_sizes(dtype, isa):
    """Some store slopes, some do not; and a large layer, whose products are packed."""
    hidden = "silu", "tanh", ("elu", 0.5), "relu", "gelu"
    for widths in ((6, 5, 4, 3, 7), (33, 18, 17, 40, 5), (9, 8, 1400, 300, 3)):
        net = reference.Net((5, *widths, 2), hidden, "identity")
        params, x, y, s = reference.make_problem(net, 70)
        data = params, x, y, s, gradient_rates(net)
        kernel = Kernel(net, dtype, isa)
        close(kernel.gradient(*data), net.gradient(*data), dtype)
        close(kernel.input_gradient(params, x), net.input_gradient(params, x), dtype)
        update = update_of(net, "sgd", eta=1e-3)
        args = params, state_of(net, "sgd"), 0, x, y, update, s, None, 35
        all_close(kernel.epoch(*args), net.epoch(*args), dtype)


@ACTIVATION
@KIND
def test_interleaved(dtype, isa, activation):
    assert_interleaved(reference.make_net(activation, "softmax", 2), dtype, isa)


@ACTIVATION
@KIND
def test_sparse_rows(dtype, isa, activation):
    net = reference.make_net(activation, "identity", 2)
    params, x, y, s = reference.make_problem(net, 20)
    x[np.random.RandomState(0).rand(*x.shape) < 0.6] = 0
    kernel = Kernel(net, dtype, isa)
    grad = kernel.full(len(params))
    args = [kernel.cast(v) for v in (params, y, s)]
    rates = np.zeros(len(net.shapes))
    kernel.core.gradient(args[0], csr_array(kernel.cast(x)), *args[1:], rates, grad)
    close(grad, net.gradient(params, x, y, s), dtype)


@KIND
@pytest.mark.parametrize("shape", [(5, 40, 3), (3, 4, 2)], ids=str)
def test_rows_of_weight_0_may_overflow(dtype, isa, shape):
    """What their slopes became is nobody's affair."""
    for activation in FURTHER:
        net = reference.Net(shape, (activation,), "identity")
        params, x, y, s = reference.make_problem(net, 80)
        wild, s[3::7] = x.copy(), 0
        wild[3::7] = float(np.finfo(dtype).max) / 2
        kernel = Kernel(net, dtype, isa)
        close(kernel.gradient(params, x, y, s), net.gradient(params, x, y, s), dtype)
        np.testing.assert_array_equal(
            kernel_gradient(kernel, params, wild, y, s), kernel_gradient(kernel, params, x, y, s)
        )


def kernel_gradient(kernel, params, x, y, s):
    grad = kernel.full(len(params))
    args = [kernel.cast(v) for v in (params, x, y, s)]
    kernel.core.gradient(*args, np.zeros(2), grad)
    return grad


@KIND
def test_selu_keeps_mean_and_variance(dtype, isa):
    """With weights of variance 1/fan_in, which is init="lecun": the reason for its constants."""
    rng = np.random.RandomState(0)
    net = reference.Net((300,) * 8 + (1,), ("selu",) * 7, "identity")
    weights = [rng.normal(0, 1 / np.sqrt(i), i * o) for i, o in net.shapes]
    params = np.concatenate([*weights, np.zeros(net.n_params - net.n_weights)])
    *hidden, _ = Kernel(net, dtype, isa).activations(params, rng.normal(size=(400, 300)))
    assert abs(hidden[-1].mean()) < 0.1
    assert 0.7 < hidden[-1].var() < 1.3


# ---- numbers, and where they go ----


@pytest.mark.parametrize(
    ("hidden", "kind", "told"),
    [
        (("leaky_relu", 1.5), ValueError, r"hidden: the slope of leaky_relu .* \[0, 1\], got 1.5"),
        (("leaky_relu", -0.1), ValueError, "slope of leaky_relu"),
        (("leaky_relu", None), TypeError, "slope of leaky_relu must be a number"),
        (("elu", 1e4), ValueError, r"α of elu .* \[0, 1000\]"),
        (("elu", np.nan), ValueError, "α of elu"),
        (("selu", 1.0), ValueError, "hidden: selu takes no number"),
        (("tanh", 0.5), ValueError, "hidden: tanh takes no number"),
        ("swish", ValueError, "hidden must be one of identity, .*mish, got 'swish'"),
        ([("elu", 1.0), "tanh"], ValueError, "one per hidden layer"),
        ([("elu", 1.0, 2.0)], ValueError, "hidden must be one of"),
    ],
)
def test_bad_activations(hidden, kind, told):
    with pytest.raises(kind, match=told):
        Network((2, 3, 1), hidden)
    if isinstance(hidden, tuple):
        with pytest.raises(kind, match=told.replace("hidden", "activation")):
            MLPRegressor(activation=hidden).fit([[0.0], [1.0]], [0.0, 1.0])


def test_the_number_goes_with_the_network(tmp_path):
    hidden = (("leaky_relu", 0.2), "elu", ("elu", 0.5))
    network = Network((2, 3, 4, 3, 1), list(hidden), seed=0)
    assert network.hidden == hidden
    Backprop(network, seed=0).save(tmp_path / "training.pyl2")
    X = [[0.5, -1.0], [1.0, 0.0]]
    for again in (
        Backprop.load(tmp_path / "training.pyl2").network,
        l2_path(network, X, [0.5, 1], [1.0], optimizer="sgd", eta=1e-300, epochs=1).network(0),
    ):
        assert again.hidden == hidden
        np.testing.assert_array_equal(again.predict(X), network.predict(X))
    assert Network((2, 3, 4, 1), ("elu", 0.5)).hidden == (("elu", 0.5),) * 2
    assert Network((2, 3, 4, 1), ["elu", "selu"]).hidden == ("elu", "selu")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ["mish", ("leaky_relu", 0.2), ["gelu", ("elu", 0.5)]])
def test_estimators_take_them(activation):
    X = np.random.RandomState(0).randn(60, 3)
    y = X[:, 0] * X[:, 1] > 0
    model = MLPClassifier((6, 5), activation, solver="lbfgs", max_iter=300, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.95
    pair = list(activation) if isinstance(activation, list) else [activation] * 2
    assert list(model._network.hidden) == pair
    with pytest.raises(ValueError, match="no activation="):
        model.to_sklearn()
