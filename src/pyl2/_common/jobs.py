"""Independent tasks in several jobs, by joblib: its processes, or what the user has chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import Any, TypeVar

from pyl2._common import threads
from pyl2._common.progress import Progress
from pyl2._common.scaling import one_warning
from pyl2._common.validation import MANY, check_integer

_T = TypeVar("_T")


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


def run(tasks: Iterable[Callable[[Stop], _T]], workers: int) -> Iterator[tuple[int, _T]]:
    """Do tasks in so many jobs; yield the place and the result of each, as they come.

    Parameters
    ----------
    tasks : iterable of callables
        Each can be pickled, and depends on nothing but itself.  It may look at what it is called
        with, to end early.  The next is asked for when a job is free for it.
    workers : int
        Of ``count``.

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
    parallel = Parallel(workers, **({"return_as": "generator_unordered"} if _one_by_one() else {}))
    numbered = delayed(_numbered)
    try:
        with threads.one_blas_thread():  # threads of this process may be the jobs
            yield from parallel(numbered(place, task, stop) for place, task in enumerate(tasks))
    finally:
        stop.set()


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
