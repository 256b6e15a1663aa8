"""A data set made of decisions: the rows they were made with, and whether their trades paid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml_service.domain.market.candles import Candles, Stream
from ml_service.domain.market.regime_batch import regimes_of
from ml_service.domain.outcomes import StoredOutcome
from ml_service.domain.types import Trade
from ml_service.features.rows import table
from ml_service.features.schema import SCHEMA
from ml_service.learning.dataset import Dataset
from ml_service.learning.examples import Places
from ml_service.learning.from_candles import moves_of
from ml_service.ports import Market, Period, Reading

ROWS_AT_ONCE = 500
PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Traded:
    """A decision whose result is known."""

    side: Trade
    opened_at_ms: int
    """Of the bar whose row it was made with."""
    known_at_ms: int
    net: float
    """Its return after fees, as a share; of a rejected one, as it was marked to market."""
    values: tuple[float, ...] | None
    """The row itself; None where it is no longer kept, and is made again from the candles."""


def traded(stream: Stream, *, reading: Reading, market: Market, since_ms: int | None = None) -> Iterator[Traded]:
    """Of every user, in no order. Left out: what is in doubt, superseded, without a result in percent, or was decided
    with rows of another stream, of another schema, or stale ones."""
    period = Period(symbol=stream.symbol, since_ms=since_ms)
    for user_id in list(reading.users_with_outcomes()):
        cursor = None
        while True:
            page = reading.outcomes_in_order(user_id, period, cursor, ROWS_AT_ONCE)
            for one in page.items:
                found = traded_by(one.stored, stream, reading, market)
                if found is not None:
                    yield found
            cursor = page.next_cursor
            if cursor is None:
                break


def traded_by(stored: StoredOutcome, stream: Stream, reading: Reading, market: Market) -> Traded | None:
    outcome = stored.outcome
    doubtful = stored.quarantined is not None and stored.released_at_ms is None
    if doubtful or stored.superseded_by is not None or stored.matched_decision_id is None:
        return None
    decision = reading.decision(outcome.user_id, stored.matched_decision_id)
    if decision is None or decision.features is None or outcome.pnl_percent is None:
        return None
    used, side = decision.features, decision.signal.action
    if side not in ("BUY", "SELL") or used.stream != stream or used.schema_hash != SCHEMA.hash:
        return None
    if used.status == "stale":
        return None
    row = market.feature_row(stream, used.opened_at_ms, used.set_id)
    return Traded(
        side=side,
        opened_at_ms=used.opened_at_ms,
        known_at_ms=outcome.closed_at_ms or stored.received_at_ms,
        net=outcome.pnl_percent / PERCENT,
        values=row.values if row is not None else None,
    )


def from_decisions(candles: Candles, interval_ms: int, trades: Sequence[Traded]) -> Dataset:
    """Of the trades whose bar is among the candles. One side of each is known; what the other would have come to, is
    not."""
    at = candles.opened_at_ms
    trades = sorted(
        (one for one in trades if at.size and at[0] <= one.opened_at_ms <= at[-1]),
        key=lambda one: (one.opened_at_ms, one.known_at_ms, one.side, one.net),
    )
    places = np.searchsorted(at, [one.opened_at_ms for one in trades]).astype(np.int64)
    there = at[places] == [one.opened_at_ms for one in trades]
    trades = [one for one, is_there in zip(trades, there.tolist(), strict=True) if is_there]
    places = places[there]
    rows = table(candles).astype(np.float32)
    for place, one in zip(places.tolist(), trades, strict=True):
        if one.values is not None:
            rows[place] = one.values
    known_from = np.searchsorted(at + interval_ms, [one.known_at_ms for one in trades]).astype(np.int64)
    net, bought = np.array([one.net for one in trades]), np.array([one.side == "BUY" for one in trades], bool)
    made = Dataset(
        schema=SCHEMA,
        rows=rows,
        follows=np.diff(at, prepend=0) == interval_ms,
        opened_at_ms=at,
        moves=moves_of(candles),
        places=places,
        # Known within the bar of the decision itself is still known after it.
        known_from=np.maximum(known_from, places + 1),
        bought=np.where(bought, net, np.nan),
        sold=np.where(bought, np.nan, net),
        keep=np.ones(places.size, bool),
        regime=regimes_of(candles).code[places],
        overlap=1,
    )
    return replace(made, overlap=overlap_of(made.places, made.known_from))


def overlap_of(places: Places, known_from: Places) -> int:
    """So many decisions are made, at most in nine of ten cases, while the result of one is not known yet."""
    if not places.size:
        return 1
    waiting = np.searchsorted(places, known_from) - np.arange(places.size)
    return max(1, int(np.quantile(waiting, 0.9)))
