"""Take candles in, and keep the features current that are made of them."""

from dataclasses import dataclass, field

from ml_service.domain.market.arrivals import Added, admitted
from ml_service.domain.market.candles import Candle, Candles, Stream
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.domain.market.regime_stream import regime_stream
from ml_service.domain.market.regimes import RegimeAt, RegimePolicy
from ml_service.features.rows import SETTLED_BARS, Live, missing
from ml_service.features.schema import SCHEMA, feature_set_id
from ml_service.ports import Market, Store, Taking

ROWS_MAX = 512
"""So many of the last bars get a row where many came at once: a model that reads sequences looks no further back."""


BARS_TO_REBUILD = max(SETTLED_BARS, RegimePolicy().bars_to_rebuild)
"""After so many stored candles, it goes on as if it had never stopped."""


class Following:
    """Features and regime of one stream, bar by bar."""

    def __init__(self, stream: Stream, revision: int) -> None:
        self.revision = revision
        self.last_ms = -1
        self._stream = stream
        self._features = Live()
        self._regime = regime_stream()

    def step(self, candle: Candle) -> tuple[tuple[float, ...], RegimeAt | None]:
        self.last_ms = candle.opened_at_ms
        return self._features.step(candle), self._regime(candle)

    def row(self, candle: Candle) -> FeatureRow:
        values, regime = self.step(candle)
        return FeatureRow(
            stream=self._stream,
            opened_at_ms=candle.opened_at_ms,
            schema_hash=SCHEMA.hash,
            set_id=feature_set_id(self._stream, candle.opened_at_ms, SCHEMA.hash, values),
            values=values,
            missing=missing(values),
            regime=regime.regime if regime is not None else None,
            regime_confidence=regime.confidence if regime is not None else None,
            revision=self.revision,
        )


@dataclass(slots=True)
class LiveFeatures:
    """The streaming state of this process. It is rebuilt from stored candles wherever it cannot simply go on: after a
    restart, after another process has taken bars in, after a correction, after a transaction that failed."""

    _followed: dict[Stream, Following] = field(default_factory=dict)

    def follow(self, stream: Stream, taking: Taking, rowless: int) -> tuple[Following, list[FeatureRow]]:
        """The rows of the newest bars, at least of the last one; and the state behind them, to keep once it is true."""
        following = self._followed.pop(stream, None)
        fresh = None
        if following is not None and following.revision == taking.revision:
            fresh = taking.bars_after(following.last_ms, ROWS_MAX + 1)
        if following is None or fresh is None or len(fresh) > ROWS_MAX:
            following, fresh = rebuilt(stream, taking, max(rowless, 1))
        return following, [following.row(candle) for candle in fresh.rows()]

    def keep(self, stream: Stream, following: Following) -> None:
        self._followed[stream] = following


def rebuilt(stream: Stream, taking: Taking, fresh: int) -> tuple[Following, Candles]:
    """State as it stood before the last bars, and these."""
    candles = taking.latest(BARS_TO_REBUILD + fresh)
    begin = max(len(candles) - fresh, 0)
    following = Following(stream, taking.revision)
    for candle in candles[:begin].rows():
        following.step(candle)
    return following, candles[begin:]


def take_candles(
    stream: Stream,
    candles: Candles,
    *,
    market: Market,
    store: Store,
    live: LiveFeatures,
    now_ms: int,
    volume_unit: str | None = None,
    more_to_come: bool = False,
) -> Added:
    """The same bars again do no harm. Durable when it returns, unless there is more to come: then the last ones make
    the others durable with them, and only they get feature rows."""
    candles, refused = admitted(candles, stream.interval, now_ms)
    if not len(candles):
        return Added(refused=refused)
    following = newest = None
    with market.taking(stream, candles, synced=not more_to_come) as taking:
        added = taking.add(candles)
        if volume_unit is not None:
            taking.say_unit(volume_unit)
        if not more_to_come:
            rowless = taking.rowless(ROWS_MAX)
            if added.new or added.corrected or rowless:
                following, rows = live.follow(stream, taking, rowless)
                taking.save_rows(rows, now_ms)
            # Also where nothing was new: a kill may have come between the bar and its row's way to the snapshot.
            newest = taking.newest_row()
    if following is not None:
        live.keep(stream, following)
    if newest is not None:
        with store.begin() as tx:
            tx.save_feature_head(newest)
    return added + Added(refused=refused)
