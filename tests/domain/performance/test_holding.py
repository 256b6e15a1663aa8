"""Holding: time in the market."""

from hypothesis import given

from ml_service.domain.performance.holding import NO_HOLDING, Holding, holding_of
from ml_service.domain.performance.trade import ClosedTrade
from tests.domain.performance.histories import EXACT, START_MS, trade, trades

HOUR_MS = 3_600_000


def test_it_reaches_from_the_first_opening_to_the_last_close() -> None:
    made = holding_of([trade(day=0.5, held_ms=HOUR_MS, notional=5.0), trade(day=1, held_ms=20 * HOUR_MS)])

    assert made == Holding(
        known=2,
        first_ms=START_MS + 4 * HOUR_MS,
        last_ms=START_MS + 24 * HOUR_MS,
        held_ms=21 * HOUR_MS,
        notional_ms=5.0 * HOUR_MS,
    )


def test_a_trade_whose_times_are_unknown_has_no_say() -> None:
    assert holding_of([trade(day=-500, notional=5.0)]) == NO_HOLDING


@given(trades(EXACT), trades(EXACT))
def test_two_parts_add_up_to_the_whole(one: list[ClosedTrade], other: list[ClosedTrade]) -> None:
    assert holding_of(one).plus(holding_of(other)) == holding_of(one + other)
