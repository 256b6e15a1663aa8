"""Days: which trades are summarised together."""

from collections import Counter

from hypothesis import given

from ml_service.domain.performance.days import BREAKDOWNS, by_day, grouped, total
from ml_service.domain.performance.summary import summarised
from ml_service.domain.performance.trade import ClosedTrade
from tests.domain.performance.histories import DAY, EXACT, trade, trades


def test_trades_are_gathered_by_the_day_they_closed_on() -> None:
    days = by_day([trade(day=0.1), trade(day=3.0), trade(day=0.9)])

    assert [(day.number, day.summary.trades) for day in days] == [(DAY, 2), (DAY + 3, 1)]


def test_trades_are_put_in_order_first() -> None:
    (day,) = by_day([trade(-1.0, day=0.9), trade(1.0, day=0.1), trade(1.0, day=0.2)])

    assert day.summary.streaks.first == 2


def test_the_total_of_the_days_is_the_summary_of_their_trades() -> None:
    history = [trade(5.0, day=0.1), trade(-3.0, day=0.9), trade(-4.0, day=1.5), trade(1.0, day=4)]

    assert total(by_day(history)) == summarised(history)


def test_a_history_is_broken_down_by_symbol_hour_revision_and_regime() -> None:
    history = [
        trade(day=0.5, symbol="BTCUSDT", revision=3, thresholds_symbol="*", regime="volatile"),
        trade(day=1.5, symbol="ETHUSDT", revision=3, thresholds_symbol="*"),
        trade(day=1.75, symbol="ETHUSDT", revision=3, thresholds_symbol="ETHUSDT"),
    ]

    broken_down = {name: list(grouped(history, key)) for name, key in BREAKDOWNS.items()}

    assert broken_down == {
        "symbol": ["BTCUSDT", "ETHUSDT"],
        "hour": [12, 18],
        "revision": [("*", 3), ("ETHUSDT", 3)],
        "regime": ["volatile", "unknown"],
    }


@given(trades(EXACT))
def test_every_trade_is_in_exactly_one_group(history: list[ClosedTrade]) -> None:
    groups = grouped(history, BREAKDOWNS["symbol"])

    assert {name: total(days).trades for name, days in groups.items()} == Counter(one.symbol for one in history)
