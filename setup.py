"""Build the one extension: instruction sets are chosen in the C files, all take the same flags."""

import os
from glob import glob

from setuptools import Extension, setup

PLAIN = [
    f"src/core/{name}.c"
    for name in ("dispatch", "finite", "net", "parts", "shuffle", "swarm", "team")
]
THREADS = [] if os.name == "nt" else ["-pthread"]
FLAGS = ["-O3", "-std=gnu11", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno"]
# Python's own flags ask for debugging information, two thirds of a wheel; with CFLAGS it is yours.
FLAGS += [] if "CFLAGS" in os.environ else ["-g0"]

setup(
    ext_modules=[
        Extension(
            "pyl2._core",
            ["src/core/_core.pyx", *sorted(glob("src/core/isa_*.c")), *PLAIN],
            include_dirs=["src/core"],
            depends=glob("src/core/**/*.h", recursive=True),
            extra_compile_args=[] if os.name == "nt" else FLAGS + THREADS,
            extra_link_args=THREADS,
        )
    ]
)
