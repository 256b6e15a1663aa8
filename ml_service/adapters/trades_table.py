"""The bot's own `trades` table, read in the order in which trades were closed."""

import datetime
import hashlib
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import column, create_engine, inspect, select, table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from ml_service.domain.outcomes import Outcome
from ml_service.errors import StoreUnavailable
from ml_service.ports import ImportedRow

NEEDED = ("user_id", "symbol", "closed_at")
KNOWN = (
    "id",
    "user_id",
    "symbol",
    "side",
    "entry_price",
    "exit_price",
    "quantity",
    "pnl",
    "pnl_percent",
    "fees",
    "hold_duration",
    "opened_at",
    "closed_at",
    "signal_id",
)
IDENTITY = ("user_id", "symbol", "opened_at", "closed_at", "signal_id", "entry_price", "quantity")
"""What tells two trades apart where the table has no id."""
OVERLAP = datetime.timedelta(minutes=5)
Row = Mapping[Any, Any]
SEPARATORS = str.maketrans("", "", "/-_:")


class SqlTradesTable:
    def __init__(self, url: str, name: str) -> None:
        backend = make_url(url).get_backend_name()
        arguments: dict[str, Any] = {"timeout": 2}
        if backend == "postgresql":
            arguments = {"connect_timeout": 3, "options": "-c statement_timeout=10000"}
        self._engine = create_engine(url, connect_args=arguments, pool_size=1, pool_pre_ping=True)
        self._schema, _, self._name = name.rpartition(".")

    def rows_after(self, position: str | None, limit: int) -> Iterator[ImportedRow]:
        try:
            yield from self._read(position, limit)
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the trades table does not answer ({error})") from error

    def rewound(self, position: str) -> str:
        return rewound(position)

    def close(self) -> None:
        self._engine.dispose()

    def _read(self, position: str | None, limit: int) -> Iterator[ImportedRow]:
        with self._engine.connect() as connection:
            found = {one["name"] for one in inspect(connection).get_columns(self._name, self._schema or None)}
            missing = [name for name in NEEDED if name not in found]
            if missing:
                raise StoreUnavailable(f"the table {self._name} lacks {', '.join(missing)}")
            names = [name for name in KNOWN if name in found]
            trades = table(self._name, *(column(name) for name in names), schema=self._schema or None)
            order = [trades.c.closed_at, *(trades.c[name] for name in ("id", *IDENTITY) if name in names)]
            query = select(trades).where(trades.c.closed_at.is_not(None)).order_by(*order).limit(limit)
            closed_at, taken = (None, 0) if position is None else unpacked(position)
            if closed_at is not None:
                query = query.where(trades.c.closed_at >= closed_at).offset(taken)
            for row in connection.execute(query).mappings():
                # A position is a moment and how many rows of that very moment have been read.
                taken = taken + 1 if row["closed_at"] == closed_at else 1
                closed_at = row["closed_at"]
                yield imported(row, packed(closed_at, taken))


def imported(row: Row, position: str) -> ImportedRow:
    try:
        return ImportedRow(position, outcome_of(row))
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        # Whatever stands in a foreign table: one odd row must not stop the others.
        return ImportedRow(position, None, str(error))


def outcome_of(row: Row) -> Outcome:
    symbol = str(row["symbol"] or "").upper().translate(SEPARATORS)
    user_id = str(row["user_id"] or "")
    if not symbol or not user_id:
        raise ValueError("a trade without user_id or symbol")
    pnl, percent, exit_price = (number(row, name) for name in ("pnl", "pnl_percent", "exit_price"))
    if pnl is None and percent is None and exit_price is None:
        raise ValueError("a trade with neither pnl, pnl_percent nor exit_price")
    side = str(row.get("side") or "").upper()
    return Outcome(
        user_id=user_id,
        trade_id=trade_id(row),
        symbol=symbol,
        side="BUY" if side in ("BUY", "LONG") else "SELL" if side in ("SELL", "SHORT") else None,
        pnl=pnl,
        pnl_percent=percent,
        fees=number(row, "fees"),
        entry_price=number(row, "entry_price"),
        exit_price=exit_price,
        quantity=number(row, "quantity"),
        opened_at_ms=millis(row.get("opened_at")),
        closed_at_ms=millis(row["closed_at"]),
        signal_id=str(row["signal_id"]) if row.get("signal_id") is not None else None,
        source="trades_table",
    )


def trade_id(row: Row) -> str:
    if row.get("id") is not None:
        return f"trades:{row['id']}"
    content = orjson.dumps([str(row.get(name)) for name in IDENTITY])
    return f"trades:{hashlib.sha256(content).hexdigest()[:32]}"


def number(row: Row, name: str) -> float | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float | Decimal):
        raise ValueError(f"{name}: expected a number, found {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, found {value}")
    return float(value)


def millis(value: Any) -> int | None:
    """A moment as milliseconds; without a zone it is taken as UTC."""
    if value is None:
        return None
    if isinstance(value, int | float | Decimal):
        return int(value if value > 1e11 else value * 1000)
    at = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(at, datetime.datetime):
        at = datetime.datetime.combine(at, datetime.time())
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.UTC)
    return int(at.timestamp() * 1000)


def packed(closed_at: Any, taken: int) -> str:
    if isinstance(closed_at, datetime.datetime):
        return f"time|{closed_at.isoformat()}|{taken}"
    kind = "text" if isinstance(closed_at, str) else "number"
    return f"{kind}|{closed_at}|{taken}"


def unpacked(position: str) -> tuple[Any, int]:
    kind, _, rest = position.partition("|")
    text, _, taken = rest.rpartition("|")
    match kind:
        case "time":
            return datetime.datetime.fromisoformat(text), int(taken)
        case "number":
            return float(text) if "." in text else int(text), int(taken)
    return text, int(taken)


def rewound(position: str) -> str:
    """A little earlier: rows may be committed later than their closed_at says; what is read twice counts once."""
    closed_at, _ = unpacked(position)
    if isinstance(closed_at, datetime.datetime):
        return packed(closed_at - OVERLAP, 0)
    if isinstance(closed_at, str):
        try:
            earlier = (datetime.datetime.fromisoformat(closed_at) - OVERLAP).isoformat()
        except ValueError:
            return position
        return packed(earlier[:10] + closed_at[10:11] + earlier[11:19], 0)
    seconds = OVERLAP.total_seconds()
    return packed(closed_at - int(seconds * 1000 if closed_at > 1e11 else seconds), 0)
