"""Outcomes: what is worked out from prices, and what is too good or too bad to be believed."""

from dataclasses import replace
from typing import Any

import pytest

from ml_service.domain.lessons import lesson_of
from ml_service.domain.outcomes import (
    DAY_MS,
    FUTURE_MS_MAX,
    Outcome,
    StoredOutcome,
    completed,
    implausible,
    with_decision,
)
from ml_service.errors import InvalidInput
from tests.builders import NOW_MS, decision, outcome, signal


def sold(**fields: object) -> Outcome:
    """An outcome of which only prices are known."""
    given: dict[str, object] = {"pnl": None, "pnl_percent": None, "exit_price": 110.0, **fields}
    return outcome(**given)  # type: ignore[arg-type]  # a builder


# Worked out


def test_a_complete_outcome_is_left_as_it_is() -> None:
    given = outcome(pnl=10.0, pnl_percent=999.0)

    assert completed(given) == given


def test_a_buy_gains_what_the_price_rose_less_the_fees() -> None:
    made = completed(sold(side="BUY", entry_price=100.0, quantity=2.0, fees=1.0))

    assert (made.pnl, made.pnl_percent) == (19.0, 9.5)


def test_a_sell_gains_what_the_price_fell_less_the_fees() -> None:
    made = completed(sold(side="SELL", entry_price=120.0, quantity=2.0, fees=1.0))

    assert made.pnl == 19.0
    assert made.pnl_percent == pytest.approx(100 * 19 / 240)


def test_fees_that_are_not_told_count_as_none() -> None:
    assert completed(sold(side="BUY", entry_price=100.0, quantity=1.0)).pnl == 10.0


def test_percent_follows_from_profit_and_cost() -> None:
    assert completed(outcome(pnl=5.0, pnl_percent=None, entry_price=50.0, quantity=2.0)).pnl_percent == 5.0


def test_profit_follows_from_percent_and_cost() -> None:
    assert completed(outcome(pnl=None, pnl_percent=5.0, entry_price=50.0, quantity=2.0)).pnl == 5.0


def test_a_reported_percent_is_not_worked_out_again_from_the_exit_price() -> None:
    made = completed(outcome(pnl=None, pnl_percent=1.5, exit_price=110.0))

    assert (made.pnl, made.pnl_percent) == (None, 1.5)


def test_what_cannot_be_known_stays_unknown() -> None:
    assert completed(outcome(pnl=5.0, pnl_percent=None)).pnl_percent is None


def test_everything_missing_beside_an_exit_price_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        completed(sold())

    assert [error.path for error in caught.value.errors] == ["side", "entry_price", "quantity"]


@pytest.mark.parametrize(
    "fields",
    [
        {"pnl": None, "pnl_percent": 1e300, "entry_price": 1e300, "quantity": 1e300},
        {"pnl": 1e300, "pnl_percent": None, "entry_price": 1e-300, "quantity": 1.0},
        {"pnl": 1e300, "risk": 1e-300},
    ],
)
def test_a_result_too_large_for_a_number_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        completed(outcome(**fields))


# Plausible


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"pnl_percent": 100.0}, None),
        ({"pnl_percent": 100.1}, "pnl_percent_implausible"),
        ({"pnl_percent": -100.1}, "pnl_percent_implausible"),
        ({"pnl": 200.0, "risk": 10.0}, None),
        ({"pnl": 200.1, "risk": 10.0}, "risk_multiple_implausible"),
        ({"pnl": -200.1, "risk": 10.0}, "risk_multiple_implausible"),
        ({"pnl": 1e9}, None),
        ({"closed_at_ms": NOW_MS + FUTURE_MS_MAX}, None),
        ({"closed_at_ms": NOW_MS + FUTURE_MS_MAX + 1}, "from_the_future"),
        ({"opened_at_ms": NOW_MS + FUTURE_MS_MAX + 1}, "from_the_future"),
        ({"closed_at_ms": NOW_MS - 90 * DAY_MS}, None),
        ({"closed_at_ms": NOW_MS - 90 * DAY_MS - 1}, "too_old"),
        ({"opened_at_ms": NOW_MS - 400 * DAY_MS, "closed_at_ms": NOW_MS}, None),
    ],
)
def test_an_outcome_is_believed_up_to_the_cap_and_no_further(fields: dict[str, object], why: str | None) -> None:
    assert implausible(outcome(**fields), NOW_MS) == why  # type: ignore[arg-type]  # a builder


@pytest.mark.parametrize("source", ["import", "trades_table"])
def test_imported_history_may_be_old_but_not_absurd(source: str) -> None:
    assert implausible(outcome(source=source, closed_at_ms=NOW_MS - 900 * DAY_MS), NOW_MS) is None
    assert implausible(outcome(source=source, pnl_percent=-1e6), NOW_MS) == "pnl_percent_implausible"


def test_what_was_worked_out_from_candles_is_measured_by_its_percent_alone() -> None:
    """119 R is a tight stop there and no slip of the pen; losses of 1 R would be left alone to teach."""
    won = outcome(source="settlement", pnl=None, pnl_percent=11.9)
    tight = lesson_of(decision(judged=replace(signal(confidence=0.1), details={"price": 100.0, "stop": 99.9})))
    stored, typed = (StoredOutcome(one, NOW_MS, "none", None, None) for one in (won, replace(won, source="bot")))

    assert with_decision(stored, "decision_id", "d-1", tight).quarantined is None
    assert with_decision(typed, "decision_id", "d-1", tight).quarantined == "risk_multiple_implausible"
    assert implausible(replace(won, pnl=119.0, risk=1.0), NOW_MS) is None
    assert implausible(replace(won, pnl_percent=100.1), NOW_MS) == "pnl_percent_implausible"


def test_r_is_known_only_where_profit_and_risk_are() -> None:
    assert outcome(pnl=30.0, risk=10.0).r == 3.0
    assert outcome(pnl=30.0).r is None
    assert outcome(pnl=None, risk=10.0).r is None
