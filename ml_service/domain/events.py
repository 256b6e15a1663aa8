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


Event = OutcomeReported | OutcomeReleased | OutcomeMatched | ThresholdsChanged | KillSwitchTurned | JournalConflictFound
