"""Experiments: training methods compared on one error, and two kinds of decay over η and λ."""

from pyl2.experiments.comparison import ETA, METHODS, STAGES, Comparison, Curve, Run, compare
from pyl2.experiments.grid import DecayGrid, decay_grid

__all__ = [
    "ETA",
    "METHODS",
    "STAGES",
    "Comparison",
    "Curve",
    "DecayGrid",
    "Run",
    "compare",
    "decay_grid",
]
