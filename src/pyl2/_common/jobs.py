"""Independent tasks in several jobs, by joblib: its processes, or what the user has chosen."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from threading import Event, Lock
from typing import Any, TypeVar

from pyl2._common import threads
from pyl2._common.progress import Progress
from pyl2._common.scaling import one_warning
from pyl2._common.validation import MANY, check_integer

_T = TypeVar("_T")

_Results = Generator[tuple[int, _T], None, None]


class Stopped(Exception):
    """Leaves a task that nobody waits for any more."""


class Stop(Event):
    """Set when tasks are to end before they are done.

    It is for tasks in threads.  In another process it is never set: the pool ends that itself.
    """

    def __reduce__(self) -> Any:
        return Stop, ()

    def __call__(self, *_: Any) -> bool:
        """Whether they are to end, for a callback of a training."""
        return self.is_set()

    def check(self, *_: Any) -> None:
        """Raise Stopped if they are to end."""
        if self.is_set():
            raise Stopped


class Look(Progress):
    """What a training calls after each epoch, to end with the tasks: no bar is shown."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def __call__(self, error: float) -> None:
        """Raise Stopped if the tasks are to end."""
        self._stop.check()


def count(n_jobs: Any, tasks: int) -> int:
    """Return how many jobs go on at a time.

    Parameters
    ----------
    n_jobs : int or None
        As everywhere in scikit-learn: None is 1, or what ``joblib.parallel_config`` says; -1 is one
        for each processor, -2 one less, and so on.
    tasks : int
        There are not more jobs than these.

    Returns
    -------
    int

    Raises
    ------
    ValueError, TypeError
        If it is no whole number, or 0.
    """
    import joblib

    if n_jobs is not None and check_integer("n_jobs", n_jobs, -MANY, MANY) == 0:
        raise ValueError("n_jobs must be None, 1 or more, or -1 or less, got 0")
    return max(1, min(int(joblib.effective_n_jobs(n_jobs)), tasks))


def run(
    tasks: Iterable[Callable[[Stop], _T]],
    workers: int,
    alone: Sequence[Callable[[Stop], _T]] = (),
) -> Iterator[tuple[int, _T]]:
    """Do tasks in so many jobs; yield the place and the result of each, as they come.

    Processes take a second or more to start, so where joblib has none this one begins, if it may;
    it starts them as soon as the tasks that are left take longer than they would with them.

    Parameters
    ----------
    tasks : iterable of callables
        Each can be pickled, and depends on nothing but itself.  It may look at what it is called
        with, to end early.  The next is asked for when a job is free for it.
    workers : int
        Of ``count``.
    alone : sequence of callables, optional
        The same tasks, as this process does one after the other, with all its threads: all of about
        the same length, and they look at what they are called with all the time.  Without them this
        process does none.

    Yields
    ------
    place : int
    result : object

    Raises
    ------
    BaseException
        What a task has raised; or KeyboardInterrupt.
    """
    from sklearn.utils.parallel import Parallel, delayed

    stop = Stop()
    streams = _one_by_one()
    parallel = Parallel(workers, **({"return_as": "generator_unordered"} if streams else {}))
    numbered, entries = delayed(_numbered), _Entries(tasks)

    def begin() -> _Results[_T]:
        found: _Results[_T] = parallel(numbered(place, task, stop) for place, task in entries)
        return found

    here = None
    try:
        if alone and streams and _must_start(workers):
            here = _Here(begin, alone, workers, stop)
            yield from here.results(entries)
        else:
            with threads.one_blas_thread():  # threads of this process may be the jobs
                yield from begin()
    finally:
        stop.set()
        if here is not None:
            here.close()


# Seconds that processes take to start and to import what tasks need: 1.2 to 2.7 on two processors.
_START = 2.0


def _must_start(workers: int) -> bool:
    """Whether the jobs are processes of joblib's that do not run yet."""
    from joblib.parallel import LokyBackend, get_active_backend

    if not isinstance(get_active_backend()[0], LokyBackend):
        return False
    running = multiprocessing.active_children()
    return sum(type(process).__name__ == "LokyProcess" for process in running) < workers


class _Entries(Iterator[tuple[int, Callable[[Stop], _T]]]):
    """Tasks with their places, to be taken by several threads."""

    def __init__(self, tasks: Iterable[Callable[[Stop], _T]]) -> None:
        self._entries, self._lock = enumerate(tasks), Lock()

    def __next__(self) -> tuple[int, Callable[[Stop], _T]]:
        with self._lock:
            return next(self._entries)


class _Here(Stop):
    """Tasks that are done in this process, until it pays to start others.

    A task asks whether it is to end; that is when this one looks at the clock.
    """

    def __init__(
        self,
        begin: Callable[[], _Results[Any]],
        alone: Sequence[Callable[[Stop], Any]],
        workers: int,
        stop: Stop,
    ) -> None:
        super().__init__()
        self._begin, self._stop = begin, stop
        self._alone, self._left = alone, len(alone)
        self._worth = _START * workers / (workers - 1)
        self._others: _Results[Any] | None = None
        self._ready = self._due = 0.0
        self._taken: list[float] = []

    def results(self, entries: _Entries[Any]) -> Iterator[tuple[int, Any]]:
        """Do tasks, then yield the results of those that others have taken."""
        for place, _ in entries:
            began = time.perf_counter()
            self._left -= 1
            self._due = began + self._patience()
            result = _numbered(place, self._alone[place], self)
            self._taken.append(time.perf_counter() - began)
            yield result
            if self._others is not None and time.perf_counter() + self._mean() > self._ready:
                break
        if self._others is not None:
            yield from self._others

    def _mean(self) -> float:
        return sum(self._taken) / len(self._taken) if self._taken else 0.0

    def _patience(self) -> float:
        """Return the seconds after which the tasks behind this one are worth other processes.

        Each takes as long as those before, or as this one if that takes longer.
        """
        if not self._left:
            return math.inf
        needed = self._worth / self._left
        return 0.0 if self._mean() > needed else needed

    def is_set(self) -> bool:
        """Whether tasks are to end; start processes if they are worth it."""
        if self._others is None and time.perf_counter() > self._due:
            self._ready = time.perf_counter() + _START
            self._others = self._begin()
        return self._stop.is_set()

    def close(self) -> None:
        """End what others do."""
        if self._others is not None:
            with suppress(Stopped):  # joblib would warn if its generator were closed
                self._others.throw(Stopped())


def _one_by_one() -> bool:
    """Whether results come one by one, as they are done.

    Before joblib 1.4 all come at the end, and a failure when the tasks before it have ended.
    """
    import joblib

    if tuple(map(int, joblib.__version__.split(".")[:2])) < (1, 4):
        return False
    backend, _ = joblib.parallel.get_active_backend()
    return bool(getattr(backend, "supports_return_generator", False))


def _numbered(place: int, task: Callable[[Stop], _T], stop: Stop) -> tuple[int, _T]:
    with one_warning(warned=True):  # where they were begun
        return place, task(stop)
