"""The kernels once more, in plain NumPy: the oracle of the tests.

Imports nothing of pyl2 and computes in float64, with the symbols of the contract.  A row of the
C tables (activation, output, optimizer) has a row of the same name here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np


def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_sum_exp(z):
    top = z.max(axis=1)
    return top + np.log(np.exp(z - top[:, None]).sum(axis=1))


def y_log_y(y):
    return y * np.log(np.where(y > 0, y, 1.0))


def diagonal(d):
    return d[:, :, None] * np.eye(d.shape[1])


def normal(z):
    """The distribution function of the normal distribution."""
    return np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[float])(z)


def bell(z):
    return np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)


def bent(alpha, scale=1.0):
    """Scaled ELU and its slope."""
    return (
        lambda z: scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0))),
        lambda z: scale * np.where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0.0))),
    )


def leaky(slope):
    return lambda z: np.where(z < 0, slope * z, z), lambda z: np.where(z > 0, 1.0, slope)


def times_z(p, p_slope):
    """The product z p(z) and its slope, where p goes to 0 faster than z grows."""

    def f(z):
        return np.where(np.isneginf(z), 0.0, np.maximum(z, -1e300) * p(z))

    return f, lambda z: p(z) + np.where(np.isfinite(z), z, 0.0) * p_slope(z)


def gelu_argument(z):
    z = np.clip(z, -1e3, 1e3)
    return math.sqrt(8 / math.pi) * (z + 0.044715 * z**3)


def gelu_argument_slope(z):
    z = np.clip(z, -1e3, 1e3)
    return math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * z**2)


def mish_factor(z):
    return np.tanh(np.logaddexp(0.0, z))


def sigmoid_slope(z):
    return sigmoid(z) * sigmoid(-z)


# name: f(z), f'(z), with the number 0.01 of leaky_relu and 1 of elu
ACTIVATIONS = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": leaky(0.01),
    "elu": bent(1.0),
    "selu": bent(1.6732632423543772, 1.0507009873554805),
    "softplus": (lambda z: np.logaddexp(0.0, z), sigmoid),
    "silu": times_z(sigmoid, sigmoid_slope),
    "gelu": times_z(normal, bell),
    "gelu_tanh": times_z(
        lambda z: sigmoid(gelu_argument(z)),
        lambda z: sigmoid_slope(gelu_argument(z)) * gelu_argument_slope(z),
    ),
    "mish": times_z(
        mish_factor, lambda z: (1 - mish_factor(z)) * (1 + mish_factor(z)) * sigmoid(z)
    ),
}
CLASSIC = ("identity", "logistic", "tanh", "relu")  # whose slopes are told from f(z)


def activation(kind):
    """Return f and f' of a name, or of a name with its number."""
    if isinstance(kind, str):
        return ACTIVATIONS[kind]
    name, number = kind
    return {"leaky_relu": leaky, "elu": bent}[name](number)


@dataclass(frozen=True)
class Output:
    link: Callable  # prediction (rows, k) of z (rows, k)
    loss: Callable  # loss of each row, (rows,), of z and y
    jacobian: Callable  # d link_j / d z_i, (rows, k, k)

    def delta(self, z, y):
        """The slope d loss / d z.  A softmax row of y need not sum to 1."""
        total = y.sum(axis=1, keepdims=True) if self.link is softmax else 1.0
        return total * self.link(z) - y


OUTPUTS = {
    "identity": Output(
        lambda z: z,
        lambda z, y: 0.5 * ((z - y) ** 2).sum(axis=1),
        lambda z: diagonal(np.ones_like(z)),
    ),
    "logistic": Output(
        sigmoid,
        lambda z, y: (np.logaddexp(0.0, z) - y * z).sum(axis=1),
        lambda z: diagonal(sigmoid(z) * sigmoid(-z)),
    ),
    "softmax": Output(
        softmax,
        lambda z, y: y.sum(axis=1) * log_sum_exp(z) - (y * z).sum(axis=1),
        lambda z: diagonal(softmax(z)) - softmax(z)[:, :, None] * softmax(z)[:, None, :],
    ),
    "exp": Output(
        np.exp,
        lambda z, y: (y_log_y(y) - y * z - y + np.exp(z)).sum(axis=1),
        lambda z: diagonal(np.exp(z)),
    ),
}


def huber(z, y, delta):
    r = np.abs(z - y)
    return np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta))


# Losses that are not an output's own: that output, the usual number, loss and slope of each number.
LOSSES = {
    "huber": ("identity", 1.0, huber, lambda z, y, delta: np.clip(z - y, -delta, delta)),
    "absolute_error": (
        "identity",
        0.0,
        lambda z, y, _: np.abs(z - y),
        lambda z, y, _: np.sign(z - y),
    ),
    "quantile": (
        "identity",
        0.5,
        lambda z, y, q: np.where(y >= z, q * (y - z), (q - 1) * (y - z)),
        lambda z, y, q: np.where(z == y, 0.0, np.where(z > y, 1 - q, -q)),
    ),
    "gamma": (
        "exp",
        0.0,
        lambda z, y, _: y * np.exp(-z) + z - np.log(y) - 1,
        lambda z, y, _: 1 - y * np.exp(-z),
    ),
}
# What E0 is made of beside the outputs' own losses: output, loss, label smoothing.
OBJECTIVES = {
    "huber": ("identity", ("huber", 0.7), 0.0),
    "absolute_error": ("identity", "absolute_error", 0.0),
    "quantile": ("identity", ("quantile", 0.3), 0.0),
    "gamma": ("exp", "gamma", 0.0),
    "smooth logistic": ("logistic", None, 0.15),
    "smooth softmax": ("softmax", None, 0.15),
}


# name: number of state vectors, step(update, gradient, state (S, d), t), which is subtracted
def sgd(u, g, state, t):
    return u.eta * g


def momentum(u, g, state, t):
    state[0] = u.momentum * state[0] - u.eta * g
    return -state[0]


def nesterov(u, g, state, t):
    state[0] = u.momentum * state[0] - u.eta * g
    return u.eta * g - u.momentum * state[0]


def moments(u, g, state):
    state[0] = u.beta_1 * state[0] + (1 - u.beta_1) * g
    state[1] = u.beta_2 * state[1] + (1 - u.beta_2) * g**2


def correction(beta, t):
    """1 - beta^t, with all its figures where beta is near 1."""
    return -math.expm1(t * math.log(beta)) if beta else 1.0


def adam(u, g, state, t):
    moments(u, g, state)
    eta = u.eta * np.sqrt(correction(u.beta_2, t)) / correction(u.beta_1, t)
    return eta * state[0] / (np.sqrt(state[1]) + u.epsilon)


def adamw(u, g, state, t):
    moments(u, g, state)
    root = np.sqrt(state[1] / correction(u.beta_2, t))
    return u.eta * (state[0] / correction(u.beta_1, t)) / (root + u.epsilon)


def rmsprop(u, g, state, t):
    state[0] = u.beta_2 * state[0] + (1 - u.beta_2) * g**2
    return u.eta * g / (np.sqrt(state[0]) + u.epsilon)


def nadam(u, g, state, t):
    moments(u, g, state)
    mu = u.beta_1 * (1 - 0.5 * 0.96 ** (0.004 * np.arange(1, t + 2)))
    now = (1 - mu[-2]) / (1 - mu[:-1].prod()) * g
    ahead = mu[-1] / (1 - mu.prod()) * state[0]
    return u.eta * (now + ahead) / (np.sqrt(state[1] / correction(u.beta_2, t)) + u.epsilon)


def rprop(u, g, state, t):
    """The gradient before, and the size of each step; where that is 0 it is still to begin."""
    turn = np.sign(g * state[0])
    size = np.where(state[1] > 0, state[1], u.eta)
    state[1] = np.clip(size * np.choose(turn.astype(int) + 1, (0.5, 1.0, 1.2)), 1e-6, 50)
    state[0] = np.where(turn < 0, 0, g)
    return np.sign(state[0]) * state[1]


OPTIMIZERS = {
    "sgd": (0, sgd),
    "momentum": (1, momentum),
    "nesterov": (1, nesterov),
    "adam": (2, adam),
    "adamw": (2, adamw),
    "rmsprop": (1, rmsprop),
    "nadam": (2, nadam),
    "rprop": (2, rprop),
}
LINEAR = ("sgd", "momentum", "nesterov")  # steps are linear in the gradients
DECAYS = ("l2", "decoupled", "fraction")


@dataclass(frozen=True)
class Update:
    optimizer: str
    decay: str
    eta: float
    l2: tuple  # one per layer
    n: float = 0.0  # 0: the m of the batch
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    clip_norm: float = 0.0  # 0: any
    clip_value: float = 0.0
    average: float = 0.0  # 0: none, else the last state vector
    eta_factors: np.ndarray | None = None  # in each batch of the epoch
    l2_factors: np.ndarray | None = None
    dropout: tuple | None = None  # p of what goes into each layer
    seed: int = 0

    def in_batch(self, i):
        """The update by the i-th batch."""
        eta = 1.0 if self.eta_factors is None else self.eta_factors[i]
        l2 = 1.0 if self.l2_factors is None else self.l2_factors[i]
        return replace(self, eta=self.eta * eta, l2=tuple(l2 * np.asarray(self.l2, dtype=float)))

    def kept(self, t, rows, sizes):
        """What multiplies the inputs and units of each layer, (rows, size), in the t-th update."""
        if not self.dropout:
            return [1.0] * len(sizes)
        return [
            dropout_factors(p, self.seed + layer, t, rows, size)
            for layer, (p, size) in enumerate(zip(self.dropout, sizes, strict=True))
        ]

    def clipped(self, g):
        if self.clip_value:
            g = np.clip(g, -self.clip_value, self.clip_value)
        return g * min(1.0, self.clip_norm / np.linalg.norm(g)) if self.clip_norm else g

    def coefficients(self, m):
        """(c, l2, r) for each layer: W loses c W, the gradient gains l2 W, R = sum r/2 |W|^2."""
        l2 = np.asarray(self.l2, dtype=float)
        rate = l2 / (self.n or m)
        if self.decay == "fraction":
            return l2, 0 * l2, l2 / self.eta
        if self.decay == "decoupled" or self.optimizer == "sgd":
            return self.eta * rate, 0 * rate, rate
        return 0 * rate, rate, rate


# The least part of a weight that a type can take off in one update.
LEAST_DECAY = {"f": 2.0**-17, "d": 0.0}


def splitmix64(i):
    """The i-th number of Steele, Lea and Flood's generator (OOPSLA 2014), begun at 0."""
    z = (i + 1) * 0x9E3779B97F4A7C15 % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def updates_due(c, t, dtype):
    """Of how many updates the t-th takes the decay, where each is to take the fraction c off."""
    if not 0 < c < LEAST_DECAY[dtype]:
        return 1
    window = 1
    while c * window < LEAST_DECAY[dtype]:
        window *= 2
    number, place = divmod(t - 1, window)
    return window if place == splitmix64(number) % window else 0


def valid(optimizer, decay):
    """AdamW whose gradient holds the penalty is Adam, and refused."""
    return (optimizer, decay) != ("adamw", "l2")


@dataclass(frozen=True)
class Net:
    layer_sizes: tuple
    hidden: tuple = ()
    output: str = "identity"
    loss: str | tuple | None = None
    label_smoothing: float = 0.0

    @property
    def shapes(self):
        return list(pairwise(self.layer_sizes))

    @property
    def n_weights(self):
        return sum(i * o for i, o in self.shapes)

    @property
    def n_params(self):
        return self.n_weights + sum(self.layer_sizes[1:])

    def split(self, params):
        """Views: the weights W_1 .. W_L and the biases b_1 .. b_L."""
        ends = np.cumsum([i * o for i, o in self.shapes] + [o for _, o in self.shapes])
        parts = np.split(params, ends[:-1])
        weights = [p.reshape(s) for p, s in zip(parts, self.shapes, strict=False)]
        return weights, parts[len(self.shapes) :]

    def spread(self, values):
        """A number per layer, for each parameter; 0 for the biases."""
        weights = np.repeat(values, [i * o for i, o in self.shapes])
        return np.concatenate([weights, np.zeros(self.n_params - self.n_weights)])

    def layers(self, params, x, kept=None):
        """The z and a of each layer; the input stands first among the a.

        ``kept`` multiplies what goes into each layer, as dropout does.
        """
        kept = [1.0] * len(self.shapes) if kept is None else kept
        params, a, zs = params.astype(float), [kept[0] * x.astype(float)], []
        links = [activation(h)[0] for h in self.hidden] + [OUTPUTS[self.output].link]
        for w, b, link, factor in zip(*self.split(params), links, [*kept[1:], 1.0], strict=True):
            zs.append(a[-1] @ w + b)
            a.append(factor * link(zs[-1]))
        return zs, a

    def predict(self, params, x):
        return self.layers(params, x)[1][-1]

    def targets(self, y):
        """Class indices as rows; labels smoothed; anything else as it is."""
        y = np.eye(self.layer_sizes[-1])[y] if y.dtype.kind == "i" else y.astype(float)
        classes = y.shape[1] if self.output == "softmax" else 2
        return (1 - self.label_smoothing) * y + self.label_smoothing / classes

    def losses(self, z, y):
        """The loss of each row, and its slope in z."""
        if self.loss is None:
            own = OUTPUTS[self.output]
            return own.loss(z, y), own.delta(z, y)
        name, *number = (self.loss,) if isinstance(self.loss, str) else self.loss
        _, usual, loss, slope = LOSSES[name]
        number = number[0] if number else usual
        return loss(z, y, number).sum(axis=1), slope(z, y, number)

    def errors(self, params, x, y, s=None, rates=0.0, kept=None):
        """E0 and R, for L2 rates lambda/n: one number, or one per layer."""
        loss, _ = self.losses(self.layers(params, x, kept)[0][-1], self.targets(y))
        rates = self.spread(np.broadcast_to(rates, len(self.shapes)))
        return np.average(loss, weights=s), 0.5 * float(rates @ params.astype(float) ** 2)

    def gradient(self, params, x, y, s=None, rates=0.0, kept=None):
        """The gradient of E = E0 + R."""
        zs, a = self.layers(params, x, kept)
        s = np.ones(len(x)) if s is None else s.astype(float)
        delta = self.losses(zs[-1], self.targets(y))[1] * (s / s.sum())[:, None]
        weights, _ = self.split(params.astype(float))
        dw, db = [], []
        for layer in reversed(range(len(weights))):
            dw.insert(0, (a[layer].T @ delta).ravel())
            db.insert(0, delta.sum(axis=0))
            if layer:
                slope = activation(self.hidden[layer - 1])[1](zs[layer - 1])
                delta = (delta @ weights[layer].T) * slope * (1.0 if kept is None else kept[layer])
        rates = self.spread(np.broadcast_to(rates, len(weights)))
        return np.concatenate(dw + db) + rates * params

    def input_gradient(self, params, x):
        """The slopes d prediction_j / d x_i, (rows, outputs, inputs)."""
        zs, _ = self.layers(params, x)
        weights, _ = self.split(params.astype(float))
        j = OUTPUTS[self.output].jacobian(zs[-1])
        for layer in reversed(range(1, len(weights))):
            slope = activation(self.hidden[layer - 1])[1](zs[layer - 1])
            j = (j @ weights[layer].T) * slope[:, None, :]
        return j @ weights[0].T

    def jacobian(self, params, x):
        """The slopes d z_j / d params of the outputs before their link, (rows, outputs, d)."""
        zs, a = self.layers(params, x)
        weights, _ = self.split(params.astype(float))
        k = self.layer_sizes[-1]
        delta = np.broadcast_to(np.eye(k), (len(x), k, k))
        dw, db = [], []
        for layer in reversed(range(len(weights))):
            product = a[layer][:, None, :, None] * delta[:, :, None, :]
            dw.insert(0, product.reshape(len(x), k, -1))
            db.insert(0, delta)
            if layer:
                slope = activation(self.hidden[layer - 1])[1](zs[layer - 1])
                delta = (delta @ weights[layer].T) * slope[:, None, :]
        return np.concatenate(dw + db, axis=2)

    def gauss_newton(self, params, x, s=None):
        """G = sum s J^T Lambda J / sum s.  Links are canonical: Lambda is the link's Jacobian."""
        j = self.jacobian(params, x)
        curvature = OUTPUTS[self.output].jacobian(self.layers(params, x)[0][-1])
        g = np.einsum("nip,nij,njq->npq", j, curvature, j, optimize=True)
        return np.average(g, axis=0, weights=s)

    def epoch(self, params, state, t, x, y, update, s=None, order=None, batch_size=1, dtype="d"):
        """New params, state (S, d), t, and the sums over the batches of rows*E0 and rows*R.

        Of float32, dtype "f", it has only when a decay is due.
        """
        params, state, sums = params.astype(float), state.astype(float), np.zeros(2)
        s = np.ones(len(x)) if s is None else s.astype(float)
        order = np.arange(len(x)) if order is None else order
        whole = update
        for first in range(0, len(x), batch_size):
            rows, update = order[first : first + batch_size], whole.in_batch(first // batch_size)
            m = s[rows].sum()
            if m == 0:
                continue
            t += 1
            c, l2, r = update.coefficients(m)
            c = c * [updates_due(fraction, t, dtype) for fraction in c]
            if update.optimizer in LINEAR:
                l2 = l2 * [updates_due(update.eta * rate, t, dtype) for rate in l2]
            batch = x[rows], y[rows], s[rows]
            kept = update.kept(t, len(rows), self.layer_sizes[:-1])
            sums += len(rows) * np.array(self.errors(params, *batch, r, kept))
            g = update.clipped(self.gradient(params, *batch, 0.0, kept)) + self.spread(l2) * params
            step = OPTIMIZERS[update.optimizer][1](update, g, state, t)
            params = params - (self.spread(c) * params + step)
            if update.average:
                state[-1] = update.average * state[-1] + (1 - update.average) * params
        return params, state, t, sums


def philox(counter, key):
    """Words (..., 4) of Philox4x32-10 (Salmon et al., SC 2011) for counters (..., 4), key (2,)."""
    c = [np.asarray(word, dtype=np.uint64) for word in np.moveaxis(np.asarray(counter), -1, 0)]
    k, low = [int(word) for word in key], np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        a, b = (word >> np.uint64(32) for word in (q, p))
        c = [a ^ c[1] ^ np.uint64(k[0]), q & low, b ^ c[3] ^ np.uint64(k[1]), p & low]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return np.stack(c, axis=-1).astype(np.uint32)


def two_uniforms(seed, iteration, particles, size, bits):
    """Two numbers in [0, 1) for each particle and coordinate, of 64 or 32 bits: (2, P, d)."""
    blocks = np.arange(-(-size * bits // 64))
    counter = np.empty((particles, len(blocks), 4), np.uint64)
    counter[..., 0], counter[..., 1] = blocks, np.arange(particles)[:, None]
    counter[..., 2], counter[..., 3] = iteration % 2**32, iteration // 2**32
    words = philox(counter, (seed % 2**32, seed // 2**32))
    halves = words.reshape(particles, len(blocks), 2, 2).transpose(2, 0, 1, 3)
    if bits == 32:
        return halves.reshape(2, particles, -1)[:, :, :size] // 2**9 / 2.0**23
    whole = halves[..., 0] + halves[..., 1].astype(np.uint64) * np.uint64(2**32)
    return (whole >> np.uint64(12)) / 2.0**52


def dropout_factors(p, key, t, rows, size):
    """0 with probability p, else 1/(1 - p): a block of four words is two numbers of two rows."""
    counter = np.empty((-(-rows // 2), -(-size // 2), 4), np.uint64)
    counter[..., 0] = np.arange(counter.shape[1])
    counter[..., 1] = np.arange(counter.shape[0])[:, None]
    counter[..., 2], counter[..., 3] = t % 2**32, t // 2**32
    words = philox(counter, (key % 2**32, key // 2**32 % 2**32))
    words = words.reshape(*counter.shape[:2], 2, 2).transpose(0, 2, 1, 3)
    words = words.reshape(2 * counter.shape[0], 2 * counter.shape[1])[:rows, :size]
    return (words >= min(math.floor(p * 2.0**32 + 0.5), 2**32 - 1)) / (1 - p)


def confine(boundary, x, v, low, high):
    """Positions and velocities after the bounds have been looked at."""
    if boundary == "none":
        return x, v
    out = (x < low) | (x > high)
    if boundary == "absorb":
        v = np.where(out, 0.0, v)
    elif boundary == "reflect":
        x = np.where(x < low, 2 * low - x, np.where(x > high, 2 * high - x, x))
        v = np.where(out, -v, v)
    elif boundary == "periodic":
        x = np.where(out, low + np.mod(x - low, high - low), x)
    return np.clip(x, low, high), v


BOUNDARIES = ("none", "absorb", "reflect", "periodic")


def move(
    x, v, best, leader, numbers, w, c1, c2, v_max=np.inf, boundary="none", low=None, high=None
):
    """One step of Standard PSO 2007, all in (P, d); numbers (2, P, d); leader -1 is nobody."""
    led = (leader >= 0)[:, None]
    v = w * v + c1 * numbers[0] * (best - x) + led * c2 * numbers[1] * (best[leader] - x)
    v = np.clip(v, -v_max, v_max)
    return confine(boundary, x + v, v, low, high)


def make_net(activation, output, depth, inputs=5, outputs=3):
    """A network of `depth` hidden layers of different widths; `output` may be one of OBJECTIVES."""
    sizes = (inputs, *(6, 4, 7)[:depth], outputs)
    return Net(sizes, (activation,) * depth, *OBJECTIVES.get(output, (output,)))


def make_problem(net, rows, seed=0, indices=False):
    """Parameters, x, y and sample weights that float32 holds exactly, so both types share them.

    RandomState: its streams never change, and the frozen values hang on them.
    """
    rng = np.random.RandomState(seed)
    gain = 0.5 if net.output == "exp" else 1.0  # or a few updates overflow it
    parts = [gain * rng.randn(i * o) / np.sqrt(i) for i, o in net.shapes]
    parts += [0.3 * rng.randn(o) for _, o in net.shapes]
    x = rng.randn(rows, net.layer_sizes[0])
    shape = rows, net.layer_sizes[-1]
    y = {
        "identity": lambda: rng.randn(*shape),
        "logistic": lambda: np.where(
            rng.rand(*shape) < 0.5, rng.rand(*shape), rng.randint(2, size=shape)
        ),
        "softmax": lambda: softmax(rng.randn(*shape)),
        "exp": lambda: rng.poisson(1.5, shape),
        "gamma": lambda: 0.1 + rng.gamma(2.0, size=shape),
    }["gamma" if net.loss == "gamma" else net.output]()
    if indices:
        y = rng.randint(shape[1], size=rows)
    s = rng.uniform(0.5, 2.0, rows)

    def rounded(v):
        return np.asarray(v, dtype=np.float32).astype(float)

    params = rounded(np.concatenate(parts))
    return params, rounded(x), y if indices else rounded(y), rounded(s)


def away_from_kink(net, rows, margin=1e-3, **kwargs):
    """A problem on which every z is at least `margin` from 0, where relu has no derivative.

    And a residual from where its loss has none, or from where a Huber loss becomes linear.
    """
    for seed in range(1000):
        problem = make_problem(net, rows, seed, **kwargs)
        zs, _ = net.layers(*problem[:2])
        kinks = [*zs]
        if net.loss is not None and net.output == "identity":
            residual = abs(zs[-1] - problem[2])
            kinks += [residual, residual - net.loss[1] if net.loss[0] == "huber" else residual]
        if min(abs(z).min() for z in kinks) > margin:
            return problem
    raise AssertionError("no seed keeps away from the kink")
