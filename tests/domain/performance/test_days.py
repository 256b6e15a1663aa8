"""Days: which trades are summarised together."""

from ml_service.domain.performance.days import BREAKDOWNS, by_day, total
from ml_service.domain.performance.summary import summarised
from tests.domain.performance.histories import DAY, trade


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

    broken_down = {name: list(dict.fromkeys(map(key, history))) for name, key in BREAKDOWNS.items()}

    assert broken_down == {
        "symbol": ["BTCUSDT", "ETHUSDT"],
        "hour": [12, 18],
        "revision": [("*", 3), ("ETHUSDT", 3)],
        "regime": ["volatile", "unknown"],
    }
