"""MLPClassifier and MLPRegressor: scikit-learn's estimators, on the trainers of pyl2."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Number, Real
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    _fit_context,
    clone,
    is_classifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import (
    _safe_indexing,
    assert_all_finite,
    check_consistent_length,
    check_random_state,
    column_or_1d,
    compute_sample_weight,
)
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from pyl2 import checks, holdout, l2, scores, sparse, threads
from pyl2.abreast import Training
from pyl2.backprop import Backprop
from pyl2.checks import Array, Items
from pyl2.course import Course, Diverged, callables
from pyl2.history import History
from pyl2.lbfgs import minimise
from pyl2.network import ACTIVATIONS, Network
from pyl2.particle_swarm import ParticleSwarm
from pyl2.warn import warn

_Method = TypeVar("_Method", bound=Callable[..., Any])

_NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and"
    " need to be preprocessed."
)


class _HeldOut(NamedTuple):
    """Validation data: y as the network takes it, and as the user gave it."""

    X: Any
    y: Array
    labels: Array
    sample_weight: Array | None


class _Trainer(Backprop):
    """Backprop by scikit-learn's rules for what goes on from one fit to the next.

    Attributes
    ----------
    full : bool
        Whether all goes on, as Backprop has it, and not what scikit-learn lets go on.
    fresh : bool
        Whether no epoch has been trained; "invscaling" then begins at eta, whatever came before.
    averaged : int
        What scikit-learn divides E₀ by: the outputs of a squared error.
    loss : float
        Of the last epoch, as scikit-learn reports it.
    """

    full = False
    fresh = True
    averaged = 1
    loss = math.nan
    verbose = False
    max_fun = 15000
    result: Any = None

    @property
    def learning_rate(self) -> float:
        """Learning rate of the coming epoch."""
        return self._eta()

    def _check(self) -> None:
        """Check what hangs on the dtype: the estimator has checked all else, and allows more."""
        self._check_epsilon()

    def _may_change(self, course: Course) -> bool:
        return False  # callbacks are given the estimator, whose parameters hold for its next fit

    def _eta(self) -> float:
        return float(self.eta) if self.fresh else super()._eta()

    def _loss(self, data_error: float, penalty: float) -> float:
        self.loss = data_error / self.averaged + penalty
        return self.loss

    def _go_on(self, items: Items) -> None:
        if self.full:
            super()._go_on(items)
        else:
            self._order = np.arange(items.rows)

    def _conclude(self, data_error: float, penalty: float, items: Items, course: Course) -> None:
        self.fresh = False
        super()._conclude(data_error, penalty, items, course)

    def _stalled(self) -> bool:
        waited = self._schedule.stalled > self.n_iter_no_change
        over = super()._stalled()
        if waited and self.verbose:
            self._tell(over)
        return over

    def _tell(self, over: bool) -> None:
        what = "Validation score" if self.early_stopping else "Training loss"
        then = "Stopping." if over else f"Setting learning rate to {self._eta():f}"
        if over and self.schedule == "adaptive":
            then = "Learning rate too small. Stopping."
        patience = self.n_iter_no_change
        print(
            f"{what} did not improve more than tol={self.tol:f} for {patience} consecutive epochs."
            f" {then}"
        )

    def _minimise(self, items: Items, course: Course) -> None:
        options = {"maxfun": self.max_fun, "gtol": self.tol}
        per_layer = l2.per_layer(self.l2, len(self.network.weights))
        self.result = minimise(self.network, items, per_layer, self.n, None, course, options)

    def rest(self) -> None:
        """Let go of what the next fit will not look at."""
        if not self.full:
            self._order = self._best = self._last = None


class _Swarm(ParticleSwarm):
    """ParticleSwarm with the attributes of a trainer that an estimator asks for.

    Attributes
    ----------
    n : {"batch", "train"} or float
        As for lbfgs; both words mean the sum of the sample weights.
    """

    n: Any = "train"
    early_stopping = False
    averaged = 1
    result = None

    def _rates(self, items: Items) -> list[float]:
        return l2.rates(
            l2.per_layer(self.l2, len(self.network.weights)), l2.divisor(self.n, items.mass)
        )


class _Ready(NamedTuple):
    """What a fit is about to do: who trains on which rows, and the validation data."""

    trainer: _Trainer | _Swarm
    X: Any
    y: Array
    sample_weight: Array | None
    held_out: _HeldOut | None


@contextmanager
def _extremes(name: str) -> Iterator[None]:
    """Let scikit-learn look at the largest numbers: those of both signs have no sum."""
    with np.errstate(invalid="ignore"), _no_overflow(name):
        yield


@contextmanager
def _no_overflow(name: str) -> Iterator[None]:
    """Name what holds a whole number that is too large: scikit-learn does not look for such."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(f"{name} must hold finite numbers: {error}") from None


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put a name behind an error of scikit-learn's, which knows none or another."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{error} ({name})") from None


def _weights(sample_weight: Any, X: Any, dtype: Any = None) -> Array:
    """Return sample weights as scikit-learn checks them."""
    if isinstance(sample_weight, Number) and not isinstance(sample_weight, Real):
        raise TypeError(f"sample_weight must hold numbers, got {checks.shown(sample_weight)}")
    with _no_overflow("sample_weight"):
        return cast(Array, _check_sample_weight(sample_weight, X, dtype=dtype))


def _validated(method: _Method) -> _Method:
    """Have scikit-learn check the parameters first."""
    return cast(_Method, _fit_context(prefer_skip_nested_validation=True)(method))


def _stochastic(method: _Method) -> _Method:
    """Hide a method of an estimator whose solver goes by all rows at once."""
    return cast(_Method, available_if(_is_stochastic)(method))


def _is_stochastic(estimator: Any) -> bool:
    reasons = {"lbfgs": "lbfgs is not stochastic.", "pso": "pso needs all rows at once."}
    if estimator.solver in reasons:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. " + reasons[estimator.solver]
        )
    return True


class _Perceptron(BaseEstimator):  # type: ignore[misc]
    """What the two estimators share; each says how targets become numbers and back."""

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS)), list, tuple],
        "solver": [StrOptions({"lbfgs", "sgd", "adam", "adamw", "pso"})],
        "alpha": [Interval(Real, 0, None, closed="left"), list, tuple, np.ndarray],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean", StrOptions({"full"})],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "decay": [StrOptions({"l2", "decoupled", "fraction"}), None],
        "n": [StrOptions({"batch", "train"}), Interval(Real, 0, None, closed="neither")],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "callbacks": [callable, list, tuple, None],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    }

    _network: Network
    _optimizer: Any
    loss_curve_: list[float]
    best_loss_: Any  # these are None where they do not apply
    best_validation_score_: Any
    validation_scores_: Any
    validation_loss_curve_: Any
    class_weight: Any = None
    _numeric_targets = False

    def _validate_params(self) -> None:
        """Refuse what scikit-learn's check stumbles over or lets pass, then have it look."""
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, Real) and not isinstance(value, float | np.floating):
                self._check_number(name, value)
        super()._validate_params()
        self._hidden_sizes()
        if not isinstance(self.activation, str):
            self._activations(len(self.activation))
        _check_class_weight(self.class_weight)
        callables(self.callbacks or ())

    def _check_number(self, name: str, value: Any) -> None:
        """See that a whole number fits an int64, or a float where it need not be whole."""
        intervals = [
            one.type for one in self._parameter_constraints[name] if isinstance(one, Interval)
        ]
        if Real in intervals:
            if not isinstance(value, Integral):
                raise TypeError(f"{name} must be a float or an int, got {checks.shown(value)}")
            checks.number(name, int(value))
        elif Integral in intervals or not isinstance(value, bool):
            checks.whole(name, value, -checks.LARGEST)

    def _keep(self, parameters: dict[str, Any]) -> None:
        """Store the parameters of __init__ untouched: all of them, under their own names."""
        self.__dict__.update({k: v for k, v in parameters.items() if k != "self"})

    def __getstate__(self) -> Any:
        """Leave out the views of the network's parameters: they are made anew."""
        state = dict(super().__getstate__())
        if "_network" in state:
            self._fitted()
            state = {k: v for k, v in state.items() if k not in ("coefs_", "intercepts_")}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_network" in state:
            self._expose(self._network)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # The model: a network, and the lists coefs_ and intercepts_ that show its parameters.

    def _expose(self, network: Network) -> None:
        """Take a network as the model: all of it, or nothing where Ctrl-C comes first."""
        coefs, intercepts = list(network.weights), list(network.biases)
        self._network, self.coefs_, self.intercepts_ = network, coefs, intercepts

    def _fitted(self) -> Network:
        """Return the network, with whatever the user has put into the lists."""
        if not hasattr(self, "_network"):
            self._rebuild()
        network = self._network
        for name, views in (("coefs_", network.weights), ("intercepts_", network.biases)):
            shown = getattr(self, name)
            if len(shown) != len(views) or not all(map(operator.is_, shown, views)):
                self._take(name, shown, views)
        network._threads = threads.count(self.n_threads)
        return network

    def _take(self, name: str, shown: Any, views: tuple[Array, ...]) -> None:
        """Copy the user's arrays into the network, and show its own in their place."""
        if len(shown) != len(views):
            raise ValueError(f"{name} must hold {len(views)} arrays, got {len(shown)}")
        arrays = [
            checks.real(f"{name}[{layer}]", array, view.dtype)
            for layer, (array, view) in enumerate(zip(shown, views, strict=True))
        ]
        for layer, (array, view) in enumerate(zip(arrays, views, strict=True)):
            if array.shape != view.shape:
                raise ValueError(f"{name}[{layer}] must have shape {view.shape}, got {array.shape}")
        for array, view in zip(arrays, views, strict=True):
            view[...] = array
        if isinstance(shown, list):
            shown[:] = views
        else:
            setattr(self, name, list(views))

    def _rebuild(self) -> None:
        """Make the network of an estimator that was given coefs_ but never fitted."""
        coefs = [np.asarray(coef) for coef in self.coefs_]
        sizes = (*(coef.shape[0] for coef in coefs), coefs[-1].shape[1])
        dtype = np.float32 if coefs[0].dtype == np.float32 else np.float64
        hidden = self._activations(len(sizes) - 2)
        self._network = Network._made(sizes, hidden, self.out_activation_, dtype)

    def _start(self, inputs: int, hidden_sizes: list[int], dtype: Any, rng: Any) -> None:
        """Begin anew, with scikit-learn's initial weights."""
        hidden = self._activations(len(hidden_sizes))
        sizes = (inputs, *hidden_sizes, self.n_outputs_)
        try:
            network = Network._made(sizes, hidden, self.out_activation_, dtype)
        except ValueError as error:  # more parameters than there can be
            raise ValueError(f"hidden_layer_sizes is too large: {error}") from None
        # Its bound for the output layer, too, goes by the hidden activation.
        last = self.activation if isinstance(self.activation, str) else [*hidden, "relu"][-1]
        network._initialise(rng, (*hidden, last))
        self.n_layers_ = len(sizes)
        self.t_ = 0
        self.__dict__.pop("_optimizer", None)
        self._expose(network)

    def _activations(self, layers: int) -> tuple[str, ...]:
        if isinstance(self.activation, str):
            return (self.activation,) * layers
        if len(self.activation) != layers:
            raise ValueError(
                f"activation must be one name or have one per hidden layer ({layers}),"
                f" got {checks.shown(self.activation)}"
            )
        return tuple(checks.choice("activation", name, ACTIVATIONS) for name in self.activation)

    def _outputs(self, X: Any) -> Array:
        X = self._inputs(X)
        outputs = self._fitted().predict(X)
        lost = np.isnan(outputs).any(axis=1)
        if lost.any():
            raise ValueError(
                f"the predictions for {lost.sum()} rows of X are NaN: their numbers are so large"
                " that they overflow in the model; scaled inputs (StandardScaler) help"
            )
        return outputs

    def _inputs(self, X: Any) -> Any:
        """Check rows to predict for."""
        check_is_fitted(self, "coefs_")
        dtype = self._fitted().dtype
        X = sparse.matrix("X", X)
        with _extremes("X"):
            return validate_data(self, X, accept_sparse="csr", dtype=dtype, reset=False)

    def activations(self, X: ArrayLike) -> list[Array]:
        """Return the output of each layer for each row of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        list of ndarray, each of shape (n_samples, units)
            The hidden layers', then the outputs.
        """
        X = self._inputs(X)
        return self._fitted().activations(X)

    def input_gradient(self, X: ArrayLike) -> Array:
        """Return the derivative of each output by each feature, for each row of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_outputs, n_features)
            Of the predictions; for classifiers of the probabilities, with two classes of the
            second's alone.
        """
        X = self._inputs(X)
        return self._fitted().input_gradient(X)

    # Training.

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
    ) -> None:
        self._train(self._prepare(X, y, sample_weight, validation, incremental), incremental)

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
    ) -> _Ready:
        """Check everything and set up the training."""
        hidden_sizes = self._hidden_sizes()
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        dtype = (np.float64, np.float32) if first else self._fitted().dtype
        X, labels = self._validate(X, y, dtype, reset=first)
        y = self._encode(labels, incremental)
        if sample_weight is not None:
            sample_weight = _weights(sample_weight, X, X.dtype)
        sample_weight = self._weigh_classes(labels, sample_weight)
        held_out = self._given_validation(validation, X.dtype)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        self._set_outputs(y)
        rng = check_random_state(self.random_state)
        if first:
            self._start(X.shape[1], hidden_sizes, X.dtype, rng)
        pso = self.solver == "pso"
        trainer = self._swarm(rng) if pso else self._trainer(rng, incremental)
        if isinstance(trainer, _Trainer) and trainer.early_stopping and held_out is None:
            train, held_out = self._split(X, y, labels, sample_weight, trainer)
            X, y = X[train], y[train]
            sample_weight = None if sample_weight is None else sample_weight[train]
        self._begin(first, trainer, held_out)
        if isinstance(trainer, _Trainer):
            trainer.batch_size = self._batch_rows(X.shape[0])
        return _Ready(trainer, X, y, sample_weight, held_out)

    def _hidden_sizes(self) -> list[int]:
        name, sizes = "hidden_layer_sizes", self.hidden_layer_sizes
        one = isinstance(sizes, Integral)
        listed = [sizes] if one else checks.entries(name, sizes, "a whole number, or several")
        found = [checks.whole(name, size, -checks.MANY, checks.MANY) for size in listed]
        if any(size <= 0 for size in found):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {found}.")
        return found

    def _validate(
        self, X: Any, y: Any, dtype: Any, reset: bool, names: tuple[str, str] = ("X", "y")
    ) -> tuple[Any, Any]:
        with _extremes(" or ".join(names)):
            X, y = validate_data(
                self,
                sparse.matrix(names[0], X),
                sparse.matrix(names[1], y),
                accept_sparse="csr",
                multi_output=True,
                y_numeric=self._numeric_targets,
                dtype=dtype,
                reset=reset,
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _given_validation(
        self,
        validation: tuple[Any, Any, Any],
        dtype: Any,
        names: tuple[str, str] = ("X_val", "y_val"),
    ) -> _HeldOut | None:
        X, y, sample_weight = validation
        if X is None and y is None:
            if sample_weight is not None:
                raise ValueError("sample_weight_val is provided, but X_val and y_val were not.")
            return None
        if y is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        if X is None:
            raise ValueError("y_val is provided, but X_val was not provided.")
        with _named(" or ".join(names)):
            X, labels = self._validate(X, y, dtype, reset=False, names=names)
        if sample_weight is not None:
            sample_weight = _weights(sample_weight, X, dtype)
        return _HeldOut(X, self._held_out_targets(labels), labels, sample_weight)

    def _weigh_classes(self, labels: Array, sample_weight: Array | None) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        weight: Array = compute_sample_weight(self.class_weight, labels)
        return weight if sample_weight is None else weight * sample_weight

    def _split(
        self, X: Any, y: Array, labels: Array, sample_weight: Array | None, trainer: _Trainer
    ) -> tuple[Array, _HeldOut]:
        """Set validation data aside: scikit-learn's split, from the same random numbers."""
        rng = trainer._rng
        if trainer.full and trainer.fresh:
            self._split_rng = copy.deepcopy(rng)
        elif trainer.full:  # the rows that the first fit set aside
            rng = copy.deepcopy(getattr(self, "_split_rng", rng))
        with _named(f"validation_fraction={self.validation_fraction}"):
            train, rest = train_test_split(
                np.arange(X.shape[0]),
                random_state=rng,
                test_size=self.validation_fraction,
                stratify=self._strata(y),
            )
        if len(rest) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of"
                " your dataset."
            )
        weight = None if sample_weight is None else sample_weight[rest]
        return train, _HeldOut(X[rest], y[rest], labels[rest], weight)

    def _strata(self, y: Array) -> Array | None:
        return None

    def _trainer(self, rng: Any, incremental: bool) -> _Trainer:
        """Return the trainer that goes on, or a new one, set for this fit."""
        network = self._network
        full = self.warm_start == "full"
        trainer: Any = getattr(self, "_optimizer", None)
        ours = isinstance(trainer, _Trainer) and trainer.network is network
        goes_on = ours and (full or incremental)
        if not goes_on or (full and trainer.optimizer != self._optimizer_name()):
            trainer = _Trainer(network, self._optimizer_name(), seed=rng)
            goes_on = False
        if full or not goes_on:  # scikit-learn's optimizers keep the rates they were made with
            vars(trainer).update(self._rates())
        if not full:
            trainer._rng = rng
        trainer.full = full
        trainer.l2 = l2.per_layer(self.alpha, len(network.weights), "alpha")
        trainer.n, trainer.shuffle, trainer.tol = l2.check_n(self.n), self.shuffle, float(self.tol)
        trainer.decay = None if self.decay is None else l2.check_decay(self.decay, self.solver)
        trainer.n_iter_no_change, trainer.verbose = self.n_iter_no_change, self.verbose
        trainer.max_fun, trainer.n_threads = self.max_fun, self.n_threads
        if self.solver != "lbfgs":
            trainer.early_stopping = self.early_stopping
            trainer.averaged = self.n_outputs_ if self.out_activation_ == "identity" else 1
            self._optimizer = trainer
        trainer._check()
        return cast(_Trainer, trainer)

    def _swarm(self, rng: Any) -> _Swarm:
        """Return the swarm that goes on, or a new one, set for this fit."""
        if self.early_stopping:
            raise ValueError("early_stopping=True does not go with solver='pso'")
        network, full = self._network, self.warm_start == "full"
        swarm: Any = getattr(self, "_optimizer", None) if full else None
        goes_on = isinstance(swarm, _Swarm) and swarm.network is network
        swarm = swarm if goes_on else _Swarm(network, seed=rng)
        swarm.l2 = l2.per_layer(self.alpha, len(network.weights), "alpha")
        swarm.n, swarm.tol, swarm.n_threads = l2.check_n(self.n), float(self.tol), self.n_threads
        patience = self.n_iter_no_change
        swarm.n_iter_no_change = None if patience == np.inf else int(patience)
        l2.check_decay(self.decay, self.solver)
        if full:
            self._optimizer = swarm
        return cast(_Swarm, swarm)

    def _optimizer_name(self) -> str:
        if self.solver != "sgd":
            return str(self.solver)
        if self.momentum == 0:
            return "sgd"
        return "nesterov" if self.nesterovs_momentum else "momentum"

    def _rates(self) -> dict[str, Any]:
        """Return what the steps of the optimizer depend on, but for alpha."""
        scheduled = self.solver in ("sgd", "adamw")
        return {
            "eta": float(self.learning_rate_init),
            "schedule": self.learning_rate if scheduled else "constant",
            "power_t": float(self.power_t),
            "momentum": float(self.momentum),
            "beta_1": float(self.beta_1),
            "beta_2": float(self.beta_2),
            "epsilon": float(self.epsilon),
        }

    def _begin(self, first: bool, trainer: _Trainer | _Swarm, held_out: _HeldOut | None) -> None:
        """Set up the attributes that tell of the training, or go on with them."""
        self.n_iter_ = 0
        if first or not hasattr(self, "loss_curve_"):
            self.loss_curve_ = []
        if held_out is None:
            self.validation_loss_curve_ = None
        elif first or getattr(self, "validation_loss_curve_", None) is None:
            self.validation_loss_curve_ = []
        if isinstance(trainer, _Swarm) or self.solver == "lbfgs":
            return
        early = trainer.early_stopping
        if first or not hasattr(self, "best_loss_") or early != (self.best_loss_ is None):
            self._no_improvement_count = 0
            self.validation_scores_ = [] if early else None
            self.best_validation_score_ = -np.inf if early else None
            self.best_loss_ = None if early else np.inf
        trainer._schedule.items_seen = self.t_
        trainer._schedule.best = -self.best_validation_score_ if early else self.best_loss_
        trainer._schedule.stalled = self._no_improvement_count

    def _batch_rows(self, rows: int) -> int:
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows and self.solver != "lbfgs":
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
            )
        return int(self.batch_size)

    def _train(self, ready: _Ready, incremental: bool) -> None:
        trainer, X, y, sample_weight, held_out = ready
        try:
            history = trainer.train(
                X,
                y,
                1 if incremental else self.max_iter,
                sample_weight=sample_weight,
                validation=self._validation(trainer, held_out),
                max_time=self.max_time,
                callbacks=self._watchers(),
            )
        except Diverged as error:
            self._diverged(trainer, error)
        except KeyboardInterrupt:
            if isinstance(trainer, _Swarm) or self.solver == "lbfgs":
                raise
            warn("Training interrupted by user.")
            trainer._restore_best()
        else:
            if not incremental:
                self._conclude(trainer, history)
        finally:
            self._settle(trainer)

    def _settle(self, trainer: _Trainer | _Swarm) -> None:
        """Keep of the trainer what the next fit will look at."""
        if isinstance(trainer, _Trainer):
            self._no_improvement_count = trainer._schedule.stalled
            trainer.rest()

    def _validation(
        self, trainer: _Trainer | _Swarm, held_out: _HeldOut | None
    ) -> Callable[[Network], float] | None:
        """Return what Backprop is to ask after each epoch: the lower, the better."""
        if held_out is None:
            return None
        X, y, _, sample_weight = held_out
        items = checks.items(X, y, sample_weight, self._network, ("X_val", "y_val"))
        free = np.zeros(len(self._network.weights))
        scored = trainer.early_stopping and self.scoring != "loss"
        score = self._scorer(held_out) if scored else None

        def validate(network: Network) -> float:
            loss = network._errors(items, free)[0] / trainer.averaged
            self.validation_loss_curve_.append(loss)
            if not trainer.early_stopping:
                return loss
            self.validation_scores_.append(-loss if score is None else score())
            return -float(self.validation_scores_[-1])

        return validate

    def _scorer(self, held_out: _HeldOut) -> Callable[[], float]:
        X, y, labels, weight = held_out
        if judges_by_r2(self) and not scores.has_r2(len(y), weight):
            raise ValueError(
                "early stopping judges by R², which takes two rows of validation data with a weight"
                f" > 0, got {len(y) if weight is None else np.count_nonzero(weight)}:"
                " scoring='neg_mean_squared_error' judges by one row too"
            )
        if self.scoring is None:
            network = self._network
            return lambda: scores.score(network.predict(X), y, network.output, weight)
        # X_val is an array now: the scorer predicts with an estimator that knows no names.
        model = copy.copy(self)
        model.__dict__.pop("feature_names_in_", None)
        scorer = check_scoring(self, self.scoring)
        arguments = {} if weight is None else {"sample_weight": weight}
        return lambda: checks.returned("scoring", scorer(model, X, labels, **arguments))

    def _watchers(self) -> list[Callable[[Any, History], Any]]:
        """Return what Backprop is to call after each epoch."""
        if self.callbacks is None:
            return [self._enter]
        theirs = callables(self.callbacks)

        def asked(trainer: Any, history: History) -> bool:
            answers = [callback(self, history) is True for callback in theirs]
            return any(answers)

        return [self._enter, asked]

    def _enter(self, trainer: Any, history: History) -> None:
        """Enter an epoch into the attributes."""
        self.n_iter_ = len(history)
        stochastic = self.solver not in ("lbfgs", "pso")
        self.loss_ = trainer.loss if stochastic else float(history.error[-1])
        self.loss_curve_.append(self.loss_)
        if self.verbose and self.solver != "lbfgs":
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if self.solver == "pso":
            self.best_loss_ = self.loss_
        if not stochastic:
            return
        self.t_ = trainer._schedule.items_seen
        if not trainer.early_stopping:
            self.best_loss_ = trainer._schedule.best
            return
        self.best_validation_score_ = -trainer._schedule.best
        if self.verbose:
            print(f"Validation score: {self.validation_scores_[-1]:f}")

    def _conclude(self, trainer: _Trainer | _Swarm, history: History) -> None:
        """Warn if training has not converged."""
        if trainer.result is not None:
            self.loss_ = float(trainer.result.fun)
        failed = trainer.result is not None and trainer.result.status != 0
        if history.stopped == "epochs" or (failed and history.stopped == "converged"):
            self._warn_not_converged(trainer.result)

    def _warn_not_converged(self, result: Any) -> None:
        if result is None:
            name = "Particle Swarm" if self.solver == "pso" else "Stochastic Optimizer"
            message = (
                f"{name}: Maximum iterations ({self.max_iter}) reached and the"
                " optimization hasn't converged yet."
            )
        else:
            at_limit = self.n_iter_ == self.max_iter
            why = "TOTAL NO. OF ITERATIONS REACHED LIMIT" if at_limit else result.message
            message = (
                f"lbfgs failed to converge after {self.n_iter_} iteration(s)"
                f" (status={1 if at_limit else result.status}):\n{why}\n"
                f"\nMore iterations (max_iter={self.max_iter}), more function calls"
                f" (max_fun={self.max_fun}) or scaled data (StandardScaler) may help."
            )
        warn(message, ConvergenceWarning)

    def _diverged(self, trainer: _Trainer | _Swarm, error: Diverged) -> None:
        """Early stopping still has its best parameters; all else is an error."""
        told = f"learning_rate_init={self.learning_rate_init} and alpha={self.alpha}: {error}"
        if isinstance(trainer, _Swarm) or not trainer.early_stopping:
            raise ValueError(f"{_NOT_FINITE} It happened with {told}") from None
        self.n_iter_ += 1
        self.loss_ = math.nan
        for curve in (self.loss_curve_, self.validation_scores_, self.validation_loss_curve_):
            curve.append(math.nan)
        trainer._restore_best()
        warn(
            f"Training diverged with {told} Early stopping has put the best parameters back.",
            ConvergenceWarning,
        )

    # Out and in.

    def to_sklearn(self) -> Any:
        """Return scikit-learn's own fitted estimator, which exporters such as skl2onnx know.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
            With the same parameters, weights and state of the optimizer; nothing is shared.

        Raises
        ------
        ValueError
            If it is not fitted, or has what scikit-learn lacks; the message names it.
        """
        from pyl2.export import to_sklearn

        return to_sklearn(self)

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Any:
        """Return the estimator that scikit-learn's fitted one is here.

        Parameters
        ----------
        estimator : sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
            Fitted.

        Returns
        -------
        MLPClassifier or MLPRegressor
            With the same parameters, weights and state of the optimizer; nothing is shared.

        Raises
        ------
        TypeError
            If it is something else.
        ValueError
            If it is not fitted.
        """
        from pyl2.export import from_sklearn

        made = from_sklearn(estimator)
        if not isinstance(made, cls):
            raise TypeError(f"{cls.__name__}.from_sklearn cannot take {type(estimator).__name__}")
        return made


def _unique_classes(classes: Any) -> Array:
    try:
        assert_all_finite(np.asarray(classes))
        found: Array = unique_labels(classes)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            "classes must be labels of one kind, none of them missing, got"
            f" {checks.shown(classes)}: {error}"
        ) from None
    return found


def judges_by_r2(model: _Perceptron) -> bool:
    """Whether an estimator's scoring is R², which not every number of rows has."""
    return model.scoring in (None, "r2") and not is_classifier(model)


def _check_class_weight(class_weight: Any) -> None:
    """See that there are numbers by class; scikit-learn's functions trust in that."""
    wanted = "a dict of numbers by class, 'balanced', or a list of one for each label"
    for one in class_weight if isinstance(class_weight, list) else [class_weight]:
        if one is None or (isinstance(one, str) and one == "balanced"):
            continue
        for label, value in checks.mapping("class_weight", one, wanted).items():
            checks.number(f"class_weight[{checks.shown(label)}]", value, 0)


def alike(model: _Perceptron) -> Any:
    """Return a clone whose parameters are checked, and whose random_state is not None.

    What ``at`` makes of it begins alike.
    """
    model._validate_params()
    made: Any = clone(model)
    if made.random_state is None:
        made.random_state = int(check_random_state(None).randint(2**31))
    return made


def at(model: _Perceptron, alpha: float) -> Any:
    """Return a copy of what ``alike`` gave, with another alpha; a clone would take longer."""
    made: Any = copy.copy(model)
    made.alpha = alpha
    made.random_state = copy.deepcopy(made.random_state)
    return made


def hold_out(
    model: _Perceptron, X: Any, y: Any, sample_weight: Any, test: float
) -> tuple[Any, Any, Any, Any, Any]:
    """Draw rows to hold out, classes in proportion, by the model's random_state.

    Returns
    -------
    X, y, sample_weight, X_test, y_test
        The rows that are left, and those held out.
    """
    rng = copy.deepcopy(check_random_state(model.random_state))
    y = checks.as_array("y", y)
    check_consistent_length(X, y)
    stratified = is_classifier(model) and y.ndim == 1
    seed = int(rng.randint(2**31))
    kept, out = holdout.draw(y, test, seed, y if stratified else None)
    if sample_weight is not None:
        sample_weight = _weights(sample_weight, X)[kept]
    rows, rest = _safe_indexing(X, kept), _safe_indexing(X, out)
    return rows, y[kept], sample_weight, rest, y[out]


def prepare_abreast(
    models: Sequence[_Perceptron], X: Any, y: Any, sample_weight: Any = None
) -> tuple[list[Training], _Ready]:
    """Set up what fits estimators that differ in alpha alone, each as ``fit`` would.

    Parameters
    ----------
    models : sequence of MLPClassifier or MLPRegressor
        Not fitted, with equal random_state, so that all begin alike and see the rows in one order.
    X, y, sample_weight
        As for ``fit``.

    Returns
    -------
    trainings : list of Training
        To hand to ``abreast.train``, and then to ``conclude_abreast``.
    ready : _Ready
        The rows as the networks take them, one copy for all.
    """
    trainings = []
    shared: _Ready | None = None
    for model in models:
        ready = model._prepare(X, y, sample_weight)
        shared = shared or ready
        trainer = ready.trainer
        validate = model._validation(trainer, shared.held_out)
        course = Course(
            trainer, trainer.network, model.max_iter, validate, model.max_time, model._watchers()
        )
        trainings.append(Training(trainer, course))
    return trainings, cast(_Ready, shared)


def conclude_abreast(models: Sequence[_Perceptron], trainings: Sequence[Training]) -> list[bool]:
    """Leave each as ``fit`` would, but for its warnings; return whether ``fit`` would not raise.

    Where training diverged early stopping still has its best parameters.
    """
    fitted = []
    for model, training in zip(models, trainings, strict=True):
        trainer: Any = training.trainer
        early = trainer.early_stopping
        if training.diverged is not None and early:
            trainer._restore_best()
        model._settle(trainer)
        fitted.append(training.diverged is None or early)
    return fitted


class MLPClassifier(ClassifierMixin, _Perceptron):  # type: ignore[misc]
    """Multilayer perceptron classifier: scikit-learn's, on pyl2's engine.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer.
    activation : str or sequence of str, default="relu"
        Of the hidden layers, one for all or one for each: "identity", "logistic", "tanh" or "relu".
    solver : {"lbfgs", "sgd", "adam", "adamw", "pso"}, default="adam"
        "sgd" with momentum, "adam" as scikit-learn writes them, "adamw" as PyTorch computes it;
        "lbfgs" is SciPy's, on the error over all rows; "pso" a swarm of 50 particles, on the same
        error, with the defaults of ``ParticleSwarm``.
    alpha : float or sequence of float, default=0.0001
        The L2 constant λ ≥ 0, one for all layers or one for each; biases are in no penalty.
    batch_size : int or "auto", default="auto"
        Rows of a batch; "auto" is 200, or all if there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        Schedule for sgd and adamw: the rate stays; or is divided by (1 + rows seen)^power_t; or is
        divided by 5 whenever training stalls, until it is 1e-6.
    learning_rate_init : float, default=0.001
        The learning rate η of sgd, adam and adamw.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Most epochs; for lbfgs and pso iterations.
    shuffle : bool, default=True
        Whether each epoch takes the rows in a new order.
    random_state : None, int or numpy.random.RandomState, default=None
        Where initial weights, the validation split and the orders come from.
    tol : float, default=1e-4
        An epoch that does not better the loss or the validation score by this stalls; for lbfgs the
        largest component of the gradient to reach; pso ends when ``n_iter_no_change`` iterations
        together have not lowered the loss by more.
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
        data are ``X_val`` and ``y_val`` of ``fit``, else a part set aside.  Not for lbfgs or pso.
    validation_fraction : float, default=0.1
        The part to set aside.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the moments of adam and adamw.
    epsilon : float, default=1e-8
        In the denominator of adam and adamw; at least the smallest normal number of the dtype.
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
    scoring : None, str or callable, default=None
        What early stopping judges by: None is the accuracy; "loss" the validation loss without the
        penalty, its negative being the score; or a scorer of scikit-learn's, by name or as
        ``scorer(estimator, X, y)``.
    class_weight : None, dict, list of dict or "balanced", default=None
        What the sample weights of each class are multiplied by, as everywhere in scikit-learn; the
        validation data that are set aside have them too, ``X_val`` has its own.
    max_time : float, optional
        Seconds after which no further epoch begins.
    callbacks : callable or list of callables, optional
        Each is called as ``f(estimator, history)`` at the end of an epoch, history being that of
        Backprop; one that returns True ends the training.
    n_threads : int, optional
        At most so many threads for all that it does; work too small for them takes one.  By default
        as many as there are processors for this process, or fewer where OMP_NUM_THREADS,
        threadpoolctl or joblib say so.  The results are the same bits for any number.

    Attributes
    ----------
    classes_ : ndarray
        The classes, sorted.
    loss_ : float
        Of the last epoch, penalty included: the mean over its batches at the weights each saw; for
        pso the best so far.
    best_loss_ : float or None
        The lowest; None with early stopping.  Not for lbfgs.
    loss_curve_ : list of float
        ``loss_`` of each epoch, those of earlier calls that were gone on from included.
    validation_scores_ : list of float or None
        The score after each epoch, with early stopping.  Not for lbfgs or pso.
    best_validation_score_ : float or None
        The highest.  Not for lbfgs or pso.
    validation_loss_curve_ : list of float or None
        Loss on the validation data, if there are any, after each epoch, without the penalty.
    t_ : int
        Rows that sgd, adam or adamw have been trained on.
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
        learning_rate: str = "constant",
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
        scoring: Any = None,
        class_weight: Any = None,
        max_time: float | None = None,
        callbacks: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self._keep(locals())

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        **_Perceptron._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    @_validated
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

    @_stochastic
    @_validated
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
        outputs = self._outputs(X)
        if self._is_multilabel():
            return cast(Array, self._label_binarizer.inverse_transform(outputs))
        return self.classes_.take(self._indices(outputs), mode="clip")

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
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

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
        """Return the accuracy of ``predict(X)``; of several labels all must be right.

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

    def _is_multilabel(self) -> bool:
        return bool(self._label_binarizer.y_type_.startswith("multilabel"))

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

    def _strata(self, y: Array) -> Array | None:
        # scikit-learn stratifies two classes alone, which it calls False and True.
        return np.array(["False", "True"])[y[:, 0]] if y.ndim == 2 and y.shape[1] == 1 else None


class MLPRegressor(RegressorMixin, _Perceptron):  # type: ignore[misc]
    """Multilayer perceptron regressor: scikit-learn's, on pyl2's engine.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        Half the squared error; or half the Poisson deviance, with exp as output, for y ≥ 0.
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer.
    activation : str or sequence of str, default="relu"
        Of the hidden layers, one for all or one for each: "identity", "logistic", "tanh" or "relu".
    solver : {"lbfgs", "sgd", "adam", "adamw", "pso"}, default="adam"
        "sgd" with momentum, "adam" as scikit-learn writes them, "adamw" as PyTorch computes it;
        "lbfgs" is SciPy's, on the error over all rows; "pso" a swarm of 50 particles, on the same
        error, with the defaults of ``ParticleSwarm``.
    alpha : float or sequence of float, default=0.0001
        The L2 constant λ ≥ 0, one for all layers or one for each; biases are in no penalty.
    batch_size : int or "auto", default="auto"
        Rows of a batch; "auto" is 200, or all if there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        Schedule for sgd and adamw: the rate stays; or is divided by (1 + rows seen)^power_t; or is
        divided by 5 whenever training stalls, until it is 1e-6.
    learning_rate_init : float, default=0.001
        The learning rate η of sgd, adam and adamw.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Most epochs; for lbfgs and pso iterations.
    shuffle : bool, default=True
        Whether each epoch takes the rows in a new order.
    random_state : None, int or numpy.random.RandomState, default=None
        Where initial weights, the validation split and the orders come from.
    tol : float, default=1e-4
        An epoch that does not better the loss or the validation score by this stalls; for lbfgs the
        largest component of the gradient to reach; pso ends when ``n_iter_no_change`` iterations
        together have not lowered the loss by more.
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
        data are ``X_val`` and ``y_val`` of ``fit``, else a part set aside.  Not for lbfgs or pso.
    validation_fraction : float, default=0.1
        The part to set aside.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the moments of adam and adamw.
    epsilon : float, default=1e-8
        In the denominator of adam and adamw; at least the smallest normal number of the dtype.
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
    scoring : None, str or callable, default=None
        What early stopping judges by: None is R²; "loss" the validation loss without the
        penalty, its negative being the score; or a scorer of scikit-learn's, by name or as
        ``scorer(estimator, X, y)``.
    max_time : float, optional
        Seconds after which no further epoch begins.
    callbacks : callable or list of callables, optional
        Each is called as ``f(estimator, history)`` at the end of an epoch, history being that of
        Backprop; one that returns True ends the training.
    n_threads : int, optional
        At most so many threads for all that it does; work too small for them takes one.  By default
        as many as there are processors for this process, or fewer where OMP_NUM_THREADS,
        threadpoolctl or joblib say so.  The results are the same bits for any number.

    Attributes
    ----------
    loss_ : float
        Of the last epoch, penalty included: the mean over its batches at the weights each saw.
        As scikit-learn has it, a squared error is averaged over outputs; for lbfgs and pso it is
        summed.  That of pso is the best so far.
    best_loss_ : float or None
        The lowest; None with early stopping.  Not for lbfgs.
    loss_curve_ : list of float
        ``loss_`` of each epoch, those of earlier calls that were gone on from included.
    validation_scores_ : list of float or None
        The score after each epoch, with early stopping.  Not for lbfgs or pso.
    best_validation_score_ : float or None
        The highest.  Not for lbfgs or pso.
    validation_loss_curve_ : list of float or None
        Loss on the validation data, if there are any, after each epoch, without the penalty.
    t_ : int
        Rows that sgd, adam or adamw have been trained on.
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
        "identity", or "exp" for Poisson.

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
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: Any = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
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
        scoring: Any = None,
        max_time: float | None = None,
        callbacks: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self._keep(locals())

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        **_Perceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }
    _numeric_targets = True

    @_validated
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

    @_stochastic
    @_validated
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

    def _encode(self, y: Array, incremental: bool) -> Array:
        return y[:, None] if y.ndim == 1 else y

    def _held_out_targets(self, y: Array) -> Array:
        return self._encode(y, False)

    def _set_outputs(self, y: Array) -> None:
        self.n_outputs_ = y.shape[1]
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
