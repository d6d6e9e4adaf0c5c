"""One seed of tests/determinism.py: the same bits for any threads, files, pickles, processes."""

import determinism
import pytest

from pyl2 import _core

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("isa", _core.ISAS)
def test_trainers(isa, monkeypatch):
    monkeypatch.setenv("PYL2_ISA", isa)
    found = determinism.compare_trainers(0)
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("isa", _core.ISAS)
def test_estimators(isa, monkeypatch):
    monkeypatch.setenv("PYL2_ISA", isa)
    determinism.compare_estimators(0)


def test_processes():
    one, other = (determinism.in_a_process(_core.ISAS[-1], seed, [0]) for seed in (0, 1))
    assert one == other
