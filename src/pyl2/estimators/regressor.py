"""MLPRegressor."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import (
    RegressorMixin,
)
from sklearn.utils.validation import check_is_fitted

from pyl2._common import metrics
from pyl2._common.dataset import check_targets
from pyl2._common.named import check_named, name_of
from pyl2._common.outputs import LOSSES, NUMBERS, Objective, check_objective
from pyl2._common.validation import Array
from pyl2.estimators._sklearn_compat import StrOptions, checks_parameters
from pyl2.estimators.base import BaseMLP, check_weights, stochastic

# Those of numbers.
_LOSSES = {name: NUMBERS[name] for name in LOSSES if name != "log_loss"}


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """Multilayer perceptron regressor: scikit-learn's, on pyl2's engine.

    Parameters
    ----------
    loss : str or tuple (str, float), default="squared_error"
        A name, or with its number a pair, such as ("quantile", 0.9).  "squared_error": half the
        squared error.  "huber" (δ = 1): the same up to an error of δ, beyond it linear, so that
        outliers pull less.  "absolute_error": the median is predicted.  "quantile" (q = 0.5): the
        share q of targets lies below what is predicted.  With exp as output, half the deviance:
        "poisson" for y ≥ 0, "gamma" for y > 0.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer.
    activation : str or sequence of str, default="relu"
        Of the hidden layers, one for all or one for each: "identity", "logistic", "tanh", "relu" or
        another of ``Network``, alone or with its number, such as ("leaky_relu", 0.1).
    solver : str, default="adam"
        "sgd" with momentum, "adam" as scikit-learn writes them; "adamw", "rmsprop" (with beta_2 for
        its alpha), "nadam" and "rprop" (whose batch is all rows) as PyTorch computes them;
        "lbfgs" is SciPy's, on the error over all rows; "pso" a swarm of 50 particles, on the same
        error, with the defaults of ``ParticleSwarm``; "lm" Levenberg–Marquardt, for a squared
        error, dense X and at most 5,000 parameters.
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
        What early stopping judges by: None is ``score``; "loss" the validation loss without the
        penalty, its negative being the score; or a scorer of scikit-learn's, by name or as
        ``scorer(estimator, X, y)``.
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
    loss_ : float
        Of the last epoch, penalty included: the mean over its batches at the weights each saw.
        As scikit-learn has it, a squared error is averaged over outputs; for lbfgs, lm and pso it
        is summed.  That of pso is the best so far.
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
        "identity", or "exp" for Poisson and gamma.

    See Also
    --------
    MLPClassifier : The same for classes.
    Network : The network itself, with a faster ``predict``.

    References
    ----------
    D. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
    I. Loshchilov, F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from pyl2 import MLPRegressor
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> model = MLPRegressor(solver="lbfgs", tol=0.01, random_state=0)
    >>> model.fit(X, y / y.std()).score(X, y / y.std()) > 0.99
    True
    >>> model.predict(X[:3]).shape, model.input_gradient(X[:3]).shape
    ((3,), (3, 1, 5))
    """

    def __init__(
        self,
        loss: Any = "squared_error",
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
            loss=loss,
        )
        self.alpha = alpha
        self.warm_start = warm_start

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(_LOSSES)), list, tuple],
    }
    _numeric_targets = True

    def _validate_params(self) -> None:
        super()._validate_params()
        check_named("loss", self.loss, _LOSSES)

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
    ) -> MLPRegressor:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 stays float32, all else becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Not negative; 1 each where not given.
        X_val, y_val : array-like, optional
            Validation data for ``validation_loss_curve_`` and early stopping.
        sample_weight_val : array-like, optional
            Sample weights of the validation data.

        Returns
        -------
        MLPRegressor
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
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> MLPRegressor:
        """Train one epoch on the given data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        MLPRegressor
            The estimator itself.
        """
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the predictions for the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        ValueError
            If X does not fit, or holds numbers so large that predictions would be NaN.
        """
        outputs = self._outputs(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R², or for losses other than "squared_error" and "poisson" D².

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
            1 for perfect predictions, 0 for the best constant.  D² is 1 less the loss as a share of
            the best constant's: as scikit-learn's ``d2_absolute_error_score`` and the like have it.
        """
        check_is_fitted(self, "coefs_")
        objective = Objective.of(self._fitted())
        if objective.measure == "R²":
            return float(super().score(X, y, sample_weight))
        predicted = self._outputs(X)
        targets = check_targets(
            y, len(predicted), predicted.shape[1], objective, predicted.dtype, "y"
        )
        weight = None if sample_weight is None else check_weights(sample_weight, predicted)
        return metrics.score(predicted, targets, objective, weight)

    def _encode(self, y: Array, incremental: bool) -> Array:
        return y[:, None] if y.ndim == 1 else y

    def _held_out_targets(self, y: Array) -> Array:
        return self._encode(y, False)

    def _set_outputs(self, y: Array) -> None:
        self.n_outputs_ = y.shape[1]
        (self.out_activation_,) = LOSSES[name_of(check_named("loss", self.loss, _LOSSES))].outputs

    def _objective(self) -> Objective:
        return check_objective(self.out_activation_, self.loss)
