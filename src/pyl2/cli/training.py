"""The options of networks and optimizers, and what is made of them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyl2.cli import options
from pyl2.cli.data import Data

if TYPE_CHECKING:
    from pyl2 import Backprop, History, Network
    from pyl2._common.finished import Finished
    from pyl2.cli import report
    from pyl2.training.settings import Settings


_CURVES = (
    "E₀ is the error without the penalty. On the training set it keeps falling. On the test set"
    " (validation), from which nothing is learned, it falls only until the network begins to learn"
    " noise; a rise means that training has gone too far, which a good λ prevents."
)
_RATES = (
    "The learning rate η, and the penalty λ, of each epoch's last update. Where η is large the"
    " error falls fast and stays restless; where it is small the network settles."
)
_WEIGHTS = (
    "Distribution of the weights, without biases. The penalty draws all of them towards zero, the"
    " large ones most, but sets none to zero."
)


def add_network(parser: options.Parser, hidden: tuple[int, ...]) -> None:
    """Add the options of the network, with the hidden layers it has by default."""
    add = parser.add_argument_group("network").add_argument
    sizes = ",".join(map(str, hidden))
    add("--hidden", type=options.sizes, default=hidden, metavar=sizes, help="layers, or none")
    add(
        "--activation",
        type=options.activations,
        default=["tanh"],
        metavar="F",
        help="tanh (default), relu, silu, gelu, leaky_relu:0.1, …; or one per layer: relu,tanh",
    )
    add("--init", choices=("glorot", "he", "lecun"), default="glorot", help="default: glorot")
    add(
        "--loss",
        type=options.loss,
        metavar="L",
        help="of numbers: squared_error (default), huber:0.5, absolute_error, quantile:0.9, …",
    )
    text = "of classes: part of a target that is spread over all of them (default: 0)"
    add("--label-smoothing", type=options.part, default=0.0, metavar="E", help=text)
    add("--dtype", choices=("float32", "float64"), default="float64", help="default: float64")


_OPTIMIZERS = (
    "adam (default), adamw, sgd, momentum, nesterov, rmsprop, nadam, rprop (with --batch-size all),"
    " lbfgs, lm (of numbers)"
)

L2 = 5.0
"""The penalty when none is asked for."""


OF_NUMBERS = (None, "squared_error")
"""Losses that the evidence is known of."""

_BY_STEP = (
    *("schedule", "warmup", "l2_schedule", "clip_norm", "clip_value", "average"),
    *("dropout", "input_dropout"),
)
_SCHEDULES = (
    "learning rate: constant (default), invscaling, adaptive; by the update cosine, one_cycle,"
    " step, exponential, or with a number, cosine:0.1"
)


def add_l2(group: options.Group) -> None:
    """Add the option of the penalty."""
    text = f"the penalty λ (default: {L2:g})"
    group.add_argument("--l2", type=options.not_negative, metavar="L", help=text)


def l2(args: argparse.Namespace) -> float:
    """Return the penalty."""
    return L2 if args.l2 is None else float(args.l2)


def add_batch_size(group: options.Group) -> None:
    """Add the option of the batches."""
    text = "rows of an update, or all (default: 32)"
    group.add_argument("--batch-size", type=options.batch_size, default=32, metavar="B", help=text)


EPOCHS = 200
"""Where no number is asked for."""


def add_optimizer(group: options.Group, time: str, epochs: str = "") -> None:
    """Add the options of training by gradients, λ and n aside."""
    add = group.add_argument
    add("--decay", help="l2, decoupled or fraction (default: the optimizer's own)")
    add("--optimizer", help=_OPTIMIZERS)
    add("--eta", type=options.positive, help="learning rate (default: the optimizer's own)")
    add("--schedule", type=options.course, default="constant", metavar="S", help=_SCHEDULES)
    add(
        "--warmup",
        type=options.not_negative,
        default=0,
        metavar="K",
        help="updates, or below 1 a part of them, in which the learning rate rises (default: 0)",
    )
    text = "the same for λ, by the update (default: constant)"
    add("--l2-schedule", type=options.course, default="constant", metavar="S", help=text)
    text = "largest norm of the gradient of the error"
    add("--clip-norm", type=options.positive, metavar="C", help=text)
    text = "largest component of the gradient of the error"
    add("--clip-value", type=options.positive, metavar="C", help=text)
    text = "average the weights over updates with this β, such as 0.999"
    add("--average", type=options.positive, metavar="B", help=text)
    text = "part of the hidden units that each update leaves out; or one per layer: 0.2,0.5"
    add("--dropout", type=options.dropout, default=0.0, metavar="P", help=text)
    text = "part of the inputs that each update leaves out"
    add("--input-dropout", type=options.part, default=0.0, metavar="P", help=text)
    add_batch_size(group)
    add("--epochs", type=options.count, help=f"at most (default: {EPOCHS}{epochs})")
    add("--max-time", type=options.positive, metavar="SECONDS", help=time)
    add_threads(group)


def add_threads(group: options.Group) -> None:
    """Add the option of the threads."""
    text = "maximum number of threads (default: as many as there are processors)"
    group.add_argument("--n-threads", type=options.count, metavar="K", help=text)


def add_early_stopping(parser: options.Parser) -> None:
    """Add the options of early stopping."""
    add = parser.add_argument_group("early stopping").add_argument
    text = "keep the weights of the least error on training rows held out, and stop when it stalls"
    add("--early-stopping", action="store_true", help=text)
    text = "share of the training rows held out (default: 0.1)"
    add("--validation-size", type=options.fraction, default=0.1, metavar="F", help=text)
    text = "stop after this number of epochs without improvement (default: 10)"
    add("--patience", type=options.count, default=10, metavar="K", help=text)
    text = "better is by more than this; without --early-stopping it is the training error's"
    add("--tol", type=options.not_negative, metavar="T", help=text)


def network(data: Data, args: argparse.Namespace, inputs: int | None = None) -> Network:
    """Build the network for the data, or so many inputs; the seed draws its weights."""
    from pyl2 import Network
    from pyl2._common.named import name_of

    classes = data.schema.classes
    # Two classes are two outputs as well: one way for any number of classes, and a column of
    # probabilities for each.
    output, outputs = ("identity", 1) if classes is None else ("softmax", len(classes))
    if args.loss is not None and classes is not None:
        raise ValueError("--loss is of numbers, and the target is classes")
    if args.label_smoothing and classes is None:
        raise ValueError("--label-smoothing is of classes, and the target is numbers")
    if name_of(args.loss or "") in ("poisson", "gamma"):
        raise ValueError(
            f"--loss {name_of(args.loss)} is of positive numbers, and the commands standardise the"
            " target: pyl2.MLPRegressor takes it as it is"
        )
    if len(args.activation) not in (1, len(args.hidden)):
        raise ValueError(
            f"--activation names {len(args.activation)}, for {len(args.hidden)} layers of --hidden"
        )
    return Network(
        (inputs or data.train[0].shape[1], *args.hidden, outputs),
        hidden=args.activation[0] if len(args.activation) == 1 else args.activation,
        output=output,
        dtype=args.dtype,
        seed=args.seed,
        loss=args.loss,
        label_smoothing=args.label_smoothing,
        init=args.init,
    )


def optimizer(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of training by gradients, λ and n aside, as keywords of ``Backprop``."""
    return {
        "optimizer": args.optimizer or "adam",
        "eta": args.eta,
        "decay": args.decay,
        "batch_size": rows_of_batch(args),
        "seed": args.seed,
        "n_threads": args.n_threads,
        "early_stopping": args.early_stopping,
        "n_iter_no_change": args.patience,
        "tol": args.tol,
        **{name: getattr(args, name) for name in _BY_STEP},
    }


def settings(network: Network, args: argparse.Namespace) -> Settings:
    """Return the settings of training by gradients with n = "train", checked."""
    from pyl2._common.validation import check_option
    from pyl2.training.settings import Settings
    from pyl2.training.solvers import OPTIMIZERS, SOLVERS

    no_settings = ("seed", "n_threads")
    asked = {name: value for name, value in optimizer(args).items() if name not in no_settings}
    check_option("optimizer", asked["optimizer"], OPTIMIZERS)
    if asked["eta"] is None:
        asked["eta"] = SOLVERS[asked["optimizer"]].eta
    return Settings(**asked, n="train").checked(network)


def rows_of_batch(args: argparse.Namespace) -> int | None:
    """Return the rows of a batch as the trainers take them."""
    return None if args.batch_size == "all" else args.batch_size


def described_trainer(trainer: Backprop | Settings, args: argparse.Namespace) -> dict[str, Any]:
    """Collect how it is trained by gradients."""
    from pyl2.training.solvers import SOLVERS

    full_batch = SOLVERS[trainer.optimizer].full_batch
    return {
        "optimizer": trainer.optimizer,
        "eta": None if full_batch else trainer.eta,
        "batch_size": None if full_batch else trainer.batch_size,
        "epochs": args.epochs,
        "decay": trainer.decay,
        "dropout": trainer.dropout,
        "input_dropout": trainer.input_dropout,
        "n": trainer.n,
        "seed": args.seed,
        "early_stopping": args.patience if args.early_stopping else None,
    }


def described(data: Data, network: Network) -> dict[str, Any]:
    """Collect what was read, and what is trained on it."""
    from pyl2._common.named import described as shown
    from pyl2._common.outputs import Objective
    from pyl2.network import engine_of

    return {
        "data": data.name,
        "rows": {"train": len(data.train[0]), "test": len(data.test[0])}
        | ({} if data.validation is None else {"validation": len(data.validation[0])}),
        "split": data.parted,
        "target": data.schema.target,
        "classes": data.schema.classes,
        "task": "regression" if data.schema.classes is None else "classification",
        "why": data.why,
        "notes": data.notes,
        "scale": data.scale,
        "columns": {found.name: found.describe() for found in data.schema.treatments},
        "measure": Objective.of(network).measure,
        "layer_sizes": list(network.layer_sizes),
        "hidden": list(map(shown, network.hidden)),
        "loss": shown(network.loss),
        "label_smoothing": network.label_smoothing,
        "init": network.init,
        "dtype": network.dtype.name,
        "isa": engine_of(network).isa,
    }


def pictures(histories: Mapping[float, History], trainers: Mapping[float, Backprop]) -> list[str]:
    """Draw how the errors went, and what became of the weights."""
    import numpy as np
    from matplotlib.figure import Figure

    from pyl2.cli import page, shows
    from pyl2.plots import CurvesDisplay, WeightsDisplay

    parts = ("data_error", "validation_error")
    curves = {
        f"λ = {l2:g}": {part: getattr(history, part) for part in parts}
        for l2, history in histories.items()
    }
    weights = [
        np.concatenate([W.ravel() for W in trainer.network.weights])
        for trainer in trainers.values()
    ]
    courses, histogram = (Figure(figsize=page.SIZE, layout="constrained") for _ in range(2))
    errors = CurvesDisplay(curves).plot(courses.subplots())
    spread = WeightsDisplay(weights, list(trainers)).plot(histogram.subplots())
    return [
        page.picture("The error along the way", courses, shows.courses(errors), [_CURVES]),
        *_rates(histories),
        page.picture("The weights after training", histogram, shows.weights(spread), [_WEIGHTS]),
    ]


def _rates(histories: Mapping[float, History]) -> list[str]:
    """Draw η and λ, where one of them changes by the epoch."""
    import numpy as np
    from matplotlib.figure import Figure

    from pyl2.cli import page, shows
    from pyl2.plots import RatesDisplay

    rates = [rate for one in histories.values() for rate in (one.eta, one.l2) if len(rate)]
    if not any(np.ptp(rate) > 0 for rate in rates):
        return []
    display = RatesDisplay.from_results({f"λ = {l2:g}": one for l2, one in histories.items()})
    width, height = page.SIZE
    figure = Figure(figsize=(width, 1.2 * height), layout="constrained")
    display.plot(figure.subplots(len(display.shown), sharex=True))
    return [page.picture("The rates along the way", figure, shows.rates(display), [_RATES])]


def trainer(rows: Data, l2: float, args: argparse.Namespace) -> Backprop:
    """Set up one training; the seed makes start and shuffles the same for every λ."""
    from pyl2 import Backprop

    return Backprop(network(rows, args), l2=l2, n=args.n or "train", **optimizer(args))


def trained(
    rows: Data, trainer: Backprop, args: argparse.Namespace, kept: Finished, name: str
) -> History:
    """Train at one λ, or take the network that was trained before."""
    from pyl2._common.files import saved_array
    from pyl2.training.history import history_from_file, history_to_file

    network = trainer.network
    found = kept.load(name)
    if found is not None:
        network.params = saved_array(found[0], "params", network.dtype, network.params.shape)
        return history_from_file(*found)
    watched = rows.validation
    if watched is None and args.report:
        watched = rows.test  # for the picture; it takes a little time
    history = trainer.train(
        *rows.train,
        args.epochs,
        validation=watched,
        max_time=args.max_time,
        verbose=not args.quiet,
    )
    if history.stopped != "max_time":
        arrays, meta = history_to_file(history)
        kept.save(name, {"params": network.params, **arrays}, meta)
    return history


def result(rows: Data, l2: float, trainer: Backprop, history: History) -> report.Result:
    """Return a training in the numbers of the tables."""
    from pyl2.cli import report
    from pyl2.experiments.comparison import score

    seconds = float(history.seconds[-1])
    squares = sum(float((W.astype("float64") ** 2).sum()) for W in trainer.network.weights)
    return report.Result(
        l2=l2,
        data_error=float(history.data_error[-1]),
        penalty=float(history.penalty[-1]),
        train_score=score(trainer.network, *rows.train),
        test_score=score(trainer.network, *rows.test),
        weight_norm=math.sqrt(squares),
        epochs=len(history),
        stopped=history.stopped,
        seconds=seconds,
        items_per_second=len(rows.train[0]) * len(history) / seconds,
    )
