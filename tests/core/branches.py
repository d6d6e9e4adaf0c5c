"""Which branches of the C core no test has taken: branches.py GCOV_JSON.

The copies of a line, one for each type, instruction set and place it is in line, are one line: a
branch counts as taken when any copy takes it.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

CORE = Path(__file__).parents[2] / "src" / "core"


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
                key = (path, line["line_number"])
                found[key][len(branches), index] += branch["count"]
    return found


def main(json_path):
    """Print the lines with a branch that was not taken, and the share of those that were."""
    found = read(Path(json_path).read_text().splitlines())
    every = sum(map(len, found.values()))
    missed = 0
    for (path, number), counts in sorted(found.items()):
        left = sum(count == 0 for count in counts.values())
        missed += left
        if left:
            text = path.read_text().splitlines()[number - 1].strip()
            print(f"{path.relative_to(CORE)}:{number}: {left} of {len(counts)}: {text}")
    print(f"{every - missed} of {every} branches taken, {100 * (1 - missed / every):.2f} %")


if __name__ == "__main__":
    main(*sys.argv[1:])
