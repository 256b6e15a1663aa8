"""Arms: the same signals under three rules, with intervals that count days."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.domain.gate import decide
from ml_service.domain.lessons import lesson_of
from ml_service.domain.outcomes import DAY_MS
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.report.arms import Compared, KnownSignal, compared, would_take
from ml_service.domain.types import Action
from ml_service.domain.what_if import HAIRCUT_R
from tests.builders import decision, policy, signal, values

FROZEN = values(confidence_threshold=0.5)


def known(day: int, confidence: float, r: float, taken: bool, traded: bool | None = None) -> KnownSignal:
    carried = (confidence, *(None,) * (len(PARAMETERS) - 1))
    return KnownSignal(day * DAY_MS, "BTCUSDT", carried, taken, taken if traded is None else traded, r)


def judged(*signals: KnownSignal) -> Compared:
    found = compared(signals, lambda symbol: FROZEN, policy())
    assert found is not None
    return found


def test_nothing_is_said_of_no_signal() -> None:
    assert compared([], lambda symbol: FROZEN, policy()) is None


def test_each_rule_has_what_it_would_have_taken() -> None:
    found = judged(
        known(10, 0.9, 2.0, taken=True),
        known(10, 0.6, -1.0, taken=False),
        known(12, 0.3, 0.5, taken=False),
    )

    decided, frozen, always = found.arms
    assert (decided.taken, frozen.taken, always.taken) == (1, 2, 3)
    assert (decided.counterfactual, frozen.counterfactual, always.counterfactual) == (0, 1, 2)
    assert decided.total == 2.0
    assert frozen.total == pytest.approx(2.0 - 1.0 - HAIRCUT_R)
    assert always.total == pytest.approx(1.5 - 2 * HAIRCUT_R)
    assert frozen.by_day == pytest.approx((0.95, 0.95, 0.95))
    assert (found.first_day, decided.ahead, found.rejected_count) == (10, None, 2)
    assert found.rejected is not None
    assert found.rejected.value == pytest.approx(-0.5 - 2 * HAIRCUT_R)


def test_what_the_bot_traded_against_the_decision_has_no_haircut() -> None:
    assert known(1, 0.9, 1.0, taken=False, traded=True).net_r == 1.0


def test_the_lead_is_the_difference_of_the_totals_by_days_as_pieces() -> None:
    # One rejected loss a day for three days, of 1, 2 and 3 R: decided is ahead by as much.
    found = judged(*(known(day, 0.6, float(-day), taken=False, traded=True) for day in (1, 2, 3)))

    ahead = found.frozen.ahead
    assert ahead is not None
    assert ahead.value == pytest.approx(6.0)
    # Student's with two degrees of freedom: 4.302653 standard errors of the sum, √3 × 1.
    half = 4.302652729911275 * 3**0.5
    assert (ahead.low, ahead.high) == pytest.approx((6.0 - half, 6.0 + half))
    assert not found.is_better
    assert not found.is_worse


def test_a_lead_that_chance_does_not_explain_is_one() -> None:
    lost = [known(day, 0.6, -1.0 - day / 100, taken=False, traded=True) for day in range(20)]
    won = [known(day, 0.6, 1.0 + day / 100, taken=False, traded=True) for day in range(20)]

    assert judged(*lost).is_better
    assert judged(*won).is_worse


def test_one_day_is_no_evidence() -> None:
    found = judged(known(1, 0.6, -5.0, taken=False))

    assert found.frozen.ahead is not None
    assert found.frozen.ahead.low is None
    assert not found.is_better


CARRIED = {
    "confidence": st.floats(0, 1),
    "rsi": st.floats(0, 100),
    "macd": st.floats(-1, 1),
    "ma_crossover": st.floats(-1, 1),
    "volume": st.floats(0, 1e11),
    "change_percent": st.floats(-10, 10),
}


@given(st.sampled_from(["BUY", "SELL"]), st.fixed_dictionaries({}, optional=CARRIED))
def test_the_gate_judges_a_lesson_as_it_judged_the_signal(side: Action, carried: dict[str, float]) -> None:
    given_signal = signal(side, **carried)
    lesson = lesson_of(decision(judged=given_signal))
    if lesson is None:
        return
    one = KnownSignal(0, "BTCUSDT", lesson.values, lesson.taken, True, 0.0)

    assert would_take(one, values(), policy()) == (decide(given_signal, values(), policy()).decision == "take")
