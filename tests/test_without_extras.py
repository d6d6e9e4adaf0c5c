"""pyl2 with NumPy, SciPy and scikit-learn alone: what works, and what to install for the rest."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKED = ("rich", "pandas", "pyarrow", "matplotlib", "openpyxl", "shtab", "polars")
BLOCK = f"""
import sys
class Blocked:
    @staticmethod
    def find_spec(name, *_):
        if name.partition(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked)
"""


def run(code, tmp_path, *argv):
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code, *argv],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "COLUMNS": "100"},
    )


def pyl2(tmp_path, *argv):
    return run("from pyl2.__main__ import main; sys.exit(main(sys.argv[1:]))", tmp_path, *argv)


def test_the_library(tmp_path):
    """Training, tables of results, and a bar, where a terminal is."""
    code = """if True:
        import numpy as np
        import pyl2
        from pyl2._common import progress
        progress._shows = lambda stream: True
        X = np.random.default_rng(0).normal(size=(60, 2))
        y = X[:, 0] + X[:, 1] ** 2
        network = pyl2.Network((2, 3, 1), seed=0)
        path = pyl2.l2_path(network, X, y, [0.1, 1], test=0.3, epochs=5, seed=0, verbose=True)
        print(path)
        print(pyl2.compare(X, y, network, evaluations=60, seeds=1, methods=["adam"]))
        print(path._repr_html_())
        print(pyl2.MLPRegressorCV(max_iter=3, random_state=0, alphas=[0.1, 1]).fit(X, y).alpha_)
        print(pyl2.TableEncoder().fit_transform(X).shape)
    """
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("‖W‖", "evaluations", "<table>", "(60, 2)"):
        assert words in done.stdout
    assert "2 λ · epoch 5/5" in done.stderr


def test_the_command_line_on_what_scikit_learn_brings(tmp_path):
    for argv in (["train"], ["path", "--l2", "1,10"], ["compare", "--evaluations", "100"], []):
        rest = ["--epochs", "3"] if argv[:1] in (["train"], ["path"]) else []
        done = pyl2(tmp_path, *argv, *rest)
        assert (done.returncode, done.stderr) == (0, "")
        assert "R²" in done.stdout or not argv


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "data.csv"], "data.csv: tables are read by pandas: pip install 'pyl2[cli]'"),
        (["predict", "m.pyl2", "data.csv"], "m.pyl2"),
        (["train", "data.parquet"], "Parquet files need pyarrow: pip install 'pyl2[frames]'"),
        (["completion", "zsh"], "completion: shtab writes it: pip install 'pyl2[cli]'"),
    ],
)
def test_what_to_install_in_one_line(tmp_path, argv, words):
    (tmp_path / "data.csv").write_text("a,y\n" + "1,2\n3,4\n" * 9)
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    done = pyl2(tmp_path, *argv)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pyl2: error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_what_the_library_depends_on():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {one.partition(">")[0] for one in project["dependencies"]}
    assert needed == {"numpy", "scipy", "scikit-learn", "narwhals"}  # the last is scikit-learn's
    extras = project["optional-dependencies"]
    named = {one.partition(">")[0] for listed in extras.values() for one in listed}
    for extra in ("cli", "frames", "plot"):
        assert extra in extras
    assert {"pandas", "shtab", "pyarrow", "matplotlib"} <= named
