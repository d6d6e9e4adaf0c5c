"""Displays of a path over λ, made of an L2Path or by training one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike

from pyl2._common.validation import check_instance

if TYPE_CHECKING:
    from pyl2._common.dataset import Matrix
    from pyl2.path.result import L2Path


def checked(path: Any) -> L2Path:
    """Return what ``l2_path`` has returned; something else is an error."""
    from pyl2.path.result import L2Path

    return check_instance("path", path, L2Path)


class PathShown(ABC):
    """A display that draws what an L2Path holds."""

    _of_evidence = False

    @classmethod
    @abstractmethod
    def from_results(cls, path: L2Path, *args: Any, **kwargs: Any) -> Self:
        """Create a display of the result of ``l2_path``."""

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        l2: ArrayLike | None = None,
        *,
        test: float | tuple[Any, Any] | None = None,
        n_threads: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """Train at many λ by ``l2_path`` and create a display of the result.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Network
            Not changed. Copies of an estimator get each λ as alpha and keep all other parameters.
        X : array-like or sparse matrix of shape (rows, inputs)
        y : array-like of shape (rows,) or (rows, outputs)
        l2 : array-like of shape (λs,), optional
            Ascending, ≥ 0; by default those of ``l2_path``.
        test : float or tuple (X, y), optional
            Fraction of the rows to hold out for scoring, or other data to score on.
        n_threads : int, optional
            Maximum number of threads, at least 1.
        **kwargs
            For ``from_results``.

        Returns
        -------
        display
            Draw it with ``plot``.

        Raises
        ------
        ValueError, TypeError
            As ``l2_path`` does.
        """
        from pyl2.path.train import l2_path

        path = l2_path(
            estimator, X, y, l2, test=test, n_threads=n_threads, evidence=cls._of_evidence
        )
        return cls._of(path, (X, y), **kwargs)

    @classmethod
    def _of(cls, path: L2Path, data: tuple[Any, Any], **kwargs: Any) -> Self:
        """Create a display of a path and the data it was trained on."""
        return cls.from_results(path, **kwargs)
