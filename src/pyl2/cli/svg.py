"""A figure of Matplotlib as SVG that is light on a light page and dark on a dark one.

On a dark page each colour is replaced by one of the same hue that stands out from the paper as much
as before, as WCAG counts contrast: what could be told apart still can.  Heat maps keep their
colours, which a colour bar names.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyl2._common.validation import Array

PAPER, INK = "#18191b", "#e6e6e6"
"""Of a dark page."""

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_FLARE = 0.05  # what WCAG adds to every luminance


def drawn(figure: Figure) -> str:
    """Return a figure as SVG without a background, with the colours of a dark page in its style."""
    file = io.StringIO()
    none = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=none, transparent=True)
    svg = re.sub(r"(\.\d{3})\d+", r"\1", file.getvalue())  # no eye sees a thousandth of a point
    maps = "".join(re.findall(r'<g id="QuadMesh_.*?</g>', svg, re.DOTALL))
    kept = set(re.findall("#[0-9a-f]{6}", maps)) - {"#000000"}  # which is that of the axes, too
    used = set(re.findall(r"(fill|stroke): (#[0-9a-f]{6})", svg))
    colors = sorted(pair for pair in used if pair[1] not in kept)
    rules = [f"svg{{fill:{dark('#000000')}}}"]  # text is black without being told to be
    rules += [
        f'[style*="{what}: {color}"]{{{what}:{dark(color)}!important}}' for what, color in colors
    ]
    style = f"<style>@media screen and (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"
    return svg.replace("<defs>", f"{style}<defs>", 1)


def dark(color: str) -> str:
    """Return the colour that stands out from dark paper as much as this one does from white."""
    linear = _linear(color)
    contrast = (1 + _FLARE) / (_LUMINANCE @ linear + _FLARE)
    wanted = float(contrast * (_LUMINANCE @ _linear(PAPER) + _FLARE) - _FLARE)
    return _hex(_with_luminance(linear, min(wanted, float(_LUMINANCE @ _linear(INK)))))


def _with_luminance(linear: Array, wanted: float) -> Array:
    """Return a colour of this hue: scaled, and mixed with white where it would be too bright."""
    now = _LUMINANCE @ linear
    scaled = linear * wanted / now if now > 0 else np.full(3, wanted)
    if scaled.max() <= 1:
        return scaled
    share = (1 - wanted) / (scaled.max() - wanted)
    return np.asarray(wanted + share * (scaled - wanted))


def _linear(color: str) -> Array:
    parts = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def _hex(linear: Array) -> str:
    parts = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts.clip(0, 1))
