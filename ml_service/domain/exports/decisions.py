"""Decisions as a table: one row each, with every signal value and every threshold in a column of its own."""

from collections.abc import Iterator

from ml_service.domain.exports.table import Column, Row, Table, columns, number
from ml_service.domain.parameters import PARAMETERS
from ml_service.domain.types import Decision

VALUES = tuple(dict.fromkeys(name for parameter in PARAMETERS.values() for name in parameter.fields))
DETAILS = ("price", "stop", "target", "risk", "horizon_minutes")


def rows(decision: Decision) -> Iterator[Row]:
    signal, verdict, forecast, thresholds = (
        decision.signal,
        decision.verdict,
        decision.forecast,
        decision.thresholds,
    )
    signal_id = signal.details.get("signal_id")
    yield (
        decision.evaluated_at_ms,
        decision.decision_id,
        signal.symbol,
        signal.action,
        verdict.decision,
        verdict.code,
        thresholds.symbol,
        thresholds.revision,
        forecast.model_id if forecast is not None else None,
        forecast.version if forecast is not None else None,
        decision.regime,
        forecast.probability if forecast is not None else None,
        *(number(signal.values, name) for name in VALUES),
        *(number(thresholds.values, name) for name in PARAMETERS),
        *(number(signal.details, name) for name in DETAILS),
        signal_id if isinstance(signal_id, str) else None,
        signal.reduce_only,
        decision.killed,
        " ".join(decision.degraded) or None,
        decision.settings_hash,
        decision.features.set_id if decision.features is not None else None,
        decision.processing_us / 1000,
    )


TABLE = Table(
    name="decisions",
    columns=(
        *columns(
            evaluated_at="time",
            decision_id="text",
            symbol="text",
            action="text",
            decision="text",
            code="text",
            thresholds_symbol="text",
            thresholds_revision="whole",
            model_id="text",
            model_version="text",
            regime="text",
            probability="number",
        ),
        *(Column(name, "number") for name in (*VALUES, *PARAMETERS, *DETAILS)),
        *columns(
            signal_id="text",
            reduce_only="truth",
            kill_switch="truth",
            degraded="text",
            settings_hash="text",
            feature_set_id="text",
            processing_time_ms="number",
        ),
    ),
    rows=rows,
)
