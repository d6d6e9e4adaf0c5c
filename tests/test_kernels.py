"""The binding's Net against reference.py: every type, instruction set, row of a table and edge."""

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
import reference
from reference import make_net, make_problem

from pyl2 import _core
from pyl2._common import outputs

# Stands above the other parameters: it then varies fastest, and kinds share a reference result.
KIND = pytest.mark.parametrize(
    ("dtype", "isa"),
    [pytest.param(*kind, id="-".join(kind)) for kind in product("fd", _core.ISAS)],
)
# In units of the largest entry: some hundred roundings.
TOLERANCE = {"f": 3e-5, "d": 1e-13}


@dataclass
class Kernel:
    """The binding's Net behind the signatures of reference.Net: arrays in, new arrays out."""

    net: reference.Net
    dtype: str
    isa: str

    def __post_init__(self):
        n = self.net
        shape = n.layer_sizes, n.hidden, n.output, self.dtype, self.isa
        self.core = _core.Net(*shape, loss=n.loss, label_smoothing=n.label_smoothing)

    def cast(self, v):
        """To the dtype, unless it has it (then strides and flags stay), or is None or indices."""
        return v if v is None or v.dtype.kind == "i" else np.asarray(v, dtype=self.dtype)

    def full(self, *shape, dtype=None):
        """Memory that fails the test wherever it is not written."""
        return np.full(shape, np.nan, dtype=dtype or self.dtype)

    def predict(self, params, x):
        out = self.full(len(x), self.net.layer_sizes[-1])
        self.core.predict(self.cast(params), self.cast(x), out)
        return out

    def activations(self, params, x):
        units = self.net.layer_sizes[1:]
        out = self.full(len(x) * sum(units))
        self.core.activations(self.cast(params), self.cast(x), out)
        parts = np.split(out, len(x) * np.cumsum(units)[:-1])
        return [part.reshape(len(x), -1) for part in parts]

    def errors(self, params, x, y, s=None, rates=0.0):
        rates = np.full((1, len(self.net.shapes)), rates, dtype=float)
        out = self.full(1, 2, dtype=float)
        args = (self.cast(v) for v in (params[None], x, y, s))
        self.core.errors(*args, rates, out)
        return out[0]

    def gradient(self, params, x, y, s=None, rates=0.0):
        rates = np.full(len(self.net.shapes), rates, dtype=float)
        grad = self.full(len(params))
        args = [self.cast(v) for v in (params, x, y, s)]
        close(
            self.core.gradient(*args, rates, grad), self.errors(params, x, y, s, rates), self.dtype
        )
        return grad

    def input_gradient(self, params, x):
        sizes = self.net.layer_sizes
        out = self.full(len(x), sizes[-1], sizes[0])
        self.core.input_gradient(self.cast(params), self.cast(x), out)
        return out

    def epochs(self, params, state, steps, x, y, updates, s=None, order=None, batch_size=1):
        """P networks; params (P, d), state (P, S d), steps (P,)."""
        params, state = (np.array(v, dtype=self.dtype) for v in (params, state))
        steps, out = np.array(steps, dtype=np.int64), self.full(len(params), 2, dtype=float)
        updates = [_core.Update(**asdict(u)) for u in updates]
        data = [self.cast(v) for v in (x, y, s)]
        self.core.epoch(params, state, steps, *data, order, batch_size, updates, out)
        return params, state, steps, out

    def epoch(self, params, state, t, x, y, update, *args, **kwargs):
        many = self.epochs([params], state.reshape(1, -1), [t], x, y, [update], *args, **kwargs)
        params, state_, t, out = (v[0] for v in many)
        return params, state_.reshape(state.shape), t, out


def close(actual, expected, dtype, err_msg=""):
    expected = np.asarray(expected)
    scale = np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=err_msg
    )


def all_close(actual, expected, dtype, err_msg=""):
    for a, e in zip(actual, expected, strict=True):
        close(a, e, dtype, err_msg)


def state_of(net, optimizer, seed=3):
    """A state as training leaves it: small velocities; first and second moments."""
    count = reference.OPTIMIZERS[optimizer][0]
    state = 1e-2 * np.random.RandomState(seed).rand(count, net.n_params)
    return state.astype(np.float32).astype(float)


# Optimizers and their decays that take a fraction of the weights, be it by and by.
SHRINKING = [
    (optimizer, decay)
    for optimizer, decay in product(_core.OPTIMIZERS, _core.DECAYS)
    if decay != "l2" or optimizer in reference.LINEAR
]


def update_of(net, optimizer, decay="decoupled", n=0.0, eta=0.02):
    """An epsilon that weighs beside the root: both places of it are seen, and float32 is tame."""
    l2 = tuple(np.linspace(0.2, 0.8, len(net.shapes)) / (20 if decay == "fraction" else 1))
    return reference.Update(optimizer, decay, eta, l2, n, epsilon=1e-2)


def gradient_rates(net):
    return np.linspace(0.1, 0.4, len(net.shapes))


def test_every_row_of_the_tables_has_a_reference():
    assert set(_core.ACTIVATIONS) == set(reference.ACTIVATIONS)
    assert set(_core.OUTPUTS) == set(reference.OUTPUTS) == set(outputs.OUTPUTS)
    own = {name: output.loss for name, output in outputs.OUTPUTS.items()}
    assert dict(_core.LOSSES[: len(own)]) == own
    more = {name: kind for kind, name in _core.LOSSES[len(own) :]}
    assert more == {name: row[0] for name, row in reference.LOSSES.items()}
    assert set(_core.LOSSES) == {
        (kind, name) for name, loss in outputs.LOSSES.items() for kind in loss.outputs
    }
    assert set(_core.OPTIMIZERS) == set(reference.OPTIMIZERS)
    assert set(_core.DECAYS) == set(reference.DECAYS)


def test_isa_is_the_one_asked_for(monkeypatch):
    """By the argument, else by the environment, else the fastest."""
    shape = (2, 1), (), "identity", "d"
    monkeypatch.delenv("PYL2_ISA", raising=False)
    assert _core.Net(*shape).isa == _core.ISAS[-1]
    for isa in _core.ISAS:
        monkeypatch.setenv("PYL2_ISA", isa)
        assert _core.Net(*shape).isa == isa
        assert _core.Net(*shape, _core.ISAS[0]).isa == _core.ISAS[0]


# ---- shapes: every pair of sizes meets in every pair of the places ----

SIZES = (1, 7, 8, 9, 15, 16, 17, 31, 33, 100, 784)
SHAPES = [
    (SIZES[i], SIZES[j], SIZES[(i + j) % 11], SIZES[(i + 2 * j) % 11])
    for i, j in product(range(11), repeat=2)
]


@lru_cache(maxsize=2)
def shape_case(inputs, hidden, outputs, batch):
    """Reference results on one full batch and a smaller one, shared by types and ISAs.

    No relu: among so many z, one rounds to the other side of the kink in float32.
    """
    pick = inputs + hidden + batch
    activation = ("tanh", "logistic", "identity")[pick % 3]
    output = tuple(reference.OUTPUTS)[pick % 4]
    net = reference.Net((inputs, hidden, outputs), (activation,), output)
    params, x, y, s = make_problem(net, batch + batch // 2 + 1)
    data = params, x, y, s, gradient_rates(net)
    trained = {}
    for optimizer in ("sgd", "adam"):
        # Small steps: exp of many inputs must not blow up.  A large decay: it must show.
        update = update_of(net, optimizer, "fraction", eta=0.4 / max(inputs, hidden, 8))
        args = params, state_of(net, optimizer), 4, x, y, update, s, None, batch
        trained[optimizer] = args, net.epoch(*args)
    expected = net.predict(params, x), net.errors(*data), net.gradient(*data)
    return net, data, expected, trained


@KIND
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shape(shape, dtype, isa):
    net, data, expected, trained = shape_case(*shape)
    kernel = Kernel(net, dtype, isa)
    actual = kernel.predict(*data[:2]), kernel.errors(*data), kernel.gradient(*data)
    all_close(actual, expected, dtype)
    for args, result in trained.values():
        all_close(kernel.epoch(*args), result, dtype)


@lru_cache(maxsize=1)
def large_case(width, rows):
    net = reference.Net((13, width, 17, 3), ("tanh", "logistic"), "softmax")
    params, x, y, s = make_problem(net, rows, indices=True)
    data = params, x, y, s, gradient_rates(net)
    order, trained = np.random.RandomState(0).permutation(rows), []
    for optimizer, batch in product(("sgd", "adam"), (rows, rows - 100)):
        update, state = update_of(net, optimizer), state_of(net, optimizer)
        args = params, state, 0, x, y, update, s, order, batch
        trained.append((args, net.epoch(*args)))
    expected = net.predict(params, x), net.errors(*data), net.gradient(*data)
    return net, data, expected, trained


@KIND
@pytest.mark.parametrize(("width", "rows"), [(33, 1001), (33, 5003), (100, 20001)])
def test_large_batch(width, rows, dtype, isa):
    """Rows pass in blocks, of unequal heights; the last case is done in several slices of time."""
    net, data, expected, trained = large_case(width, rows)
    kernel = Kernel(net, dtype, isa)
    actual = kernel.predict(*data[:2]), kernel.errors(*data), kernel.gradient(*data)
    all_close(actual, expected, dtype)
    for args, result in trained:
        all_close(kernel.epoch(*args), result, dtype)


@lru_cache(maxsize=1)
def large_layer_case(inputs, width, rows):
    net = reference.Net((inputs, width, 3), ("tanh",), "identity")
    params, x, y, s = make_problem(net, rows)
    data, trained = (params, x, y, s, gradient_rates(net)), []
    for optimizer, batch in product(("sgd", "adam"), (rows, rows - 33)):
        update = update_of(net, optimizer, eta=0.1 / width)
        args = params, state_of(net, optimizer), 4, x, y, update, s, None, batch
        trained.append((args, net.epoch(*args)))
    expected = net.predict(params, x), net.errors(*data), net.gradient(*data)
    return net, data, expected, trained


@KIND
@pytest.mark.parametrize(
    ("inputs", "width", "rows"),
    [
        (499, 500, 65),
        (500, 501, 65),
        (547, 548, 65),
        (548, 549, 65),
        (1600, 193, 67),
        (390, 385, 531),
        (1400, 1301, 531),
    ],
)
def test_large_layer(inputs, width, rows, dtype, isa):
    """From 1.2 MB of weights on products are packed; with vectors shorter than a line from 1 MB on.

    Just below and above in either type, more inputs than a panel has rows, more items than a block,
    and what is far away and goes through a block in stages.
    """
    net, data, expected, trained = large_layer_case(inputs, width, rows)
    kernel = Kernel(net, dtype, isa)
    actual = kernel.predict(*data[:2]), kernel.errors(*data), kernel.gradient(*data)
    all_close(actual, expected, dtype)
    for args, result in trained:
        all_close(kernel.epoch(*args), result, dtype)


# ---- rows of the tables ----

GRID = np.array(
    [0.0, 1e-30, 1e-8, 1e-4, 0.01, 0.3, 0.55, 0.625, 0.7, 1, 3, 9, 20, 50, 88, 100, 700, 1e5, 1e30]
)
GRID = np.concatenate([-GRID, GRID, np.linspace(-12, 12, 997), [np.inf, -np.inf]])


@KIND
@pytest.mark.parametrize("activation", _core.ACTIVATIONS)
def test_activation_is_accurate_everywhere(activation, dtype, isa):
    kernel = Kernel(reference.Net((1, 1, 1), (activation,), "identity"), dtype, isa)
    z = GRID.astype(dtype)
    actual = kernel.activations(np.array([1.0, 1, 0, 0]), z[:, None])[0][:, 0]
    expected = reference.ACTIVATIONS[activation][0](z.astype(float))
    limits = np.finfo(dtype)
    # The exponents of gelu_tanh, and of the reference's gelu, are rounded; z p(z) is 0 where p is.
    rtol = 400 if activation in ("gelu", "gelu_tanh") else 16
    atol = 800 if activation in ("silu", "mish") else 20
    np.testing.assert_allclose(actual, expected, rtol=rtol * limits.eps, atol=atol * limits.tiny)


@KIND
@pytest.mark.parametrize("activation", _core.ACTIVATIONS)
@pytest.mark.parametrize("output", _core.OUTPUTS)
def test_nan_passes_through(activation, output, dtype, isa):
    """Divergence is found by the error: no activation may swallow a NaN."""
    net = make_net(activation, output, 2)
    params, x, y, _ = make_problem(net, 9)
    x[4, 2] = np.nan
    kernel = Kernel(net, dtype, isa)
    bad = np.isnan(kernel.predict(params, x))
    assert bad[4].all()
    assert not np.delete(bad, 4, axis=0).any()
    assert np.isnan(kernel.errors(params, x, y)[0])


@KIND
@pytest.mark.parametrize("output", ["logistic", "softmax"])
def test_cross_entropy_of_huge_logits_is_finite(output, dtype, isa):
    net = reference.Net((3, 3), (), output)
    params = np.concatenate([np.eye(3).ravel(), np.zeros(3)])
    x = np.array([[1e3, -1e3, 0.0], [-2e4, 2e4, 5.0], [90.0, 89.0, -90.0]])
    y = np.array([[0.0, 1, 0], [1, 0, 0], [0.25, 0.25, 0.5]])
    kernel = Kernel(net, dtype, isa)
    close(kernel.errors(params, x, y), net.errors(params, x, y), dtype)
    close(kernel.gradient(params, x, y), net.gradient(params, x, y), dtype)


@lru_cache(maxsize=16)
def table_results(activation, output, optimizer):
    """Reference results of every decay x n."""
    net = make_net(activation, output, 2)
    params, x, y, s = make_problem(net, 23)
    results = {}
    for decay, n in product(_core.DECAYS, (0.0, 23.0, 1.5)):
        if reference.valid(optimizer, decay):
            update = update_of(net, optimizer, decay, n)
            args = params, state_of(net, optimizer), 2, x, y, update, s, None, 9
            results[decay, n] = args, net.epoch(*args)
    return net, results


@KIND
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
@pytest.mark.parametrize("output", _core.OUTPUTS)
@pytest.mark.parametrize("activation", reference.CLASSIC)
def test_epoch(dtype, isa, activation, output, optimizer):
    """Every decay and n, over two batches of 9 and one of 5, a lambda for each layer."""
    net, results = table_results(activation, output, optimizer)
    kernel = Kernel(net, dtype, isa)
    for case, (args, expected) in results.items():
        all_close(kernel.epoch(*args), expected, dtype, str(case))


@KIND
@pytest.mark.parametrize("depth", range(4))
@pytest.mark.parametrize("output", _core.OUTPUTS)
@pytest.mark.parametrize("activation", _core.ACTIVATIONS)
def test_passes(dtype, isa, activation, output, depth):
    """Activations, errors, and both gradients."""
    net = make_net(activation, output, depth)
    params, x, y, s = make_problem(net, 10)
    kernel, rates = Kernel(net, dtype, isa), gradient_rates(net)
    all_close(kernel.activations(params, x), net.layers(params, x)[1][1:], dtype)
    close(kernel.predict(params, x), net.predict(params, x), dtype)
    close(kernel.errors(params, x, y, s, rates), net.errors(params, x, y, s, rates), dtype)
    close(kernel.gradient(params, x, y, s, rates), net.gradient(params, x, y, s, rates), dtype)
    close(kernel.input_gradient(params, x), net.input_gradient(params, x), dtype)


@KIND
def test_mixed_activations(dtype, isa):
    hidden = tuple(_core.ACTIVATIONS)
    net = reference.Net((4, *range(5, 5 + len(hidden)), 2), hidden, "identity")
    params, x, y, s = make_problem(net, 10)
    kernel = Kernel(net, dtype, isa)
    close(kernel.gradient(params, x, y, s), net.gradient(params, x, y, s), dtype)


@KIND
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_softmax_targets(dtype, isa, optimizer):
    """Indices are their rows of 0 and 1; rows that do not sum to 1 weigh by their sum."""
    net = make_net("tanh", "softmax", 1)
    params, x, indices, s = make_problem(net, 20, indices=True)
    kernel, state = Kernel(net, dtype, isa), state_of(net, optimizer)
    update = update_of(net, optimizer)
    for y in (indices, np.eye(3)[indices], 2.5 * np.eye(3)[indices], np.zeros((20, 3))):
        args = params, state, 0, x, y, update, s, None, 8
        all_close(kernel.epoch(*args), net.epoch(*args), dtype)
        close(kernel.gradient(params, x, y, s), net.gradient(params, x, y, s), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_epoch_tells_of_parameters_that_are_not_finite(dtype, bad):
    """Wherever one stands; the largest numbers are finite."""
    net = _core.Net((5, 7), (), "identity", np.dtype(dtype).char)
    x, y = np.zeros((1, 5), dtype), np.zeros((1, 7), dtype)
    plan = (_core.Update("sgd", "decoupled", 0.1, (0.0,)),)

    def epoch(params):
        state, steps = np.zeros((1, 0), dtype), np.zeros(1, np.int64)
        return net.epoch(params, state, steps, x, y, None, None, 1, plan, np.zeros((1, 2)))

    largest = np.full((1, 42), np.finfo(dtype).max, dtype)
    largest[0, 35:] = 1  # the biases, which the squares of the outputs take
    assert epoch(largest) is True
    for place in range(42):
        params = np.ones((1, 42), dtype)
        params[0, place] = bad
        assert epoch(params) is False


# ---- decays that float32 cannot take off in one update ----


def still(net, rows, seed=0):
    """Parameters and data without any gradient: the weights decay, and that is all."""
    params = make_problem(net, 1, seed)[0]
    params[net.n_weights :] = 0
    return params, np.zeros((rows, net.layer_sizes[0])), np.zeros((rows, net.layer_sizes[-1]))


def assert_decayed(actual, expected):
    """Every weight to some roundings: a window's decay, 8e-6 at least, must stand in its place."""
    np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=0)


@KIND
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize(("optimizer", "decay"), SHRINKING)
def test_decays_that_float32_takes_together(dtype, isa, optimizer, decay, batch_size):
    """A c for each layer, and for each batch where n is its own."""
    net = make_net("tanh", "identity", 2)
    params, x, y = still(net, 60)
    s = np.random.RandomState(0).uniform(0.2, 3, 60)
    kernel, eta = Kernel(net, dtype, isa), 0.5
    for n in (0.0, 2.0):
        l2 = np.array([3e-6, 4e-7, 0.0]) / (1 if decay == "fraction" else eta / 2)
        update = reference.Update(optimizer, decay, eta, tuple(l2), n)
        args = params, 0 * state_of(net, optimizer), 1000, x, y, update, s, None, batch_size
        found, expected = kernel.epoch(*args), net.epoch(*args, dtype=dtype)
        assert_decayed(found[0], expected[0])
        close(found[3], expected[3], dtype)


@KIND
@pytest.mark.parametrize("n", [0.0, 1.0])
def test_decays_of_large_batches_and_layers(dtype, isa, n):
    """Batches of several blocks, and one in chunks; layers that are too large to be packed."""
    for sizes, rows, batch_size in (((3, 40, 2), 4000, 1000), ((100, 900, 100), 64, 32)):
        net = reference.Net(sizes, ("tanh",), "identity")
        params, x, y = still(net, rows)
        update = reference.Update("sgd", "decoupled", 1.0, (1e-6 * (n or batch_size),) * 2, n)
        for batch in (batch_size, rows):
            args = params, state_of(net, "sgd"), 0
            for _ in range(3):
                args = Kernel(net, dtype, isa).epoch(*args[:3], x, y, update, None, None, batch)
            expected = params, state_of(net, "sgd"), 0
            for _ in range(3):
                expected = net.epoch(*expected[:3], x, y, update, None, None, batch, dtype)
            assert_decayed(args[0], expected[0])


@KIND
@pytest.mark.parametrize("c", [2.0**-17, 1e-5, 1e-3, 0.3])
def test_usual_decays_are_taken_by_each_update(dtype, isa, c):
    """W - c W to the bit, once rounded after the product and once after the difference."""
    net = reference.Net((7, 5, 3), ("tanh",), "identity")
    params, x, y = still(net, 9)
    for optimizer in _core.OPTIMIZERS:
        update = reference.Update(optimizer, "fraction", 0.1, (c, c))
        start = params, 0 * state_of(net, optimizer), 5
        found = Kernel(net, dtype, isa).epoch(*start, x, y, update)[0]
        expected = params.astype(dtype)
        for _ in range(9):
            expected = expected - np.array(c, dtype) * expected
        np.testing.assert_array_equal(found, expected)


@KIND
@pytest.mark.parametrize("c", [5e-324, 1e-310, 1e-300, 1e-60, 2.0**-58])
def test_decays_beyond_any_training(dtype, isa, c):
    """Of more updates than are ever made: nothing is taken, at any step."""
    net = reference.Net((3, 2), (), "identity")
    params, x, y = still(net, 8)
    update = reference.Update("sgd", "fraction", 1.0, (c,))
    for t in (0, 2**40 - 4, 2**62):
        found = Kernel(net, dtype, isa).epoch(params, np.zeros((0, 8)), t, x, y, update)
        np.testing.assert_array_equal(found[0], params)
        assert found[2] == t + 8


# ---- moments that remember for long ----


@KIND
@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 0.999, 0.99999, 1 - 1e-7, 1 - 1e-12])
@pytest.mark.parametrize("optimizer", ["momentum", "nesterov", "adam", "adamw"])
def test_moments_near_1(dtype, isa, optimizer, beta):
    """After 50,000 noisy gradients float32 stands where float64 does.

    The float32 nearest to beta is off by as much as 3e-8, more than 1 - beta may be.
    """
    net = reference.Net((1, 1), (), "identity")
    betas = {"momentum": beta, "beta_1": beta, "beta_2": beta}
    update = reference.Update(optimizer, "decoupled", 1e-9, (0.0,), **betas)
    rows, oracle, rtol = 100, net, (1e-12, 1e-12)
    if dtype == "f":  # whose sum of 50,000 steps is rounded as often
        rows, oracle, rtol = 50_000, Kernel(net, "d", isa), (1e-3, 1e-4)
    x, y = np.zeros((rows, 1)), 1 + np.random.RandomState(0).randn(rows, 1)
    args = np.zeros(2), np.zeros((reference.OPTIMIZERS[optimizer][0], 2)), 0, x, y, update
    found, expected = Kernel(net, dtype, isa).epoch(*args), oracle.epoch(*args)
    for i in range(2):
        np.testing.assert_allclose(found[i], expected[i], rtol=rtol[i], atol=0)


@KIND
@pytest.mark.parametrize("beta", [0.9, 0.999, 1 - 1e-7, 1 - 1e-12, 1 - 2.0**-53])
def test_bias_correction_near_1(dtype, isa, beta):
    """One gradient again and again: each of AdamW's steps is eta."""
    net = reference.Net((1, 1), (), "identity")
    betas = {"beta_1": beta, "beta_2": beta}
    update = reference.Update("adamw", "decoupled", 1e-3, (0.0,), epsilon=1e-30, **betas)
    params, state, t = np.array([0.0, 0.5]), np.zeros((2, 2)), 0
    for step in range(1, 20):
        y = params[None, 1:] + 1  # so that the gradient is -1
        args = params, state, t, np.zeros((1, 1)), y, update
        params, state, t, _ = Kernel(net, dtype, isa).epoch(*args)
        assert params[1] == pytest.approx(0.5 + 1e-3 * step, rel=30 * float(np.finfo(dtype).eps))


# Sizes that end vectors, tiles and bands of inputs, and just do not; and what is taken apart again.
TOGETHER = [
    *product((1, 5, 8, 9, 16, 25), (1, 8, 9, 16, 33, 50, 70)),
    *((32, 20), (33, 20), (8, 300)),
]


@lru_cache(maxsize=1)
def one_output_case(inputs, hidden, activation):
    """Results on batches of some rows, the last smaller, in their order and in another."""
    net = reference.Net((inputs, hidden, 1), (activation,), "identity")
    params, x, y, s = make_problem(net, 41)
    shuffled = np.random.RandomState(0).permutation(41)
    trained = []
    for optimizer, weights, order, batch in (
        ("sgd", None, None, 7),
        ("sgd", s, shuffled, 20),
        ("adam", None, shuffled, 1),
        ("adam", s, None, 40),
    ):
        update = update_of(net, optimizer, eta=0.4 / max(inputs, hidden, 8))
        args = params, state_of(net, optimizer), 4, x, y, update, weights, order, batch
        trained.append((args, net.epoch(*args)))
    return net, trained


@KIND
@pytest.mark.parametrize("activation", reference.CLASSIC)
@pytest.mark.parametrize("sizes", TOGETHER, ids=str)
def test_one_hidden_layer_and_one_output(sizes, activation, dtype, isa):
    net, trained = one_output_case(*sizes, activation)
    kernel = Kernel(net, dtype, isa)
    for args, result in trained:
        all_close(kernel.epoch(*args), result, dtype)


# ---- batches, orders, weights ----


@KIND
@pytest.mark.parametrize("batch_size", [1, 2, 5, 16, 40])
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_batch_size(dtype, isa, optimizer, batch_size):
    """Online, smaller last batches, all rows; through an order and without, with s and without."""
    net = make_net("relu", "softmax", 2)
    params, x, y, s = make_problem(net, 40, indices=True)
    kernel, update, state = (
        Kernel(net, dtype, isa),
        update_of(net, optimizer),
        state_of(net, optimizer),
    )
    shuffled = np.random.RandomState(0).permutation(40)
    for weights, order in product((None, s), (None, shuffled)):
        args = params, state, 0, x, y, update, weights, order, batch_size
        all_close(kernel.epoch(*args), net.epoch(*args), dtype)


@KIND
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(("rows", "batch_size"), [(500, 300), (511, 257), (700, 400)])
def test_last_batch_of_a_larger_block(dtype, isa, rows, batch_size, optimizer):
    """A batch takes two blocks; the last takes one, which is longer than these."""
    net = reference.Net((8, 50, 3), ("tanh",), "softmax")
    params, x, y, s = make_problem(net, rows)
    update, state = update_of(net, optimizer), state_of(net, optimizer)
    order = np.random.RandomState(0).permutation(rows)
    args = params, state, 0, x, y, update, s, order, batch_size
    all_close(Kernel(net, dtype, isa).epoch(*args), net.epoch(*args), dtype)


@KIND
@pytest.mark.parametrize("output", _core.OUTPUTS)
def test_one_row(dtype, isa, output):
    net = make_net("tanh", output, 1)
    params, x, y, s = make_problem(net, 1)
    kernel = Kernel(net, dtype, isa)
    close(kernel.predict(params, x), net.predict(params, x), dtype)
    for update in (update_of(net, optimizer) for optimizer in _core.OPTIMIZERS):
        args = params, state_of(net, update.optimizer), 0, x, y, update, s
        all_close(kernel.epoch(*args), net.epoch(*args), dtype)


@KIND
def test_no_rows(dtype, isa):
    net = make_net("tanh", "softmax", 1)
    params, x, _, _ = make_problem(net, 3)
    assert Kernel(net, dtype, isa).predict(params, x[:0]).shape == (0, 3)


@KIND
@pytest.mark.parametrize("zeros", [slice(0, 8), slice(8, 16), slice(16, 20), slice(0, 20)])
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_batch_of_weight_0_is_no_batch(dtype, isa, optimizer, zeros):
    """No update, nothing added, no step counted; also where rows of weight 0 are in others."""
    net = make_net("tanh", "identity", 1)
    params, x, y, s = make_problem(net, 20)
    s[zeros] = 0
    s[[1, 9, 17]] = 0
    kernel, update = Kernel(net, dtype, isa), update_of(net, optimizer)
    args = params, state_of(net, optimizer), 0, x, y, update, s, None, 8
    all_close(kernel.epoch(*args), net.epoch(*args), dtype)


@KIND
def test_rows_of_weight_0_are_absent(dtype, isa):
    net = make_net("tanh", "exp", 1)
    params, x, y, s = make_problem(net, 20)
    keep = np.arange(20) % 3 > 0
    kernel = Kernel(net, dtype, isa)
    close(
        kernel.errors(params, x, y, s * keep), net.errors(params, x[keep], y[keep], s[keep]), dtype
    )
    expected = net.gradient(params, x[keep], y[keep], s[keep])
    close(kernel.gradient(params, x, y, s * keep), expected, dtype)


@lru_cache(maxsize=4)
def online_cases(inputs, dtype):
    """Reference results about the sizes below which a network lives in registers."""
    found = []
    for units, classes in product((1, 3, 4, 5, 7, 8, 9, 15, 16, 17), range(1, 6)):
        pick = inputs + units + classes
        activation = _core.ACTIVATIONS[(units + classes) % 4]
        output = _core.OUTPUTS[(inputs + units) % 4]
        net = reference.Net((inputs, units, classes), (activation,), output)
        indices = output == "softmax" and pick % 2 == 0
        params, x, y, s = make_problem(net, 12, seed=pick, indices=indices)
        s[[0, 5, 11]] = 0
        weights = s if pick % 3 else None
        order = np.random.RandomState(pick).permutation(12) if pick % 5 else None
        decay = ("decoupled", "fraction")[pick % 2]
        update = update_of(net, "sgd", decay, n=(0.0, 12.0)[pick // 2 % 2])
        if pick % 4 == 0:  # so small that float32 takes several updates' at once
            update = replace(update, l2=(3e-6, 0.0), decay="fraction")
        args = params, state_of(net, "sgd"), 3, x, y, update, weights, order
        found.append((args, net, net.epoch(*args, dtype=dtype)))
    return found


@KIND
@pytest.mark.parametrize("inputs", range(1, 10))
def test_online(dtype, isa, inputs):
    for args, net, expected in online_cases(inputs, dtype):
        all_close(Kernel(net, dtype, isa).epoch(*args), expected, dtype, f"{net} {args[5]}")


# ---- rows of weight 0 ----

WEIGHTLESS_SIZES = {
    "in lanes": (5, 4, 6, 1),
    "packed": (9, 33, 17, 3),
    "large": (70, 200, 150, 3),
    "one layer": (5, 3),
}


@KIND
@pytest.mark.parametrize("batch_size", [1, 2, 9, 64, 130])
@pytest.mark.parametrize("sizes", WEIGHTLESS_SIZES)
@pytest.mark.parametrize("activation", ["identity", "relu", "tanh"])
def test_rows_of_weight_0_may_hold_anything(dtype, isa, activation, sizes, batch_size):
    """What overflows there reaches neither errors, gradient nor epoch: the bits of rows of 0."""
    sizes = WEIGHTLESS_SIZES[sizes]
    net = reference.Net(sizes, (activation,) * (len(sizes) - 2), "identity")
    params, x, y, s = make_problem(net, 130)
    absent = np.arange(130) % 5 < 2
    absent[64:80] = True
    s[absent], x[absent] = 0, 0
    wild = x.copy()
    wild[absent] = np.finfo(dtype).max * np.random.RandomState(0).choice([-1, 1], x[absent].shape)
    kernel, rates = Kernel(net, dtype, isa), gradient_rates(net)
    for order, optimizer in product(
        (None, np.random.RandomState(0).permutation(130)), ("sgd", "adam")
    ):
        found, expected = (
            (
                kernel.errors(params, some, y, s, rates),
                kernel.gradient(params, some, y, s, rates),
                *kernel.epoch(
                    *(params, state_of(net, optimizer), 0, some, y),
                    *(update_of(net, optimizer, eta=1e-3), s, order, batch_size),
                ),
            )
            for some in (wild, x)
        )
        assert np.isfinite(expected[1]).all()
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


# ---- memory as it lies ----


def layouts(v):
    """The same rows in other memory: odd strides, backwards, every second row; read-only."""
    wide = np.full((len(v), *(w + 3 for w in v.shape[1:])), -1, dtype=v.dtype)
    inner = wide[(slice(None), *(slice(1, 1 + w) for w in v.shape[1:]))]
    inner[...] = v
    doubled = np.repeat(v, 2, axis=0)[::2]
    backwards = np.ascontiguousarray(v[::-1])[::-1]
    frozen = v.copy()
    frozen.flags.writeable = False
    return {"wide": inner, "second": doubled, "backwards": backwards, "read-only": frozen}


@KIND
@pytest.mark.parametrize("indices", [False, True], ids=["rows", "indices"])
@pytest.mark.parametrize("layout", ["wide", "second", "backwards", "read-only"])
def test_strides(dtype, isa, layout, indices):
    """Where x and y lie changes no bit."""
    net = make_net("tanh", "softmax", 2)
    kernel = Kernel(net, dtype, isa)
    params, *data = make_problem(net, 21, indices=indices)
    data = [np.array(kernel.cast(v)) for v in data]
    x, y, s = data
    x2, y2, s2 = layouts(x)[layout], y if indices else layouts(y)[layout], layouts(s)["read-only"]
    assert np.array_equal(kernel.predict(params, x2), kernel.predict(params, x))
    assert np.array_equal(kernel.input_gradient(params, x2), kernel.input_gradient(params, x))
    assert np.array_equal(kernel.gradient(params, x2, y2, s2), kernel.gradient(params, x, y, s))
    update, state = update_of(net, "sgd"), state_of(net, "sgd")
    order = np.random.RandomState(0).permutation(21)
    order.flags.writeable = False
    same = [
        kernel.epoch(params, state, 0, *some, order, 8)
        for some in ((x, y, update, s), (x2, y2, update, s2))
    ]
    assert all(np.array_equal(a, b) for a, b in zip(*same, strict=True))


@KIND
def test_one_row_for_all(dtype, isa):
    """A row stride of 0, as broadcasting makes it."""
    net = make_net("tanh", "identity", 1)
    params, x, y, _ = make_problem(net, 1)
    kernel = Kernel(net, dtype, isa)
    x, y = (np.broadcast_to(kernel.cast(v), (9, v.shape[1])) for v in (x, y))
    close(kernel.gradient(params, x, y), net.gradient(params, x, y), dtype)


# ---- many networks at once ----


@KIND
@pytest.mark.parametrize("orders", ["none", "shared", "own"])
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_networks_together_are_networks_apart(dtype, isa, optimizer, orders):
    """Each with parameters, state, steps and an update of its own (more in test_interleaved.py)."""
    net = make_net("tanh", "logistic", 2)
    kernel, count = Kernel(net, dtype, isa), 4
    params = np.stack([make_problem(net, 1, seed)[0] for seed in range(count)])
    state = np.stack([state_of(net, optimizer, seed).ravel() for seed in range(count)])
    decays = [decay for decay in _core.DECAYS if reference.valid(optimizer, decay)]
    updates = [
        reference.Update(optimizer, decays[p % len(decays)], 0.01 * (1 + p), (0.03 * p,) * 3, n)
        for p, n in enumerate((0.0, 3.0, 0.0, 40.0))
    ]
    _, x, y, s = make_problem(net, 30)
    rng = np.random.RandomState(0)
    order = {
        "none": None,
        "shared": rng.permutation(30),
        "own": np.stack([rng.permutation(30) for _ in range(count)]),
    }[orders]
    steps = np.array([0, 7, 1, 100])
    together = kernel.epochs(params, state, steps, x, y, updates, s, order, 8)
    for p in range(count):
        own = order[p] if orders == "own" else order
        one = slice(p, p + 1)
        apart = kernel.epochs(params[one], state[one], steps[one], x, y, updates[one], s, own, 8)
        all_close([v[one] for v in together], apart, dtype)


@KIND
def test_errors_of_many_networks(dtype, isa):
    """Bit for bit those of each one, each at its own rates."""
    net = make_net("tanh", "softmax", 2)
    kernel = Kernel(net, dtype, isa)
    _, x, y, s = make_problem(net, 37, indices=True)
    params = np.stack([make_problem(net, 1, seed)[0] for seed in range(5)])
    rates, out = np.random.RandomState(0).rand(5, 3), np.full((5, 2), np.nan)
    kernel.core.errors(*(kernel.cast(v) for v in (params, x, y, s)), rates, out)
    assert np.array_equal(
        out, [kernel.errors(p, x, y, s, r) for p, r in zip(params, rates, strict=True)]
    )


@KIND
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_two_epochs_in_one_order(dtype, isa, optimizer):
    """Parameters, state and step count carried from one call to the next are all there is."""
    net = make_net("logistic", "identity", 1)
    params, x, y, _ = make_problem(net, 24)
    kernel, update = Kernel(net, dtype, isa), update_of(net, optimizer)
    start = params, 0 * state_of(net, optimizer), 0
    twice = kernel.epoch(*start, *(np.concatenate([v, v]) for v in (x, y)), update, None, None, 8)
    first = kernel.epoch(*start, x, y, update, None, None, 8)
    second = kernel.epoch(*first[:3], x, y, update, None, None, 8)
    assert all(np.array_equal(a, b) for a, b in zip(twice[:3], second[:3], strict=True))
    close(twice[3], first[3] + second[3], "d")
