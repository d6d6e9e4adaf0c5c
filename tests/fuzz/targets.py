"""Who reads files, and what must come of any file: a documented exception, or what works."""

import json
import tempfile
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attacks
import numpy as np

from pyl2 import (
    Backprop,
    BayesianMLPRegressor,
    MLPClassifierEnsemble,
    MLPRegressorEnsemble,
    Network,
    ParticleSwarm,
    l2_path,
)
from pyl2.data import model_file, tables, treatment
from pyl2.data.cells import of_numbers, of_texts
from pyl2.ensemble import Ensemble

ROWS = np.linspace(-1, 1, 15).reshape(5, 3)


@dataclass(frozen=True)
class Target:
    """Sound files, the attacks on them, and a function that reads and uses a path."""

    files: list[bytes]
    attacks: tuple[Any, ...]
    use: Any

    def run(self, data, path):
        """Read a file, which may be malformed; return whether it was taken.

        Whatever is no documented exception goes on to the caller, warnings too.
        """
        Path(path).write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                self.use(str(path))
            except (ValueError, MemoryError):
                return False
        return True


def use_network(path):
    network = Network.load(path)
    small = network.params.size < 10_000
    if small:
        assert network.predict(np.zeros((2, network.layer_sizes[0]))).shape[0] == 2


def use_trainer(load):
    def use(path):
        trainer = load(path)
        network = trainer.network
        if network.params.size > 10_000 or getattr(trainer, "particles", 0) > 100:
            return
        X, Y = np.zeros((5, network.layer_sizes[0])), np.zeros((5, network.layer_sizes[-1]))
        Y[:, 0] = 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a λ that is too large says so
            history = trainer.train(X, Y, epochs=2, validation=(X, Y))
        assert np.isfinite(history.error).all()

    return use


def use_model(path):
    network, schema = model_file.load(path)
    gaps = of_texts([None, None])
    with np.errstate(all="ignore"):
        rows = schema.encode({found.name: gaps for found in schema.treatments})
        assert len(schema.predictions(network.predict(rows))) == 2


def use_estimator(kind):
    def use(path):
        found = kind.load(path)
        with np.errstate(all="ignore"):
            if isinstance(found, BayesianMLPRegressor):
                mean, std = found.predict(ROWS, return_std=True)
                assert mean.shape == std.shape
            assert len(found.predict(ROWS)) == len(ROWS)

    return use


def use_table(path):
    table = tables.read(path, tables.Request(drop_missing_target=True))
    for cells in table.features.values():
        assert len(cells.values) == len(cells.missing) == len(table.codes)
    assert np.array_equal(np.unique(table.codes), np.arange(len(table.values)))
    assert len(set(table.labels)) == len(table.values)
    if table.numbers is not None:
        assert np.isfinite(table.y).all()
    try:
        found = treatment.fit(table.features, treatment.Recipe(), table.ids)
    except ValueError:  # infinite, too large, or nothing is left to learn from
        return
    rows = treatment.encode(found, table.features, sparse=False)
    assert np.isfinite(rows).all()
    assert [treatment.from_record(json.loads(json.dumps(t.record()))) for t in found] == found
    if not any("rows left out" in note for note in table.notes):
        again, _ = tables.read_features(path, found, table.dialect)
        trained = rows if table.test is None else rows[~table.test]
        assert np.array_equal(treatment.encode(found, again, sparse=False), trained)


def ensemble():
    """Return the file of an ensemble of two networks."""
    networks = [Network((4, 4, 1), seed=seed) for seed in range(2)]
    found = Ensemble(networks, np.array([0.25, 0.75]), np.array([0.1]))
    rng = np.random.default_rng(0)
    words = np.array(["p", "q", ""], object)[rng.integers(0, 3, 20)]
    columns = {"a": of_numbers(rng.normal(size=20)), "b": of_texts(words)}
    treatments = treatment.fit(columns, treatment.Recipe())
    schema = model_file.Schema(treatments, "y", None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ensemble.pyl2")
        model_file.save(path, found, schema)
        return path.read_bytes()


def estimators(*fitted):
    """Return the files of estimators that have been fitted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "estimator.pyl2")
        found = []
        for estimator in fitted:
            estimator.save(path)
            found.append(path.read_bytes())
        return found


def bayesian():
    """Return the files of a regressor with one λ, and of one with a λ for each layer."""
    X = np.random.default_rng(0).normal(size=(60, 3))
    alone = {"alphas": [1.0], "random_state": 0}
    return estimators(
        BayesianMLPRegressor(3, **alone).fit(X, X[:, 0] ** 2),
        BayesianMLPRegressor(2, per_layer=True, **alone).fit(X, X[:, :2] ** 2),
    )


def ensemble_of(kind, *targets):
    """Return the files of ensembles of two candidates."""
    few = {"candidates": 2, "folds": 2, "max_iter": 5, "random_state": 0}
    return estimators(*(kind(3, **few).fit(ROWS, y) for y in targets))


def released(name):
    return [(attacks.RELEASED / f"{name}.pyl2").read_bytes()]


class Sweep:
    """A sweep in a folder, one of whose finished fits is malformed."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp())
        rng = np.random.default_rng(0)
        self.rows = rng.normal(size=(20, 2)), rng.normal(size=20)
        self.path = self.folder / "l2-0.pyl2"
        self.run()

    def run(self):
        network = Network((2, 3, 1), seed=0)
        options = {"optimizer": "lbfgs", "epochs": 3, "seed": 0, "resume_dir": self.folder}
        return l2_path(network, *self.rows, [0.1, 1.0], **options)

    def use(self, path):
        self.path.write_bytes(Path(path).read_bytes())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*trains them again")  # of another version
            found = self.run()
        assert len(found) == 2
        assert found.curves.ndim == 3


SWEEP = Sweep()
MODEL_ATTACKS = (*attacks.RAW, *attacks.MODEL_FILE, *attacks.MODEL_FILE)
TARGETS = {
    "network": Target(released("network"), MODEL_ATTACKS, use_network),
    "backprop": Target(released("backprop"), MODEL_ATTACKS, use_trainer(Backprop.load)),
    "particle_swarm": Target(
        released("particle_swarm"), MODEL_ATTACKS, use_trainer(ParticleSwarm.load)
    ),
    "model": Target([*released("model"), ensemble()], MODEL_ATTACKS, use_model),
    "finished": Target([SWEEP.path.read_bytes()], MODEL_ATTACKS, SWEEP.use),
    "bayesian": Target(bayesian(), MODEL_ATTACKS, use_estimator(BayesianMLPRegressor)),
    "regressors": Target(
        ensemble_of(MLPRegressorEnsemble, ROWS[:, 0], ROWS[:, :2]),
        MODEL_ATTACKS,
        use_estimator(MLPRegressorEnsemble),
    ),
    "classifiers": Target(
        ensemble_of(MLPClassifierEnsemble, [0, 1, 0, 1, 0], list("abaab"), np.eye(5, 2, dtype=int)),
        MODEL_ATTACKS,
        use_estimator(MLPClassifierEnsemble),
    ),
    "csv": Target(attacks.csv_files(), (*attacks.RAW, *(attacks.of_cells,) * 9), use_table),
    "packed": Target(attacks.packed_files(), attacks.RAW, use_table),
    "npy": Target(attacks.npy_files(), (*attacks.RAW, attacks.of_npy_header), use_table),
    "npz": Target(attacks.npz_files(), (*attacks.RAW, *(attacks.of_npy,) * 9), use_table),
}
if find_spec("openpyxl"):
    TARGETS["xlsx"] = Target(attacks.workbooks(), (*attacks.RAW, attacks.of_npy), use_table)
if find_spec("pyarrow"):
    TARGETS["parquet"] = Target(
        attacks.parquet_files(),
        (*attacks.RAW, *(attacks.of_footer,) * 4, *(attacks.of_columns,) * 5),
        use_table,
    )


def scratch():
    """Where to put a file that is read again and again: in memory, if there is such a folder."""
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(dir=memory if memory.is_dir() else None)
    return Path(folder) / "malformed"
