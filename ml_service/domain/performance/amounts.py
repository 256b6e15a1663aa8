"""Amounts: results in one unit, added up so that two sums merge into one."""

from collections.abc import Sequence
from typing import NamedTuple


class Amounts(NamedTuple):
    """Gains and losses apart: neither sum can cancel out, so merging costs no precision."""

    known: int = 0
    """Of how many trades the result is known in this unit."""
    wins: int = 0
    losses: int = 0
    gain: float = 0.0
    loss: float = 0.0
    """Positive: what the losing trades cost."""
    best: float | None = None
    worst: float | None = None

    @property
    def total(self) -> float:
        return self.gain - self.loss

    def plus(self, other: "Amounts") -> "Amounts":
        if self.best is None or self.worst is None:
            return other
        if other.best is None or other.worst is None:
            return self
        return Amounts(
            self.known + other.known,
            self.wins + other.wins,
            self.losses + other.losses,
            self.gain + other.gain,
            self.loss + other.loss,
            max(self.best, other.best),
            min(self.worst, other.worst),
        )


NO_AMOUNTS = Amounts()


def amounts_of(values: Sequence[float]) -> Amounts:
    if not values:
        return NO_AMOUNTS
    gains = [value for value in values if value > 0.0]
    losses = [-value for value in values if value < 0.0]
    return Amounts(len(values), len(gains), len(losses), sum(gains), sum(losses), max(values), min(values))
