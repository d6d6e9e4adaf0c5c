"""What PyTorch computes (float64, autograd) for the cases of test_gradient and test_decay.

    python tests/make_frozen.py

writes frozen_torch.npz beside this file; it needs PyTorch (2.13 made the file in the repository)
and gives the same numbers every time.  The tests read the file, so they do without PyTorch;
test_torch repeats the comparison live.  Nothing here uses the formulas of reference.py: of it
come only the layout of the parameters, the data, and the names.
"""

from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path

import numpy as np
import reference

FROZEN = Path(__file__).with_name("frozen_torch.npz")


@dataclass(frozen=True)
class GradientCase:
    activation: str
    output: str
    depth: int
    indices: bool = False
    seed: int = 0
    rows: int = 11
    l2: tuple = (0.7, 0.3, 1.1, 0.5)  # one per layer, as many as there are

    def __str__(self):
        kind = "indices" if self.indices else self.output
        return f"gradient-{self.activation}-{kind}-{self.depth}"

    @property
    def net(self):
        return reference.make_net(self.activation, self.output, self.depth)

    @property
    def problem(self):
        return reference.make_problem(self.net, self.rows, self.seed, self.indices)


@dataclass(frozen=True)
class TrajectoryCase:
    optimizer: str
    decay: str
    n: str
    weighted: bool
    seed: int = 1
    rows: int = 28
    activation: str = "tanh"
    output: str = "softmax"
    batch_size: int = 6  # five batches an epoch, the last of 4 rows
    epochs: int = 10
    eta: float = 0.05
    l2: tuple = (0.9, 0.4)
    momentum: float = 0.8
    beta_1: float = 0.85
    beta_2: float = 0.95
    epsilon: float = 1e-3
    schedule: object = "constant"
    warmup: int = 0
    l2_schedule: object = "constant"
    clip_norm: float | None = None
    clip_value: float | None = None
    average: float | None = None
    dropout: float = 0.0
    input_dropout: float = 0.0

    def __post_init__(self):
        if self.optimizer == "rprop":  # all rows in one batch
            object.__setattr__(self, "batch_size", self.rows)
            object.__setattr__(self, "epochs", 50)

    def __str__(self):
        kind = "weighted" if self.weighted else "plain"
        shape = "" if self.shape == ("tanh", "softmax") else "-" + "-".join(self.shape)
        name = f"trajectory-{self.optimizer}-{self.decay}-{self.n}-{kind}{shape}"
        return "-".join([name, *(f"{key}={value}" for key, value in self.by_step.items())])

    @property
    def shape(self):
        return self.activation, self.output

    @property
    def by_step(self):
        """Parameters of Backprop that concern the single update."""
        names = ("schedule", "warmup", "l2_schedule", "clip_norm", "clip_value", "average")
        names += ("dropout", "input_dropout")
        usual = {field.name: field.default for field in fields(self)}
        return {n: getattr(self, n) for n in names if getattr(self, n) != usual[n]}

    @property
    def net(self):
        return reference.make_net(*self.shape, 1)

    @property
    def problem(self):
        indices = self.output == "softmax"
        params, x, y, s = reference.make_problem(self.net, self.rows, self.seed, indices)
        return params, x, y, s if self.weighted else None

    @property
    def penalties(self):
        """The lambda of each layer; smaller where it is itself the fraction of a weight."""
        return tuple(v / 30 for v in self.l2) if self.decay == "fraction" else self.l2

    def items(self, m):
        """What lambda is divided by in a batch of weight m."""
        s = self.problem[3]
        return {"batch": m, "train": self.rows if s is None else s.sum(), "7.5": 7.5}[self.n]

    def kept(self, t, rows):
        """The factors of dropout in the t-th update, by the seed that Backprop draws."""
        draw = np.random.RandomState(self.seed).bytes(8)
        p = self.input_dropout, self.dropout
        update = reference.Update(
            "", "", 0, (), dropout=p, seed=int.from_bytes(draw, "little") >> 1
        )
        return update.kept(t, rows, self.net.layer_sizes[:-1])

    def orders(self):
        """The order of each epoch: a RandomState shuffles the last one, as Backprop does."""
        rng, order = np.random.RandomState(self.seed), np.arange(self.rows)
        for _ in range(self.epochs):
            i = np.arange(self.rows)
            rng.shuffle(i)
            order = order[i]
            yield order


GRADIENTS = [
    GradientCase(activation, output, depth, indices)
    for output, indices in [*((o, False) for o in reference.OUTPUTS), ("softmax", True)]
    for depth in range(4)
    for activation in (reference.CLASSIC if depth else ["identity"])
]
FURTHER = [name for name in reference.ACTIVATIONS if name not in reference.CLASSIC]
GRADIENTS += [GradientCase(activation, "softmax", 2) for activation in FURTHER]
GRADIENTS += [GradientCase("tanh", objective, 2) for objective in reference.OBJECTIVES]
TRAJECTORIES = [
    TrajectoryCase(*case)
    for case in product(
        reference.OPTIMIZERS, reference.DECAYS, ("batch", "train", "7.5"), (False, True)
    )
    if reference.valid(*case[:2])
]
TRAJECTORIES += [
    TrajectoryCase("adam", "decoupled", "train", True, output=objective)
    for objective in reference.OBJECTIVES
]
TRAJECTORIES += [
    TrajectoryCase("adam", "decoupled", "train", True, activation=activation)
    for activation in FURTHER
]


def torch_activations():
    """Those of the same names."""
    import torch
    from torch.nn import functional as f

    return {
        "identity": lambda z: z,
        "logistic": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": f.leaky_relu,
        "elu": f.elu,
        "selu": f.selu,
        "softplus": f.softplus,
        "silu": f.silu,
        "gelu": f.gelu,
        "gelu_tanh": lambda z: f.gelu(z, approximate="tanh"),
        "mish": f.mish,
    }


# Schedules, clipping and averages meet every optimizer and decay, though not in all combinations.
_RATES = [
    {"schedule": "cosine"},
    {"schedule": "one_cycle", "l2_schedule": ("exponential", 0.3)},
    {"schedule": "step", "l2_schedule": "cosine"},
    {"schedule": ("exponential", 0.2), "warmup": 7},
    {"schedule": ("cosine", 0.1), "warmup": 12, "l2_schedule": "step"},
    {"warmup": 20, "l2_schedule": "one_cycle"},
    {"schedule": ("one_cycle", 0.5)},
]
_MORE = [{"clip_norm": 0.1}, {"average": 0.9}, {"clip_value": 0.02, "average": 0.8}, {}]
_PAIRS = [p for p in product(reference.OPTIMIZERS, reference.DECAYS) if reference.valid(*p)]
BY_STEP = [
    TrajectoryCase(
        optimizer,
        decay,
        ("batch", "train", "7.5")[i % 3],
        i % 2 == 0,
        **(_RATES[(i + shift) % 7] if optimizer != "rprop" else {"l2_schedule": "cosine"}),
        **_MORE[(i + shift) % 4],
    )
    for i, (optimizer, decay) in enumerate(_PAIRS)
    for shift in ((0, 1, 3) if optimizer != "rprop" else (0, 1, 2))
]


# Masks in the place of torch.nn.Dropout's.
DROPOUT = [
    TrajectoryCase(optimizer, decay, n, weighted, dropout=p, input_dropout=q, **more)
    for optimizer, decay, n, weighted, p, q, more in [
        ("sgd", "l2", "batch", False, 0.3, 0.2, {}),
        ("sgd", "fraction", "train", True, 0.5, 0.0, {"activation": "relu"}),
        ("momentum", "l2", "7.5", True, 0.1, 0.1, {"activation": "gelu"}),
        ("nesterov", "decoupled", "train", False, 0.0, 0.4, {"output": "logistic"}),
        ("adam", "l2", "train", True, 0.2, 0.0, {"activation": "selu"}),
        ("adam", "decoupled", "batch", False, 0.6, 0.3, {"activation": "logistic"}),
        ("adamw", "decoupled", "train", False, 0.3, 0.1, {"output": "huber"}),
        ("rmsprop", "l2", "batch", True, 0.4, 0.0, {"average": 0.9}),
        ("nadam", "l2", "train", False, 0.25, 0.25, {"schedule": "cosine", "clip_norm": 0.1}),
    ]
]


def data_error(net, weights, biases, x, y, s, kept=(1.0,) * 9):
    """E0, as a user of PyTorch would write it."""
    import torch
    from torch.nn import functional as f

    links = torch_activations()
    z = x
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = (torch.tensor(kept[layer]) * z) @ w + b
        if layer < len(net.hidden):
            z = links[net.hidden[layer]](z)
    if net.output == "logistic":
        y = (1 - net.label_smoothing) * y + net.label_smoothing / 2
    loss, number = net.loss if isinstance(net.loss, tuple) else (net.loss or net.output, None)
    losses = {
        "identity": lambda: 0.5 * f.mse_loss(z, y, reduction="none").sum(1),
        "huber": lambda: f.huber_loss(z, y, reduction="none", delta=number).sum(1),
        "absolute_error": lambda: f.l1_loss(z, y, reduction="none").sum(1),
        "quantile": lambda: torch.maximum(number * (y - z), (number - 1) * (y - z)).sum(1),
        "gamma": lambda: (y * torch.exp(-z) + z - torch.log(y) - 1).sum(1),
        "logistic": lambda: f.binary_cross_entropy_with_logits(z, y, reduction="none").sum(1),
        "softmax": lambda: f.cross_entropy(
            z, y, reduction="none", label_smoothing=net.label_smoothing
        ),
        "exp": lambda: (
            f.poisson_nll_loss(z, y, log_input=True, reduction="none") + torch.xlogy(y, y) - y
        ).sum(1),
    }
    return (s * losses[loss]()).sum() / s.sum()


def leaves(net, params):
    """Weights and biases as leaves of autograd."""
    import torch

    return [[torch.tensor(p, requires_grad=True) for p in part] for part in net.split(params)]


def tensors(x, y, s):
    import torch

    s = np.ones(len(x)) if s is None else s
    return [torch.tensor(v) for v in (x, y, s)]


def penalty_of(weights, rates):
    return sum(0.5 * rate * (w**2).sum() for rate, w in zip(rates, weights, strict=False))


def flat(weights, biases):
    return np.concatenate([p.detach().numpy().ravel() for p in (*weights, *biases)])


def torch_gradient(case):
    """E0, R, then the gradient of E, with n = "batch"."""
    params, *data = case.problem
    x, y, s = tensors(*data)
    weights, biases = leaves(case.net, params)
    e0 = data_error(case.net, weights, biases, x, y, s)
    r = penalty_of(weights, [v / s.sum() for v in case.l2])
    (e0 + r).backward()
    grads = [[p.grad for p in part] for part in (weights, biases)]
    return np.concatenate([[e0.item(), r.item()], flat(*grads)])


def torch_factors(schedule, updates, warmup=0):
    """The factors of a rate, as PyTorch's own schedulers step."""
    import torch
    from torch.optim import lr_scheduler as by

    word, number = schedule if isinstance(schedule, tuple) else (schedule, None)
    rest = updates - warmup
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    if word == "one_cycle":
        part = 0.3 if number is None else number
        main = by.OneCycleLR(optimizer, 1.0, total_steps=rest, pct_start=part, cycle_momentum=False)
    elif word == "cosine":
        main = by.CosineAnnealingLR(optimizer, T_max=rest, eta_min=number or 0.0)
    elif word == "step":
        drops = [-(-rest * i // 3) for i in (1, 2)]
        main = by.MultiStepLR(optimizer, drops, gamma=number or 0.1)
    else:
        gamma = (number or 1.0) ** (1 / rest)
        main = by.ExponentialLR(optimizer, gamma=gamma)
    if warmup:
        rise = by.LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup - 1)
        main = by.SequentialLR(optimizer, [rise, main], milestones=[warmup])
    found = []
    for _ in range(updates):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        main.step() if len(found) < updates else None
    return found


def torch_optimizer(case, groups):
    import torch

    if case.optimizer in ("adam", "adamw"):
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[case.optimizer]
        betas = case.beta_1, case.beta_2
        return kind(groups, lr=case.eta, betas=betas, eps=case.epsilon, weight_decay=0.0)
    if case.optimizer == "nadam":
        betas = case.beta_1, case.beta_2
        return torch.optim.NAdam(groups, lr=case.eta, betas=betas, eps=case.epsilon)
    if case.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, lr=case.eta, alpha=case.beta_2, eps=case.epsilon)
    if case.optimizer == "rprop":
        return torch.optim.Rprop(groups, lr=case.eta)
    momentum = 0.0 if case.optimizer == "sgd" else case.momentum
    nesterov = case.optimizer == "nesterov"
    return torch.optim.SGD(groups, lr=case.eta, momentum=momentum, nesterov=nesterov)


def clip_gradients(case, leaves):
    """clip_grad_norm_ adds 1e-6 to the norm."""
    import torch

    if case.clip_value:
        torch.nn.utils.clip_grad_value_(leaves, case.clip_value)
    if case.clip_norm:
        norm = torch.linalg.vector_norm(torch.cat([p.grad.ravel() for p in leaves]))
        for p in leaves:
            p.grad *= min(1.0, case.clip_norm / norm)


@contextmanager
def float64_by_default():
    """NAdam's product of momenta is of the default type."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@float64_by_default()
def torch_trajectory(case):
    """E0 and R of each epoch (row-weighted means), then the parameters after the last.

    weight_decay is PyTorch's own for "l2", and for "decoupled" under AdamW; any other decay is a
    scaling of the old weights between backward and step, where AdamW has its own.
    """
    params, *data = case.problem
    x, y, s = tensors(*data)
    weights, biases = leaves(case.net, params)
    optimizer = torch_optimizer(case, [{"params": [w]} for w in weights] + [{"params": biases}])
    own = case.decay == "l2" or (case.decay == "decoupled" and case.optimizer == "adamw")
    updates = case.epochs * -(-case.rows // case.batch_size)
    etas = [case.eta * f for f in torch_factors(case.schedule, updates, case.warmup)]
    factors = torch_factors(case.l2_schedule, updates)
    errors, t, average = [], 0, 0.0
    for order in case.orders():
        sums = np.zeros(2)
        for first in range(0, case.rows, case.batch_size):
            i, t = order[first : first + case.batch_size], t + 1
            eta, penalties = etas[t - 1], [v * factors[t - 1] for v in case.penalties]
            rates = [v / case.items(s[i].sum().item()) for v in penalties]
            fractions = [eta * rate for rate in rates]
            if case.decay == "fraction":
                fractions, rates = penalties, [v / eta for v in penalties]
            optimizer.zero_grad()
            kept = case.kept(t, len(i))
            e0 = data_error(case.net, weights, biases, x[i], y[i], s[i], kept)
            sums += len(i) * np.array([e0.item(), penalty_of(weights, rates).item()])
            e0.backward()
            clip_gradients(case, (*weights, *biases))
            # scikit-learn's velocity holds the rates of its time, PyTorch's takes that of now.
            inside = case.optimizer in ("momentum", "nesterov") and bool(case.by_step)
            for group in optimizer.param_groups:
                group["lr"] = 1.0 if inside else eta
            for leaf in (*weights, *biases):
                leaf.grad *= eta if inside else 1.0
            for group, rate, fraction, w in zip(
                optimizer.param_groups, rates, fractions, weights, strict=False
            ):
                if own and case.optimizer == "rprop":  # which has no weight_decay
                    w.grad += rate * w.detach()
                elif own:
                    group["weight_decay"] = rate * eta if inside else rate
                else:
                    w.data *= 1 - fraction
            if case.optimizer == "adam":  # scikit-learn's epsilon is not divided by this root
                for group in optimizer.param_groups:
                    group["eps"] = case.epsilon / np.sqrt(1 - case.beta_2**t)
            optimizer.step()
            if case.average:
                average = case.average * average + (1 - case.average) * flat(weights, biases)
        errors.append(sums / case.rows)
    end = average / (1 - case.average**t) if case.average else flat(weights, biases)
    return np.concatenate([np.ravel(errors), end])


def expected():
    """The values of PyTorch by the name of the case."""
    values = {str(case): torch_gradient(case) for case in GRADIENTS}
    cases = TRAJECTORIES + BY_STEP + DROPOUT
    return values | {str(case): torch_trajectory(case) for case in cases}


if __name__ == "__main__":
    np.savez_compressed(FROZEN, **expected())
    print(f"{FROZEN.name}: {FROZEN.stat().st_size} bytes")
