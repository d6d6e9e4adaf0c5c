"""MLPClassifier and MLPRegressor: scikit-learn's estimators, on the trainers of pyl2."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Number, Real
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from pyl2._common import dataset as datasets
from pyl2._common import metrics, penalty, sparse, threads
from pyl2._common.activations import NUMBERS, check_activations, is_one
from pyl2._common.dataset import Dataset, check_dataset
from pyl2._common.initial import INITIAL
from pyl2._common.named import Named
from pyl2._common.outputs import Objective
from pyl2._common.scaling import warn_if_unscaled
from pyl2._common.validation import (
    LARGEST,
    MANY,
    Array,
    all_finite,
    check_array,
    check_entries,
    check_integer,
    check_mapping,
    check_normal,
    check_real,
    check_returned,
    shown,
)
from pyl2._common.warn import warn
from pyl2.estimators._sklearn_compat import (
    HOOKS,
    CallbackSupportMixin,
    Interval,
    Options,
    StrOptions,
    check_sample_weight,
    has_callbacks,
)
from pyl2.estimators.callbacks import Epochs
from pyl2.estimators.exports import ExportsNetwork
from pyl2.estimators.policy import EstimatorPolicy, FitState
from pyl2.export.layers import Model, layers
from pyl2.network import Network, empty_network, engine_of, initialise
from pyl2.swarm.trainer import ParticleSwarm, SwarmRun
from pyl2.training.course import COURSES, check_course, check_warmup
from pyl2.training.descent import Descent, Run
from pyl2.training.dropout import check_dropout
from pyl2.training.history import History
from pyl2.training.lbfgs import Minimisation
from pyl2.training.levenberg import LevenbergMarquardt, check_problem
from pyl2.training.schedule import SCHEDULES
from pyl2.training.session import Diverged, TrainingSession, check_callbacks
from pyl2.training.settings import ALL_SCHEDULES, Settings
from pyl2.training.solvers import SOLVERS, check_decay
from pyl2.training.state import OptimizerState

_Method = TypeVar("_Method", bound=Callable[..., Any])

# "sgd" stands for momentum and nesterov too, which have parameters of their own.
ESTIMATOR_SOLVERS = tuple(name for name in SOLVERS if name not in ("momentum", "nesterov"))

# Whose learning rate follows ``learning_rate``, as in scikit-learn.
_SCHEDULED = ("sgd", "adamw", "rmsprop", "nadam")

# What lm means nothing to, and the defaults.
_NOT_FOR_LM = {
    "early_stopping": False,
    "learning_rate": "constant",
    "power_t": 0.5,
    "shuffle": True,
    "momentum": 0.9,
    "nesterovs_momentum": True,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
}

_NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and"
    " need to be preprocessed."
)


class HeldOut(NamedTuple):
    """Validation data: y as the network takes it, and as the user gave it."""

    X: Any
    y: Array
    labels: Array
    sample_weight: Array | None


class FitRows(NamedTuple):
    """What a fit trains on: y as the network takes it, and as the user gave it.

    ``first`` says whether the fit begins anew, ``incremental`` whether it is one of partial_fit.
    """

    X: Any
    y: Array
    labels: Array
    sample_weight: Array | None
    held_out: HeldOut | None
    first: bool
    incremental: bool = False


class Fit(NamedTuple):
    """A fit that is ready to go.

    ``state`` is what may go on to the next fit: of gradient descent a FitState, of pso the swarm.
    """

    rows: FitRows
    dataset: Dataset
    state: FitState | ParticleSwarm | None
    run: Run

    @property
    def early_stopping(self) -> bool:
        """Whether the best parameters on validation data are kept."""
        return isinstance(self.state, FitState) and self.state.settings.early_stopping

    def restore_best(self) -> None:
        """Put the best parameters in place, where early stopping has kept them."""
        if isinstance(self.run, Descent):
            self.run.finish()


def _hold_out(rows: FitRows, train: Array, rest: Array) -> FitRows:
    """Return the rows to train on, with the rest as validation data."""
    X, y, labels, weight = rows.X, rows.y, rows.labels, rows.sample_weight
    held_out = HeldOut(X[rest], y[rest], labels[rest], None if weight is None else weight[rest])
    kept = None if weight is None else weight[train]
    return rows._replace(X=X[train], y=y[train], sample_weight=kept, held_out=held_out)


class NoOverflow:
    """Name what holds a whole number that is too large: scikit-learn does not look for such.

    No generator: it is on the way of a prediction of one row.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, OverflowError):
            raise ValueError(f"{self._name} must hold finite numbers: {error}") from None


@contextmanager
def named_error(name: str) -> Iterator[None]:
    """Put a name behind an error of scikit-learn's, which knows none or another."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{error} ({name})") from None


def check_numbers(estimator: Any) -> None:
    """See that whole numbers fit an int64, or a float where they need not be whole.

    scikit-learn's check stumbles over others.
    """
    for name, value in estimator.get_params(deep=False).items():
        if not isinstance(value, Real) or isinstance(value, float | np.floating):
            continue
        constraints = estimator._parameter_constraints[name]
        intervals = [one.type for one in constraints if isinstance(one, Interval)]
        if Real in intervals:
            if not isinstance(value, Integral):
                raise TypeError(f"{name} must be a float or an int, got {shown(value)}")
            check_real(name, int(value))
        elif Integral in intervals or not isinstance(value, bool):
            check_integer(name, value, -LARGEST)


def check_weights(sample_weight: Any, X: Any, dtype: Any = None) -> Array:
    """Return sample weights as scikit-learn checks them."""
    if isinstance(sample_weight, Number) and not isinstance(sample_weight, Real):
        raise TypeError(f"sample_weight must hold numbers, got {shown(sample_weight)}")
    with NoOverflow("sample_weight"):
        return cast(Array, check_sample_weight(sample_weight, X, dtype=dtype))


def validated(
    estimator: Any,
    X: Any,
    y: Any,
    dtype: Any,
    reset: bool,
    numeric: bool,
    names: tuple[str, str] = ("X", "y"),
    **own: Any,
) -> tuple[Any, Any]:
    """Return X and y as scikit-learn checks them for an estimator that is fitted.

    ``own`` are arguments of its check other than ours: accept_sparse, ensure_min_samples.
    """
    checks = {"accept_sparse": "csr", **own}
    # scikit-learn looks at the largest numbers: those of both signs have no sum.
    with np.errstate(invalid="ignore"), NoOverflow(" or ".join(names)):
        X, y = validate_data(
            estimator,
            sparse.matrix(names[0], X),
            sparse.matrix(names[1], y),
            multi_output=True,
            y_numeric=numeric,
            dtype=dtype,
            reset=reset,
            **checks,
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return X, y


def validated_rows(
    estimator: Any, X: Any, y: Any, sample_weight: Any, reset: bool, numeric: bool, **own: Any
) -> tuple[Any, Any, Array | None]:
    """Return X, y and the weights of a fit that has them from nowhere else, as `validated`."""
    X, labels = validated(estimator, X, y, (np.float64, np.float32), reset, numeric, **own)
    if sample_weight is not None:
        sample_weight = check_weights(sample_weight, X, X.dtype)
        datasets.check_sample_weight(sample_weight, X.shape[0], X.dtype)
    return X, labels, sample_weight


def _needs_no_check(estimator: Any, X: Any, dtype: Any) -> bool:
    """Whether scikit-learn would return X itself; to find that takes it 0.14 ms."""
    return (
        type(X) is np.ndarray
        and X.dtype == dtype
        and X.ndim == 2
        and len(X) > 0
        and X.shape[1] == getattr(estimator, "n_features_in_", None)
        and not hasattr(estimator, "feature_names_in_")
        and all_finite(X)
    )


def validated_inputs(estimator: Any, X: Any, dtype: Any, accept_sparse: Any = "csr") -> Any:
    """Return rows to predict for as scikit-learn checks them."""
    if _needs_no_check(estimator, X, dtype):
        return X
    X = sparse.matrix("X", X)
    # As above.
    with np.errstate(invalid="ignore"), NoOverflow("X"):
        return validate_data(estimator, X, accept_sparse=accept_sparse, dtype=dtype, reset=False)


def refuse_lost(outputs: Array) -> Array:
    """Return outputs none of which is NaN."""
    lost = 0 if all_finite(outputs) else np.isnan(outputs).any(axis=1).sum()
    if lost:
        raise ValueError(
            f"the predictions for {lost} rows of X are NaN: their numbers are so large"
            " that they overflow in the model; scaled inputs (StandardScaler) help"
        )
    return outputs


def stochastic(method: _Method) -> _Method:
    """Hide a method of an estimator whose solver goes by all rows at once."""
    return cast(_Method, available_if(_is_stochastic)(method))


def _is_stochastic(estimator: Any) -> bool:
    reasons = {
        "lbfgs": "lbfgs is not stochastic.",
        "lm": "lm is not stochastic.",
        "pso": "pso needs all rows at once.",
    }
    if estimator.solver in reasons:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. " + reasons[estimator.solver]
        )
    return True


class BaseMLP(CallbackSupportMixin, ExportsNetwork, BaseEstimator):  # type: ignore[misc]
    """What the two estimators share; each says how targets become numbers and back."""

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012 (scikit-learn's convention)
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(NUMBERS)), list, tuple],
        "solver": [StrOptions(set(ESTIMATOR_SOLVERS))],
        "alpha": [Interval(Real, 0, None, closed="left"), list, tuple, np.ndarray],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions(set(ALL_SCHEDULES)), list, tuple, callable],
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
        "init": [StrOptions(set(INITIAL)), callable],
        "warmup": [Interval(Real, 0, None, closed="left")],
        "l2_schedule": [StrOptions(set(COURSES)), list, tuple, callable],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "clip_value": [Interval(Real, 0, None, closed="neither"), None],
        "average": [Interval(Real, 0, 1, closed="neither"), None],
        "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple, np.ndarray],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
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

    def __init__(
        self,
        *,
        hidden_layer_sizes: Any,
        activation: Any,
        solver: str,
        batch_size: Any,
        learning_rate: Any,
        learning_rate_init: float,
        power_t: float,
        max_iter: int,
        shuffle: bool,
        random_state: Any,
        tol: float,
        verbose: Any,
        momentum: float,
        nesterovs_momentum: bool,
        early_stopping: bool,
        validation_fraction: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        n_iter_no_change: float,
        max_fun: int,
        decay: str | None,
        n: Any,
        init: Any,
        warmup: float,
        l2_schedule: Any,
        clip_norm: float | None,
        clip_value: float | None,
        average: float | None,
        dropout: Any,
        input_dropout: float,
        scoring: Any,
        max_time: float | None,
        callbacks: Any,
        n_threads: int | None,
        loss: Any,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.decay = decay
        self.n = n
        self.init = init
        self.warmup = warmup
        self.l2_schedule = l2_schedule
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.average = average
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.scoring = scoring
        self.max_time = max_time
        self.callbacks = callbacks
        self.n_threads = n_threads
        self.loss = loss  # in every MLP of scikit-learn's, whether or not it can be chosen

    def _validate_params(self) -> None:
        """Refuse what scikit-learn's check stumbles over or lets pass, then have it look."""
        check_numbers(self)
        super()._validate_params()
        self._hidden_sizes()
        check_activations("activation", self.activation)
        check_course("learning_rate", self.learning_rate, ALL_SCHEDULES)
        self._by_step(Settings(self.solver))
        check_class_weight(self.class_weight)
        check_callbacks(self.callbacks or ())

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

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__module__.startswith("pyl2."):
            _warn_of_hooks(cls)

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
        return network

    def _take(self, name: str, shown: Any, views: tuple[Array, ...]) -> None:
        """Copy the user's arrays into the network, and show its own in their place."""
        if len(shown) != len(views):
            raise ValueError(f"{name} must hold {len(views)} arrays, got {len(shown)}")
        arrays = [
            check_array(f"{name}[{layer}]", array, view.dtype)
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
        self._network = empty_network(sizes, hidden, self._objective(), dtype)

    def _start(self, inputs: int, hidden_sizes: list[int], dtype: Any, rng: Any) -> None:
        """Begin anew, with scikit-learn's initial weights."""
        hidden = self._activations(len(hidden_sizes))
        sizes = (inputs, *hidden_sizes, self.n_outputs_)
        try:
            network = empty_network(sizes, hidden, self._objective(), dtype)
        except ValueError as error:  # more parameters than there can be
            raise ValueError(f"hidden_layer_sizes is too large: {error}") from None
        # Its bound for the output layer, too, goes by the hidden activation.
        last = self.activation if is_one(self.activation) else [*hidden, "relu"][-1]
        initialise(network, rng, (*hidden, last), self.init)
        self.n_layers_ = len(sizes)
        self.t_ = 0
        self.__dict__.pop("_optimizer", None)
        self._expose(network)

    def _go_on(self) -> None:
        """Take the parameters of the last fit into a network of today's activations and loss."""
        network = self._fitted()
        sizes = list(network.layer_sizes[1:-1])
        if self._hidden_sizes() != sizes:
            raise ValueError(
                f"warm_start and partial_fit go on with hidden_layer_sizes={sizes}, got"
                f" {shown(self.hidden_layer_sizes)}: set warm_start=False to start afresh"
            )
        hidden, objective = self._activations(len(sizes)), self._objective()
        if hidden == network.hidden and objective == engine_of(network).objective:
            return
        renewed = empty_network(network.layer_sizes, hidden, objective, network.dtype)
        renewed.params[...] = network.params
        kept = getattr(self, "_optimizer", None)
        if isinstance(kept, FitState) and kept.network is network:
            kept.network = renewed
        self._expose(renewed)

    def _objective(self) -> Objective:
        """Return the output and what E₀ is made of."""
        raise NotImplementedError

    def _activations(self, layers: int) -> tuple[Named, ...]:
        if not is_one(self.activation) and len(self.activation) != layers:
            raise ValueError(
                f"activation must be one name or have one per hidden layer ({layers}),"
                f" got {shown(self.activation)}"
            )
        checked = check_activations("activation", self.activation)
        return tuple(checked * layers if is_one(self.activation) else checked)

    def _outputs(self, X: Any) -> Array:
        X, network = self._inputs(X), self._fitted()
        n_threads = threads.count(self.n_threads)
        return refuse_lost(engine_of(network).predict(network.params, X, n_threads))

    def _inputs(self, X: Any) -> Any:
        """Check rows to predict for."""
        check_is_fitted(self, "coefs_")
        return validated_inputs(self, X, self._fitted().dtype)

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
        X, network = self._inputs(X), self._fitted()
        return engine_of(network).activations(network.params, X, threads.count(self.n_threads))

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
        X, network = self._inputs(X), self._fitted()
        return engine_of(network).input_gradient(network.params, X, threads.count(self.n_threads))

    # Training.

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
    ) -> None:
        fit = self._set_up(self._rows(X, y, sample_weight, validation, incremental))
        if not has_callbacks(self):
            self._run(fit)
            return
        reporter = Epochs(self, X, y, sample_weight, fit.run.session.epochs)
        fit.run.session.callbacks.append(reporter.finish_epoch)
        self._run(fit)
        reporter.finish()

    def _rows(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
    ) -> FitRows:
        """Check all that is passed to a fit."""
        self._hidden_sizes()
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        dtype = (np.float64, np.float32) if first else self._fitted().dtype
        X, labels = self._validate(X, y, dtype, reset=first)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, X, X.dtype)
        return self._encoded(X, labels, sample_weight, validation, first, incremental)

    def _encoded(
        self,
        X: Any,
        labels: Array,
        sample_weight: Array | None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        first: bool = True,
        incremental: bool = False,
    ) -> FitRows:
        """Encode the targets of checked rows, and weigh their classes."""
        y = self._encode(labels, incremental)
        sample_weight = self._weigh_classes(labels, sample_weight)
        held_out = self._given_validation(validation, X.dtype)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        return FitRows(X, y, labels, sample_weight, held_out, first, incremental)

    def _set_up(self, rows: FitRows, like: Fit | None = None) -> Fit:
        """Set up the training of checked rows.

        ``like`` is the fit of an estimator that differs in alpha alone: the rows that it trains on
        are used, and no copy is made of them.
        """
        self._set_outputs(rows.y)
        rng = check_random_state(self.random_state)
        if rows.first:
            self._start(rows.X.shape[1], self._hidden_sizes(), rows.X.dtype, rng)
        else:
            self._go_on()
        state = self._solver_state(rng, rows.incremental)
        if isinstance(state, FitState):
            if state.settings.early_stopping and rows.held_out is None:
                parts = self._draw_validation(rows, state)  # the orders are drawn after it
                rows = _hold_out(rows, *parts) if like is None else like.rows
            batch_size = self._batch_rows(rows.X.shape[0])
            state.settings = replace(state.settings, batch_size=batch_size)
        self._begin(rows, state)
        if like is None:
            dataset = check_dataset(rows.X, rows.y, rows.sample_weight, self._network)
        else:
            dataset = like.dataset
        session = TrainingSession(
            self,
            self._network,
            1 if rows.incremental else self.max_iter,
            self._validation(state, rows.held_out),
            self.max_time,
            self._watchers(state),
            threads.count(self.n_threads),
        )
        return Fit(rows, dataset, state, self._run_of(state, session))

    def _solver_state(self, rng: Any, incremental: bool) -> FitState | ParticleSwarm | None:
        """Return what the solver goes on from, or begins with; lbfgs and lm keep nothing."""
        if self.solver == "pso":
            return self._swarm(rng)
        full_batch = SOLVERS[self.solver].full_batch
        return None if full_batch else self._descent_state(rng, incremental)

    def _run_of(self, state: FitState | ParticleSwarm | None, session: TrainingSession) -> Run:
        """Return the training by the solver."""
        if isinstance(state, ParticleSwarm):
            return SwarmRun(state, session, penalty.check_n(self.n))
        if isinstance(state, FitState):
            return Descent(state.settings, state.state, state.policy, session)
        check_decay(self.decay, self.solver)
        per_layer = penalty.per_layer(self.alpha, len(self._network.weights), "alpha")
        if self.solver == "lm":
            given = {name: (getattr(self, name), default) for name, default in _NOT_FOR_LM.items()}
            check_problem(
                engine_of(self._network).objective, self._network.params.size, given, "solver"
            )
            n, tol = penalty.check_n(self.n), float(self.tol)
            return LevenbergMarquardt(session, per_layer, n, gradient_tol=tol)
        options = {"maxfun": self.max_fun, "gtol": float(self.tol)}
        return Minimisation(session, per_layer, penalty.check_n(self.n), options=options)

    def _hidden_sizes(self) -> list[int]:
        name, sizes = "hidden_layer_sizes", self.hidden_layer_sizes
        one = isinstance(sizes, Integral)
        listed = [sizes] if one else check_entries(name, sizes, "a whole number, or several")
        found = [check_integer(name, size, -MANY, MANY) for size in listed]
        if any(size <= 0 for size in found):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {found}.")
        return found

    def _validate(
        self, X: Any, y: Any, dtype: Any, reset: bool, names: tuple[str, str] = ("X", "y")
    ) -> tuple[Any, Any]:
        return validated(self, X, y, dtype, reset, self._numeric_targets, names)

    def _given_validation(
        self,
        validation: tuple[Any, Any, Any],
        dtype: Any,
        names: tuple[str, str] = ("X_val", "y_val"),
    ) -> HeldOut | None:
        X, y, sample_weight = validation
        if X is None and y is None:
            if sample_weight is not None:
                raise ValueError("sample_weight_val is provided, but X_val and y_val were not.")
            return None
        if y is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        if X is None:
            raise ValueError("y_val is provided, but X_val was not provided.")
        with named_error(" or ".join(names)):
            X, labels = self._validate(X, y, dtype, reset=False, names=names)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, X, dtype)
        return self._held_out(X, labels, sample_weight)

    def _held_out(self, X: Any, labels: Array, sample_weight: Array | None = None) -> HeldOut:
        """Encode the targets of checked validation data."""
        return HeldOut(X, self._held_out_targets(labels), labels, sample_weight)

    def _weigh_classes(self, labels: Array, sample_weight: Array | None) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        weight: Array = compute_sample_weight(self.class_weight, labels)
        return weight if sample_weight is None else weight * sample_weight

    def _draw_validation(self, rows: FitRows, state: FitState) -> tuple[Array, Array]:
        """Return scikit-learn's split, from the same random numbers: which rows train, and rest."""
        rng = state.state.rng
        if state.policy.full and state.policy.fresh:
            self._split_rng = copy.deepcopy(rng)
        elif state.policy.full:  # the rows that the first fit set aside
            rng = copy.deepcopy(getattr(self, "_split_rng", rng))
        with named_error(f"validation_fraction={self.validation_fraction}"):
            train, rest = train_test_split(
                np.arange(rows.X.shape[0]),
                random_state=rng,
                test_size=self.validation_fraction,
                stratify=self._strata(rows.y),
            )
        if len(rest) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of"
                " your dataset."
            )
        return train, rest

    def _strata(self, y: Array) -> Array | None:
        return None

    def _descent_state(self, rng: Any, incremental: bool) -> FitState:
        """Return the state that goes on, or a new one, set for this fit."""
        network, full = self._network, self.warm_start == "full"
        kept: Any = getattr(self, "_optimizer", None)
        ours = isinstance(kept, FitState) and kept.network is network
        goes_on = ours and (full or incremental)
        if not goes_on or (full and kept.settings.optimizer != self._optimizer_name()):
            name = self._optimizer_name()
            state = OptimizerState.begin(name, network.params, rng, self.average)
            kept = FitState(network, Settings(name), state, EstimatorPolicy(full))
            goes_on = False
        if full or not goes_on:  # scikit-learn's optimizers keep the rates they were made with
            kept.settings = replace(kept.settings, **self._rates())
        if not full:
            kept.state.rng = rng
        kept.settings = replace(
            kept.settings,
            l2=penalty.plain(self.alpha, len(network.weights), "alpha"),
            n=penalty.check_n(self.n),
            shuffle=self.shuffle,
            tol=float(self.tol),
            decay=None if self.decay is None else check_decay(self.decay, self.solver),
            n_iter_no_change=self.n_iter_no_change,
            early_stopping=self.early_stopping,
        )
        kept.settings = self._by_step(kept.settings)
        if incremental and kept.settings.stepwise:
            raise ValueError(
                "partial_fit has no last update: learning_rate must be one of"
                f" {', '.join(SCHEDULES)}, warmup 0 and l2_schedule 'constant'"
            )
        kept.policy.full, kept.policy.verbose = full, self.verbose
        squared = engine_of(network).objective.loss_name == "squared_error"
        kept.policy.averaged = self.n_outputs_ if squared else 1
        if SOLVERS[self.solver].has_epsilon:
            check_normal("epsilon", kept.settings.epsilon, network.dtype)
        self._optimizer = kept
        return cast(FitState, kept)

    def _by_step(self, settings: Settings) -> Settings:
        """Return settings with what the single update depends on, checked."""
        found = replace(
            settings,
            warmup=check_warmup(self.warmup),
            l2_schedule=check_course("l2_schedule", self.l2_schedule),
            clip_norm=None if self.clip_norm is None else float(self.clip_norm),
            clip_value=None if self.clip_value is None else float(self.clip_value),
            average=None if self.average is None else float(self.average),
            **check_dropout(self.dropout, self.input_dropout, len(self._hidden_sizes())),
        )
        found.check_steps()
        return found

    def _swarm(self, rng: Any) -> ParticleSwarm:
        """Return the swarm that goes on, or a new one, set for this fit."""
        if self.early_stopping:
            raise ValueError("early_stopping=True does not go with solver='pso'")
        network, full = self._network, self.warm_start == "full"
        swarm: Any = getattr(self, "_optimizer", None) if full else None
        goes_on = isinstance(swarm, ParticleSwarm) and swarm.network is network
        swarm = swarm if goes_on else ParticleSwarm(network, seed=rng)
        swarm.l2 = penalty.per_layer(self.alpha, len(network.weights), "alpha")
        swarm.tol, swarm.n_threads = float(self.tol), self.n_threads
        patience = self.n_iter_no_change
        swarm.n_iter_no_change = None if patience == np.inf else int(patience)
        check_decay(self.decay, self.solver)
        if full:
            self._optimizer = swarm
        return cast(ParticleSwarm, swarm)

    def _optimizer_name(self) -> str:
        if self.solver != "sgd":
            return str(self.solver)
        if self.momentum == 0:
            return "sgd"
        return "nesterov" if self.nesterovs_momentum else "momentum"

    def _rates(self) -> dict[str, Any]:
        """Return what the steps of the optimizer depend on, but for alpha."""
        by_epoch = isinstance(self.learning_rate, str) and self.learning_rate in SCHEDULES
        scheduled = self.solver in _SCHEDULED or not by_epoch
        schedule = self.learning_rate if scheduled else "constant"
        return {
            "eta": float(self.learning_rate_init),
            "schedule": check_course("learning_rate", schedule, ALL_SCHEDULES),
            "power_t": float(self.power_t),
            "momentum": float(self.momentum),
            "beta_1": float(self.beta_1),
            "beta_2": float(self.beta_2),
            "epsilon": float(self.epsilon),
        }

    def _begin(self, rows: FitRows, state: FitState | ParticleSwarm | None) -> None:
        """Set up the attributes that describe the training, or go on with them."""
        self.n_iter_ = 0
        if rows.first or not hasattr(self, "loss_curve_"):
            self.loss_curve_ = []
        if rows.held_out is None:
            self.validation_loss_curve_ = None
        elif rows.first or getattr(self, "validation_loss_curve_", None) is None:
            self.validation_loss_curve_ = []
        if not isinstance(state, FitState):
            return
        early, progress = state.settings.early_stopping, state.policy.progress
        if rows.first or not hasattr(self, "best_loss_") or early != (self.best_loss_ is None):
            self._no_improvement_count = 0
            self.validation_scores_ = [] if early else None
            self.best_validation_score_ = -np.inf if early else None
            self.best_loss_ = None if early else np.inf
        progress.items_seen = self.t_
        progress.best = -self.best_validation_score_ if early else self.best_loss_
        progress.stalled = self._no_improvement_count

    def _batch_rows(self, rows: int) -> int:
        if self.batch_size == "auto":
            return rows if SOLVERS[self.solver].one_batch else min(200, rows)
        if self.batch_size > rows:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
            )
        return int(self.batch_size)

    def _run(self, fit: Fit) -> None:
        """Train, and leave what the training has led to."""
        if self._begins(fit.state):
            warn_if_unscaled(fit.dataset.x)
        try:
            with engine_of(self._network).training_lock:
                fit.run.run(fit.dataset)
        except Diverged as error:
            self._diverged(fit, error)
        except KeyboardInterrupt:
            if SOLVERS[self.solver].full_batch:
                raise
            warn("Training interrupted by user.")
            fit.restore_best()
        else:
            if not fit.rows.incremental:
                self._conclude(fit.run)
        finally:
            self._settle(fit.state)

    def _begins(self, state: FitState | ParticleSwarm | None) -> bool:
        """Whether nothing goes on that has been trained before."""
        if isinstance(state, ParticleSwarm):
            return not state.evaluations
        return not isinstance(state, FitState) or not self.t_

    def _settle(self, state: FitState | ParticleSwarm | None) -> None:
        """Keep of the training what the next fit will look at."""
        if state is None:  # lbfgs and lm count no stalls
            self._no_improvement_count = 0
        if isinstance(state, FitState):
            self._no_improvement_count = state.policy.progress.stalled
            state.rest()

    def _validation(
        self, state: FitState | ParticleSwarm | None, held_out: HeldOut | None
    ) -> Callable[[Network], float] | None:
        """Return what the session asks after each epoch: the lower, the better."""
        if held_out is None:
            return None
        X, y, _, sample_weight = held_out
        dataset = check_dataset(X, y, sample_weight, self._network, ("X_val", "y_val"))
        averaged, early = 1, False
        if isinstance(state, FitState):
            averaged, early = state.policy.averaged, state.settings.early_stopping
        score = self._scorer(held_out) if early and self.scoring != "loss" else None
        n_threads = threads.count(self.n_threads)

        def validate(network: Network) -> float:
            error, _ = engine_of(network).error(network.params, dataset, n_threads=n_threads)
            loss = error / averaged
            self.validation_loss_curve_.append(loss)
            if not early:
                return loss
            self.validation_scores_.append(-loss if score is None else score())
            return -float(self.validation_scores_[-1])

        return validate

    def _scorer(self, held_out: HeldOut) -> Callable[[], float]:
        X, y, labels, weight = held_out
        measure = engine_of(self._network).objective.measure if self.scoring is None else "R²"
        if judges_by_r2(self) and not metrics.has_r2(len(y), weight):
            raise ValueError(
                f"early stopping judges by {measure}, which takes two rows of validation data with"
                f" a weight > 0, got {len(y) if weight is None else np.count_nonzero(weight)}:"
                " scoring='neg_mean_squared_error' judges by one row too"
            )
        if self.scoring is None:
            network, n_threads = self._network, threads.count(self.n_threads)
            engine = engine_of(network)
            return lambda: metrics.score(
                engine.predict(network.params, X, n_threads), y, engine.objective, weight
            )
        # X_val is an array now: the scorer predicts with an estimator that knows no names.
        model = copy.copy(self)
        model.__dict__.pop("feature_names_in_", None)
        scorer = check_scoring(self, self.scoring)
        arguments = {} if weight is None else {"sample_weight": weight}
        return lambda: check_returned("scoring", scorer(model, X, labels, **arguments))

    def _watchers(
        self, state: FitState | ParticleSwarm | None
    ) -> list[Callable[[Any, History], Any]]:
        """Return what the session calls after each epoch."""

        def enter(_: Any, history: History) -> None:
            self._enter(state, history)

        if self.callbacks is None:
            return [enter]
        theirs = check_callbacks(self.callbacks)

        def asked(_: Any, history: History) -> bool:
            answers = [callback(self, history) is True for callback in theirs]
            return any(answers)

        return [enter, asked]

    def _enter(self, state: FitState | ParticleSwarm | None, history: History) -> None:
        """Enter an epoch into the attributes."""
        self.n_iter_ = len(history)
        descent = state if isinstance(state, FitState) else None
        self.loss_ = descent.policy.last_loss if descent else float(history.error[-1])
        self.loss_curve_.append(self.loss_)
        if self.verbose and self.solver != "lbfgs":
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if self.solver == "pso":
            self.best_loss_ = self.loss_
        if descent is None:
            return
        progress = descent.policy.progress
        self.t_ = progress.items_seen
        if not descent.settings.early_stopping:
            self.best_loss_ = progress.best
            return
        self.best_validation_score_ = -progress.best
        if self.verbose:
            print(f"Validation score: {self.validation_scores_[-1]:f}")

    def _conclude(self, run: Run) -> None:
        """Warn if training has not converged."""
        result = run.result if isinstance(run, Minimisation) else None
        if result is not None:
            self.loss_ = float(result.fun)
        if unfinished(run):
            self._warn_not_converged(result)

    def _warn_not_converged(self, result: Any) -> None:
        if result is None:
            names = {"pso": "Particle Swarm", "lm": "Levenberg-Marquardt"}
            name = names.get(self.solver, "Stochastic Optimizer")
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

    def _diverged(self, fit: Fit, error: Diverged) -> None:
        """Early stopping still has its best parameters; all else is an error."""
        setting = f"learning_rate_init={self.learning_rate_init} and alpha={self.alpha}: {error}"
        if not fit.early_stopping:
            raise ValueError(f"{_NOT_FINITE} It happened with {setting}") from None
        self.n_iter_ += 1
        self.loss_ = math.nan
        for curve in (self.loss_curve_, self.validation_scores_, self.validation_loss_curve_):
            curve.append(math.nan)
        fit.restore_best()
        warn(
            f"Training diverged with {setting} Early stopping has put the best parameters back.",
            ConvergenceWarning,
        )

    # Out and in.

    def _exported(self) -> Model:
        check_is_fitted(self, "coefs_")
        return Model([layers(self._fitted())], kind="regressor")

    def to_sklearn(self, predict_only: bool = False) -> Any:
        """Convert to scikit-learn's own fitted estimator, which exporters such as skl2onnx know.

        Parameters
        ----------
        predict_only : bool, default=False
            Whether predictions alone have to be the same: what matters in training alone and is
            not scikit-learn's (a solver, decay, n, λ for each layer and so on) is left at its
            default, and no optimizer comes along.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
            With the same parameters, weights and state of the optimizer; nothing is shared.

        Raises
        ------
        ValueError
            If it is not fitted, or has what scikit-learn lacks; the message names it.
        """
        from pyl2.estimators.conversion import to_sklearn

        return to_sklearn(self, predict_only)

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Any:
        """Convert a fitted estimator of scikit-learn to pyl2's.

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
        from pyl2.estimators.conversion import from_sklearn

        made = from_sklearn(estimator)
        if not isinstance(made, cls):
            raise TypeError(f"{cls.__name__}.from_sklearn cannot take {type(estimator).__name__}")
        return made


def unfinished(run: Run) -> bool:
    """Whether a training has ended, by itself, before it converged."""
    stopped = run.session.history.stopped
    result = run.result if isinstance(run, Minimisation) else None
    failed = result is not None and result.status != 0
    return stopped == "epochs" or (failed and stopped == "converged")


def _warn_of_hooks(kind: type) -> None:
    """Warn where a subclass overrides what scikit-learn's training calls, and ours does not."""
    overridden = sorted(name for name in HOOKS - set(dir(BaseMLP)) if hasattr(kind, name))
    if overridden:
        instead = "; init= takes a function for initial weights" * ("_init_coef" in overridden)
        warn(
            f"{kind.__name__} overrides {', '.join(overridden)} of scikit-learn's MLP, which pyl2"
            f" does not call{instead}"
        )


def judges_by_r2(model: BaseMLP) -> bool:
    """Whether an estimator's scoring is R² or D², which not every number of rows has."""
    return model.scoring in (None, "r2") and not is_classifier(model)


def check_class_weight(class_weight: Any) -> None:
    """See that there are numbers by class; scikit-learn's functions trust in that."""
    wanted = "a dict of numbers by class, 'balanced', or a list of one for each label"
    for one in class_weight if isinstance(class_weight, list) else [class_weight]:
        if one is None or (isinstance(one, str) and one == "balanced"):
            continue
        for label, value in check_mapping("class_weight", one, wanted).items():
            check_real(f"class_weight[{shown(label)}]", value, 0)
