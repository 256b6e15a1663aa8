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
    revision: int = 0
    """Of its stream: one more whenever bars were changed that others may rest on."""

    @property
    def closed_ms(self) -> int:
        return self.opened_at_ms + INTERVALS[self.stream.interval]

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
    schema_hash: str | None = None

    def admits(self, row: FeatureRow) -> bool:
        told = (row.stream.venue, row.stream.interval, row.schema_hash)
        wanted = (self.venue, self.interval, self.schema_hash)
        return all(name in (None, found) for name, found in zip(wanted, told, strict=True))


ANY_SOURCE = FeatureSource()


class Known(NamedTuple):
    """A row as decisions will name it: made once, not with every decision."""

    closed_ms: int
    stale_from_ms: int
    fresh: FeaturesUsed
    stale: FeaturesUsed


def with_newer(kept: tuple[FeatureRow, ...], row: FeatureRow) -> tuple[FeatureRow, ...]:
    """The newest row of a stream, and the one of the bar before it: a clock may lag a moment behind a bar's close."""
    return (row, *(one for one in kept if one.opened_at_ms < row.opened_at_ms))[:2]


def by_symbol(rows: Iterable[FeatureRow], source: FeatureSource) -> dict[str, tuple[Known, ...]]:
    """Those that are admitted, the shortest interval first: it knows the latest. Of a stream, the newest first."""
    found: dict[str, list[Known]] = {}
    for row in sorted(rows, key=rank):
        if source.admits(row):
            fresh, stale = naming(row, "partial" if row.missing else "ready"), naming(row, "stale")
            found.setdefault(row.stream.symbol, []).append(Known(row.closed_ms, row.stale_from_ms, fresh, stale))
    return {symbol: tuple(some) for symbol, some in found.items()}


def rank(row: FeatureRow) -> tuple[int, str, int]:
    return INTERVALS[row.stream.interval], row.stream.venue, -row.opened_at_ms


def used(known: Sequence[Known], now_ms: int) -> FeaturesUsed | None:
    """The first that is fresh, else the newest, as stale; None where no bar had closed by then: what closes later is
    not known yet, whatever clock the caller goes by."""
    for one in known:
        if one.closed_ms <= now_ms < one.stale_from_ms:
            return one.fresh
    closed = [one for one in known if one.closed_ms <= now_ms]
    return max(closed, key=lambda one: one.stale_from_ms).stale if closed else None


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
