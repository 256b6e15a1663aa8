"""A feature row: what all features said after one bar. It never changes once it is made; a decision names it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ml_service.domain.market.candles import Stream
from ml_service.domain.market.intervals import INTERVALS

INTERVALS_OLD_MAX = 2
"""So long after its bar closed, a row still speaks of the present."""

Status = Literal["ready", "partial", "stale"]


@dataclass(frozen=True, slots=True)
class FeatureRow:
    stream: Stream
    opened_at_ms: int
    """Of the bar after whose close it was made."""
    schema_hash: str
    set_id: str
    """Names this very row, values included."""
    values: tuple[float, ...]
    """In the order of the schema; NaN where there was none."""
    missing: tuple[str, ...] = ()
    """The names of those."""
    regime: str | None = None
    regime_confidence: float | None = None

    @property
    def stale_from_ms(self) -> int:
        return self.opened_at_ms + (1 + INTERVALS_OLD_MAX) * INTERVALS[self.stream.interval]


@dataclass(frozen=True, slots=True)
class FeaturesUsed:
    """The feature row that a decision was made with, by name; the row itself lies in the market's store."""

    stream: Stream
    opened_at_ms: int
    schema_hash: str
    set_id: str
    status: Status
    missing: tuple[str, ...] = ()
    regime: str | None = None
    regime_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class FeatureSource:
    """Whose rows decisions are made with, where a symbol has several; None: whichever there is."""

    venue: str | None = None
    interval: str | None = None

    def admits(self, stream: Stream) -> bool:
        return self.venue in (None, stream.venue) and self.interval in (None, stream.interval)


ANY_SOURCE = FeatureSource()


class Known(NamedTuple):
    """A row as decisions will name it: made once, not with every decision."""

    stale_from_ms: int
    fresh: FeaturesUsed
    stale: FeaturesUsed


def by_symbol(rows: Iterable[FeatureRow], source: FeatureSource) -> dict[str, tuple[Known, ...]]:
    """Those that are admitted, the shortest interval first: it knows the latest."""
    found: dict[str, list[Known]] = {}
    for row in sorted(rows, key=rank):
        if source.admits(row.stream):
            fresh = naming(row, "partial" if row.missing else "ready")
            found.setdefault(row.stream.symbol, []).append(Known(row.stale_from_ms, fresh, naming(row, "stale")))
    return {symbol: tuple(some) for symbol, some in found.items()}


def rank(row: FeatureRow) -> tuple[int, str]:
    return INTERVALS[row.stream.interval], row.stream.venue


def used(known: Sequence[Known], now_ms: int) -> FeaturesUsed | None:
    """The first that is fresh, else the newest, as stale; None where there are no candles at all."""
    for one in known:
        if now_ms < one.stale_from_ms:
            return one.fresh
    return max(known, key=lambda one: one.stale_from_ms).stale if known else None


def naming(row: FeatureRow, status: Status) -> FeaturesUsed:
    stale = status == "stale"
    return FeaturesUsed(
        stream=row.stream,
        opened_at_ms=row.opened_at_ms,
        schema_hash=row.schema_hash,
        set_id=row.set_id,
        status=status,
        missing=() if stale else row.missing,
        regime=None if stale else row.regime,
        regime_confidence=None if stale else row.regime_confidence,
    )
