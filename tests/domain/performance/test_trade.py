"""A closed trade: where it stands in time, and what is taken over from an outcome."""

from dataclasses import replace

import pytest

from ml_service.domain.outcomes import StoredOutcome
from ml_service.domain.performance.trade import ClosedTrade, closed_trade
from tests.builders import NOW_MS, outcome
from tests.domain.performance.histories import DAY, START_MS, trade


def stored(quarantined: str | None = None, **fields: object) -> StoredOutcome:
    return StoredOutcome(outcome(**fields), NOW_MS, "none", None, quarantined)  # type: ignore[arg-type]  # a builder


def test_day_and_hour_are_utc() -> None:
    made = trade(day=1 + 13.5 / 24)

    assert (made.day, made.hour) == (DAY + 1, 13)


def test_the_last_millisecond_of_a_day_still_belongs_to_it() -> None:
    assert ClosedTrade(START_MS - 1, "BTCUSDT").day == DAY - 1
    assert ClosedTrade(START_MS - 1, "BTCUSDT").hour == 23


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"pnl": 2.0, "pnl_percent": -1.0}, 2.0),
        ({"pnl": None, "pnl_percent": -1.0, "r": 3.0}, -1.0),
        ({"pnl": None, "r": 3.0}, 3.0),
        ({"pnl": None}, None),
    ],
)
def test_profit_says_whether_it_was_won_else_percent_else_r(fields: dict[str, float], result: float | None) -> None:
    assert ClosedTrade(START_MS, "BTCUSDT", **fields).result == result  # type: ignore[arg-type]


def test_it_stands_where_it_closed() -> None:
    assert closed_trade(stored(closed_at_ms=NOW_MS - 5)).at_ms == NOW_MS - 5


def test_one_that_does_not_say_when_it_closed_stands_where_it_was_reported() -> None:
    assert closed_trade(stored(closed_at_ms=None)).at_ms == NOW_MS


def test_time_held_and_notional_come_from_both_ends_and_the_entry() -> None:
    made = closed_trade(stored(opened_at_ms=NOW_MS - 9, closed_at_ms=NOW_MS - 5, entry_price=50.0, quantity=2.0))

    assert (made.held_ms, made.notional) == (4, 100.0)


def test_a_trade_that_closed_before_it_opened_was_held_for_an_unknown_time() -> None:
    assert closed_trade(stored(opened_at_ms=NOW_MS, closed_at_ms=NOW_MS - 5)).held_ms is None


def test_the_regime_is_taken_over() -> None:
    assert closed_trade(stored(), regime="volatile").regime == "volatile"
    assert closed_trade(stored()).regime is None


def test_r_is_that_of_the_outcome_else_the_one_given() -> None:
    assert closed_trade(stored(pnl=6.0, risk=3.0), r=9.0).r == 2.0
    assert closed_trade(stored(pnl=6.0, risk=None), r=9.0).r == 9.0


def test_of_a_quarantined_one_only_the_profit_counts() -> None:
    made = closed_trade(stored("pnl_percent_implausible", pnl=6.0, pnl_percent=5000.0, risk=1.0), r=1.0)

    assert (made.pnl, made.pnl_percent, made.r, made.quarantined) == (6.0, None, None, True)


def test_one_that_was_let_out_of_quarantine_is_believed() -> None:
    released = replace(stored("pnl_percent_implausible", pnl=6.0, pnl_percent=500.0), released_at_ms=NOW_MS)

    assert closed_trade(released).pnl_percent == 500.0
    assert not closed_trade(released).quarantined
