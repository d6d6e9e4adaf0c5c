"""What the files of estimators have in common: parameters and features; no code in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyl2._common import files
from pyl2._common.validation import Array, kept
from pyl2.estimators._sklearn_compat import check_parameters

_F64 = np.dtype(np.float64)


def described(estimator: Any) -> dict[str, Any]:
    """Return the JSON values from which ``restored`` makes the estimator again.

    Parameters that are no plain values, as a generator of random numbers, are left out.
    """
    names = getattr(estimator, "feature_names_in_", None)
    return {
        "estimator": type(estimator).__name__,
        "parameters": _plain_parameters(estimator),
        "feature_names": None if names is None else [str(name) for name in names],
        "n_iter": int(estimator.n_iter_),
    }


def check_kind(path: files.PathLike, kind: Any, meta: dict[str, Any]) -> None:
    """Refuse the file of another estimator."""
    name = meta.get("estimator")
    if name != kind.__name__:
        raise ValueError(f"{path} holds a {name!r:.40}, not a {kind.__name__}")


def restored(kind: Any, meta: dict[str, Any], features: int) -> Any:
    """Return the estimator that ``described`` tells of, the fitted model aside.

    Raises
    ------
    ValueError, TypeError
        If the description is damaged.
    """
    estimator = kind(**kept(meta, "parameters", dict))
    check_parameters(estimator)
    estimator.n_features_in_ = features
    estimator.n_iter_ = kept(meta, "n_iter", int)
    names = kept(meta, "feature_names", object)
    if names is not None:
        estimator.feature_names_in_ = np.array(names, object)
        if estimator.feature_names_in_.shape != (features,):
            raise ValueError("feature_names and network differ in number")
    return estimator


def vectors(arrays: dict[str, Array], name: str, ndim: int | None = None) -> Array:
    """Return an array of float64 that a file holds."""
    found = kept(arrays, name, np.ndarray)
    if found.dtype != _F64 or found.ndim != (ndim or found.ndim):
        raise ValueError(f"{name} is {found.dtype} {found.shape}")
    return found


def _plain_parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters that are plain values: a generator or a splitter is left out."""
    found = {name: files.plain(v) for name, v in estimator.get_params(deep=False).items()}
    return {name: value for name, value in found.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
