"""A closed trade: what performance is worked out from."""

from typing import NamedTuple

from ml_service.domain.outcomes import DAY_MS, StoredOutcome

HOUR_MS = 3_600_000


class ClosedTrade(NamedTuple):
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
    return trade_of(
        stored.effective_at_ms,
        outcome.symbol,
        not stored.is_quarantined,
        pnl=outcome.pnl,
        pnl_percent=outcome.pnl_percent,
        r=outcome.r if outcome.r is not None else r,
        opened_at_ms=outcome.opened_at_ms,
        closed_at_ms=outcome.closed_at_ms,
        entry_price=outcome.entry_price,
        quantity=outcome.quantity,
        revision=revision,
        thresholds_symbol=thresholds_symbol,
        regime=regime,
    )


def trade_of(
    at_ms: int,
    symbol: str,
    believed: bool,
    *,
    pnl: float | None,
    pnl_percent: float | None,
    r: float | None,
    opened_at_ms: int | None,
    closed_at_ms: int | None,
    entry_price: float | None,
    quantity: float | None,
    revision: int | None,
    thresholds_symbol: str | None,
    regime: str | None,
) -> ClosedTrade:
    """Of what is reported alone: what is not believed keeps no ratio, and no times to build one on."""
    if not believed:
        return ClosedTrade(at_ms, symbol, pnl, None, None, None, None, revision, thresholds_symbol, regime, True)
    held_ms = closed_at_ms - opened_at_ms if opened_at_ms is not None and closed_at_ms is not None else None
    return ClosedTrade(
        at_ms,
        symbol,
        pnl,
        pnl_percent,
        r,
        held_ms if held_ms is not None and held_ms >= 0 else None,
        entry_price * quantity if entry_price is not None and quantity is not None else None,
        revision,
        thresholds_symbol,
        regime,
    )
