"""bench/swaps.py on a made-up project: what passes, fails and trains, both ways."""

import csv
import importlib.util
import sys
from pathlib import Path

import pytest
import sklearn

import pyl2

ROOT = Path(__file__).parent.parent
TESTS = """
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

X = [[0.0], [1.0], [2.0], [3.0]]
pytestmark = pytest.mark.filterwarnings("ignore")

def test_fit():
    long = MLPClassifier(3, max_iter=3000, n_iter_no_change=3000)
    assert long.fit(X, [0, 0, 1, 1]).predict(X).shape == (4,)

def test_partial_fit():
    assert MLPRegressor().partial_fit(X, [0.0, 1.0, 2.0, 3.0]).n_iter_ == 1
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")

def test_home():
    assert MLPRegressor.__module__.startswith("sklearn.")

def test_skipped():
    pytest.skip("as it pleases")

def test_broken():
    raise AssertionError
"""
EXAMPLE = """
from sklearn.neural_network import MLPRegressor

MLPRegressor(max_iter=2).fit([[0], [1]], [0, 1])
"""


@pytest.fixture(scope="module")
def swaps():
    """The bench as a module."""
    spec = importlib.util.spec_from_file_location("swaps", ROOT / "bench" / "swaps.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["swaps"] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["swaps"]


@pytest.fixture
def checkouts(tmp_path, monkeypatch):
    """A folder with a project whose environment is this one."""
    folder = tmp_path / "made-up"
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / "test_mlp.py").write_text(TESTS)
    (folder / "example.py").write_text(EXAMPLE)
    monkeypatch.setenv("PYTHONPATH", str(Path(pyl2.__file__).parent.parent))
    return tmp_path


def told(swaps, monkeypatch, capsys, folder, *projects):
    """Exit code, rows of the table, and what is printed."""
    monkeypatch.setattr(swaps, "PROJECTS", list(projects))
    code = swaps.main(["--checkouts", str(folder), "--csv", str(folder / "table.csv")])
    text = (folder / "table.csv").read_text("utf-8")
    return code, list(csv.DictReader(text.splitlines())), capsys.readouterr().out


def test_what_fails_with_pyl2_alone_is_named(swaps, checkouts, monkeypatch, capsys):
    project = swaps.Project("nobody/made-up", "", "test_mlp.py")
    code, (row,), out = told(swaps, monkeypatch, capsys, checkouts, project)
    assert code == 1
    assert row["project"] == "nobody/made-up"
    assert row["scikit-learn"] == sklearn.__version__
    assert row["passed / failed / skipped"] == "3 / 1 / 1"
    assert row["with pyl2"] == "2 / 2 / 1"
    assert row["fits"] == "2"
    assert float(row["in pyl2's"]) > 0
    assert out.startswith("| project")
    assert "test_mlp.py::test_home fails with pyl2: UNKNOWN: " in out
    assert "test_mlp.py::test_broken fails both ways: AssertionError" in out


def test_examples_are_run_and_what_cannot_run_is_named(swaps, checkouts, monkeypatch, capsys):
    projects = (
        swaps.Project("nobody/made-up", "", "--swap-scripts example.py"),
        swaps.Project("somebody/made-up", "", "--no-such-option"),
        swaps.Project("nobody/absent", "", ""),
    )
    code, (row,), out = told(swaps, monkeypatch, capsys, checkouts, *projects)
    assert (code, row["passed / failed / skipped"], row["fits"]) == (1, "1 / 0 / 0", "1")
    assert "unrecognized arguments: --no-such-option" in out
    assert "--install makes it" in out


PLAIN = {"outcomes": {"a": "passed", "b": "failed"}, "messages": {"b": "ever"}}
SWAPPED = {
    "outcomes": {"a": "failed", "b": "failed"},
    "messages": {"a": "no", "b": "no"},
    "fits": {"pyl2": 1, "sklearn": 0},
    "swap held": True,
}


def test_a_reason_that_is_known_is_no_error(swaps):
    project = swaps.Project("nobody/made-up", "", "", known={"a": "a reason"})
    lines, good = swaps.findings(project, PLAIN, SWAPPED)
    assert lines == ["made-up: b fails both ways: ever", "made-up: a fails with pyl2: a reason"]
    assert good


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"fits": {"pyl2": 0, "sklearn": 0}}, "pyl2 did not take scikit-learn's place"),
        ({"swap held": False}, "pyl2 did not take scikit-learn's place"),
        ({"outcomes": {"a": "failed"}}, "1 tests are not collected with pyl2"),
    ],
)
def test_a_swap_that_is_none_is_an_error(swaps, change, line):
    project = swaps.Project("nobody/made-up", "", "", known={"a": "a reason"})
    lines, good = swaps.findings(project, PLAIN, SWAPPED | change)
    assert lines[-1] == f"made-up: {line}"
    assert not good


@pytest.mark.parametrize("distribution", ["", "made-up"])
def test_what_is_missing_is_cloned_and_installed(swaps, distribution, tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(swaps.subprocess, "run", lambda command, **_: commands.append(command))
    project = swaps.Project("nobody/made-up", ". 'some<2'", "", distribution=distribution)
    folder = tmp_path / "new" / "made-up"
    swaps.install(project, folder, "pyl2")
    *clone, venv, pip = [" ".join(map(str, command)) for command in commands]
    wanted = f"git clone --depth 1 https://github.com/nobody/made-up {folder}"
    assert clone == ([] if distribution else [wanted])
    assert venv.endswith(f"-m venv {folder / '.venv'}")
    assert pip.endswith("-m pip install --quiet pytest pyl2 . some<2")
    assert folder.is_dir()


def test_the_table_of_projects(swaps):
    names = [project.name for project in swaps.PROJECTS]
    assert len(set(names)) == len(names) >= 8
    assert all(project.needs and project.tests for project in swaps.PROJECTS)
