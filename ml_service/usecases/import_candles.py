"""Take candles in piece by piece, each kept before the next: stopping loses nothing, and twice is as good as once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ml_service.domain.market.arrivals import Added
from ml_service.domain.market.candles import Candles, Stream
from ml_service.domain.market.intervals import interval_ms
from ml_service.ports import Market

ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Imported:
    rows: int = 0
    unclosed: int = 0
    """Bars that were still open: left out without a complaint."""
    added: Added = field(default_factory=Added)

    def __add__(self, other: "Imported") -> "Imported":
        return Imported(self.rows + other.rows, self.unclosed + other.unclosed, self.added + other.added)


def import_candles(
    pieces: Iterable[Candles], *, stream: Stream, take: Callable[[Candles], Added], now_ms: Callable[[], int]
) -> Iterator[Imported]:
    """What became of each portion, once it is kept."""
    length = interval_ms(stream.interval)
    for piece in pieces:
        for begin in range(0, len(piece), ROWS_AT_ONCE):
            part = piece[begin : begin + ROWS_AT_ONCE]
            closed = part[: int(np.searchsorted(part.opened_at_ms, now_ms() - length, side="right"))]
            yield Imported(len(part), len(part) - len(closed), take(closed) if len(closed) else Added())


def ranges_to_ask(
    stream: Stream, since_ms: int | None, until_ms: int, bars_apart: int, *, market: Market
) -> list[tuple[int, int]]:
    """What of [since, until) is not stored, and the last stored bar, which may have changed since. Holes that lie
    within so many bars are asked for together. Without `since`, it goes on behind the last bar."""
    length = interval_ms(stream.interval)
    info = market.info(stream)
    if info is None or info.first_ms is None or info.last_ms is None:
        return [] if since_ms is None else [(since_ms, until_ms)]
    begin = -(-(info.last_ms if since_ms is None else since_ms) // length) * length
    if begin > info.last_ms:
        return [(begin, until_ms)] if begin < until_ms else []
    holes, expected = [], begin
    for part in market.candles(stream, begin, info.last_ms):
        opened = np.concatenate(([expected - length], part.opened_at_ms))
        for before in np.flatnonzero(np.diff(opened) > length).tolist():
            holes.append((int(opened[before]) + length, int(opened[before + 1])))
        expected = int(opened[-1]) + length
    if expected < info.last_ms:
        holes.append((expected, info.last_ms))
    holes.append((info.last_ms, until_ms))
    return together([(since, min(until, until_ms)) for since, until in holes if since < until_ms], bars_apart * length)


def together(ranges: list[tuple[int, int]], apart_ms: int) -> list[tuple[int, int]]:
    """In order, and few."""
    joined: list[tuple[int, int]] = []
    for since, until in ranges:
        if joined and until - joined[-1][0] <= apart_ms:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((since, until))
    return joined
