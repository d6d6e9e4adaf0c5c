"""BayesianMLPRegressor: the search, closed forms, BayesianRidge, coverage, files, limits."""

import math
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import GridSearchCV
from test_laplace import restricted_likelihood

from pyl2 import BayesianMLPRegressor, Laplace, MLPRegressor, Network
from pyl2.bayes.search import search
from pyl2.estimators import trials

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = 20 + 5 * np.tanh(2 * X[:, 0]) + X[:, 1] + RNG.normal(0, 0.7, 60)
LINEAR = 3 + X @ [2.0, -1.0, 0.2] + RNG.normal(0, 0.7, 60)


def model(**own):
    return BayesianMLPRegressor(
        **{"hidden_layer_sizes": 4, "random_state": 0, "max_iter": 2000} | own
    )


# The search.


def searched(function, grid, layers=1, per_layer=False):
    """All that a search tries of a function of log10 λ, in its order."""
    tried = {}
    asks = search(grid, layers, per_layer)
    try:
        points = next(asks)
        while True:
            assert not set(points) & set(tried)
            tried |= {point: function(np.log10(point)) for point in points}
            points = asks.send([tried[point] for point in points])
    except StopIteration:
        return tried


def best(tried):
    return np.log10(max(tried, key=tried.__getitem__))


@pytest.mark.parametrize("top", [-1.3, 0.0, 0.2, 1.9])
def test_a_parabola_is_searched_to_its_top(top):
    tried = searched(lambda log: -((log[0] - top) ** 2), [0.01, 0.1, 1.0, 10.0, 100.0])
    assert best(tried) == pytest.approx([top], abs=1e-12)
    assert len(tried) <= 8


def test_the_search_of_layers_goes_to_their_tops():
    def function(log):
        return -((log[0] + 1.3) ** 2) - (log[1] - 1.6) ** 2 - 0.3 * log[0] * log[1]

    grid = np.logspace(-3, 2, 6).tolist()
    common, each = (searched(function, grid, 2, per_layer) for per_layer in (False, True))
    assert set(common) <= set(each)
    assert all(a == b for a, b in common)
    hessian, slope = np.array([[2, 0.3], [0.3, 2]]), np.array([-2.6, 3.2])
    np.testing.assert_allclose(best(each), np.linalg.solve(hessian, slope), atol=0.15)
    assert searched(lambda log: -abs(log[0]), grid, 1, True) == searched(
        lambda log: -abs(log[0]), grid, 1, False
    )


def test_the_search_at_its_edges():
    assert searched(lambda log: 0.0, [0.3]) == {(0.3,): 0.0}
    never = searched(lambda log: -math.inf, [0.1, 1.0])
    assert set(never.values()) == {-math.inf}
    convex = searched(lambda log: log[0] ** 2, [0.1, 1.0])
    assert len(convex) == 4  # no vertex to go to
    rising = searched(lambda log: log[0], [0.1, 1.0])
    assert best(rising) == pytest.approx([0.5])
    for grid in ([1e308, 1e307], [5e-324, 1e-323]):
        assert all(0 < value < math.inf for (value,) in searched(lambda log: log[0], grid))


# Closed forms: no hidden layer.


def linear(**own):
    return model(hidden_layer_sizes=(), tol=1e-10, **own)


@pytest.mark.parametrize("normalize_y", [True, False])
def test_the_evidence_of_a_linear_model_in_the_units_of_y(normalize_y):
    fitted = linear(normalize_y=normalize_y).fit(X, LINEAR)
    for l2, found in zip(fitted.alphas_, fitted.log_marginal_likelihood_path_, strict=True):
        own = linear(normalize_y=normalize_y, alphas=[l2]).fit(X, LINEAR)
        expected = restricted_likelihood(X, LINEAR[:, None], l2, own.noise_variance_)
        assert found == pytest.approx(expected, rel=1e-7)
        assert own.log_marginal_likelihood_value_ == found
    values = np.linalg.eigvalsh((X - X.mean(axis=0)).T @ (X - X.mean(axis=0)))
    effective = 1 + (values / (values + fitted.alpha_)).sum()
    assert fitted.n_effective_params_ == pytest.approx(effective, rel=1e-6)


def test_the_alpha_is_that_of_the_greatest_evidence():
    fitted = linear().fit(X, LINEAR)
    dense = [linear(alphas=[l2]).fit(X, LINEAR) for l2 in np.logspace(-3, 2, 60)]
    evidence = [one.log_marginal_likelihood_value_ for one in dense]
    assert fitted.log_marginal_likelihood_value_ > max(evidence) - 0.02
    assert fitted.log_marginal_likelihood_value_ == fitted.log_marginal_likelihood_path_.max()
    assert fitted.alpha_ == fitted.alphas_[fitted.log_marginal_likelihood_path_.argmax()]
    assert (np.diff(fitted.alphas_) > 0).all()


def test_bayesian_ridge_where_the_prior_is_the_same():
    """It counts the intercept as determined, and ends where MacKay's fixed point does."""
    theirs = BayesianRidge(tol=1e-12, max_iter=10000).fit(X, LINEAR)
    ours = linear().fit(X, LINEAR)
    assert ours.alpha_ == pytest.approx(theirs.lambda_ / theirs.alpha_, rel=0.15)
    assert ours.noise_variance_ == pytest.approx(1 / theirs.alpha_, rel=0.05)
    new = np.random.default_rng(1).normal(size=(20, 3))
    mean, std = theirs.predict(new, return_std=True)
    found = ours.predict(new, return_std=True)
    np.testing.assert_allclose(found[0], mean, atol=0.02)
    np.testing.assert_allclose(found[1], std, rtol=0.03)


# With hidden layers.


@pytest.mark.parametrize("own", [{}, {"per_layer": True}, {"solver": "lm"}, {"n_restarts": 2}])
def test_it_is_laplace_at_the_alpha_chosen(own):
    fitted = model(**own).fit(X, Y)
    scale = Y.std()
    normalised = ((Y - Y.mean()) / scale)[:, None]
    network = Network((3, 4, 1), seed=0)
    for ours, theirs in zip(
        (*network.weights, *network.biases), fitted.coefs_ + fitted.intercepts_, strict=True
    ):
        ours[...] = theirs
    posterior = Laplace(network, X, normalised, np.asarray(fitted.alpha_).tolist())
    assert posterior.log_evidence - 59 * math.log(scale) == pytest.approx(
        fitted.log_marginal_likelihood_value_, rel=1e-9
    )
    assert posterior.noise_variance * scale**2 == pytest.approx(fitted.noise_variance_, rel=1e-9)
    assert posterior.n_effective == pytest.approx(fitted.n_effective_params_, rel=1e-9)
    assert posterior.gradient_norm < 1e-3
    mean, std = fitted.predict(X, return_std=True)
    expected = posterior.predict(X, return_std=True)
    np.testing.assert_allclose(mean, expected[0][:, 0] * scale + Y.mean(), rtol=1e-9)
    np.testing.assert_allclose(std, expected[1][:, 0] * scale, rtol=1e-9)
    np.testing.assert_array_equal(fitted.predict(X), mean)


@pytest.mark.parametrize("init", ["glorot", "he"])
def test_the_network_is_mlp_regressors(init):
    fitted = model(init=init).fit(X, Y)
    plain = MLPRegressor(
        hidden_layer_sizes=4,
        activation="tanh",
        solver="lbfgs",
        alpha=fitted.alpha_,
        n="train",
        max_iter=2000,
        init=init,
        random_state=0,
    ).fit(X, (Y - Y.mean()) / Y.std())
    assert plain.n_iter_ == fitted.n_iter_
    for ours, theirs in zip(fitted.coefs_, plain.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_bits_do_not_depend_on_threads():
    for own in ({"n_restarts": 2}, {"solver": "lm"}):
        one, three = (model(n_threads=count, **own).fit(X, Y) for count in (1, 3))
        np.testing.assert_array_equal(one.alphas_, three.alphas_)
        path = "log_marginal_likelihood_path_"
        np.testing.assert_array_equal(getattr(one, path), getattr(three, path))
        for a, b in zip(one.predict(X, True), three.predict(X, True), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_start_more_is_no_worse():
    one, four = (model(n_restarts=count).fit(X, Y) for count in (1, 4))
    value = "log_marginal_likelihood_value_"
    assert getattr(four, value) >= getattr(one, value)
    assert getattr(four, value) == max(four.log_marginal_likelihood_path_)
    assert model(random_state=5).fit(X, Y).coefs_[0][0, 0] != one.coefs_[0][0, 0]


def test_a_lambda_for_each_layer_finds_inputs_that_do_not_matter():
    rng = np.random.default_rng(2)  # some log evidence is gained on any processor: 6.6
    wide = rng.normal(size=(80, 20))
    y = np.tanh(2 * wide[:, 0]) + rng.normal(0, 0.2, 80)
    common, each = (model(per_layer=flag).fit(wide, y) for flag in (False, True))
    value = "log_marginal_likelihood_value_"
    assert getattr(each, value) > getattr(common, value) + 3
    assert each.alpha_.shape == (2,)
    assert each.alphas_.shape == (len(each.log_marginal_likelihood_path_), 2)
    test = rng.normal(size=(500, 20))
    truth = np.tanh(2 * test[:, 0])
    errors = [np.mean((one.predict(test) - truth) ** 2) for one in (common, each)]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("inputs", [1, 3])
def test_intervals_cover_what_they_say(inputs):
    """95 % intervals on data of a function that the network can have."""
    covered, noises = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1, 1, (60 * inputs, inputs))
        y = np.sin(3 * x[:, 0]) + x[:, -1] + rng.normal(0, 0.2, 60 * inputs)
        fitted = model(hidden_layer_sizes=6, random_state=seed).fit(x, y)
        new = rng.uniform(-1, 1, (500, inputs))
        target = np.sin(3 * new[:, 0]) + new[:, -1] + rng.normal(0, 0.2, 500)
        mean, std = fitted.predict(new, return_std=True)
        covered.append(np.mean(np.abs(target - mean) < 1.96 * std))
        noises.append(fitted.noise_variance_**0.5)
    assert 0.9 < np.mean(covered) < 0.985
    assert np.mean(noises) == pytest.approx(0.2, rel=0.25)


def test_beyond_the_data_it_is_less_sure():
    fitted = model().fit(X[:, :1], Y)
    _, std = fitted.predict([[0.0], [10.0]], return_std=True)
    assert std[1] > 2 * std[0] > fitted.noise_variance_**0.5


def test_lm_ends_where_lbfgs_does():
    own = {"hidden_layer_sizes": 1, "tol": 1e-7, "alphas": [1.0]}  # with one minimum
    lm, lbfgs = (model(solver=one, **own).fit(X, Y) for one in ("lm", "lbfgs"))
    for name in ("log_marginal_likelihood_value_", "noise_variance_", "n_effective_params_"):
        assert getattr(lm, name) == pytest.approx(getattr(lbfgs, name), rel=1e-4)
    np.testing.assert_allclose(lm.predict(X, True), lbfgs.predict(X, True), rtol=1e-4)


# Targets, weights, types.


def test_several_targets():
    two = np.column_stack([Y, 1000 * X[:, 2] + RNG.normal(size=60)])
    fitted = model().fit(X, two)
    mean, std = fitted.predict(X, return_std=True)
    assert mean.shape == std.shape == (60, 2)
    assert fitted.noise_variance_.shape == (2,)
    assert fitted.score(X, two) > 0.9
    scale = two.std(axis=0)
    np.testing.assert_allclose(fitted.noise_variance_[1] / fitted.noise_variance_[0],
                               scale[1] ** 2 / scale[0] ** 2)  # fmt: skip


def test_units_of_y():
    fitted, scaled = (model(alphas=[1.0]).fit(X, y) for y in (Y, 1e150 * (Y - 7)))
    mean, std = scaled.predict(X, return_std=True)
    np.testing.assert_allclose(mean / 1e150 + 7, fitted.predict(X), rtol=1e-5)
    np.testing.assert_allclose(std / 1e150, fitted.predict(X, True)[1], rtol=1e-5)
    assert scaled.log_marginal_likelihood_value_ == pytest.approx(
        fitted.log_marginal_likelihood_value_ - 59 * math.log(1e150)
    )


@pytest.mark.filterwarnings("ignore:the alpha chosen")
def test_nothing_to_learn():
    constant = model().fit(X, np.full(60, 3.0))
    mean, std = constant.predict(X, return_std=True)
    np.testing.assert_allclose(mean, 3, atol=1e-2)
    assert np.isfinite(std).all()
    noise = model().fit(X, RNG.normal(2, 1, 60))
    assert noise.n_effective_params_ < 6
    assert noise.noise_variance_ == pytest.approx(1, rel=0.5)


def test_whole_weights_are_repetitions():
    weight = RNG.integers(0, 3, 60)
    many = np.repeat(np.arange(60), weight)
    made = model(alphas=[1.0], tol=1e-7)
    weighted, repeated = clone(made).fit(X, Y, weight), clone(made).fit(X[many], Y[many])
    for name in ("n_effective_params_", "noise_variance_", "log_marginal_likelihood_value_"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=1e-5)
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-5)


def test_float32():
    wide, single = model().fit(X, Y), model().fit(X.astype(np.float32), Y)
    mean, std = single.predict(X, return_std=True)
    assert (mean.dtype, std.dtype, single.coefs_[0].dtype) == (np.float32, np.float64, np.float32)
    assert single.log_marginal_likelihood_value_ == pytest.approx(
        wide.log_marginal_likelihood_value_, abs=1
    )
    np.testing.assert_allclose(mean, wide.predict(X), atol=0.5)


def test_it_is_an_estimator():
    made = model(alphas=[1.0])
    assert clone(made).get_params() == made.get_params()
    search = GridSearchCV(made, {"hidden_layer_sizes": [2, 4]}, cv=2).fit(X, Y)
    assert search.best_score_ > 0.3
    fitted = made.fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    for a, b in zip(again.predict(X, True), fitted.predict(X, True), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(again.coefs_[0], fitted.coefs_[0])
    with pytest.raises(ValueError, match="read-only"):
        fitted.coefs_[0][0, 0] = 1
    table = pytest.importorskip("pandas").DataFrame(X, columns=list("abc"))
    named = model(alphas=[1.0]).fit(table, Y)
    assert named.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        named.predict(table[["b", "a", "c"]])


def test_before_a_fit():
    with pytest.raises(NotFittedError):
        model().predict(X)
    assert not hasattr(model(), "coefs_")
    broken = model(bias_precision=1.0)
    with pytest.raises(ValueError, match="NaN"):
        broken.fit(np.where(X > 1, np.nan, X), Y)
    with pytest.raises(NotFittedError):
        broken.predict(X)


def test_what_it_prints(capsys):
    model(verbose=True).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 6
    assert lines[0].startswith("alpha = 0.001: log evidence = ")


# Out, and in.


@pytest.mark.parametrize("outputs", [1, 2])
def test_as_scikit_learns_own(outputs):
    y = Y if outputs == 1 else np.column_stack([Y, -3 * Y + X[:, 2]])
    fitted = model(hidden_layer_sizes=(4, 3), alphas=[1.0]).fit(X, y)
    theirs = fitted.to_sklearn()
    assert type(theirs).__module__.startswith("sklearn.")
    np.testing.assert_allclose(theirs.predict(X), fitted.predict(X), rtol=1e-10)
    with pytest.raises(ValueError, match="activation"):
        model(hidden_layer_sizes=(4, 3), activation=("tanh", "relu"), alphas=[1.0]).fit(
            X, Y
        ).to_sklearn()
    with pytest.raises(ValueError, match="alpha"):
        model(per_layer=True, alphas=[1.0]).fit(X, Y).to_sklearn()


@pytest.mark.parametrize("per_layer", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore:the alpha chosen")
def test_what_is_loaded_predicts_the_same_bits(tmp_path, dtype, per_layer):
    fitted = model(per_layer=per_layer, alphas=[0.3, 1, 3]).fit(
        X.astype(dtype), np.column_stack([Y, X[:, 1]])
    )
    fitted.save(tmp_path / "model.pyl2")
    again = BayesianMLPRegressor.load(tmp_path / "model.pyl2")
    for a, b in zip(again.predict(X, True), fitted.predict(X, True), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.get_params() == fitted.get_params()
    for name in vars(fitted):
        if name.endswith("_"):
            np.testing.assert_array_equal(getattr(again, name), getattr(fitted, name))


def test_files_of_another_kind(tmp_path):
    fitted = model(alphas=[1.0]).fit(X, Y)
    fitted.save(tmp_path / "model.pyl2")
    Network((1, 1), seed=0).save(tmp_path / "network.pyl2")
    with pytest.raises(ValueError, match="holds a 'network'"):
        BayesianMLPRegressor.load(tmp_path / "network.pyl2")
    fitted._posterior = fitted._posterior._replace(factor=-fitted._posterior.factor)
    fitted.save(tmp_path / "model.pyl2")
    with pytest.raises(ValueError, match="factor is malformed"):
        BayesianMLPRegressor.load(tmp_path / "model.pyl2")
    with pytest.raises(NotFittedError):
        model().save(tmp_path / "none.pyl2")


# Warnings, limits, errors.


def test_what_has_not_converged():
    with pytest.warns(ConvergenceWarning, match="lbfgs had not converged after 5 iterations at"):
        model(max_iter=5).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="lm had not converged after 2 iterations at"):
        model(max_iter=2, solver="lm").fit(X, Y)


def test_the_edge_of_the_grid():
    with pytest.warns(UserWarning, match="at the edge of alphas, 50 to 100: a wider"):
        model(alphas=[100, 50]).fit(X, Y)
    with pytest.warns(UserWarning, match="at the edge of alphas, 1e-05 to 0.0001"):
        model(alphas=[1e-5, 1e-4]).fit(X, Y)
    model(alphas=[50]).fit(X, Y)  # no grid


def test_few_degrees_of_freedom():
    with pytest.warns(UserWarning, match="effective parameters are determined by 5 targets"):
        model(alphas=[1e-3], hidden_layer_sizes=30).fit(X[:5], Y[:5])


def test_ctrl_c_leaves_the_earlier_fit(monkeypatch):
    fitted = model().fit(X, Y)
    before = fitted.predict(X)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "train_task", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X, 2 * Y)
    np.testing.assert_array_equal(fitted.predict(X), before)


def test_a_lambda_that_fails_is_left_out(monkeypatch):
    whole = trials.train_task

    def train(rows, task, pattern):
        lost = task.alphas[0][0] in (0.1, 1.0)
        return [(None, np.nan)] if lost else whole(rows, task, pattern)

    monkeypatch.setattr(trials, "train_task", train)
    fitted = model().fit(X, Y)
    where = np.isin(fitted.alphas_, (0.1, 1.0))
    assert (np.isneginf(fitted.log_marginal_likelihood_path_) == where).all()
    with pytest.raises(ValueError, match="no evidence at any of alphas: training diverged"):
        model(alphas=[0.1]).fit(X, Y)
    monkeypatch.undo()
    monkeypatch.setattr(trials, "evidence", lambda *_, **__: exec("raise ValueError('not finite')"))
    with pytest.raises(ValueError, match="no evidence at any of alphas: not finite"):
        model().fit(X, Y)


def test_memory_limits_the_trainings_side_by_side():
    for hidden, most in ((4, None), (400, 1)):
        made = MLPRegressor(hidden_layer_sizes=hidden)
        made.n_outputs_, made.out_activation_ = 1, "identity"
        made._start(10, [hidden], np.float64, np.random.RandomState(0))
        found = trials.Trials(made, None, None, 0.1, None, None)._most
        assert found > 1000 if most is None else found == most


@pytest.mark.parametrize(
    ("own", "match"),
    [
        ({"alphas": [0.0, 1.0]}, "alphas"),
        ({"alphas": [-1.0]}, "alphas"),
        ({"alphas": [math.inf]}, "alphas"),
        ({"alphas": []}, "alphas"),
        ({"alphas": [1.0, 1.0]}, "alphas"),
        ({"alphas": 1.0}, "alphas"),
        ({"bias_precision": 0.0}, "bias_precision"),
        ({"bias_precision": math.nan}, "bias_precision"),
        ({"n_restarts": 0}, "n_restarts"),
        ({"solver": "adam"}, "solver"),
        ({"per_layer": 1}, "per_layer"),
        ({"normalize_y": "yes"}, "normalize_y"),
        ({"hidden_layer_sizes": 1200}, r"6001 parameters, more than 5000.*MB"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes"),
        ({"activation": ("relu", "tanh")}, "activation"),
        ({"n_threads": 0}, "n_threads"),
        ({"n_jobs": 0}, "n_jobs must be None, 1 or more, or -1 or less, got 0"),
        ({"n_jobs": 1.0}, "n_jobs"),
        ({"tol": -1}, "tol"),
    ],
)
def test_bad_parameters(own, match):
    with pytest.raises((ValueError, TypeError), match=match):
        model(**own).fit(X, Y)


def test_bad_rows():
    with pytest.raises(ValueError, match="minimum of 2"):
        model().fit(X[:1], Y[:1])
    one = np.zeros(60)
    one[3] = 2
    with pytest.raises(ValueError, match="at least 2 rows with a weight > 0, got 1"):
        model().fit(X, Y, one)
    with pytest.raises(ValueError, match="sample_weight"):
        model().fit(X, Y, -np.ones(60))
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        model().fit(sp.csr_array(X), Y)
    fitted = model(alphas=[1.0]).fit(X, Y)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        fitted.predict(sp.csr_array(X))
    with pytest.raises(TypeError, match="return_std"):
        fitted.predict(X, return_std="yes")
    with pytest.raises(ValueError, match="3 features"):
        fitted.predict(X[:, :2])
    with pytest.warns(UserWarning, match="X is not scaled"):
        model(alphas=[1.0]).fit(1000 * X, Y)
