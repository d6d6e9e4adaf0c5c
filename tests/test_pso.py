"""pso: SciPy's conventions, bounds, what ends it, what functions may do wrong."""

import math
import multiprocessing
import time
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import OptimizeResult, rosen
from test_backprop import interrupted_after

from pyl2 import pso
from pyl2.swarm import CONSTRICTION

BOX = [-5.0, -5.0, -5.0], [5.0, 5.0, 5.0]


def sphere(x):
    """Of one place (d,), or of many (d, P)."""
    return (x**2).sum(axis=0)


def shifted(x, centre, scale):
    return scale * sphere(x - centre)


def rastrigin(x):
    return 10 * len(x) + (x**2 - 10 * np.cos(2 * np.pi * x)).sum(axis=0)


def ackley(x):
    d = len(x)
    smooth = np.exp(-0.2 * np.sqrt((x**2).sum(axis=0) / d))
    return 20 - 20 * smooth + math.e - np.exp(np.cos(2 * np.pi * x).sum(axis=0) / d)


@pytest.mark.parametrize(
    ("fun", "size", "box", "iterations", "below"),
    [
        (sphere, 10, 100, 600, 1e-10),
        (sphere, 30, 100, 1000, 1e-6),
        (rosen, 2, 30, 400, 1e-8),
        (ackley, 10, 32, 600, 1e-6),
        (rastrigin, 2, 5.12, 300, 1e-8),
    ],
)
def test_standard_functions(fun, size, box, iterations, below):
    """The median of 11 runs, from bounds that are not centred on the minimum."""
    lower, upper = np.full(size, -box), np.full(size, 0.6 * box)
    runs = [
        pso(fun, lower, upper, maxiter=iterations, vectorized=True, rng=seed) for seed in range(11)
    ]
    assert np.median([run.fun for run in runs]) < below


@pytest.mark.parametrize("topology", ["random", "global", "ring"])
@pytest.mark.parametrize(
    "rules", [{}, CONSTRICTION, {"inertia": (0.9, 0.4, 300), "c1": 2, "c2": 2}]
)
def test_variants_find_the_minimum(topology, rules):
    result = pso(sphere, *BOX, topology=topology, maxiter=300, vectorized=True, rng=0, **rules)
    assert result.fun < 1e-4


def test_result():
    result = pso(sphere, *BOX, particles=7, maxiter=9, rng=0)
    assert isinstance(result, OptimizeResult)
    assert (result.nit, result.nfev, result.success) == (9, 63, False)
    assert result.message == "The maximum number of iterations has been reached."
    assert type(result.fun) is float
    assert result.x.shape == (3,)
    assert result.fun == sphere(result.x)


def test_args():
    result = pso(shifted, *BOX, args=(np.array([1.0, 2.0, 3.0]), 2.0), maxiter=200, rng=0)
    np.testing.assert_allclose(result.x, [1, 2, 3], atol=1e-3)


def test_seeds():
    runs = [pso(sphere, *BOX, maxiter=5, **kwargs) for kwargs in ({"rng": 1}, {"seed": 1})]
    runs += [pso(sphere, *BOX, maxiter=5, rng=np.random.default_rng(1))]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.x, runs[0].x)
    assert pso(sphere, *BOX, maxiter=5, rng=2).fun != runs[0].fun
    assert pso(sphere, *BOX, maxiter=5, rng=np.random.RandomState(1)).nit == 5
    with pytest.raises(ValueError, match="rng and seed mean the same"):
        pso(sphere, *BOX, rng=1, seed=1)


def test_global_random_state_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    pso(sphere, *BOX, maxiter=5)
    after = np.random.rand()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert after == np.random.rand()  # noqa: NPY002


# How places are evaluated.


def threaded_map(fun, places):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        return pool.map(fun, places)


# Python 3.12 and later warn when a process that runs threads, as BLAS does, forks.
forks = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@forks
@pytest.mark.parametrize("how", [{"vectorized": True}, {"workers": 2}, {"workers": threaded_map}])
def test_however_it_is_evaluated_the_result_is_the_same(how):
    before = set(multiprocessing.active_children())
    plain = pso(shifted, *BOX, args=(1.0, 0.5), particles=9, maxiter=20, rng=0)
    found = pso(shifted, *BOX, args=(1.0, 0.5), particles=9, maxiter=20, rng=0, **how)
    np.testing.assert_array_equal(found.x, plain.x)
    assert found.fun == plain.fun
    assert set(multiprocessing.active_children()) <= before


def test_vectorized_takes_scipys_shape():
    shapes = set()

    def fun(x):
        shapes.add(x.shape)
        return sphere(x)

    pso(fun, *BOX, particles=11, maxiter=3, vectorized=True)
    assert shapes == {(3, 11)}


@pytest.mark.parametrize("vectorized", [True, False])
def test_functions_may_keep_and_spoil_what_they_get(vectorized):
    kept = []

    def spoil(x):
        kept.append((x, x.copy()))
        found = sphere(x)
        x += 100
        return found

    found = pso(spoil, *BOX, maxiter=5, vectorized=vectorized, rng=0)
    assert found.fun == pso(sphere, *BOX, maxiter=5, vectorized=vectorized, rng=0).fun
    for x, before in kept:
        np.testing.assert_array_equal(x, before + 100)


@pytest.mark.parametrize("boundary", ["absorb", "reflect", "periodic"])
def test_no_place_outside_the_bounds_is_evaluated(boundary):
    lower, upper = np.array([-1.0, 2.0]), np.array([0.5, 2.25])
    seen = []
    pso(
        lambda x: seen.append(x) or -sphere(x),
        lower,
        upper,
        maxiter=30,
        boundary=boundary,
        inertia=1.2,
        vectorized=True,
    )
    for x in seen:
        assert np.all((lower[:, None] <= x) & (x <= upper[:, None]))


def test_without_a_boundary_bounds_are_where_particles_begin():
    result = pso(shifted, *BOX, args=(20.0, 1.0), boundary="none", maxiter=300, rng=0)
    np.testing.assert_allclose(result.x, 20, atol=1e-3)


def test_equal_bounds_hold_a_coordinate_still():
    result = pso(sphere, [-1, 2.0], [1, 2.0], maxiter=100, rng=0)
    assert result.x[1] == 2
    assert result.fun == pytest.approx(4, abs=1e-6)


def test_x0():
    first = []
    x0 = np.array([1.0, 2.0, 3.0])
    pso(lambda x: first.append(x.copy()) or 0.0, *BOX, x0=x0, maxiter=1)
    np.testing.assert_array_equal(first[0], x0)
    places = np.random.default_rng(0).uniform(-1, 1, (6, 3))
    first.clear()
    pso(lambda x: first.append(x.copy()) or 0.0, *BOX, x0=places, particles=6, maxiter=1)
    np.testing.assert_array_equal(first, places)


def test_infinite_bounds_where_they_may_be():
    """All particles are placed, so no bound is needed to draw them from."""
    places = np.random.default_rng(0).uniform(5, 6, (50, 2))
    result = pso(sphere, [-np.inf, 1], [np.inf, np.inf], x0=places, maxiter=300, rng=0)
    np.testing.assert_allclose(result.x, [0, 1], atol=1e-6)
    for wrong in ({}, {"x0": [5, 5]}, {"x0": places, "boundary": "periodic"}):
        with pytest.raises(ValueError, match="lower and upper must be finite"):
            pso(sphere, [-np.inf, 1], [np.inf, 9], **wrong)


# What ends it.


def test_target_and_stagnation_are_success():
    result = pso(sphere, *BOX, target=1e-3, rng=0)
    assert (result.success, result.message) == (True, "The target has been reached.")
    assert result.fun <= 1e-3
    result = pso(sphere, *BOX, tol=1e-9, n_iter_no_change=20, rng=0)
    assert (result.success, result.message) == (True, "The best value has stagnated.")
    assert result.nit < 1000


def test_budget():
    result = pso(sphere, *BOX, particles=10, maxfun=99)
    assert (result.nfev, result.nit, result.success) == (90, 9, False)
    assert result.message == "No further iteration fits into maxfun evaluations."


def test_max_time():
    result = pso(sphere, *BOX, maxiter=10**9, max_time=0.05)
    assert (result.success, result.message) == (False, "The time is over.")


@pytest.mark.parametrize("how", ["true", "stop", "result"])
def test_callback(how):
    seen = []

    def by_place(xk):
        seen.append(xk)
        if how == "stop" and len(seen) == 3:
            raise StopIteration
        return len(seen) == 3

    def by_result(intermediate_result):
        seen.append(intermediate_result.fun)
        return intermediate_result.nit == 3

    result = pso(sphere, *BOX, rng=0, callback=by_result if how == "result" else by_place)
    assert (result.nit, result.success, len(seen)) == (3, False, 3)
    assert result.message == "The callback asked to stop."
    assert seen[-1] == result.fun if how == "result" else np.array_equal(seen[-1], result.x)


def test_what_ends_it_is_asked_in_order():
    every = {
        "callback": lambda x: True,
        "target": 1e9,
        "maxfun": 50,
        "n_iter_no_change": 1,
        "max_time": 1e-9,
    }
    found = []
    for name in [*every, None]:
        found.append(
            pso(
                lambda x: math.inf if "target" not in every else 0.0, *BOX, maxiter=1, **every
            ).message
        )
        every.pop(name, None)
    words = ["callback", "target", "maxfun", "stagnated", "time", "maximum"]
    for word, message in zip(words, found, strict=True):
        assert word in message


@pytest.mark.usefixtures("terminal")
def test_disp(capsys):
    pso(sphere, *BOX, maxiter=4, disp=True)
    captured = capsys.readouterr()
    assert "4/4" in captured.err
    assert captured.out == ""


# What goes wrong.


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        ([1.0, 0.0], [0.0, 1.0], "lower must be ≤ upper, got 1 and 0 at 0"),
        ([0.0, math.nan], [1.0, 1.0], "lower must be ≤ upper, got nan and 1 at 1"),
        ([0.0], [1.0, 1.0], r"one length, at least 1, got shapes \(1,\) and \(2,\)"),
        ([], [], "one length, at least 1"),
        (0.0, 1.0, "lower must have 1 dimensions"),
        ([-math.inf], [1.0], "lower and upper must be finite"),
        ([-1e308], [1e308], "lower and upper must be finite"),
    ],
)
def test_bounds_are_checked(lower, upper, message):
    with pytest.raises(ValueError, match=message):
        pso(sphere, lower, upper)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"particles": 0}, ValueError, "particles must be at least 1, got 0"),
        ({"maxiter": 0}, ValueError, "maxiter must be at least 1"),
        ({"particles": 10, "maxfun": 9}, ValueError, "maxfun must be at least 10, got 9"),
        ({"max_time": 0}, ValueError, "max_time must be"),
        ({"target": "low"}, TypeError, "target must be a number"),
        ({"x0": [0.0] * 4}, ValueError, r"x0 must have shape \(3,\) or \(50, 3\), got \(4,\)"),
        ({"x0": [9.0] * 3}, ValueError, "x0 must be finite and lie between lower and upper"),
        ({"boundary": "sticky"}, ValueError, "boundary must be one of none, absorb"),
        ({"topology": "star"}, ValueError, "topology must be one of"),
        ({"v_max": [1.0]}, ValueError, r"v_max must be a number or have shape \(3,\)"),
        ({"workers": 0}, ValueError, "workers must be from 1 to 4096"),
        ({"workers": 10**30}, ValueError, "workers must be from 1 to 4096, got 10"),
        ({"workers": 4097}, ValueError, "workers must be from 1 to 4096"),
        ({"workers": 2.0}, TypeError, "workers must be a whole number"),
        ({"workers": True}, TypeError, "workers must be a whole number"),
        ({"vectorized": "no"}, TypeError, "vectorized must be True or False"),
        ({"disp": "no"}, TypeError, "disp must be True, False or a whole number"),
        (
            {"workers": 2, "vectorized": True},
            ValueError,
            "workers cannot be combined with vectorized",
        ),
        ({"callback": 3}, TypeError, "callback must be callable"),
        ({"rng": "x"}, TypeError, "rng must be None"),
    ],
)
def test_arguments_are_checked(kwargs, error, message):
    with pytest.raises(error, match=message):
        pso(sphere, *BOX, **kwargs)
    with pytest.raises(TypeError, match="fun must be callable"):
        pso("sphere", *BOX)


@pytest.mark.parametrize(
    ("fun", "vectorized", "error", "message"),
    [
        (lambda x: x, False, ValueError, r"shape \(\), for x of shape \(3,\), got \(3,\)"),
        (lambda x: [[1.0]], False, ValueError, r"shape \(\), for x of shape \(3,\), got \(1, 1\)"),
        (lambda x: 1.0, True, ValueError, r"shape \(50,\) for x of shape \(3, 50\), got \(\)"),
        (lambda x: x, True, ValueError, r"shape \(50,\) for x of shape \(3, 50\), got \(3, 50\)"),
        (lambda x: x[:, 0], True, ValueError, r"shape \(50,\) for x .* got \(3,\)"),
        (lambda x: None, False, TypeError, "fun must return real numbers, got None of NoneType"),
        (lambda x: 1j, False, TypeError, "fun must return real numbers"),
        (lambda x: "low", True, TypeError, "fun must return real numbers, got 'low' of str"),
    ],
)
def test_what_fun_returns_is_checked(fun, vectorized, error, message):
    with pytest.raises(error, match=message):
        pso(fun, *BOX, vectorized=vectorized)


def test_no_more_processes_than_particles(monkeypatch):
    """Nothing is started for what is refused, and no process that would have nothing to do."""
    started = []

    class Started(Exception):
        pass

    def pool(processes):
        started.append(processes)
        raise Started

    monkeypatch.setattr(multiprocessing, "Pool", pool)
    for workers, refused in ((10**30, ValueError), (4096, Started), (2, Started), (-1, Started)):
        with pytest.raises(refused):
            pso(sphere, *BOX, particles=7, workers=workers)
    assert started == [7, 2, None]


def test_numbers_of_any_type():
    found = [
        pso(sphere, *BOX, rng=0, **{name: make(value) for name, value in numbers.items()})
        for make in (float, np.longdouble, Fraction)
        for numbers in [{"tol": 0.125, "inertia": 0.5, "c1": 1.5, "c2": 1.25, "target": 0.25}]
    ]
    for result in found:
        np.testing.assert_array_equal(result.x, found[0].x)
    result = pso(sphere, *BOX, particles=np.int8(5), maxiter=np.int8(3), maxfun=np.int64(99), rng=0)
    assert (type(result.nit), type(result.nfev)) == (int, int)


def test_workers_that_lose_a_value():
    with pytest.raises(ValueError, match="workers must return 50 values, got 49"):
        pso(sphere, *BOX, workers=lambda fun, places: list(map(fun, places))[1:])


def test_nan_is_infinitely_bad():
    def holed(x):
        return np.where(x[0] < 0.5, np.nan, sphere(x))

    result = pso(holed, *BOX, maxiter=300, vectorized=True, rng=0)
    np.testing.assert_allclose(result.x, [0.5, 0, 0], atol=1e-3)
    result = pso(lambda x: math.nan, *BOX, maxiter=3)
    assert (result.fun, result.success) == (math.inf, False)
    assert np.isfinite(result.x).all()


@forks
@pytest.mark.parametrize("how", [{}, {"workers": 2}])
def test_an_exception_ends_the_run_and_is_passed_on(how):
    before = set(multiprocessing.active_children())
    with pytest.raises(ZeroDivisionError, match="division"):
        pso(_fail, *BOX, **how)
    assert set(multiprocessing.active_children()) <= before


def _fail(x):
    return 1 / 0


def test_a_callback_that_raises():
    def fail(xk):
        raise KeyError("from the callback")

    with pytest.raises(KeyError, match="from the callback"):
        pso(sphere, *BOX, callback=fail)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c():
    late = interrupted_after(
        0.1, lambda: pso(lambda x: time.sleep(1e-4) or 0.0, *BOX, maxiter=10**6)
    )
    assert late < 2
