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


ARRAYS_OF = {
    "csr": ("indices", "indptr", "data"),
    "csc": ("indices", "indptr", "data"),
    "bsr": ("indices", "indptr", "data"),
    "coo": ("row", "col", "data"),
    "dia": ("offsets", "data"),
}
FORMATS = (*ARRAYS_OF, "lil", "dok")
STRANGE_INDICES = st.sampled_from([-1, 0, 1, 3, 2**20, 2**31 - 1, -(2**31), 2**63, 0.5, None, "0"])


@st.composite
def sparse_matrices(draw):
    """A sparse matrix of any format, sound or with arrays that lead anywhere."""
    rows, columns = draw(st.integers(0, 6)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    X = scipy.sparse.random(rows, columns, 0.5, draw(st.sampled_from(FORMATS)), rng=rng)
    X = scipy.sparse.csr_array(X).asformat(X.format) if draw(st.booleans()) else X
    for _ in range(draw(st.integers(0, 3))):
        change = {"lil": change_list, "dok": change_key}.get(X.format, change_array)
        with contextlib.suppress(AttributeError, TypeError, ValueError):  # SciPy has looked
            change(draw, X)
    if draw(st.integers(0, 9)) == 0:
        X._shape = draw(st.integers(0, 8)), draw(st.integers(1, 5))
    return X


def change_array(draw, X):
    """Put an index anywhere, or give an array another length, type or dimension."""
    part = draw(st.sampled_from(ARRAYS_OF[X.format]))
    array = np.array(getattr(X, part))
    way = draw(st.sampled_from(["put", "put", "cut", "more", "type", "wide", "2-D"]))
    if way == "put" and array.size:
        most = 2**31 - 1 if array.dtype.kind == "f" else np.iinfo(array.dtype).max
        values = [-1, 0, 1, X.shape[1], 2**20, most, -most]
        with np.errstate(all="ignore"):
            put = np.array(draw(st.sampled_from(values))).astype(array.dtype)
            array.flat[draw(st.integers(0, array.size - 1))] = put
    elif way == "cut":
        array = array[: draw(st.integers(0, len(array)))]
    elif way == "more":
        array = np.concatenate([array, array, array])
    elif way in ("type", "wide"):
        kinds = ["u2", "f8", "f4", ">i4", "i8", "?"] if way == "type" else ["i8"]
        with np.errstate(all="ignore"):
            array = array.astype(draw(st.sampled_from(kinds)))
    elif way == "2-D":
        array = array[None]
    if part in ("row", "col") and hasattr(X, "coords"):
        X.coords = (array, X.col) if part == "row" else (X.row, array)
    else:
        setattr(X, part, array)


def change_list(draw, X):
    """Change an item of a list, or how many there are."""
    lists = getattr(X, draw(st.sampled_from(["rows", "data"])))
    if len(lists):
        one = lists[draw(st.integers(0, len(lists) - 1))]
        way = draw(st.sampled_from(["put", "more", "cut", "sort"]))
        if way == "put" and one:
            one[draw(st.integers(0, len(one) - 1))] = draw(STRANGE_INDICES)
        elif way == "more":
            one.append(draw(STRANGE_INDICES))
        elif way == "cut":
            del one[1:]
        else:
            one.reverse()


def change_key(draw, X):
    """Add an entry without a look."""
    key = draw(st.lists(STRANGE_INDICES, min_size=1, max_size=3))
    key = tuple(key) if draw(st.integers(0, 9)) else draw(STRANGE_INDICES)
    dict.__setitem__(getattr(X, "_dict", X), key, draw(STRANGE_INDICES))


class Unsound(Exception):
    pass


def need(holds):
    if not holds:
        raise Unsound


def whole(values):
    """Python's integers of an index array, or of a list."""
    listed = isinstance(values, list)
    array = np.array(values, np.int64 if listed and not values else None)
    need(array.ndim == 1 and array.dtype.kind in "iu")
    return [int(i) for i in array]


def stored(X):
    """Row, column and value of all that a sparse matrix stores, by the definition of its format."""
    if X.format == "dok":
        entries = list(X.items())
        need(all(type(key) is tuple and len(key) == 2 for key, _ in entries))
        rows, columns = (whole([key[i] for key, _ in entries]) for i in (0, 1))
        return list(zip(rows, columns, numbers([value for _, value in entries]), strict=True))
    if X.format == "lil":
        need(len(X.rows) == len(X.data) == X.shape[0])
        need(all(len(row) == len(data) for row, data in zip(X.rows, X.data, strict=True)))
        columns, values = (list(itertools.chain(*lists)) for lists in (X.rows, X.data))
        rows = [i for i, row in enumerate(X.rows) for _ in row]
        return list(zip(rows, whole(columns), numbers(values), strict=True))
    need(X.data.ndim == {"bsr": 3, "dia": 2}.get(X.format, 1))
    if X.format == "coo":
        rows, columns = whole(X.row), whole(X.col)
        need(len(rows) == len(columns) == len(X.data))
        return list(zip(rows, columns, X.data, strict=True))
    if X.format == "dia":
        offsets = whole(X.offsets)
        need(len(set(offsets)) == len(offsets) == len(X.data))
        return [
            (column - offset, column, value)
            for offset, diagonal in zip(offsets, X.data, strict=True)
            for column, value in enumerate(diagonal[: X.shape[1]])
            if 0 <= column - offset < X.shape[0]
        ]
    if X.format == "bsr":
        high, wide = X.data.shape[1:]
        need(high and wide and X.shape[0] % high == 0 == X.shape[1] % wide)
        return [
            (high * i + row, wide * j + column, block[row, column])
            for i, j, block in compressed(X, X.shape[0] // high, X.shape[1] // wide)
            for row in range(high)
            for column in range(wide)
        ]
    if X.format == "csr":
        return compressed(X, *X.shape)
    return [(row, column, value) for column, row, value in compressed(X, *X.shape[::-1])]


def compressed(X, major, minor):
    indptr, indices = whole(X.indptr), whole(X.indices)
    need(len(indptr) == major + 1 and indptr[0] == 0)
    need(all(0 <= a <= b for a, b in itertools.pairwise(indptr)))
    need(indptr[-1] <= min(len(X.data), len(indices)))
    need(all(0 <= j < minor for j in indices[: indptr[-1]]))
    places = [(i, k) for i in range(major) for k in range(indptr[i], indptr[i + 1])]
    return [(i, indices[k], X.data[k]) for i, k in places]


def numbers(values):
    array = np.array(values, None if len(values) else float)
    need(array.ndim == 1 and array.dtype.kind in "fiub")
    return array.astype(float)


def dense(X, dtype):
    """What a sound sparse matrix means, by nothing but its definition; None if it is not sound."""
    try:
        entries = stored(X)
        need(all(0 <= i < X.shape[0] and 0 <= j < X.shape[1] for i, j, _ in entries))
    except Unsound:
        return None
    out = np.zeros(X.shape, getattr(X.data, "dtype", float) if X.format in ARRAYS_OF else float)
    for row, column, value in entries:
        out[row, column] += value
    return out.astype(dtype)


@given(X=sparse_matrices(), dtype=FLOATS)
def test_sparse_matrices(X, dtype):
    """A sound one of any format gives the outputs of the dense matrix, any other an error."""
    network = Network((X.shape[1], 3, 2), dtype=dtype, seed=0)
    Y = np.ones((X.shape[0], 2))
    wanted = dense(X, dtype)
    found = None
    with documented():
        found = network.predict(X)
    assert (found is None) == (wanted is None), vars(X)
    if found is not None:
        np.testing.assert_allclose(found, network.predict(wanted), rtol=1e-4, atol=1e-5)
    for verb in (network.error, Backprop(network).train, ParticleSwarm(network, 3).train):
        with documented():
            verb(X, Y)
            assert wanted is not None
    for model in (MLPRegressor(hidden_layer_sizes=2, max_iter=1), MLPClassifier(2, max_iter=1)):
        with documented():
            model.fit(X, np.arange(X.shape[0]) % 2)
            assert wanted is not None
    with documented():
        l2_path(network, X, Y, [0.1], epochs=1, test=(X, Y))
        assert wanted is not None


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
