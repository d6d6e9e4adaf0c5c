"""TableEncoder: a data frame becomes numbers."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from pyl2._common.validation import Array, check_dtype, check_entries, shown
from pyl2.data import cells, treatment
from pyl2.estimators._sklearn_compat import (
    Interval,
    StrOptions,
    checks_parameters,
    output_is_framed,
)
from pyl2.estimators.base import check_numbers

_DENSE_FROM = 0.1
"""With "auto" the output is sparse where less than this share of it is not zero,"""
_WIDE = 100
"""and where it has at least so many columns."""


class TableEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encode a data frame of numbers, text, flags and dates as numbers, missing values included.

    - A number is standardised; where it is missing the median stands in its place.
    - A flag is 1 or 0: bool, or text of yes and no, true and false, y and n, t and f.
    - A date becomes year, month, day, weekday and the seconds since the first date, standardised.
    - Text is one-hot: a column for each category, one for rare categories together, one for missing
      cells. An unknown category is 0 in all of them.
    - Ids are left out: text that differs in every row, and whole numbers that count the rows.

    Numbers, flags and dates with missing cells in the training set get a column that indicates
    these. Blank text is missing.

    Parameters
    ----------
    scale : {"standard", "robust", "quantile", "none"}, default="standard"
        How numbers are scaled: to mean 0 and standard deviation 1; median 0 and interquartile range
        1; to a normal distribution, by 100 quantiles; not at all.
    min_frequency : int or float, default=None
        Categories of fewer rows than this, or than this share of all rows, are rare. None is 5
        rows, or a hundredth of the rows where that is less.
    keep : sequence of str, default=()
        Columns that are no ids, whatever they look like.
    sparse_output : bool or "auto", default="auto"
        Whether `transform` returns a sparse matrix. "auto": if there are at least 100 columns,
        of which less than a tenth is not zero, and `set_output` asks for no data frame.
    dtype : type, default=numpy.float64
        Of the numbers returned: float64 or float32.

    Attributes
    ----------
    treatments_ : list of Treatment
        What becomes of each column; `treatments_[i].describe()` says it in words.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (features,) of str
        Where X is a data frame.

    See Also
    --------
    sklearn.compose.ColumnTransformer : for treatments of your own.

    Examples
    --------
    >>> import pandas as pd
    >>> from pyl2 import TableEncoder
    >>> frame = pd.DataFrame({"age": [31, None, 52], "city": ["Rome", "Oslo", "Rome"]})
    >>> encoder = TableEncoder(scale="none").set_output(transform="pandas")
    >>> encoder.fit_transform(frame)
        age  age: missing  city=Oslo  city=Rome
    0  31.0           0.0        0.0        1.0
    1  41.5           1.0        1.0        0.0
    2  52.0           0.0        0.0        1.0
    >>> [found.describe() for found in encoder.treatments_]
    ['number, 1 missing: the median 41.5 and an indicator', '2 categories']
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "scale": [StrOptions(set(treatment.SCALES))],
        "min_frequency": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
        ],
        "keep": ["array-like"],
        "sparse_output": ["boolean", StrOptions({"auto"})],
        "dtype": "no_validation",
    }

    def __init__(
        self,
        *,
        scale: str = "standard",
        min_frequency: float | None = None,
        keep: Any = (),
        sparse_output: bool | str = "auto",
        dtype: Any = np.float64,
    ) -> None:
        self.scale = scale
        self.min_frequency = min_frequency
        self.keep = keep
        self.sparse_output = sparse_output
        self.dtype = dtype

    def _validate_params(self) -> None:
        check_numbers(self)
        super()._validate_params()

    @checks_parameters
    def fit(self, X: Any, y: Any = None) -> TableEncoder:
        """Learn how to encode each column.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or array-like of shape (n_samples, n_features)
        y : Ignored

        Returns
        -------
        TableEncoder
            The encoder itself.

        Raises
        ------
        ValueError
            If a number is infinite, a column is of another kind, or no column is left.
        """
        check_dtype("dtype", self.dtype)
        keep = check_entries("keep", self.keep, "names of columns")
        table = self._table(X, reset=True)
        for name in keep:
            if not (isinstance(name, str) and name in table):
                raise ValueError(f"keep names {shown(name)}, which is not a column of X")
        recipe = treatment.Recipe(self.scale, self.min_frequency, frozenset(keep))
        self.treatments_ = treatment.fit(table, recipe)
        return self

    def transform(self, X: Any) -> Any:
        """Encode a table as numbers.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or array-like of shape (n_samples, n_features)
            With the columns of `fit`.

        Returns
        -------
        ndarray or sparse array of shape (n_samples, n_columns), or what `set_output` asks for
        """
        check_is_fitted(self)
        table = self._table(X, reset=False)
        return treatment.encode(self.treatments_, table, self._is_sparse()).astype(
            self.dtype, copy=False
        )

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : Ignored
            The names of `fit` are used.

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        return np.array([name for found in self.treatments_ for name in found.names()], object)

    def _is_sparse(self) -> bool:
        if self.sparse_output != "auto":
            return bool(self.sparse_output)
        wide = len(self.get_feature_names_out()) >= _WIDE
        sparse = treatment.density(self.treatments_) < _DENSE_FROM
        return wide and sparse and not output_is_framed(self)

    def _table(self, X: Any, *, reset: bool) -> dict[str, cells.Cells]:
        """Return the cells of X, checked as scikit-learn does; by the names of `fit`."""
        if not hasattr(X, "columns"):
            X = check_array(X, dtype=None, ensure_all_finite=False, estimator=self)
        validate_data(self, X, reset=reset, skip_check_array=True)
        found = cells.columns(X)
        if not found or not len(next(iter(found.values()))):
            raise ValueError(f"X has no rows, or no columns: {len(found)} columns")
        return {name: cells.cells_of(column, name) for name, column in found.items()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags
