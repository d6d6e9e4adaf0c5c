"""Which branches of the C core no test has taken, and why: branches.py GCOV_JSON.

The copies of a line, one for each type, instruction set and place it is in line, are one line: a
branch counts as taken when any copy takes it.  Fails where an untaken branch has no reason.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

CORE = Path(__file__).parents[2] / "src" / "core"

NO_OTHER = "a switch over names, for a value that is none of them"
PROCESSOR = "a processor without it"
# File, part of the line's text, branches untaken at most, why.
REASONS = [
    ("dispatch.c", '__builtin_cpu_supports("fma")', 2, PROCESSOR),
    ("dispatch.c", '__builtin_cpu_supports("avx512f")', 1, PROCESSOR),
    ("dispatch.c", '__builtin_cpu_supports("avx512vl")', 3, PROCESSOR),
    ("kernel/activations.h", "switch (kind) {", 3, "identity and relu return before; " + NO_OTHER),
    ("kernel/activations.h", "ACTIVATIONS(PL2_CASE)", 8, "identity and relu return before"),
    ("kernel/epoch.h", "switch (optimizer) {", 1, NO_OTHER),
    ("kernel/epoch.h", "OPTIMIZERS(PL2_CASE)", 2, "loops over the states of sgd, which has none"),
    ("kernel/fused.h", "PL2_NEVER(", 2, "what never is, so that the compiler leaves it out"),
    ("kernel/gemm.h", "PL2_EVERY_STORE(g)", 2, NO_OTHER),
    ("kernel/gemm.h", "switch (mr * 8 + nv) {", 2, "every tile has its case"),
    ("kernel/outputs.h", "switch (kind) {", 1, NO_OTHER),
    ("kernel/sparse.h", "switch (nv) {", 1, "every strip has its case"),
    ("net.c", "net->lanes == 1", 1, "without vectors: tests/sanitize.sh portable"),
    ("team.c", "__atomic_compare_exchange_n", 1, "another thread is faster by an instruction"),
    ("team.c", "pthread_attr_init", 1, "a system that fails"),
    ("parts.c", "took > 0", 1, "where there is no clock"),
    ("team.c", "here < 0", 2, "a system that fails"),
    ("team.c", "CPU_COUNT(&others)", 1, "where there is one processor, or where there are more"),
    ("team.c", "sched_getaffinity", 1, "more processors than a cpu_set_t has"),
    ("team.c", "found < 1", 2, "the same"),
    ("team.c", "most < here", 1, "where there is one processor"),
]


def read(lines):
    """Counts of each (file, line)'s branches, of all copies, alike if they have as many."""
    found = defaultdict(lambda: defaultdict(int))
    for file in (file for text in lines for file in json.loads(text)["files"]):
        path = (CORE.parents[1] / file["file"]).resolve()
        if CORE not in path.parents or path.name == "_core.c":
            continue
        for line in file["lines"]:
            branches = line["branches"]
            for index, branch in enumerate(branches):
                key = (path.relative_to(CORE).as_posix(), line["line_number"])
                found[key][len(branches), index] += branch["count"]
    return found


def reason(file, text, untaken):
    """Why a line has so many untaken branches, or None."""
    whys = (
        why
        for name, part, most, why in REASONS
        if name == file and part in text and untaken <= most
    )
    return next(whys, None)


def main(json_path):
    """Print the lines with a branch that was not taken, and the share of those that were."""
    found = read(Path(json_path).read_text().splitlines())
    every = sum(map(len, found.values()))
    missed = unexplained = 0
    for (file, number), counts in sorted(found.items()):
        untaken = sum(count == 0 for count in counts.values())
        if untaken:
            text = (CORE / file).read_text().splitlines()[number - 1].strip()
            why = reason(file, text, untaken)
            missed += untaken
            unexplained += 0 if why else untaken
            print(f"{file}:{number}: {untaken} of {len(counts)}: {text}\n    {why or 'NO REASON'}")
    share = f"{every - missed} of {every} branches taken, {100 * (1 - missed / every):.2f} %"
    print(f"{share}; the rest: {missed - unexplained} with reasons, {unexplained} without")
    return unexplained > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
