"""Bad input: a clear error that names the parameter, and nothing lost."""

import re

import numpy as np
import pytest

from pyl2 import Backprop, Network, _core

X = np.zeros((4, 3))
Y = np.zeros((4, 2))
HUGE = 2**31 - 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((3,),), ValueError, "layer_sizes must have at least inputs and outputs"),
        (((),), ValueError, "layer_sizes"),
        (((3, 0),), ValueError, "layer_sizes must be at least 1, got 0"),
        (((0, 3),), ValueError, "layer_sizes"),
        (((3, -1, 2),), ValueError, "layer_sizes"),
        (((3, 2.5),), TypeError, "layer_sizes must be a whole number, got 2.5"),
        (((3, "2"),), TypeError, "layer_sizes"),
        (((HUGE, HUGE, HUGE),), ValueError, "layer_sizes"),
        (((HUGE + 1, 1),), ValueError, "layer_sizes"),
        (((3, 2), "swish"), ValueError, "hidden must be one of identity, logistic, tanh, relu"),
        (((3, 4, 2), ["tanh", "relu"]), ValueError, "hidden must name 1 activations"),
        (((3, 4, 2), "tanh", "linear"), ValueError, "output must be one of"),
        (((3, 2), "tanh", "identity", np.int32), ValueError, "dtype must be float32 or float64"),
        (((3, 2), "tanh", "identity", np.float16), ValueError, "dtype"),
        (((3, 2), "tanh", "identity", np.float64, -1), ValueError, "seed must not be negative"),
        (((3, 2), "tanh", "identity", np.float64, "x"), TypeError, "seed must be None"),
    ],
)
def test_network(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Network(*arguments)


def test_what_cannot_be_allocated():
    with pytest.raises(MemoryError):
        Network((2**20, 2**23))


class Unreadable:
    def __array__(self, dtype=None, copy=None):
        raise ValueError("no array in here")


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.zeros((4, 2)), ValueError, "X has 2 features, but the network takes 3"),
        (np.zeros((4, 0)), ValueError, "X has 0 features"),
        (np.zeros(3), ValueError, "X must have 2 dimensions, got shape (3,)"),
        (np.zeros((1, 4, 3)), ValueError, "X must have 2 dimensions"),
        (np.array(1.0), ValueError, "X must have 2 dimensions"),
        (np.zeros((4, 3), complex), TypeError, "X must hold real numbers, got dtype complex128"),
        (np.zeros((4, 3), object), TypeError, "X must hold real numbers, got dtype object"),
        (np.array([["a", "b", "c"]]), TypeError, "X must hold real numbers, got dtype <U1"),
        (np.zeros((4, 3), "M8[s]"), TypeError, "X must hold real numbers"),
        ([[1.0, 2.0, 3.0], [1.0]], ValueError, "X is not an array"),
        (Unreadable(), ValueError, "X is not an array: no array in here"),
        (None, TypeError, "X must hold real numbers"),
    ],
)
@pytest.mark.parametrize("method", ["predict", "activations", "input_gradient"])
def test_features(bad, error, message, method):
    with pytest.raises(error, match=re.escape(message)):
        getattr(Network((3, 2)), method)(bad)


NAN = np.array([[0.0, np.nan, 0.0]] * 4)


@pytest.mark.parametrize(
    ("output", "x", "y", "error", "message"),
    [
        ("identity", np.zeros((0, 3)), np.zeros((0, 2)), ValueError, "X has no rows"),
        ("identity", NAN, Y, ValueError, "X contains NaN or infinity"),
        ("identity", np.full((4, 3), np.inf), Y, ValueError, "X contains NaN or infinity"),
        ("identity", X, np.full((4, 2), np.nan), ValueError, "Y contains NaN or infinity"),
        ("identity", X, np.zeros((5, 2)), ValueError, "Y has 5 rows, but X has 4"),
        ("identity", X, np.zeros((4, 3)), ValueError, "Y must have shape (4, 2), got (4, 3)"),
        ("identity", X, np.zeros(4), ValueError, "Y must have shape (4, 2), got (4,)"),
        ("identity", X, np.zeros((4, 2), complex), TypeError, "Y must hold real numbers"),
        ("identity", X, np.array(["a"] * 4), TypeError, "Y must hold real numbers"),
        ("softmax", X, [0, 1, 2, 0], ValueError, "class indices from 0 to 1, got 0 to 2"),
        ("softmax", X, [0, 1, -1, 0], ValueError, "class indices from 0 to 1, got -1 to 1"),
        ("softmax", X, [0.0, 1.5, 1, 0], ValueError, "whole class indices (rows,)"),
        ("softmax", X, np.array([0, 2**63 + 1, 0, 0], "u8"), ValueError, "class indices"),
        ("softmax", X, np.full((4, 2), 0.9), ValueError, "rows of Y must sum to 1"),
        ("softmax", X, [[2.0, -1.0]] * 4, ValueError, "between 0 and 1"),
        ("logistic", X, np.full((4, 2), 1.5), ValueError, "between 0 and 1"),
        ("exp", X, np.full((4, 2), -1.0), ValueError, "must not be negative"),
    ],
)
def test_data(output, x, y, error, message):
    """`error`, `gradient` and `train` say the same; training leaves the parameters alone."""
    network = Network((3, 2), output=output, seed=0)
    before = network.params.copy()
    for call in (network.error, network.gradient, Backprop(network).train):
        with pytest.raises(error, match=re.escape(message)):
            call(x, y)
    np.testing.assert_array_equal(network.params, before)


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (np.ones(3), ValueError, "sample_weight must have shape (4,), got (3,)"),
        (np.ones((4, 1)), ValueError, "sample_weight must have 1 dimensions"),
        (-np.ones(4), ValueError, "sample_weight must be finite, not negative"),
        (np.zeros(4), ValueError, "sample_weight must be finite, not negative, and not 0"),
        (np.full(4, np.nan), ValueError, "sample_weight must be finite"),
        (np.full(4, 1e-310), ValueError, "sample_weight must not be below 1e-292 everywhere"),
        (np.array(["a"] * 4), TypeError, "sample_weight must hold real numbers"),
    ],
)
def test_sample_weight(weight, error, message):
    network = Network((3, 2))
    for call in (network.error, network.gradient, Backprop(network).train):
        with pytest.raises(error, match=re.escape(message)):
            call(X, Y, sample_weight=weight)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("optimizer", "lion", ValueError),
        ("eta", 0, ValueError),
        ("eta", -0.1, ValueError),
        ("eta", np.nan, ValueError),
        ("eta", np.inf, ValueError),
        ("eta", "fast", TypeError),
        ("l2", -1e-9, ValueError),
        ("l2", np.nan, ValueError),
        ("l2", [0.1, 0.2], ValueError),
        ("l2", [-1.0], ValueError),
        ("l2", "strong", ValueError),
        ("l2", None, TypeError),
        ("n", 0, ValueError),
        ("n", -5, ValueError),
        ("n", np.inf, ValueError),
        ("n", "all", ValueError),
        ("decay", "l1", ValueError),
        ("batch_size", 0, ValueError),
        ("batch_size", 2.5, TypeError),
        ("momentum", 1.0, ValueError),
        ("momentum", -0.1, ValueError),
        ("beta_1", 1.0, ValueError),
        ("beta_2", 2.0, ValueError),
        ("epsilon", 0.0, ValueError),
        ("schedule", "triangular", ValueError),
        ("power_t", np.nan, ValueError),
        ("tol", -1.0, ValueError),
        ("n_iter_no_change", 0, ValueError),
        ("seed", "x", TypeError),
    ],
)
def test_parameters(name, value, error):
    with pytest.raises(error, match=name):
        Backprop(Network((3, 2)), **{name: value})


def test_parameters_are_checked_again_when_changed():
    trainer = Backprop(Network((3, 2)))
    trainer.eta = -1
    with pytest.raises(ValueError, match="eta"):
        trainer.train(X, Y)


def test_network_of_another_type():
    with pytest.raises(TypeError, match="network must be a Network, got dict"):
        Backprop({})


@pytest.mark.parametrize(
    ("optimizer", "decay"), [("adamw", "l2"), ("lbfgs", "decoupled"), ("lbfgs", "fraction")]
)
def test_decay_that_the_optimizer_does_not_know(optimizer, decay):
    with pytest.raises(ValueError, match=f"decay='{decay}' does not go with"):
        Backprop(Network((3, 2)), optimizer, decay=decay)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"epochs": 1.5}, TypeError, "epochs"),
        ({"max_time": 0}, ValueError, "max_time"),
        ({"validation": 3}, ValueError, "validation must be (X, Y)"),
        ({"validation": (X,)}, ValueError, "validation must be (X, Y)"),
        ({"validation": (X[:, :2], Y)}, ValueError, "validation X has 2 features"),
        ({"validation": (X, Y[:2])}, ValueError, "validation Y has 2 rows"),
        ({"callbacks": 3}, TypeError, "callbacks must be callables"),
    ],
)
def test_train(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Backprop(Network((3, 2))).train(X, Y, **arguments)


def test_early_stopping_without_validation():
    with pytest.raises(ValueError, match="early_stopping needs validation"):
        Backprop(Network((3, 2)), early_stopping=True).train(X, Y)


# The binding trusts nobody: whatever reaches it is checked once more.


def frozen(array):
    array.flags.writeable = False
    return array


BINDING = [
    ({"params": np.zeros((1, 7))}, ValueError, "params must have shape (any, 8), got (1, 7)"),
    ({"params": np.zeros((1, 8), "f4")}, TypeError, "params must be an array of float64"),
    ({"params": np.zeros((1, 8), ">f8")}, TypeError, "params must be an array of float64"),
    ({"params": frozen(np.zeros((1, 8)))}, ValueError, "params: "),
    ({"params": np.zeros((1, 16))[:, ::2]}, ValueError, "params must be C-contiguous"),
    ({"params": [[0.0] * 8]}, TypeError, "params must be an array, got list"),
    ({"x": np.zeros((4, 2))}, ValueError, "X must have shape (any, 3), got (4, 2)"),
    ({"x": np.zeros((4, 6))[:, ::2]}, ValueError, "X must be contiguous along its last axis"),
    ({"x": np.zeros((0, 3)), "y": np.zeros((0, 2))}, ValueError, "X has no rows"),
    ({"y": np.zeros((4, 2), "f4")}, TypeError, "Y must be an array of float64, got float32"),
    ({"y": np.zeros(4, "i8")}, ValueError, "class indices go with softmax"),
    ({"order": np.arange(1, 5)}, ValueError, "order must lie between 0 and 3"),
    ({"order": -np.arange(4)}, ValueError, "order must lie between 0 and 3"),
    ({"order": np.arange(3)}, ValueError, "order must have shape (4,), got (3,)"),
    ({"order": np.arange(4, dtype="i4")}, TypeError, "order must be an array of int64"),
    ({"sample_weight": np.ones(3)}, ValueError, "sample_weight must have shape (4,)"),
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
    ({"state": np.zeros((1, 8))}, ValueError, "state must have shape (1, 16)"),
    ({"steps": np.zeros(2, "i8")}, ValueError, "steps must have shape (1,)"),
    ({"updates": ()}, ValueError, "updates must hold 1 entries"),
    ({"updates": (_core.Update("adam", "l2", 0.1, ()),)}, ValueError, "l2 must have 1 entries"),
    ({"updates": (3,)}, TypeError, "Update"),
    ({"out": np.zeros((1, 3))}, ValueError, "out must have shape (1, 2)"),
]


@pytest.mark.parametrize(("changed", "error", "message"), BINDING)
def test_binding(changed, error, message):
    arguments = {
        "params": np.zeros((1, 8)),
        "state": np.zeros((1, 16)),
        "steps": np.zeros(1, np.int64),
        "x": X,
        "y": Y,
        "sample_weight": None,
        "order": None,
        "batch_size": 2,
        "updates": (_core.Update("adam", "l2", 0.1, (0.0,)),),
        "out": np.zeros((1, 2)),
    }
    net = _core.Net((3, 2), (), "identity", "d")
    net.epoch(**arguments)
    with pytest.raises(error, match=re.escape(message)):
        net.epoch(**arguments | changed)


def test_binding_labels_and_layers():
    net = _core.Net((3, 2), (), "softmax", "d")
    with pytest.raises(ValueError, match="class indices in Y must lie between 0 and 1"):
        net.gradient(np.zeros(8), X, np.arange(4), None, np.zeros(1), np.zeros(8))
    for room in (7, 9, 16):
        with pytest.raises(ValueError, match="out must have room for 2 units of 4 rows, got"):
            net.activations(np.zeros(8), X, np.zeros(room))
    with pytest.raises(ValueError, match="isa must be one of"):
        _core.Net((3, 2), (), "softmax", "d", "mmx")


class Liar(int):
    """A whole number that answers to its checks as it likes."""

    def __le__(self, other):
        return True

    __ge__ = __eq__ = __lt__ = __gt__ = __le__
    __hash__ = int.__hash__

    def __ne__(self, other):
        return False

    def __add__(self, other):
        return 5


class Changing:
    """A number that is another one each time it is asked."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def __index__(self):
        return self.numbers.pop(0) if len(self.numbers) > 1 else self.numbers[0]

    def __lt__(self, other):
        return False

    def __add__(self, other):
        return 5


class Longer(list):
    """A sequence of other length than it says."""

    def __len__(self):
        return 1


class Taller(np.ndarray):
    """An array of other length than it says."""

    def __len__(self):
        return 10**6


class Csr:
    """As the binding takes it, with a shape of the caller's."""

    def __init__(self, rows):
        self.shape = (rows, 3)
        self.data, self.indices = np.ones(4), np.zeros(4, np.int64)
        self.indptr = np.arange(5)


def test_binding_of_lengths_that_lie():
    """What a class says of itself is asked once, or not at all."""
    update = _core.Update("sgd", "l2", 0.1, (0.0,))
    net = _core.Net((3, 2), (), "identity", "d")
    rest = [X, Y, None, None, 2]
    for updates in (Longer([update] * 10**5), Longer([])):
        params, state = np.zeros((1, 8)), np.zeros((1, 0))
        with pytest.raises(ValueError, match="updates must hold 1 entries"):
            net.epoch(params, state, np.zeros(1, "i8"), *rest, updates, np.zeros((1, 2)))
    params = np.zeros((1, 8)).view(Taller)
    net.epoch(params, np.zeros((1, 0)), np.zeros(1, "i8"), *rest, iter([update]), np.zeros((1, 2)))
    net.errors(params, X, Y, None, np.zeros((1, 1)), np.zeros((1, 2)))
    for sizes in ((Liar(-5), 2), (3, Liar(2**40)), (Liar(0), 2)):
        with pytest.raises(ValueError, match="layer_sizes must be whole numbers from 1 to"):
            _core.Net(sizes, (), "identity", "d")
    for rows in (Liar(10**6), Changing(4, 10**6), Changing(10**6, 4)):
        x = Csr(rows)
        try:
            net.predict(np.zeros(8), x, np.zeros((4, 2)))
        except ValueError as error:
            assert re.search("X.indptr must have shape|X must have shape", str(error))  # noqa: PT017


@pytest.mark.parametrize(
    ("x", "rows"),
    [
        (np.zeros((4, 3)), 4),
        (np.zeros((1, 3)), 1),
        (np.zeros((0, 3)), 0),
        (np.zeros((4, 6))[:, :3], 4),
        (np.zeros((4, 3))[::-1], 4),
        (memoryview(np.zeros((4, 3))), 4),
        (np.zeros((4, 6))[:, ::2], -1),
        (np.zeros((3, 4)).T, -1),
        (np.zeros((4, 2)), -1),
        (np.zeros(3), -1),
        (np.zeros((1, 4, 3)), -1),
        (np.zeros((4, 3), "f4"), -1),
        (np.zeros((4, 3), "i8"), -1),
        (np.zeros((4, 3), ">f8"), -1),
        (np.zeros((4, 3), object), -1),
        (np.zeros((4, 3), "M8[s]"), -1),
        (np.zeros(97, "u1")[1:].view("f8").reshape(4, 3), -1),
        ([[0.0, 0.0, 0.0]], -1),
        (Csr(4), -1),
        (b"rows", -1),
        (None, -1),
    ],
    ids=lambda given: str(given) if isinstance(given, int) else "",
)
def test_binding_of_rows_as_they_lie(x, rows):
    """What fits is predicted at once; of the rest nothing is made."""
    net, params = _core.Net((3, 2), (), "identity", "d"), np.ones(8)
    made = []

    def make(shape, kind):
        made.append(np.full(shape, np.nan, kind))
        return made[-1]

    found = net.predicted(params, x, make, np.dtype("f8"))
    if rows < 0:
        assert found is None
        assert not made
    else:
        assert found is made[0]
        np.testing.assert_array_equal(found, np.ones((rows, 2)))


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (np.zeros((4, 3)), ValueError, "out must have shape (4, 2), got (4, 3)"),
        (np.zeros((4, 2), "f4"), TypeError, "out must be an array of float64, got float32"),
        (frozen(np.zeros((4, 2))), ValueError, "out: "),
        (None, TypeError, "out must be an array, got NoneType"),
    ],
)
def test_binding_of_what_was_made(made, error, message):
    net = _core.Net((3, 2), (), "identity", "d")
    with pytest.raises(error, match=re.escape(message)):
        net.predicted(np.ones(8), X, lambda shape, kind: made, None)


@pytest.mark.parametrize("bad", [None, 3, object()])
def test_binding_of_what_is_no_update(bad):
    net = _core.Net((3, 2), (), "identity", "d")
    with pytest.raises(TypeError, match="updates must hold an Update for each network, got"):
        net.epoch(
            *(np.zeros((1, 8)), np.zeros((1, 0)), np.zeros(1, "i8"), X, Y, None, None, 2),
            *((bad,), np.zeros((1, 2))),
        )


@pytest.mark.parametrize(
    "arguments",
    [
        (None, (), "identity", "d"),
        ((3, 2), None, "identity", "d"),
        ((3, 2), (), None, "d"),
        ((3, 2), (), "identity", None),
    ],
)
def test_binding_of_none(arguments):
    with pytest.raises((TypeError, ValueError)):
        _core.Net(*arguments)
    for nothing in ((None, "l2", 0.1, ()), ("sgd", None, 0.1, ()), ("sgd", "l2", 0.1, None)):
        with pytest.raises(TypeError):
            _core.Update(*nothing)
    with pytest.raises(TypeError):
        _core.Mover(None)


@pytest.mark.parametrize(
    ("order", "uniform", "error", "message"),
    [
        (np.arange(3), np.array([0.0, 0.5, 1.0]), ValueError, "uniform must lie in [0, 1)"),
        (np.arange(3), np.array([0.0, np.nan, 0.5]), ValueError, "uniform must lie in [0, 1)"),
        (np.arange(3), np.array([0.0, -1e-9, 0.5]), ValueError, "uniform must lie in [0, 1)"),
        (np.arange(3), np.zeros(2), ValueError, "uniform must have shape (3,), got (2,)"),
        (np.arange(3), np.zeros(3, "f4"), TypeError, "uniform must be an array of float64"),
        (frozen(np.arange(3)), np.zeros(3), ValueError, "order: "),
        (np.arange(6)[::2], np.zeros(3), ValueError, "order must be C-contiguous"),
    ],
)
def test_binding_shuffle(order, uniform, error, message):
    before = order.copy()
    with pytest.raises(error, match=re.escape(message)):
        _core.shuffle(order, uniform)
    np.testing.assert_array_equal(order, before)


def test_binding_shuffle_ends():
    """The largest number below 1 is no way out, whatever it is multiplied by."""
    order = np.arange(100_000)
    _core.shuffle(order, np.full(100_000, np.nextafter(1, 0)))
    np.testing.assert_array_equal(order, np.arange(100_000))


def test_forced_instruction_set(monkeypatch):
    for isa in _core.ISAS:
        monkeypatch.setenv("PYL2_ISA", isa)
        assert Network((3, 2))._engine.isa == isa
    monkeypatch.setenv("PYL2_ISA", "mmx")
    with pytest.raises(ValueError, match="PYL2_ISA must be one of base"):
        Network((3, 2))
