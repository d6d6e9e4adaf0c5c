"""What is told of results: lines on how they came about, tables, and remarks beneath these.

The tables are rich's, for terminals; `pyl2.cli.page` makes HTML of the same tables and lines.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from pyl2._common import text_table

_LINES, _SHOWN = 30, 90
"""Lines of columns, and letters of the names of plain numbers, at most."""


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


@dataclass(frozen=True)
class EnsembleResult:
    """An ensemble, in numbers."""

    networks: int
    selected: int
    candidates: int
    train_score: float
    held_out_score: float
    test_score: float
    coverage: float | None
    seconds: float


TWO_SIDED_95 = 1.96
"""So many standard deviations about the mean hold 95 % of a normal distribution."""


def training_lines(setup: dict[str, Any]) -> dict[str, str]:
    """Return what was read and how it is learned, in lines by name."""
    table = "E₀ data error, R penalty (of the last epoch), ‖W‖ norm of the weights"
    return _read(setup) | {"training": _training(setup), "table": table}


def comparison_lines(setup: dict[str, Any]) -> dict[str, str]:
    """Return what is compared and how, in lines by name."""
    budget = setup["budget"]
    limits = [f"{value:g} {name}" for name, value in budget.items() if value]
    settings = [f"eta {value:g} for {name}" for name, value in setup["eta"].items()]
    settings += [f"batches of {setup['batch_size'] or 'all rows'}"] if setup["eta"] else []
    settings += [f"{setup['particles']} particles"] if setup["particles"] else []
    return _read(setup) | {
        "methods": ", ".join(setup["methods"]),
        "budget": f"{' or '.join(limits)} a run, {len(setup['seeds'])} starts for each method,"
        f" seeds from {setup['seeds'][0]}",
        "error": "the same for all, computed off the clock: E = E₀ + (λ/2N) Σ w²,\n"
        f"λ = {setup['l2']:g}, N = {setup['rows']['train']}",
        "settings": ", ".join(settings) or "none",
        "table": "means ± standard deviations; an evaluation is a pass forward over N\n"
        "rows, a gradient counts as three",
    }


def print_lines(lines: Mapping[str, str]) -> None:
    """Print lines behind their names."""
    grid = Table.grid(padding=(0, 2))
    for name, line in lines.items():
        grid.add_row(name, line)
    _console().print(grid)


def print_table(grid: Table, remarks: Sequence[str] = ()) -> None:
    """Print a table, and what there is to remark on it, a line each."""
    console = _console()
    console.width = max(
        console.width, text_table.WIDTH
    )  # rather broken lines than numbers cut short
    console.print(grid)
    for remark in remarks:
        console.print(remark)


def _read(setup: dict[str, Any]) -> dict[str, str]:
    """Return what was read, in lines by name."""
    rows, layers = setup["rows"], "-".join(map(str, setup["layer_sizes"]))
    hidden = ", ".join(dict.fromkeys(setup["hidden"]))
    notes = {"note": "\n".join(setup["notes"])} if setup["notes"] else {}
    return {
        "data": f"{setup['data']}: {rows['train']} rows to train, {rows['test']} to test",
        **notes,
        "task": f"{setup['task']}, because {setup['why']}",
        "columns": "\n".join(_columns(setup)),
        "network": ", ".join(filter(None, (layers, hidden, setup["dtype"]))),
    }


def _columns(setup: dict[str, Any]) -> list[str]:
    """Return what becomes of each column, a line each; plain numbers and flags in one."""
    of: dict[str, list[str]] = {}
    for name, told in setup["columns"].items():
        of.setdefault(told, []).append(name)
    scale = {"standard": "standardised with training-set statistics"}.get(
        setup["scale"], setup["scale"]
    )
    lines = []
    for told, names in of.items():
        if told in ("number", "flag"):
            many = f"{len(names)} {told}s" if len(names) > 1 else f"1 {told}"
            shown = f"{many}: {', '.join(names)}" if len(", ".join(names)) <= _SHOWN else many
            lines.append(shown)
        else:
            lines += [f"{name}: {told}" for name in names]
    more = len(lines) - _LINES
    lines = [*lines[:_LINES], *([f"and {more} more columns"] if more > 0 else [])]
    return [*lines, f"scale: {scale}"]


def _training(setup: dict[str, Any]) -> str:
    decay = f", decay {setup['decay']}" if setup["decay"] else ""
    if setup["eta"] is None:  # by all rows at once
        course = f"{setup['optimizer']}, at most {setup['epochs']} iterations"
    else:
        course = f"{setup['optimizer']}, eta {setup['eta']:g}, {setup['epochs']} epochs in batches"
        course += f" of {setup['batch_size'] or 'all rows'}"
    left_out = {"units": setup["dropout"], "inputs": setup["input_dropout"]}
    drops = "".join(
        f", {share} of the {what} left out" for what, share in left_out.items() if share
    )
    return f"{course}{decay}{drops}, n = {setup['n']}, seed {setup['seed']}"


def trainings(results: Sequence[Result], measure: str) -> Table:
    """Return trainings side by side."""
    scores = (f"train\n{measure}", f"test\n{measure}")
    grid = text_table.table_with("λ", "E₀", "R", *scores, "‖W‖", "seconds", "items/s")
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
    return grid


def training_remarks(results: Sequence[Result]) -> list[str]:
    """Return which trainings have ended before their last epoch, and why."""
    return [
        f"λ = {result.l2:g} ended after {result.epochs} epochs: {result.stopped}"
        for result in results
        if result.stopped != "epochs"
    ]


def penalty_answer(results: Sequence[Result], measure: str) -> str:
    """Return what the penalty did to the score on the test set."""

    def with_it(l2: float) -> str:
        return f"with λ = {l2:g}" if l2 else "without a penalty"

    scores = [f"{result.test_score:z.3f} {with_it(result.l2)}" for result in reversed(results)]
    return f"Test {measure} {', '.join(scores)}."


def ensemble_lines(setup: dict[str, Any]) -> dict[str, str]:
    """Return what was read and how an ensemble of it is made, in lines by name."""
    recipe = setup["ensemble"]
    low, high = recipe["l2"]
    told = (
        f"{recipe['candidates']} candidates, λ from {low:g} to {high:g}, each on"
        f" {recipe['folds']} folds;\n{recipe['members']} networks of each selected on all rows"
    )
    return _read(setup) | {"training": _training(setup), "ensemble": told}


def candidates(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return the candidates of an ensemble by λ, the selected ones marked."""
    grid = text_table.table_with("λ", "error", "weight")
    for candidate in sorted(found, key=lambda one: float(one["alpha"])):
        weight = candidate["weight"]
        share = f"{weight:.2f}" if weight else ""
        style = "bold" if weight else None
        grid.add_row(f"{candidate['alpha']:.4g}", f"{-candidate['score']:.4g}", share, style=style)
    return grid


def ensemble_remarks(result: EnsembleResult, measure: str) -> list[str]:
    """Return how good an ensemble is, and of what it consists."""
    found = [
        f"Test {measure} {result.test_score:.3f}; {result.held_out_score:.3f} on training rows held"
        f" out, {result.train_score:.3f} on the training set.",
        f"{result.networks} networks from {result.selected} of {result.candidates} candidates,"
        f" {result.seconds:.1f} s.",
    ]
    if result.coverage is not None:
        found.append(
            f"{100 * result.coverage:.0f} % of the test set lies within {TWO_SIDED_95:g} standard"
            " deviations (95 % if right)."
        )
    return found


def headline(
    result: Result,
    chosen: Mapping[str, float],
    baselines: Mapping[str, float],
    setup: dict[str, Any],
) -> list[str]:
    """Return the answer in two lines: the score, how λ was chosen, and what others would have."""
    others = ", ".join(f"{name} {score:z.3f}" for name, score in baselines.items())
    rows, measure = setup["rows"], setup["measure"]
    spread = f" ± {chosen['cv_error']:.3f}" if math.isfinite(chosen["cv_error"]) else ""
    better = [name for name, score in baselines.items() if score > result.test_score]
    remark = [f"Better on this test set: {' and '.join(better)}."] if better else []
    return [
        f"Test {measure} {result.test_score:z.3f}; {others}.",
        f"λ = {result.l2:.4g} by {setup['cv']}-fold cross-validation"
        f" ({measure} {chosen['cv_score']:z.3f}{spread});"
        f" {rows['train']} training rows, {rows['test']} test rows.",
        *remark,
    ]


def choice_remarks(
    means: Sequence[Mapping[str, float]], place: int, folds: int, scores: Sequence[Sequence[float]]
) -> list[str]:
    """Return what to know of a choice of λ: the edge of the grid, trainings that failed."""
    found = []
    if place == len(means) - 1:
        found.append("λ is at the edge of the grid: the inputs may tell nothing of the target.")
    failed = sum(not math.isfinite(score) for row in scores for score in row)
    if failed:
        found.append(
            f"{failed} of {folds * len(means)} trainings failed: a smaller --eta may help."
        )
    return found


def choice_lines(setup: dict[str, Any], result: Result) -> dict[str, str]:
    """Return how the model came about, in lines by name."""
    model = (
        f"E₀ {result.data_error:.4g}, R {result.penalty:.4g}, ‖W‖ {result.weight_norm:.4g},"
        f" training {setup['measure']} {result.train_score:z.3f}, {result.seconds:.2f} s"
    )
    return _read(setup) | {"training": _training(setup), "model": model}


def print_remarks(remarks: Sequence[str]) -> None:
    """Print lines of text, as wide as the terminal."""
    console = _console()
    for remark in remarks:
        console.print(remark)


def print_conversion(value: float, meaning: str) -> None:
    """Print a converted number, and in a line of its own what it is."""
    console = _console()
    console.print(f"{value:.12g}")
    console.print(meaning, soft_wrap=True)


def path_lines(setup: dict[str, Any]) -> dict[str, str]:
    """Return what is trained at many λ and how, in lines by name."""
    evidence = "\nγ: effective number of parameters" if setup["evidence"] else ""
    lines = {
        "training": _training(setup),
        "error": f"E = E₀ + R, R = (λ/2N) Σ w², N = {setup['rows']['train']}",
        "table": "‖W‖ norm of the weights; slope: the output's, squared, mean over the\n"
        "rows, small where it is smooth; saturated: units that hardly answer;\n"
        "even: 1 where all weights into a unit are equally large" + evidence,
    }
    return _read(setup) | lines


def path_remarks(
    rows: Sequence[Mapping[str, Any]],
    measure: str,
    marks: Mapping[str, int],
    folds: Sequence[Sequence[float]] | None,
) -> list[str]:
    """Return which λ is good, how one knows, and what has gone wrong."""
    name, place = next(iter(marks.items()))
    score = f"test {measure} {rows[place]['test_score']:.3f}"
    free = f"{rows[0]['test_score']:.3f} at λ = {rows[0]['l2']:.4g}"
    told = f"{rows[place]['l2']:.4g}, {score}, beside {free}."
    if folds is None:
        found = [
            f"Best λ for the rows to test: {told}",
            "As these rows chose it, its score flatters; --cv 5 chooses without them.",
        ]
    else:
        found = [f"Chosen by {len(folds[0])} folds of the rows to train ({name}): λ = {told}"]
    if "evidence" in marks:
        found += _evidence_remarks(rows[marks["evidence"]], measure)
    if place in (0, len(rows) - 1) and len(rows) > 1:
        found.append("It is the last that was tried: --l2 may go further.")
    endings = {
        "diverged": "Diverged, for which a smaller eta may help",
        "max_time": "Out of time",
        "interrupted": "Interrupted",
    }
    for ending, words in endings.items():
        ended = [f"{row['l2']:.4g}" for row in rows if row["stopped"] == ending]
        if ended:
            found.append(f"{words}: λ = {', '.join(ended)}.")
    return found


def _evidence_remarks(row: Mapping[str, Any], measure: str) -> list[str]:
    """Return which λ has the greatest evidence, and how far it can be trusted."""
    found = [
        f"Greatest log evidence: λ = {row['l2']:.4g}, {row['n_effective']:.1f} effective"
        f" parameters, test {measure} {row['test_score']:.3f}."
    ]
    if measure == "accuracy":
        found.append("For classes the evidence favours too small a λ: --cv chooses better.")
    elif row["stopped"] == "epochs":
        found.append(
            "The evidence is of a minimum of E, which was not reached: --optimizer lbfgs or lm,"
            " more --epochs."
        )
    return found


def comparison_remarks(
    rows: Sequence[Mapping[str, Any]],
    measure: str,
    l2: float,
    free: Mapping[str, float] | None,
) -> list[str]:
    """Return what there is to learn from a comparison."""
    found = [
        f"Lowest E: {_leader(rows, 'error', -1)}.",
        f"Best test {measure}: {_leader(rows, 'test_score', 1)}.",
    ]
    if free is not None:
        before = sum(free.values()) / len(free)
        after = sum(row["test_score"] for row in rows) / len(rows)
        found.append(
            f"What λ = {l2:g} did to test {measure}: {before:.3f} without it, {after:.3f} with it"
            " (means over the methods)."
        )
    return found + [
        f"{row['method']} diverged in {row['diverged']} of {row['runs']} runs:"
        " a smaller eta may help."
        for row in rows
        if row["diverged"]
    ]


def _leader(rows: Sequence[Mapping[str, Any]], name: str, sign: int) -> str:
    """Return who has the most (or with sign -1 the least), and who may be as good."""
    best = max(rows, key=lambda row: sign * float(row[name]))

    def level(row: Mapping[str, Any]) -> bool:
        spread = float(max(best[f"{name}_std"], row[f"{name}_std"]))
        return math.isfinite(spread) and abs(float(best[name] - row[name])) <= spread

    others = ", ".join(row["method"] for row in rows if row is not best and level(row))
    told = f"{best['method']}, {text_table.digits(best[name], 4)}"
    return told + (f" (within the spread of the starts also {others})" if others else "")


def _console() -> Console:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without λ shows a question mark
    return Console(markup=False, emoji=False, highlight=False)
