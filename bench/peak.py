"""The fused multiply-add peak of the core this runs on, for float32 and float64.

Compiles `peak.c` for this machine into a temporary folder and times it. Run as a script it prints
a few samples; `bench/run.py` takes its own, between the rivals of a round.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).with_name("peak.c")
COMPILE = ["cc", "-O3", "-ffp-contract=fast", "-shared", "-fPIC"]
TARGETS = (["-march=native"], ["-mcpu=native"], [])  # not every compiler knows the first
HELD = {"avx2": (["-march=haswell"],)}  # what PYL2_ISA names, where it is not the best there is
STEPS = 1_000_000  # some milliseconds


class Peak:
    """Samples the peak; `OSError` where there is no working compiler."""

    def __init__(self) -> None:
        # A loaded library may not be deleted everywhere, and what is left over is small.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            self._library = ctypes.CDLL(str(_compile(Path(folder))))

    def sample(self, dtype: str) -> float:
        """GFLOP/s reached now."""
        run, flops = self._library[dtype], self._library[f"{dtype}_flops"]()
        run.argtypes = [ctypes.c_long, ctypes.c_double, ctypes.c_double]
        run.restype = ctypes.c_double
        start = time.process_time()  # without what others take of the core
        run(STEPS, 0.999, 0.001)
        return flops * STEPS / (time.process_time() - start) / 1e9


def _compile(folder: Path) -> Path:
    library = folder / "peak.so"
    for target in HELD.get(os.environ.get("PYL2_ISA"), TARGETS):
        command = [*COMPILE, *target, str(SOURCE), "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return library
    raise OSError(f"cannot compile {SOURCE.name}: {done.stderr.strip()}")


def main() -> int:
    """Print median and range of some samples."""
    try:
        peak = Peak()
    except OSError as error:
        print(f"no peak: {error}", file=sys.stderr)
        return 1
    for dtype in ("float32", "float64"):
        samples = sorted(peak.sample(dtype) for _ in range(101))
        print(f"{dtype}: {samples[50]:.1f} GFLOP/s ({samples[0]:.1f} to {samples[-1]:.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
