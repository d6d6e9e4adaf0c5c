"""scikit-learn's classes replaced by ours, and subclasses that were written for theirs."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import clone

import pyl2

THEIRS = neural_network.MLPClassifier, neural_network.MLPRegressor
X = np.random.default_rng(0).normal(size=(30, 3))
Y = (X[:, 0] > 0).astype(int)
FAST = {"hidden_layer_sizes": 3, "solver": "lbfgs", "max_iter": 5, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def patched():
    pyl2.patch_sklearn()
    pyl2.patch_sklearn()  # twice is once
    yield
    pyl2.unpatch_sklearn()
    assert (neural_network.MLPClassifier, neural_network.MLPRegressor) == THEIRS
    pyl2.unpatch_sklearn()
    assert (neural_network.MLPClassifier, neural_network.MLPRegressor) == THEIRS


def test_programs_train_ours(patched):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    assert (MLPClassifier, MLPRegressor) == (pyl2.MLPClassifier, pyl2.MLPRegressor)
    assert clone(MLPClassifier(**FAST)).fit(X, Y).score(X, Y) > 0.5


def test_ways_to_scikit_learn_and_back_are_as_ever(patched):
    pairs = zip((pyl2.MLPClassifier, pyl2.MLPRegressor), THEIRS, (Y, X[:, 0]), strict=True)
    for ours, theirs, y in pairs:
        model = ours(**FAST).fit(X, y)
        for predict_only in (False, True):
            out = model.to_sklearn(predict_only)
            assert type(out) is theirs
        back = ours.from_sklearn(out)
        np.testing.assert_allclose(back.predict(X), model.predict(X))
        with pytest.raises(TypeError, match="must be an MLP of scikit-learn's"):
            ours.from_sklearn(model)


def test_what_another_has_put_there_stays(monkeypatch):
    monkeypatch.setattr(neural_network, "MLPClassifier", THEIRS[0])
    pyl2.patch_sklearn()
    neural_network.MLPClassifier = str
    pyl2.unpatch_sklearn()
    assert neural_network.MLPClassifier is str
    assert neural_network.MLPRegressor is THEIRS[1]


def test_a_program_that_never_heard_of_it():
    """In a fresh process, patched before anything of scikit-learn is imported."""
    code = (
        "import pyl2; pyl2.patch_sklearn()\n"
        "from sklearn.model_selection import cross_val_score\n"
        "from sklearn.neural_network import MLPClassifier\n"
        "import numpy as np\n"
        "X = np.eye(12); y = [0, 1] * 6\n"
        "model = MLPClassifier(max_iter=3)\n"
        "print(type(model).__module__, len(cross_val_score(model, X, y, cv=2)))"
    )
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["pyl2.estimators.classifier", "2"]


@pytest.mark.parametrize("base", [pyl2.MLPClassifier, pyl2.MLPRegressorCV])
def test_private_hooks_are_warned_of(base):
    with pytest.warns(UserWarning, match="Mine overrides _init_coef .* init= takes") as found:

        class Mine(base):
            def _init_coef(self, fan_in, fan_out, dtype):
                raise AssertionError

    assert found[0].filename == __file__

    class Hooks:
        def _backprop(self):
            raise AssertionError

        def _unpack(self):
            raise AssertionError

    with pytest.warns(UserWarning, match="Mixed overrides _backprop, _unpack of"):
        type("Mixed", (Hooks, base), {})


def test_other_subclasses_are_not():
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class Mine(pyl2.MLPClassifier):
            def _own(self):
                return 1

            def fit(self, X, y):
                return super().fit(X, y)

    assert Mine(**FAST).fit(X, Y).predict(X).shape == Y.shape


def test_loss_of_a_classifier_is_scikit_learns():
    assert pyl2.MLPClassifier().loss == THEIRS[0]().loss == pyl2.MLPClassifierCV().loss
    assert "loss" not in pyl2.MLPClassifier().get_params()
