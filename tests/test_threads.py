"""Threads: the same bits for any number, forks, limits, Ctrl-C, and no threads to be had."""

import _thread
import inspect
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from itertools import product

import joblib
import numpy as np
import pytest
import threadpoolctl
from scipy.sparse import csr_array
from sklearn.base import clone

from pyl2 import Backprop, MLPClassifier, MLPRegressor, Network, ParticleSwarm, _core, compare
from pyl2._common import threads
from pyl2._engine import Engine
from pyl2.network import engine_of

NUMBERS = (1, 2, 3, 4, 7)
ON_LINUX = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.fixture(autouse=True)
def _two_threads():
    """Two where the tests run with OMP_NUM_THREADS=1; one on a machine with one processor."""
    found = _core.get_num_threads()
    _core.set_num_threads(2)
    yield
    _core.set_num_threads(found)


def sparse(x):
    """CSR of x with most entries taken out."""
    return csr_array(np.where(np.random.default_rng(1).random(x.shape) < 0.2, x, 0))


def problem(dtype, form=np.asarray, rows=3001, networks=1, sizes=(23, 37, 13, 5)):
    """A net, of the instruction set for which least work is enough, and arguments of verbs."""
    rng = np.random.default_rng(0)
    net = _core.Net(sizes, ("tanh",) * (len(sizes) - 2), "identity", dtype, _core.ISAS[0])
    params = rng.normal(size=(networks, net.n_params)).astype(dtype) / 4
    x = form(rng.normal(size=(rows, sizes[0])).astype(dtype))
    y = rng.normal(size=(rows, sizes[-1])).astype(dtype)
    return net, params, x, y, rng.uniform(0.5, 2, rows).astype(dtype)


def predict(net, params, x, y, s, n):
    out = np.empty_like(y)
    net.predict(params[0], x, out, n_threads=n)
    return out


def input_gradient(net, params, x, y, s, n):
    out = np.empty((*y.shape, x.shape[1]), y.dtype)
    net.input_gradient(params[0], x, out, n_threads=n)
    return out


def errors(net, params, x, y, s, n):
    rates = np.full((len(params), len(net.layer_sizes) - 1), 0.1)
    out = np.empty((len(params), 2))
    net.errors(params, x, y, s, rates, out, n_threads=n)
    return out


def gradient(net, params, x, y, s, n):
    grad = np.empty_like(params[0])
    rates = np.full(len(net.layer_sizes) - 1, 0.1)
    sums = net.gradient(params[0], x, y, s, rates, grad, n_threads=n)
    return np.append(grad, sums)


def epoch(net, params, x, y, s, n, optimizer="adam", batch=70):
    params, state = params.copy(), np.zeros((len(params), 2 * net.n_params), params.dtype)
    state = state[:, : _core.STATES[optimizer] * net.n_params].copy()
    steps, out = np.zeros(len(params), np.int64), np.empty((len(params), 2))
    l2 = (0.1,) * (len(net.layer_sizes) - 1)
    updates = [_core.Update(optimizer, "decoupled", 0.01 / (p + 1), l2) for p in range(len(params))]
    order = np.random.default_rng(2).permutation(len(y))
    net.epoch(params, state, steps, x, y, s, order, batch, updates, out, n_threads=n)
    return np.concatenate([params, state, out], axis=1)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("form", [np.asarray, sparse], ids=["dense", "csr"])
@pytest.mark.parametrize(
    ("verb", "networks", "rows"),
    [
        *product((predict, input_gradient, errors, gradient, epoch), (1,), (3001, 20011)),
        *product((errors, epoch), (3, 33), (257, 1009)),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_same_bits(verb, form, dtype, networks, rows, weighted):
    net, params, x, y, s = problem(dtype, form, rows, networks)
    results = [verb(net, params, x, y, s if weighted else None, n) for n in NUMBERS]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


# Sizes and rows of a batch: one block of rows, and several; a last batch of few rows; one output;
# items in lanes, in a batch that is not all rows, and in one that is; a last batch of one row.
# Then layers so wide that a team shares units: odd widths, one output, a last batch of four rows.
TEAMS = [
    ((200, 150, 10), 128),
    ((64, 100, 3), 200),
    ((64, 200, 3), 192),
    ((200, 150, 150, 1), 1100),
    ((31, 32, 32, 4), 1500),
    ((31, 32, 1), 1500),
    ((31, 32, 4), 3001),
    ((200, 150, 10), 3001),
    ((130, 193, 257, 3), 40),
    ((200, 150, 150, 1), 60),
    ((31, 300, 300, 10), 81),
]


@pytest.mark.parametrize("isa", _core.ISAS)
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(("sizes", "batch"), TEAMS)
def test_a_team_at_one_network(sizes, batch, optimizer, dtype, isa):
    net, params, x, y, s = problem(dtype, rows=3001, sizes=sizes)
    own = _core.Net(sizes, net.hidden, "identity", dtype, isa)
    results = [epoch(own, params, x, y, s, n, optimizer, batch) for n in NUMBERS]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_team_shares_units_in_stages(optimizer):
    """Of blocks so long that signals are looked for between stages; some rows have no weight."""
    sizes = (600, 600, 600, 10)
    net, params, x, y, s = problem("d", rows=603, sizes=sizes)
    s[::7] = 0
    results = [epoch(net, params, x, y, s, n, optimizer, 300) for n in (1, 2, 3)]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("isa", _core.ISAS)
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("sizes", [(31, 300, 1), (13, 701, 1)])
def test_two_layers_together_are_two_layers_apart(sizes, activation, optimizer, dtype, isa):
    """One thread takes a hidden layer and an output together; a team, one after the other."""
    data = problem(dtype, rows=3001, sizes=sizes)[1:]
    results = []
    for n in (1, 2):
        net = _core.Net(sizes, (activation,), "identity", dtype, isa)
        results.append(epoch(net, *data, n, optimizer, 250))
    np.testing.assert_array_equal(*results)


def test_trials_of_one_thread_change_no_bit():
    X = np.random.default_rng(0).normal(size=(2000, 40)).astype(np.float32)
    trained = []
    for n in (1, 2):
        network = Network((40, 100, 1), dtype=np.float32, seed=0)
        trainer = Backprop(network, "adam", batch_size=200, seed=0, n_threads=n)
        trainer.train(X, X[:, :1], epochs=40)
        trained.append(network.params)
    np.testing.assert_array_equal(*trained)


@pytest.mark.parametrize("networks", [2, 9])
def test_many_networks_are_as_each_alone(networks):
    net, params, *data = problem("d", networks=networks)
    for verb in (errors, epoch):
        together = verb(net, params, *data, 2)
        alone = verb(net, params[:1], *data, 1)
        np.testing.assert_array_equal(together[:1], alone)


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_same_fit(Estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 30))
    y = X[:, 0] > 0
    one, four = (Estimator(solver="lbfgs", max_iter=3, n_threads=n, random_state=0) for n in (1, 4))
    for model in (one, four):
        with pytest.warns(UserWarning, match="converge"):
            model.fit(X, y)
    np.testing.assert_array_equal(one.predict(X), four.predict(X))
    for ours, theirs in zip(one.coefs_, four.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert clone(four).get_params()["n_threads"] == 4


@pytest.fixture
def asked(monkeypatch):
    """How many threads the engine is asked for, by verb, for each call."""
    calls = []
    for verb in ("predict", "errors", "epoch"):
        whole = getattr(Engine, verb)
        parameters = inspect.signature(whole)

        def recorded(*args, _whole=whole, _verb=verb, _parameters=parameters, **kwargs):
            bound = _parameters.bind(*args, **kwargs).arguments
            calls.append((_verb, bound.get("n_threads", 0)))
            return _whole(*args, **kwargs)

        monkeypatch.setattr(Engine, verb, recorded)
    return calls


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_an_estimator_asks_for_its_threads(Estimator, asked):
    model = Estimator(max_iter=1, n_threads=3, early_stopping=True, random_state=0)
    with pytest.warns(UserWarning, match="converge"):
        model.fit(np.eye(20)[:, :4], np.arange(20) % 2)
    assert {verb for verb, _ in asked} == {"predict", "errors", "epoch"}
    assert {n for _, n in asked} == {3}
    model.set_params(n_threads=1).predict(np.eye(4))
    assert asked[-1] == ("predict", 1)


def test_same_swarm():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 10))
    histories = []
    for n in (1, 2, 5):
        network = Network((10, 20, 1), seed=0)
        run = ParticleSwarm(network, particles=30, l2=0.1, seed=0, n_threads=n)
        history = run.train(X, X[:, 0], epochs=5)
        histories.append([*network.params, *history.error, *history.mean, *history.diversity])
    for other in histories[1:]:
        np.testing.assert_array_equal(other, histories[0])


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_the_swarm_of_an_estimator_has_its_threads(Estimator, asked):
    model = Estimator(solver="pso", max_iter=1, n_threads=3)
    with pytest.warns(UserWarning, match="converge"):
        model.fit(np.eye(4), [0, 1, 0, 1])
    assert set(asked) == {("errors", 3)}


def test_compare_passes_its_threads_on(monkeypatch):
    given = []
    for trainer in (Backprop, ParticleSwarm):
        whole = trainer.train

        def watched(self, *args, whole=whole, **kwargs):
            given.append((type(self).__name__, self.n_threads))
            return whole(self, *args, **kwargs)

        monkeypatch.setattr(trainer, "train", watched)
    X = np.random.default_rng(0).normal(size=(40, 2))
    methods = ["sgd", "lbfgs", "pso"]
    compare(X, X[:, 0], Network((2, 1)), methods=methods, evaluations=60, seeds=1, n_threads=3)
    assert given == [("Backprop", 3), ("Backprop", 3), ("ParticleSwarm", 3)]


@pytest.mark.parametrize("Trainer", [Backprop, ParticleSwarm])
def test_a_trainer_has_its_threads_for_as_long_as_it_trains(Trainer, asked):
    network = Network((2, 1), seed=0)
    rows = np.eye(2), np.ones(2)
    Trainer(network, n_threads=3).train(*rows, 1, validation=rows)
    assert {n for _, n in asked} == {3}
    network.predict(rows[0])
    assert asked[-1] == ("predict", 0)


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1, ValueError), (2**31, ValueError), (1.5, TypeError)]
)
def test_wrong_numbers(value, error):
    with pytest.raises(error, match="n_threads"):
        Backprop(Network((2, 1)), n_threads=value)
    with pytest.raises(error, match="n_threads"):
        ParticleSwarm(Network((2, 1)), n_threads=value)
    with pytest.raises(error, match="n_threads"):
        compare(np.eye(3), np.ones(3), Network((3, 1)), n_threads=value)
    with pytest.raises(ValueError, match="n_threads"):
        MLPRegressor(n_threads=value).fit(np.eye(3), np.ones(3))


def test_right_numbers():
    assert [threads.count(n) for n in (None, 1, np.int64(3))] == [0, 1, 3]
    with pytest.raises(ValueError, match="n_threads"):
        predict(*problem("d"), n=-1)
    net, params, x, y, s = problem("d")
    np.testing.assert_array_equal(*(predict(net, params, x, y, s, n) for n in (1, 2**31 - 1)))


# --- who computes ---------------------------------------------------------------------------------

BIG = """
import os, time
import numpy as np
from pyl2 import Network
X = np.random.default_rng(0).normal(size=(20_000, 50))
network = Network((50, 100, 100, 10), seed=0)
"""


def by_others(work):
    """CPU seconds that other threads spend in work()."""
    all_, own = time.process_time(), time.thread_time()
    work()
    return time.process_time() - all_ - (time.thread_time() - own)


def threads_help(work, tries=100):
    """Whether another thread is seen at work: it may come too late while the machine is busy."""
    return any(by_others(work) > 1e-3 for _ in range(tries))


def threads_stay_away(work, tries=10):
    """Whether no other thread is seen at work; one of a BLAS may still be spinning at first."""
    for _ in range(tries):
        if not threads_help(work, 3):
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def big():
    """What is large enough for threads."""
    space = {}
    exec(BIG, space)
    return space["network"], space["X"]


@ON_LINUX
def test_threads_help_only_where_they_may(big):
    network, X = big
    if len(os.sched_getaffinity(0)) > 1:
        assert threads_help(lambda: network.predict(X))
    assert threads_stay_away(lambda: network.predict(X[:10]))
    with threadpoolctl.threadpool_limits(1):
        assert threads_stay_away(lambda: network.predict(X))
        # who says so, gets them
        assert threads_help(lambda: engine_of(network).predict(network.params, X, 2))
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    try:
        assert threads_stay_away(lambda: network.predict(X))
    finally:
        os.sched_setaffinity(0, mine)


def shown():
    return [lib for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "pyl2"]


def test_threadpoolctl():
    (library,) = shown()
    assert library["num_threads"] == _core.get_num_threads()
    with threadpoolctl.threadpool_limits(1):
        assert shown()[0]["num_threads"] == 1 == _core.get_num_threads()
        with threadpoolctl.threadpool_limits({"pyl2": 3}):
            assert _core.get_num_threads() == min(3, _processors())
        assert _core.get_num_threads() == 1
    assert _core.get_num_threads() == library["num_threads"]
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        assert _core.get_num_threads() == library["num_threads"]


def _processors():
    found = _core.get_num_threads()
    _core.set_num_threads(0)
    most = _core.get_num_threads()
    _core.set_num_threads(found)
    return most


def python(code, before=None, **environment):
    """What a new process prints, in which before() runs first."""
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=before,
    )
    assert not found.returncode, found.stderr
    return found.stdout.strip()


@pytest.mark.parametrize(
    ("value", "limit"), [("1", 1), ("2,1", 2), (" 3 ", 3), ("", 0), ("many", 0), ("0", 0)]
)
def test_omp_num_threads(value, limit):
    code = "import pyl2.network, pyl2._core as c; print(c.get_num_threads())"
    most = _processors()
    assert python(code, OMP_NUM_THREADS=value) == str(min(limit or most, most))


@pytest.mark.parametrize(
    ("text", "limit"), [("max 100000\n", 0), ("150000 100000\n", 2), ("50000 100000", 1), ("", 0)]
)
def test_quota_of_a_container(text, limit, tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "_CPU_MAX", tmp_path / "cpu.max")
    assert threads._cgroup() == 0
    threads._CPU_MAX.write_text(text)
    assert threads._cgroup() == limit


# --- forks, joblib, many threads ------------------------------------------------------------------


def same_again(n_threads):
    """The bits of a training and of many errors, as a hash."""
    X = np.random.default_rng(0).normal(size=(5000, 20))
    network = Network((20, 50, 1), seed=0)
    Backprop(network, "lbfgs", n_threads=n_threads).train(X, X[:, 0], epochs=3)
    return joblib.hash(
        [network.params, errors(*problem("f", networks=9), threads.count(n_threads))]
    )


def limit_here():
    return _core.get_num_threads()


@FORK
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork_after_threads_and_while_they_work(big):
    network, X = big
    expected = network.predict(X)
    over = threading.Event()

    def work():
        while not over.is_set():
            network.predict(X)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(5):
            child = os.fork()
            if not child:
                os._exit(not np.array_equal(network.predict(X), expected))
            assert os.waitpid(child, 0)[1] == 0
    finally:
        over.set()
        thread.join()


@FORK
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_multiprocessing_by_fork():
    expected = same_again(2)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(same_again, [1, 2, 3]) == [expected] * 3


def test_joblib(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # joblib sets it where nobody has
    run = joblib.Parallel(n_jobs=2)
    limits = run(joblib.delayed(limit_here)() for _ in range(4))
    assert max(limits) <= max(1, joblib.cpu_count() // 2)
    expected = same_again(1)
    jobs = [joblib.delayed(same_again)(n) for n in (2, None, 3)]
    for backend in ("loky", "threading"):
        assert joblib.Parallel(n_jobs=2, backend=backend)(jobs) == [expected] * 3


def test_many_threads_at_once(big):
    network, X = big
    expected = network.predict(X)
    trained = epoch(*problem("f", networks=5), 3)
    wrong = []

    def work(i):
        for _ in range(3):
            if i % 2:
                same = np.array_equal(network.predict(X), expected)
            else:
                same = np.array_equal(epoch(*problem("f", networks=5), 3), trained)
            wrong.extend([] if same else [i])

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c():
    net, params, x, y, s = problem("d", rows=300_000, networks=20)

    def press():
        time.sleep(0.2)
        _thread.interrupt_main()

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        errors(net, params, x, y, s, 4)
    thread.join()


@ON_LINUX
def test_no_threads_to_be_had():
    """A stack of 1 GB, and then too little address space for it."""
    import resource

    code = """
import resource, threading
from pyl2.network import engine_of
expected = engine_of(network).predict(network.params, X, 1)
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**28,) * 2)
print((engine_of(network).predict(network.params, X, 4) == expected).all())
try:
    threading.Thread(target=print).start()
except RuntimeError:
    print("none")
"""
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    if most != resource.RLIM_INFINITY and most < 2**30:
        pytest.skip("stacks may not be so large")

    def large_stacks():
        resource.setrlimit(resource.RLIMIT_STACK, (2**30, most))

    assert python(BIG + code, large_stacks, OPENBLAS_NUM_THREADS="1").split() == ["True", "none"]
