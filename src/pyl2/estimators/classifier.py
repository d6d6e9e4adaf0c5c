"""MLPClassifier."""

from __future__ import annotations

from numbers import Real
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    ClassifierMixin,
)
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import type_of_target, unique_labels

from pyl2._common import sparse
from pyl2._common.outputs import Objective, check_objective
from pyl2._common.validation import Array, shown
from pyl2.estimators._sklearn_compat import Interval, StrOptions, checks_parameters
from pyl2.estimators.base import BaseMLP, stochastic
from pyl2.export.layers import Model


def _unique_classes(classes: Any) -> Array:
    try:
        assert_all_finite(np.asarray(classes))
        found: Array = unique_labels(classes)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            "classes must be labels of one kind, none of them missing, got"
            f" {shown(classes)}: {error}"
        ) from None
    return found


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """Multilayer perceptron classifier: scikit-learn's, on pyl2's engine.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer.
    activation : str or sequence of str, default="relu"
        Of the hidden layers, one for all or one for each: "identity", "logistic", "tanh", "relu" or
        another of ``Network``, alone or with its number, such as ("leaky_relu", 0.1).
    solver : str, default="adam"
        "sgd" with momentum, "adam" as scikit-learn writes them; "adamw", "rmsprop" (with beta_2 for
        its alpha), "nadam" and "rprop" (whose batch is all rows) as PyTorch computes them;
        "lbfgs" is SciPy's, on the error over all rows; "pso" a swarm of 50 particles, on the same
        error, with the defaults of ``ParticleSwarm``; "lm" is for the squared error of regressors
        alone, and an error here.
    alpha : float or sequence of float, default=0.0001
        The L2 constant λ ≥ 0, one for all layers or one for each; biases are in no penalty.
    batch_size : int or "auto", default="auto"
        Rows of a batch; "auto" is 200, or all if there are fewer, and all for rprop.
    learning_rate : str, pair of str and float, or callable, default="constant"
        Schedule for sgd, adamw, rmsprop and nadam: the rate stays; or with "invscaling" is divided
        by (1 + rows seen)^power_t; or with "adaptive" by 5 whenever training stalls, until it is
        1e-6.  By the update, for adam too: "cosine", "one_cycle", "step", "exponential" or
        ``f(t, T)``, as for ``Backprop``, T being the updates of ``max_iter`` epochs.
    learning_rate_init : float, default=0.001
        The learning rate η of gradient descent; for rprop the size of the first steps.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Most epochs; for lbfgs, lm and pso iterations.
    shuffle : bool, default=True
        Whether each epoch takes the rows in a new order.
    random_state : None, int or numpy.random.RandomState, default=None
        Where initial weights, the validation split and the orders come from.
    tol : float, default=1e-4
        An epoch that does not better the loss or the validation score by this stalls; for lbfgs and
        lm the largest component of the gradient to reach; pso ends when ``n_iter_no_change``
        iterations together have not lowered the loss by more.
    verbose : bool or int, default=False
        Whether to print each epoch's loss.
    warm_start : bool or "full", default=False
        Whether ``fit`` goes on from the weights of the last one.  With "full" the optimizer's
        state, the orders and the validation split go on as well: two fits of 50 epochs are one of
        100.
    momentum : float, default=0.9
        In [0, 1], of sgd.
    nesterovs_momentum : bool, default=True
        Whether sgd's momentum is Nesterov's.
    early_stopping : bool, default=False
        Judge by a score on validation data instead of by the loss, and keep the best weights.  The
        data are ``X_val`` and ``y_val`` of ``fit``, else a part set aside.  Not for lbfgs, lm or
        pso.
    validation_fraction : float, default=0.1
        The part to set aside.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the moments of adam, adamw and nadam; rmsprop has beta_2.
    epsilon : float, default=1e-8
        In the denominator of adam, adamw, rmsprop and nadam; at least the smallest normal number of
        the dtype.
    n_iter_no_change : int or inf, default=10
        More stalled epochs than this one after another end the training.
    max_fun : int, default=15000
        Most evaluations of the error by lbfgs.
    decay : {None, "l2", "decoupled", "fraction"}, default=None
        "l2": (λ/n) W is added to the gradient.  "decoupled": W loses η(λ/n) W, and the optimizer
        does not see it.  "fraction": W loses λ W.  None is "decoupled" for adamw, else "l2".
    n : {"batch", "train"} or float, default="batch"
        What λ is divided by: the sum of the sample weights (the rows) of each batch, as in
        scikit-learn; of the training set; or a number > 0.
    init : {"glorot", "he", "lecun"} or callable, default="glorot"
        The rule for initial weights and biases, as of ``Network``; "glorot" is scikit-learn's.
    warmup, l2_schedule, clip_norm, clip_value, average : as for ``Backprop``
        What the single update of gradient descent depends on: a learning rate that rises first, a λ
        that changes, gradients that are clipped, weights that are averaged.
    dropout, input_dropout : float, default=0.0
        The parts of the hidden units (a number, or one per hidden layer) and of the inputs that
        each update leaves out at random, as for ``Backprop``; predictions and validation take all.
    scoring : None, str or callable, default=None
        What early stopping judges by: None is the accuracy; "loss" the validation loss without the
        penalty, its negative being the score; or a scorer of scikit-learn's, by name or as
        ``scorer(estimator, X, y)``.
    class_weight : None, dict, list of dict or "balanced", default=None
        What the sample weights of each class are multiplied by, as everywhere in scikit-learn; the
        validation data that are set aside have them too, ``X_val`` has its own.
    label_smoothing : float, default=0.0
        ε in [0, 1): each label is taken for 1 − ε of its class and ε spread evenly over all.
    max_time : float, optional
        Seconds after which no further epoch begins.
    callbacks : callable or list of callables, optional
        Each is called as ``f(estimator, history)`` at the end of an epoch, history being that of
        Backprop; one that returns True ends the training.
    n_threads : int, optional
        Maximum number of threads; small work takes one.  By default as many
        as there are processors for this process, or fewer where OMP_NUM_THREADS,
        threadpoolctl or joblib say so.  The results are the same bits for any number.

    Attributes
    ----------
    loss : str
        "log_loss", as scikit-learn's says.
    classes_ : ndarray
        The classes, sorted.
    loss_ : float
        Of the last epoch, penalty included: the mean over its batches at the weights each saw; for
        pso the best so far.
    best_loss_ : float or None
        The lowest; None with early stopping.  Not for lbfgs or lm.
    loss_curve_ : list of float
        ``loss_`` of each epoch, those of earlier calls that were gone on from included.
    validation_scores_ : list of float or None
        The score after each epoch, with early stopping.  Not for lbfgs, lm or pso.
    best_validation_score_ : float or None
        The highest.  Not for lbfgs, lm or pso.
    validation_loss_curve_ : list of float or None
        Loss on the validation data, if there are any, after each epoch, without the penalty.
    t_ : int
        Rows that gradient descent has been trained on.
    n_iter_ : int
        Epochs of the last fit.
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases (fan_out,) of each layer, of the dtype of X.  What is
        written into them or put in their place is used.
    n_features_in_, feature_names_in_ : int, ndarray of str
        Of the X that it was fitted to; names if it had such.
    n_layers_, n_outputs_ : int
        Layers, the input counted, and outputs.
    out_activation_ : str
        "softmax" for more than two classes, else "logistic".

    See Also
    --------
    MLPRegressor : The same for numbers.
    Network : The network itself, with a faster ``predict``.

    References
    ----------
    D. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
    I. Loshchilov, F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from pyl2 import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(), MLPClassifier(20, learning_rate_init=0.01, tol=1e-3, random_state=0)
    ... )
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    >>> model.predict(X[:3])
    array([0, 0, 0])
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: Any = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
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
    ) -> None:
        super().__init__(
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
        self.alpha = alpha
        self.warm_start = warm_start
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        **BaseMLP._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    @checks_parameters
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> MLPClassifier:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 stays float32, all else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes; or with several labels 0 and 1 for each.
        sample_weight : array-like of shape (n_samples,), optional
            Not negative; 1 each where not given.
        X_val, y_val : array-like, optional
            Validation data for ``validation_loss_curve_`` and early stopping.
        sample_weight_val : array-like, optional
            Sample weights of the validation data.

        Returns
        -------
        MLPClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If the data or a parameter do not fit, or training diverges; the estimator then has the
            weights of the last epoch that was finite.
        """
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))
        return self

    @stochastic
    @checks_parameters
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> MLPClassifier:
        """Train one epoch on the given data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), optional
        classes : array-like of shape (n_classes,), optional
            All classes there will be; needed by the first call.

        Returns
        -------
        MLPClassifier
            The estimator itself.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit. Pass the weights that"
                " sklearn.utils.class_weight.compute_class_weight gives for all of your data."
            )
        self._learn_classes(y, classes)
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the classes predicted for the rows of X.

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
        return self._decode(self._outputs(X))

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probabilities of the classes, in the order of ``classes_``.

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
        return self._probabilities(self._outputs(X))

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

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

    def _exported(self) -> Model:
        found = super()._exported()
        classes = None if self._is_multilabel() else self.classes_.tolist()
        return found._replace(kind="classifier", classes=classes)

    def _is_multilabel(self) -> bool:
        return bool(self._label_binarizer.y_type_.startswith("multilabel"))

    def _decode(self, outputs: Array) -> Array:
        """Return the classes that outputs mean."""
        if self._is_multilabel():
            return cast(Array, self._label_binarizer.inverse_transform(outputs))
        return self.classes_.take(self._indices(outputs), mode="clip")

    def _probabilities(self, outputs: Array) -> Array:
        """Return a column for each class."""
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def _indices(self, outputs: Array) -> Array:
        """Return the index of each row's class."""
        return outputs[:, 0] > 0.5 if self.n_outputs_ == 1 else outputs.argmax(axis=1)

    def _learn_classes(self, y: Any, classes: Any) -> None:
        """Take the classes of a first partial_fit, or see that they are still the same."""
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return
        found = _unique_classes(classes)
        if known is None:
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
            self.classes_ = found
        elif not np.array_equal(known, found):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was:"
                f" {known!r}"
            )

    def _encode(self, y: Any, incremental: bool) -> Array:
        """Return y as class indices, or as 0 and 1 for a logistic output."""
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        elif self.warm_start or not self._all_known(y):
            self._check_classes(y)
        return self._targets(y)

    def _all_known(self, y: Any) -> bool:
        """Whether all classes of y are known; what `unique_labels` takes long to tell."""
        return y.ndim == 1 and not self._is_multilabel() and bool(np.isin(y, self.classes_).all())

    def _check_classes(self, y: Any) -> None:
        found = unique_labels(y)
        if self.warm_start and set(found) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call"
                f" to fit. Previously got {self.classes_}, `y` has {found}"
            )
        self._refuse_unseen(found, "y")

    def _refuse_unseen(self, found: Array, name: str) -> None:
        if len(np.setdiff1d(found, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`{name}` has classes not in `self.classes_`. `self.classes_` has {self.classes_}."
                f" '{name}' has {found}."
            )

    def _held_out_targets(self, y: Any) -> Array:
        self._refuse_unseen(unique_labels(y), "y_val")
        return self._targets(y)

    def _targets(self, y: Any) -> Array:
        if y.ndim == 2 or self._is_multilabel():
            return cast(Array, self._label_binarizer.transform(y))
        indices: Array = np.searchsorted(self.classes_, y)
        return indices if len(self.classes_) > 2 else indices[:, None]

    def _set_outputs(self, y: Array) -> None:
        self.n_outputs_ = y.shape[1] if y.ndim == 2 else len(self.classes_)
        self.out_activation_ = "logistic" if y.ndim == 2 else "softmax"

    def _objective(self) -> Objective:
        return check_objective(self.out_activation_, None, self.label_smoothing)

    def _strata(self, y: Array) -> Array | None:
        # scikit-learn stratifies two classes alone, which it calls False and True.
        return np.array(["False", "True"])[y[:, 0]] if y.ndim == 2 and y.shape[1] == 1 else None
