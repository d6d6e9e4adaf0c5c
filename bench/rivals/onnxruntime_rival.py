"""onnxruntime, for prediction alone: the network as a graph of Gemm, activation and Softmax."""

from __future__ import annotations

import onnx
import onnxruntime
from onnx import helper, numpy_helper

from . import THREADS

HIDDEN = {"tanh": "Tanh", "logistic": "Sigmoid", "relu": "Relu"}
OUTPUTS = {"softmax": "Softmax", "identity": "Identity"}
TYPES = {"float32": onnx.TensorProto.FLOAT, "float64": onnx.TensorProto.DOUBLE}
OPSET, IR_VERSION = 17, 8  # old enough for any onnxruntime of these years


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return {"onnxruntime": onnxruntime.__version__}


def supports(case) -> bool:
    """Predictions."""
    return case.optimizer is None and case.hidden in HIDDEN and case.output in OUTPUTS


def prepare(case, problem):
    """A session, called as its users call it: NumPy arrays in and out."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    model = _model(case, problem.params).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    inputs, result = {"x0": problem.X}, []

    def predict():
        for _ in range(case.epochs):
            result[:] = session.run(None, inputs)

    return predict, lambda: result[0].ravel()


def _model(case, params):
    nodes, constants = [], []
    layers = case.layers(params)
    links = [HIDDEN[case.hidden]] * (len(layers) - 1) + [OUTPUTS[case.output]]
    for i, ((W, b), link) in enumerate(zip(layers, links, strict=True)):
        constants += [numpy_helper.from_array(W, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [f"x{i}", f"W{i}", f"b{i}"], [f"z{i}"]))
        nodes.append(helper.make_node(link, [f"z{i}"], [f"x{i + 1}"]))
    ends = [
        helper.make_tensor_value_info(name, TYPES[case.dtype], [None, size])
        for name, size in (("x0", case.layer_sizes[0]), (f"x{len(layers)}", case.layer_sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
