"""pyswarms with an objective that takes one particle after the other, as people write it."""

from __future__ import annotations

from . import pyswarms_swarm
from .objective import OneByOne

versions = pyswarms_swarm.versions


def prepare(task, problem):
    """A swarm without bounds."""
    return pyswarms_swarm.prepare(task, problem, OneByOne)
