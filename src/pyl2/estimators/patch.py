"""scikit-learn's two MLP classes replaced by ours where they are looked up, and back."""

from __future__ import annotations

from sklearn import neural_network

from pyl2.estimators._sklearn_compat import MLPS
from pyl2.estimators.classifier import MLPClassifier
from pyl2.estimators.regressor import MLPRegressor

_OURS = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}


def patch_sklearn() -> None:
    """Replace scikit-learn's MLPClassifier and MLPRegressor by pyl2's.

    Programs that import the two from there afterwards train on pyl2's engine without a change; what
    was imported before stays scikit-learn's.  Called twice it does no more than once.

    See Also
    --------
    unpatch_sklearn : The way back.

    Examples
    --------
    >>> import pyl2
    >>> pyl2.patch_sklearn()
    >>> from sklearn.neural_network import MLPRegressor
    >>> MLPRegressor is pyl2.MLPRegressor
    True
    >>> pyl2.unpatch_sklearn()
    """
    for name, kind in _OURS.items():
        setattr(neural_network, name, kind)


def unpatch_sklearn() -> None:
    """Restore scikit-learn's own MLPClassifier and MLPRegressor.

    Where something else was put there after ``patch_sklearn``, that stays.

    Examples
    --------
    >>> import pyl2
    >>> pyl2.patch_sklearn()
    >>> pyl2.unpatch_sklearn()
    >>> from sklearn.neural_network import MLPRegressor
    >>> MLPRegressor is pyl2.MLPRegressor
    False
    """
    for name, kind in _OURS.items():
        if getattr(neural_network, name) is kind:
            setattr(neural_network, name, MLPS[name])
