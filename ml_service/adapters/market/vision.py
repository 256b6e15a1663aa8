"""Binance Vision, the exchange's own archive: twelve columns, zipped by month or by day."""

import re
from pathlib import Path

from ml_service.adapters.market.found import Bars, Found, Given, VolumeUnit
from ml_service.adapters.market.tables import TIME, csv_table, floats
from ml_service.adapters.market.tidying import tidied
from ml_service.adapters.market.times import moments

COLUMNS = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
TAKEN = {TIME: "open_time", "quote_volume": "quote_volume", "taker_buy": "taker_buy_volume"} | {
    name: name for name in ("open", "high", "low", "close", "volume")
}
NAME_FORM = re.compile(r"(?:^|[^A-Z0-9])([A-Z0-9]+(?:_(?:PERP|\d{6}))?)-(\d+(?:s|m|h|d|w|mo))-\d{4}-\d{2}(?:-\d{2})?$")
MARKETS = {("spot",): "binance", ("futures", "um"): "binanceusdm", ("futures", "cm"): "binancecoinm"}
OTHER_KLINES = re.compile(r"(?i)(mark|index|premium)\w*klines")


def named(path: Path) -> tuple[str, str] | None:
    """Symbol and interval, from a name such as BTCUSDT-1h-2022-01.zip."""
    found = NAME_FORM.search(re.sub(r"(?i)(\.(csv|zip|gz))+$", "", path.name))
    return (found[1].replace("_", ""), found[2]) if found else None


def venue_of(path: Path) -> str | None:
    """From the folders of the archive, .../data/spot/monthly/klines/… or …/futures/um/…"""
    parts = [part.lower() for part in path.resolve().parts]
    for words, venue in MARKETS.items():
        if any(tuple(parts[i : i + len(words)]) == words for i in range(len(parts))):
            return venue
    return None


def other_klines(path: Path) -> str | None:
    """Marks, indices and premiums look like candles and are none: nothing was traded at them."""
    part = next((part for part in path.parts if OTHER_KLINES.fullmatch(part)), None)
    return f"{part} are no trades" if part else None


def volume_unit(venue: str | None) -> VolumeUnit:
    # Coin-margined contracts are counted, and each is worth so many dollars.
    return "unknown" if venue == "binancecoinm" else "base"


def read_vision(found: Found, given: Given) -> Bars:
    table = csv_table(found.path, COLUMNS, TAKEN, bool(found.header), ",", found.lines_before)
    opened_at_ms, unit = moments(table.column(TAKEN[TIME]), str(found.path), given.timezone)
    columns = {ours: floats(table, theirs, str(found.path)) for ours, theirs in TAKEN.items() if ours != TIME}
    if found.venue == "binancecoinm":
        columns.pop("quote_volume")
    return tidied(opened_at_ms, columns, unit, found.volume_unit)
