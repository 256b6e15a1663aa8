"""Holding: how long positions were open, and with how much in them."""

from collections.abc import Sequence
from typing import NamedTuple

from ml_service.domain.performance.trade import ClosedTrade


class Holding(NamedTuple):
    """Of the trades alone whose times are known."""

    known: int = 0
    first_ms: int = 0
    """When the first one was opened."""
    last_ms: int = 0
    """When the last one was closed."""
    held_ms: int = 0
    notional_ms: float = 0.0
    """Notional times time held, added up."""

    def plus(self, other: "Holding") -> "Holding":
        if not self.known or not other.known:
            return self if self.known else other
        return Holding(
            self.known + other.known,
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
            self.held_ms + other.held_ms,
            self.notional_ms + other.notional_ms,
        )


NO_HOLDING = Holding()


def holding_of(trades: Sequence[ClosedTrade]) -> Holding:
    held = [(trade, trade.held_ms) for trade in trades if trade.held_ms is not None]
    if not held:
        return NO_HOLDING
    return Holding(
        known=len(held),
        first_ms=min(trade.at_ms - held_ms for trade, held_ms in held),
        last_ms=max(trade.at_ms for trade, _ in held),
        held_ms=sum(held_ms for _, held_ms in held),
        notional_ms=sum(trade.notional * held_ms for trade, held_ms in held if trade.notional is not None),
    )
