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
from functools import partial
from pathlib import Path

import numpy as np

from pyl2 import (
    Backprop,
    MLPClassifier,
    MLPClassifierCV,
    MLPRegressorCV,
    Network,
    ParticleSwarm,
    _core,
    l2_path,
    pso,
)

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
        if optimizer != "rprop"
    },
    "rprop, one batch": backprop(optimizer="rprop", batch_size=None),
    "sgd, one batch": backprop(batch_size=None),
    "adam, invscaling": backprop(optimizer="adam", batch_size=300, schedule="invscaling"),
    "adam, dropout": backprop(
        optimizer="adam", batch_size=256, dropout=[0.5, 0.2], input_dropout=0.1
    ),
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


def same(model):
    return model


def pickled(model):
    return pickle.loads(pickle.dumps(model))


def saved(model):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pyl2")
        model.save(path)
        return type(model).load(path)


def twice(make, dtype, seed, n_threads=1, through=same):
    """Two trainings, the second of which goes on from where the first was, taken `through` it."""
    X, Y = data(seed)
    run = make(dtype, seed, n_threads)
    first = trained(run, X, Y, 1)
    run = through(run)
    return bits(*first, *trained(run, X, Y, 1), run.network.params)


def fitted(solver, seed, n_threads=1, through=same):
    """An estimator, fitted, and fitted again from where it was."""
    X, Y = data(seed)
    y = Y.argmax(axis=1)
    keywords = {"max_iter": 1, "warm_start": True, "random_state": seed, "n_threads": n_threads}
    model = MLPClassifier((20,), solver=solver, **keywords).fit(X, y)
    model = through(model).fit(X, y)
    return bits(*model.coefs_, *model.intercepts_, model.loss_, model.predict_proba(X))


def chosen(Estimator, seed, n_threads=1, through=same):
    """An estimator that chooses its λ."""
    X, Y = data(seed)
    y = Y.argmax(axis=1) if Estimator is MLPClassifierCV else Y
    keywords = {"max_iter": 2, "random_state": seed, "n_threads": n_threads}
    keywords["hidden_layer_sizes"] = (20,)
    model = through(Estimator(alphas=[0.0, 0.1, 1.0], cv=2, **keywords).fit(X, y))
    return bits(*model.coefs_, model.scores_path_, model.alpha_, model.predict(X))


def at_many(dtype, seed, n_threads=1, through=same):
    """One network at many λ."""
    X, Y = data(seed)
    network = through(Network(SIZES, dtype=dtype, seed=seed))
    keywords = {"epochs": 2, "seed": seed, "n_threads": n_threads}
    path = l2_path(network, X, Y, [0.0, 0.1, 1.0], test=0.2, **keywords)
    return bits(path.params, path.curves, path.slope, path.test_score)


def searched(seed, n_threads=1, through=same):
    result = pso(lambda x: float((x * x).sum()), [-3] * 5, [2] * 5, rng=seed, maxiter=9)
    return bits(through(result).x)


def trainings():
    """What is trained by its name, and whether what is half trained can be saved."""
    for dtype in ("float32", "float64"):
        for name, make in TRAINERS.items():
            # L-BFGS starts afresh from the parameters: SciPy shows no state.
            yield f"{name}, {dtype}", partial(twice, make, dtype), name != "L-BFGS"
        yield f"l2_path, {dtype}", partial(at_many, dtype), True
    for solver in SOLVERS:
        yield f"MLPClassifier, {solver}", partial(fitted, solver), False
    for Estimator in (MLPClassifierCV, MLPRegressorCV):
        yield Estimator.__name__, partial(chosen, Estimator), False
    yield "pso", searched, False


def alone(seed):
    """The bits of all that is trained, by name."""
    return {name: train(seed) for name, train, _ in trainings()}


def compared(seed):
    """The same; but threads, files and pickles change nothing."""
    found = alone(seed)
    for name, train, can_save in trainings():
        others = {f"{n} threads": train(seed, n) for n in THREADS[1:]}
        others["pickled"] = train(seed, through=pickled)
        if can_save:
            others["saved"] = train(seed, through=saved)
        for how, other in others.items():
            assert other == found[name], f"seed {seed}, {name}: {how}"
    return found


def digest(found):
    return hashlib.sha256("".join(found).encode()).hexdigest()


def in_a_process(isa, hash_seed, seeds):
    """The bits of what is trained in a process of its own, a digest for each seed."""
    done = subprocess.run(
        [sys.executable, __file__, "--alone", *map(str, seeds)],
        env=os.environ | {"PYL2_ISA": isa, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return done.stdout.split()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=100, help="0 to this, excluded (default: 100)")
    parser.add_argument("--alone", type=int, nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.alone:
        print(*(digest(alone(seed).values()) for seed in args.alone))
        return
    seeds = range(args.seeds)
    for isa in _core.ISAS:
        os.environ["PYL2_ISA"] = isa
        here = [digest(compared(seed).values()) for seed in seeds]
        for hash_seed in (0, 1):
            there = in_a_process(isa, hash_seed, seeds)
            for seed, one, other in zip(seeds, here, there, strict=True):
                assert one == other, f"{isa}, seed {seed}: another process has other bits"
        print(f"{isa}: seeds 0 to {args.seeds - 1}: {digest(here)[:16]}", flush=True)
    count = len(list(trainings())) * args.seeds * len(_core.ISAS)
    print(f"{count} trainings, each the same bits in all ways it was done")


if __name__ == "__main__":
    main()
