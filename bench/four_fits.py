"""Draw the README's figure of fits: ``python bench/four_fits.py > docs/_static/fits.svg``.

One network, sixteen points of a sine with noise, four λ.  Its greys can be read on white and on
black, as those of ``bench/chart.py``.
"""

import numpy as np

from pyl2 import Network, l2_path

LAMBDAS = (1e-5, 0.02, 1, 30)
WORDS = ("follows the noise", "smooth", "too stiff", "constant")
SIZE, GAP, TOP, BOTTOM = 150, 12, 24, 22
X_SPAN, Y_SPAN = (-1.1, 1.1), (-2.0, 2.0)
GREY, BAND, OURS = "#7a7a7a", "#8f959e", "#d55e00"


def sine(x):
    """Return what is to be learned."""
    return np.sin(np.pi * x)


def data():
    """Return points of the sine with noise."""
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(-1, 1, 16))
    return x, sine(x) + 0.3 * rng.normal(size=16)


def fits(shown):
    """Return what the network of each λ gives there."""
    x, y = data()
    network = Network((1, 30, 1), seed=0)
    path = l2_path(network, 3 * x[:, None], y, LAMBDAS, optimizer="lbfgs", epochs=3000)
    return [path.network(place).predict(3 * shown[:, None])[:, 0] for place in range(len(LAMBDAS))]


def places(x, y):
    """Return points of a panel in pixels, to a tenth; what is far outside is cut off."""
    right = SIZE * (x - X_SPAN[0]) / (X_SPAN[1] - X_SPAN[0])
    down = SIZE * (Y_SPAN[1] - y) / (Y_SPAN[1] - Y_SPAN[0])
    return np.round(np.column_stack([right, down.clip(-SIZE, 2 * SIZE)]), 1)


def line(x, y, color, width):
    """Return a curve."""
    points = " ".join(f"{a:g},{b:g}" for a, b in places(x, y))
    return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}"/>'


def panel(number, shown, fit):
    """Return one of the four: the sine as a broad band, the fit, the points."""
    points = [
        f'<circle cx="{a:g}" cy="{b:g}" r="3" fill="none" stroke="{GREY}"/>'
        for a, b in places(*data())
    ]
    curves = [line(shown, sine(shown), BAND, 6).replace("/>", ' opacity="0.35"/>')]
    curves += [line(shown, fit, OURS, 2)]
    middle, name = SIZE / 2, np.format_float_positional(LAMBDAS[number], trim="-")
    return "\n".join(
        [
            f'<g transform="translate({number * (SIZE + GAP) + 1},{TOP})">',
            f'<text x="{middle:g}" y="-8" text-anchor="middle">λ = {name}</text>',
            f'<rect width="{SIZE}" height="{SIZE}" fill="none" stroke="{BAND}"/>',
            '<g clip-path="url(#panel)">',
            *curves,
            *points,
            "</g>",
            f'<text x="{middle:g}" y="{SIZE + 16}" text-anchor="middle">{WORDS[number]}</text>',
            "</g>",
        ]
    )


def figure():
    """Return the figure as SVG."""
    shown = np.linspace(*X_SPAN, 221)
    panels = [panel(number, shown, fit) for number, fit in enumerate(fits(shown))]
    width, height = len(LAMBDAS) * (SIZE + GAP) - GAP + 2, TOP + SIZE + BOTTOM
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
            f' width="{width}" height="{height}" font-family="sans-serif" font-size="13"'
            f' fill="{GREY}">',
            "<title>One network fitted to sixteen noisy points of a sine, at four λ</title>",
            f'<clipPath id="panel"><rect width="{SIZE}" height="{SIZE}"/></clipPath>',
            *panels,
            "</svg>",
        ]
    )


if __name__ == "__main__":
    print(figure())
