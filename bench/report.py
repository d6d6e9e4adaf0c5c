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
WIDTH = 122  # of the table; a narrower terminal may break lines, but loses no column
CONVENTION = (
    "Time per epoch; quartiles over the rounds. ×: how many times as long as pyl2 it takes, median "
    "over rounds run side by side. GFLOP/s: 6 × weights × items per epoch, though the first layer "
    "needs only 4 (so more than 100 % is possible). Peak: fused multiply-adds on the same core in "
    "the same rounds. Weights: norm of the difference from NumPy's, as a part of the way they "
    "went, float32 as timed / float64."
)


def about(core: int) -> dict:
    """Where and when."""
    load = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": _cpu(), "platform": platform.platform(), "cores": os.cpu_count()}
        | {"core": core, "load_before": load},
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


def milliseconds(seconds: float) -> str:
    """Three significant digits."""
    value = seconds * 1e3
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


def table(results: dict) -> Table:
    """One row for each case and rival."""
    columns = ("rival", "ms", "min", "quartiles", "× pyl2", "GFLOP/s", "% of peak", "weights")
    title = "bench --quick" if results["quick"] else "bench"
    shown = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("case", no_wrap=True)
    for column in columns:
        shown.add_column(column, justify="left" if column == "rival" else "right", no_wrap=True)
    for record in results["cases"]:
        for i, name in enumerate(record["rivals"]):
            shown.add_row(_label(record, i), *_row(record, name))
        shown.add_section()
    return shown


def _label(record: dict, i: int) -> str:
    """Name and description of a case, spread over its rows."""
    case = record["case"]
    first = f"[bold]{case['name']}[/], {case['optimizer']}, {case['items']} items"
    return (first, record["title"])[i] if i < 2 else ""


def _row(record: dict, name: str) -> list[str]:
    s, rival = summary(record, name), record["rivals"][name]
    apart = (rival["difference"], rival["difference_float64"])
    ratio = "–" if s["ratio"] is None else times(s["ratio"])
    return [
        f"[bold]{name}[/]" if name == OURS else name,
        milliseconds(s["median"]),
        milliseconds(s["min"]),
        f"{milliseconds(s['low'])}–{milliseconds(s['high'])}",
        f"[red]{ratio}[/]" if s["ratio"] and s["ratio"] < 1 else ratio,
        f"{s['gflops']:.2f}" if s["gflops"] < 10 else f"{s['gflops']:.0f}",
        "–" if s["peak"] is None else f"{100 * s['peak']:.1f}",
        "/".join("–" if a is None else f"{a:.0e}" for a in apart),
    ]


def heading(results: dict) -> str:
    """Versions, machine, date."""
    machine = results["machine"]
    peaks = [g for r in results["cases"] for g in r.get("peak", ())]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    peak = ""
    if peaks:
        peak = f"Peak {np.median(peaks):.0f} GFLOP/s ({min(peaks):.0f} to {max(peaks):.0f}); "
    return (
        f"{machine['cpu']}, {machine['cores']} cores; 1 thread, on core {machine['core']}; load "
        f"before {machine['load_before']}; {machine['platform']}\n"
        f"{peak}{versions}; {results['rounds']} rounds; {results['date']}"
    )


# --- figure ---------------------------------------------------------------------------------------

# Told apart in grey: one black, one white, the rest by hatches.
STYLES = (("black", ""), ("0.6", ""), ("white", "///"), ("0.8", "..."), ("0.4", "xx"))


def figure(results: dict, path: Path) -> None:
    """Bars of the time per epoch of each case."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    records = [record for record in results["cases"] if record["rivals"]]
    fig, axes = plt.subplots(figsize=(1.2 * len(records) + 1.4, 4.5), layout="constrained")
    bars(axes, records, [_tick(record) for record in records], "milliseconds per epoch")
    axes.legend(frameon=False)
    where = f"1 thread, float32, {results['machine']['cpu']}"
    axes.set_title(f"{where}; above the bars: × {OURS}", fontsize=9, loc="left")
    fig.savefig(path, dpi=150)
    plt.close(fig)


def bars(axes, records: list[dict], ticks: list[str], unit: str) -> None:
    """Bars of times, log scale, with quartiles; above each how many times ours."""
    names = sorted({n for r in records for n in r["rivals"]}, key=lambda n: (n != OURS, n))
    width = 0.84 / max(1, len(names))
    for i, name in enumerate(names):
        shift = (i - (len(names) - 1) / 2) * width
        drawn = [(x + shift, spread(r, name)) for x, r in enumerate(records) if name in r["rivals"]]
        _draw(axes, drawn, name, width, STYLES[i % len(STYLES)])
    axes.set_yscale("log")
    axes.margins(y=0.1)
    axes.set_ylabel(unit)
    axes.set_xticks(range(len(records)), ticks, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


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


def _tick(record: dict) -> str:
    case = record["case"]
    return "\n".join((case["name"], "-".join(map(str, case["layer_sizes"])), case["optimizer"]))
