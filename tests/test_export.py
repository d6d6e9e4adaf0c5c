"""To scikit-learn and back: the same predictions, and training goes on as if nothing had been."""

import pickle
import re

import numpy as np
import pytest
import sklearn
from sklearn import neural_network
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import pyl2
from pyl2.estimators.conversion import from_sklearn, to_sklearn

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS, INPUTS = 60, 5
rng = np.random.default_rng(0)
X = rng.standard_normal((ROWS, INPUTS))
SCORES = X @ rng.standard_normal((INPUTS, 3)) + 0.1 * rng.standard_normal((ROWS, 3))

# Name of the estimator, targets, parameters.
PROBLEMS = {
    "two classes": ("MLPClassifier", (SCORES[:, 0] > 0).astype(int), {}),
    "three classes": ("MLPClassifier", np.array(["b", "c", "a"])[SCORES.argmax(axis=1)], {}),
    "numbered classes": ("MLPClassifier", SCORES.argmax(axis=1), {}),
    "labels": ("MLPClassifier", (SCORES > 0).astype(int), {}),
    "a number": ("MLPRegressor", SCORES[:, 0], {}),
    "numbers": ("MLPRegressor", SCORES, {}),
    "counts": ("MLPRegressor", np.abs(SCORES[:, 0]).round(), {"loss": "poisson"}),
}
# scikit-learn up to 1.8 stops early only where classes are numbers.
SKLEARN = tuple(map(int, sklearn.__version__.split(".")[:2]))
EARLY = "three classes" if SKLEARN >= (1, 9) else "numbered classes"
SOLVERS = {
    "adam": {"solver": "adam"},
    "lbfgs": {"solver": "lbfgs"},
    "plain": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd"},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    # This tol lets it stall again and again, and the learning rate fall.
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 2},
}
PACKAGES = {"pyl2": pyl2, "sklearn": neural_network}
CONVERT = {"pyl2": to_sklearn, "sklearn": from_sklearn}
HOMES = {"pyl2": "sklearn", "sklearn": "pyl2"}


def make(package, problem="three classes", **parameters):
    """An estimator and its targets."""
    name, y, own = PROBLEMS[problem]
    usual = {"hidden_layer_sizes": (7, 4), "activation": "tanh", "random_state": 3}
    usual |= {"max_iter": 12, "batch_size": 16, "alpha": 0.1}
    return getattr(PACKAGES[package], name)(**usual | own | parameters), y


def outputs(model, X):
    """What it predicts, as numbers."""
    return np.asarray(getattr(model, "predict_proba", model.predict)(X))


def assert_same(ours, theirs, atol=1e-12):
    """The same parameters, attributes and predictions."""
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)
    np.testing.assert_allclose(outputs(ours, X), outputs(theirs, X), rtol=0, atol=atol)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("package", PACKAGES)
def test_predictions(package, problem, solver):
    model, y = make(package, problem, **SOLVERS[solver])
    made = CONVERT[package](model.fit(X, y))
    assert type(made) is getattr(PACKAGES[HOMES[package]], type(model).__name__)
    assert_same(model, made)
    predicted = made.predict(X)
    assert predicted.dtype == model.predict(X).dtype
    if hasattr(model, "classes_"):
        np.testing.assert_array_equal(predicted, model.predict(X))
    assert made.score(X, y) == pytest.approx(model.score(X, y), abs=1e-12)


@pytest.mark.parametrize("package", PACKAGES)
def test_float32(package):
    model, y = make(package)
    single = X.astype(np.float32)
    made = CONVERT[package](model.fit(single, y))
    assert made.coefs_[0].dtype == np.float32
    assert outputs(made, single).dtype == np.float32
    np.testing.assert_allclose(outputs(made, single), outputs(model, single), atol=1e-6)


@pytest.mark.parametrize("package", PACKAGES)
def test_parameters_and_attributes(package):
    model, y = make(package, EARLY, early_stopping=True, validation_fraction=0.3, tol=0.0)
    made = CONVERT[package](model.fit(X, y))
    theirs = {"pyl2": made, "sklearn": model}[package]
    ours = {"pyl2": model, "sklearn": made}[package]
    for name, value in theirs.get_params().items():
        assert ours.get_params()[name] == value
    for name, value in vars(theirs).items():
        if name.endswith("_") and name not in ("coefs_", "intercepts_"):
            np.testing.assert_array_equal(getattr(ours, name), value)
    assert made.get_params() == clone(made).get_params()


@pytest.mark.parametrize("package", PACKAGES)
def test_there_and_back(package):
    model, y = make(package, "labels")
    model.fit(X, y)
    again = CONVERT[HOMES[package]](CONVERT[package](model))
    assert type(again) is type(model)
    assert again.get_params() == model.get_params()
    assert_same(again, model, atol=0)


# --- training goes on -----------------------------------------------------------------------------

STOCHASTIC = [name for name in SOLVERS if name != "lbfgs"]


@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("problem", ["two classes", "numbers"])
@pytest.mark.parametrize("package", PACKAGES)
def test_partial_fit_goes_on(package, problem, solver):
    model, y = make(package, problem, **SOLVERS[solver])
    made = CONVERT[package](model.fit(X, y))
    for _ in range(8):
        assert_same(model.partial_fit(X, y), made.partial_fit(X, y), atol=1e-11)
    np.testing.assert_allclose(made.loss_curve_, model.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("package", PACKAGES)
def test_after_partial_fit_alone(package):
    model, y = make(package, solver="sgd", learning_rate="invscaling")
    model.partial_fit(X, y, classes=np.unique(y))
    made = CONVERT[package](model)
    for _ in range(3):
        assert_same(model.partial_fit(X, y), made.partial_fit(X, y))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("package", PACKAGES)
def test_warm_start_goes_on(package, solver):
    model, y = make(package, warm_start=True, **SOLVERS[solver])
    made = CONVERT[package](model.fit(X, y))
    for _ in range(2):
        assert_same(model.fit(X, y), made.fit(X, y), atol=1e-8)


@pytest.mark.parametrize("package", PACKAGES)
def test_warm_start_goes_on_from_the_best(package):
    """With early stopping that finds nothing better, the best stay."""
    parameters = {"warm_start": True, "early_stopping": True, "learning_rate_init": 0.05}
    model, y = make(package, EARLY, **parameters)
    made = CONVERT[package](model.fit(X, y))
    assert_same(model.fit(X, y), made.fit(X, y), atol=1e-10)
    assert made.best_validation_score_ == model.best_validation_score_


@pytest.mark.parametrize("package", PACKAGES)
def test_a_generator_goes_on_on_both_sides(package):
    model, y = make(package, random_state=np.random.RandomState(1))
    made = CONVERT[package](model.fit(X, y))
    assert_same(model.partial_fit(X, y), made.partial_fit(X, y))


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_shared(package):
    model, y = make(package)
    made = CONVERT[package](model.fit(X, y))
    before, curve = outputs(model, X), list(model.loss_curve_)
    made.partial_fit(X, y)
    made.coefs_[0][...] = 0
    np.testing.assert_array_equal(outputs(model, X), before)
    assert model.loss_curve_ == curve


@pytest.mark.parametrize("package", PACKAGES)
def test_pickle(package):
    model, y = make(package)
    made = pickle.loads(pickle.dumps(CONVERT[package](model.fit(X, y))))
    assert_same(made.partial_fit(X, y), model.partial_fit(X, y))


@pytest.mark.parametrize("package", PACKAGES)
def test_weights_put_in_by_hand(package):
    model, y = make(package)
    model.fit(X, y)
    model.coefs_ = [2 * W for W in model.coefs_]
    assert_same(model, CONVERT[package](model))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_hidden_layer(package):
    model, y = make(package, hidden_layer_sizes=())
    assert_same(model.fit(X, y), CONVERT[package](model))


@pytest.mark.parametrize("package", PACKAGES)
def test_feature_names(package):
    pandas = pytest.importorskip("pandas")
    model, y = make(package)
    frame = pandas.DataFrame(X, columns=list("abcde"))
    made = CONVERT[package](model.fit(frame, y))
    np.testing.assert_allclose(outputs(made, frame), outputs(model, frame), atol=1e-12)
    np.testing.assert_array_equal(made.feature_names_in_, list("abcde"))


def test_a_new_learning_rate_waits_for_a_new_optimizer():
    """As in scikit-learn: partial_fit goes on with the rate that its optimizer was made with."""
    model, y = make("sklearn")
    model.fit(X, y).set_params(learning_rate_init=0.5)
    made = from_sklearn(model)
    assert_same(model.partial_fit(X, y), made.partial_fit(X, y))


def test_another_solver_begins_afresh():
    model, y = make("sklearn")
    made = from_sklearn(model.fit(X, y).set_params(solver="sgd"))
    made.partial_fit(X, y)
    assert np.isfinite(outputs(made, X)).all()


# --- refusals -------------------------------------------------------------------------------------

LACKING = {
    "solver='adamw'": {"solver": "adamw"},
    "decay='decoupled'": {"decay": "decoupled"},
    "decay='fraction'": {"decay": "fraction", "alpha": 1e-3},
    "n='train'": {"n": "train"},
    "n=3.5": {"n": 3.5},
    "activation=['tanh', 'relu']": {"activation": ["tanh", "relu"]},
    "activation=['tanh', 'tanh']": {"activation": ["tanh", "tanh"]},
    "alpha=[0.1, 0.2, 0.3]": {"alpha": [0.1, 0.2, 0.3]},
    "alpha=array([0.1, 0.2, 0.3])": {"alpha": np.array([0.1, 0.2, 0.3])},
    "warm_start='full'": {"warm_start": "full"},
    "class_weight='balanced'": {"class_weight": "balanced"},
    "scoring='loss'": {"scoring": "loss"},
    "max_time=10": {"max_time": 10},
    "callbacks=[<function": {"callbacks": [lambda model, history: False]},
}


@pytest.mark.parametrize("named", LACKING)
def test_what_scikit_learn_lacks_is_named(named):
    model, y = make("pyl2", **LACKING[named])
    with pytest.raises(ValueError, match=f"MLPClassifier has no {re.escape(named)}"):
        to_sklearn(model.fit(X, y))


def test_all_that_is_lacking_is_named():
    model, y = make("pyl2", "a number", solver="adamw", n="train")
    with pytest.raises(ValueError, match=r"MLPRegressor has no n='train'; no solver='adamw'$"):
        to_sklearn(model.fit(X, y))


def test_what_changes_nothing_is_not_refused():
    """The weights may have been trained by what scikit-learn lacks, once it is set back."""
    model, y = make("pyl2", solver="adamw", decay="decoupled")
    model.fit(X, y).set_params(solver="adam", decay="l2")
    assert_same(model, to_sklearn(model))


def test_activation_changed_after_fit():
    """Ours predicts with what it was trained with; scikit-learn's looks at the parameter."""
    model, y = make("pyl2")
    model.fit(X, y).set_params(activation="relu")
    with pytest.raises(ValueError, match="hidden layers of tanh, tanh"):
        to_sklearn(model)


@pytest.mark.parametrize("package", PACKAGES)
def test_not_fitted(package):
    model, _ = make(package)
    with pytest.raises(NotFittedError):
        CONVERT[package](model)


@pytest.mark.parametrize("package", PACKAGES)
def test_wrong_kind(package):
    model, y = make(package)
    with pytest.raises(TypeError, match="estimator must be"):
        CONVERT[HOMES[package]](model.fit(X, y))
    with pytest.raises(TypeError, match="got int"):
        CONVERT[package](3)


# --- the methods ----------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", ["labels", "counts"])
def test_methods(problem):
    model, y = make("pyl2", problem)
    theirs = model.fit(X, y).to_sklearn()
    assert_same(model, theirs)
    assert_same(type(model).from_sklearn(theirs), theirs)


def test_from_sklearn_of_the_other_kind():
    model, y = make("sklearn", "a number")
    with pytest.raises(TypeError, match="MLPRegressor"):
        pyl2.MLPClassifier.from_sklearn(model.fit(X, y))


# --- ONNX -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("problem", [name for name in PROBLEMS if name != "counts"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_onnx(problem, activation):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model, y = make("pyl2", problem, activation=activation)
    single = X.astype(np.float32)
    options = {"zipmap": False} if hasattr(model, "predict_proba") else None
    graph = skl2onnx.to_onnx(
        model.fit(single, y).to_sklearn(), single[:1], options=options
    ).SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    first, *rest = session.run(None, {session.get_inputs()[0].name: single})
    if hasattr(model, "classes_"):
        np.testing.assert_array_equal(first, model.predict(single))
        first = rest[0]
    np.testing.assert_allclose(
        first.reshape(outputs(model, single).shape), outputs(model, single), atol=1e-5
    )
