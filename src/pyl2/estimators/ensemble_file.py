"""Files of ensembles: parameters, networks, and what the selection found; no code in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyl2._common import files
from pyl2._common.validation import Array, kept
from pyl2.ensemble import Ensemble, ensemble_from_file, ensemble_to_file
from pyl2.estimators._sklearn_compat import check_parameters
from pyl2.estimators.candidates import Candidate

_F64 = np.dtype(np.float64)


def save(estimator: Any, path: files.PathLike, arrays: dict[str, Array], meta: Any) -> None:
    """Write a fitted ensemble to a file, with what its own class knows besides."""
    own, network = ensemble_to_file(Ensemble(estimator.networks_, estimator.weights_))
    own |= {
        "candidates": np.array(estimator.candidates_, np.float64).reshape(
            -1, len(Candidate._fields)
        ),
        "score_path": estimator.score_path_,
        "oof_prediction": estimator.oof_prediction_,
    }
    names = getattr(estimator, "feature_names_in_", None)
    told = {
        "estimator": type(estimator).__name__,
        "parameters": _plain_parameters(estimator),
        "network": network,
        "feature_names": None if names is None else [str(name) for name in names],
        "n_iter": int(estimator.n_iter_),
    }
    files.write(path, "ensemble", own | arrays, told | meta)


def load(kind: Any, path: files.PathLike) -> tuple[Any, dict[str, Array], dict[str, Any]]:
    """Return the estimator of a class that a file holds, the file's arrays and values.

    Raises
    ------
    ValueError
        If the file holds another, or is damaged.
    """
    arrays, meta = files.read(path, "ensemble")
    name = meta.get("estimator")
    if name != kind.__name__:
        raise ValueError(f"{path} holds a {name!r:.40}, not a {kind.__name__}")
    try:
        estimator = kind(**kept(meta, "parameters", dict))
        check_parameters(estimator)
        ensemble = ensemble_from_file(arrays, kept(meta, "network", dict))
        _restore(estimator, ensemble, arrays, meta)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: the ensemble is damaged: {error}") from None
    return estimator, arrays, meta


def _restore(
    estimator: Any, ensemble: Ensemble, arrays: dict[str, Array], meta: dict[str, Any]
) -> None:
    estimator.networks_, estimator.weights_ = list(ensemble.networks), ensemble.weights
    estimator.n_features_in_ = ensemble.layer_sizes[0]
    estimator.n_iter_ = kept(meta, "n_iter", int)
    names = kept(meta, "feature_names", object)
    if names is not None:
        estimator.feature_names_in_ = np.array(names, object)
        if estimator.feature_names_in_.shape != (estimator.n_features_in_,):
            raise ValueError("feature_names and network differ in number")
    rows = vectors(arrays, "candidates", 2)
    if rows.shape[1] != len(Candidate._fields):
        raise ValueError("candidates are malformed")
    estimator.candidates_ = [Candidate(row[0], int(row[1]), *row[2:]) for row in rows.tolist()]
    estimator.score_path_ = vectors(arrays, "score_path", 1)
    estimator.oof_prediction_ = vectors(arrays, "oof_prediction")


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
