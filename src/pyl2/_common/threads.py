"""How many threads a computation may take, and who else may limit them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from pyl2 import _core
from pyl2._common.validation import check_integer


def count(n_threads: int | None) -> int:
    """Check a number of threads, and return it as the engine takes it.

    Parameters
    ----------
    n_threads : int or None
        At most so many, at least 1.  None is as many as there are processors for this process, but
        no more than OMP_NUM_THREADS, threadpoolctl or joblib allow.

    Returns
    -------
    int
        0 for None: the engine asks for the limits when the work is large enough for threads.

    Raises
    ------
    ValueError, TypeError
        If it is no whole number, or less than 1.
    """
    return 0 if n_threads is None else check_integer("n_threads", n_threads, 1, _MOST)


def share(n_threads: int, jobs: int) -> tuple[int, int]:
    """Return how many of the jobs go on at a time, and how many threads each of them may take.

    Parameters
    ----------
    n_threads : int
        As ``count`` returns it.
    jobs : int

    Returns
    -------
    workers, each : int
    """
    most = n_threads or _core.get_num_threads()
    workers = max(1, min(most, jobs))
    return workers, max(1, most // workers)


def side_by_side(jobs: Iterable[Callable[[], None]], workers: int, stop: Event) -> None:
    """Do all jobs, so many at a time, in their order; the caller's thread is one of the workers.

    Parameters
    ----------
    jobs : iterable of callables
    workers : int
    stop : Event
        Set where one has failed, for the others to look at: no further one begins.

    Raises
    ------
    BaseException
        What a job has raised, the first in their order; or KeyboardInterrupt.  All threads have
        ended by then.
    """
    waiting: SimpleQueue[tuple[int, Callable[[], None]]] = SimpleQueue()
    for entry in enumerate(jobs):
        waiting.put(entry)
    failures: dict[int, BaseException] = {}

    def work() -> None:
        while not stop.is_set():
            try:
                place, job = waiting.get_nowait()
            except Empty:
                return
            try:
                job()
            except BaseException as error:
                failures[place] = error
                stop.set()

    helpers = [Thread(target=work, daemon=True) for _ in range(workers - 1)]
    try:
        for helper in helpers:
            helper.start()
        work()
        _join(helpers)
    except BaseException:
        stop.set()
        _join(helpers)
        raise
    if failures:
        raise failures[min(failures)]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS from threads of its own, where all that it is asked for is small.

    OpenBLAS wakes and awaits a thread for a triangular system of 20 unknowns, of which L-BFGS
    solves several an iteration: on a busy machine that takes longer than all else together.  The
    limit holds for the process.  The thread that has set it takes it back, for threadpoolctl lets
    no other one do so; who comes meanwhile does without.
    """
    if not _blas_limited.acquire(blocking=False):
        yield
        return
    try:
        with _blas_controller().limit(limits=1):
            yield
    finally:
        _blas_limited.release()


@contextmanager
def blas_threads_for(unknowns: int) -> Iterator[None]:
    """Keep BLAS from threads of its own for systems of few unknowns."""
    if unknowns >= _MANY_UNKNOWNS:
        yield
        return
    with one_blas_thread():
        yield


# From here on a factor is worth threads.  Cholesky by OpenBLAS on a Zen 4, 2 threads beside 1:
# alone on the machine 0.5 of the speed for 200 unknowns, 0.8 for 500, 1.25 for 700, 1.4 for 1,000
# (11 ms on one thread), 1.6 for 2,000; beside other programs, when one thread waits while the other
# has its processor, a quarter for 500, a third for 1,000, a half for 2,000.
_MANY_UNKNOWNS = 1000

_blas_limited = Lock()


@cache
def _blas_controller() -> Any:
    """Return what sets the threads of BLAS, once SciPy has loaded its own."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _join(threads: list[Thread]) -> None:
    for thread in threads:
        if thread.is_alive():
            thread.join()


_MOST = 2**31 - 1
_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def _environment() -> int:
    """Return the limit that was set when the process began; 0 if there is none."""
    limits = [limit for limit in (_omp_num_threads(), _cgroup()) if limit]
    return min(limits, default=0)


def _omp_num_threads() -> int:
    """Return the first number of OMP_NUM_THREADS, that of the outermost level."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(int(first), _MOST) if first.isascii() and first.isdecimal() else 0


def _cgroup() -> int:
    """Return how many processors' time a container may use, rounded up."""
    try:
        quota, period = _CPU_MAX.read_text("ascii").split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):  # no container, or the quota is "max"
        return 0


def _register() -> None:
    """Show the engine to threadpoolctl: `threadpool_limits` then limits it as it does BLAS."""
    try:
        from threadpoolctl import LibController, register
    except ImportError:  # not installed, or before 3.2
        return

    class Controller(LibController):  # type: ignore[misc]
        user_api = internal_api = "pyl2"
        filename_prefixes = ("_core",)
        check_symbols = ("pl2_get_num_threads", "pl2_set_num_threads")

        def get_num_threads(self) -> int:
            return _core.get_num_threads()

        def set_num_threads(self, num_threads: int) -> None:
            _core.set_num_threads(num_threads)

        def get_version(self) -> Any:
            return None

    register(Controller)


_core.set_num_threads(_environment())
_register()
