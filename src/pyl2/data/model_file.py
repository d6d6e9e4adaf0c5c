"""The command line's models: a network or an ensemble, and what inputs and outputs mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyl2._common import files
from pyl2._common.validation import Array
from pyl2.data.cells import Cells
from pyl2.data.treatment import Treatment, encode, from_record
from pyl2.ensemble import Ensemble, ensemble_from_file, ensemble_to_file
from pyl2.network import Network, from_file, to_file


@dataclass(frozen=True)
class Schema:
    """What the inputs and outputs of a network mean: columns, units, classes.

    Attributes
    ----------
    treatments : list of Treatment
        What becomes of each column.
    target : str
    classes : list of str or None
        None for regression.
    target_mean, target_scale : float
        0 and 1 for classification.
    decimal, thousands : str
        The marks that numbers had in the file.
    """

    treatments: list[Treatment]
    target: str
    classes: list[str] | None
    target_mean: float = 0.0
    target_scale: float = 1.0
    decimal: str = "."
    thousands: str = ""

    @property
    def inputs(self) -> list[str]:
        """The names of the network's inputs."""
        return [name for found in self.treatments for name in found.names()]

    def encode(self, table: Mapping[str, Cells]) -> Array:
        """Make inputs of a table, float64 of shape (rows, inputs)."""
        found: Array = encode(self.treatments, table, sparse=False)
        return found

    def predictions(self, outputs: Array) -> list[Any]:
        """Turn a network's outputs into class names, or numbers in the target's own unit."""
        if self.classes is None:
            values = outputs[:, 0].astype("float64") * self.target_scale + self.target_mean
            return list(values.tolist())
        return [self.classes[i] for i in outputs.argmax(axis=1)]


_WORDS = ("target", "classes", "target_mean", "target_scale", "decimal", "thousands")
"""What of a Schema stands in a model file as it is."""


def save(path: files.PathLike, model: Network | Ensemble, schema: Schema) -> None:
    """Write a network or an ensemble and its schema to a model file."""
    arrays, meta = to_file(model) if isinstance(model, Network) else ensemble_to_file(model)
    records = [found.record() for found in schema.treatments]
    words = {word: getattr(schema, word) for word in _WORDS}
    files.write(path, "model", arrays, {"network": meta, "columns": records, **words})


def load(path: files.PathLike) -> tuple[Network | Ensemble, Schema]:
    """Read a model file; anything in it that does not fit together is a ValueError.

    An ensemble's file has weights, a network's has none.
    """
    arrays, meta = files.read(path, "model")
    try:
        mean, scale = arrays.pop("mean", None), arrays.pop("scale", None)
        records = meta.get("columns") if "columns" in meta else _numbers(meta, mean, scale)
        schema = _schema(meta, records)
        read = ensemble_from_file if "weights" in arrays else from_file
        model: Network | Ensemble = read(arrays, meta.get("network", {}))
        _check_fit(model, schema)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return model, schema


def _numbers(meta: dict[str, Any], mean: Any, scale: Any) -> list[dict[str, Any]]:
    """Return the columns of a file of pyl2 0.1, which knew numbers alone: records of them.

    Where a number is missing, which was an error then, its mean stands in its place.
    """
    names = meta.get("features")
    vectors = (mean, scale)
    if not (
        isinstance(names, list)
        and all(isinstance(v, np.ndarray) and v.shape == (len(names),) for v in vectors)
    ):
        raise ValueError("the model is damaged: its columns are missing or malformed")
    rows = zip(names, mean.tolist(), scale.tolist(), strict=True)
    return [
        {"name": name, "kind": "number", "fill": [m], "center": [m], "scale": [s]}
        for name, m, s in rows
    ]


def _schema(meta: dict[str, Any], records: Any) -> Schema:
    """Check each part of a model file that is not the network's."""

    def names(value: Any) -> bool:
        texts = isinstance(value, list) and all(isinstance(name, str) for name in value)
        return texts and 0 < len(value) == len(set(value))

    def number(value: Any) -> bool:
        return isinstance(value, float) and bool(np.isfinite(value))

    if not isinstance(records, list):
        raise ValueError("the model is damaged: its columns are missing or malformed")
    try:
        treatments = [from_record(record) for record in records]
    except ValueError as error:
        raise ValueError(f"the model is damaged: {error}") from None
    parts: dict[str, Any] = {word: meta[word] for word in _WORDS if word in meta}
    schema = Schema(treatments, **{"target": None, "classes": [], **parts})
    sound = {
        "columns": names([found.name for found in treatments]) and bool(schema.inputs),
        "target": isinstance(schema.target, str),
        "classes": schema.classes is None or names(schema.classes),
        "target_mean": number(schema.target_mean),
        "target_scale": number(schema.target_scale) and schema.target_scale > 0,
        "decimal": schema.decimal in (".", ","),
        "thousands": isinstance(schema.thousands, str) and len(schema.thousands) < 2,
    }
    for name, good in sound.items():
        if not good:
            raise ValueError(f"the model is damaged: {name} is missing or malformed")
    return schema


def _check_fit(model: Network | Ensemble, schema: Schema) -> None:
    output, outputs = (
        ("identity", 1) if schema.classes is None else ("softmax", len(schema.classes))
    )
    if len(schema.inputs) != model.layer_sizes[0]:
        raise ValueError("the model is damaged: columns and network do not match")
    if (model.output, model.layer_sizes[-1]) != (output, outputs):
        raise ValueError("the model is damaged: classes and network do not match")
