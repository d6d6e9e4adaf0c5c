"""Laplace: the evidence against closed forms and integration, error bars, probabilities, limits."""

import math
import pickle
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import reference
from scipy.integrate import dblquad
from scipy.optimize import minimize, minimize_scalar
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.linear_model import BayesianRidge

from pyl2 import Backprop, Laplace, Network

RTOL = 1e-8


def line(rows=40, inputs=4, outputs=1, weighted=False, seed=0):
    """Data of a linear model."""
    rng = np.random.RandomState(seed)
    x = rng.randn(rows, inputs)
    y = x @ rng.randn(inputs, outputs) + 0.3 * rng.randn(rows, outputs) + 1.5
    return x, y, rng.uniform(0.5, 2, rows) if weighted else None


def ridge(x, y, l2, s=None):
    """The network without hidden layers at the minimum of E, by a linear solver."""
    s = np.ones(len(x)) if s is None else s
    wide = np.hstack([x, np.ones((len(x), 1))])
    prior = np.diag([*np.broadcast_to(l2, x.shape[1]), 0.0])
    found = np.linalg.solve(wide.T @ (s[:, None] * wide) + prior, wide.T @ (s[:, None] * y))
    network = Network((x.shape[1], y.shape[1]), seed=0)
    network.params = np.concatenate([found[:-1].ravel(), found[-1]])
    return network


def restricted_likelihood(x, y, l2, noise, s=None):
    """Log p(y) of y = x w + b + e, w ~ N(0, noise/l2), b flat with density 1, by its covariance."""
    total = 0.0
    for target in y.T:
        covariance = noise * np.diag(1 / (np.ones(len(x)) if s is None else s))
        covariance += noise / l2 * x @ x.T
        inverse, one = np.linalg.inv(covariance), np.ones(len(x))
        mass = one @ inverse @ one
        off = target - one @ inverse @ target / mass
        total -= 0.5 * (len(x) - 1) * math.log(2 * math.pi) + 0.5 * math.log(mass)
        total -= 0.5 * np.linalg.slogdet(covariance)[1] + 0.5 * off @ inverse @ off
    return total


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("l2", [1e-3, 1.0, 30.0])
def test_linear_regression(l2, outputs):
    """Log evidence, γ, the noise and the error bars are those of Bayesian linear regression."""
    x, y, _ = line(outputs=outputs)
    posterior = Laplace(ridge(x, y, l2), x, y, l2)
    noise = posterior.noise_variance
    assert posterior.log_evidence == pytest.approx(restricted_likelihood(x, y, l2, noise), rel=RTOL)
    best = minimize_scalar(
        lambda log: -restricted_likelihood(x, y, l2, math.exp(log)),
        bounds=(math.log(noise) - 1, math.log(noise) + 1),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert noise == pytest.approx(math.exp(best.x), rel=1e-6)
    assert posterior.log_evidence >= -best.fun - RTOL
    eigenvalues = np.linalg.eigvalsh((x - x.mean(axis=0)).T @ (x - x.mean(axis=0)))
    effective = outputs * (eigenvalues / (eigenvalues + l2)).sum()
    assert posterior.n_effective_weights == pytest.approx([effective], rel=RTOL)
    assert posterior.n_effective == pytest.approx(effective + outputs, rel=RTOL)
    assert posterior.gradient_norm < 1e-12
    assert posterior.jitter == 0
    new = np.random.RandomState(1).randn(7, x.shape[1])
    wide, row = np.hstack([x, np.ones((len(x), 1))]), np.hstack([new, np.ones((7, 1))])
    precision = (wide.T @ wide + np.diag([*[l2] * x.shape[1], 0])) / noise
    variance = np.einsum("ni,ij,nj->n", row, np.linalg.inv(precision), row)
    mean, std = posterior.predict(new, return_std=True)
    np.testing.assert_allclose(std**2, np.tile(variance + noise, (outputs, 1)).T, rtol=RTOL)
    np.testing.assert_array_equal(mean, posterior.predict(new))


def test_the_given_noise_is_taken():
    x, y, _ = line()
    for noise in (0.01, 2.0):
        posterior = Laplace(ridge(x, y, 0.5), x, y, 0.5, noise_variance=noise)
        expected = restricted_likelihood(x, y, 0.5, noise)
        assert posterior.log_evidence == pytest.approx(expected, rel=RTOL)
        assert posterior.noise_variance == noise


def test_sample_weights_are_repetitions():
    """Whole weights are as many rows; n counts them."""
    x, y, _ = line(rows=20)
    s = np.random.RandomState(0).randint(1, 4, 20)
    many = [np.repeat(part, s, axis=0) for part in (x, y)]
    network = ridge(x, y, 2.0, s)
    weighted = Laplace(network, x, y, 2.0, sample_weight=s)
    repeated = Laplace(network, *many, 2.0)
    for name in ("log_evidence", "n_effective", "noise_variance"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=RTOL)
    other = Laplace(network, x, y, 2.0 * 5 / s.sum(), n=5, sample_weight=s)
    assert other.log_evidence == pytest.approx(weighted.log_evidence, rel=RTOL)


def test_the_best_lambda_is_that_of_the_closed_form():
    x, y, _ = line(rows=25, inputs=6)

    def closed(log):
        l2, noise = np.exp(log)
        return -restricted_likelihood(x, y, l2, noise)

    best = minimize(
        closed, [0.0, -2.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}
    )
    found = minimize_scalar(
        lambda log: -Laplace(ridge(x, y, math.exp(log)), x, y, math.exp(log)).log_evidence,
        bounds=(-8, 6),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found.fun == pytest.approx(best.fun, rel=RTOL)
    assert found.x == pytest.approx(best.x[0], abs=1e-4)


def test_brute_force_integration():
    """One weight and one bias: the evidence is an integral over the plane."""
    x, y = np.array([[-1.0], [0.3], [1.1]]), np.array([[-0.8], [0.5], [0.7]])
    l2, noise = 0.7, 0.2
    alpha = l2 / noise

    def density(b, w):
        error = y[:, 0] - w * x[:, 0] - b
        log = -0.5 * error @ error / noise - 1.5 * math.log(2 * math.pi * noise)
        return math.exp(log - 0.5 * alpha * w * w + 0.5 * math.log(alpha / (2 * math.pi)))

    area, _ = dblquad(density, -5, 5, -5, 5, epsabs=1e-13, epsrel=1e-11)
    posterior = Laplace(ridge(x, y, l2), x, y, l2, noise_variance=noise)
    assert posterior.log_evidence == pytest.approx(math.log(area), rel=RTOL)


def test_bayesian_ridge():
    """scikit-learn's has the same prior of the weights, but an intercept that is certain."""
    x, y, _ = line(rows=50, inputs=5)
    x = x - x.mean(axis=0)
    theirs = BayesianRidge(tol=1e-12, max_iter=10_000).fit(x, y[:, 0])
    l2, noise = theirs.lambda_ / theirs.alpha_, 1 / theirs.alpha_
    posterior = Laplace(ridge(x, y, l2), x, y, l2, noise_variance=noise)
    new = np.random.RandomState(1).randn(9, 5)
    mean, std = theirs.predict(new, return_std=True)
    ours = posterior.predict(new, return_std=True)
    np.testing.assert_allclose(ours[0][:, 0], mean, rtol=1e-7)
    np.testing.assert_allclose(ours[1][:, 0] ** 2 - noise / 50, std**2, rtol=1e-7)
    # Where MacKay's fixed point has ended, λ = γ/Σw².
    weights = posterior.n_effective_weights[0] / (theirs.coef_ @ theirs.coef_)
    assert weights == pytest.approx(theirs.lambda_, rel=1e-5)


def logistic_minimum(x, y, l2):
    """The minimum of the penalized cross-entropy, by Newton's method."""
    wide = np.hstack([x, np.ones((len(x), 1))])
    prior, w = np.diag([*[l2] * x.shape[1], 0]), np.zeros(wide.shape[1])
    for _ in range(100):
        p = expit(wide @ w)
        hessian = wide.T @ ((p * (1 - p))[:, None] * wide) + prior
        w = w - np.linalg.solve(hessian, wide.T @ (p - y[:, 0]) + prior @ w)
    return w, hessian, wide


def classes(rows=60, inputs=3, seed=0):
    rng = np.random.RandomState(seed)
    x = rng.randn(rows, inputs)
    return x, (x @ rng.randn(inputs, 1) + rng.logistic(size=(rows, 1)) > 0.3).astype(float)


@pytest.mark.parametrize("l2", [0.1, 1.0, 10.0])
def test_logistic_regression(l2):
    x, y = classes()
    w, hessian, wide = logistic_minimum(x, y, l2)
    network = Network((3, 1), output="logistic", seed=0)
    network.params = w
    posterior = Laplace(network, x, y, l2)
    z = wide @ w
    log_likelihood = -(np.logaddexp(0, z) - y[:, 0] * z).sum()
    expected = log_likelihood - 0.5 * l2 * w[:-1] @ w[:-1] + 1.5 * math.log(l2)
    expected += 0.5 * math.log(2 * math.pi) - 0.5 * np.linalg.slogdet(hessian)[1]
    assert posterior.log_evidence == pytest.approx(expected, rel=RTOL)
    inverse = np.linalg.inv(hessian)
    gamma = 3 - l2 * np.trace(inverse[:3, :3])
    assert posterior.n_effective_weights == pytest.approx([gamma], rel=RTOL)
    assert posterior.n_effective == pytest.approx(gamma + 1, rel=RTOL)
    variance = np.einsum("ni,ij,nj->n", wide, inverse, wide)
    probability = expit(z / np.sqrt(1 + math.pi / 8 * variance))
    np.testing.assert_allclose(posterior.predict_proba(x)[:, 0], probability, rtol=RTOL)
    assert posterior.noise_variance is None


def test_the_evidence_of_a_logistic_regression_is_near_the_integral():
    """Laplace's method is no longer exact, but nearly."""
    x, y = classes(rows=200, inputs=1)
    w, _, wide = logistic_minimum(x, y, 2.0)
    network = Network((1, 1), output="logistic", seed=0)
    network.params = w
    posterior = Laplace(network, x, y, 2.0)
    peak = posterior.log_evidence

    def density(b, slope):
        z = wide @ [slope, b]
        log = -(np.logaddexp(0, z) - y[:, 0] * z).sum() - slope * slope
        return math.exp(log + 0.5 * math.log(2.0 / (2 * math.pi)) - peak)

    area, _ = dblquad(density, w[0] - 3, w[0] + 3, w[1] - 3, w[1] + 3, epsrel=1e-7)
    assert math.log(area) == pytest.approx(0, abs=0.02)


def test_softmax_of_two_classes_is_the_logistic():
    """Each class has a weight: their difference has half the precision, and √2 the measure."""
    x, y = classes()
    w, _, _ = logistic_minimum(x, y, 1.0)
    one = Network((3, 1), output="logistic", seed=0)
    one.params = w
    two = Network((3, 2), output="softmax", seed=0)
    two.params = np.concatenate([np.column_stack([-w[:3] / 2, w[:3] / 2]).ravel(), [0, w[3]]])
    logistic, softmax = Laplace(one, x, y, 1.0), Laplace(two, x, y[:, 0].astype(int), 2.0)
    assert softmax.gradient_norm < 1e-9
    expected = logistic.log_evidence - 0.5 * math.log(2)
    assert softmax.log_evidence == pytest.approx(expected, rel=RTOL)
    assert softmax.n_effective == pytest.approx(logistic.n_effective, rel=RTOL)
    np.testing.assert_allclose(
        softmax.predict_proba(x)[:, 1:], logistic.predict_proba(x), rtol=1e-7
    )
    two.biases[0][...] += 7  # a shift of all logits is no other model
    shifted = Laplace(two, x, y[:, 0].astype(int), 2.0)
    assert shifted.log_evidence == pytest.approx(softmax.log_evidence, rel=RTOL)
    np.testing.assert_allclose(shifted.predict_proba(x), softmax.predict_proba(x), rtol=1e-7)


@pytest.mark.parametrize("output", reference.OUTPUTS)
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_the_formulas_of_hidden_layers(output, depth, weighted, make_network):
    """In plain NumPy, at parameters that are no minimum: all is defined there too."""
    net = reference.make_net("tanh", output, depth)
    params, x, y, s = reference.make_problem(net, 60)
    s = s if weighted else None
    if output == "softmax":
        y = y / y.sum(axis=1, keepdims=True)
    l2, precision = np.array([0.7, 2.0, 0.3])[: depth + 1], 0.4
    given = {"noise_variance": 0.37} if output == "identity" else {}
    posterior = Laplace(
        make_network(net, params), x, y, l2, bias_precision=precision, sample_weight=s, **given
    )
    noise = given.get("noise_variance", 1.0)
    mass = 60 if s is None else s.sum()
    alphas = l2 / noise
    hidden = slice(net.n_weights, net.n_params - 3)
    prior = net.spread(alphas)
    prior[hidden] = precision
    matrix = mass / noise * net.gauss_newton(params, x, s) + np.diag(prior)
    flat = 3
    if output == "softmax":
        matrix[-3:, -3:] += np.ones((3, 3)) / 3
        flat = 2
    e0, _ = net.errors(params, x, y, s)
    weights, biases = net.split(params)
    expected = -mass * e0 / noise - 0.5 * np.linalg.slogdet(matrix)[1]
    expected += 0.5 * flat * math.log(2 * math.pi)
    for alpha, w in zip(alphas, weights, strict=True):
        expected += 0.5 * w.size * math.log(alpha) - 0.5 * alpha * (w**2).sum()
    for b in biases[:-1]:
        expected += 0.5 * b.size * math.log(precision) - 0.5 * precision * b @ b
    if output == "identity":
        expected -= 0.5 * mass * 3 * math.log(2 * math.pi * noise)
    assert posterior.log_evidence == pytest.approx(expected, rel=RTOL)
    variances = np.diag(np.linalg.inv(matrix))
    kept = variances * net.spread(alphas)
    ends = np.cumsum([0, *(w.size for w in weights)])
    gammas = [b - a - kept[a:b].sum() for a, b in pairwise(ends)]
    np.testing.assert_allclose(posterior.n_effective_weights, gammas, rtol=RTOL)
    gamma = sum(gammas) + (hidden.stop - hidden.start) + flat - precision * variances[hidden].sum()
    assert posterior.n_effective == pytest.approx(gamma, rel=RTOL)
    slope = net.gradient(params, x, y, s, l2 / mass)
    assert posterior.gradient_norm == pytest.approx(np.abs(slope).max(), rel=1e-9)
    jacobian = net.jacobian(params, x)
    if output == "identity":
        variance = np.einsum("nip,pq,niq->ni", jacobian, np.linalg.inv(matrix), jacobian)
        _, std = posterior.predict(x, return_std=True)
        np.testing.assert_allclose(std**2, variance + noise, rtol=RTOL)


def test_the_noise_is_that_of_the_greatest_evidence(make_network):
    net = reference.make_net("tanh", "identity", 2)
    params, x, y, _ = reference.make_problem(net, 60)
    network = make_network(net, params)
    Backprop(network, "lbfgs", l2=0.3, n="train").train(x, y, epochs=500)
    found = Laplace(network, x, y, 0.3)
    best = minimize_scalar(
        lambda log: -Laplace(network, x, y, 0.3, noise_variance=math.exp(log)).log_evidence,
        bounds=(-8, 3),
        method="bounded",
    )
    assert found.noise_variance == pytest.approx(math.exp(best.x), rel=1e-3)
    assert found.log_evidence == pytest.approx(-best.fun, abs=1e-5)


def sine(rows=41, seed=0):
    x = np.linspace(-1, 1, rows)[:, None]
    return x, np.sin(4 * x) + 0.1 * np.random.RandomState(seed).randn(rows, 1)


def trained(hidden=10, l2=0.01, **kwargs):
    x, y = sine()
    network = Network((1, hidden, 1), seed=0, **kwargs)
    Backprop(network, "lbfgs", l2=l2, n="train").train(x, y, epochs=2000)
    return network, x, y


def test_error_bars_are_narrow_amid_the_data_and_wide_beyond():
    network, x, y = trained()
    posterior = Laplace(network, x, y, 0.01)
    _, std = posterior.predict([[0.0], [2.0], [4.0]], return_std=True)
    assert math.sqrt(posterior.noise_variance) == pytest.approx(0.1, rel=0.5)
    assert std[0] < 1.3 * math.sqrt(posterior.noise_variance)
    assert std[1] > 2 * std[0]


def test_a_unit_without_weights_changes_no_evidence():
    """Its bias has a prior: a flat one would make spare units count without bound."""
    network, x, y = trained(hidden=4, l2=0.05)
    found = Laplace(network, x, y, 0.05)
    wider = Network((1, 5, 1), seed=0)
    wider.weights[0][...] = np.hstack([network.weights[0], [[0.0]]])
    wider.weights[1][...] = np.vstack([network.weights[1], [[0.0]]])
    wider.biases[0][...] = [*network.biases[0], 0.0]
    wider.biases[1][...] = network.biases[1]
    other = Laplace(wider, x, y, 0.05, noise_variance=found.noise_variance)
    # tanh(0) = 0: neither its weights nor its bias have any curvature.
    assert other.log_evidence == pytest.approx(found.log_evidence, rel=RTOL)
    assert other.n_effective == pytest.approx(found.n_effective, rel=RTOL)


def test_it_is_a_snapshot():
    network, x, y = trained(hidden=3)
    posterior = Laplace(network, x, y, 0.01)
    before = posterior.predict(x, return_std=True)
    network.params = np.zeros(network.params.size)
    for found, expected in zip(posterior.predict(x, return_std=True), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    again = pickle.loads(pickle.dumps(posterior))
    for found, expected in zip(again.predict(x, return_std=True), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_float32_is_looked_at_in_float64():
    network, x, y = trained(hidden=5, dtype=np.float32)
    x, y = x.astype(np.float32), y.astype(np.float32)
    wide = Network((1, 5, 1), seed=0)
    wide.params = network.params
    found, expected = (Laplace(one, x, y, 0.01) for one in (network, wide))
    assert found.log_evidence == expected.log_evidence
    mean, std = found.predict(x, return_std=True)
    assert (mean.dtype, std.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(std, expected.predict(x, return_std=True)[1])


def test_without_a_prior_there_is_no_evidence():
    x, y, _ = line()
    posterior = Laplace(ridge(x, y, 1e-9), x, y, 0.0)
    assert posterior.log_evidence == -math.inf
    assert posterior.n_effective == pytest.approx(5)
    assert np.isfinite(posterior.predict(x, return_std=True)[1]).all()


def test_directions_that_nothing_determines_get_a_jitter():
    """A column of zeros without a prior: A has no Cholesky factor."""
    x, y, _ = line()
    x = np.hstack([x, np.zeros((40, 1)), x[:, :1]])
    network = Network((6, 1), seed=0)
    network.params = np.zeros(7)
    posterior = Laplace(network, x, y, 0.0)
    assert 0 < posterior.jitter < 1
    assert np.isfinite(posterior.predict(x, return_std=True)[1]).all()


def test_more_parameters_than_rows():
    x, y = sine(rows=8)
    network = Network((1, 30, 1), seed=0)
    Backprop(network, "lbfgs", l2=1e-3, n="train").train(x, y, epochs=2000)
    posterior = Laplace(network, x, y, 1e-3)
    assert posterior.noise_variance > 0
    assert posterior.n_effective < 8.5
    assert math.isfinite(posterior.log_evidence)


def test_nothing_is_left_to_explain():
    x = np.arange(6.0)[:, None]
    network = Network((1, 2, 1), seed=0)
    network.params = np.zeros(7)
    posterior = Laplace(network, x, np.zeros((6, 1)), 0.1)
    assert posterior.noise_variance > 0
    assert math.isfinite(posterior.log_evidence)


def test_memory_is_that_of_two_matrices():
    """G and the factor of A; what is added for the error bars is rows, not a matrix."""
    network = Network((20, 60, 1), "tanh", seed=0)
    X, d = np.random.default_rng(0).normal(size=(300, 20)), network.params.size
    tracemalloc.start()
    posterior = Laplace(network, X, X[:, 0], 0.1)
    at_once = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    posterior.predict(X, return_std=True)
    later = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 2 <= at_once / (8 * d * d) < 2.25
    assert later < 8 * d * d + 3 * 8 * 256 * d  # the factor, and 256 rows of J


def test_many_rows_and_outputs_are_taken_piece_by_piece():
    net = reference.make_net("tanh", "softmax", 1, inputs=2, outputs=5)
    params, x, y, _ = reference.make_problem(net, 700)
    network = Network(net.layer_sizes, output="softmax", seed=0)
    network.params = params
    posterior = Laplace(network, x, y / y.sum(axis=1, keepdims=True), 0.5)
    whole = posterior.predict_proba(x)
    np.testing.assert_allclose(posterior.predict_proba(x[130:140]), whole[130:140], rtol=1e-12)
    np.testing.assert_allclose(whole.sum(axis=1), 1)
    assert posterior.predict_proba(x[:0]).shape == (0, 5)


GIVEN = {"l2": 0.1}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"l2": -1.0}, "l2 must be a finite number"),
        ({"l2": math.nan}, "l2 must be a finite number"),
        ({"l2": [0.1]}, "one per layer"),
        ({"n": 0.0}, "n must be a finite number"),
        ({"noise_variance": 0.0}, "noise_variance must be a finite number"),
        ({"bias_precision": 0.0}, "bias_precision must be a finite number"),
        ({"bias_precision": math.inf}, "bias_precision must be a finite number"),
        ({"sample_weight": [-1.0] * 41}, "sample_weight"),
        ({"X": np.ones((1, 1)), "Y": [[1.0]]}, "at least 2 rows"),
        ({"X": np.full((41, 1), np.nan)}, "NaN"),
        ({"X": np.ones((41, 2))}, "features"),
    ],
)
def test_what_is_refused(given, message):
    x, y = sine()
    with pytest.raises(ValueError, match=message):
        Laplace(**{"network": Network((1, 3, 1), seed=0), "X": x, "Y": y, **GIVEN, **given})


def test_types_that_are_refused():
    x, y = sine()
    network = Network((1, 3, 1), seed=0)
    with pytest.raises(TypeError, match="network"):
        Laplace("network", x, y, 0.1)
    with pytest.raises(TypeError, match="dense X"):
        Laplace(network, csr_array(x), y, 0.1)
    with pytest.raises(TypeError, match="did you mean 'l2'"):
        Laplace(network, x, y, alpha=0.1)
    posterior = Laplace(network, x, y, 0.1)
    with pytest.raises(TypeError, match="dense"):
        posterior.predict(csr_array(x), return_std=True)
    with pytest.raises(TypeError, match="predict_proba needs a logistic or softmax"):
        posterior.predict_proba(x)
    with pytest.raises(TypeError, match="return_std"):
        posterior.predict(x, return_std="yes")


@pytest.mark.parametrize("output", ["logistic", "softmax", "exp"])
def test_standard_deviations_are_of_a_squared_error(output):
    x = np.arange(4.0)[:, None]
    y = {"softmax": np.array([0, 1, 1, 0])}.get(output, np.array([[0.0], [1], [1], [0]]))
    network = Network((1, 2 if output == "softmax" else 1), output=output, seed=0)
    posterior = Laplace(network, x, y, 0.1)
    with pytest.raises(TypeError, match="return_std=True needs a squared error"):
        posterior.predict(x, return_std=True)
    with pytest.raises(ValueError, match="noise_variance needs a squared error"):
        Laplace(network, x, y, 0.1, noise_variance=1.0)


def test_too_many_parameters():
    network = Network((10, 500, 1), seed=0)
    with pytest.raises(ValueError, match=r"6001 parameters, more than 5000.*576 MB"):
        Laplace(network, np.ones((3, 10)), np.ones((3, 1)), 0.1)


def test_a_network_that_overflows():
    network = Network((1, 1), output="exp", seed=0)
    network.params = [800.0, 0.0]
    with pytest.raises(ValueError, match="not finite at the network's parameters"):
        Laplace(network, [[1.0], [2.0]], [[1.0], [1.0]], 0.1)
