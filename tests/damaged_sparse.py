"""Every public function that takes a sparse X: sound ones of every format, and damaged ones.

    python tests/damaged_sparse.py [--all] [--fork] [format …]

Tries damages of each format at the entrances and prints what comes of each: "refused" where it is a
ValueError or TypeError that names the argument, as it should be.  Without --all only what SciPy
would follow anywhere is tried at all entrances, and the rest at three.  With --fork each is tried
in a process of its own, so that a crash is a line like any other; test_sparse.py runs all in one
process, and the last line says what was tried when that process died.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import warnings
from functools import cache

import numpy as np
import scipy.sparse as sp

from pyl2 import (
    Backprop,
    MLPClassifier,
    MLPClassifierCV,
    MLPRegressor,
    MLPRegressorCV,
    Network,
    ParticleSwarm,
    compare,
    l2_path,
)
from pyl2.experiments import decay_grid
from pyl2.experiments.comparison import score
from pyl2.path import bias_variance

ROWS, COLUMNS = 24, 4
FAR = 10**8  # so far beyond an array that there is no memory


def dense(rows=ROWS, columns=COLUMNS, seed=0):
    """Eighths, half of them 0, a row and a column of 0 among them."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-8, 9, (rows, columns)) / 8 * (rng.random((rows, columns)) < 0.5)
    X[rows // 2] = 0
    X[:, columns // 2] = 0
    return X


X, WHICH = dense(), np.arange(ROWS) % 2
NUMBERS = X @ [1.0, -1, 0.5, 2]

# ---- entrances: what they make of an X, as numbers ----


def network(output="identity", outputs=1, columns=COLUMNS):
    return Network((columns, 3, outputs), output=output, seed=0)


def trained(X, optimizer="sgd", Y=NUMBERS, validation=None, **options):
    made = network()
    trainer = Backprop(made, optimizer, batch_size=8, seed=0, **options)
    history = trainer.train(X, Y, 2, validation=validation)
    found = [] if validation is None else history.validation_error
    return [*made.params, *history.error, *found]


def swarmed(X, Y=NUMBERS, validation=None):
    made = network()
    history = ParticleSwarm(made, 4, seed=0).train(X, Y, 2, validation=validation)
    found = [] if validation is None else history.validation_error
    return [*made.params, *history.error, *found]


def path_of(model, X, Y, **options):
    options = options | ({"epochs": 2, "seed": 0} if isinstance(model, Network) else {})
    found = l2_path(model, X, Y, [0.1, 1], **options)
    parts = found.data_error, found.test_error, found.train_score, found.test_score, found.slope
    return np.concatenate([*parts, found.params.ravel()])


def model(made=MLPClassifier, **options):
    options = {"max_iter": 2, "random_state": 0, "tol": 0} | options
    return made((3,), **options) if made is MLPClassifier else made(hidden_layer_sizes=3, **options)


@cache
def fitted(made=MLPClassifier):
    return model(made).fit(X, WHICH if made is MLPClassifier else NUMBERS)


def params(estimator):
    return np.concatenate([a.ravel() for a in (*estimator.coefs_, *estimator.intercepts_)])


def fit(X, made=MLPClassifier, y=None, **options):
    y = (WHICH if made is MLPClassifier else NUMBERS) if y is None else y
    return params(model(made, **options).fit(X, y))


def fit_judged(X_val, **options):
    made = model(**options).fit(X, WHICH, X_val=X_val, y_val=WHICH)
    return [*params(made), *made.validation_loss_curve_]


def chosen(X, made=MLPClassifierCV, **options):
    labels = WHICH if made is MLPClassifierCV else NUMBERS
    options = {"max_iter": 2, "random_state": 0, "alphas": [0.1, 1], "cv": 3} | options
    found = made(hidden_layer_sizes=2, **options).fit(X, labels)
    return [*found.scores_path_.ravel(), *params(found)]


def spread(data, X):
    found = bias_variance(
        *(network(), data, X, NUMBERS, [0.1, 1]),
        **{"draws": 2, "seed": 0, "epochs": 2, "batch_size": 8, "shuffle": False},
    )
    return [*found.bias, *found.variance]


def compared(X, **options):
    shape, rest = network("logistic"), {"methods": ["sgd"], "evaluations": 60, "seeds": 1}
    found = compare(X, WHICH, shape, **rest | options)
    return [found.runs[0].error, found.runs[0].train_score, found.runs[0].test_score]


def gridded(X, **options):
    found = decay_grid(X, WHICH, network("logistic"), eta=[0.1], rate=[0, 1], epochs=2, **options)
    return [*found.test_score.ravel(), *found.test_error.ravel()]


# Entrance: what the argument is called there, and the function of it.
ENTRANCES = {
    "predict": ("X", lambda X: network().predict(X)),
    "activations": ("X", lambda X: np.hstack(network().activations(X))),
    "input_gradient": ("X", lambda X: network().input_gradient(X)),
    "error": ("X", lambda X: network().error(X, NUMBERS)),
    "gradient": ("X", lambda X: network().gradient(X, NUMBERS)),
    "score": ("X", lambda X: score(network(), X, NUMBERS)),
    "sgd": ("X", trained),
    "adam": ("X", lambda X: trained(X, "adam")),
    "lbfgs": ("X", lambda X: trained(X, "lbfgs")),
    "validation": ("validation X", lambda V: trained(X, validation=(V, NUMBERS))),
    "swarm": ("X", swarmed),
    "swarm validation": ("validation X", lambda V: swarmed(X, validation=(V, NUMBERS))),
    "path": ("X", lambda X: path_of(network(), X, NUMBERS)),
    "path test=0.25": ("X", lambda X: path_of(network(), X, NUMBERS, test=0.25)),
    "path test=": ("test X", lambda T: path_of(network(), X, NUMBERS, test=(T, NUMBERS))),
    "path validation=": (
        "validation X",
        lambda V: path_of(network(), X, NUMBERS, validation=(V, NUMBERS)),
    ),
    "path of estimator": ("X", lambda X: path_of(model(), X, WHICH)),
    "path of estimator test=0.25": ("X", lambda X: path_of(model(), X, WHICH, test=0.25)),
    "path of estimator test=": ("test X", lambda T: path_of(model(), X, WHICH, test=(T, WHICH))),
    "path of estimator early": (
        "X",
        lambda X: path_of(model(early_stopping=True, validation_fraction=0.25), X, WHICH),
    ),
    "bias_variance data": ("data X", lambda D: spread((D, NUMBERS), X)),
    "bias_variance data()": ("X", lambda D: spread(lambda rng: (D, NUMBERS), X)),
    "bias_variance X": ("X", lambda P: spread((X, NUMBERS), P)),
    "compare": ("X", compared),
    "compare test=": ("test X", lambda T: compared(X, test=(T, WHICH))),
    "decay_grid": ("X", gridded),
    "decay_grid test=": ("test X", lambda T: gridded(X, test=(T, WHICH))),
    "fit": ("X", fit),
    "fit lbfgs": ("X", lambda X: fit(X, solver="lbfgs")),
    "fit pso": ("X", lambda X: fit(X, solver="pso")),
    "fit early": ("X", lambda X: fit(X, early_stopping=True, validation_fraction=0.25)),
    "fit regressor": ("X", lambda X: fit(X, MLPRegressor)),
    "fit X_val": ("X_val", fit_judged),
    "fit X_val early": ("X_val", lambda V: fit_judged(V, early_stopping=True)),
    "fit X_val scorer": (
        "X_val",
        lambda V: fit_judged(V, early_stopping=True, scoring="neg_log_loss"),
    ),
    "partial_fit": ("X", lambda X: params(model().partial_fit(X, WHICH, classes=[0, 1]))),
    "partial_fit regressor": ("X", lambda X: params(model(MLPRegressor).partial_fit(X, NUMBERS))),
    "fitted.predict": ("X", lambda X: fitted().predict(X)),
    "fitted.predict_proba": ("X", lambda X: fitted().predict_proba(X)),
    "fitted.predict_log_proba": ("X", lambda X: fitted().predict_log_proba(X)),
    "fitted.score": ("X", lambda X: fitted().score(X, WHICH)),
    "fitted.activations": ("X", lambda X: np.hstack(fitted().activations(X))),
    "fitted.input_gradient": ("X", lambda X: fitted().input_gradient(X)),
    "fitted regressor.predict": ("X", lambda X: fitted(MLPRegressor).predict(X)),
    "classifier cv": ("X", chosen),
    "classifier cv loss": ("X", lambda X: chosen(X, scoring="loss", early_stopping=True)),
    "regressor cv": ("X", lambda X: chosen(X, MLPRegressorCV)),
}

# ---- what a callback spoils, at the end of the second and last epoch ----


def spoiling(X):
    """A CSR of the type and the arrays that pyl2 takes, and what spoils it in the end."""
    X, epochs = sp.csr_array(X), []

    def spoil(*_):
        epochs.append(0)
        if len(epochs) >= 2:
            X.indptr[1:-1] = FAR
        return 0.0

    return X, spoil


def spoil_path(X):
    X, spoil = spoiling(X)
    l2_path(network(), X, NUMBERS, 0.1, epochs=2, validation=spoil)


def spoil_path_of_estimator(X, **options):
    X, spoil = spoiling(X)
    l2_path(model(callbacks=spoil), X, WHICH, [0.1], **options)


def spoil_folds(X):
    X, spoil = spoiling(X)
    chosen(X, callbacks=spoil)


def spoil_draws(X):
    X, spoil = spoiling(X)
    bias_variance(model(callbacks=spoil), (X, WHICH), X, np.c_[WHICH, WHICH], [0.1], draws=2)


ENTRANCES_SPOILED = {
    "path": ("X", spoil_path),
    "path of estimator": ("X", spoil_path_of_estimator),
    "classifier cv": ("X", spoil_folds),
    "bias_variance": ("X", spoil_draws),
}


# ---- formats ----

FORMATS = ("csr", "csc", "bsr", "coo", "dia", "lil", "dok")


def made(form, kind, values):
    """A sparse matrix of the format: SciPy's array or its matrix."""
    options = {"blocksize": (2, 2)} if form == "bsr" else {}
    return getattr(sp, f"{form}_{kind}")(values, **options)


# ---- damage ----


def put(part, where, value):
    """An array of the matrix with another number in a place."""

    def damage(X):
        array = getattr(X, part).copy()
        array[where] = value
        setattr(X, part, array)

    return damage


def turned(part, turn):
    """An array of the matrix turned into something else."""

    def damage(X):
        setattr(X, part, turn(getattr(X, part)))

    return damage


def taken_away(part):
    """No such array."""
    return lambda X: delattr(X, part)


def emptied(X):
    """Nothing stored, which SciPy takes for nothing to look at, but indptr rises between."""
    X.indptr = np.zeros_like(X.indptr)
    X.indptr[len(X.indptr) // 2] = FAR
    X.indices, X.data = X.indices[:0], X.data[:0]


def wrapped(X):
    """Steps whose differences, in 32 bits, are all above 0."""
    X.indptr = X.indptr.astype(np.int32)
    X.indptr[1:4] = 1, -(2**31), -1


def unsigned(X):
    """Indices that are -1 when taken for signed."""
    for part in ("indices", "indptr"):
        setattr(X, part, getattr(X, part).astype(np.uint64))
    X.indices[1] = 2**64 - 1


def wide(X):
    """Indices that 32 bits make sound."""
    for part in ("indices", "indptr"):
        setattr(X, part, getattr(X, part).astype(np.int64))
    X.indices[1] += 2**32


def reshaped(*shape):
    """Another shape than the arrays'."""

    def damage(X):
        X._shape = shape

    return damage


def flags(X):
    """SciPy told that there is nothing to sort or to sum."""
    X.has_sorted_indices = X.has_canonical_format = True
    X.indices = X.indices.copy()
    X.indices[0] = -FAR


OF_DATA = {
    "data short": turned("data", lambda a: a[:3]),
    "data None": turned("data", lambda _: None),
    "data away": taken_away("data"),
    "data of another dimension": turned("data", lambda a: a[None]),
    "data of no dimension": turned("data", lambda _: np.array(1.0)),
    "data text": turned("data", lambda a: a.astype("U8")),
    "data objects": turned("data", lambda a: a.astype(object)),
    "data complex": turned("data", lambda a: a.astype(complex)),
    "data ragged": turned("data", lambda _: [[1.0], [1.0, 2.0]]),
}
OF_SHAPE = {
    "one dimension": reshaped(ROWS * COLUMNS),
    "three dimensions": reshaped(ROWS, COLUMNS, 1),
    "a shape below 0": reshaped(-1, COLUMNS),
    "a shape of halves": reshaped(ROWS + 0.5, COLUMNS),
}
COMPRESSED = (
    OF_DATA
    | OF_SHAPE
    | {
        "emptied": emptied,
        "wrapped": wrapped,
        "unsigned": unsigned,
        "wide": wide,
        "flags": flags,
        "begins at 1": put("indptr", 0, 1),
        "begins before": put("indptr", 0, -FAR),
        "rises far": put("indptr", 3, FAR),
        "falls far": put("indptr", 3, -FAR),
        "ends late": put("indptr", -1, FAR),
        "indices below": put("indices", 1, -FAR),
        "indices just below": put("indices", 1, -1),
        "indices beyond": put("indices", 1, FAR),
        "indices just beyond": put("indices", 1, ROWS),
        "indptr short": turned("indptr", lambda a: a[:-1]),
        "indptr long": turned("indptr", lambda a: np.append(a, a[-1])),
        "indptr none": turned("indptr", lambda a: a[:0]),
        "indices short": turned("indices", lambda a: a[:2]),
        "fewer rows": reshaped(ROWS // 2, COLUMNS),
        **{
            f"{part} of {kind}": turned(part, lambda a, kind=kind: a.astype(kind))
            for part in ("indices", "indptr")
            for kind in ("float64", "object", "bool", "complex", "U4")
        },
        **{
            f"{part} {how}": turned(part, turn)
            for part in ("indices", "indptr")
            for how, turn in (
                ("two-dimensional", lambda a: a[None]),
                ("of no dimension", lambda _: np.array(0)),
                ("a list of halves", lambda a: (a + 0.5).tolist()),
                ("None", lambda _: None),
            )
        },
    }
)


def coordinates(turn):
    """Turned row and column numbers."""

    def damage(X):
        row, col = turn(X.row.copy(), X.col.copy())
        if hasattr(X, "coords"):
            X.coords = (row, col)
        else:
            X.row, X.col = row, col

    return damage


def at(array, value, kind=None):
    array = array if kind is None else array.astype(kind)
    array[1] = value
    return array


COORDINATE = (
    OF_DATA
    | OF_SHAPE
    | {
        "row beyond": coordinates(lambda r, c: (at(r, FAR), c)),
        "row just beyond": coordinates(lambda r, c: (at(r, ROWS), c)),
        "row below": coordinates(lambda r, c: (at(r, -FAR), c)),
        "column beyond": coordinates(lambda r, c: (r, at(c, FAR))),
        "column below": coordinates(lambda r, c: (r, at(c, -1))),
        "unsigned": coordinates(lambda r, c: (at(r, 2**64 - 1, np.uint64), c)),
        "wide": coordinates(lambda r, c: (at(r, 2**32, np.int64), c)),
        "row short": coordinates(lambda r, c: (r[:2], c)),
        "column short": coordinates(lambda r, c: (r, c[:2])),
        "both short": coordinates(lambda r, c: (r[:2], c[:2])),
        "halves": coordinates(lambda r, c: (r + 0.5, c)),
        "objects": coordinates(lambda r, c: (r.astype(object), c)),
        "flags": coordinates(lambda r, c: (r < 9, c < 9)),
        "two-dimensional": coordinates(lambda r, c: (r[None], c[None])),
        "fewer rows": reshaped(2, COLUMNS),
        "one coordinate": lambda X: setattr(X, "coords", (X.row,)),
        "no coordinates": lambda X: setattr(X, "coords", None),
    }
)
BLOCKS = COMPRESSED | {
    "blocks of nothing": turned("data", lambda a: a[:, :0]),
    "blocks that do not fit": turned("data", lambda a: np.concatenate([a, a, a], axis=2)),
    "blocks that are too high": turned("data", lambda a: np.concatenate([a] * 3, axis=1)[:, :5]),
    "flat blocks": turned("data", lambda a: a.reshape(len(a), -1)),
    "more rows": reshaped(2 * ROWS, COLUMNS),
    "more columns": reshaped(ROWS, COLUMNS + 1),
}
# SciPy takes columns of data that are not there for 0, so that they may be few.
DIAGONALS = (
    {name: damage for name, damage in OF_DATA.items() if name != "data short"}
    | OF_SHAPE
    | {
        "data few": turned("data", lambda a: a[:1]),
        "offsets few": turned("offsets", lambda a: a[:1]),
        "offsets none": turned("offsets", lambda a: a[:0]),
        "offsets twice": turned("offsets", lambda a: np.zeros_like(a)),
        "offsets halves": turned("offsets", lambda a: a + 0.5),
        "offsets objects": turned("offsets", lambda a: a.astype(object)),
        "offsets two-dimensional": turned("offsets", lambda a: a[None]),
        "offsets None": turned("offsets", lambda _: None),
        "offsets away": taken_away("offsets"),
    }
)


def row_of(part, place, turn):
    """A list of the matrix turned into another."""

    def damage(X):
        getattr(X, part)[place] = turn(getattr(X, part)[place])

    return damage


LISTS = OF_SHAPE | {
    "a row's data long": row_of("data", 0, lambda row: [*row, 1.0] * 100_000),
    "a row's data short": row_of("data", 1, lambda row: row[:0]),
    "a row's columns long": row_of("rows", 0, lambda row: [*row, 1] * 100_000),
    "columns beyond": row_of("rows", 1, lambda row: [FAR] * len(row)),
    "columns just beyond": row_of("rows", 1, lambda row: [COLUMNS] * len(row)),
    "columns below": row_of("rows", 1, lambda row: [-FAR] * len(row)),
    "columns endless": row_of("rows", 1, lambda row: [10**30] * len(row)),
    "columns of halves": row_of("rows", 1, lambda row: [0.5] * len(row)),
    "columns of text": row_of("rows", 1, lambda row: ["0"] * len(row)),
    "columns None": row_of("rows", 1, lambda row: [None] * len(row)),
    "columns of lists": row_of("rows", 1, lambda row: [[0]] * len(row)),
    "a row None": row_of("rows", 2, lambda _: None),
    "a row an array": row_of("rows", 1, lambda row: np.array(row)),
    "values of text": row_of("data", 1, lambda row: ["x"] * len(row)),
    "values of lists": row_of("data", 1, lambda row: [[1.0, 2.0]] * len(row)),
    "values complex": row_of("data", 1, lambda row: [1j] * len(row)),
    "no rows": turned("rows", lambda a: a[:0]),
    "few rows": turned("rows", lambda a: a[:3]),
    "few rows of data": turned("data", lambda a: a[:3]),
    "rows two-dimensional": turned("rows", lambda a: a[:, None]),
    "rows of numbers": turned("rows", lambda a: np.arange(len(a))),
    "rows None": turned("rows", lambda _: None),
    "rows away": taken_away("rows"),
    "more rows": reshaped(2 * ROWS, COLUMNS),
    "complex": lambda X: setattr(X, "dtype", np.dtype(complex)),
}


def entry(key, value=1.0):
    """An entry that the dictionary takes without a look."""

    def damage(X):
        dict.__setitem__(getattr(X, "_dict", X), key, value)

    return damage


KEYS = OF_SHAPE | {
    "row beyond": entry((FAR, 0)),
    "row below": entry((-FAR, 0)),
    "column beyond": entry((0, FAR)),
    "column just beyond": entry((0, COLUMNS)),
    "column below": entry((0, -1)),
    "endless": entry((10**30, 0)),
    "halves": entry((0.5, 0)),
    "text": entry("ab"),
    "a number": entry(3),
    "three": entry((0, 0, 0)),
    "one": entry((0,)),
    "nothing": entry((None, None)),
    "value of text": entry((0, 0), "x"),
    "value of lists": entry((0, 0), [1.0, 2.0]),
    "value complex": entry((0, 0), 1j),
    "fewer rows": reshaped(2, COLUMNS),
}
DAMAGE = {
    "csr": COMPRESSED | {"more rows": reshaped(2 * ROWS, COLUMNS)},
    "csc": COMPRESSED | {"fewer columns": reshaped(ROWS, COLUMNS - 1)},
    "bsr": BLOCKS,
    "coo": COORDINATE,
    "dia": DIAGONALS,
    "lil": LISTS,
    "dok": KEYS,
}


def damaged(form, kind, damage):
    """A damaged matrix, None where this SciPy does not let it be made."""
    values = made(form, kind, X)
    try:
        DAMAGE[form][damage](values)
    except (AttributeError, TypeError, ValueError):
        return None
    return values


# ---- what is found ----


def refused(entrance, bad):
    """What is wrong with how an entrance takes a damaged matrix; nothing if it is refused."""
    name, function = (ENTRANCES_SPOILED if bad is X else ENTRANCES)[entrance]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(bad)
    except (ValueError, TypeError) as error:
        return "" if name in str(error) else f"does not name {name}: {error!r:.200}"
    except Exception as error:
        return f"raises {error!r:.200}"
    return "takes it"


def in_a_fork(entrance, bad):
    """The same in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.write(writer, refused(entrance, bad).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        found = told.read()
    _, status = os.waitpid(child, 0)
    return found if not status else f"crashes with {status}"


# What SciPy would follow anywhere.
ANYWHERE = (
    *("emptied", "indices beyond"),
    *("row beyond", "offsets few", "a row's data long"),
)
LEADING = ("predict", "fit", "path of estimator test=")


def cases(forms, everything):
    """Each format, damage and entrance to try, and whether SciPy's array or its matrix."""
    for form in forms:
        for number, damage in enumerate(DAMAGE[form]):
            wide = everything or damage in ANYWHERE
            for entrance in ENTRANCES if wide else LEADING:
                yield form, damage, entrance, ("array", "matrix")[number % 2]


def main(arguments):
    faulthandler.enable()
    attempt = in_a_fork if "--fork" in arguments else refused
    forms = [form for form in arguments if form in FORMATS] or FORMATS
    for form, damage, entrance, kind in cases(forms, "--all" in arguments):
        bad = damaged(form, kind, damage)
        if bad is not None:
            print(f"{form}: {damage}: {entrance}:", end=" ", flush=True)
            print(attempt(entrance, bad) or "refused", flush=True)
    for entrance in ENTRANCES_SPOILED:
        print(f"csr: spoiled: {entrance}:", end=" ", flush=True)
        print(attempt(entrance, X) or "refused", flush=True)
    print("all tried")


if __name__ == "__main__":
    main(sys.argv[1:])
