"""Files of every released version are read, and give the numbers that they gave then."""

import json

import numpy as np
import pytest
from make_released import RELEASED, numbers


def same(found, wanted):
    if isinstance(wanted, dict):
        assert found.keys() >= wanted.keys()
        for name in wanted:
            same(found[name], wanted[name])
    elif isinstance(wanted[0], str):
        assert found == wanted
    else:
        # Up to the rounding, also in float32, of another instruction set.
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("version", sorted(folder.name for folder in RELEASED.iterdir()))
def test_released(version):
    folder = RELEASED / version
    same(numbers(folder), json.loads((folder / "numbers.json").read_text("utf-8")))


def test_there_are_some():
    assert {file.suffix for file in (RELEASED / "0.1.0").iterdir()} == {".pyl2", ".json"}
