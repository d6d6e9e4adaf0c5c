"""Files of ensembles: parameters, networks, and what the selection found; no code in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyl2._common import files
from pyl2._common.validation import Array, kept
from pyl2.ensemble import Ensemble, ensemble_from_file, ensemble_to_file
from pyl2.estimators.candidates import Candidate
from pyl2.estimators.estimator_file import check_kind, described, restored, vectors


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
    meta = {**described(estimator), "network": network, **meta}
    files.write(path, "ensemble", own | arrays, meta)


def load(kind: Any, path: files.PathLike) -> tuple[Any, dict[str, Array], dict[str, Any]]:
    """Return the estimator of a class that a file holds, the file's arrays and values.

    Raises
    ------
    ValueError
        If the file holds another, or is damaged.
    """
    arrays, meta = files.read(path, "ensemble")
    check_kind(path, kind, meta)
    try:
        ensemble = ensemble_from_file(arrays, kept(meta, "network", dict))
        estimator = restored(kind, meta, ensemble.layer_sizes[0])
        _take(estimator, ensemble, arrays)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: the ensemble is damaged: {error}") from None
    return estimator, arrays, meta


def _take(estimator: Any, ensemble: Ensemble, arrays: dict[str, Array]) -> None:
    estimator.networks_, estimator.weights_ = list(ensemble.networks), ensemble.weights
    rows = vectors(arrays, "candidates", 2)
    if rows.shape[1] != len(Candidate._fields) or not np.isfinite(rows[:, :2]).all():
        raise ValueError("candidates are malformed")
    estimator.candidates_ = [Candidate(row[0], int(row[1]), *row[2:]) for row in rows.tolist()]
    estimator.score_path_ = vectors(arrays, "score_path", 1)
    estimator.oof_prediction_ = vectors(arrays, "oof_prediction")
