"""scikit-learn's callbacks on the fits of estimators: an epoch, or a training of many, is a task.

It is scikit-learn's protocol of 1.9, which calls itself experimental; before it there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from pyl2.estimators._sklearn_compat import begin_fit_task, has_callbacks
from pyl2.network import copy_network
from pyl2.training.history import History


class _Reported:
    """A fit whose tasks are reported to the callbacks of ``set_callbacks``.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    X, y, sample_weight : as passed to ``fit``
    subtasks : int or None
        Tasks of the fit itself, at most; None where nobody knows.
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, subtasks: int | None
    ) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.fit = begin_fit_task(estimator, subtasks)
        self.fit.call_on_fit_task_begin(**self._data)

    def begin(self, name: str, within: Any, subtasks: int | None = 0) -> Any:
        """Report that a task begins, in another; return it."""
        task = within.subcontext(task_name=name, max_subtasks=subtasks)
        task.call_on_fit_task_begin(**self._data)
        return task

    def end(self, task: Any, fitted: Callable[[], dict[str, Any]] | None = None) -> bool:
        """Report that a task has ended; return whether a callback asks to stop.

        ``fitted`` returns what makes a copy of the estimator one that predicts as it does now.
        """
        return bool(task.call_on_fit_task_end(**self._data, reconstruction_attributes=fitted))


class Epochs:
    """Reports a fit and its epochs.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Set up to be trained.
    X, y, sample_weight : as passed to ``fit``
    epochs : int
        At most so many.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, epochs: int) -> None:
        self._reported = _Reported(estimator, X, y, sample_weight, epochs)
        self._estimator, self._epochs = estimator, epochs
        self._epoch = self._begin()

    def _begin(self) -> Any:
        return self._reported.begin("epoch", self._reported.fit)

    def finish_epoch(self, _: Any, history: History) -> bool:
        """Report that an epoch has ended; return whether a callback asks to stop."""
        ended, self._epoch = self._epoch, None
        stop = self._reported.end(ended, self._fitted)
        if len(history) < self._epochs and not stop:
            self._epoch = self._begin()
        return stop

    def finish(self) -> None:
        """Report that the fit has ended; an epoch that was not trained ends without a model."""
        if self._epoch is not None:
            self._reported.end(self._epoch)
        self._reported.end(self._reported.fit)

    def _fitted(self) -> dict[str, Any]:
        network = self._estimator._network
        kept = copy_network(network, network.params)
        return {
            "_network": kept,
            "coefs_": list(kept.weights),
            "intercepts_": list(kept.biases),
        }


class Trainings:
    """Reports a fit of many trainings, where there are callbacks, from any thread.

    Several trainings go on at a time, and perhaps in other processes: each is reported when it has
    ended.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    X, y, sample_weight : as passed to ``fit``
    stages : int or None
        So many at most.

    Attributes
    ----------
    stopped : bool
        Whether a callback has asked to stop.
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, stages: int | None
    ) -> None:
        self.stopped = False
        self._reported: _Reported | None = None
        if has_callbacks(estimator):
            self._reported = _Reported(estimator, X, y, sample_weight, stages)
        self._stage: Any = None
        self._lock = Lock()

    @contextmanager
    def stage(self, name: str, trainings: int) -> Iterator[None]:
        """Report a stage of so many trainings."""
        if self._reported is None:
            yield
            return
        self._stage = self._reported.begin(name, self._reported.fit, trainings)
        yield
        self.stopped |= self._reported.end(self._stage)

    def ended(self) -> None:
        """Report a training that has ended."""
        if self._reported is None:
            return
        with self._lock:
            training = self._reported.begin("training", self._stage)
            self.stopped |= self._reported.end(training)

    def finish(self) -> None:
        """Report that the fit has ended, with the estimator as it is now."""
        if self._reported is not None:
            self._reported.end(self._reported.fit, dict)
