#!/usr/bin/env bash
# The C core under tools that see what a test does not: memory, undefined behaviour, races, branches.
#
#   tests/sanitize.sh address  [PYTEST ARGUMENT ...]   AddressSanitizer and UndefinedBehaviorSanitizer
#   tests/sanitize.sh thread   [PYTEST ARGUMENT ...]   ThreadSanitizer
#   tests/sanitize.sh coverage [PYTEST ARGUMENT ...]   branches that no test takes
#   tests/sanitize.sh valgrind                         memcheck, with AVX2
#   tests/sanitize.sh portable                         without vectors
#   tests/sanitize.sh musl                             with musl instead of glibc
#   tests/sanitize.sh qemu                             NEON, cross-compiled for arm64
#   tests/sanitize.sh windows                          for Windows, by clang, run by Wine
#
# First come the core's own tests, tests/core/test_core.c, on CASES random cases an instruction set;
# where Python can follow, pytest with the arguments, which default to the whole suite; `none`: not at
# all.  PYTHON, CC, CASES and SEED may be set.  Needs gcc (musl: musl-gcc; qemu:
# aarch64-linux-gnu-gcc and qemu-aarch64; windows: clang, MinGW and Wine), and for Python pyl2's [dev].
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-}
shift || true
PYTHON=${PYTHON:-python3} CC=${CC:-gcc} CASES=${CASES:-300} SEED=${SEED:-1}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
common=(-std=gnu11 -Wall -Wextra -Werror -ffp-contract=fast -fno-math-errno -pthread -fPIC -g1 -Isrc/core)
# With every check a thousand times in line gcc would compile for minutes.
lean=(-O1 -fno-omit-frame-pointer "-DPL2_INLINE=static inline __attribute__((unused))")

compile() { # FLAG ...: the core's objects, and test_core
    printf '%s\0' src/core/[!_]*.c tests/core/test_core.c |
        xargs -0 -P "$(nproc)" -I{} bash -c 'source=$1; shift; "$@" -c "$source" -o "$BUILD/$(basename "$source" .c).o"' \
            - {} "$CC" "${common[@]}" "$@"
    "$CC" "$@" -pthread "$build"/*.o -lm -o "$build/test_core"
}
export BUILD=$build

binding() { # FLAG ...: the package with a _core of these objects in $build/pyl2
    cp -r src/pyl2 "$build/pyl2"
    rm -f "$build"/pyl2/*.so
    "$PYTHON" -m cython -3 src/core/_core.pyx -o "$build/_core.c"
    "$CC" "${common[@]}" -Wno-error "$@" -I"$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')" \
        -c "$build/_core.c" -o "$build/_core.o"
    rm -f "$build/test_core.o"
    "$CC" "$@" -shared -pthread "$build"/*.o -lm -o "$build/pyl2/_core.so"
}

suite() { # ENVIRONMENT ... -- PYTEST ARGUMENT ...
    local environment=()
    while [ "$1" != -- ]; do environment+=("$1") && shift; done
    shift
    [ "${1:-}" = none ] || ${launch:-} env "${environment[@]}" PYTHONPATH="$build" "$PYTHON" -m pytest -q -p no:cacheprovider "$@"
}

case $what in
address)
    flags=("${lean[@]}" -fsanitize=address,undefined -fno-sanitize-recover=undefined)
    compile "${flags[@]}" -DGUARD=0
    "$build/test_core" "$CASES" "$SEED"
    [ "${1:-}" = none ] && exit
    binding "${flags[@]}"
    # CPython leaves memory to the system at its end: leaks are looked for in test_core.  Of
    # what is freed little is kept, to see later uses, or it would be what tests of memory measure.
    suite LD_PRELOAD="$($CC -print-file-name=libasan.so):$($CC -print-file-name=libstdc++.so)" \
        PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16 -- "$@"
    ;;
thread)
    flags=("${lean[@]}" -fsanitize=thread)
    compile "${flags[@]}"
    launch="setarch -R" # where the addresses are too random for gcc's TSan
    $launch "$build/test_core" "$CASES" "$SEED"
    [ "${1:-}" = none ] && exit
    binding "${flags[@]}"
    suite LD_PRELOAD="$($CC -print-file-name=libtsan.so)" \
        TSAN_OPTIONS="ignore_noninstrumented_modules=1:exitcode=66:die_after_fork=0:allocator_may_return_null=1" \
        -- "$@"
    ;;
coverage)
    flags=("${lean[@]}" -O0 --coverage -fprofile-update=atomic)
    compile "${flags[@]}"
    "$build/test_core" "$CASES" "$SEED"
    if [ "${1:-}" != none ]; then
        binding "${flags[@]}"
        suite -- "$@"
    fi
    (cd "$build" && gcov --json-format --branch-probabilities --stdout ./*.gcda >branches.json 2>gcov.log)
    "$PYTHON" tests/core/branches.py "$build/branches.json"
    ;;
valgrind) # which knows no AVX-512
    compile "${lean[@]}" -DGUARD=0
    # Not "possible" leaks: a thread that came too late may still be ending, and its stack is the system's.
    valgrind --quiet --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite \
        --show-leak-kinds=definite "$build/test_core" "$CASES" "$SEED" avx2
    ;;
portable)
    compile -O1 -DPL2_SCALAR
    "$build/test_core" "$CASES" "$SEED"
    ;;
musl)
    CC=musl-gcc
    compile -O1 -static
    "$build/test_core" "$CASES" "$SEED"
    ;;
qemu)
    CC=aarch64-linux-gnu-gcc
    compile -O1
    qemu-aarch64 -L /usr/aarch64-linux-gnu "$build/test_core" "$CASES" "$SEED"
    ;;
windows) # by clang, for GCC does not align the vectors that it puts on a stack there
    CC=clang
    libgcc=$(x86_64-w64-mingw32-gcc -print-libgcc-file-name)
    compile --target=x86_64-w64-mingw32 -O1 -static -L"${libgcc%/*}" -Wno-unused-command-line-argument
    export WINEDEBUG=-all WINEPREFIX=$build/wine
    wine "$build/test_core.exe" "$CASES" "$SEED" 2>"$build/wine.log" || { tail "$build/wine.log" && exit 1; }
    wineserver --kill --wait
    ;;
*)
    sed -n '2,/^set/{/^#/p}' "$0" >&2
    exit 2
    ;;
esac
