"""One file a rival, `<name>_rival.py`, each with the same three functions.

versions() -> dict
    Name and version of what is measured.
supports(case) -> bool
    Whether the rival can do this case at all.
prepare(case, problem) -> (train, params)
    Everything that is done before the clock starts. `train()` then trains all epochs of the case
    from `problem.params`, the rows in the order of `problem.orders`; `params()` gives the
    resulting parameters as one vector, laid out as `problem.params`: the weights of all layers,
    (fan_in, fan_out) in C order, then the biases. Called again for each round. Where the case is
    to predict (`optimizer` None), `train()` makes `case.epochs` calls and `params()` gives what
    the last returned, as one vector.

and, where it comes no nearer to a case, a fourth:

instead(case) -> Case
    What it trains in place of the case. Its weights are then compared with nobody's.

A module that cannot be imported is a missing rival. Importing the package imports none of them.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))  # of this process, as processes.py says
_SUFFIX = "_rival"


def names() -> list[str]:
    """Rivals there is a file for."""
    files = Path(__file__).parent.glob(f"*{_SUFFIX}.py")
    return sorted(file.stem.removesuffix(_SUFFIX) for file in files)


def load(name: str):
    """The module of a rival."""
    return import_module(f"{__name__}.{name}{_SUFFIX}")
