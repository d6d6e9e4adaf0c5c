"""The comparisons of test_gradient and test_decay with PyTorch itself, on data of other seeds."""

from dataclasses import replace

import numpy as np
import pytest
from make_frozen import GRADIENTS, TRAJECTORIES, torch_gradient, torch_trajectory
from test_decay import assert_trajectory, pyl2_trajectory
from test_gradient import assert_gradient

pytest.importorskip("torch", reason="PyTorch is not installed; its frozen values were compared")
pytestmark = pytest.mark.torch


@pytest.mark.parametrize("case", GRADIENTS, ids=str)
def test_gradient(case, make_network):
    case = replace(case, seed=11, rows=40)
    assert_gradient(case, make_network, torch_gradient(case))


@pytest.mark.parametrize("case", TRAJECTORIES, ids=str)
def test_50_updates(case, make_network):
    case = replace(case, seed=11)
    assert_trajectory(*pyl2_trajectory(case, make_network), torch_trajectory(case))


def test_frozen_values_are_those_of_the_script(frozen):
    for case, compute in ((GRADIENTS[-1], torch_gradient), (TRAJECTORIES[-1], torch_trajectory)):
        np.testing.assert_allclose(compute(case), frozen[str(case)], rtol=1e-12)
