"""What is said of results: the answer, tables, remarks, and how it all came about.

The tables are for terminals; `pyl2.cli.page` makes HTML of the same tables and lines.
"""

from __future__ import annotations

import io
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from pyl2._common import text_table
from pyl2._common.text_table import Grid

_LINES, _SHOWN = 30, 90
"""Lines of columns, and letters of the names of plain numbers, at most."""

_GAP = "  "

_WIDEST = 120
"""Tables that go to a file or a pipe may be as wide as this."""


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
        "budget": f"{' or '.join(limits)} a run, {_starts(setup)} for each method,"
        f" seeds from {setup['seeds'][0]}",
        "error": "the same for all, computed off the clock: E = E₀ + (λ/2N) Σ w²,\n"
        f"λ = {setup['l2']:g}, N = {setup['rows']['train']}",
        "settings": ", ".join(settings) or "none",
        "table": "means ± standard deviations; an evaluation is a pass forward over N"
        " rows, a gradient counts as three",
    }


def _starts(setup: dict[str, Any]) -> str:
    count = len(setup["seeds"])
    return "1 start" if count == 1 else f"{count} starts"


def print_all(
    headline: Sequence[str], table: Grid, remarks: Sequence[str], lines: Mapping[str, str]
) -> None:
    """Print the answer, the table, what there is to remark, and how it came about."""
    print_remarks(headline)
    if print_table(table, remarks) and lines:
        _print()
    print_lines(lines)


def print_lines(lines: Mapping[str, str]) -> None:
    """Print lines behind their names."""
    indent = max(map(len, lines), default=0) + len(_GAP)
    for name, text in lines.items():
        wrapped = _wrapped(text, _width() - indent)
        for heading, line in zip_longest([name], wrapped, fillvalue=""):
            _print(f"{heading.ljust(indent)}{line}".rstrip())


def print_table(grid: Grid, remarks: Sequence[str]) -> bool:
    """Print a table, and what there is to remark on it, if anything; what finds no room is."""
    shown, left_out = grid.within(_width(_WIDEST))
    _print()
    for line, stands_out in shown.lines():
        _print(f"\x1b[1m{line}\x1b[0m" if stands_out and _is_terminal() else line)
    _print()
    if left_out:
        remarks = [*remarks, f"Not shown for want of room: {', '.join(left_out)}."]
    print_remarks(remarks)
    return bool(remarks)


def print_remarks(remarks: Sequence[str]) -> None:
    """Print lines of text, as wide as the terminal."""
    for remark in remarks:
        for line in _wrapped(remark, _width()):
            _print(line)


def _print(line: str = "") -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without λ shows a question mark
    print(line)


def _is_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _width(otherwise: int = 80) -> int:
    """Return how wide the terminal is; where there is none, and COLUMNS says nothing, otherwise."""
    return shutil.get_terminal_size((otherwise, 24)).columns


def _wrapped(text: str, width: int) -> list[str]:
    return [
        piece
        for line in text.splitlines()
        for piece in textwrap.wrap(line, max(width, 20), break_on_hyphens=False) or [""]
    ]


def _read(setup: dict[str, Any]) -> dict[str, str]:
    """Return what was read, in lines by name."""
    layers = "-".join(map(str, setup["layer_sizes"]))
    hidden = ", ".join(dict.fromkeys(setup["hidden"]))
    notes = {"note": "\n".join(setup["notes"])} if setup["notes"] else {}
    resumed = setup.get("resumed")
    found = {"resumed": f"{resumed} finished fits were there already"} if resumed else {}
    return {
        "data": f"{setup['data']}: {_rows(setup)}",
        **notes,
        **found,
        "split": setup["split"],
        "task": f"{setup['task']}, because {setup['why']}",
        "columns": "\n".join(_columns(setup)),
        "network": ", ".join(filter(None, (layers, hidden, setup["dtype"]))),
    }


def _columns(setup: dict[str, Any]) -> list[str]:
    """Return what becomes of each column, a line each; plain numbers and flags in one."""
    of: dict[str, list[str]] = {}
    for name, description in setup["columns"].items():
        of.setdefault(description, []).append(name)
    scale = {"standard": "standardised with training-set statistics"}.get(
        setup["scale"], setup["scale"]
    )
    lines = []
    for description, names in of.items():
        if description in ("number", "flag"):
            many = f"{len(names)} {description}s" if len(names) > 1 else f"1 {description}"
            shown = f"{many}: {', '.join(names)}" if len(", ".join(names)) <= _SHOWN else many
            lines.append(shown)
        else:
            lines += [f"{name}: {description}" for name in names]
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
    early = setup.get("early_stopping")
    if early:
        course += f", early stopping after {early} epochs that are no better"
    return f"{course}{decay}{drops}, n = {setup['n']}, seed {setup['seed']}"


def trainings(results: Sequence[Result], measure: str) -> Grid:
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


def ensemble_lines(setup: dict[str, Any]) -> dict[str, str]:
    """Return what was read and how an ensemble of it is made, in lines by name."""
    recipe = setup["ensemble"]
    low, high = recipe["l2"]
    text = (
        f"{recipe['candidates']} candidates, λ from {low:g} to {high:g}, each on"
        f" {recipe['folds']} folds;\n{recipe['members']} networks of each selected on all rows"
    )
    return _read(setup) | {"training": _training(setup), "ensemble": text}


def candidates(found: Sequence[Mapping[str, Any]]) -> Grid:
    """Return the candidates of an ensemble by λ, the selected ones marked."""
    grid = text_table.table_with("λ", "error", "weight")
    for candidate in sorted(found, key=lambda one: float(one["alpha"])):
        weight = candidate["weight"]
        share = f"{weight:.2f}" if weight else ""
        error = f"{-candidate['score']:.4g}"
        grid.add_row(f"{candidate['alpha']:.4g}", error, share, marked=bool(weight))
    return grid


def ensemble_headline(result: EnsembleResult, setup: dict[str, Any]) -> list[str]:
    """Return how good an ensemble is, and of what it consists."""
    found = [
        *answer(result.test_score, setup),
        f"{setup['measure']} {result.held_out_score:.3f} on training rows held out,"
        f" {result.train_score:.3f} on the training set; {_rows(setup)}.",
        f"{result.networks} networks from {result.selected} of {result.candidates} candidates,"
        f" {result.seconds:.1f} s.",
    ]
    if result.coverage is not None:
        found.append(
            f"{100 * result.coverage:.0f} % of the test set lies within {TWO_SIDED_95:g} standard"
            " deviations (95 % if right)."
        )
    return found


def answer(test_score: float, setup: dict[str, Any]) -> list[str]:
    """Return the answer in a line: the score on the test set, and what others would have."""
    return _beside_baselines(f"Test {setup['measure']} {test_score:z.3f}", test_score, setup)


def _beside_baselines(text: str, test_score: float, setup: dict[str, Any]) -> list[str]:
    baselines = setup["baselines"]
    others = ", ".join(f"{name} {score:z.3f}" for name, score in baselines.items())
    better = [name for name, score in baselines.items() if score > test_score]
    remark = [f"Better on this test set: {' and '.join(better)}."] if better else []
    return [f"{text}; {others}.", *remark]


def _rows(setup: dict[str, Any]) -> str:
    return ", ".join(
        f"{count} {name if name != 'train' else 'training'} rows"
        for name, count in setup["rows"].items()
    )


_RULES = {
    "min": "the best mean (min)",
    "1se": "the largest λ within one standard error of the best mean (1se)",
}


def chosen_by_folds(l2: float, chosen: Mapping[str, float], setup: dict[str, Any]) -> str:
    """Return which λ the folds chose, and by which scores."""
    spread = f" ± {chosen['cv_error']:.3f}" if math.isfinite(chosen["cv_error"]) else ""
    return (
        f"λ = {l2:.4g} by {setup['cv']}-fold cross-validation, {_RULES[setup['rule']]}:"
        f" {setup['measure']} {chosen['cv_score']:z.3f}{spread}; {_rows(setup)}."
    )


def chosen_by_evidence(chosen: Mapping[str, Any], setup: dict[str, Any]) -> str:
    """Return which λ the evidence chose."""
    return (
        f"λ = {chosen['l2']:.4g} by the evidence: its logarithm is {chosen['log_evidence']:.1f},"
        f" with {chosen['n_effective']:.1f} effective parameters; {_rows(setup)}."
    )


def training_headline(results: Sequence[Result], setup: dict[str, Any]) -> list[str]:
    """Return the score at the λ that was given, and what it did."""
    free, found = results[0], results[-1]
    text = f"λ = {found.l2:.4g}, as given"
    if len(results) > 1:
        text += f"; test {setup['measure']} {free.test_score:z.3f} without a penalty"
    return [*answer(found.test_score, setup), f"{text}; {_rows(setup)}."]


def path_headline(
    rows: Sequence[Mapping[str, Any]], setup: dict[str, Any], choices: Mapping[str, int]
) -> list[str]:
    """Return which λ is good, how one knows, and what the score is without a penalty."""
    name, place = next(iter(choices.items()))
    chosen = rows[place]
    if name in _RULES:
        text = chosen_by_folds(chosen["l2"], chosen, setup)
    else:
        text = (
            f"λ = {chosen['l2']:.4g} is the best of {len(rows)} on this test set, so the score is"
            f" optimistic (--cv 5 chooses without it); {_rows(setup)}."
        )
    found = [*answer(chosen["test_score"], setup), text]
    if place:
        free = rows[0]
        found.append(f"At λ = {free['l2']:.4g}: test {setup['measure']} {free['test_score']:z.3f}.")
    return found


def choice_remarks(
    rows: Sequence[Mapping[str, float]], place: int, scores: Sequence[Sequence[float]]
) -> list[str]:
    """Return what to know of a choice of λ: the edge of the grid, trainings that failed."""
    found = []
    if place == len(rows) - 1:
        found.append("λ is at the edge of the grid: the inputs may not predict the target.")
    failed = sum(not math.isfinite(score) for row in scores for score in row)
    if failed:
        trained = sum(map(len, scores))
        found.append(f"{failed} of {trained} trainings failed: a smaller --eta may help.")
    return found


def choice_lines(setup: dict[str, Any], result: Result) -> dict[str, str]:
    """Return how the model came about, in lines by name."""
    model = (
        f"E₀ {result.data_error:.4g}, R {result.penalty:.4g}, ‖W‖ {result.weight_norm:.4g},"
        f" training {setup['measure']} {result.train_score:z.3f}, {result.seconds:.2f} s"
    )
    return _read(setup) | {"training": _training(setup), "model": model}


def print_conversion(value: float, meaning: str) -> None:
    """Print a converted number, and in a line of its own what it is."""
    _print(f"{value:.12g}")
    _print(meaning)


def path_lines(setup: dict[str, Any]) -> dict[str, str]:
    """Return what is trained at many λ and how, in lines by name."""
    evidence = "\nγ: effective number of parameters" if setup.get("evidence") else ""
    lines = {
        "training": _training(setup),
        "error": f"E = E₀ + R, R = (λ/2N) Σ w², N = {setup['rows']['train']}",
        "table": "‖W‖ norm of the weights; slope: the output's, squared, mean over the rows,"
        " small where it is smooth; saturated: share of hidden units on the flat part of their"
        " activation; even: 1 where all weights into a unit are equally large" + evidence,
    }
    return _read(setup) | lines


def path_remarks(
    rows: Sequence[Mapping[str, Any]], measure: str, marks: Mapping[str, int]
) -> list[str]:
    """Return what the evidence says, whether λ goes far enough, and what has gone wrong."""
    place = next(iter(marks.values()))
    found = []
    if "evidence" in marks:
        found += _evidence_remarks(rows[marks["evidence"]], measure)
    if place in (0, len(rows) - 1) and len(rows) > 1:
        found.append("This is the edge of the grid; widen it with --l2.")
    return found + _endings(rows)


def evidence_remarks(rows: Sequence[Mapping[str, Any]], place: int) -> list[str]:
    """Return how far a choice by the evidence can be trusted."""
    found = [_UNREACHED] if rows[place]["stopped"] == "epochs" else []
    if place in (0, len(rows) - 1):
        found.append("λ is at the edge of the grid: the evidence may be greater beyond.")
    return found + _endings(rows)


def _endings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which λs ended otherwise than they should."""
    endings = {
        "diverged": "Diverged, for which a smaller --eta may help",
        "max_time": "Out of time",
        "interrupted": "Interrupted",
    }
    found = []
    for ending, words in endings.items():
        ended = [f"{row['l2']:.4g}" for row in rows if row["stopped"] == ending]
        if ended:
            found.append(f"{words}: λ = {', '.join(ended)}.")
    return found


_UNREACHED = (
    "The evidence is of a minimum of E, which was not reached: --optimizer lbfgs or lm, more"
    " --epochs."
)


def _evidence_remarks(row: Mapping[str, Any], measure: str) -> list[str]:
    """Return which λ has the greatest evidence, and how far it can be trusted."""
    found = [
        f"Greatest log evidence: λ = {row['l2']:.4g}, {row['n_effective']:.1f} effective"
        f" parameters, test {measure} {row['test_score']:.3f}."
    ]
    if measure == "accuracy":
        found.append("For classes the evidence favours too small a λ: --cv chooses better.")
    elif row["stopped"] == "epochs":
        found.append(_UNREACHED)
    return found


def comparison_headline(
    rows: Sequence[Mapping[str, Any]], setup: dict[str, Any], free: Mapping[str, float] | None
) -> list[str]:
    """Return who predicts best, who minimises best, and what the penalty did."""
    measure = setup["measure"]
    best = max(row["test_score"] for row in rows)
    found = [
        *_beside_baselines(f"Best test {measure}: {_leader(rows, 'test_score', 1)}", best, setup),
        f"Lowest E: {_leader(rows, 'error', -1)}; {_rows(setup)}.",
    ]
    if free is not None:
        before = sum(free.values()) / len(free)
        after = sum(row["test_score"] for row in rows) / len(rows)
        found.append(
            f"What λ = {setup['l2']:g} did to test {measure}: {before:.3f} without it, {after:.3f}"
            " with it (means over the methods)."
        )
    return found


def comparison_remarks(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what has gone wrong in a comparison."""
    return [
        f"{row['method']} diverged in {row['diverged']} of {row['runs']} runs:"
        " a smaller --eta may help."
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
    text = f"{best['method']}, {text_table.digits(best[name], 4)}"
    return text + (f" (within the spread of the starts also {others})" if others else "")
