"""Read malformed files: many by their numbers, or some guided by the coverage that they reach.

    python tests/fuzz/readers.py                       a million, all readers in turn
    python tests/fuzz/readers.py --count 10000 --first 0 --only csv,npz
    python tests/fuzz/readers.py --guided csv --count 100000 [folder of a corpus]

Prints what was read, and how many were taken for sound.  A file that makes a reader raise anything
but a documented exception, or warn, is told by its target and number, and the exit code is 1:
``attacks.drawn(target.files, target.attacks, number)`` makes it again.  One that hangs ends the
process, which shows where.  Memory that grows is a failure too.  The guided kind needs atheris
(`pip install atheris`), which keeps in the corpus' folder what it found.
"""

import argparse
import faulthandler
import os
import random
import sys
import time
import traceback
from pathlib import Path

import attacks
from targets import TARGETS, scratch

# So many files may take so many seconds; else the reader that hangs is shown, and the process ends.
AT_ONCE, LONGEST = 500, 120
LEAK = 64 * 2**20


def by_number(names, first, count):
    """Read the files of a range of numbers; return the numbers that failed, by target."""
    path = scratch()
    failed = []
    began = time.perf_counter()
    base = None
    taken = 0
    for number in range(first, first + count):
        name = names[number % len(names)]
        target = TARGETS[name]
        data = attacks.drawn(target.files, target.attacks, number)
        if (number - first) % AT_ONCE == 0:
            faulthandler.dump_traceback_later(LONGEST, exit=True)
        try:
            taken += target.run(data, path)
        except Exception:
            failed.append((name, number))
            print(f"{name} {number}:", flush=True)
            traceback.print_exc(limit=-3)
        done = number - first + 1
        if done == 2000:
            base = memory()
        if done % 50_000 == 0:
            print(
                f"{done} read, {taken} taken, {len(failed)} failed, {memory() >> 20} MB", flush=True
            )
    faulthandler.cancel_dump_traceback_later()
    seconds = time.perf_counter() - began
    print(f"{count} read in {seconds:.0f} s, {taken} taken for sound, {len(failed)} failed")
    grown = 0 if base is None else memory() - base
    print(f"memory has grown by {grown / 2**20:.1f} MB")
    if grown > LEAK:
        failed.append(("memory", grown))
    path.unlink(missing_ok=True)
    path.parent.rmdir()
    return failed


def memory():
    """Bytes that are resident; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def guided(name, count, rest):
    """Let atheris look for files that reach new lines of the reader."""
    import atheris

    with atheris.instrument_imports(include=["pyl2"]):
        for module in [m for m in sys.modules if m.startswith("pyl2.") and m != "pyl2._core"]:
            del sys.modules[module]
        for module in ("pyl2", "targets"):
            sys.modules.pop(module, None)
        from targets import TARGETS as INSTRUMENTED

    target, path = INSTRUMENTED[name], scratch()
    corpus = Path(rest[0] if rest else path.parent / "corpus")
    corpus.mkdir(exist_ok=True)
    for i, data in enumerate(target.files):
        (corpus / f"sound{i}").write_bytes(data)

    def mutate(data, size, seed):
        chance = random.Random(seed)
        if chance.random() < 0.4:
            data = atheris.Mutate(data, len(data) or 1)
        else:
            data = chance.choice(target.attacks)(data, chance)
        return data[:size]

    def use(data):
        target.run(data, path)

    arguments = [f"-runs={count}", "-max_len=20000", "-timeout=10", str(corpus)]
    atheris.Setup(
        [sys.argv[0], *arguments],
        use,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def main():
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", default=",".join(TARGETS))
    parser.add_argument("--guided", choices=list(TARGETS))
    args, rest = parser.parse_known_args()
    if args.guided:
        return guided(args.guided, args.count, rest)
    return bool(by_number(args.only.split(","), args.first, args.count))


if __name__ == "__main__":
    sys.exit(main())
