"""Who may import whom: the arrows of the layout point one way, and heavy libraries come late."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "pyl2"

# Module: what of pyl2 it may know.
MAY_IMPORT = {
    "__init__": {
        "backprop",
        "convert",
        "estimators",
        "experiments",
        "history",
        "network",
        "optimize",
        "particle_swarm",
    },
    "checks": set(),
    "convert": {"checks", "l2"},
    "files": {"checks"},
    "generators": {"_core", "checks"},
    "history": set(),
    "l2": {"checks"},
    "progress": set(),
    "threads": {"_core", "checks"},
    "network": {"_core", "checks", "files", "generators", "l2", "threads"},
    "course": {"checks", "history", "network"},
    "schedule": {"checks"},
    "lbfgs": {"l2", "checks", "course", "history", "network"},
    "backprop": {
        "_core",
        "checks",
        "course",
        "files",
        "generators",
        "history",
        "l2",
        "lbfgs",
        "network",
        "progress",
        "schedule",
        "threads",
    },
    "swarm": {"_core", "checks", "generators"},
    "optimize": {"checks", "generators", "progress", "swarm"},
    "particle_swarm": {
        "checks",
        "course",
        "files",
        "generators",
        "history",
        "l2",
        "network",
        "progress",
        "swarm",
        "threads",
    },
    "estimators": {
        "backprop",
        "checks",
        "course",
        "export",
        "history",
        "l2",
        "lbfgs",
        "network",
        "particle_swarm",
        "schedule",
        "threads",
    },
    "experiments": {
        "backprop",
        "checks",
        "course",
        "history",
        "network",
        "particle_swarm",
        "progress",
        "report",
        "threads",
    },
    "export": {"checks", "estimators"},
    "model": {"checks", "files", "network"},
    "tables": {"checks", "files"},
    "plots": set(),
    "report": set(),
    "__main__": {
        "__init__",
        "checks",
        "convert",
        "experiments",
        "files",
        "model",
        "plots",
        "report",
        "tables",
    },
}

# Not imported with a module of ours but inside the function that needs them.
LATE = {"scipy", "sklearn", "matplotlib", "pandas"}
SCIKIT_LEARNS = {"estimators", "export"}


def imports(tree):
    """Every module that is imported, as a dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(name):
    """Which module of pyl2 a dotted name lies in; None for other packages."""
    parts = name.split(".")
    if parts[0] != "pyl2":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in modules() else "__init__"


def modules():
    return {path.stem for path in PACKAGE.glob("*.py")} | {"_core"}


def test_all_modules_have_a_place():
    assert modules() - {"_core"} == set(MAY_IMPORT)


@pytest.mark.parametrize("module", sorted(MAY_IMPORT))
def test_arrows(module):
    tree = ast.parse((PACKAGE / f"{module}.py").read_text("utf-8"))
    known = {ours(name) for name in imports(tree)} - {None, module}
    assert known <= MAY_IMPORT[module]


@pytest.mark.parametrize("module", sorted(MAY_IMPORT))
def test_heavy_libraries_come_late(module):
    tree = ast.parse((PACKAGE / f"{module}.py").read_text("utf-8"))
    top = ast.Module(
        [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], []
    )
    found = {name.split(".")[0] for name in imports(top)} & LATE
    assert found <= ({"sklearn"} if module in SCIKIT_LEARNS else set())
