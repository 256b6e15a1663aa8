"""Days as rows: each continues the curves of the one before, as the equity curve does."""

from typing import Any

import pytest

from ml_service.domain.exports.performance import TABLE, Standing, ToldDay, after
from ml_service.domain.performance.days import by_day
from ml_service.domain.performance.series import equity_curve
from ml_service.domain.performance.tally import Tally
from ml_service.domain.performance.trade import ClosedTrade

DAY_MS = 86_400_000


def test_the_curves_are_those_of_the_equity_curve() -> None:
    percents = [2.0, -5.0, None, 3.0, -1.0]
    trades = [ClosedTrade(day * DAY_MS, "BTCUSDT", 1.5 * day, percent) for day, percent in enumerate(percents)]
    days = by_day(trades)

    standing = Standing()
    rows: list[dict[str, Any]] = []
    for day in days:
        tally = Tally(taken=day.summary)
        standing = after(standing, tally)
        (row,) = TABLE.rows(ToldDay(day.number, tally, standing))
        rows.append({column.name: value for column, value in zip(TABLE.columns, row, strict=True)})

    curve = {point.day: point for point in equity_curve(days)}
    for told in rows:
        if (point := curve.get(told["date"])) is not None:
            assert told["equity"] == pytest.approx(point.equity)
            assert told["drawdown_percent"] == pytest.approx(point.drawdown_percent)
            assert told["cumulated_pnl"] == pytest.approx(point.pnl)
    assert rows[2]["return_percent"] is None
    assert rows[2]["equity"] == rows[1]["equity"]


def test_what_is_not_known_stays_unknown() -> None:
    tally = Tally()

    assert after(Standing(), tally) == Standing()
