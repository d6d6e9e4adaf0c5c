"""PyTorch, one model after the other; two of them are timed."""

from __future__ import annotations

from rivals import torch_rival

from . import one_by_one

versions = torch_rival.versions


def prepare(task, problem):
    """Few of them."""
    return one_by_one(torch_rival, task, problem, 2)
