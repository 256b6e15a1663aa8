"""Predictions with their results, in a store: what a set said, and what became of it."""

from ml_service.adapters.store.database import Database
from ml_service.adapters.store.recorder import DirectRecorder
from ml_service.domain.types import Forecast
from tests.builders import NOW_MS, outcome, taken
from tests.domain.models.report.rows import HOUR_MS, spoken


def speak(embedded: Database, set_id: str, count: int, since: int = 0, begin_ms: int = NOW_MS) -> None:
    """`count` predictions of a set, an hour apart and each known before the next."""
    rows = spoken(since + count)[since:]
    recorder = DirectRecorder(embedded)
    decisions, outcomes = [], []
    for place, row in enumerate(rows, since + 1):
        at_ms = begin_ms + place * HOUR_MS
        forecast = Forecast(row.probability, set_id, "1", "trending", row.members, 0.0, 1.0)
        decisions.append(taken(f"d-{place}", at_ms)._replace(forecast=forecast, model_status="ok"))
        outcomes.append(outcome(f"t-{place}", pnl=row.percent, decision_id=f"d-{place}", closed_at_ms=at_ms + 1))
    recorder.record(decisions, 0)
    recorder.keep(outcomes, begin_ms + (since + count + 1) * HOUR_MS)
