"""Other projects' own tests and examples, with pyl2's MLP in the place of scikit-learn's.

    python bench/swaps.py --checkouts DIR [--install] [--projects skops,lale] [--csv FILE]

Each project's tests of an MLP run twice in the same environment: as they are, and after
`pyl2.patch_sklearn()`.  DIR has one folder for each project, named as its repository, with an
environment in `.venv`; `--install` clones what is missing and installs, by

    git clone https://github.com/OWNER/NAME DIR/NAME
    python -m venv DIR/NAME/.venv
    DIR/NAME/.venv/bin/pip install pytest PYL2 ...    (what the table in this script says)

A test that fails with pyl2 alone is listed, with the reason if it is known; one that is not known
makes the exit code 1, and so does a project that trains nothing of pyl2's.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLUGINS = Path(__file__).parent / "plugins"


@dataclass(frozen=True)
class Project:
    """Whose tests, and how they run.

    `needs` and `tests` are arguments of pip and pytest, in the checkout.  A project with a
    `distribution` brings its tests with what pip installs, so that no checkout is needed.
    `known` says why a test fails with pyl2: words of its name, and the reason.
    """

    repository: str
    needs: str
    tests: str
    distribution: str = ""
    known: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the repository, without its owner."""
        return self.repository.split("/")[1]


PROJECTS = [
    Project(
        "scikit-learn/scikit-learn",
        "scikit-learn pandas",
        "--pyargs sklearn.neural_network.tests.test_mlp sklearn.ensemble.tests.test_stacking"
        " sklearn.model_selection.tests.test_validation sklearn.tests.test_common"
        " -k 'test_mlp or MLP or auto_predict or learning_curve_partial_fit_regressors'",
        distribution="scikit-learn",
        known={"test_gradient": "it looks into scikit-learn's own backpropagation"},
    ),
    Project(
        "onnx/sklearn-onnx",
        ". onnxruntime pandas packaging",
        "tests/test_sklearn_mlp_converter.py tests/test_sklearn_double_tensor_type_cls.py"
        " tests/test_sklearn_double_tensor_type_reg.py tests/test_algebra_cascade.py"
        " tests/test_sklearn_glm_regressor_converter.py"
        " tests/test_sklearn_one_vs_rest_classifier_converter.py"
        " -k mlp",
    ),
    Project("emlearn/emlearn", ". tensorflow-cpu", "test/test_net.py -k 'not keras'"),
    Project("microsoft/hummingbird", ". torch", "tests/test_sklearn_mlp_converter.py"),
    Project("skops-dev/skops", ".", "skops/io/tests/test_persist.py -k MLP"),
    Project("mljar/mljar-supervised", ".", "tests/tests_algorithms/test_nn.py"),
    Project(
        "scikit-learn-contrib/MAPIE",
        ". matplotlib pandas",
        "--swap-scripts examples/regression/1-quickstart/plot_toy_model.py"
        " examples/risk_control/1-quickstart/plot_risk_control_binary_classification.py"
        " examples/risk_control/2-advanced-analysis/"
        "plot_multi_risk_control_binary_classification.py"
        " examples/risk_control/2-advanced-analysis/plot_risk_control_custom_risk.py"
        " examples/risk_control/2-advanced-analysis/"
        "plot_risk_control_multi_parameter_binary_classification.py",
    ),
    Project("tslearn-team/tslearn", ". h5py", "tests/test_estimators.py -k TimeSeriesMLP"),
    Project("IBM/lale", ".", "test/test_core_classifiers.py -k MLP"),
    Project("biolab/orange3", "-e .", "Orange/tests/test_neural_network.py"),
    Project(
        "anvaldes/sklearn-migrator",
        ". pandas",
        "tests/classification/test_mlp_clf.py tests/regression/test_mlp_reg.py",
    ),
    Project(
        "hyperopt/hyperopt-sklearn",
        ". 'setuptools<80'",
        "tests/test_components/test_neural_network",
    ),
]


class Failure(Exception):
    """A project could not be run."""


# --- environments ---------------------------------------------------------------------------------


def python_of(folder: Path) -> Path:
    """The interpreter of a project's environment."""
    return folder / ".venv" / "bin" / "python"


def install(project: Project, folder: Path, pyl2: str) -> None:
    """Clone the project and make its environment, unless they are there; install into it."""
    if not project.distribution and not folder.exists():
        address = f"https://github.com/{project.repository}"
        subprocess.run(["git", "clone", "--depth", "1", address, folder], check=True)
    if not python_of(folder).exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
    wanted = ["pytest", pyl2, *shlex.split(project.needs)]
    pip = [python_of(folder), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *wanted], cwd=folder, check=True)


# --- runs -----------------------------------------------------------------------------------------


def environment(scratch: str) -> dict[str, str]:
    """The plugin in reach, one process, the same order of sets in all runs, and no windows."""
    paths = [str(PLUGINS), *filter(None, [os.environ.get("PYTHONPATH")])]
    fixed = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0", "MPLBACKEND": "Agg"}
    return os.environ | fixed | {"TMPDIR": scratch, "PYTEST_ADDOPTS": ""}


def run(project: Project, folder: Path, swap: bool, limit: float) -> dict:
    """What the plugin saw in one run of the tests, and its seconds."""
    named = ["scikit-learn", *filter(None, [project.distribution])]
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [python_of(folder), "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]
        command += ["-o", "addopts="]  # their reports of coverage need plugins
        command += ["-p", "swap_mlp", f"--swap-report={report}", *["--swap"] * swap]
        command += [f"--swap-version={name}" for name in named]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, *shlex.split(project.tests)],
            cwd=folder,
            env=environment(scratch),
            capture_output=True,
            text=True,
            timeout=limit,
        )
        seconds = time.perf_counter() - start
        if not report.exists():
            raise Failure("pytest said:\n" + (done.stdout + done.stderr)[-3000:])
        return json.loads(report.read_text("utf-8")) | {"all": seconds}


def compare(project: Project, folder: Path, rounds: int, limit: float) -> dict:
    """Both ways, in turn, round by round."""
    if not python_of(folder).exists():
        raise Failure(f"there is no {python_of(folder)}: --install makes it")
    runs: dict[str, list[dict]] = {"as it is": [], "with pyl2": []}
    for _ in range(rounds):
        for way, taken in runs.items():
            taken.append(run(project, folder, way == "with pyl2", limit))
    return {way: merged(taken) for way, taken in runs.items()}


def merged(runs: list[dict]) -> dict:
    """Of some runs the medians of the seconds; a test that failed once has failed."""
    outcomes = runs[0]["outcomes"]
    for other in runs[1:]:
        outcomes |= {name: "failed" for name, end in other["outcomes"].items() if end == "failed"}
    return runs[0] | {
        "outcomes": outcomes,
        "messages": {name: text for seen in runs for name, text in seen["messages"].items()},
        "swap held": all(seen["swap held"] for seen in runs),
        "all": statistics.median(seen["all"] for seen in runs),
        "seconds": {
            whose: statistics.median(seen["seconds"][whose] for seen in runs)
            for whose in runs[0]["seconds"]
        },
    }


# --- what is said ---------------------------------------------------------------------------------


def counts(seen: dict) -> str:
    """Passed, failed, skipped."""
    number = Counter(seen["outcomes"].values())
    return " / ".join(str(number[end]) for end in ("passed", "failed", "skipped"))


def row(project: Project, folder: Path, plain: dict, swapped: dict) -> dict[str, str]:
    """One row of the table."""
    fits = plain["fits"]["sklearn"], swapped["fits"]["pyl2"]
    return {
        "project": project.repository,
        "at": plain["versions"].get(project.distribution) or commit(folder),
        "scikit-learn": plain["versions"]["scikit-learn"],
        "passed / failed / skipped": counts(plain),
        "with pyl2": counts(swapped),
        "fits": " → ".join(map(str, dict.fromkeys(fits))),
        "s in fit": f"{plain['seconds']['sklearn']:.2f}",
        "in pyl2's": f"{swapped['seconds']['pyl2']:.2f}",
        "s in all": f"{plain['all']:.0f}",
        "all with pyl2": f"{swapped['all']:.0f}",
    }


def commit(folder: Path) -> str:
    """Of a checkout."""
    asked = ["git", "-C", folder, "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip() or "unknown"


def brief(message: str) -> str:
    """The beginning of it, on one line."""
    return " ".join(message.split())[:300]


def findings(project: Project, plain: dict, swapped: dict) -> tuple[list[str], bool]:
    """What is to be said below the table, and whether all of it is as it should be."""
    failed = [
        {name for name, end in seen["outcomes"].items() if end == "failed"}
        for seen in (plain, swapped)
    ]
    both = sorted(failed[0] & failed[1])
    lines = [f"{name} fails both ways: {brief(plain['messages'][name])}" for name in both]
    wrong = []
    for name in sorted(failed[1] - failed[0]):
        reasons = [reason for words, reason in project.known.items() if words in name]
        found = reasons[0] if reasons else f"UNKNOWN: {brief(swapped['messages'][name])}"
        (lines if reasons else wrong).append(f"{name} fails with pyl2: {found}")
    if more := len(swapped["outcomes"].keys() - plain["outcomes"]):
        lines.append(f"{more} tests are collected with pyl2 alone")
    if fewer := len(plain["outcomes"].keys() - swapped["outcomes"]):
        wrong.append(f"{fewer} tests are not collected with pyl2")
    if left := swapped["fits"]["sklearn"]:
        lines.append(f"{left} fits were scikit-learn's own all the same")
    if not swapped["fits"]["pyl2"] or not swapped["swap held"]:
        wrong.append("pyl2 did not take scikit-learn's place")
    return [f"{project.name}: {line}" for line in lines + wrong], not wrong


def as_table(rows: list[dict[str, str]]) -> str:
    """Markdown, with the columns below each other."""
    cells = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    padded = [[text.ljust(w) for text, w in zip(line, widths, strict=True)] for line in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def main(argv: list[str] | None = None) -> int:
    """Run, and print a table; 0 if nothing is wrong that is not known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkouts", type=Path, required=True, help="folder of the projects")
    parser.add_argument("--install", action="store_true", help="clone and install what is missing")
    parser.add_argument("--pyl2", default=str(ROOT), help="what pip installs as pyl2 (this one)")
    names = [project.name for project in PROJECTS]
    parser.add_argument("--projects", help=f"comma-separated, of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=1, help="times that all is run (1)")
    parser.add_argument("--limit", type=float, default=600, help="seconds of one run (600)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table as CSV too")
    args = parser.parse_args(argv)
    rows, said, good = [], [], True
    for project in PROJECTS:
        if args.projects and project.name not in args.projects.split(","):
            continue
        folder = args.checkouts.resolve() / project.name
        print(f"{project.name} ...", file=sys.stderr, flush=True)
        try:
            if args.install:
                install(project, folder, args.pyl2)
            both = compare(project, folder, args.rounds, args.limit)
        except (Failure, subprocess.SubprocessError) as error:
            said, good = [*said, f"{project.name}: {error}"], False
            continue
        lines, fine = findings(project, *both.values())
        rows, said, good = [*rows, row(project, folder, *both.values())], said + lines, good & fine
    if rows:
        print(as_table(rows))
    print("\n".join(said))
    if args.csv and rows:
        with args.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return 0 if good and rows else 1


if __name__ == "__main__":
    sys.exit(main())
