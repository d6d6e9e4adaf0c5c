"""Draw the README's bar chart: ``python bench/chart.py > docs/_static/speed.svg``.

The times are those of case W4 in one run of ``bench/run.py`` on a core of a Zen 4 server; to draw
others, put them here.  Its greys can be read on white and on black.
"""

TITLE = "Milliseconds per epoch: 64-128-10, relu, Adam, batches of 64, 1,797 rows"
NOTE = "One thread of a Zen 4, float32, the same weights at the end. Shorter is faster."
TIMES = {
    "pyl2": 0.969,
    "JAX": 1.47,
    "NumPy": 1.93,
    "scikit-learn": 8.39,
    "PyTorch": 11.5,
}

LEFT, ROW, LONGEST, TOP = 110, 26, 480, 34
GREY, OTHERS, OURS = "#7a7a7a", "#8f959e", "#d55e00"


def bar(place: int, name: str, time: float) -> str:
    """Return one bar with its name and its time."""
    y = TOP + place * ROW
    width = LONGEST * time / max(TIMES.values())
    fill, weight = (OURS, "bold") if name == "pyl2" else (OTHERS, "normal")
    return (
        f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end" font-weight="{weight}">{name}</text>'
        f'<rect x="{LEFT}" y="{y + 2}" width="{width:.1f}" height="18" fill="{fill}"/>'
        f'<text x="{LEFT + width + 6:.1f}" y="{y + 15}" font-weight="{weight}">{time:g}</text>'
    )


def chart() -> str:
    """Return the chart as SVG."""
    height = TOP + ROW * len(TIMES) + 30
    width = LEFT + LONGEST + 60
    bars = [bar(place, *named) for place, named in enumerate(TIMES.items())]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
            f' width="{width}" height="{height}" font-family="sans-serif" font-size="13"'
            f' fill="{GREY}">',
            f"<title>{TITLE}</title>",
            f'<text x="{LEFT}" y="20" font-weight="bold">{TITLE}</text>',
            *bars,
            f'<text x="{LEFT}" y="{height - 12}" font-size="12">{NOTE}</text>',
            "</svg>",
        ]
    )


if __name__ == "__main__":
    print(chart())
