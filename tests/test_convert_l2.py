"""What λ is called elsewhere: each tool trained with the converted number gives our weights.

Biases are free there as here, or treated apart by the tool's own means. convert_r.py, beside this
file, does the same with R's nnet and glmnet.
"""

import math
import multiprocessing
import os
import re
from concurrent.futures import ProcessPoolExecutor
from itertools import product

import numpy as np
import pytest
import reference
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from test_closed_forms import initial_weights

from pyl2 import Backprop, Network, convert_l2
from pyl2.convert import LOSSES, TOOLS, describe

ROWS, BATCH, EPOCHS, ETA, LAMBDA = 24, 6, 5, 0.05, 0.9
SIZES = {"batch_size": BATCH, "n_items": ROWS}
GIVEN = {**SIZES, "eta": ETA, "noise_variance": 0.3}
NET = reference.make_net("tanh", "identity", 1)
CLASSES = reference.make_net("tanh", "softmax", 1)
# One ε makes Adam the same everywhere, wherever it stands: a small one.
EPSILON = 1e-12


def problem(net=NET):
    params, x, y, _ = reference.make_problem(net, ROWS, indices=net.output == "softmax")
    return params, x, y


def ours(optimizer, decay, l2=LAMBDA, n="batch", net=NET, eta=ETA):
    """The parameters after a few epochs of ours, in the order of the rows."""
    params, x, y = problem(net)
    network = Network(net.layer_sizes, hidden=list(net.hidden), output=net.output)
    network.params = params
    trainer = Backprop(network, optimizer, eta, l2, n, decay, BATCH, shuffle=False, epsilon=EPSILON)
    trainer.train(x, y, EPOCHS)
    return network.params


def batches():
    for _ in range(EPOCHS):
        for first in range(0, ROWS, BATCH):
            yield slice(first, first + BATCH)


def assert_same(found, expected, rtol=1e-7, atol=1e-9):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


# ---- scikit-learn ----


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sklearn(solver, kind):
    net = NET if kind is MLPRegressor else CLASSES
    _, x, y = problem(net)
    y = y if kind is MLPClassifier else y[:, 0]  # its L-BFGS is no minimiser of several
    m = ROWS if solver == "lbfgs" else BATCH
    alpha = convert_l2(LAMBDA, ("l2", "train"), "sklearn", n_items=ROWS, batch_size=m)
    model = kind(
        hidden_layer_sizes=net.layer_sizes[1:-1],
        activation="tanh",
        solver=solver,
        alpha=alpha,
        batch_size=BATCH,
        learning_rate_init=ETA,
        max_iter=20,
        shuffle=False,
        random_state=0,
        momentum=0,
        tol=0,
    ).fit(x, y)
    network = Network((5, *net.layer_sizes[1:-1], model.n_outputs_), output=net.output)
    network.params = initial_weights(network.layer_sizes, 6, np.random.RandomState(0))
    trainer = Backprop(network, solver, ETA, LAMBDA, "train", None, BATCH, shuffle=False)
    trainer.train(x, y, 20)
    theirs = np.concatenate([p.ravel() for p in (*model.coefs_, *model.intercepts_)])
    assert_same(network.params, theirs, rtol=1e-4 if solver == "lbfgs" else 1e-7)


def minimum(l2, x, y, output="identity", n="train"):
    """The weights of E's minimum without a hidden layer."""
    outputs = y.max() + 1 if output == "softmax" else y.shape[1]
    network = Network((x.shape[1], outputs), output=output, seed=0)
    Backprop(network, "lbfgs", l2=l2, n=n).train(x, y, 5000)
    return network.weights[0]


def test_ridge():
    _, x, y = problem()
    alpha = convert_l2(0.1, ("l2", 1), "ridge", n_items=ROWS)
    assert_same(Ridge(alpha=alpha).fit(x, y).coef_.T, minimum(0.1, x, y, n=1), 1e-5)


def test_logistic_regression():
    _, x, y = problem(CLASSES)
    c = convert_l2(0.1, ("l2", 1), "logistic_regression", n_items=ROWS)
    other = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(other.coef_.T, minimum(0.1, x, y, "softmax", n=1), atol=1e-5)


# ---- PyTorch ----


def torch_trained(make_optimizer, loss, net=NET):
    """The parameters after training by a user of PyTorch; the weights are the first group."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    params, x, y = problem(net)
    layers = [torch.nn.Linear(*shape, dtype=torch.float64) for shape in net.shapes]
    weights, biases = net.split(params)
    with torch.no_grad():
        for layer, w, b in zip(layers, weights, biases, strict=True):
            layer.weight[:], layer.bias[:] = torch.tensor(w.T), torch.tensor(b)
    model = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1])
    losses = {
        "half": lambda z, t: 0.5 * ((z - t) ** 2).sum(dim=1).mean(),
        "mse": torch.nn.MSELoss(),
        "cross_entropy": torch.nn.CrossEntropyLoss(),
    }
    optimizer = make_optimizer(
        torch.optim,
        [
            {"params": [layer.weight for layer in layers]},
            {"params": [layer.bias for layer in layers], "weight_decay": 0.0},
        ],
    )
    for rows in batches():
        optimizer.zero_grad()
        losses[loss](model(torch.tensor(x[rows])), torch.tensor(y[rows])).backward()
        optimizer.step()
    found = [layer.weight.detach().numpy().T for layer in layers]
    found += [layer.bias.detach().numpy() for layer in layers]
    return np.concatenate([p.ravel() for p in found])


def network_for(loss):
    return CLASSES if loss == "cross_entropy" else NET


@pytest.mark.torch
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("momentum", [0, 0.9])
def test_torch_sgd(loss, momentum):
    net, k = network_for(loss), NET.layer_sizes[-1]
    wd = convert_l2(LAMBDA, ("l2", "batch"), "torch_sgd", batch_size=BATCH, loss=loss, outputs=k)
    eta = ETA * k / 2 if loss == "mse" else ETA
    theirs = torch_trained(
        lambda optim, groups: optim.SGD(groups, lr=eta, momentum=momentum, weight_decay=wd),
        loss,
        net,
    )
    assert_same(ours("momentum" if momentum else "sgd", "l2", net=net), theirs)


@pytest.mark.torch
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("tool", "decay"), [("torch_sgd", "l2"), ("torch_adamw", "decoupled")])
def test_torch_adam(loss, tool, decay):
    net, k = network_for(loss), NET.layer_sizes[-1]
    wd = convert_l2(LAMBDA, (decay, "train"), tool, n_items=ROWS, loss=loss, outputs=k)
    theirs = torch_trained(
        lambda optim, groups: {"l2": optim.Adam, "decoupled": optim.AdamW}[decay](
            groups, lr=ETA, eps=EPSILON, weight_decay=wd
        ),
        loss,
        net,
    )
    assert_same(ours("adam", decay, n="train", net=net), theirs)


# ---- optax ----

# The key, our optimizer, and the chain of a weight decay and a mask that spares biases.
CHAINS = {
    "sgd": (
        "torch_sgd",
        "sgd",
        lambda o, wd, mask: o.chain(o.add_decayed_weights(wd, mask), o.sgd(ETA)),
    ),
    "adam": (
        "torch_sgd",
        "adam",
        lambda o, wd, mask: o.chain(o.add_decayed_weights(wd, mask), o.adam(ETA, eps=EPSILON)),
    ),
    "adamw": (
        "torch_adamw",
        "adamw",
        lambda o, wd, mask: o.adamw(ETA, eps=EPSILON, weight_decay=wd, mask=mask),
    ),
    "between": (
        "torch_adamw",
        "adamw",
        lambda o, wd, mask: o.chain(
            o.scale_by_adam(eps=EPSILON),
            o.add_decayed_weights(wd, mask),
            o.scale_by_learning_rate(ETA),
        ),
    ),
}


def optax_trained(chain, wd):
    """The parameters after training by a user of optax."""
    import jax
    import optax

    def loss(tree, x, y):
        (w1, w2), (b1, b2) = tree["weights"], tree["biases"]
        z = jax.numpy.tanh(x @ w1 + b1) @ w2 + b2
        return 0.5 * ((z - y) ** 2).sum(axis=1).mean()

    params, x, y = problem()
    with jax.enable_x64(True):
        weights, biases = NET.split(params)
        tree = jax.tree.map(jax.numpy.array, {"weights": weights, "biases": biases})
        chained = CHAINS[chain][2](optax, wd, {"weights": True, "biases": False})
        state, slope = chained.init(tree), jax.jit(jax.grad(loss))
        for rows in batches():
            updates, state = chained.update(slope(tree, x[rows], y[rows]), state, tree)
            tree = optax.apply_updates(tree, updates)
    return np.concatenate([np.ravel(p) for p in (*tree["weights"], *tree["biases"])])


@pytest.fixture(scope="module")
def another_process():
    """JAX warns of every fork of a process that it has run in, and other tests fork theirs."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        yield process


@pytest.mark.parametrize("chain", CHAINS)
def test_optax(chain, another_process):
    pytest.importorskip("optax", reason="optax is not installed")
    key, optimizer, _ = CHAINS[chain]
    decay = "l2" if key == "torch_sgd" else "decoupled"
    wd = convert_l2(LAMBDA, (decay, "batch"), key, batch_size=BATCH)
    theirs = another_process.submit(optax_trained, chain, wd).result()
    assert_same(ours(optimizer, decay), theirs)


# ---- Keras ----


# With λ = 0 as well Keras is 1e-8 away from us: something in it is float32. And it hands its
# variables to NumPy in the old way.
QUIET = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def keras():
    """Keras in float64, on a backend that is there."""
    if not os.environ.get("KERAS_BACKEND"):
        pytest.importorskip("torch", reason="PyTorch, as Keras's backend, is not installed")
        os.environ["KERAS_BACKEND"] = "torch"
    module = pytest.importorskip("keras", reason="Keras is not installed")
    before = module.config.floatx()
    module.config.set_floatx("float64")
    yield module
    module.config.set_floatx(before)


def keras_trained(keras, optimizer, loss, c=0.0):
    net = network_for(loss)
    params, x, y = problem(net)

    def dense(units, activation):
        regularizer = keras.regularizers.L2(c) if c else None
        return keras.layers.Dense(units, activation, kernel_regularizer=regularizer)

    out = "softmax" if loss == "cross_entropy" else "linear"
    model = keras.Sequential([keras.Input((5,)), dense(net.layer_sizes[1], "tanh"), dense(3, out)])
    weights, biases = net.split(params)
    model.set_weights([p for pair in zip(weights, biases, strict=True) for p in pair])
    if optimizer.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    name = "sparse_categorical_crossentropy" if loss == "cross_entropy" else "mse"
    model.compile(optimizer, name)
    model.fit(x, y, BATCH, EPOCHS, shuffle=False, verbose=0)
    w1, b1, w2, b2 = model.get_weights()
    return np.concatenate([p.ravel() for p in (w1, w2, b1, b2)])


@QUIET
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_keras_l2(keras, optimizer, loss):
    c = convert_l2(LAMBDA, ("l2", "batch"), "keras_l2", batch_size=BATCH, outputs=3, loss=loss)
    if optimizer == "sgd":
        theirs = keras.optimizers.SGD(ETA * 3 / 2 if loss == "mse" else ETA)
    else:
        theirs = keras.optimizers.Adam(ETA, epsilon=EPSILON)
    found = keras_trained(keras, theirs, loss, c)
    assert_same(ours(optimizer, "l2", net=network_for(loss)), found, atol=1e-7)


@QUIET
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_keras_weight_decay(keras, optimizer, loss):
    plain = optimizer == "sgd"
    wd = convert_l2(
        LAMBDA,
        ("decoupled", "train"),
        "keras_weight_decay",
        n_items=ROWS,
        outputs=3,
        loss=loss,
        optimizer="sgd" if plain else None,
    )
    if plain:
        theirs = keras.optimizers.SGD(ETA * 3 / 2 if loss == "mse" else ETA, weight_decay=wd)
    else:
        kind = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}[optimizer]
        theirs = kind(ETA, epsilon=EPSILON, weight_decay=wd)
    found = keras_trained(keras, theirs, loss)
    assert_same(ours(optimizer, "decoupled", n="train", net=network_for(loss)), found, atol=1e-7)


# ---- What is written in books and papers, and R's tools by their objectives ----


def test_nielsen():
    """His update_mini_batch, with lmbda and the length n of the whole training data."""
    lmbda = convert_l2(LAMBDA, ("l2", "batch"), "nielsen", **SIZES)
    params, x, y = problem()
    for rows in batches():
        nabla = NET.gradient(params, x[rows], y[rows])
        shrink = 1 - NET.spread([ETA * lmbda / ROWS] * 2)
        params = shrink * params - ETA * nabla
    assert_same(ours("sgd", "l2"), params)


def test_adamw_paper():
    """Algorithm 2 with a constant schedule of 1: the decay is not multiplied by the rate."""
    decay = convert_l2(LAMBDA, ("decoupled", "train"), "adamw_paper", eta=ETA, n_items=ROWS)
    params, x, y = problem()
    m = v = np.zeros_like(params)
    for t, rows in enumerate(batches(), 1):
        g = NET.gradient(params, x[rows], y[rows])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        step = ETA * m_hat / (np.sqrt(v_hat) + EPSILON)
        params = params - (step + NET.spread([decay] * 2) * params)
    assert_same(ours("adamw", "decoupled", n="train"), params)


def test_fraction_is_adamw_of_the_paper():
    fraction = convert_l2(0.01, "adamw_paper", ("fraction", "batch"))
    assert fraction == 0.01
    l2 = convert_l2(fraction, ("fraction", "batch"), ("decoupled", "batch"), **GIVEN)
    for optimizer in ("adam", "momentum"):
        assert_same(ours(optimizer, "fraction", fraction), ours(optimizer, "decoupled", l2))


@pytest.mark.parametrize("decay", ["decoupled", "fraction"])
def test_kinds_agree_under_plain_gradient_descent(decay):
    l2 = convert_l2(LAMBDA, ("l2", "train"), (decay, "batch"), optimizer="sgd", **GIVEN)
    assert_same(ours("sgd", decay, l2), ours("sgd", "l2", n="train"))


def squared(z, y):
    return ((z - y) ** 2).sum()


def cross_entropy(z, y):
    return (reference.log_sum_exp(z) - z[np.arange(len(y)), y]).sum()


# What each minimises, as its documentation writes it: of its number v, the outputs z, the targets
# y, and the sum s of the squared weights.
NOISE, BETA = 0.3, 7.0
OBJECTIVES = {
    ("glmnet", "half"): lambda v, z, y, s: squared(z, y) / (2 * ROWS) + v * s / 2,
    ("glmnet", "cross_entropy"): lambda v, z, y, s: cross_entropy(z, y) / ROWS + v * s / 2,
    ("nnet", "half"): lambda v, z, y, s: squared(z, y) + v * s,
    ("nnet", "cross_entropy"): lambda v, z, y, s: cross_entropy(z, y) + v * s,
    ("trainbr", "half"): lambda v, z, y, s: BETA * squared(z, y) + v * BETA * s,
    ("prior", "half"): lambda v, z, y, s: squared(z, y) / (2 * NOISE) + s / (2 * v),
    ("prior", "cross_entropy"): lambda v, z, y, s: cross_entropy(z, y) + s / (2 * v),
}


@pytest.mark.parametrize(("tool", "loss"), OBJECTIVES)
def test_objective(tool, loss):
    """The minimum of the tool's objective, without a hidden layer, biases free."""
    output = "softmax" if loss == "cross_entropy" else "identity"
    _, x, y = problem(network_for(loss))
    value = convert_l2(0.1, ("l2", 1), tool, n_items=ROWS, noise_variance=NOISE, loss=loss)

    def objective(p):
        w = p[:15].reshape(5, 3)
        return OBJECTIVES[tool, loss](value, x @ w + p[15:], y, (w**2).sum())

    found = minimize(objective, np.zeros(18), method="BFGS", options={"gtol": 1e-7})
    expected = minimum(0.1, x, y, output, n=1)
    np.testing.assert_allclose(found.x[:15].reshape(5, 3), expected, atol=2e-5)


def test_prior_is_the_mean_of_its_posterior():
    _, x, y = problem()
    variance = convert_l2(0.1, ("l2", 1), "prior", n_items=ROWS, noise_variance=NOISE)
    centred = x - x.mean(axis=0)
    precision = centred.T @ centred / NOISE + np.eye(5) / variance
    mean = np.linalg.solve(precision, centred.T @ y / NOISE)
    assert_same(minimum(0.1, x, y, n=1), mean, 1e-5)


# ---- The function itself ----

OWN = tuple(product(("l2", "decoupled", "fraction"), ("batch", "train", 7.5)))
# λ/n that the number 0.02 of each tool means, with GIVEN and, for the second, a loss of "mse".
RATES = {
    "sklearn": (0.02 / 6, 0.02 / 6),
    "nielsen": (0.02 / 24, 0.02 / 24),
    "torch_sgd": (0.02, 0.03),
    "torch_adamw": (0.02, 0.02),
    "adamw_paper": (0.4, 0.4),
    "keras_l2": (0.04, 0.06),
    "keras_weight_decay": (0.02, 0.02),
    "ridge": (0.02 / 24, 0.02 / 24),
    "logistic_regression": (50 / 24, None),
    "glmnet": (0.02, 0.02),
    "nnet": (0.02 / 24, 0.02 / 24),
    "trainbr": (0.02 / 24, 0.02 / 24),
    "prior": (15 / 24, 15 / 24),
}


@pytest.mark.parametrize("loss", ["half", "mse"])
@pytest.mark.parametrize("tool", TOOLS)
def test_rate(tool, loss):
    rate = RATES[tool][loss == "mse"]
    own = "decoupled" if decays_beside(tool) else "l2"
    if rate is None:
        with pytest.raises(ValueError, match="not loss='mse'"):
            convert_l2(0.02, tool, (own, 1), loss=loss, **GIVEN)
    else:
        found = convert_l2(0.02, tool, (own, 1), outputs=3, loss=loss, **GIVEN)
        assert found == pytest.approx(rate, rel=1e-14)


ADAMW = {"torch_adamw", "adamw_paper"}


def decays_beside(key):
    """Whether the optimizer does not see the decay."""
    if isinstance(key, tuple):
        return key[0] != "l2"
    return key in {*ADAMW, "keras_weight_decay"}


def refusal(from_, to):
    """Why there is no such conversion, whatever is given; None where there is one."""
    pair = {from_, to}
    if "logistic_regression" in pair and pair & {"ridge", "trainbr"}:
        return "no λ makes one of the other"
    if decays_beside(from_) == decays_beside(to):
        return None
    if "nielsen" in pair:  # plain gradient descent
        return "never plain" if pair & ADAMW else None
    return "no number makes these the same"


@pytest.mark.parametrize("from_", [*TOOLS, *OWN], ids=str)
def test_there_and_back(from_):
    """What converts gives the number back; what does not says why."""
    for to in (*TOOLS, *OWN):
        why = refusal(from_, to)
        if why:
            with pytest.raises(ValueError, match=why):
                convert_l2(0.02, from_, to, **GIVEN)
        else:
            there = convert_l2(0.02, from_, to, **GIVEN)
            assert convert_l2(there, to, from_, **GIVEN) == pytest.approx(0.02, rel=1e-14)


def test_logistic_regression_decides_the_loss():
    """C is about cross-entropy, for which nnet's penalty is not halved."""
    assert convert_l2(0.5, "logistic_regression", "nnet") == 1.0
    assert convert_l2(0.5, "logistic_regression", "prior") == 0.5


@pytest.mark.parametrize("tool", ["logistic_regression", "prior"])
def test_no_penalty(tool):
    assert convert_l2(0, "glmnet", tool, **GIVEN) == math.inf
    assert convert_l2(math.inf, tool, "glmnet", **GIVEN) == 0


@pytest.mark.parametrize(
    ("from_", "to", "needed"),
    [
        ("sklearn", "torch_sgd", {"batch_size"}),
        ("ridge", "sklearn", {"batch_size", "n_items"}),
        ("prior", "ridge", {"noise_variance"}),
        ("adamw_paper", "torch_adamw", {"eta"}),
        (("decoupled", "batch"), ("fraction", "train"), {"batch_size", "eta"}),
        ("nielsen", ("fraction", 1), {"n_items", "eta"}),
        ("adamw_paper", ("fraction", 1), set()),
        ("nielsen", "ridge", set()),
        ("sklearn", ("l2", "batch"), set()),
        ("torch_sgd", "keras_l2", set()),
    ],
)
def test_what_is_needed_is_named(from_, to, needed):
    given = {name: GIVEN[name] for name in needed}
    convert_l2(0.1, from_, to, **given)
    for name in needed:
        with pytest.raises(ValueError, match=f"needs {name}"):
            convert_l2(0.1, from_, to, **{k: v for k, v in given.items() if k != name})


@pytest.mark.parametrize(
    ("error", "words", "arguments"),
    [
        (ValueError, "from_ must be one of sklearn, .*pair", {"from_": "pytorch"}),
        (ValueError, "to must be one of", {"to": ["l2", "batch"]}),
        (ValueError, "to must be one of", {"to": ("l2",)}),
        (ValueError, "the decay of to must be one of l2", {"to": ("L2", "batch")}),
        (ValueError, "n of to must be one of batch, train", {"to": ("l2", "all")}),
        (ValueError, "n of to must be", {"to": ("l2", 0)}),
        (ValueError, "value must be", {"value": -1.0}),
        (ValueError, "value must be", {"value": math.inf}),
        (ValueError, "value must be", {"value": math.nan}),
        (TypeError, "value must be", {"value": "0.1"}),
        (TypeError, "value must be", {"value": [0.1, 0.2]}),
        (ValueError, "value must be", {"value": 0.0, "from_": "prior"}),
        (ValueError, "value=1e-320 is too", {"value": 1e-320, "from_": "prior"}),
        (ValueError, "value=1e-320 is too", {"value": 1e-320, "to": "prior"}),
        (ValueError, "value=1e\\+308 is too", {"value": 1e308, "to": "sklearn"}),
        (ValueError, "eta must be", {"eta": 0.0}),
        (ValueError, "batch_size must be", {"batch_size": 0}),
        (TypeError, "n_items must be", {"n_items": "24"}),
        (ValueError, "noise_variance must be", {"noise_variance": -1}),
        (ValueError, "outputs must be", {"outputs": 0}),
        (ValueError, "loss must be one of half", {"loss": "mae"}),
        (ValueError, "optimizer must be one of sgd", {"optimizer": "adam"}),
        (ValueError, "ridge is about squared", {"to": "ridge", "loss": "cross_entropy"}),
        (ValueError, "say optimizer='sgd'", {"to": "keras_weight_decay"}),
        (ValueError, "no number makes these the same$", {"to": "torch_adamw"}),
        (ValueError, "never plain.*optimizer='sgd'", {"to": "torch_adamw", "optimizer": "sgd"}),
        (ValueError, "never plain.*nielsen", {"from_": "nielsen", "to": "torch_adamw"}),
    ],
)
def test_refused(error, words, arguments):
    with pytest.raises(error, match=words):
        convert_l2(**{"value": 0.1, "from_": "torch_sgd", "to": "glmnet"} | GIVEN | arguments)


def test_every_tool_is_told_of():
    table = convert_l2.__doc__.split("Notes\n")[1]
    for tool in TOOLS:
        assert re.search(rf'^ *"{tool}"', table, re.M)  # from Python 3.13 on without the indent
        assert "biases" in describe(tool)
    assert "'train'" in describe(("decoupled", "train"))


# What a float cannot hold.

MANY = {"n_items": 1000, "batch_size": 10, "eta": 0.001}


@pytest.mark.parametrize(
    ("value", "from_", "to"),
    [
        (1e-307, "nielsen", "torch_sgd"),
        (5e-324, "nielsen", "torch_sgd"),
        (1e308, "torch_sgd", "nielsen"),
        (1e-309, "logistic_regression", ("l2", "train")),
        (1e308, ("l2", "train"), "logistic_regression"),
        (1e-310, ("l2", "train"), "logistic_regression"),
        (1e307, ("l2", "batch"), ("l2", "train")),
        (1e-306, ("l2", "train"), ("fraction", "train")),
    ],
)
def test_results_that_a_float_cannot_hold(value, from_, to):
    """They were 0, or a denormal number of a few bits, without a word."""
    plain = {"optimizer": "sgd"} if "fraction" in to else {}
    with pytest.raises(ValueError, match=r"value=.* is too large or too small"):
        convert_l2(value, from_, to, **MANY, **plain)


@pytest.mark.parametrize("value", [1e-300, 1e-307, 1e300, 5e-324, 1.7e308])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_nothing_is_lost_on_the_way(value, scale):
    """λ times the rows, divided by the rows: as large as before."""
    for to in ("ridge", ("l2", "train")):
        assert convert_l2(value, "nielsen", to, n_items=scale) == value
    found = convert_l2(value, ("l2", "batch"), ("l2", "train"), n_items=scale, batch_size=scale)
    assert found == pytest.approx(value, rel=1e-15)


def test_what_is_no_penalty_stays_none():
    assert convert_l2(0.0, "nielsen", "torch_sgd", n_items=10) == 0
    assert convert_l2(math.inf, "logistic_regression", "sklearn", **MANY) == 0
    assert convert_l2(0.0, "sklearn", "logistic_regression", **MANY) == math.inf
