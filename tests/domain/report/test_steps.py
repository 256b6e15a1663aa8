"""Steps: a threshold stands until a revision changes it, and each change says why."""

from dataclasses import replace

from ml_service.domain.learner import Adaptation
from ml_service.domain.report.steps import Step, lines
from tests.builders import thresholds


def test_a_line_steps_where_its_value_changed_and_says_why() -> None:
    start = thresholds(revision=1)
    learned = replace(thresholds(revision=2, rsi_threshold=66.0), changed_at_ms=200, source="adapt")
    other = replace(thresholds(revision=3, rsi_threshold=66.0, macd_threshold=0.01), changed_at_ms=300, reason="mine")
    back = replace(thresholds(revision=4, macd_threshold=0.01), changed_at_ms=400, source="reset", reason="")
    moved = {"moved": [{"parameter": "rsi_threshold", "sentence": "It lost."}]}
    adaptation = Adaptation("ada", "a", "*", 200, "moved", 1, 2, moved)

    found = lines({"*": start}, [learned, other, back], [adaptation], ["rsi_threshold", "macd_threshold"], 100, 500)

    (rsi,), (macd,) = found["rsi_threshold"], found["macd_threshold"]
    assert rsi.steps == (
        Step(100, 70.0, ""),
        Step(200, 66.0, "It lost."),
        Step(400, 70.0, "reset: no reason given"),
        Step(500, 70.0, ""),
    )
    assert [step.why for step in macd.steps] == ["", "set: mine", ""]


def test_each_scope_has_a_line_of_its_own() -> None:
    moved = replace(thresholds(symbol="BTCUSDT", rsi_threshold=60.0), changed_at_ms=200)

    found = lines({"*": thresholds(), "BTCUSDT": thresholds()}, [moved], [], ["rsi_threshold"], 100, 300)

    assert [(line.symbol, line.steps[-1].value) for line in found["rsi_threshold"]] == [("*", 70.0), ("BTCUSDT", 60.0)]
