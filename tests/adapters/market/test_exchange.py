"""The exchange: every page, each bar once, whatever the way there is like."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ml_service.adapters.market import exchange as exchange_adapter
from ml_service.adapters.market.exchange import ATTEMPTS_MAX, Exchange
from ml_service.domain.market.candles import Candles, joined
from ml_service.errors import InvalidInput, Unavailable
from ml_service.web.wire import symbol_of
from tests.adapters.market.files import FIRST_MS, HOUR_MS, Rows, bars, candles, same
from tests.exchange import LocalExchange, exchange

ROWS = bars(2500)
END_MS = FIRST_MS + 2500 * HOUR_MS
ROOT = Path(__file__).resolve().parents[3]


class Asked:
    """The adapter at the local exchange; its pauses are noted instead of waited for."""

    def __init__(self, played: LocalExchange) -> None:
        self.pauses: list[float] = []
        self.unclosed = 0
        self._exchange = Exchange("binance", played.url, self.pauses.append)

    def bars(self, since: int = FIRST_MS, until: int | None = None, now: int = END_MS) -> Candles:
        listed = self._exchange.listed("BTC/USDT", "1h")
        pages = list(self._exchange.pages(listed, since, until, lambda: now))
        self.unclosed = sum(page.unclosed for page in pages)
        return joined(page.candles for page in pages)

    def close(self) -> None:
        self._exchange.close()


@pytest.fixture
def played() -> Iterator[LocalExchange]:
    with exchange(ROWS) as one:
        yield one


@pytest.fixture
def asked(played: LocalExchange) -> Iterator[Asked]:
    one = Asked(played)
    yield one
    one.close()


def test_all_pages_are_asked_for_and_give_what_an_archive_gives(asked: Asked, played: LocalExchange) -> None:
    assert same(asked.bars(), candles(ROWS))
    assert [query["limit"] for query in played.asked] == ["1000"] * 3
    assert asked.pauses == []


def test_only_what_was_asked_for_is_given(asked: Asked) -> None:
    told = asked.bars(FIRST_MS + 10 * HOUR_MS, FIRST_MS + 1200 * HOUR_MS)

    assert same(told, candles(ROWS[10:1200]))


def test_the_bar_that_is_not_closed_is_left_out(asked: Asked) -> None:
    told = asked.bars(FIRST_MS + 2400 * HOUR_MS, now=END_MS - 1)

    assert same(told, candles(ROWS[2400:2499]))
    assert asked.unclosed == 1


def test_a_bar_that_closes_this_very_moment_is_taken(asked: Asked) -> None:
    assert same(asked.bars(FIRST_MS + 2400 * HOUR_MS, now=END_MS), candles(ROWS[2400:]))


def test_both_ways_to_write_a_symbol_mean_the_same_market(played: LocalExchange) -> None:
    one = Exchange("binance", played.url)

    listed = {str(one.listed(symbol, "1h").stream) for symbol in ("BTC/USDT", "BTCUSDT", "btc-usdt")}

    assert listed == {"binance BTCUSDT 1h"}
    with pytest.raises(InvalidInput, match='no market "XYZUSDT"'):
        one.listed("XYZUSDT", "1h")
    with pytest.raises(InvalidInput, match="expected one of 1m"):
        one.listed("BTCUSDT", "7m")
    one.close()


@pytest.mark.parametrize("trick", ["limited", "banned", "dropped", "empty", "failing"])
@pytest.mark.parametrize("after", [0, 1])
def test_trouble_on_the_way_costs_time_and_no_bars(trick: str, after: int, asked: Asked, played: LocalExchange) -> None:
    setattr(played.tricks, trick, 1 if trick == "empty" else 3)
    played.tricks.after = after

    told = asked.bars()

    assert same(told, candles(ROWS))
    expected = {"limited": [1.0, 1.0, 1.0], "empty": []}
    assert asked.pauses == expected.get(trick, [1.0, 2.0, 4.0])


def test_what_the_exchange_asks_for_is_waited(asked: Asked, played: LocalExchange) -> None:
    played.tricks.limited, played.tricks.retry_after = 2, "37"

    asked.bars()

    assert asked.pauses == [37.0, 37.0]


def test_one_that_shuts_us_out_for_hours_is_not_waited_for(asked: Asked, played: LocalExchange) -> None:
    played.tricks.limited, played.tricks.retry_after = 1, "7200"

    with pytest.raises(Unavailable, match="left alone for 7200 s"):
        asked.bars()


def test_trouble_without_end_comes_to_an_end(asked: Asked, played: LocalExchange) -> None:
    played.tricks.dropped = 1000

    with pytest.raises(Unavailable, match=f"after {ATTEMPTS_MAX} attempts"):
        asked.bars()

    assert asked.pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0]


def test_what_came_before_the_trouble_is_given(played: LocalExchange) -> None:
    played.tricks.after, played.tricks.failing = 1, 1000
    one = Exchange("binance", played.url, lambda _: None)
    pages = one.pages(one.listed("BTCUSDT", "1h"), FIRST_MS, None, lambda: END_MS)

    assert same(next(pages).candles, candles(ROWS[:1000]))
    with pytest.raises(Unavailable):
        next(pages)
    one.close()


def test_a_hole_of_the_exchange_is_passed_over() -> None:
    rows = ROWS[:50] + ROWS[1700:1750]
    with exchange(rows) as played:
        asked = Asked(played)

        assert same(asked.bars(now=FIRST_MS + 1750 * HOUR_MS), candles(rows))
        asked.close()


def test_exchanges_without_an_answer_of_their_own_are_asked_in_the_common_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange_adapter, "PLAIN_KLINES", {})
    rows = ROWS[:50] + ROWS[1700:1750]
    with exchange(rows, limited=1, empty=1, after=1) as played:
        asked = Asked(played)
        told = asked.bars(now=FIRST_MS + 1750 * HOUR_MS - 1)
        asked.close()

    assert same(told, candles(rows[:-1], with_taker=False))
    assert asked.unclosed == 1


@pytest.mark.parametrize(
    ("name", "limit"), [("coinbase", 300), ("okx", 300), ("bitfinex", 1000), ("blockchaincom", 100)]
)
def test_of_an_exchange_that_answers_for_a_window_no_window_is_left_out(name: str, limit: int) -> None:
    rows = ROWS[:50] + ROWS[450:700] + ROWS[1700:1750]
    played = Windowed(name, rows, limit)

    told = played.bars(FIRST_MS + 1750 * HOUR_MS)

    assert same(told, candles(rows, with_taker=False))
    # Nothing between two questions was left unasked.
    assert all(later <= earlier + limit * HOUR_MS for earlier, later in pairwise(played.asked))


class Windowed:
    """An exchange of ccxt that gives what lies within so many bars of the time asked for, and no more."""

    def __init__(self, name: str, rows: Rows, limit: int) -> None:
        self.asked: list[int] = []
        self._rows = rows
        self._limit = limit
        self._exchange = Exchange(name, sleep=lambda _: None)
        self._exchange._api.set_markets([ccxt_market("BTC/USDT", "spot")])
        self._exchange._api.fetch_ohlcv = self._page

    def bars(self, now: int) -> Candles:
        listed = self._exchange.listed("BTC/USDT", "1h")
        told = joined(page.candles for page in self._exchange.pages(listed, FIRST_MS, None, lambda: now))
        self._exchange.close()
        return told

    def _page(self, symbol: str, interval: str, since: int, limit: int) -> Rows:
        self.asked.append(since)
        until = since + min(limit, self._limit) * HOUR_MS
        return [[row[0], *map(float, row[1:6])] for row in self._rows if since <= row[0] < until]


def ccxt_market(symbol: str, kind: str) -> dict[str, Any]:
    base, quote, *settle = symbol.replace(":", "/").split("/")
    kinds = {one: one == kind for one in ("spot", "swap", "future", "option")}
    derived = {
        "contract": bool(settle),
        "linear": bool(settle),
        "inverse": False,
        "settle": settle[0] if settle else None,
    }
    names = {"id": base + quote, "symbol": symbol, "base": base, "quote": quote, "type": kind}
    return names | kinds | derived | {"precision": {}, "limits": {}}


@pytest.mark.parametrize("name", ["okx", "binance"])
def test_a_perpetual_is_stored_by_the_name_that_its_signals_have(name: str) -> None:
    one = Exchange(name)
    one._api.set_markets([ccxt_market("BTC/USDT", "spot"), ccxt_market("BTC/USDT:USDT", "swap")])

    perpetual, spot = (one.listed(symbol, "1h").stream for symbol in ("BTC/USDT:USDT", "BTC/USDT"))
    bare = one.listed("BTCUSDTUSDT", "1h").stream
    one.close()

    assert perpetual.symbol == symbol_of("BTC/USDT:USDT") == "BTCUSDTUSDT"
    assert (spot.symbol, bare) == ("BTCUSDT", perpetual)
    assert perpetual.venue != spot.venue


def test_an_exchange_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput, match='found "mtgox"'):
        Exchange("mtgox")


def test_ccxt_is_loaded_by_nobody_who_only_knows_of_it() -> None:
    code = "import sys, ml_service.adapters.market.exchange, ml_service.web.wiring; sys.exit('ccxt' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0
