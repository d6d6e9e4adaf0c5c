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


FUNCTIONS = {
    "identity": Function(lambda graph, x: x, Module("Identity"), "x"),
    "logistic": Function(_op("Sigmoid"), Module("Sigmoid"), "1 / (1 + exp(-x))"),
    "tanh": Function(_op("Tanh"), Module("Tanh"), "tanh(x)"),
    "relu": Function(_op("Relu"), Module("ReLU"), "x < 0 ? 0 : x"),
    "softmax": Function(
        _op("Softmax", axis=-1), Module("Softmax", settings=MappingProxyType({"dim": 1})), ""
    ),
    "exp": Function(_op("Exp"), Module("Exp"), "exp(x)"),
}


def function(spec: Spec) -> tuple[Function, tuple[float, ...]]:
    """Return the row of a function, and its number if it has one."""
    name, *numbers = (spec,) if isinstance(spec, str) else spec
    return FUNCTIONS[name], tuple(numbers)
