"""Arrows point one way, nothing private crosses a package, heavy libraries come late."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "pyl2"
PYTHON = sorted(PACKAGE.rglob("*.py"))

# Each may import what stands before it, and itself; those in one line do not know each other.
LAYERS = [
    {"_core"},
    {"_common"},
    {"_engine", "convert", "export"},
    {"network"},
    {"ensemble"},
    {"training", "data"},
    {"swarm", "bayes"},
    {"path"},
    {"experiments", "estimators"},
    {"model_selection"},
    {"plots"},
    {"__init__"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: floor for floor, rooms in enumerate(LAYERS) for room in rooms}

# Not imported with a module of ours but inside the function that needs them.
LATE = {"scipy", "sklearn", "matplotlib", "narwhals", "pandas", "pyarrow", "onnx", "torch"}
# Who may touch the core's networks, and who what is private to scikit-learn.
ENGINE = PACKAGE / "_engine.py"
COMPAT = PACKAGE / "estimators" / "_sklearn_compat.py"
# The one step up: ``plot`` of results, which waits until somebody asks for it.
STEP_UP = (PACKAGE / "_common" / "drawn.py", "plots")
# Underscores that are no privacy: methods of every named tuple.
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}


def room(path):
    """The package, or the module beside the packages, that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def tree(path):
    return ast.parse(path.read_text("utf-8"))


def imports(node):
    """Every module that is imported, as a dotted name, with the name taken from it."""
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            yield from ((alias.name, None) for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            yield from ((part.module, alias.name) for alias in part.names)


def rooms_known(path):
    """The rooms of pyl2 that a file imports from."""
    for module, name in imports(tree(path)):
        parts = module.split(".")
        if parts[0] == "pyl2":
            inner = parts[1] if len(parts) > 1 else name
            yield inner if inner in FLOOR else "__init__"


def test_every_room_has_a_floor():
    assert {room(path) for path in PYTHON} | {"_core"} == set(FLOOR)


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_down(path):
    here = room(path)
    for known in rooms_known(path):
        lazily = (here == "__init__" and known != "__main__") or (path, known) == STEP_UP
        assert known == here or FLOOR[known] < FLOOR[here] or lazily, known


def private(name):
    return name.startswith("_") and not name.startswith("__") and name not in OF_NAMED_TUPLES


def own_names(paths):
    """The private attributes that the files of a room define: by assignment, def or annotation."""
    names = set()
    for node in (node for path in paths for node in ast.walk(tree(path))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


@pytest.mark.parametrize("here", sorted(set(FLOOR) - {"_core"}))
def test_nothing_private_crosses_a_package(here):
    paths = [path for path in PYTHON if room(path) == here]
    if {"_engine", "network"} & {here}:  # one room in two files: the network's engine
        paths = [PACKAGE / "_engine.py", PACKAGE / "network.py"]
    own = own_names(paths)
    for path in paths:
        if path == COMPAT:
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and private(node.attr):
                assert node.attr in own, f"{path.name}:{node.lineno}: {ast.unparse(node)}"
        for module, name in imports(tree(path)):
            taken = [part for part in [*module.split("."), name or ""] if private(part)]
            if module.split(".")[0] == "pyl2":
                rooms = {*FLOOR, "_sklearn_compat"} if here == "estimators" else set(FLOOR)
                taken = [part for part in taken if part not in rooms]
            assert not taken, f"{path.name}: {module} {name}"


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_engine_alone_makes_networks_of_the_core(path):
    used = {
        node.attr
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "_core"
    }
    assert path == ENGINE or not used & {"Net", "TrainingLock"}


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_come_late(path):
    top = [node for node in tree(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
    found = {module.split(".")[0] for module, _ in imports(ast.Module(top, []))} & LATE
    allowed = {"sklearn"} if room(path) == "estimators" else set()
    assert found <= ({"torch"} if path.name == "torch_exp.py" else allowed)
