"""A report as one HTML file: what was run, tables and pictures, and what there is to see in them.

Everything is inside the file, pictures as SVG in addresses of their own, so it needs neither
network nor scripts, and can be sent, printed and kept.
"""

from __future__ import annotations

import base64
import io
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from string import Template
from typing import TYPE_CHECKING

from pyl2 import __version__
from pyl2._common import files, text_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #fff; --line: #ccc; --mark: #fff3c4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #18191b; --line: #555; --mark: #4a4220; }
}
@media print { :root { --ink: #000; --paper: #fff; --line: #999; --mark: #eee; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: right; vertical-align: bottom; }
th { border-bottom: 2px solid var(--line); white-space: pre-line; }
td { border-bottom: 1px solid var(--line); white-space: nowrap; }
.left { text-align: left; }
.marked td { background: var(--mark); font-weight: bold; }
.run th { border: 0; font-weight: normal; opacity: .7; vertical-align: top; text-align: left; }
.run td { border: 0; text-align: left; white-space: pre-line; overflow-wrap: anywhere; }
img { width: 100%; max-width: 42rem; background: #fff; border: 1px solid var(--line); }
section { break-inside: avoid; }
</style>
</head>
<body>
<h1>$title</h1>
$sections
</body>
</html>
""")


def write(path: str, title: str, sections: Sequence[str]) -> None:
    """Write the page, whole or not at all."""
    page = _PAGE.substitute(title=escape(title), sections="\n".join(sections))
    files.replace(path, page.encode())


def run(command: str, isa: str, lines: Mapping[str, str]) -> str:
    """Return the section on what was run, by which version, on which machine."""
    python = f"Python {platform.python_version()}"
    told = {
        "command": command,
        "version": f"pyl2 {__version__}, {date.today().isoformat()}",
        "machine": f"{platform.machine()} ({isa}), {platform.system()}, {python}",
        **lines,
    }
    rows = "\n".join(
        f"<tr><th>{escape(name)}</th><td>{escape(line)}</td></tr>" for name, line in told.items()
    )
    return _section("What was run", f'<table class="run">\n{rows}\n</table>', ())


def table(heading: str, grid: Table, remarks: Sequence[str]) -> str:
    """Return a section with a table of rich, and beneath it what there is to see."""
    return _section(heading, f'<div class="wide">{text_table.html(grid)}</div>', remarks)


def picture(heading: str, figure: Figure, remarks: Sequence[str]) -> str:
    """Return a section with a figure of Matplotlib, and beneath it what there is to see."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    source = f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue()).decode()}"
    return _section(heading, f'<img alt="{escape(heading)}" src="{source}">', remarks)


def _section(heading: str, body: str, remarks: Sequence[str]) -> str:
    paragraphs = "\n".join(f"<p>{escape(remark)}</p>" for remark in remarks)
    return f"<section>\n<h2>{escape(heading)}</h2>\n{body}\n{paragraphs}\n</section>"
