"""Random number generators: from what users call a seed, and to and from a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyl2 import _core
from pyl2.checks import Array

Rng = np.random.Generator | np.random.RandomState

_PCG = ("PCG64", "PCG64DXSM")


def make(seed: Any) -> Rng:
    """Return a generator: one that was given, or a new one from None or a whole number."""
    if isinstance(seed, Rng):
        return seed
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer)):
        raise TypeError(
            f"seed must be None, a whole number, a Generator or a RandomState, got {seed!r}"
        )
    if seed is not None and seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    return np.random.default_rng(seed)


def shuffle(rng: Rng, order: Array) -> None:
    """Shuffle an order in its place.

    A RandomState shuffles as it does for scikit-learn; a Generator gives the engine its numbers,
    which takes a third of the time.
    """
    if isinstance(rng, np.random.RandomState):
        rng.shuffle(order)
    else:
        _core.shuffle(order, rng.random(len(order)))


def to_json(rng: Rng) -> dict[str, Any]:
    """Return the generator's state as JSON values.

    Raises
    ------
    ValueError
        If it is a Generator over none of PCG64, PCG64DXSM and MT19937, or a RandomState over
        another than MT19937.
    """
    state: Any
    if legacy := isinstance(rng, np.random.RandomState):
        state = rng.get_state(legacy=False)
    else:
        state = rng.bit_generator.state
    name, inner = state["bit_generator"], state["state"]
    if name == "MT19937":
        words = {"key": inner["key"].tolist(), "pos": int(inner["pos"])}
        if legacy:
            words |= {"has_gauss": int(state["has_gauss"]), "gauss": float(state["gauss"])}
        return {"name": name, "legacy": legacy, **words}
    if legacy or name not in _PCG:
        raise ValueError(
            f"a {type(rng).__name__} over {name} cannot be saved, only a Generator over"
            f" {', '.join(_PCG)} or MT19937 and a RandomState over MT19937"
        )
    rest = {key: state[key] for key in ("has_uint32", "uinteger")}
    return {"name": name, "legacy": legacy, "state": inner["state"], "inc": inner["inc"], **rest}


def from_json(saved: Any) -> Rng:
    """Return the generator that ``to_json`` told of; ValueError if the state is none."""
    try:
        name, legacy = saved["name"], saved["legacy"]
        if name == "MT19937":
            return _mersenne_twister(saved, legacy is True)
        if name not in _PCG or legacy is not False:
            raise ValueError(f"no generator {name!r}")
        bits = getattr(np.random, name)()
        bits.state = {
            "bit_generator": name,
            "state": {
                "state": _below(saved["state"], 2**128),
                "inc": _below(saved["inc"], 2**128),
            },
            "has_uint32": _below(saved["has_uint32"], 2),
            "uinteger": _below(saved["uinteger"], 2**32),
        }
        return np.random.Generator(bits)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"the state of the random number generator is damaged: {error}") from None


def _mersenne_twister(saved: Any, legacy: bool) -> Rng:
    """Check every number: NumPy takes the position as an index without a look."""
    if len(saved["key"]) != 624:
        raise ValueError("MT19937 has 624 words")
    key = np.array([_below(word, 2**32) for word in saved["key"]], dtype=np.uint32)
    inner: Any = {"key": key, "pos": _below(saved["pos"], 625)}
    bits = np.random.MT19937()
    bits.state = {"bit_generator": "MT19937", "state": inner}
    if not legacy:
        return np.random.Generator(bits)
    rng = np.random.RandomState(bits)
    rng.set_state(
        {
            "bit_generator": "MT19937",
            "state": inner,
            "has_gauss": _below(saved["has_gauss"], 2),
            "gauss": float(saved["gauss"]),
        }
    )
    return rng


def _below(value: Any, limit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit:
        raise ValueError(f"{value!r:.40} is not a whole number below {limit}")
    return value
