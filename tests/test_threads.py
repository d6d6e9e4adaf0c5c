"""Threads: the same bits for any number, forks, limits, Ctrl-C, and no threads to be had."""

import _thread
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import joblib
import numpy as np
import pytest
import threadpoolctl
from scipy.sparse import csr_array
from sklearn.base import clone

from pyl2 import Backprop, MLPClassifier, MLPRegressor, Network, _core
from pyl2.threads import count

NUMBERS = (1, 2, 3, 4, 7)
ON_LINUX = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.fixture(autouse=True)
def _no_limit():
    """Threads even where the tests run with OMP_NUM_THREADS=1."""
    found = _core.get_num_threads()
    _core.set_num_threads(0)
    yield
    _core.set_num_threads(found)


def sparse(x):
    """CSR of x with most entries taken out."""
    return csr_array(np.where(np.random.default_rng(1).random(x.shape) < 0.2, x, 0))


def problem(dtype, form=np.asarray, rows=3001, networks=1, sizes=(23, 37, 13, 5)):
    """A net of the slowest instruction set, for which little work is enough; its verbs' arguments."""
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
@pytest.mark.parametrize("verb", [predict, input_gradient, errors, gradient, epoch])
@pytest.mark.parametrize(("networks", "rows"), [(1, 3001), (1, 20011), (3, 1009), (33, 257)])
@pytest.mark.parametrize("weighted", [False, True])
def test_same_bits(verb, form, dtype, networks, rows, weighted):
    if networks > 1 and verb not in (errors, epoch):
        pytest.skip("of one network")
    net, params, x, y, s = problem(dtype, form, rows, networks)
    results = [verb(net, params, x, y, s if weighted else None, n) for n in NUMBERS]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("networks", [2, 9])
def test_many_networks_are_as_each_alone(networks):
    net, params, *data = problem("d", networks=networks)
    for verb in (errors, epoch):
        together = verb(net, params, *data, 2)
        alone = verb(net, params[:1], *data, 1)
        np.testing.assert_array_equal(together[:1], alone)
