"""Importing the bot's own trades: everything once, wherever the last reading stopped."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.adapters.store.sql import SqlStore
from ml_service.adapters.trades_table import SqlTradesTable
from ml_service.domain.outcomes import StoredOutcome
from ml_service.errors import StoreUnavailable
from ml_service.ports import Period
from ml_service.usecases import import_trades as use_case
from ml_service.usecases.import_trades import CURSOR, Imported, import_trades
from tests.builders import decision

START = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.UTC)
NOW_MS = int(START.timestamp() * 1000) + 3_600_000


class Bot:
    """The bot's trades beside our own store: in one database here, which is enough to be real."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = SqlStore(database)
        self.trades = SqlTradesTable(database.url, "trades")
        column = "TEXT" if database.is_sqlite else "TIMESTAMPTZ"
        with database.write() as connection:
            connection.execute(text("DROP TABLE IF EXISTS trades"))
            connection.execute(
                text(
                    "CREATE TABLE trades (user_id TEXT, symbol TEXT, entry_price REAL, exit_price REAL, quantity REAL,"
                    " pnl REAL, pnl_percent REAL, fees REAL, hold_duration REAL,"
                    f" opened_at {column}, closed_at {column}, signal_id TEXT)"
                )
            )

    def close_trade(self, name: str, minutes: float, **columns: Any) -> None:
        closed = START + datetime.timedelta(minutes=minutes)
        row: dict[str, Any] = {
            "user_id": "ada",
            "symbol": "BTCUSDT",
            "pnl": 1.5,
            "pnl_percent": 0.75,
            "opened_at": self.told(closed - datetime.timedelta(minutes=1)),
            "closed_at": self.told(closed),
            "signal_id": name,
            **columns,
        }
        names = list(row)
        with self.database.write() as connection:
            connection.execute(
                text(f"INSERT INTO trades ({', '.join(names)}) VALUES ({', '.join(':' + one for one in names)})"), row
            )

    def told(self, at: datetime.datetime) -> Any:
        return at.strftime("%Y-%m-%dT%H:%M:%SZ") if self.database.is_sqlite else at

    def read(self) -> Imported:
        return import_trades(
            trades=self.trades, recorder=DirectRecorder(self.database), store=self.store, now_ms=NOW_MS
        )

    def stored(self) -> list[StoredOutcome]:
        with self.store.read() as reading:
            return list(reading.outcomes("ada", Period(), None, 1000).items)

    def names(self) -> list[str]:
        return sorted(str(one.outcome.signal_id) for one in self.stored())


@pytest.fixture
def bot(database: Database) -> Iterator[Bot]:
    opened = Bot(database)
    yield opened
    with database.write() as connection:
        connection.execute(text("DROP TABLE trades"))
    opened.trades.close()


def test_every_closed_trade_is_stored_with_its_source(bot: Bot) -> None:
    for number in range(3):
        bot.close_trade(f"s-{number}", number)

    told = bot.read()

    assert told == Imported(3, 3, ())
    assert bot.names() == ["s-0", "s-1", "s-2"]
    assert {one.outcome.source for one in bot.stored()} == {"trades_table"}


def test_reading_twice_gives_the_same_as_once(bot: Bot) -> None:
    for number in range(20):
        bot.close_trade(f"s-{number}", number)
    bot.read()
    before = bot.stored()

    told = bot.read()

    assert told.created == 0
    assert bot.stored() == before


def test_a_later_reading_brings_what_is_new(bot: Bot) -> None:
    bot.close_trade("s-0", 0)
    bot.read()

    bot.close_trade("s-1", 1)
    told = bot.read()

    assert told.created == 1
    assert bot.names() == ["s-0", "s-1"]


def test_what_lies_far_back_is_not_read_again(bot: Bot) -> None:
    for number in range(30):
        bot.close_trade(f"s-{number}", number)
    bot.read()

    assert bot.read().rows <= 6


def test_a_row_that_was_committed_late_is_read_all_the_same(bot: Bot) -> None:
    bot.close_trade("early", 0)
    bot.close_trade("last", 10)
    bot.read()

    bot.close_trade("late", 7)
    bot.read()

    assert bot.names() == ["early", "last", "late"]


def test_many_trades_of_one_moment_are_all_read(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_case, "ROWS_AT_ONCE", 3)
    for number in range(10):
        bot.close_trade(f"s-{number}", 1)
    bot.close_trade("after", 2)

    told = bot.read()

    assert told.created == 11
    assert len(bot.names()) == 11


def test_a_tie_that_is_committed_late_is_read_as_well(bot: Bot) -> None:
    bot.close_trade("one", 1)
    bot.read()

    bot.close_trade("other", 1)
    bot.read()

    assert bot.names() == ["one", "other"]


def test_a_reading_that_breaks_off_goes_on_where_it_was(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_case, "ROWS_AT_ONCE", 2)
    for number in range(5):
        bot.close_trade(f"s-{number}", number)

    class BreaksOff(SqlTradesTable):
        calls = 0

        def rows_after(self, position: str | None, limit: int) -> Any:
            self.calls += 1
            if self.calls == 2:
                raise StoreUnavailable("the line is dead")
            return super().rows_after(position, limit)

    dying = BreaksOff(bot.database.url, "trades")
    with pytest.raises(StoreUnavailable):
        import_trades(trades=dying, recorder=DirectRecorder(bot.database), store=bot.store, now_ms=NOW_MS)
    dying.close()

    bot.read()

    assert bot.names() == [f"s-{number}" for number in range(5)]


def test_a_crash_between_the_outcomes_and_the_cursor_counts_nothing_twice(bot: Bot) -> None:
    for number in range(4):
        bot.close_trade(f"s-{number}", number)
    bot.read()
    with bot.store.begin() as tx:
        tx.save_cursor(CURSOR, next(iter(bot.trades.rows_after(None, 1))).position)

    bot.read()

    assert len(bot.stored()) == 4


def test_a_row_that_makes_no_sense_is_named_and_stops_no_other(bot: Bot) -> None:
    bot.close_trade("s-0", 0)
    bot.close_trade("odd", 1, pnl=None, pnl_percent=None)
    bot.close_trade("no-side", 2, pnl=None, pnl_percent=None, exit_price=5.0)
    bot.close_trade("s-3", 3)

    told = bot.read()

    assert (told.rows, told.created, len(told.refused)) == (4, 2, 2)
    assert bot.names() == ["s-0", "s-3"]


def test_a_trade_closed_far_in_the_future_does_not_hide_those_that_come(bot: Bot) -> None:
    """Some bots keep such a time for trades that are still open."""
    bot.close_trade("s-0", 0)
    bot.close_trade("for-ever", 60 * 24 * 365 * 50)
    bot.read()

    bot.close_trade("s-1", 20)
    bot.read()

    assert {"s-0", "s-1"} <= set(bot.names())


def test_old_history_is_not_quarantined_for_its_age_but_for_being_absurd(bot: Bot) -> None:
    bot.close_trade("old", -60 * 24 * 400)
    bot.close_trade("absurd", 0, pnl_percent=-9e5)

    told = bot.read()

    assert told.created == 2
    assert {one.outcome.signal_id: one.quarantined for one in bot.stored()} == {
        "old": None,
        "absurd": "pnl_percent_implausible",
    }


def test_a_trade_finds_the_decision_of_its_signal(bot: Bot) -> None:
    DirectRecorder(bot.database).record([decision("s-0")], 0)
    bot.close_trade("s-0", 0)

    bot.read()

    (stored,) = bot.stored()
    assert (stored.match, stored.matched_decision_id) == ("signal_id", "s-0")


def test_with_nothing_to_read_nothing_happens(bot: Bot) -> None:
    assert bot.read() == Imported(0, 0, ())
    with bot.store.read() as reading:
        assert reading.cursor(CURSOR) is None
