"""Outcomes as a table: what was reported, where it belongs, whether it counts, and whether it was learned from."""

from collections.abc import Iterator

from ml_service.domain.exports.table import Row, Table, columns
from ml_service.domain.outcomes import OutcomeWithMarks


def rows(told: OutcomeWithMarks) -> Iterator[Row]:
    stored, outcome, lesson = told.stored, told.stored.outcome, told.stored.lesson
    yield (
        stored.effective_at_ms,
        outcome.trade_id,
        outcome.symbol,
        outcome.accepted,
        outcome.side,
        outcome.pnl,
        outcome.pnl_percent,
        told.r,
        outcome.fees,
        outcome.entry_price,
        outcome.exit_price,
        outcome.quantity,
        outcome.risk,
        outcome.opened_at_ms,
        outcome.closed_at_ms,
        stored.received_at_ms,
        stored.matched_decision_id,
        stored.match if stored.match != "none" else None,
        outcome.signal_id,
        lesson.thresholds_symbol if lesson is not None else None,
        lesson.thresholds_revision if lesson is not None else None,
        lesson.regime if lesson is not None else None,
        learning(told),
        told.learned_at_ms or None,
        told.pooled_at_ms or None,
        stored.quarantined,
        stored.released_at_ms,
        outcome.corrects,
        stored.waiting_for,
        stored.superseded_by,
        outcome.source,
    )


def learning(told: OutcomeWithMarks) -> str:
    """Of the symbol's own learner."""
    if told.learned_at_ms:
        return "learned"
    if told.stored.lesson is None:
        return "unmatched" if told.stored.match == "none" else "nothing_to_learn"
    if told.learned_at_ms is not None:
        return "nothing_to_learn"
    return "quarantined" if told.stored.is_quarantined else "waiting"


TABLE = Table(
    name="outcomes",
    columns=columns(
        at="time",
        trade_id="text",
        symbol="text",
        accepted="truth",
        side="text",
        pnl="number",
        pnl_percent="number",
        r="number",
        fees="number",
        entry_price="number",
        exit_price="number",
        quantity="number",
        risk="number",
        opened_at="time",
        closed_at="time",
        received_at="time",
        decision_id="text",
        matched_by="text",
        signal_id="text",
        thresholds_symbol="text",
        thresholds_revision="whole",
        regime="text",
        learning="text",
        learned_at="time",
        pooled_at="time",
        quarantined="text",
        released_at="time",
        corrects="text",
        waiting_for="text",
        superseded_by="text",
        source="text",
    ),
    rows=rows,
)
