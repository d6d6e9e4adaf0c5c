"""What is public: names, where they are imported from, and signatures, as they were written down.

``python tests/test_public.py > tests/public.txt`` writes them down anew, when one is meant to come.
"""

import importlib
import inspect
import re
from pathlib import Path

WRITTEN = Path(__file__).parent / "public.txt"
MODULES = (
    "pyl2",
    "pyl2.bayes",
    "pyl2.estimators",
    "pyl2.experiments",
    "pyl2.model_selection",
    "pyl2.path",
    "pyl2.plots",
    "pyl2.swarm",
)


def signature(value):
    try:
        found = re.sub(r" at 0x[0-9a-f]+", "", str(inspect.signature(value)))
    except (TypeError, ValueError):
        return ""
    return re.sub(r"ForwardRef\('(\w+)'\)", r"\1", found)  # of named tuples, before Python 3.14


def members(kind):
    """The public methods and properties of a class, what scikit-learn adds left out."""
    for name in sorted(vars(kind) | {k: v for base in kind.__mro__ for k, v in vars(base).items()}):
        where = next(base for base in kind.__mro__ if name in vars(base))
        ours = where.__module__.startswith("pyl2") and not name.endswith("_request")
        if ours and not name.startswith("_"):
            value = getattr(kind, name, None)
            yield f"  .{name}{signature(value) if callable(value) else ''}"


def described():
    """Every public name, a line each."""
    seen = {}
    for module in map(importlib.import_module, MODULES):
        for name in sorted(getattr(module, "__all__", [n for n in dir(module) if n[0] != "_"])):
            value = getattr(module, name)
            yield f"{module.__name__}.{name}{signature(value) if callable(value) else ''}"
            if inspect.isclass(value) and seen.setdefault(id(value), name) == name:
                yield from dict.fromkeys(members(value))
                seen[id(value)] = None


def test_public_names_are_as_they_were_written_down():
    assert list(described()) == WRITTEN.read_text("utf-8").splitlines()


if __name__ == "__main__":
    print("\n".join(described()))
