"""What all commands say alike: a parser of one-line errors, and the types of options."""

from __future__ import annotations

import argparse
import csv
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeAlias


class Parser(argparse.ArgumentParser):
    """A parser whose errors are like all others: one line, from `main`."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print, and say which word was meant."""
        choice = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        meant = near(choice[1], re.findall(r"[\w.-]+", choice[2])) if choice else ""
        raise ValueError(f"{message}{meant} (see {self.prog} --help)")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is not known here, where the command's own options are, not later."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant(unknown)}")
        return found, unknown

    def _meant(self, unknown: list[str]) -> str:
        names = [text.partition("=")[0] for text in unknown if text.startswith("--")]
        known = re.findall(r"--[\w-]+", self.format_help())
        return "".join(near(name, known) for name in names[:1])

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help, or the version; argparse takes no notice where that fails."""
        print(message, end="", file=file)


def near(word: str, known: Iterable[str]) -> str:
    """Return which word was meant, if one is near."""
    from difflib import get_close_matches

    return "".join(f"; did you mean {name}?" for name in get_close_matches(word, list(known), 1))


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Group: TypeAlias = "argparse._ArgumentGroup"

ACTIVATIONS = (
    *("identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "softplus", "silu"),
    *("gelu", "gelu_tanh", "mish"),
)
"""The core's; here too, for the help loads nothing."""
LOSSES = ("squared_error", "huber", "absolute_error", "quantile", "poisson", "gamma")
"""Those of numbers, likewise."""

_MOST_LAMBDAS = 1000


def command(
    commands: Commands,
    name: str,
    text: str,
    *,
    examples: tuple[str, ...],
    page: str = "command_line",
    epilog: str = "",
) -> Parser:
    """Add a command; `text` says in the list of commands, and in its own help, what it does.

    Its help ends with examples, and the page of the documentation that is about it.
    """
    shown = "\n".join(f"  {example}" for example in examples)
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"{epilog}examples:\n{shown}\n\nmore: docs/{page}.md",
    )


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


def rates(text: str) -> dict[str, float]:
    """Learning rates by name: adam=0.01,sgd=0.1."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    try:
        return {name: float(rate) for name, _, rate in pairs}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like adam=0.01,sgd=0.1") from None


def lambdas(text: str) -> list[float]:
    """Different λs, ascending: 0,0.1,1 or lo:hi:count (log-spaced) or both, 0,0.01:100:9."""
    try:
        found = sorted(value for piece in text.split(",") for value in _spaced(piece))
    except (ValueError, OverflowError):
        found = []
    good = all(0 <= value < math.inf for value in found) and len(set(found)) == len(found)
    if not (good and 0 < len(found) <= _MOST_LAMBDAS):
        wanted = f"different numbers of at least 0, or lo:hi:count; at most {_MOST_LAMBDAS}"
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return found


def _spaced(piece: str) -> list[float]:
    if ":" not in piece:
        return [float(piece)]
    low, high, number = piece.split(":")
    first, last, steps = float(low), float(high), int(number) - 1
    if not (0 < first < last < math.inf and 0 < steps < _MOST_LAMBDAS):
        raise ValueError
    exact = (first * (last / first) ** (step / steps) for step in range(steps + 1))
    return [float(f"{value:.12g}") for value in exact]  # 0.1, not 0.09999999999999999


def names(text: str) -> list[str]:
    """Names between commas; those that hold a comma in quotes, as in the header of a CSV."""
    return [name.strip() for name in next(csv.reader([text]), [])]


def activations(text: str) -> list[Any]:
    """Names of activations between commas, a number behind a colon: relu,leaky_relu:0.1."""
    return _named(text, names(text), ACTIVATIONS)


def loss(text: str) -> Any:
    """A loss, its number behind a colon: huber:0.5."""
    return _named(text, [text], LOSSES)[0]


def _named(text: str, pieces: list[str], known: tuple[str, ...]) -> list[Any]:
    """Return names, and pairs of those that have a number."""
    parts = [piece.partition(":") for piece in pieces]
    unknown = [name for name, _, _ in parts if name not in known]
    if unknown or not parts:
        message = f"{', '.join(map(repr, unknown)) or 'nothing'} is not one of {', '.join(known)}"
        raise argparse.ArgumentTypeError(message + near("".join(unknown[:1]), known))
    try:
        return [(name, float(number)) if colon else name for name, colon, number in parts]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} has no number behind a colon") from None


def course(text: str) -> str | tuple[str, float]:
    """A schedule, or one with its number: cosine, cosine:0.1."""
    word, colon, number = text.partition(":")
    try:
        return (word, float(number)) if colon else word
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like cosine or cosine:0.1") from None


def dropout(text: str) -> float | list[float]:
    """A part to leave out, or one for each hidden layer between commas: 0.2 or 0.2,0.5."""
    found = [part(piece) for piece in text.split(",")]
    return found[0] if len(found) == 1 else found


part = _option(float, lambda v: 0 <= v < 1, "a number of at least 0 and below 1")
positive = _option(float, lambda v: 0 < v < math.inf, "a positive number")
not_negative = _option(float, lambda v: 0 <= v < math.inf, "a number of at least 0")
not_nan_or_negative = _option(float, lambda v: v >= 0, "a number of at least 0")
fraction = _option(float, lambda v: 0 < v < 1, "a number between 0 and 1")
count = _option(int, lambda v: v > 0, "a positive whole number")
folds = _option(int, lambda v: v > 1, "a whole number of at least 2")
seed = _option(int, lambda v: 0 <= v < 2**32, "a whole number from 0 to 2**32 - 1")
figure = _option(str, lambda v: v.endswith((".png", ".pdf", ".svg")), "a .png, .pdf or .svg file")
page = _option(str, lambda v: v.endswith((".html", ".htm")), "an .html file")
l2_or_rule = _option(
    lambda text: text if text in ("cv", "evidence") else float(text),
    lambda v: isinstance(v, str) or 0 <= v < math.inf,
    "cv, evidence or a number of at least 0",
)
divisor = _option(
    lambda text: text if text in ("batch", "train") else float(text),
    lambda n: isinstance(n, str) or 0 < n < math.inf,
    "train, batch or a positive number",
)
batch_size = _option(
    lambda text: text if text == "all" else int(text),
    lambda size: size == "all" or size > 0,
    "all or a positive whole number",
)
sizes = _option(
    lambda text: () if text == "none" else tuple(map(int, text.split(","))),
    lambda units: all(0 < size < 2**31 for size in units),
    "layer sizes such as 32,16, or none",
)
