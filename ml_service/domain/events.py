"""Facts in the past tense. Each is written in the same transaction as the rows it speaks of."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class OutcomeReported:
    kind: ClassVar[str] = "outcome.reported"
    user_id: str
    trade_id: str
    symbol: str
    quarantined: str | None


@dataclass(frozen=True, slots=True)
class OutcomeReleased:
    """Somebody looked at it and let it out of quarantine."""

    kind: ClassVar[str] = "outcome.released"
    user_id: str
    trade_id: str
    symbol: str
    quarantined: str


@dataclass(frozen=True, slots=True)
class OutcomeMatched:
    """The decision it belongs to was found, or named, after it had been reported."""

    kind: ClassVar[str] = "outcome.matched"
    user_id: str
    trade_id: str
    decision_id: str


@dataclass(frozen=True, slots=True)
class ThresholdsChanged:
    kind: ClassVar[str] = "thresholds.changed"
    user_id: str
    symbol: str
    revision: int
    source: str


@dataclass(frozen=True, slots=True)
class KillSwitchTurned:
    kind: ClassVar[str] = "kill_switch.turned"
    user_id: str
    on: bool
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class JournalConflictFound:
    """A record that the journal kept contradicts one that already stood in the database."""

    kind: ClassVar[str] = "journal.conflict_found"
    user_id: str
    record: str
    record_id: str


@dataclass(frozen=True, slots=True)
class ModelTrained:
    """A model is on the shelf and may be tried as a shadow."""

    kind: ClassVar[str] = "model.trained"
    model_id: str
    model_type: str
    symbol: str
    regime: str
    version: int
    set_id: str


@dataclass(frozen=True, slots=True)
class ModelPromoted:
    """A set serves its place from now on, and its models are the ACTIVE ones."""

    kind: ClassVar[str] = "model.promoted"
    set_id: str
    symbol: str
    regime: str
    former_set_id: str | None
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModelRolledBack:
    """A former set serves its place again; None where there was none, so that nobody does."""

    kind: ClassVar[str] = "model.rolled_back"
    set_id: str | None
    symbol: str
    regime: str
    former_set_id: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModelRetired:
    """By hand, because it expired, or because others took its place."""

    kind: ClassVar[str] = "model.retired"
    model_id: str
    model_type: str
    symbol: str
    regime: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True)
class ModelExpired:
    """The champion of a place serves no longer, for it is too old; the place falls back until another is promoted."""

    kind: ClassVar[str] = "model.expired"
    set_id: str
    symbol: str
    regime: str


@dataclass(frozen=True, slots=True)
class ModelTurnedDown:
    """A file or a document of a set could not be trusted; what served before goes on serving."""

    kind: ClassVar[str] = "model.refused"
    set_id: str
    symbol: str
    regime: str
    why: str


Event = (
    OutcomeReported
    | OutcomeReleased
    | OutcomeMatched
    | ThresholdsChanged
    | KillSwitchTurned
    | JournalConflictFound
    | ModelTrained
    | ModelPromoted
    | ModelRolledBack
    | ModelRetired
    | ModelExpired
    | ModelTurnedDown
)
