"""The same seed gives the same bits, whoever computes them, and however.

Run as ``python tests/determinism.py`` it takes the seeds 0 to 99 through every solver, and
compares one thread with two and four, a run that is saved and one that is pickled in the middle
with one that is not, and two processes with other hashes of strings; all that in each instruction
set that this machine has. test_determinism.py does it for one seed.
"""

import argparse
import hashlib
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

from pyl2 import Backprop, MLPClassifier, Network, ParticleSwarm, _core, pso

THREADS = (1, 2, 4)
SIZES = (12, 100, 100, 3)
ROWS = 1000  # with these sizes enough for threads to take part, within a batch too


def data(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(ROWS, SIZES[0]))
    return X, np.tanh(X[:, : SIZES[-1]])


def trainer(make, dtype, seed, n_threads, **keywords):
    network = Network(SIZES, dtype=dtype, seed=seed)
    return make(network, l2=0.1, seed=seed, n_threads=n_threads, **keywords)


def backprop(**keywords):
    return lambda dtype, seed, n: trainer(Backprop, dtype, seed, n, **keywords)


TRAINERS = {
    **{
        f"{optimizer}, batches of 256": backprop(optimizer=optimizer, batch_size=256)
        for optimizer in _core.OPTIMIZERS
    },
    "sgd, one batch": backprop(batch_size=None),
    "adam, invscaling": backprop(optimizer="adam", batch_size=300, schedule="invscaling"),
    "L-BFGS": backprop(optimizer="lbfgs"),
    "swarm": lambda dtype, seed, n: trainer(ParticleSwarm, dtype, seed, n, particles=6),
}
SOLVERS = ("sgd", "adam", "adamw", "lbfgs", "pso")


def bits(*arrays):
    """A digest of the very bits."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def trained(run, X, Y, epochs):
    history = run.train(X, Y, epochs=epochs)
    return history.error, history.data_error, history.penalty


def straight(make, dtype, seed, n_threads=1):
    """Two trainings, the second of which goes on."""
    X, Y = data(seed)
    run = make(dtype, seed, n_threads)
    return bits(*trained(run, X, Y, 1), *trained(run, X, Y, 1), run.network.params)


def resumed(make, dtype, seed):
    """The same, but in between it is in a file."""
    X, Y = data(seed)
    run = make(dtype, seed, 1)
    first = trained(run, X, Y, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "training.pyl2")
        run.save(path)
        run = type(run).load(path)
    return bits(*first, *trained(run, X, Y, 1), run.network.params)


def pickled(make, dtype, seed):
    """The same, but in between it is a pickle."""
    X, Y = data(seed)
    run = make(dtype, seed, 1)
    first = trained(run, X, Y, 1)
    run = pickle.loads(pickle.dumps(run))
    return bits(*first, *trained(run, X, Y, 1), run.network.params)


def fitted(solver, seed, n_threads=1, through=lambda model: model):
    """An estimator, fitted, taken `through` something, and fitted again from where it was."""
    X, Y = data(seed)
    y = Y.argmax(axis=1)
    keywords = {"max_iter": 1, "warm_start": True, "random_state": seed, "n_threads": n_threads}
    model = MLPClassifier((20,), solver=solver, **keywords).fit(X, y)
    model = through(model).fit(X, y)
    return bits(*model.coefs_, *model.intercepts_, model.loss_, model.predict_proba(X))


def searched(seed):
    return bits(pso(lambda x: float((x * x).sum()), [-3] * 5, [2] * 5, rng=seed, maxiter=9).x)


def compare_trainers(seed):
    """All trainers in both types: threads, files and pickles change nothing.  Returns the bits."""
    found = {}
    for name, make in TRAINERS.items():
        for dtype in ("float32", "float64"):
            expected = straight(make, dtype, seed)
            others = {f"{n} threads": straight(make, dtype, seed, n) for n in THREADS[1:]}
            if name != "L-BFGS":  # starts afresh from the parameters: SciPy shows no state
                others["saved"] = resumed(make, dtype, seed)
            others["pickled"] = pickled(make, dtype, seed)
            for how, other in others.items():
                assert other == expected, f"seed {seed}, {name}, {dtype}: {how}"
            found[name, dtype] = expected
    return found


def compare_estimators(seed):
    """The same of the estimators."""
    found = {}
    for solver in SOLVERS:
        expected = fitted(solver, seed)
        others = {f"{n} threads": fitted(solver, seed, n) for n in THREADS[1:]}
        others["pickled"] = fitted(solver, seed, 1, lambda model: pickle.loads(pickle.dumps(model)))
        for how, other in others.items():
            assert other == expected, f"seed {seed}, MLPClassifier, {solver}: {how}"
        found[solver] = expected
    return found


def everything(seeds):
    """The bits of all that is trained, as a digest; each compared with itself."""
    warnings.simplefilter("ignore")
    digest = hashlib.sha256()
    for seed in seeds:
        found = [*compare_trainers(seed).values(), *compare_estimators(seed).values()]
        digest.update("".join([*found, searched(seed)]).encode())
    return digest.hexdigest()


def in_a_process(isa, hash_seed, seeds):
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--inside", *map(str, seeds)],
        env=os.environ | {"PYL2_ISA": isa, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=100, help="0 to this, excluded (default: 100)")
    parser.add_argument("--inside", type=int, nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(everything(args.inside))
        return
    tenth = max(1, args.seeds // 10)
    for isa in _core.ISAS:
        for first in range(0, args.seeds, tenth):
            seeds = range(first, min(first + tenth, args.seeds))
            one, other = (in_a_process(isa, hash_seed, seeds) for hash_seed in (0, 1))
            assert one == other, f"{isa}: two processes differ in seeds {seeds}"
            print(f"{isa}: seeds {seeds.start} to {seeds.stop - 1}: {one[:16]}", flush=True)
    trainings = (len(TRAINERS) * 2 + len(SOLVERS)) * args.seeds * len(_core.ISAS)
    print(f"{trainings} trainings, each the same bits in all ways it was done")


if __name__ == "__main__":
    main()
