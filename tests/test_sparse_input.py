"""A sparse X at every public entrance: the numbers of its dense copy, or an error that names it."""

import pickle
import re
import subprocess
import sys

import damaged_sparse
import numpy as np
import pytest
import scipy.sparse as sp
from damaged_sparse import COLUMNS, DAMAGE, ENTRANCES, FORMATS, NUMBERS, ROWS, WHICH, made

from pyl2 import Backprop, MLPClassifier, MLPRegressor, Network, l2_path
from pyl2._common import sparse
from pyl2.path import bias_variance
from pyl2.plots import BoundaryDisplay, FitDisplay

X = damaged_sparse.X
LABELS = np.c_[WHICH, 1 - WHICH, WHICH]  # several of each row
# Where a matrix gets in by itself, by scikit-learn, and where its rows are taken.
SOME = ("predict", "sgd", "fit early", "path test=0.25")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ---- damaged ----


@pytest.fixture(scope="module")
def outcomes():
    """What became of each damaged matrix at each entrance, in a process that may crash."""
    command = [sys.executable, damaged_sparse.__file__]
    told = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    lines = told.stdout.splitlines()
    assert told.returncode == 0, f"crashed at {lines[-1:]}\n{told.stderr}"
    return lines


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_damaged_matrices(entrance, outcomes):
    """Each is refused by an error that names it, before SciPy follows an index."""
    here = [line for line in outcomes if f": {entrance}: " in line]
    assert {line.split(":")[0] for line in here} == set(FORMATS)
    assert [line for line in here if not line.endswith(": refused")] == []


@pytest.mark.parametrize("form", FORMATS)
def test_every_damage_was_tried(form, outcomes):
    """But one that this SciPy does not let be done."""
    tried = {line.split(": ")[1] for line in outcomes if line.startswith(form)}
    assert len(DAMAGE[form].keys() - tried) <= 3


def test_matrices_that_a_callback_damages(outcomes):
    here = [line for line in outcomes if line.startswith("csr: spoiled: ")]
    assert len(here) == len(damaged_sparse.ENTRANCES_SPOILED)
    assert [line for line in here if not line.endswith(": refused")] == []


@pytest.mark.parametrize("bad", ["emptied", "rises far", "indices beyond"])
def test_damaged_labels(bad):
    """Labels may be sparse, as in scikit-learn."""
    Y, model = sp.csr_array(LABELS), MLPClassifier(2, max_iter=1)
    fitted = MLPClassifier(2, max_iter=1).fit(X, Y)
    DAMAGE["csr"][bad](Y)
    calls = {
        "y": (
            lambda: model.fit(X, Y),
            lambda: model.partial_fit(X, Y, classes=[0, 1, 2]),
            lambda: fitted.score(X, Y),
        ),
        "y_val": (lambda: model.fit(X, LABELS, X_val=X, y_val=Y),),
    }
    for name in calls:
        for call in calls[name]:
            with pytest.raises(ValueError, match=f"{name} is a damaged sparse matrix"):
                call()


def test_damaged_matrices_to_draw():
    path = l2_path(Network((1, 2, 1), seed=0), X[:, :1], NUMBERS, [0.1, 1], epochs=1)
    model = MLPClassifier(2, max_iter=1).fit(X[:, :2], WHICH)
    plane = l2_path(model, X[:, :2], WHICH, [0.1, 1])
    for form in ("csr", "csc"):
        Z = made(form, "array", X[:, :2])
        DAMAGE[form]["emptied"](Z)
        with pytest.raises(ValueError, match="X is a damaged sparse matrix"):
            BoundaryDisplay.from_results(plane, Z, WHICH)
        with pytest.raises(ValueError, match="X is a damaged sparse matrix"):
            FitDisplay.from_results(path, Z, NUMBERS)


def test_an_index_that_another_type_would_make_sound():
    """None of these may be cast before it is compared."""
    good = sp.csr_array(X)
    for kind, value in (
        (np.int8, -1),
        (np.int16, -(2**15)),
        (np.uint64, 2**64 - 1),
        (np.uint64, 2**63),
        (np.int64, 2**32),
        (">i8", 2**32),
        (">i4", -1),
    ):
        Z = good.copy()
        Z.indices = Z.indices.astype(kind)
        Z.indices[3] = value
        with pytest.raises(ValueError, match=r"X\.indices must lie between 0 and 3"):
            sparse.csr("X", Z)
    for step in (2**31, -(2**31), 2**63 - 1, -(2**63)):
        Z = good.copy()
        Z.indices, Z.indptr = Z.indices.astype(np.int64), Z.indptr.astype(np.int64)
        Z.indptr[5] = step
        with pytest.raises(ValueError, match=r"X\.indptr must not fall, but does at row [45], "):
            sparse.csr("X", Z)


class Changing(sp.csr_array):
    """One whose indices are sound when they are first asked for."""

    asked = 0

    @property
    def indices(self):
        self.asked += 1
        sound = self.__dict__["indices"]
        return sound if self.asked < 2 else sound + 10**8

    @indices.setter
    def indices(self, value):
        self.__dict__["indices"] = value


def test_what_was_checked_is_what_is_used():
    """Each array is asked for once."""
    Z = Changing(X)
    Z.indices = sp.csr_array(X).indices  # SciPy has asked, too
    for call in (Network((COLUMNS, 1), seed=0).predict, MLPClassifier(2, max_iter=1).fit):
        Z.asked = 0
        arguments = () if call.__name__ == "predict" else (WHICH,)
        call(Z, *arguments)
        assert Z.asked == 1


# ---- sound ----


@pytest.mark.filterwarnings("ignore:the alpha chosen:UserWarning")
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_sound_matrices(entrance):
    """Every format gives what the dense copy gives, and is left as it was."""
    _, function = ENTRANCES[entrance]
    expected = function(X)
    for number, form in enumerate(FORMATS):
        Z = made(form, ("array", "matrix")[(number + len(entrance)) % 2], X)
        before = pickle.dumps(vars(Z))
        np.testing.assert_allclose(function(Z), expected, rtol=1e-6, atol=1e-9, err_msg=form)
        assert pickle.dumps(vars(Z)) == before, form


def twice(form, dtype):
    """100 where X is not 0, stored twice, unsorted, with zeros: more than int8 holds."""
    row, column = (np.concatenate([part[::-1], part]) for part in np.nonzero(X))
    values = np.full(len(row), 100)
    values[::7] = 0
    values = values.astype(dtype)
    if form == "coo":
        return sp.coo_array((values, (row, column)), shape=X.shape)
    major, minor, count = {"csr": (row, column, ROWS), "csc": (column, row, COLUMNS)}[form]
    order = np.argsort(major, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(major, minlength=count))])
    kind = getattr(sp, f"{form}_array")
    return kind((values[order], minor[order], indptr), shape=X.shape)


def replaced(Z, **arrays):
    for part, array in arrays.items():
        setattr(Z, part, array)
    return Z


def read_only(Z):
    for part in (Z.data, Z.indices, Z.indptr):
        part.flags.writeable = False
    return Z


def strided(array):
    return np.repeat(array, 2, axis=0)[::2]


def backward(array):
    return array[::-1].copy()[::-1]


def of_lists(rows, data):
    """A matrix of lists with the columns of its rows in any order, or twice."""
    Z = sp.lil_array(X.shape)
    Z.rows[1], Z.data[1] = rows, data
    return Z


def layouts():
    """Name, a sound matrix, and what it is when dense."""
    csr, csc, coo = sp.csr_array(X), sp.csc_array(X), sp.coo_array(X)
    for form in ("csr", "csc", "coo"):
        for dtype in (float, bool, np.int8, np.int64):
            Z = twice(form, dtype)
            yield f"{form} of {np.dtype(dtype)}, twice", Z, Z.toarray()
    for kind in ("i1", "u1", "u2", "u4", "u8", ">i4", ">i8", "i8"):
        parts = csr.indices.astype(kind), csr.indptr.astype(kind)
        yield f"indices of {kind}", replaced(csr.copy(), indices=parts[0], indptr=parts[1]), X
        places = tuple(part.astype(kind) for part in (coo.row, coo.col))
        yield f"coo of {kind}", replaced(coo.copy(), coords=places), X
    for kind in (">f8", ">f4", "f2", "g", "f4"):
        yield f"data of {kind}", replaced(csr.copy(), data=csr.data.astype(kind)), X
        yield f"csc of {kind}", replaced(csc.copy(), data=csc.data.astype(kind)), X
    for turn in (strided, backward):
        for form in (csr, csc):
            parts = {part: turn(getattr(form, part)) for part in ("data", "indices", "indptr")}
            yield f"{form.format} {turn.__name__}", replaced(form.copy(), **parts), X
    yield "read-only", read_only(csr.copy()), X
    more = np.append(csr.data, [np.nan, 7]), np.append(csr.indices, 10**8)
    yield "longer", replaced(csr.copy(), data=more[0], indices=more[1]), X
    empty = np.zeros_like(X)
    for form in FORMATS:
        yield f"{form} of nothing", made(form, "array", empty), empty
    yield "explicit zeros", replaced(csr.copy(), data=0 * csr.data), empty
    yield "unsorted and told not to be", told_sorted(twice("csr", float)), None
    lists = empty.copy()
    lists[1] = [3, 0, 0, 1]
    yield "lists in any order", of_lists([3, 0], [1.0, 3.0]), lists
    yield "lists with a place twice", of_lists([3, 0, 0], [1.0, 1.0, 2.0]), lists
    diagonal, offsets = X[:, :1].T, [0, 2**31 - 1, -(2**31), COLUMNS, -ROWS]
    far = sp.dia_array((diagonal.repeat(5, axis=0), offsets), shape=X.shape)
    yield "diagonals outside", far, sp.dia_array((diagonal, [0]), shape=X.shape).toarray()


def told_sorted(Z):
    Z.has_canonical_format = True
    return Z


LAYOUTS = {name: (Z, dense) for name, Z, dense in layouts()}


@pytest.mark.filterwarnings("ignore::UserWarning")  # of values like these
@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name):
    """Index types, byte orders, strides, duplicates, zeros: the dense copy's numbers."""
    Z, dense = LAYOUTS[name]
    if dense is None:
        dense = sp.csr_array((Z.data, Z.indices, Z.indptr), shape=Z.shape).toarray()
    loose = {"rtol": 1e-3, "atol": 1e-4} if "f4" in name else {"rtol": 1e-6, "atol": 1e-9}
    for entrance in SOME:
        _, function = ENTRANCES[entrance]
        before = pickle.dumps(vars(Z))
        np.testing.assert_allclose(function(Z), function(dense), **loose, err_msg=entrance)
        assert pickle.dumps(vars(Z)) == before


def test_one_column_is_not_sorted_in_place():
    """Its range is looked at, which SciPy does by summing what lies twice, in place."""
    parts = np.arange(40) / 40, np.zeros(40, int), np.arange(0, 41, 2)
    column = sp.csr_array(parts, shape=(20, 1))
    before = pickle.dumps(vars(column))
    paths = [
        l2_path(Network((1, 2, 1), seed=0), Z, np.arange(20) / 9, 0.1, epochs=2, seed=0)
        for Z in (column, column.toarray())
    ]
    assert paths[1].curvature > 0
    np.testing.assert_allclose(paths[0].curvature, paths[1].curvature)
    assert pickle.dumps(vars(column)) == before


def test_displays():
    path = l2_path(Network((1, 2, 1), seed=0), X[:, :1], NUMBERS, [0.1, 1], epochs=1)
    found = [
        FitDisplay.from_results(path, Z, NUMBERS).x for Z in (X[:, :1], sp.csc_array(X[:, :1]))
    ]
    np.testing.assert_array_equal(*found)
    plane = l2_path(MLPClassifier(2, max_iter=1), X[:, :2], WHICH, [0.1, 1])
    found = [
        BoundaryDisplay.from_results(plane, Z, WHICH).x for Z in (X[:, :2], sp.dok_array(X[:, :2]))
    ]
    np.testing.assert_array_equal(*found)


def test_sparse_labels():
    models = [MLPClassifier(2, max_iter=2, random_state=0) for _ in range(2)]
    for model, Y in zip(models, (LABELS, sp.csr_array(LABELS)), strict=True):
        model.fit(X, Y, X_val=X, y_val=Y)
        assert model.score(X, Y) == models[0].score(X, LABELS)
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])


class Converted:
    """No matrix of SciPy's, but something that becomes one."""

    def __init__(self, found):
        self.found = found

    def tocsr(self):
        return self.found


def test_what_becomes_a_matrix():
    network = Network((COLUMNS, 1), seed=0)
    for found in (sp.csr_array(X), sp.coo_array(X)):
        np.testing.assert_allclose(network.predict(Converted(found)), network.predict(X))
    bad = sp.csr_array(X)
    DAMAGE["csr"]["emptied"](bad)
    with pytest.raises(ValueError, match="X is a damaged sparse matrix"):
        network.predict(Converted(bad))
    with pytest.raises(TypeError, match=re.escape("X.tocsr() must give a matrix of SciPy's")):
        network.predict(Converted(X))


# ---- refused by name ----


@pytest.mark.parametrize("form", FORMATS)
def test_no_rows_or_columns(form):
    network = Network((COLUMNS, 2), seed=0)
    assert network.predict(made_of_shape(form, (0, COLUMNS))).shape == (0, 2)
    with pytest.raises(ValueError, match="X has no rows"):
        network.error(made_of_shape(form, (0, COLUMNS)), np.zeros((0, 2)))
    with pytest.raises(ValueError, match="X has 0 features, but the network takes 4"):
        network.predict(made_of_shape(form, (ROWS, 0)))
    for made_ in (MLPClassifier, MLPRegressor):
        with pytest.raises(ValueError, match="0 sample"):
            made_().fit(made_of_shape(form, (0, COLUMNS)), [])
        with pytest.raises(ValueError, match="0 feature"):
            made_().fit(made_of_shape(form, (ROWS, 0)), WHICH)


def made_of_shape(form, shape):
    return getattr(sp, f"{form}_array")(shape)


WHERE_ARRAYS_HAVE_ANY_DIMENSIONS = pytest.mark.skipif(
    not hasattr(sp.coo_array((2, 2)), "coords"), reason="SciPy 1.13 and later"
)


@WHERE_ARRAYS_HAVE_ANY_DIMENSIONS
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_other_dimensions(entrance):
    name, function = ENTRANCES[entrance]
    flat, deep = sp.coo_array(np.ones(COLUMNS)), np.ones((ROWS, COLUMNS, 1))
    bad = [flat, flat.tocsr(), flat.todok()]
    bad += [sp.coo_array(deep)] if hasattr(sp, "expand_dims") else []
    for Z in bad:
        with pytest.raises(ValueError, match=rf"{name} must have 2 dimensions, got shape \("):
            function(Z)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_complex_numbers(entrance):
    name, function = ENTRANCES[entrance]
    for form in FORMATS:
        with pytest.raises(TypeError, match=f"{name} must hold real numbers, got dtype complex"):
            function(made(form, "array", X.astype(complex)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("form", FORMATS)
def test_numbers_that_are_not_finite(form, bad):
    values = X.copy()
    values[0, 0] = bad
    for entrance in ("sgd", "validation", "path", "path test=", "compare", "fit", "regressor cv"):
        name, function = ENTRANCES[entrance]
        with pytest.raises(ValueError, match=rf"{name} contains (NaN|infinity)"):
            function(made(form, "matrix", values))


def test_rows_of_one_more_than_targets():
    """They went along, unseen, where rows were drawn by the number of targets."""
    for Z in (X, sp.csr_array(X)):
        for y in (WHICH[:-1], WHICH.repeat(2)):
            with pytest.raises(
                ValueError, match=f"data y has {len(y)} rows, but data X has {ROWS}"
            ):
                bias_variance(Network((COLUMNS, 1)), (Z, y), Z, NUMBERS)
            with pytest.raises(ValueError, match="inconsistent numbers of samples"):
                l2_path(MLPClassifier(2, max_iter=1), Z, y, [0.1], test=0.25)


# ---- cost ----


def test_no_copy_of_X():
    """The check takes the arrays as they are, and so does what SciPy is given."""
    for kind in (np.int32, np.int64):
        Z = sp.csr_matrix(X)
        Z.indices, Z.indptr = Z.indices.astype(kind), Z.indptr.astype(kind)
        for found in (sparse.csr("X", Z), sparse.matrix("X", Z)):
            for part in ("data", "indices", "indptr"):
                assert np.shares_memory(getattr(found, part), getattr(Z, part))
    assert isinstance(sparse.matrix("X", Z), sp.csr_matrix)
    assert isinstance(sparse.matrix("X", sp.coo_array(X)), sp.csr_array)
    trainer = Backprop(Network((COLUMNS, 1), seed=0))
    trainer.train(read_only(sp.csr_array(X)), NUMBERS, epochs=1)
