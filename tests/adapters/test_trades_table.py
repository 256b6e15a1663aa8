"""The bot's own trades table: whatever kind of column tells the time, rows come in order, each once."""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_service.adapters.store.database import Database
from ml_service.adapters.trades_table import SqlTradesTable
from ml_service.domain.outcomes import Outcome
from ml_service.errors import StoreUnavailable
from ml_service.ports import ImportedRow

START = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Kind:
    """One way in which a bot may keep times."""

    url: str
    column: str
    told: Callable[[datetime.datetime], Any]


def iso(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def with_blank(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def seconds(at: datetime.datetime) -> int:
    return int(at.timestamp())


def milliseconds(at: datetime.datetime) -> int:
    return int(at.timestamp() * 1000)


def moment(at: datetime.datetime) -> datetime.datetime:
    return at


def without_zone(at: datetime.datetime) -> datetime.datetime:
    return at.replace(tzinfo=None)


KINDS: dict[str, tuple[str, str, Callable[[datetime.datetime], Any]]] = {
    "sqlite-iso-text": ("sqlite", "TEXT", iso),
    "sqlite-text-with-blank": ("sqlite", "TIMESTAMP", with_blank),
    "sqlite-seconds": ("sqlite", "INTEGER", seconds),
    "sqlite-milliseconds": ("sqlite", "INTEGER", milliseconds),
    "postgres-timestamptz": ("postgres", "TIMESTAMPTZ", moment),
    "postgres-timestamp": ("postgres", "TIMESTAMP", without_zone),
    "postgres-text": ("postgres", "TEXT", iso),
    "postgres-milliseconds": ("postgres", "BIGINT", milliseconds),
    "postgres-numeric-seconds": ("postgres", "NUMERIC(16, 3)", seconds),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    where, column, told = KINDS[request.param]
    url = f"sqlite:///{tmp_path / 'bot.db'}" if where == "sqlite" else str(request.getfixturevalue("postgres_url"))
    return Kind(url, column, told)


class Bot:
    """The bot's side: its database with the columns of the contract."""

    def __init__(self, kind: Kind, extra: str = "") -> None:
        self.kind = kind
        self.database = Database(kind.url)
        real = "DOUBLE PRECISION" if not self.database.is_sqlite else "REAL"
        with self.database.write() as connection:
            connection.execute(text("DROP TABLE IF EXISTS trades"))
            connection.execute(
                text(
                    f"CREATE TABLE trades ({extra} user_id TEXT, symbol TEXT, entry_price {real}, exit_price {real},"
                    f" quantity {real}, pnl {real}, pnl_percent {real}, fees {real}, hold_duration {real},"
                    f" opened_at {kind.column}, closed_at {kind.column}, signal_id TEXT)"
                )
            )

    def close_trade(self, number: int, minutes: float | None = None, **columns: Any) -> None:
        closed = START + datetime.timedelta(minutes=number if minutes is None else minutes)
        row: dict[str, Any] = {
            "user_id": "ada",
            "symbol": "btc/usdt",
            "entry_price": 100.0,
            "exit_price": 101.0,
            "quantity": 2.0,
            "pnl": 1.5,
            "pnl_percent": 0.75,
            "fees": 0.5,
            "hold_duration": 60.0,
            "opened_at": self.kind.told(closed - datetime.timedelta(minutes=1)),
            "closed_at": self.kind.told(closed),
            "signal_id": f"s-{number}",
            **columns,
        }
        names = list(row)
        with self.database.write() as connection:
            connection.execute(
                text(f"INSERT INTO trades ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"), row
            )


@pytest.fixture
def bot(kind: Kind) -> Iterator[Bot]:
    opened = Bot(kind)
    yield opened
    with opened.database.write() as connection:
        connection.execute(text("DROP TABLE trades"))
    opened.database.close()


@pytest.fixture
def trades(kind: Kind) -> Iterator[SqlTradesTable]:
    opened = SqlTradesTable(kind.url, "trades")
    yield opened
    opened.close()


def signals(rows: list[ImportedRow]) -> list[str]:
    return [str(row.outcome.signal_id) for row in rows if row.outcome is not None]


def walk(trades: SqlTradesTable, limit: int, position: str | None = None) -> list[ImportedRow]:
    """Everything after a position, a few rows at a time."""
    found: list[ImportedRow] = []
    while rows := list(trades.rows_after(position, limit)):
        found += rows
        position = rows[-1].position
        assert len(found) < 1000
    return found


def test_a_trade_becomes_an_outcome(bot: Bot, trades: SqlTradesTable) -> None:
    bot.close_trade(5)

    ((row,),) = [list(trades.rows_after(None, 10))]

    assert row.outcome is not None
    closed_at_ms = int((START + datetime.timedelta(minutes=5)).timestamp() * 1000)
    assert replace(row.outcome, trade_id="") == Outcome(
        user_id="ada",
        trade_id="",
        symbol="BTCUSDT",
        pnl=1.5,
        pnl_percent=0.75,
        fees=0.5,
        entry_price=100.0,
        exit_price=101.0,
        quantity=2.0,
        opened_at_ms=closed_at_ms - 60_000,
        closed_at_ms=closed_at_ms,
        signal_id="s-5",
        source="trades_table",
    )


def test_trades_come_in_the_order_in_which_they_were_closed(bot: Bot, trades: SqlTradesTable) -> None:
    for number in (3, 1, 2):
        bot.close_trade(number)

    assert signals(list(trades.rows_after(None, 10))) == ["s-1", "s-2", "s-3"]


def test_a_position_leads_to_what_came_after_it(bot: Bot, trades: SqlTradesTable) -> None:
    for number in range(7):
        bot.close_trade(number)

    assert signals(walk(trades, 3)) == [f"s-{number}" for number in range(7)]


def test_trades_of_one_moment_are_read_once_each_however_the_pages_fall(bot: Bot, trades: SqlTradesTable) -> None:
    bot.close_trade(0)
    for number in range(1, 8):
        bot.close_trade(number, minutes=1)
    bot.close_trade(8, minutes=2)

    for limit in (1, 2, 3, 100):
        found = signals(walk(trades, limit))
        assert sorted(found) == sorted(f"s-{number}" for number in range(9)), limit


def test_open_trades_are_left_alone(bot: Bot, trades: SqlTradesTable) -> None:
    bot.close_trade(1)
    bot.close_trade(2, closed_at=None)

    assert signals(walk(trades, 10)) == ["s-1"]


def test_a_rewound_position_reaches_five_minutes_back(bot: Bot, trades: SqlTradesTable) -> None:
    for number in range(12):
        bot.close_trade(number)
    position = list(trades.rows_after(None, 11))[-1].position

    found = signals(walk(trades, 100, trades.rewound(position)))

    assert found == [f"s-{number}" for number in range(5, 12)]


def test_each_trade_has_an_id_of_its_own_that_stays_the_same(bot: Bot, trades: SqlTradesTable) -> None:
    for number in range(5):
        bot.close_trade(number)

    once, again = ([row.outcome.trade_id for row in walk(trades, size) if row.outcome] for size in (2, 5))

    assert once == again
    assert len(set(once)) == 5


def test_a_row_that_makes_no_sense_is_named_and_stops_no_other(bot: Bot, trades: SqlTradesTable) -> None:
    bot.close_trade(1, pnl=None, pnl_percent=None, exit_price=None)
    bot.close_trade(2, symbol=None)
    bot.close_trade(3, user_id="")
    bot.close_trade(4)

    rows = walk(trades, 10)

    assert [row.outcome is not None for row in rows] == [False, False, False, True]
    assert rows[0].complaint == "a trade with neither pnl, pnl_percent nor exit_price"
    assert all(row.complaint for row in rows[:3])


# One kind of time is enough for the rest


@pytest.fixture
def simple(tmp_path: Path) -> Kind:
    return Kind(f"sqlite:///{tmp_path / 'bot.db'}", "TEXT", iso)


def read_all(kind: Kind) -> list[ImportedRow]:
    trades = SqlTradesTable(kind.url, "trades")
    found = walk(trades, 100)
    trades.close()
    return found


def test_an_id_column_names_the_trade(simple: Kind) -> None:
    bot = Bot(simple, "id INTEGER PRIMARY KEY, side TEXT,")
    bot.close_trade(1, id=17, side="long")
    bot.close_trade(2, id=18, side="SELL")

    found = [row.outcome for row in read_all(simple) if row.outcome]

    assert [(one.trade_id, one.side) for one in found] == [("trades:17", "BUY"), ("trades:18", "SELL")]
    bot.database.close()


@pytest.mark.parametrize("value", [float("inf"), "much", b"bytes"])
def test_a_number_that_is_none_is_named(simple: Kind, value: Any) -> None:
    bot = Bot(simple)
    bot.close_trade(1, pnl=value)

    (row,) = read_all(simple)

    assert row.outcome is None
    assert str(row.complaint).startswith("pnl: expected a")
    bot.database.close()


@pytest.mark.parametrize("value", ["not a time", "", "2026-13-45T00:00:00Z"])
def test_a_time_that_is_none_is_named_and_stops_no_other(simple: Kind, value: str) -> None:
    bot = Bot(simple)
    bot.close_trade(1)
    bot.close_trade(2, closed_at=value)
    bot.close_trade(3)

    rows = read_all(simple)

    assert sorted(signals(rows)) == ["s-1", "s-3"]
    assert sum(row.outcome is None for row in rows) == 1
    bot.database.close()


def test_a_table_that_is_not_there_is_trouble_outside(simple: Kind) -> None:
    trades = SqlTradesTable(simple.url, "trades")

    with pytest.raises(StoreUnavailable):
        list(trades.rows_after(None, 10))

    trades.close()


def test_a_table_without_the_needed_columns_says_which(simple: Kind) -> None:
    database = Database(simple.url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE trades (user_id TEXT, pnl REAL)"))
    trades = SqlTradesTable(simple.url, "trades")

    with pytest.raises(StoreUnavailable, match="lacks symbol, closed_at"):
        list(trades.rows_after(None, 10))

    trades.close()
    database.close()
