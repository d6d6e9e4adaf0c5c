"""FANN, the Fast Artificial Neural Network library, through ctypes: nothing in Python but an epoch.

FANN knows neither L2 nor softmax, so it trains the squared error of identity outputs without a
penalty, which is less work. It also clips tanh to ±0.98 and logistic to [0.01, 0.99] where it takes
their derivatives; where no unit gets there, its weights are those of the NumPy rival on the same
task, to rounding. Batches are left out: FANN has but the full one, and is many times slower there.
"""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from dataclasses import replace
from pathlib import Path
from weakref import finalize

import numpy as np

LIBRARIES = {"float32": "floatfann", "float64": "doublefann"}
HIDDEN = {"tanh": (5, 1.0), "logistic": (3, 0.5)}  # FANN's number and steepness
LINEAR, LINEAR_ERROR, INCREMENTAL = 0, 0, 0


def _load(dtype: str) -> ctypes.CDLL:
    path = find_library(LIBRARIES[dtype])
    if not path:
        raise ImportError(f"no library {LIBRARIES[dtype]} (Debian and Ubuntu: libfann-dev)")
    library = ctypes.CDLL(path)
    library.fann_create_standard_array.restype = ctypes.c_void_p
    return library


LOADED = {dtype: _load(dtype) for dtype in LIBRARIES}


class _Data(ctypes.Structure):
    """struct fann_train_data; rows are pointers, so that an order of rows is an array of them."""

    _fields_ = (
        ("errno_f", ctypes.c_int),
        ("error_log", ctypes.c_void_p),
        ("errstr", ctypes.c_char_p),
        ("num_data", ctypes.c_uint),
        ("num_input", ctypes.c_uint),
        ("num_output", ctypes.c_uint),
        ("input", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
    )


def versions() -> dict[str, str]:
    """The library does not tell its version, but its file's name does."""
    name = Path(_path(LOADED["float32"])).name
    return {"fann": name.partition(".so.")[2] or name}


def _path(library: ctypes.CDLL) -> str:
    """The file of a loaded library, links followed, where the system shows it."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    return next((line.split()[-1] for line in lines if library._name in line), library._name)


def supports(case) -> bool:
    """Plain gradient descent, online, through activations that FANN has."""
    return case.optimizer == "sgd" and case.rows == 1 and case.hidden in HIDDEN


def instead(case):
    """No softmax, no penalty."""
    return replace(case, output="identity", l2=0.0)


def prepare(case, problem):
    """FANN's network with the given weights, and the rows of each call as pointers."""
    library = LOADED[case.dtype]
    network = _network(library, case)
    _set(library, network, case, problem.params)
    arrays = [np.ascontiguousarray(A) for A in (problem.X, problem.Y)]
    x, y = (A.ctypes.data + A.strides[0] * problem.orders.astype(np.uintp) for A in arrays)
    epochs = [
        _Data(0, None, None, case.items, *case.layer_sizes[:: len(case.layer_sizes) - 1], p, q)
        for p, q in zip(map(_address, x), map(_address, y), strict=True)
    ]

    def train():
        for data in epochs:
            library.fann_train_epoch(network, ctypes.byref(data))

    def params():
        return _get(library, network, case)

    finalize(params, _destroy, library, network, (arrays, x, y))
    return train, params


def _address(array):
    return array.ctypes.data


def _destroy(library, network, _kept):
    """Called when the network is no longer needed; what it points to lives until then."""
    library.fann_destroy(network)


def _network(library, case):
    sizes = (ctypes.c_uint * len(case.layer_sizes))(*case.layer_sizes)
    network = ctypes.c_void_p(library.fann_create_standard_array(len(sizes), sizes))
    real = ctypes.c_float if case.dtype == "float32" else ctypes.c_double
    number, steepness = HIDDEN[case.hidden]
    library.fann_set_activation_function_hidden(network, number)
    library.fann_set_activation_steepness_hidden(network, real(steepness))
    library.fann_set_activation_function_output(network, LINEAR)
    library.fann_set_activation_steepness_output(network, real(1.0))
    library.fann_set_training_algorithm(network, INCREMENTAL)
    library.fann_set_train_error_function(network, LINEAR_ERROR)
    library.fann_set_learning_rate(network, ctypes.c_float(case.eta))
    library.fann_set_learning_momentum(network, ctypes.c_float(0.0))
    return network


# --- weights: FANN has them neuron by neuron, each with its bias last -----------------------------


def _connections(library, network, case):
    kind = np.dtype([("from", np.uint32), ("to", np.uint32), ("weight", case.dtype)], align=True)
    connections = np.empty(library.fann_get_total_connections(network), kind)
    library.fann_get_connection_array(network, ctypes.c_void_p(connections.ctypes.data))
    return connections


def _set(library, network, case, params):
    connections = _connections(library, network, case)
    rows = [np.vstack((W, b)).T.ravel() for W, b in case.layers(params)]
    connections["weight"] = np.concatenate(rows)
    place = ctypes.c_void_p(connections.ctypes.data)
    library.fann_set_weight_array(network, place, len(connections))


def _get(library, network, case):
    weights = _connections(library, network, case)["weight"]
    sizes = [(fan_in + 1) * fan_out for fan_in, fan_out in case.fans]
    parts = np.split(weights, np.cumsum(sizes)[:-1])
    layers = [part.reshape(o, i + 1).T for part, (i, o) in zip(parts, case.fans, strict=True)]
    return np.concatenate([W[:-1].ravel() for W in layers] + [W[-1] for W in layers])
