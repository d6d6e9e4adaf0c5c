"""A plugin of pytest: whose MLP the tests train, how often, for how long, and which tests fail.

`swaps.py` loads it into other projects' runs.  It needs nothing but pytest, scikit-learn and, where
scikit-learn's MLP is to be swapped, pyl2.
"""

import functools
import importlib.metadata
import json
import runpy
import threading
import time
from pathlib import Path

import pytest
import sklearn.neural_network

NAMES = "MLPClassifier", "MLPRegressor"


def in_place():
    """The two classes that a program finds in scikit-learn."""
    return tuple(getattr(sklearn.neural_network, name) for name in NAMES)


class Meter:
    """Number and seconds of the fits of some classes; a fit within another is part of it."""

    def __init__(self, classes):
        self.fits, self.seconds, self._thread = 0, 0.0, threading.local()
        for owner in {owner for cls in classes for owner in cls.__mro__}:
            if "fit" in vars(owner):
                owner.fit = self._timed(owner.fit)
            if "partial_fit" in vars(owner):
                descriptor = vars(owner)["partial_fit"]  # hides it from some solvers
                descriptor.fn = self._timed(descriptor.fn)

    def _timed(self, method):
        @functools.wraps(method)
        def timed(*args, **kwargs):
            if getattr(self._thread, "inside", False):
                return method(*args, **kwargs)
            self._thread.inside, start = True, time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                self._thread.inside = False
                self.fits += 1
                self.seconds += time.perf_counter() - start

        return timed


class Observer:
    """Swaps if asked to, and writes what the tests did to a file."""

    def __init__(self, options):
        self._options, self._outcomes, self._messages = options, {}, {}
        self._meters = {"sklearn": Meter(in_place())}
        if options.swap:
            import pyl2

            pyl2.patch_sklearn()
            self._meters["pyl2"] = Meter((pyl2.MLPClassifier, pyl2.MLPRegressor))
            assert in_place() == (pyl2.MLPClassifier, pyl2.MLPRegressor)
        self._expected = in_place()

    def pytest_runtest_logreport(self, report):
        """Keep the worst outcome of a test's parts, and what its failure says."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self._messages[report.nodeid] = crash.message if crash else str(report.longrepr)
        if report.failed or (report.skipped and report.nodeid not in self._messages):
            self._outcomes[report.nodeid] = report.outcome
        self._outcomes.setdefault(report.nodeid, report.outcome)

    def pytest_collectreport(self, report):
        """A file that cannot be read is a test that fails."""
        if report.failed:
            self.pytest_runtest_logreport(report)

    def pytest_sessionfinish(self):
        """Write all of it."""
        seen = {
            "swap held": in_place() == self._expected,
            "outcomes": self._outcomes,
            "messages": self._messages,
            "fits": {name: meter.fits for name, meter in self._meters.items()},
            "seconds": {name: meter.seconds for name, meter in self._meters.items()},
            "versions": {
                name: importlib.metadata.version(name) for name in self._options.swap_version or []
            },
        }
        Path(self._options.swap_report).write_text(json.dumps(seen), "utf-8")


class Script(pytest.File):
    """An example, which is no test: it passes if it runs to its end."""

    def collect(self):
        """One item."""
        yield ScriptItem.from_parent(self, name="script")


class ScriptItem(pytest.Item):
    """The run of it."""

    def runtest(self):
        """As `python FILE` does."""
        runpy.run_path(str(self.path), run_name="__main__")


def pytest_addoption(parser):
    """What `swaps.py` says."""
    parser.addoption("--swap", action="store_true", help="pyl2's MLP in scikit-learn's place")
    parser.addoption("--swap-report", help="file to write to, as JSON")
    parser.addoption("--swap-scripts", action="store_true", help="the files are scripts, no tests")
    parser.addoption(
        "--swap-version", action="append", help="a distribution to name the version of"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    """Swap before anything of the project is imported."""
    early_config.pluginmanager.register(Observer(early_config.known_args_namespace))


def pytest_pycollect_makemodule(module_path, parent):
    """A script in the place of a module of tests."""
    if parent.config.option.swap_scripts:
        return Script.from_parent(parent, path=module_path)
    return None
