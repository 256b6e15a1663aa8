"""How long it takes to tell the performance of a history.

    python -m benchmarks.performance

No I/O: from trades, or from summaries of days, that are in memory already.
"""

import random
import time
from collections.abc import Callable

from benchmarks.measuring import spread, table
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.performance.days import Day, by_day, grouped
from ml_service.domain.performance.performance import performance, performance_of_trades
from ml_service.domain.performance.score import score
from ml_service.domain.performance.series import equity_curve, rolling
from ml_service.domain.performance.trade import ClosedTrade

ROUNDS = 21
FIRST_DAY = 19_000


def main() -> None:
    often, seldom = history(100, 10), history(1000, 1)
    busy = long_history(1000)
    hours = grouped((trade for day in range(1000) for trade in a_day(day, 48)), lambda trade: trade.hour)
    one_day = a_day(0, 1000)
    rows = [
        ["1,000 trades from rows, 10 a day, ms", measured(lambda: performance_of_trades(often)), "10"],
        ["1,000 trades from rows, 1 a day, ms", measured(lambda: performance_of_trades(seldom)), "10"],
        ["1,000,000 trades from the roll-ups of 1,000 days, ms", measured(lambda: performance(busy)), "100"],
        ["the same with score, equity curve and rolling figures, ms", measured(lambda: everything(busy)), "100"],
        [
            "24 hours of the day, from 1,000 roll-ups each, ms",
            measured(lambda: list(map(performance, hours.values()))),
            "",
        ],
        ["rolling up a day of 1,000 trades, ms", measured(lambda: by_day(one_day)), ""],
    ]
    print(table(["figure", "median (smallest to largest)", "target"], rows))


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


def measured(work: Callable[[], object]) -> str:
    work()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return spread(times, "{:.1f}")


if __name__ == "__main__":
    main()
