"""Ten thousand malformed files and all that was found by more of them."""

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pyl2 import Backprop, Network
from pyl2.data import tables

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))
import attacks
import readers
import targets

COUNT = 10_000


def test_malformed_files():
    """Each is refused with a documented exception, or is sound; none warns, hangs or crashes."""
    assert readers.by_number(list(targets.TARGETS), 0, COUNT) == []


@pytest.mark.parametrize("name", targets.TARGETS)
def test_attacks_reach_something(name, tmp_path):
    """Sound files are taken, and of the malformed ones some are and some are not."""
    target = targets.TARGETS[name]
    for data in target.files:
        assert target.run(data, tmp_path / "file")
    drawn = [attacks.drawn(target.files, target.attacks, seed) for seed in range(200)]
    taken = sum(target.run(data, tmp_path / "file") for data in drawn)
    assert 0 < taken < 150


def test_numbers_of_a_thousand_digits():
    """They were an OverflowError."""
    for value in (10**400, -(10**400)):
        with pytest.raises(ValueError, match="eta must be a finite number"):
            Backprop(Network((1, 1)), eta=value)


def test_texts_beyond_unicode(tmp_path):
    """NumPy holds any code point, and makes a SystemError of it when it is to be a text."""
    words = np.array([0x110000, 97], np.uint32).view("<U1")
    np.savez(tmp_path / "t.npz", X=np.ones((2, 1)), y=words)
    with pytest.raises(ValueError, match="characters beyond Unicode"):
        tables.read(str(tmp_path / "t.npz"), tables.Request())


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_columns_of_one_name_in_an_archive(tmp_path):
    """They became one column with two names."""
    np.savez(tmp_path / "t.npz", b=np.arange(2.0), y=np.arange(2.0))
    with zipfile.ZipFile(tmp_path / "t.npz", "a") as archive:
        archive.writestr("b.npy", archive.read("b.npy"))
    with pytest.raises(ValueError, match="columns of the same name: 'b'"):
        tables.read(str(tmp_path / "t.npz"), tables.Request())
