"""The C core by itself, compiled here: it passes its own tests, and it allocates nothing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CORE = HERE.parent / "src" / "core"
COMPILER = shutil.which("gcc") or shutil.which("clang")
# Not in line everywhere, the kernels compile in seconds.
FLAGS = ["-std=gnu11", "-O1", "-ffp-contract=fast", "-fno-math-errno", "-pthread", f"-I{CORE}"]
FLAGS.append("-DPL2_INLINE=static inline __attribute__((unused))")

# pthread_create is not among them, though it takes memory for the stack of the thread: where the
# system has none the core works on with the threads it has.
ALLOCATE = {
    *("malloc", "calloc", "realloc", "reallocarray", "free", "aligned_alloc", "posix_memalign"),
    *("memalign", "valloc", "pvalloc", "strdup", "strndup", "asprintf", "mmap", "sbrk", "brk"),
}

pytestmark = pytest.mark.skipif(
    COMPILER is None or os.name == "nt", reason="needs a C compiler and a POSIX system"
)


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """The core's objects, for all instruction sets."""
    folder = tmp_path_factory.mktemp("core")
    sources = [path for path in CORE.glob("*.c") if path.name != "_core.c"]
    for source in sources:
        target = folder / f"{source.stem}.o"
        subprocess.run([COMPILER, *FLAGS, "-c", source, "-o", target], check=True)
    return sorted(folder.glob("*.o"))


@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm")
def test_it_allocates_nothing(objects):
    assert len(objects) >= 8
    listed = subprocess.run(["nm", "-u", *objects], check=True, capture_output=True, text=True)
    called = {line.split()[-1].split("@")[0] for line in listed.stdout.splitlines() if line}
    assert {name.removeprefix("_") for name in called} & ALLOCATE == set()
    assert any(name.endswith("memcpy") for name in called)  # nm has seen something


def test_its_own_tests(objects, tmp_path):
    program = tmp_path / "test_core"
    source = HERE / "core" / "test_core.c"
    subprocess.run([COMPILER, *FLAGS, source, *objects, "-lm", "-o", program], check=True)
    done = subprocess.run([program, "60"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "60 cases" in done.stdout
