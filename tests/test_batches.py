"""Rows of files some at a time: all of them, in order, in little memory."""

import threading
import tracemalloc

import numpy as np
import pytest

from pyl2 import MLPRegressor, batches

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(103, 4)), RNG.normal(size=103)


def parquet(path, **columns):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    table = {f"x{i}": X[:, i] for i in range(4)} | {"y": y} | columns
    pq.write_table(pa.table(table), path, row_group_size=30)
    return path


def saved(path, array):
    np.save(path, array)
    return path


def zipped(path, **arrays):
    np.savez(path, **arrays)
    return path


FORMS = {
    "npy": lambda folder: saved(folder / "a.npy", np.column_stack([X, y])),
    "npz": lambda folder: zipped(folder / "a.npz", other=np.ones(3), X=X, y=y),
    "parquet": lambda folder: parquet(folder / "a.parquet"),
    "arrays": lambda folder: (X, y),
    "paths": lambda folder: (saved(folder / "X.npy", X), str(saved(folder / "y.npy", y))),
    "map": lambda folder: (np.load(saved(folder / "X.npy", X), mmap_mode="r"), y),
}


@pytest.mark.parametrize("size", [1, 10, 103, 1000])
@pytest.mark.parametrize("form", FORMS)
def test_all_rows_come_in_order(form, size, tmp_path):
    found = list(batches(FORMS[form](tmp_path), size))
    assert max(len(part) for part, _ in found) <= size
    np.testing.assert_array_equal(np.concatenate([part for part, _ in found]), X)
    np.testing.assert_array_equal(np.concatenate([part for _, part in found]), y)


def test_the_target_is_chosen(tmp_path):
    ((rows, target),) = batches(saved(tmp_path / "a.npy", X), target=1)
    np.testing.assert_array_equal(rows, X[:, [0, 2, 3]])
    np.testing.assert_array_equal(target, X[:, 1])
    ((rows, target),) = batches(parquet(tmp_path / "a.parquet"), target="x0")
    np.testing.assert_array_equal(rows, np.column_stack([X[:, 1:], y]))
    np.testing.assert_array_equal(target, X[:, 0])


def test_types_are_kept(tmp_path):
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    ((rows, target),) = batches((whole, np.array([1, 2, 3])))
    assert rows.dtype == np.float32
    assert target.dtype == np.int64


def test_training_is_that_of_partial_fit(tmp_path):
    one, other = (MLPRegressor(hidden_layer_sizes=5, random_state=0) for _ in range(2))
    for some in batches(FORMS["npy"](tmp_path), 50):
        one.partial_fit(*some)
    for at in range(0, 103, 50):
        other.partial_fit(X[at : at + 50], y[at : at + 50])
    np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])


@pytest.mark.parametrize("form", ["npy", "parquet"])
def test_memory_is_that_of_a_few_batches(form, tmp_path):
    rows = np.ones((200_000, 10))
    path = tmp_path / "a"
    if form == "npy":
        with path.open("wb") as file:
            np.save(file, rows)
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet as pq

        pq.write_table(pa.table({str(i): rows[:, i] for i in range(10)}), path, row_group_size=9999)
    del rows
    tracemalloc.start()
    assert sum(len(part) for part, _ in batches(path, 1000)) == 200_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000  # of 16 MB


def test_who_leaves_early_leaves_no_thread(tmp_path):
    before = threading.active_count()
    for _ in batches((X, y), 1):
        break
    reading = batches((X, y), 1)
    next(reading)
    reading.close()
    assert threading.active_count() <= before


def test_errors_name_what_is_wrong(tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("a,b\n1,2\n")
    cut = saved(tmp_path / "cut.npy", X)
    cut.write_bytes(cut.read_bytes()[:-8])
    packed = tmp_path / "packed.npz"
    np.savez_compressed(packed, X=X, y=y)
    for data, match in (
        (text, "no .npy, .npz or Parquet file"),
        (cut, "cut short"),
        (packed, "is compressed: np.savez"),
        (zipped(tmp_path / "lacks.npz", X=X), "has no y"),
        (saved(tmp_path / "f.npy", np.asfortranarray(X)), "stored by columns"),
        (saved(tmp_path / "one.npy", y), "rows and columns, got shape"),
        ((X, y[1:]), "y has 102 rows, but X has 103"),
        ((X,), "path must be"),
    ):
        with pytest.raises(ValueError, match=match):
            list(batches(data))
    with pytest.raises(TypeError, match="column 'name' holds no numbers but string"):
        batches(parquet(tmp_path / "text.parquet", name=["a"] * 103), target="y")
    with pytest.raises(ValueError, match="target must be a column"):
        batches(parquet(tmp_path / "a.parquet"), target="z")
    with pytest.raises(ValueError, match="target must be from -4 to 3, got 4"):
        batches(saved(tmp_path / "a.npy", X), target=4)
    with pytest.raises(FileNotFoundError):
        batches(tmp_path / "none.npy")
    with pytest.raises(ValueError, match="size must be at least 1"):
        batches((X, y), 0)


def test_incremental_of_dask_ml():
    wrappers = pytest.importorskip("dask_ml.wrappers")
    array = pytest.importorskip("dask.array")
    own = MLPRegressor(hidden_layer_sizes=5, random_state=0)
    model = wrappers.Incremental(own, shuffle_blocks=False)
    model.fit(array.from_array(X, chunks=(60, 4)), array.from_array(y, chunks=60))
    expected = MLPRegressor(hidden_layer_sizes=5, random_state=0)
    expected.partial_fit(X[:60], y[:60]).partial_fit(X[60:], y[60:])
    np.testing.assert_array_equal(model.estimator_.coefs_[0], expected.coefs_[0])
