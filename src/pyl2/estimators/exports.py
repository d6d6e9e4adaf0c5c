"""Ways out that single networks and ensembles share, and skl2onnx's knowledge of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from pyl2._common.files import PathLike
from pyl2._common.validation import Array
from pyl2.export.c import to_c
from pyl2.export.layers import Model
from pyl2.export.onnx import OPSET, element_type, labels, nodes, to_onnx
from pyl2.export.torch import to_torch


class Exports:
    """Estimators that say what they are as plain layers."""

    def _exported(self) -> Model:
        """Return what predicts."""
        raise NotImplementedError

    def to_onnx(self, path: PathLike | None = None) -> Any:
        """Return the model in ONNX, or write it to a file.

        It needs onnx: ``pip install 'pyl2[onnx]'``.  In a pipeline skl2onnx converts the estimator
        after ``pyl2.estimators.register_skl2onnx()``.

        Parameters
        ----------
        path : str or path-like, optional
            What it held is replaced.

        Returns
        -------
        onnx.ModelProto or None
            Of opset 13, from "X" (rows, features), of the type of the weights.  A classifier has
            the outputs "label" and "probabilities" (rows, classes), a regressor "variable" (rows,
            outputs) and, if it is an ensemble, "std".  None where ``path`` is given.

        Raises
        ------
        ImportError
            If onnx is not installed.
        ValueError
            If it is not fitted, or its classes are neither whole numbers nor text.
        OSError
            If the file cannot be written.
        """
        return to_onnx(self._exported(), path)

    def to_c(self, path: PathLike | None = None, name: str | None = None) -> str | None:
        """Return the model as the text of a C header, or write it to a file.

        It is C99 with the parameters as constants, needs math.h alone, allocates nothing and fits
        small machines; it computes one row in the type of the weights.

        Parameters
        ----------
        path : str or path-like, optional
            What it held is replaced.
        name : str, optional
            What all names in it begin with; by default the file's, or "model".

        Returns
        -------
        str or None
            None where ``path`` is given.  ``NAME_predict(x, y)`` takes ``NAME_INPUTS`` numbers and
            sets ``NAME_OUTPUTS``: predictions or probabilities, of two classes that of the second.
            ``NAME_class(x)`` returns the index of a class in ``NAME_classes``; an ensemble of
            numbers has ``NAME_predict_std(x, y, std)``.

        Raises
        ------
        ValueError
            If it is not fitted, a parameter is not finite, or C does not allow the name.
        OSError
            If the file cannot be written.
        """
        return to_c(self._exported(), path, name)


class ExportsNetwork(Exports):
    """Those that are one network."""

    def to_torch(self) -> Any:
        """Return the network as a module of PyTorch, which must be installed.

        Returns
        -------
        torch.nn.Sequential
            Linear layers and activations in turn, with copies of the parameters.  A classifier's
            gives probabilities, of two classes that of the second.

        Raises
        ------
        ImportError
            If PyTorch is not installed.
        ValueError
            If the estimator is not fitted.
        """
        return to_torch(self._exported().first)


def register_skl2onnx() -> None:
    """Tell skl2onnx how to convert pyl2's estimators, alone or in pipelines.

    It needs skl2onnx: ``pip install 'pyl2[onnx]'``.  Weights take the type of the input: float32 of
    FloatTensorType, float64 of DoubleTensorType.  An ensemble's standard deviations are left out;
    ``to_onnx`` has them.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> from pyl2.estimators import register_skl2onnx
    >>> register_skl2onnx()  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError:
        raise ImportError("register_skl2onnx needs skl2onnx: pip install 'pyl2[onnx]'") from None
    from pyl2 import estimators

    kinds = [getattr(estimators, name) for name in estimators.__all__]
    for kind in (one for one in kinds if isinstance(one, type) and issubclass(one, Exports)):
        classifies = issubclass(kind, ClassifierMixin)
        options = {"zipmap": [True, False, "columns"]} if classifies else None
        alias = f"Pyl2{kind.__name__}"
        update_registered_converter(kind, alias, _set_types, _convert, options=options)


def _set_types(operator: Any) -> None:
    """Set types and shapes of an estimator's outputs in the graph that skl2onnx makes."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    model, count = operator.raw_operator._exported(), operator.inputs[0].get_first_dimension()
    columns = model.first.sizes[-1]
    *label, numbers = operator.outputs
    if model.classes is not None:
        columns = len(model.classes)
    numbers.type.shape = [count, columns]
    for output in label:
        text = model.classes is not None and labels(model.classes).dtype.kind == "U"
        shape = [count] if model.classes is not None else [count, columns]
        output.set_type((StringTensorType if text else Int64TensorType)(shape))


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add an estimator's nodes to the graph that skl2onnx makes."""
    from skl2onnx.common.data_types import guess_proto_type

    number = guess_proto_type(operator.inputs[0].type)
    double = number == element_type(np.dtype(np.float64))
    dtype = np.dtype(np.float64 if double else np.float32)
    model = operator.raw_operator._exported()
    members = [member.astype(dtype) for member in model.members]
    graph = _Container(scope, container, dtype)
    X = graph.node("Cast", operator.inputs[0].full_name, to=number)
    found = nodes(graph, model._replace(members=members, noise=None), X)
    for value, output in zip(found.values(), operator.outputs, strict=True):
        graph.add("Identity", [value], output.full_name)


class _Container:
    """skl2onnx's graph, as `nodes` takes it."""

    def __init__(self, scope: Any, container: Any, dtype: np.dtype[Any]) -> None:
        self._scope, self._container, self._dtype = scope, container, dtype

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        name = self._scope.get_unique_operator_name(op)
        self._container.add_node(
            op, list(inputs), [output], op_version=OPSET, name=name, **attributes
        )

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        output = str(self._scope.get_unique_variable_name("value"))
        self.add(op, inputs, output, **attributes)
        return output

    def constant(self, values: Array) -> str:
        name = str(self._scope.get_unique_variable_name("array"))
        self._container.add_initializer(
            name, element_type(values.dtype), list(values.shape), values.ravel().tolist()
        )
        return name

    def number(self, value: float) -> str:
        return self.constant(np.array(value, self._dtype))
