"""Files: written whole or not at all; a damaged one is a ValueError, whatever is in it."""

import contextlib
import json
import math
import os
import re

import numpy as np
import pytest

from pyl2 import Backprop, Network, ParticleSwarm
from pyl2._common import files, random


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.pyl2"


@pytest.fixture
def trained():
    X = np.random.default_rng(0).normal(size=(20, 3))
    run = Backprop(Network((3, 4, 1), seed=0), "adam", early_stopping=True, seed=0)
    run.train(X, X[:, :1], epochs=3, validation=(X, X[:, :1]))
    return run


def parts(path):
    """The arrays, header strings and meta of a file."""
    arrays, header = files._parse(path.read_bytes())
    return arrays, header, json.loads(header["meta"])


def rewrite(path, arrays=None, meta=None, **header):
    """Change some parts of a file, and nothing else."""
    old_arrays, old_header, old_meta = parts(path)
    new_meta = {"meta": json.dumps(old_meta | (meta or {}))}
    new = {k: v for k, v in (old_arrays | (arrays or {})).items() if v is not None}
    path.write_bytes(b"".join(files._pieces(new, old_header | new_meta | header)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "backprop"}, "holds a 'backprop', not a 'network'"),
        ({"pyl2": "99"}, "has format '99'"),
        ({"arrays": {"params": None}}, "damaged"),
        ({"arrays": {"params": np.zeros(7)}}, "parameters"),
        ({"arrays": {"params": np.zeros((17, 1))}}, "parameters"),
        ({"arrays": {"params": np.zeros(17, np.int64)}}, "damaged"),
        ({"meta": {"layer_sizes": [3, 4]}}, "damaged"),
        ({"meta": {"layer_sizes": [3, 2**40, 1]}}, "damaged"),
        ({"meta": {"layer_sizes": [3, 2**31 - 1, 1]}}, "parameters"),
        ({"meta": {"layer_sizes": [3, -4, 1]}}, "damaged"),
        ({"meta": {"layer_sizes": [3, True, 1]}}, "damaged"),
        ({"meta": {"layer_sizes": [3, 4.0, 1]}}, "damaged"),
        ({"meta": {"layer_sizes": "341"}}, "damaged"),
        ({"meta": {"layer_sizes": None}}, "damaged"),
        ({"meta": {"hidden": ["swish"]}}, "damaged"),
        ({"meta": {"hidden": [["tanh"]]}}, "damaged"),
        ({"meta": {"hidden": []}}, "damaged"),
        ({"meta": {"output": 3}}, "damaged"),
    ],
)
def test_damaged_network(path, changes, message):
    Network((3, 4, 1), seed=0).save(path)
    rewrite(path, **changes)
    with pytest.raises(ValueError, match=message):
        Network.load(path)


RNG = random.to_json(np.random.default_rng(0))
TWISTER = random.to_json(np.random.RandomState(0))


def values(path, section, **changes):
    return {section: parts(path)[2][section] | changes}


@pytest.mark.parametrize(
    "changes",
    [
        lambda path: {"arrays": {"state": np.zeros((1, 3))}},
        lambda path: {"arrays": {"state": None}},
        lambda path: {"arrays": {"steps": np.array([-1])}},
        lambda path: {"arrays": {"steps": np.zeros(2, np.int64)}},
        lambda path: {"arrays": {"steps": np.array([2**63 - 1])}},
        lambda path: {"arrays": {"order": np.arange(20) + 1}},
        lambda path: {"arrays": {"order": np.zeros(20, np.int64)}},
        lambda path: {"arrays": {"order": np.zeros((2, 2), np.int64)}},
        lambda path: {"arrays": {"order": np.array(3)}},
        lambda path: {"arrays": {"order": np.arange(20.0)}},
        lambda path: {"arrays": {"best": np.zeros(3)}},
        lambda path: {"arrays": {"last": np.zeros(3)}},
        lambda path: {"meta": {"parameters": {}}},
        lambda path: {"meta": {"parameters": [1, 2]}},
        lambda path: {"meta": values(path, "parameters", eta=-1.0)},
        lambda path: {"meta": values(path, "parameters", eta="1")},
        lambda path: {"meta": values(path, "parameters", l2=[0.1])},
        lambda path: {"meta": values(path, "parameters", batch_size=0)},
        lambda path: {"meta": values(path, "parameters", optimizer="sgd")},
        lambda path: {"meta": values(path, "parameters", optimizer=["adam"])},
        lambda path: {"meta": {"schedule": {}}},
        lambda path: {"meta": values(path, "schedule", stalled=-1)},
        lambda path: {"meta": values(path, "schedule", divisions=10**9)},
        lambda path: {"meta": values(path, "schedule", items_seen=0.5)},
        lambda path: {"meta": {"rng": None}},
        lambda path: {"meta": {"rng": {"name": "SystemRandom", "legacy": False}}},
        lambda path: {"meta": {"rng": RNG | {"state": 2**128}}},
        lambda path: {"meta": {"rng": RNG | {"inc": -1}}},
        lambda path: {"meta": {"rng": RNG | {"uinteger": 0.5}}},
        lambda path: {"meta": {"rng": RNG | {"legacy": True}}},
        lambda path: {"meta": {"rng": TWISTER | {"pos": 10**6}}},
        lambda path: {"meta": {"rng": TWISTER | {"pos": -1}}},
        lambda path: {"meta": {"rng": TWISTER | {"key": [0] * 623}}},
        lambda path: {"meta": {"rng": TWISTER | {"key": [2**32] * 624}}},
        lambda path: {"meta": {"rng": TWISTER | {"gauss": "x"}}},
        lambda path: {"meta": {"rng": TWISTER | {"key": 3}}},
    ],
)
def test_damaged_training(path, trained, changes):
    trained.save(path)
    rewrite(path, **changes(path))
    with pytest.raises(ValueError, match="damaged"):
        Backprop.load(path)


def test_every_byte_counts(path, trained):
    """Cut anywhere, or with bits flipped anywhere in its header: an error or a sound training."""
    trained.save(path)
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    rng = np.random.default_rng(0)
    damaged = [whole[:length] for length in range(0, len(whole), 37)]
    for _ in range(600):
        flipped = bytearray(whole)
        for position in rng.integers(0, header, rng.integers(1, 4)):
            flipped[position] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    for content in [*damaged, b"", b"\0" * 8, b"\xff" * 64, os.urandom(1000)]:
        path.write_bytes(content)
        try:
            again = Backprop.load(path)
        except ValueError:
            continue
        assert again.network.params.size == trained.network.params.size


def test_other_files(path):
    path.write_bytes(b"".join(files._pieces({"params": np.zeros(3)}, {})))
    with pytest.raises(ValueError, match="is not a pyl2 file"):
        Network.load(path)
    with pytest.raises(FileNotFoundError):
        Network.load(path.with_name("missing"))
    with pytest.raises(OSError, match=r"directory|denied"):
        Network.load(path.parent)


def test_formats_to_come(path):
    """The error tells an old version from a file that is broken."""
    Network((3, 4, 1), seed=0).save(path)
    for version, advice in (
        ("3", "a newer pyl2 wrote it"),
        ("0", "reads 1 to 2$"),
        ("x" * 99, "reads"),
    ):
        rewrite(path, pyl2=version)
        with pytest.raises(ValueError, match=advice):
            Network.load(path)


def test_the_format_is_safetensors(path, trained):
    """What we write its own package reads; what it writes we read."""
    package = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    trained.save(path)
    arrays, header, _ = parts(path)
    again = package.load(path.read_bytes())
    assert header["kind"] == "backprop"
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        assert array.dtype == again[name].dtype
        np.testing.assert_array_equal(array, again[name])
    path.write_bytes(package.save(again, header))
    np.testing.assert_array_equal(Backprop.load(path).network.params, trained.network.params)


def built(header, data=b""):
    """A file of any header, sound or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(shape, offsets, dtype="F64"):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    "content",
    [
        built({"a": entry([10**18], [0, 8 * 10**18])}),
        built({"a": entry([10**18], [0, 8])}, bytes(8)),
        built({"a": entry([2**61], [0, 0])}),
        built({"a": entry([0, 10**30], [0, 0]), "b": entry([10**30, 0], [0, 0])}),
        built({"a": entry([1] * 1000, [0, 8])}, bytes(8)),
        built({f"a{i}": entry([100_000], [0, 800_000]) for i in range(10_000)}, bytes(800_000)),
        built({"a": entry([1], [8, 16])}, bytes(16)),
        built({"a": entry([1], [0, 8])}, bytes(16)),
        built({"a": entry([1], [8, 0])}, bytes(8)),
        built({"a": entry([-1], [8, 0])}, bytes(8)),
        built({"a": entry([True], [0, 8])}, bytes(8)),
        built({"a": entry([1.0], [0, 8])}, bytes(8)),
        built({"a": entry([1], [0, 8, 8])}, bytes(8)),
        built({"a": entry([1], [0, 8], "I8")}, bytes(8)),
        built({"a": entry([1], [0, 8], ["F64"])}, bytes(8)),
        built({"a": {}}),
        built({"a": None}),
        built({"__metadata__": {"pyl2": 1}}),
        built({"__metadata__": ["pyl2"]}),
        built([]),
        built(b"[" * 10**6),
        built(b'{"a":' * 10**5),
        built(b"9" * 10**6),
        built(b"\xff" * 100),
        (2**63).to_bytes(8, "little") + b"{}",
        (10**9).to_bytes(8, "little") + b"{}",
    ],
)
def test_headers_that_claim_too_much(path, content, little_memory):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a pyl2 file"):
        Network.load(path)


@pytest.fixture
def little_memory():
    """No more than 64 MB beyond what is in use."""
    resource = pytest.importorskip("resource")
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    found = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, found[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, found)


def numbers(value, path=()):
    """Where in a JSON value there are numbers."""
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in entries:
            yield from numbers(inner, (*path, key))
    elif type(value) in (int, float):
        yield path


def changed(value, path, number):
    """A copy of a JSON value with another one in one place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = number
    return copy


STRANGE = (
    -1,
    0,
    2,
    0.5,
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    2**64 - 2,
    2**64,
    10**18,
    10**400,
    1e308,
    -1e308,
)
STRANGE += (math.nan, math.inf, None, True, "1", [], {})


@pytest.mark.parametrize("kind", [Network, Backprop, ParticleSwarm])
def test_every_number_counts(path, trained, kind, little_memory):
    """Any number of a file, put to any other: an error by name, or a training that can go on."""
    X = np.zeros((20, 3))
    network = Network((3, 4, 1), seed=0)
    swarm = ParticleSwarm(network, particles=3, inertia=(0.9, 0.4, 10), v_max=1.0, seed=0)
    swarm.train(X, X[:, :1], epochs=2)
    {Network: network, Backprop: trained, ParticleSwarm: swarm}[kind].save(path)
    _, header, meta = parts(path)
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    whole, data = json.loads(content[8:start]), content[start:]
    places = [
        (part, place)
        for part, value in (("meta", meta), ("header", whole))
        for place in numbers(value)
        if "key" not in place
    ]
    assert len(places) > 4
    for part, place in places:
        for number in STRANGE:
            if part == "meta":
                text = json.dumps(changed(meta, place, number))
                path.write_bytes(built(whole | {"__metadata__": header | {"meta": text}}, data))
            else:
                path.write_bytes(built(changed(whole, place, number), data))
            try:
                loaded = kind.load(path)
            except ValueError:
                continue
            if kind is not Network:
                with contextlib.suppress(ValueError, MemoryError):
                    loaded.train(X, X[:, :1], epochs=2, validation=(X, X[:, :1]))


def sections(value, path=()):
    """Where in a JSON value there is anything."""
    if isinstance(value, dict | list):
        entries = list(value.items() if isinstance(value, dict) else enumerate(value))
        for key, inner in entries[:20]:
            yield (*path, key)
            yield from sections(inner, (*path, key))


# What Python says of a value of another type, which no user can make anything of.
PYTHONS = (
    "object is not|object has no|not supported between|unhashable|cannot be interpreted|unpack"
)


@pytest.mark.parametrize("kind", [Network, Backprop, ParticleSwarm])
def test_damage_is_told_by_name(path, trained, kind):
    """Whatever stands in the place of a value, the error says which it is, in words of ours."""
    swarm = ParticleSwarm(Network((3, 4, 1), seed=0), particles=3, seed=0)
    swarm.train(np.zeros((20, 3)), np.zeros((20, 1)), epochs=1)
    {Network: trained.network, Backprop: trained, ParticleSwarm: swarm}[kind].save(path)
    meta = parts(path)[2]
    for place in sections(meta):
        for value in (None, True, 1.5, -1, 10**400, "x", [], [None], {}):
            rewrite(path, meta=changed(meta, place, value))
            told = ""
            try:
                kind.load(path)
            except ValueError as error:
                told = str(error)
            assert not told or "damaged" in told
            assert not re.search(PYTHONS, told), f"{place}, {value!r:.20}: {told}"
    section = "layer_sizes" if kind is Network else "parameters"
    rewrite(path, meta={**meta, section: 1.5})
    wanted = "list" if kind is Network else "dict"
    with pytest.raises(ValueError, match=f"damaged: {section} must be a {wanted}, got 1.5"):
        kind.load(path)


@pytest.mark.parametrize("bad", [None, 3, True, 1.5, ["file"]])
def test_what_is_no_path(bad):
    """A whole number is a file that the process has open: it was read, and closed."""
    network = Network((1, 1), seed=0)
    for call in (network.save, Network.load, Backprop.load, ParticleSwarm.load):
        with pytest.raises(TypeError, match="path must be a str or path-like, got"):
            call(bad)


def test_generator_that_cannot_be_saved(path):
    run = Backprop(Network((3, 1)), seed=np.random.Generator(np.random.Philox(0)))
    with pytest.raises(ValueError, match="Generator over Philox cannot be saved"):
        run.save(path)
    assert not path.exists()


@pytest.mark.parametrize(
    "rng",
    [
        np.random.default_rng(1),
        np.random.Generator(np.random.PCG64DXSM(1)),
        np.random.Generator(np.random.MT19937(1)),
        np.random.RandomState(1),
    ],
)
def test_generators_come_back(rng):
    rng.normal(size=3)
    again = random.from_json(json.loads(json.dumps(random.to_json(rng))))
    np.testing.assert_array_equal(again.normal(size=5), rng.normal(size=5))
    np.testing.assert_array_equal(again.permutation(50), rng.permutation(50))
