"""Models that anybody can have, for the scores beside ours."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyl2.cli.data import Data


def scores(rows: Data) -> dict[str, float]:
    """Return the scores on the test set of a linear model, and of a constant."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    numbers = rows.schema.classes is None
    models = (
        {"ridge regression": Ridge(), "the mean": DummyRegressor()}
        if numbers
        else {
            "logistic regression": LogisticRegression(max_iter=1000),
            "the largest class": DummyClassifier(),
        }
    )
    (X, y), (X_test, y_test) = rows.train, rows.test
    if not numbers and (y == y[0]).all():  # as a split by groups or in time may leave it
        del models["logistic regression"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged: it is a baseline all the same
        return {name: float(m.fit(X, y).score(X_test, y_test)) for name, m in models.items()}
