"""What is written of a decision is what is read of it."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_service.adapters.store.codec import ORDER, decision_from, decision_row
from ml_service.domain.gate import decide
from ml_service.domain.types import Decision, Forecast, MemberFigure, ModelStatus, Reason, Signal, Thresholds, Verdict
from tests.builders import decision, drawn, policy, rejected, taken, values

numbers = st.none() | st.floats(-1e6, 1e6)


@given(
    action=st.sampled_from(["BUY", "SELL", "HOLD", None]),
    carried=st.fixed_dictionaries(
        dict.fromkeys(("confidence", "rsi", "macd", "momentum", "volume", "ma_crossover"), numbers)
    ),
    limits=st.lists(st.floats(-1e6, 1e6), min_size=len(ORDER), max_size=len(ORDER)),
    probability=st.none() | st.floats(0, 1),
    killed=st.booleans(),
)
def test_whatever_the_gate_says_survives_the_way_to_the_row_and_back(
    action, carried, limits, probability, killed
) -> None:
    forecast = None if probability is None else Forecast(probability, "ensemble", "7", "bull")
    signal = Signal("BTCUSDT", action, {name: value for name, value in carried.items() if value is not None})
    thresholds = dict(zip(ORDER, limits, strict=True))
    verdict = decide(signal, thresholds, policy(), forecast=forecast, killed=killed)
    made: Decision = decision(judged=signal)._replace(
        verdict=verdict,
        thresholds=Thresholds("ada", "*", 3, thresholds),
        forecast=forecast,
        model_status="ok" if forecast is not None else "none",
        killed=killed,
    )

    assert decision_from(decision_row(made)) == made


@pytest.mark.parametrize("decision", [taken("d-1"), rejected("d-2")], ids=["taken", "rejected"])
def test_what_follows_from_the_rest_is_not_written(decision: Decision) -> None:
    result = orjson.loads(decision_row(decision)["result"])

    assert result == {
        "thresholds": list(values().values()),
        "judged": "pnnnnn" if decision.verdict.decision == "take" else "fnnnnn",
        "named": True,
    }


@pytest.mark.parametrize(
    ("made", "above"),
    [
        (drawn(1.0, "d-1"), [["explored", "pass", None, 1.0, None]]),
        (drawn(1e-12, "d-1"), [["not_explored", "none", None, 1.0 - 1e-12, None]]),
    ],
    ids=["explored", "not explored"],
)
def test_what_was_left_to_chance_stands_above_what_was_judged(made: Decision, above: list[list[object]]) -> None:
    row = decision_row(made)

    assert orjson.loads(row["result"]) == {
        "thresholds": list(values().values()),
        "judged": "fnnnnn",
        "above": above,
        "named": True,
    }
    assert decision_from(row) == made


@pytest.mark.parametrize(
    "reason",
    [Reason("kill_switch", "fail"), Reason("a_code_of_a_later_rule", "fail", "rsi_threshold", 80.0, 70.0)],
    ids=lambda reason: reason.code,
)
def test_any_other_reason_is_kept_as_it_is(reason: Reason) -> None:
    decision = taken("d-1")._replace(verdict=Verdict("reject", "limit_missed", (reason,)))

    assert decision_from(decision_row(decision)).verdict.reasons == (reason,)


def test_the_order_of_the_parameters_in_stored_decisions_never_changes() -> None:
    assert ORDER[:6] == (
        "confidence_threshold",
        "rsi_threshold",
        "macd_threshold",
        "ma_crossover_threshold",
        "volume_threshold",
        "momentum_threshold",
    )


FIGURES = (MemberFigure("logistic", 3, 0.612345, 0.25), MemberFigure("lstm", 7, None, 0.0))


def test_what_the_models_said_survives_too() -> None:
    told = Forecast(0.57123456789, "s-1", "4", "volatile", FIGURES, 0.012345, 4.25)
    made = decision(forecast=told, model_status="ok")

    assert decision_from(decision_row(made)) == made


@pytest.mark.parametrize(("status", "written"), [("none", False), ("out_of_domain", True)])
def test_why_there_is_no_forecast_is_written_unless_there_is_no_model(status: ModelStatus, written: bool) -> None:
    made = taken("d-1")._replace(model_status=status)
    row = decision_row(made)

    assert decision_from(row) == made
    assert ("model_status" in orjson.loads(row["result"])) is written


def test_a_forecast_of_an_earlier_version_is_still_read() -> None:
    row = decision_row(taken("d-1")._replace(forecast=Forecast(0.6, "m", "1"), model_status="ok"))
    assert "model" not in orjson.loads(row["result"])

    found = decision_from(row)

    assert found.forecast == Forecast(0.6, "m", "1")
    assert found.model_status == "ok"


def test_five_members_take_little_room() -> None:
    told = Forecast(
        0.57123456789, "s-1", "4", None, (MemberFigure("lightgbm", 1234, 0.612345, 0.212345),) * 5, 0.1, 4.2
    )
    plain = decision_row(taken("d-1"))["result"]

    assert len(decision_row(taken("d-1")._replace(forecast=told, model_status="ok"))["result"]) - len(plain) < 300
