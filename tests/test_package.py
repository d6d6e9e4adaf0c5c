"""The package itself: what `import pyl2` gives, and how little of it at once."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pyl2

ROOT = Path(__file__).parent.parent
MODULES = (
    "bayes",
    "convert",
    "estimators",
    "experiments",
    "model_selection",
    "network",
    "path",
    "plots",
    "swarm",
)


def fresh(code):
    """What a new interpreter prints."""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return told.stdout.split()


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_there_without_another_import(module):
    [name] = fresh(f"import pyl2; print(pyl2.{module}.__name__)")
    assert name == f"pyl2.{module}"


def test_names_are_there():
    names = [f"pyl2.{name}.__name__" for name in pyl2.__all__]
    assert fresh(f"import pyl2; print({', '.join(names)})") == pyl2.__all__


def test_what_the_readme_writes():
    assert fresh("import pyl2; print(*pyl2.swarm.CONSTRICTION)") == ["inertia", "c1", "c2"]


def test_import_is_cheap():
    """Of all that pyl2 needs nothing is imported at first, not even NumPy."""
    code = "import pyl2, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    assert not {"numpy", "scipy", "sklearn", "rich", "matplotlib"} & set(fresh(code))


def test_dir_lists_each_public_name_once():
    listed = fresh("import pyl2; print(*dir(pyl2))")
    assert listed == sorted(set(listed))
    assert {name for name in listed if name[:2] != "__"} == {*pyl2.__all__, *MODULES}
    assert {"__all__", "__doc__", "__version__"} <= set(listed)
    everything = "; ".join(f"pyl2.{name}" for name in (*pyl2.__all__, *MODULES))
    assert fresh(f"import pyl2, pyl2._common.validation; {everything}; print(*dir(pyl2))") == listed


def test_help_names_what_there_is():
    named = {name for name in pyl2.__all__ if f"`{name}`" in pyl2.__doc__}
    assert set(pyl2.__all__) - named <= {"L2Path"}  # what `l2_path` returns


def test_tab_completes_before_first_use():
    code = "import pyl2, rlcompleter; c = rlcompleter.Completer({'pyl2': pyl2}); "
    assert fresh(code + "print(c.complete('pyl2.MLPClassifierC', 0))")[0] == "pyl2.MLPClassifierCV("


def test_what_is_not_there():
    with pytest.raises(AttributeError, match="module 'pyl2' has no attribute 'Perceptron'"):
        _ = pyl2.Perceptron
    assert not hasattr(pyl2, "__path_of_nothing__")


@pytest.mark.skipif(sys.platform == "win32", reason="MSVC is looked for elsewhere")
def test_without_a_compiler_one_line_says_what_to_install(tmp_path):
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools", minversion="77")
    if not (ROOT / "setup.py").exists():
        pytest.skip("not in a checkout")
    environment = {k: v for k, v in os.environ.items() if k not in ("CC", "LDSHARED")}
    command = ["setup.py", "build_ext", "--build-temp", tmp_path, "--build-lib", tmp_path]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    *_, told = done.stderr.strip().splitlines()
    assert "there is no compiler" in told
    assert "apt install gcc" in told


def test_the_conda_recipe_says_what_pyproject_says():
    if not (ROOT / "conda").exists():
        pytest.skip("not in a checkout")
    recipe = (ROOT / "conda" / "recipe.yaml").read_text("utf-8")
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = told["project"]

    def listed(name):
        [lines] = re.findall(rf"^  {name}:\n((?:    .*\n)+)", recipe, re.MULTILINE)
        return [line.strip().removeprefix("- ") for line in lines.splitlines()]

    def condas(requirements):
        return [re.sub(r"(?=[<>=])", " ", text, count=1) for text in requirements]

    built_by = condas(told["build-system"]["requires"])
    assert listed("host") == ["python", "pip", *built_by]
    assert listed("run") == ["python", *condas(project["dependencies"])]
    assert {one for one in built_by if one.startswith("cython")} <= set(listed("build"))
    oldest = project["requires-python"].removeprefix(">=")
    for line in (
        f'version: "{pyl2.__version__}"',
        f'summary: "{project["description"]}"',
        f"license: {project['license']}",
        f'- match(python, "<{oldest}")',
    ):
        assert f" {line}\n" in recipe
