"""freqtrade's download-data: one file per pair, interval and kind of candle."""

import re
from dataclasses import dataclass
from pathlib import Path

from ml_service.adapters.market.found import VENUES, Skipped, bare_name, perpetual_venue

NAME_FORM = re.compile(r"([A-Za-z0-9]+)_([A-Z0-9]+)(?:_([A-Z0-9]+))?-(\d+[smhdwM])(?:-(\w+))?")
TRADES_FORM = re.compile(r"[A-Za-z0-9]+_[A-Z0-9]+(?:_[A-Z0-9]+)?-trades")
TRADED = (None, "spot", "futures")
"""Kinds of candles that tell of trades. The others are marks, indices and rates."""


@dataclass(frozen=True, slots=True)
class Pair:
    symbol: str
    interval: str
    perpetual: bool
    kind: str | None


def named(path: Path) -> Pair | None:
    """From a name such as BTC_USDT-5m.feather or XRP_USDT_USDT-1h-futures.feather."""
    found = NAME_FORM.fullmatch(bare_name(path))
    if found is None:
        return None
    base, quote, settled_in, interval, kind = found.groups()
    # As a signal for BTC/USDT:USDT names it once its signs are gone: BTCUSDTUSDT.
    return Pair(f"{base}{quote}{settled_in or ''}".upper(), interval, settled_in is not None or kind == "futures", kind)


def venue_of(path: Path, pair: Pair) -> str | None:
    """Its folder is named after the exchange: …/data/binance/ or …/data/binance/futures/."""
    folder = path.resolve().parent
    exchange = (folder.parent if folder.name == "futures" else folder).name
    if exchange not in VENUES:
        return None
    return perpetual_venue(exchange) if pair.perpetual else exchange


def skipped(path: Path) -> Skipped | None:
    if TRADES_FORM.fullmatch(bare_name(path)):
        return Skipped(path, "the public trades of a market, not candles")
    pair = named(path)
    if pair is not None and pair.kind not in TRADED:
        return Skipped(path, f"{pair.kind} candles: nothing was traded at them")
    return None
