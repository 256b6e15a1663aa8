"""A slot: which models speak for a symbol in a regime, and who speaks where nobody is at home."""

from typing import Literal, NamedTuple

EVERY = "*"
"""Every symbol, or every regime."""

Status = Literal["TRAINING", "SHADOW", "ACTIVE", "RETIRED", "FAILED"]


class Slot(NamedTuple):
    """Where one kind of model is ACTIVE at most once."""

    model_type: str
    symbol: str = EVERY
    regime: str = EVERY


class Place(NamedTuple):
    """Where one set of models serves at most."""

    symbol: str = EVERY
    regime: str = EVERY


def fall_back(symbol: str, regime: str | None) -> tuple[Place, ...]:
    """Whom to ask, the nearest first."""
    own = (Place(symbol, regime),) if regime is not None else ()
    return (*own, Place(symbol), Place())
