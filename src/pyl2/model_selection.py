"""The CV estimators and the rule that chooses λ, by their documented place."""

from pyl2.estimators.cv import MLPClassifierCV, MLPRegressorCV
from pyl2.path.selection import RULES, choose

__all__ = ["RULES", "MLPClassifierCV", "MLPRegressorCV", "choose"]
