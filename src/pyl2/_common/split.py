"""Rows to train from, and rows held out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common import sparse
from pyl2._common.dataset import Matrix, NetworkShape, check_dataset
from pyl2._common.outputs import Objective
from pyl2._common.validation import Array, check_pair, check_real, shown

Rows = tuple[Any, Array]  # X, y


def split_rows(
    X: Matrix, y: ArrayLike, test: Any, seed: int, network: NetworkShape
) -> tuple[Rows, Rows]:
    """Return the training set and the test set."""
    training = check_rows(X, y, network, ("X", "y"))
    if isinstance(test, tuple | list):
        testing = check_rows(*test_rows(test), network, ("test X", "test y"))
    else:
        rows, Y = training
        drawn = draw_split(Y, test, seed, strata(Y, Objective.of(network)))
        training, testing = ((rows[part], Y[part]) for part in drawn)
    measure = Objective.of(network).measure
    if measure != "accuracy" and min(len(training[1]), len(testing[1])) < 2:
        raise ValueError(
            f"{measure} needs two training and two test rows, got {len(training[1])} and"
            f" {len(testing[1])}"
        )
    return training, testing


def test_rows(test: Any) -> tuple[Any, Any]:
    """Return X and y of the test set."""
    wanted = "a fraction or (X, y)"
    X, y = check_pair("test", test, wanted)
    if X is None or y is None:
        raise ValueError(f"test must be {wanted}, got {shown(test)}")
    return X, y


def check_rows(X: Any, y: ArrayLike, network: NetworkShape, names: tuple[str, str]) -> Rows:
    """Check rows, and make them what no training needs to convert again."""
    items = check_dataset(X, y, None, network, names)
    x = items.x
    return sparse.of_csr(x, X) if isinstance(x, sparse.Csr) else x, items.y


def draw_split(y: Array, test: float, seed: int, classes: Array | None) -> tuple[Array, Array]:
    """Return the indices of the training set and of the test set.

    Parameters
    ----------
    y : ndarray of shape (rows,) or (rows, outputs)
    test : float
        The fraction to test with.
    seed : int
    classes : ndarray of shape (rows,) or None
        What is to come in proportion to both.
    """
    from sklearn.model_selection import train_test_split

    test = check_real("test", test, 0, 1, open_low=True, open_high=True)
    try:
        drawn = train_test_split(
            np.arange(len(y)), test_size=test, random_state=seed, stratify=classes
        )
    except ValueError as error:
        raise ValueError(f"test={test:g}: {error}") from None
    return drawn[0], drawn[1]


def strata(y: Array, objective: Objective) -> Array | None:
    """Return the class of each row of targets, None where they have no single one."""
    labels = objective.labels
    classes = None if labels is None else labels(y)
    return None if classes is None or classes.ndim > 1 else classes
