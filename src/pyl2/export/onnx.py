"""Networks as ONNX models: MatMul, Add, and a node or a few for each activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyl2._common import files
from pyl2._common.validation import Array, shown
from pyl2.export.functions import Graph, function
from pyl2.export.layers import Layers, Model

OPSET = 13
"""Of ONNX's operators; 13 is the first whose Softmax is ours."""

_IR = 7  # the format that came with it


def to_onnx(model: Model, path: files.PathLike | None = None) -> Any:
    """Return a model as ``onnx.ModelProto``, or write it to a file.

    The input is "X", of the network's type.  A network's output is "Y"; a regressor's is
    "variable", of an ensemble with "std"; a classifier's are "label" and "probabilities".
    """
    onnx = _onnx()
    helper = onnx.helper
    graph = _Nodes(onnx, model.first.dtype)
    names = nodes(graph, model, "X")
    number = element_type(model.first.dtype)
    kinds = dict.fromkeys(names, number)
    if "label" in names:
        known = np.zeros(0, np.int64) if model.classes is None else labels(model.classes)
        kinds["label"] = element_type(known.dtype)
    shapes: dict[str, list[str | int]] = {name: ["rows", model.first.sizes[-1]] for name in names}
    if model.classes is not None:
        shapes = {"label": ["rows"], "probabilities": ["rows", len(model.classes)]}
    outputs = []
    for name, value in names.items():
        graph.add("Identity", [value], name)
        outputs.append(helper.make_tensor_value_info(name, kinds[name], shapes[name]))
    inputs = [helper.make_tensor_value_info("X", number, ["rows", model.first.sizes[0]])]
    made = helper.make_graph(graph.nodes, "pyl2", inputs, outputs, graph.arrays)
    opsets = [helper.make_opsetid("", OPSET)]
    found = helper.make_model(made, opset_imports=opsets, ir_version=_IR, producer_name="pyl2")
    onnx.checker.check_model(found)
    if path is None:
        return found
    files.replace(path, found.SerializeToString())
    return None


def nodes(graph: Graph, model: Model, X: str) -> dict[str, str]:
    """Add the nodes of a model; return the values that are its outputs, by their names."""
    members = [_layers(graph, member, X) for member in model.members]
    mean, shares = members[0], []
    if len(members) > 1 or model.noise is not None:
        shares = [graph.number(share) for share in model.shares]
        mean = _weighted(graph, members, shares)
    if model.kind == "classifier":
        return _classified(graph, model, mean)
    found = {"variable" if model.kind == "regressor" else "Y": mean}
    if model.noise is not None:
        off = [graph.node("Sub", member, mean) for member in members]
        spread = _weighted(graph, [graph.node("Mul", one, one) for one in off], shares)
        noise = graph.constant(model.noise.astype(model.first.dtype))
        found["std"] = graph.node("Sqrt", graph.node("Add", spread, noise))
    return found


def element_type(dtype: np.dtype[Any]) -> int:
    """Return ONNX's number of a type; text is STRING."""
    return int(
        _onnx().helper.np_dtype_to_tensor_dtype(np.dtype(object) if dtype.kind == "U" else dtype)
    )


def labels(classes: Sequence[Any]) -> Array:
    """Return classes as ONNX can hold them: int64 or text.

    Raises
    ------
    ValueError
        If they are neither.
    """
    found = np.asarray(classes)
    if found.dtype.kind == "O" and all(isinstance(one, str) for one in classes):
        found = found.astype(str)
    if found.dtype.kind in "bui":
        found = found.astype(np.int64)
    whole = found.dtype.kind == "f" and bool((abs(found) < 2**53).all() and (found % 1 == 0).all())
    if not (whole or found.dtype.kind in "iU"):
        raise ValueError(f"classes must be whole numbers or text in ONNX, got {shown(classes)}")
    return found.astype(np.int64) if whole else found


def _layers(graph: Graph, network: Layers, x: str) -> str:
    parts = zip(network.weights, network.biases, network.functions, strict=True)
    for W, b, spec in parts:
        product = graph.node("MatMul", x, graph.constant(W))
        z = graph.node("Add", product, graph.constant(b))
        row, numbers = function(spec)
        x = row.onnx(graph, z, *numbers)
    return x


def _weighted(graph: Graph, values: Sequence[str], shares: Sequence[str]) -> str:
    pairs = zip(values, shares, strict=True)
    return graph.node("Sum", *(graph.node("Mul", value, share) for value, share in pairs))


def _classified(graph: Graph, model: Model, mean: str) -> dict[str, str]:
    """Add what makes classes of probabilities; without classes each column is a label, 0 or 1."""
    if model.classes is None:
        above = graph.node("Greater", mean, graph.number(0.5))
        label = graph.node("Cast", above, to=element_type(np.dtype(np.int64)))
        return {"label": label, "probabilities": mean}
    if model.first.output == "logistic":
        other = graph.node("Sub", graph.number(1.0), mean)
        mean = graph.node("Concat", other, mean, axis=1)
    index = graph.node("ArgMax", mean, axis=1, keepdims=0)
    label = graph.node("Gather", graph.constant(labels(model.classes)), index)
    return {"label": label, "probabilities": mean}


class _Nodes:
    """A graph of its own."""

    def __init__(self, onnx: Any, dtype: np.dtype[Any]) -> None:
        self._onnx, self._dtype = onnx, dtype
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        self.nodes.append(self._onnx.helper.make_node(op, inputs, [output], **attributes))

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        output = f"value_{len(self.nodes)}"
        self.add(op, inputs, output, **attributes)
        return output

    def constant(self, values: Array) -> str:
        name = f"array_{len(self.arrays)}"
        values = values.astype(object) if values.dtype.kind == "U" else values
        self.arrays.append(self._onnx.numpy_helper.from_array(values, name))
        return name

    def number(self, value: float) -> str:
        return self.constant(np.array(value, self._dtype))


def _onnx() -> Any:
    try:
        import onnx
    except ImportError:
        raise ImportError("to_onnx needs onnx: pip install 'pyl2[onnx]'") from None
    return onnx
