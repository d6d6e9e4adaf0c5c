"""What the command line tells: of trainings a few lines and a table, of a conversion two lines."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """A training, in the numbers of the table."""

    l2: float
    data_error: float
    penalty: float
    train_score: float
    test_score: float
    weight_norm: float
    epochs: int
    stopped: str
    seconds: float
    items_per_second: float


def notes(setup: dict[str, Any]) -> None:
    """Print what was read and how it is learned, a line each."""
    rows, layers = setup["rows"], "-".join(map(str, setup["layer_sizes"]))
    hidden = ", ".join(dict.fromkeys(setup["hidden"]))
    scaled = "inputs" if setup["classes"] else "inputs and target"
    lines = {
        "data": f"{setup['data']}: {rows['train']} rows to train, {rows['test']} to test",
        "task": f"{setup['task']}, because {setup['why']}",
        "scaling": f"{scaled} standardised by the rows to train",
        "network": ", ".join(filter(None, (layers, hidden, setup["dtype"]))),
        "training": _training(setup),
        "table": "E₀ data error, R penalty (of the last epoch), ‖W‖ norm of the weights",
    }
    grid = Table.grid(padding=(0, 2))
    for name, line in lines.items():
        grid.add_row(name, line)
    _console().print(grid)


def _training(setup: dict[str, Any]) -> str:
    decay = f", decay {setup['decay']}" if setup["decay"] else ""
    if setup["optimizer"] == "lbfgs":
        course = f"lbfgs, at most {setup['epochs']} iterations"
    else:
        course = f"{setup['optimizer']}, eta {setup['eta']:g}, {setup['epochs']} epochs in batches"
        course += f" of {setup['batch_size'] or 'all rows'}"
    return f"{course}{decay}, n = {setup['n']}, seed {setup['seed']}"


def table(results: Sequence[Result], measure: str) -> None:
    """Print the trainings side by side."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    scores = (f"train\n{measure}", f"test\n{measure}")
    for heading in ("λ", "E₀", "R", *scores, "‖W‖", "seconds", "items/s"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        grid.add_row(
            f"{result.l2:g}",
            f"{result.data_error:.4g}",
            f"{result.penalty:.4g}",
            f"{result.train_score:.3f}",
            f"{result.test_score:.3f}",
            f"{result.weight_norm:.4g}",
            f"{result.seconds:.2f}",
            f"{result.items_per_second:,.0f}",
        )
    console = _console()
    console.width = max(console.width, 100)  # rather broken lines than numbers cut short
    console.print(grid)
    for result in results:
        if result.stopped != "epochs":
            console.print(f"λ = {result.l2:g} ended after {result.epochs} epochs: {result.stopped}")


def conversion(value: float, meaning: str) -> None:
    """Print a converted number, and in a line of its own what it is."""
    console = _console()
    console.print(f"{value:.12g}")
    console.print(meaning, soft_wrap=True)


def _console() -> Console:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without λ shows a question mark
    return Console(markup=False, emoji=False, highlight=False)
