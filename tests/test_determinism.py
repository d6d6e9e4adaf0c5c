"""One seed of tests/determinism.py: the same bits for any threads, files, pickles, processes."""

import determinism
import pytest

from pyl2 import _core

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("isa", _core.ISAS)
def test_threads_files_and_pickles(isa, monkeypatch):
    monkeypatch.setenv("PYL2_ISA", isa)
    found = determinism.compared(0)
    assert len(set(found.values())) == len(found)


def test_processes(monkeypatch):
    isa = _core.ISAS[-1]
    monkeypatch.setenv("PYL2_ISA", isa)
    here = determinism.digest(determinism.alone(0).values())
    assert [determinism.in_a_process(isa, seed, [0]) for seed in (0, 1)] == [[here], [here]]
