"""Keyword arguments that a function does not have: an error that tells which one was meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

# What other libraries call a parameter, and its name here: the first that the function has.
_MEANT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("lr", "learning_rate", "learning_rate_init"), ("eta",)),
    **dict.fromkeys(("alpha", "alphas", "weight_decay", "lam", "lambda_", "lambdas"), ("l2",)),
    **dict.fromkeys(("activation", "activations", "hidden_activation"), ("hidden",)),
    **dict.fromkeys(("loss", "out_activation", "output_activation"), ("output",)),
    **dict.fromkeys(("hidden_layer_sizes", "sizes", "layers"), ("layer_sizes",)),
    **dict.fromkeys(
        ("max_iter", "n_epochs", "num_epochs", "n_iter", "maxiter", "iterations"),
        ("epochs", "maxiter"),
    ),
    **dict.fromkeys(("max_fun", "maxfev", "max_nfev", "maxfun"), ("maxfun", "max_evaluations")),
    **dict.fromkeys(("random_state", "rng"), ("seed", "seeds")),
    **dict.fromkeys(("n_jobs", "num_threads", "threads"), ("n_threads", "workers")),
    **dict.fromkeys(("n_particles", "popsize", "swarmsize", "swarm_size"), ("particles",)),
    **dict.fromkeys(("validation_data", "X_val", "y_val"), ("validation", "test")),
    **dict.fromkeys(("test_size", "validation_fraction"), ("test",)),
    "patience": ("n_iter_no_change",),
    "timeout": ("max_time", "seconds"),
    "solver": ("optimizer", "methods"),
    "nesterovs_momentum": ("optimizer",),
    **dict.fromkeys(("learning_rate_schedule", "scheduler", "lr_scheduler"), ("schedule",)),
    **dict.fromkeys(("clipnorm", "max_norm", "gradient_clip_val"), ("clip_norm",)),
    "clipvalue": ("clip_value",),
    **dict.fromkeys(("ema", "ema_momentum", "polyak"), ("average",)),
    "warmup_steps": ("warmup",),
    **dict.fromkeys(
        ("dropout_rate", "drop_rate", "drop_prob", "hidden_dropout_ratios"), ("dropout",)
    ),
    **dict.fromkeys(("dropout_input", "input_dropout_ratio"), ("input_dropout",)),
    "betas": ("beta_1",),
    "eps": ("epsilon",),
    "bounds": ("lower",),
    "w": ("inertia",),
}


def of(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters that a function takes by keyword."""
    taken = inspect.signature(function).parameters.values()
    return [one.name for one in taken if one.kind is not one.VAR_KEYWORD and one.name != "self"]


def refuse_unknown(function: str, given: Iterable[str], known: list[str]) -> None:
    """Raise TypeError if a keyword is none of those known."""
    for name in given:
        if name not in known:
            raise TypeError(f"{function}() has no parameter {name!r:.40}{_hint(name, known)}")


def _hint(name: str, known: list[str]) -> str:
    meant = _MEANT.get(name, ())
    found = [word for word in meant if word in known] or get_close_matches(name, known, 1)
    if found:
        return f"; did you mean {found[0]!r}?"
    elsewhere = f", which is {meant[0]!r} elsewhere in pyl2" if meant else ""
    return f"{elsewhere}; there are {', '.join(known)}"


def checked(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Have a function say which parameter was meant where a keyword is none of its own."""
    known = of(function)
    names = frozenset(known)

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if not names.issuperset(kwargs):
            refuse_unknown(function.__qualname__.removesuffix(".__init__"), kwargs, known)
        return function(*args, **kwargs)

    return call
