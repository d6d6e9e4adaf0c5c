"""What is private to scikit-learn and used here all the same: in this file alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from sklearn.base import _fit_context
from sklearn.neural_network import _multilayer_perceptron
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_sample_weight

try:  # experimental, from scikit-learn 1.9 on
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """What scikit-learn's callbacks need, where it has none."""


__all__ = [
    "HOOKS",
    "MLPS",
    "AdamOptimizer",
    "CallbackSupportMixin",
    "Interval",
    "Options",
    "SGDOptimizer",
    "StrOptions",
    "allows",
    "begin_fit_task",
    "check_parameters",
    "check_sample_weight",
    "checks_parameters",
    "has_callbacks",
    "output_is_framed",
    "parameter_names",
    "take_rows",
]

_Method = TypeVar("_Method", bound=Callable[..., Any])

MLPS = {name: getattr(_multilayer_perceptron, name) for name in ("MLPClassifier", "MLPRegressor")}
"""scikit-learn's own, whatever its public module gives."""

HOOKS = frozenset(
    name
    for kind in (_multilayer_perceptron.BaseMultilayerPerceptron, *MLPS.values())
    for name, value in vars(kind).items()
    if name.startswith("_") and not name.startswith("__") and callable(value)
)
"""Private methods of theirs, which subclasses override to change how a network is trained."""

check_sample_weight = _check_sample_weight
take_rows = _safe_indexing


def checks_parameters(method: _Method) -> _Method:
    """Have scikit-learn check an estimator's parameters before the method begins."""
    return cast(_Method, _fit_context(prefer_skip_nested_validation=True)(method))


def check_parameters(estimator: Any) -> None:
    """Check an estimator's parameters as ``fit`` would."""
    estimator._validate_params()


def parameter_names(kind: Any) -> list[str]:
    """Return the names of an estimator class's parameters."""
    return list(kind._get_param_names())


def allows(kind: Any, name: str, value: Any) -> bool:
    """Whether an estimator class's own check lets a parameter pass."""
    constraints = {name: kind._parameter_constraints[name]}
    try:
        validate_parameter_constraints(constraints, {name: value}, kind.__name__)
    except InvalidParameterError:
        return False
    return True


def output_is_framed(transformer: Any) -> bool:
    """Whether ``set_output``, or the configuration of scikit-learn, asks for a data frame."""
    return bool(_get_output_config("transform", transformer)["dense"] != "default")


def has_callbacks(estimator: Any) -> bool:
    """Whether ``set_callbacks`` has given an estimator callbacks, or a search or pipeline has."""
    return bool(getattr(estimator, "_skl_callbacks", None))


def begin_fit_task(estimator: Any, subtasks: int | None) -> Any:
    """Set up an estimator's callbacks; return the context of a fit of at most so many tasks.

    None is any number.
    """
    return estimator._init_callback_context(max_subtasks=subtasks)
