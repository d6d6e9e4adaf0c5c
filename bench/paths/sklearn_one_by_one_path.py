"""scikit-learn, one estimator after the other; two of them are timed."""

from __future__ import annotations

from rivals import sklearn_rival

from . import one_by_one

versions = sklearn_rival.versions


def prepare(task, problem):
    """Few of them."""
    return one_by_one(sklearn_rival, task, problem, 2)
