"""Networks as modules of PyTorch, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pyl2._common.validation import Array
from pyl2.export.functions import FUNCTIONS, Function, Spec, function
from pyl2.export.layers import Layers

_OUTPUTS = ("identity", "logistic", "softmax", "exp")
_IDLE = ("Dropout", "AlphaDropout")
"""What does nothing when a network predicts."""


def to_torch(network: Layers) -> Any:
    """Return a network as ``torch.nn.Sequential``: linear layers and activations in turn."""
    torch = _torch()
    modules: list[Any] = []
    parts = zip(network.weights, network.biases, network.functions, strict=True)
    for W, b, spec in parts:
        linear = torch.nn.Linear(*W.shape, dtype=torch.from_numpy(b).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        modules.append(linear)
        row, numbers = function(spec)
        if row is not FUNCTIONS["identity"]:
            modules.append(_module(torch, row, *numbers))
    return torch.nn.Sequential(*modules).eval()


def from_torch(module: Any) -> Layers:
    """Return the layers of a module that ``to_torch`` could have made.

    Raises
    ------
    TypeError
        If it is no module.
    ValueError
        If something in it is no layer or activation that there is here; the message names it.
    """
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    weights: list[Array] = []
    biases: list[Array] = []
    functions: list[Spec] = []
    for part in _flat(torch, module):
        kind = type(part).__name__
        if isinstance(part, torch.nn.Linear):
            W, b = _arrays(part)
            if weights and W.shape[0] != weights[-1].shape[1]:
                raise ValueError(f"{part} cannot follow a layer of {weights[-1].shape[1]} units")
            weights.append(W)
            biases.append(b)
            functions.append("identity")
        elif kind not in _IDLE:
            if not functions or functions[-1] != "identity":
                raise ValueError(f"{kind} must follow a Linear layer")
            functions[-1] = _named(part)
    if not weights:
        raise ValueError("module has no Linear layer")
    if {W.dtype.char for W in weights} not in ({"f"}, {"d"}):
        raise ValueError("all layers must be of one type, float32 or float64")
    *hidden, output = functions
    if output not in _OUTPUTS:
        raise ValueError(f"the last layer must end in one of {', '.join(_OUTPUTS)}, got {output}")
    if "softmax" in hidden or "exp" in hidden:
        raise ValueError("Softmax and Exp are allowed only in the last layer")
    return Layers(tuple(weights), tuple(biases), tuple(hidden), str(output))


def _flat(torch: Any, module: Any) -> Iterator[Any]:
    """Give the modules of nested sequences in order."""
    if isinstance(module, torch.nn.Sequential):
        for part in module:
            yield from _flat(torch, part)
    else:
        yield module


def _arrays(linear: Any) -> tuple[Array, Array]:
    """Return weights, (fan_in, fan_out), and biases, 0 where there are none."""
    W = linear.weight.detach().cpu().numpy().T.copy()
    b = linear.bias
    return W, np.zeros(W.shape[1], W.dtype) if b is None else b.detach().cpu().numpy().copy()


def _module(torch: Any, row: Function, *numbers: float) -> Any:
    name, number, settings = row.torch
    if name == "Exp":
        from pyl2.export.torch_exp import Exp

        return Exp()
    given = dict(settings)
    if number is not None:
        given[number] = numbers[0]
    return getattr(torch.nn, name)(**given)


def _named(part: Any) -> Spec:
    """Return the function that a module computes."""
    for name, row in FUNCTIONS.items():
        kind, number, settings = row.torch
        same = type(part).__name__ == kind
        if same and all(getattr(part, key) == value for key, value in settings.items()):
            return name if number is None else (name, float(getattr(part, number)))
    raise ValueError(f"{part} has no equivalent in pyl2")


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError("PyTorch is needed: pip install 'pyl2[torch]'") from None
    return torch
