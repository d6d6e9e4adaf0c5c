"""What lambda does to the parameters, against PyTorch and the identities of the contract."""

import numpy as np
import pytest
from make_frozen import TRAJECTORIES
from reference import DECAYS, OPTIMIZERS, Update, make_net, make_problem, valid

from pyl2 import Backprop, Network, _core

PAIRS = [(o, d) for o in _core.OPTIMIZERS for d in _core.DECAYS if valid(o, d)]
PAIR = pytest.mark.parametrize(("optimizer", "decay"), PAIRS)
DTYPE = pytest.mark.parametrize("dtype", ["f", "d"])


def pyl2_trajectory(case, make_network):
    params, x, y, s = case.problem
    network = make_network(case.net, params)
    trainer = Backprop(
        network,
        case.optimizer,
        eta=case.eta,
        l2=case.penalties,
        n=float(case.n) if case.n == "7.5" else case.n,
        decay=case.decay,
        batch_size=case.batch_size,
        momentum=case.momentum,
        beta_1=case.beta_1,
        beta_2=case.beta_2,
        epsilon=case.epsilon,
        seed=np.random.RandomState(case.seed),
    )
    history = trainer.train(x, y, epochs=case.epochs, sample_weight=s)
    np.testing.assert_allclose(history.error, history.data_error + history.penalty, rtol=1e-14)
    return np.stack([history.data_error, history.penalty], axis=1), network.params


def reference_trajectory(case):
    params, x, y, s = case.problem
    n = case.items(m=0.0)
    options = case.momentum, case.beta_1, case.beta_2, case.epsilon
    update = Update(case.optimizer, case.decay, case.eta, case.penalties, n, *options)
    state, t, errors = np.zeros((OPTIMIZERS[case.optimizer][0], len(params))), 0, []
    for order in case.orders():
        args = x, y, update, s, order, case.batch_size
        params, state, t, sums = case.net.epoch(params, state, t, *args)
        errors.append(sums / case.rows)
    return np.array(errors), params


def assert_trajectory(errors, params, expected):
    history = 2 * len(errors)
    np.testing.assert_allclose(errors.ravel(), expected[:history], rtol=1e-10)
    np.testing.assert_allclose(params, expected[history:], rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", TRAJECTORIES, ids=str)
def test_50_updates_against_frozen_torch(case, make_network, frozen):
    assert_trajectory(*pyl2_trajectory(case, make_network), frozen[str(case)])


@pytest.mark.parametrize("case", TRAJECTORIES, ids=str)
def test_reference_against_frozen_torch(case, frozen):
    """The oracle of all other tests has an oracle."""
    assert_trajectory(*reference_trajectory(case), frozen[str(case)])


def test_every_row_has_a_frozen_value():
    seen = {(case.optimizer, case.decay) for case in TRAJECTORIES}
    assert seen == set(PAIRS)
    assert set(_core.DECAYS) == set(DECAYS)


# ---- identities ----


class Run:
    """One problem, trained from the same start as often as wanted."""

    def __init__(self, make_network, dtype="d", depth=1, rows=24):
        self.net = make_net("tanh", "softmax", depth)
        self.params, self.x, self.y, _ = make_problem(self.net, rows, indices=True)
        self.make_network, self.dtype = make_network, dtype
        self.x = self.x.astype(dtype)

    def __call__(self, optimizer, decay, l2, epochs=17, batch_size=8, **options):
        network = self.make_network(self.net, self.params, self.dtype)
        options = {"eta": 0.05, "seed": 0} | options
        trainer = Backprop(network, optimizer, l2=l2, decay=decay, batch_size=batch_size, **options)
        trainer.train(self.x, self.y, epochs=epochs)
        return network.params.copy()


def test_under_sgd_l2_and_decoupled_are_the_same(make_network):
    train = Run(make_network)
    for n in ("batch", "train", 5.0):
        l2 = train("sgd", "l2", 0.9, n=n)
        np.testing.assert_allclose(l2, train("sgd", "decoupled", 0.9, n=n), rtol=1e-12)


@pytest.mark.parametrize("n", ["batch", "train", 5.0])
def test_under_sgd_a_fraction_is_eta_lambda_over_n(n, make_network):
    train, l2 = Run(make_network), np.array([0.9, 0.3])
    items = {"batch": 8, "train": 24, 5.0: 5}[n]
    fraction = train("sgd", "fraction", tuple(0.05 * l2 / items))
    np.testing.assert_allclose(fraction, train("sgd", "l2", tuple(l2), n=n), rtol=1e-12)


@pytest.mark.parametrize("optimizer", ["momentum", "nesterov", "adam"])
def test_elsewhere_the_three_differ(optimizer, make_network):
    train, l2 = Run(make_network), 0.9
    ends = [train(optimizer, "l2", l2), train(optimizer, "decoupled", l2)]
    ends.append(train(optimizer, "fraction", 0.05 * l2 / 8))
    assert np.abs(ends[0] - ends[1]).max() > 1e-3
    # The fraction is decoupled's, and is named once for all: no n, no eta.
    np.testing.assert_allclose(ends[2], ends[1], rtol=1e-12)


@DTYPE
@pytest.mark.parametrize("depth", range(3))
@PAIR
def test_biases_are_bit_identical_for_any_lambda(optimizer, decay, depth, dtype, make_network):
    """Over one update from the same start: the gradient is that of the old weights."""
    train = Run(make_network, dtype, depth)
    ends = [
        train(optimizer, decay, l2, epochs=1, batch_size=None)
        for l2 in (0.0, 1e-4, 0.7, tuple(np.linspace(0.1, 0.9, depth + 1)))
    ]
    weights = train.net.n_weights
    for other in ends[1:]:
        assert np.array_equal(other[weights:], ends[0][weights:])
        assert not np.array_equal(other[:weights], ends[0][:weights])


@DTYPE
@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_without_lambda_the_decays_are_the_same_bits(optimizer, dtype, make_network):
    train = Run(make_network, dtype)
    decays = [decay for decay in _core.DECAYS if valid(optimizer, decay)]
    ends = [train(optimizer, decay, 0.0) for decay in decays]
    assert all(np.array_equal(end, ends[0]) for end in ends[1:])


@pytest.mark.parametrize("optimizer", _core.OPTIMIZERS)
def test_default_decay(optimizer, make_network):
    train = Run(make_network)
    usual = "decoupled" if optimizer == "adamw" else "l2"
    assert np.array_equal(train(optimizer, None, 0.9), train(optimizer, usual, 0.9))


def test_adamw_refuses_l2(make_network):
    with pytest.raises(ValueError, match="adamw"):
        Run(make_network)("adamw", "l2", 0.9)


# ---- float32 ----


@PAIR
def test_float32_decays_as_float64(optimizer, decay):
    """At c = 1e-7 over 30,000 noisy online updates: a factor 1 - c would be 19 % wrong.

    Tiny inputs and huge targets make gradients that do not depend on the weights, so the
    difference of a run with and one without lambda is the decay alone.
    """
    rows, inputs, outputs, eta, c = 30_000, 32, 8, 1e-5, 1e-7
    rng = np.random.RandomState(0)
    x = (1e-3 * rng.randn(rows, inputs)).astype("f")
    y = (1e3 * rng.randn(rows, outputs)).astype("f")
    start = np.concatenate([rng.uniform(1, 2, inputs * outputs), np.zeros(outputs)]).astype("f")
    l2 = c if decay == "fraction" else c / eta

    def end(dtype, l2):
        network = Network((inputs, outputs), dtype=dtype)
        network.params = start
        trainer = Backprop(
            network, optimizer, eta=eta, l2=l2, decay=decay, batch_size=1, shuffle=False
        )
        trainer.train(x.astype(dtype), y.astype(dtype), epochs=1)
        return network.params[: inputs * outputs].astype(float)

    single, double = (np.mean(end(dtype, 0.0) - end(dtype, l2)) for dtype in ("f", "d"))
    assert double > 1e-3
    assert single == pytest.approx(double, rel=0.01)


# ---- warnings ----


@pytest.mark.parametrize(
    ("optimizer", "decay", "l2", "n"),
    [
        ("sgd", "l2", 41.0, "batch"),  # 0.05 * 41 / m: the last batch has 2 rows, the others 4
        ("sgd", "decoupled", 41.0, "batch"),
        ("adam", "decoupled", (0.0, 41.0), "batch"),
        ("sgd", None, 201.0, "train"),
        ("adamw", None, 41.0, 2.0),
        ("sgd", "fraction", 1.0, "batch"),
        ("adam", "fraction", (0.1, 1.5), "batch"),
    ],
)
def test_warns_where_a_weight_changes_sign(optimizer, decay, l2, n, make_network):
    with pytest.warns(UserWarning, match="weights will change sign"):
        Run(make_network, rows=10)(optimizer, decay, l2, n=n, batch_size=4, epochs=1)


@pytest.mark.parametrize(
    ("optimizer", "decay", "l2", "n", "batch_size"),
    [
        ("sgd", None, 39.0, "batch", 4),
        ("sgd", None, 79.0, "batch", 5),
        ("sgd", None, 199.0, "train", 4),
        ("momentum", "l2", 100.0, "batch", 4),
        ("adam", "l2", 100.0, "batch", 4),
        ("sgd", "fraction", 0.99, "batch", 4),
    ],
)
def test_else_it_does_not_warn(optimizer, decay, l2, n, batch_size, make_network):
    """Warnings are errors here.  Without a decay of its own L2 is a gradient like any other."""
    Run(make_network, rows=10)(optimizer, decay, l2, n=n, batch_size=batch_size, epochs=1)
