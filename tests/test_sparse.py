"""CSR input: the numbers of the same rows dense, and an error for every damaged array."""

import re
import subprocess
import sys
import textwrap
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
import reference
import scipy.sparse as sp
from test_kernels import KIND, Kernel, all_close, close, gradient_rates, state_of, update_of

from pyl2 import Backprop, MLPClassifier, Network, _core, compare
from pyl2._common import sparse
from pyl2._common.dataset import check_features
from pyl2._common.sparse import Csr

BOTH = [np.float32, np.float64]


def tangled(csr, seed=0, index=np.int32):
    """The same matrix with unsorted columns, some values in two halves, others stored as 0."""
    rng, data, indices, indptr = np.random.RandomState(seed), [], [], [0]
    for row in csr:
        halves = row.indices[::3]
        zeros = rng.randint(csr.shape[1], size=2)
        values = np.concatenate([row.data, row.data[::3] / 2, [0, 0]])
        values[: row.nnz : 3] /= 2
        columns = np.concatenate([row.indices, halves, zeros])
        mixed = rng.permutation(len(values))
        data.append(values[mixed])
        indices.append(columns[mixed])
        indptr.append(indptr[-1] + len(values))
    arrays = (v if len(v) else [[]] for v in (data, indices))
    data, indices = (np.concatenate(list(v)) for v in arrays)
    return sparse.Csr(data, indices.astype(index), np.array(indptr, index), csr.shape)


def cast(x, dtype):
    return x._replace(data=x.data.astype(dtype))


def text_like(rows, columns, seed=0, density=0.15):
    """Few values, rows and columns without any, numbers that float32 holds exactly."""
    rng = np.random.RandomState(seed)
    dense = rng.randint(-8, 9, (rows, columns)) / 8 * (rng.rand(rows, columns) < density)
    dense[rows // 2] = 0
    dense[:, columns // 2] = 0
    return dense


def make_case(inputs, outputs=3, rows=41, hidden=(7,), seed=0, indices=True):
    """A network, its parameters, sparse x beside the same dense, y and s."""
    net = reference.Net((inputs, *hidden, outputs), ("tanh",) * len(hidden), "softmax")
    params, _, y, s = reference.make_problem(net, rows, seed, indices=indices)
    x = text_like(rows, inputs, seed)
    return net, params, x, tangled(sp.csr_array(x), seed), y, s


class Sparse(Kernel):
    """Kernel for a Csr, whose values take the dtype."""

    def cast(self, v):
        return cast(v, self.dtype) if isinstance(v, sparse.Csr) else super().cast(v)

    def predict(self, params, x):
        out = self.full(x.shape[0], self.net.layer_sizes[-1])
        self.core.predict(self.cast(params), self.cast(x), out)
        return out

    def input_gradient(self, params, x):
        sizes = self.net.layer_sizes
        out = self.full(x.shape[0], sizes[-1], sizes[0])
        self.core.input_gradient(self.cast(params), self.cast(x), out)
        return out


# ---- the engine against the reference ----


@KIND
@pytest.mark.parametrize("batch_size", [1, 7, 41])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_rows_of_weight_0_may_hold_anything(dtype, isa, optimizer, batch_size):
    """What overflows there reaches neither errors nor gradient nor epoch."""
    net = reference.Net((23, 9, 6, 2), ("identity",) * 2, "identity")
    params, _, y, s = reference.make_problem(net, 41)
    x, s[::3] = text_like(41, 23), 0
    wild, tame = sp.csr_array(x), sp.csr_array(x * (s > 0)[:, None])
    wild.data[np.repeat(s == 0, np.diff(wild.indptr))] = np.finfo(dtype).max
    kernel, rates, order = Sparse(net, dtype, isa), gradient_rates(net), np.arange(41)[::-1].copy()
    found, expected = (
        (
            kernel.errors(params, csr, y, s, rates),
            kernel.gradient(params, csr, y, s, rates),
            *kernel.epoch(
                *(params, state_of(net, optimizer), 0, csr, y),
                *(update_of(net, optimizer, eta=1e-3), s, order, batch_size),
            ),
        )
        for csr in (Csr(v.data, v.indices, v.indptr, v.shape) for v in (wild, tame))
    )
    assert np.isfinite(expected[1]).all()
    all_close(found, expected, dtype)


@lru_cache(maxsize=1)
def passes_case(inputs, hidden):
    net, params, x, csr, y, s = make_case(inputs, hidden=hidden)
    rates = gradient_rates(net)
    expected = (
        net.predict(params, x),
        net.errors(params, x, y, s, rates),
        net.gradient(params, x, y, s, rates),
        net.input_gradient(params, x),
    )
    return net, params, csr, y, s, rates, expected


@KIND
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize(
    ("inputs", "hidden"),
    [
        (1, (1,)),
        (1, (7,)),
        (23, ()),
        (23, (1,)),
        (40, (16, 5)),
        (23, (33,)),
        (9, (64,)),
        (9, (145,)),
    ],
)
def test_passes(dtype, isa, inputs, hidden, index):
    """Predictions, errors and both gradients, for every number of vectors in a strip."""
    net, params, csr, y, s, rates, expected = passes_case(inputs, hidden)
    csr = csr._replace(indices=csr.indices.astype(index), indptr=csr.indptr.astype(index))
    kernel = Sparse(net, dtype, isa)
    actual = (
        kernel.predict(params, csr),
        kernel.errors(params, csr, y, s, rates),
        kernel.gradient(params, csr, y, s, rates),
        kernel.input_gradient(params, csr),
    )
    all_close(actual, expected, dtype)


UPDATES = [pair for pair in product(_core.OPTIMIZERS, _core.DECAYS) if reference.valid(*pair)]


@lru_cache(maxsize=1)
def epoch_cases(optimizer, decay):
    """Through an order and without, with and without s and λ, batches with a smaller last one."""
    net, params, x, csr, y, s = make_case(23, hidden=(7, 4))
    shuffled = np.random.RandomState(0).permutation(len(x))
    update, state = update_of(net, optimizer, decay), state_of(net, optimizer)
    free = reference.Update(optimizer, decay, 0.02, (0.0,) * 3, epsilon=1e-2)
    cases = []
    for u, weights, order, batch in product(
        (update, free), (None, s), (None, shuffled), (1, 9, len(x))
    ):
        rest = y, u, weights, order, batch
        cases.append((rest, net.epoch(params, state, 2, x, *rest)))
    return net, params, state, csr, cases


@KIND
@pytest.mark.parametrize(("optimizer", "decay"), UPDATES)
def test_epoch(dtype, isa, optimizer, decay):
    net, params, state, csr, cases = epoch_cases(optimizer, decay)
    kernel = Sparse(net, dtype, isa)
    for rest, expected in cases:
        all_close(kernel.epoch(params, state, 2, csr, *rest), expected, dtype, str(rest[1:]))


@lru_cache(maxsize=1)
def large_case():
    net, params, x, csr, y, s = make_case(90, rows=3001, hidden=(33, 17))
    order, cases = np.random.RandomState(0).permutation(len(x)), []
    for optimizer, batch in product(("sgd", "adam"), (3001, 2900)):
        rest = y, update_of(net, optimizer), s, order, batch
        state = state_of(net, optimizer)
        cases.append((state, rest, net.epoch(params, state, 0, x, *rest)))
    data = params, x, y, s, gradient_rates(net)
    return net, params, csr, y, s, cases, net.errors(*data), net.gradient(*data)


@KIND
def test_large_batch(dtype, isa):
    """Rows pass in blocks, and those of W that any block touches wait for the last."""
    net, params, csr, y, s, cases, errors, gradient = large_case()
    kernel, rates = Sparse(net, dtype, isa), gradient_rates(net)
    close(kernel.errors(params, csr, y, s, rates), errors, dtype)
    close(kernel.gradient(params, csr, y, s, rates), gradient, dtype)
    for state, rest, expected in cases:
        all_close(kernel.epoch(params, state, 0, csr, *rest), expected, dtype)


@KIND
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_a_batch_in_slices(dtype, isa, l2):
    """A full row among 600 empty ones: the verb returns within a batch and within an epoch."""
    columns = 300_000
    values = np.linspace(-1, 1, columns)
    indptr = np.array([0, *[0] * 300, *[columns] * 300])
    csr = sparse.Csr(values, np.arange(columns), indptr, (600, columns))
    net = reference.Net((columns, 40, 2), ("tanh",), "identity")
    rng = np.random.RandomState(0)
    params, y = 0.01 * rng.randn(net.n_params), rng.randn(600, 2)
    update = reference.Update("sgd", "decoupled", 0.1, (l2, l2))
    for batch in (600, 200):
        new, _, _, sums = Sparse(net, dtype, isa).epoch(
            params, np.zeros((0, 1)), 0, csr, y, update, None, None, batch
        )
        assert np.isfinite(sums).all()
        expected = one_full_row(net, params, values, y, update, batch)
        close(new, expected, dtype)


def one_full_row(net, params, values, y, update, batch):
    """The epoch above, W_1 by its product with the one full row, never with a dense x."""
    params = params.copy()
    for first in range(0, 600, batch):
        (w1, w2), (b1, b2) = net.split(params)
        mask = (np.arange(first, first + batch) == 300)[:, None]
        a = np.tanh(mask * (values @ w1) + b1)
        delta = (a @ w2 + b2 - y[first : first + batch]) / batch
        back = (delta @ w2.T) * (1 - a * a)
        w1_slope = np.outer(values, (mask * back).sum(axis=0))
        slope = np.concatenate(
            [w1_slope.ravel(), (a.T @ delta).ravel(), back.sum(axis=0), delta.sum(axis=0)]
        )
        shrink = net.spread(np.array(update.l2) * update.eta / batch)
        params = params - (shrink * params + update.eta * slope)
    return params


@KIND
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_networks_together_are_networks_apart(dtype, isa, optimizer):
    """Bit for bit, each with an order, a λ and a decay of its own, "l2" under sgd among them."""
    net, _, _, csr, y, s = make_case(23)
    kernel, count = Sparse(net, dtype, isa), 4
    params = np.stack([reference.make_problem(net, 1, seed)[0] for seed in range(count)])
    state = np.stack([state_of(net, optimizer, seed).ravel() for seed in range(count)])
    decays = [decay for decay in _core.DECAYS if reference.valid(optimizer, decay)]
    updates = [
        reference.Update(optimizer, decays[p % len(decays)], 0.01 * (1 + p), (0.03 * p,) * 2)
        for p in range(count)
    ]
    order = np.stack([np.random.RandomState(p).permutation(41) for p in range(count)])
    steps = np.array([0, 7, 1, 100])
    together = kernel.epochs(params, state, steps, csr, y, updates, s, order, 8)
    for p in range(count):
        one = slice(p, p + 1)
        apart = kernel.epochs(
            params[one], state[one], steps[one], csr, y, updates[one], s, order[p], 8
        )
        assert all(np.array_equal(a[one], b) for a, b in zip(together, apart, strict=True))


@KIND
def test_batches_of_weight_0(dtype, isa):
    """The first one too, before which no row was ever touched."""
    net, params, x, csr, y, s = make_case(23)
    s[:16] = s[24:32] = 0
    kernel, update = Sparse(net, dtype, isa), update_of(net, "sgd")
    rest = y, update, s, None, 8
    expected = net.epoch(params, np.zeros((0, 1)), 0, x, *rest)
    all_close(kernel.epoch(params, np.zeros((0, 1)), 0, csr, *rest), expected, dtype)


@KIND
@pytest.mark.parametrize("decay", ["decoupled", "fraction"])
def test_small_decay_is_not_lost(dtype, isa, decay):
    """Untouched rows take W - c W to the last bit, c = 8e-6, where 1 - c has two digits left."""
    net, params, _, csr, y, _ = make_case(23)
    kernel, c = Sparse(net, dtype, isa), 8e-6
    l2 = (c if decay == "fraction" else c / 0.01 * 8, 0.0)
    update = reference.Update("sgd", decay, 0.01, l2, 8.0)
    empty = csr._replace(indptr=0 * csr.indptr)
    new, *_ = kernel.epoch(params, np.zeros((0, 1)), 0, empty, y, update, None, None, 41)
    w = params[: 23 * 7].astype(dtype)
    np.testing.assert_array_equal(new[: 23 * 7], w - w.dtype.type(c) * w)


# ---- through Network and Backprop ----

FORMATS = {
    "csr": sp.csr_array,
    "csr_matrix": sp.csr_matrix,
    "csc": sp.csc_array,
    "csc_matrix": sp.csc_matrix,
    "coo": sp.coo_array,
    "coo_matrix": sp.coo_matrix,
    "lil": sp.lil_array,
    "dok": sp.dok_array,
    "bsr": sp.bsr_array,
    "dia": sp.dia_array,
    "int64": lambda x: with_index(sp.csr_array(x), np.int64),
    "mixed": lambda x: with_index(sp.csr_array(x), np.int64, np.int32),
    "uint32": lambda x: with_index(sp.csr_array(x), np.uint32),
    "float64": lambda x: sp.csr_array(x, dtype=np.float64),
    "integers": lambda x: sp.csr_array((8 * x).astype(np.int8)),
    "booleans": lambda x: sp.csr_array(x != 0),
    "longer": lambda x: longer(sp.csr_array(x)),
}


def with_index(x, indices, indptr=None):
    x.indices, x.indptr = x.indices.astype(indices), x.indptr.astype(indptr or indices)
    return x


def longer(x):
    """More room than values, as SciPy allows: what lies there is nobody's."""
    x.data = np.append(x.data, np.nan)
    x.indices = np.append(x.indices, x.indices.dtype.type(10**6))
    return x


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("form", FORMATS)
def test_formats(form, dtype):
    x = text_like(31, 20).astype(dtype)
    X = FORMATS[form](x)
    dense = {"integers": 8 * x, "booleans": x != 0}.get(form, x)
    network, y = Network((20, 9, 3), output="softmax", dtype=dtype, seed=0), np.arange(31) % 3
    letter = np.dtype(dtype).char
    close(network.predict(X), network.predict(dense), letter)
    assert network.predict(X).dtype == dtype
    all_close(network.activations(X), network.activations(dense), letter)
    close(network.input_gradient(X), network.input_gradient(dense), letter)
    assert network.error(X, y, 0.1) == pytest.approx(network.error(dense, y, 0.1), rel=1e-5)
    close(network.gradient(X, y, 0.1), network.gradient(dense, y, 0.1), letter)


OPTIMIZERS = (*_core.OPTIMIZERS, "lbfgs")


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training(optimizer, dtype, l2):
    """The history and the parameters of the dense run, validation and weights included."""
    x, y = text_like(60, 20).astype(dtype), np.arange(60) % 3
    weight, batch = np.linspace(0.5, 2, 60), None if optimizer == "rprop" else 13
    runs = []
    for form in (np.asarray, sp.csr_array, sp.csc_matrix):
        network = Network((20, 9, 3), output="softmax", dtype=dtype, seed=0)
        trainer = Backprop(network, optimizer, eta=0.01, l2=l2, batch_size=batch, seed=0)
        held_out = form(x[:20]), y[:20], weight[:20]
        history = trainer.train(form(x), y, epochs=4, sample_weight=weight, validation=held_out)
        runs.append((network.params, history.error, history.validation_error))
    # L-BFGS in float32 doubles a rounding at each step.
    precise = dtype == np.float64 or optimizer != "lbfgs"
    for run in runs[1:]:
        for actual, expected in zip(run, runs[0], strict=True):
            tolerance = {"rtol": 1e-9 if dtype == np.float64 else 1e-4, "atol": 1e-5}
            if precise:
                np.testing.assert_allclose(actual, expected, **tolerance)


def test_no_copy_of_what_fits():
    for index in (np.int32, np.int64):
        X = with_index(sp.csr_matrix(text_like(10, 5)), index)
        found = check_features(X, 5, np.dtype(float))
        for part in ("data", "indices", "indptr"):
            assert np.shares_memory(getattr(found, part), getattr(X, part))


def test_read_only_arrays():
    X = sp.csr_array(text_like(10, 5))
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    Backprop(Network((5, 1), seed=0)).train(X, np.zeros(10), epochs=1)


@pytest.mark.parametrize("shape", [(0, 5), (3, 5)])
def test_nothing_stored(shape):
    network, X = Network((5, 4, 2), seed=0), sp.csr_array(shape)
    np.testing.assert_array_equal(network.predict(X), network.predict(np.zeros(shape)))


# ---- bad input ----


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (sp.csr_array((4, 5)), ValueError, "X has 5 features, but the network takes 3"),
        (
            sp.csr_array((4, 3), dtype=complex),
            TypeError,
            "X must hold real numbers, got dtype compl",
        ),
        (sp.coo_array(np.ones(3)), ValueError, "X must have 2 dimensions, got shape (3,)"),
    ],
)
def test_features(X, error, message):
    network = Network((3, 2))
    calls = network.predict, lambda X: Backprop(network).train(X, np.zeros((4, 2)))
    for call in calls:
        with pytest.raises(error, match=re.escape(message)):
            call(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_training_refuses_what_is_not_finite(bad):
    X, Y = sp.csr_array(np.eye(3)), np.zeros((3, 2))
    X.data[1] = bad
    network = Network((3, 2), seed=0)
    assert not np.isfinite(network.predict(X)).all()
    for call in (network.error, network.gradient, Backprop(network).train):
        with pytest.raises(ValueError, match="X contains NaN or infinity"):
            call(X, Y)
    with pytest.raises(ValueError, match="validation X contains NaN or infinity"):
        Backprop(network).train(np.eye(3), Y, validation=(X, Y))


def test_training_refuses_no_rows():
    with pytest.raises(ValueError, match="X has no rows"):
        Network((3, 2)).error(sp.csr_array((0, 3)), np.zeros((0, 2)))


# What is done to the arrays of a good (4, 3) matrix, and what is said of it.
DAMAGE = {
    "begins later": ("indptr", 0, 1, "X.indptr must begin with 0, got 1"),
    "begins before": ("indptr", 0, -1, "X.indptr must begin with 0, got -1"),
    "falls": ("indptr", 2, 0, "X.indptr must not fall, but does at row 1, from 2 to 0"),
    "falls far": ("indptr", 2, -(2**31), "X.indptr must not fall"),
    "rises far": ("indptr", 2, 2**31 - 1, "X.indptr must not fall, but does at row 2"),
    "ends late": ("indptr", 4, 7, "X.indptr ends at 7, but there are 6 values"),
    "ends far": ("indptr", 4, 2**31 - 1, "X.indptr ends at 2147483647"),
    "ends early": ("indptr", 4, 3, "X.indptr must not fall, but does at row 3"),
    "negative": ("indices", 0, -1, "X.indices must lie between 0 and 2"),
    "very negative": ("indices", 5, -(2**31), "X.indices must lie between 0 and 2"),
    "too large": ("indices", 5, 3, "X.indices must lie between 0 and 2"),
    "very large": ("indices", 2, 2**31 - 1, "X.indices must lie between 0 and 2"),
}
LENGTHS = {
    "no indptr": ("indptr", 0, "X.indptr must have shape (5,), got (0,)"),
    "short indptr": ("indptr", 4, "X.indptr must have shape (5,), got (4,)"),
    "short indices": ("indices", 5, "X.indptr ends at 6, but there are 5 indices"),
    "short data": ("data", 5, "X.indptr ends at 6, but there are 5 values"),
}


def good(index=np.int32):
    return with_index(
        sp.csr_matrix(np.array([[1.0, 0, 2], [0, 3, 0], [4, 5, 0], [0, 0, 6]])), index
    )


def every_call(X):
    """All ways a matrix gets in, each of which must refuse it and leave the network alone."""
    network = Network((3, 2, 2), seed=0)
    before, Y = network.params.copy(), np.zeros((4, 2))
    yield from (lambda f=f: f(X) for f in (network.predict, network.activations))
    yield lambda: network.input_gradient(X)
    yield from (lambda f=f: f(X, Y) for f in (network.error, network.gradient))
    for optimizer in ("sgd", "adam", "lbfgs"):
        yield lambda o=optimizer: Backprop(network, o).train(X, Y)
    np.testing.assert_array_equal(network.params, before)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_indices(damage, index):
    part, where, value, message = DAMAGE[damage]
    X = good(index)
    getattr(X, part)[where] = value
    for call in every_call(X):
        with pytest.raises(ValueError, match=re.escape(message)):
            call()


@pytest.mark.parametrize("damage", LENGTHS)
def test_damaged_lengths(damage):
    part, length, message = LENGTHS[damage]
    X = good()
    setattr(X, part, getattr(X, part)[:length])
    for call in every_call(X):
        with pytest.raises(ValueError, match=re.escape(message)):
            call()


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1, 2**32])
@pytest.mark.parametrize(("part", "where"), [("indptr", 1), ("indptr", 4), ("indices", 3)])
def test_damage_beyond_32_bits(part, where, value):
    X = good(np.int64)
    getattr(X, part)[where] = value
    for call in every_call(X):
        with pytest.raises(ValueError, match=f"X.{part}"):
            call()


@pytest.mark.parametrize("part", ["indices", "indptr"])
@pytest.mark.parametrize("bad", [np.float64, complex, object])
def test_indices_that_are_no_integers(part, bad):
    X = good()
    setattr(X, part, getattr(X, part).astype(bad))
    for call in every_call(X):
        with pytest.raises(TypeError, match=f"X.{part} must hold whole numbers"):
            call()


@pytest.mark.parametrize("form", [sp.csc_matrix, sp.csc_array, sp.bsr_matrix, sp.coo_matrix])
@pytest.mark.parametrize("value", [-1, 10**6])
def test_damage_that_scipy_would_follow(form, value):
    """The conversion to CSR is SciPy's, which trusts its indices."""
    X = form(good())
    (X.row if form is sp.coo_matrix else X.indices)[2] = value
    for call in every_call(X):
        with pytest.raises(ValueError, match="X is a damaged sparse matrix"):
            call()


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("dtype", [np.float64, np.uint16])
@pytest.mark.parametrize(("part", "where", "value"), [("indptr", 1, 10**6), ("indices", 2, -1)])
def test_damage_that_scikit_learn_would_pass_on(dtype, part, where, value):
    """It changes the type, and takes rows, by SciPy's routines."""
    X, y = sp.vstack([good()] * 5, format="csr").astype(dtype), np.arange(20) % 2
    fitted = MLPClassifier(2, max_iter=1, batch_size=20).fit(X, y)
    getattr(X, part)[where] = value
    early = MLPClassifier(2, max_iter=1, early_stopping=True, validation_fraction=0.2)
    for call in (fitted.fit, early.fit, lambda X, y: fitted.predict(X)):
        with pytest.raises(ValueError, match="X is a damaged sparse matrix"):
            call(X, y)
    X.indices = X.indices.astype(float)
    with pytest.raises(TypeError, match=r"X\.indices must hold whole numbers"):
        fitted.fit(X, y)
    with pytest.raises((ValueError, TypeError), match="X"):
        compare(X, y, Network((X.shape[1], 1), output="logistic", dtype="float32"), seeds=1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"data": np.ones(6, np.float32)}, TypeError, "X.data must be an array of float64"),
        ({"data": np.ones((6, 1))}, ValueError, "X.data must have shape"),
        ({"data": [1.0] * 6}, TypeError, "X.data must be an array, got list"),
        ({"data": np.ones(12)[::2]}, ValueError, "X.data must be C-contiguous"),
        ({"indices": np.zeros(6)}, TypeError, "X.indices must be an array of int32, got float64"),
        ({"indices": np.zeros(6, np.int64)}, TypeError, "X.indices must be an array of int32"),
        ({"indptr": np.zeros(5, np.uint8)}, TypeError, "X.indptr must be an array of int64"),
        ({"indptr": None}, TypeError, "X.indptr must be an array, got NoneType"),
        ({"shape": (3, 3)}, ValueError, "X.indptr must have shape (4,), got (5,)"),
        ({"shape": (-2, 3)}, ValueError, "X must have shape (any, 3), got (-2, 3)"),
        ({"shape": (4, 2)}, ValueError, "X must have shape (any, 3), got (4, 2)"),
        ({"shape": (12,)}, ValueError, "X must have shape (any, 3), got (12,)"),
    ],
)
def test_the_binding_converts_nothing(change, error, message):
    X = good()
    csr = sparse.Csr(X.data, X.indices, X.indptr, X.shape)._replace(**change)
    net = _core.Net((3, 2), (), "identity", "d")
    with pytest.raises(error, match=re.escape(message)):
        net.predict(np.zeros(8), csr, np.zeros((4, 2)))


# ---- cost ----


def test_memory():
    """Training never holds X dense, nor any block of its rows: 20,000 rows of 100,000 inputs."""
    script = """
        import resource

        import numpy as np
        import scipy.sparse as sp

        from pyl2 import Backprop, Network

        rng = np.random.default_rng(0)
        rows, columns = rng.integers(0, (20_000, 100_000), (100_000, 2)).T
        X = sp.csr_matrix((np.ones(100_000), (rows, columns)), (20_000, 100_000))
        network = Network((100_000, 8, 3), output="softmax", seed=0)
        trainer = Backprop(network, batch_size=None, seed=0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for optimizer in ("sgd", "adam"):
            trainer = Backprop(network, optimizer, l2=0.1, batch_size=5000, seed=0)
            trainer.train(X, np.arange(20_000) % 3, epochs=2)
        network.predict(X)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
    """
    pytest.importorskip("resource")
    command = [sys.executable, "-c", textwrap.dedent(script)]
    unit = 1 if sys.platform == "darwin" else 1024
    grown = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) * unit
    # Parameters, copies of them, a gradient, two moments: 6.4 MB each.  A dense block has 200 MB.
    assert grown < 100e6


def test_import_leaves_scipy_alone():
    script = (
        "import sys, pyl2; pyl2.Network((2, 1)).predict([[0, 0]]); print('scipy' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == "False\n"
