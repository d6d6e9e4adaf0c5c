"""Warnings, each of which points at the line of the user that led to it."""

from __future__ import annotations

import inspect
import os
import sys
import warnings

# What stands between a user's line and a warning: scikit-learn wraps the methods of estimators, and
# its searches have joblib call them.
_BETWEEN = ("pyl2", "sklearn", "joblib")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, at the line outside of this package that called into it.

    Parameters
    ----------
    message : str
    category : type of Warning, default=UserWarning
    """
    warnings.warn(message, category, stacklevel=_callers_level())


def _callers_level() -> int:
    """Return the stacklevel, for `warn`, of the first frame outside of the packages between."""
    inside = tuple(
        os.path.dirname(str(sys.modules[name].__file__)) + os.sep
        for name in _BETWEEN
        if name in sys.modules
    )
    level, frame = 1, inspect.currentframe()
    frame = frame and frame.f_back
    while frame and frame.f_back and frame.f_code.co_filename.startswith(inside):
        level, frame = level + 1, frame.f_back
    return level
