"""What the command line tells: of trainings and comparisons tables, of a conversion two lines."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

_WIDTH = 120


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
    table = "E₀ data error, R penalty (of the last epoch), ‖W‖ norm of the weights"
    _print_lines(_read(setup) | {"training": _training(setup), "table": table})


def comparison_notes(setup: dict[str, Any]) -> None:
    """Print what is compared and how, a line each."""
    budget = setup["budget"]
    limits = [f"{value:g} {name}" for name, value in budget.items() if value]
    settings = [f"eta {value:g} for {name}" for name, value in setup["eta"].items()]
    settings += [f"batches of {setup['batch_size'] or 'all rows'}"] if setup["eta"] else []
    settings += [f"{setup['particles']} particles"] if setup["particles"] else []
    lines = {
        "methods": ", ".join(setup["methods"]),
        "budget": f"{' or '.join(limits)} a run, {len(setup['seeds'])} starts for each method",
        "error": "the same for all, computed off the clock: E = E₀ + (λ/2N) Σ w²,\n"
        f"λ = {setup['l2']:g}, N = {setup['rows']['train']}",
        "settings": ", ".join(settings) or "none",
        "table": "means ± standard deviations; an evaluation is a pass forward over N\n"
        "rows, a gradient counts as three",
    }
    _print_lines(_read(setup) | lines)


def _read(setup: dict[str, Any]) -> dict[str, str]:
    """Return what was read, in lines by name."""
    rows, layers = setup["rows"], "-".join(map(str, setup["layer_sizes"]))
    hidden = ", ".join(dict.fromkeys(setup["hidden"]))
    scaled = "inputs" if setup["classes"] else "inputs and target"
    return {
        "data": f"{setup['data']}: {rows['train']} rows to train, {rows['test']} to test",
        "task": f"{setup['task']}, because {setup['why']}",
        "scaling": f"{scaled} standardised by the rows to train",
        "network": ", ".join(filter(None, (layers, hidden, setup["dtype"]))),
    }


def _print_lines(lines: Mapping[str, str]) -> None:
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
    scores = (f"train\n{measure}", f"test\n{measure}")
    grid = _grid("λ", "E₀", "R", *scores, "‖W‖", "seconds", "items/s")
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
    console = _print_table(grid)
    for result in results:
        if result.stopped != "epochs":
            console.print(f"λ = {result.l2:g} ended after {result.epochs} epochs: {result.stopped}")


def conversion(value: float, meaning: str) -> None:
    """Print a converted number, and in a line of its own what it is."""
    console = _console()
    console.print(f"{value:.12g}")
    console.print(meaning, soft_wrap=True)


def comparison(
    rows: Sequence[Mapping[str, Any]], measure: str, free: Mapping[str, float] | None = None
) -> Table:
    """Return ways of training side by side, with the test scores that they have at λ = 0 if given.

    The rows are those of ``Comparison.summary``.
    """
    last = (f"test\n{measure}\nλ = 0",) if free else ()
    scores = (f"train\n{measure}", f"test\n{measure}", *last)
    grid = _grid("method", "E", "E₀", "R", *scores, "seconds", "evaluations")
    grid.columns[0].justify = "left"
    for row in rows:
        grid.add_row(
            row["method"],
            f"{_digits(row['error'], 4)} ±{row['error_std']:.1g}",
            _digits(row["data_error"], 3),
            _digits(row["penalty"], 2),
            f"{row['train_score']:.3f} ±{row['train_score_std']:.3f}",
            f"{row['test_score']:.3f} ±{row['test_score_std']:.3f}",
            *([f"{free[row['method']]:.3f}"] if free else []),
            f"{row['seconds']:.2f}",
            f"{row['evaluations']:,.0f}",
        )
    return grid


def path(rows: Sequence[Mapping[str, Any]], measure: str) -> Table:
    """Return the λs of a path side by side; the rows are those of ``L2Path.summary``.

    What is known of none is left out.
    """
    columns = {
        "λ": ("l2", "{:.3g}"),
        "E₀": ("data_error", "{:.4g}"),
        "R": ("penalty", "{:.3g}"),
        f"train\n{measure}": ("train_score", "{:.3f}"),
        f"test\n{measure}": ("test_score", "{:.3f}"),
        "‖W‖": ("norm", "{:.4g}"),
        "slope": ("slope", "{:.3g}"),
        "curvature": ("curvature", "{:.3g}"),
        "saturated": ("saturation", "{:.0%}"),
        "even": ("evenness", "{:.2f}"),
        "epochs": ("epochs", "{:,}"),
        "ended by": ("stopped", "{}"),
    }
    known = {
        heading: (name, form)
        for heading, (name, form) in columns.items()
        if not all(isinstance(row[name], float) and math.isnan(row[name]) for row in rows)
    }
    grid = _grid(*known)
    for row in rows:
        grid.add_row(*(form.format(row[name]) for name, form in known.values()))
    return grid


def frame(records: Sequence[Mapping[str, Any]]) -> Any:
    """Return records as a pandas DataFrame.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("to_frame needs pandas: pip install 'pyl2[frames]'") from None
    return pd.DataFrame(list(records))


def print_comparison(
    rows: Sequence[Mapping[str, Any]],
    measure: str,
    l2: float,
    without: Sequence[Mapping[str, Any]] | None,
) -> None:
    """Print ways of training side by side, and what there is to learn from it."""
    free = None if without is None else {row["method"]: row["test_score"] for row in without}
    console = _print_table(comparison(rows, measure, free))
    console.print(f"Lowest E: {_leader(rows, 'error', -1)}.")
    console.print(f"Best test {measure}: {_leader(rows, 'test_score', 1)}.")
    if free is not None:
        before = sum(free.values()) / len(free)
        after = sum(row["test_score"] for row in rows) / len(rows)
        console.print(
            f"What λ = {l2:g} did to test {measure}: {before:.3f} without it, {after:.3f} with it"
            " (means over the methods)."
        )
    for row in rows:
        if row["diverged"]:
            told = f"{row['method']} diverged in {row['diverged']} of {row['runs']} runs"
            console.print(f"{told}: a smaller eta may help.")


def _leader(rows: Sequence[Mapping[str, Any]], name: str, sign: int) -> str:
    """Return who has the most (or with sign -1 the least), and who may be as good."""
    best = max(rows, key=lambda row: sign * float(row[name]))

    def level(row: Mapping[str, Any]) -> bool:
        spread = float(max(best[f"{name}_std"], row[f"{name}_std"]))
        return math.isfinite(spread) and abs(float(best[name] - row[name])) <= spread

    others = ", ".join(row["method"] for row in rows if row is not best and level(row))
    told = f"{best['method']}, {_digits(best[name], 4)}"
    return told + (f" (within the spread of the starts also {others})" if others else "")


def text(grid: Table) -> str:
    """Return a table as lines of plain text."""
    console = Console(file=io.StringIO(), width=_WIDTH, markup=False, emoji=False, highlight=False)
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _digits(value: float, digits: int) -> str:
    """Return a number with so many digits, zeros at its end included."""
    return f"{value:#.{digits}g}".rstrip(".")


def _grid(*headings: str) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in headings:
        grid.add_column(heading, justify="right", no_wrap=True)
    return grid


def _print_table(grid: Table) -> Console:
    console = _console()
    console.width = max(console.width, _WIDTH)  # rather broken lines than numbers cut short
    console.print(grid)
    return console


def _console() -> Console:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without λ shows a question mark
    return Console(markup=False, emoji=False, highlight=False)
