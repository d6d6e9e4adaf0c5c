"""The path over λ: networks at many λ, what L2 has done to each, and which λ to choose."""

from pyl2.path.decomposition import BiasVariance, bias_variance
from pyl2.path.result import Interrupted, L2Path
from pyl2.path.train import l2_path

__all__ = ["BiasVariance", "Interrupted", "L2Path", "bias_variance", "l2_path"]
