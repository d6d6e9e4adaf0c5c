"""Many threads at once, and other interpreters.

On things of their own threads change no bit; on the same thing they may get in each other's way,
but only as documented.
"""

import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError

from pyl2 import Backprop, MLPClassifier, MLPRegressor, Network, ParticleSwarm, compare, pso

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TOGETHER = 6
"""Threads at once."""

SECONDS = 0.3
"""How long they get in each other's way."""


@pytest.fixture(autouse=True)
def _switch_often():
    """Threads take turns a thousand times as often as they would."""
    found = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(found)


def at_once(*works):
    """Run functions in threads that begin together; raise what the first of them raised."""
    gate, raised = threading.Barrier(len(works)), []

    def thread(work):
        gate.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=thread, args=(work,)) for work in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if raised:
        raise raised[0]


@pytest.fixture(scope="module")
def data():
    X = np.random.default_rng(0).normal(size=(300, 8))
    return X, X[:, 0] > 0


# --- each with things of its own ------------------------------------------------------------------


def trained(make, X, y, seed, **keywords):
    network = Network((8, 9, 1), seed=seed)
    history = make(network, seed=seed, **keywords).train(X, y, epochs=4)
    return np.concatenate([network.params, history.error])


def fitted(Estimator, X, y, seed, **keywords):
    model = Estimator(hidden_layer_sizes=(9,), max_iter=4, random_state=seed, **keywords).fit(X, y)
    return np.concatenate([model.predict(X), *map(np.ravel, model.coefs_)])


def searched(X, y, seed):
    return pso(lambda x: float((x * x).sum()), [-1] * 4, [1] * 4, rng=seed, maxiter=10).x


def compared(X, y, seed):
    keywords = {"evaluations": 60, "seeds": [seed], "methods": ["sgd", "pso"], "particles": 10}
    return [run.error for run in compare(X, y, Network((8, 5, 1), seed=0), **keywords).runs]


WORK = {
    "sgd": lambda X, y, seed: trained(Backprop, X, y, seed),
    "adam": lambda X, y, seed: trained(Backprop, X, y, seed, optimizer="adam", n_threads=2),
    "lbfgs": lambda X, y, seed: trained(Backprop, X, y, seed, optimizer="lbfgs"),
    "csr": lambda X, y, seed: trained(Backprop, csr_array(np.maximum(X, 0)), y, seed),
    "swarm": lambda X, y, seed: trained(ParticleSwarm, X, y, seed, particles=8),
    "pso": searched,
    "compare": compared,
    "MLPClassifier": lambda X, y, seed: fitted(MLPClassifier, X, y, seed),
    "MLPRegressor": lambda X, y, seed: fitted(MLPRegressor, X, y, seed, early_stopping=True),
    "MLPClassifier, pso": lambda X, y, seed: fitted(MLPClassifier, X, y, seed, solver="pso"),
}


@pytest.mark.parametrize("name", WORK)
def test_fits_at_once_are_those_one_after_the_other(name, data):
    expected = [WORK[name](*data, seed) for seed in range(TOGETHER)]
    found = [None] * TOGETHER

    def work(seed):
        found[seed] = WORK[name](*data, seed)

    at_once(*(lambda seed=seed: work(seed) for seed in range(TOGETHER)))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# --- all with the same ----------------------------------------------------------------------------


def for_a_while(work, *allowed):
    """Call it again and again; what is documented may be raised."""

    def run():
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            with suppress(*allowed):
                work()

    return run


def test_predictions_of_one_network_in_many_threads(data):
    network = Network((8, 9, 2), output="softmax", seed=0)
    expected = network.predict(data[0])

    def work():
        np.testing.assert_array_equal(network.predict(data[0]), expected)

    at_once(*[for_a_while(work)] * TOGETHER)


@pytest.mark.parametrize("make", [Backprop, ParticleSwarm])
def test_one_trainer_in_many_threads(make, data):
    """One trains, the others are told so; whoever looks meanwhile sees numbers."""
    network = Network((8, 9, 1), seed=0)
    trainer = make(network)

    def look():
        assert np.isfinite(network.predict(data[0])).all()
        assert np.isfinite(network.error(*data))

    def train():
        assert len(trainer.train(*data, epochs=3)) == 3

    at_once(*[for_a_while(train, RuntimeError)] * 3, *[for_a_while(look)] * 2)
    trainer.train(*data, epochs=1)


DOCUMENTED = (RuntimeError, ValueError, NotFittedError)
"""What may come of it when another thread fits the same estimator: it is in training already, or is
the model of other data than these."""


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "pso"])
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_one_estimator_in_many_threads(Estimator, solver, data):
    X, y = data
    model = Estimator(hidden_layer_sizes=(4,), solver=solver, max_iter=2)

    def fit(columns):
        model.fit(X[:, :columns], y)

    def predict():
        assert len(model.predict(X)) == len(X)

    works = [lambda: fit(8), lambda: fit(8), lambda: fit(5), predict, predict]
    if solver == "adam":
        keyword = {"classes": [False, True]} if Estimator is MLPClassifier else {}
        works.append(lambda: model.partial_fit(X, y, **keyword))
    at_once(*(for_a_while(work, *DOCUMENTED) for work in works))
    fit(8)
    predict()


# --- what others write while it is read -----------------------------------------------------------


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


WRITTEN = """
import threading, time
import numpy as np
from scipy.sparse import random_array
from pyl2 import _core

def csr():
    X = random_array((3000, 400), density=0.02, format="csr", rng=0)
    X.indices, X.indptr = X.indices.astype("i8"), X.indptr.astype("i8")
    return X

X, dense = csr(), np.random.default_rng(0).normal(size=(3000, 40))
labels, order = np.arange(3000) % 3, np.arange(3000)
sparse = _core.Net((400, 30, 3), ("tanh",), "softmax", "d")
whole = _core.Net((40, 30, 3), ("tanh",), "softmax", "d")
update = (_core.Update("sgd", "l2", 1e-9, (0.1, 0.1)),)
mover = _core.Mover("d")
swarm = [np.ones((300, 200)) for _ in range(3)]
leader, links = np.arange(300), np.zeros((300, 3), "i8")
values, uniform = np.arange(300.0), np.full(3000, 0.5)

def train(net, x):
    params = np.full((1, net.n_params), 0.01)
    rest = np.zeros((1, 0)), np.zeros(1, "i8"), x, labels, None, order, 50, update, np.zeros((1, 2))
    net.epoch(params, *rest)

def gradient():
    grad = np.zeros(sparse.n_params)
    sparse.gradient(np.full(sparse.n_params, 0.01), X, labels, None, np.zeros(2), grad)

def move():
    _core.follow("random", values, links, leader)
    mover.move(*swarm, leader, np.zeros(200), np.zeros(300), 0.7, 1, 1, 1, 1)

def shuffle():
    _core.shuffle(order.copy(), uniform)

CALLS = {
    "indices": (lambda: train(sparse, X), [X.indices]),
    "indptr": (gradient, [X.indptr]),
    "order": (lambda: train(whole, dense), [order]),
    "order of sparse rows": (lambda: train(sparse, X), [order]),
    "labels": (gradient, [labels]),
    "leader, links": (move, [leader, links]),
    "uniform": (shuffle, [uniform]),
}
call, arrays = CALLS[NAME]
over = False

def write():
    good = [array.copy() for array in arrays]
    bad = 10**12
    while not over:
        bad = -bad
        for array, sound in zip(arrays, good):
            array[...] = bad * np.arange(1, 1 + array.size).reshape(array.shape)
        time.sleep(1e-4)
        for array, sound in zip(arrays, good):
            array[...] = sound
        time.sleep(1e-3)

writer = threading.Thread(target=write)
writer.start()
until, through = time.perf_counter() + SECONDS, 0
while time.perf_counter() < until:
    try:
        call()
        through += 1
    except ValueError:  # seen by the checks
        pass
over = True
writer.join()
print("ended" if through else "never through")
"""


@pytest.mark.parametrize(
    "name",
    ["indices", "indptr", "order", "order of sparse rows", "labels", "leader, links", "uniform"],
)
def test_what_another_thread_writes_after_the_checks(name):
    """It changes numbers, and no memory that is not theirs."""
    done = run(f"NAME, SECONDS = {name!r}, 1\n{WRITTEN}")
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "ended")


# --- importing ------------------------------------------------------------------------------------


def test_first_import_in_many_threads():
    code = """
import threading
def work():
    import pyl2
    pyl2.Backprop(pyl2.Network((1, 1))).train([[0.0]], [0.0], epochs=1)
threads = [threading.Thread(target=work) for _ in range(8)]
threading.excepthook = lambda args: print(args.exc_value)
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(sys.version_info < (3, 13), reason="needs _interpreters of Python 3.13")
@pytest.mark.parametrize("config", ["isolated", "legacy"])
def test_another_interpreter(config):
    """An ImportError, NumPy's or our own; in none it works and in none it crashes."""
    code = f"""
import _interpreters
import pyl2
inside = _interpreters.create({config!r})
for module in ("pyl2._core", "pyl2.network"):
    error = _interpreters.run_string(inside, "import " + module)
    print(error.type.__name__ if error else "works")
_interpreters.destroy(inside)
"""
    done = run(code)
    assert not done.returncode, done.stderr
    assert set(done.stdout.split()) <= {"ImportError", "works"}
