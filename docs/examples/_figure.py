"""What every example does with its figure: show it, or write it to a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def main(description: str, figure: Callable[[], Figure]) -> None:
    """Read the command line, draw the figure, show or write it."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--output", metavar="FILE.png", help="write the figure, show no window")
    args = parser.parse_args()
    if args.output:
        plt.switch_backend("agg")
    fig = figure()
    if args.output:
        fig.savefig(args.output, dpi=120)
    else:
        plt.show()
