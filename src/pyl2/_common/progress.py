"""A progress bar for long work, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np


def silent(error: float) -> None:
    """Do nothing with E: what ``progress`` gives where it shows no bar."""


@contextmanager
def progress(shown: Any, epochs: int, name: str = "verbose") -> Iterator[Callable[[float], None]]:
    """Give a function to call with E after each epoch; where `shown`, it moves a bar.

    The bar is drawn at most ten times a second, in a terminal or a notebook alone, and goes when
    the work is done.  `name` is what the user calls `shown`.
    """
    if not isinstance(shown, Integral | np.bool_):
        raise TypeError(f"{name} must be True, False or a whole number, got {shown!r}")
    if not shown:
        yield silent
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield silent
        return
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[error]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=10) as bar:
        task = bar.add_task("", total=epochs, error="")

        def advance(error: float) -> None:
            bar.update(task, advance=1, error=f"E = {error:.6g}")

        yield advance
