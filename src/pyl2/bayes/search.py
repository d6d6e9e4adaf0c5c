"""The search for the λ of the greatest log evidence: a grid, then finer steps about its best."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

Point = tuple[float, ...]
"""λ of each layer."""

Search = Generator[list[Point], list[float], None]
"""Yields points to be tried, and is sent the log evidence of each."""

# The steps about the best of the grid, and how many of them the vertex may be away.
_STEP = math.sqrt(10)
_FARTHEST = 2.0


def search(grid: Sequence[float], layers: int, per_layer: bool = False) -> Search:
    """Search the λ of the greatest log evidence, asking for points to be tried.

    First the grid, with one λ for all layers; then a step of √10 to either side of the best, and
    the vertex of the parabola through the three.  ``per_layer`` goes on from the best of these: it
    tries the grid for one layer after another while the others stay, until nothing is better, and
    at last the steps and the vertex for each layer.  A grid of one λ is no search: nothing else is
    tried.

    Parameters
    ----------
    grid : sequence of float
        Different, > 0.
    layers : int
    per_layer : bool, default=False

    Yields
    ------
    list of tuple of float
        Points not tried before; what is sent back is the log evidence of each, -inf where there is
        none.
    """
    tried: dict[Point, float] = {}

    def ask(points: list[Point]) -> Search:
        new = [point for point in dict.fromkeys(points) if point not in tried]
        if new:
            tried.update(zip(new, (yield new), strict=True))

    def best() -> Point:
        return max(tried, key=tried.__getitem__)

    def refine(axis: range) -> Search:
        middle = best()
        sides = [_moved(middle, axis, step) for step in (-1.0, 1.0)]
        if not all(map(_usable, sides)):
            return
        yield from ask(sides)
        top = _vertex(tried[sides[0]], tried[middle], tried[sides[1]])
        if top is not None and _usable(point := _moved(middle, axis, top)):
            yield from ask([point])

    yield from ask([(value,) * layers for value in grid])
    if len(grid) == 1:
        return
    yield from refine(range(layers))
    if not per_layer or layers == 1:
        return
    axes = [range(layer, layer + 1) for layer in range(layers)]
    before = None
    while best() != before:
        before = best()
        for axis in axes:
            here = best()
            yield from ask([_with(here, axis, [value] * layers) for value in grid])
    for axis in axes:
        yield from refine(axis)


def _with(point: Point, axis: range, values: Sequence[float]) -> Point:
    """Return a point with other values on some of its layers."""
    return tuple(values[i] if i in axis else old for i, old in enumerate(point))


def _moved(point: Point, axis: range, steps: float) -> Point:
    """Return a point so many steps of √10 away."""
    return _with(point, axis, [value * _STEP**steps for value in point])


def _usable(point: Point) -> bool:
    return all(0 < value < math.inf for value in point)


def _vertex(low: float, middle: float, high: float) -> float | None:
    """Return where the parabola through values at -1, 0 and 1 is highest; None if nowhere near."""
    curvature = low - 2 * middle + high
    if not curvature < 0 or math.isinf(curvature):
        return None
    found = 0.5 * (low - high) / curvature
    return found if abs(found) <= _FARTHEST else None
