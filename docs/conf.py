"""How the documentation is built: every example is run, and a warning is a failure.

``python -m sphinx -W -b html docs docs/_build``, after ``pip install '.[docs]'``. What is built
needs no network: formulas are plain Unicode, and the theme brings what it shows.
"""

import os
import sys
import warnings
from pathlib import Path

import pyl2

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "pyl2"
author = "The pyl2 developers"
copyright = author
version = release = pyl2.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "myst_parser",
    "numpydoc",
    "gallery",
    "screens",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "tutorial", "examples"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "py:obj"  # `Network` in a docstring is a link
templates_path = ["_templates"]

html_theme = "furo"
html_title = "pyl2"
html_static_path = ["_static"]
html_css_files = ["pyl2.css"]
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings tell the types, in words
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": ["tutorial", "examples"],
    "gallery_dirs": ["generated/tutorial", "generated/examples"],
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("pyl2",),
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("gallery",),
    "reset_modules": ("matplotlib",),
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": float("inf"),
    "show_signature": False,
    "copyfile_regex": r".*\.rst",
}

# The same pages everywhere: no example takes data from outside the repository.
os.environ.pop("PYL2_DATA", None)
# What would warn a reader who runs an example ends the build.
for category in (RuntimeWarning, UserWarning):
    warnings.filterwarnings("error", category=category, module=r"__main__|pyl2|sklearn|numpy")


def skip_scikit_learns(app, what, name, member, skip, options):
    """Leave the methods that the estimators inherit to scikit-learn's own reference."""
    return skip or (getattr(member, "__module__", None) or "").startswith("sklearn.")


def setup(app):
    """Connect what is written above."""
    app.connect("autodoc-skip-member", skip_scikit_learns)
