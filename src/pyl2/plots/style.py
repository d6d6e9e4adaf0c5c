"""What all figures share: axes, styles that differ in grey too, legends, an axis of λ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pyl2._common.validation import (
    Array,
    all_finite,
    check_entries,
    check_instance,
    check_integer,
    check_pair,
    shown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.lines import Line2D

ORANGE = "#d55e00"
"""One that stands out from white by 3:1 or more, as all lines do."""

# Distinct in grey as well: by lightness, dashes and width.
STYLES: tuple[dict[str, Any], ...] = (
    {"color": "0.55", "linestyle": "-"},
    {"color": "tab:blue", "linestyle": "--"},
    {"color": "black", "linestyle": ":", "linewidth": 2},
    {"color": ORANGE, "linestyle": "-", "linewidth": 2.5},
    {"color": "tab:red", "linestyle": "-."},
    {"color": "black", "linestyle": "-"},
)

PARTS: tuple[dict[str, Any], ...] = (
    {"color": "black", "linestyle": "-", "linewidth": 1.8},
    {"color": "tab:blue", "linestyle": "--", "linewidth": 1.8},
    {"color": ORANGE, "linestyle": "-.", "linewidth": 2.2},
    {"color": "0.45", "linestyle": ":", "linewidth": 2},
)
"""Styles of a few quantities: of layers, of the parts of an error."""

TINTS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
"""Colours of classes, of Okabe and Ito, that differ for the colour-blind."""

CLASSES = ("o", "^", "s", "D", "v", "P", "X", "<", ">", "*")
"""Markers of classes."""

SPARSE = 32
"""Up to so many values a line shows its points."""

_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (2, 1)), "-.", (0, (1, 1)))
_APART = 0.12  # of the axis of λ, from the smallest λ > 0 down to λ = 0


def axes(ax: Any) -> Axes:
    """Return the axes given, or those of a new figure."""
    return _pyplot().subplots(layout="constrained")[1] if ax is None else _checked(ax)


def panels(ax: Any, count: int, size: tuple[float, float]) -> Array:
    """Return the axes given, or a new figure's row of panels, each of that size in inches."""
    if ax is None:
        width, height = size
        shape: dict[str, Any] = {"figsize": (max(count * width, height), height), "squeeze": False}
        ax = _pyplot().subplots(1, count, sharex=True, sharey=True, layout="constrained", **shape)[
            1
        ]
    axes_given = np.atleast_1d(np.asarray(ax, object)).ravel()
    if len(axes_given) != count:
        raise ValueError(f"ax must hold {count} axes, one for each panel, got {len(axes_given)}")
    for panel in axes_given:
        _checked(panel)
    return axes_given


def stack(ax: Any, count: int) -> list[Axes]:
    """Return the axes given, or a new figure's column of panels over one x axis."""
    if ax is None:
        shape: dict[str, Any] = {"figsize": (6.4, 2.4 + 2.2 * count), "squeeze": False}
        ax = _pyplot().subplots(count, 1, sharex=True, layout="constrained", **shape)[1]
    axes_given = list(np.atleast_1d(np.asarray(ax, object)).ravel())
    if len(axes_given) != count:
        raise ValueError(f"ax must hold {count} axes, one for each panel, got {len(axes_given)}")
    return [_checked(panel) for panel in axes_given]


def span(name: str, values: Array, points: int, beyond: float) -> Array:
    """Return evenly spaced points over a range, and a fraction of it beyond either end."""
    if not all_finite(values):
        raise ValueError(f"{name} contains NaN or infinity")
    room = beyond * np.ptp(values)
    return np.linspace(values.min() - room, values.max() + room, points)


def _checked(ax: Any) -> Axes:
    _pyplot()
    from matplotlib.axes import Axes

    return check_instance("ax", ax, Axes)


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("figures need Matplotlib: pip install 'pyl2[plot]'") from None
    return plt


def lambdas(l2: ArrayLike) -> Array:
    """Return λs as an array, checked: ascending, not negative."""
    values = np.atleast_1d(numbers("l2", l2))
    ascending = (
        values.ndim == 1 and values.size and values[0] >= 0 and np.all(values[1:] > values[:-1])
    )
    if not ascending or not np.isfinite(values[-1]):
        raise ValueError(f"l2 must be λs ≥ 0 in ascending order, got {shown(l2)}")
    return values


def numbers(name: str, values: Any, ndim: int | None = None) -> Array:
    """Return an array of float64; where there is None it is NaN."""
    try:
        if np.iscomplexobj(values):
            raise TypeError("complex numbers cannot be drawn")
        array = np.asarray(values, float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must hold numbers: {error!s:.80}") from None
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {array.shape}")
    return array


def points(name: str, pair: Any, what: str) -> tuple[Array, Array]:
    """Return x and y of as many points."""
    x, y = (np.ravel(numbers(name, values)) for values in check_pair(name, pair, what))
    if x.shape != y.shape:
        raise ValueError(f"{name} must be {what} of one length, got {len(x)} and {len(y)}")
    return x, y


def texts(name: str, values: Any, count: int, each: str) -> list[str]:
    """Return names, one for each of so many."""
    entries = check_entries(name, values, f"{count} names, one for each {each}")
    if len(entries) != count:
        raise ValueError(f"{name} must be {count}, one for each {each}, got {len(entries)}")
    return [text(name, one) for one in entries]


def text(name: str, value: Any) -> str:
    """Return what is written into a figure."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, got {shown(value)}")
    return value


def columns(name: str, values: ArrayLike, l2: Array) -> Array:
    """Return values (λs, k), checked: a row for each λ."""
    array = numbers(name, values)
    if array.ndim not in (1, 2) or len(array) != len(l2) or not array.size:
        raise ValueError(
            f"{name} must have a row for each of {len(l2)} λs of l2, got {array.shape}"
        )
    return array.reshape(len(l2), -1)


def title(l2: float) -> str:
    """Return what a λ is called."""
    return f"λ = {l2:.3g}" if l2 < 1000 else f"λ = {l2:.0f}"


def few(count: int, most: int) -> list[int]:
    """Return up to `most` of the indices 0 … count - 1, evenly spread, the ends among them."""
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))


def chosen(at: Sequence[int] | None, count: int) -> list[int]:
    """Return which of so many λs to draw: those asked for, or four, evenly spread."""
    if at is None:
        return few(count, 4)
    places = check_entries("at", at, "places of λs, whole numbers")
    if not places:
        raise ValueError("at must hold at least one index of a λ, got none")
    return sorted({check_integer("at", place, -count, count - 1) % count for place in places})


def shades(count: int) -> list[dict[str, Any]]:
    """Return line styles from dark to light, by a perceptually uniform map, and dashes."""
    from matplotlib import colormaps

    colors = colormaps["plasma"](np.linspace(0, 0.63, count))
    return [
        {"color": color, "linestyle": _DASHES[place % len(_DASHES)] if count <= 6 else "-"}
        for place, color in enumerate(colors)
    ]


def mixed(color: str, share: float) -> tuple[float, ...]:
    """Return a colour mixed with white, of which it is that share."""
    from matplotlib.colors import to_rgb

    return tuple(1 - share * (1 - part) for part in to_rgb(color))


def legend(ax: Axes, handles: Sequence[Any], above: bool = False) -> None:
    """Put a legend right of the axes or above them, where it covers nothing."""
    look: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1)}
    if above:
        look = {"loc": "lower left", "bbox_to_anchor": (0, 1.01), "ncols": len(handles)}
    drawn = ax.legend(
        handles=handles,
        borderaxespad=0,
        handlelength=2.8,
        frameon=False,
        fontsize="small",
        **look,
    )
    for line in drawn.get_lines():  # of hair lines neither colour nor dashes could be seen there
        line.set_linewidth(max(line.get_linewidth(), 1.8))


def number(value: float, low: float, high: float) -> str:
    """Return what stands at a tick: a decimal, or a power of ten if the axis reaches far."""
    return f"{value:.9g}" if low > 1e-5 and high < 1e6 else power_of_ten(value)


def power_of_ten(value: float) -> str:
    """Return a number as a multiple of a power of ten."""
    digits, exponent = f"{value:.1e}".split("e")
    times = "" if float(digits) == 1 else f"{float(digits):g}·"
    return f"${times}10^{{{int(exponent)}}}$"


def decimals(axis: Axis) -> None:
    """Name the ticks of a logarithmic axis, between the powers of ten too if these are few."""
    from matplotlib.ticker import FuncFormatter

    def at_power(value: float, _: Any) -> str:
        return number(value, *sorted(axis.get_view_interval()))

    def between(value: float, _: Any) -> str:
        low, high = sorted(axis.get_view_interval())
        decades = np.log10(high / low)
        leading = round(value / 10 ** np.floor(np.log10(value)))
        shown = decades < 0.5 or (decades < 1.5 and leading in (2, 5))
        return number(value, low, high) if shown else ""

    axis.set_major_formatter(FuncFormatter(at_power))
    axis.set_minor_formatter(FuncFormatter(between))


class LambdaAxis:
    """The x axis of λ: logarithmic, λ = 0 apart at its left, where it has a tick of its own.

    Parameters
    ----------
    ax : matplotlib Axes
    l2 : ndarray of shape (λs,)
        Ascending, not negative.
    """

    def __init__(self, ax: Axes, l2: Array) -> None:
        self._ax = ax
        self._zero = bool(l2[0] == 0 and len(l2) > 1)
        ax.set_xlabel("λ")
        if l2[-1] == 0:
            self.places = l2
            return
        ax.set_xscale("log")
        self.places = l2.copy()
        decimals(ax.xaxis)
        if self._zero:
            low, high = l2[1], l2[-1]
            gap = max((high / low) ** _APART, 3.0)
            self.places[0] = low / gap
            ax.axvline(low / np.sqrt(gap), color="0.8", linestyle=":", linewidth=1, zorder=0)
            self._ticks(low, high)

    def _ticks(self, low: float, high: float) -> None:
        exponents = np.arange(np.ceil(np.log10(low) - 1e-9), np.floor(np.log10(high) + 1e-9) + 1)
        exponents = exponents[:: int(np.ceil(len(exponents) / 7)) or 1]
        marks = [(10.0**power, number(10.0**power, low, high)) for power in exponents]
        if len(marks) < 2:
            marks = [(value, f"{value:.2g}") for value in dict.fromkeys((low, high))]
        self._ax.set_xticks(
            [self.places[0], *(place for place, _ in marks)], ["0", *(name for _, name in marks)]
        )
        self._ax.set_xticks([], minor=True)

    def line(self, values: Array, **style: Any) -> Line2D:
        """Draw values (λs,) against λ; the line has a gap after λ = 0."""
        return self._ax.plot(self._gapped(self.places), self._gapped(values), **style)[0]

    def band(self, low: Array, high: Array, **style: Any) -> None:
        """Fill between two curves, with the same gap."""
        places, lower, upper = map(self._gapped, (self.places, low, high))
        self._ax.fill_between(places, lower, upper, linewidth=0, **style)
        if self._zero:
            self._ax.vlines(self.places[0], low[0], high[0], linewidth=4, **style)

    def mark(self, value: float, **style: Any) -> Line2D:
        """Draw a vertical line at a λ."""
        return self._ax.axvline(value or self.places[0], **style)

    def _gapped(self, values: Array) -> Array:
        return np.insert(values, 1, np.nan) if self._zero else values
