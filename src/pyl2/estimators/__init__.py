"""scikit-learn's estimators on the trainers of pyl2."""

from pyl2.estimators.bayesian import BayesianMLPRegressor
from pyl2.estimators.classifier import MLPClassifier
from pyl2.estimators.cv import MLPClassifierCV, MLPRegressorCV
from pyl2.estimators.ensemble import MLPClassifierEnsemble, MLPRegressorEnsemble
from pyl2.estimators.exports import register_skl2onnx
from pyl2.estimators.patch import patch_sklearn, unpatch_sklearn
from pyl2.estimators.regressor import MLPRegressor
from pyl2.estimators.table_encoder import TableEncoder

__all__ = [
    "BayesianMLPRegressor",
    "MLPClassifier",
    "MLPClassifierCV",
    "MLPClassifierEnsemble",
    "MLPRegressor",
    "MLPRegressorCV",
    "MLPRegressorEnsemble",
    "TableEncoder",
    "patch_sklearn",
    "register_skl2onnx",
    "unpatch_sklearn",
]
