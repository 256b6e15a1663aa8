"""Trades that were closed, as freqtrade or a table tells them: each becomes an outcome."""

import csv
import datetime
import hashlib
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from ml_service.adapters.market.found import Found, Given, as_signals_name
from ml_service.adapters.market.json_bars import parsed
from ml_service.adapters.market.opening import whole
from ml_service.adapters.market.tables import plain
from ml_service.adapters.market.times import moments
from ml_service.domain.outcomes import Outcome
from ml_service.domain.types import Trade
from ml_service.errors import InvalidInput

BYTES_MAX = 128 << 20
"""A table of trades is read whole."""

USUAL: Mapping[str, tuple[str, ...]] = {
    "trade_id": ("tradeid", "id", "positionid", "ticket"),
    "symbol": ("symbol", "pair", "market", "instrument"),
    "side": ("side", "direction", "positionside", "type"),
    "entry_price": ("entryprice", "openrate", "openprice", "entry", "avgentryprice"),
    "exit_price": ("exitprice", "closerate", "closeprice", "exit", "avgexitprice"),
    "quantity": ("quantity", "amount", "qty", "size", "contracts"),
    "pnl": ("pnl", "realizedpnl", "closedpnl", "profitabs", "closeprofitabs", "netprofit", "profit"),
    "pnl_percent": ("pnlpercent", "pnlpct", "profitpct", "returnpct"),
    "fees": ("fees", "fee", "commission"),
    "opened_at": ("openedat", "openedatms", "opentime", "opendate", "opentimestamp", "entrytime"),
    "closed_at": ("closedat", "closedatms", "closetime", "closedate", "closetimestamp", "exittime"),
    "decision_id": ("decisionid",),
    "signal_id": ("signalid",),
}
"""What others call the fields of an outcome, without case, blanks and signs."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a list of trades: the outcome it tells of, or why it tells of none."""

    where: str
    outcome: Outcome | None
    complaint: str | None = None


def freqtrade_trades(found: Found, user_id: str) -> Iterator[Told]:
    for place, row in enumerate(trade_list(parsed(found.path), found.path), 1):
        yield told(f"{found.path}, trade {place}", row, user_id, freqtrade_outcome)


def trade_list(content: Any, path: Path) -> list[Any]:
    """A bare list, an exported `trades`, or the result of a backtest with one list per strategy."""
    if isinstance(content, dict):
        strategies = content.get("strategy")
        if isinstance(strategies, dict):
            return [trade for one in strategies.values() for trade in one.get("trades", [])]
        content = content.get("trades")
    if not isinstance(content, list):
        raise InvalidInput.at("file", f"{path}: expected a list of trades")
    return content


def told(where: str, row: Any, user_id: str, read: Any, *more: Any) -> Told:
    """One odd row does not stop the others."""
    try:
        return Told(where, read(row, user_id, *more))
    except KeyError as error:
        return Told(where, None, f"{error.args[0]}: expected, found nothing")
    except (ValueError, TypeError, AttributeError, OverflowError, InvalidInput) as error:
        return Told(where, None, str(error))


def freqtrade_outcome(row: Mapping[str, Any], user_id: str) -> Outcome:
    if row.get("is_open"):
        raise ValueError("still open")
    ratio = row.get("profit_ratio", row.get("close_profit"))
    opened = at_ms(row.get("open_timestamp") or row.get("open_date"), None)
    closed = at_ms(row.get("close_timestamp") or row.get("close_date"), None)
    if closed is None:
        raise ValueError("close_date: expected a time, found nothing")
    amount, entry, end = number(row, "amount"), number(row, "open_rate"), number(row, "close_rate")
    fees = None
    if amount is not None and entry is not None and end is not None:
        fee_open, fee_close = number(row, "fee_open"), number(row, "fee_close")
        if fee_open is not None and fee_close is not None:
            fees = amount * (entry * fee_open + end * fee_close)
    return Outcome(
        user_id=user_id,
        trade_id=f"freqtrade:{identity(row['pair'], opened, closed, entry, amount, row.get('is_short'))}",
        symbol=symbol_of(row["pair"]),
        side="SELL" if row.get("is_short") else "BUY",
        pnl=number(row, "profit_abs") if "profit_abs" in row else number(row, "close_profit_abs"),
        pnl_percent=100.0 * finite("profit_ratio", ratio) if ratio is not None else None,
        fees=fees,
        entry_price=entry,
        exit_price=end,
        quantity=amount,
        opened_at_ms=opened,
        closed_at_ms=closed,
        source="import",
    )


def table_trades(found: Found, user_id: str, given: Given) -> Iterator[Told]:
    """A CSV with one closed trade a line, its result in it."""
    names = mapped(found.header, given)
    for line, row in csv_rows(found):
        renamed = {ours: row.get(theirs) or None for ours, theirs in names.items()}
        yield told(f"{found.path}, line {line}", renamed, user_id, table_outcome, given.timezone)


def table_outcome(row: Mapping[str, Any], user_id: str, timezone: str | None) -> Outcome:
    if row.get("symbol") is None:
        raise ValueError("symbol: expected one, found nothing")
    opened, closed = at_ms(row.get("opened_at"), timezone), at_ms(row.get("closed_at"), timezone)
    pnl, percent, end = number(row, "pnl"), number(row, "pnl_percent"), number(row, "exit_price")
    if pnl is None and percent is None and end is None:
        raise ValueError("expected pnl, pnl_percent or exit_price, found none of them")
    trade_id = row.get("trade_id")
    if trade_id is None:
        trade_id = identity(row["symbol"], opened, closed, row.get("entry_price"), row.get("quantity"), row.get("side"))
    return Outcome(
        user_id=user_id,
        trade_id=f"import:{trade_id}",
        symbol=symbol_of(row["symbol"]),
        side=side_of(row.get("side")),
        pnl=pnl,
        pnl_percent=percent,
        fees=number(row, "fees"),
        entry_price=number(row, "entry_price"),
        exit_price=end,
        quantity=number(row, "quantity"),
        opened_at_ms=opened,
        closed_at_ms=closed,
        decision_id=row.get("decision_id"),
        signal_id=row.get("signal_id"),
        source="import",
    )


def mapped(header: tuple[str, ...], given: Given) -> dict[str, str]:
    there = {plain(name): name for name in header}
    found = {ours: next((there[one] for one in names if one in there), None) for ours, names in USUAL.items()}
    return {ours: theirs for ours, theirs in found.items() if theirs is not None} | dict(given.columns)


def csv_rows(found: Found) -> Iterator[tuple[int, dict[str, str]]]:
    """Every row with the line on which it ends."""
    content = whole(found.path, BYTES_MAX).decode("utf-8-sig", errors="replace")
    lines = io.StringIO(content, newline="")
    for _ in range(found.lines_before):
        lines.readline()
    reader = csv.DictReader(lines, delimiter=found.delimiter)
    for row in reader:
        line = reader.line_num + found.lines_before
        if None in row or None in row.values():
            raise InvalidInput.at(
                "file", f"{found.path}, line {line}: expected {len(found.header)} columns; the file may be cut off"
            )
        yield line, row


def identity(*parts: Any) -> str:
    """What tells two trades apart where they have no id; the same in every reading."""
    return hashlib.sha256(orjson.dumps([str(part) for part in parts])).hexdigest()[:32]


def symbol_of(text: str) -> str:
    symbol = as_signals_name(str(text))
    if not symbol.replace(".", "").isalnum():
        raise ValueError(f'symbol: expected letters and digits such as BTCUSDT, found "{text}"')
    return symbol


def side_of(text: Any) -> Trade | None:
    if text is None:
        return None
    word = str(text).strip().upper()
    if word in ("BUY", "LONG", "B"):
        return "BUY"
    if word in ("SELL", "SHORT", "S"):
        return "SELL"
    raise ValueError(f'side: expected buy, sell, long or short, found "{text}"')


def number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return None if value is None or value == "" else finite(name, value)


def finite(name: str, value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ValueError(f'{name}: expected a number, found "{value}"') from None
    if not math.isfinite(found):
        raise ValueError(f"{name}: expected a finite number, found {value}")
    return found


def at_ms(value: Any, timezone: str | None) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        value = int(float(value))
    elif isinstance(value, float):
        value = int(value)
    elif isinstance(value, datetime.datetime):
        value = value.isoformat()
    found, _ = moments(pa.array([value]), "this row", timezone)
    return int(found[0])
