"""Fixtures that several test files share."""

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

    A process in the background of a shell script ignores it, and hands that on.
    """
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, found)


@pytest.fixture
def make_network():
    """The Network of a reference.Net, holding the given parameters."""

    def make(net, params, dtype=np.float64):
        network = Network(net.layer_sizes, hidden=list(net.hidden), output=net.output, dtype=dtype)
        network.params = params
        return network

    return make
