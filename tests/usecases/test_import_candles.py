"""import_candles: portion by portion, without what is not closed; and only what is missing is asked for."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest

from ml_service.domain.market.arrivals import Added
from ml_service.domain.market.candles import Candles, Stream
from ml_service.ports import Market, StreamInfo
from ml_service.usecases import import_candles as usecase
from ml_service.usecases.import_candles import import_candles, ranges_to_ask
from tests.candles import FIRST_MS, HOUR_MS, walk

BTC = Stream("binance", "BTCUSDT", "1h")


class Stored:
    """A market that has these bars of one stream."""

    def __init__(self, candles: Candles) -> None:
        self._candles = candles

    def info(self, stream: Stream) -> StreamInfo | None:
        if not len(self._candles):
            return None
        at = self._candles.opened_at_ms
        return StreamInfo(stream, int(at[0]), int(at[-1]), None, 0)

    def candles(self, stream: Stream, since_ms: int, until_ms: int) -> Iterator[Candles]:
        begin, end = np.searchsorted(self._candles.opened_at_ms, [since_ms, until_ms])
        middle = (int(begin) + int(end)) // 2
        yield from (
            part for part in (self._candles[int(begin) : middle], self._candles[middle : int(end)]) if len(part)
        )


def asked(hours: list[int], since: int | None, until: int, apart: int = 1) -> list[tuple[int, int]]:
    """In hours after the first."""
    market = cast(Market, Stored(walk(200)[np.array(hours, np.intp)]))
    since_ms = None if since is None else FIRST_MS + since * HOUR_MS
    ranges = ranges_to_ask(BTC, since_ms, FIRST_MS + until * HOUR_MS, apart, market=market)
    return [((begin - FIRST_MS) // HOUR_MS, (end - FIRST_MS) // HOUR_MS) for begin, end in ranges]


def test_every_portion_is_kept_before_the_next_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usecase, "ROWS_AT_ONCE", 40)
    kept: list[int] = []

    def take(candles: Candles) -> Added:
        kept.append(len(candles))
        return Added(new=len(candles))

    going = import_candles([walk(100)], stream=BTC, take=take, now_ms=lambda: FIRST_MS + 200 * HOUR_MS)

    assert next(going).added == Added(new=40)
    assert kept == [40]
    assert [portion.rows for portion in going] == [40, 20]


def test_a_bar_that_is_not_closed_is_left_out_without_a_complaint() -> None:
    kept: list[int] = []

    def take(candles: Candles) -> Added:
        kept.extend(candles.opened_at_ms.tolist())
        return Added(new=len(candles))

    (portion,) = import_candles([walk(10)], stream=BTC, take=take, now_ms=lambda: FIRST_MS + 10 * HOUR_MS - 1)

    assert (portion.rows, portion.unclosed, portion.added) == (10, 1, Added(new=9))
    assert kept[-1] == FIRST_MS + 8 * HOUR_MS


def test_it_goes_on_with_the_last_bar_which_may_have_changed() -> None:
    assert asked([0, 1, 2], None, 10) == [(2, 10)]
    assert asked([0, 1, 2], 0, 10) == [(2, 10)]
    assert asked([0, 1, 2], 5, 10) == [(5, 10)]
    assert asked([0, 1, 2], 12, 10) == []


def test_without_a_bar_it_begins_where_it_is_told_to() -> None:
    assert asked([], 3, 10) == [(3, 10)]
    assert asked([], None, 10) == []


def test_holes_are_asked_for_and_what_is_there_is_not() -> None:
    assert asked([0, 1, 4, 5, 9], 0, 20) == [(2, 4), (6, 9), (9, 20)]
    assert asked([3, 4, 5], 0, 20) == [(0, 3), (5, 20)]
    assert asked([3, 4, 5], 0, 4) == [(0, 3)]


def test_holes_within_one_page_are_asked_for_together() -> None:
    assert asked([0, 2, 4, 6, 8], 0, 20, apart=5) == [(1, 6), (7, 8), (8, 20)]
