"""Adaptations as a table: one row for each parameter that moved, with its sentence and its evidence."""

from collections.abc import Iterator, Mapping
from typing import Any

from ml_service.domain.exports.table import Row, Table, Value, columns
from ml_service.domain.learner import Adaptation

NOTHING: Mapping[str, Any] = {}


def rows(adaptation: Adaptation) -> Iterator[Row]:
    told = adaptation.explanation
    for move in told.get("moved") or ():
        yield (
            adaptation.at_ms,
            adaptation.id,
            adaptation.symbol,
            adaptation.verdict,
            adaptation.revision_before,
            adaptation.revision,
            adaptation.undone_by,
            move["parameter"],
            move["before"],
            move["after"],
            move["target"],
            move["bounded_by"],
            move["sentence"],
            move["flipped"],
            *estimated(move["on_the_way"]),
            move["counterfactual_share"],
            told.get("reason"),
            told.get("algorithm"),
            told.get("preset"),
            told.get("new_outcomes"),
            *window(told.get("window") or NOTHING),
            told.get("anchor_weight"),
            told.get("design_effect"),
            told.get("effective_count"),
            *estimated(told.get("gain_per_day")),
        )


def estimated(estimate: Mapping[str, Any] | None) -> tuple[Value, ...]:
    known = estimate or NOTHING
    return known.get("count"), known.get("mean"), known.get("low"), known.get("high")


def window(known: Mapping[str, Any]) -> tuple[Value, ...]:
    return tuple(known.get(name) for name in ("first_day", "last_day", "outcomes", "accepted", "counterfactual"))


TABLE = Table(
    name="adaptations",
    columns=columns(
        adapted_at="time",
        adaptation_id="text",
        symbol="text",
        verdict="text",
        revision_before="whole",
        revision="whole",
        undone_by_revision="whole",
        parameter="text",
        old_value="number",
        new_value="number",
        target="number",
        bounded_by="text",
        sentence="text",
        signals_flipped="whole",
        on_the_way="whole",
        on_the_way_r="number",
        on_the_way_r_low="number",
        on_the_way_r_high="number",
        counterfactual_share="number",
        reason="text",
        algorithm="text",
        preset="text",
        new_outcomes="whole",
        window_from="date",
        window_to="date",
        window_outcomes="whole",
        window_accepted="whole",
        window_counterfactual="whole",
        anchor_weight="number",
        design_effect="number",
        effective_outcomes="number",
        gain_days="whole",
        gain_r_per_day="number",
        gain_r_per_day_low="number",
        gain_r_per_day_high="number",
    ),
    rows=rows,
)
