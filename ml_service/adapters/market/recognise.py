"""Finds out what a file or a folder holds, and says why it thinks so."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ml_service.adapters.market import freqtrade, vision
from ml_service.adapters.market.fills import are_fills
from ml_service.adapters.market.found import (
    VENUES,
    Bars,
    Damaged,
    Format,
    Found,
    Given,
    Named,
    Skipped,
    VolumeUnit,
    bare_name,
    completed,
    named_by,
)
from ml_service.adapters.market.json_bars import first_row, read_json
from ml_service.adapters.market.opening import first_bytes
from ml_service.adapters.market.tables import BARE, PRICES, TIME, binary_schema, column_map, is_csv, plain, read_table
from ml_service.adapters.market.trades import mapped
from ml_service.adapters.market.vision import read_vision
from ml_service.domain.market.intervals import INTERVALS, interval_ms, interval_of
from ml_service.errors import InvalidInput, NotFound

ENDINGS = (".csv", ".csv.gz", ".zip", ".txt", ".parquet", ".feather", ".json", ".json.gz")
DELIMITERS = ",;\t|"
STEPS_TO_TELL = 3
"""Fewer bars may all stand at gaps."""
STRAY_MAX = 0.01
"""Of the bars, off the grid of their interval."""


def survey(path: Path, given: Given) -> Iterator[Found | Skipped | Damaged]:
    """A file, or every file of a folder in the order of their names."""
    if path.is_file():
        yield recognised(path, given)
        return
    if not path.is_dir():
        raise NotFound(f"there is no file or folder {path}")
    for place in sorted(one for one in path.rglob("*") if one.is_file()):
        if place.suffix.upper() == ".CHECKSUM" or any(part.startswith(".") for part in place.relative_to(path).parts):
            continue
        try:
            yield beside_others(place, given)
        except InvalidInput as error:
            yield Damaged(place, str(error))


def beside_others(path: Path, given: Given) -> Found | Skipped:
    packed = path.with_suffix(".zip")
    if path.suffix.lower() == ".csv" and packed.exists():
        return Skipped(path, f"the same as {packed.name}, which lies beside it")
    own = recognised(path, replace(given, symbol=None, interval=None))
    if isinstance(own, Found):
        for said, wanted in ((own.symbol, given.symbol), (own.interval, given.interval)):
            # Said of one file, it puts the file right; said of many, it must not make one stream of several.
            if None not in (said, wanted) and said != wanted:
                return Skipped(path, f"holds {said}, and {wanted} was asked for")
    return recognised(path, given)


def recognised(path: Path, given: Given | None = None) -> Found | Skipped:
    """Looks at the name and at the first bytes; reads no more."""
    given = given or Given()
    if not path.name.lower().endswith(ENDINGS):
        return Skipped(path, f"not a file that is read here; expected one of {', '.join(ENDINGS)}")
    other = freqtrade.skipped(path) or skipped_klines(path)
    if other is not None:
        return other
    found = from_content(path, given)
    if isinstance(found, Skipped):
        return found
    found = completed(found, given)
    if found.interval is not None and found.interval not in INTERVALS and not found.is_outcomes:
        return Skipped(path, f"candles of {found.interval}; expected one of {', '.join(INTERVALS)}")
    return found


def skipped_klines(path: Path) -> Skipped | None:
    other = vision.other_klines(path)
    return Skipped(path, other) if other else None


def from_content(path: Path, given: Given) -> Found | Skipped:
    name = path.name.lower()
    if name.endswith((".json", ".json.gz")):
        return from_json(path)
    if not is_csv(path):
        return from_binary(path, given)
    return from_csv(path, given)


def from_json(path: Path) -> Found | Skipped:
    head = first_bytes(path)
    row = first_row(head)
    if row is not None and len(row) in (6, 12):
        pair = freqtrade.named(path)
        if len(row) == 6 and pair is not None:
            return freqtrade_file(path, pair)
        form: Format = "ccxt json" if len(row) == 6 else "binance rest json"
        known = named_file(path, form, f"lists of {len(row)} values, as {form.removesuffix(' json')} gives them")
        return replace(known, volume_unit="base")
    if re.match(rb"\s*\[\s*\]\s*$", head):
        return Skipped(path, "an empty list")
    if b'"pair"' in head and (b'"profit_' in head or b'"close_profit' in head) and b'"open_' in head:
        return Found(path, "freqtrade trades", None, None, None, "unknown", ("trades with pair and profit",))
    if re.match(rb"\s*\{", head) and b'"strategy"' in head:
        return Found(path, "freqtrade trades", None, None, None, "unknown", ("the result of a backtest",))
    if not re.match(rb"\s*[\[{]", head):
        raise InvalidInput.at("file", f"{path}: damaged or cut off: no JSON")
    return Skipped(path, "JSON, but neither candles nor trades")


def from_binary(path: Path, given: Given) -> Found | Skipped:
    schema = binary_schema(path)
    header = tuple(schema.names)
    pair = freqtrade.named(path)
    if pair is not None and header[:6] == ("date", *PRICES, "volume"):
        return freqtrade_file(path, pair, header)
    metadata = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items() if key != b"pandas"}
    said = Named(metadata.get("exchange", "").lower() or None, metadata.get("symbol"), metadata.get("interval"))
    return table_file(path, header, given, said=said, noted="a note in the file")


def from_csv(path: Path, given: Given) -> Found | Skipped:
    text = first_bytes(path).decode("utf-8-sig", errors="replace")
    lines = text.splitlines()
    above = next((i for i, line in enumerate(lines[:5]) if any(sign in line for sign in DELIMITERS)), None)
    if above is None:
        return Skipped(path, "no table: no line of it has columns")
    delimiter = max(DELIMITERS, key=lines[above].count)
    first = tuple(next(csv.reader([lines[above]], delimiter=delimiter)))
    has_header = not is_moment(first[0])
    if len(first) == len(vision.COLUMNS) and (not has_header or plain(first[0]) == "opentime"):
        return vision_file(path, first if has_header else (), above)
    if not has_header:
        if len(first) != len(BARE):
            return Skipped(path, f"{len(first)} columns without a header; expected {len(BARE)}: {', '.join(BARE)}")
        bare = named_file(path, "table", f"no header: read as {', '.join(BARE)}")
        return replace(bare, delimiter=delimiter, lines_before=above)
    return table_file(path, first, given, delimiter, above)


def is_moment(text: str) -> bool:
    return re.fullmatch(r"\s*(\d{9,20}(\.\d*)?|\d{4}-\d{2}-\d{2}.*)\s*", text) is not None


def table_file(
    path: Path,
    header: tuple[str, ...],
    given: Given,
    delimiter: str = ",",
    above: int = 0,
    said: Named | None = None,
    noted: str = "",
) -> Found | Skipped:
    there = {plain(name) for name in header}
    ours = set(column_map(header, given.columns))
    if set(PRICES) <= ours and ours & {TIME, "volume"}:
        known = named_file(path, "table", f"columns {', '.join(header[:8])}", said, noted)
        unit: VolumeUnit = "base" if there & {"basevolume", "volumebase"} else "unknown"
        return replace(known, volume_unit=unit, header=header, delimiter=delimiter, lines_before=above)
    if is_csv(path):
        as_trade = mapped(header, given)
        if "symbol" in as_trade and {"pnl", "pnl_percent", "exit_price"} & set(as_trade) and "closed_at" in as_trade:
            why = ("closed trades: columns for a symbol, a result and when it was closed",)
            return Found(path, "trades", None, None, None, "unknown", why, header, delimiter, above)
        if are_fills(header, given):
            why = ("fills: columns for a time, a symbol, a side, a price and a quantity",)
            return Found(path, "fills", None, None, None, "unknown", why, header, delimiter, above)
    return Skipped(
        path, f"columns {', '.join(header[:8])} are no candles, trades or fills; --column open=NAME says more"
    )


def vision_file(path: Path, header: tuple[str, ...], above: int) -> Found:
    symbol, interval = vision.named(path) or (None, None)
    venue = vision.venue_of(path)
    named = Named(venue, symbol, interval) | named_by(bare_name(path))
    why = ["twelve columns, as Binance Vision has them", *reasons(named, "its name")]
    if venue is not None:
        why.append(f"venue {venue}: the folders of the archive say so")
    if header:
        why.append("with a header")
    unit = vision.volume_unit(named.venue)
    found = Found(path, "binance vision", named.venue, named.symbol, named.interval, unit, tuple(why), header)
    return replace(found, lines_before=above)


def freqtrade_file(path: Path, pair: freqtrade.Pair, header: tuple[str, ...] = ()) -> Found:
    venue = freqtrade.venue_of(path, pair)
    why = [f"named as freqtrade names its files: {pair.symbol}, {pair.interval}"]
    if venue is not None:
        why.append(f"venue {venue}: named after its folder{', a perpetual' if pair.perpetual else ''}")
    return Found(path, "freqtrade", venue, pair.symbol, pair.interval, "base", tuple(why), header)


def named_file(path: Path, form: Format, first: str, said: Named | None = None, noted: str = "") -> Found:
    by_name = named_by(bare_name(path))
    folder = path.resolve().parent.name.lower()
    if by_name.venue is None and folder in VENUES:
        by_name = replace(by_name, venue=folder)
    said = said or Named()
    named = said | by_name
    why = [first, *reasons(said, noted), *(reasons(by_name, "its name") if by_name != said else ())]
    return Found(path, form, named.venue, named.symbol, named.interval, "unknown", tuple(why))


def reasons(named: Named, source: str) -> tuple[str, ...]:
    known = {"venue": named.venue, "symbol": named.symbol, "interval": named.interval}
    words = ", ".join(f"{what} {value}" for what, value in known.items() if value is not None)
    return (f"{words}: {source} says so",) if words else ()


def read_bars(found: Found, given: Given) -> Bars:
    """All candles of a file. A file that is damaged anywhere gives none."""
    if found.format == "binance vision":
        return read_vision(found, given)
    if found.path.name.lower().endswith((".json", ".json.gz")):
        return read_json(found, given)
    return read_table(found, given)


def interval_seen(found: Found, bars: Bars, said: str | None = None) -> str:
    """What somebody said, else the name's, as long as the bars do not speak against it; else the bars' own: they stand
    on its grid, and the nearest stand just so far apart."""
    opened = bars.candles.opened_at_ms
    lengths = np.unique(np.diff(opened))
    shortest = int(lengths[0]) if lengths.size else 0
    apart = f"{interval_of(shortest) or f'{shortest} ms'}"
    if found.interval is None:
        own = interval_of(shortest)
        if own is None or np.any(opened % shortest):
            seen = f"they stand {apart} apart and more, and not on that grid" if lengths.size else "there are too few"
            raise InvalidInput.at(
                "interval",
                f"{found.path}: neither its name nor its bars tell their length ({seen}); say it with --interval",
            )
        return own
    length = interval_ms(found.interval)
    stray = int(np.count_nonzero(opened % length))
    # One odd bar is refused for itself; many show that these are bars of another length.
    if len(opened) > STEPS_TO_TELL and stray > max(1, STRAY_MAX * len(opened)):
        raise contradiction(found, f"{stray} of {len(opened)} bars are not on its grid, some stand {apart} apart")
    steps = np.diff(opened[opened % length == 0]) if stray else np.diff(opened)
    if said is None and len(steps) >= STEPS_TO_TELL and int(steps.min()) != length:
        raise contradiction(found, f"its bars stand {apart} apart and more")
    return found.interval


def contradiction(found: Found, seen: str) -> InvalidInput:
    return InvalidInput.at(
        "interval",
        f"{found.path}: said to hold {found.interval} candles, but {seen}; say which is true with --interval",
    )
