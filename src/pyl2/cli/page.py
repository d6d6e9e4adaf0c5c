"""A report as one HTML file: the answer, then tables and pictures, and last how it came about.

Everything is inside the file, pictures as SVG in addresses of their own, so it needs neither
network nor scripts, and can be sent, printed and kept.
"""

from __future__ import annotations

import base64
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from string import Template
from typing import TYPE_CHECKING

from pyl2 import __version__
from pyl2._common import files, text_table
from pyl2.cli import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pyl2._common.text_table import Grid

SIZE = 8.0, 4.4
"""Inches of a picture: of so many its letters are as large as those of the text around it."""

# Where a table or picture is wider than the page it scrolls, and shadows at its edges say so: each
# is hidden by a piece of paper that moves along with what is scrolled.
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1c1c1e; --faint: #5a5a5e; --paper: #fff; --line: #ccc;
  --mark: #fff3c4; --shadow: #0004; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: $ink; --faint: #a8a8ad; --paper: $paper; --line: #555; --mark: #4a4220;
    --shadow: #fff5; }
}
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif;
  max-width: 58rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.answer { border-left: .3rem solid #d55e00; padding-left: 1rem; }
.answer, section > p { max-width: 48rem; }
.answer p { margin: .4rem 0; } .answer p:first-child { font-size: 1.25rem; font-weight: 600; }
code { white-space: nowrap; }
figure { margin: 1rem 0; }
figcaption, caption { color: var(--faint); font-size: .9rem; text-align: left;
  max-width: min(48rem, 100vw - 2rem); }
figcaption p { margin: .5rem 0; }
caption { padding-bottom: .5rem; white-space: normal; }
.wide { overflow-x: auto; background:
  linear-gradient(to right, var(--paper) 50%, transparent) left / 2.5rem 100% local,
  linear-gradient(to left, var(--paper) 50%, transparent) right / 2.5rem 100% local,
  linear-gradient(to right, var(--shadow), transparent) left / .8rem 100%,
  linear-gradient(to left, var(--shadow), transparent) right / .8rem 100%;
  background-repeat: no-repeat; }
.wide:focus-visible { outline: 2px solid #d55e00; }
.cue { display: none; color: var(--faint); font-size: .85rem; margin: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: right; vertical-align: bottom; }
thead :is(th, td) { border-bottom: 2px solid var(--line); white-space: pre-line; }
tbody :is(th, td) { border-bottom: 1px solid var(--line); white-space: nowrap;
  font-weight: normal; }
.left { text-align: left; white-space: normal; min-width: 6rem; }
.marked :is(th, td) { background: var(--mark); font-weight: bold; }
.run :is(th, td) { border: 0; text-align: left; vertical-align: top; white-space: pre-line;
  overflow-wrap: anywhere; }
.run th { color: var(--faint); padding-left: 0; white-space: nowrap; }
img { display: block; width: 100%; height: auto; min-width: 34rem; }
@media (max-width: 36rem) { .cue { display: block; } th, td { padding: .25rem .4rem; } }
@media print {
  :root { color-scheme: light; --ink: #000; --line: #999; --mark: #eee; }
  body { max-width: none; margin: 0; padding: 0; font-size: 10pt; }
  .wide { overflow: visible; background: none; } .cue { display: none; }
  figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
  img { min-width: 0; max-height: 14cm; } .marked td { print-color-adjust: exact; }
}
</style>
</head>
<body>
<main>
<h1>$title</h1>
<div class="answer">
$answer
</div>
$sections
</main>
</body>
</html>
""")


def write(path: str, title: str, answer: Sequence[str], sections: Sequence[str]) -> None:
    """Write the page, whole or not at all: its title, the answer in sentences, and the rest."""
    page = _PAGE.substitute(
        title=escape(title),
        answer=_paragraphs(answer),
        sections="\n".join(sections),
        ink=svg.INK,
        paper=svg.PAPER,
    )
    files.replace(path, page.encode())


def run(command: str, isa: str, lines: Mapping[str, str]) -> str:
    """Return the section on what was run, by which version, on which machine.

    What the columns of a table mean stands at the table.
    """
    python = f"Python {platform.python_version()}"
    entries = {
        "command": command,
        "version": f"pyl2 {__version__}, {date.today().isoformat()}",
        "machine": f"{platform.machine()} ({isa}), {platform.system()}, {python}",
        **{name: line for name, line in lines.items() if name != "table"},
    }
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(line)}</td></tr>'
        for name, line in entries.items()
    )
    return _section("What was run", f'<table class="run">\n{rows}\n</table>')


def table(heading: str, grid: Grid, caption: str, remarks: Sequence[str] = ()) -> str:
    """Return a section with a table under its caption, and remarks beneath it."""
    found = _wide(heading, text_table.html(grid, caption[:1].upper() + caption[1:]))
    return _section(heading, found, *([_paragraphs(remarks)] if remarks else []))


def picture(heading: str, figure: Figure, shows: str, caption: Sequence[str]) -> str:
    """Return a section with a figure of Matplotlib, what it shows in words, and its caption."""
    source = base64.b64encode(svg.drawn(figure).encode()).decode()
    image = f'<img alt="{escape(shows)}" src="data:image/svg+xml;base64,{source}">'
    found = f"{_wide(heading, image)}\n<figcaption>{_paragraphs(caption)}</figcaption>"
    return _section(heading, f"<figure>\n{found}\n</figure>")


def _wide(name: str, inside: str) -> str:
    """Return what scrolls where the page is narrow, by keys, too."""
    cue = '<p class="cue" aria-hidden="true">↔ scrolls sideways</p>'
    region = f'role="region" aria-label="{escape(name)}" tabindex="0"'
    return f'{cue}\n<div class="wide" {region}>\n{inside}\n</div>'


def _paragraphs(texts: Sequence[str]) -> str:
    """Return sentences as HTML; no line ends within the name of an option."""
    paragraphs = "\n".join(f"<p>{escape(text)}</p>" for text in texts)
    return re.sub(r"--[\w-]+", r"<code>\g<0></code>", paragraphs)


def _section(heading: str, *parts: str) -> str:
    inside = "\n".join(parts)
    return f"<section>\n<h2>{escape(heading)}</h2>\n{inside}\n</section>"
