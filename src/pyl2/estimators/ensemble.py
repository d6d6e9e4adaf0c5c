"""MLPRegressorEnsemble and MLPClassifierEnsemble: selected by predictions of held-out rows."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pyl2._common import sparse, threads
from pyl2._common.files import PathLike
from pyl2._common.validation import Array, check_flag, kept, shown
from pyl2.ensemble import Ensemble
from pyl2.estimators import ensemble_file
from pyl2.estimators._sklearn_compat import checks_parameters
from pyl2.estimators.base import BaseMLP, FitRows
from pyl2.estimators.classifier import MLPClassifier
from pyl2.estimators.ensemble_base import LEAST_NOISE, BaseEnsemble, Chosen
from pyl2.estimators.estimator_file import vectors
from pyl2.estimators.regressor import MLPRegressor
from pyl2.estimators.targets import as_targets, by_output, units
from pyl2.export.layers import Model


class MLPRegressorEnsemble(RegressorMixin, BaseEnsemble):  # type: ignore[misc]
    """Ensemble of networks for regression: predicts their mean, with their spread as error bar.

    Candidates, each with a λ and initial weights of its own, are trained on all rows but those of
    each fold; by their predictions of the rows held out a selection is made; and what was selected
    is trained again on all rows.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(50,)
        Units of each hidden layer, of every network.
    activation : str or sequence of str, default="relu"
        Of the hidden layers, one for all or one for each: "identity", "logistic", "tanh", "relu" or
        another of ``Network``, alone or with its number, such as ("leaky_relu", 0.1).
    candidates : int, default=10
        So many λs are drawn.
    alphas : (float, float), default=(1e-3, 30)
        λ of the candidates is log-uniform between these; it is divided by the sum of the sample
        weights of the rows trained on.
    folds : int, cross-validation generator or iterable, default=5
        Folds of the rows, shuffled; or what holds out each row once.
    members : int, default=2
        So many networks, of new initial weights, are trained on all rows for each candidate that
        was selected.  With 0 the networks of the folds are the ensemble, and no training follows
        the selection.
    select : {"greedy", "equal", "bagging"}, default="greedy"
        "greedy": ``rounds`` times the candidate is added, with replacement, whose addition most
        lowers the error of the mean on the rows held out; the best prefix stays.  "equal": all
        candidates with the same weight.  "bagging": each candidate is trained on a bootstrap of the
        rows instead of folds, all with the same weight and without further members; the rows that a
        bootstrap leaves out are its held-out ones (out-of-bag).
    rounds : int, default=30
        Of the greedy selection.
    solver : {"lbfgs", "sgd", "adam", "adamw", "rmsprop", "nadam"}, default="lbfgs"
        As for MLPRegressor, whose other parameters (loss, learning rates that change, early
        stopping ...) are here their defaults.  But for lbfgs, up to 16 networks on the same rows
        train together in one kernel, and see them in the same orders.
    learning_rate_init : float, default=0.001
        The learning rate η of all but lbfgs.
    batch_size : int or "auto", default="auto"
        Rows of a batch of these; "auto" is 200, or all if there are fewer.
    max_iter : int, default=300
        Most iterations of lbfgs, or epochs, of each training.
    tol : float, default=1e-4
        As for MLPRegressor.
    init : {"glorot", "he", "lecun"} or callable, default="glorot"
        The rule for initial weights and biases, as for MLPRegressor.
    dropout, input_dropout : float, default=0.0
        As for MLPRegressor, and not with lbfgs.
    normalize_y : bool, default=True
        Whether networks learn (y − mean) / standard deviation; predictions, scores aside, are in
        the units of y all the same.
    max_time : float, optional
        Seconds after which no further candidate begins.  The first always does, and what has begun
        is finished.
    warm_start : bool, default=False
        Whether ``fit`` keeps the candidates of the last one, to which it adds those that are
        missing to ``candidates``, on the same rows.  Two fits with 5 and 10 are one with 10.
    random_state : None, int or numpy.random.RandomState, default=None
        Where λs, folds and initial weights come from.  All are drawn before the first training.
    n_threads : int, optional
        Maximum number of threads: candidates and folds are spread over them.  By default as for
        MLPRegressor.  The results are the same bits for any number.
    n_jobs : int, optional
        Trainings at a time, by joblib: None leaves them to the threads, unless
        ``joblib.parallel_config`` says more; -1 is all processors, which the jobs then share.
        Processes pay where a training takes tenths of a second or more, and Python much of it, as
        with lbfgs.  The results are the same bits for any number.
    verbose : bool or int, default=False
        Whether to show a progress bar on standard error.

    Attributes
    ----------
    networks_ : list of Network
        Of (y − ``target_mean_``) / ``target_scale_``.
    weights_ : ndarray of shape (n_networks,)
        Their weights in the mean, of sum 1.
    noise_variance_ : float, or ndarray of shape (n_outputs,)
        What of the variance of y the networks do not tell: the mean squared error of
        ``oof_prediction_``.  Where the networks of the folds are the ensemble, half of the mean
        spread is taken off, which the error of one fold's network has in it, down to a fifth.
    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Out-of-fold prediction of the selection: of each row by networks that were not trained on
        it; with bagging out-of-bag, and NaN where all bootstraps hold the row.
    score_path_ : ndarray of shape (n_rounds,)
        Score of the mean after each round of the greedy selection; else one number.
    candidates_ : list of Candidate
        Of each its ``alpha``, ``seed``, ``score`` on the rows held out (half the squared error of
        the normalised targets, negative; -inf where its training diverged) and ``weight`` in the
        selection.
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        0 and 1 without ``normalize_y``.
    n_iter_ : int
        Iterations or epochs of the longest training.
    n_features_in_, feature_names_in_ : int, ndarray of str
        Of the X that it was fitted to; names if it had such.

    See Also
    --------
    MLPClassifierEnsemble : The same for classes.
    MLPRegressorCV : One network, its λ chosen by cross-validation.

    References
    ----------
    R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, Ensemble selection from libraries of models,
    ICML 2004.
    L. Breiman, Bagging predictors, Machine Learning 24 (1996).
    B. Lakshminarayanan, A. Pritzel, C. Blundell, Simple and scalable predictive uncertainty
    estimation using deep ensembles, NIPS 2017 (the variance of the mixture).

    Examples
    --------
    >>> import numpy as np
    >>> from pyl2 import MLPRegressorEnsemble
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (80, 1))
    >>> y = np.sin(3 * X[:, 0]) + rng.normal(0, 0.1, 80)
    >>> model = MLPRegressorEnsemble(20, activation="tanh", random_state=0).fit(X, y)
    >>> mean, std = model.predict([[0.5], [5.0]], return_std=True)
    >>> bool(abs(mean[0] - np.sin(1.5)) < std[0]), bool(std[1] > 3 * std[0])
    (True, True)
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (50,),
        activation: Any = "relu",
        *,
        candidates: int = 10,
        alphas: Any = (1e-3, 30),
        folds: Any = 5,
        members: int = 2,
        select: str = "greedy",
        rounds: int = 30,
        solver: str = "lbfgs",
        learning_rate_init: float = 0.001,
        batch_size: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        init: Any = "glorot",
        dropout: Any = 0.0,
        input_dropout: float = 0.0,
        normalize_y: bool = True,
        max_time: float | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        n_threads: int | None = None,
        n_jobs: int | None = None,
        verbose: Any = False,
    ) -> None:
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            candidates=candidates,
            alphas=alphas,
            folds=folds,
            members=members,
            select=select,
            rounds=rounds,
            solver=solver,
            learning_rate_init=learning_rate_init,
            batch_size=batch_size,
            max_iter=max_iter,
            tol=tol,
            init=init,
            dropout=dropout,
            input_dropout=input_dropout,
            max_time=max_time,
            warm_start=warm_start,
            random_state=random_state,
            n_threads=n_threads,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.normalize_y = normalize_y

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        **BaseEnsemble._parameter_constraints,
        "normalize_y": ["boolean"],
    }
    _numeric_targets = True
    _plain_class = MLPRegressor

    @checks_parameters
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> MLPRegressorEnsemble:
        """Fit the ensemble.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 stays float32, all else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Not negative; 1 each where not given.  Errors and variances are weighted too.
        groups : array-like of shape (n_samples,), optional
            For ``folds`` that keep groups together.

        Returns
        -------
        MLPRegressorEnsemble
            The estimator itself.

        Raises
        ------
        ValueError
            If the data or a parameter do not fit, or the training of every candidate diverges.
        KeyboardInterrupt
            On Ctrl-C before any candidate is trained on every fold; later the ensemble is of those
            that are, and a warning says so.
        """
        self._fit(X, y, sample_weight, groups)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Predict targets, with standard deviations if asked for.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return the standard deviation, too: √(``noise_variance_`` + the variance
            among the networks).

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        std : ndarray of the same shape
            Where ``return_std``.

        Raises
        ------
        ValueError
            If X does not fit, or holds numbers so large that predictions would be NaN.
        """
        check_flag("return_std", return_std)
        mean, spread = self._moments(X)
        found = self._shaped(mean * self.target_scale_ + self.target_mean_)
        if not return_std:
            return found
        variance = self._noise + spread
        return found, self._shaped(np.sqrt(variance) * self.target_scale_)

    def save(self, path: PathLike) -> None:
        """Write the fitted ensemble to a file, whole or not at all.

        Predictions of what ``load`` reads from it have the same bits.  Parameters that are no plain
        values, as a generator of random numbers, and candidates that ``warm_start`` keeps are left
        out.

        Parameters
        ----------
        path : str or path-like
            A safetensors file; what it held is replaced, its permissions are kept.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        check_is_fitted(self, "networks_")
        unit = {"target_mean": self.target_mean_, "target_scale": self.target_scale_}
        ensemble_file.save(self, path, {**unit, "noise": self._noise}, {})

    @classmethod
    def load(cls, path: PathLike) -> MLPRegressorEnsemble:
        """Read an ensemble from a file that ``save`` wrote; no code of the file is run.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        MLPRegressorEnsemble

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is no file of such an ensemble, or is damaged.
        """
        found, arrays, _ = ensemble_file.load(cls, path)
        try:
            unit = [vectors(arrays, name, 1) for name in _UNIT]
            if {len(one) for one in unit} != {found.networks_[0].layer_sizes[-1]}:
                raise ValueError("the targets' units and the network differ in number")
        except ValueError as error:
            raise ValueError(f"{path}: the ensemble is damaged: {error}") from None
        found.target_mean_, found.target_scale_, found._noise = unit
        found._tell_noise()
        return cast(MLPRegressorEnsemble, found)

    def _targets(self, model: BaseMLP, labels: Array, weight: Array | None, dtype: Any) -> Array:
        y = labels.astype(np.float64).reshape(len(labels), -1)
        self.target_mean_, self.target_scale_ = units(y, weight, self.normalize_y)
        return ((y - self.target_mean_) / self.target_scale_).astype(dtype)

    def _conclude(self, rows: FitRows, chosen: Chosen, of_folds: bool) -> None:
        known = ~np.isnan(chosen.prediction).any(axis=1)
        weight = rows.sample_weight
        squares = (chosen.prediction[known] - rows.y[known]) ** 2
        self._noise = np.average(squares, axis=0, weights=None if weight is None else weight[known])
        if of_folds and self.select != "bagging":
            ensemble = Ensemble(self.networks_, self.weights_)
            _, spread = ensemble.moments(rows.X, threads.count(self.n_threads))
            less = 0.5 * np.average(spread, axis=0, weights=weight)
            self._noise = np.maximum(self._noise - less, LEAST_NOISE * self._noise)
        self._tell_noise()
        outputs = chosen.prediction * self.target_scale_ + self.target_mean_
        self.oof_prediction_ = as_targets(outputs, outputs.dtype)

    def _tell_noise(self) -> None:
        """Set the noise's variance in the units of y."""
        with np.errstate(all="ignore"):
            self.noise_variance_ = by_output(self._noise * self.target_scale_**2)

    def _exported(self) -> Model:
        found = super()._exported()
        unit = self.target_mean_, self.target_scale_
        members = [member.of_raw_outputs(*unit) for member in found.members]
        noise = self._noise * self.target_scale_**2
        return found._replace(members=members, noise=noise, kind="regressor")

    def _shaped(self, outputs: Array) -> Array:
        return as_targets(outputs, self.networks_[0].dtype)


_UNIT = ("target_mean", "target_scale", "noise")


class MLPClassifierEnsemble(ClassifierMixin, BaseEnsemble):  # type: ignore[misc]
    """Ensemble of networks for classification: the mean of their probabilities.

    Candidates, each with a λ and initial weights of its own, are trained on all rows but those of
    each fold; by their log loss on the rows held out a selection is made; and what was selected is
    trained again on all rows.

    Parameters
    ----------
    hidden_layer_sizes, activation, candidates, alphas : as for MLPRegressorEnsemble
    folds : int, cross-validation generator or iterable, default=5
        Folds of the rows, shuffled, stratified by class; or what holds out each row once.
    members, select, rounds : as for MLPRegressorEnsemble
        The selection goes by the log loss.
    solver, learning_rate_init, batch_size, max_iter, tol, init : as for MLPRegressorEnsemble
    dropout, input_dropout, max_time, warm_start : as for MLPRegressorEnsemble
    random_state, n_threads, n_jobs, verbose : as for MLPRegressorEnsemble

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    networks_ : list of Network
    weights_ : ndarray of shape (n_networks,)
        Their weights in the mean of probabilities, of sum 1.
    oof_prediction_ : ndarray of shape (n_samples, n_classes)
        Out-of-fold probabilities of the selection: of each row by networks that were not trained on
        it; with bagging out-of-bag, and NaN where all bootstraps hold the row.
    score_path_ : ndarray of shape (n_rounds,)
        Score of the mean after each round of the greedy selection; else one number.
    candidates_ : list of Candidate
        Of each its ``alpha``, ``seed``, ``score`` on the rows held out (log loss, negative; -inf
        where its training diverged) and ``weight`` in the selection.
    n_iter_ : int
        Iterations or epochs of the longest training.
    n_features_in_, feature_names_in_ : int, ndarray of str
        Of the X that it was fitted to; names if it had such.

    See Also
    --------
    MLPRegressorEnsemble : The same for numbers, and what each parameter means.
    MLPClassifierCV : One network, its λ chosen by cross-validation.

    References
    ----------
    R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, Ensemble selection from libraries of models,
    ICML 2004.
    L. Breiman, Bagging predictors, Machine Learning 24 (1996).

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from pyl2 import MLPClassifierEnsemble
    >>> X, y = load_wine(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> model = MLPClassifierEnsemble(10, candidates=4, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape, model.score(X, y) > 0.95
    ((178, 3), True)
    >>> len(model.candidates_), bool(model.score_path_.max() > model.candidates_[0].score)
    (4, True)
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (50,),
        activation: Any = "relu",
        *,
        candidates: int = 10,
        alphas: Any = (1e-3, 30),
        folds: Any = 5,
        members: int = 2,
        select: str = "greedy",
        rounds: int = 30,
        solver: str = "lbfgs",
        learning_rate_init: float = 0.001,
        batch_size: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        init: Any = "glorot",
        dropout: Any = 0.0,
        input_dropout: float = 0.0,
        max_time: float | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        n_threads: int | None = None,
        n_jobs: int | None = None,
        verbose: Any = False,
    ) -> None:
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            candidates=candidates,
            alphas=alphas,
            folds=folds,
            members=members,
            select=select,
            rounds=rounds,
            solver=solver,
            learning_rate_init=learning_rate_init,
            batch_size=batch_size,
            max_iter=max_iter,
            tol=tol,
            init=init,
            dropout=dropout,
            input_dropout=input_dropout,
            max_time=max_time,
            warm_start=warm_start,
            random_state=random_state,
            n_threads=n_threads,
            n_jobs=n_jobs,
            verbose=verbose,
        )

    _plain_class = MLPClassifier

    @checks_parameters
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> MLPClassifierEnsemble:
        """Fit the ensemble.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 stays float32, all else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes; or with several labels 0 and 1 for each.
        sample_weight : array-like of shape (n_samples,), optional
            Not negative; 1 each where not given.  Errors are weighted too.
        groups : array-like of shape (n_samples,), optional
            For ``folds`` that keep groups together.

        Returns
        -------
        MLPClassifierEnsemble
            The estimator itself.

        Raises
        ------
        ValueError
            If the data or a parameter do not fit, or the training of every candidate diverges.
        KeyboardInterrupt
            On Ctrl-C before any candidate is trained on every fold; later the ensemble is of those
            that are, and a warning says so.
        """
        self._fit(X, y, sample_weight, groups)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the classes predicted for the rows of X: the most probable ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)

        Raises
        ------
        ValueError
            If X does not fit, or holds numbers so large that predictions would be NaN.
        """
        mean, _ = self._moments(X)
        return self._coder._decode(mean)

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the mean of the networks' probabilities, in the order of ``classes_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            With several labels each one's own probability.

        Raises
        ------
        ValueError
            If X does not fit, or holds numbers so large that predictions would be NaN.
        """
        mean, _ = self._moments(X)
        return self._coder._probabilities(mean).astype(self.networks_[0].dtype)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithms of the probabilities that ``predict_proba`` gives.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            -inf where a probability is 0.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):  # of 0, which is -inf
            return np.log(probabilities, out=probabilities)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of ``predict(X)``; for several labels all must be correct.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        return float(super().score(X, sparse.matrix("y", y), sample_weight))

    def save(self, path: PathLike) -> None:
        """Write the fitted ensemble to a file, whole or not at all.

        Predictions of what ``load`` reads from it have the same bits.  Parameters that are no plain
        values, as a generator of random numbers, and candidates that ``warm_start`` keeps are left
        out.

        Parameters
        ----------
        path : str or path-like
            A safetensors file; what it held is replaced, its permissions are kept.

        Raises
        ------
        OSError
            If it cannot be written.
        ValueError
            If the classes are neither numbers nor texts.
        """
        check_is_fitted(self, "networks_")
        kind = "text" if self.classes_.dtype.kind in "OU" else self.classes_.dtype.str
        values = self.classes_.tolist()
        if not all(isinstance(value, str if kind == "text" else int | float) for value in values):
            raise ValueError(f"classes must be numbers or texts to be saved, got {shown(values)}")
        coded = {"kind": kind, "values": values, "multilabel": self._coder._is_multilabel()}
        ensemble_file.save(self, path, {}, {"classes": coded})

    @classmethod
    def load(cls, path: PathLike) -> MLPClassifierEnsemble:
        """Read an ensemble from a file that ``save`` wrote; no code of the file is run.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        MLPClassifierEnsemble

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is no file of such an ensemble, or is damaged.
        """
        found, _, meta = ensemble_file.load(cls, path)
        try:
            found._take_classes(kept(meta, "classes", dict))
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{path}: the ensemble is damaged: {error}") from None
        return cast(MLPClassifierEnsemble, found)

    def _take_classes(self, coded: dict[str, Any]) -> None:
        """Take the classes of a file, which must go with the networks."""
        kind, values = kept(coded, "kind", str), kept(coded, "values", list)
        dtype = object if kind == "text" else np.dtype(kind)
        if kind != "text" and np.dtype(dtype).kind not in "biuf":
            raise ValueError(f"classes are of kind {kind!r:.40}")
        if not all(isinstance(value, str if kind == "text" else int | float) for value in values):
            raise ValueError("classes are malformed")
        classes = np.array(values, dtype)
        labels = classes
        if kept(coded, "multilabel", bool):
            labels = np.vstack([np.zeros_like(classes), np.ones_like(classes)])
        coder = MLPClassifier()
        coder._set_outputs(coder._encode(labels, False))
        network = self.networks_[0]
        if (coder.n_outputs_, coder.out_activation_) != (network.layer_sizes[-1], network.output):
            raise ValueError("classes and network do not match")
        self._coder, self.classes_ = coder, classes

    def _targets(self, model: Any, labels: Array, weight: Array | None, dtype: Any) -> Array:
        y = cast(Array, model._encode(labels, False))
        self._coder, self.classes_ = model, model.classes_
        return y

    def _exported(self) -> Model:
        found = super()._exported()
        classes = None if self._coder._is_multilabel() else self.classes_.tolist()
        return found._replace(kind="classifier", classes=classes)

    def _conclude(self, rows: FitRows, chosen: Chosen, of_folds: bool) -> None:
        self.oof_prediction_ = self._coder._probabilities(chosen.prediction)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
