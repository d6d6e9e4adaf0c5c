"""Nothing crashes, leaks or is lost where memory, threads or the disk fail: a sample of the points.

All of them: python tests/fault_injection.py --all
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fault_injection.py")


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not shutil.which("cc"),
    reason="the shim needs Linux and a C compiler",
)
def test_faults():
    told = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert " 0 faults of pyl2" in told.stdout
