"""The command line: `pyl2 train`, `pyl2 predict`, `pyl2 compare` and `pyl2 convert`.

Whatever is wrong with files or options is a ValueError or an OSError on its way to `main`, which
makes one line and exit code 2 of it. Heavy modules are imported where they are used, so that
`pyl2 --help` answers at once.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pyl2 import Backprop, Network
    from pyl2.checks import Array
    from pyl2.experiments import Comparison
    from pyl2.model import Schema
    from pyl2.report import Result
    from pyl2.tables import Table

DATASETS = ("diabetes", "breast_cancer", "digits", "iris", "wine")
"""Of scikit-learn's; the first, where λ shows best, when nothing is asked for."""

MOST_CLASSES = 20
"""A target of integers with more distinct values than this is taken for a quantity."""

TOOLS = (
    "sklearn, nielsen, torch_sgd, torch_adamw, adamw_paper, keras_l2, keras_weight_decay, ridge,"
    " logistic_regression, glmnet, nnet, trainbr, prior"
)
"""What `pyl2 convert` knows besides pyl2's own; here too, for the help loads nothing."""

SETTINGS = ("eta", "batch_size", "n_items", "noise_variance", "outputs", "loss", "optimizer")
"""What a conversion may need to know."""
_SECONDS = 0.4
"""Budget of a run of `compare`, so that it is soon done."""

_BATCH_SIZE = "rows of an update, or all (default: 32)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        args = _parser().parse_args(argv)
        with _plain_warnings():
            args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("pyl2: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; without this Python complains again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError, OverflowError, MemoryError) as error:
        print(f"pyl2: error: {_line(error)}", file=sys.stderr)
        return 2
    return 0


def train(args: argparse.Namespace) -> None:
    """Train with and without the penalty, show both, save the penalized network."""
    from pyl2 import model, report

    _check_writable("--save", args.save)
    data = _prepared(_table(args), args)
    trainers = {l2: _trainer(data, l2, args) for l2 in (0.0, args.l2)}
    setup = _setup(data, trainers[args.l2], args)
    if not (args.json or args.quiet):
        report.notes(setup)
    results = [_trained(data, l2, trainer, args) for l2, trainer in trainers.items()]
    if args.save:
        model.save(args.save, trainers[args.l2].network, data.schema)
    if args.json:
        told = [asdict(result) for result in results]
        _print_json({**setup, "results": told})
    else:
        report.table(results, setup["measure"])
        if args.save and not args.quiet:
            print(f"saved {args.save} (l2 = {args.l2:g}), for pyl2 predict {args.save} FILE")


def predict(args: argparse.Namespace) -> None:
    """Predict the rows of a file with a saved model."""
    from pyl2 import model, tables

    network, schema = model.load(args.model)
    if args.proba and schema.classes is None:
        raise ValueError(f"--proba: {args.model} is a regression, it has no classes")
    X = schema.inputs(tables.read_features(args.file, schema.features))
    outputs = network.predict(X)
    if not math.isfinite(outputs.sum()):
        raise ValueError(f"{args.file}: numbers too large for the model, or the model is damaged")
    names, columns = [schema.target], [schema.predictions(outputs)]
    if args.proba and schema.classes is not None:
        names += schema.classes
        columns += outputs.T.tolist()
    tables.write(args.output, names, columns)


def convert(args: argparse.Namespace) -> None:
    """Convert a number that means λ in one tool to that of another."""
    from pyl2 import convert_l2, report
    from pyl2.convert import describe

    setting = {name: getattr(args, name) for name in SETTINGS}
    result = convert_l2(args.value, args.from_, args.to, **setting)
    told = {"from": args.from_, "value": args.value, "to": args.to, "result": result}
    meaning = describe(args.to)
    if args.json:
        _print_json({**told, **setting, "meaning": meaning})
    else:
        report.conversion(result, meaning)


def compare(args: argparse.Namespace) -> None:
    """Compare ways to train, with and without the penalty, and draw E against what was spent."""
    from pyl2 import report

    _check_writable("--output", args.output)
    if args.output and not find_spec("matplotlib"):
        raise ValueError("--output: figures need Matplotlib: pip install 'pyl2[plot]'")
    data = _prepared(_table(args), args)
    setup = _compared_setup(data, args)
    if not (args.json or args.quiet):
        report.comparison_notes(setup)
    found = _compared(data, args.l2, setup, args)
    free = _compared(data, 0.0, setup, args).summary() if args.l2 else None
    if args.output:
        _draw(args.output, found, "evaluations" if args.evaluations else "seconds")
    if args.json:
        told = {"results": found.summary(), "without_penalty": free}
        runs = [run.record() for run in found.runs]
        _print_json({**setup, **told, "runs": runs})
    else:
        report.print_comparison(found.summary(), found.measure, args.l2, free)
        if args.output and not args.quiet:
            print(f"saved {args.output}")


def _print_json(told: dict[str, Any]) -> None:
    """Print JSON, which knows no number that is not finite: such are null."""

    def known(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: known(entry) for name, entry in value.items()}
        if isinstance(value, list | tuple):
            return [known(entry) for entry in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    print(json.dumps(known(told), indent=2, allow_nan=False))


def _check_writable(option: str, path: str | None) -> None:
    """Find out before the training, not after it, that what it leaves has no place."""
    if path and (os.path.isdir(path) or not os.path.isdir(os.path.dirname(path) or ".")):
        raise ValueError(f"{option} {path}: not a file in a folder that exists")


@dataclass(frozen=True)
class _Data:
    """A table made ready: rows to train and to test, standardised, and what they mean."""

    schema: Schema
    name: str
    why: str
    train: tuple[Array, Array]
    test: tuple[Array, Array]


def _table(args: argparse.Namespace) -> Table:
    from pyl2 import tables

    if args.file is None:
        if args.target or args.drop:
            raise ValueError("--target and --drop go with a FILE, and none is given")
        return tables.bundled(args.dataset or DATASETS[0])
    if args.dataset:
        raise ValueError(f"either a FILE or --dataset, not both: {args.file}, {args.dataset}")
    return tables.read(args.file, args.target or "y", args.drop)


def _prepared(table: Table, args: argparse.Namespace) -> _Data:
    import numpy as np
    from sklearn.model_selection import train_test_split

    from pyl2.model import Schema

    task, why = _task(table, args.task)
    y, classes = _classes(table) if task == "classification" else (table.y, None)
    _check_rows(table, y, classes)
    try:
        train, test = train_test_split(
            np.arange(len(y)),
            test_size=args.test_size,
            random_state=args.seed,
            stratify=None if classes is None else y,
        )
    except ValueError as error:
        raise ValueError(f"--test-size {args.test_size:g}: {error}") from None
    if classes is None and min(len(train), len(test)) < 2:
        raise ValueError(f"{len(y)} rows are too few for --test-size {args.test_size:g}")
    unit = (0.0, 1.0)
    if classes is None:
        mean, scale = _moments(y[train, None], [table.target])
        unit = float(mean[0]), float(scale[0])
        y = (y - unit[0]) / unit[1]
    moments = _moments(table.X[train], table.names)
    schema = Schema(table.names, table.target, classes, *unit, *moments)
    X = schema.inputs(table.X).astype(args.dtype)
    name = args.file or f"{args.dataset or DATASETS[0]} (comes with scikit-learn)"
    return _Data(schema, name, why, (X[train], y[train]), (X[test], y[test]))


def _task(table: Table, wanted: str | None) -> tuple[str, str]:
    """Return the task and the reason for it."""
    import numpy as np

    if table.labels is not None:
        if wanted == "regression":
            raise ValueError(f"no regression: target {table.target!r} is {table.kind}")
        return "classification", f"target {table.target!r} is {table.kind}"
    if wanted:
        return wanted, "--task says so"
    distinct = np.unique(table.y)
    whole = bool((distinct == np.floor(distinct)).all())
    if whole and len(distinct) <= MOST_CLASSES:
        told, task = f"{len(distinct)} distinct integers", "classification"
    elif whole:
        told, task = f"more than {MOST_CLASSES} distinct integers", "regression"
    else:
        told, task = "numbers with fractions", "regression"
    return task, f"target {table.target!r} has {told}"


def _classes(table: Table) -> tuple[Array, list[str]]:
    """Return the target as indices of the classes that occur, and their names."""
    import numpy as np

    values, y = np.unique(table.y, return_inverse=True)
    if table.labels is not None:
        return y, [table.labels[int(value)] for value in values]
    return y, [str(int(value)) if value.is_integer() else str(value) for value in values.tolist()]


def _check_rows(table: Table, y: Array, classes: list[str] | None) -> None:
    """Refuse targets from which there is nothing to learn, or nothing to test by."""
    import numpy as np

    if len(y) < 4:
        raise ValueError(f"{len(y)} rows are too few to train and test with")
    if (y == y[0]).all():
        raise ValueError(f"target {table.target!r} is the same in all rows: nothing to learn")
    if classes is not None:
        counts = np.bincount(y)
        if counts.min() < 2:
            raise ValueError(
                f"class {classes[counts.argmin()]!r} has a single row, none is left to test by; "
                f"target {table.target!r} is {table.kind}"
                + ("" if table.labels else ": for a quantity say --task regression")
            )


def _moments(X: Array, names: Sequence[str]) -> tuple[Array, Array]:
    """Return mean and standard deviation of the columns; 1 where a column is constant."""
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    with np.errstate(all="ignore"):
        scaler = StandardScaler().fit(X)
    for name, scale in zip(names, scaler.scale_, strict=True):
        if not np.isfinite(scale):
            raise ValueError(f"the numbers of {name!r} are too large to be standardised")
    return scaler.mean_, scaler.scale_


def _trainer(data: _Data, l2: float, args: argparse.Namespace) -> Backprop:
    """Set up one training; the seed makes start and shuffles the same for every λ."""
    from pyl2 import Backprop

    return Backprop(
        _network(data, args),
        args.optimizer,
        eta=args.eta,
        l2=l2,
        n=args.n,
        decay=args.decay,
        batch_size=None if args.batch_size == "all" else args.batch_size,
        seed=args.seed,
    )


def _network(data: _Data, args: argparse.Namespace) -> Network:
    from pyl2 import Network

    classes = data.schema.classes
    # Two classes are two outputs as well: one way for any number of classes, and a column of
    # probabilities for each.
    output, outputs = ("identity", 1) if classes is None else ("softmax", len(classes))
    return Network(
        (len(data.schema.features), *args.hidden, outputs),
        hidden=args.activation[0] if len(args.activation) == 1 else args.activation,
        output=output,
        dtype=args.dtype,
        seed=args.seed,
    )


def _trained(data: _Data, l2: float, trainer: Backprop, args: argparse.Namespace) -> Result:
    from pyl2.experiments import score
    from pyl2.report import Result

    history = trainer.train(
        *data.train, args.epochs, max_time=args.max_time, verbose=not args.quiet
    )
    seconds = float(history.seconds[-1])
    squares = sum(float((W.astype("float64") ** 2).sum()) for W in trainer.network.weights)
    return Result(
        l2=l2,
        data_error=float(history.data_error[-1]),
        penalty=float(history.penalty[-1]),
        train_score=score(trainer.network, *data.train),
        test_score=score(trainer.network, *data.test),
        weight_norm=math.sqrt(squares),
        epochs=len(history),
        stopped=history.stopped,
        seconds=seconds,
        items_per_second=len(data.train[0]) * len(history) / seconds,
    )


def _setup(data: _Data, trainer: Backprop, args: argparse.Namespace) -> dict[str, Any]:
    """Collect what the notes and the JSON tell, results aside."""
    return _read(data, trainer.network) | {
        "optimizer": trainer.optimizer,
        "eta": None if trainer.optimizer == "lbfgs" else trainer.eta,
        "batch_size": None if trainer.optimizer == "lbfgs" else trainer.batch_size,
        "epochs": args.epochs,
        "decay": trainer.decay,
        "n": trainer.n,
        "seed": args.seed,
        "model": args.save,
    }


def _read(data: _Data, network: Network) -> dict[str, Any]:
    """Collect what was read, and what is to be trained on it."""
    from pyl2.experiments import MEASURES

    return {
        "data": data.name,
        "rows": {"train": len(data.train[0]), "test": len(data.test[0])},
        "target": data.schema.target,
        "classes": data.schema.classes,
        "task": "regression" if data.schema.classes is None else "classification",
        "why": data.why,
        "measure": MEASURES[network.output],
        "layer_sizes": list(network.layer_sizes),
        "hidden": list(network.hidden),
        "dtype": network.dtype.name,
    }


def _compared_setup(data: _Data, args: argparse.Namespace) -> dict[str, Any]:
    """Collect what is compared and how."""
    from pyl2.experiments import METHODS, check_eta, check_methods

    methods = check_methods(METHODS if args.methods is None else args.methods)
    stages = "+".join(methods).split("+")
    seconds = args.seconds or (None if args.evaluations else _SECONDS)
    return _read(data, _network(data, args)) | {
        "methods": methods,
        "l2": args.l2,
        "budget": {"seconds": seconds, "evaluations": args.evaluations},
        "seeds": list(range(args.seed, args.seed + args.seeds)),
        "eta": {name: eta for name, eta in check_eta(args.eta).items() if name in stages},
        "batch_size": None if args.batch_size == "all" else args.batch_size,
        "particles": args.particles if "pso" in stages else None,
        "figure": args.output,
    }


def _compared(
    data: _Data, l2: float, setup: dict[str, Any], args: argparse.Namespace
) -> Comparison:
    from pyl2 import compare

    return compare(
        *data.train,
        _network(data, args),
        l2,
        **setup["budget"],
        methods=setup["methods"],
        seeds=setup["seeds"],
        test=data.test,
        eta=setup["eta"],
        batch_size=setup["batch_size"],
        particles=args.particles,
        verbose=not args.quiet,
    )


def _draw(path: str, found: Comparison, against: str) -> None:
    """Write the figure of E against what was spent."""
    from matplotlib.figure import Figure

    from pyl2 import files
    from pyl2.plots import ErrorDisplay

    figure, image = Figure(layout="constrained"), io.BytesIO()
    ErrorDisplay(found.curves(against), xlabel=against).plot(figure.subplots())
    figure.savefig(image, format=path[-3:], dpi=120)
    files.replace(path, image.getvalue())


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are like all others: one line, from `main`."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    from pyl2 import __version__

    parser = _Parser(prog="pyl2", description="Neural networks with exact L2 regularization.")
    parser.add_argument("--version", action="version", version=f"pyl2 {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_predict(commands)
    _add_convert(commands)
    _add_compare(commands)
    return parser


def _add_train(commands: argparse._SubParsersAction[_Parser]) -> None:
    told = "train with and without the L2 penalty and compare"
    parser = commands.add_parser("train", help=told, description=told.capitalize() + ".")
    parser.set_defaults(run=train)
    _add_data(parser)
    _add_network(parser, hidden=(32, 16))
    add = parser.add_argument_group("training").add_argument
    add("--l2", type=_not_negative, default=5.0, metavar="L", help="the penalty λ (default: 5)")
    add("--n", type=_n, default="train", help="λ is divided by: train (default), batch, a number")
    add("--decay", help="l2, decoupled or fraction (default: the optimizer's own)")
    add("--optimizer", default="adam", help="adam (default), adamw, sgd, momentum, nesterov, lbfgs")
    add("--eta", type=_positive, help="learning rate (default: the optimizer's own)")
    add("--batch-size", type=_batch_size, default=32, metavar="B", help=_BATCH_SIZE)
    add("--epochs", type=_count, default=200, help="default: 200")
    add("--max-time", type=_positive, metavar="SECONDS", help="for each of the two trainings")
    add = parser.add_argument_group("output").add_argument
    add("--save", metavar="MODEL", help="write the penalized network to this file")
    add("--json", action="store_true", help="write JSON to standard output, nothing else")
    add("--quiet", action="store_true", help="no progress, no notes")


def _add_compare(commands: argparse._SubParsersAction[_Parser]) -> None:
    told = "compare ways to train, with gradients and without, on the same error"
    parser = commands.add_parser("compare", help=told, description=told.capitalize() + ".")
    parser.set_defaults(run=compare)
    _add_data(parser)
    _add_network(parser, hidden=(16,))
    add = parser.add_argument_group("training").add_argument
    add("--l2", type=_not_negative, default=5.0, metavar="L", help="the penalty λ (default: 5)")
    add(
        "--methods",
        type=_names,
        metavar="A,B",
        help="of sgd, momentum, nesterov, adam, lbfgs, pso; A+B is one after the other (default:"
        " all but nesterov, and pso+lbfgs)",
    )
    add("--seconds", type=_positive, metavar="S", help=f"budget of a run (default: {_SECONDS:g})")
    add("--evaluations", type=_count, metavar="K", help="budget of a run in passes over the rows")
    add("--seeds", type=_count, default=3, metavar="K", help="starts for each method (default: 3)")
    add(
        "--eta",
        type=_rates,
        default={},
        metavar="adam=0.01,…",
        help="learning rates (default: 0.1 sgd, 0.01 momentum and nesterov, 0.003 adam)",
    )
    add("--batch-size", type=_batch_size, default=32, metavar="B", help=_BATCH_SIZE)
    add("--particles", type=_count, default=50, help="of the swarm (default: 50)")
    add = parser.add_argument_group("output").add_argument
    add("--output", type=_figure, metavar="FIGURE.png", help="draw E against time (or evaluations)")
    add("--json", action="store_true", help="write JSON to standard output, nothing else")
    add("--quiet", action="store_true", help="no progress, no notes")


def _add_data(parser: _Parser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("file", nargs="?", metavar="FILE", help="CSV with a header line, or npz; none: --dataset")
    add("--target", metavar="NAME", help="the column to predict (default: y)")
    add("--drop", type=_names, default=[], metavar="A,B", help="columns to leave out")
    add("--dataset", choices=DATASETS, help=f"without a FILE (default: {DATASETS[0]})")
    add("--task", choices=("classification", "regression"), help="default: as the target is")
    add(
        "--test-size",
        type=_fraction,
        default=0.25,
        metavar="F",
        help="rows to test (default: 0.25)",
    )
    add("--seed", type=_seed, default=0, help="of split, start and shuffles (default: 0)")


def _add_network(parser: _Parser, hidden: tuple[int, ...]) -> None:
    add = parser.add_argument_group("network").add_argument
    sizes = ",".join(map(str, hidden))
    add("--hidden", type=_sizes, default=hidden, metavar=sizes, help="hidden layers, or none")
    add(
        "--activation",
        type=_names,
        default=["tanh"],
        metavar="F",
        help="tanh (default), relu, logistic, identity; or one per layer: relu,tanh",
    )
    add("--dtype", choices=("float32", "float64"), default="float64", help="default: float64")


def _add_predict(commands: argparse._SubParsersAction[_Parser]) -> None:
    told = "predict the rows of a file with a saved model"
    parser = commands.add_parser("predict", help=told, description=told.capitalize() + ".")
    parser.set_defaults(run=predict)
    parser.add_argument("model", metavar="MODEL", help="written by pyl2 train --save")
    parser.add_argument("file", metavar="FILE", help="CSV or npz with the features by name")
    parser.add_argument("--output", metavar="OUT.csv", help="default: standard output")
    parser.add_argument("--proba", action="store_true", help="add a column for each class")


def _add_convert(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser(
        "convert",
        help="say what an L2 penalty is called in another tool",
        description="Say what an L2 penalty is called in another tool.",
        epilog=f"FROM and TO: {TOOLS}; or decay,n of pyl2 train, such as l2,train or decoupled,1.",
    )
    parser.set_defaults(run=convert)
    add = parser.add_argument
    add("value", type=_penalty, metavar="VALUE", help="alpha, weight_decay, C and so on")
    add("from_", type=_key, metavar="FROM", help="the tool that VALUE is for")
    add("to", type=_key, metavar="TO", help="the tool to have it for")
    add = parser.add_argument_group("what the conversion may need").add_argument
    add("--eta", type=_positive, help="learning rate")
    add("--batch-size", type=_positive, metavar="B", help="rows of an update")
    add("--n-items", type=_positive, metavar="N", help="rows of the training set")
    add("--noise-variance", type=_positive, metavar="V", help="of the targets, for prior")
    add("--outputs", type=_count, default=1, metavar="K", help="of the network (default: 1)")
    add("--loss", default="half", help="half (squared error halved, default), mse or cross_entropy")
    add("--optimizer", metavar="sgd", help="both tools do plain gradient descent")
    parser.add_argument("--json", action="store_true", help="write JSON; null is infinite")


def _option(read: Callable[[str], Any], good: Callable[[Any], bool], what: str) -> Any:
    """Make a type for argparse: `read` the text, say that it is not `what` where it is not good."""

    def parsed(text: str) -> Any:
        try:
            value = read(text)
        except ValueError:
            value = None
        if value is None or not good(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return parsed


def _rates(text: str) -> dict[str, float]:
    """Learning rates by name: adam=0.01,sgd=0.1."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    try:
        return {name: float(rate) for name, _, rate in pairs}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like adam=0.01,sgd=0.1") from None


def _names(text: str) -> list[str]:
    """Names between commas; those that hold a comma in quotes, as in the header of a CSV."""
    return [name.strip() for name in next(csv.reader([text]), [])]


_positive = _option(float, lambda v: 0 < v < math.inf, "a positive number")
_not_negative = _option(float, lambda v: 0 <= v < math.inf, "a number of at least 0")
_penalty = _option(float, lambda v: v >= 0, "a number of at least 0")  # C may be infinite
_fraction = _option(float, lambda v: 0 < v < 1, "a number between 0 and 1")
_figure = _option(str, lambda v: v.endswith((".png", ".pdf", ".svg")), "a .png, .pdf or .svg file")
_count = _option(int, lambda v: v > 0, "a positive whole number")
_seed = _option(int, lambda v: 0 <= v < 2**32, "a whole number from 0 to 2**32 - 1")
_n = _option(
    lambda text: text if text in ("batch", "train") else float(text),
    lambda n: isinstance(n, str) or 0 < n < math.inf,
    "train, batch or a positive number",
)
_batch_size = _option(
    lambda text: text if text == "all" else int(text),
    lambda size: size == "all" or size > 0,
    "all or a positive whole number",
)
_sizes = _option(
    lambda text: () if text == "none" else tuple(map(int, text.split(","))),
    lambda sizes: all(size > 0 for size in sizes),
    "numbers of units between commas, or none",
)


def _key(text: str) -> Any:
    """Return the name of a tool, or our own (decay, n)."""
    decay, comma, n = text.partition(",")
    return (decay, _n(n)) if comma else text


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show warnings as lines of our own, not as places in the source."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"pyl2: warning: {' '.join(str(message).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return f"not enough memory {error}".strip()
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
