"""The recorder: into the database with the others of the moment, else into the journal, else it waits.

A decision waits for its commit a few milliseconds at most. An outcome is answered only once it is durable.
What the journal took is drained into the database by one process of the host; the keys make it safe to repeat.
"""

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ml_service.adapters.store.database import Database, Writer
from ml_service.adapters.store.group_commit import GroupCommit, Ticket
from ml_service.adapters.store.journal import Entry, Journal, sameness
from ml_service.adapters.store.under_way import Flight, Key, UnderWay
from ml_service.adapters.store.writer import Reported, note_conflict, write_decisions, write_outcomes
from ml_service.domain.outcomes import Outcome, Receipt
from ml_service.domain.types import Decision, RecordedDecision
from ml_service.errors import NotKept, Unavailable

logger = logging.getLogger(__name__)

Records = Sequence[Decision] | Sequence[Reported]

PAUSE_MS = 500
"""After a failure the database is left alone for this long; the journal serves meanwhile."""
DRAIN_SECONDS = 0.5
RECENT_MAX = 2_000
DRAIN_ROWS = 200
TICKET_ROWS = 100
"""Larger batches are written in portions of this size."""
ROW_MS = 0.5
OUTCOME_ROW_MS = 2.0
"""A list may keep its caller waiting this much longer per row."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step may keep a caller waiting."""

    journal_wait_ms: float = 12.0
    outcome_wait_ms: float = 250.0
    journal_outcome_wait_ms: float = 5_000.0
    unrecorded_rows_max: int = 10_000
    decisions_sync_full: bool = True


class GroupRecorder:
    def __init__(
        self,
        database: Database,
        journal: Journal,
        patience: Patience,
        on_trouble: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._database = database
        self._writer = Writer(database)
        self._journal = journal
        self._patience = patience
        self._on_trouble = on_trouble
        self._main: GroupCommit[Records] = GroupCommit(
            "recorder",
            self._write_main,
            rows_max=patience.unrecorded_rows_max,
            rows_of=len,
            at_end=self._writer.close,
        )
        self._side: GroupCommit[Records] = GroupCommit(
            "journal", journal.write, rows_max=patience.unrecorded_rows_max, rows_of=len, on_failure=self._set_by
        )
        self._unrecorded: list[Records] = []
        self._unrecorded_lock = threading.Lock()
        self._recent: dict[tuple[str, str], Decision] = {}
        self._recent_lock = threading.Lock()
        self._under_way = UnderWay()
        self._stop = threading.Event()
        self._drainer = threading.Thread(target=self._drain_for_ever, name="drain", daemon=True)
        self._drainer.start()

    # ---- decisions

    def record(
        self, decisions: Sequence[Decision], wait_ms: float, remaining_ms: float = math.inf
    ) -> list[RecordedDecision]:
        began = time.monotonic()
        latest = began + remaining_ms / 1000
        first: dict[Key, Decision] = {}
        for one in decisions:
            if one.named_by_caller:
                first.setdefault((one.user_id, one.decision_id), one)
        if not first:
            return self._record(decisions, wait_ms, latest)
        with self._under_way.claimed(first) as (ours, others):
            own = [one for one in decisions if not one.named_by_caller or is_first(one, first, ours)]
            told = dict(zip(map(id, own), self._record_unless_known(own, wait_ms, latest), strict=True))
            ours.told = {key: standing(first[key], told[id(first[key])]) for key in ours.keys}
        until = min(latest, began + (wait_ms + self._patience.journal_wait_ms) / 1000)
        for one in decisions:
            if id(one) not in told:
                key = (one.user_id, one.decision_id)
                found = others.get(key, ours).standing(key, until - time.monotonic())
                told[id(one)] = found or RecordedDecision(None)
        return [told[id(one)] for one in decisions]

    def _record_unless_known(
        self, decisions: Sequence[Decision], wait_ms: float, latest: float
    ) -> list[RecordedDecision]:
        known = self._known(decisions)
        rest = [one for one in decisions if id(one) not in known]
        answers = iter(self._record(rest, wait_ms, latest)) if rest else iter(())
        return [known.get(id(one)) or next(answers) for one in decisions]

    def _record(self, decisions: Sequence[Decision], wait_ms: float, latest: float) -> list[RecordedDecision]:
        # A batch goes in portions, so that single decisions find a place between them, and it may wait longer:
        # its caller asked for a thousand answers at once.
        parts = [decisions[start : start + TICKET_ROWS] for start in range(0, len(decisions), TICKET_ROWS)]
        tickets = [self._main.submit(part) if self._main_answers() else None for part in parts]
        deadline = min(latest, time.monotonic() + (wait_ms + (len(parts) - 1) * TICKET_ROWS * ROW_MS) / 1000)
        recorded: list[RecordedDecision] = []
        for part, ticket in zip(parts, tickets, strict=True):
            if ticket is not None and ticket.wait(deadline - time.monotonic()) and ticket.error is None:
                recorded += ticket.result
            else:
                abandon(ticket)
                recorded += self._to_journal(part, latest)
        self._remember(decisions, recorded)
        return recorded

    def _to_journal(self, decisions: Sequence[Decision], latest: float) -> list[RecordedDecision]:
        ticket = self._side.submit(decisions)
        patience = min(self._patience.journal_wait_ms / 1000, latest - time.monotonic())
        if ticket is None:
            self._on_trouble("decisions were lost: the journal's queue is full")
        elif ticket.wait(patience) and ticket.error is None:
            return list(ticket.result)
        # What is late is written when the disk comes round; what failed is tried again (see _set_by).
        self._on_trouble("a decision was answered before anything durable had taken it")
        return [RecordedDecision(None) for _ in decisions]

    def _remember(self, decisions: Sequence[Decision], recorded: Sequence[RecordedDecision]) -> None:
        """The last decisions whose ids their callers chose: a repeat gets its first answer also while the database
        that holds it is away."""
        with self._recent_lock:
            for decision, told in zip(decisions, recorded, strict=True):
                if decision.named_by_caller and told.kept is not None:
                    self._recent[decision.user_id, decision.decision_id] = told.earlier or decision
            while len(self._recent) > RECENT_MAX:
                del self._recent[next(iter(self._recent))]

    def _known(self, decisions: Sequence[Decision]) -> dict[int, RecordedDecision]:
        """Decisions whose id an earlier one holds, as far as memory and journal know."""
        named = {(one.user_id, one.decision_id) for one in decisions if one.named_by_caller}
        earlier = {key: found for key in named if (found := self._recent.get(key)) is not None}
        with contextlib.suppress(Unavailable):
            earlier |= self._journal.earlier_decisions([key for key in named if key not in earlier])
        return {
            id(one): RecordedDecision("database", earlier[key])
            for one in decisions
            if (key := (one.user_id, one.decision_id)) in earlier
        }

    def _set_by(self, records: Records) -> None:
        """Decisions that the journal could not take wait here. Outcomes do not: their caller hears of it."""
        if not all(isinstance(one, Decision) for one in records[:1]):
            return
        with self._unrecorded_lock:
            if any(one is records for one in self._unrecorded):
                # It waits already, and has just been tried again.
                return
            waiting = sum(len(one) for one in self._unrecorded)
            if waiting + len(records) <= self._patience.unrecorded_rows_max:
                self._unrecorded.append(records)
                return
        self._on_trouble("decisions were lost: neither database nor journal takes them, and the queue is full")

    # ---- outcomes

    def keep(self, outcomes: Sequence[Outcome], now_ms: int) -> list[Receipt]:
        reports = [Reported(outcome, now_ms) for outcome in outcomes]
        known = self._known_to_journal(reports)
        rest = [report for report in reports if id(report) not in known]
        answers = iter(self._keep(rest)) if rest else iter(())
        return [known.get(id(report)) or next(answers) for report in reports]

    def _keep(self, reports: Sequence[Reported]) -> list[Receipt]:
        # No pause after a failure here: another process may have drained the journal meanwhile, and then only the
        # database knows that this outcome is a repeat.
        if self._main.stuck_ms() <= self._patience.outcome_wait_ms:
            ticket = self._main.submit(reports)
            wait_ms = self._patience.outcome_wait_ms + len(reports) * OUTCOME_ROW_MS
            if ticket is not None and ticket.wait(wait_ms / 1000) and ticket.error is None:
                return list(ticket.result)
            abandon(ticket)
        ticket = self._side.submit(reports)
        if ticket is not None and ticket.wait(self._patience.journal_outcome_wait_ms / 1000):
            if ticket.error is None:
                return list(ticket.result)
            raise NotKept("neither the database nor the journal could take the outcome") from ticket.error
        abandon(ticket)
        raise NotKept("neither the database nor the journal could take the outcome in time")

    def _known_to_journal(self, reports: Sequence[Reported]) -> dict[int, Receipt]:
        keys = [(report.outcome.user_id, report.outcome.trade_id) for report in reports]
        try:
            earlier = self._journal.earlier_outcomes(keys)
        except Unavailable:
            return {}
        return {
            id(report): Receipt(sameness(earlier[key], report), "journal", earlier[key])
            for key, report in zip(keys, reports, strict=True)
            if key in earlier
        }

    # ---- the database

    def _main_answers(self) -> bool:
        if self._main.stuck_ms() > self._patience.outcome_wait_ms + self._main.rows_in_hand() * OUTCOME_ROW_MS:
            return False
        failed = self._main.failed_ms_ago()
        return failed is None or failed > PAUSE_MS

    def _write_main(self, group: list[Records]) -> list[Any]:
        relaxed = not self._patience.decisions_sync_full and not any(
            isinstance(one, Reported) for records in group for one in records[:1]
        )
        with self._writer.write(synced=not relaxed) as connection:
            return write_group(connection, group)

    # ---- draining

    def _drain_for_ever(self) -> None:
        while not self._stop.wait(DRAIN_SECONDS):
            try:
                self.drain()
            except Unavailable as error:
                logger.debug("drain: %s", error)
            except Exception:
                logger.exception("the journal could not be drained")

    def drain(self) -> int:
        """Bring what waits on this host into the database; how many rows went over."""
        self._retry_unrecorded()
        if self._journal.is_empty() or not self._main_answers():
            return 0
        moved = 0
        with self._journal.draining() as ours:
            while ours and not self._stop.is_set():
                # Decisions first, outcomes look for theirs; but both each time, so that neither waits for ever.
                batch = self._journal.oldest("decision", DRAIN_ROWS) + self._journal.oldest("outcome", DRAIN_ROWS)
                if not batch:
                    break
                self._carry(batch)
                self._journal.drop(batch)
                moved += len(batch)
        return moved

    def _carry(self, batch: Sequence[Entry]) -> None:
        try:
            with self._database.write() as connection:
                carry_over(connection, batch)
        except Unavailable:
            raise
        except Exception:
            if len(batch) == 1:
                # A row that the database will never take must not hold up the ones behind it.
                logger.exception("a journal row was set aside")
                with self._database.write() as connection:
                    set_aside(connection, batch[0])
                return
            for entry in batch:
                self._carry([entry])

    def _retry_unrecorded(self) -> None:
        while self._unrecorded:
            records = self._unrecorded[0]
            if not (self._taken(self._main, records) or self._taken(self._side, records)):
                return
            with self._unrecorded_lock:
                self._unrecorded.remove(records)

    def _taken(self, writer: GroupCommit[Records], records: Records) -> bool:
        if writer is self._main and not self._main_answers():
            return False
        ticket = writer.submit(records)
        return ticket is not None and ticket.wait(1.0) and ticket.error is None

    def waiting_rows(self) -> int:
        """Rows of this host that the database does not have yet."""
        return self._journal.count() + sum(len(records) for records in list(self._unrecorded))

    def close(self, seconds: float = 10.0) -> None:
        self._stop.set()
        self._main.close(seconds)
        self._drainer.join(seconds)
        self._retry_unrecorded()
        self._side.close(seconds)


class DirectRecorder:
    """Straight into the database, for those who can wait until it is there: the worker's imports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self, decisions: Sequence[Decision], wait_ms: float, remaining_ms: float = math.inf
    ) -> list[RecordedDecision]:
        with self._database.write() as connection:
            return write_decisions(connection, decisions)

    def keep(self, outcomes: Sequence[Outcome], now_ms: int) -> list[Receipt]:
        with self._database.write() as connection:
            return write_outcomes(connection, [Reported(outcome, now_ms) for outcome in outcomes])


def is_first(decision: Decision, first: Mapping[Key, Decision], ours: Flight) -> bool:
    key = (decision.user_id, decision.decision_id)
    return first[key] is decision and key in ours.keys


def standing(decision: Decision, told: RecordedDecision) -> RecordedDecision:
    """What the others hear who named the same id."""
    return RecordedDecision(told.kept, told.earlier or decision) if told.kept is not None else told


def abandon(ticket: Ticket[Any] | None) -> None:
    # It may be written all the same, if the writer has it in hand: then the keys find the repeat.
    if ticket is not None:
        ticket.cancelled = True


def write_group(connection: Connection, group: Sequence[Records]) -> list[Any]:
    """All decisions of the group in one go, then all outcomes, which look for their decisions."""
    decisions = [one for records in group for one in records if isinstance(one, Decision)]
    reports = [one for records in group for one in records if isinstance(one, Reported)]
    recorded = iter(write_decisions(connection, decisions))
    receipts = iter(write_outcomes(connection, reports) if reports else ())
    return [[next(recorded) if isinstance(one, Decision) else next(receipts) for one in records] for records in group]


def carry_over(connection: Connection, batch: Sequence[Entry]) -> None:
    """Journal rows into the database. One that contradicts what is there is kept in sight."""
    decisions = [entry.decision for entry in batch if entry.decision is not None]
    for entry, recorded in zip(
        (entry for entry in batch if entry.decision is not None), write_decisions(connection, decisions), strict=True
    ):
        assert entry.decision is not None
        if recorded.earlier is not None and not agrees(recorded.earlier, entry.decision):
            one = entry.decision
            note_conflict(connection, "decision", one.user_id, one.decision_id, entry.payload, one.evaluated_at_ms)
    reports = [entry.report for entry in batch if entry.report is not None]
    if not reports:
        return
    for entry, receipt in zip(
        (entry for entry in batch if entry.report is not None), write_outcomes(connection, reports), strict=True
    ):
        assert entry.report is not None
        if receipt.status == "conflict":
            outcome = entry.report.outcome
            note_conflict(
                connection, "outcome", outcome.user_id, outcome.trade_id, entry.payload, entry.report.received_at_ms
            )


def set_aside(connection: Connection, entry: Entry) -> None:
    if entry.decision is not None:
        one = entry.decision
        note_conflict(connection, "refused", one.user_id, one.decision_id, entry.payload, one.evaluated_at_ms)
    if entry.report is not None:
        told = entry.report
        outcome = told.outcome
        note_conflict(connection, "refused", outcome.user_id, outcome.trade_id, entry.payload, told.received_at_ms)


def agrees(one: Decision, other: Decision) -> bool:
    return (one.signal, one.verdict) == (other.signal, other.verdict)
