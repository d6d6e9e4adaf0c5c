"""`pyl2 export`: a saved model in a form that other programs read."""

from __future__ import annotations

import argparse
import io
import os
import warnings
from typing import TYPE_CHECKING, Any

from pyl2.cli import options, output

if TYPE_CHECKING:
    from pyl2 import Network
    from pyl2.data import model_file
    from pyl2.data.treatment import Treatment
    from pyl2.ensemble import Ensemble
    from pyl2.export.layers import Model

ENDINGS = {"onnx": ".onnx", "c": ".h", "sklearn": ".joblib", "torch": ".pt"}


def add(commands: options.Commands) -> None:
    """Add the command and its options."""
    text = "write a saved model as ONNX, C, or for scikit-learn or PyTorch"
    parser = options.command(
        commands,
        "export",
        text,
        examples=(
            "pyl2 export flowers.pyl2 --to onnx",
            "pyl2 export flowers.pyl2 --to c --output flowers.h",
        ),
    )
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="written by pyl2 train --save")
    text = (
        "onnx; c, a C99 header; sklearn, a fitted estimator for joblib.load; torch, the state dict"
        " of a Sequential"
    )
    parser.add_argument("--to", required=True, choices=tuple(ENDINGS), help=text)
    text = "default: the model's name with .onnx, .h, .joblib or .pt"
    parser.add_argument("--output", metavar="FILE", help=text)
    parser.add_argument("--quiet", action="store_true", help="no notes")


def run(args: argparse.Namespace) -> None:
    """Write a saved model in another form."""
    from pyl2.data import model_file

    path = args.output or os.path.splitext(args.model)[0] + ENDINGS[args.to]
    output.check_writable("--output", path)
    found, schema = model_file.load(args.model)
    model = _exported(found, schema)
    write = {"onnx": _onnx, "c": _c, "sklearn": _sklearn, "torch": _torch}[args.to]
    try:
        notes = write(model, path)
    except ImportError as error:
        raise ValueError(f"--to {args.to}: {error}") from None
    if not args.quiet:
        print(f"saved {path}")
        for note in [*_inputs(schema), *notes]:
            print(note)


def _inputs(schema: model_file.Schema) -> list[str]:
    """Return what the inputs are, and what the caller has to do to get them from a table."""
    lines = [f"inputs, in this order: {', '.join(schema.inputs)}"]
    left = []
    for column in schema.treatments:
        if column.kind == "text":
            left.append(f"{column.name!r} as 1 in the column of its text, 0 in the others")
        elif column.kind == "date":
            left.append(f"{column.name!r} as the parts of the date")
        if column.quantiles:
            left.append(f"{column.name!r} by its quantiles")
        if column.missing and column.kind != "text":
            fill = ", ".join(f"{value:g}" for value in column.fill)
            left.append(f"missing cells of {column.name!r} as {fill}, with 1 in its indicator")
    lines.append("numbers are in the table's own units: their scaling is in the file")
    return lines + [f"left to the caller: {what}" for what in left]


def _scaling(column: Treatment) -> tuple[list[float], list[float]]:
    """Return what is taken away from the inputs of a column, and what they are divided by."""
    inputs = len(column.names())
    scaled = [] if column.quantiles else list(zip(column.center, column.scale, strict=True))
    pairs = scaled + [(0.0, 1.0)] * (inputs - len(scaled))
    return [center for center, _ in pairs[:inputs]], [scale for _, scale in pairs[:inputs]]


def _exported(found: Network | Ensemble, schema: model_file.Schema) -> Model:
    """Return a model that takes and gives the table's own units."""
    import numpy as np

    from pyl2.ensemble import Ensemble
    from pyl2.export.layers import Model, layers

    networks, shares, noise = [found], [1.0], None
    if isinstance(found, Ensemble):
        networks, shares, noise = list(found.networks), found.weights.tolist(), found.noise
    scalings = [_scaling(column) for column in schema.treatments]
    center, scale = (np.concatenate(parts) for parts in zip(*scalings, strict=True))
    members = [layers(network).of_raw_inputs(center, scale) for network in networks]
    if schema.classes is not None:
        return Model(members, shares, classes=schema.classes, kind="classifier")
    unit = schema.target_mean, schema.target_scale
    members = [member.of_raw_outputs(*unit) for member in members]
    noise = None if noise is None else np.asarray(noise * schema.target_scale**2)
    return Model(members, shares, noise, kind="regressor")


def _onnx(model: Model, path: str) -> list[str]:
    from pyl2.export.onnx import to_onnx

    to_onnx(model, path)
    outputs = "label, probabilities" if model.classes else "variable"
    return [f"input X, outputs {outputs}{', std' if model.noise is not None else ''}"]


def _c(model: Model, path: str) -> list[str]:
    from pyl2.export.c import to_c

    to_c(model, path)
    return []


def _torch(model: Model, path: str) -> list[str]:
    from pyl2._common import files
    from pyl2.export.torch import to_torch

    module = to_torch(_single(model, "torch"))
    import torch  # whose absence to_torch has a word for

    written = io.BytesIO()
    torch.save(module.state_dict(), written)
    files.replace(path, written.getbuffer())
    inner = ", ".join(str(part) for part in module)
    wide = ".double()" if model.first.dtype == "float64" else ""
    return [f"for torch.nn.Sequential({inner}){wide}", *_classes(model)]


def _sklearn(model: Model, path: str) -> list[str]:
    import joblib

    from pyl2._common import files

    written = io.BytesIO()
    joblib.dump(_estimator(model), written)
    files.replace(path, written.getbuffer())
    return []


def _estimator(model: Model) -> Any:
    """Return scikit-learn's estimator with the layers in it."""
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning

    from pyl2.estimators.conversion import sklearn_mlp

    network = _single(model, "sklearn")
    kinds = set(network.hidden) or {"identity"}
    if len(kinds) > 1:
        raise ValueError("--to sklearn: scikit-learn has one activation for all hidden layers")
    settings = {"hidden_layer_sizes": network.sizes[1:-1], "activation": kinds.pop()}
    classes = [0.0, 0.0] if model.classes is None else model.classes
    made = sklearn_mlp(model.classes is not None)(max_iter=1, **settings)
    if len(classes) == 2 and model.classes is not None:
        network = network.of_one_output()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # A fit, to which nothing of the weights is left, sets what belongs to classes and shapes.
        made.fit(np.zeros((len(classes), network.sizes[0]), network.dtype), classes)
    made.coefs_, made.intercepts_ = list(network.weights), list(network.biases)
    return made.set_params(max_iter=200)


def _single(model: Model, to: str) -> Any:
    if len(model.members) > 1:
        raise ValueError(f"--to {to}: an ensemble has no such form; onnx and c have")
    return model.first


def _classes(model: Model) -> list[str]:
    return [] if model.classes is None else [f"outputs: {', '.join(map(str, model.classes))}"]
