"""Make the calls of a process to the system fail, one after another.

The calls are those of malloc and its kin (Python's objects, NumPy's arrays, the binding's and the
engine's memory alike, for Python is told to take all from malloc), pthread_create, write and fsync.
A scenario makes something and returns a call and a check; the call is repeated with its 1st, 2nd,
3rd … allocation failing, alone or with the thousand after it, until it runs through.  Each time
there must come a MemoryError (an OSError of a write) or the right result, and the check must find
the state as the scenario demands.
"""

from __future__ import annotations

import array
import ctypes
import gc
import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ALLOCATION, THREAD, WRITE, SHORT_WRITE, SYNC = range(5)
ON, KIND, FIRST, LAST, SEEN, BLOCKS, CALLER = range(7)  # of the shim's Control, in longs
LONG = 1000
"""Not for ever: with no memory at all CPython goes round for ever where a `with` is left."""
TRIES = 16

SHIM = Path(__file__).with_name("shim.c")

Check = Callable[[Any, BaseException | None], None]
Scenario = Callable[[], tuple[Callable[[], Any], Check]]
Mode = tuple[int, bool]  # what fails, and whether for long

_memory = mmap.mmap(-1, mmap.PAGESIZE)
_control = memoryview(_memory).cast("q")


def preload() -> None:
    """Begin this script anew with the shim, unless it is there already."""
    if "shim" in os.environ.get("LD_PRELOAD", ""):
        return
    with tempfile.TemporaryDirectory() as folder:
        library = os.path.join(folder, "shim.so")
        build = [os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", library, SHIM]
        subprocess.run(build, check=True)
        added = {"LD_PRELOAD": library, "PYTHONMALLOC": "malloc", "OMP_NUM_THREADS": "1"}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=os.environ | added).returncode)


def attach() -> None:
    """Let calls of this thread fail."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(_memory))
    ctypes.CDLL(None).faults_attach(ctypes.c_void_p(address))


def fail(call: Callable[[], Any], kind: int, first: int, last: int) -> tuple[Any, Any]:
    """Call with some calls of the kind failing; return its result and its exception."""
    control, result, error = _control, None, None
    control[KIND], control[FIRST], control[LAST], control[SEEN] = kind, first, last, 0
    control[CALLER] = 0
    control[ON] = 1
    try:
        result = call()
    except BaseException as caught:
        control[ON] = 0
        error = caught
    control[ON] = 0
    return result, error


def fired() -> bool:
    """Whether any call failed."""
    return _control[CALLER] != 0


def callers() -> str:
    """Name the libraries that led to the first call to fail, the innermost first."""
    return _memory[8 * CALLER :][:160].split(b"\0")[0].decode()


class Fault(NamedTuple):
    """What should not have come of a failing allocation.

    `callers` are the libraries that led to it, the innermost first; `what` begins with "died",
    "leaks", "state" or the name of an exception.
    """

    callers: str
    what: str
    point: int


@dataclass
class Sweep:
    """What came of a scenario."""

    points: int = 0
    raised: int = 0
    succeeded: int = 0
    faults: list[Fault] = field(default_factory=list)


# What may come of a call of the kind that fails; the others are to be made up for.
EXPECTED: dict[int, Any] = {ALLOCATION: MemoryError, WRITE: OSError, SYNC: OSError}


def sweep(scenario: Scenario, long: bool, every: int = 1, kind: int = ALLOCATION) -> Sweep:
    """Fail each call, or every so many-th, in processes of its own: one may crash."""
    found = Sweep()
    point = 1
    while point:
        point = _worker(scenario, (kind, long), every, point, found)
    return found


def _worker(scenario: Scenario, mode: Mode, every: int, point: int, found: Sweep) -> int:
    """Go on from a point; return the point to go on from after a crash, 0 if it is done."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            _work(scenario, mode, every, point, writing)
        finally:
            os._exit(1)
    os.close(writing)
    begun = False
    with open(reading) as told:
        for line in told:
            entry = json.loads(line)
            point, begun = entry["point"], True
            if not entry["begun"]:
                found.points += 1
                found.raised += entry["raised"]
                found.succeeded += not entry["raised"]
                found.faults += [Fault(*fault, point) for fault in entry["faults"]]
    _, status = os.waitpid(child, 0)
    if status == 0:
        return 0
    if not begun:
        raise RuntimeError("the scenario fails by itself: python tests/fault_injection.py --try")
    _control[ON] = 0
    found.points += 1
    found.faults.append(Fault(callers(), f"died, status {status}", point))
    return point + every


def _work(scenario: Scenario, mode: Mode, every: int, point: int, told: int) -> None:
    """Do the work of a process, and end it."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # whoever aborts prints much before
    attach()
    gc.collect()
    gc.freeze()
    gc.disable()
    for _ in range(3):  # imports and caches
        call, check = scenario()
        check(call(), None)
    del call, check
    while True:
        _tell(told, point=point, begun=True)
        signal.alarm(60)  # it may hang, too
        entry = _attempt(scenario, mode, point)
        if entry is None:
            os._exit(0)
        _tell(told, point=point, begun=False, **entry)
        point += every


def _tell(told: int, **entry: Any) -> None:
    os.write(told, json.dumps(entry).encode() + b"\n")


def _attempt(scenario: Scenario, mode: Mode, point: int) -> dict[str, Any] | None:
    """Fail one point; None if the call ran through before it came to it."""
    faults: list[tuple[str, str]] = []
    levels = array.array("q", bytes(8 * TRIES))  # holds no Python objects, which were blocks too
    # CPython's lists of free objects are emptied as before each try, so that the allocation of this
    # number is the same one in all of them.
    gc.collect()
    before = _held()
    raised = _outcome(scenario, mode, point, faults, levels, 0)
    if raised is None:
        return None
    if levels[0] > before and _leaks(scenario, mode, point, levels):
        faults.append((callers(), "leaks blocks each time"))  # those of the last try
    return {"raised": raised, "faults": faults}


def _leaks(scenario: Scenario, mode: Mode, point: int, levels: array.array[int]) -> bool:
    """Whether more blocks are held each time; a cache grows at first alone."""
    for i in range(TRIES):
        gc.collect()
        _outcome(scenario, mode, point, None, levels, i)
        if i > 2 and levels[i] <= levels[i - 1]:
            return False
    return True


def _outcome(
    scenario: Scenario,
    mode: Mode,
    point: int,
    faults: list[tuple[str, str]] | None,
    levels: array.array[int],
    entry: int,
) -> bool | None:
    """Fail one point; note what is wrong, and how many blocks are held in the end."""
    call, check = scenario()
    kind, long = mode
    result, error = fail(call, kind, point, point + LONG if long else point)
    raised = error is not None if fired() else None
    if raised is not None and faults is not None:
        faults += _judged(result, error, check, EXPECTED.get(kind, ()))
    del call, check, result, error
    levels[entry] = _held()
    return raised


def _held() -> int:
    """Return how many blocks are held, but for those of a cache of names, of the unpickled too."""
    sys._clear_type_cache()
    return _control[BLOCKS]


def _judged(
    result: Any, error: BaseException | None, check: Check, expected: Any
) -> Iterator[tuple[str, str]]:
    if error is not None and not isinstance(error, expected):
        yield callers(), f"{type(error).__name__}: {error}"
    try:
        check(result, error)
    except Exception as wrong:
        yield callers(), f"state: {type(wrong).__name__}: {str(wrong)[:200]}"
