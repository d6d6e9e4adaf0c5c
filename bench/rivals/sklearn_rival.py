"""scikit-learn's MLP, from the same weights and in the same order."""

from __future__ import annotations

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

from .replay import Replay


class _Given:
    """Takes its initial weights from a vector instead of drawing them."""

    def _init_coef(self, fan_in, fan_out, dtype):
        return next(self.given)


class _Classifier(_Given, MLPClassifier):
    pass


class _Regressor(_Given, MLPRegressor):
    pass


def versions() -> dict[str, str]:
    """Versions of what runs here."""
    return {"scikit-learn": sklearn.__version__}


def supports(case) -> bool:
    """SGD and Adam, with the penalty divided by the rows of the batch; probabilities."""
    if case.optimizer is None:
        return case.output == "softmax"
    outputs = {"softmax": case.layer_sizes[-1] > 2, "identity": True}
    same_n = case.n == "batch" or case.items % case.rows == 0
    return case.optimizer in ("sgd", "adam") and outputs.get(case.output, False) and same_n


def prepare(case, problem):
    """An estimator with the given weights."""
    model = _model(case, problem)
    return _predict(case, problem, model) if case.optimizer is None else _fit(problem, model)


def _model(case, problem):
    """One that stops for no reason but the number of epochs."""
    model = (_Classifier if case.output == "softmax" else _Regressor)(
        hidden_layer_sizes=case.layer_sizes[1:-1],
        activation=case.hidden,
        solver=case.optimizer or "sgd",
        alpha=case.l2 if case.n == "batch" else case.l2 * case.rows / case.items,
        batch_size=case.rows,
        learning_rate_init=case.eta or 1.0,
        max_iter=case.epochs,
        n_iter_no_change=case.epochs + 1,
        momentum=0.0,
        nesterovs_momentum=False,
        random_state=Replay(problem.shuffles),
    )
    model.given = iter(case.layers(problem.params.copy()))
    return model


def _predict(case, problem, model):
    """scikit-learn predicts what has been fitted: once, and then it is given the weights."""
    classes = np.arange(case.layer_sizes[-1])
    X = np.zeros((len(classes), case.layer_sizes[0]), case.dtype)
    model.set_params(max_iter=1, batch_size=1, random_state=0).fit(X, classes)
    weights, biases = zip(*case.layers(problem.params), strict=True)
    model.coefs_, model.intercepts_ = list(weights), list(biases)
    result = []

    def predict():
        for _ in range(case.epochs):
            result[:] = [model.predict_proba(problem.X)]

    return predict, lambda: result[0].ravel()


def _fit(problem, model):
    def train():
        model.fit(problem.X, problem.Y.squeeze())

    def params():
        return np.concatenate([p.ravel() for p in model.coefs_ + model.intercepts_])

    return train, params
