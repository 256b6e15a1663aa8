"""Cycles of learners, written down together.

Everything is made ready before the transaction begins: on SQLite every decision that wants to be recorded meanwhile
waits for its end.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from ml_service.adapters.store import tables as t
from ml_service.adapters.store.audit_rows import AuditWriting
from ml_service.adapters.store.learner_codec import learned_bytes
from ml_service.adapters.store.learner_rows import NEVER, LearnersWriting, adaptation_row, learner_row, mark
from ml_service.adapters.store.outcome_days import note_changed
from ml_service.adapters.store.supersession import take_turn_alone
from ml_service.adapters.store.threshold_rows import INSERT_THRESHOLDS, ThresholdsWriting, thresholds_row
from ml_service.adapters.store.upserts import insert_or_replace
from ml_service.adapters.store.writer import INSERT_EVENT, event_row
from ml_service.domain.learner import CycleRecord, Move
from ml_service.errors import Overtaken

IDS_AT_ONCE = 5_000
STATES_KEPT = 3

INSERT_ADAPTATION = insert(t.adaptations)
STATE = t.learner_states.c
OF_STATE = (STATE.user_id == bindparam("of_user"), STATE.symbol == bindparam("of_symbol"))
FORGET_STATES = delete(t.learner_states).where(
    *OF_STATE,
    STATE.thresholds_revision.not_in(
        select(STATE.thresholds_revision).where(*OF_STATE).order_by(STATE.thresholds_revision.desc()).limit(STATES_KEPT)
    ),
)
OUTCOME = t.outcomes.c
THESE = OUTCOME.id.in_(bindparam("ids", expanding=True))
PERCENT = {
    "learned_at_ms": bindparam("percent"),
    # The scope's own measure goes before that of all symbols together.
    "pooled_at_ms": func.coalesce(OUTCOME.percent_per_r, bindparam("percent")),
}
LEARNED = {
    name: update(t.outcomes)
    .where(THESE, OUTCOME[name].is_(None))
    .values({name: bindparam("at_ms"), "percent_per_r": percent})
    for name, percent in PERCENT.items()
}
PASSED_OVER = {name: update(t.outcomes).where(THESE).values({name: NEVER}) for name in PERCENT}
WITHOUT_RISK = select(OUTCOME.user_id, OUTCOME.effective_at_ms).where(THESE, OUTCOME.risk.is_(None)).distinct()


class CyclesWriting(ThresholdsWriting, LearnersWriting, AuditWriting):
    def save_cycles(self, ready: "Ready") -> None:
        # Whoever changes a scope takes its learner before its thresholds, so that nobody waits in a circle.
        for revision, row in ready.learners:
            demand(self._write_learner(revision, row))
        for user_id in ready.users:
            # A correction changes rows of the same user one by one, in an order of its own.
            take_turn_alone(self._connection, user_id)
        for name, values in ready.learned:
            demand(self._connection.execute(LEARNED[name], values).rowcount == len(values["ids"]))
        for name, ids in ready.skipped:
            self._connection.execute(PASSED_OVER[name], {"ids": ids})
        note_risks(self._connection, [one for _, values in ready.learned for one in values["ids"]])
        if ready.moves:
            self._save_moves(ready)

    def _save_moves(self, ready: "Ready") -> None:
        for move in ready.moves:
            demand(self._move_head(move.thresholds))
        self._connection.execute(INSERT_THRESHOLDS, ready.thresholds)
        self._connection.execute(INSERT_ADAPTATION, ready.adaptations)
        if ready.states:
            self._connection.execute(insert_or_replace(self._connection, t.learner_states), ready.states)
        self._connection.execute(
            FORGET_STATES, [{"of_user": row["user_id"], "of_symbol": row["symbol"]} for row in ready.adaptations]
        )
        self._connection.execute(INSERT_EVENT, ready.events)
        for move in ready.moves:
            note = move.note
            self.append_audit(note.at_ms, note.actor, note.action, note.subject, note.details)


class Ready:
    """The rows of some cycles."""

    def __init__(self, records: Sequence[CycleRecord]) -> None:
        self.users = sorted({record.learner.user_id for record in records})
        self.learners = [(record.learner.revision, learner_row(record.learner)) for record in records]
        self.learned = [(mark(record.learner.symbol).name, values) for record in records for values in marking(record)]
        self.skipped = [(mark(record.learner.symbol).name, ids) for record in records for ids in parts(record.skipped)]
        self.moves: list[Move] = [record.move for record in records if record.move is not None]
        self.thresholds = [thresholds_row(move.thresholds) for move in self.moves]
        self.adaptations = [adaptation_row(move.adaptation) for move in self.moves]
        self.states = [row for move in self.moves for row in state_rows(move)]
        self.events = [event_row(move.event, move.adaptation.at_ms) for move in self.moves]


def demand(first: bool) -> None:
    if not first:
        raise Overtaken


def parts(ids: Sequence[int]) -> Iterable[list[int]]:
    return (list(ids[start : start + IDS_AT_ONCE]) for start in range(0, len(ids), IDS_AT_ONCE))


def marking(record: CycleRecord) -> Iterable[dict[str, Any]]:
    at_ms, percent = record.learner.adapted_at_ms, record.percent_per_r
    return ({"ids": ids, "at_ms": at_ms, "percent": percent} for ids in parts(record.observed))


def state_rows(move: Move) -> Iterable[dict[str, Any]]:
    if move.state_before is not None:
        yield {
            "user_id": move.adaptation.user_id,
            "symbol": move.adaptation.symbol,
            "thresholds_revision": move.adaptation.revision_before,
            "state": learned_bytes(move.state_before),
        }


def note_risks(connection: Connection, ids: Sequence[int]) -> None:
    """What these came to in units of risk is known from here on."""
    for some in parts(ids):
        for user_id, effective_at_ms in connection.execute(WITHOUT_RISK, {"ids": some}):
            note_changed(connection, user_id, effective_at_ms)
