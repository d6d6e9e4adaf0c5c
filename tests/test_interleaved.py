"""Networks that train interleaved in the lanes of vectors: each as it would alone."""

import signal
import threading
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
import reference
from reference import CLASSIC, make_net, make_problem
from test_kernels import KIND, Kernel, all_close, close, layouts, state_of

from pyl2 import _core

COUNTS = (1, 2, 3, 7, 8, 9, 16, 17, 31, 33)  # around the lanes of every instruction set
# Inputs, hidden layers, outputs: below, at and beyond a panel of units and a tile.
SHAPES = (
    (1, 1),
    (3, 2),
    (17, 5),
    (1, 1, 1),
    (4, 7, 3),
    (5, 8, 1),
    (2, 9, 4),
    (8, 50, 1),
    (3, 5, 6, 2),
    (6, 1, 13, 3),
    (2, 9, 3, 10, 5),
)


def plan(net, optimizer, count):
    """An update for each network, all different; every decay and n among them.

    The first steps of rmsprop are as long as η, however small the gradient.
    """
    eta = 0.002 if optimizer == "rmsprop" else 0.01
    decays = [decay for decay in _core.DECAYS if reference.valid(optimizer, decay)]
    layers = len(net.shapes)
    return [
        reference.Update(
            optimizer,
            decays[p % len(decays)],
            eta * (1 + p % 5),
            tuple(0.003 * (p % 4) * np.arange(1, layers + 1)),
            (0.0, 3.0, 40.0)[p % 3],
            momentum=0.9 - 0.02 * p,
            beta_1=0.9 - 0.01 * p,
            epsilon=1e-2,
        )
        for p in range(count)
    ]


def begin(net, optimizer, count):
    """Parameters, state and steps of as many networks, all different."""
    params = np.stack([make_problem(net, 1, seed)[0] for seed in range(count)])
    state = np.stack([state_of(net, optimizer, seed).ravel() for seed in range(count)])
    return params, state, (7 * np.arange(count)) % 100


def apart(kernel, start, data, updates, *args):
    """What `epochs` would return, had each network been trained in a call of its own."""
    count = len(updates)
    each = [
        kernel.epochs(*(v[p : p + 1] for v in start), *data[:2], [updates[p]], data[2], *args)
        for p in range(count)
    ]
    return [np.concatenate(values) for values in zip(*each, strict=True)]


# ---- by the reference ----


@lru_cache(maxsize=1)
def table_results(activation, output, optimizer):
    """One more network than the widest vector has lanes; the last batch is smaller."""
    net, count = make_net(activation, output, 2), 17
    start, updates = begin(net, optimizer, count), plan(net, optimizer, count)
    _, *data = make_problem(net, 29)
    x, y, s = data
    order = np.random.RandomState(0).permutation(29)
    expected = []
    for params, state, t, update in zip(*start, updates, strict=True):
        state = state.reshape(-1, net.n_params)
        found = net.epoch(params, state, t, x, y, update, s, order, 8)
        expected.append([np.ravel(v) for v in found])
    return net, start, data, updates, order, [np.stack(v) for v in zip(*expected, strict=True)]


@pytest.mark.parametrize("output", _core.OUTPUTS)
@pytest.mark.parametrize("activation", CLASSIC)
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
@KIND
def test_tables(dtype, isa, optimizer, activation, output):
    net, start, (x, y, s), updates, order, expected = table_results(activation, output, optimizer)
    found = Kernel(net, dtype, isa).epochs(*start, x, y, updates, s, order, 8)
    found = [v.reshape(e.shape) for v, e in zip(found, expected, strict=True)]
    all_close(found, expected, dtype)


# ---- by the same networks one at a time ----


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@KIND
def test_every_number_of_networks(dtype, isa, shape):
    """Batches of a block, of several, of some rows of one; class indices, no weights, no order."""
    outputs = "softmax" if shape[-1] > 1 else "identity"
    net = reference.Net(shape, ("tanh",) * (len(shape) - 2), outputs)
    kernel = Kernel(net, dtype, isa)
    _, x, y, _ = make_problem(net, 75, indices=outputs == "softmax")
    cases = product(COUNTS, (("sgd", 32), ("adam", 7), ("momentum", 75), ("sgd", 1)))
    for count, (optimizer, batch) in list(cases)[sum(shape) % 4 :: 3]:
        start, updates = begin(net, optimizer, count), plan(net, optimizer, count)
        found = kernel.epochs(*start, x, y, updates, None, None, batch)
        expected = apart(kernel, start, (x, y, None), updates, None, batch)
        all_close(found, expected, dtype, str((count, optimizer, batch)))


@KIND
def test_an_order_for_each(dtype, isa):
    """Each takes the same rows as alone, to rounding."""
    net, count = make_net("tanh", "softmax", 1), 17
    kernel, start, updates = Kernel(net, dtype, isa), begin(net, "sgd", 17), plan(net, "sgd", 17)
    _, x, y, s = make_problem(net, 30)
    order = np.stack([np.random.RandomState(p).permutation(30) for p in range(count)])
    found = kernel.epochs(*start, x, y, updates, s, order, 8)
    for p in range(count):
        one = slice(p, p + 1)
        alone = kernel.epochs(*(v[one] for v in start), x, y, updates[one], s, order[p], 8)
        all_close([v[one] for v in found], alone, dtype)


@KIND
def test_slices_of_time(dtype, isa):
    """An epoch of several slices, whose batches of several blocks are cut by their ends."""
    net = reference.Net((3, 40, 2), ("tanh",), "identity")
    kernel, start = Kernel(net, dtype, isa), begin(net, "adam", 5)
    updates = plan(net, "adam", 5)
    _, x, y, s = make_problem(net, 30_011)
    for batch in (10_000, 30_011):
        found = kernel.epochs(*start, x, y, updates, s, None, batch)
        all_close(found, apart(kernel, start, (x, y, s), updates, None, batch), dtype)


@pytest.mark.parametrize("indices", [False, True], ids=["rows", "indices"])
@pytest.mark.parametrize("layout", ["wide", "second", "backwards", "read-only"])
@KIND
def test_strides(dtype, isa, layout, indices):
    """Where x and y lie changes no bit."""
    net, optimizer = make_net("tanh", "softmax", 2), "sgd"
    kernel, start, updates = Kernel(net, dtype, isa), begin(net, "sgd", 9), plan(net, optimizer, 9)
    _, *data = make_problem(net, 21, indices=indices)
    x, y, s = (np.array(kernel.cast(v)) for v in data)
    other = layouts(x)[layout], y if indices else layouts(y)[layout]
    for order in (None, np.random.RandomState(0).permutation(21)):
        found = [kernel.epochs(*start, *v, updates, s, order, 8) for v in ((x, y), other)]
        assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
@KIND
def test_rows_and_batches_of_weight_0(dtype, isa, optimizer):
    """Whatever these rows hold."""
    net = make_net("relu", "identity", 1)
    kernel, start = Kernel(net, dtype, isa), begin(net, optimizer, 16)
    updates = plan(net, optimizer, 16)
    _, x, y, s = make_problem(net, 40)
    s[3] = s[8:16] = s[32:] = 0
    other = y.copy()
    other[s == 0] = np.nan
    found = kernel.epochs(*start, x, other, updates, s, None, 8)
    all_close(found, apart(kernel, start, (x, y, s), updates, None, 8), dtype)
    np.testing.assert_array_equal(found[2], start[2] + 3)


# ---- lanes do not see each other ----


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@KIND
def test_the_smallest_lambda_beside_the_largest(dtype, isa, optimizer):
    """λ from none to one that wipes out the weights, or makes them explode."""
    net = make_net("tanh", "logistic", 1)
    kernel, start = Kernel(net, dtype, isa), begin(net, optimizer, 16)
    start[0][:] = start[0][0]
    lambdas = [0.0, *np.geomspace(1e-12, 1e6, 15)]
    updates = [reference.Update(optimizer, "decoupled", 0.01, (v, v), 100.0) for v in lambdas]
    _, x, y, s = make_problem(net, 100)
    found = kernel.epochs(*start, x, y, updates, s, None, 10)
    expected = apart(kernel, start, (x, y, s), updates, None, 10)
    for p in range(16):
        all_close([v[p] for v in found], [v[p] for v in expected], dtype, str(lambdas[p]))
    assert found[3][0, 1] == 0
    assert (np.diff(found[3][1:-1, 1]) > 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@KIND
def test_a_network_that_diverges_is_alone_with_it(dtype, isa, bad):
    net = make_net("relu", "softmax", 2)
    kernel, start, updates = Kernel(net, dtype, isa), begin(net, "sgd", 16), plan(net, "sgd", 16)
    _, x, y, s = make_problem(net, 40)
    expected = kernel.epochs(*start, x, y, updates, s, None, 8)
    start[0][5] *= bad
    found = kernel.epochs(*start, x, y, updates, s, None, 8)
    others = np.arange(16) != 5
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a[others], b[others])
    assert not np.isfinite(found[3][5, 0]) or found[3][5, 0] > 1e3


@KIND
def test_denormal_numbers_are_flushed(dtype, isa):
    net = reference.Net((2, 3, 1), ("tanh",), "identity")
    tiny = np.full((16, net.n_params), 4 * np.finfo(dtype).smallest_subnormal)
    kernel, start = Kernel(net, dtype, isa), (tiny, np.zeros((16, 0)), np.zeros(16))
    updates = [reference.Update("sgd", "decoupled", 0.5, (0.0, 0.0))] * 16
    found = kernel.epochs(*start, np.zeros((4, 2)), np.zeros((4, 1)), updates, None, None, 2)[0]
    expected = kernel.epochs(
        *(v[:1] for v in start), np.zeros((4, 2)), np.zeros((4, 1)), updates[:1], None, None, 2
    )[0]
    np.testing.assert_array_equal(found, np.repeat(expected, 16, axis=0))


# ---- threads and signals ----


def long_epoch(dtype, rows):
    """What `epoch` takes for 40 networks."""
    net = _core.Net((4, 7, 3), ("tanh",), "softmax", dtype)
    rng = np.random.RandomState(0)
    params = rng.normal(size=(40, 59)).astype(dtype)
    x, y = rng.normal(size=(rows, 4)).astype(dtype), rng.randint(3, size=rows)
    updates = [
        _core.Update("momentum", "l2", 0.01, (0.1 * p, 0.1), momentum=0.9) for p in range(40)
    ]
    return net, params, 0 * params, np.zeros(40, np.int64), x, y, updates


@pytest.mark.parametrize("dtype", "fd")
def test_same_bits_for_any_number_of_threads(dtype):
    results = []
    for n_threads in (1, 2, 3, 7):
        net, params, state, steps, x, y, updates = long_epoch(dtype, 30_000)
        out = np.zeros((40, 2))
        net.epoch(params, state, steps, x, y, None, None, 50, updates, out, n_threads)
        results.append((params, state, steps, out))
    for result in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(result, results[0], strict=True))


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("batch", [10, 4000])
def test_an_interrupt_leaves_whole_batches(batch):
    """As many for all of a group: what it has come to is what as many rows lead to."""
    net, params, state, steps, x, y, updates = long_epoch("d", 500_000)
    start = params.copy()
    timer = threading.Timer(0.03, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        net.epoch(params, state, steps, x, y, None, None, batch, updates, np.zeros((40, 2)), 1)
    timer.join()
    for p in range(0, 40, 13):
        rows = int(steps[p]) * batch
        alone, state_alone = start[p : p + 1].copy(), np.zeros((1, 59))
        if rows:
            net.epoch(
                alone, state_alone, np.zeros(1, np.int64), x[:rows], y[:rows], None, None, batch,
                updates[p : p + 1], np.zeros((1, 2)), 1,
            )  # fmt: skip
        close(params[p], alone[0], "d")
        close(state[p], state_alone[0], "d")
