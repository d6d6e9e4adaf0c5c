"""How many threads a computation may take, and who else may limit them."""

from __future__ import annotations

import os
from pathlib import Path
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
