"""Random number generators: from what users call a seed, and to and from a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyl2 import _core
from pyl2._common.validation import Array, check_integer, check_real, kept, shown

Rng = np.random.Generator | np.random.RandomState

_PCG = ("PCG64", "PCG64DXSM")


def make_rng(seed: Any, name: str = "seed") -> Rng:
    """Return a generator: one that was given, or a new one from None or a whole number."""
    if isinstance(seed, Rng):
        return seed
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer)):
        raise TypeError(
            f"{name} must be None, a whole number, a Generator or a RandomState, got {shown(seed)}"
        )
    if seed is not None and seed < 0:
        raise ValueError(f"{name} must not be negative, got {shown(seed)}")
    return np.random.default_rng(seed)


def modern(seed: Any) -> np.random.Generator:
    """Return a Generator, as ``make_rng`` does; a RandomState seeds it."""
    rng = make_rng(seed)
    if isinstance(rng, np.random.RandomState):
        return np.random.default_rng(rng.randint(2**32, size=4, dtype=np.uint64).tolist())
    return rng


def children(rng: np.random.Generator, count: int) -> list[np.random.Generator | None]:
    """Return generators that follow from one, whose own numbers stay as they are.

    They are None where it has no seed that it could have been made from.
    """
    try:
        return list(rng.spawn(count))
    except TypeError:
        return [None] * count


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
    """Return the generator that ``to_json`` has written; ValueError if the state is none."""
    try:
        name, legacy = kept(saved, "name", str), kept(saved, "legacy", bool)
        if name == "MT19937":
            return _mersenne_twister(saved, legacy)
        if name not in _PCG or legacy:
            raise ValueError(f"no generator {name!r}")
        bits = getattr(np.random, name)()
        bits.state = {
            "bit_generator": name,
            "state": {
                "state": _below(saved, "state", 2**128),
                "inc": _below(saved, "inc", 2**128),
            },
            "has_uint32": _below(saved, "has_uint32", 2),
            "uinteger": _below(saved, "uinteger", 2**32),
        }
        return np.random.Generator(bits)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the state of the random number generator is damaged: {error}") from None


def _mersenne_twister(saved: Any, legacy: bool) -> Rng:
    """Check every number: NumPy takes the position as an index without a look."""
    words = kept(saved, "key", list)
    if len(words) != 624:
        raise ValueError("MT19937 has 624 words")
    key = np.array([check_integer("key", word, 0, 2**32 - 1) for word in words], dtype=np.uint32)
    inner: Any = {"key": key, "pos": _below(saved, "pos", 625)}
    bits = np.random.MT19937()
    bits.state = {"bit_generator": "MT19937", "state": inner}
    if not legacy:
        return np.random.Generator(bits)
    rng = np.random.RandomState(bits)
    rng.set_state(
        {
            "bit_generator": "MT19937",
            "state": inner,
            "has_gauss": _below(saved, "has_gauss", 2),
            "gauss": check_real("gauss", kept(saved, "gauss", float)),
        }
    )
    return rng


def _below(saved: dict[str, Any], name: str, limit: int) -> int:
    return check_integer(name, kept(saved, name, int), 0, limit - 1)
