"""Fixtures that several test files share."""

import gc
import re
import signal

import numpy as np
import pytest
from make_frozen import FROZEN

from pyl2 import Network


@pytest.fixture(scope="session")
def frozen():
    """What PyTorch computed, by the name of the case."""
    with np.load(FROZEN) as values:
        return dict(values)


@pytest.fixture
def ctrl_c():
    """Ctrl-C works, here and in processes started from here.

    A process in the background of a shell script ignores it, and hands that on.  One that comes
    while the garbage collector calls back, hypothesis or a weak reference to what an earlier test
    left, is lost.
    """
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGINT, found)


@pytest.fixture
def make_network():
    """The Network of a reference.Net, holding the given parameters."""

    def make(net, params, dtype=np.float64):
        objective = {"loss": net.loss, "label_smoothing": net.label_smoothing}
        network = Network(net.layer_sizes, list(net.hidden), net.output, dtype, **objective)
        network.params = params
        return network

    return make


# What `pytest --parallel-threads 4` (pytest-run-parallel) is to run in one thread, by file, class,
# test, parameter or fixture.  The plugin finds by itself what asks for warnings, monkeypatch or
# capsys.
IN_ONE_THREAD = {
    "test_cli.py": "changes the working directory, and looks at what is printed",
    "test_core.py": "compiles and runs programs of their own",
    "test_docs.py": "doctest puts its own in the place of sys.stdout",
    "test_determinism.py": "the environment names the instruction set",
    "test_faults.py": "runs in a process of its own",
    "test_interrupts.py": "signals go to the main thread",
    "test_plots.py": "Matplotlib is made for one thread, and lists the figures of all",
    "test_races.py": "begins its own threads, and changes how often they take turns",
    "test_threads.py": "limits the threads of the whole process",
    "path": "all would write the same file",
    "rng": "all would draw from the same generator",
    "ctrl_c": "signals go to the main thread",
    "test_memory_of_a_fit": "measures the memory of the whole process",
    "test_memory_stays_flat": "measures the memory of the whole process",
    "test_no_copy_of_X": "measures the memory of the whole process",
    "test_checks_of_estimators": "scikit-learn's checks catch the warnings of all threads",
    "runTest": "hypothesis parses lambdas, which CPython 3.11 cannot do in two threads at a time",
    "test_global_random_state_is_left_alone": "looks at what all threads share",
    "test_however_it_is_evaluated_the_result_is_the_same": "looks at all child processes",
    "test_an_exception_ends_the_run_and_is_passed_on": "looks at all child processes",
}


def pytest_collection_modifyitems(items):
    for item in items:
        names = {*re.findall(r"[\w.]+", item.nodeid), *item.fixturenames}
        for name in names & IN_ONE_THREAD.keys():
            item.add_marker(pytest.mark.thread_unsafe(reason=IN_ONE_THREAD[name]))


@pytest.fixture
def terminal(monkeypatch):
    """Have any stream taken for a terminal, where there is a bar to see."""
    monkeypatch.setattr("pyl2._common.progress._shows", lambda stream: True)
