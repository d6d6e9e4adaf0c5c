"""scikit-learn's callbacks on the trainings of estimators: an epoch is a task of the fit.

It is scikit-learn's protocol of 1.9, which calls itself experimental; before it there is none.
"""

from __future__ import annotations

from typing import Any

from pyl2.estimators._sklearn_compat import begin_fit_task
from pyl2.network import copy_network
from pyl2.training.history import History


class Reporter:
    """Reports a fit and its epochs to the callbacks of ``set_callbacks``.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Set up to be trained.
    X, y, sample_weight : as passed to ``fit``
    epochs : int
        At most so many.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, epochs: int) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._estimator, self._epochs = estimator, epochs
        self._data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = begin_fit_task(estimator, epochs)
        self._fit.call_on_fit_task_begin(**self._data)
        self._epoch = self._next_epoch()

    def _next_epoch(self) -> Any:
        epoch = self._fit.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(**self._data)
        return epoch

    def finish_epoch(self, _: Any, history: History) -> bool:
        """Report that an epoch has ended; return whether a callback asks to stop."""
        ended, self._epoch = self._epoch, None
        stop = ended.call_on_fit_task_end(**self._data, reconstruction_attributes=self._fitted)
        if len(history) < self._epochs and not stop:
            self._epoch = self._next_epoch()
        return bool(stop)

    def finish(self) -> None:
        """Report that the fit has ended; an epoch that was not trained ends without a model."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(**self._data)
        self._fit.call_on_fit_task_end(**self._data)

    def _fitted(self) -> dict[str, Any]:
        """Return what makes a copy of the estimator one that predicts as it does now."""
        network = self._estimator._network
        kept = copy_network(network, network.params)
        return {
            "_network": kept,
            "coefs_": list(kept.weights),
            "intercepts_": list(kept.biases),
        }
