"""The documentation is true: docstrings and the README run, every parameter is told of."""

import doctest
import importlib
import inspect
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyl2
import pyl2.plots
from pyl2.__main__ import main

ROOT = Path(__file__).parent.parent
MODULES = ["pyl2", *(found.name for found in pkgutil.walk_packages(pyl2.__path__, "pyl2."))]
PUBLIC = [getattr(home, name) for home in (pyl2, pyl2.plots) for name in home.__all__]


@pytest.mark.parametrize("name", [name for name in MODULES if name != "pyl2.__main__"])
def test_docstrings_run(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as missing:  # of an extra, whose modules are not all installed
        if missing.name.partition(".")[0] == "pyl2":
            raise
        pytest.skip(f"{name} needs {missing.name}")
    results = doctest.testmod(module)
    assert results.failed == 0


def blocks(page, language="python"):
    """The blocks of a page in Markdown, each with what it prints if the page says so."""
    form = rf"^```{language}\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?"
    found = re.findall(form, page.read_text("utf-8"), re.S | re.M)
    return [(code, printed or None) for code, printed in found]


def said(printed, out):
    """Whether that was printed, but for seconds; … stands for any lines."""
    wanted, found = (re.sub(r"\d+\.\d+ s\b", "0 s", text) for text in (printed, out))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(wanted.replace("…", "..."), found, flags)


README = ROOT / "README.md"


@pytest.mark.parametrize("place", range(len(blocks(README))))
def test_readme_runs(place, capsys):
    """Each of its Python blocks alone, and what it prints."""
    code, printed = blocks(README)[place]
    exec(compile(code, "README.md", "exec"), {})
    assert said(printed, capsys.readouterr().out)


def test_the_readmes_screen(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [(line, printed)] = [block for block in blocks(README, "sh") if block[1]]
    main(shlex.split(line)[1:])
    assert said(printed, capsys.readouterr().out)


def test_the_readmes_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text("utf-8"))
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_readmes_chart_is_as_it_was_drawn():
    drawn = subprocess.run(
        [sys.executable, ROOT / "bench" / "chart.py"], capture_output=True, check=True
    )
    assert drawn.stdout.decode() == (ROOT / "docs" / "_static" / "speed.svg").read_text("utf-8")


def test_the_readmes_fits_are_as_they_were_drawn():
    """To two pixels, for the last bits choose among minima; but for the first."""

    def panels(drawn):
        found = re.findall(r'<polyline points="([^"]*)"[^>]*stroke="#d55e00"', drawn)
        return [np.array([pair.split(",") for pair in one.split()], float) for one in found]

    drawn = subprocess.run(
        [sys.executable, ROOT / "bench" / "four_fits.py"], capture_output=True, check=True
    )
    found = panels(drawn.stdout.decode())
    committed = panels((ROOT / "docs" / "_static" / "fits.svg").read_text("utf-8"))
    assert len(found) == len(committed) == 4
    for now, then in list(zip(found, committed, strict=True))[1:]:
        np.testing.assert_allclose(now, then, rtol=0, atol=2)


PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_run(page, capsys):
    """Their Python blocks, one after the other, in one namespace, and what they print."""
    namespace = {}
    for code, printed in blocks(page):
        exec(compile(code, page.name, "exec"), namespace)
        out = capsys.readouterr().out
        assert printed is None or said(printed, out)


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
