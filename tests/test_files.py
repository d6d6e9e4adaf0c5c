"""Files: written whole or not at all; a damaged one is a ValueError, whatever is in it."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save

from pyl2 import Backprop, Network, files, generators


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
    path.write_bytes(save(new, old_header | new_meta | header))


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


RNG = generators.to_json(np.random.default_rng(0))
TWISTER = generators.to_json(np.random.RandomState(0))


def values(path, section, **changes):
    return {section: parts(path)[2][section] | changes}


@pytest.mark.parametrize(
    "changes",
    [
        lambda path: {"arrays": {"state": np.zeros((1, 3))}},
        lambda path: {"arrays": {"state": None}},
        lambda path: {"arrays": {"steps": np.array([-1])}},
        lambda path: {"arrays": {"steps": np.zeros(2, np.int64)}},
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
    path.write_bytes(save({"params": np.zeros(3)}))
    with pytest.raises(ValueError, match="is not a pyl2 file"):
        Network.load(path)
    with pytest.raises(FileNotFoundError):
        Network.load(path.with_name("missing"))
    with pytest.raises(OSError, match=r"directory|denied"):
        Network.load(path.parent)


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    Network((3, 4, 1), seed=0).save(path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        Network((3, 4, 1), seed=1).save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


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
    again = generators.from_json(json.loads(json.dumps(generators.to_json(rng))))
    np.testing.assert_array_equal(again.normal(size=5), rng.normal(size=5))
    np.testing.assert_array_equal(again.permutation(50), rng.permutation(50))
