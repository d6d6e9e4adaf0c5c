"""Rows of a file larger than what is held of it: time and memory of `partial_fit` over `batches`.

    python bench/batches.py [--gb 1.0] [--folder FOLDER]

A file of made-up rows is written, read and removed. The memory is the process's highest, less what
it had before the first batch. "map" are slices of NumPy's memory map, taken by the thread that
trains.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from pyl2 import MLPRegressor, batches

COLUMNS, SIZE = 20, 10_000


def written(path: Path, rows: int) -> Path:
    """A file of rows, the last column the target, written in parts."""
    rng = np.random.default_rng(0)
    file = np.lib.format.open_memmap(path, "w+", np.float32, (rows, COLUMNS + 1))
    for at in range(0, rows, 100_000):
        part = rng.standard_normal((min(100_000, rows - at), COLUMNS + 1), np.float32)
        part[:, -1] = np.sin(part[:, 0]) + part[:, 1]
        file[at : at + len(part)] = part
    del file
    return path


def resident() -> float:
    """Megabytes of memory that are this process's own, pages of mapped files left out."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def mapped(path: Path):
    """The same batches from a memory map, without a thread."""
    rows = np.load(path, mmap_mode="r")
    for at in range(0, len(rows), SIZE):
        yield np.array(rows[at : at + SIZE, :-1]), np.array(rows[at : at + SIZE, -1])


def measure(source, model=None) -> tuple[float, float]:
    """Seconds of all batches, and the megabytes more than before that they took at most."""
    start, before, most = time.perf_counter(), resident(), 0.0
    for i, (X, y) in enumerate(source):
        if model is not None:
            model.partial_fit(X, y)
        if i % 20 == 0:
            most = max(most, resident())
    return time.perf_counter() - start, most - before


def main() -> None:
    """Run, and print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gb", type=float, default=1.0, help="size of the file (1)")
    parser.add_argument("--folder", help="where to write it")
    args = parser.parse_args()
    rows = int(args.gb * 1e9 / (4 * (COLUMNS + 1)))
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = written(Path(folder) / "rows.npy", rows)
        settings = {"hidden_layer_sizes": 32, "batch_size": 200, "random_state": 0}
        MLPRegressor(**settings).partial_fit(*next(mapped(path)))
        print(f"{rows} rows, {path.stat().st_size / 1e9:.1f} GB, batches of {SIZE}")
        for name, source, model in (
            ("read alone", batches(path, SIZE), None),
            ("map, partial_fit", mapped(path), MLPRegressor(**settings)),
            ("batches, partial_fit", batches(path, SIZE), MLPRegressor(**settings)),
        ):
            seconds, megabytes = measure(source, model)
            print(f"{name:22} {seconds:7.2f} s {megabytes:7.1f} MB")


if __name__ == "__main__":
    main()
