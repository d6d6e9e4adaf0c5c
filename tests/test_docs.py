"""The documentation is true: docstrings and the README run, every parameter is told of."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import pyl2
import pyl2.plots

ROOT = Path(__file__).parent.parent
MODULES = ["pyl2", *(found.name for found in pkgutil.walk_packages(pyl2.__path__, "pyl2."))]
PUBLIC = [getattr(home, name) for home in (pyl2, pyl2.plots) for name in home.__all__]


@pytest.mark.parametrize("name", [name for name in MODULES if name != "pyl2.__main__"])
def test_docstrings_run(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_readme_runs():
    """Its Python blocks, one after the other, in one namespace."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert blocks
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)


def blocks(page):
    """The Python blocks of a page in Markdown, each with what it prints if the page says so."""
    found = re.findall(
        r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", page.read_text("utf-8"), re.S | re.M
    )
    return [(code, printed or None) for code, printed in found]


PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_run(page, capsys):
    """Their Python blocks, one after the other, in one namespace, and what they print."""
    namespace = {}
    for code, printed in blocks(page):
        exec(compile(code, page.name, "exec"), namespace)
        out = capsys.readouterr().out
        assert printed in (None, out)


DOCTESTED = [
    page for page in sorted((ROOT / "docs").glob("*.rst")) if ">>> " in page.read_text("utf-8")
]


@pytest.mark.parametrize("page", DOCTESTED, ids=lambda page: page.stem)
def test_doctests_of_pages_run(page):
    results = doctest.testfile(str(page), module_relative=False)
    assert results.failed == 0


def documented(thing):
    """A class or function with its public methods."""
    yield thing
    if inspect.isclass(thing):
        for name, member in inspect.getmembers(thing, inspect.isroutine):
            if not name.startswith("_") and member.__qualname__.startswith(thing.__name__):
                yield member


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__name__)
def test_public_names_are_documented(thing):
    for member in documented(thing):
        doc = inspect.getdoc(member) or ""
        takes = [name for name in inspect.signature(member).parameters if name != "self"]
        if inspect.isclass(member):
            assert "Examples\n" in doc, member
        for name in takes:
            assert re.search(rf"\b{name}\b", doc), f"{member.__qualname__} is silent on {name}"


def test_reference_lists_every_public_name():
    listed = (ROOT / "docs" / "api.rst").read_text("utf-8").split()
    plots = {f"plots.{name}" for name in pyl2.plots.__all__}
    assert {*pyl2.__all__, *plots} <= set(listed)
