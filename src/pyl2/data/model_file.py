"""The command line's models: a network or an ensemble, and what inputs and outputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyl2._common import files
from pyl2._common.validation import Array
from pyl2.ensemble import Ensemble, ensemble_from_file, ensemble_to_file
from pyl2.network import Network, from_file, to_file


@dataclass(frozen=True)
class Schema:
    """What the inputs and outputs of a network mean: columns, units, classes.

    Attributes
    ----------
    features : list of str
    target : str
    classes : list of str or None
        None for regression.
    target_mean, target_scale : float
        0 and 1 for classification.
    mean, scale : ndarray of float64, shape (features,)
        Of the rows trained on.
    """

    features: list[str]
    target: str
    classes: list[str] | None
    target_mean: float
    target_scale: float
    mean: Array
    scale: Array

    def inputs(self, X: Array) -> Array:
        """Standardise rows of features."""
        return (X - self.mean) / self.scale

    def predictions(self, outputs: Array) -> list[Any]:
        """Turn a network's outputs into class names, or numbers in the target's own unit."""
        if self.classes is None:
            values = outputs[:, 0].astype("float64") * self.target_scale + self.target_mean
            return list(values.tolist())
        return [self.classes[i] for i in outputs.argmax(axis=1)]


_WORDS = ("features", "target", "classes", "target_mean", "target_scale")
"""What of a Schema stands as text in a model file, its arrays aside."""


def save(path: files.PathLike, model: Network | Ensemble, schema: Schema) -> None:
    """Write a network or an ensemble and its schema to a model file."""
    arrays, meta = to_file(model) if isinstance(model, Network) else ensemble_to_file(model)
    files.write(
        path,
        "model",
        {**arrays, "mean": schema.mean, "scale": schema.scale},
        {"network": meta, **{word: getattr(schema, word) for word in _WORDS}},
    )


def load(path: files.PathLike) -> tuple[Network | Ensemble, Schema]:
    """Read a model file; anything in it that does not fit together is a ValueError.

    An ensemble's file has weights, a network's has none.
    """
    arrays, meta = files.read(path, "model")
    try:
        schema = _schema(meta, arrays.pop("mean", None), arrays.pop("scale", None))
        read = ensemble_from_file if "weights" in arrays else from_file
        model: Network | Ensemble = read(arrays, meta.get("network", {}))
        _check_fit(model, schema)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return model, schema


def _schema(meta: dict[str, Any], mean: Any, scale: Any) -> Schema:
    """Check each part of a model file that is not the network's."""

    def names(value: Any) -> bool:
        texts = isinstance(value, list) and all(isinstance(name, str) for name in value)
        return texts and 0 < len(value) == len(set(value))

    def number(value: Any) -> bool:
        return isinstance(value, float) and bool(np.isfinite(value))

    def vector(value: Any) -> bool:
        known = isinstance(value, np.ndarray) and value.dtype == np.float64
        return known and value.ndim == 1 and bool(np.isfinite(value).all())

    parts: dict[str, Any] = {word: meta.get(word) for word in _WORDS}
    schema = Schema(**parts, mean=mean, scale=scale)
    sound = {
        "features": names(schema.features),
        "target": isinstance(schema.target, str),
        "classes": schema.classes is None or names(schema.classes),
        "target_mean": number(schema.target_mean),
        "target_scale": number(schema.target_scale) and schema.target_scale > 0,
        "mean": vector(mean),
        "scale": vector(scale) and bool((scale > 0).all()),
    }
    for name, good in sound.items():
        if not good:
            raise ValueError(f"the model is damaged: {name} is missing or malformed")
    return schema


def _check_fit(model: Network | Ensemble, schema: Schema) -> None:
    output, outputs = (
        ("identity", 1) if schema.classes is None else ("softmax", len(schema.classes))
    )
    inputs = {len(schema.features), len(schema.mean), len(schema.scale)}
    if inputs != {model.layer_sizes[0]}:
        raise ValueError("the model is damaged: features and network differ in number")
    if (model.output, model.layer_sizes[-1]) != (output, outputs):
        raise ValueError("the model is damaged: classes and network do not go together")
