"""Cycles of learners, written down together.

Everything is made ready before the transaction begins: on SQLite every decision that wants to be recorded meanwhile
waits for its end.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, Update, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

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
PERCENT = {
    "learned_at_ms": bindparam("percent"),
    # The scope's own measure goes before that of all symbols together.
    "pooled_at_ms": func.coalesce(OUTCOME.percent_per_r, bindparam("percent")),
}


@cache
def learned(dialect: str, name: str) -> Update:
    marks = {name: bindparam("at_ms"), "percent_per_r": PERCENT[name]}
    return update(t.outcomes).where(these(dialect), OUTCOME[name].is_(None)).values(marks)


@cache
def passed_over(dialect: str, name: str) -> Update:
    return update(t.outcomes).where(these(dialect)).values({name: NEVER})


def these(dialect: str) -> ColumnElement[bool]:
    """Outcomes by id. All ids are one value: to write a place for each of a thousand costs more than to mark them."""
    if dialect == "postgresql":
        return OUTCOME.id == func.any(bindparam("ids", type_=ARRAY(BigInteger)))
    return OUTCOME.id.in_(select(func.json_each(bindparam("ids", type_=JSON)).table_valued("value").c.value))


class CyclesWriting(ThresholdsWriting, LearnersWriting, AuditWriting):
    def save_cycles(self, ready: "Ready") -> None:
        # Whoever changes a scope takes its learner before its thresholds, so that nobody waits in a circle.
        for revision, row in ready.learners:
            demand(self._write_learner(revision, row))
        for user_id in ready.users:
            # A correction changes rows of the same user one by one, in an order of its own.
            take_turn_alone(self._connection, user_id)
        dialect = self._connection.dialect.name
        for name, values in ready.learned:
            demand(self._connection.execute(learned(dialect, name), values).rowcount == len(values["ids"]))
        for name, ids in ready.skipped:
            self._connection.execute(passed_over(dialect, name), {"ids": ids})
        for user_id, at_ms in ready.measured:
            note_changed(self._connection, user_id, at_ms)
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
        self.learned = [(mark(record.learner.symbol).name, marking(record)) for record in records if record.observed]
        self.skipped = [
            (mark(record.learner.symbol).name, list(record.skipped)) for record in records if record.skipped
        ]
        self.measured = [(record.learner.user_id, at_ms) for record in records for at_ms in record.measured]
        self.moves: list[Move] = [record.move for record in records if record.move is not None]
        self.thresholds = [thresholds_row(move.thresholds) for move in self.moves]
        self.adaptations = [adaptation_row(move.adaptation) for move in self.moves]
        self.states = [row for move in self.moves for row in state_rows(move)]
        self.events = [event_row(move.event, move.adaptation.at_ms) for move in self.moves]


def demand(first: bool) -> None:
    if not first:
        raise Overtaken


def marking(record: CycleRecord) -> dict[str, Any]:
    return {"ids": list(record.observed), "at_ms": record.learner.adapted_at_ms, "percent": record.percent_per_r}


def state_rows(move: Move) -> Iterable[dict[str, Any]]:
    if move.state_before is not None:
        yield {
            "user_id": move.adaptation.user_id,
            "symbol": move.adaptation.symbol,
            "thresholds_revision": move.adaptation.revision_before,
            "state": learned_bytes(move.state_before),
        }
