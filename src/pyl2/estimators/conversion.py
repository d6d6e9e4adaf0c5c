"""The estimators as scikit-learn's own, and back: parameters, weights, optimizer state."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from pyl2._common.named import Named, described
from pyl2._common.validation import Array, check_flag
from pyl2.estimators._sklearn_compat import (
    MLPS,
    AdamOptimizer,
    SGDOptimizer,
    allows,
    parameter_names,
)
from pyl2.estimators.classifier import MLPClassifier
from pyl2.estimators.policy import FitState
from pyl2.estimators.regressor import MLPRegressor

# What a fit leaves behind on both sides, under the same names, where it leaves it at all.
_FITTED = (
    "n_features_in_",
    "feature_names_in_",
    "classes_",
    "_label_binarizer",
    "n_layers_",
    "n_outputs_",
    "out_activation_",
    "n_iter_",
    "t_",
    "loss_",
)
_STOCHASTIC = (
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "_no_improvement_count",
)
# What the optimizer of each solver is called here; lbfgs keeps none.
_KINDS = {"adam": ("adam",), "sgd": ("sgd", "momentum", "nesterov"), "lbfgs": ()}
# λ enters the gradient without a decay too.
_SAME = {"decay": ("l2",)}
# What is no part of the model.
_MACHINE = {"n_threads"}


def to_sklearn(estimator: Any, predict_only: bool = False) -> Any:
    """Return scikit-learn's own fitted estimator with the same parameters and weights.

    Its predictions are the same to rounding, and so is what ``partial_fit`` and, with
    ``warm_start``, ``fit`` go on to: the state of the optimizer comes along.  Nothing is shared
    with the original.  With it skl2onnx, SHAP and the like work, which know scikit-learn's class.

    Parameters
    ----------
    estimator : pyl2.MLPClassifier or pyl2.MLPRegressor
        Fitted.
    predict_only : bool, default=False
        Whether predictions alone have to be the same: what matters in training alone and is not
        scikit-learn's is left at its default, and no optimizer comes along.

    Returns
    -------
    sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor

    Raises
    ------
    ValueError
        If it is not fitted, or has what scikit-learn lacks: adamw, another decay or n, a choice for
        each layer, a scoring, a limit of time, callbacks, class weights; with ``predict_only`` an
        activation alone.  The message names it.

    Examples
    --------
    >>> import pyl2
    >>> from pyl2.estimators.conversion import to_sklearn
    >>> model = pyl2.MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", random_state=0)
    >>> type(to_sklearn(model.fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]))).__module__
    'sklearn.neural_network._multilayer_perceptron'
    """
    if not isinstance(estimator, MLPClassifier | MLPRegressor):
        raise TypeError(f"estimator must be of pyl2, got {type(estimator).__name__}")
    check_is_fitted(estimator, "coefs_")
    theirs = sklearn_mlp(is_classifier(estimator))
    check_flag("predict_only", predict_only)
    network = estimator._fitted()
    if predict_only:
        made = theirs(**_predicting(estimator, theirs, network.hidden))
    else:
        _refuse(estimator, theirs, network.hidden)
        made = theirs(**_parameters(estimator, theirs))
    _hand_over(estimator, made)
    made.coefs_ = [W.copy() for W in network.weights]
    made.intercepts_ = [b.copy() for b in network.biases]
    # After early stopping these are the same arrays there, not copies.
    made._best_coefs, made._best_intercepts = made.coefs_, made.intercepts_
    kept = getattr(estimator, "_optimizer", None)
    if (
        not predict_only
        and isinstance(kept, FitState)
        and kept.settings.optimizer in _KINDS[estimator.solver]
    ):
        made._optimizer = _their_optimizer(kept, made.coefs_ + made.intercepts_)
    return made


def from_sklearn(estimator: Any) -> Any:
    """Return pyl2's fitted estimator with the parameters and weights of scikit-learn's.

    The reverse of ``to_sklearn``: predictions are the same to rounding, training goes on where it
    was, nothing is shared.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or sklearn.neural_network.MLPRegressor
        Fitted.

    Returns
    -------
    pyl2.MLPClassifier or pyl2.MLPRegressor

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If it is not fitted.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> from pyl2.estimators.conversion import from_sklearn
    >>> theirs = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", random_state=0)
    >>> ours = from_sklearn(theirs.fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]))
    >>> bool(abs(ours.predict([[3.0]]) - theirs.predict([[3.0]])) < 1e-12)
    True
    """
    known: tuple[Any, ...] = tuple(MLPS.values())
    if not isinstance(estimator, known):
        raise TypeError(
            f"estimator must be an MLP of scikit-learn's, got {type(estimator).__name__}"
        )
    check_is_fitted(estimator, "coefs_")
    classifier = is_classifier(estimator)
    theirs = sklearn_mlp(classifier)
    ours = MLPClassifier if classifier else MLPRegressor
    made = ours(**_parameters(estimator, theirs))
    _hand_over(estimator, made)
    made.coefs_, made.intercepts_ = list(estimator.coefs_), list(estimator.intercepts_)
    made._fitted()
    optimizer = getattr(estimator, "_optimizer", None)
    if optimizer is not None:
        _take_up(made, optimizer)
    return made


def sklearn_mlp(classifies: bool) -> Any:
    """Return scikit-learn's own class, also while ``patch_sklearn`` hides it."""
    return MLPS["MLPClassifier" if classifies else "MLPRegressor"]


def _parameters(estimator: Any, theirs: type) -> dict[str, Any]:
    """Return those parameters that scikit-learn's class has, too; copies, as clone makes them."""
    names = parameter_names(theirs)
    return {name: copy.deepcopy(getattr(estimator, name)) for name in names}


def _predicting(estimator: Any, theirs: type, hidden: tuple[Any, ...]) -> dict[str, Any]:
    """Return the parameters that scikit-learn's class allows, with the network's activation."""
    kinds = set(hidden) or {"identity"}
    activation = kinds.pop()
    if kinds or not allows(theirs, "activation", activation):
        raise ValueError(
            f"scikit-learn's {theirs.__name__} has no hidden layers of"
            f" {', '.join(map(described, dict.fromkeys(hidden)))}"
        )
    found = _parameters(estimator, theirs)
    known = {name: value for name, value in found.items() if allows(theirs, name, value)}
    return known | {"activation": activation}


def _refuse(estimator: Any, theirs: type, hidden: tuple[Named, ...]) -> None:
    """Raise a ValueError that names everything that scikit-learn's class lacks."""
    known = parameter_names(theirs)
    defaults = type(estimator)().get_params()
    lacking = []
    for name, value in estimator.get_params(deep=False).items():
        if name in _MACHINE:
            same = True
        elif name in known:
            same = allows(theirs, name, value)
        else:
            same = value is defaults[name] or _is_one_of(
                value, (defaults[name], *_SAME.get(name, ()))
            )
        if not same:
            lacking.append(f"{name}={value!r}")
    # The network, not the parameter, knows what was trained.
    if not lacking and any(name != estimator.activation for name in hidden):
        lacking.append(f"hidden layers of {', '.join(map(described, hidden))}")
    if lacking:
        raise ValueError(f"scikit-learn's {theirs.__name__} has no {'; no '.join(lacking)}")


def _is_one_of(value: Any, allowed: tuple[Any, ...]) -> bool:
    """Whether a value is equal to one of these; arrays and other objects are not."""
    return isinstance(value, str | int | float) and value in allowed


def _hand_over(source: Any, made: Any) -> None:
    """Copy what the fit left behind; of lbfgs scikit-learn keeps less."""
    names = _FITTED if source.solver == "lbfgs" else _FITTED + _STOCHASTIC
    for name in names:
        if hasattr(source, name):
            setattr(made, name, copy.deepcopy(getattr(source, name)))


def _split(vector: Array, like: list[Array]) -> list[Array]:
    """Return the parts of a vector laid out as all parameters are, in the shapes of `like`."""
    parts = np.split(vector, np.cumsum([array.size for array in like])[:-1])
    return [part.reshape(array.shape).copy() for part, array in zip(parts, like, strict=True)]


def _their_optimizer(kept: FitState, params: list[Array]) -> Any:
    """Return scikit-learn's optimizer in the state of ours."""
    ours = kept.settings
    vectors = kept.state.vectors(kept.network.params.size)
    state = [_split(vector, params) for vector in vectors]
    if ours.optimizer == "adam":
        adam = AdamOptimizer(params, ours.eta, ours.beta_1, ours.beta_2, ours.epsilon)
        adam.t = int(kept.state.steps[0])
        adam.ms, adam.vs = state
        return adam
    nesterov = ours.optimizer == "nesterov"
    sgd = SGDOptimizer(params, ours.eta, ours.schedule, ours.momentum, nesterov, ours.power_t)
    sgd.learning_rate = kept.learning_rate
    if state:
        (sgd.velocities,) = state
    return sgd


def _take_up(made: Any, optimizer: Any) -> None:
    """Give the estimator the state of scikit-learn's optimizer."""
    kinds = {"adam": AdamOptimizer, "sgd": SGDOptimizer}
    if not isinstance(optimizer, kinds.get(made.solver, ())):  # set after the fit
        return
    rng = check_random_state(copy.deepcopy(made.random_state))
    kept = made._descent_state(rng, incremental=True)
    kept.settings = replace(kept.settings, eta=optimizer.learning_rate_init)
    if made.solver == "adam":
        kept.state.steps[0] = optimizer.t
        parts = [optimizer.ms, optimizer.vs]
    else:
        if optimizer.lr_schedule == "adaptive":
            falls = optimizer.learning_rate_init / optimizer.learning_rate
            kept.policy.progress.divisions = round(math.log(falls, 5))
        parts = [optimizer.velocities]
    vectors = kept.state.vectors(kept.network.params.size)
    for row, arrays in zip(vectors, parts, strict=False):  # plain SGD keeps none
        row[...] = np.concatenate([array.ravel() for array in arrays])
    kept.policy.fresh = made.t_ == 0
