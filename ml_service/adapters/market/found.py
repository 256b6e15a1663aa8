"""What a file turned out to be, what its name tells about it, and what somebody has to say instead."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from ml_service.domain.market.candles import Candles, Stream
from ml_service.domain.market.intervals import INTERVALS

Format = Literal[
    "binance vision", "freqtrade", "table", "ccxt json", "binance rest json", "freqtrade trades", "trades", "fills"
]
VolumeUnit = Literal["base", "quote", "unknown"]

OUTCOME_FORMATS = frozenset({"freqtrade trades", "trades", "fills"})

VENUES = frozenset(
    {"binance", "binanceusdm", "binancecoinm", "binanceus", "bitfinex", "bitget", "bitmex", "bitstamp", "bybit"}
    | {"coinbase", "cryptocom", "deribit", "ftx", "gate", "gateio", "gemini", "htx", "huobi", "hyperliquid", "kraken"}
    | {"krakenfutures", "kucoin", "kucoinfutures", "mexc", "okx", "poloniex"}
)
QUOTES: tuple[str, ...] = (
    *("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "DAI", "USD"),
    *("EUR", "GBP", "TRY", "BRL", "JPY", "AUD", "PERP", "BTC", "ETH", "BNB"),
)
SYMBOL_FORM = re.compile(rf"[A-Z0-9]{{1,20}}(?:{'|'.join(QUOTES)})")
PERPETUAL_WORDS = frozenset({"FUTURES", "PERP", "SWAP"})


@dataclass(frozen=True, slots=True)
class Given:
    """What the person at the keyboard said; it goes before everything that a file says."""

    venue: str | None = None
    symbol: str | None = None
    interval: str | None = None
    timezone: str | None = None
    """The zone of times that do not say theirs."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our name of a column → the file's."""
    volume_unit: VolumeUnit | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A file that can be read, and what was found out before reading it. None is what nobody has told."""

    path: Path
    format: Format
    venue: str | None
    symbol: str | None
    interval: str | None
    volume_unit: VolumeUnit
    why: tuple[str, ...]
    """How each of these is known, in words."""
    header: tuple[str, ...] = ()
    """The columns of a table; empty for a file without a header."""
    delimiter: str = ","
    lines_before: int = 0
    """Lines of a CSV above its header or its first row."""

    @property
    def is_outcomes(self) -> bool:
        return self.format in OUTCOME_FORMATS

    @property
    def missing(self) -> tuple[str, ...]:
        """The options that would say what the file does not. An interval is still to be seen from the bars."""
        if self.is_outcomes:
            return ()
        return tuple(f"--{name}" for name in ("venue", "symbol") if getattr(self, name) is None)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that lies beside the others and holds nothing to take."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file that cannot be read."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Bars:
    """The candles of one file, in the order of time, each moment once."""

    candles: Candles
    rows: int
    """In the file."""
    time_unit: str
    volume_unit: VolumeUnit
    repeated: int
    """Rows that said again what another had said."""
    contradicted: tuple[int, ...]
    """Moments that the file tells twice, and differently: neither can be trusted, so both were left out."""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """What the words of a name tell."""

    venue: str | None = None
    symbol: str | None = None
    interval: str | None = None

    def __or__(self, other: "Named") -> "Named":
        return Named(self.venue or other.venue, self.symbol or other.symbol, self.interval or other.interval)


def completed(found: Found, given: Given) -> Found:
    """What was said goes before what was guessed."""
    why = list(found.why)
    for name in ("venue", "symbol", "interval", "volume_unit"):
        said = getattr(given, name)
        if said is not None:
            why.append(f"{name} {said}: said by --{name.replace('_', '-')}")
    return replace(
        found,
        venue=given.venue or found.venue,
        symbol=given.symbol or found.symbol,
        interval=given.interval or found.interval,
        volume_unit=given.volume_unit or found.volume_unit,
        why=tuple(why),
    )


def stream_of(found: Found, interval: str) -> Stream:
    assert found.venue is not None
    assert found.symbol is not None
    return Stream(found.venue, found.symbol, interval)


def bare_name(path: Path) -> str:
    """Without the endings that tell the format."""
    return re.sub(r"(?i)(\.(csv|json|gz|zip|feather|parquet|txt))+$", "", path.name)


def named_by(text: str) -> Named:
    """Words such as BINANCE_BTCUSDT_1h or BTC-USDT-5m, in any order that puts the quote behind the base."""
    words = [word for word in re.split(r"[_\-. ]+", text) if word]
    interval = next((word for word in words if word in INTERVALS), None)
    uppers = [word.upper() for word in words]
    venue = next((word.lower() for word in uppers if word.lower() in VENUES), None)
    if venue is not None and PERPETUAL_WORDS & set(uppers):
        # Perpetual and spot of one venue are two markets; which name the other goes by, somebody has to say.
        venue = None
    return Named(venue, symbol_in(words), interval)


def symbol_in(words: list[str]) -> str | None:
    shouted = [word for word in words if word == word.upper() and not word.isdigit() and word.lower() not in VENUES]
    whole = next((word for word in shouted if len(word) >= 5 and SYMBOL_FORM.fullmatch(word)), None)
    if whole is not None:
        return whole
    for base, quote in pairwise(words):
        if base in shouted and quote in QUOTES:
            return base + quote
    return None


def as_signals_name(text: str) -> str:
    """BTC/USDT:USDT becomes BTCUSDTUSDT: what a bot that names its signals so will ask for."""
    return "".join(sign for sign in text.upper() if sign not in "/-_:")


def perpetual_venue(exchange: str) -> str:
    """Spot and perpetual of one exchange are different markets, so they are two venues."""
    return "binanceusdm" if exchange == "binance" else f"{exchange}perp"
