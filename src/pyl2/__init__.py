"""Neural networks of small and medium size, trained fast on a CPU, with exact L2 regularization.

What to use, by task; ``help(pyl2.MLPClassifier)`` and so on describe each.

In place of scikit-learn's
    `MLPClassifier` and `MLPRegressor` take its parameters and give its models, sooner;
    `patch_sklearn` puts them into `sklearn.neural_network` itself, `unpatch_sklearn` undoes it;
    `TableEncoder` turns a data frame into numbers; `batches` reads files larger than memory.
Choose λ
    `MLPClassifierCV` and `MLPRegressorCV` by cross-validation; `BayesianMLPRegressor` by the
    evidence; `l2_path` trains at many λ and shows what it does, `bias_variance` why.
Say how sure a prediction is
    `MLPRegressorEnsemble` and `MLPClassifierEnsemble`; `BayesianMLPRegressor`; `Laplace`, of a
    network that you trained.
Build and train a network yourself
    `Network`, with `Backprop` (gradients) or `ParticleSwarm` (none); both return a `History`;
    `train_many` trains many networks at once.
Compare ways to train
    `compare`; `pyl2.experiments` has more.
Minimise any function
    `pso`.
Draw
    `pyl2.plots`, displays of all of these.
Translate an L2 constant from or to another tool
    `convert_l2`.

On the command line: ``pyl2 --help``.

Examples
--------
>>> import numpy as np
>>> from pyl2 import Backprop, Network
>>> X = np.linspace(-1, 1, 50)[:, None]
>>> network = Network((1, 8, 1), seed=0)
>>> history = Backprop(network, "adam", eta=0.01, l2=0.1, seed=0).train(X, X**2, epochs=50)
>>> bool(history.error[-1] < history.error[0])
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyl2._common import version

if TYPE_CHECKING:
    from pyl2.bayes.laplace import Laplace
    from pyl2.convert import convert_l2
    from pyl2.data.batches import batches
    from pyl2.estimators.bayesian import BayesianMLPRegressor
    from pyl2.estimators.classifier import MLPClassifier
    from pyl2.estimators.cv import MLPClassifierCV, MLPRegressorCV
    from pyl2.estimators.ensemble import MLPClassifierEnsemble, MLPRegressorEnsemble
    from pyl2.estimators.patch import patch_sklearn, unpatch_sklearn
    from pyl2.estimators.regressor import MLPRegressor
    from pyl2.estimators.table_encoder import TableEncoder
    from pyl2.experiments.comparison import compare
    from pyl2.network import Network
    from pyl2.path.decomposition import bias_variance
    from pyl2.path.result import L2Path
    from pyl2.path.train import l2_path
    from pyl2.swarm.pso import pso
    from pyl2.swarm.trainer import ParticleSwarm
    from pyl2.training.backprop import Backprop
    from pyl2.training.history import History
    from pyl2.training.many import train_many

__all__ = [
    "Backprop",
    "BayesianMLPRegressor",
    "History",
    "L2Path",
    "Laplace",
    "MLPClassifier",
    "MLPClassifierCV",
    "MLPClassifierEnsemble",
    "MLPRegressor",
    "MLPRegressorCV",
    "MLPRegressorEnsemble",
    "Network",
    "ParticleSwarm",
    "TableEncoder",
    "batches",
    "bias_variance",
    "compare",
    "convert_l2",
    "l2_path",
    "patch_sklearn",
    "pso",
    "train_many",
    "unpatch_sklearn",
]
__version__ = version.VERSION

# Where each public name lives; it and its module are imported when first asked for, so that
# `import pyl2` is quick.
_HOMES = {
    "Backprop": "training.backprop",
    "train_many": "training.many",
    "BayesianMLPRegressor": "estimators",
    "History": "training.history",
    "L2Path": "path",
    "Laplace": "bayes",
    "MLPClassifier": "estimators",
    "MLPClassifierCV": "estimators",
    "MLPClassifierEnsemble": "estimators",
    "MLPRegressor": "estimators",
    "MLPRegressorCV": "estimators",
    "MLPRegressorEnsemble": "estimators",
    "TableEncoder": "estimators",
    "Network": "network",
    "convert_l2": "convert",
    "ParticleSwarm": "swarm.trainer",
    "batches": "data.batches",
    "bias_variance": "path",
    "compare": "experiments",
    "l2_path": "path",
    "patch_sklearn": "estimators",
    "pso": "swarm.pso",
    "unpatch_sklearn": "estimators",
}

# The modules that are documented; each is imported when first asked for, too.
_MODULES = (
    "bayes",
    "convert",
    "estimators",
    "experiments",
    "model_selection",
    "network",
    "path",
    "plots",
    "swarm",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"pyl2.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'pyl2' has no attribute {name!r}")
    value = getattr(import_module(f"pyl2.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names and modules, whether imported yet or not, and what Python adds."""
    return sorted({*__all__, *_MODULES, *(name for name in globals() if name[:2] == "__")})
