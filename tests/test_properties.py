"""Whatever is passed: a documented exception, or what a plain contiguous copy gives.

hypothesis draws the cases: 60 of each kind, the same ones each time, or others of any number:

    PYL2_EXAMPLES=3000 python -m pytest tests/test_properties.py
"""

import contextlib
import itertools
import math
import os
import pickle
import tempfile
import warnings

import numpy as np
import pytest
import scipy.sparse

hypothesis = pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.stateful import (  # noqa: E402
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sklearn.exceptions import NotFittedError  # noqa: E402

from pyl2 import (  # noqa: E402
    Backprop,
    MLPClassifier,
    MLPRegressor,
    Network,
    ParticleSwarm,
    l2_path,
    pso,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

EXAMPLES = int(os.environ.get("PYL2_EXAMPLES", 0))
settings.register_profile(
    "pyl2",
    max_examples=EXAMPLES or 60,
    stateful_step_count=40 if EXAMPLES else 15,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
settings.load_profile("pyl2")

DOCUMENTED = (ValueError, TypeError, MemoryError, NotFittedError)
OUTPUTS = st.sampled_from(["identity", "logistic", "softmax", "exp"])
HIDDEN = st.sampled_from(["identity", "logistic", "tanh", "relu"])
FLOATS = st.sampled_from([np.float64, np.float32])
DTYPES = st.sampled_from(
    [
        "f8",
        "f4",
        ">f8",
        ">f4",
        "f2",
        "g",
        "i1",
        ">i4",
        "u8",
        "?",
        "c16",
        "O",
        "S4",
        "U2",
        "M8[s]",
        "V8",
    ]
)
STRANGE = st.sampled_from(
    [
        *(-1, 0, 1, 2, 0.5, 2**31, 2**63, 10**400, math.nan, math.inf, -math.inf, 1e-320, 1e308),
        *(True, None, "", "auto", "tanh", [], (), [0.1], [0.1, 0.2], {}, 1j, object, b"x"),
        *(np.float32(0.1), np.array(0.5), np.array([0.1, 0.2]), np.int8(3)),
    ]
)


@contextlib.contextmanager
def documented():
    """Only documented exceptions, and no warning but of what was asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        with contextlib.suppress(*DOCUMENTED):
            yield


@st.composite
def layouts(draw, rows, columns):
    """An array of any strides, type, order of bytes and alignment."""
    shape = (draw(rows) * 3, draw(columns) * 2)
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    plain = (rng.normal(size=shape) * draw(st.sampled_from([1, 1, 3, 1e30, 0]))).round(2)
    dtype = draw(DTYPES)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            array = plain.astype(dtype)
        except (TypeError, ValueError):
            array = np.zeros(shape, dtype)
    if draw(st.booleans()):
        array = np.asfortranarray(array)
    if draw(st.booleans()) and array.dtype.kind in "fiu":  # an odd address
        room = np.zeros(array.nbytes + 1, np.uint8)[1:]
        odd = room.view(array.dtype).reshape(shape) if array.size else array
        odd[...] = array
        array = odd
    steps = draw(st.sampled_from([1, 2, 3, -1, -3])), draw(st.sampled_from([1, 2, -1, -2]))
    array = array[:: steps[0], :: steps[1]]
    if draw(st.integers(0, 9)) == 0 and len(array):
        array = np.broadcast_to(array[:1], (5, array.shape[1]))
    if draw(st.booleans()):
        array.flags.writeable = False
    return array


ARRAYS = layouts(st.integers(0, 5), st.integers(1, 3))


def plain(X, dtype):
    """A contiguous copy of the dtype."""
    return np.array(X.tolist(), dtype).reshape(X.shape)


@pytest.mark.filterwarnings("ignore:X is not scaled:UserWarning")
@given(X=ARRAYS, dtype=FLOATS, hidden=HIDDEN, output=OUTPUTS)
def test_layouts(X, dtype, hidden, output):
    """predict, error and gradient of any layout are those of a plain copy."""
    network = Network((X.shape[1], 3, 2), hidden=hidden, output=output, dtype=dtype, seed=0)
    Y = np.full((len(X), 2), 0.5)
    verbs = (
        network.predict,
        network.input_gradient,
        lambda x: network.error(x, Y),
        lambda x: network.gradient(x, Y, l2=0.1),
        lambda x: trained(network, x, Y),
    )
    for verb in verbs:
        found = None
        with documented():
            found = verb(X)
        if found is not None:
            with np.errstate(over="ignore"):
                np.testing.assert_array_equal(found, verb(plain(X, dtype)))
    if X.dtype.kind in "fiub":
        assert network.predict(X).shape == (len(X), 2)


def trained(network, X, Y):
    """Parameters after two epochs, the network being as before."""
    copy = pickle.loads(pickle.dumps(network))
    Backprop(copy, eta=1e-3, batch_size=2, seed=0).train(X, Y, 2)
    return copy.params


@st.composite
def csr(draw):
    """A CSR matrix, sound or with index arrays that lead anywhere."""
    rows, columns = draw(st.integers(0, 6)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    X = scipy.sparse.random(rows, columns, 0.5, "csr", rng=rng)
    kind = draw(st.sampled_from([np.int32, np.int64]))
    X.indices, X.indptr = X.indices.astype(kind), X.indptr.astype(kind)
    X = scipy.sparse.csr_array(X) if draw(st.booleans()) else X
    for _ in range(draw(st.integers(0, 3))):
        part = draw(st.sampled_from(["indices", "indptr", "data"]))
        array = getattr(X, part).copy()
        way = draw(st.sampled_from(["put", "cut", "more", "type", "2-D"]))
        if way == "put" and array.size:
            most = np.iinfo(kind).max
            values = [-1, 0, 1, columns, 2**20, most, -most]
            with np.errstate(all="ignore"):
                put = np.array(draw(st.sampled_from(values))).astype(array.dtype)
                array.flat[draw(st.integers(0, array.size - 1))] = put
        elif way == "cut":
            array = array[: draw(st.integers(0, array.size))]
        elif way == "more":
            array = np.concatenate([array, array, array])
        elif way == "type":
            with np.errstate(all="ignore"):
                array = array.astype(draw(st.sampled_from(["u2", "f8", "f4", ">i4", "i8", "?"])))
        else:
            array = array[None]
        object.__setattr__(X, part, array)
    return X


def dense(X, dtype):
    """What a sound CSR matrix means, by nothing but its definition; None if it is not sound."""
    parts = X.data, X.indices, X.indptr
    if any(part.ndim != 1 for part in parts) or any(
        part.dtype.kind not in "iu" for part in parts[1:]
    ):
        return None
    indptr = [int(i) for i in X.indptr]
    steps = all(0 <= a <= b for a, b in itertools.pairwise(indptr))
    if len(indptr) != X.shape[0] + 1 or indptr[0] != 0 or not steps:
        return None
    if indptr[-1] > min(len(X.data), len(X.indices)):
        return None
    indices = [int(i) for i in X.indices[: indptr[-1]]]
    if not all(0 <= i < X.shape[1] for i in indices):
        return None
    out = np.zeros(X.shape, dtype)
    for row in range(X.shape[0]):
        for k in range(indptr[row], indptr[row + 1]):
            out[row, indices[k]] += dtype(X.data[k])
    return out


@given(X=csr(), dtype=FLOATS)
def test_index_arrays(X, dtype):
    """Where the indices are sound the outputs are those of the dense matrix, else an error."""
    network = Network((X.shape[1], 3, 2), dtype=dtype, seed=0)
    Y = np.ones((X.shape[0], 2))
    wanted = dense(X, dtype)
    found = None
    with documented():
        found = network.predict(X)
    if found is not None:
        assert wanted is not None
        np.testing.assert_allclose(found, network.predict(wanted), rtol=1e-4, atol=1e-5)
    for verb in (network.error, Backprop(network).train, ParticleSwarm(network, 3).train):
        with documented():
            verb(X, Y)
            assert wanted is not None
    for model in (MLPRegressor(hidden_layer_sizes=2, max_iter=1), MLPClassifier(2, max_iter=1)):
        with documented():
            model.fit(X, np.arange(X.shape[0]) % 2)


SETTINGS = {
    Backprop: [
        *("eta", "l2", "n", "decay", "batch_size", "shuffle", "momentum", "beta_1", "beta_2"),
        *("epsilon", "schedule", "power_t", "tol", "n_iter_no_change", "early_stopping", "seed"),
        *("optimizer", "n_threads"),
    ],
    ParticleSwarm: [
        *("particles", "l2", "topology", "neighbours", "inertia", "c1", "c2", "v_max", "init"),
        *("target", "max_evaluations", "tol", "n_iter_no_change", "seed", "n_threads"),
    ],
}
X0 = np.random.default_rng(0).normal(size=(9, 2))
Y0 = X0[:, :1] * 2


@given(data=st.data(), kind=st.sampled_from(list(SETTINGS)))
def test_settings_of_trainers(data, kind):
    names = data.draw(st.lists(st.sampled_from(SETTINGS[kind]), max_size=3, unique=True))
    setting = {name: data.draw(STRANGE) for name in names}
    if not isinstance(setting.get("particles"), int) or setting["particles"] > 99:
        setting.pop("particles", None)  # memory for so many is no error of theirs
    network = Network((2, 3, 1), seed=0)
    with documented():
        kind(network, **setting).train(X0, Y0, 3)
    assert np.isfinite(network.params).all()


TRAIN = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("epochs", "sample_weight", "validation", "max_time"), STRANGE)
)


@given(arguments=TRAIN, optimizer=st.sampled_from(["sgd", "lbfgs", "pso"]))
def test_arguments_of_train(arguments, optimizer):
    if not isinstance(arguments.get("epochs", 1), int) or arguments.get("epochs", 1) < 10:
        network = Network((2, 3, 1), seed=0)
        pso_ = optimizer == "pso"
        trainer = ParticleSwarm(network, 4) if pso_ else Backprop(network, optimizer)
        with documented():
            trainer.train(X0, Y0, **{"epochs": 2} | arguments)
        assert np.isfinite(network.params).all()


@given(
    setting=st.dictionaries(
        st.sampled_from(sorted(MLPClassifier().get_params().keys() - {"verbose", "max_iter"})),
        STRANGE,
        max_size=3,
    ),
    made=st.sampled_from([MLPClassifier, MLPRegressor]),
    solver=st.sampled_from(["sgd", "adam", "adamw", "lbfgs", "pso"]),
)
def test_settings_of_estimators(setting, made, solver):
    sizes = setting.get("hidden_layer_sizes")
    if isinstance(sizes, int) and sizes > 99:
        setting = setting | {"hidden_layer_sizes": 3}
    known = {k: v for k, v in setting.items() if k in made().get_params()}
    model = made(**{"hidden_layer_sizes": 3, "solver": solver, "max_iter": 2} | known)
    with documented():
        model.fit(X0, np.arange(9) % 2)
        assert np.isfinite(model.predict(X0)).all()


@given(
    lower=st.lists(st.sampled_from([-1.0, 0.0, math.nan, -math.inf, 1e308, -1e308]), max_size=3),
    upper=st.lists(st.sampled_from([1.0, 0.0, math.nan, math.inf, 1e308, 5e-324]), max_size=3),
    setting=st.dictionaries(
        st.sampled_from(
            [
                *("particles", "maxiter", "maxfun", "target", "tol", "n_iter_no_change", "x0"),
                *("c1", "topology", "neighbours", "inertia", "v_max", "boundary", "rng"),
            ]
        ),
        STRANGE,
        max_size=3,
    ),
)
def test_pso(lower, upper, setting):
    for name in ("particles", "maxiter"):
        if isinstance(setting.get(name), int) and setting[name] > 99:
            setting = {k: v for k, v in setting.items() if k != name}
    with documented():
        with np.errstate(all="ignore"):
            result = pso(lambda x: (x**2).sum(axis=0), lower, upper, **{"maxiter": 3} | setting)
        assert result.x.shape == (len(lower),)


@given(
    l2=st.one_of(STRANGE, st.lists(STRANGE, max_size=3)),
    optimizer=st.sampled_from(["sgd", "adam", "lbfgs", "pso"]),
    start=st.sampled_from(["same", "warm", None]),
    test=STRANGE,
)
def test_l2_path(l2, optimizer, start, test):
    network = Network((2, 3, 1), seed=0)
    before = network.params.copy()
    with documented():
        l2_path(network, X0, Y0, l2, start=start, test=test, optimizer=optimizer, epochs=2)
    np.testing.assert_array_equal(network.params, before)


class Calls(RuleBasedStateMachine):
    """An estimator in any order of calls: it works or says why, and predicts finite numbers."""

    @initialize(
        made=st.sampled_from([MLPClassifier, MLPRegressor]),
        solver=st.sampled_from(["sgd", "adam", "adamw", "lbfgs", "pso"]),
        warm=st.sampled_from([False, True, "full"]),
        dtype=FLOATS,
    )
    def begin(self, made, solver, warm, dtype):
        self.model = made(
            hidden_layer_sizes=3, solver=solver, warm_start=warm, max_iter=2, random_state=0
        )
        self.X = X0.astype(dtype)
        self.y = np.arange(9) % 3 if made is MLPClassifier else Y0[:, 0]
        self.last = None

    @rule(rows=st.integers(0, 9), sparse=st.booleans())
    def fit(self, rows, sparse):
        X = scipy.sparse.csr_array(self.X[:rows]) if sparse else self.X[:rows]
        with documented():
            self.model.fit(X, self.y[:rows])

    @rule(rows=st.integers(0, 9), classes=st.booleans())
    def partial_fit(self, rows, classes):
        more = {"classes": np.arange(3)} if classes else {}
        with documented(), contextlib.suppress(AttributeError):  # of lbfgs and pso
            self.model.partial_fit(self.X[:rows], self.y[:rows], **more)

    @rule(
        name=st.sampled_from(["alpha", "solver", "early_stopping", "hidden_layer_sizes", "n"]),
        value=st.sampled_from([0.1, 4, "sgd", "lbfgs", "pso", True, "train", -1, None, (2, 2)]),
    )
    def set_params(self, name, value):
        self.model.set_params(**{name: value})

    @precondition(lambda self: hasattr(self.model, "coefs_"))
    @rule(layer=st.integers(0, 1), scale=st.sampled_from([0.0, 1.0, -2.0]), whole=st.booleans())
    def set_weights(self, layer, scale, whole):
        if layer < len(self.model.coefs_):
            if whole:
                self.model.coefs_[layer] = self.model.coefs_[layer] * scale
            else:
                self.model.coefs_[layer][...] *= scale

    @precondition(lambda self: hasattr(self.model, "coefs_"))
    @rule()
    def pickled(self):
        again = pickle.loads(pickle.dumps(self.model))
        for mine, theirs in zip(self.model.coefs_, again.coefs_, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        self.model = again

    @invariant()
    def predicts(self):
        if hasattr(getattr(self, "model", None), "coefs_"):
            assert len(self.model.predict(self.X)) == 9
            assert all(np.isfinite(W).all() for W in self.model.coefs_)


class Trainings(RuleBasedStateMachine):
    """A trainer beside its double, which goes through files and pickles: always the same bits."""

    @initialize(kind=st.sampled_from(["sgd", "nesterov", "adam", "adamw", "pso"]), dtype=FLOATS)
    def begin(self, kind, dtype):
        network = Network((2, 3, 1), dtype=dtype, seed=0)
        made = ParticleSwarm if kind == "pso" else Backprop
        options = {"particles": 4} if kind == "pso" else {"optimizer": kind, "batch_size": 4}
        self.trainer = made(network, **options, l2=0.01, seed=0)
        self.double = pickle.loads(pickle.dumps(self.trainer))

    @rule(epochs=st.integers(1, 3), rows=st.integers(0, 9))
    def train(self, epochs, rows):
        for trainer in (self.trainer, self.double):
            with documented():
                trainer.train(X0[:rows], Y0[:rows], epochs)

    @rule(scale=st.sampled_from([0.5, -1.0]))
    def set_weights(self, scale):
        for trainer in (self.trainer, self.double):
            trainer.network.params = trainer.network.params * scale

    @rule(
        name=st.sampled_from(["l2", "eta", "n_iter_no_change", "tol", "batch_size", "particles"]),
        value=STRANGE,
    )
    def set_strange(self, name, value):
        """One that is refused is put back."""
        if name == "particles" and not hasattr(self.trainer, name):
            return
        for trainer in (self.trainer, self.double):
            before = getattr(trainer, name, None)
            setattr(trainer, name, value)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    trainer.train(X0, Y0, 1)
            except DOCUMENTED:
                setattr(trainer, name, before)

    @rule(by_file=st.booleans())
    def goes_away(self, by_file):
        if not by_file:
            self.double = pickle.loads(pickle.dumps(self.double))
            return
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "t")
            self.double.save(path)
            self.double = type(self.double).load(path)

    @invariant()
    def same_bits(self):
        if hasattr(self, "trainer"):
            params = self.trainer.network.params
            assert np.isfinite(params).all()
            np.testing.assert_array_equal(params, self.double.network.params)


TestCalls = Calls.TestCase
TestTrainings = Trainings.TestCase
