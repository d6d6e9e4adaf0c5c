"""The options of networks and optimizers, and what is made of them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pyl2.cli import options
from pyl2.cli.data import Data

if TYPE_CHECKING:
    from pyl2 import Backprop, Network
    from pyl2.training.settings import Settings


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
        help="tanh (default), relu, logistic, identity; or one per layer: relu,tanh",
    )
    add("--dtype", choices=("float32", "float64"), default="float64", help="default: float64")


_OPTIMIZERS = (
    "adam (default), adamw, sgd, momentum, nesterov, rmsprop, nadam, rprop (with --batch-size all),"
    " lbfgs, lm (of numbers)"
)

L2 = 5.0
"""The penalty when none is asked for."""


def add_l2(group: options.Group) -> None:
    """Add the option of the penalty."""
    told = f"the penalty λ (default: {L2:g})"
    group.add_argument("--l2", type=options.not_negative, metavar="L", help=told)


def l2(args: argparse.Namespace) -> float:
    """Return the penalty."""
    return L2 if args.l2 is None else float(args.l2)


def add_batch_size(group: options.Group) -> None:
    """Add the option of the batches."""
    told = "rows of an update, or all (default: 32)"
    group.add_argument("--batch-size", type=options.batch_size, default=32, metavar="B", help=told)


def add_optimizer(group: options.Group, epochs: int, time: str) -> None:
    """Add the options of training by gradients, λ and n aside."""
    add = group.add_argument
    add("--decay", help="l2, decoupled or fraction (default: the optimizer's own)")
    add("--optimizer", help=_OPTIMIZERS)
    add("--eta", type=options.positive, help="learning rate (default: the optimizer's own)")
    add_batch_size(group)
    add("--epochs", type=options.count, default=epochs, help=f"default: {epochs}")
    add("--max-time", type=options.positive, metavar="SECONDS", help=time)


def network(data: Data, args: argparse.Namespace) -> Network:
    """Build the network for the data; the seed draws its weights."""
    from pyl2 import Network

    classes = data.schema.classes
    # Two classes are two outputs as well: one way for any number of classes, and a column of
    # probabilities for each.
    output, outputs = ("identity", 1) if classes is None else ("softmax", len(classes))
    if len(args.activation) not in (1, len(args.hidden)):
        raise ValueError(
            f"--activation names {len(args.activation)}, for {len(args.hidden)} layers of --hidden"
        )
    return Network(
        (data.train[0].shape[1], *args.hidden, outputs),
        hidden=args.activation[0] if len(args.activation) == 1 else args.activation,
        output=output,
        dtype=args.dtype,
        seed=args.seed,
    )


def optimizer(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of training by gradients, λ and n aside, as keywords of ``Backprop``."""
    return {
        "optimizer": args.optimizer or "adam",
        "eta": args.eta,
        "decay": args.decay,
        "batch_size": rows_of_batch(args),
        "seed": args.seed,
    }


def settings(network: Network, args: argparse.Namespace) -> Settings:
    """Return the settings of training by gradients with n = "train", checked."""
    from pyl2._common.validation import check_option
    from pyl2.training.settings import Settings
    from pyl2.training.solvers import OPTIMIZERS, SOLVERS

    asked = {name: value for name, value in optimizer(args).items() if name != "seed"}
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
        "n": trainer.n,
        "seed": args.seed,
    }


def described(data: Data, network: Network) -> dict[str, Any]:
    """Collect what was read, and what is trained on it."""
    from pyl2._common.outputs import Objective
    from pyl2.network import engine_of

    return {
        "data": data.name,
        "rows": {"train": len(data.train[0]), "test": len(data.test[0])},
        "target": data.schema.target,
        "classes": data.schema.classes,
        "task": "regression" if data.schema.classes is None else "classification",
        "why": data.why,
        "notes": data.notes,
        "scale": data.scale,
        "columns": {found.name: found.told() for found in data.schema.treatments},
        "measure": Objective.of(network).measure,
        "layer_sizes": list(network.layer_sizes),
        "hidden": list(network.hidden),
        "dtype": network.dtype.name,
        "isa": engine_of(network).isa,
    }
