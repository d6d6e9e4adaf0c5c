"""Fail every allocation of what users call, one after another, and judge what comes of it.

    python tests/fault_injection.py [--all] [name …]

Without --all every so many-th allocation, but all of the binding's.  Prints a line for each
scenario, and each fault with the libraries that led to the call that was made to fail.  Needs
Linux with glibc and a C compiler.  test_faults.py runs the short form.
"""

from __future__ import annotations

import copy
import functools
import itertools
import os
import pickle
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter

import numpy as np
import scipy.sparse

from pyl2 import Backprop, MLPClassifier, MLPRegressor, Network, ParticleSwarm, _core, pso
from pyl2._common.dataset import check_features
from pyl2.data import tables

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "faults"))

import injection

SCENARIOS = {}
WORDS = ("allocation", "thread", "write", "short write", "fsync")  # by injection's numbers
BINDING = ("net", "update", "mover")
BINDING += tuple(
    f"verb_{verb}" for verb in ("predict", "epoch", "sparse", "move", "follow", "shuffle")
)
KINDS = {
    "threads_of_rows": (injection.THREAD, injection.ALLOCATION),
    "threads_of_a_batch": (injection.THREAD, injection.ALLOCATION),
    "network_save": (
        injection.ALLOCATION,
        injection.WRITE,
        injection.SHORT_WRITE,
        injection.SYNC,
    ),
}
SAMPLED = ("fit_classifier", "partial_fit_regressor", "fit_lbfgs", "fit_swarm", "predict_proba")


def scenario(make):
    SCENARIOS[make.__name__] = make
    return make


FOLDER = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
warnings.simplefilter("ignore")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3))
Y = X[:, :1] - X[:, 1:2] ** 2
SIZES = (3, 4, 1)
EPOCHS = 3

# Exceptions that C code of CPython or NumPy raises where it should raise MemoryError.
OF_OTHERS = (
    r"RuntimeError: can't allocate (read )?lock",
    r"(state: )?SystemError: (?!.*pyl2).*(without (setting an )?exception|with an exception set)",
    r"PicklingError: .*import of module .* failed",
)


def ours(fault, long, name):
    """Whether a fault is pyl2's.  Leaks and crashes are where its C code was on the way.

    Before 3.13 CPython itself loses references where memory fails for long: 3.11 the arguments of a
    call, for one, where a variable that a comprehension uses finds no memory for its cell.  There
    such a leak tells nothing of the binding, but where nothing else than the binding was called.
    """
    forgets = long and sys.version_info < (3, 13)
    if forgets and fault.what.startswith("leaks") and name not in BINDING:
        return False
    if fault.what.startswith(("leaks", "died")):
        return "_core" in fault.callers.split("<")
    return not any(re.match(known, fault.what) for known in OF_OTHERS)


def named(fault):
    """The library that a fault lies in, and the fault without its particulars."""
    return fault.callers.split("<")[0], re.sub(r"<[^>]*>", "<…>", fault.what)


def step(name, whole):
    """Every how many-th allocation fails: all of the binding's few, of the estimators a sample."""
    if name in SAMPLED:
        return 11 if whole else 101
    return 1 if whole or name in BINDING else 13


def main(arguments):
    whole = "--all" in arguments
    names = [name for name in arguments if name != "--all"] or list(SCENARIOS)
    sweeps = [
        (name, kind, long)
        for name in names
        for kind in KINDS.get(name, (injection.ALLOCATION,))
        for long in (False, True)
    ]
    if "--try" in arguments:
        for make in SCENARIOS.values():
            call, check = make()
            check(call(), None)
        return 0
    injection.preload()
    total = wrong = 0
    elsewhere = Counter()
    for name, kind, long in sweeps:
        begun = time.perf_counter()
        every = step(name, whole) if kind == injection.ALLOCATION else 1
        found = injection.sweep(SCENARIOS[name], long, every, kind)
        total += found.points
        own = [fault for fault in found.faults if ours(fault, long, name)]
        wrong += len(own) + (not found.points)
        elsewhere.update(named(fault) for fault in found.faults if fault not in own)
        print(
            f"{name:22} {WORDS[kind]:11} {'for long' if long else 'once':8}"
            f" {found.points:5} points, {found.raised:5} raised, {found.succeeded:3} went on,"
            f" {time.perf_counter() - begun:5.1f} s",
            flush=True,
        )
        for fault in own:
            print(f"    {WORDS[kind]} {fault.point}, {fault.callers}: {fault.what}", flush=True)
    print("faults of others:")
    for (library, what), count in sorted(elsewhere.items()):
        print(f"    {count:5} {library}: {what}")
    print(f"{total} points, {wrong} faults of pyl2, {sum(elsewhere.values())} of others")
    return bool(wrong)


def same(wanted):
    """A check that a result, where there is one, is the wanted one."""

    def check(result, error):
        if error is None:
            np.testing.assert_array_equal(result, wanted)

    return check


@functools.cache
def network():
    return Network(SIZES, seed=0)


@functools.cache
def expected(name):
    """What a method of the network gives when nothing fails."""
    return {
        "predict": lambda: network().predict(X),
        "error": lambda: network().error(X, Y, 0.1),
        "gradient": lambda: network().gradient(X, Y, 0.1),
        "input_gradient": lambda: network().input_gradient(X),
    }[name]()


@scenario
def net():
    def check(result, error):
        assert error or result.n_params == network().params.size

    return lambda: _core.Net(SIZES, ("tanh",), "identity", "d"), check


@scenario
def update():
    def check(result, error):
        assert error or result.layers == 2

    return lambda: _core.Update("adam", "l2", 0.1, (0.1, 0.2), 3.0), check


@scenario
def mover():
    return lambda: _core.Mover("d") and None, lambda result, error: None


@scenario
def verb_predict():
    out = np.empty((20, 1))

    def check(result, error):
        if error is None:
            np.testing.assert_array_equal(out, expected("predict"))

    return lambda: network()._engine._net.predict(network().params, X, out), check


@scenario
def verb_epoch():
    """Nothing is trained where memory fails: all that is needed is taken before."""
    made = Network(SIZES, seed=0)
    state, steps, sums = np.zeros((1, 2 * 21)), np.zeros(1, np.int64), np.empty((1, 2))
    plan = (_core.Update("adam", "l2", 0.1, (0.1, 0.2), 3.0),)
    order = np.arange(20)
    arrays = made.params[None], state, steps, X, Y, None, order

    def check(result, error):
        assert (steps[0] == 0 and not state.any()) if error else steps[0] == 4

    return lambda: made._engine._net.epoch(*arrays, 5, plan, sums), check


@scenario
def verb_sparse():
    """CSR, class indices and sample weights: the call that borrows most arrays."""
    rows = check_features(scipy.sparse.csr_array(np.eye(3)), 3, np.dtype(np.float64))
    made = Network((3, 4, 2), output="softmax", seed=0)
    weight, rates, grad = np.ones(3), np.zeros(2), np.empty(made.params.size)
    labels = np.array([0, 1, 0])

    def check(result, error):
        assert error or result[0] > 0

    return lambda: made._engine._net.gradient(made.params, rows, labels, weight, rates, grad), check


@scenario
def verb_move():
    places, speeds, bests = np.zeros((5, 3)), np.ones((5, 3)), np.ones((5, 3))
    leaders, distances = np.arange(5), np.empty(5)
    mover = _core.Mover("d")

    def call():
        mover.move(places, speeds, bests, leaders, bests[0], distances, 0.7, 1.5, 1.5, 3, 1)

    def check(result, error):
        assert places.any() != bool(error)

    return call, check


@scenario
def verb_follow():
    values, leaders = np.array([3.0, 1.0, 2.0]), np.full(3, -7)
    links = np.zeros((3, 0), np.int64)

    def check(result, error):
        assert leaders.tolist() == ([-7, -7, -7] if error else [1, 1, 1])

    return lambda: _core.follow("ring", values, links, leaders), check


@scenario
def verb_shuffle():
    order, uniform = np.arange(5), np.linspace(0, 0.9, 5)

    def check(result, error):
        assert sorted(order) == [0, 1, 2, 3, 4]
        assert (order == np.arange(5)).all() == bool(error)

    return lambda: _core.shuffle(order, uniform), check


@functools.cache
def large(batch_size=512):
    """A network and rows that are work enough for threads, and what one thread makes of them."""
    made = Network((64, 128, 10), seed=0)
    rows = np.random.default_rng(1).normal(size=(1024, 64))
    targets = rows[:, :10]
    one = copy.deepcopy(made)
    Backprop(one, seed=0, batch_size=batch_size, n_threads=1).train(rows, targets, 1)
    return made, rows, targets, made.predict(rows), one.params


@scenario
def threads_of_rows():
    """Threads that do not come are done without: the same bits."""
    made, rows, _, wanted, _ = large()
    out = np.empty_like(wanted)

    def check(result, error):
        assert error or np.array_equal(out, wanted)

    return lambda: made._engine._net.predict(made.params, rows, out, n_threads=4), check


BATCH_SIZES = itertools.cycle(range(501, 513))


@scenario
def threads_of_a_batch():
    # In other batches each time: the first slices of a kind of training have all threads, and what
    # they find may leave later ones with one.
    batch_size = next(BATCH_SIZES)
    made, rows, targets, _, wanted = large(batch_size)
    trained = copy.deepcopy(made)
    trainer = Backprop(trained, seed=0, batch_size=batch_size, n_threads=4)

    def check(result, error):
        before = error and np.array_equal(trained.params, made.params)
        assert before or np.array_equal(trained.params, wanted)

    return lambda: trainer.train(rows, targets, 1), check


@scenario
def construct():
    def check(result, error):
        assert error or np.array_equal(result.params, network().params)

    return lambda: Network(SIZES, seed=0), check


@scenario
def predict():
    return lambda: network().predict(X), same(expected("predict"))


@scenario
def predict_list():
    rows = X[:4].tolist()
    return lambda: network().predict(rows), same(expected("predict")[:4])


@scenario
def predict_sparse():
    rows = scipy.sparse.csc_array(X)
    return lambda: network().predict(rows), same(expected("predict"))


@scenario
def error():
    return lambda: network().error(X, Y, 0.1), same(expected("error"))


@scenario
def gradient():
    return lambda: network().gradient(X, Y, 0.1), same(expected("gradient"))


@scenario
def input_gradient():
    return lambda: network().input_gradient(X), same(expected("input_gradient"))


@scenario
def activations():
    def check(result, error):
        assert error or np.array_equal(result[-1], expected("predict"))

    return lambda: network().activations(X), check


@scenario
def assign():
    made = Network(SIZES, seed=1)
    before, wanted = made.params.copy(), network().params.copy()

    def check(result, error):
        np.testing.assert_array_equal(made.params, before if error else wanted)

    def call():
        made.params = wanted

    return call, check


def copied(make_copy):
    def check(result, error):
        assert error or np.array_equal(result.predict(X), expected("predict"))

    return lambda: make_copy(network()), check


@scenario
def deepcopy():
    return copied(copy.deepcopy)


@scenario
def pickled():
    return copied(lambda made: pickle.loads(pickle.dumps(made)))


def saved(make, load, equal):
    """Save over an older file: it or the new one is there, whole, and nothing beside it."""
    folder = os.path.join(FOLDER, str(os.getpid()))
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "file.pyl2")
    old, new = make(1), make(0)
    old.save(path)

    def check(result, error):
        again = load(path)
        assert equal(again, new) or (error and equal(again, old))
        assert os.listdir(folder) == ["file.pyl2"], os.listdir(folder)
        assert len(os.listdir("/proc/self/fd")) == descriptors

    descriptors = len(os.listdir("/proc/self/fd"))
    return lambda: new.save(path), check


def loaded(make, load, equal):
    path = os.path.join(FOLDER, f"{os.getpid()}.{load.__self__.__name__}")
    wanted = make(0)
    if not os.path.exists(path):
        wanted.save(path)
    descriptors = len(os.listdir("/proc/self/fd"))

    def check(result, error):
        assert error or equal(result, wanted)
        if error:  # a file that `with` had no memory to close is closed when its frame lets go
            traceback.clear_frames(error.__traceback__)
        assert len(os.listdir("/proc/self/fd")) == descriptors

    return lambda: load(path), check


def equal_networks(one, other):
    return np.array_equal(one.params, other.params)


def equal_trainers(one, other):
    return equal_networks(one.network, other.network)


@functools.cache
def networks(seed):
    return Network(SIZES, seed=seed)


@functools.cache
def backprops(seed):
    trainer = Backprop(Network(SIZES, seed=seed), "adam", early_stopping=True, seed=seed)
    trainer.train(X, Y, 2, validation=(X, Y))
    return trainer


@functools.cache
def swarms(seed):
    trainer = ParticleSwarm(Network(SIZES, seed=seed), particles=4, v_max=1.0, seed=seed)
    trainer.train(X, Y, 2)
    return trainer


@scenario
def network_save():
    return saved(networks, Network.load, equal_networks)


@scenario
def network_load():
    return loaded(networks, Network.load, equal_networks)


@scenario
def backprop_save():
    return saved(backprops, Backprop.load, equal_trainers)


@scenario
def backprop_load():
    return loaded(backprops, Backprop.load, equal_trainers)


@scenario
def swarm_save():
    return saved(swarms, ParticleSwarm.load, equal_trainers)


@scenario
def swarm_load():
    return loaded(swarms, ParticleSwarm.load, equal_trainers)


@scenario
def table_write():
    path = os.path.join(FOLDER, f"{os.getpid()}.csv")
    with open(path, "w") as file:
        file.write("old")

    def check(result, error):
        with open(path) as file:
            assert file.read() in (("old", "a\n1.0\n") if error else ("a\n1.0\n",))

    return lambda: tables.write(path, ["a"], [[1.0]]), check


@functools.cache
def course(make):
    """The parameters at each boundary of a training where nothing fails."""
    trainer = make()
    seen = [trainer.network.params.tobytes()]
    trainer.train(
        X,
        Y,
        EPOCHS,
        **({"validation": (X, Y)} if trainer.__dict__.get("early_stopping") else {}),
        callbacks=lambda trainer, history: seen.append(trainer.network.params.tobytes()),
    )
    return {*seen, trainer.network.params.tobytes()}, trainer.network.params.tobytes()


def trained(make):
    """A training is left at the end of an epoch, and can go on from there."""
    boundaries, end = course(make)
    trainer = make()
    held_out = {"validation": (X, Y)} if trainer.__dict__.get("early_stopping") else {}

    def check(result, error):
        found = trainer.network.params.tobytes()
        assert found in boundaries if error else found == end, "not at the end of an epoch"
        assert len(trainer.history) <= EPOCHS
        history = trainer.train(X, Y, EPOCHS, **held_out)
        assert np.isfinite(history.error).all()

    return lambda: trainer.train(X, Y, EPOCHS, **held_out), check


def backprop(**settings):
    return Backprop(Network(SIZES, seed=0), l2=0.1, batch_size=6, seed=0, **settings)


def make_sgd():
    return backprop()


def make_adam():
    return backprop(optimizer="adam", early_stopping=True, schedule="adaptive")


def make_lbfgs():
    return backprop(optimizer="lbfgs")


def make_swarm():
    return ParticleSwarm(Network(SIZES, seed=0), particles=4, l2=0.1, seed=0)


@scenario
def train_sgd():
    return trained(make_sgd)


@scenario
def train_adam():
    return trained(make_adam)


@scenario
def train_lbfgs():
    return trained(make_lbfgs)


@scenario
def train_swarm():
    return trained(make_swarm)


@scenario
def go_on_swarm():
    trainer = make_swarm()
    trainer.train(X, Y, 2)
    least = trainer.network.error(X, Y, 0.1, "train")

    def check(result, error):
        assert trainer.network.error(X, Y, 0.1, "train") <= least * (1 + 1e-12)
        trainer.train(X, Y, 1)

    return lambda: trainer.train(X, Y, 2), check


@scenario
def diverge():
    """The parameters stay finite, though memory fails while they are put back."""
    trainer = Backprop(Network(SIZES, "identity", seed=0), eta=1e200, batch_size=1, seed=0)
    before = trainer.network.params.tobytes()

    def call():
        try:
            trainer.train(X, Y, 3)
        except ValueError:
            return True
        return False

    def check(result, error):
        assert error or result
        assert trainer.network.params.tobytes() == before

    return call, check


def fitted(make, part=False):
    """An estimator that failed can be fitted again; one that was fitted before still predicts."""
    made = make()

    def call():
        return (made.partial_fit if part else made.fit)(X, TARGET[make])

    def check(result, error):
        made.fit(X, TARGET[make])
        assert np.array_equal(made.predict(X), fits(make))

    return call, check


@functools.cache
def fits(make):
    return make().fit(X, TARGET[make]).predict(X)


def make_classifier():
    return MLPClassifier(hidden_layer_sizes=(4,), max_iter=3, random_state=0)


def make_regressor():
    return MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=3, random_state=0)


def make_adam_regressor():
    return MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0)


def make_pso():
    return MLPRegressor(hidden_layer_sizes=(4,), solver="pso", max_iter=3, random_state=0)


TARGET = {
    make_classifier: Y[:, 0] > 0,
    make_regressor: Y[:, 0],
    make_adam_regressor: Y[:, 0],
    make_pso: Y[:, 0],
}


@scenario
def fit_classifier():
    return fitted(make_classifier)


@scenario
def partial_fit_regressor():
    return fitted(make_adam_regressor, part=True)


@scenario
def fit_lbfgs():
    return fitted(make_regressor)


@scenario
def fit_swarm():
    return fitted(make_pso)


@scenario
def predict_proba():
    made = fitted_classifier()
    return lambda: made.predict_proba(X), same(made.predict_proba(X))


@functools.cache
def fitted_classifier():
    return make_classifier().fit(X, Y[:, 0] > 0)


@scenario
def minimise():
    def call():
        return pso(sphere, [-1, -1], [1, 1], particles=4, maxiter=3, rng=0).fun

    return call, same(call())


def sphere(x):
    return float(x @ x)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
