"""A decision as a row: what it was made of, in columns."""

from dataclasses import replace
from typing import Any

from ml_service.domain.exports.decisions import TABLE
from ml_service.domain.types import Decision, Forecast
from tests.builders import decision, signal


def told(given: Decision) -> dict[str, Any]:
    (row,) = TABLE.rows(given)
    return {column.name: value for column, value in zip(TABLE.columns, row, strict=True)}


def test_signal_values_and_thresholds_stand_in_columns() -> None:
    row = told(decision(judged=signal("BUY", confidence=0.9, rsi=30.0), forecast=Forecast(0.7, "m", "3", "calm")))

    assert (row["confidence"], row["rsi"], row["macd"]) == (0.9, 30.0, None)
    assert (row["confidence_threshold"], row["rsi_threshold"]) == (0.65, 70.0)
    assert (row["decision"], row["code"], row["regime"], row["probability"]) == ("take", "all_passed", "calm", 0.7)


def test_a_damaged_document_leaves_its_cells_empty() -> None:
    whole = decision()
    damaged = whole._replace(signal=replace(whole.signal, details={"price": "x", "signal_id": 3, "stop": True}))

    row = told(damaged._replace(thresholds=replace(whole.thresholds, values={})))

    assert (row["price"], row["stop"], row["signal_id"], row["rsi_threshold"]) == (None, None, None, None)


def test_what_was_degraded_is_named() -> None:
    assert told(decision(degraded=("database_away", "journal")))["degraded"] == "database_away journal"
    assert told(decision())["degraded"] is None
