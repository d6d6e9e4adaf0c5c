"""Laplace beside laplace-torch: the same network, prior and noise, all of it in float64."""

import math

import numpy as np
import pytest
import reference

from pyl2 import Laplace, Network

# curvlinops asks PyTorch for what it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

L2, NOISE, BIAS_PRECISION = (0.3, 1.1), 0.2, 0.7
# Of the output biases, of which our prior says nothing.
NEXT_TO_NONE = 1e-7


@pytest.fixture(scope="module")
def theirs():
    """Return what makes laplace-torch's posterior of a network of one hidden layer of tanh."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    laplace = pytest.importorskip("laplace", reason="laplace-torch is not installed")

    def posterior(network, x, y, likelihood, precisions, **terms):
        inputs, hidden, outputs = network.layer_sizes
        layers = [torch.nn.Linear(inputs, hidden), torch.nn.Linear(hidden, outputs)]
        model = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1]).double()
        prior = []
        for layer, *ours in zip(layers, network.weights, network.biases, precisions, strict=True):
            W, b, (of_weights, of_biases) = ours
            with torch.no_grad():
                layer.weight[...] = torch.tensor(W.T.copy())
                layer.bias[...] = torch.tensor(b.copy())
            prior += [of_weights] * W.size + [of_biases] * b.size
        rows = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
        found = laplace.Laplace(
            model,
            likelihood,
            subset_of_weights="all",
            hessian_structure="full",
            prior_precision=torch.tensor(prior, dtype=torch.float64),
            **terms,
        )
        found.fit(torch.utils.data.DataLoader(rows, batch_size=16))
        return found, torch

    return posterior


def problem(outputs, link):
    net = reference.make_net("tanh", link, 1, inputs=3, outputs=outputs)
    params, x, y, _ = reference.make_problem(net, 40)
    network = Network(net.layer_sizes, "tanh", link, seed=0)
    network.params = params
    return network, x, y


def precisions(rows, noise):
    """Of weights and biases of each layer, as Laplace has them."""
    first, last = (rows * l2 / rows / noise for l2 in L2)
    return (first, BIAS_PRECISION), (last, NEXT_TO_NONE)


def without_its_prior(log_evidence, flat):
    """Leave out the density of the output biases' prior, which is 1 with us."""
    return log_evidence + 0.5 * flat * (math.log(2 * math.pi) - math.log(NEXT_TO_NONE))


@pytest.mark.parametrize("outputs", [1, 2])
def test_regression(outputs, theirs):
    network, x, y = problem(outputs, "identity")
    ours = Laplace(network, x, y, L2, len(x), NOISE, BIAS_PRECISION)
    found, torch = theirs(
        network, x, y, "regression", precisions(len(x), NOISE), sigma_noise=math.sqrt(NOISE)
    )
    expected = without_its_prior(float(found.log_marginal_likelihood()), outputs)
    assert ours.log_evidence == pytest.approx(expected, rel=1e-6)
    elsewhere = 3 * x[:10]
    mean, variance = found(torch.tensor(elsewhere), pred_type="glm")
    got, std = ours.predict(elsewhere, return_std=True)
    np.testing.assert_allclose(got, mean.detach().numpy(), rtol=1e-12)
    spread = variance.detach().numpy()[:, range(outputs), range(outputs)]
    np.testing.assert_allclose(std**2 - NOISE, spread, rtol=1e-5)


def test_softmax(theirs):
    """Its variances hold the shift of all logits, which nothing determines: it is taken out."""
    network, x, y = problem(3, "softmax")
    ours = Laplace(network, x, y.argmax(axis=1), L2, len(x), bias_precision=BIAS_PRECISION)
    found, torch = theirs(network, x, y.argmax(axis=1), "classification", precisions(len(x), 1))
    logits, covariance = (
        t.detach().numpy() for t in found._glm_predictive_distribution(torch.tensor(x))
    )
    centre = np.eye(3) - 1 / 3
    variance = np.einsum("ij,rjk,ik->ri", centre, covariance, centre) * (3 / 2) ** 2
    z = logits @ centre / np.sqrt(1 + math.pi / 8 * variance)
    shares = np.exp(z - z.max(axis=1, keepdims=True))
    expected = shares / shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours.predict_proba(x), expected, rtol=1e-5)
