"""The gate: all six parameters on both sides, what is missing, and what stands above them."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_service.domain.gate import decide, told
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import Action, Forecast, Reason, Signal, Trade, Verdict
from tests.builders import drawn, policy, signal, values

VECTORS = orjson.loads((Path(__file__).resolve().parents[1] / "vectors" / "gate.json").read_bytes())
"""Shared with every client that decides by itself: none of the expectations came from this gate."""

GATE_FIELDS = [name for parameter in PARAMETERS.values() for name in parameter.fields]


def judged(given: Signal, /, killed: bool = False, limits: dict[str, float] | None = None) -> Verdict:
    return decide(given, values(**(limits or {})), policy(), killed=killed)


# Shared vectors


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_shared_vector_comes_out_as_written(vector: dict[str, Any]) -> None:
    carried = {name: vector["signal"][name] for name in GATE_FIELDS if vector["signal"].get(name) is not None}
    given = Signal(
        symbol=vector["signal"]["symbol"],
        action=vector["signal"].get("action"),
        values=carried,
        reduce_only=vector["signal"].get("reduce_only", False),
    )
    probability = vector["probability"]

    verdict = decide(
        given,
        vector["thresholds"],
        policy(**vector["on_missing"]),
        forecast=Forecast(probability, "m", "1") if probability is not None else None,
        killed=vector["killed"],
    )

    expected = vector["expected"]
    assert (verdict.decision, verdict.code) == (expected["decision"], expected["code"])
    assert (verdict.decision == "take") == expected["should_trade"]
    assert list(verdict.reasons) == [Reason(**reason) for reason in expected["reasons"]]


def test_the_shared_vectors_ask_every_parameter_on_both_sides_for_both_answers() -> None:
    asked = {
        (vector["signal"].get("action"), reason["parameter"], reason["verdict"])
        for vector in VECTORS
        for reason in vector["expected"]["reasons"]
    }

    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS) >= 60
    for side in ("BUY", "SELL"):
        for name in PARAMETERS:
            assert {(side, name, "pass"), (side, name, "fail"), (side, name, "none")} <= asked


# The table, with limits moved off their defaults

TABLE: list[tuple[Trade, str, str, float, float, float]] = [
    # side, parameter, field, threshold, the value that just passes, the next one that does not
    ("BUY", "confidence_threshold", "confidence", 0.5, 0.5, 0.4999),
    ("SELL", "confidence_threshold", "confidence", 0.5, 0.5, 0.4999),
    ("BUY", "rsi_threshold", "rsi", 60.0, 60.0, 60.01),
    ("SELL", "rsi_threshold", "rsi", 60.0, 40.0, 39.99),
    ("BUY", "macd_threshold", "macd", 0.05, 0.05, 0.0499),
    ("SELL", "macd_threshold", "macd", 0.05, -0.05, -0.0499),
    ("BUY", "ma_crossover_threshold", "ma_crossover", -0.02, -0.02, -0.0201),
    ("SELL", "ma_crossover_threshold", "ma_crossover", -0.02, 0.02, 0.0201),
    ("BUY", "volume_threshold", "volume", 5e8, 5e8, 4.99e8),
    ("SELL", "volume_threshold", "volume", 5e8, 5e8, 4.99e8),
    ("BUY", "momentum_threshold", "change_percent", 3.0, -3.0, -2.99),
    ("SELL", "momentum_threshold", "change_percent", 3.0, 3.0, 2.99),
]


@pytest.mark.parametrize(("side", "name", "field", "threshold", "passing", "failing"), TABLE)
def test_a_parameter_passes_up_to_its_limit_and_no_further(
    side: Trade, name: str, field: str, threshold: float, passing: float, failing: float
) -> None:
    at_the_limit = judged(signal(side, **{field: passing}), limits={name: threshold})
    beyond = judged(signal(side, **{field: failing}), limits={name: threshold})

    assert (at_the_limit.decision, beyond.decision) == ("take", "reject")


# What stands above the parameters


def test_a_killed_gate_rejects_even_what_says_nothing() -> None:
    verdict = judged(signal(None), killed=True)

    assert verdict == Verdict("reject", "kill_switch", (Reason("kill_switch", "fail"),))


def test_a_killed_gate_lets_a_position_be_closed() -> None:
    verdict = judged(signal("SELL", confidence=0.9, reduce_only=True), killed=True)

    assert verdict.decision == "take"


def test_reduce_only_does_not_excuse_from_the_limits() -> None:
    verdict = judged(signal("SELL", confidence=0.1, reduce_only=True), killed=True)

    assert (verdict.decision, verdict.code) == ("reject", "limit_missed")


def test_a_hold_is_a_rejection_with_its_own_code() -> None:
    assert judged(signal("HOLD", confidence=0.99)).code == "hold"
    assert judged(signal("HOLD", confidence=0.99)).decision == "reject"


def test_every_parameter_gives_its_reason_in_the_order_of_the_shelf() -> None:
    verdict = judged(signal(rsi=80.0))

    assert [reason.parameter for reason in verdict.reasons] == list(PARAMETERS)
    assert [reason.verdict for reason in verdict.reasons] == ["none", "fail", "none", "none", "none", "none"]


def test_a_reason_shows_the_value_and_the_limit_that_the_side_is_held_to() -> None:
    verdict = judged(signal("SELL", rsi=25.0), limits={"rsi_threshold": 72.0})

    assert verdict.reasons[1] == Reason("rsi_failed", "fail", "rsi_threshold", 25.0, 28.0)


def test_a_mirrored_limit_of_zero_is_not_shown_as_minus_zero() -> None:
    verdict = judged(signal("SELL", macd=-0.01))

    assert str(verdict.reasons[2].limit) == "0.0"


def test_the_verdict_can_be_told_in_one_sentence() -> None:
    assert told(judged(signal(confidence=0.1))) == "reject: confidence 0.1 misses its limit 0.65"
    assert told(judged(signal("HOLD"))) == "reject: HOLD is not a trade"
    assert "no opinion from" in told(judged(signal(confidence=0.9)))


def test_an_explored_signal_is_told_with_the_limits_it_misses_and_the_share() -> None:
    explored = next(
        one for one in (drawn(0.07, f"d-{number}").verdict for number in range(200)) if one.decision == "take"
    )

    assert told(explored) == (
        "take: explored although confidence 0.1 misses its limit 0.65"
        " (7 % of such signals are taken, to learn from them)"
    )
    assert told(Verdict("take", "explored", ())) == "take: explored although "


def test_that_a_refused_signal_was_not_explored_does_not_change_its_sentence() -> None:
    refused = next(
        one for one in (drawn(0.07, f"d-{number}").verdict for number in range(200)) if one.decision != "take"
    )

    assert told(refused) == "reject: confidence 0.1 misses its limit 0.65"


# Properties

actions = st.sampled_from(["BUY", "SELL", "HOLD", None])
carried_values = st.fixed_dictionaries(
    {},
    optional={
        "confidence": st.floats(0, 1),
        "rsi": st.floats(0, 100),
        "macd": st.floats(-1, 1),
        "ma_crossover": st.floats(-0.5, 0.5),
        "volume": st.floats(0, 1e11),
        "change_percent": st.floats(-20, 20),
        "momentum": st.floats(-20, 20),
    },
)
any_thresholds = st.fixed_dictionaries(
    {name: st.floats(parameter.low, parameter.high) for name, parameter in PARAMETERS.items()}
)


def tighter(name: str, threshold: float, share: float) -> float:
    """A threshold nearer to the strict end of its bounds: the low one for RSI, the high one for all others."""
    strict: float = PARAMETERS[name].low if name == "rsi_threshold" else PARAMETERS[name].high
    moved = threshold + (strict - threshold) * share
    return max(moved, strict) if name == "rsi_threshold" else min(moved, strict)


@settings(max_examples=300, deadline=None)
@given(actions, carried_values, any_thresholds, st.sampled_from(list(PARAMETERS)), st.floats(0, 1), st.booleans())
def test_a_tighter_threshold_never_turns_a_reject_into_a_take(
    action: Action | None, carried: dict[str, float], limits: dict[str, float], name: str, share: float, killed: bool
) -> None:
    given_signal = signal(action, **carried)
    before = decide(given_signal, limits, policy(), killed=killed)

    after = decide(given_signal, limits | {name: tighter(name, limits[name], share)}, policy(), killed=killed)

    assert not (before.decision != "take" and after.decision == "take")


@settings(max_examples=200, deadline=None)
@given(actions, carried_values, any_thresholds, st.booleans())
def test_the_same_question_gets_the_same_answer(
    action: Action | None, carried: dict[str, float], limits: dict[str, float], killed: bool
) -> None:
    asked = signal(action, **carried), limits, policy()

    first = decide(*asked, killed=killed)

    shuffled = signal(action, **dict(reversed(list(carried.items())))), dict(reversed(list(limits.items()))), policy()
    assert decide(*shuffled, killed=killed) == first


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["BUY", "SELL"]), carried_values, any_thresholds, st.data())
def test_leaving_a_value_out_never_fails_a_signal_where_missing_is_ignored(
    side: Trade, carried: dict[str, float], limits: dict[str, float], data: st.DataObject
) -> None:
    before = decide(signal(side, **carried), limits, policy())
    # Both names of the momentum go together: without the first, the second speaks.
    gone = data.draw(st.sampled_from([parameter.fields for parameter in PARAMETERS.values()]))

    fewer = {name: value for name, value in carried.items() if name not in gone}
    after = decide(signal(side, **fewer), limits, policy())

    if before.decision == "take":
        assert after.decision == "take" or not fewer
    assert all(reason.verdict != "fail" for reason in after.reasons if reason.value is None)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["BUY", "SELL"]), carried_values, any_thresholds)
def test_a_signal_is_taken_exactly_when_all_that_it_carries_passes(
    side: Trade, carried: dict[str, float], limits: dict[str, float]
) -> None:
    verdict = decide(signal(side, **carried), limits, policy())

    told_by = {reason.verdict for reason in verdict.reasons}
    assert (verdict.decision == "take") == ("pass" in told_by and "fail" not in told_by)
    assert (verdict.decision == "abstain") == (told_by == {"none"})
