"""scikit-learn's own tests of its MLP, and of every estimator, run on ours.

The first ship in its wheel; they are read from there, not copied.
"""

import importlib.util
import types
from pathlib import Path
from unittest import mock

import pytest
import sklearn.neural_network
from sklearn.utils.estimator_checks import parametrize_with_checks

from pyl2 import (
    BayesianMLPRegressor,
    MLPClassifier,
    MLPClassifierCV,
    MLPClassifierEnsemble,
    MLPRegressor,
    MLPRegressorCV,
    MLPRegressorEnsemble,
    TableEncoder,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    # The checks know nothing of a grid.
    pytest.mark.filterwarnings("ignore:the alpha chosen:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*effective parameters are determined:UserWarning"),
    # Some checks scale nothing.
    pytest.mark.filterwarnings("ignore:X is not scaled:UserWarning"),
    # scikit-learn 1.7 calls a newer SciPy in an old way.
    pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning"),
]

# Tests that look into what is scikit-learn's alone, and at what.
PRIVATE = {"test_gradient": "_loss_grad_lbfgs, its own backpropagation"}


def theirs():
    """scikit-learn's test functions, with our classes under the names of its own."""
    try:
        found = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    except ModuleNotFoundError:  # some packagers leave the tests out
        return {}
    module = types.ModuleType("test_mlp")
    ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}
    with mock.patch.multiple(sklearn.neural_network, **ours):
        exec(compile(Path(found.origin).read_text("utf-8"), found.origin, "exec"), vars(module))
    return {name: test for name, test in vars(module).items() if name.startswith("test_")}


THEIRS = theirs()
for name, reason in PRIVATE.items():
    if name in THEIRS:
        THEIRS[name] = pytest.mark.skip(reason=f"looks at {reason}")(THEIRS[name])
globals().update(THEIRS)


@pytest.fixture
def global_random_seed():
    """The fixture of that name in scikit-learn's conftest."""
    return 42


def test_their_tests_are_here():
    if not THEIRS:
        pytest.skip("scikit-learn is installed without its tests")
    assert len(THEIRS) > 35
    assert set(PRIVATE) <= set(THEIRS)
    assert THEIRS["test_alpha"].__globals__["MLPClassifier"] is MLPClassifier


ESTIMATORS = [
    *(MLPClassifier(solver=solver) for solver in ("sgd", "adam", "adamw")),
    *(MLPRegressor(solver=solver) for solver in ("sgd", "adam", "adamw")),
    # A check wants probabilities below 1; where λ is small they become 1, scikit-learn's too.
    MLPClassifier(solver="lbfgs", alpha=1.0, max_iter=100),
    MLPRegressor(solver="lbfgs", max_iter=100),
    MLPClassifier(solver="pso"),
    MLPRegressor(solver="pso"),
    MLPClassifierCV(hidden_layer_sizes=10, alphas=[1e-4, 1.0], cv=3),
    MLPRegressorCV(hidden_layer_sizes=20, alphas=[1e-4, 1.0], cv=3, learning_rate_init=0.01),
    MLPClassifierEnsemble(10, candidates=2, folds=2, alphas=(0.1, 1), max_iter=100),
    MLPRegressorEnsemble(10, candidates=2, folds=2, members=1, max_iter=50),
    MLPRegressorEnsemble(10, candidates=2, select="bagging", max_iter=50),
    TableEncoder(),
    # Where λ is small, rounding leads to other minima.
    BayesianMLPRegressor(5, alphas=[10.0, 100.0], max_iter=100),
    BayesianMLPRegressor(5, alphas=[0.1, 1.0, 10.0], solver="lm", max_iter=100),
]


def failures(estimator):
    """The checks that an estimator fails, and why; as scikit-learn says of its own bagging."""
    if not isinstance(estimator, MLPClassifierEnsemble | MLPRegressorEnsemble):
        return {}
    reason = "a row of weight 2 falls into one fold, two rows of weight 1 into any"
    data = ("dense_data", "sparse_data")
    return {f"check_sample_weight_equivalence_on_{kind}": reason for kind in data}


CHECKS = parametrize_with_checks(ESTIMATORS, expected_failed_checks=failures)


# pytest refuses the generator that scikit-learn 1.7 gives it.
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_checks_of_estimators(estimator, check):
    check(estimator)
