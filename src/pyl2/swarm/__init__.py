"""Particle swarms: the particles, the trainer of networks, and ``pso`` for any function."""

from pyl2.swarm.particles import ATTRACTION, BOUNDARIES, CONSTRICTION, INERTIA, TOPOLOGIES

__all__ = ["ATTRACTION", "BOUNDARIES", "CONSTRICTION", "INERTIA", "TOPOLOGIES"]
