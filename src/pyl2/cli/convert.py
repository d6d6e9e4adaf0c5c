"""`pyl2 convert`: what an L2 penalty is called in another tool."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from pyl2.cli import options, output

TOOLS = (
    "sklearn, nielsen, torch_sgd, torch_adamw, adamw_paper, keras_l2, keras_weight_decay, ridge,"
    " logistic_regression, glmnet, nnet, trainbr, prior"
)
"""What can be converted besides pyl2's own; here too, for the help loads nothing."""

_DECAYS = ("l2", "decoupled", "fraction")
"""Those of pyl2's own."""

_SETTINGS = ("eta", "batch_size", "n_items", "noise_variance", "outputs", "loss", "optimizer")
"""What a conversion may need to know."""


def add(commands: options.Commands) -> None:
    """Add the command and its options."""
    text = "say what an L2 penalty is called in another tool"
    parser = options.command(
        commands,
        "convert",
        text,
        epilog="FROM and TO:\n"
        + textwrap.fill(f"{TOOLS}; or decay,n of pyl2 train, such as l2,train or decoupled,1", 78)
        + "\n\n",
        examples=(
            "pyl2 convert 1e-4 sklearn torch_sgd --batch-size 200",
            "pyl2 convert 5 l2,train logistic_regression",
        ),
        page="elsewhere",
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    text = "alpha, weight_decay, C (which may be inf) and so on"
    add("value", type=options.not_nan_or_negative, metavar="VALUE", help=text)
    add("from_", type=_key, metavar="FROM", help="the tool that VALUE is for")
    add("to", type=_key, metavar="TO", help="the tool to have it for")
    add = parser.add_argument_group("what the conversion may need").add_argument
    add("--eta", type=options.positive, help="learning rate")
    add("--batch-size", type=options.positive, metavar="B", help="rows of an update")
    add("--n-items", type=options.positive, metavar="N", help="rows of the training set")
    add("--noise-variance", type=options.positive, metavar="V", help="of the targets, for prior")
    add("--outputs", type=options.count, default=1, metavar="K", help="of the network (default: 1)")
    add("--loss", default="half", help="half (squared error halved, default), mse or cross_entropy")
    add("--optimizer", metavar="sgd", help="both tools do plain gradient descent")
    parser.add_argument("--json", action="store_true", help="write JSON; null is infinite")


def run(args: argparse.Namespace) -> None:
    """Convert a number that means λ in one tool to that of another."""
    from pyl2 import convert_l2
    from pyl2.cli import report
    from pyl2.convert import describe

    setting = {name: getattr(args, name) for name in _SETTINGS}
    result = convert_l2(args.value, args.from_, args.to, **setting)
    converted = {"from": args.from_, "value": args.value, "to": args.to, "result": result}
    meaning = describe(args.to)
    if args.json:
        output.print_json({**converted, **setting, "meaning": meaning})
    else:
        report.print_conversion(result, meaning)


def _key(text: str) -> Any:
    """Return the name of a tool, or our own (decay, n)."""
    decay, comma, n = text.partition(",")
    known = _DECAYS if comma else TOOLS.split(", ")
    if decay not in known:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one of {TOOLS}, nor a pair decay,n of pyl2 train such as l2,train"
            + options.near(decay, known)
        )
    return (decay, options.divisor(n)) if comma else text
