"""An estimator at many λ: what ``l2_path`` and the CV estimators train."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from pyl2._common import metrics, sparse, threads
from pyl2._common.dataset import Matrix, check_dataset
from pyl2._common.finished import Stored, fingerprints
from pyl2._common.progress import Progress
from pyl2._common.scaling import warn_if_unscaled
from pyl2._common.split import draw_split, test_rows
from pyl2._common.validation import Array, check_returned
from pyl2.estimators._sklearn_compat import check_parameters
from pyl2.estimators.base import BaseMLP, Fit, check_weights, judges_by_r2, named_error
from pyl2.estimators.policy import FitState
from pyl2.network import engine_of
from pyl2.path.source import (
    Rows,
    default_l2,
    legs_of,
    path_divisor,
    path_source,
    score,
    train_or_take,
)
from pyl2.training.session import TrainingSession
from pyl2.training.settings import Settings


def checked_clone(model: BaseMLP) -> Any:
    """Return a clone whose parameters are checked, and whose random_state is not None.

    What ``with_alpha`` makes of it begins alike.
    """
    check_parameters(model)
    made: Any = clone(model)
    if made.random_state is None:
        made.random_state = int(check_random_state(None).randint(2**31))
    return made


def with_alpha(model: BaseMLP, alpha: float) -> Any:
    """Return a copy of what ``checked_clone`` gave, with another alpha, faster than a clone."""
    made: Any = copy.copy(model)
    made.alpha = alpha
    made.random_state = copy.deepcopy(made.random_state)
    return made


@path_source.register(BaseMLP)
def _(
    model: BaseMLP,
    X: Matrix,
    y: ArrayLike,
    *,
    sample_weight: Any = None,
    test: Any = None,
    n_threads: int | None = None,
    training: dict[str, Any] | None = None,
) -> EstimatorSource:
    if training:
        raise TypeError(f"{', '.join(training)}: an estimator is trained as its own parameters say")
    made = checked_clone(model)
    if n_threads is not None:
        made.n_threads = n_threads
    stratified = is_classifier(made) and np.ndim(y) == 1
    rows, labels = made._validate(X, y, (np.float64, np.float32), reset=True)
    if sample_weight is not None:
        sample_weight = check_weights(sample_weight, rows, rows.dtype)
    given = rows, labels, sample_weight
    if test is None:
        return EstimatorSource(made, given)
    if isinstance(test, tuple | list):
        names = ("test X", "test y")
        with named_error(" or ".join(names)):
            held_out = made._validate(*test_rows(test), rows.dtype, reset=False, names=names)
        return EstimatorSource(made, given, held_out)
    seed = int(copy.deepcopy(check_random_state(made.random_state)).randint(2**31))
    kept, out = draw_split(labels, test, seed, labels if stratified else None)
    return EstimatorSource(made, _take(given, kept), _take(given, out)[:2])


# Parameters that change no fit at a given λ, or not what becomes of it.
_OF_NO_MATTER = ("alpha", "verbose", "n_threads", "max_time")


def _take(rows: tuple[Any, ...], which: Array) -> tuple[Any, ...]:
    """Return some of the rows of each, None staying None."""
    names = ("X", "y", "sample_weight")
    pairs = zip(names, rows, strict=False)
    return tuple(None if part is None else sparse.take(name, part, which) for name, part in pairs)


class EstimatorSource:
    """An estimator with its rows, to be trained at many λ; see PathSource.

    Each λ gives what ``fit`` of an estimator with that alpha would, but for its warnings.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        As ``checked_clone`` gives it; its own alpha does not matter.
    given : tuple (X, y, sample weights or None)
        Checked by ``BaseMLP._validate``.
    test : tuple (X, y) or (X, y, sample weights), optional
        Rows held out, checked likewise.

    Raises
    ------
    ValueError
        If the targets are not ones that the estimator can be fitted to, or the rows too few.
    """

    def __init__(
        self, model: Any, given: tuple[Any, ...], test: tuple[Any, ...] | None = None
    ) -> None:
        self._model = copy.copy(model)
        self.recipe = Recipe(self._model, given)
        self._judge: Callable[[Any], float]
        self._model.n_features_in_ = given[0].shape[1]
        self._checked = self._model._encoded(*given)
        self._first: Fit = with_alpha(self._model, 0.0)._set_up(self._checked)
        self.rows = Rows(self._first.rows.X, self._first.dataset)
        self.template = self._first.run.session.network
        self.epochs = model.max_iter
        self.together = isinstance(self._first.state, FitState)
        self.n_threads = threads.count(model.n_threads)
        self.test = None if test is None else self._held_out_rows(*test)
        warn_if_unscaled(self.rows.dataset.x)
        settings = self._settings()
        self.divisor = path_divisor(settings, self.rows.dataset)
        eta = settings.eta if isinstance(self._first.state, FitState) else None
        self.defaults = default_l2(self.divisor, eta)
        self.models: list[Any] = []
        self.sessions: list[TrainingSession] = []

    def _settings(self) -> Settings:
        state = self._first.state
        if isinstance(state, FitState):
            return state.settings
        return Settings("lbfgs", n=self._model.n)

    def _held_out_rows(self, X: Any, y: Any, sample_weight: Any = None) -> Rows:
        """Return the test set."""
        held = self._model._held_out(X, y, sample_weight)
        return Rows(X, check_dataset(held.X, held.y, held.sample_weight, self.template))

    def settings(self) -> dict[str, Any]:
        """Return what the trainings depend on besides λ."""
        own = self._model.get_params(deep=False)
        kept = {name: value for name, value in own.items() if name not in _OF_NO_MATTER}
        rows = fingerprints(self._checked.X, self._checked.y, self._checked.sample_weight)
        return {"estimator": type(self._model).__name__, **kept, **rows}

    def train(
        self,
        values: Sequence[float],
        begin: Array | None,
        advance: Progress,
        finished: Sequence[Stored] | None = None,
    ) -> None:
        """Train at each λ, from other parameters than its own where ``begin`` holds some."""
        models = [with_alpha(self._model, value) for value in values]
        fits = [model._set_up(self._checked, self._first) for model in models]
        for fit, leg in zip(fits, legs_of(self, values, advance), strict=True):
            fit.run.session.advance = leg
            if begin is not None:
                fit.run.session.network.params = begin
        self.models += models
        self.sessions += [fit.run.session for fit in fits]
        train_or_take([fit.run for fit in fits], self.rows.dataset, finished)
        for model, fit in zip(models, fits, strict=True):
            if fit.run.session.diverged is not None:
                fit.restore_best()
            model._settle(fit.state)

    def fold(self, train: Array, test: Array) -> EstimatorSource:
        """Return the same estimator on some of its rows, judged on others; ValueError if not."""
        return self.recipe.fold(train, test)

    def score(self, i: int) -> float:
        """Return how good the i-th is on the rows held out; NaN where ``fit`` would have failed."""
        if self.sessions[i].diverged is not None and not self._first.early_stopping:
            return math.nan
        return self._judge(self.models[i])


class Recipe(NamedTuple):
    """What makes a source, and those of its folds, in another process too."""

    model: Any
    given: tuple[Any, ...]

    def limited(self, n_threads: int) -> Recipe:
        """Return one whose trainings take so many threads, unless their number is given."""
        model = copy.copy(self.model)
        model.n_threads = model.n_threads or n_threads
        return self._replace(model=model)

    def all_rows(self) -> EstimatorSource:
        """Return the source of all rows."""
        return EstimatorSource(self.model, self.given)

    def scorable(self, test: Array) -> bool:
        """Whether rows held out have a score: not by R² where there are fewer than two."""
        _, y, weight = self.given
        kept = None if weight is None else weight[test]
        return not judges_by_r2(self.model) or metrics.has_r2(y[test].shape[0], kept)

    def fold(self, train: Array, test: Array) -> EstimatorSource:
        """Return the source of some rows, judged on others; ValueError if it cannot be."""
        if not self.scorable(test):
            raise ValueError("R² takes two rows with a weight > 0")
        made = EstimatorSource(self.model, _take(self.given, train))
        made._judge = _judge(made, *_take(self.given, test))
        return made


def _judge(source: EstimatorSource, X: Any, y: Any, weight: Any) -> Callable[[Any], float]:
    """Return what scores the models of a fold: the higher, the better; NaN if it cannot."""
    arguments = {} if weight is None else {"sample_weight": weight}
    model = source._model
    if model.scoring not in (None, "loss"):
        scorer = check_scoring(model, model.scoring)
        return lambda fit: _number(lambda: scorer(fit, X, y, **arguments))
    try:
        rows = source._held_out_rows(X, y, weight)
    except ValueError:  # a class that this fold was not trained on, or rows without weight
        if model.scoring == "loss":
            return lambda fit: math.nan
        return lambda fit: _number(lambda: fit.score(X, y, **arguments))
    if model.scoring == "loss":
        return lambda fit: -_error(fit, rows, source.n_threads)
    return lambda fit: score(fit._network, rows, source.n_threads)


def _error(model: Any, rows: Rows, n_threads: int) -> float:
    """Return E₀ on rows."""
    engine, params = engine_of(model._network), model._network.params
    return engine.error(params, rows.dataset, n_threads=n_threads)[0]


def _number(score: Callable[[], Any]) -> float:
    try:
        return check_returned("scoring", score())
    except (ValueError, ZeroDivisionError):  # as of rows without weight
        return math.nan
