"""Nothing crashes, leaks or is lost where memory, threads or the disk fail: a sample of the points.

All of them: python tests/fault_injection.py --all
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fault_injection.py")


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not shutil.which("cc"),
    reason="the shim needs Linux and a C compiler",
)
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer is preloaded, so no shim")
@pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="where there is no GIL, Python takes its memory from mimalloc, and the shim sees malloc",
)
def test_faults():
    told = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    assert " 0 faults of pyl2" in told.stdout
