"""The sockets: what the rules and use-cases ask of the world, without saying who answers."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml_service.domain.adaptation.cycle import Recent, Waiting
from ml_service.domain.adaptation.learned import Learned
from ml_service.domain.audit import AuditEntry
from ml_service.domain.events import Event
from ml_service.domain.exports.table import Column, Row
from ml_service.domain.job import Job
from ml_service.domain.keys import ApiKey
from ml_service.domain.learner import Adaptation, CycleRecord, Learner
from ml_service.domain.market.arrivals import Added
from ml_service.domain.market.candles import Candles, Stream
from ml_service.domain.market.episodes import Episode, Judged
from ml_service.domain.market.feature_rows import FeatureRow
from ml_service.domain.market.row_windows import Window
from ml_service.domain.models.champions import Reign
from ml_service.domain.models.record import ModelRecord, SetRecord
from ml_service.domain.models.report.resolved import Resolved
from ml_service.domain.models.sets import ModelSet
from ml_service.domain.models.slots import Place, Slot, Status
from ml_service.domain.models.speaking import Figures, Question, Serving
from ml_service.domain.outcomes import Match, Outcome, OutcomeWithMarks, Receipt, StoredOutcome
from ml_service.domain.performance.tally import Counted, Cut, Sheet, Tallies
from ml_service.domain.performance.trade import ClosedTrade
from ml_service.domain.types import Decision, Kill, ModelStatus, RecordedDecision, Thresholds
from ml_service.domain.view import Changes, View
from ml_service.domain.what_if import KnownResult, OpenSignal
from ml_service.features.schema import Schema

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Period:
    """What a list is narrowed to. Times are inclusive below and exclusive above."""

    symbol: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """What a list of models is narrowed to."""

    model_type: str | None = None
    status: Status | None = None
    symbol: str | None = None
    regime: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item_co]):
    items: tuple[Item_co, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    id: int
    kind: str
    payload: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """One row of the bot's own trades table: the outcome it tells of, or why it tells of none."""

    position: str
    outcome: Outcome | None
    complaint: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionCount:
    symbol: str
    decision: str
    code: str
    number: int


@dataclass(frozen=True, slots=True)
class MoveCount:
    symbol: str
    verdict: str
    number: int


@dataclass(frozen=True, slots=True)
class Move:
    """What an adaptation came to."""

    id: str
    symbol: str
    at_ms: int
    verdict: str
    revision_before: int
    revision: int
    explanation: Mapping[str, Any]
    undone_by: int | None


class Reading(Protocol):
    """One consistent look at the store."""

    def changes_since(self, store_id: str, generation: int) -> Changes | None:
        """What moved; None when nothing did."""

    def thresholds_revision(self, user_id: str, symbol: str, revision: int) -> Thresholds | None: ...
    def thresholds_newest(self, user_id: str, symbol: str) -> Thresholds | None: ...
    def thresholds_at(self, user_id: str, symbol: str, at_ms: int) -> Thresholds | None: ...
    def thresholds_history(
        self, user_id: str, symbol: str | None, cursor: str | None, limit: int
    ) -> Page[Thresholds]: ...
    def decision(self, user_id: str, decision_id: str) -> Decision | None: ...
    def decisions(self, user_id: str, period: Period, cursor: str | None, limit: int) -> Page[Decision]: ...
    def decisions_between(self, since_ms: int, until_ms: int) -> Iterator[tuple[Decision, bool]]:
        """Every decision of a time span with whether its row is as it was written."""

    def is_untouched(self, decision: Decision) -> bool:
        """Whether the stored row still carries the hash of its content."""

    def outcomes(self, user_id: str, period: Period, cursor: str | None, limit: int) -> Page[StoredOutcome]: ...
    def learner(self, user_id: str, symbol: str) -> Learner:
        """As it stands; revision 0 where there is none yet."""

    def scopes_waiting(self, received_before_ms: int | None = None) -> Mapping[tuple[str, str], int]:
        """By user and symbol, how many outcomes there are to learn from, the users' own for all symbols among them; or
        only what has waited since before that time."""

    def adapted_at(self) -> Mapping[tuple[str, str], int]:
        """When each user's and symbol's learner was last asked."""

    def waiting(self, user_id: str, symbol: str) -> list[Waiting]:
        """What the scope was not told yet, oldest first."""

    def recent(self, user_id: str, symbol: str) -> Recent: ...
    def anchor(self, user_id: str, symbol: str) -> Mapping[str, float] | None:
        """The thresholds last set by hand, for the symbol or else for all; None where none ever were."""

    def adaptation(self, user_id: str, adaptation_id: str) -> Adaptation | None: ...
    def adaptation_before(self, user_id: str, symbol: str) -> Adaptation | None:
        """The latest of the scope that was not taken back."""

    def adaptations_of(
        self, user_id: str, scopes: Iterable[tuple[str, int]]
    ) -> Mapping[tuple[str, int], Adaptation]: ...
    def adaptations(self, user_id: str, symbol: str | None, cursor: str | None, limit: int) -> Page[Adaptation]: ...
    def former_state(self, user_id: str, symbol: str, thresholds_revision: int) -> Learned | None:
        """What was known while that revision decided; the last three are kept."""

    def job(self, job_id: str) -> Job | None: ...
    def jobs(self, kind: str | None, state: str | None, cursor: str | None, limit: int) -> Page[Job]: ...
    def open_jobs(self, kind: str | None = None) -> list[Job]:
        """What waits or runs, oldest first."""

    def model(self, model_id: str) -> ModelRecord | None: ...
    def models(self, wanted: ModelFilter, cursor: str | None, limit: int) -> Page[ModelRecord]:
        """Newest first, without their manifests."""

    def models_of_set(self, set_id: str) -> list[ModelRecord]:
        """In the order of the graph's figures."""

    def children_of(self, model_id: str) -> list[str]:
        """Those that went on from it, oldest first."""

    def model_by_files(self, slot: Slot, native_sha256: str, onnx_sha256: str) -> ModelRecord | None:
        """The newest of its slot that is made of those files and may still serve."""

    def models_to_tidy(
        self, status: Status, before_ms: int, limit: int, spared: Collection[str] = ()
    ) -> list[ModelRecord]:
        """TRAINING since before that moment, SHADOW and expired by then, RETIRED or FAILED since before then; with
        their files and in no set that is spared, the longest due first."""

    def model_set(self, set_id: str) -> SetRecord | None: ...
    def model_sets(self, place: Place | None, cursor: str | None, limit: int) -> Page[SetRecord]:
        """Newest first."""

    def newest_candidate(self, place: Place, model_type: str) -> SetRecord | None:
        """The newest set of a place in which a model of that type waits as a shadow, and no other is retired."""

    def sets_to_archive(self, model_id: str) -> list[SetRecord]:
        """Those that name it and have their graph still."""

    def files_named(self) -> set[str]:
        """The SHA-256 of every file that a model or a set still needs."""

    def sets_of_model(self, model_id: str) -> list[str]:
        """Every set that names it, oldest first."""

    def reigns(self) -> list[Reign]:
        """Those that last: one for every place that has a champion."""

    def reign(self, place: Place, revision: int | None = None) -> Reign | None:
        """The one that lasts, or that of a revision."""

    def reign_at(self, place: Place, at_ms: int) -> Reign | None: ...
    def reigns_before(self, reign: Reign) -> list[Reign]:
        """Those that rollbacks from it would go back to, one after the other."""

    def reigns_of_set(self, set_id: str) -> list[tuple[Reign, int | None]]:
        """When it served, oldest first; each with when the next one took over, None where it lasts."""

    def champion_history(self, place: Place | None, cursor: str | None, limit: int) -> Page[Reign]:
        """Newest first."""

    def resolved(self, set_ids: Sequence[str], since_ms: int, until_ms: int, limit: int) -> Sequence[Resolved]:
        """What those sets said, of every user, where the result became known in that time, counts and is not in doubt;
        one for each decision, the newest results first."""

    def model_statuses(self, set_id: str, place: Place, since_ms: int, until_ms: int, limit: int) -> Mapping[str, int]:
        """What came of asking the models, and how often, in the newest decisions on trades of a place, but for those
        that another set spoke on."""

    def outcome(self, user_id: str, trade_id: str) -> StoredOutcome | None: ...
    def unmatched_outcomes(self, since_ms: int, cursor: str | None, limit: int) -> Page[StoredOutcome]:
        """Of every user, in the order of arrival: those without a decision that say something to find one by."""

    def decision_for(self, outcome: Outcome) -> tuple[Match, Decision] | None:
        """The decision that an outcome belongs to, and how it was found."""

    def users_deciding(self, after: str | None, limit: int) -> Sequence[str]:
        """Who has decisions, in order."""

    def judged(self, user_id: str, after: tuple[int, str], until_ms: int, limit: int) -> Page[Judged]:
        """What the gate took or refused after that moment and decision, oldest first."""

    def is_told(self, user_id: str, episode: Episode) -> bool:
        """Whether there is an outcome of any of its decisions."""

    def settled_for(self, user_id: str, decision_id: str, horizon_minutes: float) -> StoredOutcome | None:
        """What was worked out for the episode of a decision, while it counts."""

    def outcome_stamps(self, user_id: str, since_day: int | None) -> Mapping[int, int]:
        """Of the days that have, or had, outcomes, in order. A stamp is a new one after every change to the day."""

    def counted(self, user_id: str, since_ms: int, until_ms: int) -> Iterator[Counted]:
        """Every outcome of a time span, in the order of time."""

    def latest_trades(self, user_id: str, period: Period, limit: int) -> Sequence[ClosedTrade]:
        """The last ones that were taken and are not superseded, in the order of time."""

    def users_with_outcomes(self) -> Iterator[str]: ...
    def decision_counts(self, user_id: str, since_ms: int) -> Sequence[DecisionCount]: ...
    def move_counts(self, user_id: str, since_ms: int) -> Sequence[MoveCount]: ...
    def moves(self, user_id: str, since_ms: int, limit: int) -> Sequence[Move]:
        """Newest first."""

    def known_results(self, user_id: str, period: Period, limit: int) -> Sequence[KnownResult]:
        """Signals whose result is known, counts and is not in doubt, newest first."""

    def open_signals(self, user_id: str, period: Period, limit: int) -> Sequence[OpenSignal]:
        """Signals that the gate judged and whose result nobody has told, newest first."""

    def decisions_in_order(self, user_id: str, period: Period, cursor: str | None, limit: int) -> Page[Decision]:
        """Oldest first, as the next two."""

    def outcomes_in_order(
        self, user_id: str, period: Period, cursor: str | None, limit: int
    ) -> Page[OutcomeWithMarks]: ...
    def adaptations_in_order(
        self, user_id: str, period: Period, cursor: str | None, limit: int
    ) -> Page[Adaptation]: ...
    def learned_last_ms(self, user_id: str) -> int | None:
        """When any of the user's outcomes was last learned from."""

    def settings_document(self, settings_hash: str) -> Mapping[str, Any] | None: ...
    def settings_at(self, at_ms: int) -> tuple[str, Mapping[str, Any]] | None: ...
    def kill(self, user_id: str) -> Kill | None: ...
    def all_keys(self) -> tuple[ApiKey, ...]: ...
    def audit_entries(self, after: int, limit: int | None) -> Iterator[AuditEntry]: ...
    def counts(self, since_ms: int) -> Mapping[str, int]: ...
    def cursor(self, name: str) -> str | None: ...


class Writing(Reading, Protocol):
    """One transaction: all of it happens, or none."""

    def thresholds_head(self, user_id: str, symbol: str) -> Thresholds | None: ...
    def save_thresholds(self, thresholds: Thresholds) -> bool:
        """Write the revision if it is the next one; False when another writer was faster."""

    def save_learner(self, learner: Learner) -> bool:
        """Write the revision if it is the next one; False when another was faster."""

    def mark_undone(self, adaptation: Adaptation, revision: int) -> None: ...
    def lock_jobs(self) -> None:
        """Nobody else opens or cancels a job before this transaction has ended."""

    def save_job(self, job: Job) -> None: ...
    def update_job(self, job: Job) -> None: ...
    def ask_to_cancel(self, job_id: str) -> None: ...
    def lock_models(self) -> None:
        """Nobody else changes models, sets or champions before this transaction has ended."""

    def next_version(self, slot: Slot) -> int: ...
    def next_set_version(self, place: Place) -> int: ...
    def save_model(self, model: ModelRecord) -> None: ...
    def update_model(self, model: ModelRecord) -> None: ...
    def save_set(self, record: SetRecord) -> None: ...
    def update_set(self, record: SetRecord) -> None: ...
    def save_reign(self, reign: Reign) -> bool:
        """Write the revision if it is the next one; False where another was faster."""

    def outcome_to_change(self, user_id: str, trade_id: str) -> StoredOutcome | None:
        """Nobody else changes which outcomes of the user count before this transaction has ended."""

    def save_match(self, stored: StoredOutcome) -> None:
        """Write its decision and its lesson; which outcomes count follows from it."""

    def save_release(self, stored: StoredOutcome, at_ms: int) -> None: ...
    def save_stand_in(self, stored: StoredOutcome, trade_id: str) -> None:
        """Another outcome counts in its place."""

    def kill_to_change(self, user_id: str) -> Kill | None:
        """Nobody else turns a switch before this transaction has ended."""

    def save_kill(self, kill: Kill) -> None: ...
    def keys_to_change(self) -> tuple[ApiKey, ...]:
        """Every key; nobody else changes one before this transaction has ended."""

    def save_key(self, key: ApiKey) -> None: ...
    def save_settings_document(self, settings_hash: str, document: Mapping[str, Any], at_ms: int) -> bool: ...
    def publish(self, event: Event, at_ms: int) -> None: ...
    def append_audit(
        self, at_ms: int, actor: str, action: str, subject: str, details: Mapping[str, Any]
    ) -> tuple[int, str]:
        """Add an entry to the chain; its sequence and hash come back."""

    def save_cursor(self, name: str, value: str) -> None: ...
    def save_feature_head(self, row: FeatureRow) -> bool:
        """The newest row of its stream; False where it stands there already, or one of a later bar."""


class Store(Protocol):
    def read(self) -> AbstractContextManager[Reading]: ...
    def begin(self) -> AbstractContextManager[Writing]: ...
    def save_cycles(self, records: Sequence[CycleRecord]) -> None:
        """All of them in one commit. `Overtaken`, and nothing is written, where another was faster with one of them."""


def all_of(page: Callable[[Reading, str | None], Page[Item]], store: Store) -> Iterator[Item]:
    """Page after page from a cursor on, each in a reading of its own: whoever takes them may take their time."""
    cursor = None
    while True:
        with store.read() as reading:
            found = page(reading, cursor)
        yield from found.items
        cursor = found.next_cursor
        if cursor is None:
            return


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Which candles there are. Without any bar, there is neither a first nor a last."""

    stream: Stream
    first_ms: int | None
    last_ms: int | None
    volume_unit: str | None
    revision: int
    """Moves when bars that others followed were changed or added."""


@dataclass(frozen=True, slots=True)
class SeenSchema:
    schema: Schema
    first_seen_ms: int


class Taking(Protocol):
    """One transaction in which nobody else adds to a stream."""

    revision: int
    last_ms: int | None

    def add(self, candles: Candles) -> Added: ...
    def say_unit(self, unit: str) -> None: ...
    def latest(self, count: int) -> Candles: ...
    def bars_after(self, after_ms: int, count: int) -> Candles: ...
    def save_rows(self, rows: Sequence[FeatureRow], made_at_ms: int) -> None: ...
    def newest_row(self) -> FeatureRow | None:
        """Of the last bar that has one, as it was made last."""

    def rowless(self, limit: int) -> int:
        """How many bars, up to a limit, came after the last one that has a row."""


class Market(Protocol):
    """Candles, and the feature rows made of them; a store of their own beside the decisions."""

    def streams(self) -> Sequence[StreamInfo]: ...
    def info(self, stream: Stream) -> StreamInfo | None: ...
    def count(self, stream: Stream) -> int: ...
    def candles(
        self, stream: Stream, since_ms: int | None = None, until_ms: int | None = None, rows_at_once: int = 100_000
    ) -> Iterator[Candles]: ...
    def latest(self, stream: Stream, count: int) -> Candles: ...
    def feature_row(self, stream: Stream, opened_at_ms: int, set_id: str) -> FeatureRow | None: ...
    def window(self, row: FeatureRow, count: int) -> Window:
        """The rows of so many bars up to that one's, as they stood when it was made."""

    def schemas(self) -> Sequence[SeenSchema]:
        """Every schema that a stored row was made under, the oldest first."""

    def drop_feature_rows(self, before_ms: int, rows: int) -> int:
        """Some of those made before that moment, but of no stream the newest; how many went."""

    def taking(self, stream: Stream, candles: Candles, synced: bool = True) -> AbstractContextManager[Taking]: ...


class Recorder(Protocol):
    """Takes decisions and outcomes and keeps them durably, in the database or in this host's journal."""

    def record(
        self, decisions: Sequence[Decision], wait_ms: float, remaining_ms: float = math.inf
    ) -> list[RecordedDecision]:
        """Wait so long for the commit; for all there is to wait for, no longer than the caller does."""

    def keep(self, outcomes: Sequence[Outcome], now_ms: int) -> list[Receipt]:
        """Durable when it returns; `NotKept` when nothing could take them."""


class Snapshot(Protocol):
    """All that a decision reads, in memory."""

    def view(self) -> View:
        """The newest view this process could get, without waiting long for it."""

    def age_ms(self) -> int:
        """How long ago the view was known to be the newest."""

    def is_stale(self) -> bool: ...
    def catch_up(self) -> None:
        """Read our own writes: return when the view is at least as new as the last commit here."""


@dataclass(frozen=True, slots=True)
class RolledDay:
    """What one cut of a day came to when its rows had this stamp."""

    stamp: int
    tallies: Tallies


@dataclass(frozen=True, slots=True)
class RolledSheet:
    stamp: int
    sheet: Sheet


class Rollups(Protocol):
    """Tallies of days, kept so that nobody adds them up twice. May forget everything at any moment."""

    def days(self, user_id: str, cut: Cut, since_day: int | None) -> Mapping[int, RolledDay]: ...
    def sheet(self, user_id: str, day: int) -> RolledSheet | None: ...
    def keep(self, user_id: str, sheets: Mapping[int, RolledSheet]) -> None: ...
    def forget(self, user_id: str) -> None: ...


class ExportFiles(Protocol):
    """Finished tables on this host's disk; each goes after a day."""

    def find(self, name: str) -> str | None:
        """Its path."""

    def write(self, name: str, columns: Sequence[Column], rows: Iterable[Row]) -> str:
        """Its path, once it is complete."""

    def drop_old(self) -> int: ...


class KillFile(Protocol):
    """The kill switch of this host: durable, and readable with every database away."""

    def turn(self, kill: Kill) -> None: ...
    def heard(self, kill: Kill) -> None:
        """The database knows it now."""


class TradesTable(Protocol):
    """The bot's own trades, read in the order in which they were closed."""

    def rows_after(self, position: str | None, limit: int) -> Iterable[ImportedRow]: ...
    def rewound(self, position: str) -> str:
        """A position a little earlier, for rows that were committed late."""


class Retention(Protocol):
    """Takes old rows away; each call a small batch, answering how many went."""

    def newest_ms(self) -> int | None:
        """When the newest decision was made."""

    def thin_decisions(self, before_ms: int, horizon_ms: int, rows: int) -> int: ...
    def drop_decisions(self, before_ms: int, rows: int) -> int: ...
    def drop_outcomes(self, before_ms: int, rows: int) -> int: ...
    def drop_events(self, before_ms: int, rows: int) -> int: ...
    def drop_idempotency(self, before_ms: int, rows: int) -> int: ...
    def drop_jobs(self, before_ms: int, rows: int) -> int:
        """Those that ended before that moment."""

    def drop_shadow_results(self, before_ms: int, rows: int) -> int: ...


class Outbox(Protocol):
    """Facts that wait to be handed out."""

    def waiting(self, now_ms: int, limit: int) -> Sequence[StoredEvent]: ...
    def handled(self, event_ids: Sequence[int], now_ms: int) -> None: ...
    def failed(self, event: StoredEvent, error: str, next_attempt_ms: int | None) -> None:
        """Try again then, or set aside when that is None."""


class Notifier(Protocol):
    def alert(self, severity: str, what: str, facts: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Claim:
    """What stands under an Idempotency-Key: nothing yet, a request under way, another one, or its answer."""

    state: Literal["new", "under_way", "other", "answered"]
    status: int = 0
    answer: bytes = b""


class IdempotencyKeys(Protocol):
    def claim(self, caller: str, key: str, body_hash: str, now_ms: int) -> Claim: ...
    def keep(self, caller: str, key: str, status: int, answer: bytes) -> None: ...
    def release(self, caller: str, key: str) -> None: ...


class Shelf(Protocol):
    """Model files, written once and named by their hash."""

    def put(self, content: bytes) -> str:
        """Durable when it returns; its SHA-256. The same content twice is one file."""

    def read(self, sha256: str) -> bytes:
        """`ModelRefused` where it is missing, larger than allowed or not what its name says."""

    def drop(self, sha256: str) -> None: ...
    def stored(self, before_ms: int) -> Iterable[str]:
        """The SHA-256 of every file that was put there before that moment."""


class Trainings(Protocol):
    """Those that run on this host."""

    def killed(self) -> Iterator[Mapping[str, str]]:
        """The rows of each that ended without a word, by type of model; it is forgotten once the next is asked for."""


class Graph(Protocol):
    """An ONNX file, opened."""

    def run(self, rows: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """[batch, row, feature] → its outputs by name."""


class Forecaster(Protocol):
    """The champions whose graphs are open in this process."""

    def serving(self) -> Serving: ...
    def figures(self, view: View, questions: Sequence[Question]) -> list[Figures | ModelStatus]:
        """One run of each set's graph for all of its rows. Never raises: where there are no figures, why."""


class ShelvedGraphs(Protocol):
    def try_out(self, models: ModelSet) -> Graph:
        """Its graph, run once; `ModelRefused` where it is not there or does not run as the set says."""

    def figures(self, models: ModelSet, windows: Sequence[Window]) -> list[Figures]:
        """Of any set whose graph still lies on the shelf; `ModelRefused` otherwise."""


OpenGraph = Callable[[bytes], Graph]
"""`ModelRefused` where the file is none, or asks for more than this service gives."""
