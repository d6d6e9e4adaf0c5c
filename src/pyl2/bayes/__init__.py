"""The prior's side of L2: the evidence for λ, effective numbers of parameters, error bars."""

from pyl2.bayes.laplace import Laplace

__all__ = ["Laplace"]
