"""The evidence for each λ of a path."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from pyl2._common import sparse, threads
from pyl2._common.dataset import Dataset
from pyl2.bayes.evidence import check_size, curvature, evidence
from pyl2.network import in_float64
from pyl2.path.result import L2Path
from pyl2.path.source import PathSource


def check_evidence(source: PathSource) -> None:
    """Refuse rows that there is no evidence of, before the training.

    Raises
    ------
    ValueError
        If there are too many parameters, or fewer than two rows.
    TypeError
        If the rows are sparse.
    """
    if isinstance(source.rows.dataset.x, sparse.Csr):
        raise TypeError("evidence=True needs a dense X, got a sparse matrix: use X.toarray()")
    check_size(source.template, source.rows.dataset)


def with_evidence(path: L2Path, source: PathSource) -> L2Path:
    """Return the path with the evidence for each λ; NaN where it has none."""
    dataset = source.rows.dataset.in_float64()
    with threads.blas_threads_for(path.params.shape[1]):
        found = [_look(path, i, source, dataset) for i in range(len(path))]
    log_evidence, n_effective, noise = np.array(found).T
    if path.template.output != "identity":
        noise = np.full_like(noise, math.nan)
    return dataclasses.replace(
        path, log_evidence=log_evidence, n_effective=n_effective, noise_variance=noise
    )


def _look(path: L2Path, i: int, source: PathSource, dataset: Dataset) -> tuple[float, float, float]:
    network = in_float64(path.network(i))
    rate = path.l2[i] / source.divisor
    try:
        there = curvature(network, dataset, source.n_threads)
        found = evidence(there, [rate] * len(network.weights))
    except ValueError:  # training has diverged, or λ is beyond all that a posterior can have
        return math.nan, math.nan, math.nan
    return found.log_evidence, found.n_effective, found.noise_variance
