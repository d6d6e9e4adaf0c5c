"""MLPClassifierCV and MLPRegressorCV: estimators that choose their λ by cross-validation."""

from __future__ import annotations

import dataclasses
import itertools
from functools import partial
from numbers import Integral
from os import PathLike
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from pyl2._common import jobs, metrics, penalty
from pyl2._common.finished import NOTHING, Finished, own_folder
from pyl2._common.scaling import one_warning
from pyl2._common.validation import Array, as_array, shown
from pyl2._common.warn import warn
from pyl2.estimators._sklearn_compat import StrOptions, checks_parameters
from pyl2.estimators.base import BaseMLP, check_weights, named_error
from pyl2.estimators.classifier import MLPClassifier
from pyl2.estimators.cv_jobs import train_in_jobs
from pyl2.estimators.path_source import EstimatorSource, checked_clone
from pyl2.estimators.regressor import MLPRegressor
from pyl2.path.selection import RULES, choose, folds_settings, score_folds
from pyl2.path.train import trace


class _Chooses:
    """What the two estimators share: they choose alpha, then are the plain one with it."""

    alphas: Any
    cv: Any
    rule: str
    n_jobs: int | None
    resume_dir: Any
    scoring: Any
    alpha_: float
    alphas_: Array
    warm_start = False
    _plain_class: Any

    @property
    def alpha(self) -> float:
        """What the refit trains with."""
        return self.alpha_

    @property
    def partial_fit(self) -> Any:
        """Hide that of the plain estimator."""
        raise AttributeError(f"{type(self).__name__} has no partial_fit: alpha is chosen by fit")

    def to_sklearn(self, predict_only: bool = False) -> Any:
        """Return scikit-learn's own fitted estimator, with ``alpha_``.

        Parameters
        ----------
        predict_only : bool, default=False
            As for the plain estimator.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
            Nothing is shared.

        Raises
        ------
        ValueError
            If it is not fitted, or has what scikit-learn lacks.
        """
        made = self._plain()
        if hasattr(self, "alpha_"):
            made.alpha = self.alpha_
        parameters = made.get_params()
        made.__dict__.update({k: v for k, v in vars(self).items() if k not in parameters})
        return made.to_sklearn(predict_only)

    def _plain(self) -> Any:
        """Return the plain estimator with the parameters that it has."""
        own: dict[str, Any] = cast(Any, self).get_params(deep=False)
        return self._plain_class(**{k: v for k, v in own.items() if k not in _OURS})

    def _choose(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> None:
        """Set alpha_ and what it was chosen by."""
        this = cast(Any, self)
        X, y = this._validate(X, y, (np.float64, np.float32), reset=True)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, X, X.dtype)
        source = EstimatorSource(checked_clone(self._plain()), (X, y, sample_weight))
        self.alphas_ = source.defaults
        if self.alphas is not None:
            self.alphas_ = np.sort(np.array(penalty.check_l2_grid(self.alphas, "alphas")))
        given = shown(self.cv)
        with named_error(f"cv={given}"):
            splitter = check_cv(self.cv, y, classifier=is_classifier(self))
            folds = [(train, test) for train, test in splitter.split(X, y, groups)]
        if not folds:
            raise ValueError(f"cv must give at least one fold, got none from {given}")
        for part in itertools.chain.from_iterable(folds):
            _check_indices(part, X.shape[0])
        if not any(source.recipe.scorable(test) for _, test in folds):
            raise ValueError(
                f"R² takes two rows with a weight > 0, and no fold of cv={given} holds out as"
                " many: scoring='neg_mean_squared_error' judges by one row too"
            )
        path, kept = None, self._kept(source, folds)
        workers = jobs.count(self.n_jobs, len(folds) + 1)
        if workers == 1:
            made = [partial(source.fold, *fold) for fold in folds]
            self.scores_path_, reasons = score_folds(made, self.alphas_, source.epochs, kept=kept)
        else:
            self.scores_path_, reasons, path = train_in_jobs(
                source, self.alphas_, folds, workers, kept
            )
        self._tell_failures(reasons)
        chosen = choose(self.alphas_, self.scores_path_, self.rule)
        self.alpha_ = float(self.alphas_[chosen])
        self._warn_at_edge(chosen)
        path = path or trace(source, self.alphas_.tolist(), kept=kept)
        if self.scoring is None:
            path = dataclasses.replace(path, test_score=metrics.mean_known(self.scores_path_))
        self.l2_path_ = path

    def _kept(self, source: EstimatorSource, folds: list[tuple[Any, Any]]) -> Finished:
        """Return the fits that are finished, of these rows, folds and parameters."""
        if self.resume_dir is None:
            return NOTHING
        if cast(Any, self).random_state is None:
            raise ValueError(
                "resume_dir needs a random_state: resumed fits must begin as they first did"
            )
        kind = type(self).__name__
        settings = {**folds_settings(source, self.alphas_, folds), "estimator": kind}
        return Finished(own_folder(self.resume_dir, kind, settings), settings)

    def _tell_failures(self, reasons: list[str]) -> None:
        failed = np.isnan(self.scores_path_)
        if not failed.any():
            return
        failures = []
        for fold in np.flatnonzero(failed.any(axis=0)):
            where = self.alphas_[failed[:, fold]]
            many = "every alpha" if failed[:, fold].all() else f"alpha {_listed(where)}"
            failures.append(f"fold {fold} at {many} ({reasons[fold] or 'the score is NaN'})")
        message = "there is no score for " + "; ".join(failures)
        if failed.all():
            other = "accuracy" if is_classifier(self) else "neg_mean_squared_error"
            advice = "" if any(reasons) else f"; scoring={other!r} may have one"
            raise ValueError(f"every fold failed at every alpha: {message}{advice}")
        warn(f"{message}; these are left out of the means")

    def _warn_at_edge(self, chosen: int) -> None:
        edges = {len(self.alphas_) - 1: ("largest", "larger"), 0: ("smallest", "smaller")}
        if chosen in edges and len(self.alphas_) > 1 and self.alpha_ > 0:
            edge, beyond = edges[chosen]
            warn(
                f"the alpha chosen, {self.alpha_:g}, is the {edge} of alphas, at the edge of the"
                f" grid: a {beyond} one may be better"
            )


_OURS = ("alphas", "cv", "rule", "n_jobs", "resume_dir")


def _check_indices(part: Any, rows: int) -> None:
    """Check what a fold trains or tests with: indices of rows, or a mask of them."""
    found = as_array("what cv gives", part)
    if found.dtype.kind == "b" and found.shape == (rows,):
        return
    whole = found.dtype.kind in "iu" and found.ndim == 1
    if not whole or not np.all((-rows <= found) & (found < rows)):
        raise ValueError(
            "cv must give pairs (train, test) of indices of rows, or of masks of them,"
            f" got {shown(part)} for {rows} rows"
        )


def _listed(alphas: Array) -> str:
    return ", ".join(f"{alpha:g}" for alpha in alphas)


# Of the parameters of the plain estimators what these do not have, and what they have besides.
_FIXED = ("alpha", "warm_start")
_CONSTRAINTS: dict[str, Any] = {
    "alphas": ["array-like", None],
    "cv": ["cv_object"],
    "rule": [StrOptions(set(RULES))],
    "n_jobs": [Integral, None],
    "resume_dir": [str, PathLike, None],
}


class MLPClassifierCV(_Chooses, MLPClassifier):
    """MLPClassifier that chooses its λ by cross-validation, as scikit-learn's LassoCV does.

    In each fold all λs are trained together, on one copy of its rows; then the network is
    fitted to all rows with the λ chosen.

    Parameters
    ----------
    hidden_layer_sizes, activation : as for MLPClassifier
    alphas : sequence of float, optional
        λs ≥ 0 to choose from, all different.  By default 16, log-spaced, such that λ/n goes from
        1e-6 to 10, as in ``l2_path``.
    cv : int, cross-validation generator or iterable, optional
        As everywhere in scikit-learn: 5 folds by default, stratified by class.
    rule : {"min", "1se"}, default="min"
        "min" takes the best mean score; "1se" the largest λ whose mean is within one standard error
        of the best mean.
    scoring : None, str or callable, default=None
        What λ is chosen by, and early stopping judges by: None is the accuracy; "loss" the error E₀
        on the rows held out, its negative being the score; or a scorer of scikit-learn's.
    solver, batch_size, learning_rate, learning_rate_init, power_t, max_iter : as for MLPClassifier
        Those of every training.
    shuffle, random_state, tol, verbose, momentum, nesterovs_momentum : as for MLPClassifier
        All λs begin with the same weights, and see the rows of a fold in the same orders.
    early_stopping, validation_fraction, beta_1, beta_2, epsilon : as for MLPClassifier
    n_iter_no_change, max_fun, decay, n, init, warmup, l2_schedule : as for MLPClassifier
    clip_norm, clip_value, average, dropout, input_dropout : as for MLPClassifier
    class_weight, label_smoothing, max_time, callbacks : as for MLPClassifier
    n_threads : int, optional
        Maximum number of threads; the λs of a fold are spread over them.
    n_jobs : int, optional
        Folds at a time, by joblib: None is 1 unless ``joblib.parallel_config`` says more, -1 all
        processors, which the jobs then share.  Processes are the default, and take a second or
        more to start: until they run, this one trains, and it starts them where that pays.  The
        results are the same bits for any number.
    resume_dir : str or path-like, optional
        Folder where trainings are kept as they finish, made if there is none: after an interruption
        the same ``fit`` takes them from there, with any ``n_jobs``, and gives the same bits; only
        the last training, with the λ chosen, is done again.  Other rows, folds or parameters have a
        folder of their own inside, so searches and pipelines may share one; delete it when it is
        not needed any more.  λs that train together, as by "adam", finish together.  What
        ``max_time`` cuts short is not kept; what another version of pyl2 has trained is trained
        again, with a warning.  It needs a ``random_state``.

    Attributes
    ----------
    alpha_ : float
        The λ chosen.
    alphas_ : ndarray of shape (L,)
        Those to choose from, ascending.
    scores_path_ : ndarray of shape (L, folds)
        Scores on the rows held out, the higher, the better; NaN where training failed.
    l2_path_ : L2Path
        On all rows; where ``scoring`` is None its ``test_score`` is the mean over the folds.

    All attributes of MLPClassifier, too.

    See Also
    --------
    l2_path : One network at many λ.
    MLPClassifier : With a λ that is given.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, 2009, section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from pyl2 import MLPClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> model = MLPClassifierCV(
    ...     10, solver="lbfgs", alphas=[0.01, 1, 10, 100], rule="1se", random_state=0
    ... )
    >>> model.fit(X, y).alpha_, model.scores_path_.shape
    (10.0, (4, 5))
    >>> model.score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        alphas: Any = None,
        cv: Any = None,
        rule: str = "min",
        solver: str = "adam",
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        decay: str | None = None,
        n: Any = "batch",
        init: Any = "glorot",
        warmup: float = 0,
        l2_schedule: Any = "constant",
        clip_norm: float | None = None,
        clip_value: float | None = None,
        average: float | None = None,
        dropout: Any = 0.0,
        input_dropout: float = 0.0,
        scoring: Any = None,
        class_weight: Any = None,
        label_smoothing: float = 0.0,
        max_time: float | None = None,
        callbacks: Any = None,
        n_threads: int | None = None,
        n_jobs: int | None = None,
        resume_dir: PathLike[str] | str | None = None,
    ) -> None:
        BaseMLP.__init__(
            self,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            decay=decay,
            n=n,
            init=init,
            warmup=warmup,
            l2_schedule=l2_schedule,
            clip_norm=clip_norm,
            clip_value=clip_value,
            average=average,
            dropout=dropout,
            input_dropout=input_dropout,
            scoring=scoring,
            max_time=max_time,
            callbacks=callbacks,
            n_threads=n_threads,
            loss="log_loss",
        )
        self.alphas = alphas
        self.cv = cv
        self.rule = rule
        self.n_jobs = n_jobs
        self.resume_dir = resume_dir
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        **{k: v for k, v in MLPClassifier._parameter_constraints.items() if k not in _FIXED},
        **_CONSTRAINTS,
    }
    _plain_class = MLPClassifier

    @checks_parameters
    def fit(  # type: ignore[override]
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> MLPClassifierCV:
        """Choose alpha, and fit the model with it to all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 stays float32, all else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            Not negative; 1 each where not given.  The scores are weighted too.
        groups : array-like of shape (n_samples,), optional
            For a ``cv`` that keeps groups together.

        Returns
        -------
        MLPClassifierCV
            The estimator itself.

        Raises
        ------
        ValueError
            If the data or a parameter do not fit, or training failed in every fold at every alpha.

        Warns
        -----
        UserWarning
            If some folds have no score, which are named; if the choice is at the edge of the grid.
        """
        with one_warning():
            self._choose(X, y, sample_weight, groups)
            self._fit(X, y, sample_weight)
        return self


class MLPRegressorCV(_Chooses, MLPRegressor):
    """MLPRegressor that chooses its λ by cross-validation, as scikit-learn's LassoCV does.

    In each fold all λs are trained together, on one copy of its rows; then the network is
    fitted to all rows with the λ chosen.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        Half the squared error; or half the Poisson deviance, with exp as output, for y ≥ 0.
    hidden_layer_sizes, activation : as for MLPRegressor
    alphas : sequence of float, optional
        λs ≥ 0 to choose from, all different.  By default 16, log-spaced, such that λ/n goes from
        1e-6 to 10, as in ``l2_path``.
    cv : int, cross-validation generator or iterable, optional
        As everywhere in scikit-learn: 5 folds by default.
    rule : {"min", "1se"}, default="min"
        "min" takes the best mean score; "1se" the largest λ whose mean is within one standard error
        of the best mean.
    scoring : None, str or callable, default=None
        What λ is chosen by, and early stopping judges by: None is R², which takes folds of two rows
        or more; "loss" the error E₀ on the rows held out, its negative being the score; or a scorer
        of scikit-learn's, as "neg_mean_squared_error".
    solver, batch_size, learning_rate, learning_rate_init, power_t, max_iter : as for MLPRegressor
        Those of every training.
    shuffle, random_state, tol, verbose, momentum, nesterovs_momentum : as for MLPRegressor
        All λs begin with the same weights, and see the rows of a fold in the same orders.
    early_stopping, validation_fraction, beta_1, beta_2, epsilon : as for MLPRegressor
    n_iter_no_change, max_fun, decay, n, init, warmup, l2_schedule : as for MLPRegressor
    clip_norm, clip_value, average, dropout, input_dropout : as for MLPRegressor
    max_time, callbacks : as for MLPRegressor
    n_threads : int, optional
        Maximum number of threads; the λs of a fold are spread over them.
    n_jobs : int, optional
        Folds at a time, by joblib: None is 1 unless ``joblib.parallel_config`` says more, -1 all
        processors, which the jobs then share.  Processes are the default, and take a second or
        more to start: until they run, this one trains, and it starts them where that pays.  The
        results are the same bits for any number.
    resume_dir : str or path-like, optional
        Folder where trainings are kept as they finish, made if there is none: after an interruption
        the same ``fit`` takes them from there, with any ``n_jobs``, and gives the same bits; only
        the last training, with the λ chosen, is done again.  Other rows, folds or parameters have a
        folder of their own inside, so searches and pipelines may share one; delete it when it is
        not needed any more.  λs that train together, as by "adam", finish together.  What
        ``max_time`` cuts short is not kept; what another version of pyl2 has trained is trained
        again, with a warning.  It needs a ``random_state``.

    Attributes
    ----------
    alpha_ : float
        The λ chosen.
    alphas_ : ndarray of shape (L,)
        Those to choose from, ascending.
    scores_path_ : ndarray of shape (L, folds)
        Scores on the rows held out, the higher, the better; NaN where training failed, and where
        there is none (R² of one row).
    l2_path_ : L2Path
        On all rows; where ``scoring`` is None its ``test_score`` is the mean over the folds.

    All attributes of MLPRegressor, too.

    See Also
    --------
    l2_path : One network at many λ.
    MLPRegressor : With a λ that is given.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, 2009, section 7.10.

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2 import MLPRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (60, 1))
    >>> y = np.sin(3 * X[:, 0]) + rng.normal(0, 0.3, 60)
    >>> model = MLPRegressorCV(
    ...     hidden_layer_sizes=20, solver="lbfgs", alphas=[1e-4, 1e-2, 1, 100], random_state=0
    ... )
    >>> model.fit(X, y).alpha_ < 100, model.l2_path_.best
    (True, 1)
    """

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        alphas: Any = None,
        cv: Any = None,
        rule: str = "min",
        solver: str = "adam",
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        decay: str | None = None,
        n: Any = "batch",
        init: Any = "glorot",
        warmup: float = 0,
        l2_schedule: Any = "constant",
        clip_norm: float | None = None,
        clip_value: float | None = None,
        average: float | None = None,
        dropout: Any = 0.0,
        input_dropout: float = 0.0,
        scoring: Any = None,
        max_time: float | None = None,
        callbacks: Any = None,
        n_threads: int | None = None,
        n_jobs: int | None = None,
        resume_dir: PathLike[str] | str | None = None,
    ) -> None:
        BaseMLP.__init__(
            self,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            decay=decay,
            n=n,
            init=init,
            warmup=warmup,
            l2_schedule=l2_schedule,
            clip_norm=clip_norm,
            clip_value=clip_value,
            average=average,
            dropout=dropout,
            input_dropout=input_dropout,
            scoring=scoring,
            max_time=max_time,
            callbacks=callbacks,
            n_threads=n_threads,
            loss=loss,
        )
        self.alphas = alphas
        self.cv = cv
        self.rule = rule
        self.n_jobs = n_jobs
        self.resume_dir = resume_dir

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        **{k: v for k, v in MLPRegressor._parameter_constraints.items() if k not in _FIXED},
        **_CONSTRAINTS,
    }
    _plain_class = MLPRegressor

    @checks_parameters
    def fit(  # type: ignore[override]
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> MLPRegressorCV:
        """Choose alpha, and fit the model with it to all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 stays float32, all else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            Not negative; 1 each where not given.  The scores are weighted too.
        groups : array-like of shape (n_samples,), optional
            For a ``cv`` that keeps groups together.

        Returns
        -------
        MLPRegressorCV
            The estimator itself.

        Raises
        ------
        ValueError
            If the data or a parameter do not fit, or no fold has a score at any alpha: training
            failed in all, or all hold out a single row, which has no R².

        Warns
        -----
        UserWarning
            If some folds have no score, which are named; if the choice is at the edge of the grid.
        """
        with one_warning():
            self._choose(X, y, sample_weight, groups)
            self._fit(X, y, sample_weight)
        return self
