"""The engine's step of a swarm against NumPy, and its random numbers against published ones."""

import numpy as np
import pytest
import reference

from pyl2 import _core

DTYPES = {"f": np.float32, "d": np.float64}
RULES = {"inertia": 0.7, "c1": 1.2, "c2": 1.4}


@pytest.fixture(params=[(isa, letter) for isa in _core.ISAS for letter in DTYPES])
def mover(request):
    isa, letter = request.param
    return _core.Mover(letter, isa)


def swarm(particles, size, dtype, seed=0):
    rng = np.random.RandomState(seed)
    x, v, best = (rng.normal(size=(particles, size)).astype(dtype) for _ in range(3))
    return x, v, best, rng.randint(-1, particles, size=particles)


def moved(mover, x, v, best, leader, seed=7, iteration=3, rules=RULES, **kwargs):
    """Positions, velocities and distances after a move."""
    x, v, distance = x.copy(), v.copy(), np.empty(len(x))
    mover.move(
        x,
        v,
        best,
        leader,
        best[0].copy(),
        distance,
        seed=seed,
        iteration=iteration,
        **rules,
        **kwargs,
    )
    return x, v, distance


def numbers_of(mover, particles, size, seed, iteration):
    """The random numbers that the engine moves by: from 0, attracted by 1 with strength 1."""
    dtype = DTYPES[mover.dtype]
    zero, one = np.zeros((particles, size), dtype), np.ones((particles, size), dtype)
    other = (np.arange(particles) + 1) % particles
    return [
        moved(mover, zero, zero, one, other, seed, iteration, {"inertia": 0, "c1": a, "c2": b})[0]
        for a, b in ((1, 0), (0, 1))
    ]


# Random123's known answers (kat_vectors, philox4x32 with 10 rounds): counter, key, words.
KNOWN = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_reference_gives_the_known_answers(counter, key, words):
    np.testing.assert_array_equal(reference.philox(counter, key), words)


def test_engine_gives_the_first_known_answer(mover):
    """The block of the first coordinates, bit for bit."""
    u, w = (array[0, :2] for array in numbers_of(mover, 2, 2, seed=0, iteration=0))
    words = KNOWN[0][2]
    if mover.dtype == "f":
        assert [*u, *w] == [(word >> 9) / 2**23 for word in words]
    else:
        assert u[0] == ((words[1] << 32 | words[0]) >> 12) / 2**52
        assert w[0] == ((words[3] << 32 | words[2]) >> 12) / 2**52


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 15, 16, 17, 33, 100])
@pytest.mark.parametrize(("seed", "iteration"), [(0, 0), (2**64 - 1, 2**64 - 1), (2**40 + 5, 17)])
def test_random_numbers_are_the_same_everywhere(mover, size, seed, iteration):
    """Bit for bit, whatever the instruction set, and those of a longer vector begin alike."""
    bits = 32 if mover.dtype == "f" else 64
    expected = reference.two_uniforms(seed, iteration, 5, size, bits)
    np.testing.assert_array_equal(numbers_of(mover, 5, size, seed, iteration), expected)


def test_random_numbers_are_uniform_and_independent(mover):
    u, w = (array.astype(float) for array in numbers_of(mover, 100, 1000, seed=1, iteration=1))
    later = numbers_of(mover, 100, 1000, seed=1, iteration=2)[0]
    for array in (u, w):
        assert abs(array.mean() - 0.5) < 5 / np.sqrt(12 * array.size)
        counts = np.histogram(array, 64, (0, 1))[0]
        expected = array.size / 64
        assert ((counts - expected) ** 2 / expected).sum() < 63 + 5 * np.sqrt(2 * 63)
        assert array.min() >= 0
        assert array.max() < 1
    for a, b in ((u, w), (u, later), (u[:, 1:], u[:, :-1]), (u[1:], u[:-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 16, 17, 61])
@pytest.mark.parametrize("particles", [1, 2, 9])
def test_move(mover, particles, size):
    dtype = DTYPES[mover.dtype]
    x, v, best, leader = swarm(particles, size, dtype)
    numbers = reference.two_uniforms(7, 3, particles, size, 8 * dtype().itemsize)
    expected = reference.move(x, v, best, leader, numbers, *RULES.values())
    found = moved(mover, x, v, best, leader)
    rtol = 2e-6 if mover.dtype == "f" else 4e-15
    for array, wanted in zip(found, expected, strict=False):
        np.testing.assert_allclose(array, wanted, rtol=rtol, atol=2 * rtol)
    away = ((expected[0] - best[0]) ** 2).sum(axis=1)
    np.testing.assert_allclose(found[2], away, rtol=5 * rtol, atol=rtol)


@pytest.mark.parametrize("boundary", _core.BOUNDARIES)
@pytest.mark.parametrize("v_max", [None, 0.4])
@pytest.mark.parametrize("size", [3, 16, 21])
def test_bounds(mover, boundary, v_max, size):
    dtype = DTYPES[mover.dtype]
    x, v, best, leader = swarm(30, size, dtype, seed=1)
    low, high = np.full(size, -0.5, dtype), np.linspace(0.1, 1, size).astype(dtype)
    x, v = np.clip(x, low, high), 3 * v
    numbers = reference.two_uniforms(7, 3, 30, size, 8 * dtype().itemsize)
    most = np.inf if v_max is None else v_max
    expected = reference.move(
        x, v, best, leader, numbers, *RULES.values(), most, boundary, low.astype(float), high
    )
    speeds = None if v_max is None else np.full(size, v_max, dtype)
    kwargs = {"v_max": speeds, "boundary": boundary, "lower": low, "upper": high}
    found = moved(mover, x, v, best, leader, **kwargs)
    rtol = 2e-5 if mover.dtype == "f" else 4e-14
    for array, wanted in zip(found, expected, strict=False):
        np.testing.assert_allclose(array, wanted, rtol=rtol, atol=rtol)
    if boundary != "none":
        assert np.all((low <= found[0]) & (found[0] <= high))


def test_a_particle_moves_alike_among_many_or_few(mover):
    """Its numbers hang on its own index alone, so any partition of the work gives the same."""
    x, v, best, leader = swarm(40, 19, DTYPES[mover.dtype])
    leader = np.minimum(leader, 8)
    whole = moved(mover, x, v, best, leader)
    few = moved(mover, *(array[:9].copy() for array in (x, v, best, leader)))
    for a, b in zip(whole, few, strict=True):
        np.testing.assert_array_equal(a[:9], b)


def test_rows_of_the_table_have_a_reference():
    assert reference.BOUNDARIES == _core.BOUNDARIES


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": np.zeros((2, 3), np.float32)}, TypeError, "x must be an array of float64"),
        ({"v": np.zeros((2, 4))}, ValueError, r"v must have shape \(2, 3\)"),
        ({"best": np.zeros((3, 2)).T}, ValueError, "best must be C-contiguous"),
        ({"leader": np.array([0, 2])}, ValueError, "leader must lie between -1 and 1"),
        ({"leader": np.array([-2, 0])}, ValueError, "leader must lie between -1 and 1"),
        ({"leader": np.array([0.0, 1.0])}, TypeError, "leader must be an array of int64"),
        ({"distance": np.zeros(3)}, ValueError, r"distance must have shape \(2,\)"),
        ({"centre": [0.0] * 3}, TypeError, "centre must be an array"),
        ({"boundary": "sticky"}, ValueError, "boundary must be one of none, absorb"),
        ({"boundary": "absorb"}, TypeError, "lower must be an array"),
        ({"boundary": "absorb", "lower": np.zeros(3)}, TypeError, "upper must be an array"),
        ({"v_max": np.ones(2)}, ValueError, r"v_max must have shape \(3,\)"),
        ({"seed": -1}, OverflowError, "negative"),
    ],
)
def test_the_binding_checks_all(change, error, message):
    arrays = {
        "x": np.zeros((2, 3)),
        "v": np.zeros((2, 3)),
        "best": np.zeros((2, 3)),
        "leader": np.zeros(2, np.int64),
        "centre": np.zeros(3),
        "distance": np.zeros(2),
        "seed": 1,
        "iteration": 1,
    }
    with pytest.raises(error, match=message):
        _core.Mover("d").move(**arrays | RULES | change)


def test_read_only_positions_are_refused():
    x, v, best, leader = swarm(2, 3, np.float64)
    best.flags.writeable = False
    moved(_core.Mover("d"), x, v, best, leader)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="x: "):
        _core.Mover("d").move(x, v, best, leader, best[0], np.empty(2), 1, 1, 1, 0, 0)


def test_types_and_instruction_sets_are_checked():
    with pytest.raises(ValueError, match="dtype must be 'f'"):
        _core.Mover("e")
    with pytest.raises(ValueError, match="isa must be one of"):
        _core.Mover("f", "avx1024")


def test_an_empty_swarm():
    """Nothing moves, nothing breaks."""
    none = np.zeros((0, 3))
    _core.Mover("d").move(
        none,
        none.copy(),
        none.copy(),
        np.zeros(0, np.int64),
        np.zeros(3),
        np.zeros(0),
        1,
        1,
        1,
        0,
        0,
    )
