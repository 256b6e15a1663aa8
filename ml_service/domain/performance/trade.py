"""A closed trade: what performance is worked out from."""

from dataclasses import dataclass

from ml_service.domain.outcomes import DAY_MS, StoredOutcome

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    at_ms: int
    """When it closed, else when it was reported."""
    symbol: str
    pnl: float | None = None
    """Quote currency, net of fees."""
    pnl_percent: float | None = None
    r: float | None = None
    """The result per unit of risk."""
    held_ms: int | None = None
    notional: float | None = None
    """Entry price times quantity."""
    revision: int | None = None
    """The revision of the thresholds it was decided under."""
    thresholds_symbol: str | None = None
    """Whose revision that is: its symbol's, or `*`."""
    regime: str | None = None
    """The kind of market it was decided in."""
    quarantined: bool = False
    """Its numbers are not believed yet: counted, and its profit added, but no ratio is built on it."""

    @property
    def day(self) -> int:
        """Days since 1970-01-01, UTC."""
        return self.at_ms // DAY_MS

    @property
    def hour(self) -> int:
        """UTC, 0 to 23."""
        return self.at_ms % DAY_MS // HOUR_MS

    @property
    def result(self) -> float | None:
        """Says by its sign whether the trade was won; None where nothing is known."""
        for known in (self.pnl, self.pnl_percent, self.r):
            if known is not None:
                return known
        return None


def closed_trade(
    stored: StoredOutcome,
    *,
    revision: int | None = None,
    thresholds_symbol: str | None = None,
    regime: str | None = None,
    r: float | None = None,
) -> ClosedTrade:
    """`r` stands in where the outcome names no risk."""
    outcome = stored.outcome
    believed = not stored.is_quarantined
    held_ms = None
    if outcome.opened_at_ms is not None and outcome.closed_at_ms is not None:
        held_ms = outcome.closed_at_ms - outcome.opened_at_ms
    notional = None
    if outcome.entry_price is not None and outcome.quantity is not None:
        notional = outcome.entry_price * outcome.quantity
    return ClosedTrade(
        at_ms=stored.effective_at_ms,
        symbol=outcome.symbol,
        pnl=outcome.pnl,
        pnl_percent=outcome.pnl_percent if believed else None,
        r=(outcome.r if outcome.r is not None else r) if believed else None,
        held_ms=held_ms if held_ms is not None and held_ms >= 0 and believed else None,
        notional=notional if believed else None,
        revision=revision,
        thresholds_symbol=thresholds_symbol,
        regime=regime,
        quarantined=not believed,
    )
