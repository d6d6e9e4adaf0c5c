"""Rates that change by the step, clipping and averages: kernels, courses, files, errors."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import reference
from reference import make_net, make_problem
from scipy.sparse import csr_array
from test_kernels import KIND, Kernel, all_close, update_of

from pyl2 import Backprop, Network
from pyl2.training.course import COURSES, factors

ROWS = 40


def by_step(batch_size):
    """Updates by their names; a batch has factors of its own."""
    batches = -(-ROWS // batch_size)
    rng = np.random.RandomState(batches)
    eta, l2 = rng.uniform(0.2, 1.5, batches), rng.uniform(0, 2, batches)
    return {
        "rates": {"eta_factors": eta, "l2_factors": l2},
        "norm": {"clip_norm": 0.3},
        "value and average": {"clip_value": 0.02, "average": 0.8},
        "all": {"eta_factors": eta, "clip_norm": 0.5, "average": 0.95},
        "average": {"l2_factors": l2, "average": 0.5},
    }


def begin(net, update, seed=3):
    vectors = reference.OPTIMIZERS[update.optimizer][0] + (update.average > 0)
    return 1e-2 * np.random.RandomState(seed).rand(vectors, net.n_params)


NETS = {
    "tiny": reference.Net((3, 4, 1), ("tanh",), "identity"),
    "narrow": make_net("tanh", "softmax", 2),
    "wide": reference.Net((9, 70, 33, 5), ("tanh", "logistic"), "softmax"),
    "linear": reference.Net((7, 3), (), "logistic"),
}


class Sparse(Kernel):
    def cast(self, v):
        return v if isinstance(v, csr_array) else super().cast(v)


@KIND
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_kernels(dtype, isa, optimizer, name):
    """Online, in batches with a smaller last one, in one batch; dense and sparse rows."""
    net = NETS[name]
    kernel = Kernel(net, dtype, isa)
    params, x, y, s = make_problem(net, ROWS)
    x[:, ::2] *= np.random.RandomState(0).rand(ROWS, x[:, ::2].shape[1]) < 0.5
    for batch_size, decay in ((1, "decoupled"), (9, "l2"), (ROWS, "fraction")):
        for which, options in by_step(batch_size).items():
            update = replace(update_of(net, optimizer, decay, eta=0.01), **options)
            args = params, begin(net, update), 4, x, y, update, s, None, batch_size
            expected = net.epoch(*args)
            all_close(kernel.epoch(*args), expected, dtype, f"{batch_size} {which}")
            if batch_size > 1 and which != "rates":
                sparse = csr_array(kernel.cast(x))
                found = Sparse(net, dtype, isa).epoch(*args[:3], sparse, *args[4:])
                all_close(found, expected, dtype, f"sparse {batch_size} {which}")


@KIND
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_many_networks(dtype, isa, optimizer):
    """Interleaved, or where a gradient is clipped one by one: each as alone."""
    net, count = NETS["narrow"], 17
    kernel = Kernel(net, dtype, isa)
    _, x, y, s = make_problem(net, ROWS)
    for which, batch_size in product(by_step(9), (1, 9, ROWS)):
        rng = np.random.RandomState(1)
        options = [by_step(batch_size)[which] for _ in range(count)]
        for own in options:
            own |= {name: v * rng.uniform(0.5, 1) for name, v in own.items() if "fact" in name}
            own |= {"average": rng.uniform(0.3, 0.9)} if "average" in own else {}
        base = update_of(net, optimizer)
        updates = [replace(base, eta=0.001 * (1 + p), **own) for p, own in enumerate(options)]
        params = np.stack([make_problem(net, 1, seed)[0] for seed in range(count)])
        state = np.stack([begin(net, u, seed).ravel() for seed, u in enumerate(updates)])
        steps = 3 * np.arange(count)
        found = kernel.epochs(params, state, steps, x, y, updates, s, None, batch_size)
        for p in range(0, count, 4):
            own = state[p].reshape(-1, net.n_params)
            expected = net.epoch(params[p], own, steps[p], x, y, updates[p], s, None, batch_size)
            got = [v[p].reshape(np.shape(e)) for v, e in zip(found, expected, strict=True)]
            all_close(got, expected, dtype, f"{which} {batch_size} {p}")


def data(rows=60):
    X = np.random.default_rng(0).normal(size=(rows, 3))
    return X, np.sin(X.sum(axis=1))


def trainer(optimizer="adam", **options):
    options = {"eta": 0.02, "l2": 0.01, "batch_size": 8, "seed": 5} | options
    return Backprop(Network((3, 6, 1), seed=2), optimizer, **options)


FEATURES = [
    {"schedule": "cosine", "warmup": 0.1},
    {"schedule": ("one_cycle", 0.4), "l2_schedule": "step"},
    {"average": 0.9, "clip_norm": 0.1},
    {"average": 0.9, "early_stopping": True, "schedule": "exponential"},
    {"clip_value": 0.01, "l2_schedule": ("cosine", 0.5), "l2": [0.1, 0.2]},
]


def goes_on_alike(runs, X, y, options, path, epochs, courses):
    """Two of three like runs stopped by a callback, one saved, then given the rest: same bits."""
    held_out = {"validation": (X[:20], y[:20])} if "early_stopping" in options else {}
    whole, stop = runs[0].train(X, y, epochs, **held_out), epochs // 2
    parts = [
        run.train(X, y, epochs, callbacks=lambda _, history: len(history) == stop, **held_out)
        for run in runs[1:]
    ]
    runs[2].save(path)
    runs[2] = Backprop.load(path)
    for run, part in zip(runs[1:], parts, strict=True):
        rest = run.train(X, y, epochs - stop, **held_out)
        np.testing.assert_array_equal(run.network.params, runs[0].network.params)
        for name in courses:
            both = [*getattr(part, name), *getattr(rest, name)]
            np.testing.assert_array_equal(both, getattr(whole, name))


@pytest.mark.parametrize("options", FEATURES, ids=str)
def test_one_broken_off_goes_on_as_planned(options, tmp_path):
    runs = [trainer(**options) for _ in range(3)]
    courses = "error", "eta", "l2", "validation_error"
    goes_on_alike(runs, *data(), options, tmp_path / "training.pyl2", 12, courses)


def test_history_has_the_rates_of_the_last_updates():
    X, y = data()
    history = trainer(schedule="cosine", l2_schedule="exponential").train(X, y, epochs=4)
    last = 8 * np.arange(1, 5) - 1
    np.testing.assert_allclose(history.eta, 0.02 * (1 + np.cos(np.pi * last / 32)) / 2, rtol=1e-12)
    np.testing.assert_allclose(history.l2, 0.01 * 0.01 ** (last / 32), rtol=1e-12)
    by_layer = trainer(l2=[0.1, 0.2]).train(X, y, epochs=2)
    np.testing.assert_array_equal(by_layer.l2, [[0.1, 0.2]] * 2)
    np.testing.assert_array_equal(by_layer.eta, [0.02, 0.02])
    assert Backprop(Network((3, 1)), "lbfgs").train(X, y, epochs=2).eta.shape == (0,)


def test_a_function_is_asked_for_each_update():
    X, y = data()
    seen = []

    def course(t, total):
        seen.append((t, total))
        return 1 / t

    found = trainer(schedule=course).train(X, y, epochs=2).eta
    assert seen == [(t, 16) for t in range(1, 17)]
    np.testing.assert_allclose(found, [0.02 / 8, 0.02 / 16])


@pytest.mark.parametrize("word", COURSES)
def test_factors_lie_between_0_and_1(word):
    for total in (1, 2, 3, 7, 100):
        found = factors("schedule", word, np.arange(total), total)
        assert ((found > 0) & (found <= 1)).all()
        risen = factors("schedule", word, np.arange(total), total, warmup=2)
        assert risen[0] == (0.5 if total > 1 or word != "one_cycle" else risen[0])


def test_the_average_is_that_of_the_weights():
    """By hand, from the weights after each update, which a second trainer shows."""
    X, y = data(16)
    run, plain = trainer(average=0.7, shuffle=False), trainer(shuffle=False)
    sums, steps = 0.0, 0
    for _ in range(3):
        for rows in (slice(0, 8), slice(8, 16)):
            plain.train(X[rows], y[rows], epochs=1)
            sums, steps = 0.7 * sums + 0.3 * plain.network.params, steps + 1
        run.train(X, y, epochs=1)
        average = sums / (1 - 0.7**steps)
        np.testing.assert_allclose(run.network.params, average, rtol=1e-12)


def test_validation_and_callbacks_see_the_average():
    X, y = data()
    run, seen = trainer(average=0.9), []

    def watch(_, history):
        seen.append(run.network.error(X, y))

    history = run.train(X, y, epochs=4, validation=(X, y), callbacks=watch)
    np.testing.assert_allclose(seen, history.validation_error, rtol=1e-12)
    assert run.network.error(X, y) == pytest.approx(seen[-1], rel=1e-12)


@pytest.mark.parametrize("options", [FEATURES[0], FEATURES[2]], ids=str)
def test_same_bits_for_any_threads(options):
    X = np.random.default_rng(0).normal(size=(900, 40))
    ends = []
    for n_threads in (1, 2, 3):
        network = Network((40, 120, 60, 2), seed=0)
        run = Backprop(network, "adam", batch_size=300, seed=0, n_threads=n_threads, **options)
        run.train(X, X[:, :2], epochs=3)
        ends.append(network.params)
    assert all(np.array_equal(end, ends[0]) for end in ends)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schedule": "linear"}, "schedule must be one of constant, invscaling, adaptive, cosine"),
        ({"schedule": ("cosine", 2)}, r"schedule\[1\] must be a finite number in \[0, 1\]"),
        ({"schedule": ("step", 0)}, r"schedule\[1\] must be"),
        ({"schedule": ("constant", 1)}, r"schedule\[0\] must be one of cosine"),
        ({"schedule": ("cosine", "x")}, r"schedule\[1\] must be a number"),
        ({"schedule": 3}, "schedule must be one of"),
        ({"schedule": None}, "schedule must be one of"),
        ({"l2_schedule": "adaptive"}, "l2_schedule must be one of constant, cosine"),
        ({"warmup": -1}, "warmup must be"),
        ({"warmup": np.nan}, "warmup must be"),
        ({"warmup": 1.5}, "warmup must be"),
        ({"schedule": "adaptive", "warmup": 3}, "does not go with warmup"),
        ({"schedule": "invscaling", "l2_schedule": "step"}, "does not go with l2_schedule"),
        ({"clip_norm": 0}, "clip_norm must be"),
        ({"clip_norm": "1"}, "clip_norm must be a number"),
        ({"clip_value": -1}, "clip_value must be"),
        ({"clip_value": 1, "clip_norm": 1}, "give only one of them"),
        ({"average": 1}, "average must be"),
        ({"average": 0}, "average must be"),
        ({"average": True}, "average must be a number"),
        ({"optimizer": "rprop", "batch_size": None, "schedule": "cosine"}, "rprop finds the size"),
        ({"optimizer": "lbfgs", "clip_norm": 1}, "clip_norm applies to updates"),
        ({"optimizer": "lm", "average": 0.9}, "average"),
    ],
)
def test_refused(options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        trainer(**options)


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (lambda t, total: -1, "must be finite and not negative, got -1"),
        (lambda t, total: np.nan, "must be finite"),
        (lambda t, total: "much", "schedule must return a number"),
    ],
)
def test_a_function_that_returns_no_factor(course, words):
    with pytest.raises((ValueError, TypeError), match=words):
        trainer(schedule=course).train(*data(), epochs=1)


def test_what_cannot_be():
    X, y = data()
    run = trainer(schedule=lambda t, total: 1.0)
    with pytest.raises(TypeError, match="schedule is a function"):
        run.save("nowhere")
    run = trainer(decay="fraction", schedule=lambda t, total: 0.0)
    with pytest.raises(ValueError, match="must be above 0 with decay='fraction'"):
        run.train(X, y, epochs=1)
    run = trainer()
    run.average = 0.9  # before training it may change
    run.train(X, y, epochs=1)
    run.average = None
    with pytest.raises(ValueError, match="average cannot be added or removed"):
        run.train(X, y, epochs=1)
