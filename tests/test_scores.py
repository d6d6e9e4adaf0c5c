"""Scores: scikit-learn's numbers, NaN where there is none, and numbers at the edges."""

import math

import numpy as np
import pytest
from mpmath import mp, mpf
from sklearn.metrics import accuracy_score, r2_score

from pyl2._common import metrics
from pyl2._common.outputs import check_objective
from pyl2.path import BiasVariance

IDENTITY, LOGISTIC, EXP = map(check_objective, ("identity", "logistic", "exp"))
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(30, 2))
P = Z + RNG.normal(0, 0.3, (30, 2))
EXTREMES = [1e155, 4e307, -4e307, 1e-155, 1e-300]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [None, RNG.integers(0, 3, 30).astype(float)])
@pytest.mark.parametrize("target", ["any", "one constant", "met"])
def test_r2_is_that_of_scikit_learn(dtype, weight, target):
    Y, predicted = Z.astype(dtype), P.astype(dtype)
    if target == "one constant":
        Y[:, 1] = 0.5
    if target == "met":
        predicted = Y
    found = metrics.score(predicted, Y, IDENTITY, weight)
    Y, predicted = Y.astype(float), predicted.astype(float)
    assert found == pytest.approx(r2_score(Y, predicted, sample_weight=weight), rel=1e-12)


def test_accuracy_is_that_of_scikit_learn():
    weight = RNG.uniform(size=30)
    for Y, predicted in ((Z[:, 0] > 0, P[:, 0] > 0), (Z[:1, 0] > 0, P[:1, 0] > 0)):
        found = metrics.score(predicted[:, None], Y[:, None], LOGISTIC, weight[: len(Y)])
        expected = accuracy_score(Y, predicted, sample_weight=weight[: len(Y)])
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rows", [0, 1])
def test_r2_takes_two_rows(rows):
    assert math.isnan(metrics.score(P[:rows], Z[:rows], IDENTITY))
    assert math.isnan(metrics.score(P[:rows, :1], Z[:rows, 0], EXP))
    weight = np.arange(30) < rows
    assert math.isnan(metrics.score(P, Z, IDENTITY, weight.astype(float)))


def test_rows_of_weight_0_count_as_none():
    weight = np.ones(31)
    weight[-1] = 0
    Y, predicted = np.vstack([Z, [[1e300, 1]]]), np.vstack([P, [[-1e300, np.nan]]])
    assert metrics.score(predicted, Y, IDENTITY, weight) == pytest.approx(
        metrics.score(P, Z, IDENTITY)
    )


@pytest.mark.parametrize("scale", EXTREMES)
def test_r2_does_not_depend_on_the_unit(scale):
    """Squares that overflow gave NaN, those that underflow 1."""
    with np.errstate(all="raise"):
        found = metrics.score(P * scale, Z * scale, IDENTITY)
        assert found == pytest.approx(metrics.score(P, Z, IDENTITY), rel=1e-10)


def test_r2_of_what_is_far_off():
    with np.errstate(all="raise"):
        assert metrics.score(P * 1e140, Z, IDENTITY) == pytest.approx(
            1 - np.mean((P * 1e140) ** 2 / Z.var(axis=0), axis=0).mean(), rel=1e-12
        )
        assert metrics.score(P * 1e300, Z, IDENTITY) == -math.inf
        largest = np.array([[1.7e308], [-1.7e308]])
        assert metrics.score(-largest, largest, IDENTITY) == -3


@pytest.mark.parametrize("scale", [*EXTREMES, 1])
def test_means_of_what_is_known(scale):
    columns = RNG.normal(size=(5, 7))
    columns[RNG.uniform(size=columns.shape) < 0.3] = np.nan
    columns[4] = np.nan
    with np.errstate(all="raise"):
        mean, error = metrics.mean_known(columns * scale), metrics.standard_error(columns * scale)
    known = [row[~np.isnan(row)] for row in columns]
    expected = [row.mean() for row in known[:4]]
    np.testing.assert_allclose(mean[:4] / scale, expected, rtol=1e-10)
    expected = [row.std(ddof=1) / np.sqrt(len(row)) for row in known[:4]]
    np.testing.assert_allclose(error[:4] / abs(scale), expected, rtol=1e-10)
    assert np.isnan([mean[4], error[4]]).all()


def test_means_of_infinite_scores():
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(metrics.mean_known(np.array([[-np.inf, 1]])), [-np.inf])
        assert metrics.mean_known(np.empty((2, 0))).shape == (2,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 1e20, 1e150, 1e155, 1e-170])
def test_bias_and_variance_in_any_unit(scale, dtype):
    """Infinite only where the number itself is beyond float64."""
    drawn = RNG.normal(size=(1, 4, 5, 2)).astype(dtype)
    if dtype == np.float32 and not 1e-30 < scale < 1e30:
        pytest.skip("beyond float32")
    predictions, truth = drawn * dtype(scale), RNG.normal(size=(5, 2)) * scale
    with np.errstate(all="raise"):
        found = BiasVariance.of([1.0], predictions, truth)
    exact = [[[mpf(float(v)) for v in row] for row in draw] for draw in predictions[0]]
    with mp.workprec(200):
        cells = [(i, j) for i in range(5) for j in range(2)]
        mean = {(i, j): sum(draw[i][j] for draw in exact) / 4 for i, j in cells}
        bias = sum((mean[i, j] - mpf(float(truth[i, j]))) ** 2 for i, j in cells) / 5
        off = sum((draw[i][j] - mean[i, j]) ** 2 for draw in exact for i, j in cells)
        variance = off / 20
        for one, wanted in ((found.bias[0], bias), (found.variance[0], variance)):
            assert one == pytest.approx(float(wanted), rel=1e-9)


def test_each_lambda_has_its_own_unit():
    """A network that diverged, and a truth as large, leave the others' variance what it is."""
    drawn = RNG.normal(size=(4, 5, 1))
    predictions = np.stack([drawn * 1e300, drawn])
    with np.errstate(all="raise"):
        found = BiasVariance.of([0.0, 1.0], predictions, np.full((5, 1), 1e155))
    np.testing.assert_allclose(found.variance, [np.inf, drawn.var(axis=0).mean()])
    np.testing.assert_array_equal(found.bias, np.inf)
