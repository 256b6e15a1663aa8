"""How long it takes to tell the performance of a history.

    python -m benchmarks.performance

First without I/O: from trades, or from summaries of days, that are in memory already. Then through the web process and
its store, where a million trades are written and rolled up beforehand; that takes some minutes.
"""

import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import insert

from benchmarks.measuring import spread, table
from ml_service.adapters.store import tables as t
from ml_service.adapters.store.codec import outcome_row
from ml_service.adapters.store.database import Database
from ml_service.adapters.store.outcome_days import note_changed
from ml_service.domain.lessons import Lesson
from ml_service.domain.outcomes import DAY_MS, Outcome, StoredOutcome
from ml_service.domain.performance.days import Day, by_day
from ml_service.domain.performance.performance import performance, performance_of_trades
from ml_service.domain.performance.score import score
from ml_service.domain.performance.series import equity_curve, rolling
from ml_service.domain.performance.trade import ClosedTrade
from ml_service.usecases.history import rebuild
from tests.web.desk import Desk, opened

ROUNDS = 21
FIRST_DAY = 19_000


def main() -> None:
    often, seldom = history(100, 10), history(1000, 1)
    busy = long_history(1000)
    traded = [trade for day in range(1000) for trade in a_day(day, 48)]
    hours = [by_day(trade for trade in traded if trade.hour == hour) for hour in range(24)]
    one_day = a_day(0, 1000)
    rows = [
        ["1,000 trades from rows, 10 a day, ms", measured(lambda: performance_of_trades(often)), "10"],
        ["1,000 trades from rows, 1 a day, ms", measured(lambda: performance_of_trades(seldom)), "10"],
        ["1,000,000 trades from the roll-ups of 1,000 days, ms", measured(lambda: performance(busy)), "100"],
        ["the same with score, equity curve and rolling figures, ms", measured(lambda: everything(busy)), "100"],
        [
            "24 hours of the day, from 1,000 roll-ups each, ms",
            measured(lambda: list(map(performance, hours))),
            "",
        ],
        ["rolling up a day of 1,000 trades, ms", measured(lambda: by_day(one_day)), ""],
    ]
    print(table(["figure", "median (smallest to largest)", "target"], [*rows, *through_the_door()]))


def through_the_door() -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory(prefix="ml-service-bench-") as folder, opened(Path(folder)) as desk:
        for user, days, trades_a_day in (("few", 100, 10), ("seldom", 1000, 1), ("busy", 1000, 1000)):
            filled(desk, user, days, trades_a_day)
            rolling_up_s = rolled_up(desk, user)
            told = f"{days * trades_a_day:,} trades over HTTP, {trades_a_day:,} a day"
            target = "10" if user == "few" else "100"
            yield [f"{told}, ms", asked(desk, user), target]
            yield [
                f"{told}, after another outcome each time, ms",
                asked(desk, user, after=reporting(desk, user)),
                target,
            ]
        yield ["the same with equity curve and rolling figures, ms", asked(desk, user, SERIES), "100"]
        yield ["the same by symbol, ms", asked(desk, user, "by=symbol"), ""]
        yield ["the same by hour, ms", asked(desk, user, "by=hour"), ""]
        yield ["rolling them up from their rows, s", f"{rolling_up_s:.0f}", ""]


SERIES = "equity_curve=true&rolling_days=30"


def asked(desk: Desk, user: str, query: str = "", after: Callable[[], object] = lambda: None) -> str:
    def ask() -> None:
        assert desk.call("GET", f"/api/v1/performance/{user}?{query}").status_code == 200

    return measured(ask, after)


def reporting(desk: Desk, user: str) -> Callable[[], None]:
    """Of the last day there is: all of it is read again, as it has one more."""
    with desk.process.parts.store.read() as reading:
        last = max(reading.outcome_stamps(user, None))
    closed_at = time.strftime("%Y-%m-%dT23:59:59Z", time.gmtime(last * 86_400))
    numbers = itertools.count()

    def report() -> None:
        named = {"trade_id": f"x-{next(numbers)}", "symbol": "BTCUSDT", "source": "import"}
        answer = desk.call("POST", f"/api/v1/outcomes/{user}", {**named, "pnl": 1.0, "closed_at": closed_at})
        assert answer.status_code == 200

    return report


def filled(desk: Desk, user: str, days: int, trades_a_day: int) -> None:
    """Straight into the tables."""
    with closing(Database(desk.process.settings.database_url)) as database:
        for day in range(days):
            rows = [outcome_row(one) for one in stored_day(user, day, trades_a_day)]
            with database.write(synced=False) as connection:
                connection.execute(insert(t.outcomes), rows)
                note_changed(connection, user, (FIRST_DAY + day) * DAY_MS)


def rolled_up(desk: Desk, user: str) -> float:
    """Seconds that it took."""
    began = time.perf_counter()
    rebuild(user, store=desk.process.parts.store, rollups=desk.process.parts.rollups)
    return time.perf_counter() - began


def stored_day(user: str, day: int, trades: int) -> Iterator[StoredOutcome]:
    lesson = Lesson((0.9, 50.0, None, None, 2e9, 2.5), "*", 3, True)
    for place, trade in enumerate(a_day(day, trades)):
        outcome = Outcome(
            user,
            f"{day}-{place}",
            ("BTCUSDT", "ETHUSDT", "SOLUSDT")[place % 3],
            pnl=trade.pnl,
            pnl_percent=trade.pnl_percent,
            risk=20.0,
            entry_price=100.0,
            quantity=10.0,
            opened_at_ms=trade.at_ms - 600_000,
            closed_at_ms=trade.at_ms,
        )
        yield StoredOutcome(outcome, trade.at_ms, "decision_id", f"d-{day}-{place}", None, lesson)


def everything(days: tuple[Day, ...]) -> None:
    score(performance(days))
    equity_curve(days)
    rolling(days, 30)


def long_history(days: int) -> tuple[Day, ...]:
    """Day by day, as the trades themselves would not fit comfortably into memory."""
    return tuple(day for number in range(days) for day in by_day(a_day(number, 1000)))


def history(days: int, trades_a_day: int) -> list[ClosedTrade]:
    return [trade for day in range(days) for trade in a_day(day, trades_a_day)]


def a_day(number: int, trades: int) -> list[ClosedTrade]:
    draw = random.Random(number)
    start_ms = (FIRST_DAY + number) * DAY_MS
    return [
        ClosedTrade(
            at_ms=start_ms + place * DAY_MS // trades,
            symbol="BTCUSDT",
            pnl=(percent := draw.gauss(0.01, 0.5)) * 10.0,
            pnl_percent=percent,
            r=percent / 2.0,
            held_ms=600_000,
            notional=1000.0,
            revision=3,
        )
        for place in range(trades)
    ]


def measured(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> str:
    work()
    times = []
    for _ in range(ROUNDS):
        before()
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return spread(times, "{:.1f}")


if __name__ == "__main__":
    main()
