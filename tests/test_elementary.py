"""exp, tanh and logistic of the vector code: within 2 ULP wherever the result is a normal number.

They are reached through predict with weight 1 and bias 0, which leave z as it is.  float32 is
measured against NumPy's float64, float64 against mpmath.
"""

from functools import lru_cache
from itertools import product

import mpmath
import numpy as np
import pytest

from pyl2 import _core

KIND = pytest.mark.parametrize(
    ("dtype", "isa"),
    [pytest.param(*kind, id="-".join(kind)) for kind in product("fd", _core.ISAS)],
)
FUNCTIONS = {
    "exp": (np.exp, mpmath.exp),
    "tanh": (np.tanh, mpmath.tanh),
    "logistic": (lambda z: 1 / (1 + np.exp(-z)), lambda z: 1 / (1 + mpmath.exp(-z))),
}
FUNCTION = pytest.mark.parametrize("function", FUNCTIONS)


def vector_code(function, z, isa):
    """Exp stands among the outputs alone, tanh and logistic among the activations."""
    kind = z.dtype.char, isa
    if function == "exp":
        net = _core.Net((1, 1), (), "exp", *kind)
    else:
        net = _core.Net((1, 1, 1), (function,), "identity", *kind)
    layers = len(net.layer_sizes) - 1
    out = np.full(layers * len(z), np.nan, z.dtype)
    net.activations(np.array([1, 0, 0, 0][: net.n_params], z.dtype), z[:, None], out)
    return out[: len(z)]  # of the first layer


def hard_spots(dtype):
    """Where k steps, where two ways of computing meet, where results end; with their neighbours."""
    limits = np.finfo(dtype)
    spots = np.concatenate(
        [
            np.arange(0.5, 1100, 0.5) * np.log(2),
            2.0 ** np.arange(limits.minexp, 10),
            [0.55, 0.625, 17, 20, 40, np.log(float(limits.max)), -np.log(float(limits.tiny))],
        ]
    ).astype(dtype)
    spots = np.concatenate([np.nextafter(spots, dtype(0)), spots, np.nextafter(spots, dtype(1e4))])
    spots = spots[spots >= limits.tiny]
    return np.concatenate([-spots, spots])


@lru_cache
def arguments(dtype):
    """float32: every 4001st of all normal numbers, of either sign.  float64: random ones."""
    if dtype == "f":
        numbers = np.arange(0x00800000, 0x7F800000, 4001, dtype=np.uint32).view(np.float32)
        numbers = np.concatenate([-numbers, numbers])
    else:
        random = np.random.default_rng(0)
        ranges = (-0.4, 0.4), (-2, 2), (-40, 40), (-746, 711)
        numbers = np.concatenate([random.uniform(*ends, 2000) for ends in ranges])
    return np.concatenate([numbers, hard_spots(np.dtype(dtype).type)])


@lru_cache
def exact(function, dtype):
    """The value in float64 and what that rounding lost."""
    in_numpy, in_mpmath = FUNCTIONS[function]
    z = arguments(dtype).astype(float)
    if dtype == "f":
        with np.errstate(over="ignore"):
            return in_numpy(z), np.zeros(len(z))
    with mpmath.workprec(120):
        values = [in_mpmath(mpmath.mpf(v)) for v in z]
        high = np.array([float(v) for v in values])
        lost = [float(v - h) if h < np.inf else 0.0 for v, h in zip(values, high, strict=True)]
    return high, np.array(lost)


@KIND
@FUNCTION
def test_within_2_ulp(function, dtype, isa):
    """Too large a result is infinite; one below the normal numbers is anything from 0 to them."""
    limits = np.finfo(dtype)
    z = arguments(dtype)
    actual = vector_code(function, z, isa).astype(float)
    value, lost = exact(function, dtype)
    with np.errstate(over="ignore"):
        overflows = np.isinf(value.astype(dtype))
    normal = (np.abs(value) >= limits.tiny) & ~overflows
    np.testing.assert_array_equal(actual[overflows], np.inf)
    small = ~normal & ~overflows
    assert np.all((actual[small] >= 0) & (actual[small] <= limits.tiny))
    ulp = np.ldexp(1.0, np.frexp(value[normal])[1] - limits.nmant - 1)
    errors = np.abs((actual[normal] - value[normal]) - lost[normal]) / ulp
    worst = errors.argmax()
    assert errors[worst] <= 2, f"{errors[worst]:.3f} ULP at {float(z[normal][worst]).hex()}"


@KIND
@FUNCTION
def test_special_values(function, dtype, isa):
    """Exact at 0, infinity and far out; a NaN of any sign and payload passes on."""
    integer = np.uint32 if dtype == "f" else np.uint64
    payload = np.arange(1, 200, dtype=integer)
    nans = np.concatenate([np.array([s * np.nan], dtype).view(integer) | payload for s in (1, -1)])
    assert np.isnan(vector_code(function, nans.view(dtype), isa)).all()
    z = np.array([-np.inf, -1e30, 0.0, 1e30, np.inf], dtype)
    expected = {
        "exp": [0, 0, 1, np.inf, np.inf],
        "tanh": [-1, -1, 0, 1, 1],
        "logistic": [0, 0, 0.5, 1, 1],
    }
    np.testing.assert_array_equal(vector_code(function, z, isa), np.array(expected[function]))


def poisson(z, y):
    """Half the deviance: y log(y / e^z) - y + e^z."""
    z, y = mpmath.mpf(float(z)), mpmath.mpf(float(y))
    return y * mpmath.log(y) - y * z - y + mpmath.exp(z)


@KIND
def test_poisson_near_its_minimum(dtype, isa):
    """Half the deviance of a mean close to y, which is about y d^2/2 with d = z - log y.

    For y = 1, whose logarithm is exact, to 24 ULP, down to where d^2 underflows; for others as
    if the last place of z were one or two off.
    """
    limits = np.finfo(dtype)
    eps = float(limits.eps)
    net = _core.Net((1, 1), (), "exp", dtype, isa)
    params, rates, out = np.array([[1, 0]], dtype), np.zeros((1, 1)), np.empty((1, 2))
    distances = np.concatenate([np.geomspace(1e-18, 3, 80), [0.34, 0.3464, 0.3466, 0.35, 0.999]])

    def error(z, y):
        one = np.ones((1, 1), dtype)
        net.errors(params, z * one, y * one, None, rates, out)
        return out[0, 0]

    with mpmath.workprec(200):
        for d in np.concatenate([distances, -distances]).astype(dtype):
            assert error(d, 1.0) == pytest.approx(float(poisson(d, 1)), rel=24 * eps, abs=0)
            for y in np.array([1e-3, 0.7, 3, 1000], dtype):
                z = (np.log(y) + d).astype(dtype)
                wanted = poisson(z, y)
                off = 2 * float(np.spacing(np.abs(np.log(y)) + np.abs(z)))
                slope = abs(mpmath.exp(float(z)) - float(y)) + float(y) * off
                bound = 24 * eps * wanted + slope * off
                assert abs(error(z, y) - wanted) <= bound + float(limits.tiny), (d, y)
    assert error(d, 0.0) == pytest.approx(np.exp(float(d)), rel=4 * eps)


@KIND
def test_tanh_is_odd(dtype, isa):
    z = arguments(dtype)
    np.testing.assert_array_equal(vector_code("tanh", -z, isa), -vector_code("tanh", z, isa))


@KIND
def test_cross_entropy_of_one_output(dtype, isa):
    """log(1 + e^-|z|) keeps its figures where it is small."""
    net = _core.Net((1, 1), (), "logistic", dtype, isa)
    params, rates, out = np.array([[1, 0]], dtype), np.zeros((1, 1)), np.empty((1, 2))
    for z in np.linspace(-80, 80, 641).astype(dtype):
        for target in (0, 1):
            net.errors(params, np.full((1, 1), z), np.full((1, 1), target, dtype), None, rates, out)
            expected = np.logaddexp(0, -float(z) if target else float(z))
            np.testing.assert_allclose(out[0, 0], expected, rtol=4 * np.finfo(dtype).eps)
