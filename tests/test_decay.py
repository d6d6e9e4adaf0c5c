"""What lambda does to the parameters, against PyTorch and the identities of the contract."""

import numpy as np
import pytest
from make_frozen import BY_STEP, DROPOUT, TRAJECTORIES
from reference import DECAYS, OPTIMIZERS, Update, make_net, make_problem, valid
from scipy.sparse import csr_array

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
        **case.by_step,
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


@pytest.mark.parametrize("case", TRAJECTORIES + BY_STEP + DROPOUT, ids=str)
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
        batch_size = None if optimizer == "rprop" else batch_size
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
        for l2 in (0.0, 1e-2, 0.7, tuple(np.linspace(0.1, 0.9, depth + 1)))
    ]
    weights = train.net.n_weights
    for other in ends[1:]:
        assert np.array_equal(other[weights:], ends[0][weights:])
        changes = (optimizer, decay) != ("rprop", "l2")  # whose first steps go by signs alone
        assert not (changes and np.array_equal(other[:weights], ends[0][:weights]))


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


@pytest.mark.parametrize(("optimizer", "decay"), [pair for pair in PAIRS if pair[0] != "rprop"])
@pytest.mark.parametrize("c", [1e-8, 1e-7, 1e-5])
def test_float32_decays_as_float64(optimizer, decay, c):
    """Over 2^15 noisy online updates: at c = 1e-7 a factor 1 - c would be 19 % wrong.

    Tiny inputs and huge targets make gradients that do not depend on the weights, so the
    difference of a run with and one without lambda is the decay alone.
    """
    rows, inputs, outputs, eta = 2**15, 32, 8, 1e-5
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
    assert double > 1e4 * c
    assert single == pytest.approx(double, rel=0.01)


# Where no gradient comes the rounding of one update is that of the next, and the mantissa's.
STARTS = np.array([1.0, -1.1, 1.5, -1.999])


def rate(trainer, rows, epochs, sample_weight=None):
    """The fraction that an update takes off each weight, in the mean, where the gradient is 0."""
    network = trainer.network
    network.params = np.concatenate([STARTS, np.zeros(4)])
    x, y = np.zeros((rows, 1), network.dtype), np.zeros((rows, 4), network.dtype)
    begun = trainer._state.steps[0]
    trainer.train(x, y, epochs=epochs, sample_weight=sample_weight)
    left = network.params[:4].astype(float) / STARTS.astype(network.dtype)
    return -np.log(left) / (trainer._state.steps[0] - begun)


def line(dtype="f"):
    return Network((1, 4), dtype=dtype)


@pytest.mark.parametrize(
    ("optimizer", "decay"),
    [
        *(("sgd", decay) for decay in ("l2", "decoupled", "fraction")),
        *(
            (optimizer, "decoupled")
            for optimizer in ("nesterov", "adam", "adamw", "rmsprop", "nadam")
        ),
    ],
)
@pytest.mark.parametrize("c", [1e-9, 1.7e-8, 1e-7, 7.6e-6, 7.7e-6, 1e-5, 1e-4, 1e-3])
def test_decay_where_the_gradient_is_0(c, optimizer, decay):
    """At 1e-7 a weight of float32 lost 0.67 to 1.29 of its due, at 1.7e-8 nothing."""
    updates = 2 ** max(12, round(-np.log2(c)) - 10)  # 128 times the decay of one
    l2 = c if decay == "fraction" else c / 0.5
    trainer = Backprop(line(), optimizer, 0.5, l2, n=1.0, decay=decay, batch_size=1, shuffle=False)
    np.testing.assert_allclose(rate(trainer, 2**12, updates // 2**12), -np.log1p(-c), rtol=0.01)


@pytest.mark.parametrize("optimizer", ["momentum", "nesterov"])
@pytest.mark.parametrize("c", [1e-9, 1e-8, 1e-6, 1e-5])
def test_l2_in_the_gradient_where_the_data_have_none(c, optimizer):
    """What a gradient of L2 alone comes to in the end is c/(1 - momentum) an update.

    scikit-learn's defaults for sgd make c = 5e-10, and float32 lost nothing.
    """
    updates = 2 ** max(12, round(-np.log2(c)) - 10)
    trainer = Backprop(line(), optimizer, 0.5, c / 0.5, n=1.0, batch_size=1, shuffle=False)
    trainer.momentum = 0.5
    np.testing.assert_allclose(rate(trainer, 2**12, updates // 2**12), 2 * c, rtol=0.01)


@pytest.mark.parametrize("isa", _core.ISAS)
def test_decay_of_interleaved_networks_where_the_gradient_is_0(isa):
    """Each at its own c and step; and the same where they were trained apart."""
    rates = np.geomspace(1e-8, 1e-4, 17)
    net = _core.Net((1, 4), (), "identity", "f", isa)
    updates = [_core.Update("sgd", "fraction", 1.0, (c,)) for c in rates]
    start = np.concatenate([STARTS, np.zeros(4)]).astype("f")
    x, y = np.zeros((2**16, 1), "f"), np.zeros((2**16, 4), "f")

    def end(which):
        count = len(which)
        params, steps = np.tile(start, (count, 1)), 1024 * which
        net.epoch(
            params, np.zeros((count, 0), "f"), steps, x, y, None, None, 1,
            [updates[p] for p in which], np.zeros((count, 2)), 1,
        )  # fmt: skip
        return params[:, :4]

    together = end(np.arange(17))
    found = -np.log(together / start[:4].astype(float)) / 2**16
    np.testing.assert_allclose(found, np.tile(-np.log1p(-rates), (4, 1)).T, rtol=0.01)
    apart = [end(np.array([p])) for p in range(17)]
    np.testing.assert_array_equal(together, np.concatenate(apart))


@pytest.mark.parametrize("rows", [2, 5, 13])
@pytest.mark.parametrize("c", [1e-7, 1e-6])
def test_decay_where_the_last_batch_decays_more(c, rows):
    """As its m is smaller: a rule that always meets it, or never, would be far off."""
    s = np.tile(np.where(np.arange(rows) == rows - 1, 1.0, 20.0), 1000)
    trainer = Backprop(line(), eta=20.0, l2=c, batch_size=1, shuffle=False)
    found = rate(trainer, len(s), 200_000 // len(s), s)
    np.testing.assert_allclose(found, c * np.mean(20 / s), rtol=0.02)


def test_decay_of_200_rows_and_one():
    """A last batch of one row, which decays 200 times as much."""
    trainer = Backprop(line(), eta=0.1, l2=2e-5, batch_size=200, shuffle=False)
    found = rate(trainer, 201, 40_000)
    np.testing.assert_allclose(found, 0.1 * 2e-5 * (1 + 1 / 200) / 2, rtol=0.02)


@pytest.mark.parametrize("schedule", ["constant", "invscaling"])
def test_decay_at_a_rate_that_falls(schedule):
    """Every epoch has a c of its own."""
    trainer = Backprop(line(), eta=0.5, l2=4e-6, batch_size=1, shuffle=False, schedule=schedule)
    seen = 100 * np.arange(5000) if schedule == "invscaling" else np.zeros(5000)
    wanted = np.mean(0.5 / np.sqrt(1 + seen)) * 4e-6
    np.testing.assert_allclose(rate(trainer, 100, 5000), wanted, rtol=0.02)


def test_decay_goes_on_from_a_file_with_the_same_bits(tmp_path):
    """In the middle of the updates that share one decay."""
    x, y = np.zeros((10, 1), "f"), np.zeros((10, 4), "f")
    ends, taken = [], 0
    for stops in ((40,), (13, 27), (1,) * 40):
        network = line()
        network.params = np.concatenate([STARTS, np.zeros(4)])
        trainer = Backprop(network, l2=6e-6, batch_size=1, n=1.0, seed=0)
        for epochs in stops:
            trainer.train(x, y, epochs=epochs)
            trainer.save(tmp_path / "training.pyl2")
            trainer = Backprop.load(tmp_path / "training.pyl2")
            taken += trainer.network.params[0] != 1
        ends.append(trainer.network.params)
    assert taken
    assert all(np.array_equal(end, ends[0]) for end in ends)


@pytest.mark.parametrize("decay", ["l2", "fraction"])
def test_decay_is_the_same_bits_for_any_threads(decay, make_network):
    """Where threads share the rows of a batch, and where each has a part of an epoch."""
    x, y = np.random.RandomState(0).randn(2, 2000, 100).astype("f")
    l2 = 2e-6 if decay == "fraction" else 2e-4
    for batch_size in (500, None):
        ends = []
        for n_threads in (1, 2, 3):
            network = Network((100, 100, 100), dtype="f", seed=0)
            trainer = Backprop(
                network, eta=0.01, l2=l2, n=1.0, decay=decay, batch_size=batch_size, seed=0,
                n_threads=n_threads,
            )  # fmt: skip
            trainer.train(x, y, epochs=6)
            ends.append(network.params)
        assert all(np.array_equal(end, ends[0]) for end in ends)


def test_decay_of_sparse_rows():
    """Columns that no value touches decay as those of the same rows dense."""
    dense = np.where(np.random.RandomState(0).rand(3000, 30) < 0.02, 1, 0).astype("f")
    dense[:, 7] = 0
    y, ends = dense[:, :2].copy(), []
    for x in (dense, csr_array(dense)):
        network = Network((30, 5, 2), dtype="f", seed=0)
        start = network.weights[0][7].copy()
        trainer = Backprop(network, l2=1e-4, batch_size=20, seed=0)
        trainer.train(x, y, epochs=200)
        ends.append(network.params)
        left = network.weights[0][7] / start.astype(float)
        np.testing.assert_allclose(-np.log(left), 200 * 150 * 0.01 * 1e-4 / 20, rtol=0.01)
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-4, atol=1e-5)


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


@pytest.mark.parametrize("size", [1e-25, 1.0, 1e25])
def test_penalty_of_many_weights_whatever_their_size(size):
    """Squares of float32 weights are summed in float32 only where it holds them."""
    network = Network([40, 30, 1], dtype="float32", seed=1)
    network.params[...] = network.params * np.float32(size)
    trainer = Backprop(network, eta=1e-30, l2=1, n=1.0, batch_size=4)
    network.params[41 * 30 :] = 0  # biases, which alone an input of 0 would bring to overflow
    weights = network.params[: 41 * 30].astype(float)
    penalty = trainer.train(np.zeros((4, 40), "f"), np.zeros((4, 1), "f"), epochs=1).penalty
    np.testing.assert_allclose(penalty, (weights**2).sum() / 2, rtol=1e-6)
