"""Ctrl-C at any moment: whatever trains ends soon, and leaves a model that goes on.

Run as ``python tests/interrupts.py`` it presses Ctrl-C a hundred times, at random moments, in
everything that takes long, and prints how long it took; then at every step of Python's in the
trainers, one after the other. test_interrupts.py does less of both.

Ctrl-C is a timer of the system's here, with Python's own handler of Ctrl-C, so that the moment is
known and no other thread must wake for it. The command line gets SIGINT from outside.
"""

import argparse
import dis
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.sparse import random_array
from sklearn.exceptions import NotFittedError

from pyl2 import (
    Backprop,
    MLPClassifier,
    MLPClassifierCV,
    MLPRegressor,
    MLPRegressorEnsemble,
    Network,
    ParticleSwarm,
    compare,
    l2_path,
    pso,
)
from pyl2.__main__ import main as command_line
from pyl2.data import model_file

HANG = 30.0
"""Seconds after which it is no longer slow, but hangs."""

PROMISED = 0.1
"""Seconds from Ctrl-C to where the caller can go on."""


# --- what trains for ever -------------------------------------------------------------------------


@lru_cache
def data(rows, columns):
    X = np.random.default_rng(0).normal(size=(rows, columns))
    return X, np.tanh(X[:, 0])


def usable(network, X, y):
    """Its parameters are numbers, it predicts, and another training of it begins."""
    assert np.isfinite(network.params).all()
    assert np.isfinite(network.predict(X[:3])).all()
    Backprop(network).train(X[:3], y[:3], epochs=1)


def trainer(make, rows=2000, columns=20, hidden=30, sparse=False, **keywords):
    """A training of a network without end, and what must hold after it."""

    def begin():
        X, y = data(rows, columns)
        network = Network((columns, hidden, 1), seed=0)
        run = make(network, **keywords)
        given = random_array((rows, columns), density=0.3, format="csr", rng=0) if sparse else X

        def after():
            usable(network, X, y)
            run.train(given[:50], y[:50], epochs=1)

        return lambda: run.train(given, y, epochs=10**9), after

    return begin


def estimator(Estimator, verb="fit", rows=2000, **keywords):
    """A fit without end, or one that is begun again and again."""

    def begin():
        X, y = data(rows, 20)
        y = y > 0
        fitted = Estimator(
            hidden_layer_sizes=(30,),
            tol=0.0,
            max_iter=10**8,
            n_iter_no_change=10**8,
            random_state=0,
            **keywords,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted.set_params(max_iter=1).fit(X[:50], y[:50])
        fitted.set_params(max_iter=10**8)

        def run():
            while True:
                getattr(fitted, verb)(X, y)

        def after():
            assert len(fitted.predict(X)) == len(X)
            fitted.set_params(max_iter=1).fit(X, y)

        return run, after

    return begin


def comparison():
    X, y = data(2000, 20)
    network = Network((20, 30, 1), seed=0)
    before = network.params.copy()

    def after():
        np.testing.assert_array_equal(network.params, before)
        usable(network, X, y)

    return lambda: compare(X, y, network, seconds=1000.0), after


def ensemble():
    X, y = data(2000, 20)
    model = MLPRegressorEnsemble(30, max_iter=10**8, tol=0.0, random_state=0, n_threads=2)

    def run():
        while True:
            model.fit(X, y)

    def after():
        model.set_params(max_iter=1, candidates=2).fit(X, y)
        assert np.isfinite(model.predict(X, return_std=True)).all()

    return run, after


def function():
    def sphere(x):
        return float((x * x).sum())

    return lambda: pso(sphere, [-1] * 30, [1] * 30, maxiter=10**9), lambda: None


def path():
    X, y = data(2000, 20)
    network = Network((20, 30, 1), seed=0)
    before = network.params.copy()

    def after():
        np.testing.assert_array_equal(network.params, before)
        usable(network, X, y)

    return lambda: l2_path(network, X, y, epochs=10**8), after


def prediction():
    X, y = data(100_000, 50)
    network = Network((50, 300, 300, 1), seed=0)

    def run():
        while True:
            network.predict(X)
            network.gradient(X, y)

    return run, lambda: usable(network, X, y)


def gauss_newton():
    X, y = data(3000, 60)
    network = Network((60, 30, 1), seed=0)

    def run():
        while True:
            network.gauss_newton(X, y)

    return run, lambda: usable(network, X, y)


def input_gradient():
    X = data(64, 100)[0]
    network = Network((100, 512, 512, 1000), seed=0)

    def run():
        while True:
            network.input_gradient(X)

    return run, lambda: np.testing.assert_equal(np.isfinite(network.predict(X)), True)


LONG = {
    "sgd, batches of 32": trainer(Backprop, batch_size=32),
    "adam, batches of 1, 3 threads": trainer(Backprop, optimizer="adam", batch_size=1, n_threads=3),
    "adam, one large batch, 3 threads": trainer(
        Backprop, optimizer="adam", rows=60_000, hidden=500, batch_size=None, n_threads=3
    ),
    "sgd on CSR": trainer(Backprop, sparse=True),
    "L-BFGS": trainer(Backprop, optimizer="lbfgs", rows=20_000, l2=1e-9),
    "swarm": trainer(ParticleSwarm, particles=40),
    "swarm, 3 threads": trainer(ParticleSwarm, particles=400, n_threads=3),
    "pso of a function": function,
    "compare": comparison,
    "predict and gradient": prediction,
    "input_gradient": input_gradient,
    "gauss_newton": gauss_newton,
    "fit, adam": estimator(MLPClassifier),
    "fit, sgd, early stopping": estimator(MLPRegressor, solver="sgd", early_stopping=True),
    "fit, L-BFGS": estimator(MLPRegressor, solver="lbfgs", alpha=1e-9, max_fun=10**8),
    "fit, pso": estimator(MLPClassifier, solver="pso"),
    "partial_fit": estimator(MLPClassifier, "partial_fit", warm_start=True),
    "l2_path": path,
    "fit, ensemble": ensemble,
    "fit, choosing alpha": estimator(MLPClassifierCV, alphas=[0.0, 1e-4, 1e-2], cv=2),
}


# --- at a random moment ---------------------------------------------------------------------------


def press(begin, after_seconds):
    """Ctrl-C after so many seconds; return the seconds from then to where the caller goes on.

    Estimators warn, and keep the model, where scikit-learn's do.  If Ctrl-C were lost it would
    never end; a second one, which says so, comes after HANG.
    """
    run, after = begin()
    threads = threading.active_count()
    handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
    pressed = time.perf_counter() + after_seconds
    try:
        signal.setitimer(signal.ITIMER_REAL, after_seconds, HANG)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning)
            warnings.filterwarnings("error", "Training interrupted")
            run()
        raise AssertionError("it ended by itself")
    except (KeyboardInterrupt, UserWarning):
        late = time.perf_counter() - pressed
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert late < HANG
    assert threading.active_count() == threads, "a thread was left behind"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        after()
    return late


# --- at every step of Python's --------------------------------------------------------------------

CHECKED = re.compile("CALL(_KW|_FUNCTION_EX)?|RESUME|(POP_)?JUMP_BACKWARD(?!_NO_INTERRUPT).*")
"""The instructions after which the interpreter looks for signals."""


@lru_cache
def instructions(code):
    return {found.offset: found.opname for found in dis.get_instructions(code)}


class Points:
    """Raises KeyboardInterrupt at the `wanted`-th moment when a signal can come to pyl2's code.

    The first is 1.
    """

    def __init__(self, wanted):
        self.wanted, self.count, self.where = wanted, 0, ""
        self._last = {}

    def __enter__(self):
        self._traced = sys.gettrace()
        # From 3.12 on settrace looks for whether any frame has asked for instructions.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self._call)
        return self

    def __exit__(self, *raised):
        sys.settrace(self._traced)

    def _call(self, frame, event, argument):
        if not frame.f_globals.get("__name__", "").startswith("pyl2."):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._opcode

    def _opcode(self, frame, event, argument):
        if event == "return":
            self._last.pop(frame, None)
        if event != "opcode":
            return self._opcode
        last = self._last.get(frame)
        self._last[frame] = instructions(frame.f_code)[frame.f_lasti]
        if last and CHECKED.fullmatch(last):
            self.count += 1
            if self.count == self.wanted:
                self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                self._last.clear()
                raise KeyboardInterrupt
        return self._opcode


def small_trainer(make, **keywords):
    def begin():
        X, y = data(20, 3)
        network = Network((3, 4, 1), seed=0)
        run = make(network, seed=0, **keywords)

        def after():
            assert np.isfinite(network.params).all()
            assert np.isfinite(network.predict(X)).all()
            run.train(X, y, epochs=2)
            usable(network, X, y)

        return lambda: run.train(X, y, epochs=2), after

    return begin


def small_estimator(verb, **keywords):
    """After it the model predicts or says it is not fitted, and fits as if nothing had been."""

    def begin():
        X, y = data(20, 3)
        y = y > 0
        fitted = MLPClassifier((4,), max_iter=2, random_state=0, **keywords)
        other = MLPClassifier((4,), max_iter=2, random_state=0, **keywords).fit(X, y)

        def after():
            with suppress(NotFittedError):
                assert np.isfinite(fitted.predict_proba(X)).all()
            pickle.loads(pickle.dumps(fitted))
            fitted.fit(X, y)
            np.testing.assert_array_equal(fitted._network.params, other._network.params)

        keyword = {} if verb == "fit" else {"classes": [False, True]}
        return lambda: getattr(fitted, verb)(X, y, **keyword), after

    return begin


def diverging():
    """Each batch after the first makes parameters that are not finite: they must not stay."""
    X, y = data(20, 3)
    network = Network((3, 4, 1), hidden="relu", seed=0)

    def run():
        with suppress(ValueError):
            Backprop(network, eta=1e200, batch_size=5).train(X, y, epochs=3)

    def after():
        assert np.isfinite(network.params).all()
        network.params = np.zeros_like(network.params)
        usable(network, X, y)

    return run, after


def fit_on_other_data():
    """Fitted before, on other features and classes: of whichever data it is, it says so."""
    X, y = data(20, 3)
    more, labels = data(30, 5)[0], np.arange(30) % 4
    fitted = MLPClassifier((4,), max_iter=2, random_state=0).fit(X, y > 0)

    def after():
        for rows in (X, more):
            with suppress(NotFittedError, ValueError):
                assert len(fitted.predict(rows)) == len(rows)
        assert set(fitted.fit(more, labels).predict(more)) <= set(labels)

    return lambda: fitted.fit(more, labels), after


STEPS = {
    "sgd": small_trainer(Backprop),
    "adam": small_trainer(Backprop, optimizer="adam"),
    "L-BFGS": small_trainer(Backprop, optimizer="lbfgs"),
    "swarm": small_trainer(ParticleSwarm, particles=5),
    "diverging": diverging,
    "fit": small_estimator("fit"),
    "fit, early stopping": small_estimator("fit", early_stopping=True),
    "fit, L-BFGS": small_estimator("fit", solver="lbfgs"),
    "fit, pso": small_estimator("fit", solver="pso"),
    "fit, on other data": fit_on_other_data,
    "partial_fit": small_estimator("partial_fit"),
}


def interrupt_at(begin, wanted):
    """Return whether there was such a step, having looked at what is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rehearse, _ = begin()
        run, after = begin()
        with Points(0):  # 3.13 tells of a function's instructions from its second call on
            rehearse()
        points = Points(wanted)
        caught = None  # the traceback is kept, as at an interactive prompt
        try:
            with points:
                run()
        except KeyboardInterrupt as error:
            caught = error
        try:
            after()
        except Exception as error:
            raise AssertionError(f"interrupted at {points.where}: {error!r}") from caught
    return bool(points.where)


def interrupt_everywhere(begin, every=1, first=1):
    """Interrupt at each step, or at each `every`-th; return how many there were."""
    found = 0
    while interrupt_at(begin, first + found * every):
        found += 1
    return found


# --- the command line -----------------------------------------------------------------------------


def press_at_command(after_seconds, folder):
    """SIGINT to `pyl2 train --save` after so many seconds; return exit code, seconds, and output.

    The model is written whole or not at all, and nothing else is left in the folder.
    """
    saved = Path(folder, "model.pyl2")
    saved.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pyl2", "train", "--quiet", "--epochs", "300"]
    with subprocess.Popen(
        [*command, "--save", str(saved)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        time.sleep(after_seconds)
        pressed = time.perf_counter()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=HANG)
        late = time.perf_counter() - pressed
    whole = saved.exists()
    if whole:
        model_file.load(saved)
    assert os.listdir(folder) == ["model.pyl2"] * whole
    return process.returncode, late, said


COMMANDS = {
    "pyl2 train --ensemble": ["train", "--ensemble", "3", "--save", "model.pyl2"],
    "pyl2 train": ["train", "--epochs", "30", "--save", "model.pyl2", "--report", "train.html"],
    "pyl2 path": ["path", "--l2", "0,1", "--epochs", "30", "--report", "path.html"],
    "pyl2 path, figure": ["path", "--l2", "0,1", "--epochs", "30", "--output", "path.svg"],
}
ENDS = {".html": b"</html>", ".svg": b"</svg>", ".pyl2": b""}


def press_at_warm_command(argv, after_seconds, folder):
    """The same in a child that has all modules already; return exit code, seconds, and output."""
    printed = Path(f"{folder}.printed")
    printed.touch()
    # The child lets signals come when it is ready for them: Python's hooks of a fork lose them.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    child = os.fork()
    if not child:
        run_in_child(argv, folder, printed)  # does not return
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    time.sleep(after_seconds)
    pressed = time.perf_counter()
    os.kill(child, signal.SIGINT)
    _, status = os.waitpid(child, 0)
    late = time.perf_counter() - pressed
    for written in Path(folder).iterdir():
        assert written.name in argv, written
        assert written.read_bytes().rstrip().endswith(ENDS[written.suffix]), written
        if written.suffix == ".pyl2":
            model_file.load(written)
        written.unlink()
    return os.waitstatus_to_exitcode(status), late, printed.read_text()


def run_command(argv, folder, printed):
    with chdir(folder), open(printed, "w") as out, redirect_stdout(out), redirect_stderr(out):
        return command_line([*argv, "--quiet"])


def run_in_child(argv, folder, printed):
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        code = run_command(argv, folder, printed)
    except KeyboardInterrupt:
        code = 130  # before the command line began, or after its end
    finally:
        os._exit(code)


def seconds_undisturbed(argv, folder):
    began = time.perf_counter()
    assert not run_command(argv, folder, os.devnull)
    return time.perf_counter() - began


# --- the long run ---------------------------------------------------------------------------------


def told(name, late):
    shares = np.quantile(late, [0.5, 0.95, 1.0]) * 1000
    print(f"{name:36}", *(f"{share:9.2f}" for share in shares), flush=True)


def at_random_moments(times, rng):
    print(f"{'ms until the caller goes on':36}{'median':>10}{'95 %':>10}{'longest':>10}")
    all_late = []
    for name, begin in LONG.items():
        late = [press(begin, rng.uniform(0.001, 0.3)) for _ in range(times)]
        told(name, late)
        all_late += late
    told(f"all {len(all_late)}", all_late)
    print(f"{sum(late > PROMISED for late in all_late)} of them later than {PROMISED} s")


def at_commands(times, rng):
    """Few in new processes, while Python starts too, and many where it has started."""
    print("ms until the command line's process has ended")
    with tempfile.TemporaryDirectory() as folder:
        few = range(max(1, times // 10))
        tell_presses(
            "pyl2 train, from its start",
            [press_at_command(rng.uniform(0.3, 4), folder) for _ in few],
        )
    for name, argv in COMMANDS.items():
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent, "work")
            folder.mkdir()
            takes = min(seconds_undisturbed(argv, folder) for _ in range(2))
            tell_presses(
                name,
                [
                    press_at_warm_command(argv, rng.uniform(0, 1.2 * takes), folder)
                    for _ in range(times)
                ],
            )


def tell_presses(name, presses):
    told(name, [late for _, late, _ in presses])
    ends = Counter(
        (code, said.splitlines()[-1] if said and code else "") for code, _, said in presses
    )
    for (code, said), count in ends.items():
        print(f"    exit code {code} {count} times: {said}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=100, help="moments for each (default: 100)")
    parser.add_argument("--every", type=int, default=1, help="of the steps, each so many-th")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rng = random.Random(args.seed)
    at_random_moments(args.times, rng)
    at_commands(args.times, rng)
    print("steps of Python's at which Ctrl-C was tried")
    for name, begin in STEPS.items():
        print(f"    {name}: {interrupt_everywhere(begin, args.every)}", flush=True)


if __name__ == "__main__":
    main()
