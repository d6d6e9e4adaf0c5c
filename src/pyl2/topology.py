"""Who informs whom in a swarm, and so whose best place each particle follows."""

from __future__ import annotations

import numpy as np

from pyl2.checks import Array

TOPOLOGIES = ("random", "global", "ring")


def draw_links(rng: np.random.Generator, particles: int, neighbours: int) -> Array:
    """Return whom each particle informs, (particles, neighbours), beside itself.

    Drawn with repetition, as in M. Clerc, Standard PSO 2007: some particles have fewer informants
    than ``neighbours``, some more.
    """
    # For so few numbers rng.integers takes three times as long.
    return (rng.random((particles, neighbours)) * particles).astype(np.int64)


def leaders(topology: str, values: Array, links: Array) -> Array:
    """Return the best informant of each particle, (P,), itself among them.

    With "random" links a particle that knows of none better than itself follows nobody, -1: so
    Standard PSO 2007.  With the others it follows itself, as where they were first described.

    Parameters
    ----------
    topology : {"random", "global", "ring"}
        Told by ``links``; all; or one particle at either side.
    values : ndarray of shape (P,)
        The best value of each.
    links : ndarray of shape (P, K)
        Whom each informs; looked at for "random" alone.
    """
    if topology == "global":
        return np.full(len(values), values.argmin())
    order = values.argsort(kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    best = rank.copy()
    if topology == "ring":
        np.minimum(best, np.roll(rank, 1), out=best)
        np.minimum(best, np.roll(rank, -1), out=best)
    else:
        np.minimum.at(best, links.ravel(), rank.repeat(links.shape[1]))
        return np.where(best < rank, order[best], -1)
    return order[best]
