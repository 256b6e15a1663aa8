"""An exchange, asked through ccxt page by page.

ccxt takes long to load and a good deal of memory: it is imported where an exchange is asked, and nowhere before.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from ml_service.adapters.market.found import Bars, Found, Given, VolumeUnit, as_signals_name, perpetual_venue
from ml_service.adapters.market.json_bars import bars_of
from ml_service.domain.market.candles import Candles, Stream
from ml_service.domain.market.intervals import interval_ms
from ml_service.errors import InvalidInput, Unavailable

BARS_PER_PAGE = 1000
BARS_PER_PAGE_UNTOLD = 100
"""Of an exchange whose limit ccxt does not know: every one gives so many."""
ATTEMPTS_MAX = 8
PAUSE_S_MAX = 60.0
RETRY_AFTER_S_MAX = 600.0
"""An exchange that shuts us out for longer is not waited for."""
TIMEOUT_MS = 20_000
PLAIN_KLINES = {"spot": "publicGetKlines", "linear": "fapiPublicGetKlines"}
"""Binance's own answers tell what buyers took; ccxt's common form leaves it out."""


@dataclass(frozen=True, slots=True)
class Page:
    candles: Candles
    """Closed bars only."""
    unclosed: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A market of the exchange, and the stream that its bars belong to."""

    stream: Stream
    name: str
    """As ccxt calls it."""
    id: str
    """As the exchange calls it."""
    kind: str
    volume_unit: VolumeUnit
    bars_per_page: int = BARS_PER_PAGE
    """So many are asked for at once, and never more than the exchange gives: it would leave out the rest unsaid."""


class Exchange:
    def __init__(self, name: str, url: str | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        # By name, so that no checker follows it into a hundred exchanges.
        self._ccxt: Any = importlib.import_module("ccxt")
        if name not in self._ccxt.exchanges:
            raise InvalidInput.at("exchange", f'expected a name that ccxt knows, such as binance, found "{name}"')
        self._api: Any = getattr(self._ccxt, name)({"enableRateLimit": True, "timeout": TIMEOUT_MS})
        self._sleep = sleep
        self.pauses = 0
        """How often it had to be waited for."""
        if url is not None:
            self._api.urls["api"] = moved(self._api.urls["api"], url)

    def close(self) -> None:
        self._api.session.close()

    def listed(self, symbol: str, interval: str) -> Listed:
        """BTC/USDT and BTCUSDT are the same; BTC/USDT:USDT is the perpetual."""
        interval_ms(interval)
        if interval not in (self._api.timeframes or {interval: interval}):
            known = ", ".join(self._api.timeframes)
            raise InvalidInput.at("interval", f'{self._api.id} has no candles of "{interval}", only {known}')
        if self._api.id == "binance":
            # All kinds at once are three long answers instead of one.
            self._api.options["fetchMarkets"] = {"types": ["linear" if ":" in symbol else "spot"]}
        markets = self._asked(self._api.load_markets, "its list of markets")
        market = picked(symbol, list(markets.values()))
        if market is None:
            raise InvalidInput.at("symbol", f'{self._api.id} has no market "{symbol}"')
        has_spot = any(one.get("spot") for one in markets.values()) or self._api.id == "binance"
        venue = perpetual_venue(self._api.id) if has_spot and not market.get("spot") else self._api.id
        kind = "spot" if market.get("spot") else "linear" if market.get("linear") else "inverse"
        stream = Stream(venue, as_signals_name(market["symbol"]), interval)
        unit: VolumeUnit = "base" if kind == "spot" or self._api.id.startswith("binance") else "unknown"
        unit = "unknown" if kind == "inverse" else unit
        listed = Listed(stream, market["symbol"], market["id"], kind, unit)
        if self._tells_the_next(listed):
            return listed
        told = self._api.feature_value(market["symbol"], "fetchOHLCV", "limit")
        return replace(listed, bars_per_page=min(BARS_PER_PAGE, int(told or BARS_PER_PAGE_UNTOLD)))

    def pages(self, listed: Listed, since_ms: int, until_ms: int | None, now_ms: Callable[[], int]) -> Iterator[Page]:
        """Bars that open in [since, until), in the order of time; the bar that is not closed yet is left out."""
        length = interval_ms(listed.stream.interval)
        end_ms = until_ms if until_ms is not None else 1 << 62
        cursor = since_ms
        while cursor < min(end_ms, now_ms() - length + 1):
            # Nothing at all may be a slip of the exchange, and is believed when it is said twice.
            told = self._bars(listed, cursor) or self._bars(listed, cursor)
            begin, end = np.searchsorted(told.opened_at_ms, [cursor, end_ms])
            candles = told[int(begin) : int(end)]
            if len(candles) == 0:
                if len(told) > end or self._tells_the_next(listed):
                    return
                # No further than was asked about.
                cursor += listed.bars_per_page * length
                continue
            closed = int(np.searchsorted(candles.opened_at_ms, now_ms() - length, side="right"))
            yield Page(candles[:closed], len(candles) - closed)
            if closed < len(candles) or len(told) > end:
                return
            cursor = int(candles.opened_at_ms[-1]) + length

    def _tells_the_next(self, listed: Listed) -> bool:
        """Whether it answers with the first bars after a time, however much later; others look at one page's length."""
        return self._api.id.startswith("binance") and listed.kind in PLAIN_KLINES

    def _bars(self, listed: Listed, since_ms: int) -> Candles:
        what = f"{listed.stream} from {since_ms}"
        if self._tells_the_next(listed):
            ask = getattr(self._api, PLAIN_KLINES[listed.kind])
            request = {"symbol": listed.id, "interval": listed.stream.interval}
            rows = self._asked(lambda: ask({**request, "startTime": since_ms, "limit": listed.bars_per_page}), what)
        else:
            interval = listed.stream.interval
            rows = self._asked(
                lambda: self._api.fetch_ohlcv(listed.name, interval, since=since_ms, limit=listed.bars_per_page), what
            )
        if not isinstance(rows, list):
            raise Unavailable(f"{self._api.id} answered for {what} with something that is no list")
        return in_order(rows, listed).candles

    def _asked(self, call: Callable[[], Any], what: str) -> Any:
        """Once more after a pause where the exchange or the way to it is in trouble, with growing pauses and an end."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            self._api.last_response_headers = None
            try:
                return call()
            except self._ccxt.OperationFailed as error:
                pause = self._retry_after_s() or min(PAUSE_S_MAX, 2.0 ** (attempt - 1))
                if pause > RETRY_AFTER_S_MAX:
                    raise Unavailable(f"{self._api.id} asks to be left alone for {pause:.0f} s") from error
                if attempt == ATTEMPTS_MAX:
                    raise Unavailable(
                        f"{self._api.id} did not answer for {what} after {ATTEMPTS_MAX} attempts ({shortly(error)})"
                    ) from error
            except (self._ccxt.BadSymbol, self._ccxt.BadRequest) as error:
                raise InvalidInput.at("exchange", f"{self._api.id} refuses {what} ({shortly(error)})") from error
            except self._ccxt.BaseError as error:
                raise Unavailable(f"{self._api.id} does not serve {what} ({shortly(error)})") from error
            self.pauses += 1
            self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _retry_after_s(self) -> float | None:
        said = (self._api.last_response_headers or {}).get("Retry-After")
        try:
            return float(said) if said is not None else None
        except ValueError:
            return None


def in_order(rows: list[Any], listed: Listed) -> Bars:
    where = Path(f"{listed.stream.venue} {listed.name}")
    found = Found(where, "ccxt json", *listed.stream, listed.volume_unit, ())
    return bars_of(rows, found, Given())


def picked(symbol: str, markets: list[Any]) -> Any | None:
    exact = next((one for one in markets if symbol in (one["symbol"], one["id"])), None)
    if exact is not None:
        return exact
    wanted = bare(symbol)
    alike = [one for one in markets if wanted in (bare(one["symbol"]), bare(f"{one['base']}{one['quote']}"))]
    lasting = [one for one in alike if not one.get("expiry") and not one.get("option")]
    return next((one for one in lasting if one.get("spot")), lasting[0] if lasting else None)


def bare(symbol: str) -> str:
    return "".join(sign for sign in symbol.upper() if sign.isalnum())


def moved(urls: Any, to: str) -> Any:
    """The same paths at another host."""
    if isinstance(urls, dict):
        return {name: moved(one, to) for name, one in urls.items()}
    if not isinstance(urls, str):
        return urls
    there, old = urlsplit(to), urlsplit(urls)
    return urlunsplit((there.scheme, there.netloc, there.path.rstrip("/") + old.path, old.query, ""))


def shortly(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
