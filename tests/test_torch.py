"""The comparisons of test_gradient and test_decay with PyTorch itself, on data of other seeds."""

from dataclasses import replace

import numpy as np
import pytest
from make_frozen import (
    BY_STEP,
    DROPOUT,
    GRADIENTS,
    TRAJECTORIES,
    data_error,
    torch_activations,
    torch_gradient,
    torch_trajectory,
)
from reference import ACTIVATIONS, OUTPUTS, Net, make_net, make_problem
from test_decay import assert_trajectory, pyl2_trajectory
from test_gradient import assert_gradient

pytest.importorskip("torch", reason="PyTorch is not installed; its frozen values were compared")
pytestmark = pytest.mark.torch


@pytest.mark.parametrize("case", GRADIENTS, ids=str)
def test_gradient(case, make_network):
    case = replace(case, seed=11, rows=40)
    assert_gradient(case, make_network, torch_gradient(case))


@pytest.mark.parametrize("case", TRAJECTORIES + BY_STEP + DROPOUT, ids=str)
def test_50_updates(case, make_network):
    case = replace(case, seed=11)
    assert_trajectory(*pyl2_trajectory(case, make_network), torch_trajectory(case))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("depth", range(3))
def test_gauss_newton(output, activation, depth, make_network):
    """J by autograd of the logits, Lambda by autograd of the losses."""
    import torch

    net = make_net(activation, output, depth)
    params, x, y, s = make_problem(net, 17, seed=11)
    logits = Net(net.layer_sizes, net.hidden, "identity")
    jacobian, curvature = torch_jacobian(logits, params, x), []
    for z, target in zip(torch_logits(logits, params, x), y, strict=True):
        alone = Net((3, 3), (), output)
        eye, zero, one = torch.eye(3).double(), torch.zeros(3).double(), torch.ones(1).double()

        def loss(at, alone=alone, eye=eye, zero=zero, one=one, target=target):
            row = torch.tensor(target[None] / (target.sum() if output == "softmax" else 1))
            return data_error(alone, [eye], [zero], at[None], row, one)

        curvature.append(torch.autograd.functional.hessian(loss, z).numpy())
    matrix = np.einsum("nip,nij,njq->npq", jacobian, np.array(curvature), jacobian)
    network = make_network(net, params)
    np.testing.assert_allclose(network.jacobian(x), jacobian, atol=1e-12)
    expected = np.average(matrix, axis=0, weights=s)
    found = network.gauss_newton(x, y, sample_weight=s)[2]
    assert np.linalg.norm(found - expected) < 1e-8 * np.linalg.norm(expected)


def torch_logits(net, params, x):
    """The outputs before their link."""
    import torch

    links = torch_activations()
    counts = [i * o for i, o in net.shapes] + [o for _, o in net.shapes]
    parts = torch.split(torch.as_tensor(params), counts)
    weights = [w.reshape(shape) for w, shape in zip(parts, net.shapes, strict=False)]
    z = torch.tensor(x)
    for layer, (w, b) in enumerate(zip(weights, parts[len(weights) :], strict=True)):
        z = z @ w + b
        if layer < len(net.hidden):
            z = links[net.hidden[layer]](z)
    return z


def torch_jacobian(net, params, x):
    import torch

    at = torch.tensor(params)
    return torch.autograd.functional.jacobian(lambda p: torch_logits(net, p, x), at).numpy()


def test_frozen_values_are_those_of_the_script(frozen):
    for case, compute in ((GRADIENTS[-1], torch_gradient), (TRAJECTORIES[-1], torch_trajectory)):
        np.testing.assert_allclose(compute(case), frozen[str(case)], rtol=1e-12)
