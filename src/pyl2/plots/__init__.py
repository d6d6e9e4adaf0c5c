"""Figures, in the manner of scikit-learn's displays; Matplotlib is imported when one is drawn.

Each display is made of plain arrays, or by ``from_results`` of what training has returned, or by
``from_estimator``, which trains first.  ``plot`` draws it, into given axes or a new figure.
"""

from pyl2.plots.choice import BiasVarianceDisplay, ScoreDisplay
from pyl2.plots.decay import DecayDisplay
from pyl2.plots.evidence import EvidenceDisplay, UncertaintyDisplay
from pyl2.plots.functions import BoundaryDisplay, FitDisplay
from pyl2.plots.rates import RatesDisplay
from pyl2.plots.training import CurvesDisplay, ErrorDisplay
from pyl2.plots.weights import PathDisplay, SaturationDisplay, WeightsDisplay

__all__ = [
    "BiasVarianceDisplay",
    "BoundaryDisplay",
    "CurvesDisplay",
    "DecayDisplay",
    "ErrorDisplay",
    "EvidenceDisplay",
    "FitDisplay",
    "PathDisplay",
    "RatesDisplay",
    "SaturationDisplay",
    "ScoreDisplay",
    "UncertaintyDisplay",
    "WeightsDisplay",
]
