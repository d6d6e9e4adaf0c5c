"""Who may import whom: the arrows of the layout point one way, and heavy libraries come late."""

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "pyl2"
PYTHON = sorted(PACKAGE.rglob("*.py"))

CLI = {f"cli.{name}" for name in ("compare", "convert", "options", "path", "predict", "train")}
SHARED = {f"cli.{name}" for name in ("data", "options", "output", "page", "training")}

# Module: what of pyl2 it may know.
MAY_IMPORT = {
    "__init__": {
        "backprop",
        "convert",
        "estimators",
        "experiments",
        "history",
        "model_selection",
        "network",
        "optimize",
        "particle_swarm",
        "path",
    },
    "sparse": set(),
    "checks": {"sparse"},
    "convert": {"checks", "keywords", "l2"},
    "files": {"checks"},
    "generators": {"_core", "checks"},
    "history": set(),
    "keywords": set(),
    "l2": {"checks", "warn"},
    "progress": {"checks"},
    "threads": {"_core", "checks"},
    "warn": set(),
    "network": {"_core", "checks", "files", "generators", "keywords", "l2", "threads"},
    "course": {"checks", "history", "network", "progress"},
    "abreast": {"_core", "checks", "course", "network"},
    "scaling": {"checks", "sparse", "warn"},
    "schedule": {"checks"},
    "scores": {"checks"},
    "holdout": {"checks", "network", "scores", "sparse"},
    "lbfgs": {"l2", "checks", "course", "history", "network"},
    "backprop": {
        "_core",
        "abreast",
        "checks",
        "course",
        "files",
        "generators",
        "keywords",
        "history",
        "l2",
        "lbfgs",
        "network",
        "progress",
        "scaling",
        "schedule",
        "threads",
        "warn",
    },
    "swarm": {"_core", "checks", "generators"},
    "optimize": {"checks", "generators", "keywords", "progress", "swarm"},
    "particle_swarm": {
        "checks",
        "course",
        "files",
        "generators",
        "keywords",
        "history",
        "l2",
        "network",
        "progress",
        "scaling",
        "swarm",
        "threads",
    },
    "estimators": {
        "abreast",
        "backprop",
        "checks",
        "course",
        "export",
        "history",
        "l2",
        "holdout",
        "lbfgs",
        "network",
        "particle_swarm",
        "schedule",
        "scores",
        "sparse",
        "threads",
        "warn",
    },
    "experiments": {
        "abreast",
        "backprop",
        "checks",
        "course",
        "history",
        "network",
        "particle_swarm",
        "holdout",
        "keywords",
        "progress",
        "report",
        "scaling",
        "scores",
        "threads",
    },
    "path": {
        "abreast",
        "backprop",
        "checks",
        "course",
        "estimators",
        "generators",
        "keywords",
        "holdout",
        "l2",
        "network",
        "particle_swarm",
        "progress",
        "report",
        "scaling",
        "scores",
        "sparse",
        "threads",
    },
    "model_selection": {
        "abreast",
        "checks",
        "estimators",
        "l2",
        "path",
        "scaling",
        "scores",
        "sparse",
        "warn",
    },
    "export": {"checks", "estimators"},
    "model": {"checks", "files", "network"},
    "tables": {"checks", "files"},
    "plots": {"plots.choice", "plots.decay", "plots.functions", "plots.training", "plots.weights"},
    "plots.choice": {"checks", "model_selection", "path", "plots.of_path", "plots.style", "scores"},
    "plots.decay": {"checks", "experiments", "plots.style"},
    "plots.functions": {"checks", "path", "plots.of_path", "plots.style", "sparse"},
    "plots.of_path": {"checks", "path"},
    "plots.style": {"checks"},
    "plots.training": {"checks", "history", "path", "plots.of_path", "plots.style"},
    "plots.weights": {"checks", "path", "plots.of_path", "plots.style"},
    "report": set(),
    "__main__": {"__init__", *CLI},
    "cli": set(),
    "cli.options": set(),
    "cli.output": {"cli.options", "files"},
    "cli.page": {"__init__", "files"},
    "cli.data": {"checks", "cli.options", "model", "tables"},
    "cli.training": {"__init__", "cli.data", "cli.options", "experiments"},
    "cli.convert": {"__init__", "cli.options", "cli.output", "convert", "report"},
    "cli.predict": {"cli.options", "model", "report", "tables"},
    "cli.train": {"__init__", *SHARED, "experiments", "model", "plots", "report"},
    "cli.path": {"__init__", *SHARED, "checks", "model_selection", "path", "plots", "report"},
    "cli.compare": {"__init__", *SHARED, "experiments", "plots", "report"},
}

# Not imported with a module of ours but inside the function that needs them.
LATE = {"scipy", "sklearn", "matplotlib", "pandas", "pyarrow"}
SCIKIT_LEARNS = {"estimators", "export", "model_selection"}


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
    inner = [".".join(parts[1:end]) for end in range(len(parts), 1, -1)]
    return next((place for place in inner if place in modules()), "__init__")


def source(module):
    """The file of a module, or of a package within ours."""
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def modules():
    """Dotted names, that of a package within ours without its __init__."""
    names = {".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PYTHON}
    return {name.removesuffix(".__init__") for name in names} | {"_core"}


def test_all_modules_have_a_place():
    assert modules() - {"_core"} == set(MAY_IMPORT)


@pytest.mark.parametrize("module", sorted(MAY_IMPORT))
def test_arrows(module):
    tree = ast.parse(source(module).read_text("utf-8"))
    known = {ours(name) for name in imports(tree)} - {None, module}
    assert known <= MAY_IMPORT[module]


@pytest.mark.parametrize("module", sorted(MAY_IMPORT))
def test_heavy_libraries_come_late(module):
    tree = ast.parse(source(module).read_text("utf-8"))
    top = ast.Module(
        [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], []
    )
    found = {name.split(".")[0] for name in imports(top)} & LATE
    assert found <= ({"sklearn"} if module in SCIKIT_LEARNS else set())
