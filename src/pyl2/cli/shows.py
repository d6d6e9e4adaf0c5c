"""What pictures show, in words and numbers, for those who do not see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pyl2.plots import style

if TYPE_CHECKING:
    from pyl2 import plots
    from pyl2._common.validation import Array


def scores(shown: plots.ScoreDisplay) -> str:
    """Return how the scores change with λ, and which λs are marked."""
    from pyl2._common import metrics

    curves = [
        _curve(name, shown.l2, metrics.mean_known(found)) for name, found in shown.scores.items()
    ]
    marks = [f"{name} at {style.title(value)}" for name, value in shown.choices.items()]
    marked = f" Marked: {', '.join(marks)}." if marks else ""
    return f"{shown.measure} against λ. {' '.join(curves)}{marked}"


def path(shown: plots.PathDisplay) -> str:
    """Return how weights shrink."""
    sizes = np.abs(shown.values)
    curves = (
        _curve("The largest", shown.l2, sizes.max(axis=1)),
        _curve("The median", shown.l2, np.median(sizes, axis=1)),
    )
    return f"Absolute values of {sizes.shape[1]} weights against λ. {' '.join(curves)}"


def evidence(shown: plots.EvidenceDisplay) -> str:
    """Return how the log evidence, γ and scores change with λ."""
    from pyl2._common import metrics

    lines = ["Log evidence against λ.", _curve("It", shown.l2, shown.log_evidence)]
    if shown.n_effective is not None:
        lines.append(_curve("γ", shown.l2, shown.n_effective))
    for name, found in shown.scores.items():
        lines.append(_curve(f"{shown.measure}, {name},", shown.l2, metrics.mean_known(found)))
    return " ".join(lines)


def saturation(shown: plots.SaturationDisplay) -> str:
    """Return which share of each layer's units is on the flat part."""
    layers = [
        _curve(f"Layer {layer}", shown.l2, shares, "{:.0%}")
        for layer, shares in enumerate(shown.saturation.T, 1)
    ]
    return f"Share of saturated hidden units against λ. {' '.join(layers)}"


def fits(shown: plots.FitDisplay) -> str:
    """Return between which values each fit moves."""
    return _each("The fit", shown.l2, shown.fits, lambda fit: f"from {_span(fit)}")


def boundaries(shown: plots.BoundaryDisplay) -> str:
    """Return how much of the plane each class has at each λ."""

    def shares(chances: Array) -> str:
        classes = chances > 0.5 if chances.ndim == 2 else chances.argmax(axis=-1)
        count = 2 if chances.ndim == 2 else chances.shape[-1]
        return ", ".join(f"{np.mean(classes == one):.0%} class {one}" for one in range(count))

    return _each("The plane", shown.l2, shown.chances, shares)


def errors(shown: plots.ErrorDisplay) -> str:
    """Return to which E each method has come, and by when."""
    lines = []
    for name, pairs in shown.curves.items():
        ends = [float(error[-1]) for _, error in pairs if len(error)]
        spent = [float(used[-1]) for used, _ in pairs if len(used)]
        if ends:
            lines.append(
                f"{name}: E {_range(min(ends), max(ends))} after {_range(min(spent), max(spent))}."
            )
    return f"E against {shown.xlabel}. {' '.join(lines)}"


def courses(shown: plots.CurvesDisplay) -> str:
    """Return from where to where the errors went."""
    from pyl2.plots.training import PARTS

    lines = [
        f"{name}: {PARTS[part]} from {values[0]:.3g} to {values[-1]:.3g}, lowest"
        f" {np.nanmin(values):.3g} in epoch {np.nanargmin(values) + 1}."
        for name, parts in shown.curves.items()
        for part, values in parts.items()
        if np.isfinite(values).any()
    ]
    return f"Errors by epoch. {' '.join(lines)}"


def rates(shown: plots.RatesDisplay) -> str:
    """Return from where to where the rates went."""
    from pyl2.plots.rates import RATES

    lines = [
        f"{name}: {RATES[rate]} from {np.max(values[0]):.3g} to {np.max(values[-1]):.3g}, highest"
        f" {values.max():.3g}."
        for name, found in shown.rates.items()
        for rate, values in found.items()
        if values.any()
    ]
    return f"Rates by epoch. {' '.join(lines)}"


def weights(shown: plots.WeightsDisplay) -> str:
    """Return how wide the weights of each λ are spread."""

    def spread(of: Array) -> str:
        return f"{len(of)} from {_span(of)}, half of them within ±{np.median(np.abs(of)):.2g}"

    return _each("Weights", shown.l2, shown.weights, spread)


def _curve(name: str, l2: Array, values: Array, form: str = "{:.3g}") -> str:
    """Return where a curve begins and ends, and its greatest value, if that is elsewhere."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return f"{name}: unknown."
    first, last, top = known[0], known[-1], known[np.argmax(values[known])]
    ends = " to ".join(
        f"{form.format(values[place])} at {style.title(l2[place])}" for place in (first, last)
    )
    if top in (first, last):
        return f"{name}: from {ends}."
    return f"{name}: from {ends}, highest {form.format(values[top])} at {style.title(l2[top])}."


def _each(name: str, l2: Array, values: Array, words: Callable[[Array], str]) -> str:
    """Return what there is to say at each λ."""
    found = (f"{style.title(one)}: {words(of)}." for one, of in zip(l2, values, strict=True))
    return f"{name} at each λ. {' '.join(found)}"


def _span(values: Array) -> str:
    return f"{values.min():.2g} to {values.max():.2g}"


def _range(low: float, high: float) -> str:
    return f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
