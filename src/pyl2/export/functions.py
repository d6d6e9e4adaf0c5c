"""The functions of layers in other languages, a row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

from pyl2._common.validation import Array

Spec: TypeAlias = "str | tuple[str, float]"
"""A function by its name, or by its name and the number that it takes."""


class Graph(Protocol):
    """Where nodes of ONNX go; values are known by name."""

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node, and return the name of its output."""

    def constant(self, values: Array) -> str:
        """Add an array as it is, and return its name."""

    def number(self, value: float) -> str:
        """Add a number of the network's type, and return its name."""


class Module(NamedTuple):
    """A module of ``torch.nn``.

    Attributes
    ----------
    name : str
    number : str or None
        The attribute that holds the function's number.
    settings : mapping
        Arguments that are always the same.
    """

    name: str
    number: str | None = None
    settings: Mapping[str, Any] = MappingProxyType({})


class Function(NamedTuple):
    """What a layer does to its sums.

    Attributes
    ----------
    onnx : callable
        Adds nodes for a value to a graph, and returns the name of what comes out.  The numbers of
        the function follow.
    torch : Module
    c : str
        An expression of x in double, {0} being the function's number; "" of softmax, which is no
        function of one number.
    """

    onnx: Callable[..., str]
    torch: Module
    c: str


def _op(name: str, **attributes: Any) -> Callable[..., str]:
    """Return what adds one node."""
    return lambda graph, x: graph.node(name, x, **attributes)


def _leaky_relu(graph: Graph, x: str, slope: float) -> str:
    """Attributes of ONNX are float32, and so no LeakyRelu; the slope is at most 1."""
    return graph.node("Max", x, graph.node("Mul", graph.number(slope), x))


def _elu(graph: Graph, x: str, alpha: float) -> str:
    """As above: relu(x) + α (exp(min(x, 0)) - 1)."""
    below = graph.node("Neg", graph.node("Relu", graph.node("Neg", x)))
    fall = graph.node("Sub", graph.node("Exp", below), graph.number(1.0))
    return graph.node("Add", graph.node("Relu", x), graph.node("Mul", graph.number(alpha), fall))


def _selu(graph: Graph, x: str) -> str:
    scale = graph.number(1.0507009873554805)
    return graph.node("Mul", scale, _elu(graph, x, 1.6732632423543772))


def _softplus(graph: Graph, x: str) -> str:
    """relu(x) + log(1 + exp(-|x|)): a large x does not overflow."""
    e = graph.node("Exp", graph.node("Neg", graph.node("Abs", x)))
    rest = graph.node("Log", graph.node("Add", graph.number(1.0), e))
    return graph.node("Add", graph.node("Relu", x), rest)


def _silu(graph: Graph, x: str) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def _gelu(graph: Graph, x: str) -> str:
    erf = graph.node("Erf", graph.node("Mul", graph.number(0.5**0.5), x))
    half = graph.node("Mul", graph.number(0.5), x)
    return graph.node("Add", half, graph.node("Mul", half, erf))


def _gelu_tanh(graph: Graph, x: str) -> str:
    square = graph.node("Mul", graph.number(_CUBIC), graph.node("Mul", x, x))
    y = graph.node("Mul", x, graph.node("Add", graph.number(_LINEAR), square))
    return graph.node("Mul", x, graph.node("Sigmoid", y))


def _mish(graph: Graph, x: str) -> str:
    return graph.node("Mul", x, graph.node("Tanh", _softplus(graph, x)))


# (1 + tanh y) / 2 is logistic(2 y): of 2 y = sqrt(8/π) (x + 0.044715 x³).
_LINEAR = 1.5957691216057308
_CUBIC = _LINEAR * 0.044715
_SOFTPLUS = "(x < 0 ? 0 : x) + log1p(exp(-fabs(x)))"

FUNCTIONS = {
    "identity": Function(lambda graph, x: x, Module("Identity"), "x"),
    "logistic": Function(_op("Sigmoid"), Module("Sigmoid"), "1 / (1 + exp(-x))"),
    "tanh": Function(_op("Tanh"), Module("Tanh"), "tanh(x)"),
    "relu": Function(_op("Relu"), Module("ReLU"), "x < 0 ? 0 : x"),
    "leaky_relu": Function(
        _leaky_relu, Module("LeakyReLU", "negative_slope"), "x < 0 ? {0} * x : x"
    ),
    "elu": Function(_elu, Module("ELU", "alpha"), "x < 0 ? {0} * expm1(x) : x"),
    "selu": Function(
        _selu,
        Module("SELU"),
        "x < 0 ? 1.7580993408473769 * expm1(x) : 1.0507009873554805 * x",
    ),
    "softplus": Function(_softplus, Module("Softplus"), _SOFTPLUS),
    "silu": Function(_silu, Module("SiLU"), "x / (1 + exp(-x))"),
    "gelu": Function(
        _gelu,
        Module("GELU", settings=MappingProxyType({"approximate": "none"})),
        "0.5 * x * (1 + erf(0.7071067811865476 * x))",
    ),
    "gelu_tanh": Function(
        _gelu_tanh,
        Module("GELU", settings=MappingProxyType({"approximate": "tanh"})),
        f"x / (1 + exp(-x * ({_LINEAR!r} + {_CUBIC!r} * x * x)))",
    ),
    "mish": Function(_mish, Module("Mish"), f"x * tanh({_SOFTPLUS})"),
    "softmax": Function(
        _op("Softmax", axis=-1), Module("Softmax", settings=MappingProxyType({"dim": 1})), ""
    ),
    "exp": Function(_op("Exp"), Module("Exp"), "exp(x)"),
}


def function(spec: Spec) -> tuple[Function, tuple[float, ...]]:
    """Return the row of a function, and its number if it has one."""
    name, *numbers = (spec,) if isinstance(spec, str) else spec
    return FUNCTIONS[name], tuple(numbers)
