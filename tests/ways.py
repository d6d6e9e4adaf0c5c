"""Every way that training takes through the kernels, for the tests of what networks are made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from reference import make_problem
from test_interleaved import begin, plan
from test_kernels import Kernel, all_close, gradient_rates, state_of, update_of

# One that would live in registers, a narrow and a wide one, one whose items are columns; rows.
SHAPES = {(4, 7, 3): 12, (9, 33, 17, 1): 23, (5, 40, 19): 23, (5, 4, 6, 2): 200}
# Online, in batches with a smaller last one, in one batch.
TRAININGS = (("sgd", 1), ("sgd", 9), ("adam", 9), ("sgd", None), ("adam", 1))


@dataclass
class Ways:
    """A network with a problem, and what the reference makes of it."""

    net: Any
    data: tuple  # params, x, y, sample weights, λ/n
    passes: tuple  # E₀ and R, gradient, slopes by the inputs
    layers: list
    trained: list  # arguments of an epoch, and its result


def ways(net, indices=False):
    """Have the reference go every way, on rows some of which weigh nothing."""
    params, x, y, s = make_problem(net, SHAPES[net.layer_sizes], seed=4, indices=indices)
    s[[0, 5, 11]] = 0
    data = params, x, y, s, gradient_rates(net)
    order = np.random.RandomState(0).permutation(len(x))
    trained = []
    for optimizer, batch in TRAININGS:
        update, state = update_of(net, optimizer, eta=0.01), state_of(net, optimizer)
        args = params, state, 2, x, y, update, s, order, batch or len(x)
        trained.append((args, net.epoch(*args)))
    passes = net.errors(*data), net.gradient(*data), net.input_gradient(params, x)
    return Ways(net, data, passes, net.layers(params, x)[1][1:], trained)


def assert_every_way(of, dtype, isa):
    """The kernels compute what the reference does."""
    kernel = Kernel(of.net, dtype, isa)
    found = [verb(*of.data) for verb in (kernel.errors, kernel.gradient)]
    all_close([*found, kernel.input_gradient(*of.data[:2])], of.passes, dtype)
    all_close(kernel.activations(*of.data[:2]), of.layers, dtype)
    for args, result in of.trained:
        all_close(kernel.epoch(*args), result, dtype, str(args[5:]))


def assert_interleaved(net, dtype, isa):
    """More networks than fill the lanes of a vector become what each does alone."""
    count = 17
    start, updates = begin(net, "sgd", count), plan(net, "sgd", count)
    _, x, y, s = make_problem(net, 29)
    s[[2, 9]] = 0
    found = Kernel(net, dtype, isa).epochs(*start, x, y, updates, s, None, 8)
    for p in range(count):
        args = start[0][p], start[1][p].reshape(-1, net.n_params), start[2][p], x, y, updates[p]
        params, _, _, sums = net.epoch(*args, s, None, 8)
        all_close((found[0][p], found[3][p]), (params, sums), dtype)
