"""pyl2, one `Backprop.train` for each λ."""

from __future__ import annotations

from rivals import pyl2_rival

from . import one_by_one

versions = pyl2_rival.versions


def prepare(task, problem):
    """All of them."""
    return one_by_one(pyl2_rival, task, problem, task.networks)
