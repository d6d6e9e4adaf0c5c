"""What lambda is called elsewhere: `convert_l2` and the table it reads.

A tool is a row: what its number is divided by, whether its decay goes into the gradient, and what
else it fixes. Everything passes through one form: λ, what it is divided by, and the kind of decay.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from pyl2._common import keywords, penalty
from pyl2._common.validation import check_integer, check_option, check_real, shown

LOSSES = ("half", "mse", "cross_entropy")

Key = str | tuple[str, str | float]
"""A tool by its name, or our own (decay, n)."""

# What λ may be divided by, and the argument that holds it.
_DIVISORS = {"batch": "batch_size", "train": "n_items", "eta": "eta"}


@dataclass(frozen=True)
class _Setting:
    """What the two tools are trained with, as far as it is known."""

    eta: float | None
    batch_size: float | None
    n_items: float | None
    noise_variance: float | None
    outputs: int
    loss: str
    optimizer: str | None

    def need(self, name: str) -> float:
        """Return an argument without which there is no conversion."""
        value: float | None = getattr(self, name)
        if value is None:
            raise ValueError(f"this conversion needs {name}, which is not given")
        return value

    @property
    def loss_scale(self) -> float:
        """How many E₀ the loss of a tool is that lets its user choose it."""
        return 2 / self.outputs if self.loss == "mse" else 1.0


@dataclass(frozen=True)
class _Tool:
    """How a tool's number becomes λ: factor · number, or factor / number if it is reciprocal."""

    setting: str
    biases: str
    decay: str
    n: str | float
    factor: Callable[[_Setting], float] = lambda _: 1.0
    reciprocal: bool = False
    loss: str | None = None  # None: any
    optimizer: str | None = None  # None: any

    def to_lambda(self, value: float, setting: _Setting) -> float:
        factor = self.factor(setting)
        return factor / value if self.reciprocal else factor * value

    def from_lambda(self, value: float, setting: _Setting) -> float:
        factor = self.factor(setting)
        if not self.reciprocal:
            return value / factor
        return factor / value if value else math.inf


def _decoupled_scale(setting: _Setting) -> float:
    """Plain gradient descent feels a factor of the loss, Adam does not."""
    return 1 / setting.loss_scale if setting.optimizer == "sgd" else 1.0


def _prior_scale(setting: _Setting) -> float:
    return 1.0 if setting.loss == "cross_entropy" else setting.need("noise_variance")


_FREE = "biases are free"
_TOOLS = {
    "sklearn": _Tool("alpha of MLPClassifier and MLPRegressor", _FREE, "l2", "batch"),
    "nielsen": _Tool("λ of Nielsen's book", _FREE, "l2", "train", optimizer="sgd"),
    "torch_sgd": _Tool(
        "weight_decay of PyTorch's SGD and Adam, add_decayed_weights before optax's optimizer",
        "biases decay unless grouped or masked apart",
        "l2",
        1,
        lambda setting: 1 / setting.loss_scale,
    ),
    "torch_adamw": _Tool(
        "weight_decay of PyTorch's and optax's AdamW",
        "biases decay unless grouped or masked apart",
        "decoupled",
        1,
        optimizer="adam",
    ),
    "adamw_paper": _Tool(
        "λ' of the AdamW paper, taken off in each step",
        "biases decay",
        "decoupled",
        "eta",
        optimizer="adam",
    ),
    "keras_l2": _Tool(
        "c of Keras's kernel_regularizer=L2(c)",
        _FREE,
        "l2",
        1,
        lambda setting: 2 / setting.loss_scale,
    ),
    "keras_weight_decay": _Tool(
        "weight_decay of Keras's optimizers",
        "biases decay unless exclude_from_weight_decay names them",
        "decoupled",
        1,
        _decoupled_scale,
    ),
    "ridge": _Tool("alpha of Ridge", _FREE, "l2", "train", loss="squared"),
    "logistic_regression": _Tool(
        "C of LogisticRegression", _FREE, "l2", "train", reciprocal=True, loss="cross_entropy"
    ),
    "glmnet": _Tool("lambda of glmnet with alpha=0, after its own scaling", _FREE, "l2", 1),
    "nnet": _Tool(
        "decay of R's nnet",
        "biases decay unless decay is a vector with 0 for them",
        "l2",
        "train",
        lambda setting: 2.0 if setting.loss == "cross_entropy" else 1.0,
    ),
    "trainbr": _Tool(
        "alpha/beta of MATLAB's trainbr, after its own scaling",
        "biases decay in most versions",
        "l2",
        "train",
        loss="squared",
    ),
    "prior": _Tool(
        "variance of a Gaussian prior of the weights, at its MAP",
        "the biases' prior is flat",
        "l2",
        "train",
        _prior_scale,
        reciprocal=True,
    ),
}

TOOLS = tuple(_TOOLS)
"""The names of the other tools."""


@keywords.checked
def convert_l2(
    value: float,
    from_: Key,
    to: Key,
    *,
    eta: float | None = None,
    batch_size: float | None = None,
    n_items: float | None = None,
    noise_variance: float | None = None,
    outputs: int = 1,
    loss: str = "half",
    optimizer: str | None = None,
) -> float:
    """Convert an L2 constant from one tool's convention to another's.

    Both tools then train the same weights, from the same start, on the same rows in the same
    order, with the same optimizer; those that minimise over the whole set have the same minimum.
    Their biases may differ, see the table.

    Parameters
    ----------
    value : float
        The first tool's number, ≥ 0; C of LogisticRegression and the prior's variance are > 0, and
        infinite where there is no penalty.
    from_, to : str or tuple
        A tool of the table, or ``(decay, n)`` for `Backprop` and the estimators here: decay is
        "l2", "decoupled" or "fraction", n is "batch", "train" or a number > 0.  Decay "fraction"
        is the same for every n.
    eta : float, optional
        Learning rate η > 0 here, before any schedule.  Needed to convert a decay per step
        ("fraction", "adamw_paper") to or from any other.
    batch_size : float, optional
        Rows of a batch, or the sum of their sample weights, > 0.  Needed by n = "batch".  The
        number of items where the whole set is one batch, as for lbfgs.
    n_items : float, optional
        Rows of the training set, or the sum of their sample weights, > 0.  Needed by n = "train".
    noise_variance : float, optional
        σ² > 0 of the targets, needed by "prior" with squared error.
    outputs : int, default=1
        Outputs k ≥ 1 of the network; they count with ``loss="mse"``.
    loss : {"half", "mse", "cross_entropy"}, default="half"
        What is minimised besides the penalty by a tool that leaves this to its user.  "half":
        squared error as here, halved, summed over the outputs, averaged over the rows.  "mse":
        averaged over the outputs too and not halved, as PyTorch's ``MSELoss`` and Keras's "mse".
        "cross_entropy": averaged over the rows.  LogisticRegression makes it "cross_entropy".
    optimizer : {None, "sgd"}, default=None
        "sgd" says that both tools do plain gradient descent, without momentum, where "l2" and
        "decoupled" are the same.  "nielsen" says so by itself.

    Returns
    -------
    float
        The other tool's number; infinite for no penalty where the number is C or a variance.

    Raises
    ------
    ValueError
        If the conversion needs an argument that is not given, if an argument is out of range or
        does not go with a tool, if the result is too large or too small for a float, or if there is
        no such conversion: under momentum or Adam no number makes "l2" of "decoupled", and no λ
        makes a ridge of a logistic regression.
    TypeError
        If what should be a number is something else.

    Notes
    -----
    E = E₀ + (λ/2n) Σ‖W‖², E₀ with squared error halved; here biases never decay.

    ===================== ================================== ==================== ==============
    tool                  its number v                       here                 biases there
    ===================== ================================== ==================== ==============
    "sklearn"             `alpha` of MLPClassifier and       λ = v, n = "batch"   free
                          MLPRegressor                       (lbfgs: "train")
    "nielsen"             λ                                  λ = v, n = "train"   free
    "torch_sgd"           `weight_decay` of PyTorch's SGD    λ/n = v              decay, unless
                          and Adam; optax's                                       grouped or
                          add_decayed_weights before the                          masked apart
                          optimizer
    "torch_adamw"         `weight_decay` of PyTorch's and    λ/n = v, decoupled   decay, unless
                          optax's AdamW; optax's                                  grouped or
                          add_decayed_weights after                               masked apart
                          scale_by_adam
    "adamw_paper"         λ' taken off in each step, not     λ/n = v/η,           decay
                          multiplied by the rate             decoupled
    "keras_l2"            c of kernel_regularizer=L2(c)      λ/n = 2v             free
    "keras_weight_decay"  `weight_decay` of an optimizer     λ/n = v, decoupled   decay, unless
                                                                                  excluded
    "ridge"               `alpha` of Ridge                   λ = v, n = "train"   free
    "logistic_regression" C of LogisticRegression            λ = 1/v, n = "train" free
    "glmnet"              `lambda`, with alpha = 0           λ/n = v              free
    "nnet"                `decay` of R's nnet                λ = v, cross-entropy decay, unless
                                                             2v, n = "train"      a vector
    "trainbr"             α/β of MATLAB's trainbr            λ = v, n = "train"   decay in most
                                                                                  versions
    "prior"               variance τ² of a Gaussian prior,   λ = σ²/v,            flat prior
                          for the most probable weights      cross-entropy 1/v,
                                                             n = "train"
    ===================== ================================== ==================== ==============

    - Constant decays and n = "batch" part at a last, smaller batch; and a decay per step keeps to
      a constant η ("fraction" is not scaled by a schedule, the others are).
    - ``loss="mse"`` is (2/k) E₀ for k outputs: "torch_sgd" and "keras_l2" are then (k/2) times the
      above, and η here is (2/k) of theirs under plain gradient descent and momentum.  A decoupled
      decay stays what it is under Adam; with ``optimizer="sgd"`` it changes alike.
    - Mean binary cross-entropy over k > 1 outputs (``BCELoss``) is E₀/k: multiply what "torch_sgd"
      and "keras_l2" mean here by k.
    - ``optimizer="adam"`` here and Keras's Adam have scikit-learn's ε, beside the root before its
      correction; in PyTorch and optax, and in "adamw" here, it stands beside the corrected root.
    - glmnet standardises X unless told not to, and a gaussian y to unit variance (1/N): for
      another y its lambda is sd(y) times the one given here.  trainbr works on inputs and targets
      that were mapped to [-1, 1].

    References
    ----------
    M. Nielsen, Neural Networks and Deep Learning, 2015, chapter 3 (nielsen).
    I. Loshchilov, F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019 (adamw_paper).
    J. Friedman, T. Hastie, R. Tibshirani, Regularization Paths for Generalized Linear Models via
    Coordinate Descent, Journal of Statistical Software 33, 2010 (glmnet).
    W. Venables, B. Ripley, Modern Applied Statistics with S, 2002, chapter 8 (nnet).
    F. Foresee, M. Hagan, Gauss-Newton Approximation to Bayesian Learning, ICNN 1997 (trainbr).
    D. MacKay, A Practical Bayesian Framework for Backpropagation Networks, 1992 (prior).

    Examples
    --------
    scikit-learn's default ``alpha`` with batches of 200 rows, for PyTorch's SGD:

    >>> from pyl2 import convert_l2
    >>> convert_l2(1e-4, "sklearn", "torch_sgd", batch_size=200)
    5e-07

    PyTorch's default AdamW here, λ divided by the number of training rows:

    >>> convert_l2(0.01, "torch_adamw", ("decoupled", "train"), n_items=50_000)
    500.0
    """
    source, target = _tool("from_", from_), _tool("to", to)
    both = {_name(from_): source, _name(to): target}
    setting = _Setting(
        eta=_positive("eta", eta),
        batch_size=_positive("batch_size", batch_size),
        n_items=_positive("n_items", n_items),
        noise_variance=_positive("noise_variance", noise_variance),
        outputs=check_integer("outputs", outputs, 1),
        loss=_loss(loss, both),
        optimizer=_optimizer(optimizer, both),
    )
    number = _number(value, source)
    # The power of two comes out as it went in, or inverse where one tool's number stands above the
    # line and the other's below: without it nothing overflows on the way.
    mantissa, exponent = math.frexp(number)
    found = source.to_lambda(mantissa, setting)
    if source.n != target.n:
        found = found * _size(target.n, setting) / _size(source.n, setting)
    result = target.from_lambda(found, setting)
    result = _times_two_to(exponent * (1 if source.reciprocal == target.reciprocal else -1), result)
    least = sys.float_info.min
    good = least <= found < math.inf and min(number, least) <= result < math.inf
    if 0 < number < math.inf and not good:
        given = {"eta": eta, "batch_size": batch_size, "n_items": n_items}
        sizes = [f"{name}={size}" for name, size in given.items() if size is not None]
        where = f" with {', '.join(sizes)}" if sizes else ""
        raise ValueError(
            f"value={shown(value)} is too large or too small to be converted{where}: no float holds"
            " the result"
        )
    return result


def _times_two_to(exponent: int, value: float) -> float:
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.inf


def describe(key: Key) -> str:
    """Return in a few words what the number of a tool is, and what happens to biases there."""
    tool = _tool("key", key)
    return f"{tool.setting}; {tool.biases}"


def _tool(name: str, key: Any) -> _Tool:
    if isinstance(key, str) and key in _TOOLS:
        return _TOOLS[key]
    if not isinstance(key, tuple) or len(key) != 2:
        raise ValueError(
            f"{name} must be one of {', '.join(_TOOLS)}, or a pair (decay, n) such as"
            f" ('l2', 'batch'), got {shown(key)}"
        )
    decay, n = (
        check_option(f"the decay of {name}", key[0], penalty.DECAYS),
        penalty.check_n(key[1], f"n of {name}"),
    )
    setting = f"l2 of Backprop with decay={decay!r} and n={n!r}, alpha of the estimators"
    if decay == "fraction":
        return _Tool(setting, _FREE, "decoupled", "eta")
    return _Tool(setting, _FREE, decay, n)


def _name(key: Key) -> str:
    return key if isinstance(key, str) else f"({key[0]!r}, {key[1]!r})"


def _number(value: Any, tool: _Tool) -> float:
    """Return the number to convert; one that stands below the line may be infinite."""
    if tool.reciprocal and isinstance(value, Real) and value == math.inf:
        return math.inf
    return check_real("value", value, 0, open_low=tool.reciprocal)


def _positive(name: str, value: Any) -> float | None:
    return None if value is None else check_real(name, value, 0, open_low=True)


def _size(n: str | float, setting: _Setting) -> float:
    return setting.need(_DIVISORS[n]) if isinstance(n, str) else n


def _loss(asked: str, both: dict[str, _Tool]) -> str:
    """Return the loss of both tools: some have one alone."""
    check_option("loss", asked, LOSSES)
    fixed = {tool.loss: name for name, tool in both.items() if tool.loss}
    if len(fixed) == 2:
        raise ValueError(
            f"{fixed['squared']} is about squared error and {fixed['cross_entropy']} about"
            " cross-entropy: no λ makes one of the other"
        )
    if "squared" in fixed and asked == "cross_entropy":
        raise ValueError(f"{fixed['squared']} is about squared error, not loss='cross_entropy'")
    if "cross_entropy" not in fixed:
        return asked
    if asked == "mse":
        raise ValueError(f"{fixed['cross_entropy']} is about cross-entropy, not loss='mse'")
    return "cross_entropy"


def _optimizer(asked: str | None, both: dict[str, _Tool]) -> str | None:
    """Return "sgd" if both tools do plain gradient descent; see that their decays are of a kind."""
    if asked is not None:
        check_option("optimizer", asked, ("sgd",))
    fixed = {tool.optimizer: name for name, tool in both.items() if tool.optimizer}
    plain = asked == "sgd" or "sgd" in fixed
    if plain and "adam" in fixed:
        raise ValueError(
            f"{fixed['adam']} is never plain gradient descent, as "
            + (f"{fixed['sgd']} is" if "sgd" in fixed else "optimizer='sgd' says")
        )
    kinds = {tool.decay: name for name, tool in both.items()}
    if len(kinds) == 2 and not plain:
        raise ValueError(
            f"{kinds['l2']} puts λ into the gradient and {kinds['decoupled']} decays beside the"
            " optimizer: under momentum or Adam no number makes these the same"
            + ("" if "adam" in fixed else "; under plain gradient descent say optimizer='sgd'")
        )
    return "sgd" if plain else None
