"""Build the one extension: instruction sets are chosen in the C files, all take the same flags."""

import os
from glob import glob
from shutil import which

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PLAIN = [
    f"src/core/{name}.c"
    for name in ("dispatch", "finite", "net", "parts", "shuffle", "swarm", "team")
]
THREADS = [] if os.name == "nt" else ["-pthread"]
FLAGS = ["-O3", "-std=gnu11", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno"]
# Python's own flags ask for debugging information, two thirds of a wheel; with CFLAGS it is yours.
FLAGS += [] if "CFLAGS" in os.environ else ["-g0"]


class BuildExt(build_ext):
    """Say in one line that a compiler is needed, where there is none."""

    def build_extensions(self):
        """Build, if there is something to build with."""
        command = getattr(self.compiler, "compiler", None)  # MSVC's has none
        if command and which(command[0]) is None:
            raise SystemExit(
                f"pyl2 is built from C, and there is no compiler {command[0]!r}. Install one"
                " (Debian, Ubuntu: apt install gcc; Fedora: dnf install gcc; Alpine: apk add gcc"
                " musl-dev; macOS: xcode-select --install; conda: conda install c-compiler),"
                " or name it in CC."
            )
        super().build_extensions()


setup(
    cmdclass={"build_ext": BuildExt},
    ext_modules=[
        Extension(
            "pyl2._core",
            ["src/core/_core.pyx", *sorted(glob("src/core/isa_*.c")), *PLAIN],
            include_dirs=["src/core"],
            depends=glob("src/core/**/*.h", recursive=True),
            extra_compile_args=[] if os.name == "nt" else FLAGS + THREADS,
            extra_link_args=THREADS,
        )
    ],
)
