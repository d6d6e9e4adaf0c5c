"""Pages of the tutorial and the gallery: the figure first, and the code that draws it folded.

Figures are SVG that is dark on a dark page.  Each is described where it is drawn, by two comments
that do not stay in the page's code: ``# Alt: …`` for those who do not see the figure, and
``# Caption: …`` below it.  Assertions hold what a page says; they are run, and not shown.
"""

import ast
import re
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt

from pyl2.cli import svg

WORDS = re.compile(r"^ *# (Alt|Caption): (.*(?:\n *# (?!Alt: |Caption: ).*)*)\n?", re.M)
DRAWS = re.compile(r"\b(plt|ax|axes|panel|panels|fig)\.|Display\b")
CODE = re.compile(
    r"^\.\. code-block:: Python\n((?:    .*\n|\s*\n)+)((?:\.\. figure::.*\n(?:   .*\n|\s*\n)+)*)",
    re.M,
)


def scraper(block, block_vars, gallery_conf):
    """Write each figure of a block as SVG; return the figures in reStructuredText."""
    found = []
    for number, path in zip(plt.get_fignums(), block_vars["image_path_iterator"], strict=False):
        file = Path(path).with_suffix(".svg")
        file.write_text(svg.drawn(plt.figure(number)), "utf-8")
        place = file.relative_to(gallery_conf["src_dir"]).as_posix()
        alt, caption = _words(block[1], len(found), block_vars["src_file"])
        options = f"   :alt: {alt}\n   :figclass: drawn\n"
        found.append(f".. figure:: /{place}\n{options}\n   {caption}\n\n")
    plt.close("all")
    return "".join(found)


def _words(code, place, file):
    """Return the alt text and the caption of a block's figure."""
    found = {"Alt": [], "Caption": []}
    for kind, text in WORDS.findall(code):
        found[kind].append(re.sub(r"\s*\n *# ", " ", text).strip())
    if place >= len(found["Alt"]) or place >= len(found["Caption"]):
        raise ValueError(f"{file}: a figure has no '# Alt: …' or no '# Caption: …'")
    return found["Alt"][place], found["Caption"][place]


def arrange(app, docname, source):
    """Put figures before their code, fold what draws them, and leave out assertions."""
    if re.match(r"generated/(tutorial|examples)/plot_", docname):
        source[0] = CODE.sub(_arranged, source[0])


def _arranged(match):
    code, figures = WORDS.sub("", textwrap.dedent(match[1])), match[2]
    code = _without_assertions(code)
    if not figures:
        return _block(code)
    before, drawing, after = _parted(code)
    folded = textwrap.indent(_block(drawing), "   ")
    folded = f".. dropdown:: Code of the figure\n\n{folded}\n\n"
    return f"{figures}\n{_block(before)}{folded}{_block(after)}"


def _block(code):
    code = textwrap.indent(code.strip("\n"), "    ")
    return f".. code-block:: Python\n\n{code}\n\n" if code else ""


def _without_assertions(code):
    """Return code without its assertions, and without loops in which nothing else is done."""
    lines = code.split("\n")

    def left(node):
        """Drop what only asserts; return whether anything is left."""
        inner = [*getattr(node, "body", ()), *getattr(node, "orelse", ())]
        kept = [left(one) for one in inner]
        if _asserts(node) or (inner and not any(kept)):
            lines[node.lineno - 1 : node.end_lineno] = [None] * (node.end_lineno - node.lineno + 1)
            return False
        return True

    for node in ast.parse(code).body:
        left(node)
    return "\n".join(line for line in lines if line is not None)


def _asserts(node):
    """Whether a statement is an assertion, or a call of one of NumPy's."""
    called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return isinstance(node, ast.Assert) or (
        called and ast.unparse(node.value.func).startswith("np.testing.assert_")
    )


def _parted(code):
    """Return the statements before those that draw, these, and those after them."""
    lines = code.split("\n")
    drawing = [
        node
        for node in ast.parse(code).body
        if not isinstance(node, ast.Import | ast.ImportFrom)
        and DRAWS.search("\n".join(lines[node.lineno - 1 : node.end_lineno]))
    ]
    first, last = drawing[0].lineno - 1, drawing[-1].end_lineno
    while first and lines[first - 1].startswith("#"):
        first -= 1
    parts = lines[:first], lines[first:last], lines[last:]
    return ["\n".join(part) for part in parts]


def _get_sg_image_scraper():
    return scraper


def accessible(app, pagename, templatename, context, doctree):
    """Let the keyboard reach blocks that scroll, and give the sidebar's headings their level."""
    if "body" in context:
        scrolls = r'<(?=pre>|figure |div class="table-wrapper)(\w+)'
        context["body"] = re.sub(scrolls, r'<\1 tabindex="0"', context["body"])
    if "furo_navigation_tree" in context:
        context["furo_navigation_tree"] = context["furo_navigation_tree"].replace(
            'role="heading"', 'role="heading" aria-level="2"'
        )


def setup(app):
    """Connect what is written above."""
    app.connect("source-read", arrange)
    app.connect("html-page-context", accessible, priority=900)
    return {"parallel_read_safe": True}
