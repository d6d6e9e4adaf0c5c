"""What a bench measured, as a table and as a figure; `run.py`'s in full, the rest shared."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

OURS = "pyl2"
WIDTH = 148  # of the table; a narrower terminal may break lines, but loses no column
CONVENTION = (
    "Time per epoch, or per call of predict; quartiles over the rounds; compiling is not counted. "
    "×: how many times as long as pyl2 it takes, median over rounds run side by side; in pyl2's "
    "own row that of the best rival. GFLOP/s: 6 × weights × items per epoch, though the first "
    "layer needs only 4 (so more than 100 % is possible); predict 2 ×. Peak: fused multiply-adds "
    "on the same cores in the same rounds. E₀: error of all items at the end, without the "
    "penalty. Weights (or predictions): norm of the difference from NumPy's, as a part of the way "
    "they went, float32 as timed / float64."
)


def about(cores: list[int], isa: str | None = None) -> dict:
    """Where and when; isa: what everyone is held to."""
    load = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": _cpu(), "platform": platform.platform(), "cores": os.cpu_count()}
        | {"used": cores, "isa": isa, "load_before": load},
        "versions": {},
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


# --- numbers --------------------------------------------------------------------------------------


def summary(record: dict, name: str) -> dict:
    """What a row of the table says about one rival."""
    s = spread(record, name)
    gflops = record["flops"] / s["median"] / 1e9
    return s | {
        "gflops": gflops,
        "peak": gflops / np.median(record["peak"]) if record["peak"] else None,
    }


def spread(record: dict, name: str) -> dict:
    """Times of one rival, and how many times ours they are."""
    seconds = np.array(record["rivals"][name]["seconds"])
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    ours = record["rivals"].get(OURS)
    return {
        "min": seconds.min(),
        "low": low,
        "median": median,
        "high": high,
        "ratio": float(np.median(seconds / ours["seconds"])) if ours else None,
    }


def best(record: dict) -> tuple[str, float] | None:
    """The fastest rival and how many times as long as ours it takes."""
    theirs = {n: spread(record, n)["ratio"] for n in record["rivals"] if n != OURS}
    if OURS not in record["rivals"] or not theirs:
        return None
    return min(theirs.items(), key=lambda pair: pair[1])


def in_order(names) -> list[str]:
    """Ours first."""
    return sorted(names, key=lambda name: (name != OURS, name))


def milliseconds(seconds: float) -> str:
    """Three significant digits."""
    return significant(seconds * 1e3)


def significant(value: float) -> str:
    """Three digits, and no exponent."""
    if not np.isfinite(value) or value <= 0:
        return str(value)
    return f"{value:.{max(0, 2 - int(np.floor(np.log10(value))))}f}"


def times(ratio: float) -> str:
    """Two digits after the point while they mean something."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


# --- table ----------------------------------------------------------------------------------------


def show(results: dict, shown: Table, convention: str, width: int = WIDTH) -> None:
    """Print a table, and everything that went wrong below it."""
    console = Console()
    console.width = max(console.width, width)
    console.print(shown, convention, heading(results), sep="\n", highlight=False)
    for record in results["cases"]:
        for failure in record["failures"]:
            line = f"FAILED {record['case']['name']}: {failure}"
            console.print(line, style="bold red", markup=False, highlight=False)


def footnotes(results: dict) -> list[str]:
    """What rivals do that cannot do a case as it is."""
    return [
        f"* {name} cannot do {record['case']['name']} as it is: "
        + ", ".join(f"{field} {theirs} in place of {ours}" for field, (ours, theirs) in changed)
        + "; its weights are compared with nobody's."
        for record in results["cases"]
        for name, rival in record["rivals"].items()
        if (changed := sorted(rival["instead"].items()))
    ]


def table(results: dict) -> Table:
    """One row for each case and rival."""
    columns = ("rival", "ms", "min", "quartiles", "× pyl2", "GFLOP/s", "% of peak", "E₀", "weights")
    title = "bench --quick" if results["quick"] else "bench"
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("case", no_wrap=True)
    for column in columns:
        shown.add_column(column, justify="left" if column == "rival" else "right", no_wrap=True)
    for record in results["cases"]:
        for i, name in enumerate(in_order(record["rivals"])):
            shown.add_row(_label(record, i), *_row(record, name))
        shown.add_section()
    return shown


def markdown(results: dict) -> str:
    """One row for each case, one column for each rival: ms (× pyl2)."""
    names = in_order({n for record in results["cases"] for n in record["rivals"]})
    head = ["case", *names, "× best", "% of peak"]
    rows = [head, ["---"] * len(head)]
    for record in results["cases"]:
        cells = [_cell(record, name) for name in names]
        first, share = best(record), summary(record, OURS)["peak"]
        ends = times(first[1]) if first else "–", f"{100 * share:.0f}" if share else "–"
        label = f"{record['case']['name']}: {record['title']}, {record['task']}"
        rows.append([label, *cells, *ends])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", *footnotes(results), "", heading(results)])


def _cell(record: dict, name: str) -> str:
    if name not in record["rivals"]:
        return "–"
    s = spread(record, name)
    if name == OURS:
        return f"**{milliseconds(s['median'])}**"
    mark = "*" if record["rivals"][name]["instead"] else ""
    return f"{milliseconds(s['median'])}{mark} ({times(s['ratio'])})"


def _label(record: dict, i: int) -> str:
    """Name and description of a case, spread over its rows."""
    case = record["case"]
    first = f"[bold]{case['name']}[/], {record['task']}"
    return (first, record["title"])[i] if i < 2 else ""


def _row(record: dict, name: str) -> list[str]:
    s, rival = summary(record, name), record["rivals"][name]
    apart = (rival["difference"], rival["difference_float64"])
    mark = "*" if rival["instead"] else ""
    return [
        f"[bold]{name}[/]" if name == OURS else name + mark,
        *time_cells(record, name),
        f"{s['gflops']:.2f}" if s["gflops"] < 10 else f"{s['gflops']:.0f}",
        "–" if s["peak"] is None else f"{100 * s['peak']:.1f}",
        "–" if rival["data_error"] is None else significant(rival["data_error"]),
        "/".join("–" if a is None else f"{a:.0e}" for a in apart),
    ]


def time_cells(record: dict, name: str) -> list[str]:
    """Median, least, quartiles, and how many times ours; of ours that of the best rival."""
    s, first = spread(record, name), best(record)
    number = s["ratio"] if name != OURS else first and first[1]
    ratio = times(number) if number else "–"
    ratio = f"best {ratio}" if name == OURS else ratio
    return [
        milliseconds(s["median"]),
        milliseconds(s["min"]),
        f"{milliseconds(s['low'])}–{milliseconds(s['high'])}",
        f"[red]{ratio}[/]" if number and number < 1 else ratio,
    ]


def heading(results: dict) -> str:
    """Versions, machine, date."""
    machine = results["machine"]
    peaks = [g for r in results["cases"] for g in r.get("peak", ())]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    timed = [rival for r in results["cases"] for rival in r.get("rivals", {}).values()]
    clocks = [clock for rival in timed for clock in rival["clock"]]
    ours = ""
    if timed:
        share = 100 * np.mean(np.concatenate([rival["share"] for rival in timed]))
        disturbed = f"{clocks.count('processor')} of {len(clocks)} times by the processor's clock"
        ours = f", ours for {share:.0f} % of the time, {disturbed}"
    peak = ""
    if peaks:
        peak = f"Peak {np.median(peaks):.0f} GFLOP/s ({min(peaks):.0f} to {max(peaks):.0f}); "
    used = ", ".join(map(str, machine["used"]))
    cores = "core" if len(machine["used"]) == 1 else "cores"
    return (
        f"{where(results)}, {machine['cores']} cores; {cores} {used}{ours}; "
        f"load before {machine['load_before']}; {machine['platform']}\n"
        f"{peak}{versions}; {results['rounds']} rounds; {results['date']}"
    )


def where(results: dict) -> str:
    """Threads and processor."""
    machine = results["machine"]
    threads, held = len(machine["used"]), machine["isa"]
    held = f", all held to {held.upper()}" if held else ""
    return f"{threads} thread{'s' if threads > 1 else ''}, {machine['cpu']}{held}"


# --- figure ---------------------------------------------------------------------------------------

# Told apart in grey: one black, one white, the rest by hatches.
STYLES = (
    ("black", ""),
    ("0.6", ""),
    ("white", "///"),
    ("0.85", "..."),
    ("0.4", ""),
    ("white", ""),
    ("0.75", "xxx"),
    ("white", "|||"),
)
IN_A_ROW = 4  # cases, more would be too narrow


def figure(results: dict, path: Path) -> None:
    """Bars of the time per epoch of each case."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    records = [record for record in results["cases"] if record["rivals"]]
    names = in_order({n for r in records for n in r["rivals"]})
    rows = [records[i : i + IN_A_ROW] for i in range(0, len(records), IN_A_ROW)]
    size = (0.33 * len(names) * len(rows[0]) + 1.6, 2.7 * len(rows) + 0.7)
    fig, panels = plt.subplots(len(rows), figsize=size, layout="constrained", squeeze=False)
    for axes, row in zip(panels[:, 0], rows, strict=True):
        bars(axes, row, [_tick(record) for record in row], "ms per epoch or call", names)
        axes.set_xlim(-0.55, IN_A_ROW - 0.45 if len(rows) > 1 else len(row) - 0.45)
    fig.legend(*_legend(names), loc="outside upper right", ncols=4, frameon=False, fontsize=8)
    title = f"{where(results)}, float32; above the bars: × {OURS}"
    fig.suptitle(title, fontsize=9, x=0.01, ha="left")
    fig.savefig(path, dpi=150)
    plt.close(fig)


def bars(axes, records: list[dict], ticks: list[str], unit: str, names=None) -> None:
    """Bars of times, log scale, with quartiles; above each how many times ours."""
    names = names or in_order({n for r in records for n in r["rivals"]})
    present = [[name for name in names if name in record["rivals"]] for record in records]
    width = 0.84 / max(1, *map(len, present))
    for name, style in zip(names, STYLES, strict=False):
        places = [
            (x + (there.index(name) - (len(there) - 1) / 2) * width, spread(record, name))
            for x, (record, there) in enumerate(zip(records, present, strict=True))
            if name in there
        ]
        if places:
            _draw(axes, places, name, width, style)
    decades(axes)
    axes.set_ylabel(unit)
    axes.set_xticks(range(len(records)), ticks, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def decades(axes) -> None:
    """A logarithmic y axis that begins at a power of ten and is labelled at these alone."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(10 ** np.floor(np.log10(low)), high * 1.5)
    axes.yaxis.set_minor_formatter("")


def _draw(axes, bars, name, width, style) -> None:
    """All bars of one rival."""
    low, median, high = (np.array([1e3 * s[k] for _, s in bars]) for k in ("low", "median", "high"))
    x = [place for place, _ in bars]
    color, hatch = style
    axes.bar(x, median, width, color=color, hatch=hatch, edgecolor="black", label=name)
    axes.errorbar(x, median, [median - low, high - median], fmt="none", ecolor="0.5", lw=1.5)
    for place, top, (_, s) in zip(x, high, bars, strict=True):
        if s["ratio"] and name != OURS:
            near = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
            axes.annotate(times(s["ratio"]), (place, top), (0, 3), **near)


def _legend(names: list[str]):
    from matplotlib.patches import Patch

    styles = zip(names, STYLES, strict=False)
    return [Patch(fc=color, hatch=hatch, ec="black") for _, (color, hatch) in styles], names


def _tick(record: dict) -> str:
    case = record["case"]
    lines = (case["name"], "-".join(map(str, case["layer_sizes"])), case["optimizer"] or "")
    return "\n".join(lines)
