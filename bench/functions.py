"""`pso` beside pyswarms and pygmo on standard functions, and beside published results.

Beside each library pyl2 does what that one does: global best, Clerc's constriction, the same
places to begin, the same number of evaluations, and the same treatment of velocities and bounds as
far as the library can be told. Wilcoxon's rank-sum test says whether pyl2 ends higher. pyl2's
defaults are listed beside, and Standard PSO 2006 as its author published it.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import processes
import report
import scipy
from processes import progress
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from scipy.stats import mannwhitneyu, ttest_ind_from_stats

import pyl2
from pyl2 import pso
from pyl2.swarm import CONSTRICTION

PARTICLES = 50
ITERATIONS = {10: 1000, 30: 2000}  # by dimensions; the first evaluates where the particles begin
RUNS = 30
QUICK_RUNS = 4  # too few for a verdict: no p below 1/70
LEVEL = 0.05
CLAMP = 0.5  # the largest velocity, as a part of the domain's width, beside pygmo
WIDTH = 136  # of the tables

CONVENTION = (
    "Best value found, median over runs. Beside pyswarms: no bounds, no clamp. Beside pygmo: "
    "velocities clamped to half of the width, particles absorbed at the bounds. p: one-sided "
    "Wilcoxon rank-sum test that pyl2's values are higher, after Holm's correction over all tests "
    f"of the table; red below {LEVEL}. Defaults: Standard PSO 2007, within bounds."
)
SOURCE = (
    "Mean (standard deviation) of the best value over 50 runs, 30 dimensions, 20 particles, 30,000 "
    "evaluations. Published: M. Clerc, Standard PSO version 2006, last update 2006-02-27, the "
    "results in the head of the C source; there a particle sees what others have found in the same "
    "iteration. p: two-sided Welch test; none for the sphere, which is printed as 0."
)


# --- the functions, of x (d, places), all with the least value 0 ----------------------------------


def sphere(x):
    """Σ x²."""
    return (x * x).sum(axis=0)


def rosenbrock(x):
    """A curved valley; least at 1."""
    head, tail = x[:-1], x[1:]
    return (100 * (tail - head**2) ** 2 + (1 - head) ** 2).sum(axis=0)


def rastrigin(x):
    """A sphere with a grid of local minima."""
    return (x * x - 10 * np.cos(2 * np.pi * x) + 10).sum(axis=0)


def griewank(x):
    """A wide sphere with a product of cosines."""
    index = np.sqrt(np.arange(1, len(x) + 1))[:, None]
    return (x * x).sum(axis=0) / 4000 - np.cos(x / index).prod(axis=0) + 1


def ackley(x):
    """Almost level far from a narrow funnel."""
    far = np.sqrt((x * x).mean(axis=0))
    near = np.cos(2 * np.pi * x).mean(axis=0)
    return -20 * np.exp(-0.2 * far) - np.exp(near) + 20 + np.e


def schwefel_2_22(x):
    """Σ |x| + Π |x|."""
    size = np.abs(x)
    return size.sum(axis=0) + size.prod(axis=0)


FUNCTIONS = {  # name: function, and the domain -bound to bound along each axis
    "sphere": (sphere, 100.0),
    "Rosenbrock": (rosenbrock, 30.0),
    "Rastrigin": (rastrigin, 5.12),
    "Griewank": (griewank, 600.0),
    "Ackley": (ackley, 32.0),
    "Schwefel 2.22": (schwefel_2_22, 10.0),
}

# Mean and standard deviation that the head of Standard PSO 2006 gives; see SOURCE.
PUBLISHED = {
    "sphere": (0.0, 0.0),
    "Griewank": (0.018, 0.024),
    "Rosenbrock": (50.16, 36.9),
    "Rastrigin": (48.35, 14.43),
    "Ackley": (1.12, 0.85),
}
PUBLISHED_RUNS, PUBLISHED_PARTICLES, PUBLISHED_ITERATIONS = 50, 20, 1500


@dataclass(frozen=True)
class Problem:
    """A function to minimise once, from given places (P, d)."""

    function: Callable
    bound: float
    places: np.ndarray
    iterations: int
    seed: int


def problem(name: str, dimensions: int, particles: int, iterations: int, run: int) -> Problem:
    """The problem of one run, the same for all who try it."""
    function, bound = FUNCTIONS[name]
    rng = np.random.default_rng([run, dimensions, list(FUNCTIONS).index(name)])
    places = rng.uniform(-bound, bound, (particles, dimensions))
    return Problem(function, bound, places, iterations, run)


# --- who minimises: each returns the best value ---------------------------------------------------


def ours(problem: Problem, **options) -> float:
    """pyl2's pso; SPSO 2007 unless told otherwise."""
    bounds = np.full(problem.places.shape[1], problem.bound)
    result = pso(
        problem.function,
        -bounds,
        bounds,
        particles=len(problem.places),
        maxiter=problem.iterations,
        x0=problem.places,
        rng=problem.seed,
        vectorized=True,
        **options,
    )
    return result.fun


def ours_as_pyswarms(problem: Problem) -> float:
    """Global best without bounds."""
    return ours(problem, topology="global", boundary="none", **CONSTRICTION)


def ours_as_pygmo(problem: Problem) -> float:
    """Global best, clamped and absorbed."""
    clamp = CLAMP * 2 * problem.bound
    return ours(problem, topology="global", boundary="absorb", v_max=clamp, **CONSTRICTION)


def pyswarms(problem: Problem) -> float:
    """Its GlobalBestPSO, which has no absorbing bounds: without any."""
    particles, dimensions = problem.places.shape
    np.random.seed(problem.seed)  # noqa: NPY002  it draws from the global generator
    with tempfile.TemporaryDirectory() as folder, chdir(folder):  # it writes a log where it is
        from pyswarms.single import GlobalBestPSO

        swarm = GlobalBestPSO(
            particles, dimensions, _pyswarms_options(), init_pos=problem.places.copy()
        )
    other = np.random.uniform(-problem.bound, problem.bound, problem.places.shape)  # noqa: NPY002
    swarm.swarm.velocity = (other - problem.places) / 2  # as pso and Standard PSO 2007 begin
    best, _ = swarm.optimize(lambda x: problem.function(x.T), problem.iterations, verbose=False)
    return float(best)


def _pyswarms_options() -> dict[str, float]:
    return {"w": CONSTRICTION["inertia"], "c1": CONSTRICTION["c1"], "c2": CONSTRICTION["c2"]}


def pygmo(problem: Problem) -> float:
    """Its pso_gen, which moves all particles before it evaluates them, as pso does."""
    import pygmo as pg

    swarm = pg.pso_gen(
        gen=problem.iterations - 1,
        omega=CONSTRICTION["inertia"],
        eta1=CONSTRICTION["c1"],
        eta2=CONSTRICTION["c2"],
        max_vel=CLAMP,
        variant=1,
        neighb_type=1,
        seed=problem.seed,
    )
    swarm.set_bfe(pg.bfe())
    population = pg.population(pg.problem(_PygmoProblem(problem)), 0, seed=problem.seed)
    for place, value in zip(problem.places, problem.function(problem.places.T), strict=True):
        population.push_back(place, [value])
    return float(pg.algorithm(swarm).evolve(population).champion_f[0])


class _PygmoProblem:
    """A problem with pygmo's methods."""

    def __init__(self, problem: Problem) -> None:
        self._function, self._bound = problem.function, problem.bound
        self._dimensions = problem.places.shape[1]

    def get_bounds(self):
        """Lower and upper."""
        return [-self._bound] * self._dimensions, [self._bound] * self._dimensions

    def fitness(self, x):
        """Of one place."""
        return [float(self._function(x[:, None])[0])]

    def batch_fitness(self, places):
        """Of all places, one after the other in one vector."""
        return self._function(places.reshape(-1, self._dimensions).T)


RIVALS = {"pyswarms": (pyswarms, ours_as_pyswarms), "pygmo": (pygmo, ours_as_pygmo)}


# --- the comparison -------------------------------------------------------------------------------


def compare(args, rivals: dict) -> list[dict]:
    """All values of all runs, a record for each function and number of dimensions."""
    records = []
    for name in args.cases:
        for dimensions in args.dimensions:
            progress.print(f"{name}, {dimensions} dimensions", highlight=False)
            records.append(_contest(name, dimensions, args, rivals))
    _holm([test for record in records for test in record["tests"].values()])
    return records


def _contest(name: str, dimensions: int, args, rivals: dict) -> dict:
    iterations = args.iterations or ITERATIONS[dimensions]
    record = {"function": name, "dimensions": dimensions, "iterations": iterations}
    values: dict[str, list[float]] = {}
    for run in range(args.runs):
        task = problem(name, dimensions, PARTICLES, iterations, run)
        values.setdefault("defaults", []).append(ours(task))
        for rival, (theirs, alike) in rivals.items():
            values.setdefault(rival, []).append(theirs(task))
            values.setdefault(f"as {rival}", []).append(alike(task))
    tests = {rival: _worse(values[f"as {rival}"], values[rival]) for rival in rivals}
    return record | {"values": values, "tests": tests}


def _worse(ours: list[float], theirs: list[float]) -> dict:
    """Whether our values are higher."""
    p = mannwhitneyu(ours, theirs, alternative="greater").pvalue
    return {"p": float(p)}


def _holm(tests: list[dict]) -> None:
    """Add Holm's correction to each: p times the tests not yet rejected, never falling."""
    highest = 0.0
    for i, test in enumerate(sorted(tests, key=lambda test: test["p"])):
        highest = max(highest, min(1.0, (len(tests) - i) * test["p"]))
        test["corrected"] = highest


def published(args) -> list[dict]:
    """Our defaults under the conditions of the published results."""
    runs = args.runs if args.quick else PUBLISHED_RUNS
    records = []
    for name, (mean, deviation) in PUBLISHED.items():
        if name not in args.cases:
            continue
        values = [
            ours(problem(name, 30, PUBLISHED_PARTICLES, PUBLISHED_ITERATIONS, run))
            for run in range(runs)
        ]
        test = ttest_ind_from_stats(
            np.mean(values), np.std(values, ddof=1), runs, mean, deviation, PUBLISHED_RUNS, False
        )
        records.append(
            {"function": name, "mean": mean, "deviation": deviation, "values": values}
            | {"p": float(test.pvalue) if deviation else None}
        )
    return records


# --- report ---------------------------------------------------------------------------------------


def table(results: dict) -> Table:
    """One row for each function and number of dimensions."""
    shown = Table(title=f"{results['runs']} runs, {PARTICLES} particles", box=SIMPLE_HEAD)
    shown.add_column("function", no_wrap=True)
    for column in ("d", "iterations", *_columns(results)):
        shown.add_column(column, justify="right", no_wrap=True)
    for record in results["records"]:
        head = (record["function"], str(record["dimensions"]), str(record["iterations"]))
        shown.add_row(*head, *_cells(results, record))
    return shown


def _columns(results: dict) -> list[str]:
    beside = [c for rival in results["rivals"] for c in (rival, f"pyl2 as {rival}", "p")]
    return [*beside, "pyl2's defaults"]


def _cells(results: dict, record: dict) -> list[str]:
    cells = []
    for rival in results["rivals"]:
        corrected = record["tests"][rival]["corrected"]
        cells += [_median(record, rival), _median(record, f"as {rival}")]
        cells += [f"[bold red]{corrected:.2g}[/]" if corrected < LEVEL else f"{corrected:.2g}"]
    return [*cells, _median(record, "defaults")]


def _median(record: dict, name: str) -> str:
    return f"{np.median(record['values'][name]):.2g}"


def published_table(results: dict) -> Table:
    """One row for each function with a published figure."""
    shown = Table(title="Standard PSO, as published and ours", box=SIMPLE_HEAD)
    shown.add_column("function", no_wrap=True)
    for column in ("published", "pyl2's defaults", "p"):
        shown.add_column(column, justify="right", no_wrap=True)
    for record in results["published"]:
        shown.add_row(record["function"], *_published_cells(record))
    return shown


def _published_cells(record: dict) -> list[str]:
    values = record["values"]
    p = record["p"]
    return [
        f"{record['mean']:.4g} ({record['deviation']:.3g})",
        f"{np.mean(values):.4g} ({np.std(values, ddof=1):.3g})",
        "–" if p is None else f"{p:.2g}",
    ]


def show(results: dict) -> None:
    """Print both tables."""
    console = Console()
    console.width = max(console.width, WIDTH)
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    console.print(table(results), CONVENTION, sep="\n", highlight=False)
    console.print(published_table(results), SOURCE, versions, sep="\n", highlight=False)


def markdown(results: dict) -> str:
    """Both tables as READMEs have them."""
    first = [("function", "d", *_columns(results))]
    first += [
        (r["function"], str(r["dimensions"]), *(_plain(c) for c in _cells(results, r)))
        for r in results["records"]
    ]
    second = [("function", "published", "pyl2's defaults", "p")]
    second += [(r["function"], *_published_cells(r)) for r in results["published"]]
    return "\n\n".join(_rows(rows) for rows in (first, second))


def _plain(cell: str) -> str:
    return cell.replace("[bold red]", "**").replace("[/]", "**")


def _rows(rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "| --- |" + " ---: |" * (len(rows[0]) - 1), *lines[1:]])


def failures(results: dict) -> list[str]:
    """Where pyl2 is significantly worse."""
    return [
        f"{record['function']}, {record['dimensions']} dimensions: worse than {rival}, p = "
        f"{test['corrected']:.2g}"
        for record in results["records"]
        for rival, test in record["tests"].items()
        if test["corrected"] < LEVEL
    ]


# --- all of it ------------------------------------------------------------------------------------


def present() -> tuple[dict, dict[str, str]]:
    """The rivals that can be imported, and all versions."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {"pyl2": pyl2.__version__, "python": platform.python_version()}
    versions |= {"numpy": np.__version__, "scipy": scipy.__version__}
    rivals = {}
    for name, pair in RIVALS.items():
        try:
            versions[name] = version(name)
            rivals[name] = pair
        except PackageNotFoundError:
            progress.print(f"{name} is missing and skipped", style="yellow")
    return rivals, versions


def arguments(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", help=f"comma-separated, of {', '.join(FUNCTIONS)}")
    parser.add_argument("--runs", type=int, help=f"runs of each ({RUNS}; --quick {QUICK_RUNS})")
    parser.add_argument("--quick", action="store_true", help="few runs, 10 dimensions only")
    parser.add_argument("--markdown", action="store_true", help="print both tables as Markdown too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values")
    args = parser.parse_args(argv)
    args.cases = processes.chosen(parser, args.cases, list(FUNCTIONS))
    args.dimensions = [10] if args.quick else list(ITERATIONS)
    args.iterations = 200 if args.quick else None
    args.runs = args.runs or (QUICK_RUNS if args.quick else RUNS)
    return args


def main(argv=None) -> int:
    """Run, report, and return 1 if pyl2 is significantly worse anywhere."""
    args = arguments(argv)
    rivals, versions = present()
    results = report.about([]) | {"versions": versions, "runs": args.runs, "rivals": list(rivals)}
    results["records"] = compare(args, rivals)
    results["published"] = published(args)
    show(results)
    if args.markdown:
        print(markdown(results))
    for line in failures(results):
        progress.print(line, style="bold red", markup=False, highlight=False)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    return int(bool(failures(results)))


if __name__ == "__main__":
    sys.exit(main())
