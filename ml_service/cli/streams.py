"""Which stored candles are meant by what was typed, and as many of them as values need to settle."""

import numpy as np

from ml_service.adapters.store.market import SqlMarket
from ml_service.cli.symbols import symbol_from
from ml_service.domain.market.candles import Candles, Stream, joined
from ml_service.domain.market.intervals import interval_ms
from ml_service.errors import InvalidInput, NotFound
from ml_service.ports import StreamInfo
from ml_service.usecases.take_candles import BARS_TO_REBUILD


def chosen(market: SqlMarket, symbol: str, venue: str | None, interval: str | None) -> StreamInfo:
    """The one stream that is meant; where there are several, nobody guesses."""
    found = streams_of(market, symbol, venue, interval)
    if len(found) == 1:
        return found[0]
    streams = [info.stream for info in found]
    options = [name for name in ("venue", "interval") if len({getattr(stream, name) for stream in streams}) > 1]
    choices = "; ".join(f"--venue {stream.venue} --interval {stream.interval}" for stream in streams)
    raise InvalidInput.at(
        " and ".join(options), f"expected --{' and --'.join(options)}, because {symbol} has several streams: {choices}"
    )


def streams_of(market: SqlMarket, symbol: str, venue: str | None, interval: str | None) -> list[StreamInfo]:
    """At least one."""
    every = market.streams()
    named = [info for info in every if info.stream.symbol in (symbol, symbol_from(symbol))]
    found = [info for info in named if venue in (None, info.stream.venue) and interval in (None, info.stream.interval)]
    if not named:
        there = ", ".join(sorted({info.stream.symbol for info in every})) or "none of any symbol"
        raise NotFound(
            f"there are no candles of {symbol}, but of: {there}; import some with `python -m ml_service data import …`"
        )
    if not found:
        raise NotFound(f"there are no such candles of {symbol}, but: {', '.join(str(info.stream) for info in named)}")
    return found


def read(market: SqlMarket, stream: Stream, since_ms: int | None, until_ms: int | None) -> tuple[Candles, int]:
    """The candles, and how many of them come before the window: as many as values need to be what they were."""

    begin_ms = None if since_ms is None else since_ms - BARS_TO_REBUILD * interval_ms(stream.interval)
    candles = joined(market.candles(stream, None if begin_ms is None else max(begin_ms, 0), until_ms))
    before = 0 if since_ms is None else int(np.searchsorted(candles.opened_at_ms, since_ms))
    if before == len(candles):
        raise NotFound(f"there are no candles of {stream} between since and until")
    return candles, before
